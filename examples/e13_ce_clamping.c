/* E13  Cross-entropy "clamping": the loss interpolated from squared error to CE.  Theorem 6
 *   cc -O2 -o e13 examples/e13_ce_clamping.c -lm && ./e13   (40 s on two cores)
 * Setup   loss (1-e) MSE + e CE, activation s_a(z) = (1-a) z + a max(0, z), a = 0, 0.5, 1; two
 *         layers, d = 20, m = 64, K = 5, mixture n = 200; eight eta from 1e-4 to 0.3, three seeds,
 *         GD, T = 2000
 * Paper   "CE alpha ~ 1.0 at all widths"; ReLU alpha 1.293 (MSE) to 1.076 (CE). The script has one
 *         width.
 * Beyond  width x loss grid on three windows; what clamps: runs at equal f = eta lambda_max(0)/2
 *         up to 3 (matched sharpness), and the network linearised at theta_0, which keeps the
 *         softmax but cannot compress. */
#define CLB_IMPLEMENTATION
#include "../clb.h"
#include "ex.h"
#include "plot.h"
#include "sweep.h"

static const double e13_loss[] = { 0.0, 0.2, 0.5, 0.8, 1.0 }, e13_act[] = { 0.0, 0.5, 1.0 };
static const double e13_paper[3][5] = {
    { 1.1078, 1.0849, 1.2338, 1.1585, 1.1276 },
    { 1.2435, 1.2328, 1.2437, 1.1792, 1.0899 },
    { 1.2928, 1.2769, 1.2297, 1.1111, 1.0765 },
};
static const size_t e13_width[] = { 16, 32, 64, 128, 256 };
static const double e13_f[] = { 0.3, 0.9, 1.2, 1.5, 2.0, 3.0 };
static const double e13_large_lr[] = { 0.5, 1.0 };                  /* with them the window of E5 */
enum {
    E13_LOSSES = EX_LEN(e13_loss),
    E13_ACTS = EX_LEN(e13_act),
    E13_WIDTHS = EX_LEN(e13_width),
    E13_FS = EX_LEN(e13_f)
};
#define E13_LIST(array) ((ex_list){ EX_LEN(array), array })

static sw_case e13_case(const char *part, double act, double loss, size_t width)
{
    sw_case c = { part, act, loss, width, 3, 0 };
    return c;
}

/* --- plan and run ----------------------------------------------------------------------------- */

static void e13_plan_beyond(ex *x, ex_list seeds, ex_list etas)
{
    sw_case c = e13_case("sweep", 1, CLB_CE, 64);
    sw_plan(x, &c, seeds, "lr", E13_LIST(e13_large_lr));
    for (size_t w = 0; w < E13_WIDTHS; ++w)
        for (int act = 0; act <= 1; ++act)
            for (size_t k = 0; k < E13_LOSSES; k += 2) {
                c = e13_case("sweep", act, e13_loss[k], e13_width[w]);
                sw_plan_start(x, &c, seeds);
                if (e13_width[w] != 64) sw_plan(x, &c, seeds, "lr", etas);
            }
    for (int act = 0; act <= 1; ++act)
        for (size_t k = 0; k < E13_LOSSES; ++k) {
            c = e13_case("edge", act, e13_loss[k], 64);
            sw_plan(x, &c, seeds, "f", E13_LIST(e13_f));
        }
}

static void e13_plan(ex *x)
{
    ex_list seeds = ex_seeds(x, ex_quick(x) ? 1 : 3), etas = ex_lrs(x, sw_etas, SW_N);
    ex_config(x, "n_steps", ex_quick(x) ? SW_T_QUICK : SW_T);
    ex_config(x, "hidden", 64);
    for (size_t a = 0; a < E13_ACTS; ++a)
        for (size_t k = 0; k < E13_LOSSES; ++k) {
            sw_case c = e13_case("sweep", e13_act[a], e13_loss[k], 64);
            sw_plan(x, &c, seeds, "lr", etas);
        }
    if (!ex_published(x) && !ex_quick(x)) e13_plan_beyond(x, seeds, etas);
}

