/* document.h - a result file read back (result.schema.json): title, tables, summary, claims and
 * figures as the kit holds them, runs as they stand in the file. Every name, type and length is
 * checked; the first that is wrong is named, with its place in the file. */
#ifndef CLB_DOCUMENT_H
#define CLB_DOCUMENT_H

#include "tool.h"

typedef struct doc {
    const char *path;
    json_doc    file;
    kit        *x;              /* what was computed; no runs */
    kit_info    info;
    const char *precision, *version;
    int         complete;       /* 0: a shard, or interrupted: nothing was computed */
    size_t      run_n;
    const json *parts, *runs, *config;
    char        error[400];
} doc;

/* "PATH: what" once; returns NULL. */
KIT_FN KIT_PRINTF(2, 3) const json *doc_fail(doc *d, const char *format, ...)
{
    va_list args;
    int n;
    if (d->error[0]) return NULL;
    n = snprintf(d->error, sizeof d->error, "%s: ", d->path);
    va_start(args, format);
    if (n > 0 && (size_t)n < sizeof d->error)
        vsnprintf(d->error + n, sizeof d->error - (size_t)n, format, args);
    va_end(args);
    return NULL;
}

static const char *const doc_kinds[] = { "null", "true or false", "number", "text", "list",
                                         "object" };

/* A member of the kind; `where` says what it belongs to. NULL after an error. */
KIT_FN const json *doc_need(doc *d, const json *node, const char *where, const char *key,
                            json_kind kind)
{
    const json *v = json_get(node, key);
    if (d->error[0]) return NULL;
    if (!v) return doc_fail(d, "%s: \"%s\" is missing", where, key);
    if (v->kind != kind) return doc_fail(d, "%s: \"%s\" is no %s", where, key, doc_kinds[kind]);
    return v;
}

KIT_FN const char *doc_text(doc *d, const json *node, const char *where, const char *key)
{
    const json *v = doc_need(d, node, where, key, JSON_TEXT);
    return v ? v->text : "";
}

/* A text, or null. */
KIT_FN const char *doc_text_or_null(doc *d, const json *node, const char *where, const char *key)
{
    const json *v = json_get(node, key);
    if (v && v->kind == JSON_NULL) return NULL;
    return doc_text(d, node, where, key);
}

/* A whole number in 0..top. */
KIT_FN size_t doc_count(doc *d, const json *node, const char *where, const char *key, double top)
{
    const json *v = doc_need(d, node, where, key, JSON_NUMBER);
    if (v && !(v->number >= 0 && v->number <= top && v->number == floor(v->number)))
        doc_fail(d, "%s: \"%s\" is no whole number from 0 to %g", where, key, top);
    return d->error[0] || !v ? 0 : (size_t)v->number;
}

KIT_FN int doc_flag(doc *d, const json *node, const char *where, const char *key)
{
    const json *v = doc_need(d, node, where, key, JSON_BOOL);
    return v && v->number != 0;
}

/* A number, or a null with its reason beside it. */
KIT_FN double doc_value(doc *d, const json *node, const char *where, const char *key)
{
    double v = KIT_NAN;
    if (!d->error[0] && !json_get_value(node, key, &v))
        doc_fail(d, "%s: \"%s\" is no number", where, key);
    return v;
}

/* One of a list of words: its place in the list. */
KIT_FN int doc_word(doc *d, const json *node, const char *where, const char *key,
                    const char *const *words, int n)
{
    const char *text = doc_text(d, node, where, key);
    for (int i = 0; i < n; ++i)
        if (!strcmp(text, words[i])) return i;
    doc_fail(d, "%s: \"%s\" is \"%s\", which is no answer", where, key, text);
    return 0;
}

/* --- runs ------------------------------------------------------------------------------------- */

KIT_FN const json *doc_part(const doc *d, const char *name)
{
    for (const json *p = d->parts ? d->parts->first : NULL; p; p = p->next)
        if (!strcmp(json_get_text(p, "name"), name)) return p;
    return NULL;
}

