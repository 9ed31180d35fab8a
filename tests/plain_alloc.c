/* plain_alloc.c - the allocator of build/libclb.a for programs that bring none of their own. New
 * memory holds NaN in every double, so that a value used before it is set shows in the results. */
#include "library.h"
#include <stdlib.h>
#include <string.h>

void *test_malloc(size_t size)
{
    void *p = malloc(size);
    return p ? memset(p, 0xff, size) : NULL;
}
void *test_realloc(void *old, size_t size) { return realloc(old, size); }
void  test_free(void *p) { free(p); }
