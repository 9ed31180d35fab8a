/* result.h - the result file (tools/result.schema.json): writing, and taking runs from files. */
#ifndef KIT_RESULT_H
#define KIT_RESULT_H

#include "claims.h"
#include "figures.h"
#include "run.h"

/* ============================================================================================
 * Writing
 * ========================================================================================== */

KIT_FN const char *kit_bool(int v) { return v ? "true" : "false"; }

/* Everything that decides the numbers. */
KIT_FN void kit_put_config(kit_buf *b, const kit *x)
{
    kit_putf(b, "  \"config\": {\"precision\": \"%s\", ", CLB_PRECISION);
    json_put_named(b, "seeds", x->set.seeds), kit_put(b, ", ");
    json_put_named(b, "lrs", x->set.lrs);
    kit_putf(b, ", \"published\": %s, \"quick\": %s, ", kit_bool(x->set.published),
             kit_bool(x->set.quick));
    json_put_named(b, "part", x->set.part);
    for (size_t i = 0; x->info->options && x->info->options[i].name; ++i)
        kit_put(b, ", "), json_put_named(b, x->info->options[i].name, x->set.args[i]);
    for (const kit_constant *c = x->config; c; c = c->next) {
        kit_put(b, ", ");
        if (c->text) json_put_named(b, c->name, c->text);
        else json_put_value(b, c->name, c->value);
    }
    kit_put(b, "},\n");
}

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

KIT_FN void kit_put_run(kit_buf *b, const kit_run *run)
{
    kit_put(b, "{"), json_put_named(b, "part", run->part->name);
    for (size_t i = 0; i < run->part->field_count; ++i) {
        const kit_field *f = &run->part->fields[i];
        kit_put(b, ", ");
        if (f->kind == KIT_KIND_TEXT) json_put_named(b, f->name, *kit_text_at(run->values, f));
        else if (f->kind == KIT_KIND_ARRAY)
            json_put_array(b, f->name, *kit_array_at(run->values, f));
        else json_put_value(b, f->name, *kit_number_at(run->values, f));
    }
    kit_put(b, "}");
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
        kit_put(b, "}");
    }
    kit_put(b, "\n  },\n");
}

KIT_FN void kit_put_one_test(kit_buf *b, const kit_test *t)
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
             t->asks == KIT_ASKS_NOTHING || isnan(t->value) ? "null"
                 : kit_bool(kit_bound_holds(&t->bound, t->value)));
}

KIT_FN void kit_put_claim(kit_buf *b, const kit_claim *c)
{
    kit_put(b, "{"), json_put_named(b, "name", c->name);
    kit_put(b, ", "), json_put_named(b, "source", kit_source_names[c->source]);
    kit_put(b, ",\n      "), json_put_named(b, "claim", c->claim);
    kit_put(b, ",\n      "), json_put_named(b, "published", c->published);
    kit_putf(b, ",\n      \"rule\": {\"seeds\": %zu, \"grid\": %s, \"tests\": [", c->seeds,
             kit_bool(c->grid));
    for (size_t i = 0; i < c->n; ++i)
        kit_put(b, i ? ",\n        " : "\n        "), kit_put_one_test(b, &c->tests[i]);
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
    kit_put_config(b, x);
    kit_put_runs(b, x);
    if (kit_complete(x)) kit_put_report(b, x);
    kit_putf(b, "  \"environment\": {\"isa\": \"%s\", \"threads\": %d, ",
             clb_isa_name(clb_isa_get()), kit_threads(x));
    json_put_named(b, "build", clb_build_info());
    kit_putf(b, ", \"shards\": %d, \"seconds\": %.3f}\n}\n", x->files ? x->files : 1, x->seconds);
}

KIT_FN const char *kit_out(const kit *x) { return x->set.out ? x->set.out : "results"; }

/* Where the result file goes. */
KIT_FN const char *kit_result_path(kit *x)
{
    if (x->set.json) return x->set.json;
    if (x->set.shards > 1)
        return kit_print(x, "%s/%s.shard-%ld-of-%ld.json", kit_out(x), x->info->id, x->set.shard,
                         x->set.shards);
    return kit_print(x, "%s/%s.json", kit_out(x), x->info->id);
}

/* Where the runs of an interrupted command wait for --resume. */
KIT_FN const char *kit_partial_path(kit *x)
{
    return kit_print(x, "%s/%s.partial-%ld-of-%ld.json", kit_out(x), x->info->id, x->set.shard,
                     x->set.shards);
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
    return status;
}

/* ============================================================================================
 * Reading
 * ========================================================================================== */

KIT_FN int kit_bad_file(const char *path, const char *what, const char *name)
{
    fprintf(stderr, "%s: %s%s%s\n", path, what, *name ? ": " : "", name);
    return KIT_BAD_INPUT;
}

/* One value of a run from its object; 0 if it is not there or has another type. */
KIT_FN int kit_take_value(kit *x, void *values, const kit_field *f, const json *run)
{
    const json *v = json_get(run, f->name);
    if (f->kind == KIT_KIND_NUMBER) return json_get_value(run, f->name, kit_number_at(values, f));
    if (f->kind == KIT_KIND_ARRAY)
        return json_get_list(&x->arena, run, f->name, kit_array_at(values, f));
    if (!v || v->kind != JSON_TEXT) return 0;
    *kit_text_at(values, f) = kit_copy(&x->arena, v->text);
    return 1;
}

