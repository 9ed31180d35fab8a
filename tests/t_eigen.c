/* Eigensolvers: LAPACK's ratios on the 21 symmetric matrix types of its own tests, closed-form
 * spectra, Lanczos
 * against dense spectra and its known traps, quadrature weights and moments, trace intervals.
 *   cc -std=c99 -O2 -o t_eigen tests/t_eigen.c -lm && ./t_eigen         (CLB_SLOW=1: every type at
 * n = 512 too) */
#define CLB_IMPLEMENTATION
#include "failing_alloc.h"
#include "../clb.h"
#include "private.h"
#include "../examples/kit/paper.h"
#include "../examples/kit/published.h"
#include "test.h"
#include "matrix_types.h"

static const double eps = sizeof(clb_real) == 4 ? 1.1920928955078125e-07 : 2.2204460492503131e-16;
static const double pi = 3.14159265358979323846;

/* ---- dense solvers --------------------------------------------------------------------------- */

/* c[i][j] (+)= sum_k a[i][k] b[k][j] in double */
static void multiply(size_t n, const double *a, const double *b, double *c)
{
    for (size_t i = 0; i < n; ++i) {
        for (size_t j = 0; j < n; ++j) c[i * n + j] = 0;
        for (size_t k = 0; k < n; ++k)
            for (size_t j = 0; j < n; ++j) c[i * n + j] += a[i * n + k] * b[k * n + j];
    }
}

/* Largest sum of absolute values over a row; NaN counts as infinite. */
static double norm1(size_t n, const double *a)
{
    double top = 0;
    for (size_t i = 0; i < n; ++i) {
        double sum = 0;
        for (size_t j = 0; j < n; ++j) sum += fabs(a[i * n + j]);
        if (!(sum <= top)) top = sum == sum ? sum : 1e300;
    }
    return top;
}

/* |A V - V D|_1 / (|A|_1 n eps) and |V V^T - I|_1 / (n eps), both below 10. V: rows are vectors. */
static void check_pairs(size_t n, const clb_real *A, const double *values, const clb_real *V)
{
    double *a = (double *)calloc(4 * n * n + 1, sizeof *a), *v = a + n * n, *vt = v + n * n,
           *r = vt + n * n;
    double unit = (double)n * eps, top = 0, norm, residual, orth;
    for (size_t i = 0; i < n * n; ++i) top = fmax(top, fabs((double)A[i]));
    if (top == 0) top = 1;
    for (size_t i = 0; i < n; ++i)
        for (size_t j = 0; j < n; ++j) {
            a[i * n + j] = (double)A[i * n + j] / top;
            v[i * n + j] = vt[j * n + i] = (double)V[i * n + j];
        }
    norm = norm1(n, a);
    multiply(n, v, a, r);
    for (size_t i = 0; i < n * n; ++i) r[i] -= values[i / n] / top * v[i];
    residual = norm1(n, r) / (norm > 0 ? norm : 1);
    multiply(n, v, vt, r);
    for (size_t i = 0; i < n; ++i) r[i * n + i] -= 1;
    orth = norm1(n, r);
    free(a);
    for (size_t k = 1; k < n; ++k) CHECK(values[k] >= values[k - 1]);
    CHECK(n == 0 || residual < 10 * unit);
    CHECK(n == 0 || orth < 10 * unit);
    for (size_t k = 0; k < n; ++k) {                       /* sign rule */
        size_t big = 0;
        for (size_t j = 1; j < n; ++j)
            if (fabs((double)V[k * n + j]) > fabs((double)V[k * n + big])) big = j;
        CHECK(V[k * n + big] > 0);
    }
}

static double spread(size_t n, const double *values)       /* |A|_2 from the spectrum */
{
    return n > 0 ? fmax(fabs(values[0]), fabs(values[n - 1])) : 0;
}

static void same_values(size_t n, const double *a, const double *b, double factor)
{
    double scale = spread(n, a);
    for (size_t i = 0; i < n; ++i)
        CHECK(fabs(a[i] - b[i]) <= factor * (double)(n + 5) * eps * scale);
}

static void one_type(int type, size_t n, clb_rng *rng)
{
    clb_real *A = types_matrix(n), *B = types_matrix(n), *V = types_matrix(n);
    double *values = (double *)calloc(2 * n + 1, sizeof *values), *again = values + n;
    NOTE("type %d, n = %lu", type, (unsigned long)n);
    types_make(type, rng, n, A);
    memcpy(B, A, n * n * sizeof *A);
    EQUAL(clb_eigh(n, B, n, values, V), CLB_OK);
    check_pairs(n, A, values, V);
    memcpy(B, A, n * n * sizeof *A);
    EQUAL(clb_eigh(n, B, n, again, NULL), CLB_OK);
    same_values(n, values, again, 10);
    if (n <= 65) {
        EQUAL(clb_jacobi(n, A, n, again, V), CLB_OK);
        check_pairs(n, A, again, V);
        same_values(n, values, again, 10);
    }
    free(A); free(B); free(V); free(values);
}

