/* clb.h - v0.1.0 - conservation laws and their breaking in neural network training
 *
 *   #define CLB_IMPLEMENTATION      in exactly one file, before
 *   #include "clb.h"
 *
 * @S00 MANUAL (written last)
 *
 * CONTENTS    grep -n '@S' clb.h prints the map; implementation tag = interface tag + 20
 *   @S10 configuration, status      @S15 matrix kernels            @S20 conservation laws
 *   @S11 platform, instruction set  @S16 networks and losses       @S21 spectral theory
 *   @S12 elementary functions       @S17 curvature                 @S22 statistics
 *   @S13 random numbers             @S18 optimisers, training      @S23 pathways
 *   @S14 data                       @S19 eigensolvers              @S24 run helpers
 *   @S99 licence
 */
#ifndef CLB_H
#define CLB_H

/* ============================================================================================
 * @S10 CONFIGURATION, STATUS
 * ========================================================================================== */

#include <stddef.h>
#include <stdint.h>
#ifndef CLB_NO_STDIO
#include <stdio.h>
#endif

#define CLB_VERSION_MAJOR 0
#define CLB_VERSION_MINOR 1
#define CLB_VERSION_PATCH 0
#define CLB_VERSION       "0.1.0"
#define CLB_RESULTS_VERSION 1      /* raised whenever any output bit changes */

#if defined(__FAST_MATH__) && !defined(CLB_ALLOW_FAST_MATH)
#error "clb.h: -ffast-math breaks the numerical contract (define CLB_ALLOW_FAST_MATH to insist)"
#endif

#if defined(CLB_MALLOC) && defined(CLB_REALLOC) && defined(CLB_FREE)
/* the caller's allocator */
#elif !defined(CLB_MALLOC) && !defined(CLB_REALLOC) && !defined(CLB_FREE)
/* libc's, chosen in the implementation */
#else
#error "clb.h: define all of CLB_MALLOC(n), CLB_REALLOC(p,n), CLB_FREE(p), or none"
#endif

#if defined(__GNUC__) || defined(__clang__)
#define CLBI_UNUSED __attribute__((unused))
#else
#define CLBI_UNUSED
#endif

#ifdef CLB_STATIC
#define CLBDEF static CLBI_UNUSED
#else
#define CLBDEF extern
#endif

