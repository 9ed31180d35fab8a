/* clb.h - v0.2.0 - conservation laws of neural network training, and how training breaks them
 *
 * A ReLU net without biases that follows its gradient continuously (gradient flow) never changes
 * the difference C_l = |W_{l+1}|^2 - |W_l|^2 between the squared norms of two neighbouring layers.
 * Gradient descent takes steps of size eta and changes it by exactly eta^2 S, where S sums
 * |G_{l+1}|^2 - |G_l|^2 over the steps and G_l is the gradient of layer l.
 * This header has the networks, the training, the Hessian, the eigensolvers and the theory needed
 * to measure and predict that change. The examples beside it repeat the experiments of two papers
 * with the same random numbers: E1 to E23 of arXiv 2604.07405, M1 to M10 of arXiv 2606.05219.
 * Numbers such as eq. (4) and Theorem 2 are those of the first paper.
 *
 * C99 and C++17. Needs libc and libm, nothing else. Define CLB_IMPLEMENTATION in exactly one file.
 * Free software: MIT licence or public domain, as you like (text at the end of this file).
 *
 * CONTENTS    Search for "@S14" to reach the interface of section 14, for "@S34" (20 more) to
 *             reach its implementation. grep -n '@S' clb.h lists all.
 *   @S00 manual                     @S15 matrix kernels            @S22 statistics
 *   @S10 configuration, status      @S16 networks and losses       @S23 pathways
 *   @S11 platform, instruction set  @S17 curvature                 @S25 edge of stability
 *   @S12 elementary functions       @S18 training, gradient flow   @S26 weight files
 *   @S13 random numbers             @S19 eigensolvers              @S27 audit
 *   @S14 data                       @S20 conservation laws         @S60 vector kernels
 *                                   @S21 spectral theory           @S99 licence
 *
 * ============================================================================================
 * @S00 MANUAL
 *
 * 1  ONE MINUTE
 *
 *   #define CLB_IMPLEMENTATION
 *   #define CLB_STATIC                        // one file: only what it uses is compiled
 *   #include "clb.h"
 *   int main(void)                            // cc -O2 -o hello hello.c -lm && ./hello
 *   {
 *       size_t widths[] = { 20, 64, 5 };      // d inputs, m hidden ReLU units, K outputs; no bias
 *       clb_rng rng;  clb_net net;  clb_data data;  clb_trace trace;
 *       clb_rng_seed(&rng, 42);
 *       if (clb_net_init(&net, widths, 3, NULL, &rng)) return 1;
 *       if (clb_data_mixture(&data, &rng, 200, 20, 5, 2.0)) return 1;
 *       if (clb_train(&net, &data, 0.01, 2000, NULL, &trace)) return 1; // eta, T; MSE, full batch
 *       printf("loss             %.3e -> %.3e\n", trace.loss[0], trace.loss[1999]);
 *       printf("C(T) - C(0)      %.12e\n", clb_trace_drift(&trace, 1));
 *       printf("eta^2 S(eta)     %.12e   (Theorem 2)\n", 0.01 * 0.01 * trace.S[0]);
 *       clb_trace_free(&trace);  clb_data_free(&data);  clb_net_free(&net);
 *       return 0;
 *   }
 *
 *   loss             3.285e-01 -> 8.323e-03
 *   C(T) - C(0)      1.624648332811e-03
 *   eta^2 S(eta)     1.624648332823e-03   (Theorem 2)
 *
 * 2  THE FUNCTIONS MOST PEOPLE NEED
 *
 *   read my data             clb_data_csv_load (a table), clb_data_npy_load, clb_data_idx_load
 *   prepare them             clb_data_split, then clb_scaler_fit and clb_scaler_apply
 *   make a net               clb_net_init: widths, activation, biases, random weights
 *   train it                 clb_train: any optimiser, batches, schedules, early stopping
 *   train it several times   clb_train_many: seeds or step sizes, one run on each thread
 *   how good is it?          clb_evaluate: loss and accuracy on any data set
 *   use it                   clb_predict, clb_probabilities, clb_classify
 *   keep it                  clb_net_save and clb_net_load, one file
 *   build it into a program  clb_net_write_c: the net as a C array, which clb_net_read reads
 *   a loss of my own         clb_forward, clb_backward, clb_check_grad
 *   is the law kept?         after clb_train: compare clb_trace_drift with eta^2 trace.S
 *   how sharp is the loss?   clb_train_watched: largest Hessian eigenvalue and 2/eta while training
 *   Hessian eigenvalues      clb_pass_init, clb_curv_init, clb_curv_at, clb_lanczos
 *   what went wrong?         clb_strerror(status), or a clb_error (section 10)
 *
 *   Each of these is made of public parts that you can combine in another way: clb_grad and an
 *   update of your own in place of clb_train, or clb_hvp for an eigensolver of your own.
 *
 * 3  THE OBJECTS
 *
 *   You declare a struct, a function whose name ends in _init or _load fills it, and the function
 *   that ends in _free releases its memory. You may read every member. Freeing a struct of zeros,
 *   or a struct twice, does nothing. After a failure the struct to be filled holds zeros.
 *   An options struct (clb_net_opts, clb_train_opts, ...) begins as CLB_ZERO: every member that you
 *   leave 0 has its default. NULL instead of the struct takes all defaults.
 *
 *   clb_data    inputs X [n][d] and labels y [n]. Owns its arrays, unless it is a view of yours.
 *   clb_net     widths, activation, and all parameters in one array theta. Owns them.
 *   clb_pass    one net evaluated on one data set: activations of all layers and their gradients.
 *               Keeps pointers to net and data: do not free or move them before clb_pass_free.
 *   clb_curv    curvature: products with the Hessian of the loss, at the weights of the last call
 *               of clb_curv_at. Keeps a pointer to its pass.
 *   clb_linop   a symmetric matrix of which only products with vectors are known. What every
 *               eigensolver takes. Owns nothing: clb_hessian_op(&curv) needs curv as long as it is
 *               used.
 *   clb_trace   the record of a training: losses, norms, drift. Owns its arrays, points to no other
 *               object.
 *   clb_rng     a random generator. A plain value: copy it, and the copy draws the same numbers.
 *
 *   clb_predict, clb_classify and clb_evaluate need no pass and keep no pointer.
 *   Free in this order: curv, pass, then net and data.
 *
 *   Weights     clb_net_weights(&net, l, &rows, &columns) points at W_l, l = 1..L, row-major:
 *               entry [i * columns + j] is the weight from input j to unit i. clb_net_biases gives
 *               b_l. You may write to both. net.theta has all of them, one layer after the other.
 *   Threads     The library uses one thread unless you give it a clb_threads, in
 *               clb_train_opts.threads, clb_pass.threads (loss, gradient, curvature) or as an
 *               argument: { 4 } is four threads of OpenMP, and with run and pool it uses your own
 *               pool. The bits stay the same. Where other programs need the processors too, set
 *               OMP_WAIT_POLICY=passive in the environment: OpenMP's threads then sleep while
 *               they wait.
 *               Its only shared state is the choice of instruction set (clb_isa_set): make it
 *               before you start threads. You may call it from several threads if each has a pass,
 *               a curv and a generator of its own. Threads may share a net or a data set as long as
 *               none of them changes it.
 *   Compiling   The whole implementation takes seconds to compile at -O2; section 6 says how to pay
 *               that once.
 *
 * 4  STEP BY STEP    (status checks left out; whole programs in examples/)
 *
 *   A classifier on my CSV file                                        examples/classify_csv.c
 *     0. clb_data all, train, valid;  clb_net net;  clb_scaler scaler;  clb_error error;
 *        clb_net_opts shape = CLB_ZERO;  clb_train_opts opts = CLB_ZERO;
 *        clb_early_stop early = CLB_ZERO;  clb_rng rng;  clb_rng_seed(&rng, 42);
 *     1. clb_data_csv_load(&all, "my.csv", NULL, &error): the last column is the label, words or
 *        numbers; options name another one or leave columns out. If it fails, error.text gives the
 *        line, the column and the reason.
 *     2. clb_data_split(&all, &rng, 0.2, &train, &valid): a fifth of the rows is kept aside.
 *     3. clb_scaler_fit(&scaler, &train), then clb_scaler_apply to train and to valid.
 *     4. size_t widths[] = { train.d, 32, train.K };  shape.bias = -1 gives every layer biases.
 *        clb_net_init(&net, widths, 3, &shape, &rng)
 *     5. opts.ce = CLB_CE;  opts.optimizer = CLB_ADAM;  opts.early = &early;  early.data = &valid;
 *        clb_train(&net, &train, 0.01, 2000, &opts, NULL)
 *     6. clb_evaluate(&net, &valid, CLB_CE, &loss, &accuracy)
 *     7. clb_scaler_fold(&scaler, &net): from here on the net takes rows that are not scaled.
 *        clb_net_save(&net, "my.npz"). Later: clb_net_load(&net, "my.npz", &error), then
 *        clb_classify(&net, X, n, label); all.names[label[i]] is the word (names is NULL if the
 *        labels were the numbers 0..K-1).
 *
 *   Sharpness against 2/eta                                            examples/watch_sharpness.c
 *     clb_watch watch = CLB_ZERO;  watch.every = 50;
 *     clb_train_watched(&net, &data, eta, T, &opts, &watch);
 *     for (i = 0; i < watch.count; ++i)
 *         printf("%zu %g %g\n", watch.t[i], watch.value[i * watch.k], watch.limit[i]);
 *
 *   The ten largest Hessian eigenvalues of my net
 *     clb_pass pass;  clb_curv curv;  clb_linop H;  clb_eigs eigs;
 *     clb_pass_init(&pass, &net, &data, CLB_CE);  clb_curv_init(&curv, &pass);
 *     clb_curv_at(&curv, NULL);                          // at net.theta
 *     H = clb_hessian_op(&curv);
 *     clb_lanczos(&H, 10, NULL, &eigs);                  // eigs.value[0] is the largest
 *
 *   A loss of my own                                                   examples/own_loss.c
 *     f = clb_forward(&pass, NULL);                      // outputs [n][K]
 *     loss = my_loss(f, df);                             // df: your dLoss/df [n][K]
 *     clb_backward(&pass, NULL, df, grad);               // the gradient, P numbers
 *     clb_axpy(net.P, -eta, grad, net.theta);            // a step of gradient descent
 *     clb_check_grad compares grad with differences of the loss: is df its derivative?
 *
 * 5  WHAT IT DOES NOT DO
 *
 *   No convolutions, no attention, no automatic differentiation, no GPU, no data that do not fit
 *   into memory, no training across machines.
 *
 * 6  OPTIONS    Macros, defined before the include. None is needed.
 *
 *   CLB_IMPLEMENTATION      in one .c or .cpp file: the functions themselves, not only their
 *                           declarations. Defining it twice in one file is harmless.
 *   CLB_DECLARATIONS_ONLY   overrides CLB_IMPLEMENTATION: the functions come from another object
 *                           file (see below)
 *   CLB_STATIC              every function static: this file has its own copy of the functions it
 *                           uses. Less than half the compile time for a small program.
 *   CLB_SINGLE              weights and data are float; sums, eigenvalues and theory stay double
 *   CLB_MALLOC(n)  CLB_REALLOC(p, n)  CLB_FREE(p)      your allocator; define all three or none
 *   CLB_API                 stands before every public function, for a DLL: __declspec(dllexport)
 *                           when you build it, __declspec(dllimport) when you use it
 *   CLB_HEADER_NAME         "other.h" if you rename this file, because it includes itself
 *   CLB_ASSERT(x)           called where your code breaks a rule (a layer that does not exist);
 *                           default assert
 *   CLB_NO_SIMD             no vector instructions    CLB_NO_AVX512   none beyond AVX2
 *   CLB_NO_FMA              a*b + c rounds twice, as without fused multiply-add: other bits than
 *                           those of section 7, and the same everywhere
 *   CLB_OWN_FMA             a*b + c rounds once by our own exact function instead of the C
 *                           library's: the same bits, slower. Chosen by itself where the library's
 *                           is wrong or very slow; clb_build_info() then says "fma in software".
 *   CLB_NO_STDIO            no FILE * and no file functions
 *   CLB_ALLOW_FAST_MATH     compile in spite of -ffast-math; section 7 no longer holds
 *   CLB_FREESTANDING        for machines without a C library, and for WebAssembly. Includes only
 *                           <float.h>, <limits.h>, <stdarg.h>, <stddef.h> and <stdint.h>. No vector
 *                           instructions except WebAssembly's (-msimd128); no files, environment,
 *                           weight files (S26) or assert. You must define CLB_MALLOC, CLB_REALLOC
 *                           and CLB_FREE. These functions have to come from the linker or from
 *                           macros: memcpy, memmove, memset, memcmp, strlen, strchr, qsort, sqrt,
 *                           fabs, floor, ceil, round, fmin, fmax, frexp and ldexp.
 *   When the program runs: the environment variable CLB_ISA=scalar|avx2|avx512|neon|wasm, or
 *   clb_isa_set(), chooses the instruction set.
 *
 *   To compile the implementation only once, give it a file that never changes, and include the
 *   header without CLB_IMPLEMENTATION everywhere else:
 *     clb.c     #define CLB_IMPLEMENTATION
 *               #include "clb.h"
 *     cc -O2 -c clb.c && cc -O2 -o program program.c clb.o -lm
 *   A program that defines CLB_IMPLEMENTATION itself, as the examples do, can use that object too:
 *     cc -O2 -DCLB_DECLARATIONS_ONLY -o e05 examples/e05_drift_scaling.c clb.o -lm
 *   Define macros that change types or functions (CLB_SINGLE, CLB_NO_STDIO, ...) in all files or in
 *   none.
 *
 * 7  NUMERICAL CONTRACT
 *
 *   The same program gives the same bits on every instruction set, compiler, optimisation level and
 *   number of threads. For this, each function fixes the order of its operations:
 *     matrix product    c = 0, then c = fma(a_ik, b_kj, c) for k = 0, 1, 2, ...
 *     sums, norms       in double, as 16 partial sums: element j goes to sum j mod 16, by fma. At
 *                       the end sum l + 8 is added to sum l, then l + 4, l + 2, l + 1.
 *     exp, log, tanh .. our own (S12), the same operations for one number and for a vector
 *     a*b + c           is fused into one operation only where the source says fma: this file
 *                       switches off what compilers do by themselves
 *     linear nets       with squared loss and full batch train in another, faster way (see
 *                       clb_train), whose rounding differs from that of clb_grad, but not between
 *                       machines
 *   What breaks it
 *     refused by #error   -ffast-math, -funsafe-math-optimizations, -fassociative-math,
 *                         -freciprocal-math, -fno-signed-zeros (gcc), -ffinite-math-only,
 *                         -fsingle-precision-constant, x87 arithmetic; MSVC /fp:fast
 *     seen at run time    clang's -ffp-contract=fast, -funsafe-math-optimizations and its parts,
 *                         flushing small numbers to zero, another rounding mode: clb_selftest()
 *                         returns CLB_ECONTRACT and clb_build_info() says "contract broken"
 *     With CLB_ALLOW_FAST_MATH nothing is refused; clb_selftest still tells.
 *   The promise is about this library. Your own a*b + c and your libm may differ between machines.
 *   CLB_RESULTS_VERSION is raised whenever any output bit of the library changes.
 *
 * 8  WHERE IS ...
 *
 *   statement                    function                                 test        example
 *   Theorem 1  eq. (1) (9)-(11)  clb_charge, clb_identity_residual        t_laws.c    E1, E2
 *   Theorem 2  eq. (2) (3) (13) (14)  clb_trace.S, clb_drift_step         t_laws.c    E3, E4
 *   Theorem 2' eq. (12)          none: it is about nets of infinite width; finite nets are in
 *                                E28 and tables/theorems.md
 *   Theorem 3  eq. (15)-(17)     clb_linear_modes, clb_fit_power          t_theory.c  E5, E9
 *   Theorem 4  eq. (4) (18) (19) clb_crossover, clb_spectrum_sum          t_theory.c  E5, E8, E12
 *   Theorem 5  eq. (5) (23)-(25) clb_linear_modes                         t_theory.c  E20, E21
 *   Theorem 6  eq. (6) (7) (20)-(22)  clb_compression_bounds              t_theory.c  E16, E18
 *   Proposition 7  eq. (8) (26) (27)  clb_fit_exponential, clb_fit_tau    t_stats.c   E23
 *   Theorem 8                    clb_phase, clb_gates                     t_net.c     E15, E19, E22
 *   drift at the edge (docs/edge.md)  clb_two_point_residual, clb_rod_charge  t_edge.c  E24, E25
 *   proven eigenvalue bounds     clb_certify, clb_hessian_error           t_edge.c
 *   nets of several pathways     clb_path_mode_step, clb_path_sharpness   t_pathways.c  M1-M10
 *
 * 9  COOKBOOK    (status checks left out)
 *
 *   Does my net keep a law?     clb_train(&net, &data, eta, T, NULL, &tr): clb_trace_drift(&tr, l)
 *                               equals eta * eta * tr.S[l-1] for gradient descent without biases.
 *                               In all cases but Adam clb_trace_law_drift(&tr, l) equals
 *                               tr.predicted[l-1].
 *   Follow the gradient flow    clb_flow(&net, &data, time, ...), with adaptive steps. With rescale
 *                               the charge of every neuron stays constant up to rounding.
 *   Find the edge of stability  clb_pass_init(&pass, &net, &data, CLB_CE);
 *                               clb_curv_init(&curv, &pass);  clb_curv_at(&curv, NULL);
 *                               clb_sharpness(&curv, NULL, &top, NULL);  the edge is eta = 2 / top
 *   Largest eigenvalues         clb_linop H = clb_hessian_op(&curv);
 *                               clb_lanczos(&H, 10, NULL, &eigs); the matrix is never stored
 *   All eigenvalues             clb_hessian(&curv, H, P);  clb_eigh(P, H, P, values, NULL);
 *   Spectral density            clb_slq(&H, &rng, NULL, &quadrature);
 *   Predict the drift           clb_linearised(&curv, eta, T, NULL, S);  or by the paper's formula
 *                               clb_crossover_modes(&curv, lambda, c);
 *                               clb_crossover(P, lambda, c, eta, T, NULL)
 *   Watch a quantity            an observer in clb_train_opts: called every k steps, at listed
 *                               steps, or at steps evenly spaced in log t
 *   Which method made weights?  clb_tensors_load, clb_chain_find, clb_chain_theta for each step,
 *                               then clb_audit_run(&audit, &net, theta, count, NULL); audit.text
 *   Read data                   clb_data_csv_load, clb_data_npy_load, clb_data_idx_load (MNIST)
 *   Use my own allocator        define CLB_MALLOC, CLB_REALLOC, CLB_FREE before the implementation
 *   Is the vector code wrong?   CLB_ISA=scalar ./program  must print the same
 *
 * 10 ERRORS AND LIMITS
 *
 *   Functions that can fail return a clb_status. 0 is CLB_OK, and clb_strerror gives the text of
 *   the others. After a failure nothing stays allocated. Some functions also name the argument and
 *   its value, if you give them a clb_error:
 *       clb_error error;
 *       if (clb_data_csv_load(&data, path, &opts, &error)) puts(error.text);
 *   The library keeps no error of its own, so threads do not disturb each other.
 *   A training that diverges returns CLB_EDIVERGED, and its trace is valid up to that step.
 *   Functions that return a double return NaN where the value is undefined. The library never
 *   prints and never exits. Bad data are always a status. A mistake that only the program itself
 *   can make (layer 7 of a net of 2) fails the assertion CLB_ASSERT.
 *   In float, |W|^2 ~ 20 is known to 4e-6. A drift below 1e-4 is then noise: measure it in double.
 *   Beyond the edge of stability the weights of deep nets depend chaotically on every rounding:
 *   compare statistics of such runs, not their digits.
 *   Lanczos reports for each eigenvalue the residual, an error bound, and whether it converged.
 *   Memory: functions that end in _bytes (clb_net_bytes, clb_pass_bytes, clb_train_bytes,
 *   clb_curv_bytes, clb_hessian_bytes, clb_lanczos_bytes, ...) tell what a call will allocate. A
 *   step of a training or of Lanczos allocates nothing. Large matrix products use 96 KiB of stack.
 *   The matrix products (S15) use up to 5 MiB more for each thread while they run, if all three
 *   sides are 256 or more, also where another function calls them (a step of a training does not).
 *   The _bytes functions do not count it. If there is none, the product is slower.
 *
 * 11 GLOSSARY
 *
 *   n samples, d inputs, m width, K outputs, L weight matrices, P parameters, T steps, eta step
 *   W_l [m_l][m_{l-1}]  net.theta + net.w[l]      G_l   gradient at the same offset
 *   q_l = |W_l|^2       trace.q                   g_l = |G_l|^2  trace.g
 *   C_l                 clb_charge                S_l   trace.S
 *   charge              a quantity that gradient flow conserves, such as C_l
 *   drift               change of a charge during a training
 *   sharpness           largest eigenvalue of the Hessian of the loss
 *   edge of stability   eta sharpness = 2: above it gradient descent on a quadratic loss diverges
 *   lambda_k, v_k, c_k  eigenvalues and eigenvectors of the Hessian; weight of mode k in S
 *   f                   eta lambda_max/2          kappa_0   (|G_2|^2 - |G_1|^2)/|G|^2
 *   mu, kbar            clb_trace_energy: drift = kbar eta DL mu
 *   [n][d]              an array of n rows of d numbers, one row after the other
 *
 * 12 HISTORY
 *
 *   0.2.0  a library for your own nets, data and losses; see CHANGELOG.md
 *   0.1.0  first version: E1-E23, M1-M10
 * ============================================================================================ */
#ifndef CLB_H
#define CLB_H

/* ============================================================================================
 * @S10 CONFIGURATION, STATUS
 * ========================================================================================== */

#ifdef CLB_FREESTANDING
#undef CLB_NO_STDIO
#define CLB_NO_STDIO
#if !defined(CLB_NO_SIMD) && !defined(__wasm_simd128__)
#define CLB_NO_SIMD
#endif
#endif

#include <stddef.h>
#include <stdint.h>
#ifndef CLB_NO_STDIO
#include <stdio.h>
#endif

#define CLB_VERSION_MAJOR 0
#define CLB_VERSION_MINOR 2
#define CLB_VERSION_PATCH 0
#define CLB_VERSION       "0.2.0"
#define CLB_RESULTS_VERSION 3      /* raised whenever any output bit changes */

#ifndef CLB_ALLOW_FAST_MATH
#if defined(__FAST_MATH__) || defined(__ASSOCIATIVE_MATH__) || defined(__RECIPROCAL_MATH__) || \
    defined(__NO_SIGNED_ZEROS__) || defined(_M_FP_FAST) || \
    (defined(__FINITE_MATH_ONLY__) && __FINITE_MATH_ONLY__ + 0)
#error "clb.h: -ffast-math or a part of it is on, which breaks the numerical contract (manual 7)"
#endif
/* An array of negative size here: gcc's -fsingle-precision-constant, which breaks it, too. */
typedef char clbi_constants_are_double[sizeof(1.0) == sizeof(double) ? 1 : -1];
#endif

#if defined(CLB_MALLOC) && defined(CLB_REALLOC) && defined(CLB_FREE)
/* the caller's allocator */
#elif !defined(CLB_MALLOC) && !defined(CLB_REALLOC) && !defined(CLB_FREE) && \
    !defined(CLB_FREESTANDING)
/* libc's, chosen in the implementation */
#else
#error "clb.h: define CLB_MALLOC(n), CLB_REALLOC(p,n), CLB_FREE(p), or none (freestanding: all)"
#endif

#if defined(__GNUC__) || defined(__clang__)
#define CLBI_UNUSED __attribute__((unused))
#else
#define CLBI_UNUSED
#endif

#if defined(CLB_STATIC) && !defined(CLB_DECLARATIONS_ONLY)
#define CLBDEF static CLBI_UNUSED
#else
#ifndef CLB_API
#define CLB_API
#endif
#define CLBDEF CLB_API extern
#endif

#ifdef __cplusplus
#define CLB_ZERO {}
extern "C" {
#else
#define CLB_ZERO {0}
#endif

/* The type of weights and data. Sums that go into results, eigenvalues and theory are double. */
#ifdef CLB_SINGLE
typedef float clb_real;
#define CLB_PRECISION "single"
#define CLBI_PRECISION_MARK clb_real_is_float
#else
typedef double clb_real;
#define CLB_PRECISION "double"
#define CLBI_PRECISION_MARK clb_real_is_double
#endif

/* Every file refers to a symbol that only an implementation of its own precision has, so that files
 * of different precision do not link. */
#if !defined(CLB_STATIC) || defined(CLB_DECLARATIONS_ONLY)
CLBDEF const char CLBI_PRECISION_MARK[];
#if defined(__GNUC__) && !defined(_WIN32)
static const char *const clbi_precision __attribute__((used)) = CLBI_PRECISION_MARK;
#elif defined(_MSC_VER)
#pragma detect_mismatch("clb_real", CLB_PRECISION)
#endif
#endif

#define CLB_STATUS_LIST(X)                                                         \
    X(CLB_OK,         "ok")                                                        \
    X(CLB_ENOMEM,     "out of memory")                                             \
    X(CLB_ESIZE,      "size or product of sizes too large")                        \
    X(CLB_EISA,       "instruction set not available on this processor")           \
    X(CLB_ECONTRACT,  "arithmetic is not IEEE: compiler flags or thread state")    \
    X(CLB_EDIVERGED,  "training diverged")                                         \
    X(CLB_ENOCONV,    "no convergence; best estimate returned")                    \
    X(CLB_EIO,        "cannot open, read or write the file")                       \
    X(CLB_EFORMAT,    "file is malformed")                                         \
    X(CLB_ETRUNCATED, "file is shorter than its header says")                      \
    X(CLB_EEMPTY,     "data set or matrix is empty")                               \
    X(CLB_ERAGGED,    "rows of different length")                                  \
    X(CLB_ENOTFINITE, "data contain NaN or infinity")                              \
    X(CLB_EPATHS,     "no pathways")                                               \
    X(CLB_EDEPTH,     "pathway too shallow for this formula")                      \
    X(CLB_ETARGET,    "target singular value must be positive and finite")         \
    X(CLB_ESTEP,      "step size must be positive and finite")                     \
    X(CLB_ESHAPE,     "shapes do not agree")                                       \
    X(CLB_ELAYER,     "no such layer")                                             \
    X(CLB_EACTIVATION, "no such activation, or not one that this works for")       \
    X(CLB_ELOSS,      "loss blend ce not in 0..1, or not one that this works for") \
    X(CLB_ELABEL,     "label is not one of the classes")                           \
    X(CLB_EUNLABELLED, "data have neither labels nor targets")                     \
    X(CLB_EROW,       "no such row, or no rows")                                   \
    X(CLB_ECOLUMN,    "no such column")                                            \
    X(CLB_EFIELD,     "field is no number")                                        \
    X(CLB_ETYPE,      "valid file, but of a type that is not read here")           \
    X(CLB_EBATCH,     "batch larger than the data, or without a generator")        \
    X(CLB_EOPTIMIZER, "unknown optimiser, or its state belongs to another net")    \
    X(CLB_ESCHEDULE,  "schedule of step sizes or observers is not usable")         \
    X(CLB_EFROZEN,    "not defined while activation slopes are held")              \
    X(CLB_ESOFT,      "a row of targets does not sum to 1, as cross entropy needs") \
    X(CLB_EUNSET,     "the network is empty: not set up, or freed")            \
    X(CLB_EMINIBATCH, "mini-batches: the points of this flow must share one loss") \
    X(CLB_ECOUNT,     "a number of things is 0, too small or too large")           \
    X(CLB_EMETHOD,    "no such method")                                            \
    X(CLB_EMOMENTUM,  "beta1, beta2 or eps out of range")                          \
    X(CLB_EDECAY,     "weight decay must be positive or 0, and finite")            \
    X(CLB_ELIMIT,     "loss_max, charge_max and clip must be positive or 0")       \
    X(CLB_ETOL,       "tolerance or error bound out of range")                     \
    X(CLB_ETIME,      "time out of range, or times that do not ascend")            \
    X(CLB_EORDER,     "a list must ascend and does not")                           \
    X(CLB_ESTART,     "start vector is zero, or neither start nor generator given") \
    X(CLB_ELEVEL,     "level of confidence must lie between 0 and 1")              \
    X(CLB_ESCALE,     "radius or scale out of range")                              \
    X(CLB_ENAME,      "name is no identifier, too long, or there twice")

#define CLBI_STATUS_ENUM(name, text) name,
typedef enum clb_status { CLB_STATUS_LIST(CLBI_STATUS_ENUM) CLB_STATUS_COUNT } clb_status;
#undef CLBI_STATUS_ENUM

/* English text of a status; "unknown status" outside the list. */
CLBDEF const char *clb_strerror(clb_status status);

/* What went wrong, in words, with names and values. Declare one and pass its address to a call, as
 * an argument or as the member `error` of an options struct; NULL if you do not want it. A call
 * that fails fills it. A call that succeeds sets status to CLB_OK and text to "". The library keeps
 * no error of its own, so each thread can use one without disturbing the others. */
typedef struct clb_error {
    clb_status status;
    size_t     line, column;     /* place in a text file, from 1; 0: none                         */
    char       text[240];        /* cut if it does not fit                                        */
} clb_error;

/* ============================================================================================
 * @S11 PLATFORM, INSTRUCTION SET
 * ========================================================================================== */

typedef enum clb_isa { CLB_ISA_SCALAR, CLB_ISA_AVX2, CLB_ISA_AVX512, CLB_ISA_NEON,
                       CLB_ISA_WASM, CLB_ISA_COUNT } clb_isa;

/* The instruction set in use. It is the best one that processor and operating system offer, unless
 * the environment variable CLB_ISA (scalar, avx2, avx512, neon) or clb_isa_set() chose another. All
 * give the same bits. */
CLBDEF clb_isa     clb_isa_get(void);
/* Errors: CLB_EISA when the processor or this build lacks it; the choice is then unchanged. */
CLBDEF clb_status  clb_isa_set(clb_isa isa);
/* Was the environment variable CLB_ISA obeyed? CLB_EISA if it names a set that does not exist (a
 * misspelling) or that this processor or build lacks; the best set is then in use. CLB_OK if it was
 * obeyed or is not set. */
CLBDEF clb_status  clb_isa_wish(void);
/* "scalar", "avx2", ...; "unknown" outside the list */
CLBDEF const char *clb_isa_name(clb_isa isa);
/* Is the arithmetic that of the numerical contract (manual 7)? Some compiler flags change it and
 * set no macro, and so can the floating-point state of the calling thread. This runs small sums and
 * checks that a*b + c is not fused, sums are not reordered, x/y is not computed as x * (1/y), small
 * numbers are not flushed to zero, rounding is to nearest, fma rounds once, NaN and -0 are kept.
 * *what (may be NULL): the first thing found wrong, or "".  Errors: CLB_ECONTRACT.
 * Cost: less than a microsecond. */
CLBDEF clb_status  clb_selftest(const char **what);
/* One line: version, precision, compiler, "contract broken" if clb_selftest fails, instruction set,
 * and a note if CLB_ISA was not obeyed. */
CLBDEF const char *clb_build_info(void);

/* Several threads for one call. Its work is cut into tasks that write to different places, each
 * element computed as before, so the bits are the same for any number of threads and any order of
 * the tasks. A step, a product or a matrix with less than about a million multiply-adds stays on
 * the caller's thread, as two would not be faster. Tasks allocate nothing, except in the matrices
 * of nets with two layers (clb_hessian, clb_gauss_newton), where large products may: CLB_MALLOC
 * must then work from several threads. */
typedef struct clb_threads {
    size_t count;       /* 0, 1 -> the caller's thread alone; above 1024 -> 1024                  */
    /* do task(context, i) for i = 0..tasks-1, in any order and at the same time, and return when
     * all are done; NULL -> OpenMP where the build has it, else one after the other */
    void (*run)(void *pool, size_t tasks, void (*task)(void *context, size_t i), void *context);
    void  *pool;        /* for run                                                                */
} clb_threads;

/* ============================================================================================
 * @S12 ELEMENTARY FUNCTIONS
 * ========================================================================================== */

/* In double, with the same bits on every system, which libm does not promise. The error is below 1
 * ulp (measured in tests/t_elementary.c). Infinities, NaN and -0 as in C99 Annex F. clb_sin and
 * clb_cos return NaN for |x| > 2^20. */
CLBDEF double clb_exp(double x);
CLBDEF double clb_log(double x);
CLBDEF double clb_expm1(double x);
CLBDEF double clb_log1p(double x);
CLBDEF double clb_sin(double x);
CLBDEF double clb_cos(double x);
CLBDEF double clb_tanh(double x);
CLBDEF double clb_erf(double x);
CLBDEF double clb_sqrt(double x);       /* correctly rounded */
CLBDEF double clb_pow(double x, double y);

/* ============================================================================================
 * @S13 RANDOM NUMBERS
 * ========================================================================================== */

/* The Mersenne Twister MT19937 (Matsumoto & Nishimura 1998, seeded with 32 bits) and the rules
 * below. With the same seed it draws the same numbers as the published runs. The state is a plain
 * struct: a copy of it draws the same numbers again. */
typedef enum clb_normal_mode {
    CLB_NORMAL_EXACT,          /* formulas in double, the result rounded to float             */
    CLB_NORMAL_PUBLISHED       /* the float polynomials of the published runs, bit for bit    */
} clb_normal_mode;

typedef struct clb_rng {
    uint32_t        state[624];
    int             next;         /* 0..624, index of the next word                              */
    int             has_spare;    /* a scalar normal is kept back                                */
    double          spare;
    clb_normal_mode normal_mode;  /* clb_rng_seed sets CLB_NORMAL_EXACT; assign afterwards       */
} clb_rng;

CLBDEF void     clb_rng_seed(clb_rng *rng, uint64_t seed);  /* low 32 bits of the seed are used   */
CLBDEF uint32_t clb_rng_u32(clb_rng *rng);
CLBDEF uint64_t clb_rng_u64(clb_rng *rng);                  /* two words, the high one first      */
CLBDEF uint32_t clb_rng_below(clb_rng *rng, uint32_t n);    /* 0..n-1: u32 mod n; requires n > 0  */
CLBDEF double   clb_rng_double(clb_rng *rng);               /* [0, 1): (u64 mod 2^53) 2^-53       */
/* n float uniforms in [a, b), stored as clb_real: x = fma(u, b - a, a) in float, a and b rounded to
 * float first, u = (u32 mod 2^24) 2^-24. */
CLBDEF void     clb_rng_uniform(clb_rng *rng, size_t n, double a, double b, clb_real *x);
/* n standard normals, float values stored as clb_real. Two rules, so two calls of n/2 are not one
 * call of n:
 *   n >= 16  n float uniforms u, then in each block of 16, for j = 0..7:
 *            r = sqrt(-2 ln(1 - u_j)),  x_j = r cos(2 pi u_{j+8}),  x_{j+8} = r sin(2 pi u_{j+8});
 *            if 16 does not divide n, the last 16 values are drawn and transformed once more.
 *   n < 16   one by one from double uniforms u, v (in both modes):
 *            r = sqrt(-2 log1p(-v)),  x = r cos(2 pi u);  r sin(2 pi u) waits for the next call. */
CLBDEF void     clb_rng_normal(clb_rng *rng, size_t n, clb_real *x);
/* A permutation of 0..n-1, n < 2^32:  for i = 0..n-2 swap p[i] and p[i + u32 mod (n - i)]. */
CLBDEF void     clb_rng_permutation(clb_rng *rng, size_t n, uint32_t *p);

/* ============================================================================================
 * @S14 DATA
 * ========================================================================================== */

/* A data set: inputs X [n][d], and labels y [n] in 0..K-1 or real targets [n][K]. Data without both
 * are unlabelled; their K is not looked at and may be 0.
 * Who frees the arrays? clb_data_free does if owned is 1, as in every set that the library makes.
 * With owned = 0 (clb_data_view, or a struct that you fill in yourself) they stay yours: free them
 * after the last use of the set. Of all functions only clb_scaler_apply writes to X. */
typedef struct clb_data {
    size_t    n, d, K;
    clb_real *X;
    int      *y;        /* or NULL */
    clb_real *targets;  /* [n][K], or NULL: the targets are one-hot rows of y */
    char    **names;    /* [K] what the labels were in the file; NULL: the numbers 0..K-1 */
    int       owned;    /* 1: clb_data_free frees the arrays */
} clb_data;

CLBDEF void clb_data_free(clb_data *data);     /* accepts a zeroed struct, leaves a zeroed struct */
/* Your arrays as a data set. Nothing is copied. y NULL: unlabelled. */
CLBDEF clb_data clb_data_view(size_t n, size_t d, size_t K, const clb_real *X, const int *y);

/* Splits the rows into two new sets: round(share n) rows, but at least one, go to valid, the others
 * to train. rng: it draws which ones; NULL: the last rows go to valid.
 * Errors: CLB_EROW (share not in (0, 1), or no row left for train), CLB_ESIZE, CLB_ENOMEM. */
CLBDEF clb_status clb_data_split(const clb_data *data, clb_rng *rng, double share, clb_data *train,
                                 clb_data *valid);

/* Standardises inputs: x_j <- (x_j - mean_j)/deviation_j. Fit on the training set, then apply to
 * every set that the net will see. The standard deviation divides by n. A constant column has
 * deviation 1, so it becomes 0. Columns of very large or small numbers do not overflow.
 * clb_scaler_fold changes a net trained on scaled inputs so that it takes raw inputs:
 *   W_1 <- W_1 diag(1/deviation),  b_1 <- b_1 - W_1 mean
 * Errors: CLB_EEMPTY, CLB_ESHAPE (another d), CLB_ELAYER (fold: layer 1 has no biases),
 * CLB_ENOMEM. */
typedef struct clb_scaler {
    size_t  d;
    double *mean;        /* [d] */
    double *deviation;   /* [d] */
} clb_scaler;
struct clb_net;
CLBDEF clb_status clb_scaler_fit(clb_scaler *scaler, const clb_data *data);
CLBDEF clb_status clb_scaler_apply(const clb_scaler *scaler, clb_data *data);
CLBDEF clb_status clb_scaler_fold(const clb_scaler *scaler, struct clb_net *net);
CLBDEF void       clb_scaler_free(clb_scaler *scaler);  /* accepts a zeroed struct, leaves one */

/* Data drawn at random as in the published runs; every value is a float. Those runs drew a training
 * set, then with the same generator a test set of max(n / 5, 100) rows. For the mixture the second
 * call draws new centres, so that "test set" belongs to another problem than the training set.
 * Errors: CLB_EEMPTY (n or d is 0), CLB_ECOUNT (K is 0 or above INT_MAX), CLB_ESCALE (a radius not
 * finite in float), CLB_ESIZE (n >= 2^32 or sizes overflow), CLB_ENOMEM. On failure *data is
 * zeroed and *rng may have moved on. */

/* Gaussian mixture: K centres, uniform on the sphere of radius separation sqrt(d); each row is its
 * centre plus normal noise of deviation 1. A class has n / K rows, the first n mod K classes one
 * more. The rows are shuffled. Draws: K d normals; n_k d normals a class; one permutation. */
CLBDEF clb_status clb_data_mixture(clb_data *data, clb_rng *rng, size_t n, size_t d, size_t K,
                                   double separation);
/* XOR in the plane: 2 n normals as n points; label 1 if exactly one coordinate is > 0. Not
 * shuffled. */
CLBDEF clb_status clb_data_xor(clb_data *data, clb_rng *rng, size_t n);
/* Two concentric spheres in d dimensions: n / 2 points on the inner one (label 0), the others on
 * the outer one (label 1), plus normal noise of deviation 0.1. Draws for each sphere directions,
 * then noise; at the end one permutation. Published with d = 10, radii 1 and 2. */
CLBDEF clb_status clb_data_spheres(clb_data *data, clb_rng *rng, size_t n, size_t d, double inner,
                                   double outer);

/* An array of numbers read from a file; values in double, row-major (the last index runs
 * fastest). */
#define CLB_ARRAY_RANK 8
typedef struct clb_array {
    size_t  rank;                 /* 0 (a single number) .. CLB_ARRAY_RANK                        */
    size_t  shape[CLB_ARRAY_RANK];
    size_t  count;                /* product of shape; 0 if a dimension is 0                      */
    double *x;                    /* [count]                                                      */
} clb_array;
CLBDEF void clb_array_free(clb_array *array);  /* accepts a zeroed struct, leaves a zeroed struct */

/* Readers of files. Each takes the bytes of a file and how many they are, and looks at nothing
 * else. It allocates no more than a small multiple of that number, whatever the file claims. After
 * a failure its result holds zeros.
 * Errors of all: CLB_EFORMAT (not such a file, or bytes after the end), CLB_ETYPE (a type
 * not read here), CLB_ETRUNCATED (shorter than its header says), CLB_ESIZE (sizes overflow),
 * CLB_ENOMEM. */

/* NPY, format 1, 2 or 3: f2 f4 f8 i1 i2 i4 i8 u1 u2 u4 u8 b1, either byte order, C or Fortran order
 * (turned into C order). Zero dimensions are legal, NaN and infinity pass; integers beyond 2^53
 * round to double. */
CLBDEF clb_status clb_npy_read(clb_array *array, const void *bytes, size_t size);
/* Writes x as NPY format 1, little-endian f8 (f4 with CLB_SINGLE), C order. *size: the bytes it
 * takes. With buffer NULL it only computes that size. Errors: CLB_ESIZE (capacity too small,
 * sizes overflow), CLB_ECOUNT (rank too large). */
CLBDEF clb_status clb_npy_write(void *buffer, size_t capacity, size_t *size, const clb_real *x,
                                size_t rank,
                                const size_t *shape);
/* A data set from an array of inputs [n][...] (d is the product of the other dimensions) and an
 * array of integer labels, [n] or [n][1]. If the labels are 0..K-1 and every class occurs, they
 * stay as they are. Others (1..3, or -1 and 1) are numbered in ascending order, and names[k] keeps
 * the label that became k.
 * Errors besides: CLB_EEMPTY, CLB_ERAGGED (different n), CLB_ENOTFINITE, CLB_ESHAPE (rank of X < 2
 * or y not a column), CLB_ELABEL (no integer, or beyond an int). */
CLBDEF clb_status clb_data_arrays(clb_data *data, const clb_array *X, const clb_array *y);

/* IDX, the files of MNIST: unsigned bytes [n][...] and labels [n]. The first count rows (0: all),
 * in file order, x = pixel / 255 in float. K = largest label in the whole label file + 1.
 * Errors besides: CLB_EEMPTY (a dimension is 0), CLB_ERAGGED (different n), CLB_EROW (count
 * > n). */
typedef struct clb_idx_files {
    const void *images;
    size_t      images_size;
    const void *labels;
    size_t      labels_size;
} clb_idx_files;
CLBDEF clb_status clb_data_idx(clb_data *data, const clb_idx_files *files, size_t count);

/* CSV: one row a line, ended by LF or CRLF; the last line may end without. Fields may be quoted; a
 * quote inside a quoted field is doubled. Blank lines and a byte order mark are skipped. Numbers
 * have a decimal point, whatever the locale, and are correctly rounded.
 * Integer labels are treated as in clb_data_arrays. If any label is no number, all are words: the
 * word that appears first is class 0, the next new word class 1, and so on; names[k] keeps them. */
typedef struct clb_csv_opts {
    const char *label_name;   /* name of the label column in the header; NULL: label counts       */
    int         label;        /* 0 -> the last column; c > 0: column c; -1: unlabelled data       */
    int         header;       /* 0 -> the first line is a header if none of its fields, the label
                                 aside, is a number; 1: it is one; -1: there is none              */
    char        separator;    /* 0 -> the most frequent of , ; and tab in the first line          */
    int         real_target;  /* 1: the label column is a real target: K = 1, targets [n][1]      */
    const char *const *skip;  /* names of columns to leave out; "" is the one pandas adds         */
    size_t      skip_count;
    const clb_data    *like;  /* number the classes as in this set; NULL: as above                */
} clb_csv_opts;
/* *error (may be NULL) tells line, column and reason. Errors besides: CLB_ERAGGED (a row shorter or
 * longer than the first), CLB_EFIELD (no number), CLB_ENOTFINITE (nan, inf or too large),
 * CLB_EEMPTY (no row or no input column), CLB_ECOLUMN (no such column), CLB_ELABEL (no integer, or
 * not one of the classes of `like`), CLB_EFORMAT (a quote without end). */
CLBDEF clb_status clb_data_csv(clb_data *data, const char *text, size_t size,
                               const clb_csv_opts *opts, clb_error *error);

#ifndef CLB_NO_STDIO
/* The same from files. Error besides: CLB_EIO. */
CLBDEF clb_status clb_npy_load(clb_array *array, const char *path);
CLBDEF clb_status clb_npy_fwrite(FILE *file, const clb_real *x, size_t rank, const size_t *shape);
/* Saves x as an NPY file: as clb_real, or (_f64) as double in any build. A file that could not be
 * written whole is removed. */
CLBDEF clb_status clb_npy_save(const char *path, const clb_real *x, size_t rank,
                               const size_t *shape);
CLBDEF clb_status clb_npy_save_f64(const char *path, const double *x, size_t rank,
                                   const size_t *shape);
CLBDEF clb_status clb_data_npy_load(clb_data *data, const char *inputs_path,
                                    const char *labels_path);
CLBDEF clb_status clb_data_idx_load(clb_data *data, const char *images_path,
                                    const char *labels_path, size_t count);
CLBDEF clb_status clb_data_csv_load(clb_data *data, const char *path, const clb_csv_opts *opts,
                                    clb_error *error);
#endif

/* ============================================================================================
 * @S15 MATRIX KERNELS
 * ========================================================================================== */

/* Matrix products, row-major, any shape (0 too) and leading dimension, operands not overlapping.
 *   nn: C[M][N] = A[M][K] B[K][N]       nt: C[M][N] = A[M][K] B[N][K]^T
 *   tn: C[M][N] = A[K][M]^T B[K][N]
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

/* One of these six on several threads: C is cut along its longer side. acc: 0, or 1 for the _acc
 * form. threads NULL: the caller's alone. Same bits. */
typedef enum clb_product { CLB_NN, CLB_NT, CLB_TN } clb_product;
CLBDEF void clb_matmul_threads(const clb_threads *threads, clb_product form, int acc, size_t M,
                               size_t N, size_t K, const clb_real *A, size_t lda,
                               const clb_real *B, size_t ldb, clb_real *C, size_t ldc);

/* Reductions in double: 16 virtual lanes (lane l takes elements l, l+16, ... with fma), then the
 * tree 8, 4, 2, 1. */
CLBDEF double clb_dot(size_t n, const clb_real *x, const clb_real *y);
CLBDEF double clb_sumsq(size_t n, const clb_real *x);
/* y[j] = fma(a, x[j], y[j]);  x[j] = a x[j] */
CLBDEF void   clb_axpy(size_t n, clb_real a, const clb_real *x, clb_real *y);
CLBDEF void   clb_scale(size_t n, clb_real a, clb_real *x);

/* ============================================================================================
 * @S16 NETWORKS AND LOSSES
 * ========================================================================================== */

/* Fully connected network  z_l = W_l a_{l-1} + b_l,  a_l = s(z_l) for l < L,  a_0 = x,
 * output f = z_L. Where s has a kink, at z = 0, its slope is that of z < 0. */
typedef enum clb_activation {
    CLB_RELU,           /* max(0, z); NaN passes                                                  */
    CLB_IDENTITY,       /* z                                                                      */
    CLB_LEAKY_RELU,     /* z > 0 ? z : p z               p = param: slope, 0 -> 0.01              */
    CLB_RELU_MIX,       /* (1-p) z + p max(0, z)         p = param: 0 linear .. 1 ReLU (E10, E11) */
    CLB_RELU_POWER,     /* max(0, z)^p                   p = param > 0: degree of homogeneity     */
    CLB_TANH,
    CLB_SIGMOID,
    CLB_SOFTPLUS,       /* log(1 + exp z)                                                         */
    CLB_GELU,           /* z Phi(z), Phi the normal distribution function                         */
    CLB_ACTIVATION_COUNT
} clb_activation;

typedef struct clb_net_opts {
    double         param;       /* p of the activation, for those above that have one             */
    clb_activation activation;  /* 0 -> ReLU                                                      */
    int            bias;        /* 0 -> no bias; -1: in every layer; l > 0: only in layer l       */
    double         scale;       /* 0 -> 1; clb_net_init multiplies what it draws by this          */
} clb_net_opts;

/* Options of a net without biases with activation (1-e) z + e max(0, z); e = 0 gives CLB_IDENTITY
 * and e = 1 CLB_RELU.                                                                    E10-E14 */
CLBDEF clb_net_opts clb_relu_mix(double e);

/* All parameters stand in one array theta of P reals: W_1, b_1, W_2, b_2, ... W_l [m_l][m_{l-1}] is
 * row-major; a layer without biases has no b_l. */
typedef struct clb_net {
    size_t         L;           /* number of weight matrices, >= 1                                */
    size_t        *m;           /* L+1 widths: m[0] = d inputs, ..., m[L] = K outputs             */
    size_t        *w;           /* w[l], l = 1..L: offset of W_l in theta                         */
    size_t        *b;           /* b[l]: offset of b_l, CLB_NO_BIAS if layer l has none           */
    size_t         P;           /* number of parameters                                           */
    double         param;       /* of the activation                                              */
    clb_activation activation;
    clb_real      *theta;       /* P                                                              */
    void          *arena;       /* the allocation behind theta                                    */
} clb_net;
#define CLB_NO_BIAS ((size_t)-1)

/* A network of count = L+1 widths m[0..L], with all parameters 0. opts NULL: ReLU without biases.
 * Errors: CLB_ESHAPE (count < 2, a zero width), CLB_EACTIVATION (unknown, or its parameter out of
 * range), CLB_ELAYER (bias layer > L), CLB_ESIZE, CLB_ENOMEM; *net is then zeroed. */
CLBDEF clb_status clb_net_alloc(clb_net *net, const size_t *widths, size_t count,
                                const clb_net_opts *opts);
/* The same with random parameters, drawn by clb_net_draw as in the published runs: layer by layer,
 * weights then biases, uniform between -1/sqrt(m_{l-1}) and 1/sqrt(m_{l-1}). */
CLBDEF clb_status clb_net_init(clb_net *net, const size_t *widths, size_t count,
                               const clb_net_opts *opts, clb_rng *rng);
CLBDEF void       clb_net_draw(clb_net *net, clb_rng *rng);
/* dst may hold anything: it is overwritten, not freed. Errors: CLB_EUNSET, CLB_ESIZE, CLB_ENOMEM.
 * */
CLBDEF clb_status clb_net_copy(clb_net *dst, const clb_net *src);
CLBDEF void       clb_net_free(clb_net *net);
CLBDEF size_t     clb_net_bytes(const clb_net *net);              /* bytes the net holds          */
CLBDEF size_t     clb_layer_size(const clb_net *net, size_t l);   /* entries of W_l, l = 1..L     */

/* Parameters of layer l = 1..L, to read and to write:
 *   W_l [rows][columns] = [m_l][m_{l-1}], row-major: the weight from input j to unit i stands at
 *   i * columns + j;  b_l [count].
 * Sizes may be NULL. clb_net_biases returns NULL and count 0 for a layer without biases. */
CLBDEF clb_real  *clb_net_weights(const clb_net *net, size_t l, size_t *rows, size_t *columns);
CLBDEF clb_real  *clb_net_biases(const clb_net *net, size_t l, size_t *count);

/* Use a net on n rows X [n][d]. No data set and no pass is needed. The rows are treated in blocks,
 * so working memory is that of a few hundred rows, however many there are.
 *   clb_predict         out [n][K]: outputs f
 *   clb_probabilities   out [n][K]: softmax(f), every row sums to 1
 *   clb_classify        label [n]: index of the largest output, the first of equal ones; -1 where
 *                       an output is NaN
 * Errors: CLB_EUNSET, CLB_ESIZE, CLB_ENOMEM. */
CLBDEF clb_status clb_predict(const clb_net *net, const clb_real *X, size_t n, clb_real *out);
CLBDEF clb_status clb_probabilities(const clb_net *net, const clb_real *X, size_t n, clb_real *out);
CLBDEF clb_status clb_classify(const clb_net *net, const clb_real *X, size_t n, int *label);

/* Derivative of the activation s at z, in double: order 1, 2 or 3; order 0 is s(z) itself. a: the
 * parameter of the activation. */
CLBDEF double clb_activate(clb_activation activation, double a, double z, int order);

/* Loss = (1-ce) MSE + ce CE, chosen by one number ce in 0..1: 0 is the mean squared error, 1 cross
 * entropy, a number between them a mixture.
 *   MSE = 1/(nK) sum_ik (f_ik - t_ik)^2        dMSE/df = 2 (f - t)/(nK)
 *   CE  = 1/n sum_i [logsumexp_k f_ik - f_i,y]  dCE/df = (softmax(f) - onehot)/n
 * y_i is the label of row i and t_i its one-hot row. With real targets t_i is row i of the targets,
 * and cross entropy takes it as the probabilities of the classes. */
#define CLB_MSE 0.0
#define CLB_CE  1.0

/* A network evaluated on a data set. All memory of the forward and backward pass is allocated once,
 * by clb_pass_init. Between calls you may read the matrices: they are those of the last theta. */
typedef struct clb_pass {
    const clb_net  *net;        /* architecture; theta is an argument of each call                */
    const clb_data *data;
    double          ce;         /* loss blend                                                     */
    size_t          n;          /* samples in use: data->n, or the batch                          */
    const clb_real *X;          /* [n][d] in use                                                  */
    const int      *y;          /* [n]                                                            */
    const clb_real *targets;    /* [n][K] or NULL                                                 */
    clb_real      **z;          /* z[l], l = 1..L: [n][m_l] pre-activations; z[L] is the output f */
    clb_real      **a;          /* a[l], l = 0..L-1: [n][m_l] activations; a[0] = X               */
    clb_real      **u;          /* u[l], l = 1..L: [n][m_l] dLoss/dz_l, after clb_grad            */
    clb_real       *p;          /* [n][K] softmax(f); valid when ce > 0                           */
    double          loss;       /* at the last point                                              */
    void           *arena;      /* the one allocation behind all of these                         */
    clb_real       *batch_X;    /* buffers of clb_pass_batch; NULL until batches are asked for    */
    int            *batch_y;
    clb_real       *batch_targets;
    clb_real      **slope;      /* NULL, or s'(z_l) held by clb_pass_freeze: [n][m_l], l < L      */
    void           *slope_arena;    /* the allocation behind slope */
    size_t          across;     /* 0; in blocks of rows z[L], u[L] and p may be [K][across]       */
    int             evaluated;  /* 1 once z is that of the rows in use                            */
    clb_threads     threads;    /* you may set it: for all that is evaluated with this pass or a
                                   clb_curv of it; 0 -> one thread                                */
} clb_pass;

/* Do net, data and loss fit together? clb_pass_init and clb_train make these checks too. *error
 * (may be NULL) says what does not fit. Unlabelled data are fine: outputs and gates are then as
 * always, loss and gradient are NaN.
 * Errors: CLB_EUNSET, CLB_EEMPTY (n = 0), CLB_ESHAPE (d or K differ), CLB_ELOSS (ce not in 0..1),
 * CLB_ELABEL (not in 0..K-1), CLB_ESOFT (ce > 0 and a row of targets that does not sum to 1). */
CLBDEF clb_status clb_pass_check(const clb_net *net, const clb_data *data, double ce,
                                 clb_error *error);
/* The pass keeps pointers to net and data: free them after the pass. ce in [0, 1].
 * Errors: those of clb_pass_check, CLB_ESIZE, CLB_ENOMEM. */
CLBDEF clb_status clb_pass_init(clb_pass *pass, const clb_net *net, const clb_data *data,
                                double ce);
CLBDEF void       clb_pass_free(clb_pass *pass);
/* Bytes that clb_pass_init allocates, about n (sum_l 2 m_l + sum_{l<L} m_l + K) reals; 0 if the
 * number is too large for a size_t. clb_pass_batch takes a copy of the data besides, and
 * clb_pass_freeze a copy of the hidden z. */
CLBDEF size_t     clb_pass_bytes(const clb_net *net, const clb_data *data);
/* From now on use only the rows index[0..count-1] of the data, count <= data->n; with index NULL
 * all rows again. Errors: CLB_EROW, CLB_ESIZE, CLB_ENOMEM. */
CLBDEF clb_status clb_pass_batch(clb_pass *pass, const uint32_t *index, size_t count);

/* Freezes the slopes of the activations. From now on a_l = c_l z_l, entry by entry, where
 * c_l = s'(z_l) at the last evaluation of the pass `at`: the same pass, or another one of the same
 * shapes. at NULL: the activation itself again. For ReLU this is the net whose gates no longer
 * switch; at the point where it was frozen it gives the same output.                            E9
 * To freeze a whole training, call it on state->pass from an observer at t = 0. The first call
 * allocates, later ones do not. clb_curv then takes the derivatives of the frozen net.
 * Errors: CLB_ESHAPE (other widths or number of rows), CLB_ESIZE, CLB_ENOMEM; the pass is then as
 * before. */
CLBDEF clb_status clb_pass_freeze(clb_pass *pass, const clb_pass *at);

/* Loss at theta (NULL: net->theta). Fills z, a and p of the pass. No allocation. */
CLBDEF double clb_loss(clb_pass *pass, const clb_real *theta);
/* Returns the loss at theta and writes the gradient (P reals). Fills u too. No allocation.
 *   G_l = u_l^T a_{l-1}, g_l = sum_i u_l */
CLBDEF double clb_grad(clb_pass *pass, const clb_real *theta, clb_real *grad);
/* Share of the rows whose largest output belongs to their label, at the last theta. NaN if these
 * rows have not been evaluated yet, and without labels. */
CLBDEF double clb_accuracy(const clb_pass *pass);

/* A loss of your own, in two halves. clb_forward evaluates the net at theta (NULL: net->theta) and
 * returns its outputs f [n][K], which stay until the next call. clb_backward takes your dLoss/df
 * [n][K] for them and writes the gradient (P reals):  G_l = u_l^T a_{l-1},  u_L = dLoss/df.
 * theta must be the same for both. The laws of @S20 hold for any loss of f. No allocation. */
CLBDEF const clb_real *clb_forward(clb_pass *pass, const clb_real *theta);
CLBDEF void            clb_backward(clb_pass *pass, const clb_real *theta, const clb_real *dloss,
                                    clb_real *grad);

/* Loss and accuracy of net->theta on a data set, without a pass. The rows are treated in blocks,
 * but *loss has the same bits as clb_loss. *accuracy is NaN without labels. Either may be NULL.
 * Errors: those of clb_pass_check, CLB_EUNLABELLED, CLB_ESIZE, CLB_ENOMEM. */
CLBDEF clb_status clb_evaluate(const clb_net *net, const clb_data *data, double ce, double *loss,
                               double *accuracy);

/* Is a gradient right? Compares grad [P] with central differences of the loss, entry by entry, and
 * returns the largest deviation:
 *   max_i |(loss(theta + h_i e_i) - loss(theta - h_i e_i))/(2 h_i) - grad_i|
 *         / max(1, max_i |grad_i|)
 * with h_i = epsilon^(1/3) max(1, |theta_i|). *where (may be NULL) is the i of the largest one; NaN
 * counts as larger than any number. A right gradient gives about 1e-9 (1e-3 in single builds). A
 * right gradient can give more if the input of a ReLU is within h of its kink. theta is changed
 * while the function runs, and restored. Cost 2 P losses, no allocation.
 * clb_pass_loss is such a loss function; its context is a clb_pass. */
typedef double (*clb_loss_fn)(void *context, const clb_real *theta);
CLBDEF double clb_check_grad(size_t P, clb_loss_fn loss, void *context, clb_real *theta,
                             const clb_real *grad, size_t *where);
CLBDEF double clb_pass_loss(void *pass, const clb_real *theta);
/* The gates of hidden layer l as bits: bit i m_l + h is 1 if unit h is on for row i, z_l[i][h] > 0.
 * bits has room for clb_gate_words(pass, l) words. */
CLBDEF size_t clb_gate_words(const clb_pass *pass, size_t l);
CLBDEF void   clb_gates(const clb_pass *pass, size_t l, uint64_t *bits);
/* How many gates differ between two results of clb_gates for the same rows. index (room for n m_l):
 * their positions i m_l + h, ascending. units[h], h < m_l: how many belong to unit h. Both may be
 * NULL.                                                                           E9, E15, E21 */
CLBDEF size_t clb_gate_switches(const clb_pass *pass, size_t l, const uint64_t *before,
                                const uint64_t *after, uint32_t *index, uint32_t *units);
/* Sum of the squares of the part of x that belongs to W_l, or to b_l (0 if there is none). x:
 * theta, a gradient, or anything else with the layout of theta. */
CLBDEF double clb_weight_sumsq(const clb_net *net, const clb_real *x, size_t l);
CLBDEF double clb_bias_sumsq(const clb_net *net, const clb_real *x, size_t l);

/* ============================================================================================
 * @S17 CURVATURE
 * ========================================================================================== */

/* A symmetric n x n matrix A, known only by a function that computes y = A x. x and y do not
 * overlap. */
typedef struct clb_linop {
    size_t n;
    void (*apply)(void *context, const clb_real *x, clb_real *y);
    void *context;
} clb_linop;

/* Curvature of the loss at one point theta. J is the Jacobian of the outputs (n K rows), r =
 * dLoss/df the gradient in the outputs, and S_i the Hessian of the loss in the outputs of row i:
 *   H = J^T S J + sum_ik r_ik Hess f_ik        Hessian; the first term is the Gauss-Newton matrix
 *   S_i = (1-ce) 2/(nK) I + ce/n (diag p_i - p_i p_i^T)
 * At a kink of the activation its second derivative counts as 0. After clb_pass_freeze these are
 * the derivatives of the frozen net. */
typedef struct clb_curv {
    clb_pass  *pass;            /* its state is that of the last clb_curv_at                      */
    clb_real  *theta;           /* [P] copy of the point                                          */
    clb_real  *grad;            /* [P] gradient there                                             */
    clb_real **s1;              /* s1[l], l = 1..L-1: [n][m_l]  s'(z_l)                           */
    clb_real **s2;              /* s2[l]: [n][m_l] dLoss/da_l s''(z_l); NULL where s'' = 0        */
    clb_real **rz;              /* rz[l], l = 1..L: [n][m_l] work                                 */
    clb_real **ra;              /* ra[l], l = 1..L-1: [n][m_l] work                               */
    clb_real  *bend;            /* [n][widest hidden layer] work; NULL where s'' = 0              */
    int        held;            /* the slopes are those of clb_pass_freeze, and s2 = 0            */
    void      *arena;
} clb_curv;

/* Allocates all memory of the products. Keeps a pointer to pass: free that later.
 * Memory: clb_curv_bytes(pass), about reals * (2P + n sum_l 3 m_l); for smooth activations a fourth
 * m_l and n times the widest hidden layer more. Errors: CLB_ESIZE, CLB_ENOMEM. */
CLBDEF clb_status clb_curv_init(clb_curv *curv, clb_pass *pass);
CLBDEF void       clb_curv_free(clb_curv *curv);
CLBDEF size_t     clb_curv_bytes(const clb_pass *pass);          /* 0 if it does not fit a size_t */
/* Evaluates loss and gradient at theta (NULL: net->theta), on the rows that the pass uses now, and
 * returns the loss. All functions below work at this point until the next call. No allocation. */
CLBDEF double     clb_curv_at(clb_curv *curv, const clb_real *theta);

/* y = H v, exactly (no difference quotient), by Pearlmutter's method: R x is the derivative of x in
 * the direction v, for every quantity x of the forward and the backward pass. No allocation.
 *   R z_l = W_l R a_{l-1} + V_l a_{l-1} + v_{b_l}      R a_l = s'(z_l) R z_l      R u_L = S R z_L
 *   R u_{l-1} = s' (R u_l W_l + u_l V_l) + s'' (u_l W_l) R z_{l-1}
 *   y_l = R u_l^T a_{l-1} + u_l^T R a_{l-1}
 * v, y: P reals, no overlap.   Cost 2n (2 d m + 6 K m) flop for two layers. */
CLBDEF void clb_hvp(clb_curv *curv, const clb_real *v, clb_real *y);
/* y = J^T S J v: the same without the terms that contain u. */
CLBDEF void clb_gnvp(clb_curv *curv, const clb_real *v, clb_real *y);
/* clb_jvp returns J v [n][K]; it stands in curv->rz[L] until the next call. clb_vjp computes
 * y = J^T q for q [n][K]; q NULL: the last result of clb_jvp. One after the other: J^T J v. */
CLBDEF clb_real *clb_jvp(clb_curv *curv, const clb_real *v);
CLBDEF void      clb_vjp(clb_curv *curv, const clb_real *q, clb_real *y);

/* These products for the eigensolvers. The operator needs curv as long as it is used. */
CLBDEF clb_linop clb_hessian_op(clb_curv *curv);
CLBDEF clb_linop clb_gauss_newton_op(clb_curv *curv);
CLBDEF clb_linop clb_jtj_op(clb_curv *curv);                        /* J^T J / n                  */

/* The diagonal block of layer l: rows and columns of the Hessian (or Gauss-Newton matrix) that
 * belong to W_l and b_l. An operator of clb_layer_size (+ m_l with biases) coordinates. */
typedef struct clb_block {
    clb_curv *curv;
    size_t    at, n;            /* first coordinate and number of coordinates                     */
    int       gauss_newton;
    clb_real *full;             /* [2P] work                                                      */
} clb_block;
CLBDEF clb_status clb_block_init(clb_block *block, clb_curv *curv, size_t l, int gauss_newton);
CLBDEF void       clb_block_free(clb_block *block);
CLBDEF clb_linop  clb_block_op(clb_block *block);

/* The whole matrix [P][P], exactly symmetric; row i starts at i * ldh, ldh >= P.
 * Two layers: summed over the rows x_i for which both hidden units j and j' are on,
 *     H[(j,.),(j',.)] = sum_i s'_ij s'_ij' (W_2^T S_i W_2)_jj' x_i x_i^T    d(d+1)/2 products each
 * Other depths: the Hessian by P products, the Gauss-Newton matrix as the sum over rows of J_i^T
 * S_i J_i. Memory: clb_hessian_bytes, less than 2 P^2 reals at the sizes of the experiments.
 * Errors: CLB_ESIZE, CLB_ENOMEM (H unspecified). */
CLBDEF clb_status clb_hessian(clb_curv *curv, clb_real *H, size_t ldh);
CLBDEF clb_status clb_gauss_newton(clb_curv *curv, clb_real *G, size_t ldg);
/* Bytes that clb_hessian (or clb_gauss_newton) allocates while it runs, the matrix not counted; 0
 * if the number is too large for a size_t. */
CLBDEF size_t     clb_hessian_bytes(const clb_curv *curv);
CLBDEF size_t     clb_gauss_newton_bytes(const clb_curv *curv);

/* Empirical neural tangent kernel J J^T [nK][nK], exactly symmetric; output k of row i has index
 * i K + k. l = 0: all layers. l = 1..L: the part of layer l,
 *   N_l[(i,k),(j,k')] = <df_ik/dz_l, df_jk'/dz_l> (a_{l-1,i} . a_{l-1,j} [+ 1 with bias]) */
CLBDEF clb_status clb_ntk(clb_curv *curv, size_t l, clb_real *N);
/* Kernel [n][n] of the single function sum_k f_k: what the published programs call the NTK. */
CLBDEF clb_status clb_ntk_sum(clb_curv *curv, size_t l, clb_real *N);
/* Trace of the kernel of clb_ntk; NaN after an error. */
CLBDEF clb_status clb_ntk_trace(clb_curv *curv, size_t l, double *trace);

/* Largest singular value of the coupling blocks of a two-layer net,
 *   B_h = sum_i s'(z_ih) x_i r_i^T   (d x K, r = dLoss/df),   b = max_h sigma_max(B_h).   Theorem 6
 * For a piecewise linear activation without biases H - H_GN has the eigenvalues +-sigma(B_h), so
 * lmax(H) <= lmax(H_GN) + b and lmin(H) >= -b. *bound is NaN, with CLB_OK, unless L = 2 without
 * biases. Errors: CLB_ESIZE, CLB_ENOMEM, those of clb_jacobi; *bound is NaN then, too. */
CLBDEF clb_status clb_residual_bound(clb_curv *curv, double *bound);

/* ============================================================================================
 * @S18 OPTIMISERS, TRAINING
 * ========================================================================================== */

typedef enum clb_optimizer { CLB_GD, CLB_HEAVY_BALL, CLB_NESTEROV, CLB_ADAM,
                             CLB_OPTIMIZER_COUNT } clb_optimizer;

struct clb_trace;

/* What an observer is shown: the state after t updates. Loss, gradient and pass are those of all
 * rows of the data, also if the run draws batches. */
typedef struct clb_state {
    size_t          t;          /* updates done                                                   */
    double          time;       /* sum of the step sizes so far; in clb_flow the time             */
    const clb_net  *net;        /* theta_t                                                        */
    clb_pass       *pass;       /* evaluated at theta_t; you may make a clb_curv of it            */
    const clb_real *grad;       /* gradient at theta_t                                            */
    double          loss;
    const struct clb_trace *trace; /* the run so far, with q and qb at t; NULL if none is kept    */
} clb_state;

typedef enum clb_verdict {
    CLB_CONTINUE,
    CLB_STOP                    /* end the run here; the trace has t updates                      */
} clb_verdict;
typedef clb_verdict (*clb_observer_fn)(void *context, const clb_state *state);

/* When to call an observer. Set one of: `every` (after each so many updates), `at` (an ascending
 * list of t), `per_decade` (0, 1 and so many t between 1 and 10, 10 and 100, ...). It is also
 * called after the last update. */
typedef struct clb_observer {
    clb_observer_fn call;
    void           *context;
    size_t          every;
    const size_t   *at;
    size_t          at_count;
    size_t          per_decade;
} clb_observer;

/* Step size eta_t of update t = 0, 1, ... All zero: eta_t = eta. From t = warmup on, with
 * t' = t - warmup:
 *   CLB_CONSTANT   eta          CLB_COSINE   eta (floor + (1 - floor) (1 + cos(pi t'/span))/2),
 *   CLB_STAIRS     eta factor^floor(t'/every)         span = horizon - warmup; eta floor at last */
typedef enum clb_schedule_kind { CLB_CONSTANT, CLB_COSINE, CLB_STAIRS,
                                 CLB_SCHEDULE_COUNT } clb_schedule_kind;
typedef struct clb_schedule {
    double          (*call)(void *context, size_t t);  /* returns eta_t; the rest is not used  */
    void             *context;
    size_t            warmup;       /* eta_t = eta (t+1)/(warmup+1) for t < warmup                */
    size_t            horizon;      /* cosine, required: updates until the floor, warmup included */
    size_t            every;        /* stairs, required                                           */
    double            factor;       /* stairs: 0 -> 0.1                                           */
    double            floor;        /* cosine: share of eta that it ends at, in [0, 1]            */
    clb_schedule_kind kind;
} clb_schedule;
/* eta_t; NaN if the schedule has a value out of range. schedule NULL: eta. */
CLBDEF double clb_schedule_eta(const clb_schedule *schedule, double eta, size_t t);

/* What an optimiser remembers from step to step. With it a training can be made in several calls of
 * clb_train: four calls of T/4 updates with one state have the bits of one call of T updates, also
 * with schedules and batches. A state belongs to one net, data set, optimiser and batch size. */
typedef struct clb_train_state {
    size_t        t;            /* updates done                                                   */
    size_t        P, n;         /* of the net; of the data, 0 without batches                     */
    clb_optimizer optimizer;
    clb_real     *v, *v2;       /* [P] momentum or first moment; second moment                    */
    double        b1t, b2t;     /* beta1^t, beta2^t of Adam                                       */
    double        time;         /* sum of the step sizes                                          */
    uint32_t     *order;        /* [n] permutation of the rows of this epoch                      */
    size_t        at_batch;     /* next row of it                                                 */
    void         *arena;        /* behind v and v2                                                */
} clb_train_state;

/* Early stopping. Every `every` updates, and at the end, the loss on `data` is computed. The
 * training ends when `patience` such losses in a row were not smaller than the smallest one. In
 * all cases the net gets the weights that had the smallest loss; the trace tells of the whole
 * run. */
typedef struct clb_early_stop {
    const clb_data *data;
    size_t          every;      /* 0 -> 10 updates                                                */
    size_t          patience;   /* 0 -> 10 looks                                                  */
    size_t          best_t;     /* set by clb_train: updates done at the best look,               */
    double          best_loss;  /* its loss,                                                      */
    int             stopped;    /* and whether patience ended the run                             */
} clb_early_stop;

typedef struct clb_train_opts {
    double              ce;            /* loss blend: 0 MSE .. 1 CE                               */
    clb_optimizer       optimizer;     /* 0 -> gradient descent                                   */
    double              beta1;         /* 0 -> 0.9; heavy ball, Nesterov, Adam; < 0: no momentum  */
    double              beta2;         /* 0 -> 0.999                                              */
    double              eps;           /* 0 -> 1e-8                                               */
    double              l2;            /* weight decay added to the gradient                      */
    double              decay;         /* decoupled weight decay: W <- (1 - eta decay) W - eta U  */
    size_t              batch;         /* 0 -> full batch; else rows a step, shuffled each epoch  */
    clb_rng            *batch_rng;     /* required with batch                                     */
    double              loss_max;      /* 0 -> FLT_MAX: larger or NaN loss is divergence          */
    double              charge_max;    /* 0 -> no limit: |C_l| above it is divergence             */
    const clb_observer *observers;
    size_t              observer_count;
    int                 neurons;       /* 1: the trace has flow and oscillation of each neuron    */
    clb_schedule        schedule;      /* 0 -> constant                                           */
    const double       *rates;         /* NULL -> 1; [L] layer l steps by eta_t rates[l-1], > 0   */
    double              clip;          /* 0 -> no limit; a longer gradient is scaled to this norm */
    clb_train_state    *state;         /* NULL -> the run starts at rest                          */
    clb_early_stop     *early;         /* NULL -> none                                            */
    clb_threads         threads;       /* 0 -> one thread                                         */
    clb_error          *error;         /* NULL, or where a failure is told with names and values  */
} clb_train_opts;                      /* NULL: MSE, full-batch GD                                */

CLBDEF void clb_train_opts_resolve(clb_train_opts *opts);      /* zeros -> the values really used */
/* A state at rest for runs with these opts (optimizer and batch count). Errors: CLB_ESIZE,
 * CLB_ENOMEM; *state is then zeroed. Free takes a zeroed state too. */
CLBDEF clb_status clb_train_state_init(clb_train_state *state, const clb_net *net,
                                       const clb_data *data, const clb_train_opts *opts);
CLBDEF void       clb_train_state_free(clb_train_state *state);

/* The record of a training. Row t holds the state before update t, row T the end. A run that
 * stopped early ends with row `steps`. After divergence the loss of row `steps` and all later
 * rows are NaN.
 *
 * The law. Gradient flow conserves  C = upper_l |W_{l+1}|^2 - lower_l (|W_l|^2 + |b_l|^2),  where
 * upper = k/r_{l+1}, lower = 1/r_l; k is the degree of the activation (1 if it has none), r_l the
 * rate of layer l. A training changes C, and `predicted` is the change that follows exactly from
 * the optimiser and its gradients. (Only l2 together with different rates has no closed formula:
 * its part is then summed from the weights.)
 *
 * Its two parts. Let s_t = theta_t - theta_{t+1} be the updates, without decoupled decay, and D the
 * matrix with C = theta^T D theta. For gradient descent predicted = sum_t s_t^T D s_t. Split
 * neighbouring updates into their mean and half their difference:
 *   a_t = (s_{t-1} + s_t)/2,     b_t = (s_{t-1} - s_t)/2,     t = 1, 2, ...
 *   s_{t-1}^T D s_{t-1} + s_t^T D s_t = 2 (a_t^T D a_t + b_t^T D b_t)
 *   oscillation = sum_t b_t^T D b_t
 *   flow        = sum_t a_t^T D a_t + half of the first and of the last s_t^T D s_t
 * With momentum or decay C follows a linear recursion into which s_t^T D s_t enters. oscillation is
 * then what this recursion gives for b_t^T D b_t in its place (0 for the first step), and flow the
 * rest of predicted. Below the edge of stability oscillation is small, at the edge it is nearly all
 * of the change. */
typedef struct clb_trace {
    size_t  L, T;
    size_t  steps;          /* updates done: T unless diverged or stopped                         */
    double  eta;
    double *loss;           /* [T+1]      Loss(theta_t); with batches of the rows of step t, at the
                                          end of all rows                                         */
    double *g;              /* [T][L]     |G_l|^2, weights only       g[t*L + l-1]                */
    double *gb;             /* [T][L]     |g_{b_l}|^2                                             */
    double *step;           /* [T]        step size times the factor of clipping                  */
    double *q;              /* [T+1][L]   |W_l|^2                                                 */
    double *qb;             /* [T+1][L]   |b_l|^2                                                 */
    double *upper, *lower;  /* [L-1]      factors of C, see above                                 */
    double *S;              /* [L-1]      sum_t (|G_{l+1}|^2 - |G_l|^2 - |g_{b_l}|^2), signed     */
    double *predicted;      /* [L-1]      change of C that follows from the law                   */
    double *flow;           /* [L-1]      its two parts; NaN for Adam,                            */
    double *oscillation;    /* [L-1]      which has no law                                        */
    double *neuron_flow;    /* [hidden]   the same of each neuron, layer after layer as in        */
    double *neuron_oscillation; /* [hidden]  clb_hidden_charges; NULL unless asked for            */
    double *first;          /* [L-1]      first-order part, sum_t 2 (<W,dW>_{l+1} - <W,dW>_l)     */
    double *second;         /* [L-1]      second-order part, sum_t (|dW_{l+1}|^2 - |dW_l|^2)      */
    void   *arena;
} clb_trace;

/* T updates of net->theta with step size eta:
 *   G <- G min(1, clip/|G|),  G <- G + l2 W,  U from G by the optimiser,
 *   W_l <- (1 - eta_t decay) W_l - eta_t rates_l U_l
 * trace NULL: none is kept, which saves its memory and time. A step allocates nothing.
 * Linear nets have a faster way. It is taken for CLB_IDENTITY without biases, ce = 0, full batch
 * and n >= 2 max(d, K), with or without observers. With M = W_L ... W_1 and X = Q R
 *   nK Loss = |R M^T - Q^T T|^2 + |T - Q Q^T T|^2,   dLoss/dM = 2/(nK) (R M^T - Q^T T)^T R
 * are loss and gradient of clb_grad up to rounding, for 3K multiply-adds a weight and step instead
 * of 3n. The factorisation costs about 2 n d (d + K) once. The pass of an observer is evaluated as
 * always, which costs as much as a step of clb_grad, so look rarely. An observer that freezes the
 * slopes of the pass or chooses its rows ends the faster way.
 * Errors: CLB_EDIVERGED: after trace->steps updates the loss or a charge was beyond its limit, and
 * the trace is valid up to there. CLB_EFROZEN (an observer froze the slopes in a run with
 * batches); CLB_ESCHEDULE (a list that does not ascend, a step size that is negative or not
 * finite); CLB_EBATCH; CLB_EOPTIMIZER (unknown, or a state made
 * for another run); CLB_ESTEP (eta, rates); CLB_EMOMENTUM (beta1, beta2, eps); CLB_EDECAY (l2,
 * decay); CLB_ELIMIT (loss_max, charge_max, clip); those of clb_pass_check; CLB_ESIZE;
 * CLB_ENOMEM. opts->error tells which one it was, and its value. */
CLBDEF clb_status clb_train(clb_net *net, const clb_data *data, double eta, size_t T,
                            const clb_train_opts *opts, clb_trace *trace);
CLBDEF void       clb_trace_free(clb_trace *trace);
/* The most bytes that clb_train holds at a time, with its trace or (with_trace = 0) without; what
 * your observers allocate is not counted; 0 if the number is too large for a size_t. It is the sum
 * of: the trace, (T+1)(4L+2) doubles; 2P to 6P reals for gradients, direction and the state of the
 * optimiser; a pass of a block of rows; 2P + nK reals; with observers or batches a pass of all
 * rows; with early stopping a pass of its data and P reals. */
CLBDEF size_t     clb_train_bytes(const clb_net *net, const clb_data *data, size_t T,
                                  const clb_train_opts *opts, int with_trace);

/* Several trainings at the same time, such as one net from several seeds or with several step
 * sizes. Each run is clb_train(net, data, eta, T, opts, trace), with the same bits, on one thread.
 * The runs may share data. They must not share nets, traces, generators, states, early stopping,
 * error structs or anything that their observers write to. CLB_MALLOC must work from several
 * threads. */
typedef struct clb_training {
    clb_net              *net;
    const clb_data       *data;
    double                eta;
    size_t                T;
    const clb_train_opts *opts;        /* NULL: defaults; opts->threads is not used               */
    clb_trace            *trace;       /* NULL: none is kept; else as after clb_train             */
    clb_status            status;      /* set by clb_train_many: what clb_train returned          */
} clb_training;
/* Makes all runs, whatever becomes of the others, and returns the first status that is not CLB_OK,
 * in the order of the array. threads NULL: one run after the other. */
CLBDEF clb_status clb_train_many(clb_training *runs, size_t count, const clb_threads *threads);

#ifndef CLB_NO_STDIO
/* Saves rows 0..steps of a trace. CSV: a line of names, then for each step
 *   t, loss, step, W1.., b1.. (|W_l|^2, |b_l|^2), G1.., g1.. (|G_l|^2, |g_{b_l}|^2),
 *   C1.. (clb_trace_law)
 * Numbers have a decimal point, whatever the locale, and all their digits. Cells without a value in
 * the last row are empty. NPZ: the arrays of the struct under their names, float64. Errors:
 * CLB_EIO, CLB_ESIZE, CLB_ENOMEM. */
CLBDEF clb_status clb_trace_csv_save(const clb_trace *trace, const char *path);
CLBDEF clb_status clb_trace_npz_save(const clb_trace *trace, const char *path);
#endif

/* The edge of stability: the largest lambda for which training the loss lambda x^2/2 with these
 * opts and step size eta does not diverge. 2/eta for gradient descent; with momentum beta, l2,
 * decay
 *   heavy ball (1+beta) (2/eta - decay) - l2,   Nesterov (1+beta)/(1+2 beta) (2/eta - decay) - l2.
 * NaN for Adam, whose limit changes during the run, and with rates of layers. opts NULL: gradient
 * descent. */
CLBDEF double clb_stability_limit(const clb_train_opts *opts, double eta);

/* Sharpness, largest eigenvalues and charges during a training. Set the members up to tol, or leave
 * them 0; clb_train_watched fills in the others, one row for each time it looks. */
typedef struct clb_watch {
    size_t        every;        /* 0 -> T/100, at least 1: updates between looks                  */
    const size_t *at;           /* or an ascending list of looks                                  */
    size_t        at_count;
    size_t        per_decade;   /* or log-spaced                                                  */
    size_t        k;            /* 0 -> 1: number of largest eigenvalues of the Hessian           */
    double        tol;          /* 0 -> 1e-6 (1e-4 single), as in clb_lanczos_opts                */
    size_t        count;        /* rows                                                           */
    size_t        charges;      /* L-1                                                            */
    size_t       *t;            /* [count]           updates done                                 */
    double       *loss;         /* [count]           on all rows                                  */
    double       *limit;        /* [count]           clb_stability_limit at the step size of t    */
    double       *value;        /* [count][k]        descending; value[i*k] is the sharpness      */
    double       *charge;       /* [count][charges]  Q_l                                          */
    size_t        unsure;       /* rows with an eigenvalue that did not reach tol                 */
    clb_trace     trace;        /* of the run                                                     */
    void         *arena;
} clb_watch;
/* clb_train that also watches; opts may have observers of its own. A look costs a gradient and
 * ten to a hundred Hessian products. Lanczos starts from the eigenvectors of the last look and
 * adds a random part, so that it also finds a direction that has become the sharpest since.
 * Memory: a pass, a curvature, one Lanczos at a time, and the rows. Errors: those of clb_train
 * and clb_lanczos, except CLB_ENOCONV. After CLB_OK and CLB_EDIVERGED call clb_watch_free. */
CLBDEF clb_status clb_train_watched(clb_net *net, const clb_data *data, double eta, size_t T,
                                    const clb_train_opts *opts, clb_watch *watch);
CLBDEF void       clb_watch_free(clb_watch *watch);

/* --------------------------------------------------------------------------------------------
 * Gradient flow  dtheta/dt = -grad Loss(theta)
 * ------------------------------------------------------------------------------------------ */

typedef enum clb_flow_method {
    CLB_FLOW_ADAPTIVE,      /* Dormand-Prince 5(4), step size from the embedded error             */
    CLB_FLOW_RK4,           /* classical Runge-Kutta, order 4                                     */
    CLB_FLOW_EULER,         /* gradient descent with eta = dt                                     */
    CLB_FLOW_MIDPOINT,  /* implicit midpoint, order 2; keeps quadratic invariants of smooth flows */
    CLB_FLOW_METHOD_COUNT
} clb_flow_method;

typedef struct clb_flow_opts {
    double          ce;             /* loss blend: 0 MSE .. 1 CE                                  */
    clb_flow_method method;         /* 0 -> adaptive                                              */
    double          dt;             /* fixed steps: their length, required; adaptive: the first,
                                       0 -> 1e-3                                                  */
    double          rtol, atol;     /* 0 -> 1e-8, 1e-10; midpoint: rtol of the solve, 0 -> 1e-16  */
    double          dt_min;         /* adaptive: a step this short is accepted whatever its error
                                       (kinks of ReLU need it); 0 -> 1e-12 of the whole time      */
    size_t          max_steps;      /* 0 -> 10 million, rejected ones included                    */
    int             rescale;        /* 1: after every step clb_rescale to the first charges       */
    const double   *times;          /* ascending, in [0, time]: states the observer sees; the steps
                                       end on them exactly. The end is always added               */
    size_t          time_count;
    clb_observer_fn observe;        /* may be NULL; CLB_STOP ends the flow                        */
    void           *context;
    clb_error      *error;          /* NULL, or where a failure is told with names and values     */
} clb_flow_opts;                    /* NULL: MSE, adaptive                                        */

typedef struct clb_flow_stats {
    double time;            /* reached                                                            */
    double loss;            /* there                                                              */
    size_t steps;           /* accepted                                                           */
    size_t rejected;
    size_t forced;          /* accepted at dt_min against their error                             */
    size_t evaluations;     /* of the gradient                                                    */
    size_t stalls;          /* midpoint: solves that stopped above rtol                           */
    size_t sweeps;          /* of the rescaling                                                   */
    double law_error;    /* rescale: largest error of a law left after a step, over |W|^2 + |V|^2 */
} clb_flow_stats;

CLBDEF void clb_flow_opts_resolve(clb_flow_opts *opts, double time);

/* Follows the flow for `time` > 0 and leaves the result in net->theta. With fixed steps each
 * interval between two of the times is cut into equal steps, as few as possible, none longer than
 * dt. The observer sees t (steps done), time, loss and gradient. A step allocates nothing. *stats
 * may be NULL. The gradient of a ReLU net jumps where a gate switches. So fixed steps of any
 * order leave an error in the charges that shrinks only like dt to dt^2; `rescale` removes it.
 * Errors: CLB_ETIME (time, times), CLB_ESTEP (dt), CLB_ETOL (rtol, atol, dt_min), CLB_EMETHOD,
 * CLB_EACTIVATION (rescale needs one of degree 1), those of clb_pass_check, CLB_EDIVERGED (loss
 * or theta not finite), CLB_ENOCONV (max_steps used up), CLB_ESIZE, CLB_ENOMEM; after the first
 * two of the numerical ones theta is where the flow got to. */
CLBDEF clb_status clb_flow(clb_net *net, const clb_data *data, double time,
                           const clb_flow_opts *opts, clb_flow_stats *stats);

/* Changes the charge of each neuron to a given value without changing the function of the net:
 *   (row_j W_l, b_{l,j}) *= a,  col_j W_{l+1} /= a
 * where a > 0 is chosen such that the charge of the neuron becomes charges[j],              eq. (9)
 *   a^2 = 2q/(c + r) if c > 0, else (r - c)/(2p),   r = sqrt(c^2 + 4pq),
 *   p = |row_j W_l|^2 + b^2,  q = |col_j W_{l+1}|^2,
 * layer after layer, again and again until all charges are right. charges are in the order of
 * clb_hidden_charges. theta NULL: net->theta. grad: NULL, or the gradient at theta, which becomes
 * that at the new theta. A neuron with p = 0 or q = 0 stays as it is.
 * *error: largest |charge - wanted|/(p + q) that is left; *sweeps: how often all layers were
 * visited. Both may be NULL.
 * Errors: CLB_EACTIVATION (degree not 1), CLB_ENOCONV (no progress any more, above 64 epsilon),
 * CLB_ENOMEM.
 */
CLBDEF clb_status clb_rescale(const clb_net *net, clb_real *theta, clb_real *grad,
                              const double *charges, double *error, size_t *sweeps);

/* ============================================================================================
 * @S19 EIGENSOLVERS
 * ========================================================================================== */

/* A stored symmetric matrix as an operator. Only the lower triangle is read: A[i*lda + j], j <= i.
 * The operator keeps a pointer to *A. */
typedef struct clb_dense {
    size_t          n, lda;
    const clb_real *A;
} clb_dense;
CLBDEF clb_linop clb_dense_op(clb_dense *A);

/* All eigenvalues and eigenvectors by cyclic Jacobi rotations, in double also in single builds. The
 * most accurate solver here, but slow: about 40 n^3 flops.   A = V^T diag(values) V
 * A        [n][lda], lower triangle read, unchanged
 * values   n, ascending
 * vectors  [n][n], row k is the unit eigenvector of values[k], its component of largest magnitude
 *          positive; NULL: not wanted
 * Memory 2 n^2 doubles.  Errors: CLB_ENOTFINITE, CLB_ENOCONV (after 60 sweeps; best estimate),
 * CLB_ESIZE, CLB_ENOMEM. */
CLBDEF clb_status clb_jacobi(size_t n, const clb_real *A, size_t lda, double *values,
                             clb_real *vectors);

/* The same, much faster, by blocked Householder tridiagonalisation and divide and conquer.
 * A        [n][lda], lower triangle read; DESTROYED (holds the reflectors)
 * values   n, ascending
 * vectors  as above; NULL: values only (4/3 n^3 flops instead of about 4 n^3), for n > 2000 in two
 *          stages, by way of a band matrix
 * Residual and deviation from orthogonality are a few n eps |A|. Very large and very small matrices
 * do not overflow. Memory clb_eigh_bytes(n, vectors != NULL). Errors as clb_jacobi; after any but
 * CLB_ENOCONV values and vectors are as before. */
CLBDEF clb_status clb_eigh(size_t n, clb_real *A, size_t lda, double *values, clb_real *vectors);
/* Eigenvalues and the lengths c_k = |v_k . g| of a vector g along the eigenvectors, at the cost of
 * the eigenvalues alone: the eigenvectors are never formed.                   Theorem 4, eq. (4)
 *   g^T f(A) g = sum_k c_k^2 f(values[k])
 * projections [n]: c_k in the order of values. A is DESTROYED. Memory and errors as clb_eigh
 * without vectors. */
CLBDEF clb_status clb_eigh_project(size_t n, clb_real *A, size_t lda, const clb_real *g,
                                   double *values,
                                   double *projections);
/* Bytes that clb_eigh allocates (clb_eigh_project: vectors = 0); 0 if the number is too large for a
 * size_t. */
CLBDEF size_t clb_eigh_bytes(size_t n, int vectors);

typedef enum clb_which { CLB_LARGEST, CLB_SMALLEST, CLB_BOTH_ENDS, CLB_WHICH_COUNT } clb_which;

typedef struct clb_lanczos_opts {
    double    tol;           /* 0 -> 1e-10 (1e-5 single): |A v - lambda v| <= tol |A|_2 */
    clb_which which;         /* 0 -> largest ALGEBRAIC eigenvalues (not largest magnitude) */
    size_t    block;         /* 0 -> 1 start vector; 2 for a clb_dense_op with n > 2000: two
                                     products then read the matrix once */
    size_t    basis;         /* 0 -> max(2 k + 20, 60), at most n: vectors kept before a restart */
    size_t    max_products;  /* 0 -> max(10 n, 1000): limit for all products together */
    int       no_check;      /* 0 -> after convergence, start once more from a random vector: one
                                     start vector finds only one copy of a multiple eigenvalue */
    clb_rng  *rng;           /* NULL -> the same random numbers at each call */
    const clb_real *start;   /* NULL -> random; else n reals, first start vector */
} clb_lanczos_opts;          /* NULL: all defaults */

/* Result of clb_lanczos: count eigenvalues with eigenvectors. CLB_LARGEST: descending.
 * CLB_SMALLEST: ascending. CLB_BOTH_ENDS: the k largest descending, then the k smallest
 * ascending. */
typedef struct clb_eigs {
    size_t    n, count;
    double   *value;         /* [count] */
    double   *residual;      /* [count]    |A v - value v|, measured with one more product */
    double   *bound;         /* [count]    on |value - nearest eigenvalue|: r^2/gap of a converged
                                     pair, else r, with |v.Av - value| and rounding */
    int      *converged;     /* [count]    residual <= tol |A| */
    clb_real *vector;        /* [count][n] row i is unit, component of largest magnitude positive */
    double    smallest, largest;   /* extreme Ritz values, whatever was asked for */
    double    norm;          /* estimate of |A|_2: largest |Ritz value| seen */
    size_t    products, restarts;
    void     *arena;
} clb_eigs;

/* Fills in the defaults that clb_lanczos would use for k pairs of A. */
CLBDEF void       clb_lanczos_opts_resolve(clb_lanczos_opts *opts, const clb_linop *A, size_t k);
/* The k largest or smallest eigenvalues, or both, with eigenvectors. (Lanczos with two full
 * reorthogonalisations and thick restarts.) k > n counts as n. All memory, about (basis + block +
 * count) n reals, is allocated at the start.
 * CLB_ENOCONV: max_products were used up before all pairs converged and were checked; *out has the
 * best estimates, fewer than k of them if not even k products were allowed. Other errors:
 * CLB_ECOUNT (k = 0), CLB_EMETHOD (which), CLB_ESTART (start = 0), CLB_EEMPTY (n = 0),
 * CLB_ENOTFINITE (the operator gave NaN or infinity), CLB_ESIZE, CLB_ENOMEM; then *out is
 * zeroed. */
CLBDEF clb_status clb_lanczos(const clb_linop *A, size_t k, const clb_lanczos_opts *opts,
                              clb_eigs *out);
CLBDEF void       clb_eigs_free(clb_eigs *eigs);
/* Bytes that clb_lanczos allocates, with its result; 0 if the number is too large for a size_t. */
CLBDEF size_t     clb_lanczos_bytes(const clb_linop *A, size_t k, const clb_lanczos_opts *opts);

/* Sharpness: the largest eigenvalue of the Hessian, not the one of largest magnitude. *smallest
 * (may be NULL): the smallest one. By clb_lanczos, whose options opts are; which is not looked at.
 * Errors as clb_lanczos. */
CLBDEF clb_status clb_sharpness(clb_curv *curv, const clb_lanczos_opts *opts, double *largest,
                                double *smallest);

typedef struct clb_slq_opts {
    size_t          steps;   /* 0 -> 60, at most n: Lanczos steps of each probe */
    size_t          probes;  /* 0 -> 10 random start vectors (1 with start) */
    const clb_real *start;   /* NULL -> normals from rng; else the one start vector */
} clb_slq_opts;

/* The density of eigenvalues as points (node) with weights >= 0 of sum 1. For any function f
 *   sum_i weight_i f(node_i) ~ mean over the start vectors v of v^T f(A) v / |v|^2 ~ tr f(A) / n
 * The first ~ is exact for polynomials up to degree 2 steps - 1; the second is an average over
 * random v. */
typedef struct clb_quadrature {
    size_t  count;           /* nodes of probe 0 ascending, then of probe 1, ... */
    double *node, *weight;   /* [count]; weight is the squared first component over the probes */
    size_t  products;
    void   *arena;
} clb_quadrature;

/* Stochastic Lanczos quadrature. With opts->start rng may be NULL.
 * Errors: CLB_EEMPTY, CLB_ESTART (neither rng nor start; start zero), CLB_ENOTFINITE, CLB_ESIZE,
 * CLB_ENOMEM. */
CLBDEF clb_status clb_slq(const clb_linop *A, clb_rng *rng, const clb_slq_opts *opts,
                          clb_quadrature *out);
CLBDEF void       clb_quadrature_free(clb_quadrature *q);

typedef struct clb_estimate {
    double mean, stderr_mean;      /* standard error of the mean */
    double lower, upper;           /* 95 % interval, Student t */
    size_t samples;
} clb_estimate;
/* Estimates tr A by Hutchinson's method: the mean of z.Az over probes >= 2 random vectors z with
 * entries +1 and -1. */
CLBDEF clb_status clb_hutchinson(const clb_linop *A, size_t probes, clb_rng *rng,
                                 clb_estimate *out);

/* ============================================================================================
 * @S20 CONSERVATION LAWS
 * ========================================================================================== */

/* C_l = |W_{l+1}|^2 - |W_l|^2, l = 1..L-1, from theta (NULL: net->theta).     Theorem 1, eq. (1) */
CLBDEF double clb_charge(const clb_net *net, const clb_real *theta, size_t l);
/* Q_l = C_l - |b_l|^2: what a net with biases conserves. */
CLBDEF double clb_charge_bias(const clb_net *net, const clb_real *theta, size_t l);
/* From a trace: C_l and Q_l at step t; the drift C_l(steps) - C_l(0) with its sign; the mean over l
 * of |drift|. */
CLBDEF double clb_trace_charge(const clb_trace *trace, size_t l, size_t t);
CLBDEF double clb_trace_charge_bias(const clb_trace *trace, size_t l, size_t t);
CLBDEF double clb_trace_drift(const clb_trace *trace, size_t l);
CLBDEF double clb_trace_mean_drift(const clb_trace *trace);
/* The drift of Q_l, with its sign; and the largest |C_l(t) - C_l(0)|, t = 1..steps. */
CLBDEF double clb_trace_drift_bias(const clb_trace *trace, size_t l);
CLBDEF double clb_trace_max_drift(const clb_trace *trace, size_t l);

/* The charge C of the law of the trace (see clb_trace) at step t, and its drift. For every
 * optimiser but Adam the drift equals trace->predicted up to rounding. */
CLBDEF double clb_trace_law(const clb_trace *trace, size_t l, size_t t);
CLBDEF double clb_trace_law_drift(const clb_trace *trace, size_t l);

/* x / |C_l(0)|, the relative drift as published; x itself if |C_l(0)| <= 1e-10. */
CLBDEF double clb_trace_relative(const clb_trace *trace, size_t l, double x);

/* Degree k of homogeneity of the activation, s(c z) = c^k s(z) for c > 0: 1 for ReLU, identity,
 * leaky and mixed ReLU, the exponent for CLB_RELU_POWER; NaN for the others, which have no law. */
CLBDEF double clb_degree(const clb_net *net);
/* k |W_{l+1}|^2 - |W_l|^2 - |b_l|^2: conserved by the flow of a net of degree k (E11).
 *
 * Every charge of this section is a quadratic form in theta, and its term linear in the gradient is
 * 0 (eq. 10). So one step of gradient descent changes it by eta^2 times the same function of the
 * gradient (Theorem 2, eq. (2)):  charge(theta - eta G) = charge(theta) + eta^2 charge(G). */
CLBDEF double clb_charge_degree(const clb_net *net, const clb_real *theta, size_t l, double k);
/* Change of Q_l in one step of gradient descent: eta^2 clb_charge_bias(net, grad, l). */
CLBDEF double clb_drift_step(const clb_net *net, const clb_real *grad, size_t l, double eta);

/* Charges of the m_l neurons of hidden layer l:  c_{l,j} = |col_j W_{l+1}|^2 - |row_j W_l|^2 -
 * b_{l,j}^2. Each is conserved by the flow of a net of degree 1; their sum is Q_l. From theta
 * (NULL: net->theta), or from a gradient for the drift. out: m_l doubles. */
CLBDEF void   clb_neuron_charges(const clb_net *net, const clb_real *theta, size_t l, double *out);
/* Number of hidden neurons, m_1 + ... + m_{L-1}: the number of conserved quantities. */
CLBDEF size_t clb_hidden_count(const clb_net *net);
/* The charges of all of them, layer after layer: clb_hidden_count(net) doubles. */
CLBDEF void   clb_hidden_charges(const clb_net *net, const clb_real *theta, double *out);

/* M_l = W_{l+1}^T W_{l+1} - W_l W_l^T (- b_l b_l^T), m_l x m_l: conserved whole by linear nets
 * (CLB_IDENTITY); for others only its diagonal, the charges of the neurons. From theta (NULL:
 * net->theta), or from a gradient. O(m_l^2 (m_{l-1} + m_{l+1})). */
CLBDEF void   clb_matrix_charge(const clb_net *net, const clb_real *theta, size_t l, double *out);

/* The identity behind the laws is  k <W_{l+1},G_{l+1}> = <W_l,G_l> + <b_l,g_l>  (k = 1: eq. 10).
 * Returns how far it is from true:  |left - right| / (|right| + 1e-30); with_bias = 0 leaves out
 * <b_l,g_l>. An activation without a degree is treated as k = 1, and the result is of order 1. */
CLBDEF double clb_identity_residual(const clb_net *net, const clb_real *theta,
                                    const clb_real *grad, size_t l, int with_bias);
/* The same neuron by neuron: max over j of |left_j - right_j| / (sum of the absolute products). */
CLBDEF double clb_neuron_identity_residual(const clb_net *net, const clb_real *theta,
                                           const clb_real *grad, size_t l);
/* Linear nets: W_{l+1}^T G_{l+1} = G_l W_l^T + g_l b_l^T, m_l x m_l; largest entry of the
 * difference over |W_{l+1}| |G_{l+1}| + |W_l| |G_l|. */
CLBDEF double clb_matrix_identity_residual(const clb_net *net, const clb_real *theta,
                                           const clb_real *grad, size_t l);

/* The drift written with the energy E, which explains its exponent without eigenvalues. With
 *   E = sum_t |G(t)|^2,  DL = Loss(0) - Loss(T),  kbar = S_l / E,  mu = eta E / DL
 * the drift of charge l is eta^2 S_l = kbar eta DL mu. Below the edge of stability mu tends to 1 as
 * eta tends to 0. */
typedef struct clb_energy {
    double E, loss_drop, kbar, mu;
} clb_energy;
/* final_loss: the loss at theta_T, trace->loss[trace->steps]. NaN for a run that diverged. */
CLBDEF clb_energy clb_trace_energy(const clb_trace *trace, size_t l, double final_loss);

/* ============================================================================================
 * @S21 SPECTRAL THEORY
 * ========================================================================================== */

/* 1 + x + ... + x^(T-1) = (1 - x^T)/(1 - x), which is T at x = 1. The relative error is a few eps
 * for any x, also near 1. Infinity if x^T overflows. */
CLBDEF double clb_geo(double x, size_t T);

/* ---- the crossover formula as published ----------------------- Theorem 4, eq. (4), (18), (19) */

/* c_k = a_k^2 |delta_0| / sum_j a_j^2, where a_k = v_k . g: the squared components of the gradient,
 * scaled such that their sum is the imbalance |delta_0| of the first step. So one number is fitted
 * at t = 0, and nothing is known of the layers. Not scaled if the sum is <= 1e-12. a and c have n
 * values and may be the same array. */
CLBDEF void   clb_crossover_weights(size_t n, const double *a, double delta0, double *c);

typedef struct clb_crossover_info {
    size_t stable, unstable;    /* modes added by (4); modes with |1 - eta lambda| >= 1           */
    size_t negative, zero;      /* modes left out: lambda < 0; |lambda| < 1e-12                   */
} clb_crossover_info;

/*   S(eta) = sum_k c_k (1 - rho_k^(2T)) / (eta lambda_k (2 - eta lambda_k)),
 *   rho_k = 1 - eta lambda_k,
 * summed over lambda_k > 0. Unstable modes (|rho| >= 1) enter as published, with c_k T / |den|, den
 * the denominator above (not at all if |den| <= 1e-12). Nothing justifies that: the true sum grows
 * like rho^(2T). info may be NULL. */
CLBDEF double clb_crossover(size_t n, const double *lambda, const double *c, double eta, size_t T,
                            clb_crossover_info *info);
/* d ln S / d ln eta of the sum above over its stable modes. The drift grows like eta to the power 2
 * plus this. For one mode that has converged: -1 + eta lambda/(2 - eta lambda).  NaN for S = 0. */
CLBDEF double clb_crossover_slope(size_t n, const double *lambda, const double *c, double eta,
                                  size_t T);
/* What the formula needs at the point of curv: all P eigenvalues of the Hessian, ascending, and
 * their c_k, with delta_0 = (|G_L|^2 - |G_1|^2)/(L-1).  lambda, c: P doubles each. Memory P^2 reals
 * and clb_eigh_bytes(P, 0).
 * Errors: those of clb_hessian and clb_eigh_project. */
CLBDEF clb_status clb_crossover_modes(clb_curv *curv, double *lambda, double *c);
/* f = eta lambda_max / 2: below 1 stable, at 1 the edge. */
CLBDEF double clb_phase(double eta, double lambda_max);

/* ---- the exact sum of a quadratic model ------------------------------------------------------ */

/* Eigenvalues of a symmetric matrix, with what the imbalance of layers l and l+1 needs of its
 * modes:
 *   a_k = v_k . g,   D_kj = <v_k, v_j>_{W_{l+1}} - <v_k, v_j>_{W_l}  (minus b_l's part) */
typedef struct clb_spectrum {
    size_t  total;              /* eigenvalues of the matrix                                      */
    size_t  n;                  /* modes kept: |a_k| >= 1e-10 |g|                                 */
    double *lambda;             /* [n]                                                            */
    double *projection;         /* [n] a_k                                                        */
    double *D;                  /* [n][n]                                                         */
    double  energy;             /* |g|^2                                                          */
    double  delta0;             /* sum_kj a_k a_j D_kj, the imbalance at t = 0                    */
    double  largest, smallest;  /* of all eigenvalues                                             */
    void   *arena;
} clb_spectrum;

/* From all P eigenpairs of the Hessian or Gauss-Newton matrix (clb_eigh: row k of vectors is v_k)
 * and the gradient. Memory n^2 doubles, and n^2 + n max|W_l| reals while it runs.
 * Errors: CLB_ELAYER (l not in 1..L-1), CLB_ESIZE, CLB_ENOMEM. */
CLBDEF clb_status clb_spectrum_init(clb_spectrum *sp, const clb_net *net, size_t l,
                                    const double *values, const clb_real *vectors,
                                    const clb_real *grad);
/* The same for the Gauss-Newton matrix of MSE through the nK x nK kernel N = N_1 + ... + N_L of the
 * outputs:  N = U diag(kap) U^T,  c = 2/(nK),  b = U^T (f - t),
 *   lambda_p = c kap_p,  a_p = c b_p sqrt(kap_p),
 *   D_pq = [U^T (N_{l+1} - N_l) U]_pq / sqrt(kap_p kap_q).
 * Errors also: CLB_ELOSS unless the loss is MSE (ce = 0), and those of clb_eigh. */
CLBDEF clb_status clb_spectrum_init_ntk(clb_spectrum *sp, clb_curv *curv, size_t l);
CLBDEF void       clb_spectrum_free(clb_spectrum *sp);

typedef enum clb_mode_rule {
    CLB_MODES_ALL,              /* every mode, also lambda < 0                                    */
    CLB_MODES_POSITIVE,         /* lambda > 1e-9 and |1 - eta lambda| < 1                         */
    CLB_MODES_CLAMPED           /* lambda < 0 counts as 0: for positive semidefinite matrices     */
} clb_mode_rule;

typedef struct clb_quadratic {
    double S;                   /* sum_kj a_k a_j D_kj geo(rho_k rho_j, T)                        */
    double diagonal;            /* sum_k c_k geo(rho_k^2, T), first-principles c_k = a_k^2 D_kk   */
    double coupling;            /* mode coupling M_T = (S - diagonal)/diagonal; M_0 is T = 1      */
    double phase;               /* eta lambda_max / 2                                             */
    double growth;              /* h = eta |lambda_min| T, 0 unless negative modes are in the sum */
    size_t modes;               /* in the sum                                                     */
    int    valid;               /* phase < 1 and h <= 0.3; outside that the sums mean nothing     */
} clb_quadratic;
/* The imbalance summed over T steps, if the loss were quadratic: g_{t+1} = (I - eta H) g_t. Exact
 * for such a loss. Cost n^2/2 calls of clb_geo. */
CLBDEF clb_quadratic clb_spectrum_sum(const clb_spectrum *sp, double eta, size_t T,
                                      clb_mode_rule rule);
/* The imbalance delta_t at step t of the same model. Errors: CLB_ENOMEM; *delta is then NaN. */
CLBDEF clb_status    clb_spectrum_delta(const clb_spectrum *sp, double eta, size_t t,
                                        clb_mode_rule rule, double *delta);

/* ---- the linearised network ------------------------------------------------------------------ */

typedef struct clb_linear_opts {
    const size_t *restart;      /* steps where the net is linearised anew, ascending, or NULL     */
    size_t        restart_count;
    double       *delta;        /* NULL or [T][L-1]: imbalance of every step                      */
    double       *loss;         /* NULL or [T]: loss of the model before every step               */
} clb_linear_opts;

/* Predicts S_l = sum_t |G_{l+1}|^2 - |G_l|^2 - |g_{b_l}|^2 from one point, with nothing fitted: the
 * net is replaced by its linearisation f = f_0 + J (theta - theta_0) at the point of curv, and this
 * model is trained with the true loss. At each restart the weights of the model become the new
 * theta_0. S: L-1 doubles. Costs about T gradient steps, and 3 P + n K reals. On return curv is
 * back at its point. opts may be NULL. Errors: CLB_EDIVERGED (numbers overflow and S is NaN: the
 * model does not hold for eta lambda_max > 2), CLB_ENOMEM. */
CLBDEF clb_status clb_linearised(clb_curv *curv, double eta, size_t T, const clb_linear_opts *opts,
                                 double *S);
/* Steps for restart, from values s[0..count-1] of eta t: round(s/eta), without 0, without repeats
 * and without steps >= T. Returns how many it wrote to steps (room for count). */
CLBDEF size_t clb_restart_steps(double eta, size_t T, size_t count, const double *s, size_t *steps);

/* ---- spectra --------------------------------------------------------------------------------- */

/* The statistics of eigenvalues that the published files have. */
typedef struct clb_spectrum_stats {
    size_t positive, negative, zero;    /* > tol, < -tol, the rest                                */
    double largest, smallest;
    double sum_positive, mean_positive, median_positive;      /* over > tol; NaN if there is none */
    double effective_rank;              /* sum_positive / largest                                 */
    double spectral_width;              /* largest / median_positive                              */
} clb_spectrum_stats;
/* values ascending, n of them. */
CLBDEF clb_spectrum_stats clb_spectrum_describe(size_t n, const double *values, double tol);

/* ---- mode coefficients of a two-layer linear net --------------- Theorem 5, eq. (5), (23)-(25) */

/* Modes of the inputs: X^T X/n = Sigma = sum_k lx_k u_k u_k^T. Squared loss. Arrays are in the
 * order of lx, not sorted by size. With A = Y^T X/n:  r_k = (W_2 W_1 Sigma - A) u_k = lx_k e_k. */
typedef struct clb_linear_modes {
    size_t  d;
    double *lx;                 /* [d] descending                                                 */
    /* [d] (2/K)^2 (|r_k|^2 |W_1 u_k|^2 - |W_2^T r_k|^2): imbalance of mode k */
    double *d_k;
    /* [d] lx_k^2 |e_k|^2 = |r_k|^2: corrected coefficient, to one common factor */
    double *c_k;
    double *c_published;        /* [d] lx_k^2 |W_2 W_1 u_k - A u_k|^2: A u_k not divided by lx_k  */
    /* [d] (2/K) lx_k (|W_1 u_k|^2 + |W_2^T r_k|^2/|r_k|^2): curvature along mode k */
    double *rate;
    double  g1, g2;             /* |G_1|^2, |G_2|^2 from the modes, exactly                       */
    double  factor;             /* (2/K)^2 (m-d)/(3d): d_k/c_k expected at the default draw       */
    void   *arena;
} clb_linear_modes;
/* Errors: CLB_ESHAPE, CLB_EACTIVATION, CLB_ELAYER (not two bias-free identity layers), those of
 * clb_pass_init and clb_jacobi. */
CLBDEF clb_status clb_linear_modes_init(clb_linear_modes *modes, const clb_net *net,
                                        const clb_data *data);
CLBDEF void       clb_linear_modes_free(clb_linear_modes *modes);

/* ---- spectral compression --------------------------------- Theorem 6, eq. (6), (7), (20)-(22) */

/* Largest eigenvalue of diag(p) - p p^T: the root between the two largest p of
 * sum_k p_k^2/(p_k - x) = 1.
 *   K/(K-1) max_k p_k(1-p_k) <= lambda <= 2 max_k p_k(1-p_k)
 * (the published proof takes max_k p_k(1-p_k) itself, which is too small).
 * p: K values >= 0 of sum 1. */
CLBDEF double clb_softmax_curvature(size_t K, const clb_real *p);

typedef struct clb_compression {
    double jtj;                 /* lambda_max(J^T J/n)                                            */
    double q_max, q_mean;       /* max_i, mean_i of q_i(1-q_i), q_i probability of the label      */
    double p_max;               /* max_i max_k p_ik (1 - p_ik)                                    */
    double s_max;               /* max_i lambda_max(S_i), exact                                   */
    double published;           /* eq. (7): jtj q_max; does not always bound                      */
    double corrected;           /* 2 jtj p_max                                                    */
    double sharp;               /* jtj s_max, the best of this kind                               */
    double gauss_newton;        /* lambda_max(H_GN) <= sharp <= corrected                         */
    double hessian;             /* lambda_max(H) <= gauss_newton + residual                       */
    double residual;            /* clb_residual_bound                                             */
} clb_compression;
/* All of it at the point of curv. Errors: CLB_ELOSS (ce != 1), CLB_EUNLABELLED, those of
 * clb_lanczos. */
CLBDEF clb_status clb_compression_bounds(clb_curv *curv, clb_compression *out);

/* ============================================================================================
 * @S22 STATISTICS
 * ========================================================================================== */

/* Of n values x, summed in their order in double. NaN if n = 0 or if one value is NaN. The mean of
 * equal values is exactly that value, and their standard deviation 0. Squares of very large or very
 * small values do not overflow or vanish: the values are first scaled by a power of two. */
CLBDEF double clb_mean(size_t n, const double *x);
CLBDEF double clb_std_pop(size_t n, const double *x);     /* divides by n: every published "std"  */
CLBDEF double clb_std(size_t n, const double *x);         /* divides by n-1; NaN for n < 2        */
CLBDEF double clb_stderr(size_t n, const double *x);      /* clb_std / sqrt(n)                    */

/* The same over the finite values only; `finite` is how many there are. For sweeps in which some
 * runs diverged. If no value is finite, all other members but n are NaN. */
typedef struct clb_summary {
    size_t n, finite;
    double mean, std_pop, std, stderr_mean, min, max;
} clb_summary;
CLBDEF clb_summary clb_summarize(size_t n, const double *x);

/* Heap sort, ascending; NaN goes to the end. No allocation. */
CLBDEF void   clb_sort(size_t n, double *x);
/* Quantile q in [0, 1] of an ascending array, by linear interpolation at position q (n-1). At a
 * whole position it is exactly the value there, so infinite values (diverged runs) at the ends
 * leave the quantiles between them alone. NaN for n = 0. */
CLBDEF double clb_quantile_sorted(size_t n, const double *x, double q);
/* Median of the values that are not NaN; sorts x. */
CLBDEF double clb_median(size_t n, double *x);

/* Integral of n values with distance dx by the trapezoid rule: dx (sum - (first + last)/2). 0 for
 * n = 1. */
CLBDEF double clb_trapezoid(size_t n, const double *y, double dx);
/* Share of neighbours with different sign (-1, 0 or +1) among the n-1 pairs; NaN for n < 2.   E3 */
CLBDEF double clb_sign_change_rate(size_t n, const double *x);
/* The Hurst exponent from one rescaled range, as published. With y the cumulative sum of x - mean
 * x,
 *   H = ln((max y - min y) / std_pop x) / ln n.
 * Not a regression over window sizes; NaN for n < 2 or constant x.                            E3 */
CLBDEF double clb_hurst(size_t n, const double *x);

/* Least squares fit y = slope x + intercept. Points with NaN or infinity are left out; n is how
 * many were used. The other members are NaN if fewer than 2 points or only one x are left. */
typedef struct clb_fit {
    size_t n;
    double slope, intercept;
    double slope_se, intercept_se;    /* n-2 degrees of freedom; NaN for n = 2                    */
    double r2;                        /* 1 - rss / sum (y - mean y)^2; 0 when that sum is 0       */
    double rss;                       /* residual sum of squares                                  */
} clb_fit;
CLBDEF clb_fit clb_fit_linear(size_t n, const double *x, const double *y);
/* Power law y = e^intercept x^slope, as a line through (ln x, ln y); r2 and rss are those of ln y.
 * Only points with x > 0 and y > floor are used; the papers have floor 1e-10 or 1e-15. */
CLBDEF clb_fit clb_fit_power(size_t n, const double *x, const double *y, double floor);
/* Exponential y = e^intercept e^(slope t), as a line through (t, ln y) of the points lo < y < hi.
 * clb_fit_tau gives tau = -1/slope, NaN unless the slope is negative.         Proposition 7, E23 */
CLBDEF clb_fit clb_fit_exponential(size_t n, const double *t, const double *y, double lo,
                                   double hi);
CLBDEF double  clb_fit_tau(const clb_fit *fit);

/* Quadratic ln y = c2 (ln x)^2 + c1 ln x + c0 on the points of clb_fit_power: c2 is the curvature
 * that a power law does not have. NaN with fewer than 3 points or 3 different x. */
typedef struct clb_fit2 {
    size_t n;
    double c0, c1, c2, c2_se;         /* n-3 degrees of freedom; NaN for n = 3                    */
    double r2, rss;
} clb_fit2;
CLBDEF clb_fit2 clb_fit_power_quadratic(size_t n, const double *x, const double *y, double floor);

/* Fits of decays. tau does not enter linearly, so it is searched. */
typedef struct clb_decay {
    size_t n;
    double a, tau, c;
    double r2, rss;                   /* of y or of ln y: whichever the fit minimises             */
} clb_decay;
/* y = a exp(-t/tau) + c by least squares in y over all three. tau is searched between a hundredth
 * of the smallest step of t and a hundred times its span; t ascending, n >= 3. */
CLBDEF clb_decay clb_fit_decay(size_t n, const double *t, const double *y);
/* y = a / (1 + t/tau) by least squares in ln y (y > 0); the same search; c = 0. */
CLBDEF clb_decay clb_fit_hyperbola(size_t n, const double *t, const double *y);
/* y = a t^slope by least squares in y, not in ln y; slope in [-8, 8]. r2, rss in y; intercept = ln
 * a; standard errors NaN. t > 0. */
CLBDEF clb_fit   clb_fit_power_nonlinear(size_t n, const double *t, const double *y);

/* Minimum of f on [lo, hi]: 129 equally spaced trials, then golden section in the best interval. */
typedef double (*clb_scalar_fn)(void *context, double x);
CLBDEF double clb_minimize(clb_scalar_fn f, void *context, double lo, double hi);

/* Information criteria of a least-squares fit with k coefficients, the noise variance not counted:
 * Akaike's n ln(rss/n) + 2k and Schwarz' n ln(rss/n) + k ln n. The smaller value is the better fit.
 * Compare only fits of the same n values, all of y or all of ln y. */
CLBDEF double clb_aic(size_t n, double rss, size_t k);
CLBDEF double clb_bic(size_t n, double rss, size_t k);

/* The n-1 slopes ln(y_{i+1}/y_i) / ln(x_{i+1}/x_i) between neighbours; NaN where one of the four
 * numbers is not positive. */
CLBDEF void   clb_local_slopes(size_t n, const double *x, const double *y, double *slope);

/* Correlation of x and y over the pairs that are finite; NaN if fewer than 2 are left or if x or
 * y is constant. */
CLBDEF double clb_pearson(size_t n, const double *x, const double *y);
/* Pearson of ln x and ln y over the pairs with x > x_floor and y > y_floor (floors >= 0). */
CLBDEF double clb_pearson_log(size_t n, const double *x, const double *y, double x_floor,
                              double y_floor);
/* Correlation of the ranks; equal values get their mean rank. NaN if any value is NaN. O(n^2), no
 * allocation. */
CLBDEF double clb_spearman(size_t n, const double *x, const double *y);

/* Percentile bootstrap: how much would a statistic change if other seeds had been drawn? It is
 * computed again and again from n seeds drawn with replacement from the n seeds at hand. Your
 * function gets n indices in 0..n-1 and returns the statistic of these seeds; the first call has 0,
 * 1, ..., n-1 and gives `value`. Results that are not finite are left out; `used` counts the
 * others. Same options, same numbers everywhere. */
typedef double (*clb_statistic_fn)(void *context, size_t n, const uint32_t *index);
typedef struct clb_bootstrap_opts {
    size_t   resamples;    /* 0 -> 1000                                                           */
    double   level;        /* 0 -> 0.95                                                           */
    uint64_t seed;         /* of the resampling, used as it is                                    */
} clb_bootstrap_opts;
typedef struct clb_interval {
    double value, lo, hi;  /* NaN where undefined                                                 */
    double se;             /* standard deviation of the replicates                                */
    size_t used;           /* finite replicates                                                   */
} clb_interval;
/* Errors: CLB_ECOUNT (n = 0 or >= 2^32), CLB_ELEVEL (not in (0, 1)), CLB_ESIZE, CLB_ENOMEM; *out
 * is then NaN. */
CLBDEF clb_status clb_bootstrap(size_t n, clb_statistic_fn statistic, void *context,
                                const clb_bootstrap_opts *opts, clb_interval *out);
CLBDEF clb_status clb_bootstrap_mean(size_t n, const double *x, const clb_bootstrap_opts *opts,
                                     clb_interval *out);

/* A sweep: y[seed][i] is the result of one seed at x[i], a learning rate, a width, ...; NaN if
 * the run diverged. The published exponents are fits to the mean over the seeds. */
typedef struct clb_sweep {
    size_t        seeds, n;
    const double *x;           /* n                                                               */
    const double *y;           /* seeds * n                                                       */
    double        floor;       /* mask of clb_fit_power                                           */
    int           survivors;   /* 0: the mean at x[i] is NaN if a seed is; the fit leaves it out;
                                  1: the mean is over the seeds that are finite                   */
} clb_sweep;
/* mean[n]: means over the seeds index[0..count-1], or over all with index NULL. clb_sweep_fit also
 * fits a power law to them. */
CLBDEF void    clb_sweep_means(const clb_sweep *sweep, const uint32_t *index, size_t count,
                               double *mean);
CLBDEF clb_fit clb_sweep_fit(const clb_sweep *sweep, double *mean);
/* Bootstrap intervals of the exponent and, unless slope is NULL, of the n-1 local slopes.
 * Errors as clb_bootstrap, and CLB_ECOUNT for n = 0. */
CLBDEF clb_status clb_bootstrap_sweep(const clb_sweep *sweep, const clb_bootstrap_opts *opts,
                                      clb_interval *alpha, clb_interval *slope);

/* ============================================================================================
 * @S23 PATHWAYS
 * ========================================================================================== */

/* Deep linear networks side by side: P pathways, pathway p a product of L_p matrices, all with the
 * same input, their outputs added:
 *     Omega_p = W_{p,L_p} ... W_{p,1}      Loss = 1/2 |sum_p Omega_p - M|_F^2
 * Notation of the second paper: s* is a singular value of the target M, u_p the singular value of
 * every layer of pathway p, s_p = u_p^{L_p} what the pathway contributes, r = sum_p s_p - s* the
 * residual, eta the step size. gamma = eta S is the step size in units of 1/S, where S =
 * L s*^(2-2/L) is the sharpness if one pathway alone carries s*. Variances divide by P.
 * Functions that return a double return NaN for input outside their range. clb_path_check and
 * clb_path_step_check say what is wrong with it, and so do all functions that return a status:
 *     CLB_EPATHS   P = 0             CLB_EDEPTH  a pathway is shallower than the formula needs
 *     CLB_ETARGET  s* <= 0 or NaN    CLB_ESTEP   eta <= 0 or NaN                                 */

/* Are all depth[0..P-1] at least `least` (depth NULL: not looked at), and is target > 0 and
 * finite? */
CLBDEF clb_status clb_path_check(size_t P, const size_t *depth, size_t least, double target);
CLBDEF clb_status clb_path_step_check(double eta);
/* x^n by repeated squaring: at most 2 log2(n) + 1 products, always in the same order. */
CLBDEF double clb_powi(double x, size_t n);

/* ---- warm-up ------------------------------------------------------------------------------- */

typedef enum clb_path_ramp_shape {
    CLB_PATH_RAMP_LINEAR, CLB_PATH_RAMP_GEOMETRIC, CLB_PATH_RAMP_JUMP, CLB_PATH_RAMP_COUNT
} clb_path_ramp_shape;

/* A step size that moves from `from` to `to` in `steps` updates and stays there:
 *     linear: from + (to-from) min(1, t/steps)    geometric: from (to/from)^min(1, t/steps)
 *     jump: from for t < steps, then to
 * How to choose it: while one pathway carries the whole signal, keep gamma below gamma_WCR
 * (clb_path_worst_return). When the pathways share the signal, gamma may grow up to gamma_c. Begin
 * above gamma = 2. Below, the run converges to r = 0, and from there nothing moves any more, even
 * if a larger step size later makes this point unstable. See M8. */
typedef struct clb_path_ramp {
    double         from, to;
    size_t         steps;
    clb_path_ramp_shape shape;
} clb_path_ramp;
CLBDEF double clb_path_ramp_at(const clb_path_ramp *ramp, size_t t);

/* ---- one mode: the scalar recursion --------------------------------------------------------- */

/* One singular value of nets whose layers all have the singular vectors of the target, so that
 * these never change during training (singular-vector-stationary, SVS). All layers of pathway p
 * have the same singular value u_p. You may write to u between calls. */
typedef struct clb_path_mode {
    size_t  count;      /* P, the number of pathways                                              */
    size_t *depth;      /* [P] L_p >= 1, the number of matrices                                   */
    double *u;          /* [P]                                                                    */
    double *power;      /* [P] u_p^(L_p-1) at the last residual                                   */
    double *mean;       /* [P] s_p averaged over the tail of the last run                         */
    double  target;     /* s*                                                                     */
    void   *arena;
} clb_path_mode;

/* u_p = alpha_p^(1/L_p), so that s_p(0) = alpha_p >= 0.
 * Errors: CLB_EPATHS, CLB_EDEPTH (a depth of 0), CLB_ETARGET, CLB_ENOTFINITE (alpha_p negative or
 * not finite), CLB_ESIZE, CLB_ENOMEM; *mode is then zeroed. */
CLBDEF clb_status clb_path_mode_init(clb_path_mode *mode, size_t P, const size_t *depth,
                                     double target, const double *alpha);
CLBDEF void       clb_path_mode_free(clb_path_mode *mode);     /* accepts a zeroed struct */

/* r = sum_p u_p^{L_p} - s*, pathways in ascending order; fills power. */
CLBDEF double clb_path_mode_residual(clb_path_mode *mode);
/* One step of the exact recursion, all pathways with the same r; returns the r it used:
 *     u_p <- u_p - eta r u_p^(L_p-1)                                                         (R) */
CLBDEF double clb_path_mode_step(clb_path_mode *mode, double eta);
/* At the current u:
 *   signal     s_p
 *   sum        sum_p s_p
 *   sharpness  sum_p L_p u_p^(2L_p-2)                                                          (S1)
 *              at r = 0 the only eigenvalue of the Hessian in this mode that is not 0
 *   share      largest s_p / sum s
 *   gap        sqrt(Var s) / (s* / P) */
CLBDEF double clb_path_mode_signal(const clb_path_mode *mode, size_t p);
CLBDEF double clb_path_mode_sum(const clb_path_mode *mode);
CLBDEF double clb_path_mode_sharpness(const clb_path_mode *mode);
CLBDEF double clb_path_mode_share(const clb_path_mode *mode);
CLBDEF double clb_path_mode_gap(const clb_path_mode *mode);
/* V = Var(z), z_p = u_p^(2-L), one depth L >= 3 for all pathways; NaN otherwise. */
CLBDEF double clb_path_mode_variance(const clb_path_mode *mode);

typedef enum clb_path_outcome {
    CLB_PATH_SINGLE,    /* one pathway holds what gradient flow would have given it               */
    CLB_PATH_PARTLY,         /* re-balanced in part: between single path and equal shares */
    CLB_PATH_BALANCED,       /* equal shares (depths differ: the sharpness optimum), r at rest */
    CLB_PATH_TWO_CYCLE,      /* r keeps alternating (further up also longer cycles) */
    CLB_PATH_COLLAPSED,      /* on the plateau near u = 0, less than half of s* learnt */
    CLB_PATH_FLIPPED,        /* some u_p became negative */
    CLB_PATH_RUN_AWAY,       /* not finite, or |u_p| > u_max */
    CLB_PATH_OUTCOME_COUNT
} clb_path_outcome;
CLBDEF const char *clb_path_outcome_name(clb_path_outcome outcome);

typedef void (*clb_path_mode_fn)(void *context, size_t t, const clb_path_mode *mode, double r);

typedef struct clb_path_mode_opts {
    size_t          tail;       /* 0 -> 2: iterates T-tail+1..T are averaged                      */
    double          u_max;      /* 0 -> 10: larger |u_p| is divergence                            */
    double          settle;     /* > 0: end once |r| <= settle s* four times, eta lambda < 2    */
    double          single;     /* share that counts as single path; 0 -> leaf endpoint - 0.01    */
    double          balanced;   /* 0 -> 0.01: largest relative deviation from the optimum         */
    double          cycle;   /* 0 -> 1e-2: rms of r / s* over the tail that counts as two-cycle   */
    int             stop_at_flip;
    int             laws;       /* count rises of V and steps without strong safety               */
    const clb_path_ramp *ramp;       /* NULL: eta at every step; else eta is not looked at */
    clb_path_mode_fn     observe;    /* NULL, or called with iterates t = 0..T and residuals */
    void           *context;
} clb_path_mode_opts;                /* NULL: all defaults                                        */

#define CLB_PATH_NEVER ((size_t)-1)

/* The result of a run, besides mode->u and mode->mean. Means are over the tail. */
typedef struct clb_path_mode_run {
    size_t      steps;          /* updates done                                                   */
    clb_path_outcome outcome;
    double      r;              /* at the last iterate                                            */
    double      rms_r;
    double      sum;            /* mean of sum_p s_p                                              */
    double      share;          /* largest mean s_p / mean sum                                    */
    double      gap;            /* sqrt(Var mean s) / (s* / P)                                    */
    double      eta_lambda;     /* mean                                                           */
    double      eta_lambda_max; /* over the whole run                                             */
    double      u_min;          /* smallest u_p of the run                                        */
    double      peak;           /* largest s_p / s* of the run                                    */
    size_t      flip;           /* first t with a negative u_p, or CLB_PATH_NEVER                 */
    size_t      cross;          /* first t with eta lambda > 2, or CLB_PATH_NEVER                 */
    double      cross_share;    /* largest s_p / s* at t = cross; NaN if never                    */
    size_t      rises;          /* steps with sqrt V larger than before by more than rounding     */
    size_t      unsafe;         /* steps without strong safety                                    */
} clb_path_mode_run;

/* T updates with step size eta. No heap allocation inside a step. Divergence is an outcome, not an
 * error.
 * Errors: CLB_ESTEP, CLB_EMETHOD (ramp), CLB_ENOMEM. See tests/t_pathways.c, M1, M2, M4, M7, M8 */
CLBDEF clb_status clb_path_mode_train(clb_path_mode *mode, double eta, size_t T,
                                      const clb_path_mode_opts *opts, clb_path_mode_run *run);

/* ---- sharpness at a global minimum ---------------------------------------------------------- */

/* lambda = sum_p L_p s_p^(2-2/L_p): the mode's sharpness at r = 0, any depths >= 1, s_p >= 0.  (S1)
 * The paper says that a shallow pathway is the less sharp one. In fact d ln(L s^(2-2/L))/dL =
 * (L + 2 ln s)/L^2: alone, a deeper pathway is sharper unless s* < exp(-L/2). The state with one
 * shallow pathway loses stability because spreading lowers the sum (M4). */
CLBDEF double clb_path_sharpness(size_t P, const size_t *depth, const double *s);
/* lambda_ij = sum_p sum_{k<L_p} u_{p,i}^(2(L_p-1-k)) u_{p,j}^(2k): the eigenvalue of the full
 * Hessian for the ordered pair of modes (i,j) at a minimum in SVS form; ui, uj [P].         (S2) */
CLBDEF double clb_path_pair(size_t P, const size_t *depth, const double *ui, const double *uj);
/* lambda [d][d]: the d^2 eigenvalues that are not 0, from u [P][d]; all others are 0. The largest
 * is max_i lambda_ii. If eta lambda_ij > 2 for some i != j, rounding errors grow until the layers
 * no longer have the singular vectors of the target (M7).
 * Errors: CLB_EPATHS, CLB_EDEPTH. */
CLBDEF clb_status clb_path_spectrum(size_t P, const size_t *depth, size_t d, const double *u,
                                    double *lambda);
/* S = L s*^(2-2/L), the sharpness if one pathway has all of s*; and the smallest sharpness of all
 * ways to share s* among P pathways, reached by equal shares:
 *     lambda_min = L P^(2/L-1) s*^(2-2/L)                                                      (S3)
 * For L = 2 both are 2 s*: depth 2 cannot re-balance. */
CLBDEF double clb_path_single_sharpness(size_t L, double target);
CLBDEF double clb_path_balanced_sharpness(size_t P, size_t L, double target);
/* The shares s [P] of s* with the smallest sharpness, for any depths >= 2. They solve
 *     d lambda/d s_p = 2 (L_p-1) s_p^(1-2/L_p) = mu  for all p,     sum_p s_p = s*
 * by bisection on mu. mu cannot exceed 2 where a depth is 2; these pathways then share equally what
 * the others leave. mu and lambda_min may be NULL. Errors: CLB_EPATHS, CLB_EDEPTH (< 2),
 * CLB_ETARGET. See M4 */
CLBDEF clb_status clb_path_optimum(size_t P, const size_t *depth, double target, double *s,
                                   double *mu, double *lambda_min);

/* The step sizes lo < eta < hi, from 2/S to 2/lambda_min, for which the minimum with the shallowest
 * pathway alone is unstable and the flattest sharing is stable. gamma_c = 2 S/lambda_min; if all
 * depths are L, it is 2 P^(1-2/L).                                                              (W)
 * Errors: as clb_path_optimum. */
typedef struct clb_path_bounds { double lo, hi, S, lambda_min, gamma_c; } clb_path_bounds;
CLBDEF clb_status clb_path_window(size_t P, const size_t *depth, double target,
                                  clb_path_bounds *window);

/* ---- laws across pathways: the leaf coordinate ---------------------------------------------- */

/* The leaf coordinate zhat of u > 0: u^(2-L)/(L-2) for L >= 3, -log u for L = 2, -u for L = 1.
 * Under gradient flow dzhat_p/dt = r for every pathway, so all differences zhat_p - zhat_q are
 * conserved. The states with the same differences are a leaf. clb_path_leaf_inverse: u from
 * zhat. */
CLBDEF double clb_path_leaf(size_t L, double u);
CLBDEF double clb_path_leaf_inverse(size_t L, double zhat);
/* Where gradient flow from mode->u ends: the shares s [P] on its leaf with sum_p s_p = s*. Depths
 * >= 2, u > 0, by bisection. Errors: CLB_EDEPTH, CLB_ENOTFINITE (some u_p <= 0 or not finite). */
CLBDEF clb_status clb_path_leaf_endpoint(const clb_path_mode *mode, double *s);
/* Sharpness where the loss is 0 on a leaf whose z have the variance V, to second order:         (Q)
 *     lambda = lambda_min + L(L-1)/(L-2) u*^(4L-6) P V,     u* = (s* / P)^(1/L), L >= 3 */
CLBDEF double clb_path_leaf_sharpness(size_t P, size_t L, double target, double V);
/* The exact step of z = u^(2-L) with c = eta r:  phi_c(z) = z (1 - c/z)^-(L-2), and its slope
 * phi' = (1 - (L-1)x) / (1-x)^(L-1), x = c/z < 1. L >= 3. */
CLBDEF double clb_path_leaf_step(size_t L, double z, double c);
CLBDEF double clb_path_leaf_slope(size_t L, double x);
/* The x_c in (1/(L-1), 1) with phi'(x_c) = -1. As long as x <= x_c a step brings any two z_p, z_q
 * closer together. (Strong safety asks for more: x <= 1/(L-1), where phi' >= 0.) L >= 3. */
CLBDEF double clb_path_contraction_limit(size_t L);
/* max_p (L_p-1) eta r u_p^(L_p-2), with r computed anew. If it is at most 1 (strong safety), the
 * step does not increase V. */
CLBDEF double clb_path_mode_safety(clb_path_mode *mode, double eta);
/* Change of zhat_p - zhat_q in one step, to second order, with r computed anew:               (D2)
 *     (eta^2 r^2 / 4) (mu_p - mu_q),     mu_p = 2 (L_p-1) u_p^(L_p-2) = d lambda / d s_p
 * It is 0 for two pathways of depth 2, and there a step changes nothing at all: both u are
 * multiplied by 1 - eta r. */
CLBDEF double clb_path_leaf_drift(clb_path_mode *mode, double eta, size_t p, size_t q);

/* ---- edge of stability ---------------------------------------------------------------------- */

/* The residual after one step, with r computed anew, as a power series in eta r that ends after the
 * power `order` (0, or at least the largest depth: all of it, which is exact):
 *     r+ = r + sum_{p,k} C(L_p,k) (-eta r)^k u_p^(L_p + k(L_p-2))
 *        = (1 - eta lambda) r + L(L-1)/2 eta^2 T_2 r^2 - ...                                     */
CLBDEF double clb_path_residual_next(clb_path_mode *mode, double eta, size_t order);
/* In a two-cycle of amplitude x = eta r u*^(L-2) two steps multiply a small difference between two
 * pathways by m, to leading order:                                                             (C2)
 *     m = 1 - (L-1)(L-2) x^2
 * clb_path_two_step_frozen: 1 - 2 (L-1)^2 x^2, which ignores that r and u alternate together; its
 * decay is 2(L-1)/(L-2) times too fast. */
CLBDEF double clb_path_two_step(size_t L, double x);
CLBDEF double clb_path_two_step_frozen(size_t L, double x);
/* The two-cycle of equal shares at eta lambda_min = 2 + eps, to leading order in eps: amplitude
 * x^2 = 3 eps/((L-1)(5L-4)), decay of differences 1 - m = 3 (L-2)/(5L-4) eps in two steps, rms r =
 * x / (eta u*^(L-2)).  L >= 3, eps >= 0.                                                    (C3) */
typedef struct clb_path_cycle { double x2, decay, rms_r; } clb_path_cycle;
CLBDEF clb_status clb_path_cycle_predict(size_t P, size_t L, double target, double eps,
                                         clb_path_cycle *cycle);
/* P = 2: the larger share a on the stopping boundary lambda = 2/eta, that is
 *     a^(2-2/L) + (1-a)^(2-2/L) = 2/gamma;      1 for gamma <= 2, 1/2 for gamma >= gamma_c. L >=
 *     3. */
CLBDEF double clb_path_boundary_share(size_t L, double gamma);
/* Re-balancing stops short of the edge, at eta lambda = 2 - k Delta with Delta = 2 - eta
 * lambda_min. Returns k = 3(L-2)/(2(5L-4)). */
CLBDEF double clb_path_stop_offset(size_t L);
/* At gamma = gamma_c the variance decays as 1/t: t V(t)/z*^2 tends to the value returned,
 * (7L-2)/(12(L-1)), z* = u*^(2-L). */
CLBDEF double clb_path_critical_constant(size_t L);
/* V after t steps of the central flow, in closed form (the right-hand side is logistic in V):
 *     dV/dt = -3(L-2)/(5L-4) max(eta lambda(V) - 2, 0) V,     lambda(V) from (Q)                 */
CLBDEF double clb_path_central_flow(size_t P, size_t L, double target, double eta, double V0,
                                    double t);
/* The same with a second slow variable, y = x^2, for the amplitude; clb_path_central_flow takes it
 * as settled at every moment. Not in the paper:
 *     dy/dt = 2 (eta lambda(V) - 2 - (L-1)(5L-4)/3 y) y,     dV/dt = -(L-1)(L-2) y V
 * state = {V, y}, T steps of length 1 by the classical Runge-Kutta rule. It contains the stopping
 * offset and the critical constant above, which the one-variable flow misses.
 * Errors: CLB_EPATHS, CLB_EDEPTH (< 3), CLB_ETARGET, CLB_ESTEP. */
CLBDEF clb_status clb_path_central_pair(size_t P, size_t L, double target, double eta, size_t T,
                                        double state[2]);

/* ---- deep chain and worst-case return ------------------------------------------------------- */

/* One pathway alone, x = u/u*: f(x) = x + (gamma/L) x^(L-1) (1 - x^L), and f'(x). f'(1) = 1 -
 * gamma. */
CLBDEF double clb_path_chain_map(size_t L, double gamma, double x);
CLBDEF double clb_path_chain_slope(size_t L, double gamma, double x);
/* Largest value M = f(x_max) on (0,1), gamma > 1, L >= 2. Errors: CLB_EDEPTH, CLB_ESTEP. */
CLBDEF clb_status clb_path_chain_peak(size_t L, double gamma, double *x_max, double *M);
/* Worst-case return: the gamma with f(M(gamma)) = 0. Below it a step from (0, M] ends in (0, M], so
 * that no sign ever flips. From the one root of
 *     (L-2) log R + log(R^L y - 1) = log D,   D = (2L-1) y - (L-1),   R = 1 + (1-y)/D = M/x_max
 * bisected in D, with log1p and expm1 where 1 is nearly cancelled; gamma = L / (y^((L-2)/L) D).
 * Relative error a few 1e-16 for L = 2..1e6. gamma(2) = 3 sqrt 3 - 2.   Errors: CLB_EDEPTH (L <
 * 2). */
typedef struct clb_path_return { double gamma, y, x_max, M; } clb_path_return;
CLBDEF clb_status clb_path_worst_return(size_t L, clb_path_return *out);
/* gamma_WCR ~ 2 W(2L), W e^W = argument; the principal branch of W for x >= 0. */
CLBDEF double clb_lambert_w(double x);
CLBDEF double clb_path_worst_return_asymptote(size_t L);

/* ---- several modes -------------------------------------------------------------------------- */

/* The ceiling on gamma: min(2 P^(1-2/L), gamma_WCR(L)). L >= 2. */
CLBDEF double clb_path_ceiling(size_t P, size_t L);
/* The number of modes that re-balance: those with eta S_i > 2. target [d]. */
CLBDEF size_t clb_path_rank(size_t L, size_t d, const double *target, double eta);
/* Step sizes at which exactly the r largest modes re-balance, target descending, 1 <= r <= d:
 *     2/S_r < eta < min(2/S_{r+1}, ceiling/S_1); empty (hi <= lo) where the ceiling comes first.
 * Errors: CLB_EPATHS, CLB_EDEPTH (< 3), CLB_ETARGET, CLB_ECOUNT (r). See M7 */
CLBDEF clb_status clb_path_rank_window(size_t P, size_t L, size_t d, const double *target, size_t r,
                                       double *lo, double *hi);

/* ---- full matrices --------------------------------------------------------------------------- */

/* Networks side by side on one data set, their outputs added (t: the real targets):
 *     f = sum_p f_p(X),     Loss = 1/2 |f - t|_F^2
 * Pathway p has depth[p] weight matrices, no biases, hidden width m, and the activation before
 * every matrix but the first, so that its outputs are linear in the last layer. With the identity
 * as activation and X = I it is the linear network Omega_p = W_{p,L_p} ... W_{p,1}, f_p =
 * Omega_p^T. Forward and backward pass, R operator and charges are those of a single network. All
 * parameters stand in one array theta, pathway after pathway. */
typedef struct clb_paths {
    size_t    count;        /* pathways                                                           */
    size_t    P;            /* parameters                                                         */
    clb_net  *net;          /* [count] architecture of pathway p; net[p].theta is not used        */
    clb_pass *pass;         /* [count] state at the last point; output f_p = pass[p].z[L_p]       */
    size_t   *at;           /* [count] where pathway p begins in theta                            */
    clb_real *theta;        /* [P]                                                                */
    clb_real *grad;         /* [P] at the last clb_paths_grad                                     */
    clb_real *error;        /* [n][K] f - t                                                       */
    clb_curv *curv;         /* [count] for clb_paths_hvp, NULL before clb_paths_curve             */
    clb_data  own;          /* inputs and target of clb_paths_init_linear                         */
    void     *arena;
} clb_paths;

/* data with real targets, kept by reference; theta zero.
 * Errors: CLB_EPATHS, CLB_EDEPTH (a depth of 0), CLB_EUNLABELLED (no targets), CLB_ESHAPE (m = 0
 * with a depth > 1), CLB_EACTIVATION, CLB_EEMPTY, CLB_ESIZE, CLB_ENOMEM; *paths is then zeroed. */
CLBDEF clb_status clb_paths_init(clb_paths *paths, size_t P, const size_t *depth, size_t m,
                                 clb_activation activation, const clb_data *data);
/* The linear network of d x d matrices with target M [d][d]. Errors: as above. */
CLBDEF clb_status clb_paths_init_linear(clb_paths *paths, size_t P, const size_t *depth, size_t d,
                                   const clb_real *M);
CLBDEF void       clb_paths_free(clb_paths *paths);        /* accepts a zeroed struct */

/* Q = I - 2 v v^T / v.v, an orthogonal symmetric matrix; v [d] not zero. */
CLBDEF void clb_path_householder(size_t d, const double *v, double *Q);
/* M = U diag(s) V^T; columns of U, V [d][d] are the singular vectors. */
CLBDEF void clb_path_target(size_t d, const double *U, const double *s, const double *V,
                            clb_real *M);

/* W_{p,l} inside theta, p = 0..P-1, l = 1..L_p. */
CLBDEF clb_real *clb_paths_layer(const clb_paths *paths, size_t p, size_t l);
/* SVS weights of a linear network with u [P][d], orthogonal U, V [d][d] (columns are the vectors):
 *     W_1 = D_p V^T,  W_L = U D_p,  D_p = diag(u_p) between,  U D_p V^T for L_p = 1 */
CLBDEF void clb_paths_singular_values(clb_paths *paths, const double *u, const double *U,
                                      const double *V);

/* Loss at theta; and gradient, into paths->grad. No allocation.
 *     G_{p,l} = (W_{p,L} ... W_{p,l+1})^T E (W_{p,l-1} ... W_{p,1})^T,  E = sum_q Omega_q - M    */
CLBDEF double clb_paths_loss(clb_paths *paths);
CLBDEF double clb_paths_grad(clb_paths *paths);

/* Called with theta_t, loss and gradient for t = 0..T; nonzero ends the run. */
typedef int (*clb_paths_fn)(void *context, size_t t, clb_paths *paths, double loss);
/* T steps theta <- theta - eta grad. *steps (may be NULL) is the number done.
 * Errors: CLB_ESTEP; CLB_EDIVERGED when the loss is not finite, theta as it was then. */
CLBDEF clb_status clb_paths_train(clb_paths *paths, double eta, size_t T, clb_paths_fn observe,
                                  void *context, size_t *steps);

/* Singular coefficients of pathway p at the last point evaluated: C [d][d] = A^T F_p B with
 * F_p = f_p^T (Omega_p for a linear net), A [K][d], B [n][d]; columns are the vectors. */
CLBDEF void clb_paths_coefficients(const clb_paths *paths, size_t p, size_t d, const double *A,
                                   const double *B, double *C);
/* One of them: a^T F_p b. */
CLBDEF double clb_paths_coefficient(const clb_paths *paths, size_t p, const double *a,
                                    const double *b);

/* Make ready for products with the Hessian at theta; the first call allocates.
 * Errors: CLB_ESIZE, CLB_ENOMEM. */
CLBDEF clb_status clb_paths_curve(clb_paths *paths);
/* y = H v, exact: the R operator of every pathway, coupled by R f = sum_p R f_p. */
CLBDEF void       clb_paths_hvp(clb_paths *paths, const clb_real *v, clb_real *y);
CLBDEF clb_linop  clb_paths_op(clb_paths *paths);
/* H [P][P] by P products (P parameters here). */
CLBDEF void       clb_paths_hessian(clb_paths *paths, clb_real *H);

/* ============================================================================================
 * @S25 EDGE OF STABILITY
 * ========================================================================================== */

/* Two-point flow. Beyond eta lambda_max = 2 gradient descent does not stop: it jumps from one side
 * of a slowly moving centre c to the other, theta_t = c + (-1)^t d. The oscillation +-d is called
 * the swing. With g+ and g- the gradients at c + d and c - d, a = (g+ + g-)/2, b = (g+ - g-)/2, and
 * time counted in steps,
 *   dc/dt = -eta a,     dd/dt = eta b - 2 d.
 * The flow needs only gradients. It sees units that switch between the two points, and any number
 * of directions may be unstable. For every charge C = theta^T D theta of a net with a degree,
 * Theorem 1 at both points gives c^T D a = -d^T D b, also across kinks. So a whole step c - eta a
 * moves the charge of the centre by exactly
 *   2 eta d^T D b  +  eta^2 a^T D a        (swing part, flow part)
 * The flow moves C(c) by the swing part alone; what is predicted for gradient descent is the sum.
 * At the edge b = (2/eta) d, and the swing part is 4 d^T D d.                   docs/edge.md, E24
 * With momentum the velocity alternates too, p + (-1)^t q:
 *   p' = beta p + a,  q' = -beta q - b,    dp/dt = p' - p,  dq/dt = q' - q,
 *   heavy ball:  dc/dt = -eta p',            dd/dt = -2 d - eta q'
 *   Nesterov:    dc/dt = -eta (a + beta p'), dd/dt = -2 d + eta (b - beta q')
 * On a quadratic loss the growth rates are those of the optimiser itself. Charges then follow
 *   dC/dt = -2 eta c^T D u + eta^2 u^T D u,   dE/dt = -(1 - beta) E - d^T D b - eta u^T D p'
 * where u = -(dc/dt)/eta and E = c^T D p; c^T D u follows from E and d^T D b.
 * Literature: rod flow (arXiv 2602.01480), central flows (Cohen et al. 2025). */
typedef struct clb_rod_opts {
    double          ce;         /* loss blend: 0 MSE .. 1 CE                                      */
    clb_optimizer   optimizer;  /* 0 -> gradient descent; heavy ball, Nesterov                    */
    double          beta;       /* 0 -> 0.9                                                       */
    size_t          substeps;   /* 0 -> 4: Euler steps for each training step, 1..1024. 2 comes
                                   nearest to gradient descent beyond the edge, see docs/edge.md  */
    double          tol;        /* 0 -> fixed substeps. Else their number is doubled when the
                                   estimated error of one exceeds tol |d|, halved below tol/8     */
    double          floor;      /* 0 -> 1e-5 (1e-3 single): |d| is not allowed to fall below this.
                                   In a real run the kinks of ReLU keep |d| from vanishing        */
    size_t          batch;      /* must be 0: CLB_EMINIBATCH                                      */
    int             threads;    /* 2: both gradients at once, if OpenMP is on; same bits          */
    const clb_real *second;     /* NULL: starts with c = theta, d = eta g/2. Else the iterate after
                                   theta: c and d are half their sum and half their difference    */
} clb_rod_opts;                 /* NULL: MSE, gradient descent                                    */

CLBDEF void clb_rod_opts_resolve(clb_rod_opts *opts);

/* The state of the flow, with losses and gradients at its two points. */
typedef struct clb_rod {
    const clb_net *net;             /* architecture                                               */
    clb_rod_opts   opts;            /* resolved                                                   */
    double         eta;
    size_t         t;               /* whole steps done                                           */
    size_t         substeps;        /* in use now                                                 */
    double         loss;            /* (L(c + d) + L(c - d))/2: the loss averaged over time       */
    double         sharpness;       /* d.b/|d|^2, curvature over the swing: near 2/eta at the edge*/
    double         radius;          /* |d|                                                        */
    double         substep_error;   /* largest local error in the last step over |d|, estimated as
                                       h/2 |f_new - f_old|, f the right-hand side, h the substep  */
    clb_real      *c, *d;           /* [P]                                                        */
    clb_real      *p, *q;           /* [P] velocity; NULL without momentum                        */
    clb_real      *point[2];        /* [P] c + d, c - d                                           */
    clb_real      *grad[2];         /* [P] gradients there                                        */
    clb_real      *rate_c, *rate_d; /* [P] right-hand side of the last substep                    */
    clb_pass       pass;            /* for observers, at c                                        */
    void          *blocks;          /* computes the gradients in blocks of rows                   */
    double        *law;             /* sums of the charges, a row of all neurons each             */
    void          *arena;
} clb_rod;

/* Starts at theta (NULL: net->theta). net and data are kept by reference and must outlive the rod.
 * Errors: CLB_EMINIBATCH, CLB_ESTEP (eta), CLB_ELOSS (ce), CLB_EOPTIMIZER (Adam),
 * CLB_EMOMENTUM (beta not in [0, 1)), CLB_ECOUNT (substeps), CLB_ETOL (tol, floor), CLB_EDIVERGED
 * (the loss there is not finite), those of clb_pass_init. Memory: 8 P reals (10 with momentum),
 * a pass. Gradients are computed in blocks of rows, with the bits of clb_grad. */
CLBDEF clb_status clb_rod_init(clb_rod *rod, const clb_net *net, const clb_data *data, double eta,
                               const clb_real *theta, const clb_rod_opts *opts);
CLBDEF void       clb_rod_free(clb_rod *rod);
/* One whole step: 2 substeps gradients, no allocation. Error: CLB_EDIVERGED. */
CLBDEF clb_status clb_rod_step(clb_rod *rod);
/* Runs until T steps are done. Observers are called as in clb_train, before step t and after the
 * last. They see the centre c as theta, the pass evaluated at c, a as grad and rod->loss as loss
 * (pass->loss is the loss at c). For more, pass the rod to them as context.
 * Errors: CLB_EDIVERGED, with rod->t the failing step. */
CLBDEF clb_status clb_rod_run(clb_rod *rod, size_t T, const clb_observer *observers, size_t count);

/* The drift of a charge since the start, as predicted; NaN for an activation without a degree. */
typedef struct clb_rod_drift {
    double swing;               /* what the oscillation moved:  sum of 2 eta d^T D b              */
    double flow;                /* what gradient descent of the centre moved: eta^2 a^T D a       */
    double drift;               /* their sum, the prediction                                      */
    double iterates;            /* drift of the mean charge of c + d and c - d, which two successive
                                   iterates of a run show: drift plus the change of d^T D d       */
    double direct;              /* the same by another route: C(c) now - C(c) at the start, minus
                                   the flow part of the Euler steps, plus flow. By Theorem 1 it
                                   equals drift to rounding: it checks the code, not the model    */
} clb_rod_drift;
/* Drift of the charge k |W_{l+1}|^2 - |W_l|^2 - |b_l|^2, where k is the degree of the activation,
 * or of the part of it that belongs to neuron j of hidden layer l. */
CLBDEF clb_rod_drift clb_rod_charge(const clb_rod *rod, size_t l);
CLBDEF clb_rod_drift clb_rod_neuron(const clb_rod *rod, size_t l, size_t j);

/* Checks c^T D (g+ + g-) = -d^T D (g+ - g-) for charge l at any two points: returns the difference
 * of the two sides over the sum of the absolute values of their terms. theta, grad: parameters and
 * gradient at each point. For an activation without a degree, k = 1 is used, and the residual is of
 * order one. */
CLBDEF double clb_two_point_residual(const clb_net *net, const clb_real *const theta[2],
                                     const clb_real *const grad[2], size_t l);

/* The prediction in one call. It runs T steps from net->theta, which stays unchanged, and then runs
 * them again with substeps half as long, to show how much the result depends on their length. */
typedef struct clb_edge {
    size_t  L, hidden, T;
    size_t  steps;              /* T unless diverged                                              */
    double *drift;              /* [L-1]     of the charges                                       */
    double *swing;              /* [L-1]     part of the oscillation                              */
    double *halved;             /* [L-1]     drift with halved substeps                           */
    double *neuron;             /* [hidden]  drift of the neurons, layer after layer              */
    double *neuron_halved;      /* [hidden]                                                       */
    double *loss, *sharpness, *radius;    /* [T+1]  as in clb_rod; NaN past steps                 */
    double  route_error;        /* largest |drift - direct|, divided by the sum of |drift|        */
    void   *arena;
} clb_edge;
/* 6 substeps T gradients (2 substeps T with no_halving: halved then is NaN).
 * Errors: as clb_rod_init and clb_rod_step; after CLB_EDIVERGED *edge is valid up to steps. */
CLBDEF clb_status clb_edge_predict(const clb_net *net, const clb_data *data, double eta, size_t T,
                                   const clb_rod_opts *opts, int no_halving, clb_edge *edge);
CLBDEF void       clb_edge_free(clb_edge *edge);

/* ---- sharpness without a Hessian, sharpness for other optimisers ---- */

/* Largest curvature at which the optimiser is stable, eta its step size:
 *   gradient descent 2/eta                    heavy ball 2 (1 + beta)/eta
 *   Nesterov 2 (1 + beta)/((1 + 2 beta) eta)  Adam 2 (1 + beta)/((1 - beta) eta): 38/eta at 0.9,
 * Adam's for the pre-conditioned curvature below; RMSprop is Adam with beta = 0, 2/eta. NaN for an
 * unknown optimiser. clb_stability_limit does the same for the options of a training, with weight
 * decay. */
CLBDEF double clb_stability_threshold(clb_optimizer optimizer, double eta, double beta);

/* The pre-conditioned operator D^(-1/2) A D^(-1/2), D = diag(diagonal) > 0. Its largest eigenvalue
 * is that of D^-1 A, which decides whether Adam and RMSprop are stable. What A points to must
 * outlive it; diagonal is copied.
 * Errors: CLB_ESCALE (an entry not positive and finite), CLB_ESIZE, CLB_ENOMEM. */
typedef struct clb_precond {
    clb_linop A;
    clb_real *scale;                /* [n] D^(-1/2)                                               */
    clb_real *x;                    /* [n] work                                                   */
} clb_precond;
CLBDEF clb_status clb_precond_init(clb_precond *pre, const clb_linop *A, const clb_real *diagonal);
CLBDEF void       clb_precond_free(clb_precond *pre);
CLBDEF clb_linop  clb_precond_op(clb_precond *pre);
/* Adam's D from its second moments after t updates: (1 - beta1^t) (sqrt(v/(1 - beta2^t)) + eps).
 * t = 0: no bias correction, sqrt(v) + eps, as in RMSprop.               arXiv 2207.14484 */
CLBDEF void clb_adam_diagonal(size_t n, const clb_real *v, size_t t, double beta1, double beta2,
                              double eps, clb_real *out);

/* Critical sharpness 2/s, where s is the step along -direction at which the loss rises above its
 * value at theta. s is found by doubling and then bisection to a relative width tol (0 -> 1e-3),
 * with forward passes only. On a quadratic loss and along the gradient, 2/s = g.Hg/|g|^2.
 *                                                                           arXiv 2601.16979
 * theta NULL: net->theta. guess: the first s tried, 0 -> 1; the s of an earlier call is a good one.
 * scratch: P reals. step is infinite if the loss never rises, and of the size of rounding errors if
 * it rises at once. */
typedef struct clb_critical {
    double step, sharpness;
    size_t losses;                  /* forward passes                                             */
} clb_critical;
CLBDEF clb_critical clb_critical_sharpness(clb_pass *pass, const clb_real *theta,
                                           const clb_real *direction, double guess, double tol,
                                           clb_real *scratch);

/* Step sharpness g.Hg/|g|^2 for the rows that the pass of curv holds. scratch: P reals. */
CLBDEF double clb_step_sharpness(clb_curv *curv, clb_real *scratch);
/* Batch sharpness E[g_B.H_B g_B]/E|g_B|^2 at the point of curv, over count >= 2 random batches of
 * `batch` rows. out->mean is the ratio; its standard error comes from the delta method. Afterwards
 * curv is set to all rows.
 * Errors: CLB_EROW (batch not in 1..n), CLB_ECOUNT (below 2), CLB_ENOMEM. */
CLBDEF clb_status clb_batch_sharpness(clb_curv *curv, size_t batch, size_t count, clb_rng *rng,
                                      clb_estimate *out);

/* ---- certified eigenvalues ---- */

/* Intervals that provably hold the k largest eigenvalues lambda_1 >= ... >= lambda_k, however
 * inaccurate the eigensolver was. V: the computed vectors, theta: the computed values, B = V^T A V
 * and R = A V - V diag(theta) by compensated products, F = V^T V - I, u: the unit roundoff.
 *   Lower ends   lambda_j >= min over span(v_1..v_j) of x.Ax/x.x
 *                         >= (theta_j - |B - Theta|)/(1 +- |F|)
 *   Upper ends   Let M = A - sigma I - sum_j w_j v_j v_j^T with w_j >= 0. If Cholesky's
 *                factorisation of -M runs to its end, L L^T = -M + E with
 *                |E_ij| <= g (|L| |L|^T)_ij, g = N u/(1 - N u). N = 48 + n/24 + 10 is the number of
 *                roundings of an entry whose sum is formed in blocks of 48 (the n/48 sums of blocks
 *                count twice). So |E| <= c := g times the norm of |L| |L|^T, which is at most
 *                max_i (|L| |L|^T x)_i/x_i for any x > 0. Then M has no eigenvalue above c, and
 *                lambda_{k+1} <= sigma + c =: rest, so no large eigenvalue was missed. It follows
 *                that lambda_j <= rest + w_j |V|^2 and, if there is a gap below lambda_k and sigma
 *                lies in it, lambda_j <= theta_j + |B - Theta| + |R|^2/(lower_j - rest).
 * Both ends include the rounding of M and B, and error, a bound on |A as stored - A as meant|. */
typedef struct clb_certificate {
    size_t  n, k;
    double *value;              /* [k] computed, descending                                       */
    double *lower, *upper;      /* [k] lambda_j lies in [lower_j, upper_j]                        */
    double  rest;               /* all other eigenvalues lie below; infinite if not proved        */
    int     complete;           /* 1: upper ends are proved; 0: they are infinite                 */
    void   *arena;
} clb_certificate;

/* For a stored matrix, of which the lower triangle is read. Memory: 4 n^2 + 48 n reals. Cost: n^3/3
 * multiply-adds and the eigensolver. Errors: CLB_ECOUNT (k = 0 or > n), CLB_ETOL (error < 0),
 * CLB_ENOTFINITE, CLB_ENOCONV (of the eigensolver; the intervals are valid all the same),
 * CLB_ESIZE, CLB_ENOMEM. */
CLBDEF clb_status clb_certify(const clb_dense *A, size_t k, double error, clb_certificate *out);
/* For an operator that is too large to store: only the lower ends (complete = 0). error: a bound on
 * |computed A v - A v|/|v|. */
CLBDEF clb_status clb_certify_lower(const clb_linop *A, size_t k, double error,
                                    clb_certificate *out);
CLBDEF void       clb_certificate_free(clb_certificate *certificate);

typedef enum clb_answer { CLB_UNDECIDED, CLB_YES, CLB_NO } clb_answer;
/* Is lambda_max > x (2/eta, say)? */
CLBDEF clb_answer clb_certified_above(const clb_certificate *certificate, double x);

/* A bound on the rounding error of the Hessian at the point of curv, known before it is computed:
 * |computed - H|_2 for clb_hessian and |computed H v - H v|/|v| for clb_hvp. H is what the formulas
 * give in exact arithmetic for the stored parameters, data and gates. Derivation: for a piecewise
 * linear activation and the squared loss, every entry of H v is a polynomial in weights, data and
 * gates. Each of its monomials is rounded at most
 *   N = 2 n + sum_l (5 m_{l-1} + 4 m_l + 12) + K + 20
 * times (two forward passes, two backward passes, both sums over samples). So the error is at most
 * N u/(1 - N u) times the same polynomial of absolute values. That one is a product with a matrix
 * Hbar of entries >= 0, whose norm is at most max_i (Hbar x)_i/x_i for any x > 0 (Collatz,
 * Wielandt); x comes from a few steps of power iteration. The bound takes gates as they were
 * computed, also where z is within rounding of 0.
 * Errors: CLB_EACTIVATION (smooth activations), CLB_ELOSS (ce > 0), CLB_ESIZE, CLB_ENOMEM. */
CLBDEF clb_status clb_hessian_error(clb_curv *curv, double *bound);

/* ---- central flow, for comparison ---- */

/* y = D^3 L [u, v] at the point of curv: the derivative of the Hessian along u, applied to v. It is
 * the central difference of exact products (H(theta + h u) v - H(theta - h u) v)/(2h), whose error
 * is of order h^2. If h |u| is the size of a swing, it is the secant over that swing and includes
 * the gates that switch. work: 2 P reals. curv is at its old point afterwards. */
CLBDEF void clb_third_derivative(clb_curv *curv, const clb_real *u, const clb_real *v, double h,
                                 clb_real *work, clb_real *y);

/* Semidefinite complementarity problem of order m <= 8: X >= 0, Y = A + B[X] >= 0, tr XY = 0, for
 * symmetric A [m][m] and a symmetric positive semidefinite map B [m*m][m*m]. X minimises
 * tr AX + X.BX/2 over X >= 0; it is found by accelerated projected gradient steps. *residual (may
 * be NULL): |X - P(X - s Y)|/s divided by |A|, P the projection on X >= 0, s the step length.
 * Errors: CLB_ECOUNT (m), CLB_ENOTFINITE, CLB_ENOCONV (residual above 1e-9; X is the last one). */
CLBDEF clb_status clb_complementarity(size_t m, const double *B, const double *A, double *X,
                                      double *residual);

/* Central flow (Cohen et al. 2025). The centre w of gradient descent at the edge moves by
 *   dw/dt = -eta [ grad L + 1/2 D^3 L : Sigma ],   Sigma = U X U^T the covariance of the swing.
 * The columns of U are the directions near the edge. X is the smallest swing that keeps their
 * curvature below 2/eta, the solution of a complementarity problem for the curvature after a
 * substep. For smooth units it is more exact than the two-point flow above (errors up to 2 %, not
 * 17 %, in E24_rivals), for ReLU less (25 to 28 %, not 4 %), and it needs 2 m evaluations and
 * m (m+1) products more for each substep. */
typedef struct clb_central_opts {
    double ce;                  /* loss blend                                                     */
    size_t directions;          /* 0 -> 4, at most 8                                              */
    size_t substeps;            /* 0 -> 4                                                         */
    int    secant;              /* 0: D^3 L over h = 1e-4; 1: over the swing itself               */
} clb_central_opts;
typedef struct clb_central {
    const clb_net   *net;
    clb_central_opts opts;
    double           eta;
    size_t           t, active; /* whole steps; directions near the edge in the last substep      */
    double           loss, sharpness;       /* at w, before the last substep                      */
    double           swing;     /* tr X, mean squared swing                                       */
    double           X[64];     /* [active][active]                                               */
    clb_real        *w;         /* [P]                                                            */
    clb_real        *U;         /* [active][P], rows                                              */
    clb_real        *third;     /* [directions * (directions + 1)/2][P] D^3 L [u_i, u_j], j <= i  */
    clb_real        *work;      /* [4][P]                                                         */
    double          *start, *flow;          /* [L-1] charges at the start; flow part              */
    clb_pass         pass;
    clb_curv         curv;
    void            *arena;
} clb_central;
/* Errors: CLB_ECOUNT, CLB_ESTEP, those of clb_pass_init. A step: also CLB_EDIVERGED, those of
 * clb_lanczos, which allocates. */
CLBDEF clb_status clb_central_init(clb_central *flow, const clb_net *net, const clb_data *data,
                                   double eta, const clb_central_opts *opts);
CLBDEF clb_status clb_central_step(clb_central *flow);
CLBDEF void       clb_central_free(clb_central *flow);
/* Predicted drift of charge l: C(w) - C(w at the start) + integral of eta^2 a^T D a, where
 * a = -(dw/dt)/eta; the part of the integral that Euler steps add to C(w) anyway is left out. */
CLBDEF double     clb_central_drift(const clb_central *flow, size_t l);

/* ============================================================================================
 * @S26 WEIGHT FILES
 * ========================================================================================== */

#ifndef CLB_FREESTANDING

/* A named array from a file of weights. */
typedef struct clb_tensor {
    char     *name;           /* zero-terminated; of an NPZ member without ".npy"                 */
    clb_array array;          /* the values in double                                             */
    int       digits;         /* binary digits of a stored value, which its rounding follows from:
                                 53 float64, 24 float32, 11 float16, 8 bfloat16, 0 integer        */
} clb_tensor;

typedef struct clb_tensors {
    size_t      count;
    clb_tensor *item;         /* [count], in the order of the file, names all different           */
} clb_tensors;
CLBDEF void clb_tensors_free(clb_tensors *tensors); /* accepts a zeroed struct, leaves one */
/* The array of that name; NULL if there is none. */
CLBDEF const clb_tensor *clb_tensors_find(const clb_tensors *tensors, const char *name);

/* Readers of weight files. Each takes the bytes of a file and their number. It executes nothing
 * that the file contains, and allocates at most 64 times `size` plus 16 MiB. On failure *tensors is
 * zeroed, and *error (may be NULL) says what is wrong and at which byte.
 * Errors of all: CLB_EFORMAT (not such a file, contradictions, a wrong checksum), CLB_ETYPE (a
 * valid file of a kind that is not read here; *error names the kind), CLB_ETRUNCATED, CLB_ESIZE
 * (sizes overflow, or unpack to more than the limit above), CLB_ENOMEM. */

/* NPZ: a ZIP archive of NPY files, compressed or not (numpy.savez, numpy.savez_compressed). ZIP64
 * is read, encrypted archives are not. Members that are no ".npy" files are skipped. */
CLBDEF clb_status clb_npz_read(clb_tensors *tensors, const void *bytes, size_t size,
                               clb_error *error);
/* safetensors: every element type except the 8-bit floats. The tensors must fill the file without
 * gaps or overlaps, as its specification says. */
CLBDEF clb_status clb_safetensors_read(clb_tensors *tensors, const void *bytes, size_t size,
                                       clb_error *error);
/* PyTorch's .pt and .pth files, as torch.save has written a state dict since version 1.6. Nested
 * dicts, lists and tuples of tensors are read too: the name of a tensor is the path to it, joined
 * by ".". Nothing in the file is executed. If its pickle needs anything but tensors and containers,
 * the result is CLB_ETYPE, and *error names it. Tensors may share a storage and have
 * any strides. */
CLBDEF clb_status clb_torch_read(clb_tensors *tensors, const void *bytes, size_t size,
                                 clb_error *error);
/* Any of these, recognised by its first bytes; also an NPY file, as one tensor named "". */
CLBDEF clb_status clb_tensors_read(clb_tensors *tensors, const void *bytes, size_t size,
                                   clb_error *error);

/* Writes the tensors as NPZ without compression: as f4 if digits is 1..24, as i8 if it is 0, else
 * as f8. Equal tensors give equal bytes. *size: the number of bytes. With buffer NULL it only
 * computes that number.
 * Errors: CLB_ESIZE (capacity too small, 4 GiB or more, 65535 arrays or more), CLB_ECOUNT (rank
 * too large), CLB_ENAME (longer than 60000 bytes, or used twice), CLB_ETYPE (a value that the type
 * of the array cannot hold), CLB_ENOMEM. */
CLBDEF clb_status clb_npz_write(void *buffer, size_t capacity, size_t *size,
                                const clb_tensors *tensors);

#ifndef CLB_NO_STDIO
/* The same into a file. It is written under another name and then renamed, so that `path` always
 * holds either the whole new file or the old one. Error besides: CLB_EIO. */
CLBDEF clb_status clb_npz_save(const clb_tensors *tensors, const char *path);
/* clb_tensors_read of a file. Error besides: CLB_EIO. */
CLBDEF clb_status clb_tensors_load(clb_tensors *tensors, const char *path, clb_error *error);
#endif

/* A net as one NPZ file, or as the same bytes in memory. The arrays are W1, b1, W2, ... (biases
 * where the net has them), and "net" with four numbers: L, the activation, which layers have biases
 * (as in clb_net_opts), param. Every bit of theta is kept, and numpy.load can read the file.
 * *size: the number of bytes. With buffer NULL only that is computed.
 * clb_net_write_c writes C source, `static const unsigned char NAME[...] = { ... };`. Compile it
 * into a program and call clb_net_read(&net, NAME, sizeof NAME, NULL) there. Its *size does not
 * count the zero at the end.
 * Errors of reading: those of clb_npz_read, CLB_EFORMAT (not a net, or shapes that do not fit each
 * other), CLB_ENOTFINITE. *net is then zeroed, and *error (may be NULL) says more.
 * Errors of writing: CLB_EUNSET, CLB_ESIZE (capacity too small, L > 9999, a file of 4 GiB),
 * CLB_ENAME (NAME is no identifier), CLB_ENOMEM, and CLB_EIO for files. */
CLBDEF clb_status clb_net_write(void *buffer, size_t capacity, size_t *size, const clb_net *net);
CLBDEF clb_status clb_net_read(clb_net *net, const void *bytes, size_t size, clb_error *error);
CLBDEF clb_status clb_net_write_c(char *buffer, size_t capacity, size_t *size, const clb_net *net,
                                  const char *name);
#ifndef CLB_NO_STDIO
CLBDEF clb_status clb_net_save(const clb_net *net, const char *path);
CLBDEF clb_status clb_net_load(clb_net *net, const char *path, clb_error *error);
#endif

#endif /* CLB_FREESTANDING */

/* ============================================================================================
 * @S27 AUDIT
 * ========================================================================================== */

/* Which training method produced these weights? The audit answers from snapshots of the weights
 * alone. A ReLU net computes the same function if the incoming weights of a neuron are multiplied
 * by c > 0 and its outgoing ones divided by c. So the gradient of any loss on any rows has no part
 * along this direction. If the balance of the two changes, the method did it: by finite steps, by
 * momentum, by weight decay. Each of them leaves a different pattern, which is fitted to the
 * weights.
 *
 * THEOREM. Let neuron j of hidden layer l have the incoming weights u (row j of W_l), the bias b
 * and the outgoing weights v (column j of W_{l+1}), and for two parameter vectors x, y let
 *   q(x, y) = <v_x, v_y> - <u_x, u_y> - b_x b_y.
 * If the activation is homogeneous of degree 1 (ReLU, leaky ReLU, linear), then q(W, G) = 0 for the
 * gradient G of any loss on any batch (eq. 10). With D_t = W_{t+1} - W_t and
 *   s_t = q(W_t, D_t),   d_t = q(D_t, D_t),   Q_t = q(W_t, W_t)
 * the following holds exactly for every neuron, whatever the data, the loss and the step size eta:
 *   gradient descent, decay lambda   s_t = -eta lambda Q_t          (L2 and decoupled are the same)
 *   heavy ball, L2 decay             s_t = mu (s_{t-1} + d_{t-1}) - eta lambda Q_t
 *   heavy ball, decoupled decay      s_t = mu (s_{t-1} + d_{t-1})
 *                                          - eta lambda (Q_t - mu (Q_{t-1} + s_{t-1}))
 *   Nesterov, L2 decay               q(W_t, U_{t+1} - mu U_t) = eta lambda Q_t,
 *                                    U_{t+1} = (mu U_t - D_t)/(1 + mu)
 * PROOF. Gradient descent: D = -eta (G + lambda W); apply q(W, .). Heavy ball: D_t = mu D_{t-1} -
 * eta (G_t + lambda W_t), and q(W_t, D_{t-1}) = q(W_{t-1} + D_{t-1}, D_{t-1}) = s_{t-1} + d_{t-1}.
 * Decoupled decay: the same for P_t = D_t + eta lambda W_t, where P_t = mu P_{t-1} - eta G_t and
 * q(W_t, W_{t-1}) = Q_{t-1} + s_{t-1}. Nesterov: with U = eta V, V_{t+1} = mu V_t + G_t + lambda
 * W_t and D_t = -eta (G_t + lambda W_t + mu V_{t+1}) give D_t = -(1 + mu) U_{t+1} + mu U_t; solve
 * for U_{t+1}. The start U_0 loses weight by the factor mu/(1 + mu) < 1/2 at every step.  QED
 * COROLLARY. If eta changes from eta_{t-1} to eta_t, step t has mu eta_t/eta_{t-1} instead of mu
 * and eta_t lambda instead of eta lambda. Dampening, and clipping the norm of the whole gradient,
 * change nothing. If W_{l+1} has the step size eta' and W_l, b_l have eta, then
 *   <v_W, v_D> = (eta'/eta) (<u_W, u_D> + b_W b_D)        (momentum and decay as above).
 * LIMITS. An activation of degree k has k <v, v_G> = <u, u_G> + b b_G, which looks like eta'/eta =
 * 1/k. A step size that shrinks by a factor r at every step looks, without decay, like the momentum
 * r mu.
 * ROUNDING. The stored W_{t+1} has a rounding error e_{t+1}, so s_t has the error q(W_t, e_{t+1}),
 * and the s_t on the right side of the next law has it too. Therefore the residual of a law with
 * momentum has 1 + mu^2 times the variance of one without, and fitting it means fitting a line to
 * points with noise in both coordinates. (The factor is 1 + mu + mu^2 if weights are stored less
 * precisely than they are computed, because D_t then has the error e_{t+1} - e_t.) Methods are
 * compared by residual over noise. Momentum is reported only if its interval is narrower than a
 * tenth and the other kind of momentum is less likely by the factor e^10. Otherwise the verdict is
 * "undecided". How often methods and faults are recognised: examples/beyond/e07_audit.c. */

typedef enum clb_method {
    CLB_METHOD_UNKNOWN,          /* none of these                                                 */
    CLB_METHOD_UNDECIDED,        /* the laws hold; rounding hides whether there is momentum       */
    CLB_METHOD_DESCENT,          /* gradient descent, mini-batches or not                         */
    CLB_METHOD_HEAVY_BALL,
    CLB_METHOD_NESTEROV,
    CLB_METHOD_SCHEDULE,         /* momentum or decay, with a step size that keeps changing       */
    CLB_METHOD_GROUPS,           /* the layers have different step sizes or decays                */
    CLB_METHOD_NORMALISED,       /* normalisation: the scale of incoming weights has no effect    */
    CLB_METHOD_ADAPTIVE,         /* each entry has its own step size: Adam, RMSprop, ...          */
    CLB_METHOD_CLIPPED,          /* each entry of the gradient is clipped                         */
    CLB_METHOD_NOT_HOMOGENEOUS,  /* a gradient method, but an activation such as tanh or GELU     */
    CLB_METHOD_COUNT
} clb_method;

typedef enum clb_event_kind { CLB_EVENT_RATE, CLB_EVENT_GAP, CLB_EVENT_EDIT } clb_event_kind;
/* A place where the law of the rest of the run does not hold. */
typedef struct clb_audit_event {
    clb_event_kind kind;         /* new step size; missing updates; any other change              */
    size_t         step;         /* between snapshot `step` and the next one                      */
    double         factor;       /* RATE: new step size over the old one                          */
    size_t         layer, neuron;    /* the largest residual there                                */
    size_t         neurons;      /* how many of the selected neurons break their law              */
} clb_audit_event;

/* A value and the half-width of its 95 % interval. The interval comes from the rounding of the
 * weights, or from the residual if that is larger. */
typedef struct clb_measured { double value, error; } clb_measured;

typedef struct clb_audit_layer {     /* hidden layer l: the laws between W_l and W_{l+1}          */
    clb_measured rate;           /* step size of W_{l+1} over that of W_l; 1 unless GROUPS        */
    clb_measured momentum;       /* fitted to this layer alone                                    */
    clb_measured decay;          /* eta lambda                                                    */
    double residual;             /* root mean square residual over that of the terms              */
    double excess;               /* residual divided by its noise from rounding; 1: the law holds */
    double drift, first, second; /* of Q_l over the run: sum of 2 s_t, sum of d_t                 */
    size_t worst;                /* neuron with the largest residual over its rounding            */
    size_t broken;               /* how many of the selected neurons break their law              */
    int    frozen;               /* 1: W_l or W_{l+1} never moved, so there is no verdict         */
} clb_audit_layer;

typedef struct clb_audit {
    clb_method       method;
    clb_measured     momentum, decay;    /* decay: eta lambda; 0 with error 0: none               */
    int              decoupled;          /* 1: the decay fits the decoupled law, not L2           */
    int              bias_decay;         /* 0: biases are not decayed                             */
    double           residual, excess;   /* as in clb_audit_layer, over all layers                */
    size_t           steps, laws;        /* displacements used; laws in each step                 */
    size_t           L;
    clb_audit_layer *layer;              /* layer[l], l = 1..L-1                                  */
    clb_audit_event *event;
    size_t           events;
    void            *arena;
    char             text[600];          /* the verdict in plain English                          */
} clb_audit;

typedef struct clb_audit_opts {
    const size_t *step;          /* [count] numbers of the snapshots; NULL: 0, 1, 2, ...          */
    int           digits;        /* binary digits of the weights; 0 -> found from the values      */
    size_t        neurons;       /* 0 -> 128: how many of a layer are selected, evenly spaced     */
    int           middle;        /* 1: the first snapshot is not the start of the training        */
    int           normalised;    /* 1: the files name normalisation layers                        */
    clb_error    *error;
} clb_audit_opts;                /* NULL: all defaults                                            */

/* Audits a run from snapshots of its weights. net gives the shapes; its theta and activation are
 * not used. theta[i]: P doubles each, in the order of training. The laws are checked between
 * snapshots of consecutive steps; for momentum there must be three in a row.
 * Cost: up to 48 count P multiply-adds. Memory: about 600 bytes for each step and selected neuron.
 * Errors: CLB_ESHAPE (L < 2), CLB_ECOUNT (fewer than 3 snapshots, or no consecutive ones),
 * CLB_EORDER (steps not ascending), CLB_ENOTFINITE, CLB_ESIZE, CLB_ENOMEM. *audit is then
 * zeroed. */
CLBDEF clb_status clb_audit_run(clb_audit *audit, const clb_net *net, const double *const *theta,
                                size_t count, const clb_audit_opts *opts);
CLBDEF void       clb_audit_free(clb_audit *audit);
CLBDEF const char *clb_method_name(clb_method method);

/* The same while the training runs. Each snapshot is read once and not kept. What is stored are the
 * terms of the laws (about 600 bytes for each step and selected neuron) and at most the last 49
 * consecutive snapshots, which the next laws need. */
typedef struct clb_auditor {
    size_t        L, snapshots;      /* snapshots seen                                            */
    const double *charge;            /* [L] Q of hidden layer l = 1..L-1 at the last snapshot     */
    const double *s, *d;             /* [L] of the step to it, summed over the neurons of a layer;
                                        NaN where the snapshot before it is not of that step      */
    void         *state;
} clb_auditor;
/* net gives the shapes and must outlive the auditor. opts as above, without opts->step.
 * Errors: CLB_ESHAPE, CLB_ESIZE, CLB_ENOMEM; *auditor is then zeroed. */
CLBDEF clb_status clb_auditor_init(clb_auditor *auditor, const clb_net *net,
                                   const clb_audit_opts *opts);
/* Adds the weights theta [P] after `step` updates. Steps must ascend; for momentum there must be
 * three in a row. Errors: CLB_EORDER (not ascending), CLB_ENOTFINITE: the snapshot is then left
 * out. CLB_ESIZE, CLB_ENOMEM. */
CLBDEF clb_status clb_auditor_add(clb_auditor *auditor, const double *theta, size_t step);
/* The audit so far; more snapshots may follow.  Errors as of clb_audit_run. */
CLBDEF clb_status clb_auditor_verdict(clb_auditor *auditor, clb_audit *audit);
CLBDEF void       clb_auditor_free(clb_auditor *auditor);

#ifndef CLB_FREESTANDING
/* Finds the layers of a fully connected net among tensors, by their names and shapes. */
typedef struct clb_chain {
    size_t  L;
    size_t *weight, *bias;       /* [L] indices into the tensors; bias: (size_t)-1 for none       */
    int     transposed;          /* 1: stored [in][out] (Flax, Keras); 0: [out][in] (PyTorch)     */
    int     normalised;          /* 1: there are tensors of normalisation layers besides          */
    void   *arena;
} clb_chain;
/* The weights are the arrays of rank 2. They are taken in the order of the file or, if their shapes
 * then do not fit each other, in the order of their names (numbers compared by value). They are
 * [out][in], or [in][out] if they are named "kernel" or only that fits. A bias has rank 1 and the
 * name of its weight up to the last part ("fc1.weight", "fc1.bias"; "W1", "b1"). The state of an
 * optimiser is skipped.
 * Errors: CLB_ESHAPE (no order fits; *error names the pair that does not), CLB_EEMPTY (no weights),
 * CLB_ENOMEM. */
CLBDEF clb_status clb_chain_find(clb_chain *chain, const clb_tensors *tensors, clb_error *error);
CLBDEF void       clb_chain_free(clb_chain *chain);
/* Makes a net with the shapes, biases and weights of the chain. *opts gives the activation (NULL:
 * ReLU); its member bias is not used. If only some layers have biases, the others get zeros.
 * Errors: those of clb_net_alloc, CLB_ENOTFINITE (*error has the name). */
CLBDEF clb_status clb_chain_net(const clb_chain *chain, const clb_tensors *tensors,
                                const clb_net_opts *opts, clb_net *net, clb_error *error);
/* Writes the P parameters of clb_chain_net in double. `tensors` may be those of another snapshot
 * with the same names. Errors: CLB_ESHAPE (a name is missing or has another shape),
 * CLB_ENOTFINITE. */
CLBDEF clb_status clb_chain_theta(const clb_chain *chain, const clb_tensors *of,
                                  const clb_tensors *tensors, double *theta, clb_error *error);
#endif

#ifdef __cplusplus
}
#endif
#endif /* CLB_H */

#if defined(CLB_IMPLEMENTATION) && !defined(CLB_DECLARATIONS_ONLY) && !defined(CLBI_IMPLEMENTED)
#define CLBI_IMPLEMENTED

#include <float.h>
#include <limits.h>
#include <stdarg.h>
#ifndef CLB_FREESTANDING
#include <math.h>
#include <stdlib.h>
#include <string.h>
#else
/* What is used of the C library. A name in parentheses is not expanded, so macros of the caller
 * may stand for any of these. */
#ifdef __cplusplus
extern "C" {
#endif
void  *(memcpy)(void *to, const void *from, size_t size);
void  *(memmove)(void *to, const void *from, size_t size);
void  *(memset)(void *to, int byte, size_t size);
void   (qsort)(void *x, size_t count, size_t size, int (*order)(const void *, const void *));
int    (memcmp)(const void *a, const void *b, size_t size);
size_t (strlen)(const char *text);
char  *(strchr)(const char *text, int c);
double (sqrt)(double x);
double (fabs)(double x);
double (floor)(double x);
double (ceil)(double x);
double (round)(double x);
double (fmin)(double x, double y);
double (fmax)(double x, double y);
double (frexp)(double x, int *exponent);
double (ldexp)(double x, int exponent);
double (fma)(double x, double y, double z);
float  (fmaf)(float x, float y, float z);
#ifdef __cplusplus
}
#endif
#ifndef NAN
#define NAN __builtin_nanf("")
#define INFINITY __builtin_inff()
#endif
#ifndef CLB_ASSERT
#define CLB_ASSERT(x) ((void)0)
#endif
#endif
#if !defined(CLB_ALLOW_FAST_MATH) && defined(FLT_EVAL_METHOD)
#if FLT_EVAL_METHOD == 2 || (FLT_EVAL_METHOD != 0 && defined(CLB_SINGLE))
#error "clb.h: expressions kept in a wider type here (gcc: -fexcess-precision=fast, -mfpmath=sse)"
#endif
#endif
#ifndef CLB_MALLOC
#define CLB_MALLOC(n)     malloc(n)
#define CLB_REALLOC(p, n) realloc(p, n)
#define CLB_FREE(p)       free(p)
#define CLBI_LIBC_BLOCKS           /* memory goes back to libc, which the address sanitizer sees */
#endif
#ifndef CLB_ASSERT
#include <assert.h>
#define CLB_ASSERT(x) assert(x)
#endif
/* COLD: runs once in a call of the library, so a short compile time counts more than speed. */
#if defined(__clang__)
#define CLBI_COLD __attribute__((cold, noinline, minsize))
#elif defined(__GNUC__)
#define CLBI_COLD __attribute__((cold, noinline))
#else
#define CLBI_COLD
#endif
#if defined(__GNUC__) || defined(__clang__)
#define CLBI_RESTRICT __restrict__
#elif defined(_MSC_VER)
#define CLBI_RESTRICT __restrict
#else
#define CLBI_RESTRICT
#endif

/* Vector paths are for 64-bit x86 and ARM; any other processor runs the scalar one. */
#if defined(CLB_NO_SIMD)
#define CLBI_X86 0
#define CLBI_ARM 0
#elif (defined(__x86_64__) || defined(_M_X64)) && !defined(__ILP32__)
#define CLBI_X86 1
#define CLBI_ARM 0
#elif defined(__aarch64__) && defined(__GNUC__) && !defined(__AARCH64EB__)
#define CLBI_X86 0
#define CLBI_ARM 1
#else
#define CLBI_X86 0
#define CLBI_ARM 0
#endif
/* WebAssembly's vectors have no fused multiply-add. */
#if !defined(CLB_NO_SIMD) && defined(__wasm_simd128__) && defined(CLB_NO_FMA)
#define CLBI_WASM 1
#else
#define CLBI_WASM 0
#endif
/* Around functions that call kernels: clang inlines none of them. It would optimise a function of
 * one caller twice, alone and inside the caller, and those inside it again. */
#if defined(__clang__)
#define CLBI_CALLS_BEGIN \
    _Pragma("clang attribute push(__attribute__((noinline)), apply_to = function)")
#define CLBI_CALLS_END _Pragma("clang attribute pop")
#else
#define CLBI_CALLS_BEGIN
#define CLBI_CALLS_END
#endif
/* Around scalar versions of kernels that have vector versions, too: clang optimises them for size,
 * which saves compile time. */
#if defined(__clang__) && (CLBI_X86 || CLBI_ARM)
#define CLBI_SPARE_BEGIN \
    _Pragma("clang attribute push(__attribute__((minsize)), apply_to = function)") \
    _Pragma("clang attribute push(__attribute__((noinline)), apply_to = function)")
#define CLBI_SPARE_END _Pragma("clang attribute pop") _Pragma("clang attribute pop")
#else
#define CLBI_SPARE_BEGIN
#define CLBI_SPARE_END
#endif
#if CLBI_X86
/* gcc bug 105593: its own "undefined" arguments warn */
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif
#include <immintrin.h>
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic pop
#endif
#if defined(__clang__) && defined(_MSC_VER)    /* there it leaves out what no flag asks for */
#include <smmintrin.h>
#include <avxintrin.h>
#include <avx2intrin.h>
#include <fmaintrin.h>
#include <avx512fintrin.h>
#endif
#if defined(_MSC_VER) && !defined(__clang__)
#include <intrin.h>
#endif
#elif CLBI_ARM
#include <arm_neon.h>
#elif CLBI_WASM
#include <wasm_simd128.h>
#endif

/* Fused multiply-add happens where it is written, nowhere else (numerical contract). */
#if defined(__clang__)
#pragma STDC FP_CONTRACT OFF
#elif defined(_MSC_VER)
#pragma fp_contract(off)
#elif defined(__GNUC__)
#pragma GCC push_options
#pragma GCC optimize("fp-contract=off")
/* Passes that take time to compile this and make no row of tests/bench.c faster. */
#pragma GCC optimize("no-gcse", "no-tree-slp-vectorize", "no-tree-loop-vectorize")
#pragma GCC optimize("no-tree-pre", "no-tree-vrp", "no-tree-dominator-opts", "no-tree-dse")
#pragma GCC optimize("no-thread-jumps", "no-code-hoisting", "no-rerun-cse-after-loop")
#pragma GCC optimize("no-ipa-cp", "no-ipa-sra")
/* Those passes also prove that a variable is set if a status is CLB_OK. Without them gcc warns. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* ============================================================================================
 * @S30 STATUS, MEMORY
 * ========================================================================================== */

#ifndef CLB_STATIC
const char CLBI_PRECISION_MARK[] = CLB_PRECISION;
#endif

CLBDEF const char *clb_strerror(clb_status status)
{
#define CLBI_STATUS_TEXT(name, text) text,
    static const char *const texts[] = { CLB_STATUS_LIST(CLBI_STATUS_TEXT) };
#undef CLBI_STATUS_TEXT
    int i = (int)status;
    return i >= 0 && i < (int)CLB_STATUS_COUNT ? texts[i] : "unknown status";
}

/* A line of text that is being written. It takes at most room bytes and always ends with a zero. */
typedef struct clbi_msg {
    char  *text;
    size_t room, length;
} clbi_msg;

static CLBI_COLD void clbi_say_char(clbi_msg *line, char c)
{
    if (line->length + 1 >= line->room) return;
    line->text[line->length++] = c;
    line->text[line->length] = '\0';
}

static CLBI_COLD void clbi_say_text(clbi_msg *line, const char *text)
{
    while (*text) clbi_say_char(line, *text++);
}

static CLBI_COLD void clbi_say_size(clbi_msg *line, size_t value)
{
    char digits[24];
    size_t n = 0;
    do digits[n++] = (char)('0' + value % 10); while ((value /= 10) != 0);
    while (n > 0) clbi_say_char(line, digits[--n]);
}

static void clbi_say_int(clbi_msg *line, int value)
{
    if (value < 0) clbi_say_char(line, '-');
    clbi_say_size(line, value < 0 ? (size_t)0 - (size_t)value : (size_t)value);
}

/* Writes six significant digits. The decimal point is the same in every locale, unlike printf's. */
static CLBI_COLD void clbi_say_double(clbi_msg *line, double value)
{
    char digits[6];
    int exponent = 5, point, n = 6, i;
    size_t m;
    if (value < 0) clbi_say_char(line, '-'), value = -value;
    if (!(value <= DBL_MAX)) {
        clbi_say_text(line, value > 0 ? "infinity" : "NaN");
        return;
    }
    while (value >= 1e6) value /= 10, ++exponent;
    while (value > 0 && value < 1e5) value *= 10, --exponent;
    m = (size_t)(value + 0.5);
    if (m == 1000000) m = 100000, ++exponent;
    if (m == 0) exponent = 0;
    for (i = 6; i-- > 0; m /= 10) digits[i] = (char)('0' + m % 10);
    while (n > 1 && digits[n - 1] == '0') --n;
    point = exponent >= -5 && exponent <= 14 ? exponent : 0;  /* the point follows this digit    */
    for (i = point < 0 ? point : 0; i < n || i <= point; ++i) {
        clbi_say_char(line, i >= 0 && i < n ? digits[i] : '0');
        if (i == point && i < n - 1) clbi_say_char(line, '.');
    }
    if (point == exponent) return;
    clbi_say_text(line, exponent < 0 ? "e-" : "e");
    clbi_say_size(line, (size_t)(exponent < 0 ? -exponent : exponent));
}

/* Fills *error, unless it is NULL, and returns status. In format, %s is a string, %z a size_t, %d
 * an int, %g a double. */
static CLBI_UNUSED CLBI_COLD clb_status clbi_fail(clb_error *error, clb_status status,
                                                  const char *format, ...)
{
    clbi_msg line;
    va_list args;
    if (!error) return status;
    memset(error, 0, sizeof *error);
    error->status = status;
    line.text = error->text, line.room = sizeof error->text, line.length = 0;
    va_start(args, format);
    for (; *format; ++format) {
        if (*format != '%') {
            clbi_say_char(&line, *format);
            continue;
        }
        switch (*++format) {
        case 's': clbi_say_text(&line, va_arg(args, const char *)); break;
        case 'z': clbi_say_size(&line, va_arg(args, size_t)); break;
        case 'd': clbi_say_int(&line, va_arg(args, int)); break;
        default:  clbi_say_double(&line, va_arg(args, double)); break;
        }
    }
    va_end(args);
    return status;
}

/* A function with a clb_error argument calls clbi_clear first and returns through clbi_done, which
 * fills in the text of the status if no other text was given. */
static CLBI_UNUSED void clbi_clear(clb_error *error)
{
    if (error) memset(error, 0, sizeof *error);
}

static CLBI_UNUSED clb_status clbi_done(clb_error *error, clb_status status)
{
    if (!error || !status || error->status == status) return status;
    return clbi_fail(error, status, "%s", clb_strerror(status));
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

/* Allocates count items of size bytes, uninitialised. An empty request gets one byte, so that NULL
 * always means failure. Every allocation of the library goes through here or clbi_calloc. */
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

/* The same, filled with zeros. */
static CLBI_UNUSED clb_status clbi_calloc(void *out, size_t count, size_t size)
{
    void *p;
    clb_status status = clbi_alloc(&p, count, size);
    if (status) return status;
    memset(p, 0, count * size);
    memcpy(out, &p, sizeof p);
    return CLB_OK;
}

/* One allocation for several arrays. A layout function asks for the arrays one after the other. It
 * runs twice: first with base NULL, which only counts bytes, then with base pointing at the
 * allocation, which places the arrays. So every layout is written once. Each array begins on a
 * cache line, and an unused cache line follows it: arrays whose addresses differ by a multiple of
 * 4096 bytes slow each other down. The address sanitizer reports any access to the unused line. */
typedef struct clbi_room {
    char  *base;       /* NULL while counting                */
    size_t used;       /* (size_t)-1: overflow               */
} clbi_room;

#if defined(__SANITIZE_ADDRESS__)
#define CLBI_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define CLBI_ASAN 1
#endif
#endif
#if defined(CLBI_ASAN) && defined(CLBI_LIBC_BLOCKS)
void __asan_poison_memory_region(void const volatile *address, size_t size);
void __asan_unpoison_memory_region(void const volatile *address, size_t size);
#undef CLBI_FORBID
#define CLBI_FORBID(p, size) __asan_poison_memory_region(p, size)
#define CLBI_ALLOW(p, size)  __asan_unpoison_memory_region(p, size)
#else
#ifndef CLBI_FORBID                       /* tests/library.h has one */
#define CLBI_FORBID(p, size) (void)0
#endif
#define CLBI_ALLOW(p, size)  (void)0
#endif

/* The next array, [rows][columns] of items of size bytes. Returns NULL while counting. */
static CLBI_COLD void *clbi_part(clbi_room *room, size_t rows, size_t columns, size_t size)
{
    enum { LINE = 64 };
    size_t bytes, begin = room->used, end;
    if (!clbi_mul_size(rows, columns, &bytes) || !clbi_mul_size(bytes, size, &bytes) ||
        !clbi_add_size(begin, bytes, &end) || end > (size_t)-1 - 2 * LINE) {
        room->used = (size_t)-1;
        return NULL;
    }
    room->used = (end + 2 * LINE - 1) / LINE * LINE;
    if (!room->base) return NULL;
    CLBI_ALLOW(room->base + begin, bytes);
    CLBI_FORBID(room->base + end, room->used - end);
    return room->base + begin;
}

static clb_real *clbi_reals(clbi_room *room, size_t rows, size_t columns)
{
    return (clb_real *)clbi_part(room, rows, columns, sizeof(clb_real));
}

static double *clbi_doubles(clbi_room *room, size_t rows, size_t columns)
{
    return (double *)clbi_part(room, rows, columns, sizeof(double));
}

/* The same, with every element set to value. */
static CLBI_COLD double *clbi_filled(clbi_room *room, size_t rows, size_t columns, double value)
{
    double *x = clbi_doubles(room, rows, columns);
    size_t i;
    for (i = 0; room->base && i < rows * columns; ++i) x[i] = value;
    return x;
}

/* Room for an array of count pointers to matrices. clbi_entry makes room for one matrix and stores
 * its pointer in table[l]. */
static clb_real **clbi_table(clbi_room *room, size_t count)
{
    return (clb_real **)clbi_part(room, count, 1, sizeof(clb_real *));
}

static CLBI_COLD void clbi_entry(clbi_room *room, clb_real **table, size_t l, size_t rows,
                                 size_t columns)
{
    clb_real *matrix = clbi_reals(room, rows, columns);
    if (room->base) table[l] = matrix;
}

/* The number of bytes to allocate for what was counted, or 0 if it is too large. */
static size_t clbi_room_bytes(const clbi_room *room)
{
    return room->used > (size_t)-1 / 2 ? 0 : room->used + 63;
}

/* Allocates the bytes that were counted. After this, clbi_part starts again at the beginning and
 * places the arrays. *arena is the pointer to free. */
static CLBI_COLD clb_status clbi_room_alloc(clbi_room *room, void *arena)
{
    size_t bytes = clbi_room_bytes(room);
    char *p;
    clb_status status = bytes ? clbi_alloc(&p, bytes, 1) : CLB_ESIZE;
    if (status) return status;
    memcpy(arena, &p, sizeof p);
    room->base = p + (64 - (uintptr_t)p % 64) % 64;
    room->used = 0;
    return CLB_OK;
}

/* The same, filled with zeros. */
static CLBI_COLD clb_status clbi_room_calloc(clbi_room *room, void *arena)
{
    size_t used = room->used;
    clb_status status = clbi_room_alloc(room, arena);
    if (!status) memset(room->base, 0, used);
    return status;
}

/* ============================================================================================
 * @S31 PLATFORM, INSTRUCTION SET
 * ========================================================================================== */

#if defined(__clang__)
#define CLBI_COMPILER __VERSION__
#elif defined(__GNUC__)
#define CLBI_COMPILER "gcc " __VERSION__
#else
#define CLBI_COMPILER "unknown compiler"
#endif

/* a b + c with one rounding, in double and in float. It is computed by the processor; or by the C
 * library where that is known to use the processor; or else by our own exact functions (S32). Some
 * libraries round twice (mingw-w64), others take a hundred nanoseconds (glibc on 32-bit ARM). */
#if !defined(CLB_FREESTANDING) && !defined(CLB_OWN_FMA) && \
    (defined(__FP_FAST_FMA) || defined(__FMA__) || defined(__ARM_FEATURE_FMA) || \
     defined(__aarch64__) || defined(__APPLE__) || (defined(__x86_64__) && defined(__GLIBC__)))
#define CLBI_FUSED "fma"
#define clbi_fused(a, b, c)  fma(a, b, c)
#define clbi_fusedf(a, b, c) fmaf(a, b, c)
#else
#define CLBI_FUSED "fma in software"
static double clbi_fused(double a, double b, double c);
static float clbi_fusedf(float a, float b, float c);
#endif

/* sqrt, correctly rounded. The one of mingw-w64 computes in 80 bits and so rounds twice: one root
 * in 4000 is off by the last bit. There we ask the processor. */
#if defined(__MINGW32__) && (defined(__x86_64__) || defined(__SSE2__))
#include <emmintrin.h>
static double clbi_sqrt(double x)
{
    __m128d v = _mm_set_sd(x);
    return _mm_cvtsd_f64(_mm_sqrt_sd(v, v));
}
#else
#define clbi_sqrt(x) sqrt(x)
#endif

/* The multiply-add of the numerical contract, for double and for clb_real. */
#ifdef CLB_NO_FMA
#define CLBI_CONTRACT "mul+add"
#define clbi_fma(a, b, c)  ((a) * (b) + (c))
#define clbi_fmar(a, b, c) ((a) * (b) + (c))
#else
#define CLBI_CONTRACT CLBI_FUSED
#define clbi_fma(a, b, c) clbi_fused(a, b, c)
#ifdef CLB_SINGLE
#define clbi_fmar(a, b, c) clbi_fusedf(a, b, c)
#else
#define clbi_fmar(a, b, c) clbi_fused(a, b, c)
#endif
#endif

/* The library's only state: the instruction set in use plus one, or 0 before the first use. Every
 * thread stores a value that is valid for this processor, so relaxed order is enough. */
static int clbi_isa_cache;

static int clbi_isa_load(void)
{
#if defined(__GNUC__) || defined(__clang__)
    return __atomic_load_n(&clbi_isa_cache, __ATOMIC_RELAXED);
#else
    return *(volatile int *)&clbi_isa_cache;
#endif
}

static void clbi_isa_store(int value)
{
#if defined(__GNUC__) || defined(__clang__)
    __atomic_store_n(&clbi_isa_cache, value, __ATOMIC_RELAXED);
#else
    *(volatile int *)&clbi_isa_cache = value;
#endif
}

#if CLBI_X86
/* r = eax, ebx, ecx, edx of CPUID. Read here because __builtin_cpu_supports does not link on every
 * system. */
static void clbi_cpuid(unsigned leaf, unsigned r[4])
{
#if defined(_MSC_VER) && !defined(__clang__)
    int v[4];
    __cpuidex(v, (int)leaf, 0);
    memcpy(r, v, sizeof v);
#else
    __asm__ volatile("cpuid" : "=a"(r[0]), "=b"(r[1]), "=c"(r[2]), "=d"(r[3]) : "a"(leaf), "c"(0u));
#endif
}

/* XCR0 tells which registers the operating system saves. */
static unsigned clbi_xcr0(void)
{
#if defined(_MSC_VER) && !defined(__clang__)
    return (unsigned)_xgetbv(0);
#else
    unsigned a, d;
    __asm__ volatile("xgetbv" : "=a"(a), "=d"(d) : "c"(0u));
    return a;
#endif
}

static int clbi_x86_has(clb_isa isa)
{
    unsigned r[4], xcr0;
    const unsigned need = 1u << 27 | 1u << 28 | 1u << 12;             /* OSXSAVE, AVX, FMA */
    clbi_cpuid(0, r);
    if (r[0] < 7) return 0;
    clbi_cpuid(1, r);
    if ((r[2] & need) != need) return 0;
    xcr0 = clbi_xcr0();
    clbi_cpuid(7, r);
    if (!(r[1] >> 5 & 1) || (xcr0 & 0x06) != 0x06) return 0;           /* AVX2, ymm saved */
    if (isa == CLB_ISA_AVX2) return 1;
#ifdef CLB_NO_AVX512
    return 0;
#else
    return isa == CLB_ISA_AVX512 && (r[1] >> 16 & 1) && (xcr0 & 0xe6) == 0xe6;
#endif
}
#endif

static int clbi_isa_has(clb_isa isa)
{
    if (isa == CLB_ISA_SCALAR) return 1;
#if CLBI_X86
    return clbi_x86_has(isa);
#else
    return (CLBI_ARM && isa == CLB_ISA_NEON) || (CLBI_WASM && isa == CLB_ISA_WASM);
#endif
}

CLBDEF const char *clb_isa_name(clb_isa isa)
{
    static const char *const names[] = { "scalar", "avx2", "avx512", "neon", "wasm" };
    int i = (int)isa;
    return i >= 0 && i < (int)CLB_ISA_COUNT ? names[i] : "unknown";
}

/* At first use: the set that the environment variable names, if this processor has it; else the
 * best one that the processor has. */
static clb_isa clbi_isa_detect(void)
{
    static const clb_isa best_first[] = { CLB_ISA_AVX512, CLB_ISA_AVX2, CLB_ISA_NEON,
                                          CLB_ISA_WASM, CLB_ISA_SCALAR };
    int i;
#ifndef CLB_FREESTANDING
    const char *wish = getenv("CLB_ISA");
    for (i = 0; wish && i < (int)CLB_ISA_COUNT; ++i)
        if (!strcmp(wish, clb_isa_name((clb_isa)i)) && clbi_isa_has((clb_isa)i)) return (clb_isa)i;
#endif
    for (i = 0; !clbi_isa_has(best_first[i]); ++i) { }
    return best_first[i];
}

CLBDEF clb_isa clb_isa_get(void)
{
    int cached = clbi_isa_load();
    if (!cached) {
        clb_isa best = clbi_isa_detect();
        cached = (int)best + 1;
        clbi_isa_store(cached);
    }
    return (clb_isa)(cached - 1);
}

CLBDEF clb_status clb_isa_set(clb_isa isa)
{
    if ((unsigned)isa >= (unsigned)CLB_ISA_COUNT || !clbi_isa_has(isa)) return CLB_EISA;
    clbi_isa_store((int)isa + 1);
    return CLB_OK;
}

CLBDEF clb_status clb_isa_wish(void)
{
#ifndef CLB_FREESTANDING
    const char *wish = getenv("CLB_ISA");
    int i;
    for (i = 0; wish && i < (int)CLB_ISA_COUNT; ++i)
        if (!strcmp(wish, clb_isa_name((clb_isa)i)) && clbi_isa_has((clb_isa)i)) return CLB_OK;
    if (wish) return CLB_EISA;
#endif
    return CLB_OK;
}

CLBDEF const char *clb_build_info(void)
{
#define CLBI_BUILD_LINE(isa, contract, note) \
    "clb " CLB_VERSION ", " CLB_PRECISION ", " CLBI_COMPILER ", contract " contract \
    ", isa " isa note
#define CLBI_BUILD_LINES(contract, note) \
    { CLBI_BUILD_LINE("scalar", contract, note), CLBI_BUILD_LINE("avx2", contract, note), \
      CLBI_BUILD_LINE("avx512", contract, note), CLBI_BUILD_LINE("neon", contract, note), \
      CLBI_BUILD_LINE("wasm", contract, note) }
    static const char *const lines[2][2][CLB_ISA_COUNT] = {
        { CLBI_BUILD_LINES(CLBI_CONTRACT, ""),
          CLBI_BUILD_LINES(CLBI_CONTRACT, " (CLB_ISA ignored)") },
        { CLBI_BUILD_LINES("broken", ""), CLBI_BUILD_LINES("broken", " (CLB_ISA ignored)") }
    };
#undef CLBI_BUILD_LINES
#undef CLBI_BUILD_LINE
    return lines[clb_selftest(NULL) != CLB_OK][clb_isa_wish() != CLB_OK][clb_isa_get()];
}

/* Multiply-adds from which several threads are worth their start, and the most that are started. */
#define CLBI_THREADS_PAY  1000000
#define CLBI_THREADS_MOST 1024

/* 1 to CLBI_THREADS_MOST. threads may be NULL. */
static size_t clbi_threads_count(const clb_threads *threads)
{
    if (!threads || threads->count < 2) return 1;
    return threads->count < CLBI_THREADS_MOST ? threads->count : CLBI_THREADS_MOST;
}

/* Threads for that many multiply-adds: all, or 1 where these are too few. threads may be NULL. */
static size_t clbi_threads_for(const clb_threads *threads, double work)
{
    return work >= CLBI_THREADS_PAY ? clbi_threads_count(threads) : 1;
}

/* task(context, i), i < tasks, on the threads; NULL or a count below 2: in order, on this one. */
static void clbi_parallel(const clb_threads *threads, size_t tasks,
                          void (*task)(void *context, size_t i), void *context)
{
    size_t i, count = clbi_threads_count(threads);
    if (count > tasks) count = tasks;
    if (count > 1) {
        if (threads->run) {
            threads->run(threads->pool, tasks, task, context);
            return;
        }
#ifdef _OPENMP
#pragma omp parallel for num_threads((int)count) schedule(dynamic, 1)
        for (i = 0; i < tasks; ++i) task(context, i);
        return;
#endif
    }
    for (i = 0; i < tasks; ++i) task(context, i);
}

/* ============================================================================================
 * @S32 ELEMENTARY FUNCTIONS
 * ========================================================================================== */

/* Every function is a fixed sequence of IEEE operations: + - * / fma, comparisons, bit moves. The
 * multiples of ln 2 and pi/2 that range reductions subtract are exact products, so the functions
 * are as accurate under CLB_NO_FMA. The polynomials are truncated Taylor and atanh series. */

#define CLBI_LOG2E   0x1.71547652b82fep+0
#define CLBI_LN2_HI  0x1.62e42fee00000p-1      /* 32 bits: k CLBI_LN2_HI is exact for |k| < 2^21  */
#define CLBI_LN2_LO  0x1.a39ef35793c76p-33     /* ln 2 - CLBI_LN2_HI                              */
#define CLBI_ROUND   0x1.8p52                  /* (x + CLBI_ROUND) - CLBI_ROUND: nearest integer  */

static uint64_t clbi_bits(double x)
{
    uint64_t u;
    memcpy(&u, &x, sizeof u);
    return u;
}

static double clbi_from_bits(uint64_t u)
{
    double x;
    memcpy(&x, &u, sizeof x);
    return x;
}

/* 2^k for -1022 <= k <= 1023, k an integer. */
static double clbi_exp2i(double k)
{
    return clbi_from_bits((clbi_bits(k + CLBI_ROUND) + 1023) << 52);
}

/* x 2^k for |k| <= 2000 with one rounding, because the first product cannot leave the
 * normal range. */
static double clbi_scale2(double x, double k)
{
    double half = (0.5 * k + CLBI_ROUND) - CLBI_ROUND;
    return x * clbi_exp2i(half) * clbi_exp2i(k - half);
}

/* Returns s = a + b rounded; a + b = s + *low exactly (Knuth). */
static CLBI_UNUSED double clbi_two_sum(double a, double b, double *low)
{
    double s = a + b, t = s - a;
    *low = (a - (s - t)) + (b - t);
    return s;
}

/* Returns p = a b rounded; a b = p + *low exactly. Each factor is split into halves of 26 bits
 * (Dekker). */
static CLBI_UNUSED double clbi_split_prod(double a, double b, double *low)
{
    double p = a * b, ca = 134217729.0 * a, cb = 134217729.0 * b;
    double ah = ca - (ca - a), bh = cb - (cb - b), al = a - ah, bl = b - bh;
    *low = ((ah * bh - p) + ah * bl + al * bh) + al * bl;
    return p;
}

#ifndef clbi_fused
/* s + low, rounded to odd; |low| is at most half the last bit of s. Unless low is 0, the last bit
 * of the result is set to 1. It records that the sum was not exact, so that a second rounding to
 * fewer bits gives the same as one rounding of the exact sum. */
static CLBI_UNUSED double clbi_round_to_odd(double s, double low)
{
    uint64_t u = clbi_bits(s);
    if (low != 0 && low - low == 0 && !(u & 1)) u += (low > 0) == (s > 0) ? 1 : (uint64_t)-1;
    return clbi_from_bits(u);
}

/* a b + c in float: the product of two floats is exact in double. */
static CLBI_UNUSED float clbi_fusedf(float a, float b, float c)
{
    double low, s = clbi_two_sum((double)a * (double)b, (double)c, &low);
    return (float)clbi_round_to_odd(s, low);
}

/* a b + c = v + *rest, where v + *rest rounds correctly. No exponent may be near its limits. (Boldo
 * and Melquiond, Emulation of FMA and correctly rounded sums, 2008.) */
static CLBI_UNUSED double clbi_fused_parts(double a, double b, double c, double *rest)
{
    double low, p = clbi_split_prod(a, b, &low), s = clbi_two_sum(c, low, &low);
    double v = clbi_two_sum(p, s, &s);
    s = clbi_two_sum(low, s, &low);
    *rest = clbi_round_to_odd(s, low);
    return v;
}

/* a b + c for all numbers. The operands are scaled first. A subnormal result is rounded at its own
 * last bit. */
static CLBI_UNUSED double clbi_fused_scaled(double a, double b, double c)
{
    double v, rest, big, y, low, sum = c;
    int e, ea, eb, ec;
    if (!(a - a == 0 && b - b == 0)) return a * b + c;
    if (!(c - c == 0)) return c;
    if (a == 0 || b == 0) return a * b + c;
    if (c == 0) return a * b;
    a = frexp(a, &ea), b = frexp(b, &eb), c = frexp(c, &ec);
    e = ea + eb, ec -= e;
    if (ec > 120) return sum;                         /* too large for the product to change it */
    c = clbi_scale2(c, ec < -300 ? -300 : ec);        /* smaller than any bit of the product */
    v = clbi_fused_parts(a, b, c, &rest);
    sum = v + rest;
    (void)frexp(sum, &ec);
    if (ec + e > -1022) return clbi_scale2(sum, e);
    big = (sum < 0 ? -1.0 : 1.0) * clbi_exp2i(-1022 - e);    /* sum is rounded at its last bit */
    v = clbi_two_sum(big, v, &y);
    y = clbi_two_sum(y, rest, &low);
    y = (v + clbi_round_to_odd(y, low)) - big;
    return y == 0 ? 0 * sum : clbi_scale2(y, e);
}

static CLBI_UNUSED double clbi_fused(double a, double b, double c)
{
    uint64_t ea = clbi_bits(a) >> 52 & 0x7ff, eb = clbi_bits(b) >> 52 & 0x7ff;
    double v, rest;
    if (ea - 623 > 800 || eb - 623 > 800 || (clbi_bits(c) >> 52 & 0x7ff) - 123 > 1800)
        return clbi_fused_scaled(a, b, c);
    v = clbi_fused_parts(a, b, c, &rest);
    return v + rest;
}
#endif

/* q(r) = (e^r - 1 - r) / r^2 = sum_j r^j / (j+2)!, j = 0..11. For |r| <= ln(2)/2 the terms left out
 * are below 4e-18 e^r. */
enum { CLBI_EXP_Q_TERMS = 12 };
static const double clbi_exp_q_coef[CLBI_EXP_Q_TERMS] = {           /* 1/13!, ..., 1/2! */
    1.0 / 6227020800.0, 1.0 / 479001600.0, 1.0 / 39916800.0, 1.0 / 3628800.0, 1.0 / 362880.0,
    1.0 / 40320.0, 1.0 / 5040.0, 1.0 / 720.0, 1.0 / 120.0, 1.0 / 24.0, 1.0 / 6.0, 0.5
};
static double clbi_exp_q(double r)
{
    const double *c = clbi_exp_q_coef;
    double q = clbi_fma(clbi_fma(clbi_fma(c[0], r, c[1]), r, c[2]), r, c[3]);
    q = clbi_fma(clbi_fma(clbi_fma(clbi_fma(q, r, c[4]), r, c[5]), r, c[6]), r, c[7]);
    return clbi_fma(clbi_fma(clbi_fma(clbi_fma(q, r, c[8]), r, c[9]), r, c[10]), r, c[11]);
}

/* e^x = 2^k e^r, k = round(x / ln 2). NaN passes both comparisons. At the limits of x the result is
 * inf or 0. */
CLBDEF double clb_exp(double x)
{
    double k, r;
    x = 710.0 < x ? 710.0 : x;
    x = -746.0 > x ? -746.0 : x;
    k = clbi_fma(x, CLBI_LOG2E, CLBI_ROUND) - CLBI_ROUND;
    r = clbi_fma(-k, CLBI_LN2_LO, clbi_fma(-k, CLBI_LN2_HI, x));
    return clbi_scale2(1.0 + clbi_fma(r * r, clbi_exp_q(r), r), k);
}

/* x = 2^k (1 + f), sqrt(1/2) <= 1+f < sqrt(2); x positive, finite, not subnormal. */
static double clbi_log_split(double x, double *f)
{
    uint64_t u = clbi_bits(x), above = u + (0x3ff0000000000000u - 0x3fe6a09e667f3bcdu);
    double k = (double)(int64_t)(above >> 52) - 1023.0;
    *f = clbi_from_bits(u - ((above & 0xfff0000000000000u) - 0x3ff0000000000000u)) - 1.0;
    return k;
}

/* R(z) = sum_j 2 z^j / (2j+1), j = 1..11: log((1+s)/(1-s)) = 2 s + s R(s^2). |s| <= 0.1716. */
static double clbi_log_r(double z)
{
    double r = 2.0 / 23.0;
    r = clbi_fma(r, z, 2.0 / 21.0);
    r = clbi_fma(r, z, 2.0 / 19.0);
    r = clbi_fma(r, z, 2.0 / 17.0);
    r = clbi_fma(r, z, 2.0 / 15.0);
    r = clbi_fma(r, z, 2.0 / 13.0);
    r = clbi_fma(r, z, 2.0 / 11.0);
    r = clbi_fma(r, z, 2.0 / 9.0);
    r = clbi_fma(r, z, 2.0 / 7.0);
    r = clbi_fma(r, z, 2.0 / 5.0);
    r = clbi_fma(r, z, 2.0 / 3.0);
    return r * z;
}

/* k ln 2 + log(1+f) + c for a small correction c. With s = f/(2+f): log(1+f) = 2s + s R = f -
 * (f^2/2 - s (f^2/2 + R)), whose leading term f is exact. */
static double clbi_log_sum(double k, double f, double c)
{
    double s = f / (2.0 + f), half = 0.5 * f * f;
    double low = clbi_fma(s, half + clbi_log_r(s * s), clbi_fma(k, CLBI_LN2_LO, c));
    return clbi_fma(k, CLBI_LN2_HI, f - (half - low));
}

CLBDEF double clb_log(double x)
{
    double f, k, shift = x < 0x1p-1022 ? -54.0 : 0.0;      /* subnormals are scaled first */
    double y = x < 0x1p-1022 ? x * 0x1p54 : x;
    if (!(y > 0.0)) return x == 0.0 ? -1.0 / fabs(x) : (x - x) / (x - x);
    if (!(y <= 0x1.fffffffffffffp1023)) return x;
    k = clbi_log_split(y, &f) + shift;
    return clbi_log_sum(k, f, 0.0);
}

/* expm1(x) = (2^k - 1) + 2^k E with E = expm1(r), for |x| <= 40; returned as two parts, the second
 * in *low. The rounding error of the sum of the two large parts goes into *low. For k > 50, 2^k - 1
 * is not exact in double, so the 1 is subtracted from the small part. */
static double clbi_expm1_parts(double x, double *low)
{
    double k = clbi_fma(x, CLBI_LOG2E, CLBI_ROUND) - CLBI_ROUND;
    double high = clbi_fma(-k, CLBI_LN2_HI, x);
    double r = clbi_fma(-k, CLBI_LN2_LO, high);
    double c = clbi_fma(-k, CLBI_LN2_LO, high - r);              /* r + c is the reduced argument */
    double w = clbi_fma(r * r, clbi_exp_q(r), clbi_fma(c, r, c));    /* E = r + w                 */
    double t = clbi_exp2i(k), a = k > 50.0 ? t : t - 1.0, one = k > 50.0 ? 1.0 : 0.0, b = t * r;
    double s = a + b;
    *low = k == 0.0 ? w : ((a - s) + b) + (t * w - one);
    return k == 0.0 ? r : s;
}

CLBDEF double clb_expm1(double x)
{
    double high, low;
    if (!(fabs(x) >= 0x1p-54)) return x;                   /* NaN and zeros too */
    if (x > 40.0) return clb_exp(x);
    if (x < -40.0) return -1.0;
    high = clbi_expm1_parts(x, &low);
    return high + low;
}

/* log(1+x): the logarithm of u = 1 + x rounded, corrected by the rounding error of u. */
CLBDEF double clb_log1p(double x)
{
    double u, f, k, c;
    if (!(fabs(x) >= 0x1p-54)) return x;
    if (x > -0.29 && x < 0.41) return clbi_log_sum(0.0, x, 0.0);
    u = 1.0 + x;
    if (!(u > 0.0) || !(u <= 0x1.fffffffffffffp1023)) return clb_log(u);
    c = u >= 2.0 ? 1.0 - (u - x) : x - (u - 1.0);
    k = clbi_log_split(u, &f);
    return clbi_log_sum(k, f, c / u);
}

/* Returns p = a b rounded; a b = p + *low exactly. */
static double clbi_two_prod(double a, double b, double *low)
{
#ifdef CLB_NO_FMA
    return clbi_split_prod(a, b, low);
#else
    double p = a * b;
    *low = clbi_fused(a, b, -p);
    return p;
#endif
}

/* x - k pi/2 = r + *low with |r| <= pi/4 (1 + 2^-20). Returns r, and k mod 4 in *quadrant. pi/2 is
 * the sum of three parts of 33 bits, whose products with k < 2^20 are exact, and a remainder. */
static double clbi_reduce_half_pi(double x, double *low, int *quadrant)
{
    double k = clbi_fma(x, 0x1.45f306dc9c883p-1, CLBI_ROUND) - CLBI_ROUND, e2, e3, r;
    r = x - k * 0x1.921fb54400000p+0;
    r = clbi_two_sum(r, -(k * 0x1.0b4611a600000p-34), &e2);
    r = clbi_two_sum(r, -(k * 0x1.3198a2e000000p-69), &e3);
    *quadrant = (int)(clbi_bits(k + CLBI_ROUND) & 3u);
    return clbi_two_sum(r, (e2 + e3) - k * 0x1.b839a252049c1p-104, low);
}

/* sin(r + low), |r| <= pi/4: r + r^3 S(r^2) + low (1 - r^2/2), Taylor to r^17. */
static double clbi_sin_kernel(double r, double low)
{
    double z = r * r, s = 1.0 / 355687428096000.0;
    s = clbi_fma(s, z, -1.0 / 1307674368000.0);
    s = clbi_fma(s, z, 1.0 / 6227020800.0);
    s = clbi_fma(s, z, -1.0 / 39916800.0);
    s = clbi_fma(s, z, 1.0 / 362880.0);
    s = clbi_fma(s, z, -1.0 / 5040.0);
    s = clbi_fma(s, z, 1.0 / 120.0);
    s = clbi_fma(s, z, -1.0 / 6.0);
    return r + clbi_fma(z * r, s, low * (1.0 - 0.5 * z));
}

/* cos(r + low), |r| <= pi/4: 1 - r^2/2, the rounding error of that, r^4 C(r^2) and -r low; Taylor
 * to r^16. */
static double clbi_cos_kernel(double r, double low)
{
    double z = r * r, half = 0.5 * z, one = 1.0 - half, c = 1.0 / 20922789888000.0;
    c = clbi_fma(c, z, -1.0 / 87178291200.0);
    c = clbi_fma(c, z, 1.0 / 479001600.0);
    c = clbi_fma(c, z, -1.0 / 3628800.0);
    c = clbi_fma(c, z, 1.0 / 40320.0);
    c = clbi_fma(c, z, -1.0 / 720.0);
    c = clbi_fma(c, z, 1.0 / 24.0);
    return one + (((1.0 - one) - half) + clbi_fma(z * z, c, -(r * low)));
}

/* sin(x + shift pi/2) */
static double clbi_sin_shifted(double x, int shift)
{
    double r, low, y;
    int quadrant;
    if (!(fabs(x) <= 0x1p20)) return (double)NAN;
    r = clbi_reduce_half_pi(x, &low, &quadrant);
    quadrant += shift;
    y = quadrant & 1 ? clbi_cos_kernel(r, low) : clbi_sin_kernel(r, low);
    return quadrant & 2 ? -y : y;
}

CLBDEF double clb_sin(double x)
{
    return fabs(x) < 0x1p-27 ? x : clbi_sin_shifted(x, 0);
}

CLBDEF double clb_cos(double x)
{
    return clbi_sin_shifted(x, 1);
}

/* tanh |x| = E/(E+2) with E = expm1(2|x|) = high + low. The quotient q is corrected by the
 * remainder of the division. */
CLBDEF double clb_tanh(double x)
{
    double a = fabs(x), high, low, den, den_low, q, prod, prod_low, y;
    if (!(a >= 0x1p-28)) return x;
    if (a > 20.0) return x > 0.0 ? 1.0 : -1.0;
    high = clbi_expm1_parts(2.0 * a, &low);
    high = clbi_two_sum(high, low, &low);
    den = clbi_two_sum(2.0, high, &den_low);
    q = high / den;
    prod = clbi_two_prod(q, den, &prod_low);
    y = q + ((((high - prod) - prod_low) + low) - q * (den_low + low)) / den;
    return x < 0.0 ? -y : y;
}

#define CLBI_SQRT_HALF   0.70710678118654752440
#define CLBI_PI          3.14159265358979323846
#define CLBI_NORMAL_PEAK 0.39894228040143267794    /* 1/sqrt(2 pi) */
#define CLBI_ERF_SLOPE   0x1.06eba8214db69p-3      /* erf'(0) - 1 = 2/sqrt(pi) - 1 */

/* { high and low part of erf(c), erf'(c) } at c = 1/2, 1, ..., 6 */
static const double clbi_erf_table[12][3] = {
    { 0x1.0a7ef5c18edd2p-1, 0x1.5e809f1a31a28p-56, 0x1.c1efca49a5011p-1 },
    { 0x1.af767a741088bp-1, -0x1.c97f778122797p-56, 0x1.a911f096fbc26p-2 },
    { 0x1.eea5557137ae0p-1, -0x1.385e445f2c96dp-55, 0x1.e723726b824a9p-4 },
    { 0x1.fd9ae142795e3p-1, 0x1.972801904b9a3p-56, 0x1.529b9e8cf9a1ep-6 },
    { 0x1.ffcaa8f4c9beap-1, 0x1.b0cee160116f9p-55, 0x1.1d83170fbf6fbp-9 },
    { 0x1.fffd1ac4135f9p-1, 0x1.eeafa1ecd6cefp-55, 0x1.2408e9ba3327fp-13 },
    { 0x1.ffffe710d565ep-1, 0x1.c9ea52d76dc04p-55, 0x1.6a597219a93dap-18 },
    { 0x1.ffffff7b91176p-1, 0x1.0b2865615db40p-56, 0x1.10b1488aeb235p-23 },
    { 0x1.fffffffe4fa30p-1, 0x1.d166bcb681c7bp-57, 0x1.f1e3523b41d7dp-30 },
    { 0x1.fffffffffc9e8p-1, -0x1.a759f7738935fp-56, 0x1.13af4f04f9998p-36 },
    { 0x1.fffffffffffbep-1, -0x1.182b326b228dcp-55, 0x1.7258610b3b233p-44 },
    { 0x1.0000000000000p+0, -0x1.8cf81557d20b6p-56, 0x1.2dc119095729fp-52 }
};

/* The coefficients g_n of exp(-2ct - t^2) = sum g_n t^n satisfy (n+1) g_{n+1} = -2c g_n - 2
 * g_{n-1}. This returns g_n from g_{n-2} = g0 and g_{n-1} = g1. */
static double clbi_erf_next(double c, int n, double g0, double g1)
{
    return (-2.0 * c * g1 - 2.0 * g0) / n;
}

/* The integral of that series from 0 to h, without its first term h. 32 terms are enough for c <=
 * 6, |h| <= 1/4 and for c = 0, h < 0.4. The loop ends when two successive terms are too small to
 * matter, because all later ones are smaller: usually at the 14th. */
enum { CLBI_ERF_TERMS = 32 };
static double clbi_erf_tail(double c, double h)
{
    double g0 = 0.0, g1 = 1.0, power = h, sum = 0.0, before = 1.0;
    int n;
    for (n = 1; n <= CLBI_ERF_TERMS; ++n) {
        double g2 = clbi_erf_next(c, n, g0, g1), term;
        power *= h;
        term = g2 * power / (n + 1);
        sum += term;
        if (fabs(term) + before <= 0x1p-60 * fabs(sum)) break;
        before = fabs(term);
        g0 = g1;
        g1 = g2;
    }
    return sum;
}

/* Taylor series around c, the multiple of 1/2 nearest to x (0 below 0.4): erf(c+h) = erf(c) +
 * erf'(c) (h + tail). */
CLBDEF double clb_erf(double x)
{
    double a = fabs(x), c, h, y;
    int k;
    if (!(a <= 6.0)) return a > 6.0 ? (x > 0.0 ? 1.0 : -1.0) : x;
    c = a < 0.4 ? 0.0 : 0.5 * ((2.0 * a + CLBI_ROUND) - CLBI_ROUND);
    h = a - c;
    k = (int)(2.0 * c);
    y = clbi_erf_tail(c, h);
    if (k == 0) {
        y = a + (CLBI_ERF_SLOPE * a + (1.0 + CLBI_ERF_SLOPE) * y);
    } else {
        const double *at = clbi_erf_table[k - 1];
        y = at[0] + (at[1] + at[2] * (h + y));
    }
    return x < 0.0 || (x == 0.0 && 1.0 / x < 0.0) ? -y : y;
}

/* A number of about 106 bits: hi + lo, where |lo| is at most half the last bit of hi. */
typedef struct clbi_dd { double hi, lo; } clbi_dd;

static clbi_dd clbi_dd_add(clbi_dd a, clbi_dd b)
{
    clbi_dd s;
    double low, hi = clbi_two_sum(a.hi, b.hi, &low);
    s.hi = clbi_two_sum(hi, low + (a.lo + b.lo), &s.lo);
    return s;
}

static clbi_dd clbi_dd_mul(clbi_dd a, clbi_dd b)
{
    clbi_dd p;
    double low, hi = clbi_two_prod(a.hi, b.hi, &low);
    p.hi = clbi_two_sum(hi, low + (a.hi * b.lo + a.lo * b.hi), &p.lo);
    return p;
}

/* log(x) with an error of about 2^-68: 2 s (1 + z (1/3 + z (1/5 + z Q(z)))), s = f/(2+f), z = s^2.
 * Q is evaluated in double. */
static clbi_dd clbi_log_dd(double x)
{
    static const clbi_dd third = { 0x1.5555555555555p-2, 0x1.5555555555555p-56 };
    static const clbi_dd fifth = { 0x1.999999999999ap-3, -0x1.999999999999ap-57 };
    clbi_dd s, z, w, e;
    double f, k, den, den_low, prod, prod_low, q = 1.0 / 29.0;
    int j;
    k = x < 0x1p-1022 ? clbi_log_split(x * 0x1p54, &f) - 54.0 : clbi_log_split(x, &f);
    den = clbi_two_sum(2.0, f, &den_low);
    s.hi = f / den;
    prod = clbi_two_prod(s.hi, den, &prod_low);
    s.lo = (((f - prod) - prod_low) - s.hi * den_low) / den;
    z = clbi_dd_mul(s, s);
    for (j = 27; j >= 7; j -= 2) q = clbi_fma(q, z.hi, 1.0 / j);
    w.hi = z.hi * q;
    w.lo = 0.0;
    w = clbi_dd_mul(z, clbi_dd_add(third, clbi_dd_mul(z, clbi_dd_add(fifth, w))));
    w = clbi_dd_add(s, clbi_dd_mul(s, w));
    w.hi *= 2.0;
    w.lo *= 2.0;
    e.hi = k * CLBI_LN2_HI;
    e.lo = k * CLBI_LN2_LO;
    return clbi_dd_add(e, w);
}

/* 1 if y is an odd integer, 0 if it is an even one, -1 if it is no integer. */
static int clbi_parity(double y)
{
    double a = fabs(y);
    if (a != floor(a)) return -1;
    return a < 0x1p53 && a * 0.5 != floor(a * 0.5);
}

/* x^y for finite x > 0 and finite y != 0: exp(y log x), where the product has about 106 bits. */
static double clbi_pow_positive(double x, double y)
{
    clbi_dd t = clbi_log_dd(x);
    double k, r, c, hi = y * t.hi, lo;
    if (!(hi < 800.0)) return (double)INFINITY;
    if (!(hi > -800.0)) return 0.0;
    hi = clbi_two_prod(y, t.hi, &lo);
    lo += y * t.lo;
    k = clbi_fma(hi, CLBI_LOG2E, CLBI_ROUND) - CLBI_ROUND;
    r = hi - k * CLBI_LN2_HI;
    c = lo - k * CLBI_LN2_LO;
    r = clbi_two_sum(r, c, &lo);
    return clbi_scale2(1.0 + (r + clbi_fma(r * r, clbi_exp_q(r), lo + lo * r)), k);
}

CLBDEF double clb_pow(double x, double y)
{
    int parity;
    double a = fabs(x), z;
    if (y == 0.0 || x == 1.0) return 1.0;                               /* even for NaN */
    if (x != x || y != y) return x + y;
    parity = clbi_parity(y);
    if (y - y != 0.0)                                                   /* y = +-inf    */
        return a == 1.0 ? 1.0 : (a > 1.0) == (y > 0.0) ? (double)INFINITY : 0.0;
    if (a == 0.0 || a - a != 0.0) z = (a == 0.0) == (y > 0.0) ? 0.0 : (double)INFINITY;
    else if (x < 0.0 && parity < 0) return (x - x) / (x - x);
    else z = a == 1.0 ? 1.0 : clbi_pow_positive(a, y);
    return parity == 1 && (x < 0.0 || (x == 0.0 && 1.0 / x < 0.0)) ? -z : z;
}

CLBDEF double clb_sqrt(double x)
{
    return clbi_sqrt(x);
}

/* ============================================================================================
 * @S33 RANDOM NUMBERS
 * ========================================================================================== */

#define CLBI_MT_N 624
#define CLBI_MT_M 397

CLBDEF void clb_rng_seed(clb_rng *rng, uint64_t seed)
{
    int i;
    rng->state[0] = (uint32_t)(seed & 0xffffffffu);
    for (i = 1; i < CLBI_MT_N; ++i) {
        uint32_t prev = rng->state[i - 1];
        rng->state[i] = 1812433253u * (prev ^ (prev >> 30)) + (uint32_t)i;
    }
    rng->next = CLBI_MT_N;
    rng->has_spare = 0;
    rng->spare = 0.0;
    rng->normal_mode = CLB_NORMAL_EXACT;
}

/* The next 624 words: x_{k+624} = x_{k+397} ^ (top bit of x_k, low bits of x_{k+1}) A. */
static void clbi_mt_refill(clb_rng *rng)
{
    uint32_t *s = rng->state;
    int k;
    for (k = 0; k < CLBI_MT_N; ++k) {
        uint32_t y = (s[k] & 0x80000000u) | (s[(k + 1) % CLBI_MT_N] & 0x7fffffffu);
        s[k] = s[(k + CLBI_MT_M) % CLBI_MT_N] ^ (y >> 1) ^ ((y & 1u) ? 0x9908b0dfu : 0u);
    }
    rng->next = 0;
}

CLBDEF uint32_t clb_rng_u32(clb_rng *rng)
{
    uint32_t y;
    if (rng->next < 0 || rng->next >= CLBI_MT_N) clbi_mt_refill(rng);
    y = rng->state[rng->next++];
    y ^= y >> 11;
    y ^= (y << 7) & 0x9d2c5680u;
    y ^= (y << 15) & 0xefc60000u;
    return y ^ (y >> 18);
}

CLBDEF uint64_t clb_rng_u64(clb_rng *rng)
{
    uint64_t high = clb_rng_u32(rng);
    return high << 32 | clb_rng_u32(rng);
}

CLBDEF uint32_t clb_rng_below(clb_rng *rng, uint32_t n)
{
    CLB_ASSERT(n > 0);
    return clb_rng_u32(rng) % n;
}

CLBDEF double clb_rng_double(clb_rng *rng)
{
    return ldexp((double)(clb_rng_u64(rng) & 0x1fffffffffffffu), -53);
}

/* 24 bits of one word: k 2^-24, exact in float. */
static float clbi_rng_float(clb_rng *rng)
{
    return (float)(clb_rng_u32(rng) & 0xffffffu) * 5.9604644775390625e-8f;
}

CLBDEF void clb_rng_uniform(clb_rng *rng, size_t n, double a, double b, clb_real *x)
{
    float fa = (float)a, fb = (float)b, span = fb - fa;
    size_t i;
    for (i = 0; i < n; ++i) x[i] = (clb_real)clbi_fusedf(clbi_rng_float(rng), span, fa);
}

/* The published runs evaluated ln, cos and sin in float, by range reduction and minimax polynomials
 * (the coefficients are those of S. Moshier's single precision Cephes library). Their compiler
 * fused some products with the sum that follows. Which ones it fused decides the last bit, so each
 * fused operation is written out here. Every float product and sum is assigned to a variable before
 * it is used, and constants that are no powers of two are objects: some machines (s390x) evaluate
 * float expressions in double and would keep bits that a float does not have. */

/* ln x for a normal float x > 0: x = 2^e m, sqrt(1/2) <= m < sqrt 2, ln x = e ln 2 +
 * ln(1 + (m-1)). */
static float clbi_logf_published(float x)
{
    static const float c[9] = { 7.0376836292e-2f, -1.1514610310e-1f, 1.1676998740e-1f,
                                -1.2420140846e-1f, 1.4249322787e-1f, -1.6668057665e-1f,
                                2.0000714765e-1f, -2.4999993993e-1f, 3.3333331174e-1f };
    static const float sqrt_half = 0.707106781186547524f, ln2_low = -2.12194440e-4f;
    int exponent, i;
    float m = (float)frexp((double)x, &exponent), e, z, t, y = c[0];
    if (m < sqrt_half) {
        m = m + m;
        --exponent;
    }
    m = m - 1.0f;
    e = (float)exponent;
    z = m * m;
    for (i = 1; i < 9; ++i) y = clbi_fusedf(y, m, c[i]);
    y = y * m;
    t = e * ln2_low;
    y = clbi_fusedf(y, z, t);
    y = clbi_fusedf(-0.5f, z, y);
    m = m + y;
    return clbi_fusedf(e, 0.693359375f, m);          /* ln 2 = 0.693359375 + ln2_low */
}

/* sin x and cos x for 0 <= x < 8192: x = j pi/4 + r with j even and |r| <= pi/4. pi/4 is subtracted
 * in three pieces. */
static void clbi_sincosf_published(float x, float *s, float *c)
{
    static const float four_over_pi = 1.27323954473516f;
    float y = x * four_over_pi, r, z, half, ps, pc;
    int j = ((int)y + 1) & ~1;
    y = (float)j;
    r = clbi_fusedf(y, -0.78515625f, x);
    r = clbi_fusedf(y, -2.4187564849853515625e-4f, r);
    r = clbi_fusedf(y, -3.77489497744594108e-8f, r);
    z = r * r;
    half = z * 0.5f;
    pc = clbi_fusedf(2.443315711809948e-5f, z, -1.388731625493765e-3f);
    pc = clbi_fusedf(pc, z, 4.166664568298827e-2f);
    pc = pc * z;
    pc = clbi_fusedf(pc, z, -half);                  /* r^4 P(r^2) - r^2/2 */
    pc = pc + 1.0f;
    ps = clbi_fusedf(-1.9515295891e-4f, z, 8.3321608736e-3f);
    ps = clbi_fusedf(ps, z, -1.6666654611e-1f);
    ps = ps * z;
    ps = clbi_fusedf(ps, r, r);
    *s = (j & 2) ? pc : ps;
    *c = (j & 2) ? ps : pc;
    if (j & 4) *s = -*s;
    if (!((j - 2) & 4)) *c = -*c;
}

/* Turns a block of 16 uniforms into 16 normals, in place (Box & Muller). */
static void clbi_normal_block(clb_normal_mode mode, clb_real *x)
{
    static const float two_pi = 6.28318530717958647692f;
    int j;
    for (j = 0; j < 8; ++j) {
        float u = 1.0f - (float)x[j], v = (float)x[j + 8];         /* u in (0, 1], exact */
        if (mode == CLB_NORMAL_PUBLISHED) {
            float r = -2.0f * clbi_logf_published(u), t = two_pi * v, s, c;
            r = (float)clbi_sqrt((double)r);
            clbi_sincosf_published(t, &s, &c);
            c = r * c;
            s = r * s;
            x[j] = (clb_real)c;
            x[j + 8] = (clb_real)s;
        } else {
            double r = clbi_sqrt(-2.0 * clb_log((double)u)), t = 6.28318530717958647692 * (double)v;
            x[j] = (clb_real)(float)(r * clb_cos(t));
            x[j + 8] = (clb_real)(float)(r * clb_sin(t));
        }
    }
}

static double clbi_normal_scalar(clb_rng *rng)
{
    double u, v, r, t;
    if (rng->has_spare) {
        rng->has_spare = 0;
        return rng->spare;
    }
    u = clb_rng_double(rng);
    v = clb_rng_double(rng);
    r = clbi_sqrt(-2.0 * clb_log1p(-v));
    t = 6.28318530717958647692 * u;
    rng->spare = r * clb_sin(t);
    rng->has_spare = 1;
    return r * clb_cos(t);
}

CLBDEF void clb_rng_normal(clb_rng *rng, size_t n, clb_real *x)
{
    size_t i;
    if (n < 16) {
        for (i = 0; i < n; ++i) x[i] = (clb_real)(float)clbi_normal_scalar(rng);
        return;
    }
    for (i = 0; i < n; ++i) x[i] = (clb_real)clbi_rng_float(rng);
    for (i = 0; i + 16 <= n; i += 16) clbi_normal_block(rng->normal_mode, x + i);
    if (n % 16 == 0) return;
    for (i = n - 16; i < n; ++i) x[i] = (clb_real)clbi_rng_float(rng);
    clbi_normal_block(rng->normal_mode, x + n - 16);
}

CLBDEF void clb_rng_permutation(clb_rng *rng, size_t n, uint32_t *p)
{
    size_t i;
    CLB_ASSERT(n <= 0xffffffffu);
    for (i = 0; i < n; ++i) p[i] = (uint32_t)i;
    for (i = 0; i + 1 < n; ++i) {
        size_t z = i + clb_rng_u32(rng) % (uint32_t)(n - i);
        uint32_t t = p[i];
        p[i] = p[z];
        p[z] = t;
    }
}

/* ============================================================================================
 * @S34 DATA
 * ========================================================================================== */

CLBDEF void clb_data_free(clb_data *data)
{
    if (data->owned) {
        CLB_FREE(data->X);
        CLB_FREE(data->y);
        CLB_FREE(data->targets);
        CLB_FREE(data->names);
    }
    memset(data, 0, sizeof *data);
}

CLBDEF clb_data clb_data_view(size_t n, size_t d, size_t K, const clb_real *X, const int *y)
{
    clb_data data;
    memset(&data, 0, sizeof data);
    data.n = n, data.d = d, data.K = K;
    memcpy(&data.X, &X, sizeof X);                    /* not written through, see the struct */
    memcpy(&data.y, &y, sizeof y);
    return data;
}

/* Allocates n rows of d inputs and n labels, uninitialised. On failure *data is zeroed. */
static clb_status clbi_data_alloc(clb_data *data, size_t n, size_t d, size_t K)
{
    clb_status status;
    size_t count;
    memset(data, 0, sizeof *data);
    if (n == 0 || d == 0) return CLB_EEMPTY;
    if (n > 0xffffffffu) return CLB_ESIZE;
    if (K == 0 || K > (size_t)INT_MAX) return CLB_ECOUNT;
    if (!clbi_mul_size(n, d, &count)) return CLB_ESIZE;
    data->owned = 1;
    status = clbi_alloc(&data->X, count, sizeof(clb_real));
    if (!status) status = clbi_alloc(&data->y, n, sizeof(int));
    if (status) {
        clb_data_free(data);
        return status;
    }
    data->n = n;
    data->d = d;
    data->K = K;
    return CLB_OK;
}

/* Euclidean norm of a row in float, summed in the order of the published runs: eight partial sums
 * by fma, their total from left to right, then the squares of the last d mod 8 entries
 * without fma. */
static float clbi_row_norm(const clb_real *x, size_t d)
{
    float lane[8] = { 0 }, sum;
    size_t full = d - d % 8, i, l;
    for (i = 0; i < full; i += 8) {
        for (l = 0; l < 8; ++l) {
            float v = (float)x[i + l];
            lane[l] = clbi_fusedf(v, v, lane[l]);
        }
    }
    sum = lane[0];
    for (l = 1; l < 8; ++l) sum = sum + lane[l];
    for (i = full; i < d; ++i) {
        float v = (float)x[i];
        v = v * v;
        sum = sum + v;
    }
    return (float)clbi_sqrt((double)sum);
}

/* Draws normals as rows of length d and scales each row to the given norm. */
static void clbi_draw_directions(clb_rng *rng, size_t rows, size_t d, float length, clb_real *x)
{
    size_t i, j;
    clb_rng_normal(rng, rows * d, x);
    for (i = 0; i < rows; ++i) {
        float norm = clbi_row_norm(x + i * d, d);
        for (j = 0; j < d; ++j) {
            float v = (float)x[i * d + j] / norm;
            v = v * length;
            x[i * d + j] = (clb_real)v;
        }
    }
}

/* Permutes the rows of *data: row i := old row p[i], p drawn now. */
static clb_status clbi_data_shuffle(clb_data *data, clb_rng *rng)
{
    clb_data to;
    uint32_t *p = NULL;
    size_t i;
    clb_status status = clbi_data_alloc(&to, data->n, data->d, data->K);
    if (!status) status = clbi_alloc(&p, data->n, sizeof *p);
    if (status) {
        clb_data_free(&to);
        return status;
    }
    clb_rng_permutation(rng, data->n, p);
    for (i = 0; i < data->n; ++i) {
        memcpy(to.X + i * to.d, data->X + (size_t)p[i] * to.d, to.d * sizeof(clb_real));
        to.y[i] = data->y[p[i]];
    }
    CLB_FREE(p);
    clb_data_free(data);
    *data = to;
    return CLB_OK;
}

/* The end of every generator: on success *data is shuffled, on failure it is zeroed. */
static clb_status clbi_data_finish(clb_data *data, clb_rng *rng, clb_status status)
{
    if (!status) status = clbi_data_shuffle(data, rng);
    if (status) clb_data_free(data);
    return status;
}

/* x[j] += shift[j], with the sum rounded to float. */
static void clbi_add_float(size_t n, const clb_real *shift, clb_real *x)
{
    size_t j;
    for (j = 0; j < n; ++j) {
        float sum = (float)x[j] + (float)shift[j];
        x[j] = (clb_real)sum;
    }
}

/* Is x finite as a float? */
static int clbi_float_ok(double x)
{
    return fabs(x) <= (double)FLT_MAX;
}

CLBDEF clb_status clb_data_mixture(clb_data *data, clb_rng *rng, size_t n, size_t d, size_t K,
                                   double separation)
{
    double radius = separation * clbi_sqrt((double)d);
    clb_real *centres = NULL;
    size_t k, i, row = 0, count;
    clb_status status = clbi_data_alloc(data, n, d, K);
    if (status) return status;
    if (!clbi_float_ok(radius)) status = CLB_ESCALE;
    else if (!clbi_mul_size(K, d, &count)) status = CLB_ESIZE;
    else status = clbi_alloc(&centres, count, sizeof *centres);
    if (status) return clbi_data_finish(data, rng, status);
    clbi_draw_directions(rng, K, d, (float)radius, centres);
    for (k = 0; k < K; ++k) {
        size_t rows = n / K + (k < n % K);
        clb_real *x = data->X + row * d;
        const clb_real *centre = centres + k * d;
        clb_rng_normal(rng, rows * d, x);
        for (i = 0; i < rows; ++i) {
            clbi_add_float(d, centre, x + i * d);
            data->y[row + i] = (int)k;
        }
        row += rows;
    }
    CLB_FREE(centres);
    return clbi_data_finish(data, rng, CLB_OK);
}

CLBDEF clb_status clb_data_xor(clb_data *data, clb_rng *rng, size_t n)
{
    size_t i;
    clb_status status = clbi_data_alloc(data, n, 2, 2);
    if (status) return status;
    clb_rng_normal(rng, 2 * n, data->X);
    for (i = 0; i < n; ++i) data->y[i] = (data->X[2 * i] > 0) != (data->X[2 * i + 1] > 0);
    return CLB_OK;
}

CLBDEF clb_status clb_data_spheres(clb_data *data, clb_rng *rng, size_t n, size_t d, double inner,
                                   double outer)
{
    static const float deviation = 0.1f;
    clb_real *noise = NULL;
    size_t label, i, first = 0, rows = n / 2;
    clb_status status = clbi_data_alloc(data, n, d, 2);
    if (status) return status;
    if (!clbi_float_ok(inner) || !clbi_float_ok(outer)) status = CLB_ESCALE;
    else status = clbi_alloc(&noise, n * d, sizeof *noise);
    if (status) return clbi_data_finish(data, rng, status);
    for (label = 0; label < 2; ++label) {
        clb_real *x = data->X + first * d;
        clbi_draw_directions(rng, rows, d, (float)(label ? outer : inner), x);
        clb_rng_normal(rng, rows * d, noise);
        for (i = 0; i < rows * d; ++i) {
            float scaled = deviation * (float)noise[i];
            noise[i] = (clb_real)scaled;
        }
        clbi_add_float(rows * d, noise, x);
        for (i = 0; i < rows; ++i) data->y[first + i] = (int)label;
        first = rows;
        rows = n - rows;
    }
    CLB_FREE(noise);
    return clbi_data_finish(data, rng, CLB_OK);
}

/* ---- parts of a data set, scaled inputs ----------------------------------------------------- */

/* *names := a copy of K strings in one allocation; NULL if from is NULL. */
static clb_status clbi_names_copy(char ***names, char *const *from, size_t K)
{
    size_t k, bytes = K * sizeof **names;
    char *at;
    clb_status status;
    *names = NULL;
    if (!from) return CLB_OK;
    for (k = 0; k < K; ++k) bytes += strlen(from[k]) + 1;
    if ((status = clbi_alloc(names, bytes, 1)) != CLB_OK) return status;
    for (at = (char *)(*names + K), k = 0; k < K; ++k) {
        (*names)[k] = at;
        memcpy(at, from[k], strlen(from[k]) + 1);
        at += strlen(from[k]) + 1;
    }
    return CLB_OK;
}

/* Copies the rows index[0..count-1] of data into a new set. */
static clb_status clbi_data_rows(clb_data *to, const clb_data *data, const uint32_t *index,
                                 size_t count)
{
    size_t i, d = data->d, K = data->K;
    clb_status status = clbi_data_alloc(to, count, d, K ? K : 1);
    if (status) return status;
    to->K = K;
    if (data->targets) status = clbi_alloc(&to->targets, count * K, sizeof(clb_real));
    if (!status) status = clbi_names_copy(&to->names, data->names, K);
    if (status) {
        clb_data_free(to);
        return status;
    }
    for (i = 0; i < count; ++i) {
        memcpy(to->X + i * d, data->X + index[i] * d, d * sizeof(clb_real));
        if (data->y) to->y[i] = data->y[index[i]];
        if (data->targets)
            memcpy(to->targets + i * K, data->targets + index[i] * K, K * sizeof(clb_real));
    }
    if (data->y) return CLB_OK;
    CLB_FREE(to->y);
    to->y = NULL;
    return CLB_OK;
}

CLBDEF clb_status clb_data_split(const clb_data *data, clb_rng *rng, double share, clb_data *train,
                                 clb_data *valid)
{
    uint32_t *index = NULL;
    size_t i, n = data->n, held;
    clb_status status;
    memset(train, 0, sizeof *train);
    memset(valid, 0, sizeof *valid);
    if (!(share > 0 && share < 1) || n < 2 || n > 0xffffffffu) return CLB_EROW;
    held = (size_t)(share * (double)n + 0.5);
    if (held == 0) held = 1;
    if (held >= n) return CLB_EROW;
    if ((status = clbi_alloc(&index, n, sizeof *index)) != CLB_OK) return status;
    for (i = 0; i < n; ++i) index[i] = (uint32_t)i;
    if (rng) clb_rng_permutation(rng, n, index);
    status = clbi_data_rows(train, data, index, n - held);
    if (!status) status = clbi_data_rows(valid, data, index + n - held, held);
    if (status) clb_data_free(train);
    CLB_FREE(index);
    return status;
}

CLBDEF void clb_scaler_free(clb_scaler *scaler)
{
    CLB_FREE(scaler->mean);
    memset(scaler, 0, sizeof *scaler);
}

/* Mean and standard deviation of a column of n values that are stride apart. The values are scaled
 * by a power of two so that no sum or square overflows or underflows. */
static void clbi_column_spread(size_t n, size_t stride, const clb_real *x, double *mean,
                               double *deviation)
{
    double low = (double)x[0], high = low, sum = 0, squares = 0, scale, m;
    size_t i;
    int exponent;
    for (i = 1; i < n; ++i) {
        double v = (double)x[i * stride];
        if (v < low) low = v;
        if (v > high) high = v;
    }
    *mean = low, *deviation = 1;
    if (!(low < high)) return;
    (void)frexp(fabs(low) > fabs(high) ? low : high, &exponent);
    if (exponent < -1000) exponent = -1000;
    scale = ldexp(1.0, -exponent);
    for (i = 0; i < n; ++i) sum += (double)x[i * stride] * scale;
    m = sum / (double)n;
    for (i = 0; i < n; ++i) {
        double v = (double)x[i * stride] * scale - m;
        squares += v * v;
    }
    *mean = ldexp(m, exponent);
    *deviation = ldexp(clbi_sqrt(squares / (double)n), exponent);
    if (!(*deviation > 0)) *deviation = 1;
}

CLBDEF clb_status clb_scaler_fit(clb_scaler *scaler, const clb_data *data)
{
    size_t j;
    clb_status status;
    memset(scaler, 0, sizeof *scaler);
    if (data->n == 0 || data->d == 0) return CLB_EEMPTY;
    if (data->d > (size_t)-1 / 2) return CLB_ESIZE;
    if ((status = clbi_alloc(&scaler->mean, 2 * data->d, sizeof(double))) != CLB_OK) return status;
    scaler->d = data->d;
    scaler->deviation = scaler->mean + data->d;
    for (j = 0; j < data->d; ++j)
        clbi_column_spread(data->n, data->d, data->X + j, &scaler->mean[j], &scaler->deviation[j]);
    return CLB_OK;
}

CLBDEF clb_status clb_scaler_apply(const clb_scaler *scaler, clb_data *data)
{
    size_t i, j;
    if (scaler->d != data->d) return CLB_ESHAPE;
    for (i = 0; i < data->n; ++i)
        for (j = 0; j < data->d; ++j) {
            clb_real *x = &data->X[i * data->d + j];        /* halved, so that it cannot overflow */
            *x = (clb_real)((0.5 * (double)*x - 0.5 * scaler->mean[j]) /
                            (0.5 * scaler->deviation[j]));
        }
    return CLB_OK;
}

CLBDEF clb_status clb_scaler_fold(const clb_scaler *scaler, clb_net *net)
{
    size_t i, j, d = scaler->d;
    if (net->L == 0) return CLB_EUNSET;
    if (d != net->m[0]) return CLB_ESHAPE;
    if (net->b[1] == CLB_NO_BIAS) return CLB_ELAYER;
    for (i = 0; i < net->m[1]; ++i) {
        clb_real *W = net->theta + net->w[1] + i * d, *b = net->theta + net->b[1] + i;
        double shift = (double)*b;
        for (j = 0; j < d; ++j) {
            double w = (double)W[j] / scaler->deviation[j];
            shift -= w * scaler->mean[j];
            W[j] = (clb_real)w;
        }
        *b = (clb_real)shift;
    }
    return CLB_OK;
}

/* ---- bytes ------------------------------------------------------------------------------- */

/* An unsigned integer of count <= 8 bytes. */
static uint64_t clbi_bytes_u64(const unsigned char *p, size_t count, int big_endian)
{
    uint64_t value = 0;
    size_t i;
    for (i = 0; i < count; ++i) value = value << 8 | p[big_endian ? i : count - 1 - i];
    return value;
}

/* Text that is being read: the bytes from p up to end. */
typedef struct clbi_text {
    const unsigned char *p, *end;
} clbi_text;

static void clbi_skip_space(clbi_text *t)
{
    while (t->p < t->end && *t->p != 0 && strchr(" \t\n\r", *t->p)) ++t->p;
}

/* If word comes next, after white space, skips it and returns 1; else returns 0. */
static int clbi_take(clbi_text *t, const char *word)
{
    size_t length = strlen(word);
    clbi_skip_space(t);
    if ((size_t)(t->end - t->p) < length || memcmp(t->p, word, length) != 0) return 0;
    t->p += length;
    return 1;
}

static int clbi_is_digit(unsigned char c)
{
    return c >= '0' && c <= '9';
}

/* A decimal integer without sign. */
static clb_status clbi_take_size(clbi_text *t, size_t *value)
{
    size_t v = 0;
    clbi_skip_space(t);
    if (t->p == t->end || !clbi_is_digit(*t->p)) return CLB_EFORMAT;
    for (; t->p < t->end && clbi_is_digit(*t->p); ++t->p) {
        size_t digit = (size_t)(*t->p - '0');
        if (!clbi_mul_size(v, 10, &v) || !clbi_add_size(v, digit, &v)) return CLB_ESIZE;
    }
    *value = v;
    return CLB_OK;
}

/* ---- NPY --------------------------------------------------------------------------------- */

CLBDEF void clb_array_free(clb_array *array)
{
    CLB_FREE(array->x);
    memset(array, 0, sizeof *array);
}

/* How the elements of an NPY file, or of another file of weights, are stored. */
typedef struct clbi_npy {
    char   kind;             /* 'f' float, 'B' bfloat16, 'i' signed, 'u' unsigned, 'b' boolean */
    size_t item;             /* bytes an element                                 */
    int    big_endian;
    int    fortran;
} clbi_npy;

/* The element type, such as '<f8'. */
static clb_status clbi_npy_descr(clbi_text *t, clbi_npy *npy)
{
    static const char *const types[] = { "f2", "f4", "f8", "i1", "i2", "i4", "i8",
                                         "u1", "u2", "u4", "u8", "b1" };
    const char *quote = clbi_take(t, "'") ? "'" : "\"";
    char order;
    size_t i;
    if (clbi_take(t, "[")) return CLB_ETYPE;                  /* a list: fields of a structure */
    if (quote[0] == '"' && !clbi_take(t, "\"")) return CLB_EFORMAT;
    if (t->end - t->p < 4) return CLB_EFORMAT;
    order = (char)t->p[0];
    for (i = 0; i < sizeof types / sizeof types[0]; ++i)
        if (memcmp(t->p + 1, types[i], 2) == 0) break;
    if (i == sizeof types / sizeof types[0])
        return order == '<' || order == '>' || order == '|' ? CLB_ETYPE : CLB_EFORMAT;
    npy->kind = types[i][0];
    npy->item = (size_t)(types[i][1] - '0');
    if (order != '<' && order != '>' && !(order == '|' && npy->item == 1)) return CLB_EFORMAT;
    npy->big_endian = order == '>';
    t->p += 3;
    if (*t->p != (unsigned char)quote[0]) return CLB_ETYPE;   /* such as f16      */
    ++t->p;
    return CLB_OK;
}

/* The shape: (), (n,) or (n, m, ...). A comma may stand before the closing parenthesis. */
static clb_status clbi_npy_shape(clbi_text *t, clb_array *array)
{
    if (!clbi_take(t, "(")) return CLB_EFORMAT;
    array->rank = 0;
    while (!clbi_take(t, ")")) {
        clb_status status;
        if (array->rank == CLB_ARRAY_RANK) return CLB_ESIZE;
        status = clbi_take_size(t, &array->shape[array->rank++]);
        if (status) return status;
        if (t->p < t->end && *t->p == 'L') ++t->p;          /* Python 2 writes (2L, 3L) */
        if (clbi_take(t, ",")) continue;
        return array->rank > 1 && clbi_take(t, ")") ? CLB_OK : CLB_EFORMAT;
    }
    return CLB_OK;
}

/* The header's dictionary. It has the keys 'descr', 'fortran_order' and 'shape' once each, in any
 * order. */
static clb_status clbi_npy_dict(clbi_text *t, clbi_npy *npy, clb_array *array)
{
    static const char *const keys[] = { "descr", "fortran_order", "shape" };
    int seen[3] = { 0, 0, 0 }, k;
    if (!clbi_take(t, "{")) return CLB_EFORMAT;
    while (!clbi_take(t, "}")) {
        const char *quote = clbi_take(t, "'") ? "'" : "\"";
        clb_status status = CLB_OK;
        if (quote[0] == '"' && !clbi_take(t, "\"")) return CLB_EFORMAT;
        for (k = 0; k < 3; ++k)
            if (clbi_take(t, keys[k])) break;
        if (k == 3 || seen[k]++ || !clbi_take(t, quote) || !clbi_take(t, ":")) return CLB_EFORMAT;
        if (k == 0) status = clbi_npy_descr(t, npy);
        else if (k == 2) status = clbi_npy_shape(t, array);
        else if (clbi_take(t, "True")) npy->fortran = 1;
        else if (!clbi_take(t, "False")) status = CLB_EFORMAT;
        if (status) return status;
        if (clbi_take(t, ",")) continue;
        if (!clbi_take(t, "}")) return CLB_EFORMAT;
        break;
    }
    clbi_skip_space(t);
    return seen[0] && seen[1] && seen[2] && t->p == t->end ? CLB_OK : CLB_EFORMAT;
}

/* The value of an IEEE binary16 number: sign, 5 bits of exponent, 10 of fraction. */
static double clbi_half_value(unsigned bits)
{
    unsigned fraction = bits & 0x3ffu;
    int exponent = (int)(bits >> 10 & 0x1fu);
    double v;
    if (exponent == 31) {
        uint32_t u = 0x7f800000u | (uint32_t)fraction << 13;
        float f;
        memcpy(&f, &u, sizeof f);
        v = (double)f;
    } else
        v = exponent == 0 ? ldexp((double)fraction, -24)
                          : ldexp((double)(fraction + 1024), exponent - 25);
    return bits >> 15 ? -v : v;
}

static double clbi_npy_value(const clbi_npy *npy, const unsigned char *p)
{
    uint64_t u = clbi_bytes_u64(p, npy->item, npy->big_endian);
    if (npy->kind == 'f' && npy->item == 2) return clbi_half_value((unsigned)u);
    if (npy->kind == 'f' && npy->item == 8) {
        double v;
        memcpy(&v, &u, sizeof v);
        return v;
    }
    if (npy->kind == 'f' || npy->kind == 'B') {          /* bfloat16: the upper half of a float */
        uint32_t bits = (uint32_t)(npy->kind == 'B' ? u << 16 : u);
        float v;
        memcpy(&v, &bits, sizeof v);
        return (double)v;
    }
    if (npy->kind == 'i' && (u >> (8 * npy->item - 1) & 1u)) {         /* two's complement */
        uint64_t ones = (uint64_t)-1 >> (64 - 8 * npy->item);
        return -(double)(ones - u) - 1.0;
    }
    return (double)u;
}

/* x[c] := the element with index c in C order. In Fortran order the first index runs fastest in the
 * file, so element (i_0, i_1, ...) is at i_0 + shape_0 (i_1 + shape_1 (...)). */
static void clbi_npy_values(clb_array *array, const clbi_npy *npy, const unsigned char *p)
{
    size_t index[CLB_ARRAY_RANK] = { 0 }, c, k;
    for (c = 0; c < array->count; ++c) {
        size_t at = c;
        if (npy->fortran)
            for (at = 0, k = array->rank; k-- > 0;) at = at * array->shape[k] + index[k];
        array->x[c] = clbi_npy_value(npy, p + at * npy->item);
        for (k = array->rank; k-- > 0;) {
            if (++index[k] < array->shape[k]) break;
            index[k] = 0;
        }
    }
}

/* Reads the magic bytes, the version and the dictionary. *at: offset of the first element. */
static clb_status clbi_npy_header(clbi_npy *npy, clb_array *array, const unsigned char *p,
                                  size_t size, size_t *at)
{
    size_t field, length;
    clbi_text t;
    if (size < 10) return size >= 6 && memcmp(p, "\x93NUMPY",
                                              6) == 0 ? CLB_ETRUNCATED : CLB_EFORMAT;
    if (memcmp(p, "\x93NUMPY", 6) != 0 || p[6] < 1 || p[6] > 3 || p[7] != 0) return CLB_EFORMAT;
    field = p[6] == 1 ? 2 : 4;
    if (size < 8 + field) return CLB_ETRUNCATED;
    length = (size_t)clbi_bytes_u64(p + 8, field, 0);
    if (length > size - 8 - field) return CLB_ETRUNCATED;
    *at = 8 + field + length;
    t.p = p + 8 + field;
    t.end = p + *at;
    return clbi_npy_dict(&t, npy, array);
}

/* Number of significant bits of a stored floating-point value; 0 for an integer type. */
static CLBI_UNUSED int clbi_npy_digits(const clbi_npy *npy)
{
    if (npy->kind == 'B') return 8;
    if (npy->kind != 'f') return 0;
    return npy->item == 2 ? 11 : npy->item == 4 ? 24 : 53;
}

/* Reads an NPY file whose values take at most `most` bytes in memory. *npy: how they are stored. */
static clb_status clbi_npy_decode(clb_array *array, clbi_npy *npy, const unsigned char *p,
                                  size_t size, size_t most)
{
    size_t at = 0, count = 1, need, k;
    clb_status status;
    memset(array, 0, sizeof *array);
    memset(npy, 0, sizeof *npy);
    status = clbi_npy_header(npy, array, p, size, &at);
    for (k = 0; !status && k < array->rank; ++k)
        if (!clbi_mul_size(count, array->shape[k], &count)) status = CLB_ESIZE;
    if (!status && !clbi_mul_size(count, npy->item, &need)) status = CLB_ESIZE;
    if (!status && need != size - at) status = need > size - at ? CLB_ETRUNCATED : CLB_EFORMAT;
    if (!status && count > most / sizeof *array->x) status = CLB_ESIZE;
    if (!status) status = clbi_alloc(&array->x, count, sizeof *array->x);
    if (status) {
        memset(array, 0, sizeof *array);
        return status;
    }
    array->count = count;
    clbi_npy_values(array, npy, p + at);
    return CLB_OK;
}

CLBDEF clb_status clb_npy_read(clb_array *array, const void *bytes, size_t size)
{
    clbi_npy npy;
    return clbi_npy_decode(array, &npy, (const unsigned char *)bytes, size, (size_t)-1);
}

#define CLBI_NPY_HEADER 320   /* rank 8 and 20 digits a dimension, rounded up to a multiple of 64 */

/* Appends number in decimal to text and returns the new length. */
static size_t clbi_put_size(char *text, size_t length, size_t value)
{
    char digits[24];
    size_t n = 0;
    do {
        digits[n++] = (char)('0' + (int)(value % 10));
        value /= 10;
    } while (value != 0);
    while (n > 0) text[length++] = digits[--n];
    return length;
}

/* The NPY type of clb_real. */
static const clbi_npy clbi_npy_real = { 'f', sizeof(clb_real), 0, 0 };

/* Writes the header of an NPY file into text. *size: bytes of the whole file, *start: bytes of the
 * header. */
static clb_status clbi_npy_start(char *text, const clbi_npy *npy, size_t rank, const size_t *shape,
                                 size_t *start, size_t *size)
{
    static const char dict[] = "{'descr': '<f8', 'fortran_order': False, 'shape': (";
    size_t length = 10, count = 1, total, k;
    if (rank > CLB_ARRAY_RANK) return CLB_ECOUNT;
    memcpy(text, "\x93NUMPY\x01\x00", 8);
    memcpy(text + length, dict, sizeof dict - 1);
    text[length + 12] = npy->kind;
    text[length + 13] = (char)('0' + (int)npy->item);
    length += sizeof dict - 1;
    for (k = 0; k < rank; ++k) {
        if (!clbi_mul_size(count, shape[k], &count)) return CLB_ESIZE;
        length = clbi_put_size(text, length, shape[k]);
        text[length++] = ',';
        if (k + 1 < rank) text[length++] = ' ';
    }
    memcpy(text + length, "), }", 4);
    length += 4;
    total = (length + 1 + 63) / 64 * 64;                /* the elements begin at a multiple of 64 */
    memset(text + length, ' ', total - length - 1);
    text[total - 1] = '\n';
    text[8] = (char)((total - 10) & 0xff);
    text[9] = (char)((total - 10) >> 8);
    *start = total;
    if (!clbi_mul_size(count, npy->item, size)) return CLB_ESIZE;
    return clbi_add_size(*size, total, size) ? CLB_OK : CLB_ESIZE;
}

/* The bit pattern of x in the type: 'f' of 4 or 8 bytes, 'i' of 8. */
static uint64_t clbi_npy_bits(const clbi_npy *npy, double x)
{
    uint64_t u;
    if (npy->kind == 'i') return x < 0.0 ? ~(uint64_t)(-x) + 1 : (uint64_t)x;
    if (npy->item == 4) {
        float f = (float)x;
        uint32_t bits;
        memcpy(&bits, &f, sizeof bits);
        return bits;
    }
    memcpy(&u, &x, sizeof u);
    return u;
}

/* Writes one clb_real, least significant byte first. */
static void clbi_npy_put(unsigned char *out, clb_real x)
{
    uint64_t u = clbi_npy_bits(&clbi_npy_real, (double)x);
    size_t i;
    for (i = 0; i < sizeof x; ++i) out[i] = (unsigned char)(u >> (8 * i) & 0xff);
}

CLBDEF clb_status clb_npy_write(void *buffer, size_t capacity, size_t *size, const clb_real *x,
                                size_t rank,
                                const size_t *shape)
{
    char head[CLBI_NPY_HEADER];
    unsigned char *out = (unsigned char *)buffer;
    size_t start, i;
    clb_status status = clbi_npy_start(head, &clbi_npy_real, rank, shape, &start, size);
    if (status || !buffer) return status;
    if (*size > capacity) return CLB_ESIZE;
    memcpy(out, head, start);
    for (i = 0; start + i * sizeof *x < *size; ++i) clbi_npy_put(out + start + i * sizeof *x, x[i]);
    return CLB_OK;
}

/* Writes the distinct values of v[0..n-1] in ascending order and returns how many there are. */
static size_t clbi_distinct(size_t n, const double *v, double *distinct)
{
    size_t i, count = 0;
    for (i = 0; i < n; ++i) {
        size_t low = 0, high = count;
        while (low < high) {
            size_t middle = low + (high - low) / 2;
            if (distinct[middle] < v[i]) low = middle + 1;
            else high = middle;
        }
        if (low < count && distinct[low] == v[i]) continue;
        memmove(distinct + low + 1, distinct + low, (count - low) * sizeof *distinct);
        distinct[low] = v[i];
        ++count;
    }
    return count;
}

/* *names := K integers written in decimal. */
static clb_status clbi_names_numbers(char ***names, const double *value, size_t K)
{
    enum { ROOM = 12 };
    size_t k;
    char *at;
    clb_status status = clbi_alloc(names, K * (sizeof **names + ROOM), 1);
    if (status) return status;
    for (at = (char *)(*names + K), k = 0; k < K; ++k, at += ROOM) {
        clbi_msg msg;
        msg.text = at, msg.room = ROOM, msg.length = 0;
        clbi_say_int(&msg, (int)value[k]);
        (*names)[k] = at;
    }
    return CLB_OK;
}

/* Sets y, K and names of *data from integer labels v [n]. On CLB_ELABEL *row is the first row whose
 * label is no integer or does not fit an int. */
static clb_status clbi_data_labels(clb_data *data, const double *v, size_t *row)
{
    double *distinct;
    size_t i, K;
    clb_status status;
    for (*row = 0; *row < data->n; ++*row)
        if (!(fabs(v[*row]) < (double)INT_MAX && v[*row] == floor(v[*row]))) return CLB_ELABEL;
    if ((status = clbi_alloc(&distinct, data->n, sizeof *distinct)) != CLB_OK) return status;
    data->K = K = clbi_distinct(data->n, v, distinct);
    if (distinct[0] != 0 || distinct[K - 1] != (double)(K - 1))
        status = clbi_names_numbers(&data->names, distinct, K);
    for (i = 0; !status && i < data->n; ++i) {
        size_t k = 0, step = K;
        while (step > 1 || distinct[k] != v[i]) {           /* distinct[k] <= v[i] */
            step = (step + 1) / 2;
            if (k + step < K && distinct[k + step] <= v[i]) k += step;
        }
        data->y[i] = (int)k;
    }
    CLB_FREE(distinct);
    return status;
}

static int clbi_real_ok(double v)
{
    return sizeof(clb_real) == 4 ? clbi_float_ok(v) : fabs(v) <= DBL_MAX;
}

CLBDEF clb_status clb_data_arrays(clb_data *data, const clb_array *X, const clb_array *y)
{
    size_t i;
    clb_status status;
    memset(data, 0, sizeof *data);
    if (X->rank < 2 || y->rank < 1 || y->rank > 2 || (y->rank == 2 && y->shape[1] > 1))
        return CLB_ESHAPE;
    if (X->count == 0 || y->count == 0) return CLB_EEMPTY;
    if (X->shape[0] != y->shape[0]) return CLB_ERAGGED;
    status = clbi_data_alloc(data, X->shape[0], X->count / X->shape[0], 1);
    for (i = 0; !status && i < X->count; ++i) {
        if (clbi_real_ok(X->x[i])) data->X[i] = (clb_real)X->x[i];
        else status = CLB_ENOTFINITE;
    }
    if (!status) status = clbi_data_labels(data, y->x, &i);
    if (status) clb_data_free(data);
    return status;
}

/* ---- IDX --------------------------------------------------------------------------------- */

/* Reads the header of an IDX file of unsigned bytes: two zero bytes, the type 8, the rank, then the
 * dimensions in four bytes each, most significant first, then the elements. *rows: dimension 0,
 * *row_size: product of the others. */
static clb_status clbi_idx(const void *bytes, size_t size, size_t *rows, size_t *row_size,
                           const unsigned char **at)
{
    const unsigned char *p = (const unsigned char *)bytes;
    size_t rank, k, need;
    if (size < 4) return CLB_ETRUNCATED;
    rank = p[3];
    if (p[0] != 0 || p[1] != 0 || p[2] != 8 || rank == 0) return CLB_EFORMAT;
    if ((size - 4) / 4 < rank) return CLB_ETRUNCATED;
    *rows = (size_t)clbi_bytes_u64(p + 4, 4, 1);
    *row_size = 1;
    for (k = 1; k < rank; ++k) {
        size_t dimension = (size_t)clbi_bytes_u64(p + 4 + 4 * k, 4, 1);
        if (!clbi_mul_size(*row_size, dimension, row_size)) return CLB_ESIZE;
    }
    if (*rows == 0 || *row_size == 0) return CLB_EEMPTY;
    if (!clbi_mul_size(*rows, *row_size, &need)) return CLB_ESIZE;
    size -= 4 + 4 * rank;
    if (need != size) return need > size ? CLB_ETRUNCATED : CLB_EFORMAT;
    *at = p + 4 + 4 * rank;
    return CLB_OK;
}

CLBDEF clb_status clb_data_idx(clb_data *data, const clb_idx_files *files, size_t count)
{
    size_t n, d, labels, one, i;
    const unsigned char *pixel = NULL, *label = NULL;
    clb_status status;
    memset(data, 0, sizeof *data);
    status = clbi_idx(files->images, files->images_size, &n, &d, &pixel);
    if (!status) status = clbi_idx(files->labels, files->labels_size, &labels, &one, &label);
    if (status) return status;
    if (one != 1) return CLB_EFORMAT;
    if (labels != n) return CLB_ERAGGED;
    if (count > n) return CLB_EROW;
    status = clbi_data_alloc(data, count ? count : n, d, 1);
    if (status) return status;
    for (i = 0; i < data->n * d; ++i) data->X[i] = (clb_real)((float)pixel[i] / 255.0f);
    for (i = 0; i < data->n; ++i) data->y[i] = (int)label[i];
    for (i = 0; i < n; ++i)
        if (label[i] >= data->K) data->K = (size_t)label[i] + 1;
    return CLB_OK;
}

/* ---- numbers in decimal ------------------------------------------------------------------- */

#define CLBI_NUMBER_MAX 400          /* characters of a number that is read                       */
#define CLBI_BIG 128                 /* 32-bit words; the largest integer is about 10^400 2^1200  */

/* A natural number in words of 32 bits, least significant word first. */
typedef struct clbi_big {
    size_t   count;                  /* words without leading zeros                               */
    uint32_t word[CLBI_BIG];
} clbi_big;

/* b = b factor + add */
static void clbi_big_muladd(clbi_big *b, uint32_t factor, uint32_t add)
{
    uint64_t carry = add;
    size_t i;
    for (i = 0; i < b->count; ++i) {
        carry += (uint64_t)b->word[i] * factor;
        b->word[i] = (uint32_t)carry;
        carry >>= 32;
    }
    if (carry) b->word[b->count++] = (uint32_t)carry;
}

static int clbi_big_bits(const clbi_big *b)
{
    int bits = 32 * (int)b->count;
    uint32_t top = b->count ? b->word[b->count - 1] : 0;
    if (!b->count) return 0;
    for (; !(top >> 31); top <<= 1) --bits;
    return bits;
}

/* b = 2^shift b */
static void clbi_big_shift(clbi_big *b, int shift)
{
    for (; shift >= 31; shift -= 31) clbi_big_muladd(b, (uint32_t)1 << 31, 0);
    if (shift > 0) clbi_big_muladd(b, (uint32_t)1 << shift, 0);
}

/* *q = a / b, a = the remainder; the quotient is below 2^64. Long division bit by bit; b is shifted
 * right on the way. */
static uint64_t clbi_big_divide(clbi_big *a, clbi_big *b)
{
    uint64_t q = 0;
    int bits = clbi_big_bits(a) - clbi_big_bits(b), step;
    if (bits < 0) return 0;
    clbi_big_shift(b, bits);
    for (step = bits; step >= 0; --step) {
        size_t i = a->count > b->count ? a->count : b->count, k;
        int smaller = 0;
        q <<= 1;
        for (; i-- > 0 && !smaller;) {
            uint32_t x = i < a->count ? a->word[i] : 0, y = i < b->count ? b->word[i] : 0;
            if (x > y) break;
            smaller = x < y;
        }
        if (!smaller) {
            uint64_t borrow = 0;
            for (k = 0; k < a->count; ++k) {
                uint64_t take = (k < b->count ? b->word[k] : 0) + borrow;
                borrow = a->word[k] < take;
                a->word[k] = (uint32_t)(a->word[k] - take);
            }
            while (a->count && a->word[a->count - 1] == 0) --a->count;
            ++q;
        }
        for (k = 0; k < b->count; ++k)
            b->word[k] = b->word[k] >> 1 | (k + 1 < b->count ? b->word[k + 1] << 31 : 0);
        if (b->count && b->word[b->count - 1] == 0) --b->count;
    }
    return q;
}

/* The double nearest to a/b, ties to even. q = a/(b 2^t) is computed as an integer of about 57
 * bits. If the last bit of the resulting double has the value 2^u, the lower u - t bits of q and
 * the remainder decide the rounding. */
static double clbi_big_ratio(clbi_big *a, clbi_big *b)
{
    int bits = clbi_big_bits(a) - clbi_big_bits(b), t = bits - 57, u, shift;
    uint64_t q, m, low, half;
    if (t < -1077) t = -1077;
    if (t < 0) clbi_big_shift(a, -t);
    else clbi_big_shift(b, t);
    q = clbi_big_divide(a, b);
    for (u = t - 53, m = q; m; m >>= 1) ++u;
    if (u < -1074) u = -1074;
    shift = u - t;
    half = (uint64_t)1 << (shift - 1);
    low = q & (2 * half - 1);
    m = q >> shift;
    if (low > half || (low == half && (a->count > 0 || (m & 1)))) ++m;
    return ldexp((double)m, u);
}

/* digits times 10^exponent, correctly rounded, for at most CLBI_NUMBER_MAX digits. If the digits
 * and the power are both exact as doubles, one multiplication or division is enough. */
static double clbi_decimal(const char *digits, size_t count, int exponent)
{
    static const double ten[] = { 1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                  1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                  1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22 };
    clbi_big a, b;
    uint64_t m = 0;
    size_t i;
    while (count > 0 && digits[count - 1] == '0') --count, ++exponent;
    if (count == 0 || (long)count + exponent < -330) return 0;
    if ((long)count + exponent > 310) return (double)INFINITY;
    for (i = 0; i < count && count <= 15; ++i) m = 10 * m + (uint64_t)(digits[i] - '0');
    if (count <= 15 && exponent >= 0 && exponent <= 22) return (double)m * ten[exponent];
    if (count <= 15 && exponent < 0 && exponent >= -22) return (double)m / ten[-exponent];
    a.count = 0, b.count = 1, b.word[0] = 1;
    for (i = 0; i < count; ++i) clbi_big_muladd(&a, 10, (uint32_t)(digits[i] - '0'));
    for (; exponent > 0; --exponent) clbi_big_muladd(&a, 10, 0);
    for (; exponent < 0; ++exponent) clbi_big_muladd(&b, 10, 0);
    return clbi_big_ratio(&a, &b);
}

/* Reads all of p..end as a number: [+-] digits [. digits] [e [+-] digits]. Returns 0 if
 * it is none. */
static int clbi_number(const unsigned char *p, const unsigned char *end, double *value)
{
    char digits[CLBI_NUMBER_MAX];
    size_t count = 0, seen = 0;
    int negative = 0, exponent = 0, power = 0, minus = 0;
    if (end - p > CLBI_NUMBER_MAX) return 0;
    if (p < end && (*p == '+' || *p == '-')) negative = *p++ == '-';
    for (; p < end && clbi_is_digit(*p); ++p, ++seen)
        if (count > 0 || *p != '0') digits[count++] = (char)*p;
    if (p < end && *p == '.')
        for (++p; p < end && clbi_is_digit(*p); ++p, ++seen, --exponent)
            if (count > 0 || *p != '0') digits[count++] = (char)*p;
    if (seen == 0) return 0;
    if (p < end && (*p == 'e' || *p == 'E')) {
        ++p;
        if (p < end && (*p == '+' || *p == '-')) minus = *p++ == '-';
        if (p == end) return 0;
        for (; p < end && clbi_is_digit(*p); ++p)
            if (power < 100000) power = 10 * power + (*p - '0');
    }
    if (p != end) return 0;
    *value = clbi_decimal(digits, count, exponent + (minus ? -power : power));
    if (negative) *value = -*value;
    return 1;
}

/* ---- CSV --------------------------------------------------------------------------------- */

/* Is it "nan", "inf" or "infinity", with or without a sign? These are numbers that data must not
 * hold. */
static int clbi_is_not_finite_word(const unsigned char *p, size_t length)
{
    static const char *const words[] = { "nan", "inf", "infinity" };
    size_t w, i;
    if (length > 0 && (*p == '+' || *p == '-')) ++p, --length;
    for (w = 0; w < 3; ++w) {
        if (strlen(words[w]) != length) continue;
        for (i = 0; i < length && (p[i] | 0x20) == (unsigned char)words[w][i];) ++i;
        if (i == length) return 1;
    }
    return 0;
}

/* The text of a field, without the quotes around it. Quotes inside it are still doubled. */
typedef struct clbi_field {
    const unsigned char *p, *end;
    int                  quoted;
} clbi_field;

/* A CSV file that is being read, field by field. */
typedef struct clbi_csv {
    const unsigned char *p, *end;    /* the rest of the file                            */
    size_t               line;       /* line number of p, from 1                        */
    unsigned char        separator;
    int                  header;     /* 1: as the options say, 2: detected              */
    size_t               columns, label;     /* label: its index, or `columns`          */
    clbi_field          *name;       /* [columns] of the header, or NULL                */
    char                *use;        /* [columns] 1: an input                           */
    clb_error           *error;
} clbi_csv;

static int clbi_csv_blank(const clbi_csv *csv)
{
    return csv->p < csv->end && *csv->p != csv->separator &&
           (*csv->p == ' ' || *csv->p == '\t' || *csv->p == '\r');
}

/* Skips blank lines. Returns 0 at the end of the file. */
static int clbi_csv_row(clbi_csv *csv)
{
    const unsigned char *start = csv->p;
    for (; csv->p < csv->end; ++csv->p) {
        if (*csv->p == '\n') start = csv->p + 1, ++csv->line;
        else if (!clbi_csv_blank(csv)) break;
    }
    if (csv->p == csv->end) return 0;
    csv->p = start;
    return 1;
}

/* Reads the next field. *last: it is the last one of its row. */
static clb_status clbi_csv_field(clbi_csv *csv, clbi_field *field, int *last)
{
    size_t line = csv->line;
    while (clbi_csv_blank(csv)) ++csv->p;
    field->quoted = csv->p < csv->end && *csv->p == '"';
    field->p = csv->p += field->quoted;
    if (field->quoted) {
        for (; csv->p < csv->end; ++csv->p) {
            csv->line += *csv->p == '\n';
            if (*csv->p != '"') continue;
            if (csv->p + 1 == csv->end || csv->p[1] != '"') break;
            ++csv->p;
        }
        if (csv->p == csv->end)
            return clbi_fail(csv->error, CLB_EFORMAT, "line %z: a quote without end", line);
        field->end = csv->p++;
        while (clbi_csv_blank(csv)) ++csv->p;
        if (csv->p < csv->end && *csv->p != '\n' && *csv->p != csv->separator)
            return clbi_fail(csv->error, CLB_EFORMAT, "line %z: text behind a closing quote",
                             csv->line);
    } else {
        while (csv->p < csv->end && *csv->p != '\n' && *csv->p != csv->separator) ++csv->p;
        for (field->end = csv->p; field->end > field->p; --field->end)
            if (field->end[-1] != ' ' && field->end[-1] != '\t' && field->end[-1] != '\r') break;
    }
    *last = csv->p == csv->end || *csv->p == '\n';
    if (csv->p < csv->end && !*last) ++csv->p;
    return CLB_OK;
}

/* Copies the field into text as a string, cut to room bytes. Returns its whole length. */
static size_t clbi_field_text(const clbi_field *field, char *text, size_t room)
{
    const unsigned char *p = field->p;
    size_t length = 0;
    for (; p < field->end; ++p) {
        if (length + 1 < room) text[length] = (char)*p;
        if (field->quoted && *p == '"') ++p;
        ++length;
    }
    if (room) text[length < room ? length : room - 1] = '\0';
    return length;
}

static int clbi_field_is(const clbi_field *field, const char *text)
{
    const unsigned char *p = field->p;
    for (; p < field->end; ++p, ++text) {
        if (*p != (unsigned char)*text) return 0;
        if (field->quoted && *p == '"') ++p;
    }
    return *text == '\0';
}

/* The separator: the one of comma, semicolon and tab that is most frequent in the first row,
 * outside quotes. */
static unsigned char clbi_csv_separator(clbi_csv csv)
{
    static const unsigned char candidate[] = { ',', ';', '\t' };
    size_t count[3] = { 0, 0, 0 }, best = 0, k;
    int quoted = 0;
    for (; csv.p < csv.end && (quoted || *csv.p != '\n'); ++csv.p) {
        if (*csv.p == '"') quoted = !quoted;
        for (k = 0; !quoted && k < 3; ++k) count[k] += *csv.p == candidate[k];
    }
    for (k = 1; k < 3; ++k)
        if (count[k] > count[best]) best = k;
    return candidate[best];
}

/* Reports an error in a field: "line 3, column 'age': 'old' is no number". */
static clb_status clbi_csv_fail(const clbi_csv *csv, clb_status status, size_t column,
                                const clbi_field *field, const char *what, int first)
{
    char text[40], name[40] = "";
    size_t line = csv->line;
    if (!csv->error) return status;
    clbi_field_text(field, text, sizeof text);
    if (csv->name) clbi_field_text(&csv->name[column], name, sizeof name);
    if (csv->name) clbi_fail(csv->error, status, "line %z, column '%s': '%s' %s%s", line, name,
                             text, what, csv->header == 2 ? "; line 1 was read as a header" : "");
    else clbi_fail(csv->error, status, "line %z, column %z: '%s' %s%s", line, column + 1, text,
                   what, first && status == CLB_EFIELD ? "; this line looks like a header" : "");
    csv->error->line = line;
    csv->error->column = column + 1;
    return status;
}

static clb_status clbi_csv_number(const clbi_csv *csv, size_t column, const clbi_field *field,
                                  int first, double *value)
{
    if (clbi_is_not_finite_word(field->p, (size_t)(field->end - field->p)))
        return clbi_csv_fail(csv, CLB_ENOTFINITE, column, field, "is not finite", first);
    if (!clbi_number(field->p, field->end, value))
        return clbi_csv_fail(csv, CLB_EFIELD, column, field, "is no number", first);
    if (!clbi_real_ok(*value))
        return clbi_csv_fail(csv, CLB_ENOTFINITE, column, field, "is too large", first);
    return CLB_OK;
}

/* Index of the column with that name in the header, or `columns` if there is none. */
static size_t clbi_csv_find(const clbi_csv *csv, const char *name)
{
    size_t c;
    for (c = 0; csv->name && c < csv->columns; ++c)
        if (clbi_field_is(&csv->name[c], name)) return c;
    return csv->columns;
}

/* Counts the columns of the first row. Decides whether it is a header, unless the options say so,
 * and if it is one keeps the names. */
static clb_status clbi_csv_first(clbi_csv *csv, const clb_csv_opts *o)
{
    clbi_csv look = *csv;
    clbi_field field;
    size_t c, numbers = 0, label;
    double value;
    int last = 0;
    clb_status status;
    if (!clbi_csv_row(&look)) return CLB_EEMPTY;
    for (csv->columns = 0; !last; ++csv->columns)
        if ((status = clbi_csv_field(&look, &field, &last)) != CLB_OK) return status;
    label = o->label > 0 ? (size_t)o->label - 1 : o->label < 0 ? csv->columns : csv->columns - 1;
    status = clbi_alloc(&csv->use, csv->columns, 1);
    if (!status) status = clbi_alloc(&csv->name, csv->columns, sizeof *csv->name);
    if (status) return status;
    memset(csv->use, 1, csv->columns);
    look = *csv;
    clbi_csv_row(&look);
    for (c = 0; c < csv->columns; ++c) {
        if ((status = clbi_csv_field(&look, &csv->name[c], &last)) != CLB_OK) return status;
        if (c == label) continue;
        numbers += (size_t)clbi_number(csv->name[c].p, csv->name[c].end, &value) ||
                   clbi_is_not_finite_word(csv->name[c].p,
                                           (size_t)(csv->name[c].end - csv->name[c].p));
    }
    csv->header = o->header > 0 || o->label_name || o->skip_count ? 1
                : o->header == 0 && numbers == 0 && csv->columns > 1 ? 2 : 0;
    if (csv->header) {
        csv->p = look.p, csv->line = look.line;
        return CLB_OK;
    }
    CLB_FREE(csv->name);
    csv->name = NULL;
    return CLB_OK;
}

/* Decides which column is the label and which ones are inputs. *d: the number of inputs. */
static clb_status clbi_csv_columns(clbi_csv *csv, const clb_csv_opts *o, size_t *d)
{
    size_t c, k;
    csv->label = o->label < 0 ? csv->columns
               : (o->label > 0 ? (size_t)o->label : csv->columns) - 1;
    if (o->label < -1 || (o->label > 0 && csv->label >= csv->columns))
        return clbi_fail(csv->error, CLB_ECOLUMN, "no column %d; there are %z", o->label,
                         csv->columns);
    if (o->label_name && (csv->label = clbi_csv_find(csv, o->label_name)) == csv->columns)
        return clbi_fail(csv->error, CLB_ECOLUMN, "no column '%s' in the header", o->label_name);
    for (k = 0; k < o->skip_count; ++k) {
        if ((c = clbi_csv_find(csv, o->skip[k])) == csv->columns)
            return clbi_fail(csv->error, CLB_ECOLUMN, "no column '%s' in the header", o->skip[k]);
        csv->use[c] = 0;
    }
    if (csv->label < csv->columns) csv->use[csv->label] = 0;
    for (*d = c = 0; c < csv->columns; ++c) if (csv->use[c]) ++*d;
    return *d ? CLB_OK : clbi_fail(csv->error, CLB_EEMPTY, "no column of inputs");
}

/* Counts the rows from here on and checks that each is as long as the first. This is done before
 * data are allocated, because it bounds rows x columns by the size of the file. */
static clb_status clbi_csv_count(clbi_csv csv, size_t *rows)
{
    clbi_field field;
    for (*rows = 0; clbi_csv_row(&csv); ++*rows) {
        size_t c = 0, line = csv.line;
        int last = 0;
        for (; !last; ++c) {
            clb_status status = clbi_csv_field(&csv, &field, &last);
            if (status) return status;
        }
        if (c == csv.columns) continue;
        clbi_fail(csv.error, CLB_ERAGGED, "line %z has %z fields; the first row has %z", line, c,
                  csv.columns);
        if (csv.error) csv.error->line = line;
        return CLB_ERAGGED;
    }
    return *rows ? CLB_OK : CLB_EEMPTY;
}

/* Reads the inputs of every row into data->X, and its label field into labels [n]. */
static clb_status clbi_csv_values(clbi_csv *csv, clb_data *data, clbi_field *labels, size_t *lines)
{
    clb_real *x = data->X;
    size_t row, c;
    for (row = 0; row < data->n && clbi_csv_row(csv); ++row) {
        for (c = 0; c < csv->columns; ++c) {
            clbi_field field;
            double value = 0;
            int last;
            clb_status status = clbi_csv_field(csv, &field, &last);
            if (!status && csv->use[c])
                status = clbi_csv_number(csv, c, &field, row == 0, &value);
            if (status) return status;
            if (csv->use[c]) *x++ = (clb_real)value;
            if (c == csv->label) labels[row] = field, lines[row] = csv->line;
        }
    }
    return CLB_OK;
}

/* Numbers the classes of labels that are words. which[k]: the first row of class k. Returns the
 * number of classes. */
static size_t clbi_csv_words(size_t n, const clbi_field *labels, int *y, size_t *which)
{
    size_t i, k, K = 0;
    for (i = 0; i < n; ++i) {
        size_t length = (size_t)(labels[i].end - labels[i].p);
        for (k = 0; k < K; ++k) {
            const clbi_field *f = &labels[which[k]];
            if ((size_t)(f->end - f->p) == length && memcmp(f->p, labels[i].p, length) == 0) break;
        }
        if (k == K) which[K++] = i;
        y[i] = (int)k;
    }
    return K;
}

static clb_status clbi_csv_word_labels(clb_data *data, const clbi_field *labels)
{
    size_t *which, k, bytes;
    char *at;
    clb_status status = clbi_alloc(&which, data->n, sizeof *which);
    if (status) return status;
    data->K = clbi_csv_words(data->n, labels, data->y, which);
    bytes = data->K * sizeof *data->names;
    for (k = 0; k < data->K; ++k) bytes += clbi_field_text(&labels[which[k]], NULL, 0) + 1;
    status = clbi_alloc(&data->names, bytes, 1);
    for (at = (char *)(data->names + data->K), k = 0; !status && k < data->K; ++k) {
        data->names[k] = at;
        at += clbi_field_text(&labels[which[k]], at, (size_t)-1) + 1;
    }
    CLB_FREE(which);
    return status;
}

/* Numbers the classes as in the set `like`. */
static clb_status clbi_csv_like(const clbi_csv *csv, clb_data *data, const clb_data *like,
                                const clbi_field *labels, const size_t *lines)
{
    clbi_csv place = *csv;
    size_t i, k;
    for (i = 0; i < data->n; ++i) {
        double v = -1;
        if (like->names) {
            for (k = 0; k < like->K && !clbi_field_is(&labels[i], like->names[k]);) ++k;
        } else {
            k = like->K;
            if (clbi_number(labels[i].p, labels[i].end, &v) && v >= 0 && v < (double)like->K &&
                v == floor(v)) k = (size_t)v;
        }
        place.line = lines[i];
        if (k == like->K)
            return clbi_csv_fail(&place, CLB_ELABEL, csv->label, &labels[i],
                                 "is none of the classes", 0);
        data->y[i] = (int)k;
    }
    data->K = like->K;
    return clbi_names_copy(&data->names, like->names, like->K);
}

/* Reads the labels, or the real targets, from their fields. */
static clb_status clbi_csv_labels(const clbi_csv *csv, clb_data *data, const clb_csv_opts *o,
                                  const clbi_field *labels, const size_t *lines)
{
    clbi_csv place = *csv;
    double *value;
    size_t i, words = 0;
    clb_status status = CLB_OK;
    if (o->like && !o->real_target) return clbi_csv_like(csv, data, o->like, labels, lines);
    if ((status = clbi_alloc(&value, data->n, sizeof *value)) != CLB_OK) return status;
    for (i = 0; i < data->n; ++i) words += !clbi_number(labels[i].p, labels[i].end, &value[i]);
    for (i = 0; i < data->n && words && !o->real_target && !status; ++i) {
        size_t length = (size_t)(labels[i].end - labels[i].p);
        place.line = lines[i];
        if (length == 0) status = clbi_csv_fail(&place, CLB_ELABEL, csv->label, &labels[i],
                                                "is an empty label", 0);
        else if (clbi_is_not_finite_word(labels[i].p, length))
            status = clbi_csv_number(&place, csv->label, &labels[i], 0, &value[i]);
    }
    for (i = 0; i < data->n && (!words || o->real_target) && !status; ++i) {
        place.line = lines[i];
        status = clbi_csv_number(&place, csv->label, &labels[i], i == 0, &value[i]);
    }
    if (!status && o->real_target) {
        status = clbi_alloc(&data->targets, data->n, sizeof(clb_real));
        for (i = 0; !status && i < data->n; ++i) data->targets[i] = (clb_real)value[i];
    } else if (!status && words) status = clbi_csv_word_labels(data, labels);
    else if (!status && (status = clbi_data_labels(data, value, &i)) == CLB_ELABEL) {
        place.line = lines[i];
        clbi_csv_fail(&place, status, csv->label, &labels[i], "is no integer label", 0);
    }
    CLB_FREE(value);
    return status;
}

/* Reads all rows after the first into *data. */
static clb_status clbi_csv_body(clbi_csv *csv, clb_data *data, const clb_csv_opts *o)
{
    clbi_field *labels = NULL;
    size_t *lines = NULL, rows, d;
    clb_status status = clbi_csv_columns(csv, o, &d);
    if (!status) status = clbi_csv_count(*csv, &rows);
    if (!status) status = clbi_data_alloc(data, rows, d, 1);
    if (!status && csv->label < csv->columns) {
        status = clbi_alloc(&labels, rows, sizeof *labels);
        if (!status) status = clbi_alloc(&lines, rows, sizeof *lines);
    }
    if (!status) status = clbi_csv_values(csv, data, labels, lines);
    if (!status && labels) status = clbi_csv_labels(csv, data, o, labels, lines);
    if (!status && (!labels || o->real_target)) {
        CLB_FREE(data->y);
        data->y = NULL;
        data->K = labels ? 1 : 0;
    }
    CLB_FREE(labels);
    CLB_FREE(lines);
    return status;
}

CLBDEF clb_status clb_data_csv(clb_data *data, const char *text, size_t size,
                               const clb_csv_opts *opts, clb_error *error)
{
    clb_csv_opts o;
    clbi_csv csv;
    clb_status status;
    memset(data, 0, sizeof *data);
    memset(&o, 0, sizeof o);
    memset(&csv, 0, sizeof csv);
    if (opts) o = *opts;
    clbi_clear(error);
    csv.error = error;
    csv.line = 1;
    csv.p = csv.end = (const unsigned char *)text;
    if (size > 0) csv.end = csv.p + size;
    if (size >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) csv.p += 3;
    (void)clbi_csv_row(&csv);                              /* skips blank lines */
    csv.separator = o.separator ? (unsigned char)o.separator : clbi_csv_separator(csv);
    status = clbi_csv_first(&csv, &o);
    if (!status) status = clbi_csv_body(&csv, data, &o);
    CLB_FREE(csv.name);
    CLB_FREE(csv.use);
    if (status) clb_data_free(data);
    return clbi_done(error, status);
}

/* ---- files ------------------------------------------------------------------------------- */

#ifndef CLB_NO_STDIO
/* Reads the rest of an open file into one allocation, which grows as bytes arrive. */
static clb_status clbi_read_all(FILE *file, unsigned char **bytes, size_t *size)
{
    size_t room = 4096, got;
    clb_status status = clbi_alloc(bytes, room, 1);
    *size = 0;
    while (!status) {
        got = fread(*bytes + *size, 1, room - *size, file);
        *size += got;
        if (*size < room) break;
        if (room > (size_t)-1 / 4) status = CLB_ESIZE;
        else {
            unsigned char *more = (unsigned char *)CLB_REALLOC(*bytes, 2 * room);
            if (!more) status = CLB_ENOMEM;
            else *bytes = more;
            room *= 2;
        }
    }
    if (!status && ferror(file)) status = CLB_EIO;
    return status;
}

/* Reads a whole file. The caller frees *bytes, which is NULL on failure. */
static clb_status clbi_read_file(const char *path, unsigned char **bytes, size_t *size)
{
    FILE *file = fopen(path, "rb");
    clb_status status;
    *bytes = NULL;
    if (!file) return CLB_EIO;
    status = clbi_read_all(file, bytes, size);
    fclose(file);
    if (status) {
        CLB_FREE(*bytes);
        *bytes = NULL;
    }
    return status;
}

CLBDEF clb_status clb_npy_load(clb_array *array, const char *path)
{
    unsigned char *bytes;
    size_t size;
    clb_status status = clbi_read_file(path, &bytes, &size);
    memset(array, 0, sizeof *array);
    if (!status) status = clb_npy_read(array, bytes, size);
    CLB_FREE(bytes);
    return status;
}

/* Writes x, or wide if x is NULL, as NPY elements of that type. */
static clb_status clbi_npy_stream(FILE *file, const clbi_npy *npy, const clb_real *x,
                                  const double *wide, size_t rank, const size_t *shape)
{
    char head[CLBI_NPY_HEADER];
    unsigned char block[64 * sizeof(double)];
    size_t start, size, count, done = 0, i, k;
    clb_status status = clbi_npy_start(head, npy, rank, shape, &start, &size);
    if (status) return status;
    if (fwrite(head, 1, start, file) != start) return CLB_EIO;
    count = (size - start) / npy->item;
    while (done < count) {
        for (i = 0; i < 64 && done < count; ++i, ++done) {
            uint64_t u = clbi_npy_bits(npy, x ? (double)x[done] : wide[done]);
            for (k = 0; k < npy->item; ++k)
                block[i * npy->item + k] = (unsigned char)(u >> (8 * k) & 0xff);
        }
        if (fwrite(block, npy->item, i, file) != i) return CLB_EIO;
    }
    return fflush(file) ? CLB_EIO : CLB_OK;
}

CLBDEF clb_status clb_npy_fwrite(FILE *file, const clb_real *x, size_t rank, const size_t *shape)
{
    return clbi_npy_stream(file, &clbi_npy_real, x, NULL, rank, shape);
}

static clb_status clbi_npy_save(const char *path, const clbi_npy *npy, const clb_real *x,
                                const double *wide, size_t rank, const size_t *shape)
{
    FILE *file = fopen(path, "wb");
    clb_status status;
    if (!file) return CLB_EIO;
    status = clbi_npy_stream(file, npy, x, wide, rank, shape);
    if (fclose(file) && !status) status = CLB_EIO;
    if (status) remove(path);
    return status;
}

CLBDEF clb_status clb_npy_save(const char *path, const clb_real *x, size_t rank,
                               const size_t *shape)
{
    return clbi_npy_save(path, &clbi_npy_real, x, NULL, rank, shape);
}

CLBDEF clb_status clb_npy_save_f64(const char *path, const double *x, size_t rank,
                                   const size_t *shape)
{
    static const clbi_npy f64 = { 'f', 8, 0, 0 };
    return clbi_npy_save(path, &f64, NULL, x, rank, shape);
}

CLBDEF clb_status clb_data_npy_load(clb_data *data, const char *inputs_path,
                                    const char *labels_path)
{
    clb_array X, y;
    clb_status status = clb_npy_load(&X, inputs_path);
    memset(data, 0, sizeof *data);
    if (status) return status;
    status = clb_npy_load(&y, labels_path);
    if (!status) status = clb_data_arrays(data, &X, &y);
    clb_array_free(&y);
    clb_array_free(&X);
    return status;
}

CLBDEF clb_status clb_data_idx_load(clb_data *data, const char *images_path,
                                    const char *labels_path, size_t count)
{
    unsigned char *images = NULL, *labels = NULL;
    clb_idx_files files;
    clb_status status = clbi_read_file(images_path, &images, &files.images_size);
    memset(data, 0, sizeof *data);
    if (!status) status = clbi_read_file(labels_path, &labels, &files.labels_size);
    files.images = images;
    files.labels = labels;
    if (!status) status = clb_data_idx(data, &files, count);
    CLB_FREE(labels);
    CLB_FREE(images);
    return status;
}

CLBDEF clb_status clb_data_csv_load(clb_data *data, const char *path, const clb_csv_opts *opts,
                                    clb_error *error)
{
    unsigned char *bytes;
    size_t size;
    clb_status status = clbi_read_file(path, &bytes, &size);
    memset(data, 0, sizeof *data);
    clbi_clear(error);
    if (status) return clbi_fail(error, status, "%s: %s", path, clb_strerror(status));
    status = clb_data_csv(data, (const char *)bytes, size, opts, error);
    CLB_FREE(bytes);
    return status;
}
#endif /* CLB_NO_STDIO */

/* ============================================================================================
 * @S35 MATRIX KERNELS
 * ========================================================================================== */

/* Each kernel has a scalar version here, which defines it, and one vector version in S60. The
 * vector version is written once, with the vector operations that the blocks below define for AVX2,
 * AVX-512, NEON and WebAssembly. For this, the file includes itself once for each instruction set,
 * and the functions of each inclusion are compiled for that set.
 * R is a vector of CLBI_W clb_reals, D a vector of CLBI_DW doubles; a mask selects the first
 * `count` lanes. The operations on each lane are the same on every instruction set:
 *   ADD SUB MUL DIV, FMA, sqrt   one IEEE rounding; NaN in, NaN out (any NaN)
 *   LARGER(a, b)                 a > b ? a : b, so b if either is NaN, and b of 0 and -0
 *   D_UNDER(a, b, x, y)          a <= b ? x : y, so y if either is NaN
 *   ABOVE_ZERO(z)                z > 0: false for NaN, 0 and -0;  IF_POSITIVE(z, x): else +0
 *   EQUAL(a, b)                  a == b: false for NaN, true for 0 and -0
 *   LOADM, STOREM                lanes outside the mask: +0 when loaded, memory not touched
 *   LOW HIGH LANES PAIRS TURN    move bits, compute nothing
 * No operation adds the lanes of a vector. Sums use the tree that the kernel defines. */

/* KERNEL matmul   c_ij = fma(a_ik, b_kj, c_ij), k = 0..K-1 ascending; c_ij starts at 0, or at C
 * with acc. a_ik = a[i ai + k ak], b_kj = b[j bj + k bk], c_ij = C[i ldc + j]. `after` (may be
 * NULL) says what is done with a finished element while it is in a register. It names at most one
 * matrix, with C's leading dimension:
 *   after->gate   c_ij = gate_ij > 0 ? c_ij : 0    ReLU's derivative in the backward pass;
 *                                                  may be C itself if K <= CLBI_KC
 *   after->relu   relu_ij = c_ij < 0 ? 0 : c_ij    ReLU in the forward pass; may be C */
#define CLBI_KC 128
typedef struct clbi_after { const clb_real *gate; clb_real *relu; } clbi_after;

CLBI_SPARE_BEGIN
static void clbi_matmul_scalar(size_t M, size_t N, size_t K, const clb_real *a, size_t ai,
                               size_t ak, const clb_real *b, size_t bj, size_t bk, clb_real *C,
                               size_t ldc, int acc, const clbi_after *after)
{
    size_t i, j, k;
    for (i = 0; i < M; ++i)
        for (j = 0; j < N; ++j) {
            const clb_real *x = a + i * ai, *y = b + j * bj;
            clb_real c = acc ? C[i * ldc + j] : 0;
            for (k = 0; k < K; ++k) c = clbi_fmar(x[k * ak], y[k * bk], c);
            if (after && after->gate) c = after->gate[i * ldc + j] > 0 ? c : 0;
            C[i * ldc + j] = c;
            if (after && after->relu) after->relu[i * ldc + j] = c < 0 ? 0 : c;
        }
}

/* KERNEL blocked   KERNEL matmul for large operands, which are copied block by block to `room`, an
 * array of clbi_copies(M, N, K) > 0 reals. */
static void clbi_blocked_scalar(size_t M, size_t N, size_t K, const clb_real *a, size_t ai,
                                size_t ak, const clb_real *b, size_t bj, size_t bk, clb_real *C,
                                size_t ldc, int acc, clb_real *room, size_t size)
{
    (void)room, (void)size;
    clbi_matmul_scalar(M, N, K, a, ai, ak, b, bj, bk, C, ldc, acc, NULL);
}

/* KERNEL dot   lane[l] = fma(x_i, y_i, lane[l]), i = l, l+16, ...;
 * sum of the lanes by the tree 8, 4, 2, 1. */
static double clbi_dot_scalar(size_t n, const clb_real *x, const clb_real *y)
{
    double lane[16] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 };
    size_t i, l, s;
    for (i = 0; i < n; ++i) lane[i & 15] = clbi_fma((double)x[i], (double)y[i], lane[i & 15]);
    for (s = 8; s; s /= 2)
        for (l = 0; l < s; ++l) lane[l] += lane[l + s];
    return lane[0];
}

/* KERNEL products   out = { dot(x, x), dot(x, y), dot(y, y) }, each as in KERNEL dot */
static void clbi_products_scalar(size_t n, const clb_real *x, const clb_real *y, double *out)
{
    out[0] = clbi_dot_scalar(n, x, x);
    out[1] = clbi_dot_scalar(n, x, y);
    out[2] = clbi_dot_scalar(n, y, y);
}

/* KERNEL swing   sum of e_i^2 in the lanes and by the tree of KERNEL dot, e_i = fma(-b, y_i, a x_i)
 * in double */
static double clbi_swing_scalar(size_t n, double a, const clb_real *x, double b, const clb_real *y)
{
    double lane[16] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 };
    size_t i, l, s;
    for (i = 0; i < n; ++i) {
        const double e = clbi_fma(-b, (double)y[i], a * (double)x[i]);
        lane[i & 15] = clbi_fma(e, e, lane[i & 15]);
    }
    for (s = 8; s; s /= 2)
        for (l = 0; l < s; ++l) lane[l] += lane[l + s];
    return lane[0];
}

/* KERNEL axpy   y_j = fma(a, x_j, y_j) */
static void clbi_axpy_scalar(size_t n, clb_real a, const clb_real *CLBI_RESTRICT x,
                             clb_real *CLBI_RESTRICT y)
{
    size_t j;
    for (j = 0; j < n; ++j) y[j] = clbi_fmar(a, x[j], y[j]);
}

/* KERNEL scale   x_j = a x_j */
static void clbi_scale_scalar(size_t n, clb_real a, clb_real *x)
{
    size_t j;
    for (j = 0; j < n; ++j) x[j] *= a;
}

/* KERNEL relu   a_j = z_j < 0 ? 0 : z_j    (NaN and -0 pass; a may be z) */
static void clbi_relu_scalar(size_t n, const clb_real *z, clb_real *a)
{
    size_t j;
    for (j = 0; j < n; ++j) a[j] = z[j] < 0 ? 0 : z[j];
}

/* KERNEL relu_back   u_j = z_j > 0 ? u_j : 0 */
static void clbi_relu_back_scalar(size_t n, const clb_real *CLBI_RESTRICT z,
                                  clb_real *CLBI_RESTRICT u)
{
    size_t j;
    for (j = 0; j < n; ++j) u[j] = z[j] > 0 ? u[j] : 0;
}

/* KERNEL adam   v = b1 v + (1-b1) u,  v2 = b2 v2 + (1-b2) u^2;  in double then
 * u = v / (c1 (sqrt(v2) / c2 + eps)), where c1 = 1 - beta1^k and c2 = sqrt(1 - beta2^k) correct the
 * bias of the start. */
typedef struct clbi_adam { clb_real b1, b2; double c1, c2, eps; } clbi_adam;
static void clbi_adam_scalar(size_t n, const clbi_adam *how, clb_real *u, clb_real *v, clb_real *v2)
{
    size_t j;
    for (j = 0; j < n; ++j) {
        v[j] = how->b1 * v[j] + (1 - how->b1) * u[j];
        v2[j] = how->b2 * v2[j] + (1 - how->b2) * u[j] * u[j];
        u[j] = (clb_real)((double)v[j] /
                          (how->c1 * (clbi_sqrt((double)v2[j]) / how->c2 + how->eps)));
    }
}

/* KERNEL gates   bit j % 64 of word j / 64 is z_j > 0; 0 behind the last */
static void clbi_gates_scalar(size_t n, const clb_real *z, uint64_t *bits)
{
    size_t j;
    for (j = 0; j < n; ++j) {
        if (j % 64 == 0) bits[j / 64] = 0;
        bits[j / 64] |= (uint64_t)(z[j] > 0) << (j % 64);
    }
}

/* KERNEL leak   y_j = (z_j > 0 ? 1 : c) x_j    (y may be x, x may be z) */
static void clbi_leak_scalar(size_t n, clb_real c, const clb_real *z, const clb_real *x,
                             clb_real *y)
{
    size_t j;
    for (j = 0; j < n; ++j) y[j] = z[j] > 0 ? x[j] : c * x[j];
}

/* KERNEL transpose   dst[c ldd + r] = src[r ld + c], r < rows, c < cols */
static void clbi_transpose_scalar(size_t rows, size_t cols, const clb_real *src, size_t ld,
                                  clb_real *dst, size_t ldd)
{
    size_t r, c;
    for (r = 0; r < rows; ++r)
        for (c = 0; c < cols; ++c) dst[c * ldd + r] = src[r * ld + c];
}

/* KERNEL strip   as transpose, for a result that is not read soon: where a vector is a cache
 * line and dst consists of whole ones, they are written past the caches, which would fetch every
 * line first only to evict it. */
static void clbi_strip_scalar(size_t rows, size_t cols, const clb_real *src, size_t ld,
                              clb_real *dst, size_t ldd)
{
    clbi_transpose_scalar(rows, cols, src, ld, dst, ldd);
}

/* KERNEL times   x_j = x_j y_j */
static void clbi_times_scalar(size_t n, const clb_real *CLBI_RESTRICT y, clb_real *CLBI_RESTRICT x)
{
    size_t j;
    for (j = 0; j < n; ++j) x[j] *= y[j];
}

/* KERNEL outer   y_ij = t_i x_j, i < M, j < N; rows of y one after the other */
static void clbi_outer_scalar(size_t M, size_t N, const clb_real *t, const clb_real *x, clb_real *y)
{
    size_t i, j;
    for (i = 0; i < M; ++i)
        for (j = 0; j < N; ++j) *y++ = t[i] * x[j];
}

/* KERNEL dots   out_i = dot(V_i, x), rows V_i, i < rows, each as in KERNEL dot */
static void clbi_dots_scalar(size_t rows, size_t n, const clb_real *V, size_t ld,
                             const clb_real *x, double *out)
{
    size_t i;
    for (i = 0; i < rows; ++i) out[i] = clbi_dot_scalar(n, V + i * ld, x);
}

/* KERNEL combine   y_j = fma(c_i, V_ij, y_j), i = 0 .. rows-1 in order */
static void clbi_combine_scalar(size_t rows, size_t n, const clb_real *c, const clb_real *V,
                                size_t ld, clb_real *y)
{
    size_t i;
    for (i = 0; i < rows; ++i) clbi_axpy_scalar(n, c[i], V + i * ld, y);
}

/* KERNEL symv   y = A x from the lower triangle of A [n][lda], each element read once, for `count`
 * (1 or 2) vectors: x, y [count][ld]. Row i lies in block r0 = 16 floor(i/16); y = 0 first. Blocks
 * ascending (down = 0) or descending, rows of a block ascending:
 *   left of the block,    y_j = fma(A_ij, x_i, y_j)      lane[j mod 16] = fma(A_ij, x_j, lane)
 *     j = 0 .. r0-1
 *   block, c = 0 .. 15    z_c = fma(a, x_i, z_c)         lane[c] = fma(a, x_{r0+c}, lane)
 *                         a = A_i,r0+c below the diagonal, else 0; z = 0 at the block's start
 * and at the end of the block  y_i += fma(A_ii, x_i, tree(lanes of i)) + z_i,  tree 8, 4, 2, 1.
 * Products of one matrix in alternating directions find the last turn's rows still in the cache. */
static void clbi_symv_block_scalar(size_t n, size_t r0, const clb_real *A, size_t lda,
                                   const clb_real *x, clb_real *y)
{
    clb_real z[16] = { 0 }, sum[16];
    size_t rows = n - r0 < 16 ? n - r0 : 16, i, j, c, s;
    for (i = r0; i < r0 + rows; ++i) {
        const clb_real *a = A + i * lda;
        clb_real lane[16] = { 0 };
        for (j = 0; j < r0; ++j) {
            y[j] = clbi_fmar(a[j], x[i], y[j]);
            lane[j & 15] = clbi_fmar(a[j], x[j], lane[j & 15]);
        }
        for (c = 0; c < 16; ++c) {
            clb_real b = r0 + c < i ? a[r0 + c] : 0;
            z[c] = clbi_fmar(b, x[i], z[c]);
            lane[c] = clbi_fmar(b, c < rows ? x[r0 + c] : 0, lane[c]);
        }
        for (s = 8; s; s /= 2)
            for (c = 0; c < s; ++c) lane[c] += lane[c + s];
        sum[i - r0] = lane[0];
    }
    for (i = r0; i < r0 + rows; ++i)
        y[i] += clbi_fmar(A[i * lda + i], x[i], sum[i - r0]) + z[i - r0];
}

static void clbi_symv_scalar(size_t count, size_t n, const clb_real *A, size_t lda,
                             const clb_real *x, clb_real *y, size_t ld, int down)
{
    size_t blocks = (n + 15) / 16, b, q;
    for (q = 0; q < count; ++q, x += ld, y += ld) {
        memset(y, 0, n * sizeof *y);
        for (b = 0; b < blocks; ++b)
            clbi_symv_block_scalar(n, 16 * (down ? blocks - 1 - b : b), A, lda, x, y);
    }
}

CLBI_SPARE_END

/* KERNEL activate   a_j = s(z_j), or a_j = a_j s'(z_j) (order 1), for the smooth activations (S36):
 * tanh, sigmoid and GELU have vector versions, the others are this code compiled where a fused
 * multiply-add is an instruction and not a call. */
static void clbi_activate_scalar(const clb_net *net, size_t n, const clb_real *z, clb_real *a,
                                 int order);

/* exp and log in the network's arithmetic: clb_exp and clb_log, or the same methods in float. */
#ifdef CLB_SINGLE
#define CLBI_RLN2_HI   0x1.62e4p-1f            /* 15 bits */
#define CLBI_RLN2_LO   0x1.7f7d1cp-20f
#define CLBI_RLOG2E    0x1.715476p+0f
#define CLBI_RROUND    0x1.8p23f
#define CLBI_RMAX      89.0f                   /* beyond this e^x is inf or 0  */
#define CLBI_RMIN      (-105.0f)
#define CLBI_RBITS     uint32_t
#define CLBI_RMANTISSA 23
#define CLBI_RONE      0x3f800000u             /* bits of 1                    */
#define CLBI_RROOT     0x3f3504f3u             /* bits of sqrt(1/2)            */
#define CLBI_RINTEGER  0x1p23f                 /* its bits | j = 2^23 + j      */
enum { CLBI_EXP_TERMS = 6, CLBI_LOG_TERMS = 5 };
static const float clbi_exp_coef[CLBI_EXP_TERMS] = {         /* 1/7!, ..., 1/2! */
    (float)(1 / 5040.0), (float)(1 / 720.0), (float)(1 / 120.0), (float)(1 / 24.0),
    (float)(1 / 6.0), 0.5f
};
static const float clbi_log_coef[CLBI_LOG_TERMS] = {         /* 2/11, ..., 2/3 */
    (float)(2 / 11.0), (float)(2 / 9.0), (float)(2 / 7.0), (float)(2 / 5.0), (float)(2 / 3.0)
};

static float clbi_expr(float x)
{
    float k, r, q = clbi_exp_coef[0], half, scale[2];
    uint32_t bits[2];
    int j;
    x = CLBI_RMAX < x ? CLBI_RMAX : x;
    x = CLBI_RMIN > x ? CLBI_RMIN : x;
    k = clbi_fmar(x, CLBI_RLOG2E, CLBI_RROUND) - CLBI_RROUND;
    r = clbi_fmar(-k, CLBI_RLN2_LO, clbi_fmar(-k, CLBI_RLN2_HI, x));
    for (j = 1; j < CLBI_EXP_TERMS; ++j) q = clbi_fmar(q, r, clbi_exp_coef[j]);
    half = (0.5f * k + CLBI_RROUND) - CLBI_RROUND;
    scale[0] = half + CLBI_RROUND;
    scale[1] = (k - half) + CLBI_RROUND;
    memcpy(bits, scale, sizeof bits);
    for (j = 0; j < 2; ++j) bits[j] = (bits[j] << CLBI_RMANTISSA) + CLBI_RONE;
    memcpy(scale, bits, sizeof bits);
    return (1.0f + clbi_fmar(r * r, q, r)) * scale[0] * scale[1];
}

/* For normal positive x; NaN stays NaN. */
static float clbi_logr(float x)
{
    uint32_t u, above;
    float k, f, s, z, half, r = clbi_log_coef[0];
    int j;
    memcpy(&u, &x, sizeof u);
    above = u + (CLBI_RONE - CLBI_RROOT);
    k = (float)(above >> CLBI_RMANTISSA) - 127.0f;
    u -= (above & 0xff800000u) - CLBI_RONE;
    memcpy(&f, &u, sizeof f);
    f -= 1.0f;
    s = f / (2.0f + f), z = s * s, half = 0.5f * f * f;
    for (j = 1; j < CLBI_LOG_TERMS; ++j) r = clbi_fmar(r, z, clbi_log_coef[j]);
    s = clbi_fmar(s, half + r * z, clbi_fmar(k, CLBI_RLN2_LO, 0.0f));
    return clbi_fmar(k, CLBI_RLN2_HI, f - (half - s)) + (x - x);
}
#else
#define CLBI_RLN2_HI   CLBI_LN2_HI
#define CLBI_RLN2_LO   CLBI_LN2_LO
#define CLBI_RLOG2E    CLBI_LOG2E
#define CLBI_RROUND    CLBI_ROUND
#define CLBI_RMAX      710.0
#define CLBI_RMIN      (-746.0)
#define CLBI_RBITS     uint64_t
#define CLBI_RMANTISSA 52
#define CLBI_RONE      0x3ff0000000000000u
#define CLBI_RROOT     0x3fe6a09e667f3bcdu
#define CLBI_RINTEGER  0x1p52
#define clbi_expr      clb_exp
#define clbi_logr      clb_log
#define clbi_exp_coef  clbi_exp_q_coef
enum { CLBI_EXP_TERMS = CLBI_EXP_Q_TERMS, CLBI_LOG_TERMS = 11 };
/* 2/23, ..., 2/3, as in clbi_log_r */
static CLBI_UNUSED const double clbi_log_coef[CLBI_LOG_TERMS] = {
    2.0 / 23.0, 2.0 / 21.0, 2.0 / 19.0, 2.0 / 17.0, 2.0 / 15.0, 2.0 / 13.0, 2.0 / 11.0, 2.0 / 9.0,
    2.0 / 7.0, 2.0 / 5.0, 2.0 / 3.0
};
#endif

/* log(sum) for a sum of exp(x_k) with max_k x_k = 0; rest is the sum over x_k < 0. If one x_k is 0,
 * sum is 1 + rest rounded. The rounding error is corrected, and for a small rest log(1 + rest) =
 * rest. */
static clb_real clbi_log_rest(clb_real sum, clb_real rest, clb_real inverse)
{
    clb_real lost = rest - (sum - 1);
    return clbi_logr(sum) + (lost >= (clb_real)-0.5 ? lost * inverse : 0);
}

/* max_k f_k; f_k is at k col. */
static clb_real clbi_top_output(size_t K, const clb_real *f, size_t col)
{
    clb_real top = f[0];
    size_t k;
    for (k = 1; k < K; ++k)
        if (f[k * col] > top) top = f[k * col];
    return top;
}

/* KERNEL softmax   n samples of K >= 1 classes, f_ik and p_ik at i row + k col; p may be f:
 * x_k = f_ik - max_k f_ik, e_k = exp(x_k), sum and rest (those with x_k < 0) in order of k,
 * p_ik = e_k (1 / sum), log_i = clbi_log_rest. Cross entropy with label y is max_k f_ik - f_iy +
 * log_i, the difference first. */
static void clbi_softmax_scalar(size_t n, size_t K, const clb_real *f, size_t row, size_t col,
                                clb_real *p, clb_real *log_sum)
{
    size_t i, k;
    for (i = 0; i < n; ++i, f += row, p += row) {
        clb_real top = clbi_top_output(K, f, col), sum = 0, rest = 0, inverse, x;
        for (k = 0; k < K; ++k) {
            x = f[k * col] - top;
            p[k * col] = clbi_expr(x);
            sum += p[k * col];
            if (x < 0) rest += p[k * col];
        }
        inverse = 1 / sum;
        for (k = 0; k < K; ++k) p[k * col] *= inverse;
        log_sum[i] = clbi_log_rest(sum, rest, inverse);
    }
}


/* KERNEL entropy   n samples of K >= 1 classes, f_ik and u_ik at i + k ld, labels y_i < K:
 * u_ik = scale (p_ik - [k = y_i]) with p of KERNEL softmax; returns total + the sum of the cross
 * entropies in order of i, in double. */
static double clbi_entropy_scalar(size_t n, size_t K, const clb_real *f, size_t ld, const int *y,
                                  clb_real scale, clb_real *u, double total)
{
    clb_real log_sum;
    size_t i, k;
    for (i = 0; i < n; ++i, ++f, ++u) {
        double below = (double)clbi_top_output(K, f, ld) - (double)f[(size_t)y[i] * ld];
        clbi_softmax_scalar(1, K, f, 1, ld, u, &log_sum);
        u[(size_t)y[i] * ld] -= 1;
        for (k = 0; k < K; ++k) u[k * ld] *= scale;
        total += below + (double)log_sum;
    }
    return total;
}

/* Kernels of the secular equation (S39), in double; 8 lanes (lane l takes j = l, l+8, ...), every
 * operation rounded, tree 4, 2, 1. Differences are (d_j - o) - mu.
 * KERNEL pole_sums     t = z_j / (d_j - o - mu):  sums = { sum z_j t, sum t^2 } */
static void clbi_tree8(double *lane)
{
    size_t l, s;
    for (s = 4; s; s /= 2)
        for (l = 0; l < s; ++l) lane[l] += lane[l + s];
}

static void clbi_pole_sums_scalar(size_t n, const double *d, const double *z, double o, double mu,
                                  double *sums)
{
    double s0[8] = { 0 }, s1[8] = { 0 }, t;
    size_t j;
    for (j = 0; j < n; ++j) {
        t = z[j] / (d[j] - o - mu);
        s0[j & 7] += z[j] * t;
        s1[j & 7] += t * t;
    }
    clbi_tree8(s0);
    clbi_tree8(s1);
    sums[0] = s0[0];
    sums[1] = s1[0];
}

/* KERNEL rotate   x_j, y_j = c x_j - s y_j, s x_j + c y_j */
static void clbi_rotate_scalar(size_t n, double c, double s, double *CLBI_RESTRICT x,
                               double *CLBI_RESTRICT y)
{
    size_t j;
    for (j = 0; j < n; ++j) {
        double xj = x[j], yj = y[j];
        x[j] = c * xj - s * yj;
        y[j] = s * xj + c * yj;
    }
}

/* KERNEL pole_ratios   w_j = w_j ((d_j - o - mu) / (d_j - c)) */
static void clbi_pole_ratios_scalar(size_t n, const double *d, double o, double mu, double c,
                                    double *w)
{
    size_t j;
    for (j = 0; j < n; ++j) w[j] *= (d[j] - o - mu) / (d[j] - c);
}

/* KERNEL pole_vector   s_j = z_j / (d_j - o - mu):  sums = { sum s_j^2, sum s_j a_j, sum s_j b_j,
 * sum s_j c_j } with a, b, c = tracks[0..2] */
static void clbi_pole_vector_scalar(size_t n, const double *d, const double *z, double o, double mu,
                                    double *const *tracks, double *s, double *sums)
{
    double lane[4][8] = { { 0 } };
    size_t j, k;
    for (j = 0; j < n; ++j) {
        s[j] = z[j] / (d[j] - o - mu);
        lane[0][j & 7] += s[j] * s[j];
        for (k = 0; k < 3; ++k) lane[k + 1][j & 7] += s[j] * tracks[k][j];
    }
    for (k = 0; k < 4; ++k) {
        clbi_tree8(lane[k]);
        sums[k] = lane[k][0];
    }
}

/* KERNEL unfused   0 if x y + z is rounded twice, here and in vectors: for clb_selftest, where the
 * product rounds to -z */
static double clbi_unfused_scalar(double x, double y, double z) { return x * y + z; }

/* All kernels: result, name, arguments. A table that is not used, and the functions that only it
 * refers to, cost a CLB_STATIC build nothing. */
#define CLBI_KERNEL_LIST(X)                                                                       \
    X(void, matmul, (size_t M, size_t N, size_t K, const clb_real *a, size_t ai, size_t ak,       \
        const clb_real *b, size_t bj, size_t bk, clb_real *C, size_t ldc, int acc,                \
        const clbi_after *after))                                                                 \
    X(void, blocked, (size_t M, size_t N, size_t K, const clb_real *a, size_t ai, size_t ak,      \
        const clb_real *b, size_t bj, size_t bk, clb_real *C, size_t ldc, int acc,                \
        clb_real *room, size_t size))                                                             \
    X(double, unfused, (double x, double y, double z))                                            \
    X(double, dot, (size_t n, const clb_real *x, const clb_real *y))                              \
    X(void, products, (size_t n, const clb_real *x, const clb_real *y, double *out))              \
    X(double, swing, (size_t n, double a, const clb_real *x, double b, const clb_real *y))        \
    X(void, axpy, (size_t n, clb_real a, const clb_real *x, clb_real *y))                         \
    X(void, scale, (size_t n, clb_real a, clb_real *x))                                           \
    X(void, relu, (size_t n, const clb_real *z, clb_real *a))                                     \
    X(void, relu_back, (size_t n, const clb_real *z, clb_real *u))                                \
    X(void, adam, (size_t n, const clbi_adam *how, clb_real *u, clb_real *v, clb_real *v2))       \
    X(void, gates, (size_t n, const clb_real *z, uint64_t *bits))                                 \
    X(void, leak, (size_t n, clb_real c, const clb_real *z, const clb_real *x, clb_real *y))      \
    X(void, activate, (const clb_net *net, size_t n, const clb_real *z, clb_real *a,              \
        int order))                                                                               \
    X(void, transpose, (size_t rows, size_t cols, const clb_real *src, size_t ld,                 \
        clb_real *dst, size_t ldd))                                                               \
    X(void, strip, (size_t rows, size_t cols, const clb_real *src, size_t ld, clb_real *dst,      \
        size_t ldd))                                                                              \
    X(void, dots, (size_t rows, size_t n, const clb_real *V, size_t ld, const clb_real *x,        \
        double *out))                                                                             \
    X(void, combine, (size_t rows, size_t n, const clb_real *c, const clb_real *V, size_t ld,     \
        clb_real *y))                                                                             \
    X(void, symv, (size_t count, size_t n, const clb_real *A, size_t lda, const clb_real *x,      \
        clb_real *y, size_t ld, int down))                                                        \
    X(void, pole_sums, (size_t n, const double *d, const double *z, double o, double mu,          \
        double *sums))                                                                            \
    X(void, rotate, (size_t n, double c, double s, double *x, double *y))                         \
    X(void, pole_ratios, (size_t n, const double *d, double o, double mu, double c,               \
        double *w))                                                                               \
    X(void, pole_vector, (size_t n, const double *d, const double *z, double o, double mu,        \
        double *const *tracks, double *s, double *sums))                                          \
    X(void, softmax, (size_t n, size_t K, const clb_real *f, size_t row, size_t col,              \
        clb_real *p, clb_real *lse))                                                              \
    X(double, entropy, (size_t n, size_t K, const clb_real *f, size_t ld, const int *y,           \
        clb_real scale, clb_real *u, double total))                                               \
    X(void, times, (size_t n, const clb_real *y, clb_real *x))                                    \
    X(void, outer, (size_t M, size_t N, const clb_real *t, const clb_real *x, clb_real *y))

#define CLBI_LINE (64 / sizeof(clb_real))         /* elements of a cache line */

/* Room of KERNEL blocked: a block of A that stays in the second cache and one of B, of at most
 * CLBI_ROOM_K rows, that stays in the third. 0: a product with a side below CLBI_ROOM_FROM is not
 * worth the copies. */
#define CLBI_ROOM_K      256
#define CLBI_ROOM_A      (196608 / sizeof(clb_real))
#define CLBI_ROOM_B      (4194304 / sizeof(clb_real))
#define CLBI_ROOM_FROM   256
#define CLBI_FETCH_FROM  64                /* rows of B from which fetching C is worth it */
static size_t clbi_copies(size_t M, size_t N, size_t K)
{
    size_t most = CLBI_ROOM_B / CLBI_ROOM_K, cols = N < most ? N + 64 : most;
    if (M < CLBI_ROOM_FROM || N < CLBI_ROOM_FROM || K < CLBI_ROOM_FROM) return 0;
    return clb_isa_get() == CLB_ISA_SCALAR ? 0 : CLBI_ROOM_A + CLBI_ROOM_K * cols + CLBI_LINE;
}

#if defined(__GNUC__) || defined(__clang__)
#define CLBI_FETCH(p) __builtin_prefetch(p, 1)    /* p is written soon: ask for its cache line */
#define CLBI_TOUCH(p) __builtin_prefetch(p)       /* p is read soon: ask for its cache line */
#else
#define CLBI_FETCH(p) (void)(p)
#define CLBI_TOUCH(p) (void)(p)
#endif

#if CLBI_X86 || CLBI_ARM || CLBI_WASM

/* If B is copied, it is copied in blocks of at most CLBI_KC rows: one panel of columns, which fits
 * the first-level cache, or CLBI_FAR_BYTES, which fit the second. The copy is on the stack; a
 * product needs no other memory. */
#define CLBI_FAR_BYTES   65536
#define CLBI_FEW         6                 /* rows of C for which B is transposed in registers */

typedef void (*clbi_tile_fn)(size_t strips, size_t K, const clb_real *a, size_t ai, size_t ak,
                             const clb_real *b, size_t ldb, clb_real *c, size_t ldc, size_t last,
                             int acc, const clb_real *gate, clb_real *relu);
typedef void (*clbi_turned_fn)(size_t K, const clb_real *a, size_t ai, size_t ak, const clb_real *b,
                               size_t bj, clb_real *c, size_t ldc, int acc);

/* One product, or a part of it: the arguments of KERNEL matmul. */
typedef struct clbi_product {
    size_t          M, N, K, ai, ak, bj, bk, ldc;
    const clb_real *a, *b, *gate;
    clb_real       *C, *relu;
    int             acc;
} clbi_product;

/* The first element of the array that is at the beginning of a cache line. The array must have
 * CLBI_LINE elements more than needed. */
static clb_real *clbi_on_line(clb_real *p)
{
    return p + (64 - ((uintptr_t)p & 63)) % 64 / sizeof *p;
}

#define CLBI_JOIN_(a, b) a##b
#define CLBI_JOIN(a, b)  CLBI_JOIN_(a, b)
#define CLBI_N(name)     CLBI_JOIN(clbi_##name##_, CLBI_SUFFIX)
#ifndef CLB_HEADER_NAME
#define CLB_HEADER_NAME "clb.h"
#endif
#if defined(__GNUC__) || defined(__clang__)
/* Makes the compiler forget what it knows about p. Otherwise it would precompute 24 addresses for
 * the k loop of a tile, or an offset for each row of A, and would have to spill them. */
#define CLBI_OPAQUE(p) __asm__("" : "+r"(p))
#ifdef __clang__
#define CLBI_UNROLL _Pragma("clang loop unroll(full)")
#else
#define CLBI_UNROLL _Pragma("GCC unroll 16")
#endif
#define CLBI_TARGET(isa) __attribute__((target(isa)))
/* Inlines all calls, so that they are compiled for the instruction set of the caller. */
#define CLBI_FLATTEN __attribute__((flatten))
#define CLBI_APART __attribute__((noinline))
/* Inlined wherever it is called: for functions with arguments that the compiler must know. */
#define CLBI_INLINE __attribute__((always_inline)) inline
#else
#define CLBI_OPAQUE(p) (void)0
#define CLBI_UNROLL
#define CLBI_TARGET(isa)
#define CLBI_FLATTEN
#define CLBI_APART
#define CLBI_INLINE inline
#endif

#endif

#if CLBI_X86

/* ---- AVX-512 ---- */
#ifndef CLB_NO_AVX512
#define CLBI_SUFFIX     avx512
#define CLBI_FOR        CLBI_TARGET("avx512f,avx2,fma")
#define CLBI_ROWS       512
#define CLBI_V(op)      _mm512_##op
#define CLBI_VI(op)     _mm512_##op##_si512
#define CLBI_VI_TO(to)  _mm512_castsi512_##to
#define CLBI_D          __m512d
#define CLBI_D_UNDER(a, b, x, y) _mm512_mask_blend_pd(_mm512_cmp_pd_mask(a, b, _CMP_LE_OQ), y, x)
#define CLBI_D_ALL_UNDER(a, b) (_mm512_cmp_pd_mask(a, b, _CMP_LE_OQ) == 0xff)
#define CLBI_D_ABS(v)      _mm512_abs_pd(v)
#define CLBI_D_PICK(p, k) \
    _mm512_permutex2var_pd(_mm512_loadu_pd(p), _mm512_cvtepi32_epi64(_mm512_cvtpd_epi32(k)), \
                           _mm512_loadu_pd((p) + 8))
#ifdef CLB_SINGLE
#define CLBI_R          __m512
#define CLBI_M          __mmask16
#define CLBI_MASK(n)    ((__mmask16)((1u << (n)) - 1u))
#define CLBI_COMPARE(a, b, how) _mm512_cmp_ps_mask(a, b, how)
#define CLBI_D_LOAD(p)  _mm512_cvtps_pd(_mm256_loadu_ps(p))
#define CLBI_FROM_INTS(p) _mm512_cvtepi32_ps(_mm512_loadu_si512((const void *)(p)))
#define CLBI_D_WRITE(p, v) _mm256_storeu_ps(p, _mm512_cvtpd_ps(v))
#else
#define CLBI_R          __m512d
#define CLBI_M          __mmask8
#define CLBI_MASK(n)    ((__mmask8)((1u << (n)) - 1u))
#define CLBI_COMPARE(a, b, how) _mm512_cmp_pd_mask(a, b, how)
#define CLBI_FROM_INTS(p) \
    _mm512_cvtepi32_pd(_mm256_loadu_si256((const __m256i *)(const void *)(p)))
#endif
#define CLBI_I                __m512i
#define CLBI_ISET64(u)        _mm512_set1_epi64(u)
#define CLBI_IOR(a, b)        _mm512_or_si512(a, b)
#define CLBI_STREAM(p, v)     CLBI_O(stream)(p, v)
#define CLBI_LOADM(p, m)      CLBI_O(maskz_loadu)(m, p)
#define CLBI_STOREM(p, m, v)  CLBI_O(mask_storeu)(p, m, v)
#define CLBI_TRUTH              CLBI_M
#define CLBI_EQUAL(a, b)        CLBI_COMPARE(a, b, _CMP_EQ_OQ)
#define CLBI_ABOVE_ZERO(z)      CLBI_COMPARE(z, CLBI_ZERO(), _CMP_GT_OQ)
#define CLBI_POSITIVE(z)        ((unsigned)CLBI_ABOVE_ZERO(z))
#define CLBI_IF_POSITIVE(z, x)  CLBI_O(maskz_mov)(CLBI_ABOVE_ZERO(z), x)
#define CLBI_WHERE(t, x, y)     CLBI_O(mask_blend)(t, y, x)
#define CLBI_SUB_WHERE(t, x, y) CLBI_O(mask_sub)(x, t, x, y)
#ifdef CLB_SINGLE
#define CLBI_PIECE(v, p, at)    _mm512_insertf32x4(v, _mm_loadu_ps(p), at)
#define CLBI_LANES(p, off)      CLBI_PIECE(CLBI_PIECE(CLBI_PIECE(                                 \
    _mm512_castps128_ps512(_mm_loadu_ps((p)[0] + (off))), (p)[1] + (off), 1),                     \
    (p)[2] + (off), 2), (p)[3] + (off), 3)
#else
#define CLBI_HALVES(p, q) \
    _mm512_insertf64x4(_mm512_castpd256_pd512(_mm256_loadu_pd(p)), _mm256_loadu_pd(q), 1)
#endif
#include CLB_HEADER_NAME
#endif

/* ---- AVX2 + FMA ---- */
#define CLBI_SUFFIX     avx2
#define CLBI_FOR        CLBI_TARGET("avx2,fma")
#define CLBI_ROWS       256
#define CLBI_V(op)      _mm256_##op
#define CLBI_VI(op)     _mm256_##op##_si256
#define CLBI_VI_TO(to)  _mm256_castsi256_##to
#define CLBI_D          __m256d
#define CLBI_D_UNDER(a, b, x, y) _mm256_blendv_pd(y, x, _mm256_cmp_pd(a, b, _CMP_LE_OQ))
#define CLBI_D_ALL_UNDER(a, b) (_mm256_movemask_pd(_mm256_cmp_pd(a, b, _CMP_LE_OQ)) == 0xf)
#define CLBI_D_ABS(v)      _mm256_andnot_pd(_mm256_set1_pd(-0.0), v)
#define CLBI_D_PICK(p, k)  _mm256_i32gather_pd(p, _mm256_cvtpd_epi32(k), 8)
#define CLBI_M          __m256i
#ifdef CLB_SINGLE
#define CLBI_R          __m256
#define CLBI_AND(a, b)  _mm256_and_ps(a, b)
#define CLBI_MASK(n) \
    _mm256_loadu_si256((const __m256i *)(const void *)(clbi_mask_words + 8 - (n)))
#define CLBI_D_LOAD(p)  _mm256_cvtps_pd(_mm_loadu_ps(p))
#define CLBI_FROM_INTS(p) \
    _mm256_cvtepi32_ps(_mm256_loadu_si256((const __m256i *)(const void *)(p)))
#define CLBI_D_WRITE(p, v) _mm_storeu_ps(p, _mm256_cvtpd_ps(v))
#else
#define CLBI_R          __m256d
#define CLBI_AND(a, b)  _mm256_and_pd(a, b)
#define CLBI_MASK(n) \
    _mm256_loadu_si256((const __m256i *)(const void *)(clbi_mask_words + 8 - 2 * (n)))
#define CLBI_FROM_INTS(p) _mm256_cvtepi32_pd(_mm_loadu_si128((const __m128i *)(const void *)(p)))
#endif
#define CLBI_I                __m256i
#define CLBI_ISET64(u)        _mm256_set1_epi64x(u)
#define CLBI_IOR(a, b)        _mm256_or_si256(a, b)
#define CLBI_LOADM(p, m)      CLBI_O(maskload)(p, m)
#define CLBI_STOREM(p, m, v)  CLBI_O(maskstore)(p, m, v)
#define CLBI_TRUTH              CLBI_R
#define CLBI_EQUAL(a, b)        CLBI_O(cmp)(a, b, _CMP_EQ_OQ)
#define CLBI_ABOVE_ZERO(z)      CLBI_O(cmp)(z, CLBI_ZERO(), _CMP_GT_OQ)
#define CLBI_POSITIVE(z)        ((unsigned)CLBI_O(movemask)(CLBI_ABOVE_ZERO(z)))
#define CLBI_IF_POSITIVE(z, x)  CLBI_AND(CLBI_ABOVE_ZERO(z), x)
#define CLBI_WHERE(t, x, y)     CLBI_O(blendv)(y, x, t)
#define CLBI_SUB_WHERE(t, x, y) CLBI_SUB(x, CLBI_AND(t, y))
#ifdef CLB_SINGLE
#define CLBI_LANES(p, off)      _mm256_insertf128_ps(                                             \
    _mm256_castps128_ps256(_mm_loadu_ps((p)[0] + (off))), _mm_loadu_ps((p)[1] + (off)), 1)
#else
#define CLBI_LANES(p, off)      _mm256_insertf128_pd(                                             \
    _mm256_castpd128_pd256(_mm_loadu_pd((p)[0] + (off))), _mm_loadu_pd((p)[1] + (off)), 1)
#endif
static const int clbi_mask_words[16] = { -1, -1, -1, -1, -1, -1, -1, -1, 0, 0, 0, 0, 0, 0, 0, 0 };
#include CLB_HEADER_NAME

#elif CLBI_ARM

/* ---- NEON ---- */
#define CLBI_SUFFIX     neon
#define CLBI_FOR
#define CLBI_ROWS       128
#define CLBI_D          float64x2_t
#define CLBI_D_ZERO()   vdupq_n_f64(0)
#define CLBI_D_SET(x)   vdupq_n_f64(x)
#define CLBI_D_READ(p)  vld1q_f64(p)
#define CLBI_D_OP(op)   v##op##q_f64
#define CLBI_D_STORE(p, v) vst1q_f64(p, v)
#define CLBI_D_UNDER(a, b, x, y) vbslq_f64(vcleq_f64(a, b), x, y)
#define CLBI_D_ALL_UNDER(a, b) (vminvq_u32(vreinterpretq_u32_u64(vcleq_f64(a, b))) != 0)
#define CLBI_D_EXPONENT(v) vreinterpretq_f64_u64(vshlq_n_u64(vreinterpretq_u64_f64(v), 52))
#define CLBI_D_ABS(v)      vabsq_f64(v)
#define CLBI_D_PICK(p, k) \
    vcombine_f64(vld1_f64((p) + (int)vgetq_lane_f64(k, 0)), \
                 vld1_f64((p) + (int)vgetq_lane_f64(k, 1)))
#ifdef CLB_NO_FMA
#define CLBI_D_FMA(a, b, c) vaddq_f64(vmulq_f64(a, b), c)
#else
#define CLBI_D_FMA(a, b, c) vfmaq_f64(c, a, b)
#endif
#ifdef CLB_SINGLE
#define CLBI_R          float32x4_t
#define CLBI_O(op)      op##_f32
#define CLBI_BITS(op)   op##_u32
#define CLBI_AS_BITS(v) vreinterpretq_u32_f32(v)
#define CLBI_AS_REAL(v) vreinterpretq_f32_u32(v)
#define CLBI_D_LOAD(p)  vcvt_f64_f32(vld1_f32(p))
#define CLBI_FROM_INTS(p) vcvtq_f32_s32(vld1q_s32(p))
#define CLBI_D_WRITE(p, v) vst1_f32(p, vcvt_f32_f64(v))
#else
#define CLBI_R          float64x2_t
#define CLBI_O(op)      op##_f64
#define CLBI_BITS(op)   op##_u64
#define CLBI_AS_BITS(v) vreinterpretq_u64_f64(v)
#define CLBI_AS_REAL(v) vreinterpretq_f64_u64(v)
#define CLBI_FROM_INTS(p) vcvtq_f64_s64(vmovl_s32(vld1_s32(p)))
#endif
#ifdef CLB_SINGLE
#define CLBI_I                uint32x4_t
#else
#define CLBI_I                uint64x2_t
#endif
#define CLBI_TO_BITS(v)       CLBI_AS_BITS(v)
#define CLBI_FROM_BITS(i)     CLBI_AS_REAL(i)
#define CLBI_ISET(u)          CLBI_BITS(vdupq_n)(u)
#define CLBI_IADD(a, b)       CLBI_BITS(vaddq)(a, b)
#define CLBI_ISUB(a, b)       CLBI_BITS(vsubq)(a, b)
#define CLBI_IOR(a, b)        CLBI_BITS(vorrq)(a, b)
#define CLBI_ISHL(a)          CLBI_BITS(vshlq_n)(a, CLBI_RMANTISSA)
#define CLBI_ISHR(a)          CLBI_BITS(vshrq_n)(a, CLBI_RMANTISSA)
#define CLBI_ADD(a, b)        CLBI_O(vaddq)(a, b)
#define CLBI_SUB(a, b)        CLBI_O(vsubq)(a, b)
#define CLBI_DIV(a, b)        CLBI_O(vdivq)(a, b)
#define CLBI_LARGER(a, b)     CLBI_O(vbslq)(CLBI_O(vcgtq)(a, b), a, b)
#define CLBI_ZERO()           CLBI_O(vdupq_n)(0)
#define CLBI_SET(x)           CLBI_O(vdupq_n)(x)
#define CLBI_LOAD(p)          CLBI_O(vld1q)(p)
#define CLBI_STORE(p, v)      CLBI_O(vst1q)(p, v)
#define CLBI_MUL(a, b)        CLBI_O(vmulq)(a, b)
#ifdef CLB_NO_FMA
#define CLBI_FMA(a, b, c)     CLBI_O(vaddq)(CLBI_O(vmulq)(a, b), c)
#else
#define CLBI_FMA(a, b, c)     CLBI_O(vfmaq)(c, a, b)
#endif
#define CLBI_TRUTH              CLBI_I
#define CLBI_EQUAL(a, b)        CLBI_O(vceqq)(a, b)
#define CLBI_ABOVE_ZERO(z)      CLBI_O(vcgtq)(z, CLBI_ZERO())
#define CLBI_POSITIVE(z)        clbi_neon_positive(z)
#define CLBI_IF_POSITIVE(z, x)  CLBI_AS_REAL(CLBI_BITS(vandq)(CLBI_ABOVE_ZERO(z), CLBI_AS_BITS(x)))
#define CLBI_WHERE(t, x, y)     CLBI_O(vbslq)(t, x, y)
#define CLBI_SUB_WHERE(t, x, y) \
    CLBI_SUB(x, CLBI_AS_REAL(CLBI_BITS(vandq)(t, CLBI_AS_BITS(y))))
#define CLBI_LOW(a, b)          CLBI_O(vzip1q)(a, b)
#define CLBI_HIGH(a, b)         CLBI_O(vzip2q)(a, b)
#ifdef CLB_SINGLE
#define CLBI_PAIRS(a, b, which) ((which) == 0x44 ? vcombine_f32(vget_low_f32(a), vget_low_f32(b)) \
                                                 : vcombine_f32(vget_high_f32(a), vget_high_f32(b)))
#endif

/* A bit for every lane above zero. */
static unsigned clbi_neon_positive(CLBI_R z)
{
    static const CLBI_RBITS lane[4] = { 1, 2, 4, 8 };
    const CLBI_I above = CLBI_ABOVE_ZERO(z);
    return (unsigned)CLBI_BITS(vaddvq)(CLBI_BITS(vandq)(above, CLBI_BITS(vld1q)(lane)));
}
#include CLB_HEADER_NAME

#elif CLBI_WASM

/* ---- WebAssembly, vectors of 128 bits. They have no fused multiply-add: only with
 * CLB_NO_FMA ---- */
#define CLBI_SUFFIX     wasm
#define CLBI_FOR
#define CLBI_ROWS       128
#define CLBI_D          v128_t
#define CLBI_D_ZERO()   wasm_f64x2_const_splat(0)
#define CLBI_D_SET(x)   wasm_f64x2_splat(x)
#define CLBI_D_READ(p)  wasm_v128_load(p)
#define CLBI_D_OP(op)   wasm_f64x2_##op
#define CLBI_D_STORE(p, v) wasm_v128_store(p, v)
#define CLBI_D_UNDER(a, b, x, y) wasm_v128_bitselect(x, y, wasm_f64x2_le(a, b))
#define CLBI_D_ALL_UNDER(a, b) wasm_i64x2_all_true(wasm_f64x2_le(a, b))
#define CLBI_D_EXPONENT(v) wasm_i64x2_shl(v, 52)
#define CLBI_D_ABS(v)   wasm_f64x2_abs(v)
#define CLBI_D_PICK(p, k) wasm_f64x2_make((p)[(int)wasm_f64x2_extract_lane(k, 0)], \
                                          (p)[(int)wasm_f64x2_extract_lane(k, 1)])
#define CLBI_D_FMA(a, b, c) wasm_f64x2_add(wasm_f64x2_mul(a, b), c)
#define CLBI_R          v128_t
#ifdef CLB_SINGLE
#define CLBI_O(op)      wasm_f32x4_##op
#define CLBI_BITS(op)   wasm_i32x4_##op
#define CLBI_ISET(u)    wasm_u32x4_splat(u)
#define CLBI_ISHR(a)    wasm_u32x4_shr(a, CLBI_RMANTISSA)
#define CLBI_D_LOAD(p)  wasm_f64x2_promote_low_f32x4(wasm_v128_load64_zero(p))
#define CLBI_D_WRITE(p, v) wasm_v128_store64_lane(p, wasm_f32x4_demote_f64x2_zero(v), 0)
#define CLBI_FROM_INTS(p) wasm_f32x4_convert_i32x4(wasm_v128_load(p))
#define CLBI_LOW(a, b)  wasm_i32x4_shuffle(a, b, 0, 4, 1, 5)
#define CLBI_HIGH(a, b) wasm_i32x4_shuffle(a, b, 2, 6, 3, 7)
#define CLBI_PAIRS(a, b, which) ((which) == 0x44 ? wasm_i64x2_shuffle(a, b, 0, 2) \
                                                 : wasm_i64x2_shuffle(a, b, 1, 3))
#else
#define CLBI_O(op)      wasm_f64x2_##op
#define CLBI_BITS(op)   wasm_i64x2_##op
#define CLBI_ISET(u)    wasm_u64x2_splat(u)
#define CLBI_ISHR(a)    wasm_u64x2_shr(a, CLBI_RMANTISSA)
#define CLBI_FROM_INTS(p) wasm_f64x2_convert_low_i32x4(wasm_v128_load64_zero(p))
#define CLBI_LOW(a, b)  wasm_i64x2_shuffle(a, b, 0, 2)
#define CLBI_HIGH(a, b) wasm_i64x2_shuffle(a, b, 1, 3)
#endif
#define CLBI_I                v128_t
#define CLBI_TO_BITS(v)       (v)
#define CLBI_FROM_BITS(i)     (i)
#define CLBI_IADD(a, b)       CLBI_BITS(add)(a, b)
#define CLBI_ISUB(a, b)       CLBI_BITS(sub)(a, b)
#define CLBI_IOR(a, b)        wasm_v128_or(a, b)
#define CLBI_ISHL(a)          CLBI_BITS(shl)(a, CLBI_RMANTISSA)
#define CLBI_ADD(a, b)        CLBI_O(add)(a, b)
#define CLBI_SUB(a, b)        CLBI_O(sub)(a, b)
#define CLBI_DIV(a, b)        CLBI_O(div)(a, b)
#define CLBI_LARGER(a, b)     CLBI_O(pmax)(b, a)
#define CLBI_ZERO()           CLBI_O(splat)(0)
#define CLBI_SET(x)           CLBI_O(splat)(x)
#define CLBI_LOAD(p)          wasm_v128_load(p)
#define CLBI_STORE(p, v)      wasm_v128_store(p, v)
#define CLBI_MUL(a, b)        CLBI_O(mul)(a, b)
#define CLBI_FMA(a, b, c)     CLBI_O(add)(CLBI_O(mul)(a, b), c)
#define CLBI_TRUTH            v128_t
#define CLBI_EQUAL(a, b)      CLBI_O(eq)(a, b)
#define CLBI_ABOVE_ZERO(z)    CLBI_O(gt)(z, CLBI_ZERO())
#define CLBI_POSITIVE(z)      CLBI_BITS(bitmask)(CLBI_ABOVE_ZERO(z))
#define CLBI_IF_POSITIVE(z, x)  wasm_v128_and(CLBI_ABOVE_ZERO(z), x)
#define CLBI_WHERE(t, x, y)     wasm_v128_bitselect(x, y, t)
#define CLBI_SUB_WHERE(t, x, y) CLBI_SUB(x, wasm_v128_and(t, y))

#include CLB_HEADER_NAME
#endif

/* The table of each kernel, in the order of clb_isa. NULL if this build lacks the
 * instruction set. */
#if CLBI_X86
#define CLBI_IF_AVX2(name)   clbi_##name##_avx2
#else
#define CLBI_IF_AVX2(name)   NULL
#endif
#if CLBI_X86 && !defined(CLB_NO_AVX512)
#define CLBI_IF_AVX512(name) clbi_##name##_avx512
#else
#define CLBI_IF_AVX512(name) NULL
#endif
#if CLBI_ARM
#define CLBI_IF_NEON(name)   clbi_##name##_neon
#else
#define CLBI_IF_NEON(name)   NULL
#endif
#if CLBI_WASM
#define CLBI_IF_WASM(name)   clbi_##name##_wasm
#else
#define CLBI_IF_WASM(name)   NULL
#endif
#define CLBI_KERNEL_TABLE(result, name, arguments)                                               \
    typedef result (*clbi_##name##_fn) arguments;                                                \
    static CLBI_UNUSED const clbi_##name##_fn clbi_##name##_table[CLB_ISA_COUNT] = {             \
        clbi_##name##_scalar, CLBI_IF_AVX2(name), CLBI_IF_AVX512(name), CLBI_IF_NEON(name), \
        CLBI_IF_WASM(name) };
CLBI_KERNEL_LIST(CLBI_KERNEL_TABLE)
#undef CLBI_KERNEL_TABLE
#undef CLBI_IF_AVX2
#undef CLBI_IF_AVX512
#undef CLBI_IF_NEON
#undef CLBI_IF_WASM

/* The kernel of the instruction set in use: CLBI_KERNEL(dot)(n, x, y). */
#define CLBI_KERNEL(name) clbi_##name##_table[clb_isa_get()]

/* The checks of clb_selftest. Operands are volatile, so that the compiler cannot evaluate them. The
 * computations use plain variables, as in the library. */
static int clbi_sums_keep_order(void)
{
    volatile double big = 0x1p60, one = 1;
    double a = big, b = one, sum = 0, x[8];
    int i;
    for (i = 0; i < 8; ++i) x[i] = i == 0 ? a : i == 7 ? -a : b;
    for (i = 0; i < 8; ++i) sum += x[i];
    return (a + b) - a == 0 && sum == 0;
}

static int clbi_quotients_are_divided(void)
{
    volatile double n = 1, d = 49;
    double x[4], y = d;
    int i;
    for (i = 0; i < 4; ++i) x[i] = n * 49 * (1 << i);
    for (i = 0; i < 4; ++i) x[i] /= y;
    return x[0] == 1 && x[1] == 2 && x[2] == 4 && x[3] == 8;
}

static int clbi_rounds_to_nearest(void)
{
    volatile double one = 1, less = 0x1p-54, more = 0x1.8p-53;
    double a = one, b = less, c = more;
    return a + b == 1 && -a - b == -1 && a + c == 1 + DBL_EPSILON && -a - c == -1 - DBL_EPSILON;
}

static int clbi_keeps_small_numbers(void)
{
    volatile double least = DBL_MIN, half = 0.5;
    volatile float small_float = FLT_MIN, half_float = 0.5f;
    double a = least, b = half;
    float x = small_float, y = half_float;
    a *= b, x *= y;
    return a != 0 && a * 2 == DBL_MIN && x != 0 && x * 2 == FLT_MIN;
}

static int clbi_keeps_special_values(void)
{
    volatile double zero = 0, huge = DBL_MAX;
    double a = zero, b = huge, infinite, nan, minus = -a;
    infinite = b * b, nan = infinite - infinite;
    return nan != nan && !(nan < 1) && infinite > DBL_MAX && a - a == 0 && 1 / minus < 0 &&
           1 / (minus + a) > 0;
}

static int clbi_rounds_once(void)
{
#ifdef CLB_NO_FMA
    return 1;
#else
    volatile double x = 1 + 0x1p-30, y = 1 - 0x1p-30, z = -1;
    volatile float u = 1 + 0x1p-12f, v = 1 - 0x1p-12f, w = -1;
    return clbi_fused(x, y, z) == -0x1p-60 && clbi_fusedf(u, v, w) == -0x1p-24f;
#endif
}

static int clbi_products_are_rounded(void)
{
    volatile double x = 1 + 0x1p-30, y = 1 - 0x1p-30, z = -1;
    int isa, right = 1;
    for (isa = 0; isa < (int)CLB_ISA_COUNT; ++isa)
        if (clbi_isa_has((clb_isa)isa) && clbi_unfused_table[isa](x, y, z) != 0) right = 0;
    return right;
}

CLBDEF clb_status clb_selftest(const char **what)
{
    const char *wrong =
        !clbi_rounds_to_nearest()       ? "rounding is not to nearest"
        : !clbi_products_are_rounded()  ? "products and sums are fused (-ffp-contract=fast)"
        : !clbi_sums_keep_order()       ? "sums are reordered (-fassociative-math)"
        : !clbi_quotients_are_divided() ? "divisions are products (-freciprocal-math)"
        : !clbi_keeps_small_numbers()   ? "small numbers are flushed to zero"
        : !clbi_keeps_special_values()  ? "NaN, infinity or -0 are lost (-ffinite-math-only)"
        : !clbi_rounds_once()           ? "fma of the C library rounds twice"
                                        : "";
    if (what) *what = wrong;
    return *wrong ? CLB_ECONTRACT : CLB_OK;
}

/* Any of the six products. A large one takes memory to copy its operands to, and does without
 * where there is none. */
static void clbi_matmul(size_t M, size_t N, size_t K, const clb_real *a, size_t ai, size_t ak,
                        const clb_real *b, size_t bj, size_t bk, clb_real *C, size_t ldc, int acc)
{
    clb_real *room = NULL;
    const size_t size = clbi_copies(M, N, K);
    if (size == 0 || clbi_alloc(&room, size, sizeof *room)) {
        CLBI_KERNEL(matmul)(M, N, K, a, ai, ak, b, bj, bk, C, ldc, acc, NULL);
        return;
    }
    CLBI_KERNEL(blocked)(M, N, K, a, ai, ak, b, bj, bk, C, ldc, acc, room, size);
    CLB_FREE(room);
}

CLBDEF void clb_matmul_nn(size_t M, size_t N, size_t K, const clb_real *A, size_t lda,
                          const clb_real *B, size_t ldb, clb_real *C, size_t ldc)
{
    clbi_matmul(M, N, K, A, lda, 1, B, 1, ldb, C, ldc, 0);
}

CLBDEF void clb_matmul_nt(size_t M, size_t N, size_t K, const clb_real *A, size_t lda,
                          const clb_real *B, size_t ldb, clb_real *C, size_t ldc)
{
    clbi_matmul(M, N, K, A, lda, 1, B, ldb, 1, C, ldc, 0);
}

CLBDEF void clb_matmul_tn(size_t M, size_t N, size_t K, const clb_real *A, size_t lda,
                          const clb_real *B, size_t ldb, clb_real *C, size_t ldc)
{
    clbi_matmul(M, N, K, A, 1, lda, B, 1, ldb, C, ldc, 0);
}

CLBDEF void clb_matmul_nn_acc(size_t M, size_t N, size_t K, const clb_real *A, size_t lda,
                              const clb_real *B, size_t ldb, clb_real *C, size_t ldc)
{
    clbi_matmul(M, N, K, A, lda, 1, B, 1, ldb, C, ldc, 1);
}

CLBDEF void clb_matmul_nt_acc(size_t M, size_t N, size_t K, const clb_real *A, size_t lda,
                              const clb_real *B, size_t ldb, clb_real *C, size_t ldc)
{
    clbi_matmul(M, N, K, A, lda, 1, B, ldb, 1, C, ldc, 1);
}

CLBDEF void clb_matmul_tn_acc(size_t M, size_t N, size_t K, const clb_real *A, size_t lda,
                              const clb_real *B, size_t ldb, clb_real *C, size_t ldc)
{
    clbi_matmul(M, N, K, A, 1, lda, B, 1, ldb, C, ldc, 1);
}

/* A product with C cut along its longer side, a task for each piece. */
typedef struct clbi_pieces {
    size_t M, N, K, ai, ak, bj, bk, ldc;
    const clb_real *a, *b;
    clb_real *C;
    int acc;
    size_t rows, cols;          /* of a piece: all of one, some of the other     */
    clb_real *room;             /* of KERNEL blocked, copies reals a piece; NULL: none */
    size_t copies;
} clbi_pieces;

static void clbi_piece(void *context, size_t t)
{
    const clbi_pieces *p = (const clbi_pieces *)context;
    size_t i = p->rows < p->M ? t * p->rows : 0, j = p->cols < p->N ? t * p->cols : 0;
    size_t rows = p->M - i < p->rows ? p->M - i : p->rows;
    size_t cols = p->N - j < p->cols ? p->N - j : p->cols;
    const clb_real *a = p->a + i * p->ai, *b = p->b + j * p->bj;
    clb_real *C = p->C + i * p->ldc + j;
    if (p->room)
        CLBI_KERNEL(blocked)(rows, cols, p->K, a, p->ai, p->ak, b, p->bj, p->bk, C, p->ldc, p->acc,
                             p->room + t * p->copies, p->copies);
    else
        CLBI_KERNEL(matmul)(rows, cols, p->K, a, p->ai, p->ak, b, p->bj, p->bk, C, p->ldc, p->acc,
                            NULL);
}

CLBDEF void clb_matmul_threads(const clb_threads *threads, clb_product form, int acc, size_t M,
                               size_t N, size_t K, const clb_real *A, size_t lda,
                               const clb_real *B, size_t ldb, clb_real *C, size_t ldc)
{
    enum { TILES = 96 };  /* a multiple of the heights and widths of all tiles */
    size_t count = clbi_threads_for(threads, (double)M * (double)N * (double)K), *side, pieces;
    clbi_pieces p;
    p.M = p.rows = M, p.N = p.cols = N, p.K = K, p.acc = acc;
    p.a = A, p.ai = form == CLB_TN ? 1 : lda, p.ak = form == CLB_TN ? lda : 1;
    p.b = B, p.bj = form == CLB_NT ? ldb : 1, p.bk = form == CLB_NT ? 1 : ldb;
    p.C = C, p.ldc = ldc;
    side = M > N ? &p.rows : &p.cols;
    pieces = *side / (count > 1 ? 2 * count : 1);  /* two per thread, in case one starts late */
    *side = (pieces > TILES ? (pieces + TILES - 1) / TILES : (size_t)1) * TILES;
    pieces = ((M > N ? M : N) + *side - 1) / *side;
    p.room = NULL, p.copies = clbi_copies(p.rows, p.cols, K);
    if (p.copies && clbi_alloc(&p.room, pieces, p.copies * sizeof *p.room)) p.room = NULL;
    clbi_parallel(threads, pieces, clbi_piece, &p);
    CLB_FREE(p.room);
}

CLBDEF double clb_dot(size_t n, const clb_real *x, const clb_real *y)
{
    return CLBI_KERNEL(dot)(n, x, y);
}

CLBDEF double clb_sumsq(size_t n, const clb_real *x)
{
    return CLBI_KERNEL(dot)(n, x, x);
}

/* Returns 1 if 1/limit < size < limit; else a power of two that scales size into [1/2, 1), or as
 * near to it as a double allows. Multiplying by it or by its inverse is exact. */
static double clbi_scale_into(double size, double limit)
{
    int e;
    if (!(size > 0 && size <= DBL_MAX) || (size > 1 / limit && size < limit)) return 1;
    (void)frexp(size, &e);
    return ldexp(1, e < -1021 ? 1021 : e > 1021 ? -1021 : -e);
}

/* A scale factor: squares of scaled values of at most this size neither overflow nor
 * lose digits. */
static double clbi_safe_scale(double size)
{
    return clbi_scale_into(size, 0x1p300);
}

/* The Euclidean norm of x: the square root of clb_sumsq, correct also where that sum overflows or
 * underflows. */
static double clbi_norm(size_t n, const clb_real *x)
{
    double sum = clb_sumsq(n, x), top = 0, scale;
    size_t j;
    if ((sum > 0x1p-900 && sum <= DBL_MAX) || sum != sum) return clbi_sqrt(sum);
    for (j = 0; j < n; ++j) top = fmax(top, fabs((double)x[j]));
    scale = clbi_safe_scale(top);
    if (top > 0 && scale != 1)
        for (j = 0, sum = 0; j < n; ++j) sum += scale * (double)x[j] * (scale * (double)x[j]);
    return clbi_sqrt(sum) / scale;
}

CLBDEF void clb_axpy(size_t n, clb_real a, const clb_real *x, clb_real *y)
{
    CLBI_KERNEL(axpy)(n, a, x, y);
}

CLBDEF void clb_scale(size_t n, clb_real a, clb_real *x)
{
    CLBI_KERNEL(scale)(n, a, x);
}

/* ============================================================================================
 * @S36 NETWORKS AND LOSSES
 * ========================================================================================== */

CLBDEF size_t clb_layer_size(const clb_net *net, size_t l)
{
    CLB_ASSERT(l >= 1 && l <= net->L);
    return net->m[l] * net->m[l - 1];
}

CLBDEF clb_real *clb_net_weights(const clb_net *net, size_t l, size_t *rows, size_t *columns)
{
    CLB_ASSERT(l >= 1 && l <= net->L);
    if (rows) *rows = net->m[l];
    if (columns) *columns = net->m[l - 1];
    return net->theta + net->w[l];
}

CLBDEF clb_real *clb_net_biases(const clb_net *net, size_t l, size_t *count)
{
    int has;
    CLB_ASSERT(l >= 1 && l <= net->L);
    has = net->b[l] != CLB_NO_BIAS;
    if (count) *count = has ? net->m[l] : 0;
    return has ? net->theta + net->b[l] : NULL;
}

static int clbi_has_bias(const clb_net_opts *opts, size_t l)
{
    return opts->bias < 0 || (opts->bias > 0 && (size_t)opts->bias == l);
}

/* Sets the offsets w and b and the number of parameters P. Returns 0 if a size overflows. */
static int clbi_net_layout(clb_net *net, const clb_net_opts *opts)
{
    size_t l, size, at = 0;
    net->w[0] = net->b[0] = CLB_NO_BIAS;
    for (l = 1; l <= net->L; ++l) {
        net->w[l] = at;
        net->b[l] = CLB_NO_BIAS;
        if (!clbi_mul_size(net->m[l], net->m[l - 1], &size) || !clbi_add_size(at, size, &at))
            return 0;
        if (!clbi_has_bias(opts, l)) continue;
        net->b[l] = at;
        if (!clbi_add_size(at, net->m[l], &at)) return 0;
    }
    net->P = at;
    return 1;
}

#define CLBI_LEAKY_SLOPE 0.01       /* for a leaky ReLU whose slope is given as 0 */
static CLBI_COLD clb_status clbi_net_check(const size_t *widths, size_t count,
                                           const clb_net_opts *opts)
{
    size_t i;
    if (count < 2) return CLB_ESHAPE;
    if ((unsigned)opts->activation >= (unsigned)CLB_ACTIVATION_COUNT)
        return CLB_EACTIVATION;
    if (opts->bias < -1 || (opts->bias > 0 && (size_t)opts->bias > count - 1)) return CLB_ELAYER;
    if (!(opts->param - opts->param <= 0)) return CLB_EACTIVATION;          /* NaN or infinity */
    if (opts->activation == CLB_RELU_POWER && opts->param <= 0) return CLB_EACTIVATION;
    for (i = 0; i < count; ++i)
        if (widths[i] == 0) return CLB_ESHAPE;
    return CLB_OK;
}

/* Allocates theta, filled with P zeros. It begins on a cache line. */
static CLBI_COLD clb_status clbi_net_theta(clb_net *net)
{
    clbi_room room = CLB_ZERO;
    clb_status status;
    net->arena = NULL;
    clbi_reals(&room, net->P, 1);
    if ((status = clbi_room_calloc(&room, &net->arena)) != CLB_OK) return status;
    net->theta = clbi_reals(&room, net->P, 1);
    return CLB_OK;
}

CLBDEF clb_status clb_net_alloc(clb_net *net, const size_t *widths, size_t count,
                                const clb_net_opts *opts)
{
    static const clb_net_opts defaults = CLB_ZERO;
    clb_status status;
    size_t triple;
    memset(net, 0, sizeof *net);
    if (!opts) opts = &defaults;
    if ((status = clbi_net_check(widths, count, opts)) != CLB_OK) return status;
    if (!clbi_mul_size(count, 3, &triple)) return CLB_ESIZE;
    if ((status = clbi_alloc(&net->m, triple, sizeof *net->m)) != CLB_OK) return status;
    net->L = count - 1;
    net->w = net->m + count;
    net->b = net->w + count;
    net->param = opts->param;
    if (opts->activation == CLB_LEAKY_RELU && opts->param == 0) net->param = CLBI_LEAKY_SLOPE;
    net->activation = opts->activation;
    memcpy(net->m, widths, count * sizeof *widths);
    status = clbi_net_layout(net, opts) ? clbi_net_theta(net) : CLB_ESIZE;
    if (status) clb_net_free(net);
    return status;
}

CLBDEF size_t clb_net_bytes(const clb_net *net)
{
    clbi_room room = CLB_ZERO;
    clbi_reals(&room, net->P, 1);
    return 3 * (net->L + 1) * sizeof *net->m + clbi_room_bytes(&room);
}

CLBDEF void clb_net_free(clb_net *net)
{
    CLB_FREE(net->m);
    CLB_FREE(net->arena);
    memset(net, 0, sizeof *net);
}

CLBDEF clb_status clb_net_copy(clb_net *dst, const clb_net *src)
{
    size_t count = 3 * (src->L + 1);
    clb_net copy = *src;
    clb_status status;
    memset(dst, 0, sizeof *dst);
    if (src->L == 0) return CLB_EUNSET;
    if ((status = clbi_alloc(&copy.m, count, sizeof *copy.m)) != CLB_OK) return status;
    if ((status = clbi_net_theta(&copy)) != CLB_OK) {
        CLB_FREE(copy.m);
        return status;
    }
    memcpy(copy.m, src->m, count * sizeof *copy.m);
    memcpy(copy.theta, src->theta, src->P * sizeof *copy.theta);
    copy.w = copy.m + src->L + 1;
    copy.b = copy.w + src->L + 1;
    *dst = copy;
    return CLB_OK;
}

CLBDEF void clb_net_draw(clb_net *net, clb_rng *rng)
{
    size_t l;
    for (l = 1; l <= net->L; ++l) {
        double bound = 1 / clbi_sqrt((double)net->m[l - 1]);
        clb_rng_uniform(rng, clb_layer_size(net, l), -bound, bound, net->theta + net->w[l]);
        if (net->b[l] != CLB_NO_BIAS)
            clb_rng_uniform(rng, net->m[l], -bound, bound, net->theta + net->b[l]);
    }
}

CLBDEF clb_status clb_net_init(clb_net *net, const size_t *widths, size_t count,
                               const clb_net_opts *opts, clb_rng *rng)
{
    clb_status status = clb_net_alloc(net, widths, count, opts);
    if (status) return status;
    clb_net_draw(net, rng);
    if (opts && opts->scale != 0 && opts->scale != 1)
        clb_scale(net->P, (clb_real)opts->scale, net->theta);
    return CLB_OK;
}

CLBDEF double clb_weight_sumsq(const clb_net *net, const clb_real *x, size_t l)
{
    return clb_sumsq(clb_layer_size(net, l), x + net->w[l]);
}

CLBDEF double clb_bias_sumsq(const clb_net *net, const clb_real *x, size_t l)
{
    CLB_ASSERT(l >= 1 && l <= net->L);
    return net->b[l] == CLB_NO_BIAS ? 0 : clb_sumsq(net->m[l], x + net->b[l]);
}

CLBDEF clb_net_opts clb_relu_mix(double e)
{
    clb_net_opts opts = CLB_ZERO;
    opts.activation = e == 0 ? CLB_IDENTITY : e == 1 ? CLB_RELU : CLB_RELU_MIX;
    opts.param = e;
    return opts;
}

/* ---- activations ---------------------------------------------------------------------------- */

/* Derivatives of max(0, z)^p: p (p-1) ... (p-order+1) z^(p-order) for z > 0. Exponents that are
 * small multiples of 1/2 use multiplication and square root instead of clb_pow. */
static double clbi_relu_power(double p, double z, int order)
{
    double factor = 1, value = 1, rest = p;
    int i;
    if (z <= 0) return 0;
    for (i = 0; i < order; ++i) factor *= p - i;
    rest -= order;
    if (factor == 0) return 0;
    if (2 * rest != floor(2 * rest) || rest < 0 || rest > 8) return factor * clb_pow(z, rest);
    if (rest != floor(rest)) value = clbi_sqrt(z), rest -= 0.5;
    for (; rest > 0; rest -= 1) value *= z;
    return factor * value;
}

/* t = tanh z: t' = 1 - t^2 = 4 e/(1 + e)^2 with e = exp(-2|z|), a form that stays accurate as |t|
 * tends to 1; t'' = -2 t t', t''' = -2 t' (1 - 3 t^2). */
static double clbi_tanh_order(double z, int order)
{
    double t = order == 1 ? 0 : clb_tanh(z), e, d;
    if (order == 0) return t;
    e = clb_exp(-2 * fabs(z));
    d = 4 * e / ((1 + e) * (1 + e));
    if (order == 1) return d;
    return order == 2 ? -2 * t * d : -2 * d * (1 - 3 * t * t);
}

/* s = 1/(1 + e^-z):  s' = s (1-s),  s'' = s' (1-2s),  s''' = s' (1 - 6 s') */
static double clbi_sigmoid_order(double z, int order)
{
    double e = clb_exp(-fabs(z)), s = z >= 0 ? 1 / (1 + e) : e / (1 + e),
           d = e / ((1 + e) * (1 + e));
    if (order == 0) return s;
    if (order == 1) return d;
    return order == 2 ? d * (1 - 2 * s) : d * (1 - 6 * d);
}

/* GELU z Phi(z) and its derivatives, with the normal density f: Phi + z f, f (2 - z^2), f z (z^2 -
 * 4). For |z| > 40 f is 0 in double, so the limits are returned. */
static double clbi_gelu_order(double z, int order)
{
    double Phi, f;
    if (z < -40 || (z > 40 && order > 1)) return 0;
    if (z > 40) return order == 0 ? z : 1;
    Phi = order > 1 ? 0 : 0.5 * (1 + clb_erf(z * CLBI_SQRT_HALF));
    f = order < 1 ? 0 : CLBI_NORMAL_PEAK * clb_exp(-0.5 * z * z);
    if (order == 0) return z * Phi;
    if (order == 1) return Phi + z * f;
    return order == 2 ? f * (2 - z * z) : f * z * (z * z - 4);
}

/* The value slope z and its derivatives, for activations that are straight lines on both sides of
 * 0. */
static double clbi_line(double slope, double z, int order)
{
    if (order == 0) return slope * z;
    return order == 1 ? slope : 0;
}

CLBDEF double clb_activate(clb_activation activation, double a, double z, int order)
{
    CLB_ASSERT(order >= 0 && order <= 3);
    switch (activation) {
    case CLB_RELU:       return z < 0 || (order && z == 0) ? 0 : clbi_line(1, z, order);
    case CLB_IDENTITY:   return clbi_line(1, z, order);
    case CLB_LEAKY_RELU: return clbi_line(z > 0 ? 1 : a, z, order);
    case CLB_RELU_MIX:   return clbi_line(z > 0 ? 1 : 1 - a, z, order);
    case CLB_RELU_POWER: return clbi_relu_power(a, z, order);
    case CLB_TANH:       return clbi_tanh_order(z, order);
    case CLB_SIGMOID:    return clbi_sigmoid_order(z, order);
    case CLB_SOFTPLUS:   return order ? clbi_sigmoid_order(z, order - 1)
                                      : (z > 0 ? z : 0) + clb_log1p(clb_exp(-fabs(z)));
    case CLB_GELU:       return clbi_gelu_order(z, order);
    case CLB_ACTIVATION_COUNT:
    default:             return (double)NAN;
    }
}

/* Is the slope 1 for z > 0 and a constant for z <= 0? */
static int clbi_is_leaky(const clb_net *net)
{
    return net->activation == CLB_LEAKY_RELU || net->activation == CLB_RELU_MIX;
}

static clb_real clbi_leak(const clb_net *net)
{
    return (clb_real)(net->activation == CLB_LEAKY_RELU ? net->param : 1 - net->param);
}

static void clbi_activate_scalar(const clb_net *net, size_t count, const clb_real *z, clb_real *a,
                                 int order)
{
    size_t i;
    for (i = 0; i < count; ++i) {
        double s = clb_activate(net->activation, net->param, (double)z[i], order);
        if (order == 0) a[i] = (clb_real)s; else a[i] *= (clb_real)s;
    }
}

/* a = s(z) for count values. */
static void clbi_activation_forward(const clb_net *net, size_t count, const clb_real *z,
                                    clb_real *a)
{
    if (net->activation == CLB_IDENTITY) {
        if (a != z) memcpy(a, z, count * sizeof *a);
    } else if (net->activation == CLB_RELU) CLBI_KERNEL(relu)(count, z, a);
    else if (clbi_is_leaky(net)) CLBI_KERNEL(leak)(count, clbi_leak(net), z, z, a);
    else CLBI_KERNEL(activate)(net, count, z, a, 0);
}

/* u = u s'(z) for count values. */
static void clbi_activation_backward(const clb_net *net, size_t count, const clb_real *z,
                                     clb_real *u)
{
    if (net->activation == CLB_IDENTITY) return;
    if (net->activation == CLB_RELU) CLBI_KERNEL(relu_back)(count, z, u);
    else if (clbi_is_leaky(net)) CLBI_KERNEL(leak)(count, clbi_leak(net), z, u, u);
    else CLBI_KERNEL(activate)(net, count, z, u, 1);
}

/* ---- evaluation ----------------------------------------------------------------------------- */

CLBI_CALLS_BEGIN
/* Are all labels in 0..K-1? */
static CLBI_COLD clb_status clbi_labels_check(const clb_data *data, clb_error *error)
{
    size_t i;
    for (i = 0; i < data->n; ++i)
        if (data->y[i] < 0 || (size_t)data->y[i] >= data->K)
            return clbi_fail(error, CLB_ELABEL, "y[%z] = %d; the net has the classes 0..%z", i,
                             data->y[i], data->K - 1);
    return CLB_OK;
}

/* Does every row of targets sum to 1, up to rounding? */
static CLBI_COLD clb_status clbi_targets_check(const clb_data *data, clb_error *error)
{
    const double epsilon = sizeof(clb_real) == 4 ? (double)FLT_EPSILON : DBL_EPSILON;
    size_t i, k;
    for (i = 0; i < data->n; ++i) {
        double sum = 0, size = 1;
        for (k = 0; k < data->K; ++k) {
            sum += (double)data->targets[i * data->K + k];
            size += fabs((double)data->targets[i * data->K + k]);
        }
        if (!(fabs(sum - 1) <= 4 * (double)data->K * epsilon * size))
            return clbi_fail(error, CLB_ESOFT,
                             "row %z of targets sums to %g; cross entropy needs 1", i, sum);
    }
    return CLB_OK;
}

CLBDEF clb_status clb_pass_check(const clb_net *net, const clb_data *data, double ce,
                                 clb_error *error)
{
    size_t K;
    clbi_clear(error);
    if (net->L == 0) return clbi_done(error, CLB_EUNSET);
    if (data->n == 0) return clbi_done(error, CLB_EEMPTY);
    K = net->m[net->L];
    if (data->d != net->m[0])
        return clbi_fail(error, CLB_ESHAPE, "the data have d = %z inputs, the net takes %z",
                         data->d, net->m[0]);
    if (!(ce >= 0 && ce <= 1))
        return clbi_fail(error, CLB_ELOSS, "ce = %g; it must be in 0..1", ce);
    if (!data->y && !data->targets) return CLB_OK;
    if (data->K != K)
        return clbi_fail(error, CLB_ESHAPE, "the data have K = %z classes, the net has %z outputs",
                         data->K, K);
    if (data->targets && ce > 0) {
        clb_status status = clbi_targets_check(data, error);
        if (status) return status;
    }
    return data->y ? clbi_labels_check(data, error) : CLB_OK;
}

/* The same check for functions that need labels or targets. */
static clb_status clbi_pass_check(const clb_net *net, const clb_data *data, double ce)
{
    clb_status status = clb_pass_check(net, data, ce, NULL);
    return !status && !data->y && !data->targets ? CLB_EUNLABELLED : status;
}

static void clbi_slope_layout(clb_pass *pass, clbi_room *room)
{
    size_t l;
    pass->slope = clbi_table(room, pass->net->L);
    for (l = 1; l < pass->net->L; ++l)
        clbi_entry(room, pass->slope, l, pass->data->n, pass->net->m[l]);
}

static clb_status clbi_slope_alloc(clb_pass *pass)
{
    clbi_room room = CLB_ZERO;
    clb_status status;
    clbi_slope_layout(pass, &room);
    if ((status = clbi_room_alloc(&room, &pass->slope_arena)) != CLB_OK) return status;
    clbi_slope_layout(pass, &room);
    pass->slope[0] = NULL;
    return CLB_OK;
}

CLBDEF clb_status clb_pass_freeze(clb_pass *pass, const clb_pass *at)
{
    const clb_net *net = pass->net;
    clb_status status;
    size_t l, i;
    if (!at) {
        CLB_FREE(pass->slope_arena);
        pass->slope_arena = NULL;
        pass->slope = NULL;
        return CLB_OK;
    }
    if (at->net->L != net->L || at->n != pass->n) return CLB_ESHAPE;
    for (l = 1; l < net->L; ++l)
        if (at->net->m[l] != net->m[l]) return CLB_ESHAPE;
    if (!pass->slope && (status = clbi_slope_alloc(pass)) != CLB_OK) return status;
    for (l = 1; l < net->L; ++l)
        for (i = 0; i < at->n * net->m[l]; ++i)
            pass->slope[l][i] = (clb_real)clb_activate(at->net->activation, at->net->param,
                                                       (double)at->z[l][i], 1);
    return CLB_OK;
}

/* The matrices of a pass, for all rows of its data. A batch uses their first rows. */
static void clbi_pass_layout(clb_pass *pass, clbi_room *room)
{
    const clb_net *net = pass->net;
    size_t l, L = net->L, n = pass->data->n;
    pass->z = clbi_table(room, L + 1);
    pass->a = clbi_table(room, L + 1);
    pass->u = clbi_table(room, L + 1);
    for (l = 1; l <= L; ++l) {
        clbi_entry(room, pass->z, l, n, net->m[l]);
        clbi_entry(room, pass->u, l, n, net->m[l]);
        if (l < L) clbi_entry(room, pass->a, l, n, net->m[l]);
    }
    pass->p = clbi_reals(room, n, net->m[L]);
}

/* Makes the pass use n rows. a[0] is the input itself, to which the pass never writes. */
static void clbi_pass_use(clb_pass *pass, size_t n, const clb_real *X, const int *y,
                          const clb_real *T)
{
    pass->n = n;
    pass->evaluated = 0;
    pass->X = X;
    pass->y = y;
    pass->targets = T;
    memcpy(&pass->a[0], &X, sizeof X);
}

CLBDEF size_t clb_pass_bytes(const clb_net *net, const clb_data *data)
{
    clb_pass pass;
    clbi_room room = CLB_ZERO;
    pass.net = net;
    pass.data = data;
    clbi_pass_layout(&pass, &room);
    return clbi_room_bytes(&room);
}

CLBDEF clb_status clb_pass_init(clb_pass *pass, const clb_net *net, const clb_data *data, double ce)
{
    clbi_room room = CLB_ZERO;
    clb_status status = clb_pass_check(net, data, ce, NULL);
    memset(pass, 0, sizeof *pass);
    if (status) return status;
    pass->net = net;
    pass->data = data;
    pass->ce = ce;
    pass->loss = (double)NAN;
    clbi_pass_layout(pass, &room);
    if ((status = clbi_room_calloc(&room, &pass->arena)) != CLB_OK) {
        memset(pass, 0, sizeof *pass);
        return status;
    }
    clbi_pass_layout(pass, &room);
    clbi_pass_use(pass, data->n, data->X, data->y, data->targets);
    return CLB_OK;
}

CLBDEF void clb_pass_free(clb_pass *pass)
{
    CLB_FREE(pass->arena);
    CLB_FREE(pass->batch_X);
    CLB_FREE(pass->batch_y);
    CLB_FREE(pass->batch_targets);
    CLB_FREE(pass->slope_arena);
    memset(pass, 0, sizeof *pass);
}

static clb_status clbi_pass_batch_alloc(clb_pass *pass)
{
    const clb_data *data = pass->data;
    clb_status status = CLB_OK;
    if (!pass->batch_X) status = clbi_alloc(&pass->batch_X, data->n * data->d, sizeof(clb_real));
    if (!status && data->y && !pass->batch_y)
        status = clbi_alloc(&pass->batch_y, data->n, sizeof(int));
    if (!status && data->targets && !pass->batch_targets)
        status = clbi_alloc(&pass->batch_targets, data->n * data->K, sizeof(clb_real));
    return status;
}

CLBDEF clb_status clb_pass_batch(clb_pass *pass, const uint32_t *index, size_t count)
{
    const clb_data *data = pass->data;
    clb_status status;
    size_t i;
    if (!index) {
        clbi_pass_use(pass, data->n, data->X, data->y, data->targets);
        return CLB_OK;
    }
    if (count == 0 || count > data->n) return CLB_EROW;
    for (i = 0; i < count; ++i)
        if (index[i] >= data->n) return CLB_EROW;
    if ((status = clbi_pass_batch_alloc(pass)) != CLB_OK) return status;
    for (i = 0; i < count; ++i) {
        memcpy(pass->batch_X + i * data->d, data->X + index[i] * data->d,
               data->d * sizeof(clb_real));
        if (data->y) pass->batch_y[i] = data->y[index[i]];
        if (data->targets)
            memcpy(pass->batch_targets + i * data->K, data->targets + index[i] * data->K,
                   data->K * sizeof(clb_real));
    }
    clbi_pass_use(pass, count, pass->batch_X, pass->batch_y, pass->batch_targets);
    return CLB_OK;
}

/* z = a W_l^T + b_l; each sum starts with the bias. after: as in KERNEL matmul, or NULL. wt: an
 * array that holds W_l^T at the offset of W_l, or NULL. */
static void clbi_affine(const clb_net *net, const clb_real *theta, const clb_real *wt, size_t l,
                        size_t n, const clb_real *a, clb_real *z, const clbi_after *after)
{
    size_t i, in = net->m[l - 1], out = net->m[l];
    const clb_real *w = (wt ? wt : theta) + net->w[l];
    int bias = net->b[l] != CLB_NO_BIAS;
    for (i = 0; bias && i < n; ++i) memcpy(z + i * out, theta + net->b[l], out * sizeof *z);
    CLBI_KERNEL(matmul)(n, out, in, a, in, 1, w, wt ? 1 : in, wt ? out : 1, z, out, bias,
                               after);
}

/* Strides of the outputs f, p and u_L of a pass: element (i, k) is at i *row + k *col. */
static void clbi_output_strides(const clb_pass *pass, size_t *row, size_t *col)
{
    *row = pass->across ? 1 : pass->net->m[pass->net->L];
    *col = pass->across ? pass->across : 1;
}

/* z_L^T = W_L a^T + b 1^T, for a pass that stores its outputs transposed (pass->across). */
static void clbi_affine_across(const clb_pass *pass, const clb_real *theta)
{
    const clb_net *net = pass->net;
    size_t i, k, L = net->L, in = net->m[L - 1], K = net->m[L], ld = pass->across;
    int bias = net->b[L] != CLB_NO_BIAS;
    for (k = 0; bias && k < K; ++k)
        for (i = 0; i < pass->n; ++i) pass->z[L][k * ld + i] = theta[net->b[L] + k];
    CLBI_KERNEL(matmul)(K, pass->n, in, theta + net->w[L], in, 1, pass->a[L - 1], in, 1,
                               pass->z[L], ld, bias, NULL);
}

/* KERNEL softmax for n rows of K classes. Few classes are transposed first, so that a vector holds
 * one class of several rows. */
static void clbi_softmax_rows(size_t n, size_t K, const clb_real *f, clb_real *p, clb_real *log_sum)
{
    enum { CLASSES = 16, MANY = 64 };
    clb_real t[CLASSES * MANY];
    size_t i, count;
    if (K > CLASSES) {
        CLBI_KERNEL(softmax)(n, K, f, K, 1, p, log_sum);
        return;
    }
    for (i = 0; i < n; i += count) {
        count = MANY < n - i ? (size_t)MANY : n - i;
        CLBI_KERNEL(transpose)(count, K, f + i * K, K, t, MANY);
        CLBI_KERNEL(softmax)(count, K, t, 1, MANY, t, log_sum + i);
        CLBI_KERNEL(transpose)(K, count, t, MANY, p + i * K, K);
    }
}

/* p = softmax(f). Returns total + sum_i sum_k t_ik (logsumexp(f_i) - f_ik), where t_i is the target
 * of row i. */
static double clbi_softmax(clb_pass *pass, double total)
{
    enum { BLOCK = 64 };
    clb_real log_sum[BLOCK];
    size_t i, k, i0, count, row, col, K = pass->net->m[pass->net->L];
    clbi_output_strides(pass, &row, &col);
    for (i0 = 0; i0 < pass->n; i0 += count) {
        const clb_real *f = pass->z[pass->net->L] + i0 * row;
        count = BLOCK < pass->n - i0 ? (size_t)BLOCK : pass->n - i0;
        if (pass->across) CLBI_KERNEL(softmax)(count, K, f, row, col, pass->p + i0, log_sum);
        else clbi_softmax_rows(count, K, f, pass->p + i0 * K, log_sum);
        if (!pass->targets) {
            if (!pass->y) total = (double)NAN;
            for (i = 0; pass->y && i < count; ++i)
                total += ((double)clbi_top_output(K, f + i * row, col) -
                          (double)f[i * row + (size_t)pass->y[i0 + i] * col]) + (double)log_sum[i];
            continue;
        }
        for (i = 0; i < count; ++i) {
            double top = (double)clbi_top_output(K, f + i * row, col);
            for (k = 0; k < K; ++k)
                total += (double)pass->targets[(i0 + i) * K + k] *
                         (top - (double)f[i * row + k * col] + (double)log_sum[i]);
        }
    }
    return total;
}

/* r = f - t, the residual of the squared loss. Without labels and targets it is NaN; a pass with
 * transposed outputs always has them. */
static void clbi_residual(const clb_pass *pass, const clb_real *f, clb_real *r)
{
    size_t i, k, row, col, K = pass->net->m[pass->net->L];
    clbi_output_strides(pass, &row, &col);
    for (i = 0; pass->targets && i < pass->n; ++i)
        for (k = 0; k < K; ++k)
            r[i * row + k * col] = f[i * row + k * col] - pass->targets[i * K + k];
    if (pass->targets) return;
    memcpy(r, f, (pass->across ? K * col : pass->n * K) * sizeof *r);
    for (i = 0; pass->y && i < pass->n; ++i) r[i * row + (size_t)pass->y[i] * col] -= 1;
    for (i = 0; !pass->y && i < pass->n * K; ++i) r[i] = (clb_real)NAN;
}

/* a = c z for count values, where c are frozen slopes. */
static void clbi_held_slopes(size_t count, const clb_real *c, const clb_real *z, clb_real *a)
{
    size_t i;
    for (i = 0; i < count; ++i) a[i] = c[i] * z[i];
}

/* Computes rows i0 .. i0+n-1 of z_l and a_l of every layer at theta. The output of the net is
 * z[L]. */
static void clbi_forward_rows(const clb_pass *pass, const clb_real *theta, const clb_real *wt,
                              size_t i0, size_t n)
{
    const clb_net *net = pass->net;
    const clb_real *a = pass->a[0] + i0 * net->m[0];
    size_t l, at;
    for (l = 1; l <= net->L; a = pass->a[l++] + at) {
        int relu = l < net->L && net->activation == CLB_RELU && !pass->slope;
        clb_real *z = pass->z[l] + (at = i0 * net->m[l]);
        clbi_after after;
        after.gate = NULL;
        after.relu = relu ? pass->a[l] + at : NULL;
        if (l == net->L && pass->across) clbi_affine_across(pass, theta);
        else clbi_affine(net, theta, wt, l, n, a, z, relu ? &after : NULL);
        if (l == net->L) return;
        if (relu) continue;
        if (pass->slope) clbi_held_slopes(n * net->m[l], pass->slope[l] + at, z, pass->a[l] + at);
        else clbi_activation_forward(net, n * net->m[l], z, pass->a[l] + at);
    }
}

/* The loss from entropy, the sum over all n rows that clbi_softmax returns, and the residuals r of
 * these rows. */
static double clbi_blend(double ce, size_t n, size_t K, double entropy, const clb_real *r)
{
    double loss = 0;
    if (ce > 0) loss += ce * (entropy / (double)n);
    if (ce < 1) loss += (1 - ce) * (clb_sumsq(n * K, r) / ((double)n * (double)K));
    return loss;
}

/* The loss of the outputs z[L]. Also computes p, and unless ce = 1 stores the residual in u[L]. */
static double clbi_output_loss(clb_pass *pass)
{
    size_t L = pass->net->L;
    double entropy = pass->ce > 0 ? clbi_softmax(pass, 0) : 0;
    if (pass->ce < 1) clbi_residual(pass, pass->z[L], pass->u[L]);
    return clbi_blend(pass->ce, pass->n, pass->net->m[L], entropy, pass->u[L]);
}

/* u_L = dLoss/df, where the loss is the mean over `total` rows and the pass holds some or all of
 * them. Unless ce = 1, u_L must hold the residual on entry. */
static void clbi_output_gradient(clb_pass *pass, size_t total)
{
    size_t i, k, row, col, L = pass->net->L, K = pass->net->m[L], n = pass->n;
    size_t count = pass->across ? K * pass->across : n * K;
    clb_real *u = pass->u[L];
    clb_real mse = (clb_real)((1 - pass->ce) * 2 / ((double)total * (double)K));
    clb_real ce = (clb_real)(pass->ce / (double)total);
    if (pass->ce <= 0) {
        clb_scale(count, mse, u);
        return;
    }
    if (pass->ce >= 1) {
        clbi_residual(pass, pass->p, u);
        clb_scale(count, ce, u);
        return;
    }
    clbi_output_strides(pass, &row, &col);
    for (i = 0; i < n; ++i)
        for (k = 0; k < K; ++k) {
            clb_real t = pass->targets ? pass->targets[i * K + k]
                       : pass->y       ? (clb_real)((size_t)pass->y[i] == k)
                                       : (clb_real)NAN;
            clb_real *at = u + i * row + k * col;
            *at = mse * *at + ce * (pass->p[i * row + k * col] - t);
        }
}

/* g = sum_i u_i, rows in ascending order; u_ij is at i row + j col. acc: adds the sum to g. */
static void clbi_column_sums(size_t n, size_t m, const clb_real *u, size_t row, size_t col,
                             clb_real *g, int acc)
{
    size_t i, j;
    if (!acc) memset(g, 0, m * sizeof *g);
    for (i = 0; i < n; ++i)
        for (j = 0; j < m; ++j) g[j] += u[i * row + j * col];
}

/* Is the product for G_l faster when it computes the transpose of G_l? Vectors then run along the
 * outputs of the layer. */
static int clbi_gradient_across(const clb_net *net, size_t l)
{
    size_t in = net->m[l - 1], out = net->m[l];
    return (out + 15) / 16 * in < (in + 15) / 16 * out;
}

/* The gradient of layer l from u = dLoss/dz_l: stores u^T a_{l-1} at the offset of W_l in grad, and
 * the column sums of u at that of b_l. If gt is not NULL, layers that are faster as transposes go
 * there instead of grad. acc: adds to what is stored. */
static void clbi_weight_gradient(const clb_pass *pass, size_t l, const clb_real *u, clb_real *grad,
                                 clb_real *gt, int acc)
{
    const clb_net *net = pass->net;
    size_t n = pass->n, in = net->m[l - 1], out = net->m[l], row = out, col = 1;
    const clb_real *a = pass->a[l - 1];
    if (l == net->L) clbi_output_strides(pass, &row, &col);
    if (gt && clbi_gradient_across(net, l))
        CLBI_KERNEL(matmul)(in, out, n, a, 1, in, u, col, row, gt + net->w[l], out, acc, NULL);
    else CLBI_KERNEL(matmul)(out, in, n, u, col, row, a, 1, in, grad + net->w[l], in, acc, NULL);
    if (net->b[l] != CLB_NO_BIAS) clbi_column_sums(n, out, u, row, col, grad + net->b[l], acc);
}

/* Computes rows i0 .. i0+n-1 of u_{l-1} from those of u_l. */
static void clbi_back(const clb_pass *pass, const clb_real *theta, size_t l, size_t i0, size_t n)
{
    const clb_net *net = pass->net;
    size_t in = net->m[l - 1], out = net->m[l], row = out, col = 1, at = i0 * in;
    clb_real *u = pass->u[l - 1] + at;
    clbi_after after;
    after.relu = NULL;
    if (l == net->L) clbi_output_strides(pass, &row, &col);
    after.gate = net->activation == CLB_RELU && !pass->slope ? pass->z[l - 1] + at : NULL;
    CLBI_KERNEL(matmul)(n, in, out, pass->u[l] + i0 * row, row, col, theta + net->w[l], 1, in, u,
                        in, 0, &after);
    if (after.gate) return;
    if (pass->slope) clbi_held_slopes(n * in, pass->slope[l - 1] + at, u, u);
    else clbi_activation_backward(net, n * in, pass->z[l - 1] + at, u);
}

/* Computes u_l and the gradient of every layer from u_L = dLoss/df, after clbi_forward_rows at the
 * same theta. gt and acc: as above. */
static void clbi_backward(const clb_pass *pass, const clb_real *theta, clb_real *grad,
                          clb_real *gt, int acc)
{
    size_t l;
    for (l = pass->net->L; l >= 1; --l) {
        clbi_weight_gradient(pass, l, pass->u[l], grad, gt, acc);
        if (l > 1) clbi_back(pass, theta, l, 0, pass->n);
    }
}

CLBDEF double clb_check_grad(size_t P, clb_loss_fn loss, void *context, clb_real *theta,
                             const clb_real *grad, size_t *where)
{
    const double root = sizeof(clb_real) == 4 ? 4.9e-3 : 6.1e-6;        /* epsilon^(1/3) */
    double largest = 1, worst = 0;
    size_t i;
    if (where) *where = 0;
    for (i = 0; i < P; ++i)
        if (fabs((double)grad[i]) > largest) largest = fabs((double)grad[i]);
    for (i = 0; i < P && worst == worst; ++i) {
        clb_real at = theta[i], h = (clb_real)(root * (fabs((double)at) > 1 ? (double)at : 1.0));
        double up, down, step, off;
        theta[i] = at + h, step = (double)theta[i], up = loss(context, theta);
        theta[i] = at - h, step -= (double)theta[i], down = loss(context, theta);
        theta[i] = at;
        off = fabs((up - down) / step - (double)grad[i]) / largest;
        if (off <= worst) continue;
        worst = off;  /* also if NaN, which ends the loop */
        if (where) *where = i;
    }
    return worst;
}

/* ---- gradients in blocks of rows ------------------------------------------------------------ */

/* Loss and gradient when the matrices of the pass are not needed afterwards. Forward and backward
 * pass run over one block of rows at a time, whose activations stay in the first-level cache. The
 * bits are those of clb_grad, because every sum over the rows continues where the previous block
 * ended. */
typedef struct clbi_blocks {
    const clb_data *data;
    clb_data  view;          /* the rows of the last block, which is the largest                  */
    clb_pass  pass;          /* of one block                                                      */
    size_t    rows;          /* rows of each other block                                          */
    void     *arena;         /* memory of the arrays below                                        */
    clb_real *wt, *gt;       /* [P] W_l^T and G_l^T at the offsets of W_l and G_l, where used     */
    clb_real *r;             /* [n][K] residuals of the squared loss                              */
    clb_real *f, *p, *u;     /* few outputs: z_L^T, p^T, u_L^T, each [K][rows of a block]         */
    int       counting;      /* 1: adds the rows classified correctly to hits                     */
    size_t    hits;
} clbi_blocks;

#define CLBI_FEW_OUTPUTS 16     /* fewer outputs do not fill a vector: store them transposed */

/* The number of rows of a block, a multiple of the vector length. The activations of the widest
 * hidden layer take 28 KiB of the first-level cache; if that is too few rows, 256 KiB of the
 * second. The rows that remain after the last whole block are added to it. */
static size_t clbi_block_rows(const clb_net *net, size_t n)
{
    enum { FIRST = 28672, SECOND = 262144, FEW = 48, VECTOR = 64 / sizeof(clb_real) };
    size_t l, widest = 1, rows, count;
    for (l = 1; l < net->L; ++l)
        if (net->m[l] > widest) widest = net->m[l];
    rows = FIRST / sizeof(clb_real) / widest;
    if (rows < FEW) rows = SECOND / sizeof(clb_real) / widest;
    if (rows < FEW) rows = FEW;
    count = (n + rows / 2) / rows;
    return count > 1 ? n / count / VECTOR * VECTOR : n > 0 ? n : 1;
}

static size_t clbi_last_block_rows(const clb_net *net, size_t n)
{
    const size_t rows = clbi_block_rows(net, n);
    return rows + n % rows;
}

/* If the activation is such that z_l is not needed after a_l is known, nor a_l after u_l is known,
 * one matrix serves for all of them. */
static void clbi_blocks_share(clb_pass *pass)
{
    const clb_net *net = pass->net;
    size_t l;
    for (l = 1; l < net->L; ++l) {
        if (net->activation != CLB_RELU && net->activation != CLB_IDENTITY) return;
        pass->z[l] = pass->a[l];
        if (net->activation == CLB_IDENTITY || net->m[l + 1] <= CLBI_KC) pass->u[l] = pass->a[l];
    }
}

static void clbi_blocks_free(clbi_blocks *blocks)
{
    clb_pass_free(&blocks->pass);
    CLB_FREE(blocks->arena);
    memset(blocks, 0, sizeof *blocks);
}

/* rows: of the last block. */
static void clbi_blocks_layout(clbi_blocks *blocks, const clb_net *net, const clb_data *data,
                               size_t rows, clbi_room *room)
{
    blocks->wt = clbi_reals(room, net->P, 1);
    blocks->gt = clbi_reals(room, net->P, 1);
    blocks->r = clbi_reals(room, data->n, data->K);
    blocks->f = clbi_reals(room, rows, data->K);
    blocks->p = clbi_reals(room, rows, data->K);
    blocks->u = clbi_reals(room, rows, data->K);
}

static size_t clbi_blocks_bytes(const clb_net *net, const clb_data *data)
{
    clbi_blocks blocks;
    clbi_room room = CLB_ZERO;
    clbi_blocks_layout(&blocks, net, data, clbi_last_block_rows(net, data->n), &room);
    return clbi_room_bytes(&room);
}

static CLBI_COLD clb_status clbi_blocks_init(clbi_blocks *blocks, const clb_net *net,
                                             const clb_data *data, double ce)
{
    clb_status status = clbi_pass_check(net, data, ce);
    clbi_room room = CLB_ZERO;
    size_t rows;
    memset(blocks, 0, sizeof *blocks);
    if (status) return status;
    blocks->data = data;
    blocks->view = *data;
    blocks->rows = clbi_block_rows(net, data->n);
    blocks->view.n = rows = clbi_last_block_rows(net, data->n);
    clbi_blocks_layout(blocks, net, data, rows, &room);
    status = clb_pass_init(&blocks->pass, net, &blocks->view, ce);
    if (!status) status = clbi_room_calloc(&room, &blocks->arena);
    if (status) {
        clbi_blocks_free(blocks);
        return status;
    }
    clbi_blocks_layout(blocks, net, data, rows, &room);
    clbi_blocks_share(&blocks->pass);
    if (data->K < CLBI_FEW_OUTPUTS) {
        blocks->pass.across = rows;
        blocks->pass.z[net->L] = blocks->f;
        blocks->pass.u[net->L] = blocks->u;
        blocks->pass.p = blocks->p;
    }
    return CLB_OK;
}

/* How many rows in use have their largest output at the label? */
static size_t clbi_hits(const clb_pass *pass)
{
    size_t i, k, row, col, hits = 0, K = pass->net->m[pass->net->L];
    clbi_output_strides(pass, &row, &col);
    for (i = 0; i < pass->n; ++i) {
        const clb_real *f = pass->z[pass->net->L] + i * row;
        size_t best = 0;
        for (k = 1; k < K; ++k)
            if (f[k * col] > f[best * col]) best = k;
        hits += best == (size_t)pass->y[i];
    }
    return hits;
}

/* Loss and gradient at theta, as clb_grad; grad NULL: only the loss. */
static double clbi_blocks_grad(clbi_blocks *blocks, const clb_real *theta, clb_real *grad)
{
    clb_pass *pass = &blocks->pass;
    const clb_data *data = blocks->data;
    const clb_net *net = pass->net;
    size_t l, i0, n, K = data->K;
    clb_real *r;
    double entropy = 0;
    for (l = 1; l < net->L + !pass->across; ++l)
        CLBI_KERNEL(transpose)(net->m[l], net->m[l - 1], theta + net->w[l], net->m[l - 1],
                           blocks->wt + net->w[l], net->m[l]);
    for (i0 = 0; i0 < data->n; i0 += n) {
        n = data->n - i0 > blocks->view.n ? blocks->rows : data->n - i0;
        clbi_pass_use(pass, n, data->X + i0 * data->d, data->y ? data->y + i0 : NULL,
                      data->targets ? data->targets + i0 * K : NULL);
        clbi_forward_rows(pass, theta, blocks->wt, 0, n);
        if (blocks->counting) blocks->hits += clbi_hits(pass);
        if (pass->across && pass->ce >= 1 && !pass->targets) {
            entropy = CLBI_KERNEL(entropy)(n, K, pass->z[net->L], pass->across, pass->y,
                                       (clb_real)(pass->ce / (double)data->n), pass->u[net->L],
                                       entropy);
            if (grad) clbi_backward(pass, theta, grad, blocks->gt, i0 > 0);
            continue;
        }
        if (pass->ce > 0) entropy = clbi_softmax(pass, entropy);
        if (pass->ce < 1) {
            clbi_residual(pass, pass->z[net->L], pass->u[net->L]);
            r = blocks->r + i0 * K;
            if (pass->across) CLBI_KERNEL(transpose)(K, n, pass->u[net->L], pass->across, r, K);
            else memcpy(r, pass->u[net->L], n * K * sizeof *r);
        }
        if (!grad) continue;
        clbi_output_gradient(pass, data->n);
        clbi_backward(pass, theta, grad, blocks->gt, i0 > 0);
    }
    for (l = 1; grad && l <= net->L; ++l)
        if (clbi_gradient_across(net, l))
            CLBI_KERNEL(transpose)(net->m[l - 1], net->m[l], blocks->gt + net->w[l], net->m[l],
                               grad + net->w[l], net->m[l - 1]);
    return clbi_blend(pass->ce, data->n, K, entropy, blocks->r);
}

/* ---- a pass in blocks of rows, on several threads -------------------------------------------- */

/* Loss and gradient of a pass on several threads. Three rounds of tasks: the forward pass of a
 * block of rows; then, after the loss has been summed, the backward pass of a block; then a slice
 * of the gradient of a layer. The bits do not depend on the threads. */
typedef struct clbi_rows {
    const clb_threads *threads;
    clb_pass       *pass;
    const clb_real *theta;
    clb_real       *grad;
    size_t          rows;           /* rows of a block                                           */
    clb_real       *wt, *gt;        /* [P] as in clbi_blocks, or NULL                            */
    void           *arena;          /* memory of wt and gt                                       */
} clbi_rows;

/* The threads of a pass where it is worth them as it stands now, else NULL. */
static const clb_threads *clbi_pass_threads(const clb_pass *pass)
{
    double work = (double)pass->net->P * (double)pass->n;
    return clbi_threads_for(&pass->threads, work) > 1 ? &pass->threads : NULL;
}

/* Rows of a block: at least two blocks a thread, whole vectors, none larger than fits a cache. */
static size_t clbi_rows_block(const clb_pass *pass)
{
    const clb_threads *threads = clbi_pass_threads(pass);
    size_t rows = clbi_block_rows(pass->net, pass->n);
    size_t share = pass->n / (threads ? 2 * clbi_threads_count(threads) : 1) / 16 * 16;
    if (rows > share) rows = share;
    return rows < 16 ? 16 : rows;
}

static size_t clbi_rows_bytes(const clb_net *net)
{
    clbi_room room = CLB_ZERO;
    (void)clbi_reals(&room, net->P, 1);
    (void)clbi_reals(&room, net->P, 1);
    return clbi_room_bytes(&room);
}

/* Memory for the transposes, which make each of many evaluations faster. */
static CLBI_COLD clb_status clbi_rows_init(clbi_rows *rows, size_t P)
{
    clbi_room room = CLB_ZERO;
    clb_status status;
    (void)clbi_reals(&room, P, 1);
    (void)clbi_reals(&room, P, 1);
    if ((status = clbi_room_calloc(&room, &rows->arena)) != CLB_OK) return status;
    rows->wt = clbi_reals(&room, P, 1);
    rows->gt = clbi_reals(&room, P, 1);
    return CLB_OK;
}

/* If the matrices of the pass are not needed afterwards, a ReLU net stores a_l over z_l, which
 * halves the memory traffic. */
static void clbi_rows_share(clb_pass *pass)
{
    size_t l;
    for (l = 1; pass->net->activation == CLB_RELU && l < pass->net->L; ++l) pass->z[l] = pass->a[l];
}

/* Fills in *rows for the tasks of a pass. */
static void clbi_rows_open(clbi_rows *rows, clb_pass *pass, const clb_real *theta)
{
    rows->threads = clbi_pass_threads(pass);
    rows->pass = pass;
    rows->theta = theta;
    rows->rows = clbi_rows_block(pass);
}

/* Blocks of so many rows of n; the last one has the rest, too. */
static size_t clbi_rows_count(size_t n, size_t rows)
{
    return n >= rows ? n / rows : 1;
}

/* The first row of block i; *count: the number of its rows. */
static size_t clbi_rows_of(size_t n, size_t rows, size_t i, size_t *count)
{
    *count = i + 1 == clbi_rows_count(n, rows) ? n - i * rows : rows;
    return i * rows;
}

static void clbi_rows_forward(void *context, size_t i)
{
    const clbi_rows *rows = (const clbi_rows *)context;
    size_t n, i0 = clbi_rows_of(rows->pass->n, rows->rows, i, &n);
    clbi_forward_rows(rows->pass, rows->theta, rows->wt, i0, n);
}

static void clbi_rows_back(void *context, size_t i)
{
    const clbi_rows *rows = (const clbi_rows *)context;
    size_t l, n, i0 = clbi_rows_of(rows->pass->n, rows->rows, i, &n);
    for (l = rows->pass->net->L; l > 1; --l) clbi_back(rows->pass, rows->theta, l, i0, n);
}

/* The longer side of G_l is cut into slices of *width, one per thread. Returns their number. */
static size_t clbi_slices(const clb_pass *pass, size_t l, size_t *width)
{
    const clb_threads *threads = clbi_pass_threads(pass);
    const size_t *m = pass->net->m;
    size_t side = m[l] > m[l - 1] ? m[l] : m[l - 1];
    size_t share = side / clbi_threads_count(threads) + 15;
    *width = share / 16 * 16 > 0 ? share / 16 * 16 : 16;
    return (side + *width - 1) / *width;
}

/* The number of slices of all layers. */
static size_t clbi_all_slices(const clb_pass *pass)
{
    size_t l, width, slices = 0;
    for (l = 1; l <= pass->net->L; ++l) slices += clbi_slices(pass, l, &width);
    return slices;
}

/* Slice i of all layers: returns its layer l. It has *count rows or columns of G_l, beginning with
 * *from. */
static size_t clbi_slice_at(const clb_pass *pass, size_t i, size_t *from, size_t *count)
{
    const size_t *m = pass->net->m;
    size_t l = 1, width, slices, side;
    while (i >= (slices = clbi_slices(pass, l, &width))) i -= slices, ++l;
    side = m[l] > m[l - 1] ? m[l] : m[l - 1];
    *from = i * width;
    *count = side - *from < width ? side - *from : width;
    return l;
}

/* Prefetches rows that a product will read a few columns at a time. Fetching whole rows in order is
 * faster than waiting for memory at each of them. */
static void clbi_touch_rows(size_t rows, size_t cols, const clb_real *x, size_t ld)
{
    size_t i, j;
    for (i = 0; i < rows; ++i)
        for (j = 0; j < cols; j += 64 / sizeof *x) CLBI_TOUCH(x + i * ld + j);
}

/* Computes some columns or rows of u^T a, a matrix of the shape of W_l: `count` of them beginning
 * with `from`. They go to the place of W_l in grad or, if gt is not NULL, transposed to that place
 * in gt. Blocks of samples are added in order. acc: adds to what is there. */
static void clbi_slice(const clb_pass *pass, size_t l, const clb_real *u, const clb_real *a,
                       size_t from, size_t count, clb_real *grad, clb_real *gt, int acc)
{
    const clb_net *net = pass->net;
    size_t in = net->m[l - 1], out = net->m[l], i0, n, rows = clbi_block_rows(net, pass->n);
    int by_in = in >= out;
    size_t some_in = by_in ? count : in, some_out = by_in ? out : count;
    size_t row = by_in ? 0 : from, column = by_in ? from : 0;
    clb_real *to = gt ? gt + net->w[l] + column * out + row : grad + net->w[l] + row * in + column;
    for (i0 = 0; i0 < pass->n; i0 += n) {
        const clb_real *x = a + i0 * in + column, *y = u + i0 * out + row;
        n = pass->n - i0 < 2 * rows ? pass->n - i0 : rows;
        clbi_touch_rows(n, some_in, x, in);
        if (gt)
            CLBI_KERNEL(matmul)(some_in, some_out, n, x, 1, in, y, 1, out, to, out, acc || i0 > 0,
                                NULL);
        else
            CLBI_KERNEL(matmul)(some_out, some_in, n, y, 1, out, x, 1, in, to, in, acc || i0 > 0,
                                NULL);
    }
}

/* Computes a slice of W_l^T. */
static void clbi_rows_transpose(void *context, size_t i)
{
    const clbi_rows *rows = (const clbi_rows *)context;
    const clb_net *net = rows->pass->net;
    size_t from, count, l = clbi_slice_at(rows->pass, i, &from, &count);
    size_t in = net->m[l - 1], out = net->m[l], by_in = in >= out;
    const clb_real *w = rows->theta + net->w[l] + (by_in ? from : from * in);
    CLBI_KERNEL(transpose)(by_in ? out : count, by_in ? count : in, w, in,
                           rows->wt + net->w[l] + (by_in ? from * out : from), out);
}

static void clbi_rows_gradient(void *context, size_t i)
{
    const clbi_rows *rows = (const clbi_rows *)context;
    const clb_pass *pass = rows->pass;
    const clb_net *net = pass->net;
    size_t from, count, l = clbi_slice_at(pass, i, &from, &count);
    size_t in = net->m[l - 1], out = net->m[l], by_in = in >= out;
    clb_real *gt = clbi_gradient_across(net, l) ? rows->gt : NULL;
    clbi_slice(pass, l, pass->u[l], pass->a[l - 1], from, count, rows->grad, gt, 0);
    if (gt)
        CLBI_KERNEL(transpose)(by_in ? count : in, by_in ? out : count,
                               gt + net->w[l] + (by_in ? from * out : from), out,
                               rows->grad + net->w[l] + (by_in ? from : from * in), in);
    if (from == 0 && net->b[l] != CLB_NO_BIAS)
        clbi_column_sums(pass->n, out, pass->u[l], out, 1, rows->grad + net->b[l], 0);
}

/* task(rows, i) for every block. */
static void clbi_rows_each(clbi_rows *rows, void (*task)(void *rows, size_t i))
{
    clbi_parallel(rows->threads, clbi_rows_count(rows->pass->n, rows->rows), task, rows);
}

/* Computes u_l and the gradient from u_L. */
static void clbi_rows_backward(clbi_rows *rows, clb_real *grad)
{
    rows->grad = grad;
    clbi_rows_each(rows, clbi_rows_back);
    clbi_parallel(rows->threads, clbi_all_slices(rows->pass), clbi_rows_gradient, rows);
}

/* Loss and gradient at net->theta, as clb_grad, also leaving the matrices in the pass; grad NULL:
 * only the loss. Needs the memory of clbi_rows_init. */
static double clbi_rows_grad(clbi_rows *rows, clb_pass *pass, clb_real *grad)
{
    clbi_rows_open(rows, pass, pass->net->theta);
    clbi_parallel(rows->threads, clbi_all_slices(pass), clbi_rows_transpose, rows);
    clbi_rows_each(rows, clbi_rows_forward);
    pass->evaluated = 1;
    pass->loss = clbi_output_loss(pass);
    if (!grad) return pass->loss;
    clbi_output_gradient(pass, pass->n);
    clbi_rows_backward(rows, grad);
    return pass->loss;
}

/* ---- loss and gradient of a pass ------------------------------------------------------------- */

CLBDEF const clb_real *clb_forward(clb_pass *pass, const clb_real *theta)
{
    clbi_rows rows = CLB_ZERO;
    clbi_rows_open(&rows, pass, theta ? theta : pass->net->theta);
    clbi_rows_each(&rows, clbi_rows_forward);
    pass->evaluated = 1;
    return pass->z[pass->net->L];
}

CLBDEF double clb_loss(clb_pass *pass, const clb_real *theta)
{
    (void)clb_forward(pass, theta);
    return pass->loss = clbi_output_loss(pass);
}

CLBDEF void clb_backward(clb_pass *pass, const clb_real *theta, const clb_real *dloss,
                         clb_real *grad)
{
    const clb_net *net = pass->net;
    clbi_rows rows = CLB_ZERO;
    CLB_ASSERT(pass->evaluated);
    if (dloss != pass->u[net->L])
        memcpy(pass->u[net->L], dloss, pass->n * net->m[net->L] * sizeof *dloss);
    clbi_rows_open(&rows, pass, theta ? theta : net->theta);
    clbi_rows_backward(&rows, grad);
}

CLBDEF double clb_grad(clb_pass *pass, const clb_real *theta, clb_real *grad)
{
    double loss = clb_loss(pass, theta);
    clbi_output_gradient(pass, pass->n);
    clb_backward(pass, theta, pass->u[pass->net->L], grad);
    return loss;
}

CLBDEF double clb_pass_loss(void *pass, const clb_real *theta)
{
    return clb_loss((clb_pass *)pass, theta);
}

CLBDEF double clb_accuracy(const clb_pass *pass)
{
    size_t hits;
    if (!pass->evaluated || !pass->y) return (double)NAN;
    hits = clbi_hits(pass);
    return (double)hits / (double)pass->n;
}

CLBDEF clb_status clb_evaluate(const clb_net *net, const clb_data *data, double ce, double *loss,
                               double *accuracy)
{
    clbi_blocks blocks;
    double value;
    clb_status status = clbi_blocks_init(&blocks, net, data, ce);
    if (status) return status;
    blocks.counting = data->y != NULL;
    value = clbi_blocks_grad(&blocks, net->theta, NULL);
    if (loss) *loss = value;
    if (accuracy)
        *accuracy = data->y ? (double)blocks.hits / (double)data->n : (double)NAN;
    clbi_blocks_free(&blocks);
    return CLB_OK;
}

/* ---- a net in use --------------------------------------------------------------------------- */

/* Outputs of n rows into out [n][K]. a and b: work space, each for n rows of the widest hidden
 * layer. */
static void clbi_predict_rows(const clb_net *net, size_t n, const clb_real *X, clb_real *a,
                              clb_real *b, clb_real *out)
{
    size_t l;
    for (l = 1; l < net->L; ++l) {
        clb_real *z = l % 2 ? a : b;
        clbi_affine(net, net->theta, NULL, l, n, X, z, NULL);
        clbi_activation_forward(net, n * net->m[l], z, z);
        X = z;
    }
    clbi_affine(net, net->theta, NULL, net->L, n, X, out, NULL);
}

typedef enum clbi_wanted { CLBI_OUTPUTS, CLBI_PROBABILITIES, CLBI_CLASSES } clbi_wanted;

/* label[i]: the index of the largest of the K outputs of row i (the first of equal ones), or -1 if
 * no output is a number. */
static void clbi_classes(size_t n, size_t K, const clb_real *f, int *label)
{
    size_t i, k;
    for (i = 0; i < n; ++i, f += K) {
        label[i] = 0;
        for (k = 0; k < K; ++k) {
            if (f[k] != f[k]) break;
            if (f[k] > f[label[i]]) label[i] = (int)k;
        }
        if (k < K) label[i] = -1;
    }
}

/* Evaluates X one block of rows at a time. Work space: two hidden layers of the largest width, the
 * outputs of the block, and the logarithms that KERNEL softmax returns. */
static clb_status clbi_use(const clb_net *net, const clb_real *X, size_t n, clbi_wanted wanted,
                           clb_real *out, int *label)
{
    size_t l, i0, count, rows, reals, widest = 1, K;
    clb_real *work = NULL, *f;
    clb_status status;
    if (net->L == 0) return CLB_EUNSET;
    if (n == 0) return CLB_OK;
    K = net->m[net->L];
    for (l = 1; l < net->L; ++l)
        if (net->m[l] > widest) widest = net->m[l];
    rows = clbi_block_rows(net, n);
    if (!clbi_mul_size(widest, 2, &reals) || !clbi_add_size(reals, K + 1, &reals) ||
        !clbi_mul_size(reals, rows, &reals)) return CLB_ESIZE;
    if ((status = clbi_alloc(&work, reals, sizeof *work)) != CLB_OK) return status;
    for (i0 = 0; i0 < n; i0 += count) {
        count = rows < n - i0 ? rows : n - i0;
        f = out ? out + i0 * K : work + 2 * rows * widest;
        clbi_predict_rows(net, count, X + i0 * net->m[0], work, work + rows * widest, f);
        if (wanted == CLBI_PROBABILITIES)
            clbi_softmax_rows(count, K, f, f, work + rows * (2 * widest + K));
        if (wanted == CLBI_CLASSES) clbi_classes(count, K, f, label + i0);
    }
    CLB_FREE(work);
    return CLB_OK;
}

CLBDEF clb_status clb_predict(const clb_net *net, const clb_real *X, size_t n, clb_real *out)
{
    return clbi_use(net, X, n, CLBI_OUTPUTS, out, NULL);
}

CLBDEF clb_status clb_probabilities(const clb_net *net, const clb_real *X, size_t n, clb_real *out)
{
    return clbi_use(net, X, n, CLBI_PROBABILITIES, out, NULL);
}

CLBDEF clb_status clb_classify(const clb_net *net, const clb_real *X, size_t n, int *label)
{
    return clbi_use(net, X, n, CLBI_CLASSES, NULL, label);
}

/* ---- gates ---------------------------------------------------------------------------------- */

CLBDEF size_t clb_gate_words(const clb_pass *pass, size_t l)
{
    CLB_ASSERT(l >= 1 && l < pass->net->L);
    return (pass->data->n * pass->net->m[l] + 63) / 64;
}

CLBDEF void clb_gates(const clb_pass *pass, size_t l, uint64_t *bits)
{
    CLBI_KERNEL(gates)(pass->n * pass->net->m[l], pass->z[l], bits);
}

CLBDEF size_t clb_gate_switches(const clb_pass *pass, size_t l, const uint64_t *before,
                                const uint64_t *after, uint32_t *index, uint32_t *units)
{
    size_t k, at, count = 0, m = pass->net->m[l], words = (pass->n * m + 63) / 64;
    if (units) memset(units, 0, m * sizeof *units);
    for (k = 0; k < words; ++k) {
        uint64_t changed = before[k] ^ after[k];
        for (at = 64 * k; changed; ++at, changed >>= 1) {
            if (!(changed & 1)) continue;
            if (index) index[count] = (uint32_t)at;
            if (units) ++units[at % m];
            ++count;
        }
    }
    return count;
}

CLBI_CALLS_END

/* ============================================================================================
 * @S37 CURVATURE
 * ========================================================================================== */

/* Does the activation have a second derivative that is not identically 0? */
static int clbi_is_curved(const clb_net *net)
{
    return net->activation != CLB_RELU && net->activation != CLB_IDENTITY &&
           net->activation != CLB_LEAKY_RELU && net->activation != CLB_RELU_MIX;
}

static size_t clbi_widest_hidden(const clb_net *net)
{
    size_t l, widest = 0;
    for (l = 1; l < net->L; ++l)
        if (net->m[l] > widest) widest = net->m[l];
    return widest;
}

static void clbi_curv_layout(clb_curv *curv, clbi_room *room)
{
    const clb_net *net = curv->pass->net;
    size_t l, L = net->L, n = curv->pass->data->n;
    curv->s1 = clbi_table(room, L + 1);
    curv->s2 = clbi_table(room, L + 1);
    curv->rz = clbi_table(room, L + 1);
    curv->ra = clbi_table(room, L + 1);
    curv->theta = clbi_reals(room, net->P, 1);
    curv->grad = clbi_reals(room, net->P, 1);
    if (clbi_is_curved(net)) curv->bend = clbi_reals(room, n, clbi_widest_hidden(net));
    for (l = 1; l <= L; ++l) {
        clbi_entry(room, curv->rz, l, n, net->m[l]);
        if (l == L) break;
        clbi_entry(room, curv->ra, l, n, net->m[l]);
        clbi_entry(room, curv->s1, l, n, net->m[l]);
        if (clbi_is_curved(net)) clbi_entry(room, curv->s2, l, n, net->m[l]);
    }
}

CLBDEF size_t clb_curv_bytes(const clb_pass *pass)
{
    clb_curv curv;
    clbi_room room = CLB_ZERO;
    memcpy(&curv.pass, &pass, sizeof pass);
    clbi_curv_layout(&curv, &room);
    return clbi_room_bytes(&room);
}

CLBDEF clb_status clb_curv_init(clb_curv *curv, clb_pass *pass)
{
    clbi_room room = CLB_ZERO;
    clb_status status;
    memset(curv, 0, sizeof *curv);
    curv->pass = pass;
    clbi_curv_layout(curv, &room);
    if ((status = clbi_room_calloc(&room, &curv->arena)) != CLB_OK) {
        memset(curv, 0, sizeof *curv);
        return status;
    }
    clbi_curv_layout(curv, &room);
    return CLB_OK;
}

CLBDEF void clb_curv_free(clb_curv *curv)
{
    CLB_FREE(curv->arena);
    memset(curv, 0, sizeof *curv);
}

/* The class with the largest probability, the first one of equals. */
static size_t clbi_top_class(size_t K, const clb_real *p)
{
    size_t k, top = 0;
    for (k = 1; k < K; ++k)
        if (p[k] > p[top]) top = k;
    return top;
}

/* The sum of all probabilities except p[top], in order. It equals 1 - p[top], but is accurate also
 * for p[top] near 1. */
static double clbi_others(size_t K, const clb_real *p, size_t top)
{
    double sum = 0;
    size_t k;
    for (k = 0; k < K; ++k)
        if (k != top) sum += (double)p[k];
    return sum;
}

/* Computes the entry of u_L at the most likely class again, without cancellation for a probability
 * near 1: p_top - t_top = (1 - t_top) - others. */
static void clbi_settle_residual(clb_pass *pass)
{
    size_t i, K = pass->net->m[pass->net->L];
    const clb_real *f = pass->z[pass->net->L], *p = pass->p;
    clb_real *u = pass->u[pass->net->L];
    double mse = (1 - pass->ce) * 2 / ((double)pass->n * (double)K),
           ce = pass->ce / (double)pass->n, t;
    if (!pass->y && !pass->targets) return;
    for (i = 0; pass->ce > 0 && i < pass->n; ++i, f += K, p += K, u += K) {
        size_t top = clbi_top_class(K, p);
        if (!(p[top] > (clb_real)0.5)) continue;
        t = pass->targets ? (double)pass->targets[i * K + top]
                          : (double)((size_t)pass->y[i] == top);
        u[top] = (clb_real)(mse * ((double)f[top] - t) +
                            ce * ((1 - t) - clbi_others(K, p, top)));
    }
}

/* s1 = s'(z) for count values. */
static void clbi_slopes(const clb_net *net, size_t count, const clb_real *z, clb_real *s1)
{
    size_t i;
    for (i = 0; i < count; ++i) s1[i] = 1;
    clbi_activation_backward(net, count, z, s1);
}

/* s2 = (u_{l+1} W_{l+1}) s''(z_l) for rows i0 .. i0+n-1: the factor of R z_l in R u_l. */
static void clbi_bend(const clb_curv *curv, size_t l, size_t i0, size_t n)
{
    const clb_net *net = curv->pass->net;
    size_t i, m = net->m[l], out = net->m[l + 1];
    const clb_real *z = curv->pass->z[l] + i0 * m;
    clb_real *s2 = curv->s2[l] + i0 * m;
    CLBI_KERNEL(matmul)(n, m, out, curv->pass->u[l + 1] + i0 * out, out, 1,
                        curv->theta + net->w[l + 1], 1, m, s2, m, 0, NULL);
    for (i = 0; i < n * m; ++i)
        s2[i] *= (clb_real)clb_activate(net->activation, net->param, (double)z[i], 2);
}

/* s1 and s2 of every hidden layer, after the forward and backward pass at curv->theta. */
static void clbi_curv_slopes(const clb_curv *curv, size_t i0, size_t n)
{
    const clb_net *net = curv->pass->net;
    size_t l;
    for (l = 1; l < net->L; ++l) {
        size_t at = i0 * net->m[l], count = n * net->m[l];
        if (curv->held) {
            memcpy(curv->s1[l] + at, curv->pass->slope[l] + at, count * sizeof(clb_real));
            if (curv->s2[l]) memset(curv->s2[l] + at, 0, count * sizeof(clb_real));
            continue;
        }
        clbi_slopes(net, count, curv->pass->z[l] + at, curv->s1[l] + at);
        if (curv->s2[l]) clbi_bend(curv, l, i0, n);
    }
}

/* ---- products ------------------------------------------------------------------------------- */

/* x = x s'(z_l) in place, for a hidden layer; x: rows i0 .. i0+n-1. Not needed for ReLU, because
 * the product that computed x has done it (after->gate). */
static void clbi_times_slope(const clb_curv *curv, size_t l, size_t i0, size_t n, clb_real *x)
{
    const clb_net *net = curv->pass->net;
    if (!curv->held && (net->activation == CLB_IDENTITY || net->activation == CLB_RELU)) return;
    CLBI_KERNEL(times)(n * net->m[l], curv->s1[l] + i0 * net->m[l], x);
}

static clbi_after clbi_gate(const clb_curv *curv, size_t l, size_t i0)
{
    const clb_net *net = curv->pass->net;
    int gated = l < net->L && net->activation == CLB_RELU && !curv->held;
    clbi_after after;
    after.gate = gated ? curv->pass->z[l] + i0 * net->m[l] : NULL;
    after.relu = NULL;
    return after;
}

/* R z_l = R a_{l-1} W_l^T + a_{l-1} V_l^T + v_b, where R a_0 = 0. For ReLU this also makes R a_l of
 * it. rz: rows i0 .. i0+n-1. */
static void clbi_r_affine(const clb_curv *curv, size_t l, const clb_real *v, size_t i0, size_t n,
                          clb_real *rz)
{
    const clb_net *net = curv->pass->net;
    const clbi_after after = clbi_gate(curv, l, i0);
    size_t in = net->m[l - 1], out = net->m[l];
    clbi_affine(net, v, NULL, l, n, curv->pass->a[l - 1] + i0 * in, rz, l > 1 ? NULL : &after);
    if (l > 1)
        CLBI_KERNEL(matmul)(n, out, in, curv->ra[l - 1] + i0 * in, in, 1, curv->theta + net->w[l],
                            in, 1, rz, out, 1, &after);
}

/* x = (u_l A_l) s'(z_{l-1}), where A has the layout of theta; x: rows i0 .. i0+n-1. A sum of two
 * such products with one slope is computed with term 1 and then term 2; a single product has term
 * 0. */
static void clbi_back_product(const clb_curv *curv, size_t l, const clb_real *u, const clb_real *A,
                              size_t i0, size_t n, clb_real *x, int term)
{
    const clb_net *net = curv->pass->net;
    const clbi_after after = clbi_gate(curv, l - 1, i0);
    size_t in = net->m[l - 1], out = net->m[l];
    CLBI_KERNEL(matmul)(n, in, out, u + i0 * out, out, 1, A + net->w[l], 1, in, x, in, term == 2,
                        term == 1 ? NULL : &after);
    if (term != 1) clbi_times_slope(curv, l - 1, i0, n, x);
}

/* The R forward pass. R z of a hidden layer is kept only if s'' needs it; otherwise it becomes R a
 * in place. */
static void clbi_r_forward(const clb_curv *curv, const clb_real *v, size_t i0, size_t n)
{
    const clb_net *net = curv->pass->net;
    size_t l;
    for (l = 1; l < net->L; ++l) {
        clb_real *ra = curv->ra[l] + i0 * net->m[l], *rz = curv->rz[l] + i0 * net->m[l];
        clbi_r_affine(curv, l, v, i0, n, curv->s2[l] ? rz : ra);
        if (curv->s2[l]) memcpy(ra, rz, n * net->m[l] * sizeof *ra);
        clbi_times_slope(curv, l, i0, n, ra);
    }
    clbi_r_affine(curv, l, v, i0, n, curv->rz[l] + i0 * net->m[l]);
}

/* q_i = S_i q_i with S_i = (1-ce) 2/(nK) I + ce/n (diag p_i - p_i p_i^T), for i = i0 .. i0+count-1.
 * The second part depends only on differences of q. They are taken from the most likely class,
 * which avoids cancellation as its probability tends to 1:
 *  v = q - q_top,   (S q)_k = mse q_k + ce p_k (v_k - sum_j p_j v_j),   v_top = 0 */
static void clbi_output_hessian(const clb_pass *pass, size_t i0, size_t count, clb_real *q)
{
    size_t i, k, n = pass->n, K = pass->net->m[pass->net->L];
    clb_real mse = (clb_real)((1 - pass->ce) * 2 / ((double)n * (double)K)),
             ce = (clb_real)(pass->ce / (double)n);
    q += i0 * K;
    if (pass->ce <= 0) {
        clb_scale(count * K, mse, q);
        return;
    }
    for (i = i0; i < i0 + count; ++i, q += K) {
        const clb_real *p = pass->p + i * K;
        clb_real mean = 0, top = q[clbi_top_class(K, p)];
        for (k = 0; k < K; ++k) mean += p[k] * (q[k] - top);
        for (k = 0; k < K; ++k) q[k] = mse * q[k] + ce * (p[k] * ((q[k] - top) - mean));
    }
}

/* R u_{l-1} = s' (R u_l W_l + u_l V_l) + s'' (u_l W_l) R z_{l-1}, stored over rz[l-1]. If s'' needs
 * R z, the sum in brackets is computed in `bend`. */
static void clbi_r_backward(const clb_curv *curv, size_t l, const clb_real *v, size_t i0, size_t n)
{
    const clb_net *net = curv->pass->net;
    size_t i, m = net->m[l - 1], at = i0 * m;
    const clb_real *s2 = curv->s2[l - 1];
    clb_real *rz = curv->rz[l - 1] + at, *re = s2 ? curv->bend + i0 * clbi_widest_hidden(net) : rz;
    clbi_back_product(curv, l, curv->rz[l], curv->theta, i0, n, re, 1);
    clbi_back_product(curv, l, curv->pass->u[l], v, i0, n, re, 2);
    for (i = 0; s2 && i < n * m; ++i) rz[i] = re[i] + s2[at + i] * rz[i];
}

/* A product with J, J^T, J^T S J or H, in two rounds of tasks: first every block of rows goes
 * forward and backward through the layers, then every slice of the result is summed
 * over all rows. */
enum { CLBI_FORWARD = 1,            /* rz[L] = J v                                               */
       CLBI_WEIGH = 2,              /* rz[L] = S rz[L]                                           */
       CLBI_HESSIAN = 4 };          /* backward pass with the terms of u                         */
typedef struct clbi_curv_product {
    const clb_curv *curv;
    const clb_real *v;
    clb_real       *y;              /* result, or NULL: no backward pass                         */
    int             how;            /* a sum of the constants above                              */
    size_t          rows;           /* of a block                                                */
} clbi_curv_product;

static void clbi_product_rows(void *context, size_t i)
{
    const clbi_curv_product *of = (const clbi_curv_product *)context;
    const clb_curv *curv = of->curv;
    const clb_net *net = curv->pass->net;
    size_t l, n, i0 = clbi_rows_of(of->curv->pass->n, of->rows, i, &n);
    if (of->how & CLBI_FORWARD) clbi_r_forward(curv, of->v, i0, n);
    if (of->how & CLBI_WEIGH) clbi_output_hessian(curv->pass, i0, n, curv->rz[net->L]);
    for (l = net->L; of->y && l > 1; --l) {
        if (of->how & CLBI_HESSIAN) clbi_r_backward(curv, l, of->v, i0, n);
        else clbi_back_product(curv, l, curv->rz[l], curv->theta, i0, n,
                               curv->rz[l - 1] + i0 * net->m[l - 1], 0);
    }
}

static void clbi_product_slice(void *context, size_t i)
{
    const clbi_curv_product *of = (const clbi_curv_product *)context;
    const clb_curv *curv = of->curv;
    const clb_pass *pass = curv->pass;
    const clb_net *net = pass->net;
    size_t from, count, l = clbi_slice_at(pass, i, &from, &count), m = net->m[l];
    clbi_slice(pass, l, curv->rz[l], pass->a[l - 1], from, count, of->y, NULL, 0);
    if ((of->how & CLBI_HESSIAN) && l > 1)
        clbi_slice(pass, l, pass->u[l], curv->ra[l - 1], from, count, of->y, NULL, 1);
    if (from == 0 && net->b[l] != CLB_NO_BIAS)
        clbi_column_sums(pass->n, m, curv->rz[l], m, 1, of->y + net->b[l], 0);
}

/* Runs the task for every block of rows. */
static void clbi_product_in_rows(clbi_curv_product *of, void (*task)(void *product, size_t i))
{
    const clb_pass *pass = of->curv->pass;
    of->rows = clbi_rows_block(pass);
    clbi_parallel(clbi_pass_threads(pass), clbi_rows_count(pass->n, of->rows), task, of);
}

static void clbi_curv_multiply(const clb_curv *curv, const clb_real *v, clb_real *y, int how)
{
    clbi_curv_product of;
    of.curv = curv, of.v = v, of.y = y, of.how = how;
    clbi_product_in_rows(&of, clbi_product_rows);
    if (y)
        clbi_parallel(clbi_pass_threads(curv->pass), clbi_all_slices(curv->pass),
                      clbi_product_slice, &of);
}

static void clbi_slope_rows(void *context, size_t i)
{
    const clbi_curv_product *of = (const clbi_curv_product *)context;
    size_t n, i0 = clbi_rows_of(of->curv->pass->n, of->rows, i, &n);
    clbi_curv_slopes(of->curv, i0, n);
}

CLBDEF double clb_curv_at(clb_curv *curv, const clb_real *theta)
{
    clb_pass *pass = curv->pass;
    const clb_net *net = pass->net;
    clbi_curv_product of = CLB_ZERO;
    double loss;
    if (!theta) theta = net->theta;
    if (theta != curv->theta) memcpy(curv->theta, theta, net->P * sizeof *theta);
    loss = clb_loss(pass, curv->theta);
    clbi_output_gradient(pass, pass->n);
    clbi_settle_residual(pass);
    clb_backward(pass, curv->theta, pass->u[net->L], curv->grad);
    curv->held = pass->slope != NULL;
    of.curv = curv;
    clbi_product_in_rows(&of, clbi_slope_rows);
    return loss;
}

CLBDEF clb_real *clb_jvp(clb_curv *curv, const clb_real *v)
{
    clbi_curv_multiply(curv, v, NULL, CLBI_FORWARD);
    return curv->rz[curv->pass->net->L];
}

CLBDEF void clb_vjp(clb_curv *curv, const clb_real *q, clb_real *y)
{
    size_t L = curv->pass->net->L;
    if (q && q != curv->rz[L])
        memcpy(curv->rz[L], q, curv->pass->n * curv->pass->net->m[L] * sizeof *q);
    clbi_curv_multiply(curv, NULL, y, 0);
}

CLBDEF void clb_gnvp(clb_curv *curv, const clb_real *v, clb_real *y)
{
    clbi_curv_multiply(curv, v, y, CLBI_FORWARD | CLBI_WEIGH);
}

CLBDEF void clb_hvp(clb_curv *curv, const clb_real *v, clb_real *y)
{
    clbi_curv_multiply(curv, v, y, CLBI_FORWARD | CLBI_WEIGH | CLBI_HESSIAN);
}

/* ---- operators ------------------------------------------------------------------------------ */

static void clbi_apply_hessian(void *context, const clb_real *x, clb_real *y)
{
    clb_hvp((clb_curv *)context, x, y);
}

static void clbi_apply_gauss_newton(void *context, const clb_real *x, clb_real *y)
{
    clb_gnvp((clb_curv *)context, x, y);
}

static void clbi_apply_jtj(void *context, const clb_real *x, clb_real *y)
{
    clb_curv *curv = (clb_curv *)context;
    size_t n = curv->pass->n, K = curv->pass->net->m[curv->pass->net->L];
    clb_scale(n * K, (clb_real)(1 / (double)n), clb_jvp(curv, x));
    clb_vjp(curv, NULL, y);
}

static clb_linop clbi_curv_op(clb_curv *curv, void (*apply)(void *, const clb_real *, clb_real *))
{
    clb_linop op;
    op.n = curv->pass->net->P;
    op.apply = apply;
    op.context = curv;
    return op;
}

CLBDEF clb_linop clb_hessian_op(clb_curv *curv)
{
    return clbi_curv_op(curv, clbi_apply_hessian);
}

CLBDEF clb_linop clb_gauss_newton_op(clb_curv *curv)
{
    return clbi_curv_op(curv, clbi_apply_gauss_newton);
}

CLBDEF clb_linop clb_jtj_op(clb_curv *curv)
{
    return clbi_curv_op(curv, clbi_apply_jtj);
}

CLBDEF clb_status clb_block_init(clb_block *block, clb_curv *curv, size_t l, int gauss_newton)
{
    const clb_net *net = curv->pass->net;
    memset(block, 0, sizeof *block);
    if (l < 1 || l > net->L) return CLB_ELAYER;
    block->curv = curv;
    block->at = net->w[l];
    block->n = clb_layer_size(net, l) + (net->b[l] == CLB_NO_BIAS ? 0 : net->m[l]);
    block->gauss_newton = gauss_newton;
    return clbi_calloc(&block->full, 2 * net->P, sizeof *block->full);
}

CLBDEF void clb_block_free(clb_block *block)
{
    CLB_FREE(block->full);
    memset(block, 0, sizeof *block);
}

static void clbi_apply_block(void *context, const clb_real *x, clb_real *y)
{
    clb_block *block = (clb_block *)context;
    clb_real *v = block->full, *out = v + block->curv->pass->net->P;
    memcpy(v + block->at, x, block->n * sizeof *x);              /* v is 0 elsewhere            */
    if (block->gauss_newton) clb_gnvp(block->curv, v, out);
    else clb_hvp(block->curv, v, out);
    memcpy(y, out + block->at, block->n * sizeof *y);
}

CLBDEF clb_linop clb_block_op(clb_block *block)
{
    clb_linop op;
    op.n = block->n;
    op.apply = clbi_apply_block;
    op.context = block;
    return op;
}

/* ---- full matrices: two layers -------------------------------------------------------------- */

#define CLBI_PAIR_COLUMNS 512 /* products x_a x_b stored at a time (more if one a alone has more) */
#define CLBI_UNITS        CLBI_LINE    /* units that are transposed at a time                    */

/* Computes H for f = W_2 s(W_1 x + b_1) + b_2, one hidden unit j at a time. Inputs and hidden
 * activations get an extra entry 1 where their layer has a bias, so that the bias is one more
 * column: x_i in R^d1, h_i in R^m1. Only samples for which unit j is active are used. Every result
 * is written to both triangles of H while it is in the cache.
 * On several threads the units are shared among workers. Each has a copy of this struct with work
 * memory of its own, and the lower triangle is filled when all units are done. */
typedef struct clbi_assembly {
    const clb_curv *curv;
    clb_real *H;
    size_t    ldh, n, d, m, K, d1, m1;
    size_t    mp;               /* m rounded up to a multiple of CLBI_UNITS                       */
    size_t    pairs, all_pairs; /* products x_a x_b of the largest chunk, of all chunks           */
    size_t    class_pairs;      /* K (K+1)/2                                                      */
    int       residual;         /* 1: add sum_ik r_ik Hess f_ik                                   */
    clb_real *x, *h;            /* [n][d1], [n][m1]                                               */
    clb_real *w;                /* [K]          column j of W_2                                   */
    clb_real *S;                /* [n][class_pairs]  S_i(k,k'), k' >= k                           */
    clb_real *xx;               /* [n][pairs]   x_a x_b, b >= a, if one chunk holds them          */
    clb_real *gx, *gh, *gxx;    /* the same rows for the active samples                           */
    clb_real *t;                /* [n][K]       s'_ij (S_i W_2)_kj                                */
    clb_real *c;                /* [n][m]       t W_2 s'_ij'                                      */
    clb_real *y;                /* [n][K d1]    t_ik x_ia                                         */
    clb_real *hS;               /* [n][class_pairs]  h_ij S_i(k,k')                               */
    clb_real *first;            /* [all_pairs][mp]   W_1 with W_1: (a,b), clbi_first_unit(j)..    */
    clb_real *turn;             /* [d1][CLBI_UNITS] part of the rows (a, b) for one a             */
    clb_real *cross;            /* [K d1][m1]   W_1 with W_2: (k,a), unit h                       */
    clb_real *couple;           /* [K][d1] the part of cross that comes from r                    */
    clb_real *second;           /* [class_pairs][m1][m1]  W_2 with W_2                            */
    size_t   *active;           /* [n] samples with s'_ij, s''_ij or h_ij                         */
    size_t   *top;              /* [n] most likely class                                          */
    size_t    workers;          /* 1: this struct itself                                          */
    struct clbi_assembly *worker; /* [workers]                                                    */
    void     *arena;
} clbi_assembly;

/* Index in theta of weight (j, a) of layer 1 and (k, h) of layer 2. */
static size_t clbi_index(const clb_net *net, size_t l, size_t row, size_t column)
{
    size_t in = net->m[l - 1];
    return column < in ? net->w[l] + row * in + column : net->b[l] + row;
}

/* Writes count values into row `at` of H, beginning at the column of weight (row, from) of layer l.
 * The last value may belong to a bias. */
static void clbi_put(const clbi_assembly *s, size_t at, size_t l, size_t row, size_t from,
                     size_t count, const clb_real *values)
{
    const clb_net *net = s->curv->pass->net;
    size_t in = net->m[l - 1], plain = from + count > in ? in - from : count;
    memcpy(s->H + at * s->ldh + net->w[l] + row * in + from, values, plain * sizeof *values);
    if (plain < count) s->H[at * s->ldh + net->b[l] + row] = values[plain];
}

/* Work memory of one worker. */
static void clbi_worker_layout(clbi_assembly *s, clbi_room *room)
{
    const size_t n = s->n;
    s->active = (size_t *)clbi_part(room, n, 1, sizeof *s->active);
    s->w = clbi_reals(room, 1, s->K);
    s->gx = clbi_reals(room, n, s->d1);
    s->gh = clbi_reals(room, n, s->m1);
    s->gxx = clbi_reals(room, n, s->pairs);
    s->t = clbi_reals(room, n, s->K);
    s->c = clbi_reals(room, n, s->m);
    s->y = clbi_reals(room, n, s->K * s->d1);
    s->hS = clbi_reals(room, n, s->class_pairs);
    s->first = clbi_reals(room, s->all_pairs, s->mp);
    s->cross = clbi_reals(room, s->m1, s->K * s->d1);
    s->couple = clbi_reals(room, s->K, s->d1);
    s->turn = clbi_reals(room, s->d1, CLBI_UNITS);
}

static void clbi_assembly_layout(clbi_assembly *s, clbi_room *room)
{
    const size_t n = s->n;
    size_t w;
    s->top = (size_t *)clbi_part(room, n, 1, sizeof *s->top);
    s->x = clbi_reals(room, n, s->d1);
    s->h = clbi_reals(room, n, s->m1);
    s->S = clbi_reals(room, n, s->class_pairs);
    s->xx = clbi_reals(room, n, s->pairs == s->all_pairs ? s->pairs : 0);
    s->second = clbi_reals(room, s->m1 * s->m1, s->class_pairs);
    s->worker = (clbi_assembly *)clbi_part(room, s->workers, 1, sizeof *s->worker);
    for (w = 0; w < s->workers; ++w) {
        clbi_worker_layout(s, room);
        if (room->base) s->worker[w] = *s;
    }
}

static clb_status clbi_assembly_alloc(clbi_assembly *s)
{
    clbi_room room = CLB_ZERO;
    clb_status status;
    clbi_assembly_layout(s, &room);
    if ((status = clbi_room_alloc(&room, &s->arena)) != CLB_OK) return status;
    clbi_assembly_layout(s, &room);
    return CLB_OK;
}

/* to[n][width + 1] = [from | 1], or a copy when there is no bias. */
static void clbi_extend(size_t n, size_t width, size_t width1, const clb_real *from, clb_real *to)
{
    size_t i;
    for (i = 0; i < n; ++i) {
        memcpy(to + i * width1, from + i * width, width * sizeof *to);
        if (width1 > width) to[i * width1 + width] = 1;
    }
}

static void clbi_gather(const clbi_assembly *s, size_t count, size_t width, const clb_real *from,
                        clb_real *to)
{
    size_t i;
    for (i = 0; i < count; ++i)
        memcpy(to + i * width, from + s->active[i] * width, width * sizeof *to);
}

/* How many a from a0 on fit into a chunk with all their products x_a x_b (b >= a). *columns: the
 * number of these products. */
static size_t clbi_chunk(size_t d1, size_t a0, size_t *columns)
{
    size_t a = a0;
    *columns = 0;
    while (a < d1 && (a == a0 || *columns + (d1 - a) <= CLBI_PAIR_COLUMNS)) *columns += d1 - a++;
    return a - a0;
}

/* to[columns] = x_a x_b for b >= a and a = a0 .. a0+count-1. */
static void clbi_products(size_t d1, size_t a0, size_t count, const clb_real *x, clb_real *to)
{
    size_t a, b;
    for (a = a0; a < a0 + count; ++a)
        for (b = a; b < d1; ++b) *to++ = x[a] * x[b];
}

/* gxx: the products of the active samples for one chunk. If one chunk holds all products, they are
 * copied from xx. */
static void clbi_gather_products(const clbi_assembly *s, size_t active, size_t a0, size_t count,
                                 size_t columns)
{
    size_t r;
    if (s->pairs == s->all_pairs) {
        clbi_gather(s, active, columns, s->xx, s->gxx);
        return;
    }
    for (r = 0; r < active; ++r)
        clbi_products(s->d1, a0, count, s->x + s->active[r] * s->d1, s->gxx + r * columns);
}

/* Finds the samples for which unit j is active; all of them if the activation has a second
 * derivative. The loop has no branch, because it could not be predicted. */
static size_t clbi_find_active(const clbi_assembly *s, size_t j)
{
    const clb_real *s1 = s->curv->s1[1] + j, *h = s->h + j;
    size_t i, count = 0, curved = s->curv->s2[1] != NULL;
    for (i = 0; i < s->n; ++i, s1 += s->m, h += s->m1) {
        s->active[count] = i;
        count += curved | (size_t)!(*s1 == 0) | (size_t)!(*h == 0);
    }
    return count;
}

/* S_i(k,k') = (1-ce) 2/(nK) [k = k'] + ce/n p_ik ([k = k'] - p_ik') for k' >= k. Also finds the
 * most likely class of every sample. */
static void clbi_form_S(const clbi_assembly *s)
{
    const clb_pass *pass = s->curv->pass;
    clb_real mse = (clb_real)((1 - pass->ce) * 2 / ((double)s->n * (double)s->K));
    clb_real ce = (clb_real)(pass->ce / (double)s->n), *S = s->S;
    size_t i, k, kk;
    for (i = 0; i < s->n; ++i) {
        const clb_real *p = pass->p + i * s->K;
        size_t top = s->top[i] = pass->ce > 0 ? clbi_top_class(s->K, p) : 0;
        clb_real others = pass->ce > 0 ? (clb_real)clbi_others(s->K, p, top) : 0;
        for (k = 0; k < s->K; ++k)
            for (kk = k; kk < s->K; ++kk, ++S) {
                *S = k == kk ? mse : 0;
                if (pass->ce <= 0) continue;
                *S += ce * (k != kk ? -p[k] * p[kk] : p[k] * (k == top ? others : 1 - p[k]));
            }
    }
}

/* t_ik = s'_ij (S_i W_2)_kj for the active samples, as in clbi_output_hessian:
 *   v_k = W_kj - W_top,j,   s'_ij [ mse W_kj + ce p_ik (v_k - sum_k' p_ik' v_k') ] */
static void clbi_form_t(const clbi_assembly *s, size_t j, size_t count)
{
    const clb_pass *pass = s->curv->pass;
    const clb_real *W2 = s->curv->theta + pass->net->w[2];
    clb_real mse = (clb_real)((1 - pass->ce) * 2 / ((double)s->n * (double)s->K));
    clb_real ce = (clb_real)(pass->ce / (double)s->n), *w = s->w, *t = s->t;
    size_t r, k, K = s->K;
    for (k = 0; k < K; ++k) w[k] = W2[k * s->m + j];
    for (r = 0; r < count; ++r, t += K) {
        size_t i = s->active[r];
        const clb_real *p = pass->p + i * K;
        clb_real slope = s->curv->s1[1][i * s->m + j], top = w[s->top[i]], mean = 0;
        for (k = 0; k < K && pass->ce > 0; ++k) mean += p[k] * (w[k] - top);
        for (k = 0; k < K; ++k) {
            clb_real q = mse * w[k];
            if (pass->ce > 0) q += ce * (p[k] * ((w[k] - top) - mean));
            t[k] = slope * q;
        }
    }
}

/* The first unit of the cache line that holds unit j: products of whole lines are faster. */
static size_t clbi_first_unit(size_t j)
{
    return j - j % CLBI_UNITS;
}

/* c_ij' = s'_ij s'_ij' (W_2^T S_i W_2)_jj' [+ (u_2 W_2)_ij s''_ij at j' = j],
 * j' = clbi_first_unit(j)..m-1 */
static void clbi_form_c(const clbi_assembly *s, size_t j, size_t count)
{
    const clb_real *W2 = s->curv->theta + s->curv->pass->net->w[2];
    size_t r, from = clbi_first_unit(j), width = s->m - from;
    clb_matmul_nn(count, width, s->K, s->t, s->K, W2 + from, s->m, s->c, width);
    for (r = 0; r < count; ++r) {
        size_t at = s->active[r] * s->m;
        CLBI_KERNEL(times)(width, s->curv->s1[1] + at + from, s->c + r * width);
        if (s->residual && s->curv->s2[1]) s->c[r * width + j - from] += s->curv->s2[1][at + j];
    }
}

/* The row of `first` for the pair (a, b) or (b, a). */
static const clb_real *clbi_pair_row(const clbi_assembly *s, size_t a, size_t b)
{
    return s->first +
           (a < b ? a * s->d1 - a * (a + 1) / 2 + b : b * s->d1 - b * (b + 1) / 2 + a) * s->mp;
}

/* Blocks (j, j') of W_1 with W_1:  first[(a,b)][j'-from] = sum_i x_ia x_ib c_ij' over the active
 * samples, for the units j' >= from = clbi_first_unit(j). */
static void clbi_first_rows(const clbi_assembly *s, size_t j, size_t active)
{
    size_t a0, count, columns, width = s->m - clbi_first_unit(j);
    clb_real *to = s->first;
    clbi_form_c(s, j, active);
    for (a0 = 0; a0 < s->d1; a0 += count, to += columns * s->mp) {
        count = clbi_chunk(s->d1, a0, &columns);
        clbi_gather_products(s, active, a0, count, columns);
        clb_matmul_tn(columns, width, active, s->gxx, columns, s->c, width, to, s->mp);
    }
}

/* H[(j,a)][(u..to-1, b)] = first[(a,b)][u..to-1], transposed, because the unit is the slow index in
 * H. The units belong to the cache line that begins with unit `line`. */
static void clbi_turn_units(const clbi_assembly *s, size_t j, size_t a, size_t u, size_t to)
{
    const clb_net *net = s->curv->pass->net;
    size_t b, line = clbi_first_unit(u), from = clbi_first_unit(j);
    clb_real *row = s->H + clbi_index(net, 1, j, a) * s->ldh + net->w[1] + u * s->d;
    for (b = 0; b < (to - u) * s->d; b += CLBI_LINE) CLBI_FETCH(row + s->ldh + b);    /* row a+1 */
    for (b = 0; b < s->d; ++b)
        memcpy(s->turn + b * CLBI_UNITS, clbi_pair_row(s, a, b) + (line - from),
               CLBI_UNITS * sizeof *row);
    CLBI_KERNEL(transpose)(s->d, to - u, s->turn + (u - line), CLBI_UNITS, row, s->d);
}

/* Copies all of `first` into the rows of unit j of H, right of the diagonal. Each block is
 * symmetric, so its last row also holds the bias column. */
static void clbi_put_first(const clbi_assembly *s, size_t j)
{
    const clb_net *net = s->curv->pass->net;
    size_t a, u, to, d = s->d, from = clbi_first_unit(j);
    for (a = 0; a < d; ++a)
        for (u = j; u < s->m; u = to) {
            to = clbi_first_unit(u) + CLBI_UNITS < s->m ? clbi_first_unit(u) + CLBI_UNITS : s->m;
            clbi_turn_units(s, j, a, u, to);
        }
    for (a = 0; a < s->d1 && s->d1 > d; ++a) {
        const clb_real *bias = clbi_pair_row(s, a, d) - from;
        clb_real *row = s->H + clbi_index(net, 1, j, a) * s->ldh;
        memcpy(row + net->b[1] + j, bias + j, (s->m - j) * sizeof *row);
        for (u = j; u < s->m && a < d; ++u) row[(u - j) * d * s->ldh + net->b[1] + j] = bias[u];
    }
}

/* The part with r_ik of the blocks (j; k, h = j): adds sum_i s'_ij r_ik x_ia to cross[(k,a)][j].
 * Overwrites t. */
static void clbi_couple(const clbi_assembly *s, size_t j, size_t active)
{
    const clb_real *u = s->curv->pass->u[2], *s1 = s->curv->s1[1];
    size_t r, k;
    for (r = 0; r < active; ++r)
        for (k = 0; k < s->K; ++k)
            s->t[r * s->K + k] = s1[s->active[r] * s->m + j] * u[s->active[r] * s->K + k];
    clb_matmul_tn(s->K, s->d1, active, s->t, s->K, s->gx, s->d1, s->couple, s->d1);
    for (k = 0; k < s->K * s->d1; ++k) s->cross[k * s->m1 + j] += s->couple[k];
}

/* Blocks of unit j of W_1 with all of W_2:
 * cross[(k,a)][h] = sum_i t_ik x_ia h_ih [+ the coupling]. */
static void clbi_cross_rows(const clbi_assembly *s, size_t j, size_t active)
{
    size_t r, columns = s->K * s->d1;
    for (r = 0; r < active; ++r)
        CLBI_KERNEL(outer)(s->K, s->d1, s->t + r * s->K, s->gx + r * s->d1, s->y + r * columns);
    clb_matmul_tn(columns, s->m1, active, s->y, columns, s->gh, s->m1, s->cross, s->m1);
    if (s->residual) clbi_couple(s, j, active);
}

/* Copies them into the rows of unit j. */
static void clbi_put_cross(const clbi_assembly *s, size_t j)
{
    const clb_net *net = s->curv->pass->net;
    size_t k, a;
    for (k = 0; k < s->K; ++k)
        for (a = 0; a < s->d1; ++a)
            clbi_put(s, clbi_index(net, 1, j, a), 2, k, 0, s->m1,
                     s->cross + (k * s->d1 + a) * s->m1);
}

/* Rows j of the blocks (k, k') of W_2 with W_2, k' >= k:
 * second[(k,k')][j][h] = sum_i h_ij S_i(k,k') h_ih, h >= j. */
static void clbi_second_rows(const clbi_assembly *s, size_t j, size_t active)
{
    size_t r, q, at = j * s->m1 + j;
    for (r = 0; r < active; ++r)
        for (q = 0; q < s->class_pairs; ++q)
            s->hS[r * s->class_pairs + q] =
                s->gh[r * s->m1 + j] * s->S[s->active[r] * s->class_pairs + q];
    clb_matmul_tn(s->class_pairs, s->m1 - j, active, s->hS, s->class_pairs, s->gh + j, s->m1,
                  s->second + at, s->m1 * s->m1);
}

/* The bias of layer 2 with itself: sum_i S_i(k,k'). */
static void clbi_second_corner(const clbi_assembly *s)
{
    size_t i, q;
    for (q = 0; q < s->class_pairs && s->m1 > s->m; ++q) {
        clb_real *corner = s->second + (q + 1) * s->m1 * s->m1 - 1;
        for (i = 0, *corner = 0; i < s->n; ++i) *corner += s->S[i * s->class_pairs + q];
    }
}

/* Copies the rows from..to-1 right of the diagonal to below it, at most CLBI_MIRROR_ROWS rows at a
 * time. They are still in the cache. Their parts of the lower rows are whole cache lines if the
 * leading dimension of H is. */
#define CLBI_MIRROR_ROWS (128 / sizeof(clb_real))
static void clbi_mirror(size_t n, clb_real *H, size_t ldh, size_t from, size_t to)
{
    size_t r, i, c, rest;
    for (; from < to; from = rest) {
        r = CLBI_MIRROR_ROWS - (size_t)((uintptr_t)(H + from) / sizeof *H % CLBI_MIRROR_ROWS);
        rest = from + r < to ? from + r : to;
        for (i = from; i < rest; ++i)
            for (c = i + 1; c < rest; ++c) H[c * ldh + i] = H[i * ldh + c];
        CLBI_KERNEL(strip)(rest - from, n - rest, H + from * ldh + rest, ldh,
                                  H + rest * ldh + from, ldh);
    }
}

/* Copies `second` into H. Its blocks are symmetric in h and in k. */
static void clbi_put_second(const clbi_assembly *s)
{
    const clb_net *net = s->curv->pass->net;
    size_t k, kk, g, m1 = s->m1;
    clb_real *block = s->second;
    for (k = 0; k < s->K; ++k)
        for (kk = k; kk < s->K; ++kk, block += m1 * m1) {
            clbi_mirror(m1, block, m1, 0, m1);
            for (g = 0; g < m1; ++g) {
                clbi_put(s, clbi_index(net, 2, k, g), 2, kk, 0, m1, block + g * m1);
                if (kk != k) clbi_put(s, clbi_index(net, 2, kk, g), 2, k, 0, m1, block + g * m1);
            }
        }
}

/* All rows of unit j, except what is symmetric to other rows. */
static void clbi_assemble_unit(const clbi_assembly *s, size_t j)
{
    size_t active = clbi_find_active(s, j);
    clbi_gather(s, active, s->d1, s->x, s->gx);
    clbi_gather(s, active, s->m1, s->h, s->gh);
    clbi_form_t(s, j, active);
    clbi_first_rows(s, j, active);
    clbi_put_first(s, j);
    clbi_cross_rows(s, j, active);
    clbi_put_cross(s, j);
    clbi_second_rows(s, j, active);
}

/* The units of worker w: one of every `workers`, in alternating order, as later units have less to
 * do. */
static void clbi_assemble_share(void *context, size_t w)
{
    const clbi_assembly *s = (const clbi_assembly *)context;
    size_t first, j, odd = 0;
    for (first = 0; first < s->m; first += s->workers, odd = !odd) {
        j = first + (odd ? s->workers - 1 - w : w);
        if (j < s->m) clbi_assemble_unit(&s->worker[w], j);
    }
}

/* Row to end a strip of rows with, at most `to`, such that the next one begins on whole lines. */
static size_t clbi_mirror_end(const clbi_assembly *s, size_t to)
{
    size_t rest = (size_t)((uintptr_t)(s->H + to) / sizeof *s->H % CLBI_MIRROR_ROWS);
    return rest < to ? to - rest : 0;
}

/* Fills the lower triangle below strip i of rows. */
static void clbi_mirror_strip(void *context, size_t i)
{
    const clbi_assembly *s = (const clbi_assembly *)context;
    size_t P = s->curv->pass->net->P;
    size_t from = i * 2 * CLBI_MIRROR_ROWS, to = from + 2 * CLBI_MIRROR_ROWS;
    clbi_mirror(P, s->H, s->ldh, clbi_mirror_end(s, from), to < P ? clbi_mirror_end(s, to) : P);
}

static void clbi_assemble(clbi_assembly *s)
{
    const clb_pass *pass = s->curv->pass;
    const clb_threads *threads = s->workers > 1 ? &pass->threads : NULL;
    size_t i, j, to, P = pass->net->P, done = 0;                     /* rows already mirrored  */
    clbi_extend(s->n, s->d, s->d1, pass->a[0], s->x);
    clbi_extend(s->n, s->m, s->m1, pass->a[1], s->h);
    clbi_form_S(s);
    for (i = 0; i < s->n && s->pairs == s->all_pairs; ++i)
        clbi_products(s->d1, 0, s->d1, s->x + i * s->d1, s->xx + i * s->pairs);
    if (threads) clbi_parallel(threads, s->workers, clbi_assemble_share, s);
    for (j = 0; j < s->m && !threads; ++j) {
        clbi_assemble_unit(s, j);
        to = clbi_mirror_end(s, (j + 1) * s->d);
        if ((j + 1) * s->d < done + 2 * CLBI_MIRROR_ROWS) continue;
        clbi_mirror(P, s->H, s->ldh, done, to);
        done = to;
    }
    clbi_second_corner(s);
    clbi_put_second(s);
    if (!threads) clbi_mirror(P, s->H, s->ldh, done, P);
    else clbi_parallel(threads, (P - 1) / (2 * CLBI_MIRROR_ROWS) + 1, clbi_mirror_strip, s);
}

static void clbi_assembly_open(clbi_assembly *s, const clb_curv *curv)
{
    const clb_net *net = curv->pass->net;
    size_t a0, count, columns;
    memset(s, 0, sizeof *s);
    s->curv = curv;
    s->n = curv->pass->n, s->d = net->m[0], s->m = net->m[1], s->K = net->m[2];
    s->d1 = s->d + (net->b[1] != CLB_NO_BIAS);
    s->m1 = s->m + (net->b[2] != CLB_NO_BIAS);
    s->mp = (s->m + CLBI_UNITS - 1) / CLBI_UNITS * CLBI_UNITS;
    s->class_pairs = s->K * (s->K + 1) / 2;
    s->workers = clbi_threads_for(&curv->pass->threads, (double)s->n * (double)net->P *
                                                        (double)net->P / 8);
    if (s->workers > s->m) s->workers = s->m;
    for (a0 = 0; a0 < s->d1; a0 += count) {
        count = clbi_chunk(s->d1, a0, &columns);
        if (columns > s->pairs) s->pairs = columns;
        s->all_pairs += columns;
    }
}

static clb_status clbi_assemble_two(clb_curv *curv, clb_real *H, size_t ldh, int residual)
{
    clbi_assembly s;
    clb_status status;
    clbi_assembly_open(&s, curv);
    s.H = H, s.ldh = ldh, s.residual = residual;
    status = clbi_assembly_alloc(&s);
    if (status == CLB_OK) clbi_assemble(&s);
    CLB_FREE(s.arena);
    return status;
}

static size_t clbi_assembly_bytes(const clb_curv *curv)
{
    clbi_assembly s;
    clbi_room room = CLB_ZERO;
    clbi_assembly_open(&s, curv);
    clbi_assembly_layout(&s, &room);
    return clbi_room_bytes(&room);
}

/* ---- sensitivities of the outputs: Jacobian and kernels ------------------------------------- */

/* D_l[(i,r)] = sum_k Q[r][k] df_ik/dz_l for the samples first .. first+count-1, computed from
 * D_L[(i,r)] = Q[r] down to `layer` by D_{l-1} = (D_l W_l) s'(z_{l-1}). Two buffers of [count
 * R][widest layer] alternate. Returns the one that holds the result. */
static clb_real *clbi_sensitivity(const clb_curv *curv, size_t layer, size_t first, size_t count,
                                  size_t R, const clb_real *Q, clb_real *buffer[2])
{
    const clb_net *net = curv->pass->net;
    size_t l, i, r, j, K = net->m[net->L];
    clb_real *D = buffer[0];
    for (i = 0; i < count; ++i) memcpy(D + i * R * K, Q, R * K * sizeof *D);
    for (l = net->L; l > layer; --l) {
        size_t in = net->m[l - 1], out = net->m[l];
        clb_real *next = D == buffer[0] ? buffer[1] : buffer[0];
        clb_matmul_nn(count * R, in, out, D, out, curv->theta + net->w[l], in, next, in);
        for (i = 0; i < count; ++i) {
            const clb_real *s1 = curv->s1[l - 1] + (first + i) * in;
            for (r = 0; r < R; ++r)
                for (j = 0; j < in; ++j) next[(i * R + r) * in + j] *= s1[j];
        }
        D = next;
    }
    return D;
}

/* The largest width of layers 1..L: the columns of a sensitivity buffer. */
static size_t clbi_widest(const clb_net *net)
{
    size_t l, widest = 0;
    for (l = 1; l <= net->L; ++l)
        if (net->m[l] > widest) widest = net->m[l];
    return widest;
}

#define CLBI_SLICE 16                  /* samples per slice of kernel or Jacobian rows */

/* Work space of the kernels: sensitivities of all samples, and the products of one slice. */
typedef struct clbi_kernel {
    clb_real *buffer[2], *Q, *dots, *products;
    void     *arena;
} clbi_kernel;

static void clbi_kernel_layout(clbi_kernel *s, const clb_curv *curv, size_t R, clbi_room *room)
{
    const clb_net *net = curv->pass->net;
    size_t n = curv->pass->n, widest = clbi_widest(net);
    s->buffer[0] = clbi_reals(room, n * R, widest);
    s->buffer[1] = clbi_reals(room, n * R, widest);
    s->dots = clbi_reals(room, CLBI_SLICE, n);
    s->products = clbi_reals(room, CLBI_SLICE * R * R, n);
    s->Q = clbi_reals(room, R, net->m[net->L]);
}

static clb_status clbi_kernel_alloc(clbi_kernel *s, const clb_curv *curv, size_t R, int sum)
{
    size_t k, K = curv->pass->net->m[curv->pass->net->L];
    clbi_room room = CLB_ZERO;
    clb_status status;
    memset(s, 0, sizeof *s);
    clbi_kernel_layout(s, curv, R, &room);
    if ((status = clbi_room_alloc(&room, &s->arena)) != CLB_OK) return status;
    clbi_kernel_layout(s, curv, R, &room);
    for (k = 0; k < R * K; ++k) s->Q[k] = sum || k / K == k % K ? 1 : 0;
    return CLB_OK;
}

/* Adds the part of layer l to N: products of sensitivities times products of the layer's inputs, a
 * slice of rows at a time. */
static void clbi_kernel_layer(const clb_curv *curv, clbi_kernel *s, size_t l, size_t R, clb_real *N)
{
    const clb_net *net = curv->pass->net;
    const clb_real *a = curv->pass->a[l - 1];
    size_t n = curv->pass->n, in = net->m[l - 1], out = net->m[l], i0, i, j, r, c;
    const clb_real *D = clbi_sensitivity(curv, l, 0, n, R, s->Q, s->buffer);
    clb_real one = net->b[l] == CLB_NO_BIAS ? 0 : 1;
    for (i0 = 0; i0 < n; i0 += CLBI_SLICE) {
        size_t count = n - i0 < CLBI_SLICE ? n - i0 : CLBI_SLICE;
        clb_matmul_nt(count, n, in, a + i0 * in, in, a, in, s->dots, n);
        clb_matmul_nt(count * R, n * R, out, D + i0 * R * out, out, D, out, s->products, n * R);
        for (i = 0; i < count * R; ++i) {
            clb_real *row = N + (i0 * R + i) * n * R;
            const clb_real *dot = s->dots + i / R * n, *product = s->products + i * n * R;
            for (j = c = 0; j < n; ++j)
                for (r = 0; r < R; ++r, ++c) row[c] += product[c] * (dot[j] + one);
        }
    }
}

static clb_status clbi_ntk(const clb_curv *curv, size_t l, int sum, clb_real *N)
{
    size_t L = curv->pass->net->L, n = curv->pass->n, R = sum ? 1 : curv->pass->net->m[L], at;
    clbi_kernel s;
    clb_status status;
    if (l > L) return CLB_ELAYER;
    if ((status = clbi_kernel_alloc(&s, curv, R, sum)) != CLB_OK) return status;
    memset(N, 0, n * R * n * R * sizeof *N);
    for (at = 1; at <= L; ++at)
        if (l == 0 || at == l) clbi_kernel_layer(curv, &s, at, R, N);
    CLB_FREE(s.arena);
    return CLB_OK;
}

CLBDEF clb_status clb_ntk(clb_curv *curv, size_t l, clb_real *N)
{
    return clbi_ntk(curv, l, 0, N);
}

CLBDEF clb_status clb_ntk_sum(clb_curv *curv, size_t l, clb_real *N)
{
    return clbi_ntk(curv, l, 1, N);
}

CLBDEF clb_status clb_ntk_trace(clb_curv *curv, size_t l, double *trace)
{
    const clb_net *net = curv->pass->net;
    size_t at, i, n = curv->pass->n, R = net->m[net->L];
    double sum = 0;
    clbi_kernel s;
    clb_status status;
    *trace = (double)NAN;
    if (l > net->L) return CLB_ELAYER;
    if ((status = clbi_kernel_alloc(&s, curv, R, 0)) != CLB_OK) return status;
    for (at = 1; at <= net->L; ++at) {
        size_t in = net->m[at - 1], out = net->m[at];
        const clb_real *D;
        if (l && at != l) continue;
        D = clbi_sensitivity(curv, at, 0, n, R, s.Q, s.buffer);
        for (i = 0; i < n; ++i)
            sum += clb_sumsq(R * out, D + i * R * out) *
                     (clb_sumsq(in, curv->pass->a[at - 1] + i * in) +
                      (net->b[at] == CLB_NO_BIAS ? 0 : 1));
    }
    CLB_FREE(s.arena);
    *trace = sum;
    return CLB_OK;
}

/* ---- full matrices: any depth --------------------------------------------------------------- */

/* The rows (i,k) of J for a slice of samples: [count K][P]. */
static void clbi_jacobian_rows(const clb_curv *curv, size_t first, size_t count, clbi_kernel *s,
                               clb_real *J)
{
    const clb_net *net = curv->pass->net;
    size_t l, row, o, a, K = net->m[net->L], P = net->P;
    for (l = 1; l <= net->L; ++l) {
        size_t in = net->m[l - 1], out = net->m[l];
        const clb_real *D = clbi_sensitivity(curv, l, first, count, K, s->Q, s->buffer);
        for (row = 0; row < count * K; ++row) {
            const clb_real *x = curv->pass->a[l - 1] + (first + row / K) * in;
            clb_real *to = J + row * P + net->w[l];
            for (o = 0; o < out; ++o)
                for (a = 0; a < in; ++a) to[o * in + a] = D[row * out + o] * x[a];
            if (net->b[l] != CLB_NO_BIAS)
                memcpy(J + row * P + net->b[l], D + row * out, out * sizeof *J);
        }
    }
}

/* SJ = S J for the same rows, computed as in clbi_output_hessian: with V_k = J_ik - J_i,top,
 *  (S_i J_i)_k = mse J_ik + ce p_ik (V_k - sum_k' p_ik' V_k'). */
static void clbi_weight_rows(const clb_curv *curv, size_t first, size_t count, const clb_real *J,
                             clb_real *SJ)
{
    const clb_pass *pass = curv->pass;
    size_t i, k, c, K = pass->net->m[pass->net->L], P = pass->net->P;
    clb_real mse = (clb_real)((1 - pass->ce) * 2 / ((double)pass->n * (double)K));
    clb_real ce = (clb_real)(pass->ce / (double)pass->n);
    for (i = 0; i < count; ++i) {
        const clb_real *p = pass->p + (first + i) * K, *Ji = J + i * K * P;
        const clb_real *top = Ji + (pass->ce > 0 ? clbi_top_class(K, p) : 0) * P;
        clb_real *to = SJ + i * K * P;
        for (c = 0; c < P; ++c) {
            clb_real mean = 0;
            for (k = 0; k < K && pass->ce > 0; ++k) mean += p[k] * (Ji[k * P + c] - top[c]);
            for (k = 0; k < K; ++k) {
                clb_real v = Ji[k * P + c];
                to[k * P + c] = mse * v + (pass->ce > 0 ? ce * (p[k] * ((v - top[c]) - mean)) : 0);
            }
        }
    }
}

/* Adds J^T (S J) of some rows to G: rows r0.. of G right of the diagonal are tile i. */
typedef struct clbi_tiles {
    size_t          P, rows, ldg;
    const clb_real *J, *SJ;
    clb_real       *G;
} clbi_tiles;

enum { CLBI_TILE_ROWS = 64 };
static void clbi_tile_row(void *context, size_t i)
{
    const clbi_tiles *t = (const clbi_tiles *)context;
    size_t r0 = i * CLBI_TILE_ROWS, left = t->P - r0;
    clb_matmul_tn_acc(left < CLBI_TILE_ROWS ? left : (size_t)CLBI_TILE_ROWS, left, t->rows,
                      t->J + r0, t->P, t->SJ + r0, t->P, t->G + r0 * t->ldg + r0, t->ldg);
}

/* G = the sum of J^T (S J) over slices of samples, in tiles on and above the diagonal. */
static clb_status clbi_gauss_newton_deep(clb_curv *curv, clb_real *G, size_t ldg)
{
    const clb_net *net = curv->pass->net;
    const clb_threads *threads = &curv->pass->threads;
    size_t n = curv->pass->n, K = net->m[net->L], P = net->P, i, cells;
    clbi_kernel s;
    clbi_tiles tiles;
    clb_real *J;
    clb_status status;
    if (!clbi_mul_size(2 * CLBI_SLICE * K, P, &cells)) return CLB_ESIZE;
    if ((status = clbi_alloc(&J, cells, sizeof *J)) != CLB_OK) return status;
    if ((status = clbi_kernel_alloc(&s, curv, K, 0)) != CLB_OK) {
        CLB_FREE(J);
        return status;
    }
    for (i = 0; i < P; ++i) memset(G + i * ldg, 0, P * sizeof *G);
    for (i = 0; i < n; i += CLBI_SLICE) {
        size_t count = n - i < CLBI_SLICE ? n - i : CLBI_SLICE, rows = count * K;
        clb_real *SJ = J + rows * P;
        clbi_jacobian_rows(curv, i, count, &s, J);
        clbi_weight_rows(curv, i, count, J, SJ);
        tiles.P = P, tiles.rows = rows, tiles.ldg = ldg, tiles.J = J, tiles.SJ = SJ, tiles.G = G;
        if (clbi_threads_for(threads, (double)rows * (double)P * (double)P / 2) < 2) threads = NULL;
        clbi_parallel(threads, (P + CLBI_TILE_ROWS - 1) / CLBI_TILE_ROWS, clbi_tile_row, &tiles);
    }
    clbi_mirror(P, G, ldg, 0, P);
    CLB_FREE(s.arena);
    CLB_FREE(J);
    return CLB_OK;
}

/* Row i = H e_i; at the end the mean of both triangles. */
static clb_status clbi_hessian_by_products(clb_curv *curv, clb_real *H, size_t ldh)
{
    size_t i, j, P = curv->pass->net->P;
    clb_real *e;
    clb_status status = clbi_calloc(&e, P, sizeof *e);
    if (status) return status;
    for (i = 0; i < P; ++i) {
        e[i] = 1;
        clb_hvp(curv, e, H + i * ldh);
        e[i] = 0;
    }
    for (i = 0; i < P; ++i)
        for (j = i + 1; j < P; ++j)
            H[i * ldh + j] = H[j * ldh + i] = (clb_real)0.5 * (H[i * ldh + j] + H[j * ldh + i]);
    CLB_FREE(e);
    return CLB_OK;
}

CLBDEF clb_status clb_hessian(clb_curv *curv, clb_real *H, size_t ldh)
{
    CLB_ASSERT(ldh >= curv->pass->net->P);
    return curv->pass->net->L == 2 ? clbi_assemble_two(curv, H, ldh, 1)
                                   : clbi_hessian_by_products(curv, H, ldh);
}

CLBDEF clb_status clb_gauss_newton(clb_curv *curv, clb_real *G, size_t ldg)
{
    CLB_ASSERT(ldg >= curv->pass->net->P);
    return curv->pass->net->L == 2 ? clbi_assemble_two(curv, G, ldg, 0)
                                   : clbi_gauss_newton_deep(curv, G, ldg);
}

CLBDEF size_t clb_hessian_bytes(const clb_curv *curv)
{
    return curv->pass->net->L == 2 ? clbi_assembly_bytes(curv)
                                   : curv->pass->net->P * sizeof(clb_real);
}

CLBDEF size_t clb_gauss_newton_bytes(const clb_curv *curv)
{
    const clb_net *net = curv->pass->net;
    size_t K = net->m[net->L], bytes;
    clbi_kernel s;
    clbi_room room = CLB_ZERO;
    if (net->L == 2) return clbi_assembly_bytes(curv);
    clbi_kernel_layout(&s, curv, K, &room);
    if (!clbi_mul_size(2 * CLBI_SLICE * K * sizeof(clb_real), net->P, &bytes) ||
        !clbi_room_bytes(&room) || !clbi_add_size(bytes, clbi_room_bytes(&room), &bytes)) return 0;
    return bytes;
}

/* The largest singular value of B_h: the square root of the largest eigenvalue of the K x K matrix
 * B_h^T B_h. */
static clb_status clbi_coupling_sigma(const clb_curv *curv, size_t h, clb_real *work, double *sigma)
{
    const clb_pass *pass = curv->pass;
    size_t i, k, n = pass->n, d = pass->net->m[0], m = pass->net->m[1], K = pass->net->m[2];
    clb_real *B = work, *BtB = B + d * K, *r = BtB + K * K;
    double *values, top = 0;
    int e = 0;
    clb_status status = clbi_alloc(&values, K, sizeof *values);
    if (status) return status;
    for (i = 0; i < n; ++i)
        for (k = 0; k < K; ++k) r[i * K + k] = curv->s1[1][i * m + h] * pass->u[2][i * K + k];
    clb_matmul_tn(d, K, n, pass->a[0], d, r, K, B, K);
    for (k = 0; k < d * K; ++k) top = fmax(top, fabs((double)B[k]));
    if (top > 0 && top <= DBL_MAX) (void)frexp(top, &e);
    for (k = 0; k < d * K; ++k) B[k] = (clb_real)ldexp((double)B[k], -e);
    clb_matmul_tn(K, K, d, B, K, B, K, BtB, K);
    status = clb_jacobi(K, BtB, K, values, NULL);
    *sigma = status == CLB_OK && values[K - 1] > 0 ? ldexp(clbi_sqrt(values[K - 1]), e) : 0;
    CLB_FREE(values);
    return status;
}

CLBDEF clb_status clb_residual_bound(clb_curv *curv, double *bound)
{
    const clb_net *net = curv->pass->net;
    double sigma;
    clb_real *work;
    size_t h, reals, K = net->m[net->L];
    clb_status status;
    *bound = (double)NAN;
    if (net->L != 2 || net->b[1] != CLB_NO_BIAS || net->b[2] != CLB_NO_BIAS) return CLB_OK;
    if (!clbi_mul_size(K, net->m[0] + K + curv->pass->n, &reals)) return CLB_ESIZE;
    if ((status = clbi_alloc(&work, reals, sizeof *work)) != CLB_OK) return status;
    *bound = 0;
    for (h = 0; status == CLB_OK && h < net->m[1]; ++h) {
        status = clbi_coupling_sigma(curv, h, work, &sigma);
        if (status == CLB_OK && sigma > *bound) *bound = sigma;
    }
    if (status) *bound = (double)NAN;
    CLB_FREE(work);
    return status;
}

CLBDEF clb_status clb_sharpness(clb_curv *curv, const clb_lanczos_opts *opts, double *largest,
                                double *smallest)
{
    clb_lanczos_opts own = CLB_ZERO;
    clb_linop op = clb_hessian_op(curv);
    clb_eigs eigs;
    clb_status status;
    if (opts) own = *opts;
    own.which = smallest ? CLB_BOTH_ENDS : CLB_LARGEST;
    status = clb_lanczos(&op, 1, &own, &eigs);
    if (eigs.count) *largest = eigs.value[0];
    if (eigs.count && smallest) *smallest = eigs.value[eigs.count - 1];
    clb_eigs_free(&eigs);
    return status;
}

/* ============================================================================================
 * @S38 OPTIMISERS, TRAINING
 * ========================================================================================== */

CLBI_CALLS_BEGIN
CLBDEF void clb_train_opts_resolve(clb_train_opts *opts)
{
    if (opts->beta1 == 0) opts->beta1 = 0.9;
    if (opts->beta1 < 0) opts->beta1 = 0;
    if (opts->beta2 == 0) opts->beta2 = 0.999;
    if (opts->eps == 0) opts->eps = 1e-8;
    if (opts->loss_max == 0) opts->loss_max = 3.4028234663852886e38;    /* FLT_MAX */
    if (opts->charge_max == 0) opts->charge_max = (double)INFINITY;
    if (opts->schedule.factor == 0) opts->schedule.factor = 0.1;
    if (opts->clip == 0) opts->clip = (double)INFINITY;
    if (opts->early && opts->early->every == 0) opts->early->every = 10;
    if (opts->early && opts->early->patience == 0) opts->early->patience = 10;
}

CLBDEF double clb_schedule_eta(const clb_schedule *schedule, double eta, size_t t)
{
    const clb_schedule *s = schedule;
    double span, factor = 1;
    if (!s) return eta;
    if (s->call) return s->call(s->context, t);
    if (t < s->warmup) return eta * ((double)t + 1) / ((double)s->warmup + 1);
    t -= s->warmup;
    switch (s->kind) {
    case CLB_CONSTANT:
        return eta;
    case CLB_COSINE:
        if (s->horizon <= s->warmup) return (double)NAN;
        span = (double)(s->horizon - s->warmup);
        if ((double)t >= span) return eta * s->floor;
        return eta * (s->floor + (1 - s->floor) * 0.5 * (1 + clb_cos(CLBI_PI * (double)t / span)));
    case CLB_STAIRS:
        if (s->every == 0) return (double)NAN;
        for (t /= s->every; t > 0 && factor > 0; --t) factor *= s->factor != 0 ? s->factor : 0.1;
        return eta * factor;
    case CLB_SCHEDULE_COUNT:
    default:
        return (double)NAN;
    }
}

static void clbi_state_layout(clb_train_state *s, clbi_room *room)
{
    if (s->optimizer != CLB_GD) s->v = clbi_reals(room, s->P, 1);
    if (s->optimizer == CLB_ADAM) s->v2 = clbi_reals(room, s->P, 1);
}

static size_t clbi_state_bytes(clb_optimizer optimizer, size_t P)
{
    clb_train_state s;
    clbi_room room = CLB_ZERO;
    s.optimizer = optimizer;
    s.P = P;
    clbi_state_layout(&s, &room);
    return clbi_room_bytes(&room);
}

CLBDEF clb_status clb_train_state_init(clb_train_state *state, const clb_net *net,
                                       const clb_data *data, const clb_train_opts *opts)
{
    clb_train_state s = CLB_ZERO;
    clbi_room room = CLB_ZERO;
    clb_status status;
    memset(state, 0, sizeof *state);
    s.optimizer = opts ? opts->optimizer : CLB_GD;
    s.P = net->P;
    s.b1t = s.b2t = 1;
    clbi_state_layout(&s, &room);
    if ((status = clbi_room_calloc(&room, &s.arena)) != CLB_OK) return status;
    clbi_state_layout(&s, &room);
    if (opts && opts->batch) {
        s.n = s.at_batch = data->n;
        status = clbi_alloc(&s.order, s.n, sizeof *s.order);
        if (status) {
            CLB_FREE(s.arena);
            return status;
        }
    }
    *state = s;
    return CLB_OK;
}

CLBDEF void clb_train_state_free(clb_train_state *state)
{
    CLB_FREE(state->arena);
    CLB_FREE(state->order);
    memset(state, 0, sizeof *state);
}

static CLBI_COLD clb_status clbi_observers_check(const clb_train_opts *o)
{
    size_t i, k;
    for (i = 0; i < o->observer_count; ++i) {
        const clb_observer *ob = &o->observers[i];
        if (!ob->call)
            return clbi_fail(o->error, CLB_ESCHEDULE, "observers[%z] has no function to call", i);
        if (ob->at_count && !ob->at)
            return clbi_fail(o->error, CLB_ESCHEDULE, "observers[%z]: at is NULL, at_count %z", i,
                             ob->at_count);
        for (k = 1; k < ob->at_count; ++k)
            if (ob->at[k] < ob->at[k - 1])
                return clbi_fail(o->error, CLB_ESCHEDULE, "observers[%z]: at[%z] = %z follows %z",
                                 i, k, ob->at[k], ob->at[k - 1]);
    }
    return CLB_OK;
}

/* Checks the range of every number among the options. */
static clb_status clbi_train_numbers(const clb_train_opts *o, size_t L, double eta)
{
    clb_error *error = o->error;
    size_t l;
    if (!(eta > 0) || !(eta <= 1e300))
        return clbi_fail(error, CLB_ESTEP, "eta = %g; it must be positive and finite", eta);
    for (l = 0; o->rates && l < L; ++l)
        if (!(o->rates[l] > 0) || !(o->rates[l] <= 1e300))
            return clbi_fail(error, CLB_ESTEP, "rates[%z] = %g; it must be positive and finite", l,
                             o->rates[l]);
    if (!(o->beta1 < 1))
        return clbi_fail(error, CLB_EMOMENTUM, "beta1 = %g; it must be below 1", o->beta1);
    if (!(o->beta2 >= 0 && o->beta2 < 1))
        return clbi_fail(error, CLB_EMOMENTUM, "beta2 = %g; it must be in [0, 1)", o->beta2);
    if (!(o->eps > 0))
        return clbi_fail(error, CLB_EMOMENTUM, "eps = %g; it must be positive", o->eps);
    if (!(o->l2 >= 0))
        return clbi_fail(error, CLB_EDECAY, "l2 = %g; it must not be negative", o->l2);
    if (!(o->decay >= 0))
        return clbi_fail(error, CLB_EDECAY, "decay = %g; it must not be negative", o->decay);
    if (!(o->loss_max > 0))
        return clbi_fail(error, CLB_ELIMIT, "loss_max = %g; it must be positive", o->loss_max);
    if (!(o->charge_max > 0))
        return clbi_fail(error, CLB_ELIMIT, "charge_max = %g; it must be positive", o->charge_max);
    if (!(o->clip > 0))
        return clbi_fail(error, CLB_ELIMIT, "clip = %g; it must be positive", o->clip);
    if (!(o->schedule.floor >= 0 && o->schedule.floor <= 1))
        return clbi_fail(error, CLB_ESCHEDULE, "schedule.floor = %g; it must be in [0, 1]",
                         o->schedule.floor);
    return CLB_OK;
}

static CLBI_COLD clb_status clbi_train_check(const clb_train_opts *o, const clb_net *net,
                                             const clb_data *data, double eta)
{
    const clb_train_state *state = o->state;
    clb_status status = clb_pass_check(net, data, o->ce, o->error);
    if (!status) status = clbi_train_numbers(o, net->L, eta);
    if (status) return status;
    if ((unsigned)o->optimizer >= (unsigned)CLB_OPTIMIZER_COUNT)
        return clbi_fail(o->error, CLB_EOPTIMIZER, "optimizer = %d; there is none of this number",
                         (int)o->optimizer);
    if (o->batch > data->n)
        return clbi_fail(o->error, CLB_EBATCH, "batch = %z rows; the data have %z", o->batch,
                         data->n);
    if (o->batch && !o->batch_rng)
        return clbi_fail(o->error, CLB_EBATCH, "batch = %z needs a generator: batch_rng is NULL",
                         o->batch);
    if (data->n > 0xffffffffu) return clbi_done(o->error, CLB_ESIZE);
    if (state && (state->P != net->P || state->optimizer != o->optimizer ||
                  (o->batch && state->n != data->n)))
        return clbi_fail(o->error, CLB_EOPTIMIZER,
                         "state belongs to another net, data set or optimiser");
    return clbi_observers_check(o);
}

/* ---- linear nets, squares: the data enter through sufficient statistics ---------------------
 *
 * f(x) = M x, M = W_L ... W_1. With X = Q R (Q^T Q = 1, R [d][d] triangular) and T' = Q^T T
 *   nK Loss = |X M^T - T|^2 = |E|^2 + rest,     E = M R^T - T'^T  [K][d],   rest = |T - Q T'|^2
 *   dLoss/dM = H_0 = 2/(nK) E R,  H_l = H_{l-1} W_l^T,  B_l = W_L ... W_{l+1},  G_l = B_l^T H_{l-1}
 * so a step costs 3K multiply-adds a weight (and 2 K d^2), whatever n is. E is a residual like
 * f - t: nothing cancels, as it would in tr(M X^T X M^T) - 2 tr(M X^T T) + |T|^2, which also
 * squares the condition of X. */
typedef struct clbi_reduced {
    size_t     ld;              /* d in whole cache lines; columns past d are zero */
    double     rest;
    clb_real  *Rt, *R;          /* [d][ld]  R^T;  2/(nK) R                         */
    clb_real  *minus_T;         /* [K][ld]  -T'^T                                  */
    clb_real  *E, *H;           /* [K][ld]  E, H_0                                 */
    clb_real **B;               /* B[l], l = 0..L-1: [K][m_l] B_l, then H_l; B_0 = M */
    void      *arena;           /* NULL: not in use                                */
} clbi_reduced;

/* Is this cheaper? A step on the statistics has max(d, K) rows where the pass has n. */
static int clbi_reduces(const clb_net *net, const clb_data *data, const clb_train_opts *o)
{
    size_t l;
    if (net->activation != CLB_IDENTITY || o->ce > 0 || o->batch) return 0;
    if (net->m[0] > data->n / 2 || net->m[net->L] > data->n / 2) return 0;
    for (l = 1; l <= net->L; ++l)
        if (net->b[l] != CLB_NO_BIAS) return 0;
    return 1;
}

/* Reflects the rows A [rows][width] of (X | T) into R [d][width]. For each column j < d, one
 * reflection 1 - 2 v v^T/v^T v of row j of R and all of A, with v = (R_jj - r, A_ij), r = -+|(R_jj,
 * A_ij)| and v^T v = -2 r (R_jj - r), leaves r in R_jj and zeros in A. */
static void clbi_reduce_rows(size_t rows, size_t d, size_t width, double *R, double *A, double *w)
{
    size_t i, j, k;
    for (j = 0; j < d; ++j, R += width) {
        double top = 0, below = 0, scale, r, v;
        for (i = 0; i < rows; ++i) top = fmax(top, fabs(A[i * width + j]));
        if (top == 0) continue;
        scale = clbi_safe_scale(fmax(top, fabs(R[j])));    /* of (R_jj, A_ij): w scales back */
        for (i = 0; scale != 1 && i < rows; ++i) A[i * width + j] *= scale;
        for (i = 0; i < rows; ++i) below += A[i * width + j] * A[i * width + j];
        r = clbi_sqrt(scale * R[j] * (scale * R[j]) + below);
        if (R[j] > 0) r = -r;
        v = scale * R[j] - r;
        R[j] = r / scale;
        for (k = j + 1; k < width; ++k) w[k] = v * R[k];
        for (i = 0; i < rows; ++i)
            for (k = j + 1; k < width; ++k) w[k] += A[i * width + j] * A[i * width + k];
        for (k = j + 1; k < width; ++k) {
            w[k] /= r * v;
            R[k] += v * w[k];
        }
        for (i = 0; i < rows; ++i)
            for (k = j + 1; k < width; ++k) A[i * width + k] += A[i * width + j] * w[k];
    }
}

/* R [d][d + K] = (R | T') of all the data, one block of rows after the other. Returns rest, the
 * squared norm of the part of the targets that remains. A: work space of
 * CLBI_REDUCE_ROWS + 1 rows. */
#define CLBI_REDUCE_ROWS 64
static double clbi_reduce(const clb_data *data, double *R, double *A)
{
    size_t d = data->d, K = data->K, width = d + K, i0, i, k, rows;
    double rest = 0;
    for (i0 = 0; i0 < data->n; i0 += rows) {
        rows = data->n - i0 < CLBI_REDUCE_ROWS ? data->n - i0 : CLBI_REDUCE_ROWS;
        for (i = 0; i < rows; ++i) {
            double *row = A + i * width;
            size_t at = i0 + i;
            for (k = 0; k < d; ++k) row[k] = (double)data->X[at * d + k];
            for (k = 0; k < K; ++k)
                row[d + k] = data->targets ? (double)data->targets[at * K + k]
                    : (double)((size_t)data->y[at] == k);
        }
        clbi_reduce_rows(rows, d, width, R, A, A + CLBI_REDUCE_ROWS * width);
        for (i = 0; i < rows; ++i)
            for (k = d; k < width; ++k) rest += A[i * width + k] * A[i * width + k];
    }
    return rest;
}

/* Length of a row of R, Rt and minus_T in whole cache lines. */
static size_t clbi_reduced_ld(const clb_net *net)
{
    enum { line = 64 / sizeof(clb_real) };
    return (net->m[0] + line - 1) / line * line;
}

static void clbi_reduced_layout(clbi_reduced *r, const clb_net *net, clbi_room *room)
{
    size_t l, L = net->L, d = net->m[0], K = net->m[L], ld = clbi_reduced_ld(net);
    r->ld = ld;
    r->B = clbi_table(room, L);
    r->Rt = clbi_reals(room, d, ld);
    r->R = clbi_reals(room, d, ld);
    r->minus_T = clbi_reals(room, K, ld);
    r->E = clbi_reals(room, K, ld);
    r->H = clbi_reals(room, K, ld);
    for (l = 0; l + 1 < L; ++l) clbi_entry(room, r->B, l, K, net->m[l]);
}

static size_t clbi_reduced_bytes(const clb_net *net)
{
    clbi_reduced r;
    clbi_room room = CLB_ZERO;
    clbi_reduced_layout(&r, net, &room);
    return clbi_room_bytes(&room);
}

static CLBI_COLD clb_status clbi_reduced_alloc(clbi_reduced *r, const clb_net *net)
{
    clbi_room room = CLB_ZERO;
    clb_status status;
    clbi_reduced_layout(r, net, &room);
    if ((status = clbi_room_calloc(&room, &r->arena)) != CLB_OK) return status;
    clbi_reduced_layout(r, net, &room);
    return CLB_OK;
}

static clb_status clbi_reduced_init(clbi_reduced *r, const clb_net *net, const clb_data *data)
{
    size_t i, j, d = data->d, K = data->K, width = d + K, rows;
    double *R, scale = 2 / ((double)data->n * (double)K);
    clb_status status;
    if (!clbi_add_size(d, CLBI_REDUCE_ROWS + 1, &rows) || !clbi_mul_size(rows, width, &rows))
        return CLB_ESIZE;
    if ((status = clbi_reduced_alloc(r, net)) != CLB_OK) return status;
    if ((status = clbi_calloc(&R, rows, sizeof *R)) != CLB_OK) return status;
    r->rest = clbi_reduce(data, R, R + d * width);
    for (i = 0; i < d; ++i) {
        for (j = i; j < d; ++j) {
            r->R[i * r->ld + j] = (clb_real)(scale * R[i * width + j]);
            r->Rt[j * r->ld + i] = (clb_real)R[i * width + j];
        }
        for (j = 0; j < K; ++j) r->minus_T[j * r->ld + i] = (clb_real)-R[i * width + d + j];
    }
    CLB_FREE(R);
    return CLB_OK;
}

/* Loss and gradient at net->theta; grad NULL: only the loss. */
static double clbi_reduced_grad(clbi_reduced *r, const clb_net *net, size_t n, clb_real *grad)
{
    size_t l, L = net->L, d = net->m[0], K = net->m[L], ld = r->ld;
    const size_t *m = net->m;
    const clb_real *H = r->H;
    r->B[L - 1] = net->theta + net->w[L];
    for (l = L - 1; l >= 1; --l)                                         /* B_{l-1} = B_l W_l     */
        CLBI_KERNEL(matmul)(K, m[l - 1], m[l], r->B[l], m[l], 1, net->theta + net->w[l], 1,
                            m[l - 1], r->B[l - 1], m[l - 1], 0, NULL);
    memcpy(r->E, r->minus_T, K * ld * sizeof *r->E);
    CLBI_KERNEL(matmul)(K, ld, d, r->B[0], d, 1, r->Rt, 1, ld, r->E, ld, 1, NULL);
                                                                         /* E = M R^T - T'^T      */
    if (grad) CLBI_KERNEL(matmul)(K, ld, d, r->E, ld, 1, r->R, 1, ld, r->H, ld, 0, NULL);
                                                                         /* H_0 = 2/(nK) E R      */
    for (l = 1; grad && l < L; ++l) {
        clb_real *next = l == L - 1 ? grad + net->w[L] : r->B[l];        /* H_{L-1} is G_L        */
        CLBI_KERNEL(matmul)(m[l], m[l - 1], K, r->B[l], 1, m[l], H, 1, ld, grad + net->w[l],
                            m[l - 1], 0, NULL);
        CLBI_KERNEL(matmul)(K, m[l], m[l - 1], H, ld, 1, net->theta + net->w[l], m[l - 1], 1, next,
                            m[l], 0, NULL);
        H = next;
        ld = m[l];
    }
    for (l = 0; grad && L == 1 && l < K; ++l) memcpy(grad + l * d, H + l * ld, d * sizeof *grad);
    return (clb_sumsq(K * r->ld, r->E) + r->rest) / ((double)n * (double)K);
}

/* The laws of several charges, one element for each: of the layers, or of the neurons of a layer. C
 * is the charge, D the difference <W,V>_{l+1} - <W,V>_l, where V is the momentum. The oscillation
 * part obeys the same recursion with other inputs. */
typedef struct clbi_law {
    double *C, *D, *swing_C, *swing_D;
} clbi_law;

/* The state of one call of clb_train. Everything that a step needs is allocated before the first
 * step. */
typedef struct clbi_run {
    clb_net        *net;
    clb_train_opts  o;
    double          base, eta;  /* of the call; of this step                     */
    double          degree;     /* of the activation; 1 if it has none           */
    double          clipped;    /* clipping factor of this step's gradient       */
    size_t          T, t, start;        /* updates of this call; done in it; done before it */
    clb_train_state own, *state;        /* of the optimiser: state is &own or the caller's  */
    clb_pass        early_pass;
    clb_real       *best;       /* P: best weights found by early stopping       */
    size_t          idle;       /* looks since the best one                      */
    clb_pass        pass;       /* for observers and batches                     */
    clbi_reduced    reduced;    /* used for all other steps, if possible         */
    clbi_blocks     blocks;     /* else this, on one thread;                     */
    clbi_rows       rows;       /* or this, on several                           */
    int             kept;       /* 1: the trace is wanted                        */
    clb_trace       trace;
    clb_real       *grad;       /* G, P                                          */
    /* direction U:  theta <- (1 - eta decay) theta - eta U; G itself for plain GD */
    clb_real       *u;
    /* U and V of the previous step, for the oscillation; NULL if no trace or law needs them */
    clb_real       *u_before, *v_before;
    double          eta_before;                    /* of the previous step; < 0: there was none */
    void           *arena;      /* memory of these and the following             */
    clbi_law        law, neurons;
    /* [2L] products: of W_l at l-1, of b_l at L+l-1. G takes the place of U until U is computed */
    double         *WW, *WU, *UU;
    double         *swing, *turn;  /* [2L] <b_t, b_t>; <b_t, (V' - V)/2>                         */
    double         *scratch;    /* [5][widest layer], for neurons                */
    size_t         *cursor;     /* per observer: position in its list; then whether it looks     */
} clbi_run;

/* hidden: the number of neurons whose drift is wanted, or 0. */
static CLBI_COLD void clbi_trace_layout(clb_trace *tr, size_t L, size_t T, size_t hidden,
                                        clbi_room *room)
{
    const double none = (double)NAN;
    size_t ends = T < (size_t)-1 ? T + 1 : T;
    tr->loss = clbi_filled(room, ends, 1, none);
    tr->g = clbi_filled(room, T, L, none);
    tr->gb = clbi_filled(room, T, L, none);
    tr->step = clbi_filled(room, T, 1, none);
    tr->q = clbi_filled(room, ends, L, none);
    tr->qb = clbi_filled(room, ends, L, none);
    tr->upper = clbi_filled(room, L - 1, 1, 1);
    tr->lower = clbi_filled(room, L - 1, 1, 1);
    if (hidden) tr->neuron_flow = clbi_filled(room, hidden, 1, 0);
    if (hidden) tr->neuron_oscillation = clbi_filled(room, hidden, 1, 0);
    tr->S = clbi_filled(room, L - 1, 1, 0);
    tr->predicted = clbi_filled(room, L - 1, 1, 0);
    tr->flow = clbi_filled(room, L - 1, 1, 0);
    tr->oscillation = clbi_filled(room, L - 1, 1, 0);
    tr->first = clbi_filled(room, L - 1, 1, 0);
    tr->second = clbi_filled(room, L - 1, 1, 0);
}

static size_t clbi_trace_bytes(size_t L, size_t T, size_t hidden)
{
    clb_trace trace;
    clbi_room room = CLB_ZERO;
    clbi_trace_layout(&trace, L, T, hidden, &room);
    return clbi_room_bytes(&room);
}

static CLBI_COLD clb_status clbi_trace_alloc(clb_trace *tr, size_t L, size_t T, size_t hidden,
                                             double eta)
{
    clbi_room room = CLB_ZERO;
    clb_status status;
    memset(tr, 0, sizeof *tr);
    clbi_trace_layout(tr, L, T, hidden, &room);
    if ((status = clbi_room_alloc(&room, &tr->arena)) != CLB_OK) return status;
    tr->L = L;
    tr->T = T;
    tr->eta = eta;
    clbi_trace_layout(tr, L, T, hidden, &room);
    return CLB_OK;
}

CLBDEF void clb_trace_free(clb_trace *trace)
{
    CLB_FREE(trace->arena);
    memset(trace, 0, sizeof *trace);
}

static CLBI_COLD void clbi_run_free(clbi_run *run)
{
    clb_pass_free(&run->pass);
    CLB_FREE(run->reduced.arena);
    clbi_blocks_free(&run->blocks);
    CLB_FREE(run->rows.arena);
    CLB_FREE(run->arena);
    CLB_FREE(run->cursor);
    CLB_FREE(run->best);
    clb_pass_free(&run->early_pass);
    clb_train_state_free(&run->own);
}

/* Does a run use threads? The sufficient statistics of a linear net are too small for that. */
static int clbi_threaded(const clb_net *net, const clb_data *data, const clb_train_opts *o)
{
    const size_t rows = o->batch ? o->batch : data->n;
    return clbi_threads_for(&o->threads, (double)net->P * (double)rows) > 1 &&
           !clbi_reduces(net, data, o);
}

/* Allocates a pass over all rows only if an observer may look at it, or threads share it. */
static clb_status clbi_run_pass(clbi_run *run, const clb_data *data)
{
    if (run->o.batch || run->o.observer_count || clbi_threaded(run->net, data, &run->o)) {
        clb_status status = clb_pass_init(&run->pass, run->net, data, run->o.ce);
        run->pass.threads = run->o.threads;
        return status;
    }
    run->pass.data = data;
    run->pass.n = data->n;
    run->pass.X = data->X;
    return clbi_pass_check(run->net, data, run->o.ce);
}

/* The vectors of P reals that a run needs. */
static int clbi_has_direction(const clb_train_opts *o)
{
    return o->optimizer != CLB_GD || o->l2 > 0;
}

static int clbi_has_law(const clb_train_opts *o, int kept)
{
    return kept && o->optimizer != CLB_ADAM;
}

static void clbi_vectors_layout(clbi_run *run, clbi_room *room)
{
    const clb_train_opts *o = &run->o;
    size_t P = run->net->P;
    run->grad = clbi_reals(room, P, 1);
    run->u = clbi_has_direction(o) ? clbi_reals(room, P, 1) : run->grad;
    if (!clbi_has_law(o, run->kept)) return;
    run->u_before = clbi_reals(room, P, 1);
    if (o->optimizer == CLB_NESTEROV) run->v_before = clbi_reals(room, P, 1);
}

static void clbi_law_layout(clbi_law *law, size_t count, clbi_room *room)
{
    law->C = clbi_doubles(room, count, 1);
    law->D = clbi_doubles(room, count, 1);
    law->swing_C = clbi_doubles(room, count, 1);
    law->swing_D = clbi_doubles(room, count, 1);
}

static void clbi_sums_layout(clbi_run *run, clbi_room *room)
{
    size_t L = run->net->L;
    clbi_law_layout(&run->law, L, room);
    run->WW = clbi_doubles(room, 2, L);
    run->WU = clbi_doubles(room, 2, L);
    run->UU = clbi_doubles(room, 2, L);
    run->swing = clbi_doubles(room, 2, L);
    run->turn = clbi_doubles(room, 2, L);
    if (!(run->kept && run->o.neurons)) return;
    clbi_law_layout(&run->neurons, clb_hidden_count(run->net), room);
    run->scratch = clbi_doubles(room, 5, clbi_widest_hidden(run->net));
}

/* The vectors and the sums of a run. */
static CLBI_COLD void clbi_run_layout(clbi_run *run, clbi_room *room)
{
    clbi_vectors_layout(run, room);
    clbi_sums_layout(run, room);
}

static clb_status clbi_run_arrays(clbi_run *run)
{
    clbi_room room = CLB_ZERO;
    clb_status status;
    clbi_run_layout(run, &room);
    if ((status = clbi_room_calloc(&room, &run->arena)) != CLB_OK) return status;
    clbi_run_layout(run, &room);
    return CLB_OK;
}

/* The state of the optimiser, and the weights that early stopping keeps. */
static CLBI_COLD clb_status clbi_run_state(clbi_run *run, const clb_data *data)
{
    clb_status status = CLB_OK;
    run->state = run->o.state ? run->o.state : &run->own;
    if (!run->o.state) status = clb_train_state_init(&run->own, run->net, data, &run->o);
    run->start = run->state->t;
    if (status || !run->o.early) return status;
    status = clb_pass_init(&run->early_pass, run->net, run->o.early->data, run->o.ce);
    if (!status) status = clbi_alloc(&run->best, run->net->P, sizeof(clb_real));
    if (status) return status;
    run->early_pass.threads = run->o.threads;
    memcpy(run->best, run->net->theta, run->net->P * sizeof(clb_real));
    run->o.early->best_t = run->start;
    run->o.early->best_loss = (double)INFINITY;
    run->o.early->stopped = 0;
    return CLB_OK;
}

static CLBI_COLD clb_status clbi_run_alloc(clbi_run *run, const clb_data *data)
{
    clb_status status = clbi_run_pass(run, data);
    if (status) return status;
    if (clbi_reduces(run->net, data, &run->o) &&
        (status = clbi_reduced_init(&run->reduced, run->net, data)) != CLB_OK) return status;
    if ((status = clbi_run_state(run, data)) != CLB_OK) return status;
    if ((status = clbi_run_arrays(run)) != CLB_OK) return status;
    if (run->o.observer_count &&
        (status = clbi_calloc(&run->cursor, run->o.observer_count, 2 * sizeof *run->cursor)) !=
        CLB_OK) return status;
    if (!run->o.batch && run->reduced.arena) return CLB_OK;
    if (clbi_threaded(run->net, data, &run->o)) {
        status = clbi_rows_init(&run->rows, run->net->P);
        if (!run->o.observer_count) clbi_rows_share(&run->pass);
        if (status || !run->o.batch) return status;
        return clbi_pass_batch_alloc(&run->pass);
    }
    if (!run->o.batch) return clbi_blocks_init(&run->blocks, run->net, data, run->o.ce);
    return clbi_pass_batch_alloc(&run->pass);
}

static void clbi_neuron_products(const clb_net *net, const clb_real *x, const clb_real *y, size_t l,
                                 double upper, double lower, double *out);

/* The factor of the product of W_{l+1}, and (clbi_lower) of W_l, in charge l. power: -1 for the
 * charge itself, 0 for <W,G> and <W,V>, 1 for <U,U>. */
static double clbi_upper(const clbi_run *run, size_t l, int power)
{
    const double *r = run->o.rates;
    if (!r || power == 0) return run->degree;
    return power > 0 ? run->degree * r[l] : run->degree / r[l];
}

static double clbi_lower(const clbi_run *run, size_t l, int power)
{
    const double *r = run->o.rates;
    if (!r || power == 0) return 1;
    return power > 0 ? r[l - 1] : 1 / r[l - 1];
}

/* upper_l <x,y>_{l+1} - lower_l <x,y>_l from such products. The bias of layer l counts as part of
 * W_l. */
static double clbi_layer_difference(const clbi_run *run, const double *products, size_t l,
                                    int power)
{
    return clbi_upper(run, l, power) * products[l] -
           clbi_lower(run, l, power) * (products[l - 1] + products[run->net->L + l - 1]);
}

/* The same from two vectors. */
static double clbi_vector_difference(const clbi_run *run, const clb_real *x, const clb_real *y,
                                     size_t l, int power)
{
    const clb_net *net = run->net;
    size_t upper = net->w[l + 1], w = net->w[l], b = net->b[l];
    double lower = clb_dot(clb_layer_size(net, l), x + w, y + w);
    if (b != CLB_NO_BIAS) lower += clb_dot(net->m[l], x + b, y + b);
    return clbi_upper(run, l, power) * clb_dot(clb_layer_size(net, l + 1), x + upper, y + upper) -
           clbi_lower(run, l, power) * lower;
}

/* The same for each neuron of layer l. */
static void clbi_neuron_difference(const clbi_run *run, const clb_real *x, const clb_real *y,
                                   size_t l, int power, double *out)
{
    clbi_neuron_products(run->net, x, y, l, clbi_upper(run, l, power), -clbi_lower(run, l, power),
                         out);
}

/* The initial values of the laws. */
static void clbi_laws_start(clbi_run *run)
{
    const clb_net *net = run->net;
    const clb_real *W = net->theta, *v = run->state->v;
    size_t l, at = 0;
    for (l = 1; l < net->L; ++l) {
        double upper = clbi_upper(run, l, -1), lower = clbi_lower(run, l, -1);
        run->law.C[l - 1] = upper * clb_weight_sumsq(net, W, l + 1) -
                            lower * clb_weight_sumsq(net, W, l) - lower * clb_bias_sumsq(net, W, l);
        if (v) run->law.D[l - 1] = clbi_vector_difference(run, W, v, l, 0);
        if (!run->neurons.C) continue;
        clbi_neuron_difference(run, W, W, l, -1, run->neurons.C + at);
        if (v) clbi_neuron_difference(run, W, v, l, 0, run->neurons.D + at);
        at += net->m[l];
    }
}

/* The trace of the run. */
static clb_status clbi_run_trace(clbi_run *run)
{
    const clb_net *net = run->net;
    clb_trace *tr = &run->trace;
    size_t l, hidden = run->o.neurons ? clb_hidden_count(net) : 0;
    clb_status status;
    if (!run->kept) return CLB_OK;
    if ((status = clbi_trace_alloc(tr, net->L, run->T, hidden, run->base)) != CLB_OK) return status;
    clbi_laws_start(run);
    for (l = 1; l < net->L; ++l) {
        tr->upper[l - 1] = clbi_upper(run, l, -1);
        tr->lower[l - 1] = clbi_lower(run, l, -1);
        if (!clbi_has_law(&run->o, 1)) tr->flow[l - 1] = tr->oscillation[l - 1] = (double)NAN;
    }
    for (l = 0; l < hidden && !clbi_has_law(&run->o, 1); ++l)
        tr->neuron_flow[l] = tr->neuron_oscillation[l] = (double)NAN;
    return CLB_OK;
}

/* Takes the next batch of the permutation of this epoch. A remainder shorter than a batch is
 * dropped. */
static void clbi_next_batch(clbi_run *run)
{
    clb_train_state *state = run->state;
    if (state->at_batch + run->o.batch > state->n) {
        clb_rng_permutation(run->o.batch_rng, state->n, state->order);
        state->at_batch = 0;
    }
    clb_pass_batch(&run->pass, state->order + state->at_batch, run->o.batch);
    state->at_batch += run->o.batch;
}

/* Parameters in one task of a step, and the multiply-adds that one parameter costs. */
#define CLBI_PART      16384
#define CLBI_PART_WORK 20

/* Where part i begins; *count its parameters. */
static size_t clbi_part_of(const clbi_run *run, size_t i, size_t *count)
{
    size_t at = i * CLBI_PART, left = run->net->P - at;
    *count = left < CLBI_PART ? left : CLBI_PART;
    return at;
}

/* Calls part(run, i) for all of theta, on threads if that pays. */
static void clbi_in_parts(clbi_run *run, void (*part)(void *run, size_t i))
{
    size_t P = run->net->P, parts = (P + CLBI_PART - 1) / CLBI_PART;
    int pays = clbi_threads_for(&run->o.threads, (double)P * CLBI_PART_WORK) > 1;
    clbi_parallel(pays ? &run->o.threads : NULL, parts, part, run);
}

/* Computes U from G. Adam's bias correction counts k = t + 1 from one. */
static void clbi_direction_part(void *context, size_t i)
{
    const clbi_run *run = (const clbi_run *)context;
    const clb_train_opts *o = &run->o;
    size_t j, n, at = clbi_part_of(run, i, &n);
    clb_real b1 = (clb_real)o->beta1, *u = run->u + at, *v = run->state->v;
    clbi_adam adam;
    memcpy(u, run->grad + at, n * sizeof *u);
    if (o->l2 > 0) clb_axpy(n, (clb_real)o->l2, run->net->theta + at, u);      /* G + l2 W        */
    if (o->optimizer == CLB_GD) return;
    v += at;
    if (o->optimizer != CLB_ADAM) {
        for (j = 0; j < n; ++j) v[j] = b1 * v[j] + u[j];                       /* V <- beta V + G */
        if (o->optimizer == CLB_HEAVY_BALL) memcpy(u, v, n * sizeof *u);
        else clb_axpy(n, b1, v, u);                                             /* U = G + beta V */
        return;
    }
    adam.b1 = b1, adam.b2 = (clb_real)o->beta2, adam.eps = o->eps;
    adam.c1 = 1 - run->state->b1t, adam.c2 = sqrt(1 - run->state->b2t);
    CLBI_KERNEL(adam)(n, &adam, u, v, run->state->v2 + at);
}

static void clbi_direction(clbi_run *run)
{
    if (run->u == run->grad) return;
    if (run->o.optimizer == CLB_ADAM) {
        run->state->b1t *= run->o.beta1;
        run->state->b2t *= run->o.beta2;
    }
    clbi_in_parts(run, clbi_direction_part);
}

/* The offset of W_l (at = l-1) or b_l (at = L+l-1), and its size. */
static size_t clbi_tensor(const clb_net *net, size_t at, size_t *size)
{
    size_t l = at % net->L + 1;
    *size = at < net->L ? clb_layer_size(net, l) : net->m[l];
    return at < net->L ? net->w[l] : net->b[l];
}

/* WW, WU and UU of every layer, with U = u. */
static void clbi_layer_products(clbi_run *run, const clb_real *u)
{
    size_t i, size;
    for (i = 0; i < 2 * run->net->L; ++i) {
        size_t at = clbi_tensor(run->net, i, &size);
        double sums[3] = { 0, 0, 0 };
        if (at != CLB_NO_BIAS)
            CLBI_KERNEL(products)(size, run->net->theta + at, u + at, sums);
        run->WW[i] = sums[0];
        run->WU[i] = sums[1];
        run->UU[i] = sums[2];
    }
}

/* One step of the law of one charge (identities 4-7). Returns the change of C. With kappa = eta
 * decay, lambda = l2, and c = C for layers of equal rates,
 *  q = <W,V'> = beta D + lambda c,   <W,U> = q (heavy ball; gradient descent with beta = 0) or
 *                                            lambda c + beta q (Nesterov)
 *  C' = (1-kappa)^2 C - 2 eta (1-kappa) <W,U> + ss,    D' = (1-kappa) q - sv
 * Only gradients enter, never W, because the differences of <W,G> are 0 (eq. 10). ss: difference of
 * eta^2 <U,U>. sv: difference of eta <U,V'>. eta may change from step to step. */
static double clbi_law_advance(const clbi_run *run, double *C, double *D, double c, double ss,
                               double sv)
{
    const clb_train_opts *o = &run->o;
    double eta = run->eta, keep = 1 - eta * o->decay;
    double beta = o->optimizer == CLB_GD ? 0 : o->beta1;
    double q = beta * *D + o->l2 * c;
    double WU = o->optimizer == CLB_NESTEROV ? o->l2 * c + beta * q : q;
    double change = (keep * keep - 1) * *C - 2 * eta * keep * WU + ss;
    *D = keep * q - sv;
    *C += change;
    return change;
}

/* b_t = (eta' U' - eta U)/2, where a prime marks the previous step, is written as size (a U' - b
 * U)/2 with a or b equal to 1. Returns size, or 0 if there is no previous step. */
static double clbi_swing_factors(const clbi_run *run, double *a, double *b)
{
    double size = run->eta_before > run->eta ? run->eta_before : run->eta;
    if (run->eta_before < 0 || !(size > 0)) return 0;
    *a = run->eta_before / size;
    *b = run->eta / size;
    return size;
}

/* swing = <b_t, b_t> of every layer; for Nesterov also turn = <b_t, (V' - V)/2>. If they are needed
 * later, U' and V' are overwritten by a U' - b U and V' - V. */
static void clbi_swings(clbi_run *run)
{
    const clb_net *net = run->net;
    double a = 0, b = 0, half = clbi_swing_factors(run, &a, &b) / 2;
    size_t i, n, P = net->P;
    for (i = 0; i < 2 * net->L; ++i) {
        size_t at = clbi_tensor(net, i, &n);
        run->swing[i] = run->turn[i] = 0;
        if (at != CLB_NO_BIAS && half > 0)
            run->swing[i] = half * half * CLBI_KERNEL(swing)(n, a, run->u_before + at, b,
                                                                    run->u + at);
    }
    if (!(half > 0) || (!run->v_before && !run->neurons.C)) return;
    clb_scale(P, (clb_real)a, run->u_before);
    clb_axpy(P, (clb_real)-b, run->u, run->u_before);
    if (!run->v_before) return;
    clb_axpy(P, -1, run->state->v, run->v_before);
    for (i = 0; i < 2 * net->L; ++i) {
        size_t at = clbi_tensor(net, i, &n);
        if (at != CLB_NO_BIAS)
            run->turn[i] = half / 2 * clb_dot(n, run->u_before + at, run->v_before + at);
    }
}

/* The law of the step that follows. Adam has no law; its prediction is the sum of the two parts
 * that are recorded. */
static void clbi_law_step(clbi_run *run, size_t l)
{
    const clb_train_opts *o = &run->o;
    clb_trace *tr = &run->trace;
    const clbi_law *law = &run->law;
    double eta = run->eta, keep = 1 - eta * o->decay, sv = 0, turn = 0;
    double UU = clbi_layer_difference(run, run->UU, l, 1), shrink = keep - 1;
    double WU = clbi_layer_difference(run, run->WU, l, 0);
    double WW = clbi_layer_difference(run, run->WW, l, -1);
    double first = 2 * (shrink * WW - eta * WU), swing, c = law->C[l - 1], swing_c;
    double second = shrink * shrink * WW - 2 * shrink * eta * WU + eta * eta * UU;
    tr->first[l - 1] += first;
    tr->second[l - 1] += second;
    if (o->optimizer == CLB_ADAM) {
        tr->predicted[l - 1] += first + second;
        return;
    }
    swing = clbi_layer_difference(run, run->swing, l, 1);
    swing_c = o->rates ? 0 : law->swing_C[l - 1];
    if (o->rates) c = clbi_layer_difference(run, run->WW, l, 0);
    if (o->optimizer == CLB_HEAVY_BALL) {
        sv = eta * UU;
        turn = eta > 0 ? swing / eta : 0;
    } else if (o->optimizer == CLB_NESTEROV) {
        sv = eta * clbi_vector_difference(run, run->u, run->state->v, l, 1);
        turn = clbi_layer_difference(run, run->turn, l, 1);
    }
    tr->predicted[l - 1] +=
        clbi_law_advance(run, &law->C[l - 1], &law->D[l - 1], c, eta * eta * UU, sv);
    tr->oscillation[l - 1] += clbi_law_advance(run, &law->swing_C[l - 1], &law->swing_D[l - 1],
                                               swing_c, swing, turn);
    tr->flow[l - 1] = tr->predicted[l - 1] - tr->oscillation[l - 1];
}

/* The same for each neuron of hidden layer l, whose first neuron has the number `at`. */
static void clbi_neuron_law_step(clbi_run *run, size_t l, size_t at)
{
    const clb_net *net = run->net;
    const clbi_law *law = &run->neurons;
    size_t j, m = net->m[l];
    double *ss = run->scratch, *sv = ss + m, *swing = sv + m, *turn = swing + m, *c = turn + m;
    double a, b, half = clbi_swing_factors(run, &a, &b) / 2, eta = run->eta;
    int ball = run->o.optimizer == CLB_HEAVY_BALL, rates = run->o.rates != NULL;
    clbi_neuron_difference(run, run->u, run->u, l, 1, ss);
    clbi_neuron_difference(run, run->u_before, run->u_before, l, 1, swing);
    if (rates) clbi_neuron_difference(run, net->theta, net->theta, l, 0, c);
    if (run->v_before) {
        clbi_neuron_difference(run, run->u, run->state->v, l, 1, sv);
        clbi_neuron_difference(run, run->u_before, run->v_before, l, 1, turn);
    }
    for (j = 0; j < m; ++j, ++at) {
        double b_b = half * half * swing[j], b_v = 0, u_v = ball ? ss[j] : 0, change, part;
        double own = rates ? c[j] : law->C[at], swing_own = rates ? 0 : law->swing_C[at];
        if (run->v_before) u_v = sv[j], b_v = half > 0 ? half / 2 * turn[j] : 0;
        if (ball && eta > 0) b_v = b_b / eta;
        change = clbi_law_advance(run, &law->C[at], &law->D[at], own, eta * eta * ss[j], eta * u_v);
        part = clbi_law_advance(run, &law->swing_C[at], &law->swing_D[at], swing_own, b_b, b_v);
        run->trace.neuron_oscillation[at] += part;
        run->trace.neuron_flow[at] += change - part;
    }
}

/* All laws. Needs U, and V after its update. */
static void clbi_laws(clbi_run *run)
{
    size_t l, at = 0;
    if (!run->kept) return;
    if (run->u != run->grad || run->clipped < 1) clbi_layer_products(run, run->u);
    if (run->u_before) clbi_swings(run);
    for (l = 1; l < run->net->L; ++l) {
        clbi_law_step(run, l);
        if (run->neurons.C && run->u_before) clbi_neuron_law_step(run, l, at);
        at += run->net->m[l];
    }
}

/* Stores what the next step needs of this one. */
static void clbi_remember(clbi_run *run)
{
    clb_real *u = run->u;
    if (!run->u_before) return;
    if (u == run->grad) run->grad = run->u_before;
    run->u = run->u_before;
    run->u_before = u;
    run->eta_before = run->eta;
    if (run->v_before)
        memcpy(run->v_before, run->state->v, run->net->P * sizeof *run->v_before);
}

/* G <- G min(1, clip/|G|). |G| comes from the squares of the layers in UU. */
static void clbi_clip(clbi_run *run)
{
    double sum = 0, norm;
    size_t i;
    run->clipped = 1;
    if (!(run->o.clip < (double)INFINITY)) return;
    for (i = 0; i < 2 * run->net->L; ++i) sum += run->UU[i];
    norm = clbi_sqrt(sum);
    if (!(norm > run->o.clip)) return;
    run->clipped = run->o.clip / norm;
    clb_scale(run->net->P, (clb_real)run->clipped, run->grad);
}

/* W <- (1 - eta decay) W - eta U; without U where each layer has a rate of its own. */
static void clbi_move_part(void *context, size_t i)
{
    const clbi_run *run = (const clbi_run *)context;
    size_t n, at = clbi_part_of(run, i, &n);
    clb_real *theta = run->net->theta + at;
    if (run->o.decay > 0) clb_scale(n, (clb_real)(1 - run->eta * run->o.decay), theta);
    if (!run->o.rates) clb_axpy(n, (clb_real)-run->eta, run->u + at, theta);
}

static void clbi_move(clbi_run *run)
{
    clb_real *theta = run->net->theta;
    size_t i, n;
    if (!run->o.rates || run->o.decay > 0) clbi_in_parts(run, clbi_move_part);
    for (i = 0; run->o.rates && i < 2 * run->net->L; ++i) {         /* W_l - eta rates_l U_l */
        size_t at = clbi_tensor(run->net, i, &n);
        clb_real step = (clb_real)(-run->eta * run->o.rates[i % run->net->L]);
        if (at != CLB_NO_BIAS) clb_axpy(n, step, run->u + at, theta + at);
    }
}

static clb_status clbi_update(clbi_run *run)
{
    run->eta = clb_schedule_eta(&run->o.schedule, run->base, run->state->t);
    if (!(run->eta >= 0 && run->eta <= 1e300)) return CLB_ESCHEDULE;
    clbi_clip(run);
    if (run->kept) run->trace.step[run->t] = run->eta * run->clipped;
    clbi_direction(run);
    clbi_laws(run);
    clbi_move(run);
    clbi_remember(run);
    run->state->time += run->eta;
    return CLB_OK;
}

/* Are the products of layers needed: for the trace, a limit of the charges, or clipping? */
static int clbi_run_measures(const clbi_run *run)
{
    return run->kept || run->o.charge_max < (double)INFINITY || run->o.clip < (double)INFINITY;
}

/* Records the norms and the loss at theta_t, before observers look. Returns CLB_EDIVERGED beyond
 * the limits. */
static clb_status clbi_record_state(clbi_run *run)
{
    size_t l, L = run->net->L;
    if (clbi_run_measures(run)) clbi_layer_products(run, run->grad);
    if (run->kept) {
        memcpy(run->trace.q + run->t * L, run->WW, L * sizeof(double));
        memcpy(run->trace.qb + run->t * L, run->WW + L, L * sizeof(double));
    }
    if (!(run->pass.loss <= run->o.loss_max)) return CLB_EDIVERGED;
    for (l = 1; l < L && clbi_run_measures(run); ++l)
        if (!(fabs(run->WW[l] - run->WW[l - 1]) <= run->o.charge_max)) return CLB_EDIVERGED;
    if (run->kept) run->trace.loss[run->t] = run->pass.loss;
    return CLB_OK;
}

/* Records the gradient of the step, after clbi_record_state. */
static void clbi_record_gradient(clbi_run *run)
{
    clb_trace *tr = &run->trace;
    size_t l, L = run->net->L, row = run->t * L;
    if (!run->kept) return;
    memcpy(tr->g + row, run->UU, L * sizeof(double));
    memcpy(tr->gb + row, run->UU + L, L * sizeof(double));
    for (l = 1; l < L; ++l)
        tr->S[l - 1] += tr->g[row + l] - tr->g[row + l - 1] - tr->gb[row + l - 1];
}

/* Is t on a logarithmic grid from 1 on, with per_decade points in each decade (rounded)? */
static int clbi_on_log_grid(size_t t, size_t per_decade)
{
    double position;
    if (t < 2) return 1;
    position = floor((double)per_decade * (clb_log((double)t + 0.5) / clb_log(10.0)));
    return floor((double)per_decade * (clb_log((double)t - 0.5) / clb_log(10.0))) < position;
}

/* Does the observer look at step t? *next: the first entry of its list that is not below t. */
static int clbi_observer_due(const clb_observer *ob, size_t t, size_t *next)
{
    if (ob->every) return t % ob->every == 0;
    if (ob->at_count) {
        while (*next < ob->at_count && ob->at[*next] < t) ++*next;
        return *next < ob->at_count && ob->at[*next] == t;
    }
    return ob->per_decade ? clbi_on_log_grid(t, ob->per_decade) : 1;
}

/* Notes which observers look at step t. Returns 1 if there are any. */
static int clbi_observers_due(clbi_run *run)
{
    size_t i, count = run->o.observer_count, looking = 0;
    for (i = 0; i < count; ++i) {
        int due = clbi_observer_due(&run->o.observers[i], run->state->t, &run->cursor[i]);
        run->cursor[count + i] = due || run->t == run->T;
        looking += run->cursor[count + i];
    }
    return looking > 0;
}

/* Is the pass unchanged by observers: all rows, not frozen? */
static int clbi_pass_is_plain(const clb_pass *pass)
{
    return !pass->slope && pass->n == pass->data->n && pass->X == pass->data->X;
}

/* Loss (into pass.loss) and gradient at theta; grad NULL: only the loss. The pass itself is
 * evaluated only if an observer looks at it. */
static void clbi_run_gradient(clbi_run *run, clb_real *grad, int looking)
{
    int plain = !run->o.batch && clbi_pass_is_plain(&run->pass),
        reduced = plain && run->reduced.arena;
    if (run->rows.arena) {
        clbi_rows_grad(&run->rows, &run->pass, grad);
        return;
    }
    if ((!plain || looking) && grad) clb_grad(&run->pass, NULL, grad);
    else if (!plain || looking) clb_loss(&run->pass, NULL);
    else if (!reduced) run->pass.loss = clbi_blocks_grad(&run->blocks, run->net->theta, grad);
    if (reduced) run->pass.loss = clbi_reduced_grad(&run->reduced, run->net, run->pass.n, grad);
}

static int clbi_is_constant(const clb_schedule *s)
{
    return !s->call && s->warmup == 0 && s->kind == CLB_CONSTANT;
}

static clb_verdict clbi_observe(clbi_run *run)
{
    clb_verdict verdict = CLB_CONTINUE;
    clb_state state;
    size_t i;
    state.t = run->state->t;
    state.time = clbi_is_constant(&run->o.schedule) ? run->base * (double)state.t
                                                    : run->state->time;
    state.net = run->net;
    state.pass = &run->pass;
    state.grad = run->grad;
    state.loss = run->pass.loss;
    state.trace = run->kept ? &run->trace : NULL;
    for (i = 0; i < run->o.observer_count; ++i) {
        const clb_observer *ob = &run->o.observers[i];
        clb_verdict v;
        if (!run->cursor[run->o.observer_count + i]) continue;
        v = ob->call(ob->context, &state);
        if (v == CLB_STOP) verdict = v;
    }
    return verdict;
}

/* Computes and records loss and gradient at theta_t, and calls the observers. */
static clb_status clbi_run_look(clbi_run *run, clb_verdict *verdict)
{
    int looking = clbi_observers_due(run), last = run->t == run->T;
    clb_status status;
    *verdict = CLB_CONTINUE;
    if (run->o.batch && !looking && !last) return CLB_OK;
    if (run->o.batch) clb_pass_batch(&run->pass, NULL, 0);
    clbi_run_gradient(run, looking || !last ? run->grad : NULL, looking);
    if ((status = clbi_record_state(run)) != CLB_OK) return status;
    if (looking) *verdict = clbi_observe(run);
    return run->o.batch && run->pass.slope ? CLB_EFROZEN : CLB_OK;
}

/* Early stopping looks at theta_t. Returns CLB_STOP when its patience is used up. */
static clb_verdict clbi_early_look(clbi_run *run)
{
    clb_early_stop *early = run->o.early;
    double loss;
    if (!early || (run->state->t % early->every && run->t < run->T)) return CLB_CONTINUE;
    loss = clb_loss(&run->early_pass, NULL);
    if (loss < early->best_loss) {
        early->best_loss = loss;
        early->best_t = run->state->t;
        run->idle = 0;
        memcpy(run->best, run->net->theta, run->net->P * sizeof(clb_real));
        return CLB_CONTINUE;
    }
    if (++run->idle < early->patience) return CLB_CONTINUE;
    early->stopped = 1;
    return CLB_STOP;
}

static clb_status clbi_run_steps(clbi_run *run)
{
    for (run->t = 0;; ++run->t, ++run->state->t) {
        clb_verdict verdict;
        clb_status status = clbi_run_look(run, &verdict);
        if (status || verdict == CLB_STOP) return status;
        if (clbi_early_look(run) == CLB_STOP || run->t == run->T) return CLB_OK;
        if (run->o.batch) {
            clbi_next_batch(run);
            clbi_run_gradient(run, run->grad, 0);
            if ((status = clbi_record_state(run)) != CLB_OK) return status;
        }
        clbi_record_gradient(run);
        if ((status = clbi_update(run)) != CLB_OK) return status;
    }
}

/* *total += count * size. Returns 0 if count is 0, which means that computing count overflowed, or
 * if the sum overflows. */
static int clbi_add_bytes(size_t count, size_t size, size_t *total)
{
    size_t bytes;
    return count > 0 && clbi_mul_size(count, size, &bytes) && clbi_add_size(*total, bytes, total);
}

/* The bytes of a run without its pass and sufficient statistics; 0 on overflow. */
static size_t clbi_run_bytes(const clb_net *net, const clb_data *data, size_t T,
                             const clb_train_opts *o, int kept)
{
    size_t n = data->n, total = 2 * sizeof(size_t) * o->observer_count;
    size_t hidden = kept && o->neurons ? clb_hidden_count(net) : 0;
    clb_data view = *data;
    clbi_run run;
    clbi_room room = CLB_ZERO;
    view.n = clbi_last_block_rows(net, n);
    memcpy(&run.net, &net, sizeof net);
    run.o = *o;
    run.kept = kept;
    clbi_run_layout(&run, &room);
    if (!clbi_add_bytes(clbi_room_bytes(&room), 1, &total)) return 0;
    if (kept && !clbi_add_bytes(clbi_trace_bytes(net->L, T, hidden), 1, &total)) return 0;
    if (!o->state && !clbi_add_bytes(clbi_state_bytes(o->optimizer, net->P), 1, &total)) return 0;
    if (o->early && (!clbi_add_bytes(clb_pass_bytes(net, o->early->data), 1, &total) ||
                     !clbi_add_bytes(net->P, sizeof(clb_real), &total))) return 0;
    if (o->batch) {
        size_t row = (o->state ? 0 : sizeof(uint32_t)) + data->d * sizeof(clb_real) +
                     (data->y ? sizeof(int) : 0) +
                     (data->targets ? data->K * sizeof(clb_real) : 0);
        if (!clbi_add_bytes(n, row, &total)) return 0;
    }
    if (clbi_threaded(net, data, o)) {
        if (!clbi_add_bytes(clbi_rows_bytes(net), 1, &total)) return 0;
    } else if (!o->batch && !clbi_reduces(net, data, o)) {
        if (!clbi_add_bytes(clb_pass_bytes(net, &view), 1, &total) ||
            !clbi_add_bytes(clbi_blocks_bytes(net, data), 1, &total)) return 0;
    }
    return total;
}

CLBDEF size_t clb_train_bytes(const clb_net *net, const clb_data *data, size_t T,
                              const clb_train_opts *opts, int with_trace)
{
    static const clb_train_opts defaults = CLB_ZERO;
    clb_train_opts o = opts ? *opts : defaults;
    size_t total = 0, factor = 0, run;
    clb_train_opts_resolve(&o);
    if ((run = clbi_run_bytes(net, data, T, &o, with_trace)) == 0) return 0;
    if ((o.batch || o.observer_count || clbi_threaded(net, data, &o)) &&
        !clbi_add_bytes(clb_pass_bytes(net, data), 1, &total)) return 0;
    if (clbi_reduces(net, data, &o)) {                /* the factorisation ends before the run    */
        if (!clbi_add_bytes(clbi_reduced_bytes(net), 1, &total) ||
            !clbi_add_bytes(data->d + CLBI_REDUCE_ROWS + 1, (data->d + data->K) * sizeof(double),
                            &factor)) return 0;
    }
    return clbi_add_size(total, run > factor ? run : factor, &total) ? total : 0;
}

CLBDEF clb_status clb_train(clb_net *net, const clb_data *data, double eta, size_t T,
                            const clb_train_opts *opts, clb_trace *trace)
{
    static const clb_train_opts defaults = CLB_ZERO;
    clbi_run run;
    clb_status status;
    memset(&run, 0, sizeof run);
    if (trace) memset(trace, 0, sizeof *trace);
    run.net = net;
    run.o = opts ? *opts : defaults;
    run.base = eta;
    run.eta_before = -1;
    run.degree = clb_degree(net);
    if (run.degree != run.degree) run.degree = 1;
    run.T = T;
    run.kept = trace != NULL;
    clb_train_opts_resolve(&run.o);
    if ((status = clbi_train_check(&run.o, net, data, eta)) != CLB_OK) return status;
    status = clbi_run_alloc(&run, data);
    if (!status) status = clbi_run_trace(&run);
    if (!status) {
        status = clbi_run_steps(&run);
        run.trace.steps = run.t;
        if (run.best) memcpy(net->theta, run.best, net->P * sizeof *net->theta);
    }
    clbi_run_free(&run);
    if (trace && (status == CLB_OK || status == CLB_EDIVERGED)) *trace = run.trace;
    else clb_trace_free(&run.trace);
    if (status == CLB_EDIVERGED)
        return clbi_fail(run.o.error, status, "training diverged after %z updates", run.t);
    return clbi_done(run.o.error, status);
}

static void clbi_train_one(void *context, size_t i)
{
    static const clb_threads none = CLB_ZERO;
    static const clb_train_opts defaults = CLB_ZERO;
    clb_training *run = (clb_training *)context + i;
    clb_train_opts opts = run->opts ? *run->opts : defaults;
    opts.threads = none;
    run->status = clb_train(run->net, run->data, run->eta, run->T, &opts, run->trace);
}

CLBDEF clb_status clb_train_many(clb_training *runs, size_t count, const clb_threads *threads)
{
    double work = 0;
    size_t i;
    for (i = 0; i < count; ++i)
        work += (double)runs[i].net->P * (double)runs[i].data->n * (double)runs[i].T;
    if (clbi_threads_for(threads, work) < 2) threads = NULL;
    clbi_parallel(threads, count, clbi_train_one, runs);
    for (i = 0; i < count && !runs[i].status; ++i) { }
    return i < count ? runs[i].status : CLB_OK;
}

#ifndef CLB_NO_STDIO
/* Writes ",x" with 17 digits and a decimal point in every locale. */
static void clbi_trace_number(FILE *file, double x)
{
    char text[64];
    size_t i;
    int point = 0;
    snprintf(text, sizeof text, "%.17g", x);
    fputc(',', file);
    for (i = 0; text[i]; ++i) {
        if (strchr("+-0123456789einfa", text[i])) fputc(text[i], file);
        else if (!point++) fputc('.', file);
    }
}

/* L numbers, or as many empty fields. */
static void clbi_trace_numbers(FILE *file, size_t L, const double *x)
{
    size_t l;
    for (l = 0; l < L; ++l) {
        if (x) clbi_trace_number(file, x[l]);
        else fputc(',', file);
    }
}

static void clbi_trace_names(FILE *file, const char *name, size_t L)
{
    size_t l;
    for (l = 1; l <= L; ++l) fprintf(file, ",%s%lu", name, (unsigned long)l);
}

CLBDEF clb_status clb_trace_csv_save(const clb_trace *trace, const char *path)
{
    FILE *file = fopen(path, "wb");
    size_t t, l, L = trace->L;
    int failed;
    if (!file) return CLB_EIO;
    fprintf(file, "t,loss,step");
    clbi_trace_names(file, "W", L);
    clbi_trace_names(file, "b", L);
    clbi_trace_names(file, "G", L);
    clbi_trace_names(file, "g", L);
    clbi_trace_names(file, "C", L - 1);
    for (t = 0; t <= trace->steps; ++t) {
        int last = t == trace->steps;
        fprintf(file, "\n%lu", (unsigned long)t);
        clbi_trace_number(file, trace->loss[t]);
        clbi_trace_numbers(file, 1, last ? NULL : trace->step + t);
        clbi_trace_numbers(file, L, trace->q + t * L);
        clbi_trace_numbers(file, L, trace->qb + t * L);
        clbi_trace_numbers(file, L, last ? NULL : trace->g + t * L);
        clbi_trace_numbers(file, L, last ? NULL : trace->gb + t * L);
        for (l = 1; l < L; ++l) clbi_trace_number(file, clb_trace_law(trace, l, t));
    }
    fputc('\n', file);
    failed = ferror(file);
    if (fclose(file) || failed) return CLB_EIO;
    return CLB_OK;
}

enum { CLBI_TRACE_ARRAYS = 14 };

/* Adds an array of a trace as a named tensor, without copying it. columns 0: a vector. */
static void clbi_trace_array(clb_tensors *to, const char *name, double *x, size_t rows,
                             size_t columns)
{
    clb_tensor *item = &to->item[to->count++];
    item->array.rank = columns ? 2 : 1;
    item->array.shape[0] = rows;
    item->array.shape[1] = columns;
    item->array.count = columns ? rows * columns : rows;
    item->array.x = x;
    item->digits = 53;
    memcpy(item->name, name, strlen(name) + 1);
}

CLBDEF clb_status clb_trace_npz_save(const clb_trace *trace, const char *path)
{
    clb_tensor items[CLBI_TRACE_ARRAYS];
    char names[CLBI_TRACE_ARRAYS][16];
    clb_tensors all;
    size_t i, L = trace->L, T = trace->steps;
    memset(items, 0, sizeof items);
    for (i = 0; i < CLBI_TRACE_ARRAYS; ++i) items[i].name = names[i];
    all.count = 0;
    all.item = items;
    clbi_trace_array(&all, "loss", trace->loss, T + 1, 0);
    clbi_trace_array(&all, "step", trace->step, T, 0);
    clbi_trace_array(&all, "g", trace->g, T, L);
    clbi_trace_array(&all, "gb", trace->gb, T, L);
    clbi_trace_array(&all, "q", trace->q, T + 1, L);
    clbi_trace_array(&all, "qb", trace->qb, T + 1, L);
    clbi_trace_array(&all, "upper", trace->upper, L - 1, 0);
    clbi_trace_array(&all, "lower", trace->lower, L - 1, 0);
    clbi_trace_array(&all, "S", trace->S, L - 1, 0);
    clbi_trace_array(&all, "predicted", trace->predicted, L - 1, 0);
    clbi_trace_array(&all, "flow", trace->flow, L - 1, 0);
    clbi_trace_array(&all, "oscillation", trace->oscillation, L - 1, 0);
    clbi_trace_array(&all, "first", trace->first, L - 1, 0);
    clbi_trace_array(&all, "second", trace->second, L - 1, 0);
    return clb_npz_save(&all, path);
}
#endif

/* --------------------------------------------------------------------------------------------
 * Watching
 * ------------------------------------------------------------------------------------------ */

CLBDEF double clb_stability_limit(const clb_train_opts *opts, double eta)
{
    clb_train_opts o = CLB_ZERO;
    double limit;
    if (opts) o = *opts;
    o.early = NULL;
    clb_train_opts_resolve(&o);
    limit = 2 / eta - o.decay;
    if (o.optimizer == CLB_ADAM || o.rates) return (double)NAN;
    if (o.optimizer == CLB_HEAVY_BALL) limit *= 1 + o.beta1;
    if (o.optimizer == CLB_NESTEROV) limit *= (1 + o.beta1) / (1 + 2 * o.beta1);
    return limit - o.l2;
}

/* The state of a watched run. */
typedef struct clbi_watching {
    clb_watch            *watch;
    const clb_train_opts *opts;
    double                eta;
    size_t                room;         /* rows                                              */
    clb_status            status;
    clb_pass              pass;
    clb_curv              curv;
    clb_rng               rng;
    clb_real             *start;        /* [2P] start vector of Lanczos; work                */
} clbi_watching;

/* The largest number of rows that the looks during T updates need. */
static size_t clbi_watch_room(const clb_watch *w, size_t T)
{
    size_t decades = 1, t;
    if (w->every) return T / w->every + 2;
    if (w->at_count) return w->at_count + 1;
    for (t = T; t >= 10; t /= 10) ++decades;
    return w->per_decade * decades + 3;
}

static void clbi_watch_layout(clb_watch *w, size_t rows, clbi_room *room)
{
    w->t = (size_t *)clbi_part(room, rows, 1, sizeof *w->t);
    w->loss = clbi_doubles(room, rows, 1);
    w->limit = clbi_doubles(room, rows, 1);
    w->value = clbi_doubles(room, rows, w->k);
    w->charge = clbi_doubles(room, rows, w->charges);
}

static clb_status clbi_watch_alloc(clb_watch *w, size_t rows)
{
    clbi_room room = CLB_ZERO;
    clb_status status;
    clbi_watch_layout(w, rows, &room);
    if ((status = clbi_room_alloc(&room, &w->arena)) != CLB_OK) return status;
    clbi_watch_layout(w, rows, &room);
    return CLB_OK;
}

CLBDEF void clb_watch_free(clb_watch *watch)
{
    CLB_FREE(watch->arena);
    clb_trace_free(&watch->trace);
    memset(watch, 0, sizeof *watch);
}

/* start = the sum of the eigenvectors, plus a random vector of a tenth of their length. */
static void clbi_watch_start(clbi_watching *w, const clb_eigs *eigs)
{
    size_t i, P = eigs->n;
    clb_real *noise = w->start + P;
    clb_rng_normal(&w->rng, P, noise);
    clb_scale(P, (clb_real)(0.1 / clbi_sqrt((double)P)), noise);
    memcpy(w->start, noise, P * sizeof *noise);
    for (i = 0; i < eigs->count; ++i) clb_axpy(P, 1, eigs->vector + i * P, w->start);
}

/* The largest eigenvalues at the point of the curvature, into row[0..k-1]. Missing ones are NaN. */
static clb_status clbi_watch_values(clbi_watching *w, double *row)
{
    clb_linop H = clb_hessian_op(&w->curv);
    clb_lanczos_opts how = CLB_ZERO;
    clb_eigs eigs;
    clb_status status;
    size_t i;
    how.tol = w->watch->tol;
    how.no_check = 1;
    how.start = w->watch->count > 0 ? w->start : NULL;
    status = clb_lanczos(&H, w->watch->k, &how, &eigs);
    for (i = 0; i < w->watch->k; ++i) row[i] = i < eigs.count ? eigs.value[i] : (double)NAN;
    if (status == CLB_ENOCONV) ++w->watch->unsure;
    if (status == CLB_OK || status == CLB_ENOCONV) {
        clbi_watch_start(w, &eigs);
        clb_eigs_free(&eigs);
        return CLB_OK;
    }
    return status;
}

static clb_verdict clbi_watch_look(void *context, const clb_state *state)
{
    clbi_watching *w = (clbi_watching *)context;
    clb_watch *watch = w->watch;
    size_t l, i = watch->count;
    double eta = clb_schedule_eta(w->opts ? &w->opts->schedule : NULL, w->eta, state->t);
    if (i == w->room) return CLB_CONTINUE;
    clb_curv_at(&w->curv, state->net->theta);
    w->status = clbi_watch_values(w, watch->value + i * watch->k);
    if (w->status) return CLB_STOP;
    watch->t[i] = state->t;
    watch->loss[i] = state->loss;
    watch->limit[i] = clb_stability_limit(w->opts, eta);
    for (l = 1; l < state->net->L; ++l)
        watch->charge[i * watch->charges + l - 1] = clb_charge_bias(state->net, NULL, l);
    ++watch->count;
    return CLB_CONTINUE;
}

static CLBI_COLD void clbi_watch_resolve(clb_watch *w, const clb_net *net, size_t T)
{
    if (!w->every && !w->at_count && !w->per_decade) w->every = T > 100 ? T / 100 : 1;
    if (w->k == 0) w->k = 1;
    if (w->k > net->P) w->k = net->P;
    if (w->tol == 0) w->tol = sizeof(clb_real) == 8 ? 1e-6 : 1e-4;
    w->count = w->unsure = 0;
    w->charges = net->L - 1;
}

/* Runs the training with the watch as the last observer. observers: room for one more than opts
 * has. */
static clb_status clbi_watch_run(clbi_watching *w, clb_net *net, const clb_data *data, size_t T,
                                 clb_observer *observers)
{
    clb_train_opts o = CLB_ZERO;
    clb_observer *last;
    clb_status status;
    if (w->opts) o = *w->opts;
    if (o.observer_count) memcpy(observers, o.observers, o.observer_count * sizeof *observers);
    last = observers + o.observer_count;
    last->call = clbi_watch_look;
    last->context = w;
    last->every = w->watch->every;
    last->at = w->watch->at;
    last->at_count = w->watch->at_count;
    last->per_decade = w->watch->per_decade;
    o.observers = observers;
    ++o.observer_count;
    status = clb_train(net, data, w->eta, T, &o, &w->watch->trace);
    return w->status ? w->status : status;
}

CLBDEF clb_status clb_train_watched(clb_net *net, const clb_data *data, double eta, size_t T,
                                    const clb_train_opts *opts, clb_watch *watch)
{
    clbi_watching w;
    clb_observer *observers = NULL;
    clb_status status;
    memset(&w, 0, sizeof w);
    clbi_watch_resolve(watch, net, T);
    w.watch = watch;
    w.opts = opts;
    w.eta = eta;
    w.room = clbi_watch_room(watch, T);
    clb_rng_seed(&w.rng, 1);
    watch->t = NULL;
    watch->arena = NULL;
    memset(&watch->trace, 0, sizeof watch->trace);
    status = clbi_watch_alloc(watch, w.room);
    if (!status) status = clb_pass_init(&w.pass, net, data, opts ? opts->ce : CLB_MSE);
    if (!status) status = clb_curv_init(&w.curv, &w.pass);
    if (!status) status = clbi_alloc(&w.start, net->P, 2 * sizeof(clb_real));
    if (!status)
        status = clbi_calloc(&observers, (opts ? opts->observer_count : 0) + 1, sizeof *observers);
    if (!status) status = clbi_watch_run(&w, net, data, T, observers);
    CLB_FREE(observers);
    CLB_FREE(w.start);
    clb_curv_free(&w.curv);
    clb_pass_free(&w.pass);
    if (status && status != CLB_EDIVERGED) clb_watch_free(watch);
    return status;
}

/* --------------------------------------------------------------------------------------------
 * Gradient flow
 * ------------------------------------------------------------------------------------------ */

#ifdef CLB_SINGLE
#define CLBI_EPSILON 1.1920928955078125e-7
#else
#define CLBI_EPSILON 2.220446049250313e-16
#endif

/* The factor a for a neuron with p, q and the wanted charge c; 1 if no a > 0 solves q/a^2 - p a^2 =
 * c. */
static double clbi_rescale_factor(double p, double q, double c)
{
    double r = clbi_sqrt(c * c + 4 * p * q), a2;
    if (!(p > 0) || !(q > 0)) return 1;
    a2 = c > 0 ? 2 * q / (c + r) : (r - c) / (2 * p);
    return a2 > 0 && a2 - a2 == 0 ? clbi_sqrt(a2) : 1;
}

/* Multiplies row j (and bias j) of layer l by lower and column j of layer l+1 by upper. The factors
 * are a and 1/a for weights, 1/a and a for gradients. */
static void clbi_rescale_neuron(const clb_net *net, clb_real *x, size_t l, size_t j, double lower,
                                double upper)
{
    size_t i, below = net->m[l - 1], m = net->m[l];
    clb_real *row = x + net->w[l] + j * below, *column = x + net->w[l + 1] + j;
    for (i = 0; i < below; ++i) row[i] = (clb_real)((double)row[i] * lower);
    if (net->b[l] != CLB_NO_BIAS) x[net->b[l] + j] = (clb_real)((double)x[net->b[l] + j] * lower);
    for (i = 0; i < net->m[l + 1]; ++i) column[i * m] = (clb_real)((double)column[i * m] * upper);
}

/* One sweep over all layers. Returns the largest relative error before it is corrected. p, q: work
 * space of max m_l doubles each. */
static double clbi_rescale_sweep(const clb_net *net, clb_real *theta, clb_real *grad,
                                 const double *charges, double *p, double *q)
{
    double worst = 0;
    size_t l, j;
    for (l = 1; l < net->L; ++l, charges += net->m[l - 1]) {
        clbi_neuron_products(net, theta, theta, l, 0, 1, p);
        clbi_neuron_products(net, theta, theta, l, 1, 0, q);
        for (j = 0; j < net->m[l]; ++j) {
            double a = clbi_rescale_factor(p[j], q[j], charges[j]);
            double error = fabs(q[j] - p[j] - charges[j]) / (p[j] + q[j] + 1e-300);
            if (!(p[j] > 0) || !(q[j] > 0)) continue;
            if (!(error <= worst)) worst = error;
            if (a == 1) continue;
            clbi_rescale_neuron(net, theta, l, j, a, 1 / a);
            if (grad) clbi_rescale_neuron(net, grad, l, j, 1 / a, a);
        }
    }
    return worst;
}

/* Repeats the sweeps until the error is of the size of rounding, or no longer decreases. This is a
 * Gauss-Seidel iteration over the layers: it converges linearly, and in one sweep for a net with
 * one hidden layer. */
static clb_status clbi_rescale(const clb_net *net, clb_real *theta, clb_real *grad,
                               const double *charges, double *scratch, double *error,
                               size_t *sweeps)
{
    const double good = 4 * CLBI_EPSILON, tolerable = 64 * CLBI_EPSILON;
    double before = (double)INFINITY, best = (double)INFINITY;
    size_t count, idle = 0, half = clb_hidden_count(net);
    for (count = 0; count < 10000; ++count) {
        before = clbi_rescale_sweep(net, theta, grad, charges, scratch, scratch + half);
        if (before <= good) break;
        idle = before < 0.999 * best ? 0 : idle + 1;
        if (before < best) best = before;
        if (idle >= 8) break;
    }
    *error = before;
    *sweeps = count;
    return before <= tolerable ? CLB_OK : CLB_ENOCONV;
}

CLBDEF clb_status clb_rescale(const clb_net *net, clb_real *theta, clb_real *grad,
                              const double *charges, double *error, size_t *sweeps)
{
    double *scratch, left;
    size_t count, reals;
    clb_status status;
    if (clb_degree(net) != 1) return CLB_EACTIVATION;
    if (!clbi_mul_size(clb_hidden_count(net), 2, &reals)) return CLB_ESIZE;
    if ((status = clbi_alloc(&scratch, reals, sizeof *scratch)) != CLB_OK) return status;
    status = clbi_rescale(net, theta ? theta : net->theta, grad, charges, scratch, &left, &count);
    CLB_FREE(scratch);
    if (error) *error = left;
    if (sweeps) *sweeps = count;
    return status;
}

/* One call of clb_flow. k[i] are the stages; they are gradients, so the velocity is -k. */
#define CLBI_STAGES 7

typedef struct clbi_flow_run {
    clb_net       *net;
    clb_flow_opts  o;
    clb_flow_stats stats;
    clb_pass       pass;
    void          *arena;           /* memory of the arrays below                      */
    clb_real      *k[CLBI_STAGES];
    clb_real      *y;               /* argument of a stage; new state                  */
    double        *charges;         /* wanted; then twice as much work space           */
    double         end, dt;         /* dt: next step proposed by the error             */
} clbi_flow_run;

CLBDEF void clb_flow_opts_resolve(clb_flow_opts *opts, double time)
{
    if (opts->method == CLB_FLOW_ADAPTIVE && opts->dt == 0) opts->dt = 1e-3;
    if (opts->rtol == 0) opts->rtol = opts->method == CLB_FLOW_MIDPOINT ? 1e-16 : 1e-8;
    if (opts->atol == 0) opts->atol = 1e-10;
    if (opts->dt_min == 0) opts->dt_min = 1e-12 * time;
    if (opts->max_steps == 0) opts->max_steps = 10000000;
}

static CLBI_COLD clb_status clbi_flow_check(const clb_net *net, const clb_flow_opts *o, double time)
{
    clb_error *error = o->error;
    size_t i;
    if (!(time > 0) || !(time <= 1e300))
        return clbi_fail(error, CLB_ETIME, "time = %g; it must be positive and finite", time);
    if ((unsigned)o->method >= (unsigned)CLB_FLOW_METHOD_COUNT)
        return clbi_fail(error, CLB_EMETHOD, "method = %d; there is none of this number",
                         (int)o->method);
    if (!(o->dt > 0))
        return clbi_fail(error, CLB_ESTEP, "dt = %g; it must be positive", o->dt);
    if (!(o->rtol > 0) || !(o->atol > 0) || !(o->dt_min > 0))
        return clbi_fail(error, CLB_ETOL, "rtol = %g, atol = %g, dt_min = %g; all must be positive",
                         o->rtol, o->atol, o->dt_min);
    if (o->rescale && clb_degree(net) != 1)
        return clbi_fail(error, CLB_EACTIVATION, "rescale needs an activation of degree 1");
    if (o->time_count && !o->times)
        return clbi_fail(error, CLB_ETIME, "time_count = %z, and times is NULL", o->time_count);
    for (i = 0; i < o->time_count; ++i)
        if (!(o->times[i] >= (i ? o->times[i - 1] : 0) && o->times[i] <= time))
            return clbi_fail(error, CLB_ETIME, "times[%z] = %g; times must ascend within 0..%g", i,
                             o->times[i], time);
    return CLB_OK;
}

static void clbi_flow_layout(clbi_flow_run *run, clbi_room *room)
{
    size_t i;
    for (i = 0; i < CLBI_STAGES; ++i) run->k[i] = clbi_reals(room, run->net->P, 1);
    run->y = clbi_reals(room, run->net->P, 1);
    run->charges = clbi_doubles(room, 3, clb_hidden_count(run->net));
}

static clb_status clbi_flow_alloc(clbi_flow_run *run, const clb_data *data)
{
    clbi_room room = CLB_ZERO;
    clb_status status = clb_pass_init(&run->pass, run->net, data, run->o.ce);
    if (status) return status;
    clbi_flow_layout(run, &room);
    if ((status = clbi_room_calloc(&room, &run->arena)) != CLB_OK) return status;
    clbi_flow_layout(run, &room);
    clb_hidden_charges(run->net, NULL, run->charges);
    return CLB_OK;
}

static void clbi_flow_free(clbi_flow_run *run)
{
    clb_pass_free(&run->pass);
    CLB_FREE(run->arena);
}

static void clbi_flow_gradient(clbi_flow_run *run, const clb_real *theta, clb_real *k)
{
    run->stats.loss = clb_grad(&run->pass, theta, k);
    ++run->stats.evaluations;
}

/* y = theta - h sum_i c[i] k[i] for i < count, in ascending order. */
static void clbi_flow_stage(clbi_flow_run *run, double h, const double *c, int count)
{
    size_t P = run->net->P;
    int i;
    memcpy(run->y, run->net->theta, P * sizeof *run->y);
    for (i = 0; i < count; ++i)
        if (c[i] != 0) clb_axpy(P, (clb_real)(-h * c[i]), run->k[i], run->y);
}

/* The pair of Dormand and Prince. Row i gives the argument of stage i + 1. The last row is also the
 * solution of order 5, so the last stage of a step is the first one of the next. */
static const double clbi_dp[6][6] = {
    { 1.0 / 5 },
    { 3.0 / 40, 9.0 / 40 },
    { 44.0 / 45, -56.0 / 15, 32.0 / 9 },
    { 19372.0 / 6561, -25360.0 / 2187, 64448.0 / 6561, -212.0 / 729 },
    { 9017.0 / 3168, -355.0 / 33, 46732.0 / 5247, 49.0 / 176, -5103.0 / 18656 },
    { 35.0 / 384, 0, 500.0 / 1113, 125.0 / 192, -2187.0 / 6784, 11.0 / 84 }
};
/* order 5 minus order 4 */
static const double clbi_dp_error[7] = {
    71.0 / 57600, 0, -71.0 / 16695, 71.0 / 1920, -17253.0 / 339200, 22.0 / 525, -1.0 / 40
};

/* Root mean square of the error estimate over atol + rtol max(|theta|, |y|); 1 is the limit. */
static double clbi_flow_error(const clbi_flow_run *run, double h)
{
    size_t j, P = run->net->P;
    double sum = 0;
    int i;
    for (j = 0; j < P; ++j) {
        double e = 0, x = fabs((double)run->net->theta[j]), y = fabs((double)run->y[j]);
        for (i = 0; i < 7; ++i) e += clbi_dp_error[i] * (double)run->k[i][j];
        e = h * e / (run->o.atol + run->o.rtol * (x > y ? x : y));
        sum += e * e;
    }
    return clbi_sqrt(sum / (double)P);
}

/* One adaptive step of at most h. Returns its length, or 0 if it was rejected. k[0] must be the
 * gradient at theta, and is so again afterwards. */
static double clbi_flow_adaptive(clbi_flow_run *run, double h)
{
    double error, factor, loss = run->stats.loss;
    clb_real *last;
    int i;
    for (i = 0; i < 6; ++i) {
        clbi_flow_stage(run, h, clbi_dp[i], i + 1);
        clbi_flow_gradient(run, run->y, run->k[i + 1]);
    }
    error = clbi_flow_error(run, h);
    factor = error > 0 ? 0.9 * clb_exp(-0.2 * clb_log(error)) : 5;    /* local error of order h^5 */
    if (!(factor > 0.2)) factor = 0.2;                                 /* NaN too              */
    if (factor > 5) factor = 5;
    if (!(error <= 1) && h > run->o.dt_min) {
        run->dt = h * factor > run->o.dt_min ? h * factor : run->o.dt_min;
        run->stats.loss = loss;
        return 0;
    }
    if (!(error <= 1)) ++run->stats.forced;
    if (h >= run->dt || factor < 1) run->dt = h * factor; /* not after a step shortened by a stop */
    if (run->dt < run->o.dt_min) run->dt = run->o.dt_min;
    memcpy(run->net->theta, run->y, run->net->P * sizeof *run->y);
    last = run->k[6];
    run->k[6] = run->k[0];
    run->k[0] = last;
    return h;
}

/* One step of RK4. k[0] must be the gradient at theta; afterwards theta has moved, and k[0] has
 * not. */
static void clbi_flow_rk4(clbi_flow_run *run, double h)
{
    static const double half_1[1] = { 0.5 }, half_2[2] = { 0, 0.5 }, full_3[3] = { 0, 0, 1 };
    static const double sum[4] = { 1.0 / 6, 1.0 / 3, 1.0 / 3, 1.0 / 6 };
    clbi_flow_stage(run, h, half_1, 1);
    clbi_flow_gradient(run, run->y, run->k[1]);
    clbi_flow_stage(run, h, half_2, 2);
    clbi_flow_gradient(run, run->y, run->k[2]);
    clbi_flow_stage(run, h, full_3, 3);
    clbi_flow_gradient(run, run->y, run->k[3]);
    clbi_flow_stage(run, h, sum, 4);
    memcpy(run->net->theta, run->y, run->net->P * sizeof *run->y);
}

static void clbi_flow_euler(clbi_flow_run *run, double h)
{
    clb_axpy(run->net->P, (clb_real)-h, run->k[0], run->net->theta);
}

/* theta' = theta - h G((theta + theta')/2), by fixed-point iteration for the midpoint z: z = theta
 * - (h/2) G(z), from z = theta. It contracts for h lambda < 2. At a kink of ReLU it may alternate
 * between two values for ever; that counts as a stall. */
static void clbi_flow_midpoint(clbi_flow_run *run, double h)
{
    size_t j, P = run->net->P;
    clb_real half = (clb_real)(-0.5 * h), *z = run->k[1], *theta = run->net->theta;
    double change = 1, size = clb_sumsq(P, theta), limit = run->o.rtol * run->o.rtol * size;
    int i;
    for (i = 0; i < 200 && !(change <= limit); ++i) {
        memcpy(z, theta, P * sizeof *z);
        clb_axpy(P, half, run->k[0], z);
        for (j = 0, change = 0; i > 0 && j < P; ++j)
            change += ((double)z[j] - (double)run->y[j]) * ((double)z[j] - (double)run->y[j]);
        if (i == 0) change = 1 + limit;
        memcpy(run->y, z, P * sizeof *z);
        if (change > limit) clbi_flow_gradient(run, z, run->k[0]);
    }
    if (!(change <= limit)) ++run->stats.stalls;
    clb_axpy(P, (clb_real)-h, run->k[0], theta);
}

/* One step of at most h towards `stop`. Returns its length. */
static double clbi_flow_step(clbi_flow_run *run, double h)
{
    double left = 0;
    size_t sweeps = 0;
    switch (run->o.method) {
    case CLB_FLOW_RK4:      clbi_flow_rk4(run, h); break;
    case CLB_FLOW_EULER:    clbi_flow_euler(run, h); break;
    case CLB_FLOW_MIDPOINT: clbi_flow_midpoint(run, h); break;
    case CLB_FLOW_ADAPTIVE:
    case CLB_FLOW_METHOD_COUNT:
    default:                h = clbi_flow_adaptive(run, h); break;
    }
    if (h > 0) ++run->stats.steps;
    else ++run->stats.rejected;
    if (h > 0 && run->o.rescale) {
        clbi_rescale(run->net, run->net->theta, run->k[0], run->charges,
                     run->charges + clb_hidden_count(run->net), &left, &sweeps);
        run->stats.sweeps += sweeps;
        if (left > run->stats.law_error) run->stats.law_error = left;
    }
    if (run->o.method != CLB_FLOW_ADAPTIVE) clbi_flow_gradient(run, run->net->theta, run->k[0]);
    return h;
}

/* Advances from stats.time exactly to stop. */
static clb_status clbi_flow_advance(clbi_flow_run *run, double stop)
{
    double start = run->stats.time, span = stop - start;
    double count = ceil(span / run->o.dt * (1 - 1e-12));
    size_t done = 0;
    while (run->stats.time < stop) {
        double left = stop - run->stats.time, h = run->dt;
        int last = h >= left;
        if (run->o.method != CLB_FLOW_ADAPTIVE) {
            last = (double)(done + 1) >= count;
            h = span / count;
        } else if (last) h = left;
        else if (h > 0.5 * left) h = 0.5 * left;    /* two equal steps, not a long and a tiny one */
        if (run->stats.steps + run->stats.rejected >= run->o.max_steps) return CLB_ENOCONV;
        h = clbi_flow_step(run, h);
        if (!(run->stats.loss - run->stats.loss == 0)) return CLB_EDIVERGED;
        if (!(h > 0)) continue;
        ++done;
        if (last) run->stats.time = stop;
        else if (run->o.method == CLB_FLOW_ADAPTIVE) run->stats.time += h;
        else run->stats.time = start + (double)done * h;
    }
    return CLB_OK;
}

static clb_verdict clbi_flow_observe(clbi_flow_run *run)
{
    clb_state state;
    if (!run->o.observe) return CLB_CONTINUE;
    clbi_flow_gradient(run, run->net->theta, run->k[0]);     /* the pass holds the last stage     */
    state.t = run->stats.steps;
    state.time = run->stats.time;
    state.net = run->net;
    state.pass = &run->pass;
    state.grad = run->k[0];
    state.loss = run->stats.loss;
    state.trace = NULL;
    return run->o.observe(run->o.context, &state);
}

static clb_status clbi_flow_all(clbi_flow_run *run)
{
    size_t i;
    clb_status status = CLB_OK;
    clbi_flow_gradient(run, run->net->theta, run->k[0]);
    if (!(run->stats.loss - run->stats.loss == 0)) return CLB_EDIVERGED;
    for (i = 0; i < run->o.time_count && !status; ++i) {
        status = clbi_flow_advance(run, run->o.times[i]);
        if (status || !(run->stats.time < run->end)) continue;
        if (clbi_flow_observe(run) == CLB_STOP) return CLB_OK;
    }
    if (!status) status = clbi_flow_advance(run, run->end);
    if (!status) clbi_flow_observe(run);
    return status;
}

CLBDEF clb_status clb_flow(clb_net *net, const clb_data *data, double time,
                           const clb_flow_opts *opts, clb_flow_stats *stats)
{
    static const clb_flow_opts defaults = CLB_ZERO;
    clbi_flow_run run;
    clb_status status;
    memset(&run, 0, sizeof run);
    if (stats) memset(stats, 0, sizeof *stats);
    run.net = net;
    run.o = opts ? *opts : defaults;
    run.end = time;
    clb_flow_opts_resolve(&run.o, time);
    if ((status = clb_pass_check(net, data, run.o.ce, run.o.error)) != CLB_OK) return status;
    if ((status = clbi_flow_check(net, &run.o, time)) != CLB_OK) return status;
    run.dt = run.o.dt;
    status = clbi_flow_alloc(&run, data);
    if (!status) status = clbi_flow_all(&run);
    clbi_flow_free(&run);
    if (stats) *stats = run.stats;
    return clbi_done(run.o.error, status);
}

CLBI_CALLS_END

/* ============================================================================================
 * @S39 EIGENSOLVERS
 * ========================================================================================== */

#ifdef CLB_SINGLE
#define CLBI_EPS 1.1920928955078125e-07           /* distance from 1 to the next clb_real */
#define CLBI_REAL_MIN 0x1p-126                    /* smallest clb_real with all its digits */
#else
#define CLBI_EPS 2.2204460492503131e-16
#define CLBI_REAL_MIN 0x1p-1022
#endif
#define CLBI_DBL_EPS 2.2204460492503131e-16
#define CLBI_PANEL ((size_t)32)              /* columns reduced between two updates of the matrix */

/* The exponent s with 2^(s-1) <= max |A_ij| < 2^s over the lower triangle; 0 for a zero matrix.
 * Scaling by 2^-s is exact and keeps squares from overflowing or underflowing. *finite: are all
 * entries finite? */
static int clbi_scale_exponent(size_t n, const clb_real *A, size_t lda, int *finite)
{
    double top = 0;
    int s = 0;
    *finite = 1;
    for (size_t i = 0; i < n; ++i) {
        for (size_t j = 0; j <= i; ++j) {
            double a = fabs((double)A[i * lda + j]);
            if (!(a <= 1.7976931348623157e308)) *finite = 0;
            if (a > top) top = a;
        }
    }
    if (*finite && top > 0) (void)frexp(top, &s);
    return s;
}

/* Sign rule: the component of largest magnitude (the first one of equals) becomes positive. */
static void clbi_sign_rule(size_t n, clb_real *v)
{
    size_t top = 0;
    for (size_t j = 1; j < n; ++j)
        if (fabs((double)v[j]) > fabs((double)v[top])) top = j;
    if (n > 0 && v[top] < 0)
        for (size_t j = 0; j < n; ++j) v[j] = -v[j];
}

/* Sorts d [n] in ascending order, and the rows of Z [n][w] with it. */
static void clbi_sort_rows(size_t n, double *d, double *Z, size_t w)
{
    for (size_t i = 0; i + 1 < n; ++i) {
        size_t low = i;
        double t;
        for (size_t j = i + 1; j < n; ++j)
            if (d[j] < d[low]) low = j;
        if (low == i) continue;
        t = d[i]; d[i] = d[low]; d[low] = t;
        for (size_t k = 0; k < w; ++k) {
            t = Z[i * w + k]; Z[i * w + k] = Z[low * w + k]; Z[low * w + k] = t;
        }
    }
}

/* sqrt(x^2 + y^2), correct also if the squares overflow or underflow. */
static double clbi_hypot(double x, double y)
{
    double sum = x * x + y * y, scale;
    if (sum > 0x1p-900 && sum <= DBL_MAX) return clbi_sqrt(sum);
    scale = clbi_safe_scale(fmax(fabs(x), fabs(y)));
    return clbi_sqrt(scale * x * (scale * x) + scale * y * (scale * y)) / scale;
}

/* One implicit QL step with Wilkinson's shift on the block l..m of T, which has no zero
 * off-diagonal element. */
static void clbi_ql_step(size_t l, size_t m, double *d, double *e, double *Z, size_t w)
{
    double h = (d[l + 1] - d[l]) / (2 * e[l]);
    double root = fabs(h) > 1e150 ? fabs(h) : clbi_sqrt(1 + h * h);
    double g = d[m] - d[l] + e[l] / (h + (h < 0 ? -root : root));      /* d_m - shift */
    double s = 1, c = 1, p = 0;
    for (size_t i = m; i-- > l;) {
        double f = s * e[i], b = c * e[i];
        double r = clbi_hypot(f, g);
        e[i + 1] = r;
        if (r == 0) {                            /* the bulge vanished: T splits here */
            d[i + 1] -= p;
            e[m] = 0;
            return;
        }
        s = f / r;
        c = g / r;
        g = d[i + 1] - p;
        r = (d[i] - g) * s + 2 * c * b;
        p = s * r;
        d[i + 1] = g + p;
        g = c * r - b;
        if (w) CLBI_KERNEL(rotate)(w, c, s, Z + i * w, Z + (i + 1) * w);
    }
    d[l] -= p;
    e[l] = g;
    e[m] = 0;
}

/* The last row of the block of T that begins at row l. T splits where an off-diagonal element is
 * negligible against its neighbours on the diagonal or, because those may be 0, against
 * all of T. */
static size_t clbi_ql_split(size_t n, size_t l, const double *d, const double *e, double floor)
{
    while (l + 1 < n && fabs(e[l]) > floor &&
           fabs(e[l]) > 0.5 * CLBI_DBL_EPS * (fabs(d[l]) + fabs(d[l + 1]))) ++l;
    return l;
}

/* Eigenvalues of the symmetric tridiagonal matrix with diagonal d [n] and off-diagonal e [n]
 * (e[n-1] is work space), ascending in d; e is overwritten. Z [n][w] becomes V Z, where the rows of
 * V are the eigenvectors. So w = 0 gives values only, Z = I gives V, and a column g gives V g.
 * Returns the number of eigenvalues that did not converge. */
static size_t clbi_ql(size_t n, double *d, double *e, double *Z, size_t w)
{
    size_t i, m, failed = 0;
    double top = 0, scale;
    if (n > 0) e[n - 1] = 0;
    for (i = 0; i < n; ++i) top = fmax(top, fmax(fabs(d[i]), fabs(e[i])));
    scale = clbi_safe_scale(top);
    for (i = 0; i < n; ++i) d[i] *= scale, e[i] *= scale;
    for (size_t l = 0; l < n; ++l) {
        double floor = 0x1p-700 * scale * top;
        for (int sweep = 0; (m = clbi_ql_split(n, l, d, e, floor)) > l; ++sweep) {
            if (sweep == 60) {
                ++failed;
                break;
            }
            /* With elements so small that the angles underflow, a step changes nothing above them.
             * So after 30 sweeps elements below the rounding of |T| are dropped. */
            if (sweep == 30) floor = CLBI_DBL_EPS * scale * top;
            clbi_ql_step(l, m, d, e, Z, w);
        }
    }
    for (i = 0; i < n; ++i) d[i] /= scale;
    clbi_sort_rows(n, d, Z, w);
    return failed;
}

/* --- cyclic Jacobi -------------------------------------------------------------------------- */

/* Rotates in the plane (p, q) to make a_pq zero. a [n][n] is symmetric and full, v [n][n] has the
 * eigenvectors in rows. */
static void clbi_jacobi_rotate(size_t n, double *a, double *v, size_t p, size_t q)
{
    double apq = a[p * n + q];
    double theta = (a[q * n + q] - a[p * n + p]) / (2 * apq);          /* cot 2 phi */
    double root = fabs(theta) > 1e150 ? fabs(theta) : clbi_sqrt(1 + theta * theta);
    double t = (theta < 0 ? -1 : 1) / (fabs(theta) + root);          /* tan phi, the smaller root */
    double c = 1 / clbi_sqrt(1 + t * t), s = t * c;
    double app = a[p * n + p] - t * apq, aqq = a[q * n + q] + t * apq;
    CLBI_KERNEL(rotate)(n, c, s, a + p * n, a + q * n);
    for (size_t k = 0; k < n; ++k) {
        a[k * n + p] = a[p * n + k];
        a[k * n + q] = a[q * n + k];
    }
    a[p * n + p] = app;
    a[q * n + q] = aqq;
    a[p * n + q] = a[q * n + p] = 0;
    if (v) CLBI_KERNEL(rotate)(n, c, s, v + p * n, v + q * n);
}

/* One sweep over all planes. Returns the number of rotations. An element is negligible if it is so
 * against both of its diagonal entries, or if its square is below the rounding of |A| <= n
 * (scaled). */
static size_t clbi_jacobi_sweep(size_t n, double *a, double *v)
{
    size_t rotations = 0;
    for (size_t p = 0; p + 1 < n; ++p) {
        for (size_t q = p + 1; q < n; ++q) {
            double off = fabs(a[p * n + q]);
            double least = fmin(fabs(a[p * n + p]), fabs(a[q * n + q]));
            if (off <= 0.25 * CLBI_DBL_EPS * least || off <= CLBI_DBL_EPS * CLBI_DBL_EPS) continue;
            clbi_jacobi_rotate(n, a, v, p, q);
            ++rotations;
        }
    }
    return rotations;
}

/* Writes values and vectors from the scaled result in double. */
static void clbi_jacobi_store(size_t n, int scale, const double *a, const double *v,
                              double *values, clb_real *vectors)
{
    for (size_t i = 0; i < n; ++i) values[i] = ldexp(a[i * n + i], scale);
    if (!vectors) return;
    for (size_t i = 0; i < n; ++i) {
        double inv = 0;
        for (size_t j = 0; j < n; ++j) inv += v[i * n + j] * v[i * n + j];
        inv = 1 / clbi_sqrt(inv);
        for (size_t j = 0; j < n; ++j) vectors[i * n + j] = (clb_real)(inv * v[i * n + j]);
        clbi_sign_rule(n, vectors + i * n);
    }
}

static void clbi_jacobi_layout(size_t n, int vectors, double **a, double **v, clbi_room *room)
{
    *a = clbi_doubles(room, n, n);
    *v = vectors ? clbi_doubles(room, n, n) : NULL;
}

CLBDEF clb_status clb_jacobi(size_t n, const clb_real *A, size_t lda, double *values,
                             clb_real *vectors)
{
    clbi_room room = CLB_ZERO;
    size_t rotations = 1;
    double *a, *v;
    void *arena;
    clb_status status;
    int finite, scale = clbi_scale_exponent(n, A, lda, &finite);
    if (!finite) return CLB_ENOTFINITE;
    clbi_jacobi_layout(n, vectors != NULL, &a, &v, &room);
    if ((status = clbi_room_calloc(&room, &arena)) != CLB_OK) return status;
    clbi_jacobi_layout(n, vectors != NULL, &a, &v, &room);
    for (size_t i = 0; i < n; ++i) {
        for (size_t j = 0; j <= i; ++j)
            a[i * n + j] = a[j * n + i] = ldexp((double)A[i * lda + j], -scale);
        if (v) v[i * n + i] = 1;
    }
    for (int sweep = 0; sweep < 60 && rotations > 0; ++sweep)
        rotations = clbi_jacobi_sweep(n, a, v);
    for (size_t i = 0; i < n; ++i) {           /* selection sort of values and vectors            */
        size_t low = i;
        for (size_t j = i + 1; j < n; ++j)
            if (a[j * n + j] < a[low * n + low]) low = j;
        if (low == i) continue;
        double t = a[i * n + i]; a[i * n + i] = a[low * n + low]; a[low * n + low] = t;
        for (size_t j = 0; v && j < n; ++j) {
            t = v[i * n + j]; v[i * n + j] = v[low * n + j]; v[low * n + j] = t;
        }
    }
    clbi_jacobi_store(n, scale, a, v, values, vectors);
    CLB_FREE(arena);
    return rotations > 0 ? CLB_ENOCONV : CLB_OK;
}

/* --- symmetric product ---------------------------------------------------------------------- */

static void clbi_dense_apply(void *context, const clb_real *x, clb_real *y)
{
    const clb_dense *m = (const clb_dense *)context;
    CLBI_KERNEL(symv)(1, m->n, m->A, m->lda, x, y, m->n, 0);
}

CLBDEF clb_linop clb_dense_op(clb_dense *A)
{
    clb_linop op;
    op.n = A->n;
    op.apply = clbi_dense_apply;
    op.context = A;
    return op;
}

/* --- tridiagonalisation --------------------------------------------------------------------- */

/* A = Q T Q^T with Q = H_{n-1} ... H_1. Rows are eliminated from the last one upwards, so the
 * active matrix is always the leading block. H_k = I - tau_k v v^T with v = (A[k][0..k-2], 1, 0,
 * ...), stored in row k. The panel holds v and w of up to CLBI_PANEL reflectors, which are not yet
 * applied to A: A_now = A - sum (v w^T + w v^T). */
typedef struct clbi_tridiag {
    size_t    n, ld;       /* ld: leading dimension of the panel */
    double   *d, *e, *tau; /* T; reflector k is in tau[k] */
    double   *dot;         /* [2 CLBI_PANEL] */
    clb_real *panel;       /* [2 CLBI_PANEL][ld]  v_0, w_0, v_1, w_1, ... */
    clb_real *strips;      /* -w_0, -v_0, -w_1, ... in strips */
    clb_real *rows;        /* [CLBI_UPDATE_ROWS][2 CLBI_PANEL] */
    clb_real *x;           /* [ld] */
    clb_real *coef;        /* [2 CLBI_PANEL] */
} clbi_tridiag;

/* The Householder vector of x [k]: x becomes v with v[k-1] = 1, and H x = (0, .., 0, *beta).
 * Returns tau. */
static double clbi_householder(size_t k, clb_real *x, double *beta)
{
    double alpha = (double)x[k - 1], rest = clb_sumsq(k - 1, x), norm, inv;
    *beta = alpha;
    if (rest < 1e-290) {                                /* below rounding of a matrix scaled to 1 */
        memset(x, 0, (k - 1) * sizeof *x);
        x[k - 1] = 1;
        return 0;
    }
    norm = clbi_sqrt(alpha * alpha + rest);
    *beta = alpha > 0 ? -norm : norm;
    inv = 1 / (alpha - *beta);
    for (size_t j = 0; j + 1 < k; ++j) x[j] = (clb_real)(inv * (double)x[j]);
    x[k - 1] = 1;
    return (*beta - alpha) / *beta;
}

/* Reduces row k, with p reflectors in the panel, and adds its own reflector as number p. */
static void clbi_tridiag_row(clbi_tridiag *t, clb_real *A, size_t lda, size_t k, size_t p)
{
    clb_real *row = A + k * lda, *v = t->panel + 2 * p * t->ld, *w = v + t->ld;
    double tau, half;
    for (size_t i = 0; i < 2 * p; ++i) t->coef[i] = -t->panel[(i ^ 1) * t->ld + k];
    CLBI_KERNEL(combine)(2 * p, k + 1, t->coef, t->panel, t->ld, row);     /* row k of A_now */
    t->d[k] = (double)row[k];
    tau = t->tau[k] = clbi_householder(k, row, &t->e[k - 1]);
    memcpy(v, row, k * sizeof *v);
    if (tau == 0) {
        memset(w, 0, k * sizeof *w);
        return;
    }
    /* w = tau (A_now v) - tau/2 (tau v.A_now v) v */
    CLBI_KERNEL(symv)(1, k, A, lda, v, w, k, (int)(k & 1));
    CLBI_KERNEL(dots)(2 * p, k, t->panel, t->ld, v, t->dot);
    for (size_t i = 0; i < 2 * p; ++i) t->coef[i] = (clb_real)-t->dot[i ^ 1];
    CLBI_KERNEL(combine)(2 * p, k, t->coef, t->panel, t->ld, w);
    clb_scale(k, (clb_real)tau, w);
    half = 0.5 * tau * clb_dot(k, w, v);
    clb_axpy(k, (clb_real)-half, v, w);
}

/* A wide factor B [K][N] of a thin product, copied in strips of CLBI_STRIP columns, each contiguous
 * [K][CLBI_STRIP]. One strip and the active rows of C fit the nearest caches. */
#define CLBI_STRIP (256 / sizeof(clb_real))
#define CLBI_CHUNK ((size_t)48)                   /* rows of C at a time                      */
#define CLBI_UPDATE_ROWS ((size_t)24)             /* the same where C is large and K small    */

static void clbi_strips_fill(size_t K, size_t N, const clb_real *B, size_t ldb, clb_real *strips)
{
    for (size_t j = 0; j < N; j += CLBI_STRIP) {
        size_t w = N - j < CLBI_STRIP ? N - j : CLBI_STRIP;
        for (size_t k = 0; k < K; ++k, strips += CLBI_STRIP)
            memcpy(strips, B + k * ldb + j, w * sizeof *B);
    }
}

/* C[M][N] += A[M][K] B; the next strip of C is asked for while one is in work. */
static void clbi_strips_add(size_t M, size_t N, size_t K, const clb_real *A, const clb_real *strips,
                            clb_real *C, size_t ldc)
{
    for (size_t j = 0; j < N; j += CLBI_STRIP, strips += K * CLBI_STRIP) {
        if (j + 2 * CLBI_STRIP <= N)
            for (size_t i = 0; i < M; ++i)
                for (size_t c = 0; c < CLBI_STRIP; c += CLBI_LINE)
                    CLBI_FETCH(C + i * ldc + j + CLBI_STRIP + c);
        clb_matmul_nn_acc(M, N - j < CLBI_STRIP ? N - j : CLBI_STRIP, K, A, K, strips, CLBI_STRIP,
                          C + j, ldc);
    }
}

/* Subtracts v w^T + w v^T of p reflectors from the lower triangle of the leading k x k block. */
static void clbi_tridiag_update(const clbi_tridiag *t, clb_real *A, size_t lda, size_t k, size_t p)
{
    size_t K = 2 * p;
    clb_real *to = t->strips;
    for (size_t j = 0; j < k; j += CLBI_STRIP)             /* strip j of  -w_0, -v_0, -w_1, ... */
        for (size_t c = 0; c < K; ++c, to += CLBI_STRIP)
            for (size_t i = 0; i < CLBI_STRIP && j + i < k; ++i)
                to[i] = -t->panel[(c ^ 1) * t->ld + j + i];
    for (size_t r = 0; r < k; r += CLBI_UPDATE_ROWS) {
        size_t rows = k - r < CLBI_UPDATE_ROWS ? k - r : CLBI_UPDATE_ROWS;
        for (size_t c = 0; c < K; ++c)
            for (size_t i = 0; i < rows; ++i) t->rows[i * K + c] = t->panel[c * t->ld + r + i];
        clbi_strips_add(rows, r + rows, K, t->rows, t->strips, A + r * lda, lda);
    }
}

static void clbi_tridiagonalise(clbi_tridiag *t, clb_real *A, size_t lda)
{
    size_t k = t->n, p = 0;
    while (k > 1) {
        clbi_tridiag_row(t, A, lda, --k, p++);
        if (p == CLBI_PANEL) {
            clbi_tridiag_update(t, A, lda, k, p);
            p = 0;
        }
    }
    if (t->n > 0) {
        double d0 = (double)A[0];
        for (size_t i = 0; i < p; ++i)
            d0 -= 2 * (double)t->panel[2 * i * t->ld] * (double)t->panel[(2 * i + 1) * t->ld];
        t->d[0] = d0;
        t->e[t->n - 1] = 0;
    }
}

/* x = H_k x */
static void clbi_reflect(size_t k, double tau, const clb_real *v, clb_real *x)
{
    if (tau != 0) clb_axpy(k, (clb_real)(-tau * clb_dot(k, v, x)), v, x);
}

/* n^2 reals fit into a size_t several times */
#define CLBI_EIGH_MAX ((size_t)1 << (4 * sizeof(size_t) - 6))

/* The arrays for order n. */
static void clbi_tridiag_layout(clbi_tridiag *t, size_t n, clbi_room *room)
{
    enum { TWO = 2 * CLBI_PANEL };
    t->n = t->ld = n;
    t->d = clbi_doubles(room, n, 1);
    t->e = clbi_doubles(room, n, 1);
    t->tau = clbi_doubles(room, n, 1);
    t->dot = clbi_doubles(room, TWO, 1);
    t->panel = clbi_reals(room, TWO, n);
    t->strips = clbi_reals(room, TWO, n + CLBI_STRIP);
    t->rows = clbi_reals(room, TWO, CLBI_UPDATE_ROWS);
    t->coef = clbi_reals(room, TWO, 1);
    t->x = clbi_reals(room, n, 1);
}

/* Multiplies the lower triangle by 2^exponent, in two steps because 2^exponent may be
 * out of range. */
static void clbi_scale_lower(size_t n, clb_real *A, size_t lda, int exponent)
{
    clb_real half = (clb_real)ldexp(1, exponent / 2),
             rest = (clb_real)ldexp(1, exponent - exponent / 2);
    for (size_t i = 0; i < n; ++i) {
        clb_scale(i + 1, half, A + i * lda);
        clb_scale(i + 1, rest, A + i * lda);
    }
}

/* --- divide and conquer --------------------------------------------------------------------- */

/* The secular equation of D + rho z z^T, d ascending, |z| = 1: f(x) = 1/rho + sum_j z_j^2 / (d_j -
 * x) = 0. Root i is in (d_i, d_{i+1}). It is stored as the distance mu from a pole d_o, so that
 * every difference d_j - x = (d_j - d_o) - mu has full relative accuracy. */
typedef struct clbi_secular {
    size_t  K;
    double  rho_inv;
    double *d, *z, *mu;    /* [K] poles, weights, offsets */
    size_t *origin;        /* [K] index o of the pole for mu    */
} clbi_secular;

/* The root of c x^2 - a x + b inside (lo, hi), or the middle of the interval if there is none. */
static double clbi_root_inside(double a, double b, double c, double lo, double hi)
{
    double disc = a * a - 4 * b * c, root, q, x;
    root = clbi_sqrt(disc > 0 ? disc : 0);
    q = a < 0 ? a - root : a + root;
    x = 2 * b / q;                                         /* NaN fails both comparisons */
    if (x > lo && x < hi) return x;
    x = q / (2 * c);
    if (x > lo && x < hi) return x;
    return 0.5 * (lo + hi);
}

/* The starting point for root i < K-1: the terms of all poles except the two neighbours are taken
 * at the middle of the interval. Chooses the nearer pole as origin, and the bracket. */
static double clbi_secular_start(const clbi_secular *p, size_t i, size_t *origin, double *lo,
                                 double *hi)
{
    double gap = p->d[i + 1] - p->d[i], half = 0.5 * gap, sums[2], f, c, a, b;
    double zi = p->z[i] * p->z[i], zj = p->z[i + 1] * p->z[i + 1];
    CLBI_KERNEL(pole_sums)(p->K, p->d, p->z, p->d[i], half, sums);
    f = p->rho_inv + sums[0];
    c = f + (zi - zj) / half;
    *origin = f >= 0 ? i : i + 1;
    *lo = f >= 0 ? 0 : -half;
    *hi = f >= 0 ? half : 0;
    a = (f >= 0 ? c * gap : -c * gap) + zi + zj;
    b = f >= 0 ? zi * gap : -zj * gap;
    return clbi_root_inside(a, b, c, *lo, *hi);
}

/* Computes root i. The poles up to i, and those above it, are each replaced by one pole with equal
 * value and slope (Li's "middle way"). Every step stays inside a bracket. */
static void clbi_secular_root(clbi_secular *p, size_t i)
{
    int last = i + 1 == p->K;
    size_t o = i;
    double lo = 0, hi, mu, below[2], above[2] = { 0, 0 };
    if (last) {
        double sum = 0;
        for (size_t j = 0; j < p->K; ++j) sum += p->z[j] * p->z[j];
        hi = 1.01 * sum / p->rho_inv;                      /* x - d_i <= rho |z|^2 */
        mu = 0.5 * hi;
    } else {
        mu = clbi_secular_start(p, i, &o, &lo, &hi);
    }
    for (int iteration = 0; iteration < 100; ++iteration) {
        double f, d1 = p->d[i] - p->d[o] - mu, d2, step, noise;
        CLBI_KERNEL(pole_sums)(i + 1, p->d, p->z, p->d[o], mu, below);
        if (!last)
            CLBI_KERNEL(pole_sums)(p->K - i - 1, p->d + i + 1, p->z + i + 1, p->d[o], mu,
                                          above);
        f = p->rho_inv + below[0] + above[0];
        noise = 8 * (p->rho_inv - below[0] + above[0]) + fabs(mu) * (below[1] + above[1]);
        if (fabs(f) <= CLBI_DBL_EPS * noise) break;
        if (f < 0) lo = mu;
        else hi = mu;
        if (last) {
            double c = f - d1 * below[1];                  /* c + d1^2 psi' / (d1 - step) = 0 */
            step = d1 + d1 * d1 * below[1] / c;
            if (!(mu + step > lo && mu + step < hi)) step = 0.5 * (lo + hi) - mu;
        } else {
            d2 = p->d[i + 1] - p->d[o] - mu;
            step = clbi_root_inside((d1 + d2) * f - d1 * d2 * (below[1] + above[1]), d1 * d2 * f,
                                    f - d1 * below[1] - d2 * above[1], lo - mu, hi - mu);
        }
        if (fabs(step) <= CLBI_DBL_EPS * fabs(mu) || mu + step == lo || mu + step == hi) {
            if (mu + step > lo && mu + step < hi) mu += step;
            break;
        }
        mu += step;
    }
    p->mu[i] = mu;
    p->origin[i] = o;
}

/* The weights for which the computed roots are exact (Loewner; Gu and Eisenstat):
 *   zhat_j^2 = (x_j - d_j) prod_{i != j} (x_i - d_j) / (d_i - d_j)
 * Eigenvectors built from them are orthogonal to working precision. Replaces z. */
static void clbi_secular_weights(clbi_secular *p, double *w)
{
    for (size_t j = 0; j < p->K; ++j) w[j] = 1;
    for (size_t i = 0; i < p->K; ++i) {
        double o = p->d[p->origin[i]], mu = p->mu[i], di = p->d[i];
        CLBI_KERNEL(pole_ratios)(i, p->d, o, mu, di, w);
        w[i] *= di - o - mu;
        CLBI_KERNEL(pole_ratios)(p->K - i - 1, p->d + i + 1, o, mu, di, w + i + 1);
    }
    for (size_t j = 0; j < p->K; ++j)
        p->z[j] = p->z[j] < 0 ? -clbi_sqrt(fabs(w[j])) : clbi_sqrt(fabs(w[j]));
}

/* Eigenvectors of T in the rows of Q, or only those components that are needed. Merging two halves
 * needs their first and last components; the projection on g is computed in the same way.
 * Everything about row i of a finished block is at index i. `order` lists the rows of the block,
 * counted from its start, by ascending eigenvalue. */
typedef struct clbi_dc {
    size_t    n;
    double   *d, *e;       /* T, then the eigenvalues in d */
    double   *track[3];    /* [n] first and last component of row i; v_i . g              */
    double   *old[3];      /* [n] the tracks of the kept rows before a merge */
    double   *z, *w;       /* [n] weights z of the rows; work space */
    clbi_secular p;        /* the current merge: poles of kept rows, ascending      */
    size_t   *order, *by;  /* [n] */
    size_t   *kept, *gone; /* [n] rows that take part in a merge, deflated rows */
    size_t   *type;        /* [n] which half of row i is not zero */
    size_t   *place;       /* [n] position in kept of the g-th row of Q2 */
    size_t    gone_count, part[2];     /* deflated rows; rows of Q2 for the first and second half */
    const double *g;       /* [n] or NULL */
    clb_real *Q;           /* [n][n], NULL: no vectors */
    clb_real *Q2, *S;      /* [n][n] scratch, [CLBI_DC_ROWS][n] */
    double   *leaf;        /* [CLBI_LEAF][CLBI_LEAF] */
} clbi_dc;
#define CLBI_LEAF ((size_t)32)
#define CLBI_DC_ROWS ((size_t)128)
#define CLBI_TOP ((size_t)0)
#define CLBI_DENSE ((size_t)1)
#define CLBI_BOTTOM ((size_t)2)

/* Solves a leaf block lo..hi-1 by QL. */
static size_t clbi_dc_leaf(clbi_dc *c, size_t lo, size_t hi)
{
    size_t m = hi - lo, w = c->Q ? m : 3, failed;
    double *Z = c->leaf;
    memset(Z, 0, m * w * sizeof *Z);
    for (size_t i = 0; i < m; ++i) {
        if (c->Q) Z[i * m + i] = 1;
        else if (c->g) Z[i * 3 + 2] = c->g[lo + i];
    }
    if (!c->Q) {
        Z[0] = 1;
        Z[(m - 1) * 3 + 1] = 1;
    }
    memcpy(c->w, c->e + lo, m * sizeof *c->w);             /* the merges need e again         */
    failed = clbi_ql(m, c->d + lo, c->w, Z, w);
    for (size_t i = 0; i < m; ++i) {
        c->track[0][lo + i] = Z[i * w];
        c->track[1][lo + i] = Z[i * w + (c->Q ? m - 1 : 1)];
        c->track[2][lo + i] = c->Q ? 0 : Z[i * w + 2];
        c->order[lo + i] = i;
        for (size_t j = 0; c->Q && j < m; ++j)
            c->Q[(lo + i) * c->n + lo + j] = (clb_real)Z[i * m + j];
    }
    return failed;
}

/* Replaces rows a and b by cs a + sn b and cs b - sn a. */
static void clbi_dc_rotate(clbi_dc *c, size_t lo, size_t hi, size_t a, size_t b, double cs,
                           double sn)
{
    for (size_t t = 0; t < 3; ++t) {
        double x = c->track[t][a], y = c->track[t][b];
        c->track[t][a] = cs * x + sn * y;
        c->track[t][b] = cs * y - sn * x;
    }
    if (c->Q) {
        clb_real *x = c->Q + a * c->n, *y = c->Q + b * c->n;
        for (size_t j = lo; j < hi; ++j) {
            clb_real xj = x[j], yj = y[j];
            x[j] = (clb_real)cs * xj + (clb_real)sn * yj;
            y[j] = (clb_real)cs * yj - (clb_real)sn * xj;
        }
    }
    if (c->type[a] != c->type[b]) c->type[b] = CLBI_DENSE;
}

/* Splits the rows lo..hi-1 into kept and gone, in ascending order of d. A row is deflated if its
 * weight in z is negligible, or if a rotation with its neighbour makes the weight zero and leaves a
 * negligible off-diagonal element. */
static void clbi_dc_deflate(clbi_dc *c, size_t lo, size_t hi, double rho)
{
    double largest = 0, tol, *z = c->z, *d = c->d;
    size_t kept = 0, gone = 0, previous = hi;              /* hi: none yet */
    for (size_t i = lo; i < hi; ++i) largest = fmax(largest, fmax(fabs(d[i]), fabs(z[i])));
    tol = 4 * CLBI_EPS * largest;
    for (size_t v = 0; v < hi - lo; ++v) {
        size_t row = c->by[v];
        if (rho * fabs(z[row]) <= tol) {
            c->gone[gone++] = row;
            continue;
        }
        if (previous < hi) {
            double r = clbi_sqrt(z[row] * z[row] + z[previous] * z[previous]);
            double cs = z[row] / r, sn = -z[previous] / r, dp = d[previous], dr = d[row];
            if (fabs((dr - dp) * cs * sn) <= tol) {        /* move all of the weight into `row` */
                clbi_dc_rotate(c, lo, hi, previous, row, cs, sn);
                d[previous] = dp * cs * cs + dr * sn * sn;
                d[row] = dp * sn * sn + dr * cs * cs;
                z[row] = r;
                c->gone[gone++] = previous;
            } else {
                c->kept[kept++] = previous;
            }
        }
        previous = row;
    }
    if (previous < hi) c->kept[kept++] = previous;
    c->p.K = kept;
    c->gone_count = gone;
}

/* Copies the old rows for the product: Q2 = [top, dense: columns of the first half], [dense,
 * bottom: second half], [gone: all columns]. */
static void clbi_dc_gather(clbi_dc *c, size_t lo, size_t mid, size_t hi)
{
    size_t n1 = mid - lo, n2 = hi - mid, K = c->p.K, at = 0, dense = 0;
    clb_real *to = c->Q2;
    for (size_t type = CLBI_TOP; type <= CLBI_BOTTOM; ++type)
        for (size_t k = 0; k < K; ++k)
            if (c->type[c->kept[k]] == type) c->place[at++] = k;
    c->part[0] = 0;
    for (size_t g = 0; g < K; ++g) {
        size_t row = c->kept[c->place[g]];
        if (c->type[row] == CLBI_DENSE) ++dense;
        if (c->type[row] == CLBI_BOTTOM) continue;
        memcpy(to, c->Q + row * c->n + lo, n1 * sizeof *to);
        to += n1;
        ++c->part[0];
    }
    c->part[1] = K - c->part[0] + dense;
    for (size_t g = K - c->part[1]; g < K; ++g, to += n2)
        memcpy(to, c->Q + c->kept[c->place[g]] * c->n + mid, n2 * sizeof *to);
    for (size_t k = 0; k < c->gone_count; ++k, to += n1 + n2)
        memcpy(to, c->Q + c->gone[k] * c->n + lo, (n1 + n2) * sizeof *to);
}

/* Rows i0 .. i0+M-1 of the merged block: the tracks and, by a matrix product, Q. */
static void clbi_dc_rows(clbi_dc *c, size_t lo, size_t mid, size_t hi, size_t i0, size_t M)
{
    size_t K = c->p.K, n1 = mid - lo, n2 = hi - mid;
    clb_real *C = c->Q ? c->Q + (lo + i0) * c->n : NULL;
    for (size_t r = 0; r < M; ++r) {
        size_t i = i0 + r;
        double sums[4], unit;                           /* s_j = zhat_j / (d_j - x_i), normalised */
        CLBI_KERNEL(pole_vector)(K, c->p.d, c->p.z, c->p.d[c->p.origin[i]], c->p.mu[i], c->old,
                                 c->w,
                             sums);
        unit = 1 / clbi_sqrt(sums[0]);
        for (size_t t = 0; t < 3; ++t) c->track[t][lo + i] = unit * sums[t + 1];
        for (size_t g = 0; c->Q && g < K; ++g)
            c->S[r * K + g] = (clb_real)(unit * c->w[c->place[g]]);
    }
    if (!c->Q) return;
    clb_matmul_nn(M, n1, c->part[0], c->S, K, c->Q2, n1, C + lo, c->n);
    clb_matmul_nn(M, n2, c->part[1], c->S + (K - c->part[1]), K, c->Q2 + c->part[0] * n1, n2,
                  C + mid, c->n);
}

/* The order and the weights of a merge: T = diag(T_1, T_2) + rho z z^T with z = (last row of V_1,
 * +-first row of V_2) / sqrt 2 and rho = 2 |e|. The rows of one half are zero at the far end of the
 * other. */
static double clbi_dc_open(clbi_dc *c, size_t lo, size_t mid, size_t hi)
{
    double e = c->e[mid - 1], root_half = clbi_sqrt(0.5);
    size_t i = lo, j = mid;
    for (size_t row = lo; row < hi; ++row) {
        int top = row < mid;
        c->type[row] = top ? CLBI_TOP : CLBI_BOTTOM;
        c->z[row] = root_half * c->track[top ? 1 : 0][row] * (!top && e < 0 ? -1 : 1);
        c->track[top ? 1 : 0][row] = 0;
    }
    for (size_t v = 0; v < hi - lo; ++v) {
        size_t a = i < mid ? lo + c->order[i] : hi, b = j < hi ? mid + c->order[j] : hi;
        int first = b == hi || (a < hi && c->d[a] <= c->d[b]);
        c->by[v] = first ? a : b;
        if (first) ++i;
        else ++j;
    }
    return 2 * fabs(e);
}

/* Copies what the new rows are computed from and will overwrite: kept rows, then gone rows, each in
 * ascending order. */
static void clbi_dc_save(clbi_dc *c)
{
    size_t K = c->p.K;
    for (size_t i = 1; i < c->gone_count; ++i) {  /* insertion sort: nearly in order already */
        size_t row = c->gone[i], j = i;
        for (; j > 0 && c->d[c->gone[j - 1]] > c->d[row]; --j) c->gone[j] = c->gone[j - 1];
        c->gone[j] = row;
    }
    for (size_t k = 0; k < K + c->gone_count; ++k) {
        size_t row = k < K ? c->kept[k] : c->gone[k - K];
        for (size_t t = 0; t < 3; ++t) c->old[t][k] = c->track[t][row];
        c->p.d[k] = c->d[row];
        c->p.z[k] = c->z[row];
    }
}

/* Places the gone rows after the new ones. Sets the block's eigenvalues and their order. */
static void clbi_dc_close(clbi_dc *c, size_t lo, size_t mid, size_t hi)
{
    size_t K = c->p.K, m = hi - lo, i = 0, j = K;
    const clb_real *from = c->Q ? c->Q2 + c->part[0] * (mid - lo) + c->part[1] * (hi - mid) : NULL;
    for (size_t k = K; k < m; ++k) {
        for (size_t t = 0; t < 3; ++t) c->track[t][lo + k] = c->old[t][k];
        c->d[lo + k] = c->p.d[k];
        if (c->Q) memcpy(c->Q + (lo + k) * c->n + lo, from + (k - K) * m, m * sizeof *from);
    }
    for (size_t k = 0; k < K; ++k) c->d[lo + k] = c->p.d[c->p.origin[k]] + c->p.mu[k];
    for (size_t v = 0; v < m; ++v)
        c->order[lo + v] = j == m || (i < K && c->d[lo + i] <= c->d[lo + j]) ? i++ : j++;
}

static void clbi_dc_merge(clbi_dc *c, size_t lo, size_t mid, size_t hi)
{
    int rows = c->Q || c->g || hi - lo < c->n;  /* the last merge without vectors needs none      */
    double rho = clbi_dc_open(c, lo, mid, hi);
    clbi_dc_deflate(c, lo, hi, rho);
    clbi_dc_save(c);
    c->p.rho_inv = 1 / rho;
    for (size_t i = 0; i < c->p.K; ++i) clbi_secular_root(&c->p, i);
    if (rows) clbi_secular_weights(&c->p, c->w);
    if (c->Q) clbi_dc_gather(c, lo, mid, hi);
    for (size_t i = 0; rows && i < c->p.K; i += CLBI_DC_ROWS)
        clbi_dc_rows(c, lo, mid, hi, i, c->p.K - i < CLBI_DC_ROWS ? c->p.K - i : CLBI_DC_ROWS);
    clbi_dc_close(c, lo, mid, hi);
}

/* The first row of leaf b of 2^levels: floor(b n / 2^levels). */
static size_t clbi_dc_cut(size_t n, size_t levels, size_t b)
{
    return (n >> levels) * b + (((n & (((size_t)1 << levels) - 1)) * b) >> levels);
}

/* Computes the eigenvalues of T into d (by row; c->order lists them in ascending order), the
 * components into c->track and the vectors into the rows of Q. The matrix is cut into 2^levels
 * leaves by T = diag(T_1 - |e|, T_2 - |e|) + |e| u u^T. Returns the number of eigenvalues that QL
 * failed to find. */
static size_t clbi_dc_solve(clbi_dc *c)
{
    size_t n = c->n, levels = 0, failed = 0;
    /* the largest leaf has ceil(n / 2^levels) rows */
    while (((n - 1) >> levels) + 1 > CLBI_LEAF) ++levels;
    for (size_t b = 1; b < (size_t)1 << levels; ++b) {
        size_t cut = clbi_dc_cut(n, levels, b);
        c->d[cut - 1] -= fabs(c->e[cut - 1]);
        c->d[cut] -= fabs(c->e[cut - 1]);
    }
    for (size_t b = 0; b < (size_t)1 << levels; ++b)
        failed += clbi_dc_leaf(c, clbi_dc_cut(n, levels, b), clbi_dc_cut(n, levels, b + 1));
    for (size_t step = 1; step < (size_t)1 << levels; step *= 2)
        for (size_t b = 0; b < (size_t)1 << levels; b += 2 * step)
            clbi_dc_merge(c, clbi_dc_cut(n, levels, b), clbi_dc_cut(n, levels, b + step),
                          clbi_dc_cut(n, levels, b + 2 * step));
    return failed;
}

#define CLBI_BLOCK ((size_t)64)                 /* reflectors in one block of the back-transform  */
/* Work space in reals for eigenvectors: Q2 of the merges, and later the factors of a block of
 * reflectors. */
static size_t clbi_eigh_scratch(size_t n)
{
    size_t factors = CLBI_BLOCK * (3 * n + CLBI_STRIP + 2 * CLBI_CHUNK + 2 * CLBI_BLOCK);
    return n * n > factors ? n * n : factors;
}

static void clbi_dc_layout(clbi_dc *c, size_t n, int vectors, clbi_room *room)
{
    size_t t, **list[7];
    c->leaf = clbi_doubles(room, CLBI_LEAF, CLBI_LEAF);
    for (t = 0; t < 3; ++t) c->track[t] = clbi_doubles(room, n, 1);
    for (t = 0; t < 3; ++t) c->old[t] = clbi_doubles(room, n, 1);
    c->z = clbi_doubles(room, n, 1);
    c->w = clbi_doubles(room, n, 1);
    c->p.d = clbi_doubles(room, n, 1);
    c->p.z = clbi_doubles(room, n, 1);
    c->p.mu = clbi_doubles(room, n, 1);
    list[0] = &c->p.origin, list[1] = &c->order, list[2] = &c->by, list[3] = &c->kept;
    list[4] = &c->gone, list[5] = &c->type, list[6] = &c->place;
    for (t = 0; t < 7; ++t) *list[t] = (size_t *)clbi_part(room, n, 1, sizeof **list[t]);
    if (!vectors) return;
    c->S = clbi_reals(room, CLBI_DC_ROWS, n);
    c->Q2 = clbi_reals(room, clbi_eigh_scratch(n), 1);
}

static void clbi_dc_init(clbi_dc *c, size_t n, clb_real *Q, clbi_room *room)
{
    memset(c, 0, sizeof *c);
    c->n = n;
    c->Q = Q;
    clbi_dc_layout(c, n, Q != NULL, room);
    if (Q) memset(Q, 0, n * n * sizeof *Q);
}

/* --- dense solver --------------------------------------------------------------------------- */

/* -T of H_first ... H_{first+p-1} = I - V T V^T (compact WY). T is upper triangular with T_ii =
 * tau_i and T[0..i-1][i] = -tau_i T[0..i-1][0..i-1] (V^T v_i). gram [p][p] = V^T V. Four
 * rows of a column at a time, so that no sum waits for its last addition. T has CLBI_BLOCK^2
 * elements. */
static void clbi_block_factor(size_t p, const double *tau, const clb_real *gram, clb_real *T)
{
    memset(T, 0, CLBI_BLOCK * CLBI_BLOCK * sizeof *T);
    for (size_t i = 0; i < p; ++i) {
        T[i * p + i] = (clb_real)-tau[i];
        for (size_t r = 0; r < i; r += 4) {
            const clb_real *t = T + r * p;
            double s0 = 0, s1 = 0, s2 = 0, s3 = 0, sum[4];
            for (size_t c = r; c < i; ++c) {
                double g = (double)gram[c * p + i];
                s0 += (double)t[c] * g;
                s1 += (double)t[p + c] * g;
                s2 += (double)t[2 * p + c] * g;
                s3 += (double)t[3 * p + c] * g;
            }
            sum[0] = s0, sum[1] = s1, sum[2] = s2, sum[3] = s3;
            for (size_t q = 0; q < 4 && r + q < i; ++q)
                T[(r + q) * p + i] = (clb_real)(-tau[i] * sum[q]);
        }
    }
}

/* Rows of Z += ((Z V) (-T)) V^T for p reflectors on m coordinates. VT [m][p]; strips of V [p][m];
 * Y: work space of 2 chunks. */
static void clbi_block_apply(size_t n, size_t m, size_t p, const clb_real *VT, const clb_real *T,
                             const clb_real *strips, clb_real *Y, clb_real *Z)
{
    clb_real *YT = Y + CLBI_CHUNK * p;
    for (size_t r = 0; r < n; r += CLBI_CHUNK) {
        size_t rows = n - r < CLBI_CHUNK ? n - r : CLBI_CHUNK;
        clb_real *z = Z + r * n;
        memset(Y, 0, rows * p * sizeof *Y);
        for (size_t k = 0; k < m; k += 256)                /* a slice of VT fits the cache */
            clb_matmul_nn_acc(rows, p, m - k < 256 ? m - k : 256, z + k, n, VT + k * p, p, Y, p);
        clb_matmul_nn(rows, p, p, Y, p, T, p, YT, p);
        clbi_strips_add(rows, m, p, YT, strips, z, n);
    }
}

/* Replaces the rows z of Z by H_{n-1} ... H_1 z, CLBI_BLOCK reflectors at a time. */
static void clbi_back_transform(const clbi_tridiag *t, const clb_real *A, size_t lda, clb_real *Z,
                                clb_real *scratch)
{
    size_t n = t->n;
    clb_real *V = scratch, *VT = V + CLBI_BLOCK * n, *strips = VT + CLBI_BLOCK * n;
    clb_real *Y = strips + CLBI_BLOCK * (n + CLBI_STRIP), *T = Y + 2 * CLBI_CHUNK * CLBI_BLOCK;
    clb_real *gram = T + CLBI_BLOCK * CLBI_BLOCK;
    for (size_t first = 1; first < n; first += CLBI_BLOCK) {
        size_t p = n - first < CLBI_BLOCK ? n - first : CLBI_BLOCK, m = first + p - 1;
        for (size_t i = 0; i < p; ++i) {
            memset(V + i * m, 0, m * sizeof *V);
            memcpy(V + i * m, A + (first + i) * lda, (first + i) * sizeof *V);
            for (size_t j = 0; j < m; ++j) VT[j * p + i] = V[i * m + j];
        }
        clb_matmul_nn(p, p, m, V, m, VT, p, gram, p);
        clbi_block_factor(p, t->tau + first, gram, T);
        clbi_strips_fill(p, m, V, m, strips);
        clbi_block_apply(n, m, p, VT, T, strips, Y, Z);
    }
}

/* Moves the rows of Z [n][n] into the order order[0], order[1], ... along the cycles of the
 * permutation. Overwrites order. */
static void clbi_permute_rows(size_t n, size_t *order, clb_real *Z, clb_real *row)
{
    for (size_t start = 0; start < n; ++start) {
        size_t to = start;
        if (order[start] == start) continue;
        memcpy(row, Z + start * n, n * sizeof *row);
        while (order[to] != start) {
            size_t from = order[to];
            memcpy(Z + to * n, Z + from * n, n * sizeof *Z);
            order[to] = to;
            to = from;
        }
        memcpy(Z + to * n, row, n * sizeof *row);
        order[to] = to;
    }
}

/* --- tridiagonalisation in two stages ------------------------------------------------------- */

/* For eigenvalues of large matrices: first to a band of half width b = CLBI_BAND by products of
 * matrices alone, then to tridiagonal by chasing what each reflector pushes out of the band upwards
 * along it: 6 n^2 b flops in the caches. The one-stage way above does half of its flops in products
 * of the matrix with one vector, which wait for memory once the matrix is larger than
 * the caches. */
#define CLBI_BAND CLBI_PANEL
#define CLBI_TWO_STAGE ((size_t)2000)          /* orders above it go this way: measured           */
typedef struct clbi_band {
    size_t    ld;          /* element (i, j), -2b <= j - i < b, is at[i ld + j]: a block of the band
                              is a matrix with rows ld apart */
    clb_real *at;
    clb_real *store;       /* [n + 2][ld + 1] */
    clb_real *VT, *Y, *X;  /* [n][b] */
    clb_real *T, *gram;    /* [CLBI_BLOCK][CLBI_BLOCK] */
    clb_real *tile;        /* [CLBI_CHUNK][CLBI_CHUNK] */
    clb_real *v[2];        /* [b] this reflector and the next */
    clb_real *left, *right;        /* [b][2], [2][b] factors of an update */
} clbi_band;

static void clbi_band_layout(clbi_band *s, size_t n, clbi_room *room)
{
    s->ld = 3 * CLBI_BAND;
    s->store = clbi_reals(room, n + 2, s->ld + 1);
    s->at = s->store ? s->store + 2 * CLBI_BAND : NULL;
    s->VT = clbi_reals(room, n, CLBI_BAND);
    s->Y = clbi_reals(room, n, CLBI_BAND);
    s->X = clbi_reals(room, n, CLBI_BAND);
    s->T = clbi_reals(room, CLBI_BLOCK, CLBI_BLOCK);
    s->gram = clbi_reals(room, CLBI_BLOCK, CLBI_BLOCK);
    s->tile = clbi_reals(room, CLBI_CHUNK, CLBI_CHUNK);
    s->v[0] = clbi_reals(room, CLBI_BAND, 1);
    s->v[1] = clbi_reals(room, CLBI_BAND, 1);
    s->left = clbi_reals(room, CLBI_BAND, 2);
    s->right = clbi_reals(room, CLBI_BAND, 2);
}

/* Rows m .. k-1 of A, from the last one, lose what is left of the band: p reflectors, their vectors
 * (0 behind their last element) in rows 0, 2, 4, ... of the panel. Each is applied to the rows
 * above it and to x. Returns p. */
static size_t clbi_band_panel(clbi_tridiag *t, clb_real *A, size_t lda, size_t m, size_t k,
                              clb_real *x)
{
    size_t p = 0;
    for (size_t i = k; i-- > m && i > CLBI_BAND; ++p) {
        size_t len = i - CLBI_BAND + 1;
        clb_real *row = A + i * lda, *v = t->panel + 2 * p * t->ld;
        double beta;
        memcpy(v, row, len * sizeof *v);
        memset(v + len, 0, (m - len) * sizeof *v);
        t->tau[p] = clbi_householder(len, v, &beta);
        memset(row, 0, len * sizeof *row);
        row[len - 1] = (clb_real)beta;
        CLBI_KERNEL(dots)(i - m, len, A + m * lda, lda, v, t->dot);
        for (size_t r = m; r < i; ++r)
            clb_axpy(len, (clb_real)(-t->tau[p] * t->dot[r - m]), v, A + r * lda);
        if (x) clbi_reflect(len, t->tau[p], v, x);
    }
    return p;
}

/* Y [m][p] = A VT, each element of the lower triangle read once. */
static void clbi_band_product(const clbi_band *s, size_t m, size_t p, const clb_real *A, size_t lda)
{
    memset(s->Y, 0, m * p * sizeof *s->Y);
    for (size_t i = 0; i < m; i += CLBI_CHUNK) {
        size_t rows = m - i < CLBI_CHUNK ? m - i : CLBI_CHUNK;
        const clb_real *a = A + i * lda;
        clb_real *y = s->Y + i * p;
        clb_matmul_nn_acc(rows, p, i, a, lda, s->VT, p, y, p);
        clb_matmul_tn_acc(i, p, rows, a, lda, s->VT + i * p, p, s->Y, p);
        for (size_t r = 0; r < rows; ++r)
            for (size_t c = 0; c <= r; ++c)
                s->tile[r * rows + c] = s->tile[c * rows + r] = a[r * lda + i + c];
        clb_matmul_nn_acc(rows, p, rows, s->tile, rows, s->VT + i * p, p, y, p);
    }
}

/* Leading m x m block = Q^T A Q with Q = I - V^T T V from the p vectors of the panel:
 *   Q^T A Q = A - X V - (X V)^T,    X = Y T - V^T M / 2,  Y = A V^T,  M = T^T V Y T
 * s->X holds -X: clbi_block_factor() gives -T. */
static void clbi_band_apply(clbi_tridiag *t, const clbi_band *s, clb_real *A, size_t lda, size_t m,
                            size_t p)
{
    const clb_real *V = t->panel;
    size_t two = 2 * t->ld;
    CLBI_KERNEL(transpose)(p, m, V, two, s->VT, p);
    clb_matmul_nn(p, p, m, V, two, s->VT, p, s->gram, p);
    clbi_block_factor(p, t->tau, s->gram, s->T);
    clbi_band_product(s, m, p, A, lda);
    clb_matmul_nn(m, p, p, s->Y, p, s->T, p, s->X, p);
    clb_matmul_nn(p, p, m, V, two, s->X, p, s->gram, p);
    clb_matmul_tn(p, p, p, s->T, p, s->gram, p, s->Y, p);
    clb_scale(p * p, (clb_real)0.5, s->Y);
    clb_matmul_nn_acc(m, p, p, s->VT, p, s->Y, p, s->X, p);
    CLBI_KERNEL(transpose)(m, p, s->X, p, t->panel + t->ld, two);
    for (size_t i = 0; i < p; ++i) clb_scale(m, -1, t->panel + (2 * i + 1) * t->ld);
    clbi_tridiag_update(t, A, lda, m, p);
}

/* D = H D H for a diagonal block D [w][w] of the band (lower triangle), H = I - tau v v^T. */
static void clbi_band_turn(const clbi_band *s, size_t w, double tau, const clb_real *v, clb_real *D)
{
    clb_real *y = s->right;                                /* y, v  against  v, y */
    CLBI_KERNEL(symv)(1, w, D, s->ld, v, y, w, 0);
    clb_scale(w, (clb_real)tau, y);
    clb_axpy(w, (clb_real)(-0.5 * tau * clb_dot(w, y, v)), v, y);
    memcpy(y + w, v, w * sizeof *v);
    for (size_t i = 0; i < w; ++i) {
        s->left[2 * i] = -v[i];
        s->left[2 * i + 1] = -y[i];
    }
    clb_matmul_nn_acc(w, w, 2, s->left, 2, y, w, D, s->ld);
}

/* C [w][c] = H C, then the next reflector from the last row of C, then C H': its tau. */
static double clbi_band_pass(const clbi_tridiag *t, const clbi_band *s, size_t w, size_t c,
                             double tau, const clb_real *v, clb_real *next, clb_real *C)
{
    clb_real *last = C + (w - 1) * s->ld;
    double beta;
    memset(s->right, 0, c * sizeof *s->right);
    CLBI_KERNEL(combine)(w, c, v, C, s->ld, s->right);     /* v^T C */
    for (size_t i = 0; i < w; ++i) s->left[i] = (clb_real)-tau * v[i];
    clb_matmul_nn_acc(w, c, 1, s->left, 1, s->right, c, C, s->ld);
    memcpy(next, last, c * sizeof *next);
    tau = clbi_householder(c, next, &beta);
    memset(last, 0, c * sizeof *last);
    last[c - 1] = (clb_real)beta;
    CLBI_KERNEL(dots)(w - 1, c, C, s->ld, next, t->dot);
    for (size_t i = 0; i + 1 < w; ++i) s->left[i] = (clb_real)(-tau * t->dot[i]);
    clb_matmul_nn_acc(w - 1, c, 1, s->left, 1, next, c, C, s->ld);
    return tau;
}

/* Row i of the band keeps its diagonal and the element beside it; the reflectors that this takes,
 * up to the first row, go to the band and to x. */
static void clbi_band_chase(clbi_tridiag *t, const clbi_band *s, size_t i, clb_real *x)
{
    size_t w = i < CLBI_BAND ? i : CLBI_BAND, hi = i;
    clb_real *row = s->at + i * s->ld + (i - w), *v = s->v[0], *next = s->v[1], *other;
    double tau;
    t->d[i] = (double)row[w];
    memcpy(v, row, w * sizeof *v);
    tau = clbi_householder(w, v, &t->e[i - 1]);
    for (;;) {
        size_t lo = hi - w, c = lo < CLBI_BAND ? lo : CLBI_BAND;
        clbi_band_turn(s, w, tau, v, s->at + lo * s->ld + lo);
        if (x) clbi_reflect(w, tau, v, x + lo);
        if (lo == 0) return;
        tau = clbi_band_pass(t, s, w, c, tau, v, next, s->at + lo * s->ld + (lo - c));
        other = v, v = next, next = other;
        hi = lo, w = c;
    }
}

/* As clbi_tridiagonalise, but the reflectors are not kept: x, if not NULL, becomes Q^T x. */
static void clbi_tridiagonalise_twice(clbi_tridiag *t, const clbi_band *s, clb_real *A, size_t lda,
                                      clb_real *x)
{
    size_t n = t->n, k, m;
    for (k = n; k > CLBI_BAND + 1; k = m) {
        m = k - CLBI_BAND;
        clbi_band_apply(t, s, A, lda, m, clbi_band_panel(t, A, lda, m, k, x));
    }
    memset(s->store, 0, (n + 2) * (s->ld + 1) * sizeof *s->store);
    for (size_t i = 0; i < n; ++i) {
        size_t j = i < CLBI_BAND ? 0 : i - CLBI_BAND;
        memcpy(s->at + i * s->ld + j, A + i * lda + j, (i - j + 1) * sizeof *A);
    }
    for (size_t i = n; i-- > 1;) clbi_band_chase(t, s, i, x);
    t->d[0] = (double)s->at[0];
    t->e[n - 1] = 0;
}

/* What is wanted besides the values: projections on g (both or neither NULL), vectors (or NULL). */
typedef struct clbi_eigh_want {
    const clb_real *g;
    double         *projections;
    clb_real       *vectors;
    int             two_stage;   /* only without vectors */
} clbi_eigh_want;

/* The second half, after the tridiagonalisation: divide and conquer, then the back-transform. */
static clb_status clbi_eigh_solve(const clbi_tridiag *t, clb_real *A, size_t lda, clbi_dc *c,
                                  double *values,
                                  const clbi_eigh_want *want)
{
    size_t n = t->n, failed;
    c->d = t->d;
    c->e = t->e;
    failed = clbi_dc_solve(c);
    for (size_t i = 0; i < n; ++i) {
        values[i] = c->d[c->order[i]];
        if (want->projections) want->projections[i] = fabs(c->track[2][c->order[i]]);
    }
    if (want->vectors) {
        clbi_permute_rows(n, c->order, want->vectors, c->Q2);
        clbi_back_transform(t, A, lda, want->vectors, c->Q2);
        for (size_t i = 0; i < n; ++i) clbi_sign_rule(n, want->vectors + i * n);
    }
    return failed > 0 ? CLB_ENOCONV : CLB_OK;
}

/* The parts of `memory` that clbi_eigh uses. */
static void clbi_eigh_count(size_t n, int vectors, int two_stage, clbi_room *room)
{
    clbi_tridiag t;
    clbi_band band;
    clbi_dc c;
    clbi_tridiag_layout(&t, n, room);
    if (two_stage) clbi_band_layout(&band, n, room);
    clbi_dc_layout(&c, n, vectors, room);
}

/* The solver without allocations. memory: clb_eigh_bytes(n, vectors wanted) bytes, or those of a
 * larger n. */
static clb_status clbi_eigh(size_t n, clb_real *A, size_t lda, double *values,
                            const clbi_eigh_want *want, void *memory)
{
    clbi_tridiag t;
    clbi_band band;
    clbi_dc c;
    clbi_room room = CLB_ZERO;
    clb_status status;
    int finite, scale = clbi_scale_exponent(n, A, lda, &finite);
    if (n == 0) return CLB_OK;
    if (!finite) return CLB_ENOTFINITE;
    room.base = (char *)memory;
    clbi_tridiag_layout(&t, n, &room);
    if (want->two_stage) clbi_band_layout(&band, n, &room);
    clbi_dc_init(&c, n, want->vectors, &room);
    if (scale != 0) clbi_scale_lower(n, A, lda, -scale);
    if (want->g) memcpy(t.x, want->g, n * sizeof *t.x);
    if (want->two_stage) clbi_tridiagonalise_twice(&t, &band, A, lda, want->g ? t.x : NULL);
    else clbi_tridiagonalise(&t, A, lda);
    if (want->g) {                                         /* Q^T g = H_1 ... H_{n-1} g */
        for (size_t k = n; !want->two_stage && k-- > 1;)
            clbi_reflect(k, t.tau[k], A + k * lda, t.x);
        for (size_t j = 0; j < n; ++j) want->projections[j] = (double)t.x[j];
        c.g = want->projections;
    }
    status = clbi_eigh_solve(&t, A, lda, &c, values, want);
    for (size_t i = 0; i < n; ++i) values[i] = ldexp(values[i], scale);
    return status;
}

static clb_status clbi_eigh_alloc(size_t n, clb_real *A, size_t lda, double *values,
                                  const clbi_eigh_want *want)
{
    void *arena;
    clbi_room room = CLB_ZERO;
    clb_status status;
    if (n > CLBI_EIGH_MAX) return CLB_ESIZE;
    clbi_eigh_count(n, want->vectors != NULL, want->two_stage, &room);
    if ((status = clbi_room_alloc(&room, &arena)) != CLB_OK) return status;
    status = clbi_eigh(n, A, lda, values, want, room.base);
    CLB_FREE(arena);
    return status;
}

CLBDEF clb_status clb_eigh(size_t n, clb_real *A, size_t lda, double *values, clb_real *vectors)
{
    clbi_eigh_want want = CLB_ZERO;
    want.vectors = vectors;
    want.two_stage = !vectors && n > CLBI_TWO_STAGE;
    return clbi_eigh_alloc(n, A, lda, values, &want);
}

CLBDEF clb_status clb_eigh_project(size_t n, clb_real *A, size_t lda, const clb_real *g,
                                   double *values,
                                   double *projections)
{
    clbi_eigh_want want = CLB_ZERO;
    want.g = g;
    want.projections = projections;
    want.two_stage = n > CLBI_TWO_STAGE;
    return clbi_eigh_alloc(n, A, lda, values, &want);
}

CLBDEF size_t clb_eigh_bytes(size_t n, int vectors)
{
    clbi_room room = CLB_ZERO;
    if (n > CLBI_EIGH_MAX) return 0;
    clbi_eigh_count(n, vectors, !vectors && n > CLBI_TWO_STAGE, &room);
    return clbi_room_bytes(&room);
}

/* --- Krylov subspaces ----------------------------------------------------------------------- */

/* An orthonormal basis V of `size` rows; A has been applied to the first `done` of them. H_ij = v_i
 * . A v_j is stored for all j < done and i < size. So start vectors, blocks, restarts and random
 * vectors need no special cases:
 *  A v_j = sum_{i < size} H_ij v_i + (rounding)       for all j < done.
 * Here A stands for scale A. scale is a power of two for an operator whose squares would overflow
 * or underflow, and 1 for all others. */
typedef struct clbi_krylov {
    const clb_linop *A;
    size_t    n, cap, size, done;
    clb_real *V;           /* [cap][n] */
    clb_real *w;           /* [2][n] A v_j; A v_{j+1} if both were computed at once      */
    int       ahead;       /* 1: the second row of w holds A v_done */
    double   *H;           /* [cap][cap] */
    double   *h, *dot;     /* [cap] */
    clb_real *coef;        /* [cap] */
    double    norm;        /* lower bound of |A|_2: the largest |A v_j| */
    double    scale, top;  /* the power of two; the largest |A v_j| without it */
    size_t    products;
    clb_rng  *rng;
    int       finite;
    void     *arena;
} clbi_krylov;

static void clbi_krylov_layout(clbi_krylov *k, clbi_room *room)
{
    k->H = clbi_doubles(room, k->cap, k->cap);
    k->h = clbi_doubles(room, k->cap, 1);
    k->dot = clbi_doubles(room, k->cap, 1);
    k->V = clbi_reals(room, k->cap, k->n);
    k->w = clbi_reals(room, 2, k->n);
    k->coef = clbi_reals(room, k->cap, 1);
}

static size_t clbi_krylov_bytes(size_t n, size_t cap)
{
    clbi_krylov k;
    clbi_room room = CLB_ZERO;
    k.n = n;
    k.cap = cap;
    clbi_krylov_layout(&k, &room);
    return clbi_room_bytes(&room);
}

static clb_status clbi_krylov_init(clbi_krylov *k, const clb_linop *A, size_t cap, clb_rng *rng)
{
    clbi_room room = CLB_ZERO;
    clb_status status;
    memset(k, 0, sizeof *k);
    k->n = A->n;
    k->cap = cap;
    clbi_krylov_layout(k, &room);
    if ((status = clbi_room_alloc(&room, &k->arena)) != CLB_OK) return status;
    clbi_krylov_layout(k, &room);
    memset(k->H, 0, cap * cap * sizeof *k->H);
    k->A = A;
    k->rng = rng;
    k->scale = 1;
    k->finite = 1;
    return CLB_OK;
}

static void clbi_krylov_free(clbi_krylov *k)
{
    CLB_FREE(k->arena);
}

/* w -= V^T (V w), twice; h receives the sum of the coefficients. Returns |w|. For a stored matrix
 * one pass is enough if it leaves at least half of the length `before` (Kahan), because its
 * rounding errors are then of the size of those in w. */
static double clbi_krylov_orthogonalise(clbi_krylov *k, double before)
{
    double after = 0;
    memset(k->h, 0, k->size * sizeof *k->h);
    for (int pass = 0; pass < 2; ++pass) {
        CLBI_KERNEL(dots)(k->size, k->n, k->V, k->n, k->w, k->dot);
        for (size_t i = 0; i < k->size; ++i) {
            k->h[i] += k->dot[i];
            k->coef[i] = (clb_real)-k->dot[i];
        }
        CLBI_KERNEL(combine)(k->size, k->n, k->coef, k->V, k->n, k->w);
        if (pass == 1 || k->A->apply == clbi_dense_apply) after = clbi_norm(k->n, k->w);
        if (after > 0.5 * before) break;
    }
    return after;
}

/* Adds w / norm to the basis. */
static void clbi_krylov_push(clbi_krylov *k, double norm)
{
    clb_real *v = k->V + k->size * k->n;
    for (size_t j = 0; j < k->n; ++j) v[j] = (clb_real)((double)k->w[j] / norm);
    for (size_t i = 0; i < k->cap; ++i) k->H[k->size * k->cap + i] = k->H[i * k->cap + k->size] = 0;
    ++k->size;
}

/* Adds a random direction, orthogonal to the basis. Returns 0 if the basis is full. */
static int clbi_krylov_random(clbi_krylov *k)
{
    for (int attempt = 0; attempt < 5 && k->size < k->cap && k->size < k->n; ++attempt) {
        double before, after;
        clb_rng_normal(k->rng, k->n, k->w);
        before = clbi_norm(k->n, k->w);
        after = clbi_krylov_orthogonalise(k, before);
        if (!(after > 1e-3 * before / clbi_sqrt((double)k->n))) continue;
        for (size_t j = 0; j < k->n; ++j) k->w[j] = (clb_real)((double)k->w[j] / after);
        clbi_krylov_push(k, clbi_krylov_orthogonalise(k, 1));
        return 1;
    }
    return 0;
}

/* Limit up to which squares, and the projected matrix as clb_real, are safe. */
#ifdef CLB_SINGLE
#define CLBI_KRYLOV_LIMIT 0x1p60
#else
#define CLBI_KRYLOV_LIMIT 0x1p300
#endif

/* Multiplies w, as the operator computed it, by the scale. */
static void clbi_krylov_scale(clbi_krylov *k)
{
    for (size_t j = 0; k->scale != 1 && j < k->n; ++j)
        k->w[j] = (clb_real)((double)k->w[j] * k->scale);
}

/* Called with |w| before that. If the norm is larger than all before, the scale may change, and
 * everything stored is multiplied by the change. */
static void clbi_krylov_rescale(clbi_krylov *k, double norm)
{
    double now = norm * k->scale, scale;
    if (norm <= k->top) return;
    k->top = norm;
    if (now > 1 / CLBI_KRYLOV_LIMIT && now < CLBI_KRYLOV_LIMIT) return;
    scale = clbi_scale_into(norm, CLBI_KRYLOV_LIMIT);
    for (size_t i = 0; i < k->cap * k->cap; ++i) k->H[i] = k->H[i] / k->scale * scale;
    k->norm = k->norm / k->scale * scale;
    k->scale = scale;
}

/* w = A v_j; returns |w|. A stored matrix is read once for two vectors if the next one is already
 * known. */
static double clbi_krylov_apply(clbi_krylov *k, size_t j)
{
    const clb_real *v = k->V + j * k->n;
    double norm;
    ++k->products;
    if (k->ahead) {
        memcpy(k->w, k->w + k->n, k->n * sizeof *k->w);
        k->ahead = 0;
    } else if (k->A->apply == clbi_dense_apply && j + 1 < k->size) {
        const clb_dense *m = (const clb_dense *)k->A->context;
        CLBI_KERNEL(symv)(2, m->n, m->A, m->lda, v, k->w, k->n, 0);
        k->ahead = 1;
    } else {
        k->A->apply(k->A->context, v, k->w);
    }
    norm = clbi_norm(k->n, k->w);
    k->finite = norm <= DBL_MAX;
    if (!k->finite) return norm;
    clbi_krylov_rescale(k, norm);
    clbi_krylov_scale(k);
    if (k->scale != 1) norm = clbi_norm(k->n, k->w);
    k->norm = fmax(k->norm, norm);
    return norm;
}

/* Applies A to the next row and extends the basis by the new direction. If there is none (an
 * invariant subspace: zero or identity matrix, few distinct eigenvalues), it adds a random
 * direction. */
static void clbi_krylov_step(clbi_krylov *k)
{
    size_t j = k->done++;
    double beta, norm = clbi_krylov_apply(k, j);
    if (!k->finite) return;
    beta = clbi_krylov_orthogonalise(k, norm);
    for (size_t i = 0; i < k->size; ++i) k->H[i * k->cap + j] = k->H[j * k->cap + i] = k->h[i];
    if (k->size >= k->cap || k->size >= k->n) return;
    if (beta > 10 * CLBI_EPS * k->norm) {
        clbi_krylov_push(k, beta);
        k->H[(k->size - 1) * k->cap + j] = k->H[j * k->cap + k->size - 1] = beta;
    } else if (k->size == k->done) {
        clbi_krylov_random(k);
    }
}

/* --- Lanczos -------------------------------------------------------------------------------- */

CLBDEF void clb_lanczos_opts_resolve(clb_lanczos_opts *opts, const clb_linop *A, size_t k)
{
    size_t ends = opts->which == CLB_BOTH_ENDS ? 2 : 1, n = A->n, wanted, least;
    if (k > n) k = n;
    wanted = ends * k;
    if (opts->tol <= 0) opts->tol = sizeof(clb_real) == 4 ? 1e-5 : 1e-10;
    if (opts->block == 0) opts->block = A->apply == clbi_dense_apply && n > 2000 ? 2 : 1;
    if (opts->block > n) opts->block = n;
    if (opts->basis == 0) opts->basis = 2 * wanted + 20 > 60 ? 2 * wanted + 20 : 60;
    least = wanted + 2 * opts->block + 2;  /* room for one step of every start vector */
    if (opts->basis < least) opts->basis = least;
    if (opts->basis > n) opts->basis = n;
    if (opts->max_products == 0) opts->max_products = 10 * n > 1000 ? 10 * n : 1000;
}

typedef struct clbi_lanczos {
    clbi_krylov k;
    clb_lanczos_opts opts;
    size_t    top, bottom;     /* number of pairs wanted at each end */
    size_t    budget;          /* products for the basis; the rest is for residuals    */
    double   *theta, *res;     /* [basis] Ritz values ascending, residual estimates */
    double   *before;          /* [top + bottom] wanted values before the check                 */
    clb_real *S, *P;        /* [basis][basis] rows of Ritz coordinates; projected matrix, scratch */
    clb_real *tile;            /* [basis][CLBI_TILE] */
    size_t   *keep;            /* [basis] indices of the Ritz pairs to keep */
    void     *dense;           /* memory of clbi_eigh for the projected matrix */
    void     *arena;
} clbi_lanczos;
#define CLBI_TILE ((size_t)64)

static void clbi_lanczos_layout(clbi_lanczos *s, clbi_room *room)
{
    size_t m = s->opts.basis;
    s->theta = clbi_doubles(room, m, 1);
    s->res = clbi_doubles(room, m, 1);
    s->before = clbi_doubles(room, m, 1);
    s->keep = (size_t *)clbi_part(room, m, 1, sizeof *s->keep);
    s->S = clbi_reals(room, m, m);
    s->P = clbi_reals(room, m, m);
    s->tile = clbi_reals(room, m, CLBI_TILE);
    s->dense = clbi_part(room, clb_eigh_bytes(m, 1), 1, 1);
}

/* The largest number of vectors in the basis. */
static size_t clbi_lanczos_most(const clb_lanczos_opts *o, size_t n)
{
    return o->basis + o->block < n ? o->basis + o->block : n;
}

/* Allocates everything that the steps and restarts need. */
static clb_status clbi_lanczos_init(clbi_lanczos *s, const clb_linop *A, clb_rng *rng)
{
    clbi_room room = CLB_ZERO;
    clb_status status = clbi_krylov_init(&s->k, A, clbi_lanczos_most(&s->opts, A->n), rng);
    if (status) return status;
    if (s->opts.basis > CLBI_EIGH_MAX) room.used = (size_t)-1;
    clbi_lanczos_layout(s, &room);
    if ((status = clbi_room_alloc(&room, &s->arena)) != CLB_OK) {
        clbi_krylov_free(&s->k);
        return status;
    }
    clbi_lanczos_layout(s, &room);
    return CLB_OK;
}

/* Computes the Ritz pairs of the processed part of the basis. Their residuals |A y - theta y|
 * follow from H. */
static clb_status clbi_lanczos_ritz(clbi_lanczos *s)
{
    const clbi_krylov *k = &s->k;
    size_t p = k->done;
    clbi_eigh_want want = CLB_ZERO;
    clb_status status;
    want.vectors = s->S;
    for (size_t i = 0; i < p; ++i)
        for (size_t j = 0; j <= i; ++j) s->P[i * p + j] = (clb_real)k->H[i * k->cap + j];
    status = clbi_eigh(p, s->P, p, s->theta, &want, s->dense);
    if (status) return status;
    for (size_t i = 0; i < p; ++i) {
        double sum = 0;
        for (size_t r = p; r < k->size; ++r) {
            double c = 0;
            for (size_t j = 0; j < p; ++j) c += k->H[r * k->cap + j] * (double)s->S[i * p + j];
            sum += c * c;
        }
        s->res[i] = clbi_sqrt(sum);
    }
    if (p > 0) s->k.norm = fmax(s->k.norm, fmax(fabs(s->theta[0]), fabs(s->theta[p - 1])));
    return CLB_OK;
}

/* The index of wanted pair i among the ascending Ritz values: first the top ones, descending, then
 * the bottom ones, ascending. */
static size_t clbi_lanczos_index(const clbi_lanczos *s, size_t i)
{
    return i < s->top ? s->k.done - 1 - i : i - s->top;
}

/* Rows of V[0..q-1] become the Ritz vectors keep[0..q-1]. The rows not yet processed follow, unless
 * `drop` is set. */
static void clbi_lanczos_compress(clbi_lanczos *s, size_t q, int drop)
{
    clbi_krylov *k = &s->k;
    size_t p = k->done, n = k->n, pending = k->size - p;
    for (size_t i = 0; i < q; ++i) memcpy(s->P + i * p, s->S + s->keep[i] * p, p * sizeof *s->P);
    for (size_t c = 0; c < n; c += CLBI_TILE) {
        size_t w = n - c < CLBI_TILE ? n - c : CLBI_TILE;
        CLBI_KERNEL(matmul)(q, w, p, s->P, p, 1, k->V + c, 1, n, s->tile, CLBI_TILE, 0, NULL);
        for (size_t i = 0; i < q; ++i)
            memcpy(k->V + i * n + c, s->tile + i * CLBI_TILE, w * sizeof *s->tile);
    }
    if (drop) pending = 0;
    if (drop) k->ahead = 0;
    for (size_t r = 0; r < pending; ++r) {
        memmove(k->V + (q + r) * n, k->V + (p + r) * n, n * sizeof *k->V);
        for (size_t i = 0; i < q; ++i) {
            double c = 0;
            for (size_t j = 0; j < p; ++j)
                c += k->H[(p + r) * k->cap + j] * (double)s->P[i * p + j];
            k->h[i] = c;
        }
        memcpy(k->H + (q + r) * k->cap, k->h, q * sizeof *k->h);
    }
    for (size_t i = 0; i < q; ++i) {
        for (size_t j = 0; j < q; ++j) k->H[i * k->cap + j] = 0;
        k->H[i * k->cap + i] = s->theta[s->keep[i]];
    }
    k->done = q;
    k->size = q + pending;
}

/* Thick restart: keeps the wanted pairs, some of their neighbours, and some at the other end of the
 * spectrum. */
static void clbi_lanczos_restart(clbi_lanczos *s)
{
    size_t p = s->k.done, block = s->opts.block, wanted = s->top + s->bottom;
    size_t spare = p - wanted - block - 1, extra = spare / 2, high, low;
    high = s->top ? s->top + (s->bottom ? extra / 2 : extra) : 1;
    low = s->bottom ? s->bottom + (s->top ? extra / 2 : extra) : 1;
    if (high + low > p - 1) {
        high = s->top;
        low = s->bottom;
    }
    for (size_t i = 0; i < high; ++i) s->keep[i] = p - 1 - i;
    for (size_t i = 0; i < low; ++i) s->keep[high + i] = i;
    clbi_lanczos_compress(s, high + low, 0);
}

/* The largest residual of a wanted pair divided by |A|; 0 for the zero matrix. */
static double clbi_lanczos_worst(const clbi_lanczos *s)
{
    double worst = 0;
    for (size_t i = 0; i < s->top + s->bottom; ++i)
        worst = fmax(worst, s->res[clbi_lanczos_index(s, i)]);
    return s->k.norm > 0 ? worst / s->k.norm : 0;
}

/* The size of the basis at which to compute the Ritz pairs next: the end of the cycle or, earlier,
 * where the residuals will reach tol if they keep falling as in the last `products` steps (from
 * `before` to `now`). */
static size_t clbi_lanczos_look(const clbi_lanczos *s, double before, double now, size_t products,
                                double tol)
{
    double steps;
    if (!(before > now && now > tol && products > 0)) return s->opts.basis;
    steps = 1.1 * (double)products * clb_log(now / tol) / clb_log(before / now) + 2;
    return steps < (double)(s->opts.basis - s->k.done) ? s->k.done + (size_t)steps : s->opts.basis;
}

/* Keeps only the wanted pairs and continues from a new random block. If an eigenvalue is multiple,
 * this finds the copies that the first start vectors could not contain. The wanted values are
 * stored for comparison. */
static void clbi_lanczos_challenge(clbi_lanczos *s)
{
    size_t wanted = s->top + s->bottom;
    for (size_t i = 0; i < wanted; ++i) {
        s->keep[i] = clbi_lanczos_index(s, i);
        s->before[i] = s->theta[s->keep[i]] / s->k.scale;
    }
    clbi_lanczos_compress(s, wanted, 1);
    for (size_t b = 0; b < s->opts.block; ++b)
        if (!clbi_krylov_random(&s->k)) break;
}

/* Have the wanted values stayed the same since then? */
static int clbi_lanczos_held(const clbi_lanczos *s)
{
    double slack = s->opts.tol * s->k.norm / s->k.scale;
    for (size_t i = 0; i < s->top + s->bottom; ++i) {
        double now = s->theta[clbi_lanczos_index(s, i)] / s->k.scale;
        if (i < s->top ? now > s->before[i] + slack : now < s->before[i] - slack) return 0;
    }
    return 1;
}

/* Runs cycles until the wanted pairs have converged and are checked. Returns CLB_ENOCONV when the
 * products are used up. */
static clb_status clbi_lanczos_run(clbi_lanczos *s, clb_eigs *out)
{
    clbi_krylov *k = &s->k;
    int challenged = s->opts.no_check;
    size_t look = s->opts.basis, seen = 0;
    /* half of it, because the check may mix pairs */
    double tol = 0.5 * s->opts.tol, before = 0, worst;
    for (;;) {
        clb_status status;
        while (k->done < look && k->done < k->size && k->finite && k->products < s->budget)
            clbi_krylov_step(k);
        if (!k->finite) return CLB_ENOTFINITE;
        if ((status = clbi_lanczos_ritz(s)) != CLB_OK) return status;
        out->smallest = fmin(out->smallest, s->theta[0] / k->scale);
        out->largest = fmax(out->largest, s->theta[k->done - 1] / k->scale);
        if (k->done == k->n) return CLB_OK;                /* the whole space: exact */
        if (k->done < s->top + s->bottom) return CLB_ENOCONV;
        worst = clbi_lanczos_worst(s);
        if (worst <= tol && challenged && (s->opts.no_check || clbi_lanczos_held(s))) return CLB_OK;
        if (k->products >= s->budget) return CLB_ENOCONV;
        if (worst <= tol) {
            challenged = 1;
            clbi_lanczos_challenge(s);
            look = s->opts.basis;
            worst = 0;
        } else if (k->done < s->opts.basis && k->done < k->size) {
            look = s->opts.basis;                          /* it was too early */
            continue;
        } else {
            if (!s->opts.no_check) challenged = 0;
            clbi_lanczos_restart(s);
            look = clbi_lanczos_look(s, before, worst, k->products - seen, tol);
        }
        before = worst;
        seen = k->products;
        ++out->restarts;
    }
}

static void clbi_eigs_layout(clb_eigs *out, size_t n, size_t count, clbi_room *room)
{
    out->value = clbi_doubles(room, count, 1);
    out->residual = clbi_doubles(room, count, 1);
    out->bound = clbi_doubles(room, count, 1);
    out->vector = clbi_reals(room, count, n);
    out->converged = (int *)clbi_part(room, count, 1, sizeof *out->converged);
}

static clb_status clbi_eigs_alloc(clb_eigs *out, size_t n, size_t count)
{
    clbi_room room = CLB_ZERO;
    clb_status status;
    clbi_eigs_layout(out, n, count, &room);
    if ((status = clbi_room_calloc(&room, &out->arena)) != CLB_OK) return status;
    clbi_eigs_layout(out, n, count, &room);
    out->n = n;
    out->count = count;
    return CLB_OK;
}

/* A bound on the distance from Ritz value `at`, of a vector with residual r, to the nearest
 * eigenvalue. It is r^2/gap if the pair has converged, so that the other Ritz values show the gap
 * to the rest of the spectrum; else it is r. */
static double clbi_lanczos_bound(const clbi_lanczos *s, size_t at, double r, int converged)
{
    double gap = DBL_MAX;
    for (size_t j = 0; j < s->k.done; ++j)
        if (j != at) gap = fmin(gap, fabs(s->theta[j] - s->theta[at]) - s->res[j]);
    return converged && gap > r ? r / gap * r : r;
}

/* x = x / |x| */
static void clbi_normalise(size_t n, clb_real *x)
{
    clb_real norm = (clb_real)clbi_norm(n, x);
    for (size_t j = 0; j < n; ++j) x[j] /= norm;
}

/* Computes the residual of pair i, by one more product if one is left, and the bound. The bound
 * includes the difference between v.Av and the Ritz value, which for a symmetric operator is only
 * rounding. */
static void clbi_lanczos_measure(clbi_lanczos *s, clb_eigs *out, size_t i)
{
    clbi_krylov *k = &s->k;
    size_t at = s->keep[i];
    double r = s->res[at], off = 0, noise = 4 * CLBI_EPS * fmax(k->norm, k->scale * CLBI_REAL_MIN);
    clb_real *v = out->vector + i * k->n;
    int measured = k->products < s->opts.max_products;
    clbi_normalise(k->n, v);
    clbi_sign_rule(k->n, v);
    if (measured) {
        k->A->apply(k->A->context, v, k->w);
        ++k->products;
        clbi_krylov_scale(k);
        off = fabs(clb_dot(k->n, v, k->w) - s->theta[at]);
        clb_axpy(k->n, (clb_real)-s->theta[at], v, k->w);
        r = clbi_norm(k->n, k->w);
    }
    out->converged[i] = measured && r <= s->opts.tol * k->norm + noise;
    out->value[i] = s->theta[at] / k->scale;
    out->residual[i] = r / k->scale;
    out->bound[i] = (clbi_lanczos_bound(s, at, r, out->converged[i]) + off + noise) / k->scale;
}

static clb_status clbi_lanczos_finish(clbi_lanczos *s, clb_eigs *out, clb_status status)
{
    size_t wanted, p = s->k.done, n = s->k.n;
    if (s->top > p) s->top = p;                            /* max_products did not suffice */
    if (s->bottom > p - s->top) s->bottom = p - s->top;
    out->count = wanted = s->top + s->bottom;
    for (size_t i = 0; i < wanted; ++i) {
        s->keep[i] = clbi_lanczos_index(s, i);
        memcpy(s->P + i * p, s->S + s->keep[i] * p, p * sizeof *s->P);
    }
    clb_matmul_nn(wanted, n, p, s->P, p, s->k.V, n, out->vector, n);
    for (size_t i = 0; i < wanted; ++i) {
        clbi_lanczos_measure(s, out, i);
        if (!out->converged[i] && status == CLB_OK) status = CLB_ENOCONV;
    }
    out->norm = s->k.norm / s->k.scale;
    out->products = s->k.products;
    return status;
}

/* Resolves the options and how many pairs are wanted at each end. */
static void clbi_lanczos_plan(clbi_lanczos *s, const clb_linop *A, size_t k,
                              const clb_lanczos_opts *opts)
{
    if (opts) s->opts = *opts;
    clb_lanczos_opts_resolve(&s->opts, A, k);
    if (k > A->n) k = A->n;
    s->top = s->opts.which == CLB_SMALLEST ? 0 : k;
    s->bottom = s->opts.which == CLB_LARGEST ? 0 : k;
    if (s->top + s->bottom > A->n) s->bottom = A->n - s->top;
    s->budget = s->opts.max_products -
                (s->top + s->bottom < s->opts.max_products / 2 ? s->top + s->bottom
                                                               : s->opts.max_products / 2);
}

CLBDEF size_t clb_lanczos_bytes(const clb_linop *A, size_t k, const clb_lanczos_opts *opts)
{
    clbi_lanczos s;
    clb_eigs out;
    clbi_room arena = CLB_ZERO, eigs = CLB_ZERO;
    size_t krylov, total;
    memset(&s, 0, sizeof s);
    clbi_lanczos_plan(&s, A, k, opts);
    if (s.opts.basis > CLBI_EIGH_MAX) return 0;
    clbi_lanczos_layout(&s, &arena);
    clbi_eigs_layout(&out, A->n, s.top + s.bottom, &eigs);
    krylov = clbi_krylov_bytes(A->n, clbi_lanczos_most(&s.opts, A->n));
    if (!krylov || !clbi_room_bytes(&arena) || !clbi_room_bytes(&eigs) ||
        !clbi_add_size(clbi_room_bytes(&arena), clbi_room_bytes(&eigs), &total) ||
        !clbi_add_size(total, krylov, &total)) return 0;
    return total;
}

CLBDEF clb_status clb_lanczos(const clb_linop *A, size_t k, const clb_lanczos_opts *opts,
                              clb_eigs *out)
{
    clbi_lanczos s;
    clb_rng own;
    clb_status status;
    double start = 0;
    memset(out, 0, sizeof *out);
    memset(&s, 0, sizeof s);
    if (A->n == 0) return CLB_EEMPTY;
    if (k == 0) return CLB_ECOUNT;
    if (opts && (unsigned)opts->which >= CLB_WHICH_COUNT) return CLB_EMETHOD;
    clbi_lanczos_plan(&s, A, k, opts);
    if (s.opts.start && !((start = clbi_norm(A->n, s.opts.start)) > 0)) return CLB_ESTART;
    clb_rng_seed(&own, 1);
    if ((status = clbi_lanczos_init(&s, A, s.opts.rng ? s.opts.rng : &own)) != CLB_OK)
        return status;
    status = clbi_eigs_alloc(out, A->n, s.top + s.bottom);
    if (status == CLB_OK) {
        out->smallest = 1.7976931348623157e308;
        out->largest = -1.7976931348623157e308;
        if (s.opts.start) {
            memcpy(s.k.w, s.opts.start, A->n * sizeof *s.k.w);
            clbi_krylov_push(&s.k, start);
        }
        while (s.k.size < s.opts.block && clbi_krylov_random(&s.k)) { }
        status = clbi_lanczos_run(&s, out);
        if (status == CLB_OK || status == CLB_ENOCONV)
            status = clbi_lanczos_finish(&s, out, status);
    }
    clbi_krylov_free(&s.k);
    CLB_FREE(s.arena);
    if (status != CLB_OK && status != CLB_ENOCONV) clb_eigs_free(out);
    return status;
}

CLBDEF void clb_eigs_free(clb_eigs *eigs)
{
    CLB_FREE(eigs->arena);
    memset(eigs, 0, sizeof *eigs);
}

/* --- quadrature and trace ------------------------------------------------------------------- */

/* Computes T for one start vector: diagonal in node, off-diagonal in off. Returns its size, which
 * is smaller than steps in an invariant subspace. */
static size_t clbi_slq_tridiagonal(clbi_krylov *k, size_t steps, double *node, double *off)
{
    while (k->done < steps && k->finite) {
        size_t j = k->done, size = k->size;
        clbi_krylov_step(k);
        if (!k->finite) return 0;
        node[j] = k->H[j * k->cap + j] / k->scale;
        off[j] = 0;
        if (k->size == size || k->H[size * k->cap + j] == 0) return j + 1;
        off[j] = k->H[size * k->cap + j] / k->scale;
    }
    return k->done;
}

static clb_status clbi_slq_probe(clbi_krylov *k, clb_quadrature *out, size_t steps, double share,
                                 double *off)
{
    double *node = out->node + out->count, *weight = out->weight + out->count, sum = 0;
    size_t m = clbi_slq_tridiagonal(k, steps, node, off);
    out->products = k->products;
    if (!k->finite) return CLB_ENOTFINITE;
    memset(weight, 0, m * sizeof *weight);
    weight[0] = 1;                            /* V e_1: first components of the eigenvectors of T */
    if (clbi_ql(m, node, off, weight, 1) > 0) return CLB_ENOCONV;
    for (size_t i = 0; i < m; ++i) sum += weight[i] * weight[i];
    for (size_t i = 0; i < m; ++i) weight[i] = share * (weight[i] * weight[i] / sum);
    out->count += m;
    return CLB_OK;
}

/* off: the off-diagonal of one probe. */
static void clbi_quadrature_layout(clb_quadrature *q, size_t probes, size_t steps, double **off,
                                   clbi_room *room)
{
    q->node = clbi_doubles(room, probes, steps);
    q->weight = clbi_doubles(room, probes, steps);
    *off = clbi_doubles(room, steps, 1);
}

CLBDEF clb_status clb_slq(const clb_linop *A, clb_rng *rng, const clb_slq_opts *opts,
                          clb_quadrature *out)
{
    clb_slq_opts o = CLB_ZERO;
    clbi_krylov k;
    clbi_room room = CLB_ZERO;
    clb_rng own;
    double *off;
    clb_status status;
    memset(out, 0, sizeof *out);
    if (opts) o = *opts;
    if (A->n == 0) return CLB_EEMPTY;
    if (!rng && !o.start) return CLB_ESTART;
    if (o.steps == 0) o.steps = 60;
    if (o.steps > A->n) o.steps = A->n;
    if (o.probes == 0) o.probes = 10;
    if (o.start) o.probes = 1;
    clbi_quadrature_layout(out, o.probes, o.steps, &off, &room);
    if ((status = clbi_room_alloc(&room, &out->arena)) != CLB_OK) return status;
    clbi_quadrature_layout(out, o.probes, o.steps, &off, &room);
    clb_rng_seed(&own, 1);  /* used only in invariant subspaces of a given start */
    status = clbi_krylov_init(&k, A, o.steps + 1 < A->n ? o.steps + 1 : A->n, rng ? rng : &own);
    for (size_t p = 0; p < o.probes && status == CLB_OK; ++p) {
        double norm;
        k.size = k.done = 0;
        if (o.start) memcpy(k.w, o.start, A->n * sizeof *k.w);
        else clb_rng_normal(rng, A->n, k.w);
        norm = clbi_norm(A->n, k.w);
        if (norm > 0) {
            clbi_krylov_push(&k, norm);
            status = clbi_slq_probe(&k, out, o.steps, 1 / (double)o.probes, off);
        } else {
            status = norm == 0 ? CLB_ESTART : CLB_ENOTFINITE;
        }
    }
    if (k.A) clbi_krylov_free(&k);
    if (status) clb_quadrature_free(out);
    return status;
}

CLBDEF void clb_quadrature_free(clb_quadrature *q)
{
    CLB_FREE(q->arena);
    memset(q, 0, sizeof *q);
}

/* The 97.5 % quantile of Student's t with v degrees of freedom: exact for 1 and 2, from a table up
 * to 4, by the Cornish-Fisher expansion above. */
static double clbi_student95(size_t v)
{
    static const double table[5] = { 0, 12.706204736174705, 4.302652729749464, 3.182446305283710,
                                    2.776445105197793 };
    double z = 1.9599639845400545, z2 = z * z, x = (double)v;
    if (v < 5) return table[v];
    return z * (1 + ((z2 + 1) / 4 + ((5 * z2 + 16) * z2 + 3) / (96 * x)
                     + (((3 * z2 + 19) * z2 + 17) * z2 - 15) / (384 * x * x)) / x);
}

CLBDEF clb_status clb_hutchinson(const clb_linop *A, size_t probes, clb_rng *rng,
                                       clb_estimate *out)
{
    clb_real *z;
    size_t cells, n = A->n;
    double mean = 0, scatter = 0, scale = 1, half;
    clb_status status;
    memset(out, 0, sizeof *out);
    if (n == 0) return CLB_EEMPTY;
    if (probes < 2) return CLB_ECOUNT;
    if (!clbi_mul_size(n, 2, &cells)) return CLB_ESIZE;
    if ((status = clbi_alloc(&z, cells, sizeof *z)) != CLB_OK) return status;
    for (size_t p = 0; p < probes; ++p) {
        double q, delta;
        for (size_t j = 0; j < n; ++j) z[j] = clb_rng_u32(rng) >> 31 ? 1 : -1;
        A->apply(A->context, z, z + n);
        if (p == 0) scale = clbi_safe_scale(clbi_norm(n, z + n));
        if (scale != 1) clb_scale(n, (clb_real)scale, z + n);
        q = clb_dot(n, z, z + n);
        delta = q - mean;                                  /* Welford */
        mean += delta / (double)(p + 1);
        scatter += delta * (q - mean);
    }
    CLB_FREE(z);
    out->mean = mean / scale;
    out->stderr_mean = clbi_sqrt(scatter / (double)(probes - 1) / (double)probes) / scale;
    half = clbi_student95(probes - 1) * out->stderr_mean;
    out->lower = out->mean - half;
    out->upper = out->mean + half;
    out->samples = probes;
    return CLB_OK;
}

/* ============================================================================================
 * @S40 CONSERVATION LAWS
 * ========================================================================================== */

CLBDEF double clb_charge(const clb_net *net, const clb_real *theta, size_t l)
{
    CLB_ASSERT(l >= 1 && l < net->L);
    if (!theta) theta = net->theta;
    return clb_weight_sumsq(net, theta, l + 1) - clb_weight_sumsq(net, theta, l);
}

CLBDEF double clb_charge_bias(const clb_net *net, const clb_real *theta, size_t l)
{
    if (!theta) theta = net->theta;
    return clb_charge(net, theta, l) - clb_bias_sumsq(net, theta, l);
}

CLBDEF double clb_trace_charge(const clb_trace *trace, size_t l, size_t t)
{
    CLB_ASSERT(l >= 1 && l < trace->L && t <= trace->T);
    return trace->q[t * trace->L + l] - trace->q[t * trace->L + l - 1];
}

CLBDEF double clb_trace_charge_bias(const clb_trace *trace, size_t l, size_t t)
{
    return clb_trace_charge(trace, l, t) - trace->qb[t * trace->L + l - 1];
}

CLBDEF double clb_trace_drift(const clb_trace *trace, size_t l)
{
    return clb_trace_charge(trace, l, trace->steps) - clb_trace_charge(trace, l, 0);
}

CLBDEF double clb_trace_mean_drift(const clb_trace *trace)
{
    double sum = 0;
    size_t l;
    for (l = 1; l < trace->L; ++l) sum += fabs(clb_trace_drift(trace, l));
    return trace->L > 1 ? sum / (double)(trace->L - 1) : (double)NAN;
}

CLBDEF double clb_trace_drift_bias(const clb_trace *trace, size_t l)
{
    return clb_trace_charge_bias(trace, l, trace->steps) - clb_trace_charge_bias(trace, l, 0);
}

CLBDEF double clb_trace_law(const clb_trace *trace, size_t l, size_t t)
{
    const double *q = trace->q + t * trace->L, *qb = trace->qb + t * trace->L;
    CLB_ASSERT(l >= 1 && l < trace->L && t <= trace->T);
    return trace->upper[l - 1] * q[l] - trace->lower[l - 1] * (q[l - 1] + qb[l - 1]);
}

CLBDEF double clb_trace_law_drift(const clb_trace *trace, size_t l)
{
    return clb_trace_law(trace, l, trace->steps) - clb_trace_law(trace, l, 0);
}

CLBDEF double clb_trace_max_drift(const clb_trace *trace, size_t l)
{
    double worst = 0, start = clb_trace_charge(trace, l, 0);
    size_t t;
    for (t = 1; t <= trace->steps; ++t) {
        double drift = fabs(clb_trace_charge(trace, l, t) - start);
        if (!(drift <= worst)) worst = drift;
    }
    return worst;
}

CLBDEF double clb_trace_relative(const clb_trace *trace, size_t l, double x)
{
    double start = fabs(clb_trace_charge(trace, l, 0));
    return start > 1e-10 ? x / start : x;
}

CLBDEF double clb_degree(const clb_net *net)
{
    switch (net->activation) {
    case CLB_RELU:
    case CLB_IDENTITY:
    case CLB_LEAKY_RELU:
    case CLB_RELU_MIX:   return 1;
    case CLB_RELU_POWER: return net->param;
    case CLB_TANH:
    case CLB_SIGMOID:
    case CLB_SOFTPLUS:
    case CLB_GELU:
    case CLB_ACTIVATION_COUNT:
    default:             return (double)NAN;
    }
}

CLBDEF double clb_charge_degree(const clb_net *net, const clb_real *theta, size_t l, double k)
{
    CLB_ASSERT(l >= 1 && l < net->L);
    if (!theta) theta = net->theta;
    return k * clb_weight_sumsq(net, theta, l + 1) - clb_weight_sumsq(net, theta, l) -
           clb_bias_sumsq(net, theta, l);
}

CLBDEF double clb_drift_step(const clb_net *net, const clb_real *grad, size_t l, double eta)
{
    return eta * eta * clb_charge_bias(net, grad, l);
}

CLBDEF size_t clb_hidden_count(const clb_net *net)
{
    size_t l, count = 0;
    for (l = 1; l < net->L; ++l) count += net->m[l];
    return count;
}

/* For every neuron j of hidden layer l: out[j] = upper <column j of x, column j of y> in layer l+1,
 * plus lower times the sum of <row j of x, row j of y> in layer l and x_j y_j of its bias. Columns
 * are summed row by row, in ascending order. */
static void clbi_neuron_products(const clb_net *net, const clb_real *x, const clb_real *y, size_t l,
                                 double upper, double lower, double *out)
{
    size_t j, k, m = net->m[l], above = net->m[l + 1], w = net->w[l], v = net->w[l + 1];
    size_t below = net->m[l - 1];
    for (j = 0; j < m; ++j) out[j] = 0;
    for (k = 0; upper != 0 && k < above; ++k)
        for (j = 0; j < m; ++j) out[j] += (double)x[v + k * m + j] * (double)y[v + k * m + j];
    for (j = 0; j < m; ++j) {
        double row = lower != 0 ? clb_dot(below, x + w + j * below, y + w + j * below) : 0;
        if (lower != 0 && net->b[l] != CLB_NO_BIAS)
            row += (double)x[net->b[l] + j] * (double)y[net->b[l] + j];
        out[j] = upper * out[j] + lower * row;
    }
}

CLBDEF void clb_neuron_charges(const clb_net *net, const clb_real *theta, size_t l, double *out)
{
    CLB_ASSERT(l >= 1 && l < net->L);
    if (!theta) theta = net->theta;
    clbi_neuron_products(net, theta, theta, l, 1, -1, out);
}

CLBDEF void clb_hidden_charges(const clb_net *net, const clb_real *theta, double *out)
{
    size_t l;
    for (l = 1; l < net->L; ++l, out += net->m[l - 1]) clb_neuron_charges(net, theta, l, out);
}

/* sum_k A[k][i] B[k][j]; the rows have m entries. */
static double clbi_column_dot(size_t rows, size_t m, const clb_real *A, size_t i,
                              const clb_real *B, size_t j)
{
    double sum = 0;
    size_t k;
    for (k = 0; k < rows; ++k) sum += (double)A[k * m + i] * (double)B[k * m + j];
    return sum;
}

/* Entry (i, j) of X_l Y_l^T + x_l y_l^T, where capital letters are weights and small ones biases of
 * layer l. */
static double clbi_row_dot(const clb_net *net, const clb_real *x, const clb_real *y, size_t l,
                           size_t i, size_t j)
{
    size_t below = net->m[l - 1];
    double sum = clb_dot(below, x + net->w[l] + i * below, y + net->w[l] + j * below);
    if (net->b[l] != CLB_NO_BIAS) sum += (double)x[net->b[l] + i] * (double)y[net->b[l] + j];
    return sum;
}

CLBDEF void clb_matrix_charge(const clb_net *net, const clb_real *theta, size_t l, double *out)
{
    size_t i, j, m = net->m[l];
    const clb_real *x = theta ? theta : net->theta, *V = x + net->w[l + 1];
    CLB_ASSERT(l >= 1 && l < net->L);
    for (i = 0; i < m; ++i)
        for (j = 0; j <= i; ++j)
            out[i * m + j] = out[j * m + i] =
                clbi_column_dot(net->m[l + 1], m, V, i, V, j) - clbi_row_dot(net, x, x, l, i, j);
}

CLBDEF double clb_identity_residual(const clb_net *net, const clb_real *theta,
                                    const clb_real *grad, size_t l, int with_bias)
{
    double k = clb_degree(net), upper, lower;
    size_t w = net->w[l], v = net->w[l + 1];
    CLB_ASSERT(l >= 1 && l < net->L);
    if (!theta) theta = net->theta;
    upper = clb_dot(clb_layer_size(net, l + 1), theta + v, grad + v);
    lower = clb_dot(clb_layer_size(net, l), theta + w, grad + w);
    if (with_bias && net->b[l] != CLB_NO_BIAS)
        lower += clb_dot(net->m[l], theta + net->b[l], grad + net->b[l]);
    return fabs((k == k ? k : 1) * upper - lower) / (fabs(lower) + 1e-30);
}

CLBDEF double clb_neuron_identity_residual(const clb_net *net, const clb_real *theta,
                                           const clb_real *grad, size_t l)
{
    double k = clb_degree(net), worst = 0;
    size_t i, j, m = net->m[l], below = net->m[l - 1];
    CLB_ASSERT(l >= 1 && l < net->L);
    if (!theta) theta = net->theta;
    if (k != k) k = 1;
    for (j = 0; j < m; ++j) {
        const clb_real *V = theta + net->w[l + 1] + j, *H = grad + net->w[l + 1] + j;
        const clb_real *W = theta + net->w[l] + j * below, *G = grad + net->w[l] + j * below;
        double difference = -clbi_row_dot(net, theta, grad, l, j, j), size = 1e-300, r;
        for (i = 0; i < net->m[l + 1]; ++i) {
            difference += k * ((double)V[i * m] * (double)H[i * m]);
            size += k * fabs((double)V[i * m] * (double)H[i * m]);
        }
        for (i = 0; i < below; ++i) size += fabs((double)W[i] * (double)G[i]);
        if (net->b[l] != CLB_NO_BIAS)
            size += fabs((double)theta[net->b[l] + j] * (double)grad[net->b[l] + j]);
        r = fabs(difference) / size;
        if (!(r <= worst)) worst = r;
    }
    return worst;
}

CLBDEF double clb_matrix_identity_residual(const clb_net *net, const clb_real *theta,
                                           const clb_real *grad, size_t l)
{
    size_t i, j, m = net->m[l], w = net->w[l + 1];
    double worst = 0, size;
    CLB_ASSERT(l >= 1 && l < net->L);
    if (!theta) theta = net->theta;
    for (i = 0; i < m; ++i)
        for (j = 0; j < m; ++j) {
            double upper = clbi_column_dot(net->m[l + 1], m, theta + w, i, grad + w, j);
            double difference = fabs(upper - clbi_row_dot(net, grad, theta, l, i, j));
            if (!(difference <= worst)) worst = difference;
        }
    size = clbi_sqrt(clb_weight_sumsq(net, theta, l + 1) * clb_weight_sumsq(net, grad, l + 1)) +
           clbi_sqrt(clb_weight_sumsq(net, theta, l) * clb_weight_sumsq(net, grad, l));
    return worst / (size + 1e-300);
}

CLBDEF clb_energy clb_trace_energy(const clb_trace *trace, size_t l, double final_loss)
{
    clb_energy e;
    size_t i;
    CLB_ASSERT(l >= 1 && l < trace->L);
    e.E = 0;
    for (i = 0; i < trace->steps * trace->L; ++i) e.E += trace->g[i] + trace->gb[i];
    if (trace->steps == 0) e.E = (double)NAN;
    e.loss_drop = trace->steps ? trace->loss[0] - final_loss : (double)NAN;
    e.kbar = trace->S[l - 1] / e.E;
    e.mu = trace->eta * e.E / e.loss_drop;
    return e;
}

/* ============================================================================================
 * @S41 SPECTRAL THEORY
 * ========================================================================================== */

/* geo(1 - y, T) from y, which is known to full precision where 1 - y is not: -expm1(T log x)/y for
 * x = 1 - y > 0. */
static double clbi_geo(double y, size_t T)
{
    double x = 1 - y, log_x;
    if (y == 0) return (double)T;
    if (x <= 0) return (1 - clb_powi(x, T)) / y;
    log_x = fabs(y) < 0.1 ? clb_log1p(-y) : clb_log(x);
    if ((double)T * fabs(log_x) < 1e-12) return (double)T;
    return -clb_expm1((double)T * log_x) / y;
}

CLBDEF double clb_geo(double x, size_t T) { return clbi_geo(1 - x, T); }

CLBDEF double clb_phase(double eta, double lambda_max) { return 0.5 * eta * lambda_max; }

CLBDEF void clb_crossover_weights(size_t n, const double *a, double delta0, double *c)
{
    double sum = 0, scale;
    size_t k;
    for (k = 0; k < n; ++k) sum += a[k] * a[k];
    scale = sum > 1e-12 ? fabs(delta0) / sum : 1;
    for (k = 0; k < n; ++k) c[k] = a[k] * a[k] * scale;
}

CLBDEF double clb_crossover(size_t n, const double *lambda, const double *c, double eta, size_t T,
                            clb_crossover_info *info)
{
    clb_crossover_info count = CLB_ZERO;
    double S = 0;
    size_t k;
    for (k = 0; k < n; ++k) {
        double x = eta * lambda[k], den = x * (2 - x);              /* 1 - rho^2 */
        if (fabs(lambda[k]) < 1e-12) ++count.zero;
        else if (lambda[k] < 0) ++count.negative;
        else if (fabs(1 - x) >= 1) {
            ++count.unstable;
            if (fabs(den) > 1e-12) S += c[k] * (double)T / fabs(den);
        } else {
            ++count.stable;
            if (fabs(den) >= 1e-12) S += c[k] * clbi_geo(den, T);
        }
    }
    if (info) *info = count;
    return S;
}

/* eta d/d eta of geo(rho^2, T), with x = eta lambda: 2 x [T rho^(2T-1) - rho geo] / den. It tends
 * to -(T-1) T x as x T -> 0. */
static double clbi_geo_slope(double x, size_t T, double geo)
{
    double rho = 1 - x, den = x * (2 - x), n = (double)T;
    if (x * n < 1e-7) return -(n - 1) * n * x;
    return 2 * x * (n * clb_powi(rho, 2 * T - 1) - rho * geo) / den;
}

CLBDEF double clb_crossover_slope(size_t n, const double *lambda, const double *c, double eta,
                                  size_t T)
{
    double S = 0, dS = 0;
    size_t k;
    for (k = 0; k < n; ++k) {
        double x = eta * lambda[k], den = x * (2 - x), geo;
        if (lambda[k] < 1e-12 || fabs(1 - x) >= 1 || den < 1e-12) continue;
        geo = clbi_geo(den, T);
        S += c[k] * geo;
        dS += c[k] * clbi_geo_slope(x, T, geo);
    }
    return dS / S;
}

CLBDEF clb_status clb_crossover_modes(clb_curv *curv, double *lambda, double *c)
{
    const clb_net *net = curv->pass->net;
    size_t P = net->P, cells;
    double delta0 = clb_weight_sumsq(net, curv->grad, net->L) -
                    clb_weight_sumsq(net, curv->grad, 1);
    clb_real *H;
    clb_status status;
    if (!clbi_mul_size(P, P, &cells)) return CLB_ESIZE;
    if ((status = clbi_alloc(&H, cells, sizeof *H)) != CLB_OK) return status;
    status = clb_hessian(curv, H, P);
    if (status == CLB_OK) status = clb_eigh_project(P, H, P, curv->grad, lambda, c);
    CLB_FREE(H);
    if (status == CLB_OK)
        clb_crossover_weights(P, c, net->L > 1 ? delta0 / (double)(net->L - 1) : 0, c);
    return status;
}

/* ---- quadratic model ------------------------------------------------------------------------ */

static void clbi_spectrum_layout(clb_spectrum *sp, clbi_room *room)
{
    sp->lambda = clbi_doubles(room, sp->n, 1);
    sp->projection = clbi_doubles(room, sp->n, 1);
    sp->D = clbi_doubles(room, sp->n, sp->n);
}

/* Allocates a spectrum of n modes. */
static clb_status clbi_spectrum_alloc(clb_spectrum *sp, size_t n)
{
    clbi_room room = CLB_ZERO;
    clb_status status;
    sp->n = n;
    clbi_spectrum_layout(sp, &room);
    if ((status = clbi_room_alloc(&room, &sp->arena)) == CLB_OK) clbi_spectrum_layout(sp, &room);
    else memset(sp, 0, sizeof *sp);
    return status;
}

CLBDEF void clb_spectrum_free(clb_spectrum *sp)
{
    CLB_FREE(sp->arena);
    memset(sp, 0, sizeof *sp);
}

/* delta_0 = a^T D a */
static void clbi_spectrum_finish(clb_spectrum *sp)
{
    size_t k, j, n = sp->n;
    sp->delta0 = 0;
    for (k = 0; k < n; ++k)
        for (j = 0; j < n; ++j)
            sp->delta0 += sp->projection[k] * sp->projection[j] * sp->D[k * n + j];
}

/* D += sign V V^T, where the rows of V are the kept eigenvectors restricted to the coordinates at
 * .. at+width-1. */
static void clbi_add_overlaps(clb_spectrum *sp, const size_t *kept, const clb_real *vectors,
                              size_t at, size_t width, double sign, clb_real *work)
{
    size_t k, n = sp->n;
    clb_real *V = work + n * n;
    for (k = 0; k < n; ++k)
        memcpy(V + k * width, vectors + kept[k] * sp->total + at, width * sizeof *V);
    clb_matmul_nt(n, n, width, V, width, V, width, work, n);
    for (k = 0; k < n * n; ++k) sp->D[k] += sign * (double)work[k];
}

static clb_status clbi_spectrum_overlaps(clb_spectrum *sp, const clb_net *net, size_t l,
                                         const size_t *kept, const clb_real *vectors)
{
    size_t lower = clb_layer_size(net, l), upper = clb_layer_size(net, l + 1), n = sp->n, cells, k;
    clb_real *work;
    clb_status status;
    if (!clbi_add_size(n, lower > upper ? lower : upper, &cells) ||
        !clbi_mul_size(n, cells, &cells))
        return CLB_ESIZE;
    if ((status = clbi_alloc(&work, cells, sizeof *work)) != CLB_OK) return status;
    for (k = 0; k < n * n; ++k) sp->D[k] = 0;
    clbi_add_overlaps(sp, kept, vectors, net->w[l + 1], upper, 1, work);
    clbi_add_overlaps(sp, kept, vectors, net->w[l], lower, -1, work);
    if (net->b[l] != CLB_NO_BIAS)
        clbi_add_overlaps(sp, kept, vectors, net->b[l], net->m[l], -1, work);
    CLB_FREE(work);
    return CLB_OK;
}

CLBDEF clb_status clb_spectrum_init(clb_spectrum *sp, const clb_net *net, size_t l,
                                    const double *values, const clb_real *vectors,
                                    const clb_real *grad)
{
    size_t k, n = 0, P = net->P, *kept;
    double *a, energy = clb_sumsq(P, grad);
    clb_status status;
    memset(sp, 0, sizeof *sp);
    if (l < 1 || l >= net->L) return CLB_ELAYER;
    if ((status = clbi_alloc(&kept, P, sizeof *kept)) != CLB_OK) return status;
    if ((status = clbi_alloc(&a, P, sizeof *a)) != CLB_OK) {
        CLB_FREE(kept);
        return status;
    }
    for (k = 0; k < P; ++k) {
        a[k] = clb_dot(P, vectors + k * P, grad);
        if (fabs(a[k]) >= 1e-10 * clbi_sqrt(energy)) kept[n++] = k;
    }
    if ((status = clbi_spectrum_alloc(sp, n)) == CLB_OK) {
        sp->total = P;
        sp->energy = energy;
        sp->smallest = values[0];
        sp->largest = values[P - 1];
        for (k = 0; k < n; ++k) sp->lambda[k] = values[kept[k]], sp->projection[k] = a[kept[k]];
        status = clbi_spectrum_overlaps(sp, net, l, kept, vectors);
        if (status == CLB_OK) clbi_spectrum_finish(sp);
        else clb_spectrum_free(sp);
    }
    CLB_FREE(a);
    CLB_FREE(kept);
    return status;
}

/* Work space of the kernel form: three N x N matrices and the eigenvalues. */
typedef struct clbi_function {
    size_t    N;
    clb_real *U, *B, *R;        /* eigenvectors in rows; kernel, then N_{l+1} - N_l; work    */
    double   *values;
    void     *arena;
} clbi_function;

static void clbi_function_layout(clbi_function *s, clbi_room *room)
{
    s->U = clbi_reals(room, s->N, s->N);
    s->B = clbi_reals(room, s->N, s->N);
    s->R = clbi_reals(room, s->N, s->N);
    s->values = clbi_doubles(room, s->N, 1);
}

static clb_status clbi_function_alloc(clbi_function *s, size_t N)
{
    clbi_room room = CLB_ZERO;
    clb_status status;
    memset(s, 0, sizeof *s);
    s->N = N;
    clbi_function_layout(s, &room);
    if ((status = clbi_room_alloc(&room, &s->arena)) != CLB_OK) return status;
    clbi_function_layout(s, &room);
    return CLB_OK;
}

/* lambda, a and D from U, kap and B = N_{l+1} - N_l. Modes whose kap is below 1e-12 of the largest
 * are left out, because they are rounding errors. */
static clb_status clbi_function_modes(clbi_function *s, clb_spectrum *sp, const clb_real *q,
                                      double c)
{
    size_t p, r, first = 0, N = s->N, n;
    clb_status status;
    while (first < N && !(s->values[first] > 1e-12 * s->values[N - 1])) ++first;
    n = N - first;
    if ((status = clbi_spectrum_alloc(sp, n)) != CLB_OK) return status;
    clb_matmul_nn(n, N, N, s->U + first * N, N, s->B, N, s->R, N);
    clb_matmul_nt(n, n, N, s->R, N, s->U + first * N, N, s->B, n);
    sp->total = N;
    sp->largest = c * s->values[N - 1];
    sp->smallest = c * s->values[0] < 0 ? 0 : c * s->values[0];
    for (p = 0; p < n; ++p) {
        double root = clbi_sqrt(s->values[first + p]);
        sp->lambda[p] = c * s->values[first + p];
        sp->projection[p] = clb_dot(N, s->U + (first + p) * N, q) * root;     /* q = c (f - t) */
        sp->energy += sp->projection[p] * sp->projection[p];
        for (r = 0; r < n; ++r)
            sp->D[p * n + r] = (double)s->B[p * n + r] / (root * clbi_sqrt(s->values[first + r]));
    }
    clbi_spectrum_finish(sp);
    return CLB_OK;
}

CLBDEF clb_status clb_spectrum_init_ntk(clb_spectrum *sp, clb_curv *curv, size_t l)
{
    const clb_net *net = curv->pass->net;
    size_t i, N = curv->pass->n * net->m[net->L];
    clbi_function s;
    clb_status status;
    memset(sp, 0, sizeof *sp);
    if (l < 1 || l >= net->L) return CLB_ELAYER;
    if (curv->pass->ce > 0) return CLB_ELOSS;
    status = clbi_function_alloc(&s, N);
    if (status == CLB_OK) status = clb_ntk(curv, 0, s.B);
    if (status == CLB_OK) status = clb_eigh(N, s.B, N, s.values, s.U);
    if (status == CLB_OK) status = clb_ntk(curv, l + 1, s.B);
    if (status == CLB_OK) status = clb_ntk(curv, l, s.R);
    if (status == CLB_OK) {
        for (i = 0; i < N * N; ++i) s.B[i] -= s.R[i];
        status = clbi_function_modes(&s, sp, curv->pass->u[net->L], 2 / (double)N);
    }
    CLB_FREE(s.arena);
    return status;
}

/* eta lambda of mode k under the rule. *use is set to 0 if the mode is left out. */
static double clbi_mode_step(const clb_spectrum *sp, size_t k, double eta, clb_mode_rule rule,
                             int *use)
{
    double lambda = sp->lambda[k];
    *use = 1;
    if (rule == CLB_MODES_CLAMPED && lambda < 0) lambda = 0;
    if (rule == CLB_MODES_POSITIVE) *use = lambda > 1e-9 && fabs(1 - eta * lambda) < 1;
    return eta * lambda;
}

/* geo(rho_k rho_j, T) with x = eta lambda and 1 - rho_k rho_j = x_k + x_j - x_k x_j. log |rho| is
 * given for each mode; adding two logarithms of equal sign loses no accuracy. */
static double clbi_geo_pair(const double *x, const double *log_rho, size_t k, size_t j, size_t T)
{
    double y = x[k] + x[j] - x[k] * x[j], s = log_rho[k] + log_rho[j];
    if (!(x[k] >= 0 && x[j] >= 0 && x[k] < 1 && x[j] < 1)) return clbi_geo(y, T);
    if ((double)T * fabs(s) < 1e-12) return (double)T;
    return -clb_expm1((double)T * s) / y;
}

static void clbi_sum_pairs(const clb_spectrum *sp, const double *x, const double *log_rho,
                           const int *use, size_t T, clb_quadratic *out)
{
    size_t k, j, n = sp->n;
    for (k = 0; k < n; ++k) {
        double row = 0;                                              /* sum over j < k */
        if (!use[k]) continue;
        ++out->modes;
        for (j = 0; j < k; ++j)
            if (use[j])
                row += sp->projection[j] * sp->D[k * n + j] * clbi_geo_pair(x, log_rho, k, j, T);
        out->S += 2 * sp->projection[k] * row;
        out->diagonal += sp->projection[k] * sp->projection[k] * sp->D[k * n + k] *
                         clbi_geo_pair(x, log_rho, k, k, T);
    }
    out->S += out->diagonal;
    out->coupling = (out->S - out->diagonal) / out->diagonal;
}

CLBDEF clb_quadratic clb_spectrum_sum(const clb_spectrum *sp, double eta, size_t T,
                                      clb_mode_rule rule)
{
    clb_quadratic out = CLB_ZERO;
    size_t k, n = sp->n;
    double *x;
    int *use;
    out.phase = clb_phase(eta, sp->largest);
    out.growth = rule == CLB_MODES_ALL && sp->smallest < 0 ? -eta * sp->smallest * (double)T : 0;
    out.valid = out.phase < 1 && out.growth <= 0.3;
    out.S = out.diagonal = out.coupling = (double)NAN;
    if (clbi_alloc(&x, 2 * n, sizeof *x)) return out;
    if (clbi_alloc(&use, n, sizeof *use) == CLB_OK) {
        out.S = out.diagonal = 0;
        for (k = 0; k < n; ++k) {
            x[k] = clbi_mode_step(sp, k, eta, rule, &use[k]);
            x[n + k] = clb_log1p(-x[k]);                     /* NaN for x > 1, and not used */
        }
        clbi_sum_pairs(sp, x, x + n, use, T, &out);
        CLB_FREE(use);
    }
    CLB_FREE(x);
    return out;
}

CLBDEF clb_status clb_spectrum_delta(const clb_spectrum *sp, double eta, size_t t,
                                     clb_mode_rule rule, double *delta)
{
    size_t k, j, n = sp->n;
    double sum = 0, *g;
    int use;
    clb_status status = clbi_alloc(&g, n, sizeof *g);
    *delta = (double)NAN;
    if (status) return status;
    for (k = 0; k < n; ++k) {
        double x = clbi_mode_step(sp, k, eta, rule, &use);
        g[k] = use ? sp->projection[k] * clb_powi(1 - x, t) : 0;             /* g_t along v_k */
    }
    for (k = 0; k < n; ++k)
        for (j = 0; j < n; ++j) sum += g[k] * g[j] * sp->D[k * n + j];
    CLB_FREE(g);
    *delta = sum;
    return CLB_OK;
}

/* ---- linearised network --------------------------------------------------------------------- */

typedef struct clbi_linear {
    clb_curv *curv;
    clb_real *moved;            /* [P] theta minus the point of linearisation */
    clb_real *grad, *start;     /* [P] */
    clb_real *f0;               /* [n][K] */
} clbi_linear;

static void clbi_linear_open(clbi_linear *s, const clb_real *theta)
{
    const clb_pass *pass = s->curv->pass;
    clb_curv_at(s->curv, theta);
    memcpy(s->f0, pass->z[pass->net->L], pass->n * pass->net->m[pass->net->L] * sizeof *s->f0);
    memset(s->moved, 0, pass->net->P * sizeof *s->moved);
}

/* Loss and gradient of the linearised network at its current weights. */
static double clbi_linear_gradient(clbi_linear *s)
{
    clb_pass *pass = s->curv->pass;
    size_t i, L = pass->net->L, cells = pass->n * pass->net->m[L];
    const clb_real *df = clb_jvp(s->curv, s->moved);
    double loss;
    for (i = 0; i < cells; ++i) pass->z[L][i] = s->f0[i] + df[i];
    loss = clbi_output_loss(pass);
    clbi_output_gradient(pass, pass->n);
    clb_vjp(s->curv, pass->u[L], s->grad);
    return loss;
}

/* S_l += |G_{l+1}|^2 - |G_l|^2 of this gradient. delta[L-1], unless NULL, receives the same
 * numbers. */
static void clbi_add_imbalance(const clb_net *net, const clb_real *grad, double *S, double *delta)
{
    size_t l;
    double lower = clb_weight_sumsq(net, grad, 1);
    for (l = 1; l < net->L; ++l) {
        double upper = clb_weight_sumsq(net, grad, l + 1),
               d = upper - lower - clb_bias_sumsq(net, grad, l);
        S[l - 1] += d;
        if (delta) delta[l - 1] = d;
        lower = upper;
    }
}

static clb_status clbi_linear_run(clbi_linear *s, double eta, size_t T, const clb_linear_opts *opts,
                                  double *S)
{
    const clb_net *net = s->curv->pass->net;
    size_t t, next = 0, j;
    clbi_linear_open(s, s->start);
    for (t = 0; t < T; ++t) {
        double loss;
        if (next < opts->restart_count && opts->restart[next] == t) {
            for (j = 0; j < net->P; ++j) s->moved[j] += s->curv->theta[j];
            clbi_linear_open(s, s->moved);
            ++next;
        }
        loss = clbi_linear_gradient(s);
        if (!(loss - loss <= 0)) return CLB_EDIVERGED;
        if (opts->loss) opts->loss[t] = loss;
        clbi_add_imbalance(net, s->grad, S, opts->delta ? opts->delta + t * (net->L - 1) : NULL);
        clb_axpy(net->P, (clb_real)-eta, s->grad, s->moved);
    }
    return CLB_OK;
}

CLBDEF clb_status clb_linearised(clb_curv *curv, double eta, size_t T, const clb_linear_opts *opts,
                                 double *S)
{
    static const clb_linear_opts defaults = CLB_ZERO;
    const clb_net *net = curv->pass->net;
    size_t l, P = net->P;
    clbi_linear s;
    clb_real *work;
    clb_status status = clbi_alloc(&work, 3 * P + curv->pass->n * net->m[net->L], sizeof *work);
    if (status) return status;
    s.curv = curv;
    s.moved = work, s.grad = work + P, s.start = work + 2 * P, s.f0 = work + 3 * P;
    memcpy(s.start, curv->theta, P * sizeof *work);
    for (l = 1; l < net->L; ++l) S[l - 1] = 0;
    status = clbi_linear_run(&s, eta, T, opts ? opts : &defaults, S);
    for (l = 1; l < net->L && status; ++l) S[l - 1] = (double)NAN;
    clb_curv_at(curv, s.start);
    CLB_FREE(work);
    return status;
}

CLBDEF size_t clb_restart_steps(double eta, size_t T, size_t count, const double *s, size_t *steps)
{
    size_t i, used = 0;
    for (i = 0; i < count; ++i) {
        double step = floor(s[i] / eta + 0.5);
        if (!(step >= 1 && step < (double)T)) continue;
        if (used && steps[used - 1] == (size_t)step) continue;
        steps[used++] = (size_t)step;
    }
    return used;
}

/* ---- spectra -------------------------------------------------------------------------------- */

CLBDEF clb_spectrum_stats clb_spectrum_describe(size_t n, const double *values, double tol)
{
    clb_spectrum_stats s = CLB_ZERO;
    size_t k, first;
    s.largest = s.smallest = s.mean_positive = s.median_positive =
        s.effective_rank = s.spectral_width = (double)NAN;
    if (n == 0) return s;
    s.smallest = values[0];
    s.largest = values[n - 1];
    for (k = 0; k < n; ++k) {
        if (values[k] > tol) ++s.positive, s.sum_positive += values[k];
        else if (values[k] < -tol) ++s.negative;
        else ++s.zero;
    }
    if (!s.positive) return s;
    first = n - s.positive;
    s.mean_positive = s.sum_positive / (double)s.positive;
    s.median_positive = clb_quantile_sorted(s.positive, values + first, 0.5);
    s.effective_rank = s.sum_positive / s.largest;
    s.spectral_width = s.largest / s.median_positive;
    return s;
}

/* ---- Theorem 5 ------------------------------------------------------------------------------ */

/* Dense work space: Sigma, its eigenvectors, A = Y^T X/n, M = W_2 W_1, R (rows r_k) and the vectors
 * W_1 u_k. */
typedef struct clbi_linear_work {
    const clb_net *net;
    clb_real *Sigma, *U, *A, *M, *R, *H, *Y, *back;
    void     *arena;
} clbi_linear_work;

static void clbi_linear_layout(clbi_linear_work *s, size_t n, clbi_room *room)
{
    size_t d = s->net->m[0], m = s->net->m[1], K = s->net->m[2];
    s->Sigma = clbi_reals(room, d, d);
    s->U = clbi_reals(room, d, d);
    s->A = clbi_reals(room, K, d);
    s->M = clbi_reals(room, K, d);
    s->R = clbi_reals(room, d, K);
    s->H = clbi_reals(room, d, m);
    s->back = clbi_reals(room, d > K ? d : K, m);
    s->Y = clbi_reals(room, n, K);
}

static clb_status clbi_linear_work_alloc(clbi_linear_work *s, const clb_net *net, size_t n)
{
    clbi_room room = CLB_ZERO;
    clb_status status;
    s->net = net;
    clbi_linear_layout(s, n, &room);
    if ((status = clbi_room_calloc(&room, &s->arena)) != CLB_OK) return status;
    clbi_linear_layout(s, n, &room);
    return CLB_OK;
}

static void clbi_linear_statistics(clbi_linear_work *s, const clb_data *data)
{
    size_t i, n = data->n, d = data->d, m = s->net->m[1], K = data->K;
    const clb_real *W1 = s->net->theta + s->net->w[1], *W2 = s->net->theta + s->net->w[2];
    if (data->targets) memcpy(s->Y, data->targets, n * K * sizeof *s->Y);
    else
        for (i = 0; i < n; ++i) s->Y[i * K + (size_t)data->y[i]] = 1;
    clb_matmul_tn(d, d, n, data->X, d, data->X, d, s->Sigma, d);
    clb_matmul_tn(K, d, n, s->Y, K, data->X, d, s->A, d);
    clb_scale(d * d, (clb_real)(1 / (double)n), s->Sigma);
    clb_scale(K * d, (clb_real)(1 / (double)n), s->A);
    clb_matmul_nn(K, d, m, W2, m, W1, d, s->M, d);
}

/* Mode k in descending order, from eigenpair d-1-k. */
static void clbi_linear_mode(clb_linear_modes *modes, clbi_linear_work *s, size_t k, double lx)
{
    size_t c, d = s->net->m[0], m = s->net->m[1], K = s->net->m[2];
    const clb_real *u = s->U + (d - 1 - k) * d;
    const clb_real *W1 = s->net->theta + s->net->w[1], *W2 = s->net->theta + s->net->w[2];
    clb_real *r = s->R + k * K, *h = s->H + k * m, *back = s->back + k * m;
    double scale = 4 / ((double)K * (double)K), published = 0, r2, h2, b2;
    for (c = 0; c < K; ++c) {
        double Mu = clb_dot(d, s->M + c * d, u), Au = clb_dot(d, s->A + c * d, u);
        r[c] = (clb_real)(lx * Mu - Au);                             /* r_k = lx_k M u_k - A u_k */
        published += (Mu - Au) * (Mu - Au);
    }
    clb_matmul_nt(1, m, d, u, d, W1, d, h, m);                       /* W_1 u_k   */
    clb_matmul_nn(1, m, K, r, K, W2, m, back, m);                    /* W_2^T r_k */
    r2 = clb_sumsq(K, r), h2 = clb_sumsq(m, h), b2 = clb_sumsq(m, back);
    modes->lx[k] = lx;
    modes->c_k[k] = r2;
    modes->c_published[k] = published * lx * lx;
    modes->d_k[k] = scale * (r2 * h2 - b2);
    modes->rate[k] = 2 / (double)K * lx * (h2 + b2 / r2);
    modes->g1 += scale * b2;                             /* |G_1|^2 = (2/K)^2 sum_k |W_2^T r_k|^2 */
}

/* lx: the eigenvalues in ascending order. */
static void clbi_linear_modes_layout(clb_linear_modes *modes, double **lx, clbi_room *room)
{
    modes->lx = clbi_doubles(room, modes->d, 1);
    modes->d_k = clbi_doubles(room, modes->d, 1);
    modes->c_k = clbi_doubles(room, modes->d, 1);
    modes->c_published = clbi_doubles(room, modes->d, 1);
    modes->rate = clbi_doubles(room, modes->d, 1);
    *lx = clbi_doubles(room, modes->d, 1);
}

CLBDEF clb_status clb_linear_modes_init(clb_linear_modes *modes, const clb_net *net,
                                        const clb_data *data)
{
    size_t k, d = net->m[0], m, K;
    clbi_room room = CLB_ZERO;
    double *lx;
    clbi_linear_work s;
    clb_status status;
    memset(modes, 0, sizeof *modes);
    if (net->L != 2) return CLB_ESHAPE;
    if (net->activation != CLB_IDENTITY) return CLB_EACTIVATION;
    if (net->b[1] != CLB_NO_BIAS || net->b[2] != CLB_NO_BIAS) return CLB_ELAYER;
    if ((status = clbi_pass_check(net, data, CLB_MSE)) != CLB_OK) return status;
    m = net->m[1], K = net->m[2];
    if ((status = clbi_linear_work_alloc(&s, net, data->n)) != CLB_OK) return status;
    modes->d = d;
    clbi_linear_modes_layout(modes, &lx, &room);
    if ((status = clbi_room_calloc(&room, &modes->arena)) == CLB_OK) {
        clbi_linear_modes_layout(modes, &lx, &room);
        modes->factor = 4 / ((double)K * (double)K) * ((double)m - (double)d) / (3 * (double)d);
        clbi_linear_statistics(&s, data);
        status = clb_jacobi(d, s.Sigma, d, lx, s.U);
        for (k = 0; k < d && !status; ++k) clbi_linear_mode(modes, &s, k, lx[d - 1 - k]);
        /* |G_2|^2 = (2/K)^2 sum_kj (r_k . r_j)(W_1 u_k . W_1 u_j) = (2/K)^2 |sum_k r_k
         * (W_1 u_k)^T|^2 */
        clb_matmul_tn(K, m, d, s.R, K, s.H, m, s.back, m);
        modes->g2 = 4 / ((double)K * (double)K) * clb_sumsq(K * m, s.back);
    }
    CLB_FREE(s.arena);
    if (status) clb_linear_modes_free(modes);
    return status;
}

CLBDEF void clb_linear_modes_free(clb_linear_modes *modes)
{
    CLB_FREE(modes->arena);
    memset(modes, 0, sizeof *modes);
}

/* ---- Theorem 6 ------------------------------------------------------------------------------ */

/* The secular function, with the largest p (index top) separated: (x - p q)/(p - x) + sum_{k !=
 * top} p_k^2/(p_k - x). q = 1 - p is computed as the sum of the others, so that it is accurate for
 * p near 1. The function ascends between the two largest p. */
static double clbi_softmax_secular(size_t K, const clb_real *p, size_t top, double q, double x)
{
    double f = (x - (double)p[top] * q) / ((double)p[top] - x);
    size_t k;
    for (k = 0; k < K; ++k)
        if (k != top && p[k] > 0) f += (double)p[k] / ((double)p[k] - x) * (double)p[k];
    return f;
}

CLBDEF double clb_softmax_curvature(size_t K, const clb_real *p)
{
    size_t k, top = clbi_top_class(K, p);
    double lo = 0, hi, q = clbi_others(K, p, top);
    int i;
    for (k = 0; k < K; ++k)
        if (k != top && (double)p[k] > lo) lo = (double)p[k];
    hi = (double)p[top] < 2 * q ? (double)p[top] : 2 * q;   /* p_(2) <= root <= p_(1), 2 p q, 1/2 */
    if (hi > 0.5) hi = 0.5;
    for (i = 0; i < 1100 && lo < hi; ++i) {
        double mid = 0.5 * (lo + hi);
        if (mid <= lo || mid >= hi) break;
        if (clbi_softmax_secular(K, p, top, q, mid) < 0) lo = mid;
        else hi = mid;
    }
    return hi;
}

/* Largest eigenvalue of an operator. */
static clb_status clbi_largest(clb_linop op, double *value)
{
    clb_eigs eigs;
    clb_status status = clb_lanczos(&op, 1, NULL, &eigs);
    *value = eigs.count ? eigs.value[0] : (double)NAN;
    clb_eigs_free(&eigs);
    return status;
}

/* The quantities that depend on the softmax outputs alone. */
static void clbi_compression_softmax(const clb_pass *pass, clb_compression *out)
{
    size_t i, k, K = pass->net->m[pass->net->L];
    for (i = 0; i < pass->n; ++i) {
        const clb_real *p = pass->p + i * K;
        size_t top = clbi_top_class(K, p);
        double s = clb_softmax_curvature(K, p), others = clbi_others(K, p, top);
        if (s > out->s_max) out->s_max = s;
        for (k = 0; k < K; ++k) {
            double v = (double)p[k] * (k == top ? others : 1 - (double)p[k]);
            if (v > out->p_max) out->p_max = v;
            if (k != (size_t)pass->y[i]) continue;
            out->q_mean += v / (double)pass->n;
            if (v > out->q_max) out->q_max = v;
        }
    }
}

CLBDEF clb_status clb_compression_bounds(clb_curv *curv, clb_compression *out)
{
    clb_status status;
    memset(out, 0, sizeof *out);
    if (curv->pass->ce < 1) return CLB_ELOSS;
    if (!curv->pass->y) return CLB_EUNLABELLED;
    clbi_compression_softmax(curv->pass, out);
    status = clbi_largest(clb_jtj_op(curv), &out->jtj);
    if (status == CLB_OK) status = clbi_largest(clb_gauss_newton_op(curv), &out->gauss_newton);
    if (status == CLB_OK) status = clbi_largest(clb_hessian_op(curv), &out->hessian);
    if (status == CLB_OK) status = clb_residual_bound(curv, &out->residual);
    out->published = out->jtj * out->q_max;
    out->corrected = 2 * out->jtj * out->p_max;
    out->sharp = out->jtj * out->s_max;
    return status;
}

/* ============================================================================================
 * @S42 STATISTICS
 * ========================================================================================== */

#define CLBI_NAN ((double)NAN)

static int clbi_finite(double x)
{
    return x - x == 0;              /* false for NaN and both infinities */
}

/* Properties of a sample that are needed before squares are summed: extremes and sum. */
typedef struct clbi_tally {
    size_t n;
    double min, max, sum;
} clbi_tally;

static void clbi_tally_add(clbi_tally *t, double x)
{
    if (t->n == 0 || !(t->min <= x)) t->min = x;
    if (t->n == 0 || !(t->max >= x)) t->max = x;
    t->sum += x;
    ++t->n;
}

/* The mean. If all values are equal it is exactly that value, although the rounded sum divided by n
 * need not be; so a constant sample has a spread of exactly 0. */
static double clbi_tally_mean(const clbi_tally *t)
{
    if (t->n == 0) return CLBI_NAN;
    return t->min == t->max && t->sum == t->sum ? t->min : t->sum / (double)t->n;
}

static double clbi_tally_scale(const clbi_tally *t)
{
    return t->n ? clbi_safe_scale(fmax(fabs(t->min), fabs(t->max))) : 1;
}

/* Takes the values scale x; all of them, or only the finite ones. */
static clbi_tally clbi_tally_of(size_t n, const double *x, int finite_only, double scale)
{
    clbi_tally t = CLB_ZERO;
    size_t i;
    for (i = 0; i < n; ++i)
        if (!finite_only || clbi_finite(x[i])) clbi_tally_add(&t, scale * x[i]);
    return t;
}

/* The mean, and the sum of (scale (x - mean))^2 in a second pass, which avoids cancellation. */
typedef struct clbi_spread {
    clbi_tally tally;               /* of scale x */
    double     scale, mean, squares;
} clbi_spread;

static clbi_spread clbi_spread_of(size_t n, const double *x, int finite_only)
{
    clbi_spread s;
    double mean;
    size_t i;
    s.tally = clbi_tally_of(n, x, finite_only, 1);
    s.scale = clbi_tally_scale(&s.tally);
    if (s.scale != 1) s.tally = clbi_tally_of(n, x, finite_only, s.scale);
    mean = clbi_tally_mean(&s.tally);
    s.mean = mean / s.scale;
    s.squares = 0;
    for (i = 0; i < n; ++i)
        if (!finite_only || clbi_finite(x[i]))
            s.squares += (s.scale * x[i] - mean) * (s.scale * x[i] - mean);
    return s;
}

/* The square root of sum (x - mean)^2 / n; NaN for n = 0. */
static double clbi_spread_root(const clbi_spread *s, size_t n)
{
    return n ? clbi_sqrt(s->squares / (double)n) / s->scale : CLBI_NAN;
}

CLBDEF double clb_mean(size_t n, const double *x)
{
    clbi_tally t = clbi_tally_of(n, x, 0, 1);
    double scale = clbi_tally_scale(&t);
    if (scale != 1) t = clbi_tally_of(n, x, 0, scale);
    return clbi_tally_mean(&t) / scale;
}

CLBDEF double clb_std_pop(size_t n, const double *x)
{
    clbi_spread s = clbi_spread_of(n, x, 0);
    return clbi_spread_root(&s, n);
}

CLBDEF double clb_std(size_t n, const double *x)
{
    clbi_spread s = clbi_spread_of(n, x, 0);
    return n > 1 ? clbi_spread_root(&s, n - 1) : CLBI_NAN;
}

CLBDEF double clb_stderr(size_t n, const double *x)
{
    return clb_std(n, x) / clbi_sqrt((double)n);
}

CLBDEF clb_summary clb_summarize(size_t n, const double *x)
{
    clbi_spread spread = clbi_spread_of(n, x, 1);
    clb_summary s;
    s.n = n;
    s.finite = spread.tally.n;
    s.mean = s.std_pop = s.std = s.stderr_mean = s.min = s.max = CLBI_NAN;
    if (!s.finite) return s;
    s.min = spread.tally.min / spread.scale;
    s.max = spread.tally.max / spread.scale;
    s.mean = spread.mean;
    s.std_pop = clbi_spread_root(&spread, s.finite);
    if (s.finite > 1) s.std = clbi_spread_root(&spread, s.finite - 1);
    s.stderr_mean = s.std / clbi_sqrt((double)s.finite);
    return s;
}

/* Is a before b? NaN comes after everything. */
static int clbi_less(double a, double b)
{
    return a < b || (a == a && b != b);
}

/* Moves x[i] down in the heap x[0..n-1], which has its largest element at the root. */
static void clbi_sift(double *x, size_t i, size_t n)
{
    double value = x[i];
    size_t child;
    while ((child = 2 * i + 1) < n) {
        if (child + 1 < n && clbi_less(x[child], x[child + 1])) ++child;
        if (!clbi_less(value, x[child])) break;
        x[i] = x[child];
        i = child;
    }
    x[i] = value;
}

CLBDEF void clb_sort(size_t n, double *x)
{
    size_t i;
    for (i = n / 2; i-- > 0;) clbi_sift(x, i, n);
    for (i = n; i-- > 1;) {
        double largest = x[0];
        x[0] = x[i];
        x[i] = largest;
        clbi_sift(x, 0, i);
    }
}

CLBDEF double clb_quantile_sorted(size_t n, const double *x, double q)
{
    double position, t, gap;
    size_t i;
    if (n == 0 || !(q >= 0 && q <= 1)) return CLBI_NAN;
    position = q * (double)(n - 1);
    t = floor(position);
    i = (size_t)t;
    t = position - t;
    if (t == 0 || i + 1 >= n || x[i] == x[i + 1]) return x[i < n ? i : n - 1];
    gap = x[i + 1] - x[i];                 /* infinite next to an infinity, or on overflow       */
    return clbi_finite(gap) ? fmin(x[i] + t * gap, x[i + 1]) : (1 - t) * x[i] + t * x[i + 1];
}

CLBDEF double clb_median(size_t n, double *x)
{
    clb_sort(n, x);
    while (n > 0 && x[n - 1] != x[n - 1]) --n;
    return clb_quantile_sorted(n, x, 0.5);
}

CLBDEF double clb_trapezoid(size_t n, const double *y, double dx)
{
    double sum = 0;
    size_t i;
    for (i = 0; i < n; ++i) sum += y[i];
    return n > 1 ? dx * (sum - 0.5 * (y[0] + y[n - 1])) : 0;
}

static int clbi_sign(double x)
{
    return (x > 0) - (x < 0);
}

CLBDEF double clb_sign_change_rate(size_t n, const double *x)
{
    size_t i, changes = 0;
    if (n < 2) return CLBI_NAN;
    for (i = 1; i < n; ++i) changes += clbi_sign(x[i]) != clbi_sign(x[i - 1]);
    return (double)changes / (double)(n - 1);
}

CLBDEF double clb_hurst(size_t n, const double *x)
{
    clbi_spread s = clbi_spread_of(n, x, 0);
    double mean = s.scale * s.mean, std = clbi_sqrt(s.squares / (double)n);
    double sum = 0, low = 0, high = 0;
    size_t i;
    if (n < 2 || !(std > 0)) return CLBI_NAN;
    for (i = 0; i < n; ++i) {
        sum += s.scale * x[i] - mean;
        if (i == 0 || sum < low) low = sum;
        if (i == 0 || sum > high) high = sum;
    }
    return clb_log((high - low) / std) / clb_log((double)n);
}

/* The points that a fit uses: (x or ln x, y or ln y) for x > x_min and y_min < y < y_max,
 * multiplied by the scales that clbi_point_moments chooses. */
typedef struct clbi_points {
    size_t        n;
    const double *x, *y;
    double        x_min, y_min, y_max, x_scale, y_scale;
    int           log_x, log_y;
} clbi_points;

static clbi_points clbi_all_points(size_t n, const double *x, const double *y)
{
    clbi_points p;
    p.n = n;
    p.x = x;
    p.y = y;
    p.x_min = p.y_min = -(double)INFINITY;
    p.y_max = (double)INFINITY;
    p.x_scale = p.y_scale = 1;
    p.log_x = p.log_y = 0;
    return p;
}

static clbi_points clbi_log_points(size_t n, const double *x, const double *y, double floor)
{
    clbi_points p = clbi_all_points(n, x, y);
    p.x_min = 0;
    p.y_min = floor > 0 ? floor : 0;
    p.log_x = p.log_y = 1;
    return p;
}

/* Point i as the fit uses it. Returns 0 if it is left out; NaN fails every comparison. */
static int clbi_point(const clbi_points *p, size_t i, double *x, double *y)
{
    if (!clbi_finite(p->x[i]) || !(p->x[i] > p->x_min)) return 0;
    if (!clbi_finite(p->y[i]) || !(p->y[i] > p->y_min && p->y[i] < p->y_max)) return 0;
    *x = p->x_scale * (p->log_x ? clb_log(p->x[i]) : p->x[i]);
    *y = p->y_scale * (p->log_y ? clb_log(p->y[i]) : p->y[i]);
    return 1;
}

/* Means and centred second moments of the points. xx = 0 means that all x are equal. */
typedef struct clbi_moments {
    size_t n;
    double x, y, xx, xy, yy;
} clbi_moments;

static void clbi_point_tallies(const clbi_points *p, clbi_tally *tx, clbi_tally *ty)
{
    double x, y;
    size_t i;
    memset(tx, 0, sizeof *tx);
    memset(ty, 0, sizeof *ty);
    for (i = 0; i < p->n; ++i) {
        if (!clbi_point(p, i, &x, &y)) continue;
        clbi_tally_add(tx, x);
        clbi_tally_add(ty, y);
    }
}

static clbi_moments clbi_point_moments(clbi_points *p)
{
    clbi_moments m;
    clbi_tally tx, ty;
    double x, y;
    size_t i;
    clbi_point_tallies(p, &tx, &ty);
    p->x_scale = clbi_tally_scale(&tx);
    p->y_scale = clbi_tally_scale(&ty);
    if (p->x_scale != 1 || p->y_scale != 1) clbi_point_tallies(p, &tx, &ty);
    m.n = tx.n;
    m.x = clbi_tally_mean(&tx);
    m.y = clbi_tally_mean(&ty);
    m.xx = m.xy = m.yy = 0;
    for (i = 0; i < p->n; ++i) {
        if (!clbi_point(p, i, &x, &y)) continue;
        m.xx += (x - m.x) * (x - m.x);
        m.xy += (x - m.x) * (y - m.y);
        m.yy += (y - m.y) * (y - m.y);
    }
    return m;
}

static clb_fit clbi_no_fit(size_t n)
{
    clb_fit fit;
    fit.n = n;
    fit.slope = fit.intercept = fit.slope_se = fit.intercept_se = fit.r2 = fit.rss = CLBI_NAN;
    return fit;
}

static clb_fit clbi_fit_line(clbi_points *p)
{
    clbi_moments m = clbi_point_moments(p);
    clb_fit fit = clbi_no_fit(m.n);
    double x, y, n = (double)m.n, slope, rss = 0, variance;
    size_t i;
    if (m.n < 2 || !(m.xx > 0)) return fit;
    slope = m.xy / m.xx;  /* of the scaled points, as are rss and variance */
    for (i = 0; i < p->n; ++i) {
        double r;
        if (!clbi_point(p, i, &x, &y)) continue;
        r = y - m.y - slope * (x - m.x);
        rss += r * r;
    }
    fit.slope = slope * (p->x_scale / p->y_scale);
    fit.intercept = (m.y - slope * m.x) / p->y_scale;
    fit.rss = rss / p->y_scale / p->y_scale;
    fit.r2 = m.yy > 0 ? 1 - rss / m.yy : 0;
    if (m.n == 2) return fit;
    variance = rss / (n - 2);
    fit.slope_se = clbi_sqrt(variance / m.xx) * (p->x_scale / p->y_scale);
    fit.intercept_se = clbi_sqrt(variance * (1 / n + m.x * m.x / m.xx)) / p->y_scale;
    return fit;
}

CLBDEF clb_fit clb_fit_linear(size_t n, const double *x, const double *y)
{
    clbi_points p = clbi_all_points(n, x, y);
    return clbi_fit_line(&p);
}

CLBDEF clb_fit clb_fit_power(size_t n, const double *x, const double *y, double floor)
{
    clbi_points p = clbi_log_points(n, x, y, floor);
    return clbi_fit_line(&p);
}

CLBDEF clb_fit clb_fit_exponential(size_t n, const double *t, const double *y, double lo, double hi)
{
    clbi_points p = clbi_all_points(n, t, y);
    p.y_min = lo > 0 ? lo : 0;
    p.y_max = hi;
    p.log_y = 1;
    return clbi_fit_line(&p);
}

CLBDEF double clb_fit_tau(const clb_fit *fit)
{
    return fit->slope < 0 ? -1 / fit->slope : CLBI_NAN;
}

/* The parabola in orthogonal form, y = mean y + b1 u + b2 w with u = x - mean x and w = u^2 - (sum
 * u^3 / sum u^2) u - (sum u^2) / n. Each coefficient is then a single quotient. */
CLBDEF clb_fit2 clb_fit_power_quadratic(size_t n, const double *x, const double *y, double floor)
{
    clbi_points p = clbi_log_points(n, x, y, floor);
    clbi_moments m = clbi_point_moments(&p);
    double uuu = 0, ww = 0, wy = 0, b1, slant, shift, u, v;
    clb_fit2 fit;
    size_t i;
    fit.n = m.n;
    fit.c0 = fit.c1 = fit.c2 = fit.c2_se = fit.r2 = fit.rss = CLBI_NAN;
    if (m.n < 3 || !(m.xx > 0)) return fit;
    for (i = 0; i < n; ++i)
        if (clbi_point(&p, i, &u, &v)) uuu += (u - m.x) * (u - m.x) * (u - m.x);
    slant = uuu / m.xx;
    shift = m.xx / (double)m.n;
    for (i = 0; i < n; ++i) {
        double w;
        if (!clbi_point(&p, i, &u, &v)) continue;
        w = (u - m.x) * (u - m.x - slant) - shift;
        ww += w * w;
        wy += w * (v - m.y);
    }
    if (!(ww > 1e-24 * m.xx * m.xx)) return fit;    /* only two different x, where w is 0       */
    b1 = m.xy / m.xx;
    fit.c2 = wy / ww;
    fit.c1 = b1 - fit.c2 * (2 * m.x + slant);
    fit.c0 = m.y - b1 * m.x + fit.c2 * (m.x * (m.x + slant) - shift);
    fit.rss = 0;
    for (i = 0; i < n; ++i) {
        double r;
        if (!clbi_point(&p, i, &u, &v)) continue;
        r = v - m.y - b1 * (u - m.x) - fit.c2 * ((u - m.x) * (u - m.x - slant) - shift);
        fit.rss += r * r;
    }
    fit.r2 = m.yy > 0 ? 1 - fit.rss / m.yy : 0;
    if (m.n > 3) fit.c2_se = clbi_sqrt(fit.rss / (double)(m.n - 3) / ww);
    return fit;
}

CLBDEF double clb_minimize(clb_scalar_fn f, void *context, double lo, double hi)
{
    const double golden = 0.61803398874989484820;
    const int trials = 129;
    double step = (hi - lo) / (trials - 1), best = lo, value = f(context, lo), a, b;
    int i;
    for (i = 1; i < trials; ++i) {                 /* there may be several minima                 */
        double x = lo + step * i, fx = f(context, x);
        if (!(fx < value)) continue;
        value = fx;
        best = x;
    }
    a = best - step > lo ? best - step : lo;
    b = best + step < hi ? best + step : hi;
    for (i = 0; i < 60; ++i) {                      /* 0.618^60 = 3e-13 of the interval */
        double left = b - golden * (b - a), right = a + golden * (b - a);
        if (f(context, left) <= f(context, right)) b = right;
        else a = left;
    }
    return 0.5 * (a + b);
}

/* A model that is linear for a fixed shape parameter s; the search runs over s alone. */
typedef struct clbi_profile {
    size_t        n, used;
    const double *t, *y;
    double      (*shape)(double t, double s);
    int           with_constant;    /* y = a shape + c; otherwise y = a shape */
    double        y_scale;          /* a, c, rss and yy belong to y_scale y     */
    double        a, c, rss, yy;
} clbi_profile;

static double clbi_shape_exponential(double t, double s)
{
    return clb_exp(-t * clb_exp(-s));               /* s = ln tau */
}

static double clbi_shape_power(double t, double s)
{
    return t > 0 ? clb_exp(s * clb_log(t)) : CLBI_NAN;
}

/* The shape at point i, and y_scale y. Returns 0 if one of them is not finite. */
static int clbi_profile_point(const clbi_profile *p, size_t i, double s, double *h, double *y)
{
    *h = p->shape(p->t[i], s);
    *y = p->y_scale * p->y[i];
    return clbi_finite(*y) && clbi_finite(*h);
}

/* The best a (and c) at this s. Returns the residual sum of squares; the rest goes into
 * the struct. */
static double clbi_profile_rss(void *context, double s)
{
    clbi_profile *p = (clbi_profile *)context;
    clbi_tally th = CLB_ZERO, ty = CLB_ZERO;
    double h, y, h0, y0, hh = 0, hy = 0, scale;
    size_t i;
    for (i = 0; i < p->n; ++i) {
        if (!clbi_profile_point(p, i, s, &h, &y)) continue;
        clbi_tally_add(&th, h);
        clbi_tally_add(&ty, y);
    }
    p->used = th.n;
    h0 = p->with_constant ? clbi_tally_mean(&th) : 0;
    y0 = clbi_tally_mean(&ty);
    scale = clbi_tally_scale(&th);
    p->yy = p->rss = 0;
    for (i = 0; i < p->n; ++i) {
        double u, v;
        if (!clbi_profile_point(p, i, s, &h, &y)) continue;
        u = scale * (h - h0), v = y - y0;
        hh += u * u;
        hy += u * (p->with_constant ? v : y);
        p->yy += v * v;
    }
    p->a = hh > 0 ? hy / hh * scale : 0;
    p->c = p->with_constant ? y0 - p->a * h0 : 0;
    for (i = 0; i < p->n; ++i) {
        double r;
        if (!clbi_profile_point(p, i, s, &h, &y)) continue;
        r = y - p->c - p->a * h;
        p->rss += r * r;
    }
    return p->rss;
}

/* The scale of y that keeps its squares in range. */
static double clbi_profile_scale(size_t n, const double *y)
{
    clbi_tally t = clbi_tally_of(n, y, 1, 1);
    return clbi_tally_scale(&t);
}

static clb_decay clbi_no_decay(size_t n)
{
    clb_decay fit;
    fit.n = n;
    fit.a = fit.tau = fit.c = fit.r2 = fit.rss = CLBI_NAN;
    return fit;
}

/* The logarithms of the smallest and largest decay time that the grid t can show. Returns 0 if t
 * does not ascend. */
static int clbi_tau_range(size_t n, const double *t, double *lo, double *hi)
{
    double step = (double)INFINITY;
    size_t i;
    if (n < 3) return 0;
    for (i = 1; i < n; ++i) {
        if (!(t[i] > t[i - 1])) return 0;
        if (t[i] - t[i - 1] < step) step = t[i] - t[i - 1];
    }
    *lo = clb_log(0.01 * step);
    *hi = clb_log(100 * (t[n - 1] - t[0]));
    return clbi_finite(*lo) && clbi_finite(*hi);
}

CLBDEF clb_decay clb_fit_decay(size_t n, const double *t, const double *y)
{
    clb_decay fit = clbi_no_decay(n);
    clbi_profile p;
    double lo, hi, s;
    if (!clbi_tau_range(n, t, &lo, &hi)) return fit;
    memset(&p, 0, sizeof p);
    p.n = n;
    p.t = t;
    p.y = y;
    p.shape = clbi_shape_exponential;
    p.with_constant = 1;
    p.y_scale = clbi_profile_scale(n, y);
    s = clb_minimize(clbi_profile_rss, &p, lo, hi);
    fit.rss = clbi_profile_rss(&p, s) / p.y_scale / p.y_scale;
    fit.n = p.used;
    if (p.used < 3) return clbi_no_decay(p.used);
    fit.a = p.a / p.y_scale;
    fit.c = p.c / p.y_scale;
    fit.tau = clb_exp(s);
    fit.r2 = p.yy > 0 ? 1 - p.rss / p.yy : 0;
    return fit;
}

CLBDEF clb_fit clb_fit_power_nonlinear(size_t n, const double *t, const double *y)
{
    clb_fit fit = clbi_no_fit(0);
    clbi_profile p;
    memset(&p, 0, sizeof p);
    p.n = n;
    p.t = t;
    p.y = y;
    p.shape = clbi_shape_power;
    p.y_scale = clbi_profile_scale(n, y);
    fit.slope = clb_minimize(clbi_profile_rss, &p, -8, 8);
    fit.rss = clbi_profile_rss(&p, fit.slope) / p.y_scale / p.y_scale;
    if (p.used < 2) return clbi_no_fit(p.used);
    fit.n = p.used;
    fit.intercept = clb_log(p.a / p.y_scale);
    fit.r2 = p.yy > 0 ? 1 - p.rss / p.yy : 0;
    return fit;
}

/* ln y = ln a - ln(1 + t/tau). For a fixed tau, ln a is a mean; it is stored in c, and a and yy are
 * moments. */
static double clbi_hyperbola_rss(void *context, double s)
{
    clbi_profile *p = (clbi_profile *)context;
    clbi_tally ln_y = CLB_ZERO;
    double tau = clb_exp(s), mean_y;
    size_t i;
    p->c = p->rss = p->yy = 0;
    for (i = 0; i < p->n; ++i) {
        if (!(p->y[i] > 0) || !clbi_finite(p->y[i])) continue;
        p->c += clb_log(p->y[i]) + clb_log1p(p->t[i] / tau);
        clbi_tally_add(&ln_y, clb_log(p->y[i]));
    }
    p->used = ln_y.n;
    p->c /= (double)p->used;
    mean_y = clbi_tally_mean(&ln_y);
    for (i = 0; i < p->n; ++i) {
        double z, r;
        if (!(p->y[i] > 0) || !clbi_finite(p->y[i])) continue;
        z = clb_log(p->y[i]);
        r = z - p->c + clb_log1p(p->t[i] / tau);
        p->rss += r * r;
        p->yy += (z - mean_y) * (z - mean_y);
    }
    return p->rss;
}

CLBDEF clb_decay clb_fit_hyperbola(size_t n, const double *t, const double *y)
{
    clb_decay fit = clbi_no_decay(n);
    clbi_profile p;
    double lo, hi, s;
    if (!clbi_tau_range(n, t, &lo, &hi) || t[0] < 0) return fit;
    memset(&p, 0, sizeof p);
    p.n = n;
    p.t = t;
    p.y = y;
    s = clb_minimize(clbi_hyperbola_rss, &p, lo, hi);
    fit.rss = clbi_hyperbola_rss(&p, s);
    if (p.used < 3) return clbi_no_decay(p.used);
    fit.n = p.used;
    fit.a = clb_exp(p.c);
    fit.tau = clb_exp(s);
    fit.c = 0;
    fit.r2 = p.yy > 0 ? 1 - p.rss / p.yy : 0;
    return fit;
}

CLBDEF double clb_aic(size_t n, double rss, size_t k)
{
    return n ? (double)n * clb_log(rss / (double)n) + 2 * (double)k : CLBI_NAN;
}

CLBDEF double clb_bic(size_t n, double rss, size_t k)
{
    return n ? (double)n * clb_log(rss / (double)n) + (double)k * clb_log((double)n) : CLBI_NAN;
}

CLBDEF void clb_local_slopes(size_t n, const double *x, const double *y, double *slope)
{
    size_t i;
    for (i = 0; i + 1 < n; ++i) {
        int positive = x[i] > 0 && x[i + 1] > 0 && y[i] > 0 && y[i + 1] > 0;
        double run = positive ? clb_log(x[i + 1]) - clb_log(x[i]) : 0;
        slope[i] = run != 0 ? (clb_log(y[i + 1]) - clb_log(y[i])) / run : CLBI_NAN;
    }
}

static double clbi_correlation(clbi_points *p)
{
    clbi_moments m = clbi_point_moments(p);
    if (m.n < 2 || !(m.xx > 0) || !(m.yy > 0)) return CLBI_NAN;
    return m.xy / (clbi_sqrt(m.xx) * clbi_sqrt(m.yy));
}

CLBDEF double clb_pearson(size_t n, const double *x, const double *y)
{
    clbi_points p = clbi_all_points(n, x, y);
    return clbi_correlation(&p);
}

CLBDEF double clb_pearson_log(size_t n, const double *x, const double *y, double x_floor,
                              double y_floor)
{
    clbi_points p = clbi_log_points(n, x, y, y_floor);
    p.x_min = x_floor > 0 ? x_floor : 0;
    return clbi_correlation(&p);
}

/* Twice the rank of x[i] minus n + 1: how many values are smaller, minus how many are larger. The
 * mean over i is 0. */
static double clbi_centred_rank(size_t n, const double *x, size_t i)
{
    double rank = 0;
    size_t j;
    for (j = 0; j < n; ++j) rank += (x[j] < x[i]) - (x[j] > x[i]);
    return x[i] == x[i] ? rank : CLBI_NAN;
}

CLBDEF double clb_spearman(size_t n, const double *x, const double *y)
{
    double xx = 0, xy = 0, yy = 0;
    size_t i;
    for (i = 0; i < n; ++i) {
        double u = clbi_centred_rank(n, x, i), v = clbi_centred_rank(n, y, i);
        xx += u * u;
        xy += u * v;
        yy += v * v;
    }
    return xx > 0 && yy > 0 ? xy / (clbi_sqrt(xx) * clbi_sqrt(yy)) : CLBI_NAN;
}

/* Bootstrap. The replicates of a statistic are stored in a row; only finite ones are used. */

static clb_interval clbi_no_interval(void)
{
    clb_interval interval;
    interval.value = interval.lo = interval.hi = interval.se = CLBI_NAN;
    interval.used = 0;
    return interval;
}

/* The interval from count replicates. Those that are not finite are moved to the end, the others
 * are sorted. */
static clb_interval clbi_percentile(double value, double *replicate, size_t count, double level)
{
    clb_interval interval = clbi_no_interval();
    size_t i, used = 0;
    for (i = 0; i < count; ++i)
        if (clbi_finite(replicate[i])) replicate[used++] = replicate[i];
    clb_sort(used, replicate);
    interval.value = value;
    interval.used = used;
    interval.lo = clb_quantile_sorted(used, replicate, 0.5 * (1 - level));
    interval.hi = clb_quantile_sorted(used, replicate, 0.5 * (1 + level));
    interval.se = clb_std(used, replicate);
    return interval;
}

static clb_bootstrap_opts clbi_bootstrap_resolve(const clb_bootstrap_opts *opts)
{
    clb_bootstrap_opts o;
    o.resamples = opts && opts->resamples ? opts->resamples : 1000;
    o.level = opts && opts->level != 0 ? opts->level : 0.95;
    o.seed = opts ? opts->seed : 0;
    return o;
}

/* Statistics that are computed together: fills out[0..count-1] for the units index[0..n-1]. */
typedef void (*clbi_statistics_fn)(void *context, size_t n, const uint32_t *index, double *out);

typedef struct clbi_resampling {
    size_t             n, count;
    clbi_statistics_fn statistics;
    void              *context;
    clb_bootstrap_opts opts;
    uint32_t          *index;       /* n                                     */
    double            *value;       /* count: statistics of one sample       */
    double            *replicate;   /* [count][opts.resamples]               */
} clbi_resampling;

static void clbi_resample(clbi_resampling *r, clb_interval *out)
{
    size_t i, k, b, resamples = r->opts.resamples;
    clb_rng rng;
    clb_rng_seed(&rng, r->opts.seed);
    for (b = 0; b < resamples; ++b) {
        for (i = 0; i < r->n; ++i) r->index[i] = clb_rng_below(&rng, (uint32_t)r->n);
        r->statistics(r->context, r->n, r->index, r->value);
        for (k = 0; k < r->count; ++k) r->replicate[k * resamples + b] = r->value[k];
    }
    for (i = 0; i < r->n; ++i) r->index[i] = (uint32_t)i;
    r->statistics(r->context, r->n, r->index, r->value);
    for (k = 0; k < r->count; ++k)
        out[k] = clbi_percentile(r->value[k], r->replicate + k * resamples, resamples,
                                 r->opts.level);
}

static clb_status clbi_bootstrap(size_t n, size_t count, clbi_statistics_fn statistics,
                                 void *context, const clb_bootstrap_opts *opts, clb_interval *out)
{
    clbi_resampling r;
    size_t k, rows;
    clb_status status = CLB_OK;
    memset(&r, 0, sizeof r);
    r.n = n;
    r.count = count;
    r.statistics = statistics;
    r.context = context;
    r.opts = clbi_bootstrap_resolve(opts);
    for (k = 0; k < count; ++k) out[k] = clbi_no_interval();
    if (n == 0 || n > 0xffffffffu || count == 0) return CLB_ECOUNT;
    if (!(r.opts.level > 0 && r.opts.level < 1)) return CLB_ELEVEL;
    if (!clbi_mul_size(count, r.opts.resamples, &rows)) return CLB_ESIZE;
    status = clbi_alloc(&r.index, n, sizeof *r.index);
    if (!status) status = clbi_alloc(&r.value, count, sizeof *r.value);
    if (!status) status = clbi_alloc(&r.replicate, rows, sizeof *r.replicate);
    if (!status) clbi_resample(&r, out);
    CLB_FREE(r.replicate);
    CLB_FREE(r.value);
    CLB_FREE(r.index);
    return status;
}

typedef struct clbi_one_statistic {
    clb_statistic_fn call;
    void            *context;
} clbi_one_statistic;

static void clbi_call_statistic(void *context, size_t n, const uint32_t *index, double *out)
{
    const clbi_one_statistic *one = (const clbi_one_statistic *)context;
    *out = one->call(one->context, n, index);
}

CLBDEF clb_status clb_bootstrap(size_t n, clb_statistic_fn statistic, void *context,
                                const clb_bootstrap_opts *opts, clb_interval *out)
{
    clbi_one_statistic one;
    one.call = statistic;
    one.context = context;
    return clbi_bootstrap(n, 1, clbi_call_statistic, &one, opts, out);
}

typedef struct clbi_values {
    const double *x;
} clbi_values;

static void clbi_mean_statistic(void *context, size_t n, const uint32_t *index, double *out)
{
    const clbi_values *values = (const clbi_values *)context;
    double sum = 0;
    size_t i;
    for (i = 0; i < n; ++i) sum += values->x[index[i]];
    *out = sum / (double)n;
}

CLBDEF clb_status clb_bootstrap_mean(size_t n, const double *x, const clb_bootstrap_opts *opts,
                                     clb_interval *out)
{
    clbi_values values;
    values.x = x;
    return clbi_bootstrap(n, 1, clbi_mean_statistic, &values, opts, out);
}

CLBDEF void clb_sweep_means(const clb_sweep *sweep, const uint32_t *index, size_t count,
                            double *mean)
{
    size_t i, s, seeds = index ? count : sweep->seeds;
    for (i = 0; i < sweep->n; ++i) {
        double sum = 0;
        size_t used = 0;
        for (s = 0; s < seeds; ++s) {
            double y = sweep->y[(index ? index[s] : s) * sweep->n + i];
            if (sweep->survivors && !clbi_finite(y)) continue;
            sum += y;
            ++used;
        }
        mean[i] = used ? sum / (double)used : CLBI_NAN;
    }
}

CLBDEF clb_fit clb_sweep_fit(const clb_sweep *sweep, double *mean)
{
    clb_sweep_means(sweep, NULL, 0, mean);
    return clb_fit_power(sweep->n, sweep->x, mean, sweep->floor);
}

typedef struct clbi_sweep_statistics {
    const clb_sweep *sweep;
    double          *mean;          /* n                         */
    int              with_slopes;
} clbi_sweep_statistics;

/* out[0] = exponent, out[1..n-1] = local slopes. */
static void clbi_sweep_statistic(void *context, size_t n, const uint32_t *index, double *out)
{
    const clbi_sweep_statistics *s = (const clbi_sweep_statistics *)context;
    const clb_sweep *sweep = s->sweep;
    clb_sweep_means(sweep, index, n, s->mean);
    out[0] = clb_fit_power(sweep->n, sweep->x, s->mean, sweep->floor).slope;
    if (s->with_slopes) clb_local_slopes(sweep->n, sweep->x, s->mean, out + 1);
}

CLBDEF clb_status clb_bootstrap_sweep(const clb_sweep *sweep, const clb_bootstrap_opts *opts,
                                      clb_interval *alpha, clb_interval *slope)
{
    clbi_sweep_statistics s;
    clb_interval *all = NULL;
    clb_status status;
    size_t i, n = sweep->n;
    memset(&s, 0, sizeof s);
    s.sweep = sweep;
    s.with_slopes = slope != NULL;
    *alpha = clbi_no_interval();
    for (i = 0; slope && i + 1 < n; ++i) slope[i] = clbi_no_interval();
    if (n == 0) return CLB_ECOUNT;
    status = clbi_alloc(&s.mean, n, sizeof *s.mean);
    if (!status) status = clbi_alloc(&all, n, sizeof *all);
    if (!status)
        status = clbi_bootstrap(sweep->seeds, slope ? n : 1, clbi_sweep_statistic, &s, opts, all);
    if (!status) *alpha = all[0];
    if (!status && slope) memcpy(slope, all + 1, (n - 1) * sizeof *slope);
    CLB_FREE(all);
    CLB_FREE(s.mean);
    return status;
}

/* ============================================================================================
 * @S43 PATHWAYS
 * ========================================================================================== */

static int clbi_positive(double x)
{
    return x > 0 && x < (double)INFINITY;
}

CLBDEF clb_status clb_path_check(size_t P, const size_t *depth, size_t least, double target)
{
    size_t p;
    if (P == 0) return CLB_EPATHS;
    if (!clbi_positive(target)) return CLB_ETARGET;
    for (p = 0; depth && p < P; ++p)
        if (depth[p] < least) return CLB_EDEPTH;
    return CLB_OK;
}

CLBDEF clb_status clb_path_step_check(double eta)
{
    return clbi_positive(eta) ? CLB_OK : CLB_ESTEP;
}

CLBDEF double clb_powi(double x, size_t n)
{
    double result = 1;
    while (n) {
        if (n & 1) result *= x;
        n >>= 1;
        if (n) x *= x;
    }
    return result;
}

/* The root of a decreasing f in (lo, hi), by bisection until no double lies between the ends. */
static double clbi_bisect(double (*f)(const void *context, double x), const void *context,
                          double lo, double hi)
{
    int i;
    for (i = 0; i < 1200; ++i) {
        double mid = 0.5 * (lo + hi);
        if (mid <= lo || mid >= hi) break;
        if (f(context, mid) > 0) lo = mid;
        else hi = mid;
    }
    return 0.5 * (lo + hi);
}

CLBDEF double clb_path_ramp_at(const clb_path_ramp *ramp, size_t t)
{
    double part;
    if (t >= ramp->steps) return ramp->to;
    part = (double)t / (double)ramp->steps;
    if (ramp->shape == CLB_PATH_RAMP_LINEAR) return ramp->from + (ramp->to - ramp->from) * part;
    if (ramp->shape == CLB_PATH_RAMP_GEOMETRIC)
        return ramp->from * clb_pow(ramp->to / ramp->from, part);
    return ramp->from;
}

/* ---- one mode ---- */

CLBDEF void clb_path_mode_free(clb_path_mode *mode)
{
    CLB_FREE(mode->arena);
    memset(mode, 0, sizeof *mode);
}

static void clbi_path_mode_layout(clb_path_mode *mode, size_t P, clbi_room *room)
{
    mode->depth = (size_t *)clbi_part(room, P, 1, sizeof *mode->depth);
    mode->u = clbi_doubles(room, P, 1);
    mode->power = clbi_doubles(room, P, 1);
    mode->mean = clbi_doubles(room, P, 1);
}

CLBDEF clb_status clb_path_mode_init(clb_path_mode *mode, size_t P, const size_t *depth,
                                     double target, const double *alpha)
{
    size_t p;
    clbi_room room = CLB_ZERO;
    clb_status status = clb_path_check(P, depth, 1, target);
    memset(mode, 0, sizeof *mode);
    for (p = 0; !status && p < P; ++p)
        if (!(alpha[p] >= 0 && alpha[p] < (double)INFINITY)) status = CLB_ENOTFINITE;
    if (status) return status;
    clbi_path_mode_layout(mode, P, &room);
    if ((status = clbi_room_calloc(&room, &mode->arena)) != CLB_OK) return status;
    clbi_path_mode_layout(mode, P, &room);
    mode->count = P;
    mode->target = target;
    for (p = 0; p < P; ++p) {
        mode->depth[p] = depth[p];
        mode->u[p] = clb_pow(alpha[p], 1 / (double)depth[p]);
    }
    return CLB_OK;
}

CLBDEF double clb_path_mode_residual(clb_path_mode *mode)
{
    double sum = 0;
    size_t p;
    for (p = 0; p < mode->count; ++p) {
        mode->power[p] = clb_powi(mode->u[p], mode->depth[p] - 1);
        sum += mode->u[p] * mode->power[p];
    }
    return sum - mode->target;
}

/* Applies (R), using the powers of u that the last call of clb_path_mode_residual stored. */
static void clbi_mode_update(clb_path_mode *mode, double eta_r)
{
    size_t p;
    for (p = 0; p < mode->count; ++p) mode->u[p] -= eta_r * mode->power[p];
}

CLBDEF double clb_path_mode_step(clb_path_mode *mode, double eta)
{
    double r = clb_path_mode_residual(mode);
    clbi_mode_update(mode, eta * r);
    return r;
}

CLBDEF double clb_path_mode_signal(const clb_path_mode *mode, size_t p)
{
    CLB_ASSERT(p < mode->count);
    return clb_powi(mode->u[p], mode->depth[p]);
}

CLBDEF double clb_path_mode_sum(const clb_path_mode *mode)
{
    double sum = 0;
    size_t p;
    for (p = 0; p < mode->count; ++p) sum += clb_path_mode_signal(mode, p);
    return sum;
}

CLBDEF double clb_path_mode_sharpness(const clb_path_mode *mode)
{
    double sum = 0;
    size_t p;
    for (p = 0; p < mode->count; ++p) {
        double w = clb_powi(mode->u[p], mode->depth[p] - 1);
        sum += (double)mode->depth[p] * w * w;
    }
    return sum;
}

CLBDEF double clb_path_mode_share(const clb_path_mode *mode)
{
    double top = 0, sum = 0;
    size_t p;
    for (p = 0; p < mode->count; ++p) {
        double s = clb_path_mode_signal(mode, p);
        if (s > top) top = s;
        sum += s;
    }
    return top / sum;
}

/* Variance over the pathways of a quantity that each of them has, in two passes. */
static double clbi_mode_spread(const clb_path_mode *mode, double (*value)(const clb_path_mode *mode,
                               size_t p))
{
    double mean = 0, sum = 0;
    size_t p;
    for (p = 0; p < mode->count; ++p) mean += value(mode, p);
    mean /= (double)mode->count;
    for (p = 0; p < mode->count; ++p) {
        double d = value(mode, p) - mean;
        sum += d * d;
    }
    return sum / (double)mode->count;
}

static double clbi_mode_z(const clb_path_mode *mode, size_t p)
{
    return 1 / clb_powi(mode->u[p], mode->depth[p] - 2);
}

static double clbi_mode_mean(const clb_path_mode *mode, size_t p)
{
    return mode->mean[p];
}

CLBDEF double clb_path_mode_gap(const clb_path_mode *mode)
{
    return clbi_sqrt(clbi_mode_spread(mode, clb_path_mode_signal)) /
           (mode->target / (double)mode->count);
}

static int clbi_one_depth(const clb_path_mode *mode)
{
    size_t p;
    for (p = 1; p < mode->count; ++p)
        if (mode->depth[p] != mode->depth[0]) return 0;
    return 1;
}

CLBDEF double clb_path_mode_variance(const clb_path_mode *mode)
{
    if (!clbi_one_depth(mode) || mode->depth[0] < 3) return (double)NAN;
    return clbi_mode_spread(mode, clbi_mode_z);
}

CLBDEF const char *clb_path_outcome_name(clb_path_outcome outcome)
{
    static const char *const names[] = { "single path", "partly balanced", "balanced", "two-cycle",
                                         "collapsed", "flipped", "diverged" };
    int i = (int)outcome;
    return i >= 0 && i < (int)CLB_PATH_OUTCOME_COUNT ? names[i] : "unknown outcome";
}

/* ---- a run of one mode ---- */

/* What clb_path_mode_train keeps from step to step. */
typedef struct clbi_mode_loop {
    clb_path_mode     *mode;
    clb_path_mode_opts o;
    clb_path_mode_run *run;
    double        spread;   /* sqrt(Var z) of the previous iterate, with o.laws            */
    size_t        quiet;    /* consecutive iterates with |r| <= settle s*                  */
    size_t        count;    /* iterates in the sums over the tail                          */
    double        sum_r2;
    double        sum_eta_lambda;
} clbi_mode_loop;

static void clbi_mode_defaults(const clb_path_mode *mode, clb_path_mode_opts *o, double *scratch)
{
    size_t p;
    if (o->tail == 0) o->tail = 2;
    if (o->u_max == 0) o->u_max = 10;
    if (o->balanced == 0) o->balanced = 0.01;
    if (o->cycle == 0) o->cycle = 1e-2;
    if (o->single != 0) return;
    o->single = 1;                                    /* without a leaf endpoint: a share of 1    */
    if (clb_path_leaf_endpoint(mode, scratch)) return;
    for (o->single = 0, p = 0; p < mode->count; ++p)
        if (scratch[p] / mode->target > o->single) o->single = scratch[p] / mode->target;
    o->single -= 0.01;
}

/* Records iterate t, whose residual is r. Returns 0 if it is not finite or too large. */
static int clbi_mode_watch(clbi_mode_loop *loop, size_t t, double eta, double r)
{
    clb_path_mode *mode = loop->mode;
    clb_path_mode_run *run = loop->run;
    double lambda = 0, top = 0;
    size_t p;
    int finite = 1, negative = 0, quiet;
    for (p = 0; p < mode->count; ++p) {
        double u = mode->u[p], w = mode->power[p], s = u * w;
        if (!(fabs(u) <= loop->o.u_max)) finite = 0;
        if (u < 0) negative = 1;
        if (u < run->u_min) run->u_min = u;
        if (s > top) top = s;
        lambda += (double)mode->depth[p] * w * w;
    }
    if (negative && run->flip == CLB_PATH_NEVER) run->flip = t;
    run->steps = t;
    run->r = r;
    if (!finite) return 0;
    if (top > run->peak * mode->target) run->peak = top / mode->target;
    if (eta * lambda > run->eta_lambda_max) run->eta_lambda_max = eta * lambda;
    if (eta * lambda > 2 && run->cross == CLB_PATH_NEVER) {
        run->cross = t;
        run->cross_share = top / mode->target;
    }
    run->eta_lambda = eta * lambda;
    quiet = fabs(r) <= loop->o.settle * mode->target && eta * lambda < 2;
    loop->quiet = quiet ? loop->quiet + 1 : 0;
    if (loop->o.observe) loop->o.observe(loop->o.context, t, mode, r);
    return 1;
}

/* Checks two laws before each step: strong safety, and that V has not grown since the previous
 * iterate. */
static void clbi_mode_laws(clbi_mode_loop *loop, size_t t, double eta, double r)
{
    clb_path_mode *mode = loop->mode;
    double worst = 0, spread = clbi_sqrt(clbi_mode_spread(mode, clbi_mode_z)), z = 0;
    size_t p;
    for (p = 0; p < mode->count; ++p) z += clbi_mode_z(mode, p) / (double)mode->count;
    if (t > 0 && spread > loop->spread * (1 + 1e-12) + 1e-14 * z) ++loop->run->rises;
    loop->spread = spread;
    for (p = 0; p < mode->count; ++p) {
        double x = (double)(mode->depth[p] - 1) * eta * r * mode->power[p] / mode->u[p];
        if (x > worst) worst = x;
    }
    if (worst > 1) ++loop->run->unsafe;
}

static void clbi_mode_tail(clbi_mode_loop *loop, double r)
{
    size_t p;
    const clb_path_mode *mode = loop->mode;
    for (p = 0; p < mode->count; ++p) mode->mean[p] += mode->u[p] * mode->power[p];
    loop->sum_r2 += r * r;
    loop->sum_eta_lambda += loop->run->eta_lambda;
    ++loop->count;
}

/* Runs all iterates from t = 0 on. Returns 0 if the run diverged. */
static int clbi_mode_steps(clbi_mode_loop *loop, double eta, size_t T)
{
    const clb_path_mode_opts *o = &loop->o;
    size_t t;
    for (t = 0;; ++t) {
        double step = o->ramp ? clb_path_ramp_at(o->ramp, t) : eta;
        double r = clb_path_mode_residual(loop->mode);
        int settled, last;
        if (!clbi_mode_watch(loop, t, step, r)) return 0;
        if (o->laws) clbi_mode_laws(loop, t, step, r);
        settled = o->settle > 0 && loop->quiet >= 4 && (!o->ramp || t >= o->ramp->steps);
        last = t == T || settled || (o->stop_at_flip && loop->run->flip != CLB_PATH_NEVER);
        if (last || T - t < o->tail) clbi_mode_tail(loop, r);
        if (last) return 1;
        clbi_mode_update(loop->mode, step * r);
    }
}

/* Is the mean of every s_p within the tolerance `balanced` of the split of least sharpness? */
static int clbi_mode_is_flat(const clb_path_mode *mode, double balanced, double *scratch)
{
    size_t p;
    int one = clbi_one_depth(mode);
    if (!one && clb_path_optimum(mode->count, mode->depth, mode->target, scratch, NULL, NULL))
        return 0;
    for (p = 0; p < mode->count; ++p) {
        double s = one ? mode->target / (double)mode->count : scratch[p];
        if (!(fabs(mode->mean[p] - s) <= balanced * s)) return 0;
    }
    return 1;
}

static clb_path_outcome clbi_mode_outcome(const clbi_mode_loop *loop, int finite, double *scratch)
{
    const clb_path_mode *mode = loop->mode;
    const clb_path_mode_run *run = loop->run;
    if (!finite) return CLB_PATH_RUN_AWAY;
    if (run->flip != CLB_PATH_NEVER) return CLB_PATH_FLIPPED;
    if (run->sum < 0.5 * mode->target) return CLB_PATH_COLLAPSED;
    if (run->rms_r > loop->o.cycle * mode->target) return CLB_PATH_TWO_CYCLE;
    if (mode->count > 1 && clbi_mode_is_flat(mode, loop->o.balanced, scratch))
        return CLB_PATH_BALANCED;
    return run->share >= loop->o.single ? CLB_PATH_SINGLE : CLB_PATH_PARTLY;
}

static void clbi_mode_finish(clbi_mode_loop *loop)
{
    clb_path_mode *mode = loop->mode;
    clb_path_mode_run *run = loop->run;
    double top = -(double)INFINITY, count = (double)loop->count;
    size_t p;
    for (p = 0; p < mode->count; ++p) {
        mode->mean[p] /= count;
        if (mode->mean[p] > top) top = mode->mean[p];
        run->sum += mode->mean[p];
    }
    run->share = top / run->sum;
    run->gap = clbi_sqrt(clbi_mode_spread(mode, clbi_mode_mean)) /
               (mode->target / (double)mode->count);
    run->rms_r = clbi_sqrt(loop->sum_r2 / count);
    run->eta_lambda = loop->sum_eta_lambda / count;
}

static clb_status clbi_mode_train_check(double eta, const clb_path_mode_opts *o)
{
    const clb_path_ramp *ramp = o->ramp;
    if (!ramp) return clb_path_step_check(eta);
    if ((unsigned)ramp->shape >= (unsigned)CLB_PATH_RAMP_COUNT) return CLB_EMETHOD;
    return clbi_positive(ramp->from) && clbi_positive(ramp->to) ? CLB_OK : CLB_ESTEP;
}

CLBDEF clb_status clb_path_mode_train(clb_path_mode *mode, double eta, size_t T,
                                      const clb_path_mode_opts *opts, clb_path_mode_run *run)
{
    clbi_mode_loop loop;
    double *scratch;
    clb_status status;
    int finite;
    memset(&loop, 0, sizeof loop);
    memset(run, 0, sizeof *run);
    if (opts) loop.o = *opts;
    if ((status = clbi_mode_train_check(eta, &loop.o)) != CLB_OK) return status;
    if ((status = clbi_calloc(&scratch, mode->count, sizeof *scratch)) != CLB_OK) return status;
    clbi_mode_defaults(mode, &loop.o, scratch);
    loop.mode = mode;
    loop.run = run;
    run->flip = run->cross = CLB_PATH_NEVER;
    run->cross_share = (double)NAN;
    run->u_min = (double)INFINITY;
    memset(mode->mean, 0, mode->count * sizeof *mode->mean);
    if (!clbi_one_depth(mode) || mode->depth[0] < 3) loop.o.laws = 0;
    finite = clbi_mode_steps(&loop, eta, T);
    if (!finite) loop.count = 0;                 /* the means of a diverged run are NaN          */
    clbi_mode_finish(&loop);
    run->outcome = clbi_mode_outcome(&loop, finite, scratch);
    CLB_FREE(scratch);
    return CLB_OK;
}

/* ---- sharpness at a minimum ---- */

CLBDEF double clb_path_sharpness(size_t P, const size_t *depth, const double *s)
{
    double sum = 0;
    size_t p;
    for (p = 0; p < P; ++p) {
        double L = (double)depth[p];
        if (!(s[p] >= 0) || depth[p] == 0) return (double)NAN;
        sum += L * clb_pow(s[p], 2 - 2 / L);
    }
    return sum;
}

/* sum_{k<L} a^(L-1-k) b^k with a = ui^2, b = uj^2: what one pathway adds to the eigenvalue of a
 * pair of modes. */
static double clbi_pair(size_t L, double ui, double uj)
{
    double a = ui * ui, b = uj * uj, power = 1, h = 1;
    size_t k;
    for (k = 1; k < L; ++k) {
        power *= b;
        h = h * a + power;
    }
    return h;
}

CLBDEF double clb_path_pair(size_t P, const size_t *depth, const double *ui, const double *uj)
{
    double sum = 0;
    size_t p;
    for (p = 0; p < P; ++p) sum += clbi_pair(depth[p], ui[p], uj[p]);
    return sum;
}

CLBDEF clb_status clb_path_spectrum(size_t P, const size_t *depth, size_t d, const double *u,
                                    double *lambda)
{
    size_t i, j, p;
    clb_status status = clb_path_check(P, depth, 1, 1);
    if (status) return status;
    memset(lambda, 0, d * d * sizeof *lambda);
    for (p = 0; p < P; ++p)
        for (i = 0; i < d; ++i)
            for (j = 0; j < d; ++j)
                lambda[i * d + j] += clbi_pair(depth[p], u[p * d + i], u[p * d + j]);
    return CLB_OK;
}

CLBDEF double clb_path_single_sharpness(size_t L, double target)
{
    if (L < 1 || !clbi_positive(target)) return (double)NAN;
    return (double)L * clb_pow(target, 2 - 2 / (double)L);
}

CLBDEF double clb_path_balanced_sharpness(size_t P, size_t L, double target)
{
    if (P < 1) return (double)NAN;
    return clb_path_single_sharpness(L, target) * clb_pow((double)P, 2 / (double)L - 1);
}

/* The Lagrange condition at a trial value of mu: s* minus the sum of s_p(mu) over the pathways with
 * L_p >= 3. */
typedef struct clbi_split {
    size_t        P;
    const size_t *depth;
    double        target;
} clbi_split;

static double clbi_split_signal(size_t L, double mu)
{
    double depth = (double)L;
    return L < 3 ? 0 : clb_pow(mu / (2 * (depth - 1)), depth / (depth - 2));
}

static double clbi_split_rest(const void *context, double mu)
{
    const clbi_split *split = (const clbi_split *)context;
    double rest = split->target;
    size_t p;
    for (p = 0; p < split->P; ++p) rest -= clbi_split_signal(split->depth[p], mu);
    return rest;
}

CLBDEF clb_status clb_path_optimum(size_t P, const size_t *depth, double target, double *s,
                                   double *mu,
                                   double *lambda_min)
{
    clbi_split split;
    double top = 2, rest;
    size_t p, shallow = 0;
    clb_status status = clb_path_check(P, depth, 2, target);
    if (status) return status;
    split.P = P;
    split.depth = depth;
    split.target = target;
    for (p = 0; p < P; ++p) shallow += depth[p] == 2;
    while (shallow == 0 && clbi_split_rest(&split, top) > 0) top *= 2;
    rest = clbi_split_rest(&split, top);
    if (rest < 0) top = clbi_bisect(clbi_split_rest, &split, 0, top);
    for (p = 0; p < P; ++p) {                   /* at depth 2, d lambda/d s = 2 for every s */
        s[p] = clbi_split_signal(depth[p], top);
        if (depth[p] == 2 && rest > 0) s[p] = rest / (double)shallow;
    }
    if (mu) *mu = top;
    if (lambda_min) *lambda_min = clb_path_sharpness(P, depth, s);
    return CLB_OK;
}

CLBDEF clb_status clb_path_window(size_t P, const size_t *depth, double target,
                                  clb_path_bounds *window)
{
    double *s;
    size_t p, L;
    clb_status status = clb_path_check(P, depth, 2, target);
    if (status || (status = clbi_alloc(&s, P, sizeof *s)) != CLB_OK) return status;
    for (L = depth[0], p = 1; p < P; ++p)
        if (depth[p] < L) L = depth[p];
    clb_path_optimum(P, depth, target, s, NULL, &window->lambda_min);
    window->S = clb_path_single_sharpness(L, target);
    window->lo = 2 / window->S;
    window->hi = 2 / window->lambda_min;
    window->gamma_c = 2 * window->S / window->lambda_min;
    CLB_FREE(s);
    return CLB_OK;
}

/* ---- leaf coordinate ---- */

CLBDEF double clb_path_leaf(size_t L, double u)
{
    if (L < 1 || !(u > 0)) return (double)NAN;
    if (L == 1) return -u;
    if (L == 2) return -clb_log(u);
    return 1 / clb_powi(u, L - 2) / (double)(L - 2);
}

CLBDEF double clb_path_leaf_inverse(size_t L, double zhat)
{
    if (L < 1) return (double)NAN;
    if (L == 1) return -zhat;
    if (L == 2) return clb_exp(-zhat);
    if (!(zhat > 0)) return (double)NAN;
    return clb_pow((double)(L - 2) * zhat, -1 / (double)(L - 2));
}

/* Leaf coordinates relative to the smallest one among pathways of depth 3 or more,
 * where zhat > 0. */
typedef struct clbi_leaf_line {
    const clb_path_mode *mode;
    double          least;
} clbi_leaf_line;

static double clbi_leaf_signal(const clbi_leaf_line *line, size_t p, double c)
{
    size_t L = line->mode->depth[p];
    double zhat = clb_path_leaf(L, line->mode->u[p]) - line->least + c, L1 = (double)L;
    return L == 2 ? clb_exp(-2 * zhat) : clb_pow((L1 - 2) * zhat, -L1 / (L1 - 2));
}

static double clbi_leaf_excess(const void *context, double c)
{
    const clbi_leaf_line *line = (const clbi_leaf_line *)context;
    double sum = -line->mode->target;
    size_t p;
    for (p = 0; p < line->mode->count; ++p) sum += clbi_leaf_signal(line, p, c);
    return sum;
}

CLBDEF clb_status clb_path_leaf_endpoint(const clb_path_mode *mode, double *s)
{
    clbi_leaf_line line;
    size_t p, deep = 0;
    double c, lo, hi = 1;
    line.mode = mode;
    line.least = 0;
    for (p = 0; p < mode->count; ++p) {
        double zhat = clb_path_leaf(mode->depth[p], mode->u[p]);
        if (mode->depth[p] < 2) return CLB_EDEPTH;
        if (!clbi_positive(mode->u[p])) return CLB_ENOTFINITE;
        if (mode->depth[p] > 2 && (deep++ == 0 || zhat < line.least)) line.least = zhat;
    }
    lo = deep ? 0 : -1;
    while (!deep && clbi_leaf_excess(&line, lo) < 0) lo *= 2;
    while (clbi_leaf_excess(&line, hi) > 0) hi *= 2;
    c = clbi_bisect(clbi_leaf_excess, &line, lo, hi);
    for (p = 0; p < mode->count; ++p) s[p] = clbi_leaf_signal(&line, p, c);
    return CLB_OK;
}

/* u* = (s* / P)^(1/L) to the power n. */
static double clbi_balanced_power(size_t P, size_t L, double target, double n)
{
    return clb_pow(target / (double)P, n / (double)L);
}

/* (lambda(V) - lambda_min) / V, from formula (Q). */
static double clbi_leaf_curvature(size_t P, size_t L, double target)
{
    double l = (double)L;
    return l * (l - 1) / (l - 2) * clbi_balanced_power(P, L, target, 4 * l - 6) * (double)P;
}

CLBDEF double clb_path_leaf_sharpness(size_t P, size_t L, double target, double V)
{
    if (P < 1 || L < 3 || !clbi_positive(target)) return (double)NAN;
    return clb_path_balanced_sharpness(P, L, target) + clbi_leaf_curvature(P, L, target) * V;
}

CLBDEF double clb_path_leaf_step(size_t L, double z, double c)
{
    if (L < 3 || !(c / z < 1)) return (double)NAN;
    return z / clb_powi(1 - c / z, L - 2);
}

CLBDEF double clb_path_leaf_slope(size_t L, double x)
{
    if (L < 3 || !(x < 1)) return (double)NAN;
    return (1 - (double)(L - 1) * x) / clb_powi(1 - x, L - 1);
}

/* (phi'(x) + 1) (1-x)^(L-1). */
static double clbi_contraction(const void *context, double x)
{
    size_t L = *(const size_t *)context;
    return 1 - (double)(L - 1) * x + clb_powi(1 - x, L - 1);
}

CLBDEF double clb_path_contraction_limit(size_t L)
{
    if (L < 3) return (double)NAN;
    return clbi_bisect(clbi_contraction, &L, 1 / (double)(L - 1), 1);
}

CLBDEF double clb_path_mode_safety(clb_path_mode *mode, double eta)
{
    double r = clb_path_mode_residual(mode), worst = -(double)INFINITY;
    size_t p;
    for (p = 0; p < mode->count; ++p) {
        size_t L = mode->depth[p];
        double x = L < 2 ? 0 : (double)(L - 1) * eta * r * clb_powi(mode->u[p], L - 2);
        if (x > worst) worst = x;
    }
    return worst;
}

static double clbi_marginal(const clb_path_mode *mode, size_t p)
{
    size_t L = mode->depth[p];
    return L < 2 ? 0 : 2 * (double)(L - 1) * clb_powi(mode->u[p], L - 2);
}

CLBDEF double clb_path_leaf_drift(clb_path_mode *mode, double eta, size_t p, size_t q)
{
    double c = eta * clb_path_mode_residual(mode);
    CLB_ASSERT(p < mode->count && q < mode->count);
    return c * c / 4 * (clbi_marginal(mode, p) - clbi_marginal(mode, q));
}

/* ---- edge of stability ---- */

CLBDEF double clb_path_residual_next(clb_path_mode *mode, double eta, size_t order)
{
    double r = clb_path_mode_residual(mode), next = r;
    size_t p, k;
    for (p = 0; p < mode->count; ++p) {
        size_t L = mode->depth[p], top = order && order < L ? order : L;
        double x = L < 2 ? 0 : -eta * r * clb_powi(mode->u[p], L - 2);
        double term = mode->u[p] * mode->power[p];
        if (L == 1) next -= eta * r;
        for (k = 1; L > 1 && k <= top; ++k) {
            term *= (double)(L - k + 1) / (double)k * x;    /* C(L,k) (-eta r)^k u^(L + k(L-2)) */
            next += term;
        }
    }
    return next;
}

CLBDEF double clb_path_two_step(size_t L, double x)
{
    double l = (double)L;
    return L < 3 ? (double)NAN : 1 - (l - 1) * (l - 2) * x * x;
}

CLBDEF double clb_path_two_step_frozen(size_t L, double x)
{
    double l = (double)L;
    return L < 3 ? (double)NAN : 1 - 2 * (l - 1) * (l - 1) * x * x;
}

CLBDEF clb_status clb_path_cycle_predict(size_t P, size_t L, double target, double eps,
                                         clb_path_cycle *cycle)
{
    double l = (double)L, eta;
    clb_status status = clb_path_check(P, NULL, 0, target);
    if (status) return status;
    if (L < 3) return CLB_EDEPTH;
    if (!(eps >= 0)) return CLB_ESTEP;
    eta = (2 + eps) / clb_path_balanced_sharpness(P, L, target);
    cycle->x2 = 3 * eps / ((l - 1) * (5 * l - 4));
    cycle->decay = 3 * (l - 2) / (5 * l - 4) * eps;
    cycle->rms_r = clbi_sqrt(cycle->x2) / (eta * clbi_balanced_power(P, L, target, l - 2));
    return CLB_OK;
}

typedef struct clbi_boundary { double power, level; } clbi_boundary;

/* It decreases in the smaller share, so the bisection runs over that. */
static double clbi_boundary_gap(const void *context, double low)
{
    const clbi_boundary *b = (const clbi_boundary *)context;
    return clb_pow(1 - low, b->power) + clb_pow(low, b->power) - b->level;
}

CLBDEF double clb_path_boundary_share(size_t L, double gamma)
{
    clbi_boundary b;
    if (L < 3 || !(gamma > 0)) return (double)NAN;
    b.power = 2 - 2 / (double)L;
    b.level = 2 / gamma;
    if (b.level >= 1) return 1;
    if (b.level <= clb_pow(0.5, b.power - 1)) return 0.5;
    return 1 - clbi_bisect(clbi_boundary_gap, &b, 0, 0.5);
}

CLBDEF double clb_path_stop_offset(size_t L)
{
    double l = (double)L;
    return L < 3 ? (double)NAN : 3 * (l - 2) / (2 * (5 * l - 4));
}

CLBDEF double clb_path_critical_constant(size_t L)
{
    double l = (double)L;
    return L < 3 ? (double)NAN : (7 * l - 2) / (12 * (l - 1));
}

CLBDEF double clb_path_central_flow(size_t P, size_t L, double target, double eta, double V0,
                                    double t)
{
    double l = (double)L, k, a, b, w;
    if (clb_path_check(P, NULL, 0, target) || clb_path_step_check(eta)) return (double)NAN;
    if (L < 3 || !(V0 >= 0)) return (double)NAN;
    k = 3 * (l - 2) / (5 * l - 4);
    a = eta * clb_path_balanced_sharpness(P, L, target) - 2;
    b = eta * clbi_leaf_curvature(P, L, target);
    if (a + b * V0 <= 0) return V0;                        /* below the boundary: no force        */
    w = k * a * t;                                         /* V' = -k (a + bV) V                  */
    return V0 / (clb_exp(w) + b * V0 * (a == 0 ? k * t : clb_expm1(w) / a));
}

/* The two-variable flow: its right-hand side {dV, dy}/dt. */
typedef struct clbi_central { double offset, slope, push, cubic; } clbi_central;

static void clbi_central_rate(const clbi_central *c, const double state[2], double rate[2])
{
    rate[0] = -c->push * state[1] * state[0];
    rate[1] = 2 * (c->offset + c->slope * state[0] - c->cubic * state[1]) * state[1];
}

static void clbi_central_step(const clbi_central *c, double state[2])
{
    static const double part[4] = { 0, 0.5, 0.5, 1 }, weight[4] = { 1, 2, 2, 1 };
    double rate[2] = { 0, 0 }, at[2], sum[2] = { 0, 0 };
    int stage, i;
    for (stage = 0; stage < 4; ++stage) {
        for (i = 0; i < 2; ++i) at[i] = state[i] + part[stage] * rate[i];
        clbi_central_rate(c, at, rate);
        for (i = 0; i < 2; ++i) sum[i] += weight[stage] * rate[i];
    }
    for (i = 0; i < 2; ++i) state[i] += sum[i] / 6;
}

CLBDEF clb_status clb_path_central_pair(size_t P, size_t L, double target, double eta, size_t T,
                                   double state[2])
{
    clbi_central c;
    double l = (double)L;
    size_t t;
    clb_status status = clb_path_check(P, NULL, 0, target);
    if (status || (status = clb_path_step_check(eta)) != CLB_OK) return status;
    if (L < 3) return CLB_EDEPTH;
    c.offset = eta * clb_path_balanced_sharpness(P, L, target) - 2;
    c.slope = eta * clbi_leaf_curvature(P, L, target);
    c.push = (l - 1) * (l - 2);
    c.cubic = (l - 1) * (5 * l - 4) / 3;
    for (t = 0; t < T; ++t) clbi_central_step(&c, state);
    return CLB_OK;
}

/* ---- deep chain ---- */

CLBDEF double clb_path_chain_map(size_t L, double gamma, double x)
{
    double w = clb_powi(x, L - 1);
    return L < 1 ? (double)NAN : x + gamma / (double)L * w * (1 - w * x);
}

CLBDEF double clb_path_chain_slope(size_t L, double gamma, double x)
{
    double l = (double)L, w;
    if (L < 2) return (double)NAN;
    w = clb_powi(x, L - 2);
    return 1 + gamma / l * w * ((l - 1) - (2 * l - 1) * w * x * x);
}

typedef struct clbi_chain { size_t L; double gamma; } clbi_chain;

static double clbi_chain_slope(const void *context, double x)
{
    const clbi_chain *chain = (const clbi_chain *)context;
    return clb_path_chain_slope(chain->L, chain->gamma, x);
}

CLBDEF clb_status clb_path_chain_peak(size_t L, double gamma, double *x_max, double *M)
{
    clbi_chain chain;
    double l = (double)L;
    if (L < 2) return CLB_EDEPTH;
    if (!(gamma > 1 && clbi_positive(gamma))) return CLB_ESTEP;
    chain.L = L;
    chain.gamma = gamma;
    /* f' >= 1 up to x^L = (L-1)/(2L-1); from there to 1 it decreases to 1 - gamma < 0 */
    *x_max = clbi_bisect(clbi_chain_slope, &chain, clb_pow((l - 1) / (2 * l - 1), 1 / l), 1);
    *M = clb_path_chain_map(L, gamma, *x_max);
    return CLB_OK;
}

/* The logarithms of both sides of g(y) = 0, subtracted. With w = 1-y = (L-D)/(2L-1): R = 1 + w/D, y
 * = 1 - w. */
static double clbi_return_gap(const void *context, double D)
{
    double l = (double)*(const size_t *)context, w = (l - D) / (2 * l - 1);
    double log_R = clb_log1p(w / D);
    double log_rise = l * log_R + clb_log1p(-w);                  /* log(R^L y) */
    double log_drop;
    if (!(log_rise > 0)) return -1;
    log_drop = log_rise > 40 ? log_rise : clb_log(clb_expm1(log_rise));
    return (l - 2) * log_R + log_drop - clb_log(D);
}

CLBDEF clb_status clb_path_worst_return(size_t L, clb_path_return *out)
{
    double l = (double)L, D, w;
    if (L < 2) return CLB_EDEPTH;
    D = clbi_bisect(clbi_return_gap, &L, 0, l);
    w = (l - D) / (2 * l - 1);
    out->y = 1 - w;
    out->x_max = clb_exp(clb_log1p(-w) / l);
    out->M = out->x_max * (1 + w / D);
    out->gamma = l / D * clb_exp(-(l - 2) / l * clb_log1p(-w));
    return CLB_OK;
}

CLBDEF double clb_lambert_w(double x)
{
    double w = clb_log1p(x);
    int i;
    if (!(x >= 0)) return (double)NAN;
    if (w > 1) w -= clb_log(w);
    for (i = 0; i < 60; ++i) {  /* Halley's method for w e^w = x, from above the root */
        double e = clb_exp(w), f = w * e - x;
        double next = w - f / (e * (w + 1) - (w + 2) * f / (2 * w + 2));
        if (!(fabs(next - w) > 1e-16 * fabs(w))) return next;
        w = next;
    }
    return w;
}

CLBDEF double clb_path_worst_return_asymptote(size_t L)
{
    return 2 * clb_lambert_w(2 * (double)L);
}

/* ---- several modes ---- */

CLBDEF double clb_path_ceiling(size_t P, size_t L)
{
    clb_path_return wcr;
    double edge;
    if (P < 1 || clb_path_worst_return(L, &wcr)) return (double)NAN;
    edge = 2 * clb_pow((double)P, 1 - 2 / (double)L);
    return edge < wcr.gamma ? edge : wcr.gamma;
}

CLBDEF size_t clb_path_rank(size_t L, size_t d, const double *target, double eta)
{
    size_t i, rank = 0;
    for (i = 0; i < d; ++i) rank += eta * clb_path_single_sharpness(L, target[i]) > 2;
    return rank;
}

CLBDEF clb_status clb_path_rank_window(size_t P, size_t L, size_t d, const double *target, size_t r,
                                  double *lo,
                                  double *hi)
{
    size_t i;
    double top, next;
    if (P == 0) return CLB_EPATHS;
    if (L < 3) return CLB_EDEPTH;
    if (r < 1 || r > d) return CLB_ECOUNT;
    for (i = 0; i < d; ++i)
        if (!clbi_positive(target[i])) return CLB_ETARGET;
    top = clb_path_ceiling(P, L) / clb_path_single_sharpness(L, target[0]);
    next = r < d ? 2 / clb_path_single_sharpness(L, target[r]) : top;
    *lo = 2 / clb_path_single_sharpness(L, target[r - 1]);
    *hi = next < top ? next : top;
    return CLB_OK;
}

/* ---- full matrices ---- */

CLBDEF void clb_paths_free(clb_paths *paths)
{
    size_t p;
    for (p = 0; p < paths->count; ++p) {
        if (paths->curv) clb_curv_free(&paths->curv[p]);
        clb_pass_free(&paths->pass[p]);
        clb_net_free(&paths->net[p]);
    }
    CLB_FREE(paths->curv);
    CLB_FREE(paths->net);
    CLB_FREE(paths->pass);
    CLB_FREE(paths->at);
    CLB_FREE(paths->theta);
    clb_data_free(&paths->own);
    memset(paths, 0, sizeof *paths);
}

/* Sets up pathway p: a network of depth L from d inputs over hidden layers of width m
 * to K outputs. */
static clb_status clbi_paths_net(clb_paths *paths, size_t p, size_t L, size_t m,
                                 clb_activation activation, const clb_data *data)
{
    clb_net_opts opts;
    size_t *widths, l;
    clb_status status = clbi_alloc(&widths, L + 1, sizeof *widths);
    if (status) return status;
    memset(&opts, 0, sizeof opts);
    opts.activation = activation;
    for (l = 0; l <= L; ++l) widths[l] = m;
    widths[0] = data->d;
    widths[L] = data->K;
    status = clb_net_alloc(&paths->net[p], widths, L + 1, &opts);
    CLB_FREE(widths);
    if (status) return status;
    paths->at[p] = paths->P;
    if (!clbi_add_size(paths->P, paths->net[p].P, &paths->P)) return CLB_ESIZE;
    return clb_pass_init(&paths->pass[p], &paths->net[p], data, CLB_MSE);
}

static clb_status clbi_paths_alloc(clb_paths *paths, const clb_data *data)
{
    size_t reals, outputs;
    clb_status status;
    if (!clbi_mul_size(paths->P, 2, &reals) || !clbi_mul_size(data->n, data->K, &outputs) ||
        !clbi_add_size(reals, outputs, &reals)) return CLB_ESIZE;
    if ((status = clbi_calloc(&paths->theta, reals, sizeof(clb_real))) != CLB_OK) return status;
    paths->grad = paths->theta + paths->P;
    paths->error = paths->grad + paths->P;
    return CLB_OK;
}

CLBDEF clb_status clb_paths_init(clb_paths *paths, size_t P, const size_t *depth, size_t m,
                                 clb_activation activation, const clb_data *data)
{
    size_t p;
    clb_status status = clb_path_check(P, depth, 1, 1);
    memset(paths, 0, sizeof *paths);
    if (!status && !data->targets) status = CLB_EUNLABELLED;
    if (!status) status = clbi_calloc(&paths->net, P, sizeof *paths->net);
    if (!status) status = clbi_calloc(&paths->pass, P, sizeof *paths->pass);
    if (!status) status = clbi_calloc(&paths->at, P, sizeof *paths->at);
    for (p = 0; !status && p < P; ++p) {
        paths->count = p + 1;
        status = clbi_paths_net(paths, p, depth[p], m, activation, data);
    }
    if (!status) status = clbi_paths_alloc(paths, data);
    if (status) clb_paths_free(paths);
    return status;
}

CLBDEF clb_status clb_paths_init_linear(clb_paths *paths, size_t P, const size_t *depth, size_t d,
                                   const clb_real *M)
{
    clb_data own;
    size_t i, j, cells = 0;
    clb_status status = clbi_mul_size(d, d, &cells) ? CLB_OK : CLB_ESIZE;
    memset(&own, 0, sizeof own);
    memset(paths, 0, sizeof *paths);
    own.n = own.d = own.K = d;
    own.owned = 1;
    if (!status) status = clbi_calloc(&own.X, cells, sizeof *own.X);
    if (!status) status = clbi_calloc(&own.targets, cells, sizeof *own.targets);
    for (i = 0; !status && i < d; ++i) {
        own.X[i * d + i] = 1;
        for (j = 0; j < d; ++j) own.targets[i * d + j] = M[j * d + i];         /* f_p = Omega_p^T */
    }
    if (!status) status = clb_paths_init(paths, P, depth, d, CLB_IDENTITY, &own);
    if (status) {
        clb_data_free(&own);
        return status;
    }
    paths->own = own;
    for (i = 0; i < P; ++i) paths->pass[i].data = &paths->own;
    return CLB_OK;
}

CLBDEF void clb_path_householder(size_t d, const double *v, double *Q)
{
    double vv = 0;
    size_t i, j;
    for (i = 0; i < d; ++i) vv += v[i] * v[i];
    for (i = 0; i < d; ++i)
        for (j = 0; j < d; ++j) Q[i * d + j] = (double)(i == j) - 2 * v[i] * v[j] / vv;
}

CLBDEF void clb_path_target(size_t d, const double *U, const double *s, const double *V,
                            clb_real *M)
{
    size_t i, j, k;
    for (i = 0; i < d; ++i)
        for (j = 0; j < d; ++j) {
            double sum = 0;
            for (k = 0; k < d; ++k) sum += U[i * d + k] * s[k] * V[j * d + k];
            M[i * d + j] = (clb_real)sum;
        }
}

CLBDEF clb_real *clb_paths_layer(const clb_paths *paths, size_t p, size_t l)
{
    CLB_ASSERT(p < paths->count && l >= 1 && l <= paths->net[p].L);
    return paths->theta + paths->at[p] + paths->net[p].w[l];
}

CLBDEF void clb_paths_singular_values(clb_paths *paths, const double *u, const double *U,
                                      const double *V)
{
    size_t p, l, i, j, k, d = paths->net[0].m[0];
    for (p = 0; p < paths->count; ++p, u += d)
        for (l = 1; l <= paths->net[p].L; ++l) {
            clb_real *W = clb_paths_layer(paths, p, l);
            int first = l == 1, last = l == paths->net[p].L;
            for (i = 0; i < d; ++i)
                for (j = 0; j < d; ++j) {
                    double w = 0;
                    for (k = 0; k < d; ++k) {
                        double left = last ? U[i * d + k] : (double)(i == k);
                        w += left * u[k] * (first ? V[j * d + k] : (double)(j == k));
                    }
                    W[i * d + j] = (clb_real)w;
                }
        }
}

/* E = sum_p f_p - T; the pathways are added in ascending order. */
static void clbi_paths_error(clb_paths *paths)
{
    const clb_pass *first = &paths->pass[0];
    size_t i, p, count = first->n * first->net->m[first->net->L];
    for (i = 0; i < count; ++i) {
        clb_real sum = 0;
        for (p = 0; p < paths->count; ++p) sum += paths->pass[p].z[paths->net[p].L][i];
        paths->error[i] = sum - first->targets[i];
    }
}

CLBDEF double clb_paths_loss(clb_paths *paths)
{
    const clb_pass *first = &paths->pass[0];
    size_t p;
    for (p = 0; p < paths->count; ++p)
        (void)clb_forward(&paths->pass[p], paths->theta + paths->at[p]);
    clbi_paths_error(paths);
    return 0.5 * clb_sumsq(first->n * first->net->m[first->net->L], paths->error);
}

CLBDEF double clb_paths_grad(clb_paths *paths)
{
    double loss = clb_paths_loss(paths);
    size_t p;
    for (p = 0; p < paths->count; ++p)
        clb_backward(&paths->pass[p], paths->theta + paths->at[p], paths->error,
                     paths->grad + paths->at[p]);
    return loss;
}

CLBDEF clb_status clb_paths_train(clb_paths *paths, double eta, size_t T, clb_paths_fn observe,
                                  void *context, size_t *steps)
{
    size_t t;
    clb_status status = clb_path_step_check(eta);
    if (status) return status;
    for (t = 0;; ++t) {
        double loss = clb_paths_grad(paths);
        if (steps) *steps = t;
        if (!(loss < (double)INFINITY)) return CLB_EDIVERGED;
        if ((observe && observe(context, t, paths, loss)) || t == T) return CLB_OK;
        clb_axpy(paths->P, (clb_real)-eta, paths->grad, paths->theta);
    }
}

CLBDEF double clb_paths_coefficient(const clb_paths *paths, size_t p, const double *a,
                                    const double *b)
{
    const clb_pass *pass = &paths->pass[p];
    size_t i, k, K = pass->net->m[pass->net->L];
    const clb_real *f = pass->z[pass->net->L];
    double sum = 0;
    for (i = 0; i < pass->n; ++i) {
        double row = 0;
        for (k = 0; k < K; ++k) row += (double)f[i * K + k] * a[k];
        sum += row * b[i];
    }
    return sum;
}

CLBDEF void clb_paths_coefficients(const clb_paths *paths, size_t p, size_t d, const double *A,
                                   const double *B, double *C)
{
    const clb_pass *pass = &paths->pass[p];
    size_t i, j, h, k, K = pass->net->m[pass->net->L];
    const clb_real *f = pass->z[pass->net->L];
    memset(C, 0, d * d * sizeof *C);
    for (h = 0; h < pass->n; ++h)
        for (i = 0; i < d; ++i) {
            double row = 0;
            for (k = 0; k < K; ++k) row += (double)f[h * K + k] * A[k * d + i];
            for (j = 0; j < d; ++j) C[i * d + j] += row * B[h * d + j];
        }
}

static clb_status clbi_paths_curv_alloc(clb_paths *paths)
{
    size_t p;
    clb_status status = clbi_calloc(&paths->curv, paths->count, sizeof *paths->curv);
    for (p = 0; !status && p < paths->count; ++p)
        status = clb_curv_init(&paths->curv[p], &paths->pass[p]);
    if (!status) return CLB_OK;
    for (p = 0; paths->curv && p < paths->count; ++p) clb_curv_free(&paths->curv[p]);
    CLB_FREE(paths->curv);
    paths->curv = NULL;
    return status;
}

CLBDEF clb_status clb_paths_curve(clb_paths *paths)
{
    size_t p;
    clb_status status = paths->curv ? CLB_OK : clbi_paths_curv_alloc(paths);
    if (status) return status;
    clb_paths_grad(paths);
    for (p = 0; p < paths->count; ++p) {
        clb_curv *curv = &paths->curv[p];
        memcpy(curv->theta, paths->theta + paths->at[p], paths->net[p].P * sizeof *curv->theta);
        clbi_curv_slopes(curv, 0, curv->pass->n);
    }
    return CLB_OK;
}

CLBDEF void clb_paths_hvp(clb_paths *paths, const clb_real *v, clb_real *y)
{
    const clb_pass *first = &paths->pass[0];
    size_t i, p, count = first->n * first->net->m[first->net->L];
    CLB_ASSERT(paths->curv);
    for (p = 0; p < paths->count; ++p) clb_jvp(&paths->curv[p], v + paths->at[p]);
    for (i = 0; i < count; ++i) {  /* R u_L = R f, because the loss has S = I */
        clb_real sum = 0;
        for (p = 0; p < paths->count; ++p) sum += paths->curv[p].rz[paths->net[p].L][i];
        for (p = 0; p < paths->count; ++p) paths->curv[p].rz[paths->net[p].L][i] = sum;
    }
    for (p = 0; p < paths->count; ++p)
        clbi_curv_multiply(&paths->curv[p], v + paths->at[p], y + paths->at[p], CLBI_HESSIAN);
}

static void clbi_apply_paths(void *context, const clb_real *x, clb_real *y)
{
    clb_paths_hvp((clb_paths *)context, x, y);
}

CLBDEF clb_linop clb_paths_op(clb_paths *paths)
{
    clb_linop op;
    op.n = paths->P;
    op.apply = clbi_apply_paths;
    op.context = paths;
    return op;
}

CLBDEF void clb_paths_hessian(clb_paths *paths, clb_real *H)
{
    size_t i, N = paths->P;
    clb_real *unit = paths->grad;  /* work space: the products do not read it */
    memset(unit, 0, N * sizeof *unit);
    for (i = 0; i < N; ++i) {
        unit[i] = 1;
        clb_paths_hvp(paths, unit, H + i * N);
        unit[i] = 0;
    }
}

/* ============================================================================================
 * @S45 EDGE OF STABILITY
 * ========================================================================================== */

/* ---- two-point flow ---------------------------------------------------------------------- */

CLBDEF void clb_rod_opts_resolve(clb_rod_opts *opts)
{
    if (opts->beta == 0) opts->beta = 0.9;
    if (opts->optimizer == CLB_GD) opts->beta = 0;
    if (!opts->substeps) opts->substeps = 4;
    if (opts->floor == 0) opts->floor = sizeof(clb_real) == sizeof(double) ? 1e-5 : 1e-3;
}

#define CLBI_SUBSTEPS_MAX 1024

static clb_status clbi_rod_check(const clb_rod_opts *o, double eta)
{
    if (o->batch) return CLB_EMINIBATCH;
    if (!(eta > 0) || !(eta <= 1e300)) return CLB_ESTEP;
    if (!(o->ce >= 0 && o->ce <= 1)) return CLB_ELOSS;
    if (o->optimizer != CLB_GD && o->optimizer != CLB_HEAVY_BALL && o->optimizer != CLB_NESTEROV)
        return CLB_EOPTIMIZER;
    if (!(o->beta >= 0 && o->beta < 1)) return CLB_EMOMENTUM;
    if (o->substeps > CLBI_SUBSTEPS_MAX) return CLB_ECOUNT;
    if (!(o->tol >= 0) || !(o->floor > 0 && o->floor <= 1e300)) return CLB_ETOL;
    return CLB_OK;
}

/* Rows of rod->law, each with one number per neuron. SWING, FLOW and EULER are compensated sums: of
 * the swing part, of the flow part, and of the part that Euler steps add to C(c), which
 * clb_rod_drift.direct takes off; each is followed by its rounding error (LOW). E = c^T D p is kept
 * in two parts, E_SWING and E_FLOW, and E_EULER is E of Euler steps minus E of the flow. START and
 * START_D are c^T D c and d^T D d at the start. */
enum { CLBI_LAW_SWING, CLBI_LAW_SWING_LOW, CLBI_LAW_FLOW, CLBI_LAW_FLOW_LOW, CLBI_LAW_EULER,
       CLBI_LAW_EULER_LOW, CLBI_LAW_E_SWING, CLBI_LAW_E_FLOW, CLBI_LAW_E_EULER, CLBI_LAW_START,
       CLBI_LAW_START_D, CLBI_LAW_ROWS };

static double *clbi_rod_sums(const clb_rod *rod, int row)
{
    return rod->law + (size_t)row * clb_hidden_count(rod->net);
}

/* x^T D y, where D is the matrix of the charge of neuron j of hidden layer l. */
static double clbi_neuron_form(const clb_net *net, const clb_real *x, const clb_real *y, size_t l,
                               size_t j)
{
    return clb_degree(net) * clbi_column_dot(net->m[l + 1], net->m[l], x + net->w[l + 1], j,
                                             y + net->w[l + 1], j) -
           clbi_row_dot(net, x, y, l, j, j);
}

/* Adds x to the sum of neuron i in this row. The rounding error is added to the next
 * row (Kahan). */
static void clbi_rod_add(clb_rod *rod, int row, size_t i, double x)
{
    double *sum = &clbi_rod_sums(rod, row)[i], error;
    *sum = clbi_two_sum(*sum, x, &error);
    clbi_rod_sums(rod, row + 1)[i] += error;
}

static double clbi_rod_sum(const clb_rod *rod, int row, size_t i)
{
    return clbi_rod_sums(rod, row)[i] + clbi_rod_sums(rod, row + 1)[i];
}

static void clbi_rod_layout(clb_rod *rod, clbi_room *room)
{
    size_t i, P = rod->net->P;
    rod->law = clbi_doubles(room, CLBI_LAW_ROWS, clb_hidden_count(rod->net));
    rod->c = clbi_reals(room, P, 1);
    rod->d = clbi_reals(room, P, 1);
    for (i = 0; i < 2; ++i) rod->point[i] = clbi_reals(room, P, 1);
    for (i = 0; i < 2; ++i) rod->grad[i] = clbi_reals(room, P, 1);
    rod->rate_c = clbi_reals(room, P, 1);
    rod->rate_d = clbi_reals(room, P, 1);
    if (!(rod->opts.beta > 0)) return;
    rod->p = clbi_reals(room, P, 1);
    rod->q = clbi_reals(room, P, 1);
}

/* What computes the gradient at point i. One does for both, unless each has a thread. */
static clbi_blocks *clbi_rod_blocks(const clb_rod *rod, size_t i)
{
    return (clbi_blocks *)rod->blocks + (rod->opts.threads > 1 ? i : 0);
}

static clb_status clbi_rod_alloc(clb_rod *rod, const clb_data *data)
{
    clbi_room room = CLB_ZERO;
    clb_status status = clb_pass_init(&rod->pass, rod->net, data, rod->opts.ce);
    size_t i, count = rod->opts.threads > 1 ? 2 : 1;
    if (!status) status = clbi_calloc(&rod->blocks, 2, sizeof(clbi_blocks));
    for (i = 0; i < count && !status; ++i)
        status = clbi_blocks_init(clbi_rod_blocks(rod, i), rod->net, data, rod->opts.ce);
    if (status) return status;
    clbi_rod_layout(rod, &room);
    if ((status = clbi_room_calloc(&room, &rod->arena)) != CLB_OK) return status;
    clbi_rod_layout(rod, &room);
    return CLB_OK;
}

/* Scales d up so that |d| >= floor. If d is zero it takes the direction of the gradient; if that is
 * zero too, d stays zero. */
static void clbi_rod_floor(clb_rod *rod)
{
    size_t P = rod->net->P;
    double size = clbi_sqrt(clb_sumsq(P, rod->d));
    if (size == 0) {
        memcpy(rod->d, rod->grad[0], P * sizeof *rod->d);
        size = clbi_sqrt(clb_sumsq(P, rod->d));
    }
    if (size > 0 && size < rod->opts.floor)
        clb_scale(P, (clb_real)(rod->opts.floor / size), rod->d);
}

/* Computes both points, their gradients, and the averages over the two points. */
static clb_status clbi_rod_evaluate(clb_rod *rod)
{
    size_t j, P = rod->net->P;
    double db, loss[2];
    int i;
    for (j = 0; j < P; ++j) {
        rod->point[0][j] = rod->c[j] + rod->d[j];
        rod->point[1][j] = rod->c[j] - rod->d[j];
    }
#ifdef _OPENMP
#pragma omp parallel for num_threads(2) if (rod->opts.threads > 1)
#endif
    for (i = 0; i < 2; ++i)
        loss[i] = clbi_blocks_grad(clbi_rod_blocks(rod, (size_t)i), rod->point[i], rod->grad[i]);
    db = 0.5 * (clb_dot(P, rod->d, rod->grad[0]) - clb_dot(P, rod->d, rod->grad[1]));
    rod->radius = clbi_sqrt(clb_sumsq(P, rod->d));
    rod->sharpness = db / (rod->radius * rod->radius);
    rod->loss = 0.5 * (loss[0] + loss[1]);
    return rod->loss - rod->loss == 0 ? CLB_OK : CLB_EDIVERGED;
}

/* p and q from the velocities V_t = p + q and V_{t+1} = p - q of the step from theta to second. */
static void clbi_rod_velocity(clb_rod *rod, const clb_real *theta)
{
    size_t j, P = rod->net->P;
    double beta = rod->opts.beta;
    for (j = 0; j < P; ++j) {
        double g = (double)rod->grad[0][j];
        double step = ((double)theta[j] - (double)rod->opts.second[j]) / rod->eta;
        double after = rod->opts.optimizer == CLB_NESTEROV ? (step - g) / beta : step;
        double before = (after - g) / beta;
        rod->p[j] = (clb_real)(0.5 * (before + after));
        rod->q[j] = (clb_real)(0.5 * (before - after));
    }
}

/* c and d, p and q if there is momentum, and the charges at the start. */
static clb_status clbi_rod_start(clb_rod *rod, const clb_real *theta)
{
    const clb_net *net = rod->net;
    const clb_real *second = rod->opts.second;
    size_t j, l, i, P = net->P;
    double loss = clbi_blocks_grad(clbi_rod_blocks(rod, 0), theta, rod->grad[0]);
    if (!(loss - loss == 0)) return CLB_EDIVERGED;
    for (j = 0; j < P; ++j) {
        rod->c[j] = second ? (clb_real)0.5 * (theta[j] + second[j]) : theta[j];
        rod->d[j] = (clb_real)0.5 * (second ? theta[j] - second[j]
                                            : (clb_real)rod->eta * rod->grad[0][j]);
    }
    if (second && rod->p) clbi_rod_velocity(rod, theta);
    for (l = 1, i = 0; l < net->L; ++l)
        for (j = 0; j < net->m[l]; ++j, ++i) {
            clbi_rod_sums(rod, CLBI_LAW_START)[i] = clbi_neuron_form(net, rod->c, rod->c, l, j);
            if (second) clbi_rod_sums(rod, CLBI_LAW_START_D)[i] =
                            clbi_neuron_form(net, rod->d, rod->d, l, j);
            if (rod->p) clbi_rod_sums(rod, CLBI_LAW_E_FLOW)[i] =
                            clbi_neuron_form(net, rod->c, rod->p, l, j);
        }
    clbi_rod_floor(rod);
    return clbi_rod_evaluate(rod);
}

CLBDEF clb_status clb_rod_init(clb_rod *rod, const clb_net *net, const clb_data *data, double eta,
                               const clb_real *theta, const clb_rod_opts *opts)
{
    static const clb_rod_opts defaults = CLB_ZERO;
    clb_status status;
    memset(rod, 0, sizeof *rod);
    rod->net = net;
    rod->opts = opts ? *opts : defaults;
    rod->eta = eta;
    clb_rod_opts_resolve(&rod->opts);
    rod->substeps = rod->opts.substeps;
    status = clbi_rod_check(&rod->opts, eta);
    if (!status) status = clbi_rod_alloc(rod, data);
    if (!status) status = clbi_rod_start(rod, theta ? theta : net->theta);
    rod->opts.second = NULL;                                    /* belongs to the caller  */
    if (status) clb_rod_free(rod);
    return status;
}

CLBDEF void clb_rod_free(clb_rod *rod)
{
    size_t i;
    clb_pass_free(&rod->pass);
    for (i = 0; rod->blocks && i < 2; ++i) clbi_blocks_free((clbi_blocks *)rod->blocks + i);
    CLB_FREE(rod->blocks);
    CLB_FREE(rod->arena);
    memset(rod, 0, sizeof *rod);
}

/* Advances the sums of neuron i over a substep h. The arguments are forms x^T D y of this neuron:
 * db = d^T D b, uu = u^T D u, up = u^T D p', uw = u^T D (p' - p). c^T D u = ka c^T D a + kp E. */
static void clbi_rod_law(clb_rod *rod, double h, size_t i, double db, double uu, double up,
                         double uw)
{
    double eta = rod->eta, beta = rod->opts.beta;
    int nesterov = rod->opts.optimizer == CLB_NESTEROV;
    double ka = nesterov ? 1 + beta : 1, kp = nesterov ? beta * beta : beta;
    double *E_swing = &clbi_rod_sums(rod, CLBI_LAW_E_SWING)[i];
    double *E_flow = &clbi_rod_sums(rod, CLBI_LAW_E_FLOW)[i];
    double *E_euler = &clbi_rod_sums(rod, CLBI_LAW_E_EULER)[i];
    clbi_rod_add(rod, CLBI_LAW_SWING, i, h * (-2 * eta) * (kp * *E_swing - ka * db));
    clbi_rod_add(rod, CLBI_LAW_FLOW, i, h * (-2 * eta * kp * *E_flow + eta * eta * uu));
    clbi_rod_add(rod, CLBI_LAW_EULER, i,
                 h * (-2 * eta * kp * *E_euler + (1 - h) * (eta * eta) * uu));
    if (beta == 0) return;
    *E_swing += h * ((beta - 1) * *E_swing - db);
    *E_flow += h * ((beta - 1) * *E_flow - eta * up);
    *E_euler += h * ((beta - 1) * *E_euler - (1 - h) * eta * uw);
}

/* Advances the charges over the substep that follows, with the vectors that
 * clbi_rod_rates stored. */
static void clbi_rod_laws(clb_rod *rod, double h)
{
    const clb_net *net = rod->net;
    const clb_real *u = rod->point[0], *b = rod->point[1];
    size_t l, j, i = 0;
    for (l = 1; l < net->L; ++l)
        for (j = 0; j < net->m[l]; ++j, ++i) {
            double up = rod->p ? clbi_neuron_form(net, u, rod->grad[0], l, j) : 0;
            double uw = rod->p ? clbi_neuron_form(net, u, rod->grad[1], l, j) : 0;
            clbi_rod_law(rod, h, i, clbi_neuron_form(net, rod->d, b, l, j),
                         clbi_neuron_form(net, u, u, l, j), up, uw);
        }
}

/* Computes the right-hand side into rate_c and rate_d and returns the squared norm of its change.
 * Points and gradients are overwritten: point = u and b, grad = p' and p' - p. q is
 * advanced by h. */
static double clbi_rod_rates(clb_rod *rod, double h)
{
    size_t j, P = rod->net->P;
    int nesterov = rod->opts.optimizer == CLB_NESTEROV;
    clb_real eta = (clb_real)rod->eta, beta = (clb_real)rod->opts.beta, step = (clb_real)h;
    double change = 0;
    for (j = 0; j < P; ++j) {
        clb_real a = (clb_real)0.5 * (rod->grad[0][j] + rod->grad[1][j]), u = a;
        clb_real b = (clb_real)0.5 * (rod->grad[0][j] - rod->grad[1][j]), v = b, rc, rd;
        rod->point[1][j] = b;
        if (rod->p) {
            clb_real p = beta * rod->p[j] + a, q = -(beta * rod->q[j]) - b;
            rod->grad[0][j] = p;
            rod->grad[1][j] = p - rod->p[j];
            rod->q[j] += step * (q - rod->q[j]);
            u = nesterov ? a + beta * p : p;
            v = nesterov ? b - beta * q : -q;
        }
        rod->point[0][j] = u;
        rc = -eta * u;
        rd = eta * v - 2 * rod->d[j];
        change += (double)((rc - rod->rate_c[j]) * (rc - rod->rate_c[j])) +
                  (double)((rd - rod->rate_d[j]) * (rd - rod->rate_d[j]));
        rod->rate_c[j] = rc;
        rod->rate_d[j] = rd;
    }
    return change;
}

static clb_status clbi_rod_substep(clb_rod *rod, double h, int first)
{
    size_t P = rod->net->P;
    double error = 0.5 * h * clbi_sqrt(clbi_rod_rates(rod, h)) / rod->radius;
    if (!first && !(error <= rod->substep_error)) rod->substep_error = error;
    clbi_rod_laws(rod, h);
    clb_axpy(P, (clb_real)h, rod->rate_c, rod->c);
    clb_axpy(P, (clb_real)h, rod->rate_d, rod->d);
    if (rod->p) clb_axpy(P, (clb_real)h, rod->grad[1], rod->p);
    clbi_rod_floor(rod);
    return clbi_rod_evaluate(rod);
}

CLBDEF clb_status clb_rod_step(clb_rod *rod)
{
    size_t i, k = rod->substeps;
    clb_status status = CLB_OK;
    rod->substep_error = 0;
    for (i = 0; i < k && !status; ++i)
        status = clbi_rod_substep(rod, 1 / (double)k, rod->t == 0 && i == 0);
    if (status) return status;
    ++rod->t;
    if (rod->opts.tol == 0) return CLB_OK;
    if (rod->substep_error > rod->opts.tol && k < CLBI_SUBSTEPS_MAX) rod->substeps = 2 * k;
    else if (rod->substep_error < rod->opts.tol / 8 && k > rod->opts.substeps)
        rod->substeps = k / 2;
    return CLB_OK;
}

static int clbi_rod_due(const clb_observer *observer, size_t t, size_t T)
{
    size_t next = 0;
    return t == T || clbi_observer_due(observer, t, &next);
}

static clb_verdict clbi_rod_observe(clb_rod *rod, size_t T, const clb_observer *observers,
                                    size_t count)
{
    clb_verdict verdict = CLB_CONTINUE;
    clb_net net = *rod->net;
    clb_state state;
    size_t i, j;
    for (i = 0; i < count && !clbi_rod_due(&observers[i], rod->t, T); ++i) {}
    if (i == count) return verdict;
    memset(&state, 0, sizeof state);
    net.theta = rod->c;
    state.t = rod->t;
    state.time = rod->eta * (double)rod->t;
    state.net = &net;
    state.pass = &rod->pass;
    state.grad = rod->point[0];  /* the next substep computes the points again */
    state.loss = rod->loss;
    clb_grad(&rod->pass, rod->c, rod->point[0]);
    for (j = 0; j < net.P; ++j)
        rod->point[0][j] = (clb_real)0.5 * (rod->grad[0][j] + rod->grad[1][j]);
    for (; i < count; ++i)
        if (clbi_rod_due(&observers[i], rod->t, T) &&
            observers[i].call(observers[i].context, &state) == CLB_STOP) verdict = CLB_STOP;
    for (j = 0; j < net.P; ++j) rod->point[0][j] = rod->c[j] + rod->d[j];
    return verdict;
}

CLBDEF clb_status clb_rod_run(clb_rod *rod, size_t T, const clb_observer *observers, size_t count)
{
    clb_status status = CLB_OK;
    while (!status && clbi_rod_observe(rod, T, observers, count) != CLB_STOP && rod->t < T)
        status = clb_rod_step(rod);
    return status;
}

CLBDEF clb_rod_drift clb_rod_neuron(const clb_rod *rod, size_t l, size_t j)
{
    const clb_net *net = rod->net;
    clb_rod_drift out;
    size_t i = j, k;
    CLB_ASSERT(l >= 1 && l < net->L && j < net->m[l]);
    for (k = 1; k < l; ++k) i += net->m[k];
    out.swing = clbi_rod_sum(rod, CLBI_LAW_SWING, i);
    out.flow = clbi_rod_sum(rod, CLBI_LAW_FLOW, i);
    out.drift = out.swing + out.flow;
    out.iterates = out.drift + clbi_neuron_form(net, rod->d, rod->d, l, j) -
                   clbi_rod_sums(rod, CLBI_LAW_START_D)[i];
    out.direct = clbi_neuron_form(net, rod->c, rod->c, l, j) -
                 clbi_rod_sums(rod, CLBI_LAW_START)[i] + clbi_rod_sum(rod, CLBI_LAW_EULER, i);
    return out;
}

CLBDEF clb_rod_drift clb_rod_charge(const clb_rod *rod, size_t l)
{
    clb_rod_drift sum = CLB_ZERO;
    size_t j;
    for (j = 0; j < rod->net->m[l]; ++j) {
        clb_rod_drift one = clb_rod_neuron(rod, l, j);
        sum.swing += one.swing;
        sum.flow += one.flow;
        sum.iterates += one.iterates;
        sum.direct += one.direct;
    }
    sum.drift = sum.swing + sum.flow;
    return sum;
}

CLBDEF double clb_two_point_residual(const clb_net *net, const clb_real *const theta[2],
                                     const clb_real *const grad[2], size_t l)
{
    double k = clb_degree(net), difference = 0, size = 1e-300;
    size_t i, layer, ends[4];
    CLB_ASSERT(l >= 1 && l < net->L);
    if (k != k) k = 1;
    for (layer = l; layer <= l + 1; ++layer) {   /* weights of l and l + 1, bias of l */
        double D = layer == l ? -1 : k;
        size_t part, parts = layer == l && net->b[l] != CLB_NO_BIAS ? 2 : 1;
        ends[0] = net->w[layer], ends[1] = ends[0] + clb_layer_size(net, layer);
        ends[2] = parts == 2 ? net->b[l] : 0, ends[3] = ends[2] + net->m[l];
        for (part = 0; part < parts; ++part)
            for (i = ends[2 * part]; i < ends[2 * part + 1]; ++i) {
                double c = 0.5 * ((double)theta[0][i] + (double)theta[1][i]);
                double d = 0.5 * ((double)theta[0][i] - (double)theta[1][i]);
                double sum = (double)grad[0][i] + (double)grad[1][i];
                double gap = (double)grad[0][i] - (double)grad[1][i];
                difference += D * (c * sum + d * gap);
                size += fabs(D) * (fabs(c * sum) + fabs(d * gap));
            }
    }
    return fabs(difference) / size;
}

/* ---- prediction in one call ---------------------------------------------------------------- */

static void clbi_edge_layout(clb_edge *edge, clbi_room *room)
{
    const double none = (double)NAN;
    size_t L = edge->L, ends = edge->T < (size_t)-1 ? edge->T + 1 : edge->T;
    edge->drift = clbi_filled(room, L, 1, none);
    edge->swing = clbi_filled(room, L, 1, none);
    edge->halved = clbi_filled(room, L, 1, none);
    edge->neuron = clbi_filled(room, edge->hidden, 1, none);
    edge->neuron_halved = clbi_filled(room, edge->hidden, 1, none);
    edge->loss = clbi_filled(room, ends, 1, none);
    edge->sharpness = clbi_filled(room, ends, 1, none);
    edge->radius = clbi_filled(room, ends, 1, none);
}

static clb_status clbi_edge_alloc(clb_edge *edge, const clb_net *net, size_t T)
{
    clbi_room room = CLB_ZERO;
    clb_status status;
    edge->L = net->L;
    edge->hidden = clb_hidden_count(net);
    edge->T = T;
    clbi_edge_layout(edge, &room);
    if ((status = clbi_room_alloc(&room, &edge->arena)) != CLB_OK) return status;
    clbi_edge_layout(edge, &room);
    return CLB_OK;
}

CLBDEF void clb_edge_free(clb_edge *edge)
{
    CLB_FREE(edge->arena);
    memset(edge, 0, sizeof *edge);
}

/* Runs T steps. The time series is stored only from the run with whole substeps. */
static clb_status clbi_edge_run(clb_rod *rod, size_t T, clb_edge *edge, int halved)
{
    double error = 0, total = 1e-300;
    size_t l, j, i = 0;
    clb_status status = CLB_OK;
    while (!status) {
        if (!halved) {
            edge->loss[rod->t] = rod->loss;
            edge->sharpness[rod->t] = rod->sharpness;
            edge->radius[rod->t] = rod->radius;
        }
        if (rod->t == T) break;
        status = clb_rod_step(rod);
    }
    if (!halved) edge->steps = rod->t;
    for (l = 1; l < edge->L; ++l) {
        clb_rod_drift charge = clb_rod_charge(rod, l);
        (halved ? edge->halved : edge->drift)[l - 1] = charge.drift;
        if (!halved) edge->swing[l - 1] = charge.swing;
        error = fabs(charge.drift - charge.direct) > error ? fabs(charge.drift - charge.direct)
                                                           : error;
        total += fabs(charge.drift);
        for (j = 0; j < rod->net->m[l]; ++j, ++i)
            (halved ? edge->neuron_halved : edge->neuron)[i] = clb_rod_neuron(rod, l, j).drift;
    }
    if (!halved) edge->route_error = error / total;
    return status;
}

CLBDEF clb_status clb_edge_predict(const clb_net *net, const clb_data *data, double eta, size_t T,
                                   const clb_rod_opts *opts, int no_halving, clb_edge *edge)
{
    static const clb_rod_opts defaults = CLB_ZERO;
    clb_rod_opts o = opts ? *opts : defaults;
    clb_status status;
    clb_rod rod;
    int halved;
    memset(edge, 0, sizeof *edge);
    if ((status = clbi_edge_alloc(edge, net, T)) != CLB_OK) return status;
    clb_rod_opts_resolve(&o);
    for (halved = 0; halved <= !no_halving && !status; ++halved) {
        if (halved) o.substeps *= 2;
        if ((status = clb_rod_init(&rod, net, data, eta, NULL, &o)) != CLB_OK) break;
        status = clbi_edge_run(&rod, T, edge, halved);
        clb_rod_free(&rod);
    }
    if (status && status != CLB_EDIVERGED) clb_edge_free(edge);
    return status;
}

/* ---- sharpness without a Hessian, sharpness for other optimisers ----------------------------- */

CLBDEF double clb_stability_threshold(clb_optimizer optimizer, double eta, double beta)
{
    switch (optimizer) {
    case CLB_GD:         return 2 / eta;
    case CLB_HEAVY_BALL: return 2 * (1 + beta) / eta;
    case CLB_NESTEROV:   return 2 * (1 + beta) / ((1 + 2 * beta) * eta);
    case CLB_ADAM:       return 2 * (1 + beta) / ((1 - beta) * eta);
    case CLB_OPTIMIZER_COUNT: break;
    }
    return (double)NAN;
}

CLBDEF clb_status clb_precond_init(clb_precond *pre, const clb_linop *A, const clb_real *diagonal)
{
    size_t j, reals;
    clb_status status;
    memset(pre, 0, sizeof *pre);
    if (!clbi_mul_size(A->n, 2, &reals)) return CLB_ESIZE;
    for (j = 0; j < A->n; ++j)
        if (!(diagonal[j] > 0) || !(diagonal[j] - diagonal[j] == 0)) return CLB_ESCALE;
    if ((status = clbi_alloc(&pre->scale, reals, sizeof(clb_real))) != CLB_OK) return status;
    pre->A = *A;
    pre->x = pre->scale + A->n;
    for (j = 0; j < A->n; ++j) pre->scale[j] = (clb_real)(1 / clbi_sqrt((double)diagonal[j]));
    return CLB_OK;
}

CLBDEF void clb_precond_free(clb_precond *pre)
{
    CLB_FREE(pre->scale);
    memset(pre, 0, sizeof *pre);
}

static void clbi_apply_precond(void *context, const clb_real *x, clb_real *y)
{
    clb_precond *pre = (clb_precond *)context;
    size_t j;
    for (j = 0; j < pre->A.n; ++j) pre->x[j] = pre->scale[j] * x[j];
    pre->A.apply(pre->A.context, pre->x, y);
    for (j = 0; j < pre->A.n; ++j) y[j] *= pre->scale[j];
}

CLBDEF clb_linop clb_precond_op(clb_precond *pre)
{
    clb_linop op;
    op.n = pre->A.n;
    op.apply = clbi_apply_precond;
    op.context = pre;
    return op;
}

CLBDEF void clb_adam_diagonal(size_t n, const clb_real *v, size_t t, double beta1, double beta2,
                              double eps, clb_real *out)
{
    double first = t ? 1 - clb_pow(beta1, (double)t) : 1;
    double second = t ? 1 - clb_pow(beta2, (double)t) : 1;
    size_t j;
    for (j = 0; j < n; ++j) out[j] = (clb_real)(first * (clbi_sqrt((double)v[j] / second) + eps));
}

/* Is the loss after a step of size s above the limit? NaN counts as above. */
static int clbi_loss_above(clb_pass *pass, const clb_real *theta, const clb_real *direction,
                           double s, double limit, clb_real *scratch)
{
    memcpy(scratch, theta, pass->net->P * sizeof *theta);
    clb_axpy(pass->net->P, (clb_real)-s, direction, scratch);
    return !(clb_loss(pass, scratch) <= limit);
}

CLBDEF clb_critical clb_critical_sharpness(clb_pass *pass, const clb_real *theta,
                                           const clb_real *direction, double guess, double tol,
                                           clb_real *scratch)
{
    clb_critical out = CLB_ZERO;
    double lo = 0, hi = 0, s = guess > 0 ? guess : 1, limit;
    if (!theta) theta = pass->net->theta;
    if (!(tol > 0)) tol = 1e-3;
    limit = clb_loss(pass, theta);
    out.losses = 1;
    while (lo == 0 || hi == 0) {  /* factors of two until s is bracketed */
        if (s > 1e30 || s < 1e-30) break;
        ++out.losses;
        if (clbi_loss_above(pass, theta, direction, s, limit, scratch)) hi = s, s = 0.5 * s;
        else lo = s, s = 2 * s;
    }
    while (lo > 0 && hi > 0 && hi - lo > tol * hi) {
        double middle = 0.5 * (lo + hi);
        ++out.losses;
        if (clbi_loss_above(pass, theta, direction, middle, limit, scratch)) hi = middle;
        else lo = middle;
    }
    out.step = hi == 0 ? (double)INFINITY : lo == 0 ? 0 : 0.5 * (lo + hi);
    out.sharpness = 2 / out.step;
    return out;
}

CLBDEF double clb_step_sharpness(clb_curv *curv, clb_real *scratch)
{
    size_t P = curv->pass->net->P;
    clb_hvp(curv, curv->grad, scratch);
    return clb_dot(P, curv->grad, scratch) / clb_sumsq(P, curv->grad);
}

/* The ratio of the sums of top and bottom [count], and its standard error (delta method). */
static void clbi_ratio(size_t count, const double *top, const double *bottom, clb_estimate *out)
{
    double a = 0, b = 0, spread = 0, half;
    size_t i;
    for (i = 0; i < count; ++i) a += top[i], b += bottom[i];
    out->mean = a / b;
    for (i = 0; i < count; ++i) {
        double r = top[i] - out->mean * bottom[i];
        spread += r * r;
    }
    out->stderr_mean = clbi_sqrt(spread * (double)count / (double)(count - 1)) / b;
    half = clbi_student95(count - 1) * out->stderr_mean;
    out->lower = out->mean - half;
    out->upper = out->mean + half;
    out->samples = count;
}

CLBDEF clb_status clb_batch_sharpness(clb_curv *curv, size_t batch, size_t count, clb_rng *rng,
                                      clb_estimate *out)
{
    clb_pass *pass = curv->pass;
    size_t i, n = pass->data->n, P = pass->net->P, doubles;
    double *top;
    uint32_t *order;
    clb_real *y;
    clb_status status;
    if (batch < 1 || batch > n) return CLB_EROW;
    if (count < 2) return CLB_ECOUNT;
    if (!clbi_mul_size(count, 2, &doubles)) return CLB_ESIZE;
    if ((status = clbi_alloc(&top, doubles, sizeof *top)) != CLB_OK) return status;
    if ((status = clbi_alloc(&order, n, sizeof *order)) != CLB_OK) return CLB_FREE(top), status;
    if ((status = clbi_alloc(&y, P, sizeof *y)) != CLB_OK)
        return CLB_FREE(order), CLB_FREE(top), status;
    for (i = 0; i < count && !status; ++i) {
        clb_rng_permutation(rng, n, order);
        if ((status = clb_pass_batch(pass, order, batch)) != CLB_OK) break;
        clb_curv_at(curv, curv->theta);
        clb_hvp(curv, curv->grad, y);
        top[i] = clb_dot(P, curv->grad, y);
        top[count + i] = clb_sumsq(P, curv->grad);
    }
    if (!status) clbi_ratio(count, top, top + count, out);
    clb_pass_batch(pass, NULL, 0);
    clb_curv_at(curv, curv->theta);
    CLB_FREE(y);
    CLB_FREE(order);
    CLB_FREE(top);
    return status;
}

/* ---- certified eigenvalues ------------------------------------------------------------------- */

/* x.y computed as in twice the working precision, then rounded once (Ogita, Rump and Oishi). */
static double clbi_dot2(size_t n, const clb_real *x, const clb_real *y)
{
    double sum = 0, low = 0;
    size_t i;
    for (i = 0; i < n; ++i) {
        double e, f, product = clbi_two_prod((double)x[i], (double)y[i], &e);
        sum = clbi_two_sum(sum, product, &f);
        low += e + f;
    }
    return sum + low;
}

#define CLBI_ROUNDOFF (0.5 * CLBI_EPSILON)
#define CLBI_INERTIA_BLOCK ((size_t)48)

/* Cholesky factor of -M in the lower triangle of M, by blocks of columns. Returns 0 if a pivot is
 * not positive. Each block's part of a sum is computed separately in block [n][CLBI_INERTIA_BLOCK],
 * so that an entry takes CLBI_INERTIA_BLOCK + n/CLBI_INERTIA_BLOCK roundings instead of n. */
static int clbi_cholesky_negative(size_t n, clb_real *M, clb_real *block)
{
    size_t j0, k0, j, i, width;
    for (j0 = 0; j0 < n; j0 += width) {
        width = n - j0 < CLBI_INERTIA_BLOCK ? n - j0 : CLBI_INERTIA_BLOCK;
        for (k0 = 0; k0 < j0; k0 += CLBI_INERTIA_BLOCK) {
            clb_matmul_nt(n - j0, width, CLBI_INERTIA_BLOCK, M + j0 * n + k0, n, M + j0 * n + k0, n,
                          block, width);
            for (i = j0; i < n; ++i)
                for (j = 0; j < width; ++j) M[i * n + j0 + j] += block[(i - j0) * width + j];
        }
        for (j = j0; j < j0 + width; ++j) {
            clb_real *row = M + j * n, pivot;
            pivot = -(row[j] + (clb_real)clb_sumsq(j - j0, row + j0));
            if (!(pivot > 0)) return 0;
            row[j] = (clb_real)clbi_sqrt((double)pivot);
            for (i = j + 1; i < n; ++i) {
                clb_real *other = M + i * n;
                other[j] = -(other[j] + (clb_real)clb_dot(j - j0, row + j0, other + j0)) / row[j];
            }
        }
    }
    return 1;
}

/* A bound on the norm of |L| |L|^T, L in the lower triangle: max_i (|L| |L|^T x)_i/x_i, where x
 * comes from a few steps of power iteration. work: 3 n. */
static double clbi_factor_norm(size_t n, const clb_real *L, double *work)
{
    double *x = work, *y = x + n, *z = y + n, best = (double)INFINITY;
    size_t i, j;
    int step;
    for (i = 0; i < n; ++i) x[i] = 1;
    for (step = 0; step < 4; ++step) {
        double worst = 0, top = 0;
        for (j = 0; j < n; ++j) y[j] = 0;
        for (i = 0; i < n; ++i)
            for (j = 0; j <= i; ++j) y[j] += fabs((double)L[i * n + j]) * x[i];
        for (i = 0; i < n; ++i) {
            for (j = 0, z[i] = 0; j <= i; ++j) z[i] += fabs((double)L[i * n + j]) * y[j];
            if (!(z[i] / x[i] <= worst)) worst = z[i] / x[i];
            if (z[i] > top) top = z[i];
        }
        if (worst < best) best = worst;
        for (i = 0; i < n; ++i) x[i] = z[i] / top + 1e-3 * x[i];
    }
    return best;
}

/* The state of clb_certify. A is scaled so that its largest entry is below one. */
typedef struct clbi_certify {
    size_t    n, k, have;       /* have: k + 1, or k if k = n               */
    clb_real *A, *M, *V;        /* [n][n] symmetric; [n][n] work; [have][n] vectors in rows */
    double   *theta;            /* [have] */
    double   *lower;            /* [k] lower ends */
    double   *work;             /* [3][n] */
    clb_real *Av;               /* [k][n] products A v_j */
    clb_real *block;            /* [n][CLBI_INERTIA_BLOCK] */
    double    frobenius;        /* bound on |A|; for an operator, on |A v| */
    double    noise;            /* bound on the error of a product A v */
    double    B, F, R;          /* bounds on |B - Theta|, |F| and |R| */
} clbi_certify;

/* A v_j for a stored matrix, each entry rounded once. */
static void clbi_certify_products(clbi_certify *s)
{
    size_t i, j, n = s->n;
    for (j = 0; j < s->k; ++j)
        for (i = 0; i < n; ++i)
            s->Av[j * n + i] = (clb_real)clbi_dot2(n, s->A + i * n, s->V + j * n);
    s->noise = 2 * CLBI_ROUNDOFF * s->frobenius;
}

/* Bounds the norms of B - Theta, F and R over the first k vectors, and computes the lower ends. */
static void clbi_certify_lower(clbi_certify *s)
{
    const double u = 1.2e-16 + CLBI_ROUNDOFF;
    size_t i, j, n = s->n;
    double B = 0, F = 0, R = 0, noise = 4 * u * s->frobenius + s->noise;
    for (j = 0; j < s->k; ++j) {
        const clb_real *v = s->V + j * n, *Av = s->Av + j * n;
        double r = 0, e, f, b, low;
        for (i = 0; i < n; ++i) {
            double x = (double)Av[i] - s->theta[j] * (double)v[i];
            r += x * x;
        }
        R += r;
        for (i = 0; i <= j; ++i) {
            b = clbi_dot2(n, s->V + i * n, Av) - (i == j ? s->theta[j] : 0);
            f = clbi_dot2(n, s->V + i * n, v) - (i == j ? 1 : 0);
            B += (i == j ? 1 : 2) * (b * b);
            F += (i == j ? 1 : 2) * (f * f);
        }
        e = 1.01 * (clbi_sqrt(B) + noise * (double)(j + 1));
        f = 1.01 * (clbi_sqrt(F) + 4 * u * (double)(j + 1));
        low = s->theta[j] - e;
        s->lower[j] = low >= 0 ? low / (1 + f) : low / (1 - f);
        s->B = e;
        s->F = f;
        s->R = 1.01 * (clbi_sqrt(R) + noise * (double)(j + 1) + 4 * f * s->frobenius);
    }
}

/* Tries to prove that M = A - sigma - sum_j (theta_j - tau) v_j v_j^T has no eigenvalue above c.
 * Returns sigma + c, or infinity if there is no proof. */
static double clbi_certify_rest(clbi_certify *s, double sigma, double tau)
{
    const double u = CLBI_ROUNDOFF;
    size_t i, j, n = s->n;
    double terms = (double)(CLBI_INERTIA_BLOCK + 2 * (n / CLBI_INERTIA_BLOCK) + 10), w = 0, formed;
    memcpy(s->M, s->A, n * n * sizeof *s->M);
    for (i = 0; i < n; ++i) s->M[i * n + i] -= (clb_real)sigma;
    for (j = 0; j < s->k; ++j) {
        clb_real weight = (clb_real)(s->theta[j] - tau);
        const clb_real *v = s->V + j * n;
        w += (double)weight;
        for (i = 0; i < n; ++i) clb_axpy(i + 1, -weight * v[i], v, s->M + i * n);
    }
    formed = 1.02 * ((double)s->k + 4) * u * (s->frobenius + fabs(sigma) + w * (1 + s->F));
    if (!clbi_cholesky_negative(n, s->M, s->block)) return (double)INFINITY;
    return sigma + 1.02 * terms * u * clbi_factor_norm(n, s->M, s->work) + formed;
}

/* Computes the upper ends for the scaled matrix. Returns rest. */
static double clbi_certify_upper(clbi_certify *s, double *upper)
{
    size_t j, k = s->k, tries;
    double last = s->theta[k - 1], margin = 64 * CLBI_ROUNDOFF * s->frobenius;
    double rest = (double)INFINITY;
    double gap = s->have > k ? last - s->theta[k] : 0, in_B = s->B + 4 * s->F * s->frobenius;
    if (s->frobenius == 0) {                                                    /* a zero matrix */
        for (j = 0; j < k; ++j) upper[j] = 0;
        return 0;
    }
    if (gap > 8 * margin) {
        rest = clbi_certify_rest(s, last - 0.5 * gap, last - gap);
        for (j = 0; j < k; ++j) {
            double apart = s->lower[j] - rest;
            upper[j] = apart > 0 ? s->theta[j] + in_B + 1.01 * s->R * s->R / apart
                                 : (double)INFINITY;
        }
        if (s->lower[k - 1] > rest) return rest;
    }
    for (tries = 0; tries < 8; ++tries, margin *= 8) {
        rest = clbi_certify_rest(s, last + margin, last);
        if (rest < (double)INFINITY) break;
    }
    for (j = 0; j < k; ++j) upper[j] = rest + (s->theta[j] - last) * (1 + 1.01 * s->F);
    return rest;
}

static void clbi_certificate_layout(clb_certificate *out, size_t k, clbi_room *room)
{
    out->value = clbi_doubles(room, k, 1);
    out->lower = clbi_doubles(room, k, 1);
    out->upper = clbi_filled(room, k, 1, (double)INFINITY);
}

static clb_status clbi_certificate_alloc(clb_certificate *out, size_t n, size_t k)
{
    clbi_room room = CLB_ZERO;
    clb_status status;
    memset(out, 0, sizeof *out);
    if (k < 1 || k > n) return CLB_ECOUNT;
    clbi_certificate_layout(out, k, &room);
    if ((status = clbi_room_alloc(&room, &out->arena)) != CLB_OK) return status;
    clbi_certificate_layout(out, k, &room);
    out->n = n;
    out->k = k;
    out->rest = (double)INFINITY;
    return CLB_OK;
}

CLBDEF void clb_certificate_free(clb_certificate *certificate)
{
    CLB_FREE(certificate->arena);
    memset(certificate, 0, sizeof *certificate);
}

CLBDEF clb_answer clb_certified_above(const clb_certificate *certificate, double x)
{
    if (certificate->lower[0] > x) return CLB_YES;
    return certificate->complete && certificate->upper[0] <= x ? CLB_NO : CLB_UNDECIDED;
}

/* The k + 1 largest eigenpairs into theta and V, in descending order. */
static clb_status clbi_certify_pairs(clbi_certify *s)
{
    size_t i, j, n = s->n;
    clb_status status;
    double *values;
    if (n > 512) {
        clb_dense dense;
        clb_eigs eigs;
        clb_linop op;
        clb_lanczos_opts opts = CLB_ZERO;
        dense.n = dense.lda = n;
        dense.A = s->A;
        op = clb_dense_op(&dense);
        opts.tol = 64 * CLBI_EPSILON;
        status = clb_lanczos(&op, s->have, &opts, &eigs);
        if (status && status != CLB_ENOCONV) return status;
        memcpy(s->theta, eigs.value, s->have * sizeof(double));
        memcpy(s->V, eigs.vector, s->have * n * sizeof(clb_real));
        clb_eigs_free(&eigs);
        return status;
    }
    if ((status = clbi_alloc(&values, n, sizeof *values)) != CLB_OK) return status;
    memcpy(s->M, s->A, n * n * sizeof *s->M);
    status = clb_eigh(n, s->M, n, values, s->V);
    for (i = 0; i < s->have; ++i) s->theta[i] = values[n - 1 - i];
    for (i = 0; i < n / 2; ++i)                                 /* descending, as in theta    */
        for (j = 0; j < n; ++j) {
            clb_real x = s->V[i * n + j];
            s->V[i * n + j] = s->V[(n - 1 - i) * n + j];
            s->V[(n - 1 - i) * n + j] = x;
        }
    CLB_FREE(values);
    return status;
}

/* Stores the whole symmetric matrix times 2^-scale, and a bound on its norm. */
static void clbi_certify_load(clbi_certify *s, const clb_dense *A, int scale)
{
    size_t i, j, n = s->n;
    double sum = 0;
    for (i = 0; i < n; ++i)
        for (j = 0; j <= i; ++j) {
            double a = ldexp((double)A->A[i * A->lda + j], -scale);
            s->A[i * n + j] = s->A[j * n + i] = (clb_real)a;
            sum += (i == j ? 1 : 2) * (a * a);
        }
    s->frobenius = clbi_sqrt(sum) * (1 + 1e-10);
}

CLBDEF clb_status clb_certify(const clb_dense *A, size_t k, double error, clb_certificate *out)
{
    clbi_certify s;
    size_t j, square, strip, reals, n = A->n;
    clb_real *arena = NULL;
    clb_status status = clbi_certificate_alloc(out, n, k);
    int finite = 1, scale = clbi_scale_exponent(n, A->A, A->lda, &finite);
    if (!status && (!(error >= 0) || !(error <= 1e300))) status = CLB_ETOL;
    if (!status && !finite) status = CLB_ENOTFINITE;
    if (!status && (!clbi_mul_size(n, n, &square) || !clbi_mul_size(square, 4, &reals) ||
                    !clbi_mul_size(n, CLBI_INERTIA_BLOCK, &strip) ||
                    !clbi_add_size(reals, strip, &reals)))
        status = CLB_ESIZE;
    if (!status) status = clbi_alloc(&arena, reals, sizeof *arena);
    memset(&s, 0, sizeof s);
    if (!status) status = clbi_alloc(&s.theta, 4 * n + 1, sizeof(double));
    if (status) {
        CLB_FREE(arena);
        clb_certificate_free(out);
        return status;
    }
    s.n = n, s.k = k, s.have = k < n ? k + 1 : n;
    s.A = arena, s.M = s.A + square, s.V = s.M + square, s.Av = s.V + square;
    s.block = s.Av + square, s.work = s.theta + n + 1;
    s.lower = out->lower;
    clbi_certify_load(&s, A, scale);
    status = clbi_certify_pairs(&s);
    if (!status || status == CLB_ENOCONV) {
        clbi_certify_products(&s);
        clbi_certify_lower(&s);
        out->rest = clbi_certify_upper(&s, out->upper);
        out->complete = out->rest < (double)INFINITY;
        for (j = 0; j < k; ++j) {
            out->value[j] = ldexp(s.theta[j], scale);
            out->lower[j] = ldexp(s.lower[j], scale) - error;
            out->upper[j] = ldexp(out->upper[j], scale) + error;
        }
        out->rest = ldexp(out->rest, scale) + error;
    } else clb_certificate_free(out);
    CLB_FREE(s.theta);
    CLB_FREE(arena);
    return status;
}

CLBDEF clb_status clb_certify_lower(const clb_linop *A, size_t k, double error,
                                    clb_certificate *out)
{
    clbi_certify s;
    clb_eigs eigs;
    size_t j, cells, n = A->n;
    clb_lanczos_opts opts = CLB_ZERO;
    clb_status found, status = clbi_certificate_alloc(out, n, k);
    memset(&s, 0, sizeof s);
    memset(&eigs, 0, sizeof eigs);
    opts.tol = 256 * CLBI_EPSILON;
    if (!status && (!(error >= 0) || !(error <= 1e300))) status = CLB_ETOL;
    if (!status && !clbi_mul_size(k, n, &cells)) status = CLB_ESIZE;
    if (!status) status = clbi_alloc(&s.Av, cells, sizeof(clb_real));
    found = status ? status : clb_lanczos(A, k, &opts, &eigs);
    if (found && found != CLB_ENOCONV) {
        CLB_FREE(s.Av);
        clb_certificate_free(out);
        return found;
    }
    s.n = n, s.k = k, s.V = eigs.vector, s.theta = eigs.value;
    s.lower = out->lower;
    s.noise = error;
    for (j = 0; j < k; ++j) {
        double size;
        A->apply(A->context, s.V + j * n, s.Av + j * n);
        size = 1.01 * clbi_sqrt(clb_sumsq(n, s.Av + j * n));
        if (size > s.frobenius) s.frobenius = size;
        out->value[j] = s.theta[j];
    }
    clbi_certify_lower(&s);
    clb_eigs_free(&eigs);
    CLB_FREE(s.Av);
    return found;
}

/* Sets up the problem of absolute values in bar: |theta|, |X|, |T| and the gates of curv. All
 * arrays that a product with bar reads are set here. */
static void clbi_majorant(const clb_curv *curv, clb_curv *bar)
{
    const clb_pass *pass = curv->pass;
    clb_pass *to = bar->pass;
    const clb_net *net = pass->net;
    size_t l, i, k, n = pass->n, K = net->m[net->L];
    double scale = 2 / ((double)n * (double)K);
    for (i = 0; i < net->P; ++i) bar->theta[i] = (clb_real)fabs((double)curv->theta[i]);
    for (l = 1; l <= net->L; ++l) {
        clbi_affine(net, bar->theta, NULL, l, n, to->a[l - 1], to->z[l], NULL);
        if (l == net->L) break;
        for (i = 0; i < n * net->m[l]; ++i) {
            bar->s1[l][i] = (clb_real)fabs((double)curv->s1[l][i]);
            to->a[l][i] = bar->s1[l][i] * to->z[l][i];
            to->z[l][i] = curv->s1[l][i] != 0;
        }
    }
    for (i = 0; i < n; ++i)
        for (k = 0; k < K; ++k) {
            double t = pass->targets ? fabs((double)pass->targets[i * K + k])
                                     : (double)((size_t)pass->y[i] == k);
            to->u[net->L][i * K + k] =
                (clb_real)(scale * ((double)to->z[net->L][i * K + k] + t));
        }
    for (l = net->L; l > 1; --l)
        clbi_back_product(bar, l, to->u[l], bar->theta, 0, n, to->u[l - 1], 0);
}

/* max_i (Hbar x)_i/x_i, the least one over a few steps of power iteration from x = 1. x and y hold
 * P reals each. */
static double clbi_majorant_norm(clb_curv *bar, clb_real *x, clb_real *y)
{
    size_t i, P = bar->pass->net->P;
    double worst = 0, best = (double)INFINITY, top;
    int step;
    for (i = 0; i < P; ++i) x[i] = 1;
    for (step = 0; step < 12; ++step) {
        clb_hvp(bar, x, y);
        for (i = 0, worst = 0, top = 0; i < P; ++i) {
            double ratio = (double)y[i] / (double)x[i];
            if (!(ratio <= worst)) worst = ratio;
            if ((double)y[i] > top) top = (double)y[i];
        }
        if (worst < best) best = worst;
        if (!(top > 0)) return worst;
        for (i = 0; i < P; ++i) x[i] = (clb_real)((double)y[i] / top + 1e-3 * (double)x[i]);
    }
    return best;
}

CLBDEF clb_status clb_hessian_error(clb_curv *curv, double *bound)
{
    const clb_net *net = curv->pass->net;
    clb_data data;
    clb_pass pass;
    clb_curv bar;
    clb_real *X, *x;
    size_t i, l, cells = curv->pass->n * net->m[0], reals;
    double N = 2 * (double)curv->pass->n + (double)net->m[net->L] + 20;
    clb_status status;
    if (clbi_is_curved(net)) return CLB_EACTIVATION;
    if (curv->pass->ce > 0) return CLB_ELOSS;
    if (!clbi_mul_size(net->P, 2, &reals) || !clbi_add_size(reals, cells, &reals)) return CLB_ESIZE;
    if ((status = clbi_alloc(&X, reals, sizeof *X)) != CLB_OK) return status;
    x = X + cells;
    for (i = 0; i < cells; ++i) X[i] = (clb_real)fabs((double)curv->pass->X[i]);
    for (l = 1; l <= net->L; ++l) N += 5 * (double)net->m[l - 1] + 4 * (double)net->m[l] + 12;
    data = clb_data_view(curv->pass->n, net->m[0], net->m[net->L], X, curv->pass->y);
    memset(&bar, 0, sizeof bar);
    status = clb_pass_init(&pass, net, &data, 0);
    if (!status) status = clb_curv_init(&bar, &pass);
    if (!status) {
        double u = CLBI_ROUNDOFF;
        clbi_majorant(curv, &bar);
        *bound = 1.01 * N * u / (1 - N * u) * clbi_majorant_norm(&bar, x, x + net->P);
    }
    clb_curv_free(&bar);
    clb_pass_free(&pass);
    CLB_FREE(X);
    return status;
}

/* ---- central flow ---------------------------------------------------------------------------- */

/* y = H(theta + h u) v; base holds theta. */
static void clbi_shifted_product(clb_curv *curv, const clb_real *base, const clb_real *u, double h,
                                 const clb_real *v, clb_real *point, clb_real *y)
{
    size_t P = curv->pass->net->P;
    memcpy(point, base, P * sizeof *point);
    clb_axpy(P, (clb_real)h, u, point);
    clb_curv_at(curv, point);
    clb_hvp(curv, v, y);
}

CLBDEF void clb_third_derivative(clb_curv *curv, const clb_real *u, const clb_real *v, double h,
                                 clb_real *work, clb_real *y)
{
    size_t j, P = curv->pass->net->P;
    clb_real *base = work, *other = work + P, scale = (clb_real)(0.5 / h);
    memcpy(base, curv->theta, P * sizeof *base);
    clbi_shifted_product(curv, base, u, h, v, other, y);
    clbi_shifted_product(curv, base, u, -h, v, other, other);
    for (j = 0; j < P; ++j) y[j] = scale * (y[j] - other[j]);
    clb_curv_at(curv, base);
}

/* Replaces X by its part with eigenvalues >= 0. */
static void clbi_project_psd(size_t m, double *X)
{
    double a[64], v[64];
    size_t i, j, k, sweep;
    for (i = 0; i < m; ++i)
        for (j = 0; j < m; ++j) {
            a[i * m + j] = 0.5 * (X[i * m + j] + X[j * m + i]);
            v[i * m + j] = i == j;
        }
    for (sweep = 0; sweep < 60 && clbi_jacobi_sweep(m, a, v) > 0; ++sweep) {}
    for (i = 0; i < m; ++i)
        for (j = 0; j < m; ++j) {
            X[i * m + j] = 0;
            for (k = 0; k < m; ++k)
                if (a[k * m + k] > 0) X[i * m + j] += a[k * m + k] * v[k * m + i] * v[k * m + j];
        }
}

/* One projected gradient step from Z to out: P(Z - (A + B[Z])/bound). */
static void clbi_projected_step(size_t m, const double *B, const double *A, double bound,
                                const double *Z, double *out)
{
    size_t i, j, q = m * m;
    for (i = 0; i < q; ++i) {
        double y = A[i];
        for (j = 0; j < q; ++j) y += B[i * q + j] * Z[j];
        out[i] = Z[i] - y / bound;
    }
    clbi_project_psd(m, out);
}

CLBDEF clb_status clb_complementarity(size_t m, const double *B, const double *A, double *X,
                                      double *residual)
{
    double Z[64], next[64], bound = 0, size = 0, moved = 0, momentum = 1, left = 0;
    size_t i, q = m * m, step;
    if (m < 1 || m > 8) return CLB_ECOUNT;
    for (i = 0; i < q * q; ++i) bound += B[i] * B[i];
    for (i = 0; i < q; ++i) size += A[i] * A[i];
    bound = clbi_sqrt(bound);
    size = clbi_sqrt(size);
    if (!(bound - bound == 0) || !(size - size == 0)) return CLB_ENOTFINITE;
    if (bound == 0) bound = 1;
    for (i = 0; i < q; ++i) X[i] = Z[i] = 0;
    for (step = 0; step < 20000; ++step) {
        double after = 0.5 * (1 + clbi_sqrt(1 + 4 * momentum * momentum)), uphill = 0;
        clbi_projected_step(m, B, A, bound, Z, next);
        for (i = 0, moved = 0; i < q; ++i) {
            moved += (next[i] - Z[i]) * (next[i] - Z[i]);
            uphill += (Z[i] - next[i]) * (next[i] - X[i]);
        }
        left = bound * clbi_sqrt(moved) / (size + 1e-300);
        if (uphill > 0) after = momentum = 1;           /* momentum points uphill: restart */
        for (i = 0; i < q; ++i) {
            Z[i] = next[i] + (momentum - 1) / after * (next[i] - X[i]);
            X[i] = next[i];
        }
        momentum = after;
        if (left <= 1e-12) break;
    }
    if (residual) *residual = left;
    return left <= 1e-9 ? CLB_OK : CLB_ENOCONV;
}

static void clbi_central_layout(clb_central *flow, clbi_room *room)
{
    size_t L = flow->net->L, P = flow->net->P, m = flow->opts.directions;
    flow->start = clbi_doubles(room, L, 1);
    flow->flow = clbi_doubles(room, L, 1);
    flow->w = clbi_reals(room, P, 1);
    flow->U = clbi_reals(room, m, P);
    flow->third = clbi_reals(room, m * (m + 1) / 2, P);
    flow->work = clbi_reals(room, 4, P);
}

CLBDEF clb_status clb_central_init(clb_central *flow, const clb_net *net, const clb_data *data,
                                   double eta, const clb_central_opts *opts)
{
    clbi_room room = CLB_ZERO;
    clb_status status;
    size_t l;
    memset(flow, 0, sizeof *flow);
    if (!(eta > 0) || !(eta <= 1e300)) return CLB_ESTEP;
    if (opts && (opts->directions > 8 || opts->substeps > CLBI_SUBSTEPS_MAX)) return CLB_ECOUNT;
    if (opts) flow->opts = *opts;
    if (!flow->opts.directions) flow->opts.directions = 4;
    if (!flow->opts.substeps) flow->opts.substeps = 4;
    if (flow->opts.directions > net->P) flow->opts.directions = net->P;
    flow->net = net;
    flow->eta = eta;
    clbi_central_layout(flow, &room);
    status = clb_pass_init(&flow->pass, net, data, flow->opts.ce);
    if (!status) status = clb_curv_init(&flow->curv, &flow->pass);
    if (!status) status = clbi_room_calloc(&room, &flow->arena);
    if (status) {
        clb_central_free(flow);
        return status;
    }
    clbi_central_layout(flow, &room);
    memcpy(flow->w, net->theta, net->P * sizeof *flow->w);
    for (l = 1; l < net->L; ++l)
        flow->start[l - 1] = clb_charge_degree(net, NULL, l, clb_degree(net));
    return CLB_OK;
}

CLBDEF void clb_central_free(clb_central *flow)
{
    clb_curv_free(&flow->curv);
    clb_pass_free(&flow->pass);
    CLB_FREE(flow->arena);
    memset(flow, 0, sizeof *flow);
}

/* Finds the directions near the edge: U, their curvatures (value), and the size of the swing along
 * each of them that the last substep computed (swing). */
static clb_status clbi_central_directions(clb_central *flow, double *value, double *swing)
{
    size_t i, j, k, P = flow->net->P, m = flow->opts.directions, before = flow->active;
    clb_linop H = clb_hessian_op(&flow->curv);
    clb_lanczos_opts opts = CLB_ZERO;
    clb_eigs eigs;
    clb_status status;
    opts.no_check = 1;
    opts.tol = sizeof(clb_real) == sizeof(double) ? 1e-7 : 1e-4;
    status = clb_lanczos(&H, m, &opts, &eigs);
    if (status && status != CLB_ENOCONV) return status;
    flow->sharpness = eigs.value[0];
    for (i = 0; i < m && eigs.value[i] * flow->eta > 1.8; ++i) {
        double y[8], sum = 0;
        for (j = 0; j < before; ++j)
            y[j] = clb_dot(P, eigs.vector + i * P, flow->U + j * P);
        for (j = 0; j < before; ++j)
            for (k = 0; k < before; ++k) sum += y[j] * flow->X[j * before + k] * y[k];
        value[i] = eigs.value[i];
        swing[i] = clbi_sqrt(sum > 0 ? sum : 0);
    }
    flow->active = i;
    memcpy(flow->U, eigs.vector, i * P * sizeof *flow->U);
    clb_eigs_free(&eigs);
    return CLB_OK;
}

static const clb_real *clbi_central_third(const clb_central *flow, size_t i, size_t j)
{
    return flow->third + (i > j ? i * (i + 1) / 2 + j : j * (j + 1) / 2 + i) * flow->net->P;
}

/* Solves for X of a substep h: 2/eta minus the curvature after it is >= 0 and
 * complementary to X. */
static clb_status clbi_central_swing(clb_central *flow, double h, const double *value,
                                     const double *swing)
{
    size_t i, j, k, m = flow->active, q = m * m, P = flow->net->P;
    double A[64], B[64 * 64], eta = flow->eta;
    for (i = 0; i < m; ++i)
        for (j = 0; j <= i; ++j)
            clb_third_derivative(&flow->curv, flow->U + i * P, flow->U + j * P,
                                 flow->opts.secant && swing[i] > 1e-4 ? swing[i] : 1e-4,
                                 flow->work, flow->third + (i * (i + 1) / 2 + j) * P);
    for (i = 0; i < q; ++i) {
        const clb_real *row = clbi_central_third(flow, i / m, i % m);
        A[i] = eta * clb_dot(P, row, flow->curv.grad);
        if (i / m == i % m) A[i] += (2 / eta - value[i / m]) / h;
        for (k = 0; k < q; ++k)
            B[i * q + k] = 0.5 * eta * clb_dot(P, row, clbi_central_third(flow, k / m, k % m));
    }
    return clb_complementarity(m, B, A, flow->X, NULL);
}

static clb_status clbi_central_substep(clb_central *flow, double h)
{
    const clb_net *net = flow->net;
    size_t i, l, m, P = net->P;
    double value[8], swing[8];
    clb_real *u = flow->work + 3 * P;
    clb_status status;
    flow->loss = clb_curv_at(&flow->curv, flow->w);
    if (!(flow->loss - flow->loss == 0)) return CLB_EDIVERGED;
    if ((status = clbi_central_directions(flow, value, swing)) != CLB_OK) return status;
    m = flow->active;
    status = m ? clbi_central_swing(flow, h, value, swing) : CLB_OK;
    if (status && status != CLB_ENOCONV) return status;
    memcpy(u, flow->curv.grad, P * sizeof *u);
    for (i = 0, flow->swing = 0; i < m * m; ++i) {
        clb_axpy(P, (clb_real)(0.5 * flow->X[i]), clbi_central_third(flow, i / m, i % m), u);
        if (i / m == i % m) flow->swing += flow->X[i];
    }
    for (l = 1; l < net->L; ++l)
        flow->flow[l - 1] += h * (1 - h) * (flow->eta * flow->eta) *
                             clb_charge_degree(net, u, l, clb_degree(net));
    clb_axpy(P, (clb_real)(-h * flow->eta), u, flow->w);
    return CLB_OK;
}

CLBDEF clb_status clb_central_step(clb_central *flow)
{
    size_t i, k = flow->opts.substeps;
    clb_status status = CLB_OK;
    for (i = 0; i < k && !status; ++i) status = clbi_central_substep(flow, 1 / (double)k);
    flow->t += !status;
    return status;
}

CLBDEF double clb_central_drift(const clb_central *flow, size_t l)
{
    return clb_charge_degree(flow->net, flow->w, l, clb_degree(flow->net)) - flow->start[l - 1] +
           flow->flow[l - 1];
}

/* ============================================================================================
 * @S46 WEIGHT FILES
 * ========================================================================================== */

#ifndef CLB_FREESTANDING

CLBDEF void clb_tensors_free(clb_tensors *tensors)
{
    size_t i;
    for (i = 0; i < tensors->count; ++i) {
        CLB_FREE(tensors->item[i].name);
        clb_array_free(&tensors->item[i].array);
    }
    CLB_FREE(tensors->item);
    memset(tensors, 0, sizeof *tensors);
}

CLBDEF const clb_tensor *clb_tensors_find(const clb_tensors *tensors, const char *name)
{
    size_t i;
    for (i = 0; i < tensors->count; ++i)
        if (strcmp(tensors->item[i].name, name) == 0) return &tensors->item[i];
    return NULL;
}

/* A file that is being read, the tensors found so far, and how many bytes may still be allocated
 * for it. */
typedef struct clbi_source {
    const unsigned char *p;
    size_t               size, budget, room;
    clb_tensors         *out;
    clb_error      *error;
} clbi_source;

#define CLBI_EXPANSION 64u                   /* a file may unpack to this many times its size ... */
#define CLBI_ALLOWANCE ((size_t)16 << 20)    /* ... plus this many bytes                          */

static void clbi_source_start(clbi_source *s, clb_tensors *out, const void *bytes, size_t size,
                              clb_error *error)
{
    memset(s, 0, sizeof *s);
    memset(out, 0, sizeof *out);
    clbi_clear(error);
    s->p = (const unsigned char *)bytes;
    s->size = size;
    s->out = out;
    s->error = error;
    if (!clbi_mul_size(size, CLBI_EXPANSION, &s->budget)) s->budget = (size_t)-1 / 2;
    if (!clbi_add_size(s->budget, CLBI_ALLOWANCE, &s->budget)) s->budget = (size_t)-1 / 2;
}

/* Reports "text 'word', at byte n" and returns status; word may be NULL. Only the first 60 bytes of
 * word are shown, with '?' for those that are not printable. */
static clb_status clbi_source_bad(clbi_source *s, clb_status status, size_t at, const char *text,
                                  const void *word, size_t length)
{
    const unsigned char *w = (const unsigned char *)word;
    char shown[61];
    size_t i;
    if (!w) return clbi_fail(s->error, status, "%s, at byte %z", text, at);
    if (length > sizeof shown - 1) length = sizeof shown - 1;
    for (i = 0; i < length; ++i)
        shown[i] = (char)(w[i] == '\n' ? '.' : w[i] >= 32 && w[i] < 127 ? w[i] : '?');
    shown[length] = '\0';
    return clbi_fail(s->error, status, "%s '%s', at byte %z", text, shown, at);
}

/* The same without a word. */
static clb_status clbi_source_say(clbi_source *s, clb_status status, size_t at, const char *text)
{
    return clbi_source_bad(s, status, at, text, NULL, 0);
}

/* The end of every reader: on failure it frees all tensors and makes sure that there is an error
 * text. */
static clb_status clbi_source_end(clbi_source *s, clb_status status)
{
    if (status) clb_tensors_free(s->out);
    return clbi_done(s->error, status);
}

/* Allocates count items of size bytes within the limit of this file. */
static clb_status clbi_source_alloc(clbi_source *s, void *out, size_t count, size_t size)
{
    size_t bytes;
    if (!clbi_mul_size(count, size, &bytes) || bytes > s->budget)
        return clbi_source_say(s, CLB_ESIZE, 0, "the file unpacks to more than 64 times its size");
    s->budget -= bytes;
    return clbi_alloc(out, count, size);
}

/* Adds a tensor with that name and an empty array. */
static clb_status clbi_source_push(clbi_source *s, const void *name, size_t length,
                                   clb_tensor **tensor)
{
    clb_tensors *out = s->out;
    clb_status status;
    char *text = NULL;
    if (out->count == s->room) {
        clb_tensor *more = NULL;
        size_t room = s->room ? 2 * s->room : 16;
        status = clbi_source_alloc(s, &more, room, sizeof *more);
        if (status) return status;
        if (out->count) memcpy(more, out->item, out->count * sizeof *more);
        CLB_FREE(out->item);
        out->item = more;
        s->room = room;
    }
    status = clbi_source_alloc(s, &text, length + 1, 1);
    if (status) return status;
    if (length) memcpy(text, name, length);
    text[length] = '\0';
    *tensor = &out->item[out->count++];
    memset(*tensor, 0, sizeof **tensor);
    (*tensor)->name = text;
    return strlen(text) == length ? CLB_OK
         : clbi_source_bad(s, CLB_EFORMAT, 0, "a zero byte in the name", name, length);
}

static int clbi_name_order(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* A name that two tensors share, or NULL. names: room for count pointers. */
static const char *clbi_tensors_twice(const clb_tensors *tensors, const char **names)
{
    size_t i;
    for (i = 0; i < tensors->count; ++i) names[i] = tensors->item[i].name;
    qsort(names, tensors->count, sizeof *names, clbi_name_order);
    for (i = 1; i < tensors->count; ++i)
        if (strcmp(names[i - 1], names[i]) == 0) return names[i];
    return NULL;
}

static clb_status clbi_source_distinct(clbi_source *s)
{
    const char **names = NULL, *twice;
    clb_status status = clbi_source_alloc(s, &names, s->out->count, sizeof *names);
    if (status) return status;
    twice = clbi_tensors_twice(s->out, names);
    if (twice)
        status = clbi_source_bad(s, CLB_EFORMAT, 0, "two arrays have the name", twice,
                                 strlen(twice));
    CLB_FREE(names);
    return status;
}

/* ---- inflate: RFC 1951 --------------------------------------------------------------------- */

/* A deflate stream p..end that is being unpacked into out[0..size-1]. */
typedef struct clbi_inflate {
    const unsigned char *p, *end;
    unsigned char       *out;
    size_t               done, size;
    uint64_t             bits;          /* bits read ahead, next bit lowest                       */
    int                  held;          /* number of these bits                                   */
    int                  bad;           /* 1: read past the end, or found an invalid code         */
} clbi_inflate;

/* The next count <= 16 bits; the first one becomes the lowest. */
static unsigned clbi_inflate_bits(clbi_inflate *z, int count)
{
    unsigned value;
    while (z->held < count) {
        if (z->p == z->end) {
            z->bad = 1;
            return 0;
        }
        z->bits |= (uint64_t)*z->p++ << z->held;
        z->held += 8;
    }
    value = (unsigned)(z->bits & (((uint64_t)1 << count) - 1));
    z->bits >>= count;
    z->held -= count;
    return value;
}

/* A canonical Huffman code: the number of codes of each length, and the symbols sorted by length
 * and then by code. */
typedef struct clbi_huffman {
    uint16_t count[16], symbol[288];
} clbi_huffman;

/* Makes the code in which symbol s has length[s] bits (0: the symbol does not occur). Returns 0 if
 * the lengths are not those of a complete code. An empty code and a single code of one bit are
 * allowed. */
static int clbi_huffman_make(clbi_huffman *h, const unsigned char *length, size_t symbols)
{
    uint16_t first[16];
    size_t s;
    int b, left = 1, used = 0;
    memset(h->count, 0, sizeof h->count);
    for (s = 0; s < symbols; ++s) ++h->count[length[s]];
    first[0] = first[1] = 0;
    for (b = 1; b < 16; ++b) {
        left = 2 * left - h->count[b];
        used += h->count[b];
        if (left < 0) return 0;
        if (b < 15) first[b + 1] = (uint16_t)(first[b] + h->count[b]);
    }
    if (left > 0 && (used > 1 || used != h->count[1])) return 0;
    for (s = 0; s < symbols; ++s)
        if (length[s]) h->symbol[first[length[s]]++] = (uint16_t)s;
    h->count[0] = 0;
    return 1;
}

/* Reads the next symbol. The codes of one length are consecutive numbers and follow those of the
 * shorter lengths. */
static unsigned clbi_huffman_next(clbi_inflate *z, const clbi_huffman *h)
{
    int code = 0, first = 0, index = 0, b;
    for (b = 1; b < 16; ++b) {
        code |= (int)clbi_inflate_bits(z, 1);
        if (z->bad) return 0;
        if (code - first < h->count[b]) return h->symbol[index + code - first];
        index += h->count[b];
        first = (first + h->count[b]) * 2;
        code *= 2;
    }
    z->bad = 1;
    return 0;
}

/* A stored block: the length, its complement, then the bytes. */
static void clbi_inflate_stored(clbi_inflate *z)
{
    size_t length;
    z->p -= z->held / 8;                     /* gives back whole bytes read ahead */
    z->bits = 0;
    z->held = 0;
    if (z->end - z->p < 4) {
        z->bad = 1;
        return;
    }
    length = (size_t)clbi_bytes_u64(z->p, 2, 0);
    if ((clbi_bytes_u64(z->p + 2, 2, 0) ^ 0xffffu) != length) z->bad = 1;
    z->p += 4;
    if (length > (size_t)(z->end - z->p) || length > z->size - z->done) z->bad = 1;
    if (z->bad || length == 0) return;
    memcpy(z->out + z->done, z->p, length);
    z->done += length;
    z->p += length;
}

/* Copies `length` bytes from `distance` bytes before. Source and target may overlap. */
static void clbi_inflate_copy(clbi_inflate *z, size_t length, size_t distance)
{
    size_t i;
    if (z->bad || distance > z->done || length > z->size - z->done) {
        z->bad = 1;
        return;
    }
    for (i = 0; i < length; ++i) z->out[z->done + i] = z->out[z->done + i - distance];
    z->done += length;
}

/* Unpacks the symbols of a block: literals, lengths with distances, and 256 for the end. */
static void clbi_inflate_codes(clbi_inflate *z, const clbi_huffman *literal,
                               const clbi_huffman *distances)
{
    while (!z->bad) {
        unsigned s = clbi_huffman_next(z, literal), length, distance, extra;
        if (z->bad || s == 256) return;
        if (s < 256) {
            if (z->done == z->size) z->bad = 1;
            else z->out[z->done++] = (unsigned char)s;
            continue;
        }
        s -= 257;                            /* 4 lengths per extra bit: 3.., 11.., 19.., 35..   */
        extra = s < 8 ? 0 : s / 4 - 1;
        length = s < 8 ? s + 3 : s == 28 ? 258 : ((4 + s % 4) << extra) + 3;
        if (s > 28) z->bad = 1;
        if (s < 28 && extra) length += clbi_inflate_bits(z, (int)extra);
        s = clbi_huffman_next(z, distances); /* 2 distances per extra bit: 1.., 5.., 9..  */
        extra = s < 4 ? 0 : s / 2 - 1;
        distance = s < 4 ? s + 1 : ((2 + s % 2) << extra) + 1;
        if (s > 29) z->bad = 1;
        if (!z->bad && extra) distance += clbi_inflate_bits(z, (int)extra);
        clbi_inflate_copy(z, length, distance);
    }
}

/* The fixed codes that block type 1 uses. */
static void clbi_inflate_fixed(clbi_huffman *literal, clbi_huffman *distances)
{
    unsigned char length[288];
    memset(length, 8, 144);
    memset(length + 144, 9, 112);
    memset(length + 256, 7, 24);
    memset(length + 280, 8, 8);
    (void)clbi_huffman_make(literal, length, 288);
    memset(length, 5, 32);
    (void)clbi_huffman_make(distances, length, 32);
}

/* Reads the codes of block type 2. Their lengths are themselves stored in a Huffman code. */
static void clbi_inflate_dynamic(clbi_inflate *z, clbi_huffman *literal, clbi_huffman *distances)
{
    static const unsigned char order[19] = { 16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2,
                                             14, 1, 15 };
    unsigned char length[288 + 32];
    size_t literals = 257 + clbi_inflate_bits(z, 5), all = literals + 1 + clbi_inflate_bits(z, 5);
    size_t codes = 4 + clbi_inflate_bits(z, 4), i;
    memset(length, 0, sizeof length);
    for (i = 0; i < codes; ++i) length[order[i]] = (unsigned char)clbi_inflate_bits(z, 3);
    if (literals > 286 || !clbi_huffman_make(literal, length, 19)) z->bad = 1;
    memset(length, 0, 19);
    for (i = 0; !z->bad && i < all;) {
        unsigned s = clbi_huffman_next(z, literal), repeat = 1, value = s;
        if (s >= 16) {                       /* 16: repeat last length; 17, 18: zeros    */
            value = s == 16 && i > 0 ? length[i - 1] : 0;
            if (s == 16 && i == 0) z->bad = 1;
            repeat = s == 16 ? 3 + clbi_inflate_bits(z, 2)
                   : s == 17 ? 3 + clbi_inflate_bits(z, 3) : 11 + clbi_inflate_bits(z, 7);
        }
        if (repeat > all - i) z->bad = 1;
        for (; !z->bad && repeat > 0; --repeat) length[i++] = (unsigned char)value;
    }
    if (z->bad) return;
    if (length[256] == 0 || !clbi_huffman_make(literal, length, literals) ||
        !clbi_huffman_make(distances, length + literals, all - literals))
        z->bad = 1;
}

/* Unpacks `packed` bytes into exactly size bytes. Returns 0 if the stream is invalid or has another
 * size. */
static int clbi_inflate_all(const unsigned char *p, size_t packed, unsigned char *out, size_t size)
{
    clbi_inflate z;
    clbi_huffman literal, distances;
    unsigned last = 0, type;
    memset(&z, 0, sizeof z);
    z.p = p;
    z.end = p + packed;
    z.out = out;
    z.size = size;
    while (!last && !z.bad) {
        last = clbi_inflate_bits(&z, 1);
        type = clbi_inflate_bits(&z, 2);
        if (z.bad || type == 3) return 0;
        if (type == 0) clbi_inflate_stored(&z);
        else {
            if (type == 1) clbi_inflate_fixed(&literal, &distances);
            else clbi_inflate_dynamic(&z, &literal, &distances);
            clbi_inflate_codes(&z, &literal, &distances);
        }
    }
    return !z.bad && z.done == size && z.p - z.held / 8 == z.end;
}

/* The CRC-32 of ZIP, computed four bits at a time. */
static uint32_t clbi_crc32(const unsigned char *p, size_t size)
{
    static const uint32_t table[16] = {
        0x00000000u, 0x1db71064u, 0x3b6e20c8u, 0x26d930acu, 0x76dc4190u, 0x6b6b51f4u, 0x4db26158u,
        0x5005713cu, 0xedb88320u, 0xf00f9344u, 0xd6d6a3e8u, 0xcb61b38cu, 0x9b64c2b0u, 0x86d3d2d4u,
        0xa00ae278u, 0xbdbdf21cu };
    uint32_t c = 0xffffffffu;
    size_t i;
    for (i = 0; i < size; ++i) {
        c ^= p[i];
        c = c >> 4 ^ table[c & 15u];
        c = c >> 4 ^ table[c & 15u];
    }
    return c ^ 0xffffffffu;
}

/* ---- ZIP ----------------------------------------------------------------------------------- */

/* The directory of an archive: the number of members left, and where the next one is described. */
typedef struct clbi_zip {
    size_t left, at, end;
    size_t packed;                 /* bytes of all members so far, which must not overlap         */
} clbi_zip;

typedef struct clbi_member {
    const unsigned char *name, *data;
    size_t               name_length, packed, size, header;
    unsigned             flags, method;
    uint32_t             crc;
    int                  checked;    /* 1: the checksum was verified */
} clbi_member;

static size_t clbi_le(const unsigned char *p, size_t count)
{
    uint64_t v = clbi_bytes_u64(p, count, 0);
    return v > (size_t)-1 ? (size_t)-1 : (size_t)v;
}

/* Finds the directory from the record at the end of the archive. */
static clb_status clbi_zip_open(clbi_source *s, clbi_zip *zip)
{
    const unsigned char *p = s->p;
    size_t end, lowest, directory, length, e;
    memset(zip, 0, sizeof *zip);
    if (s->size < 4 || memcmp(p, "PK", 2) != 0)
        return clbi_source_say(s, CLB_EFORMAT, 0, "not a ZIP archive");
    if (s->size < 22) return clbi_source_say(s, CLB_ETRUNCATED, 0, "a ZIP archive cut short");
    lowest = s->size > 22 + 65535 ? s->size - 22 - 65535 : 0;
    for (end = s->size - 22;; --end) {
        if (memcmp(p + end, "PK\5\6", 4) == 0 && clbi_le(p + end + 20, 2) == s->size - 22 - end)
            break;
        if (end == lowest)
            return clbi_source_say(s, CLB_ETRUNCATED, s->size,
                                   "the ZIP archive has no directory at its end: cut short?");
    }
    zip->left = clbi_le(p + end + 10, 2);
    length = clbi_le(p + end + 12, 4);
    directory = clbi_le(p + end + 16, 4);
    if (end >= 20 && memcmp(p + end - 20, "PK\6\7", 4) == 0) {           /* ZIP64 */
        e = clbi_le(p + end - 12, 8);
        if (end < 76 || e > end - 76 || memcmp(p + e, "PK\6\6", 4) != 0)
            return clbi_source_say(s, CLB_EFORMAT, end - 20, "the ZIP64 directory is missing");
        zip->left = clbi_le(p + e + 32, 8);
        length = clbi_le(p + e + 40, 8);
        directory = clbi_le(p + e + 48, 8);
    }
    if (directory > end || length > end - directory)
        return clbi_source_say(s, CLB_EFORMAT, end, "the ZIP directory lies outside the file");
    if (zip->left > length / 46)
        return clbi_source_say(s, CLB_EFORMAT, end, "more ZIP members than the directory can hold");
    zip->at = directory;
    zip->end = directory + length;
    return CLB_OK;
}

/* Reads sizes and the offset that do not fit 32 bits: each that is 0xffffffff is replaced by the
 * next number in the extra field 1. A pointer may be NULL. */
static clb_status clbi_zip64(clbi_source *s, const unsigned char *extra, size_t length,
                             size_t *size, size_t *packed, size_t *offset)
{
    size_t *fields[3], field, k;
    fields[0] = size, fields[1] = packed, fields[2] = offset;
    while (length >= 4) {
        size_t id = clbi_le(extra, 2);
        field = clbi_le(extra + 2, 2);
        extra += 4, length -= 4;
        if (field > length) break;
        if (id == 1) length = field;
        for (k = 0; id == 1 && k < 3; ++k) {
            if (!fields[k] || *fields[k] != 0xffffffffu) continue;
            if (length < 8) break;
            *fields[k] = clbi_le(extra, 8);
            extra += 8, length -= 8;
            fields[k] = NULL;
        }
        if (id == 1) break;
        extra += field, length -= field;
    }
    for (k = 0; k < 3; ++k)
        if (fields[k] && *fields[k] == 0xffffffffu)
            return clbi_source_say(s, CLB_EFORMAT, (size_t)(extra - s->p),
                                   "a ZIP64 size is missing");
    return CLB_OK;
}

/* Checks the header before the member's bytes, which must agree with the directory. */
static clb_status clbi_zip_local(clbi_source *s, clbi_member *m)
{
    const unsigned char *h;
    size_t names, extra, size, packed;
    clb_status status;
    if (m->header > s->size || s->size - m->header < 30)
        return clbi_source_bad(s, CLB_ETRUNCATED, m->header, "outside the file: ZIP member",
                               m->name, m->name_length);
    h = s->p + m->header;
    names = clbi_le(h + 26, 2);
    extra = clbi_le(h + 28, 2);
    if (memcmp(h, "PK\3\4", 4) != 0 || names != m->name_length ||
        s->size - m->header - 30 < names + extra || memcmp(h + 30, m->name, names) != 0)
        return clbi_source_bad(s, CLB_EFORMAT, m->header, "no header of ZIP member", m->name,
                               m->name_length);
    if ((clbi_le(h + 6, 2) | m->flags) & 1u)
        return clbi_source_bad(s, CLB_ETYPE, m->header, "encrypted: ZIP member", m->name,
                               m->name_length);
    m->data = h + 30 + names + extra;
    packed = clbi_le(h + 18, 4);
    size = clbi_le(h + 22, 4);
    status = clbi_zip64(s, h + 30 + names, extra, &size, &packed, NULL);
    if (status) return status;
    if (m->packed > (size_t)(s->p + s->size - m->data))
        return clbi_source_bad(s, CLB_ETRUNCATED, m->header,
                               "runs past the end of the file: ZIP member", m->name,
                               m->name_length);
    if (clbi_le(h + 8, 2) != m->method ||
        (!(m->flags & 8u) && (size != m->size || packed != m->packed)))
        return clbi_source_bad(s, CLB_EFORMAT, m->header,
                               "sizes differ between the directory and the header of ZIP member",
                               m->name, m->name_length);
    return CLB_OK;
}

/* The next member. Its sizes come from the directory and are checked against the file. */
static clb_status clbi_zip_next(clbi_source *s, clbi_zip *zip, clbi_member *m)
{
    const unsigned char *p = s->p + zip->at;
    size_t room = zip->end - zip->at, names, extra, comment;
    clb_status status;
    if (room < 46 || memcmp(p, "PK\1\2", 4) != 0)
        return clbi_source_say(s, CLB_EFORMAT, zip->at, "a damaged ZIP directory");
    names = clbi_le(p + 28, 2);
    extra = clbi_le(p + 30, 2);
    comment = clbi_le(p + 32, 2);
    if (room - 46 < names + extra + comment)
        return clbi_source_say(s, CLB_EFORMAT, zip->at, "a damaged ZIP directory");
    m->checked = 0;
    m->flags = (unsigned)clbi_le(p + 8, 2);
    m->method = (unsigned)clbi_le(p + 10, 2);
    m->crc = (uint32_t)clbi_le(p + 16, 4);
    m->packed = clbi_le(p + 20, 4);
    m->size = clbi_le(p + 24, 4);
    m->header = clbi_le(p + 42, 4);
    m->name = p + 46;
    m->name_length = names;
    status = clbi_zip64(s, p + 46 + names, extra, &m->size, &m->packed, &m->header);
    if (!status) status = clbi_zip_local(s, m);
    if (status) return status;
    if (m->method == 0 && m->packed != m->size)
        return clbi_source_bad(s, CLB_EFORMAT, m->header, "two sizes of the stored ZIP member",
                               m->name, m->name_length);
    zip->packed += m->packed;
    if (zip->packed > s->size)
        return clbi_source_say(s, CLB_EFORMAT, zip->at, "members of the ZIP archive overlap");
    zip->at += 46 + names + extra + comment;
    --zip->left;
    return CLB_OK;
}

/* The bytes of a member, verified by its checksum. *own is the allocation to free, or NULL if the
 * bytes are in the file itself. */
static clb_status clbi_zip_bytes(clbi_source *s, const clbi_member *m, const unsigned char **bytes,
                                 unsigned char **own)
{
    clb_status status;
    *own = NULL;
    *bytes = m->data;
    if (m->method != 0 && m->method != 8)
        return clbi_source_bad(s, CLB_ETYPE, m->header,
                               "neither stored nor deflated: ZIP member", m->name, m->name_length);
    if (m->method == 8) {
        if (m->size / 1032 > m->packed)      /* more than deflate can expand to */
            return clbi_source_bad(s, CLB_EFORMAT, m->header,
                                   "cannot unpack to its size: ZIP member", m->name,
                                   m->name_length);
        status = clbi_source_alloc(s, own, m->size, 1);
        if (status) return status;
        *bytes = *own;
        if (!clbi_inflate_all(m->data, m->packed, *own, m->size))
            return clbi_source_bad(s, CLB_EFORMAT, m->header,
                                   "deflate stream damaged or of another size: ZIP member",
                                   m->name, m->name_length);
    }
    if (clbi_crc32(*bytes, m->size) != m->crc)
        return clbi_source_bad(s, CLB_EFORMAT, m->header, "wrong checksum of ZIP member", m->name,
                               m->name_length);
    return CLB_OK;
}

/* ---- NPZ ----------------------------------------------------------------------------------- */

/* Adds the member as a tensor. */
static clb_status clbi_npz_member(clbi_source *s, const clbi_member *m)
{
    const unsigned char *bytes;
    unsigned char *own;
    clb_tensor *tensor;
    clb_status status = clbi_zip_bytes(s, m, &bytes, &own);
    if (!status) status = clbi_source_push(s, m->name, m->name_length - 4, &tensor);
    if (!status) {
        clbi_npy npy;
        status = clbi_npy_decode(&tensor->array, &npy, bytes, m->size, s->budget);
        if (status)
            clbi_source_bad(s, status, m->header,
                            status == CLB_ETYPE ? "element type not read here: NPY member"
                            : status == CLB_ESIZE ? "too large: NPY member"
                            : status == CLB_ETRUNCATED ? "shorter than its header says: NPY member"
                            : "malformed: NPY member", m->name, m->name_length);
        else {
            tensor->digits = clbi_npy_digits(&npy);
            s->budget -= tensor->array.count * sizeof(double);
        }
    }
    CLB_FREE(own);
    return status;
}

CLBDEF clb_status clb_npz_read(clb_tensors *tensors, const void *bytes, size_t size,
                               clb_error *error)
{
    clbi_source s;
    clbi_zip zip;
    clbi_member m;
    clb_status status;
    clbi_source_start(&s, tensors, bytes, size, error);
    status = clbi_zip_open(&s, &zip);
    while (!status && zip.left > 0) {
        status = clbi_zip_next(&s, &zip, &m);
        if (!status && m.name_length >= 4 && memcmp(m.name + m.name_length - 4, ".npy", 4) == 0)
            status = clbi_npz_member(&s, &m);
    }
    if (!status) status = clbi_source_distinct(&s);
    return clbi_source_end(&s, status);
}

/* Bytes that are being written. Those beyond the capacity are only counted. */
typedef struct clbi_sink {
    unsigned char *p;
    size_t         capacity, size;
} clbi_sink;

static void clbi_put_bytes(clbi_sink *out, const void *bytes, size_t count)
{
    if (count && count <= out->capacity && out->size <= out->capacity - count)
        memcpy(out->p + out->size, bytes, count);
    out->size += count;
}

/* Writes the count <= 8 low bytes of value, lowest first. */
static void clbi_put_le(clbi_sink *out, uint64_t value, size_t count)
{
    unsigned char b[8];
    size_t i;
    for (i = 0; i < count; ++i) b[i] = (unsigned char)(value >> (8 * i) & 0xff);
    clbi_put_bytes(out, b, count);
}

/* Writes a member's header: the one before its bytes, or the one in the directory, which has more
 * fields. The date is always 1 January 1980, so that equal arrays give equal files. */
static void clbi_put_member(clbi_sink *out, const clb_tensor *tensor, uint32_t crc, size_t size,
                            size_t header, int directory)
{
    size_t length = strlen(tensor->name);
    clbi_put_bytes(out, directory ? "PK\1\2\24\0" : "PK\3\4", directory ? 6 : 4);
    clbi_put_le(out, 20, 2);                 /* needs version 2.0    */
    clbi_put_le(out, 0x800, 2);              /* the name is UTF-8 */
    clbi_put_le(out, 0, 4);                  /* not compressed; time 0:00 */
    clbi_put_le(out, 0x21, 2);               /* 1 January 1980 */
    clbi_put_le(out, crc, 4);
    clbi_put_le(out, size, 4);
    clbi_put_le(out, size, 4);
    clbi_put_le(out, length + 4, 2);
    clbi_put_le(out, 0, directory ? 8 : 2);  /* no extra field (no comment, disk, attributes) */
    if (directory) clbi_put_le(out, 0, 4);
    if (directory) clbi_put_le(out, header, 4);
    clbi_put_bytes(out, tensor->name, length);
    clbi_put_bytes(out, ".npy", 4);
}

/* The type in which a tensor is stored. Returns 0 if that type cannot hold one of the values. */
static int clbi_npz_type(const clb_tensor *tensor, clbi_npy *npy)
{
    size_t i;
    memset(npy, 0, sizeof *npy);
    npy->kind = tensor->digits == 0 ? 'i' : 'f';
    npy->item = tensor->digits >= 1 && tensor->digits <= 24 ? 4 : 8;
    for (i = 0; tensor->digits == 0 && i < tensor->array.count; ++i)
        if (!(fabs(tensor->array.x[i]) <= 9007199254740992.0) ||
            tensor->array.x[i] != floor(tensor->array.x[i])) return 0;
    return 1;
}

/* Writes the NPY file of a member. */
static clb_status clbi_put_npy(clbi_sink *out, const clb_tensor *tensor)
{
    char head[CLBI_NPY_HEADER];
    size_t start, size, i;
    clbi_npy npy;
    clb_status status = clbi_npz_type(tensor, &npy) ? CLB_OK : CLB_ETYPE;
    if (!status)
        status = clbi_npy_start(head, &npy, tensor->array.rank, tensor->array.shape, &start, &size);
    if (!status && !clbi_add_size(out->size, size, &size)) status = CLB_ESIZE;
    if (status) return status;
    clbi_put_bytes(out, head, start);
    if (size > out->capacity) {
        out->size = size;
        return CLB_OK;
    }
    for (i = 0; i < tensor->array.count; ++i)
        clbi_put_le(out, clbi_npy_bits(&npy, tensor->array.x[i]), npy.item);
    return CLB_OK;
}

static clb_status clbi_npz_check(const clb_tensors *tensors)
{
    const char **names;
    size_t i;
    clb_status status;
    if (tensors->count >= 65535) return CLB_ESIZE;
    for (i = 0; i < tensors->count; ++i)
        if (strlen(tensors->item[i].name) > 60000) return CLB_ENAME;
    status = clbi_alloc(&names, tensors->count, sizeof *names);
    if (status) return status;
    if (clbi_tensors_twice(tensors, names)) status = CLB_ENAME;
    CLB_FREE(names);
    return status;
}

CLBDEF clb_status clb_npz_write(void *buffer, size_t capacity, size_t *size,
                                const clb_tensors *tensors)
{
    clbi_sink out;
    size_t *header, *bytes, i, start;
    uint32_t crc;
    clb_status status = clbi_npz_check(tensors);
    if (!status) status = clbi_alloc(&header, 2 * tensors->count, sizeof *header);
    if (status) return status;
    bytes = header + tensors->count;
    memset(&out, 0, sizeof out);
    out.p = (unsigned char *)buffer;
    out.capacity = buffer ? capacity : 0;
    for (i = 0; !status && i < tensors->count; ++i) {    /* checksum and size last      */
        const clb_tensor *tensor = &tensors->item[i];
        header[i] = out.size;
        clbi_put_member(&out, tensor, 0, 0, 0, 0);
        start = out.size;
        status = clbi_put_npy(&out, tensor);
        bytes[i] = out.size - start;
        if (status || out.size > 0xfffffffeu || out.size > out.capacity) continue;
        crc = clbi_crc32(out.p + start, bytes[i]);
        out.size = header[i];
        clbi_put_member(&out, tensor, crc, bytes[i], 0, 0);
        out.size = start + bytes[i];
    }
    start = out.size;
    for (i = 0; !status && i < tensors->count; ++i) {
        crc = out.size > out.capacity ? 0 : (uint32_t)clbi_le(out.p + header[i] + 14, 4);
        clbi_put_member(&out, &tensors->item[i], crc, bytes[i], header[i], 1);
    }
    clbi_put_bytes(&out, "PK\5\6\0\0\0\0", 8);
    clbi_put_le(&out, tensors->count, 2);
    clbi_put_le(&out, tensors->count, 2);
    clbi_put_le(&out, out.size - 12 - start, 4);
    clbi_put_le(&out, start, 4);
    clbi_put_le(&out, 0, 2);
    CLB_FREE(header);
    *size = out.size;
    if (!status && (out.size > 0xfffffffeu || (buffer && out.size > capacity))) status = CLB_ESIZE;
    return status;
}

#ifndef CLB_NO_STDIO
/* Writes the bytes to "path~" and then renames it to path. */
static clb_status clbi_write_file(const char *path, const unsigned char *bytes, size_t size)
{
    char *beside;
    size_t length = strlen(path);
    FILE *file;
    int ok;
    clb_status status = clbi_alloc(&beside, length + 2, 1);
    if (status) return status;
    memcpy(beside, path, length);
    memcpy(beside + length, "~", 2);
    file = fopen(beside, "wb");
    ok = file != NULL && fwrite(bytes, 1, size, file) == size;
    if (file && fclose(file) != 0) ok = 0;
    if (ok && rename(beside, path) != 0) {   /* some systems refuse to replace a file */
        remove(path);
        ok = rename(beside, path) == 0;
    }
    if (file && !ok) remove(beside);
    CLB_FREE(beside);
    return ok ? CLB_OK : CLB_EIO;
}

CLBDEF clb_status clb_npz_save(const clb_tensors *tensors, const char *path)
{
    unsigned char *bytes = NULL;
    size_t size;
    clb_status status = clb_npz_write(NULL, 0, &size, tensors);
    if (!status) status = clbi_alloc(&bytes, size, 1);
    if (!status) status = clb_npz_write(bytes, size, &size, tensors);
    if (!status) status = clbi_write_file(path, bytes, size);
    CLB_FREE(bytes);
    return status;
}
#endif

/* ---- safetensors --------------------------------------------------------------------------- */

/* The element types of safetensors and of PyTorch, with their names in each. */
typedef struct clbi_dtype {
    const char *safetensors, *pytorch;
    clbi_npy    type;
} clbi_dtype;

static const clbi_dtype clbi_dtypes[] = {
    { "F64",  "DoubleStorage",   { 'f', 8, 0, 0 } }, { "F32", "FloatStorage", { 'f', 4, 0, 0 } },
    { "F16",  "HalfStorage",     { 'f', 2, 0, 0 } }, { "I64", "LongStorage",  { 'i', 8, 0, 0 } },
    { "BF16", "BFloat16Storage", { 'B', 2, 0, 0 } }, { "I32", "IntStorage",   { 'i', 4, 0, 0 } },
    { "I16",  "ShortStorage",    { 'i', 2, 0, 0 } }, { "I8",  "CharStorage",  { 'i', 1, 0, 0 } },
    { "U64",  "UInt64Storage",   { 'u', 8, 0, 0 } }, { "U32", "UInt32Storage", { 'u', 4, 0, 0 } },
    { "U16",  "UInt16Storage",   { 'u', 2, 0, 0 } }, { "U8",  "ByteStorage",  { 'u', 1, 0, 0 } },
    { "BOOL", "BoolStorage",     { 'b', 1, 0, 0 } } };

/* The type with that name in column 0 (safetensors) or 1 (PyTorch), or NULL. */
static const clbi_npy *clbi_dtype_find(int pytorch, const unsigned char *name, size_t length)
{
    size_t i;
    for (i = 0; i < sizeof clbi_dtypes / sizeof clbi_dtypes[0]; ++i) {
        const char *n = pytorch ? clbi_dtypes[i].pytorch : clbi_dtypes[i].safetensors;
        if (strlen(n) == length && memcmp(n, name, length) == 0) return &clbi_dtypes[i].type;
    }
    return NULL;
}

static clb_status clbi_json_bad(clbi_source *s, const clbi_text *t, const char *text)
{
    return clbi_source_say(s, CLB_EFORMAT, (size_t)(t->p - s->p), text);
}

/* Writes the code point as UTF-8 and returns the number of bytes. */
static size_t clbi_put_utf8(char *out, uint32_t c)
{
    size_t n = 0;
    if (c < 0x80) {
        out[n++] = (char)c;
        return n;
    }
    if (c < 0x800) out[n++] = (char)(0xc0 | c >> 6);
    else if (c < 0x10000) out[n++] = (char)(0xe0 | c >> 12);
    else out[n++] = (char)(0xf0 | c >> 18);
    if (c >= 0x10000) out[n++] = (char)(0x80 | (c >> 12 & 63));
    if (c >= 0x800) out[n++] = (char)(0x80 | (c >> 6 & 63));
    out[n++] = (char)(0x80 | (c & 63));
    return n;
}

/* Reads four hexadecimal digits. Returns 0xffffffff if they are not there. */
static uint32_t clbi_json_hex(clbi_text *t)
{
    uint32_t v = 0;
    int i;
    if (t->end - t->p < 4) return 0xffffffffu;
    for (i = 0; i < 4; ++i) {
        unsigned char c = *t->p++;
        if (c >= '0' && c <= '9') v = v << 4 | (uint32_t)(c - '0');
        else if ((c | 32) >= 'a' && (c | 32) <= 'f') v = v << 4 | (uint32_t)((c | 32) - 'a' + 10);
        else return 0xffffffffu;
    }
    return v;
}

/* Reads what follows a backslash. Returns 0 if it is not valid. Surrogates must come in pairs. */
static size_t clbi_json_escape(clbi_text *t, char *out)
{
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    uint32_t c, low;
    const char *at;
    if (t->p == t->end || *t->p == 0) return 0;
    c = *t->p++;
    if (c != 'u') {
        at = strchr(from, (int)c);
        if (!at) return 0;
        *out = to[at - from];
        return 1;
    }
    c = clbi_json_hex(t);
    if (c >= 0xd800 && c < 0xdc00) {
        if (t->end - t->p < 2 || t->p[0] != '\\' || t->p[1] != 'u') return 0;
        t->p += 2;
        low = clbi_json_hex(t);
        if (low < 0xdc00 || low > 0xdfff) return 0;
        c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
    } else if ((c >= 0xdc00 && c < 0xe000) || c == 0xffffffffu)
        return 0;
    return clbi_put_utf8(out, c);
}

/* Reads a string into out, which has as much room as the text that is left. */
static int clbi_json_string(clbi_text *t, char *out, size_t *length)
{
    *length = 0;
    if (!clbi_take(t, "\"")) return 0;
    while (t->p < t->end && *t->p != '"') {
        unsigned char c = *t->p++;
        size_t n;
        if (c < 32) return 0;
        if (c != '\\') {
            out[(*length)++] = (char)c;
            continue;
        }
        n = clbi_json_escape(t, out + *length);
        if (n == 0) return 0;
        *length += n;
    }
    if (t->p == t->end) return 0;
    ++t->p;
    return 1;
}

/* Reads a list of at most `most` integers. */
static clb_status clbi_json_sizes(clbi_source *s, clbi_text *t, size_t most, size_t *value,
                                  size_t *count)
{
    clb_status status;
    *count = 0;
    if (!clbi_take(t, "[")) return clbi_json_bad(s, t, "a list was expected");
    if (clbi_take(t, "]")) return CLB_OK;
    do {
        if (*count == most)
            return clbi_source_say(s, CLB_ESIZE, (size_t)(t->p - s->p), "the list is too long");
        status = clbi_take_size(t, &value[(*count)++]);
        if (status == CLB_ESIZE)
            return clbi_source_say(s, status, (size_t)(t->p - s->p), "the number is too large");
        if (status) return clbi_json_bad(s, t, "a whole number from 0 was expected");
    } while (clbi_take(t, ","));
    return clbi_take(t, "]") ? CLB_OK : clbi_json_bad(s, t, "a list does not end");
}

/* The position of a tensor's elements in the bytes after the header. */
typedef struct clbi_extent {
    size_t          begin, end, tensor;
    const clbi_npy *type;
} clbi_extent;

/* Reads the description of a tensor. It has dtype, shape and data_offsets once each, in
 * any order. */
static clb_status clbi_st_tensor(clbi_source *s, clbi_text *t, clb_array *array, clbi_extent *e,
                                 char *word)
{
    static const char *const keys[] = { "dtype", "shape", "data_offsets" };
    size_t length, pair[2] = { 0, 0 }, count, k;
    int seen[3] = { 0, 0, 0 };
    clb_status status = CLB_OK;
    if (!clbi_take(t, "{")) return clbi_json_bad(s, t, "the description of a tensor was expected");
    do {
        if (!clbi_json_string(t, word, &length)) return clbi_json_bad(s, t, "a key was expected");
        for (k = 0; k < 3; ++k)
            if (strlen(keys[k]) == length && memcmp(keys[k], word, length) == 0) break;
        if (k == 3 || seen[k]++ || !clbi_take(t, ":"))
            return clbi_json_bad(s, t, "a tensor has dtype, shape and data_offsets, once each");
        if (k == 0) {
            if (!clbi_json_string(t, word, &length)) return clbi_json_bad(s, t, "no dtype");
            e->type = clbi_dtype_find(0, (const unsigned char *)word, length);
            if (!e->type)
                return clbi_source_bad(s, CLB_ETYPE, (size_t)(t->p - s->p), "not read here: dtype",
                                       word, length);
        } else if (k == 1)
            status = clbi_json_sizes(s, t, CLB_ARRAY_RANK, array->shape, &array->rank);
        else {
            status = clbi_json_sizes(s, t, 2, pair, &count);
            if (!status && count != 2) return clbi_json_bad(s, t, "data_offsets are two numbers");
        }
        if (status) return status;
    } while (clbi_take(t, ","));
    if (!clbi_take(t, "}") || !seen[0] || !seen[1] || !seen[2])
        return clbi_json_bad(s, t, "a tensor has dtype, shape and data_offsets, once each");
    e->begin = pair[0], e->end = pair[1];
    return CLB_OK;
}

/* Skips an object {"key": "text", ...}. */
static clb_status clbi_st_metadata(clbi_source *s, clbi_text *t, char *word)
{
    size_t length;
    if (!clbi_take(t, "{")) return clbi_json_bad(s, t, "__metadata__ is no object");
    if (clbi_take(t, "}")) return CLB_OK;
    do {
        if (!clbi_json_string(t, word, &length) || !clbi_take(t, ":") ||
            !clbi_json_string(t, word, &length))
            return clbi_json_bad(s, t, "__metadata__ may hold strings only");
    } while (clbi_take(t, ","));
    return clbi_take(t, "}") ? CLB_OK : clbi_json_bad(s, t, "__metadata__ does not end");
}

static clb_status clbi_st_header(clbi_source *s, clbi_text *t, clbi_extent *extents, char *word,
                                 size_t most)
{
    size_t length, count;
    int metadata = 0;
    clb_status status = CLB_OK;
    if (!clbi_take(t, "{")) return clbi_json_bad(s, t, "the header does not begin with {");
    if (!clbi_take(t, "}")) {
        do {
            clb_tensor *tensor;
            if (!clbi_json_string(t, word, &length) || !clbi_take(t, ":"))
                return clbi_json_bad(s, t, "a name was expected");
            if (length == 12 && memcmp(word, "__metadata__", 12) == 0) {
                if (metadata++) return clbi_json_bad(s, t, "__metadata__ stands there twice");
                status = clbi_st_metadata(s, t, word);
                if (status) return status;
                continue;
            }
            count = s->out->count;
            if (count == most) return clbi_json_bad(s, t, "a damaged header");
            status = clbi_source_push(s, word, length, &tensor);
            if (status) return status;
            extents[count].tensor = count;
            status = clbi_st_tensor(s, t, &tensor->array, &extents[count], word);
            if (status) return status;
        } while (clbi_take(t, ","));
        if (!clbi_take(t, "}")) return clbi_json_bad(s, t, "the header does not end");
    }
    clbi_skip_space(t);
    return t->p == t->end ? CLB_OK : clbi_json_bad(s, t, "something follows the header");
}

static int clbi_extent_order(const void *a, const void *b)
{
    const clbi_extent *x = (const clbi_extent *)a, *y = (const clbi_extent *)b;
    if (x->begin != y->begin) return x->begin < y->begin ? -1 : 1;
    return x->end < y->end ? -1 : x->end > y->end;
}

/* Allocates the elements of an array with that shape. *bytes: their size in the file. */
static clb_status clbi_source_array(clbi_source *s, clb_array *array, size_t item, size_t *bytes)
{
    size_t k, count = 1;
    clb_status status = CLB_OK;
    for (k = 0; k < array->rank; ++k)
        if (!clbi_mul_size(count, array->shape[k], &count)) status = CLB_ESIZE;
    if (!status && !clbi_mul_size(count, item, bytes)) status = CLB_ESIZE;
    if (status) return clbi_source_say(s, status, 0, "the shape has too many elements");
    status = clbi_source_alloc(s, &array->x, count, sizeof *array->x);
    if (!status) array->count = count;
    return status;
}

/* Reads the values of all tensors. Their bytes must fill the rest of the file without gaps or
 * overlaps. */
static clb_status clbi_st_values(clbi_source *s, clbi_extent *extents, size_t start)
{
    size_t k, i, at = 0, bytes;
    qsort(extents, s->out->count, sizeof *extents, clbi_extent_order);
    for (k = 0; k < s->out->count; ++k) {
        const clbi_extent *e = &extents[k];
        clb_tensor *tensor = &s->out->item[e->tensor];
        const char *text = NULL;
        clb_status status = CLB_EFORMAT;
        if (e->begin < at) text = "overlaps another: tensor";
        else if (e->begin > at) text = "bytes of no tensor before tensor";
        else if (e->end < e->begin) text = "ends before it begins: tensor";
        else if (e->end > s->size - start)
            text = "runs past the end of the file: tensor", status = CLB_ETRUNCATED;
        if (!text) {
            for (bytes = e->type->item, i = 0; i < tensor->array.rank; ++i)
                if (!clbi_mul_size(bytes, tensor->array.shape[i], &bytes)) break;
            if (i < tensor->array.rank) text = "shape overflows: tensor", status = CLB_ESIZE;
            else if (bytes != e->end - e->begin) text = "shape and data_offsets differ: tensor";
        }
        if (text)
            return clbi_source_bad(s, status, start + at, text, tensor->name,
                                   strlen(tensor->name));
        status = clbi_source_array(s, &tensor->array, e->type->item, &bytes);
        if (status) return status;
        for (i = 0; i < tensor->array.count; ++i)
            tensor->array.x[i] = clbi_npy_value(e->type, s->p + start + at + i * e->type->item);
        tensor->digits = clbi_npy_digits(e->type);
        at = e->end;
    }
    if (at != s->size - start)
        return clbi_source_say(s, CLB_EFORMAT, start + at, "bytes after the last tensor");
    return CLB_OK;
}

CLBDEF clb_status clb_safetensors_read(clb_tensors *tensors, const void *bytes, size_t size,
                                       clb_error *error)
{
    clbi_source s;
    clbi_text t;
    clbi_extent *extents = NULL;
    char *word = NULL;
    size_t length = 0, most, i;
    clb_status status = CLB_OK;
    clbi_source_start(&s, tensors, bytes, size, error);
    if (size >= 8) length = clbi_le(s.p, 8);
    if (size < 8) status = clbi_source_say(&s, CLB_ETRUNCATED, 0, "a safetensors file cut short");
    else if (length > size - 8)
        status = clbi_source_say(&s, size > 8 && s.p[8] == '{' ? CLB_ETRUNCATED : CLB_EFORMAT, 0,
                                 "the header is longer than the file");
    else if (length < 2 || s.p[8] != '{')
        status = clbi_source_say(&s, CLB_EFORMAT, 8, "no safetensors header");
    if (!status) {
        for (most = 0, i = 8; i < 8 + length; ++i) most += s.p[i] == '{';
        t.p = s.p + 8;
        t.end = t.p + length;
        status = clbi_source_alloc(&s, &extents, most, sizeof *extents);
        if (!status) status = clbi_source_alloc(&s, &word, length, 1);
        if (!status) status = clbi_st_header(&s, &t, extents, word, most);
        if (!status) status = clbi_source_distinct(&s);
        if (!status) status = clbi_st_values(&s, extents, 8 + length);
    }
    CLB_FREE(word);
    CLB_FREE(extents);
    return clbi_source_end(&s, status);
}

/* ---- PyTorch ------------------------------------------------------------------------------- */

/* A .pt file is a ZIP archive without compression. X/data.pkl is a pickle of the object, with
 * shapes and strides of its tensors; X/data/KEY are the bytes of each storage. A pickle is a
 * program for a stack machine. The reader knows only the instructions that torch.save uses for a
 * state dict, and they only build values. A name that the pickle calls must be in the list
 * clbi_pickle_names. */

typedef enum clbi_pickle_kind {
    CLBI_PICKLE_NONE,                /* None, booleans, floating-point numbers: not used       */
    CLBI_PICKLE_INT, CLBI_PICKLE_TEXT, CLBI_PICKLE_NAME, CLBI_PICKLE_MARK,
    CLBI_PICKLE_TUPLE, CLBI_PICKLE_LIST, CLBI_PICKLE_DICT,
    CLBI_PICKLE_STORAGE, CLBI_PICKLE_TENSOR      /* `first`: the tuple with its description */
} clbi_pickle_kind;

typedef enum clbi_pickle_name {
    CLBI_NAME_DICT, CLBI_NAME_TENSOR, CLBI_NAME_PARAMETER, CLBI_NAME_SIZE, CLBI_NAME_STORAGE
} clbi_pickle_name;

static const char *const clbi_pickle_names[] = {
    "collections\nOrderedDict\n", "torch._utils\n_rebuild_tensor_v2\n",
    "torch._utils\n_rebuild_parameter\n", "torch\nSize\n" };

typedef struct clbi_pickle_value {
    clbi_pickle_kind     kind;
    uint32_t             first, last, count; /* of a container: cells, from 1; 0: none     */
    int64_t              number;             /* an integer, or a clbi_pickle_name */
    const unsigned char *text;               /* of a text, or of a storage type's name   */
    size_t               length;
} clbi_pickle_value;

/* A value in a container, and the next cell. In a dict keys and values alternate. */
typedef struct clbi_pickle_cell { uint32_t value, next; } clbi_pickle_cell;

/* Each instruction takes at least one byte and makes at most one value, one cell and one memo. So
 * the length of the pickle bounds the number of all of them. */
typedef struct clbi_pickle {
    clbi_source         *s;
    const unsigned char *p, *end;
    clbi_pickle_value   *value;
    clbi_pickle_cell    *cell;
    uint32_t            *stack, *memo;
    uint32_t             values, cells, depth, size;
    clb_status           status;
    size_t               visits;             /* steps left for the walk through the result */
    int                  big_endian;
    clbi_member         *member;             /* members of the archive, sorted by name */
    size_t               members;
    const unsigned char *prefix;
    size_t               prefix_length;
} clbi_pickle;

static void clbi_pickle_bad(clbi_pickle *k, const char *text)
{
    if (!k->status)
        k->status = clbi_source_say(k->s, CLB_EFORMAT, (size_t)(k->p - k->s->p), text);
}

static clbi_pickle_value *clbi_pickle_push(clbi_pickle *k, clbi_pickle_kind kind)
{
    clbi_pickle_value *v = &k->value[k->values];
    memset(v, 0, sizeof *v);
    v->kind = kind;
    k->stack[k->depth++] = k->values++;
    return v;
}

/* Takes the top value off the stack. Returns a None if the stack is empty. */
static uint32_t clbi_pickle_pop(clbi_pickle *k)
{
    if (k->depth == 0) {
        clbi_pickle_bad(k, "the pickle takes from an empty stack");
        return 0;
    }
    return k->stack[--k->depth];
}

/* Reads the next count <= 8 bytes as a number, lowest byte first. */
static uint64_t clbi_pickle_bytes(clbi_pickle *k, size_t count)
{
    uint64_t v;
    if ((size_t)(k->end - k->p) < count) {
        clbi_pickle_bad(k, "the pickle ends too early");
        return 0;
    }
    v = clbi_bytes_u64(k->p, count, 0);
    k->p += count;
    return v;
}

static void clbi_pickle_append(clbi_pickle *k, uint32_t container, uint32_t value)
{
    clbi_pickle_value *c = &k->value[container];
    uint32_t cell = ++k->cells;              /* cells are counted from 1 */
    k->cell[cell].value = value;
    k->cell[cell].next = 0;
    if (c->last) k->cell[c->last].next = cell;
    else c->first = cell;
    c->last = cell;
    ++c->count;
}

/* Moves all values above the last mark into the container, and removes the mark. Returns how many
 * there were. */
static uint32_t clbi_pickle_collect(clbi_pickle *k, uint32_t mark, uint32_t container)
{
    uint32_t i, count = k->depth - mark - 1;
    for (i = 0; i < count; ++i) clbi_pickle_append(k, container, k->stack[mark + 1 + i]);
    k->depth = mark;
    return count;
}

static uint32_t clbi_pickle_mark(clbi_pickle *k)
{
    uint32_t i = k->depth;
    while (i > 0 && k->value[k->stack[i - 1]].kind != CLBI_PICKLE_MARK) --i;
    if (i == 0) clbi_pickle_bad(k, "the pickle lacks a mark");
    return i ? i - 1 : 0;
}

/* Makes a tuple of the topmost count values. */
static void clbi_pickle_tuple(clbi_pickle *k, uint32_t count)
{
    uint32_t below, i, tuple = k->values;
    if (k->depth < count) {
        clbi_pickle_bad(k, "the pickle takes from an empty stack");
        return;
    }
    below = k->depth - count;
    clbi_pickle_push(k, CLBI_PICKLE_TUPLE);
    for (i = 0; i < count; ++i) clbi_pickle_append(k, tuple, k->stack[below + i]);
    k->stack[below] = tuple;
    k->depth = below + 1;
}

/* Instructions that add to a container: all values above the mark (marked), else one value, or one
 * key with its value (dict). */
static void clbi_pickle_fill(clbi_pickle *k, int dict, int marked)
{
    uint32_t mark, container, count = dict ? 2 : 1;
    mark = marked ? clbi_pickle_mark(k) : k->depth - count;
    if (!k->status && (mark == 0 || (!marked && k->depth <= count)))
        clbi_pickle_bad(k, "the pickle fills no container");
    if (k->status) return;
    container = k->stack[mark - 1];
    if (k->value[container].kind != (dict ? CLBI_PICKLE_DICT : CLBI_PICKLE_LIST) ||
        (dict && marked && (k->depth - mark - 1) % 2)) {
        clbi_pickle_bad(k, "the pickle fills no container");
        return;
    }
    if (marked) {
        (void)clbi_pickle_collect(k, mark, container);
        return;
    }
    for (; count > 0; --count) clbi_pickle_append(k, container, k->stack[k->depth - count]);
    k->depth = mark;
}

/* Reads a name "module\nname\n" that the pickle calls later. */
static void clbi_pickle_global(clbi_pickle *k)
{
    const unsigned char *start = k->p, *type;
    clbi_pickle_value *v;
    size_t length, i, lines = 0;
    while (k->p < k->end && lines < 2) lines += *k->p++ == '\n';
    length = (size_t)(k->p - start);
    if (lines < 2) {
        clbi_pickle_bad(k, "the pickle ends too early");
        return;
    }
    v = clbi_pickle_push(k, CLBI_PICKLE_NAME);
    for (i = 0; i < CLBI_NAME_STORAGE; ++i)
        if (strlen(clbi_pickle_names[i]) == length &&
            memcmp(clbi_pickle_names[i], start, length) == 0) break;
    v->number = (int64_t)i;
    if (i < CLBI_NAME_STORAGE) return;
    type = start + 6;                        /* after "torch\n" */
    v->text = start;
    v->length = length;
    if (length > 14 && memcmp(start, "torch\n", 6) == 0 &&
        memcmp(start + length - 8, "Storage\n", 8) == 0) {
        v->text = type;
        v->length = length - 7;
        if (clbi_dtype_find(1, v->text, v->length)) return;
        k->status = clbi_source_bad(k->s, CLB_ETYPE, (size_t)(start - k->s->p),
                                    "element type not read here: PyTorch's", v->text, v->length);
        return;
    }
    k->status = clbi_source_bad(k->s, CLB_ETYPE, (size_t)(start - k->s->p),
                                "not a state dict (torch.save(model.state_dict(), ...)), needs",
                                start, length - 1);
}

/* Value i of a container, from 0. NULL if there is none or it is not of that kind. */
static const clbi_pickle_value *clbi_pickle_item(const clbi_pickle *k, const clbi_pickle_value *c,
                                                 uint32_t i, clbi_pickle_kind kind)
{
    uint32_t cell = c->first;
    const clbi_pickle_value *v;
    while (cell && i > 0) cell = k->cell[cell].next, --i;
    if (!cell) return NULL;
    v = &k->value[k->cell[cell].value];
    return v->kind == kind ? v : NULL;
}

/* A call of one of the known names. The result is a dict, a tensor, or the argument itself. */
static void clbi_pickle_call(clbi_pickle *k)
{
    uint32_t argument = clbi_pickle_pop(k), called = clbi_pickle_pop(k);
    const clbi_pickle_value *a = &k->value[argument], *name = &k->value[called];
    clbi_pickle_value *v;
    if (k->status) return;
    if (name->kind != CLBI_PICKLE_NAME || a->kind != CLBI_PICKLE_TUPLE) {
        clbi_pickle_bad(k, "the pickle calls what is no function");
        return;
    }
    switch ((int)name->number) {
    case CLBI_NAME_DICT:
        if (a->count) clbi_pickle_bad(k, "an OrderedDict with arguments");
        clbi_pickle_push(k, CLBI_PICKLE_DICT);
        return;
    case CLBI_NAME_TENSOR:
        v = clbi_pickle_push(k, CLBI_PICKLE_TENSOR);
        v->first = argument;
        if (!clbi_pickle_item(k, a, 0, CLBI_PICKLE_STORAGE) ||
            !clbi_pickle_item(k, a, 1, CLBI_PICKLE_INT) ||
            !clbi_pickle_item(k, a, 2, CLBI_PICKLE_TUPLE) ||
            !clbi_pickle_item(k, a, 3, CLBI_PICKLE_TUPLE))
            clbi_pickle_bad(k, "a tensor without storage, offset, shape and strides");
        return;
    case CLBI_NAME_PARAMETER:
    case CLBI_NAME_SIZE:
        if (a->count == 0) clbi_pickle_bad(k, "a call without arguments");
        else k->stack[k->depth++] = k->cell[a->first].value;
        return;
    default:
        clbi_pickle_bad(k, "the pickle calls what is no function");
    }
}

/* Texts and integers that are preceded by their length. */
static void clbi_pickle_text(clbi_pickle *k)
{
    size_t length = (size_t)clbi_pickle_bytes(k, 4);
    clbi_pickle_value *v = clbi_pickle_push(k, CLBI_PICKLE_TEXT);
    if (length > (size_t)(k->end - k->p)) {
        clbi_pickle_bad(k, "a text runs past the end of the pickle");
        return;
    }
    v->text = k->p;
    v->length = length;
    k->p += length;
}

static void clbi_pickle_number(clbi_pickle *k, size_t bytes, int is_signed)
{
    uint64_t u = clbi_pickle_bytes(k, bytes), sign = (uint64_t)1 << (8 * bytes - 1);
    clbi_pickle_value *v = clbi_pickle_push(k, CLBI_PICKLE_INT);
    if (is_signed && (u & sign)) v->number = -(int64_t)((sign << 1) - 1 - u) - 1;
    else v->number = (int64_t)u;
}

static void clbi_pickle_memo(clbi_pickle *k, size_t bytes, int store)
{
    uint64_t index = clbi_pickle_bytes(k, bytes);
    if (k->status) return;
    if (index >= k->size || (store ? k->depth == 0 : k->memo[index] == 0))
        clbi_pickle_bad(k, "the pickle names a value that is not there");
    else if (store) k->memo[index] = k->stack[k->depth - 1] + 1;
    else k->stack[k->depth++] = k->memo[index] - 1;
}

/* A reference to a storage: the tuple ("storage", type, key, location, count). */
static void clbi_pickle_storage(clbi_pickle *k)
{
    uint32_t tuple = clbi_pickle_pop(k);
    const clbi_pickle_value *t = &k->value[tuple], *name;
    if (k->status) return;
    name = t->kind == CLBI_PICKLE_TUPLE ? clbi_pickle_item(k, t, 1, CLBI_PICKLE_NAME) : NULL;
    clbi_pickle_push(k, CLBI_PICKLE_STORAGE)->first = tuple;
    if (!name || name->number != CLBI_NAME_STORAGE ||
        !clbi_pickle_item(k, t, 2, CLBI_PICKLE_TEXT) ||
        !clbi_pickle_item(k, t, 4, CLBI_PICKLE_INT))
        clbi_pickle_bad(k, "a reference to something that is no storage");
}

/* Sets the state of an object: attributes of a dict, which are not needed. */
static void clbi_pickle_build(clbi_pickle *k)
{
    (void)clbi_pickle_pop(k);
    if (k->depth == 0 || k->value[k->stack[k->depth - 1]].kind != CLBI_PICKLE_DICT)
        clbi_pickle_bad(k, "the pickle gives a state to what is no dict");
}

/* Executes one instruction. Returns 0 after the last one. */
static int clbi_pickle_step(clbi_pickle *k)
{
    unsigned op = (unsigned)clbi_pickle_bytes(k, 1);
    static const char hex[] = "0123456789abcdef";
    char name[3] = { 0, 0, 0 };
    uint32_t mark, tuple;
    if (k->status) return 0;
    switch (op) {
    case 0x80: if (clbi_pickle_bytes(k, 1) > 3) clbi_pickle_bad(k, "a protocol above 3"); break;
    case '.':  return 0;
    case 'c':  clbi_pickle_global(k); break;
    case 'R':  clbi_pickle_call(k); break;
    case 'b':  clbi_pickle_build(k); break;
    case 'Q':  clbi_pickle_storage(k); break;
    case '(':  clbi_pickle_push(k, CLBI_PICKLE_MARK); break;
    case ')':  clbi_pickle_push(k, CLBI_PICKLE_TUPLE); break;
    case ']':  clbi_pickle_push(k, CLBI_PICKLE_LIST); break;
    case '}':  clbi_pickle_push(k, CLBI_PICKLE_DICT); break;
    case 't':
        mark = clbi_pickle_mark(k);
        if (k->status) break;
        clbi_pickle_push(k, CLBI_PICKLE_TUPLE);
        tuple = k->stack[--k->depth];
        (void)clbi_pickle_collect(k, mark, tuple);
        k->stack[k->depth++] = tuple;
        break;
    case 0x85: case 0x86: case 0x87: clbi_pickle_tuple(k, op - 0x84); break;
    case 'a':  clbi_pickle_fill(k, 0, 0); break;
    case 'e':  clbi_pickle_fill(k, 0, 1); break;
    case 's':  clbi_pickle_fill(k, 1, 0); break;
    case 'u':  clbi_pickle_fill(k, 1, 1); break;
    case 'X':  clbi_pickle_text(k); break;
    case 'K':  clbi_pickle_number(k, 1, 0); break;
    case 'M':  clbi_pickle_number(k, 2, 0); break;
    case 'J':  clbi_pickle_number(k, 4, 1); break;
    case 0x8a:
        mark = (uint32_t)clbi_pickle_bytes(k, 1);
        if (mark < 1 || mark > 8) clbi_pickle_bad(k, "an integer of more than 8 bytes");
        else clbi_pickle_number(k, mark, 1);
        break;
    case 'G':  (void)clbi_pickle_bytes(k, 8); clbi_pickle_push(k, CLBI_PICKLE_NONE); break;
    case 'N': case 0x88: case 0x89: clbi_pickle_push(k, CLBI_PICKLE_NONE); break;
    case 'q':  clbi_pickle_memo(k, 1, 1); break;
    case 'r':  clbi_pickle_memo(k, 4, 1); break;
    case 'h':  clbi_pickle_memo(k, 1, 0); break;
    case 'j':  clbi_pickle_memo(k, 4, 0); break;
    default:
        name[0] = hex[op >> 4], name[1] = hex[op & 15];
        k->status = clbi_source_bad(k->s, CLB_ETYPE, (size_t)(k->p - 1 - k->s->p),
                                    "a pickle instruction that no state dict has, hexadecimal",
                                    name, 2);
    }
    return k->status == CLB_OK;
}

static int clbi_member_order(const void *a, const void *b)
{
    const clbi_member *x = (const clbi_member *)a, *y = (const clbi_member *)b;
    size_t n = x->name_length < y->name_length ? x->name_length : y->name_length;
    int order = memcmp(x->name, y->name, n);
    if (order) return order;
    return x->name_length < y->name_length ? -1 : x->name_length > y->name_length;
}

/* The member prefix + folder + key of the archive, or NULL. */
static clbi_member *clbi_pt_member(clbi_pickle *k, const char *folder, const unsigned char *key,
                                   size_t length)
{
    clbi_member wanted;
    unsigned char name[512];
    size_t n = strlen(folder);
    if (k->prefix_length + n + length > sizeof name) return NULL;
    memset(&wanted, 0, sizeof wanted);
    memcpy(name, k->prefix, k->prefix_length);
    memcpy(name + k->prefix_length, folder, n);
    if (length) memcpy(name + k->prefix_length + n, key, length);
    wanted.name = name;
    wanted.name_length = k->prefix_length + n + length;
    return (clbi_member *)bsearch(&wanted, k->member, k->members, sizeof wanted, clbi_member_order);
}

/* The bytes of the storage of a tensor. *count: the number of its elements. */
static const unsigned char *clbi_pt_storage(clbi_pickle *k, const clbi_pickle_value *storage,
                                            clbi_npy *type, size_t *count)
{
    const clbi_pickle_value *t = &k->value[storage->first];
    const clbi_pickle_value *name = clbi_pickle_item(k, t, 1, CLBI_PICKLE_NAME),
                            *key = clbi_pickle_item(k, t, 2, CLBI_PICKLE_TEXT);
    clbi_member *m = clbi_pt_member(k, "data/", key->text, key->length);
    const unsigned char *bytes;
    unsigned char *own;
    if (!m || m->method != 0) {
        k->status = clbi_source_bad(k->s, CLB_EFORMAT, 0, m ? "storage not stored as it is:"
                                    : "no such storage in the archive:", key->text, key->length);
        return NULL;
    }
    if (!m->checked) k->status = clbi_zip_bytes(k->s, m, &bytes, &own);
    m->checked = 1;
    *type = *clbi_dtype_find(1, name->text, name->length);
    type->big_endian = k->big_endian;
    *count = m->size / type->item;
    return m->data;
}

/* Reads a tuple of integers >= 0 into value. Returns how many there are. */
static uint32_t clbi_pickle_sizes(clbi_pickle *k, const clbi_pickle_value *tuple, size_t *value)
{
    uint32_t i, cell = tuple->first;
    if (tuple->count > CLB_ARRAY_RANK) {
        if (!k->status) k->status = clbi_source_say(k->s, CLB_ESIZE, 0, "a tensor of rank above 8");
        return 0;
    }
    for (i = 0; i < tuple->count; ++i, cell = k->cell[cell].next) {
        const clbi_pickle_value *v = &k->value[k->cell[cell].value];
        if (v->kind != CLBI_PICKLE_INT || v->number < 0 || (uint64_t)v->number > (size_t)-1 / 2)
            clbi_pickle_bad(k, "a shape or stride that is no size");
        else value[i] = (size_t)v->number;
    }
    return tuple->count;
}

/* Are all elements that offset and strides reach inside the storage? */
static int clbi_strides_fit(const clb_array *array, const size_t *stride, size_t offset,
                            size_t storage)
{
    size_t k, span, last = offset;
    if (array->count == 0) return 1;
    for (k = 0; k < array->rank; ++k)
        if (!clbi_mul_size(array->shape[k] - 1, stride[k], &span) ||
            !clbi_add_size(last, span, &last)) return 0;
    return last < storage;
}

/* Adds a tensor of the pickle to the tensors found. */
static void clbi_pt_tensor(clbi_pickle *k, const clbi_pickle_value *v, const char *name,
                           size_t length)
{
    const clbi_pickle_value *t = &k->value[v->first];
    size_t stride[CLB_ARRAY_RANK] = { 0 }, index[CLB_ARRAY_RANK] = { 0 };
    size_t storage = 0, bytes, c, d, at;
    int64_t offset = clbi_pickle_item(k, t, 1, CLBI_PICKLE_INT)->number;
    const unsigned char *p;
    clb_tensor *tensor;
    clbi_npy type;
    memset(&type, 0, sizeof type);
    k->status = clbi_source_push(k->s, name, length, &tensor);
    if (k->status) return;
    p = clbi_pt_storage(k, clbi_pickle_item(k, t, 0, CLBI_PICKLE_STORAGE), &type, &storage);
    if (k->status) return;
    tensor->array.rank = clbi_pickle_sizes(k, clbi_pickle_item(k, t, 2, CLBI_PICKLE_TUPLE),
                                           tensor->array.shape);
    if (clbi_pickle_sizes(k, clbi_pickle_item(k, t, 3, CLBI_PICKLE_TUPLE), stride) !=
        tensor->array.rank)
        clbi_pickle_bad(k, "a tensor has not one stride a dimension");
    if (!k->status) k->status = clbi_source_array(k->s, &tensor->array, type.item, &bytes);
    if (!k->status && (offset < 0 || (uint64_t)offset > (size_t)-1 / 2 ||
        !clbi_strides_fit(&tensor->array, stride, (size_t)offset, storage)))
        k->status = clbi_source_bad(k->s, CLB_ETRUNCATED, 0, "reaches past its storage: tensor",
                                    name, length);
    if (k->status) return;
    tensor->digits = clbi_npy_digits(&type);
    for (c = 0; c < tensor->array.count; ++c) {
        for (at = (size_t)offset, d = 0; d < tensor->array.rank; ++d) at += index[d] * stride[d];
        tensor->array.x[c] = clbi_npy_value(&type, p + at * type.item);
        for (d = tensor->array.rank; d-- > 0;) {
            if (++index[d] < tensor->array.shape[d]) break;
            index[d] = 0;
        }
    }
}

#define CLBI_PT_DEPTH 16                     /* levels of nested containers  */
#define CLBI_PT_NAME  1000

/* Appends "." and a key to the name. Returns the new length, or 0 if the name gets too long. */
static size_t clbi_pt_key(const clbi_pickle_value *key, size_t position, char *name, size_t length)
{
    char digits[24];
    const void *text = digits;
    size_t n;
    if (key && key->kind == CLBI_PICKLE_TEXT) text = key->text, n = key->length;
    else n = clbi_put_size(digits, 0, key && key->kind == CLBI_PICKLE_INT && key->number >= 0
                                      ? (size_t)key->number : position);
    if (n > CLBI_PT_NAME - 2 - length) return 0;
    if (length) name[length++] = '.';
    if (n) memcpy(name + length, text, n);
    return length + n;
}

/* Walks through dicts, lists and tuples from the root. The name of a tensor is its path. */
static void clbi_pt_walk(clbi_pickle *k, uint32_t root)
{
    struct { uint32_t cell; size_t length, position; int dict; } at[CLBI_PT_DEPTH], *top = at;
    char name[CLBI_PT_NAME];
    int depth = 0;
    uint32_t next = root;
    size_t length = 0;
    while (!k->status) {
        const clbi_pickle_value *v = &k->value[next], *key = NULL;
        if (v->kind == CLBI_PICKLE_TENSOR) clbi_pt_tensor(k, v, name, length);
        else if (v->kind == CLBI_PICKLE_DICT || v->kind == CLBI_PICKLE_LIST ||
                 v->kind == CLBI_PICKLE_TUPLE) {
            if (depth == CLBI_PT_DEPTH || k->visits-- == 0) {
                clbi_pickle_bad(k, "containers are nested too deeply");
                return;
            }
            top = &at[depth++];
            top->cell = v->first, top->length = length, top->position = 0;
            top->dict = v->kind == CLBI_PICKLE_DICT;
        }
        while (depth > 0 && top->cell == 0)
            if (--depth > 0) top = &at[depth - 1];
        if (depth == 0) return;
        if (top->dict) {
            key = &k->value[k->cell[top->cell].value];
            top->cell = k->cell[top->cell].next;
        }
        length = clbi_pt_key(key, top->position++, name, top->length);
        if (length == 0) clbi_pickle_bad(k, "a name is empty, or longer than 1000 bytes");
        next = k->cell[top->cell].value;
        top->cell = k->cell[top->cell].next;
        if (!k->status && k->visits-- == 0) clbi_pickle_bad(k, "containers are nested too deeply");
    }
}

/* Executes the pickle p[0..size-1] and reads the tensors from its result. */
static void clbi_pt_run(clbi_pickle *k, const unsigned char *p, size_t size)
{
    if (size > 0x7ffffff0u) k->status = CLB_ESIZE;
    k->p = p;
    k->end = p + size;
    k->size = (uint32_t)size;
    k->visits = size;
    if (!k->status) k->status = clbi_source_alloc(k->s, &k->value, size + 1, sizeof *k->value);
    if (!k->status) k->status = clbi_source_alloc(k->s, &k->cell, size + 1, sizeof *k->cell);
    if (!k->status) k->status = clbi_source_alloc(k->s, &k->stack, size + 1, sizeof *k->stack);
    if (!k->status) k->status = clbi_source_alloc(k->s, &k->memo, size + 1, sizeof *k->memo);
    if (!k->status) {
        memset(k->value, 0, sizeof *k->value);
        memset(k->memo, 0, (size + 1) * sizeof *k->memo);
        while (clbi_pickle_step(k)) continue;
        if (!k->status && k->depth != 1) clbi_pickle_bad(k, "the pickle does not leave one object");
        if (!k->status) clbi_pt_walk(k, k->stack[0]);
    }
    CLB_FREE(k->memo);
    CLB_FREE(k->stack);
    CLB_FREE(k->cell);
    CLB_FREE(k->value);
}

static int clbi_is_pickle(const clbi_member *m)
{
    return m->name_length >= 9 && memcmp(m->name + m->name_length - 9, "/data.pkl", 9) == 0;
}

/* Reads the members of the archive, sorts them by name, and finds the folder of data.pkl. */
static clb_status clbi_pt_open(clbi_pickle *k, const clbi_member **pickle)
{
    clbi_source *s = k->s;
    clbi_zip zip;
    size_t i;
    clb_status status = clbi_zip_open(s, &zip);
    *pickle = NULL;
    if (status) return status;
    k->members = zip.left;
    status = clbi_source_alloc(s, &k->member, k->members, sizeof *k->member);
    for (i = 0; !status && i < k->members; ++i) status = clbi_zip_next(s, &zip, &k->member[i]);
    if (status) return status;
    qsort(k->member, k->members, sizeof *k->member, clbi_member_order);
    for (i = 0; i < k->members; ++i) {
        const clbi_member *m = &k->member[i];
        if (!clbi_is_pickle(m)) continue;
        *pickle = m;
        k->prefix = m->name;
        k->prefix_length = m->name_length - 8;
    }
    return *pickle ? CLB_OK
                   : clbi_source_say(s, CLB_EFORMAT, 0, "no data.pkl: not made by torch.save");
}

CLBDEF clb_status clb_torch_read(clb_tensors *tensors, const void *bytes, size_t size,
                                 clb_error *error)
{
    clbi_source s;
    clbi_pickle k;
    const clbi_member *pickle = NULL, *order;
    const unsigned char *p = NULL;
    unsigned char *own = NULL;
    clb_status status;
    clbi_source_start(&s, tensors, bytes, size, error);
    memset(&k, 0, sizeof k);
    k.s = &s;
    if (size > 2 && s.p[0] == 0x80)
        status = clbi_source_say(&s, CLB_ETYPE, 0, "a file of PyTorch before version 1.6: load it "
                                 "there and save it again");
    else status = clbi_pt_open(&k, &pickle);
    if (!status && pickle->method != 0)
        status = clbi_source_say(&s, CLB_ETYPE, pickle->header, "data.pkl is compressed");
    if (!status) status = clbi_zip_bytes(&s, pickle, &p, &own);
    if (!status) {
        order = clbi_pt_member(&k, "byteorder", NULL, 0);
        k.big_endian = order && order->method == 0 && order->size == 3 &&
                       memcmp(order->data, "big", 3) == 0;
        clbi_pt_run(&k, p, pickle->size);
        status = k.status;
    }
    if (!status) status = clbi_source_distinct(&s);
    CLB_FREE(k.member);
    return clbi_source_end(&s, status);
}

/* ---- any of them --------------------------------------------------------------------------- */

/* Was the archive written by torch.save? */
static int clbi_is_torch(const unsigned char *p, size_t size)
{
    clbi_source s;
    clbi_zip zip;
    clbi_member m;
    clb_tensors none;
    clbi_source_start(&s, &none, p, size, NULL);
    if (clbi_zip_open(&s, &zip)) return 0;
    while (zip.left > 0 && !clbi_zip_next(&s, &zip, &m))
        if (clbi_is_pickle(&m)) return 1;
    return 0;
}

/* Reads one NPY file as a tensor without a name. */
static clb_status clbi_npy_tensor(clb_tensors *tensors, const void *bytes, size_t size,
                                  clb_error *error)
{
    clbi_source s;
    clb_tensor *tensor;
    clbi_npy npy;
    clb_status status;
    clbi_source_start(&s, tensors, bytes, size, error);
    status = clbi_source_push(&s, "", 0, &tensor);
    if (!status) status = clbi_npy_decode(&tensor->array, &npy, s.p, size, s.budget);
    if (!status) tensor->digits = clbi_npy_digits(&npy);
    return clbi_source_end(&s, status);
}

CLBDEF clb_status clb_tensors_read(clb_tensors *tensors, const void *bytes, size_t size,
                                   clb_error *error)
{
    const unsigned char *p = (const unsigned char *)bytes;
    clbi_source s;
    if (size >= 4 && memcmp(p, "PK", 2) == 0)
        return clbi_is_torch(p, size) ? clb_torch_read(tensors, bytes, size, error)
                                      : clb_npz_read(tensors, bytes, size, error);
    if (size >= 6 && memcmp(p, "\x93NUMPY", 6) == 0)
        return clbi_npy_tensor(tensors, bytes, size, error);
    if (size >= 2 && p[0] == 0x80 && p[1] <= 5 && !(size > 8 && p[8] == '{'))
        return clb_torch_read(tensors, bytes, size, error);
    if (size > 8 && p[8] == '{') return clb_safetensors_read(tensors, bytes, size, error);
    clbi_source_start(&s, tensors, bytes, size, error);
    return clbi_source_end(&s, clbi_source_say(&s, CLB_EFORMAT, 0, "neither NPY, NPZ, safetensors "
                                               "nor a .pt file"));
}

#ifndef CLB_NO_STDIO
CLBDEF clb_status clb_tensors_load(clb_tensors *tensors, const char *path, clb_error *error)
{
    unsigned char *bytes;
    size_t size;
    clb_status status = clbi_read_file(path, &bytes, &size);
    memset(tensors, 0, sizeof *tensors);
    if (status) {
        clbi_clear(error);
        return clbi_fail(error, status, "%s: %s", path, clb_strerror(status));
    }
    status = clb_tensors_read(tensors, bytes, size, error);
    CLB_FREE(bytes);
    return status;
}
#endif

/* ---- a net as one file -------------------------------------------------------------------- */

#define CLBI_NET_LAYERS 9999
#define CLBI_NET_NAME   8            /* "b9999" */

/* The member `bias` of clb_net_opts for this net: 0 for none, -1 for all layers, else the one layer
 * that has biases. */
static int clbi_net_bias(const clb_net *net)
{
    size_t l, count = 0, last = 0;
    for (l = 1; l <= net->L; ++l) {
        if (net->b[l] == CLB_NO_BIAS) continue;
        ++count;
        last = l;
    }
    return count == net->L ? -1 : (int)last;
}

static void clbi_net_name(char *name, char letter, size_t l)
{
    name[0] = letter;
    name[clbi_put_size(name, 1, l)] = '\0';
}

/* Adds an array [rows][columns], or [rows] if columns is 0, whose values are stored at `at`.
 * Returns where the next values go. */
static double *clbi_net_add(clb_tensors *tensors, char *name, size_t rows, size_t columns,
                            const clb_real *x, double *at)
{
    clb_tensor *t = &tensors->item[tensors->count++];
    size_t i;
    t->name = name;
    t->digits = sizeof(clb_real) == 4 ? 24 : 53;
    t->array.rank = columns ? 2 : 1;
    t->array.shape[0] = rows;
    t->array.shape[1] = columns;
    t->array.count = columns ? rows * columns : rows;
    t->array.x = at;
    for (i = 0; x && i < t->array.count; ++i) at[i] = (double)x[i];
    return at + t->array.count;
}

/* fields: the values of "net"; values: those of all other arrays. */
static void clbi_net_tensors_layout(const clb_net *net, clb_tensors *tensors, char **names,
                                    double **fields, double **values, clbi_room *room)
{
    size_t items = 2 * net->L + 1;
    tensors->item = (clb_tensor *)clbi_part(room, items, 1, sizeof *tensors->item);
    *names = (char *)clbi_part(room, items, CLBI_NET_NAME, 1);
    *fields = clbi_doubles(room, 4, 1);
    *values = clbi_doubles(room, net->P, 1);
}

/* The arrays of a net: "net", W1, b1, W2, ... *arena is the allocation that holds them. */
static clb_status clbi_net_tensors(clb_tensors *tensors, const clb_net *net, void **arena)
{
    clbi_room room = CLB_ZERO;
    size_t l;
    double *fields, *at;
    char *name;
    clb_status status;
    *arena = NULL;
    memset(tensors, 0, sizeof *tensors);
    if (net->L == 0) return CLB_EUNSET;
    if (net->L > CLBI_NET_LAYERS) return CLB_ESIZE;
    clbi_net_tensors_layout(net, tensors, &name, &fields, &at, &room);
    if ((status = clbi_room_calloc(&room, arena)) != CLB_OK) return status;
    clbi_net_tensors_layout(net, tensors, &name, &fields, &at, &room);
    memcpy(name, "net", 4);
    fields[0] = (double)net->L, fields[1] = (double)net->activation;
    fields[2] = clbi_net_bias(net), fields[3] = net->param;
    (void)clbi_net_add(tensors, name, 4, 0, NULL, fields);
    tensors->item[0].digits = 53;
    for (l = 1; l <= net->L; ++l) {
        clbi_net_name(name += CLBI_NET_NAME, 'W', l);
        at = clbi_net_add(tensors, name, net->m[l], net->m[l - 1], net->theta + net->w[l], at);
        if (net->b[l] == CLB_NO_BIAS) continue;
        clbi_net_name(name += CLBI_NET_NAME, 'b', l);
        at = clbi_net_add(tensors, name, net->m[l], 0, net->theta + net->b[l], at);
    }
    return CLB_OK;
}

CLBDEF clb_status clb_net_write(void *buffer, size_t capacity, size_t *size, const clb_net *net)
{
    clb_tensors tensors;
    void *arena;
    clb_status status = clbi_net_tensors(&tensors, net, &arena);
    if (!status) status = clb_npz_write(buffer, capacity, size, &tensors);
    CLB_FREE(arena);
    return status;
}

/* Reads the array "net". */
static clb_status clbi_net_fields(const clb_tensors *tensors, clb_net_opts *opts, size_t *L,
                                  clb_error *error)
{
    const clb_tensor *t = clb_tensors_find(tensors, "net");
    const double *x = t ? t->array.x : NULL;
    if (!t) return clbi_fail(error, CLB_EFORMAT, "no array 'net': not a net that clb saved");
    if (t->array.count != 4 || !(x[0] >= 1 && x[0] <= CLBI_NET_LAYERS) || x[0] != floor(x[0]) ||
        !(x[1] >= 0 && x[1] < (int)CLB_ACTIVATION_COUNT) || x[1] != floor(x[1]) ||
        !(x[2] >= -1 && x[2] <= x[0]) || x[2] != floor(x[2]) || !(fabs(x[3]) <= DBL_MAX))
        return clbi_fail(error, CLB_EFORMAT, "array 'net' holds something else");
    *L = (size_t)x[0];
    opts->activation = (clb_activation)(int)x[1];
    opts->bias = (int)x[2];
    opts->param = x[3];
    return CLB_OK;
}

/* The array with that letter and number. If it is missing, empty or of another rank, returns NULL
 * and fills *error. */
static const clb_array *clbi_net_array(const clb_tensors *tensors, char letter, size_t l,
                                       size_t rank, clb_error *error)
{
    char name[CLBI_NET_NAME];
    const clb_tensor *t;
    clbi_net_name(name, letter, l);
    t = clb_tensors_find(tensors, name);
    if (t && t->array.rank == rank && t->array.count > 0) return &t->array;
    clbi_fail(error, CLB_EFORMAT, "array '%s' is missing or has another shape", name);
    return NULL;
}

static clb_status clbi_net_values(const clb_array *array, clb_real *x, clb_error *error)
{
    size_t i;
    for (i = 0; i < array->count; ++i) {
        if (!clbi_real_ok(array->x[i]))
            return clbi_fail(error, CLB_ENOTFINITE, "a weight is not finite");
        x[i] = (clb_real)array->x[i];
    }
    return CLB_OK;
}

/* Copies the parameters of layer l from their arrays. */
static clb_status clbi_net_layer(clb_net *net, const clb_tensors *tensors, size_t l,
                                 clb_error *error)
{
    const clb_array *W = clbi_net_array(tensors, 'W', l, 2, error), *b;
    clb_status status;
    if (!W) return CLB_EFORMAT;
    status = clbi_net_values(W, net->theta + net->w[l], error);
    if (status || net->b[l] == CLB_NO_BIAS) return status;
    if (!(b = clbi_net_array(tensors, 'b', l, 1, error))) return CLB_EFORMAT;
    if (b->count != net->m[l])
        return clbi_fail(error, CLB_EFORMAT, "array 'b%z' has another length than W%z has rows", l,
                         l);
    return clbi_net_values(b, net->theta + net->b[l], error);
}

/* Reads widths [L+1] from the shapes of the weight matrices. */
static clb_status clbi_net_widths(const clb_tensors *tensors, size_t L, size_t *widths,
                                  clb_error *error)
{
    size_t l;
    for (l = 1; l <= L; ++l) {
        const clb_array *W = clbi_net_array(tensors, 'W', l, 2, error);
        if (!W) return CLB_EFORMAT;
        if (l > 1 && W->shape[1] != widths[l - 1])
            return clbi_fail(error, CLB_EFORMAT, "W%z takes %z inputs, W%z gives %z", l,
                             W->shape[1], l - 1, widths[l - 1]);
        widths[l - 1] = W->shape[1];
        widths[l] = W->shape[0];
    }
    return CLB_OK;
}

CLBDEF clb_status clb_net_read(clb_net *net, const void *bytes, size_t size, clb_error *error)
{
    clb_net_opts opts = CLB_ZERO;
    clb_tensors tensors;
    size_t *widths = NULL, L = 0, l;
    clb_status status = clb_npz_read(&tensors, bytes, size, error);
    memset(net, 0, sizeof *net);
    if (status) return status;
    status = clbi_net_fields(&tensors, &opts, &L, error);
    if (!status) status = clbi_alloc(&widths, L + 1, sizeof *widths);
    if (!status) status = clbi_net_widths(&tensors, L, widths, error);
    if (!status) status = clb_net_alloc(net, widths, L + 1, &opts);
    for (l = 1; !status && l <= L; ++l) status = clbi_net_layer(net, &tensors, l, error);
    if (status) clb_net_free(net);
    CLB_FREE(widths);
    clb_tensors_free(&tensors);
    return clbi_done(error, status);
}

/* Text that is being written at `at`, which has `room` bytes. With `at` NULL the text is only
 * counted. */
typedef struct clbi_code {
    char  *at;
    size_t room, size;
} clbi_code;

static void clbi_code_text(clbi_code *out, const char *text)
{
    for (; *text; ++text, ++out->size)
        if (out->at && out->size < out->room) out->at[out->size] = *text;
}

static void clbi_code_size(clbi_code *out, size_t value)
{
    char digits[24];
    digits[clbi_put_size(digits, 0, value)] = '\0';
    clbi_code_text(out, digits);
}

static int clbi_is_identifier(const char *name)
{
    const char *p;
    for (p = name; *p; ++p) {
        char c = (char)(*p | 0x20);
        if (!(c >= 'a' && c <= 'z') && *p != '_' &&
            !(p > name && clbi_is_digit((unsigned char)*p))) return 0;
    }
    return p > name;
}

CLBDEF clb_status clb_net_write_c(char *buffer, size_t capacity, size_t *size, const clb_net *net,
                                  const char *name)
{
    clbi_code out;
    unsigned char *bytes = NULL;
    size_t i, count;
    clb_status status;
    if (!clbi_is_identifier(name)) return CLB_ENAME;
    status = clb_net_write(NULL, 0, &count, net);
    if (!status) status = clbi_alloc(&bytes, count, 1);
    if (!status) status = clb_net_write(bytes, count, &count, net);
    out.at = buffer, out.room = capacity, out.size = 0;
    if (!status) {
        clbi_code_text(&out, "static const unsigned char ");
        clbi_code_text(&out, name);
        clbi_code_text(&out, "[");
        clbi_code_size(&out, count);
        clbi_code_text(&out, "] = {");
        for (i = 0; i < count; ++i) {
            clbi_code_text(&out, i % 20 ? "," : i ? ",\n    " : "\n    ");
            clbi_code_size(&out, bytes[i]);
        }
        clbi_code_text(&out, "\n};\n");
        *size = out.size;
        if (buffer && out.size > capacity) status = CLB_ESIZE;
    }
    CLB_FREE(bytes);
    return status;
}

#ifndef CLB_NO_STDIO
CLBDEF clb_status clb_net_save(const clb_net *net, const char *path)
{
    clb_tensors tensors;
    void *arena;
    clb_status status = clbi_net_tensors(&tensors, net, &arena);
    if (!status) status = clb_npz_save(&tensors, path);
    CLB_FREE(arena);
    return status;
}

CLBDEF clb_status clb_net_load(clb_net *net, const char *path, clb_error *error)
{
    unsigned char *bytes;
    size_t size;
    clb_status status = clbi_read_file(path, &bytes, &size);
    memset(net, 0, sizeof *net);
    clbi_clear(error);
    if (status) return clbi_fail(error, status, "%s: %s", path, clb_strerror(status));
    status = clb_net_read(net, bytes, size, error);
    CLB_FREE(bytes);
    return status;
}
#endif /* CLB_NO_STDIO */

#endif /* CLB_FREESTANDING */

/* ============================================================================================
 * @S47 AUDIT
 * ========================================================================================== */

#define CLBI_LAGS 48                 /* displacements in the sum for Nesterov's velocity          */
#define CLBI_ULP 0.41                /* standard deviation of the rounding error of x, divided by
                                        2^-digits |x|: sqrt(1/6) for mantissas uniform in [1, 2) */
#define CLBI_EXCESS 4.0              /* a law holds up to a residual of this many times its noise */
#define CLBI_SLOW 0.993              /* a larger momentum looks like any other slow change        */

/* The terms of the laws for one neuron at one step. a: outgoing weights; b: incoming weights and
 * bias. */
typedef struct clbi_neuron_law {
    size_t step, layer, neuron;      /* step: index of the displacement                           */
    double a0, b0;                   /* <v_W, v_D>, <u_W, u_D> + b_W b_D for this displacement D  */
    double a1, b1;                   /* the same with the displacement before it; 0 if none       */
    double c0, c1;                   /* the part of b0 and b1 that the bias contributes           */
    double A, B, bias;               /* |v|^2, |u|^2, b^2                                         */
    double last;                     /* Q_{t-1} + s_{t-1}                                         */
    double spread;                   /* standard deviation of a0 - b0 if rounding errors were 1   */
    double outer;                    /* share of the outgoing weights in spread^2                 */
    double noise;                    /* standard deviation of a0 - b0 from rounding               */
    double rho;                      /* minus the correlation of these errors in successive steps */
    double lag[CLBI_LAGS];           /* q(W_t, D_{t-k}), k = 0, 1, ...                            */
    size_t lags;                     /* number of entries in lag                                  */
    int    whole;                    /* 1: they go back to the start of the training              */
} clbi_neuron_law;

/* Terms that the right side of a law can have. A model is a set of them. */
enum { CLBI_TERM_MOMENTUM = 1, CLBI_TERM_DECAY = 2, CLBI_TERM_NO_BIAS = 4, CLBI_TERM_NESTEROV = 8,
       CLBI_TERM_DECOUPLED = 16, CLBI_TERM_GROUP = 32, CLBI_TERM_NORMALISED = 64 };
#define CLBI_SEARCHED (CLBI_TERM_NESTEROV | CLBI_TERM_DECOUPLED | CLBI_TERM_GROUP)
#define CLBI_TERMS 6

typedef struct clbi_fit {
    double value[CLBI_TERMS], error[CLBI_TERMS];  /* error: standard deviation from rounding      */
    double excess, residual;         /* root mean square residual over the noise; over the terms  */
    double mu, mu_error;             /* of models that need a search; GROUP: ratio of the rates   */
    size_t count;                    /* number of laws used                                       */
} clbi_fit;

/* What is stored of a run while its snapshots arrive. */
typedef struct clbi_auditor {
    const clb_net   *net;
    clb_audit_opts   opts;
    const double    *window[CLBI_LAGS + 1];   /* the last consecutive snapshots, newest first     */
    double          *own[CLBI_LAGS + 1];      /* memory of the window, unless it is the caller's  */
    size_t           recent, snapshots, laws, neurons, hidden;
    size_t          *step;           /* [snapshots]                                               */
    clbi_neuron_law *law;            /* [laws] ordered by step                                    */
    double          *moved;          /* [snapshots - 1][neurons] |D|^2 of the incoming weights    */
    size_t           step_room, law_room, moved_room;
    double          *charge, *s, *d; /* [L] at the last snapshot; of the step to it               */
    double          *first, *second; /* [L] sums of 2 s and of d over the run                     */
    unsigned char   *still;          /* [L+1] 1: the layer has not moved                          */
    void            *arena;          /* memory of charge .. still                                 */
    double           evenness;       /* clbi_evenness of the first displacement                   */
    size_t           exact, close;   /* how often bit 1 and bit 2 of clbi_at_bound were set       */
    int              digits, borrows;
} clbi_auditor;

typedef struct clbi_audit {
    const clbi_auditor  *run;
    const clb_net       *net;
    const size_t        *step;
    size_t               snapshots, laws, hidden, steps;
    clbi_neuron_law     *law;
    unsigned char       *bad;        /* [snapshots] not 0: the displacement is left out           */
    const unsigned char *frozen;     /* [L+1] 1: the layer never moved                            */
    double              *x;          /* [laws][CLBI_TERMS + 1] rows of a fit                      */
    double               rho;        /* as in clbi_neuron_law                                     */
    int                  middle, has_bias;
} clbi_audit;

/* The terms x and the left side y of a law under a model. The term of the decay comes first, that
 * of momentum last. Returns 0 if this law cannot be used. noise: standard deviation of y from the
 * rounding of all displacements in it. */
static int clbi_law_row(const clbi_neuron_law *w, int model, double mu, double *x, double *y,
                        double *noise)
{
    double Q = w->A - w->B - (model & CLBI_TERM_NO_BIAS ? 0.0 : w->bias), forget, c, largest;
    double variance = 1.0, before;
    int n = 0;
    size_t k;
    *noise = w->noise;
    *y = w->a0 - w->b0;
    if (model & CLBI_TERM_NORMALISED) {
        *y = w->b0;
        if (w->lags < 2) return 0;
        x[n++] = -(w->B + w->bias);
        x[n++] = w->b1;
        return 1;
    }
    if (model & CLBI_TERM_GROUP) {
        if (w->lags < 2) return 0;
        *y = w->a0 - mu * (w->b0 - w->c0);       /* here mu is the ratio of step sizes */
        *noise *= clbi_sqrt(w->outer + mu * mu * (1.0 - w->outer));
        x[0] = -w->A, x[1] = w->B, x[2] = w->bias, x[3] = w->c0, x[4] = w->c1;
        x[5] = w->a1 - mu * (w->b1 - w->c1);
        return 1;
    }
    if (model & CLBI_TERM_NESTEROV) {            /* y = q(W_t, U_{t+1} - mu U_t)            */
        forget = mu / (1.0 + mu);
        *y = w->lag[0];
        for (k = 1, c = forget - mu, before = 1.0; k < w->lags; ++k, before = c, c *= forget)
            *y += c * w->lag[k], variance += c * c - 2.0 * w->rho * c * before;
        *noise *= clbi_sqrt(variance);
        if (!w->whole && w->lags < 12) return 0;
        for (largest = 0, k = 0; !w->whole && k < w->lags; ++k)  /* bound on what came before    */
            if (fabs(w->lag[k]) > largest) largest = fabs(w->lag[k]);
        *noise += 2.0 * fabs(c) * largest;
        if (model & CLBI_TERM_DECAY) x[n++] = -Q * (1.0 + mu);
        return 1;
    }
    if (w->lags < 2 && !w->whole && model & (CLBI_TERM_MOMENTUM | CLBI_TERM_DECOUPLED)) return 0;
    if (model & CLBI_TERM_DECOUPLED) {  /* a1 = b1 = 0 in the first step */
        *y -= mu * (w->a1 - w->b1);
        *noise *= clbi_sqrt(1.0 + mu * mu + 2.0 * w->rho * mu);
        x[n++] = w->lags < 2 ? -Q : -(Q - mu * w->last);
        return 1;
    }
    if (model & CLBI_TERM_DECAY) x[n++] = -Q;
    if (model & CLBI_TERM_MOMENTUM) x[n++] = w->a1 - w->b1;
    return 1;
}

static size_t clbi_model_terms(int model)
{
    if (model & CLBI_TERM_GROUP) return 6;
    if (model & CLBI_TERM_NORMALISED) return 2;
    if (model & (CLBI_TERM_NESTEROV | CLBI_TERM_DECOUPLED)) return (model & CLBI_TERM_DECAY) != 0;
    return (size_t)((model & CLBI_TERM_MOMENTUM) != 0) + ((model & CLBI_TERM_DECAY) != 0);
}

/* Fits y = m x to points whose coordinates both have noise, of variance 1 and covariance -rho. m
 * minimises sum (y - m x)^2 / (1 + m^2 + 2 rho m); returns that minimum. The arguments are the sums
 * xx, xy, and left, the sum of the squares of y - (xy/xx) x. */
static double clbi_noisy_line(double xx, double xy, double rho, double left, double *slope)
{
    double b = xy / xx * xy + left + xx + 2.0 * rho * xy, c = xx * left, root, least;
    root = b * b - 4.0 * (1.0 - rho * rho) * c;
    least = 2.0 * c / (b + clbi_sqrt(root > 0 ? root : 0));
    *slope = xx > least ? (xy + rho * least) / (xx - least) : 0.0;
    return least;
}

/* Least squares by Gram-Schmidt on the rows x [count][CLBI_TERMS + 1], whose last entry is the left
 * side. Each projection is made twice for accuracy. Columns are scaled to length 1; a column that
 * depends linearly on those before it gets the value 0. With rho >= 0 the last column is as noisy
 * as the left side (clbi_noisy_line). Rows must be divided by their noise. Returns the sum of
 * squared residuals. */
static double clbi_least_squares(double *x, size_t count, size_t n, double rho, double *value,
                                 double *error)
{
    double R[CLBI_TERMS][CLBI_TERMS], scale[CLBI_TERMS], right[CLBI_TERMS], sum;
    double left = 0, noise = 1.0, seen = 1.0;
    int used[CLBI_TERMS] = { 0 }, pass;
    size_t r, i, j, k;
    const size_t stride = CLBI_TERMS + 1;
    memset(R, 0, sizeof R);
    for (j = 0; j < n; ++j) {
        for (sum = 0, r = 0; r < count; ++r) sum += x[r * stride + j] * x[r * stride + j];
        scale[j] = sum > 0 ? clbi_sqrt(sum) : 1.0;
        for (r = 0; r < count; ++r) x[r * stride + j] /= scale[j];
        for (pass = 0; pass < 2; ++pass)
            for (i = 0; i < j; ++i) {
                if (!used[i]) continue;
                for (sum = 0, r = 0; r < count; ++r) sum += x[r * stride + i] * x[r * stride + j];
                R[i][j] += sum;
                for (r = 0; r < count; ++r) x[r * stride + j] -= sum * x[r * stride + i];
            }
        for (sum = 0, r = 0; r < count; ++r) sum += x[r * stride + j] * x[r * stride + j];
        R[j][j] = clbi_sqrt(sum);
        used[j] = R[j][j] > 1e-11;
        for (r = 0; used[j] && r < count; ++r) x[r * stride + j] /= R[j][j];
    }
    memset(right, 0, sizeof right);
    for (pass = 0; pass < 2; ++pass)
        for (j = 0; j < n; ++j) {
            if (!used[j]) continue;
            for (sum = 0, r = 0; r < count; ++r) sum += x[r * stride + j] * x[r * stride + n];
            right[j] += sum;
            for (r = 0; r < count; ++r) x[r * stride + n] -= sum * x[r * stride + j];
        }
    for (r = 0; r < count; ++r) left += x[r * stride + n] * x[r * stride + n];
    if (rho >= 0.0 && used[n - 1]) {
        double length = R[n - 1][n - 1] * scale[n - 1], slope;
        left = clbi_noisy_line(length * length, length * right[n - 1], rho, left, &slope);
        noise = 1.0 + slope * slope + 2.0 * rho * slope;
        right[n - 1] = slope * length;
        if (count > n)                           /* the share of the column that is not noise */
            seen = 1.0 - left / (double)(count - n) * (double)count / (length * length);
        seen = clbi_sqrt(seen > 1e-6 ? seen : 1e-6);
    }
    for (j = n; j-- > 0;) {                      /* R value = right; errors from the rows of R^-1 */
        double inverse[CLBI_TERMS] = { 0 };
        value[j] = error[j] = 0.0;
        if (!used[j]) continue;
        for (sum = right[j], i = j + 1; i < n; ++i) sum -= R[j][i] * value[i] * scale[i];
        value[j] = sum / R[j][j] / scale[j];
        inverse[j] = 1.0 / R[j][j];
        for (i = j + 1; i < n; ++i) {
            if (!used[i]) continue;
            for (sum = 0, k = j; k < i; ++k) sum -= inverse[k] * R[k][i];
            inverse[i] = sum / R[i][i];
        }
        inverse[n - 1] /= seen;
        for (sum = 0, i = j; i < n; ++i) sum += inverse[i] * inverse[i];
        error[j] = clbi_sqrt(sum * noise) / scale[j];
    }
    return left;
}

/* Which laws a fit uses: all of them, those of one step, or those of one layer. */
typedef struct clbi_where { size_t step, layer; } clbi_where;
static const clbi_where clbi_everywhere = { (size_t)-1, 0 };

static int clbi_law_wanted(const clbi_audit *au, const clbi_neuron_law *w, const clbi_where *where)
{
    if (au->bad[w->step]) return 0;
    if (where->step != (size_t)-1 && where->step != w->step) return 0;
    return where->layer == 0 || where->layer == w->layer;
}

/* Fits the model for a given mu. Each law is weighted by the inverse of its noise. */
static void clbi_fit_linear(clbi_audit *au, int model, double mu, const clbi_where *where,
                            clbi_fit *fit)
{
    double terms = 0, left, noise, r, *row;
    size_t n = clbi_model_terms(model), j, k, count = 0;
    memset(fit, 0, sizeof *fit);
    fit->mu = mu;
    for (k = 0; k < au->laws; ++k) {
        const clbi_neuron_law *w = &au->law[k];
        row = au->x + count * (CLBI_TERMS + 1);
        if (!clbi_law_wanted(au, w, where) ||
            !clbi_law_row(w, model, mu, row, &row[n], &noise)) continue;
        for (j = 0; j <= n; ++j) row[j] /= noise;
        r = (fabs(w->a0) + fabs(w->b0)) / noise;
        terms += r * r;
        ++count;
    }
    left = clbi_least_squares(au->x, count, n, model & (CLBI_TERM_MOMENTUM | CLBI_TERM_GROUP)
                              ? au->rho : -1.0, fit->value, fit->error);
    fit->count = count;
    if (count <= n) fit->excess = fit->residual = DBL_MAX;
    else {
        fit->excess = clbi_sqrt(left / (double)(count - n));
        fit->residual = terms > 0 ? clbi_sqrt(left / terms) : 0.0;
    }
}

/* Fits the model at point t of the search. t is mu or, for a law of two step sizes, the logarithm
 * of their ratio. */
static void clbi_fit_at(clbi_audit *au, int model, double t, const clbi_where *where, clbi_fit *fit)
{
    clbi_fit_linear(au, model, model & CLBI_TERM_GROUP ? clb_exp(t) : t, where, fit);
}

/* For models that are not linear in mu or in the ratio: scans a grid, then
 * golden-section search. */
static void clbi_fit_search(clbi_audit *au, int model, const clbi_where *where, clbi_fit *fit)
{
    const double ratio = 0.6180339887498949;
    double low = 0, high = 0, best = -1, a, b, t, step = model & CLBI_TERM_GROUP ? 0.2 : 0.02;
    clbi_fit fa, fb;
    int i;
    for (i = 0; i <= 50; ++i) {                  /* mu up to 0.99, ratios from e^-5 to e^5 */
        t = step * (i - (model & CLBI_TERM_GROUP ? 25 : 0.5 * (i == 50)));
        clbi_fit_at(au, model, t, where, &fa);
        if (best < 0 || fa.excess < best) best = fa.excess, low = t - step, high = t + step;
    }
    a = high - ratio * (high - low), b = low + ratio * (high - low);
    clbi_fit_at(au, model, a, where, &fa);
    clbi_fit_at(au, model, b, where, &fb);
    for (i = 0; i < 80 && high - low > 1e-16; ++i) {
        if (fa.excess < fb.excess) {
            high = b, b = a, fb = fa;
            a = high - ratio * (high - low);
            clbi_fit_at(au, model, a, where, &fa);
        } else {
            low = a, a = b, fa = fb;
            b = low + ratio * (high - low);
            clbi_fit_at(au, model, b, where, &fb);
        }
    }
    *fit = fa.excess < fb.excess ? fa : fb;
}

static void clbi_fit_model(clbi_audit *au, int model, const clbi_where *where, clbi_fit *fit)
{
    if (model & CLBI_SEARCHED) clbi_fit_search(au, model, where, fit);
    else clbi_fit_linear(au, model, 0.0, where, fit);
}

/* ---- the laws, snapshot by snapshot -------------------------------------------------------- */

static int clbi_audit_bias(const clb_net *net) { return net->b[1] != CLB_NO_BIAS; }

/* Is the first snapshot later than the start of the training? */
static int clbi_from_middle(const clbi_auditor *a) { return a->opts.middle || a->step[0] != 0; }

/* Computes the terms of the laws of the newest displacement for neuron j of layer l. */
static void clbi_law_make(const clbi_auditor *a, size_t l, size_t j, clbi_neuron_law *w)
{
    const clb_net *net = a->net;
    const double *W = a->window[1], *N = a->window[0];
    size_t in = net->m[l - 1], m = net->m[l], out = net->m[l + 1], e, k, lags = a->recent - 1;
    int has_bias = clbi_audit_bias(net);
    double variance = 0, sum;
    memset(w, 0, sizeof *w);
    w->step = a->snapshots - 2, w->layer = l, w->neuron = j, w->lags = lags;
    w->whole = lags == a->snapshots - 1 && !clbi_from_middle(a);
    for (k = 0; k < lags; ++k) {
        const double *P = a->window[k + 1], *S = a->window[k];
        double outer = 0, inner = 0, c;
        for (e = 0; e < out; ++e) {
            size_t at = net->w[l + 1] + e * m + j;
            outer += W[at] * (S[at] - P[at]);
        }
        for (e = 0; e < in; ++e) {
            size_t at = net->w[l] + j * in + e;
            inner += W[at] * (S[at] - P[at]);
        }
        c = has_bias ? W[net->b[l] + j] * (S[net->b[l] + j] - P[net->b[l] + j]) : 0.0;
        inner += c;
        if (k == 0) w->a0 = outer, w->b0 = inner, w->c0 = c;
        if (k == 1) w->a1 = outer, w->b1 = inner, w->c1 = c;
        w->lag[k] = outer - inner;
    }
    for (e = 0; e < out + in + (size_t)has_bias; ++e) {
        size_t at = e < out ? net->w[l + 1] + e * m + j
                  : e < out + in ? net->w[l] + j * in + e - out : net->b[l] + j;
        double x = W[at], D = N[at] - x;
        if (e < out) w->A += x * x;
        else if (e < out + in) w->B += x * x;
        else w->bias = x * x;
        sum = fabs(x) * (fabs(N[at]) + 8.0 * fabs(D));  /* of the new weight and its gradient */
        variance += sum * sum;
        if (e < out) w->outer = variance;
        if (lags > 1) w->last += e < out ? a->window[2][at] * x : -a->window[2][at] * x;
    }
    w->spread = clbi_sqrt(variance);
    w->outer = variance > 0 ? w->outer / variance : 0.5;
}

/* How many binary digits the values need: 8, 11, 24 or 53, but at least `digits`. */
static int clbi_digits_needed(const double *theta, size_t P, int digits)
{
    static const int sizes[] = { 8, 11, 24, 53 };
    size_t k;
    int s = 0, exponent;
    while (s < 3 && sizes[s] < digits) ++s;
    for (k = 0; k < P && s < 3; ++k) {
        double m = frexp(theta[k], &exponent);
        while (s < 3 && ldexp(m, sizes[s]) != floor(ldexp(m, sizes[s]))) ++s;
    }
    return sizes[s];
}

/* The largest |D|. */
static double clbi_most_moved(const double *before, const double *after, size_t P)
{
    double most = 0;
    size_t k;
    for (k = 0; k < P; ++k)
        if (fabs(after[k] - before[k]) > most) most = fabs(after[k] - before[k]);
    return most;
}

/* (mean |D|)^2 / mean D^2 of a displacement, over the entries that move by more than weight decay
 * alone would. It is 1 if all move by the same amount, as in the first step of Adam and RMSprop,
 * and 2/pi for normally distributed entries. */
static double clbi_evenness(const double *before, const double *after, size_t P)
{
    double one = 0, two = 0, most = clbi_most_moved(before, after, P), d;
    size_t k, count = 0;
    for (k = 0; k < P; ++k) {
        d = fabs(after[k] - before[k]);
        if (d > 0.01 * most) one += d, two += d * d, ++count;
    }
    return count ? one * one / ((double)count * two) : 0.0;
}

/* Do many entries move by the same largest amount? Bit 1: at least three agree up to rounding;
 * entries whose rounding is not small compared with their step are not counted. Bit 2: more than
 * one in fifty of the moving entries agree up to 2 %, which leaves room for weight decay. */
static size_t clbi_at_bound(const double *before, const double *after, size_t P, int digits)
{
    double most = clbi_most_moved(before, after, P), rounding = ldexp(1.0, -digits), tolerance, d;
    size_t k, exact = 0, close = 0, moved = 0;
    for (k = 0; k < P; ++k) {
        d = fabs(after[k] - before[k]);
        tolerance = rounding * (fabs(before[k]) + fabs(after[k]));
        exact += tolerance < 1e-3 * most && d >= most - 2.0 * tolerance;
        moved += d > 0, close += d > 0.98 * most;
    }
    return (exact >= 3 ? 1u : 0u) + (50 * close > moved ? 2u : 0u);
}

/* sum x y with the signs that the terms have in the charge of hidden layer l. */
static double clbi_charge_of(const clb_net *net, size_t l, const double *x, const double *y)
{
    double sum = 0;
    size_t part, e, of[3], at[3];
    of[0] = clb_layer_size(net, l + 1), at[0] = net->w[l + 1];
    of[1] = clb_layer_size(net, l), at[1] = net->w[l];
    of[2] = clbi_audit_bias(net) ? net->m[l] : 0, at[2] = net->b[l];
    for (part = 0; part < 3; ++part)
        for (e = at[part]; e < at[part] + of[part]; ++e) sum += part ? -x[e] * y[e] : x[e] * y[e];
    return sum;
}

/* Makes room for `need` items in an array that has room for *room. */
static clb_status clbi_grow(void *items, size_t *room, size_t need, size_t size)
{
    void *old, *more;
    size_t bytes, wanted = need;
    if (need <= *room) return CLB_OK;
    if (*room < (size_t)-1 / 4 && need < 2 * *room) wanted = 2 * *room;
    if (!clbi_mul_size(wanted, size, &bytes) || bytes > (size_t)-1 / 2) return CLB_ESIZE;
    memcpy(&old, items, sizeof old);
    more = old ? CLB_REALLOC(old, bytes) : CLB_MALLOC(bytes);
    if (!more) return CLB_ENOMEM;
    memcpy(items, &more, sizeof more);
    *room = wanted;
    return CLB_OK;
}

/* Makes room for the data of that many snapshots. */
static clb_status clbi_auditor_room(clbi_auditor *a, size_t snapshots)
{
    size_t laws, moved;
    clb_status status;
    if (!clbi_mul_size(a->hidden, snapshots, &laws) ||
        !clbi_mul_size(a->neurons, snapshots, &moved)) return CLB_ESIZE;
    status = clbi_grow(&a->step, &a->step_room, snapshots, sizeof *a->step);
    if (!status) status = clbi_grow(&a->law, &a->law_room, laws, sizeof *a->law);
    return status ? status : clbi_grow(&a->moved, &a->moved_room, moved, sizeof *a->moved);
}

/* Stores the quantities that every displacement has, between consecutive steps or not. */
static void clbi_auditor_moved(clbi_auditor *a)
{
    const clb_net *net = a->net;
    const double *W = a->window[1], *N = a->window[0];
    double *moved = a->moved + (a->snapshots - 2) * a->neurons;
    size_t l, j, e, k, at_bound;
    for (l = 1; l <= net->L; ++l) {
        const double *x = W + net->w[l], *y = N + net->w[l];
        for (j = 0; j < net->m[l]; ++j, ++moved)
            for (*moved = 0, e = 0; e < net->m[l - 1]; ++e, ++x, ++y)
                *moved += (*y - *x) * (*y - *x);
        for (k = 0; k < clb_layer_size(net, l) && a->still[l]; ++k)
            if (W[net->w[l] + k] != N[net->w[l] + k]) a->still[l] = 0;
    }
    if (a->snapshots == 2) a->evenness = clbi_evenness(W, N, net->P);
    at_bound = clbi_at_bound(W, N, net->P, a->digits);
    a->exact += at_bound & 1;
    if (a->snapshots < 12) a->close += at_bound & 2;      /* later they may agree by chance */
}

/* s and d of the newest displacement, and the laws of the selected neurons. */
static clb_status clbi_auditor_laws(clbi_auditor *a, int consecutive)
{
    const clb_net *net = a->net;
    size_t l, j, k, most = a->opts.neurons ? a->opts.neurons : 128;
    double *D;
    clb_status status = clbi_alloc(&D, net->P, sizeof *D);
    if (status) return status;
    for (k = 0; k < net->P; ++k) D[k] = a->window[0][k] - a->window[1][k];
    for (l = 1; l < net->L; ++l) {
        double s = clbi_charge_of(net, l, a->window[1], D), d = clbi_charge_of(net, l, D, D);
        size_t of = net->m[l] < most ? net->m[l] : most;
        a->first[l] += 2.0 * s, a->second[l] += d;
        a->s[l] = consecutive ? s : (double)NAN, a->d[l] = consecutive ? d : (double)NAN;
        for (j = 0; j < of && consecutive; ++j)
            clbi_law_make(a, l, j * net->m[l] / of, &a->law[a->laws++]);
    }
    CLB_FREE(D);
    return CLB_OK;
}

/* Puts theta into window[0] and moves the older snapshots up by one. */
static clb_status clbi_auditor_window(clbi_auditor *a, const double *theta)
{
    double *own = a->own[CLBI_LAGS];
    size_t k;
    clb_status status;
    if (!a->borrows) {
        if (a->recent <= CLBI_LAGS && a->own[a->recent]) own = a->own[a->recent];
        if (!own && (status = clbi_alloc(&own, a->net->P, sizeof *own)) != CLB_OK) return status;
        memcpy(own, theta, a->net->P * sizeof *own);
        theta = own;
    }
    for (k = a->recent < CLBI_LAGS ? a->recent : CLBI_LAGS; k > 0; --k)
        a->window[k] = a->window[k - 1], a->own[k] = a->own[k - 1];
    a->window[0] = theta, a->own[0] = own;
    if (a->recent <= CLBI_LAGS) ++a->recent;
    return CLB_OK;
}

static clb_status clbi_auditor_check(const clbi_auditor *a, const double *theta, size_t step)
{
    size_t k;
    if (a->snapshots && step <= a->step[a->snapshots - 1])
        return clbi_fail(a->opts.error, CLB_EORDER, "step %z follows step %z: not ascending",
                         step, a->step[a->snapshots - 1]);
    for (k = 0; k < a->net->P; ++k)
        if (!(fabs(theta[k]) <= DBL_MAX))
            return clbi_fail(a->opts.error, CLB_ENOTFINITE, "NaN or infinity in snapshot %z",
                             a->snapshots);
    return CLB_OK;
}

CLBDEF clb_status clb_auditor_add(clb_auditor *auditor, const double *theta, size_t step)
{
    clbi_auditor *a = (clbi_auditor *)auditor->state;
    size_t l;
    int consecutive;
    clb_status status;
    clbi_clear(a->opts.error);
    status = clbi_auditor_check(a, theta, step);
    if (!status) status = clbi_auditor_room(a, a->snapshots + 1);
    if (!status) status = clbi_auditor_window(a, theta);
    if (status) return clbi_done(a->opts.error, status);
    consecutive = a->snapshots > 0 && step == a->step[a->snapshots - 1] + 1;
    a->step[a->snapshots] = step;
    auditor->snapshots = ++a->snapshots;
    a->digits = clbi_digits_needed(theta, a->net->P, a->digits);
    for (l = 1; l < a->net->L; ++l) {
        a->charge[l] = clbi_charge_of(a->net, l, theta, theta);
        a->s[l] = a->d[l] = (double)NAN;
    }
    if (a->snapshots > 1) {
        clbi_auditor_moved(a);
        status = clbi_auditor_laws(a, consecutive);
        if (!consecutive) a->recent = 1;         /* no law reaches across a gap     */
    }
    return clbi_done(a->opts.error, status);
}

CLBDEF void clb_auditor_free(clb_auditor *auditor)
{
    clbi_auditor *a = (clbi_auditor *)auditor->state;
    size_t k;
    if (a) {
        for (k = 0; k <= CLBI_LAGS; ++k) CLB_FREE(a->own[k]);
        CLB_FREE(a->step);
        CLB_FREE(a->law);
        CLB_FREE(a->moved);
        CLB_FREE(a->arena);
        CLB_FREE(a);
    }
    memset(auditor, 0, sizeof *auditor);
}

static void clbi_auditor_layout(clbi_auditor *a, clbi_room *room)
{
    size_t L = a->net->L;
    a->charge = clbi_doubles(room, L, 1);
    a->s = clbi_doubles(room, L, 1);
    a->d = clbi_doubles(room, L, 1);
    a->first = clbi_doubles(room, L, 1);
    a->second = clbi_doubles(room, L, 1);
    a->still = (unsigned char *)clbi_part(room, L + 1, 1, 1);
}

CLBDEF clb_status clb_auditor_init(clb_auditor *auditor, const clb_net *net,
                                   const clb_audit_opts *opts)
{
    clbi_room room = CLB_ZERO;
    clbi_auditor *a;
    clb_error *error = opts ? opts->error : NULL;
    size_t l, most = opts && opts->neurons ? opts->neurons : 128;
    clb_status status;
    memset(auditor, 0, sizeof *auditor);
    clbi_clear(error);
    if (net->L < 2)
        return clbi_fail(error, CLB_ESHAPE, "a net of one layer has no law: it needs two");
    status = clbi_calloc(&a, 1, sizeof *a);
    if (status) return clbi_done(error, status);
    auditor->state = a;
    a->net = net;
    if (opts) a->opts = *opts;
    for (l = 1; l <= net->L; ++l) a->neurons += net->m[l];
    for (l = 1; l < net->L; ++l) a->hidden += net->m[l] < most ? net->m[l] : most;
    clbi_auditor_layout(a, &room);
    if ((status = clbi_room_calloc(&room, &a->arena)) != CLB_OK) {
        clb_auditor_free(auditor);
        return clbi_done(error, status);
    }
    clbi_auditor_layout(a, &room);
    memset(a->still, 1, net->L + 1);
    auditor->L = net->L, auditor->charge = a->charge, auditor->s = a->s, auditor->d = a->d;
    return CLB_OK;
}

/* ---- judgement ----------------------------------------------------------------------------- */

/* The laws for a constant step size, from simple to complicated. */
static const int clbi_models[] = {
    0, CLBI_TERM_DECAY, CLBI_TERM_DECAY | CLBI_TERM_NO_BIAS, CLBI_TERM_MOMENTUM,
    CLBI_TERM_MOMENTUM | CLBI_TERM_DECAY, CLBI_TERM_MOMENTUM | CLBI_TERM_DECAY | CLBI_TERM_NO_BIAS,
    CLBI_TERM_NESTEROV, CLBI_TERM_NESTEROV | CLBI_TERM_DECAY,
    CLBI_TERM_NESTEROV | CLBI_TERM_DECAY | CLBI_TERM_NO_BIAS, CLBI_TERM_DECOUPLED | CLBI_TERM_DECAY,
    CLBI_TERM_DECOUPLED | CLBI_TERM_DECAY | CLBI_TERM_NO_BIAS };

static int clbi_fit_holds(const clbi_fit *fit) { return fit->excess <= CLBI_EXCESS; }

/* Is every parameter of the fit significantly different from 0? */
static int clbi_fit_significant(const clbi_fit *fit, int model)
{
    double wider = fit->excess > 1.0 ? fit->excess : 1.0;
    size_t j;
    for (j = 0; j < clbi_model_terms(model); ++j)
        if (!(fabs(fit->value[j]) > 6.0 * wider * fit->error[j])) return 0;
    if (model & (CLBI_TERM_NESTEROV | CLBI_TERM_DECOUPLED))
        return fit->mu > 1e-3 && fit->mu < 0.9995;   /* near 1: any slow change */
    return !(model & CLBI_TERM_MOMENTUM) || fit->value[j - 1] < 0.9995;
}

/* The best of the models that hold. A model with more terms must lower the residual by more than
 * chance would. Returns -1 if none holds. */
static int clbi_best_model(clbi_audit *au, const clbi_where *where, clbi_fit *best)
{
    size_t i;
    int found = -1;
    double least = 0;
    for (i = 0; i < sizeof clbi_models / sizeof clbi_models[0]; ++i) {
        int model = clbi_models[i];
        size_t k = clbi_model_terms(model);
        double score, excess, chance;
        clbi_fit fit;
        if ((model & CLBI_TERM_NO_BIAS) && !au->has_bias) continue;
        clbi_fit_model(au, model, where, &fit);
        if (!clbi_fit_holds(&fit) || !clbi_fit_significant(&fit, model)) continue;
        if (model & (CLBI_TERM_NESTEROV | CLBI_TERM_DECOUPLED)) ++k;
        excess = fit.excess > 0.02 ? fit.excess : 0.02;
        chance = clb_log((double)fit.count) / (double)fit.count;
        score = 2.0 * clb_log(excess) + 6.0 * (double)k * chance;
        if (found >= 0 && !(score < least)) continue;
        if (found >= 0 && (model & CLBI_TERM_DECOUPLED) && fit.excess > 0.7 * best->excess)
            continue;  /* L2 decay explains it equally well and is the more common one */
        found = model, least = score, *best = fit;
    }
    return found;
}

/* The residual y of one law under a fit, and its noise. Returns 0 if the law cannot be used. */
static int clbi_law_left(const clbi_neuron_law *w, int model, const clbi_fit *fit, double *y,
                         double *noise)
{
    double x[CLBI_TERMS], mu;
    size_t j;
    if (!clbi_law_row(w, model, fit->mu, x, y, noise)) return 0;
    for (j = 0; j < clbi_model_terms(model); ++j) *y -= x[j] * fit->value[j];
    mu = model & CLBI_TERM_MOMENTUM ? fit->value[j - 1] : 0.0;
    *noise *= clbi_sqrt(1.0 + mu * mu + 2.0 * w->rho * mu);
    return 1;
}

/* Root mean square of residual over noise, for one step, or for one layer over all steps that are
 * not left out. */
static double clbi_step_excess(const clbi_audit *au, int model, const clbi_fit *fit, size_t step,
                               size_t layer)
{
    double y, noise, sum = 0;
    size_t k, count = 0;
    for (k = 0; k < au->laws; ++k) {
        const clbi_neuron_law *w = &au->law[k];
        if (step == (size_t)-1 ? au->bad[w->step] : w->step != step) continue;
        if ((layer && w->layer != layer) || !clbi_law_left(w, model, fit, &y, &noise)) continue;
        sum += y / noise * (y / noise);
        ++count;
    }
    return count ? clbi_sqrt(sum / (double)count) : 0.0;
}

static int clbi_double_order(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

/* Fits the model to the steps that it explains. It starts from the three quarters with the smallest
 * residuals under the given fit, repeats this, and at the end uses all steps within rounding. The
 * other steps are marked 2 in bad; returns their number. e: room for two numbers for
 * each snapshot. */
static size_t clbi_fit_robust(clbi_audit *au, int model, clbi_fit *fit, const unsigned char *keep,
                              double *e)
{
    size_t i, n, pass, dropped = 0;
    double limit, *sorted = e + au->snapshots;
    for (pass = 0; pass < 8; ++pass) {
        for (n = i = 0; i + 1 < au->snapshots; ++i) {
            e[i] = keep[i] ? 0.0 : clbi_step_excess(au, model, fit, i, 0);
            if (!keep[i]) sorted[n++] = e[i];
        }
        qsort(sorted, n, sizeof *sorted, clbi_double_order);
        limit = pass < 5 ? sorted[(n - 1) * 3 / 4] : CLBI_EXCESS;
        if (limit < CLBI_EXCESS) limit = CLBI_EXCESS;
        for (dropped = i = 0; i + 1 < au->snapshots; ++i) {
            au->bad[i] = keep[i];
            if (!keep[i] && e[i] > limit) au->bad[i] = 2, ++dropped;
        }
        if (n - dropped < 2) return n;
        clbi_fit_linear(au, model, 0.0, &clbi_everywhere, fit);
    }
    return dropped;
}

/* A first fit that is robust against outliers: the medians of the fits of single steps. */
static void clbi_fit_medians(clbi_audit *au, int model, clbi_fit *fit, double *values)
{
    size_t n = clbi_model_terms(model), j, i, count;
    memset(fit, 0, sizeof *fit);
    for (j = 0; j < n; ++j) {
        for (count = i = 0; i + 1 < au->snapshots; ++i) {
            clbi_where where = clbi_everywhere;
            clbi_fit one;
            where.step = i;
            if (au->bad[i]) continue;
            clbi_fit_linear(au, model, 0.0, &where, &one);
            if (one.count > n && one.error[j] > 0) values[count++] = one.value[j];
        }
        if (count == 0) continue;
        qsort(values, count, sizeof *values, clbi_double_order);
        fit->value[j] = values[count / 2];
    }
}

/* The model that leaves out the fewest steps, at most a quarter of them. These steps are marked
 * bad. */
static int clbi_best_trimmed(clbi_audit *au, clbi_fit *best, unsigned char *keep)
{
    size_t most = au->steps / 4 > 2 ? au->steps / 4 : 2, fewest = most + 1, i, dropped;
    int found = -1;
    double *work;
    if (clbi_alloc(&work, 2 * au->snapshots, sizeof *work)) return -1;
    memcpy(keep, au->bad, au->snapshots);
    for (i = 0; i < 6; ++i) {
        clbi_fit fit;
        int model = clbi_models[i];
        if ((model & CLBI_TERM_NO_BIAS) && !au->has_bias) continue;
        memcpy(au->bad, keep, au->snapshots);
        clbi_fit_medians(au, model, &fit, work);
        dropped = clbi_fit_robust(au, model, &fit, keep, work);
        if (dropped >= fewest || !clbi_fit_holds(&fit) || !clbi_fit_significant(&fit, model))
            continue;
        if ((model & CLBI_TERM_MOMENTUM) && au->bad[0] == 2 &&
            fit.value[clbi_model_terms(model) - 1] > CLBI_SLOW) continue;
        fewest = dropped, found = model, *best = fit;
        memcpy(keep + au->snapshots, au->bad, au->snapshots);
    }
    memcpy(au->bad, found >= 0 ? keep + au->snapshots : keep, au->snapshots);
    CLB_FREE(work);
    return found;
}

/* The length of a step of the incoming weights divided by that of the steps before and after it:
 * the median over all neurons. It is about 1, and larger if updates are missing. If something
 * changed only a few neurons, it stays about 1. */
static double clbi_longer(const clbi_audit *au, size_t step)
{
    size_t neurons = au->run->neurons, j, count = 0, before = step > 0 ? step - 1 : step + 1;
    size_t after = step + 2 < au->snapshots ? step + 1 : before;
    const double *moved = au->run->moved;
    double *ratio, longer = 1.0;
    if (clbi_alloc(&ratio, neurons, sizeof *ratio)) return longer;
    for (j = 0; j < neurons; ++j) {
        double own = moved[step * neurons + j];
        double around = 0.5 * (moved[before * neurons + j] + moved[after * neurons + j]);
        if (own > 0 && around > 0) ratio[count++] = clbi_sqrt(own / around);
    }
    qsort(ratio, count, sizeof *ratio, clbi_double_order);
    if (count) longer = ratio[count / 2];
    CLB_FREE(ratio);
    return longer;
}

/* Classifies a step that was left out: its law holds with one factor on the right side (new step
 * size), or it is about as long as several updates (gap), or neither (edit). */
static clb_audit_event clbi_event(clbi_audit *au, int model, const clbi_fit *fit, size_t step)
{
    clb_audit_event event;
    double sxy = 0, sxx = 0, left = 0, noise, x[CLBI_TERMS], y, p, worst = 0;
    size_t k, j, count = 0;
    int pass;
    memset(&event, 0, sizeof event);
    for (k = 0; k < au->laws; ++k) {
        const clbi_neuron_law *w = &au->law[k];
        if (w->step != step || !clbi_law_left(w, model, fit, &y, &noise)) continue;
        event.neurons += fabs(y) > CLBI_EXCESS * noise;
        if (fabs(y) > worst * noise)
            worst = fabs(y) / noise, event.layer = w->layer, event.neuron = w->neuron;
    }
    for (pass = 0; pass < 2; ++pass)
        for (k = 0; k < au->laws; ++k) {
            const clbi_neuron_law *w = &au->law[k];
            if (w->step != step || !clbi_law_row(w, model, fit->mu, x, &y, &noise)) continue;
            for (p = 0, j = 0; j < clbi_model_terms(model); ++j) p += x[j] * fit->value[j];
            y /= noise, p /= noise;
            if (pass == 0) sxy += p * y, sxx += p * p;
            else left += (y - sxy / sxx * p) * (y - sxy / sxx * p), ++count;
        }
    event.step = au->step[step];
    event.factor = sxx > 0 ? sxy / sxx : 0.0;
    event.kind = CLB_EVENT_RATE;
    if (sxx > 0 && count > 1 && clbi_sqrt(left / (double)count) <= CLBI_EXCESS && event.factor > 0)
        return event;
    event.factor = 1.0;
    p = clbi_longer(au, step);
    event.kind = p > 1.25 && p < 8.0 ? CLB_EVENT_GAP : CLB_EVENT_EDIT;
    return event;
}

/* Correlation of a0 and b0 over the laws, each divided by its noise. It is near 1 for a gradient
 * method. */
static double clbi_law_correlation(const clbi_audit *au)
{
    double aa = 0, bb = 0, ab = 0;
    size_t k;
    for (k = 0; k < au->laws; ++k) {
        double a = au->law[k].a0 / au->law[k].noise, b = au->law[k].b0 / au->law[k].noise;
        aa += a * a, bb += b * b, ab += a * b;
    }
    return aa > 0 && bb > 0 ? ab / clbi_sqrt(aa * bb) : 0.0;
}

/* Fits momentum and decay to each displacement alone, to find runs whose step size changes. mu[i],
 * decay[i] and error[i] are NaN if step i does not fit. Returns the share of steps that fit. */
static double clbi_step_fits(clbi_audit *au, int model, double *mu, double *decay, double *error)
{
    size_t i, held = 0, tried = 0;
    for (i = 0; i + 1 < au->snapshots; ++i) {
        clbi_where where = clbi_everywhere;
        clbi_fit fit;
        size_t n = clbi_model_terms(model);
        where.step = i;
        mu[i] = decay[i] = error[i] = (double)NAN;
        if (au->bad[i]) continue;
        clbi_fit_linear(au, model, 0.0, &where, &fit);
        if (fit.count < n + 3) continue;
        ++tried;
        if (!clbi_fit_holds(&fit)) continue;
        ++held;
        mu[i] = model & CLBI_TERM_MOMENTUM ? fit.value[n - 1] : 0.0;
        decay[i] = model & CLBI_TERM_DECAY ? fit.value[0] : 0.0;
        error[i] = fit.error[0];                 /* of the decay, if the model has one */
    }
    return tried > 2 ? (double)held / (double)tried : 0.0;
}

static clb_measured clbi_measured(double value, double error, double excess)
{
    clb_measured m;
    m.value = value;
    m.error = 1.96 * error * (excess > 1.0 ? excess : 1.0);
    return m;
}

/* Momentum and decay of a fit, with their intervals. */
static void clbi_fit_report(int model, const clbi_fit *fit, clb_measured *momentum,
                            clb_measured *decay)
{
    size_t n = clbi_model_terms(model);
    int searched = model & (CLBI_TERM_NESTEROV | CLBI_TERM_DECOUPLED);
    memset(momentum, 0, sizeof *momentum);
    memset(decay, 0, sizeof *decay);
    if (model & CLBI_TERM_MOMENTUM)
        *momentum = clbi_measured(fit->value[n - 1], fit->error[n - 1], fit->excess);
    if (searched) *momentum = clbi_measured(fit->mu, fit->mu_error, fit->excess);
    if (model & CLBI_TERM_DECAY)
        *decay = clbi_measured(fit->value[0], fit->error[0], fit->excess);
}

/* Standard deviation of mu, or of the ratio, for a model that needs a search. It follows from the
 * second derivative of the squared residual. */
static void clbi_fit_mu_error(clbi_audit *au, int model, const clbi_where *where, clbi_fit *fit)
{
    double h = 1e-4 * (model & CLBI_TERM_GROUP ? fit->mu : 1.0), f0, f1, f2, curvature, slope;
    clbi_fit at;
    if (!(model & CLBI_SEARCHED)) return;
    clbi_fit_linear(au, model, fit->mu - h, where, &at);
    f1 = at.excess * at.excess, slope = -at.value[0];
    clbi_fit_linear(au, model, fit->mu + h, where, &at);
    f2 = at.excess * at.excess, slope = (slope + at.value[0]) / (2.0 * h);
    f0 = fit->excess * fit->excess;
    curvature = (f1 - 2.0 * f0 + f2) / (h * h) * (double)fit->count / 2.0;
    fit->mu_error = curvature > 0 ? 1.0 / clbi_sqrt(curvature) : 1.0;
    slope *= fit->mu_error;                      /* the decay changes with mu */
    fit->error[0] = clbi_sqrt(fit->error[0] * fit->error[0] + slope * slope);
}

/* For each layer: the residual under the model of the whole run, the drift, and how many neurons
 * break their law. */
static void clbi_audit_layers(clbi_audit *au, clb_audit *out, int model, const clbi_fit *fit)
{
    size_t l, k, h;
    for (l = 1; l < out->L; ++l) {
        clb_audit_layer *layer = &out->layer[l];
        double worst = 0, terms = 0, sum = 0;
        layer->rate.value = 1.0;
        layer->frozen = au->frozen[l] || au->frozen[l + 1];
        layer->momentum = out->momentum, layer->decay = out->decay;
        layer->excess = clbi_step_excess(au, model, fit, (size_t)-1, l);
        for (h = 0; h < au->hidden; ++h) {       /* each step stores its laws in the same order */
            double own = 0;
            size_t count = 0;
            if (au->law[h].layer != l) continue;
            for (k = h; k < au->laws; k += au->hidden) {
                const clbi_neuron_law *w = &au->law[k];
                double y, noise;
                if (au->bad[w->step] || !clbi_law_left(w, model, fit, &y, &noise)) continue;
                terms += w->a0 * w->a0 + w->b0 * w->b0;
                sum += y * y;
                own += y / noise * (y / noise), ++count;
            }
            own = count ? clbi_sqrt(own / (double)count) : 0.0;
            layer->broken += own > CLBI_EXCESS;
            if (own > worst) worst = own, layer->worst = au->law[h].neuron;
        }
        layer->residual = terms > 0 ? clbi_sqrt(sum / terms) : 0.0;
        layer->first = au->run->first[l], layer->second = au->run->second[l];
        layer->drift = layer->first + layer->second;
    }
}

/* Does each layer have a law of its own? If so, returns 1 and stores its numbers. */
static int clbi_audit_groups(clbi_audit *au, clb_audit *out)
{
    size_t l, usable = 0, held = 0;
    for (l = 1; l < out->L; ++l) {
        clb_audit_layer *layer = &out->layer[l];
        clbi_where where = clbi_everywhere;
        clbi_fit fit;
        int model;
        if (layer->frozen) continue;
        ++usable;
        where.layer = l;
        model = clbi_best_model(au, &where, &fit);
        if (model >= 0) clbi_fit_report(model, &fit, &layer->momentum, &layer->decay);
        else {
            clbi_fit_search(au, CLBI_TERM_GROUP, &where, &fit);
            if (!clbi_fit_holds(&fit) || fit.value[5] > CLBI_SLOW) continue;
            clbi_fit_mu_error(au, CLBI_TERM_GROUP, &where, &fit);
            layer->rate = clbi_measured(fit.mu, fit.mu_error, fit.excess);
            layer->momentum = clbi_measured(fit.value[5], fit.error[5], fit.excess);
            layer->decay = clbi_measured(fit.value[0], fit.error[0], fit.excess);
        }
        layer->excess = fit.excess, layer->residual = fit.residual;
        ++held;
    }
    for (l = 1; l < out->L && held == usable; ++l)
        out->layer[l].broken = 0;                /* their own laws hold      */
    return usable > 0 && held == usable;
}

/* Does rounding hide the amount of momentum (interval of more than a tenth) or its kind? */
static int clbi_audit_blind(clbi_audit *au, int model, const clbi_fit *fit)
{
    const int kinds = CLBI_TERM_MOMENTUM | CLBI_TERM_NESTEROV;
    clbi_fit other;
    double error;
    if (model & (CLBI_TERM_NESTEROV | CLBI_TERM_DECOUPLED))
        error = fit->excess * fit->mu_error;
    else {
        clbi_fit_linear(au, CLBI_TERM_MOMENTUM | CLBI_TERM_DECAY, 0.0, &clbi_everywhere, &other);
        error = other.error[1] > 0.0 ? other.excess * other.error[1] : 1.0;
    }
    if (!(1.96 * error < 0.1)) return 1;
    if (!(model & kinds)) return 0;
    clbi_fit_model(au, model ^ kinds, &clbi_everywhere, &other);
    return clbi_fit_holds(&other) &&             /* the ratio of the two likelihoods */
           (double)fit->count * clb_log(other.excess / fit->excess) < 10.0;
}

/* The mean momentum of a run whose step size changes. The decay eta_t lambda changes in proportion,
 * so mu_t decay_{t-1}/decay_t does not depend on the step size. */
static clb_measured clbi_schedule_momentum(const clbi_audit *au, const double *mu,
                                           const double *decay)
{
    double sum = 0, two = 0, ratio, count = 0;
    clb_measured m = { 0, 0 };
    size_t i;
    for (i = 1; i + 1 < au->snapshots; ++i) {
        ratio = mu[i] * decay[i - 1] / decay[i];
        if (!(fabs(ratio) <= DBL_MAX)) continue;
        sum += ratio, two += ratio * ratio, count += 1;
    }
    if (count < 1) return m;
    m.value = sum / count;
    two = two / count - m.value * m.value;
    m.error = 1.96 * clbi_sqrt(two > 0 ? two : 0.0);
    if (m.error > 0.2) m.value = m.error = 0.0;  /* too uncertain to be of use */
    return m;
}

/* Decides whether the step size changes a few times, which are then events of an ordinary run, or
 * all the time. v: the decay of each step, or its momentum. */
static clb_method clbi_schedule_kind(clbi_audit *au, clb_audit *out, int model, const double *v,
                                     const double *error, clb_measured *range)
{
    double low = DBL_MAX, high = -DBL_MAX, first = 0;
    size_t i, last = (size_t)-1, seen = 0;
    for (i = 0; i + 1 < au->snapshots; ++i) {
        if (v[i] != v[i] || error[i] > 0.05 * fabs(v[i])) continue;
        if (v[i] < low) low = v[i];
        if (v[i] > high) high = v[i];
        if (seen++ == 0) first = v[i];
        else if (fabs(v[i] - v[last]) > 6.0 * (error[i] + error[last])) {
            clb_audit_event *e = &out->event[out->events++];
            e->kind = CLB_EVENT_RATE, e->step = au->step[i], e->factor = v[i] / v[last];
            e->neurons = au->hidden;
        }
        last = i;
    }
    if (seen < 3 || (model == CLBI_TERM_MOMENTUM && high > CLBI_SLOW && low > 0.9 * CLBI_SLOW))
        return CLB_METHOD_UNKNOWN;
    range->value = 0.5 * (low + high), range->error = 0.5 * (high - low);
    if ((model & CLBI_TERM_DECAY) && out->events > 0 && out->events <= 2 + seen / 10) {
        range->value = first, range->error = 0;
        return model & CLBI_TERM_MOMENTUM ? CLB_METHOD_HEAVY_BALL : CLB_METHOD_DESCENT;
    }
    out->events = 0;
    return CLB_METHOD_SCHEDULE;
}

static int clbi_audit_schedule(clbi_audit *au, clb_audit *out)
{
    static const int models[] = { CLBI_TERM_DECAY, CLBI_TERM_MOMENTUM,
                                  CLBI_TERM_MOMENTUM | CLBI_TERM_DECAY };
    double *mu, *decay, *error;
    size_t m;
    clb_method found = CLB_METHOD_UNKNOWN;
    if (clbi_alloc(&mu, 3 * au->snapshots, sizeof *mu)) return 0;
    decay = mu + au->snapshots, error = decay + au->snapshots;
    for (m = 0; m < 3 && !found; ++m) {
        clb_measured range = { 0, 0 };
        int has_decay = models[m] & CLBI_TERM_DECAY;
        if (clbi_step_fits(au, models[m], mu, decay, error) < 0.8) continue;
        out->events = 0;
        found = clbi_schedule_kind(au, out, models[m], has_decay ? decay : mu, error, &range);
        if (!found) continue;
        if (has_decay) out->decay = range;
        else out->momentum = range;
        if (models[m] == (CLBI_TERM_MOMENTUM | CLBI_TERM_DECAY))
            out->momentum = clbi_schedule_momentum(au, mu, decay);
    }
    CLB_FREE(mu);
    out->method = found;
    return found != CLB_METHOD_UNKNOWN;
}

/* The verdict if no law with a constant step size holds. In the first step of an adaptive method
 * all entries move by the same amount; in later steps they do so only if the gradient
 * is clipped. */
static void clbi_audit_other(clbi_audit *au, clb_audit *out, int normalised)
{
    const clbi_auditor *run = au->run;
    clbi_fit fit;
    int even = !au->middle && run->evenness > 0.9;
    clbi_fit_linear(au, CLBI_TERM_NORMALISED, 0.0, &clbi_everywhere, &fit);
    if (clbi_fit_holds(&fit) && (normalised || fit.excess < 0.01 * out->excess))
        out->method = CLB_METHOD_NORMALISED;
    else if (even ? run->exact > 10 + au->steps / 2 : run->exact + run->close > 1)
        out->method = CLB_METHOD_CLIPPED;
    else if (even) out->method = CLB_METHOD_ADAPTIVE;
    else if (normalised) out->method = CLB_METHOD_NORMALISED;
    else out->method = au->middle && clbi_law_correlation(au) < 0.6 ? CLB_METHOD_ADAPTIVE
                     : CLB_METHOD_NOT_HOMOGENEOUS;
}

static void clbi_audit_judge(clbi_audit *au, clb_audit *out, unsigned char *keep, int normalised)
{
    clbi_fit fit;
    size_t i, last = (size_t)-2;
    int model = clbi_best_model(au, &clbi_everywhere, &fit), trimmed = 0;
    if (model < 0) {
        model = clbi_best_trimmed(au, &fit, keep);
        trimmed = model >= 0;
    }
    out->laws = au->hidden, out->steps = au->steps;
    out->bias_decay = 1;
    if (model < 0) {
        clbi_fit_linear(au, CLBI_TERM_MOMENTUM | CLBI_TERM_DECAY, 0.0, &clbi_everywhere, &fit);
        out->excess = fit.excess, out->residual = fit.residual;
        clbi_audit_layers(au, out, CLBI_TERM_MOMENTUM | CLBI_TERM_DECAY, &fit);
        if (clbi_audit_schedule(au, out)) return;
        if (clbi_audit_groups(au, out)) out->method = CLB_METHOD_GROUPS;
        else clbi_audit_other(au, out, normalised);
        return;
    }
    clbi_fit_mu_error(au, model, &clbi_everywhere, &fit);
    clbi_fit_report(model, &fit, &out->momentum, &out->decay);
    out->excess = fit.excess, out->residual = fit.residual;
    out->decoupled = (model & CLBI_TERM_DECOUPLED) != 0;
    out->bias_decay = !(model & CLBI_TERM_NO_BIAS);
    out->method = model & CLBI_TERM_NESTEROV ? CLB_METHOD_NESTEROV
                : model & (CLBI_TERM_MOMENTUM | CLBI_TERM_DECOUPLED) ? CLB_METHOD_HEAVY_BALL
                : CLB_METHOD_DESCENT;
    if (clbi_audit_blind(au, model, &fit) || out->momentum.value + out->momentum.error < 0) {
        out->method = CLB_METHOD_UNDECIDED;
        memset(&out->momentum, 0, sizeof out->momentum);
        memset(&out->decay, 0, sizeof out->decay);
    }
    clbi_audit_layers(au, out, model, &fit);
    for (i = 0; trimmed && i + 1 < au->snapshots; ++i) {
        if (au->bad[i] != 2) continue;
        if (last + 1 == i && out->event[out->events - 1].kind != CLB_EVENT_RATE) {
            last = i;                            /* the next law contains this step too       */
            continue;
        }
        out->event[out->events++] = clbi_event(au, model, &fit, i);
        last = i;
    }
}

CLBDEF const char *clb_method_name(clb_method method)
{
    static const char *const names[] = {
        "unknown", "undecided", "gradient descent", "heavy ball", "Nesterov",
        "changing step size", "parameter groups", "normalised net", "adaptive method",
        "clipped entries", "not a homogeneous net" };
    return (unsigned)method < (unsigned)CLB_METHOD_COUNT ? names[method] : "unknown";
}

/* Writes the verdict in words. */
static void clbi_audit_text(clb_audit *a)
{
    clbi_msg t;
    size_t i, l;
    t.text = a->text, t.room = sizeof a->text, t.length = 0;
    switch (a->method) {
    case CLB_METHOD_DESCENT:
        clbi_say_text(&t, "Gradient descent without momentum"); break;
    case CLB_METHOD_HEAVY_BALL: clbi_say_text(&t, "Heavy ball"); break;
    case CLB_METHOD_NESTEROV:   clbi_say_text(&t, "Nesterov's method"); break;
    case CLB_METHOD_UNDECIDED:
        clbi_say_text(&t, "The laws hold, but rounding of the weights hides whether there is "
                          "momentum"); break;
    case CLB_METHOD_SCHEDULE:
        clbi_say_text(&t, "A gradient method whose step size changes during the run"); break;
    case CLB_METHOD_GROUPS:
        clbi_say_text(&t, "A gradient method with different step sizes or decays in its layers");
        break;
    case CLB_METHOD_NORMALISED:
        clbi_say_text(&t, "The laws do not hold: the pattern is that of normalisation layers");
        break;
    case CLB_METHOD_ADAPTIVE:
        clbi_say_text(&t, "The laws do not hold: the pattern is that of a method that scales every "
                          "entry, such as Adam or RMSprop"); break;
    case CLB_METHOD_CLIPPED:
        clbi_say_text(&t, "The laws do not hold: many entries move by the same largest amount, as "
                          "with a gradient clipped entry by entry"); break;
    case CLB_METHOD_NOT_HOMOGENEOUS:
        clbi_say_text(&t, "The laws do not hold, but their two sides go together: a gradient "
                          "method on a net with an activation such as tanh or GELU"); break;
    case CLB_METHOD_UNKNOWN:
    case CLB_METHOD_COUNT:
    default: clbi_say_text(&t, "Nothing can be said");
    }
    if (a->momentum.value != 0.0 || a->momentum.error != 0.0) {
        clbi_say_text(&t, a->method == CLB_METHOD_SCHEDULE && a->decay.value == 0.0
                          ? ", momentum times the ratio of steps " : ", momentum ");
        clbi_say_double(&t, a->momentum.value), clbi_say_text(&t, " +- ");
        clbi_say_double(&t, a->momentum.error);
    }
    if (a->decay.value != 0.0) {
        clbi_say_text(&t, a->decoupled ? ", decoupled decay: eta lambda "
                                       : ", weight decay: eta lambda ");
        clbi_say_double(&t, a->decay.value), clbi_say_text(&t, " +- ");
        clbi_say_double(&t, a->decay.error);
        if (!a->bias_decay) clbi_say_text(&t, ", biases not decayed");
    }
    clbi_say_char(&t, '.');
    for (i = 0; i < a->events && i < 3; ++i) {
        clbi_say_text(&t, a->event[i].kind == CLB_EVENT_RATE ? " Step size changed by the factor "
                        : a->event[i].kind == CLB_EVENT_GAP ? " Updates are missing"
                        : " Weights were changed by something else");
        if (a->event[i].kind == CLB_EVENT_RATE) clbi_say_double(&t, a->event[i].factor);
        clbi_say_text(&t, " after snapshot "), clbi_say_size(&t, a->event[i].step);
        clbi_say_char(&t, '.');
    }
    for (l = 1; l < a->L; ++l) {
        if (!a->layer[l].frozen) continue;
        clbi_say_text(&t, " Of the laws between layers "), clbi_say_size(&t, l);
        clbi_say_text(&t, " and "), clbi_say_size(&t, l + 1);
        clbi_say_text(&t, " nothing can be said: a layer does not move.");
    }
}

CLBDEF void clb_audit_free(clb_audit *audit)
{
    CLB_FREE(audit->arena);
    memset(audit, 0, sizeof *audit);
}

/* Selects the laws between layers that move, and computes their noise. */
static clb_status clbi_audit_take(clbi_audit *au, clbi_auditor *a)
{
    int digits = a->opts.digits ? a->opts.digits : a->digits;
    double rounding = CLBI_ULP * ldexp(1.0, -digits);
    size_t k, l, count = 0;
    clb_status status = CLB_OK;
    au->rho = digits <= 11 ? 0.5 : 0.0;  /* if weights are stored less precisely than they are */
    for (k = 0; k < a->laws; ++k) {              /* computed, the next step undoes the rounding */
        a->law[k].noise = rounding * clbi_sqrt(1.0 + 2.0 * au->rho) * a->law[k].spread + 1e-300;
        a->law[k].rho = au->rho;
    }
    for (k = 0; k < a->laws; ++k)
        count += !a->still[a->law[k].layer] && !a->still[a->law[k].layer + 1];
    au->law = a->law, au->laws = a->laws, au->hidden = a->hidden;
    if (count < a->laws) status = clbi_alloc(&au->law, count, sizeof *au->law);
    if (status) return status;
    for (l = 1; l < a->net->L && count < a->laws; ++l) {
        size_t most = a->opts.neurons ? a->opts.neurons : 128;
        if (a->still[l] || a->still[l + 1]) au->hidden -= a->net->m[l] < most ? a->net->m[l] : most;
    }
    for (k = 0, au->laws = 0; k < a->laws; ++k) {
        l = a->law[k].layer;
        if (!a->still[l] && !a->still[l + 1]) au->law[au->laws++] = a->law[k];
    }
    return CLB_OK;
}

/* Prepares the judgement. marks: 3 bytes for each snapshot. */
static clb_status clbi_audit_open(clbi_audit *au, clbi_auditor *a, unsigned char *marks)
{
    size_t i;
    clb_status status;
    memset(au, 0, sizeof *au);
    au->run = a, au->net = a->net, au->snapshots = a->snapshots, au->step = a->step;
    au->bad = marks, au->frozen = a->still;
    au->middle = clbi_from_middle(a), au->has_bias = clbi_audit_bias(a->net);
    for (i = 0; i + 1 < au->snapshots; ++i) {
        au->bad[i] = au->step[i + 1] != au->step[i] + 1;
        au->steps += !au->bad[i];
    }
    if (au->steps == 0)
        return clbi_fail(a->opts.error, CLB_ECOUNT, "no two snapshots are of consecutive steps");
    status = clbi_audit_take(au, a);
    return status ? status : clbi_alloc(&au->x, au->laws, (CLBI_TERMS + 1) * sizeof *au->x);
}

static void clbi_audit_layout(clb_audit *audit, size_t snapshots, clbi_room *room)
{
    audit->layer = (clb_audit_layer *)clbi_part(room, audit->L, 1, sizeof *audit->layer);
    audit->event = (clb_audit_event *)clbi_part(room, snapshots + 1, 1, sizeof *audit->event);
}

CLBDEF clb_status clb_auditor_verdict(clb_auditor *auditor, clb_audit *audit)
{
    clbi_room room = CLB_ZERO;
    clbi_auditor *a = (clbi_auditor *)auditor->state;
    clbi_audit au;
    size_t count = a->snapshots;
    unsigned char *marks = NULL;
    clb_status status;
    memset(audit, 0, sizeof *audit);
    memset(&au, 0, sizeof au);
    clbi_clear(a->opts.error);
    if (count < 3)
        return clbi_fail(a->opts.error, CLB_ECOUNT, "%z snapshots: three are needed", count);
    audit->L = a->net->L;
    clbi_audit_layout(audit, count, &room);
    status = clbi_calloc(&marks, 3 * count, 1);
    if (!status) status = clbi_room_calloc(&room, &audit->arena);
    if (!status) {
        clbi_audit_layout(audit, count, &room);
        status = clbi_audit_open(&au, a, marks);
    }
    if (!status) {
        clbi_audit_judge(&au, audit, marks + count, a->opts.normalised);
        clbi_audit_text(audit);
    }
    CLB_FREE(au.x);
    if (au.law != a->law) CLB_FREE(au.law);
    CLB_FREE(marks);
    if (status) clb_audit_free(audit);
    return clbi_done(a->opts.error, status);
}

CLBDEF clb_status clb_audit_run(clb_audit *audit, const clb_net *net, const double *const *theta,
                                size_t count, const clb_audit_opts *opts)
{
    clb_auditor auditor;
    clbi_auditor *a;
    size_t i;
    clb_status status = clb_auditor_init(&auditor, net, opts);
    memset(audit, 0, sizeof *audit);
    if (status) return status;
    a = (clbi_auditor *)auditor.state;
    a->borrows = 1;
    status = clbi_done(a->opts.error, clbi_auditor_room(a, count));
    for (i = 0; i < count && !status; ++i)
        status = clb_auditor_add(&auditor, theta[i], opts && opts->step ? opts->step[i] : i);
    if (!status) status = clb_auditor_verdict(&auditor, audit);
    clb_auditor_free(&auditor);
    return status;
}

/* ---- layers from names --------------------------------------------------------------------- */

#ifndef CLB_FREESTANDING
CLBDEF void clb_chain_free(clb_chain *chain)
{
    CLB_FREE(chain->arena);
    memset(chain, 0, sizeof *chain);
}

/* The length of a name without its last part: "fc1.weight" -> that of "fc1". A name without a dot,
 * such as "W12", has length 0. */
static size_t clbi_stem(const char *name)
{
    size_t n = strlen(name);
    while (n > 0 && name[n - 1] != '.' && name[n - 1] != '/') --n;
    return n;
}

/* Is the array part of an optimiser's state or of statistics, and so no weight? */
static int clbi_is_state(const char *name)
{
    static const char *const words[] = { "optim", "momentum_buffer", "exp_avg", "opt_state",
                                         "running_mean", "running_var", "batch_stats", "/mu/",
                                         "/nu/", "trace" };
    size_t i;
    for (i = 0; i < sizeof words / sizeof words[0]; ++i)
        if (strstr(name, words[i])) return 1;
    return 0;
}

/* Compares names; numbers in them are compared by value. */
static int clbi_natural(const char *a, const char *b)
{
    for (; *a || *b; ++a, ++b) {
        size_t x = 0, y = 0;
        if (!clbi_is_digit((unsigned char)*a) || !clbi_is_digit((unsigned char)*b)) {
            if (*a != *b) return (unsigned char)*a < (unsigned char)*b ? -1 : 1;
            continue;
        }
        for (; clbi_is_digit((unsigned char)*a); ++a) x = 10 * x + (size_t)(*a - '0');
        for (; clbi_is_digit((unsigned char)*b); ++b) y = 10 * y + (size_t)(*b - '0');
        if (x != y) return x < y ? -1 : 1;
        --a, --b;
    }
    return 0;
}

/* Does the bias belong to the weight? The names may differ in their last part ("fc.weight",
 * "fc.bias"), in the letters before the same number ("W1", "b1"), or in a last number ("0.0",
 * "0.1"). */
static int clbi_belongs(const char *weight, const char *bias)
{
    size_t stem = clbi_stem(weight), i, j;
    if (clbi_stem(bias) != stem || memcmp(weight, bias, stem) != 0) return 0;
    for (i = strlen(weight); i > stem && clbi_is_digit((unsigned char)weight[i - 1]);) --i;
    for (j = strlen(bias); j > stem && clbi_is_digit((unsigned char)bias[j - 1]);) --j;
    if (i == stem || j == stem) return stem > 0;
    return strcmp(weight + i, bias + j) == 0;
}

/* The first layer whose shape does not fit the next one, or L if all fit. Shapes are [out][in], or
 * transposed [in][out]. */
static size_t clbi_chain_breaks(const clb_chain *chain, const clb_tensors *t, int transposed)
{
    size_t l;
    for (l = 1; l < chain->L; ++l) {
        const size_t *below = t->item[chain->weight[l - 1]].array.shape,
                     *above = t->item[chain->weight[l]].array.shape;
        if (below[transposed] != above[1 - transposed]) return l;
    }
    return l;
}

/* Sorts the weights by name. Insertion sort: it is stable, and there are few. */
static void clbi_chain_sort(clb_chain *chain, const clb_tensors *t)
{
    size_t i, j;
    for (i = 1; i < chain->L; ++i)
        for (j = i; j > 0; --j) {
            size_t a = chain->weight[j - 1], b = chain->weight[j];
            if (clbi_natural(t->item[a].name, t->item[b].name) <= 0) break;
            chain->weight[j - 1] = b, chain->weight[j] = a;
        }
}

/* Finds the order and the orientation in which the shapes fit. */
static clb_status clbi_chain_order(clb_chain *chain, const clb_tensors *t, clb_error *error)
{
    const char *first = t->item[chain->weight[0]].name;
    int kernel = strstr(first, "kernel") != NULL, turn, sorted;
    const size_t *a, *b;
    size_t l;
    memcpy(chain->bias, chain->weight, chain->L * sizeof *chain->bias);
    for (turn = 0; turn < (kernel ? 1 : 2); ++turn)      /* a "kernel" is [in][out]           */
        for (sorted = 0; sorted < 2; ++sorted) {
            memcpy(chain->weight, chain->bias, chain->L * sizeof *chain->bias);
            if (sorted) clbi_chain_sort(chain, t);
            if (clbi_chain_breaks(chain, t, kernel ^ turn) < chain->L) continue;
            chain->transposed = kernel ^ turn;
            return CLB_OK;
        }
    memcpy(chain->weight, chain->bias, chain->L * sizeof *chain->bias);
    l = clbi_chain_breaks(chain, t, kernel);
    a = t->item[chain->weight[l - 1]].array.shape, b = t->item[chain->weight[l]].array.shape;
    return clbi_fail(error, CLB_ESHAPE, "%s [%z][%z] does not follow %s [%z][%z]",
                     t->item[chain->weight[l]].name, b[0], b[1],
                     t->item[chain->weight[l - 1]].name, a[0], a[1]);
}

static clb_status clbi_chain_biases(clb_chain *chain, const clb_tensors *t, clb_error *error)
{
    size_t l, i;
    for (l = 0; l < chain->L; ++l) {
        const clb_tensor *w = &t->item[chain->weight[l]];
        chain->bias[l] = (size_t)-1;
        for (i = 0; i < t->count; ++i) {
            const clb_tensor *b = &t->item[i];
            if (b->array.rank != 1 || b->digits == 0 || clbi_is_state(b->name) ||
                !clbi_belongs(w->name, b->name)) continue;
            if (b->array.count != w->array.shape[chain->transposed])
                return clbi_fail(error, CLB_ESHAPE, "%s [%z] is no bias of %s [%z][%z]", b->name,
                                 b->array.count, w->name, w->array.shape[0], w->array.shape[1]);
            chain->bias[l] = i;
            break;
        }
    }
    return CLB_OK;
}

static void clbi_chain_layout(clb_chain *chain, size_t count, clbi_room *room)
{
    chain->weight = (size_t *)clbi_part(room, count, 1, sizeof *chain->weight);
    chain->bias = (size_t *)clbi_part(room, count, 1, sizeof *chain->bias);
}

CLBDEF clb_status clb_chain_find(clb_chain *chain, const clb_tensors *tensors, clb_error *error)
{
    clbi_room room = CLB_ZERO;
    size_t i, biases = 0, vectors = 0;
    clb_status status;
    clbi_clear(error);
    memset(chain, 0, sizeof *chain);
    clbi_chain_layout(chain, tensors->count, &room);
    status = clbi_room_alloc(&room, &chain->arena);
    if (status) return clbi_done(error, status);
    clbi_chain_layout(chain, tensors->count, &room);
    for (i = 0; i < tensors->count; ++i) {
        const clb_tensor *t = &tensors->item[i];
        if (strstr(t->name, "running_mean") || strstr(t->name, "batch_stats"))
            chain->normalised = 1;
        if (t->digits == 0 || t->array.count == 0 || clbi_is_state(t->name)) continue;
        if (t->array.rank == 2) chain->weight[chain->L++] = i;
        else if (t->array.rank == 1) ++vectors;
        else if (t->array.rank > 2) {
            status = clbi_fail(error, CLB_ESHAPE, "%s has rank %z: no fully connected layer",
                               t->name, t->array.rank);
            break;
        }
    }
    if (!status && chain->L == 0)
        status = clbi_fail(error, CLB_EEMPTY, "no weight matrices (arrays of rank 2) in the file");
    if (!status) status = clbi_chain_order(chain, tensors, error);
    if (!status) status = clbi_chain_biases(chain, tensors, error);
    for (i = 0; !status && i < chain->L; ++i) biases += chain->bias[i] != (size_t)-1;
    if (vectors > biases) chain->normalised = 1;
    if (status) clb_chain_free(chain);
    return clbi_done(error, status);
}

CLBDEF clb_status clb_chain_theta(const clb_chain *chain, const clb_tensors *of,
                                  const clb_tensors *tensors, double *theta, clb_error *error)
{
    size_t l, i, j, k, part, some = 0;
    clbi_clear(error);
    for (l = 0; l < chain->L; ++l) some += chain->bias[l] != (size_t)-1;
    for (l = 0; l < chain->L; ++l)
        for (part = 0; part < 2; ++part) {
            size_t index = part ? chain->bias[l] : chain->weight[l], rows, columns;
            const clb_tensor *was, *t;
            if (part && index == (size_t)-1) {
                rows = of->item[chain->weight[l]].array.shape[chain->transposed];
                for (i = 0; some && i < rows; ++i) *theta++ = 0.0;
                continue;
            }
            was = &of->item[index];
            t = tensors == of ? was : clb_tensors_find(tensors, was->name);
            if (!t) return clbi_fail(error, CLB_ESHAPE, "%s is missing", was->name);
            if (t->array.rank != was->array.rank || t->array.count != was->array.count ||
                t->array.shape[0] != was->array.shape[0])
                return clbi_fail(error, CLB_ESHAPE, "%s has another shape", was->name);
            for (k = 0; k < t->array.count; ++k)
                if (!(fabs(t->array.x[k]) <= DBL_MAX))
                    return clbi_fail(error, CLB_ENOTFINITE, "%s holds NaN or infinity", t->name);
            rows = t->array.shape[part ? 0 : chain->transposed];
            columns = part ? 1 : t->array.shape[1 - chain->transposed];
            for (i = 0; i < rows; ++i)
                for (j = 0; j < columns; ++j)
                    *theta++ = t->array.x[chain->transposed ? j * rows + i : i * columns + j];
        }
    return CLB_OK;
}

CLBDEF clb_status clb_chain_net(const clb_chain *chain, const clb_tensors *tensors,
                                const clb_net_opts *opts, clb_net *net, clb_error *error)
{
    clb_net_opts o;
    size_t *widths, l, k, some = 0;
    double *theta = NULL;
    clb_status status = clbi_alloc(&widths, chain->L + 1, sizeof *widths);
    clbi_clear(error);
    memset(net, 0, sizeof *net);
    memset(&o, 0, sizeof o);
    if (opts) o = *opts;
    if (status) return clbi_done(error, status);
    for (l = 0; l < chain->L; ++l) {
        const size_t *shape = tensors->item[chain->weight[l]].array.shape;
        widths[l] = shape[1 - chain->transposed];
        widths[l + 1] = shape[chain->transposed];
        some += chain->bias[l] != (size_t)-1;
    }
    o.bias = some ? -1 : 0;
    status = clb_net_alloc(net, widths, chain->L + 1, &o);
    if (!status) status = clbi_alloc(&theta, net->P, sizeof *theta);
    if (!status) status = clb_chain_theta(chain, tensors, tensors, theta, error);
    for (k = 0; !status && k < net->P; ++k) net->theta[k] = (clb_real)theta[k];
    CLB_FREE(theta);
    CLB_FREE(widths);
    if (status) clb_net_free(net);
    return clbi_done(error, status);
}
#endif

#ifdef __cplusplus
}
#endif
#if defined(__clang__)
#pragma STDC FP_CONTRACT DEFAULT
#elif defined(_MSC_VER)
#pragma fp_contract(on)
#elif defined(__GNUC__)
#pragma GCC diagnostic pop
#pragma GCC pop_options
#endif
#endif /* CLB_IMPLEMENTATION */

/* ============================================================================================
 * @S60 VECTOR KERNELS     read once an instruction set, from @S35
 * ========================================================================================== */
#ifdef CLBI_SUFFIX

/* Lanes of a vector of CLBI_ROWS bits: for clb_real and for double. */
#define CLBI_DW               (CLBI_ROWS / 64)
#ifdef CLB_SINGLE
#define CLBI_W                (CLBI_ROWS / 32)
#else
#define CLBI_W                CLBI_DW
#define CLBI_D_LOAD(p)        CLBI_D_READ(p)
#define CLBI_D_WRITE(p, v)    CLBI_D_STORE(p, v)
#endif

/* NEON and WebAssembly have no masks. There, parts of a vector are loaded and stored through
 * memory. */
#if CLBI_ROWS == 128
#define CLBI_M                size_t
#define CLBI_MASK(n)          (n)
#define CLBI_LOADM(p, m)      CLBI_N(load_part)(p, m)
#define CLBI_STOREM(p, m, v)  CLBI_N(store_part)(p, m, v)
#define CLBI_LANES(p, off)    CLBI_LOAD((p)[0] + (off))

/* Loads the first n lanes, and zero into the others. */
static CLBI_R CLBI_N(load_part)(const clb_real *p, size_t n)
{
    clb_real x[CLBI_W] = { 0 };
    memcpy(x, p, n * sizeof *x);
    return CLBI_LOAD(x);
}

static void CLBI_N(store_part)(clb_real *p, size_t n, CLBI_R v)
{
    clb_real x[CLBI_W];
    CLBI_STORE(x, v);
    memcpy(p, x, n * sizeof *x);
}
#endif

/* Names that AVX2 and AVX-512 share: CLBI_V(op) is _mm256_op or _mm512_op, CLBI_VI(op) the same for
 * integer vectors, CLBI_VI_TO(ps) reinterprets integers as floats. */
#if CLBI_ROWS >= 256
#ifdef CLB_SINGLE
#define CLBI_TO_BITS(v)       CLBI_VI(castps)(v)
#define CLBI_FROM_BITS(i)     CLBI_VI_TO(ps)(i)
#define CLBI_ISET(u)          CLBI_V(set1_epi32)((int)(u))
#define CLBI_PAIRS(a, b, which) CLBI_V(shuffle_ps)(a, b, which)
#else
#define CLBI_TO_BITS(v)       CLBI_VI(castpd)(v)
#define CLBI_FROM_BITS(i)     CLBI_VI_TO(pd)(i)
#define CLBI_ISET(u)          CLBI_ISET64((long long)(u))
#endif
#define CLBI_D_EXPONENT(v)    CLBI_VI_TO(pd)(CLBI_V(slli_epi64)(CLBI_VI(castpd)(v), 52))
#define CLBI_D_ZERO()         CLBI_V(setzero_pd)()
#define CLBI_D_SET(x)         CLBI_V(set1_pd)(x)
#define CLBI_D_READ(p)        CLBI_V(loadu_pd)(p)
#define CLBI_D_OP(op)         CLBI_V(op##_pd)
#define CLBI_D_STORE(p, v)    CLBI_V(storeu_pd)(p, v)
#ifdef CLB_SINGLE
#define CLBI_O(op)            CLBI_V(op##_ps)
#define CLBI_INTEGER(op)      CLBI_V(op##_epi32)
#else
#define CLBI_O(op)            CLBI_V(op##_pd)
#define CLBI_INTEGER(op)      CLBI_V(op##_epi64)
#endif
#define CLBI_IADD(a, b)       CLBI_INTEGER(add)(a, b)
#define CLBI_ISUB(a, b)       CLBI_INTEGER(sub)(a, b)
#define CLBI_ISHL(a)          CLBI_INTEGER(slli)(a, CLBI_RMANTISSA)
#define CLBI_ISHR(a)          CLBI_INTEGER(srli)(a, CLBI_RMANTISSA)
#define CLBI_ADD(a, b)        CLBI_O(add)(a, b)
#define CLBI_SUB(a, b)        CLBI_O(sub)(a, b)
#define CLBI_MUL(a, b)        CLBI_O(mul)(a, b)
#define CLBI_DIV(a, b)        CLBI_O(div)(a, b)
#define CLBI_LARGER(a, b)     CLBI_O(max)(a, b)
#define CLBI_ZERO()           CLBI_O(setzero)()
#define CLBI_SET(x)           CLBI_O(set1)(x)
#define CLBI_LOAD(p)          CLBI_O(loadu)(p)
#define CLBI_STORE(p, v)      CLBI_O(storeu)(p, v)
#define CLBI_LOW(a, b)        CLBI_O(unpacklo)(a, b)
#define CLBI_HIGH(a, b)       CLBI_O(unpackhi)(a, b)
#ifdef CLB_NO_FMA
#define CLBI_FMA(a, b, c)     CLBI_ADD(CLBI_MUL(a, b), c)
#define CLBI_D_FMA(a, b, c)   CLBI_D_OP(add)(CLBI_D_OP(mul)(a, b), c)
#else
#define CLBI_FMA(a, b, c)     CLBI_O(fmadd)(a, b, c)
#define CLBI_D_FMA(a, b, c)   CLBI_D_OP(fmadd)(a, b, c)
#endif
#endif

/* The widest tile, in vectors, and the most rows of a tile. */
#if CLBI_ROWS == 256
#define CLBI_WIDEST  3
#define CLBI_TALLEST 12
#else
#define CLBI_WIDEST  4
#define CLBI_TALLEST 16
#endif

/* The last k of a tile, row by row, so that the first rows are stored while the others are
 * computed. (With one vector in a row, all k are done by then.) Returns where the next strip is. */
CLBI_INLINE CLBI_FOR static clb_real *CLBI_N(tile_end)(const size_t MR, const size_t NV,
    const int gated, const CLBI_R *v, CLBI_R (*s)[CLBI_WIDEST], const clb_real **rows, size_t ai,
    clb_real *row, size_t ldc, CLBI_M mask, CLBI_R floor, const clb_real *z)
{
    size_t i, j;
    CLBI_OPAQUE(row);
    CLBI_UNROLL for (i = 0; i < MR; ++i, row += ldc, z += ldc) {
        CLBI_R x;
        if (MR > 6) {                                     /* too many addresses to be held */
            CLBI_OPAQUE(row);
            CLBI_OPAQUE(rows[i / 4]);
        }
        x = NV > 1 ? CLBI_SET(rows[i / 4][i % 4 * ai]) : CLBI_ZERO();
        CLBI_UNROLL for (j = 0; j < NV; ++j) {
            CLBI_R c = NV > 1 ? CLBI_FMA(x, v[j], s[i][j]) : s[i][j];
            if (!gated) c = CLBI_LARGER(floor, c);
            else if (j + 1 < NV) c = CLBI_IF_POSITIVE(CLBI_LOAD(z + j * CLBI_W), c);
            else c = CLBI_IF_POSITIVE(CLBI_LOADM(z + j * CLBI_W, mask), c);
            s[i][j] = c;
            if (j + 1 < NV) CLBI_STORE(row + j * CLBI_W, c);
            else CLBI_STOREM(row + j * CLBI_W, mask, c);
        }
    }
    return row;
}

/* A tile of C: MR rows and NV vectors of columns; the last vector has `last` columns. The MR x NV
 * accumulators stay in registers over all k. The last vector of a row of B is loaded whole, so it
 * reads into the next row, except in the last row. The next MR rows follow, `strips` times in all.
 *
 *            b[k]  |v0|v1|..|                a[i ai + k ak] is broadcast, b[k ldb + j] is a vector
 *     a[i][k]  x   |s_i0|s_i1|..|  i < MR    s_ij = fma(a_ik, b_kj, s_ij) */
CLBI_INLINE CLBI_FOR static void CLBI_N(tile)(const size_t MR, const size_t NV, size_t strips,
    size_t K, const clb_real *a, size_t ai, size_t ak, const clb_real *b0, size_t ldb, clb_real *c,
    size_t ldc, size_t last, int acc, const clb_real *gate, clb_real *relu)
{
    const int apart = relu && relu != c;
    const CLBI_R floor = CLBI_SET(relu == c ? 0 : -(clb_real)INFINITY);
    const CLBI_M mask = CLBI_MASK(last);
    const clb_real *rows[(CLBI_TALLEST + 3) / 4];            /* every fourth row of A           */
    const clb_real *z = gate ? gate : c, *b;
    CLBI_R s[CLBI_TALLEST][CLBI_WIDEST], v[CLBI_WIDEST], x;
    clb_real *row;
    size_t i, j, k;
    for (; strips; --strips, a += MR * ai, c = row) {
        CLBI_UNROLL for (i = 0; i < (MR + 3) / 4; ++i) {
            rows[i] = a + 4 * i * ai;
            CLBI_OPAQUE(rows[i]);
        }
        CLBI_UNROLL for (i = 0; i < MR; ++i)
            CLBI_UNROLL for (j = 0; j < NV; ++j) s[i][j] = CLBI_ZERO();
        row = c;
        if (acc)
            CLBI_UNROLL for (i = 0; i < MR; ++i, row += ldc) {
                CLBI_UNROLL for (j = 0; j + 1 < NV; ++j) s[i][j] = CLBI_LOAD(row + j * CLBI_W);
                s[i][NV - 1] = CLBI_LOADM(row + (NV - 1) * CLBI_W, mask);
            }
        if (acc && strips > 2 && K >= CLBI_FETCH_FROM)        /* ask for C of the next but one */
            CLBI_UNROLL for (i = 0; i < MR; ++i, row += ldc) {
                CLBI_FETCH(row + MR * ldc);
                CLBI_FETCH(row + MR * ldc + NV * CLBI_W - 1);
            }
        for (k = NV > 1, b = b0; k < K; ++k, b += ldb) {
            CLBI_UNROLL for (j = 0; j < NV; ++j) v[j] = CLBI_LOAD(b + j * CLBI_W);
            CLBI_UNROLL for (i = 0; i < MR; ++i) {
                x = CLBI_SET(rows[i / 4][i % 4 * ai]);
                CLBI_UNROLL for (j = 0; j < NV; ++j) s[i][j] = CLBI_FMA(x, v[j], s[i][j]);
            }
            CLBI_UNROLL for (i = 0; i < (MR + 3) / 4; ++i) rows[i] += ak;
        }
        if (NV > 1) {
            CLBI_UNROLL for (j = 0; j + 1 < NV; ++j) v[j] = CLBI_LOAD(b + j * CLBI_W);
            v[NV - 1] = CLBI_LOADM(b + (NV - 1) * CLBI_W, mask);
        }
        if (gate) row = CLBI_N(tile_end)(MR, NV, 1, v, s, rows, ai, c, ldc, mask, floor, z);
        else row = CLBI_N(tile_end)(MR, NV, 0, v, s, rows, ai, c, ldc, mask, floor, z);
        z += MR * ldc;
        if (apart)
            CLBI_UNROLL for (i = 0; i < MR; ++i, relu += ldc) {
                CLBI_UNROLL for (j = 0; j + 1 < NV; ++j)
                    CLBI_STORE(relu + j * CLBI_W, CLBI_LARGER(CLBI_ZERO(), s[i][j]));
                CLBI_STOREM(relu + (NV - 1) * CLBI_W, mask,
                            CLBI_LARGER(CLBI_ZERO(), s[i][NV - 1]));
            }
    }
}

#define CLBI_TILE(MR, NV)                                                                         \
CLBI_FOR static void CLBI_N(tile_##MR##x##NV)(size_t strips, size_t K, const clb_real *a,         \
    size_t ai, size_t ak, const clb_real *b, size_t ldb, clb_real *c, size_t ldc, size_t last,    \
    int acc, const clb_real *gate, clb_real *relu)                                                \
{                                                                                                 \
    CLBI_N(tile)(MR, NV, strips, K, a, ai, ak, b, ldb, c, ldc, last, acc, gate, relu);            \
}

/* For each width, the tallest tile is limited by the registers: 12 accumulators of 16, or 24 of 32.
 * Every tile costs compile time. So among the lower ones there are only those that make a product
 * of tests/bench.c faster, and height 1. */
CLBI_TILE(1, 1) CLBI_TILE(2, 1) CLBI_TILE(3, 1) CLBI_TILE(5, 1) CLBI_TILE(10, 1) CLBI_TILE(12, 1)
CLBI_TILE(1, 2) CLBI_TILE(2, 2) CLBI_TILE(3, 2) CLBI_TILE(4, 2) CLBI_TILE(5, 2) CLBI_TILE(6, 2)
CLBI_TILE(1, 3) CLBI_TILE(2, 3) CLBI_TILE(3, 3) CLBI_TILE(4, 3)
#if CLBI_ROWS != 256
CLBI_TILE(6, 1) CLBI_TILE(16, 1) CLBI_TILE(10, 2) CLBI_TILE(12, 2) CLBI_TILE(8, 3)
CLBI_TILE(1, 4) CLBI_TILE(2, 4) CLBI_TILE(3, 4) CLBI_TILE(6, 4)
#endif
#undef CLBI_TILE

/* The tiles by width and height, NULL if there is none; and the tallest of each width. */
#define CLBI_T(MR, NV) CLBI_N(tile_##MR##x##NV)
#define CLBI_1_TO_3(NV) CLBI_T(1, NV), CLBI_T(2, NV), CLBI_T(3, NV)
#if CLBI_ROWS == 256
static const unsigned char CLBI_N(tallest)[CLBI_WIDEST] = { 12, 6, 4 };
static const clbi_tile_fn CLBI_N(tiles)[CLBI_WIDEST][16] = {
    { CLBI_1_TO_3(1), 0, CLBI_T(5, 1), 0, 0, 0, 0, CLBI_T(10, 1), 0, CLBI_T(12, 1) },
    { CLBI_1_TO_3(2), CLBI_T(4, 2), CLBI_T(5, 2), CLBI_T(6, 2) },
    { CLBI_1_TO_3(3), CLBI_T(4, 3) }
};
#else
static const unsigned char CLBI_N(tallest)[CLBI_WIDEST] = { 16, 12, 8, 6 };
static const clbi_tile_fn CLBI_N(tiles)[CLBI_WIDEST][16] = {
    { CLBI_1_TO_3(1), 0, CLBI_T(5, 1), CLBI_T(6, 1), 0, 0, 0, CLBI_T(10, 1), 0, CLBI_T(12, 1), 0,
      0, 0, CLBI_T(16, 1) },
    { CLBI_1_TO_3(2), CLBI_T(4, 2), CLBI_T(5, 2), CLBI_T(6, 2), 0, 0, 0, CLBI_T(10, 2), 0,
      CLBI_T(12, 2) },
    { CLBI_1_TO_3(3), CLBI_T(4, 3), 0, 0, 0, CLBI_T(8, 3) },
    { CLBI_1_TO_3(4), 0, 0, CLBI_T(6, 4) }
};
#endif
#undef CLBI_1_TO_3
#undef CLBI_T

/* v[c] = column c of a block of CLBI_W rows with four elements each, ld apart. LANES collects
 * pieces of 16 bytes from rows that are as far apart as a piece has elements. LOW and HIGH
 * interleave the halves of each piece; PAIRS takes two elements of each. */
CLBI_INLINE CLBI_FOR static void CLBI_N(turn)(const clb_real *from, size_t ld, CLBI_R *v)
{
    const clb_real *p[CLBI_ROWS / 128];
    size_t q;
    p[0] = from;
    CLBI_UNROLL for (q = 1; q < CLBI_ROWS / 128; ++q) {
        p[q] = p[q - 1] + 16 / sizeof(clb_real) * ld;
        CLBI_OPAQUE(p[q]);
    }
    {
#ifdef CLB_SINGLE
        const CLBI_R a0 = CLBI_LANES(p, 0), a1 = CLBI_LANES(p, ld);
        const CLBI_R a2 = CLBI_LANES(p, 2 * ld), a3 = CLBI_LANES(p, 3 * ld);
        const CLBI_R b0 = CLBI_LOW(a0, a1), b1 = CLBI_LOW(a2, a3);
        const CLBI_R b2 = CLBI_HIGH(a0, a1), b3 = CLBI_HIGH(a2, a3);
        v[0] = CLBI_PAIRS(b0, b1, 0x44);
        v[1] = CLBI_PAIRS(b0, b1, 0xee);
        v[2] = CLBI_PAIRS(b2, b3, 0x44);
        v[3] = CLBI_PAIRS(b2, b3, 0xee);
#elif CLBI_ROWS == 512                /* pieces of 32 bytes: rows 0 2, 1 3, 4 6, 5 7 */
        const CLBI_R a0 = CLBI_HALVES(p[0], p[1]), a1 = CLBI_HALVES(p[0] + ld, p[1] + ld);
        const CLBI_R a2 = CLBI_HALVES(p[2], p[3]), a3 = CLBI_HALVES(p[2] + ld, p[3] + ld);
        const CLBI_R b0 = CLBI_LOW(a0, a1), b1 = CLBI_HIGH(a0, a1);
        const CLBI_R b2 = CLBI_LOW(a2, a3), b3 = CLBI_HIGH(a2, a3);
        v[0] = _mm512_shuffle_f64x2(b0, b2, 0x88);
        v[1] = _mm512_shuffle_f64x2(b1, b3, 0x88);
        v[2] = _mm512_shuffle_f64x2(b0, b2, 0xdd);
        v[3] = _mm512_shuffle_f64x2(b1, b3, 0xdd);
#else
        const CLBI_R a0 = CLBI_LANES(p, 0), a1 = CLBI_LANES(p, ld);
        const CLBI_R a2 = CLBI_LANES(p, 2), a3 = CLBI_LANES(p, ld + 2);
        v[0] = CLBI_LOW(a0, a1);
        v[1] = CLBI_HIGH(a0, a1);
        v[2] = CLBI_LOW(a2, a3);
        v[3] = CLBI_HIGH(a2, a3);
#endif
    }
}
#define CLBI_COPIES 2  /* elements copied in the time of one multiply-add */

/* dst[c ldd + r] = src[r ld + c] for CLBI_W rows and c < cols, four columns at a time. If cols is
 * no multiple of four, the last four columns overlap those before. */
CLBI_FOR static void CLBI_N(transpose_rows)(size_t cols, const clb_real *src, size_t ld,
                                            clb_real *dst, size_t ldd)
{
    CLBI_R v[4];
    size_t c, i;
    for (c = 0;; c = c + 8 <= cols ? c + 4 : cols - 4) {
        CLBI_N(turn)(src + c, ld, v);
        CLBI_UNROLL for (i = 0; i < 4; ++i) CLBI_STORE(dst + (c + i) * ldd, v[i]);
        if (c + 4 == cols) return;
    }
}

/* The same for as many rows as there are elements in 16 bytes. */
#if CLBI_ROWS >= 256
CLBI_FOR static void CLBI_N(transpose_few)(size_t cols, const clb_real *src, size_t ld,
                                           clb_real *dst, size_t ldd)
{
    size_t c;
    for (c = 0;; c = c + 8 <= cols ? c + 4 : cols - 4) {
        const clb_real *from = src + c;
        clb_real *to = dst + c * ldd;
#ifdef CLB_SINGLE
        __m128 a = _mm_loadu_ps(from), b = _mm_loadu_ps(from + ld), lo[2], hi[2];
        lo[0] = _mm_unpacklo_ps(a, b), hi[0] = _mm_unpackhi_ps(a, b);
        a = _mm_loadu_ps(from + 2 * ld), b = _mm_loadu_ps(from + 3 * ld);
        lo[1] = _mm_unpacklo_ps(a, b), hi[1] = _mm_unpackhi_ps(a, b);
        _mm_storeu_ps(to, _mm_movelh_ps(lo[0], lo[1]));
        _mm_storeu_ps(to + ldd, _mm_movehl_ps(lo[1], lo[0]));
        _mm_storeu_ps(to + 2 * ldd, _mm_movelh_ps(hi[0], hi[1]));
        _mm_storeu_ps(to + 3 * ldd, _mm_movehl_ps(hi[1], hi[0]));
#else
        __m128d a = _mm_loadu_pd(from), b = _mm_loadu_pd(from + ld);
        _mm_storeu_pd(to, _mm_unpacklo_pd(a, b));
        _mm_storeu_pd(to + ldd, _mm_unpackhi_pd(a, b));
        a = _mm_loadu_pd(from + 2), b = _mm_loadu_pd(from + ld + 2);
        _mm_storeu_pd(to + 2 * ldd, _mm_unpacklo_pd(a, b));
        _mm_storeu_pd(to + 3 * ldd, _mm_unpackhi_pd(a, b));
#endif
        if (c + 4 == cols) return;
    }
}
#else
#define clbi_transpose_few_neon clbi_transpose_rows_neon
#define clbi_transpose_few_wasm clbi_transpose_rows_wasm
#endif

/* dst[c ldd + r] = src[r ld + c] for r < rows, c < cols. The last rows may be done twice. */
CLBI_FOR static void CLBI_N(transpose)(size_t rows, size_t cols, const clb_real *src, size_t ld,
                                       clb_real *dst, size_t ldd)
{
    enum { FEW = 16 / sizeof(clb_real) };
    size_t r = 0, last;
    if (cols < 4 || rows < FEW) {
        clbi_transpose_scalar(rows, cols, src, ld, dst, ldd);
        return;
    }
    for (; r + CLBI_W <= rows; r += CLBI_W)
        CLBI_N(transpose_rows)(cols, src + r * ld, ld, dst + r, ldd);
    if (r && r + FEW < rows) {
        last = rows - CLBI_W;
        CLBI_N(transpose_rows)(cols, src + last * ld, ld, dst + last, ldd);
    } else for (; r < rows; r += FEW) {
        last = r + FEW < rows ? r : rows - FEW;
        CLBI_N(transpose_few)(cols, src + last * ld, ld, dst + last, ldd);
    }
}

/* The same, a few columns at a time, so that the cache lines of a row of dst are
 * written in order. */
CLBI_FOR static void CLBI_N(strip)(size_t rows, size_t cols, const clb_real *src, size_t ld,
                                   clb_real *dst, size_t ldd)
{
    size_t c = 0, count;
#if CLBI_ROWS == 512
    CLBI_R v[4];
    size_t r, i;
    if (((uintptr_t)dst | ldd * sizeof *dst | rows * sizeof *dst) % 64 == 0) {
        for (; c + 4 <= cols; c += 4)
            for (r = 0; r < rows; r += CLBI_W) {
                CLBI_N(turn)(src + r * ld + c, ld, v);
                CLBI_UNROLL for (i = 0; i < 4; ++i) CLBI_STREAM(dst + (c + i) * ldd + r, v[i]);
            }
        _mm_sfence();
    }
#endif
    for (; c < cols; c += count) {
        count = 2 * CLBI_LINE < cols - c ? 2 * CLBI_LINE : cols - c;
        CLBI_N(transpose)(rows, count, src + c, ld, dst + c * ldd, ldd);
    }
}

/* A tile for a transposed B, b_kj = b[j bj + k]: four columns of CLBI_W rows are transposed in
 * registers. For few rows of C, where a copy of B would not be used often enough. K >= 4; whole
 * vectors. */
CLBI_INLINE CLBI_FOR static void CLBI_N(turned_tile)(const size_t MR, const size_t NV, size_t K,
    const clb_real *a, size_t ai, size_t ak, const clb_real *b, size_t bj, clb_real *c, size_t ldc,
    int acc)
{
    CLBI_R s[CLBI_FEW][2], v[2][4];
    clb_real rest[4][2 * CLBI_W];
    size_t i, j, k, q;
    CLBI_UNROLL for (i = 0; i < MR; ++i)
        CLBI_UNROLL for (j = 0; j < NV; ++j)
            s[i][j] = acc ? CLBI_LOAD(c + i * ldc + j * CLBI_W) : CLBI_ZERO();
    for (k = 0; k + 4 <= K; k += 4, b += 4) {
        const clb_real *from = b;
        CLBI_UNROLL for (j = 0; j < NV; ++j, from += CLBI_W * bj) {
            CLBI_OPAQUE(from);
            CLBI_N(turn)(from, bj, v[j]);
        }
        CLBI_UNROLL for (q = 0; q < 4; ++q, a += ak) {
            CLBI_OPAQUE(a);
            CLBI_UNROLL for (i = 0; i < MR; ++i) {
                const CLBI_R x = CLBI_SET(a[i * ai]);
                CLBI_UNROLL for (j = 0; j < NV; ++j) s[i][j] = CLBI_FMA(x, v[j][q], s[i][j]);
            }
        }
    }
    if (k < K) {                        /* columns from K-4 on; of these the new ones */
        CLBI_UNROLL for (j = 0; j < NV; ++j) {
            CLBI_N(turn)(b - (k + 4 - K) + j * CLBI_W * bj, bj, v[j]);
            CLBI_UNROLL for (q = 0; q < 4; ++q) CLBI_STORE(rest[q] + j * CLBI_W, v[j][q]);
        }
        for (q = k + 4 - K; q < 4; ++q, a += ak)
            CLBI_UNROLL for (i = 0; i < MR; ++i) {
                const CLBI_R x = CLBI_SET(a[i * ai]);
                CLBI_UNROLL for (j = 0; j < NV; ++j)
                    s[i][j] = CLBI_FMA(x, CLBI_LOAD(rest[q] + j * CLBI_W), s[i][j]);
            }
    }
    CLBI_UNROLL for (i = 0; i < MR; ++i)
        CLBI_UNROLL for (j = 0; j < NV; ++j) CLBI_STORE(c + i * ldc + j * CLBI_W, s[i][j]);
}

#define CLBI_TURNED(MR, NV)                                                                       \
CLBI_FOR static void CLBI_N(turned_##MR##x##NV)(size_t K, const clb_real *a, size_t ai,           \
    size_t ak, const clb_real *b, size_t bj, clb_real *c, size_t ldc, int acc)                    \
{                                                                                                 \
    CLBI_N(turned_tile)(MR, NV, K, a, ai, ak, b, bj, c, ldc, acc);                                \
}
CLBI_TURNED(1, 1) CLBI_TURNED(2, 1) CLBI_TURNED(3, 1)
CLBI_TURNED(4, 1) CLBI_TURNED(5, 1) CLBI_TURNED(6, 1)
#if CLBI_ROWS != 256
CLBI_TURNED(3, 2) CLBI_TURNED(4, 2) CLBI_TURNED(5, 2)
#endif
#undef CLBI_TURNED

/* By width and height. NULL where two vectors at a time are hardly faster. */
static const clbi_turned_fn CLBI_N(turned_tiles)[2][CLBI_FEW] = {
    { CLBI_N(turned_1x1), CLBI_N(turned_2x1), CLBI_N(turned_3x1), CLBI_N(turned_4x1),
      CLBI_N(turned_5x1), CLBI_N(turned_6x1) },
#if CLBI_ROWS != 256
    { NULL, NULL, CLBI_N(turned_3x2), CLBI_N(turned_4x2), CLBI_N(turned_5x2), NULL }
#else
    { NULL, NULL, NULL, NULL, NULL, NULL }
#endif
};

/* C[M][N] for M <= CLBI_FEW rows and whole vectors of columns. Returns the number of columns done.
 * The last vector overlaps the one before, unless the product is added to C; then the
 * rest is left. */
CLBI_FOR static size_t CLBI_N(turned)(const clbi_product *p)
{
    const size_t most = CLBI_N(turned_tiles)[1][p->M - 1] ? 2 : 1;
    size_t j, v;
    if (p->N < CLBI_W) return 0;
    for (j = 0; j < p->N; j += v * CLBI_W) {
        v = j + most * CLBI_W > p->N ? 1 : most;
        if (j + CLBI_W > p->N && p->acc) return j;
        if (j + CLBI_W > p->N) j = p->N - CLBI_W;
        CLBI_N(turned_tiles)[v - 1][p->M - 1](p->K, p->a, p->ai, p->ak, p->b + j * p->bj, p->bj,
                                              p->C + j, p->ldc, p->acc);
    }
    return j;
}

/* dst[k][j] = src[j sj + k sk] for k < K, j < n. dst has `width` columns, whole vectors, which are
 * zero from n on. */
CLBI_FOR static void CLBI_N(pack)(size_t K, size_t n, size_t width, const clb_real *src, size_t sj,
                                  size_t sk, clb_real *dst)
{
    const CLBI_M mask = CLBI_MASK(n - (width - CLBI_W));
    size_t j, k;
    if (sj != 1) {                                        /* sk = 1: a transposed panel         */
        if (n < width) memset(dst, 0, K * width * sizeof *dst);
        CLBI_N(transpose)(n, K, src, sj, dst, width);
        return;
    }
    for (k = 0; k < K; ++k, dst += width, src += sk) {
        for (j = 0; j + CLBI_W < width; j += CLBI_W) CLBI_STORE(dst + j, CLBI_LOAD(src + j));
        CLBI_STORE(dst + j, CLBI_LOADM(src + j, mask));
    }
}

/* The height of the tile for the next rows of a panel, of which `left` remain: the tallest one, or
 * a lower one if that makes the last two about equally high. both: the height must also exist for
 * panels that are one vector narrower. */
static size_t CLBI_N(tile_rows)(size_t vectors, int both, size_t left)
{
    const size_t most = CLBI_N(tallest)[vectors - 1];
    size_t rows = left > most ? most : left;
    if (left > most && left < 2 * most) rows = (left + 1) / 2;
    while (rows > 1 && (!CLBI_N(tiles)[vectors - 1][rows - 1] ||
                        (both && !CLBI_N(tiles)[vectors - 2][rows - 1])))
        --rows;
    return rows ? rows : 1;
}

/* How the vectors of a row of C are divided into panels: `wide` panels have vectors + 1, the others
 * `vectors`. Panels are as wide as the registers allow; or of two vectors, if all M rows then form
 * only one or two strips, because a B that does not fit the first-level cache is then read only
 * once or twice. */
typedef struct CLBI_N(split) { size_t vectors, wide; } CLBI_N(split);
static CLBI_N(split) CLBI_N(split_row)(size_t M, size_t N, size_t K)
{
    size_t most = CLBI_N(tallest)[CLBI_WIDEST - 1];
    size_t two = 2 * (size_t)CLBI_N(tallest)[1], all = (N + CLBI_W - 1) / CLBI_W;
    int stays = K * all <= CLBI_KC * CLBI_WIDEST;
    size_t vectors = M > most && M <= two && !stays ? 2 : CLBI_WIDEST;
    size_t panels = (all + vectors - 1) / vectors;
    CLBI_N(split) s;
    s.vectors = all / panels, s.wide = all % panels;
    return s;
}

/* The product for a block of B in panels. The panel at column j begins at p->b + j step, with rows
 * ldb apart (0: the width of the panel). by_rows: all panels of a strip of C, then the next strip;
 * else all strips of a panel, then the next panel. */
static void CLBI_N(block)(const clbi_product *p, CLBI_N(split) s, size_t step, size_t ldb,
                          int by_rows)
{
    const size_t most = s.vectors + (s.wide > 0), ends = s.wide * most * CLBI_W;
    size_t i = 0, j = 0, n, v, height = CLBI_N(tile_rows)(most, s.wide > 0, p->M);
    while (i < p->M && j < p->N) {
        size_t strips = 1;
        v = j < ends ? most : s.vectors;
        n = v * CLBI_W < p->N - j ? v * CLBI_W : p->N - j;
        if (!by_rows && p->M - i > 2 * height) strips = (p->M - i) / height - 1;
        CLBI_N(tiles)[v - 1][height - 1](strips, p->K, p->a + i * p->ai, p->ai, p->ak,
            p->b + j * step, ldb ? ldb : v * CLBI_W, p->C + i * p->ldc + j, p->ldc,
            n - (v - 1) * CLBI_W, p->acc,
            p->gate ? p->gate + i * p->ldc + j : NULL, p->relu ? p->relu + i * p->ldc + j : NULL);
        if (by_rows && (j += n) < p->N) continue;
        i += strips * height;
        if (by_rows) j = 0;
        else if (i >= p->M) i = 0, j += n;
        height = CLBI_N(tile_rows)(most, s.wide > 0, p->M - i);
    }
}

/* Copies the panels of a block of B one after the other, with zeros in columns from N on. Where B
 * lies row by row, some rows of all panels, then the next rows, so that B is read as it lies. */
static void CLBI_N(copy_block)(size_t K, size_t N, const clb_real *b, size_t bj, size_t bk,
                               CLBI_N(split) s, clb_real *copy)
{
    const size_t ends = s.wide * (s.vectors + 1) * CLBI_W, band = bj == 1 ? 16 : K;
    size_t j, k, n, rows, width;
    for (k = 0; k < K; k += rows) {
        rows = band < K - k ? band : K - k;
        for (j = 0; j < N; j += n) {
            width = (s.vectors + (j < ends)) * CLBI_W;
            n = width < N - j ? width : N - j;
            CLBI_N(pack)(rows, n, width, b + j * bj + k * bk, bj, bk, copy + K * j + k * width);
        }
    }
}

/* The columns from j on, with B copied in blocks of CLBI_KC rows and `cols` columns. */
static void CLBI_N(copied)(const clbi_product *p, size_t j, clb_real *copy, size_t cols,
                           int by_rows)
{
    clbi_product q = *p;
    size_t k, parts;
    for (; j < p->N; j += q.N) {
        CLBI_N(split) s;
        q.N = cols < p->N - j ? cols : p->N - j;
        q.C = p->C + j;
        s = CLBI_N(split_row)(p->M, q.N, p->K);
        for (k = 0; k < p->K; k += q.K) {                 /* about equal numbers of rows */
            parts = (p->K - k + CLBI_KC - 1) / CLBI_KC;
            q.K = (p->K - k + parts - 1) / parts;
            q.a = p->a + k * p->ak, q.b = copy, q.acc = p->acc || k;
            q.gate = p->gate && parts == 1 ? p->gate + j : NULL;
            q.relu = p->relu && parts == 1 ? p->relu + j : NULL;
            CLBI_N(copy_block)(q.K, q.N, p->b + j * p->bj + k * p->bk, p->bj, p->bk, s, copy);
            CLBI_N(block)(&q, s, q.K, 0, by_rows);
        }
    }
}

/* For products where the rows of A do not fit the second-level cache: blocks as large as the stack
 * allows reduce how often A and C are read. A separate function, because it needs more stack. */
CLBI_APART static void CLBI_N(blocks_far)(const clbi_product *p)
{
    enum { PANEL = CLBI_WIDEST * CLBI_W, ROW = CLBI_KC * sizeof(clb_real) };
    enum { COLS = CLBI_FAR_BYTES / ROW / PANEL * PANEL };
    clb_real room[CLBI_KC * COLS + CLBI_LINE];
    CLBI_N(copied)(p, 0, clbi_on_line(room), COLS, 1);
}

/* A large product: what is read often is copied to where it is read fast. For each block of B and
 * each block of A below, the panels of B go over the rows of A, a tile of C at a time:
 *
 *                     N                   block of B  kc x nc    panels of PANEL columns; the one
 *             +----+----+----+----+                                in use in the first cache, all
 *          kc | p0 | p1 | p2 |    |                                in the third
 *             +----+----+----+----+       block of A  mc x kc    row by row, in the second cache
 *       kc                                tile of C   registers  sums of kc terms, begun with what
 *     +----+  +----+----+----+----+                              the block of k before left in C
 *  mc |    |  |tile|              |
 *     +----+  |  | |              |       While a tile is computed, memory is asked for the C of
 *     |    |  |  v |              |       the next tile but one.
 *   M |    |  |                   |
 */
CLBI_FOR static void CLBI_N(blocked)(size_t M, size_t N, size_t K, const clb_real *a, size_t ai,
    size_t ak, const clb_real *b, size_t bj, size_t bk, clb_real *C, size_t ldc, int acc,
    clb_real *room, size_t size)
{
    enum { PANEL = CLBI_WIDEST * CLBI_W, FIRST = 32768 / sizeof(clb_real) / PANEL };
    enum { KC = FIRST < CLBI_ROOM_K ? FIRST : CLBI_ROOM_K, MC = CLBI_ROOM_A / KC / 48 * 48 };
    const size_t nc = (size - CLBI_LINE - MC * KC) / KC / PANEL * PANEL;
    clb_real *own_a = clbi_on_line(room), *own_b = own_a + MC * KC;
    clbi_product p;
    size_t i, j, k, r, parts;
    p.ai = 0, p.ak = 1, p.bj = 1, p.bk = 0, p.ldc = ldc, p.gate = NULL, p.relu = NULL;
    p.a = own_a, p.b = own_b;
    for (j = 0; j < N; j += p.N) {
        CLBI_N(split) s;
        p.N = nc < N - j ? nc : N - j;
        s = CLBI_N(split_row)(M, p.N, K);
        for (k = 0; k < K; k += p.K) {                    /* about equal numbers of rows */
            parts = (K - k + KC - 1) / KC;
            p.K = p.ai = (K - k + parts - 1) / parts;
            p.acc = acc || k;
            CLBI_N(copy_block)(p.K, p.N, b + j * bj + k * bk, bj, bk, s, own_b);
            for (i = 0; i < M; i += p.M) {
                p.M = MC < M - i ? (size_t)MC : M - i;
                p.C = C + i * ldc + j;
                if (ak != 1) CLBI_N(transpose)(p.K, p.M, a + i * ai + k * ak, ak, own_a, p.K);
                else for (r = 0; r < p.M; ++r)
                    memcpy(own_a + r * p.K, a + (i + r) * ai + k, p.K * sizeof *own_a);
                CLBI_N(block)(&p, s, p.K, 0, 0);
            }
        }
    }
}

/* A product whose columns fill the lanes. B is copied if its columns are not contiguous, if a
 * partial vector cannot be read in place, or if it is large and read often. By rows if B fits the
 * first-level cache and C does not, else one panel at a time. */
CLBI_FOR static void CLBI_N(blocks)(const clbi_product *p)
{
    enum { PANEL = CLBI_WIDEST * CLBI_W, SIZE = sizeof(clb_real) };
    enum { FIRST = CLBI_KC * PANEL * SIZE, FIRST_C = 65536, SECOND = 262144, IN_PLACE = 131072 };
    clb_real room[CLBI_KC * PANEL + CLBI_LINE];
    size_t done = 0, kc = p->K < CLBI_KC ? p->K : CLBI_KC;
    size_t all = (p->N + CLBI_W - 1) / CLBI_W * CLBI_W;
    const int stays = kc * all * SIZE <= FIRST;
    const int by_rows = stays && p->M * p->N * SIZE > FIRST_C && p->N > PANEL;
    const CLBI_N(split) s = CLBI_N(split_row)(p->M, p->N, p->K);
    /* The last vector of a row may read into the next row, but not into a gap between rows. Tiles
     * of one vector also read the last row of B whole. */
    const int readable = p->N == all || (s.vectors > 1 && p->bk == p->N);
    if (p->bj == 1 && readable && (p->M < 64 || p->K * p->bk * SIZE <= IN_PLACE)) {
        CLBI_N(block)(p, s, 1, p->bk, by_rows && p->K == kc);
        return;
    }
    if (p->M * kc * SIZE > SECOND && !stays) {
        CLBI_N(blocks_far)(p);
        return;
    }
    if (p->M <= CLBI_FEW && p->bk == 1 && p->K >= 4 && !p->gate && !p->relu)
        done = CLBI_N(turned)(p);
    CLBI_N(copied)(p, done, clbi_on_line(room), stays ? all : (size_t)PANEL, by_rows);
}

/* C^T = B^T A^T, for shapes whose rows fill the lanes better than their columns. A block of C^T is
 * computed in a buffer and transposed into C. */
CLBI_FOR static void CLBI_N(across)(const clbi_product *p)
{
    enum { COLS = CLBI_WIDEST * CLBI_W, ROWS = 24 };
    clb_real room[ROWS * COLS + CLBI_LINE], *t = clbi_on_line(room);
    clbi_product q;
    size_t i, j, m, n;
    q.K = p->K, q.ai = p->bj, q.ak = p->bk, q.bj = p->ai, q.bk = p->ak;
    q.C = t, q.ldc = COLS, q.acc = p->acc, q.gate = NULL, q.relu = NULL;
    for (i = 0; i < p->M; i += m) {
        m = COLS < p->M - i ? (size_t)COLS : p->M - i;
        if (m < CLBI_W && i && !p->acc) i -= CLBI_W - m, m = CLBI_W;     /* some rows again     */
        for (j = 0; j < p->N; j += n) {
            clb_real *c = p->C + i * p->ldc + j;
            n = ROWS < p->N - j ? (size_t)ROWS : p->N - j;
            if (p->acc) CLBI_N(transpose)(m, n, c, p->ldc, t, COLS);
            q.M = n, q.N = m, q.a = p->b + j * p->bj, q.b = p->a + i * p->ai;
            CLBI_N(blocks)(&q);
            CLBI_N(transpose)(n, m, t, COLS, c, p->ldc);
        }
    }
}

CLBI_FOR static void CLBI_N(relu)(size_t n, const clb_real *z, clb_real *a)
{
    size_t j = 0;
    for (; j + CLBI_W <= n; j += CLBI_W) {                 /* a_j = z_j < 0 ? 0 : z_j */
        const CLBI_R v = CLBI_LOAD(z + j);
        CLBI_STORE(a + j, CLBI_LARGER(CLBI_ZERO(), v));
    }
    clbi_relu_scalar(n - j, z + j, a + j);
}

CLBI_FOR static void CLBI_N(relu_back)(size_t n, const clb_real *z, clb_real *u)
{
    size_t j = 0;
    for (; j + CLBI_W <= n; j += CLBI_W) {                 /* u_j = z_j > 0 ? u_j : 0 */
        const CLBI_R v = CLBI_LOAD(z + j);
        CLBI_STORE(u + j, CLBI_IF_POSITIVE(v, CLBI_LOAD(u + j)));
    }
    clbi_relu_back_scalar(n - j, z + j, u + j);
}

/* Smooth activations: the functions of S32 and S36 in double, one value in each lane, with exactly
 * the same operations. UNDER(a, b, x, y) is a <= b ? x : y; PICK takes element k of 16. */
#define CLBI_D_ADD(a, b) CLBI_D_OP(add)(a, b)
#define CLBI_D_SUB(a, b) CLBI_D_OP(sub)(a, b)
#define CLBI_D_MUL(a, b) CLBI_D_OP(mul)(a, b)
#define CLBI_D_DIV(a, b) CLBI_D_OP(div)(a, b)

CLBI_FOR static CLBI_D CLBI_N(minus)(CLBI_D x) { return CLBI_D_SUB(CLBI_D_SET(-0.0), x); }

/* clbi_two_sum, clbi_two_prod */
CLBI_FOR static CLBI_D CLBI_N(two_sum)(CLBI_D a, CLBI_D b, CLBI_D *low)
{
    const CLBI_D s = CLBI_D_ADD(a, b), v = CLBI_D_SUB(s, a);
    *low = CLBI_D_ADD(CLBI_D_SUB(a, CLBI_D_SUB(s, v)), CLBI_D_SUB(b, v));
    return s;
}

CLBI_FOR static CLBI_D CLBI_N(two_prod)(CLBI_D a, CLBI_D b, CLBI_D *low)
{
    const CLBI_D p = CLBI_D_MUL(a, b);
#ifdef CLB_NO_FMA
    const CLBI_D split = CLBI_D_SET(134217729.0);
    const CLBI_D ca = CLBI_D_MUL(split, a), cb = CLBI_D_MUL(split, b);
    const CLBI_D ah = CLBI_D_SUB(ca, CLBI_D_SUB(ca, a)), bh = CLBI_D_SUB(cb, CLBI_D_SUB(cb, b));
    const CLBI_D al = CLBI_D_SUB(a, ah), bl = CLBI_D_SUB(b, bh);
    *low = CLBI_D_ADD(CLBI_D_SUB(CLBI_D_MUL(ah, bh), p), CLBI_D_MUL(ah, bl));
    *low = CLBI_D_ADD(CLBI_D_ADD(*low, CLBI_D_MUL(al, bh)), CLBI_D_MUL(al, bl));
#else
    *low = CLBI_D_FMA(a, b, CLBI_N(minus)(p));
#endif
    return p;
}

/* round(x / ln 2); 2^k; clbi_exp_q */
CLBI_FOR static CLBI_D CLBI_N(log2_round)(CLBI_D x)
{
    const CLBI_D round = CLBI_D_SET(CLBI_ROUND);
    return CLBI_D_SUB(CLBI_D_FMA(x, CLBI_D_SET(CLBI_LOG2E), round), round);
}

CLBI_FOR static CLBI_D CLBI_N(exp2i)(CLBI_D k)
{
    return CLBI_D_EXPONENT(CLBI_D_ADD(CLBI_D_ADD(k, CLBI_D_SET(CLBI_ROUND)), CLBI_D_SET(1023)));
}

CLBI_FOR static CLBI_D CLBI_N(exp_q)(CLBI_D r)
{
    CLBI_D q = CLBI_D_SET(clbi_exp_q_coef[0]);
    int j;
    CLBI_UNROLL for (j = 1; j < CLBI_EXP_Q_TERMS; ++j)
        q = CLBI_D_FMA(q, r, CLBI_D_SET(clbi_exp_q_coef[j]));
    return q;
}

/* clb_exp */
CLBI_FOR static CLBI_D CLBI_N(exp_double)(CLBI_D x)
{
    const CLBI_D most = CLBI_D_SET(710.0), least = CLBI_D_SET(-746.0);
    const CLBI_D round = CLBI_D_SET(CLBI_ROUND);
    CLBI_D k, minus, r, half;
    x = CLBI_D_UNDER(most, x, most, x);
    x = CLBI_D_UNDER(x, least, least, x);
    k = CLBI_N(log2_round)(x);
    minus = CLBI_N(minus)(k);
    r = CLBI_D_FMA(minus, CLBI_D_SET(CLBI_LN2_LO), CLBI_D_FMA(minus, CLBI_D_SET(CLBI_LN2_HI), x));
    r = CLBI_D_ADD(CLBI_D_SET(1), CLBI_D_FMA(CLBI_D_MUL(r, r), CLBI_N(exp_q)(r), r));
    half = CLBI_D_SUB(CLBI_D_ADD(CLBI_D_MUL(CLBI_D_SET(0.5), k), round), round);
    return CLBI_D_MUL(CLBI_D_MUL(r, CLBI_N(exp2i)(half)), CLBI_N(exp2i)(CLBI_D_SUB(k, half)));
}

/* clbi_expm1_parts for 0 <= x <= 40 */
CLBI_FOR static CLBI_D CLBI_N(expm1_parts)(CLBI_D x, CLBI_D *low)
{
    const CLBI_D k = CLBI_N(log2_round)(x), minus = CLBI_N(minus)(k), one = CLBI_D_SET(1);
    const CLBI_D ln2_lo = CLBI_D_SET(CLBI_LN2_LO), big = CLBI_D_SET(50), zero = CLBI_D_ZERO();
    const CLBI_D high = CLBI_D_FMA(minus, CLBI_D_SET(CLBI_LN2_HI), x);
    const CLBI_D r = CLBI_D_FMA(minus, ln2_lo, high);
    const CLBI_D c = CLBI_D_FMA(minus, ln2_lo, CLBI_D_SUB(high, r));
    const CLBI_D w = CLBI_D_FMA(CLBI_D_MUL(r, r), CLBI_N(exp_q)(r), CLBI_D_FMA(c, r, c));
    const CLBI_D t = CLBI_N(exp2i)(k), a = CLBI_D_UNDER(k, big, CLBI_D_SUB(t, one), t);
    const CLBI_D b = CLBI_D_MUL(t, r), s = CLBI_D_ADD(a, b);
    const CLBI_D rest = CLBI_D_SUB(CLBI_D_MUL(t, w), CLBI_D_UNDER(k, big, zero, one));
    *low = CLBI_D_UNDER(k, zero, w, CLBI_D_ADD(CLBI_D_ADD(CLBI_D_SUB(a, s), b), rest));
    return CLBI_D_UNDER(k, zero, r, s);
}

/* clb_tanh */
CLBI_FOR static CLBI_D CLBI_N(tanh)(CLBI_D x)
{
    const CLBI_D a = CLBI_D_ABS(x);
    CLBI_D high, low, den, den_low, q, prod, prod_low, y;
    high = CLBI_N(expm1_parts)(CLBI_D_MUL(CLBI_D_SET(2), a), &low);
    high = CLBI_N(two_sum)(high, low, &low);
    den = CLBI_N(two_sum)(CLBI_D_SET(2), high, &den_low);
    q = CLBI_D_DIV(high, den);
    prod = CLBI_N(two_prod)(q, den, &prod_low);
    y = CLBI_D_ADD(CLBI_D_SUB(CLBI_D_SUB(high, prod), prod_low), low);
    y = CLBI_D_SUB(y, CLBI_D_MUL(q, CLBI_D_ADD(den_low, low)));
    y = CLBI_D_ADD(q, CLBI_D_DIV(y, den));
    y = CLBI_D_UNDER(a, CLBI_D_SET(20), y, CLBI_D_SET(1));
    y = CLBI_D_UNDER(x, CLBI_D_ZERO(), CLBI_N(minus)(y), y);
    return CLBI_D_UNDER(CLBI_D_SET(0x1p-28), a, y, x);
}

/* What the sum of erf needs: g_n of clbi_erf_next around c = k/2, the table at c, and 1/(n+1). */
typedef struct CLBI_N(erf_sums) {
    double g[CLBI_ERF_TERMS + 1][16], at[3][16], inverse[CLBI_ERF_TERMS + 1];
} CLBI_N(erf_sums);

CLBI_FOR static void CLBI_N(erf_init)(CLBI_N(erf_sums) *e)
{
    int n, k, part;
    for (k = 0; k < 16; ++k) {
        e->g[0][k] = 1;
        e->g[1][k] = clbi_erf_next(0.5 * k, 1, 0, 1);
        for (part = 0; part < 3; ++part)
            e->at[part][k] = k > 0 && k < 13 ? clbi_erf_table[k - 1][part] : 0;
    }
    for (n = 2; n <= CLBI_ERF_TERMS; ++n)
        for (k = 0; k < 16; ++k)
            e->g[n][k] = clbi_erf_next(0.5 * k, n, e->g[n - 2][k], e->g[n - 1][k]);
    for (n = 0; n <= CLBI_ERF_TERMS; ++n) e->inverse[n] = 1.0 / (n + 1);
}

/* t / n from 1/n, correctly rounded, for a small integer n. The remainder of the first quotient q
 * is exact, so the value before the last rounding is within 2^-50 ulp of t / n. t / n is either a
 * double or at least 1/(2n) ulp away from the middle between two doubles. If the remainder
 * underflows this is wrong, but such terms do not count in erf. */
CLBI_FOR static CLBI_D CLBI_N(over)(CLBI_D t, int n, double inverse)
{
#ifdef CLB_NO_FMA
    (void)inverse;
    return CLBI_D_DIV(t, CLBI_D_SET(n));
#else
    const CLBI_D q = CLBI_D_MUL(t, CLBI_D_SET(inverse));
    return CLBI_D_FMA(CLBI_D_FMA(q, CLBI_D_SET(-n), t), CLBI_D_SET(inverse), q);
#endif
}

/* clbi_erf_tail around c = k/2. The loop continues in all lanes; live is 1 where the tail
 * continues. */
CLBI_FOR static CLBI_D CLBI_N(erf_tail)(CLBI_D k, CLBI_D h, const CLBI_N(erf_sums) *e)
{
    const CLBI_D tiny = CLBI_D_SET(0x1p-60), zero = CLBI_D_ZERO();
    CLBI_D power = h, sum = zero, before = CLBI_D_SET(1), live = before, tail = zero, term, size;
    int n;
    for (n = 1; n <= CLBI_ERF_TERMS; ++n) {
        power = CLBI_D_MUL(power, h);
        term = CLBI_N(over)(CLBI_D_MUL(CLBI_D_PICK(e->g[n], k), power), n + 1, e->inverse[n]);
        size = CLBI_D_ABS(term);
        sum = CLBI_D_ADD(sum, term);
        tail = CLBI_D_UNDER(live, zero, tail, sum);
        live = CLBI_D_UNDER(CLBI_D_ADD(size, before), CLBI_D_MUL(tiny, CLBI_D_ABS(sum)), zero,
                            live);
        if (CLBI_D_ALL_UNDER(live, zero)) break;
        before = size;
    }
    return tail;
}

/* clb_erf, but 0 for -0, and 1 or -1 for NaN */
CLBI_FOR static CLBI_D CLBI_N(erf)(CLBI_D x, const CLBI_N(erf_sums) *e)
{
    const CLBI_D size = CLBI_D_ABS(x), most = CLBI_D_SET(6), zero = CLBI_D_ZERO();
    const CLBI_D a = CLBI_D_UNDER(size, most, size, zero), round = CLBI_D_SET(CLBI_ROUND);
    const CLBI_D slope = CLBI_D_SET(CLBI_ERF_SLOPE);
    const CLBI_D nearest = CLBI_D_SUB(CLBI_D_ADD(CLBI_D_MUL(CLBI_D_SET(2), a), round), round);
    const CLBI_D k = CLBI_D_UNDER(CLBI_D_SET(0.4), a, nearest, zero);
    const CLBI_D h = CLBI_D_SUB(a, CLBI_D_MUL(CLBI_D_SET(0.5), k));
    const CLBI_D tail = CLBI_N(erf_tail)(k, h, e);
    CLBI_D y = CLBI_D_MUL(CLBI_D_PICK(e->at[2], k), CLBI_D_ADD(h, tail)), at_0;
    y = CLBI_D_ADD(CLBI_D_PICK(e->at[0], k), CLBI_D_ADD(CLBI_D_PICK(e->at[1], k), y));
    at_0 = CLBI_D_ADD(CLBI_D_MUL(slope, a), CLBI_D_MUL(CLBI_D_SET(1.0 + CLBI_ERF_SLOPE), tail));
    y = CLBI_D_UNDER(k, zero, CLBI_D_ADD(a, at_0), y);
    y = CLBI_D_UNDER(size, most, y, CLBI_D_SET(1));
    return CLBI_D_UNDER(zero, x, y, CLBI_N(minus)(y));
}

CLBI_FOR static CLBI_D CLBI_N(sigmoid_order)(CLBI_D z, int order)
{
    const CLBI_D one = CLBI_D_SET(1), e = CLBI_N(exp_double)(CLBI_N(minus)(CLBI_D_ABS(z)));
    const CLBI_D up = CLBI_D_ADD(one, e);
    if (order) return CLBI_D_DIV(e, CLBI_D_MUL(up, up));
    return CLBI_D_DIV(CLBI_D_UNDER(CLBI_D_ZERO(), z, one, e), up);
}

CLBI_FOR static CLBI_D CLBI_N(tanh_order)(CLBI_D z, int order)
{
    CLBI_D e, up;
    if (!order) return CLBI_N(tanh)(z);
    e = CLBI_N(exp_double)(CLBI_D_MUL(CLBI_D_SET(-2), CLBI_D_ABS(z)));
    up = CLBI_D_ADD(CLBI_D_SET(1), e);
    return CLBI_D_DIV(CLBI_D_MUL(CLBI_D_SET(4), e), CLBI_D_MUL(up, up));
}

CLBI_FOR static CLBI_D CLBI_N(gelu_order)(CLBI_D z, int order, const CLBI_N(erf_sums) *e)
{
    const CLBI_D most = CLBI_D_SET(40), zero = CLBI_D_ZERO();
    const CLBI_D x = CLBI_D_UNDER(CLBI_D_ABS(z), most, z, zero);
    CLBI_D Phi = CLBI_N(erf)(CLBI_D_MUL(x, CLBI_D_SET(CLBI_SQRT_HALF)), e), f, y;
    Phi = CLBI_D_MUL(CLBI_D_SET(0.5), CLBI_D_ADD(CLBI_D_SET(1), Phi));
    f = CLBI_N(exp_double)(CLBI_D_MUL(CLBI_D_MUL(CLBI_D_SET(-0.5), x), x));
    y = order ? CLBI_D_ADD(Phi, CLBI_D_MUL(x, CLBI_D_MUL(CLBI_D_SET(CLBI_NORMAL_PEAK), f)))
              : CLBI_D_MUL(x, Phi);
    y = CLBI_D_UNDER(CLBI_D_ABS(z), most, y, z);                 /* limits beyond 40; NaN     */
    y = CLBI_D_UNDER(z, CLBI_D_SET(-40), CLBI_D_UNDER(CLBI_D_SET(-40), z, y, zero), y);
    return order ? CLBI_D_UNDER(z, most, y, CLBI_D_UNDER(most, z, CLBI_D_SET(1), z)) : y;
}

/* One vector: a = s(z), or a = a s'(z). t is s or s'. */
CLBI_FOR static void CLBI_N(smooth)(clb_activation which, const clb_real *z, clb_real *a, int order,
                                    const CLBI_N(erf_sums) *e)
{
    const CLBI_D v = CLBI_D_LOAD(z);
    clb_real t[CLBI_DW];
    size_t j;
    CLBI_D_WRITE(t, which == CLB_GELU   ? CLBI_N(gelu_order)(v, order, e)
                    : which == CLB_TANH ? CLBI_N(tanh_order)(v, order)
                                        : CLBI_N(sigmoid_order)(v, order));
    if (!order) memcpy(a, t, sizeof t);
    else for (j = 0; j < CLBI_DW; ++j) a[j] *= t[j];
}

/* The other activations; one function for AVX2 and AVX-512. */
#if CLBI_ROWS == 512
#define clbi_activate_rest_avx512 clbi_activate_rest_avx2
CLBI_APART CLBI_TARGET("avx2,fma")
static void clbi_activate_rest_avx2(const clb_net *net, size_t n, const clb_real *z, clb_real *a,
                                    int order);
#else
CLBI_APART CLBI_FLATTEN CLBI_FOR static void CLBI_N(activate_rest)(const clb_net *net, size_t n,
                                                                   const clb_real *z, clb_real *a,
                                                                   int order)
{
    clbi_activate_scalar(net, n, z, a, order);
}
#endif

CLBI_FLATTEN CLBI_FOR static void CLBI_N(activate)(const clb_net *net, size_t n, const clb_real *z,
                                                   clb_real *a, int order)
{
    const clb_activation which = net->activation;
    CLBI_N(erf_sums) e;
    clb_real rest[2][CLBI_DW] = { { 0 } };
    size_t j, left = n % CLBI_DW * sizeof *z;
    if (order > 1 || (which != CLB_GELU && which != CLB_TANH && which != CLB_SIGMOID)) {
        CLBI_N(activate_rest)(net, n, z, a, order);
        return;
    }
    if (which == CLB_GELU) CLBI_N(erf_init)(&e);
    for (j = 0; j < n; j += CLBI_DW) {                     /* the remainder goes through `rest` */
        const int whole = n - j >= CLBI_DW;
        if (!whole) memcpy(rest[0], z + j, left), memcpy(rest[1], a + j, left);
        CLBI_N(smooth)(which, whole ? z + j : rest[0], whole ? a + j : rest[1], order, &e);
        if (!whole) memcpy(a + j, rest[1], left);
    }
}

CLBI_FOR static void CLBI_N(adam)(size_t n, const clbi_adam *how, clb_real *u, clb_real *v,
                                  clb_real *v2)
{
    const CLBI_R b1 = CLBI_SET(how->b1), rest1 = CLBI_SET(1 - how->b1);
    const CLBI_R b2 = CLBI_SET(how->b2), rest2 = CLBI_SET(1 - how->b2);
    const CLBI_D c1 = CLBI_D_SET(how->c1), c2 = CLBI_D_SET(how->c2), eps = CLBI_D_SET(how->eps);
    size_t j = 0, i;
    for (; j + CLBI_W <= n; j += CLBI_W) {
        const CLBI_R g = CLBI_LOAD(u + j), g2 = CLBI_MUL(CLBI_MUL(rest2, g), g);
        CLBI_STORE(v + j, CLBI_ADD(CLBI_MUL(b1, CLBI_LOAD(v + j)), CLBI_MUL(rest1, g)));
        CLBI_STORE(v2 + j, CLBI_ADD(CLBI_MUL(b2, CLBI_LOAD(v2 + j)), g2));
        for (i = j; i < j + CLBI_W; i += CLBI_DW) {
            CLBI_D down = CLBI_D_DIV(CLBI_D_OP(sqrt)(CLBI_D_LOAD(v2 + i)), c2);
            down = CLBI_D_MUL(c1, CLBI_D_ADD(down, eps));
            CLBI_D_WRITE(u + i, CLBI_D_DIV(CLBI_D_LOAD(v + i), down));
        }
    }
    clbi_adam_scalar(n - j, how, u + j, v + j, v2 + j);
}

CLBI_FOR static void CLBI_N(gates)(size_t n, const clb_real *z, uint64_t *bits)
{
    size_t j;
    for (; n >= 64; n -= 64, z += 64) {
        uint64_t word = 0;
        for (j = 0; j < 64; j += CLBI_W) word |= (uint64_t)CLBI_POSITIVE(CLBI_LOAD(z + j)) << j;
        *bits++ = word;
    }
    clbi_gates_scalar(n, z, bits);
}

CLBI_FOR static void CLBI_N(leak)(size_t n, clb_real c, const clb_real *z, const clb_real *x,
                                  clb_real *y)
{
    const CLBI_R vc = CLBI_SET(c);
    size_t j = 0;
    for (; j + CLBI_W <= n; j += CLBI_W) {                 /* y_j = z_j > 0 ? x_j : c x_j */
        const CLBI_R vz = CLBI_LOAD(z + j), vx = CLBI_LOAD(x + j);
        CLBI_STORE(y + j, CLBI_WHERE(CLBI_ABOVE_ZERO(vz), vx, CLBI_MUL(vc, vx)));
    }
    clbi_leak_scalar(n - j, c, z + j, x + j, y + j);
}

/* Chooses between computing C along its rows or across them. The cost of each way is counted in
 * vector multiply-adds. A copied element counts as a part of one; a smaller part if C has few rows,
 * where nothing is copied (CLBI_FEW). With more than one block of k, C is computed in parts that
 * fit the second-level cache. */
CLBI_FOR static void CLBI_N(matmul)(size_t M, size_t N, size_t K, const clb_real *a, size_t ai,
    size_t ak, const clb_real *b, size_t bj, size_t bk, clb_real *C, size_t ldc, int acc,
    const clbi_after *after)
{
    enum { ROWS = 4096 / sizeof(clb_real) };
    size_t turn = bj == 1 ? 0 : N * K / (M <= CLBI_FEW ? 4 : CLBI_COPIES);
    size_t along = M * ((N + CLBI_W - 1) / CLBI_W) * K + turn;
    size_t across = N * ((M + CLBI_W - 1) / CLBI_W) * K + M * N / CLBI_COPIES, parts, i;
    clbi_product p;
    if (M == 0 || N == 0) return;
    if (ai != 1) across += M * K / (N <= CLBI_FEW ? 4 : CLBI_COPIES);
    p.N = N, p.K = K, p.ai = ai, p.ak = ak, p.b = b, p.bj = bj, p.bk = bk, p.ldc = ldc, p.acc = acc;
    if (K > 0 && (along <= across || (after && after->gate == C))) {
        for (i = 0; i < M; i += p.M) {
            parts = K > CLBI_KC ? (M - i + ROWS - 1) / ROWS : 1;
            p.M = (M - i + parts - 1) / parts;
            p.a = a + i * ai, p.C = C + i * ldc;
            p.gate = after && after->gate ? after->gate + i * ldc : NULL;
            p.relu = after && after->relu ? after->relu + i * ldc : NULL;
            CLBI_N(blocks)(&p);
        }
        return;
    }
    p.M = M, p.a = a, p.C = C, p.gate = NULL, p.relu = NULL;
    if (K > 0) CLBI_N(across)(&p);
    for (i = 0; i < M; ++i) {
        if (K == 0 && !acc) memset(C + i * ldc, 0, N * sizeof *C);
        if (after && after->gate) CLBI_N(relu_back)(N, after->gate + i * ldc, C + i * ldc);
        if (after && after->relu) CLBI_N(relu)(N, C + i * ldc, after->relu + i * ldc);
    }
}

CLBI_FOR static double CLBI_N(unfused)(double x, double y, double z)
{
    const CLBI_D vx = CLBI_D_SET(x), vy = CLBI_D_SET(y), vz = CLBI_D_SET(z);
    double lane[CLBI_DW], scalar = x * y + z;
    CLBI_D_STORE(lane, CLBI_D_ADD(CLBI_D_MUL(vx, vy), vz));
    return scalar != 0 ? scalar : lane[0];
}

/* The sum of 16 lanes by the tree 8, 4, 2, 1. */
CLBI_FOR static double CLBI_N(tree)(double *lane)
{
    size_t s, l;
    CLBI_UNROLL for (s = 8; s >= CLBI_DW; s /= 2)
        CLBI_UNROLL for (l = 0; l < s; l += CLBI_DW)
            CLBI_D_STORE(lane + l,
                         CLBI_D_OP(add)(CLBI_D_READ(lane + l), CLBI_D_READ(lane + l + s)));
    CLBI_UNROLL for (s = CLBI_DW / 2; s; s /= 2)
        CLBI_UNROLL for (l = 0; l < s; ++l) lane[l] += lane[l + s];
    return lane[0];
}

CLBI_FOR static double CLBI_N(dot)(size_t n, const clb_real *x, const clb_real *y)
{
    enum { PARTS = 16 / CLBI_DW };
    CLBI_D s[PARTS];
    double lane[16];
    size_t i, l;
    CLBI_UNROLL for (l = 0; l < PARTS; ++l) s[l] = CLBI_D_ZERO();
    for (i = 0; i + 16 <= n; i += 16)
        CLBI_UNROLL for (l = 0; l < PARTS; ++l)            /* lane[l] = fma(x_i, y_i, lane[l]) */
            s[l] = CLBI_D_FMA(CLBI_D_LOAD(x + i + l * CLBI_DW), CLBI_D_LOAD(y + i + l * CLBI_DW),
                              s[l]);
    CLBI_UNROLL for (l = 0; l < PARTS; ++l) CLBI_D_STORE(lane + l * CLBI_DW, s[l]);
    for (; i < n; ++i) lane[i & 15] = clbi_fma((double)x[i], (double)y[i], lane[i & 15]);
    return CLBI_N(tree)(lane);
}

CLBI_FOR static void CLBI_N(products)(size_t n, const clb_real *x, const clb_real *y, double *out)
{
    enum { PARTS = 16 / CLBI_DW };
    CLBI_D s[3][PARTS];
    double lane[3][16];
    size_t i, l, p;
    for (p = 0; p < 3; ++p)
        CLBI_UNROLL for (l = 0; l < PARTS; ++l) s[p][l] = CLBI_D_ZERO();
    for (i = 0; i + 16 <= n; i += 16)
        CLBI_UNROLL for (l = 0; l < PARTS; ++l) {
            const CLBI_D vx = CLBI_D_LOAD(x + i + l * CLBI_DW),
                         vy = CLBI_D_LOAD(y + i + l * CLBI_DW);
            s[0][l] = CLBI_D_FMA(vx, vx, s[0][l]);
            s[1][l] = CLBI_D_FMA(vx, vy, s[1][l]);
            s[2][l] = CLBI_D_FMA(vy, vy, s[2][l]);
        }
    CLBI_UNROLL for (p = 0; p < 3; ++p)
        CLBI_UNROLL for (l = 0; l < PARTS; ++l) CLBI_D_STORE(lane[p] + l * CLBI_DW, s[p][l]);
    for (; i < n; ++i) {
        const double a = (double)x[i], b = (double)y[i];
        lane[0][i & 15] = clbi_fma(a, a, lane[0][i & 15]);
        lane[1][i & 15] = clbi_fma(a, b, lane[1][i & 15]);
        lane[2][i & 15] = clbi_fma(b, b, lane[2][i & 15]);
    }
    for (p = 0; p < 3; ++p) out[p] = CLBI_N(tree)(lane[p]);
}

CLBI_FOR static double CLBI_N(swing)(size_t n, double a, const clb_real *x, double b,
                                     const clb_real *y)
{
    enum { PARTS = 16 / CLBI_DW };
    const CLBI_D va = CLBI_D_SET(a), vb = CLBI_D_SET(-b);
    CLBI_D s[PARTS];
    double lane[16];
    size_t i, l;
    CLBI_UNROLL for (l = 0; l < PARTS; ++l) s[l] = CLBI_D_ZERO();
    for (i = 0; i + 16 <= n; i += 16)
        CLBI_UNROLL for (l = 0; l < PARTS; ++l) {          /* e = fma(-b, y_i, a x_i) */
            const CLBI_D vx = CLBI_D_LOAD(x + i + l * CLBI_DW),
                         vy = CLBI_D_LOAD(y + i + l * CLBI_DW);
            const CLBI_D e = CLBI_D_FMA(vb, vy, CLBI_D_OP(mul)(va, vx));
            s[l] = CLBI_D_FMA(e, e, s[l]);
        }
    CLBI_UNROLL for (l = 0; l < PARTS; ++l) CLBI_D_STORE(lane + l * CLBI_DW, s[l]);
    for (; i < n; ++i) {
        const double e = clbi_fma(-b, (double)y[i], a * (double)x[i]);
        lane[i & 15] = clbi_fma(e, e, lane[i & 15]);
    }
    return CLBI_N(tree)(lane);
}

/* Element-wise kernels: whole vectors, then the remainder with a mask or one by one. */

CLBI_FOR static void CLBI_N(axpy)(size_t n, clb_real a, const clb_real *x, clb_real *y)
{
    const CLBI_R va = CLBI_SET(a);
    size_t j = 0;
    for (; j + CLBI_W <= n; j += CLBI_W)                   /* y_j = fma(a, x_j, y_j) */
        CLBI_STORE(y + j, CLBI_FMA(va, CLBI_LOAD(x + j), CLBI_LOAD(y + j)));
    if (j < n) {
        const CLBI_M m = CLBI_MASK(n - j);
        CLBI_STOREM(y + j, m, CLBI_FMA(va, CLBI_LOADM(x + j, m), CLBI_LOADM(y + j, m)));
    }
}

CLBI_FOR static void CLBI_N(scale)(size_t n, clb_real a, clb_real *x)
{
    const CLBI_R va = CLBI_SET(a);
    size_t j = 0;
    for (; j + CLBI_W <= n; j += CLBI_W)                   /* x_j = a x_j */
        CLBI_STORE(x + j, CLBI_MUL(va, CLBI_LOAD(x + j)));
    for (; j < n; ++j) x[j] *= a;
}

CLBI_FOR static void CLBI_N(times)(size_t n, const clb_real *y, clb_real *x)
{
    size_t j = 0;
    for (; j + CLBI_W <= n; j += CLBI_W)                   /* x_j = x_j y_j */
        CLBI_STORE(x + j, CLBI_MUL(CLBI_LOAD(x + j), CLBI_LOAD(y + j)));
    for (; j < n; ++j) x[j] *= y[j];
}

CLBI_FOR static void CLBI_N(outer)(size_t M, size_t N, const clb_real *t, const clb_real *x,
                                   clb_real *y)
{
    const size_t last = N % CLBI_W;
    const CLBI_M m = CLBI_MASK(last);
    size_t i, j;
    for (i = 0; i < M; ++i, y += N) {
        const CLBI_R v = CLBI_SET(t[i]);
        for (j = 0; j + CLBI_W <= N; j += CLBI_W)          /* y_ij = t_i x_j */
            CLBI_STORE(y + j, CLBI_MUL(v, CLBI_LOAD(x + j)));
        if (last) CLBI_STOREM(y + j, m, CLBI_MUL(v, CLBI_LOADM(x + j, m)));
    }
}

/* Groups of rows for the kernels below, as large as their accumulators fit into registers. */
#if CLBI_ROWS == 512
#define CLBI_DOT_ROWS 4
#define CLBI_SYMV_GROUP 8
#define CLBI_PAIR_GROUP 4
#else
#define CLBI_DOT_ROWS 2
#define CLBI_SYMV_GROUP ((CLBI_ROWS == 256 ? 8 : 16) * CLBI_W / 16)
#define CLBI_PAIR_GROUP ((CLBI_SYMV_GROUP + 1) / 2)
#endif

CLBI_FOR static void CLBI_N(dots)(size_t rows, size_t n, const clb_real *V, size_t ld,
                                  const clb_real *x, double *out)
{
    enum { PARTS = 16 / CLBI_DW, R = CLBI_DOT_ROWS };
    size_t g, i, l, r, t;
    for (g = 0; g + R <= rows; g += R, V += R * ld) {
        CLBI_D s[R][PARTS], v;
        double lane[16];
        CLBI_UNROLL for (r = 0; r < R; ++r)
            CLBI_UNROLL for (l = 0; l < PARTS; ++l) s[r][l] = CLBI_D_ZERO();
        for (i = 0; i + 16 <= n; i += 16)
            CLBI_UNROLL for (l = 0; l < PARTS; ++l) {
                v = CLBI_D_LOAD(x + i + l * CLBI_DW);
                CLBI_UNROLL for (r = 0; r < R; ++r)
                    s[r][l] = CLBI_D_FMA(CLBI_D_LOAD(V + r * ld + i + l * CLBI_DW), v, s[r][l]);
            }
        for (r = 0; r < R; ++r) {
            CLBI_UNROLL for (l = 0; l < PARTS; ++l) CLBI_D_STORE(lane + l * CLBI_DW, s[r][l]);
            for (t = i; t < n; ++t)
                lane[t & 15] = clbi_fma((double)V[r * ld + t], (double)x[t], lane[t & 15]);
            out[g + r] = CLBI_N(tree)(lane);
        }
    }
    for (; g < rows; ++g, V += ld) out[g] = CLBI_N(dot)(n, V, x);
}

CLBI_FOR static void CLBI_N(combine)(size_t rows, size_t n, const clb_real *c, const clb_real *V,
                                     size_t ld, clb_real *y)
{
    enum { R = 8 };
    size_t g, r, j;
    for (g = 0; g + R <= rows; g += R, c += R, V += R * ld) {
        CLBI_R k[R], v;
        CLBI_UNROLL for (r = 0; r < R; ++r) k[r] = CLBI_SET(c[r]);
        for (j = 0; j + CLBI_W <= n; j += CLBI_W) {
            v = CLBI_LOAD(y + j);
            CLBI_UNROLL for (r = 0; r < R; ++r) v = CLBI_FMA(k[r], CLBI_LOAD(V + r * ld + j), v);
            CLBI_STORE(y + j, v);
        }
        if (j < n) {
            const CLBI_M m = CLBI_MASK(n - j);
            v = CLBI_LOADM(y + j, m);
            CLBI_UNROLL for (r = 0; r < R; ++r)
                v = CLBI_FMA(k[r], CLBI_LOADM(V + r * ld + j, m), v);
            CLBI_STOREM(y + j, m, v);
        }
    }
    for (; g < rows; ++g, ++c, V += ld) CLBI_N(axpy)(n, *c, V, y);
}

/* Keeps v in a register: the compiler must not load it again where it is used next. */
#if defined(__GNUC__) && CLBI_X86
#define CLBI_HOLD(v) __asm__("" : "+v"(v))
#else
#define CLBI_HOLD(v) (void)0
#endif

/* The rows i .. i+R-1 of symv, for NX vectors at a time. z: the block's z. sum: receives the sums
 * of the lanes of these rows. */
#define CLBI_PART_MASK(count, v) \
    CLBI_MASK((count) <= (v) * CLBI_W ? 0 \
              : (count) >= ((v) + 1) * CLBI_W ? CLBI_W : (count) - (v) * CLBI_W)
CLBI_INLINE CLBI_FOR static void CLBI_N(symv_rows)(const size_t R, const size_t NX, size_t n,
    size_t r0, size_t i, const clb_real *A, size_t lda, const clb_real *x, clb_real *y, size_t ld,
    clb_real (*z)[16], clb_real (*sum)[16])
{
    enum { PARTS = 16 / CLBI_W };
    const clb_real *a = A + i * lda, *next = i + 2 * R <= n ? a + R * lda : a;
    CLBI_R lane[2][CLBI_SYMV_GROUP][PARTS], xi[2][CLBI_SYMV_GROUP], xv[2], yv[2], av;
    clb_real t[CLBI_W];
    size_t j, q, r, v, s;
    CLBI_UNROLL for (q = 0; q < NX; ++q)
        CLBI_UNROLL for (r = 0; r < R; ++r) {
            xi[q][r] = CLBI_SET(x[q * ld + i + r]);
            CLBI_UNROLL for (v = 0; v < PARTS; ++v) lane[q][r][v] = CLBI_ZERO();
        }
    for (j = 0; j < r0; j += 16) {
        CLBI_UNROLL for (r = 0; r < R; ++r)                   /* rows of the next group */
            CLBI_UNROLL for (v = 0; v < 16; v += CLBI_LINE) CLBI_TOUCH(next + r * lda + j + v);
        CLBI_UNROLL for (v = 0; v < PARTS; ++v) {
            CLBI_UNROLL for (q = 0; q < NX; ++q) {
                xv[q] = CLBI_LOAD(x + q * ld + j + v * CLBI_W);
                yv[q] = CLBI_LOAD(y + q * ld + j + v * CLBI_W);
                CLBI_HOLD(xv[q]);
            }
            CLBI_UNROLL for (r = 0; r < R; ++r) {
                av = CLBI_LOAD(a + r * lda + j + v * CLBI_W);
                CLBI_HOLD(av);
                CLBI_UNROLL for (q = 0; q < NX; ++q) {
                    yv[q] = CLBI_FMA(av, xi[q][r], yv[q]);
                    lane[q][r][v] = CLBI_FMA(av, xv[q], lane[q][r][v]);
                }
            }
            CLBI_UNROLL for (q = 0; q < NX; ++q) CLBI_STORE(y + q * ld + j + v * CLBI_W, yv[q]);
        }
    }
    CLBI_UNROLL for (v = 0; v < PARTS; ++v) {
        CLBI_UNROLL for (q = 0; q < NX; ++q) {
            xv[q] = CLBI_LOADM(x + q * ld + r0 + v * CLBI_W, CLBI_PART_MASK(n - r0, v));
            yv[q] = CLBI_LOAD(z[q] + v * CLBI_W);
        }
        CLBI_UNROLL for (r = 0; r < R; ++r) {
            av = CLBI_LOADM(a + r * lda + r0 + v * CLBI_W, CLBI_PART_MASK(i + r - r0, v));
            CLBI_UNROLL for (q = 0; q < NX; ++q) {
                yv[q] = CLBI_FMA(av, xi[q][r], yv[q]);
                lane[q][r][v] = CLBI_FMA(av, xv[q], lane[q][r][v]);
            }
        }
        CLBI_UNROLL for (q = 0; q < NX; ++q) CLBI_STORE(z[q] + v * CLBI_W, yv[q]);
    }
    CLBI_UNROLL for (q = 0; q < NX; ++q)
        CLBI_UNROLL for (r = 0; r < R; ++r) {
            CLBI_UNROLL for (s = PARTS / 2; s; s /= 2)
                CLBI_UNROLL for (v = 0; v < s; ++v)
                    lane[q][r][v] = CLBI_ADD(lane[q][r][v], lane[q][r][v + s]);
            CLBI_STORE(t, lane[q][r][0]);
            CLBI_UNROLL for (s = CLBI_W / 2; s; s /= 2)
                CLBI_UNROLL for (v = 0; v < s; ++v) t[v] += t[v + s];
            sum[q][i + r - r0] = t[0];
        }
}

#define CLBI_SYMV(NAME, R, NX)                                                                    \
CLBI_FOR static void CLBI_N(NAME)(size_t n, size_t r0, size_t i, const clb_real *A, size_t lda,   \
    const clb_real *x, clb_real *y, size_t ld, clb_real (*z)[16], clb_real (*sum)[16])            \
{                                                                                                 \
    CLBI_N(symv_rows)(R, NX, n, r0, i, A, lda, x, y, ld, z, sum);                                 \
}
CLBI_SYMV(symv_group, CLBI_SYMV_GROUP, 1)
CLBI_SYMV(symv_row, 1, 1)
CLBI_SYMV(symv_pair_group, CLBI_PAIR_GROUP, 2)
CLBI_SYMV(symv_pair_row, 1, 2)
#undef CLBI_SYMV
#undef CLBI_HOLD

CLBI_FOR static void CLBI_N(symv)(size_t count, size_t n, const clb_real *A, size_t lda,
                                  const clb_real *x, clb_real *y, size_t ld, int down)
{
    size_t blocks = (n + 15) / 16, group = count == 2 ? CLBI_PAIR_GROUP : CLBI_SYMV_GROUP,
           b, r0, i, rows, q;
    for (q = 0; q < count; ++q) memset(y + q * ld, 0, n * sizeof *y);
    for (b = 0; b < blocks; ++b) {
        clb_real z[2][16] = { { 0 } }, sum[2][16];
        r0 = 16 * (down ? blocks - 1 - b : b);
        rows = n - r0 < 16 ? n - r0 : 16;
        for (i = r0; i + group <= r0 + rows; i += group)
            if (count == 2) CLBI_N(symv_pair_group)(n, r0, i, A, lda, x, y, ld, z, sum);
            else CLBI_N(symv_group)(n, r0, i, A, lda, x, y, ld, z, sum);
        for (; i < r0 + rows; ++i)
            if (count == 2) CLBI_N(symv_pair_row)(n, r0, i, A, lda, x, y, ld, z, sum);
            else CLBI_N(symv_row)(n, r0, i, A, lda, x, y, ld, z, sum);
        for (q = 0; q < count; ++q)
            for (i = r0; i < r0 + rows; ++i)
                y[q * ld + i] += clbi_fmar(A[i * lda + i], x[q * ld + i], sum[q][i - r0]) +
                                 z[q][i - r0];
    }
}

/* q 2^k with one rounding; k is an integer, and q is in [1/2, 2], or both are NaN. */
CLBI_FOR static CLBI_R CLBI_N(times_power)(CLBI_R q, CLBI_R k)
{
#if CLBI_ROWS == 512
    return CLBI_O(scalef)(q, k);
#else
    const CLBI_R round = CLBI_SET(CLBI_RROUND);                 /* 2^k as two normal factors */
    const CLBI_I one = CLBI_ISET(CLBI_RONE);
    const CLBI_R half = CLBI_SUB(CLBI_ADD(CLBI_MUL(CLBI_SET((clb_real)0.5), k), round), round);
    const CLBI_I a = CLBI_TO_BITS(CLBI_ADD(half, round));
    const CLBI_I b = CLBI_TO_BITS(CLBI_ADD(CLBI_SUB(k, half), round));
    q = CLBI_MUL(q, CLBI_FROM_BITS(CLBI_IADD(CLBI_ISHL(a), one)));
    return CLBI_MUL(q, CLBI_FROM_BITS(CLBI_IADD(CLBI_ISHL(b), one)));
#endif
}

/* clbi_expr for every lane, x <= 0 or NaN. LARGER returns its second argument unless the first is
 * larger, so NaN stays NaN. */
CLBI_FOR static CLBI_R CLBI_N(exp)(CLBI_R x)
{
    const CLBI_R round = CLBI_SET(CLBI_RROUND);
    CLBI_R k, r, q = CLBI_SET(clbi_exp_coef[0]);
    int j;
    x = CLBI_LARGER(CLBI_SET(CLBI_RMIN), x);
    k = CLBI_SUB(CLBI_FMA(x, CLBI_SET(CLBI_RLOG2E), round), round);
    r = CLBI_FMA(k, CLBI_SET(-CLBI_RLN2_LO), CLBI_FMA(k, CLBI_SET(-CLBI_RLN2_HI), x));
    CLBI_UNROLL for (j = 1; j < CLBI_EXP_TERMS; ++j) q = CLBI_FMA(q, r, CLBI_SET(clbi_exp_coef[j]));
    q = CLBI_ADD(CLBI_SET(1), CLBI_FMA(CLBI_MUL(r, r), q, r));
    return CLBI_N(times_power)(q, k);
}

/* clbi_logr for normal positive lanes; NaN stays NaN. */
CLBI_FOR static CLBI_R CLBI_N(log)(CLBI_R x)
{
    const CLBI_I u = CLBI_TO_BITS(x), one = CLBI_ISET(CLBI_RONE);
    const CLBI_I power = CLBI_ISHR(CLBI_IADD(u, CLBI_ISET(CLBI_RONE - CLBI_RROOT))); /* k + bias */
    const CLBI_R integer = CLBI_SET(CLBI_RINTEGER),
                 bias = CLBI_SET((clb_real)(CLBI_RONE >> CLBI_RMANTISSA));
    CLBI_R k = CLBI_SUB(CLBI_SUB(CLBI_FROM_BITS(CLBI_IOR(power, CLBI_TO_BITS(integer))), integer),
                        bias);
    CLBI_R f = CLBI_SUB(CLBI_FROM_BITS(CLBI_ISUB(u, CLBI_ISUB(CLBI_ISHL(power), one))),
                        CLBI_SET(1));
    CLBI_R s = CLBI_DIV(f, CLBI_ADD(CLBI_SET(2), f)), z = CLBI_MUL(s, s),
           r = CLBI_SET(clbi_log_coef[0]);
    CLBI_R half = CLBI_MUL(CLBI_MUL(CLBI_SET((clb_real)0.5), f), f);
    int j;
    CLBI_UNROLL for (j = 1; j < CLBI_LOG_TERMS; ++j) r = CLBI_FMA(r, z, CLBI_SET(clbi_log_coef[j]));
    s = CLBI_FMA(s, CLBI_ADD(half, CLBI_MUL(r, z)),
                 CLBI_FMA(k, CLBI_SET(CLBI_RLN2_LO), CLBI_ZERO()));
    return CLBI_ADD(CLBI_FMA(k, CLBI_SET(CLBI_RLN2_HI), CLBI_SUB(f, CLBI_SUB(half, s))),
                    CLBI_SUB(x, x));
}

/* State of KERNEL softmax for a vector of samples: the largest f_k, and sum and rest of the e_k. */
typedef struct CLBI_N(sums) {
    CLBI_R top, sum, rest;
} CLBI_N(sums);

/* e_k = exp(f_k - top) for the samples in `mask`, one in each lane. Class k is read at f + k ld and
 * written to p + k ld. */
CLBI_FOR static void CLBI_N(exponentials)(CLBI_M mask, size_t K, const clb_real *f, size_t ld,
                                          clb_real *p, CLBI_N(sums) *s)
{
    const CLBI_R zero = CLBI_ZERO();
    CLBI_R x, e, top = CLBI_LOADM(f, mask), sum = zero, rest = zero;
    size_t k;
    for (k = 1; k < K; ++k) top = CLBI_LARGER(CLBI_LOADM(f + k * ld, mask), top);
    for (k = 0; k < K; ++k) {
        x = CLBI_SUB(CLBI_LOADM(f + k * ld, mask), top);
        e = CLBI_N(exp)(x);
        CLBI_STOREM(p + k * ld, mask, e);
        sum = CLBI_ADD(sum, e);
        rest = CLBI_ADD(rest, CLBI_SUB_WHERE(CLBI_EQUAL(x, zero), e, e));
    }
    s->top = top, s->sum = sum, s->rest = rest;
}

/* clbi_log_rest */
CLBI_FOR static CLBI_R CLBI_N(log_rest)(CLBI_R sum, CLBI_R rest, CLBI_R inverse)
{
    const CLBI_R lost = CLBI_SUB(rest, CLBI_SUB(sum, CLBI_SET(1)));
    const CLBI_TRUTH one = CLBI_EQUAL(CLBI_LARGER(CLBI_SET((clb_real)-0.5), lost), lost);
    return CLBI_ADD(CLBI_N(log)(sum), CLBI_WHERE(one, CLBI_MUL(lost, inverse), CLBI_ZERO()));
}

/* One sample in each lane if the samples are neighbours in memory, else one sample
 * after the other. */
CLBI_FOR static void CLBI_N(softmax)(size_t n, size_t K, const clb_real *f, size_t row, size_t col,
                                     clb_real *p, clb_real *log_sum)
{
    size_t i, k;
    if (row != 1) {
        clbi_softmax_scalar(n, K, f, row, col, p, log_sum);
        return;
    }
    for (i = 0; i < n; i += CLBI_W, f += CLBI_W, p += CLBI_W) {
        const CLBI_M mask = CLBI_MASK(n - i < CLBI_W ? n - i : CLBI_W);
        CLBI_N(sums) s;
        CLBI_R inverse;
        CLBI_N(exponentials)(mask, K, f, col, p, &s);
        inverse = CLBI_DIV(CLBI_SET(1), s.sum);
        CLBI_STOREM(log_sum + i, mask, CLBI_N(log_rest)(s.sum, s.rest, inverse));
        for (k = 0; k < K; ++k)                            /* p_ik = e_k (1 / sum) */
            CLBI_STOREM(p + k * col, mask, CLBI_MUL(CLBI_LOADM(p + k * col, mask), inverse));
    }
}

/* u_ik = scale (p_ik - [k = y_i]) for the samples in `mask`; u holds e_ik on entry. loss_i = (top -
 * f_i,y_i) + log_sum in double. */
CLBI_FOR static void CLBI_N(entropy_end)(CLBI_M mask, size_t K, const clb_real *f, size_t ld,
                                         const int *y, CLBI_R scale, const CLBI_N(sums) *s,
                                         clb_real *u, double *loss)
{
    const CLBI_R one = CLBI_SET(1), inverse = CLBI_DIV(one, s->sum), label = CLBI_FROM_INTS(y);
    CLBI_R vk = CLBI_ZERO(), at = CLBI_ZERO();
    clb_real log_sum[CLBI_W], own[CLBI_W], top[CLBI_W];
    size_t j, k;
    for (k = 0; k < K; ++k, f += ld, u += ld, vk = CLBI_ADD(vk, one)) {
        const CLBI_TRUTH is = CLBI_EQUAL(label, vk);
        const CLBI_R p = CLBI_MUL(CLBI_LOADM(u, mask), inverse);
        CLBI_STOREM(u, mask, CLBI_MUL(CLBI_SUB_WHERE(is, p, one), scale));
        at = CLBI_WHERE(is, CLBI_LOADM(f, mask), at);
    }
    CLBI_STORE(log_sum, CLBI_N(log_rest)(s->sum, s->rest, inverse));
    CLBI_STORE(own, at);
    CLBI_STORE(top, s->top);
    CLBI_UNROLL for (j = 0; j < CLBI_W; j += CLBI_DW)
        CLBI_D_STORE(loss + j, CLBI_D_ADD(CLBI_D_SUB(CLBI_D_LOAD(top + j), CLBI_D_LOAD(own + j)),
                                          CLBI_D_LOAD(log_sum + j)));
}

/* Each round computes the exponentials of one vector of samples, finishes the vector before it, and
 * sums the losses of the one before that, so that none waits for another. For full vectors the mask
 * is a constant, which the compiler removes. */
CLBI_FLATTEN CLBI_FOR static double CLBI_N(entropy)(size_t n, size_t K, const clb_real *f,
                                                    size_t ld, const int *y, clb_real scale,
                                                    clb_real *u, double total)
{
    enum { W = CLBI_W };
    const size_t over = n % W;
    const CLBI_M all = CLBI_MASK(W), some = CLBI_MASK(over);
    const CLBI_R vscale = CLBI_SET(scale);
    CLBI_N(sums) sums, next;                               /* of the vectors b and i */
    double loss[2][W];
    int y_over[W] = { 0 };
    size_t i, j, b = 0;                                    /* b: the vector before i */
    memcpy(y_over, y + (n - over), over * sizeof *y);
    next.top = next.sum = next.rest = CLBI_ZERO();
    sums = next;
    for (i = 0; i < n + 2 * W; b = i, i += W) {
        double *now = loss[i / W % 2], *before = loss[1 - i / W % 2];
        if (i + W <= n) CLBI_N(exponentials)(all, K, f + i, ld, u + i, &next);
        else if (i < n) CLBI_N(exponentials)(some, K, f + i, ld, u + i, &next);
        if (i > W && i <= n + W) CLBI_UNROLL for (j = 0; j < W; ++j) total += before[j];
        else if (i > W) for (j = 0; j < over; ++j) total += before[j];
        if (i > 0 && i <= n)
            CLBI_N(entropy_end)(all, K, f + b, ld, y + b, vscale, &sums, u + b, now);
        else if (i > 0 && i < n + W)
            CLBI_N(entropy_end)(some, K, f + b, ld, y_over, vscale, &sums, u + b, now);
        sums = next;
    }
    return total;
}

/* (d_j - o) - mu for the CLBI_DW poles from d on */
#define CLBI_POLE(d) CLBI_D_OP(sub)(CLBI_D_OP(sub)(CLBI_D_READ(d), vo), vmu)
#define CLBI_D_MULADD(s, x, y) s = CLBI_D_OP(add)(s, CLBI_D_OP(mul)(x, y))

CLBI_FOR static void CLBI_N(pole_sums)(size_t n, const double *d, const double *z, double o,
                                       double mu, double *sums)
{
    enum { PARTS = 8 / CLBI_DW };
    const CLBI_D vo = CLBI_D_SET(o), vmu = CLBI_D_SET(mu);
    CLBI_D s0[PARTS], s1[PARTS];
    double lane[2][8], t;
    size_t j, p;
    CLBI_UNROLL for (p = 0; p < PARTS; ++p) s0[p] = s1[p] = CLBI_D_ZERO();
    for (j = 0; j + 8 <= n; j += 8)
        CLBI_UNROLL for (p = 0; p < PARTS; ++p) {
            const CLBI_D vz = CLBI_D_READ(z + j + p * CLBI_DW);
            const CLBI_D vt = CLBI_D_OP(div)(vz, CLBI_POLE(d + j + p * CLBI_DW));
            CLBI_D_MULADD(s0[p], vz, vt);
            CLBI_D_MULADD(s1[p], vt, vt);
        }
    CLBI_UNROLL for (p = 0; p < PARTS; ++p) {
        CLBI_D_STORE(lane[0] + p * CLBI_DW, s0[p]);
        CLBI_D_STORE(lane[1] + p * CLBI_DW, s1[p]);
    }
    for (; j < n; ++j) {
        t = z[j] / (d[j] - o - mu);
        lane[0][j & 7] += z[j] * t;
        lane[1][j & 7] += t * t;
    }
    for (p = 0; p < 2; ++p) {
        clbi_tree8(lane[p]);
        sums[p] = lane[p][0];
    }
}

CLBI_FOR static void CLBI_N(rotate)(size_t n, double c, double s, double *CLBI_RESTRICT x,
                                    double *CLBI_RESTRICT y)
{
    const CLBI_D vc = CLBI_D_SET(c), vs = CLBI_D_SET(s);
    size_t j;
    for (j = 0; j + CLBI_DW <= n; j += CLBI_DW) {
        const CLBI_D vx = CLBI_D_READ(x + j), vy = CLBI_D_READ(y + j);
        CLBI_D_STORE(x + j, CLBI_D_OP(sub)(CLBI_D_OP(mul)(vc, vx), CLBI_D_OP(mul)(vs, vy)));
        CLBI_D_STORE(y + j, CLBI_D_OP(add)(CLBI_D_OP(mul)(vs, vx), CLBI_D_OP(mul)(vc, vy)));
    }
    clbi_rotate_scalar(n - j, c, s, x + j, y + j);
}

CLBI_FOR static void CLBI_N(pole_ratios)(size_t n, const double *d, double o, double mu, double c,
                                         double *w)
{
    const CLBI_D vo = CLBI_D_SET(o), vmu = CLBI_D_SET(mu), vc = CLBI_D_SET(c);
    size_t j;
    for (j = 0; j + CLBI_DW <= n; j += CLBI_DW) {
        const CLBI_D ratio = CLBI_D_OP(div)(CLBI_POLE(d + j),
                                            CLBI_D_OP(sub)(CLBI_D_READ(d + j), vc));
        CLBI_D_STORE(w + j, CLBI_D_OP(mul)(CLBI_D_READ(w + j), ratio));
    }
    clbi_pole_ratios_scalar(n - j, d + j, o, mu, c, w + j);
}

CLBI_FOR static void CLBI_N(pole_vector)(size_t n, const double *d, const double *z, double o,
                                         double mu, double *const *tracks, double *s, double *sums)
{
    enum { PARTS = 8 / CLBI_DW };
    const CLBI_D vo = CLBI_D_SET(o), vmu = CLBI_D_SET(mu);
    CLBI_D a[4][PARTS];
    double lane[4][8];
    size_t j, k, p;
    CLBI_UNROLL for (k = 0; k < 4; ++k)
        CLBI_UNROLL for (p = 0; p < PARTS; ++p) a[k][p] = CLBI_D_ZERO();
    for (j = 0; j + 8 <= n; j += 8)
        CLBI_UNROLL for (p = 0; p < PARTS; ++p) {
            const size_t at = j + p * CLBI_DW;
            const CLBI_D vs = CLBI_D_OP(div)(CLBI_D_READ(z + at), CLBI_POLE(d + at));
            CLBI_D_STORE(s + at, vs);
            CLBI_D_MULADD(a[0][p], vs, vs);
            CLBI_UNROLL for (k = 0; k < 3; ++k)
                CLBI_D_MULADD(a[k + 1][p], vs, CLBI_D_READ(tracks[k] + at));
        }
    CLBI_UNROLL for (k = 0; k < 4; ++k)
        CLBI_UNROLL for (p = 0; p < PARTS; ++p) CLBI_D_STORE(lane[k] + p * CLBI_DW, a[k][p]);
    for (; j < n; ++j) {
        s[j] = z[j] / (d[j] - o - mu);
        lane[0][j & 7] += s[j] * s[j];
        for (k = 0; k < 3; ++k) lane[k + 1][j & 7] += s[j] * tracks[k][j];
    }
    for (k = 0; k < 4; ++k) {
        clbi_tree8(lane[k]);
        sums[k] = lane[k][0];
    }
}

#undef CLBI_SUFFIX
#undef CLBI_FOR
#undef CLBI_POLE
#undef CLBI_D_MULADD
#undef CLBI_D_SET
#undef CLBI_D_READ
#undef CLBI_D_OP
#undef CLBI_DOT_ROWS
#undef CLBI_SYMV_GROUP
#undef CLBI_PAIR_GROUP
#undef CLBI_PART_MASK
#undef CLBI_ROWS
#undef CLBI_D
#undef CLBI_DW
#undef CLBI_D_ADD
#undef CLBI_D_SUB
#undef CLBI_D_MUL
#undef CLBI_D_DIV
#undef CLBI_D_UNDER
#undef CLBI_D_ALL_UNDER
#undef CLBI_D_EXPONENT
#undef CLBI_D_ABS
#undef CLBI_D_PICK
#undef CLBI_D_WRITE
#undef CLBI_D_ZERO
#undef CLBI_D_STORE
#undef CLBI_D_FMA
#undef CLBI_D_LOAD
#undef CLBI_W
#undef CLBI_R
#undef CLBI_M
#undef CLBI_O
#undef CLBI_V
#undef CLBI_VI
#undef CLBI_VI_TO
#undef CLBI_ISET64
#undef CLBI_INTEGER
#undef CLBI_MASK
#undef CLBI_COMPARE
#undef CLBI_ZERO
#undef CLBI_SET
#undef CLBI_LOAD
#undef CLBI_STORE
#undef CLBI_STREAM
#undef CLBI_LOADM
#undef CLBI_STOREM
#undef CLBI_MUL
#undef CLBI_FMA
#undef CLBI_POSITIVE
#undef CLBI_IF_POSITIVE
#undef CLBI_TRUTH
#undef CLBI_EQUAL
#undef CLBI_AND
#undef CLBI_ABOVE_ZERO
#undef CLBI_SUB_WHERE
#undef CLBI_FROM_INTS
#undef CLBI_WHERE
#undef CLBI_BITS
#undef CLBI_AS_BITS
#undef CLBI_AS_REAL
#undef CLBI_WIDEST
#undef CLBI_TALLEST
#undef CLBI_LANES
#undef CLBI_PAIRS
#undef CLBI_LOW
#undef CLBI_HIGH
#undef CLBI_PIECE
#undef CLBI_HALVES
#undef CLBI_COPIES
#undef CLBI_I
#undef CLBI_TO_BITS
#undef CLBI_FROM_BITS
#undef CLBI_ISET
#undef CLBI_IADD
#undef CLBI_ISUB
#undef CLBI_ISHL
#undef CLBI_ISHR
#undef CLBI_IOR
#undef CLBI_ADD
#undef CLBI_SUB
#undef CLBI_DIV
#undef CLBI_LARGER
#endif /* CLBI_SUFFIX */

/* ============================================================================================
 * @S99 LICENCE
 *
 * Choose either of the two texts in the file LICENSE: MIT, or public domain (Unlicense).
 * ========================================================================================== */
