/* Speed of clb against the peers found on this machine: OpenBLAS, BLIS, libxsmm, LAPACK, ARPACK,
 * Eigen, Spectra, PyTorch. --scale: how the times of clb grow.
 *   make bench                       (tests/bench.sh finds the peers, builds and runs this program)
 *   build/bench [--quick] [--scale] [--only WORD] [--rounds N] [--json FILE|-] [--markdown FILE|-]
 *
 * Every row is measured in one loop: in each round every contender runs for about a millisecond, in
 * turn, so that a change of clock or a busy neighbour hits all alike. Times are process CPU time,
 * the figure is the median over the rounds. "peak" is a loop of independent fused multiply-adds on
 * the widest vectors, measured in the same rounds, so that the share of peak has the same meaning
 * on a busy machine; "fed" is that loop with its operands loaded from the first cache, for which
 * some processors lower their clock. One thread everywhere. */
#include "bench.h"
#include <dlfcn.h>
#include <math.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>
#ifdef BENCH_XSMM
#include <libxsmm.h>
#endif
#if defined(__x86_64__)
#include <immintrin.h>
#endif

enum { MAX_CONTENDERS = 8, MAX_ROUNDS = 101, MAX_ROWS = 256 };

typedef double (*bench_run)(void *context, long reps);        /* CPU seconds of reps repetitions */
typedef struct contender {
    const char *who;
    bench_run   run;
    void       *context;
    long        reps;
    double      unit, t[MAX_ROUNDS], median, low, high;   /* low, high: 10, 90 % of the rounds */
} contender;
typedef struct row {
    char       group[24], name[48], precision[8];
    double     flops;
    int        count, rounds;
    contender  c[MAX_CONTENDERS];
} row;

static row         rows[MAX_ROWS];
static int         row_count, option_rounds = 21;
static const char *option_only;

static double cpu_seconds(void) { return bench_seconds(CLOCK_PROCESS_CPUTIME_ID); }

/* ---- measuring ------------------------------------------------------------------------------ */

static row *row_new(const char *group, const char *name, const char *precision, double flops)
{
    row *r = &rows[row_count];
    if (row_count == MAX_ROWS) die("too many rows");
    memset(r, 0, sizeof *r);
    snprintf(r->group, sizeof r->group, "%s", group);
    snprintf(r->name, sizeof r->name, "%s", name);
    snprintf(r->precision, sizeof r->precision, "%s", precision);
    r->flops = flops;
    r->rounds = option_rounds;
    return r;
}

