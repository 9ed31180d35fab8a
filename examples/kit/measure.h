/* measure.h - the convex problem that a two-layer ReLU net with weight decay hides (E28): the
 * least of
 *   MSE + (decay/2) sqrt(4 |nu|^2 + c^2)
 * over all measures nu on the unit sphere of d dimensions, f(x) = int max(0, w.x) dnu(w), by
 * conditional gradient with a duality gap that is certified: the best next neuron is exact. */
#ifndef KIT_MEASURE_H
#define KIT_MEASURE_H

#include "memory.h"

enum { MEASURE_N = 10, MEASURE_D = 4, MEASURE_ATOMS = 61, MEASURE_ROUNDS = 60 };

typedef struct measure {
    size_t   d;                             /* 2..MEASURE_D */
    clb_real x[MEASURE_N * MEASURE_D], t[MEASURE_N];    /* [N][d]; targets */
    double   c, decay, f[MEASURE_N];
    double   least, gap;                    /* value reached; how far the least may be below it */
    size_t   patterns;                      /* gate patterns that the oracle went through */
    const clb_net *only;                    /* NULL: any neuron; else those of this net */
    size_t   n;                             /* neurons: a at a unit vector, its outputs phi */
    double   a[MEASURE_ATOMS], phi[MEASURE_ATOMS][MEASURE_N];
} measure;

/* Patterns of N points in general position that a half space through 0 can have (Cover 1965). */
KIT_FN double measure_cover(size_t d)
{
    double sum = 0, choose = 1;
    for (size_t k = 0; k < d; ++k)
        sum += 2 * choose, choose *= (double)(MEASURE_N - 1 - k) / (double)(k + 1);
    return sum;
}

/* The regulariser as a function of s = |nu|, and its derivative. */
KIT_FN double measure_cost(const measure *v, double s)
{
    return v->decay / 2 * clb_sqrt(4 * s * s + v->c * v->c);
}
KIT_FN double measure_slope(const measure *v, double s)
{
    return s > 0 || v->c > 0 ? v->decay * 2 * s / clb_sqrt(4 * s * s + v->c * v->c) : v->decay;
}
KIT_FN double measure_mse(const measure *v)
{
    double sum = 0;
    for (size_t i = 0; i < MEASURE_N; ++i)
        sum += (v->f[i] - (double)v->t[i]) * (v->f[i] - (double)v->t[i]) / MEASURE_N;
    return sum;
}
KIT_FN double measure_size(const measure *v)
{
    double s = 0;
    for (size_t k = 0; k < v->n; ++k) s += fabs(v->a[k]);
    return s;
}

/* ---- the best next neuron -------------------------------------------------------------------- */

KIT_FN double measure_dot(size_t d, const double *p, const double *q)
{
    double sum = 0;
    for (size_t k = 0; k < d; ++k) sum += p[k] * q[k];
    return sum;
}
KIT_FN void measure_point(const measure *v, size_t i, double *x)
{
    for (size_t k = 0; k < v->d; ++k) x[k] = (double)v->x[i * v->d + k];
}

/* |sum_i r_i max(0, w.x_i)| with w made a unit vector, and with its opposite if `either`: if one is
 * the most so far, it is kept, with its outputs. */
KIT_FN void measure_keep(const measure *v, const double *r, const double *w, int either,
                         double *best, double *most)
{
    double length = clb_sqrt(measure_dot(v->d, w, w));
    double sum[2] = { 0, 0 }, z[MEASURE_N], x[MEASURE_D];
    if (!(length > 0)) return;
    for (size_t i = 0; i < MEASURE_N; ++i) {
        measure_point(v, i, x);
        z[i] = measure_dot(v->d, w, x) / length;
        sum[z[i] < 0] += r[i] * z[i];
    }
    for (int k = 0; k <= either; ++k) {
        if (fabs(sum[k]) <= *most) continue;
        *most = fabs(sum[k]);
        for (size_t i = 0; i < MEASURE_N; ++i) best[i] = fmax(0, k ? -z[i] : z[i]);
    }
}

/* basis[k] += what of y is at right angles to basis[0..k-1], as a unit vector; 0: nothing is
 * left. */
KIT_FN int measure_extend(size_t d, double basis[][MEASURE_D], size_t k, const double *y)
{
    double size = clb_sqrt(measure_dot(d, y, y)), length;
    memcpy(basis[k], y, d * sizeof *y);
    for (int twice = 0; twice < 2; ++twice)
        for (size_t j = 0; j < k; ++j) {
            double along = measure_dot(d, basis[j], basis[k]);
            for (size_t i = 0; i < d; ++i) basis[k][i] -= along * basis[j][i];
        }
    length = clb_sqrt(measure_dot(d, basis[k], basis[k]));
    for (size_t i = 0; i < d; ++i) basis[k][i] /= length;
    return length > 1e-12 * size;
}

