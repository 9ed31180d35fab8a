/* t_theory.c - spectral theory: identities against simulation, bounds, and reference values.
 *   cc -std=c99 -O2 -o t_theory tests/t_theory.c -lm && ./t_theory */
#define CLB_IMPLEMENTATION
#include "../clb.h"
#include "test.h"
#include "fixture.h"

static void *cells(size_t count, size_t size)
{
    void *x = calloc(count ? count : 1, size);
    if (!x) exit(5);
    return x;
}
#define REALS(n)   ((clb_real *)cells((n), sizeof(clb_real)))
#define DOUBLES(n) ((double *)cells((n), sizeof(double)))

/* The two-layer problem of the experiments: model drawn first, then data. */
static void problem_open(test_problem *s, uint64_t seed, clb_activation activation, double ce)
{
    static const size_t widths[] = { 20, 64, 5 };
    clb_net_opts opts = CLB_ZERO;
    opts.activation = activation;
    clb_rng_seed(&s->rng, seed);
    CHECK(clb_net_init(&s->net, widths, 3, &opts, &s->rng) == CLB_OK);
    CHECK(clb_data_mixture(&s->data, &s->rng, 200, 20, 5, 2.0) == CLB_OK);
    problem_ready(s, ce);
}

static void t_geo(void)
{
    static const double xs[] = { 0,    0.3,  0.99,   1 - 1e-9, 1,     1 + 1e-9,
                                 1.02, -0.4, -0.999, -1,       -1.01, 1e-300 };
    size_t i, T, t;
    for (i = 0; i < sizeof xs / sizeof xs[0]; ++i)
        for (T = 1; T < 400; T = T * 3 + 1) {
            double sum = 0, power = 1;
            for (t = 0; t < T; ++t, power *= xs[i]) sum += power;
            NOTE("x %g T %d", xs[i], (int)T);
            NEAR_REL(clb_geo(xs[i], T) + 1, sum + 1, 1e-12);
        }
    CHECK(clb_geo(1.5, 100000) > 1e300);
}

/* Random symmetric H of either sign on the parameters of a net; S and delta_t against iterating
 * g <- (I - eta H) g. */
static void quadratic(const clb_net *net, size_t l, clb_rng *rng, double eta, size_t T)
{
    double delta;
    size_t P = net->P, i, j, t;
    clb_real *H = REALS(P * P), *V = REALS(P * P), *g0 = REALS(P);
    double *values = DOUBLES(P), *g = DOUBLES(P), *next = DOUBLES(P), S = 0, size = 0, at37 = 0;
    clb_spectrum sp;
    clb_quadratic q;
    clb_rng_normal(rng, P * P, H);
    clb_rng_normal(rng, P, g0);
    for (i = 0; i < P; ++i)
        for (j = 0; j <= i; ++j)
            H[i * P + j] = H[j * P + i] = (clb_real)0.2 * (H[i * P + j] + H[j * P + i]);
    CHECK(clb_jacobi(P, H, P, values, V) == CLB_OK);
    CHECK(values[0] < 0 && values[P - 1] > 0);
    CHECK(clb_spectrum_init(&sp, net, l, values, V, g0) == CLB_OK);
    for (i = 0; i < P; ++i) g[i] = (double)g0[i];
    for (t = 0; t < T; ++t) {
        double d = 0;
        for (i = 0; i < P; ++i) {
            double sign = 0;
            if (i >= net->w[l + 1] && i < net->w[l + 1] + clb_layer_size(net, l + 1)) sign = 1;
            if (i >= net->w[l] && i < net->w[l + 1]) sign = -1;      /* W_l and its bias */
            d += sign * g[i] * g[i];
            next[i] = g[i];
            for (j = 0; j < P; ++j) next[i] -= eta * (double)H[i * P + j] * g[j];
        }
        if (t == 0) NEAR(sp.delta0, d, TOL(1e-12, 1e-5));
        if (t == 37) at37 = d;
        S += d, size += fabs(d);
        memcpy(g, next, P * sizeof *g);
    }
    q = clb_spectrum_sum(&sp, eta, T, CLB_MODES_ALL);
    NOTE("l %d eta %g T %d", (int)l, eta, (int)T);
    NEAR((q.S - S) / size, 0, TOL(1e-12, 1e-4));
    CHECK(clb_spectrum_delta(&sp, eta, 37, CLB_MODES_ALL, &delta) == CLB_OK);
    NEAR((delta - at37) / (1 + fabs(at37)), 0, TOL(1e-12, 1e-4));
    NEAR(q.growth, -eta * values[0] * (double)T, TOL(1e-12, 1e-5));
    clb_spectrum_free(&sp);
    free(H), free(V), free(g0), free(values), free(g), free(next);
}

