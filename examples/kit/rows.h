/* rows.h - runs and their fields: planning, selections, means over seeds, curves. */
#ifndef KIT_ROWS_H
#define KIT_ROWS_H

#include "experiment.h"

/* ============================================================================================
 * Fields
 * ========================================================================================== */

KIT_FN double *kit_number_at(void *values, const kit_field *f)
{
    return (double *)(void *)((char *)values + f->offset);
}
KIT_FN const char **kit_text_at(void *values, const kit_field *f)
{
    return (const char **)(void *)((char *)values + f->offset);
}
KIT_FN kit_list *kit_array_at(void *values, const kit_field *f)
{
    return (kit_list *)(void *)((char *)values + f->offset);
}

KIT_FN const kit_field *kit_field_named(const kit_part *part, const char *name)
{
    for (size_t i = 0; i < part->field_count; ++i)
        if (!strcmp(part->fields[i].name, name)) return &part->fields[i];
    return NULL;
}

/* The field that KIT_AT() means; it must be of this part's struct and in its table. */
KIT_FN const kit_field *kit_member(const kit_part *part, kit_at at)
{
    if (strcmp(at.type, part->type))
        kit_die(KIT_USAGE, "part %s: its runs are %s, not %s", part->name, part->type, at.type);
    for (size_t i = 0; i < part->field_count; ++i)
        if (part->fields[i].offset == at.offset) return &part->fields[i];
    kit_die(KIT_USAGE, "part %s: a member of %s is not in its table", part->name, part->type);
    return NULL;
}

/* The same, of one kind. */
KIT_FN const kit_field *kit_field_at(const kit_part *part, kit_at at, kit_kind kind)
{
    static const char *const kinds[] = { "number", "text", "array" };
    const kit_field *f = kit_member(part, at);
    if (f->kind != kind)
        kit_die(KIT_USAGE, "part %s: %s is no %s", part->name, f->name, kinds[kind]);
    return f;
}

/* Every member in the table, none twice: members are multiples of a double or pointer in size, so
 * the fields in order of their offsets must cover the struct. */
KIT_FN void kit_part_check(const kit_part *part)
{
    static const size_t sizes[] = { sizeof(double), sizeof(const char *), sizeof(kit_list) };
    size_t covered = 0;
    for (size_t i = 0; i < part->field_count; ++i) {
        const kit_field *f = &part->fields[i];
        if (f->size != sizes[f->kind])
            kit_die(KIT_USAGE, "part %s: %s has another type than its table says", part->name,
                    f->name);
        if (!strcmp(f->name, "part") || strstr(f->name, "_null"))
            kit_die(KIT_USAGE, "part %s: %s is a name of the result file", part->name, f->name);
        for (size_t k = 0; k < i; ++k)
            if (part->fields[k].offset == f->offset)
                kit_die(KIT_USAGE, "part %s: %s stands twice in the table", part->name, f->name);
        covered += f->size;
    }
    if (part->size - covered >= sizeof(const char *))
        kit_die(KIT_USAGE, "part %s: a member of %s is missing in its table", part->name,
                part->type);
}

/* ============================================================================================
 * Planning
 * ========================================================================================== */

static const double kit_published_seeds[5] = { 42, 137, 256, 512, 1024 };

/* Seeds of this command: those of --seeds, else the first `count` of 42, 137, 256, 512, 1024, 1, 2
 * ... Ask for 5 (or 3) where the paper ran so many. */
KIT_FN kit_list kit_seeds(kit *x, size_t count)
{
    double *at = kit_doubles(x, count);
    kit_list list = { count, at };
    size_t want = count < 5 ? count : 5;
    for (size_t i = 0; i < count; ++i) {           /* 1, 2, 3, ... meets 42 only after 41 of them */
        double next = (double)i - 4;
        at[i] = i < 5 ? kit_published_seeds[i] : next < 42 ? next : next + 1e6;
    }
    if (x->set.seed_list.n) list = x->set.seed_list;
    if (want > x->seeds_asked) x->seeds_asked = want;
    if (list.n > x->seeds_run) x->seeds_run = list.n;
    return list;
}

