/* One run on several threads: the bits of one thread, for any number of threads and order of tasks.
 *   cc -std=c99 -O2 -fopenmp -pthread -o t_threads tests/t_threads.c -lm && ./t_threads
 * Under ThreadSanitizer without -fopenmp, whose library it does not see through. */
#define CLB_IMPLEMENTATION
#include "../clb.h"
#include "test.h"
#include "fixture.h"
#include <pthread.h>

/* A pool that starts its threads anew each time: what a caller's own may look like. */
typedef struct pool {
    size_t count, next, tasks;
    pthread_mutex_t lock;
    void (*task)(void *context, size_t i);
    void *context;
} pool;

static void *pool_worker(void *context)
{
    pool *p = (pool *)context;
    for (;;) {
        size_t i;
        pthread_mutex_lock(&p->lock);
        i = p->next++;
        pthread_mutex_unlock(&p->lock);
        if (i >= p->tasks) return NULL;
        p->task(p->context, i);
    }
}

static void pool_run(void *context, size_t tasks, void (*task)(void *, size_t), void *of_task)
{
    pool *p = (pool *)context;
    pthread_t thread[8];
    p->next = 0, p->tasks = tasks, p->task = task, p->context = of_task;
    for (size_t i = 0; i < p->count; ++i) pthread_create(&thread[i], NULL, pool_worker, p);
    for (size_t i = 0; i < p->count; ++i) pthread_join(thread[i], NULL);
}

static size_t backwards;                                     /* tasks that went this way */
static void backwards_run(void *context, size_t tasks, void (*task)(void *, size_t), void *of_task)
{
    (void)context;
    backwards += tasks;
    while (tasks--) task(of_task, tasks);
}

enum { STEPS = 4 };
typedef struct shape {
    size_t count, widths[6], n;
    clb_activation activation;
    int bias;
    clb_optimizer optimizer;
    size_t batch;
    double ce;
} shape;
static const shape shapes[] = {
    { 3, { 200, 260, 10 }, 40, CLB_RELU, 0, CLB_ADAM, 0, CLB_CE },     /* its step goes to threads */
    { 3, { 30, 50, 5 }, 700, CLB_RELU, 0, CLB_GD, 0, CLB_MSE },
    { 6, { 60, 32, 32, 32, 32, 10 }, 301, CLB_RELU, -1, CLB_HEAVY_BALL, 0, CLB_CE },
    { 3, { 10, 300, 20 }, 190, CLB_TANH, -1, CLB_ADAM, 0, 0.5 },
    { 4, { 80, 70, 40, 3 }, 400, CLB_RELU, 0, CLB_NESTEROV, 130, CLB_CE },
    { 2, { 600, 9 }, 250, CLB_RELU, -1, CLB_GD, 0, CLB_CE },
};

static clb_verdict look(void *context, const clb_state *state)
{
    *(double *)context += state->pass->loss + (double)state->pass->z[1][0];
    return CLB_CONTINUE;
}

/* A few steps of a shape; *seen: what an observer adds up (NULL: none looks). */
static void train(const shape *s, const clb_threads *threads, clb_trace *trace, clb_net *net,
                  double *seen)
{
    clb_data data;
    clb_rng rng;
    clb_net_opts how = CLB_ZERO;
    clb_train_opts opts = CLB_ZERO;
    clb_observer ob = { look, seen, 2, NULL, 0, 0 };
    clb_rng_seed(&rng, 8);
    how.activation = s->activation, how.bias = s->bias;
    CHECK(clb_net_init(net, s->widths, s->count, &how, &rng) == CLB_OK);
    CHECK(clb_data_mixture(&data, &rng, s->n, s->widths[0], s->widths[s->count - 1], 1) == CLB_OK);
    opts.optimizer = s->optimizer, opts.batch = s->batch, opts.batch_rng = &rng, opts.ce = s->ce;
    opts.threads = *threads;
    opts.observers = &ob, opts.observer_count = seen ? 1 : 0;
    if (seen) *seen = 0;
    CHECK(clb_train(net, &data, 0.01, STEPS, &opts, trace) == CLB_OK);
    clb_data_free(&data);
}

