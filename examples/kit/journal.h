/* journal.h - runs as JSON, and the journal: every run that is done goes into a file beside the
 * result at once, so that a command that was killed loses only what it was computing.
 *
 *   OUT/E05.json.partial     a line that says what decides the numbers, then a line a run
 *
 * The journal is removed when the result stands. --resume takes its runs and goes on. It is held
 * with a lock, so that no two programs make the same result file at the same time. */
#ifndef KIT_JOURNAL_H
#define KIT_JOURNAL_H

#include "keys.h"

/* --- writing ---------------------------------------------------------------------------------- */

KIT_FN const char *kit_bool(int v) { return v ? "true" : "false"; }

/* Everything that decides the numbers. */
KIT_FN void kit_put_config(kit_buf *b, const kit *x)
{
    kit_putf(b, "\"config\": {\"precision\": \"%s\", ", CLB_PRECISION);
    json_put_named(b, "seeds", x->set.seeds), kit_put(b, ", ");
    json_put_named(b, "lrs", x->set.lrs);
    kit_putf(b, ", \"quick\": %s, ", kit_bool(x->set.quick));
    json_put_named(b, "part", x->set.part);
    for (size_t i = 0; x->info->options && x->info->options[i].name; ++i)
        kit_put(b, ", "), json_put_named(b, x->info->options[i].name, x->set.args[i]);
    for (const kit_constant *c = x->config; c; c = c->next) {
        kit_put(b, ", ");
        if (c->text) json_put_named(b, c->name, c->text);
        else json_put_value(b, c->name, c->value);
    }
    kit_put(b, "}");
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

/* --- reading ---------------------------------------------------------------------------------- */

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

/* A run of a file that the plan has not. */
KIT_FN int kit_not_planned(const json *run, const char *path)
{
    const char *part = json_get_text(run, "part");
    char seed[40];
    double v = json_get_number(run, "seed");
    fprintf(stderr, "%s: run %zu (part %s%s%s) is not planned; --seeds, --lrs and --part choose "
                    "runs\n", path, run->index, part, isnan(v) ? "" : ", seed ",
            isnan(v) ? "" : json_decimal(seed, sizeof seed, v));
    return KIT_BAD_INPUT;
}

/* A run that was read into the plan. One that is not planned (another seed) is left, or an error. */
KIT_FN int kit_take_run(kit *x, const json *run, const char *path)
{
    const kit_part *part = NULL;
    kit_run *planned;
    void *keys;
    int whole = 1;
    for (size_t i = 0; i < x->part_n; ++i)
        if (!strcmp(x->parts[i]->name, json_get_text(run, "part"))) part = x->parts[i];
    if (!part) return x->set.take_all ? kit_not_planned(run, path) : KIT_OK;
    keys = kit_realloc(NULL, 1, part->size);
    for (size_t i = 0; i < part->field_count && whole; ++i)
        if (part->fields[i].key) whole = kit_take_value(x, keys, &part->fields[i], run);
    planned = whole ? kit_find(x, part, keys, NULL) : NULL;
    free(keys);
    for (size_t i = 0; planned && i < part->field_count; ++i) {
        const kit_field *f = &part->fields[i];
        if (!f->key && !kit_take_value(x, planned->values, f, run))
            return kit_bad_file(path, "a run has no", f->name);
    }
    if (!planned && x->set.take_all) return kit_not_planned(run, path);
    if (planned) planned->done = 1;
    return KIT_OK;
}

/* A file's own word for what decides the numbers must be ours: experiment, results version,
 * precision, quick, own options, constants. */
KIT_FN int kit_same_config(const kit *x, const json *root, const char *schema, const char *path)
{
    const json *config = json_get(root, "config");
    double v;
    if (strcmp(json_get_text(root, "schema"), schema))
        return kit_bad_file(path, "not a file of schema", schema);
    if (strcmp(json_get_text(root, "experiment"), x->info->id))
        return kit_bad_file(path, "another experiment", json_get_text(root, "experiment"));
    v = json_get_number(root, "results_version");
    if (v != CLB_RESULTS_VERSION) {
        fprintf(stderr, "%s: results version %g, this program has %d\n", path, v,
                CLB_RESULTS_VERSION);
        return KIT_BAD_INPUT;
    }
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

/* --- the journal ------------------------------------------------------------------------------ */

#define KIT_JOURNAL "clb-journal/1"

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

KIT_FN int kit_journal_failed(const kit *x)
{
    fprintf(stderr, "%s: cannot write %s: %s\n", x->info->id, x->journal_path,
            errno == EBUSY ? "another program is making this result" : strerror(errno));
    return KIT_OUTPUT;
}

/* Close it; it stays for --resume if there are runs in it. */
KIT_FN void kit_journal_close(kit *x, int keep)
{
    if (!x->journal) return;
#ifdef _WIN32
    fclose(x->journal);
    if (!keep) remove(x->journal_path);
#else
    if (!keep) remove(x->journal_path);          /* while nobody else can have it */
    fclose(x->journal);
#endif
    x->journal = NULL;
}

/* Add a line; the text is freed. */
KIT_FN int kit_journal_put(kit *x, kit_buf *line)
{
    int ok;
    kit_put(line, "\n");
    ok = fwrite(line->s, 1, line->n, x->journal) == line->n && !fflush(x->journal);
    free(line->s);
    x->journal_lines += ok != 0;
    return ok ? KIT_OK : kit_journal_failed(x);
}

/* A run that is done. KIT_OK or KIT_OUTPUT with one line on stderr. */
KIT_FN int kit_journal_add(kit *x, const kit_run *run)
{
    kit_buf line = { NULL, 0, 0 };
    if (!x->journal) return KIT_OK;
    kit_put_run(&line, run);
    return kit_journal_put(x, &line);
}

/* Its runs into the plan. A line that was being written when the program was killed is no JSON and
 * left out. */
KIT_FN int kit_journal_take(kit *x)
{
    size_t n;
    char *text = kit_read_stream(x->journal, &n);
    int status = KIT_OK;
    const char *at = text, *end;
    if (!text) return kit_journal_failed(x);
    for (; !status && (end = (const char *)memchr(at, '\n', n)) != NULL; at = end + 1) {
        json_doc doc;
        if (json_parse(&doc, x->journal_path, at, (size_t)(end - at))) {
            if (x->journal_lines++) status = kit_take_run(x, doc.root, x->journal_path);
            else status = kit_same_config(x, doc.root, KIT_JOURNAL, x->journal_path);
        }
        json_free(&doc);
        n -= (size_t)(end + 1 - at);
    }
    free(text);
    if (!status && n && x->journal_lines) {      /* what was cut is ended, so that it stays alone */
        kit_buf line = { NULL, 0, 0 };
        fseek(x->journal, 0, SEEK_END);
        status = kit_journal_put(x, &line);
    }
    return status;
}

/* The line that says what decides the numbers. */
KIT_FN int kit_journal_head(kit *x)
{
    kit_buf line = { NULL, 0, 0 };
    kit_put(&line, "{"), json_put_named(&line, "schema", KIT_JOURNAL);
    kit_put(&line, ", "), json_put_named(&line, "experiment", x->info->id);
    kit_putf(&line, ", \"results_version\": %d, ", CLB_RESULTS_VERSION);
    kit_put_config(&line, x), kit_put(&line, "}");
    return kit_journal_put(x, &line);
}

/* Open the journal and, with --resume, take its runs. A command whose result goes to a pipe, a
 * device or stdout has none. */
KIT_FN int kit_journal_open(kit *x)
{
    const char *path = kit_result_path(x);
    int status = KIT_OK;
    if (!strcmp(path, "-") || kit_is_special(path)) return KIT_OK;
    x->journal_path = kit_print(x, "%s.partial", path);
    kit_make_folder_of(path);
    if (x->set.resume) {
        if (!(x->journal = kit_open_soon(x->journal_path))) return kit_journal_failed(x);
        if ((status = kit_journal_take(x)) != KIT_OK || x->journal_lines) return status;
        fclose(x->journal);
    }
    if (!(x->journal = kit_open_empty(x->journal_path, 0))) return kit_journal_failed(x);
    return kit_journal_head(x);
}

#endif /* KIT_JOURNAL_H */
