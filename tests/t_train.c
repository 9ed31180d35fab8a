/* The training loop: published runs, exact laws, observers, divergence, allocations, bad input.
 *   cc -std=c99 -O2 -o t_train tests/t_train.c -lm && ./t_train */
#undef CLB_DECLARATIONS_ONLY     /* looks at clbi_ names: an implementation of its own */
#define CLB_STATIC               /* only what is used is compiled */
#include "library.h"
#define CLB_IMPLEMENTATION
#include "../clb.h"
#include "../examples/kit/paper.h"
#include "test.h"
#include "fixture.h"

static long allocations;
void *test_malloc(size_t size) { return ++allocations, malloc(size); }
void *test_realloc(void *old, size_t size) { return ++allocations, realloc(old, size); }
void  test_free(void *p) { free(p); }

/* One standard run; the caller frees the trace. */
static clb_status run(uint64_t seed, double eta, size_t T, const clb_train_opts *opts,
                      clb_trace *trace)
{
    paper_problem p;
    clb_status status;
    CHECK(paper_problem_draw(&p, NULL, seed, CLB_NORMAL_PUBLISHED) == CLB_OK);
    status = clb_train(&p.net, &p.data, eta, T, opts, trace);
    paper_problem_free(&p);
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
    SAME_BITS(stopped.loss[9], whole.loss[9]);
    CHECK(isnan(stopped.loss[10]));
    clb_trace_free(&stopped), clb_trace_free(&whole);
}

static void t_divergence(void)
{
    paper_opts linear = CLB_ZERO;
    paper_problem p;
    clb_trace trace;
    linear.net.activation = CLB_IDENTITY;
    CHECK(paper_problem_draw(&p, &linear, 42, CLB_NORMAL_PUBLISHED) == CLB_OK);
    /* eta lambda_max = 5.5 > 4 */
    CHECK(clb_train(&p.net, &p.data, 0.3, 2000, NULL, &trace) == CLB_EDIVERGED);
    CHECK(trace.steps > 3 && trace.steps < 100);
    CHECK(isfinite(trace.loss[trace.steps - 1]) && isnan(trace.loss[trace.steps]));
    CHECK(isfinite(clb_trace_charge(&trace, 1, 0)) && isnan(clb_trace_charge(&trace, 1, 2000)));
    clb_trace_free(&trace);
    paper_problem_free(&p);
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
    paper_problem p;
    clb_train_opts opts = CLB_ZERO;
    clb_trace trace;
    clb_observer ob = CLB_ZERO;
    CHECK(paper_problem_draw(&p, NULL, 1, CLB_NORMAL_EXACT) == CLB_OK);
    double before = clb_weight_sumsq(&p.net, p.net.theta, 1);
    CHECK(clb_train(&p.net, &p.data, 0, 5, NULL, NULL) == CLB_ESTEP);
    CHECK(clb_train(&p.net, &p.data, -1, 5, NULL, NULL) == CLB_ESTEP);
    CHECK(clb_train(&p.net, &p.data, (double)NAN, 5, NULL, NULL) == CLB_ESTEP);
    CHECK(clb_train(&p.net, &p.data, (double)INFINITY, 5, NULL, NULL) == CLB_ESTEP);
    CHECK(clb_train(&p.net, &p.data, 0.1, (size_t)-1, NULL, &trace) == CLB_ESIZE);
    opts.batch = 201, opts.batch_rng = &p.rng;
    CHECK(clb_train(&p.net, &p.data, 0.1, 5, &opts, NULL) == CLB_EBATCH);
    opts.batch = 20, opts.batch_rng = NULL;
    CHECK(clb_train(&p.net, &p.data, 0.1, 5, &opts, NULL) == CLB_EBATCH);
    opts.batch = 0, opts.beta1 = 1;
    CHECK(clb_train(&p.net, &p.data, 0.1, 5, &opts, NULL) == CLB_EMOMENTUM);
    opts.beta1 = 0, opts.observers = &ob, opts.observer_count = 1;
    CHECK(clb_train(&p.net, &p.data, 0.1, 5, &opts, NULL) == CLB_ESCHEDULE);
    SAME_BITS(clb_weight_sumsq(&p.net, p.net.theta, 1), before);        /* nothing was touched */
    paper_problem_free(&p);
}

/* One mistake a row: its status, and what the text must name. */
static void t_messages(void)
{
    static const double rates[] = { 1, -2 };
    static const size_t back[] = { 5, 3 };
    clb_observer dumb = CLB_ZERO, late = { watch, NULL, 0, back, 2, 0 };
    paper_problem p;
    clb_error error;
    CHECK(paper_problem_draw(&p, NULL, 1, CLB_NORMAL_EXACT) == CLB_OK);
    for (int k = 0; k < 20; ++k) {
        clb_train_opts o = CLB_ZERO;
        clb_status want = CLB_OK;
        const char *text = "";
        double eta = 0.1;
        o.error = &error;
        switch (k) {
        case 0: eta = -3, want = CLB_ESTEP, text = "eta = -3"; break;
        case 1: o.rates = rates, want = CLB_ESTEP, text = "rates[1] = -2"; break;
        case 2: o.beta1 = 1.5, want = CLB_EMOMENTUM, text = "beta1 = 1.5"; break;
        case 3: o.beta2 = 1, want = CLB_EMOMENTUM, text = "beta2 = 1"; break;
        case 4: o.eps = -1, want = CLB_EMOMENTUM, text = "eps = -1"; break;
        case 5: o.l2 = -0.5, want = CLB_EDECAY, text = "l2 = -0.5"; break;
        case 6: o.decay = -0.5, want = CLB_EDECAY, text = "decay = -0.5"; break;
        case 7: o.loss_max = -1, want = CLB_ELIMIT, text = "loss_max = -1"; break;
        case 8: o.charge_max = -1, want = CLB_ELIMIT, text = "charge_max = -1"; break;
        case 9: o.clip = -1, want = CLB_ELIMIT, text = "clip = -1"; break;
        case 10: o.ce = 2, want = CLB_ELOSS, text = "ce = 2"; break;
        case 11: o.optimizer = (clb_optimizer)7, want = CLB_EOPTIMIZER, text = "optimizer = 7"; break;
        case 12: o.batch = 201, want = CLB_EBATCH, text = "batch = 201 rows; the data have 200"; break;
        case 13: o.batch = 20, want = CLB_EBATCH, text = "batch_rng is NULL"; break;
        case 14: o.observers = &dumb, want = CLB_ESCHEDULE, text = "observers[0]"; break;
        case 15: eta = -1.5e-20, want = CLB_ESTEP, text = "eta = -1.5e-20;"; break;
        case 16: eta = -2.5e-5, want = CLB_ESTEP, text = "eta = -0.000025;"; break;
        case 17: eta = -1234567, want = CLB_ESTEP, text = "eta = -1234570;"; break;
        case 18: eta = -3e15, want = CLB_ESTEP, text = "eta = -3e15;"; break;
        default: o.observers = &late, want = CLB_ESCHEDULE, text = "at[1] = 3 follows 5"; break;
        }
        o.observer_count = o.observers ? 1 : 0;
        NOTE("case %d", k);
        EQUAL(clb_train(&p.net, &p.data, eta, 5, &o, NULL), want);
        EQUAL(error.status, want);
        CHECK(strstr(error.text, text) != NULL);
    }
    clb_train_opts fine = CLB_ZERO;
    fine.error = &error;
    EQUAL(clb_train(&p.net, &p.data, 0.1, 5, &fine, NULL), CLB_OK);
    CHECK(error.status == CLB_OK && error.text[0] == '\0');
    fine.loss_max = 1e-9;
    EQUAL(clb_train(&p.net, &p.data, 0.1, 5, &fine, NULL), CLB_EDIVERGED);
    CHECK(strstr(error.text, "at update 0") != NULL);
    p.data.y[3] = 9;
    EQUAL(clb_train(&p.net, &p.data, 0.1, 5, &fine, NULL), CLB_ELABEL);
    CHECK(strstr(error.text, "y[3] = 9") != NULL);
    paper_problem_free(&p);
}

/* ---- what the trace ends with, and what it costs ---------------------------------------------- */

