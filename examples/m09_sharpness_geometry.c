/* M9  Sharpness geometry: the equal split is the flattest minimum.                         @S23
 *   cc -O2 -DCLB_STATIC -o m09 examples/m09_sharpness_geometry.c -lm && ./m09                (1 s)
 * Setup   linear nets of P pathways, pathway p a chain of L_p square matrices, their sum fitted to
 *         a target with singular values s*_i. At a minimum the pathways share each: sum_p s_{p,i} =
 *         s*_i. "spectrum": six minima of 24 to 160 parameters with rotated target; the Hessian
 *         assembled from exact products and diagonalised by Jacobi. "reduction": 1000 splits of
 *         s* = 1 among 2 to 8 pathways of equal depth L, uniform on the simplex.
 * Measure the d^2 largest eigenvalues against their formulas; the least sharpness of a random
 *         split over that of the equal one.
 * Paper   sharpness = max_i sum_p L_p s_{p,i}^(2-2/L_p); the equal split minimises it, by the
 *         factor P^(2/L-1); a shallow single pathway is sharper than a deep one.
 * Beyond  beyond/m09_depth.c: sharpness of a single pathway against its depth. */
#define CLB_IMPLEMENTATION
#include "../clb.h"
#include "kit/kit.h"
#include "kit/pathways.h"

typedef struct setup {
    const char *name;
    size_t P, depth[3], d;
    double s[3], share[3][3], v[3], u[3];     /* share[p][i] of mode i on pathway p */
} setup;
static const setup setups[] = {
    { "{3,3}", 2, { 3, 3 }, 2, { 2, 1 }, { { .7, .4 }, { .3, .6 } }, { 1, 2 }, { 2, -1 } },
    { "{3,5}", 2, { 3, 5 }, 2, { 2, 1 }, { { .7, .4 }, { .3, .6 } }, { 1, 2 }, { 2, -1 } },
    { "{2,3,4}", 3, { 2, 3, 4 }, 2, { 2, 1 }, { { .5, .4 }, { .3, .35 }, { .2, .25 } },
      { 1, 2 }, { 2, -1 } },
    { "{4,4}, d=3", 2, { 4, 4 }, 3, { 3, 2, 1 }, { { .5, .5, .5 }, { .5, .5, .5 } },
      { 1, 2, 3 }, { 3, 1, -2 } },
    { "{20,20} equal", 2, { 20, 20 }, 2, { 2, 1 }, { { .5, .5 }, { .5, .5 } },
      { 1, 2 }, { 2, -1 } },
    { "{20,20} single", 2, { 20, 20 }, 2, { 2, 1 }, { { 1, 1 }, { 0, 0 } }, { 1, 2 }, { 2, -1 } },
};
static const double depths[] = { 2, 3, 4, 5, 10, 20 }, pathways[] = { 2, 3, 4, 8 };
enum { SPLITS = 1000 };

/* ---- the whole spectrum at a minimum --------------------------------------------------------- */

typedef struct minimum {
    double   setup;                /* place in the list above */
    double   n_params, sharpness, hessian_sharpness, spectrum_error, null_max;
    kit_list lambda_modes, spectrum_nonzero, eigenvalues;
} minimum;
static const kit_field minimum_fields[] = {
    KIT_KEY(minimum, setup), KIT_RESULT(minimum, n_params), KIT_RESULT(minimum, sharpness),
    KIT_RESULT(minimum, hessian_sharpness), KIT_RESULT(minimum, spectrum_error),
    KIT_RESULT(minimum, null_max), KIT_RESULT_ARRAY(minimum, lambda_modes),
    KIT_RESULT_ARRAY(minimum, spectrum_nonzero), KIT_RESULT_ARRAY(minimum, eigenvalues),
};

static void sort_down(size_t n, double *v)
{
    clb_sort(n, v);
    for (size_t i = 0; i < n / 2; ++i) {
        double t = v[i];
        v[i] = v[n - 1 - i], v[n - 1 - i] = t;
    }
}

/* The net at its minimum: singular values u of every layer, singular vectors of the target. */
static clb_status net_at_minimum(const setup *c, const double *u, clb_paths *paths)
{
    double U[9], V[9];
    clb_real M[9];
    clb_status status;
    clb_path_householder(c->d, c->v, V), clb_path_householder(c->d, c->u, U);
    clb_path_target(c->d, U, c->s, V, M);
    status = clb_paths_init_linear(paths, c->P, c->depth, c->d, M);
    if (!status) clb_paths_singular_values(paths, u, U, V);
    return status;
}

