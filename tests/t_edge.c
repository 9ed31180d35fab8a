/* Edge of stability (@S25): the identity of two points, both routes of the predicted drift, the
 * prediction against training, certified eigenvalues against exact spectra. */
#define CLB_IMPLEMENTATION
#include "../clb.h"
#include "test.h"
#include "fixture.h"

typedef struct setup {
    clb_net  net;
    clb_data data;
    clb_pass pass;
    clb_rng  rng;
} setup;

static void setup_init(setup *s, const size_t *widths, size_t count, const clb_net_opts *opts,
                       size_t n, double ce)
{
    clb_rng_seed(&s->rng, 42);
    EQUAL(clb_net_init(&s->net, widths, count, opts, &s->rng), CLB_OK);
    EQUAL(clb_data_mixture(&s->data, &s->rng, n, widths[0], widths[count - 1], 0.5), CLB_OK);
    EQUAL(clb_pass_init(&s->pass, &s->net, &s->data, ce), CLB_OK);
}

static void setup_free(setup *s)
{
    clb_pass_free(&s->pass);
    clb_data_free(&s->data);
    clb_net_free(&s->net);
}

static clb_net_opts kind(clb_activation activation, double a, int bias)
{
    clb_net_opts opts = CLB_ZERO;
    opts.activation = activation;
    opts.param = a;
    opts.bias = bias;
    return opts;
}

static const size_t two_layers[] = { 10, 24, 4 }, deep[] = { 9, 16, 11, 13, 4 };

/* ---- two points ------------------------------------------------------------------------------ */

/* c^T D (g+ + g-) = -d^T D (g+ - g-) at any two points, gates switched between them or not; fails
 * without a degree. */
static void t_two_point_identity(void)
{
    const clb_net_opts nets[] = { kind(CLB_RELU, 0, 0), kind(CLB_LEAKY_RELU, 0.1, -1),
                                  kind(CLB_RELU_POWER, 2, -1), kind(CLB_TANH, 0, 0) };
    size_t k, l, j, i;
    for (k = 0; k < 4; ++k) {
        setup s;
        clb_real *theta[2], *grad[2];
        setup_init(&s, deep, 5, &nets[k], 40, k % 2 ? CLB_CE : CLB_MSE);
        for (i = 0; i < 2; ++i) {
            theta[i] = (clb_real *)malloc(s.net.P * sizeof(clb_real));
            grad[i] = (clb_real *)malloc(s.net.P * sizeof(clb_real));
            CHECK(theta[i] && grad[i]);
            clb_rng_normal(&s.rng, s.net.P, theta[i]);
            for (j = 0; j < s.net.P; ++j)
                theta[i][j] = 2 * s.net.theta[j] + (clb_real)0.3 * theta[i][j];
            clb_grad(&s.pass, theta[i], grad[i]);
        }
        NOTE("net %d", (int)k);
        for (l = 1; l < s.net.L; ++l) {
            double r = clb_two_point_residual(&s.net, (const clb_real *const *)theta,
                                              (const clb_real *const *)grad, l);
            if (k < 3) CHECK(r <= TOL(1e-13, 1e-5));
            else CHECK(r > 1e-3);
        }
        for (i = 0; i < 2; ++i) free(theta[i]), free(grad[i]);
        setup_free(&s);
    }
}

/* Both routes are the same number for every neuron, optimiser and net; also from two iterates. */
static void t_two_routes(void)
{
    static const clb_optimizer optimizers[] = { CLB_GD, CLB_HEAVY_BALL, CLB_NESTEROV };
    const clb_net_opts nets[] = { kind(CLB_RELU, 0, 0), kind(CLB_RELU, 0, -1),
                                  kind(CLB_RELU_POWER, 2, 0) };
    size_t k, o, l, j;
    for (k = 0; k < 3; ++k)
        for (o = 0; o < 3; ++o) {
            setup s;
            clb_rod rod;
            clb_rod_opts opts = CLB_ZERO;
            double total = 0;
            setup_init(&s, deep, 5, &nets[k], 40, 0.3);
            opts.ce = 0.3;
            opts.optimizer = optimizers[o];
            opts.beta = 0.7;
            EQUAL(clb_rod_init(&rod, &s.net, &s.data, 0.2, NULL, &opts), CLB_OK);
            EQUAL(clb_rod_run(&rod, 300, NULL, 0), CLB_OK);
            for (l = 1; l < s.net.L; ++l) total += fabs(clb_rod_charge(&rod, l).drift);
            NOTE("net %d, optimiser %d, drift %g", (int)k, (int)optimizers[o], total);
            CHECK(total > 1e-3);
            for (l = 1; l < s.net.L; ++l) {
                clb_rod_drift sum = clb_rod_charge(&rod, l);
                CHECK(fabs(sum.drift - sum.direct) <= TOL(1e-12, 1e-4));
                NEAR(sum.drift, sum.swing + sum.flow, TOL(1e-14, 1e-14));
                for (j = 0; j < s.net.m[l]; ++j) {
                    clb_rod_drift one = clb_rod_neuron(&rod, l, j);
                    CHECK(fabs(one.drift - one.direct) <= TOL(1e-12, 1e-4));
                }
            }
            clb_rod_free(&rod);
            setup_free(&s);
        }
}

