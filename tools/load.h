/* load.h - result files back into experiments, and the merging of shards. A file holds the rows;
 * everything else (tables, summary, verdicts, ledger, figures) is computed again from them by the
 * experiment's finish().
 */
#ifndef CLB_LOAD_H
#define CLB_LOAD_H

/* E05 from "E5", "e05", "E05"; NULL if there is none. */
EX_FN const ex_info *load_info(const char *id, size_t n)
{
    long long number, own;
    for (size_t i = 0; i < EX_LEN(all_experiments); ++i) {
        const ex_info *info = all_experiments[i];
        if (n < 2 || (id[0] & ~32) != info->id[0] || !ex_whole(id + 1, n - 1, 0, 99, &number))
            continue;
        if (ex_whole(info->id + 1, strlen(info->id + 1), 0, 99, &own) && own == number) return info;
    }
    return NULL;
}

EX_FN double load_null(const json *reason)
{
    const char *why = reason && reason->kind == JSON_TEXT ? reason->text : "";
    return !strcmp(why, "inf") ? EX_INF : !strcmp(why, "-inf") ? -EX_INF : EX_NAN;
}

/* One value of a run; reasons: its "_null" companion. */
EX_FN void load_value(ex_row *row, const json *v, const json *reasons)
{
    switch (v->kind) {
    case JSON_NUMBER: ex_num(row, v->key, v->number); break;
    case JSON_BOOL: ex_flag(row, v->key, v->number != 0); break;
    case JSON_TEXT: ex_text(row, v->key, v->text); break;
    case JSON_NULL: ex_num(row, v->key, load_null(reasons)); break;
    case JSON_OBJECT: break;
    case JSON_LIST: {
        double *at = ex_space(row, v->count);
        const json *reason = reasons ? reasons->first : NULL;
        for (const json *c = v->first; c; c = c->next) {
            at[c->index] = c->number;
            if (c->kind == JSON_NUMBER) continue;
            at[c->index] = load_null(reason);
            if (reason) reason = reason->next;
        }
        ex_array(row, v->key, v->count, at);
    }
    }
}

/* Does the stored value equal the planned one? */
EX_FN int load_same_value(const ex_value *v, const json *node)
{
    const json *c = node ? node->first : NULL;
    if (!node) return 0;
    if (v->kind == EX_KIND_TEXT) return node->kind == JSON_TEXT && !strcmp(v->text, node->text);
    if (v->kind != EX_KIND_ARRAY)
        return isfinite(v->num) ? node->kind != JSON_NULL && v->num == node->number
                                : node->kind == JSON_NULL;
    if (node->kind != JSON_LIST || node->count != v->n) return 0;
    for (size_t i = 0; c && i < v->n; ++i, c = c->next)
        if (v->array[i] != c->number) return 0;
    return 1;
}

/* Is the stored run the planned one? */
EX_FN int load_same_keys(const ex_row *row, const json *run)
{
    double seed = json_get_number(run, "seed");
    if (strcmp(row->part, json_get_text(run, "part"))
        || !(row->seed == seed || (isnan(row->seed) && isnan(seed))))
        return 0;
    for (size_t k = 0; k < row->keys; ++k)
        if (!load_same_value(&row->values[k], json_get(run, row->values[k].name))) return 0;
    return 1;
}

EX_FN int load_runs(ex *x, const json *runs, const char *path)
{
    for (const json *run = runs ? runs->first : NULL; run; run = run->next) {
        double index = json_get_number(run, "run");
        ex_row *row;
        if (!(index >= 0 && index < (double)x->runs.n)
            || !load_same_keys(x->runs.at[(size_t)index], run)) {
            fprintf(stderr, "%s: run %.0f is not the one that this version plans\n", path, index);
            return EX_BAD_INPUT;
        }
        row = x->runs.at[(size_t)index];
        if (row->done) {
            fprintf(stderr, "%s: run %.0f stands in it twice\n", path, index);
            return EX_BAD_INPUT;
        }
        row->done = 1;
        for (const json *v = run->first; v; v = v->next) {
            char name[160];
            size_t n = strlen(v->key);
            if (!strcmp(v->key, "run") || !strcmp(v->key, "part") || !strcmp(v->key, "seed"))
                continue;
            if (n > 5 && !strcmp(v->key + n - 5, "_null")) continue;
            snprintf(name, sizeof name, "%s_null", v->key);
            load_value(row, v, json_get(run, name));
        }
    }
    return EX_OK;
}

EX_FN int load_settings(const json *config, const ex_info *info, ex_settings *set)
{
    const char *seeds = json_get_text(config, "seeds"), *lrs = json_get_text(config, "lrs");
    *set = ex_settings_default();
    set->published = json_get_number(config, "published") != 0;
    set->quick = json_get_number(config, "quick") != 0;
    for (size_t i = 0; info->options && info->options[i].name; ++i) {
        const char *value = json_get_text(config, info->options[i].name);
        set->args[i] = value[0] ? ex_copy(&ex_option_arena, value) : NULL;
    }
    return (!strcmp(seeds, "default") || ex_set_seeds(set, ex_copy(&ex_option_arena, seeds)))
        && (!strcmp(lrs, "default") || ex_set_lrs(set, ex_copy(&ex_option_arena, lrs)));
}

