/* bits - one line per part of the library: its name and a hash of the bits of what it computed.
 * Two builds keep the
 * numerical contract if and only if they print the same lines, whatever compiler, optimisation,
 * instruction set,
 * processor or byte order (tests/build.sh compares them). Compiles as C99 and as C++17.
 *   cc -std=c99 -O2 -o bits tests/bits.c -lm && ./bits */
#define CLB_IMPLEMENTATION
#include "../clb.h"
#include "../examples/kit/paper.h"
#include "../examples/kit/published.h"
#ifndef CLB_FREESTANDING
#include <math.h>
#endif
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#if defined(__clang__)           /* as in clb.h: no fused multiply-add but where it is written */
#pragma STDC FP_CONTRACT OFF
#elif defined(__GNUC__)
#pragma GCC optimize("fp-contract=off")
#endif

static uint64_t hash;

/* FNV-1a over the value's bits, least significant first, so that byte order does not show. NaN is
 * one value. */
static void add(double value)
{
    uint64_t bits;
    int i;
    memcpy(&bits, &value, sizeof bits);
    if (value != value) bits = 0x7ff8000000000000u;
    for (i = 0; i < 64; i += 8) hash = (hash ^ (bits >> i & 255)) * 0x100000001b3u;
}

static void add_reals(size_t n, const clb_real *x)
{
    size_t i;
    for (i = 0; i < n; ++i) add((double)x[i]);
}

static void add_doubles(size_t n, const double *x)
{
    size_t i;
    for (i = 0; i < n; ++i) add(x[i]);
}

static void part(const char *name)
{
    printf("%-12s %016llx\n", name, (unsigned long long)hash);
    hash = 0xcbf29ce484222325u;
}

/* Not reached in a working library. */
static void need(clb_status status, const char *what)
{
    if (!status) return;
    printf("%s: %s\n", what, clb_strerror(status));
    exit(1);
}

static void bits_elementary(void)
{
    clb_rng rng;
    int i;
    clb_rng_seed(&rng, 1);
    for (i = 0; i < 2000; ++i) {
        double u = clb_rng_double(&rng), x = ldexp(u - 0.5, (int)clb_rng_below(&rng, 80) - 40);
        add(clb_exp(x)), add(clb_expm1(x)), add(clb_sin(x)), add(clb_cos(x)), add(clb_tanh(x)),
            add(clb_erf(x));
        add(clb_log(fabs(x))), add(clb_log1p(fabs(x))), add(clb_pow(fabs(x), u * 20 - 10));
        for (int a = 0; a < (int)CLB_ACTIVATION_COUNT; ++a)
            for (int order = 0; order <= 3; ++order)
                add(clb_activate((clb_activation)a, 0.7, x, order));
    }
    part("elementary");
}

static void bits_random(void)
{
    clb_real x[1000];
    uint32_t p[300];
    int mode;
    for (mode = 0; mode < 2; ++mode) {
        clb_rng rng;
        clb_data data;
        size_t i;
        clb_rng_seed(&rng, 42);
        rng.normal_mode = (clb_normal_mode)mode;
        clb_rng_uniform(&rng, 1000, -0.3, 0.7, x), add_reals(1000, x);
        clb_rng_normal(&rng, 999, x), add_reals(999, x);
        clb_rng_normal(&rng, 15, x), add_reals(15, x);
        clb_rng_permutation(&rng, 300, p);
        for (i = 0; i < 300; ++i) add((double)p[i]);
        need(clb_data_mixture(&data, &rng, 60, 7, 3, 2.0), "mixture");
        add_reals(data.n * data.d, data.X), clb_data_free(&data);
        need(clb_data_spheres(&data, &rng, 60, 7, 1.0, 2.0), "spheres");
        add_reals(data.n * data.d, data.X), clb_data_free(&data);
    }
    part("random");
}

static void bits_kernels(void)
{
    enum { N = 61 };
    static clb_real A[N * N], B[N * N], C[N * N];
    clb_rng rng;
    size_t n;
    clb_rng_seed(&rng, 2);
    clb_rng_normal(&rng, N * N, A);
    clb_rng_normal(&rng, N * N, B);
    for (n = 0; n <= N; n += n < 20 ? 1 : 7) {
        clb_matmul_nn(n, N - n, n, A, N, B, N, C, N);
        clb_matmul_nt(N - n, n, n, A, N, B, N, C, N);
        clb_matmul_tn_acc(n, n, N - n, A, N, B, N, C, N);
        add_reals(N * N, C);
        add(clb_dot(n * n, A, B)), add(clb_sumsq(n * n, A));
    }
    part("kernels");
}

static void add_trace(const clb_trace *tr)
{
    add_doubles(tr->T, tr->loss);
    add_doubles(tr->T * tr->L, tr->g);
    add_doubles((tr->T + 1) * tr->L, tr->q);
    add_doubles(tr->L - 1, tr->S);
    add_doubles(tr->L - 1, tr->predicted);
}

