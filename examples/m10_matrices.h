/* m10_matrices.h - the parts of M10 on full matrices: the layer law off the singular-vector set
 * (h), gaps between unequal layers of one chain (j), and both papers' laws on the same matrices
 * (meet). Include after ex.h. */
#ifndef CLB_M10_MATRICES_H
#define CLB_M10_MATRICES_H

#define M10_REF "multipath/expected.json#M10"
static const double m10_alpha[3] = { .01, .005, .002 }, m10_L[3] = { 3, 5, 20 };
static const double m10_h[] = { .01, .02, .05, .1, .2, .5, 1, 1.9, 2.2, 2.45 };
static const double m10_j[] = { .1, .3, .6, .64, .66, 2.0 / 3 };

/* --- plan ------------------------------------------------------------------------------------ */

static ex_row *m10_add(ex *x, const char *part, double L, const char *key, double value)
{
    ex_row *row = ex_add(x, part, EX_NAN);
    ex_num(row, "L", L), ex_num(row, key, value);
    return row;
}

static void m10_plan_matrices(ex *x)
{
    for (size_t k = 0; k < EX_LEN(m10_h); ++k)
        if (!ex_quick(x) || m10_h[k] > 0.05) m10_add(x, "h", 3, "gamma", m10_h[k]);
    for (size_t k = 0; k < EX_LEN(m10_j); ++k) m10_add(x, "j", 3, "eta", m10_j[k]);
    if (ex_published(x)) return;
    for (size_t i = 0; i < 3; ++i)
        for (size_t k = 3; k < EX_LEN(m10_h); ++k) m10_add(x, "meet", m10_L[i], "gamma", m10_h[k]);
}

/* --- runs ------------------------------------------------------------------------------------ */

/* Layer charges before every step, and what the law says they will be after it; leaf coordinates
 * likewise. */
typedef struct m10_laws {
    double eta, V[9], C0[2][19], next[2][19], worst, z[2], z0[2], after[2], loss[2];
    size_t L, d;
    int    leaf;
} m10_laws;

static void m10_leaf_watch(m10_laws *w, size_t t, const clb_paths *paths)
{
    double v[3], K[2], r = -2;
    for (size_t i = 0; i < 3; ++i) v[i] = w->V[3 * i];
    for (size_t p = 0; p < 2; ++p) r += K[p] = clb_paths_coefficient(paths, p, v, v);
    for (size_t p = 0; p < 2; ++p) {
        if (t == 0) w->z0[p] = w->after[p] = clb_pow(K[p], (2 - (double)w->L) / (double)w->L);
        w->z[p] = w->after[p];
    }
    /* driven by the matrices' r */
    for (size_t p = 0; p < 2; ++p) w->after[p] = clb_path_leaf_step(w->L, w->z[p], w->eta * r);
}

static int m10_observe(void *context, size_t t, clb_paths *paths, double loss)
{
    m10_laws *w = (m10_laws *)context;
    w->loss[0] = w->loss[1], w->loss[1] = loss;
    for (size_t p = 0; p < paths->count; ++p)
        for (size_t l = 1; l < w->L; ++l) {
            const clb_net *net = &paths->net[p];
            double C = clb_charge(net, paths->theta + paths->at[p], l);
            if (t == 0) w->C0[p][l - 1] = C;
            else w->worst = fmax(w->worst, fabs(C - w->next[p][l - 1]));
            w->next[p][l - 1] =
                C + w->eta * w->eta * clb_charge(net, paths->grad + paths->at[p], l);
        }
    if (w->leaf) m10_leaf_watch(w, t, paths);
    return 0;
}

static clb_status m10_matrices(m10_laws *w, clb_paths *paths)
{
    static const double s[3] = { 2, 1, 0.5 }, v[3] = { 1, 2, 3 };
    size_t depth[2] = { w->L, w->L };
    clb_real M[9];
    clb_path_householder(3, v, w->V);
    clb_path_target(3, w->V, s, w->V, M);
    return clb_paths_init_linear(paths, 2, depth, 3, M);
}