#ifdef __cplusplus
#define CLB_ZERO {}
extern "C" {
#else
#define CLB_ZERO {0}
#endif

/* Network arithmetic; tables, sums and theory are always double. */
#ifdef CLB_SINGLE
typedef float clb_real;
#define CLB_PRECISION "single"
#else
typedef double clb_real;
#define CLB_PRECISION "double"
#endif

#define CLB_STATUS_LIST(X)                                                         \
    X(CLB_OK,         "ok")                                                        \
    X(CLB_ENOMEM,     "out of memory")                                             \
    X(CLB_ESIZE,      "size or product of sizes too large")                        \
    X(CLB_EOPTION,    "option or argument out of range")                           \
    X(CLB_EISA,       "instruction set not available on this processor")           \
    X(CLB_EDIVERGED,  "training diverged")                                         \
    X(CLB_ENOCONV,    "no convergence; best estimate returned")                    \
    X(CLB_EIO,        "cannot open, read or write the file")                       \
    X(CLB_EFORMAT,    "file is malformed")                                         \
    X(CLB_ETRUNCATED, "file is shorter than its header says")                      \
    X(CLB_EEMPTY,     "data set or matrix is empty")                               \
    X(CLB_ERAGGED,    "rows of different length")                                  \
    X(CLB_ENOTFINITE, "data contain NaN or infinity")

#define CLBI_STATUS_ENUM(name, text) name,
typedef enum clb_status { CLB_STATUS_LIST(CLBI_STATUS_ENUM) CLB_STATUS_COUNT } clb_status;
#undef CLBI_STATUS_ENUM

/* English text of a status; "unknown status" outside the list. */
CLBDEF const char *clb_strerror(clb_status status);

/* ============================================================================================
 * @S11 PLATFORM, INSTRUCTION SET
 * ========================================================================================== */

typedef enum clb_isa { CLB_ISA_SCALAR, CLB_ISA_AVX2, CLB_ISA_AVX512, CLB_ISA_NEON, CLB_ISA_COUNT } clb_isa;

/* The instruction set in use: the best one that this processor and operating system have, unless the
 * environment variable CLB_ISA (scalar, avx2, avx512, neon) or clb_isa_set() asked for another.
 * Every one gives the same bits. */
CLBDEF clb_isa     clb_isa_get(void);
/* Errors: CLB_EISA when the processor or this build lacks it; the choice is then unchanged. */
CLBDEF clb_status  clb_isa_set(clb_isa isa);
CLBDEF const char *clb_isa_name(clb_isa isa);      /* "scalar", "avx2", ...; "unknown" outside the list */
/* One line: version, precision, compiler, contract, instruction set. */
CLBDEF const char *clb_build_info(void);

/* ============================================================================================
 * @S12 ELEMENTARY FUNCTIONS
 * ========================================================================================== */

/* Double precision, the same bits on every system (libm differs between systems). Error below 1 ulp
 * unless said otherwise; IEEE special values as in C99 Annex F. */
CLBDEF double clb_exp(double x);
CLBDEF double clb_log(double x);
CLBDEF double clb_expm1(double x);
CLBDEF double clb_log1p(double x);
CLBDEF double clb_sin(double x);
CLBDEF double clb_cos(double x);
CLBDEF double clb_tanh(double x);
CLBDEF double clb_erf(double x);
CLBDEF double clb_pow(double x, double y);

/* ============================================================================================
 * @S13 RANDOM NUMBERS
 * ========================================================================================== */

/* MT19937 and the draws of the published runs; the caller owns the state. Two copies of a state give
 * the same draws. */
typedef enum clb_normal_mode {
    CLB_NORMAL_EXACT,          /* double evaluation rounded to float                          */
    CLB_NORMAL_PUBLISHED       /* the float polynomials of the published runs, bit for bit    */
} clb_normal_mode;

typedef struct clb_rng {
    uint32_t        state[624];
    int             next;         /* 0..624, index of the next word                              */
    int             has_spare;    /* a scalar normal is kept back                                */
    double          spare;
    clb_normal_mode normal_mode;  /* clb_rng_seed sets CLB_NORMAL_EXACT; assign afterwards       */
} clb_rng;

CLBDEF void     clb_rng_seed(clb_rng *rng, uint64_t seed);     /* low 32 bits of the seed are used  */
CLBDEF uint32_t clb_rng_u32(clb_rng *rng);
CLBDEF uint64_t clb_rng_u64(clb_rng *rng);
CLBDEF uint32_t clb_rng_below(clb_rng *rng, uint32_t n);       /* 0..n-1, by remainder as published */
CLBDEF double   clb_rng_double(clb_rng *rng);                  /* [0, 1), 53 bits                   */
/* n float uniforms in [a, b), each one fused multiply-add in float; stored as clb_real. */
CLBDEF void     clb_rng_uniform(clb_rng *rng, size_t n, double a, double b, clb_real *x);
/* n standard normals, float values stored as clb_real. The rule depends on n (16 or more, or fewer);
 * two calls of n/2 are not one call of n. */
CLBDEF void     clb_rng_normal(clb_rng *rng, size_t n, clb_real *x);
CLBDEF void     clb_rng_permutation(clb_rng *rng, size_t n, uint32_t *p);   /* n < 2^32             */

/* ============================================================================================
 * @S14 DATA
 * ========================================================================================== */

/* A data set: inputs X [n][d], labels y [n] in 0..K-1, optionally real targets T [n][K]. */
typedef struct clb_data {
    size_t    n, d, K;
    clb_real *X;
    int      *y;
    clb_real *T;        /* NULL: targets are one-hot rows of y */
} clb_data;

CLBDEF void clb_data_free(clb_data *data);      /* accepts a zeroed struct, leaves a zeroed struct */

/* ============================================================================================
 * @S15 MATRIX KERNELS
 * ========================================================================================== */

/* Matrix products, row-major, any shape (0 too) and leading dimension, operands not overlapping.
 *   nn: C[M][N] = A[M][K] B[K][N]     nt: C[M][N] = A[M][K] B[N][K]^T     tn: C[M][N] = A[K][M]^T B[K][N]
 * Contract: c = 0 (or the old C for _acc), then for k = 0..K-1 in order c = fma(a_ik, b_kj, c). */
CLBDEF void clb_matmul_nn(size_t M, size_t N, size_t K, const clb_real *A, size_t lda,
                          const clb_real *B, size_t ldb, clb_real *C, size_t ldc);
CLBDEF void clb_matmul_nt(size_t M, size_t N, size_t K, const clb_real *A, size_t lda,
                          const clb_real *B, size_t ldb, clb_real *C, size_t ldc);
CLBDEF void clb_matmul_tn(size_t M, size_t N, size_t K, const clb_real *A, size_t lda,
                          const clb_real *B, size_t ldb, clb_real *C, size_t ldc);
CLBDEF void clb_matmul_nn_acc(size_t M, size_t N, size_t K, const clb_real *A, size_t lda,
                              const clb_real *B, size_t ldb, clb_real *C, size_t ldc);
CLBDEF void clb_matmul_nt_acc(size_t M, size_t N, size_t K, const clb_real *A, size_t lda,
                              const clb_real *B, size_t ldb, clb_real *C, size_t ldc);
CLBDEF void clb_matmul_tn_acc(size_t M, size_t N, size_t K, const clb_real *A, size_t lda,
                              const clb_real *B, size_t ldb, clb_real *C, size_t ldc);

/* Reductions in double: 16 virtual lanes (lane l takes elements l, l+16, ... with fma), then the tree
 * 8, 4, 2, 1. */
CLBDEF double clb_dot(size_t n, const clb_real *x, const clb_real *y);
CLBDEF double clb_sumsq(size_t n, const clb_real *x);
/* y[j] = fma(a, x[j], y[j]);  x[j] = a x[j] */
CLBDEF void   clb_axpy(size_t n, clb_real a, const clb_real *x, clb_real *y);
CLBDEF void   clb_scale(size_t n, clb_real a, clb_real *x);

/* ============================================================================================
 * @S16 NETWORKS AND LOSSES
 * ========================================================================================== */

/* Fully connected network  z_l = W_l a_{l-1} + b_l,  a_l = s(z_l) for l < L,  output f = z_L,  a_0 = x.
 * s'(z) at a kink takes the branch of z <= 0. */
typedef enum clb_activation {
    CLB_RELU,           /* max(0, z); NaN passes                                                     */
    CLB_IDENTITY,       /* z                                                                         */
    CLB_LEAKY_RELU,     /* z > 0 ? z : a z                      a: slope                             */
    CLB_RELU_MIX,       /* (1-a) z + a max(0, z)                a: 0 identity .. 1 ReLU (E10, E11)   */
    CLB_RELU_POWER,     /* max(0, z)^a                          a: degree of homogeneity             */
    CLB_TANH,
    CLB_SIGMOID,
    CLB_SOFTPLUS,       /* log(1 + exp z)                                                            */
    CLB_GELU,           /* z Phi(z), Phi the normal distribution function                            */
    CLB_ACTIVATION_COUNT
} clb_activation;

typedef struct clb_net_opts {
    double         a;           /* parameter of the activation, used as it is                        */
    clb_activation activation;  /* 0 -> ReLU                                                         */
    int            bias;        /* 0 -> no bias; -1: in every layer; l > 0: only in layer l          */
} clb_net_opts;

/* One flat theta of P reals: W_1, b_1, W_2, b_2, ... with W_l [m_l][m_{l-1}] row-major, biases only
 * where there are any. */
typedef struct clb_net {
    size_t         L;           /* number of weight matrices, >= 1                                   */
    size_t        *m;           /* L+1 widths: m[0] = d inputs, ..., m[L] = K outputs                */
    size_t        *w;           /* w[l], l = 1..L: offset of W_l in theta                            */
    size_t        *b;           /* b[l]: offset of b_l, CLB_NO_BIAS if layer l has none              */
    size_t         P;           /* number of parameters                                              */
    double         a;
    clb_activation activation;
    clb_real      *theta;       /* P                                                                 */
} clb_net;
#define CLB_NO_BIAS ((size_t)-1)

/* Network with widths m[0..L] (count = L+1 of them), parameters zero. opts NULL: ReLU without bias.
 * Errors: CLB_EOPTION (count < 2, a zero width, unknown activation, bias layer > L), CLB_ESIZE,
 * CLB_ENOMEM; *net is then zeroed. */
CLBDEF clb_status clb_net_alloc(clb_net *net, const size_t *widths, size_t count, const clb_net_opts *opts);
/* The same, with theta drawn as published: layer by layer, weight then bias, uniform in +-1/sqrt(fan_in). */
CLBDEF clb_status clb_net_init(clb_net *net, const size_t *widths, size_t count, const clb_net_opts *opts,
                               clb_rng *rng);
CLBDEF void       clb_net_draw(clb_net *net, clb_rng *rng);
CLBDEF clb_status clb_net_copy(clb_net *dst, const clb_net *src);    /* dst is overwritten, not freed */
CLBDEF void       clb_net_free(clb_net *net);
CLBDEF size_t     clb_layer_size(const clb_net *net, size_t l);      /* entries of W_l, l = 1..L      */

/* s(z) and its derivatives of order 1..3 (order 0 is s itself), scalar, in double. */
CLBDEF double clb_activate(clb_activation activation, double a, double z, int order);

/* Loss = (1-ce) MSE + ce CE, one number: 0 mean squared error, 1 cross entropy, between them the blend.
 *   MSE = 1/(nK) sum_ik (f_ik - t_ik)^2        dMSE/df = 2 (f - t)/(nK)
 *   CE  = 1/n sum_i [logsumexp_k f_ik - f_i,y]  dCE/df = (softmax(f) - onehot)/n
 * With real targets T the CE takes the row T_i as the target distribution.  */
#define CLB_MSE 0.0
#define CLB_CE  1.0

/* A network evaluated on a data set: the workspace of forward and backward pass, allocated once.
 * Holds the state at the last point evaluated; the matrices are readable between calls. */
typedef struct clb_pass {
    const clb_net  *net;        /* architecture; theta is an argument of each call                   */
    const clb_data *data;
    double          ce;         /* loss blend                                                        */
    size_t          n;          /* samples in use: data->n, or the batch                             */
    const clb_real *X;          /* [n][d] in use                                                     */
    const int      *y;          /* [n]                                                               */
    const clb_real *T;          /* [n][K] or NULL                                                    */
    clb_real      **z;          /* z[l], l = 1..L: [n][m_l] pre-activations; z[L] is the output f    */
    clb_real      **a;          /* a[l], l = 0..L-1: [n][m_l] activations; a[0] = X                  */
    clb_real      **u;          /* u[l], l = 1..L: [n][m_l] dLoss/dz_l, after clb_grad               */
    clb_real       *p;          /* [n][K] softmax(f); valid when ce > 0                              */
    double          loss;       /* at the last point                                                 */
    void           *arena;      /* the one allocation behind all of these                            */
    size_t          arena_bytes;
    clb_real       *batch_X;    /* buffers of clb_pass_batch; NULL until batches are asked for       */
    int            *batch_y;
    clb_real       *batch_T;
} clb_pass;

/* net and data are kept by reference and must outlive the pass. ce in [0, 1].
 * Errors: CLB_EOPTION (d or K differ, ce out of range, label out of range), CLB_EEMPTY (n = 0), CLB_ESIZE, CLB_ENOMEM. */
CLBDEF clb_status clb_pass_init(clb_pass *pass, const clb_net *net, const clb_data *data, double ce);
CLBDEF void       clb_pass_free(clb_pass *pass);
/* Use only the count rows index[0..count-1] from now on (count <= data->n); index NULL: all rows again. */
CLBDEF clb_status clb_pass_batch(clb_pass *pass, const uint32_t *index, size_t count);

/* Loss at theta (NULL: net->theta). Fills z, a, p. No allocation. */
CLBDEF double clb_loss(clb_pass *pass, const clb_real *theta);
/* Loss and gradient (P reals) at theta; fills u too. No allocation.   G_l = u_l^T a_{l-1}, g_l = sum_i u_l */
CLBDEF double clb_grad(clb_pass *pass, const clb_real *theta, clb_real *grad);
/* Share of rows whose largest output is the label, from the state of the last evaluation. */
CLBDEF double clb_accuracy(const clb_pass *pass);
/* Gates of hidden layer l as bits: bit (i m_l + h) of bits is 1 if z_l[i][h] > 0.
 * bits: clb_gate_words(pass, l) words. */
CLBDEF size_t clb_gate_words(const clb_pass *pass, size_t l);
CLBDEF void   clb_gates(const clb_pass *pass, size_t l, uint64_t *bits);
/* Squared Frobenius norms of x (theta, a gradient, ...): of W_l, of b_l (0 where there is none). */
CLBDEF double clb_weight_sumsq(const clb_net *net, const clb_real *x, size_t l);
CLBDEF double clb_bias_sumsq(const clb_net *net, const clb_real *x, size_t l);

/* ============================================================================================
 * @S17 CURVATURE
 * ========================================================================================== */

/* ============================================================================================
 * @S18 OPTIMISERS, TRAINING
 * ========================================================================================== */

typedef enum clb_optimizer { CLB_GD, CLB_HEAVY_BALL, CLB_NESTEROV, CLB_ADAM, CLB_OPTIMIZER_COUNT } clb_optimizer;

/* What an observer sees at theta_t: before update t, or after the last one (t = T). */
typedef struct clb_state {
    size_t          t;          /* updates done                                                      */
    const clb_net  *net;        /* theta_t                                                           */
    clb_pass       *pass;       /* evaluated at theta_t; curvature operators may use it              */
    const clb_real *grad;       /* gradient at theta_t                                               */
    double          loss;
} clb_state;

typedef enum clb_verdict {
    CLB_CONTINUE,
    CLB_STOP,                   /* end the run here; the trace has t updates                         */
    CLB_SKIP_UPDATE             /* count the step but leave theta as it is (an artefact of one published run) */
} clb_verdict;
typedef clb_verdict (*clb_observer_fn)(void *context, const clb_state *state);

/* When to call: every `every` updates; or at the ascending list `at`; or `per_decade` log-spaced t (0 and 1
 * always among them). The first of these that is set counts; T itself is always added. */
typedef struct clb_observer {
    clb_observer_fn call;
    void           *context;
    size_t          every;
    const size_t   *at;
    size_t          at_count;
    size_t          per_decade;
} clb_observer;

typedef struct clb_train_opts {
    double              ce;            /* loss blend: 0 MSE .. 1 CE                                  */
    clb_optimizer       optimizer;     /* 0 -> gradient descent                                      */
    double              beta1;         /* 0 -> 0.9; momentum of heavy ball, Nesterov, Adam; < 0: none */
    double              beta2;         /* 0 -> 0.999                                                 */
    double              eps;           /* 0 -> 1e-8                                                  */
    double              l2;            /* weight decay added to the gradient                         */
    double              decay;         /* decoupled weight decay: W <- (1 - eta decay) W - eta U     */
    size_t              batch;         /* 0 -> full batch; else rows per step, reshuffled each epoch */
    clb_rng            *batch_rng;     /* required with batch                                        */
    double              loss_max;      /* 0 -> FLT_MAX: larger or NaN loss is divergence             */
    double              charge_max;    /* 0 -> no limit: |C_l| above it is divergence                */
    const clb_observer *observers;
    size_t              observer_count;
} clb_train_opts;                      /* NULL: MSE, full-batch GD                                   */

CLBDEF void clb_train_opts_resolve(clb_train_opts *opts);      /* zeros -> the values really used */

/* What a run leaves behind. Rows t = 0..T-1 hold the state before update t, row T of the norms the end.
 * After divergence rows past `steps` are NaN. */
typedef struct clb_trace {
    size_t  L, T;
    size_t  steps;          /* updates done: T unless diverged or stopped                            */
    double  eta;
    double *loss;           /* [T]        Loss(theta_t)                                              */
    double *g;              /* [T][L]     |G_l|^2, weights only       g[t*L + l-1]                   */
    double *gb;             /* [T][L]     |g_{b_l}|^2                                                */
    double *q;              /* [T+1][L]   |W_l|^2                                                    */
    double *qb;             /* [T+1][L]   |b_l|^2                                                    */
    double *S;              /* [L-1]      sum_t (|G_{l+1}|^2 - |G_l|^2 - |g_{b_l}|^2), signed        */
    double *predicted;      /* [L-1]      Q_l(T) - Q_l(0) by the optimiser's exact law (identities)  */
    double *first;          /* [L-1]      first-order part of the drift, sum_t 2 (<W,dW>_{l+1} - <W,dW>_l) */
    double *second;         /* [L-1]      second-order part, sum_t (|dW_{l+1}|^2 - |dW_l|^2)         */
    void   *arena;
} clb_trace;

/* T updates of net->theta with step size eta. *trace may be NULL. Observers see every scheduled state.
 * No heap allocation inside a step.
 * Returns CLB_EDIVERGED with trace->steps = the failing step, trace valid up to it; CLB_EOPTION; CLB_ENOMEM. */
CLBDEF clb_status clb_train(clb_net *net, const clb_data *data, double eta, size_t T,
                            const clb_train_opts *opts, clb_trace *trace);
CLBDEF void       clb_trace_free(clb_trace *trace);

/* ============================================================================================
 * @S19 EIGENSOLVERS
 * ========================================================================================== */

/* A symmetric linear operator y = A x on R^n, x and y without overlap. */
typedef struct clb_linop {
    size_t n;
    void (*apply)(void *context, const clb_real *x, clb_real *y);
    void *context;
} clb_linop;

/* ============================================================================================
 * @S20 CONSERVATION LAWS
 * ========================================================================================== */

/* C_l = |W_{l+1}|^2 - |W_l|^2, l = 1..L-1, from theta (NULL: net->theta).                  Theorem 1, eq. (1) */
CLBDEF double clb_charge(const clb_net *net, const clb_real *theta, size_t l);
/* Q_l = C_l - |b_l|^2: what a net with biases conserves. */
CLBDEF double clb_charge_bias(const clb_net *net, const clb_real *theta, size_t l);
/* From a trace: C_l(t), Q_l(t); drift C_l(steps) - C_l(0), signed; mean over l of |drift|. */
CLBDEF double clb_trace_charge(const clb_trace *trace, size_t l, size_t t);
CLBDEF double clb_trace_charge_bias(const clb_trace *trace, size_t l, size_t t);
CLBDEF double clb_trace_drift(const clb_trace *trace, size_t l);
CLBDEF double clb_trace_mean_drift(const clb_trace *trace);

/* ============================================================================================
 * @S21 SPECTRAL THEORY
 * ========================================================================================== */

/* ============================================================================================
 * @S22 STATISTICS
 * ========================================================================================== */

/* ============================================================================================
 * @S23 PATHWAYS
 * ========================================================================================== */

/* ============================================================================================
 * @S24 RUN HELPERS
 * ========================================================================================== */

#ifdef __cplusplus
}
#endif
#endif /* CLB_H */