static void bits_training(void)
{
    int k;
    for (k = 0; k < 3 * (int)CLB_OPTIMIZER_COUNT; ++k) {
        paper_opts opts = CLB_ZERO;
        clb_train_opts train = CLB_ZERO;
        paper_problem problem;
        clb_trace trace;
        opts.n = 40, opts.m = 13, opts.L = (size_t)(2 + k % 3), opts.net.bias = k % 2 ? -1 : 0;
        opts.net.activation = (clb_activation)(k % (int)CLB_ACTIVATION_COUNT);
        opts.net.param = 1.25;
        train.ce = 0.5 * (k % 3), train.optimizer = (clb_optimizer)(k / 3);
        train.l2 = k % 4 ? 0 : 1e-3, train.batch = k % 5 == 4 ? 16 : 0;
        need(paper_problem_draw(&problem, &opts, (uint64_t)k, CLB_NORMAL_PUBLISHED), "problem");
        train.batch_rng = &problem.rng;
        need(clb_train(&problem.net, &problem.data, 0.01, 30, &train, &trace), "train");
        add_trace(&trace);
        add_reals(problem.net.P, problem.net.theta);
        clb_trace_free(&trace), paper_problem_free(&problem);
    }
    for (k = 1; k <= 4; ++k) {                              /* linear nets: sufficient statistics */
        paper_opts opts = CLB_ZERO;
        paper_problem problem;
        clb_trace trace;
        opts.n = 91, opts.d = 19, opts.m = 13, opts.L = (size_t)k,
        opts.net.activation = CLB_IDENTITY;
        need(paper_problem_draw(&problem, &opts, (uint64_t)k, CLB_NORMAL_PUBLISHED), "problem");
        need(clb_train(&problem.net, &problem.data, 0.01, 30, NULL, &trace), "train");
        add_trace(&trace);
        add_reals(problem.net.P, problem.net.theta);
        clb_trace_free(&trace), paper_problem_free(&problem);
    }
    part("training");
}

static void bits_flow(void)
{
    int method;
    for (method = 0; method < (int)CLB_FLOW_METHOD_COUNT; ++method) {
        paper_opts opts = CLB_ZERO;
        clb_flow_opts flow = CLB_ZERO;
        clb_flow_stats stats;
        paper_problem problem;
        opts.n = 20, opts.m = 7;
        flow.method = (clb_flow_method)method, flow.dt = 0.1, flow.rtol = 1e-6, flow.ce = 1;
        flow.rescale = method != (int)CLB_FLOW_MIDPOINT;
        need(paper_problem_draw(&problem, &opts, 3, CLB_NORMAL_EXACT), "problem");
        need(clb_flow(&problem.net, &problem.data, 0.5, &flow, &stats), "flow");
        add_reals(problem.net.P, problem.net.theta);
        add((double)stats.evaluations), add(stats.loss);
        paper_problem_free(&problem);
    }
    part("flow");
}

static void bits_curvature(void)
{
    static clb_real H[160 * 160], V[160 * 160];
    static double values[160], again[160];
    size_t L;
    for (L = 2; L <= 3; ++L) {
        paper_opts opts = CLB_ZERO;
        clb_lanczos_opts lanczos = CLB_ZERO;
        paper_problem problem;
        clb_pass pass;
        clb_curv curv;
        clb_eigs eigs;
        clb_quadrature q;
        clb_linop op;
        size_t P;
        opts.n = 12, opts.d = 6, opts.K = 3, opts.m = 7, opts.L = L;
        need(paper_problem_draw(&problem, &opts, 4, CLB_NORMAL_EXACT), "problem");
        need(clb_pass_init(&pass, &problem.net, &problem.data, CLB_CE), "pass");
        need(clb_curv_init(&curv, &pass), "curv");
        P = problem.net.P;
        add(clb_curv_at(&curv, NULL));
        need(clb_gauss_newton(&curv, H, P), "gauss_newton"), add_reals(P * P, H);
        need(clb_hessian(&curv, H, P), "hessian"), add_reals(P * P, H);
        need(clb_jacobi(P, H, P, again, NULL), "jacobi"), add_doubles(P, again);
        need(clb_eigh(P, H, P, values, V), "eigh"), add_doubles(P, values), add_reals(P * P, V);
        need(clb_ntk(&curv, 0, H), "ntk"), add_reals(36 * 36, H);
        op = clb_hessian_op(&curv);
        lanczos.which = CLB_BOTH_ENDS;
        need(clb_lanczos(&op, 3, &lanczos, &eigs), "lanczos");
        add_doubles(eigs.count, eigs.value), add_reals(eigs.count * eigs.n, eigs.vector);
        need(clb_slq(&op, &problem.rng, NULL, &q), "slq");
        add_doubles(q.count, q.node), add_doubles(q.count, q.weight);
        need(published_power(&op, 10, &problem.rng, values), "power"), add(values[0]);
        clb_quadrature_free(&q), clb_eigs_free(&eigs);
        clb_curv_free(&curv), clb_pass_free(&pass), paper_problem_free(&problem);
    }
    part("curvature");
}

