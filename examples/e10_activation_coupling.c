/* E10  Is the transition of alpha from a linear to a ReLU net smooth?                    Theorem 4
 *   cc -O2 -o e10 examples/e10_activation_coupling.c -lm && ./e10   (90 s on two cores)
 * Setup   two layers, d = 20, m = 64, K = 5, squared loss, activation s_e(z) = (1-e) z + e max(0,
 *         z), e = 0, 0.1, 0.2, 0.5, 0.8, 1; eight eta from 1e-4 to 0.3; three seeds; GD, T = 2000
 * Paper   "smooth alpha transition"; alpha = 1.108, 1.090, 1.078, 1.244, 1.249, 1.293
 * Beyond  21 values of e, ten seeds, at equal f = eta lambda_max(H_0)/2 (below the edge: alpha(e)
 *         with its band; above it: what the catapult does); frozen gates, mode coupling and a
 *         prediction of S along e. */
#define CLB_IMPLEMENTATION
#include "../clb.h"
#include "ex.h"
#include "plot.h"
#include "sweep.h"

static const double e10_e[] = { 0.0, 0.1, 0.2, 0.5, 0.8, 1.0 };
static const double e10_paper[] = { 1.1078, 1.0898, 1.0780, 1.2435, 1.2494, 1.2928 };
static const double e10_f[] = { 0.005, 0.01, 0.03, 0.1, 0.3, 0.6, 0.9 };
static const double e10_catapult_f[] = { 1.0, 1.2, 1.5, 1.8 };
static const double e10_theory_lr[] = { 0.01 };
enum { E10_N = EX_LEN(e10_e), E10_FINE = 21, E10_SEEDS = 10, E10_BELOW = 5 };   /* f[0..4] <= 0.3 */
/* float32 noise of the published drifts at eta = 1e-4 moves alpha: between builds in float; to
 * double. */
#define E10_ALPHA_TOL (sizeof(clb_real) == 4 ? 0.007 : 0.024)
#define E10_LIST(array) ((ex_list){ EX_LEN(array), array })

static sw_case e10_case(const char *part, double e, int pub)
{
    sw_case c = { part, e, CLB_MSE, 64, pub, 0 };
    return c;
}

static double e10_fine(size_t k) { return (double)k / (E10_FINE - 1); }

/* --- plan and run ----------------------------------------------------------------------------- */

static void e10_plan(ex *x)
{
    ex_list few = ex_seeds(x, ex_quick(x) ? 1 : 3), etas = ex_lrs(x, sw_etas, SW_N), many;
    ex_config(x, "n_steps", ex_quick(x) ? SW_T_QUICK : SW_T);
    ex_config(x, "hidden", 64);
    for (size_t k = 0; k < E10_N; ++k) {
        sw_case c = e10_case("sweep", e10_e[k], 3);
        sw_plan(x, &c, few, "lr", etas);
        if (ex_published(x)) continue;
        sw_plan_start(x, &c, few);
        c.part = "theory";
        if (!ex_quick(x)) sw_plan(x, &c, few, "lr", E10_LIST(e10_theory_lr));
    }
    if (ex_published(x) || ex_quick(x)) return;
    many = ex_seeds(x, E10_SEEDS);
    for (size_t k = 0; k < E10_FINE; ++k) {
        sw_case grid = e10_case("grid", e10_fine(k), 0),
                catapult = e10_case("catapult", e10_fine(k), 0);
        sw_plan(x, &grid, many, "f", E10_LIST(e10_f));
        sw_plan(x, &catapult, many, "f", E10_LIST(e10_catapult_f));
    }
}

/* Mode coupling M_T in the basis of the Hessian (positive modes; and M_0, one step, all modes) and
 * of its Gauss-Newton part. */