static void row_add(row *r, const char *who, bench_run run, void *context)
{
    contender *c = &r->c[r->count++];
    c->who = who, c->run = run, c->context = context, c->unit = 1;
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

/* Repetitions so that one round of a contender takes about `seconds`. */
static void calibrate(contender *c, double seconds)
{
    double t = c->run(c->context, 1);
    c->reps = 1;
    while (t < seconds / 4 && c->reps < 1 << 24) t = c->run(c->context, c->reps *= 2);
    if (t > 0 && t < seconds) c->reps = (long)((double)c->reps * seconds / t) + 1;
}

static contender *find(row *r, const char *who)
{
    for (int i = 0; i < r->count; ++i)
        if (!strcmp(r->c[i].who, who)) return &r->c[i];
    return NULL;
}

/* The limits of the machine are measured as the peers are, but are none. */
static int is_limit(const contender *c)
{
    return !strcmp(c->who, "peak") || !strcmp(c->who, "fed");
}

/* Percent of a limit ("peak", "fed") that clb reaches; 0 where it was not measured. */
static double share(row *r, const char *limit)
{
    contender *clb = find(r, "clb"), *c = find(r, limit);
    return clb && c ? 100 * r->flops / clb->median * c->median : 0;
}

static void row_print(row *r)
{
    contender *clb = find(r, "clb");
    printf("%-8s %-26s %-6s", r->group, r->name, r->precision);
    for (int i = 0; i < r->count; ++i) {
        contender *c = &r->c[i];
        if (is_limit(c)) continue;
        printf("  %s %.4g us", c->who, c->median * 1e6);
        if (c == clb) printf(" (%.4g to %.4g)", c->low * 1e6, c->high * 1e6);
        if (c != clb && clb) printf(" (%.2fx)", c->median / clb->median);
    }
    if (share(r, "peak") > 0)
        printf("  %.1f GF/s, %.0f %% of peak, %.0f %% fed", r->flops / clb->median * 1e-9,
               share(r, "peak"), share(r, "fed"));
    putchar('\n');
    fflush(stdout);
}

/* --only */
static int wanted(const row *r)
{
    return !option_only || strstr(r->name, option_only) || strstr(r->group, option_only);
}

static void row_measure(row *r, double seconds)
{
    if (!wanted(r)) return;
    for (int i = 0; i < r->count; ++i) calibrate(&r->c[i], seconds);
    for (int k = 0; k < r->rounds; ++k)
        for (int i = 0; i < r->count; ++i)
            r->c[i].t[k] = r->c[i].run(r->c[i].context, r->c[i].reps) / (double)r->c[i].reps;
    for (int i = 0; i < r->count; ++i) {
        double t[MAX_ROUNDS];
        memcpy(t, r->c[i].t, sizeof t);
        qsort(t, (size_t)r->rounds, sizeof *t, by_size);
        r->c[i].median = t[r->rounds / 2] / r->c[i].unit;
        r->c[i].low = t[(r->rounds - 1) / 10] / r->c[i].unit;
        r->c[i].high = t[(9 * r->rounds - 1) / 10] / r->c[i].unit;
    }
    ++row_count;
    row_print(r);
}

/* ---- peak: seconds per flop ----------------------------------------------------------------- */

/* The clock in GHz: additions that wait for each other take a cycle each. 0: not known here. */
static double clock_ghz(void)
{
#if defined(__x86_64__)
    enum { LOOPS = 1 << 20, ADDS = 8 };
    double best = 0;
    for (int k = 0; k < 9; ++k) {
        unsigned long x = (unsigned long)k;
        double start = cpu_seconds(), rate;
        for (int i = 0; i < LOOPS; ++i)
            __asm__ volatile("add $1, %0\n\tadd $1, %0\n\tadd $1, %0\n\tadd $1, %0\n\t"
                             "add $1, %0\n\tadd $1, %0\n\tadd $1, %0\n\tadd $1, %0" : "+r"(x));
        rate = 1e-9 * LOOPS * ADDS / (cpu_seconds() - start);
        if (rate > best) best = rate;
    }
    return best;
#else
    return 0;
#endif
}

static volatile double peak_sink;
enum { ROWS_512 = 6, COLS_512 = 4, ROWS_256 = 4, COLS_256 = 3 };
#if defined(__x86_64__)
/* ROWS x COLS independent sums, as a register tile has them; fed: their operands are loaded anew
 * every time, COLS vectors and ROWS scalars from the first cache, which the compiler must take for
 * changed. */
#define PEAK(name, isa, V, real, set, load, fma, ROWS, COLS, fed)                                  \
    __attribute__((target(isa))) static double name(void *context, long reps)                      \
    {                                                                                              \
        static real a[ROWS];                                                                       \
        static real b[COLS * sizeof(V) / sizeof(real)] __attribute__((aligned(sizeof(V))));        \
        const real *pa = a, *pb = b;                                                               \
        V s[ROWS][COLS], v[COLS], x = set((void *)context == NULL ? 1 : 0);                        \
        double start = cpu_seconds();                                                              \
        _Pragma("GCC unroll 24") for (int i = 0; i < ROWS * COLS; ++i)                             \
            s[i / COLS][i % COLS] = set((real)i);                                                  \
        __asm__ volatile("" : "+r"(pa), "+r"(pb) : : "memory");                                    \
        _Pragma("GCC unroll 4") for (int j = 0; j < COLS; ++j)                                     \
            v[j] = load(pb + (size_t)j * sizeof(V) / sizeof(real));                                \
        for (long k = 0; k < reps * 100; ++k) {                                                    \
            _Pragma("GCC unroll 4") for (int j = 0; j < COLS; ++j)                                 \
                if (fed) v[j] = load(pb + (size_t)j * sizeof(V) / sizeof(real));                   \
            _Pragma("GCC unroll 6") for (int i = 0; i < ROWS; ++i) {                               \
                if (fed) x = set(pa[i]);                                                           \
                _Pragma("GCC unroll 4") for (int j = 0; j < COLS; ++j)                             \
                    s[i][j] = fma(x, v[j], s[i][j]);                                               \
            }                                                                                      \
            __asm__ volatile("" : "+v"(x), "+r"(pa), "+r"(pb) : : "memory");                       \
        }                                                                                          \
        _Pragma("GCC unroll 24") for (int i = 1; i < ROWS * COLS; ++i)                             \
            s[0][0] = fma(x, s[i / COLS][i % COLS], s[0][0]);                                      \
        peak_sink = (double)s[0][0][0];                                                            \
        return cpu_seconds() - start;                                                              \
    }
#define PEAK_512(fed) \
    PEAK(peak_512_d_##fed, "avx512f", __m512d, double, _mm512_set1_pd, _mm512_loadu_pd,            \
         _mm512_fmadd_pd, ROWS_512, COLS_512, fed)                                                 \
    PEAK(peak_512_s_##fed, "avx512f", __m512, float, _mm512_set1_ps, _mm512_loadu_ps,              \
         _mm512_fmadd_ps, ROWS_512, COLS_512, fed)
#define PEAK_256(fed) \
    PEAK(peak_256_d_##fed, "avx2,fma", __m256d, double, _mm256_set1_pd, _mm256_loadu_pd,           \
         _mm256_fmadd_pd, ROWS_256, COLS_256, fed)                                                 \
    PEAK(peak_256_s_##fed, "avx2,fma", __m256, float, _mm256_set1_ps, _mm256_loadu_ps,             \
         _mm256_fmadd_ps, ROWS_256, COLS_256, fed)
PEAK_512(0) PEAK_512(1) PEAK_256(0) PEAK_256(1)
#endif

static const bench_part *parts[2];
static double            ghz;                                 /* the clock; 0: unknown */
static const char       *isa_in_use;

static bench_run peak_of(const bench_part *part, int fed)
{
#if defined(__x86_64__)
    static const bench_run loops[2][2][2] = {
        { { peak_256_s_0, peak_256_s_1 }, { peak_256_d_0, peak_256_d_1 } },
        { { peak_512_s_0, peak_512_s_1 }, { peak_512_d_0, peak_512_d_1 } }
    };
    int wide = !strcmp(isa_in_use, "avx512");
    if (wide || !strcmp(isa_in_use, "avx2")) return loops[wide][part->real == 8][fed];
#endif
    (void)part, (void)fed;
    return NULL;
}

static void add_peak(row *r, const bench_part *part)
{
    int wide = !strcmp(isa_in_use, "avx512");
    double width = (wide ? 64.0 : 32.0) / (double)part->real;
    double sums = wide ? ROWS_512 * COLS_512 : ROWS_256 * COLS_256;
    for (int fed = 0; fed < 2 && peak_of(part, fed); ++fed) {
        row_add(r, fed ? "fed" : "peak", peak_of(part, fed), NULL);
        r->c[r->count - 1].unit = 100 * 2 * sums * width;         /* flops of one repetition */
    }
}

/* ---- peers ---------------------------------------------------------------------------------- */

typedef void (*cblas_d)(int, int, int, int, int, int, double, const double *, int, const double *,
                        int, double, double *, int);
typedef void (*cblas_s)(int, int, int, int, int, int, float, const float *, int, const float *, int,
                        float, float *, int);
typedef struct blas { const char *who; cblas_d d; cblas_s s; } blas;
static blas openblas = { "openblas", NULL, NULL }, blis = { "blis", NULL, NULL };

/* A function pointer out of a shared library; C has no cast for it. */
static void *library(const char *name)
{
    return name ? dlopen(name, RTLD_NOW | RTLD_LOCAL) : NULL;
}

static void function(void *lib, const char *name, void *out)
{
    void *p = lib ? dlsym(lib, name) : NULL;
    memcpy(out, &p, sizeof p);
}

typedef void (*lapack_dsyevd)(const char *, const char *, const int *, double *, const int *,
                              double *, double *, const int *, int *, const int *, int *);
typedef void (*blas_dsymv)(int, int, int, double, const double *, int, const double *, int, double,
                           double *, int);
static lapack_dsyevd dsyevd;
static blas_dsymv    dsymv;
typedef void (*arpack_dsaupd)(int *, const char *, const int *, const char *, const int *,
                              const double *, double *, const int *, double *, const int *, int *,
                              int *, double *, double *, const int *, int *, int, int);
typedef void (*arpack_dseupd)(const int *, const char *, int *, double *, double *, const int *,
                              const double *, const char *, const int *, const char *, const int *,
                              const double *, double *, const int *, double *, const int *, int *,
                              int *, double *, double *, const int *, int *, int, int, int);
static arpack_dsaupd dsaupd;
static arpack_dseupd dseupd;
#ifdef BENCH_SPECTRA                                          /* bench_eigen.cpp */
int bench_spectra(int n, const double *A, int k, int basis, double tol, double *values,
                  double *vectors);
int bench_eigen(int n, const double *A, double *values, double *vectors);
#endif

static void find_peers(void)
{
    void *lib, *arpack;
    void (*threads)(int);
    lib = library(getenv("BENCH_OPENBLAS") ? getenv("BENCH_OPENBLAS") : "libopenblas.so.0");
    function(lib, "cblas_dgemm", &openblas.d);
    function(lib, "cblas_sgemm", &openblas.s);
    function(lib, "cblas_dsymv", &dsymv);
    function(lib, "dsyevd_", &dsyevd);
    function(lib, "openblas_set_num_threads", &threads);
    if (threads) threads(1);
    lib = library(getenv("BENCH_BLIS") ? getenv("BENCH_BLIS") : "libblis.so.4");
    function(lib, "cblas_dgemm", &blis.d);
    function(lib, "cblas_sgemm", &blis.s);
    arpack = library(getenv("BENCH_ARPACK") ? getenv("BENCH_ARPACK") : "libarpack.so.2");
    function(arpack, "dsaupd_", &dsaupd);
    function(arpack, "dseupd_", &dseupd);
    fprintf(stderr, "peers: openblas %s, blis %s, libxsmm %s, lapack %s, arpack %s, "
            "eigen and spectra %s\n", openblas.d ? "yes" : "no", blis.d ? "yes" : "no",
#ifdef BENCH_XSMM
            "yes",
#else
            "no",
#endif
            dsyevd ? "yes" : "no", dsaupd ? "yes" : "no",
#ifdef BENCH_SPECTRA
            "yes"
#else
            "no"
#endif
            );
}

/* form: n A B, t A B^T, a A^T B; row-major, dense. */
static void gemm_d(cblas_d f, char form, size_t M, size_t N, size_t K, const double *A,
                   const double *B, double *C)
{
    f(101, form == 'a' ? 112 : 111, form == 't' ? 112 : 111, (int)M, (int)N, (int)K, 1, A,
      (int)(form == 'a' ? M : K), B, (int)(form == 't' ? K : N), 0, C, (int)N);
}

static void gemm_s(cblas_s f, char form, size_t M, size_t N, size_t K, const float *A,
                   const float *B, float *C)
{
    f(101, form == 'a' ? 112 : 111, form == 't' ? 112 : 111, (int)M, (int)N, (int)K, 1, A,
      (int)(form == 'a' ? M : K), B, (int)(form == 't' ? K : N), 0, C, (int)N);
}

static void openblas_gemm_d(char form, size_t M, size_t N, size_t K, const double *A,
                            const double *B, double *C)
{
    gemm_d(openblas.d, form, M, N, K, A, B, C);
}

static void openblas_gemm_s(char form, size_t M, size_t N, size_t K, const float *A, const float *B,
                            float *C)
{
    gemm_s(openblas.s, form, M, N, K, A, B, C);
}

#ifdef BENCH_XSMM
/* libxsmm is column-major: C^T = B^T A^T. It has no kernel for B stored transposed, so B is
 * transposed first. */
static double xsmm_copy[1 << 18];
static void xsmm_gemm_d(char form, size_t M, size_t N, size_t K, const double *A, const double *B,
                        double *C)
{
    libxsmm_blasint n = (libxsmm_blasint)N, m = (libxsmm_blasint)M, k = (libxsmm_blasint)K,
                    lda = form == 'a' ? m : k;
    int flags = form == 'a' ? LIBXSMM_GEMM_FLAG_TRANS_B : LIBXSMM_GEMM_FLAG_NONE;
    double one = 1, zero = 0;
    libxsmm_dmmfunction f = libxsmm_dmmdispatch(n, m, k, &n, &lda, &n, &one, &zero, &flags, NULL);
    if (form == 't') {
        libxsmm_otrans(xsmm_copy, B, sizeof *B, k, n, k, n);
        B = xsmm_copy;
    }
    f(B, A, C);
}
static void xsmm_gemm_s(char form, size_t M, size_t N, size_t K, const float *A, const float *B,
                        float *C)
{
    libxsmm_blasint n = (libxsmm_blasint)N, m = (libxsmm_blasint)M, k = (libxsmm_blasint)K,
                    lda = form == 'a' ? m : k;
    int flags = form == 'a' ? LIBXSMM_GEMM_FLAG_TRANS_B : LIBXSMM_GEMM_FLAG_NONE;
    float one = 1, zero = 0;
    libxsmm_smmfunction f = libxsmm_smmdispatch(n, m, k, &n, &lda, &n, &one, &zero, &flags, NULL);
    if (form == 't') {
        libxsmm_otrans(xsmm_copy, B, sizeof *B, k, n, k, n);
        B = (const float *)xsmm_copy;
    }
    f(B, A, C);
}
/* Does this build of libxsmm have a kernel for the shape, and is it right? */
static int xsmm_can(char form, size_t M, size_t N, size_t K)
{
    libxsmm_blasint n = (libxsmm_blasint)N, m = (libxsmm_blasint)M, k = (libxsmm_blasint)K,
                    lda = form == 'a' ? m : k;
    int flags = form == 'a' ? LIBXSMM_GEMM_FLAG_TRANS_B : LIBXSMM_GEMM_FLAG_NONE;
    double one = 1, zero = 0;
    float onef = 1, zerof = 0;
    return N * K <= sizeof xsmm_copy / sizeof *xsmm_copy && M <= 256 &&
           libxsmm_dmmdispatch(n, m, k, &n, &lda, &n, &one, &zero, &flags, NULL) != NULL &&
           libxsmm_smmdispatch(n, m, k, &n, &lda, &n, &onef, &zerof, &flags, NULL) != NULL;
}
#endif

#define REAL double
#define PEER(name) peer_##name##_d
#define EXP exp
#define LOG log
#include "bench_peer.h"
#undef REAL
#undef PEER
#undef EXP
#undef LOG
#define REAL float
#define PEER(name) peer_##name##_s
#define EXP expf
#define LOG logf
#include "bench_peer.h"

/* ---- PyTorch: a child process answers "name precision arguments reps" with CPU seconds ------ */

static FILE *torch_in, *torch_out;

static void torch_start(void)
{
    int to[2], from[2];
    char line[64];
    const char *script = getenv("BENCH_TORCH"), *python = getenv("BENCH_PYTHON");
    if (!script || pipe(to) || pipe(from)) return;
    if (fork() == 0) {
        dup2(to[0], 0), dup2(from[1], 1);
        close(to[1]), close(from[0]);
        execlp(python ? python : "python3", "python3", script, (char *)NULL);
        _exit(1);
    }
    close(to[0]), close(from[1]);
    torch_out = fdopen(to[1], "w"), torch_in = fdopen(from[0], "r");
    if (!torch_in || !torch_out || !fgets(line, sizeof line, torch_in)) torch_in = NULL;
    fprintf(stderr, "pytorch: %s", torch_in ? line : "not there\n");
}

static double torch_run(void *context, long reps)
{
    char line[64];
    fprintf(torch_out, "%s %ld\n", (const char *)context, reps);
    fflush(torch_out);
    if (!fgets(line, sizeof line, torch_in)) die("the PyTorch process ended");
    return strtod(line, NULL);
}

static char *torch_request(const char *what, const bench_part *part, const bench_net_spec *s)
{
    char *line = (char *)malloc(96);
    snprintf(line, 96, "%s %s %zu %zu %g %d", what, part->real == 8 ? "float64" : "float32", s->m,
             s->L, s->ce, s->linear);
    return line;
}

/* ---- matrix products ------------------------------------------------------------------------ */

typedef struct product {
    const bench_part *part;
    char   form;
    size_t M, N, K;
    void  *A, *B, *C;
    blas  *peer;
} product;

static void fill(const bench_part *part, void *p, size_t count)
{
    unsigned s = 12345;
    for (size_t i = 0; i < count; ++i) {
        double x = (double)((s = s * 1664525u + 1013904223u) >> 8) / 8388608.0 - 1.0;
        if (part->real == 8) ((double *)p)[i] = x;
        else ((float *)p)[i] = (float)x;
    }
}

static void *block(size_t bytes)
{
    void *p = NULL;
    if (posix_memalign(&p, 64, bytes + 64)) die("out of memory");
    memset(p, 0, bytes + 64);
    return p;
}

static double product_clb(void *context, long reps)
{
    product *p = (product *)context;
    double start = cpu_seconds();
    while (reps--)
        p->part->matmul(p->form == 'a' ? 'a' : p->form, p->M, p->N, p->K, p->A, p->B, p->C);
    return cpu_seconds() - start;
}

static double product_blas(blas *peer, product *p, long reps)
{
    double start = cpu_seconds();
    while (reps--) {
        if (p->part->real == 8)
            gemm_d(peer->d, p->form, p->M, p->N, p->K, (double *)p->A, (double *)p->B,
                   (double *)p->C);
        else
            gemm_s(peer->s, p->form, p->M, p->N, p->K, (float *)p->A, (float *)p->B, (float *)p->C);
    }
    return cpu_seconds() - start;
}

static double product_openblas(void *context, long reps)
{
    return product_blas(&openblas, (product *)context, reps);
}

static double product_blis(void *context, long reps)
{
    return product_blas(&blis, (product *)context, reps);
}

#ifdef BENCH_XSMM
static double product_xsmm(void *context, long reps)
{
    product *p = (product *)context;
    double start = cpu_seconds();
    while (reps--) {
        if (p->part->real == 8)
            xsmm_gemm_d(p->form, p->M, p->N, p->K, (double *)p->A, (double *)p->B, (double *)p->C);
        else xsmm_gemm_s(p->form, p->M, p->N, p->K, (float *)p->A, (float *)p->B, (float *)p->C);
    }
    return cpu_seconds() - start;
}
#endif

static double element(const bench_part *part, const void *p, size_t i)
{
    return part->real == 8 ? ((const double *)p)[i] : (double)((const float *)p)[i];
}

/* The peer's product is the same matrix, up to the rounding of another order of summation. */
static void check_peer(product *p, bench_run peer, const char *who)
{
    double worst = 0;
    void *mine = block(p->M * p->N * p->part->real);
    product_clb(p, 1);
    memcpy(mine, p->C, p->M * p->N * p->part->real);
    peer(p, 1);
    for (size_t i = 0; i < p->M * p->N; ++i) {
        double e = fabs(element(p->part, mine, i) - element(p->part, p->C, i));
        if (e > worst) worst = e;
    }
    if (!(worst <= (p->part->real == 8 ? 1e-12 : 1e-3) * (double)p->K)) {
        fprintf(stderr, "bench: %s %c %zu %zu %zu differs by %g\n", who, p->form, p->M, p->N, p->K,
                worst);
        exit(1);
    }
    free(mine);
}

static void product_row(const bench_part *part, const char *group, const char *name, char form,
                        size_t M, size_t N, size_t K)
{
    product p;
    row *r = row_new(group, name, part->precision, 2.0 * (double)M * (double)N * (double)K);
    p.part = part, p.form = form, p.M = M, p.N = N, p.K = K;
    p.A = block(M * K * part->real), p.B = block(N * K * part->real),
    p.C = block(M * N * part->real);
    fill(part, p.A, M * K), fill(part, p.B, N * K);
    add_peak(r, part);
    row_add(r, "clb", product_clb, &p);
    if (openblas.d)
        row_add(r, "openblas", product_openblas, &p), check_peer(&p, product_openblas, "openblas");
    if (blis.d) row_add(r, "blis", product_blis, &p), check_peer(&p, product_blis, "blis");
#ifdef BENCH_XSMM
    if (xsmm_can(form, M, N, K))
        row_add(r, "libxsmm", product_xsmm, &p), check_peer(&p, product_xsmm, "libxsmm");
#endif
    if (M >= 2048 && r->rounds > 5) r->rounds = 5;          /* seconds a round, all contenders */
    row_measure(r, M >= 1024 ? 0.02 : 0.0005);
    free(p.A), free(p.B), free(p.C);
}

/* --probe PEER: its speed on a few products, as a geometric mean in GF/s of both precisions. */
static int probe(const char *peer)
{
    static const struct { char form; size_t M, N, K; } shapes[] = {
        { 't', 200, 64, 20 }, { 'a', 64, 20, 200 }, { 'n', 200, 64, 64 }, { 'n', 512, 512, 512 }
    };
    const bench_run run = !strcmp(peer, "blis") ? product_blis : product_openblas;
    double sum = 0;
    int count = 0;
    if (!(!strcmp(peer, "blis") ? blis.d : openblas.d)) return 1;
    for (int k = 0; k < 2; ++k)
        for (size_t i = 0; i < sizeof shapes / sizeof *shapes; ++i) {
            product p = { parts[k], shapes[i].form, shapes[i].M, shapes[i].N, shapes[i].K,
                          NULL, NULL, NULL, NULL };
            contender c = { peer, run, &p, 0, 1, { 0 }, HUGE_VAL, 0, 0 };
            p.A = block(p.M * p.K * p.part->real), p.B = block(p.N * p.K * p.part->real);
            p.C = block(p.M * p.N * p.part->real);
            fill(p.part, p.A, p.M * p.K), fill(p.part, p.B, p.N * p.K);
            calibrate(&c, 0.005);
            for (int round = 0; round < 5; ++round) {
                double t = run(&p, c.reps) / (double)c.reps;
                if (t < c.median) c.median = t;
            }
            sum += log(2e-9 * (double)(p.M * p.N * p.K) / c.median), ++count;
            free(p.A), free(p.B), free(p.C);
        }
    printf("%.2f\n", exp(sum / count));
    return 0;
}

/* The 36 shapes: n = 200, K = 5, d = 10, 20, 40, m = 16, 64, 256, and hidden layers m x m. */
static void product_rows(const bench_part *part, int quick)
{
    static const size_t ms[] = { 16, 64, 256 }, ds[] = { 10, 20, 40 };
    char name[48];
    for (int i = 0; i < 3; ++i) {
        size_t m = ms[i];
        for (int j = 0; j < 3; ++j) {
            size_t d = ds[j];
            snprintf(name, sizeof name, "X W1^T d%zu m%zu", d, m);
            product_row(part, "gemm", name, 't', 200, m, d);
            snprintf(name, sizeof name, "dW1 d%zu m%zu", d, m);
            product_row(part, "gemm", name, 'a', m, d, 200);
        }
        snprintf(name, sizeof name, "H W2^T m%zu", m);
        product_row(part, "gemm", name, 't', 200, 5, m);
        snprintf(name, sizeof name, "dW2 m%zu", m);
        product_row(part, "gemm", name, 'a', 5, m, 200);
        snprintf(name, sizeof name, "dH m%zu", m);
        product_row(part, "gemm", name, 'n', 200, m, 5);
        snprintf(name, sizeof name, "hidden forward m%zu", m);
        product_row(part, "gemm", name, 't', 200, m, m);
        snprintf(name, sizeof name, "hidden dW m%zu", m);
        product_row(part, "gemm", name, 'a', m, m, 200);
        snprintf(name, sizeof name, "hidden dH m%zu", m);
        product_row(part, "gemm", name, 'n', 200, m, m);
    }
    product_row(part, "square", "256", 'n', 256, 256, 256);
    if (quick) return;
    for (size_t n = 512; n <= 4096; n *= 2) {
        snprintf(name, sizeof name, "%zu", n);
        product_row(part, "square", name, 'n', n, n, n);
    }
}

/* ---- training steps ------------------------------------------------------------------------- */

typedef struct trainer { const bench_part *part; void *net, *peer; } trainer;

static double steps_clb(void *context, long reps)
{
    trainer *t = (trainer *)context;
    double start = cpu_seconds();
    t->part->net_steps(t->net, (size_t)reps);
    return cpu_seconds() - start;
}

static double steps_peer_d(void *context, long reps)
{
    double start = cpu_seconds();
    while (reps--) peer_step_d((peer_net_d *)context, 1e-3);
    return cpu_seconds() - start;
}

static double steps_peer_s(void *context, long reps)
{
    double start = cpu_seconds();
    while (reps--) peer_step_s((peer_net_s *)context, 1e-3);
    return cpu_seconds() - start;
}

/* n = 200, d = 20, K = 5, L layers of width m. Flops of forward, backward and update as in the
 * products. */
static double step_flops(const bench_net_spec *s)
{
    double f = 4.0 * (double)s->d * (double)s->m + 6.0 * (double)s->m * (double)s->K;
    return (double)s->n * (f + 6.0 * (double)(s->L - 2) * (double)s->m * (double)s->m);
}

static void step_row(const bench_part *part, const char *name, size_t m, size_t L, double ce,
                     int linear)
{
    bench_net_spec s = { 200, 20, m, 5, L, ce, linear };
    row *r = row_new("step", name, part->precision, linear ? 0 : step_flops(&s));
    trainer t = { part, part->net_new(&s), NULL };
    const void *X, *theta;
    const int *y;
    part->net_data(t.net, &X, &y, &theta);
    add_peak(r, part);
    row_add(r, "clb", steps_clb, &t);
    if (openblas.d && part->real == 8)
        row_add(r, "C+openblas", steps_peer_d, peer_new_d(&s, openblas_gemm_d, X, y, theta));
    else if (openblas.d)
        row_add(r, "C+openblas", steps_peer_s, peer_new_s(&s, openblas_gemm_s, X, y, theta));
#ifdef BENCH_XSMM
    if (part->real == 8)
        row_add(r, "C+libxsmm", steps_peer_d, peer_new_d(&s, xsmm_gemm_d, X, y, theta));
    else row_add(r, "C+libxsmm", steps_peer_s, peer_new_s(&s, xsmm_gemm_s, X, y, theta));
#endif
    if (torch_in) row_add(r, "pytorch", torch_run, torch_request("step", part, &s));
    row_measure(r, L > 2 ? 0.1 : 0.01);      /* hundreds of steps a call, as in a training run */
    part->net_free(t.net);
}

static void step_rows(const bench_part *part)
{
    step_row(part, "m16 cross entropy", 16, 2, 1, 0);
    step_row(part, "m64 cross entropy", 64, 2, 1, 0);
    step_row(part, "m64 squares", 64, 2, 0, 0);
    step_row(part, "m256 cross entropy", 256, 2, 1, 0);
    step_row(part, "depth 8 cross entropy", 64, 8, 1, 0);
    step_row(part, "linear squares m64", 64, 2, 0, 1);
}

/* ---- curvature ------------------------------------------------------------------------------ */

static double hvp_clb(void *context, long reps)
{
    trainer *t = (trainer *)context;
    double start = cpu_seconds();
    t->part->net_hvp(t->net, reps);
    return cpu_seconds() - start;
}

static double sharpness_clb(void *context, long reps)
{
    trainer *t = (trainer *)context;
    double start = cpu_seconds();
    while (reps--) t->part->net_sharpness(t->net);
    return cpu_seconds() - start;
}

static double hessian_clb(void *context, long reps)
{
    trainer *t = (trainer *)context;
    double start = cpu_seconds();
    while (reps--) t->part->net_hessian(t->net);
    return cpu_seconds() - start;
}

/* The row "Hessian" compares with what the published program does, a double backward product H e_i
 * for every column (pytorch), and with PyTorch's quicker way to the same matrix, the rows of one
 * kept graph (pytorch rows). */
static void curvature_rows(const bench_part *part)
{
    bench_net_spec s = { 200, 20, 64, 5, 2, 1, 0 };
    trainer t = { part, part->net_new(&s), NULL };
    row *r = row_new("curv", "HVP m64 P1600", part->precision,
                     2.0 * 200 * (2.0 * 20 * 64 + 6.0 * 5 * 64));
    add_peak(r, part);
    row_add(r, "clb", hvp_clb, &t);
    if (torch_in) row_add(r, "pytorch", torch_run, torch_request("hvp", part, &s));
    row_measure(r, 0.002);
    r = row_new("curv", "Hessian m64 P1600", part->precision, 0);
    r->rounds = r->rounds < 3 ? r->rounds : 3;
    row_add(r, "clb", hessian_clb, &t);
    if (torch_in) row_add(r, "pytorch", torch_run, torch_request("hessian", part, &s));
    if (torch_in) row_add(r, "pytorch rows", torch_run, torch_request("hessian_rows", part, &s));
    row_measure(r, 0.15);
    part->net_free(t.net);
}

/* ---- eigenproblems, double ------------------------------------------------------------------ */

enum { WANTED = 10, BASES = 4 };            /* eigenpairs; sizes of basis that peers try */
static const int bases[BASES] = { 30, 40, 60, 80 };
static const double tolerance = 1e-10;                /* of residuals, clb's default, for all */

typedef struct eigen {
    const bench_part *part;
    size_t  n;
    double *A, *work, *vectors, *values, *g;
    int    *iwork, liwork, lwork;
    double *space;
    int     arpack_basis, spectra_basis;       /* the fastest of bases[] */
} eigen;

static double eigh_run(eigen *e, double *g, double *vectors, long reps)
{
    double start = cpu_seconds();
    while (reps--)
        if (e->part->eigh(e->n, e->A, e->work, g, e->values, vectors)) die("clb_eigh failed");
    return cpu_seconds() - start;
}

static double eigh_vectors(void *context, long reps)
{
    eigen *e = (eigen *)context;
    return eigh_run(e, NULL, e->vectors, reps);
}

static double eigh_values(void *context, long reps)
{
    return eigh_run((eigen *)context, NULL, NULL, reps);
}

static double eigh_project(void *context, long reps)
{
    eigen *e = (eigen *)context;
    return eigh_run(e, e->g, NULL, reps);
}

static double lapack_run(eigen *e, const char *job, long reps)
{
    int n = (int)e->n, info;
    double start = cpu_seconds();
    while (reps--) {
        memcpy(e->work, e->A, e->n * e->n * sizeof(double));
        dsyevd(job, "L", &n, e->work, &n, e->values, e->space, &e->lwork, e->iwork, &e->liwork,
               &info);
        if (info) die("dsyevd failed");
    }
    return cpu_seconds() - start;
}

static double dsyevd_vectors(void *context, long reps)
{
    return lapack_run((eigen *)context, "V", reps);
}

static double dsyevd_values(void *context, long reps)
{
    return lapack_run((eigen *)context, "N", reps);
}

static double lanczos_run(eigen *e, int check, long reps)
{
    double start = cpu_seconds();
    while (reps--)
        if (e->part->lanczos(e->n, e->A, WANTED, check, e->values))
            die("clb_lanczos did not converge");
    return cpu_seconds() - start;
}

static double lanczos_clb(void *context, long reps)
{
    return lanczos_run((eigen *)context, 0, reps);
}

static double lanczos_checked(void *context, long reps)
{
    return lanczos_run((eigen *)context, 1, reps);
}

/* The largest by ARPACK's implicitly restarted Lanczos, with vectors. */
static void arpack_once(eigen *e)
{
    int n = (int)e->n, ido = 0, nev = WANTED, ncv = e->arpack_basis, ipntr[11];
    int iparam[11] = { 1, 0, 1000, 1, 0, 0, 1, 0, 0, 0, 0 };
    int lworkl = ncv * (ncv + 8), info = 0, rvec = 1, select[128];
    double tol = tolerance, sigma = 0, *resid = e->space, *v = e->vectors, *workd = resid + n,
           *workl = workd + 3 * n;
    for (;;) {
        dsaupd(&ido, "I", &n, "LA", &nev, &tol, resid, &ncv, v, &n, iparam, ipntr, workd, workl,
               &lworkl, &info, 1, 2);
        if (ido != 1 && ido != -1) break;
        dsymv(102, 122, n, 1, e->A, n, workd + ipntr[0] - 1, 1, 0, workd + ipntr[1] - 1, 1);
    }
    if (info) die("dsaupd failed");
    dseupd(&rvec, "A", select, e->values, v, &n, &sigma, "I", &n, "LA", &nev, &tol, resid, &ncv, v,
           &n, iparam, ipntr, workd, workl, &lworkl, &info, 1, 1, 2);
    if (info) die("dseupd failed");
}

static double lanczos_arpack(void *context, long reps)
{
    double start = cpu_seconds();
    while (reps--) arpack_once((eigen *)context);
    return cpu_seconds() - start;
}

#ifdef BENCH_SPECTRA
static double lanczos_spectra(void *context, long reps)
{
    eigen *e = (eigen *)context;
    double start = cpu_seconds();
    while (reps--)
        if (bench_spectra((int)e->n, e->A, WANTED, e->spectra_basis, tolerance, e->values,
                          e->vectors)) die("Spectra did not converge");
    return cpu_seconds() - start;
}

static double eigen_run(eigen *e, double *vectors, long reps)
{
    double start = cpu_seconds();
    while (reps--)
        if (bench_eigen((int)e->n, e->A, e->values, vectors)) die("Eigen did not converge");
    return cpu_seconds() - start;
}

static double eigen_values(void *context, long reps)
{
    return eigen_run((eigen *)context, NULL, reps);
}

static double eigen_vectors(void *context, long reps)
{
    eigen *e = (eigen *)context;
    return eigen_run(e, e->vectors, reps);
}
#endif

/* Sets *basis to the size with which the peer is fastest on this matrix, of two runs each. */
static void choose_basis(eigen *e, bench_run run, int *basis)
{
    double best = HUGE_VAL;
    int fastest = bases[0];
    for (int i = 0; i < 2 * BASES; ++i) {
        double t;
        *basis = bases[i % BASES];
        if ((t = run(e, 1)) < best) best = t, fastest = *basis;
    }
    *basis = fastest;
}

/* The peers of row r for the WANTED largest. */
static void add_lanczos_peers(row *r, eigen *e)
{
    if (dsaupd && dseupd && dsymv) {
        if (!e->arpack_basis) choose_basis(e, lanczos_arpack, &e->arpack_basis);
        row_add(r, "arpack", lanczos_arpack, e);
    }
#ifdef BENCH_SPECTRA
    if (!e->spectra_basis) choose_basis(e, lanczos_spectra, &e->spectra_basis);
    row_add(r, "spectra", lanczos_spectra, e);
#endif
}

/* all: room for all vectors, else for those of the peers' bases. */
static eigen *eigen_new(const bench_part *part, size_t n, int all)
{
    eigen *e = (eigen *)calloc(1, sizeof *e);
    size_t i, j, columns = all || n < 128 ? n : 128, least = 1 + 6 * n + 64 * n + 128 * 136;
    e->part = part, e->n = n;
    e->A = (double *)block(n * n * 8), e->work = (double *)block(n * n * 8),
    e->vectors = (double *)block(n * columns * 8);
    e->values = (double *)block(2 * n * 8), e->g = (double *)block(n * 8);
    e->lwork = (int)(least + (all ? 2 * n * n : 0)), e->liwork = (int)(3 + 5 * n);
    e->space = (double *)block((size_t)e->lwork * 8),
    e->iwork = (int *)block((size_t)e->liwork * sizeof(int));
    fill(part, e->A, n * n), fill(part, e->g, n);
    for (i = 0; i < n; ++i)
        for (j = 0; j < i; ++j) e->A[j * n + i] = e->A[i * n + j];
    return e;
}

static void eigen_free(eigen *e)
{
    free(e->A), free(e->work), free(e->vectors), free(e->values), free(e->g), free(e->space);
    free(e->iwork), free(e);
}

/* "top 10" asks clb_lanczos for what the peers give. "top 10 checked" is its default: it starts
 * once more from a random vector, to find copies of multiple eigenvalues, and the peers do not. */
static void eigen_rows(const bench_part *part, int quick)
{
    static const size_t sizes[] = { 400, 800, 1600 };
    enum { PAIRS, VALUES, PROJECT, TOP, CHECKED, TASKS };
    static const struct { const char *name; bench_run mine; } tasks[TASKS] = {
        { "vectors", eigh_vectors }, { "values", eigh_values }, { "values + V^T g", eigh_project },
        { "top 10", lanczos_clb }, { "top 10 checked", lanczos_checked }
    };
    char name[48];
    for (int i = 0; i < (quick ? 1 : 3); ++i) {
        eigen *e = eigen_new(part, sizes[i], 1);
        for (int k = 0; k < TASKS; ++k) {
            row *r;
            snprintf(name, sizeof name, "%s n%zu", tasks[k].name, sizes[i]);
            r = row_new("eigen", name, part->precision, 0);
            r->rounds = r->rounds < 5 ? r->rounds : 5;
            if (!wanted(r)) continue;
            row_add(r, "clb", tasks[k].mine, e);
            if (k >= TOP) add_lanczos_peers(r, e);
            else if (dsyevd) row_add(r, "dsyevd", k == VALUES ? dsyevd_values : dsyevd_vectors, e);
#ifdef BENCH_SPECTRA
            if (k < TOP) row_add(r, "eigen", k == VALUES ? eigen_values : eigen_vectors, e);
#endif
            row_measure(r, 0.01);
        }
        eigen_free(e);
    }
}

/* ---- how clb grows: --scale ------------------------------------------------------------------ */

/* One size after the other, clb alone; the exponent is the slope of ln time against ln size. */
typedef struct series { const char *name, *size, *fixed; long at[8]; int first, count; } series;
static series grows[] = {
    { "product of squares", "n", "", { 256, 512, 1024, 2048, 4096 }, 0, 0 },
    { "descent step", "m", "n 200, d 20, K 5", { 16, 64, 256, 1024, 4096 }, 0, 0 },
    { "descent step", "layers", "n 200, d 20, m 64, K 5", { 2, 4, 8, 16 }, 0, 0 },
    { "descent step", "n", "d 784, m 64, K 10", { 200, 1000, 5000, 20000, 60000 }, 0, 0 },
    { "Hessian times vector", "P", "n 200, d 20, K 5", { 10000, 100000, 1000000 }, 0, 0 },
    { "sharpness by Lanczos", "P", "n 200, d 20, K 5", { 10000, 100000, 1000000 }, 0, 0 },
    { "eigenvalues, dense", "n", "", { 400, 800, 1600, 3200, 6400 }, 0, 0 },
    { "ten largest, dense", "n", "", { 400, 800, 1600, 3200, 6400 }, 0, 0 },
};
enum { SERIES = sizeof grows / sizeof *grows };

static void scale_row(const bench_part *part, int k, long size)
{
    char name[48];
    row *r;
    snprintf(name, sizeof name, "%s, %s %ld", grows[k].name, grows[k].size, size);
    r = row_new("scale", name, part->precision, 0);
    r->rounds = r->rounds < 3 ? r->rounds : 3;
    if (!wanted(r)) return;
    if (k == 0) {
        product p = { part, 'n', (size_t)size, (size_t)size, (size_t)size, NULL, NULL, NULL, NULL };
        size_t count = p.M * p.M;
        p.A = block(count * part->real), p.B = block(count * part->real);
        p.C = block(count * part->real);
        fill(part, p.A, count), fill(part, p.B, count);
        row_add(r, "clb", product_clb, &p), row_measure(r, 0.01);
        free(p.A), free(p.B), free(p.C);
    } else if (k < 6) {
        bench_net_spec s = { 200, 20, 64, 5, 2, 1, 0 };
        trainer t = { part, NULL, NULL };
        if (k == 1) s.m = (size_t)size;
        if (k == 2) s.L = (size_t)size;
        if (k == 3) s.n = (size_t)size, s.d = 784, s.K = 10;
        if (k >= 4) s.m = (size_t)size / (s.d + s.K);
        t.net = part->net_new(&s);
        row_add(r, "clb", k == 5 ? sharpness_clb : k == 4 ? hvp_clb : steps_clb, &t);
        row_measure(r, 0.02);
        part->net_free(t.net);
    } else {
        eigen *e = eigen_new(part, (size_t)size, 0);
        row_add(r, "clb", k == 6 ? eigh_values : lanczos_clb, e);
        if (k == 7) add_lanczos_peers(r, e);
        else if (dsyevd && size <= 3200) row_add(r, "dsyevd", dsyevd_values, e);
        row_measure(r, 0.01);
        eigen_free(e);
    }
}

static void scale_rows(const bench_part *part)
{
    for (int k = 0; k < SERIES; ++k) {
        grows[k].first = row_count;
        for (int i = 0; i < 8 && grows[k].at[i]; ++i) scale_row(part, k, grows[k].at[i]);
        grows[k].count = row_count - grows[k].first;
    }
}

static double seconds_at(const series *s, int i) { return rows[s->first + i].c[0].median; }

static double exponent(const series *s)
{
    double x = 0, y = 0, xx = 0, xy = 0, n = s->count;
    for (int i = 0; i < s->count; ++i) {
        double a = log((double)s->at[i]), b = log(seconds_at(s, i));
        x += a, y += b, xx += a * a, xy += a * b;
    }
    return (n * xy - x * y) / (n * xx - x * x);
}

/* Time of the fastest peer over that of clb at size i of a series; 0 without peers. */
static double lead_at(const series *s, int i)
{
    const row *r = &rows[s->first + i];
    double best = 0;
    for (int k = 1; k < r->count; ++k)
        if (best <= 0 || r->c[k].median < best) best = r->c[k].median;
    return best / r->c[0].median;
}

static void write_growth(FILE *f)
{
    int any = 0;
    for (int k = 0; k < SERIES; ++k) any |= grows[k].count > 1;
    if (!any) return;
    fprintf(f, "\n| work | with | from | to | time | grows as | "
            "ratio to the fastest peer, by size |\n|---|---|---|---|---|---|---|\n");
    for (int k = 0; k < SERIES; ++k) {
        const series *s = &grows[k];
        if (s->count < 2) continue;
        fprintf(f, "| %s | %s | %s %ld | %ld | %.3g ms to %.3g ms | %s^%.2f |", s->name, s->fixed,
                s->size, s->at[0], s->at[s->count - 1], 1e3 * seconds_at(s, 0),
                1e3 * seconds_at(s, s->count - 1), s->size, exponent(s));
        for (int i = 0; i < s->count; ++i)
            if (lead_at(s, i) > 0) fprintf(f, " %.2fx", lead_at(s, i));
        fputs(" |\n", f);
    }
}

/* ---- exact bits: scalar against the fastest, on the inputs of this benchmark ---------------- */

static int same_bits(const bench_part *part)
{
    static const size_t shapes[][3] = { { 200, 64, 20 }, { 200, 5, 64 }, { 64, 20, 200 },
                                        { 5, 256, 200 }, { 256, 256, 256 } };
    int equal = 1;
    for (int i = 0; i < 15; ++i) {
        const size_t *s = shapes[i / 3];
        product p = { part, "nta"[i % 3], s[0], s[1], s[2], NULL, NULL, NULL, NULL };
        size_t bytes = p.M * p.N * part->real;
        void *other = block(bytes);
        p.A = block(p.M * p.K * part->real), p.B = block(p.N * p.K * part->real),
        p.C = block(bytes);
        fill(part, p.A, p.M * p.K), fill(part, p.B, p.N * p.K);
        part->isa(NULL), product_clb(&p, 1), memcpy(other, p.C, bytes);
        part->isa("scalar"), product_clb(&p, 1);
        equal = equal && !memcmp(other, p.C, bytes);
        free(p.A), free(p.B), free(p.C), free(other);
    }
    for (int i = 0; i < 4; ++i) {
        bench_net_spec s = { 200, 20, i == 3 ? 16 : 64, 5, i == 2 ? 4 : 2, i == 1 ? 0 : 1, 0 };
        void *a = (part->isa(NULL), part->net_new(&s)),
             *b = (part->isa("scalar"), part->net_new(&s));
        const void *X, *ta, *tb;
        const int *y;
        part->isa(NULL), part->net_steps(a, 10);
        part->isa("scalar"), part->net_steps(b, 10);
        part->net_data(a, &X, &y, &ta), part->net_data(b, &X, &y, &tb);
        equal = equal && !memcmp(ta, tb, part->net_size(a) * part->real);
        part->net_free(a), part->net_free(b);
    }
    part->isa(NULL);
    return equal;
}

/* ---- summary and JSON ----------------------------------------------------------------------- */

/* Geometric mean over the gemm rows of (peer / clb); who NULL: the best peer of each row. */
static double geometric(const char *group, const char *precision, const char *who)
{
    double sum = 0;
    int count = 0;
    for (int i = 0; i < row_count; ++i) {
        row *r = &rows[i];
        contender *clb = find(r, "clb");
        double best = HUGE_VAL;
        if (strcmp(r->group, group) || strcmp(r->precision, precision) || !clb) continue;
        for (int k = 0; k < r->count; ++k)
            if (&r->c[k] != clb && !is_limit(&r->c[k]) &&
                (!who || !strcmp(r->c[k].who, who)) && r->c[k].median < best)
                best = r->c[k].median;
        if (best < 1e300) sum += log(best / clb->median), ++count;
    }
    return count ? exp(sum / count) : 0;
}

static void summary(void)
{
    for (int k = 0; k < 2; ++k) {
        const char *p = parts[k]->precision;
        printf("36 shapes %s: %.2fx OpenBLAS, %.2fx BLIS, %.2fx libxsmm, "
               "%.2fx the best peer of each shape (0: not there)\n",
               p, geometric("gemm", p, "openblas"), geometric("gemm", p, "blis"),
               geometric("gemm", p, "libxsmm"), geometric("gemm", p, NULL));
    }
}

/* The processor's name as Linux tells it. */
static const char *processor(void)
{
    static char line[256];
    FILE *f = fopen("/proc/cpuinfo", "r");
    char *name = NULL;
    while (f && fgets(line, sizeof line, f))
        if (!strncmp(line, "model name", 10) && (name = strchr(line, ':')) != NULL) break;
    if (f) fclose(f);
    if (!name) return "unknown processor";
    name[strcspn(name, "\n")] = 0;
    return name + 2;
}

static void write_json(FILE *f, const int *equal)
{
    fprintf(f,
            "{ \"schema\": \"clb-bench/2\",\n  \"build\": [\"%s\", \"%s\"],\n  \"isa\": \"%s\",\n"
            "  \"processor\": \"%s\", \"ghz\": %.3f, \"seconds\": \"median, 10 %%, 90 %%\",\n",
            parts[0]->info(), parts[1]->info(), isa_in_use, processor(), ghz);
    fprintf(f, "  \"bits_equal\": { \"%s\": %s, \"%s\": %s },\n  \"rows\": [", parts[0]->precision,
            equal[0] ? "true" : "false", parts[1]->precision, equal[1] ? "true" : "false");
    for (int i = 0; i < row_count; ++i) {
        row *r = &rows[i];
        fprintf(f,
                "%s\n    { \"group\": \"%s\", \"name\": \"%s\", \"precision\": \"%s\", "
                "\"flops\": %.17g, \"seconds\": {",
                i ? "," : "", r->group, r->name, r->precision, r->flops);
        for (int k = 0; k < r->count; ++k)
            fprintf(f, "%s \"%s%s\": [%.9g, %.9g, %.9g]", k ? "," : "", r->c[k].who,
                    is_limit(&r->c[k]) ? "_flop" : "", r->c[k].median, r->c[k].low, r->c[k].high);
        fprintf(f, " } }");
    }
    fprintf(f, "\n  ]\n}\n");
}

static void markdown_row(FILE *f, row *r)
{
    static const char *const words[][2] = { { "step", "descent step, " }, { "curv", "" },
                                            { "square", "product, square " },
                                            { "eigen", "symmetric eigenproblem, " } };
    contender *clb = find(r, "clb");
    const char *kind = r->group, *comma = "";
    double us;
    if (!clb || !strcmp(r->group, "gemm") || !strcmp(r->group, "scale")) return;
    for (size_t i = 0; i < sizeof words / sizeof *words; ++i)
        if (!strcmp(r->group, words[i][0])) kind = words[i][1];
    us = clb->median * 1e6;
    fprintf(f, "| %s%s | %s | ", kind, r->name, r->precision);
    fprintf(f, us < 1e3 ? "%.1f us" : us < 1e5 ? "%.2f ms" : "%.0f ms", us < 1e3 ? us : us / 1e3);
    fprintf(f, " (%+.0f %% to %+.0f %%)", 100 * (clb->low / clb->median - 1),
            100 * (clb->high / clb->median - 1));
    fputs(" | ", f);
    for (int i = 0; i < r->count; ++i) {
        contender *c = &r->c[i];
        if (c == clb || is_limit(c)) continue;
        fprintf(f, "%s%.2fx %s", comma, c->median / clb->median, c->who), comma = ", ";
    }
    fputs(" | ", f);
    if (share(r, "peak") > 0) fprintf(f, "%.0f %% (%.0f %%)", share(r, "peak"), share(r, "fed"));
    fputs(" |\n", f);
}

/* Which kernels bench.sh chose. */
static const char *kernels(const char *variable)
{
    const char *name = getenv(variable);
    return name ? name : "none";
}

/* The table of docs/speed.md. */
static void write_markdown(FILE *f, const int *equal)
{
    fprintf(f, "%s at %.2f GHz, one thread, %d rounds; %s; kernels of OpenBLAS: %s, of BLIS: %s "
            "(the fastest here of those that they have). Behind each time of clb: the 10 and 90 %% "
            "quantiles of the rounds. A ratio is the time of the peer over the time of "
            "clb: above 1 clb is faster. Peak is what multiply-adds in registers reach; in "
            "brackets the share of what they reach when they load their operands, as a product "
            "must. Scalar and %s give %s bits on all inputs of the table.\n\n"
            "| work | precision | clb | ratio to the peer | share of peak |\n"
            "|---|---|---|---|---|\n", processor(), ghz, option_rounds, parts[1]->info(),
            kernels("BENCH_KERNELS_openblas"), kernels("BENCH_KERNELS_blis"), isa_in_use,
            equal[0] && equal[1] ? "equal" : "DIFFERENT");
    for (int k = 0; k < 2; ++k) {
        const char *p = parts[k]->precision;
        fprintf(f, "| products of the 36 project shapes, geometric mean | %s | | %.2fx openblas, "
                "%.2fx blis, %.2fx libxsmm, %.2fx the best of each shape | |\n",
                p, geometric("gemm", p, "openblas"), geometric("gemm", p, "blis"),
                geometric("gemm", p, "libxsmm"), geometric("gemm", p, NULL));
    }
    for (int i = 0; i < row_count; ++i) markdown_row(f, &rows[i]);
    write_growth(f);
}

/* path NULL: nothing to write; - is stdout. Returns 0, or 4 when it cannot be written. */
static int write_file(const char *path, void (*write)(FILE *f, const int *equal), const int *equal)
{
    FILE *f = !path ? NULL : strcmp(path, "-") ? fopen(path, "w") : stdout;
    if (!path) return 0;
    if (!f) return 4;
    write(f, equal);
    return f != stdout && fclose(f) ? 4 : 0;
}

int main(int argc, char **argv)
{
    const char *json = NULL, *markdown = NULL, *probed = NULL;
    int quick = 0, scale = 0, equal[2], status;
    for (int i = 1; i < argc; ++i) {
        if (!strcmp(argv[i], "--quick")) quick = 1, option_rounds = 5;
        else if (!strcmp(argv[i], "--only") && i + 1 < argc) option_only = argv[++i];
        else if (!strcmp(argv[i], "--scale")) scale = 1;
        else if (!strcmp(argv[i], "--probe") && i + 1 < argc) probed = argv[++i];
        else if (!strcmp(argv[i], "--json") && i + 1 < argc) json = argv[++i];
        else if (!strcmp(argv[i], "--markdown") && i + 1 < argc) markdown = argv[++i];
        else if (!strcmp(argv[i], "--rounds") && i + 1 < argc) option_rounds = atoi(argv[++i]);
        else {
            fprintf(stderr, "usage: %s [--quick] [--scale] [--only WORD] [--rounds N] "
                            "[--json FILE|-] [--markdown FILE|-]\n", argv[0]);
            return 2;
        }
    }
    if (option_rounds < 1 || option_rounds > MAX_ROUNDS) {
        fprintf(stderr, "bench: --rounds 1..%d\n", MAX_ROUNDS);
        return 2;
    }
    parts[0] = &bench_single, parts[1] = &bench_double;
    isa_in_use = parts[0]->isa(NULL), parts[1]->isa(NULL);
    find_peers();
    if (probed) return probe(probed);
    torch_start();
    ghz = clock_ghz();
    printf("%s\n%s\n", parts[0]->info(), parts[1]->info());
    if (ghz > 0) printf("%s at %.2f GHz\n", processor(), ghz);
    for (int k = 0; k < 2; ++k) {
        equal[k] = same_bits(parts[k]);
        printf("bits %s: scalar %s %s\n", parts[k]->precision,
               equal[k] ? "equal to" : "DIFFERENT FROM", isa_in_use);
    }
    for (int k = 0; k < 2; ++k) step_rows(parts[k]), curvature_rows(parts[k]);
    for (int k = 0; k < 2; ++k) product_rows(parts[k], quick);
    eigen_rows(&bench_double, quick);
    if (scale) scale_rows(&bench_double);
    summary();
    status = write_file(json, write_json, equal);
    if (!status) status = write_file(markdown, write_markdown, equal);
    if (status) return status;
    return equal[0] && equal[1] ? 0 : 1;
}
