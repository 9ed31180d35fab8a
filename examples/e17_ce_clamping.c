/* E17  Does cross entropy hold the exponent of the drift near 1 at every width?          Theorem 6
 *   cc -O2 -DCLB_STATIC -o e17 examples/e17_ce_clamping.c -lm && ./e17                      (20 s)
 * Setup   two-layer nets without bias, linear and ReLU, d = 20, K = 5, mixture of n = 200, squared
 *         loss and cross entropy, full batch, T = 2000 steps; m = 32, 64, 128, five eta from 0.001
 *         to 0.1, three seeds. Measured: |C(T) - C(0)|, C = |W_2|^2 - |W_1|^2, mean over seeds.
 * Fit     alpha: slope of a line through ln(drift) against ln(eta), for each net, loss and width.
 *         Interaction: the effect of cross entropy on alpha of the ReLU net less the linear one.
 * Paper   alpha of cross entropy 1.0 to 1.1 at all widths; of squared loss 1.07 to 1.63 as m grows
 * Beyond  beyond/e17_edge.c: the same at equal distance to the edge of stability. */
#define CLB_IMPLEMENTATION
#include "../clb.h"
#include "kit/kit.h"

enum { N = 5, M = 3, NETS = 4, LINEAR_MSE = 0, LINEAR_CE, RELU_MSE, RELU_CE };
static const double grid[N] = { 0.001, 0.003, 0.01, 0.03, 0.1 }, widths[M] = { 32, 64, 128 };
/* paper: alpha that the paper states. */
static const struct net { const char *name, *label; double act, loss, paper[M]; } nets[NETS] = {
    { "linear_mse", "linear, squared loss", 0, 0, { 1.0653, 1.1772, 1.6297 } },
    { "linear_ce", "linear, cross entropy", 0, 1, { 1.0422, 1.0755, 1.1358 } },
    { "relu_mse", "ReLU, squared loss", 1, 0, { 1.0472, 1.0991, 1.3520 } },
    { "relu_ce", "ReLU, cross entropy", 1, 1, { 1.0196, 1.0282, 1.0447 } },
};

static sw_case case_of(size_t net, size_t k)
{
    return (sw_case){ "sweep", nets[net].act, nets[net].loss, widths[k], 3, 0 };
}

static void plan(kit *x)
{
    kit_list seeds = kit_seeds(x, kit_quick(x) ? 1 : 3), etas = kit_lrs(x, grid, N);
    kit_config(x, "n_steps", SW_T);
    for (size_t k = 0; k < (kit_quick(x) ? 2 : M); ++k)
        for (size_t c = 0; c < NETS; ++c) {
            sw_case sweep = case_of(c, k);
            sw_plan(x, &sweep, seeds, etas);
        }
}

/* ---- what follows from the runs ------------------------------------------------------------- */

typedef struct found {
    clb_interval alpha[NETS][M];                /* on all eta, with 95 % interval over the seeds */
    double       without[NETS][M];              /* without eta = 0.1 */
    double       interaction[M];
} found;

static void measure(kit *x, found *v)
{
    kit_list etas = kit_lrs(x, grid, N);
    sw_tables t;
    t.curve = KIT_TABLE(x, "sweep", "Drift and S of every net, loss, width and eta, means over the "
                        "seeds (act: 0 linear, 1 ReLU; loss: 0 squared, 1 cross entropy)",
                        SW_CURVE_COLUMNS);
    t.alpha = KIT_TABLE(x, "sweep_alpha", "Exponents with 95 % interval over seeds; without eta = "
                        "0.1", SW_ALPHA_COLUMNS, "combo", "published", "ci_lo", "ci_hi",
                        "without_0.1");
    for (size_t k = 0; k < M; ++k)
        for (size_t c = 0; c < NETS; ++c) {
            sw_case sweep = case_of(c, k);
            clb_sweep y = sw_curve(x, &sweep, SW_AT(lr), etas);
            clb_interval *alpha = &v->alpha[c][k];
            *alpha = kit_exponent(&y), alpha->value = sw_lines(x, &t, &sweep, etas).slope;
            v->without[c][k] = sw_alpha(x, &sweep, SW_AT(lr), sw_upto(x, etas, 0.05)).slope;
            kit_text(t.alpha, nets[c].name);
            KIT_CELLS(t.alpha, nets[c].paper[k], alpha->lo, alpha->hi, v->without[c][k]);
        }
}

static void differences(kit *x, found *v)
{
    kit_table *t = KIT_TABLE(x, "differences", "Effects of activation and loss on alpha, and their "
                             "interaction, by width", "width", "delta_activation", "delta_loss",
                             "delta_interaction", "total_change", "linear_mse", "linear_ce",
                             "relu_mse", "relu_ce");
    for (size_t k = 0; k < M; ++k) {
        double lm = v->alpha[LINEAR_MSE][k].value, lc = v->alpha[LINEAR_CE][k].value;
        double rm = v->alpha[RELU_MSE][k].value, rc = v->alpha[RELU_CE][k].value;
        v->interaction[k] = rc - rm - (lc - lm);
        KIT_LINE(t, widths[k], rm - lm, lc - lm, v->interaction[k], rc - lm, lm, lc, rm, rc);
    }
}

