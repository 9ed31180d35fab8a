/* t_derivs.c - second derivatives against differences of first ones, and against each other.
 *   cc -std=c99 -O2 -o t_derivs tests/t_derivs.c -lm && ./t_derivs */
#define CLB_IMPLEMENTATION
#include "failing_alloc.h"
#include "../clb.h"
#include "test.h"
#include "fixture.h"

typedef struct shape { size_t count, widths[9]; } shape;
static const shape shapes[] = { { 2, { 4, 3 } },       { 3, { 4, 7, 3 } },
                                { 3, { 3, 2, 4 } },    { 3, { 40, 3, 2 } },
                                { 4, { 4, 6, 5, 3 } }, { 9, { 4, 6, 5, 6, 5, 6, 5, 6, 3 } } };
#define SHAPES (sizeof shapes / sizeof shapes[0])
static const struct { clb_activation kind; double a;
} kinds[] = { { CLB_RELU, 0 },       { CLB_IDENTITY, 0 },   { CLB_LEAKY_RELU, 0.1 },
              { CLB_RELU_MIX, 0.4 }, { CLB_RELU_POWER, 2 }, { CLB_TANH, 0 },
              { CLB_SIGMOID, 0 },    { CLB_SOFTPLUS, 0 },   { CLB_GELU, 0 } };
#define KINDS (sizeof kinds / sizeof kinds[0])
static const double losses[] = { 0, 0.3, 1 };

static clb_real *reals(size_t count)
{
    clb_real *x = (clb_real *)calloc(count ? count : 1, sizeof *x);
    if (!x) exit(5);
    return x;
}

static void problem_open(test_problem *s, const shape *sh, size_t kind, double ce, int bias)
{
    clb_net_opts opts = CLB_ZERO;
    size_t i;
    opts.activation = kinds[kind].kind;
    opts.param = kinds[kind].a;
    opts.bias = bias;
    clb_rng_seed(&s->rng, 7 + kind);
    CHECK(clb_net_init(&s->net, sh->widths, sh->count, &opts, &s->rng) == CLB_OK);
    for (i = 0; i < s->net.P; ++i)                          /* larger weights: stronger curvature */
        s->net.theta[i] *= kinds[kind].kind == CLB_RELU_POWER ? (clb_real)1 : (clb_real)2;
    CHECK(clb_data_mixture(&s->data, &s->rng, 13, sh->widths[0], sh->widths[sh->count - 1], 0.5)
          == CLB_OK);
    problem_ready(s, ce);
}

typedef void (*check_fn)(test_problem *s);

/* Every shape, activation, loss, with and without bias. */
static void for_each_problem(check_fn check)
{
    test_problem s;
    size_t i, k, c;
    int bias;
    for (i = 0; i < SHAPES; ++i)
        for (k = 0; k < KINDS; ++k)
            for (c = 0; c < 3; ++c)
                for (bias = -1; bias <= 0; ++bias) {
                    /* degree 2^7 */
                    if (i == SHAPES - 1 && kinds[k].kind == CLB_RELU_POWER) continue;
                    NOTE("shape %d activation %d loss %g bias %d", (int)i, (int)k, losses[c], bias);
                    problem_open(&s, &shapes[i], k, losses[c], bias);
                    check(&s);
                    problem_close(&s);
                }
}

static double norm(size_t n, const clb_real *x) { return sqrt(clb_sumsq(n, x)); }

/* |x - y| <= tol (|x| + floor) */
static void same_vectors(size_t n, const clb_real *x, const clb_real *y, double tol, double base)
{
    double diff = 0;
    size_t i;
    for (i = 0; i < n; ++i) diff += ((double)x[i] - (double)y[i]) * ((double)x[i] - (double)y[i]);
    if (!(sqrt(diff) <= tol * (norm(n, x) + base)))
        FAIL("vectors differ by %.3g, norm %.3g", sqrt(diff), norm(n, x));
    ++test_checks;
}

/* ---- the tests ------------------------------------------------------------------------------ */

