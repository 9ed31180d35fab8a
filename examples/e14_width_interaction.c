/* E14  Interaction with width: does the regularisation by cross entropy grow with m?  Theorem 6
 *   cc -O2 -o e14 examples/e14_width_interaction.c -lm && ./e14   (30 s on two cores)
 * Setup   (A) squared loss, s_e(z) = (1-e) z + e max(0, z), e = 0, 0.5, 1, m = 16 .. 256, eight
 *         eta from 1e-4 to 0.3, three seeds, T = 2000; the model is drawn first, so every width
 *         has its own data; (B) the same with cross entropy: r(m) = alpha(MSE) - alpha(CE)
 * Paper   "CE regularisation grows with m"; d_alpha = alpha(ReLU) - alpha(linear) = -0.11 .. 0.57
 * Beyond  (B) on equal data and at equal f = eta lambda_max(0)/2 with bootstrap bands; collapse of
 *         all curves; sign of the drift around m = d; where each case diverges. */
#define CLB_IMPLEMENTATION
#include "../clb.h"
#include "ex.h"
#include "plot.h"
#include "sweep.h"

static const size_t e14_width[] = { 16, 32, 64, 128, 256 };
static const double e14_act[] = { 0.0, 0.5, 1.0 };
static const double e14_paper[5][3] = {
    { 1.1542, 1.1922, 1.0423 }, { 1.1851, 1.1280, 1.1589 }, { 1.1078, 1.2435, 1.2928 },
    { 1.3638, 1.1252, 1.2223 }, { 1.1211, 1.5208, 1.6890 },
};
/* of the float32 C */
static const double e14_quantum[] = { 1.1e-6, 1.6e-6, 4.4e-6, 6.2e-6, 1.8e-5 };
static const double e14_f[] = { 0.01, 0.03, 0.1, 0.3 },
                    e14_edge_f[] = { 0.9, 1.5, 1.9, 2.1, 2.5, 3.0, 4.5 };
static const double e14_sign_lr[] = { 0.01 };
enum {
    E14_WIDTHS = EX_LEN(e14_width),
    E14_ACTS = EX_LEN(e14_act),
    E14_D = 20,
    E14_SIGN_LO = 8,
    E14_SIGN_HI = 40,
    E14_SIGN_STEP = 4,
    E14_SIGN_SEEDS = 20
};
#define E14_LIST(array) ((ex_list){ EX_LEN(array), array })

static sw_case e14_case(const char *part, double act, double loss, size_t width)
{
    sw_case c = { part, act, loss, width, 3, 0 };
    return c;
}

/* --- plan ------------------------------------------------------------------------------------- */

static void e14_plan_beyond(ex *x, ex_list three, ex_list etas)
{
    ex_list five = ex_seeds(x, 5), many = ex_seeds(x, E14_SIGN_SEEDS);
    for (size_t w = 0; w < E14_WIDTHS; ++w)
        for (size_t a = 0; a < E14_ACTS; ++a)
            for (int loss = 0; loss <= 1; ++loss) {
                sw_case c = e14_case("sweep", e14_act[a], loss, e14_width[w]), f = c;
                sw_plan_start(x, &c, three);
                if (loss) sw_plan(x, &c, three, "lr", etas);
                if (a == 1) continue;
                f.part = "equal", f.data_first = 1, f.pub = 0;
                sw_plan(x, &f, five, "f", E14_LIST(e14_f));
                f = c, f.part = "edge";
                if (e14_width[w] == 64 || e14_width[w] == 128)
                    sw_plan(x, &f, three, "f", E14_LIST(e14_edge_f));
            }
    for (size_t m = E14_SIGN_LO; m <= E14_SIGN_HI; m += E14_SIGN_STEP) {
        sw_case c = e14_case("sign", 0, CLB_MSE, m);
        sw_plan(x, &c, many, "lr", E14_LIST(e14_sign_lr));
    }
}

