/* tiny.h - an experiment whose numbers are functions of its keys, for tests of the kit and the tools:
 * three seeds at two learning rates, drift = lr seed / 7. */
#ifndef TESTS_TINY_H
#define TESTS_TINY_H

#include "../examples/kit/kit.h"

typedef struct tiny { double seed, lr; const char *kind; double drift, diverged; kit_list a; } tiny;
#define TINY_AT(member) KIT_AT(tiny, member)
static const kit_field tiny_fields[] = {
    KIT_KEY(tiny, seed), KIT_KEY(tiny, lr), KIT_KEY_TEXT(tiny, kind), KIT_RESULT(tiny, drift),
    KIT_RESULT(tiny, diverged), KIT_RESULT_ARRAY(tiny, a),
};
static double tiny_diverges;                    /* the seed whose run diverges; 0: none */

static clb_status tiny_run(kit *x, void *run)
{
    tiny *row = (tiny *)run;
    double a[4];
    a[0] = row->seed / 3.0, a[1] = KIT_NAN, a[2] = -KIT_INF, a[3] = -0.0;
    row->diverged = row->seed == tiny_diverges;
    if (row->diverged == 0) row->drift = row->lr * row->seed / 7.0;
    row->a = kit_keep(x, 4, a);
    return CLB_OK;
}
static const kit_part tiny_sweep = KIT_PART("sweep", "A sweep", tiny, tiny_run);
static const double tiny_lrs[2] = { 0.1, 1e-5 };

static void tiny_plan(kit *x)
{
    kit_list seeds = kit_seeds(x, 3), etas = kit_lrs(x, tiny_lrs, 2);
    kit_config(x, "T", 7);
    for (size_t i = 0; i < etas.n; ++i)
        for (size_t s = 0; s < seeds.n; ++s) {
            tiny row;
            memset(&row, 0, sizeof row);
            row.seed = seeds.at[s], row.lr = etas.at[i], row.kind = i ? "low \"q\"" : "high";
            kit_add(x, &tiny_sweep, &row);
        }
}

/* Of one learning rate, over the published seeds; 0.1 over 42, 137, 256: 2.0714. */
static double tiny_mean(kit *x, double lr)
{
    kit_rows runs = kit_published(kit_part_runs(x, &tiny_sweep));
    return kit_mean(kit_where(runs, TINY_AT(lr), lr), TINY_AT(drift));
}

/* One of everything that a result file can hold. */
static void tiny_report(kit *x)
{
    double mean = tiny_mean(x, 0.1);
    kit_table *t = KIT_TABLE(x, "means", "Means <of> drifts", "lr", "mean", "none");
    kit_claim *c = kit_paper(x, "mean", "The mean is 2.07.", "2.07");
    plot *p = kit_figure(x, "drift", 1, 1);
    plot_panel *a = plot_add(p, "Drift", "lr", "drift", PLOT_LOG);
    KIT_LINE(t, 0.1, mean, KIT_NONE), KIT_LINE(t, KIT_NAN, tiny_mean(x, 1e-5), KIT_INF);
    kit_number(c, "mean", mean, kit_within(2.07, 0.01));
    kit_statement(c, "mean", mean, kit_above(3));
    kit_condition(c, "with another bound", "mean", mean, kit_above(2));
    kit_identity(x, "positive", "Drifts are positive.", "worst",
                 kit_worst(kit_part_runs(x, &tiny_sweep), TINY_AT(drift)), kit_above(0));
    kit_interval(kit_summary(x, "mean", mean), 0.1, 1, 3);
    plot_points(a, PLOT_BLUE, 2, tiny_lrs, tiny_lrs, "drift");
    plot_horizontal(a, 0.5, "half");
}
static const kit_info tiny_info = { "E98", "Tiny", "Theorem 0", "a number", NULL, tiny_plan, tiny_report, NULL };

#endif /* TESTS_TINY_H */
