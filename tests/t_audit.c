/* The audit: what it says of trainings whose truth is known, because this library made them or
 * because a fault was planted in them: method, momentum, decay, step size changes, missing updates,
 * edited weights, frozen layers; what keeps no law; names of layers; bad input.
 *   cc -std=c99 -O2 -o t_audit tests/t_audit.c -lm && ./t_audit */
#define CLB_IMPLEMENTATION
#include "failing_alloc.h"
#include "../clb.h"
#include "test.h"

enum { STEPS = 40, SNAPSHOTS = STEPS + 1 };
#ifdef CLB_SINGLE
static const double tolerance = 2e-4;        /* of a momentum fitted to float32 weights */
#else
static const double tolerance = 1e-11;
#endif

typedef struct run {
    clb_net net;
    double *theta[SNAPSHOTS];
    size_t  count;
    size_t  edit;                            /* 0, or after this snapshot a weight is changed      */
    int     in_float;                        /* the weights are float32, as in most trainings     */
} run;

static clb_verdict keep(void *context, const clb_state *state)
{
    run *r = (run *)context;
    double *x = (double *)malloc(r->net.P * sizeof *x);
    for (size_t k = 0; r->in_float && k < r->net.P; ++k)
        state->net->theta[k] = (clb_real)(float)state->net->theta[k];
    for (size_t k = 0; k < r->net.P; ++k) x[k] = (double)state->net->theta[k];
    if (r->edit && state->t == r->edit)
        state->net->theta[state->net->w[2] + 3 * 32 + 5] += (clb_real)0.01;
    r->theta[r->count++] = x;
    return CLB_CONTINUE;
}

static run train_in(double eta, clb_train_opts o, clb_net_opts net, uint64_t seed, size_t edit, int in_float)
{
    static const size_t widths[] = { 20, 32, 24, 5 };
    run r;
    clb_rng rng;
    clb_data data;
    clb_observer observer = { keep, NULL, 1, NULL, 0, 0 };
    memset(&r, 0, sizeof r);
    r.edit = edit, r.in_float = in_float;
    clb_rng_seed(&rng, seed);
    EQUAL(clb_net_init(&r.net, widths, 4, &net, &rng), CLB_OK);
    EQUAL(clb_data_mixture(&data, &rng, 100, 20, 5, 1.0), CLB_OK);
    observer.context = &r;
    o.ce = CLB_CE;
    o.observers = &observer, o.observer_count = 1;
    o.batch_rng = &rng;
    EQUAL(clb_train(&r.net, &data, eta, STEPS, &o, NULL), CLB_OK);
    EQUAL(r.count, SNAPSHOTS);
    clb_data_free(&data);
    return r;
}

static run train(double eta, clb_train_opts o, clb_net_opts net, uint64_t seed, size_t edit)
{
    return train_in(eta, o, net, seed, edit, 0);
}

static void run_free(run *r)
{
    for (size_t i = 0; i < r->count; ++i) free(r->theta[i]);
    clb_net_free(&r->net);
}

/* The sentence says of decay and of events as much as the numbers do. */
static void check_text(const clb_audit *a)
{
    size_t events = 0;
    const char *p;
    for (p = a->text; (p = strstr(p, " after snapshot ")) != NULL; ++p) ++events;
    EQUAL(events, a->events < 3 ? a->events : 3);
    EQUAL(strstr(a->text, "decay: eta lambda") != NULL, a->decay.value != 0);
    EQUAL(strstr(a->text, ", momentum ") != NULL, a->momentum.value != 0 || a->momentum.error != 0);
}

static clb_audit audit(const run *r, const clb_audit_opts *opts)
{
    clb_audit a;
    EQUAL(clb_audit_run(&a, &r->net, (const double *const *)r->theta, r->count, opts), CLB_OK);
    NOTE("%s", a.text);
    CHECK(strlen(a.text) > 10);
    check_text(&a);
    return a;
}