/* Learning rates: those of --lrs, else the given ones. */
KIT_FN kit_list kit_lrs(kit *x, const double *lrs, size_t count)
{
    kit_list list = { count, lrs };
    x->has_grid = 1;
    return x->set.lr_list.n ? x->set.lr_list : list;
}

KIT_FN int kit_quick(const kit *x) { return x->set.quick; }

/* The value of an own option, or NULL. */
KIT_FN const char *kit_arg(const kit *x, const char *option)
{
    for (size_t i = 0; x->info->options && x->info->options[i].name; ++i)
        if (!strcmp(x->info->options[i].name, option)) return x->set.args[i];
    kit_die(KIT_USAGE, "%s: no option --%s", x->info->id, option);
    return NULL;
}

KIT_FN kit_constant *kit_constant_add(kit *x, const char *name)
{
    kit_constant *c = (kit_constant *)kit_new(&x->arena, 1, sizeof *c);
    c->name = kit_copy(&x->arena, name);
    *x->config_end = c, x->config_end = &c->next;
    return c;
}
/* A constant that decides the numbers, into the result file. */
KIT_FN void kit_config(kit *x, const char *name, double value)
{
    kit_constant_add(x, name)->value = value;
}
KIT_FN void kit_config_text(kit *x, const char *name, const char *text)
{
    kit_constant_add(x, name)->text = kit_copy(&x->arena, text);
}

/* Is the part wanted by --part NAME,NAME? */
KIT_FN int kit_wanted(const kit *x, const char *part)
{
    const char *p = x->set.part;
    size_t n = strlen(part);
    while (p && *p) {
        size_t k = strcspn(p, ",");
        if (k == n && !memcmp(p, part, n)) return 1;
        p += k + (p[k] == ',');
    }
    return !x->set.part;
}

KIT_FN void kit_part_add(kit *x, const kit_part *part)
{
    for (size_t i = 0; i < x->part_n; ++i) {
        if (x->parts[i] == part) return;
        if (!strcmp(x->parts[i]->name, part->name))
            kit_die(KIT_USAGE, "%s: two parts %s", x->info->id, part->name);
    }
    if (x->part_n == KIT_PARTS) kit_die(KIT_USAGE, "%s: too many parts", x->info->id);
    kit_part_check(part);
    x->parts[x->part_n++] = part;
}

/* One more run. keys: a struct of the part's type, of which the keys are copied; results start as
 * NaN and empty. Keys must be different for every run. */
KIT_FN void kit_add(kit *x, const kit_part *part, const void *keys)
{
    kit_run run = { part, NULL, 0 };
    kit_part_add(x, part);
    if (!kit_wanted(x, part->name)) return;
    run.values = memcpy(kit_new(&x->arena, 1, part->size), keys, part->size);
    for (size_t i = 0; i < part->field_count; ++i) {
        const kit_field *f = &part->fields[i];
        if (f->key && f->kind == KIT_KIND_TEXT && !*kit_text_at(run.values, f))
            kit_die(KIT_USAGE, "part %s: key %s is not set", part->name, f->name);
        if (f->key) continue;
        if (f->kind == KIT_KIND_NUMBER) *kit_number_at(run.values, f) = KIT_NAN;
        else if (f->kind == KIT_KIND_TEXT) *kit_text_at(run.values, f) = "";
        else kit_array_at(run.values, f)->n = 0;
    }
    if (x->run_n == x->run_cap) {
        x->run_cap = 2 * x->run_cap + 64;
        x->runs = (kit_run *)kit_realloc(x->runs, x->run_cap, sizeof *x->runs);
    }
    x->runs[x->run_n++] = run;
}

/* ============================================================================================
 * Selecting runs
 * ========================================================================================== */

