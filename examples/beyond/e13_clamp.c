/* Beyond E13  Cross entropy at other widths and at equal distance to the edge: what clamps?
 *   cc -O2 -DCLB_STATIC -o clamp examples/beyond/e13_clamp.c -lm && ./clamp                (60 s)
 * "widths"  ReLU nets, cross entropy, five widths m; alpha on three windows of eta. For m = 64 also
 *           eta = 0.5 and 1, the window of E5.
 * "edge"    loss (1-e) MSE + e CE with e = 0, 0.5, 1, eta = 2 f / lambda_max(0) of the run itself,
 *           f from 0.3 to 3 (1 is the edge of stability), so that every loss starts at the same
 *           distance to the edge.
 * "linearised"  S of the network linearised at theta_0, with cross entropy: it keeps the softmax,
 *           whose output gradients are at most 1, but its features cannot change. If it gives the
 *           same S, the bounded gradients do the clamping, not a compression during training. */
#define CLB_IMPLEMENTATION
#include "../../clb.h"
#include "../kit/kit.h"

enum { LOSSES = 3, WIDTHS = 5, FS = 6, LARGE = 2, STANDARD = 2 };
static const double losses[LOSSES] = { 0, 0.5, 1 };
static const double widths[WIDTHS] = { 16, 32, 64, 128, 256 };
static const double fs[FS] = { 0.3, 0.9, 1.2, 1.5, 2, 3 }, large[LARGE] = { 0.5, 1 };
static const size_t beyond_edge = 2;                                              /* fs[2] = 1.2 */

static sw_case case_of(const char *set, double act, double loss, double width)
{
    return (sw_case){ .set = set, .act = act, .loss = loss, .width = width, .pub = 3 };
}

/* ---- S of the linearised network, cross entropy ---------------------------------------------- */

typedef struct linearised { double seed, act, f, T, S; } linearised;
static const kit_field linearised_fields[] = {
    KIT_KEY(linearised, seed), KIT_KEY(linearised, act), KIT_KEY(linearised, f),
    KIT_KEY(linearised, T), KIT_RESULT(linearised, S),
};

static clb_status run_linearised(kit *x, void *run)
{
    linearised *row = run;
    paper_opts opts = { .m = 64, .net = clb_relu_mix(row->act) };
    sw_start start;
    double lambda, S;
    clb_status status = sw_sharpness(&opts, row->seed, CLB_CE, &lambda);
    (void)x;
    if (status) return status;
    status = sw_start_init(&start, &opts, row->seed, CLB_CE);
    if (!status)
        status = clb_linearised(&start.curv, 2 * row->f / lambda, (size_t)row->T, NULL, &S);
    if (!status) row->S = fabs(S);
    sw_start_free(&start);
    return status == CLB_EDIVERGED ? CLB_OK : status;
}

static const kit_part linear_part = KIT_PART("linearised", "The network linearised at the start",
                                             linearised, run_linearised);

static void plan(kit *x)
{
    kit_list seeds = kit_seeds(x, kit_quick(x) ? 1 : 3), etas = kit_lrs(x, sw_etas, SW_N);
    sw_case headline = case_of("widths", 1, CLB_CE, 64);
    kit_config(x, "n_steps", kit_quick(x) ? SW_T_QUICK : SW_T);
    for (size_t w = 0; w < (kit_quick(x) ? 2 : WIDTHS); ++w) {
        sw_case c = case_of("widths", 1, CLB_CE, widths[w]);
        sw_plan_start(x, &c, seeds), sw_plan(x, &c, seeds, etas);
    }
    if (kit_quick(x)) return;
    sw_plan(x, &headline, seeds, KIT_LIST(large));
    for (int act = 0; act <= 1; ++act)
        for (size_t k = 0; k < LOSSES; ++k) {
            sw_case c = case_of("edge", act, losses[k], 64);
            sw_plan_f(x, &c, seeds, KIT_LIST(fs));
        }
    for (int act = 0; act <= 1; ++act)
        for (size_t i = 0; i < FS; ++i)
            for (size_t s = 0; s < seeds.n; ++s)
                kit_add(x, &linear_part,
                        &(linearised){ .seed = seeds.at[s], .act = act, .f = fs[i], .T = SW_T });
}