/* Value within its interval (widened twice) and within what the precision allows. */
static void check_measured(clb_measured m, double truth)
{
    NEAR_REL(m.value, truth, tolerance * 10);
    CHECK(fabs(m.value - truth) <= 2.0 * m.error + 1e-15);
}

static const clb_train_opts plain;
static const clb_net_opts   relu;

/* Every optimiser with a law, with and without decay, biases and batches, under three seeds. */
static void t_methods(void)
{
    static const struct { clb_optimizer optimizer; double l2, decay; int bias; size_t batch;
                          clb_method method; double mu; } c[] = {
        { CLB_GD, 0, 0, 0, 0, CLB_METHOD_DESCENT, 0 },
        { CLB_GD, 0, 0, -1, 16, CLB_METHOD_DESCENT, 0 },
        { CLB_GD, 5e-3, 0, -1, 16, CLB_METHOD_DESCENT, 0 },
        { CLB_GD, 0, 5e-3, 0, 0, CLB_METHOD_DESCENT, 0 },
        { CLB_HEAVY_BALL, 0, 0, 0, 0, CLB_METHOD_HEAVY_BALL, 0.9 },
        { CLB_HEAVY_BALL, 0, 0, -1, 16, CLB_METHOD_HEAVY_BALL, 0.7 },
        { CLB_HEAVY_BALL, 5e-3, 0, -1, 16, CLB_METHOD_HEAVY_BALL, 0.9 },
        { CLB_NESTEROV, 0, 0, 0, 0, CLB_METHOD_NESTEROV, 0.9 },
        { CLB_NESTEROV, 5e-3, 0, -1, 16, CLB_METHOD_NESTEROV, 0.8 } };
    for (size_t i = 0; i < 3 * sizeof c / sizeof c[0]; ++i) {
        size_t k = i / 3;
        clb_train_opts o = plain;
        clb_net_opts net = relu;
        o.optimizer = c[k].optimizer, o.beta1 = c[k].mu, o.batch = c[k].batch;
        o.l2 = c[k].l2, o.decay = c[k].decay;
        net.bias = c[k].bias;
        run r = train(0.1, o, net, i, 0);
        clb_audit a = audit(&r, NULL);
        EQUAL(a.method, c[k].method);
        CHECK(a.residual < tolerance);
        EQUAL(a.events, 0);
        if (c[k].mu > 0) check_measured(a.momentum, c[k].mu);
        else CHECK(a.momentum.value == 0.0);
        if (c[k].l2 > 0) check_measured(a.decay, 0.1 * c[k].l2);
        else if (c[k].decay > 0)             /* 1 - eta lambda is rounded to clb_real */
            check_measured(a.decay, 1.0 - (double)(clb_real)(1.0 - 0.1 * c[k].decay));
        else CHECK(a.decay.value == 0.0);
        for (size_t l = 1; l < 3; ++l) {
            EQUAL(a.layer[l].broken, 0);
        }
        clb_audit_free(&a);
        run_free(&r);
    }
}

/* Steps not much longer than the rounding of float32 weights: the displacements are noisy on both sides of the law.
 * What is said stays right, and the stated interval holds the truth. */