static clb_status e10_modes(ex_row *row, clb_curv *curv, double eta, size_t T)
{
    size_t P = curv->pass->net->P;
    clb_real *H = (clb_real *)malloc(2 * P * P * sizeof *H);
    double *values = (double *)malloc(P * sizeof *values);
    clb_spectrum sp = CLB_ZERO;
    clb_status status = H && values ? clb_hessian(curv, H, P) : CLB_ENOMEM;
    if (!status) status = clb_eigh(P, H, P, values, H + P * P);
    if (!status) status = clb_spectrum_init(&sp, curv->pass->net, 1, values, H + P * P, curv->grad);
    if (!status) {
        ex_num(row, "M_0", clb_spectrum_sum(&sp, eta, 1, CLB_MODES_ALL).coupling);
        ex_num(row, "M_T_hessian", clb_spectrum_sum(&sp, eta, T, CLB_MODES_POSITIVE).coupling);
        clb_spectrum_free(&sp);
        status = clb_spectrum_init_ntk(&sp, curv, 1);
    }
    if (!status)
        ex_num(row, "M_T_gauss_newton", clb_spectrum_sum(&sp, eta, T, CLB_MODES_CLAMPED).coupling);
    clb_spectrum_free(&sp);
    free(values);
    free(H);
    return status;
}

/* S of the run with gates frozen at theta_0, of the linearised network, and the mode coupling
 * there. */
static clb_status e10_theory(ex_row *row)
{
    clb_problem_opts opts = sw_opts(row);
    sw_start start;
    clb_trace trace;
    double eta = ex_get(row, "lr"), S = ex_get(row, "S"), linear;
    size_t T = (size_t)ex_get(row, "T");
    clb_status status = sw_train(row, eta, 1, &trace);
    if (status) return status;
    ex_num(row, "gate_share", S / fabs(trace.S[0]) - 1);
    clb_trace_free(&trace);
    status = sw_start_init(&start, &opts, row->seed, ex_get(row, "loss"));
    if (!status) status = clb_linearised(&start.curv, eta, T, NULL, &linear);
    if (!status)
        ex_num(row, "linearised_error", fabs(linear) / S - 1),
            status = e10_modes(row, &start.curv, eta, T);
    sw_start_free(&start);
    return status;
}

static clb_status e10_run(ex *x, ex_row *row)
{
    clb_status status = sw_run(x, row);
    return status || !ex_is(row, "theory") ? status : e10_theory(row);
}

/* --- published part --------------------------------------------------------------------------- */

/* The exponents of one e on the four windows. */
typedef struct e10_row {
    double alpha, r2, points, diverged, common, low, stable, spread, lambda;
} e10_row;

static e10_row e10_windows(ex *x, size_t k, ex_list etas)
{
    static const char *const file = "interpolated_activation";
    sw_tol tol = { 3.5e-5, 0, 2e-4, 5e-6, 5e-5, E10_ALPHA_TOL, NULL };
    sw_case c = e10_case("sweep", e10_e[k], 3);
    const char *key = ex_key(x, c.act), *paths[2] = { NULL, NULL };
    e10_row r;
    ex_row *line;
    clb_sweep y = sw_curve(x, &c, "lr", sw_upto(x, etas, 0.1));
    double own[SW_MAX];
    if (c.act == 0.1 || c.act == 0.2) tol.edge = 0.02;        /* seed 137 rings at the edge */
    paths[0] = ex_print(x, "%s/results.json#%s", file, key);
    line = sw_published(x, &c, etas, &tol, paths, SW_ALL);
    ex_ref_value(x, c.act, EX_EXACT, 0, "%s/results.json#%s/epsilon", file, key);
    ex_ref_value(x, c.act, EX_EXACT, 0, "%s/config.json#epsilons/%zu", file, k);
    ex_ref(line, "alpha", EX_FIT, tol.alpha, "%s/config.json#alpha_summary/%s", file, key);
    r.alpha = ex_get(line, "alpha"), r.r2 = ex_get(line, "r2"), r.points = ex_get(line, "points");
    r.diverged = sw_diverged(x, &c, "lr", 0.3);
    r.common = sw_alpha(x, &c, "lr", sw_upto(x, etas, 0.1)).slope;
    r.low = sw_alpha(x, &c, "lr", sw_upto(x, etas, 0.03)).slope;
    r.stable = sw_alpha_stable(x, &c, etas).slope;
    r.lambda = sw_lambda(x, &c);
    for (size_t s = 0; s < y.seeds && s < SW_MAX; ++s)
        own[s] = clb_fit_power(y.n, y.x, y.y + s * y.n, 0).slope;
    r.spread = clb_std(y.seeds < SW_MAX ? y.seeds : SW_MAX, own);
    ex_num(line, "paper", e10_paper[k]);
    ex_num(line, "diverged_at_0.3", r.diverged);
    ex_num(line, "alpha_eta<=0.1", r.common);
    ex_num(line, "seed_std", r.spread);
    ex_num(line, "alpha_eta<=0.03", r.low);
    ex_num(line, "alpha_eta*lambda<1", r.stable);
    ex_num(line, "lambda_max", r.lambda);
    return r;
}

