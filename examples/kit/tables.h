/* tables.h - tables and the summary of an experiment. */
#ifndef KIT_TABLES_H
#define KIT_TABLES_H

#include "rows.h"

typedef struct kit_cell { const char *text; double number; } kit_cell;

struct kit_table {
    kit_table   *next;
    kit         *x;
    const char  *name, *caption;
    int          detail;               /* kept for comparison and plots, not printed */
    size_t       columns;
    const char **names, **units;
    kit_cell    *cells;                /* line by line */
    size_t       n, cap;
};

/* A new table; names of the columns behind the caption. */
#define KIT_TABLE(x, name, caption, ...)                                                           \
    kit_table_new(x, name, caption, sizeof((const char *const[]){ __VA_ARGS__ }) / sizeof(char *), \
                  (const char *const[]){ __VA_ARGS__ })
/* A whole line of numbers; numbers of a line that starts with kit_text(). */
#define KIT_LINE(t, ...)                                                                           \
    (kit_line_starts(t), kit_cells(t, KIT_VALUES(__VA_ARGS__)), kit_line_ends(t))
#define KIT_CELLS(t, ...) kit_cells(t, KIT_VALUES(__VA_ARGS__))
/* "There is no such number", printed as "-". */
#define KIT_NONE kit_none()

/* A NaN with a payload of its own. */
KIT_FN double kit_none(void)
{
    uint64_t bits = 0x7ff8000000006b69u;
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}
KIT_FN int kit_is_none(double value)
{
    double none = kit_none();
    return memcmp(&value, &none, sizeof value) == 0;
}

KIT_FN kit_table *kit_table_new(kit *x, const char *name, const char *caption, size_t columns,
                                const char *const *names)
{
    kit_table *t = (kit_table *)kit_new(&x->arena, 1, sizeof *t);
    for (const kit_table *other = x->tables; other; other = other->next)
        if (!strcmp(other->name, name)) kit_die(KIT_USAGE, "%s: two tables %s", x->info->id, name);
    t->x = x, t->name = kit_copy(&x->arena, name), t->caption = kit_copy(&x->arena, caption);
    t->columns = columns;
    t->names = (const char **)kit_new(&x->arena, columns, sizeof *t->names);
    t->units = (const char **)kit_new(&x->arena, columns, sizeof *t->units);
    for (size_t c = 0; c < columns; ++c)
        t->names[c] = kit_copy(&x->arena, names[c]), t->units[c] = "";
    *x->tables_end = t, x->tables_end = &t->next;
    return t;
}

/* The unit of a column. */
KIT_FN void kit_unit(kit_table *t, const char *column, const char *unit)
{
    for (size_t c = 0; c < t->columns; ++c)
        if (!strcmp(t->names[c], column)) { t->units[c] = kit_copy(&t->x->arena, unit); return; }
    kit_die(KIT_USAGE, "table %s: no column %s", t->name, column);
}

KIT_FN kit_cell *kit_cell_add(kit_table *t)
{
    if (t->n == t->cap) {
        kit_cell *more = (kit_cell *)kit_new(&t->x->arena, 2 * t->cap + 64, sizeof *more);
        if (t->n) memcpy(more, t->cells, t->n * sizeof *more);
        t->cells = more, t->cap = 2 * t->cap + 64;
    }
    return &t->cells[t->n++];
}

KIT_FN void kit_text(kit_table *t, const char *text)
{
    kit_cell_add(t)->text = kit_copy(&t->x->arena, text);
}
KIT_FN void kit_cells(kit_table *t, kit_list values)
{
    for (size_t i = 0; i < values.n; ++i) kit_cell_add(t)->number = values.at[i];
}

KIT_FN void kit_line_starts(const kit_table *t)
{
    if (t->n % t->columns) kit_die(KIT_USAGE, "table %s: a line has too few cells", t->name);
}
KIT_FN void kit_line_ends(const kit_table *t)
{
    if (t->n % t->columns)
        kit_die(KIT_USAGE, "table %s: a line has not %zu cells", t->name, t->columns);
}

KIT_FN size_t kit_table_lines(const kit_table *t) { return t->n / t->columns; }

/* --- tables of runs --------------------------------------------------------------------------- */

/* A column of KIT_GRID(): a number of some runs, such as kit_mean or kit_std, of one member. */
typedef struct kit_column {
    const char *name;
    double    (*of)(kit_rows rows, kit_at at);
    kit_at      at;
} kit_column;

/* A line for each value of a key: the value, then every column of the runs that have it.
 *   KIT_GRID(runs, "drift", "Caption", AT(lr), etas, { "mean", kit_mean, AT(drift) }, ...); */
#define KIT_GRID(rows, name, caption, key, keys, ...)                                              \
    kit_grid(rows, name, caption, key, keys,                                                       \
             sizeof((const kit_column[]){ __VA_ARGS__ }) / sizeof(kit_column),                     \
             (const kit_column[]){ __VA_ARGS__ })
