/* result.h - the result file (tools/result.schema.json): writing, and taking runs from files. */
#ifndef KIT_RESULT_H
#define KIT_RESULT_H

#include "claims.h"
#include "figures.h"
#include "run.h"

/* ============================================================================================
 * Writing
 * ========================================================================================== */

/* Runs of a part that are done and diverged. */
KIT_FN size_t kit_part_diverged(const kit *x, const kit_part *part)
{
    const kit_field *f = kit_field_named(part, "diverged");
    size_t n = 0;
    for (size_t i = 0; i < x->run_n && f; ++i)
        if (x->runs[i].part == part && x->runs[i].done)
            n += *kit_number_at(x->runs[i].values, f) != 0;
    return n;
}

KIT_FN void kit_put_part(kit_buf *b, const kit *x, const kit_part *part)
{
    static const char *const kinds[] = { "number", "text", "array" };
    size_t planned = 0, done = 0;
    for (size_t i = 0; i < x->run_n; ++i)
        if (x->runs[i].part == part) ++planned, done += x->runs[i].done != 0;
    kit_put(b, "{"), json_put_named(b, "name", part->name);
    kit_put(b, ", "), json_put_named(b, "title", part->title);
    kit_putf(b, ", \"planned\": %zu, \"done\": %zu, \"diverged\": %zu, \"fields\": [", planned,
             done, kit_part_diverged(x, part));
    for (size_t i = 0; i < part->field_count; ++i) {
        const kit_field *f = &part->fields[i];
        kit_put(b, i ? ",\n      {" : "\n      {"), json_put_named(b, "name", f->name);
        kit_put(b, ", "), json_put_named(b, "unit", f->unit);
        kit_putf(b, ", \"role\": \"%s\", \"type\": \"%s\"}", f->key ? "key" : "result",
                 kinds[f->kind]);
    }
    kit_put(b, "]}");
}

KIT_FN void kit_put_runs(kit_buf *b, const kit *x)
{
    const char *comma = "";
    kit_put(b, "  \"parts\": [");
    for (size_t i = 0; i < x->part_n; ++i)
        kit_put(b, i ? ",\n    " : "\n    "), kit_put_part(b, x, x->parts[i]);
    kit_put(b, "\n  ],\n  \"runs\": [");
    for (size_t i = 0; i < x->run_n; ++i) {
        if (!x->runs[i].done) continue;
        kit_putf(b, "%s\n    ", comma), comma = ",";
        kit_put_run(b, &x->runs[i]);
    }
    kit_put(b, "\n  ],\n");
}

KIT_FN void kit_put_table(kit_buf *b, const kit_table *t)
{
    const char *comma = "";
    kit_line_starts(t);
    kit_put(b, "{"), json_put_named(b, "name", t->name);
    kit_put(b, ", "), json_put_named(b, "caption", t->caption);
    kit_putf(b, ", \"detail\": %s, \"columns\": [", kit_bool(t->detail));
    for (size_t c = 0; c < t->columns; ++c) {
        kit_put(b, c ? ", {" : "{"), json_put_named(b, "name", t->names[c]);
        kit_put(b, ", "), json_put_named(b, "unit", t->units[c]), kit_put(b, "}");
    }
    kit_put(b, "], \"rows\": [");
    for (size_t i = 0; i < t->n; ++i) {
        size_t c = i % t->columns;
        kit_put(b, c ? ", " : i ? ",\n      [" : "\n      [");
        if (t->cells[i].text) json_put_text(b, t->cells[i].text);
        else json_put_number(b, t->cells[i].number);
        if (c + 1 == t->columns) kit_put(b, "]");
    }
    kit_put(b, "], \"nulls\": [");
    for (size_t i = 0; i < t->n; ++i) {
        double v = t->cells[i].number;
        if (t->cells[i].text || isfinite(v) || kit_is_none(v)) continue;
        kit_putf(b, "%s{\"row\": %zu, \"column\": %zu, \"reason\": \"%s\"}", comma, i / t->columns,
                 i % t->columns, json_reason(v));
        comma = ", ";
    }
    kit_put(b, "]}");
}