/* Exponents of the single seeds on eta <= 0.1; returns how many. */
static size_t e10_own(ex *x, double e, ex_list etas, double *alpha)
{
    sw_case c = e10_case("sweep", e, 3);
    clb_sweep y = sw_curve(x, &c, "lr", sw_upto(x, etas, 0.1));
    size_t n = y.seeds < SW_MAX ? y.seeds : SW_MAX;
    for (size_t s = 0; s < n; ++s) alpha[s] = clb_fit_power(y.n, y.x, y.y + s * y.n, 0).slope;
    return n;
}

/* 10.1 to 10.3: the step, its sign on equal windows, its size against the seeds. */
static void e10_verdict_shape(ex *x, const e10_row *r, ex_list etas)
{
    double step = 0, common_step = 0, lo = r[0].alpha, hi = lo, points = 0, linear[SW_MAX],
           relu[SW_MAX], rise, se;
    size_t n = e10_own(x, 0, etas, linear), at = 0;
    for (size_t k = 0; k < E10_N; ++k) {
        lo = fmin(lo, r[k].alpha), hi = fmax(hi, r[k].alpha);
        points += r[k].points != r[0].points;
        if (k == 0) continue;
        if (fabs(r[k].alpha - r[k - 1].alpha) > step)
            step = fabs(r[k].alpha - r[k - 1].alpha), at = k;
        common_step = fmax(common_step, fabs(r[k].common - r[k - 1].common));
    }
    ex_claim(x, "alpha goes over smoothly from the linear to the ReLU net",
             "smooth transition, range 0.215",
             ex_print(x,
                      "%.0f %% of the range %.3f is one step, between e = %g and %g; largest step "
                      "on eta <= 0.1: %.3f",
                      100 * step / (hi - lo), hi - lo, e10_e[at ? at - 1 : 0], e10_e[at],
                      common_step),
             ex_print(x,
                      "reproduced if the largest step <= 50 %% of the range; qualified if all fits "
                      "have as many points and the largest step on eta <= 0.1 is <= 50 %% of the "
                      "range. An eta at which a seed diverges drops out of its fit: the fit of e = "
                      "%g has %g points, that of e = %g has %g.",
                      e10_e[at ? at - 1 : 0], r[at ? at - 1 : 0].points, e10_e[at], r[at].points),
             EX_VALUES(100 * step / (hi - lo), points == 0, 100 * common_step / (hi - lo)));
    rise = r[E10_N - 1].common - r[0].common;
    ex_claim(x, "ReLU raises alpha by 0.19", "1.108 to 1.293",
             ex_print(x,
                      "published window %+.3f; eta <= 0.1 %+.3f; eta <= 0.03 %+.3f; eta "
                      "lambda_max(0) < 1 %+.3f",
                      r[E10_N - 1].alpha - r[0].alpha, rise, r[E10_N - 1].low - r[0].low,
                      r[E10_N - 1].stable - r[0].stable),
             "reproduced if alpha rises on eta <= 0.1 by > 0.1; qualified if by > 0.02. Only there "
             "do both fits use the same eta.",
             EX_VALUES(rise, rise));
    e10_own(x, 1, etas, relu);
    for (size_t s = 0; s < n; ++s) relu[s] -= linear[s];
    se = clb_stderr(n, relu), rise = clb_mean(n, relu);
    ex_claim(x, "the effect of e exceeds the noise", "no error given",
             ex_print(x, "alpha(1) - alpha(0) per seed: %.3f +- %.3f (%zu seeds, eta <= 0.1)", rise,
                      se, n),
             "reproduced if the effect over its standard error > 4.3; qualified if it is > 2. "
             "Paired over seeds; 4.3 standard errors are 95 % for three seeds (Student t).",
             EX_VALUES(fabs(rise) / se, fabs(rise) / se));
}

