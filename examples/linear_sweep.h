/* linear_sweep.h - what E19 and E22 share: the drift of two-layer linear nets under MSE over
 * widths m and input
 * dimensions d, six eta, the exponent of each (d, m), and the distance to the edge f = eta
 * lambda_max(0) / 2.
 * Include after ex.h. */
#ifndef CLB_LINEAR_SWEEP_H
#define CLB_LINEAR_SWEEP_H

enum { LS_T = 2000 };
static const double ls_lr[] = { 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 0.1 };
static const double ls_f[] = { 0.005, 0.01, 0.03, 0.1, 0.3, 0.6, 0.9 }; /* eta lambda_max(0) / 2 */
enum { LS_N = EX_LEN(ls_lr), LS_F = EX_LEN(ls_f) };

/* ---- runs ----------------------------------------------------------------------------------- */

EX_FN ex_row *ls_row(ex *x, const char *part, double seed, size_t d, size_t m)
{
    ex_row *row = ex_add(x, part, seed);
    ex_num(row, "d", (double)d);
    ex_num(row, "m", (double)m);
    return row;
}

/* One (d, m): the sweep over eta, and lambda_max at the start. */
EX_FN void ls_add(ex *x, size_t d, size_t m, ex_list seeds)
{
    ex_list lrs = ex_lrs(x, ls_lr, LS_N);
    for (size_t s = 0; s < seeds.n; ++s) {
        ls_row(x, "start", seeds.at[s], d, m);
        for (size_t i = 0; i < lrs.n; ++i)
            ex_num(ls_row(x, "sweep", seeds.at[s], d, m), "lr", lrs.at[i]);
    }
}

/* The same with eta at fixed distances from the edge. */
EX_FN void ls_add_f(ex *x, size_t d, size_t m, ex_list seeds)
{
    for (size_t s = 0; s < seeds.n; ++s)
        for (size_t i = 0; i < LS_F; ++i)
            ex_num(ls_row(x, "edge", seeds.at[s], d, m), "f", ls_f[i]);
}

/* Optional keys of a row: n, separation; eta from lr or from f. */
EX_FN clb_status ls_run(ex *x, ex_row *row)
{
    clb_problem_opts opts = { .d = (size_t)ex_get(row, "d"), .m = (size_t)ex_get(row, "m"),
                              .net = { .activation = CLB_IDENTITY } };
    clb_problem p;
    clb_trace tr;
    double lmax = 0, eta = ex_get(row, "lr"), f = ex_get(row, "f");
    clb_status status;
    if (!isnan(ex_get(row, "n"))) opts.n = (size_t)ex_get(row, "n");
    if (!isnan(ex_get(row, "separation"))) opts.separation = ex_get(row, "separation");
    status = clb_problem_init(&p, &opts, (uint64_t)row->seed, CLB_NORMAL_PUBLISHED);
    if (status) return status;
    if (isnan(eta)) status = clb_problem_sharpness(&p, CLB_MSE, &lmax, NULL);
    if (!status && isnan(eta)) ex_num(row, "lambda_max", lmax);
    if (!status && !isnan(f)) eta = 2 * f / lmax;
    if (!status && !isnan(eta)) {
        status = ex_train(&p.net, &p.data, eta, ex_quick(x) ? 200 : LS_T, NULL, &tr);
        ex_num(row, "drift", status == CLB_OK ? fabs(clb_trace_drift(&tr, 1)) : EX_NAN);
        ex_num(row, "steps", (double)tr.steps);
        if (status == CLB_OK || status == CLB_EDIVERGED) clb_trace_free(&tr), status = CLB_OK;
    }
    clb_problem_free(&p);
    return status;
}

/* ---- one cell (d, m) ------------------------------------------------------------------------ */

typedef struct ls_cell {
    size_t       d, m;
    clb_fit fit; /* power law through the means over the seeds that survive */
    clb_fit2     quad;
    clb_interval ci;      /* of alpha, over seeds                                     */
    double alpha_without; /* without the largest eta                                  */
    double       last_slope;
    double f; /* mean 0.1 lambda_max(0) / 2                               */
    double       mean[LS_N];
    size_t survivors; /* seeds finite at the largest eta                          */
} ls_cell;

EX_FN clb_sweep ls_sweep(ex *x, size_t d, size_t m)
{
    clb_sweep y =
        ex_sweep(x, "drift", "lr", ex_lrs(x, ls_lr, LS_N), "part=sweep d=%zu m=%zu pub=1", d, m);
    y.floor = 1e-15, y.survivors = 1;
    return y;
}

EX_FN ls_cell ls_measure(ex *x, size_t d, size_t m)
{
    ls_cell c = { .d = d, .m = m };
    clb_sweep y = ls_sweep(x, d, m);
    ex_list lmax = ex_pick(x, "lambda_max", "part=start d=%zu m=%zu pub=1", d, m);
    size_t n = y.n < LS_N ? y.n : LS_N;
    for (size_t i = 0; i < LS_N; ++i) c.mean[i] = EX_NAN;
    y.n = n;
    c.fit = clb_sweep_fit(&y, c.mean);
    c.quad = clb_fit_power_quadratic(n, y.x, c.mean, y.floor);
    c.alpha_without = n ? clb_fit_power(n - 1, y.x, c.mean, y.floor).slope : EX_NAN;
    c.last_slope =
        n > 1 ? clb_log(c.mean[n - 1] / c.mean[n - 2]) / clb_log(y.x[n - 1] / y.x[n - 2]) : EX_NAN;
    c.f = 0.05 * clb_mean(lmax.n, lmax.at);
    for (size_t s = 0; s < y.seeds; ++s) c.survivors += isfinite(y.y[s * n + n - 1]) != 0;
    if (clb_bootstrap_sweep(&y, NULL, &c.ci, NULL)) c.ci.lo = c.ci.hi = c.ci.se = EX_NAN;
    return c;
}

