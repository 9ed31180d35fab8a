/* E10  Is the transition of alpha from a linear to a ReLU net smooth?                     Theorem 4
 *   cc -O2 -DCLB_STATIC -o e10 examples/e10_activation_coupling.c -lm && ./e10              (20 s)
 * Setup   two layers, d = 20, m = 64, K = 5, mixture of n = 200, squared loss, full-batch gradient
 *         descent, T = 2000 steps; activation s_e(z) = (1-e) z + e max(0, z) for six e from 0
 *         (linear) to 1 (ReLU); eight learning rates eta from 1e-4 to 0.3; three seeds. "start":
 *         lambda_max of the Hessian at the start.
 * Measure the drift |C(T) - C(0)| of C = |W_2|^2 - |W_1|^2 and S = sum_t (|grad_2|^2 - |grad_1|^2).
 * Fit     a line through ln(mean drift over the seeds) against ln(eta): its slope is alpha. An eta
 *         at which a seed diverges drops out; so the same fit also on windows equal for all e.
 * Paper   "smooth alpha transition"; alpha = 1.108, 1.090, 1.078, 1.244, 1.249, 1.293
 * Beyond  beyond/e10_edge.c: 21 values of e at equal distance to the edge of stability. */
#define CLB_IMPLEMENTATION
#include "../clb.h"
#include "kit/kit.h"

enum { N = 6, SEEDS = 3 };
static const double es[N] = { 0, 0.1, 0.2, 0.5, 0.8, 1 };
static const double paper_alpha[N] = { 1.1078, 1.0898, 1.0780, 1.2435, 1.2494, 1.2928 };
/* The published drifts carry float32 noise, which moves their exponents by up to this. */
static const double noise = 0.024;

static sw_case curve(size_t k)
{
    return (sw_case){ .set = "sweep", .act = es[k], .loss = CLB_MSE, .width = 64, .pub = SEEDS };
}

static void plan(kit *x)
{
    kit_list seeds = kit_seeds(x, kit_quick(x) ? 1 : SEEDS), etas = kit_lrs(x, sw_etas, SW_N);
    kit_config(x, "n_steps", kit_quick(x) ? SW_T_QUICK : SW_T), kit_config(x, "hidden", 64);
    for (size_t k = 0; k < N; ++k) {
        sw_case c = curve(k);
        sw_plan(x, &c, seeds, etas), sw_plan_start(x, &c, seeds);
    }
}

/* ---- what follows from the runs -------------------------------------------------------------- */

/* The exponents of one e: of the means on several windows, of single seeds for eta <= 0.1. */
typedef struct exponents {
    clb_fit    fit;                                     /* published window */
    sw_windows w;                                       /* eta <= 0.1, eta <= 0.03 */
    double     stable, lambda;                          /* for eta lambda_max(0) < 1 */
    kit_list   own;
} exponents;

static kit_list of_seeds(kit *x, const sw_case *c, kit_list etas)
{
    clb_sweep y = sw_curve(x, c, SW_AT(lr), sw_upto(x, etas, 0.1));
    double *alpha = kit_doubles(x, y.seeds);
    for (size_t s = 0; s < y.seeds; ++s) alpha[s] = clb_fit_power(y.n, y.x, y.y + s * y.n, 0).slope;
    return (kit_list){ y.seeds, alpha };
}

static void measure(kit *x, exponents *v)
{
    kit_list etas = kit_lrs(x, sw_etas, SW_N);
    sw_tables t;
    t.alpha =
        KIT_TABLE(x, "sweep_alpha", "Exponents of every e, on the published and on equal windows",
                  SW_ALPHA_COLUMNS, "paper", "diverged_at_0.3", "alpha_eta<=0.1", "seed_std",
                  "alpha_eta<=0.03", "alpha_eta*lambda<1", "lambda_max");
    t.curve =
        KIT_TABLE(x, "sweep", "Drift and S of every e and eta, means over the published seeds",
                  SW_CURVE_COLUMNS);
    for (size_t k = 0; k < N; ++k) {
        sw_case c = curve(k);
        sw_windows w = v[k].w = sw_windows_of(x, &c, etas);
        v[k].fit = sw_lines(x, &t, &c, etas), v[k].own = of_seeds(x, &c, etas);
        v[k].stable = sw_alpha_stable(x, &c, etas).slope, v[k].lambda = sw_lambda(x, &c);
        KIT_CELLS(t.alpha, paper_alpha[k], w.diverged, w.to_01, clb_std(v[k].own.n, v[k].own.at),
                  w.to_003, v[k].stable, v[k].lambda);
    }
}