static void t_small_steps(void)
{
    static const double rates[] = { 1, 0.1, 0.1 };
    static const struct { clb_optimizer optimizer; double mu, eta; int groups; clb_method method; } c[] = {
        { CLB_GD, 0, 3e-3, 0, CLB_METHOD_DESCENT }, { CLB_HEAVY_BALL, 0.9, 2e-3, 0, CLB_METHOD_HEAVY_BALL },
        { CLB_HEAVY_BALL, 0.6, 2e-3, 0, CLB_METHOD_HEAVY_BALL }, { CLB_NESTEROV, 0.9, 2e-3, 0, CLB_METHOD_NESTEROV },
        { CLB_NESTEROV, 0.7, 3e-3, 0, CLB_METHOD_NESTEROV }, { CLB_HEAVY_BALL, 0.9, 1e-2, 1, CLB_METHOD_GROUPS } };
    for (size_t i = 0; i < sizeof c / sizeof c[0]; ++i) {
        clb_train_opts o = plain;
        o.optimizer = c[i].optimizer, o.beta1 = c[i].mu;
        if (c[i].groups) o.rates = rates;
        run r = train_in(c[i].eta, o, relu, 40 + i, 0, 1);
        clb_audit a = audit(&r, NULL);
        EQUAL(a.method, c[i].method);
        NOTE("%g +- %g, excess %g", a.momentum.value, a.momentum.error, a.excess);
        if (!c[i].groups) {
            CHECK(a.excess > 0.8 && a.excess < 1.25);   /* rounding is what it was taken for */
            CHECK(a.momentum.error < 0.1);
            CHECK(fabs(a.momentum.value - c[i].mu) <= 2.0 * a.momentum.error + 1e-15);
        } else {
            CHECK(fabs(a.layer[1].rate.value - 0.1) <= 2.0 * a.layer[1].rate.error);
            CHECK(a.layer[1].rate.error < 0.01);
            CHECK(fabs(a.layer[1].momentum.value - 0.9) <= 2.0 * a.layer[1].momentum.error);
        }
        clb_audit_free(&a);
        run_free(&r);
    }
}

/* The drift is the change of the charge, and its two parts add up. */
static void t_drift(void)
{
    run r = train(0.1, plain, relu, 3, 0);
    clb_audit a = audit(&r, NULL);
    clb_real *first = (clb_real *)malloc(r.net.P * sizeof *first);
    for (size_t k = 0; k < r.net.P; ++k) first[k] = (clb_real)r.theta[0][k];
    for (size_t l = 1; l < 3; ++l) {
        double change = clb_charge(&r.net, NULL, l) - clb_charge(&r.net, first, l);
        NEAR(a.layer[l].drift, change, 1e-5 * fabs(change) + 1e-13);
        NEAR(a.layer[l].first, 0.0, sizeof(clb_real) == 4 ? 1e-4 : 1e-13);
        CHECK(fabs(a.layer[l].second) > 1e-5);
    }
    free(first);
    clb_audit_free(&a);
    run_free(&r);
}

static void t_no_law(void)
{
    static const struct { clb_optimizer optimizer; clb_activation activation;
                          clb_method method; } c[] = {
        { CLB_ADAM, CLB_RELU, CLB_METHOD_ADAPTIVE },
        { CLB_GD, CLB_TANH, CLB_METHOD_NOT_HOMOGENEOUS },
        { CLB_GD, CLB_SIGMOID, CLB_METHOD_NOT_HOMOGENEOUS },
        { CLB_HEAVY_BALL, CLB_GELU, CLB_METHOD_NOT_HOMOGENEOUS } };
    for (size_t i = 0; i < sizeof c / sizeof c[0]; ++i) {
        clb_train_opts o = plain;
        clb_net_opts net = relu;
        o.optimizer = c[i].optimizer;
        net.activation = c[i].activation;
        run r = train(c[i].optimizer == CLB_ADAM ? 0.01 : 0.1, o, net, 7, 0);
        /* 1: without the first five snapshots. Adam cannot be told there: clb_audit_opts.middle. */
        for (int middle = 0; middle < (c[i].optimizer == CLB_ADAM ? 1 : 2); ++middle) {
            clb_audit_opts opts = CLB_ZERO;
            run part = r;
            opts.middle = middle;
            if (middle) {
                part.count -= 5;
                memmove(part.theta, part.theta + 5, part.count * sizeof part.theta[0]);
            }
            clb_audit a = audit(&part, &opts);
            EQUAL(a.method, c[i].method);
            CHECK(a.excess > 100.0);
            clb_audit_free(&a);
        }
        run_free(&r);
    }
}