#ifndef CLB_SINGLE
/* H v = [grad(theta + h v) - grad(theta - h v)] / (2h), extrapolated from h and h/2 to order
 * h^4. */
static void check_differences(test_problem *s)
{
    size_t P = s->net.P, i;
    double h = 2e-4;
    int half;
    clb_real *v = reals(P), *y = reals(P), *fd = reals(P), *at = reals(P), *gp = reals(P),
             *gm = reals(P);
    clb_rng_normal(&s->rng, P, v);
    clb_scale(P, 1 / norm(P, v), v);
    clb_hvp(&s->curv, v, y);
    if (s->curv.s2 && !s->curv.s2[1]) h = 2e-6;                 /* stay on one side of every kink */
    for (half = 0; half < 2; ++half, h /= 2) {
        for (i = 0; i < P; ++i) at[i] = s->net.theta[i] + h * v[i];
        clb_grad(&s->pass, at, gp);
        for (i = 0; i < P; ++i) at[i] = s->net.theta[i] - h * v[i];
        clb_grad(&s->pass, at, gm);
        for (i = 0; i < P; ++i) {
            double central = (gp[i] - gm[i]) / (2 * h);
            fd[i] = half ? (4 * central - fd[i]) / 3 : central;
        }
    }
    same_vectors(P, y, fd, 1e-8, 0.1 * norm(P, s->curv.grad));
    free(v), free(y), free(fd), free(at), free(gp), free(gm);
}
static void t_hvp_differences(void) { for_each_problem(check_differences); }
#endif

static void check_symmetry(test_problem *s)
{
    size_t P = s->net.P;
    clb_real *u = reals(P), *v = reals(P), *hu = reals(P), *hv = reals(P);
    double scale;
    clb_rng_normal(&s->rng, P, u);
    clb_rng_normal(&s->rng, P, v);
    clb_hvp(&s->curv, u, hu);
    clb_hvp(&s->curv, v, hv);
    scale = norm(P, hu) * norm(P, v) + norm(P, hv) * norm(P, u);
    NEAR(clb_dot(P, u, hv) / scale, clb_dot(P, v, hu) / scale, TOL(1e-13, 1e-6));
    clb_gnvp(&s->curv, u, hu);
    clb_gnvp(&s->curv, v, hv);
    scale = norm(P, hu) * norm(P, v) + norm(P, hv) * norm(P, u);
    NEAR(clb_dot(P, u, hv) / scale, clb_dot(P, v, hu) / scale, TOL(1e-13, 1e-6));
    CHECK(clb_dot(P, u, hu) >= -TOL(1e-14, 1e-6) * scale);        /* Gauss-Newton: semidefinite */
    free(u), free(v), free(hu), free(hv);
}
static void t_products_symmetric(void) { for_each_problem(check_symmetry); }

static void check_assembled(test_problem *s)
{
    size_t P = s->net.P, ld = P + 3, i, j, sweep;
    clb_real *H = reals(P * ld), *v = reals(P), *y = reals(P), *z = reals(P);
    double typical = 0;                                           /* length of a column of H */
    for (sweep = 0; sweep < 2; ++sweep) {                         /* Hessian, Gauss-Newton */
        CHECK((sweep ? clb_gauss_newton(&s->curv, H, ld) : clb_hessian(&s->curv, H, ld)) == CLB_OK);
        for (i = 0; i < P; ++i)
            for (j = 0; j < i; ++j) SAME_BITS(H[i * ld + j], H[j * ld + i]);
        for (i = 0; i < P; i += 1 + P / 29) {                /* some columns, and a random vector */
            for (j = 0; j < P; ++j) v[j] = (clb_real)(j == i);
            if (i == 0) clb_rng_normal(&s->rng, P, v);
            if (sweep) clb_gnvp(&s->curv, v, y);
            else clb_hvp(&s->curv, v, y);
            for (j = 0; j < P; ++j) z[j] = (clb_real)clb_dot(P, H + j * ld, v);
            if (i == 0) typical = norm(P, y) / sqrt((double)P);
            same_vectors(P, y, z, TOL(1e-12, 1e-5), typical);
        }
    }
    free(H), free(v), free(y), free(z);
}
static void t_assembled_equals_products(void) { for_each_problem(check_assembled); }