static void summary(kit *x, const exponents *v)
{
    double alpha[N], lo = v[0].fit.slope, hi = lo;
    for (size_t k = 0; k < N; ++k)
        alpha[k] = v[k].fit.slope, lo = fmin(lo, alpha[k]), hi = fmax(hi, alpha[k]);
    kit_printed(kit_summary(x, "alpha_range", hi - lo), 0.21484);
    kit_printed(kit_summary(x, "alpha_mean", clb_mean(N, alpha)), 1.17687);
    kit_printed(kit_summary(x, "alpha_std", clb_std_pop(N, alpha)), 0.08688);
}

/* ---- claims ---------------------------------------------------------------------------------- */

static void claim_smooth(kit *x, const exponents *v)
{
    double step = 0, step_01 = KIT_NAN, lo = v[0].fit.slope, hi = lo;
    size_t at = 1;
    kit_claim *c =
        kit_paper(x, "smooth", "From the linear to the ReLU net alpha goes over smoothly.",
                  "smooth transition, range 0.215");
    for (size_t k = 1; k < N; ++k) {
        double s = fabs(v[k].fit.slope - v[k - 1].fit.slope);
        if (s > step) step = s, at = k;
        step_01 = kit_worse(step_01, fabs(v[k].w.to_01 - v[k - 1].w.to_01));
        lo = fmin(lo, v[k].fit.slope), hi = fmax(hi, v[k].fit.slope);
    }
    kit_number(c, "range of alpha", hi - lo, kit_within(0.2148, noise));
    kit_statement(c, "share of the range that is one step of e", 100 * step / (hi - lo),
                  kit_in_units(kit_at_most(50), "%"));
    kit_show(c, "largest step from e", es[at - 1]), kit_show(c, "to e", es[at]);
    kit_show(c, "points of the fit before the largest step", (double)v[at - 1].fit.n);
    kit_show(c, "points of the fit after it", (double)v[at].fit.n);
    kit_show(c, "largest step for eta <= 0.1", step_01);
    kit_remark_value(c, 100 * step / (hi - lo),
                     kit_print(x, "%.0f %% of the change is one jump, made by an eta at which a "
                               "seed diverges and which then drops out of the fit.",
                               100 * step / (hi - lo)));
}

static void claim_effect(kit *x, const exponents *v)
{
    const exponents *relu = v + N - 1;
    size_t n = relu->own.n < v->own.n ? relu->own.n : v->own.n;
    double *paired = kit_doubles(x, n);
    kit_claim *c = kit_paper(x, "rise", "ReLU raises alpha by 0.19.", "1.108 to 1.293");
    kit_number(c, "rise on the published window", relu->fit.slope - v->fit.slope,
               kit_within(0.185, noise));
    kit_statement(c, "rise for eta <= 0.1", relu->w.to_01 - v->w.to_01, kit_above(0.1));
    kit_show(c, "rise for eta <= 0.03", relu->w.to_003 - v->w.to_003);
    kit_show(c, "rise for eta lambda_max(0) < 1", relu->stable - v->stable);
    kit_remark(c, "Only for eta <= 0.1 do both fits use the same eta.");
    for (size_t s = 0; s < n; ++s) paired[s] = relu->own.at[s] - v->own.at[s];
    c = kit_paper(x, "exceeds_noise",
                  "The effect of e on alpha is larger than the differences between seeds.",
                  "no error given");
    kit_statement(c, "mean of alpha(1) - alpha(0) over its standard error, eta <= 0.1",
                  fabs(clb_mean(n, paired)) / clb_stderr(n, paired), kit_above(4.3));
    kit_show(c, "mean of alpha(1) - alpha(0)", clb_mean(n, paired));
    kit_show(c, "its standard error", clb_stderr(n, paired));
    kit_remark(c, "Differences within a seed; 4.3 standard errors are 95 % for three seeds "
                  "(Student t).");
}

/* The largest rise of the loss above its start, over the seeds. */
static double rise_of_loss(kit_rows rows)
{
    kit_list peak = kit_values(rows, SW_AT(peak_loss)),
             start = kit_values(rows, SW_AT(initial_loss));
    double rise = KIT_NAN;
    for (size_t i = 0; i < peak.n; ++i) rise = kit_worse(rise, peak.at[i] / start.at[i]);
    return rise;
}

static void claim_kind(kit *x)
{
    sw_case relu = curve(N - 1);
    kit_rows at = sw_at(x, &relu, 0.3);
    double rise = rise_of_loss(at), below = rise_of_loss(sw_at(x, &relu, 0.1));
    kit_claim *c =
        kit_paper(x, "same_kind", "The drift at eta = 0.3 is of the same kind as at smaller eta.",
                  "one power law");
    kit_statement(c, "rise of the loss at eta = 0.3 over that at 0.1, ReLU", rise / below,
                  kit_at_most(1));
    kit_show(c, "largest loss over the loss at the start, eta = 0.3", rise);
    kit_show(c, "per cent of that drift made in the first 10 steps",
             100 * kit_mean(at, SW_AT(early_drift)) / kit_mean(at, SW_AT(drift)));
    kit_remark(c, "A loss that first rises is unstable from the start: eta lambda_max(0) > 2.");
}