/* Signed drift of charge 1 over T steps of training from where net stands; net is moved. */
static double trained_drift(setup *s, double eta, size_t T, const clb_rod_opts *rod)
{
    double k = clb_degree(&s->net), before = clb_charge_degree(&s->net, NULL, 1, k);
    clb_train_opts opts = CLB_ZERO;
    opts.ce = rod->ce;
    opts.optimizer = rod->optimizer;
    opts.beta1 = rod->beta;
    EQUAL(clb_train(&s->net, &s->data, eta, T, &opts, NULL), CLB_OK);
    return clb_charge_degree(&s->net, NULL, 1, k) - before;
}

/* Below the edge the oscillation has no part in it and the prediction is the drift, to 1 %; with
 * momentum too. */
static void t_below_the_edge(void)
{
    static const clb_optimizer optimizers[] = { CLB_GD, CLB_HEAVY_BALL, CLB_NESTEROV };
    size_t o;
    for (o = 0; o < 3; ++o) {
        setup s;
        clb_edge edge;
        clb_rod_opts opts = CLB_ZERO;
        double eta = optimizers[o] ? 0.004 : 0.01;
        opts.optimizer = optimizers[o];
        opts.beta = 0.5;
        setup_init(&s, two_layers, 3, NULL, 80, CLB_MSE);
        EQUAL(clb_edge_predict(&s.net, &s.data, eta, 1000, &opts, 0, &edge), CLB_OK);
        NOTE("optimiser %d, predicted %g", (int)optimizers[o], edge.drift[0]);
        EQUAL(edge.steps, 1000);
        CHECK(edge.sharpness[1000] * eta < 1);
        CHECK(edge.radius[1000] < 1e-3);
        CHECK(fabs(edge.drift[0] / trained_drift(&s, eta, 1000, &opts) - 1) < 0.01);
        CHECK(fabs(edge.halved[0] / edge.drift[0] - 1) < 0.01);
        CHECK(edge.route_error < TOL(1e-9, 1e-1));
        if (!optimizers[o]) CHECK(fabs(edge.swing[0]) < 0.02 * fabs(edge.drift[0]));
        clb_edge_free(&edge);
        setup_free(&s);
    }
}

/* At the edge the oscillation is nearly all of it, the curvature over the swing stays at 2/eta and
 * the prediction holds within the accuracy docs/edge.md states. */
static void t_at_the_edge(void)
{
    setup s;
    clb_edge edge;
    clb_rod_opts opts = CLB_ZERO;
    double measured;
    setup_init(&s, two_layers, 3, NULL, 80, CLB_MSE);
    EQUAL(clb_edge_predict(&s.net, &s.data, 1, 600, &opts, 1, &edge), CLB_OK);
    measured = trained_drift(&s, 1, 600, &opts);
    NOTE("predicted %g, measured %g", edge.drift[0], measured);
    CHECK(measured > 1);
    CHECK(fabs(edge.drift[0] / measured - 1) < 0.15);
    CHECK(edge.swing[0] > 0.9 * edge.drift[0]);
    CHECK(fabs(edge.sharpness[600] - 2) < 0.2);
    CHECK(isnan(edge.halved[0]));
    clb_edge_free(&edge);
    setup_free(&s);
}

/* Keeps the iterate before the one where eta times the curvature along the gradient passes 2. */
typedef struct onset {
    clb_real *theta[2];
    size_t    P, t;
    double    eta;
    clb_curv *curv;
} onset;

static clb_verdict onset_watch(void *context, const clb_state *state)
{
    onset *o = (onset *)context;
    double sharpness;
    clb_real *first = o->theta[0];
    o->theta[0] = o->theta[1];
    o->theta[1] = first;
    memcpy(o->theta[1], state->net->theta, o->P * sizeof(clb_real));
    o->t = state->t;
    if (state->t % 5) return CLB_CONTINUE;
    clb_curv_at(o->curv, state->net->theta);
    EQUAL(clb_sharpness(o->curv, NULL, &sharpness, NULL), CLB_OK);
    return o->eta * sharpness > 2 && state->t > 0 ? CLB_STOP : CLB_CONTINUE;
}

/* Mean charge of net's theta and its next iterate. */
static double mean_charge(setup *s, double eta)
{
    double k = clb_degree(&s->net), charge = clb_charge_degree(&s->net, NULL, 1, k);
    EQUAL(clb_train(&s->net, &s->data, eta, 1, NULL, NULL), CLB_OK);
    return 0.5 * (charge + clb_charge_degree(&s->net, NULL, 1, k));
}

