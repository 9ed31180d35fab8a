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
    dense.n = dense.lda = 2001, dense.A = NULL;
    op = clb_dense_op(&dense);
    clb_lanczos_opts_resolve(&o, &op, 3);
    EQUAL(o.block, 2);
    EQUAL(o.basis, 60);
    EQUAL(o.max_products, 20010);
    NEAR(o.tol, TOL(1e-10, 1e-5), 0);
    memset(&o, 0, sizeof o);
    op.n = dense.n = 2000;
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

/* ---- saturated softmax ----------------------------------------------------------------------- */

/* A net without hidden layer on the one input 1: its parameters are the logits. */
static void logits_open(test_problem *s, size_t K, const double *logit, int label)
{
    static clb_real one = 1;
    static int y;
    size_t widths[2] = { 1, 0 };
    memset(s, 0, sizeof *s);
    widths[1] = K;
    y = label;
    s->data.n = s->data.d = 1, s->data.K = K, s->data.X = &one, s->data.y = &y;
    CHECK(clb_net_alloc(&s->net, widths, 2, NULL) == CLB_OK);
    for (size_t k = 0; k < K; ++k) s->net.theta[k] = (clb_real)logit[k];
    problem_ready(s, CLB_CE);
}

static void logits_close(test_problem *s)
{
    clb_curv_free(&s->curv);
    clb_pass_free(&s->pass);
    clb_net_free(&s->net);
}

/* Two classes with logit gap g, one sample: loss log(1 + e^-g), lambda = 2 p q, q = 1/(1 + e^g),
 * whatever both logits have in common. */
static void t_logit_gap(void)
{
    const double tol = TOL(4e-15, 2e-6);
    for (double gap = 1; gap < TOL(700, 80); gap += gap < 40 ? 1 : 37)
        for (int far = 0; far < 2; ++far) {
            double logit[2], top, low, v[2];
            const double q = 1 / (1 + exp(gap)), exact = 2 * q / (1 + exp(-gap));
            clb_real H[4], G[4], x[2] = { 1, 0 }, y[2];
            clb_eigs eigs;
            clb_linop op;
            test_problem s;
            logit[1] = far ? 1024 : 0;
            logit[0] = logit[1] + gap;
            logits_open(&s, 2, logit, 0);
            NOTE("gap %g, far %d", gap, far);
            NEAR_REL(s.pass.loss, log1p(exp(-gap)), tol);
            EQUAL(clb_sharpness(&s.curv, NULL, &top, &low), CLB_OK);
            NEAR_REL(top, exact, tol);
            NEAR(low / exact, 0, tol);
            op = clb_hessian_op(&s.curv);
            EQUAL(clb_lanczos(&op, 1, NULL, &eigs), CLB_OK);
            CHECK(fabs(eigs.value[0] - exact) <= eigs.bound[0] + tol * exact);
            CHECK(eigs.bound[0] <= 100 * eps * exact);
            clb_eigs_free(&eigs);
            clb_hvp(&s.curv, x, y);
            NEAR_REL(y[0], exact / 2, tol);
            NEAR_REL(y[1], -exact / 2, tol);
            NEAR_REL(s.curv.grad[0], -q, tol);
            NEAR_REL(s.curv.grad[1], q, tol);
            EQUAL(clb_hessian(&s.curv, H, 2), CLB_OK);
            EQUAL(clb_gauss_newton(&s.curv, G, 2), CLB_OK);
            EQUAL(clb_jacobi(2, H, 2, v, NULL), CLB_OK);
            NEAR_REL(v[1], exact, tol);
            for (int i = 0; i < 4; ++i) NEAR_REL(G[i], H[i], tol);
            NEAR_REL(clb_softmax_curvature(2, s.pass.p), exact, tol);
            logits_close(&s);
        }
}

/* p, p, q with q the tail: diag - p p^T has the eigenvalue 3q on (2, -1, -1) as q -> 0. */
static void t_three_logits(void)
{
    const double far = TOL(1e300, 1e30), logit[3] = { TOL(400, 60), 0, 0 };
    const double huge[3] = { far, far, far };
    const double tail = exp(-logit[0]);
    const clb_real p[] = { 1, (clb_real)tail, (clb_real)tail };
    double top;
    test_problem s;
    NEAR_REL(clb_softmax_curvature(3, p), 3 * tail, TOL(1e-15, 1e-6));
    logits_open(&s, 3, logit, 0);
    EQUAL(clb_sharpness(&s.curv, NULL, &top, NULL), CLB_OK);
    NEAR_REL(top, 3 * tail, TOL(1e-13, 1e-5));
    NEAR_REL(s.pass.loss, 2 * tail, TOL(1e-13, 1e-5));
    logits_close(&s);
    logits_open(&s, 3, huge, 1);
    NEAR_REL(s.pass.loss, log(3.0), TOL(1e-15, 1e-7));
    EQUAL(clb_sharpness(&s.curv, NULL, &top, NULL), CLB_OK);
    NEAR_REL(top, 1 / 3.0, TOL(1e-14, 1e-6));
    logits_close(&s);
}

