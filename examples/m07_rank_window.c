/* M7  The rank-r window: as the step grows the modes re-balance one after the other.       @S23
 *   cc -O2 -DCLB_STATIC -o m07 examples/m07_rank_window.c -lm && ./m07                       (1 s)
 * Setup   two pathways of depth 20, target with singular values s* = (1, .9, .8, .7, .6), starts
 *         alpha = (0.01, 0.005). S_i = 20 s*_i^1.9 is the sharpness of a pathway that holds mode i
 *         alone; gamma_1 = eta S_1 in {1, 2.2, 2.6, 3, 3.4, 3.7}. "modes": every mode by its own
 *         recursion, 6000 steps. "matrices": full 5 x 5 matrices, 3000 steps, with the target
 *         rotated by the Householder matrix of (1,2,3,4,5), or not.
 * Measure the share of pathway 1 in each mode, mean of the last 200 steps; a mode has re-balanced
 *         if it is 0.01 below the share that gradient flow ends with. Of the matrices the largest
 *         entry off the diagonal, in the basis of the target's singular vectors.
 * Paper   mode i re-balances iff eta S_i > 2: exactly r modes for 2/S_r < eta < 2/S_{r+1}; the
 *         singular vectors stay those of the target.
 * Beyond  beyond/m07_sweep.c: the ranks on a fine sweep of the step. */
#define CLB_IMPLEMENTATION
#include "../clb.h"
#include "kit/kit.h"
#include "kit/pathways.h"

enum { D = 5, P = 2, L = 20, T = 6000, T_MATRICES = 3000, TAIL = 200 };
static const double target[D] = { 1, .9, .8, .7, .6 }, rotation[D] = { 1, 2, 3, 4, 5 },
                    alpha[P] = { 0.01, 0.005 }, gammas[] = { 1, 2.2, 2.6, 3.0, 3.4, 3.7 };
static const size_t depth[P] = { L, L };

static double eta_of(double gamma1) { return gamma1 / clb_path_single_sharpness(L, target[0]); }

/* ---- every mode by its own recursion --------------------------------------------------------- */

typedef struct modes {
    double   gamma1;
    double   predicted_rank, measured_rank, min_u;
    double   share_spread;         /* change of a share if alpha_1 is larger by 1e-12 */
    kit_list share, gamma_i, eta_lambda_i, boundary_share, leaf_share;
} modes;
static const kit_field modes_fields[] = {
    KIT_KEY(modes, gamma1), KIT_RESULT(modes, predicted_rank), KIT_RESULT(modes, measured_rank),
    KIT_RESULT(modes, min_u), KIT_RESULT(modes, share_spread), KIT_RESULT_ARRAY(modes, share),
    KIT_RESULT_ARRAY(modes, gamma_i), KIT_RESULT_ARRAY(modes, eta_lambda_i),
    KIT_RESULT_ARRAY(modes, boundary_share), KIT_RESULT_ARRAY(modes, leaf_share),
};

static clb_status run_modes(kit *x, void *run)
{
    modes *row = run;
    const double moved[P] = { alpha[0] * (1 + 1e-12), alpha[1] };
    double eta = eta_of(row->gamma1), share[D], gamma[D], lambda[D], edge[D], leaf[D], same;
    clb_status status;
    row->measured_rank = row->share_spread = 0, row->min_u = KIT_INF;
    for (size_t i = 0; i < D; ++i) {
        clb_path_mode_run end, other;
        status = path_train_mode(P, depth, target[i], alpha, eta, T, TAIL, &end, &leaf[i]);
        if (!status)
            status = path_train_mode(P, depth, target[i], moved, eta, T, TAIL, &other, &same);
        if (status) return status;
        share[i] = end.share, lambda[i] = end.eta_lambda;
        gamma[i] = eta * clb_path_single_sharpness(L, target[i]);
        edge[i] = clb_path_boundary_share(L, gamma[i]);
        row->measured_rank += share[i] < leaf[i] - 0.01;
        row->min_u = fmin(row->min_u, end.u_min);
        row->share_spread = fmax(row->share_spread, fabs(other.share - end.share));
    }
    row->predicted_rank = (double)clb_path_rank(L, D, target, eta);
    row->share = kit_keep(x, D, share), row->gamma_i = kit_keep(x, D, gamma);
    row->eta_lambda_i = kit_keep(x, D, lambda), row->boundary_share = kit_keep(x, D, edge);
    row->leaf_share = kit_keep(x, D, leaf);
    return CLB_OK;
}

/* ---- full matrices --------------------------------------------------------------------------- */

