/* The functions that clb.h asks of a C library (CLB_FREESTANDING), for WebAssembly: memory in blocks of
 * powers of two, bytes, and (libm.h) the few mathematical functions that are no instruction. */
#ifndef PAGE_LIBC_H
#define PAGE_LIBC_H

#include <stddef.h>
#include <stdint.h>

#define sqrt(x)  __builtin_sqrt(x)
#define fabs(x)  __builtin_fabs(x)
#define floor(x) __builtin_floor(x)
#define ceil(x)  __builtin_ceil(x)

/* ---- memory ---------------------------------------------------------------------------------- */

/* A block of 2^k bytes begins with its k; 16 bytes, so that what follows is aligned for anything. A
 * free block holds the next one of its size there too. */
typedef struct page_block {
    union { struct page_block *next; uint64_t k; } head;
    uint64_t padding;
} page_block;

enum { PAGE_SIZE = 65536, PAGE_LEAST = 5 };
extern unsigned char __heap_base;
static page_block *page_free_blocks[32];
static uintptr_t page_top;                              /* first byte never given out */

static void *page_malloc(size_t n)
{
    unsigned k = PAGE_LEAST;
    page_block *block;
    uintptr_t end;
    if (n > (size_t)1 << 30) return NULL;
    while (((size_t)1 << k) < n + sizeof *block) ++k;
    block = page_free_blocks[k];
    if (block) page_free_blocks[k] = block->head.next;
    else {
        if (!page_top) page_top = ((uintptr_t)&__heap_base + 15) & ~(uintptr_t)15;
        end = page_top + ((uintptr_t)1 << k);
        if (end < page_top) return NULL;
        if (end > (uintptr_t)__builtin_wasm_memory_size(0) * PAGE_SIZE) {
            uintptr_t more = (end - (uintptr_t)__builtin_wasm_memory_size(0) * PAGE_SIZE) / PAGE_SIZE + 1;
            if (__builtin_wasm_memory_grow(0, more) == (size_t)-1) return NULL;
        }
        block = (page_block *)page_top;
        page_top = end;
    }
    block->head.k = k;
    return block + 1;
}

static void page_free(void *p)
{
    page_block *block = (page_block *)p - 1;
    unsigned k;
    if (!p) return;
    k = (unsigned)block->head.k;
    block->head.next = page_free_blocks[k];
    page_free_blocks[k] = block;
}

static inline void *page_realloc(void *p, size_t n)
{
    void *q;
    size_t old;
    if (!p) return page_malloc(n);
    old = ((size_t)1 << ((page_block *)p - 1)->head.k) - sizeof(page_block);
    if (n <= old) return p;
    if ((q = page_malloc(n)) == NULL) return NULL;
    __builtin_memcpy(q, p, old);
    page_free(p);
    return q;
}

#define CLB_MALLOC(n)     page_malloc(n)
#define CLB_REALLOC(p, n) page_realloc(p, n)
#define CLB_FREE(p)       page_free(p)

/* ---- bytes: the first three are instructions ------------------------------------------------- */

void *memcpy(void *to, const void *from, size_t n) { return __builtin_memcpy(to, from, n); }
void *memmove(void *to, const void *from, size_t n) { return __builtin_memmove(to, from, n); }
void *memset(void *to, int byte, size_t n) { return __builtin_memset(to, byte, n); }

int memcmp(const void *a, const void *b, size_t n)
{
    const unsigned char *p = (const unsigned char *)a, *q = (const unsigned char *)b;
    for (; n; --n, ++p, ++q)
        if (*p != *q) return *p < *q ? -1 : 1;
    return 0;
}

size_t strlen(const char *text)
{
    const char *p = text;
    while (*p) ++p;
    return (size_t)(p - text);
}

char *strchr(const char *text, int c)
{
    for (;; ++text) {
        if (*text == (char)c) return (char *)(uintptr_t)text;
        if (!*text) return NULL;
    }
}

#include "libm.h"

#endif