/* 10.4 to 10.6: mechanism at eta = 0.3, parallel curves, quality of the fits. */
static void e10_verdict_mechanism(ex *x, const e10_row *r)
{
    sw_case linear = e10_case("sweep", 0, 3), relu = e10_case("sweep", 1, 3);
    ex_list peak = sw_values(x, &relu, "peak_loss", "lr", 0.3),
            start = sw_values(x, &relu, "initial_loss", "lr", 0.3);
    double rises = 0, below = 0,
           early =
               sw_mean(x, &relu, "early_drift", "lr", 0.3) / sw_mean(x, &relu, "drift", "lr", 0.3);
    double ratio[3], worst = 1;
    static const double at[] = { 1e-4, 1e-2, 0.1 };
    for (size_t i = 0; i < peak.n; ++i) rises = fmax(rises, peak.at[i] / start.at[i]);
    peak = sw_values(x, &relu, "peak_loss", "lr", 0.1);
    for (size_t i = 0; i < peak.n && i < start.n; ++i)
        below = fmax(below, peak.at[i] / start.at[i]);
    ex_claim(x, "the point eta = 0.3 is drift of the same kind", "one power law",
             ex_print(x,
                      "ReLU: the loss first rises up to %.1fx (eta = 0.1: %.1fx); %.0f %% of the "
                      "drift in the first 10 steps",
                      rises, below, 100 * early),
             "reproduced if the rise of the loss at eta = 0.3 over that at 0.1 is <= 1. A loss "
             "that first rises is a catapult, beyond eta lambda_max(0) = 2.",
             EX_VALUES(rises / below));
    for (size_t i = 0; i < 3; ++i)
        ratio[i] = sw_mean(x, &relu, "S", "lr", at[i]) / sw_mean(x, &linear, "S", "lr", at[i]);
    ex_claim(x, "S curves are parallel, only intercepts change", "parallel",
             ex_print(x, "S(ReLU)/S(linear) = %.2f, %.2f, %.2f at eta = 1e-4, 1e-2, 0.1", ratio[0],
                      ratio[1], ratio[2]),
             "reproduced if S(ReLU)/S(linear) at eta = 0.1 over that at 1e-4 within 0.1 of 1; "
             "qualified if that at 1e-2 over that at 1e-4 within 0.15 of 1. Parallel curves have "
             "one ratio.",
             EX_VALUES(ratio[2] / ratio[0], ratio[1] / ratio[0]));
    for (size_t k = 0; k < E10_N; ++k) worst = fmin(worst, r[k].r2);
    ex_claim(x, "R^2 is about 0.99 for all e", "0.99", ex_print(x, "smallest R^2 %.3f", worst),
             "reproduced if the smallest R^2 >= 0.985; qualified if it is >= 0.97. A point beyond "
             "the edge bends the line.",
             EX_VALUES(worst, worst));
}

static void e10_published(ex *x, e10_row *r)
{
    static const char *const config = "interpolated_activation/config.json";
    ex_list etas = ex_lrs(x, sw_etas, SW_N);
    double alpha[E10_N], lo, hi;
    ex_row *range, *mean, *spread;
    ex_caption(x, "sweep", "Drift and S of every e and eta, means over the published seeds");
    ex_caption(x, "sweep_alpha", "Exponents of every e, on the published and on equal windows");
    for (size_t k = 0; k < E10_N; ++k) r[k] = e10_windows(x, k, etas), alpha[k] = r[k].alpha;
    lo = hi = alpha[0];
    for (size_t k = 1; k < E10_N; ++k) lo = fmin(lo, alpha[k]), hi = fmax(hi, alpha[k]);
    range = ex_summary(x, "alpha_range", hi - lo);
    mean = ex_summary(x, "alpha_mean", clb_mean(E10_N, alpha));
    spread = ex_summary(x, "alpha_std", clb_std_pop(E10_N, alpha));
    ex_printed(range, 0.21484), ex_printed(mean, 1.17687), ex_printed(spread, 0.08688);
    ex_ref(range, "value", EX_FIT, E10_ALPHA_TOL, "%s#alpha_range", config);
    ex_ref(mean, "value", EX_FIT, E10_ALPHA_TOL, "%s#alpha_mean", config);
    ex_ref(spread, "value", EX_FIT, E10_ALPHA_TOL, "%s#alpha_std", config);
    sw_config(x, "interpolated_activation", 3, E10_LIST(sw_etas));
    ex_ref_value(x, 64, EX_EXACT, 0, "%s#hidden", config);
    e10_verdict_shape(x, r, etas);
    e10_verdict_mechanism(x, r);
}

