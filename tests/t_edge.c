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
        CHECK(edge.radius[1000] < TOL(1e-3, 2e-3));
        CHECK(fabs(edge.drift[0] / trained_drift(&s, eta, 1000, &opts) - 1) < TOL(0.01, 0.05));
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
    clb_trace trace;
    double measured;
    setup_init(&s, two_layers, 3, NULL, 80, CLB_MSE);
    EQUAL(clb_edge_predict(&s.net, &s.data, 1, 600, &opts, 1, &edge), CLB_OK);
    EQUAL(clb_train(&s.net, &s.data, 1, 600, NULL, &trace), CLB_OK);
    measured = clb_trace_drift(&trace, 1);
    CHECK(fabs(trace.flow[0] + trace.oscillation[0] - measured) <= TOL(1e-12, 1e-4) * measured);
    CHECK(trace.oscillation[0] > 0.9 * measured);               /* the run says so itself */
    clb_trace_free(&trace);
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

/* p + q and p - q are the momenta before and after the first step: heavy ball is
 * V' = beta V + g, theta' = theta - eta V', Nesterov theta' = theta - eta (g + beta V'). */
static void t_velocity(void)
{
    static const clb_optimizer methods[] = { CLB_HEAVY_BALL, CLB_NESTEROV };
    const double eta = 0.5, beta = 0.8;
    const clb_net_opts square = kind(CLB_RELU_POWER, 2, 0);
    setup s;
    clb_rng rng;
    clb_real *work;
    size_t i, j, P;
    setup_init(&s, two_layers, 3, &square, 80, CLB_MSE);
    P = s.net.P, clb_rng_seed(&rng, 5);
    work = (clb_real *)malloc(4 * P * sizeof *work);       /* V, g, theta, the next theta */
    memcpy(work + 2 * P, s.net.theta, P * sizeof *work);
    clb_rng_uniform(&rng, P, -1, 1, work);
    clb_grad(&s.pass, work + 2 * P, work + P);
    for (i = 0; i < 2; ++i) {
        clb_rod_opts opts = CLB_ZERO;
        clb_rod rod;
        for (j = 0; j < P; ++j) {
            double g = (double)work[P + j], V = beta * (double)work[j] + g;
            double step = i ? g + beta * V : V;
            work[3 * P + j] = (clb_real)((double)work[2 * P + j] - eta * step);
        }
        opts.optimizer = methods[i], opts.beta = beta, opts.second = work + 3 * P;
        EQUAL(clb_rod_init(&rod, &s.net, &s.data, eta, work + 2 * P, &opts), CLB_OK);
        for (j = 0; j < P; ++j) {
            double g = (double)work[P + j], V = (double)work[j];
            NEAR((double)rod.p[j] + (double)rod.q[j], V, TOL(1e-12, 1e-4));
            NEAR((double)rod.p[j] - (double)rod.q[j], beta * V + g, TOL(1e-12, 1e-4));
        }
        clb_rod_free(&rod);
    }
    free(work);
    setup_free(&s);
}

/* The gradients of the rod are those of clb_grad at its two points, bit for bit. */
static void check_gradients(const clb_rod *rod, const clb_data *data)
{
    size_t i, j, P = rod->net->P;
    clb_real *point = (clb_real *)malloc(2 * P * sizeof *point);
    clb_pass pass;
    EQUAL(clb_pass_init(&pass, rod->net, data, rod->opts.ce), CLB_OK);
    for (i = 0; i < 2; ++i) {
        for (j = 0; j < P; ++j) point[j] = i ? rod->c[j] - rod->d[j] : rod->c[j] + rod->d[j];
        clb_grad(&pass, point, point + P);
        for (j = 0; j < P; ++j) SAME_BITS(rod->grad[i][j], point[P + j]);
    }
    clb_pass_free(&pass);
    free(point);
}

