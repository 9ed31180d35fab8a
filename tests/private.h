/* private.h - private functions of clb.h that tests call: clbi_name is test_name. They are defined
 * where the implementation is (library.c, or a test built alone). Include after clb.h. */
#ifndef CLB_TEST_PRIVATE_H
#define CLB_TEST_PRIVATE_H

int      test_number(const unsigned char *p, const unsigned char *end, double *value);
uint32_t test_crc32(const unsigned char *p, size_t size);
/* Offset of the second of two arrays of size bytes each, or, at a place there, a write past the
 * end of the first: what the address sanitizer must see. */
size_t   test_room(size_t size, int overrun);
double   test_dot2(size_t n, const clb_real *x, const clb_real *y);
double   test_norm(size_t n, const clb_real *x);
void     test_symv(size_t count, size_t n, const clb_real *A, size_t lda, const clb_real *x,
                   clb_real *y, size_t ld, int down);

/* clb_eigh_project in two stages, whatever n is. */
clb_status test_eigh_two_stage(size_t n, clb_real *A, size_t lda, const clb_real *g, double *values,
                               double *projections);

#ifdef CLBI_IMPLEMENTED
double test_dot2(size_t n, const clb_real *x, const clb_real *y) { return clbi_dot2(n, x, y); }
double test_norm(size_t n, const clb_real *x) { return clbi_norm(n, x); }

int test_number(const unsigned char *p, const unsigned char *end, double *value)
{
    return clbi_number(p, end, value);
}

size_t test_room(size_t size, int overrun)
{
    clbi_room room = CLB_ZERO;
    char *arena, *a, *b;
    size_t apart;
    clbi_part(&room, size, 1, 1), clbi_part(&room, size, 1, 1);
    if (clbi_room_alloc(&room, &arena)) return 0;
    a = (char *)clbi_part(&room, size, 1, 1), b = (char *)clbi_part(&room, size, 1, 1);
    memset(a, 1, size), memset(b, 2, size);
    if (overrun) a[size] = 3;
    apart = (uintptr_t)a % 64 || (uintptr_t)b % 64 ? 0 : (size_t)(b - a);
    CLB_FREE(arena);
    return apart;
}

uint32_t test_crc32(const unsigned char *p, size_t size) { return clbi_crc32(p, size); }

void test_symv(size_t count, size_t n, const clb_real *A, size_t lda, const clb_real *x,
               clb_real *y, size_t ld, int down)
{
    CLBI_KERNEL(symv)(count, n, A, lda, x, y, ld, down);
}

clb_status test_eigh_two_stage(size_t n, clb_real *A, size_t lda, const clb_real *g, double *values,
                               double *projections)
{
    clbi_eigh_want want = CLB_ZERO;
    want.g = g;
    want.projections = projections;
    want.two_stage = 1;
    return clbi_eigh_alloc(n, A, lda, values, &want);
}
#endif

#endif
