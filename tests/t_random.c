/* Random numbers: the generator against its published check value, every draw against the vectors
 * of the
 * published runs (a few quoted here; all of them when ../shared/reference/generator.json is
 * there), and the
 * rules of clb_rng_normal as properties.
 *   cc -std=c99 -O2 -o t_random tests/t_random.c -lm && ./t_random */
#define CLB_IMPLEMENTATION
#include "../clb.h"
#include "test.h"
#include "fixture.h"

#define REFERENCE "../shared/reference/generator.json"

static clb_rng seeded(uint64_t seed, clb_normal_mode mode)
{
    clb_rng rng;
    clb_rng_seed(&rng, seed);
    rng.normal_mode = mode;
    return rng;
}

/* The 10000th output after seed 5489 is 4123659995 (ISO C++ 26.6.5, std::mt19937). */
static void t_engine(void)
{
    clb_rng rng = seeded(5489, CLB_NORMAL_EXACT);
    uint32_t word = 0;
    for (int i = 0; i < 10000; ++i) word = clb_rng_u32(&rng);
    EQUAL(word, 4123659995u);
}

static void t_integers(void)
{
    static const uint32_t seed_42[4] = { 1608637542u, 1273642419u, 1935803228u, 787846414u };
    static const uint32_t seed_max[4] = { 419326371u, 479346978u, 1771170828u, 269265991u };
    clb_rng a = seeded(42, CLB_NORMAL_EXACT), b = seeded(4294967295u, CLB_NORMAL_EXACT), c, d;
    for (int i = 0; i < 4; ++i) {
        EQUAL(clb_rng_u32(&a) & 0x7fffffffu, seed_42[i]);
        EQUAL(clb_rng_u32(&b) & 0x7fffffffu, seed_max[i]);
    }
    c = seeded(42 + ((uint64_t)7 << 32), CLB_NORMAL_EXACT);       /* only the low 32 bits count */
    d = seeded(42, CLB_NORMAL_EXACT);
    for (int i = 0; i < 1000; ++i) {
        uint32_t high = clb_rng_u32(&c), low = clb_rng_u32(&c);
        CHECK(clb_rng_u64(&d) == ((uint64_t)high << 32 | low));
    }
    for (uint32_t n = 1; n < 2000; ++n) {
        uint32_t word = clb_rng_u32(&c);
        EQUAL(clb_rng_below(&d, n), word % n);
    }
    for (int i = 0; i < 1000; ++i) {
        double u = clb_rng_double(&c);
        CHECK(u >= 0.0 && u < 1.0);
        CHECK(ldexp(u, 53) == floor(ldexp(u, 53)));
        SAME_BITS(u, ldexp((double)(clb_rng_u64(&d) % ((uint64_t)1 << 53)), -53));
    }
}

static void t_uniforms(void)
{
    static const double expected[6] = { 0x1.877198p-2, 0x1.a8f6ccp-2, -0x1.dfca4p-4,
                                        0x1.d65438p-2, -0x1.c0b96p-4, 0x1.9d447p-4 };
    clb_rng rng = seeded(42, CLB_NORMAL_EXACT);
    clb_real x[6], W[1280];
    double sum = 0.0;
    clb_rng_uniform(&rng, 6, -0.5, 0.5, x);
    for (int i = 0; i < 6; ++i) SAME_BITS(x[i], expected[i]);
    rng = seeded(42, CLB_NORMAL_EXACT);
    clb_rng_uniform(&rng, 1280, -1.0 / sqrt(20.0), 1.0 / sqrt(20.0), W);
    for (int i = 0; i < 1280; ++i) {
        CHECK(W[i] >= (clb_real)-0.2237 && W[i] < (clb_real)0.2237
              && (double)W[i] == (double)(float)W[i]);
        sum += (double)W[i] * (double)W[i];
    }
    NEAR(sum, 21.6023162688301, 1e-13);
    clb_rng_uniform(&rng, 0, 0.0, 1.0, NULL);
}