/* What is refused, and why; observers see what they are promised; substeps follow tol. */
static clb_verdict look(void *context, const clb_state *state)
{
    clb_rod *rod = (clb_rod *)context;
    size_t j;
    EQUAL(state->t, rod->t);
    SAME_BITS(state->net->theta[3], rod->c[3]);
    SAME_BITS(state->loss, rod->loss);
    CHECK(state->pass->loss < rod->loss + TOL(0, 1e-6));     /* the centre lies lower, at the edge */
    for (j = 0; j < state->net->P; ++j)
        SAME_BITS(state->grad[j], (clb_real)0.5 * (rod->grad[0][j] + rod->grad[1][j]));
    check_gradients(rod, state->pass->data);
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

/* Two threads, the same bits; the error of a substep is estimated to its size: a step of 4 substeps
 * against the same step of 256, from one state below the edge and at it. */
static void t_threads_and_error(void)
{
    static const double etas[] = { 0.3, 1 };
    size_t k, i, j;
    for (k = 0; k < 2; ++k) {
        setup s;
        clb_rod rod[3];
        clb_rod_opts opts = CLB_ZERO;
        double apart = 0, estimate;
        setup_init(&s, two_layers, 3, NULL, 80, CLB_MSE);
        for (i = 0; i < 3; ++i) {
            opts.threads = i == 1 ? 2 : 0;
            EQUAL(clb_rod_init(&rod[i], &s.net, &s.data, etas[k], NULL, &opts), CLB_OK);
            EQUAL(clb_rod_run(&rod[i], 200, NULL, 0), CLB_OK);
        }
        for (j = 0; j < s.net.P; ++j) {
            SAME_BITS(rod[0].c[j], rod[1].c[j]);
            SAME_BITS(rod[0].d[j], rod[1].d[j]);
        }
        SAME_BITS(clb_rod_charge(&rod[0], 1).drift, clb_rod_charge(&rod[1], 1).drift);
        rod[2].substeps = 256;
        for (i = 0; i < 3; i += 2) EQUAL(clb_rod_step(&rod[i]), CLB_OK);
        for (j = 0; j < s.net.P; ++j) {
            double dc = (double)rod[0].c[j] - (double)rod[2].c[j];
            double dd = (double)rod[0].d[j] - (double)rod[2].d[j];
            apart += dc * dc + dd * dd;
        }
        estimate = 4 * rod[0].substep_error * rod[0].radius;
        NOTE("eta %g: apart %g, estimated %g", etas[k], sqrt(apart), estimate);
        CHECK(estimate > 0);
        CHECK(sqrt(apart) < 3 * estimate);
        CHECK(sqrt(apart) > estimate / 30);
        for (i = 0; i < 3; ++i) clb_rod_free(&rod[i]);
        setup_free(&s);
    }
}

/* ---- central flow ---------------------------------------------------------------------------- */

/* D^3 L is symmetric in its arguments, and its contraction w.D^3L[u,v] is the third difference of
 * gradients; smooth net, 1e-9. */
static void t_third(void)
{
    const clb_net_opts smooth = kind(CLB_TANH, 0, -1);
    setup s;
    clb_curv curv;
    clb_real *memory, *v[3], *y[2], *work;
    double a, b, c, h = 1e-2, direct = 0;
    size_t i, j, P;
    int corner;
    setup_init(&s, deep, 5, &smooth, 40, CLB_CE);
    EQUAL(clb_curv_init(&curv, &s.pass), CLB_OK);
    P = s.net.P;
    memory = (clb_real *)malloc(7 * P * sizeof(clb_real));
    CHECK(memory != NULL);
    for (i = 0; i < 3; ++i) {
        v[i] = memory + i * P;
        clb_rng_normal(&s.rng, P, v[i]);
        clb_scale(P, (clb_real)(1 / sqrt(clb_sumsq(P, v[i]))), v[i]);
    }
    y[0] = memory + 3 * P, y[1] = y[0] + P, work = y[1] + P;
    clb_curv_at(&curv, NULL);
    clb_third_derivative(&curv, v[0], v[1], 1e-4, work, y[0]);
    clb_third_derivative(&curv, v[1], v[0], 1e-4, work, y[1]);
    a = clb_dot(P, y[0], v[2]), b = clb_dot(P, y[1], v[2]);
    NOTE("w.D3[u,v] %g, |D3[u,v]| %g", a, sqrt(clb_sumsq(P, y[0])));
    CHECK(fabs(a) > 1e-6);
    CHECK(fabs(a - b) <= TOL(1e-9, 1e-3));
    clb_third_derivative(&curv, v[0], v[2], 1e-4, work, y[1]);
    c = clb_dot(P, y[1], v[1]);
    CHECK(fabs(a - c) <= TOL(1e-9, 1e-3));
    for (i = 0; i < 2; ++i) {                 /* mixed second differences of w.grad, extrapolated */
        double step = i ? h / 2 : h, sum = 0;
        for (corner = 0; corner < 4; ++corner) {
            double p = corner & 1 ? -step : step, q = corner & 2 ? -step : step;
            for (j = 0; j < P; ++j)
                work[j] = s.net.theta[j] + (clb_real)p * v[0][j] + (clb_real)q * v[1][j];
            clb_grad(&s.pass, work, y[0]);
            sum += (p * q > 0 ? 1 : -1) * clb_dot(P, y[0], v[2]);
        }
        sum /= 4 * step * step;
        direct = i ? (4 * sum - direct) / 3 : sum;
    }
    NOTE("w.D3[u,v] %.12g, from gradients %.12g", a, direct);
    CHECK(fabs(a - direct) <= TOL(1e-9, 1e-2));
    free(memory);
    clb_curv_free(&curv);
    setup_free(&s);
}

/* X, Y >= 0 and XY = 0 for random problems of every order. */
static void t_complementarity(void)
{
    clb_rng rng;
    size_t m, q, i, j, k;
    static clb_real x[64 * 64];
    static double G[64 * 64], B[64 * 64];
    clb_rng_seed(&rng, 3);
    for (m = 1; m <= 8; ++m) {
        double A[64], X[64], residual, trace = 0, size = 0;
        clb_real Y[64];
        double values[8];
        q = m * m;
        clb_rng_normal(&rng, q * q, x);
        for (i = 0; i < q * q; ++i) G[i] = (double)x[i];
        for (k = 0; k < q; ++k)                       /* symmetric in both pairs of indices */
            for (i = 0; i < m; ++i)
                for (j = 0; j < i; ++j) G[k * q + i * m + j] = G[k * q + j * m + i];
        for (i = 0; i < q; ++i)
            for (j = 0; j < q; ++j)
                for (k = 0, B[i * q + j] = 0; k < q; ++k)
                    B[i * q + j] += G[k * q + i] * G[k * q + j] / (double)q;
        clb_rng_normal(&rng, q, x);
        for (i = 0; i < m; ++i)
            for (j = 0; j < m; ++j) A[i * m + j] = (double)x[i * m + j] + (double)x[j * m + i];
        NOTE("m = %d", (int)m);
        EQUAL(clb_complementarity(m, B, A, X, &residual), CLB_OK);
        for (i = 0; i < q; ++i) {
            double y = A[i];
            for (j = 0; j < q; ++j) y += B[i * q + j] * X[j];
            Y[i] = (clb_real)y;
            trace += X[i] * y;
            size += A[i] * A[i];
        }
        CHECK(fabs(trace) <= TOL(1e-7, 1e-5) * size);
        EQUAL(clb_jacobi(m, Y, m, values, NULL), CLB_OK);
        CHECK(values[0] >= -TOL(1e-7, 1e-5) * sqrt(size));
        for (i = 0; i < q; ++i) Y[i] = (clb_real)X[i];
        EQUAL(clb_jacobi(m, Y, m, values, NULL), CLB_OK);
        CHECK(values[0] >= -TOL(1e-12, 1e-6) * (1 + fabs(values[m - 1])));
    }
    EQUAL(clb_complementarity(9, B, G, G, NULL), CLB_ECOUNT);
}

/* On a smooth net at the edge the central flow holds the curvature at 2/eta and moves the charge as
 * the two-point flow does. */
static void t_central_flow(void)
{
    const clb_net_opts square = kind(CLB_RELU_POWER, 2, 0);
    static const size_t small[] = { 6, 10, 3 };
    clb_central flow;
    clb_central_opts opts = CLB_ZERO;
    clb_rod rod;
    setup s;
    double eta = 0.7;
    size_t t;
    setup_init(&s, small, 3, &square, 40, CLB_MSE);
    opts.substeps = 2, opts.directions = 3;
    EQUAL(clb_central_init(&flow, &s.net, &s.data, eta, &opts), CLB_OK);
    for (t = 0; t < 250; ++t) EQUAL(clb_central_step(&flow), CLB_OK);
    EQUAL(clb_rod_init(&rod, &s.net, &s.data, eta, NULL, NULL), CLB_OK);
    EQUAL(clb_rod_run(&rod, 250, NULL, 0), CLB_OK);
    NOTE("eta * sharpness %g, drift %g, two-point %g, swing %g", eta * flow.sharpness,
         clb_central_drift(&flow, 1), clb_rod_charge(&rod, 1).drift, flow.swing);
    CHECK(fabs(eta * flow.sharpness - 2) < 0.01);
    CHECK(fabs(flow.swing / (rod.radius * rod.radius) - 1) < 0.1);
    CHECK(fabs(clb_central_drift(&flow, 1) / clb_rod_charge(&rod, 1).drift - 1) < 0.05);
    clb_rod_free(&rod);
    clb_central_free(&flow);
    setup_free(&s);
}

/* ---- sharpness of a step --------------------------------------------------------------------- */

/* The thresholds are where the optimiser's linear recursion on a quadratic turns unstable. */
static void t_thresholds(void)
{
    static const clb_optimizer optimizers[] = { CLB_GD, CLB_HEAVY_BALL, CLB_NESTEROV };
    const double eta = 0.3, beta = 0.8;
    size_t o, t;
    int side;
    for (o = 0; o < 3; ++o)
        for (side = -1; side <= 1; side += 2) {
            double h = clb_stability_threshold(optimizers[o], eta, beta) * (1 + 0.01 * side);
            double x = 1, v = 0, b = optimizers[o] == CLB_GD ? 0 : beta;
            for (t = 0; t < 5000; ++t) {
                v = b * v + h * x;
                x -= eta * (optimizers[o] == CLB_NESTEROV ? h * x + b * v : v);
            }
            NOTE("optimiser %d, side %d, x %g", (int)optimizers[o], side, x);
            if (side < 0) CHECK(fabs(x) < 1e-3);
            else CHECK(fabs(x) > 1e3);
        }
    for (side = -1; side <= 1; side += 2) {       /* Adam with a pre-conditioner that stands still */
        double h = clb_stability_threshold(CLB_ADAM, eta, beta) * (1 + 0.01 * side), x = 1, m = 0;
        for (t = 0; t < 5000; ++t) {
            m = beta * m + (1 - beta) * h * x;
            x -= eta * m;
        }
        NOTE("Adam, side %d, x %g", side, x);
        if (side < 0) CHECK(fabs(x) < 1e-3);
        else CHECK(!(fabs(x) <= 1e3));
    }
    NEAR(clb_stability_threshold(CLB_ADAM, 0.5, 0.9), 38 / 0.5, 1e-13);
}

/* One linear layer under squares is a quadratic: critical sharpness = step sharpness there. Batches
 * of all rows: batch sharpness is the same number, without error. */
static void t_step_sharpness(void)
{
    static const size_t one_layer[] = { 10, 4 };
    const clb_net_opts linear = kind(CLB_IDENTITY, 0, 0);
    setup s;
    clb_curv curv;
    clb_critical critical;
    clb_estimate batches;
    clb_real *scratch;
    double step;
    setup_init(&s, one_layer, 2, &linear, 80, CLB_MSE);
    EQUAL(clb_curv_init(&curv, &s.pass), CLB_OK);
    scratch = (clb_real *)malloc(s.net.P * sizeof(clb_real));
    clb_curv_at(&curv, NULL);
    step = clb_step_sharpness(&curv, scratch);
    critical = clb_critical_sharpness(&s.pass, NULL, curv.grad, 0, TOL(1e-7, 1e-3), scratch);
    NOTE("step %g, critical %g, losses %d", step, critical.sharpness, (int)critical.losses);
    CHECK(fabs(critical.sharpness / step - 1) < TOL(1e-6, 1e-2));
    CHECK(critical.losses < 60);
    clb_curv_at(&curv, NULL);
    EQUAL(clb_batch_sharpness(&curv, 80, 3, &s.rng, &batches), CLB_OK);
    CHECK(fabs(batches.mean / step - 1) < TOL(1e-12, 1e-4));
    EQUAL(clb_batch_sharpness(&curv, 8, 400, &s.rng, &batches), CLB_OK);
    CHECK(batches.mean > step && batches.upper - batches.lower < 0.5 * batches.mean);
    EQUAL(clb_batch_sharpness(&curv, 81, 3, &s.rng, &batches), CLB_EROW);
    clb_scale(s.net.P, -1, curv.grad);                          /* uphill: every step is above */
    critical = clb_critical_sharpness(&s.pass, NULL, curv.grad, 0, 0, scratch);
    CHECK(critical.step < 1e-6 * step);
    free(scratch);
    clb_curv_free(&curv);
    setup_free(&s);
}

/* D^(-1/2) H D^(-1/2) against the dense matrix; Adam's diagonal by its definition. */
static void t_precond(void)
{
    static const clb_real A[9] = { 4, 0, 0, 1, 3, 0, -2, -1, 5 }, v[3] = { 4, 1, 9 };
    clb_dense dense;
    clb_linop op, scaled;
    clb_precond pre;
    clb_real D[3], x[3] = { 1, -2, 3 }, y[3];
    size_t i, j;
    clb_adam_diagonal(3, v, 2, 0.9, 0.99, 0.1, D);
    for (i = 0; i < 3; ++i)
        NEAR(D[i], 0.19 * (sqrt((double)v[i] / 0.0199) + 0.1), TOL(1e-12, 1e-6));
    clb_adam_diagonal(3, v, 0, 0.9, 0.99, 0.1, D);
    NEAR(D[2], 3.1, TOL(1e-14, 1e-6));
    dense.n = dense.lda = 3, dense.A = A;
    op = clb_dense_op(&dense);
    EQUAL(clb_precond_init(&pre, &op, D), CLB_OK);
    scaled = clb_precond_op(&pre);
    scaled.apply(scaled.context, x, y);
    for (i = 0; i < 3; ++i) {
        double want = 0;
        for (j = 0; j < 3; ++j)
            want += (double)A[i > j ? 3 * i + j : 3 * j + i] * (double)x[j] /
                    sqrt((double)D[i] * (double)D[j]);
        NEAR(y[i], want, TOL(1e-14, 1e-5));
    }
    clb_precond_free(&pre);
    D[1] = 0;
    EQUAL(clb_precond_init(&pre, &op, D), CLB_ESCALE);
}

/* ---- certified eigenvalues ------------------------------------------------------------------- */

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? 1 : x > y ? -1 : 0;
}

