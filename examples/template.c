/* E31  Title: the question in one line.                                     Theorem or equation
 *   cc -O2 -DCLB_STATIC -o e31 examples/e31_name.c -lm && ./e31                          (time)
 * Setup   data, net, loss, optimiser, steps, what is swept, how many seeds
 * Measure what each run measures, as a formula, and what is fitted to it
 * Paper   the number or sentence that is tested */
#define CLB_IMPLEMENTATION
#include "../clb.h"
#include "kit/kit.h"

static const double grid[] = { 0.001, 0.003, 0.01, 0.03, 0.1 };
enum { T = 200 };
/* A run: keys say which, results what it measures. Every member stands in the table. */
typedef struct training { double seed, lr;  double drift, diverged; } training;
static const kit_field training_fields[] = {
    KIT_KEY(training, seed), KIT_KEY(training, lr),
    KIT_RESULT(training, drift), KIT_RESULT(training, diverged),
};

static clb_status train(kit *x, void *run)
{
    training *row = run;
    clb_trace trace;
    clb_status status = paper_train(NULL, row->seed, row->lr, kit_quick(x) ? 20 : T, NULL, &trace);
    if (status) return status;
    row->diverged = trace.steps < trace.T;
    if (row->diverged == 0) row->drift = fabs(clb_trace_drift(&trace, 1));
    clb_trace_free(&trace);
    return CLB_OK;
}
static const kit_part sweep = KIT_PART("sweep", "learning rates, five seeds", training, train);

static void plan(kit *x)
{
    kit_list etas = kit_lrs(x, grid, KIT_LEN(grid)), seeds = kit_seeds(x, 5);
    for (size_t i = 0; i < etas.n; ++i)
        for (size_t s = 0; s < seeds.n; ++s)
            kit_add(x, &sweep, &(training){ .seed = seeds.at[s], .lr = etas.at[i] });
}

static void report(kit *x)
{
    kit_list etas = kit_lrs(x, grid, KIT_LEN(grid));
    clb_sweep y = kit_sweep(kit_published(kit_part_runs(x, &sweep)), KIT_AT(training, drift),
                            KIT_AT(training, lr), etas);
    kit_curve c = kit_curve_of(x, &y, 24);
    kit_table *t = KIT_TABLE(x, "drift", "Mean drift over the seeds", "lr", "mean_drift");
    kit_claim *claim = kit_paper(x, "alpha", "The drift grows as eta^1.5.", "1.5");
    plot *p = kit_figure(x, "drift", 1, 1);
    plot_panel *a = plot_add(p, "Drift", "learning rate eta", "|C(T) - C(0)|", PLOT_LOG);
    for (size_t i = 0; i < etas.n; ++i) KIT_LINE(t, etas.at[i], c.mean[i]);
    kit_summary(x, "alpha", c.fit.slope);
    kit_number(claim, "alpha", c.fit.slope, kit_within(1.5, 0.05));
    kit_statement(claim, "range of the local slopes", kit_slope_range(&c), kit_at_most(0.2));
    plot_points(a, PLOT_BLUE, c.at.n, c.at.at, c.mean, "mean over the seeds");
    plot_caption(p, "Mean drift against the learning rate.");
}

static const kit_info info = { .id = "E31", .title = "Title", .statement = "Theorem 0",
                               .key_result = "drift ~ eta^1.5", .plan = plan, .report = report };
KIT_MAIN(info)
