/* mode_test.h - what E20 and E21 share: mode coefficients measured from gradient and Hessian
 * against those of the
 * linear theory, compared by rank as published, with baselines. Include after ex.h. */
#ifndef CLB_MODE_TEST_H
#define CLB_MODE_TEST_H

enum { MT_TOP = 20 };

/* The largest MT_TOP of n values, descending, over the sum of all. */
EX_FN void mt_top(size_t n, const double *values, int normalise, double *top)
{
    double *copy = (double *)malloc((n ? n : 1) * sizeof *copy), sum = 0;
    if (!copy) ex_die(EX_MEMORY, "out of memory");
    memcpy(copy, values, n * sizeof *copy);
    for (size_t k = 0; k < n; ++k) sum += copy[k];
    clb_sort(n, copy);
    for (size_t k = 0; k < MT_TOP; ++k)
        top[k] = k < n ? copy[n - 1 - k] / (normalise ? sum + 1e-20 : 1) : EX_NAN;
    free(copy);
}

/* The published correlation: logarithms, rank against rank; entries offset (E20) or masked (E21)
 * at 1e-20. */
EX_FN double mt_rank_R(const double *a, const double *b, int masked)
{
    double x[MT_TOP], y[MT_TOP];
    if (masked) return clb_pearson_log(MT_TOP, a, b, 1e-20, 1e-20);
    for (size_t k = 0; k < MT_TOP; ++k) x[k] = clb_log(a[k] + 1e-20), y[k] = clb_log(b[k] + 1e-20);
    return clb_pearson(MT_TOP, x, y);
}

/* Everything of one point: net with its theta, the theory from the effective linear net. */
EX_FN clb_status mt_measure(ex_row *row, const clb_net *net, const clb_data *data,
                            const clb_linear_modes *modes, int masked)
{
    double *lambda = ex_space(row, net->P), *c = ex_space(row, net->P),
           *top = ex_space(row, MT_TOP), *emp = ex_space(row, MT_TOP);
    double *theory = ex_space(row, MT_TOP), *lx = ex_space(row, MT_TOP), ranks[MT_TOP],
           geometric[MT_TOP];
    clb_spectrum_stats stats;
    clb_pass pass;
    clb_curv curv;
    clb_status status = clb_pass_init(&pass, net, data, CLB_MSE), opened = CLB_OK;
    if (status) return status;
    opened = status = clb_curv_init(&curv, &pass);
    if (!status) clb_curv_at(&curv, NULL), status = ex_crossover_modes(&curv, lambda, c);
    if (!opened) clb_curv_free(&curv);
    clb_pass_free(&pass);
    if (status) return status;
    mt_top(net->P, c, 1, emp), mt_top(net->P, lambda, 0, top);
    mt_top(modes->d, modes->c_published, 1, theory), mt_top(modes->d, modes->lx, 0, lx);
    for (size_t k = 0; k < MT_TOP; ++k)
        ranks[k] = 1 / (double)(k + 1), geometric[k] = ldexp(1, -(int)k);
    stats = clb_spectrum_describe(net->P, lambda, 1e-8);
    ex_array(row, "ck_empirical_top", MT_TOP, emp), ex_array(row, "ck_theory_top", MT_TOP, theory);
    ex_array(row, "data_eigenvalues", MT_TOP, lx),
        ex_array(row, "hessian_top_eigenvalues", MT_TOP, top);
    ex_num(row, "ck_correlation", mt_rank_R(emp, theory, masked));
    ex_num(row, "spectrum_correlation", mt_rank_R(top, lx, masked));
    ex_num(row, "n_positive_hessian", (double)stats.positive),
        ex_num(row, "K_modes_compared", MT_TOP);
    ex_num(row, "lambda_max", stats.largest);
    ex_num(row, "R_one_over_rank", mt_rank_R(emp, ranks, masked)),
        ex_num(row, "R_geometric", mt_rank_R(emp, geometric, masked));
    ex_num(row, "log_slope", clb_fit_power(MT_TOP, theory, emp, 0).slope);
    return CLB_OK;
}

/* Share of the permutations of b that correlate (in logarithms) with a at least as well as b
 * itself. */
EX_FN double mt_permutation_p(size_t n, const double *a, const double *b, uint64_t seed)
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

/* Every published number of one measurement; path: its object in the published file. */
EX_FN void mt_refs(ex *x, ex_row *row, const char *path)
{
    ex_ref(row, "ck_empirical_top", EX_STABLE, 1e-3, "%s/ck_empirical_top/*", path);
    ex_ref(row, "ck_theory_top", EX_NOISE, 2e-6, "%s/ck_theory_top/*", path);
    ex_ref(row, "data_eigenvalues", EX_STABLE, 1e-5, "%s/data_eigenvalues/*", path);
    ex_ref(row, "hessian_top_eigenvalues", EX_STABLE, 1e-5, "%s/hessian_top_eigenvalues/*", path);
    ex_ref(row, "ck_correlation", EX_FIT, 1e-3, "%s/ck_correlation", path);
    ex_ref(row, "spectrum_correlation", EX_FIT, 1e-4, "%s/spectrum_correlation", path);
    ex_ref(row, "K_modes_compared", EX_EXACT, 0, "%s/K_modes_compared", path);
    ex_ref(row, "n_positive_hessian", EX_ARTEFACT, 0, "%s/n_positive_hessian", path);
    ex_because(x,
               "published counts of eigenvalues above 1e-8 count float32 rounding of exact zeros");
}

/* Constants of the two config files. */
EX_FN void mt_ref_config(ex *x, const char *file)
{
    for (int s = 0; s < 3; ++s)
        ex_ref_value(x, ex_published_seeds[s], EX_EXACT, 0, "%s#seeds/%d", file, s);
    ex_ref_value(x, 64, EX_EXACT, 0, "%s#hidden", file),
        ex_ref_value(x, 20, EX_EXACT, 0, "%s#input_dim", file);
    ex_ref_value(x, 5, EX_EXACT, 0, "%s#output_dim", file),
        ex_ref_value(x, 200, EX_EXACT, 0, "%s#n_train", file);
    ex_ref_none(x, EX_FOREIGN, "version of the published program", "%s#version", file);
    ex_ref_none(x, EX_FOREIGN, "wall time", "%s#total_time_seconds", file);
}

#endif