/* The loss behind the last update is that of the net which the run leaves, on all rows. */
static void t_final_loss(void)
{
    static const clb_activation activations[] = { CLB_RELU, CLB_TANH, CLB_IDENTITY };
    for (int k = 0; k < 18; ++k) {
        paper_opts how = CLB_ZERO;
        clb_train_opts opts = CLB_ZERO;
        paper_problem p;
        clb_pass pass;
        clb_trace trace;
        seen s = { 0, { 0 }, (size_t)-1 };
        clb_observer ob = { watch, &s, 5, NULL, 0, 0 };
        how.net.activation = activations[k % 3], how.n = 300;
        opts.ce = k / 3 % 2 ? CLB_CE : CLB_MSE, opts.batch = k / 6 == 1 ? 32 : 0;
        opts.observers = &ob, opts.observer_count = k / 6 == 2 ? 1 : 0;
        NOTE("case %d", k);
        CHECK(paper_problem_draw(&p, &how, 5, CLB_NORMAL_EXACT) == CLB_OK);
        opts.batch_rng = &p.rng;
        CHECK(clb_train(&p.net, &p.data, 0.01, 12, &opts, &trace) == CLB_OK);
        CHECK(clb_pass_init(&pass, &p.net, &p.data, opts.ce) == CLB_OK);
        if (k % 3 == 2 && k / 3 % 2 == 0 && !opts.batch)               /* sufficient statistics */
            NEAR(trace.loss[12] / clb_loss(&pass, NULL), 1, TOL(1e-13, 1e-5));
        else SAME_BITS(trace.loss[12], clb_loss(&pass, NULL));
        CHECK(trace.loss[12] < trace.loss[0]);
        clb_pass_free(&pass), clb_trace_free(&trace), paper_problem_free(&p);
    }
}

/* A run whose last update throws it out says so, as a longer one does. */
static void t_divergence_in_the_last_step(void)
{
    for (int k = 0; k < 4; ++k) {
        clb_train_opts opts = CLB_ZERO;
        clb_trace trace;
        size_t steps;
        opts.loss_max = k % 2 ? 1e4 : 0, opts.charge_max = k / 2 ? 1e6 : 0;
        CHECK(run(42, 3, 2000, &opts, &trace) == CLB_EDIVERGED);
        steps = trace.steps;
        clb_trace_free(&trace);
        NOTE("case %d, %zu steps", k, steps);
        CHECK(run(42, 3, steps, &opts, &trace) == CLB_EDIVERGED);
        EQUAL(trace.steps, steps);
        CHECK(isfinite(trace.loss[steps - 1]) && isnan(trace.loss[steps]));
        clb_trace_free(&trace);
        CHECK(run(42, 3, steps, &opts, NULL) == CLB_EDIVERGED);
        CHECK(run(42, 3, steps - 1, &opts, &trace) == CLB_OK);
        clb_trace_free(&trace);
    }
}

/* Nobody's trace: the same steps. */
static void t_without_trace(void)
{
    for (int k = 0; k < 2 * (int)CLB_OPTIMIZER_COUNT; ++k) {
        paper_problem p[2];
        clb_train_opts opts = CLB_ZERO;
        clb_trace trace;
        opts.optimizer = (clb_optimizer)(k / 2), opts.l2 = k % 2 ? 1e-3 : 0, opts.decay = 1e-3;
        for (int w = 0; w < 2; ++w) {
            CHECK(paper_problem_draw(&p[w], NULL, 1, CLB_NORMAL_EXACT) == CLB_OK);
            CHECK(clb_train(&p[w].net, &p[w].data, 0.01, 9, &opts, w ? &trace : NULL) == CLB_OK);
        }
        CHECK(memcmp(p[0].net.theta, p[1].net.theta, p[0].net.P * sizeof(clb_real)) == 0);
        clb_trace_free(&trace);
        for (int w = 0; w < 2; ++w) paper_problem_free(&p[w]);
    }
}

/* With batches too an observer sees all rows: loss, gradient, pass; looking changes no step. */
static clb_verdict all_rows(void *context, const clb_state *state)
{
    clb_pass pass;
    clb_real *grad = (clb_real *)malloc(state->net->P * sizeof *grad);
    CHECK(clb_pass_init(&pass, state->net, (const clb_data *)context, CLB_CE) == CLB_OK);
    SAME_BITS(clb_grad(&pass, NULL, grad), state->loss);
    CHECK(memcmp(grad, state->grad, state->net->P * sizeof *grad) == 0);
    EQUAL(state->pass->n, pass.n);
    SAME_BITS(state->pass->loss, state->loss);
    SAME_BITS(clb_trace_charge(state->trace, 1, state->t), clb_charge(state->net, NULL, 1));
    clb_pass_free(&pass), free(grad);
    return CLB_CONTINUE;
}

static clb_verdict freeze_first(void *context, const clb_state *state)
{
    (void)context;
    CHECK(clb_pass_freeze(state->pass, state->pass) == CLB_OK);
    return CLB_CONTINUE;
}

static void t_observers_see_all_rows(void)
{
    paper_problem p[2];
    clb_trace trace[2];
    clb_train_opts opts = CLB_ZERO;
    clb_observer ob = { all_rows, NULL, 3, NULL, 0, 0 };
    opts.ce = CLB_CE, opts.batch = 50, opts.observers = &ob;
    for (int w = 0; w < 2; ++w) {
        CHECK(paper_problem_draw(&p[w], NULL, 1, CLB_NORMAL_EXACT) == CLB_OK);
        ob.context = &p[w].data;
        opts.observer_count = (size_t)w, opts.batch_rng = &p[w].rng;
        CHECK(clb_train(&p[w].net, &p[w].data, 0.05, 10, &opts, &trace[w]) == CLB_OK);
    }
    CHECK(memcmp(p[0].net.theta, p[1].net.theta, p[0].net.P * sizeof(clb_real)) == 0);
    for (size_t t = 0; t <= 10; ++t) SAME_BITS(trace[0].loss[t], trace[1].loss[t]);
    ob.call = freeze_first;
    CHECK(clb_train(&p[0].net, &p[0].data, 0.05, 10, &opts, NULL) == CLB_EFROZEN);
    for (int w = 0; w < 2; ++w) clb_trace_free(&trace[w]), paper_problem_free(&p[w]);
}

/* A list is walked once, entries twice or beyond the end included; one that falls is refused. */
static void t_observer_list(void)
{
    static const size_t at[] = { 0, 2, 2, 9, 30, 99 }, want[] = { 0, 2, 9, 20 };
    static const size_t falling[] = { 0, 3, 2 };
    seen s = { 0, { 0 }, (size_t)-1 };
    clb_observer ob = { watch, &s, 0, at, 6, 0 };
    clb_train_opts opts = CLB_ZERO;
    opts.observers = &ob, opts.observer_count = 1;
    CHECK(run(1, 0.01, 20, &opts, NULL) == CLB_OK);
    EQUAL(s.count, 4);
    for (size_t i = 0; i < 4; ++i) EQUAL(s.t[i], want[i]);
    ob.at = falling, ob.at_count = 3;
    CHECK(run(1, 0.01, 20, &opts, NULL) == CLB_ESCHEDULE);
}

/* ---- flow and oscillation --------------------------------------------------------------------- */

/* theta and gradient before each of T updates. */
typedef struct journey { size_t P; clb_real *theta, *grad; } journey;
static clb_verdict note_path(void *context, const clb_state *state)
{
    journey *p = (journey *)context;
    memcpy(p->theta + state->t * p->P, state->net->theta, p->P * sizeof(clb_real));
    memcpy(p->grad + state->t * p->P, state->grad, p->P * sizeof(clb_real));
    return CLB_CONTINUE;
}

/* x^T D y of hidden layer l: k <x,y>_{l+1} - <x,y>_l, biases with their layer. */
static double form(const clb_net *net, size_t l, double k, const double *x, const double *y)
{
    double sum = 0;
    for (size_t j = 0; j < net->m[l + 1] * net->m[l]; ++j)
        sum += k * x[net->w[l + 1] + j] * y[net->w[l + 1] + j];
    for (size_t j = 0; j < net->m[l] * net->m[l - 1]; ++j)
        sum -= x[net->w[l] + j] * y[net->w[l] + j];
    for (size_t j = 0; net->b[l] != CLB_NO_BIAS && j < net->m[l]; ++j)
        sum -= x[net->b[l] + j] * y[net->b[l] + j];
    return sum;
}

/* s and v of step t from gradients alone: v = beta v + G + l2 W, and the update s. */
static void path_step(const journey *p, size_t t, const clb_train_opts *o, double eta, double *v,
                      double *s)
{
    const double beta = o->optimizer == CLB_GD ? 0 : o->beta1;
    for (size_t j = 0; j < p->P; ++j) {
        double g = (double)p->grad[t * p->P + j] + o->l2 * (double)p->theta[t * p->P + j];
        v[j] = beta * v[j] + g;
        s[j] = eta * (o->optimizer == CLB_NESTEROV ? g + beta * v[j] : v[j]);
    }
}