static void check_threads(const clb_threads *threads)
{
    static const clb_threads none = CLB_ZERO;
    for (size_t k = 0; k < 2 * sizeof shapes / sizeof shapes[0]; ++k) {
        const shape *s = &shapes[k / 2];
        clb_trace trace[2];
        clb_net net[2];
        double seen[2] = { 0, 0 };
        NOTE("shape %zu, %zu threads", k / 2, threads->count);
        train(s, &none, &trace[0], &net[0], k % 2 ? &seen[0] : NULL);
        train(s, threads, &trace[1], &net[1], k % 2 ? &seen[1] : NULL);
        for (size_t t = 0; t <= STEPS; ++t) SAME_BITS(trace[1].loss[t], trace[0].loss[t]);
        SAME_BITS(seen[1], seen[0]);
        CHECK(memcmp(net[0].theta, net[1].theta, net[0].P * sizeof(clb_real)) == 0);
        for (int w = 0; w < 2; ++w) clb_trace_free(&trace[w]), clb_net_free(&net[w]);
    }
}

/* A training that shares nothing; no CHECK, whose counters are not for two threads. */
typedef struct own_training { clb_status status; double last; clb_isa isa; } own_training;
static void *train_alone(void *context)
{
    static const size_t widths[] = { 20, 40, 5 };
    own_training *own = (own_training *)context;
    clb_rng rng;
    clb_net net = CLB_ZERO;
    clb_data data = CLB_ZERO;
    clb_trace trace = CLB_ZERO;
    own->isa = clb_isa_get();
    clb_rng_seed(&rng, 3);
    own->status = clb_net_init(&net, widths, 3, NULL, &rng);
    if (!own->status) own->status = clb_data_mixture(&data, &rng, 100, 20, 5, 2.0);
    if (!own->status) own->status = clb_train(&net, &data, 0.05, 50, NULL, &trace);
    if (!own->status) own->last = trace.loss[50];
    clb_trace_free(&trace), clb_data_free(&data), clb_net_free(&net);
    return NULL;
}

/* First in the list: here the instruction set is asked for the first time, by all at once. */
static void t_trainings_at_once(void)
{
    pthread_t thread[4];
    own_training own[4];
    for (int i = 0; i < 4; ++i) {
        int failed = pthread_create(&thread[i], NULL, train_alone, &own[i]);
        CHECK(!failed);
        if (failed) return;
    }
    for (int i = 0; i < 4; ++i) pthread_join(thread[i], NULL);
    for (int i = 0; i < 4; ++i) {
        CHECK(own[i].status == CLB_OK && own[i].isa == clb_isa_get());
        SAME_BITS(own[i].last, own[0].last);
    }
}

/* Runs check(threads) with 1, 2, 3 and 7 threads of a pool, of OpenMP, and with tasks backwards;
 * the latter also for any number of threads. */
static void with_threads(void (*check)(const clb_threads *threads))
{
    static const size_t counts[] = { 1, 2, 3, 7 }, many[] = { 60, 500, (size_t)-1 / 2 + 1,
                                                              (size_t)-1 };
    pool p;
    memset(&p, 0, sizeof p);
    pthread_mutex_init(&p.lock, NULL);
    for (size_t i = 0; i < 4; ++i) {
        clb_threads threads = CLB_ZERO;
        size_t before = backwards;
        threads.count = p.count = counts[i];
        check(&threads);
        threads.run = pool_run, threads.pool = &p;
        check(&threads);
        threads.run = backwards_run;
        check(&threads);
        CHECK((backwards > before) == (threads.count > 1));
    }
    for (size_t i = 0; i < 4; ++i) {                         /* more than there are tasks      */
        clb_threads threads = CLB_ZERO;
        threads.count = many[i], threads.run = backwards_run;
        check(&threads);
    }
    pthread_mutex_destroy(&p.lock);
}

