/* M2  Stopping boundary over the step-size window, and the large map.                  @S23, Fig. 2
 *   cc -O2 -o m02 examples/m02_stopping_boundary.c -lm && ./m02                 (15 s on two cores)
 * Setup   recursion, P = 2, s* = 2, alpha = (0.01, 0.005), T = 20000, L = 3, 5, 20; gamma = 0.25,
 *         1, 1.9, 2 + (gamma_c - 2) x for x in {.1 .. 1}, gamma_c {1.02, 1.05, 1.1}. Means over
 *         the last 200 iterates.
 * Paper   the run stops where eta lambda = 2: larger share a with a^(2-2/L) + (1-a)^(2-2/L) =
 *         2/gamma.
 * Beyond  it overshoots that boundary by 3(L-2)/(2(5L-4)) Delta, which corrects the predicted
 *         share; the large map: P = 2..16, L = 2..50, 200 step sizes, alpha from 0.01 to 0.005, s*
 *         = 1: share, gap, sharpness and outcome (balanced: all shares within 10 %). Maps pass
 *         through chaotic transients: they are compared by what runs end in. */
#define CLB_IMPLEMENTATION
#include "../clb.h"
#include "ex.h"
#include "plot.h"

enum { M02_T = 20000, M02_TAIL = 200, M02_GAMMAS = 13, M02_MAP = 200, M02_MAP_T = 12000 };
static const double m02_alpha[2] = { 0.01, 0.005 }, m02_L[3] = { 3, 5, 20 };
static const double m02_x[7] = { .1, .25, .5, .75, .9, .97, 1 }, m02_above[3] = { 1.02, 1.05, 1.1 };

/* Step size k of a depth: three below 2, seven in the window, three above. */
static double m02_gamma(size_t L, size_t k)
{
    double gamma_c = 2 * clb_pow(2, 1 - 2 / (double)L);
    if (k < 3) return k == 0 ? 0.25 : k == 1 ? 1 : 1.9;
    return k < 10 ? 2 + (gamma_c - 2) * m02_x[k - 3] : gamma_c * m02_above[k - 10];
}

/* The map's axis: gamma in equal ratios from 1 to 30, edges of 200 cells. */
static double m02_edge(size_t i)
{
    return clb_exp(clb_log(30.0) * (double)i / M02_MAP);
}

static void m02_plan(ex *x)
{
    size_t Ps = ex_quick(x) ? 4 : 16, step = ex_quick(x) ? 7 : 1;
    ex_config(x, "T", M02_T), ex_config(x, "map_T", M02_MAP_T);
    for (size_t i = 0; i < 3; ++i)
        for (size_t k = 0; k < M02_GAMMAS; ++k) {
            ex_row *row = ex_add(x, "window", EX_NAN);
            ex_num(row, "L", m02_L[i]);
            ex_num(row, "gamma", m02_gamma((size_t)m02_L[i], k));
        }
    if (ex_published(x)) return;
    for (size_t P = 2; P <= Ps; ++P)
        for (size_t L = 2; L <= 50; L += step) {
            ex_row *row = ex_add(x, "map", EX_NAN);
            ex_num(row, "P", (double)P), ex_num(row, "L", (double)L);
        }
}

/* --- the window ------------------------------------------------------------------------------ */

/* Smallest u of the iterates t >= 1. */
static void m02_lowest(void *context, size_t t, const clb_path_mode *mode, double r)
{
    (void)r;
    for (size_t p = 0; t > 0 && p < mode->count; ++p)
        *(double *)context = fmin(*(double *)context, mode->u[p]);
}

/* mean: mean s of both pathways, then the smallest u. */
static clb_status m02_one(size_t L, double eta, double first, clb_path_mode_run *run, double *mean,
                          double *leaf)
{
    clb_path_mode mode;
    clb_path_mode_opts opts = {
        .tail = M02_TAIL, .laws = 1, .observe = m02_lowest, .context = &mean[2]
    };
    size_t depth[2] = { L, L };
    double alpha[2] = { m02_alpha[0] * first, m02_alpha[1] }, s[2];
    clb_status status = clb_path_mode_init(&mode, 2, depth, 2, alpha);
    mean[2] = EX_INF;
    if (!status) status = clb_path_leaf_endpoint(&mode, s);
    if (!status) status = clb_path_mode_train(&mode, eta, M02_T, &opts, run);
    if (!status) mean[0] = mode.mean[0], mean[1] = mode.mean[1], *leaf = s[0] / 2;
    clb_path_mode_free(&mode);
    return status;
}