static void claim_curves(kit *x, const exponents *v)
{
    static const double at[] = { 1e-4, 1e-2, 0.1 };
    sw_case linear = curve(0), relu = curve(N - 1);
    double ratio[3], worst = KIT_INF;
    kit_claim *c = kit_paper(x, "parallel",
                             "The curves S(eta) of all e are parallel: only their heights differ.",
                             "parallel");
    for (size_t i = 0; i < 3; ++i)
        ratio[i] = kit_mean(sw_at(x, &relu, at[i]), SW_AT(S))
                   / kit_mean(sw_at(x, &linear, at[i]), SW_AT(S));
    kit_statement(c, "S(ReLU)/S(linear) at eta = 0.1 over that at 0.0001", ratio[2] / ratio[0],
                  kit_within(1, 0.1));
    kit_condition(c, "for eta up to 0.01", "the same ratio at 0.01 over that at 0.0001",
                  ratio[1] / ratio[0], kit_within(1, 0.15));
    c = kit_paper(x, "r_squared", "R^2 of the power law is about 0.99 for all e.", "0.99");
    for (size_t k = 0; k < N; ++k) worst = fmin(worst, v[k].fit.r2);
    kit_statement(c, "smallest R^2", worst, kit_at_least(0.985));
    kit_remark(c, "A point beyond the edge of stability bends the line.");
}

/* ---- figure ---------------------------------------------------------------------------------- */

static void figure(kit *x, const exponents *v)
{
    static const int style[N] = { PLOT_BLUE,   PLOT_CYAN, PLOT_GREEN,
                                  PLOT_ORANGE, PLOT_RED,  PLOT_PURPLE };
    kit_list etas = kit_lrs(x, sw_etas, SW_N);
    double all[N], to_01[N], to_003[N], *S = kit_doubles(x, etas.n),
                                        *scaled = kit_doubles(x, etas.n);
    plot *p = kit_figure(x, "transition", 3, 1);
    plot_panel *a = plot_add(p, "Exponent against e", "e (0 linear, 1 ReLU)", "alpha", PLOT_LINEAR),
               *b = plot_add(p, "Imbalance sum", "learning rate eta", "|S|", PLOT_LOG),
               *c =
                   plot_add(p, "The same at equal sharpness", "eta lambda_max(0)", "|S|", PLOT_LOG);
    for (size_t k = 0; k < N; ++k)
        all[k] = v[k].fit.slope, to_01[k] = v[k].w.to_01, to_003[k] = v[k].w.to_003;
    plot_points(a, PLOT_PUBLISHED, N, es, paper_alpha, "published");
    plot_points(a, PLOT_BLUE, N, es, all, "all finite eta");
    plot_points(a, PLOT_ORANGE | PLOT_TRIANGLE, N, es, to_01, "eta <= 0.1");
    plot_points(a, PLOT_GREEN | PLOT_DIAMOND, N, es, to_003, "eta <= 0.03");
    for (size_t k = 0; k < N; ++k) {
        sw_case one = curve(k);
        for (size_t s = 0; s < v[k].own.n; ++s)
            plot_points(a, PLOT_ORANGE | PLOT_SMALL, 1, &es[k], &v[k].own.at[s], NULL);
        for (size_t i = 0; i < etas.n; ++i)
            S[i] = kit_mean(sw_at(x, &one, etas.at[i]), SW_AT(S)),
            scaled[i] = etas.at[i] * v[k].lambda;
        plot_line(b, style[k], etas.n, etas.at, S, kit_print(x, "e = %g", es[k]));
        plot_line(c, style[k], etas.n, scaled, S, NULL);
    }
    plot_range_x(a, -0.05, 1.05);
    plot_vertical(c, 2, "edge");
    plot_caption(p, "Left: exponent against e; the published curve jumps where eta = 0.3 enters "
                    "the fit, equal windows are flat; small dots are single seeds. Middle, right: "
                    "S against eta and against eta lambda_max(0).");
}

static void report(kit *x)
{
    exponents v[N];
    measure(x, v);
    summary(x, v);
    claim_smooth(x, v);
    claim_effect(x, v);
    claim_kind(x);
    claim_curves(x, v);
    sw_identity(x);
    figure(x, v);
}

static const kit_info info = {
    .id = "E10", .title = "Activation coupling", .statement = "Theorem 4",
    .key_result = "smooth alpha transition", .plan = plan, .report = report,
};
KIT_MAIN(info)