static clb_status m10_layers(ex_row *row)
{
    m10_laws w = { .L = 3 };
    clb_paths paths;
    double D = 0, C[4], K[2], v[3];
    clb_status status = m10_matrices(&w, &paths);
    if (status) return status;
    w.eta = ex_get(row, "gamma") / clb_path_single_sharpness(3, 2);
    for (size_t p = 0; p < 2; ++p)
        for (size_t l = 0; l < 3; ++l)
            for (size_t i = 0; i < 9; ++i)
                clb_paths_layer(&paths, p, l + 1)[i] =
                    (clb_real)(0.5 * clb_sin(1 + (double)(i / 3) + 2 * (double)(i % 3) +
                                             3 * (double)l + 5 * (double)p));
    status = clb_paths_train(&paths, w.eta, (size_t)ceil(150 / w.eta), m10_observe, &w, NULL);
    for (size_t i = 0; i < 3; ++i) v[i] = w.V[3 * i];
    for (size_t p = 0; p < 2; ++p) {
        K[p] = clb_paths_coefficient(&paths, p, v, v);
        for (size_t l = 1; l < 3; ++l) {
            C[2 * p + l - 1] = clb_charge(&paths.net[p], paths.theta + paths.at[p], l);
            D += fabs(C[2 * p + l - 1] - w.C0[p][l - 1]);
        }
    }
    for (size_t p = 0; p < 2; ++p) ex_array(row, p ? "C0_2" : "C0_1", 2, w.C0[p]);
    ex_num(row, "steps", ceil(150 / w.eta));
    ex_num(row, "D", D), ex_array(row, "C", 4, C), ex_array(row, "K11", 2, K);
    ex_num(row, "identity_err", w.worst);
    /* before the last update, as in the expected values */
    ex_num(row, "loss", w.loss[0]);
    clb_paths_free(&paths);
    return status;
}

/* On the depth-balanced set the layer charges stay 0 and the leaf law is the only one that moves.
 * */
static clb_status m10_meet(ex_row *row)
{
    m10_laws w = { .L = (size_t)ex_get(row, "L"), .leaf = 1 };
    clb_paths paths;
    clb_path_mode mode;
    double worst = 0, v[3], z[2];
    size_t depth[2] = { w.L, w.L };
    clb_status status = clb_path_mode_init(&mode, 2, depth, 2, m10_alpha);
    if (!status) status = m10_matrices(&w, &paths);
    if (status) return status;
    w.eta = ex_get(row, "gamma") / clb_path_single_sharpness(w.L, 2);
    for (size_t p = 0; p < 2; ++p)
        for (size_t l = 1; l <= w.L; ++l)
            for (size_t i = 0; i < 3; ++i)
                clb_paths_layer(&paths, p, l)[4 * i] = (clb_real)mode.u[p];
    status = clb_paths_train(&paths, w.eta, 4000, m10_observe, &w, NULL);
    for (size_t i = 0; i < 3; ++i) v[i] = w.V[3 * i];
    for (size_t p = 0; p < 2; ++p) {
        z[p] = clb_pow(clb_paths_coefficient(&paths, p, v, v), (2 - (double)w.L) / (double)w.L);
        for (size_t l = 1; l < w.L; ++l)
            worst = fmax(worst, fabs(clb_charge(&paths.net[p], paths.theta + paths.at[p], l) -
                                     w.C0[p][l - 1]));
    }
    ex_num(row, "layer_drift", worst), ex_num(row, "layer_error", w.worst);
    ex_num(row, "leaf_drift", (z[1] - z[0]) - (w.z0[1] - w.z0[0]));
    ex_num(row, "leaf_exact", (w.z[1] - w.z[0]) - (w.z0[1] - w.z0[0]));
    clb_paths_free(&paths), clb_path_mode_free(&mode);
    return status;
}

