/* E19, beyond the paper: does the exponent grow with the width at equal distance to the edge?
 *   cc -O2 -DCLB_STATIC -o edge examples/beyond/e19_edge.c -lm && ./edge
 * The linear nets of E19 with eta = 2 f / lambda_max(0), f = 0.005 ... 0.9, instead of a fixed grid of
 * learning rates: every width then runs over the same range of distances to the edge of stability. */
#define CLB_IMPLEMENTATION
#include "../../clb.h"
#include "../kit/kit.h"

enum { N = 8, D = 20 };
static const double widths[N] = { 16, 24, 32, 48, 64, 96, 128, 192 };
static const kit_part edge = KIT_PART("edge", "Eight widths, seven distances to the edge", lin_run, lin_train);

static void plan(kit *x)
{
    kit_list seeds = kit_seeds(x, kit_quick(x) ? 1 : 3);
    kit_config(x, "n_steps", LIN_T);
    for (size_t k = 0; k < N; ++k)
        for (size_t s = 0; s < seeds.n && (!kit_quick(x) || k < 4); ++s)
            for (size_t i = 0; i < LIN_F; ++i)
                kit_add(x, &edge, &LIN_KEYS(.seed = seeds.at[s], .d = D, .m = widths[k], .f = lin_f[i]));
}

static void report(kit *x)
{
    kit_table *t = KIT_TABLE(x, "exponent at equal distance", "Exponent of drift against eta = 2 f / lambda_max(0), "
                             "f <= 0.9, means over the seeds", "m", "alpha");
    kit_claim *c = kit_ours(x, "grows", "The exponent grows with the width also at equal distance to the edge.");
    double alpha[N], spread = 0;
    plot *p = kit_figure(x, "edge", 1, 1);
    plot_panel *a = plot_add(p, "Exponent at equal distance to the edge", "width m", "alpha", PLOT_LOGX);
    for (size_t k = 0; k < N; ++k) {
        alpha[k] = lin_alpha_f(x, &edge, D, widths[k]);
        KIT_LINE(t, widths[k], alpha[k]);
        spread = kit_worse(spread, fabs(alpha[k] - alpha[0]));
    }
    kit_statement(c, "alpha varies over m by", spread, kit_above(0.1));
    plot_range_y(a, 1, 1.8);
    plot_points(a, PLOT_GREEN | PLOT_DIAMOND, N, widths, alpha, "this program");
    plot_caption(p, "With the same distances to the edge at every width the exponent hardly depends on the width.");
}

static const kit_info info = {
    .id = "E19_edge", .title = "The exponent at equal distance to the edge", .statement = "Theorem 8",
    .beyond = "E19", .plan = plan, .report = report,
};
KIT_MAIN(info)
