/* E22, beyond the paper: the exponent at equal distance to the edge, and two controls.
 *   cc -O2 -DCLB_STATIC -o edge examples/beyond/e22_edge.c -lm && ./edge                    (20 s)
 * "edge": the 21 shapes of E22 with eta = 2 f / lambda_max(0), f = 0.005 ... 0.9. "scale": m = 60
 * with the class centres at the same radius for every d. "samples": m = 60, d = 20, other numbers
 * of samples. And E22's own runs: m*, the first width with alpha above a threshold, for other
 * thresholds than 1.1. */
#define CLB_IMPLEMENTATION
#include "../../clb.h"
#include "../kit/kit.h"

enum { DS = 3, MS = 7 };
static const double ds[DS] = { 10, 20, 40 }, over[MS] = { 0.5, 1, 1.5, 2, 3, 4, 6 },
                    ns[] = { 100, 200, 400 };

static const kit_part edge = KIT_PART("edge", "Fixed distances to the edge", lin_run, lin_train),
                      scale = KIT_PART("scale", "Centres at the same radius", lin_run, lin_train),
                      samples = KIT_PART("samples", "Other numbers of samples", lin_run, lin_train),
                      start = KIT_PART("start", "lambda_max at the start", lin_run, lin_train),
                      sweep =
                          KIT_PART("sweep", "21 shapes, six learning rates", lin_run, lin_train);

static void plan(kit *x)
{
    kit_list seeds = kit_seeds(x, kit_quick(x) ? 1 : 3), five = kit_seeds(x, kit_quick(x) ? 1 : 5);
    kit_config(x, "n_steps", LIN_T);
    for (size_t i = 0; i < (kit_quick(x) ? 1 : DS); ++i)
        for (size_t k = 0; k < MS; ++k) lin_add(x, &start, &sweep, ds[i], ds[i] * over[k], five);
    for (size_t i = 0; i < (kit_quick(x) ? 1 : DS); ++i)
        for (size_t k = 0; k < MS; ++k)
            for (size_t s = 0; s < seeds.n; ++s)
                for (size_t l = 0; l < LIN_F; ++l)
                    kit_add(x, &edge,
                            &LIN_KEYS(.seed = seeds.at[s], .d = ds[i], .m = ds[i] * over[k],
                                      .f = lin_f[l]));
    for (size_t s = 0; s < seeds.n && !kit_quick(x); ++s)
        for (size_t l = 0; l < LIN_N; ++l)
            for (size_t i = 0; i < DS; ++i) {
                kit_add(x, &scale,
                        &(lin_run){ .seed = seeds.at[s],
                                    .d = ds[i],
                                    .m = 60,
                                    .n = 200,
                                    .lr = lin_lr[l],
                                    .separation = 2 * clb_sqrt(20.0 / ds[i]) });
                kit_add(x, &samples,
                        &(lin_run){ .seed = seeds.at[s],
                                    .d = 20,
                                    .m = 60,
                                    .n = ns[i],
                                    .lr = lin_lr[l],
                                    .separation = 2 });
            }
}

static double control(kit_rows rows)
{
    clb_sweep y = kit_sweep(rows, LIN_AT(drift), LIN_AT(lr), KIT_LIST(lin_lr));
    double mean[LIN_N];
    y.floor = 1e-15, y.survivors = 1;
    return clb_sweep_fit(&y, mean).slope;
}

static void controls_table(kit *x)
{
    kit_table *t = KIT_TABLE(x, "controls at m = 60",
                             "Exponent at m = 60 with the scale of the data fixed, and with other "
                             "n",
                             "control", "alpha");
    for (size_t i = 0; i < DS; ++i) {
        kit_text(t, kit_print(x, "centres at radius 2 sqrt(20), d = %.0f", ds[i]));
        KIT_CELLS(t, control(kit_where(kit_part_runs(x, &scale), LIN_AT(d), ds[i])));
    }
    for (size_t i = 0; i < KIT_LEN(ns); ++i) {
        kit_text(t, kit_print(x, "n = %.0f, d = 20", ns[i]));
        KIT_CELLS(t, control(kit_where(kit_part_runs(x, &samples), LIN_AT(n), ns[i])));
    }
}

/* The ratio m*, over d, at each threshold of alpha, d by d. */
static void thresholds_table(kit *x)
{
    static const double thresholds[] = { 1.05, 1.08, 1.09, 1.1, 1.11, 1.15, 1.2, 1.3 };
    kit_table *t =
        KIT_TABLE(x, "m*/d over thresholds", "m*/d for other thresholds of alpha than 1.1",
                  "threshold", "d=10", "d=20", "d=40");
    kit_claim *c =
        kit_ours(x, "thresholds", "m*/d falls with d for every threshold from 1.08 to 1.1.");
    double rise = KIT_NAN;
    for (size_t l = 0; l < KIT_LEN(thresholds); ++l) {
        double star_over_d[DS] = { KIT_NAN, KIT_NAN, KIT_NAN };
        for (size_t i = 0; i < DS; ++i)
            for (size_t k = MS; k-- > 0;) {
                clb_sweep y = lin_sweep(x, &sweep, ds[i], ds[i] * over[k]);
                double mean[LIN_N];
                if (clb_sweep_fit(&y, mean).slope > thresholds[l]) star_over_d[i] = over[k];
            }
        kit_line_starts(t), KIT_CELLS(t, thresholds[l]), kit_cells(t, KIT_LIST(star_over_d)),
            kit_line_ends(t);
        for (size_t i = 1; i < DS && l >= 1 && l <= 3; ++i)
            rise = kit_worse(rise, star_over_d[i] - star_over_d[i - 1]);
    }
    kit_statement(c, "largest change of m*/d to the next d", rise, kit_at_most(0));
}

static void report(kit *x)
{
    kit_table *t = KIT_TABLE(x, "exponent at equal distance",
                             "Exponent of drift against eta = 2 f / lambda_max(0), f <= 0.9, means "
                             "over the seeds",
                             "d", "m", "alpha");
    kit_claim *c =
        kit_ours(x, "same", "At equal distance to the edge alpha is near 1.1 for all m and d.");
    plot *p = kit_figure(x, "edge", 1, 1);
    plot_panel *a =
        plot_add(p, "Exponent at equal distance to the edge", "m/d", "alpha", PLOT_LOGX);
    double alpha[DS][MS], spread = 0;
    for (size_t i = 0; i < DS; ++i) {
        for (size_t k = 0; k < MS; ++k) {
            alpha[i][k] = lin_alpha_f(x, &edge, ds[i], ds[i] * over[k]);
            KIT_LINE(t, ds[i], ds[i] * over[k], alpha[i][k]);
            spread = kit_worse(spread, fabs(alpha[i][k] - 1.1));
        }
        plot_points(a, (int)i, MS, over, alpha[i], kit_print(x, "d = %.0f", ds[i]));
    }
    plot_range_y(a, 1, 1.8), plot_horizontal(a, 1.1, "1.1");
    kit_statement(c, "alpha differs from 1.1 by at most", spread, kit_at_most(0.1));
    if (kit_part_runs(x, &scale).n) controls_table(x), thresholds_table(x);
    plot_caption(p, "With the same distances to the edge for every shape the exponent hardly "
                    "depends on the shape.");
}

static const kit_info info = {
    .id = "E22_edge", .title = "The exponent at equal distance to the edge, and controls",
    .statement = "Theorem 8", .beyond = "E22", .plan = plan, .report = report,
};
KIT_MAIN(info)
