/* Kernels: every instruction set gives the bits of the contract, for all small shapes, strides,
 * offsets and special values, without a read or write outside the operands.
 *   cc -std=c99 -O2 -o t_kernels tests/t_kernels.c -lm && ./t_kernels                            */
#undef CLB_DECLARATIONS_ONLY     /* looks at clbi_ names: an implementation of its own */
#define CLB_STATIC               /* only what is used is compiled */
#define CLB_IMPLEMENTATION
#include "../clb.h"
#include "test.h"
#include <fenv.h>
#ifdef __SSE2__
#include <xmmintrin.h>
#endif

/* Memory that must not be touched, where the address sanitizer is on. */
#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define ASAN 1
#endif
#elif defined(__SANITIZE_ADDRESS__)
#define ASAN 1
#endif
#ifdef ASAN
void __asan_poison_memory_region(void const volatile *address, size_t size);
void __asan_unpoison_memory_region(void const volatile *address, size_t size);
#define POISON(p, n)   __asan_poison_memory_region(p, n)
#define UNPOISON(p, n) __asan_unpoison_memory_region(p, n)
#else
#define POISON(p, n)   (void)(p)
#define UNPOISON(p, n) (void)(p)
#endif

typedef void (*matmul_fn)(size_t, size_t, size_t, const clb_real *, size_t, const clb_real *,
                          size_t, clb_real *, size_t);
typedef struct form { const char *name; matmul_fn run; int a_transposed, b_transposed, acc; } form;
static const form forms[] = {
    { "nn", clb_matmul_nn, 0, 0, 0 },     { "nt", clb_matmul_nt, 0, 1, 0 },
    { "tn", clb_matmul_tn, 1, 0, 0 },     { "nn_acc", clb_matmul_nn_acc, 0, 0, 1 },
    { "nt_acc", clb_matmul_nt_acc, 0, 1, 1 }, { "tn_acc", clb_matmul_tn_acc, 1, 0, 1 }
};
enum { FORMS = sizeof forms / sizeof *forms };

static uint64_t noise_state;
static clb_real noise(void)
{
    noise_state = noise_state * 6364136223846793005u + 1442695040888963407u;
    return (clb_real)((double)(int64_t)(noise_state >> 11) / 4503599627370496.0 - 1.0);
}

/* Heap blocks of the exact size, so that a sanitizer sees a read past the end. */
static clb_real *block(size_t n)
{
    clb_real *p = (clb_real *)malloc(n ? n * sizeof *p : 1);
    if (!p) FAIL("out of memory");
    for (size_t i = 0; i < n; ++i) p[i] = noise();
    return p;
}

static clb_real *copy_of(const clb_real *p, size_t n)
{
    clb_real *q = block(n);
    if (n) memcpy(q, p, n * sizeof *q);
    return q;
}

static void same_block(const clb_real *x, const clb_real *y, size_t n)
{
    for (size_t i = 0; i < n; ++i)
        if (!test_same_bits((double)x[i], (double)y[i]))
            FAIL("element %zu is %a, the contract says %a", i, (double)x[i], (double)y[i]);
    ++test_checks;
}

/* The C library's fma. That of mingw-w64 rounds twice; there 113 bits hold the product, and a
 * second rounding shows once in 2^60. */
#if defined(__MINGW32__) && defined(__SIZEOF_FLOAT128__)
#define EXACT_FMA(a, b, c)  ((double)((__extension__(__float128)(a)) * (b) + (c)))
#define EXACT_FMAF(a, b, c) ((float)((__extension__(__float128)(a)) * (b) + (c)))
#else
#define EXACT_FMA(a, b, c)  fma(a, b, c)
#define EXACT_FMAF(a, b, c) fmaf(a, b, c)
#endif

static clb_real contract_fma(clb_real a, clb_real b, clb_real c)
{
#ifdef CLB_NO_FMA
    volatile clb_real p = a * b;
    return p + c;
#elif defined(CLB_SINGLE)
    return EXACT_FMAF(a, b, c);
#else
    return EXACT_FMA(a, b, c);
#endif
}

typedef struct problem {
    size_t M, N, K, lda, ldb, ldc, rows_a, rows_b, size_a, size_b, size_c;
    clb_real *A, *B, *C, *want;
} problem;

static size_t extent(size_t rows, size_t cols, size_t ld)
{
    return rows ? (rows - 1) * ld + cols : 0;
}

/* Operands of one product and what the contract makes of them, by the formula itself. */
static problem problem_new(const form *f, size_t M, size_t N, size_t K, size_t pad)
{
    problem p;
    memset(&p, 0, sizeof p);
    p.M = M, p.N = N, p.K = K;
    p.rows_a = f->a_transposed ? K : M, p.rows_b = f->b_transposed ? N : K;
    p.lda = (f->a_transposed ? M : K) + pad, p.ldb = (f->b_transposed ? K : N) + pad,
    p.ldc = N + pad;
    p.size_a = extent(p.rows_a, p.lda - pad, p.lda),
    p.size_b = extent(p.rows_b, p.ldb - pad, p.ldb);
    p.size_c = extent(M, N, p.ldc);
    p.A = block(p.size_a), p.B = block(p.size_b), p.C = block(p.size_c);
    return p;
}