KIT_FN kit_table *kit_grid(kit_rows rows, const char *name, const char *caption, kit_at key,
                           kit_list keys, size_t n, const kit_column *columns)
{
    const char **names = (const char **)kit_new(&rows.x->arena, n + 1, sizeof *names);
    kit_table *t;
    names[0] = kit_field_at(rows.part, key, KIT_KIND_NUMBER)->name;
    for (size_t c = 0; c < n; ++c) names[c + 1] = columns[c].name;
    t = kit_table_new(rows.x, name, caption, n + 1, names);
    for (size_t i = 0; i < keys.n; ++i) {
        kit_rows at = kit_where(rows, key, keys.at[i]);
        KIT_CELLS(t, keys.at[i]);
        for (size_t c = 0; c < n; ++c) KIT_CELLS(t, columns[c].of(at, columns[c].at));
    }
    return t;
}

/* A line for each run: the members that are named, numbers or texts.
 *   KIT_RUN_TABLE(runs, "window", "Caption", AT(L), AT(gamma), AT(outcome)); */
#define KIT_RUN_TABLE(rows, name, caption, ...)                                                    \
    kit_run_table(rows, name, caption, sizeof((const kit_at[]){ __VA_ARGS__ }) / sizeof(kit_at),   \
                  (const kit_at[]){ __VA_ARGS__ })
KIT_FN kit_table *kit_run_table(kit_rows rows, const char *name, const char *caption, size_t n,
                                const kit_at *members)
{
    const kit_field **fields = (const kit_field **)kit_new(&rows.x->arena, n, sizeof *fields);
    const char **names = (const char **)kit_new(&rows.x->arena, n, sizeof *names);
    kit_table *t;
    for (size_t c = 0; c < n; ++c)
        fields[c] = kit_member(rows.part, members[c]), names[c] = fields[c]->name;
    t = kit_table_new(rows.x, name, caption, n, names);
    for (size_t i = 0; i < rows.n; ++i)
        for (size_t c = 0; c < n; ++c)
            if (fields[c]->kind == KIT_KIND_TEXT) kit_text(t, *kit_text_at(rows.at[i], fields[c]));
            else KIT_CELLS(t, *kit_number_at(rows.at[i], fields[c]));
    return t;
}

/* Lines from, to, slope, lo, hi: one between neighbours of a curve. */
KIT_FN void kit_slope_table(kit *x, const char *name, const char *caption, const kit_curve *c)
{
    kit_table *t = KIT_TABLE(x, name, caption, "from", "to", "slope", "lo", "hi");
    for (size_t i = 0; i + 1 < c->at.n; ++i)
        KIT_LINE(t, c->at.at[i], c->at.at[i + 1], c->slopes[i].value, c->slopes[i].lo,
                 c->slopes[i].hi);
}

/* A cell for people: six digits, "-" where there is nothing. */
KIT_FN const char *kit_cell_shown(char *out, size_t size, const kit_cell *cell)
{
    if (cell->text) snprintf(out, size, "%s", cell->text);
    else if (kit_is_none(cell->number)) snprintf(out, size, "-");
    else if (isnan(cell->number)) snprintf(out, size, "nan");
    else snprintf(out, size, "%.6g", cell->number);
    return out;
}

/* --- summary ---------------------------------------------------------------------------------- */

/* A headline number. The first of an experiment, or the one that kit_headline() chooses, is what the
 * table of all experiments says about fresh seeds, in the row of its first claim. */
KIT_FN kit_summary_item *kit_summary(kit *x, const char *name, double value)
{
    kit_summary_item *s = (kit_summary_item *)kit_new(&x->arena, 1, sizeof *s);
    for (const kit_summary_item *other = x->summary; other; other = other->next)
        if (!strcmp(other->name, name))
            kit_die(KIT_USAGE, "%s: summary %s twice", x->info->id, name);
    s->name = kit_copy(&x->arena, name), s->value = value;
    s->se = s->lo = s->hi = s->published = KIT_NAN;
    *x->summary_end = s, x->summary_end = &s->next;
    return s;
}
/* Standard error and 95 % interval, NaN where unknown; the value that the paper prints. */
KIT_FN void kit_interval(kit_summary_item *s, double standard_error, double lo, double hi)
{
    s->se = standard_error, s->lo = lo, s->hi = hi;
}
KIT_FN void kit_printed(kit_summary_item *s, double published) { s->published = published; }
/* The number of the row, not the first; shown as factor times its value, in the unit ("" or "%"). */
KIT_FN void kit_headline(kit_summary_item *s, double factor, const char *unit)
{
    s->factor = factor, s->unit = unit;
}

/* A headline number that is a statistic of the seeds (R of their means, say), with its 95 %
 * interval from 10,000 bootstrap samples of them. Excluded, always and nothing else: samples in
 * which the statistic is not finite, because the runs that it needs diverged. `statistic` gets seed
 * numbers in 0..seeds-1, first all in order. No seed: NaN. */