static void e14_plan(ex *x)
{
    ex_list seeds = ex_seeds(x, ex_quick(x) ? 1 : 3), etas = ex_lrs(x, sw_etas, SW_N);
    ex_config(x, "n_steps", ex_quick(x) ? SW_T_QUICK : SW_T);
    for (size_t w = 0; w < E14_WIDTHS; ++w)
        for (size_t a = 0; a < E14_ACTS; ++a) {
            sw_case c = e14_case("sweep", e14_act[a], CLB_MSE, e14_width[w]);
            sw_plan(x, &c, seeds, "lr", etas);
        }
    if (!ex_published(x) && !ex_quick(x)) e14_plan_beyond(x, seeds, etas);
}

/* --- (A): published part ---------------------------------------------------------------------- */

/* Exponents and numbers of points, [width][activation]: published window, eta <= 0.03, eta
 * lambda_max < 1. */
typedef struct e14_result { double alpha[5][3], points[5][3], low[5][3], stable[5][3]; } e14_result;

/* Float32 loses a tenth of alpha at m = 256 with gates; a float build loses it too. */
static const char *const e14_cause =
    "published drifts at eta = 1e-4 and 3e-4 are 2.2 and 1.4 times too small: updates below the "
    "rounding of the float32 weights";
static int e14_rounded(size_t w, size_t a) { return w == 4 && a > 0 && sizeof(clb_real) == 8; }

static void e14_curve(ex *x, size_t w, size_t a, e14_result *r)
{
    sw_tol tol = { 8 * e14_quantum[w], 1e-4, 1e-3, 0, 0, 0, NULL };
    sw_case c = e14_case("sweep", e14_act[a], CLB_MSE, e14_width[w]);
    ex_list etas = ex_lrs(x, sw_etas, SW_N);
    const char *key = ex_key(x, c.act), *paths[2] = { NULL, NULL };
    clb_fit fit = sw_alpha(x, &c, "lr", etas);
    ex_row *line;
    paths[0] = ex_print(x, "width_mode_coupling/results.json#%zu/per_epsilon/%s", c.width, key);
    tol.alpha = w == 0 ? 0.05 : 0.024;
    if (e14_rounded(w, a)) tol.because = e14_cause;
    line = sw_published(x, &c, etas, &tol, paths, SW_MEAN | SW_STD | SW_DRIFTS);
    ex_ref_value(x, c.act, EX_EXACT, 0, "%s/act_epsilon", paths[0]);
    r->alpha[w][a] = fit.slope, r->points[w][a] = (double)fit.n;
    r->low[w][a] = sw_alpha(x, &c, "lr", sw_upto(x, etas, 0.03)).slope;
    r->stable[w][a] = sw_alpha_stable(x, &c, etas).slope;
    ex_nums(line, "paper alpha_eta<=0.03 alpha_eta*lambda<1 lambda_max",
            EX_VALUES(e14_paper[w][a], r->low[w][a], r->stable[w][a], sw_lambda(x, &c)));
}

static void e14_published(ex *x, e14_result *r)
{
    static const char *const config = "width_mode_coupling/config.json";
    ex_caption(x, "sweep",
               "(A) Drift of every width, activation and eta, squared loss, means over the "
               "published seeds");
    ex_caption(x, "sweep_alpha", "(A) Exponents, published window and equal windows");
    for (size_t w = 0; w < E14_WIDTHS; ++w) {
        ex_row *item;
        size_t m = e14_width[w];
        for (size_t a = 0; a < E14_ACTS; ++a) e14_curve(x, w, a, r);
        item = ex_summary(x, ex_print(x, "delta_alpha_%zu", m), r->alpha[w][2] - r->alpha[w][0]);
        ex_printed(item, e14_paper[w][2] - e14_paper[w][0]);
        ex_ref(item, "value", e14_rounded(w, 2) ? EX_ARTEFACT : EX_FIT, w == 0 ? 0.1 : 0.048,
               "%s#delta_alphas/%zu", config, m);
        if (e14_rounded(w, 2)) ex_because(x, e14_cause);
        ex_ref_value(x, (double)m, EX_EXACT, 0, "width_mode_coupling/results.json#%zu/width", m);
        ex_ref_value(x, (double)(m * 25), EX_EXACT, 0,
                     "width_mode_coupling/results.json#%zu/n_params", m);
        ex_ref_value(x, (double)m, EX_EXACT, 0, "%s#widths/%zu", config, w);
    }
    sw_config_list(x, ex_print(x, "%s#act_epsilons", config), E14_ACTS, e14_act);
    sw_config(x, "width_mode_coupling", 3, E14_LIST(sw_etas));
    ex_ref_value(x, 0, EX_EXACT, 0, "%s#gamma_r2", config);
}