static void problem_solve(const form *f, problem *p)
{
    p->want = copy_of(p->C, p->size_c);
    for (size_t i = 0; i < p->M; ++i)
        for (size_t j = 0; j < p->N; ++j) {
            clb_real c = f->acc ? p->C[i * p->ldc + j] : 0;
            for (size_t k = 0; k < p->K; ++k)
                c = contract_fma(f->a_transposed ? p->A[k * p->lda + i] : p->A[i * p->lda + k],
                                 f->b_transposed ? p->B[j * p->ldb + k] : p->B[k * p->ldb + j], c);
            p->want[i * p->ldc + j] = c;
        }
}

static void problem_free(problem *p) { free(p->A); free(p->B); free(p->C); free(p->want); }

/* Elements between the rows of C (ldc > N) are part of the comparison: nothing may touch them. */
static void check_problem(const form *f, problem *p)
{
    problem_solve(f, p);
    FOR_EACH_ISA(isa) {
        clb_real *got = copy_of(p->C, p->size_c);
        NOTE("%s %s M=%zu N=%zu K=%zu ld-cols=%zu", clb_isa_name((clb_isa)isa), f->name, p->M, p->N,
             p->K, p->ldc - p->N);
        f->run(p->M, p->N, p->K, p->A, p->lda, p->B, p->ldb, got, p->ldc);
        same_block(got, p->want, p->size_c);
        free(got);
    }
    problem_free(p);
}

static void check_shape(size_t M, size_t N, size_t K, size_t pad)
{
    for (int f = 0; f < FORMS; ++f) {
        problem p = problem_new(&forms[f], M, N, K, pad);
        check_problem(&forms[f], &p);
    }
}

/* All M and N in 0..67 for a few K, all K for a few M and N. */
static void t_matmul_all_small_shapes(void)
{
    static const size_t few[] = { 0, 1, 2, 3, 7, 20 };
    static const size_t some[] = { 1, 5, 8, 13, 16, 20, 31, 64, 67 };
    for (size_t M = 0; M < 68; ++M)
        for (size_t N = 0; N < 68; ++N)
            check_shape(M, N, few[(M + N) % 6], (M * 7 + N) % 4);
    for (size_t K = 0; K < 68; ++K)
        for (size_t i = 0; i < 9; ++i) check_shape(some[i], some[(i + K) % 9], K, K % 3);
}

/* The shapes of the experiments, and some beyond one block of k or one panel of columns. */
static void t_matmul_larger_shapes(void)
{
    static const size_t shapes[][3] = {
        { 200, 64, 20 }, { 200, 5, 64 }, { 5, 64, 200 }, { 200, 64, 5 }, { 64, 20, 200 },
        { 64, 10, 200 }, { 16, 20, 200 }, { 200, 16, 40 }, { 256, 40, 200 }, { 3, 300, 130 },
        { 129, 1, 257 }, { 1, 129, 300 }, { 150, 151, 129 }, { 97, 260, 385 }, { 64, 256, 128 },
        { 65, 257, 129 }, { 7, 130, 400 }, { 24, 70, 140 }, { 25, 70, 257 }, { 270, 121, 260 },
        { 520, 33, 128 }, { 1030, 17, 130 }, { 530, 290, 129 }
    };
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; ++i)
        check_shape(shapes[i][0], shapes[i][1], shapes[i][2], i % 3);
}

/* What the network hangs on a product: the derivative's gate and the rectifier, against their
 * formulas. */