/* A step size that changes all the time: with weight decay the momentum can still be told. */
static void t_schedule(void)
{
    static const double mu[] = { 0.5, 0.9 };
    for (size_t i = 0; i < 2; ++i) {
        clb_train_opts o = plain;
        o.optimizer = CLB_HEAVY_BALL, o.beta1 = mu[i], o.l2 = 2e-2;
        o.schedule.kind = CLB_COSINE, o.schedule.horizon = 2 * STEPS;
        run r = train(0.1, o, relu, 11 + i, 0);
        clb_audit a = audit(&r, NULL);
        EQUAL(a.method, CLB_METHOD_SCHEDULE);
        NEAR(a.momentum.value, mu[i], 0.01);
        CHECK(fabs(a.momentum.value - mu[i]) <= a.momentum.error + 1e-9);
        clb_audit_free(&a);
        run_free(&r);
    }
}

static run heavy_ball(uint64_t seed, size_t edit)
{
    clb_train_opts o = plain;
    o.optimizer = CLB_HEAVY_BALL;
    return train(0.1, o, relu, seed, edit);
}

/* Faults planted into a run of heavy ball. */
static void t_edited(void)
{
    run r = heavy_ball(11, 17);
    clb_audit a = audit(&r, NULL);
    EQUAL(a.method, CLB_METHOD_HEAVY_BALL);
    EQUAL(a.events, 1);
    EQUAL(a.event[0].kind, CLB_EVENT_EDIT);
    EQUAL(a.event[0].step, 17);
    CHECK((a.event[0].layer == 1 && a.event[0].neuron == 5) ||
          (a.event[0].layer == 2 && a.event[0].neuron == 3));
    check_measured(a.momentum, 0.9);
    clb_audit_free(&a);
    run_free(&r);
}

static void t_missing(void)
{
    run r = heavy_ball(12, 0);
    free(r.theta[20]);
    memmove(r.theta + 20, r.theta + 21, (r.count - 21) * sizeof r.theta[0]);
    --r.count;
    clb_audit a = audit(&r, NULL);
    EQUAL(a.events, 1);
    EQUAL(a.event[0].kind, CLB_EVENT_GAP);
    EQUAL(a.event[0].step, 19);
    check_measured(a.momentum, 0.9);
    clb_audit_free(&a);
    size_t step[SNAPSHOTS];                      /* with its numbers given there is no fault */
    for (size_t i = 0; i < r.count; ++i) step[i] = i + (i >= 20);
    clb_audit_opts o;
    memset(&o, 0, sizeof o);
    o.step = step;
    a = audit(&r, &o);
    EQUAL(a.events, 0);
    EQUAL(a.steps, 38);
    check_measured(a.momentum, 0.9);
    clb_audit_free(&a);
    run_free(&r);
}

/* At the start of a run there is no velocity, which is a law too: files from the middle of a run break
 * it, unless it is said that they are. */
static void t_start(void)
{
    run r = heavy_ball(15, 0);
    clb_audit_opts o;
    clb_audit a;
    memset(&o, 0, sizeof o);
    for (o.middle = 0; o.middle < 2; ++o.middle) {
        EQUAL(clb_audit_run(&a, &r.net, (const double *const *)(r.theta + 10), r.count - 10, &o), CLB_OK);
        NOTE("%s", a.text);
        EQUAL(a.method, CLB_METHOD_HEAVY_BALL);
        check_measured(a.momentum, 0.9);
        EQUAL(a.events, o.middle ? 0 : 1);
        if (!o.middle) EQUAL(a.event[0].step, 0);
        clb_audit_free(&a);
    }
    run_free(&r);
}