/* A = H diag(lambda) H^T / n with H the Walsh-Hadamard matrix, n a power of two: with lambda of few
 * bits every sum is exact, so that the stored matrix has exactly these eigenvalues. */
static void walsh(size_t n, const double *lambda, double scale, clb_real *A)
{
    size_t i, j, k;
    for (i = 0; i < n; ++i)
        for (j = 0; j < n; ++j) {
            double sum = 0;
            for (k = 0; k < n; ++k) {
                size_t bits = (i & k) ^ (j & k), odd = 0;
                for (; bits; bits &= bits - 1) odd ^= 1;
                sum += odd ? -lambda[k] : lambda[k];
            }
            A[i * n + j] = (clb_real)(sum / (double)n * scale);
        }
}

/* Spectrum number c: multiple values, clusters of relative width 1e-12, +- pairs, one large, all
 * equal, random; in units of 2^-40 (of 2^-14 in single), all below one. */
static void adversarial(clb_rng *rng, size_t c, size_t n, double *lambda)
{
    const double unit = TOL(0x1p-40, 0x1p-14);
    uint32_t draw[32];
    size_t k;
    clb_real x[32];
    clb_rng_uniform(rng, n, 0, 1, x);
    for (k = 0; k < n; ++k) draw[k] = (uint32_t)((double)x[k] * 1e6);
    for (k = 0; k < n; ++k) {
        double cluster = 0.5 + unit * (double)(draw[k] % 3);
        switch (c % 6) {
        case 0:  lambda[k] = 0.125 * (double)(draw[k] % 4); break;
        case 1:  lambda[k] = k < n / 2 ? cluster : -0.25; break;
        case 2:  lambda[k] = (k % 2 ? -1 : 1) * (0.0625 * (double)(k / 2 % 7) + unit); break;
        case 3:  lambda[k] = k == draw[0] % n ? 0.75 : unit * (double)(draw[k] % 5); break;
        case 4:  lambda[k] = draw[0] % 2 ? 0.5 : -0.5; break;
        default: lambda[k] = floor((double)x[k] / unit) * unit - 0.5; break;
        }
    }
}

