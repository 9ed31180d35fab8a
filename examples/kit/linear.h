/* linear.h - E19 and E22: the drift of two-layer linear nets under squared loss over widths m and
 * input dimensions d, six learning rates, and the exponent of each (d, m). */
#ifndef KIT_LINEAR_H
#define KIT_LINEAR_H

#include "figures.h"
#include "paper.h"
#include "tables.h"

enum { LIN_T = 2000, LIN_N = 6, LIN_F = 7 };
static const double lin_lr[LIN_N] = { 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 0.1 };
static const double lin_f[LIN_F] = { 0.005, 0.01, 0.03, 0.1, 0.3, 0.6, 0.9 };

/* A training. lr: eta; or f > 0: eta = 2 f / lambda_max(H_0) of the run itself; neither: only
 * lambda_max is measured. n samples, class centres at radius separation sqrt(d). */
typedef struct lin_run {
    double seed, d, m, n, separation, lr, f;
    double lambda_max, drift, steps, diverged;
} lin_run;
static const kit_field lin_run_fields[] = {
    KIT_KEY(lin_run, seed), KIT_KEY(lin_run, d), KIT_KEY(lin_run, m), KIT_KEY(lin_run, n),
    KIT_KEY(lin_run, separation), KIT_KEY(lin_run, lr), KIT_KEY(lin_run, f),
    KIT_RESULT(lin_run, lambda_max), KIT_RESULT(lin_run, drift), KIT_RESULT(lin_run, steps),
    KIT_RESULT(lin_run, diverged),
};
#define LIN_AT(member) KIT_AT(lin_run, member)
#define LIN_KEYS(...) (lin_run){ .n = 200, .separation = 2, __VA_ARGS__ }

KIT_FN clb_status lin_train(kit *x, void *run)
{
    lin_run *row = (lin_run *)run;
    paper_opts opts;
    paper_problem p;
    clb_trace tr;
    double eta = row->lr;
    clb_status status;
    memset(&opts, 0, sizeof opts);
    opts.d = (size_t)row->d, opts.m = (size_t)row->m, opts.n = (size_t)row->n;
    opts.separation = row->separation, opts.net.activation = CLB_IDENTITY;
    status = paper_problem_init(&p, &opts, row->seed);
    if (status) return status;
    row->diverged = 0;
    if (!(eta > 0)) status = paper_sharpness(&p, CLB_MSE, &row->lambda_max, NULL);
    if (row->f > 0) eta = 2 * row->f / row->lambda_max;
    if (!status && eta > 0) {
        status = kit_train(&p.net, &p.data, eta, kit_quick(x) ? 200 : LIN_T, NULL, &tr);
        row->diverged = status == CLB_EDIVERGED;
        if (status == CLB_OK) row->drift = fabs(clb_trace_drift(&tr, 1));
        if (status == CLB_OK || status == CLB_EDIVERGED) {
            row->steps = (double)tr.steps, status = CLB_OK;
            clb_trace_free(&tr);
        }
    }
    paper_problem_free(&p);
    return status;
}

/* One (d, m): the sweep over eta, and lambda_max at the start. */
KIT_FN void lin_add(kit *x, const kit_part *start, const kit_part *sweep, double d, double m,
                    kit_list seeds)
{
    kit_list lrs = kit_lrs(x, lin_lr, LIN_N);
    for (size_t s = 0; s < seeds.n; ++s) {
        kit_add(x, start, &LIN_KEYS(.seed = seeds.at[s], .d = d, .m = m));
        for (size_t i = 0; i < lrs.n; ++i)
            kit_add(x, sweep, &LIN_KEYS(.seed = seeds.at[s], .d = d, .m = m, .lr = lrs.at[i]));
    }
}

/* ---- one cell (d, m) ------------------------------------------------------------------------- */

typedef struct lin_cell {
    double       d, m;
    clb_fit      fit;              /* power law through the means over the seeds that survive */
    clb_fit2     quad;
    clb_interval ci;               /* alpha, with 95 % interval over the seeds */
    double       alpha_without;    /* without the largest eta */
    double       last_slope;       /* of the last two eta */
    double       f;                /* mean of 0.1 lambda_max(0)/2: 1 is the edge at eta = 0.1 */
    double       mean[LIN_N];
    size_t       survivors;        /* seeds that are finite at the largest eta */
} lin_cell;

KIT_FN kit_rows lin_rows(kit *x, const kit_part *part, double d, double m)
{
    return kit_where(kit_where(kit_part_runs(x, part), LIN_AT(d), d), LIN_AT(m), m);
}

