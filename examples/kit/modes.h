/* modes.h - E20 and E21: mode coefficients measured from gradient and Hessian against those that
 * the theory of linear nets gives, compared as the paper compares them: each list sorted, then rank
 * against rank. */
#ifndef KIT_MODES_H
#define KIT_MODES_H

#include "cache.h"

enum { MODES_TOP = 20 };

/* The results of one comparison, and the fields of a run's struct that holds one as `of`. */
typedef struct modes_results {
    double   ck_correlation, spectrum_correlation, n_positive_hessian, K_modes_compared, lambda_max;
    double   R_one_over_rank, R_geometric, log_slope;
    kit_list ck_empirical_top, ck_theory_top, data_eigenvalues, hessian_top_eigenvalues;
} modes_results;
#define MODES_FIELDS(type, of)                                                                     \
    KIT_RESULT_OF(type, of, ck_correlation), KIT_RESULT_OF(type, of, spectrum_correlation),        \
    KIT_RESULT_OF(type, of, n_positive_hessian), KIT_RESULT_OF(type, of, K_modes_compared),        \
    KIT_RESULT_OF(type, of, lambda_max), KIT_RESULT_OF(type, of, R_one_over_rank),                 \
    KIT_RESULT_OF(type, of, R_geometric), KIT_RESULT_OF(type, of, log_slope),                      \
    KIT_RESULT_ARRAY_OF(type, of, ck_empirical_top), KIT_RESULT_ARRAY_OF(type, of, ck_theory_top), \
    KIT_RESULT_ARRAY_OF(type, of, data_eigenvalues),                                               \
    KIT_RESULT_ARRAY_OF(type, of, hessian_top_eigenvalues)

/* The largest MODES_TOP of n values, descending; as shares of the sum of all if wanted. */
KIT_FN void modes_top(size_t n, const double *values, int shares, double *top)
{
    kit_arena arena = { NULL };
    double *copy = (double *)kit_new(&arena, n, sizeof *copy), sum = 0;
    if (n) memcpy(copy, values, n * sizeof *copy);
    for (size_t k = 0; k < n; ++k) sum += copy[k];
    clb_sort(n, copy);
    for (size_t k = 0; k < MODES_TOP; ++k)
        top[k] = k < n ? copy[n - 1 - k] / (shares ? sum + 1e-20 : 1) : KIT_NAN;
    kit_arena_free(&arena);
}

/* Correlation of logarithms, rank against rank, as published: entries below 1e-20 left out (E21),
 * or 1e-20 added to all (E20). */
KIT_FN double modes_rank_R(const double *a, const double *b, int leave_out)
{
    double x[MODES_TOP], y[MODES_TOP];
    if (leave_out) return clb_pearson_log(MODES_TOP, a, b, 1e-20, 1e-20);
    for (size_t k = 0; k < MODES_TOP; ++k)
        x[k] = clb_log(a[k] + 1e-20), y[k] = clb_log(b[k] + 1e-20);
    return clb_pearson(MODES_TOP, x, y);
}

/* c_k = (v_k . g)^2 of all P modes of the Hessian at the net's theta, squared loss, ascending in
 * lambda. lambda, c: P values. */
KIT_FN clb_status modes_measured(const clb_net *net, const clb_data *data, double *lambda,
                                 double *c)
{
    clb_pass pass;
    clb_curv curv;
    clb_status status = clb_pass_init(&pass, net, data, CLB_MSE);
    if (status) return status;
    if (!(status = clb_curv_init(&curv, &pass))) {
        clb_curv_at(&curv, NULL);
        status = kit_crossover_modes(&curv, lambda, c);
        clb_curv_free(&curv);
    }
    clb_pass_free(&pass);
    return status;
}

/* Compare one point: the net with its theta; `theory` are the modes of the linear net. */
KIT_FN clb_status modes_compare(kit *x, modes_results *r, const clb_net *net, const clb_data *data,
                                const clb_linear_modes *theory, int leave_out)
{
    double *lambda = kit_doubles(x, 2 * net->P), *c = lambda + net->P;
    double emp[MODES_TOP], top[MODES_TOP], t[MODES_TOP], lx[MODES_TOP], ranks[MODES_TOP],
        halves[MODES_TOP];
    clb_spectrum_stats stats;
    clb_status status = modes_measured(net, data, lambda, c);
    if (status) return status;
    modes_top(net->P, c, 1, emp), modes_top(net->P, lambda, 0, top);
    modes_top(theory->d, theory->c_published, 1, t), modes_top(theory->d, theory->lx, 0, lx);
    for (size_t k = 0; k < MODES_TOP; ++k)
        ranks[k] = 1 / (double)(k + 1), halves[k] = ldexp(1, -(int)k);
    stats = clb_spectrum_describe(net->P, lambda, 1e-8);
    r->ck_empirical_top = kit_keep(x, MODES_TOP, emp), r->ck_theory_top = kit_keep(x, MODES_TOP, t);
    r->data_eigenvalues = kit_keep(x, MODES_TOP, lx);
    r->hessian_top_eigenvalues = kit_keep(x, MODES_TOP, top);
    r->ck_correlation = modes_rank_R(emp, t, leave_out);
    r->spectrum_correlation = modes_rank_R(top, lx, leave_out);
    r->n_positive_hessian = (double)stats.positive, r->K_modes_compared = MODES_TOP;
    r->lambda_max = stats.largest;
    r->R_one_over_rank = modes_rank_R(emp, ranks, leave_out);
    r->R_geometric = modes_rank_R(emp, halves, leave_out);
    r->log_slope = clb_fit_power(MODES_TOP, t, emp, 0).slope;
    return CLB_OK;
}