/* J [nK][P] column by column through the forward product. */
static clb_real *jacobian(test_problem *s)
{
    size_t P = s->net.P, rows = s->pass.n * s->data.K, i, j;
    clb_real *J = reals(rows * P), *e = reals(P);
    for (j = 0; j < P; ++j) {
        const clb_real *f;
        e[j] = 1;
        f = clb_jvp(&s->curv, e);
        for (i = 0; i < rows; ++i) J[i * P + j] = f[i];
        e[j] = 0;
    }
    free(e);
    return J;
}

#ifndef CLB_SINGLE
/* J against central differences of the outputs; S written out entry by entry; G = J^T S J. */
static void check_gauss_newton(test_problem *s)
{
    size_t P = s->net.P, n = s->pass.n, K = s->data.K, i, j, k, l;
    clb_real *J = jacobian(s), *v = reals(P), *y = reals(P), *z = reals(P), *at = reals(P),
             *fp = reals(n * K);
    double h = s->net.L > 1 && !s->curv.s2[1] ? 1e-7 : 1e-5;
    clb_rng_normal(&s->rng, P, v);
    clb_gnvp(&s->curv, v, y);
    for (i = 0; i < n; ++i)
        for (k = 0; k < K; ++k)
            for (l = 0; l < K; ++l) {
                double p = s->pass.p[i * K + k], q = s->pass.p[i * K + l], S = 0;
                if (k == l) S += (1 - s->pass.ce) * 2 / (double)(n * K);
                if (s->pass.ce > 0) S += s->pass.ce / (double)n * ((k == l ? p : 0) - p * q);
                clb_axpy(P, S * clb_dot(P, J + (i * K + l) * P, v), J + (i * K + k) * P, z);
            }
    same_vectors(P, y, z, 1e-12, 1e-6);
    for (j = 0; j < P; ++j) at[j] = s->net.theta[j] + h * v[j];
    clb_loss(&s->pass, at);
    memcpy(fp, s->pass.z[s->net.L], n * K * sizeof *fp);
    for (j = 0; j < P; ++j) at[j] = s->net.theta[j] - h * v[j];
    clb_loss(&s->pass, at);
    for (i = 0; i < n * K; ++i) {
        double fd = (fp[i] - s->pass.z[s->net.L][i]) / (2 * h);
        NEAR(clb_dot(P, J + i * P, v), fd, 1e-6);
    }
    free(J), free(v), free(y), free(z), free(at), free(fp);
}
static void t_gauss_newton_is_jsj(void) { for_each_problem(check_gauss_newton); }
#endif

static void check_kernels(test_problem *s)
{
    size_t P = s->net.P, n = s->pass.n, K = s->data.K, N = n * K, i, j, l, c;
    clb_real *J = jacobian(s), *T = reals(N * N), *small = reals(n * n), *v = reals(P),
             *y = reals(P), *q = reals(N);
    for (l = 0; l <= s->net.L; ++l) {
        size_t from = l ? s->net.w[l] : 0, to = l && l < s->net.L ? s->net.w[l + 1] : P;
        double got, trace = 0;
        CHECK(clb_ntk(&s->curv, l, T) == CLB_OK);
        CHECK(clb_ntk_sum(&s->curv, l, small) == CLB_OK);
        for (i = 0; i < N; ++i) {
            trace += (double)T[i * N + i];
            for (j = 0; j <= i; ++j) {
                double dot = clb_dot(to - from, J + i * P + from, J + j * P + from);
                NEAR(T[i * N + j], dot, TOL(1e-12, 1e-4));
                SAME_BITS(T[i * N + j], T[j * N + i]);
            }
        }
        EQUAL(clb_ntk_trace(&s->curv, l, &got), CLB_OK);
        NEAR(got, trace, TOL(1e-12, 1e-4));
        for (i = 0; i < n; ++i)
            for (j = 0; j < n; ++j) {
                double sum = 0;
                for (c = 0; c < K * K; ++c) sum += (double)T[(i * K + c / K) * N + j * K + c % K];
                NEAR(small[i * n + j], sum, TOL(1e-11, 1e-3));
            }
    }
    clb_rng_normal(&s->rng, N, q);                                /* J^T q and J^T J v / n */
    clb_vjp(&s->curv, q, y);
    for (j = 0; j < P; ++j) {
        double sum = 0;
        for (i = 0; i < N; ++i) sum += (double)J[i * P + j] * (double)q[i];
        NEAR(y[j], sum, TOL(1e-11, 1e-4));
    }
    free(J), free(T), free(small), free(v), free(y), free(q);
}
static void t_kernels_are_jjt(void) { for_each_problem(check_kernels); }