static clb_status m02_window(ex_row *row)
{
    size_t L = (size_t)ex_get(row, "L");
    double gamma = ex_get(row, "gamma"), eta = gamma / clb_path_single_sharpness(L, 2), mean[3];
    double other[3], leaf;
    double delta = 2 - eta * clb_path_balanced_sharpness(2, L, 2), stop = 2 - clb_path_stop_offset(L) * delta;
    clb_path_mode_run run, moved;
    clb_path_cycle cycle = { 0, 0, 0 };
    clb_status status = m02_one(L, eta, 1, &run, mean, &leaf);
    if (!status) status = m02_one(L, eta, 1 + 1e-12, &moved, other, &leaf);
    if (!status && delta < -1e-9) status = clb_path_cycle_predict(2, L, 2, -delta, &cycle);
    if (status) return status;
    ex_num(row, "eta", eta);
    ex_num(row, "share", run.share);
    ex_array(row, "mean_s", 2, mean);
    ex_num(row, "eta_lambda_mean", run.eta_lambda);
    ex_num(row, "rms_r", run.rms_r);
    ex_num(row, "leaf_share", leaf);
    ex_num(row, "boundary_share", delta > 1e-9 ? clb_path_boundary_share(L, gamma) : 0.5);
    ex_num(row, "corrected_share", delta > 1e-9 ? clb_path_boundary_share(L, 2 * gamma / stop) : 0.5);
    ex_num(row, "pred_eta_lambda_stop", delta > 1e-9 ? stop : EX_NAN);
    ex_num(row, "pred_rms_r", cycle.rms_r);
    ex_num(row, "min_u", mean[2]);
    ex_num(row, "rises", (double)run.rises);
    ex_num(row, "share_spread", fabs(run.share - moved.share));
    ex_text(row, "outcome", clb_path_outcome_name(run.outcome));
    return CLB_OK;
}

/* --- the map ---------------------------------------------------------------------------------- */

static double m02_round(double v) { return isfinite(v) ? floor(1e4 * v + 0.5) / 1e4 : v; }

/* All step sizes of one (P, L), s* = 1. Outcomes as one letter each, in the order of clb_path_outcome.
 * */
static clb_status m02_map(ex_row *row)
{
    size_t P = (size_t)ex_get(row, "P"), L = (size_t)ex_get(row, "L"), depth[16];
    double alpha[16], s[16], *out[3], S = clb_path_single_sharpness(L, 1);
    clb_path_mode_opts opts = { .tail = 50, .settle = 1e-9, .balanced = 0.1, .stop_at_flip = 1 };
    clb_path_mode mode;
    clb_status status;
    char outcome[M02_MAP + 1] = { 0 };
    for (size_t p = 0; p < P; ++p)
        depth[p] = L, alpha[p] = 0.01 - 0.005 * (double)p / (double)(P - 1);
    for (size_t k = 0; k < 3; ++k) out[k] = ex_space(row, M02_MAP);
    if ((status = clb_path_mode_init(&mode, P, depth, 1, alpha)) != CLB_OK) return status;
    status = clb_path_leaf_endpoint(&mode, s);
    opts.single = s[0] - 0.01;
    for (size_t i = 0; i < M02_MAP && !status; ++i) {
        clb_path_mode_run run;
        for (size_t p = 0; p < P; ++p) mode.u[p] = clb_pow(alpha[p], 1 / (double)L);
        status =
            clb_path_mode_train(&mode, sqrt(m02_edge(i) * m02_edge(i + 1)) / S, M02_MAP_T, &opts, &run);
        outcome[i] = "SPBTCFD"[run.outcome];
        if (run.outcome >= CLB_PATH_COLLAPSED) run.share = run.gap = run.eta_lambda = EX_NAN;
        out[0][i] = m02_round(run.share), out[1][i] = m02_round(run.gap),
        out[2][i] = m02_round(run.eta_lambda);
    }
    clb_path_mode_free(&mode);
    ex_num(row, "leaf_share", s[0]);
    ex_text(row, "outcome", outcome);
    ex_array(row, "share", M02_MAP, out[0]);
    ex_array(row, "gap", M02_MAP, out[1]);
    ex_array(row, "eta_lambda", M02_MAP, out[2]);
    return status;
}