static void t_double_sum_is_simulation(void)
{
    static const size_t widths[] = { 3, 5, 4, 2 };
    static const double etas[] = { 1e-6, 1e-3, 0.02, 0.1 };
    size_t i, k;
    clb_rng rng;
    clb_net net;
    clb_net_opts opts = CLB_ZERO;
    clb_rng_seed(&rng, 3);
    for (i = 0; i < 8; ++i) {
        opts.bias = i % 2 ? -1 : 0;
        CHECK(clb_net_alloc(&net, widths, i < 4 ? 3 : 4, &opts) == CLB_OK);
        for (k = 0; k < 4; ++k) quadratic(&net, i < 4 ? 1 : 2, &rng, etas[k], i % 4 < 2 ? 50 : 400);
        clb_net_free(&net);
    }
}

/* Every branch of the published rule, written out once more from the formula. */
static void t_crossover_branches(void)
{
    static const double lambda[] = {
        -3, -1e-13, 1e-13, 0, 1e-11, 1e-6, 0.1, 2, 19.9999, 20, 25, 40
    };
    static const double c[] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12 };
    clb_crossover_info info;
    double S, eta = 0.1, T = 2000, rho, den, want = 0;
    double a[3] = { 1, -2, 3 }, w[3];
    size_t k;
    S = clb_crossover(12, lambda, c, eta, 2000, &info);
    want += 5 * T;                                      /* eta lambda = 1e-12: den 2e-12, geo = T */
    for (k = 5; k <= 8; ++k) {
        rho = 1 - eta * lambda[k], den = eta * lambda[k] * (2 - eta * lambda[k]);
        want += c[k] * (1 - pow(rho, 2 * T)) / den;
    }
    want += 11 * T / 1.25;                            /* |rho| = 1.5; rho = -1: den = 0, left out */
    want += 12 * T / 8;
    NEAR_REL(S, want, 1e-9);
    EQUAL(info.negative, 1);
    EQUAL(info.zero, 3);
    EQUAL(info.stable, 5);
    EQUAL(info.unstable, 3);
    clb_crossover_weights(3, a, -7, w);
    NEAR(w[0], 0.5, 1e-15);
    NEAR(w[0] + w[1] + w[2], 7, 1e-14);
    for (k = 0; k < 3; ++k) a[k] *= 1e-7;                            /* sum <= 1e-12: not scaled */
    clb_crossover_weights(3, a, -7, w);
    NEAR_REL(w[2], 9e-14, 1e-12);
}

static void t_crossover_slope(void)
{
    static const double lambda[] = { 1e-9, 1e-4, 0.3, 2, 11 }, c[] = { 1e-3, 0.1, 2, 1, 3 };
    double eta, h = 1e-4;
    for (eta = 1e-5; eta < 0.15; eta *= 2.7) {
        double up = clb_crossover(5, lambda, c, eta * (1 + h), 2000, NULL);
        double down = clb_crossover(5, lambda, c, eta * (1 - h), 2000, NULL);
        double slope = log(up / down) / (log(1 + h) - log(1 - h));
        NOTE("eta %g", eta);
        NEAR(clb_crossover_slope(5, lambda, c, eta, 2000), slope, 2e-6);
        /* one converged mode */
        NEAR(clb_crossover_slope(1, lambda + 4, c, 0.1, 2000), -1 + 1.1 / 0.9, 1e-10);
    }
}

/* ---- reference problem of the experiments, seed 42 ------------------------------------------ */