KIT_FN kit_summary_item *kit_summary_of_seeds(kit *x, const char *name, size_t seeds,
                                              clb_statistic_fn statistic, void *context)
{
    clb_bootstrap_opts opts = { 10000, 0.95, 0 };
    clb_interval i = { KIT_NAN, KIT_NAN, KIT_NAN, KIT_NAN, 0 };
    kit_summary_item *item;
    clb_status status = seeds ? clb_bootstrap(seeds, statistic, context, &opts, &i) : CLB_OK;
    if (status == CLB_ENOMEM) kit_die(KIT_MEMORY, "out of memory");
    item = kit_summary(x, name, i.value);
    if (seeds > 1) kit_interval(item, i.se, i.lo, i.hi);
    return item;
}
/* The same for the mean of one number a seed. */
KIT_FN double kit_mean_of_drawn(void *values, size_t n, const uint32_t *index)
{
    const kit_list *v = (const kit_list *)values;
    double sum = 0;
    for (size_t i = 0; i < n; ++i) sum += v->at[index[i]];
    return sum / (double)n;
}
KIT_FN kit_summary_item *kit_summary_mean(kit *x, const char *name, kit_list values)
{
    kit_summary_item *item = kit_summary_of_seeds(x, name, values.n, kit_mean_of_drawn, &values);
    item->value = clb_mean(values.n, values.at);
    return item;
}

/* The same for R^2 of the power law through the means of a sweep; r2: that of all seeds. */
KIT_FN double kit_r2_of_drawn(void *sweep, size_t n, const uint32_t *index)
{
    const clb_sweep *y = (const clb_sweep *)sweep;
    double mean[64];
    if (y->n > 64) kit_die(KIT_USAGE, "R^2 of a sweep: at most 64 points");
    clb_sweep_means(y, index, n, mean);
    return clb_fit_power(y->n, y->x, mean, y->floor).r2;
}
KIT_FN kit_summary_item *kit_summary_r2(kit *x, const char *name, const clb_sweep *sweep, double r2)
{
    clb_sweep y = *sweep;
    kit_summary_item *item = kit_summary_of_seeds(x, name, y.seeds, kit_r2_of_drawn, &y);
    item->value = r2;
    return item;
}

/* The same for the correlation of two curves over n points: a[i] and b[i] have one number a
 * seed. */
typedef struct kit_pair { size_t n; const kit_list *a, *b; } kit_pair;
KIT_FN double kit_pearson_of_drawn(void *context, size_t n, const uint32_t *index)
{
    const kit_pair *p = (const kit_pair *)context;
    double u[64], v[64];
    if (p->n > 64) kit_die(KIT_USAGE, "correlation of two curves: at most 64 points");
    for (size_t i = 0; i < p->n; ++i) {
        kit_list a = p->a[i], b = p->b[i];
        if (a.n != p->a[0].n || b.n != a.n) return KIT_NAN;
        u[i] = kit_mean_of_drawn(&a, n, index), v[i] = kit_mean_of_drawn(&b, n, index);
    }
    return clb_pearson(p->n, u, v);
}
KIT_FN kit_summary_item *kit_summary_pearson(kit *x, const char *name, kit_pair pair, double value)
{
    size_t seeds = pair.n ? pair.a[0].n : 0;
    kit_summary_item *item = kit_summary_of_seeds(x, name, seeds, kit_pearson_of_drawn, &pair);
    item->value = value;
    return item;
}

/* The same for the correlation of the means of a sweep with fixed numbers, one an x. */
typedef struct kit_against { clb_sweep y; const double *fixed; } kit_against;
KIT_FN double kit_against_of_drawn(void *context, size_t n, const uint32_t *index)
{
    const kit_against *a = (const kit_against *)context;
    double mean[64];
    if (a->y.n > 64) kit_die(KIT_USAGE, "correlation of a sweep: at most 64 points");
    clb_sweep_means(&a->y, index, n, mean);
    return clb_pearson(a->y.n, mean, a->fixed);
}
KIT_FN kit_summary_item *kit_summary_against(kit *x, const char *name, const clb_sweep *sweep,
                                             const double *fixed, double value)
{
    kit_against a = { *sweep, fixed };
    kit_summary_item *item =
        kit_summary_of_seeds(x, name, a.y.seeds, kit_against_of_drawn, &a);
    item->value = value;
    return item;
}

/* Element by element the mean of sweeps over the same x; NaN where they have other seeds. */
KIT_FN clb_sweep kit_sweep_mean(kit *x, size_t count, const clb_sweep *of)
{
    clb_sweep y = of[0];
    size_t cells = y.seeds * y.n;
    double *mean = kit_doubles(x, cells);
    memset(mean, 0, cells * sizeof *mean);
    for (size_t k = 0; k < count; ++k)
        for (size_t i = 0; i < cells; ++i)
            mean[i] += of[k].seeds == y.seeds ? of[k].y[i] / (double)count : KIT_NAN;
    y.y = mean;
    return y;
}

#endif /* KIT_TABLES_H */