static clb_status run_minimum(kit *x, void *run)
{
    minimum *row = run;
    const setup *c = &setups[(size_t)row->setup];
    double u[9], formula[9], modes[3], *values;
    size_t n = c->d * c->d, N;
    clb_paths paths;
    kit_arena arena = { NULL };
    clb_real *H;
    clb_status status;
    for (size_t p = 0; p < c->P; ++p)
        for (size_t i = 0; i < c->d; ++i)
            u[p * c->d + i] = clb_pow(c->share[p][i] * c->s[i], 1 / (double)c->depth[p]);
    if ((status = net_at_minimum(c, u, &paths)) != CLB_OK) return status;
    N = paths.P;
    H = kit_new(&arena, N * N, sizeof *H), values = kit_new(&arena, N, sizeof *values);
    status = clb_paths_curve(&paths);
    if (!status) clb_paths_hessian(&paths, H), status = clb_jacobi(N, H, N, values, NULL);
    clb_paths_free(&paths);
    if (!status) {
        clb_path_spectrum(c->P, c->depth, c->d, u, formula);
        for (size_t i = 0; i < c->d; ++i) modes[i] = formula[i * c->d + i];
        sort_down(n, formula), sort_down(N, values);
        row->spectrum_error = row->null_max = 0;
        for (size_t k = 0; k < N; ++k)
            if (k >= n) row->null_max = fmax(row->null_max, fabs(values[k]));
            else row->spectrum_error = fmax(row->spectrum_error, fabs(values[k] - formula[k]));
        row->n_params = (double)N, row->sharpness = formula[0], row->hessian_sharpness = values[0];
        row->lambda_modes = kit_keep(x, c->d, modes);
        row->spectrum_nonzero = kit_keep(x, n, formula), row->eigenvalues = kit_keep(x, n, values);
    }
    kit_arena_free(&arena);
    return status;
}

/* ---- random splits --------------------------------------------------------------------------- */

typedef struct reduction { double L, P;  double factor, lowest_random_over_equal; } reduction;
static const kit_field reduction_fields[] = {
    KIT_KEY(reduction, L), KIT_KEY(reduction, P), KIT_RESULT(reduction, factor),
    KIT_RESULT(reduction, lowest_random_over_equal),
};

static clb_status run_reduction(kit *x, void *run)
{
    reduction *row = run;
    size_t L = (size_t)row->L, P = (size_t)row->P, depth[8];
    double s[8], lowest = KIT_INF, equal = clb_path_balanced_sharpness(P, L, 1);
    clb_rng rng;
    (void)x;
    clb_rng_seed(&rng, 1000 * L + P);
    for (int k = 0; k < SPLITS; ++k) {
        double sum = 0;
        for (size_t p = 0; p < P; ++p)
            depth[p] = L, sum += s[p] = -clb_log(1 - clb_rng_double(&rng));
        for (size_t p = 0; p < P; ++p) s[p] /= sum;
        lowest = fmin(lowest, clb_path_sharpness(P, depth, s));
    }
    row->factor = equal / clb_path_single_sharpness(L, 1);
    row->lowest_random_over_equal = lowest / equal;
    return CLB_OK;
}

static const kit_part spectrum = KIT_PART("spectrum", "six minima", minimum, run_minimum);
static const kit_part splits = KIT_PART("reduction", "random splits", reduction, run_reduction);

static void plan(kit *x)
{
    kit_config(x, "splits", SPLITS);
    for (size_t c = 0; c < KIT_LEN(setups); ++c)
        kit_add(x, &spectrum, &(minimum){ .setup = (double)c });
    for (size_t i = 0; i < KIT_LEN(depths); ++i)
        for (size_t k = 0; k < KIT_LEN(pathways); ++k)
            kit_add(x, &splits, &(reduction){ .L = depths[i], .P = pathways[k] });
}

/* ---- what follows from the runs ------------------------------------------------------------- */

