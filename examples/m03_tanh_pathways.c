/* M3  Two tanh pathways: the same two phases in a nonlinear network.                @S23, Fig. 3
 *   cc -O2 -o m03 examples/m03_tanh_pathways.c -lm && ./m03                 (a minute on two cores)
 * Setup   8 one-hot items, target 0.5 H (15 x 8, indicator features of a binary tree), two
 *         pathways 8-32-32-32-32-15 without bias, tanh before every layer but the first, linear
 *         readout; second arm with the identity. Loss 1/2 sum of squares, full batch, T = 12000,
 *         weights 0.05 randn, eta = gamma / S_1, S_1 = 5 * 1.936492^1.6; gamma = 0.5 .. 3.3.
 * Paper   small steps: one path takes the leading mode; large steps share it.
 * Beyond  the share against the step size on a finer grid, tanh beside linear; the linear arm is
 *         already in its two-cycle where the tanh arm still re-balances: the nonlinear net needs
 *         the larger step. At the large steps the transient is chaotic: runs are compared by share
 *         and sharpness at the end. */
#define CLB_IMPLEMENTATION
#include "../clb.h"
#include "ex.h"
#include "plot.h"

#define M03_REST 1e-28 /* loss at rounding level: nothing moves any more, the run may end */
enum { M03_N = 8, M03_K = 15, M03_M = 32, M03_L = 5, M03_T = 12000 };
static const double m03_gammas[] = { 0.5, 2.7, 3.0, 3.3 },
                    m03_sweep[] = { 0.5, 1, 1.5, 2, 2.25, 2.5, 2.75, 3, 3.25, 3.5, 3.75, 4 };
static const char *const m03_acts[] = { "linear", "tanh" };
#define M03_REF "multipath/expected.json#M3"

static void m03_add(ex *x, const char *part, int act, double seed, double gamma, double T)
{
    /* the weights' seed is a key: it is not one of the common seeds */
    ex_row *row = ex_add(x, part, EX_NAN);
    ex_text(row, "act", m03_acts[act]);
    ex_num(row, "init", seed), ex_num(row, "gamma", gamma), ex_num(row, "T", T);
}

static void m03_plan(ex *x)
{
    int seeds = ex_quick(x) ? 1 : 3;
    double T = ex_quick(x) ? 2000 : M03_T;
    ex_config(x, "T", T);
    for (int act = 0; act < 2; ++act)
        for (int seed = 0; seed < seeds; ++seed)
            for (size_t k = 0; k < EX_LEN(m03_gammas); ++k) {
                m03_add(x, "run", act, seed, m03_gammas[k], T);
                if (!ex_quick(x)) m03_add(x, "moved", act, seed, m03_gammas[k], T);
            }
    if (ex_published(x) || ex_quick(x)) return;
    for (int act = 0; act < 2; ++act)
        for (size_t k = 0; k < EX_LEN(m03_sweep); ++k)
            m03_add(x, "sweep", act, 0, m03_sweep[k], 4000);
}

/* --- the problem ------------------------------------------------------------------------------ */

/* Feature k of item i: all; halves; pairs; the item itself. */
static double m03_feature(size_t k, size_t i)
{
    size_t level = k < 1 ? 0 : k < 3 ? 1 : k < 7 ? 2 : 3, first = ((size_t)1 << level) - 1;
    return i * ((size_t)1 << level) / M03_N == k - first ? 0.5 : 0;
}

/* Data with targets, and the leading singular triple: v = 1/sqrt 8, s u = Y v. */
typedef struct m03_target {
    clb_real X[M03_N * M03_N], T[M03_N * M03_K];
    clb_data data;                                   /* the two matrices above */
    double   s, u[M03_K], v[M03_N];
} m03_target;

