/* clb_data - what is in result files: as CSV, compared, plotted, judged with other bounds.
 *   cc -O2 -o clb_data tools/clb_data.c -lm && ./clb_data csv results/E05.json
 * Results of several commands are joined by the experiment itself: e05 --from FILE... */
#define CLB_IMPLEMENTATION
#include "../clb.h"
#include "escape.h"
#include "document.h"

static const char *option_out, *option_table, *option_part, *option_x, *option_y, *option_only,
    *option_claim, *option_quantity;
static double option_difference, option_tolerance = (double)NAN, option_bound = (double)NAN;
static int option_logx, option_logy;

static int set_number(void *to, const char *value)
{
    char *end;
    double v = strtod(value, &end);
    if (end == value || *end || isnan(v)) return 0;
    *(double *)to = v;
    return 1;
}

#define OPTION_OUT(help) { "out", 'o', "FILE", help, kit_set_text, (void *)&option_out }
#define OPTION_TABLE { "table", 0, "NAME", "a table of it, instead of runs", kit_set_text, (void *)&option_table }
#define OPTION_PART { "part", 0, "NAME", "which runs, where there are several kinds", kit_set_text, (void *)&option_part }
#define OPTION_END { NULL, 0, NULL, NULL, NULL, NULL }

/* --- numbers of a file as columns -------------------------------------------------------------- */

typedef struct columns {
    size_t       n, lines;
    const char **name;
    kit_cell    *cell;            /* line by line; a text, or a number */
} columns;

/* The part that is asked for, or the first. */
static const json *part_of(const doc *d)
{
    const json *p = option_part ? doc_part(d, option_part) : d->parts->first;
    if (!p) fprintf(stderr, "%s: no part \"%s\"\n", d->path, option_part ? option_part : "");
    return p;
}

/* An array of a run as "1 2 3". */
static const char *list_text(const json *run, const char *name)
{
    kit_buf b = { NULL, 0, 0 };
    kit_list list = { 0, NULL };
    char number[40];
    const char *text;
    json_get_list(&tool_arena, run, name, &list);
    for (size_t i = 0; i < list.n; ++i)
        kit_putf(&b, "%s%s", i ? " " : "",
                 isfinite(list.at[i]) ? json_decimal(number, sizeof number, list.at[i]) : json_reason(list.at[i]));
    text = tool_print("%s", b.s ? b.s : "");
    free(b.s);
    return text;
}

static int columns_of_runs(const doc *d, columns *c)
{
    const json *p = part_of(d), *fields = p ? json_get(p, "fields") : NULL;
    size_t k = 0;
    if (!p) return KIT_BAD_INPUT;
    c->n = fields->count, c->lines = 0;
    c->name = (const char **)kit_new(&tool_arena, c->n, sizeof *c->name);
    c->cell = (kit_cell *)kit_new(&tool_arena, c->n * d->run_n, sizeof *c->cell);
    for (const json *f = fields->first; f; f = f->next) c->name[f->index] = json_get_text(f, "name");
    for (const json *run = d->runs->first; run; run = run->next) {
        if (strcmp(json_get_text(run, "part"), json_get_text(p, "name"))) continue;
        ++c->lines;
        for (const json *f = fields->first; f; f = f->next, ++k) {
            const char *type = json_get_text(f, "type"), *name = json_get_text(f, "name");
            if (!strcmp(type, "text")) c->cell[k].text = json_get_text(run, name);
            else if (!strcmp(type, "array")) c->cell[k].text = list_text(run, name);
            else json_get_value(run, name, &c->cell[k].number);
        }
    }
    return KIT_OK;
}

static int columns_of(const doc *d, columns *c)
{
    const kit_table *t = d->x->tables;
    if (!option_table) return columns_of_runs(d, c);
    while (t && strcmp(t->name, option_table)) t = t->next;
    if (!t) { fprintf(stderr, "%s: no table \"%s\"\n", d->path, option_table); return KIT_BAD_INPUT; }
    c->n = t->columns, c->lines = kit_table_lines(t), c->name = t->names, c->cell = t->cells;
    return KIT_OK;
}