/* Share of 2000 permutations of b that correlate (in logarithms) with a at least as well as b
 * itself; n <= 64. */
KIT_FN double modes_permutation_p(size_t n, const double *a, const double *b, uint64_t seed)
{
    enum { SHUFFLES = 2000 };
    double shuffled[64], R = clb_pearson_log(n, a, b, 0, 0), hits = 1;
    uint32_t p[64];
    clb_rng rng;
    clb_rng_seed(&rng, seed);
    for (size_t i = 0; i < SHUFFLES; ++i) {
        clb_rng_permutation(&rng, n, p);
        for (size_t k = 0; k < n; ++k) shuffled[k] = b[p[k]];
        hits += clb_pearson_log(n, a, shuffled, 0, 0) >= R;
    }
    return hits / (SHUFFLES + 1);
}

/* ---- ReLU nets (E21) ------------------------------------------------------------------------- */

/* The linear net W_2 diag(a), W_1 of a two-layer net, a_h the share of samples on which neuron h is
 * active; *active: the mean of a. */
KIT_FN clb_status modes_effective(const clb_net *relu, const clb_data *data, clb_net *net,
                                  double *active)
{
    size_t m = relu->m[1], n = data->n, K = relu->m[2];
    clb_pass pass;
    clb_status status = clb_pass_init(&pass, relu, data, CLB_MSE);
    if (status) return status;
    clb_loss(&pass, NULL);
    if (!(status = clb_net_copy(net, relu))) {
        net->activation = CLB_IDENTITY, *active = 0;
        for (size_t h = 0; h < m; ++h) {
            double on = 0;
            for (size_t i = 0; i < n; ++i) on += pass.z[1][i * m + h] > 0;
            for (size_t k = 0; k < K; ++k)
                net->theta[net->w[2] + k * m + h] *= (clb_real)(on / (double)n);
            *active += on / (double)(n * m);
        }
    }
    clb_pass_free(&pass);
    return status;
}

/* Compare a ReLU net with the theory of its effective linear net; `theory` (may be NULL) gets the
 * modes, which the caller frees. */
KIT_FN clb_status modes_of_relu(kit *x, modes_results *r, const clb_net *net, const clb_data *data,
                                clb_linear_modes *theory, double *active)
{
    clb_net effective;
    clb_linear_modes modes;
    clb_status status = modes_effective(net, data, &effective, active);
    if (status) return status;
    if (!(status = clb_linear_modes_init(&modes, &effective, data))) {
        status = modes_compare(x, r, net, data, &modes, 1);
        if (theory && !status) *theory = modes;
        else clb_linear_modes_free(&modes);
    }
    clb_net_free(&effective);
    return status;
}

/* Gates that change when theta takes one step of size eta on the data. */
KIT_FN clb_status modes_switches(const clb_net *net, const clb_data *data, double eta,
                                 double *count)
{
    kit_arena arena = { NULL };
    clb_real *step = (clb_real *)kit_new(&arena, 2 * net->P, sizeof *step), *next = step + net->P;
    clb_pass pass;
    clb_status status = clb_pass_init(&pass, net, data, CLB_MSE);
    if (!status) {
        size_t words = clb_gate_words(&pass, 1);
        uint64_t *gates = (uint64_t *)kit_new(&arena, 2 * words, sizeof *gates);
        clb_grad(&pass, NULL, step);
        clb_gates(&pass, 1, gates);
        memcpy(next, net->theta, net->P * sizeof *next);
        clb_axpy(net->P, (clb_real)-eta, step, next);
        clb_loss(&pass, next);
        clb_gates(&pass, 1, gates + words);
        *count = (double)clb_gate_switches(&pass, 1, gates, gates + words, NULL, NULL);
        clb_pass_free(&pass);
    }
    kit_arena_free(&arena);
    return status;
}

/* Gates that switch in one more step, towards the target zero (the published program's step). */
KIT_FN clb_status modes_zero_switches(const paper_problem *p, double eta, double *count)
{
    kit_arena arena = { NULL };
    clb_data zero = p->data;
    clb_status status;
    zero.targets = (clb_real *)kit_new(&arena, zero.n * zero.K, sizeof *zero.targets);
    status = modes_switches(&p->net, &zero, eta, count);
    kit_arena_free(&arena);
    return status;
}

#endif /* KIT_MODES_H */