/* d_alpha: artefact of unequal numbers of points? */
static void e14_verdict_modes(ex *x, const e14_result *r)
{
    double largest = 0, equal = 0, follows = 0, cases = 0;
    for (size_t w = 0; w < E14_WIDTHS; ++w) {
        double d = r->alpha[w][2] - r->alpha[w][0], more = r->points[w][2] - r->points[w][0];
        largest = fmax(largest, fabs(d));
        equal = fmax(equal, fabs(r->stable[w][2] - r->stable[w][0]));
        if (more != 0) ++cases, follows += d * more > 0;
    }
    ex_claim(x, "mode coupling by ReLU does not vanish with m",
             "d_alpha = -0.11, -0.03, +0.19, -0.14, +0.57",
             ex_print(x,
                      "published window: up to %.2f; eta lambda_max(0) < 1: up to %.3f; %g of %g "
                      "widths with unequal numbers of points favour the arm with more",
                      largest, equal, follows, cases),
             "reproduced if the largest |d_alpha| where eta lambda_max(0) < 1 is > 0.1. On the "
             "published window one arm may keep a point beyond 2/lambda_max that the other has "
             "lost to divergence.",
             EX_VALUES(equal));
}

static void e14_verdict_narrow(ex *x)
{
    double spread[E14_WIDTHS];
    for (size_t w = 0; w < E14_WIDTHS; ++w) {
        sw_case c = e14_case("sweep", 0, CLB_MSE, e14_width[w]);
        ex_list d = sw_values(x, &c, "drift", "lr", 0.01);
        clb_summary s = clb_summarize(d.n, d.at);
        spread[w] = s.max / s.min;
    }
    ex_claim(x, "narrow nets are the clean, perturbative case", "m = 16",
             ex_print(x,
                      "largest over smallest drift of the seeds at eta = 0.01, linear: %.0f (m = "
                      "16), %.1f (32), %.1f (64), %.1f (256)",
                      spread[0], spread[1], spread[2], spread[4]),
             "reproduced if the spread of the seeds at m = 16 over that at 256 is < 2. At m < d = "
             "20 the imbalance is near zero with random sign.",
             EX_VALUES(spread[0] / spread[4]));
}

/* --- (B): cross entropy against squared loss -------------------------------------------------- */

/* alpha(MSE) - alpha(CE) on 1e-3..0.1, 1e-3..0.03, eta lambda_max < 1. */
static void e14_regularisation(ex *x, size_t act, size_t w, double r[3])
{
    ex_list etas = ex_lrs(x, sw_etas, SW_N), wide, low;
    double alpha[2][3];
    while (etas.n && etas.at[0] < 1e-3) ++etas.at, --etas.n;
    wide = sw_upto(x, etas, 0.1), low = sw_upto(x, etas, 0.03);
    for (int loss = 0; loss <= 1; ++loss) {
        sw_case c = e14_case("sweep", e14_act[act], loss, e14_width[w]);
        alpha[loss][0] = sw_alpha(x, &c, "lr", wide).slope;
        alpha[loss][1] = sw_alpha(x, &c, "lr", low).slope;
        alpha[loss][2] = sw_alpha_stable(x, &c, ex_lrs(x, sw_etas, SW_N)).slope;
    }
    for (int k = 0; k < 3; ++k) r[k] = alpha[0][k] - alpha[1][k];
}