static void t_frozen(void)
{
    run r = heavy_ball(13, 0);
    for (size_t t = 0; t + 1 < r.count; ++t)     /* layer 1 does not move */
        memcpy(r.theta[t + 1] + r.net.w[1], r.theta[0] + r.net.w[1], 640 * sizeof(double));
    clb_audit a = audit(&r, NULL);
    EQUAL(a.layer[1].frozen, 1);
    EQUAL(a.layer[2].frozen, 0);
    EQUAL(a.laws, 24);
    CHECK(strstr(a.text, "does not move") != NULL);
    check_measured(a.momentum, 0.9);
    clb_audit_free(&a);
    run_free(&r);
}

/* Fed one by one it says the same, bit for bit, at the end and after fewer; and its s, d and charges
 * are those of their definition: Q_{t+1} = Q_t + 2 s_t + d_t. Across a gap there is no step. */
static void t_auditor(void)
{
    run r = heavy_ball(16, 17);
    clb_auditor live;
    clb_error error;
    clb_audit_opts o;
    double Q[3] = { 0, 0, 0 };
    memset(&o, 0, sizeof o);
    o.error = &error;
    EQUAL(clb_auditor_init(&live, &r.net, &o), CLB_OK);
    for (size_t i = 0; i < r.count; ++i) {
        double *copy = (double *)malloc(r.net.P * sizeof *copy);
        memcpy(copy, r.theta[i], r.net.P * sizeof *copy);
        EQUAL(clb_auditor_add(&live, copy, i), CLB_OK);
        free(copy);                              /* nothing of the caller's is kept */
        EQUAL(live.snapshots, i + 1);
        for (size_t l = 1; l < 3; ++l) {
            if (i) NEAR_REL(live.charge[l], Q[l] + 2.0 * live.s[l] + live.d[l], 1e-12);
            CHECK(i ? live.d[l] != 0.0 : isnan(live.d[l]));
            Q[l] = live.charge[l];
        }
        if (i != 9 && i + 1 != r.count) continue;
        clb_audit now, whole;
        EQUAL(clb_auditor_verdict(&live, &now), CLB_OK);
        EQUAL(clb_audit_run(&whole, &r.net, (const double *const *)r.theta, i + 1, NULL), CLB_OK);
        CHECK(strcmp(now.text, whole.text) == 0);
        SAME_BITS(now.momentum.value, whole.momentum.value);
        SAME_BITS(now.residual, whole.residual);
        SAME_BITS(now.layer[2].drift, whole.layer[2].drift);
        EQUAL(now.events, whole.events);
        clb_audit_free(&now), clb_audit_free(&whole);
    }
    EQUAL(clb_auditor_add(&live, r.theta[0], r.count - 1), CLB_EORDER);
    CHECK(strstr(error.text, "not ascending") != NULL);
    EQUAL(clb_auditor_add(&live, r.theta[0], r.count + 5), CLB_OK);
    CHECK(isnan(live.s[1]) && isnan(live.d[2]) && !isnan(live.charge[1]));
    clb_auditor_free(&live);
    CHECK(live.state == NULL);
    run_free(&r);
}

/* Three snapshots in a row after every ten steps tell the momentum; two do not. */
static void t_groups_of_three(void)
{
    run r = heavy_ball(17, 0);
    for (size_t row = 3; row >= 2; --row) {
        clb_auditor live;
        clb_audit a;
        EQUAL(clb_auditor_init(&live, &r.net, NULL), CLB_OK);
        for (size_t i = 3; i < r.count; ++i)
            if (i % 10 >= 3 && i % 10 < 3 + row) EQUAL(clb_auditor_add(&live, r.theta[i], i), CLB_OK);
        EQUAL(clb_auditor_verdict(&live, &a), CLB_OK);
        NOTE("%s", a.text);
        CHECK((a.method == CLB_METHOD_HEAVY_BALL && a.events == 0) == (row == 3));
        if (row == 3) check_measured(a.momentum, 0.9);
        clb_audit_free(&a), clb_auditor_free(&live);
    }
    run_free(&r);
}