/* What b_t^T D b_t at step t adds to the charge by the end, without decay: geometric sums. */
static double path_oscillation(const clb_net *net, size_t l, const journey *p, size_t T,
                               const clb_train_opts *o, double eta, double k)
{
    double *v = (double *)calloc(5 * p->P, sizeof *v), *s = v + p->P, *v0 = s + p->P,
           *s0 = v0 + p->P, *turn = s0 + p->P, sum = 0;
    for (size_t t = 0; t < T; ++t) {
        double later = (1 - pow(o->beta1, (double)(T - 1 - t))) / (1 - o->beta1), b_b, b_v;
        memcpy(v0, v, p->P * sizeof *v), memcpy(s0, s, p->P * sizeof *s);
        path_step(p, t, o, eta, v, s);
        if (t == 0) continue;
        for (size_t j = 0; j < p->P; ++j) s0[j] = (s0[j] - s[j]) / 2, turn[j] = (v0[j] - v[j]) / 2;
        b_b = form(net, l, k, s0, s0), b_v = form(net, l, k, s0, turn);
        sum += b_b;
        if (o->optimizer == CLB_HEAVY_BALL) sum += 2 * o->beta1 * later * b_b;
        if (o->optimizer == CLB_NESTEROV) sum += 2 * eta * o->beta1 * o->beta1 * later * b_v;
    }
    free(v);
    return sum;
}

/* Without decay, with a constant step for all layers, the oscillation has a closed form. */
static int is_plain(const clb_train_opts *o)
{
    return o->decay == 0 && o->l2 == 0 && !o->rates && !o->schedule.warmup && !o->schedule.kind &&
           o->clip > 1e300;
}

/* The neurons' charges that the law is about. */
static void law_charges(const clb_net *net, const double *rates, double *out)
{
    const clb_real *W = net->theta;
    for (size_t l = 1; l < net->L; ++l)
        for (size_t j = 0; j < net->m[l]; ++j, ++out) {
            size_t m = net->m[l], below = net->m[l - 1];
            double b = net->b[l] == CLB_NO_BIAS ? 0 : (double)W[net->b[l] + j];
            double upper = 0, lower = b * b + clb_sumsq(below, W + net->w[l] + j * below);
            for (size_t i = 0; i < net->m[l + 1]; ++i) {
                double w = (double)W[net->w[l + 1] + i * m + j];
                upper += w * w;
            }
            *out = clb_degree(net) * upper / (rates ? rates[l] : 1) -
                   lower / (rates ? rates[l - 1] : 1);
        }
}

static void check_split(const paper_opts *how, const clb_train_opts *opts, double eta)
{
    enum { T = 60 };
    paper_problem p;
    clb_trace trace;
    clb_train_opts o = *opts;
    journey seen_path;
    clb_observer ob = CLB_ZERO;
    double *start, *end, k;
    size_t hidden;
    CHECK(paper_problem_draw(&p, how, 9, CLB_NORMAL_EXACT) == CLB_OK);
    hidden = clb_hidden_count(&p.net), k = clb_degree(&p.net);
    start = (double *)malloc(2 * hidden * sizeof *start), end = start + hidden;
    seen_path.P = p.net.P;
    seen_path.theta = (clb_real *)malloc(2 * (T + 1) * p.net.P * sizeof(clb_real));
    seen_path.grad = seen_path.theta + (T + 1) * p.net.P;
    ob.call = note_path, ob.context = &seen_path, ob.every = 1;
    o.observers = &ob, o.observer_count = 1, o.neurons = 1;
    clb_train_opts_resolve(&o);
    law_charges(&p.net, o.rates, start);
    CHECK(clb_train(&p.net, &p.data, eta, T, &o, &trace) == CLB_OK);
    law_charges(&p.net, o.rates, end);
    for (size_t l = 1, at = 0; l < p.net.L; ++l) {
        double scale = fabs(trace.flow[l - 1]) + fabs(trace.oscillation[l - 1]), sum = 0, rest = 0;
        NEAR_REL(trace.flow[l - 1] + trace.oscillation[l - 1], trace.predicted[l - 1], 1e-12);
        CHECK(fabs(clb_trace_law_drift(&trace, l) - trace.predicted[l - 1]) <= TOL(1e-12, 5e-4));
        if (is_plain(&o))
            CHECK(fabs(trace.oscillation[l - 1] -
                       path_oscillation(&p.net, l, &seen_path, T, &o, eta, k)) <=
                  TOL(1e-12, 1e-5) * scale);
        for (size_t j = 0; j < p.net.m[l]; ++j, ++at) {
            sum += trace.neuron_oscillation[at], rest += trace.neuron_flow[at];
            NEAR(trace.neuron_flow[at] + trace.neuron_oscillation[at], end[at] - start[at],
                 TOL(1e-12, 1e-5));
        }
        CHECK(fabs(sum - trace.oscillation[l - 1]) <= TOL(1e-12, 1e-5) * scale);
        CHECK(fabs(rest - trace.flow[l - 1]) <= TOL(1e-12, 1e-4) * scale);
    }
    clb_trace_free(&trace), paper_problem_free(&p), free(start), free(seen_path.theta);
}

static void t_flow_and_oscillation(void)
{
    for (int k = 0; k < 24; ++k) {
        paper_opts how = CLB_ZERO;
        clb_train_opts opts = CLB_ZERO;
        how.n = 50, how.m = 12, how.L = (size_t)(2 + k % 3), how.net.bias = k % 2 ? -1 : 0;
        if (k / 3 % 4 == 3) how.net.activation = CLB_RELU_POWER, how.net.param = 2, how.net.bias = 0;
        opts.optimizer = (clb_optimizer)(k / 3 % (int)CLB_ADAM);
        if (k >= 12) opts.l2 = 1e-2, opts.decay = k >= 18 ? 1e-2 : 0;
        NOTE("case %d", k);
        check_split(&how, &opts, k / 3 % 4 == 3 ? 0.05 : 0.1);
    }
}

/* The same with a step size that changes, other step sizes for the layers, clipping; and a second call
 * that starts with momentum. */
static void t_laws_of_schedules(void)
{
    static const double rates[] = { 0.5, 2, 1.5 };
    for (int k = 0; k < 48; ++k) {
        paper_opts how = CLB_ZERO;
        clb_train_opts opts = CLB_ZERO;
        how.n = 50, how.m = 12, how.L = (size_t)(2 + k % 2), how.net.bias = k / 2 % 2 ? -1 : 0;
        opts.optimizer = (clb_optimizer)(k / 4 % (int)CLB_ADAM);
        if (k / 12 == 0) opts.schedule.warmup = 7, opts.schedule.kind = CLB_COSINE;
        if (k / 12 == 1) opts.schedule.kind = CLB_STAIRS, opts.schedule.every = 11;
        if (k / 12 == 1) opts.schedule.factor = 0.5, opts.l2 = 1e-2, opts.decay = 1e-2;
        if (k / 12 == 2) opts.rates = rates, opts.l2 = k % 2 ? 1e-2 : 0;
        if (k / 12 == 3) opts.clip = 0.2, opts.rates = rates, opts.decay = 1e-2;
        opts.schedule.horizon = 60;
        NOTE("case %d", k);
        check_split(&how, &opts, 0.1);
    }
}

/* Each schedule's numbers, from their formulas written out. */
static double own_eta(void *context, size_t t) { return *(double *)context / (double)(t + 1); }
static void t_schedule(void)
{
    clb_schedule s = CLB_ZERO;
    double c = 3;
    SAME_BITS(clb_schedule_eta(NULL, 0.3, 9), 0.3);
    SAME_BITS(clb_schedule_eta(&s, 0.3, 9), 0.3);
    s.warmup = 4;
    for (size_t t = 0; t < 4; ++t)
        NEAR_REL(clb_schedule_eta(&s, 0.3, t), 0.3 * (double)(t + 1) / 5, 1e-15);
    SAME_BITS(clb_schedule_eta(&s, 0.3, 4), 0.3);
    s.kind = CLB_COSINE, s.floor = 0.1;
    CHECK(isnan(clb_schedule_eta(&s, 0.3, 5)));               /* no horizon */
    s.horizon = 104;
    for (size_t t = 4; t < 104; t += 25)
        NEAR_REL(clb_schedule_eta(&s, 0.3, t),
                 0.3 * (0.1 + 0.9 * pow(cos((double)(t - 4) * acos(-1.0) / 200), 2)), 1e-14);
    NEAR_REL(clb_schedule_eta(&s, 0.3, 104), 0.03, 1e-15);
    NEAR_REL(clb_schedule_eta(&s, 0.3, 1000), 0.03, 1e-15);
    s.kind = CLB_STAIRS, s.warmup = 0, s.every = 10;
    NEAR_REL(clb_schedule_eta(&s, 0.3, 9), 0.3, 1e-15);
    NEAR_REL(clb_schedule_eta(&s, 0.3, 30), 0.0003, 1e-14);    /* factor 0 is 0.1 */
    s.factor = 0.5;
    NEAR_REL(clb_schedule_eta(&s, 0.3, 30), 0.0375, 1e-15);
    s.every = 0;
    CHECK(isnan(clb_schedule_eta(&s, 0.3, 30)));
    s.call = own_eta, s.context = &c;
    NEAR_REL(clb_schedule_eta(&s, 0.3, 5), 0.5, 1e-15);
}