KIT_FN kit_rows kit_rows_new(kit *x, const kit_part *part, size_t most)
{
    kit_rows rows = { x, part, 0, NULL };
    rows.at = (void **)kit_new(&x->arena, most, sizeof *rows.at);
    return rows;
}

/* All runs of a part. */
KIT_FN kit_rows kit_part_runs(kit *x, const kit_part *part)
{
    kit_rows rows = kit_rows_new(x, part, x->run_n);
    for (size_t i = 0; i < x->run_n; ++i)
        if (x->runs[i].part == part && x->runs[i].done) rows.at[rows.n++] = x->runs[i].values;
    return rows;
}

/* Those whose member has this value. */
KIT_FN kit_rows kit_where(kit_rows rows, kit_at at, double value)
{
    const kit_field *f = kit_field_at(rows.part, at, KIT_KIND_NUMBER);
    kit_rows found = kit_rows_new(rows.x, rows.part, rows.n);
    for (size_t i = 0; i < rows.n; ++i)
        if (*kit_number_at(rows.at[i], f) == value) found.at[found.n++] = rows.at[i];
    return found;
}
KIT_FN kit_rows kit_where_text(kit_rows rows, kit_at at, const char *text)
{
    const kit_field *f = kit_field_at(rows.part, at, KIT_KIND_TEXT);
    kit_rows found = kit_rows_new(rows.x, rows.part, rows.n);
    for (size_t i = 0; i < rows.n; ++i)
        if (!strcmp(*kit_text_at(rows.at[i], f), text)) found.at[found.n++] = rows.at[i];
    return found;
}
/* Those with lo <= value <= hi. */
KIT_FN kit_rows kit_between(kit_rows rows, kit_at at, double lo, double hi)
{
    const kit_field *f = kit_field_at(rows.part, at, KIT_KIND_NUMBER);
    kit_rows found = kit_rows_new(rows.x, rows.part, rows.n);
    for (size_t i = 0; i < rows.n; ++i) {
        double v = *kit_number_at(rows.at[i], f);
        if (v >= lo && v <= hi) found.at[found.n++] = rows.at[i];
    }
    return found;
}

/* The place of a seed among the published ones; -1: another. */
KIT_FN int kit_seed_index(double seed)
{
    for (int i = 0; i < 5; ++i)
        if (seed == kit_published_seeds[i]) return i;
    return -1;
}

/* Those with the first `count` published seeds, if all published seeds were run; else all. */
KIT_FN kit_rows kit_first_published(kit_rows rows, size_t count)
{
    const kit_field *seed = kit_field_named(rows.part, "seed");
    kit_rows found = kit_rows_new(rows.x, rows.part, rows.n);
    if (!rows.x->has_published || !seed) return rows;
    for (size_t i = 0; i < rows.n; ++i) {
        int k = kit_seed_index(*kit_number_at(rows.at[i], seed));
        if (k >= 0 && (size_t)k < count) found.at[found.n++] = rows.at[i];
    }
    return found;
}
/* Those with the paper's seeds, as many as plan() asked for. */
KIT_FN kit_rows kit_published(kit_rows rows)
{
    return kit_first_published(rows, rows.x->seeds_asked);
}

/* Over what kit_first_published(rows, count) takes its means: "five seeds". */
KIT_FN const char *kit_n_seeds(kit *x, size_t count)
{
    static const char *const words[] = { "no", "one", "two", "three", "four", "five" };
    size_t n = !x->has_published ? x->seeds_run : count < x->seeds_asked ? count : x->seeds_asked;
    const char *word = n < KIT_LEN(words) ? words[n] : kit_print(x, "%zu", n);
    return kit_print(x, "%s seed%s", word, n == 1 ? "" : "s");
}

/* Those that did not diverge; how many did. */
KIT_FN kit_rows kit_converged(kit_rows rows)
{
    const kit_field *f = kit_field_named(rows.part, "diverged");
    kit_rows found = kit_rows_new(rows.x, rows.part, rows.n);
    for (size_t i = 0; i < rows.n; ++i)
        if (!f || *kit_number_at(rows.at[i], f) == 0) found.at[found.n++] = rows.at[i];
    return found;
}
KIT_FN size_t kit_diverged(kit_rows rows) { return rows.n - kit_converged(rows).n; }