/* The one file that a command works on. */
static int read_one(const char *const *words, const char *command, doc *d)
{
    memset(d, 0, sizeof *d);
    if (!words[0]) return kit_usage(command, "needs", "a result file");
    if (words[1]) return kit_usage(command, "one result file, not also", words[1]);
    return doc_read(d, words[0]);
}

static int put_out(kit_buf *b)
{
    int status = kit_write_file(option_out ? option_out : "-", b->s ? b->s : "", b->n);
    free(b->s);
    return status;
}

/* --- csv -------------------------------------------------------------------------------------- */

static const kit_opt csv_options[] = { OPTION_TABLE, OPTION_PART, OPTION_OUT("write there [stdout]"), OPTION_END };

static int command_csv(const char *const *words)
{
    doc d;
    columns c;
    kit_buf b = { NULL, 0, 0 };
    char number[40];
    int status = read_one(words, "clb_data csv", &d);
    if (!status) status = columns_of(&d, &c);
    for (size_t k = 0; !status && k < c.n; ++k)
        kit_put(&b, k ? "," : ""), put_csv(&b, c.name[k]);
    for (size_t i = 0; !status && i < c.n * c.lines; ++i) {
        kit_put(&b, i % c.n ? "," : "\n");
        if (c.cell[i].text) put_csv(&b, c.cell[i].text);
        else if (isfinite(c.cell[i].number)) kit_put(&b, json_decimal(number, sizeof number, c.cell[i].number));
        else if (!kit_is_none(c.cell[i].number)) kit_put(&b, json_reason(c.cell[i].number));
    }
    if (!status) kit_put(&b, "\n"), status = put_out(&b);
    doc_free(&d);
    return status;
}

/* --- diff ------------------------------------------------------------------------------------- */

static const kit_opt diff_options[] = {
    { "only", 0, "LIST", "experiments, E5,M1 [all]", tool_set_only, (void *)&option_only },
    { "tolerance", 0, "X", "relative difference that is none [0]", set_number, &option_difference },
    OPTION_END,
};

typedef struct difference { size_t numbers, differ; double largest; const char *where; } difference;

static void compare_numbers(difference *r, double a, double b, const char *where)
{
    double off = fabs(a - b), scale = fmax(fabs(a), fabs(b));
    ++r->numbers;
    if (a == b || (isnan(a) && isnan(b))) return;
    off = scale > 0 && isfinite(off) ? off / scale : KIT_INF;
    if (off <= option_difference) return;
    ++r->differ;
    if (off > r->largest || !r->where) r->largest = off, r->where = where;
}

/* Everything but the environment. */
static void compare(difference *r, const json *a, const json *b, const char *where)
{
    if (!a || !b || a->kind != b->kind || a->count != b->count) {
        ++r->differ, r->largest = KIT_INF;
        if (!r->where) r->where = tool_print("%s: only in one of them, or of another length", where);
        return;
    }
    if (a->kind == JSON_NUMBER || a->kind == JSON_BOOL) { compare_numbers(r, a->number, b->number, where); return; }
    if (a->kind == JSON_TEXT && strcmp(a->text, b->text)) {
        ++r->differ;
        if (!r->where) r->where = where;
        return;
    }
    for (const json *c = a->first, *o = b->first; c; c = c->next, o = o->next) {
        const json *other = a->kind == JSON_OBJECT ? json_get(b, c->key) : o;
        compare(r, c, other, c->key ? tool_print("%s/%s", where, c->key) : tool_print("%s/%zu", where, c->index));
    }
}

