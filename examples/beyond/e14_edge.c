/* E14, beyond the paper: cross entropy against squared loss at equal distance to the edge.
 *   cc -O2 -DCLB_STATIC -o edge examples/beyond/e14_edge.c -lm && ./edge                    (35 s)
 * The nets of E14 up to m = 128 with eta = 2 f / lambda_max(0), f = 0.01 ... 0.3, five seeds, and
 * one set of data for all widths and both losses: r = alpha(squared) - alpha(cross entropy), with
 * 95 % intervals over seeds, which are redrawn for both losses together. Then f = 0.9 ... 4.5, m =
 * 64, three seeds: which runs diverge? */
#define CLB_IMPLEMENTATION
#include "../../clb.h"
#include "../kit/kit.h"

enum { M = 4, F = 4, EDGE = 7 };
static const double edge_width = 64;
static const double widths[M] = { 16, 32, 64, 128 }, f_grid[F] = { 0.01, 0.03, 0.1, 0.3 };
static const double edge_f[EDGE] = { 0.9, 1.5, 1.9, 2.1, 2.5, 3.0, 4.5 };
static const char *const nets[] = { "linear", "ReLU" };

static sw_case equal_case(size_t net, int loss, size_t w)
{
    return (sw_case){ "equal", (double)net, loss, widths[w], 0, 1 };
}
static sw_case edge_case(size_t net, int loss)
{
    return (sw_case){ "edge", (double)net, loss, edge_width, 3, 0 };
}

static void plan(kit *x)
{
    kit_list five = kit_seeds(x, kit_quick(x) ? 1 : 5), three = kit_seeds(x, kit_quick(x) ? 1 : 3);
    kit_config(x, "n_steps", kit_quick(x) ? SW_T_QUICK : SW_T);
    for (size_t w = 0; w < M; ++w)
        for (size_t a = 0; a < 2; ++a)
            for (int loss = 0; loss <= 1; ++loss) {
                sw_case equal = equal_case(a, loss, w), edge = edge_case(a, loss);
                sw_plan_f(x, &equal, five, KIT_LIST(f_grid));
                if (!kit_quick(x) && widths[w] == edge_width)
                    sw_plan_f(x, &edge, three, KIT_LIST(edge_f));
            }
}

/* The curves of both losses, with the same seeds. */
typedef struct pair { clb_sweep mse, ce; } pair;
static double r_of(void *context, size_t n, const uint32_t *index)
{
    const pair *p = context;
    double mse[F], ce[F];
    clb_sweep_means(&p->mse, index, n, mse);
    clb_sweep_means(&p->ce, index, n, ce);
    return clb_fit_power(F, p->mse.x, mse, 1e-15).slope -
           clb_fit_power(F, p->ce.x, ce, 1e-15).slope;
}

static clb_interval r_equal(kit *x, size_t a, size_t w)
{
    sw_case mse = equal_case(a, 0, w), ce = equal_case(a, 1, w);
    pair both = { sw_curve(x, &mse, SW_AT(f), KIT_LIST(f_grid)),
                  sw_curve(x, &ce, SW_AT(f), KIT_LIST(f_grid)) };
    clb_interval r;
    if (!both.mse.seeds || both.mse.seeds != both.ce.seeds
        || clb_bootstrap(both.mse.seeds, r_of, &both, NULL, &r))
        r.value = r.lo = r.hi = KIT_NAN;
    return r;
}