/* r at equal f on equal data: the two losses have the same seeds, so they are redrawn together. */
typedef struct e14_pair { clb_sweep mse, ce; } e14_pair;
static double e14_r_of(void *context, size_t n, const uint32_t *index)
{
    const e14_pair *p = (const e14_pair *)context;
    double mse[SW_MAX], ce[SW_MAX];
    clb_sweep_means(&p->mse, index, n, mse);
    clb_sweep_means(&p->ce, index, n, ce);
    return clb_fit_power(p->mse.n, p->mse.x, mse, 1e-15).slope
           - clb_fit_power(p->ce.n, p->ce.x, ce, 1e-15).slope;
}

static clb_interval e14_equal(ex *x, size_t act, size_t w)
{
    e14_pair pair;
    clb_interval r;
    sw_case c = e14_case("equal", e14_act[act], CLB_MSE, e14_width[w]);
    c.pub = 0;
    pair.mse = sw_curve(x, &c, "f", E14_LIST(e14_f));
    c.loss = CLB_CE;
    pair.ce = sw_curve(x, &c, "f", E14_LIST(e14_f));
    clb_bootstrap(pair.mse.seeds, e14_r_of, &pair, NULL, &r);
    return r;
}

static void e14_part_b(ex *x)
{
    double r[2][E14_WIDTHS][3], worst_equal = 0, ratio_lo = EX_INF, ratio_hi = 0;
    ex_caption(x, "regularisation",
               "(B) r = alpha(MSE) - alpha(CE) on eta 1e-3..0.1, without 0.1, on eta lambda_max(0) "
               "< 1; at equal f <= 0.3 on equal data, 95 % bootstrap; lambda_max of both losses");
    for (size_t a = 0; a < 2; ++a)
        for (size_t w = 0; w < E14_WIDTHS; ++w) {
            sw_case c = e14_case("sweep", e14_act[2 * a], CLB_MSE, e14_width[w]);
            clb_interval equal = e14_equal(x, 2 * a, w);
            double mse = sw_lambda(x, &c), ce;
            ex_row *line = ex_line(x, "regularisation");
            c.loss = CLB_CE, ce = sw_lambda(x, &c);
            e14_regularisation(x, 2 * a, w, r[a][w]);
            ex_text(line, "net", a ? "ReLU" : "linear"), ex_num(line, "width", (double)c.width);
            ex_num(line, "r_1e-3..0.1", r[a][w][0]), ex_num(line, "r_1e-3..0.03", r[a][w][1]);
            ex_num(line, "r_eta*lambda<1", r[a][w][2]);
            ex_num(line, "r_equal_f", equal.value), ex_num(line, "lo", equal.lo),
                ex_num(line, "hi", equal.hi);
            ex_num(line, "lambda_mse", mse), ex_num(line, "lambda_ce", ce);
            if (e14_width[w] > E14_D) worst_equal = fmax(worst_equal, fabs(equal.value));
            ratio_lo = fmin(ratio_lo, ce / mse), ratio_hi = fmax(ratio_hi, ce / mse);
        }
    ex_claim(x, "CE regularisation grows with m", "grows",
             ex_print(x,
                      "eta 1e-3..0.1: linear %.3f, %.3f, %.3f, ReLU %.3f, %.3f, %.3f (m = 32, 64, "
                      "128); without 0.1: ReLU %.3f, %.3f, %.3f; at equal f |r| <= %.3f",
                      r[0][1][0], r[0][2][0], r[0][3][0], r[1][1][0], r[1][2][0], r[1][3][0],
                      r[1][1][1], r[1][2][1], r[1][3][1], worst_equal),
             "reproduced if r where eta lambda_max(0) < 1 grows from m = 32 to 256 by > 0.03 for "
             "ReLU and by > 0.03 for linear nets; qualified if r on eta 1e-3..0.1 grows from m = "
             "32 to 128 by > 0 for ReLU and by > 0 for linear nets. On the fixed window MSE nears "
             "its edge at eta = 0.1 as m grows. The published script of this row has no CE run.",
             EX_VALUES(r[1][4][2] - r[1][1][2], r[0][4][2] - r[0][1][2], r[1][3][0] - r[1][1][0],
                       r[0][3][0] - r[0][1][0]));
    ex_claim(x, "the mechanism is compression during training", "Theorem 6",
             ex_print(x,
                      "lambda_max(0) of CE over MSE: %.2f .. %.2f at all widths; r at equal f <= "
                      "%.3f",
                      ratio_lo, ratio_hi, worst_equal),
             "reproduced if the largest |r| at equal f > 0.1; qualified if it is > 0.05. At equal "
             "eta CE starts at smaller eta lambda_max; at equal f the two losses start alike, and "
             "what is left is for compression to explain.",
             EX_VALUES(worst_equal, worst_equal));
}