KIT_FN void kit_put_summary(kit_buf *b, const kit *x)
{
    kit_put(b, "  \"summary\": {");
    for (const kit_summary_item *s = x->summary; s; s = s->next) {
        kit_put(b, s == x->summary ? "\n    " : ",\n    ");
        json_put_text(b, s->name);
        kit_put(b, ": {"), json_put_value(b, "value", s->value);
        if (!isnan(s->se)) kit_put(b, ", "), json_put_value(b, "stderr", s->se);
        if (!isnan(s->lo)) {
            double both[2];
            both[0] = s->lo, both[1] = s->hi;
            kit_put(b, ", \"ci95\": "), json_put_list(b, 2, both);
        }
        if (!isnan(s->published)) kit_put(b, ", "), json_put_value(b, "published", s->published);
        if (s->unit) {
            kit_put(b, ", \"headline\": {"), json_put_value(b, "factor", s->factor);
            kit_put(b, ", "), json_put_named(b, "unit", s->unit), kit_put(b, "}");
        }
        kit_put(b, "}");
    }
    kit_put(b, "\n  },\n");
}

KIT_FN void kit_put_one_test(kit_buf *b, const kit_claim *c, const kit_test *t)
{
    kit_put(b, "{"), json_put_named(b, "asks", kit_question_names[t->asks]);
    kit_put(b, ", "), json_put_named(b, "quantity", t->quantity);
    kit_put(b, ", "), json_put_named(b, "comparison", kit_comparison_names[t->bound.compare]);
    kit_put(b, ", \"bound\": "),
        json_put_number(b, t->bound.compare < KIT_YES ? t->bound.bound : KIT_NAN);
    kit_put(b, ", \"tolerance\": ");
    json_put_number(b, t->bound.compare == KIT_WITHIN ? t->bound.tolerance : KIT_NAN);
    kit_put(b, ", "), json_put_named(b, "unit", t->bound.unit);
    kit_put(b, ", "), json_put_value(b, "value", t->value);
    kit_putf(b, ", \"holds\": %s}",
             t->asks == KIT_ASKS_NOTHING || !kit_measured(c, t->value) ? "null"
                 : kit_bool(kit_bound_holds(&t->bound, t->value)));
}

KIT_FN void kit_put_claim(kit_buf *b, const kit_claim *c)
{
    kit_put(b, "{"), json_put_named(b, "name", c->name);
    kit_put(b, ", "), json_put_named(b, "source", kit_source_names[c->source]);
    kit_put(b, ",\n      "), json_put_named(b, "claim", c->claim);
    kit_put(b, ",\n      "), json_put_named(b, "published", c->published);
    kit_putf(b, ",\n      \"rule\": {\"seeds\": %zu, \"grid\": %s, ", c->seeds, kit_bool(c->grid));
    if (c->part) json_put_named(b, "part", c->part), kit_put(b, ", ");
    kit_put(b, "\"tests\": [");
    for (size_t i = 0; i < c->n; ++i)
        kit_put(b, i ? ",\n        " : "\n        "), kit_put_one_test(b, c, &c->tests[i]);
    kit_putf(b, "]},\n      \"number\": \"%s\", \"statement\": \"%s\", ",
             kit_number_answers[c->number], kit_statement_answers[c->statement]);
    json_put_named(b, "condition", c->condition);
    kit_put(b, ", "), json_put_named(b, "reason", c->reason);
    kit_put(b, ",\n      "), json_put_named(b, "remark", c->remark);
    kit_put(b, ",\n      "), json_put_named(b, "sentence", c->sentence);
    kit_put(b, "}");
}