/* One chain of three scalars, the smallest network of full matrices. */
static clb_status m10_chain(ex_row *row)
{
    static const double start[3] = { .5, .8, 1.1 };
    static const clb_real one = 1;
    size_t depth = 3;
    double eta = ex_get(row, "eta"), u[3], gap[2], gap0[2], lambda;
    clb_paths paths;
    clb_status status = clb_paths_init_linear(&paths, 1, &depth, 1, &one);
    if (status) return status;
    for (size_t l = 0; l < 3; ++l) *clb_paths_layer(&paths, 0, l + 1) = (clb_real)start[l];
    for (size_t l = 0; l < 2; ++l) gap0[l] = clb_charge(&paths.net[0], paths.theta, l + 1);
    status = clb_paths_train(&paths, eta, 200000, NULL, NULL, NULL);
    for (size_t l = 0; l < 2; ++l) gap[l] = clb_charge(&paths.net[0], paths.theta, l + 1);
    for (size_t l = 0; l < 3; ++l) u[l] = (double)*clb_paths_layer(&paths, 0, l + 1);
    lambda = u[1] * u[2] * u[1] * u[2] + u[0] * u[2] * u[0] * u[2] + u[0] * u[1] * u[0] * u[1];
    ex_array(row, "gap0", 2, gap0), ex_array(row, "gap", 2, gap), ex_array(row, "u", 3, u);
    ex_num(row, "eta_lambda", eta * lambda), ex_num(row, "r", u[0] * u[1] * u[2] - 1);
    clb_paths_free(&paths);
    return status;
}

static clb_status m10_run_matrices(ex_row *row)
{
    return ex_is(row, "h") ? m10_layers(row) : ex_is(row, "j") ? m10_chain(row) : m10_meet(row);
}

/* --- ledger and table ------------------------------------------------------------------------ */

static void m10_refs_matrices(ex *x)
{
    for (size_t k = 0; k < EX_LEN(m10_h); ++k) {
        ex_row *row = ex_find(x, "part=h gamma=%.17g", m10_h[k]);
        const char *at = ex_print(x, M10_REF "/h_layer_law/rows/%zu", k);
        double tol = m10_h[k] > 2 ? 1e-4 : 1e-6;
        if (!row) continue;
        ex_refs(row, "gamma steps", EX_EXACT, 0, "%s", at);
        ex_refs(row, "D", EX_STABLE, tol, "%s", at);
        ex_ref(row, "C", EX_NOISE, tol, "%s/C/*/*", at);
        ex_refs(row, "K11", EX_NOISE, tol, "%s", at);
        ex_refs(row, "identity_err", EX_NOISE, 1e-14, "%s", at);
        ex_refs(row, "loss", EX_NOISE, 1e-6, "%s", at);
        if (k) continue;
        ex_ref(row, "C0_1", EX_STABLE, 1e-9, M10_REF "/h_layer_law/C0/0/*");
        ex_ref(row, "C0_2", EX_STABLE, 1e-9, M10_REF "/h_layer_law/C0/1/*");
    }
    for (size_t k = 0; k < EX_LEN(m10_j); ++k) {
        ex_row *row = ex_find(x, "part=j eta=%.17g", m10_j[k]);
        const char *at = ex_print(x, M10_REF "/j_depth_gap_chain/%zu", k);
        ex_refs(row, "eta", EX_STABLE, 1e-11, "%s", at);
        ex_refs(row, "gap0 gap u eta_lambda r", EX_NOISE, k == 5 ? 1e-4 : 1e-6, "%s", at);
    }
}

/* Where the two papers meet: both families of laws on full matrices, each with its exact discrete
 * drift. */
static void m10_meeting(ex *x, double *layer, double *leaf)
{
    *layer = *leaf = 0;
    for (size_t i = 0; i < ex_runs(x); ++i) {
        ex_row *row = ex_run_at(x, i), *line;
        int generic = ex_is(row, "h");
        double drift = ex_get(row, "leaf_drift"), exact = ex_get(row, "leaf_exact");
        double error = ex_get(row, generic ? "identity_err" : "layer_error");
        if (!ex_is(row, "meet") && !generic) continue;
        line = ex_line(x, "laws");
        ex_text(line, "weights", generic ? "generic" : "depth-balanced");
        ex_take(line, row, "L gamma");
        ex_num(line, "layer drift sum|dC|", ex_get(row, generic ? "D" : "layer_drift"));
        ex_num(line, "error of eta^2 law", error);
        *layer = fmax(*layer, error);
        if (generic) continue;
        ex_num(line, "leaf drift d(z_2-z_1)", drift), ex_num(line, "exact map", exact);
        ex_num(line, "error of exact map", fabs(drift - exact));
        if (ex_get(row, "gamma") < 2) *leaf = fmax(*leaf, fabs(drift / exact - 1));
    }
    ex_caption(x, "laws", "Both papers' laws on the same full matrices: layer charges C_{p,l} and "
                          "leaf coordinates z_p");
}

#endif