/* 10,000 exact spectra, scales 1e-150 to 1e150: every eigenvalue in its interval, the others below
 * rest, no interval wider than 1e3 eps |A| sqrt(n), the verdict right where there is one. */
static void t_certify_spectra(void)
{
    const double eps = TOL(2.3e-16, 1.2e-7);
    clb_rng rng;
    size_t c;
    clb_rng_seed(&rng, 5);
    for (c = 0; c < 10000; ++c) {
        size_t n = (size_t)1 << (1 + c / 6 % 4), k = 1 + c / 24 % n, j;
        double lambda[16], size = 0, scale = ldexp(1, ((int)(c % 41) - 20) * TOL(25, 2));
        clb_real A[256];
        clb_dense dense;
        clb_certificate cert;
        adversarial(&rng, c, n, lambda);
        walsh(n, lambda, scale, A);
        qsort(lambda, n, sizeof *lambda, by_value);
        for (j = 0; j < n; ++j) {
            lambda[j] *= scale;
            if (fabs(lambda[j]) > size) size = fabs(lambda[j]);
        }
        dense.n = dense.lda = n, dense.A = A;
        NOTE("spectrum %d, n = %d, k = %d", (int)c, (int)n, (int)k);
        EQUAL(clb_certify(&dense, k, 0, &cert), CLB_OK);
        EQUAL(cert.complete, 1);
        for (j = 0; j < k; ++j) {
            CHECK(cert.lower[j] <= lambda[j] && lambda[j] <= cert.upper[j]);
            CHECK(cert.upper[j] - cert.lower[j] <= 1e3 * eps * size * sqrt((double)n));
        }
        if (k < n) CHECK(lambda[k] <= cert.rest);
        CHECK(clb_certified_above(&cert, lambda[0]) != CLB_YES);
        if (size > 0) {
            EQUAL(clb_certified_above(&cert, lambda[0] - 0.01 * size), CLB_YES);
            EQUAL(clb_certified_above(&cert, lambda[0] + 0.01 * size), CLB_NO);
        }
        clb_certificate_free(&cert);
    }
}

