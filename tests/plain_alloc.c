/* plain_alloc.c - the allocator of build/libclb.a for programs that bring none of their own. */
#include "library.h"
#include <stdlib.h>

void *test_malloc(size_t size) { return malloc(size); }
void *test_realloc(void *old, size_t size) { return realloc(old, size); }
void  test_free(void *p) { free(p); }
