/* pathways.h - what the experiments on nets with several pathways (M1 to M10) share. */
#ifndef KIT_PATHWAYS_H
#define KIT_PATHWAYS_H

#include "rows.h"

/* The least and the largest of a member; NaN if there is no run or one of them is NaN. */
KIT_FN double path_least(kit_rows rows, kit_at at) { return kit_least(kit_values(rows, at)); }
KIT_FN double path_largest(kit_rows rows, kit_at at) { return kit_largest(kit_values(rows, at)); }

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

/* P pathways of one depth L towards `target`; alpha[p] is what pathway p contributes at the
 * start. */
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

/* Observer of clb_path_mode_train: the smallest u after the start; context: a double. */
KIT_FN void path_lowest(void *context, size_t t, const clb_path_mode *mode, double r)
{
    double *least = (double *)context;
    (void)r;
    for (size_t p = 0; t > 0 && p < mode->count; ++p) *least = fmin(*least, mode->u[p]);
}

/* gamma_WCR(L), above which the largest overshoot of a single pathway returns below 0; NaN:
 * none. */
KIT_FN double path_gamma_wcr(size_t L)
{
    clb_path_return worst;
    return clb_path_worst_return(L, &worst) ? KIT_NAN : worst.gamma;
}

/* gamma_c = 2 P^(1-2/L), above which no minimum of P pathways of depth L is stable. */
KIT_FN double path_gamma_c(double L, double P) { return 2 * clb_pow(P, 1 - 2 / L); }

/* ---- M8: what becomes of 200 starts ---------------------------------------------------------- */

enum { PATH_STARTS = 200 };

/* Fractions of the starts that flip a sign, run away, collapse onto the plateau near 0, or end
 * well; of those that end well the mean largest share of a pathway, the mean and the largest eta
 * lambda. */
typedef struct path_fates {
    double flip, ran_away, collapsed, ok, max_share, eta_lambda, eta_lambda_max;
} path_fates;
#define PATH_FATES(type, of)                                                                       \
    KIT_RESULT_OF(type, of, flip), KIT_RESULT_OF(type, of, ran_away),                              \
        KIT_RESULT_OF(type, of, collapsed), KIT_RESULT_OF(type, of, ok),                           \
        KIT_RESULT_OF(type, of, max_share), KIT_RESULT_OF(type, of, eta_lambda),                   \
        KIT_RESULT_OF(type, of, eta_lambda_max)

KIT_FN void path_fates_add(path_fates *sum, const clb_path_mode_run *end)
{
    int flip = end->flip != CLB_PATH_NEVER, away = end->outcome == CLB_PATH_RUN_AWAY,
        low = end->outcome == CLB_PATH_COLLAPSED;
    sum->flip += flip, sum->ran_away += away, sum->collapsed += low;
    if (flip || away || low) return;
    ++sum->ok, sum->max_share += end->share, sum->eta_lambda += end->eta_lambda;
    sum->eta_lambda_max = fmax(sum->eta_lambda_max, end->eta_lambda);
}

/* P pathways of depth L towards 1 from alpha_p = 0.003 10^(k/199) factor / 2^(p-1), k = 0..199; T
 * steps of size eta each. */
KIT_FN clb_status path_starts(path_fates *f, size_t P, size_t L, double factor, double eta,
                              size_t T, const clb_path_mode_opts *opts)
{
    memset(f, 0, sizeof *f);
    for (size_t k = 0; k < PATH_STARTS; ++k) {
        double alpha[PATH_MOST];
        clb_path_mode mode;
        clb_path_mode_run end;
        clb_status status;
        alpha[0] = 0.003 * clb_pow(10, (double)k / (PATH_STARTS - 1)) * factor;
        for (size_t p = 1; p < PATH_MOST; ++p) alpha[p] = 0.5 * alpha[p - 1];
        if ((status = path_start(&mode, P, L, 1, alpha)) != CLB_OK) return status;
        status = clb_path_mode_train(&mode, eta, T, opts, &end);
        clb_path_mode_free(&mode);
        if (status) return status;
        path_fates_add(f, &end);
    }
    if (f->ok > 0) f->max_share /= f->ok, f->eta_lambda /= f->ok;
    else f->max_share = f->eta_lambda = f->eta_lambda_max = KIT_NAN;
    f->flip /= PATH_STARTS, f->ran_away /= PATH_STARTS, f->collapsed /= PATH_STARTS;
    f->ok /= PATH_STARTS;
    return CLB_OK;
}

/* The step sizes of M2 at depth L, in units of a single pathway's 1/S: three below 2, seven in the
 * window from 2 to gamma_c of P = 2 (the last is gamma_c), three above. */
enum { PATH_WINDOW = 13 };
KIT_FN double path_window_gamma(double L, size_t k)
{
    static const double below[] = { 0.25, 1, 1.9 }, part[] = { .1, .25, .5, .75, .9, .97, 1 };
    static const double above[] = { 1.02, 1.05, 1.1 };
    double gamma_c = path_gamma_c(L, 2);
    return k < 3 ? below[k] : k < 10 ? 2 + (gamma_c - 2) * part[k - 3] : gamma_c * above[k - 10];
}

#endif /* KIT_PATHWAYS_H */