/* step[t] and the time that observers see follow the schedule; a step that is no number is told. */
static double bad_eta(void *context, size_t t) { return t == *(size_t *)context ? -1.0 : 0.01; }
static clb_verdict last_time(void *context, const clb_state *state)
{
    *(double *)context = state->time;
    return CLB_CONTINUE;
}

static void t_schedule_in_a_run(void)
{
    clb_train_opts opts = CLB_ZERO;
    clb_trace trace;
    size_t bad = 3;
    double time = 0, sum = 0;
    clb_observer ob = { last_time, &time, 50, NULL, 0, 0 };
    opts.schedule.warmup = 5, opts.schedule.kind = CLB_COSINE, opts.schedule.horizon = 20;
    opts.observers = &ob, opts.observer_count = 1;
    CHECK(run(1, 0.1, 20, &opts, &trace) == CLB_OK);
    for (size_t t = 0; t < 20; ++t) {
        SAME_BITS(trace.step[t], clb_schedule_eta(&opts.schedule, 0.1, t));
        sum += trace.step[t];
    }
    NEAR(time, sum, 1e-14);
    clb_trace_free(&trace);
    opts.schedule.call = bad_eta, opts.schedule.context = &bad;
    CHECK(run(1, 0.1, 3, &opts, NULL) == CLB_OK);
    CHECK(run(1, 0.1, 4, &opts, NULL) == CLB_ESCHEDULE);
}

/* Clipping: no step is longer than eta clip; shorter gradients are left alone. */
static void t_clip(void)
{
    clb_train_opts opts = CLB_ZERO;
    clb_trace plain, clipped;
    double g;
    CHECK(run(1, 0.1, 30, &opts, &plain) == CLB_OK);
    g = plain.g[0] + plain.g[1];
    opts.clip = 2 * sqrt(g);
    CHECK(run(1, 0.1, 1, &opts, &clipped) == CLB_OK);
    SAME_BITS(clipped.step[0], 0.1);
    SAME_BITS(clipped.q[2], plain.q[2]);
    clb_trace_free(&clipped);
    opts.clip = 0.25 * sqrt(g);
    CHECK(run(1, 0.1, 30, &opts, &clipped) == CLB_OK);
    SAME_BITS(clipped.g[0], plain.g[0]);                     /* norms are those before clipping */
    for (size_t t = 0; t < 30; ++t)
        NEAR_REL(clipped.step[t] * sqrt(clipped.g[2 * t] + clipped.g[2 * t + 1]),
                 0.1 * fmin(opts.clip, sqrt(clipped.g[2 * t] + clipped.g[2 * t + 1])), 1e-12);
    NEAR_REL(clb_trace_law_drift(&clipped, 1), clipped.predicted[0], TOL(1e-11, 1e-2));
    clb_trace_free(&plain), clb_trace_free(&clipped);
}

/* 400 updates are 4 times 100 with one state, bit for bit. */
static void check_calls(const clb_train_opts *opts, int k)
{
    paper_problem p[2];
    clb_train_state state;
    clb_trace whole, part;
    for (int w = 0; w < 2; ++w) {
        clb_train_opts o = *opts;
        CHECK(paper_problem_draw(&p[w], NULL, 3, CLB_NORMAL_EXACT) == CLB_OK);
        o.batch_rng = &p[w].rng;
        CHECK(clb_train_state_init(&state, &p[w].net, &p[w].data, &o) == CLB_OK);
        o.state = w ? &state : NULL;
        if (w == 0) CHECK(clb_train(&p[0].net, &p[0].data, 0.01, 400, &o, &whole) == CLB_OK);
        for (size_t i = 0; w && i < 4; ++i) {
            CHECK(clb_train(&p[1].net, &p[1].data, 0.01, 100, &o, &part) == CLB_OK);
            NOTE("case %d, call %zu", k, i);
            for (size_t t = 0; t < 100; ++t) {
                SAME_BITS(part.loss[t], whole.loss[100 * i + t]);
                SAME_BITS(part.step[t], whole.step[100 * i + t]);
            }
            if (opts->optimizer != CLB_ADAM)
                NEAR(part.flow[0] + part.oscillation[0], clb_trace_law_drift(&part, 1),
                     TOL(1e-11, 1e-3));
            if (opts->optimizer != CLB_ADAM && opts->decay == 0 && opts->l2 == 0)
                NEAR(part.predicted[0], clb_trace_law_drift(&part, 1), TOL(1e-11, 1e-3));
            clb_trace_free(&part);
        }
        clb_train_state_free(&state);
    }
    CHECK(memcmp(p[0].net.theta, p[1].net.theta, p[0].net.P * sizeof(clb_real)) == 0);
    clb_trace_free(&whole);
    for (int w = 0; w < 2; ++w) paper_problem_free(&p[w]);
}

static void t_state(void)
{
    static const double rates[] = { 1, 0.4 };
    for (int k = 0; k < 4 * (int)CLB_OPTIMIZER_COUNT; ++k) {
        clb_train_opts opts = CLB_ZERO;
        opts.optimizer = (clb_optimizer)(k / 4), opts.batch = k % 2 ? 30 : 0;
        if (k % 4 == 1) opts.rates = rates;
        if (k / 2 % 2) opts.schedule.kind = CLB_COSINE, opts.schedule.horizon = 300;
        if (k / 2 % 2) opts.schedule.warmup = 150, opts.clip = 0.1, opts.l2 = 1e-3;
        check_calls(&opts, k);
    }
}

static void t_state_of_another_run(void)
{
    paper_problem p;
    clb_train_opts opts = CLB_ZERO;
    clb_train_state state;
    CHECK(paper_problem_draw(&p, NULL, 3, CLB_NORMAL_EXACT) == CLB_OK);
    opts.batch_rng = &p.rng, opts.state = &state;
    CHECK(clb_train_state_init(&state, &p.net, &p.data, &opts) == CLB_OK);
    opts.optimizer = CLB_ADAM;
    CHECK(clb_train(&p.net, &p.data, 0.01, 1, &opts, NULL) == CLB_EOPTIMIZER);
    opts.optimizer = CLB_GD, opts.batch = 10;
    CHECK(clb_train(&p.net, &p.data, 0.01, 1, &opts, NULL) == CLB_EOPTIMIZER);
    opts.batch = 0, state.P += 1;
    CHECK(clb_train(&p.net, &p.data, 0.01, 1, &opts, NULL) == CLB_EOPTIMIZER);
    state.P -= 1;
    CHECK(clb_train(&p.net, &p.data, 0.01, 1, &opts, NULL) == CLB_OK);
    EQUAL(state.t, 1);
    clb_train_state_free(&state), paper_problem_free(&p);
}

/* Early stopping against a run that looks itself at the same updates. */
typedef struct aside { const clb_data *data; double loss[64]; clb_real *theta; } aside;
static clb_verdict note_aside(void *context, const clb_state *state)
{
    aside *a = (aside *)context;
    clb_pass pass;
    CHECK(clb_pass_init(&pass, state->net, a->data, CLB_CE) == CLB_OK);
    a->loss[state->t / 5] = clb_loss(&pass, NULL);
    memcpy(a->theta + state->t / 5 * state->net->P, state->net->theta,
           state->net->P * sizeof(clb_real));
    clb_pass_free(&pass);
    return CLB_CONTINUE;
}

