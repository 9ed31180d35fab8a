/* E15  Is the rate of gate switches the same for all widths at the edge of stability?    Theorem 8
 *   cc -O2 -DCLB_STATIC -o e15 examples/e15_switch_rate.c -lm && ./e15                      (20 s)
 * Setup   2-layer ReLU net without bias, squared loss, d = 20, K = 5, mixture of n = 200; m from 16
 *         to 256, eta = 0.001, 0.01, 0.1, three seeds; full-batch gradient descent, T = 2000.
 * Measure a gate is one neuron on one sample, active if its pre-activation is positive. In each
 *         step the number of gates that switch (kit/switches.h), and the rate: that number over n
 *         m. For eta = 0.1 also eta lambda_max/2 of the Hessian every 50 steps; 1 is the edge.
 * Fit     lines through ln(mean rate) and ln(mean number) against ln m: slopes -beta and gamma.
 * Paper   rate ~ m^-beta, number ~ m^gamma: beta 0.5 below the edge, 0 "at" it (0.1); gamma 0.89
 * Beyond  beyond/e15_edge.c: the same rates at equal distance to the edge. */
#define CLB_IMPLEMENTATION
#include "../clb.h"
#include "kit/kit.h"

enum { M = 5, ETAS = 3 };
static const double widths[M] = { 16, 32, 64, 128, 256 }, etas[ETAS] = { 0.001, 0.01, 0.1 };
static const kit_list m = { M, widths };
static const double edge_eta = 0.1, paper_beta[ETAS] = { 0.4212, 0.4767, 0.0289 };
/* How far E14's exponent of the drift differs from the one it expects, as the paper prints it. */
static const double e14_difference[M] = { -0.112, -0.026, 0.185, -0.141, 0.568 };
static const kit_part sweep = KIT_PART("sweep", "Five widths, three eta", switch_run, switch_train);

static void plan(kit *x)
{
    kit_list seeds = kit_seeds(x, kit_quick(x) ? 1 : 3), lrs = kit_lrs(x, etas, ETAS);
    kit_config(x, "n_steps", SWITCH_T);
    for (size_t k = 0; k < (kit_quick(x) ? 3 : M); ++k)
        for (size_t i = 0; i < lrs.n; ++i)
            for (size_t s = 0; s < seeds.n; ++s)
                kit_add(x, &sweep, &(switch_run){ .seed = seeds.at[s], .width = widths[k],
                        .lr = lrs.at[i], .sharpness = lrs.at[i] == edge_eta });
}

/* ---- what follows from the runs ------------------------------------------------------------- */

typedef struct found {
    double      *total;                  /* switches of a step, mean over all runs of a width */
    double      *by_eta[ETAS];           /* mean rate of each width */
    clb_fit      all, totals;            /* of ln rate and ln total on ln m */
    clb_interval beta[ETAS];             /* with 95 % interval over the seeds */
} found;

static kit_rows runs_at(kit *x, double eta)
{
    return kit_published(kit_where(kit_part_runs(x, &sweep), SWITCH_AT(lr), eta));
}

static void width_table(kit *x, found *f)
{
    kit_at rate = SWITCH_AT(mean_per_neuron_rate), total = SWITCH_AT(mean_total_switches);
    kit_rows runs = kit_published(kit_part_runs(x, &sweep));
    KIT_GRID(runs, "widths", "Switches by width, means over the three eta: per gate and step, in "
             "total, and neurons with at least one", SWITCH_AT(width), m,
             { "mean_per_neuron_rate", kit_mean, rate }, { "std_per_neuron_rate", kit_std, rate },
             { "mean_total_switches", kit_mean, total }, { "std_total_switches", kit_std, total },
             { "mean_neurons_changed", kit_mean, SWITCH_AT(mean_neurons_changed) },
             { "mean_frac_neurons_changed", kit_mean, SWITCH_AT(frac_neurons_changed) });
    f->total = kit_means(runs, total, SWITCH_AT(width), m);
    f->all = clb_fit_power(M, widths, kit_means(runs, rate, SWITCH_AT(width), m), 1e-15);
    f->totals = clb_fit_power(M, widths, f->total, 1e-15);
}

static void beta_table(kit *x, found *f)
{
    kit_table *t = KIT_TABLE(x, "beta", "Rate per gate ~ m^-beta at each eta, with intervals over "
                             "the seeds", "lr", "beta", "published", "ci_lo", "ci_hi");
    for (size_t i = 0; i < ETAS; ++i) {
        kit_rows runs = runs_at(x, etas[i]);
        clb_sweep y = kit_sweep(runs, SWITCH_AT(mean_per_neuron_rate), SWITCH_AT(width), m);
        clb_interval slope = kit_exponent(&y), *b = &f->beta[i];
        f->by_eta[i] = kit_means(runs, SWITCH_AT(mean_per_neuron_rate), SWITCH_AT(width), m);
        b->value = -clb_fit_power(M, widths, f->by_eta[i], 1e-15).slope, b->lo = -slope.hi,
        b->hi = -slope.lo;
        KIT_LINE(t, etas[i], b->value, paper_beta[i], b->lo, b->hi);
    }
}