/* Every form of product, longer in rows or in columns, in part of a larger matrix. */
static void check_products(const clb_threads *threads)
{
    enum { SHORT = 90, LONG = 777, K = 61, LD = 800 };
    static clb_real A[LD * LD], B[LD * LD], C[LD * LD], want[LD * LD];
    typedef void product(size_t, size_t, size_t, const clb_real *, size_t, const clb_real *, size_t,
                         clb_real *, size_t);
    static product *const alone[] = { clb_matmul_nn, clb_matmul_nt, clb_matmul_tn, clb_matmul_nn_acc,
                                      clb_matmul_nt_acc, clb_matmul_tn_acc };
    clb_rng rng;
    clb_rng_seed(&rng, 5);
    clb_rng_uniform(&rng, LD * LD, -1, 1, A);
    clb_rng_uniform(&rng, LD * LD, -1, 1, B);
    for (size_t i = 0; i < LD * LD; ++i) C[i] = want[i] = A[i] + B[i];
    for (int form = 0; form < 6; ++form)
        for (int tall = 0; tall < 2; ++tall) {
            size_t M = tall ? LONG : SHORT, N = tall ? SHORT : LONG;
            NOTE("form %d, %zu x %zu, %zu threads", form, M, N, threads->count);
            alone[form](M, N, K, A, LD, B, LD, want, LD);
            clb_matmul_threads(threads, (clb_product)(form % 3), form / 3, M, N, K, A, LD, B, LD, C,
                               LD);
            CHECK(memcmp(C, want, sizeof C) == 0);
        }
}

/* What a pass and its curvature compute, one after the other: loss, gradient, then products. */
enum { PRODUCTS = 6 };
static void fill_results(const shape *s, clb_pass *pass, clb_curv *curv, clb_real *results)
{
    size_t P = pass->net->P;
    clb_real *v = results, *y = v + P;
    clb_rng rng;
    clb_rng_seed(&rng, 4);
    clb_rng_normal(&rng, P, v);
    y[0] = (clb_real)clb_grad(pass, NULL, y + 1), y += P + 1;
    if (s->batch) CHECK(clb_pass_freeze(pass, pass) == CLB_OK);
    y[0] = (clb_real)clb_curv_at(curv, NULL);
    memcpy(y + 1, curv->grad, P * sizeof *y), y += P + 1;
    clb_hvp(curv, v, y), y += P;
    clb_gnvp(curv, v, y), y += P;
    clb_jvp(curv, v), clb_vjp(curv, NULL, y);
}

/* The second time a pass of the same data with threads. */
static void check_passes(const clb_threads *threads)
{
    for (size_t k = 0; k < sizeof shapes / sizeof shapes[0]; ++k) {
        const shape *s = &shapes[k];
        clb_net net;
        clb_data data;
        clb_rng rng;
        clb_net_opts how = CLB_ZERO;
        clb_real *results[2];
        size_t bytes;
        NOTE("shape %zu, %zu threads", k, threads->count);
        clb_rng_seed(&rng, 8);
        how.activation = s->activation, how.bias = s->bias;
        CHECK(clb_net_init(&net, s->widths, s->count, &how, &rng) == CLB_OK);
        CHECK(clb_data_mixture(&data, &rng, s->n, s->widths[0], s->widths[s->count - 1], 1) == CLB_OK);
        bytes = (PRODUCTS * net.P + 2) * sizeof(clb_real);
        for (int with = 0; with < 2; ++with) {
            clb_pass pass;
            clb_curv curv;
            CHECK(clb_pass_init(&pass, &net, &data, s->ce) == CLB_OK);
            CHECK(clb_curv_init(&curv, &pass) == CLB_OK);
            if (with) pass.threads = *threads;
            results[with] = (clb_real *)calloc(1, bytes);
            if (results[with]) fill_results(s, &pass, &curv, results[with]);
            clb_curv_free(&curv), clb_pass_free(&pass);
        }
        CHECK(results[0] && results[1] && memcmp(results[0], results[1], bytes) == 0);
        free(results[0]), free(results[1]), clb_data_free(&data), clb_net_free(&net);
    }
}

