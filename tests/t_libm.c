/* The functions of <math.h> that the page brings along for WebAssembly, against the C library's:
 * bit for bit, on special values and on random bits.
 *   cc -std=c99 -O2 -o t_libm tests/t_libm.c -lm && ./t_libm */
#define CLB_IMPLEMENTATION
#include "../clb.h"
#include "test.h"
#include <math.h>

#define fmin  own_fmin
#define fmax  own_fmax
#define round own_round
#define ldexp own_ldexp
#define frexp own_frexp
double fmin(double x, double y), fmax(double x, double y), round(double x), ldexp(double x, int n);
double frexp(double x, int *exponent);
#include "../tools/page/libm.h"
#undef fmin
#undef fmax
#undef round
#undef ldexp
#undef frexp

static double from_bits(uint64_t bits)
{
    double x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

enum { RANDOM = 300000 };
static const double special[] = { 0.0, -0.0, 0.5, -0.5, 0.49999999999999994, 1.5, 2.5, -2.5, 1.0, -1.0, 4503599627370495.5, 9007199254740993.0,
    1e300, -1e300, 5e-324, -5e-324, 2.2250738585072014e-308, 2.2250738585072009e-308, 1.7976931348623157e308, (double)INFINITY,
    -(double)INFINITY, (double)NAN };
enum { SPECIAL = sizeof special / sizeof special[0] };

/* Signalling NaNs, on which libraries differ, are made quiet ones. */
static double value(clb_rng *rng, size_t i)
{
    double x = i < SPECIAL ? special[i] : from_bits(clb_rng_u64(rng));
    return x == x ? x : (double)NAN;
}

static void t_one(void)
{
    clb_rng rng;
    size_t i;
    clb_rng_seed(&rng, 3);
    for (i = 0; i < RANDOM; ++i) {
        double x = value(&rng, i), near = x - x == 0 ? fmod(x, 1e16) : x;
        int ours = 0, libc = 0;
        NOTE("x %.17g", x);
        SAME_BITS(own_round(x), round(x));
        SAME_BITS(own_round(near), round(near));
        SAME_BITS(own_frexp(x, &ours), frexp(x, &libc));
        if (x - x == 0) EQUAL(ours, libc);
    }
}

static void t_two(void)
{
    clb_rng rng;
    size_t i;
    clb_rng_seed(&rng, 4);
    for (i = 0; i < RANDOM; ++i) {
        double x = value(&rng, i % (2 * SPECIAL)), y = value(&rng, i / 7 % (2 * SPECIAL));
        int n = (int)(clb_rng_u32(&rng) % 4600u) - 2300;
        NOTE("x %.17g y %.17g n %d", x, y, n);
        SAME_BITS(own_ldexp(x, n), ldexp(x, n));
        if (x == y) continue;                         /* of +0 and -0 either may be the smaller */
        SAME_BITS(own_fmin(x, y), fmin(x, y));
        SAME_BITS(own_fmax(x, y), fmax(x, y));
    }
}

static const test_case tests[] = { TEST(t_one), TEST(t_two) };
TEST_MAIN(tests)
