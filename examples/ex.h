/* ex.h - what all experiments share: options, the list of runs, result files, verdicts, the ledger.
 *
 *   #define CLB_IMPLEMENTATION
 *   #include "../clb.h"
 *   #include "ex.h"
 *
 * An experiment is three functions and an ex_info (e05_drift_scaling.c is the model to copy):
 *
 *   plan(x)       ex_config() the constants; ex_add() one row per independent run with its keys
 *   run(x, row)   does one run: reads keys with ex_get(), writes results with ex_num(), ex_array()
 *                 Called from several threads: touches nothing but its row.
 *   finish(x)     fits, tables, verdicts, ledger, figure - from the rows ALONE (ex_pick, ex_find),
 *                 because the tool repeats it on merged shards, result files, subsets of the seeds
 *
 * ex_... functions do not fail: out of memory ends the program with status 5.
 */
#ifndef CLB_EX_H
#define CLB_EX_H

#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#if defined(__unix__) || defined(__APPLE__)
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>
#define EX_UNIX 1
int fsync(int);                    /* POSIX, hidden by -std=c99 */
int fileno(FILE *);
#else
#define EX_UNIX 0
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
#define EX_FN static __attribute__((unused))
#define EX_PRINTF(a, b) __attribute__((format(printf, a, b)))
#else
#define EX_FN static
#define EX_PRINTF(a, b)
#endif

#define EX_LEN(array) (sizeof(array) / sizeof((array)[0]))
#define EX_NAN ((double)NAN)           /* as doubles, or clang's -Wdouble-promotion complains */
#define EX_INF ((double)INFINITY)

/* Exit statuses of every program. */
enum { EX_OK, EX_CHECK_FAILED, EX_USAGE, EX_BAD_INPUT, EX_OUTPUT, EX_MEMORY, EX_NUMERICAL };

/* ============================================================================================
 * Interface
 * ========================================================================================== */

typedef struct ex     ex;          /* an experiment being planned, run or finished */
typedef struct ex_row ex_row;      /* named values: a run, a line of a table, a summary item */
typedef struct ex_list { size_t n; const double *at; } ex_list;
#define EX_LIST(array) ((ex_list){ EX_LEN(array), array })
EX_FN int ex_in(ex_list list, double value);                   /* is it one of the list? */

/* --name ARG of one experiment */
typedef struct ex_option { const char *name, *arg, *help; } ex_option;

typedef struct ex_info {
    const char *id;                /* "E05" */
    const char *slug;              /* "drift_scaling" */
    const char *title;             /* "Drift scaling law" */
    const char *theorem;           /* "Theorem 4, eq. (4)" */
    const char *paper;             /* the key result as the paper's table prints it */
    const char *key;               /* the summary item to print beside it */
    void      (*plan)(ex *x);
    /* not CLB_OK: the whole experiment fails; a diverged training that the protocol allows is a
     * value, not a failure */
    clb_status(*run)(ex *x, ex_row *row);
    void      (*finish)(ex *x);
    const ex_option *options;      /* own options, ended by a NULL name; or NULL */
} ex_info;

/* --- planning ---------------------------------------------------------------------------------
 * Seeds of this command: those of --seeds, else the first `count` of 42, 137, 256, 512, 1024, 1, 2
 * Ask for 5 (or 3) in the published part; for more in extensions that need them. */
EX_FN ex_list ex_seeds(ex *x, size_t count);
/* Learning rates: those of --lrs, else the given ones. */
EX_FN ex_list ex_lrs(ex *x, const double *lrs, size_t count);
EX_FN int     ex_published(const ex *x);  /* --published: plan nothing that the paper did not run */
EX_FN int     ex_quick(const ex *x);                   /* --quick: fewer runs or steps */
EX_FN const char *ex_arg(const ex *x, const char *option);   /* value of an own option, or NULL */
EX_FN void    ex_config(ex *x, const char *name, double value);
EX_FN void    ex_config_text(ex *x, const char *name, const char *value);
/* A new run. part names the sweep it belongs to ("sweep", "T20000", ...). Add its keys with
 * ex_num() and ex_text(): part, seed and keys together must be different for every run. */
EX_FN ex_row *ex_add(ex *x, const char *part, double seed);

/* --- values of a row --------------------------------------------------------------------------
 * Names are those of the published result files where there are such. NaN and infinity are legal
 * values. */
EX_FN void    ex_num(ex_row *row, const char *name, double value);
/* Several at once: names separated by spaces, a value each. */
EX_FN void    ex_nums(ex_row *row, const char *names, ex_list values);
/* These numbers of another row; those of them that it has. */
EX_FN void    ex_take(ex_row *row, const ex_row *from, const char *names);
EX_FN void    ex_take_known(ex_row *row, const ex_row *from, const char *names);
EX_FN void    ex_flag(ex_row *row, const char *name, int value);
EX_FN void    ex_text(ex_row *row, const char *name, const char *value);
EX_FN void    ex_array(ex_row *row, const char *name, size_t n, const double *values);
EX_FN double *ex_space(ex_row *row, size_t n);         /* n zeros, alive as long as the row */
EX_FN double  ex_get(const ex_row *row, const char *name);       /* number or flag; NaN if absent */
EX_FN const char *ex_get_text(const ex_row *row, const char *name);   /* "" if absent */
EX_FN ex_list ex_get_array(const ex_row *row, const char *name);      /* n = 0 if absent */
EX_FN int     ex_is(const ex_row *row, const char *part);          /* does it belong to the part? */

/* --- finding runs -----------------------------------------------------------------------------
 * A filter is a printf text of key=value words, all of which must hold: "part=sweep lr=%.17g".
 * The word pub=1 keeps the published seeds only, if all of them were run (else it keeps
 * everything); pub=3 the first 3. */
EX_FN ex_row *ex_find(ex *x, const char *filter, ...) EX_PRINTF(2, 3);          /* first, or NULL */
/* The value `name` of all runs that match, in the order planned; .n = 0 if none. */
EX_FN ex_list ex_pick(ex *x, const char *name, const char *filter, ...) EX_PRINTF(3, 4);
/* Element k of the array `name` of all that match and have so many. */
EX_FN ex_list ex_pick_at(ex *x, const char *name, size_t k, const char *filter, ...)
    EX_PRINTF(4, 5);
/* The mean of ex_pick(); that of a part's runs at one learning rate over the published seeds. NaN:
 * no runs. */
EX_FN double  ex_mean(ex *x, const char *name, const char *filter, ...) EX_PRINTF(3, 4);
EX_FN double  ex_mean_lr(ex *x, const char *name, const char *part, double lr);
/* The latter at each learning rate. */
EX_FN double *ex_means_at(ex *x, const char *name, const char *part, ex_list lrs);
/* The larger; NaN if one of them is. */
EX_FN double  ex_worse(double a, double b);
/* The worst of those of a part's runs (NULL: all) that have it: an identity at worst. NaN if one of
 * them is NaN, or none has it, so that a check of it cannot hold. */
EX_FN double  ex_worst(const ex *x, const char *name, const char *part);
/* Value `name` per seed and position of `key` in `at`, NaN where there is no such run: ready for
 * clb_sweep_fit() and clb_bootstrap_sweep(). floor and survivors are left 0. */
EX_FN clb_sweep ex_sweep(ex *x, const char *name, const char *key, ex_list at, const char *filter,
                         ...) EX_PRINTF(5, 6);
/* A sweep's means, exponent and local slopes (at.n - 1 of them), 95 % intervals from 1000 bootstrap
 * samples of the seeds. */
typedef struct ex_curve {
    ex_list       at;
    double       *mean;
    clb_fit       fit;
    clb_interval  exponent, *slopes;
} ex_curve;
EX_FN ex_curve ex_curve_of(ex *x, const clb_sweep *sweep, uint64_t bootstrap_seed);
EX_FN size_t  ex_runs(const ex *x);
EX_FN ex_row *ex_run_at(const ex *x, size_t i);
/* a text that lives as long as x */
EX_FN const char *ex_print(ex *x, const char *format, ...) EX_PRINTF(2, 3);
EX_FN double *ex_doubles(ex *x, size_t n);                                   /* n zeros, likewise */

/* --- results ----------------------------------------------------------------------------------
 * A line of the experiment's detailed tables; lines of one part form one table. */
EX_FN ex_row *ex_line(ex *x, const char *part);
/* A line of `part` for every run that matches, with these numbers of the run. */
EX_FN void    ex_show(ex *x, const char *part, const char *names, const char *filter, ...)
    EX_PRINTF(4, 5);
/* Such means as ex_mean_lr() into a line: "drift S"; "mean_S=S" for a column of another name. */
EX_FN void    ex_means_lr(ex_row *line, const char *columns, const char *part, double lr);
/* Lines from, to, slope, lo, hi of part "local slopes": one between neighbours. */
EX_FN void    ex_slope_lines(ex *x, const ex_curve *curve);
/* One column of a table, its lines in order; NaN where a line has no such number. */
EX_FN ex_list ex_column(ex *x, const char *part, const char *name);
EX_FN void    ex_caption(ex *x, const char *part, const char *caption);
EX_FN void    ex_captions(ex *x, const char *const (*list)[2], size_t n);   /* part, caption */
/* A summary value; the others add to it. EX_NAN where unknown. */
EX_FN ex_row *ex_summary(ex *x, const char *name, double value);
EX_FN void    ex_ci(ex_row *item, double standard_error, double lo, double hi);  /* 95 % interval */
EX_FN void    ex_printed(ex_row *item, double published);      /* the value that the paper prints */

/* A claim of the paper (or ours): its number there, ours, and the verdict. The first claim of an
 * experiment is its row in Table 1. The verdict is computed, never typed in, and its reason is the
 * rule itself with the values that decided:
 *
 *   ex_claim(x, "alpha = 1.16", "1.16", ex_print(x, "%.3f", a),
 *            "reproduced if R^2 > 0.99 and alpha within 0.01 of 1.16; qualified if alpha within "
 *            "0.05 of 1.16. Over four decades of eta.", EX_VALUES(r2, a, a));
 *
 * gives the reason "Reproduced if R^2 > 0.99 (0.988: no) and ...". A clause ends in a comparison
 * with a number (< <= > >= = or within T of A; the last one counts) and perhaps a unit, or is a
 * statement, true if its value is not 0. One value a clause, in their order; NaN never holds.
 * "else qualified" is a rule that cannot say "not reproduced". Behind the rule and ". " stand
 * remarks, which must be true whatever the verdict. */
typedef enum ex_judgement { EX_REPRODUCED, EX_QUALIFIED, EX_NOT_REPRODUCED } ex_judgement;
#define EX_VALUES(...) ((ex_list){ sizeof((const double[]){ __VA_ARGS__ }) / sizeof(double), \
                                   (const double[]){ __VA_ARGS__ } })
EX_FN void    ex_claim(ex *x, const char *claim, const char *published, const char *measured,
                       const char *why, ex_list values);