typedef struct matrices {
    double   gamma1, rotated;
    double   offdiag_max, offdiag_final;
    double   eta_lambda_12_single; /* rotations of modes 1 and 2, one pathway holding both */
    kit_list t, offdiag;
} matrices;
static const kit_field matrices_fields[] = {
    KIT_KEY(matrices, gamma1), KIT_KEY(matrices, rotated), KIT_RESULT(matrices, offdiag_max),
    KIT_RESULT(matrices, offdiag_final), KIT_RESULT(matrices, eta_lambda_12_single),
    KIT_RESULT_ARRAY(matrices, t), KIT_RESULT_ARRAY(matrices, offdiag),
};

typedef struct watch {
    double V[D * D], max, last, t[T_MATRICES / 10 + 1], off[T_MATRICES / 10 + 1];
    size_t n;
} watch;

static int observe(void *context, size_t t, clb_paths *paths, double loss)
{
    watch *w = context;
    double K[D * D];
    (void)loss;
    w->last = 0;
    for (size_t p = 0; p < P; ++p) {
        clb_paths_coefficients(paths, p, D, w->V, w->V, K);
        for (size_t i = 0; i < D * D; ++i)
            if (i % (D + 1)) w->last = fmax(w->last, fabs(K[i]));
    }
    w->max = fmax(w->max, w->last);
    if (t % 10 == 0) w->t[w->n] = (double)t, w->off[w->n++] = w->last;
    return 0;
}

static clb_status run_matrices(kit *x, void *run)
{
    matrices *row = run;
    double eta = eta_of(row->gamma1), u1[P] = { clb_pow(target[0], 1.0 / L), 0 },
           u2[P] = { clb_pow(target[1], 1.0 / L), 0 };
    watch w = { .n = 0 };
    clb_paths paths;
    clb_real M[D * D];
    clb_status status;
    if (row->rotated > 0) clb_path_householder(D, rotation, w.V);
    else for (size_t i = 0; i < D; ++i) w.V[i * (D + 1)] = 1;
    clb_path_target(D, w.V, target, w.V, M);
    if ((status = clb_paths_init_linear(&paths, P, depth, D, M)) != CLB_OK) return status;
    for (size_t p = 0; p < P; ++p)
        for (size_t l = 1; l <= L; ++l)
            for (size_t i = 0; i < D; ++i)
                clb_paths_layer(&paths, p, l)[i * (D + 1)] = (clb_real)clb_pow(alpha[p], 1.0 / L);
    status = clb_paths_train(&paths, eta, T_MATRICES, observe, &w, NULL);
    clb_paths_free(&paths);
    row->offdiag_max = w.max, row->offdiag_final = w.last;
    row->eta_lambda_12_single = eta * clb_path_pair(P, depth, u1, u2);
    row->t = kit_keep(x, w.n, w.t), row->offdiag = kit_keep(x, w.n, w.off);
    return status;
}

static const kit_part scalar = KIT_PART("modes", "recursion of each mode", modes, run_modes);
static const kit_part full = KIT_PART("matrices", "full matrices", matrices, run_matrices);

static void plan(kit *x)
{
    kit_config(x, "T", T), kit_config(x, "T_matrices", T_MATRICES);
    for (size_t k = 0; k < KIT_LEN(gammas); ++k) {
        kit_add(x, &scalar, &(modes){ .gamma1 = gammas[k] });
        kit_add(x, &full, &(matrices){ .gamma1 = gammas[k], .rotated = 1 });
        kit_add(x, &full, &(matrices){ .gamma1 = gammas[k], .rotated = 0 });
    }
}

/* ---- what follows from the runs ------------------------------------------------------------- */

static kit_rows matrix_runs(kit *x, int rotated)
{
    return kit_where(kit_part_runs(x, &full), KIT_AT(matrices, rotated), rotated);
}

static void tables(kit *x)
{
    kit_rows rows = kit_part_runs(x, &scalar), rotated = matrix_runs(x, 1);
    kit_table *t = KIT_TABLE(x, "rank",
                             "Modes that re-balance, predicted and measured; shares of the larger "
                             "path by mode; leaving the singular vectors", "gamma1",
                             "predicted_rank", "measured_rank", "share 1", "share 2", "share 3",
                             "share 4", "share 5", "eta_lambda_12", "off diagonal (rotated)");
    for (size_t k = 0; k < rows.n; ++k) {
        const modes *r = rows.at[k];
        kit_rows b = kit_where(rotated, KIT_AT(matrices, gamma1), r->gamma1);
        KIT_CELLS(t, r->gamma1, r->predicted_rank, r->measured_rank);
        kit_cells(t, r->share);
        KIT_CELLS(t, kit_mean(b, KIT_AT(matrices, eta_lambda_12_single)),
                  kit_mean(b, KIT_AT(matrices, offdiag_max)));
    }
    t = KIT_TABLE(x, "edges",
                  "Each mode: its sharpness S, the gamma_1 at which eta S = 2, and where gradient "
                  "flow ends: the share of pathway 1, the sharpness over S", "target", "S",
                  "gamma1", "leaf_share", "leaf_sharpness_ratio");
    for (size_t i = 0; i < D && rows.n; ++i) {
        const modes *r = rows.at[0];
        double S = clb_path_single_sharpness(L, target[i]), leaf = r->leaf_share.at[i],
               s[P] = { leaf * target[i], (1 - leaf) * target[i] };
        KIT_LINE(t, target[i], S, 2 * clb_path_single_sharpness(L, target[0]) / S, leaf,
                 clb_path_sharpness(P, depth, s) / S);
    }
}