static void t_normals_published(void)
{
    static const double expected[16] = { 0x1.ed4a52p+0,  0x1.7cbea6p+0,  0x1.cd2acep-1,
                                         -0x1.0d81b6p+1, 0x1.5b59aap-1,  -0x1.3c0b22p+0,
                                         -0x1.60cf0cp-5, -0x1.9acb74p+0, -0x1.8117ep-1,
                                         0x1.a612b6p+0,  -0x1.91e5ecp-2, -0x1.6752ccp+0,
                                         -0x1.74acdcp-1, -0x1.1e6da2p-1, -0x1.89a54p-1,
                                         0x1.865f3ep-1 };
    static const double few[12] = {              /* one call of 7, then one of 5 */
        0x1.58c55cp-2, 0x1.07cd3ap-3, 0x1.e02dcep-3, 0x1.d7b8d8p-3, -0x1.1f7384p+0, -0x1.7d99bp-3,
        0x1.1aa658p+1, -0x1.46a78cp-1, 0x1.d8bcacp-2, 0x1.11c46ep-2, 0x1.11df06p-1, 0x1.9e6412p-1 };
    clb_rng rng = seeded(42, CLB_NORMAL_PUBLISHED);
    clb_real x[16];
    clb_rng_normal(&rng, 16, x);
    for (int i = 0; i < 16; ++i) SAME_BITS(x[i], expected[i]);
    rng = seeded(42, CLB_NORMAL_EXACT);
    clb_rng_normal(&rng, 16, x);
    for (int i = 0; i < 16; ++i) CHECK(fabs((double)x[i] - expected[i]) <= 2e-6);
    rng = seeded(42, CLB_NORMAL_EXACT);
    clb_rng_normal(&rng, 7, x);
    clb_rng_normal(&rng, 5, x + 7);
    for (int i = 0; i < 12; ++i) SAME_BITS(x[i], few[i]);
}

/* The block rule in long double: both modes close to it, the exact one to half a unit in the last
 * place. */
static void t_normals_formula(void)
{
    enum { N = 1 << 16 };
    static clb_real u[N], exact[N], published[N];
    clb_rng a = seeded(7, CLB_NORMAL_EXACT), b = a, c = seeded(7, CLB_NORMAL_PUBLISHED);
    double sum = 0.0, squares = 0.0;
    clb_rng_uniform(&a, N, 0.0, 1.0, u);
    clb_rng_normal(&b, N, exact);
    clb_rng_normal(&c, N, published);
    for (int i = 0; i < N; ++i) {
        int j = i % 16 < 8 ? i : i - 8;
        long double r = sqrtl(-2.0L * logl(1.0L - (long double)u[j]));
        long double t = 6.283185307179586476925286766559L * (long double)u[j + 8];
        double truth = (double)(r * (j == i ? cosl(t) : sinl(t)));
        NOTE("element %d", i);
        CHECK(fabs((double)exact[i] - truth) <= ldexp(fabs(truth), -24) * 1.000001 + 1e-15);
        CHECK(fabs((double)published[i] - truth) <= 2e-6);
        sum += (double)exact[i];
        squares += (double)exact[i] * (double)exact[i];
    }
    CHECK(fabs(sum / N) < 4.0 / sqrt(N));            /* mean 0 and variance 1 within 4 deviations */
    CHECK(fabs(squares / N - 1.0) < 4.0 * sqrt(2.0 / N));
    /* one word a number */
    CHECK(memcmp(a.state, b.state, sizeof a.state) == 0 && a.next == b.next);
    CHECK(memcmp(a.state, c.state, sizeof a.state) == 0 && a.next == c.next);
}

/* n not a multiple of 16: full blocks first, then the last 16 again from 16 new words. */
static void t_normals_tail(void)
{
    for (int mode = 0; mode < 2; ++mode)
        for (size_t n = 17; n < 64; ++n) {
            clb_rng a = seeded(n, (clb_normal_mode)mode), b = a;
            clb_real x[64], y[64], u[16];
            size_t full = n - n % 16;
            if (n % 16 == 0) continue;
            NOTE("n = %lu, mode %d", (unsigned long)n, mode);
            clb_rng_normal(&a, n, x);
            clb_rng_normal(&b, full, y);
            clb_rng_uniform(&b, n - full, 0.0, 1.0, u);           /* drawn and never seen */
            clb_rng_normal(&b, 16, y + n - 16);
            for (size_t i = 0; i < n; ++i) SAME_BITS(x[i], y[i]);
            EQUAL(clb_rng_u32(&a), clb_rng_u32(&b));
        }
}

