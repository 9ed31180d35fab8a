/* One piece of work on several threads, against one thread, against PyTorch, and against what the
 * machine can give: as many independent processes at once as there are threads.
 *   make bench             (tests/bench.sh builds and runs it in both precisions)
 *   build/bench_threads [--quick] [--scale] [--only WORD] [--rounds N]
 *
 * Wall time, the best of the rounds; in each round all contenders run in turn. Each has a process
 * of its own, which does the work once before it is timed. "limit" is the speed-up of independent
 * processes over one: two threads of one core share its units, so it may be far below their number.
 * --scale: small pieces, to see from which size threads pay (CLBI_THREADS_PAY). */
#undef CLB_DECLARATIONS_ONLY           /* an implementation of its own, with OpenMP */
#include "bench.h"
#define CLB_STATIC
#define CLB_IMPLEMENTATION
#include "../clb.h"
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MAX_CHILDREN = 64, MANY = 16 };

/* Full-batch descent on n rows, widths m[0..L]; a square product where L = 0 (n x n). */
typedef enum kind { STEP, PRODUCT, HVP, HESSIAN, NETS } kind;
typedef struct work {
    const char *name;
    kind        kind;
    size_t      n, L, m[7];
    long        reps;
    int         torch;          /* PyTorch has the same: full-batch steps                         */
} work;
static const work big[] = {
    { "product, square 2048", PRODUCT, 2048, 0, { 0 }, 1, 0 },
    { "step 784-32x4-10, n 2000", STEP, 2000, 5, { 784, 32, 32, 32, 32, 10 }, 10, 1 },
    { "step 784-512-10, n 60000", STEP, 60000, 2, { 784, 512, 10 }, 4, 1 },
    { "Hessian times vector 784-32-10", HVP, 2000, 2, { 784, 32, 10 }, 20, 0 },
    { "Hessian 20-64-5", HESSIAN, 200, 2, { 20, 64, 5 }, 5, 0 },
    { "16 nets 20-16-5, 200 steps each", NETS, 200, 2, { 20, 16, 5 }, 1, 0 },
};
static const work small[] = {
    { "product, square 64", PRODUCT, 64, 0, { 0 }, 2000, 0 },
    { "product, square 100", PRODUCT, 100, 0, { 0 }, 1000, 0 },
    { "product, square 200", PRODUCT, 200, 0, { 0 }, 200, 0 },
    { "product, square 400", PRODUCT, 400, 0, { 0 }, 40, 0 },
    { "step 20-64-5, n 200", STEP, 200, 2, { 20, 64, 5 }, 500, 1 },
    { "step 20-64-5, n 700", STEP, 700, 2, { 20, 64, 5 }, 200, 1 },
    { "step 20-64-5, n 2000", STEP, 2000, 2, { 20, 64, 5 }, 100, 1 },
    { "step 20-64-5, n 10000", STEP, 10000, 2, { 20, 64, 5 }, 20, 1 },
};
enum { BIG = sizeof big / sizeof *big, SMALL = sizeof small / sizeof *small };

static double wall(void) { return bench_seconds(CLOCK_MONOTONIC); }

static void *memory(size_t count)
{
    void *p = calloc(count, sizeof(clb_real));
    if (!p) die("out of memory");
    return p;
}

/* ---- the work, in the process of a contender ------------------------------------------------- */

typedef struct bench {
    const work *w;
    clb_net     net[MANY];
    clb_data    data;
    clb_pass    pass;
    clb_curv    curv;
    clb_real   *A, *B, *C;
    clb_threads threads;
} bench;