static void check_after(size_t M, size_t N, size_t K, int which)
{
    const form *f = &forms[which % 3];
    problem p = problem_new(f, M, N, K, 0);
    clb_real *gate = block(M * N), *relu = block(M * N), *want_relu = block(M * N);
    size_t ai = f->a_transposed ? 1 : p.lda, ak = f->a_transposed ? p.lda : 1;
    size_t bj = f->b_transposed ? p.ldb : 1, bk = f->b_transposed ? 1 : p.ldb;
    clbi_after after;
    after.gate = which & 4 ? gate : NULL;
    after.relu = which & 8 ? relu : NULL;
    for (size_t i = 0; i < M * N; i += 3) gate[i] = i % 2 ? (clb_real)NAN : (clb_real)-0.0;
    problem_solve(f, &p);
    for (size_t i = 0; i < M * N; ++i) {
        if (after.gate) p.want[i] = gate[i] > 0 ? p.want[i] : 0;
        want_relu[i] = !after.relu ? relu[i] : p.want[i] < 0 ? 0 : p.want[i];
    }
    FOR_EACH_ISA(isa) {
        clb_real *got = copy_of(p.C, p.size_c), *out = copy_of(relu, M * N);
        if (after.relu) after.relu = out;
        NOTE("%s %s M=%zu N=%zu K=%zu after %d", clb_isa_name((clb_isa)isa), f->name, M, N, K,
             which);
        CLBI_KERNEL(matmul)(M, N, K, p.A, ai, ak, p.B, bj, bk, got, p.ldc, 0, &after);
        same_block(got, p.want, M * N);
        same_block(out, want_relu, M * N);
        if (p.ldc == N) {                              /* both matrices may be the product itself */
            after.relu = which & 8 ? got : NULL;
            if (after.gate && K <= CLBI_KC)
                after.gate = (clb_real *)memcpy(got, gate, M * N * sizeof *gate);
            CLBI_KERNEL(matmul)(M, N, K, p.A, ai, ak, p.B, bj, bk, got, p.ldc, 0, &after);
            same_block(got, after.relu ? want_relu : p.want, M * N);
            after.gate = which & 4 ? gate : NULL;
        }
        free(got), free(out);
    }
    free(gate), free(relu), free(want_relu);
    problem_free(&p);
}

static void t_matmul_with_rectifier(void)
{
    static const size_t sizes[] = { 1, 2, 5, 7, 8, 16, 20, 33, 64, 67, 200 };
    for (size_t i = 0; i < 11; ++i)
        for (size_t j = 0; j < 11; ++j)
            for (int which = 0; which < 12; ++which)
                check_after(sizes[i], sizes[j], sizes[(i + 3 * j) % 10], which);
    for (int which = 0; which < 12; ++which) {
        check_after(33, 70, 300, which);           /* more than one block of k */
        check_after(80, 261, 129, which);          /* and more than one of columns */
        check_after(270, 20, 260, which);
        check_after(9, 20, 0, which);
    }
}

/* Large products by blocks of copies: shapes about every edge of a block of A, of B, of k, with
 * room for one panel of columns up to more than all. */
static void check_blocked(const form *f, size_t M, size_t N, size_t K, size_t panels, size_t pad)
{
    problem p = problem_new(f, M, N, K, pad);
    const size_t size = CLBI_ROOM_A + CLBI_ROOM_K * 64 * panels + CLBI_LINE;
    clb_real *room = block(size);
    problem_solve(f, &p);
    FOR_EACH_ISA(isa) {
        clb_real *got = copy_of(p.C, p.size_c);
        NOTE("%s %s M=%zu N=%zu K=%zu ld-cols=%zu, %zu panels", clb_isa_name((clb_isa)isa), f->name,
             M, N, K, pad, panels);
        CLBI_KERNEL(blocked)(M, N, K, p.A, f->a_transposed ? 1 : p.lda, f->a_transposed ? p.lda : 1,
                             p.B, f->b_transposed ? p.ldb : 1, f->b_transposed ? 1 : p.ldb, got,
                             p.ldc, f->acc, room, size);
        same_block(got, p.want, p.size_c);
        free(got);
    }
    free(room);
    problem_free(&p);
}

static void t_matmul_blocked(void)
{
    static const size_t Ms[] = { 1, 7, 95, 96, 97, 193, 385 }, Ns[] = { 1, 11, 64, 65, 120, 193 };
    static const size_t Ks[] = { 1, 127, 129, 256, 257, 515 };
    for (size_t i = 0; i < 7; ++i)
        for (size_t j = 0; j < 6; ++j)
            check_blocked(&forms[(i + j) % FORMS], Ms[i], Ns[j], Ks[(i + 2 * j) % 6],
                          1 + (i + j) % 3, i % 3);
    for (int f = 0; f < FORMS; ++f) {
        check_blocked(&forms[f], 100, 200, 300, 1, 0);
        check_shape(257, 256, 258, (size_t)f);                  /* takes the room by itself */
    }
}

static const double specials[] = { 0.0, -0.0, (double)INFINITY, -(double)INFINITY, (double)NAN,
                                   4.9e-324, -1e-310, 1e-40, 1e300, -1e38 };

static void t_matmul_special_values(void)
{
    for (size_t trial = 0; trial < 60; ++trial)
        for (int f = 0; f < FORMS; ++f) {
            problem p = problem_new(&forms[f], 1 + trial % 11, 1 + trial % 19, 1 + trial % 7,
                                    trial % 2);
            for (size_t i = 0; i < p.size_a; i += 3) p.A[i] = (clb_real)specials[(i + trial) % 10];
            for (size_t i = 0; i < p.size_b; i += 5)
                p.B[i] = (clb_real)specials[(i + 3 * trial) % 10];
            for (size_t i = 0; i < p.size_c; i += 4)
                p.C[i] = (clb_real)specials[(i + 7 * trial) % 10];
            check_problem(&forms[f], &p);
        }
}

