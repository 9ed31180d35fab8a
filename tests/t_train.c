/* The training loop: published runs, exact laws, observers, divergence, allocations, bad input.
 *   cc -std=c99 -O2 -o t_train tests/t_train.c -lm && ./t_train */
#include <stdlib.h>
static long allocations;
#define CLB_MALLOC(n)     (++allocations, malloc(n))
#define CLB_REALLOC(p, n) (++allocations, realloc(p, n))
#define CLB_FREE(p)       free(p)
#define CLB_IMPLEMENTATION
#include "../clb.h"
#include "test.h"

#ifdef CLB_SINGLE
#define TOL(in_double, in_single) (in_single)
#else
#define TOL(in_double, in_single) (in_double)
#endif

/* One standard run; the caller frees the trace. */
static clb_status run(uint64_t seed, double eta, size_t T, const clb_train_opts *opts,
                      clb_trace *trace)
{
    clb_problem p;
    clb_status status;
    CHECK(clb_problem_init(&p, NULL, seed, CLB_NORMAL_PUBLISHED) == CLB_OK);
    status = clb_train(&p.net, &p.data, eta, T, opts, trace);
    clb_problem_free(&p);
    return status;
}

/* Cross-entropy gradient descent, T = 2000: drift in double, as an independent implementation
 * gives it. */
static void t_published_drift(void)
{
    static const struct { uint64_t seed; double eta, drift, tol; } runs[] = {
        { 42, 0.1, 7.232414e-2, 1e-5 }, { 42, 1e-3, 6.359223e-4, 1e-5 },
        { 256, 0.3, 0.2878413, 1e-5 },  { 256, 1, 3.067298, 1e-5 },
    };
    clb_train_opts opts = CLB_ZERO;
    clb_trace trace;
    opts.ce = CLB_CE;
    for (size_t i = 0; i < sizeof runs / sizeof runs[0]; ++i) {
        CHECK(run(runs[i].seed, runs[i].eta, 2000, &opts, &trace) == CLB_OK);
        NOTE("seed %d, eta %g", (int)runs[i].seed, runs[i].eta);
        NEAR(fabs(clb_trace_drift(&trace, 1)) / runs[i].drift, 1, TOL(runs[i].tol, 2e-2));
        NEAR(clb_trace_drift(&trace, 1), runs[i].eta * runs[i].eta * trace.S[0], TOL(1e-12, 1e-4));
        clb_trace_free(&trace);
    }
}

/* Momentum and Adam, seed 42: signed drift in double. */
static void t_published_optimizers(void)
{
    static const struct { clb_optimizer optimizer; double eta, drift;
    } runs[] = {
        { CLB_HEAVY_BALL, 1e-2, 1.3407286 },
        { CLB_ADAM, 1e-3, -8.4008553 },
        { CLB_ADAM, 0.1, -342.70403 },
    };
    clb_train_opts opts = CLB_ZERO;
    clb_trace trace;
    opts.ce = CLB_CE;
    for (size_t i = 0; i < sizeof runs / sizeof runs[0]; ++i) {
        opts.optimizer = runs[i].optimizer;
        CHECK(run(42, runs[i].eta, 2000, &opts, &trace) == CLB_OK);
        NOTE("optimizer %d, eta %g", (int)runs[i].optimizer, runs[i].eta);
        NEAR(clb_trace_drift(&trace, 1) / runs[i].drift, 1, TOL(1e-5, 2e-3));
        NEAR(clb_trace_drift(&trace, 1), trace.predicted[0], TOL(1e-10, 2e-2));
        NEAR(trace.predicted[0], trace.first[0] + trace.second[0], TOL(1e-10, 2e-2));
        clb_trace_free(&trace);
    }
}

typedef struct seen { size_t count, t[64], stop_at; } seen;
static clb_verdict watch(void *context, const clb_state *state)
{
    seen *s = (seen *)context;
    if (s->count < 64) s->t[s->count] = state->t;
    ++s->count;
    return state->t == s->stop_at ? CLB_STOP : CLB_CONTINUE;
}