/* Exact for numbers of few bits. */
static void walsh_transform(size_t n, double *x)
{
    size_t i, j, half;
    for (half = 1; half < n; half *= 2)
        for (i = 0; i < n; i += 2 * half)
            for (j = i; j < i + half; ++j) {
                double a = x[j], b = x[j + half];
                x[j] = a + b, x[j + half] = a - b;
            }
}

/* The same at an order where Lanczos finds the vectors: a cluster of three 1e-12 apart at the top,
 * the rest in pairs +-, and a large negative end. */
static void t_certify_large(void)
{
    const double unit = TOL(0x1p-40, 0x1p-14), eps = TOL(2.3e-16, 1.2e-7);
    enum { N = 1024, K = 4 };
    double *lambda = (double *)malloc(2 * N * sizeof(double)), *sum = lambda + N;
    clb_real *A = (clb_real *)malloc((size_t)N * N * sizeof(clb_real));
    clb_dense dense;
    clb_certificate cert;
    size_t i, j;
    CHECK(lambda != NULL && A != NULL);
    for (i = 0; i < N; ++i) lambda[i] = (i % 2 ? -1 : 1) * (double)(i / 2 % 31) / 64;
    lambda[77] = 0.75, lambda[300] = 0.75 - unit, lambda[901] = 0.75 - 2 * unit, lambda[13] = -0.875;
    memcpy(sum, lambda, N * sizeof *sum);
    walsh_transform(N, sum);
    for (i = 0; i < N; ++i)
        for (j = 0; j < N; ++j) A[i * N + j] = (clb_real)(sum[i ^ j] / N);
    qsort(lambda, N, sizeof *lambda, by_value);
    dense.n = dense.lda = N, dense.A = A;
    {
        clb_status status = clb_certify(&dense, K, 0, &cert);
        CHECK(status == CLB_OK || status == CLB_ENOCONV);
    }
    EQUAL(cert.complete, 1);
    for (j = 0; j < K; ++j) {
        NOTE("eigenvalue %d: %.17g in [%.17g, %.17g]", (int)j, lambda[j], cert.lower[j], cert.upper[j]);
        CHECK(cert.lower[j] <= lambda[j] && lambda[j] <= cert.upper[j]);
        CHECK(cert.upper[j] - cert.lower[j] <= 1e3 * eps * 0.875 * sqrt((double)N));
    }
    CHECK(lambda[K] <= cert.rest);
    EQUAL(clb_certified_above(&cert, 0.74), CLB_YES);
    EQUAL(clb_certified_above(&cert, 0.76), CLB_NO);
    clb_certificate_free(&cert);
    free(A), free(lambda);
}

