/* ledger.h - every number of the published result files against ours. Walks each file, lets the
 * experiments' ledger entries (ex_ref) claim its numbers, and says for every number what it is;
 * numbers that nobody claims are counted too.
 */
#ifndef CLB_LEDGER_H
#define CLB_LEDGER_H

#if EX_UNIX
#include <dirent.h>
#endif

/* What can be said of a number, from best to worst. */
typedef enum ledger_state {
    LEDGER_OPEN,           /* nobody claims it */
    LEDGER_FOREIGN,        /* not a function of the configuration */
    LEDGER_UNAVAILABLE,    /* needs data that are not here */
    LEDGER_EXACT,          /* the same double, or both NaN */
    LEDGER_DIGITS,         /* equal to 5 digits or more */
    LEDGER_BAND,           /* within the measured float32 band */
    LEDGER_TOLERANCE,      /* within the float32 noise or fit tolerance that the experiment states */
    LEDGER_CHAOTIC,        /* chaotic; the distributions agree */
    LEDGER_CAUSE,          /* differs, the cause is known */
    LEDGER_DIFFERS,        /* differs, unexplained */
    LEDGER_STATES
} ledger_state;
static const char *const ledger_names[LEDGER_STATES] = {
    "not covered",          "not of the configuration",
    "data not here",        "exact",
    ">= 5 digits",          "float32 band",
    "stated tolerance",     "chaotic, distribution",
    "differs, cause known", "DIFFERS"
};

typedef struct ledger_number {
    double published, ours;
    ledger_state state;
    size_t file, owner;
    const char *path;
} ledger_number;

typedef struct ledger_pair { char *group; size_t number; double published, ours; } ledger_pair;

typedef struct ledger_file { char *name; json_doc doc; size_t first, count; } ledger_file;

typedef struct ledger {
    ex_arena       arena;
    ledger_file   *files;
    size_t         file_n, file_cap;
    ledger_number *numbers;
    size_t         number_n, number_cap;
    ledger_pair   *pairs;                /* chaotic numbers, judged together */
    size_t         pair_n, pair_cap;
    ex           **xs, **singles;        /* experiments; the same in float, or NULL */
    size_t         x_n, unmatched;
    int            verbose;
} ledger;

/* --- reading the published files -------------------------------------------------------------- */

EX_FN void ledger_add_numbers(ledger *l, json *node, const char *path)
{
    if (node->kind == JSON_NUMBER) {
        ledger_number *n;
        if (l->number_n == l->number_cap) {
            l->number_cap = 2 * l->number_cap + 4096;
            l->numbers = (ledger_number *)ex_realloc(l->numbers, l->number_cap, sizeof *l->numbers);
        }
        node->tag = l->number_n;
        n = &l->numbers[l->number_n++];
        memset(n, 0, sizeof *n);
        n->published = node->number, n->ours = EX_NAN, n->file = l->file_n, n->owner = l->x_n,
        n->path = path;
    }
    for (json *c = node->first; c; c = c->next) {
        char step[32];
        const char *deeper = path;
        snprintf(step, sizeof step, "%zu", c->index);
        if (c->kind == JSON_LIST || c->kind == JSON_OBJECT || node->kind == JSON_OBJECT) {
            ex_buf b = { NULL, 0, 0 };
            ex_putf(&b, "%s%s%s", path, *path ? "/" : "", c->key ? c->key : step);
            deeper = ex_copy(&l->arena, b.s);
            free(b.s);
        }
        ledger_add_numbers(l, c, deeper);
    }
}

EX_FN int ledger_read_file(ledger *l, const char *folder, const char *name)
{
    char path[1200];
    ledger_file *f;
    if (l->file_n == l->file_cap) {
        l->file_cap = 2 * l->file_cap + 16;
        l->files = (ledger_file *)ex_realloc(l->files, l->file_cap, sizeof *l->files);
    }
    f = &l->files[l->file_n];
    memset(f, 0, sizeof *f);
    snprintf(path, sizeof path, "%s/%s", folder, name);
    f->name = ex_copy(&l->arena, name);
    if (!json_read(&f->doc, path)) {
        fprintf(stderr, "%s\n", f->doc.error);
        return EX_BAD_INPUT;
    }
    f->first = l->number_n;
    ledger_add_numbers(l, f->doc.root, "");
    f->count = l->number_n - f->first;
    ++l->file_n;
    return EX_OK;
}