static void t_observer_schedules(void)
{
    static const size_t at[] = { 3, 4, 17 }, decades[] = { 0, 1, 2, 5, 10, 20 };
    seen s[3];
    clb_observer obs[3];
    clb_train_opts opts = CLB_ZERO;
    memset(s, 0, sizeof s), memset(obs, 0, sizeof obs);
    for (int i = 0; i < 3; ++i)
        obs[i].call = watch, obs[i].context = &s[i], s[i].stop_at = (size_t)-1;
    obs[0].every = 7, obs[1].at = at, obs[1].at_count = 3, obs[2].per_decade = 3;
    opts.ce = CLB_CE, opts.observers = obs, opts.observer_count = 3;
    CHECK(run(1, 0.01, 20, &opts, NULL) == CLB_OK);
    EQUAL(s[0].count, 4);                                     /* 0 7 14 20 */
    EQUAL(s[0].t[3], 20);
    EQUAL(s[1].count, 4);                                     /* 3 4 17 20 */
    EQUAL(s[1].t[2], 17);
    EQUAL(s[2].count, 6);
    for (size_t i = 0; i < 6; ++i) EQUAL(s[2].t[i], decades[i]);
}

/* A stopped run has the trace of a shorter one, bit for bit. */
static void t_stop(void)
{
    seen s = { 0, { 0 }, 9 };
    clb_observer ob = { watch, &s, 1, NULL, 0, 0 };
    clb_train_opts opts = CLB_ZERO;
    clb_trace stopped, whole;
    opts.ce = CLB_CE;
    CHECK(run(3, 0.1, 9, &opts, &whole) == CLB_OK);
    opts.observers = &ob, opts.observer_count = 1;
    CHECK(run(3, 0.1, 50, &opts, &stopped) == CLB_OK);
    EQUAL(stopped.steps, 9);
    SAME_BITS(clb_trace_drift(&stopped, 1), clb_trace_drift(&whole, 1));
    SAME_BITS(stopped.S[0], whole.S[0]);
    CHECK(isnan(stopped.loss[9]));
    clb_trace_free(&stopped), clb_trace_free(&whole);
}

static clb_verdict skip_even(void *context, const clb_state *state)
{
    (void)context;
    return state->t % 2 == 0 ? CLB_SKIP_UPDATE : CLB_CONTINUE;
}

/* A skipped update leaves theta and is counted in S once more: the published artefact. */
static void t_skip(void)
{
    clb_observer ob = { skip_even, NULL, 1, NULL, 0, 0 };
    clb_train_opts opts = CLB_ZERO;
    clb_trace skipped, plain;
    opts.ce = CLB_CE;
    CHECK(run(3, 0.1, 10, &opts, &plain) == CLB_OK);
    opts.observers = &ob, opts.observer_count = 1;
    CHECK(run(3, 0.1, 20, &opts, &skipped) == CLB_OK);
    SAME_BITS(clb_trace_drift(&skipped, 1), clb_trace_drift(&plain, 1));
    NEAR(skipped.S[0], 2 * plain.S[0], 1e-14);
    clb_trace_free(&skipped), clb_trace_free(&plain);
}

static void t_divergence(void)
{
    clb_problem_opts linear = CLB_ZERO;
    clb_problem p;
    clb_trace trace;
    linear.net.activation = CLB_IDENTITY;
    CHECK(clb_problem_init(&p, &linear, 42, CLB_NORMAL_PUBLISHED) == CLB_OK);
    /* eta lambda_max = 5.5 > 4 */
    CHECK(clb_train(&p.net, &p.data, 0.3, 2000, NULL, &trace) == CLB_EDIVERGED);
    CHECK(trace.steps > 3 && trace.steps < 100);
    CHECK(isfinite(trace.loss[trace.steps - 1]) && isnan(trace.loss[trace.steps]));
    CHECK(isfinite(clb_trace_charge(&trace, 1, 0)) && isnan(clb_trace_charge(&trace, 1, 2000)));
    clb_trace_free(&trace);
    clb_problem_free(&p);
}