/* ============================================================================================
 * Numbers of runs
 * ========================================================================================== */

/* One member of all runs, in their order. */
KIT_FN kit_list kit_values(kit_rows rows, kit_at at)
{
    const kit_field *f = kit_field_at(rows.part, at, KIT_KIND_NUMBER);
    double *v = kit_doubles(rows.x, rows.n);
    kit_list list = { rows.n, v };
    for (size_t i = 0; i < rows.n; ++i) v[i] = *kit_number_at(rows.at[i], f);
    return list;
}
/* Element k of an array of all runs whose array has so many. */
KIT_FN kit_list kit_elements(kit_rows rows, kit_at at, size_t k)
{
    const kit_field *f = kit_field_at(rows.part, at, KIT_KIND_ARRAY);
    double *v = kit_doubles(rows.x, rows.n);
    kit_list list = { 0, v };
    for (size_t i = 0; i < rows.n; ++i) {
        const kit_list *a = kit_array_at(rows.at[i], f);
        if (k < a->n) v[list.n++] = a->at[k];
    }
    return list;
}

/* Means; NaN if there is no run or one of them is NaN. */
KIT_FN double kit_mean(kit_rows rows, kit_at at)
{
    kit_list v = kit_values(rows, at);
    return clb_mean(v.n, v.at);
}
KIT_FN double kit_mean_element(kit_rows rows, kit_at at, size_t k)
{
    kit_list v = kit_elements(rows, at, k);
    return clb_mean(v.n, v.at);
}
/* Population standard deviation, as the paper's files have it. */
KIT_FN double kit_std(kit_rows rows, kit_at at)
{
    kit_list v = kit_values(rows, at);
    return clb_std_pop(v.n, v.at);
}
/* The mean over the published seeds at each value of a key. */
KIT_FN double *kit_means(kit_rows rows, kit_at value, kit_at key, kit_list keys)
{
    double *mean = kit_doubles(rows.x, keys.n);
    for (size_t i = 0; i < keys.n; ++i)
        mean[i] = kit_mean(kit_published(kit_where(rows, key, keys.at[i])), value);
    return mean;
}

/* The least and the largest of some numbers; NaN if there is none or one of them is NaN. */
KIT_FN double kit_least(kit_list v)
{
    double found = v.n ? v.at[0] : KIT_NAN;
    for (size_t i = 0; i < v.n; ++i)
        if (isnan(v.at[i]) || v.at[i] < found) found = v.at[i];
    return found;
}
KIT_FN double kit_largest(kit_list v)
{
    double found = v.n ? v.at[0] : KIT_NAN;
    for (size_t i = 0; i < v.n; ++i)
        if (isnan(v.at[i]) || v.at[i] > found) found = v.at[i];
    return found;
}

/* The error of an identity at its worst, over runs that did not diverge. NaN: there is none;
 * infinite: an error is NaN. */
KIT_FN double kit_worst(kit_rows rows, kit_at at)
{
    kit_list v = kit_values(kit_converged(rows), at);
    double worst = v.n ? 0 : KIT_NAN;
    for (size_t i = 0; i < v.n; ++i) {
        if (isnan(v.at[i])) return KIT_INF;
        if (fabs(v.at[i]) > worst) worst = fabs(v.at[i]);
    }
    return worst;
}
/* The larger of two; NaN counts as nothing measured. */
KIT_FN double kit_worse(double a, double b) { return isnan(a) || b > a ? b : a; }

/* ============================================================================================
 * Curves: a quantity per seed against a key
 * ========================================================================================== */

/* `value` per seed at each of `keys`, NaN where there is no such run: what clb_sweep_fit() and
 * clb_bootstrap_sweep() take. floor and survivors are left 0. */