static clb_status m02_run(ex *x, ex_row *row)
{
    (void)x;
    return ex_is(row, "window") ? m02_window(row) : m02_map(row);
}

/* --- figures ---------------------------------------------------------------------------------- */

static void m02_figure(ex *x)
{
    plot *p = plot_new(x, "stopping", 3, 1);
    plot_panel *a =
        plot_add(p, "Where runs stop, P = 2", "gamma", "share of pathway 1", PLOT_LINEAR);
    static const char *const names[3] = { "L = 3", "L = 5", "L = 20" };
    double gamma[200], share[200], err[2][8], at[8];
    for (int i = 0; i < 3; ++i) {
        ex_list g = ex_pick(x, "gamma", "part=window L=%.17g", m02_L[i]);
        ex_list s = ex_pick(x, "share", "part=window L=%.17g", m02_L[i]);
        for (int k = 0; k < 200; ++k)
            gamma[k] = 2 + 2.0 * k / 200, share[k] = clb_path_boundary_share((size_t)m02_L[i], gamma[k]);
        plot_line(a, i | PLOT_DASHED, 200, gamma, share, NULL);
        plot_points(a, i, g.n, g.at, s.at, names[i]);
    }
    plot_vertical(a, 2, "2/S");
    a = plot_add(p, "Sharpness at the end", "gamma", "eta lambda, mean of 200", PLOT_LINEAR);
    for (int i = 0; i < 3; ++i) {
        ex_list g = ex_pick(x, "gamma", "part=window L=%.17g", m02_L[i]);
        ex_list e = ex_pick(x, "eta_lambda_mean", "part=window L=%.17g", m02_L[i]);
        plot_points(a, i, g.n, g.at, e.at, names[i]);
        plot_line(a, i | PLOT_THIN, g.n, g.at, e.at, NULL);
    }
    plot_horizontal(a, 2, "edge of stability");
    a = plot_add(p, "Error of the predicted share", "2 - eta lambda_min",
                 "|predicted - measured|", PLOT_LOG);
    for (int i = 0; i < 3; ++i) {
        size_t n = 0;
        for (size_t k = 3; k < 9; ++k) {
            ex_row *row = ex_find(x, "part=window L=%.17g gamma=%.17g", m02_L[i],
                                  m02_gamma((size_t)m02_L[i], k));
            /* no edge-of-stability phase: the leaf binds first */
            if (i == 0 && k < 5) continue;
            at[n] = 2 - ex_get(row, "gamma") * clb_pow(2, 2 / m02_L[i] - 1);
            err[0][n] = fabs(ex_get(row, "boundary_share") - ex_get(row, "share"));
            err[1][n++] = fabs(ex_get(row, "corrected_share") - ex_get(row, "share"));
        }
        plot_line(a, i | PLOT_DASHED, n, at, err[0], ex_print(x, "%s, boundary", names[i]));
        plot_line(a, i, n, at, err[1], ex_print(x, "%s, corrected", names[i]));
    }
    plot_save(
        p,
        "Final share and sharpness over the step-size window, and the correction for the "
        "overshoot.");
}

/* One panel: cells of depth L = 2..50 against gamma; value(row, i) in [0, 1]. */
static void m02_cells(ex *x, plot_panel *a, size_t P, int style, const char *name, double scale,
                      const char *label)
{
    double edges[M02_MAP + 1], depths[50], *v = ex_doubles(x, 49 * M02_MAP);
    for (size_t i = 0; i <= M02_MAP; ++i) edges[i] = m02_edge(i);
    for (size_t L = 2; L <= 51; ++L) depths[L - 2] = (double)L - 0.5;
    for (size_t L = 2; L <= 50; ++L) {
        ex_row *row = ex_find(x, "part=map P=%zu L=%zu", P, L);
        ex_list numbers = row ? ex_get_array(row, name) : (ex_list){ 0, NULL };
        const char *letters = row ? ex_get_text(row, "outcome") : "";
        for (size_t i = 0; i < M02_MAP && row; ++i)
            v[(L - 2) * M02_MAP + i] = numbers.n               ? numbers.at[i] / scale
                                       : letters[i] == name[0] ? 0.62
                                                               : 0;
    }
    plot_range_x(a, edges[0], edges[M02_MAP]), plot_range_y(a, depths[0], depths[49]);
    plot_cells(a, style, M02_MAP, 49, edges, depths, v, label);
}