/* w in the direction at right angles to the points of J, either way: all gate patterns around it.
 * In each the response is g.w, g = sum r_i x_i over the open gates, and for every part I of J the
 * best w at right angles to I is what is left of g: the best of the cell is one of these, or its
 * opposite. */
KIT_FN void measure_around(const measure *v, const size_t *J, const double *vertex, const double *r,
                           double *best, double *most, unsigned char *seen)
{
    size_t d = v->d, cells = (size_t)2 << (d - 1); /* a bit for the side, one for each point of J */
    double g[2 << (MEASURE_D - 1)][MEASURE_D], x[MEASURE_D], basis[MEASURE_D][MEASURE_D];
    memset(g, 0, sizeof g);
    for (size_t cell = 0; cell < cells; ++cell) {
        size_t pattern = 0;
        for (size_t i = 0; i < MEASURE_N; ++i) {
            int on;
            measure_point(v, i, x), on = (cell & 1 ? 1 : -1) * measure_dot(d, vertex, x) > 0;
            for (size_t k = 0; k + 1 < d; ++k)
                if (J[k] == i) on = cell >> (k + 1) & 1;
            pattern |= (size_t)on << i;
            for (size_t k = 0; k < d && on; ++k) g[cell][k] += r[i] * x[k];
        }
        seen[pattern] = 1;
    }
    for (size_t I = 0; I < (size_t)1 << (d - 1); ++I) {
        size_t k = 0;
        for (size_t j = 0; j + 1 < d; ++j)
            if (I >> j & 1) measure_point(v, J[j], x), k += (size_t)measure_extend(d, basis, k, x);
        for (size_t cell = 0; cell < cells; ++cell)
            if (measure_extend(d, basis, k, g[cell])) measure_keep(v, r, basis[k], 1, best, most);
    }
}

/* The neuron with the largest |response| to r. Exact for points in general position, up to
 * rounding: every cell of equal gates is a cone with an edge at right angles to d - 1 points, so
 * that going round all these edges meets every pattern. `patterns` against measure_cover()
 * certifies that none was missed. */
KIT_FN double measure_oracle(measure *v, const double *r, double *best)
{
    unsigned char seen[1 << MEASURE_N];
    size_t J[MEASURE_D], d = v->d;
    double most = -1;
    for (size_t h = 0; v->only && h < v->only->m[1]; ++h) {
        double w[MEASURE_D];
        for (size_t k = 0; k < d; ++k) w[k] = (double)v->only->theta[h * d + k];
        measure_keep(v, r, w, 0, best, &most);
    }
    if (v->only) return most;
    memset(seen, 0, sizeof seen);
    for (size_t k = 0; k + 1 < d; ++k) J[k] = k;
    for (;;) { /* all d - 1 of N points, in lexical order */
        double basis[MEASURE_D][MEASURE_D], x[MEASURE_D];
        size_t k = 0, back = d - 1;
        for (; k + 1 < d; ++k) measure_point(v, J[k], x), measure_extend(d, basis, k, x);
        for (size_t axis = 0; axis < d; ++axis) { /* what none of them reaches: the edge */
            double unit[MEASURE_D] = { 0, 0, 0, 0 };
            unit[axis] = 1;
            if (!measure_extend(d, basis, k, unit) || fabs(basis[k][axis]) < 0.4) continue;
            measure_around(v, J, basis[k], r, best, &most, seen);
            break;
        }
        while (back > 0 && J[back - 1] == MEASURE_N - d + back) --back;
        if (back == 0) break;
        for (++J[back - 1]; back + 1 < d; ++back) J[back] = J[back - 1] + 1;
    }
    v->patterns = 0;
    for (size_t p = 0; p < sizeof seen; ++p) v->patterns += seen[p];
    return most;
}

/* ---- all weights anew, and the whole problem ------------------------------------------------- */

/* x with H x = b by Cholesky, H [n][n] with a little more on its diagonal; H and b are
 * overwritten. */
