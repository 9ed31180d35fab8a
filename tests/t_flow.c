/* Gradient flow and rescaling (@S18): orders, exact invariants, what the rescaling keeps.
 * Theorem 1, eq. (9), (11). */
#define CLB_IMPLEMENTATION
#include "../clb.h"
#include "../examples/kit/paper.h"
#include "test.h"
#include <float.h>

/* One rounding of clb_real. */
#ifdef CLB_SINGLE
#define EPSILON (double)FLT_EPSILON
#else
#define EPSILON DBL_EPSILON
#endif

enum { CHARGES = 64 };

/* A small net on a small mixture: cheap, and with many gates that switch. */
static void problem(paper_problem *p, size_t L, clb_activation activation, int bias)
{
    paper_opts opts = CLB_ZERO;
    opts.n = 30;
    opts.d = 6;
    opts.K = 3;
    opts.m = 12;
    opts.L = L;
    opts.separation = 1;
    opts.net.activation = activation;
    opts.net.bias = bias;
    opts.test_n = 5;
    EQUAL(paper_problem_draw(p, &opts, 42, CLB_NORMAL_EXACT), CLB_OK);
}

/* Largest |c - c0| over all neurons. */
static double charge_error(const clb_net *net, const double *wanted)
{
    double now[CHARGES], worst = 0;
    size_t j, count = clb_hidden_count(net);
    CHECK(count <= CHARGES);
    clb_hidden_charges(net, NULL, now);
    for (j = 0; j < count; ++j) worst = fmax(worst, fabs(now[j] - wanted[j]));
    return worst;
}

#ifndef CLB_SINGLE
/* theta(1) by one method and dt; the charge error; steps. */
static double flow_end(clb_activation activation, clb_flow_method method, double dt, double *theta)
{
    paper_problem p;
    clb_flow_opts o = CLB_ZERO;
    double wanted[CHARGES], error;
    size_t j;
    problem(&p, 3, activation, 0);
    clb_hidden_charges(&p.net, NULL, wanted);
    o.ce = CLB_CE;
    o.method = method;
    o.dt = dt;
    o.rtol = method == CLB_FLOW_ADAPTIVE ? 1e-12 : 0;
    o.atol = 1e-13;
    EQUAL(clb_flow(&p.net, &p.data, 1, &o, NULL), CLB_OK);
    for (j = 0; theta && j < p.net.P; ++j) theta[j] = (double)p.net.theta[j];
    error = charge_error(&p.net, wanted);
    paper_problem_free(&p);
    return error;
}

static double distance(size_t n, const double *x, const double *y)
{
    double sum = 0;
    size_t j;
    for (j = 0; j < n; ++j) sum += (x[j] - y[j]) * (x[j] - y[j]);
    return sqrt(sum);
}

/* A linear net is smooth: the error falls like dt^order, and the adaptive method agrees with the
 * limit. */
static void t_orders(void)
{
    static const struct { clb_flow_method method; double order; } methods[] = {
        { CLB_FLOW_EULER, 1 }, { CLB_FLOW_MIDPOINT, 2 }, { CLB_FLOW_RK4, 4 }
    };
    double exact[400], other[400];
    size_t i;
    int k;
    flow_end(CLB_IDENTITY, CLB_FLOW_ADAPTIVE, 0, exact);
    for (i = 0; i < 3; ++i) {
        double dt[4] = { 0.1, 0.05, 0.025, 0.0125 }, error[4];
        for (k = 0; k < 4; ++k) {
            flow_end(CLB_IDENTITY, methods[i].method, dt[k], other);
            error[k] = distance(6 * 12 + 12 * 12 + 12 * 3, exact, other);
        }
        NOTE("method %d: %g %g %g %g", (int)methods[i].method, error[0], error[1], error[2],
             error[3]);
        NEAR(clb_fit_power(4, dt, error, 0).slope, methods[i].order, 0.2);
    }
}