/* C is not read when it is overwritten: NaN in it must not matter. */
static void t_overwrite_ignores_old_values(void)
{
    const clb_real a[] = { 2, 3 }, b[] = { 5, 7 };
    FOR_EACH_ISA(isa) {
        clb_real c[1] = { (clb_real)NAN };
        clb_matmul_nn(1, 1, 2, a, 2, b, 1, c, 1);
        NEAR(c[0], 31.0, 0);
        c[0] = (clb_real)NAN;
        clb_matmul_nn(1, 1, 0, a, 0, b, 1, c, 1);
        NEAR(c[0], 0.0, 0);
        c[0] = 4;
        clb_matmul_nt_acc(1, 1, 2, a, 2, b, 2, c, 1);
        NEAR(c[0], 35.0, 0);
    }
}

/* The 16 lanes and the tree, written out here once more. */
static double contract_dot(size_t n, const clb_real *x, const clb_real *y)
{
    double lane[16] = { 0 };
    for (size_t i = 0; i < n; ++i) {
#ifdef CLB_NO_FMA
        volatile double p = (double)x[i] * (double)y[i];
        lane[i % 16] = p + lane[i % 16];
#else
        lane[i % 16] = EXACT_FMA((double)x[i], (double)y[i], lane[i % 16]);
#endif
    }
    for (size_t l = 0; l < 8; ++l) lane[l] += lane[l + 8];
    for (size_t l = 0; l < 4; ++l) lane[l] += lane[l + 4];
    return (lane[0] + lane[2]) + (lane[1] + lane[3]);
}

/* The same of (a x - b y), element by element in double. */
static double contract_swing(size_t n, double a, const clb_real *x, double b, const clb_real *y)
{
    double lane[16] = { 0 };
    for (size_t i = 0; i < n; ++i) {
        volatile double ax = a * (double)x[i];
#ifdef CLB_NO_FMA
        volatile double by = -b * (double)y[i], e = by + ax, p = e * e;
        lane[i % 16] = p + lane[i % 16];
#else
        double e = EXACT_FMA(-b, (double)y[i], ax);
        lane[i % 16] = EXACT_FMA(e, e, lane[i % 16]);
#endif
    }
    for (size_t s = 8; s; s /= 2)
        for (size_t l = 0; l < s; ++l) lane[l] += lane[l + s];
    return lane[0];
}

static void t_dot_and_sumsq(void)
{
    for (size_t n = 0; n < 200; ++n)
        for (size_t offset = 0; offset < 4; ++offset) {
            clb_real *x = block(n + offset), *y = block(n + offset);
            if (n > 3 && offset == 3) x[offset + n / 2] = (clb_real)specials[n % 10];
            FOR_EACH_ISA(isa) {
                NOTE("%s n=%zu offset=%zu", clb_isa_name((clb_isa)isa), n, offset);
                SAME_BITS(clb_dot(n, x + offset, y + offset),
                          contract_dot(n, x + offset, y + offset));
                SAME_BITS(clb_sumsq(n, x + offset), contract_dot(n, x + offset, x + offset));
                double sums[3];
                CLBI_KERNEL(products)(n, x + offset, y + offset, sums);
                SAME_BITS(sums[0], contract_dot(n, x + offset, x + offset));
                SAME_BITS(sums[1], contract_dot(n, x + offset, y + offset));
                SAME_BITS(sums[2], contract_dot(n, y + offset, y + offset));
                SAME_BITS(CLBI_KERNEL(swing)(n, 0.75, x + offset, 1, y + offset),
                          contract_swing(n, 0.75, x + offset, 1, y + offset));
            }
            free(x), free(y);
        }
}

/* The element-wise kernels with special values everywhere, against one line of C each. */
static void check_elementwise(size_t n, size_t offset)
{
    clb_real *x = block(n + offset), *y = block(n + offset), *want = block(n + offset), a = noise();
    for (size_t i = 0; i < n + offset; i += 2) x[i] = (clb_real)specials[(i / 2 + n) % 10];
    FOR_EACH_ISA(isa) {
        clb_real *got = copy_of(y, n + offset);
        NOTE("%s n=%zu offset=%zu", clb_isa_name((clb_isa)isa), n, offset);
        memcpy(want, y, (n + offset) * sizeof *y);
        for (size_t i = offset; i < n + offset; ++i) want[i] = contract_fma(a, x[i], y[i]);
        clb_axpy(n, a, x + offset, got + offset);
        same_block(got, want, n + offset);
        for (size_t i = offset; i < n + offset; ++i) want[i] *= a;
        clb_scale(n, a, got + offset);
        same_block(got, want, n + offset);
        for (size_t i = offset; i < n + offset; ++i) want[i] *= x[i];
        CLBI_KERNEL(times)(n, x + offset, got + offset);
        same_block(got, want, n + offset);
        for (size_t i = offset; i < n + offset; ++i) want[i] = x[i] > 0 ? got[i] : 0;
        CLBI_KERNEL(relu_back)(n, x + offset, got + offset);
        same_block(got, want, n + offset);
        for (size_t i = offset; i < n + offset; ++i) want[i] = x[i] < 0 ? 0 : x[i];
        CLBI_KERNEL(relu)(n, x + offset, got + offset);
        same_block(got, want, n + offset);
        for (size_t i = offset; i < n + offset; ++i) want[i] = y[i] > 0 ? x[i] : a * x[i];
        CLBI_KERNEL(leak)(n, a, y + offset, x + offset, got + offset);
        same_block(got, want, n + offset);
        for (size_t i = offset; i < n + offset; ++i) want[i] = want[i] > 0 ? want[i] : a * want[i];
        CLBI_KERNEL(leak)(n, a, got + offset, got + offset, got + offset);
        same_block(got, want, n + offset);
        free(got);
    }
    free(x), free(y), free(want);
}