/* ---- widths ---------------------------------------------------------------------------------- */

/* Exponents on eta 1e-4 .. 0.3, on 1e-3 .. 0.1, and on eta lambda_max(0) < 1. */
typedef struct windows { double all, middle, stable; } windows;

static windows measure(kit *x, const sw_case *c)
{
    kit_list etas = kit_lrs(x, sw_etas, SW_N), middle = sw_upto(x, etas, 0.1);
    windows w;
    while (middle.n && middle.at[0] < 1e-3) ++middle.at, --middle.n;
    w.all = sw_alpha(x, c, SW_AT(lr), etas).slope;
    w.middle = sw_alpha(x, c, SW_AT(lr), middle).slope;
    w.stable = sw_alpha_stable(x, c, etas).slope;
    return w;
}

static void width_table(kit *x, windows *ce)
{
    kit_table *t = KIT_TABLE(x, "widths",
                             "ReLU, cross entropy: exponents against width, on three windows",
                             "width", "alpha_1e-4..0.3", "alpha_1e-3..0.1", "alpha_eta*lambda<1",
                             "lambda_max");
    for (size_t w = 0; w < WIDTHS; ++w) {
        sw_case c = case_of("widths", 1, CLB_CE, widths[w]);
        ce[w] = measure(x, &c);
        KIT_LINE(t, c.width, ce[w].all, ce[w].middle, ce[w].stable, sw_lambda(x, &c));
    }
}

/* The same runs on the window of E5. */
static double alpha_of_e5(kit *x)
{
    sw_case c = case_of("widths", 1, CLB_CE, 64);
    double *etas = kit_doubles(x, SW_N + LARGE);
    kit_list all = { SW_N + LARGE, etas };
    memcpy(etas, sw_etas, sizeof sw_etas), memcpy(etas + SW_N, large, sizeof large);
    return sw_alpha(x, &c, SW_AT(lr), all).slope;
}

static void width_claims(kit *x, const windows *ce)
{
    kit_claim *c = kit_ours(x, "widths",
                            "With cross entropy alpha of the ReLU net is within 0.05 of 1 at all "
                            "widths.");
    double middle = KIT_NAN, all = KIT_NAN, wide = alpha_of_e5(x);
    for (size_t w = 0; w < WIDTHS; ++w)
        middle = kit_worse(middle, fabs(ce[w].middle - 1)),
        all = kit_worse(all, fabs(ce[w].all - 1));
    kit_statement(c, "largest |alpha - 1| for eta from 0.0001 to 0.3", all, kit_below(0.05));
    kit_condition(c, "for eta from 0.001 to 0.1", "largest |alpha - 1|", middle, kit_below(0.05));
    kit_show(c, "alpha for eta from 0.001 to 0.1 at m = 16", ce[0].middle);
    kit_show(c, "the same at m = 256", ce[WIDTHS - 1].middle);
    c = kit_ours(x, "headline",
                 "The 1.0 of this experiment and the 1.16 of E5 come from the same runs: the "
                 "window of the fit makes the difference.");
    kit_statement(c, "alpha for eta from 0.001 to 0.1", ce[STANDARD].middle, kit_within(1, 0.05));
    kit_statement(c, "alpha of the same net for eta from 0.0001 to 1", wide,
                  kit_within(1.16, 0.05));
    kit_statement(c, "difference", wide - ce[STANDARD].middle, kit_above(0.05));
}

/* ---- equal distance to the edge -------------------------------------------------------------- */

/* Relative error of S of the linearised network. */
static double linearised_error(kit *x, double act, double f)
{
    sw_case c = case_of("edge", act, CLB_CE, 64);
    kit_rows rows =
        kit_where(kit_where(kit_part_runs(x, &linear_part), KIT_AT(linearised, act), act),
                  KIT_AT(linearised, f), f);
    return kit_mean(rows, KIT_AT(linearised, S))
               / kit_mean(kit_where(sw_runs(x, &c), SW_AT(f), f), SW_AT(S))
           - 1;
}

