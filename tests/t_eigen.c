/* Eigensolvers: LAPACK-style ratios on the symmetric matrix types of LAPACK's own tests, Lanczos against the dense
 * spectrum and its known traps, quadrature weights and moments. */
#define CLB_IMPLEMENTATION
#include "../clb.h"
#include "test.h"

static const double eps = CLBI_EPS;

static double uniform(clb_rng *rng) { return 2 * clb_rng_double(rng) - 1; }

static clb_real *matrix(size_t n)
{
    clb_real *a = (clb_real *)calloc(n * n + 1, sizeof *a);
    if (!a) abort();
    return a;
}

/* Random orthogonal similarity of diag(d): product of n reflections. */
static void from_spectrum(clb_rng *rng, size_t n, const double *d, clb_real *A)
{
    double *M = (double *)calloc(n * n + 2 * n + 1, sizeof *M), *v = M + n * n, *p = v + n;
    for (size_t i = 0; i < n; ++i) M[i * n + i] = d[i];
    for (size_t k = 2; k <= n; ++k) {          /* reflect the leading k coordinates */
        double vv = 0, vp = 0;
        for (size_t j = 0; j < k; ++j) { v[j] = uniform(rng); vv += v[j] * v[j]; }
        for (size_t i = 0; i < k; ++i) {
            p[i] = 0;
            for (size_t j = 0; j < k; ++j) p[i] += M[i * n + j] * v[j];
            p[i] *= 2 / vv;
            vp += v[i] * p[i];
        }
        for (size_t i = 0; i < k; ++i) p[i] -= vp / vv * v[i];
        for (size_t i = 0; i < k; ++i)
            for (size_t j = 0; j < k; ++j) M[i * n + j] -= v[i] * p[j] + p[i] * v[j];
    }
    for (size_t i = 0; i < n; ++i)
        for (size_t j = 0; j < n; ++j) A[i * n + j] = (clb_real)M[(i > j ? i : j) * n + (i > j ? j : i)];
    free(M);
}

/* The 21 types of LAPACK's symmetric eigenvalue tests (dchkst/ddrvst), generated here. */
enum { TYPES = 21 };
static void make_type(int type, clb_rng *rng, size_t n, clb_real *A)
{
    /*                              1 zero 2 identity 3.. spectrum given: shape, scale, diagonal or rotated */
    static const int shape[TYPES] = { 0, 1, 2, 3, 4, 3, 3, 2, 3, 4, 3, 3, 5, 5, 5, 2, 3, 4, 4, 4, 4 };
    double ulp = eps, big = sizeof(clb_real) == 4 ? 1e18 : 1e153, small = 1 / big, scale = 1;
    double *d = (double *)calloc(n + 1, sizeof *d);
    if (type == 5 || type == 10 || type == 13) scale = big;
    if (type == 6 || type == 11 || type == 14) scale = small;
    for (size_t i = 0; i < n; ++i) {
        double x = n > 1 ? (double)i / (double)(n - 1) : 0, sign = clb_rng_u32(rng) >> 31 ? 1 : -1;
        switch (shape[type]) {
        case 0: d[i] = 0; break;
        case 1: d[i] = 1; break;
        case 2: d[i] = sign * (1 - x * (1 - ulp)); break;              /* evenly spaced 1 .. ulp           */
        case 3: d[i] = sign * exp(x * log(ulp)); break;                /* geometrically spaced 1 .. ulp    */
        default: d[i] = i == 0 ? 1 : sign * ulp; break;                /* clustered 1, ulp, ..., ulp       */
        }
        d[i] *= scale;
    }
    if (type >= 17) for (size_t i = 0; i < n; ++i) d[i] = (i % (size_t)(type - 15)) ? 1 : -1 + (double)(i / 7);
    if (shape[type] == 5) {                                            /* symmetric, random entries        */
        for (size_t i = 0; i < n; ++i)
            for (size_t j = 0; j <= i; ++j) A[i * n + j] = A[j * n + i] = (clb_real)(scale * uniform(rng));
    } else if (type <= 6) {                                            /* diagonal                         */
        for (size_t i = 0; i < n; ++i) A[i * n + i] = (clb_real)d[i];
    } else {
        from_spectrum(rng, n, d, A);
    }
    if (type >= 15)                                                    /* banded, various widths           */
        for (size_t i = 0; i < n; ++i)
            for (size_t j = 0; j < n; ++j)
                if ((i > j ? i - j : j - i) > (size_t)(type - 14) * 3) A[i * n + j] = 0;
    free(d);
}

static double max_abs(size_t n, const clb_real *A)
{
    double top = 0;
    for (size_t i = 0; i < n * n; ++i) top = fmax(top, fabs((double)A[i]));
    return top;
}