static void bench_open(bench *b, const work *w, size_t threads)
{
    clb_rng rng;
    memset(b, 0, sizeof *b);
    b->w = w, b->threads.count = threads;
    clb_rng_seed(&rng, 42);
    if (w->kind == PRODUCT) {
        b->A = (clb_real *)memory(w->n * w->n), b->B = (clb_real *)memory(w->n * w->n);
        b->C = (clb_real *)memory(w->n * w->n);
        clb_rng_normal(&rng, w->n * w->n, b->A), clb_rng_normal(&rng, w->n * w->n, b->B);
        return;
    }
    if (clb_data_mixture(&b->data, &rng, w->n, w->m[0], w->m[w->L], 2.0)) die("data");
    for (size_t i = 0; i < (w->kind == NETS ? (size_t)MANY : 1); ++i)
        if (clb_net_init(&b->net[i], w->m, w->L + 1, NULL, &rng)) die("net");
    if (w->kind != HVP && w->kind != HESSIAN) return;
    if (clb_pass_init(&b->pass, &b->net[0], &b->data, CLB_CE)) die("pass");
    if (clb_curv_init(&b->curv, &b->pass)) die("curvature");
    b->pass.threads = b->threads;
    clb_curv_at(&b->curv, NULL);
    b->A = (clb_real *)memory(b->net[0].P), b->B = (clb_real *)memory(b->net[0].P);
    clb_rng_normal(&rng, b->net[0].P, b->A);
    if (w->kind == HESSIAN) b->C = (clb_real *)memory(b->net[0].P * b->net[0].P);
}

static void bench_nets(bench *b)
{
    static const clb_training none = CLB_ZERO;
    clb_train_opts opts = CLB_ZERO;
    clb_training run[MANY];
    opts.ce = CLB_CE;
    for (int i = 0; i < MANY; ++i) {
        run[i] = none;
        run[i].net = &b->net[i], run[i].data = &b->data, run[i].eta = 1e-3, run[i].T = 200;
        run[i].opts = &opts;
    }
    if (clb_train_many(run, MANY, &b->threads)) die("training");
}

static void bench_run(bench *b, long reps)
{
    const work *w = b->w;
    size_t n = w->n;
    clb_train_opts opts = CLB_ZERO;
    opts.ce = CLB_CE, opts.threads = b->threads;
    if (w->kind == STEP) {
        if (clb_train(&b->net[0], &b->data, 1e-3, (size_t)reps, &opts, NULL)) die("training");
        return;
    }
    while (reps-- > 0) {
        if (w->kind == PRODUCT)
            clb_matmul_threads(&b->threads, CLB_NN, 0, n, n, n, b->A, n, b->B, n, b->C, n);
        if (w->kind == HVP) clb_hvp(&b->curv, b->A, b->B);
        if (w->kind == HESSIAN && clb_hessian(&b->curv, b->C, b->net[0].P)) die("Hessian");
        if (w->kind == NETS) bench_nets(b);
    }
}

/* ---- processes ------------------------------------------------------------------------------- */

/* Wall seconds a repetition of the slowest of `count` processes at once, `threads` in each. */
static double processes(const work *w, size_t count, size_t threads)
{
    int to[MAX_CHILDREN][2], from[MAX_CHILDREN][2];
    pid_t child[MAX_CHILDREN];
    double t, slowest = 0;
    char go = 1;
    for (size_t i = 0; i < count; ++i) {
        if (pipe(to[i]) || pipe(from[i]) || (child[i] = fork()) < 0) die("no process");
        if (child[i]) continue;
        {
            static bench b;
            bench_open(&b, w, threads);
            bench_run(&b, w->kind == STEP ? 1 : w->reps);
            if (write(from[i][1], &go, 1) != 1 || read(to[i][0], &go, 1) != 1) _exit(1);
            t = wall(), bench_run(&b, w->reps), t = (wall() - t) / (double)w->reps;
            _exit(write(from[i][1], &t, sizeof t) != sizeof t);
        }
    }
    for (size_t i = 0; i < count; ++i) if (read(from[i][0], &go, 1) != 1) die("a process failed");
    for (size_t i = 0; i < count; ++i) if (write(to[i][1], &go, 1) != 1) die("a process failed");
    for (size_t i = 0; i < count; ++i) {
        int status;
        if (read(from[i][0], &t, sizeof t) != sizeof t) die("a process failed");
        if (t > slowest) slowest = t;
        waitpid(child[i], &status, 0);
        close(to[i][0]), close(to[i][1]), close(from[i][0]), close(from[i][1]);
    }
    return slowest;
}