static void check_blocks(test_problem *s)
{
    size_t P = s->net.P, l, j;
    clb_real *H = reals(P * P), *v = reals(P), *y = reals(P), *z = reals(P);
    clb_block block;
    clb_linop op;
    CHECK(clb_hessian(&s->curv, H, P) == CLB_OK);
    for (l = 1; l <= s->net.L; ++l) {
        CHECK(clb_block_init(&block, &s->curv, l, 0) == CLB_OK);
        op = clb_block_op(&block);
        clb_rng_normal(&s->rng, op.n, v);
        op.apply(op.context, v, y);
        for (j = 0; j < op.n; ++j)
            z[j] = (clb_real)clb_dot(op.n, H + (block.at + j) * P + block.at, v);
        same_vectors(op.n, y, z, TOL(1e-12, 1e-5), TOL(1e-3, 1e-1));
        clb_block_free(&block);
    }
    CHECK(clb_block_init(&block, &s->curv, 0, 0) == CLB_ELAYER);
    free(H), free(v), free(y), free(z);
}
static void t_blocks(void) { for_each_problem(check_blocks); }

/* A batch of rows: its curvature is that of the data set of these rows. */
static void t_batch(void)
{
    test_problem s;
    static const uint32_t rows[] = { 3, 0, 11, 7, 8 };
    clb_real *v, *y, *sum;
    size_t i, P;
    problem_open(&s, &shapes[1], 5, 1, -1);
    P = s.net.P, v = reals(P), y = reals(P), sum = reals(P);
    clb_rng_normal(&s.rng, P, v);
    for (i = 0; i < 5; ++i) {
        CHECK(clb_pass_batch(&s.pass, rows + i, 1) == CLB_OK);
        clb_curv_at(&s.curv, NULL);
        clb_hvp(&s.curv, v, y);
        clb_axpy(P, (clb_real)0.2, y, sum);
    }
    CHECK(clb_pass_batch(&s.pass, rows, 5) == CLB_OK);
    clb_curv_at(&s.curv, NULL);
    clb_hvp(&s.curv, v, y);
    same_vectors(P, y, sum, TOL(1e-13, 1e-5), 0);
    free(v), free(y), free(sum);
    problem_close(&s);
}

/* Residual part of a two-layer net without biases: +-b are its extreme eigenvalues. Power
 * iteration on
 * (H - G)^2 gives the largest modulus. */
static void t_residual_bound(void)
{
    double bound;
    test_problem s;
    size_t k, P, it, i;
    for (k = 0; k < 4; ++k) {
        clb_real *v, *y, *g;
        double rate = 0;
        NOTE("activation %d", (int)k);
        problem_open(&s, &shapes[1], k, 1, 0);
        P = s.net.P, v = reals(P), y = reals(P), g = reals(P);
        clb_rng_normal(&s.rng, P, v);
        for (it = 0; it < 4000; ++it) {
            clb_scale(P, (clb_real)(1 / norm(P, v)), v);
            clb_hvp(&s.curv, v, y);
            clb_gnvp(&s.curv, v, g);
            for (i = 0; i < P; ++i) v[i] = y[i] - g[i];
            rate = norm(P, v);
        }
        EQUAL(clb_residual_bound(&s.curv, &bound), CLB_OK);
        NEAR(bound, rate, TOL(1e-10, 1e-4));
        free(v), free(y), free(g);
        problem_close(&s);
    }
    problem_open(&s, &shapes[4], 0, 1, 0);                        /* three layers: not defined */
    CHECK(clb_residual_bound(&s.curv, &bound) == CLB_OK && isnan(bound));
    problem_close(&s);
}