/* max |A v - lambda v| / (|A| n eps) and max |V V^T - I| / (n eps), in double. */
static void check_pairs(size_t n, const clb_real *A, const double *values, const clb_real *V)
{
    double top = max_abs(n, A), residual = 0, orth = 0, unit = (double)n * eps;
    for (size_t k = 0; k < n; ++k) {
        const clb_real *v = V + k * n;
        for (size_t i = 0; i < n; ++i) {
            double r = -values[k] / (top > 0 ? top : 1) * (double)v[i];
            for (size_t j = 0; j < n; ++j) r += (double)A[i * n + j] / (top > 0 ? top : 1) * (double)v[j];
            residual = !(fabs(r) <= residual) ? fabs(r) : residual;
        }
        for (size_t l = 0; l <= k; ++l) {
            double s = k == l ? -1 : 0;
            for (size_t j = 0; j < n; ++j) s += (double)v[j] * (double)V[l * n + j];
            orth = !(fabs(s) <= orth) ? fabs(s) : orth;
        }
        if (k > 0) CHECK(values[k] >= values[k - 1]);
    }
    if (getenv("VERBOSE")) printf("%zu residual %.3g orth %.3g\n", n, residual / unit, orth / unit);
    CHECK(n == 0 || residual < 10 * unit);
    CHECK(n == 0 || orth < 10 * unit);
}

static void t_eigh_types(void)
{
    static const size_t sizes[] = { 0, 1, 2, 3, 5, 8, 20, 63, 64, 65, 128 };
    clb_rng rng;
    clb_rng_seed(&rng, 7);
    for (size_t z = 0; z < sizeof sizes / sizeof *sizes; ++z) {
        size_t n = sizes[z];
        for (int type = 0; type < TYPES; ++type) {
            clb_real *A = matrix(n), *B = matrix(n), *V = matrix(n);
            double *values = (double *)calloc(2 * n + 1, sizeof *values), *again = values + n;
            double top;
            NOTE("type %d, n = %zu", type + 1, n);
            make_type(type, &rng, n, A);
            memcpy(B, A, n * n * sizeof *A);
            top = max_abs(n, A);
            EQUAL(clb_eigh(n, B, n, values, V), CLB_OK);
            check_pairs(n, A, values, V);
            memcpy(B, A, n * n * sizeof *A);
            EQUAL(clb_eigh(n, B, n, again, NULL), CLB_OK);
            for (size_t i = 0; i < n; ++i) CHECK(fabs(values[i] - again[i]) <= 10 * (double)n * eps * top);
            if (n <= 65) {
                EQUAL(clb_jacobi(n, A, n, again, V), CLB_OK);
                check_pairs(n, A, again, V);
                for (size_t i = 0; i < n; ++i) CHECK(fabs(values[i] - again[i]) <= 10 * (double)n * eps * top);
            }
            free(A); free(B); free(V); free(values);
        }
    }
}

/* sum c_k^2 f(lambda_k) = g^T f(A) g for f = 1, x, x^2 */
static void t_project(void)
{
    size_t n = 70;
    clb_real *A = matrix(n), *B = matrix(n), g[70], y[70];
    double values[70], c[70], m0 = 0, m1 = 0, m2 = 0;
    clb_rng rng;
    clb_dense dense = { n, n, A };
    clb_linop op = clb_linop_dense(&dense);
    clb_rng_seed(&rng, 3);
    make_type(12 - 4, &rng, n, A);
    memcpy(B, A, n * n * sizeof *A);
    clb_rng_normal(&rng, n, g);
    EQUAL(clb_eigh_project(n, B, n, g, values, c), CLB_OK);
    for (size_t i = 0; i < n; ++i) {
        CHECK(c[i] >= 0);
        m0 += c[i] * c[i];
        m1 += c[i] * c[i] * values[i];
        m2 += c[i] * c[i] * values[i] * values[i];
    }
    op.apply(op.context, g, y);
    NEAR_REL(m0, clb_sumsq(n, g), 100 * eps);
    NEAR_REL(m1, clb_dot(n, g, y), 1e4 * eps);
    NEAR_REL(m2, clb_sumsq(n, y), 1e3 * eps);
    free(A); free(B);
}

static void t_lanczos_dense(void)
{
    clb_rng rng;
    clb_rng_seed(&rng, 11);
    for (int trial = 0; trial < 10; ++trial) {
        size_t n = 150;
        double d[150], values[150], norm;
        clb_real *A = matrix(n);
        clb_dense dense = { n, n, A };
        clb_linop op = clb_linop_dense(&dense);
        clb_eigs top;
        NOTE("trial %d", trial);
        for (size_t i = 0; i < n; ++i) d[i] = i < 25 ? 3 + (double)(i / 3) : 0.3 * uniform(&rng);
        from_spectrum(&rng, n, d, A);
        EQUAL(clb_lanczos(&op, 20, NULL, &top), CLB_OK);
        EQUAL(clb_eigh(n, A, n, values, NULL), CLB_OK);
        norm = fabs(values[n - 1]);
        for (size_t i = 0; i < 20; ++i) {
            NEAR(top.value[i], values[n - 1 - i], 1e3 * eps * norm);
            CHECK(top.converged[i]);
        }
        clb_eigs_free(&top);
        free(A);
    }
}