typedef struct reference {
    clb_activation activation;
    double ce, delta0, energy, diagonal0, largest, smallest, gn_largest;
    double S[3][7];            /* eta 0.001, 0.01, 0.1: measured, PUB, H+d, H+f, GNd, GNf, LIN */
} reference;
static const reference references[] = {
    { CLB_IDENTITY, 0, 6.4056, 11.394, 5.7795, 18.33833, -2.518, 18.218,
      { { 248.873, 231.304, 195.594, 171.794, 254.442, 243.441, 243.441 },
        { 26.7983, 25.2550, 20.4889, 18.0023, 27.3376, 26.1941, 26.1941 },
        { 10.3201, 15.7403, 14.4890, 14.2236, 12.8126, 12.5876, 12.5876 } } },
    { CLB_RELU, 1, 2.7543, 6.0297, 0.95771, 5.776388, -2.302, 5.622,
      { { 635.922, 448.324, 157.769, 201.537, 1022.03, 996.098, 701.502 },
        { 65.0029, 50.4741, 12.3010, 13.8815, 106.931, 103.640, 74.2688 },
        { 7.23241, 6.02155, 0.757884, 0.891618, 11.2454, 10.8852, 8.15612 } } },
    { CLB_RELU, 0, 1.5043, 2.7266, 1.4757, 8.975, -1.592, 8.867,
      { { 152.080, 142.500, 120.445, 97.2364, 166.482, 149.026, 149.026 },
        { 16.2465, 15.6394, 11.7201, 9.13621, 17.2961, 15.9441, 15.9441 },
        { 2.15401, 2.19736, 1.52858, 1.20888, 2.31072, 2.13381, 2.13381 } } },
    { CLB_IDENTITY, 1, 11.126, 20.009, 7.6842, 10.990, -2.821, 10.281,
      { { 827.723, 864.803, 598.690, 563.712, 1238.58, 1267.78, 845.397 },
        { 86.1243, 91.3797, 57.1837, 53.6297, 127.914, 130.837, 88.4252 },
        { 13.0077, 13.0590, 8.94395, 8.29652, 16.6000, 17.0244, 13.1876 } } }
};
static const double reference_eta[3] = { 0.001, 0.01, 0.1 };
static const double rel_digits = TOL(1e-5, 2e-4);

/* Published rule and first-principles sums on the Hessian. */
static void check_hessian_sums(test_problem *s, const reference *r)
{
    size_t P = s->net.P, i;
    clb_real *H = REALS(P * P), *V = REALS(P * P);
    double *values = DOUBLES(P), *a = DOUBLES(P), *c = DOUBLES(P);
    clb_spectrum sp;
    clb_quadratic q;
    CHECK(clb_hessian(&s->curv, H, P) == CLB_OK);
    CHECK(clb_eigh(P, H, P, values, V) == CLB_OK);
    NEAR_REL(values[P - 1], r->largest, 1e-4);
    NEAR_REL(values[0], r->smallest, 4e-4);
    for (i = 0; i < P; ++i) a[i] = clb_dot(P, V + i * P, s->curv.grad);
    CHECK(clb_spectrum_init(&sp, &s->net, 1, values, V, s->curv.grad) == CLB_OK);
    NEAR_REL(sp.delta0, r->delta0, 5e-5);
    NEAR_REL(sp.energy, r->energy, 5e-5);
    q = clb_spectrum_sum(&sp, 0, 1, CLB_MODES_ALL);
    NEAR_REL(q.diagonal, r->diagonal0, 5e-5);
    NEAR_REL(q.S, sp.delta0, TOL(1e-10, 1e-4));
    clb_crossover_weights(P, a, sp.delta0, c);
    for (i = 0; i < 3; ++i) {
        NOTE("eta %g", reference_eta[i]);
        NEAR_REL(clb_crossover(P, values, c, reference_eta[i], 2000, NULL), r->S[i][1], rel_digits);
        q = clb_spectrum_sum(&sp, reference_eta[i], 2000, CLB_MODES_POSITIVE);
        NEAR_REL(q.diagonal, r->S[i][2], rel_digits);
        NEAR_REL(q.S, r->S[i][3], rel_digits);
    }
    clb_spectrum_free(&sp);
    free(H), free(V), free(values), free(a), free(c);
}