/* The full Hessian and Gauss-Newton matrix, of two layers and of three. */
static void check_matrices(const clb_threads *threads)
{
    static const shape of[] = {
        { 3, { 12, 24, 5 }, 150, CLB_RELU, 0, CLB_GD, 0, CLB_CE },
        { 3, { 11, 25, 4 }, 150, CLB_TANH, -1, CLB_GD, 0, 0.5 },
        { 4, { 10, 12, 11, 4 }, 120, CLB_RELU, -1, CLB_GD, 0, CLB_CE },
    };
    for (size_t k = 0; k < sizeof of / sizeof of[0]; ++k) {
        clb_net net;
        clb_data data;
        clb_pass pass;
        clb_curv curv;
        clb_rng rng;
        clb_net_opts how = CLB_ZERO;
        clb_real *H, *G;
        size_t P;
        NOTE("shape %zu, %zu threads", k, threads->count);
        clb_rng_seed(&rng, 8);
        how.activation = of[k].activation, how.bias = of[k].bias;
        CHECK(clb_net_init(&net, of[k].widths, of[k].count, &how, &rng) == CLB_OK);
        CHECK(clb_data_mixture(&data, &rng, of[k].n, net.m[0], net.m[net.L], 1) == CLB_OK);
        CHECK(clb_pass_init(&pass, &net, &data, of[k].ce) == CLB_OK);
        CHECK(clb_curv_init(&curv, &pass) == CLB_OK);
        clb_curv_at(&curv, NULL);
        P = net.P;
        H = (clb_real *)calloc(2 * P * P, sizeof *H), G = (clb_real *)calloc(2 * P * P, sizeof *G);
        for (size_t with = 0; with < 2 && H && G; ++with) {
            if (with) pass.threads = *threads;
            CHECK(clb_hessian(&curv, H + with * P * P, P) == CLB_OK);
            CHECK(clb_gauss_newton(&curv, G + with * P * P, P) == CLB_OK);
        }
        CHECK(H && memcmp(H, H + P * P, P * P * sizeof *H) == 0);
        CHECK(G && memcmp(G, G + P * P, P * P * sizeof *G) == 0);
        free(H), free(G);
        clb_curv_free(&curv), clb_pass_free(&pass), clb_data_free(&data), clb_net_free(&net);
    }
}