static void t_early_stopping(void)
{
    paper_problem p[2];
    clb_data train, kept;
    clb_early_stop early = CLB_ZERO;
    clb_train_opts opts = CLB_ZERO;
    clb_trace trace;
    aside a;
    clb_observer ob = { note_aside, &a, 5, NULL, 0, 0 };
    size_t best = 0, idle = 0, i = 0;
    for (int w = 0; w < 2; ++w) {
        paper_opts how = CLB_ZERO;
        how.n = 60, how.separation = 0.3;
        CHECK(paper_problem_draw(&p[w], &how, 3, CLB_NORMAL_EXACT) == CLB_OK);
        train = kept = p[w].data, train.n = 40, kept.n = 20;
        kept.X += 40 * kept.d, kept.y += 40;
        a.data = &kept;
        if (w == 0) {
            a.theta = (clb_real *)malloc(64 * p[0].net.P * sizeof(clb_real));
            opts.ce = CLB_CE, opts.observers = &ob, opts.observer_count = 1;
            CHECK(clb_train(&p[0].net, &train, 0.5, 300, &opts, NULL) == CLB_OK);
            for (i = 1; i <= 60 && idle < 4; ++i) {
                if (a.loss[i] < a.loss[best]) best = i, idle = 0; else ++idle;
            }
            CHECK(best > 0 && i < 60);                 /* the case has an inner optimum */
            opts.observer_count = 0, early.every = 5, early.patience = 4, opts.early = &early;
            continue;
        }
        early.data = &kept;
        CHECK(clb_train(&p[1].net, &train, 0.5, 300, &opts, &trace) == CLB_OK);
        EQUAL(early.best_t, 5 * best);
        SAME_BITS(early.best_loss, a.loss[best]);
        EQUAL(early.stopped, 1);
        EQUAL(trace.steps, 5 * (i - 1));
        CHECK(memcmp(p[1].net.theta, a.theta + best * p[1].net.P,
                     p[1].net.P * sizeof(clb_real)) == 0);
        clb_trace_free(&trace);
    }
    memset(&early, 0, sizeof early);                   /* what 0 stands for */
    early.data = &kept;
    EQUAL(clb_train(&p[1].net, &train, 0.5, 1, &opts, NULL), CLB_OK);
    EQUAL(early.every, 10);
    EQUAL(early.patience, 10);
    free(a.theta);
    for (int w = 0; w < 2; ++w) paper_problem_free(&p[w]);
}

/* The factor of the first weights. */
static void t_init_scale(void)
{
    paper_opts how = CLB_ZERO;
    paper_problem p[2];
    for (int w = 0; w < 2; ++w) {
        how.net.scale = w ? 2 : 0;
        CHECK(paper_problem_draw(&p[w], &how, 3, CLB_NORMAL_EXACT) == CLB_OK);
    }
    for (size_t j = 0; j < p[0].net.P; ++j)
        SAME_BITS(p[1].net.theta[j], 2 * p[0].net.theta[j]);
    for (int w = 0; w < 2; ++w) paper_problem_free(&p[w]);
}

/* Adam has no law. */
static void t_no_split_without_a_law(void)
{
    clb_train_opts opts = CLB_ZERO;
    clb_trace trace;
    opts.optimizer = CLB_ADAM;
    CHECK(run(1, 1e-3, 5, &opts, &trace) == CLB_OK);
    CHECK(isnan(trace.flow[0]) && isnan(trace.oscillation[0]));
    clb_trace_free(&trace);
}

/* Below the edge of stability the drift is flow, at the edge it is oscillation. */
static void t_split_at_the_edge(void)
{
    paper_opts how = CLB_ZERO;
    clb_trace trace;
    how.separation = 0.5;
    CHECK(paper_train(&how, 42, 2, 1500, NULL, &trace) == CLB_OK);
    CHECK(trace.oscillation[0] > 0.9 * clb_trace_law_drift(&trace, 1));
    clb_trace_free(&trace);
    CHECK(paper_train(&how, 42, 0.05, 1500, NULL, &trace) == CLB_OK);
    CHECK(fabs(trace.oscillation[0]) < 0.01 * fabs(clb_trace_law_drift(&trace, 1)));
    clb_trace_free(&trace);
}

/* ---- watching ---------------------------------------------------------------------------------- */

/* What a watch of zeros does: 101 looks at the largest eigenvalue, or one at every step of a short
 * run; and log-spaced looks, and listed ones. */
static void t_watch_defaults(void)
{
    static const size_t T[] = { 1, 7, 99, 100, 250 }, every[] = { 1, 1, 1, 1, 2 };
    static const size_t listed[] = { 0, 3, 4, 11 }, spaced[] = { 0, 1, 3, 10, 12 };
    const size_t widths[] = { 2, 2, 2 };
    clb_watch watch = CLB_ZERO;
    clb_net net;
    clb_data data;
    clb_rng rng;
    clb_rng_seed(&rng, 8);
    CHECK(clb_net_init(&net, widths, 3, NULL, &rng) == CLB_OK);
    CHECK(clb_data_mixture(&data, &rng, 5, 2, 2, 1) == CLB_OK);
    for (size_t i = 0; i < 5; ++i) {
        NOTE("T = %lu", (unsigned long)T[i]);
        CHECK(clb_train_watched(&net, &data, 0.01, T[i], NULL, &watch) == CLB_OK);
        EQUAL(watch.k, 1);
        EQUAL(watch.every, every[i]);
        EQUAL(watch.count, T[i] / every[i] + 1);
        for (size_t r = 0; r < watch.count; ++r) EQUAL(watch.t[r], r * every[i]);
        clb_watch_free(&watch);
    }
    watch.at = listed, watch.at_count = 3;                       /* and after the last step */
    CHECK(clb_train_watched(&net, &data, 0.01, 11, NULL, &watch) == CLB_OK);
    EQUAL(watch.count, 4);
    for (size_t r = 0; r < 4; ++r) EQUAL(watch.t[r], listed[r]);
    clb_watch_free(&watch);
    watch.per_decade = 2;
    CHECK(clb_train_watched(&net, &data, 0.01, 12, NULL, &watch) == CLB_OK);
    EQUAL(watch.count, 5);
    for (size_t r = 0; r < 5; ++r) EQUAL(watch.t[r], spaced[r]);
    clb_watch_free(&watch);
    clb_data_free(&data);
    clb_net_free(&net);
}

/* Every look against the sharpness from scratch and against all eigenvalues of the Hessian, past the
 * edge, where directions overtake each other. */
typedef struct again { double top[2][32]; size_t count; clb_data *data; } again;
static clb_verdict from_scratch(void *context, const clb_state *state)
{
    again *a = (again *)context;
    clb_pass pass;
    clb_curv curv;
    size_t P = state->net->P;
    clb_real *H = (clb_real *)malloc(P * P * sizeof *H);
    double *values = (double *)malloc(P * sizeof *values);
    CHECK(clb_pass_init(&pass, state->net, a->data, CLB_MSE) == CLB_OK);
    CHECK(clb_curv_init(&curv, &pass) == CLB_OK);
    clb_curv_at(&curv, NULL);
    CHECK(clb_hessian(&curv, H, P) == CLB_OK);
    CHECK(clb_eigh(P, H, P, values, NULL) == CLB_OK);
    a->top[0][a->count] = values[P - 1], a->top[1][a->count++] = values[P - 2];
    clb_curv_free(&curv), clb_pass_free(&pass), free(H), free(values);
    return CLB_CONTINUE;
}

static void t_watched(void)
{
    paper_opts how = CLB_ZERO;
    paper_problem p[2];
    clb_watch watch = CLB_ZERO;
    clb_train_opts opts = CLB_ZERO;
    clb_trace alone;
    again a = CLB_ZERO;
    clb_observer ob = { from_scratch, &a, 50, NULL, 0, 0 };
    size_t above = 0;
    how.n = 80, how.m = 10, how.d = 8, how.separation = 0.5;
    for (int w = 0; w < 2; ++w) CHECK(paper_problem_draw(&p[w], &how, 5, CLB_NORMAL_EXACT) == CLB_OK);
    a.data = &p[0].data;
    opts.observers = &ob, opts.observer_count = 1;
    watch.every = 50, watch.k = 2;
    CHECK(clb_train_watched(&p[0].net, &p[0].data, 1.5, 1000, &opts, &watch) == CLB_OK);
    CHECK(clb_train(&p[1].net, &p[1].data, 1.5, 1000, NULL, &alone) == CLB_OK);
    CHECK(memcmp(p[0].net.theta, p[1].net.theta, p[0].net.P * sizeof(clb_real)) == 0);
    CHECK(watch.count == 21 && a.count == 21 && watch.unsure == 0);
    for (size_t i = 0; i < 21; ++i) {
        NOTE("look %zu", i);
        EQUAL(watch.t[i], 50 * i);
        NEAR_REL(watch.value[2 * i], a.top[0][i], TOL(1e-6, 1e-3));
        NEAR_REL(watch.value[2 * i + 1], a.top[1][i], TOL(1e-6, 1e-3));
        SAME_BITS(watch.loss[i], alone.loss[50 * i]);
        SAME_BITS(watch.charge[i], clb_trace_charge(&alone, 1, 50 * i));
        SAME_BITS(watch.limit[i], 2 / 1.5);
        above += watch.value[2 * i] > watch.limit[i];
    }
    CHECK(above > 3);                                        /* the run is at the edge */
    SAME_BITS(watch.trace.flow[0], alone.flow[0]);
    clb_watch_free(&watch), clb_trace_free(&alone);
    for (int w = 0; w < 2; ++w) paper_problem_free(&p[w]);
}