static void bits_statistics(void)
{
    double x[40], y[40];
    clb_interval interval;
    clb_fit fit;
    clb_rng rng;
    int i;
    clb_rng_seed(&rng, 6);
    for (i = 0; i < 40; ++i) {
        x[i] = i + 1;
        y[i] = clb_pow(x[i], 1.16) * (1.0 + 0.1 * clb_rng_double(&rng));
    }
    fit = clb_fit_power(40, x, y, 0.0);
    add(fit.slope), add(fit.slope_se), add(fit.r2);
    add(clb_pearson(40, x, y)), add(clb_spearman(40, x, y)), add(clb_hurst(40, y));
    need(clb_bootstrap_mean(40, y, NULL, &interval), "bootstrap");
    add(interval.lo), add(interval.hi), add(interval.se);
    add(clb_fit_decay(40, x, y).tau);
    part("statistics");
}

static void bits_pathways(void)
{
    static const size_t depth[3] = { 3, 4, 3 };
    static const double alpha[3] = { 0.2, 0.15, 0.1 };
    clb_path_mode mode;
    clb_path_mode_run run;
    clb_path_return worst;
    size_t L;
    need(clb_path_mode_init(&mode, 3, depth, 1.0, alpha), "mode");
    need(clb_path_mode_train(&mode, 0.05, 500, NULL, &run), "mode_train");
    add_doubles(3, mode.u), add(run.sum), add(run.eta_lambda_max);
    clb_path_mode_free(&mode);
    for (L = 3; L < 40; L += 6) {
        need(clb_path_worst_return(L, &worst), "worst_return");
        add(worst.gamma), add(worst.M), add(clb_path_ceiling(3, L));
    }
    part("pathways");
}

static void bits_laws(void)
{
    paper_opts opts = CLB_ZERO;
    paper_problem problem;
    clb_pass pass;
    clb_real grad[200];
    double charges[64];
    size_t l;
    opts.n = 20, opts.d = 5, opts.K = 3, opts.m = 6, opts.L = 3, opts.net.bias = -1;
    need(paper_problem_draw(&problem, &opts, 7, CLB_NORMAL_EXACT), "problem");
    need(clb_pass_init(&pass, &problem.net, &problem.data, CLB_CE), "pass");
    add(clb_grad(&pass, NULL, grad));
    for (l = 1; l < 3; ++l) {
        add(clb_charge(&problem.net, problem.net.theta, l));
        add(clb_charge_bias(&problem.net, problem.net.theta, l));
        add(clb_drift_step(&problem.net, grad, l, 0.01));
        clb_neuron_charges(&problem.net, problem.net.theta, l, charges), add_doubles(6, charges);
    }
    clb_matrix_charge(&problem.net, problem.net.theta, 1, charges), add_doubles(36, charges);
    clb_pass_free(&pass), paper_problem_free(&problem);
    part("laws");
}

static void bits_theory(void)
{
    static double lambda[256], c[256];
    paper_opts opts = CLB_ZERO;
    clb_spectrum sp;
    clb_quadratic sum;
    clb_linear_modes modes;
    paper_problem problem;
    clb_pass pass;
    clb_curv curv;
    double S;
    opts.n = 10, opts.d = 4, opts.K = 3, opts.m = 5, opts.net.activation = CLB_IDENTITY;
    need(paper_problem_draw(&problem, &opts, 8, CLB_NORMAL_EXACT), "problem");
    need(clb_pass_init(&pass, &problem.net, &problem.data, CLB_MSE), "pass");
    need(clb_curv_init(&curv, &pass), "curv");
    clb_curv_at(&curv, NULL);
    need(clb_crossover_modes(&curv, lambda, c), "modes");
    add_doubles(problem.net.P, lambda), add_doubles(problem.net.P, c);
    add(clb_crossover(problem.net.P, lambda, c, 0.05, 100, NULL));
    add(clb_crossover_slope(problem.net.P, lambda, c, 0.05, 100));
    add(clb_geo(0.97, 100)), add(clb_geo(1.0000001, 1000)), add(clb_geo(-0.5, 7));
    need(clb_spectrum_init_ntk(&sp, &curv, 1), "spectrum");
    sum = clb_spectrum_sum(&sp, 0.05, 100, CLB_MODES_CLAMPED);
    add(sum.S), add(sum.diagonal), add(sum.coupling), add(sp.delta0);
    clb_spectrum_free(&sp);
    need(clb_linearised(&curv, 0.05, 20, NULL, &S), "linearised"), add(S);
    need(clb_linear_modes_init(&modes, &problem.net, &problem.data), "linear modes");
    add_doubles(4, modes.lx), add_doubles(4, modes.d_k), add_doubles(4, modes.rate);
    clb_linear_modes_free(&modes);
    clb_curv_free(&curv), clb_pass_free(&pass), paper_problem_free(&problem);
    part("theory");
}

int main(void)
{
    hash = 0xcbf29ce484222325u;
    printf("%-12s %d\n", "version", CLB_RESULTS_VERSION);
    bits_elementary();
    bits_random();
    bits_kernels();
    bits_training();
    bits_flow();
    bits_curvature();
    bits_statistics();
    bits_pathways();
    bits_laws();
    bits_theory();
    return 0;
}
