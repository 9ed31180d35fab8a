/* E13  Cross-entropy "clamping": alpha between squared loss and cross entropy.          Theorem 6
 *   cc -O2 -DCLB_STATIC -o e13 examples/e13_ce_clamping.c -lm && ./e13                      (50 s)
 * Setup   loss (1-e) MSE + e CE for five e, activation s_a(z) = (1-a) z + a max(0, z) for a = 0
 *         (linear), 0.5, 1 (ReLU); two layers, d = 20, m = 64, K = 5, mixture of n = 200,
 *         full-batch gradient descent, T = 2000 steps; eight learning rates eta from 1e-4 to 0.3,
 *         three seeds.
 * Measure the drift |C(T) - C(0)| of C = |W_2|^2 - |W_1|^2 and S = sum_t (|grad_2|^2 - |grad_1|^2).
 * Fit     a line through ln(mean drift over the seeds) against ln(eta): its slope is alpha. An eta
 *         at which a seed diverges drops out; so the same fit also on one window for all (<= 0.1).
 * Paper   "CE alpha ~ 1.0 at all widths"; ReLU: alpha falls from 1.293 (MSE) to 1.076 (CE).
 * Beyond  beyond/e13_clamp.c: other widths, and equal distance to the edge of stability. */
#define CLB_IMPLEMENTATION
#include "../clb.h"
#include "kit/kit.h"

enum { LOSSES = 5, ACTS = 3, LINEAR = 0, RELU = 2, MSE = 0, CE = 4 };
static const double losses[LOSSES] = { 0, 0.2, 0.5, 0.8, 1 }, acts[ACTS] = { 0, 0.5, 1 };
static const double paper_alpha[ACTS][LOSSES] = {
    { 1.1078, 1.0849, 1.2338, 1.1585, 1.1276 },
    { 1.2435, 1.2328, 1.2437, 1.1792, 1.0899 },
    { 1.2928, 1.2769, 1.2297, 1.1111, 1.0765 },
};
static const double noise = 0.024;    /* float32 moves the published exponents by this */

static sw_case curve(size_t a, size_t e)
{
    return (sw_case){ .set = "sweep", .act = acts[a], .loss = losses[e], .width = 64, .pub = 3 };
}

static void plan(kit *x)
{
    kit_list seeds = kit_seeds(x, kit_quick(x) ? 1 : 3), etas = kit_lrs(x, sw_etas, SW_N);
    kit_config(x, "n_steps", kit_quick(x) ? SW_T_QUICK : SW_T), kit_config(x, "hidden", 64);
    for (size_t a = 0; a < ACTS; ++a)
        for (size_t e = 0; e < LOSSES; ++e) {
            sw_case c = curve(a, e);
            sw_plan(x, &c, seeds, etas);
        }
}

/* ---- what follows from the runs -------------------------------------------------------------- */

/* alpha on the published window, and for eta <= 0.1. */
typedef struct found { double alpha[ACTS][LOSSES], to_01[ACTS][LOSSES]; } found;

static void measure(kit *x, found *v)
{
    kit_list etas = kit_lrs(x, sw_etas, SW_N);
    sw_tables t;
    t.alpha = KIT_TABLE(x, "sweep_alpha", "Exponents of every activation and loss, on all eta and "
                        "for eta <= 0.1", SW_ALPHA_COLUMNS, "paper", "diverged_at_0.3",
                        "alpha_eta<=0.1");
    t.curve = KIT_TABLE(x, "sweep", "Drift and S of every activation, loss and eta, means over the "
                        "published seeds", SW_CURVE_COLUMNS);
    for (size_t a = 0; a < ACTS; ++a)
        for (size_t e = 0; e < LOSSES; ++e) {
            sw_case c = curve(a, e);
            v->alpha[a][e] = sw_lines(x, &t, &c, etas).slope;
            v->to_01[a][e] = sw_alpha(x, &c, SW_AT(lr), sw_upto(x, etas, 0.1)).slope;
            KIT_CELLS(t.alpha, paper_alpha[a][e], (double)kit_diverged(sw_at(x, &c, 0.3)),
                      v->to_01[a][e]);
        }
}

static double range(const double *alpha)
{
    kit_list over_losses = { LOSSES, alpha };
    return kit_largest(over_losses) - kit_least(over_losses);
}

static double drift_at(kit *x, size_t e, kit_at member)          /* of the ReLU net at eta = 0.3 */
{
    sw_case c = curve(RELU, e);
    return kit_mean(sw_at(x, &c, 0.3), member);
}