EX_FN int ledger_by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* All *.json of the folder and its subfolders, in the order of their names. */
EX_FN int ledger_read(ledger *l, const char *folder)
{
    char *names[512];
    size_t n = 0;
    int status = EX_OK;
#if EX_UNIX
    DIR *top = opendir(folder);
    struct dirent *e, *inner;
    if (!top) {
        fprintf(stderr, "%s: %s\n", folder, strerror(errno));
        return EX_BAD_INPUT;
    }
    while ((e = readdir(top)) != NULL) {
        char path[1200];
        size_t k = strlen(e->d_name);
        DIR *sub;
        if (e->d_name[0] == '.') continue;
        if (k > 5 && !strcmp(e->d_name + k - 5, ".json") && n < EX_LEN(names))
            names[n++] = ex_copy(&l->arena, e->d_name);
        snprintf(path, sizeof path, "%s/%s", folder, e->d_name);
        sub = opendir(path);
        while (sub && (inner = readdir(sub)) != NULL) {
            k = strlen(inner->d_name);
            snprintf(path, sizeof path, "%s/%s", e->d_name, inner->d_name);
            if (k > 5 && !strcmp(inner->d_name + k - 5, ".json") && n < EX_LEN(names))
                names[n++] = ex_copy(&l->arena, path);
        }
        if (sub) closedir(sub);
    }
    closedir(top);
#else
    (void)folder;
#endif
    qsort(names, n, sizeof *names, ledger_by_name);
    for (size_t i = 0; i < n && !status; ++i) status = ledger_read_file(l, folder, names[i]);
    if (n == 0) { fprintf(stderr, "%s: no .json files\n", folder); status = EX_BAD_INPUT; }
    return status;
}

/* --- matching --------------------------------------------------------------------------------- */

typedef struct ledger_match { size_t *at, n, cap; } ledger_match;

EX_FN void ledger_match_add(ledger_match *m, size_t number)
{
    if (m->n == m->cap) {
        m->cap = 2 * m->cap + 64;
        m->at = (size_t *)ex_realloc(m->at, m->cap, sizeof *m->at);
    }
    m->at[m->n++] = number;
}

/* Numbers under the node that the path names, in the order of the file. */
EX_FN void ledger_walk(const json *node, const char *path, ledger_match *m)
{
    char step[256];
    size_t n = strcspn(path, "/");
    const char *rest = path[n] ? path + n + 1 : path + n;
    if (!*path) {
        if (node->kind == JSON_NUMBER) ledger_match_add(m, node->tag);
        return;
    }
    if (n >= sizeof step) return;
    memcpy(step, path, n), step[n] = 0;
    if (!strcmp(step, "**")) {
        ledger_walk(node, rest, m);
        for (const json *c = node->first; c; c = c->next) ledger_walk(c, path, m);
    } else if (!strcmp(step, "*")) {
        for (const json *c = node->first; c; c = c->next) ledger_walk(c, rest, m);
    } else {
        const json *c = json_get(node, step);
        if (c) ledger_walk(c, rest, m);
    }
}

/* Our i-th value of an entry, NaN if there is none. */
EX_FN double ledger_value(const ex_ledger_entry *e, size_t i, size_t *n)
{
    const ex_value *v = e->row ? ex_value_of(e->row, e->name) : NULL;
    *n = (size_t)-1;                                    /* scalars serve any number of matches */
    if (e->list.n) { *n = e->list.n; return i < e->list.n ? e->list.at[i] : EX_NAN; }
    if (!e->row) return e->constant;
    if (!v || v->kind == EX_KIND_TEXT) { *n = 0; return EX_NAN; }
    if (v->kind == EX_KIND_ARRAY) { *n = v->n; return i < v->n ? v->array[i] : EX_NAN; }
    return v->num;
}

/* The path with its last number replaced, so that the seeds of one place share a text. */
EX_FN char *ledger_group(ledger *l, const ex_ledger_entry *e)
{
    int named = e->kind == EX_CHAOTIC && e->cause[0];
    char *text = ex_copy(&l->arena, named ? e->cause : e->path), *last = NULL;
    if (named) return text;
    for (char *p = strchr(text, '#'); p; p = strchr(p + 1, '/'))
        if (p[1] >= '0' && p[1] <= '9' && strspn(p + 1, "0123456789") == strcspn(p + 1, "/"))
            last = p + 1;
    if (last) memset(last, '*', strcspn(last, "/"));
    return text;
}