#if defined(CLB_IMPLEMENTATION) && !defined(CLBI_IMPLEMENTED)
#define CLBI_IMPLEMENTED

#include <math.h>
#include <string.h>
#ifndef CLB_MALLOC
#include <stdlib.h>
#define CLB_MALLOC(n)     malloc(n)
#define CLB_REALLOC(p, n) realloc(p, n)
#define CLB_FREE(p)       free(p)
#endif
#ifndef CLB_ASSERT
#include <assert.h>
#define CLB_ASSERT(x) assert(x)
#endif
#if defined(__GNUC__) || defined(__clang__)
#define CLBI_RESTRICT __restrict__
#elif defined(_MSC_VER)
#define CLBI_RESTRICT __restrict
#else
#define CLBI_RESTRICT
#endif

/* Fused multiply-add happens where it is written, nowhere else (numerical contract). */
#if defined(__clang__)
#pragma STDC FP_CONTRACT OFF
#elif defined(__GNUC__)
#pragma GCC push_options
#pragma GCC optimize("fp-contract=off")
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* ============================================================================================
 * @S30 STATUS, MEMORY
 * ========================================================================================== */

CLBDEF const char *clb_strerror(clb_status status)
{
#define CLBI_STATUS_TEXT(name, text) text,
    static const char *const texts[] = { CLB_STATUS_LIST(CLBI_STATUS_TEXT) };
#undef CLBI_STATUS_TEXT
    int i = (int)status;
    return i >= 0 && i < (int)CLB_STATUS_COUNT ? texts[i] : "unknown status";
}