/* What report() computed. */
KIT_FN void kit_put_report(kit_buf *b, const kit *x)
{
    kit_put(b, "  \"tables\": [");
    for (const kit_table *t = x->tables; t; t = t->next)
        kit_put(b, t == x->tables ? "\n    " : ",\n    "), kit_put_table(b, t);
    kit_put(b, "\n  ],\n");
    kit_put_summary(b, x);
    kit_put(b, "  \"claims\": [");
    for (const kit_claim *c = x->claims; c; c = c->next)
        kit_put(b, c == x->claims ? "\n    " : ",\n    "), kit_put_claim(b, c);
    kit_put(b, "\n  ],\n  \"figures\": [");
    for (const plot *p = x->figures; p; p = p->next)
        kit_put(b, p == x->figures ? "\n    " : ",\n    "), plot_put_json(b, p);
    kit_put(b, "\n  ],\n");
}

KIT_FN void kit_put_result(kit_buf *b, const kit *x)
{
    kit_put(b, "{\n  \"schema\": \"clb-result/2\",\n  ");
    json_put_named(b, "experiment", x->info->id);
    kit_put(b, ", "), json_put_named(b, "beyond", x->info->beyond);
    kit_put(b, ",\n  "), json_put_named(b, "title", x->info->title);
    kit_put(b, ",\n  "), json_put_named(b, "statement", x->info->statement);
    kit_put(b, ",\n  ");
    json_put_named(b, "key_result", x->info->key_result ? x->info->key_result : "");
    kit_putf(b, ",\n  \"version\": \"" CLB_VERSION "\", \"results_version\": %d, \"shard\": ",
             CLB_RESULTS_VERSION);
    if (x->set.shards > 1) kit_putf(b, "\"%ld/%ld\",\n", x->set.shard, x->set.shards);
    else kit_put(b, "null,\n");
    kit_put(b, "  "), kit_put_config(b, x);
    kit_putf(b, ",\n  \"paper_seeds\": %s,\n", kit_bool(x->has_published));
    kit_put_runs(b, x);
    if (kit_complete(x)) kit_put_report(b, x);
    kit_putf(b, "  \"environment\": {\"isa\": \"%s\", \"threads\": %d, ",
             clb_isa_name(clb_isa_get()), kit_threads(x));
    json_put_named(b, "build", clb_build_info());
    kit_putf(b, ", \"shards\": %d, \"seconds\": %.3f}\n}\n", x->files ? x->files : 1, x->seconds);
}

KIT_FN int kit_save_as(const kit *x, const char *path)
{
    kit_buf b = { NULL, 0, 0 };
    int status;
    kit_put_result(&b, x);
    status = kit_write_file(path, b.s, b.n);
    free(b.s);
    return status;
}

/* Result file, and figures into their folder; with --json FILE alone, beside the file. */
KIT_FN int kit_save(kit *x)
{
    const char *path = kit_result_path(x), *slash = strrchr(path, '/'), *folder = kit_out(x);
    int only_json = x->set.json && !x->set.out, status;
    if (!only_json) kit_make_folder(folder);
    if (only_json)
        folder = slash ? kit_print(x, "%.*s", (int)(slash - path), path) : ".";
    status = kit_save_as(x, path);
    if (only_json && !strcmp(path, "-")) return status;
    for (plot *p = x->figures; p && !status; p = p->next) {
        char *svg = plot_svg(p);
        status = kit_write_file(kit_print(x, "%s/%s", folder, p->file), svg, strlen(svg));
        free(svg);
    }
    if (!status) kit_journal_close(x, 0);
    return status;
}

/* ============================================================================================
 * Reading
 * ========================================================================================== */

/* The runs of files into the plan. */
KIT_FN int kit_take_files(kit *x, const char *const *paths)
{
    for (; *paths; ++paths) {
        const json *runs;
        json_doc doc;
        int status;
        if (!json_read(&doc, *paths)) {
            fprintf(stderr, "%s\n", doc.error);
            json_free(&doc);
            return KIT_BAD_INPUT;
        }
        status = kit_same_config(x, doc.root, "clb-result/2", *paths);
        runs = json_get(doc.root, "runs");
        for (const json *one = runs ? runs->first : NULL; one && !status; one = one->next)
            status = kit_take_run(x, one, *paths);
        json_free(&doc);
        if (status) return status;
        ++x->files;
    }
    return KIT_OK;
}

