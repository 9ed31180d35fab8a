/* Eigenvalues against LAPACK itself (its QL/QR driver, not divide and conquer) on its 21 matrix
 * types. Built and run by
 * t_lapack.sh where a LAPACK is installed:  cc -std=c99 -O2 -o lapack_eigen tests/lapack_eigen.c
 * -llapack -lm */
#define CLB_IMPLEMENTATION
#include "../clb.h"
#include "test.h"
#include "matrix_types.h"

#ifdef CLB_SINGLE
#define SYEV ssyev_
#else
#define SYEV dsyev_
#endif
extern void SYEV(const char *job, const char *triangle, const int *n, clb_real *A, const int *lda,
                 clb_real *values, clb_real *work, const int *work_size, int *info);

static void compare(int type, size_t n, clb_rng *rng)
{
    clb_real *A = types_matrix(n), *B = types_matrix(n), *V = types_matrix(n);
    clb_real *theirs = (clb_real *)calloc(n + 1, sizeof *theirs),
             *work = (clb_real *)calloc(40 * n + 40, sizeof *work);
    double *ours = (double *)calloc(n + 1, sizeof *ours), norm,
           ulp = sizeof(clb_real) == 4 ? 1.2e-7 : 2.3e-16;
    int order = (int)n, size = (int)(40 * n + 40), info = 0;
    NOTE("type %d, n = %lu", type, (unsigned long)n);
    types_make(type, rng, n, A);
    memcpy(B, A, n * n * sizeof *A);
    /* their upper is our lower triangle */
    SYEV("N", "U", &order, B, &order, theirs, work, &size, &info);
    EQUAL(info, 0);
    norm = fmax(fabs((double)theirs[0]), fabs((double)theirs[n - 1]));
    for (int vectors = 0; vectors < 2; ++vectors) {
        memcpy(B, A, n * n * sizeof *A);
        EQUAL(clb_eigh(n, B, n, ours, vectors ? V : NULL), CLB_OK);
        for (size_t i = 0; i < n; ++i)
            CHECK(fabs(ours[i] - (double)theirs[i]) <= 5 * (double)(n + 3) * ulp * norm);
    }
    free(A); free(B); free(V); free(theirs); free(work); free(ours);
}

static void t_against_lapack(void)
{
    static const size_t sizes[] = { 1, 2, 3, 5, 8, 20, 63, 64, 65, 128, 257 };
    clb_rng rng;
    clb_rng_seed(&rng, 31);
    for (size_t z = 0; z < sizeof sizes / sizeof *sizes; ++z)
        for (int type = 1; type <= TYPES; ++type) compare(type, sizes[z], &rng);
}

static const test_case tests[] = { TEST(t_against_lapack) };
TEST_MAIN(tests)
