/* Elementary functions: below one ulp of the long double library where that is wider, C99 Annex F
 * special
 * values, exact identities, and known values that need no library.
 *   cc -std=c99 -O2 -o t_elementary tests/t_elementary.c -lm && ./t_elementary */
#define CLB_IMPLEMENTATION
#include "../clb.h"
#include "test.h"
#include <float.h>

static uint64_t noise_state = 12345;
static double uniform(double lo, double hi)
{
    noise_state = noise_state * 6364136223846793005u + 1442695040888963407u;
    return lo + (hi - lo) * ((double)(noise_state >> 11) / 9007199254740992.0);
}

/* |got - want| in units of the last place of a double near want. */
static double ulps(double got, long double want)
{
    int e;
    double w = (double)want;
    if (w != w || isinf(w) || got != got) return test_same_bits(got, w) ? 0 : HUGE_VAL;
    frexp(w, &e);
    if (e < -1021) e = -1021;
    /* PowerPC's long double is a pair of doubles: below LDBL_MIN it is rounded to double's own grid. */
    if (want != 0 && fabsl(want) < LDBL_MIN)
        return (double)(fabsl((long double)got - want) / ldexpl(1, e - 53)) - 0.5;
    return (double)(fabsl((long double)got - want) / ldexpl(1, e - 53));
}

/* x: a random mantissa over every exponent between those of lo and hi, or uniform. */
static double sample(double lo, double hi, int i)
{
    double x = uniform(lo, hi);
    return i % 3 ? x : x * ldexp(1, -(int)uniform(0, 60));
}

typedef struct range { const char *name; double (*ours)(double); long double (*truth)(long double);
                       double lo, hi; } range;
#ifdef __MINGW32__               /* its sinl and cosl are wrong near multiples of pi */
#define SINL NULL
#define COSL NULL
#else
#define SINL sinl
#define COSL cosl
#endif
static const range ranges[] = {
    { "exp", clb_exp, expl, -1, 1 },        { "exp", clb_exp, expl, -746, 709.7 },
    { "log", clb_log, logl, 0.5, 2 },       { "log", clb_log, logl, 0, 1e10 },
    { "log", clb_log, logl, 0.99, 1.01 },   { "log", clb_log, logl, 0, 1e-307 },
    { "expm1", clb_expm1, expm1l, -1, 1 },  { "expm1", clb_expm1, expm1l, -45, 45 },
    { "expm1", clb_expm1, expm1l, 0.34, 0.36 }, { "expm1", clb_expm1, expm1l, 30, 700 },
    { "log1p", clb_log1p, log1pl, -1, 1 },  { "log1p", clb_log1p, log1pl, -0.5, 100 },
    { "sin", clb_sin, SINL, -4, 4 },        { "sin", clb_sin, SINL, -1048576, 1048576 },
    { "cos", clb_cos, COSL, -4, 4 },        { "cos", clb_cos, COSL, -1048576, 1048576 },
    { "tanh", clb_tanh, tanhl, -1, 1 },     { "tanh", clb_tanh, tanhl, -22, 22 },
    { "erf", clb_erf, erfl, -1, 1 },        { "erf", clb_erf, erfl, -7, 7 }
};

static void t_error_below_one_ulp(void)
{
    if (LDBL_MANT_DIG < 64) { CHECK(LDBL_MANT_DIG >= 53); return; }    /* nothing to compare with */
    for (size_t r = 0; r < sizeof ranges / sizeof *ranges; ++r)
        for (int i = 0; i < 60000 && ranges[r].truth; ++i) {
            double x = sample(ranges[r].lo, ranges[r].hi, i), got = ranges[r].ours(x);
            double error = ulps(got, ranges[r].truth((long double)x));
            ++test_checks;
            if (!(error < 1))
                FAIL("%s(%.17g) = %.17g is %.3f ulp off", ranges[r].name, x, got, error);
        }
}

static void t_pow_below_one_ulp(void)
{
    if (LDBL_MANT_DIG < 64) { CHECK(LDBL_MANT_DIG >= 53); return; }
    for (int i = 0; i < 120000; ++i) {
        double x = i % 2 ? exp(uniform(-300, 300)) : uniform(0.9, 1.1),
               y = i % 2 ? uniform(-2.5, 2.5) : uniform(-7000, 7000);
        double got = clb_pow(x, y), error = ulps(got, powl((long double)x, (long double)y));
        ++test_checks;
        if (!(error < 1)) FAIL("pow(%.17g, %.17g) = %.17g is %.3f ulp off", x, y, got, error);
    }
    for (int i = 0; i < 20000; ++i) {                 /* small integers: exact results stay exact */
        double x = floor(uniform(2, 30)), y = floor(uniform(0, 11)), product = 1;
        for (int k = 0; k < (int)y; ++k) product *= x;
        if (product < 9007199254740992.0) NEAR(clb_pow(x, y), product, 0);
    }
}

/* 0, -0, 1, ... through every function; the C library of the machine knows Annex F too. */
static const double specials[] = { 0.0,
                                   -0.0,
                                   1,
                                   -1,
                                   2,
                                   -2,
                                   3,
                                   -3,
                                   0.5,
                                   -0.5,
                                   1.5,
                                   -1.5,
                                   (double)INFINITY,
                                   -(double)INFINITY,
                                   (double)NAN,
                                   1e308,
                                   -1e308,
                                   4.9406564584124654e-324,
                                   -4.9406564584124654e-324,
                                   1e-310,
                                   1e300,
                                   9007199254740993.0,
                                   4503599627370497.0 };
