/* test.h - the test programs' frame. Every tests/t_*.c is one cc command:
 *
 *   #define CLB_IMPLEMENTATION
 *   #include "../clb.h"
 *   #include "test.h"
 *   static void t_sum(void) { NEAR(clb_sumsq(3, x), 14.0, 1e-15); }
 *   static const test_case tests[] = { TEST(t_sum) };
 *   TEST_MAIN(tests)
 *
 * ./t_x           run all        ./t_x sum net    only tests whose names contain a word
 * ./t_x =t_sum    only this one  ./t_x -l         list names
 * ./t_x -x        stop at the first failing test
 *
 * A failing check prints file:line, what was compared, the note in force and the command to
 * repeat, and ends its test (from any depth of calls, not from inside a parallel region).
 * Comparisons fail on NaN.
 */
#ifndef CLB_TEST_H
#define CLB_TEST_H

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct test_case { const char *name; void (*run)(void); } test_case;

static jmp_buf     test_jump;
static char        test_note[256];
static const char *test_program, *test_current;
static long        test_checks;          /* a test that checks nothing fails */

#if defined(__GNUC__)
#define TEST_UNUSED __attribute__((unused))
#define TEST_PRINTF(a, b) __attribute__((unused, format(printf, a, b)))
#else
#define TEST_UNUSED
#define TEST_PRINTF(a, b)
#endif
/* Say where a loop stands; printed with a failure only. */
TEST_PRINTF(1, 2) static void test_noted(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(test_note, sizeof test_note, format, args);
    va_end(args);
}

TEST_PRINTF(3, 4) static void test_failed(const char *file, int line, const char *format, ...)
{
    va_list args;
    printf("FAIL %s\n  %s:%d: ", test_current, file, line);
    va_start(args, format);
    vprintf(format, args);
    va_end(args);
    if (test_note[0]) printf("\n  with %s", test_note);
    printf("\n  repeat: %s %s\n", test_program, test_current);
    fflush(stdout);
    longjmp(test_jump, 1);
}

/* |a - b| <= tol max(1, |b|), so tol is relative for large values and absolute for small ones. */
TEST_UNUSED static int test_near(double a, double b, double tol)
{
    double scale = fabs(b) > 1.0 ? fabs(b) : 1.0;
    return isinf(b) ? a == b : fabs(a - b) <= tol * scale;
}

/* The same bits; any NaN equals any NaN, -0 differs from +0. */
TEST_UNUSED static int test_same_bits(double a, double b)
{
    return a != a || b != b ? a != a && b != b : memcmp(&a, &b, sizeof a) == 0;
}

#define NOTE(...) test_noted(__VA_ARGS__)
#define FAIL(...) test_failed(__FILE__, __LINE__, __VA_ARGS__)
#define CHECK(condition) \
    do { ++test_checks; if (!(condition)) FAIL("%s", #condition); } while (0)
#define NEAR(a, b, tol)                                                                          \
    do {                                                                                         \
        double test_a_ = (double)(a), test_b_ = (double)(b), test_t_ = (double)(tol);            \
        ++test_checks;                                                                           \
        if (!test_near(test_a_, test_b_, test_t_))                                               \
            FAIL("%s = %.17g, expected %s = %.17g, off by %.3g, tolerance %.3g", #a, test_a_,    \
                 #b, test_b_, fabs(test_a_ - test_b_), test_t_);                                 \
    } while (0)
#define NEAR_REL(a, b, tol) /* |a-b| <= tol |b| */                                             \
    do {                                                                                         \
        double test_a_ = (double)(a), test_b_ = (double)(b), test_t_ = (double)(tol);            \
        ++test_checks;                                                                           \
        if (!(fabs(test_a_ - test_b_) <= test_t_ * fabs(test_b_)))                               \
            FAIL("%s = %.17g, expected %s = %.17g, relative error %.3g, tolerance %.3g", #a,     \
                 test_a_, #b, test_b_, fabs((test_a_ - test_b_) / test_b_), test_t_);            \
    } while (0)
#define EQUAL(a, b)                                                                              \
    do {                                                                                         \
        long long test_a_ = (long long)(a), test_b_ = (long long)(b);                            \
        ++test_checks;                                                                           \
        if (test_a_ != test_b_) FAIL("%s = %lld, expected %s = %lld", #a, test_a_, #b, test_b_); \
    } while (0)
#define SAME_BITS(a, b)                                                                          \
    do {                                                                                         \
        double test_a_ = (double)(a), test_b_ = (double)(b);                                     \
        ++test_checks;                                                                           \
        if (!test_same_bits(test_a_, test_b_))                                                   \
            FAIL("%s = %.17g (%a), expected the bits of %s = %.17g (%a)", #a, test_a_, test_a_,  \
                 #b, test_b_, test_b_);                                                          \
    } while (0)
#define TEST(name) { #name, name }
/* Run the statement under every instruction set that this machine has. */
#define FOR_EACH_ISA(isa) \
    for (int isa = 0; isa < (int)CLB_ISA_COUNT; ++isa) if (clb_isa_set((clb_isa)isa) == CLB_OK)

static int test_wanted(const char *name, int argc, char **argv)
{
    int words = 0;
    for (int i = 1; i < argc; ++i)
        if (argv[i][0] == '=') { ++words; if (!strcmp(name, argv[i] + 1)) return 1; }
        else if (argv[i][0] != '-') { ++words; if (strstr(name, argv[i])) return 1; }
    return words == 0;
}

static int test_main(const test_case *tests, size_t count, int argc, char **argv)
{
    static long passed, failed;          /* static: values survive longjmp */
    volatile int list = 0, stop = 0;     /* volatile: so do these */
    for (int i = 1; i < argc; ++i) {
        if (!strcmp(argv[i], "-l")) list = 1;
        else if (!strcmp(argv[i], "-x")) stop = 1;
        else if (argv[i][0] == '-') return puts("options: -l list, -x stop at a failure"), 2;
    }
    test_program = argv[0];
    for (size_t k = 0; k < count; ++k) {
        if (!test_wanted(tests[k].name, argc, argv)) continue;
        if (list) { puts(tests[k].name); continue; }
        test_current = tests[k].name, test_note[0] = 0, test_checks = 0;
        if (setjmp(test_jump)) { ++failed; if (stop) break; else continue; }
        tests[k].run();
        if (!test_checks) FAIL("the test checked nothing");
        ++passed;
    }
    if (!list) printf("%ld passed, %ld failed\n", passed, failed);
    return failed || (!list && !passed) ? 1 : 0;
}

#define TEST_MAIN(tests) \
    int main(int argc, char **argv) \
    { return test_main(tests, sizeof tests / sizeof tests[0], argc, argv); }

#endif