/* Beside a run at given f with cross entropy: S of the network linearised at theta_0. */
static clb_status e13_linearise(ex_row *row)
{
    clb_problem_opts opts = sw_opts(row);
    sw_start start;
    double S = EX_NAN;
    clb_status status = sw_start_init(&start, &opts, row->seed, ex_get(row, "loss"));
    if (!status)
        status =
            clb_linearised(&start.curv, ex_get(row, "eta"), (size_t)ex_get(row, "T"), NULL, &S);
    ex_num(row, "S_linearised", status ? EX_NAN : fabs(S));
    sw_start_free(&start);
    return status == CLB_EDIVERGED ? CLB_OK : status;
}

static clb_status e13_run(ex *x, ex_row *row)
{
    clb_status status = sw_run(x, row);
    return status || !ex_is(row, "edge") || ex_get(row, "loss") != 1 ? status : e13_linearise(row);
}

/* --- published part --------------------------------------------------------------------------- */

typedef struct e13_result { double alpha[3][5], common[3][5], low[3][5]; } e13_result;

/* One curve stands in the file twice where a = 1: "primary" and its copy in the grid. */
static void e13_curve(ex *x, size_t a, size_t k, e13_result *r)
{
    sw_tol tol = { 3.5e-5, 1e-4, 2e-4, 5e-6, 5e-5, sizeof(clb_real) == 4 ? 0.007 : 0.024, NULL };
    sw_case c = e13_case("sweep", e13_act[a], e13_loss[k], 64);
    ex_list etas = sw_upto(x, ex_lrs(x, sw_etas, SW_N), 0.3);
    const char *act = ex_key(x, c.act), *loss = ex_key(x, c.loss), *paths[3] = { NULL, NULL, NULL };
    ex_row *line;
    paths[0] = ex_print(x, "interpolated_loss/results.json#grid/act%s_loss%s", act, loss);
    if (a == 2) paths[1] = ex_print(x, "interpolated_loss/results.json#primary/%s", loss);
    if (a > 0 && k > 0 && k < 4) tol.edge = tol.S_edge = 5e-4;  /* blends: float32 against double */
    if (a == 1 && k == 1) tol.edge = tol.S_edge = 0.03;    /* these ring at the edge for hundreds */
    if ((a == 1 && k == 2) || (a == 2 && k == 1)) tol.edge = tol.S_edge = 0.01;       /* of steps */
    line = sw_published(x, &c, etas, &tol, paths, SW_ALL);
    for (size_t p = 0; paths[p]; ++p) {
        ex_ref_value(x, c.act, EX_EXACT, 0, "%s/act_epsilon", paths[p]);
        ex_ref_value(x, c.loss, EX_EXACT, 0, "%s/loss_epsilon", paths[p]);
    }
    if (a == 2)
        ex_ref(line, "alpha", EX_FIT, tol.alpha, "interpolated_loss/config.json#primary_summary/%s",
               loss);
    r->alpha[a][k] = ex_get(line, "alpha");
    r->common[a][k] = sw_alpha(x, &c, "lr", sw_upto(x, etas, 0.1)).slope;
    r->low[a][k] = sw_alpha(x, &c, "lr", sw_upto(x, etas, 0.03)).slope;
    ex_nums(
        line, "paper diverged_at_0.3 alpha_eta<=0.1 alpha_eta<=0.03",
        EX_VALUES(e13_paper[a][k], sw_diverged(x, &c, "lr", 0.3), r->common[a][k], r->low[a][k]));
}