static void distance_table(kit *x)
{
    kit_table *t = KIT_TABLE(x, "edge",
                             "Equal sharpness, f = eta lambda_max(0)/2: mean drift of the "
                             "surviving seeds, diverged runs, local slope from the f before, error "
                             "of S of the linearised network",
                             "act", "loss", "f", "drift", "diverged", "slope", "linearised_error");
    for (int act = 0; act <= 1; ++act)
        for (size_t k = 0; k < LOSSES; ++k) {
            sw_case c = case_of("edge", act, losses[k], 64);
            double before = KIT_NAN;
            for (size_t i = 0; i < FS; ++i) {
                kit_rows at = kit_where(sw_runs(x, &c), SW_AT(f), fs[i]);
                double drift = kit_mean(kit_converged(at), SW_AT(drift));
                KIT_LINE(t, act, c.loss, fs[i], drift, (double)kit_diverged(at),
                         i ? clb_log(drift / before) / clb_log(fs[i] / fs[i - 1]) : KIT_NAN,
                         k == LOSSES - 1 ? linearised_error(x, act, fs[i]) : KIT_NONE);
                before = drift;
            }
        }
}

static double diverged(kit *x, double loss)
{
    double count = 0;
    for (int act = 0; act <= 1; ++act) {
        sw_case c = case_of("edge", act, loss, 64);
        count += (double)kit_diverged(
            kit_between(sw_runs(x, &c), SW_AT(f), fs[beyond_edge], fs[FS - 1]));
    }
    return count;
}

static void distance_claims(kit *x)
{
    double error = KIT_NAN;
    kit_claim *c = kit_ours(x, "clamp",
                            "Beyond the edge of stability cross entropy stays bounded where "
                            "squared loss diverges, at equal curvature.");
    for (int act = 0; act <= 1; ++act)
        for (size_t i = beyond_edge; i < FS; ++i)
            error = kit_worse(error, fabs(linearised_error(x, act, fs[i])));
    kit_statement(c, "runs with cross entropy that diverge, f = 1.2 to 3", diverged(x, CLB_CE),
                  kit_equal(0));
    kit_statement(c, "runs with squared loss that diverge", diverged(x, CLB_MSE), kit_above(0));
    c = kit_ours(x, "bounded_gradients",
                 "There the network linearised at its start gives the S of cross entropy: bounded "
                 "output gradients clamp, not a compression in the course of training.");
    kit_statement(c, "largest error of its S for f = 1.2 to 3", 100 * error,
                  kit_in_units(kit_below(10), "%"));
}

static void figure(kit *x, const windows *ce)
{
    plot *p = kit_figure(x, "widths", 1, 1);
    plot_panel *a = plot_add(p, "Cross entropy, ReLU", "width m", "alpha", PLOT_LOGX);
    double all[WIDTHS], middle[WIDTHS], stable[WIDTHS];
    for (size_t w = 0; w < WIDTHS; ++w)
        all[w] = ce[w].all, middle[w] = ce[w].middle, stable[w] = ce[w].stable;
    plot_points(a, PLOT_BLUE, WIDTHS, widths, all, "eta 1e-4 .. 0.3");
    plot_points(a, PLOT_ORANGE | PLOT_TRIANGLE, WIDTHS, widths, middle, "eta 1e-3 .. 0.1");
    plot_points(a, PLOT_GREEN | PLOT_DIAMOND, WIDTHS, widths, stable, "eta lambda_max < 1");
    plot_caption(p, "Exponent of the ReLU net with cross entropy against its width, on three "
                    "windows of eta.");
}

static void report(kit *x)
{
    windows ce[WIDTHS];
    width_table(x, ce);
    width_claims(x, ce);
    distance_table(x);
    distance_claims(x);
    sw_identity(x);
    figure(x, ce);
}

static const kit_info info = {
    .id = "E13_clamp",
    .title = "Cross entropy at other widths and beyond the edge",
    .statement = "Theorem 6",
    .beyond = "E13",
    .plan = plan,
    .report = report,
};
KIT_MAIN(info)