/* Fewer than 16: pairs; the second of a pair waits for the next such call, whatever is drawn
 * between. */
static void t_normals_spare(void)
{
    for (int mode = 0; mode < 2; ++mode) {
        clb_rng a = seeded(3, (clb_normal_mode)mode), b = a, c;
        clb_real whole[15], parts[15], block[16];
        size_t done = 0;
        clb_rng_normal(&a, 15, whole);
        while (done < 15) {
            size_t n = done % 4 + 1;
            if (n > 15 - done) n = 15 - done;
            clb_rng_normal(&b, n, parts + done);
            done += n;
        }
        for (int i = 0; i < 15; ++i) SAME_BITS(parts[i], whole[i]);
        EQUAL(a.has_spare, 1);
        c = a;
        clb_rng_normal(&c, 16, block);                       /* neither uses nor clears the spare */
        b = c;
        clb_rng_normal(&c, 1, parts);
        clb_rng_normal(&a, 1, whole);
        SAME_BITS(parts[0], whole[0]);
        EQUAL(clb_rng_u32(&b), clb_rng_u32(&c));                  /* the spare costs no word */
        clb_rng_seed(&c, 3);
        EQUAL(c.has_spare, 0);
        clb_rng_normal(&c, 0, NULL);
    }
}

static void t_permutation(void)
{
    static const uint32_t expected[8] = { 142, 56, 198, 77, 50, 55, 4, 69 };
    static const size_t sizes[] = { 0, 1, 2, 3, 199, 200, 5000 };
    clb_rng rng = seeded(42, CLB_NORMAL_EXACT);
    static uint32_t p[5000];
    static char seen[5000];
    clb_rng_permutation(&rng, 200, p);
    for (int i = 0; i < 8; ++i) EQUAL(p[i], expected[i]);
    for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; ++s) {
        memset(seen, 0, sizeof seen);
        clb_rng_permutation(&rng, sizes[s], p);
        for (size_t i = 0; i < sizes[s]; ++i) {
            CHECK(p[i] < sizes[s] && !seen[p[i]]);
            seen[p[i]] = 1;
        }
    }
}

/* ---- every vector of the reference file ---------------------------------------------------- */

/* The numbers of the first list called key after *at; strings of hexadecimal floats count as
 * numbers. */
static size_t numbers(const char *at, const char *key, double *x, size_t max)
{
    char quoted[64];
    const char *p;
    size_t n = 0;
    snprintf(quoted, sizeof quoted, "\"%s\":", key);
    p = strstr(at, quoted);
    if (!p) return 0;
    p = strchr(p, '[') + 1;
    while (*p != ']' && n < max) {
        char *end;
        double v = strtod(p, &end);
        if (end == p) { ++p; continue; }
        x[n++] = v;
        p = end;
    }
    return n;
}

