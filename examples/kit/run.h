/* run.h - making the runs: threads, shards, progress, interruption. */
#ifndef KIT_RUN_H
#define KIT_RUN_H

#include "journal.h"
#include "options.h"

/* Is this run in our shard? */
KIT_FN int kit_mine(const kit *x, size_t i)
{
    return i % (size_t)x->set.shards == (size_t)x->set.shard;
}

typedef struct kit_progress {
    const char *label;
    int         on, colour;
    size_t      done, total;
    double      start, last;
} kit_progress;

KIT_FN kit_progress kit_progress_start(const char *label, size_t total, int quiet)
{
    kit_progress p;
    memset(&p, 0, sizeof p);
    p.label = label, p.total = total, p.start = kit_clock();
#if KIT_UNIX
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
KIT_FN void kit_progress_step(kit_progress *p)
{
    char bar[31];
    double now, left;
    int filled;
    ++p->done;
    if (!p->on) return;
    now = kit_clock();
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

/* From inside a long run: how far it is. On a terminal once a second, else a line a minute. */
KIT_FN void kit_progress_within(const kit *x, const char *what, size_t done, size_t total)
{
    static double last;
#if KIT_UNIX
    int terminal = isatty(2);
#else
    int terminal = 0;
#endif
    if (x->set.quiet) return;
#ifdef _OPENMP
#pragma omp critical(kit_progress)
#endif
    {
        double now = kit_clock();
        if (last == 0) last = now;
        if (now - last >= (terminal ? 1 : 60)) {
            fprintf(stderr, terminal ? "\r%s: %s, step %zu of %zu\033[K"
                                     : "%s: %s, step %zu of %zu\n",
                    x->info->id, what, done, total);
            fflush(stderr), last = now;
        }
    }
}

KIT_FN int kit_threads(const kit *x)
{
#ifdef _OPENMP
    return x->set.threads ? (int)x->set.threads : omp_get_num_procs();
#else
    (void)x;
    return 1;
#endif
}

/* Threads that were asked for and cannot be had. */
KIT_FN void kit_warn_threads(const char *program, const kit_settings *set)
{
#ifndef _OPENMP
    if (set->threads > 1 && !set->quiet)
        fprintf(stderr, "%s: built without OpenMP (-fopenmp): one thread, not %ld\n", program,
                set->threads);
#else
    (void)program, (void)set;
#endif
}

/* The exit status that belongs to a status of the library: data that do not fit are bad input. */
KIT_FN int kit_status_of(clb_status status)
{
    switch (status) {
    case CLB_OK: return KIT_OK;
    case CLB_ENOMEM: case CLB_ESIZE: return KIT_MEMORY;
    case CLB_EIO: case CLB_EFORMAT: case CLB_ETYPE: case CLB_ETRUNCATED: case CLB_EEMPTY:
    case CLB_ERAGGED: case CLB_ENOTFINITE: case CLB_ELABEL: case CLB_EUNLABELLED: case CLB_EROW:
    case CLB_ECOLUMN: case CLB_EFIELD: case CLB_ESOFT: case CLB_ESHAPE: return KIT_BAD_INPUT;
    default: return KIT_NUMERICAL;
    }
}

/* ============================================================================================
 * Plan
 * ========================================================================================== */

KIT_FN int kit_parts_known(const kit *x)
{
    for (const char *p = x->set.part; p && *p;) {
        size_t n = strcspn(p, ","), i = 0;
        while (i < x->part_n && (strlen(x->parts[i]->name) != n || memcmp(p, x->parts[i]->name, n)))
            ++i;
        if (i == x->part_n) {
            fprintf(stderr, "%s: no part '%.*s'; its parts are", x->info->id, (int)n, p);
            for (i = 0; i < x->part_n; ++i) fprintf(stderr, " %s", x->parts[i]->name);
            fprintf(stderr, "\n");
            return 0;
        }
        p += n + (p[n] == ',');
    }
    return 1;
}

/* Are all published seeds that plan() asked for among the runs? Also true where no run has one. */
KIT_FN int kit_published_planned(const kit *x)
{
    for (size_t s = 0; s < x->seeds_asked; ++s) {
        int found = 0;
        for (size_t i = 0; i < x->run_n && !found; ++i) {
            const kit_field *f = kit_field_named(x->runs[i].part, "seed");
            found = f && *kit_number_at(x->runs[i].values, f) == kit_published_seeds[s];
        }
        if (!found) return 0;
    }
    return 1;
}

KIT_FN kit *kit_open(const kit_info *info, const kit_settings *set)
{
    kit *x = (kit *)kit_realloc(NULL, 1, sizeof *x);
    memset(x, 0, sizeof *x);
    x->info = info, x->set = *set;
    if (set->out) {                          /* without a slash at its end */
        size_t n = strlen(set->out);
        while (n > 1 && set->out[n - 1] == '/') --n;
        x->set.out = kit_print(x, "%.*s", (int)n, set->out);
    }
    x->config_end = &x->config, x->tables_end = &x->tables, x->summary_end = &x->summary;
    x->claims_end = &x->claims, x->figures_end = &x->figures;
    info->plan(x);
    kit_index_runs(x);
    x->has_published = kit_published_planned(x);
    return x;
}

KIT_FN void kit_close(kit *x)
{
    kit_journal_close(x, x->journal_lines > 1);
    free(x->runs);
    kit_arena_free(&x->arena);
    free(x);
}

/* ============================================================================================
 * Run
 * ========================================================================================== */

static volatile sig_atomic_t kit_stopped;        /* the signal that asks to stop, or 0 */

/* The first signal lets running runs finish; the second ends the program at once. */
KIT_FN void kit_on_signal(int number)
{
    if (kit_stopped || kit_temporary[0]) {
        if (kit_temporary[0]) remove(kit_temporary);
        _Exit(128 + number);
    }
    kit_stopped = number;
}

/* A run that has ended: into the journal, or its error on stderr. KIT_OK or an exit status. */
KIT_FN int kit_run_ended(kit *x, kit_run *run, clb_status status, const kit_progress *progress)
{
    kit_buf b = { NULL, 0, 0 };
    run->done = status == CLB_OK;
    if (run->done) return kit_journal_add(x, run);
    kit_put_keys(&b, run);
    fprintf(stderr, "%s%s: %s: %s\n", progress->on ? "\r\033[K" : "", x->info->id, b.s,
            clb_strerror(status));
    free(b.s);
    return kit_status_of(status);
}

/* Make all runs of the shard that are not done yet. The schedule cannot be seen in the result: a
 * run writes its own struct only. */
KIT_FN int kit_execute(kit *x)
{
    long n = (long)x->run_n, first = x->set.shard, step = x->set.shards;
    int failed = KIT_OK;
    double start = kit_clock();
    size_t todo = 0;
    kit_progress progress;
    for (long i = first; i < n; i += step) todo += !x->runs[i].done;
    progress = kit_progress_start(x->info->id, todo, x->set.quiet);
#ifdef _OPENMP
#pragma omp parallel for schedule(dynamic) num_threads(kit_threads(x))
#endif
    for (long i = first; i < n; i += step) {
        kit_run *run = &x->runs[i];
        clb_status status;
        int so_far;
#ifdef _OPENMP
#pragma omp atomic read
#endif
        so_far = failed;
        if (run->done || so_far || kit_stopped) continue;
        status = run->part->run(x, run->values);
#ifdef _OPENMP
#pragma omp critical(kit_progress)
#endif
        {
            if (!failed) {
                so_far = kit_run_ended(x, run, status, &progress);
#ifdef _OPENMP
#pragma omp atomic write
#endif
                failed = so_far;
            }
            kit_progress_step(&progress);
        }
    }
    x->seconds = kit_clock() - start;
    return failed;
}

KIT_FN int kit_complete(const kit *x)
{
    for (size_t i = 0; i < x->run_n; ++i)
        if (!x->runs[i].done) return 0;
    return 1;
}

/* --list */
KIT_FN void kit_print_list(const kit *x)
{
    for (size_t i = 0; i < x->run_n; ++i) {
        kit_buf b = { NULL, 0, 0 };
        kit_put_keys(&b, &x->runs[i]);
        if (kit_mine(x, i)) printf("%zu %s\n", i, b.s);
        free(b.s);
    }
}

/* --estimate: the middle run of each part is timed and stands for the others of the shard. The
 * memory is what the process held while it made them one at a time. */
KIT_FN int kit_print_estimate(kit *x)
{
    double total = 0, memory;
    for (size_t p = 0; p < x->part_n; ++p) {
        size_t count = 0, seen = 0;
        for (size_t i = 0; i < x->run_n; ++i)
            count += kit_mine(x, i) && x->runs[i].part == x->parts[p];
        for (size_t i = 0; i < x->run_n; ++i) {
            double start, one;
            clb_status status;
            if (!kit_mine(x, i) || x->runs[i].part != x->parts[p] || seen++ != count / 2) continue;
            start = kit_clock(), status = x->parts[p]->run(x, x->runs[i].values);
            one = kit_clock() - start;
            if (status) return kit_status_of(status);
            total += one * (double)count;
            printf("%-16s %6zu runs of about %.3g s\n", x->parts[p]->name, count, one);
        }
    }
    printf("about %.3g s on one processor, %.3g s on %d", total, total / kit_threads(x),
           kit_threads(x));
    if (x->set.shards > 1) printf(" (shard %ld of %ld)", x->set.shard, x->set.shards);
    memory = kit_peak_memory();
    if (memory > 0) printf("; %.3g MB with one run at a time", memory);
    printf("\n");
    return KIT_OK;
}

#endif /* KIT_RUN_H */