static int command_diff(const char *const *words)
{
    static const char *const compared[] = { "config", "runs", "tables", "summary", "claims" };
    docs a = { NULL, 0 }, b = { NULL, 0 };
    int status, differ = 0;
    if (!words[0] || !words[1] || words[2]) return kit_usage("clb_data diff", "needs", "two folders of results");
    status = docs_read(&a, words[0], option_only);
    if (!status) status = docs_read(&b, words[1], option_only);
    for (size_t i = 0; i < a.n && !status; ++i) {
        difference r = { 0, 0, 0, NULL };
        size_t k = 0;
        while (k < b.n && strcmp(b.at[k].info.id, a.at[i].info.id)) ++k;
        if (k == b.n) { printf("%-24s only in %s\n", a.at[i].info.id, words[0]), differ = 1; continue; }
        for (size_t c = 0; c < KIT_LEN(compared); ++c)
            compare(&r, json_get(a.at[i].file.root, compared[c]), json_get(b.at[k].file.root, compared[c]),
                    compared[c]);
        if (!r.differ) { printf("%-24s equal, %zu numbers\n", a.at[i].info.id, r.numbers); continue; }
        differ = 1;
        printf("%-24s %zu differences in %zu numbers, largest %.2g (relative), at %s\n", a.at[i].info.id,
               r.differ, r.numbers, r.largest, r.where);
    }
    for (size_t k = 0; k < b.n && !status; ++k) {
        size_t i = 0;
        while (i < a.n && strcmp(b.at[k].info.id, a.at[i].info.id)) ++i;
        if (i == a.n) printf("%-24s only in %s\n", b.at[k].info.id, words[1]), differ = 1;
    }
    docs_free(&a), docs_free(&b);
    return status ? status : differ ? KIT_CHECK_FAILED : KIT_OK;
}

/* --- plot ------------------------------------------------------------------------------------- */

static const kit_opt plot_options[] = {
    { "x", 0, "NAME", "column along (needed)", kit_set_text, (void *)&option_x },
    { "y", 0, "NAME", "column upwards (needed)", kit_set_text, (void *)&option_y },
    { "logx", 0, NULL, "logarithmic axis", kit_set_flag, &option_logx },
    { "logy", 0, NULL, "logarithmic axis", kit_set_flag, &option_logy },
    OPTION_TABLE, OPTION_PART, OPTION_OUT("the SVG [stdout]"), OPTION_END,
};

static int column(const doc *d, const columns *c, const char *name, double *out)
{
    size_t k = 0;
    while (k < c->n && strcmp(c->name[k], name)) ++k;
    if (k == c->n) {
        fprintf(stderr, "%s: no column \"%s\"\n", d->path, name);
        return KIT_BAD_INPUT;
    }
    for (size_t i = 0; i < c->lines; ++i)
        out[i] = c->cell[i * c->n + k].text ? KIT_NAN : c->cell[i * c->n + k].number;
    return KIT_OK;
}

static int command_plot(const char *const *words)
{
    doc d;
    columns c;
    double *x = NULL, *y = NULL;
    int status = option_x && option_y ? read_one(words, "clb_data plot", &d)
                                      : kit_usage("clb_data plot", "needs", "--x NAME and --y NAME");
    if (!option_x || !option_y) return status;
    if (!status) status = columns_of(&d, &c);
    if (!status) {
        x = (double *)kit_new(&tool_arena, 2 * c.lines, sizeof *x), y = x + c.lines;
        status = column(&d, &c, option_x, x);
    }
    if (!status) status = column(&d, &c, option_y, y);
    if (!status) {
        plot *p = plot_new(&tool_arena, d.info.id, option_y, 1, 1);
        plot_panel *a = plot_add(p, d.info.title, option_x, option_y,
                                 (option_logx ? PLOT_LOGX : 0) | (option_logy ? PLOT_LOGY : 0));
        kit_buf b = { NULL, 0, 0 };
        plot_points(a, PLOT_BLUE, c.lines, x, y, NULL);
        plot_caption(p, tool_print("%s against %s, %s", option_y, option_x, d.info.id));
        b.s = plot_svg(p), b.n = strlen(b.s);
        status = put_out(&b);
    }
    doc_free(&d);
    return status;
}

/* --- judge ------------------------------------------------------------------------------------ */

