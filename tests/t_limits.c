/* Numbers at the limits: matrices and operators of any size, saturated softmax, activations at
 * infinity, degenerate nets. The truths are exact scalings, closed forms and reference values.
 *   cc -std=c99 -O2 -o t_limits tests/t_limits.c -lm && ./t_limits */
#define CLB_IMPLEMENTATION
#include "../clb.h"
#include "test.h"
#include "fixture.h"

static const double eps = sizeof(clb_real) == 4 ? 1.1920928955078125e-07 : 2.2204460492503131e-16;
static const double pi = 3.14159265358979323846;

/* Powers of two at which squares of a clb_real are out of its range, and 0. */
#ifdef CLB_SINGLE
static const int scales[] = { -100, -64, 0, 64, 100 };
#else
static const int scales[] = { -1000, -665, 0, 400, 665, 1000 };
#endif
enum { SCALES = sizeof scales / sizeof scales[0], N = 40 };

/* A random symmetric matrix times 2^e, no smaller than 2^-6 2^e. */
static void matrix(size_t n, int e, clb_real *A)
{
    clb_rng rng;
    clb_rng_seed(&rng, 3);
    for (size_t i = 0; i < n; ++i)
        for (size_t j = 0; j <= i; ++j)
            A[i * n + j] = A[j * n + i] =
                (clb_real)ldexp((double)clb_rng_below(&rng, 255) - 127 + 0.25, e - 6);
}

static int counted;                     /* products of the operator below */

static void apply_counted(void *context, const clb_real *x, clb_real *y)
{
    const clb_real *A = (const clb_real *)context;
    ++counted;
    for (size_t i = 0; i < N; ++i) {
        y[i] = 0;
        for (size_t j = 0; j < N; ++j) y[i] += A[i * N + j] * x[j];
    }
}

static clb_linop counted_op(clb_real *A)
{
    clb_linop op;
    op.n = N;
    op.apply = apply_counted;
    op.context = A;
    counted = 0;
    return op;
}

/* ---- matrices and operators of any size ------------------------------------------------------ */

/* A block of tiny elements beside a 1, whose size no test against the diagonal can see. Its
 * eigenvalues are 2 e cos(k pi/n). */
static void t_tiny_block(void)
{
    const double sizes[] = { 1e-100, 1e-155, 1e-165, 1e-200, 1e-250, 1e-300, 1e-320 };
    for (size_t k = 0; k < sizeof sizes / sizeof sizes[0]; ++k)
        for (size_t n = 3; n <= 40; n = n < 6 ? n + 1 : 2 * n) {
            clb_real A[1600] = { 0 }, B[1600], g[40] = { 1, 1, 1 };
            double v[40], c[40], e = (double)(clb_real)sizes[k];
            NOTE("e = %g, n = %d", e, (int)n);
            A[0] = 1;
            for (size_t i = 1; i + 1 < n; ++i)
                A[(i + 1) * n + i] = A[i * n + i + 1] = (clb_real)e;
            memcpy(B, A, sizeof A);
            EQUAL(clb_eigh(n, B, n, v, NULL), CLB_OK);
            CHECK(v[n - 1] == 1 && fabs(v[0]) <= 2 * e && fabs(v[n - 2]) <= 2 * e);
            if (e > 1e-200) NEAR_REL(v[n - 2], 2 * e * cos(pi / (double)n), 1e-14);
            memcpy(B, A, sizeof A);
            EQUAL(clb_eigh_project(n, B, n, g, v, c), CLB_OK);
            NEAR(c[n - 1], 1, 0);
        }
}

