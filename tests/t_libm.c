/* The functions of <math.h> that the page brings along for WebAssembly, against the C library's: bit for
 * bit, on special values and on random bits.
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
#define fmaf  own_fmaf
double fmin(double x, double y), fmax(double x, double y), round(double x), ldexp(double x, int n);
double frexp(double x, int *exponent);
float fmaf(float a, float b, float c);
#include "../tools/page/libm.h"
#undef fmin
#undef fmax
#undef round
#undef ldexp
#undef frexp
#undef fmaf