/* float32 quantum of |W_1|^2 at width m: 2 a ulp32(a), a = sqrt(m/3). */
EX_FN double ls_quantum(size_t m)
{
    int e;
    double a = sqrt((double)m / 3);
    frexp(a, &e);
    return 2 * a * ldexp(1, e - 24);
}

/* The cell's line and every published number of it. path is the cell in the published file,
 * with_quad: does it
 * have the quadratic fit and the residuals? */
EX_FN void ls_line(ex *x, const char *part, const ls_cell *c, const char *path, int with_quad)
{
    ex_row *line = ex_line(x, part);
    clb_sweep y = ls_sweep(x, c->d, c->m);
    double noise = fmax(10 * ls_quantum(c->m), 1.5e-5), residual[LS_N];
    ex_num(line, "d", (double)c->d), ex_num(line, "m", (double)c->m);
    ex_num(line, "width_over_d", (double)c->m / (double)c->d);
    ex_num(line, "alpha", c->fit.slope);
    ex_num(line, "ci_lo", c->ci.lo), ex_num(line, "ci_hi", c->ci.hi);
    ex_num(line, "r2", c->fit.r2), ex_num(line, "curvature", c->quad.c2),
        ex_num(line, "r2_quad", c->quad.r2);
    ex_num(line, "intercept", c->fit.intercept);
    ex_num(line, "alpha_without_0.1", c->alpha_without), ex_num(line, "last_slope", c->last_slope);
    ex_num(line, "f", c->f), ex_num(line, "survivors", (double)c->survivors);
    /* the smallest published drifts are float32 noise of several per cent */
    ex_ref(line, "alpha", EX_FIT, 0.01, "%s/fit/alpha", path);
    ex_ref(line, "r2", EX_FIT, 0.003, "%s/fit/r2", path);
    ex_ref(line, "curvature", EX_FIT, 0.008, "%s/fit/curvature", path);
    ex_ref(line, "intercept", EX_FIT, 0.05, "%s/fit/intercept", path);
    for (size_t i = 0; i < y.n && i < LS_N; ++i) {
        const char *at = ex_print(x, "%s/%s", path, ex_key(x, y.x[i]));
        ex_list drift =
            ex_pick(x, "drift", "part=sweep d=%zu m=%zu lr=%.17g pub=1", c->d, c->m, y.x[i]);
        clb_summary s = clb_summarize(drift.n, drift.at);
        ex_row *point = ex_line(x, ex_print(x, "%s, drift", part));
        ex_num(point, "d", (double)c->d), ex_num(point, "m", (double)c->m),
            ex_num(point, "lr", y.x[i]);
        /* their convention */
        ex_num(point, "mean_drift", s.mean), ex_num(point, "std_drift", s.finite ? s.std_pop : 0);
        ex_num(point, "n_converged", (double)s.finite);
        ex_refs(point, "mean_drift std_drift", EX_NOISE, noise + 1e-4 * s.mean, "%s", at);
        ex_ref(point, "n_converged", EX_EXACT, 0, "%s/n_converged", at);
        residual[i] = clb_log(c->mean[i]) - c->fit.slope * clb_log(y.x[i]) - c->fit.intercept;
        for (size_t k = 0; k < ex_runs(x); ++k) {
            ex_row *row = ex_run_at(x, k);
            double value = ex_get(row, "drift");
            if (ex_is(row, "sweep") && ex_get(row, "d") == (double)c->d &&
                ex_get(row, "m") == (double)c->m && ex_get(row, "lr") == y.x[i])
                ex_ref(row, "drift", EX_NOISE, noise + (isnan(value) ? 0 : 1e-4 * value),
                       "%s/per_seed/%d", at, ex_seed_index(row));
        }
    }
    if (y.n == LS_N) ex_array(line, "residuals", LS_N, residual);
    if (with_quad) {
        ex_ref(line, "r2_quad", EX_FIT, 0.003, "%s/fit/r2_quad", path);
        ex_ref(line, "residuals", EX_FIT, 0.05, "%s/fit/residuals/*", path);
    }
}

/* alpha with eta at fixed distances from the edge, f <= 0.9. */
EX_FN double ls_alpha_f(ex *x, size_t d, size_t m)
{
    ex_list f = { LS_F, ls_f };
    clb_sweep y = ex_sweep(x, "drift", "f", f, "part=edge d=%zu m=%zu", d, m);
    double mean[LS_F];
    if (!ex_find(x, "part=edge d=%zu m=%zu", d, m)) return EX_NAN;
    return clb_sweep_fit(&y, mean).slope;
}

#endif
