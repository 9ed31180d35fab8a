/* M10, beyond the paper: the laws of both papers on the same full matrices.
 *   cc -O2 -DCLB_STATIC -o layers examples/beyond/m10_layers.c -lm && ./layers               (1 s)
 * Two pathways of 3 x 3 matrices towards V diag(2, 1, 0.5) V. Charges of layers C_{p,l} =
 * |W_{p,l+1}|^2 - |W_{p,l}|^2; one step changes each by eta^2 (|G_{p,l+1}|^2 - |G_{p,l}|^2). Leaf
 * coordinates z_p = K_p^((2-L)/L), K_p what pathway p contributes to the first mode; one step
 * takes z to z (1 - eta r/z)^-(L-2). gamma is eta in units of the sharpness of a single pathway.
 * "generic": L = 3, matrices 0.5 sin(1 + a + 2b + 3l + 5p), 150/eta steps: D = sum |C(T) - C(0)|.
 * "balanced": all layers u_p I, 4000 steps: the charges stay 0 and only the leaf law moves. */
#define CLB_IMPLEMENTATION
#include "../../clb.h"
#include "../kit/kit.h"
#include "../kit/pathways.h"

static const double depths[] = { 3, 5, 20 }, alpha[] = { .01, .005 };
static const double gammas[] = { .01, .02, .05, .1, .2, .5, 1, 1.9, 2.2, 2.45 };
enum { GAMMAS = KIT_LEN(gammas), MATRIX = 9, LAYERS = 20 };

/* ---- what a run of matrices is watched for --------------------------------------------------- */

/* Charges before every step and what the law says they will be after it; leaf coordinates
 * likewise. */
typedef struct laws {
    size_t L;
    double eta, V[MATRIX], v[3];                  /* v: the first singular vector */
    double C0[2][LAYERS], next[2][LAYERS], error; /* error of the layers' law, largest of a step */
    double z0[2], z[2], after[2], loss[2];
    int    leaf;
} laws;

static double charge(const clb_paths *paths, const clb_real *values, size_t p, size_t l)
{
    return clb_charge(&paths->net[p], values + paths->at[p], l);
}

static void watch_leaf(laws *w, size_t t, const clb_paths *paths)
{
    double K[2], r = -2;
    for (size_t p = 0; p < 2; ++p) r += K[p] = clb_paths_coefficient(paths, p, w->v, w->v);
    for (size_t p = 0; p < 2; ++p) {
        if (t == 0) w->z0[p] = w->after[p] = clb_pow(K[p], (2 - (double)w->L) / (double)w->L);
        w->z[p] = w->after[p];
        w->after[p] = clb_path_leaf_step(w->L, w->z[p], w->eta * r); /* driven by the matrices' r */
    }
}

static int observe(void *context, size_t t, clb_paths *paths, double loss)
{
    laws *w = context;
    w->loss[0] = w->loss[1], w->loss[1] = loss;
    for (size_t p = 0; p < paths->count; ++p)
        for (size_t l = 1; l < w->L; ++l) {
            double C = charge(paths, paths->theta, p, l);
            if (t == 0) w->C0[p][l] = C;
            else w->error = fmax(w->error, fabs(C - w->next[p][l]));
            w->next[p][l] = C + w->eta * w->eta * charge(paths, paths->grad, p, l);
        }
    if (w->leaf) watch_leaf(w, t, paths);
    return 0;
}

static clb_status start(laws *w, clb_paths *paths, double gamma)
{
    static const double s[3] = { 2, 1, 0.5 }, direction[3] = { 1, 2, 3 };
    size_t depth[2] = { w->L, w->L };
    clb_real M[MATRIX];
    w->eta = gamma / clb_path_single_sharpness(w->L, s[0]);
    clb_path_householder(3, direction, w->V);
    clb_path_target(3, w->V, s, w->V, M);
    for (size_t i = 0; i < 3; ++i) w->v[i] = w->V[3 * i];
    return clb_paths_init_linear(paths, 2, depth, 3, M);
}

/* ---- generic matrices ------------------------------------------------------------------------ */

typedef struct generic {
    double gamma;
    double steps, D, identity_err, loss;
    kit_list C0, C, K11;
} generic;
static const kit_field generic_fields[] = {
    KIT_KEY(generic, gamma), KIT_RESULT(generic, steps), KIT_RESULT(generic, D),
    KIT_RESULT(generic, identity_err), KIT_RESULT(generic, loss), KIT_RESULT_ARRAY(generic, C0),
    KIT_RESULT_ARRAY(generic, C), KIT_RESULT_ARRAY(generic, K11),
};