/* --- beyond the paper: collapse, sign, edge --------------------------------------------------- */

/* y = S eta / (|kappa_0| (Loss_0 - Loss_T)) of seed means, against eta lambda_max(0): energy
 * balance says 1 below the edge. */
static double e14_collapse_y(ex *x, const sw_case *c, double eta)
{
    ex_list kappa = sw_values(x, c, "kappa_0", "lr", eta);
    double mean = 0,
           fall = sw_mean(x, c, "initial_loss", "lr", eta) - sw_mean(x, c, "final_loss", "lr", eta);
    for (size_t s = 0; s < kappa.n; ++s) mean += fabs(kappa.at[s]) / (double)kappa.n;
    return sw_mean(x, c, "S", "lr", eta) * eta / (mean * fall);
}

static void e14_collapse(ex *x, plot_panel *panel)
{
    static const int style[2][2] = { { PLOT_BLUE, PLOT_GREEN | PLOT_DIAMOND },
                                     { PLOT_RED | PLOT_TRIANGLE, PLOT_ORANGE | PLOT_SQUARE } };
    ex_list etas = ex_lrs(x, sw_etas, SW_N);
    double lo = EX_INF, hi = 0;
    for (size_t a = 0; a < 2; ++a)
        for (int loss = 0; loss <= 1; ++loss)
            for (size_t w = 2; w < E14_WIDTHS; ++w) {
                sw_case c = e14_case("sweep", e14_act[2 * a], loss, e14_width[w]);
                double xs[SW_N], ys[SW_N], lambda = sw_lambda(x, &c);
                size_t n = etas.n < SW_N ? etas.n : SW_N;
                for (size_t i = 0; i < n; ++i) {
                    xs[i] = etas.at[i] * lambda, ys[i] = e14_collapse_y(x, &c, etas.at[i]);
                    if (xs[i] < 0.5) lo = fmin(lo, ys[i]), hi = fmax(hi, ys[i]);
                }
                plot_points(panel, style[a][loss], n, xs, ys,
                            w == 2
                                ? ex_print(x, "%s, %s", a ? "ReLU" : "linear", loss ? "CE" : "MSE")
                                : NULL);
            }
    ex_summary(x, "collapse_lowest_below_0.5", lo);
    ex_summary(x, "collapse_highest_below_0.5", hi);
}