/* *out = a * b; 0 if the product does not fit a size_t. */
static CLBI_UNUSED int clbi_mul_size(size_t a, size_t b, size_t *out)
{
    if (b != 0 && a > (size_t)-1 / b) return 0;
    *out = a * b;
    return 1;
}

/* *out = a + b; 0 if the sum does not fit a size_t. */
static CLBI_UNUSED int clbi_add_size(size_t a, size_t b, size_t *out)
{
    if (a > (size_t)-1 - b) return 0;
    *out = a + b;
    return 1;
}

/* count items of size bytes, uninitialised. An empty request is given one byte, so that NULL always
 * means failure. Every allocation of the library goes through here or clbi_calloc. */
static CLBI_UNUSED clb_status clbi_alloc(void *out, size_t count, size_t size)
{
    void *p;
    size_t bytes;
    if (!clbi_mul_size(count, size, &bytes) || bytes > (size_t)-1 / 2) return CLB_ESIZE;
    p = CLB_MALLOC(bytes ? bytes : 1);
    if (!p) return CLB_ENOMEM;
    memcpy(out, &p, sizeof p);
    return CLB_OK;
}

/* The same, zeroed. */
static CLBI_UNUSED clb_status clbi_calloc(void *out, size_t count, size_t size)
{
    void *p;
    clb_status status = clbi_alloc(&p, count, size);
    if (status) return status;
    memset(p, 0, count * size);
    memcpy(out, &p, sizeof p);
    return CLB_OK;
}