/* gamma_c(P, L) and gamma_WCR(L) over the map. */
static void m02_limits(plot_panel *a, size_t P, int named)
{
    double depth[49], edge[49], wcr[49];
    for (size_t L = 2; L <= 50; ++L) {
        clb_path_return w;
        depth[L - 2] = (double)L;
        edge[L - 2] = 2 * clb_pow((double)P, 1 - 2 / (double)L);
        wcr[L - 2] = clb_path_worst_return(L, &w) ? EX_NAN : w.gamma;
    }
    plot_line(a, PLOT_GREY, 49, edge, depth, named ? "2 P^(1-2/L)" : NULL);
    plot_line(a, PLOT_GREY | PLOT_DASHED, 49, wcr, depth, named ? "gamma_WCR" : NULL);
}

static void m02_map_figures(ex *x)
{
    static const size_t shown[12] = { 2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 14, 16 },
                        four[4] = { 2, 4, 8, 16 };
    static const char *const outcomes[7] = { "S", "P", "B", "T", "C", "F", "D" };
    static const int colour[7] = { PLOT_BLUE,  PLOT_CYAN,   PLOT_BROWN, PLOT_PURPLE,
                                   PLOT_GREEN, PLOT_ORANGE, PLOT_RED };
    static const char *const names[3] = { "share", "gap", "eta_lambda" };
    static const char *const titles[3] = { "Largest share",
                                           "Relative gap / sqrt(P-1)",
                                           "eta lambda / 3" };
    plot *p = plot_new(x, "map", 4, 3);
    for (size_t k = 0; k < 12; ++k) {
        plot_panel *a =
            plot_add(p, ex_print(x, "P = %zu", shown[k]), "gamma", "depth L", PLOT_LOGX);
        for (int c = 0; c < 7; ++c)
            m02_cells(x, a, shown[k], colour[c], outcomes[c], 1,
                      k == 8 ? clb_path_outcome_name((clb_path_outcome)c) : NULL);
        m02_limits(a, shown[k], k == 8);
    }
    plot_save(
        p,
        "What gradient descent ends in, over step size, depth and number of pathways; solid 2 "
        "P^(1-2/L), dashed gamma_WCR.");
    p = plot_new(x, "map_values", 4, 3);
    for (size_t n = 0; n < 3; ++n)
        for (size_t k = 0; k < 4; ++k) {
            double scale = n == 0 ? 1 : n == 1 ? sqrt((double)four[k] - 1) : 3;
            plot_panel *a = plot_add(p, ex_print(x, "%s, P = %zu", titles[n], four[k]), "gamma",
                                     "depth L", PLOT_LOGX);
            m02_cells(x, a, four[k], (int)n == 2 ? PLOT_PURPLE : (int)n, names[n], scale, NULL);
            m02_limits(a, four[k], n == 0 && k == 0);
        }
    plot_save(
        p,
        "Final share, gap and sharpness over step size and depth; empty where the run collapsed, "
        "flipped or diverged.");
}

/* --- tables, ledger, verdicts ------------------------------------------------------------------
 * */