KIT_FN void doc_check_run(doc *d, const json *run)
{
    const char *where = tool_print("runs/%zu", run->index), *part = doc_text(d, run, where, "part");
    const json *p = doc_part(d, part);
    kit_arena scratch = { NULL };
    if (!p) { doc_fail(d, "%s: there is no part \"%s\"", where, part); return; }
    for (const json *f = json_get(p, "fields")->first; f && !d->error[0]; f = f->next) {
        const char *name = json_get_text(f, "name"), *type = json_get_text(f, "type");
        const json *v = json_get(run, name);
        kit_list list;
        if (!v) doc_fail(d, "%s (%s): \"%s\" is missing", where, part, name);
        else if (!strcmp(type, "number")) doc_value(d, run, where, name);
        else if (!strcmp(type, "text")) doc_text(d, run, where, name);
        else if (!json_get_list(&scratch, run, name, &list))
            doc_fail(d, "%s (%s): \"%s\" is no list of numbers", where, part, name);
    }
    kit_arena_free(&scratch);
}

KIT_FN void doc_read_runs(doc *d, const json *root)
{
    static const char *const roles[] = { "key", "result" },
                      *const types[] = { "number", "text", "array" };
    d->parts = doc_need(d, root, "document", "parts", JSON_LIST);
    d->runs = doc_need(d, root, "document", "runs", JSON_LIST);
    for (const json *p = d->error[0] ? NULL : d->parts->first; p && !d->error[0]; p = p->next) {
        const char *where = tool_print("parts/%zu", p->index);
        const json *fields = doc_need(d, p, where, "fields", JSON_LIST);
        doc_text(d, p, where, "name"), doc_text(d, p, where, "title");
        doc_count(d, p, where, "planned", 1e15), doc_count(d, p, where, "done", 1e15);
        doc_count(d, p, where, "diverged", 1e15);
        for (const json *f = fields ? fields->first : NULL; f && !d->error[0]; f = f->next) {
            const char *place = tool_print("%s/fields/%zu", where, f->index);
            doc_text(d, f, place, "name"), doc_text(d, f, place, "unit");
            doc_word(d, f, place, "role", roles, 2), doc_word(d, f, place, "type", types, 3);
        }
    }
    for (const json *r = d->error[0] ? NULL : d->runs->first; r && !d->error[0]; r = r->next)
        doc_check_run(d, r), ++d->run_n;
}

/* --- tables and summary ----------------------------------------------------------------------- */

KIT_FN const char **doc_columns(doc *d, const json *columns, const char *where, const char *key)
{
    const char **names = (const char **)kit_new(&d->x->arena, columns->count, sizeof *names);
    for (const json *c = columns->first; c; c = c->next)
        names[c->index] = doc_text(d, c, tool_print("%s/columns/%zu", where, c->index), key);
    return names;
}

/* A cell that is null: NaN or infinity if "nulls" names it, else there is no such number. */
KIT_FN double doc_null_cell(const json *nulls, size_t row, size_t column)
{
    for (const json *c = nulls->first; c; c = c->next)
        if (json_get_number(c, "row") == (double)row && json_get_number(c, "column") == (double)column)
            return json_null_value(json_get(c, "reason"));
    return kit_none();
}

