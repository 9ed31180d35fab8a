/* library.h - what tests change or look at inside the library. build/libclb.a is made of library.c,
 * so that "make test" compiles the implementation once; a test built alone has its own:
 *   cc -std=c99 -O2 -o t_alloc tests/t_alloc.c -lm
 * Include it before clb.h for the allocator, and tests/private.h after it for private functions.
 *
 * The allocator: a program defines the three functions (failing_alloc.h does), or takes those of
 * plain_alloc.c from the archive. */
#ifndef CLB_TEST_LIBRARY_H
#define CLB_TEST_LIBRARY_H

#include <stddef.h>

void *test_malloc(size_t size);
void *test_realloc(void *old, size_t size);
void  test_free(void *p);

#define CLB_MALLOC(n)     test_malloc(n)
#define CLB_REALLOC(p, n) test_realloc(p, n)
#define CLB_FREE(p)       test_free(p)
#define CLBI_LIBC_BLOCKS               /* test_free gives the memory back to libc */
/* What lies between two arrays: a number read there is NaN. */
#define CLBI_FORBID(p, size) memset(p, 0xff, size)

#endif