static void tables(kit *x)
{
    kit_rows minima = kit_part_runs(x, &spectrum), factors = kit_part_runs(x, &splits);
    kit_table *t = KIT_TABLE(x, "minima",
                             "Six minima: formula against the largest Hessian eigenvalue, the "
                             "whole spectrum, the null block", "network", "n_params", "sharpness",
                             "hessian_sharpness", "spectrum_error", "null_max");
    for (size_t i = 0; i < minima.n; ++i) {
        const minimum *r = minima.at[i];
        kit_text(t, setups[(size_t)r->setup].name);
        KIT_CELLS(t, r->n_params, r->sharpness, r->hessian_sharpness, r->spectrum_error,
                  r->null_max);
    }
    t = KIT_TABLE(x, "factor",
                  "Sharpness of the equal split over that of a single pathway, P^(2/L-1), and the "
                  "lowest of 1000 random splits over the equal one", "L", "P", "factor",
                  "lowest_random_over_equal");
    for (size_t i = 0; i < factors.n; ++i) {
        const reduction *r = factors.at[i];
        KIT_LINE(t, r->L, r->P, r->factor, r->lowest_random_over_equal);
    }
}

static void claims(kit *x)
{
    kit_rows minima = kit_part_runs(x, &spectrum), factors = kit_part_runs(x, &splits);
    double error = kit_worst(minima, KIT_AT(minimum, spectrum_error)), wrong = 0;
    double tolerance = sizeof(clb_real) == 8 ? 1e-9 : 1e-3;
    kit_claim *c = kit_paper(x, "equal_split",
                             "Pathways of equal depth are flattest when they share the signal "
                             "equally: P^(2/L-1) times as sharp as one alone.", "theorem");
    for (size_t i = 0; i < factors.n; ++i) {
        const reduction *r = factors.at[i];
        wrong = kit_worse(wrong, fabs(r->factor / clb_pow(r->P, 2 / r->L - 1) - 1));
    }
    kit_summary(x, "largest spectrum error", error);
    kit_statement(c, "least sharpness of the random splits over the equal one, minus 1,",
                  path_least(factors, KIT_AT(reduction, lowest_random_over_equal)) - 1,
                  kit_at_least(-1e-13));
    kit_statement(c, "largest relative error of the factor", wrong, kit_below(1e-13));
    kit_statement(c, "largest error of the sharpness formulas against the Hessian", error,
                  kit_below(tolerance));
    c = kit_paper(x, "shallow_is_sharper", "A shallow single pathway is sharper than a deep one.",
                  "reason given for pathways of different depths");
    kit_statement(c, "sharpness at depth 3 over that at depth 20, s* = 1",
                  clb_path_single_sharpness(3, 1) / clb_path_single_sharpness(20, 1), kit_above(1));
    kit_remark(c, "It needs s* < exp(-L/2). The shallow pathway loses its stability because "
                  "spreading the signal lowers the sum of all sharpnesses.");
    kit_identity(x, "spectrum", "The formulas give all d^2 eigenvalues that are not 0.",
                 "largest error", error, kit_at_most(tolerance));
    kit_identity(x, "null_block", "Every other eigenvalue is 0.", "largest",
                 kit_worst(minima, KIT_AT(minimum, null_max)), kit_at_most(tolerance));
}

static void figure(kit *x)
{
    kit_rows minima = kit_part_runs(x, &spectrum);
    plot *p = kit_figure(x, "geometry", 2, 1);
    plot_panel *a = plot_add(p, "Sharpness against the split, P = 2", "share of pathway 1",
                             "sharpness over that of a single pathway", PLOT_LINEAR);
    static const size_t L[] = { 2, 3, 5, 20 };
    for (int k = 0; k < 4; ++k) {
        double at[101], y[101];
        for (int i = 0; i <= 100; ++i) {
            double s[2] = { 0.01 * i, 1 - 0.01 * i };
            at[i] = s[0];
            y[i] = clb_path_sharpness(2, (const size_t[]){ L[k], L[k] }, s) / (double)L[k];
        }
        plot_line(a, k, 101, at, y, kit_print(x, "L = %zu", L[k]));
    }
    a = plot_add(p, "Hessian eigenvalues at six minima", "formula", "assembled Hessian", PLOT_LOG);
    for (size_t i = 0; i < minima.n; ++i) {
        const minimum *r = minima.at[i];
        plot_points(a, (int)i, r->eigenvalues.n, r->spectrum_nonzero.at, r->eigenvalues.at,
                    setups[(size_t)r->setup].name);
    }
    plot_caption(p, "Sharpness at minima: convex in the split, and confirmed by the Hessian.");
}

static void report(kit *x)
{
    tables(x);
    claims(x);
    figure(x);
}

static const kit_info info = {
    .id = "M09", .title = "Sharpness geometry", .statement = "equal split is flattest",
    .key_result = "lambda_min = S P^(2/L-1)", .plan = plan, .report = report, };
KIT_MAIN(info)