static void check_reference_case(const char *at, unsigned long seed)
{
    double v[200];
    clb_real x[1600], W[1600];
    uint32_t p[200];
    clb_data data;
    clb_rng rng;
    double sum[4] = { 0 };
    NOTE("seed %lu", seed);
    rng = seeded(seed, CLB_NORMAL_PUBLISHED);
    EQUAL(numbers(at, "randint_2p31_first8", v, 200), 8);
    for (int i = 0; i < 8; ++i) EQUAL(clb_rng_below(&rng, 0x80000000u), v[i]);
    rng = seeded(seed, CLB_NORMAL_PUBLISHED);
    EQUAL(numbers(at, "uniform_-0.5_0.5_n20", v, 200), 20);
    clb_rng_uniform(&rng, 20, -0.5, 0.5, x);
    for (int i = 0; i < 20; ++i) SAME_BITS(x[i], v[i]);
    for (int n = 16; n <= 100; n += 84) {
        EQUAL(numbers(at, n == 16 ? "normal_n16" : "normal_n100", v, 200), n);
        rng = seeded(seed, CLB_NORMAL_PUBLISHED);
        clb_rng_normal(&rng, (size_t)n, x);
        for (int i = 0; i < n; ++i) SAME_BITS(x[i], v[i]);
        rng = seeded(seed, CLB_NORMAL_EXACT);
        clb_rng_normal(&rng, (size_t)n, x);
        for (int i = 0; i < n; ++i) CHECK(fabs((double)x[i] - v[i]) <= 2e-6);
    }
    EQUAL(numbers(at, "normal_n7_then_n5", v, 200), 12);
    rng = seeded(seed, CLB_NORMAL_EXACT);
    clb_rng_normal(&rng, 7, x);
    clb_rng_normal(&rng, 5, x + 7);
    for (int i = 0; i < 12; ++i) SAME_BITS(x[i], v[i]);
    EQUAL(numbers(at, "permutation_n200", v, 200), 200);
    rng = seeded(seed, CLB_NORMAL_EXACT);
    clb_rng_permutation(&rng, 200, p);
    for (int i = 0; i < 200; ++i) EQUAL(p[i], v[i]);
    EQUAL(numbers(at, "linear_20_64_then_64_5_first8_each", v, 200), 16);
    rng = seeded(seed, CLB_NORMAL_PUBLISHED);
    clb_rng_uniform(&rng, 1280, -1.0 / sqrt(20.0), 1.0 / sqrt(20.0), W);
    clb_rng_uniform(&rng, 320, -1.0 / sqrt(64.0), 1.0 / sqrt(64.0), W + 1280);
    for (int i = 0; i < 16; ++i) SAME_BITS(W[i < 8 ? i : 1280 + i - 8], v[i]);
    for (int i = 0; i < 1600; ++i) {
        sum[i >= 1280] += (double)W[i];
        sum[2 + (i >= 1280)] += (double)W[i] * (double)W[i];
    }
    EQUAL(numbers(at, "linear_sums_float64", v, 200), 4);
    for (int i = 0; i < 4; ++i) NEAR(sum[i], v[i], 1e-12);
    EQUAL(clb_data_mixture(&data, &rng, 200, 20, 5, 2.0), CLB_OK);
    EQUAL(numbers(at, "mixture_first_row", v, 200), 20);
    for (int i = 0; i < 20; ++i) SAME_BITS(data.X[i], v[i]);
    EQUAL(numbers(at, "mixture_labels_first40", v, 200), 40);
    for (int i = 0; i < 40; ++i) EQUAL(data.y[i], v[i]);
    EQUAL(numbers(at, "mixture_X_sum_sumsq_float64", v, 200), 2);
    sum[0] = sum[1] = 0.0;
    for (int i = 0; i < 4000; ++i) {
        sum[0] += (double)data.X[i];
        sum[1] += (double)data.X[i] * (double)data.X[i];
    }
    CHECK(fabs(sum[0] - v[0]) <= 1e-10 && fabs(sum[1] - v[1]) <= 1e-9);
    clb_data_free(&data);
}

static void t_reference(void)
{
    char *text = text_of(REFERENCE);
    const char *at = text;
    int cases = 0;
    if (!text) {
        printf("(%s not there: quoted vectors only)\n", REFERENCE);
        CHECK(!text);
        return;
    }
    while ((at = strstr(at, "\"seed\":")) != NULL) {
        at += strlen("\"seed\":");
        check_reference_case(at, strtoul(at, NULL, 10));
        ++cases;
    }
    EQUAL(cases, 7);
    free(text);
}

static const test_case tests[] = { TEST(t_engine),          TEST(t_integers),
                                   TEST(t_uniforms),        TEST(t_normals_published),
                                   TEST(t_normals_formula), TEST(t_normals_tail),
                                   TEST(t_normals_spare),   TEST(t_permutation),
                                   TEST(t_reference) };
TEST_MAIN(tests)