static void m02_refs(ex *x)
{
    static const char *const names[] = { "gamma",          "eta",   "leaf_share",
                                         "boundary_share", "min_u", "pred_eta_lambda_stop" };
    static const char *const close[] = { "share", "eta_lambda_mean", "rms_r" };
    for (size_t i = 0; i < 3; ++i)
        for (size_t k = 0; k < M02_GAMMAS; ++k) {
            ex_row *row = ex_find(x, "part=window L=%.17g gamma=%.17g", m02_L[i],
                                  m02_gamma((size_t)m02_L[i], k));
            const char *at = ex_print(x, "multipath/expected.json#M2/rows/%zu", i * M02_GAMMAS + k);
            double tol = k == 9 ? 1e-3 : 1e-6;                  /* the 1/t approach at gamma_c */
            ex_ref(row, "L", EX_EXACT, 0, "%s/L", at);
            for (size_t n = 0; n < 6; ++n)
                if (n != 5 || k < 9) ex_ref(row, names[n], EX_STABLE, 1e-10, "%s/%s", at, names[n]);
            for (size_t n = 0; n < 3; ++n)
                ex_ref(row, close[n], EX_NOISE, tol, "%s/%s", at, close[n]);
            ex_ref(row, "pred_rms_r", EX_NOISE, 1e-10, "%s/pred_rms_r", at);
            ex_ref(row, "mean_s", EX_NOISE, 2 * tol, "%s/mean_s/*", at);
            ex_ref(row, "share_spread", EX_NOISE, tol, "%s/share_spread", at);
        }
    ex_ref_value(x, 2, EX_EXACT, 0, "multipath/expected.json#M2/config/P");
    ex_ref_value(x, 2, EX_EXACT, 0, "multipath/expected.json#M2/config/s_star");
    ex_ref_value(x, M02_T, EX_EXACT, 0, "multipath/expected.json#M2/config/T");
    for (size_t i = 0; i < 2; ++i)
        ex_ref_value(x, m02_alpha[i], EX_EXACT, 0, "multipath/expected.json#M2/config/alpha/%zu",
                     i);
}

typedef struct m02_found {
    int    falling, under, edge, rises;
    double boundary, near, corrected, everywhere, cycle;     /* errors of shares; near: x = 0.97 */
} m02_found;

static m02_found m02_lines(ex *x)
{
    static const char *const names[] = { "L",
                                         "gamma",
                                         "share",
                                         "leaf_share",
                                         "boundary_share",
                                         "corrected_share",
                                         "eta_lambda_mean",
                                         "pred_eta_lambda_stop",
                                         "rms_r",
                                         "pred_rms_r" };
    m02_found f = { 1, 1, 1, 0, 0, 0, 0, 0, 0 };
    for (size_t i = 0; i < 3; ++i) {
        double before = EX_INF;
        for (size_t k = 0; k < M02_GAMMAS; ++k) {
            ex_row *row = ex_find(x, "part=window L=%.17g gamma=%.17g", m02_L[i],
                                  m02_gamma((size_t)m02_L[i], k));
            ex_row *line = ex_line(x, "window");
            double share = ex_get(row, "share");
            double cap = fmin(ex_get(row, "leaf_share"), ex_get(row, "boundary_share"));
            double gap = 2 - ex_get(row, "eta_lambda_mean");
            for (size_t n = 0; n < EX_LEN(names); ++n)
                ex_num(line, names[n], ex_get(row, names[n]));
            ex_text(line, "outcome", ex_get_text(row, "outcome"));
            f.falling &= share < before + (k > 9 ? 1e-12 : 0), before = share;
            f.rises += (int)ex_get(row, "rises");
            if (k < 9) f.under &= share <= cap + 1e-6;
            if (k >= 3 && k < 9 && (i > 0 || k >= 5)) {
                f.edge &= gap >= 0 && gap <= 0.03;
                f.boundary = fmax(f.boundary, fabs(ex_get(row, "boundary_share") - share));
                if (k == 8) f.near = fmax(f.near, fabs(ex_get(row, "boundary_share") - share));
                if (k == 8)
                    f.corrected = fmax(f.corrected, fabs(ex_get(row, "corrected_share") - share));
                f.everywhere = fmax(f.everywhere, fabs(ex_get(row, "corrected_share") - share));
            }
            if (k >= 10)
                f.cycle = fmax(f.cycle, fabs(ex_get(row, "rms_r") / ex_get(row, "pred_rms_r") - 1));
        }
    }
    return f;
}