/* The width of the interval where no gap helps: eigenvalues 1/2, twice as many as -1/2. In units of
 * eps |A| sqrt(n) it grows like sqrt(n), so that 210 here stay far below 1e3 at n = 6400. */
static void t_certify_width(void)
{
    const double eps = TOL(0x1p-52, 0x1p-23);
    enum { N = 1024 };
    double *sum = (double *)malloc(N * sizeof *sum), width;
    clb_real *A = (clb_real *)malloc((size_t)N * N * sizeof *A);
    clb_dense dense;
    clb_certificate cert;
    size_t i, j;
    CHECK(sum != NULL && A != NULL);
    for (i = 0; i < N; ++i) sum[i] = i % 3 ? 0.5 : -0.5;
    walsh_transform(N, sum);
    for (i = 0; i < N; ++i)
        for (j = 0; j < N; ++j) A[i * N + j] = (clb_real)(sum[i ^ j] / N);
    dense.n = dense.lda = N, dense.A = A;
    EQUAL(clb_certify(&dense, 1, 0, &cert), CLB_OK);
    CHECK(cert.complete && cert.lower[0] <= 0.5 && 0.5 <= cert.upper[0]);
    width = (cert.upper[0] - cert.lower[0]) / (eps * 0.5 * sqrt((double)N));
    NOTE("width %g eps |A| sqrt(n)", width);
    CHECK(width <= 210);
    clb_certificate_free(&cert);
    free(A), free(sum);
}