/* Started from two iterates at the onset of the edge, smooth net: 2 %. */
static void t_from_onset(void)
{
    const clb_net_opts square = kind(CLB_RELU_POWER, 2, 0);
    clb_train_opts train = CLB_ZERO;
    clb_observer observer = CLB_ZERO;
    clb_rod_opts opts = CLB_ZERO;
    clb_curv curv;
    clb_rod rod;
    setup s;
    onset o;
    size_t i;
    double start, measured, predicted;
    setup_init(&s, two_layers, 3, &square, 80, CLB_MSE);
    EQUAL(clb_curv_init(&curv, &s.pass), CLB_OK);
    o.P = s.net.P, o.eta = 0.8, o.curv = &curv, o.t = 0;
    for (i = 0; i < 2; ++i) o.theta[i] = (clb_real *)malloc(o.P * sizeof(clb_real));
    observer.call = onset_watch, observer.context = &o;
    train.observers = &observer, train.observer_count = 1;
    EQUAL(clb_train(&s.net, &s.data, o.eta, 2000, &train, NULL), CLB_OK);
    CHECK(o.t > 0 && o.t < 2000);
    opts.second = o.theta[1];
    EQUAL(clb_rod_init(&rod, &s.net, &s.data, o.eta, o.theta[0], &opts), CLB_OK);
    EQUAL(clb_rod_run(&rod, 600, NULL, 0), CLB_OK);
    memcpy(s.net.theta, o.theta[0], o.P * sizeof(clb_real));
    start = mean_charge(&s, o.eta);
    EQUAL(clb_train(&s.net, &s.data, o.eta, 599, NULL, NULL), CLB_OK);
    measured = mean_charge(&s, o.eta) - start;
    predicted = clb_rod_charge(&rod, 1).iterates;
    NOTE("onset %d, predicted %g, measured %g", (int)o.t, predicted, measured);
    CHECK(fabs(predicted / measured - 1) < 0.02);
    for (i = 0; i < 2; ++i) free(o.theta[i]);
    clb_rod_free(&rod);
    clb_curv_free(&curv);
    setup_free(&s);
}

/* What is refused, and why; observers see what they are promised; substeps follow tol. */
static clb_verdict look(void *context, const clb_state *state)
{
    clb_rod *rod = (clb_rod *)context;
    size_t j;
    EQUAL(state->t, rod->t);
    SAME_BITS(state->net->theta[3], rod->c[3]);
    SAME_BITS(state->loss, rod->loss);
    CHECK(state->pass->loss < rod->loss);                    /* the centre lies lower, at the edge */
    for (j = 0; j < state->net->P; ++j)
        SAME_BITS(state->grad[j], (clb_real)0.5 * (rod->grad[0][j] + rod->grad[1][j]));
    return state->t == 130 ? CLB_STOP : CLB_CONTINUE;
}

static void t_options(void)
{
    setup s;
    clb_rod rod, again;
    clb_rod_opts opts = CLB_ZERO;
    clb_observer observer = CLB_ZERO;
    static const size_t at[] = { 110, 130 };
    setup_init(&s, two_layers, 3, NULL, 80, CLB_MSE);
    opts.batch = 50;
    EQUAL(clb_rod_init(&rod, &s.net, &s.data, 1, NULL, &opts), CLB_EMINIBATCH);
    opts.batch = 0, opts.optimizer = CLB_ADAM;
    EQUAL(clb_rod_init(&rod, &s.net, &s.data, 1, NULL, &opts), CLB_EOPTIMIZER);
    opts.optimizer = CLB_GD;
    EQUAL(clb_rod_init(&rod, &s.net, &s.data, -1, NULL, &opts), CLB_ESTEP);
    EQUAL(clb_rod_init(&rod, &s.net, &s.data, 1, NULL, &opts), CLB_OK);
    observer.call = look, observer.context = &rod;
    observer.at = at, observer.at_count = 2;
    EQUAL(clb_rod_run(&rod, 200, &observer, 1), CLB_OK);
    EQUAL(rod.t, 130);
    EQUAL(clb_rod_init(&again, &s.net, &s.data, 1, NULL, &opts), CLB_OK);
    EQUAL(clb_rod_run(&again, 130, NULL, 0), CLB_OK);
    SAME_BITS(again.c[17], rod.c[17]);                       /* looking changes nothing */
    SAME_BITS(clb_rod_charge(&again, 1).drift, clb_rod_charge(&rod, 1).drift);
    clb_rod_free(&again);
    clb_rod_free(&rod);
    opts.tol = 0.05;
    EQUAL(clb_rod_init(&rod, &s.net, &s.data, 1, NULL, &opts), CLB_OK);
    EQUAL(clb_rod_run(&rod, 40, NULL, 0), CLB_OK);
    CHECK(rod.substeps > 4);                                 /* |d| is near its floor */
    rod.opts.tol = 1e6;
    EQUAL(clb_rod_run(&rod, 50, NULL, 0), CLB_OK);
    EQUAL(rod.substeps, 4);
    clb_rod_free(&rod);
    EQUAL(clb_rod_init(&rod, &s.net, &s.data, 1e9, NULL, NULL), CLB_OK);
    EQUAL(clb_rod_run(&rod, 200, NULL, 0), CLB_EDIVERGED);
    clb_rod_free(&rod);
    setup_free(&s);
}

static const test_case tests[] = {
    TEST(t_two_point_identity), TEST(t_two_routes), TEST(t_below_the_edge), TEST(t_at_the_edge),
    TEST(t_from_onset), TEST(t_options)
};
TEST_MAIN(tests)