/* One step of Adam by its formula, every operation rounded. */
static void t_adam(void)
{
    const clbi_adam how = { (clb_real)0.9, (clb_real)0.999, 1 - 0.9 * 0.9, 0.0447101778122, 1e-8 };
    for (size_t n = 0; n < 90; ++n) {
        clb_real *u = block(n), *v = block(n), *v2 = block(n), *want[3];
        for (size_t i = 0; i < n; ++i) v2[i] *= v2[i] * (clb_real)(i % 5 ? 1 : 1e-30);
        for (size_t i = 0; i < n; i += 11) u[i] = (clb_real)specials[i / 11];
        want[0] = copy_of(u, n), want[1] = copy_of(v, n), want[2] = copy_of(v2, n);
        for (size_t i = 0; i < n; ++i) {
            volatile clb_real a = how.b1 * v[i], b = (1 - how.b1) * u[i], c = how.b2 * v2[i];
            volatile clb_real d = (1 - how.b2) * u[i], e = d * u[i];
            want[1][i] = a + b, want[2][i] = c + e;
            volatile double root = sqrt((double)want[2][i]) / how.c2;
            volatile double down = how.c1 * (root + how.eps);
            want[0][i] = (clb_real)((double)want[1][i] / down);
        }
        FOR_EACH_ISA(isa) {
            clb_real *x = copy_of(u, n), *y = copy_of(v, n), *z = copy_of(v2, n);
            NOTE("%s n=%zu", clb_isa_name((clb_isa)isa), n);
            CLBI_KERNEL(adam)(n, &how, x, y, z);
            same_block(x, want[0], n), same_block(y, want[1], n), same_block(z, want[2], n);
            free(x), free(y), free(z);
        }
        free(u), free(v), free(v2), free(want[0]), free(want[1]), free(want[2]);
    }
}

/* Bits of z > 0, every word written whole. */
static void t_gates(void)
{
    for (size_t n = 0; n < 300; ++n) {
        size_t words = (n + 63) / 64;
        clb_real *z = block(n);
        uint64_t *bits = (uint64_t *)malloc(words ? words * sizeof *bits : 1);
        if (!bits) FAIL("out of memory");
        for (size_t i = 0; i < n; i += 3) z[i] = (clb_real)specials[(i / 3 + n) % 10];
        FOR_EACH_ISA(isa) {
            memset(bits, 0x5a, words * sizeof *bits);
            CLBI_KERNEL(gates)(n, z, bits);
            for (size_t i = 0; i < 64 * words; ++i)
                CHECK((bits[i / 64] >> (i % 64) & 1) == (i < n && z[i] > 0));
        }
        free(z), free(bits);
    }
}

static void t_elementwise(void)
{
    for (size_t n = 1; n < 70; ++n)
        for (size_t offset = 0; offset < 4; ++offset) check_elementwise(n, offset);
}

/* Every product once, and nothing behind the last. */
static void t_outer(void)
{
    for (size_t M = 0; M < 7; ++M)
        for (size_t N = 0; N < 70; N += N < 20 ? 1 : 7) {
            clb_real *t = block(M + 1), *x = block(N + 1), *before = block(M * N + 1);
            FOR_EACH_ISA(isa) {
                clb_real *y = copy_of(before, M * N + 1);
                NOTE("%s %zu x %zu", clb_isa_name((clb_isa)isa), M, N);
                CLBI_KERNEL(outer)(M, N, t, x, y);
                for (size_t i = 0; i < M * N; ++i) CHECK(y[i] == t[i / N] * x[i % N]);
                CHECK(y[M * N] == before[M * N]);
                free(y);
            }
            free(t), free(x), free(before);
        }
}

/* A transposition moves every element and touches nothing else. The kernel for strips is tried on
 * whole cache lines too, where it may write past the caches: shift 0 and ldd of whole lines. */
