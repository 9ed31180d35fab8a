/* The fused multiply-add in software (CLB_OWN_FMA) against the C library's, bit for bit: random
 * bits, and what a second rounding shows on: near cancellation, ties, subnormal and huge results.
 *   cc -std=c99 -O2 -o t_fma tests/t_fma.c -lm && ./t_fma */
#undef CLB_DECLARATIONS_ONLY           /* an implementation of its own */
#define CLB_IMPLEMENTATION
#define CLB_STATIC
#define CLB_OWN_FMA
#define CLB_NO_SIMD
#include "../clb.h"
#include "test.h"

enum { RANDOM = 2000000 };
static clb_rng rng;

static double from_bits(uint64_t bits)
{
    double x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

/* A significand with few, many or random bits, times 2^e with low <= e <= high. */
static double number(int low, int high)
{
    uint64_t m = clb_rng_u64(&rng), e = clb_rng_u32(&rng);
    switch (clb_rng_u32(&rng) % 4u) {
    case 0: m &= ~(uint64_t)0 << (m >> 58); break;
    case 1: m |= ((uint64_t)1 << (m >> 58)) - 1; break;
    default: break;
    }
    return ldexp((double)(int64_t)m, low + (int)(e % (unsigned)(high - low + 1)) - 63);
}

static const double special[] = { 0.0, -0.0, 1.0, -1.0, 5e-324, -5e-324, 2.2250738585072014e-308,
    2.2250738585072009e-308, 1.7976931348623157e308, -1.7976931348623157e308, (double)INFINITY,
    -(double)INFINITY, (double)NAN };
enum { SPECIAL = sizeof special / sizeof *special };

/* Quiet: on signalling NaNs libraries differ. */
static double any(void)
{
    double x = clb_rng_u32(&rng) % 8u ? from_bits(clb_rng_u64(&rng))
                                      : special[clb_rng_u32(&rng) % (unsigned)SPECIAL];
    return x == x ? x : (double)NAN;
}

static void same(double a, double b, double c)
{
    NOTE("a %a b %a c %a", a, b, c);
    SAME_BITS(clbi_fused(a, b, c), fma(a, b, c));
}

static void t_special(void)
{
    for (int i = 0; i < SPECIAL; ++i)
        for (int j = 0; j < SPECIAL; ++j)
            for (int k = 0; k < SPECIAL; ++k) same(special[i], special[j], special[k]);
}

static void t_double(void)
{
    clb_rng_seed(&rng, 7);
    for (int i = 0; i < RANDOM; ++i) {
        double a = number(-30, 30), b = number(-30, 30), c = number(-120, 120);
        switch (i % 8) {
        case 0: a = any(), b = any(), c = any(); break;
        case 1: c = -a * b; break;                                   /* the rounding error is left */
        case 2: c = from_bits(clbi_bits(-a * b) + clb_rng_u32(&rng) % 5u - 2); break;
        case 3: a = number(-600, -400), b = number(-600, -400), c = number(-1120, -1000); break;
        case 4: a = number(-560, -530), b = number(-560, -530);      /* subnormal, near a tie */
            c = (double)(int)(clb_rng_u32(&rng) % 7u - 3) * 5e-324; break;
        case 5: a = number(500, 520), b = number(500, 520), c = number(1000, 1023); break;
        case 6: a = number(500, 520), b = number(500, 520), c = -a * b; break;
        default: break;
        }
        same(a, b, c);
    }
}

static float float_from_bits(uint32_t bits)
{
    float x;
    memcpy(&x, &bits, sizeof x);
    return x == x ? x : (float)NAN;
}

static void t_float(void)
{
    clb_rng_seed(&rng, 5);
    for (int i = 0; i < RANDOM; ++i) {
        float a = float_from_bits(clb_rng_u32(&rng)), b = float_from_bits(clb_rng_u32(&rng));
        float c = float_from_bits(clb_rng_u32(&rng));
        switch (i % 4) {
        case 1: c = -a * b; break;
        case 2: b = 1.0f + 0x1p-12f, a = 1.0f + (float)(clb_rng_u32(&rng) % 8u) * 0x1p-12f;
            c = (i & 8 ? 1.0f : -1.0f) * 0x1p-60f; break;
        case 3: a = (float)(clb_rng_u32(&rng) >> 8) * 0x1p-149f, b = 0.5f;
            c = (float)(clb_rng_u32(&rng) % 64u) * 0x1p-149f; break;
        default: break;
        }
        NOTE("a %a b %a c %a", (double)a, (double)b, (double)c);
        SAME_BITS((double)clbi_fusedf(a, b, c), (double)fmaf(a, b, c));
    }
}

static const test_case tests[] = { TEST(t_special), TEST(t_double), TEST(t_float) };
TEST_MAIN(tests)