/* Charges: order 4 for Runge-Kutta and rounding for the midpoint rule on the smooth net; Euler
 * keeps exactly the error eta^2 S of gradient descent; ReLU costs Runge-Kutta its order. */
static void t_charge_orders(void)
{
    double dt[4] = { 0.1, 0.05, 0.025, 0.0125 }, rk4[4], relu[4], euler[4];
    int k;
    for (k = 0; k < 4; ++k) {
        rk4[k] = flow_end(CLB_IDENTITY, CLB_FLOW_RK4, dt[k], NULL);
        relu[k] = flow_end(CLB_RELU, CLB_FLOW_RK4, dt[k], NULL);
        euler[k] = flow_end(CLB_RELU, CLB_FLOW_EULER, dt[k], NULL);
        NOTE("dt=%g", dt[k]);
        CHECK(flow_end(CLB_IDENTITY, CLB_FLOW_MIDPOINT, dt[k], NULL) < 1e-14);
    }
    NOTE("rk4 linear %g %g, relu %g %g", rk4[0], rk4[3], relu[0], relu[3]);
    CHECK(clb_fit_power(4, dt, rk4, 0).slope > 3.7);
    CHECK(clb_fit_power(4, dt, relu, 0).slope < 3);
    NEAR(clb_fit_power(4, dt, euler, 0).slope, 1, 0.3);
}
#endif

/* Euler is gradient descent, bit for bit. */
static void t_euler_is_descent(void)
{
    paper_problem a, b;
    clb_flow_opts o = CLB_ZERO;
    clb_train_opts t = CLB_ZERO;
    clb_flow_stats stats;
    problem(&a, 3, CLB_RELU, -1);
    problem(&b, 3, CLB_RELU, -1);
    o.ce = t.ce = CLB_CE;
    o.method = CLB_FLOW_EULER;
    o.dt = 0.0625;
    EQUAL(clb_flow(&a.net, &a.data, 4, &o, &stats), CLB_OK);
    EQUAL(clb_train(&b.net, &b.data, 0.0625, 64, &t, NULL), CLB_OK);
    EQUAL(stats.steps, 64);
    EQUAL(memcmp(a.net.theta, b.net.theta, a.net.P * sizeof(clb_real)), 0);
    paper_problem_free(&a);
    paper_problem_free(&b);
}

/* The rescaling reaches any charges, leaves the function and carries the gradient along. */
static void t_rescale(void)
{
    static const clb_activation kinds[] = { CLB_RELU, CLB_IDENTITY, CLB_LEAKY_RELU };
    double wanted[CHARGES], scale = sizeof(clb_real) == 8 ? 1 : 1e9;
    size_t L, k, j, sweeps;
    clb_rng rng;
    clb_rng_seed(&rng, 8);
    for (L = 2; L <= 5; ++L)
        for (k = 0; k < 3; ++k) {
            paper_problem p;
            clb_pass pass;
            clb_real grad[1000], carried[1000], output[90];
            double error, f0 = 0, f1 = 0;
            NOTE("L=%d kind=%d", (int)L, (int)k);
            problem(&p, L, kinds[k], k == 1 ? -1 : 0);
            EQUAL(clb_pass_init(&pass, &p.net, &p.data, CLB_CE), CLB_OK);
            clb_grad(&pass, NULL, carried);
            memcpy(output, pass.z[L], sizeof output);
            clb_hidden_charges(&p.net, NULL, wanted);
            for (j = 0; j < clb_hidden_count(&p.net); ++j)
                wanted[j] += 0.2 * (clb_rng_double(&rng) - 0.5);
            EQUAL(clb_rescale(&p.net, NULL, carried, wanted, &error, &sweeps), CLB_OK);
            CHECK(error <= 64 * EPSILON && sweeps >= 1);
            CHECK(charge_error(&p.net, wanted) < 1e-13 * scale);
            clb_grad(&pass, NULL, grad);
            for (j = 0; j < 90; ++j) {
                f0 = fmax(f0, fabs((double)output[j]));
                f1 = fmax(f1, fabs((double)output[j] - (double)pass.z[L][j]));
            }
            CHECK(f1 <= 1e-14 * scale * f0);
            for (j = 0; j < p.net.P; ++j) NEAR(carried[j], grad[j], 1e-14 * scale);
            clb_pass_free(&pass);
            paper_problem_free(&p);
        }
}