static void e13_published(ex *x, e13_result *r)
{
    static const char *const config = "interpolated_loss/config.json";
    double lo = EX_INF, hi = -EX_INF;
    ex_row *range;
    ex_caption(x, "sweep",
               "Drift and S of every activation, loss and eta, means over the published seeds");
    ex_caption(x, "sweep_alpha",
               "Exponents of every activation and loss, published and equal windows");
    for (size_t a = 0; a < E13_ACTS; ++a)
        for (size_t k = 0; k < E13_LOSSES; ++k) e13_curve(x, a, k, r);
    for (size_t k = 0; k < E13_LOSSES; ++k)
        lo = fmin(lo, r->alpha[2][k]), hi = fmax(hi, r->alpha[2][k]);
    range = ex_summary(x, "alpha_range_loss", hi - lo);
    ex_printed(range, 0.21632);
    ex_ref(range, "value", EX_FIT, 0.024, "%s#alpha_range_loss", config);
    ex_printed(ex_summary(x, "alpha_ce_relu", r->alpha[2][4]), 1.0765);
    sw_config(x, "interpolated_loss", 3, E13_LIST(sw_etas));
    sw_config_list(x, ex_print(x, "%s#loss_epsilons", config), E13_LOSSES, e13_loss);
    sw_config_list(x, ex_print(x, "%s#act_epsilons", config), E13_ACTS, e13_act);
    ex_ref_value(x, 64, EX_EXACT, 0, "%s#hidden", config);
}

/* --- beyond the paper ------------------------------------------------------------------------- */

/* Exponents of a width on eta 1e-4..0.3, 1e-3..0.1, and eta lambda_max(0) < 1. */
typedef struct e13_windows { double all, middle, stable; } e13_windows;

static e13_windows e13_alpha(ex *x, double act, double loss, size_t width)
{
    sw_case c = e13_case("sweep", act, loss, width);
    ex_list etas = sw_upto(x, ex_lrs(x, sw_etas, SW_N), 0.3), middle = sw_upto(x, etas, 0.1);
    e13_windows w;
    while (middle.n && middle.at[0] < 1e-3) ++middle.at, --middle.n;
    w.all = sw_alpha(x, &c, "lr", etas).slope;
    w.middle = sw_alpha(x, &c, "lr", middle).slope;
    w.stable = sw_alpha_stable(x, &c, etas).slope;
    return w;
}

static void e13_width_table(ex *x)
{
    ex_caption(x, "widths", "Exponents against width on three windows");
    for (int act = 0; act <= 1; ++act)
        for (size_t k = 0; k < E13_LOSSES; k += 2)
            for (size_t w = 0; w < E13_WIDTHS; ++w) {
                e13_windows a = e13_alpha(x, act, e13_loss[k], e13_width[w]);
                sw_case c = e13_case("sweep", act, e13_loss[k], e13_width[w]);
                ex_row *line = ex_line(x, "widths");
                ex_num(line, "act", act), ex_num(line, "loss", e13_loss[k]),
                    ex_num(line, "width", (double)e13_width[w]);
                ex_num(line, "alpha_1e-4..0.3", a.all), ex_num(line, "alpha_1e-3..0.1", a.middle);
                ex_num(line, "alpha_eta*lambda<1", a.stable),
                    ex_num(line, "lambda_max", sw_lambda(x, &c));
            }
}

/* Local slopes and divergence at equal f; error of the linearised network where the loss is cross
 * entropy. */
static void e13_edge_table(ex *x)
{
    ex_caption(x, "edge",
               "Equal sharpness, f = eta lambda_max(0)/2: mean drift of the surviving seeds, "
               "diverged runs, local slope "
               "from the f before, error of S of the linearised network");
    for (int act = 0; act <= 1; ++act)
        for (size_t k = 0; k < E13_LOSSES; ++k) {
            sw_case c = e13_case("edge", act, e13_loss[k], 64);
            double before = EX_NAN;
            for (size_t i = 0; i < E13_FS; ++i) {
                ex_list d = sw_values(x, &c, "drift", "f", e13_f[i]);
                double drift = clb_summarize(d.n, d.at).mean;
                ex_row *line = ex_line(x, "edge");
                ex_nums(line, "act loss f drift", EX_VALUES(act, e13_loss[k], e13_f[i], drift)),
                    ex_num(line, "diverged", sw_diverged(x, &c, "f", e13_f[i]));
                ex_num(line, "slope",
                       i ? clb_log(drift / before) / clb_log(e13_f[i] / e13_f[i - 1]) : EX_NAN);
                if (e13_loss[k] == 1)
                    ex_num(line, "linearised_error",
                           sw_mean(x, &c, "S_linearised", "f", e13_f[i])
                                   / sw_mean(x, &c, "S", "f", e13_f[i])
                               - 1);
                before = drift;
            }
        }
}