KIT_FN void measure_solve_system(size_t n, double H[][MEASURE_ATOMS], double *b)
{
    double trace = 0;
    for (size_t i = 0; i < n; ++i) trace += H[i][i];
    for (size_t i = 0; i < n; ++i) {
        H[i][i] += 1e-13 * trace;
        for (size_t j = 0; j <= i; ++j) {
            for (size_t k = 0; k < j; ++k) H[i][j] -= H[i][k] * H[j][k];
            H[i][j] = i == j ? clb_sqrt(fmax(H[i][i], 1e-14 * trace)) : H[i][j] / H[j][j];
        }
        for (size_t k = 0; k < i; ++k) b[i] -= H[i][k] * b[k];
        b[i] /= H[i][i];
    }
    for (size_t i = n; i-- > 0;) {
        for (size_t k = i + 1; k < n; ++k) b[i] -= H[k][i] * b[k];
        b[i] /= H[i][i];
    }
}

/* A Newton step for all weights, as far as none changes its sign; one that would is dropped.
 * Returns the length of the step; `sign` has the signs. */
KIT_FN double measure_newton(measure *v, double *sign)
{
    double H[MEASURE_ATOMS][MEASURE_ATOMS], step[MEASURE_ATOMS];
    double S = measure_size(v), root = clb_sqrt(4 * S * S + v->c * v->c), far = 1, length = 0;
    size_t hit = v->n, kept = 0;
    for (size_t i = 0; i < v->n; ++i) {
        step[i] = -measure_slope(v, S) * sign[i];
        for (size_t j = 0; j <= i; ++j)
            H[i][j] = v->c > 0
                          ? 2 * v->decay * v->c * v->c / (root * root * root) * sign[i] * sign[j]
                          : 0;
        for (size_t k = 0; k < MEASURE_N; ++k) {
            step[i] -= 2 * (v->f[k] - (double)v->t[k]) * v->phi[i][k] / MEASURE_N;
            for (size_t j = 0; j <= i; ++j) H[i][j] += 2 * v->phi[i][k] * v->phi[j][k] / MEASURE_N;
        }
    }
    measure_solve_system(v->n, H, step);
    for (size_t i = 0; i < v->n; ++i)
        if (sign[i] * (v->a[i] + far * step[i]) < 0) far = fmax(0, -v->a[i] / step[i]), hit = i;
    memset(v->f, 0, sizeof v->f);
    for (size_t i = 0; i < v->n; ++i) {
        if (i == hit) continue;
        v->a[kept] = v->a[i] + far * step[i], sign[kept] = sign[i], length += fabs(far * step[i]);
        memmove(v->phi[kept], v->phi[i], sizeof v->phi[i]);
        for (size_t k = 0; k < MEASURE_N; ++k) v->f[k] += v->a[kept] * v->phi[kept][k];
        ++kept;
    }
    v->n = kept;
    return hit < MEASURE_ATOMS && far < 1 ? 1 : length;
}

/* J* and a bound on the error: for every nu, by convexity in the outputs,
 *   J(nu) >= MSE - r.f + min over 0 <= s <= S of cost(s) - M s,   M the largest |response|, S =
 *   J(0)/decay. */
KIT_FN void measure_solve(measure *v)
{
    double bound = 0, start, S;
    memset(v->f, 0, sizeof v->f);
    v->n = 0, start = measure_mse(v) + measure_cost(v, 0), S = start / v->decay;
    v->gap = KIT_INF;
    for (size_t round = 0; round < MEASURE_ROUNDS && !(v->gap <= 1e-8 * start); ++round) {
        double r[MEASURE_N], M, s, fit = 0, sign[MEASURE_ATOMS];
        for (size_t i = 0; i < MEASURE_N; ++i)
            r[i] = 2 * (v->f[i] - (double)v->t[i]) / MEASURE_N, fit += r[i] * v->f[i];
        M = measure_oracle(v, r, v->phi[v->n]);
        s = M < v->decay ? fmin(S, v->c / 2 * M / clb_sqrt(v->decay * v->decay - M * M)) : S;
        bound = fmax(bound, measure_mse(v) - fit + measure_cost(v, s) - M * s);
        v->least = measure_mse(v) + measure_cost(v, measure_size(v)), v->gap = v->least - bound;
        for (size_t k = 0; k < v->n; ++k) sign[k] = v->a[k] > 0 ? 1 : -1;
        sign[v->n] = 0;
        for (size_t i = 0; i < MEASURE_N; ++i) sign[v->n] -= r[i] * v->phi[v->n][i];
        sign[v->n] = sign[v->n] > 0 ? 1 : -1, v->a[v->n++] = 0;
        for (int t = 0; t < 100 && measure_newton(v, sign) > 1e-13; ++t) continue;
    }
}

#endif /* KIT_MEASURE_H */
