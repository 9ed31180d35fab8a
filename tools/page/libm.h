/* Functions of <math.h> that WebAssembly has no instruction for, exact as the standard has them. Tested
 * natively under other names (tests/t_libm.c); sqrt, fabs and floor are the compiler's. */
#ifndef PAGE_LIBM_H
#define PAGE_LIBM_H

#include <stdint.h>

static uint64_t page_bits(double x)
{
    uint64_t u;
    __builtin_memcpy(&u, &x, sizeof u);
    return u;
}

static double page_double(uint64_t u)
{
    double x;
    __builtin_memcpy(&x, &u, sizeof x);
    return x;
}

double fmin(double x, double y) { return x != x || y < x ? y : x; }
double fmax(double x, double y) { return x != x || y > x ? y : x; }

/* Nearest integer, halves away from zero. */
double round(double x)
{
    double low = floor(fabs(x)), up = fabs(x) - low >= 0.5 ? low + 1.0 : low;
    return __builtin_copysign(up, x);
}

/* x 2^n, rounded once: every factor before the last is exact, or the result is zero or infinite. */
double ldexp(double x, int n)
{
    if (n > 3200) n = 3200;
    while (n > 1023) x *= 0x1p1023, n -= 1023;
    while (n < -1022) {
        if (n < -2200) n = -2200;
        x *= 0x1p-969, n += 969;
    }
    return x * page_double((uint64_t)(1023 + n) << 52);
}

double frexp(double x, int *exponent)
{
    uint64_t u = page_bits(x);
    int e = (int)(u >> 52 & 0x7ff);
    *exponent = 0;
    if (e == 0x7ff || x == 0.0) return x;
    if (e == 0) return x = frexp(x * 0x1p64, exponent), *exponent -= 64, x;
    *exponent = e - 1022;
    return page_double((u & 0x800fffffffffffffu) | (uint64_t)1022 << 52);
}

#endif