/* A dead neuron has no law to restore and must not become NaN; a wrong activation is refused. */
static void t_rescale_edges(void)
{
    paper_problem p;
    double wanted[CHARGES];
    size_t j;
    problem(&p, 2, CLB_RELU, 0);
    clb_hidden_charges(&p.net, NULL, wanted);
    for (j = 0; j < 6; ++j) p.net.theta[p.net.w[1] + j] = 0;            /* row 0 */
    for (j = 0; j < 3; ++j) p.net.theta[p.net.w[2] + 12 * j + 1] = 0;   /* column 1 */
    EQUAL(clb_rescale(&p.net, NULL, NULL, wanted, NULL, NULL), CLB_OK);
    for (j = 0; j < p.net.P; ++j) CHECK(p.net.theta[j] - p.net.theta[j] == 0);
    paper_problem_free(&p);
    problem(&p, 2, CLB_TANH, 0);
    EQUAL(clb_rescale(&p.net, NULL, NULL, wanted, NULL, NULL), CLB_EACTIVATION);
    paper_problem_free(&p);
}

/* Per-neuron laws hold to 1e-12 over 1000 units of time with the rescaling, deep and with biases
 * too; the trajectory stays where it would have been. */
static void t_laws_for_long(void)
{
    static const struct { size_t L; int bias; clb_flow_method method; double dt, dt_min; }
    cases[] = {
        { 2, 0, CLB_FLOW_ADAPTIVE, 0, 0 },
        { 3, -1, CLB_FLOW_ADAPTIVE, 0, 0.05 }, /* slides along a kink: 49000 steps without dt_min */
        { 4, 0, CLB_FLOW_RK4, 0.25, 0 }
    };
    double wanted[CHARGES], scale = sizeof(clb_real) == 8 ? 1 : 1e8;
    size_t i;
    for (i = 0; i < 3; ++i) {
        paper_problem p;
        clb_flow_opts o = CLB_ZERO;
        clb_flow_stats s, plain;
        NOTE("L=%d bias=%d", (int)cases[i].L, cases[i].bias);
        o.ce = CLB_CE;
        o.method = cases[i].method;
        o.dt = cases[i].dt;
        o.dt_min = cases[i].dt_min;
        o.rtol = 1e-5;
        o.atol = 1e-7;
        problem(&p, cases[i].L, CLB_RELU, cases[i].bias);
        EQUAL(clb_flow(&p.net, &p.data, 1000, &o, &plain), CLB_OK);
        paper_problem_free(&p);
        problem(&p, cases[i].L, CLB_RELU, cases[i].bias);
        clb_hidden_charges(&p.net, NULL, wanted);
        o.rescale = 1;
        EQUAL(clb_flow(&p.net, &p.data, 1000, &o, &s), CLB_OK);
        CHECK(charge_error(&p.net, wanted) <= 1e-12 * scale);
        CHECK(s.law_error <= 64 * EPSILON);
        CHECK(s.time == 1000 && s.loss < 0.05);
        NEAR(s.loss / plain.loss, 1, 5e-2);            /* two roundings of one sliding motion */
        paper_problem_free(&p);
    }
}

typedef struct seen { double time[8], loss[8]; size_t count, stop_at; } seen;