/* Are these the keys of a planned run? */
KIT_FN int kit_keys_match(const kit_run *planned, const json *run)
{
    if (strcmp(planned->part->name, json_get_text(run, "part"))) return 0;
    for (size_t i = 0; i < planned->part->field_count; ++i) {
        const kit_field *f = &planned->part->fields[i];
        double v;
        if (!f->key) continue;
        if (f->kind == KIT_KIND_TEXT) {
            if (strcmp(*kit_text_at(planned->values, f), json_get_text(run, f->name))) return 0;
        } else if (!json_get_value(run, f->name, &v) || v != *kit_number_at(planned->values, f))
            return 0;
    }
    return 1;
}

/* The runs of one document into the plan. Runs that are not planned (other seeds) are left; two
 * that differ are an error. */
KIT_FN int kit_take_runs(kit *x, const json *root, const char *path)
{
    const json *runs = json_get(root, "runs");
    size_t next = 0;                                       /* files keep the order of the plan */
    for (const json *run = runs ? runs->first : NULL; run; run = run->next) {
        size_t tried = 0;
        kit_run *planned;
        while (tried < x->run_n && !kit_keys_match(&x->runs[(next + tried) % x->run_n], run))
            ++tried;
        if (tried == x->run_n) continue;
        next = (next + tried) % x->run_n;
        planned = &x->runs[next], next = (next + 1) % x->run_n;
        for (size_t i = 0; i < planned->part->field_count; ++i) {
            const kit_field *f = &planned->part->fields[i];
            if (!f->key && !kit_take_value(x, planned->values, f, run))
                return kit_bad_file(path, "a run has no", f->name);
        }
        planned->done = 1;
    }
    return KIT_OK;
}

/* A file's own word for what decides the numbers must be ours: experiment, results version,
 * precision, quick, own options, constants. */
KIT_FN int kit_same_config(const kit *x, const json *root, const char *path)
{
    const json *config = json_get(root, "config");
    double v;
    if (strcmp(json_get_text(root, "schema"), "clb-result/2"))
        return kit_bad_file(path, "not a result file of schema clb-result/2", "");
    if (strcmp(json_get_text(root, "experiment"), x->info->id))
        return kit_bad_file(path, "another experiment", json_get_text(root, "experiment"));
    if (json_get_number(root, "results_version") != CLB_RESULTS_VERSION)
        return kit_bad_file(path, "another results version", "");
    if (strcmp(json_get_text(config, "precision"), CLB_PRECISION))
        return kit_bad_file(path, "another precision", json_get_text(config, "precision"));
    if (json_get_number(config, "quick") != (double)(x->set.quick != 0))
        return kit_bad_file(path, "run with and without --quick", "");
    for (size_t i = 0; x->info->options && x->info->options[i].name; ++i) {
        const char *ours = x->set.args[i] ? x->set.args[i] : "";
        if (strcmp(ours, json_get_text(config, x->info->options[i].name)))
            return kit_bad_file(path, "another value of option", x->info->options[i].name);
    }
    for (const kit_constant *c = x->config; c; c = c->next)
        if (c->text ? strcmp(c->text, json_get_text(config, c->name)) != 0
                    : !json_get_value(config, c->name, &v) || v != c->value)
            return kit_bad_file(path, "another value of", c->name);
    return KIT_OK;
}

/* The runs of files into the plan. */
KIT_FN int kit_take_files(kit *x, const char *const *paths)
{
    for (; *paths; ++paths) {
        json_doc doc;
        int status;
        if (!json_read(&doc, *paths)) {
            fprintf(stderr, "%s\n", doc.error);
            json_free(&doc);
            return KIT_BAD_INPUT;
        }
        status = kit_same_config(x, doc.root, *paths);
        if (!status) status = kit_take_runs(x, doc.root, *paths);
        json_free(&doc);
        if (status) return status;
        ++x->files;
    }
    return KIT_OK;
}

/* --from without --seeds, --lrs, --published, --quick, --part: as the first file was run. */
KIT_FN int kit_settings_of_file(kit_settings *set, kit_arena *arena, const char *path)
{
    json_doc doc;
    const json *config, *v;
    if (!json_read(&doc, path)) {
        fprintf(stderr, "%s\n", doc.error);
        json_free(&doc);
        return KIT_BAD_INPUT;
    }
    config = json_get(doc.root, "config");
    if ((v = json_get(config, "seeds")) != NULL && v->kind == JSON_TEXT && !set->seeds
        && !kit_set_seeds(set, kit_copy(arena, v->text)))
        return kit_bad_file(path, "no list of seeds", v->text);
    if ((v = json_get(config, "lrs")) != NULL && v->kind == JSON_TEXT && !set->lrs
        && !kit_set_lrs(set, kit_copy(arena, v->text)))
        return kit_bad_file(path, "no list of learning rates", v->text);
    if ((v = json_get(config, "part")) != NULL && v->kind == JSON_TEXT && !set->part)
        set->part = kit_copy(arena, v->text);
    if (json_get_number(config, "published") == 1) set->published = 1;
    if (json_get_number(config, "quick") == 1) set->quick = 1;
    json_free(&doc);
    return KIT_OK;
}

#endif /* KIT_RESULT_H */