/* --- verdicts --------------------------------------------------------------------------------- */

static void e13_verdict_widths(ex *x, int beyond)
{
    double worst = 0, worst_all = 0;
    ex_buf text = { NULL, 0, 0 };
    for (size_t w = 0; w < E13_WIDTHS; ++w) {
        e13_windows a;
        if (!beyond && e13_width[w] != 64) continue;
        a = e13_alpha(x, 1, CLB_CE, e13_width[w]);
        worst = fmax(worst, fabs(a.middle - 1)), worst_all = fmax(worst_all, fabs(a.all - 1));
        ex_putf(&text, "%sm = %zu: %.3f (%.3f)", w && text.n ? "; " : "", e13_width[w], a.middle,
                a.all);
    }
    ex_claim(x, "CE alpha ~ 1.0 at all widths", "1.0",
             ex_print(x, "ReLU, eta 1e-3..0.1 (in brackets 1e-4..0.3): %s", text.s),
             "reproduced if all widths were run and the largest |alpha - 1| on eta 1e-3..0.1 < "
             "0.05 and on 1e-4..0.3 < 0.05; qualified if on 1e-3..0.1 < 0.1. The published script "
             "of this row has one width, m = 64.",
             EX_VALUES(beyond, worst, worst_all, worst));
    free(text.s);
}

static void e13_verdict_headline(ex *x)
{
    sw_case c = e13_case("sweep", 1, CLB_CE, 64);
    double *etas = ex_doubles(x, SW_N + 2), wide, middle = e13_alpha(x, 1, CLB_CE, 64).middle;
    ex_list all = { SW_N + 2, etas };
    memcpy(etas, sw_etas, sizeof sw_etas), memcpy(etas + SW_N, e13_large_lr, sizeof e13_large_lr);
    wide = sw_alpha(x, &c, "lr", all).slope;
    ex_claim(
        x, "CE alpha ~ 1.0 and the headline alpha = 1.16 are different findings", "1.0 and 1.16",
        ex_print(x, "the same ReLU CE runs: %.3f on eta 1e-3..0.1, %.3f on 1e-4..1", middle, wide),
        "reproduced if the exponents differ by < 0.02; qualified if by < 0.05. Both come from the "
        "same runs (m = 64, ReLU, cross entropy): they can differ by the fit window alone.",
        EX_VALUES(fabs(wide - middle), fabs(wide - middle)));
}