static clb_status audit_again(void *context)
{
    const run *r = (const run *)context;
    clb_audit a;
    clb_status status = clb_audit_run(&a, &r->net, (const double *const *)r->theta, 6, NULL);
    clb_audit_free(&a);
    return status;
}

static void t_bad_input(void)
{
    run r = heavy_ball(14, 0);
    clb_audit a;
    clb_audit_opts o;
    clb_error error;
    const double *const *theta = (const double *const *)r.theta;
    size_t step[SNAPSHOTS];
    memset(&o, 0, sizeof o);
    o.error = &error;
    EQUAL(clb_audit_run(&a, &r.net, theta, 2, &o), CLB_ECOUNT);
    CHECK(strstr(error.text, "three are needed") != NULL);
    for (size_t i = 0; i < r.count; ++i) step[i] = 2 * i;
    o.step = step;
    EQUAL(clb_audit_run(&a, &r.net, theta, r.count, &o), CLB_ECOUNT);
    CHECK(strstr(error.text, "consecutive") != NULL);
    step[4] = step[3];
    EQUAL(clb_audit_run(&a, &r.net, theta, r.count, &o), CLB_EORDER);
    CHECK(strstr(error.text, "not ascending") != NULL);
    ALLOC_SWEEP(audit_again, &r);
    o.step = NULL;
    r.theta[7][100] = (double)NAN;
    EQUAL(clb_audit_run(&a, &r.net, theta, r.count, &o), CLB_ENOTFINITE);
    CHECK(strstr(error.text, "snapshot 7") != NULL);
    CHECK(a.arena == NULL && a.text[0] == 0);
    run_free(&r);
}

/* ---- names --------------------------------------------------------------------------------- */

typedef struct named { const char *name; size_t rank, shape[3]; } named;

static clb_tensors tensors(const named *n, size_t count)
{
    clb_tensors t = { count, (clb_tensor *)calloc(count, sizeof(clb_tensor)) };
    for (size_t i = 0; i < count; ++i) {
        t.item[i].name = (char *)test_malloc(strlen(n[i].name) + 1);
        strcpy(t.item[i].name, n[i].name);
        t.item[i].digits = 53;
        t.item[i].array.rank = n[i].rank;
        t.item[i].array.count = 1;
        for (size_t k = 0; k < n[i].rank; ++k)
            t.item[i].array.count *= t.item[i].array.shape[k] = n[i].shape[k];
        t.item[i].array.x = (double *)test_malloc(t.item[i].array.count * sizeof(double));
        for (size_t k = 0; k < t.item[i].array.count; ++k) t.item[i].array.x[k] = (double)(100 * i + k);
    }
    return t;
}

static void tensors_free(clb_tensors *t)
{
    for (size_t i = 0; i < t->count; ++i) {
        test_free(t->item[i].name);
        test_free(t->item[i].array.x);
    }
    free(t->item);
}