static void check_gauss_newton_sums(test_problem *s, const reference *r)
{
    size_t P = s->net.P, i, form;
    for (form = 0; form < 2; ++form) {                         /* parameter space; function space */
        clb_spectrum sp;
        if (form == 1 && s->pass.ce > 0) {
            CHECK(clb_spectrum_init_ntk(&sp, &s->curv, 1) == CLB_ELOSS);
            continue;
        }
        if (form == 1) CHECK(clb_spectrum_init_ntk(&sp, &s->curv, 1) == CLB_OK);
        else {
            clb_real *G = REALS(P * P), *V = REALS(P * P);
            double *values = DOUBLES(P);
            CHECK(clb_gauss_newton(&s->curv, G, P) == CLB_OK);
            CHECK(clb_eigh(P, G, P, values, V) == CLB_OK);
            CHECK(clb_spectrum_init(&sp, &s->net, 1, values, V, s->curv.grad) == CLB_OK);
            free(G), free(V), free(values);
        }
        NEAR_REL(sp.largest, r->gn_largest, 1e-4);
        for (i = 0; i < 3; ++i) {
            clb_quadratic q = clb_spectrum_sum(&sp, reference_eta[i], 2000, CLB_MODES_CLAMPED);
            NOTE("eta %g, form %d", reference_eta[i], (int)form);
            NEAR_REL(q.diagonal, r->S[i][4], rel_digits);
            NEAR_REL(q.S, r->S[i][5], rel_digits);
            CHECK(q.valid == (reference_eta[i] * sp.largest < 2));
        }
        clb_spectrum_free(&sp);
    }
}

static void check_linearised(test_problem *s, const reference *r)
{
    size_t i;
    for (i = 0; i < 3; ++i) {
        double S, measured;
        clb_train_opts opts = CLB_ZERO;
        clb_trace trace;
        clb_net net;
        NOTE("eta %g", reference_eta[i]);
        CHECK(clb_linearised(&s->curv, reference_eta[i], 2000, NULL, &S) == CLB_OK);
        NEAR_REL(S, r->S[i][6], rel_digits);
        opts.ce = r->ce;
        CHECK(clb_net_copy(&net, &s->net) == CLB_OK);
        CHECK(clb_train(&net, &s->data, reference_eta[i], 2000, &opts, &trace) == CLB_OK);
        measured = trace.S[0];
        NEAR_REL(measured, r->S[i][0], rel_digits);
        clb_trace_free(&trace);
        clb_net_free(&net);
    }
}

static void t_reference_values(void)
{
    size_t k;
    for (k = 0; k < sizeof references / sizeof references[0]; ++k) {
        test_problem s;
        NOTE("case %d", (int)k);
        problem_open(&s, 42, references[k].activation, references[k].ce);
        check_linearised(&s, &references[k]);
        check_hessian_sums(&s, &references[k]);
        check_gauss_newton_sums(&s, &references[k]);
        problem_close(&s);
    }
}

/* Published predictions of single seeds (a file of the published runs), to 1e-6. */
static void t_published_predictions(void)
{
    /* eta 1e-4, 1e-2, 0.1 */
    static const struct { uint64_t seed; int relu; double S[3];
    } rows[] = { { 42, 0, { 2120.2764, 25.254971, 15.740312 } },
                 { 137, 1, { 2796.5524, 52.473558, 6.0982683 } },
                 { 256, 1, { 2722.5352, 45.673363, 5.4348673 } } };
    static const double eta[3] = { 1e-4, 1e-2, 0.1 };
    size_t k, i;
    for (k = 0; k < 3; ++k) {
        test_problem s;
        size_t P;
        double *values, *c;
        problem_open(&s, rows[k].seed, rows[k].relu ? CLB_RELU : CLB_IDENTITY, rows[k].relu);
        P = s.net.P, values = DOUBLES(P), c = DOUBLES(P);
        CHECK(clb_crossover_modes(&s.curv, values, c) == CLB_OK);
        for (i = 0; i < 3; ++i) {
            NOTE("seed %d eta %g", (int)rows[k].seed, eta[i]);
            NEAR_REL(clb_crossover(P, values, c, eta[i], 2000, NULL), rows[k].S[i],
                     TOL(1e-6, 2e-4));
        }
        free(values), free(c);
        problem_close(&s);
    }
}