static const kit_opt judge_options[] = {
    { "claim", 0, "NAME", "this claim only", kit_set_text, (void *)&option_claim },
    { "quantity", 0, "NAME", "the tests of this quantity ...", kit_set_text, (void *)&option_quantity },
    { "bound", 0, "X", "... get this bound", set_number, &option_bound },
    { "tolerance", 0, "X", "... and this tolerance (\"within\")", set_number, &option_tolerance },
    OPTION_END,
};

/* What the file's runs can decide. */
static kit_basis basis_of(const doc *d)
{
    kit_basis b;
    kit_list seeds = { 0, NULL };
    double *at = (double *)kit_new(&tool_arena, d->run_n + 1, sizeof *at);
    memset(&b, 0, sizeof b);
    seeds.at = at;
    for (const json *run = d->runs->first; run; run = run->next) {
        double seed = json_get_number(run, "seed");
        if (!isnan(seed) && !kit_in(seeds, seed)) at[seeds.n++] = seed;
    }
    b.quick = d->x->set.quick, b.other_lrs = d->x->set.lrs != NULL;
    b.has_published = d->x->has_published;
    b.seeds = seeds.n, b.runs = d->run_n;
    for (const json *p = d->parts->first; p; p = p->next) {
        b.part_only |= json_get_number(p, "planned") == 0;
        b.diverged += (size_t)json_get_number(p, "diverged");
    }
    return b;
}

static int command_judge(const char *const *words)
{
    doc d;
    kit_basis basis;
    size_t found = 0, changed = 0;
    int status;
    if (!option_quantity && !(isnan(option_bound) && isnan(option_tolerance)))
        return kit_usage("clb_data judge", "--bound and --tolerance need", "--quantity NAME");
    if (option_tolerance < 0) return kit_usage("clb_data judge", "no distance below 0:", "--tolerance");
    status = read_one(words, "clb_data judge", &d);
    if (!status && !d.complete) { fprintf(stderr, "%s: not finished\n", d.path); status = KIT_BAD_INPUT; }
    if (status) { doc_free(&d); return status; }
    basis = basis_of(&d);
    for (kit_claim *c = d.x->claims; c; c = c->next) {
        if (option_claim && strcmp(c->name, option_claim)) continue;
        ++found;
        for (size_t i = 0; i < c->n; ++i) {
            if (!option_quantity || strcmp(c->tests[i].quantity, option_quantity)) continue;
            ++changed;
            if (!isnan(option_bound)) c->tests[i].bound.bound = option_bound;
            if (!isnan(option_tolerance)) c->tests[i].bound.tolerance = option_tolerance;
        }
        kit_judge_one(c, &basis);
        printf("%s\n    number: %s; statement: %s\n    %s\n", c->claim, kit_number_answers[c->number],
               kit_statement_answers[c->statement], kit_sentence(c, &basis));
    }
    if (option_claim && !found) {
        fprintf(stderr, "%s: no claim \"%s\"\n", d.path, option_claim);
        status = KIT_BAD_INPUT;
    } else if (option_quantity && !changed) {
        fprintf(stderr, "%s: no test of \"%s\"\n", d.path, option_quantity);
        status = KIT_BAD_INPUT;
    }
    doc_free(&d);
    return status;
}

static const tool_command commands[] = {
    { "csv", "FILE", "runs (or a table) as CSV", csv_options, command_csv },
    { "diff", "RESULTS RESULTS", "difference of two folders; status 1 if there is one", diff_options,
      command_diff },
    { "plot", "FILE", "one column against another as SVG", plot_options, command_plot },
    { "judge", "FILE", "the claims again, with other bounds", judge_options, command_judge },
    { NULL, NULL, NULL, NULL, NULL },
};
static const tool this_tool = {
    "clb_data", "what is in result files.", commands,
    { "clb_data csv --table exponents results/E05.json",
      "clb_data plot --x lr --y drift --logx --logy -o drift.svg results/E05.json" }
};

int main(int argc, char **argv) { return kit_printed_all(tool_main(&this_tool, argc, argv)); }