static void e13_verdict_transition(ex *x, const e13_result *r)
{
    double lo = EX_INF, hi = -EX_INF, mse, ce, early;
    int falls = 1, grows;
    sw_case c = e13_case("sweep", 1, CLB_MSE, 64);
    const char *published, *common;
    for (size_t k = 0; k < E13_LOSSES; ++k) {
        lo = fmin(lo, r->common[2][k]), hi = fmax(hi, r->common[2][k]);
        falls &= k == 0 || r->alpha[2][k] < r->alpha[2][k - 1];
    }
    mse = sw_mean(x, &c, "drift", "lr", 0.3),
    early = sw_mean(x, &c, "early_drift", "lr", 0.3) / mse;
    c.loss = CLB_CE, ce = sw_mean(x, &c, "drift", "lr", 0.3);
    ex_claim(x, "smooth monotone transition of alpha from MSE to CE", "1.293 to 1.076",
             ex_print(x,
                      "%s on the published window; range %.3f on eta <= 0.1; drift at eta = 0.3: "
                      "%.3f (MSE), %.3f (CE)",
                      falls ? "monotone" : "not monotone", hi - lo, mse, ce),
             "reproduced if alpha falls at every step of the published window and its range on eta "
             "<= 0.1 is > 0.1; qualified if it falls there and its range is > 0.05. The published "
             "window includes eta = 0.3, whose drift is the catapult's.",
             EX_VALUES(falls, hi - lo, falls, hi - lo));
    published = ex_print(x, "%+.3f, %+.3f, %+.3f", r->alpha[0][4] - r->alpha[0][0],
                         r->alpha[1][4] - r->alpha[1][0], r->alpha[2][4] - r->alpha[2][0]);
    common = ex_print(x, "%+.3f, %+.3f, %+.3f", r->common[0][4] - r->common[0][0],
                      r->common[1][4] - r->common[1][0], r->common[2][4] - r->common[2][0]);
    grows = fabs(r->common[2][4] - r->common[2][0]) > fabs(r->common[1][4] - r->common[1][0])
            && fabs(r->common[1][4] - r->common[1][0]) > fabs(r->common[0][4] - r->common[0][0]);
    ex_claim(x, "the effect of CE grows with the nonlinearity",
             "+0.020, -0.154, -0.216 for a = 0, 0.5, 1",
             ex_print(x, "%s on the published window; %s on eta <= 0.1", published, common),
             "reproduced if on eta up to 0.1 the effect grows at both steps of a. On the published "
             "window a fit can lose eta = 0.3 to divergence.",
             EX_VALUES(grows));
    ex_claim(x, "softmax compression during training lowers alpha", "Theorem 6",
             ex_print(x, "MSE at eta = 0.3 makes %.0f %% of its drift in the first 10 of %d steps",
                      100 * early, SW_T),
             "reproduced if MSE makes < 50 % of its drift in the first 10 steps; else qualified. "
             "CE starts at smaller sharpness and with bounded gradients, before any compression; "
             "the published work does not separate these.",
             EX_VALUES(100 * early));
}

/* Beyond the edge: survival and local slopes at f >= 1.2. */
static void e13_verdict_clamp(ex *x)
{
    double ce_diverged = 0, mse_diverged = 0, error = 0;
    for (int act = 0; act <= 1; ++act)
        for (size_t i = 2; i < E13_FS; ++i) {
            sw_case ce = e13_case("edge", act, CLB_CE, 64),
                    mse = e13_case("edge", act, CLB_MSE, 64);
            ce_diverged += sw_diverged(x, &ce, "f", e13_f[i]),
                mse_diverged += sw_diverged(x, &mse, "f", e13_f[i]);
            error = fmax(error, fabs(sw_mean(x, &ce, "S_linearised", "f", e13_f[i])
                                         / sw_mean(x, &ce, "S", "f", e13_f[i])
                                     - 1));
        }
    ex_claim(x,
             "CE clamps (in this form: beyond the edge it stays bounded where MSE diverges, at "
             "equal sharpness)",
             "not stated",
             ex_print(x,
                      "f = 1.2 .. 3, linear and ReLU: %g CE runs and %g MSE runs diverge; the "
                      "network linearised at theta_0 gives S of CE within %.0f %%",
                      ce_diverged, mse_diverged, 100 * error),
             "reproduced if CE runs that diverge = 0 and MSE runs that diverge > 0 and the "
             "linearised network errs by < 10 %; qualified if CE runs that diverge = 0 and MSE "
             "runs that diverge > 0. Output gradients of CE are bounded by |p - y| <= 1; the "
             "linearised network has that and no compression.",
             EX_VALUES(ce_diverged, mse_diverged, 100 * error, ce_diverged, mse_diverged));
}

/* --- figure ----------------------------------------------------------------------------------- */