/* Linearised anew at every step the model is the network itself; and on a net that is linear in its
 * parameters nothing is lost by never doing so. */
static void t_linearised_limits(void)
{
    static const size_t widths[3][4] = { { 6, 7, 5, 3 }, { 6, 8, 3, 0 }, { 6, 3, 0, 0 } };
    size_t all[60], k, j;
    clb_rng rng;
    for (j = 0; j < 60; ++j) all[j] = j + 1;
    clb_rng_seed(&rng, 5);
    for (k = 0; k < 3; ++k) {
        clb_net net, copy;
        clb_data data;
        clb_pass pass;
        clb_curv curv;
        clb_trace trace;
        clb_net_opts opts = CLB_ZERO;
        clb_train_opts train = CLB_ZERO;
        clb_linear_opts linear = CLB_ZERO;
        double S[2] = { 0, 0 }, delta[60 * 2], loss[60];
        opts.activation = k == 0 ? CLB_TANH : CLB_RELU;
        opts.bias = k == 1 ? 0 : -1;
        train.ce = k == 1 ? 0.3 : 1;
        CHECK(clb_net_init(&net, widths[k], 4 - k, &opts, &rng) == CLB_OK);
        CHECK(clb_net_copy(&copy, &net) == CLB_OK);
        CHECK(clb_data_mixture(&data, &rng, 30, 6, 3, 1.0) == CLB_OK);
        CHECK(clb_train(&copy, &data, 0.1, 60, &train, &trace) == CLB_OK);
        CHECK(clb_pass_init(&pass, &net, &data, train.ce) == CLB_OK);
        CHECK(clb_curv_init(&curv, &pass) == CLB_OK);
        clb_curv_at(&curv, NULL);
        if (k < 2) linear.restart = all, linear.restart_count = 60;
        linear.delta = delta, linear.loss = loss;
        CHECK(clb_linearised(&curv, 0.1, 60, &linear, S) == CLB_OK);
        NOTE("net %d", (int)k);
        for (j = 0; j < 60; ++j) NEAR(loss[j], trace.loss[j], TOL(1e-12, 1e-5));
        for (j = 0; j + 1 < net.L; ++j) NEAR(S[j], trace.S[j], TOL(1e-11, 1e-4));
        CHECK(memcmp(curv.theta, net.theta, net.P * sizeof *net.theta) == 0);
        clb_curv_free(&curv), clb_pass_free(&pass), clb_data_free(&data);
        clb_trace_free(&trace), clb_net_free(&net), clb_net_free(&copy);
    }
}

static void t_restart_steps(void)
{
    static const double s[] = { 0, .02, .05, .1, .2, .5, 1, 2, 5, 20 };
    size_t steps[10];
    EQUAL(clb_restart_steps(0.01, 2000, 10, s, steps), 8);           /* 2000 is not below T */
    EQUAL(steps[0], 2);
    EQUAL(steps[7], 500);
    /* 0.02/0.1 rounds to 0, 0.05/0.1 to 1 = 0.1/0.1 */
    EQUAL(clb_restart_steps(0.1, 2000, 10, s, steps), 7);
    EQUAL(steps[0], 1);
    EQUAL(steps[1], 2);
    EQUAL(clb_restart_steps(1e-4, 2000, 10, s, steps), 3);
}

/* Measured errors of the re-linearised predictor (10-point set), and of the tangent model beyond
 * the edge. */