/* The measured float32 band of number i of an entry: five times the largest difference between the
 * float and the double run, over the neighbouring elements of an array, over the seeds of one place
 * for single numbers (group_band). */
EX_FN double ledger_band(const ex_ledger_entry *e, const ex_ledger_entry *single, double group_band,
                         size_t i)
{
    double band = group_band;
    size_t n, first = i > 5 ? i - 5 : 0;
    if (!single) return -1.0;
    for (size_t k = first; k <= i + 5; ++k) {
        double a = ledger_value(e, k, &n), b;
        if (k >= n || n == (size_t)-1) break;
        b = ledger_value(single, k, &n);
        if (fabs(a - b) > band) band = fabs(a - b);
    }
    return 5.0 * band;
}

EX_FN ledger_state ledger_judge(const ex_ledger_entry *e, double published, double ours,
                                double band)
{
    double off = fabs(ours - published), scale = fabs(published);
    if (e->kind == EX_FOREIGN) return LEDGER_FOREIGN;
    if (e->kind == EX_UNAVAILABLE) return LEDGER_UNAVAILABLE;
    if (ours == published || (isnan(ours) && isnan(published))) return LEDGER_EXACT;
    if (off <= 1e-5 * scale) return LEDGER_DIGITS;
    if (off <= band) return LEDGER_BAND;
    if (e->kind == EX_STABLE && off <= e->tol * scale) return LEDGER_TOLERANCE;
    if ((e->kind == EX_NOISE || e->kind == EX_FIT || e->kind == EX_EXACT) && off <= e->tol)
        return LEDGER_TOLERANCE;
    if (e->kind == EX_CHAOTIC) return LEDGER_CHAOTIC;
    if (e->kind == EX_ARTEFACT && e->cause[0]) return LEDGER_CAUSE;
    return LEDGER_DIFFERS;
}

EX_FN void ledger_pair_add(ledger *l, char *group, size_t number, double ours)
{
    ledger_pair *p;
    if (l->pair_n == l->pair_cap) {
        l->pair_cap = 2 * l->pair_cap + 256;
        l->pairs = (ledger_pair *)ex_realloc(l->pairs, l->pair_cap, sizeof *l->pairs);
    }
    p = &l->pairs[l->pair_n++];
    p->group = group, p->number = number, p->published = l->numbers[number].published,
    p->ours = ours;
}

EX_FN void ledger_print_number(const ledger *l, size_t i, const char *what)
{
    const ledger_number *n = &l->numbers[i];
    fprintf(stderr, "  %s: %s#%s  published %.9g  ours %.9g\n", what, l->files[n->file].name,
            n->path, n->published, n->ours);
}

/* A number already judged keeps the worse of two judgements of values; a value beats a mere
 * explanation. */
EX_FN void ledger_claim(ledger *l, size_t i, size_t owner, double ours, ledger_state state)
{
    ledger_number *n = &l->numbers[i];
    if (n->state != LEDGER_OPEN && state <= n->state) return;
    if (n->state == LEDGER_OPEN || n->state < LEDGER_EXACT) n->owner = owner;
    n->state = state, n->ours = ours;
}

EX_FN void ledger_entry(ledger *l, size_t owner, const ex_ledger_entry *e,
                        const ex_ledger_entry *single, double band)
{
    const char *hash = strchr(e->path, '#');
    ledger_match m = { NULL, 0, 0 };
    char *group = NULL;
    size_t n, f = 0;
    if (hash)
        while (f < l->file_n
               && (strncmp(l->files[f].name, e->path, (size_t)(hash - e->path))
                   || strlen(l->files[f].name) != (size_t)(hash - e->path)))
            ++f;
    if (hash && f < l->file_n) ledger_walk(l->files[f].doc.root, hash + 1, &m);
    ledger_value(e, 0, &n);
    if (m.n == 0 || (n != (size_t)-1 && n != m.n)) {
        ++l->unmatched;
        fprintf(stderr, "  %s: %s has %zu numbers, we have %zu (%s)\n", l->xs[owner]->info->id,
                e->path, m.n, n == (size_t)-1 ? 1 : n, e->name);
    }
    for (size_t k = 0; k < m.n && k < n; ++k) {
        double ours = ledger_value(e, k, &n);
        ledger_state state =
            ledger_judge(e, l->numbers[m.at[k]].published, ours, ledger_band(e, single, band, k));
        if (e->kind == EX_CHAOTIC) {                  /* equal ones count in the distribution too */
            if (!group) group = ledger_group(l, e);
            ledger_pair_add(l, group, m.at[k], ours);
        }
        ledger_claim(l, m.at[k], owner, ours, state);
    }
    free(m.at);
}