static void t_types(void)
{
    static const size_t sizes[] = { 0, 1, 2, 3, 5, 8, 20, 63, 64, 65, 128, 257, 512 };
    clb_rng rng;
    clb_rng_seed(&rng, 7);
    for (size_t z = 0; z < sizeof sizes / sizeof *sizes; ++z)
        for (int type = 1; type <= TYPES; ++type)
            if (sizes[z] < 512 || type == 10 || type == 13 || getenv("CLB_SLOW"))
                one_type(type, sizes[z], &rng);
}

/* 2 on the diagonal, -1 beside it: lambda_k = 2 - 2 cos(k pi / (n+1)), v_k[j] ~ sin(k j pi /
 * (n+1)). */
static void t_second_difference(void)
{
    for (size_t n = 1; n <= 200; n += n < 40 ? 1 : 53) {
        clb_real *A = types_matrix(n), *B = types_matrix(n), *V = types_matrix(n);
        double *values = (double *)calloc(2 * n, sizeof *values);
        NOTE("n = %lu", (unsigned long)n);
        for (size_t i = 0; i < n; ++i) {
            A[i * n + i] = 2;
            if (i > 0) A[i * n + i - 1] = -1;
        }
        memcpy(B, A, n * n * sizeof *A);
        EQUAL(clb_eigh(n, B, n, values, V), CLB_OK);
        EQUAL(clb_jacobi(n, A, n, values + n, NULL), CLB_OK);
        for (size_t k = 0; k < n; ++k) {
            double angle = (double)(k + 1) * pi / (double)(n + 1), overlap = 0;
            NEAR(values[k], 2 - 2 * cos(angle), 10 * (double)n * eps);
            NEAR(values[n + k], 2 - 2 * cos(angle), 1e-13);             /* Jacobi works in double */
            for (size_t j = 0; j < n; ++j)
                overlap +=
                    sqrt(2 / (double)(n + 1)) * sin((double)(j + 1) * angle) * (double)V[k * n + j];
            NEAR(fabs(overlap), 1, 1e3 * eps);
        }
        free(A); free(B); free(V); free(values);
    }
}

/* sum_k c_k^2 f(lambda_k) = g^T f(A) g for f = 1, x, x^2, and c_k = |v_k . g| of the full
 * solution. */
static void t_project(void)
{
    static const size_t sizes[] = { 1, 2, 31, 33, 70, 150 };
    clb_rng rng;
    clb_rng_seed(&rng, 3);
    for (size_t z = 0; z < sizeof sizes / sizeof *sizes; ++z) {
        size_t n = sizes[z];
        clb_real *A = types_matrix(n), *B = types_matrix(n), *V = types_matrix(n);
        clb_real *g = types_matrix(n), *y = types_matrix(n);
        double *values = (double *)calloc(3 * n, sizeof *values), *c = values + n, *full = c + n;
        double m0 = 0, m1 = 0, m2 = 0, scale;
        clb_dense dense = { n, n, A };
        clb_linop op = clb_dense_op(&dense);
        NOTE("n = %lu", (unsigned long)n);
        types_make(13, &rng, n, A);
        clb_rng_normal(&rng, n, g);
        memcpy(B, A, n * n * sizeof *A);
        EQUAL(clb_eigh_project(n, B, n, g, values, c), CLB_OK);
        memcpy(B, A, n * n * sizeof *A);
        EQUAL(clb_eigh(n, B, n, full, V), CLB_OK);
        same_values(n, values, full, 10);
        scale = spread(n, values);
        for (size_t i = 0; i < n; ++i) {
            CHECK(c[i] >= 0);
            /* gaps of a random matrix ~ 1/n */
            NEAR(c[i], fabs(clb_dot(n, V + i * n, g)), 3e4 * eps);
            m0 += c[i] * c[i];
            m1 += c[i] * c[i] * values[i];
            m2 += c[i] * c[i] * values[i] * values[i];
        }
        op.apply(op.context, g, y);
        NEAR_REL(m0, clb_sumsq(n, g), 100 * eps);
        CHECK(fabs(m1 - clb_dot(n, g, y)) <= 100 * eps * m0 * scale);
        NEAR_REL(m2, clb_sumsq(n, y), 300 * eps);
        free(A); free(B); free(V); free(g); free(y); free(values);
    }
}

/* |sum_i c_i^2 values_i^p - want| as a share of |g|^2 |A|^p. */
static double moment_error(size_t n, const double *values, const double *c, double gg, int power,
                           double want)
{
    double sum = 0, scale = spread(n, values), top = scale > 0 ? scale : 1;
    for (size_t i = 0; i < n; ++i) sum += c[i] * c[i] / gg * pow(values[i] / top, power);
    return fabs(sum - want / gg / pow(top, power));
}

/* The way of large matrices on small ones: the values of the one-stage way on all 21 types, and
 * with the projections the moments g.A^p g, p = 0, 1, 2; with bands that end in every manner. */