static void e13_panel_width(ex *x, plot *p)
{
    plot_panel *a = plot_add(p, "Cross entropy, ReLU", "width m", "alpha", PLOT_LOGX);
    double m[E13_WIDTHS], all[E13_WIDTHS], middle[E13_WIDTHS], stable[E13_WIDTHS];
    for (size_t w = 0; w < E13_WIDTHS; ++w) {
        e13_windows v = e13_alpha(x, 1, CLB_CE, e13_width[w]);
        m[w] = (double)e13_width[w], all[w] = v.all, middle[w] = v.middle, stable[w] = v.stable;
    }
    plot_points(a, PLOT_BLUE, E13_WIDTHS, m, all, "eta 1e-4 .. 0.3");
    plot_points(a, PLOT_ORANGE | PLOT_TRIANGLE, E13_WIDTHS, m, middle, "eta 1e-3 .. 0.1");
    plot_points(a, PLOT_GREEN | PLOT_DIAMOND, E13_WIDTHS, m, stable, "eta lambda_max < 1");
}

static void e13_figure(ex *x, const e13_result *r, int beyond)
{
    static const int style[E13_ACTS] = { PLOT_BLUE, PLOT_GREEN, PLOT_PURPLE };
    plot *p = plot_new(x, "loss", 2, 2);
    plot_panel *a = plot_add(p, "Exponent, ReLU", "e (0 MSE, 1 CE)", "alpha", PLOT_LINEAR), *b, *c;
    plot_points(a, PLOT_PUBLISHED, E13_LOSSES, e13_loss, e13_paper[2], "published");
    plot_points(a, PLOT_BLUE, E13_LOSSES, e13_loss, r->alpha[2], "all finite eta");
    plot_points(a, PLOT_ORANGE | PLOT_TRIANGLE, E13_LOSSES, e13_loss, r->common[2], "eta <= 0.1");
    plot_points(a, PLOT_GREEN | PLOT_DIAMOND, E13_LOSSES, e13_loss, r->low[2], "eta <= 0.03");
    b = plot_add(p, "The point eta = 0.3, ReLU", "e (0 MSE, 1 CE)", "drift, one dot a seed",
                 PLOT_LOGY);
    for (size_t k = 0; k < E13_LOSSES; ++k) {
        sw_case one = e13_case("sweep", 1, e13_loss[k], 64);
        ex_list d = sw_values(x, &one, "drift", "lr", 0.3);
        for (size_t s = 0; s < d.n; ++s) plot_points(b, PLOT_RED, 1, &e13_loss[k], &d.at[s], NULL);
    }
    c = plot_add(p, "Equal window eta <= 0.1", "e (0 MSE, 1 CE)", "alpha", PLOT_LINEAR);
    for (size_t k = 0; k < E13_ACTS; ++k) {
        plot_line(c, style[k], E13_LOSSES, e13_loss, r->common[k], NULL);
        plot_points(c, style[k], E13_LOSSES, e13_loss, r->common[k],
                    ex_print(x, "a = %g", e13_act[k]));
    }
    plot_range_y(c, 1, 1.3);
    plot_range_x(a, -0.05, 1.05), plot_range_x(b, -0.05, 1.05), plot_range_x(c, -0.05, 1.05);
    if (beyond) e13_panel_width(x, p);
    plot_save(p, "Exponent of the ReLU net against the loss, on three windows; the drift at eta = "
                 "0.3 that makes the published transition; all activations on one window (scale of "
                 "the published plot); cross entropy against width.");
}

static void e13_finish(ex *x)
{
    e13_result r;
    int beyond = ex_find(x, "part=edge") != NULL;
    e13_published(x, &r);
    if (beyond) e13_width_table(x), e13_edge_table(x);
    e13_verdict_widths(x, beyond);
    if (beyond) e13_verdict_headline(x), e13_verdict_clamp(x);
    e13_verdict_transition(x, &r);
    sw_check_identity(x);
    e13_figure(x, &r, beyond);
}

static const ex_info e13 = {
    "E13",           "ce_clamping", "CE clamping", "Theorem 6", "CE alpha ~ 1.0 at all widths",
    "alpha_ce_relu", e13_plan,      e13_run,       e13_finish,  NULL
};
EX_MAIN(e13)