/* The Hessian of a net: the a-priori bound covers the difference between its two algorithms
 * (assembled, and product by product), and is not a thousand times more than eps |H| P. */
static void t_hessian_error(void)
{
    setup s;
    clb_curv curv;
    clb_certificate cert, op_cert;
    clb_dense dense;
    clb_linop op;
    clb_real *H, *x, *y;
    double bound, worst = 0;
    size_t i, j, P;
    setup_init(&s, two_layers, 3, NULL, 80, CLB_MSE);
    EQUAL(clb_curv_init(&curv, &s.pass), CLB_OK);
    clb_curv_at(&curv, NULL);
    P = s.net.P;
    H = (clb_real *)malloc((P * P + 2 * P) * sizeof(clb_real));
    CHECK(H != NULL);
    x = H + P * P, y = x + P;
    EQUAL(clb_hessian(&curv, H, P), CLB_OK);
    EQUAL(clb_hessian_error(&curv, &bound), CLB_OK);
    for (j = 0; j < P; j += 7) {
        double difference = 0;
        memset(x, 0, P * sizeof *x);
        x[j] = 1;
        clb_hvp(&curv, x, y);
        for (i = 0; i < P; ++i)
            difference += ((double)y[i] - (double)H[i * P + j]) * ((double)y[i] - (double)H[i * P + j]);
        if (sqrt(difference) > worst) worst = sqrt(difference);
    }
    dense.n = dense.lda = P, dense.A = H;
    EQUAL(clb_certify(&dense, 2, bound, &cert), CLB_OK);
    op = clb_hessian_op(&curv);
    EQUAL(clb_certify_lower(&op, 2, bound, &op_cert), CLB_OK);
    NOTE("bound %g, seen %g, sharpness %g in %g + [0, %g]", bound, worst, cert.value[0],
         cert.lower[0], cert.upper[0] - cert.lower[0]);
    CHECK(worst > 0 && worst <= 2 * bound);
    CHECK(bound < TOL(2e-16, 1e-7) * cert.value[0] * (double)P * 1000);
    EQUAL(cert.complete, 1);
    EQUAL(op_cert.complete, 0);
    for (j = 0; j < 2; ++j) {
        CHECK(op_cert.lower[j] <= cert.upper[j]);
        CHECK(fabs(op_cert.lower[j] / cert.value[j] - 1) < TOL(1e-8, 1e-2));
    }
    EQUAL(clb_certified_above(&op_cert, 0.99 * cert.value[0]), CLB_YES);
    EQUAL(clb_certified_above(&op_cert, 1.01 * cert.value[0]), CLB_UNDECIDED);
    EQUAL(clb_certified_above(&cert, 1.01 * cert.value[0]), CLB_NO);
    clb_certificate_free(&op_cert);
    clb_certificate_free(&cert);
    free(H);
    clb_curv_free(&curv);
    setup_free(&s);
}

static const test_case tests[] = {
    TEST(t_two_point_identity), TEST(t_two_routes), TEST(t_below_the_edge), TEST(t_at_the_edge),
    TEST(t_from_onset), TEST(t_velocity), TEST(t_options), TEST(t_threads_and_error),
    TEST(t_third), TEST(t_complementarity), TEST(t_central_flow),
    TEST(t_thresholds), TEST(t_step_sharpness), TEST(t_precond), TEST(t_certify_spectra),
    TEST(t_certify_large), TEST(t_certify_width), TEST(t_hessian_error)
};
TEST_MAIN(tests)