/* drift(eta) as published: means over the seeds that survive. */
KIT_FN clb_sweep lin_sweep(kit *x, const kit_part *sweep, double d, double m)
{
    kit_list lrs = kit_lrs(x, lin_lr, LIN_N);
    clb_sweep y;
    if (lrs.n > LIN_N) lrs.n = LIN_N;
    y = kit_sweep(kit_published(lin_rows(x, sweep, d, m)), LIN_AT(drift), LIN_AT(lr), lrs);
    y.floor = 1e-15, y.survivors = 1;
    return y;
}

KIT_FN lin_cell lin_measure(kit *x, const kit_part *start, const kit_part *sweep, double d,
                            double m)
{
    clb_sweep y = lin_sweep(x, sweep, d, m);
    size_t n = y.n;
    lin_cell c;
    memset(&c, 0, sizeof c);
    c.d = d, c.m = m;
    for (size_t i = 0; i < LIN_N; ++i) c.mean[i] = KIT_NAN;
    c.fit = clb_sweep_fit(&y, c.mean);
    c.quad = clb_fit_power_quadratic(n, y.x, c.mean, y.floor);
    c.alpha_without = n ? clb_fit_power(n - 1, y.x, c.mean, y.floor).slope : KIT_NAN;
    c.last_slope = n > 1 ? clb_log(c.mean[n - 1] / c.mean[n - 2]) / clb_log(y.x[n - 1] / y.x[n - 2])
                         : KIT_NAN;
    c.f = 0.05 * kit_mean(kit_published(lin_rows(x, start, d, m)), LIN_AT(lambda_max));
    for (size_t s = 0; s < y.seeds; ++s) c.survivors += isfinite(y.y[s * n + n - 1]) != 0;
    c.ci = kit_exponent(&y), c.ci.value = c.fit.slope;
    return c;
}

/* The first of the widths m at which alpha is above the threshold; NaN: none. */
KIT_FN double lin_star(size_t n, const double *m, const double *alpha, double threshold)
{
    for (size_t k = 0; k < n; ++k)
        if (alpha[k] > threshold) return m[k];
    return KIT_NAN;
}

/* How often each width is that one, and how often none is, when the seeds are redrawn with
 * replacement, the same draw at every width (at most 8). */
KIT_FN void lin_redraw(kit *x, const kit_part *sweep, double d, kit_list m, double threshold,
                       double *share, double *none)
{
    enum { RESAMPLES = 1000, MOST = 8 };
    clb_sweep y[MOST];
    clb_rng rng;
    clb_rng_seed(&rng, 22);
    for (size_t k = 0; k < m.n; ++k) y[k] = lin_sweep(x, sweep, d, m.at[k]);
    for (size_t r = 0; r < RESAMPLES; ++r) {
        uint32_t index[64], seeds = (uint32_t)(y[0].seeds < 64 ? y[0].seeds : 64);
        double mean[LIN_N], alpha[MOST], star;
        for (uint32_t s = 0; s < seeds; ++s) index[s] = clb_rng_below(&rng, seeds);
        for (size_t k = 0; k < m.n; ++k) {
            clb_sweep_means(&y[k], index, seeds, mean);
            alpha[k] = clb_fit_power(y[k].n, y[k].x, mean, y[k].floor).slope;
        }
        star = lin_star(m.n, m.at, alpha, threshold);
        if (isnan(star)) *none += 1.0 / RESAMPLES;
        for (size_t k = 0; k < m.n; ++k) share[k] += star == m.at[k] ? 1.0 / RESAMPLES : 0;
    }
}

/* Three tables that lin_put() fills, a cell after the other. */
typedef struct lin_tables { kit_table *cells, *drift, *residuals; } lin_tables;

KIT_FN lin_tables lin_tables_new(kit *x, const char *name, const char *caption,
                                 const char *drift_caption)
{
    lin_tables t;
    t.cells = KIT_TABLE(x, name, caption, "d", "m", "width_over_d", "alpha", "ci_lo", "ci_hi", "r2",
                        "curvature", "r2_quad", "intercept", "alpha_without_0.1", "last_slope", "f",
                        "survivors");
    t.drift = KIT_TABLE(x, kit_print(x, "%s drift", name), drift_caption, "d", "m", "lr",
                        "mean_drift", "std_drift", "n_converged");
    t.residuals = KIT_TABLE(x, kit_print(x, "%s residuals", name), "Residuals of the fits", "d",
                            "m", "lr", "residual");
    t.residuals->detail = 1;
    return t;
}