static void check_transpose(size_t rows, size_t cols, size_t ldd, size_t shift, int strip)
{
    const size_t ld = cols + 3, all = cols * ldd + shift + 64 / sizeof(clb_real);
    clb_real *src = block(rows * ld);
    FOR_EACH_ISA(isa) {
        clb_real *room = block(all), *expected = copy_of(room, all);
        size_t at = shift + (64 - (uintptr_t)room % 64) % 64 / sizeof *room;
        NOTE("%s %zu x %zu ldd %zu shift %zu strip %d", clb_isa_name((clb_isa)isa), rows, cols, ldd,
             shift, strip);
        if (strip) CLBI_KERNEL(strip)(rows, cols, src, ld, room + at, ldd);
        else CLBI_KERNEL(transpose)(rows, cols, src, ld, room + at, ldd);
        for (size_t c = 0; c < cols; ++c)
            for (size_t r = 0; r < rows; ++r) expected[at + c * ldd + r] = src[r * ld + c];
        CHECK(memcmp(room, expected, all * sizeof *room) == 0);
        free(room), free(expected);
    }
    free(src);
}

static void t_transpose(void)
{
    const size_t line = 64 / sizeof(clb_real);
    for (size_t rows = 1; rows < 22; ++rows)
        for (size_t cols = 1; cols < 22; ++cols)
            for (int strip = 0; strip < 2; ++strip) check_transpose(rows, cols, rows + 2, 1, strip);
    for (size_t lines = 1; lines < 4; ++lines)
        for (size_t cols = 1; cols < 22; ++cols) {
            check_transpose(lines * line, cols, (lines + 1) * line, 0, 1);
            check_transpose(lines * line, cols, (lines + 1) * line, 1, 1);
            check_transpose(lines * line - 1, cols, (lines + 1) * line, 0, 1);
        }
}

/* Softmax: the bits of the scalar kernel on every instruction set, samples in rows, across and in
 * place, and the scalar kernel against the formula in long double. Samples with NaN or infinity are
 * part of it. */
static void check_softmax(size_t n, size_t K, double spread, int special)
{
    clb_real *f = block(n * K), *p = block(n * K), *log_sum = block(n);
    const double tol = sizeof(clb_real) == sizeof(double) ? 1e-15 : 6e-7;
    for (size_t i = 0; i < n * K; ++i) f[i] *= (clb_real)spread;
    for (size_t i = 0; special && i < n * K; i += 7) f[i] = (clb_real)specials[i % 10];
    clb_isa_set(CLB_ISA_SCALAR);
    CLBI_KERNEL(softmax)(n, K, f, K, 1, p, log_sum);
    for (size_t i = 0; !special && i < n; ++i) {
        long double top = (long double)f[i * K], sum = 0, rest = 0;
        for (size_t k = 0; k < K; ++k)
            top = (long double)f[i * K + k] > top ? (long double)f[i * K + k] : top;
        for (size_t k = 0; k < K; ++k) sum += expl((long double)f[i * K + k] - top);
        for (size_t k = 0, tops = 0; k < K; ++k)             /* the first of the largest is the 1 */
            if ((long double)f[i * K + k] < top || tops++ > 0)
                rest += expl((long double)f[i * K + k] - top);
        NEAR_REL(log_sum[i], (double)log1pl(rest), (2 + 3 * spread) * tol); /* x is rounded */
        for (size_t k = 0; k < K; ++k)
            NEAR(p[i * K + k], (double)(expl((long double)f[i * K + k] - top) / sum), tol);
    }
    FOR_EACH_ISA(isa) {
        clb_real *q = block(n * K), *l = block(n);
        NOTE("%s n=%zu K=%zu spread %g", clb_isa_name((clb_isa)isa), n, K, spread);
        clbi_softmax_rows(n, K, f, q, l);
        same_block(q, p, n * K);
        same_block(l, log_sum, n);
        clb_real *across = block(n * K);
        clbi_transpose_scalar(n, K, f, K, across, n);
        CLBI_KERNEL(softmax)(n, K, across, 1, n, across, l);
        clbi_transpose_scalar(K, n, across, n, q, K);
        same_block(q, p, n * K);
        same_block(l, log_sum, n);
        free(q), free(l), free(across);
    }
    free(f), free(p), free(log_sum);
}

/* Cross entropy and its gradient: what softmax makes of it, the same bits everywhere. */
static void check_entropy(size_t n, size_t K, double spread, int special)
{
    clb_real *f = block(n * K), *p = block(n * K), *log_sum = block(n);
    const clb_real scale = (clb_real)0.37;
    int *y = malloc(n * sizeof *y);
    double want = 0.125;
    for (size_t i = 0; i < n; ++i) y[i] = (int)(3 * i % K);
    for (size_t i = 0; i < n * K; ++i) f[i] *= (clb_real)spread;
    for (size_t i = 0; special && i < n * K; i += 7) f[i] = (clb_real)specials[i % 10];
    clbi_softmax_scalar(n, K, f, 1, n, p, log_sum);
    for (size_t i = 0; i < n; ++i) {
        clb_real top = f[i];
        for (size_t k = 1; k < K; ++k) top = f[k * n + i] > top ? f[k * n + i] : top;
        want += ((double)top - (double)f[(size_t)y[i] * n + i]) + (double)log_sum[i];
        for (size_t k = 0; k < K; ++k) p[k * n + i] = (p[k * n + i] - (k == (size_t)y[i])) * scale;
    }
    FOR_EACH_ISA(isa) {
        clb_real *u = block(n * K);
        double total = CLBI_KERNEL(entropy)(n, K, f, n, y, scale, u, 0.125);
        NOTE("%s n=%zu K=%zu spread %g", clb_isa_name((clb_isa)isa), n, K, spread);
        CHECK(total == want || (total != total && want != want));
        same_block(u, p, n * K);
        free(u);
    }
    free(f), free(p), free(log_sum), free(y);
}

