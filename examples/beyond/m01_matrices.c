/* M1, beyond the paper: full matrices against the scalar recursion, step by step.
 *   cc -O2 -DCLB_STATIC -o matrices examples/beyond/m01_matrices.c -lm && ./matrices         (1 s)
 * M1's three runs as networks of 20 matrices of 3 x 3 in each of two pathways, W = alpha^(1/L) I,
 * towards V diag(2, 1, 0.5) V, V = I - 2 v v^T/|v|^2 with v = (1, 2, 3). At every step the
 * coefficients v_i^T Omega_p v_i are compared with three recursions of M1 that run beside. At the
 * two large steps the transient is chaotic: rounding grows to order 1 in 60 steps, and only the
 * ends agree again. */
#define CLB_IMPLEMENTATION
#include "../../clb.h"
#include "../kit/kit.h"
#include "../kit/pathways.h"

enum { D = 3, P = 2, L = 20 };
static const double target[D] = { 2, 1, 0.5 }, alpha[P] = { 0.01, 0.005 };
static const char *const names[] = { "small", "intermediate", "critical" };

typedef struct network {
    const char *name;
    double gamma, T;
    double matrix_vs_scalar_max, matrix_vs_scalar_max_t40, matrix_vs_scalar_final_mean2,
        matrix_offdiag_max;
} network;
#define AT(member) KIT_AT(network, member)
static const kit_field network_fields[] = {
    KIT_KEY_TEXT(network, name), KIT_KEY(network, gamma), KIT_KEY(network, T),
    KIT_RESULT(network, matrix_vs_scalar_max), KIT_RESULT(network, matrix_vs_scalar_max_t40),
    KIT_RESULT(network, matrix_vs_scalar_final_mean2), KIT_RESULT(network, matrix_offdiag_max),
};

typedef struct watch {
    network      *row;
    clb_path_mode mode[D];
    double        V[D * D], eta, matrix[P][D], scalar[P][D];          /* before */
} watch;

static int observe(void *context, size_t t, clb_paths *paths, double loss)
{
    watch *w = context;
    network *row = w->row;
    double K[D * D];
    (void)loss;
    row->matrix_vs_scalar_final_mean2 = 0;
    for (size_t p = 0; p < P; ++p) {
        clb_paths_coefficients(paths, p, D, w->V, w->V, K);
        for (size_t i = 0; i < D; ++i) {
            double a = K[i * D + i], b = clb_path_mode_signal(&w->mode[i], p), gap = fabs(a - b);
            double means = fabs(0.5 * (a + w->matrix[p][i]) - 0.5 * (b + w->scalar[p][i]));
            row->matrix_vs_scalar_max = fmax(row->matrix_vs_scalar_max, gap);
            if (t <= 40) row->matrix_vs_scalar_max_t40 = fmax(row->matrix_vs_scalar_max_t40, gap);
            row->matrix_vs_scalar_final_mean2 = fmax(row->matrix_vs_scalar_final_mean2, means);
            w->matrix[p][i] = a, w->scalar[p][i] = b;
            for (size_t j = 0; j < D; ++j)
                if (j != i)
                    row->matrix_offdiag_max = fmax(row->matrix_offdiag_max, fabs(K[i * D + j]));
        }
    }
    for (size_t i = 0; i < D; ++i) clb_path_mode_step(&w->mode[i], w->eta);
    return 0;
}

static clb_status train(watch *w)
{
    static const double v[D] = { 1, 2, 3 };
    size_t depth[P] = { L, L };
    clb_real M[D * D];
    clb_paths paths;
    clb_status status;
    clb_path_householder(D, v, w->V);
    clb_path_target(D, w->V, target, w->V, M);
    if ((status = clb_paths_init_linear(&paths, P, depth, D, M)) != CLB_OK) return status;
    for (size_t p = 0; p < P; ++p)
        for (size_t l = 1; l <= L; ++l)
            for (size_t i = 0; i < D; ++i)
                clb_paths_layer(&paths, p, l)[i * (D + 1)] = (clb_real)w->mode[0].u[p];
    status = clb_paths_train(&paths, w->eta, (size_t)w->row->T, observe, w, NULL);
    clb_paths_free(&paths);
    return status;
}