/* Two lists as one: "1..3" and "2,7" are "1,2,3,7"; the same text stays what it is. set:
 * kit_set_seeds or kit_set_lrs; NULL for names of parts. NULL: one of them is no list. */
KIT_FN const char *kit_join_lists(kit_arena *arena, int (*set)(void *, const char *), const char *a,
                                  const char *b)
{
    kit_settings one = kit_settings_default(), two = kit_settings_default();
    kit_list x, y;
    kit_buf text = { NULL, 0, 0 };
    char number[40];
    const char *joined;
    if (!strcmp(a, b)) return a;
    if (set && (!set(&one, a) || !set(&two, b))) return NULL;
    x = one.seeds ? one.seed_list : one.lr_list, y = two.seeds ? two.seed_list : two.lr_list;
    for (size_t i = 0; i < x.n + y.n; ++i) {
        double v = i < x.n ? x.at[i] : y.at[i - x.n];
        if (i < x.n || !kit_in(x, v))
            kit_putf(&text, "%s%s", i ? "," : "", json_decimal(number, sizeof number, v));
    }
    if (!set) kit_putf(&text, "%s,%s", a, b);
    joined = kit_copy(arena, text.s);
    free(text.s);
    return joined;
}

/* The settings of a file, joined with those of the files before it. A list that one file has and
 * another has not stays open: that file has the experiment's own, which only plan() knows. */
KIT_FN int kit_settings_of_file(kit_settings *all, kit_arena *arena, const char *path, int first)
{
    static const char *const names[] = { "seeds", "lrs", "part" };
    static int (*const set[])(void *, const char *) = { kit_set_seeds, kit_set_lrs, NULL };
    const char **lists[3];
    json_doc doc;
    const json *config;
    int status = KIT_OK;
    lists[0] = &all->seeds, lists[1] = &all->lrs, lists[2] = &all->part;
    if (!json_read(&doc, path)) fprintf(stderr, "%s\n", doc.error), status = KIT_BAD_INPUT;
    config = status ? NULL : json_get(doc.root, "config");
    for (int i = 0; i < 3 && !status; ++i) {
        const json *v = json_get(config, names[i]);
        const char *before = *lists[i], *text = NULL;
        if (v && v->kind == JSON_TEXT) text = kit_copy(arena, v->text);
        *lists[i] = first ? text : NULL;
        if (first || !before || !text) continue;
        *lists[i] = kit_join_lists(arena, set[i], before, text);
        if (!*lists[i]) status = kit_bad_file(path, "no list of numbers", text);
    }
    if (first && !status) all->quick = json_get_number(config, "quick") == 1;
    json_free(&doc);
    return status;
}

/* --from without --seeds, --lrs, --part, --quick: as the files were run, all together. Then every
 * run in them is taken; else those that were chosen. */
KIT_FN int kit_settings_of_files(kit_settings *set, kit_arena *arena, const char *const *paths)
{
    kit_settings all = kit_settings_default();
    for (size_t i = 0; paths[i]; ++i) {
        int status = kit_settings_of_file(&all, arena, paths[i], i == 0);
        if (status) return status;
    }
    set->take_all = !set->seeds && !set->lrs && !set->part;
    if (!set->seeds && all.seeds && !kit_set_seeds(set, all.seeds))
        return kit_bad_file(paths[0], "no list of seeds", all.seeds);
    if (!set->lrs && all.lrs && !kit_set_lrs(set, all.lrs))
        return kit_bad_file(paths[0], "no list of learning rates", all.lrs);
    if (!set->part) set->part = all.part;
    set->quick |= all.quick;
    return KIT_OK;
}

#endif /* KIT_RESULT_H */