/* The verdict of a rule, and its reason. */
EX_FN ex_judgement ex_judge(ex *x, const char *why, ex_list values, const char **reason);
EX_FN ex_judgement ex_rule(int reproduced, int qualified);
/* An identity that must hold whatever the paper says; if it does not, the program ends with status
 * 1. */
EX_FN void    ex_check(ex *x, int holds, const char *format, ...) EX_PRINTF(3, 4);
/* A figure, written to OUT/E05_name.svg. */
EX_FN void    ex_figure(ex *x, const char *name, const char *caption, const char *svg);

/* --- ledger -----------------------------------------------------------------------------------
 * Every number of the published result files is claimed by a row value, or said to have none.
 * Path: file#key/key/index; '*' is any one key or index, '**' any number of them; the k-th match
 * in the file belongs to the k-th number of an array. Does nothing for rows of other seeds, and
 * for lines and summaries when not all published seeds (or other learning rates) were run. Call
 * in finish(). */
typedef enum ex_class {
    EX_EXACT,          /* |ours - published| <= tol: integers, configuration (tol 0) */
    EX_STABLE,         /* <= tol |published|; tol 0 -> 1e-5 */
    EX_NOISE,          /* <= tol absolute: the float32 noise that the spec states */
    EX_FIT,            /* <= tol absolute: fitted exponents */
    EX_CHAOTIC,    /* only the distribution is compared, over all numbers of the path's last list */
    EX_ARTEFACT,       /* differs, for the cause given with ex_because() */
    EX_FOREIGN,        /* not a function of the configuration (wall times, dates, host) */
    EX_UNAVAILABLE,    /* needs data that are not here (MNIST); not run; cause given */
    EX_CLASS_COUNT
} ex_class;
EX_FN void ex_ref(ex_row *row, const char *name, ex_class kind, double tol, const char *path, ...)
    EX_PRINTF(5, 6);
/* Several of one row that stand at PATH/NAME, arrays at PATH/NAME/'*'; names as in ex_nums(). */
EX_FN void ex_refs(ex_row *row, const char *names, ex_class kind, double tol, const char *path,
                   ...) EX_PRINTF(5, 6);
/* A table of such: values of a row and where they stand. */
typedef struct ex_place {
    const char *names;          /* at PATH/NAME each, as above; NULL: there is none, for cause */
    const char *at;             /* if not NULL, the one value stands at PATH/AT instead */
    ex_class    kind;
    double      tol;
    const char *cause;          /* a literal, or NULL */
} ex_place;
EX_FN void ex_ref_places(ex_row *row, const ex_place *places, size_t n, const char *path, ...)
    EX_PRINTF(4, 5);
/* One number of all runs that match, each at the place of its seed: PATH/0, PATH/1, ... */
EX_FN void ex_ref_runs(ex *x, const char *name, ex_class kind, double tol, const char *path,
                       const char *filter, ...) EX_PRINTF(6, 7);
EX_FN void    ex_ref_value(ex *x, double value, ex_class kind, double tol, const char *path, ...)
    EX_PRINTF(5, 6);                                                /* a constant of the protocol */
/* the same, exact; and several at PATHname, a path that ends in '#' or '/' */
EX_FN void    ex_ref_list(ex *x, ex_list values, const char *path, ...) EX_PRINTF(3, 4);
EX_FN void    ex_ref_values(ex *x, const char *names, ex_list values, const char *path, ...)
    EX_PRINTF(4, 5);
/* What every config.json has: version, seeds (the first `seeds` published ones), lrs, n_steps. */
EX_FN void    ex_ref_config(ex *x, const char *file, size_t seeds, ex_list lrs, double steps);
/* What many have besides: 20 inputs, hidden neurons (0: not stated), 5 outputs, 200 samples, the
 * wall time. */
EX_FN void    ex_ref_shapes(ex *x, const char *file, double hidden);
EX_FN void ex_ref_none(ex *x, ex_class kind, const char *cause, const char *path, ...)
    EX_PRINTF(4, 5);
EX_FN void    ex_because(ex *x, const char *cause);                  /* cause of the last ex_ref */
/* of 42, 137, 256, 512, 1024; -1 for other seeds */
EX_FN int     ex_seed_index(const ex_row *row);
/* as the published files print a float key: "0.001", "1.0" */
EX_FN const char *ex_key(ex *x, double value);

/* The program, or nothing where the experiment is part of another one. */
#ifdef EX_NO_MAIN
#define EX_MAIN(info)
#else
#define EX_MAIN(info) int main(int argc, char **argv) { return ex_out(ex_main(&info, argc, argv)); }
#endif

/* ============================================================================================
 * Memory, text, files
 * ========================================================================================== */

/* Blocks that are freed together. */
typedef struct ex_block { struct ex_block *next; } ex_block;
typedef struct ex_arena { ex_block *first; } ex_arena;
/* A growing text. */
typedef struct ex_buf { char *s; size_t n, cap; } ex_buf;

EX_FN void ex_die(int status, const char *text)
{
    fprintf(stderr, "%s\n", text);
    exit(status);
}

/* count * size; a product that no block could have ends the program. */
EX_FN size_t ex_bytes(size_t count, size_t size)
{
    if (size && count > ((size_t)-1 - 64) / size) ex_die(EX_MEMORY, "out of memory");
    return count * size;
}

EX_FN void *ex_realloc(void *p, size_t count, size_t size)
{
    size_t bytes = ex_bytes(count, size);
    if (!(p = realloc(p, bytes ? bytes : 1))) ex_die(EX_MEMORY, "out of memory");
    return p;
}

EX_FN void *ex_new(ex_arena *arena, size_t count, size_t size)
{
    size_t bytes = ex_bytes(count, size);
    ex_block *block = (ex_block *)ex_realloc(NULL, 1, bytes + 16);
    block->next = arena->first, arena->first = block;
    memset((char *)block + 16, 0, bytes);       /* 16: keeps what follows aligned for any value */
    return (char *)block + 16;
}

EX_FN void ex_arena_free(ex_arena *arena)
{
    while (arena->first) {
        ex_block *next = arena->first->next;
        free(arena->first);
        arena->first = next;
    }
}

EX_FN char *ex_copy(ex_arena *arena, const char *text)
{
    size_t n = strlen(text) + 1;
    return (char *)memcpy(ex_new(arena, n, 1), text, n);
}

EX_FN char *ex_vprint(ex_arena *arena, const char *format, va_list args)
{
    va_list again;
    int n;
    char *text;
    va_copy(again, args);
    n = vsnprintf(NULL, 0, format, again);
    va_end(again);
    if (n < 0) ex_die(EX_MEMORY, "cannot format a text");
    text = (char *)ex_new(arena, (size_t)n + 1, 1);
    vsnprintf(text, (size_t)n + 1, format, args);
    for (char *p = text; (p = strstr(p, "-nan")) != NULL;) memmove(p, p + 1, strlen(p));
    return text;
}

EX_FN void ex_put(ex_buf *b, const char *text)
{
    size_t n = strlen(text);
    if (b->n + n + 1 > b->cap) {
        b->cap = 2 * (b->n + n + 1);
        b->s = (char *)ex_realloc(b->s, b->cap, 1);
    }
    memcpy(b->s + b->n, text, n + 1);
    b->n += n;
}

EX_FN EX_PRINTF(2, 3) void ex_putf(ex_buf *b, const char *format, ...)
{
    ex_arena arena = { NULL };
    va_list args;
    va_start(args, format);
    ex_put(b, ex_vprint(&arena, format, args));
    va_end(args);
    ex_arena_free(&arena);
}

/* The temporary file that a signal must not leave behind. */
static char ex_temporary[1200];

EX_FN void ex_on_signal(int number)
{
    if (ex_temporary[0]) remove(ex_temporary);
    _Exit(128 + number);
}

#include "once.h"

/* Seconds since some moment, for progress and timings only. */
EX_FN double ex_clock(void)
{
#if EX_UNIX
    struct timeval now;
    gettimeofday(&now, NULL);
    return (double)now.tv_sec + 1e-6 * (double)now.tv_usec;
#else
    return (double)time(NULL);
#endif
}

/* Make the folder and those above it; errors show when a file is written. */
EX_FN void ex_make_folder(const char *path)
{
#if EX_UNIX
    char part[1024];
    size_t i, n = strlen(path);
    if (n >= sizeof part) return;
    for (i = 0; i <= n; ++i) {
        if (i && (path[i] == '/' || path[i] == 0)) {
            memcpy(part, path, i), part[i] = 0;
            (void)!mkdir(part, 0777);
        }
    }
#else
    (void)path;
#endif
}

/* Devices and pipes cannot be replaced by renaming. */
EX_FN int ex_is_special(const char *path)
{
#if EX_UNIX
    struct stat info;
    return stat(path, &info) == 0 && !S_ISREG(info.st_mode) && !S_ISDIR(info.st_mode);
#else
    (void)path;
    return 0;
#endif
}

EX_FN int ex_write_stream(FILE *f, const char *data, size_t n)
{
    int ok = fwrite(data, 1, n, f) == n && fflush(f) == 0;
#if EX_UNIX
    if (ok && f != stdout && fsync(fileno(f)) && errno == EIO) ok = 0;
#endif
    return ok;
}

/* Write a file whole or not at all: temporary name beside it, flush, rename. "-" is stdout. EX_OK
 * or EX_OUTPUT with one line on stderr. */
EX_FN int ex_write_file(const char *path, const char *data, size_t n)
{
    int ok, rename_it = !ex_is_special(path);
    FILE *f;
    if (!strcmp(path, "-")) {
        if (ex_write_stream(stdout, data, n)) return EX_OK;
        fprintf(stderr, "cannot write to stdout: %s\n", strerror(errno));
        return EX_OUTPUT;
    }
    if (strlen(path) + 20 > sizeof ex_temporary) {
        fprintf(stderr, "name too long: %s\n", path);
        return EX_OUTPUT;
    }
    if (rename_it) {
        long pid = 0;
#if EX_UNIX
        pid = (long)getpid();
#endif
        snprintf(ex_temporary, sizeof ex_temporary, "%s.%ld.tmp", path, pid);
    }
    f = fopen(rename_it ? ex_temporary : path, "wb");
    ok = f && ex_write_stream(f, data, n);
    if (f && fclose(f)) ok = 0;
    if (ok && rename_it && rename(ex_temporary, path)) ok = 0;
    if (!ok) fprintf(stderr, "cannot write %s: %s\n", path, strerror(errno));
    if (!ok && rename_it) remove(ex_temporary);
    ex_temporary[0] = 0;
    return ok ? EX_OK : EX_OUTPUT;
}

/* Shortest decimal that reads back as the same double. Only for finite x. */
EX_FN const char *ex_number(char *out, size_t size, double x)
{
    for (int digits = 15; digits <= 17; ++digits) {
        snprintf(out, size, "%.*g", digits, x);
        if (strtod(out, NULL) == x) break;
    }
    return out;
}