/* Solvers on 2^e A give 2^e times what they give on A, bit for bit. */
static void t_eigen_any_scale(void)
{
    static clb_real A[N * N], V[N * N], V0[N * N];
    double v0[N], v[N], r0 = 0, slq0[200];
    clb_dense dense;
    clb_linop op;
    clb_eigs top0, top;
    clb_quadrature q;
    clb_estimate trace0, trace;
    clb_rng rng;
    clb_lanczos_opts o = CLB_ZERO;
    matrix(N, 0, A);
    op = counted_op(A);
    o.which = CLB_BOTH_ENDS;
    EQUAL(clb_lanczos(&op, 2, &o, &top0), CLB_OK);
    clb_rng_seed(&rng, 7);
    EQUAL(clb_hutchinson(&op, 10, &rng, &trace0), CLB_OK);
    EQUAL(clb_slq(&op, &rng, NULL, &q), CLB_OK);
    for (size_t i = 0; i < 200; ++i) slq0[i] = i % 2 ? q.weight[i] : q.node[i];
    clb_quadrature_free(&q);
    EQUAL(clb_eigh(N, A, N, v0, V0), CLB_OK);
    for (size_t i = 0; i < N; ++i) r0 = fmax(r0, fabs(v0[i]));
    for (size_t k = 0; k < SCALES; ++k) {
        int e = scales[k];
        NOTE("scale 2^%d", e);
        matrix(N, e, A);
        dense.n = dense.lda = N, dense.A = A;
        EQUAL(clb_jacobi(N, A, N, v, V), CLB_OK);
        for (size_t i = 0; i < N; ++i) NEAR(ldexp(v[i], -e), v0[i], 30 * eps * r0);
        op = counted_op(A);
        EQUAL(clb_lanczos(&op, 2, &o, &top), CLB_OK);
        for (size_t i = 0; i < 4; ++i) {
            SAME_BITS(top.value[i], ldexp(top0.value[i], e));
            SAME_BITS(top.residual[i], ldexp(top0.residual[i], e));
            SAME_BITS(top.bound[i], ldexp(top0.bound[i], e));
            SAME_BITS(top.vector[i * N], top0.vector[i * N]);
            NEAR(ldexp(top.value[i], -e), v0[i < 2 ? N - 1 - i : i - 2], 30 * eps * r0);
        }
        CHECK(top.products == top0.products && top.products == (size_t)counted);
        SAME_BITS(top.norm, ldexp(top0.norm, e));
        SAME_BITS(top.largest, ldexp(top0.largest, e));
        clb_eigs_free(&top);
        clb_rng_seed(&rng, 7);
        EQUAL(clb_hutchinson(&op, 10, &rng, &trace), CLB_OK);
        SAME_BITS(trace.mean, ldexp(trace0.mean, e));
        SAME_BITS(trace.stderr_mean, ldexp(trace0.stderr_mean, e));
        EQUAL(clb_slq(&op, &rng, NULL, &q), CLB_OK);
        for (size_t i = 0; i < 200; ++i)
            SAME_BITS(i % 2 ? q.weight[i] : ldexp(q.node[i], -e), slq0[i]);
        clb_quadrature_free(&q);
        op = clb_dense_op(&dense);
        EQUAL(clb_lanczos(&op, 1, NULL, &top), CLB_OK);
        NEAR(ldexp(top.value[0], -e), v0[N - 1], 30 * eps * r0);
        clb_eigs_free(&top);
        EQUAL(clb_eigh(N, A, N, v, V), CLB_OK);
        for (size_t i = 0; i < N; ++i) SAME_BITS(v[i], ldexp(v0[i], e));
        for (size_t i = 0; i < N * N; ++i) SAME_BITS(V[i], V0[i]);
    }
    clb_eigs_free(&top0);
}

/* A start vector of any size is the same start vector; its first product may be tiny and later ones
 * not. */
static void t_start_any_scale(void)
{
    static clb_real A[N * N];
    clb_real start[N] = { 0 };
    double first = 0;
    clb_lanczos_opts o = CLB_ZERO;
    clb_slq_opts s = CLB_ZERO;
    clb_linop op;
    clb_eigs eigs;
    clb_quadrature q;
    matrix(N, 0, A);
    for (size_t k = 0; k < SCALES; ++k) {
        NOTE("start 2^%d", scales[k]);
        for (size_t i = 0; i < N; ++i) start[i] = (clb_real)ldexp(1 + (double)(i % 3), scales[k]);
        o.start = s.start = start;
        op = counted_op(A);
        EQUAL(clb_lanczos(&op, 1, &o, &eigs), CLB_OK);
        EQUAL(clb_slq(&op, NULL, &s, &q), CLB_OK);
        if (k == 0) first = eigs.value[0];
        NEAR(eigs.value[0], first, 100 * eps);
        NEAR(q.node[q.count - 1], first, 100 * eps);
        clb_eigs_free(&eigs);
        clb_quadrature_free(&q);
    }
    memset(A, 0, sizeof A);                             /* e_0: eigenvalue far below the others */
    A[0] = (clb_real)ldexp(1, -scales[SCALES - 1]);
    for (size_t i = 1; i < N; ++i) A[i * N + i] = (clb_real)i;
    memset(start, 0, sizeof start);
    start[0] = 1;
    op = counted_op(A);
    EQUAL(clb_lanczos(&op, 2, &o, &eigs), CLB_OK);
    NEAR(eigs.value[0], N - 1, 100 * eps);
    NEAR(eigs.value[1], N - 2, 100 * eps);
    clb_eigs_free(&eigs);
}

