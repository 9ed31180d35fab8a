/* bench.h - what the two precisions of clb offer to the benchmark: bench_part.c is compiled once
 * for double, once with -DCLB_SINGLE, at plain -O2. Operands are arrays of that precision. Also
 * what all programs of the benchmark share. Include it first. */
#ifndef CLB_BENCH_H
#define CLB_BENCH_H
#define _POSIX_C_SOURCE 200809L
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

/* Seconds of CLOCK_PROCESS_CPUTIME_ID or CLOCK_MONOTONIC. */
static inline double bench_seconds(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static inline void die(const char *what)
{
    fprintf(stderr, "bench: %s\n", what);
    exit(1);
}

typedef struct bench_net_spec { size_t n, d, m, K, L; double ce; int linear; } bench_net_spec;

typedef struct bench_part {
    const char *precision;
    size_t      real;                           /* sizeof(clb_real)                               */
    const char *(*info)(void);
    const char *(*isa)(const char *name);       /* choose (NULL: best); the name in use or NULL   */
    void  (*matmul)(char form, size_t M, size_t N, size_t K, const void *A, const void *B, void *C);
    void *(*net_new)(const bench_net_spec *s);  /* a run of gradient descent on normals           */
    void  (*net_free)(void *net);
    void  (*net_data)(void *net, const void **X, const int **y, const void **theta);
    void  (*net_steps)(void *net, size_t T);    /* clb_train for T steps                          */
    void  (*net_hvp)(void *net, long count);
    void  (*net_hessian)(void *net);
    void  (*net_sharpness)(void *net);
    size_t (*net_size)(void *net);
    /* Symmetric A [n][n] is copied to work; vectors [n][n] or NULL; g NULL or n: projections
     * only. */
    int   (*eigh)(size_t n, const void *A, void *work, const void *g, double *values,
                  void *vectors);
    /* check: start once more after convergence, as is the default. */
    int   (*lanczos)(size_t n, const void *A, size_t k, int check, double *values);
} bench_part;

extern const bench_part bench_double, bench_single;

#endif