static void m03_data(m03_target *target)
{
    clb_data *data = &target->data;
    double *s = &target->s, *u = target->u, *v = target->v;
    memset(target, 0, sizeof *target);
    data->X = target->X, data->targets = target->T;
    data->n = data->d = M03_N, data->K = M03_K;
    *s = 0;
    for (size_t i = 0; i < M03_N; ++i) {
        v[i] = 1 / sqrt((double)M03_N);
        for (size_t j = 0; j < M03_N; ++j) data->X[i * M03_N + j] = (clb_real)(i == j);
        for (size_t k = 0; k < M03_K; ++k) data->targets[i * M03_K + k] = (clb_real)m03_feature(k, i);
    }
    for (size_t k = 0; k < M03_K; ++k) {
        u[k] = 0;
        for (size_t i = 0; i < M03_N; ++i) u[k] += m03_feature(k, i) * v[i];
        *s += u[k] * u[k];
    }
    *s = sqrt(*s);
    for (size_t k = 0; k < M03_K; ++k) u[k] /= *s;
}

/* randn * 0.05 in float, pathway by pathway, layer by layer, one draw a matrix. */
static void m03_draw(clb_paths *paths, uint64_t seed, double first)
{
    clb_rng rng;
    clb_rng_seed(&rng, seed);
    rng.normal_mode = CLB_NORMAL_PUBLISHED;
    for (size_t p = 0; p < 2; ++p)
        for (size_t l = 1; l <= M03_L; ++l) {
            clb_real *W = clb_paths_layer(paths, p, l);
            size_t n = clb_layer_size(&paths->net[p], l);
            clb_rng_normal(&rng, n, W);
            for (size_t i = 0; i < n; ++i)
                W[i] = (clb_real)((double)((float)W[i] * 0.05f) * (p + l == 1 ? first : 1));
        }
}

/* --- one run -----------------------------------------------------------------------------------
 * */

typedef struct m03_watch {
    m03_target target;
    double K[2], peak, half, t_end, loss[2];
    size_t n, every;
    double *t, *k1, *k2;
} m03_watch;

static int m03_observe(void *context, size_t t, clb_paths *paths, double loss)
{
    m03_watch *w = (m03_watch *)context;
    for (size_t p = 0; p < 2; ++p) {
        w->K[p] = clb_paths_coefficient(paths, p, w->target.u, w->target.v);
        w->peak = fmax(w->peak, w->K[p] / w->target.s);
    }
    w->loss[0] = w->loss[1], w->loss[1] = loss;
    w->t_end = (double)t;
    if (w->half < 0 && w->K[0] + w->K[1] > 0.5 * w->target.s) w->half = (double)t;
    if (loss < M03_REST) return 1;
    if (t > 200 && t % w->every) return 0;
    w->t[w->n] = (double)t, w->k1[w->n] = w->K[0] / w->target.s, w->k2[w->n++] = w->K[1] / w->target.s;
    return 0;
}

static clb_status m03_sharpness(clb_paths *paths, double *value)
{
    clb_eigs eigs;
    clb_linop op;
    clb_status status = clb_paths_curve(paths);
    if (status) return status;
    op = clb_paths_op(paths);
    status = clb_lanczos(&op, 1, NULL, &eigs);
    if (status && status != CLB_ENOCONV) return status;
    *value = eigs.value[0];
    clb_eigs_free(&eigs);
    return CLB_OK;
}

static void m03_record(ex_row *row, const m03_watch *w, double eta, double sharpness)
{
    ex_array(row, "K11", 2, w->K);
    ex_nums(row, "share loss steps",
            EX_VALUES(fmax(w->K[0], w->K[1]) / (w->K[0] + w->K[1]), w->loss[1], w->t_end));
    if (!ex_is(row, "run")) return;
    ex_nums(row, "eta sharpness eta_sharpness peak_K11_over_s1 t_half",
            EX_VALUES(eta, sharpness, eta * sharpness, w->peak, w->half));
    ex_array(row, "t", w->n, w->t);
    ex_array(row, "K1", w->n, w->k1);
    ex_array(row, "K2", w->n, w->k2);
}