/* max_products is never exceeded, whatever is wanted; what is there is named as not converged. */
static void t_max_products(void)
{
    static clb_real A[N * N];
    clb_linop op;
    clb_eigs eigs;
    matrix(N, 0, A);
    for (size_t wanted = 1; wanted <= 6; ++wanted)
        for (size_t most = 1; most <= 60; ++most) {
            clb_lanczos_opts o = CLB_ZERO;
            clb_status status;
            o.max_products = most;
            o.basis = 20;
            o.which = wanted % 2 ? CLB_BOTH_ENDS : CLB_LARGEST;
            op = counted_op(A);
            status = clb_lanczos(&op, wanted, &o, &eigs);
            NOTE("%d pairs, max_products %d: %d products", (int)wanted, (int)most, counted);
            CHECK(counted <= (int)most && eigs.products == (size_t)counted && eigs.count >= 1);
            CHECK(status == CLB_ENOCONV || status == CLB_OK);
            for (size_t i = 0; status == CLB_OK && i < eigs.count; ++i) CHECK(eigs.converged[i]);
            CHECK(eigs.count == wanted * (wanted % 2 + 1) || status == CLB_ENOCONV);
            clb_eigs_free(&eigs);
        }
}

/* The default block is the one that is used: the first products of a large dense operator come in
 * pairs from two random start vectors. */
static void t_resolve(void)
{
    clb_dense dense;
    clb_linop op;
    clb_lanczos_opts o = CLB_ZERO;
    dense.n = dense.lda = 501, dense.A = NULL;
    op = clb_dense_op(&dense);
    clb_lanczos_opts_resolve(&o, &op, 3);
    EQUAL(o.block, 2);
    EQUAL(o.basis, 60);
    EQUAL(o.max_products, 5010);
    NEAR(o.tol, TOL(1e-10, 1e-5), 0);
    memset(&o, 0, sizeof o);
    op.n = dense.n = 500;
    clb_lanczos_opts_resolve(&o, &op, 30);
    EQUAL(o.block, 1);
    EQUAL(o.basis, 80);
    memset(&o, 0, sizeof o);
    op.n = 10;
    o.which = CLB_BOTH_ENDS;
    clb_lanczos_opts_resolve(&o, &op, 30);
    CHECK(o.block == 1 && o.basis == 10 && o.max_products == 1000);
    memset(&o, 0, sizeof o);
    o.block = 7;
    o.basis = 3;
    op.n = 1000;
    clb_lanczos_opts_resolve(&o, &op, 2);
    CHECK(o.block == 7 && o.basis == 18);
}

/* |value - nearest eigenvalue| <= bound, also before convergence and for an operator whose two
 * triangles differ: the bound rests on what was measured. */
static void t_bound(void)
{
    static clb_real A[N * N], B[N * N];
    double v[N];
    clb_eigs eigs;
    for (int skew = 0; skew < 2; ++skew)
        for (size_t most = 4; most <= 100; most += 3) {
            clb_lanczos_opts o = CLB_ZERO;
            clb_linop op;
            clb_rng rng;
            matrix(N, 0, A);
            clb_rng_seed(&rng, 11);
            memcpy(B, A, sizeof A);
            EQUAL(clb_eigh(N, B, N, v, NULL), CLB_OK);
            for (size_t i = 0; skew && i < N; ++i)
                for (size_t j = 0; j < i; ++j) {
                    clb_real change = (clb_real)((clb_rng_double(&rng) - 0.5) * 1e-3);
                    A[i * N + j] += change;
                    A[j * N + i] -= change;
                }
            o.max_products = most;
            op = counted_op(A);
            CHECK(clb_lanczos(&op, 2, &o, &eigs) != CLB_ENOTFINITE);
            for (size_t i = 0; i < eigs.count; ++i) {
                double nearest = (double)INFINITY;
                for (size_t j = 0; j < N; ++j) nearest = fmin(nearest, fabs(v[j] - eigs.value[i]));
                NOTE("skew %d, %d products, pair %d", skew, (int)most, (int)i);
                CHECK(nearest <= eigs.bound[i]);
            }
            clb_eigs_free(&eigs);
        }
}

static const test_case tests[] = {
    TEST(t_tiny_block), TEST(t_eigen_any_scale), TEST(t_start_any_scale), TEST(t_max_products),
    TEST(t_resolve), TEST(t_bound)
};
TEST_MAIN(tests)