KIT_FN void doc_read_table(doc *d, const json *node)
{
    const char *where = tool_print("tables/%zu (%s)", node->index, json_get_text(node, "name"));
    const json *columns = doc_need(d, node, where, "columns", JSON_LIST),
               *rows = doc_need(d, node, where, "rows", JSON_LIST),
               *nulls = doc_need(d, node, where, "nulls", JSON_LIST);
    const char *name = doc_text(d, node, where, "name"),
               *caption = doc_text(d, node, where, "caption");
    kit_table *t;
    if (d->error[0]) return;
    for (const kit_table *other = d->x->tables; other; other = other->next)
        if (!strcmp(other->name, name)) { doc_fail(d, "%s: a second table of this name", where); return; }
    t = kit_table_new(d->x, name, caption, columns->count, doc_columns(d, columns, where, "name"));
    t->detail = doc_flag(d, node, where, "detail");
    t->units = doc_columns(d, columns, where, "unit");
    for (const json *r = rows->first; r && !d->error[0]; r = r->next) {
        if (r->kind != JSON_LIST || r->count != t->columns) {
            doc_fail(d, "%s: row %zu has %zu cells, the table has %zu columns", where, r->index,
                     r->count, t->columns);
            return;
        }
        for (const json *c = r->first; c; c = c->next) {
            kit_cell *cell = kit_cell_add(t);
            if (c->kind == JSON_TEXT) cell->text = kit_copy(&d->x->arena, c->text);
            else if (c->kind == JSON_NUMBER) cell->number = c->number;
            else if (c->kind == JSON_NULL) cell->number = doc_null_cell(nulls, r->index, c->index);
            else doc_fail(d, "%s: row %zu, cell %zu is neither number nor text", where, r->index,
                          c->index);
        }
    }
}

KIT_FN void doc_read_summary(doc *d, const json *node)
{
    const char *where = tool_print("summary/%s", node->key);
    kit_summary_item *s;
    kit_list ci = { 0, NULL };
    if (node->kind != JSON_OBJECT) { doc_fail(d, "%s: is no object", where); return; }
    for (const kit_summary_item *other = d->x->summary; other; other = other->next)
        if (!strcmp(other->name, node->key)) { doc_fail(d, "%s: stands there twice", where); return; }
    s = kit_summary(d->x, node->key, doc_value(d, node, where, "value"));
    if (json_get(node, "stderr")) s->se = doc_value(d, node, where, "stderr");
    if (json_get(node, "published")) s->published = doc_value(d, node, where, "published");
    if (json_get(node, "headline")) {
        const json *row = doc_need(d, node, where, "headline", JSON_OBJECT);
        kit_headline(s, doc_value(d, row, where, "factor"), doc_text(d, row, where, "unit"));
    }
    if (!json_get(node, "ci95")) return;
    if (!json_get_list(&d->x->arena, node, "ci95", &ci) || ci.n != 2)
        doc_fail(d, "%s: \"ci95\" is not two numbers", where);
    else s->lo = ci.at[0], s->hi = ci.at[1];
}

/* --- claims ----------------------------------------------------------------------------------- */

KIT_FN void doc_read_test(doc *d, kit_claim *c, const json *node, const char *where)
{
    int asks = doc_word(d, node, where, "asks", kit_question_names, KIT_QUESTIONS),
        compare = doc_word(d, node, where, "comparison", kit_comparison_names, KIT_COMPARISONS);
    const char *quantity = doc_text(d, node, where, "quantity"),
               *unit = doc_text(d, node, where, "unit");
    double value = doc_value(d, node, where, "value"), bound = KIT_NAN, tolerance = KIT_NAN;
    if (compare < KIT_YES) bound = doc_value(d, node, where, "bound");
    if (compare == KIT_WITHIN) tolerance = doc_value(d, node, where, "tolerance");
    if (c->n == KIT_TESTS) doc_fail(d, "%s: more than %d tests", where, (int)KIT_TESTS);
    if (d->error[0]) return;
    kit_test_add(c, (kit_question)asks, quantity, value,
                 kit_in_units(kit_bound_of((kit_compare)compare, bound, tolerance),
                              kit_copy(&d->x->arena, unit)));
}