/* ============================================================================================
 * Rows
 * ========================================================================================== */

enum { EX_KIND_NUM, EX_KIND_FLAG, EX_KIND_TEXT, EX_KIND_ARRAY };

typedef struct ex_value {
    const char *name;
    int         kind;
    double      num;              /* number or flag */
    const char *text;
    size_t      n;                /* of the array */
    double     *array;
} ex_value;

struct ex_row {
    ex         *x;
    ex_arena    arena;
    const char *part;             /* sweep, table or summary item it belongs to */
    double      seed;             /* NaN for lines and summary items */
    size_t      keys;             /* the first values are keys, set by plan() */
    size_t      count, cap;
    ex_value   *values;
    int         done;             /* the run has been made */
};

typedef struct ex_rows { ex_row **at; size_t n, cap; } ex_rows;

typedef struct ex_ledger_entry {
    ex_row     *row;              /* NULL: a constant, or none */
    const char *name;
    double      constant;
    ex_list     list;             /* constants, n > 0 */
    ex_class    kind;
    double      tol;
    const char *path, *cause;
} ex_ledger_entry;

typedef struct ex_verdict_entry {
    ex_judgement verdict;
    const char  *claim, *published, *measured, *why;
} ex_verdict_entry;

typedef struct ex_named { const char *name, *caption, *body; int flag; } ex_named;

typedef struct ex_settings {
    const char *seeds, *lrs;      /* as given; NULL if not */
    ex_list     seed_list, lr_list;
    int         published, quick, list, quiet;
    long        threads;          /* 0: all */
    long        shard, shards;    /* 0/1 */
    const char *out, *json;
    const char *args[8];          /* values of own options, in their order */
} ex_settings;

struct ex {
    const ex_info   *info;
    ex_settings      set;
    ex_arena         arena;
    ex_rows          runs, lines, summary;
    ex_row          *config;
    int              has_published;      /* all published seeds that plan() asked for are run */
    size_t           seeds_asked;        /* most published seeds that plan() asked for */
    ex_ledger_entry *ledger;
    size_t           ledger_n, ledger_cap;
    size_t           last_ref;         /* index + 1 of the last entry; 0 if it was not comparable */
    ex_verdict_entry verdicts[64];
    size_t           verdict_n;
    ex_named         checks[64], figures[16], captions[64];
    size_t           check_n, figure_n, caption_n;
    double           seconds;
    int              merged;             /* number of shards, 0 if run in one piece */
    const char      *precision;          /* of the rows: that of this build, or of the file read */
};

EX_FN ex_row *ex_row_new(ex *x, ex_rows *rows, const char *part)
{
    ex_row *row = (ex_row *)ex_new(&x->arena, 1, sizeof *row);
    row->x = x;
    row->part = ex_copy(&x->arena, part);
    row->seed = EX_NAN;
    if (rows) {
        if (rows->n == rows->cap) {
            rows->cap = 2 * rows->cap + 16;
            rows->at = (ex_row **)ex_realloc(rows->at, rows->cap, sizeof *rows->at);
        }
        rows->at[rows->n++] = row;
    }
    return row;
}

EX_FN void ex_rows_free(ex_rows *rows)
{
    for (size_t i = 0; i < rows->n; ++i) {
        ex_arena_free(&rows->at[i]->arena);
        free(rows->at[i]->values);
    }
    free(rows->at);
    memset(rows, 0, sizeof *rows);
}

EX_FN ex_value *ex_value_of(const ex_row *row, const char *name)
{
    for (size_t i = 0; i < row->count; ++i)
        if (!strcmp(row->values[i].name, name)) return &row->values[i];
    return NULL;
}

/* The value called name, made if there is none. */
EX_FN ex_value *ex_value_set(ex_row *row, const char *name, int kind)
{
    ex_value *v = ex_value_of(row, name);
    if (!v) {
        if (row->count == row->cap) {
            row->cap = 2 * row->cap + 8;
            row->values = (ex_value *)ex_realloc(row->values, row->cap, sizeof *row->values);
        }
        v = &row->values[row->count++];
        memset(v, 0, sizeof *v);
        v->name = ex_copy(&row->arena, name);
    }
    v->kind = kind;
    return v;
}

EX_FN void ex_num(ex_row *row, const char *name, double value)
{
    ex_value_set(row, name, EX_KIND_NUM)->num = value;
}

/* The next of the names separated by spaces, in an own copy; NULL behind the last. */
EX_FN const char *ex_name(ex_arena *arena, const char **names)
{
    char *name;
    size_t n;
    *names += strspn(*names, " ");
    n = strcspn(*names, " ");
    if (n == 0) return NULL;
    name = (char *)ex_new(arena, n + 1, 1);
    memcpy(name, *names, n);
    *names += n;
    return name;
}

EX_FN void ex_nums(ex_row *row, const char *names, ex_list values)
{
    ex_arena arena = { NULL };
    const char *name;
    size_t n = 0;
    while ((name = ex_name(&arena, &names)) != NULL && n < values.n)
        ex_num(row, name, values.at[n++]);
    if (name || n != values.n) ex_die(EX_USAGE, "ex.h: as many names as values");
    ex_arena_free(&arena);
}

EX_FN void ex_take(ex_row *row, const ex_row *from, const char *names)
{
    ex_arena arena = { NULL };
    const char *name;
    while ((name = ex_name(&arena, &names)) != NULL) ex_num(row, name, ex_get(from, name));
    ex_arena_free(&arena);
}

EX_FN void ex_take_known(ex_row *row, const ex_row *from, const char *names)
{
    ex_arena arena = { NULL };
    const char *name;
    while ((name = ex_name(&arena, &names)) != NULL)
        if (!isnan(ex_get(from, name))) ex_num(row, name, ex_get(from, name));
    ex_arena_free(&arena);
}

EX_FN void ex_flag(ex_row *row, const char *name, int value)
{
    ex_value_set(row, name, EX_KIND_FLAG)->num = value != 0;
}

EX_FN void ex_text(ex_row *row, const char *name, const char *value)
{
    ex_value_set(row, name, EX_KIND_TEXT)->text = ex_copy(&row->arena, value);
}

EX_FN double *ex_space(ex_row *row, size_t n)
{
    return (double *)ex_new(&row->arena, n, sizeof(double));
}

EX_FN void ex_array(ex_row *row, const char *name, size_t n, const double *values)
{
    ex_value *v = ex_value_set(row, name, EX_KIND_ARRAY);
    v->n = n;
    v->array = ex_space(row, n);
    if (n) memcpy(v->array, values, n * sizeof *values);
}

EX_FN double ex_get(const ex_row *row, const char *name)
{
    const ex_value *v = ex_value_of(row, name);
    if (!v) return !strcmp(name, "seed") ? row->seed : EX_NAN;
    return v->kind == EX_KIND_NUM || v->kind == EX_KIND_FLAG ? v->num : EX_NAN;
}

EX_FN const char *ex_get_text(const ex_row *row, const char *name)
{
    const ex_value *v = ex_value_of(row, name);
    return v && v->kind == EX_KIND_TEXT ? v->text : "";
}

EX_FN ex_list ex_get_array(const ex_row *row, const char *name)
{
    const ex_value *v = ex_value_of(row, name);
    ex_list list = { 0, NULL };
    if (v && v->kind == EX_KIND_ARRAY) list.n = v->n, list.at = v->array;
    return list;
}

EX_FN int ex_is(const ex_row *row, const char *part)
{
    return !strcmp(row->part, part);
}

EX_FN const char *ex_print(ex *x, const char *format, ...)
{
    va_list args;
    const char *text;
    va_start(args, format);
    text = ex_vprint(&x->arena, format, args);
    va_end(args);
    return text;
}

EX_FN double *ex_doubles(ex *x, size_t n) { return (double *)ex_new(&x->arena, n, sizeof(double)); }

/* ============================================================================================
 * Planning
 * ========================================================================================== */

static const double ex_published_seeds[5] = { 42, 137, 256, 512, 1024 };

EX_FN int ex_in(ex_list list, double value)
{
    for (size_t i = 0; i < list.n; ++i)
        if (list.at[i] == value) return 1;
    return 0;
}

EX_FN ex_list ex_seeds(ex *x, size_t count)
{
    ex_list list = { count, NULL };
    double *at;
    size_t want = count < 5 ? count : 5;
    if (want > x->seeds_asked) x->seeds_asked = want;
    if (x->set.seed_list.n) return x->set.seed_list;
    at = (double *)ex_new(&x->arena, count, sizeof *at);
    for (size_t i = 0; i < count; ++i) {           /* 1, 2, 3, ... meets 42 only after 41 of them */
        double next = (double)(i - 4);
        at[i] = i < 5 ? ex_published_seeds[i] : next < 42 ? next : next + 1e6;
    }
    list.at = at;
    return list;
}

EX_FN ex_list ex_lrs(ex *x, const double *lrs, size_t count)
{
    ex_list list = { count, lrs };
    return x->set.lr_list.n ? x->set.lr_list : list;
}

EX_FN int ex_published(const ex *x) { return x->set.published; }
EX_FN int ex_quick(const ex *x) { return x->set.quick; }

EX_FN const char *ex_arg(const ex *x, const char *option)
{
    for (size_t i = 0; x->info->options && x->info->options[i].name; ++i)
        if (!strcmp(x->info->options[i].name, option)) return x->set.args[i];
    return NULL;
}

EX_FN void ex_config(ex *x, const char *name, double value) { ex_num(x->config, name, value); }
EX_FN void ex_config_text(ex *x, const char *name, const char *value)
{
    ex_text(x->config, name, value);
}

EX_FN ex_row *ex_add(ex *x, const char *part, double seed)
{
    ex_row *row = ex_row_new(x, &x->runs, part);
    row->seed = seed;
    return row;
}

/* ============================================================================================
 * Finding
 * ========================================================================================== */

EX_FN int ex_seed_index(const ex_row *row)
{
    for (int i = 0; i < 5; ++i)
        if (row->seed == ex_published_seeds[i]) return i;
    return -1;
}

/* One word key=value of a filter, of n characters, against a row. */
EX_FN int ex_word_matches(const ex_row *row, const char *word, size_t n)
{
    char key[64], value[128];
    const char *equals = (const char *)memchr(word, '=', n);
    const ex_value *v;
    size_t k = equals ? (size_t)(equals - word) : n;
    if (!equals || k >= sizeof key || n - k > sizeof value) return 0;
    memcpy(key, word, k), key[k] = 0;
    memcpy(value, equals + 1, n - k - 1), value[n - k - 1] = 0;
    if (!strcmp(key, "part")) return !strcmp(row->part, value);
    if (!strcmp(key, "seed")) return row->seed == strtod(value, NULL);
    if (!strcmp(key, "pub")) {
        size_t first = (size_t)strtod(value, NULL);
        if (first < 2) first = row->x->seeds_asked;
        return !row->x->has_published
               || (ex_seed_index(row) >= 0 && (size_t)ex_seed_index(row) < first);
    }
    v = ex_value_of(row, key);
    if (!v) return 0;
    if (v->kind == EX_KIND_TEXT) return !strcmp(v->text, value);
    return v->num == strtod(value, NULL);
}