/* --- beyond the paper ------------------------------------------------------------------------- */

/* alpha(e) at equal f, with a band over seeds, below the edge; drift, early share above. */
static void e10_grid(ex *x, double *e, double *alpha, double *lo, double *hi)
{
    double variation = 0, band = 0;
    ex_caption(
        x, "grid",
        "Exponent at equal f = eta lambda_max(0)/2 <= 0.3 and <= 0.9, 95 % bootstrap over seeds");
    ex_caption(
        x, "catapult",
        "Beyond the edge: mean drift of the surviving seeds, share made in the first 10 steps");
    for (size_t k = 0; k < E10_FINE; ++k) {
        sw_case c = e10_case("grid", e10_fine(k), 0);
        ex_list below = { E10_BELOW, e10_f };
        clb_sweep y = sw_curve(x, &c, "f", below);
        clb_interval ci;
        ex_row *line = ex_line(x, "grid");
        clb_bootstrap_sweep(&y, NULL, &ci, NULL);
        e[k] = c.act, alpha[k] = ci.value, lo[k] = ci.lo, hi[k] = ci.hi;
        ex_num(line, "e", c.act), ex_num(line, "alpha", ci.value), ex_num(line, "lo", ci.lo),
            ex_num(line, "hi", ci.hi);
        ex_num(line, "alpha_f<=0.9", sw_alpha(x, &c, "f", E10_LIST(e10_f)).slope);
        band += (ci.hi - ci.lo) / E10_FINE;
        if (k) variation += fabs(alpha[k] - alpha[k - 1]);
        c.part = "catapult";
        line = ex_line(x, "catapult");
        ex_num(line, "e", c.act);
        for (size_t i = 0; i < EX_LEN(e10_catapult_f); ++i) {
            ex_list d = sw_values(x, &c, "drift", "f", e10_catapult_f[i]);
            ex_list early = sw_values(x, &c, "early_drift", "f", e10_catapult_f[i]);
            clb_summary drift = clb_summarize(d.n, d.at);
            ex_num(line, ex_print(x, "drift_f=%g", e10_catapult_f[i]), drift.mean);
            ex_num(line, ex_print(x, "early_f=%g", e10_catapult_f[i]),
                   clb_summarize(early.n, early.at).mean / drift.mean);
            ex_num(line, ex_print(x, "diverged_f=%g", e10_catapult_f[i]),
                   (double)(drift.n - drift.finite));
        }
    }
    ex_summary(x, "total_variation_of_alpha(e)", variation);
    ex_summary(x, "mean_band_of_alpha(e)", band);
    ex_summary(x, "alpha(1)-alpha(0)_at_equal_f", alpha[E10_FINE - 1] - alpha[0]);
}

static void e10_theory_table(ex *x)
{
    static const char *const names[] = { "gate_share", "linearised_error", "M_0", "M_T_hessian",
                                         "M_T_gauss_newton" };
    ex_caption(x, "theory",
               "eta = 0.01, means over seeds: S/S(frozen gates) - 1, error of the linearised "
               "network, mode "
               "coupling of the Hessian (one step; T steps) and of its Gauss-Newton part");
    for (size_t k = 0; k < E10_N; ++k) {
        sw_case c = e10_case("theory", e10_e[k], 3);
        ex_row *line = ex_line(x, "theory");
        ex_num(line, "e", c.act);
        for (size_t i = 0; i < EX_LEN(names); ++i)
            ex_num(line, names[i], sw_mean(x, &c, names[i], "lr", e10_theory_lr[0]));
    }
}