/* ---- PyTorch --------------------------------------------------------------------------------- */

static FILE *torch_in, *torch_out;

static void torch_start(size_t threads)
{
    const char *python = getenv("BENCH_PYTHON"), *script = getenv("BENCH_TORCH_THREADS");
    int to[2], from[2];
    char count[32];
    if (!python || !script || pipe(to) || pipe(from)) return;
    snprintf(count, sizeof count, "%zu", threads);
    if (fork() == 0) {
        dup2(to[0], 0), dup2(from[1], 1), close(to[1]), close(from[0]);
        execlp(python, python, script, count, (char *)NULL);
        _exit(127);
    }
    close(to[0]), close(from[1]);
    torch_in = fdopen(to[1], "w"), torch_out = fdopen(from[0], "r");
}

/* Wall seconds a step, 0 where there is no PyTorch. */
static double torch_step(const work *w)
{
    double t = 0;
    if (!torch_in || !torch_out) return 0;
    fprintf(torch_in, "%s %zu %ld", sizeof(clb_real) == 8 ? "float64" : "float32", w->n, w->reps);
    for (size_t l = 0; l <= w->L; ++l) fprintf(torch_in, " %zu", w->m[l]);
    fprintf(torch_in, "\n"), fflush(torch_in);
    return fscanf(torch_out, "%lf", &t) == 1 ? t : 0;
}

/* ---- rows ------------------------------------------------------------------------------------ */

static double least(double a, double b) { return a > 0 && a < b ? a : b; }

static void measure(const work *w, size_t threads, int rounds)
{
    double one = 1e300, all = 1e300, limit = 1e300, peer = 1e300, speedup, most;
    for (int k = 0; k < rounds; ++k) {
        one = least(processes(w, 1, 1), one);
        limit = least(processes(w, threads, 1), limit);
        all = least(processes(w, 1, threads), all);
        if (w->torch) peer = least(torch_step(w), peer);
    }
    speedup = one / all, most = (double)threads * one / limit;
    printf("threads  %-32s %s  1 thread %.4g ms, %zu threads %.4g ms: %.2fx, limit %.2fx, "
           "%.0f %% of it", w->name, CLB_PRECISION, 1e3 * one, threads, 1e3 * all, speedup, most,
           100 * speedup / most);
    if (peer < 1e300)
        printf("; torch, %zu threads, %.4g ms (%.2fx)", threads, 1e3 * peer, peer / all);
    putchar('\n');
    fflush(stdout);
}

int main(int argc, char **argv)
{
    const char *only = NULL;
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    size_t threads = cores > MAX_CHILDREN ? MAX_CHILDREN : cores > 0 ? (size_t)cores : 1;
    int rounds = 5, quick = 0, scale = 0;
    for (int i = 1; i < argc; ++i) {
        if (!strcmp(argv[i], "--quick")) quick = 1, rounds = 2;
        else if (!strcmp(argv[i], "--scale")) scale = 1;
        else if (!strcmp(argv[i], "--only") && i + 1 < argc) only = argv[++i];
        else if (!strcmp(argv[i], "--rounds") && i + 1 < argc) rounds = atoi(argv[++i]);
        else if (i + 1 < argc) ++i;                           /* a file of the other benchmark */
    }
#ifndef _OPENMP
    puts("threads  (not measured: this compiler has no OpenMP)");
    return 0;
#endif
    if (threads < 2 || rounds < 1) return 0;
    torch_start(threads);
    for (size_t i = 0; i < BIG + (scale ? SMALL : 0u); ++i) {
        work w = i < BIG ? big[i] : small[i - BIG];
        if (only && !strstr("threads", only) && !strstr(w.name, only)) continue;
        if (quick && w.n > 10000) continue;
        measure(&w, threads, rounds);
    }
    return 0;
}