static void t_softmax(void)
{
    static const size_t many[] = { 63, 64, 65, 79, 127, 128, 129, 200 };
    for (size_t i = 0; i < sizeof many / sizeof *many; ++i)
        for (size_t K = 1; K < 20; ++K) check_softmax(many[i], K, 3.0, 0);
    for (size_t n = 1; n < 40; ++n)
        for (size_t K = 1; K < 20; ++K) {
            check_softmax(n, K, K % 2 ? 3.0 : 40.0, 0);
            check_softmax(n, K, 800.0, 1);
            check_entropy(n, K, K % 2 ? 3.0 : 40.0, 0);
            check_entropy(n, K, 800.0, 1);
        }
    check_entropy(128, 5, 3.0, 0), check_entropy(300, 15, 3.0, 0);
}

/* Values and slopes of the activations, as clb_activate() gives them one by one: near 0, on the
 * borders between the pieces of their definitions, far out, and special values. */
static void check_activate(clb_activation which, int order, size_t n, double spread)
{
    static const double borders[] = { 0x1p-28, 0.4, 0.5656854249492381, 1.0606601717798212, 20,
                                      8.48528137423857, 0x1p-54, 17.5, 745.2, 710 };
    clb_net net;
    clb_real *z = block(n), *x = block(n), *want = copy_of(x, n);
    memset(&net, 0, sizeof net);
    net.activation = which, net.param = 1.5;
    for (size_t i = 0; i < n; ++i) {
        if (i % 4 == 1) z[i] = (clb_real)borders[i / 4 % 10] * (1 + z[i] * (clb_real)1e-7);
        else if (i % 16 == 2) z[i] = (clb_real)specials[i / 16 % 10];
        else z[i] *= (clb_real)spread;
        if (order) want[i] *= (clb_real)clb_activate(which, net.param, (double)z[i], order);
        else want[i] = (clb_real)clb_activate(which, net.param, (double)z[i], order);
    }
    FOR_EACH_ISA(isa) {
        clb_real *got = copy_of(x, n);
        NOTE("%s activation %d order %d n=%zu spread %g", clb_isa_name((clb_isa)isa), (int)which,
             order, n, spread);
        CLBI_KERNEL(activate)(&net, n, z, got, order);
        same_block(got, want, n);
        free(got);
    }
    free(z), free(x), free(want);
}

static void t_activate(void)
{
    static const double spreads[] = { 1e-9, 0.7, 3, 12, 60, 900 };
    for (int which = 0; which < (int)CLB_ACTIVATION_COUNT; ++which)
        for (int order = 0; order < 3; ++order) {
            for (size_t n = 0; n < 20; ++n) check_activate((clb_activation)which, order, n, 3);
            for (size_t s = 0; s < 6; ++s)
                check_activate((clb_activation)which, order, 3000, spreads[s]);
        }
}

/* exp and log of the network's precision, within an ulp of it. */
static void t_real_exp_and_log(void)
{
    const double ulp = sizeof(clb_real) == sizeof(double) ? 2.3e-16 : 1.2e-7;
    for (int i = 0; i < 100000; ++i) {
        clb_real x = noise() * (clb_real)(i % 2 ? 1 : 80),
                 y = (clb_real)(1.0 + fabs((double)noise()) * (i % 3 ? 15 : 1));
        NEAR_REL(clbi_expr(x), (double)expl((long double)x), ulp);
        NEAR_REL(clbi_logr(y), (double)logl((long double)y), ulp);
    }
    CHECK(clbi_expr((clb_real)-INFINITY) == 0 && isinf(clbi_expr((clb_real)INFINITY)));
    CHECK(isnan(clbi_expr((clb_real)NAN)) && isnan(clbi_logr((clb_real)NAN)));
    NEAR(clbi_expr(0), 1.0, 0);
    NEAR(clbi_logr(1), 0.0, 0);
}

