/* private.h - private functions of clb.h that tests call: clbi_name is test_name. They are defined
 * where the implementation is (library.c, or a test built alone). Include after clb.h. */
#ifndef CLB_TEST_PRIVATE_H
#define CLB_TEST_PRIVATE_H

int      test_number(const unsigned char *p, const unsigned char *end, double *value);
uint32_t test_crc32(const unsigned char *p, size_t size);
void     test_symv(size_t count, size_t n, const clb_real *A, size_t lda, const clb_real *x,
                   clb_real *y, size_t ld, int down);

#ifdef CLBI_IMPLEMENTED
int test_number(const unsigned char *p, const unsigned char *end, double *value)
{
    return clbi_number(p, end, value);
}

uint32_t test_crc32(const unsigned char *p, size_t size) { return clbi_crc32(p, size); }

void test_symv(size_t count, size_t n, const clb_real *A, size_t lda, const clb_real *x,
               clb_real *y, size_t ld, int down)
{
    CLBI_KERNEL(symv)(count, n, A, lda, x, y, ld, down);
}
#endif

#endif