EX_FN int ex_matches(const ex_row *row, const char *filter)
{
    while (*filter) {
        size_t n = strcspn(filter, " ");
        if (n && !ex_word_matches(row, filter, n)) return 0;
        filter += n;
        filter += strspn(filter, " ");
    }
    return 1;
}

/* Runs that match, in an array of the arena. */
EX_FN ex_rows ex_select(ex *x, const char *format, va_list args)
{
    const char *filter = ex_vprint(&x->arena, format, args);
    ex_row **found = (ex_row **)ex_realloc(NULL, x->runs.n, sizeof *found);
    ex_rows rows = { NULL, 0, 0 };
    for (size_t i = 0; i < x->runs.n; ++i)
        if (ex_matches(x->runs.at[i], filter)) found[rows.n++] = x->runs.at[i];
    rows.at = (ex_row **)ex_new(&x->arena, rows.n, sizeof *found);
    memcpy(rows.at, found, rows.n * sizeof *found);
    free(found);
    return rows;
}

EX_FN ex_row *ex_find(ex *x, const char *filter, ...)
{
    va_list args;
    ex_rows rows;
    va_start(args, filter);
    rows = ex_select(x, filter, args);
    va_end(args);
    return rows.n ? rows.at[0] : NULL;
}

EX_FN ex_list ex_values(ex *x, const char *name, ex_rows rows)
{
    ex_list list;
    double *at = (double *)ex_new(&x->arena, rows.n, sizeof *at);
    for (size_t i = 0; i < rows.n; ++i) at[i] = ex_get(rows.at[i], name);
    list.n = rows.n, list.at = at;
    return list;
}

EX_FN ex_list ex_pick(ex *x, const char *name, const char *filter, ...)
{
    va_list args;
    ex_rows rows;
    va_start(args, filter);
    rows = ex_select(x, filter, args);
    va_end(args);
    return ex_values(x, name, rows);
}

EX_FN ex_list ex_pick_at(ex *x, const char *name, size_t k, const char *filter, ...)
{
    va_list args;
    ex_rows rows;
    ex_list list = { 0, NULL };
    double *at;
    va_start(args, filter);
    rows = ex_select(x, filter, args);
    va_end(args);
    list.at = at = ex_doubles(x, rows.n);
    for (size_t i = 0; i < rows.n; ++i) {
        ex_list v = ex_get_array(rows.at[i], name);
        if (k < v.n) at[list.n++] = v.at[k];
    }
    return list;
}

EX_FN double ex_mean(ex *x, const char *name, const char *filter, ...)
{
    va_list args;
    ex_list list;
    va_start(args, filter);
    list = ex_values(x, name, ex_select(x, filter, args));
    va_end(args);
    return clb_mean(list.n, list.at);
}

EX_FN double ex_mean_lr(ex *x, const char *name, const char *part, double lr)
{
    return ex_mean(x, name, "part=%s lr=%.17g pub=1", part, lr);
}

EX_FN double *ex_means_at(ex *x, const char *name, const char *part, ex_list lrs)
{
    double *mean = ex_doubles(x, lrs.n);
    for (size_t i = 0; i < lrs.n; ++i) mean[i] = ex_mean_lr(x, name, part, lrs.at[i]);
    return mean;
}

EX_FN double ex_worse(double a, double b) { return a >= b || isnan(a) ? a : b; }

EX_FN double ex_worst(const ex *x, const char *name, const char *part)
{
    double worst = EX_NAN;
    size_t found = 0;
    for (size_t i = 0; i < x->runs.n; ++i) {
        const ex_value *v = ex_value_of(x->runs.at[i], name);
        if (!v || (part && !ex_is(x->runs.at[i], part))) continue;
        worst = found++ ? ex_worse(worst, v->num) : v->num;
    }
    return worst;
}

EX_FN clb_sweep ex_sweep(ex *x, const char *name, const char *key, ex_list at, const char *filter,
                         ...)
{
    clb_sweep sweep;
    va_list args;
    ex_rows rows;
    double *seeds, *y;
    va_start(args, filter);
    rows = ex_select(x, filter, args);
    va_end(args);
    memset(&sweep, 0, sizeof sweep);
    sweep.n = at.n, sweep.x = at.at;
    seeds = (double *)ex_new(&x->arena, rows.n, sizeof *seeds);
    for (size_t i = 0; i < rows.n; ++i) {
        ex_list so_far = { sweep.seeds, seeds };
        if (!ex_in(so_far, rows.at[i]->seed)) seeds[sweep.seeds++] = rows.at[i]->seed;
    }
    y = (double *)ex_new(&x->arena, sweep.seeds * at.n, sizeof *y);
    for (size_t i = 0; i < sweep.seeds * at.n; ++i) y[i] = EX_NAN;
    for (size_t i = 0; i < rows.n; ++i)
        for (size_t s = 0; s < sweep.seeds; ++s)
            for (size_t j = 0; j < at.n; ++j)
                if (seeds[s] == rows.at[i]->seed && ex_get(rows.at[i], key) == at.at[j])
                    y[s * at.n + j] = ex_get(rows.at[i], name);
    sweep.y = y;
    return sweep;
}

EX_FN ex_curve ex_curve_of(ex *x, const clb_sweep *sweep, uint64_t bootstrap_seed)
{
    clb_bootstrap_opts opts = { 1000, 0.95, 0 };
    ex_curve c;
    memset(&c, 0, sizeof c);
    opts.seed = bootstrap_seed;
    c.at.n = sweep->n, c.at.at = sweep->x;
    c.mean = ex_doubles(x, sweep->n);
    c.slopes = (clb_interval *)ex_new(&x->arena, sweep->n, sizeof *c.slopes);
    c.fit = clb_sweep_fit(sweep, c.mean);
    if (clb_bootstrap_sweep(sweep, &opts, &c.exponent, c.slopes))
        ex_die(EX_MEMORY, "ex.h: bootstrap failed");
    return c;
}

EX_FN size_t ex_runs(const ex *x) { return x->runs.n; }
EX_FN ex_row *ex_run_at(const ex *x, size_t i) { return x->runs.at[i]; }

/* ============================================================================================
 * Results
 * ========================================================================================== */

/* A new line goes behind the last one of its part: a table stands together in whatever order it is
 * written. */
EX_FN ex_row *ex_line(ex *x, const char *part)
{
    ex_row *row = ex_row_new(x, &x->lines, part), **at = x->lines.at;
    size_t last = x->lines.n - 1, i = last;
    while (i > 0 && strcmp(at[i - 1]->part, part)) --i;
    if (i == 0) return row;
    memmove(&at[i + 1], &at[i], (last - i) * sizeof *at);
    at[i] = row;
    return row;
}

/* One more entry of a small fixed list. */
EX_FN ex_named *ex_named_add(ex *x, ex_named *list, size_t *n, size_t cap)
{
    if (*n == cap) ex_die(EX_MEMORY, "ex.h: too many captions, checks or figures");
    (void)x;
    return &list[(*n)++];
}

EX_FN ex_list ex_column(ex *x, const char *part, const char *name)
{
    double *at = ex_doubles(x, x->lines.n);
    ex_list list = { 0, at };
    for (size_t i = 0; i < x->lines.n; ++i)
        if (ex_is(x->lines.at[i], part)) at[list.n++] = ex_get(x->lines.at[i], name);
    return list;
}

EX_FN void ex_show(ex *x, const char *part, const char *names, const char *filter, ...)
{
    va_list args;
    ex_rows runs;
    va_start(args, filter);
    runs = ex_select(x, filter, args);
    va_end(args);
    for (size_t i = 0; i < runs.n; ++i)
        ex_take(ex_line(x, part), runs.at[i], names);
}

EX_FN void ex_means_lr(ex_row *line, const char *columns, const char *part, double lr)
{
    ex_arena arena = { NULL };
    const char *column, *from;
    while ((column = ex_name(&arena, &columns)) != NULL) {
        size_t n = strcspn(column, "=");
        from = column[n] ? column + n + 1 : column;
        ex_num(line, ex_print(line->x, "%.*s", (int)n, column),
               ex_mean_lr(line->x, from, part, lr));
    }
    ex_arena_free(&arena);
}

EX_FN void ex_slope_lines(ex *x, const ex_curve *c)
{
    for (size_t i = 0; i + 1 < c->at.n; ++i)
        ex_nums(ex_line(x, "local slopes"), "from to slope lo hi",
                EX_VALUES(c->at.at[i], c->at.at[i + 1], c->slopes[i].value, c->slopes[i].lo,
                          c->slopes[i].hi));
}

EX_FN void ex_caption(ex *x, const char *part, const char *caption)
{
    ex_named *c = ex_named_add(x, x->captions, &x->caption_n, EX_LEN(x->captions));
    c->name = ex_copy(&x->arena, part), c->caption = ex_copy(&x->arena, caption);
}

EX_FN void ex_captions(ex *x, const char *const (*list)[2], size_t n)
{
    for (size_t i = 0; i < n; ++i) ex_caption(x, list[i][0], list[i][1]);
}

EX_FN ex_row *ex_summary(ex *x, const char *name, double value)
{
    ex_row *item = ex_row_new(x, &x->summary, name);
    ex_num(item, "value", value);
    return item;
}

EX_FN void ex_ci(ex_row *item, double standard_error, double lo, double hi)
{
    double both[2];
    both[0] = lo, both[1] = hi;
    if (!isnan(standard_error)) ex_num(item, "stderr", standard_error);
    if (!isnan(lo)) ex_array(item, "ci95", 2, both);
}

EX_FN void ex_printed(ex_row *item, double published) { ex_num(item, "published", published); }

EX_FN ex_judgement ex_rule(int reproduced, int qualified)
{
    return reproduced ? EX_REPRODUCED : qualified ? EX_QUALIFIED : EX_NOT_REPRODUCED;
}

EX_FN const char *ex_judgement_name(ex_judgement verdict)
{
    return verdict == EX_REPRODUCED  ? "reproduced"
           : verdict == EX_QUALIFIED ? "qualified"
                                     : "not reproduced";
}

/* The comparisons of a rule, by their place in this list. */
static const char *const ex_comparisons[] = { "< ", "<= ", "> ", ">= ", "= ", "within " };

/* value op bound; within: |value - bound| <= tol. */
EX_FN int ex_compare(size_t op, double value, double bound, double tol)
{
    switch (op) {
    case 0: return value < bound;
    case 1: return value <= bound;
    case 2: return value > bound;
    case 3: return value >= bound;
    case 4: return value == bound;
    default: return fabs(value - bound) <= tol;
    }
}