static void t_chain(void)
{
    static const named torch[] = { { "model.fc1.weight", 2, { 3, 2 } }, { "model.fc1.bias", 1, { 3 } },
        { "model.fc2.weight", 2, { 4, 3 } }, { "model.fc2.bias", 1, { 4 } },
        { "optimizer.state.0.momentum_buffer", 2, { 3, 2 } } };
    static const named flax[] = { { "params/Dense_10/kernel", 2, { 3, 4 } },
        { "params/Dense_10/bias", 1, { 4 } }, { "params/Dense_9/bias", 1, { 3 } },
        { "params/Dense_9/kernel", 2, { 2, 3 } } };
    static const named plain_names[] = { { "W1", 2, { 3, 2 } }, { "b2", 1, { 4 } }, { "W2", 2, { 4, 3 } },
        { "b1", 1, { 3 } } };
    static const named *const all[] = { torch, flax, plain_names };
    static const size_t counts[] = { 5, 4, 4 }, weight[3][2] = { { 0, 2 }, { 3, 0 }, { 0, 2 } },
                        bias[3][2] = { { 1, 3 }, { 2, 1 }, { 3, 1 } };
    for (int i = 0; i < 3; ++i) {
        clb_tensors t = tensors(all[i], counts[i]);
        clb_chain chain;
        clb_net net;
        clb_error error;
        NOTE("names %d", i);
        EQUAL(clb_chain_find(&chain, &t, &error), CLB_OK);
        EQUAL(chain.L, 2);
        EQUAL(chain.transposed, i == 1);
        EQUAL(chain.normalised, 0);
        for (int l = 0; l < 2; ++l) {
            EQUAL(chain.weight[l], weight[i][l]);
            EQUAL(chain.bias[l], bias[i][l]);
        }
        EQUAL(clb_chain_net(&chain, &t, NULL, &net, &error), CLB_OK);
        EQUAL(net.m[0], 2);
        EQUAL(net.m[1], 3);
        EQUAL(net.m[2], 4);
        for (size_t o = 0; o < 3; ++o)
            for (size_t in = 0; in < 2; ++in)
                SAME_BITS(net.theta[net.w[1] + o * 2 + in],
                          100.0 * (double)weight[i][0] + (double)(i == 1 ? in * 3 + o : o * 2 + in));
        SAME_BITS(net.theta[net.b[2] + 3], 100.0 * (double)bias[i][1] + 3.0);
        {                                      /* another snapshot: the same names, other values */
            double theta[3 * 2 + 3 + 4 * 3 + 4];
            EQUAL(net.P, sizeof theta / sizeof *theta);
            for (size_t k = 0; k < t.count; ++k) t.item[k].array.x[0] += 0.5;
            EQUAL(clb_chain_theta(&chain, &t, &t, theta, &error), CLB_OK);
            for (size_t k = 0; k < net.P; ++k) {
                int first = k == net.w[1] || k == net.b[1] || k == net.w[2] || k == net.b[2];
                SAME_BITS(theta[k], (double)net.theta[k] + (first ? 0.5 : 0));
            }
        }
        clb_net_free(&net);
        clb_chain_free(&chain);
        tensors_free(&t);
    }
}

static void t_chain_bad(void)
{
    static const named odd[] = { { "a.weight", 2, { 3, 2 } }, { "b.weight", 2, { 4, 5 } } };
    static const named bias[] = { { "a.weight", 2, { 3, 2 } }, { "a.bias", 1, { 7 } } };
    static const named conv[] = { { "conv.weight", 3, { 3, 2, 2 } } };
    static const named none[] = { { "x", 1, { 3 } } };
    static const struct { const named *names; size_t count; clb_status status; const char *words; }
        c[] = { { odd, 2, CLB_ESHAPE, "b.weight [4][5] does not follow a.weight [3][2]" },
                { bias, 2, CLB_ESHAPE, "a.bias [7] is no bias of a.weight" },
                { conv, 1, CLB_ESHAPE, "conv.weight has rank 3" },
                { none, 1, CLB_EEMPTY, "no weight matrices" } };
    for (size_t i = 0; i < sizeof c / sizeof c[0]; ++i) {
        clb_tensors t = tensors(c[i].names, c[i].count);
        clb_chain chain;
        clb_error error;
        EQUAL(clb_chain_find(&chain, &t, &error), c[i].status);
        NOTE("%s", error.text);
        CHECK(strstr(error.text, c[i].words) != NULL);
        CHECK(chain.arena == NULL);
        tensors_free(&t);
    }
}

static const test_case tests[] = {
    TEST(t_methods), TEST(t_small_steps), TEST(t_drift), TEST(t_no_law), TEST(t_schedule), TEST(t_edited), TEST(t_missing),
    TEST(t_start), TEST(t_frozen), TEST(t_auditor), TEST(t_groups_of_three), TEST(t_bad_input),
    TEST(t_chain), TEST(t_chain_bad) };
TEST_MAIN(tests)