/* The schedules of looks, a schedule of steps, batches, divergence, and defaults. */
static void t_watched_when(void)
{
    static const size_t at[] = { 0, 3, 40 };
    for (int k = 0; k < 5; ++k) {
        paper_problem p;
        clb_watch watch = CLB_ZERO;
        clb_train_opts opts = CLB_ZERO;
        clb_status want = k == 4 ? CLB_EDIVERGED : CLB_OK;
        CHECK(paper_problem_draw(&p, NULL, 5, CLB_NORMAL_EXACT) == CLB_OK);
        if (k == 1) watch.at = at, watch.at_count = 3;
        if (k == 2) watch.per_decade = 3;
        if (k == 3) opts.batch = 50, opts.batch_rng = &p.rng, opts.schedule.warmup = 9;
        NOTE("case %d", k);
        CHECK(clb_train_watched(&p.net, &p.data, k == 4 ? 30 : 0.1, k == 0 ? 201 : 12, &opts,
                                &watch) == want);
        EQUAL(watch.count, k == 0 ? 102 : k == 1 ? 3 : k == 2 ? 6 : k == 3 ? 13 : watch.count);
        CHECK(watch.count > 0);
        if (k == 3) NEAR_REL(watch.limit[0], 200, 1e-14);
        EQUAL(watch.k, 1);
        clb_watch_free(&watch), paper_problem_free(&p);
    }
}

/* |x| after many steps on lambda x^2 / 2, by the definition of each optimiser. */
static double quadratic(const clb_train_opts *o, double eta, double lambda)
{
    const double beta = o->optimizer == CLB_GD ? 0 : o->beta1;
    double x = 1, v = 0, most = 0;
    for (int t = 0; t < 4000; ++t) {
        double g = (lambda + o->l2) * x, u;
        v = beta * v + g;
        u = o->optimizer == CLB_NESTEROV ? g + beta * v : v;
        x = (1 - eta * o->decay) * x - eta * u;
        if (t >= 3900) most = fmax(most, fabs(x));
    }
    return most;
}

static void t_stability_limit(void)
{
    for (int k = 0; k < 12; ++k) {
        clb_train_opts opts = CLB_ZERO;
        double limit;
        opts.optimizer = (clb_optimizer)(k % (int)CLB_ADAM), opts.beta1 = 0.6;
        opts.l2 = k / 3 % 2 ? 0.7 : 0, opts.decay = k / 6 ? 0.4 : 0;
        limit = clb_stability_limit(&opts, 0.2);
        NOTE("case %d, limit %g", k, limit);
        CHECK(quadratic(&opts, 0.2, 0.99 * limit) < 1e-3);
        CHECK(quadratic(&opts, 0.2, 1.01 * limit) > 1e3);
    }
    NEAR(clb_stability_limit(NULL, 0.5), 4, 0);
}

/* ---- files --------------------------------------------------------------------------------------- */

static void temporary(char *path, size_t size, const char *name)
{
    const char *folder = getenv("TMPDIR");
    snprintf(path, size, "%s/clb_t_train_%p_%s", folder ? folder : "/tmp", (void *)path, name);
}

static void t_trace_files(void)
{
    paper_opts how = CLB_ZERO;
    paper_problem p;
    clb_trace trace;
    clb_tensors all;
    char path[300], *text, *at;
    seen s = { 0, { 0 }, 5 };
    clb_observer ob = { watch, &s, 1, NULL, 0, 0 };
    clb_train_opts opts = CLB_ZERO;
    how.L = 3, how.net.bias = -1;
    opts.observers = &ob, opts.observer_count = 1;
    CHECK(paper_problem_draw(&p, &how, 5, CLB_NORMAL_EXACT) == CLB_OK);
    CHECK(clb_train(&p.net, &p.data, 0.1, 9, &opts, &trace) == CLB_OK);      /* stops at 5 */
    temporary(path, sizeof path, "trace.csv");
    CHECK(clb_trace_csv_save(&trace, path) == CLB_OK);
    CHECK((text = text_of(path)) != NULL);
    remove(path);
    at = strchr(text, '\n');
    CHECK(at && !strncmp(text, "t,loss,step,W1,W2,W3,b1,b2,b3,G1,G2,G3,g1,g2,g3,C1,C2\n",
                         (size_t)(at - text) + 1));
    for (size_t t = 0; t <= 5; ++t) {
        double want[17];
        want[0] = (double)t, want[1] = trace.loss[t], want[2] = trace.step[t];
        for (size_t l = 0; l < 3; ++l) {
            want[3 + l] = trace.q[3 * t + l], want[6 + l] = trace.qb[3 * t + l];
            want[9 + l] = trace.g[3 * t + l], want[12 + l] = trace.gb[3 * t + l];
        }
        for (size_t l = 1; l < 3; ++l) want[14 + l] = clb_trace_law(&trace, l, t);
        for (int c = 0; c < 17; ++c) {
            ++at;
            NOTE("row %zu, column %d", t, c);
            if (t == 5 && (c == 2 || (c >= 9 && c < 15))) CHECK(*at == ',');
            else SAME_BITS(strtod(at, &at), want[c]);
            CHECK(*at == (c == 16 ? '\n' : ','));
        }
    }
    CHECK(at[1] == '\0');
    free(text);
    temporary(path, sizeof path, "trace.npz");
    CHECK(clb_trace_npz_save(&trace, path) == CLB_OK);
    CHECK(clb_tensors_load(&all, path, NULL) == CLB_OK);
    remove(path);
    EQUAL(all.count, 14);
    const clb_tensor *q = clb_tensors_find(&all, "q"), *flow = clb_tensors_find(&all, "flow");
    CHECK(q && q->array.rank == 2 && q->array.shape[0] == 6 && q->array.shape[1] == 3);
    for (size_t i = 0; i < 18; ++i) SAME_BITS(q->array.x[i], trace.q[i]);
    CHECK(flow && flow->array.rank == 1 && flow->array.count == 2);
    for (size_t i = 0; i < 2; ++i) SAME_BITS(flow->array.x[i], trace.flow[i]);
    CHECK(clb_tensors_find(&all, "loss")->array.count == 6);
    CHECK(clb_tensors_find(&all, "g")->array.count == 15);
    CHECK(clb_trace_csv_save(&trace, "/nowhere/at/all") == CLB_EIO);
    clb_tensors_free(&all), clb_trace_free(&trace), paper_problem_free(&p);
}

/* A trace of zeros is not saved, and the file that stands under the name is not touched. */
static void t_trace_of_zeros(void)
{
    clb_trace empty = CLB_ZERO;
    char path[300], *text;
    for (int npz = 0; npz < 2; ++npz)
        for (int there = 0; there < 2; ++there) {
            FILE *file;
            NOTE("%s, %s", npz ? "npz" : "csv", there ? "over a file" : "no file");
            temporary(path, sizeof path, npz ? "zeros.npz" : "zeros.csv");
            remove(path);
            if (there) {
                CHECK((file = fopen(path, "wb")) != NULL);
                fputs("kept", file);
                fclose(file);
            }
            EQUAL((npz ? clb_trace_npz_save : clb_trace_csv_save)(&empty, path), CLB_EUNSET);
            file = fopen(path, "rb");
            CHECK((file != NULL) == there);
            if (!file) continue;
            fclose(file);
            CHECK((text = text_of(path)) != NULL && !strcmp(text, "kept"));
            free(text);
            remove(path);
        }
}

/* T = 0 and one-layer nets are legal. */
static void t_edges(void)
{
    paper_opts one = CLB_ZERO;
    paper_problem p;
    clb_trace trace;
    one.L = 1;
    CHECK(paper_problem_draw(&p, &one, 1, CLB_NORMAL_EXACT) == CLB_OK);
    CHECK(clb_train(&p.net, &p.data, 0.01, 0, NULL, &trace) == CLB_OK);
    EQUAL(trace.steps, 0);
    clb_trace_free(&trace);
    CHECK(clb_train(&p.net, &p.data, 0.01, 5, NULL, &trace) == CLB_OK);
    CHECK(trace.loss[4] < trace.loss[0]);
    clb_trace_free(&trace);
    paper_problem_free(&p);
}