static clb_status m03_train(ex_row *row, clb_paths *paths, m03_watch *w)
{
    double eta = ex_get(row, "gamma") / clb_path_single_sharpness(M03_L, w->target.s);
    double sharpness = EX_NAN;
    size_t T = (size_t)ex_get(row, "T");
    clb_status status;
    m03_draw(paths, (uint64_t)ex_get(row, "init"), ex_is(row, "moved") ? 1 + 1e-12 : 1);
    if (ex_is(row, "run")) {
        ex_num(row, "init_W_first", (double)paths->theta[0]);
        ex_num(row, "init_W_last", (double)paths->theta[paths->P - 1]);
    }
    w->every = T / 200, w->half = -1;
    w->t = ex_space(row, 3 * 450), w->k1 = w->t + 450, w->k2 = w->k1 + 450;
    status = clb_paths_train(paths, eta, T, m03_observe, w, NULL);
    if (status == CLB_EDIVERGED) w->K[0] = w->K[1] = w->loss[1] = EX_NAN, status = CLB_OK;
    else if (!status && ex_is(row, "run")) status = m03_sharpness(paths, &sharpness);
    m03_record(row, w, eta, sharpness);
    return status;
}

static clb_status m03_run(ex *x, ex_row *row)
{
    static const size_t depth[2] = { M03_L, M03_L };
    clb_paths paths = { 0 };
    m03_watch w = { 0 };
    clb_activation act = strcmp(ex_get_text(row, "act"), "tanh") ? CLB_IDENTITY : CLB_TANH;
    clb_status status;
    (void)x;
    m03_data(&w.target);
    status = clb_paths_init(&paths, 2, depth, M03_M, act, &w.target.data);
    if (!status) status = m03_train(row, &paths, &w);
    clb_paths_free(&paths);
    return status;
}

/* --- ledger, figure, verdicts ----------------------------------------------------------------- */

static ex_row *m03_find(ex *x, const char *part, int act, int seed, double gamma)
{
    return ex_find(x, "part=%s act=%s init=%d gamma=%.17g", part, m03_acts[act], seed, gamma);
}

static void m03_refs(ex *x)
{
    for (int i = 0; i < 24; ++i) {
        int act = i / 12, seed = i / 4 % 3;
        double gamma = m03_gammas[i % 4];
        ex_row *row = m03_find(x, "run", act, seed, gamma);
        ex_row *moved = m03_find(x, "moved", act, seed, gamma);
        const char *at = ex_print(x, M03_REF "/rows/%d", i);
        int cycle = act == 0 && gamma >= 3, chaotic = gamma > 3;
        if (!row) continue;
        ex_ref(row, "init", EX_EXACT, 0, "%s/seed", at);
        ex_ref(row, "gamma", EX_EXACT, 0, "%s/gamma", at);
        ex_ref(row, "eta", EX_STABLE, 1e-10, "%s/eta", at);
        ex_ref(row, "init_W_first", EX_STABLE, 1e-10, "%s/init_W_first", at);
        ex_ref(row, "init_W_last", EX_STABLE, 1e-10, "%s/init_W_last", at);
        ex_ref(row, "share", EX_NOISE, 0.005, "%s/share", at);
        ex_ref(row, "t_half", EX_EXACT, 0, "%s/t_half", at);
        if (moved) ex_ref(moved, "share", EX_NOISE, 0.005, "%s/share_perturbed_1e12", at);
        ex_ref(row, "K11", EX_NOISE, cycle ? 0.2 : 0.02, "%s/K11/*", at);
        ex_ref(row, "peak_K11_over_s1", EX_STABLE, chaotic ? 0.1 : 0.01, "%s/peak_K11_over_s1", at);
        ex_ref(row, "loss", EX_NOISE, cycle ? 0.1 : 1e-6, "%s/loss", at);
        for (int k = 0; k < 2; ++k) {
            int close = act == 1 && chaotic;
            const char *name = k ? "sharpness" : "eta_sharpness";
            ex_ref(row, name, close ? EX_ARTEFACT : EX_STABLE, cycle ? 0.05 : 0.005, "%s/%s", at,
                   name);
            if (close)
                ex_because(
                    x,
                    "largest eigenvalues a per cent apart: the expected value lies between the "
                    "first and the second, ours is the first to a residual of 1e-14");
        }
    }
}