static void t_slq(void)
{
    clb_rng rng;
    size_t n = 100;
    clb_real *A = matrix(n), g[100], y[100];
    double d[100], sum = 0, m1 = 0;
    clb_quadrature q;
    clb_slq_opts o = CLB_ZERO;
    clb_dense dense = { n, n, A };
    clb_linop op = clb_linop_dense(&dense);
    clb_rng_seed(&rng, 5);
    for (size_t i = 0; i < n; ++i) d[i] = uniform(&rng);
    from_spectrum(&rng, n, d, A);
    clb_rng_normal(&rng, n, g);
    o.start = g;
    o.steps = 20;
    EQUAL(clb_slq(&op, NULL, &o, &q), CLB_OK);
    for (size_t i = 0; i < q.count; ++i) { sum += q.weight[i]; m1 += q.weight[i] * q.node[i]; CHECK(q.weight[i] >= 0); }
    op.apply(op.context, g, y);
    NEAR(sum, 1, 1e-13);
    NEAR(m1, clb_dot(n, g, y) / clb_sumsq(n, g), 100 * eps);
    clb_quadrature_free(&q);
    free(A);
}

/* The bits of products, values, projections and vectors do not depend on the instruction set. */
static void t_same_bits(void)
{
    static const size_t sizes[] = { 1, 7, 15, 16, 17, 31, 40, 67, 130 };
    clb_isa at_first = clb_isa_get();
    clb_rng rng;
    clb_rng_seed(&rng, 19);
    for (size_t z = 0; z < sizeof sizes / sizeof *sizes; ++z) {
        size_t n = sizes[z];
        clb_real *A = matrix(n), *B = matrix(n), *V = matrix(n), *V0 = matrix(n);
        clb_real *x = matrix(n), *y = matrix(n), *y0 = matrix(n);
        double *all = (double *)calloc(4 * n, sizeof *all);
        clb_dense dense = { n, n, A };
        clb_linop op = clb_linop_dense(&dense);
        make_type(13 - 1, &rng, n, A);
        clb_rng_normal(&rng, n, x);
        FOR_EACH_ISA(isa) {
            int first = isa == 0;
            NOTE("n = %zu, %s", n, clb_isa_name((clb_isa)isa));
            op.apply(op.context, x, first ? y0 : y);
            memcpy(B, A, n * n * sizeof *A);
            EQUAL(clb_eigh(n, B, n, all + (first ? 0 : n), first ? V0 : V), CLB_OK);
            memcpy(B, A, n * n * sizeof *A);
            EQUAL(clb_eigh_project(n, B, n, x, all + 3 * n, all + 2 * n), CLB_OK);
            if (first) continue;
            for (size_t i = 0; i < n; ++i) {
                SAME_BITS(y[i], y0[i]);
                SAME_BITS(all[i], all[n + i]);
            }
            for (size_t i = 0; i < n * n; ++i) SAME_BITS(V[i], V0[i]);
        }
        free(A); free(B); free(V); free(V0); free(x); free(y); free(y0); free(all);
    }
    clb_isa_set(at_first);
}

/* The operator of a stored matrix against the product written out, reading the lower triangle only. */
static void t_dense_product(void)
{
    clb_rng rng;
    clb_rng_seed(&rng, 23);
    for (size_t n = 1; n < 70; ++n) {
        clb_real *A = matrix(n), *x = matrix(n), *y = matrix(n);
        clb_dense dense = { n, n, A };
        clb_linop op = clb_linop_dense(&dense);
        for (size_t i = 0; i < n; ++i)
            for (size_t j = 0; j < n; ++j) A[i * n + j] = j <= i ? (clb_real)uniform(&rng) : (clb_real)NAN;
        clb_rng_normal(&rng, n, x);
        op.apply(op.context, x, y);
        for (size_t i = 0; i < n; ++i) {
            double sum = 0;
            for (size_t j = 0; j < n; ++j) sum += (double)A[j <= i ? i * n + j : j * n + i] * (double)x[j];
            NEAR(y[i], sum, 10 * (double)n * eps);
        }
        free(A); free(x); free(y);
    }
}

static const test_case tests[] = {
    TEST(t_same_bits), TEST(t_dense_product),
    TEST(t_eigh_types), TEST(t_project), TEST(t_lanczos_dense), TEST(t_slq),
};
TEST_MAIN(tests)
