/* measure.h - the convex problem that a two-layer ReLU net with weight decay hides (E28): the
 * least of
 *   MSE + (decay/2) sqrt(4 |nu|^2 + c^2)
 * over all measures nu on the unit sphere of d dimensions, f(x) = int max(0, w.x) dnu(w), by
 * conditional gradient with a duality gap that is certified: the best next neuron is exact. n
 * points have few gate patterns, at most 2^n, in any number of dimensions. */
#ifndef KIT_MEASURE_H
#define KIT_MEASURE_H

#include "memory.h"

enum { MEASURE_N = 10, MEASURE_D = 16, MEASURE_ATOMS = 61, MEASURE_NEW = 8,
       MEASURE_ROUNDS = 100 };

typedef struct measure {
    size_t   d;                             /* 1..MEASURE_D */
    clb_real x[MEASURE_N * MEASURE_D], t[MEASURE_N];    /* [N][d]; targets */
    double   point[MEASURE_N][MEASURE_D];   /* x once more */
    double   c, decay, f[MEASURE_N];
    double   least, gap;                    /* value reached; how far the least may be below it */
    size_t   patterns;                      /* gate patterns, bit i: gate of point i */
    unsigned short pattern[1 << MEASURE_N];
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
/* The best neurons of a round, all different: their |responses| and outputs. */
typedef struct measure_best {
    size_t n, least;                        /* least: the one with the smallest response */
    double response[MEASURE_NEW], phi[MEASURE_NEW][MEASURE_N];
} measure_best;

/* The neuron w/|w|, if its |response| |sum_i r_i max(0, w.x_i)|/|w| is above `enough` and among the
 * largest. */
KIT_FN void measure_keep(const measure *v, const double *r, const double *w, double enough,
                         measure_best *best)
{
    double length = clb_sqrt(measure_dot(v->d, w, w)), sum = 0, phi[MEASURE_N];
    size_t at = best->n < MEASURE_NEW ? best->n : best->least;
    if (!(length > 0)) return;
    for (size_t i = 0; i < MEASURE_N; ++i) {
        phi[i] = fmax(0, measure_dot(v->d, w, v->point[i]) / length), sum += r[i] * phi[i];
    }
    sum = fabs(sum);
    if (sum <= enough || (at < best->n && sum <= best->response[at])) return;
    for (size_t k = 0; k < best->n; ++k) { /* on the border of two cells a neuron comes twice */
        double apart = 0;
        for (size_t i = 0; i < MEASURE_N; ++i) apart += fabs(phi[i] - best->phi[k][i]);
        if (apart < 1e-9) return;
    }
    best->response[at] = sum, memcpy(best->phi[at], phi, sizeof phi);
    if (at == best->n) ++best->n;
    for (size_t k = best->least = 0; k < best->n; ++k)
        if (best->response[k] < best->response[best->least]) best->least = k;
}

/* basis[k] = what of y is at right angles to basis[0..k-1], as a unit vector; 0: nothing is
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

/* Normals c_i = +-x_i of the cone {w: c_i.w >= 0} that are in use, and their weights. */
typedef struct measure_normals {
    size_t k;
    double c[MEASURE_D][MEASURE_D], weight[MEASURE_D];
} measure_normals;

/* The best weights, whatever their sign: y with the shortest g + sum y_j c_j, which is p. 0: the
 * normals are not independent. */
KIT_FN int measure_fit(const measure_normals *in, size_t d, const double *g, double *y, double *p)
{
    double basis[MEASURE_D][MEASURE_D];
    memcpy(p, g, d * sizeof *g);
    for (size_t j = 0; j < in->k; ++j) {
        if (!measure_extend(d, basis, j, in->c[j])) return 0;
        y[j] = -measure_dot(d, basis[j], p);
        for (size_t i = 0; i < d; ++i) p[i] += y[j] * basis[j][i];
    }
    for (size_t j = in->k; j-- > 0;) {
        for (size_t l = j + 1; l < in->k; ++l) y[j] -= y[l] * measure_dot(d, basis[j], in->c[l]);
        y[j] /= measure_dot(d, basis[j], in->c[j]);
    }
    return 1;
}

/* From the weights of `in` towards y as far as none becomes negative; what becomes 0 is dropped. */
KIT_FN void measure_towards(measure_normals *in, const double *y)
{
    size_t kept = 0, hit = in->k;
    double far = 1;
    for (size_t j = 0; j < in->k; ++j)
        if (y[j] < 0 && in->weight[j] < far * (in->weight[j] - y[j]))
            far = in->weight[j] / (in->weight[j] - y[j]), hit = j;
    for (size_t j = 0; j < in->k; ++j) {
        if (j == hit) continue;
        in->weight[kept] = in->weight[j] + far * (y[j] - in->weight[j]);
        memmove(in->c[kept++], in->c[j], sizeof in->c[j]);
    }
    in->k = kept;
}

/* The point p next to g in the cone of directions that give the first n points the gates `on`
 * (Lawson and Hanson 1974), and |p|: the largest g.w over unit vectors w of the cone, 0 if it is
 * negative. p = g + sum_j weight_j c_j with weights >= 0 on the way, too, and g.w <= p.w <= |p|: a
 * bound from above, whatever the rounding. So it may end as soon as |p| <= enough. */
KIT_FN double measure_project(const measure *v, size_t n, size_t on, const double *g, double enough,
                              double *p)
{
    double y[MEASURE_D], next[MEASURE_D], size = clb_sqrt(measure_dot(v->d, g, g)), whole = size;
    measure_normals in;
    in.k = 0, memcpy(p, g, v->d * sizeof *g);
    for (int round = 0; round < 10 * MEASURE_N && size > enough && in.k < v->d; ++round) {
        double worst = -3e-13 * whole;
        size_t at = n;
        for (size_t i = 0; i < n; ++i) { /* the gate that p gives the wrong way most */
            double z = measure_dot(v->d, p, v->point[i]) * (on >> i & 1 ? 1 : -1);
            if (z < worst) worst = z, at = i;
        }
        if (at == n) return size;
        for (size_t i = 0; i < v->d; ++i) in.c[in.k][i] = v->point[at][i] * (on >> at & 1 ? 1 : -1);
        in.weight[in.k++] = 0;
        for (size_t k = 0; k != in.k;) {
            if (!measure_fit(&in, v->d, g, y, next)) return size;
            k = in.k, measure_towards(&in, y);
        }
        memcpy(p, next, v->d * sizeof *p), size = clb_sqrt(measure_dot(v->d, p, p));
    }
    return size;
}

/* All gate patterns, one point after the other. w gives the first k points the gates `on`, and
 * point k one of its two gates; the other one is possible, too, if the cone of the first k reaches
 * to the other side. Then a direction there is between the farthest one and w. */
KIT_FN void measure_enumerate(measure *v, size_t k, size_t on, const double *w)
{
    double other[MEASURE_D], far[MEASURE_D], z, size;
    if (k == MEASURE_N) {
        v->pattern[v->patterns++] = (unsigned short)on;
        return;
    }
    z = measure_dot(v->d, w, v->point[k]);
    measure_enumerate(v, k + 1, on | (size_t)(z > 0) << k, w);
    for (size_t i = 0; i < v->d; ++i) other[i] = z > 0 ? -v->point[k][i] : v->point[k][i];
    size = measure_project(v, k, on, other, 0, far);
    if (size <= 1e-9 * clb_sqrt(measure_dot(v->d, other, other))) return;
    for (size_t i = 0; i < v->d; ++i) far[i] += size * size / (2 * fabs(z)) * w[i];
    measure_enumerate(v, k + 1, on | (size_t)!(z > 0) << k, far);
}

/* The neurons with the largest |responses| to r above `enough`; returns a bound from above on the
 * response of any neuron. Where the gates are equal the response is g.w, g = sum r_i x_i over the
 * open gates. Exact for points in general position, up to rounding: `patterns` against
 * measure_cover() certifies that none was missed. */
KIT_FN double measure_oracle(const measure *v, const double *r, double enough, measure_best *best)
{
    double bound = enough, w[MEASURE_D], g[MEASURE_D];
    best->n = best->least = 0;
    for (size_t h = 0; v->only && h < v->only->m[1]; ++h) {
        for (size_t k = 0; k < v->d; ++k) w[k] = (double)v->only->theta[h * v->d + k];
        measure_keep(v, r, w, enough, best);
    }
    for (size_t p = 0; !v->only && p < v->patterns; ++p)
        for (int side = -1; side <= 1; side += 2) {
            double size, few = best->n < MEASURE_NEW ? enough : best->response[best->least];
            memset(g, 0, sizeof g);
            for (size_t i = 0; i < MEASURE_N; ++i)
                for (size_t k = 0; v->pattern[p] >> i & 1 && k < v->d; ++k)
                    g[k] += side * r[i] * v->point[i][k];
            size = measure_project(v, MEASURE_N, v->pattern[p], g, few, w);
            if (size <= few) continue;
            bound = fmax(bound, size), measure_keep(v, r, w, enough, best);
        }
    for (size_t k = 0; k < best->n; ++k) bound = fmax(bound, best->response[k]);
    return bound;
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
    measure_best best;
    double bound = 0, start, S;
    memset(v->f, 0, sizeof v->f);
    for (size_t i = 0; i < MEASURE_N * v->d; ++i) v->point[i / v->d][i % v->d] = (double)v->x[i];
    if (!v->only) v->patterns = 0, measure_enumerate(v, 0, 0, v->point[0]);
    v->n = 0, start = measure_mse(v) + measure_cost(v, 0), S = start / v->decay;
    v->gap = KIT_INF, best.n = 1;
    for (size_t round = 0; round < MEASURE_ROUNDS && best.n && !(v->gap <= 1e-8 * start);
         ++round) {
        double r[MEASURE_N], M, s, fit = 0, sign[MEASURE_ATOMS];
        for (size_t i = 0; i < MEASURE_N; ++i)
            r[i] = 2 * (v->f[i] - (double)v->t[i]) / MEASURE_N, fit += r[i] * v->f[i];
        M = measure_oracle(v, r, measure_slope(v, measure_size(v)), &best);
        s = M < v->decay ? fmin(S, v->c / 2 * M / clb_sqrt(v->decay * v->decay - M * M)) : S;
        bound = fmax(bound, measure_mse(v) - fit + measure_cost(v, s) - M * s);
        v->least = measure_mse(v) + measure_cost(v, measure_size(v)), v->gap = v->least - bound;
        for (size_t k = 0; k < v->n; ++k) sign[k] = v->a[k] > 0 ? 1 : -1;
        for (size_t k = 0; k < best.n && v->n < MEASURE_ATOMS; ++k) {
            double response = 0;
            for (size_t i = 0; i < MEASURE_N; ++i) response += r[i] * best.phi[k][i];
            memcpy(v->phi[v->n], best.phi[k], sizeof best.phi[k]);
            sign[v->n] = response < 0 ? 1 : -1, v->a[v->n++] = 0;
        }
        for (int t = 0; t < 100 && measure_newton(v, sign) > 1e-13; ++t) continue;
    }
}

#endif /* KIT_MEASURE_H */
