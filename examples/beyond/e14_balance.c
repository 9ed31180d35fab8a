/* E14, beyond the paper: one curve for all widths, and the sign of the drift.
 *   cc -O2 -DCLB_STATIC -o balance examples/beyond/e14_balance.c -lm && ./balance           (40 s)
 * (A) Widths 64, 128, 256, linear and ReLU, both losses, the eight eta of E14. The balance of
 *     energy says that y = S eta / (|kappa_0| (L(0) - L(T))) is 1 below the edge, S = sum_t
 *     (|grad_2|^2 - |grad_1|^2), kappa_0 = (|grad_2|^2 - |grad_1|^2)/|grad|^2 at the start.
 * (B) Linear nets of m = 8 ... 40 at eta = 0.01, twenty seeds: theory says kappa_0 = (m - d)/(m +
 *     d), d = 20, so that the drift changes its sign at m = d. */
#define CLB_IMPLEMENTATION
#include "../../clb.h"
#include "../kit/kit.h"

enum { M = 3, SIGNS = 9, D = 20 };
static const double widths[M] = { 64, 128, 256 };
static const double sign_m[SIGNS] = { 8, 12, 16, 20, 24, 28, 32, 36, 40 }, sign_lr[] = { 0.01 };
static const char *const names[2][2] = { { "linear, squared", "linear, CE" },
                                         { "ReLU, squared", "ReLU, CE" } };

static sw_case curve(size_t net, int loss, double m)
{
    return (sw_case){ "sweep", (double)net, loss, m, 3, 0 };
}
static sw_case sign_case(size_t k) { return (sw_case){ "sign", 0, 0, sign_m[k], 0, 0 }; }

static void plan(kit *x)
{
    kit_list three = kit_seeds(x, kit_quick(x) ? 1 : 3), many = kit_seeds(x, kit_quick(x) ? 1 : 20);
    kit_list etas = kit_lrs(x, sw_etas, SW_N);
    kit_config(x, "n_steps", kit_quick(x) ? SW_T_QUICK : SW_T);
    for (size_t w = 0; w < (kit_quick(x) ? 1 : M); ++w)
        for (size_t a = 0; a < 2; ++a)
            for (int loss = 0; loss <= 1; ++loss) {
                sw_case c = curve(a, loss, widths[w]);
                sw_plan(x, &c, three, etas), sw_plan_start(x, &c, three);
            }
    for (size_t k = 0; k < SIGNS; ++k) {
        sw_case c = sign_case(k);
        sw_plan(x, &c, many, KIT_LIST(sign_lr));
    }
}

/* y of the means over the seeds at one eta. */
static double balance(kit *x, const sw_case *c, double eta)
{
    kit_rows at = kit_where(sw_runs(x, c), SW_AT(lr), eta);
    kit_list kappa = kit_values(at, SW_AT(kappa_0));
    double mean = 0, fall = kit_mean(at, SW_AT(initial_loss)) - kit_mean(at, SW_AT(final_loss));
    for (size_t s = 0; s < kappa.n; ++s) mean += fabs(kappa.at[s]) / (double)kappa.n;
    return kit_mean(at, SW_AT(S)) * eta / (mean * fall);
}

static void collapse(kit *x, plot *p)
{
    static const int style[2][2] = { { PLOT_BLUE, PLOT_GREEN | PLOT_DIAMOND },
                                     { PLOT_RED | PLOT_TRIANGLE, PLOT_ORANGE | PLOT_SQUARE } };
    kit_list etas = kit_lrs(x, sw_etas, SW_N);
    double lo = -KIT_INF, hi = -KIT_INF;
    kit_claim *c = kit_ours(x, "one_curve",
                            "Below the edge S follows the fall of the loss with no fitted number, "
                            "for all widths, losses and activations.");
    plot_panel *panel = plot_add(p, "One curve, m = 64, 128, 256", "eta lambda_max(0)",
                                 "S eta / (|kappa_0| fall of the loss)", PLOT_LOG);
    for (size_t a = 0; a < 2; ++a)
        for (int loss = 0; loss <= 1; ++loss)
            for (size_t w = 0; w < M; ++w) {
                sw_case one = curve(a, loss, widths[w]);
                double *xs = kit_doubles(x, etas.n), *ys = kit_doubles(x, etas.n);
                double lambda = sw_lambda(x, &one);
                for (size_t i = 0; i < etas.n; ++i) {
                    xs[i] = etas.at[i] * lambda, ys[i] = balance(x, &one, etas.at[i]);
                    if (!(xs[i] >= 0.5)) lo = kit_worse(lo, -ys[i]), hi = kit_worse(hi, ys[i]);
                }
                plot_points(panel, style[a][loss], etas.n, xs, ys, w ? NULL : names[a][loss]);
            }
    plot_horizontal(panel, 1, NULL), plot_vertical(panel, 2, "edge");
    kit_statement(c, "least y where eta lambda_max(0) < 0.5", -lo, kit_above(0.8));
    kit_statement(c, "largest y", hi, kit_below(1.2));
    kit_summary(x, "collapse_lowest_below_0.5", -lo),
        kit_summary(x, "collapse_highest_below_0.5", hi);
}

static void signs(kit *x, plot *p)
{
    kit_table *t = KIT_TABLE(x, "sign",
                             "Linear net, squared loss, eta = 0.01: share delta_0/|g|^2 of the "
                             "imbalance in the first gradient, mean over seeds, against "
                             "(m-d)/(m+d); share of seeds with S > 0",
                             "width", "kappa_0", "stderr", "theory", "S_positive");
    double kappa[SIGNS], theory[SIGNS], error = -KIT_INF;
    kit_claim *c =
        kit_ours(x, "sign", "The imbalance at the start is (m - d)/(m + d) of the gradient.");
    plot_panel *a =
        plot_add(p, "Sign of the drift", "width m", "kappa_0, mean over seeds", PLOT_LINEAR);
    for (size_t k = 0; k < SIGNS; ++k) {
        sw_case one = sign_case(k);
        kit_list v = kit_values(sw_runs(x, &one), SW_AT(kappa_0));
        kit_list S = kit_values(sw_runs(x, &one), SW_AT(S_signed));
        double positive = 0;
        for (size_t s = 0; s < S.n; ++s) positive += (S.at[s] > 0) / (double)S.n;
        kappa[k] = clb_mean(v.n, v.at), theory[k] = (sign_m[k] - D) / (sign_m[k] + D);
        error = kit_worse(error, fabs(kappa[k] - theory[k]));
        KIT_LINE(t, sign_m[k], kappa[k], clb_stderr(v.n, v.at), theory[k], positive);
    }
    plot_line(a, PLOT_GREY | PLOT_DASHED, SIGNS, sign_m, theory, "(m - d)/(m + d)");
    plot_points(a, PLOT_BLUE, SIGNS, sign_m, kappa, "measured");
    kit_statement(c, "largest difference to theory", error, kit_below(0.1));
    kit_summary(x, "kappa_0_largest_difference_to_theory", error);
}

static void report(kit *x)
{
    plot *p = kit_figure(x, "balance", 2, 1);
    collapse(x, p);
    signs(x, p);
    sw_identity(x);
    plot_caption(p, "One curve for all widths, losses and activations below the edge; the "
                    "imbalance of the gradient changes its sign at m = d = 20.");
}

static const kit_info info = {
    .id = "E14_balance", .title = "One curve for all widths, and the sign of the drift",
    .statement = "Theorem 6", .beyond = "E14", .plan = plan, .report = report,
};
KIT_MAIN(info)