KIT_FN void lin_put(kit *x, const lin_tables *t, const kit_part *sweep, const lin_cell *c)
{
    clb_sweep y = lin_sweep(x, sweep, c->d, c->m);
    KIT_LINE(t->cells, c->d, c->m, c->m / c->d, c->fit.slope, c->ci.lo, c->ci.hi, c->fit.r2,
             c->quad.c2, c->quad.r2, c->fit.intercept, c->alpha_without, c->last_slope, c->f,
             (double)c->survivors);
    for (size_t i = 0; i < y.n; ++i) {
        kit_rows at = kit_where(kit_published(lin_rows(x, sweep, c->d, c->m)), LIN_AT(lr), y.x[i]);
        kit_list drift = kit_values(at, LIN_AT(drift));
        clb_summary s = clb_summarize(drift.n, drift.at);
        KIT_LINE(t->drift, c->d, c->m, y.x[i], s.mean, s.finite ? s.std_pop : 0, (double)s.finite);
        KIT_LINE(t->residuals, c->d, c->m, y.x[i],
                 clb_log(c->mean[i]) - c->fit.slope * clb_log(y.x[i]) - c->fit.intercept);
    }
}

/* alpha with eta at fixed distances from the edge, f <= 0.9; NaN: no such runs. */
KIT_FN double lin_alpha_f(kit *x, const kit_part *edge, double d, double m)
{
    kit_rows rows = lin_rows(x, edge, d, m);
    double mean[LIN_F];
    clb_sweep y;
    if (!rows.n) return KIT_NAN;
    y = kit_sweep(rows, LIN_AT(drift), LIN_AT(f), KIT_LIST(lin_f));
    return clb_sweep_fit(&y, mean).slope;
}

/* Runs at eta = 0.1: how many, how many diverge, and of how many the rule lambda_max(0) < 4/eta
 * foretells it. */
typedef struct lin_fate { double all, diverged, foretold; } lin_fate;
KIT_FN lin_fate lin_fate_of(kit *x, const kit_part *start, const kit_part *sweep)
{
    kit_rows rows = kit_where(kit_part_runs(x, sweep), LIN_AT(lr), 0.1);
    lin_fate fate = { 0, 0, 0 };
    for (size_t i = 0; i < rows.n; ++i) {
        const lin_run *row = (const lin_run *)rows.at[i];
        double top =
            kit_mean(kit_where(lin_rows(x, start, row->d, row->m), LIN_AT(seed), row->seed),
                     LIN_AT(lambda_max));
        fate.all += 1, fate.diverged += row->diverged,
            fate.foretold += (top < 40) == (row->diverged == 0);
    }
    return fate;
}

/* ---- laws of alpha over the widths, of the seeds drawn (E19) --------------------------------- */

/* R^2 of alpha - 1 as a power of m; of alpha as a line in ln m; correlation of ln m with the R^2 of
 * the power law in eta. */
typedef enum lin_quality { LIN_R2_POWER, LIN_R2_LOGARITHM, LIN_DEGRADATION } lin_quality;
typedef struct lin_drawn { clb_sweep y[32]; kit_list m; lin_quality what; } lin_drawn;

KIT_FN double lin_quality_of_drawn(void *context, size_t n, const uint32_t *index)
{
    const lin_drawn *d = (const lin_drawn *)context;
    double lm[32], alpha[32], excess[32], r2[32], mean[LIN_N];
    size_t N = d->m.n;
    for (size_t k = 0; k < N; ++k) {
        clb_fit fit;
        if (d->y[k].seeds != d->y[0].seeds) return KIT_NAN;        /* a width that was not run */
        clb_sweep_means(&d->y[k], index, n, mean);
        fit = clb_fit_power(d->y[k].n, d->y[k].x, mean, d->y[k].floor);
        lm[k] = clb_log(d->m.at[k]), alpha[k] = fit.slope;
        excess[k] = fit.slope - 1, r2[k] = fit.r2;
    }
    return d->what == LIN_R2_POWER       ? clb_fit_power(N, d->m.at, excess, 0).r2
           : d->what == LIN_R2_LOGARITHM ? clb_fit_linear(N, lm, alpha).r2
                                         : clb_pearson(N, lm, r2);
}

KIT_FN void lin_summary(kit *x, const char *name, const kit_part *sweep, double d, kit_list widths,
                        lin_quality what, double value)
{
    lin_drawn drawn;
    memset(&drawn, 0, sizeof drawn), drawn.what = what, drawn.m = widths;
    if (widths.n > 32) kit_die(KIT_USAGE, "laws over the widths: at most 32 of them");
    for (size_t k = 0; k < widths.n; ++k) drawn.y[k] = lin_sweep(x, sweep, d, widths.at[k]);
    kit_summary_of_seeds(x, name, drawn.y[0].seeds, lin_quality_of_drawn, &drawn)->value = value;
}

#endif /* KIT_LINEAR_H */