static void m03_ref_constants(ex *x)
{
    static const double s[8] = { 1.9364916731037085,
                                 1.3228756555322954,
                                 0.8660254037844386,
                                 0.8660254037844386,
                                 .5,
                                 .5,
                                 .5,
                                 .5 };
    static const char *const names[] = { "L", "P", "hidden", "std", "scale", "T" };
    static const double values[] = { M03_L, 2, M03_M, 0.05, 0.5, M03_T };
    m03_target target;
    double gram[M03_N];
    clb_real G[M03_N * M03_N] = { 0 };
    m03_data(&target);
    for (size_t i = 0; i < M03_N; ++i) /* singular values from the items' Gram matrix */
        for (size_t j = 0; j < M03_N; ++j)
            for (size_t k = 0; k < M03_K; ++k)
                G[i * M03_N + j] += target.T[i * M03_K + k] * target.T[j * M03_K + k];
    if (clb_jacobi(M03_N, G, M03_N, gram, NULL)) return;
    for (size_t i = 0; i < 8; ++i) {
        ex_ref_value(x, sqrt(gram[7 - i]), EX_STABLE, 1e-6, M03_REF "/svals/%zu", i);
        ex_check(x, fabs(sqrt(gram[7 - i]) - s[i]) < 1e-6,
                 "singular value %zu of the target is %.6f", i + 1, s[i]);
    }
    ex_ref_value(x, clb_path_single_sharpness(M03_L, target.s), EX_STABLE, 1e-10, M03_REF "/S1");
    for (size_t k = 0; k < EX_LEN(names); ++k)
        ex_ref_value(x, values[k], EX_EXACT, 0, M03_REF "/config/%s", names[k]);
    for (int k = 0; k < 3; ++k) ex_ref_value(x, k, EX_EXACT, 0, M03_REF "/config/seeds/%d", k);
}

static void m03_figure(ex *x)
{
    static const double shown[2] = { 0.5, 3.0 };
    plot *p = plot_new(x, "tanh", 3, 1);
    plot_panel *a;
    for (int k = 0; k < 2; ++k) {
        ex_row *row = m03_find(x, "run", 1, 0, shown[k]);
        ex_list t = ex_get_array(row, "t"), k1 = ex_get_array(row, "K1");
        ex_list k2 = ex_get_array(row, "K2");
        double *after = ex_doubles(x, t.n);
        for (size_t i = 0; i < t.n; ++i) after[i] = t.at[i] + 1;
        a = plot_add(p, ex_print(x, "tanh, gamma = %g, seed 0", shown[k]), "step + 1",
                     "K_p / s_1", PLOT_LOGX);
        plot_line(a, PLOT_BLUE, t.n, after, k1.at, "pathway 1");
        plot_line(a, PLOT_ORANGE, t.n, after, k2.at, "pathway 2");
        plot_horizontal(a, 0.5, "1/2");
    }
    a = plot_add(p, "Share of the larger path", "gamma", "share of the leading mode", PLOT_LINEAR);
    for (int act = 0; act < 2; ++act) {
        ex_list g = ex_pick(x, "gamma", "part=sweep act=%s", m03_acts[act]);
        ex_list s = ex_pick(x, "share", "part=sweep act=%s", m03_acts[act]);
        ex_list gr = ex_pick(x, "gamma", "part=run act=%s", m03_acts[act]);
        ex_list sr = ex_pick(x, "share", "part=run act=%s", m03_acts[act]);
        plot_line(a, act, g.n, g.at, s.at, NULL);
        plot_points(a, act, gr.n, gr.at, sr.at, m03_acts[act]);
    }
    plot_vertical(a, 2, "2/S_1");
    plot_save(
        p,
        "Two tanh pathways: winner takes all at a small step, shared at a large one; the linear "
        "net shares earlier.");
}

static double m03_mean(ex *x, const char *name, int act, double gamma)
{
    return ex_mean(x, name, "part=run act=%s gamma=%.17g", m03_acts[act], gamma);
}

static void m03_captions(ex *x)
{
    static const char *const list[][2] = {
        { "shares",
          "Share of the larger path and eta times sharpness at the end, three initialisations" },
    };
    ex_captions(x, list, EX_LEN(list));
}