/* Trainings of all kinds at a time, the third of which diverges: each as alone. */
enum { RUNS = 5 };
static void check_many(const clb_threads *threads)
{
    clb_training run[2][RUNS];
    clb_train_opts opts[2][RUNS];
    clb_trace trace[2][RUNS];
    clb_net net[2][RUNS];
    clb_rng rng[2][RUNS];
    clb_data data;
    const size_t widths[] = { 12, 20, 4 };
    clb_rng_seed(&rng[0][0], 9);
    CHECK(clb_data_mixture(&data, &rng[0][0], 90, 12, 4, 1) == CLB_OK);
    memset(opts, 0, sizeof opts);
    for (int many = 0; many < 2; ++many)
        for (size_t i = 0; i < RUNS; ++i) {
            clb_train_opts *o = &opts[many][i];
            clb_training r = CLB_ZERO;
            clb_rng_seed(&rng[many][i], i);
            CHECK(clb_net_init(&net[many][i], widths, 3, NULL, &rng[many][i]) == CLB_OK);
            o->optimizer = (clb_optimizer)(i % CLB_OPTIMIZER_COUNT), o->ce = CLB_CE;
            if (i == 1) o->batch = 30, o->batch_rng = &rng[many][i];
            if (i == 2) o->loss_max = 1e-3;
            r.net = &net[many][i], r.data = &data, r.eta = 0.01 * (double)(i + 1), r.T = 40;
            r.opts = o, r.trace = i == 3 ? NULL : &trace[many][i];
            r.status = CLB_STATUS_COUNT;
            memset(&trace[many][i], 0, sizeof trace[many][i]);
            run[many][i] = r;
        }
    for (size_t i = 0; i < RUNS; ++i) {
        const clb_training *r = &run[0][i];
        run[0][i].status = clb_train(r->net, r->data, r->eta, r->T, r->opts, r->trace);
    }
    EQUAL(clb_train_many(run[1], RUNS, threads), CLB_EDIVERGED);
    for (size_t i = 0; i < RUNS; ++i) {
        NOTE("run %zu, %zu threads", i, threads->count);
        EQUAL(run[1][i].status, run[0][i].status);
        EQUAL(run[1][i].status, i == 2 ? CLB_EDIVERGED : CLB_OK);
        CHECK(memcmp(net[0][i].theta, net[1][i].theta, net[0][i].P * sizeof(clb_real)) == 0);
        EQUAL(trace[1][i].steps, trace[0][i].steps);
        for (size_t t = 0; t < trace[0][i].steps; ++t) SAME_BITS(trace[1][i].loss[t], trace[0][i].loss[t]);
        for (int many = 0; many < 2; ++many) clb_trace_free(&trace[many][i]), clb_net_free(&net[many][i]);
    }
    EQUAL(clb_train_many(NULL, 0, threads), CLB_OK);
    clb_data_free(&data);
}

static void t_products(void) { with_threads(check_products); }
static void t_trainings(void) { with_threads(check_threads); }
static void t_passes(void) { with_threads(check_passes); }
static void t_matrices(void) { with_threads(check_matrices); }
static void t_many(void) { with_threads(check_many); }

/* A step of so many parameters is made in parts: together they are the whole. */
static void t_parts_of_a_step(void)
{
    const shape *s = &shapes[0];
    clb_net net;
    clb_data data;
    clb_pass pass;
    clb_rng rng;
    clb_real *want, *grad;
    clb_rng_seed(&rng, 8);
    CHECK(clb_net_init(&net, s->widths, s->count, NULL, &rng) == CLB_OK);
    CHECK(clb_data_mixture(&data, &rng, s->n, s->widths[0], s->widths[s->count - 1], 1) == CLB_OK);
    CHECK(clb_pass_init(&pass, &net, &data, CLB_MSE) == CLB_OK);
    want = (clb_real *)calloc(2 * net.P, sizeof *want), grad = want + net.P;
    CHECK(want != NULL);
    clb_grad(&pass, NULL, grad);
    memcpy(want, net.theta, net.P * sizeof *want);
    clb_axpy(net.P, (clb_real)-0.5, grad, want);
    CHECK(clb_train(&net, &data, 0.5, 1, NULL, NULL) == CLB_OK);
    CHECK(memcmp(want, net.theta, net.P * sizeof *want) == 0);
    free(want), clb_pass_free(&pass), clb_data_free(&data), clb_net_free(&net);
}

/* Problems that are too small do not go to threads. */
static void t_small_stays(void)
{
    static const shape small = { 3, { 4, 5, 3 }, 50, CLB_RELU, 0, CLB_GD, 0, CLB_MSE };
    clb_threads threads = CLB_ZERO;
    clb_trace trace;
    clb_net net;
    size_t before = backwards;
    threads.run = backwards_run, threads.count = 4;
    train(&small, &threads, &trace, &net, NULL);
    EQUAL(backwards, before);
    clb_trace_free(&trace), clb_net_free(&net);
}

static const test_case tests[] = { TEST(t_trainings_at_once), TEST(t_trainings), TEST(t_passes),
                                   TEST(t_products), TEST(t_matrices), TEST(t_many),
                                   TEST(t_parts_of_a_step), TEST(t_small_stays) };
TEST_MAIN(tests)