enum { SPECIALS = sizeof specials / sizeof *specials };

static void check_special(const char *name, double x, double y, double got, double want)
{
    int zero_sign = want == 0 ? !signbit(got) == !signbit(want) : 1;
    ++test_checks;
    if (!(ulps(got, (long double)want) <= 1.01) || !zero_sign)
        FAIL("%s(%g, %g) = %g, Annex F %g", name, x, y, got, want);
}

static void t_special_values(void)
{
    for (int i = 0; i < SPECIALS; ++i) {
        double x = specials[i];
        check_special("exp", x, 0, clb_exp(x), exp(x));
        check_special("log", x, 0, clb_log(x), log(x));
        check_special("expm1", x, 0, clb_expm1(x), expm1(x));
        check_special("log1p", x, 0, clb_log1p(x), log1p(x));
        check_special("tanh", x, 0, clb_tanh(x), tanh(x));
        check_special("erf", x, 0, clb_erf(x), erf(x));
        for (int j = 0; j < SPECIALS; ++j)
            check_special("pow", x, specials[j], clb_pow(x, specials[j]), pow(x, specials[j]));
        if (fabs(x) < 1048576.0 || x != x || isinf(x)) {
            check_special("sin", x, 0, clb_sin(x), sin(x));
            check_special("cos", x, 0, clb_cos(x), cos(x));
        } else {
            CHECK(isnan(clb_sin(x)) && isnan(clb_cos(x)));    /* outside the documented range */
        }
    }
}

/* Decimal values from tables, correctly rounded by the compiler. */
static void t_known_values(void)
{
    NEAR_REL(clb_exp(1), 2.71828182845904523536, 2.3e-16);
    NEAR_REL(clb_log(10), 2.30258509299404568402, 2.3e-16);
    NEAR_REL(clb_log1p(1e-10), 9.9999999995000000000333e-11, 2.3e-16);
    NEAR_REL(clb_expm1(1e-10), 1.00000000005000000000167e-10, 2.3e-16);
    NEAR_REL(clb_sin(1), 0.841470984807896506653, 2.3e-16);
    NEAR_REL(clb_cos(1), 0.540302305868139717401, 2.3e-16);
    NEAR_REL(clb_sin(3.14159265358979323846), 1.2246467991473531772e-16, 2.3e-16);
    NEAR_REL(clb_cos(100000), -0.999360807438212451911, 2.3e-16);
    NEAR_REL(clb_tanh(0.5), 0.462117157260009758502, 2.3e-16);
    NEAR_REL(clb_erf(0.5), 0.520499877813046537683, 2.3e-16);
    NEAR_REL(clb_erf(1), 0.842700792949714869341, 2.3e-16);
    NEAR_REL(clb_pow(2, 0.5), 1.41421356237309504880, 2.3e-16);
    NEAR_REL(clb_pow(10, -3), 0.001, 2.3e-16);
    NEAR(clb_exp(0), 1.0, 0);
    NEAR(clb_log(1), 0.0, 0);
    NEAR(clb_pow(7, 3), 343.0, 0);
}

/* Identities that hold whatever the library says: symmetry, sin^2 + cos^2 = 1, exp and log
 * inverse. */
static void t_identities(void)
{
    for (int i = 0; i < 20000; ++i) {
        double x = sample(-30, 30, i), s = clb_sin(x), c = clb_cos(x);
        SAME_BITS(clb_sin(-x), -s);
        SAME_BITS(clb_cos(-x), c);
        SAME_BITS(clb_tanh(-x), -clb_tanh(x));
        SAME_BITS(clb_erf(-x), -clb_erf(x));
        NEAR(s * s + c * c, 1.0, 5e-16);
        NEAR(clb_log(clb_exp(x)), x, 4e-16 * 30);
        NEAR_REL(clb_exp(x) * clb_exp(-x), 1.0, 5e-16);
        CHECK(clb_tanh(x) >= -1 && clb_tanh(x) <= 1 && clb_erf(x) >= -1 && clb_erf(x) <= 1);
    }
}

/* y is the root of x rounded correctly if x lies between the squares of y - u/2 and y + u/2, u the
 * last bit of y. For x in [1, 4) that is |x - y^2| <= u y, compared here in units of u^2 = 2^-104
 * by integers modulo 2^64. Some C libraries are off once in 4000. */
static void t_root(void)
{
    for (int i = 0; i < 100000; ++i) {
        double x = uniform(1, 4), y = clb_sqrt(x);
        uint64_t X = (uint64_t)(x * 0x1p52), Y = (uint64_t)(y * 0x1p52), rest = (X << 52) - Y * Y;
        CHECK(rest <= Y || rest >= 0 - Y);
        SAME_BITS(clb_sqrt(x * 0x1p-300), y * 0x1p-150);
    }
    SAME_BITS(clb_sqrt(-0.0), -0.0);
    CHECK(clb_sqrt(-1) != clb_sqrt(-1));
    CHECK(clb_sqrt((double)INFINITY) > DBL_MAX);
}

static const test_case tests[] = {
    TEST(t_known_values), TEST(t_special_values), TEST(t_identities), TEST(t_error_below_one_ulp),
    TEST(t_pow_below_one_ulp), TEST(t_root)
};
TEST_MAIN(tests)