static clb_status run_network(kit *x, void *run)
{
    network *row = run;
    watch w = { .row = row, .eta = row->gamma / clb_path_single_sharpness(L, target[0]) };
    clb_status status = CLB_OK;
    (void)x;
    if (!strcmp(row->name, "critical")) w.eta = 2 / clb_path_balanced_sharpness(P, L, target[0]);
    row->matrix_vs_scalar_max = row->matrix_vs_scalar_max_t40 = row->matrix_offdiag_max = 0;
    for (size_t i = 0; i < D && !status; ++i)
        status = path_start(&w.mode[i], P, L, target[i], alpha);
    if (!status) status = train(&w);
    for (size_t i = 0; i < D; ++i) clb_path_mode_free(&w.mode[i]);
    return status;
}

static const kit_part networks =
    KIT_PART("run", "matrices beside recursions", network, run_network);

static void plan(kit *x)
{
    double gamma[3] = { 1, 3, path_gamma_c(L, P) };
    for (size_t k = 0; k < 3; ++k)
        kit_add(x, &networks, &(network){ .name = names[k], .gamma = gamma[k],
                                          .T = kit_quick(x) ? 1000 : k == 2 ? 20000 : 4000 });
}

static void report(kit *x)
{
    kit_rows rows = kit_part_runs(x, &networks), exact = kit_where_text(rows, AT(name), names[0]);
    double rounding = sizeof(clb_real) == 8 ? 1 : 1e8;
    kit_table *t = KIT_TABLE(x, "matrices",
                             "Largest differences of matrices and recursion: of all steps, of the "
                             "first 40, of the means of the last two; and off the diagonal",
                             "run", "gamma", "matrix_vs_scalar_max", "to t = 40", "at the end",
                             "off the diagonal");
    kit_claim *c = kit_ours(x, "ends",
                            "After a chaotic transient matrices and recursion end in the same "
                            "state.");
    for (size_t k = 0; k < rows.n; ++k) {
        const network *r = rows.at[k];
        kit_text(t, r->name);
        KIT_CELLS(t, r->gamma, r->matrix_vs_scalar_max, r->matrix_vs_scalar_max_t40,
                  r->matrix_vs_scalar_final_mean2, r->matrix_offdiag_max);
    }
    kit_statement(c, "largest difference on the way, gamma = 3",
                  kit_mean(kit_where_text(rows, AT(name), names[1]), AT(matrix_vs_scalar_max)),
                  kit_above(0.1));
    kit_statement(c, "at the end, gamma = 1 and 3",
                  kit_worst(kit_between(rows, AT(gamma), 0, 3), AT(matrix_vs_scalar_final_mean2)),
                  kit_at_most(1e-11 * rounding));
    kit_show(c, "difference at the end, gamma_c", kit_mean(kit_where_text(rows, AT(name), names[2]),
                                                AT(matrix_vs_scalar_final_mean2)));
    kit_identity(x, "early", "Matrices follow the recursion for 40 steps.", "largest difference",
                 kit_worst(rows, AT(matrix_vs_scalar_max_t40)), kit_at_most(1e-12 * rounding));
    kit_identity(x, "diagonal", "The pathways keep the singular vectors of the target.",
                 "largest coefficient off the diagonal", kit_worst(rows, AT(matrix_offdiag_max)),
                 kit_at_most(1e-12 * rounding));
    kit_identity(x, "small", "At gamma = 1 matrices follow the recursion at every step.",
                 "largest difference", kit_worst(exact, AT(matrix_vs_scalar_max)),
                 kit_at_most(1e-11 * rounding));
}

static const kit_info info = {
    .id = "M01_matrices",
    .title = "Full matrices against the recursion",
    .statement = "beyond re-balancing",
    .beyond = "M01",
    .plan = plan,
    .report = report,
};
KIT_MAIN(info)