static void t_relinearised(void)
{
    static const double s10[] = { 0, .02, .05, .1, .2, .5, 1, 2, 5, 20 };
    static const double measured[2] = { 65.0029, 26.7983 }, error[2] = { 0.024, -0.002 };
    size_t k, steps[10];
    for (k = 0; k < 2; ++k) {
        test_problem s;
        clb_linear_opts opts = CLB_ZERO;
        double S;
        problem_open(&s, 42, k ? CLB_IDENTITY : CLB_RELU, k ? 0 : 1);
        opts.restart = steps;
        opts.restart_count = clb_restart_steps(0.01, 2000, 10, s10, steps);
        CHECK(clb_linearised(&s.curv, 0.01, 2000, &opts, &S) == CLB_OK);
        NEAR(S / measured[k] - 1, error[k], 6e-4);
        if (k == 1) {                                                /* eta lambda_max = 5.5 */
            CHECK(clb_linearised(&s.curv, 0.3, 2000, NULL, &S) == CLB_EDIVERGED);
            CHECK(isnan(S));
        }
        problem_close(&s);
    }
}

/* ---- Theorems 5 and 6 ----------------------------------------------------------------------- */

static void t_linear_modes(void)
{
    static const struct { uint64_t seed; double log_r, raw_r, ratio;
    } rows[] = { { 42, 0.9948, 0.9984, 1.027 },
                 { 137, 0.9975, 0.9921, 1.123 },
                 { 256, 0.9933, 0.9928, 0.823 } };
    static const double lx42[5] = { 25.5075, 20.4491, 16.2769, 11.1379, 10.5982 };
    static const double published42[4] = { 0.566, 0.245, 0.12, 0.0374 };
    size_t k, j;
    for (k = 0; k < 3; ++k) {
        test_problem s;
        clb_linear_modes modes;
        double sum = 0, total = 0, delta0;
        problem_open(&s, rows[k].seed, CLB_IDENTITY, 0);
        NOTE("seed %d", (int)rows[k].seed);
        CHECK(clb_linear_modes_init(&modes, &s.net, &s.data) == CLB_OK);
        NEAR_REL(modes.g1, clb_weight_sumsq(&s.net, s.curv.grad, 1), TOL(1e-12, 1e-4));
        NEAR_REL(modes.g2, clb_weight_sumsq(&s.net, s.curv.grad, 2), TOL(1e-12, 1e-4));
        delta0 = modes.g2 - modes.g1;
        for (j = 0; j < 20; ++j) sum += modes.d_k[j], total += modes.c_published[j];
        NEAR(sum / delta0, rows[k].ratio, 1e-3);
        NEAR(clb_pearson_log(20, modes.c_k, modes.d_k, 0, 0), rows[k].log_r, 1e-4);
        NEAR(clb_pearson(20, modes.c_k, modes.d_k), rows[k].raw_r, 1e-4);
        NEAR_REL(modes.factor, 4.0 / 25 * 44 / 60, 1e-14);
        for (j = 0; j < 5 && k == 0; ++j) NEAR_REL(modes.lx[j], lx42[j], 1e-5);
        for (j = 0; j < 3 && k == 0; ++j) {
            double sorted[20];
            memcpy(sorted, modes.c_published, sizeof sorted);
            clb_sort(20, sorted);
            NEAR(sorted[19 - j] / total, published42[j], 1e-3);
        }
        clb_linear_modes_free(&modes);
        problem_close(&s);
    }
}