static void t_isa_choice(void)
{
    clb_isa first = clb_isa_get();
    CHECK(clb_isa_set(CLB_ISA_SCALAR) == CLB_OK);
    CHECK(clb_isa_get() == CLB_ISA_SCALAR);
    CHECK(strstr(clb_build_info(), "isa scalar") != NULL);
    CHECK(strstr(clb_build_info(), CLB_VERSION) != NULL);
    CHECK(clb_isa_set(CLB_ISA_COUNT) == CLB_EISA);
    CHECK(clb_isa_set((clb_isa)77) == CLB_EISA);
    CHECK(clb_isa_get() == CLB_ISA_SCALAR);
    CHECK(!strcmp(clb_isa_name((clb_isa)77), "unknown"));
#if defined(__x86_64__)
    CHECK(clb_isa_set(CLB_ISA_NEON) == CLB_EISA);
#endif
    CHECK(clb_isa_set(first) == CLB_OK);
    CHECK(strstr(clb_build_info(), clb_isa_name(first)) != NULL);
    if (!getenv("CLB_ISA")) {
        EQUAL(clb_isa_wish(), CLB_OK);
        CHECK(strstr(clb_build_info(), "ignored") == NULL);
    }
}

/* The self-test passes here, and sees what the running thread does to the arithmetic. */
static void t_selftest(void)
{
    const char *what = NULL;
    EQUAL(clb_selftest(&what), CLB_OK);
    CHECK(what && !*what);
    EQUAL(clb_selftest(NULL), CLB_OK);
    CHECK(strstr(clb_build_info(), "broken") == NULL);
#ifdef FE_UPWARD
    {
        static const int modes[] = { FE_UPWARD, FE_DOWNWARD, FE_TOWARDZERO };
        for (int i = 0; i < 3; ++i) {
            clb_status status;
            int broken;
            if (fesetround(modes[i])) continue;
            status = clb_selftest(&what), broken = strstr(clb_build_info(), "broken") != NULL;
            fesetround(FE_TONEAREST);
            EQUAL(status, CLB_ECONTRACT);
            CHECK(broken && strstr(what, "rounding"));
        }
    }
#endif
#ifdef __SSE2__
    {
        unsigned state = _mm_getcsr();
        clb_status status;
        _mm_setcsr(state | 0x8000);                     /* results flushed to zero */
        status = clb_selftest(&what);
        _mm_setcsr(state);
        EQUAL(status, CLB_ECONTRACT);
        CHECK(strstr(what, "flushed"));
        _mm_setcsr(state | 0x0040);                     /* operands taken as zero */
        status = clb_selftest(&what);
        _mm_setcsr(state);
        EQUAL(status, CLB_ECONTRACT);
    }
#endif
}

/* A product of a matrix whose rows lie further apart than they are long does not look at what is
 * between them: NaN there changes nothing, and under the address sanitizer a look ends the run. */
static void check_gap(size_t M, size_t N, size_t K, size_t gap)
{
    size_t ldb = N + gap;
    clb_real *A = (clb_real *)malloc(M * K * sizeof *A), *C = (clb_real *)malloc(M * N * sizeof *A);
    clb_real *B = (clb_real *)malloc((K * ldb - gap) * sizeof *B);
    for (size_t i = 0; i < M * K; ++i) A[i] = noise();
    for (size_t i = 0; i < K * ldb - gap; ++i) B[i] = i % ldb < N ? noise() : (clb_real)NAN;
    for (size_t k = 0; k + 1 < K; ++k) POISON(B + k * ldb + N, gap * sizeof *B);
    FOR_EACH_ISA(isa) {
        NOTE("%s M=%zu N=%zu K=%zu gap %zu", clb_isa_name((clb_isa)isa), M, N, K, gap);
        clb_matmul_nn(M, N, K, A, K, B, ldb, C, N);
        for (size_t i = 0; i < M * N; ++i) CHECK(C[i] == C[i]);
    }
    for (size_t k = 0; k + 1 < K; ++k) UNPOISON(B + k * ldb + N, gap * sizeof *B);
    free(A), free(B), free(C);
}

static void t_matmul_gap(void)
{
    static const size_t sizes[] = { 1, 3, 5, 12, 13, 20, 33, 70 };
    for (size_t i = 0; i < 8; ++i)
        for (size_t j = 0; j < 8; ++j)
            for (size_t gap = 1; gap < 20; gap += 6) check_gap(sizes[i], sizes[j], 9, gap);
}

static const test_case tests[] = {
    TEST(t_isa_choice), TEST(t_selftest), TEST(t_matmul_gap), TEST(t_overwrite_ignores_old_values), TEST(t_dot_and_sumsq),
    TEST(t_elementwise), TEST(t_gates), TEST(t_adam),
    TEST(t_outer), TEST(t_transpose), TEST(t_softmax), TEST(t_activate), TEST(t_real_exp_and_log),
    TEST(t_matmul_special_values), TEST(t_matmul_larger_shapes), TEST(t_matmul_blocked),
    TEST(t_matmul_with_rectifier), TEST(t_matmul_all_small_shapes)
};
TEST_MAIN(tests)