/* Of every width the mean over the three eta, a value a seed. */
static clb_sweep over_rates(kit *x, kit_at y)
{
    clb_sweep of[ETAS], mean;
    for (int k = 0; k < ETAS; ++k) of[k] = kit_sweep(runs_at(x, etas[k]), y, SWITCH_AT(width), m);
    mean = kit_sweep_mean(x, ETAS, of), mean.floor = 1e-15;
    return mean;
}

static void claims(kit *x, const found *f)
{
    const clb_interval *b = &f->beta[2];
    clb_sweep rates = over_rates(x, SWITCH_AT(mean_per_neuron_rate)),
              totals = over_rates(x, SWITCH_AT(mean_total_switches));
    double r = clb_pearson(M, f->total, e14_difference);
    kit_claim *c = kit_paper(x, "edge", "At the edge of stability the rate of switches does not "
                             "depend on the width.", "beta = 0.03 at eta = 0.1");
    kit_summary_item *item = kit_summary(x, "beta", -f->all.slope);
    kit_interval(item, f->all.slope_se, KIT_NAN, KIT_NAN), kit_printed(item, 0.109);
    item = kit_summary(x, "beta_eta_0.1", b->value);
    kit_interval(item, KIT_NAN, b->lo, b->hi), kit_printed(item, 0.0289), kit_headline(item, 1, "");
    kit_summary_r2(x, "r2", &rates, f->all.r2), kit_summary(x, "gamma", f->totals.slope);
    kit_summary_r2(x, "gamma_r2", &totals, f->totals.r2);
    kit_summary_against(x, "correlation", &totals, e14_difference, r);
    kit_number(c, "beta at eta = 0.1", b->value, kit_within(0.0289, 0.005));
    kit_contains(c, NULL, "interval of beta at eta = 0.1", b->lo, b->hi, 0);
    kit_statement(c, "time after step 50 within 10 % of the edge",
                  100 * switch_time_at_edge(runs_at(x, edge_eta)),
                  kit_in_units(kit_above(50), "%"));
    kit_remark(c, "At eta = 0.1 every width is at another distance from its edge, none at it.");
    c = kit_paper(x, "half", "Below the edge the rate falls with the width as m^-0.5.",
                  "beta = 0.42, 0.48");
    for (size_t i = 0; i < 2; ++i) {
        const char *beta = kit_print(x, "beta at eta = %g", etas[i]);
        b = &f->beta[i];
        kit_number(c, beta, b->value, kit_within(paper_beta[i], 0.005));
        kit_contains(c, NULL, kit_print(x, "interval of %s", beta), b->lo, b->hi, 0.5);
        kit_condition(c, "with an exponent other than 1/2", beta, b->value, kit_above(0.2));
    }
    c = kit_paper(x, "total", "The total number of switches grows as m^0.89, which is evidence of "
                  "its own.", "gamma = 0.891, R^2 = 0.98");
    kit_number(c, "gamma", f->totals.slope, kit_within(0.891, 0.005));
    kit_number(c, "R^2", f->totals.r2, kit_within(0.984, 0.005));
    kit_statement(c, "|gamma - (1 - beta)|", fabs(f->totals.slope - f->all.slope - 1),
                  kit_above(0.01));
    kit_remark(c, "The total is the rate times n m by definition.");
    c = kit_paper(x, "exponents", "Widths with more switches are those where E14's exponent "
                  "differs more.", "R = 0.848");
    kit_number(c, "correlation", r, kit_within(0.848, 0.005));
    kit_statement(c, "correlation", r, kit_above(0.8));
    kit_statement(c, "without m = 256", clb_pearson(M - 1, f->total, e14_difference),
                  kit_above(0.5));
    kit_remark(c, "There are five points.");
}

static void figure(kit *x, const found *f)
{
    static const char *const names[M] = { "16", "32", "64", "128", "256" };
    kit_rows edge = runs_at(x, edge_eta);
    plot *p = kit_figure(x, "switches", 2, 1);
    plot_panel *a = plot_add(p, "Switches per gate and step", "width m", "rate", PLOT_LOG);
    for (int i = 0; i < ETAS; ++i)
        plot_curve(a, i, M, widths, f->by_eta[i], kit_print(x, "eta = %g", etas[i]));
    plot_slope(a, widths[0], widths[M - 1], f->by_eta[1][0], -0.5, "slope -1/2");
    plot_ticks_x(a, M, widths, names), plot_range_x(a, 13, 310);
    a = plot_add(p, "Where the edge is: eta = 0.1, first seed", "step t", "eta lambda_max / 2",
                 PLOT_LINEAR);
    if (edge.n) edge = kit_where(edge, SWITCH_AT(seed), ((const switch_run *)edge.at[0])->seed);
    switch_plot_phase(a, edge);
    plot_caption(p, "Switch rates against width: the step size 0.1 is at another distance from the "
                    "edge for every width, and at it for none.");
}

static void report(kit *x)
{
    found f;
    width_table(x, &f), beta_table(x, &f), claims(x, &f), figure(x, &f);
}

static const kit_info info = {
    .id = "E15", .title = "Width-dependent switch rate", .statement = "Theorem 8",
    .key_result = "per-neuron rate m-independent at EoS", .plan = plan, .report = report, };
KIT_MAIN(info)