/* One clause and the value that decided it: "R^2 > 0.99 (0.9881: no)". Does it hold? */
EX_FN int ex_clause(ex_buf *b, const char *clause, double value)
{
    const char *last = NULL;
    char *end, text[40];
    size_t op = 0;
    double bound, shown, tol = 0;
    int holds, digits = 3;
    for (size_t k = 0; k < EX_LEN(ex_comparisons); ++k)
        for (const char *p = clause; (p = strstr(p, ex_comparisons[k])) != NULL; ++p)
            if ((!last || p > last) && (p == clause || p[-1] == ' ')
                && strchr("-0123456789", p[strlen(ex_comparisons[k])]))
                last = p, op = k;
    if (!last) {
        holds = value != 0 && !isnan(value);
        ex_putf(b, "%s (%s)", clause, holds ? "yes" : "no");
        return holds;
    }
    bound = strtod(last + strlen(ex_comparisons[op]), &end);
    if (op == 5 && !strncmp(end, " of ", 4)) tol = bound, bound = strtod(end + 4, &end);
    holds = ex_compare(op, value, bound, tol);
    for (double scale = 1e3; digits < 7 && fabs(value) >= scale; scale *= 10) ++digits;
    do {                                         /* as many digits as it takes to show it */
        snprintf(text, sizeof text, "%.*g", digits, value), shown = strtod(text, NULL);
    } while ((ex_compare(op, shown, bound, tol) != holds
              || (op < 4 && shown == bound && value != bound)) && ++digits <= 17);
    if (value == floor(value) && fabs(value) < 1e9) snprintf(text, sizeof text, "%.0f", value);
    if (isnan(value)) snprintf(text, sizeof text, "not measured");
    ex_putf(b, "%s (%s: %s)", clause, text, holds ? "yes" : "no");
    return holds;
}

EX_FN ex_judgement ex_judge(ex *x, const char *why, ex_list values, const char **reason)
{
    ex_arena arena = { NULL };
    ex_buf b = { NULL, 0, 0 };
    char *rule = ex_copy(&arena, why), *remark = strstr(rule, ". "), *next;
    int holds[2] = { 0, 0 };                             /* reproduced, qualified */
    size_t used = 0;
    if (remark) *remark = 0, remark += 2;
    for (char *part = rule; part; part = next) {
        int which = strncmp(part, "reproduced if ", 14) != 0, otherwise;
        next = strstr(part, "; ");
        if (next) *next = 0, next += 2;
        otherwise = !strcmp(part, "else qualified");
        if (which && !otherwise && strncmp(part, "qualified if ", 13))
            ex_die(EX_USAGE, ex_print(x, "ex.h: no rule: %s", why));
        ex_putf(&b, "%s%s", b.n ? "; " : "",
                otherwise ? part : which ? "qualified if " : "reproduced if ");
        holds[which] = 1;
        for (char *end, *clause = part + (which ? 13 : 14); !otherwise && clause; clause = end) {
            end = strstr(clause, " and ");
            if (end) *end = 0, end += 5;
            if (used == values.n) ex_die(EX_USAGE, ex_print(x, "ex.h: too few values: %s", why));
            holds[which] &= ex_clause(&b, clause, values.at[used++]);
            ex_put(&b, end ? " and " : "");
        }
    }
    if (used != values.n) ex_die(EX_USAGE, ex_print(x, "ex.h: too many values: %s", why));
    b.s[0] = (char)(b.s[0] - 'a' + 'A');
    *reason = ex_print(x, "%s.%s%s", b.s, remark ? " " : "", remark ? remark : "");
    free(b.s);
    ex_arena_free(&arena);
    return ex_rule(holds[0], holds[1]);
}

EX_FN void ex_claim(ex *x, const char *claim, const char *published, const char *measured,
                    const char *why, ex_list values)
{
    ex_verdict_entry *v;
    if (x->verdict_n == EX_LEN(x->verdicts)) ex_die(EX_MEMORY, "ex.h: too many verdicts");
    v = &x->verdicts[x->verdict_n++];
    v->verdict = ex_judge(x, why, values, &v->why);
    v->claim = ex_copy(&x->arena, claim), v->published = ex_copy(&x->arena, published);
    v->measured = ex_copy(&x->arena, measured);
}

EX_FN void ex_check(ex *x, int holds, const char *format, ...)
{
    ex_named *c = ex_named_add(x, x->checks, &x->check_n, EX_LEN(x->checks));
    va_list args;
    va_start(args, format);
    c->name = ex_vprint(&x->arena, format, args);
    va_end(args);
    c->flag = holds != 0;
}

EX_FN void ex_figure(ex *x, const char *name, const char *caption, const char *svg)
{
    ex_named *f = ex_named_add(x, x->figures, &x->figure_n, EX_LEN(x->figures));
    f->name = ex_print(x, "%s_%s.svg", x->info->id, name);
    f->caption = ex_copy(&x->arena, caption), f->body = ex_copy(&x->arena, svg);
}

/* ============================================================================================
 * Ledger
 * ========================================================================================== */

EX_FN ex_ledger_entry *ex_ledger_add(ex *x, ex_class kind, double tol, const char *path)
{
    ex_ledger_entry *e;
    if (x->ledger_n == x->ledger_cap) {
        x->ledger_cap = 2 * x->ledger_cap + 64;
        x->ledger = (ex_ledger_entry *)ex_realloc(x->ledger, x->ledger_cap, sizeof *x->ledger);
    }
    e = &x->ledger[x->ledger_n++];
    memset(e, 0, sizeof *e);
    e->kind = kind, e->tol = tol, e->path = path, e->cause = "", e->name = "";
    x->last_ref = x->ledger_n;
    return e;
}

/* May this row be compared with published numbers? */
EX_FN int ex_comparable(const ex_row *row)
{
    const ex *x = row->x;
    if (x->set.quick) return 0;
    if (!isnan(row->seed)) return ex_seed_index(row) >= 0 && row->done;
    return x->has_published && (!x->set.lr_list.n || ex_value_of(row, "lr"));
}

EX_FN void ex_ref(ex_row *row, const char *name, ex_class kind, double tol, const char *path, ...)
{
    va_list args;
    ex_ledger_entry *e;
    row->x->last_ref = 0;
    if (!ex_comparable(row)) return;
    va_start(args, path);
    e = ex_ledger_add(row->x, kind, tol, ex_vprint(&row->x->arena, path, args));
    va_end(args);
    e->row = row, e->name = ex_copy(&row->x->arena, name);
}

EX_FN void ex_refs(ex_row *row, const char *names, ex_class kind, double tol, const char *path, ...)
{
    va_list args;
    const char *at, *name;
    if (!row || !ex_comparable(row)) return;
    va_start(args, path);
    at = ex_vprint(&row->x->arena, path, args);
    va_end(args);
    while ((name = ex_name(&row->x->arena, &names)) != NULL)
        ex_ref(row, name, kind, tol, ex_get_array(row, name).n ? "%s/%s/*" : "%s/%s", at, name);
}

EX_FN void ex_ref_places(ex_row *row, const ex_place *places, size_t n, const char *path, ...)
{
    va_list args;
    const char *under;
    if (!row || !ex_comparable(row)) return;
    va_start(args, path);
    under = ex_vprint(&row->x->arena, path, args);
    va_end(args);
    for (const ex_place *p = places; p < places + n; ++p) {
        size_t first = row->x->ledger_n;
        if (!p->names) ex_ref_none(row->x, p->kind, p->cause, "%s/%s", under, p->at);
        else if (p->at) ex_ref(row, p->names, p->kind, p->tol, "%s/%s", under, p->at);
        else ex_refs(row, p->names, p->kind, p->tol, "%s", under);
        for (; p->cause && first < row->x->ledger_n; ++first)
            row->x->ledger[first].cause = p->cause;
    }
}

EX_FN void ex_ref_runs(ex *x, const char *name, ex_class kind, double tol, const char *path,
                       const char *filter, ...)
{
    va_list args;
    ex_rows runs;
    va_start(args, filter);
    runs = ex_select(x, filter, args);
    va_end(args);
    for (size_t i = 0; i < runs.n; ++i)
        ex_ref(runs.at[i], name, kind, tol, "%s/%d", path, ex_seed_index(runs.at[i]));
}

EX_FN void ex_ref_value(ex *x, double value, ex_class kind, double tol, const char *path, ...)
{
    va_list args;
    va_start(args, path);
    ex_ledger_add(x, kind, tol, ex_vprint(&x->arena, path, args))->constant = value;
    va_end(args);
}

EX_FN void ex_ref_list(ex *x, ex_list values, const char *path, ...)
{
    va_list args;
    double *at = (double *)ex_new(&x->arena, values.n, sizeof *at);
    ex_ledger_entry *e;
    va_start(args, path);
    e = ex_ledger_add(x, EX_EXACT, 0.0, ex_vprint(&x->arena, path, args));
    va_end(args);
    e->list.n = values.n;
    e->list.at = (double *)memcpy(at, values.at, values.n * sizeof *at);
}

EX_FN void ex_ref_values(ex *x, const char *names, ex_list values, const char *path, ...)
{
    ex_arena arena = { NULL };
    va_list args;
    const char *at, *name;
    size_t n = 0;
    va_start(args, path);
    at = ex_vprint(&x->arena, path, args);
    va_end(args);
    while ((name = ex_name(&arena, &names)) != NULL && n < values.n)
        ex_ref_value(x, values.at[n++], EX_EXACT, 0, "%s%s", at, name);
    if (name || n != values.n) ex_die(EX_USAGE, "ex.h: as many names as values");
    ex_arena_free(&arena);
}

EX_FN void ex_ref_config(ex *x, const char *file, size_t seeds, ex_list lrs, double steps)
{
    ex_list list = { seeds, ex_published_seeds };
    ex_ref_none(x, EX_FOREIGN, "version of the published program", "%s#version", file);
    ex_ref_list(x, list, "%s#seeds/*", file);
    if (lrs.n) ex_ref_list(x, lrs, "%s#lrs/*", file);
    ex_ref_value(x, steps, EX_EXACT, 0, "%s#n_steps", file);
}

EX_FN void ex_ref_shapes(ex *x, const char *file, double hidden)
{
    if (hidden > 0) ex_ref_value(x, hidden, EX_EXACT, 0, "%s#hidden", file);
    ex_ref_value(x, 20, EX_EXACT, 0, "%s#input_dim", file);
    ex_ref_value(x, 5, EX_EXACT, 0, "%s#output_dim", file);
    ex_ref_value(x, 200, EX_EXACT, 0, "%s#n_train", file);
    ex_ref_none(x, EX_FOREIGN, "wall time", "%s#total_time_seconds", file);
}

EX_FN void ex_ref_none(ex *x, ex_class kind, const char *cause, const char *path, ...)
{
    va_list args;
    ex_ledger_entry *e;
    va_start(args, path);
    e = ex_ledger_add(x, kind, 0.0, ex_vprint(&x->arena, path, args));
    va_end(args);
    e->cause = ex_copy(&x->arena, cause), e->constant = EX_NAN;
}

