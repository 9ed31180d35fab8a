/* pathways.h - what the experiments on nets with several pathways (M1 to M10) share. */
#ifndef KIT_PATHWAYS_H
#define KIT_PATHWAYS_H

#include "rows.h"

/* The least and the largest of a member; NaN if there is no run or one of them is NaN. */
KIT_FN double path_extreme(kit_rows rows, kit_at at, int largest)
{
    kit_list v = kit_values(rows, at);
    double found = v.n ? v.at[0] : KIT_NAN;
    for (size_t i = 0; i < v.n; ++i) {
        if (isnan(v.at[i])) return KIT_NAN;
        if (largest ? v.at[i] > found : v.at[i] < found) found = v.at[i];
    }
    return found;
}
KIT_FN double path_least(kit_rows rows, kit_at at) { return path_extreme(rows, at, 0); }
KIT_FN double path_largest(kit_rows rows, kit_at at) { return path_extreme(rows, at, 1); }

/* Points i/n of (0,1), 0 < i < n, that the deep-chain map f takes beyond 1: the share of them whose
 * next image f(f(x)) is not positive, and the lowest next image. */
KIT_FN void path_overshoots(size_t L, double gamma, size_t n, double *share, double *lowest)
{
    size_t over = 0, flip = 0;
    *lowest = KIT_INF;
    for (size_t i = 1; i < n; ++i) {
        double y = clb_path_chain_map(L, gamma, (double)i / (double)n), z;
        if (!(y > 1)) continue;
        z = clb_path_chain_map(L, gamma, y);
        ++over, flip += z <= 0;
        *lowest = fmin(*lowest, z);
    }
    *share = over ? (double)flip / (double)over : 0;
}

/* P pathways of one depth L towards `target`; alpha[p] is what pathway p contributes at the start. */
enum { PATH_MOST = 8 };
KIT_FN clb_status path_start(clb_path_mode *mode, size_t P, size_t L, double target,
                             const double *alpha)
{
    size_t depth[PATH_MOST];
    for (size_t p = 0; p < PATH_MOST; ++p) depth[p] = L;
    return P > PATH_MOST ? CLB_EPATHS : clb_path_mode_init(mode, P, depth, target, alpha);
}

/* Leaf coordinates z_p = u_p^(2-L): the difference z_2 - z_1. Gradient flow conserves it. */
KIT_FN double path_leaf_gap(const clb_path_mode *mode)
{
    size_t q = mode->depth[0] - 2;
    return 1 / clb_powi(mode->u[1], q) - 1 / clb_powi(mode->u[0], q);
}

/* One mode of P pathways of equal depth towards `target` from alpha_p, T steps of size eta, means
 * over the last `tail`; and the share of pathway 1 where gradient flow would end. */
KIT_FN clb_status path_train_mode(size_t P, const size_t *depth, double target, const double *alpha,
                                  double eta, size_t T, size_t tail, clb_path_mode_run *end,
                                  double *flow_share)
{
    double s[8];
    clb_path_mode_opts opts;
    clb_path_mode mode;
    clb_status status = P > KIT_LEN(s) ? CLB_ESHAPE
                                       : clb_path_mode_init(&mode, P, depth, target, alpha);
    if (status) return status;
    memset(&opts, 0, sizeof opts);
    opts.tail = tail;
    status = clb_path_leaf_endpoint(&mode, s);
    *flow_share = s[0] / target;
    if (!status) status = clb_path_mode_train(&mode, eta, T, &opts, end);
    clb_path_mode_free(&mode);
    return status;
}

/* The step sizes of M2 at depth L, in units of a single pathway's 1/S: three below 2, seven in the window
 * from 2 to gamma_c = 2 P^(1-2/L), P = 2 (the last is gamma_c), three above. */
enum { PATH_WINDOW = 13 };
KIT_FN double path_window_gamma(double L, size_t k)
{
    static const double below[] = { 0.25, 1, 1.9 }, part[] = { .1, .25, .5, .75, .9, .97, 1 };
    static const double above[] = { 1.02, 1.05, 1.1 };
    double gamma_c = 2 * clb_pow(2, 1 - 2 / L);
    return k < 3 ? below[k] : k < 10 ? 2 + (gamma_c - 2) * part[k - 3] : gamma_c * above[k - 10];
}

#endif /* KIT_PATHWAYS_H */