KIT_FN clb_sweep kit_sweep(kit_rows rows, kit_at value, kit_at key, kit_list keys)
{
    const kit_field *seed = kit_field_named(rows.part, "seed");
    const kit_field *fy = kit_field_at(rows.part, value, KIT_KIND_NUMBER);
    const kit_field *fx = kit_field_at(rows.part, key, KIT_KIND_NUMBER);
    double *seeds = kit_doubles(rows.x, rows.n), *y;
    clb_sweep sweep;
    if (!seed) kit_die(KIT_USAGE, "part %s: a sweep over seeds needs a key seed", rows.part->name);
    memset(&sweep, 0, sizeof sweep);
    sweep.n = keys.n, sweep.x = keys.at;
    for (size_t i = 0; i < rows.n; ++i) {
        kit_list so_far = { sweep.seeds, seeds };
        double s = *kit_number_at(rows.at[i], seed);
        if (!kit_in(so_far, s)) seeds[sweep.seeds++] = s;
    }
    sweep.y = y = kit_doubles(rows.x, sweep.seeds * keys.n);
    for (size_t i = 0; i < sweep.seeds * keys.n; ++i) y[i] = KIT_NAN;
    for (size_t i = 0; i < rows.n; ++i)
        for (size_t s = 0; s < sweep.seeds; ++s)
            for (size_t j = 0; j < keys.n; ++j)
                if (seeds[s] == *kit_number_at(rows.at[i], seed)
                    && *kit_number_at(rows.at[i], fx) == keys.at[j])
                    y[s * keys.n + j] = *kit_number_at(rows.at[i], fy);
    return sweep;
}

/* Means of a sweep, its exponent and local slopes (at.n - 1 of them), with 95 % intervals from 1000
 * bootstrap samples of the seeds. */
typedef struct kit_curve {
    clb_sweep     sweep;
    kit_list      at;
    double       *mean;
    clb_fit       fit;
    clb_interval  exponent, *slopes;
} kit_curve;

KIT_FN kit_curve kit_curve_of(kit *x, const clb_sweep *sweep, uint64_t bootstrap_seed)
{
    clb_bootstrap_opts opts = { 1000, 0.95, 0 };
    clb_status status;
    kit_curve c;
    memset(&c, 0, sizeof c);
    opts.seed = bootstrap_seed;
    c.sweep = *sweep, c.at.n = sweep->n, c.at.at = sweep->x;
    c.mean = kit_doubles(x, sweep->n);
    c.slopes = (clb_interval *)kit_new(&x->arena, sweep->n, sizeof *c.slopes);
    c.fit = clb_sweep_fit(sweep, c.mean);
    status = clb_bootstrap_sweep(sweep, &opts, &c.exponent, c.slopes);
    if (status == CLB_ENOMEM) kit_die(KIT_MEMORY, "out of memory");
    for (size_t i = 0; status && i < sweep->n; ++i)            /* no seed: nothing measured */
        c.slopes[i].value = c.slopes[i].lo = c.slopes[i].hi = KIT_NAN;
    return c;
}

/* The exponent of a sweep with its 95 % interval over the seeds, as clb_bootstrap_sweep() has it;
 * NaN where there is no run. */
KIT_FN clb_interval kit_exponent(const clb_sweep *sweep)
{
    clb_interval found;
    if (clb_bootstrap_sweep(sweep, NULL, &found, NULL))
        found.value = found.se = found.lo = found.hi = KIT_NAN;
    return found;
}

/* Largest less smallest local slope. */
KIT_FN double kit_slope_range(const kit_curve *c)
{
    double lo = KIT_INF, hi = -KIT_INF;
    for (size_t i = 0; i + 1 < c->at.n; ++i) {
        if (isnan(c->slopes[i].value)) return KIT_NAN;
        lo = fmin(lo, c->slopes[i].value), hi = fmax(hi, c->slopes[i].value);
    }
    return hi - lo;
}

#endif /* KIT_ROWS_H */