/* Mean kappa_0 = delta_0/|g|^2 against (m - d)/(m + d), and the sign of S. */
static void e14_sign(ex *x, double *m, double *kappa, double *theory)
{
    size_t k = 0;
    double error = 0;
    ex_caption(x, "sign",
               "Linear net, squared loss, eta = 0.01: share delta_0/|g|^2 of the imbalance in the "
               "first gradient, mean over seeds, against (m-d)/(m+d); share of seeds with S > 0");
    for (size_t width = E14_SIGN_LO; width <= E14_SIGN_HI; width += E14_SIGN_STEP, ++k) {
        sw_case c = e14_case("sign", 0, CLB_MSE, width);
        ex_list kap, S;
        double positive = 0;
        ex_row *line = ex_line(x, "sign");
        c.pub = 0;
        kap = sw_values(x, &c, "kappa_0", "lr", e14_sign_lr[0]),
        S = sw_values(x, &c, "S_signed", "lr", e14_sign_lr[0]);
        for (size_t s = 0; s < S.n; ++s) positive += (S.at[s] > 0) / (double)S.n;
        m[k] = (double)width, kappa[k] = clb_mean(kap.n, kap.at);
        theory[k] = (m[k] - E14_D) / (m[k] + E14_D);
        error = fmax(error, fabs(kappa[k] - theory[k]));
        ex_nums(line, "width kappa_0 stderr theory S_positive",
                EX_VALUES(m[k], kappa[k], clb_stderr(kap.n, kap.at), theory[k], positive));
    }
    ex_summary(x, "kappa_0_largest_difference_to_theory", error);
}

static void e14_edge(ex *x)
{
    ex_caption(x, "edge", "Diverged runs of three seeds at eta lambda_max(0) = 2 f");
    for (size_t a = 0; a < 2; ++a)
        for (int loss = 0; loss <= 1; ++loss)
            for (size_t w = 2; w < 4; ++w) {
                sw_case c = e14_case("edge", e14_act[2 * a], loss, e14_width[w]);
                ex_row *line = ex_line(x, "edge");
                ex_text(line, "net", a ? "ReLU" : "linear"),
                    ex_text(line, "loss", loss ? "CE" : "MSE");
                ex_num(line, "width", (double)c.width);
                for (size_t i = 0; i < EX_LEN(e14_edge_f); ++i)
                    ex_num(line, ex_print(x, "%g", 2 * e14_edge_f[i]),
                           sw_diverged(x, &c, "f", e14_edge_f[i]));
            }
}

/* --- figure ----------------------------------------------------------------------------------- */

static void e14_panel_alpha(ex *x, plot *p, const e14_result *r)
{
    static const int style[E14_ACTS] = { PLOT_BLUE, PLOT_GREEN | PLOT_DIAMOND,
                                         PLOT_PURPLE | PLOT_TRIANGLE };
    plot_panel *a =
        plot_add(p, "Exponent, squared loss, published window", "width m", "alpha", PLOT_LOGX);
    double m[E14_WIDTHS], ours[E14_WIDTHS], paper[E14_WIDTHS];
    for (size_t k = 0; k < E14_ACTS; ++k) {
        for (size_t w = 0; w < E14_WIDTHS; ++w)
            m[w] = (double)e14_width[w], ours[w] = r->alpha[w][k], paper[w] = e14_paper[w][k];
        plot_points(a, PLOT_PUBLISHED, E14_WIDTHS, m, paper, k ? NULL : "published");
        plot_line(a, style[k] | PLOT_THIN, E14_WIDTHS, m, ours, NULL);
        plot_points(a, style[k], E14_WIDTHS, m, ours,
                    ex_print(x, "e = %g (%g, %g, %g, %g, %g points)", e14_act[k], r->points[0][k],
                             r->points[1][k], r->points[2][k], r->points[3][k], r->points[4][k]));
    }
    plot_range_y(a, 1, 1.95);
}