/* ---- linear nets under squared loss: the statistics against the pass ------------------------- */

enum { LABELS, SOFT, REPEATED, ZERO_COLUMN, ZERO_DATA, KINDS };

/* n rows of noise; SOFT: real targets, REPEATED: the last column is twice the first, and a row
 * comes again. */
static clb_data noise_data(size_t n, size_t d, size_t K, int kind)
{
    clb_data data = CLB_ZERO;
    clb_rng rng;
    clb_rng_seed(&rng, 7 * n + d);
    data.n = n, data.d = d, data.K = K, data.owned = 1;
    data.X = (clb_real *)malloc(n * d * sizeof(clb_real));
    data.y = (int *)malloc(n * sizeof(int));
    if (kind == SOFT) data.targets = (clb_real *)malloc(n * K * sizeof(clb_real));
    clb_rng_normal(&rng, n * d, data.X);
    for (size_t i = 0; i < n; ++i) {
        data.y[i] = (int)clb_rng_below(&rng, (uint32_t)K);
        if (kind == REPEATED) data.X[i * d + d - 1] = 2 * data.X[i * d];
        if (kind == ZERO_COLUMN) data.X[i * d + d / 2] = 0;
    }
    if (kind == SOFT) clb_rng_normal(&rng, n * K, data.targets);
    if (kind == REPEATED) memcpy(data.X + d, data.X, d * sizeof(clb_real));
    if (kind == ZERO_DATA) memset(data.X, 0, n * d * sizeof(clb_real));
    return data;
}

/* The identity; or the same function as a leaky ReLU of slope 1: it always trains on the pass. */
static clb_net linear_net(const clb_data *data, size_t L, size_t m, int by_pass)
{
    clb_net net;
    clb_net_opts opts = CLB_ZERO;
    clb_rng rng;
    size_t widths[10];
    opts.activation = by_pass ? CLB_LEAKY_RELU : CLB_IDENTITY, opts.param = by_pass ? 1 : 0;
    for (size_t l = 1; l < L; ++l) widths[l] = m + l % 3;
    widths[0] = data->d, widths[L] = data->K;
    clb_rng_seed(&rng, 3);
    CHECK(clb_net_init(&net, widths, L + 1, &opts, &rng) == CLB_OK);
    for (size_t j = 0; j < net.P; ++j) net.theta[j] *= (clb_real)1.5;
    return net;
}

static double relative_distance(size_t n, const clb_real *x, const clb_real *y)
{
    double difference = 0, size = 1e-300;
    for (size_t i = 0; i < n; ++i) {
        difference += ((double)x[i] - (double)y[i]) * ((double)x[i] - (double)y[i]);
        size += (double)y[i] * (double)y[i];
    }
    return sqrt(difference / size);
}

/* A gradient from the statistics against clb_grad, on every instruction set with the same bits. */
static void check_reduced_gradient(size_t n, size_t d, size_t K, size_t L, int kind)
{
    clb_data data = noise_data(n, d, K, kind);
    clb_net net = linear_net(&data, L, 9, 0);
    clb_pass pass;
    clb_train_opts opts = CLB_ZERO;
    clb_real *want = (clb_real *)malloc(3 * net.P * sizeof *want), *got = want + net.P,
             *first = got + net.P;
    double loss, expected, first_loss = 0;
    CHECK(clbi_reduces(&net, &data, &opts));
    CHECK(clb_pass_init(&pass, &net, &data, CLB_MSE) == CLB_OK);
    expected = clb_grad(&pass, NULL, want);
    FOR_EACH_ISA(isa) {
        clbi_reduced reduced = CLB_ZERO;
        NOTE("%s n=%zu d=%zu K=%zu L=%zu kind %d", clb_isa_name((clb_isa)isa), n, d, K, L, kind);
        CHECK(clbi_reduced_init(&reduced, &net, &data) == CLB_OK);
        loss = clbi_reduced_grad(&reduced, &net, n, got);
        NEAR(loss / expected, 1, TOL(1e-14, 1e-6));
        CHECK(relative_distance(net.P, got, want) <= TOL(1e-13, 1e-5));
        if (isa == 0) memcpy(first, got, net.P * sizeof *got), first_loss = loss;
        CHECK(memcmp(first, got, net.P * sizeof *got) == 0);
        SAME_BITS(loss, first_loss);
        CLB_FREE(reduced.arena);
    }
    clb_pass_free(&pass), clb_net_free(&net), clb_data_free(&data), free(want);
}

static void t_reduced_gradient(void)
{
    for (size_t L = 1; L <= 8; ++L)
        for (int kind = 0; kind < KINDS; ++kind) {
            check_reduced_gradient(200, 20, 5, L, kind);
            check_reduced_gradient(40 + L, 3 + 2 * L, 1 + L, L, kind);
        }
    check_reduced_gradient(2, 1, 1, 2, LABELS);
    check_reduced_gradient(40, 20, 20, 3, SOFT);               /* n = 2d = 2K */
    check_reduced_gradient(64, 32, 3, 2, REPEATED);
    check_reduced_gradient(129, 33, 2, 2, LABELS);
}

/* Loss at theta against central differences of clb_loss, in double. */
static void t_reduced_differences(void)
{
    clb_data data = noise_data(50, 6, 3, SOFT);
    clb_net net = linear_net(&data, 3, 5, 0);
    clb_pass pass;
    clbi_reduced reduced = CLB_ZERO;
    clb_real *grad = (clb_real *)malloc(net.P * sizeof *grad);
    const double h = TOL(1e-5, 1e-2);
    CHECK(clb_pass_init(&pass, &net, &data, CLB_MSE) == CLB_OK);
    CHECK(clbi_reduced_init(&reduced, &net, &data) == CLB_OK);
    clbi_reduced_grad(&reduced, &net, data.n, grad);
    for (size_t j = 0; j < net.P; ++j) {
        clb_real keep = net.theta[j], up = keep + (clb_real)h, down = keep - (clb_real)h;
        double rise;
        net.theta[j] = up, rise = clb_loss(&pass, NULL);
        net.theta[j] = down, rise -= clb_loss(&pass, NULL);
        net.theta[j] = keep;
        NEAR(grad[j], rise / ((double)up - (double)down), TOL(1e-9, 2e-3));
    }
    CLB_FREE(reduced.arena), free(grad);
    clb_pass_free(&pass), clb_net_free(&net), clb_data_free(&data);
}

/* 2000 steps of every optimiser: where the pass gets to, and the laws of the trace. */
static void t_reduced_trajectory(void)
{
    for (int k = 0; k < 2 * (int)CLB_OPTIMIZER_COUNT; ++k)
        for (size_t L = 1; L <= 4; ++L) {
            clb_data data = noise_data(100, 12, 4, k % KINDS);
            clb_net net[2];
            clb_trace trace[2];
            clb_train_opts opts = CLB_ZERO;
            const double eta = k % (int)CLB_OPTIMIZER_COUNT == CLB_ADAM ? 1e-4 : 0.02;
            opts.optimizer = (clb_optimizer)(k % (int)CLB_OPTIMIZER_COUNT);
            if (k >= (int)CLB_OPTIMIZER_COUNT) opts.l2 = 1e-2, opts.decay = 1e-2;
            NOTE("optimizer %d, L=%zu, l2 %g", (int)opts.optimizer, L, opts.l2);
            for (int w = 0; w < 2; ++w) {
                net[w] = linear_net(&data, L, 10, w);
                CHECK(clb_train(&net[w], &data, eta, 2000, &opts, &trace[w]) == CLB_OK);
            }
            CHECK(relative_distance(net[0].P, net[0].theta, net[1].theta) <= TOL(1e-12, 1e-3));
            NEAR(trace[0].loss[1999] / trace[1].loss[1999], 1, TOL(1e-12, 1e-3));
            CHECK(trace[0].loss[1999] < trace[0].loss[0] || k % KINDS == ZERO_DATA);
            for (size_t l = 1; l < L; ++l) {
                NEAR(trace[0].S[l - 1], trace[1].S[l - 1], TOL(1e-11, 1e-2));
                NEAR(clb_trace_drift(&trace[0], l), trace[0].predicted[l - 1], TOL(1e-11, 1e-2));
                if (opts.optimizer == CLB_GD && opts.l2 == 0)
                    NEAR(clb_trace_drift(&trace[0], l), eta * eta * trace[0].S[l - 1],
                         TOL(1e-12, 1e-4));
            }
            for (int w = 0; w < 2; ++w) clb_trace_free(&trace[w]), clb_net_free(&net[w]);
            clb_data_free(&data);
        }
}