/* Does the file's configuration have the constants that this version has? */
EX_FN int load_same_config(const ex *x, const json *config)
{
    for (size_t i = 0; i < x->config->count; ++i)
        if (!load_same_value(&x->config->values[i], json_get(config, x->config->values[i].name)))
            return 0;
    return 1;
}

/* An experiment from a parsed result file, rows only. NULL with one line on stderr. */
EX_FN ex *load_document(const json *root, const char *path)
{
    const char *id = json_get_text(root, "experiment");
    const ex_info *info = load_info(id, strlen(id));
    const json *config = json_get(root, "config");
    ex_settings set;
    ex *x;
    if (strcmp(json_get_text(root, "schema"), "clb-result/1") || !info
        || !load_settings(config, info, &set)) {
        fprintf(stderr, "%s: not a result file of this program\n", path);
        return NULL;
    }
    if (json_get_number(root, "results_version") != CLB_RESULTS_VERSION) {
        fprintf(stderr, "%s: results version %g, this program has %d\n", path,
                json_get_number(root, "results_version"), CLB_RESULTS_VERSION);
        return NULL;
    }
    x = ex_open(info, &set);
    x->precision = ex_copy(&x->arena, json_get_text(config, "precision"));
    x->seconds = json_get_number(json_get(root, "environment"), "seconds");
    if (!load_same_config(x, config))
        fprintf(stderr, "%s: made with other constants than this version has\n", path);
    else if (load_runs(x, json_get(root, "runs"), path) == EX_OK) return x;
    ex_close(x);
    return NULL;
}

EX_FN ex *load_file(const char *path)
{
    json_doc doc;
    ex *x = NULL;
    if (json_read(&doc, path)) x = load_document(doc.root, path);
    else fprintf(stderr, "%s\n", doc.error);
    json_free(&doc);
    return x;
}

/* A finished experiment from DIR/ID.json; *missing = 1 and NULL if there is no such file. */
EX_FN ex *load_result(const char *folder, const ex_info *info, int *missing)
{
    char path[1100];
    FILE *f;
    ex *x;
    snprintf(path, sizeof path, "%s/%s.json", folder, info->id);
    f = fopen(path, "rb");
    *missing = !f;
    if (!f) return NULL;
    fclose(f);
    x = load_file(path);
    if (x && !ex_complete(x)) {
        fprintf(stderr, "%s: holds only a part of the runs; merge the shards first\n", path);
        ex_close(x);
        x = NULL;
    }
    if (x) x->info->finish(x);
    return x;
}

/* Exchange what two rows hold; the rows themselves stay where they are. */
EX_FN void load_swap(ex_row *a, ex_row *b)
{
    ex_row old = *a;
    a->arena = b->arena, a->values = b->values, a->count = b->count, a->cap = b->cap,
    a->done = b->done;
    b->arena = old.arena, b->values = old.values, b->count = old.count, b->cap = old.cap,
    b->done = old.done;
}

/* Move the rows of `from` into `to`. */
EX_FN int load_join(ex *to, ex *from, const char *path)
{
    ex_buf a = { NULL, 0, 0 }, b = { NULL, 0, 0 };
    int same;
    ex_json_config(&a, to), ex_json_config(&b, from);
    same = to->info == from->info && !strcmp(a.s, b.s);
    free(a.s), free(b.s);
    if (!same) {
        fprintf(stderr, "%s: another experiment or configuration than the first file\n", path);
        return EX_BAD_INPUT;
    }
    for (size_t i = 0; i < to->runs.n; ++i) {
        ex_row *row = from->runs.at[i];
        if (!row->done) continue;
        if (to->runs.at[i]->done) {
            fprintf(stderr, "%s: run %zu stands in an earlier file too\n", path, i);
            return EX_BAD_INPUT;
        }
        load_swap(to->runs.at[i], row);
    }
    to->seconds += from->seconds;
    return EX_OK;
}

/* All shards of one experiment; complete and finished, or NULL. */
EX_FN ex *load_merged(const char *const *paths, size_t n)
{
    ex *x = load_file(paths[0]);
    for (size_t i = 1; i < n && x; ++i) {
        ex *more = load_file(paths[i]);
        int status = more ? load_join(x, more, paths[i]) : EX_BAD_INPUT;
        ex_close(more);
        if (status) { ex_close(x); return NULL; }
    }
    for (size_t i = 0; x && i < x->runs.n; ++i)
        if (!x->runs.at[i]->done) {
            ex_buf keys = { NULL, 0, 0 };
            ex_put_keys(&keys, x->runs.at[i]);
            fprintf(stderr, "%s: run %zu is missing (%s)\n", x->info->id, i, keys.s);
            free(keys.s);
            ex_close(x);
            return NULL;
        }
    if (!x) return NULL;
    x->merged = (int)n;
    x->info->finish(x);
    return x;
}

#endif /* CLB_LOAD_H */