EX_FN void ex_because(ex *x, const char *cause)
{
    if (x->last_ref) x->ledger[x->last_ref - 1].cause = ex_copy(&x->arena, cause);
}

/* Shortest digits that read back, laid out as Python does: 0.001, 1.0, 1e-05. */
EX_FN const char *ex_key(ex *x, double value)
{
    char digits[40], *point;
    int n = 1, exponent;
    for (; n <= 17; ++n) {
        snprintf(digits, sizeof digits, "%.*e", n - 1, value);
        if (strtod(digits, NULL) == value) break;
    }
    point = strchr(digits, 'e');
    exponent = point ? atoi(point + 1) : 0;
    if (exponent < -4 || exponent >= 16) return ex_print(x, "%s", digits);
    return ex_print(x, "%.*f", n - 1 - exponent > 1 ? n - 1 - exponent : 1, value);
}

/* ============================================================================================
 * Options
 * ========================================================================================== */

/* One option of a program: how to store its value (NULL for a flag); set() returns 0 for a bad
 * value. */
typedef struct ex_opt {
    const char *name;
    char        letter;
    const char *arg, *help;
    int       (*set)(void *to, const char *value);
    void       *to;
} ex_opt;

static ex_arena ex_option_arena;      /* values of options, alive until the end */

EX_FN int ex_set_flag(void *to, const char *value)
{
    (void)value;
    *(int *)to = 1;
    return 1;
}

EX_FN int ex_set_text(void *to, const char *value)
{
    const char *text = value;
    memcpy(to, &text, sizeof text);
    return value[0] != 0;
}

/* A whole decimal number in lo..hi, nothing behind it. */
EX_FN int ex_whole(const char *text, size_t n, long long lo, long long hi, long long *out)
{
    long long v = 0;
    if (n == 0 || n > 18) return 0;
    for (size_t i = 0; i < n; ++i) {
        if (text[i] < '0' || text[i] > '9') return 0;
        v = 10 * v + (text[i] - '0');
    }
    *out = v;
    return v >= lo && v <= hi;
}

EX_FN int ex_set_threads(void *to, const char *value)
{
    long long n;
    if (!ex_whole(value, strlen(value), 0, 4096, &n)) return 0;
    *(long *)to = (long)n;
    return 1;
}

EX_FN int ex_set_shard(void *to, const char *value)
{
    ex_settings *set = (ex_settings *)to;
    const char *slash = strchr(value, '/');
    long long i, n;
    if (!slash || !ex_whole(slash + 1, strlen(slash + 1), 1, 1000000, &n)
        || !ex_whole(value, (size_t)(slash - value), 0, n - 1, &i)) return 0;
    set->shard = (long)i, set->shards = (long)n;
    return 1;
}

/* "42,137", "1..100" or a mixture, no seed twice. */
EX_FN int ex_set_seeds(void *to, const char *value)
{
    ex_settings *set = (ex_settings *)to;
    double *at = NULL;
    size_t n = 0;
    const char *p = value;
    for (;;) {
        size_t len = strcspn(p, ",");
        const char *dots = strstr(p, "..");
        long long a, b, top = 4294967295LL;
        size_t first = dots && dots < p + len ? (size_t)(dots - p) : len;
        if (!ex_whole(p, first, 0, top, &a)) return 0;
        b = a;
        if (first < len && !ex_whole(dots + 2, len - first - 2, a, top, &b)) return 0;
        if (b - a >= 1000000) return 0;
        at = (double *)ex_realloc(at, n + (size_t)(b - a) + 1, sizeof *at);
        for (; a <= b; ++a) {
            ex_list so_far = { n, at };
            if (n < 5000 && ex_in(so_far, (double)a)) { free(at); return 0; }
            at[n++] = (double)a;
        }
        if (p[len] == 0) break;
        p += len + 1;
    }
    set->seeds = value;
    set->seed_list.n = n;
    set->seed_list.at =
        (double *)memcpy(ex_new(&ex_option_arena, n, sizeof *at), at, n * sizeof *at);
    free(at);
    return 1;
}

EX_FN int ex_set_lrs(void *to, const char *value)
{
    ex_settings *set = (ex_settings *)to;
    size_t n = 0, cap = strlen(value) / 2 + 1;
    double *at = (double *)ex_new(&ex_option_arena, cap, sizeof *at);
    for (const char *p = value;;) {
        char *end;
        double lr;
        if (strchr(" \t\n+-", *p)) return 0;
        lr = strtod(p, &end);
        if (end == p || !(lr > 0) || isinf(lr) || (*end && *end != ',')) return 0;
        at[n++] = lr;
        if (!*end) break;
        p = end + 1;
    }
    set->lrs = value, set->lr_list.n = n, set->lr_list.at = at;
    return 1;
}

EX_FN int ex_set_isa(void *to, const char *value)
{
    (void)to;
    for (int i = 0; i < (int)CLB_ISA_COUNT; ++i)
        if (!strcmp(value, clb_isa_name((clb_isa)i))) return clb_isa_set((clb_isa)i) == CLB_OK;
    return 0;
}

EX_FN const ex_opt *ex_opt_find(const ex_opt *opts, const char *name, size_t n, char letter)
{
    for (; opts->name; ++opts)
        if (letter ? opts->letter == letter
                   : strlen(opts->name) == n && !memcmp(opts->name, name, n))
            return opts;
    return NULL;
}

EX_FN int ex_usage(const char *program, const char *what, const char *option)
{
    fprintf(stderr, "%s: %s %s (--help lists the options)\n", program, what, option);
    return EX_USAGE;
}

/* Sort the arguments: options are stored, the rest goes to words (at most max). -1, or EX_USAGE. */
EX_FN int ex_parse(const char *program, const ex_opt *opts, int argc, char **argv,
                   const char **words, int max)
{
    int n = 0;
    for (int i = 1; i < argc; ++i) {
        const char *a = argv[i], *value = NULL;
        const ex_opt *o;
        int is_long = a[0] == '-' && a[1] == '-';
        if (!strcmp(a, "--")) {
            for (++i; i < argc; ++i) {
                if (n == max) return ex_usage(program, "unexpected argument", argv[i]);
                words[n++] = argv[i];
            }
            break;
        }
        if (a[0] != '-' || !a[1]) {
            if (n == max) return ex_usage(program, "unexpected argument", a);
            words[n++] = a;
            continue;
        }
        o = is_long ? ex_opt_find(opts, a + 2, strcspn(a + 2, "="), 0)
                    : ex_opt_find(opts, "", 0, a[1]);
        if (!o) return ex_usage(program, "unknown option", a);
        if (is_long && strchr(a, '=')) value = strchr(a, '=') + 1;
        else if (!is_long && a[2]) value = a + 2;
        if (!o->arg && value) return ex_usage(program, "no value allowed for option", a);
        if (o->arg && !value && !(value = argv[++i]))
            return ex_usage(program, "value missing for option", a);
        if (!o->set(o->to, value)) {
            fprintf(stderr, "%s: bad value '%s' for --%s\n", program, value ? value : "", o->name);
            return EX_USAGE;
        }
    }
    words[n] = NULL;
    return -1;
}

EX_FN void ex_print_options(const ex_opt *opts)
{
    for (; opts->name; ++opts) {
        char left[64];
        if (!opts->help) continue;
        snprintf(left, sizeof left, "%s%c%s--%s%s%s", opts->letter ? "-" : " ",
                 opts->letter ? opts->letter : ' ', opts->letter ? ", " : "  ", opts->name,
                 opts->arg ? " " : "", opts->arg ? opts->arg : "");
        printf("  %-25s %s\n", left, opts->help);
    }
}

enum { EX_SHARED_OPTIONS = 14 };

/* The options that all experiment programs share. opts: room for EX_SHARED_OPTIONS + 9. */
EX_FN size_t ex_shared_options(ex_opt *opts, ex_settings *set, int *help, int *version)
{
    const ex_opt shared[EX_SHARED_OPTIONS] = {
        { "seeds", 0, "LIST", "seeds to run, 42,137 or 1..100", ex_set_seeds, set },
        { "lrs", 0, "LIST", "learning rates, 0.001,0.01 (where there are any)", ex_set_lrs, set },
        { "published", 0, NULL, "only what the paper ran, without extensions", ex_set_flag,
          &set->published },
        { "quick", 0, NULL, "a few seconds: smaller sweep, not comparable", ex_set_flag,
          &set->quick },
        { "threads", 'j', "N", "threads; 0, the default, is all processors", ex_set_threads,
          &set->threads },
        { "out", 'o', "DIR", "folder of result file and figures [results]", ex_set_text,
          (void *)&set->out },
        { "json", 0, "FILE", "result file instead of OUT/ID.json; - is stdout", ex_set_text,
          (void *)&set->json },
        { "shard", 0, "I/N", "only runs I, I+N, I+2N, ... (I from 0)", ex_set_shard, set },
        { "list", 0, NULL, "print the planned runs, run nothing", ex_set_flag, &set->list },
        { "isa", 0, "NAME", "scalar, avx2, avx512 or neon; same results", ex_set_isa, NULL },
        { "quiet", 'q', NULL, "errors only", ex_set_flag, &set->quiet },
        { "help", 'h', NULL, "this text", ex_set_flag, help },
        { "version", 'V', NULL, "version, compiler, instruction set", ex_set_flag, version },
        { NULL, 0, NULL, NULL, NULL, NULL },
    };
    memcpy(opts, shared, sizeof shared);
    return EX_SHARED_OPTIONS - 1;
}

EX_FN ex_settings ex_settings_default(void)
{
    ex_settings set;
    memset(&set, 0, sizeof set);
    set.shards = 1;
    return set;
}

/* ============================================================================================
 * An experiment from plan to result file
 * ========================================================================================== */

EX_FN ex *ex_open(const ex_info *info, const ex_settings *set)
{
    ex *x = (ex *)ex_realloc(NULL, 1, sizeof *x);
    memset(x, 0, sizeof *x);
    x->info = info, x->set = *set, x->precision = CLB_PRECISION;
    x->config = ex_row_new(x, NULL, "config");
    info->plan(x);
    for (size_t i = 0; i < x->runs.n; ++i) x->runs.at[i]->keys = x->runs.at[i]->count;
    x->has_published = 1;               /* also where no run has a seed: one protocol, one result */
    for (size_t s = 0; s < x->seeds_asked; ++s) {
        int found = 0;
        for (size_t i = 0; i < x->runs.n && !found; ++i)
            found = x->runs.at[i]->seed == ex_published_seeds[s];
        x->has_published &= found;
    }
    return x;
}

EX_FN void ex_close(ex *x)
{
    if (!x) return;
    ex_rows_free(&x->runs), ex_rows_free(&x->lines), ex_rows_free(&x->summary);
    ex_arena_free(&x->config->arena);
    free(x->config->values);
    free(x->ledger);
    ex_arena_free(&x->arena);
    free(x);
}