/* Where the statistics would not be smaller, or the loss is another one, the pass is what trains,
 * bit for bit. */
static void t_reduced_when(void)
{
    static const struct { size_t n, d, K, batch; double ce; int reduced; } cases[] = {
        { 24, 12, 4, 0, 0, 1 }, { 23, 12, 4, 0, 0, 0 }, { 12, 12, 4, 0, 0, 0 },
        { 5, 12, 4, 0, 0, 0 },  { 24, 4, 12, 0, 0, 1 }, { 23, 4, 12, 0, 0, 0 },
        { 90, 12, 4, 0, 1, 0 }, { 90, 12, 4, 0, 1e-9, 0 }, { 90, 12, 4, 90, 0, 0 },
    };
    for (size_t k = 0; k < sizeof cases / sizeof cases[0]; ++k) {
        clb_data data = noise_data(cases[k].n, cases[k].d, cases[k].K, LABELS);
        clb_net net[2];
        clb_trace trace[2];
        clb_train_opts opts = CLB_ZERO;
        clb_rng rng;
        opts.ce = cases[k].ce, opts.batch = cases[k].batch, opts.batch_rng = &rng;
        NOTE("case %zu", k);
        for (int w = 0; w < 2; ++w) {
            net[w] = linear_net(&data, 2, 10, w);
            clb_rng_seed(&rng, 1);
            EQUAL(clbi_reduces(&net[w], &data, &opts), cases[k].reduced && w == 0);
            CHECK(clb_train(&net[w], &data, 0.02, 50, &opts, &trace[w]) == CLB_OK);
        }
        CHECK(relative_distance(net[0].P, net[0].theta, net[1].theta) <=
              (cases[k].reduced ? TOL(1e-13, 1e-5) : 0));
        for (int w = 0; w < 2; ++w) clb_trace_free(&trace[w]), clb_net_free(&net[w]);
        clb_data_free(&data);
    }
}

/* Looks at everything an observer may: the pass stands at theta_t, in bits. */
typedef struct look { const clb_data *data; size_t count; const clb_pass *hold; } look;
static clb_verdict looking(void *context, const clb_state *state)
{
    look *at = (look *)context;
    clb_pass pass;
    clb_real *grad = (clb_real *)malloc(state->net->P * sizeof *grad);
    size_t L = state->net->L, outputs = at->data->n * at->data->K;
    CHECK(clb_pass_init(&pass, state->net, at->data, CLB_MSE) == CLB_OK);
    NEAR(clb_grad(&pass, NULL, grad) / state->loss, 1, TOL(1e-13, 1e-5));
    SAME_BITS(state->loss, state->pass->loss);
    CHECK(memcmp(pass.z[L], state->pass->z[L], outputs * sizeof(clb_real)) == 0);
    CHECK(memcmp(pass.u[1], state->pass->u[1],
                 at->data->n * state->net->m[1] * sizeof(clb_real)) == 0);
    CHECK(relative_distance(state->net->P, state->grad, grad) <= TOL(1e-12, 1e-3));
    ++at->count;
    clb_pass_free(&pass), free(grad);
    return CLB_CONTINUE;
}

static void t_reduced_observers(void)
{
    clb_data data = noise_data(60, 8, 3, LABELS);
    look at = { &data, 0, NULL };
    clb_observer obs[2] = { { looking, &at, 3, NULL, 0, 0 }, { looking, &at, 0, NULL, 0, 2 } };
    clb_trace trace[3];
    for (size_t k = 0; k < 3; ++k) {
        clb_net net = linear_net(&data, 3, 7, 0);
        clb_train_opts opts = CLB_ZERO;
        opts.observers = obs, opts.observer_count = k;
        CHECK(clb_train(&net, &data, 0.05, 20, &opts, &trace[k]) == CLB_OK);
        SAME_BITS(trace[k].loss[19], trace[0].loss[19]);
        SAME_BITS(trace[k].q[62], trace[0].q[62]);
        clb_net_free(&net);
    }
    EQUAL(at.count, 2 * 8 + 5);                  /* 0 3 .. 18 20, twice; 0 1 3 10 20 */
    for (size_t k = 0; k < 3; ++k) clb_trace_free(&trace[k]);
    clb_data_free(&data);
}

/* Holds the gates of another pass from t = 0 on: that net is not linear in its input any more. */
static clb_verdict holding(void *context, const clb_state *state)
{
    if (state->t == 0) CHECK(clb_pass_freeze(state->pass, ((look *)context)->hold) == CLB_OK);
    return CLB_CONTINUE;
}

static void t_reduced_ends_when_slopes_are_held(void)
{
    clb_data data = noise_data(60, 8, 3, LABELS);
    clb_net gates = linear_net(&data, 2, 7, 0), net[2];
    clb_pass gated;
    clb_trace trace[2];
    gates.activation = CLB_RELU;
    CHECK(clb_pass_init(&gated, &gates, &data, CLB_MSE) == CLB_OK);
    clb_loss(&gated, NULL);
    for (int w = 0; w < 2; ++w) {
        look at = { &data, 0, NULL };
        clb_observer ob = { holding, NULL, 0, NULL, 0, 1 };
        clb_train_opts opts = CLB_ZERO;
        at.hold = &gated, ob.context = &at;
        net[w] = linear_net(&data, 2, 7, w);
        opts.observers = &ob, opts.observer_count = 1;
        CHECK(clb_train(&net[w], &data, 0.05, 200, &opts, &trace[w]) == CLB_OK);
    }
    NEAR(trace[0].loss[199] / trace[1].loss[199], 1, TOL(1e-12, 1e-4));
    CHECK(relative_distance(net[0].P, net[0].theta, net[1].theta) <= TOL(1e-12, 1e-4));
    for (int w = 0; w < 2; ++w) clb_trace_free(&trace[w]), clb_net_free(&net[w]);
    clb_pass_free(&gated), clb_net_free(&gates), clb_data_free(&data);
}

/* NaN or infinity in inputs, targets or weights ends at step 0, as on the pass. */
static void t_reduced_not_finite(void)
{
    for (int k = 0; k < 6; ++k) {
        clb_data data = noise_data(60, 8, 3, SOFT);
        const clb_real bad = (clb_real)(k % 2 ? (double)INFINITY : (double)NAN);
        clb_net net = linear_net(&data, 2, 7, 0);
        clb_trace trace;
        if (k / 2 == 0) data.X[59 * 8 + 3] = bad;
        if (k / 2 == 1) data.targets[7] = bad;
        if (k / 2 == 2) net.theta[net.P - 1] = bad;
        NOTE("case %d", k);
        CHECK(clb_train(&net, &data, 0.01, 9, NULL, &trace) == CLB_EDIVERGED);
        EQUAL(trace.steps, 0);
        clb_trace_free(&trace), clb_net_free(&net), clb_data_free(&data);
    }
}

static const test_case tests[] = {
    TEST(t_published_drift),
    TEST(t_published_optimizers),
    TEST(t_observer_schedules),
    TEST(t_stop),
    TEST(t_divergence),
    TEST(t_messages),
    TEST(t_no_allocation_in_a_step),
    TEST(t_bad_input),
    TEST(t_final_loss),
    TEST(t_divergence_in_the_last_step),
    TEST(t_without_trace),
    TEST(t_observers_see_all_rows),
    TEST(t_observer_list),
    TEST(t_flow_and_oscillation),
    TEST(t_laws_of_schedules),
    TEST(t_schedule),
    TEST(t_schedule_in_a_run),
    TEST(t_clip),
    TEST(t_state),
    TEST(t_state_of_another_run),
    TEST(t_early_stopping),
    TEST(t_init_scale),
    TEST(t_watched), TEST(t_watch_defaults),
    TEST(t_watched_when),
    TEST(t_stability_limit),
    TEST(t_trace_files),
    TEST(t_no_split_without_a_law),
    TEST(t_split_at_the_edge),
    TEST(t_edges), TEST(t_trace_of_zeros),
    TEST(t_reduced_gradient),
    TEST(t_reduced_differences),
    TEST(t_reduced_trajectory),
    TEST(t_reduced_when),
    TEST(t_reduced_observers),
    TEST(t_reduced_ends_when_slopes_are_held),
    TEST(t_reduced_not_finite),
};
TEST_MAIN(tests)