/* H and G of a two-layer ReLU net in double from the definition, S and r from sums without
 * cancellation: p (1-p) and p - 1 by the sum of the other probabilities. */
enum { D = 3, M = 4, K = 3, P = M * D + K * M, SAMPLES = 12 };

static void reference(const clb_net *net, const clb_data *data, double *H, double *G)
{
    memset(H, 0, P * P * sizeof *H);
    memset(G, 0, P * P * sizeof *G);
    for (size_t i = 0; i < SAMPLES; ++i) {
        const clb_real *x = data->X + i * D, *W1 = net->theta, *W2 = W1 + M * D;
        double h[M], on[M], f[K], p[K], r[K], J[K][P] = { { 0 } }, top = -1e300, sum = 0;
        for (size_t j = 0; j < M; ++j) {
            h[j] = 0;
            for (size_t a = 0; a < D; ++a) h[j] += (double)W1[j * D + a] * (double)x[a];
            on[j] = h[j] > 0;
            h[j] *= on[j];
        }
        for (size_t k = 0; k < K; ++k) {
            f[k] = 0;
            for (size_t j = 0; j < M; ++j) f[k] += (double)W2[k * M + j] * h[j];
            top = fmax(top, f[k]);
        }
        for (size_t k = 0; k < K; ++k) sum += p[k] = exp(f[k] - top);
        for (size_t k = 0; k < K; ++k) {
            p[k] /= sum;
            for (size_t j = 0; j < M; ++j) {
                J[k][M * D + k * M + j] = h[j];
                for (size_t a = 0; a < D; ++a)
                    J[k][j * D + a] = (double)W2[k * M + j] * on[j] * (double)x[a];
            }
        }
        for (size_t k = 0; k < K; ++k) {
            double others = p[(k + 1) % K] + p[(k + 2) % K];
            r[k] = (size_t)data->y[i] == k ? -others : p[k];
            for (size_t c = 0; c < K; ++c)          /* sum_k<c p_k p_c (J_k - J_c)(J_k - J_c)^T */
                for (size_t u = 0; u < P && k < c; ++u)
                    for (size_t v = 0; v < P; ++v)
                        G[u * P + v] += p[k] * p[c] / SAMPLES * (J[k][u] - J[c][u]) *
                                        (J[k][v] - J[c][v]);
            for (size_t j = 0; j < M; ++j)
                for (size_t a = 0; a < D; ++a) {
                    double value = r[k] / SAMPLES * on[j] * (double)x[a];
                    H[(j * D + a) * P + M * D + k * M + j] += value;
                    H[(M * D + k * M + j) * P + j * D + a] += value;
                }
        }
    }
    for (size_t i = 0; i < P * P; ++i) H[i] += G[i];
}

/* A net that is sure of all its labels, more and more: weights times a factor. */
static void t_sure_net(void)
{
    const size_t widths[] = { D, M, K };
    for (double factor = 1; factor < TOL(17, 9); factor *= 2) {
        static clb_real A[P * P];
        static double H[P * P], G[P * P];
        double v[P], top, low, scale = 0;
        test_problem s;
        memset(&s, 0, sizeof s);
        clb_rng_seed(&s.rng, 4);
        CHECK(clb_net_init(&s.net, widths, 3, NULL, &s.rng) == CLB_OK);
        CHECK(clb_data_mixture(&s.data, &s.rng, SAMPLES, D, K, 3) == CLB_OK);
        for (size_t i = 0; i < s.net.P; ++i) s.net.theta[i] *= (clb_real)factor;
        problem_ready(&s, CLB_CE);
        for (size_t i = 0; i < SAMPLES; ++i) {
            const clb_real *p = s.pass.p + i * K;
            for (size_t k = 0; k < K; ++k)
                if (p[k] > p[s.data.y[i]]) s.data.y[i] = (int)k;
        }
        clb_curv_at(&s.curv, NULL);
        NOTE("factor %g, loss %g", factor, s.pass.loss);
        reference(&s.net, &s.data, H, G);
        EQUAL(clb_gauss_newton(&s.curv, A, P), CLB_OK);
        for (size_t i = 0; i < P * P; ++i) scale = fmax(scale, fabs(G[i]));
        for (size_t i = 0; i < P * P; ++i)
            CHECK(fabs((double)A[i] - G[i]) <= 100 * factor * eps * scale);
        EQUAL(clb_jacobi(P, A, P, v, NULL), CLB_OK);
        CHECK(v[0] >= -20 * eps * v[P - 1]);                   /* positive semidefinite */
        for (size_t i = 0; i < P * P; ++i) scale = fmax(scale, fabs(H[i]));
        EQUAL(clb_hessian(&s.curv, A, P), CLB_OK);
        for (size_t i = 0; i < P * P; ++i)
            CHECK(fabs((double)A[i] - H[i]) <= 100 * factor * eps * scale);
        EQUAL(clb_sharpness(&s.curv, NULL, &top, &low), CLB_OK);
        for (size_t i = 0; i < P * P; ++i) A[i] = (clb_real)(H[i] / scale);
        EQUAL(clb_jacobi(P, A, P, v, NULL), CLB_OK);
        NEAR(top / scale, v[P - 1], 300 * factor * eps);
        NEAR(low / scale, v[0], 300 * factor * eps);
        problem_close(&s);
    }
}