static void t_two_stage(void)
{
    static const size_t sizes[] = { 1, 2, 3, 31, 32, 33, 34, 35, 63, 64, 65, 66, 97, 130, 257 };
    clb_rng rng;
    clb_rng_seed(&rng, 41);
    for (size_t z = 0; z < sizeof sizes / sizeof *sizes; ++z)
        for (int type = 1; type <= TYPES; ++type) {
            size_t n = sizes[z];
            clb_real *A = types_matrix(n), *B = types_matrix(n), *g = types_matrix(n);
            double *values = (double *)calloc(3 * n, sizeof *values), *again = values + n,
                   *c = again + n, gg, first = 0, second = 0, top;
            NOTE("type %d, n = %lu", type, (unsigned long)n);
            types_make(type, &rng, n, A);
            clb_rng_normal(&rng, n, g);
            gg = clb_sumsq(n, g);
            memcpy(B, A, n * n * sizeof *A);
            EQUAL(clb_eigh(n, B, n, values, NULL), CLB_OK);
            memcpy(B, A, n * n * sizeof *A);
            EQUAL(test_eigh_two_stage(n, B, n, g, again, c), CLB_OK);
            same_values(n, values, again, 10);
            top = spread(n, values) > 0 ? spread(n, values) : 1;
            for (size_t i = 0; i < n; ++i) {
                double sum = 0;                            /* (A g)_i / |A| */
                for (size_t j = 0; j < n; ++j) sum += (double)A[i * n + j] / top * (double)g[j];
                first += sum * (double)g[i];
                second += sum * sum;
                CHECK(c[i] >= 0 && (i == 0 || again[i] >= again[i - 1]));
            }
            for (size_t i = 0; i < n; ++i) again[i] /= top;
            CHECK(moment_error(n, again, c, gg, 0, gg) < 10 * (double)(n + 3) * eps);
            CHECK(moment_error(n, again, c, gg, 1, first) < 10 * (double)(n + 3) * eps);
            CHECK(moment_error(n, again, c, gg, 2, second) < 10 * (double)(n + 3) * eps);
            free(A); free(B); free(g); free(values);
        }
}

/* Above the order from which clb_eigh goes that way itself: sums of powers of the values against
 * the trace and the squares of the matrix. */
static void t_two_stage_large(void)
{
    size_t n = 2001;
    clb_real *A = types_matrix(n);
    double *values = (double *)calloc(n, sizeof *values), trace = 0, squares = 0, sum = 0, sum2 = 0;
    clb_rng rng;
    clb_rng_seed(&rng, 43);
    types_make(13, &rng, n, A);
    for (size_t i = 0; i < n; ++i) trace += (double)A[i * n + i];
    squares = clb_sumsq(n * n, A);
    alloc_reset(0);
    EQUAL(clb_eigh(n, A, n, values, NULL), CLB_OK);
    EQUAL(alloc_largest, clb_eigh_bytes(n, 0));
    for (size_t i = 0; i < n; ++i) sum += values[i], sum2 += values[i] * values[i];
    CHECK(fabs(sum - trace) <= (double)n * eps * spread(n, values) * sqrt((double)n));
    NEAR_REL(sum2, squares, 10 * (double)n * eps);
    free(A); free(values);
}

static void t_dense_errors(void)
{
    clb_real A[4] = { 1, 0, (clb_real)NAN, 1 }, V[4] = { 7, 7, 7, 7 };
    double values[2] = { 5, 5 };
    EQUAL(clb_eigh(2, A, 2, values, V), CLB_ENOTFINITE);
    EQUAL(clb_jacobi(2, A, 2, values, V), CLB_ENOTFINITE);
    CHECK(values[0] == 5 && values[1] == 5 && V[0] == 7 && V[3] == 7);
    A[2] = 0;
    A[1] = (clb_real)INFINITY;                             /* upper triangle: not read */
    EQUAL(clb_eigh(2, A, 2, values, V), CLB_OK);
    EQUAL(clb_eigh((size_t)-1 / 2, A, 2, values, V), CLB_ESIZE);
    EQUAL(clb_eigh_bytes((size_t)-1 / 2, 1), 0);
    alloc_reset(0);
    EQUAL(clb_eigh(2, A, 2, values, V), CLB_OK);
    EQUAL(alloc_calls, 1);
    EQUAL(alloc_largest, clb_eigh_bytes(2, 1));            /* what the documentation promises */
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
        clb_real *A = types_matrix(n), *B = types_matrix(n), *V = types_matrix(n),
                 *V0 = types_matrix(n);
        clb_real *x = types_matrix(n), *y = types_matrix(n), *y0 = types_matrix(n);
        double *all = (double *)calloc(9 * n, sizeof *all);
        clb_dense dense = { n, n, A };
        clb_linop op = clb_dense_op(&dense);
        types_make(13, &rng, n, A);
        clb_rng_normal(&rng, n, x);
        FOR_EACH_ISA(isa) {
            int first = isa == 0;
            NOTE("n = %lu, %s", (unsigned long)n, clb_isa_name((clb_isa)isa));
            op.apply(op.context, x, first ? y0 : y);
            memcpy(B, A, n * n * sizeof *A);
            EQUAL(clb_eigh(n, B, n, all + (first ? 0 : n), first ? V0 : V), CLB_OK);
            memcpy(B, A, n * n * sizeof *A);
            EQUAL(clb_eigh_project(n, B, n, x, all + 4 * n, all + (first ? 2 * n : 3 * n)), CLB_OK);
            memcpy(B, A, n * n * sizeof *A);
            EQUAL(test_eigh_two_stage(n, B, n, x, all + (first ? 5 * n : 6 * n),
                                      all + (first ? 7 * n : 8 * n)), CLB_OK);
            if (first) continue;
            for (size_t i = 0; i < n; ++i) {
                SAME_BITS(y[i], y0[i]);
                SAME_BITS(all[i], all[n + i]);
                SAME_BITS(all[2 * n + i], all[3 * n + i]);
                SAME_BITS(all[5 * n + i], all[6 * n + i]);
                SAME_BITS(all[7 * n + i], all[8 * n + i]);
            }
            for (size_t i = 0; i < n * n; ++i) SAME_BITS(V[i], V0[i]);
        }
        free(A); free(B); free(V); free(V0); free(x); free(y); free(y0); free(all);
    }
    clb_isa_set(at_first);
}