/* Over both nets with this loss: least and largest alpha, largest without eta = 0.1, and the least
 * growth of alpha from one width to the next. */
typedef struct extremes { double lo, hi, without, growth; } extremes;
static extremes extremes_of(const found *v, size_t first)
{
    extremes e = { -KIT_INF, -KIT_INF, -KIT_INF, -KIT_INF };
    for (size_t c = first; c < NETS; c += 2)
        for (size_t k = 0; k < M; ++k) {
            double alpha = v->alpha[c][k].value;
            e.lo = kit_worse(e.lo, -alpha), e.hi = kit_worse(e.hi, alpha);
            e.without = kit_worse(e.without, v->without[c][k]);
            if (k) e.growth = kit_worse(e.growth, v->alpha[c][k - 1].value - alpha);
        }
    e.lo = -e.lo, e.growth = -e.growth;
    return e;
}

static void claims(kit *x, const found *v)
{
    extremes ce = extremes_of(v, LINEAR_CE), mse = extremes_of(v, LINEAR_MSE);
    double mean = clb_mean(M, v->interaction), std = clb_std_pop(M, v->interaction);
    kit_claim *c = kit_paper(x, "clamping", "Cross entropy holds alpha between 1.0 and 1.1 at all "
                             "widths.", "1.0-1.1");
    kit_summary(x, "largest_ce_alpha", ce.hi);
    kit_printed(kit_summary(x, "interaction", mean), 0.0710);
    kit_summary(x, "interaction_std", std);
    kit_number(c, "smallest alpha", ce.lo, kit_within(1.0, 0.05));
    kit_number(c, "largest alpha", ce.hi, kit_within(1.1, 0.05));
    kit_statement(c, "smallest alpha", ce.lo, kit_at_least(0.95));
    kit_statement(c, "largest alpha", ce.hi, kit_at_most(1.1));
    kit_statement(c, "least growth of alpha from one width to the next", ce.growth, kit_at_most(0));
    kit_condition(c, "if eta = 0.1 is left out", "largest alpha", ce.without, kit_at_most(1.1));
    kit_remark_value(c, ce.without, kit_print(x, "Without eta = 0.1 the largest exponent is %.2f.",
                                              ce.without));
    c = kit_paper(x, "mse_grows", "Under squared loss alpha grows with the width.",
                  "1.07 to 1.63 (linear), 1.05 to 1.35 (ReLU)");
    kit_number(c, "linear, m = 32", v->alpha[LINEAR_MSE][0].value, kit_within(1.07, 0.01));
    kit_number(c, "linear, m = 128", v->alpha[LINEAR_MSE][M - 1].value, kit_within(1.63, 0.01));
    kit_number(c, "ReLU, m = 32", v->alpha[RELU_MSE][0].value, kit_within(1.05, 0.01));
    kit_number(c, "ReLU, m = 128", v->alpha[RELU_MSE][M - 1].value, kit_within(1.35, 0.01));
    kit_statement(c, "least growth from one width to the next", mse.growth, kit_above(0));
    kit_statement(c, "largest alpha without eta = 0.1", mse.without, kit_above(1.2));
    kit_condition(c, "with eta = 0.1 in the grid", "least growth", mse.growth, kit_above(0));
    kit_remark(c, "At eta = 0.1 squared loss is nearest to its edge of stability.");
    c = kit_paper(x, "interaction", "The interaction of activation and loss does not depend on the "
                  "width.", "mean interaction 0.071");
    kit_number(c, "mean interaction", mean, kit_within(0.071, 0.005));
    kit_statement(c, "standard deviation over the widths, over |mean|", std / fabs(mean),
                  kit_below(0.3));
    sw_identity(x);
}

static void figure(kit *x, const found *v)
{
    plot *p = kit_figure(x, "clamping", 2, 1);
    plot_panel *a = plot_add(p, "Five eta, 0.001 to 0.1", "width m", "alpha", PLOT_LOGX);
    plot_panel *b = plot_add(p, "Without eta = 0.1", "width m", "alpha", PLOT_LOGX);
    for (size_t i = 0; i < NETS; ++i) {
        plot_points(a, PLOT_PUBLISHED, M, widths, nets[i].paper, i ? NULL : "published");
        plot_intervals(a, (int)i, M, widths, v->alpha[i], nets[i].label);
        plot_curve(b, (int)i, M, widths, v->without[i], nets[i].label);
    }
    plot_range_y(a, 1, 1.7), plot_range_y(b, 1, 1.7);
    plot_caption(p, "The exponent against the width, with 95 % intervals over seeds; without the "
                    "largest learning rate hardly anything is left of the growth.");
}

static void report(kit *x)
{
    found v;
    measure(x, &v), differences(x, &v), claims(x, &v), figure(x, &v);
}

static const kit_info info = {
    .id = "E17", .title = "Cross-entropy clamping", .statement = "Theorem 6",
    .key_result = "CE clamps alpha ~ 1.0", .plan = plan, .report = report, };
KIT_MAIN(info)