/* ---- activations ----------------------------------------------------------------------------- */

/* Values and derivatives at infinite and enormous arguments are their limits. */
static void t_activation_limits(void)
{
    const double far[] = { 41, 100, 1e155, 1e200, 1e308, (double)INFINITY };
    /* s/z and s' on the right and on the left; the leaks are 0.1 */
    static const struct { clb_activation which; double right[2], left[2]; } line[] = {
        { CLB_RELU, { 1, 1 }, { 0, 0 } },           { CLB_IDENTITY, { 1, 1 }, { 1, 1 } },
        { CLB_LEAKY_RELU, { 1, 1 }, { 0.1, 0.1 } }, { CLB_RELU_MIX, { 1, 1 }, { 0.9, 0.9 } },
        { CLB_SOFTPLUS, { 1, 1 }, { 0, 0 } },       { CLB_GELU, { 1, 1 }, { 0, 0 } },
        { CLB_TANH, { 0, 0 }, { 0, 0 } },           { CLB_SIGMOID, { 0, 0 }, { 0, 0 } } };
    for (size_t i = 0; i < sizeof far / sizeof far[0]; ++i)
        for (size_t k = 0; k < sizeof line / sizeof line[0]; ++k)
            for (int side = 0; side < 2; ++side) {
                const double *want = side ? line[k].left : line[k].right;
                double z = side ? -far[i] : far[i];
                NOTE("activation %d at %g", (int)line[k].which, z);
                for (int order = 0; order <= 3; ++order) {
                    double s = clb_activate(line[k].which, 0.1, z, order);
                    double limit = order == 0 ? want[0] != 0 ? want[0] * z : 0
                                              : order == 1 ? want[1] : 0;
                    if (order == 0 && line[k].which == CLB_TANH) limit = side ? -1 : 1;
                    if (order == 0 && line[k].which == CLB_SIGMOID) limit = side ? 0 : 1;
                    if (isinf(limit)) CHECK(s == limit);
                    else NEAR(s, limit, 1e-15);
                }
            }
    for (int which = 0; which < (int)CLB_ACTIVATION_COUNT; ++which)
        for (int order = 0; order <= 3; ++order)
            CHECK(isnan(clb_activate((clb_activation)which, 1.5, (double)NAN, order)) ||
                  which == CLB_RELU || which == CLB_LEAKY_RELU || which == CLB_RELU_MIX ||
                  which == CLB_IDENTITY || which == CLB_RELU_POWER);
}

/* tanh' = 1/cosh^2 keeps its digits where tanh is 1. */
static void t_tanh_slope(void)
{
    for (double z = -300; z <= 300; z += 0.37) {
        double c = cosh(z), slope = 1 / c / c;
        NOTE("z = %g", z);
        NEAR_REL(clb_activate(CLB_TANH, 0, z, 1), slope, 4e-15 + 3e-16 * fabs(z));
        NEAR_REL(clb_activate(CLB_TANH, 0, z, 2), -2 * tanh(z) * slope, 4e-15 + 3e-16 * fabs(z));
    }
}