/* Is this run in our shard? */
EX_FN int ex_mine(const ex *x, size_t i)
{
    return i % (size_t)x->set.shards == (size_t)x->set.shard;
}

typedef struct ex_progress {
    const char *label;
    int         on, colour;
    size_t      done, total;
    double      start, last;
} ex_progress;

EX_FN ex_progress ex_progress_start(const char *label, size_t total, int quiet)
{
    ex_progress p;
    memset(&p, 0, sizeof p);
    p.label = label, p.total = total, p.start = ex_clock();
#if EX_UNIX
    {
        const char *term = getenv("TERM"), *plain = getenv("NO_COLOR");
        p.on = !quiet && isatty(2) && !(term && !strcmp(term, "dumb"));
        p.colour = p.on && !(plain && plain[0]);
    }
#else
    (void)quiet;
#endif
    return p;
}

/* One more run is done. At most 10 updates a second. */
EX_FN void ex_progress_step(ex_progress *p)
{
    char bar[31];
    double now, left;
    int filled;
    ++p->done;
    if (!p->on) return;
    now = ex_clock();
    if (now - p->last < 0.1 && p->done < p->total) return;
    p->last = now;
    filled = (int)(30 * p->done / p->total);
    memset(bar, '.', 30), memset(bar, '#', (size_t)filled), bar[30] = 0;
    left = (now - p->start) / (double)p->done * (double)(p->total - p->done);
    fprintf(stderr, "\r%s %s%s%s %zu/%zu  %.0f s left \033[K", p->label,
            p->colour ? "\033[32m" : "", bar, p->colour ? "\033[0m" : "", p->done, p->total, left);
    if (p->done == p->total) fprintf(stderr, "\r\033[K");
    fflush(stderr);
}

EX_FN int ex_threads(const ex *x)
{
#ifdef _OPENMP
    return x->set.threads ? (int)x->set.threads : omp_get_num_procs();
#else
    (void)x;
    return 1;
#endif
}

EX_FN int ex_status_of(clb_status status)
{
    switch (status) {
    case CLB_OK: return EX_OK;
    case CLB_ENOMEM: case CLB_ESIZE: return EX_MEMORY;
    case CLB_EIO:
    case CLB_EFORMAT:
    case CLB_ETRUNCATED:
    case CLB_EEMPTY:
    case CLB_ERAGGED:
    case CLB_ENOTFINITE: return EX_BAD_INPUT;
    default: return EX_NUMERICAL;
    }
}

/* Describe a run by its keys: "part=sweep seed=42 lr=0.001". */
EX_FN void ex_put_keys(ex_buf *b, const ex_row *row)
{
    char number[40];
    ex_putf(b, "part=%s seed=%.0f", row->part, row->seed);
    for (size_t k = 0; k < row->keys; ++k) {
        const ex_value *v = &row->values[k];
        if (v->kind == EX_KIND_ARRAY) ex_putf(b, " %s=[%zu numbers]", v->name, v->n);
        else
            ex_putf(b, " %s=%s", v->name,
                    v->kind == EX_KIND_TEXT ? v->text : ex_number(number, sizeof number, v->num));
    }
}

/* Make all runs of the shard that are not done yet. The schedule cannot be seen in the result: a
 * run writes its own row only. */
EX_FN int ex_execute(ex *x)
{
    long n = (long)x->runs.n, first = x->set.shard, step = x->set.shards;
    ex_progress progress =
        ex_progress_start(x->info->id, (size_t)((n - first + step - 1) / step), x->set.quiet);
    clb_status failed = CLB_OK;
    double start = ex_clock();
#ifdef _OPENMP
#pragma omp parallel for schedule(dynamic) num_threads(ex_threads(x))
#endif
    for (long i = first; i < n; i += step) {
        clb_status status, so_far;
#ifdef _OPENMP
#pragma omp atomic read
#endif
        so_far = failed;
        if (so_far || x->runs.at[i]->done) continue;
        status = x->info->run(x, x->runs.at[i]);
        x->runs.at[i]->done = 1;
#ifdef _OPENMP
#pragma omp critical(ex_report)
#endif
        {
            if (status && !failed) {
                ex_buf keys = { NULL, 0, 0 };
                ex_put_keys(&keys, x->runs.at[i]);
                fprintf(stderr, "%s: %s: %s\n", x->info->id, keys.s, clb_strerror(status));
                free(keys.s);
                failed = status;
            }
            ex_progress_step(&progress);
        }
    }
    x->seconds = ex_clock() - start;
    return ex_status_of(failed);
}

EX_FN int ex_complete(const ex *x)
{
    for (size_t i = 0; i < x->runs.n; ++i)
        if (!x->runs.at[i]->done) return 0;
    return 1;
}

/* ============================================================================================
 * The result file
 * ========================================================================================== */

EX_FN void ex_json_text(ex_buf *b, const char *text)
{
    char c[8];
    ex_put(b, "\"");
    for (; *text; ++text) {
        unsigned char u = (unsigned char)*text;
        if (u == '"' || u == '\\') snprintf(c, sizeof c, "\\%c", u);
        else if (u == '\n') snprintf(c, sizeof c, "\\n");
        else if (u < 32) snprintf(c, sizeof c, "\\u%04x", u);
        else snprintf(c, sizeof c, "%c", u);
        ex_put(b, c);
    }
    ex_put(b, "\"");
}

EX_FN void ex_json_number(ex_buf *b, double x)
{
    char text[40];
    ex_put(b, isfinite(x) ? ex_number(text, sizeof text, x) : "null");
}

EX_FN const char *ex_why_null(double x) { return isnan(x) ? "nan" : x > 0 ? "inf" : "-inf"; }

EX_FN void ex_json_array(ex_buf *b, const ex_value *v)
{
    size_t nulls = 0;
    ex_put(b, "[");
    for (size_t i = 0; i < v->n; ++i) {
        if (i) ex_put(b, ", ");
        ex_json_number(b, v->array[i]);
        if (!isfinite(v->array[i])) ++nulls;
    }
    ex_put(b, "]");
    if (!nulls) return;
    ex_putf(b, ", \"%s_null\": [", v->name);          /* reasons of the nulls, in their order */
    for (size_t i = 0; i < v->n; ++i)
        if (!isfinite(v->array[i]))
            ex_putf(b, "\"%s\"%s", ex_why_null(v->array[i]), --nulls ? ", " : "");
    ex_put(b, "]");
}

/* "name": value, ... of a row, without braces. */
EX_FN void ex_json_values(ex_buf *b, const ex_row *row)
{
    for (size_t i = 0; i < row->count; ++i) {
        const ex_value *v = &row->values[i];
        if (i) ex_put(b, ", ");
        ex_json_text(b, v->name);
        ex_put(b, ": ");
        if (v->kind == EX_KIND_TEXT) ex_json_text(b, v->text);
        else if (v->kind == EX_KIND_FLAG) ex_put(b, v->num != 0 ? "true" : "false");
        else if (v->kind == EX_KIND_ARRAY) ex_json_array(b, v);
        else ex_json_number(b, v->num);
        if (v->kind == EX_KIND_NUM && !isfinite(v->num))
            ex_putf(b, ", \"%s_null\": \"%s\"", v->name, ex_why_null(v->num));
    }
}

EX_FN void ex_json_runs(ex_buf *b, const ex *x)
{
    const char *comma = "";
    ex_put(b, "  \"runs\": [");
    for (size_t i = 0; i < x->runs.n; ++i) {
        const ex_row *row = x->runs.at[i];
        if (!row->done) continue;
        ex_putf(b, "%s\n    {\"run\": %zu, \"part\": ", comma, i);
        ex_json_text(b, row->part);
        ex_put(b, ", \"seed\": ");
        ex_json_number(b, row->seed);
        if (row->count) ex_put(b, ", ");
        ex_json_values(b, row);
        ex_put(b, "}");
        comma = ",";
    }
    ex_put(b, "\n  ],\n");
}

/* Is line i the first of its table? */
EX_FN int ex_first_of_part(const ex *x, size_t i)
{
    for (size_t k = 0; k < i; ++k)
        if (ex_is(x->lines.at[k], x->lines.at[i]->part)) return 0;
    return 1;
}

EX_FN void ex_json_tables(ex_buf *b, const ex *x)
{
    const char *comma = "";
    ex_put(b, "  \"tables\": {");
    for (size_t i = 0; i < x->lines.n; ++i) {
        const char *part = x->lines.at[i]->part;
        if (!ex_first_of_part(x, i)) continue;
        ex_putf(b, "%s\n    ", comma);
        ex_json_text(b, part);
        ex_put(b, ": [");
        for (size_t k = i; k < x->lines.n; ++k) {
            if (!ex_is(x->lines.at[k], part)) continue;
            ex_put(b, k == i ? "\n      {" : ",\n      {");
            ex_json_values(b, x->lines.at[k]);
            ex_put(b, "}");
        }
        ex_put(b, "\n    ]");
        comma = ",";
    }
    ex_put(b, "\n  },\n");
}

EX_FN void ex_json_summary(ex_buf *b, const ex *x)
{
    ex_put(b, "  \"summary\": {");
    for (size_t i = 0; i < x->summary.n; ++i) {
        ex_put(b, i ? ",\n    " : "\n    ");
        ex_json_text(b, x->summary.at[i]->part);
        ex_put(b, ": {");
        ex_json_values(b, x->summary.at[i]);
        ex_put(b, "}");
    }
    ex_put(b, "\n  },\n");
}

EX_FN void ex_json_verdicts(ex_buf *b, const ex *x)
{
    ex_put(b, "  \"verdicts\": [");
    for (size_t i = 0; i < x->verdict_n; ++i) {
        const ex_verdict_entry *v = &x->verdicts[i];
        const char *names[5] = { "claim", "published", "measured", "verdict", "why" }, *texts[5];
        texts[0] = v->claim, texts[1] = v->published, texts[2] = v->measured;
        texts[3] = ex_judgement_name(v->verdict), texts[4] = v->why;
        ex_put(b, i ? ",\n    {" : "\n    {");
        for (int k = 0; k < 5; ++k) {
            ex_putf(b, "%s\"%s\": ", k ? ", " : "", names[k]);
            ex_json_text(b, texts[k]);
        }
        ex_put(b, "}");
    }
    ex_put(b, "\n  ],\n  \"checks\": [");
    for (size_t i = 0; i < x->check_n; ++i) {
        ex_put(b, i ? ",\n    {\"holds\": " : "\n    {\"holds\": ");
        ex_putf(b, "%s, \"check\": ", x->checks[i].flag ? "true" : "false");
        ex_json_text(b, x->checks[i].name);
        ex_put(b, "}");
    }
    ex_put(b, "\n  ],\n  \"figures\": [");
    for (size_t i = 0; i < x->figure_n; ++i) {
        ex_put(b, i ? ", " : "");
        ex_json_text(b, x->figures[i].name);
    }
    ex_put(b, "],\n");
}