static void diverged_table(kit *x)
{
    kit_table *t = KIT_TABLE(x, "edge", "Diverged runs, all seeds, at eta lambda_max(0) = 2 f",
                             "net", "loss", "1.8", "3", "3.8", "4.2", "5", "6", "9");
    double ce = 0, mse = 0;
    kit_claim *c =
        kit_ours(x, "divergence", "Cross entropy does not diverge where squared loss does.");
    for (size_t a = 0; a < 2; ++a)
        for (int loss = 0; loss <= 1; ++loss) {
            sw_case edge = edge_case(a, loss);
            kit_text(t, nets[a]), kit_text(t, loss ? "CE" : "MSE");
            for (size_t i = 0; i < EDGE; ++i) {
                double n = (double)kit_diverged(kit_where(sw_runs(x, &edge), SW_AT(f), edge_f[i]));
                KIT_CELLS(t, n);
                *(loss ? &ce : &mse) += n;
            }
        }
    kit_statement(c, "diverged runs with cross entropy", ce, kit_equal(0));
    kit_statement(c, "diverged runs with squared loss", mse, kit_above(0));
    kit_remark(c, "eta lambda_max(0) goes up to 9; m = 64.");
}

static void report(kit *x)
{
    static const char *const words[] = { "linear, squared", "linear, CE", "ReLU, squared",
                                         "ReLU, CE" };
    kit_table *t = KIT_TABLE(x, "regularisation at equal distance",
                             "r = alpha(squared loss) - alpha(cross entropy) at equal f <= 0.3 on "
                             "equal data, 95 % bootstrap; lambda_max of both losses on these data",
                             "net", "width", "r_equal_f", "lo", "hi", "lambda_mse", "lambda_ce");
    kit_claim *c = kit_ours(x, "compression",
                            "At equal distance to the edge, where only compression during training "
                            "is left to tell the losses apart, cross entropy lowers alpha by more "
                            "than 0.1.");
    plot *p = kit_figure(x, "edge", 2, 1);
    plot_panel *a = plot_add(p, "Equal distance to the edge, equal data", "width m",
                             "r = alpha(squared) - alpha(CE)", PLOT_LOGX);
    plot_panel *b = plot_add(p, "Sharpness at the start", "width m", "lambda_max(0)", PLOT_LOG);
    double worst = -KIT_INF, lowest = -KIT_INF, highest = -KIT_INF;
    for (size_t net = 0; net < 2; ++net) {
        double r[M], lo[M], hi[M], lambda[2][M];
        for (size_t w = 0; w < M; ++w) {
            clb_interval equal = r_equal(x, net, w);
            for (int loss = 0; loss <= 1; ++loss) {
                sw_case one = equal_case(net, loss, w);
                lambda[loss][w] = kit_mean(sw_runs(x, &one), SW_AT(lambda_max));
            }
            r[w] = equal.value, lo[w] = equal.lo, hi[w] = equal.hi;
            kit_text(t, nets[net]);
            KIT_CELLS(t, widths[w], r[w], lo[w], hi[w], lambda[0][w], lambda[1][w]);
            if (widths[w] > 20) worst = kit_worse(worst, fabs(r[w]));
            lowest = kit_worse(lowest, -lambda[1][w] / lambda[0][w]);
            highest = kit_worse(highest, lambda[1][w] / lambda[0][w]);
        }
        plot_errors(a, (int)net, M, widths, lo, hi);
        plot_points(a, (int)net, M, widths, r, nets[net]);
        for (int loss = 0; loss <= 1; ++loss)
            plot_line(b, 2 * (int)net + loss, M, widths, lambda[loss],
                      words[2 * net + (size_t)loss]);
    }
    kit_statement(c, "largest |r| for m > d = 20", worst, kit_above(0.1));
    kit_show(c, "least lambda_max(0) of cross entropy over that of squared loss", -lowest);
    kit_show(c, "largest such ratio", highest);
    kit_remark(c, "At equal eta cross entropy starts farther from its edge than squared loss.");
    if (!kit_quick(x)) diverged_table(x);
    sw_identity(x);
    plot_horizontal(a, 0, NULL);
    plot_caption(p, "With the same distances to the edge for both losses little of the effect of "
                    "cross entropy is left; its Hessian is smaller at every width.");
}

static const kit_info info = {
    .id = "E14_edge", .title = "Cross entropy against squared loss at equal distance to the edge",
    .statement = "Theorem 6", .beyond = "E14", .plan = plan, .report = report,
};
KIT_MAIN(info)