/* No product allocates; what allocates reports a failing allocator and leaks nothing (sanitizers
 * see). */
static void t_memory(void)
{
    double trace;
    test_problem s;
    clb_real *H, *v;
    clb_curv again;
    size_t before, P, at;
    problem_open(&s, &shapes[4], 5, 0.3, -1);
    P = s.net.P, H = reals(P * P), v = reals(P);
    before = alloc_calls;
    clb_curv_at(&s.curv, NULL);
    clb_hvp(&s.curv, v, H);
    clb_gnvp(&s.curv, v, H);
    EQUAL(alloc_calls - before, 0);
    for (at = 1; at <= 2; ++at) {
        alloc_reset(at);
        CHECK(clb_gauss_newton(&s.curv, H, P) == CLB_ENOMEM);
    }
    alloc_reset(1);
    CHECK(clb_hessian(&s.curv, H, P) == CLB_ENOMEM);
    alloc_reset(1);
    CHECK(clb_ntk(&s.curv, 0, H) == CLB_ENOMEM);
    alloc_reset(1);
    CHECK(clb_ntk_trace(&s.curv, 0, &trace) == CLB_ENOMEM && isnan(trace));
    alloc_reset(1);
    CHECK(clb_curv_init(&again, &s.pass) == CLB_ENOMEM);
    clb_curv_free(&again);
    alloc_reset(0);
    free(H), free(v);
    problem_close(&s);
    problem_open(&s, &shapes[1], 0, 1, 0);
    P = s.net.P, H = reals(P * P);
    alloc_reset(1);
    CHECK(clb_hessian(&s.curv, H, P) == CLB_ENOMEM);
    alloc_reset(0);
    CHECK(clb_hessian(&s.curv, H, P) == CLB_OK);
    EQUAL(alloc_calls, 1);
    free(H);
    problem_close(&s);
}

/* What the query functions promise; the matrix of a width-64 net with its workspace in 3 P^2
 * reals. */
static void t_workspace(void)
{
    static const shape wide = { 3, { 20, 64, 5 } };
    const shape *all[3] = { &wide, &shapes[4], &shapes[2] };
    size_t i, P, live;
    for (i = 0; i < 3; ++i) {
        test_problem s;
        clb_real *H;
        problem_open(&s, all[i], 0, 1, 0);
        P = s.net.P, H = reals(P * P);
        alloc_reset(0), live = alloc_bytes;
        CHECK(clb_hessian(&s.curv, H, P) == CLB_OK);
        EQUAL(alloc_peak - live, clb_hessian_bytes(&s.curv));
        if (i == 0) CHECK(alloc_peak - live + P * P * sizeof *H <= 3 * P * P * sizeof *H);
        alloc_reset(0);
        CHECK(clb_gauss_newton(&s.curv, H, P) == CLB_OK);
        EQUAL(alloc_peak - live, clb_gauss_newton_bytes(&s.curv));
        free(H);
        problem_close(&s);
    }
}

static const test_case tests[] = {
#ifndef CLB_SINGLE
    TEST(t_hvp_differences),
    TEST(t_gauss_newton_is_jsj),
#endif
    TEST(t_products_symmetric),
    TEST(t_assembled_equals_products),
    TEST(t_kernels_are_jjt),
    TEST(t_blocks),
    TEST(t_batch),
    TEST(t_residual_bound),
    TEST(t_memory),
    TEST(t_workspace)
};
TEST_MAIN(tests)