/* Exact eigenvalue against Jacobi; the bounds of both proofs. */
static void t_softmax_curvature(void)
{
    clb_rng rng;
    size_t trial, K, i, j;
    clb_rng_seed(&rng, 11);
    for (trial = 0; trial < 3000; ++trial) {
        clb_real p[9], S[81];
        double values[9], sum = 0, lambda, largest = 0, square = 0,
                          sharp = clb_rng_double(&rng) * 20;
        K = 2 + trial % 8;
        for (i = 0; i < K; ++i) p[i] = (clb_real)exp(sharp * (clb_rng_double(&rng) - 0.5));
        if (trial % 7 == 0) p[1] = p[0];
        if (trial % 11 == 0) p[K - 1] = 0;
        for (i = 0; i < K; ++i) sum += (double)p[i];
        for (i = 0; i < K; ++i) p[i] = (clb_real)((double)p[i] / sum);
        for (i = 0; i < K; ++i)
            for (j = 0; j < K; ++j) S[i * K + j] = p[i] * ((clb_real)(i == j) - p[j]);
        CHECK(clb_jacobi(K, S, K, values, NULL) == CLB_OK);
        lambda = clb_softmax_curvature(K, p);
        NOTE("trial %d", (int)trial);
        NEAR(lambda, values[K - 1], TOL(1e-13, 1e-6));
        for (i = 0; i < K; ++i) {
            double v = (double)p[i] * (1 - (double)p[i]);
            if (v > largest) largest = v;
            square += (double)p[i] * (double)p[i];
        }
        CHECK(lambda <= 2 * largest + TOL(1e-14, 1e-6));
        CHECK(lambda >= (double)K / (double)(K - 1) * largest - TOL(1e-14, 1e-6));
        CHECK(lambda <= 1 - square + TOL(1e-12, 1e-5) && lambda <= 0.5 + TOL(1e-15, 1e-7));
    }
    {
        static const clb_real sure[3] = { (clb_real)1, 0, 0 };
        clb_real two[2] = { (clb_real)0.75, (clb_real)0.25 },
                 near[5] = { 1, (clb_real)1e-9, 0, 0, 0 };
        NEAR(clb_softmax_curvature(3, sure), 0, 1e-300);
        NEAR_REL(clb_softmax_curvature(2, two), 0.375, 1e-15);       /* K = 2: 2 p (1-p) */
        NEAR_REL(clb_softmax_curvature(5, near), 2e-9, TOL(1e-8, 1e-6));
    }
}

static void t_compression_bounds(void)
{
    static const struct { uint64_t seed; double gn, jtj, s; } rows[] = {
        { 42, 5.6223, 22.17, 0.33527 }, { 137, 8.5438, 33.24, 0.38478 }
    };
    size_t k;
    test_problem s;
    clb_compression c;
    for (k = 0; k < 2; ++k) {
        problem_open(&s, rows[k].seed, CLB_RELU, 1);
        NOTE("seed %d", (int)rows[k].seed);
        CHECK(clb_compression_bounds(&s.curv, &c) == CLB_OK);
        NEAR_REL(c.gauss_newton, rows[k].gn, 1e-5);
        NEAR_REL(c.jtj, rows[k].jtj, 3e-4);
        NEAR_REL(c.s_max, rows[k].s, 2e-5);
        CHECK(c.gauss_newton > c.published);                  /* the printed bound fails at t = 0 */
        CHECK(c.gauss_newton <= c.sharp * (1 + 1e-10) && c.sharp <= c.corrected * (1 + 1e-10));
        CHECK(c.hessian <= (c.gauss_newton + c.residual) * (1 + 1e-10));
        problem_close(&s);
    }
    problem_open(&s, 42, CLB_RELU, 0);
    CHECK(clb_compression_bounds(&s.curv, &c) == CLB_ELOSS);
    problem_close(&s);
}

static void t_spectrum_describe(void)
{
    static const double v[] = { -2, -1e-9, 0, 1e-9, 1, 3, 5, 11 };
    clb_spectrum_stats d = clb_spectrum_describe(8, v, 1e-8);
    EQUAL(d.positive, 4);
    EQUAL(d.negative, 1);
    EQUAL(d.zero, 3);
    NEAR(d.median_positive, 4, 0);
    NEAR(d.effective_rank, 20.0 / 11, 1e-15);
    NEAR(d.spectral_width, 11.0 / 4, 1e-15);
    CHECK(isnan(clb_spectrum_describe(3, v, 1e-8).mean_positive));
}

static const test_case tests[] = { TEST(t_geo),
                                   TEST(t_double_sum_is_simulation),
                                   TEST(t_crossover_branches),
                                   TEST(t_crossover_slope),
                                   TEST(t_linearised_limits),
                                   TEST(t_restart_steps),
                                   TEST(t_relinearised),
                                   TEST(t_linear_modes),
                                   TEST(t_softmax_curvature),
                                   TEST(t_compression_bounds),
                                   TEST(t_spectrum_describe),
                                   TEST(t_published_predictions),
                                   TEST(t_reference_values) };
TEST_MAIN(tests)
