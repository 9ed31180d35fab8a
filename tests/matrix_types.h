/* matrix_types.h - the 21 symmetric matrix types on which LAPACK tests its eigensolvers (its
 * dchkst), made here:
 *
 *       1  zero                                       2  identity
 *     3-5  diagonal, random signs: evenly spaced; geometrically, 1 .. ulp; clustered, 1, ulp, ...
 *     6-7  4, scaled to near sqrt(overflow), near sqrt(underflow)
 *    8-10  U^T D U with the D of 3-5            11-12  9, scaled as 6-7
 *      13  symmetric, entries in (-1, 1)        14-15  13, scaled as 6-7
 *   16-18  8-10 with all of D positive          19-20  17, scaled as 6-7
 *      21  diagonally dominant tridiagonal, geometrically spaced diagonal
 *
 * U is a product of n random reflections. Include after clb.h. */
#ifndef CLB_MATRIX_TYPES_H
#define CLB_MATRIX_TYPES_H

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define TYPES 21

static double types_uniform(clb_rng *rng) { return 2 * clb_rng_double(rng) - 1; }

static clb_real *types_matrix(size_t n)        /* n x n zeros */
{
    clb_real *a = (clb_real *)calloc(n * n + 1, sizeof *a);
    if (!a) abort();
    return a;
}

/* Random orthogonal similarity of diag(d), exactly symmetric. */
static void types_from_spectrum(clb_rng *rng, size_t n, const double *d, clb_real *A)
{
    double *M = (double *)calloc(n * n + 2 * n + 1, sizeof *M), *v = M + n * n, *p = v + n;
    for (size_t i = 0; i < n; ++i) M[i * n + i] = d[i];
    /* H M H with H = I - 2 v v^T / v.v on the leading k coordinates */
    for (size_t k = 2; k <= n; ++k) {
        double vv = 0, vp = 0;
        for (size_t j = 0; j < k; ++j) {
            v[j] = types_uniform(rng);
            vv += v[j] * v[j];
        }
        for (size_t i = 0; i < k; ++i) {
            double sum = 0;
            for (size_t j = 0; j < k; ++j) sum += M[i * n + j] * v[j];
            p[i] = 2 * sum / vv;
            vp += v[i] * p[i];
        }
        for (size_t i = 0; i < k; ++i) p[i] -= vp / vv * v[i];
        for (size_t i = 0; i < k; ++i)
            for (size_t j = 0; j < k; ++j) M[i * n + j] -= v[i] * p[j] + p[i] * v[j];
    }
    for (size_t i = 0; i < n; ++i)
        for (size_t j = 0; j < n; ++j)
            A[i * n + j] = (clb_real)M[(i > j ? i : j) * n + (i > j ? j : i)];
    free(M);
}

/* spacing: 0 even, 1 geometric, 2 clustered; from 1 down to ulp, with random signs if `mixed`. */
static void types_spectrum(clb_rng *rng, size_t n, int spacing, int mixed, double *d)
{
    double ulp = sizeof(clb_real) == 4 ? 1.1920928955078125e-07 : 2.2204460492503131e-16;
    for (size_t i = 0; i < n; ++i) {
        double x = n > 1 ? (double)i / (double)(n - 1) : 0;
        d[i] = spacing == 0 ? 1 - x * (1 - ulp) : spacing == 1 ? pow(ulp, x) : i == 0 ? 1 : ulp;
        if (mixed && clb_rng_u32(rng) >> 31) d[i] = -d[i];
    }
}

static void types_make(int type, clb_rng *rng, size_t n, clb_real *A)
{
    static const int like[TYPES + 1] =
        { 0, 1, 2, 3, 4, 5, 4, 4, 8, 9, 10, 9, 9, 13, 13, 13, 16, 17, 18, 17, 17, 21 };
    double large = sizeof(clb_real) == 4 ? 1e19 : 1e154, scale = 1;
    double *d = (double *)calloc(n + 1, sizeof *d);
    int kind = like[type];
    if (!d) abort();
    if (type == 6 || type == 11 || type == 14 || type == 19) scale = large / (double)(n + 1);
    if (type == 7 || type == 12 || type == 15 || type == 20) scale = (double)(n + 1) / large;
    memset(A, 0, n * n * sizeof *A);
    if (kind >= 3 && kind <= 10) types_spectrum(rng, n, (kind - 3) % 5, 1, d);
    if (kind == 21) types_spectrum(rng, n, 1, 0, d);
    if (kind >= 16 && kind <= 18) types_spectrum(rng, n, kind - 16, 0, d);
    for (size_t i = 0; i < n; ++i) d[i] *= scale;
    if (kind == 13)
        for (size_t i = 0; i < n; ++i)
            for (size_t j = 0; j <= i; ++j)
                A[i * n + j] = A[j * n + i] = (clb_real)(scale * types_uniform(rng));
    else if (kind >= 8 && kind <= 18)
        types_from_spectrum(rng, n, d, A);
    else if (kind >= 2)
        for (size_t i = 0; i < n; ++i) A[i * n + i] = (clb_real)(kind == 2 ? 1 : d[i]);
    /* |off| below half the root of the neighbours' product */
    for (size_t i = 1; kind == 21 && i < n; ++i)
        A[i * n + i - 1] = A[(i - 1) * n + i] =
            (clb_real)(0.5 * types_uniform(rng) * sqrt(d[i] * d[i - 1]));
    free(d);
}

#endif