/* Allocations do not depend on the number of steps, for any optimiser, batched or not. */
static void t_no_allocation_in_a_step(void)
{
    clb_rng rng;
    clb_train_opts opts = CLB_ZERO;
    opts.ce = CLB_CE, opts.batch_rng = &rng, opts.l2 = 1e-4;
    for (int o = 0; o < (int)CLB_OPTIMIZER_COUNT; ++o)
        for (size_t batch = 0; batch <= 50; batch += 50) {
            long count[2];
            opts.optimizer = (clb_optimizer)o, opts.batch = batch;
            for (int k = 0; k < 2; ++k) {
                clb_rng_seed(&rng, 1);
                allocations = 0;
                CHECK(run(42, 0.01, k ? 40 : 2, &opts, NULL) == CLB_OK);
                count[k] = allocations;
            }
            EQUAL(count[0], count[1]);
        }
}

static void t_bad_input(void)
{
    clb_problem p;
    clb_train_opts opts = CLB_ZERO;
    clb_observer ob = CLB_ZERO;
    CHECK(clb_problem_init(&p, NULL, 1, CLB_NORMAL_EXACT) == CLB_OK);
    double before = clb_weight_sumsq(&p.net, p.net.theta, 1);
    CHECK(clb_train(&p.net, &p.data, 0, 5, NULL, NULL) == CLB_EOPTION);
    CHECK(clb_train(&p.net, &p.data, -1, 5, NULL, NULL) == CLB_EOPTION);
    CHECK(clb_train(&p.net, &p.data, (double)NAN, 5, NULL, NULL) == CLB_EOPTION);
    CHECK(clb_train(&p.net, &p.data, (double)INFINITY, 5, NULL, NULL) == CLB_EOPTION);
    CHECK(clb_train(&p.net, &p.data, 0.1, (size_t)-1, NULL, NULL) == CLB_ESIZE);
    opts.batch = 201, opts.batch_rng = &p.rng;
    CHECK(clb_train(&p.net, &p.data, 0.1, 5, &opts, NULL) == CLB_EOPTION);
    opts.batch = 20, opts.batch_rng = NULL;
    CHECK(clb_train(&p.net, &p.data, 0.1, 5, &opts, NULL) == CLB_EOPTION);
    opts.batch = 0, opts.beta1 = 1;
    CHECK(clb_train(&p.net, &p.data, 0.1, 5, &opts, NULL) == CLB_EOPTION);
    opts.beta1 = 0, opts.observers = &ob, opts.observer_count = 1;
    CHECK(clb_train(&p.net, &p.data, 0.1, 5, &opts, NULL) == CLB_EOPTION);
    SAME_BITS(clb_weight_sumsq(&p.net, p.net.theta, 1), before);        /* nothing was touched */
    clb_problem_free(&p);
}

/* T = 0 and one-layer nets are legal. */
static void t_edges(void)
{
    clb_problem_opts one = CLB_ZERO;
    clb_problem p;
    clb_trace trace;
    one.L = 1;
    CHECK(clb_problem_init(&p, &one, 1, CLB_NORMAL_EXACT) == CLB_OK);
    CHECK(clb_train(&p.net, &p.data, 0.01, 0, NULL, &trace) == CLB_OK);
    EQUAL(trace.steps, 0);
    clb_trace_free(&trace);
    CHECK(clb_train(&p.net, &p.data, 0.01, 5, NULL, &trace) == CLB_OK);
    CHECK(trace.loss[4] < trace.loss[0]);
    clb_trace_free(&trace);
    clb_problem_free(&p);
}

static const test_case tests[] = {
    TEST(t_published_drift),
    TEST(t_published_optimizers),
    TEST(t_observer_schedules),
    TEST(t_stop),
    TEST(t_skip),
    TEST(t_divergence),
    TEST(t_no_allocation_in_a_step),
    TEST(t_bad_input),
    TEST(t_edges),
};
TEST_MAIN(tests)