/* Everything that decides the numbers; merge compares this text. */
EX_FN void ex_json_config(ex_buf *b, const ex *x)
{
    ex_putf(b, "  \"config\": {\"precision\": \"%s\", \"seeds\": ", x->precision);
    ex_json_text(b, x->set.seeds ? x->set.seeds : "default");
    ex_put(b, ", \"lrs\": ");
    ex_json_text(b, x->set.lrs ? x->set.lrs : "default");
    ex_putf(b, ", \"published\": %s, \"quick\": %s", x->set.published ? "true" : "false",
            x->set.quick ? "true" : "false");
    for (size_t i = 0; x->info->options && x->info->options[i].name; ++i) {
        ex_put(b, ", ");
        ex_json_text(b, x->info->options[i].name);
        ex_put(b, ": ");
        if (x->set.args[i]) ex_json_text(b, x->set.args[i]); else ex_put(b, "null");
    }
    if (x->config->count) ex_put(b, ",\n    ");
    ex_json_values(b, x->config);
    ex_put(b, "},\n");
}

EX_FN void ex_json(ex_buf *b, const ex *x)
{
    ex_put(b, "{\n  \"schema\": \"clb-result/1\",\n  \"experiment\": ");
    ex_json_text(b, x->info->id);
    ex_put(b, ",\n  \"title\": ");
    ex_json_text(b, x->info->title);
    ex_putf(b, ",\n  \"version\": \"" CLB_VERSION "\",\n  \"results_version\": %d,\n",
            CLB_RESULTS_VERSION);
    if (x->set.shards > 1) ex_putf(b, "  \"shard\": \"%ld/%ld\",\n", x->set.shard, x->set.shards);
    ex_json_config(b, x);
    ex_json_runs(b, x);
    if (x->set.shards == 1) ex_json_tables(b, x), ex_json_summary(b, x), ex_json_verdicts(b, x);
    ex_putf(b, "  \"environment\": {\"isa\": \"%s\", \"threads\": %d, \"build\": ",
            clb_isa_name(clb_isa_get()), ex_threads(x));
    ex_json_text(b, clb_build_info());
    ex_putf(b, ", \"shards\": %d, \"seconds\": %.3f}\n}\n", x->merged ? x->merged : 1, x->seconds);
}

/* Result file and figures into their folder. */
EX_FN int ex_save(ex *x)
{
    ex_buf b = { NULL, 0, 0 };
    const char *out = x->set.out ? x->set.out : "results";
    const char *path = x->set.json;
    int status;
    int figures = x->set.shards == 1 && (x->set.out || !x->set.json);
    if (figures || !path) ex_make_folder(out);
    if (!path && x->set.shards == 1) path = ex_print(x, "%s/%s.json", out, x->info->id);
    if (!path)
        path = ex_print(x, "%s/%s.shard-%ld-of-%ld.json", out, x->info->id, x->set.shard,
                        x->set.shards);
    ex_json(&b, x);
    status = ex_write_file(path, b.s, b.n);
    free(b.s);
    for (size_t i = 0; figures && i < x->figure_n && !status; ++i)
        status = ex_write_file(ex_print(x, "%s/%s", out, x->figures[i].name), x->figures[i].body,
                               strlen(x->figures[i].body));
    return status;
}

/* ============================================================================================
 * What a program prints
 * ========================================================================================== */

/* Names of the columns that lines of a part have (arrays left out), in order of first
 * appearance. */
EX_FN size_t ex_columns(const ex *x, const char *part, const char **names, size_t max)
{
    size_t n = 0;
    for (size_t i = 0; i < x->lines.n; ++i) {
        const ex_row *row = x->lines.at[i];
        if (strcmp(row->part, part)) continue;
        for (size_t k = 0; k < row->count; ++k) {
            size_t c = 0;
            if (row->values[k].kind == EX_KIND_ARRAY) continue;
            while (c < n && strcmp(names[c], row->values[k].name)) ++c;
            if (c == n && n < max) names[n++] = row->values[k].name;
        }
    }
    return n;
}

/* A cell for people: six digits, yes/no, "-" where there is nothing. */
EX_FN const char *ex_cell(char *out, size_t size, const ex_row *row, const char *name)
{
    const ex_value *v = ex_value_of(row, name);
    if (!v) snprintf(out, size, "-");
    else if (v->kind == EX_KIND_TEXT) snprintf(out, size, "%s", v->text);
    else if (v->kind == EX_KIND_FLAG) snprintf(out, size, "%s", v->num != 0 ? "yes" : "no");
    else if (isnan(v->num)) snprintf(out, size, "nan");
    else snprintf(out, size, "%.6g", v->num);
    return out;
}

EX_FN const char *ex_caption_of(const ex *x, const char *part)
{
    for (size_t i = 0; i < x->caption_n; ++i)
        if (!strcmp(x->captions[i].name, part)) return x->captions[i].caption;
    return part;
}

/* Width on the screen of a UTF-8 text. */
EX_FN size_t ex_width(const char *text)
{
    size_t n = 0;
    for (; *text; ++text) n += ((unsigned char)*text & 0xc0) != 0x80;
    return n;
}

EX_FN void ex_print_table(const ex *x, const char *part)
{
    const char *names[32];
    char cell[160];
    size_t n = ex_columns(x, part, names, 32), width[32];
    for (size_t c = 0; c < n; ++c) {
        width[c] = ex_width(names[c]);
        for (size_t i = 0; i < x->lines.n; ++i) {
            size_t w = ex_width(ex_cell(cell, sizeof cell, x->lines.at[i], names[c]));
            if (ex_is(x->lines.at[i], part) && w > width[c]) width[c] = w;
        }
    }
    printf("\n%s\n", ex_caption_of(x, part));
    for (size_t c = 0; c < n; ++c)
        printf("%*s%s", (int)(width[c] - ex_width(names[c]) + 2), "", names[c]);
    printf("\n");
    for (size_t i = 0; i < x->lines.n; ++i) {
        if (!ex_is(x->lines.at[i], part)) continue;
        for (size_t c = 0; c < n; ++c) {
            ex_cell(cell, sizeof cell, x->lines.at[i], names[c]);
            printf("%*s%s", (int)(width[c] - ex_width(cell) + 2), "", cell);
        }
        printf("\n");
    }
}

EX_FN void ex_print_summary(const ex *x)
{
    if (x->summary.n)
        printf("\n%-28s %12s %10s %25s %12s\n", "summary", "value", "stderr", "95 % interval",
               "published");
    for (size_t i = 0; i < x->summary.n; ++i) {
        const ex_row *s = x->summary.at[i];
        ex_list ci = ex_get_array(s, "ci95");
        char value[32], se[32], range[64], pub[32];
        snprintf(range, sizeof range, "-");
        if (ci.n == 2) snprintf(range, sizeof range, "%.5g .. %.5g", ci.at[0], ci.at[1]);
        printf("%-28s %12s %10s %25s %12s\n", s->part, ex_cell(value, sizeof value, s, "value"),
               ex_cell(se, sizeof se, s, "stderr"), range,
               ex_cell(pub, sizeof pub, s, "published"));
    }
}

EX_FN void ex_print_result(const ex *x)
{
    printf("%s  %s (%s)\n%s\n", x->info->id, x->info->title, x->info->theorem, clb_build_info());
    if (x->set.quick) printf("quick: smaller sweep, not comparable with the paper\n");
    for (size_t i = 0; i < x->lines.n; ++i)
        if (ex_first_of_part(x, i)) ex_print_table(x, x->lines.at[i]->part);
    ex_print_summary(x);
    for (size_t i = 0; i < x->verdict_n; ++i) {
        const ex_verdict_entry *v = &x->verdicts[i];
        printf("\n[%s] %s\n    paper:    %s\n    measured: %s\n    %s\n",
               ex_judgement_name(v->verdict), v->claim, v->published, v->measured, v->why);
    }
    printf("\n");
    for (size_t i = 0; i < x->check_n; ++i)
        printf("%s  %s\n", x->checks[i].flag ? "holds" : "FAILS", x->checks[i].name);
    printf("%zu runs in %.1f s\n", x->runs.n, x->seconds);
}

EX_FN void ex_print_list(const ex *x)
{
    for (size_t i = 0; i < x->runs.n; ++i) {
        ex_buf b = { NULL, 0, 0 };
        ex_put_keys(&b, x->runs.at[i]);
        if (ex_mine(x, i)) printf("%zu %s\n", i, b.s);
        free(b.s);
    }
}

/* 1 if a check of the experiment failed. */
EX_FN int ex_checked(const ex *x)
{
    for (size_t i = 0; i < x->check_n; ++i)
        if (!x->checks[i].flag) return EX_CHECK_FAILED;
    return EX_OK;
}

EX_FN void ex_print_help(const ex_info *info, const ex_opt *opts, const char *program)
{
    printf("%s: %s (%s).\n\nUsage: %s [options]\n\n", info->id, info->title, info->theorem,
           program);
    ex_print_options(opts);
    printf("\nThe paper's key result: %s\n\n  %s --published --seeds 42 --out results\n  %s "
           "--quick --json -\n",
           info->paper, program, program);
}

/* The status of a program whose text on stdout must have arrived: a full disk is no success. */
EX_FN int ex_out(int status)
{
    int lost = fflush(stdout) != 0;
    if (!lost && !ferror(stdout)) return status;
    if (status != EX_OUTPUT) fprintf(stderr, "cannot write to stdout\n");
    return status ? status : EX_OUTPUT;
}

EX_FN int ex_main(const ex_info *info, int argc, char **argv)
{
    ex_settings set = ex_settings_default();
    ex_opt opts[EX_SHARED_OPTIONS + 9];
    const char *words[1];
    int help = 0, version = 0, status;
    size_t n = ex_shared_options(opts, &set, &help, &version);
    ex *x;
    for (size_t i = 0; info->options && info->options[i].name && i < EX_LEN(set.args); ++i) {
        const ex_option *o = &info->options[i];
        ex_opt own = { o->name, 0, o->arg, o->help, ex_set_text, (void *)&set.args[i] };
        opts[n++] = own;
    }
    memset(&opts[n], 0, sizeof opts[n]);
    status = ex_parse(argv[0], opts, argc, argv, words, 0);
    if (status >= 0) return status;
    if (help) { ex_print_help(info, opts, argv[0]); return EX_OK; }
    if (version) { printf("%s %s\n", info->id, clb_build_info()); return EX_OK; }
    signal(SIGINT, ex_on_signal), signal(SIGTERM, ex_on_signal);
    x = ex_open(info, &set);
    if (set.list) { ex_print_list(x); ex_close(x); return EX_OK; }
    status = ex_execute(x);
    if (!status && ex_complete(x)) info->finish(x);
    if (!status) status = ex_save(x);
    if (!status && !set.quiet && !(set.json && !strcmp(set.json, "-")) && ex_complete(x))
        ex_print_result(x);
    if (!status) status = ex_checked(x);
    ex_close(x);
    return status;
}

#endif /* CLB_EX_H */
