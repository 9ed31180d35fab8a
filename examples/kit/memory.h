/* memory.h - what every part of the kit stands on: exit statuses, lists, an arena, growing text.
 * Out of memory ends the program with status 5. */
#ifndef KIT_MEMORY_H
#define KIT_MEMORY_H

#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#if defined(__unix__) || defined(__APPLE__)
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>
#define KIT_UNIX 1
int fsync(int);                    /* POSIX, hidden by -std=c99 */
int fileno(FILE *);
#else
#define KIT_UNIX 0
#endif
#ifdef _WIN32
#include <direct.h>
#include <fcntl.h>
#include <io.h>
__declspec(dllimport) int __stdcall MoveFileExA(const char *, const char *, unsigned long);
#endif
#ifdef _OPENMP
#include <omp.h>
#endif

/* As in clb.h: no fused multiply-add but where it is written, also in the example that follows. */
#if defined(__clang__)
#pragma STDC FP_CONTRACT OFF
#elif defined(__GNUC__)
#pragma GCC optimize("fp-contract=off")
#endif

#if defined(__GNUC__)
#define KIT_FN static __attribute__((unused))
#define KIT_PRINTF(a, b) __attribute__((format(printf, a, b)))
#else
#define KIT_FN static
#define KIT_PRINTF(a, b)
#endif

#define KIT_LEN(array) (sizeof(array) / sizeof((array)[0]))
#define KIT_NAN ((double)NAN)          /* as doubles, or clang's -Wdouble-promotion complains */
#define KIT_INF ((double)INFINITY)

/* Exit statuses of every program. */
enum {
    KIT_OK, KIT_CHECK_FAILED, KIT_USAGE, KIT_BAD_INPUT, KIT_OUTPUT, KIT_MEMORY, KIT_NUMERICAL
};

/* Numbers in a row. */
typedef struct kit_list { size_t n; const double *at; } kit_list;
#define KIT_LIST(array) ((kit_list){ KIT_LEN(array), array })
#define KIT_VALUES(...) ((kit_list){ sizeof((const double[]){ __VA_ARGS__ }) / sizeof(double), \
                                     (const double[]){ __VA_ARGS__ } })

KIT_FN int kit_in(kit_list list, double value)
{
    for (size_t i = 0; i < list.n; ++i)
        if (list.at[i] == value) return 1;
    return 0;
}

/* Blocks that are freed together; may be shared by threads. */
typedef struct kit_block { struct kit_block *next; } kit_block;
typedef struct kit_arena { kit_block *first; } kit_arena;
/* A growing text. */
typedef struct kit_buf { char *s; size_t n, cap; } kit_buf;

KIT_FN KIT_PRINTF(2, 3) void kit_die(int status, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fprintf(stderr, "\n");
    exit(status);
}

KIT_FN void *kit_realloc(void *p, size_t count, size_t size)
{
    if (size && count > (size_t)-1 / size) kit_die(KIT_MEMORY, "out of memory");
    p = realloc(p, size && count ? count * size : 1);
    if (!p) kit_die(KIT_MEMORY, "out of memory");
    return p;
}

/* count * size bytes of zeros that live as long as the arena. */
KIT_FN void *kit_new(kit_arena *arena, size_t count, size_t size)
{
    enum { HEAD = 16 };                       /* keeps what follows aligned for any value */
    kit_block *block;
    if (size && count > ((size_t)-1 - HEAD) / size) kit_die(KIT_MEMORY, "out of memory");
    block = (kit_block *)kit_realloc(NULL, 1, count * size + HEAD);
    memset((char *)block + HEAD, 0, count * size);
#ifdef _OPENMP
#pragma omp critical(kit_memory)
#endif
    block->next = arena->first, arena->first = block;
    return (char *)block + HEAD;
}

KIT_FN void kit_arena_free(kit_arena *arena)
{
    while (arena->first) {
        kit_block *next = arena->first->next;
        free(arena->first);
        arena->first = next;
    }
}

KIT_FN char *kit_copy(kit_arena *arena, const char *text)
{
    size_t n = strlen(text) + 1;
    return (char *)memcpy(kit_new(arena, n, 1), text, n);
}

KIT_FN char *kit_vprint(kit_arena *arena, const char *format, va_list args)
{
    va_list again;
    int n;
    char *text;
    va_copy(again, args);
    n = vsnprintf(NULL, 0, format, again);
    va_end(again);
    if (n < 0) kit_die(KIT_MEMORY, "cannot format a text");
    text = (char *)kit_new(arena, (size_t)n + 1, 1);
    vsnprintf(text, (size_t)n + 1, format, args);
    for (char *p = text; (p = strstr(p, "-nan")) != NULL;) memmove(p, p + 1, strlen(p));
    return text;
}

KIT_FN void kit_put(kit_buf *b, const char *text)
{
    size_t n = strlen(text);
    if (b->n + n + 1 > b->cap) {
        b->cap = 2 * (b->n + n + 1);
        b->s = (char *)kit_realloc(b->s, b->cap, 1);
    }
    memcpy(b->s + b->n, text, n + 1);
    b->n += n;
}

KIT_FN KIT_PRINTF(2, 3) void kit_putf(kit_buf *b, const char *format, ...)
{
    kit_arena arena = { NULL };
    va_list args;
    va_start(args, format);
    kit_put(b, kit_vprint(&arena, format, args));
    va_end(args);
    kit_arena_free(&arena);
}

#endif /* KIT_MEMORY_H */