/* --- chaotic numbers -------------------------------------------------------------------------- */

EX_FN int ledger_by_group(const void *a, const void *b)
{
    const ledger_pair *p = (const ledger_pair *)a, *q = (const ledger_pair *)b;
    int order = strcmp(p->group, q->group);
    return order ? order : p->number < q->number ? -1 : p->number > q->number;
}

/* Mean and spread of log10 |v| over the finite, nonzero values of a group. */
EX_FN size_t ledger_spread(const ledger_pair *p, size_t n, int ours, double *mean, double *std)
{
    size_t used = 0;
    double sum = 0.0, squares = 0.0;
    for (size_t i = 0; i < n; ++i) {
        double v = fabs(ours ? p[i].ours : p[i].published);
        if (!isfinite(v) || !(v > 0)) continue;
        v = clb_log(v) / clb_log(10.0);
        sum += v, squares += v * v, ++used;
    }
    *mean = used ? sum / (double)used : EX_NAN;
    *std = used ? sqrt(fmax(squares / (double)used - *mean * *mean, 0.0)) : EX_NAN;
    return used;
}

/* Chaotic numbers agree if the mean logarithms differ by at most two published standard deviations
 * (and half a decade where there are few), and at most half of the group diverged in one set only.
 * */
EX_FN void ledger_chaos(ledger *l)
{
    qsort(l->pairs, l->pair_n, sizeof *l->pairs, ledger_by_group);
    for (size_t i = 0, n; i < l->pair_n; i += n) {
        double mean[2], std[2];
        size_t used[2];
        int agree;
        for (n = 1; i + n < l->pair_n && !strcmp(l->pairs[i].group, l->pairs[i + n].group);) ++n;
        used[0] = ledger_spread(l->pairs + i, n, 0, &mean[0], &std[0]);
        used[1] = ledger_spread(l->pairs + i, n, 1, &mean[1], &std[1]);
        agree = 2 * (used[0] > used[1] ? used[0] - used[1] : used[1] - used[0]) <= n + 1;
        if (used[0] && used[1]) agree = agree && fabs(mean[0] - mean[1]) <= fmax(2 * std[0], 0.5);
        if (agree) continue;
        fprintf(stderr,
                "  chaotic, but the distributions differ: %s (log10: published %.3g +- %.2g of "
                "%zu, ours %.3g of %zu)\n",
                l->pairs[i].group, mean[0], std[0], used[0], mean[1], used[1]);
        for (size_t k = 0; k < n; ++k) {
            ledger_number *number = &l->numbers[l->pairs[i + k].number];
            if (number->state == LEDGER_CHAOTIC) number->state = LEDGER_DIFFERS;
        }
    }
}

/* --- totals ----------------------------------------------------------------------------------- */

EX_FN void ledger_count(const ledger *l, size_t owner, size_t file, size_t *counts)
{
    memset(counts, 0, LEDGER_STATES * sizeof *counts);
    for (size_t i = 0; i < l->number_n; ++i)
        if ((owner == (size_t)-1 || l->numbers[i].owner == owner)
            && (file == (size_t)-1 || l->numbers[i].file == file))
            ++counts[l->numbers[i].state];
}

EX_FN void ledger_line(ex_buf *b, const char *name, const size_t *counts)
{
    size_t total = 0;
    for (int s = 0; s < LEDGER_STATES; ++s) total += counts[s];
    ex_putf(b, "| %s | %zu |", name, total);
    for (int s = LEDGER_EXACT; s < LEDGER_STATES; ++s) ex_putf(b, " %zu |", counts[s]);
    for (int s = LEDGER_OPEN; s < LEDGER_EXACT; ++s) ex_putf(b, " %zu |", counts[s]);
    ex_put(b, "\n");
}