KIT_FN void doc_read_claim(doc *d, const json *node)
{
    const char *where = tool_print("claims/%zu (%s)", node->index, json_get_text(node, "name"));
    const json *rule = doc_need(d, node, where, "rule", JSON_OBJECT),
               *tests = doc_need(d, rule, where, "tests", JSON_LIST);
    const char *name = doc_text(d, node, where, "name");
    kit_claim *c;
    for (const kit_claim *other = d->x->claims; other; other = other->next)
        if (!strcmp(other->name, name)) doc_fail(d, "%s: a second claim of this name", where);
    if (d->error[0]) return;
    c = kit_claim_new(d->x, (kit_source)doc_word(d, node, where, "source", kit_source_names,
                                                 KIT_SOURCES),
                      name, doc_text(d, node, where, "claim"), doc_text(d, node, where, "published"));
    c->seeds = doc_count(d, rule, where, "seeds", 1e9), c->grid = doc_flag(d, rule, where, "grid");
    if (json_get(rule, "part")) c->part = doc_text(d, rule, where, "part");
    for (const json *t = tests->first; t && !d->error[0]; t = t->next)
        doc_read_test(d, c, t, tool_print("%s/tests/%zu", where, t->index));
    c->number = (kit_answer)doc_word(d, node, where, "number", kit_number_answers, 5);
    c->statement = (kit_answer)doc_word(d, node, where, "statement", kit_statement_answers, 5);
    c->condition = doc_text_or_null(d, node, where, "condition");
    c->reason = doc_text_or_null(d, node, where, "reason");
    c->remark = doc_text(d, node, where, "remark");
    c->sentence = doc_text(d, node, where, "sentence");
}

/* --- the document ----------------------------------------------------------------------------- */

KIT_FN void doc_read_computed(doc *d, const json *root)
{
    const json *tables = doc_need(d, root, "document", "tables", JSON_LIST),
               *summary = doc_need(d, root, "document", "summary", JSON_OBJECT),
               *claims = doc_need(d, root, "document", "claims", JSON_LIST),
               *figures = doc_need(d, root, "document", "figures", JSON_LIST);
    if (d->error[0]) return;
    for (const json *c = tables->first; c && !d->error[0]; c = c->next) doc_read_table(d, c);
    for (const json *c = summary->first; c && !d->error[0]; c = c->next) doc_read_summary(d, c);
    for (const json *c = claims->first; c && !d->error[0]; c = c->next) doc_read_claim(d, c);
    for (const json *c = figures->first; c && !d->error[0]; c = c->next) {
        plot *p = plot_read(&d->x->arena, tool_print("%s_%zu", d->info.id, c->index), c);
        if (!p) { doc_fail(d, "figures/%zu: not as the schema says", c->index); return; }
        *d->x->figures_end = p, d->x->figures_end = &p->next;
    }
}

KIT_FN kit *doc_kit(doc *d)
{
    kit *x = (kit *)kit_new(&d->file.arena, 1, sizeof *x);
    x->info = &d->info;
    x->set = kit_settings_default();
    x->config_end = &x->config, x->tables_end = &x->tables, x->summary_end = &x->summary;
    x->claims_end = &x->claims, x->figures_end = &x->figures;
    return x;
}

KIT_FN void doc_read_head(doc *d, const json *root)
{
    static const char *const precisions[] = { "double", "single", "float" };
    const json *config = doc_need(d, root, "document", "config", JSON_OBJECT);
    if (strcmp(doc_text(d, root, "document", "schema"), "clb-result/2"))
        doc_fail(d, "not a result file of schema clb-result/2");
    d->info.id = doc_text(d, root, "document", "experiment");
    d->info.beyond = doc_text_or_null(d, root, "document", "beyond");
    d->info.title = doc_text(d, root, "document", "title");
    d->info.statement = doc_text(d, root, "document", "statement");
    d->info.key_result = doc_text(d, root, "document", "key_result");
    d->version = doc_text(d, root, "document", "version");
    if (d->error[0]) return;
    d->config = config;
    d->precision = precisions[doc_word(d, config, "config", "precision", precisions, 3)];
    d->x->set.seeds = doc_text_or_null(d, config, "config", "seeds");
    d->x->set.lrs = doc_text_or_null(d, config, "config", "lrs");
    d->x->set.part = doc_text_or_null(d, config, "config", "part");
    d->x->set.quick = doc_flag(d, config, "config", "quick");
    /* older files do not say it: those with the experiment's own seeds have the paper's */
    d->x->has_published = json_get(root, "paper_seeds") ? doc_flag(d, root, "document", "paper_seeds")
                                                        : !d->x->set.seeds;
}