static void e14_panel_r(ex *x, plot *p)
{
    plot_panel *a =
        plot_add(p, "CE regularisation, ReLU", "width m", "r = alpha(MSE) - alpha(CE)", PLOT_LOGX);
    double m[E14_WIDTHS], r[3][E14_WIDTHS], one[3], equal[E14_WIDTHS], lo[E14_WIDTHS],
        hi[E14_WIDTHS];
    for (size_t w = 0; w < E14_WIDTHS; ++w) {
        clb_interval ci = e14_equal(x, 2, w);
        e14_regularisation(x, 2, w, one);
        m[w] = (double)e14_width[w], equal[w] = ci.value, lo[w] = ci.lo, hi[w] = ci.hi;
        for (int k = 0; k < 3; ++k) r[k][w] = one[k];
    }
    plot_points(a, PLOT_RED, E14_WIDTHS, m, r[0], "eta 1e-3 .. 0.1");
    plot_points(a, PLOT_ORANGE | PLOT_TRIANGLE, E14_WIDTHS, m, r[1], "eta 1e-3 .. 0.03");
    plot_points(a, PLOT_GREEN | PLOT_DIAMOND, E14_WIDTHS, m, r[2], "eta lambda_max < 1");
    plot_errors(a, PLOT_BLUE, E14_WIDTHS, m, lo, hi);
    plot_points(a, PLOT_BLUE | PLOT_SQUARE, E14_WIDTHS, m, equal, "equal f, equal data");
}

static void e14_panel_lambda(ex *x, plot *p)
{
    static const struct { const char *label; double act; int loss, style;
    } cases[] = {
        { "linear, MSE", 0, 0, PLOT_BLUE }, { "half, MSE", 0.5, 0, PLOT_CYAN },
        { "ReLU, MSE", 1, 0, PLOT_RED },    { "linear, CE", 0, 1, PLOT_GREEN },
        { "ReLU, CE", 1, 1, PLOT_ORANGE },
    };
    plot_panel *a = plot_add(p, "Sharpness at the start", "width m", "lambda_max(H_0)", PLOT_LOG);
    for (size_t k = 0; k < EX_LEN(cases); ++k) {
        double m[E14_WIDTHS], lambda[E14_WIDTHS];
        for (size_t w = 0; w < E14_WIDTHS; ++w) {
            sw_case c = e14_case("sweep", cases[k].act, cases[k].loss, e14_width[w]);
            m[w] = (double)e14_width[w], lambda[w] = sw_lambda(x, &c);
        }
        plot_line(a, cases[k].style, E14_WIDTHS, m, lambda, cases[k].label);
    }
}

static void e14_finish(ex *x)
{
    enum { SIGNS = (E14_SIGN_HI - E14_SIGN_LO) / E14_SIGN_STEP + 1 };
    int beyond = ex_find(x, "part=sign") != NULL;
    double m[SIGNS], kappa[SIGNS], theory[SIGNS];
    plot *p = plot_new(x, "width", beyond ? 3 : 1, beyond ? 2 : 1);
    plot_panel *a;
    e14_result r;
    e14_published(x, &r);
    e14_panel_alpha(x, p, &r);
    if (beyond) {
        e14_part_b(x);
        e14_edge(x);
        e14_panel_r(x, p);
        e14_panel_lambda(x, p);
        a = plot_add(p, "Collapse, m = 64, 128, 256", "eta lambda_max(0)",
                     "S eta / (|kappa_0| loss decrease)", PLOT_LOG);
        e14_collapse(x, a);
        plot_horizontal(a, 1, NULL), plot_vertical(a, 2, "edge");
        e14_sign(x, m, kappa, theory);
        a = plot_add(p, "Sign of the drift", "width m", "delta_0 / |g|^2, mean over seeds",
                     PLOT_LINEAR);
        plot_line(a, PLOT_GREY | PLOT_DASHED, SIGNS, m, theory, "(m - d)/(m + d)");
        plot_points(a, PLOT_BLUE, SIGNS, m, kappa, "20 seeds");
    }
    e14_verdict_modes(x, &r);
    e14_verdict_narrow(x);
    sw_check_identity(x);
    plot_save(p, "Exponents against width with the number of fitted points; CE regularisation on "
                 "three fixed windows and at equal f; sharpness; one curve for all widths, losses "
                 "and activations; the imbalance changes sign at m = d = 20.");
}

static const ex_info e14 = { "E14",
                             "width_interaction",
                             "Interaction with width",
                             "Theorem 6",
                             "CE regularisation grows with m",
                             "delta_alpha_256",
                             e14_plan,
                             sw_run,
                             e14_finish,
                             NULL };
EX_MAIN(e14)