/* The operator of a stored matrix against the product written out, reading the lower triangle
 * only. */
static void t_dense_product(void)
{
    clb_rng rng;
    clb_rng_seed(&rng, 23);
    for (size_t n = 1; n < 70; ++n) {
        clb_real *A = types_matrix(n), *x = types_matrix(n), *y = types_matrix(n);
        clb_dense dense = { n, n, A };
        clb_linop op = clb_dense_op(&dense);
        for (size_t i = 0; i < n; ++i)
            for (size_t j = 0; j < n; ++j)
                A[i * n + j] = j <= i ? (clb_real)types_uniform(&rng) : (clb_real)NAN;
        clb_rng_normal(&rng, n, x);
        op.apply(op.context, x, y);
        for (size_t i = 0; i < n; ++i) {
            double sum = 0;
            for (size_t j = 0; j < n; ++j)
                sum += (double)A[j <= i ? i * n + j : j * n + i] * (double)x[j];
            NEAR(y[i], sum, 10 * (double)n * eps);
        }
        free(A); free(x); free(y);
    }
}

/* One product for two vectors, in either direction, gives what two single ones in scalar code
 * give, bit for bit. */
static void t_product_pair(void)
{
    clb_isa at_first = clb_isa_get();
    clb_rng rng;
    clb_rng_seed(&rng, 29);
    for (size_t n = 1; n < 70; ++n) {
        clb_real *A = types_matrix(n), *x = types_matrix(n + 2), *y = types_matrix(n + 2),
                 *y0 = types_matrix(n + 2);
        types_make(13, &rng, n, A);
        clb_rng_normal(&rng, 2 * n, x);
        for (int down = 0; down < 2; ++down) {
            CHECK(clb_isa_set(CLB_ISA_SCALAR) == CLB_OK);
            test_symv(1, n, A, n, x, y0, n, down);
            test_symv(1, n, A, n, x + n, y0 + n, n, down);
            FOR_EACH_ISA(isa) {
                NOTE("n = %lu, down = %d, %s", (unsigned long)n, down, clb_isa_name((clb_isa)isa));
                test_symv(2, n, A, n, x, y, n, down);
                for (size_t i = 0; i < 2 * n; ++i) SAME_BITS(y[i], y0[i]);
                test_symv(1, n, A, n, x, y, n, down);
                for (size_t i = 0; i < n; ++i) SAME_BITS(y[i], y0[i]);
            }
        }
        free(A); free(x); free(y); free(y0);
    }
    clb_isa_set(at_first);
}

/* ---- Lanczos --------------------------------------------------------------------------------- */

/* A diagonal operator: its spectrum is known exactly. */
typedef struct diagonal { size_t n, calls; const double *d; } diagonal;
static void diagonal_apply(void *context, const clb_real *x, clb_real *y)
{
    diagonal *m = (diagonal *)context;
    ++m->calls;
    for (size_t i = 0; i < m->n; ++i) y[i] = (clb_real)(m->d[i] * (double)x[i]);
}