static void claims(kit *x)
{
    kit_rows rows = kit_part_runs(x, &scalar), rotated = matrix_runs(x, 1);
    kit_at lambda = KIT_AT(matrices, eta_lambda_12_single), off = KIT_AT(matrices, offdiag_max);
    double right = 0, tolerance = sizeof(clb_real) == 8 ? 1e-13 : 1e-4,
           below = path_largest(kit_between(rotated, lambda, 0, 2), off),
           above = path_least(kit_between(rotated, lambda, 2, KIT_INF), off);
    kit_claim *c;
    for (size_t k = 0; k < rows.n; ++k) {
        const modes *r = rows.at[k];
        right += r->predicted_rank == r->measured_rank;
    }
    kit_summary(x, "steps with the predicted rank", right);
    c = kit_paper(x, "rank_window",
                  "A mode re-balances if and only if the step exceeds 2 over its sharpness: r "
                  "modes for 2/S_r < eta < 2/S_{r+1}.", "rank-r window");
    kit_statement(c, "of six steps those with the predicted number of modes", right, kit_equal(6));
    kit_remark(c, "A mode starts to re-balance slightly above 2/S_i, where the end of gradient "
                  "flow loses its stability.");
    c = kit_paper(x, "invariant_set", "Gradient descent keeps the singular vectors of the target.",
                  "invariant set");
    kit_statement(c, "largest entry off the diagonal, rotated target",
                  path_largest(rotated, off), kit_below(tolerance));
    kit_condition(c, "while eta lambda_12 is below 2", "largest entry there", below,
                  kit_below(tolerance));
    kit_condition(c, "while eta lambda_12 is below 2", "least where it is above", above,
                  kit_above(0.1));
    kit_remark(c, "lambda_12 is the curvature against rotations of modes 1 and 2 into each other. "
                  "Once eta lambda_12 passes 2, rounding grows.");
    kit_identity(x, "kept_below", "Below eta lambda_12 = 2 the singular vectors are kept.",
                 "largest entry", below, kit_below(tolerance));
    kit_identity(x, "lost_above", "Above eta lambda_12 = 2 they are lost.", "least entry", above,
                 kit_above(0.1));
    kit_identity(x, "straight", "Without a rotation the entries off the diagonal stay 0.",
                 "largest entry", path_largest(matrix_runs(x, 0), off), kit_equal(0));
}

static void figure(kit *x)
{
    kit_rows rows = kit_part_runs(x, &scalar), rotated = matrix_runs(x, 1);
    kit_at gamma1 = KIT_AT(modes, gamma1);
    kit_list at = kit_values(rows, gamma1);
    plot *p = kit_figure(x, "rank_window", 2, 1);
    plot_panel *a =
        plot_add(p, "Share of pathway 1 in each mode", "gamma of mode 1; dashed: eta S_i = 2",
                 "share", PLOT_LINEAR);
    for (size_t i = 0; i < D; ++i) {
        kit_list y = kit_elements(rows, KIT_AT(modes, share), i);
        const char *name = kit_print(x, "s* = %g", target[i]);
        plot_lists(a, (int)i, at, y, name), plot_points(a, (int)i, y.n, at.at, y.at, NULL);
        plot_vertical(a, 2 * clb_path_single_sharpness(L, target[0])
                             / clb_path_single_sharpness(L, target[i]), NULL);
    }
    a = plot_add(p, "Full matrices, rotated target", "step", "largest entry off the diagonal",
                 PLOT_LOGY);
    for (size_t k = 0; k < rotated.n; ++k) {
        const matrices *r = rotated.at[k];
        plot_lists(a, (int)k, r->t, r->offdiag,
                   kit_print(x, "eta lambda_12 = %.2f", r->eta_lambda_12_single));
    }
    plot_caption(p, "Modes re-balance one after the other as the step grows; rotations between "
                    "modes set the limit of the picture.");
}

static void report(kit *x)
{
    tables(x);
    claims(x);
    figure(x);
}

static const kit_info info = {
    .id = "M07", .title = "Rank-r window", .statement = "rank-r window",
    .key_result = "r modes re-balance for 2/S_r < eta < 2/S_{r+1}", .plan = plan,
    .report = report, };
KIT_MAIN(info)