static clb_status run_generic(kit *x, void *run)
{
    generic *row = run;
    laws w = { .L = 3 };
    clb_paths paths;
    double C0[4], C[4], K[2];
    clb_status status = start(&w, &paths, row->gamma);
    if (status) return status;
    for (size_t p = 0; p < 2; ++p)
        for (size_t l = 0; l < 3; ++l)
            for (size_t i = 0; i < MATRIX; ++i) {
                double angle =
                    1 + (double)(i / 3) + 2 * (double)(i % 3) + 3 * (double)l + 5 * (double)p;
                clb_paths_layer(&paths, p, l + 1)[i] = (clb_real)(0.5 * clb_sin(angle));
            }
    row->steps = ceil(150 / w.eta), row->D = 0;
    status = clb_paths_train(&paths, w.eta, (size_t)row->steps, observe, &w, NULL);
    for (size_t p = 0; p < 2; ++p) {
        K[p] = clb_paths_coefficient(&paths, p, w.v, w.v);
        for (size_t l = 1; l < 3; ++l) {
            C0[2 * p + l - 1] = w.C0[p][l], C[2 * p + l - 1] = charge(&paths, paths.theta, p, l);
            row->D += fabs(charge(&paths, paths.theta, p, l) - w.C0[p][l]);
        }
    }
    row->identity_err = w.error, row->loss = w.loss[0];        /* before the last update */
    row->C0 = kit_keep(x, 4, C0), row->C = kit_keep(x, 4, C), row->K11 = kit_keep(x, 2, K);
    clb_paths_free(&paths);
    return status;
}

/* ---- balanced layers ------------------------------------------------------------------------- */

typedef struct balanced {
    double L, gamma;
    double layer_drift, layer_error, leaf_drift, leaf_exact;
} balanced;
static const kit_field balanced_fields[] = {
    KIT_KEY(balanced, L),
    KIT_KEY(balanced, gamma),
    KIT_RESULT(balanced, layer_drift),
    KIT_RESULT(balanced, layer_error),
    KIT_RESULT(balanced, leaf_drift),
    KIT_RESULT(balanced, leaf_exact),
};

static clb_status run_balanced(kit *x, void *run)
{
    balanced *row = run;
    laws w = { .L = (size_t)row->L, .leaf = 1 };
    clb_paths paths;
    clb_path_mode mode;
    double z[2], gap;
    clb_status status = path_start(&mode, 2, w.L, 2, alpha);
    (void)x;
    if (status) return status;
    if ((status = start(&w, &paths, row->gamma)) != CLB_OK) {
        clb_path_mode_free(&mode);
        return status;
    }
    for (size_t p = 0; p < 2; ++p)
        for (size_t l = 1; l <= w.L; ++l)
            for (size_t i = 0; i < 3; ++i)
                clb_paths_layer(&paths, p, l)[4 * i] = (clb_real)mode.u[p];
    status = clb_paths_train(&paths, w.eta, 4000, observe, &w, NULL);
    row->layer_drift = 0, row->layer_error = w.error, gap = w.z0[1] - w.z0[0];
    for (size_t p = 0; p < 2; ++p) {
        z[p] = clb_pow(clb_paths_coefficient(&paths, p, w.v, w.v), (2 - row->L) / row->L);
        for (size_t l = 1; l < w.L; ++l)
            row->layer_drift =
                fmax(row->layer_drift, fabs(charge(&paths, paths.theta, p, l) - w.C0[p][l]));
    }
    row->leaf_drift = z[1] - z[0] - gap, row->leaf_exact = w.z[1] - w.z[0] - gap;
    clb_paths_free(&paths), clb_path_mode_free(&mode);
    return status;
}

static const kit_part generics = KIT_PART("generic", "generic matrices", generic, run_generic);
static const kit_part balances = KIT_PART("balanced", "balanced layers", balanced, run_balanced);

static void plan(kit *x)
{
    for (size_t k = kit_quick(x) ? 3 : 0; k < GAMMAS; ++k)
        kit_add(x, &generics, &(generic){ .gamma = gammas[k] });
    for (size_t i = 0; i < KIT_LEN(depths); ++i)
        for (size_t k = 3; k < GAMMAS; ++k)
            kit_add(x, &balances, &(balanced){ .L = depths[i], .gamma = gammas[k] });
}

/* ---- what follows from the runs -------------------------------------------------------------- */