/* Every output and every derivative of a net with one unit far out is finite. */
static void t_far_unit(void)
{
    const size_t widths[] = { 1, 1, 1 };
    for (int which = 0; which < (int)CLB_ACTIVATION_COUNT; ++which) {
        clb_real x = (clb_real)TOL(1e160, 1e20), target = 0, v[2] = { 1, 1 }, y[2];
        clb_net_opts o = CLB_ZERO;
        test_problem s;
        memset(&s, 0, sizeof s);
        o.activation = (clb_activation)which, o.param = 0.5;
        s.data.n = s.data.d = s.data.K = 1, s.data.X = &x, s.data.targets = &target;
        CHECK(clb_net_alloc(&s.net, widths, 3, &o) == CLB_OK);
        s.net.theta[0] = 1, s.net.theta[1] = 1 / x;
        problem_ready(&s, CLB_MSE);
        clb_hvp(&s.curv, v, y);
        NOTE("activation %d: Hv = %g, %g", which, (double)y[0], (double)y[1]);
        CHECK(y[0] == y[0] && y[1] == y[1] && s.curv.grad[0] == s.curv.grad[0]);
        clb_curv_free(&s.curv), clb_pass_free(&s.pass), clb_net_free(&s.net);
    }
}

/* ---- held slopes, labels --------------------------------------------------------------------- */

/* With held slopes the products are those of the net that has these slopes: the difference of its
 * gradients, for every activation. */
static void t_held_slopes(void)
{
    const size_t widths[] = { 3, 5, 4, 2 };
    for (int which = 0; which < (int)CLB_ACTIVATION_COUNT; ++which)
        for (size_t count = 3; count <= 4; ++count) {
            clb_net_opts o = CLB_ZERO;
            clb_real v[64], y[64], up[64], down[64], at[64];
            const double h = TOL(1e-5, 1e-2);
            clb_pass other;
            test_problem s;
            memset(&s, 0, sizeof s);
            clb_rng_seed(&s.rng, 8);
            o.activation = (clb_activation)which, o.param = 2, o.bias = -1;
            CHECK(clb_net_init(&s.net, widths + 4 - count, count, &o, &s.rng) == CLB_OK);
            CHECK(clb_data_mixture(&s.data, &s.rng, 7, widths[4 - count], 2, 1) == CLB_OK);
            CHECK(clb_pass_init(&other, &s.net, &s.data, 0.5) == CLB_OK);
            clb_loss(&other, NULL);
            clb_rng_normal(&s.rng, s.net.P, s.net.theta);   /* far from the held slopes */
            CHECK(clb_pass_init(&s.pass, &s.net, &s.data, 0.5) == CLB_OK);
            CHECK(clb_pass_freeze(&s.pass, &other) == CLB_OK);
            CHECK(clb_curv_init(&s.curv, &s.pass) == CLB_OK);
            clb_rng_normal(&s.rng, s.net.P, v);
            clb_curv_at(&s.curv, NULL);
            clb_hvp(&s.curv, v, y);
            for (size_t i = 0; i < s.net.P; ++i) at[i] = s.net.theta[i] + (clb_real)h * v[i];
            clb_grad(&s.pass, at, up);
            for (size_t i = 0; i < s.net.P; ++i) at[i] = s.net.theta[i] - (clb_real)h * v[i];
            clb_grad(&s.pass, at, down);
            for (size_t i = 0; i < s.net.P; ++i) {
                NOTE("activation %d, %d layers, parameter %d", which, (int)count - 1, (int)i);
                NEAR(y[i], ((double)up[i] - (double)down[i]) / (2 * h), TOL(2e-7, 2e-2));
            }
            clb_pass_free(&other);
            problem_close(&s);
        }
}

static void t_mode_labels(void)
{
    const size_t widths[] = { 2, 3, 2 };
    clb_net_opts o = CLB_ZERO;
    clb_linear_modes modes;
    clb_rng rng;
    clb_net net;
    clb_data data;
    o.activation = CLB_IDENTITY;
    clb_rng_seed(&rng, 1);
    CHECK(clb_net_init(&net, widths, 3, &o, &rng) == CLB_OK);
    CHECK(clb_data_mixture(&data, &rng, 6, 2, 2, 1) == CLB_OK);
    EQUAL(clb_linear_modes_init(&modes, &net, &data), CLB_OK);
    clb_linear_modes_free(&modes);
    data.y[5] = 2;
    EQUAL(clb_linear_modes_init(&modes, &net, &data), CLB_ELABEL);
    data.y[5] = -1;
    EQUAL(clb_linear_modes_init(&modes, &net, &data), CLB_ELABEL);
    CHECK(modes.arena == NULL);
    clb_data_free(&data);
    clb_net_free(&net);
}

static const test_case tests[] = {
    TEST(t_tiny_block), TEST(t_eigen_any_scale), TEST(t_start_any_scale), TEST(t_max_products),
    TEST(t_resolve), TEST(t_bound), TEST(t_logit_gap), TEST(t_three_logits), TEST(t_sure_net),
    TEST(t_activation_limits), TEST(t_tanh_slope), TEST(t_far_unit), TEST(t_held_slopes),
    TEST(t_mode_labels)
};
TEST_MAIN(tests)