/* ============================================================================================
 * @S31 PLATFORM, INSTRUCTION SET
 * ========================================================================================== */

/* ============================================================================================
 * @S32 ELEMENTARY FUNCTIONS
 * ========================================================================================== */

/* ============================================================================================
 * @S33 RANDOM NUMBERS
 * ========================================================================================== */

/* ============================================================================================
 * @S34 DATA
 * ========================================================================================== */

/* ============================================================================================
 * @S35 MATRIX KERNELS
 * ========================================================================================== */

/* ============================================================================================
 * @S36 NETWORKS AND LOSSES
 * ========================================================================================== */

/* ============================================================================================
 * @S37 CURVATURE
 * ========================================================================================== */

/* ============================================================================================
 * @S38 OPTIMISERS, TRAINING
 * ========================================================================================== */

/* ============================================================================================
 * @S39 EIGENSOLVERS
 * ========================================================================================== */

/* ============================================================================================
 * @S40 CONSERVATION LAWS
 * ========================================================================================== */

/* ============================================================================================
 * @S41 SPECTRAL THEORY
 * ========================================================================================== */

/* ============================================================================================
 * @S42 STATISTICS
 * ========================================================================================== */

/* ============================================================================================
 * @S43 PATHWAYS
 * ========================================================================================== */

/* ============================================================================================
 * @S44 RUN HELPERS
 * ========================================================================================== */

#ifdef __cplusplus
}
#endif
#if defined(__clang__)
#pragma STDC FP_CONTRACT DEFAULT
#elif defined(__GNUC__)
#pragma GCC pop_options
#endif
#endif /* CLB_IMPLEMENTATION */

/* ============================================================================================
 * @S99 LICENCE
 *
 * Choose either of the two texts in the file LICENSE: MIT, or public domain (Unlicense).
 * ========================================================================================== */
