/* published.h - what only replays artefacts of the published programs. Mathematics that is right
 * stands in clb.h. */
#ifndef KIT_PUBLISHED_H
#define KIT_PUBLISHED_H

#include "memory.h"

KIT_FN void published_normalise(size_t n, clb_real *x)
{
    clb_real norm = (clb_real)clb_sqrt(clb_sumsq(n, x));
    for (size_t j = 0; j < n; ++j) x[j] /= norm;
}

/* Power iteration as the published programs do it: n normals as the start, `count` steps, the
 * Rayleigh quotient of the last vector, 0 where A v is smaller than 1e-12. It tends to the
 * eigenvalue of largest magnitude, of either sign. */
KIT_FN clb_status published_power(const clb_linop *A, size_t count, clb_rng *rng, double *value)
{
    size_t n = A->n;
    clb_real *v, *w, *both;
    if (n == 0) return CLB_EEMPTY;
    both = v = (clb_real *)kit_realloc(NULL, n, 2 * sizeof *v), w = v + n;
    clb_rng_normal(rng, n, v);
    published_normalise(n, v);
    *value = 0;
    for (size_t i = 0; i <= count; ++i) {
        clb_real *t = v;
        A->apply(A->context, v, w);
        if (i == count) { *value = clb_dot(n, v, w); break; }
        if (clb_sqrt(clb_sumsq(n, w)) < 1e-12) break;
        published_normalise(n, w);
        v = w, w = t;
    }
    free(both);
    return CLB_OK;
}

/* y ~ c + a exp(-t/tau) as published: c is `fraction` of the smallest y, a and tau the line through
 * ln(y - c), not below 1e-15. */
KIT_FN clb_decay published_decay(size_t n, const double *t, const double *y, double fraction)
{
    clb_decay fit;
    double lowest = KIT_NAN, mean = clb_mean(n, y), zt = 0, z0 = 0, t0 = 0, tt = 0, yy = 0;
    fit.n = n;
    fit.a = fit.tau = fit.c = fit.r2 = fit.rss = KIT_NAN;
    if (n < 2) return fit;
    for (size_t i = 0; i < n; ++i)
        if (!(lowest <= y[i])) lowest = y[i];
    fit.c = fraction * lowest;
    for (size_t i = 0; i < n; ++i) {
        z0 += clb_log(fmax(y[i] - fit.c, 1e-15)) / (double)n;
        t0 += t[i] / (double)n;
    }
    for (size_t i = 0; i < n; ++i) {
        zt += (t[i] - t0) * (clb_log(fmax(y[i] - fit.c, 1e-15)) - z0);
        tt += (t[i] - t0) * (t[i] - t0);
        yy += (y[i] - mean) * (y[i] - mean);
    }
    if (!(tt > 0)) { fit.c = KIT_NAN; return fit; }
    fit.tau = -tt / zt;                             /* slope of ln(y - c) is -1/tau */
    fit.a = clb_exp(z0 + t0 / fit.tau);
    fit.rss = 0;
    for (size_t i = 0; i < n; ++i) {
        double r = y[i] - fit.c - fit.a * clb_exp(-t[i] / fit.tau);
        fit.rss += r * r;
    }
    fit.r2 = yy > 0 ? 1 - fit.rss / yy : 0;
    return fit;
}

#endif /* KIT_PUBLISHED_H */