/* Totals per experiment and per file, as Markdown. */
EX_FN void ledger_table(ex_buf *b, const ledger *l)
{
    size_t counts[LEDGER_STATES];
    for (int by_file = 0; by_file < 2; ++by_file) {
        ex_putf(b, "%s| %s | numbers |", by_file ? "\n" : "", by_file ? "file" : "experiment");
        for (int s = LEDGER_EXACT; s < LEDGER_STATES; ++s) ex_putf(b, " %s |", ledger_names[s]);
        for (int s = LEDGER_OPEN; s < LEDGER_EXACT; ++s) ex_putf(b, " %s |", ledger_names[s]);
        ex_put(b, "\n|---|---|");
        for (int s = 0; s < LEDGER_STATES; ++s) ex_put(b, "---|");
        ex_put(b, "\n");
        if (by_file) {
            for (size_t f = 0; f < l->file_n; ++f)
                ledger_count(l, (size_t)-1, f, counts), ledger_line(b, l->files[f].name, counts);
            continue;
        }
        for (size_t i = 0; i <= l->x_n; ++i) {
            ledger_count(l, i, (size_t)-1, counts);
            ledger_line(b, i < l->x_n ? l->xs[i]->info->id : "no experiment", counts);
        }
        ledger_count(l, (size_t)-1, (size_t)-1, counts);
        ledger_line(b, "all", counts);
    }
}

/* The largest |float - double| of single numbers over each group (the seeds of one place): one
 * band an entry. */
EX_FN double *ledger_group_bands(ledger *l, const ex *x, const ex *single)
{
    double *bands = (double *)ex_new(&l->arena, x->ledger_n, sizeof *bands);
    ledger_pair *p = (ledger_pair *)ex_realloc(NULL, x->ledger_n, sizeof *p);
    for (size_t k = 0; k < x->ledger_n; ++k) {
        size_t n, m;
        double a = ledger_value(&x->ledger[k], 0, &n),
               b = single ? ledger_value(&single->ledger[k], 0, &m) : a;
        p[k].group = ledger_group(l, &x->ledger[k]), p[k].number = k;
        p[k].ours = n == (size_t)-1 && fabs(a - b) > 0 ? fabs(a - b) : 0.0;
    }
    qsort(p, x->ledger_n, sizeof *p, ledger_by_group);
    for (size_t i = 0, n; i < x->ledger_n; i += n) {
        double most = 0.0;
        for (n = 0; i + n < x->ledger_n && !strcmp(p[i].group, p[i + n].group); ++n)
            most = fmax(most, p[i + n].ours);
        for (size_t k = 0; k < n; ++k) bands[p[i + k].number] = most;
    }
    free(p);
    return bands;
}

EX_FN void ledger_experiment(ledger *l, size_t i)
{
    const ex *x = l->xs[i], *single = l->singles ? l->singles[i] : NULL;
    const double *bands;
    int paired = single && single->ledger_n == x->ledger_n;
    if (single && !paired)
        fprintf(stderr, "%s: the float results have another ledger; no bands\n", x->info->id);
    bands = ledger_group_bands(l, x, paired ? single : NULL);
    for (size_t k = 0; k < x->ledger_n; ++k)
        ledger_entry(l, i, &x->ledger[k], paired ? &single->ledger[k] : NULL, bands[k]);
}

/* Match everything. 0, or a status; `b` gets the tables. */
EX_FN int ledger_make(ledger *l, const char *folder, ex_buf *b)
{
    int status = ledger_read(l, folder);
    if (status) return status;
    for (size_t i = 0; i < l->x_n; ++i) ledger_experiment(l, i);
    ledger_chaos(l);
    for (size_t i = 0; i < l->number_n; ++i)
        if (l->numbers[i].state == LEDGER_DIFFERS
            || (l->verbose && l->numbers[i].state == LEDGER_OPEN))
            ledger_print_number(l, i, ledger_names[l->numbers[i].state]);
    ledger_table(b, l);
    return EX_OK;
}

EX_FN int ledger_clean(const ledger *l)
{
    size_t counts[LEDGER_STATES];
    ledger_count(l, (size_t)-1, (size_t)-1, counts);
    return counts[LEDGER_DIFFERS] == 0 && l->unmatched == 0;
}

EX_FN void ledger_free(ledger *l)
{
    for (size_t i = 0; i < l->file_n; ++i) json_free(&l->files[i].doc);
    free(l->files), free(l->numbers), free(l->pairs);
    ex_arena_free(&l->arena);
}

#endif /* CLB_LEDGER_H */
