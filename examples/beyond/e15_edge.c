/* E15, beyond the paper: does the rate of activation switches depend on the width at equal distance
 * to the edge of stability?
 *   cc -O2 -DCLB_STATIC -o edge examples/beyond/e15_edge.c -lm && ./edge                    (10 s)
 * The nets of E15 up to m = 128 with eta = 2 f / lambda_max(0), f = 0.05 ... 1.1, instead of fixed
 * learning rates. The rate is also predicted: density of the pre-activations at 0 times their mean
 * |change| in a step, as if the two were independent. */
#define CLB_IMPLEMENTATION
#include "../../clb.h"
#include "../kit/kit.h"

enum { M = 4, F = 4 };
static const double widths[M] = { 16, 32, 64, 128 };
static const double distances[F] = { 0.05, 0.3, 0.9, 1.1 };              /* eta lambda_max(0) / 2 */

static const kit_part edge =
    KIT_PART("edge", "Four widths, four distances to the edge", switch_run, switch_train);

static void plan(kit *x)
{
    kit_list seeds = kit_seeds(x, kit_quick(x) ? 1 : 3);
    kit_config(x, "n_steps", SWITCH_T);
    for (size_t k = 0; k < (kit_quick(x) ? 3 : M); ++k)
        for (size_t i = 0; i < F; ++i)
            for (size_t s = 0; s < seeds.n; ++s)
                kit_add(x, &edge,
                        &(switch_run){
                            .seed = seeds.at[s], .width = widths[k], .f = distances[i] });
}

static void report(kit *x)
{
    static const char *const names[M] = { "16", "32", "64", "128" };
    kit_table *t =
        KIT_TABLE(x, "equal distance to the edge",
                  "Switches per gate and step at eta = 2 f / lambda_max(0): all steps, the first "
                  "50, from 1000 on; predicted from the density of z at 0",
                  "width", "f", "rate", "early_rate", "late_rate", "predicted_over_measured");
    double rate[F][M], least = KIT_INF, most = 0, near, far;
    plot *p = kit_figure(x, "edge", 1, 1);
    plot_panel *a = plot_add(p, "At equal distance to the edge", "width m", "rate", PLOT_LOG);
    kit_claim *c = kit_ours(x, "independent",
                            "At 0.9 of the step size of the edge the rate does not depend on the "
                            "width.");
    for (size_t k = 0; k < M; ++k)
        for (size_t i = 0; i < F; ++i) {
            kit_rows r = kit_where(kit_where(kit_part_runs(x, &edge), SWITCH_AT(width), widths[k]),
                                   SWITCH_AT(f), distances[i]);
            double ratio = kit_mean(r, SWITCH_AT(predicted_over_measured));
            rate[i][k] = kit_mean(r, SWITCH_AT(mean_per_neuron_rate));
            least = fmin(least, ratio), most = kit_worse(most, ratio);
            KIT_LINE(t, widths[k], distances[i], rate[i][k], kit_mean(r, SWITCH_AT(early_rate)),
                     kit_mean(r, SWITCH_AT(late_rate)), ratio);
        }
    near = -clb_fit_power(M, widths, rate[2], 1e-15).slope,
    far = -clb_fit_power(M, widths, rate[0], 1e-15).slope;
    kit_summary(x, "beta at f = 0.9", near), kit_summary(x, "beta at f = 0.05", far);
    kit_statement(c, "|beta| at f = 0.9", fabs(near), kit_below(0.1));
    c = kit_ours(x, "weaker", "Nearer to the edge the rate depends less on the width.");
    kit_statement(c, "|beta| at f = 0.9 over that at f = 0.05", fabs(near / far), kit_below(1));
    c = kit_ours(x, "predicted",
                 "The rate follows from where the pre-activations are and how far they move.");
    kit_statement(c, "least predicted over measured", least, kit_above(0.5));
    kit_statement(c, "largest predicted over measured", most, kit_below(2));
    for (int i = 0; i < F; ++i) {
        plot_line(a, i | PLOT_THIN, M, widths, rate[i], NULL);
        plot_points(a, i, M, widths, rate[i], kit_print(x, "f = %g", distances[i]));
    }
    plot_ticks_x(a, M, widths, names), plot_range_x(a, 13, 160);
    plot_caption(p, "At every fixed distance to the edge wider nets switch fewer of their gates.");
}

static const kit_info info = {
    .id = "E15_edge",
    .title = "Switch rate at equal distance to the edge",
    .statement = "Theorem 8",
    .beyond = "E15",
    .plan = plan,
    .report = report,
};
KIT_MAIN(info)