static void claims(kit *x, const found *v)
{
    const double *relu = v->alpha[RELU];
    double effect[ACTS], effect_01[ACTS], largest_step = -KIT_INF;
    sw_case ce = curve(RELU, CE);
    kit_list etas = kit_lrs(x, sw_etas, SW_N);
    kit_claim *c = kit_paper(x, "ce_alpha", "With cross entropy the exponent alpha is about 1.0 at "
                             "all widths (here m = 64).", "1.0 at all widths; 1.0765 at m = 64");
    for (size_t a = 0; a < ACTS; ++a) effect[a] = v->alpha[a][CE] - v->alpha[a][MSE];
    for (size_t a = 0; a < ACTS; ++a) effect_01[a] = v->to_01[a][CE] - v->to_01[a][MSE];
    for (size_t e = 1; e < LOSSES; ++e) largest_step = fmax(largest_step, relu[e] - relu[e - 1]);
    while (etas.n && etas.at[0] < 1e-3) ++etas.at, --etas.n;
    kit_number(c, "alpha of the ReLU net with cross entropy", relu[CE], kit_within(1.0765, noise));
    kit_statement(c, "that alpha", relu[CE], kit_within(1, 0.05));
    kit_condition(c, "for eta from 0.001 to 0.1", "alpha there",
                  sw_alpha(x, &ce, SW_AT(lr), sw_upto(x, etas, 0.1)).slope, kit_within(1, 0.05));
    kit_remark_value(c, relu[CE], kit_print(x, "On all eta, up to 0.3, alpha is %.2f.", relu[CE]));
    c = kit_paper(x, "transition", "From squared loss to cross entropy alpha falls smoothly.",
                  "1.293 to 1.076");
    kit_number(c, "alpha with squared loss", relu[MSE], kit_within(1.2928, noise));
    kit_number(c, "alpha with cross entropy", relu[CE], kit_within(1.0765, noise));
    kit_statement(c, "largest step of alpha", largest_step, kit_below(0));
    kit_statement(c, "range of alpha for eta <= 0.1", range(v->to_01[RELU]), kit_above(0.1));
    kit_show(c, "drift at eta = 0.3 with squared loss", drift_at(x, MSE, SW_AT(drift)));
    kit_show(c, "drift there with cross entropy", drift_at(x, CE, SW_AT(drift)));
    kit_remark(c, "The published window includes eta = 0.3, where the squared loss first rises and "
                  "then the net jumps to another minimum.");
    c = kit_paper(x, "nonlinearity", "Cross entropy changes alpha the more, the less linear the "
                  "net is.", "+0.020, -0.154, -0.216 for a = 0, 0.5, 1");
    kit_number(c, "change for a = 0", effect[0], kit_within(0.020, noise));
    kit_number(c, "for a = 0.5", effect[1], kit_within(-0.154, noise));
    kit_number(c, "for a = 1", effect[2], kit_within(-0.216, noise));
    kit_statement(c, "for eta <= 0.1 the size of the change grows from a = 0 to 0.5 by",
                  fabs(effect_01[1]) - fabs(effect_01[0]), kit_above(0));
    kit_statement(c, "from a = 0.5 to 1 by", fabs(effect_01[2]) - fabs(effect_01[1]), kit_above(0));
    kit_remark(c, "On the published window a fit can lose eta = 0.3, because a seed diverges "
                  "there.");
    c = kit_paper(x, "compression", "Cross entropy lowers alpha because softmax compresses the "
                  "gradients in the course of training.", "Theorem 6");
    kit_statement(c, "share of the drift with squared loss at eta = 0.3 made in the first 10 steps",
                  100 * drift_at(x, MSE, SW_AT(early_drift)) / drift_at(x, MSE, SW_AT(drift)),
                  kit_in_units(kit_below(50), "%"));
    kit_remark(c, "Cross entropy starts with smaller curvature and bounded gradients, before any "
                  "compression.");
}

static void figure(kit *x, const found *v)
{
    static const int style[ACTS] = { PLOT_BLUE, PLOT_GREEN, PLOT_PURPLE };
    plot *p = kit_figure(x, "loss", 3, 1);
    plot_panel *a = plot_add(p, "Exponent, ReLU", "e (0 MSE, 1 CE)", "alpha", PLOT_LINEAR),
               *b = plot_add(p, "Drift at eta = 0.3, ReLU", "e (0 MSE, 1 CE)",
                             "drift, one dot a seed", PLOT_LOGY),
               *c = plot_add(p, "Equal window eta <= 0.1", "e (0 MSE, 1 CE)", "alpha", PLOT_LINEAR);
    plot_points(a, PLOT_PUBLISHED, LOSSES, losses, paper_alpha[RELU], "published");
    plot_points(a, PLOT_BLUE, LOSSES, losses, v->alpha[RELU], "all finite eta");
    plot_points(a, PLOT_ORANGE | PLOT_TRIANGLE, LOSSES, losses, v->to_01[RELU], "eta <= 0.1");
    for (size_t e = 0; e < LOSSES; ++e) {
        sw_case one = curve(RELU, e);
        plot_rows_points(b, PLOT_RED, sw_at(x, &one, 0.3), SW_AT(loss), SW_AT(drift), NULL);
    }
    for (size_t k = 0; k < ACTS; ++k)
        plot_curve(c, style[k], LOSSES, losses, v->to_01[k], kit_print(x, "a = %g", acts[k]));
    plot_range_y(c, 1, 1.3);
    plot_range_x(a, -0.05, 1.05), plot_range_x(b, -0.05, 1.05), plot_range_x(c, -0.05, 1.05);
    plot_caption(p, "Exponent of the ReLU net against the loss on two windows; the drift at eta = "
                    "0.3 that makes the published fall; all activations on one window, on the "
                    "scale of the published plot.");
}

static void report(kit *x)
{
    found v;
    measure(x, &v);
    kit_printed(kit_summary(x, "alpha_ce_relu", v.alpha[RELU][CE]), 1.0765);
    kit_printed(kit_summary(x, "alpha_range_loss", range(v.alpha[RELU])), 0.21632);
    claims(x, &v), sw_identity(x), figure(x, &v);
}

static const kit_info info = {
    .id = "E13", .title = "CE clamping", .statement = "Theorem 6",
    .key_result = "CE alpha ~ 1.0 at all widths", .plan = plan, .report = report, };
KIT_MAIN(info)