static void e10_figure(ex *x, const e10_row *r, const double *e, const double *alpha,
                       const double *lo, const double *hi)
{
    static const int style[E10_N] = { PLOT_BLUE,   PLOT_CYAN, PLOT_GREEN,
                                      PLOT_ORANGE, PLOT_RED,  PLOT_PURPLE };
    ex_list etas = ex_lrs(x, sw_etas, SW_N);
    double ours[E10_N], common[E10_N], low[E10_N], own[SW_MAX], S[SW_MAX], scaled[SW_MAX];
    plot *p = plot_new(x, "transition", 3, 1);
    plot_panel *a = plot_add(p, "Exponent against e", "e (0 linear, 1 ReLU)", "alpha", PLOT_LINEAR);
    plot_panel *b = plot_add(p, "Imbalance sum", "learning rate eta", "|S|", PLOT_LOG);
    plot_panel *c =
        plot_add(p, "The same at equal sharpness", "eta lambda_max(0)", "|S|", PLOT_LOG);
    for (size_t k = 0; k < E10_N; ++k)
        ours[k] = r[k].alpha, common[k] = r[k].common, low[k] = r[k].low;
    if (e)
        plot_band(a, PLOT_GREY, E10_FINE, e, lo, hi),
            plot_line(a, PLOT_GREY, E10_FINE, e, alpha, "equal f <= 0.3");
    plot_points(a, PLOT_PUBLISHED, E10_N, e10_e, e10_paper, "published");
    plot_points(a, PLOT_BLUE, E10_N, e10_e, ours, "all finite eta");
    plot_points(a, PLOT_ORANGE | PLOT_TRIANGLE, E10_N, e10_e, common, "eta <= 0.1");
    plot_points(a, PLOT_GREEN | PLOT_DIAMOND, E10_N, e10_e, low, "eta <= 0.03");
    for (size_t k = 0; k < E10_N; ++k) {
        sw_case one = e10_case("sweep", e10_e[k], 3);
        size_t n = e10_own(x, e10_e[k], etas, own);
        for (size_t s = 0; s < n; ++s)
            plot_points(a, PLOT_ORANGE | PLOT_SMALL, 1, &e10_e[k], &own[s], NULL);
        for (size_t i = 0; i < etas.n && i < SW_MAX; ++i) {
            S[i] = sw_mean(x, &one, "S", "lr", etas.at[i]);
            scaled[i] = etas.at[i] * r[k].lambda;
        }
        plot_line(b, style[k], etas.n < SW_MAX ? etas.n : SW_MAX, etas.at, S,
                  ex_print(x, "e = %g", e10_e[k]));
        plot_line(c, style[k], etas.n < SW_MAX ? etas.n : SW_MAX, scaled, S, NULL);
    }
    plot_range_x(a, -0.05, 1.05);
    plot_vertical(c, 2, "edge");
    plot_save(p, "Left: exponent against e; the published curve jumps where eta = 0.3 enters the "
                 "fit, equal windows are flat. "
                 "Middle, right: S against eta and against eta lambda_max(0).");
}

static void e10_finish(ex *x)
{
    e10_row r[E10_N];
    double e[E10_FINE], alpha[E10_FINE], lo[E10_FINE], hi[E10_FINE];
    int extended = ex_find(x, "part=grid") != NULL;
    e10_published(x, r);
    if (extended) e10_grid(x, e, alpha, lo, hi), e10_theory_table(x);
    sw_check_identity(x);
    e10_figure(x, r, extended ? e : NULL, alpha, lo, hi);
}

static const ex_info e10 = { "E10",
                             "activation_coupling",
                             "Activation coupling",
                             "Theorem 4",
                             "smooth alpha transition",
                             "alpha_range",
                             e10_plan,
                             e10_run,
                             e10_finish,
                             NULL };
EX_MAIN(e10)