static void m02_map_lines(ex *x)
{
    for (size_t P = 2; P <= 16; ++P) {
        size_t count[7] = { 0 }, flips_below = 0;
        ex_row *line;
        if (!ex_find(x, "part=map P=%zu", P)) continue;
        line = ex_line(x, "map");
        for (size_t L = 2; L <= 50; ++L) {
            ex_row *row = ex_find(x, "part=map P=%zu L=%zu", P, L);
            const char *o = row ? ex_get_text(row, "outcome") : "";
            clb_path_return w = { 0, 0, 0, 0 };
            clb_path_worst_return(L, &w);
            for (size_t i = 0; o[i]; ++i) {
                for (size_t c = 0; c < 7; ++c) count[c] += o[i] == "SPBTCFD"[c];
                flips_below += (o[i] == 'F' || o[i] == 'D') && m02_edge(i + 1) < w.gamma;
            }
        }
        ex_num(line, "P", (double)P);
        for (int c = 0; c < 7; ++c)
            ex_num(line, clb_path_outcome_name((clb_path_outcome)c), (double)count[c]);
        ex_num(line, "flipped below gamma_WCR", (double)flips_below);
        ex_check(x, flips_below == 0, "map, P = %zu: no flip below gamma_WCR", P);
    }
    ex_caption(
        x, "map",
        "Outcomes over L = 2..50 and 200 step sizes (chaotic transients: compared by outcome)");
}

static void m02_captions(ex *x)
{
    static const char *const list[][2] = {
        { "window",
          "Where runs end: share of the larger path against leaf, boundary and corrected boundary; "
          "mean eta lambda; amplitude of the two-cycle" },
    };
    ex_captions(x, list, EX_LEN(list));
}

static void m02_finish(ex *x)
{
    m02_found f = m02_lines(x);
    ex_summary(x, "error of the boundary share", f.boundary);
    ex_summary(x, "error near gamma_c", f.near);
    ex_summary(x, "error near gamma_c, corrected", f.corrected);
    ex_claim(x, "runs stop at the boundary eta lambda = 2", "Fig. 2",
             ex_print(x,
                      "share falls with the step: %s; below boundary and leaf: %s; 0 <= 2 - eta "
                      "lambda <= 0.03: %s; boundary share off by at most %.4f",
                      f.falling ? "yes" : "no", f.under ? "yes" : "no", f.edge ? "yes" : "no",
                      f.boundary),
             "reproduced if the share falls with the step and lies below its two bounds and 2 - "
             "eta lambda lies in [0, 0.03]; qualified if it falls with the step and lies below its "
             "two bounds. L = 3 below x = 0.5 is left out of the third clause: the leaf's endpoint "
             "is already below the boundary there.",
             EX_VALUES(f.falling, f.under, f.edge, f.falling, f.under));
    ex_claim(x, "the run goes past the boundary by 3(L-2)/(2(5L-4)) (2 - eta lambda_min)",
             "(correction; paper: stops at it)",
             ex_print(x,
                      "largest error of the predicted share, x = 0.97: boundary %.4f, corrected "
                      "%.4f; whole window: %.4f, %.4f",
                      f.near, f.corrected, f.boundary, f.everywhere),
             "reproduced if the corrected error over the plain one is < 0.5 on the whole window; "
             "qualified if it is < 0.5 at x=0.97. The correction is the limit of small 2 - eta "
             "lambda_min.",
             EX_VALUES(f.everywhere / f.boundary, f.corrected / f.near));
    ex_claim(x, "above gamma_c the balanced point is unstable", "unstable",
             ex_print(x,
                      "equal shares and a two-cycle; its amplitude within %.1f %% of the normal "
                      "form",
                      100 * f.cycle),
             "reproduced if the amplitude differs from the normal form by < 6 %; qualified if by < "
             "20 %. Not a loss of the balance but a permanent two-cycle of equal shares, x^2 = 3 "
             "eps/((L-1)(5L-4)).",
             EX_VALUES(100 * f.cycle, 100 * f.cycle));
    ex_check(x, f.rises == 0, "the variance of the leaf coordinate never grows (%d rises)",
             f.rises);
    m02_refs(x);
    m02_figure(x);
    m02_captions(x);
    if (ex_published(x)) return;
    m02_map_lines(x), m02_map_figures(x);
}

static const ex_info m02 = { "M02",
                             "multipath",
                             "Stopping boundary and the large map",
                             "stopping boundary",
                             "runs stop at eta lambda = 2",
                             "error of the boundary share",
                             m02_plan,
                             m02_run,
                             m02_finish,
                             NULL };
EX_MAIN(m02)
