/* E17, beyond the paper: loss, activation and width at equal distance to the edge of stability.
 *   cc -O2 -DCLB_STATIC -o edge examples/beyond/e17_edge.c -lm && ./edge                    (30 s)
 * The nets of E17 with eta = 2 f / lambda_max(0), f = 0.01 ... 1.5, instead of a fixed grid of eta:
 * f = 1 is the edge. alpha is fitted on f <= 0.9; local slopes are those between neighbouring f.
 * The drift is kbar eta DL mu, with E = sum_t |grad|^2: kbar = S/E, DL = L(0) - L(T) and
 * mu = eta E/DL. The second table says which factor carries the difference between the losses. */
#define CLB_IMPLEMENTATION
#include "../../clb.h"
#include "../kit/kit.h"

enum { F = 8, BELOW = 6, M = 3, NETS = 4 };
static const double f_grid[F] = { 0.01, 0.03, 0.1, 0.3, 0.6, 0.9, 1.2, 1.5 };
static const double widths[M] = { 32, 64, 128 };
static const struct { const char *name, *label; double act, loss; } nets[NETS] = {
    { "linear_mse", "linear, squared loss", 0, 0 }, { "linear_ce", "linear, cross entropy", 0, 1 },
    { "relu_mse", "ReLU, squared loss", 1, 0 }, { "relu_ce", "ReLU, cross entropy", 1, 1 },
};

static sw_case case_of(size_t net, size_t k)
{
    return (sw_case){ "edge", nets[net].act, nets[net].loss, widths[k], 3, 0 };
}

static void plan(kit *x)
{
    kit_list seeds = kit_seeds(x, kit_quick(x) ? 1 : 3);
    kit_config(x, "n_steps", SW_T);
    for (size_t k = 0; k < (kit_quick(x) ? 1 : M); ++k)
        for (size_t c = 0; c < NETS; ++c) {
            sw_case edge = case_of(c, k);
            sw_plan_f(x, &edge, seeds, KIT_LIST(f_grid));
        }
}

/* kbar, DL and mu of the means at one f. */
typedef struct factors { double kbar, loss_drop, mu; } factors;
static factors factors_at(kit_rows runs, double f)
{
    kit_rows at = kit_where(runs, SW_AT(f), f);
    double E = kit_mean(at, SW_AT(energy));
    factors v;
    v.kbar = kit_mean(at, SW_AT(S)) / E;
    v.loss_drop = kit_mean(at, SW_AT(initial_loss)) - kit_mean(at, SW_AT(final_loss));
    v.mu = kit_mean(at, SW_AT(eta)) * E / v.loss_drop;
    return v;
}

static void energy_table(kit *x)
{
    kit_table *t = KIT_TABLE(x, "energy form between f = 0.6 and 0.9",
                             "Factors of drift = kbar eta DL mu: slope of each logarithm in ln eta "
                             "between f = 0.6 and 0.9",
                             "combo", "width", "dln_kbar", "dln_loss_drop", "dln_mu", "mu_at_0.9");
    double step = clb_log(0.9 / 0.6);
    for (size_t k = 0; k < M; ++k)
        for (size_t c = 0; c < NETS; ++c) {
            sw_case edge = case_of(c, k);
            factors from = factors_at(sw_runs(x, &edge), 0.6);
            factors to = factors_at(sw_runs(x, &edge), 0.9);
            kit_text(t, nets[c].name);
            KIT_CELLS(t, widths[k], clb_log(to.kbar / from.kbar) / step,
                      clb_log(to.loss_drop / from.loss_drop) / step,
                      clb_log(to.mu / from.mu) / step, to.mu);
        }
}

static void claims(kit *x, double alpha[NETS][M], double slope[NETS][M][F])
{
    double apart = -KIT_INF, ce = -KIT_INF, mse = -KIT_INF;
    kit_claim *c = kit_ours(x, "width",
                            "At equal distance to the edge alpha does not depend on the width.");
    for (size_t i = 0; i < NETS; ++i)
        for (size_t k = 0; k < M; ++k) {
            if (k) apart = kit_worse(apart, fabs(alpha[i][k] - alpha[i][1]));
            for (size_t s = BELOW - 1; s + 1 < F; ++s) {        /* beyond f = 0.9; NaN: diverged */
                double *worst = nets[i].loss == 1 ? &ce : &mse;
                if (slope[i][k][s] > *worst) *worst = slope[i][k][s];
            }
        }
    kit_statement(c, "alpha differs from that at m = 64, for m = 128, by at most", apart,
                  kit_below(0.05));
    for (size_t i = 0; i < NETS; ++i)
        kit_show(c, kit_print(x, "%s, at m = 128", nets[i].label), alpha[i][M - 1]);
    c = kit_ours(x, "beyond_edge", "Beyond the edge the drift grows more slowly with eta under "
                 "cross entropy than under squared loss.");
    kit_statement(c, "largest local slope of cross entropy over that of squared loss", ce / mse,
                  kit_below(1));
    kit_show(c, "largest local slope of cross entropy", ce), kit_show(c, "of squared loss", mse);
    kit_remark(c, "Cross entropy has bounded output gradients; squared loss has not.");
    sw_identity(x);
}

static void report(kit *x)
{
    double alpha[NETS][M], slope[NETS][M][F], middle[F - 1];
    kit_table *t = KIT_TABLE(x, "exponent at equal distance",
                             "Exponent of the drift against eta = 2 f / lambda_max(0) on f <= 0.9, "
                             "means over the seeds (act: 0 linear, 1 ReLU; loss: 0 squared, 1 "
                             "cross entropy)", "act", "loss", "width", "alpha_at_f");
    plot *p = kit_figure(x, "edge", 2, 1);
    plot_panel *a = plot_add(p, "Exponent at equal distance to the edge", "width m",
                             "alpha on f <= 0.9", PLOT_LOGX);
    plot_panel *b = plot_add(p, "Local slope, m = 64", "f = eta lambda_max(0)/2",
                             "d ln drift / d ln eta", PLOT_LOGX);
    for (size_t i = 0; i + 1 < F; ++i) middle[i] = clb_sqrt(f_grid[i] * f_grid[i + 1]);
    for (size_t k = 0; k < M; ++k)
        for (size_t c = 0; c < NETS; ++c) {
            sw_case edge = case_of(c, k);
            kit_list below = { BELOW, f_grid };
            alpha[c][k] = sw_alpha(x, &edge, SW_AT(f), below).slope;
            clb_local_slopes(F, f_grid, kit_means(sw_runs(x, &edge), SW_AT(drift), SW_AT(f),
                                                  KIT_LIST(f_grid)), slope[c][k]);
            KIT_LINE(t, nets[c].act, nets[c].loss, widths[k], alpha[c][k]);
        }
    energy_table(x);
    claims(x, alpha, slope);
    for (size_t c = 0; c < NETS; ++c) {
        plot_line(a, (int)c | PLOT_THIN, M, widths, alpha[c], NULL);
        plot_points(a, (int)c, M, widths, alpha[c], nets[c].label);
        plot_line(b, (int)c, F - 1, middle, slope[c][1], nets[c].label);
    }
    plot_range_y(a, 1, 1.7), plot_vertical(b, 1, "edge");
    plot_caption(p, "With the same distances to the edge for every net the exponent hardly depends "
                    "on the width; beyond the edge squared loss grows faster.");
}

static const kit_info info = {
    .id = "E17_edge", .title = "Loss, activation and width at equal distance to the edge",
    .statement = "Theorem 6", .beyond = "E17", .plan = plan, .report = report,
};
KIT_MAIN(info)
