/* failing_alloc.h - an allocator that counts, and fails where it is told. Include it before clb.h:
 *
 *   #define CLB_IMPLEMENTATION
 *   #include "failing_alloc.h"
 *   #include "../clb.h"
 *   #include "test.h"
 *   static clb_status call(void *context)
 *   { ... a public function; free what it returned if it succeeded ... }
 *   ALLOC_SWEEP(call, context);
 *
 * ALLOC_SWEEP runs the call with the 1st, 2nd, 3rd ... allocation failing until one run needs no
 * more: every failing run must return CLB_ENOMEM, and no run may leave a block behind. Not for
 * threads.
 */
#ifndef CLB_FAILING_ALLOC_H
#define CLB_FAILING_ALLOC_H

#include "library.h"
#include <stdlib.h>
#include <string.h>

#define ALLOC_MAX ((size_t)1 << 30)  /* requests above it fail, as if no machine had so much */

static size_t alloc_calls;       /* since alloc_reset                                 */
static size_t alloc_fail_at;     /* this call fails, counted from 1; 0: none          */
static size_t alloc_live;        /* blocks not yet freed                              */
static size_t alloc_largest;     /* bytes of the largest request since alloc_reset    */
static size_t alloc_bytes;       /* asked for and not yet freed                       */
static size_t alloc_peak;        /* most of them since alloc_reset                    */
enum { ALLOC_HEAD = 16 };        /* bytes before a block, where its size stands       */

static int alloc_fails(size_t n)
{
    ++alloc_calls;
    if (n > alloc_largest) alloc_largest = n;
    return alloc_calls == alloc_fail_at || n > ALLOC_MAX;
}

static void alloc_count(char *head, size_t n)
{
    memcpy(head, &n, sizeof n);
    alloc_bytes += n;
    if (alloc_bytes > alloc_peak) alloc_peak = alloc_bytes;
}

static char *alloc_head(void *p)
{
    size_t n;
    char *head = (char *)p - ALLOC_HEAD;
    memcpy(&n, head, sizeof n);
    alloc_bytes -= n;
    return head;
}

void *test_malloc(size_t n)
{
    char *head = alloc_fails(n) ? NULL : (char *)malloc(n + ALLOC_HEAD);
    if (!head) return NULL;
    ++alloc_live;
    alloc_count(head, n);
    return memset(head + ALLOC_HEAD, 0xff, n);
}

void *test_realloc(void *old, size_t n)
{
    char *head, *moved;
    if (!old) return test_malloc(n);
    if (alloc_fails(n)) return NULL;
    head = alloc_head(old);
    moved = (char *)realloc(head, n + ALLOC_HEAD);
    if (moved) alloc_count(moved, n);
    return moved ? moved + ALLOC_HEAD : NULL;
}

void test_free(void *p)
{
    if (!p) return;
    --alloc_live;
    free(alloc_head(p));
}

static void alloc_reset(size_t fail_at)
{
    alloc_calls = 0;
    alloc_largest = 0;
    alloc_peak = alloc_bytes;
    alloc_fail_at = fail_at;
}

#define ALLOC_SWEEP(call, context)                                                               \
    do {                                                                                         \
        size_t alloc_n_, alloc_before_ = alloc_live;                                             \
        clb_status alloc_status_;                                                                \
        for (alloc_n_ = 1;; ++alloc_n_) {                                                        \
            NOTE("%s, allocation %lu fails", #call, (unsigned long)alloc_n_);                    \
            alloc_reset(alloc_n_);                                                               \
            alloc_status_ = (call)(context);                                                     \
            EQUAL(alloc_live, alloc_before_);                                                    \
            if (alloc_calls < alloc_n_) break;                                                   \
            EQUAL(alloc_status_, CLB_ENOMEM);                                                    \
        }                                                                                        \
        alloc_fail_at = 0;                                                                       \
        NOTE("%s, no failure", #call);                                                           \
        EQUAL(alloc_status_, CLB_OK);                                                            \
        CHECK(alloc_n_ > 1);                                                                     \
    } while (0)

#endif