static void m03_finish(ex *x)
{
    double small = m03_mean(x, "share", 1, 0.5), large = m03_mean(x, "share", 1, 3.3), lo = EX_INF;
    double hi = -EX_INF, loss = 0, spread = 0;
    ex_row *first = m03_find(x, "run", 0, 0, 0.5);
    for (int act = 0; act < 2; ++act)
        for (size_t k = 0; k < EX_LEN(m03_gammas); ++k) {
            ex_list s =
                ex_pick(x, "share", "part=run act=%s gamma=%.17g", m03_acts[act], m03_gammas[k]);
            ex_list e = ex_pick(x, "eta_sharpness", "part=run act=%s gamma=%.17g", m03_acts[act],
                                m03_gammas[k]);
            ex_list f =
                ex_pick(x, "loss", "part=run act=%s gamma=%.17g", m03_acts[act], m03_gammas[k]);
            ex_list m =
                ex_pick(x, "share", "part=moved act=%s gamma=%.17g", m03_acts[act], m03_gammas[k]);
            ex_row *line = ex_line(x, "shares");
            ex_text(line, "act", m03_acts[act]), ex_num(line, "gamma", m03_gammas[k]);
            for (size_t i = 0; i < s.n; ++i) {
                ex_num(line, ex_print(x, "share %zu", i), s.at[i]);
                ex_num(line, ex_print(x, "eta sharpness %zu", i), e.at[i]);
                if (m.n == s.n) spread = fmax(spread, fabs(s.at[i] - m.at[i]));
                if (act == 0 || k == 0) continue;
                lo = fmin(lo, e.at[i]), hi = fmax(hi, e.at[i]), loss = fmax(loss, f.at[i]);
            }
            ex_text(line, "compared by",
                    m03_gammas[k] > 2 ? "share and sharpness at the end" : "value");
        }
    ex_summary(x, "share at small step", small), ex_summary(x, "share at large step", large);
    ex_claim(
        x, "large steps share the mode in tanh networks too", "Fig. 3",
        ex_print(x, "mean share of the larger path %.3f at gamma = 0.5, %.3f at 3.3", small, large),
        "reproduced if the share at the small step >= 0.85 and at the large step <= 0.6; qualified "
        "if the first exceeds the second by > 0.1. Means over the initialisations.",
        EX_VALUES(small, large, small - large));
    ex_claim(x, "they stop at the edge of stability", "eta lambda = 2",
             ex_print(x,
                      "eta times sharpness between %.3f and %.3f for gamma >= 2.7, loss below %.1e",
                      lo, hi, loss),
             "reproduced if the least eta sharpness >= 1.95 and the largest <= 2.01 and the loss < "
             "1e-6; qualified if the least >= 1.9 and the largest <= 2.1",
             EX_VALUES(lo, hi, loss, lo, hi));
    ex_claim(x, "the nonlinear net needs the larger step", "(not in the paper)",
             ex_print(x, "share at gamma = 2.7: tanh %.3f, linear %.3f",
                      m03_mean(x, "share", 1, 2.7), m03_mean(x, "share", 0, 2.7)),
             "reproduced if the share of tanh exceeds that of the linear net by > 0. Saturation "
             "lowers the sharpness that the same signal has.",
             EX_VALUES(m03_mean(x, "share", 1, 2.7) - m03_mean(x, "share", 0, 2.7)));
    ex_check(x,
             fabs(ex_get(first, "init_W_first") + 0.05629199370741844) < 1e-12 &&
                 fabs(ex_get(first, "init_W_last") + 0.006705363281071186) < 1e-12,
             "initial weights of seed 0 are the published ones");
    if (spread > 0)
        ex_check(x, spread < 0.005, "first matrix scaled by 1 + 1e-12: shares move by %.1e",
                 spread);
    m03_refs(x), m03_ref_constants(x);
    m03_figure(x);
    m03_captions(x);
}

static const ex_info m03 = { "M03",
                             "multipath",
                             "Two tanh pathways",
                             "nonlinear re-balancing",
                             "large steps share the mode",
                             "share at large step",
                             m03_plan,
                             m03_run,
                             m03_finish,
                             NULL };
EX_MAIN(m03)