static clb_verdict look(void *context, const clb_state *state)
{
    seen *s = (seen *)context;
    clb_real grad[400];
    CHECK(s->count < 8);
    s->time[s->count] = state->time;
    s->loss[s->count++] = state->loss;
    SAME_BITS(clb_grad(state->pass, NULL, grad), state->loss);
    EQUAL(memcmp(grad, state->grad, state->net->P * sizeof *grad), 0);
    return s->count == s->stop_at ? CLB_STOP : CLB_CONTINUE;
}

/* The observer sees exactly the times asked for, under every method; CLB_STOP ends the flow there.
 */
static void t_observer(void)
{
    static const double times[] = { 0, 0.1, 0.25, 0.7, 1 };
    int method;
    for (method = 0; method < (int)CLB_FLOW_METHOD_COUNT; ++method) {
        paper_problem p;
        clb_flow_opts o = CLB_ZERO;
        clb_flow_stats stats;
        seen s = { { 0 }, { 0 }, 0, 0 };
        size_t i;
        NOTE("method=%d", method);
        o.ce = CLB_CE;
        o.method = (clb_flow_method)method;
        o.dt = 0.03;
        o.times = times;
        o.time_count = 5;
        o.observe = look;
        o.context = &s;
        problem(&p, 2, CLB_RELU, 0);
        EQUAL(clb_flow(&p.net, &p.data, 1, &o, &stats), CLB_OK);
        EQUAL(s.count, 5);
        for (i = 0; i < 5; ++i) SAME_BITS(s.time[i], times[i]);
        for (i = 1; i < 5; ++i) CHECK(s.loss[i] < s.loss[i - 1]);
        SAME_BITS(stats.loss, s.loss[4]);
        paper_problem_free(&p);
        problem(&p, 2, CLB_RELU, 0);
        s.count = 0;
        s.stop_at = 3;
        EQUAL(clb_flow(&p.net, &p.data, 1, &o, &stats), CLB_OK);
        CHECK(s.count == 3 && stats.time == 0.25);
        paper_problem_free(&p);
    }
}

static void t_errors(void)
{
    static const double back[] = { 0.5, 0.2 };
    paper_problem p;
    clb_flow_opts o = CLB_ZERO;
    clb_flow_stats stats;
    problem(&p, 2, CLB_RELU, 0);
    EQUAL(clb_flow(&p.net, &p.data, 0, &o, NULL), CLB_ETIME);
    EQUAL(clb_flow(&p.net, &p.data, (double)NAN, &o, NULL), CLB_ETIME);
    o.method = CLB_FLOW_RK4;
    EQUAL(clb_flow(&p.net, &p.data, 1, &o, NULL), CLB_ESTEP);     /* no dt */
    o.dt = 0.01;
    o.max_steps = 7;
    EQUAL(clb_flow(&p.net, &p.data, 1, &o, &stats), CLB_ENOCONV);
    EQUAL(stats.steps, 7);
    NEAR(stats.time, 0.07, 1e-15);
    o.max_steps = 0;
    o.times = back;
    o.time_count = 2;
    EQUAL(clb_flow(&p.net, &p.data, 1, &o, NULL), CLB_ETIME);
    o.time_count = 0;
    o.method = CLB_FLOW_EULER;
    o.dt = 1e4;
    EQUAL(clb_flow(&p.net, &p.data, 1e6, &o, &stats), CLB_EDIVERGED);
    paper_problem_free(&p);
    problem(&p, 2, CLB_TANH, 0);
    memset(&o, 0, sizeof o);
    o.rescale = 1;
    EQUAL(clb_flow(&p.net, &p.data, 1, &o, NULL), CLB_EACTIVATION);
    paper_problem_free(&p);
}

static const test_case tests[] = {
#ifndef CLB_SINGLE
    TEST(t_orders), TEST(t_charge_orders),
#endif
    TEST(t_euler_is_descent), TEST(t_rescale), TEST(t_rescale_edges), TEST(t_laws_for_long),
    TEST(t_observer), TEST(t_errors)
};
TEST_MAIN(tests)