static void tables(kit *x, kit_rows h, kit_rows m)
{
    kit_table *t = KIT_TABLE(x, "generic",
                             "Generic matrices: D = sum |C(T) - C(0)|, and the error of the law of "
                             "one step",
                             "gamma", "steps", "D", "identity_err", "loss");
    for (size_t i = 0; i < h.n; ++i) {
        const generic *r = h.at[i];
        KIT_LINE(t, r->gamma, r->steps, r->D, r->identity_err, r->loss);
    }
    t = KIT_TABLE(x, "balanced",
                  "Balanced layers: charges of the layers, and leaf coordinates against their "
                  "exact map",
                  "L", "gamma", "layer drift sum|dC|", "error of eta^2 law",
                  "leaf drift d(z_2-z_1)", "exact map", "error of exact map");
    for (size_t i = 0; i < m.n; ++i) {
        const balanced *r = m.at[i];
        KIT_LINE(t, r->L, r->gamma, r->layer_drift, r->layer_error, r->leaf_drift, r->leaf_exact,
                 fabs(r->leaf_drift - r->leaf_exact));
    }
}

static double slope(kit_rows h, double lo, double hi)
{
    kit_rows rows = kit_between(h, KIT_AT(generic, gamma), lo, hi);
    return clb_fit_power(rows.n, kit_values(rows, KIT_AT(generic, gamma)).at,
                         kit_values(rows, KIT_AT(generic, D)).at, 0).slope;
}

static void claims(kit *x, kit_rows h, kit_rows m)
{
    int exact = sizeof(clb_real) == 8;
    double low = slope(h, 0, 0.1), leaf = KIT_NAN;
    kit_rows below = kit_between(m, KIT_AT(balanced, gamma), 0, 2);
    kit_claim *c = kit_ours(x, "layers",
                            "The charges of the layers drift in proportion to the step size, and "
                            "faster beyond the edge of stability.");
    for (size_t i = 0; i < below.n; ++i) {
        const balanced *r = below.at[i];
        leaf = kit_worse(leaf, fabs(r->leaf_drift / r->leaf_exact - 1));
    }
    kit_summary(x, "slope of layer drift", low), kit_summary(x, "slope to 1.9", slope(h, 0, 1.9));
    kit_summary(x, "local slope from 1.9 to 2.2", slope(h, 1.8, 2.2));
    kit_statement(c, "slope of D up to gamma = 0.1", low, kit_within(1, 0.01));
    kit_statement(c, "slope from gamma = 1.9 to 2.2", slope(h, 1.8, 2.2), kit_above(2));
    kit_identity(x, "layer_step", "A step changes a charge by eta^2 (|G_{l+1}|^2 - |G_l|^2).",
                 "largest error",
                 kit_worse(kit_worst(h, KIT_AT(generic, identity_err)),
                           kit_worst(m, KIT_AT(balanced, layer_error))),
                 kit_at_most(exact ? 1e-13 : 1e-4));
    kit_identity(x, "leaf_step",
                 "On balanced layers the leaf coordinates follow their exact map, gamma < 2.",
                 "largest relative error of the drift", leaf, kit_at_most(exact ? 1e-8 : 1e-1));
}

static void figure(kit *x, kit_rows h)
{
    plot *p = kit_figure(x, "layers", 1, 1);
    plot_panel *a = plot_add(p, "Drift of the charges of the layers", "gamma", "D", PLOT_LOG);
    plot_rows_line(a, PLOT_PURPLE | PLOT_THIN, h, KIT_AT(generic, gamma), KIT_AT(generic, D), NULL);
    plot_rows_points(a, PLOT_PURPLE | PLOT_SQUARE, h, KIT_AT(generic, gamma), KIT_AT(generic, D),
                     "generic matrices, L = 3");
    plot_slope(a, 0.01, 1, 2e-4, 1, "slope 1");
    plot_vertical(a, 2, "edge of stability");
    plot_caption(p, "The charges drift in proportion to the step below the edge of stability, "
                    "faster beyond.");
}

static void report(kit *x)
{
    kit_rows h = kit_part_runs(x, &generics), m = kit_part_runs(x, &balances);
    tables(x, h, m);
    claims(x, h, m);
    figure(x, h);
}

static const kit_info info = {
    .id = "M10_layers", .title = "Laws of layers and of pathways on the same matrices",
    .statement = "beyond conservation laws", .beyond = "M10", .plan = plan, .report = report,
};
KIT_MAIN(info)