/* Read n bytes; `path` stands in messages. 0 with d->error set if they are no result file.
 * doc_free() in both cases. */
KIT_FN int doc_parse(doc *d, const char *path, const char *text, size_t n)
{
    memset(d, 0, sizeof *d);
    d->path = kit_copy(&tool_arena, path);
    if (!json_parse(&d->file, d->path, text, n)) {
        snprintf(d->error, sizeof d->error, "%s", d->file.error);
        return 0;
    }
    d->x = doc_kit(d);
    if (d->file.root->kind != JSON_OBJECT) doc_fail(d, "the document is no object");
    doc_read_head(d, d->file.root);
    if (!d->error[0]) doc_read_runs(d, d->file.root);
    d->complete = json_get(d->file.root, "claims") != NULL;
    if (!d->error[0] && d->complete) doc_read_computed(d, d->file.root);
    return !d->error[0];
}

/* The same from a file. KIT_OK, or KIT_BAD_INPUT with one line on stderr. */
KIT_FN int doc_read(doc *d, const char *path)
{
    size_t n;
    char *text = kit_slurp(path, &n);
    int ok;
    memset(d, 0, sizeof *d);
    if (!text) { fprintf(stderr, "%s: %s\n", path, strerror(errno)); return KIT_BAD_INPUT; }
    ok = doc_parse(d, path, text, n);
    free(text);
    if (!ok) fprintf(stderr, "%s\n", d->error);
    return ok ? KIT_OK : KIT_BAD_INPUT;
}

KIT_FN void doc_free(doc *d)
{
    if (d->x) kit_arena_free(&d->x->arena);
    json_free(&d->file);
    memset(d, 0, sizeof *d);
}

/* --- a folder of them ------------------------------------------------------------------------- */

typedef struct docs { doc *at; size_t n; } docs;

KIT_FN void docs_free(docs *all)
{
    for (size_t i = 0; i < all->n; ++i) doc_free(&all->at[i]);
    free(all->at);
    memset(all, 0, sizeof *all);
}

/* E05.json, E05_regimes.json, M08.json: one name an experiment; groups and shards are others. */
KIT_FN int docs_is_result(const char *name)
{
    char id[8];
    return strlen(name) > 7 && tool_id(name, 3, id) && strchr(name, '.') == strrchr(name, '.')
           && (name[3] == '.' || name[3] == '_');
}

/* The finished results in a folder that --only names, sorted: an experiment, then what goes beyond
 * it. A file that is no result file of this schema, or no whole one, is an error. */
KIT_FN int docs_read(docs *all, const char *folder, const char *only)
{
    tool_names names = { NULL, 0, 0 };
    memset(all, 0, sizeof *all);
    if (tool_folder(folder, ".json", &names)) {
        fprintf(stderr, "cannot read the folder of results %s: %s\n", folder, strerror(errno));
        return KIT_BAD_INPUT;
    }
    all->at = (doc *)kit_realloc(NULL, names.n + 1, sizeof *all->at);
    for (size_t i = 0; i < names.n; ++i) {
        doc *d = &all->at[all->n];
        if (!docs_is_result(names.at[i]) || !tool_chosen(only, names.at[i])) continue;
        ++all->n;
        if (doc_read(d, tool_print("%s/%s", folder, names.at[i]))) return KIT_BAD_INPUT;
        if (!d->complete) {
            fprintf(stderr, "%s: not finished (a shard, or interrupted)\n", d->path);
            return KIT_BAD_INPUT;
        }
    }
    if (all->n) return KIT_OK;
    fprintf(stderr, "%s: no result files (\"make tables\" makes them)\n", folder);
    return KIT_BAD_INPUT;
}

#endif /* CLB_DOCUMENT_H */