static clb_linop diagonal_op(diagonal *m)
{
    clb_linop op;
    op.n = m->n;
    op.apply = diagonal_apply;
    op.context = m;
    return op;
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

/* Residuals measured again here, orthonormality, flags, bounds, order; values against the sorted
 * spectrum d. */
static void check_eigs(const clb_linop *A, const clb_eigs *e, size_t top, const double *d,
                       double tol)
{
    size_t n = A->n;
    clb_real *y = types_matrix(n);
    double norm = spread(n, d), noise = 30 * eps * norm;
    for (size_t i = 0; i < e->count; ++i) {
        const clb_real *v = e->vector + i * n;
        double want = i < top ? d[n - 1 - i] : d[i - top], r = 0, nearest = 1e300;
        A->apply(A->context, v, y);
        for (size_t j = 0; j < n; ++j) {
            double t = (double)y[j] - e->value[i] * (double)v[j];
            r += t * t;
            nearest = fmin(nearest, fabs(d[j] - e->value[i]));
        }
        r = sqrt(r);
        CHECK(e->converged[i] && r <= tol * norm + noise);
        CHECK(fabs(r - e->residual[i]) <= noise);
        CHECK(fabs(e->value[i] - want) <= tol * norm + noise);
        CHECK(nearest <= e->bound[i] + noise);
        for (size_t l = 0; l <= i; ++l) NEAR(clb_dot(n, v, e->vector + l * n), l == i, 100 * eps);
    }
    CHECK(e->norm <= norm * (1 + 100 * eps) && e->norm >= 0.5 * norm);
    free(y);
}

/* One pair of elements far above all others, at any place: a bulge that starts at the small ones is
 * lost to underflow. Against Jacobi, which has no bulge. */
static void t_eigh_one_large_pair(void)
{
    static const double small[] = { 1e-195, 1e-100, 1e-18, 1e-9 };
    enum { N = 24 };
    clb_real A[N * N], copy[N * N];
    double values[N], truth[N];
    for (size_t k = 0; k < sizeof small / sizeof *small; ++k)
        for (size_t at = 0; at + 1 < N; ++at) {
            for (size_t i = 0; i < N * N; ++i) A[i] = (clb_real)(small[k] / (double)(i / N + i % N + 1));
            A[at * N + at + 1] = A[(at + 1) * N + at] = 1;
            memcpy(copy, A, sizeof A);
            NOTE("others %g, at %zu", small[k], at);
            EQUAL(clb_jacobi(N, A, N, truth, NULL), CLB_OK);
            EQUAL(clb_eigh(N, copy, N, values, NULL), CLB_OK);
            for (size_t i = 0; i < N; ++i) NEAR(values[i], truth[i], 40 * eps);
        }
}

/* Random dense matrices with clusters, all ends; from trial 12 on far from zero beside their spread,
 * so that a product is nearly in the basis and must be made orthogonal to it twice. */
static void t_lanczos_dense(void)
{
    clb_rng rng;
    clb_rng_seed(&rng, 11);
    for (int trial = 0; trial < 18; ++trial) {
        size_t n = 150, k = 10;                         /* trials 6..11: two products in one pass */
        double d[150], values[150];
        clb_real *A = types_matrix(n), *B = types_matrix(n);
        clb_dense dense = { n, n, A };
        clb_linop op = clb_dense_op(&dense);
        clb_lanczos_opts opts = CLB_ZERO;
        clb_eigs e;
        NOTE("trial %d", trial);
        opts.which = (clb_which)(trial % 3);
        opts.block = trial / 6 == 1 ? 2 : 1;
        opts.tol = sizeof(clb_real) == 4 ? 1e-5 : 1e-9;
        for (size_t i = 0; i < n; ++i)
            d[i] = i < 25   ? 3 + (double)(i / 3)
                   : i < 40 ? -4 - 0.1 * (double)i
                            : types_uniform(&rng);
        for (size_t i = 0; i < n && trial >= 12; ++i) d[i] += 1000;
        types_from_spectrum(&rng, n, d, A);
        memcpy(B, A, n * n * sizeof *A);
        EQUAL(clb_eigh(n, B, n, values, NULL), CLB_OK);
        EQUAL(clb_lanczos(&op, k, &opts, &e), CLB_OK);
        EQUAL(e.count, opts.which == CLB_BOTH_ENDS ? 2 * k : k);
        check_eigs(&op, &e, opts.which == CLB_SMALLEST ? 0 : k, values, opts.tol);
        NEAR(e.smallest, values[0], 0.1);
        NEAR(e.largest, values[n - 1], 0.1);
        clb_eigs_free(&e);
        free(A); free(B);
    }
}

/* Trap: one start vector contains a single vector of every eigenspace, so copies of multiple
 * eigenvalues are missed.
 * Here the default check finds them, and so does a block of starts without it. */
static void t_lanczos_multiplicity(void)
{
    static const double lead[9] = { 9, 9, 9, 7, 7, 6, 5, 5, 5 };
    double d[300], sorted[300];
    for (int way = 0; way < 3; ++way) {
        diagonal m = { 300, 0, d };
        clb_linop op = diagonal_op(&m);
        clb_lanczos_opts opts = CLB_ZERO;
        clb_eigs e;
        NOTE("way %d", way);
        opts.tol = sizeof(clb_real) == 4 ? 1e-5 : 1e-10;
        opts.no_check = way > 0;
        opts.block = way == 2 ? 3 : 1;
        for (size_t i = 0; i < 300; ++i) d[i] = i < 9 ? lead[i] : 4 * (double)(300 - i) / 300 - 1;
        if (way == 1) {                         /* converged before rounding brings the copies in */
            opts.tol = 1e-2;
            opts.basis = 14;
        }
        EQUAL(clb_lanczos(&op, way == 1 ? 2 : 9, &opts, &e), CLB_OK);
        memcpy(sorted, d, sizeof d);
        qsort(sorted, 300, sizeof *sorted, ascending);
        if (way != 1) check_eigs(&op, &e, 9, sorted, opts.tol);
        else NEAR(e.value[1], 7, 0.05);                    /* the trap is real: 9 came once */
        EQUAL(m.calls, e.products + (way != 1 ? 9 : 0));
        clb_eigs_free(&e);
    }
}

/* Trap: largest magnitude is not largest. */
static void t_lanczos_algebraic(void)
{
    double d[200];
    diagonal m = { 200, 0, d };
    clb_linop op = diagonal_op(&m);
    clb_eigs e;
    for (size_t i = 0; i < 200; ++i) d[i] = i == 0 ? -50 : (double)i / 200;
    EQUAL(clb_lanczos(&op, 3, NULL, &e), CLB_OK);
    check_eigs(&op, &e, 3, d, sizeof(clb_real) == 4 ? 1e-5 : 1e-10);
    NEAR_REL(e.smallest, -50, 1e3 * eps);
    clb_eigs_free(&e);
}

/* Traps: zero, identity and rank-one matrices end a Krylov space at once; tiny orders; more pairs
 * than the order. */
static void t_lanczos_breakdown(void)
{
    double d[90], sorted[90];
    for (int kind = 0; kind < 4; ++kind) {
        for (size_t n = 1; n <= 90; n += n < 5 ? 1 : 17) {
            diagonal m = { 0, 0, d };
            clb_linop op;
            clb_eigs e;
            m.n = n;
            op = diagonal_op(&m);
            NOTE("kind %d, n = %lu", kind, (unsigned long)n);
            for (size_t i = 0; i < n; ++i)
                d[i] = kind == 0 ? 0 : kind == 1 ? 1 : kind == 2 ? i == n / 2 : (double)(i % 3);
            EQUAL(clb_lanczos(&op, 5, NULL, &e), CLB_OK);
            EQUAL(e.count, n < 5 ? n : 5);
            memcpy(sorted, d, sizeof d);
            qsort(sorted, n, sizeof *sorted, ascending);
            if (kind == 0) {
                for (size_t i = 0; i < e.count; ++i)
                    CHECK(e.value[i] == 0 && e.residual[i] == 0 && e.converged[i]);
            } else {
                check_eigs(&op, &e, e.count, sorted, 1e3 * eps);
            }
            clb_eigs_free(&e);
        }
    }
}

/* Trap: a tolerance that means nothing. Here residual <= tol |A| for each, and a looser one costs
 * fewer products. */
static void t_lanczos_tolerance(void)
{
    double d[500];
    size_t before = 0;
    for (int digits = 2; digits <= (sizeof(clb_real) == 4 ? 4 : 11); digits += 3) {
        diagonal m = { 500, 0, d };
        clb_linop op = diagonal_op(&m);
        clb_lanczos_opts opts = CLB_ZERO;
        clb_eigs e;
        NOTE("%d digits", digits);
        opts.tol = pow(10, -digits);
        opts.no_check = 1;
        for (size_t i = 0; i < 500; ++i) d[i] = pow((double)(i + 1) / 500, 3) * 1e-3;
        EQUAL(clb_lanczos(&op, 6, &opts, &e), CLB_OK);
        check_eigs(&op, &e, 6, d, opts.tol);
        CHECK(e.products >= before);
        before = e.products;
        clb_eigs_free(&e);
    }
}

static void bad_apply(void *context, const clb_real *x, clb_real *y)
{
    const diagonal *m = (const diagonal *)context;
    for (size_t i = 0; i < m->n; ++i) y[i] = (clb_real)NAN * x[i];
}

static void t_lanczos_errors(void)
{
    double d[300];
    diagonal m = { 300, 0, d };
    clb_linop op = diagonal_op(&m), bad = op, empty = op;
    clb_real zero[300] = { 0 };
    clb_lanczos_opts opts = CLB_ZERO;
    clb_eigs e;
    for (size_t i = 0; i < 300; ++i) d[i] = 1 + 1e-4 * (double)i;
    bad.apply = bad_apply;
    empty.n = 0;
    EQUAL(clb_lanczos(&empty, 1, NULL, &e), CLB_EEMPTY);
    EQUAL(clb_lanczos(&op, 0, NULL, &e), CLB_ECOUNT);
    EQUAL(clb_lanczos(&bad, 2, NULL, &e), CLB_ENOTFINITE);
    CHECK(e.arena == NULL && e.count == 0);
    opts.which = CLB_WHICH_COUNT;
    EQUAL(clb_lanczos(&op, 1, &opts, &e), CLB_EMETHOD);
    opts.which = CLB_LARGEST;
    opts.start = zero;
    EQUAL(clb_lanczos(&op, 1, &opts, &e), CLB_ESTART);
    opts.start = NULL;
    opts.max_products = 60;                                /* too few: best estimates, flags off */
    EQUAL(clb_lanczos(&op, 4, &opts, &e), CLB_ENOCONV);
    EQUAL(e.count, 4);
    CHECK(!e.converged[3] && e.residual[3] > 0 && e.value[0] <= d[299] + 1e-3
          && e.value[3] > d[200]);
    clb_eigs_free(&e);
}

/* No allocation inside a step or a restart: their number does not depend on how many products are
 * made. */
static void t_lanczos_allocations(void)
{
    double d[400];
    size_t calls[2], products[2];
    for (int run = 0; run < 2; ++run) {
        diagonal m = { 400, 0, d };
        clb_linop op = diagonal_op(&m);
        clb_lanczos_opts opts = CLB_ZERO;
        clb_eigs e;
        size_t live = alloc_live;
        opts.max_products = run ? 1000 : 60;
        opts.no_check = 1;
        opts.tol = 1e-15;
        for (size_t i = 0; i < 400; ++i) d[i] = 1 + 1e-5 * (double)i;
        alloc_reset(0);
        (void)clb_lanczos(&op, 4, &opts, &e);
        calls[run] = alloc_calls;
        products[run] = e.products;
        clb_eigs_free(&e);
        EQUAL(alloc_live, live);
    }
    CHECK(products[1] > products[0] + 100);
    EQUAL(calls[1], calls[0]);
}

/* Top 20 of 100 random network Hessians = the dense spectrum, none missed; all losses, two
 * activations. */
static void t_lanczos_networks(void)
{
    for (uint64_t seed = 1; seed <= 100; ++seed) {
        paper_opts opts = CLB_ZERO;
        paper_problem problem;
        clb_pass pass;
        clb_curv curv;
        clb_linop op;
        clb_eigs e;
        double *values;
        clb_real *H;
        opts.n = 40;
        opts.d = 6;
        opts.K = 3;
        opts.m = 10 + seed % 5;
        opts.net.activation = seed % 2 ? CLB_RELU : CLB_IDENTITY;
        NOTE("seed %lu", (unsigned long)seed);
        EQUAL(paper_problem_draw(&problem, &opts, seed, CLB_NORMAL_EXACT), CLB_OK);
        EQUAL(clb_pass_init(&pass, &problem.net, &problem.data, seed % 3 ? CLB_CE : CLB_MSE),
              CLB_OK);
        EQUAL(clb_curv_init(&curv, &pass), CLB_OK);
        clb_curv_at(&curv, NULL);
        op = clb_hessian_op(&curv);
        H = types_matrix(op.n);
        values = (double *)calloc(op.n, sizeof *values);
        EQUAL(clb_hessian(&curv, H, op.n), CLB_OK);
        EQUAL(clb_eigh(op.n, H, op.n, values, NULL), CLB_OK);
        EQUAL(clb_lanczos(&op, 20, NULL, &e), CLB_OK);
        for (size_t i = 0; i < 20; ++i)
            CHECK(fabs(e.value[i] - values[op.n - 1 - i]) <= 1000 * eps * spread(op.n, values));
        clb_eigs_free(&e);
        free(H); free(values);
        clb_curv_free(&curv);
        clb_pass_free(&pass);
        paper_problem_free(&problem);
    }
}

/* ---- the power iteration of the published programs ------------------------------------------- */

static void t_published(void)
{
    double d[60], value;
    diagonal m = { 60, 0, d };
    clb_linop op = diagonal_op(&m);
    clb_real x[60];
    clb_rng rng, mirror;
    for (size_t i = 0; i < 60; ++i) d[i] = i == 7 ? -9 : 0.1 * (double)i;
    clb_rng_seed(&rng, 5);
    mirror = rng;
    EQUAL(published_power(&op, 200, &rng, &value), CLB_OK);
    NEAR(value, -9, 100 * eps);                            /* largest magnitude, its sign kept */
    EQUAL(m.calls, 201);
    clb_rng_normal(&mirror, 60, x);
    EQUAL(clb_rng_u32(&rng), clb_rng_u32(&mirror));        /* consumed n normals, no more */
    EQUAL(published_power(&op, 0, &mirror, &value), CLB_OK);
    CHECK(value > -9 && value < 5.9);                      /* Rayleigh quotient of the start */
    for (size_t i = 0; i < 60; ++i) d[i] = 0;              /* |Hv| < 1e-12 */
    EQUAL(published_power(&op, 20, &rng, &value), CLB_OK);
    CHECK(value == 0);
}

/* ---- quadrature, trace
 * ------------------------------------------------------------------------ */

/* sum 1, weights >= 0, moments 0..3 of the start vector's functional, scale invariance. */
static void t_quadrature(void)
{
    size_t n = 120;
    double d[120], exact[4] = { 0 }, first_node[60], first_weight[60];
    clb_real *A = types_matrix(n), g[120];
    clb_rng rng;
    double tight = sizeof(clb_real) == 4 ? 1e-5 : 1e-10;
    clb_rng_seed(&rng, 5);
    clb_rng_normal(&rng, n, g);
    for (size_t i = 0; i < n; ++i) d[i] = types_uniform(&rng);
    for (int power = -6; power <= 6; power += 3) {
        double scale = pow(10, power), sum = 0, moment[4] = { 0 }, gg = clb_sumsq(n, g), dd[120];
        diagonal m = { 120, 0, dd };
        clb_linop op = diagonal_op(&m);
        clb_slq_opts opts = CLB_ZERO;
        clb_quadrature q;
        NOTE("scale 1e%d", power);
        for (size_t i = 0; i < n; ++i) dd[i] = scale * d[i];
        for (int p = 0; p < 4; ++p) {
            exact[p] = 0;
            for (size_t i = 0; i < n; ++i)
                exact[p] += (double)g[i] * (double)g[i] / gg * pow(d[i], p);
        }
        opts.start = g;
        opts.steps = 30;
        EQUAL(clb_slq(&op, NULL, &opts, &q), CLB_OK);
        EQUAL(q.count, 30);
        for (size_t i = 0; i < q.count; ++i) {
            CHECK(q.weight[i] >= 0);
            CHECK(i == 0 || q.node[i] >= q.node[i - 1]);
            sum += q.weight[i];
            for (int p = 0; p < 4; ++p) moment[p] += q.weight[i] * pow(q.node[i] / scale, p);
            if (power == -6) {
                first_node[i] = q.node[i] / scale;
                first_weight[i] = q.weight[i];
            }
            NEAR(q.node[i] / scale, first_node[i], 100 * tight);
            NEAR(q.weight[i], first_weight[i], 100 * tight);
        }
        NEAR(sum, 1, 1e-13);
        for (int p = 0; p < 4; ++p) NEAR(moment[p], exact[p], tight);
        clb_quadrature_free(&q);
    }
    free(A);
}

/* Probes: a trace and a spectral count within a few standard errors; an invariant subspace ends a
 * probe early. */
static void t_quadrature_probes(void)
{
    double d[200], sum = 0, trace = 0, above = 0;
    diagonal m = { 200, 0, d };
    clb_linop op = diagonal_op(&m);
    clb_slq_opts opts = CLB_ZERO;
    clb_quadrature q;
    clb_rng rng;
    clb_rng_seed(&rng, 8);
    for (size_t i = 0; i < 200; ++i) d[i] = i < 50 ? 2 : 1;
    opts.probes = 40;
    EQUAL(clb_slq(&op, &rng, &opts, &q), CLB_OK);
    /* two eigenvalues: two nodes a probe (rounding aside) */
    CHECK(q.count >= 80 && q.count <= 40 * 4);
    for (size_t i = 0; i < q.count; ++i) {
        sum += q.weight[i];
        trace += 200 * q.weight[i] * q.node[i];
        if (q.node[i] > 1.5) above += q.weight[i];
    }
    NEAR(sum, 1, 1e-13);
    NEAR(trace / 200, 1.25, 0.04);                    /* sd of v^T A v / |v|^2 about 0.04 a probe */
    NEAR(above, 0.25, 0.04);
    clb_quadrature_free(&q);
    EQUAL(clb_slq(&op, NULL, NULL, &q), CLB_ESTART);
    op.apply = bad_apply;
    EQUAL(clb_slq(&op, &rng, NULL, &q), CLB_ENOTFINITE);
    CHECK(q.arena == NULL);
}

/* Exact for diagonal matrices; for a dense one the 95 % interval contains the trace about 95 times
 * in 100. */
static void t_trace(void)
{
    size_t n = 60, inside = 0;
    double d[60], trace = 0;
    diagonal m = { 60, 0, d };
    clb_linop op = diagonal_op(&m);
    clb_real *A = types_matrix(n);
    clb_dense dense = { n, n, A };
    clb_estimate e;
    clb_rng rng;
    clb_rng_seed(&rng, 2);
    for (size_t i = 0; i < n; ++i) trace += d[i] = (double)i - 20;
    EQUAL(clb_hutchinson(&op, 5, &rng, &e), CLB_OK);
    CHECK(e.mean == trace && e.stderr_mean == 0 && e.lower == trace && e.upper == trace
          && e.samples == 5);
    EQUAL(clb_hutchinson(&op, 1, &rng, &e), CLB_ECOUNT);
    types_from_spectrum(&rng, n, d, A);
    op = clb_dense_op(&dense);
    for (int trial = 0; trial < 400; ++trial) {
        EQUAL(clb_hutchinson(&op, 6, &rng, &e), CLB_OK);
        inside += e.lower <= trace && trace <= e.upper;
    }
    CHECK((double)inside >= 400 * 0.95 - 4 * 4.4 &&              /* binomial, 4 sd */
          (double)inside <= 400 * 0.95 + 4 * 4.4);
    free(A);
}

static const test_case tests[] = {
    TEST(t_types),
    TEST(t_second_difference),
    TEST(t_project),
    TEST(t_two_stage),
    TEST(t_two_stage_large),
    TEST(t_dense_errors),
    TEST(t_same_bits),
    TEST(t_dense_product),
    TEST(t_product_pair),
    TEST(t_eigh_one_large_pair),
    TEST(t_lanczos_dense),
    TEST(t_lanczos_multiplicity),
    TEST(t_lanczos_algebraic),
    TEST(t_lanczos_breakdown),
    TEST(t_lanczos_tolerance),
    TEST(t_lanczos_errors),
    TEST(t_lanczos_allocations),
    TEST(t_lanczos_networks),
    TEST(t_published),
    TEST(t_quadrature),
    TEST(t_quadrature_probes),
    TEST(t_trace),
};
TEST_MAIN(tests)
