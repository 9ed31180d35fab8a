/* replicate.h - the claims of the paper over many seeds. Every experiment is run on all seeds in
 * chunks; a chunk that is done is not done again, so an interrupted replication resumes. Then
 * finish() is repeated on groups of as many seeds as the paper used: how often would a fresh group
 * have supported the claim as printed?
 */
#ifndef CLB_REPLICATE_H
#define CLB_REPLICATE_H

enum { REPLICATE_CHUNKS = 20 };

/* Chunk k of an experiment: from its file, or run now and written. NULL on failure. */
EX_FN ex *replicate_chunk(const ex_info *info, const ex_settings *set, const char *out, long k)
{
    ex_settings part = *set;
    char path[1200];
    FILE *f;
    ex *x;
    part.shard = k, part.shards = REPLICATE_CHUNKS;
    snprintf(path, sizeof path, "%s/%s.chunk-%02ld.json", out, info->id, k);
    f = fopen(path, "rb");
    if (f) {
        fclose(f);
        x = load_file(path);
        return x;
    }
    part.out = out, part.json = path;
    x = ex_open(info, &part);
    if (ex_execute(x) == EX_OK && ex_save(x) == EX_OK) return x;
    ex_close(x);
    return NULL;
}

/* The rows of `all` that belong to the seeds of one group, finished. */
EX_FN ex *replicate_group(ex *all, ex_list seeds)
{
    ex_settings set = all->set;
    ex *x;
    size_t from = 0;
    set.seeds = "group", set.seed_list = seeds, set.shard = 0, set.shards = 1;
    x = ex_open(all->info, &set);
    for (size_t i = 0; i < x->runs.n; ++i) {        /* both lists have the order of the plan */
        ex_row *row = x->runs.at[i];
        ex_buf a = { NULL, 0, 0 };
        ex_put_keys(&a, row);
        for (size_t tries = 0; tries < all->runs.n; ++tries, from = (from + 1) % all->runs.n) {
            ex_buf b = { NULL, 0, 0 };
            int same;
            if (all->runs.at[from]->seed != row->seed || all->runs.at[from]->keys != row->keys)
                continue;
            ex_put_keys(&b, all->runs.at[from]);
            same = !strcmp(a.s, b.s);
            free(b.s);
            if (!same) continue;
            load_swap(row, all->runs.at[from]);
            break;
        }
        free(a.s);
    }
    if (ex_complete(x)) all->info->finish(x);
    else { ex_close(x); return NULL; }
    return x;
}

/* Give the rows back. */
EX_FN void replicate_return(ex *all, ex *group)
{
    for (size_t i = 0; i < group->runs.n; ++i) {
        ex_row *row = group->runs.at[i];
        for (size_t k = 0; k < all->runs.n; ++k)
            if (!all->runs.at[k]->done && all->runs.at[k]->seed == row->seed
                && ex_is(all->runs.at[k], row->part)) {
                ex_buf a = { NULL, 0, 0 }, b = { NULL, 0, 0 };
                int same;
                ex_put_keys(&a, row), ex_put_keys(&b, all->runs.at[k]);
                same = !strcmp(a.s, b.s);
                free(a.s), free(b.s);
                if (!same) continue;
                load_swap(all->runs.at[k], row);
                break;
            }
    }
}

typedef struct replicate_claim {
    size_t counts[3], groups;
    double *values;
    size_t value_n;
} replicate_claim;

EX_FN double replicate_key(const ex *x)
{
    for (size_t i = 0; x->info->key && i < x->summary.n; ++i)
        if (ex_is(x->summary.at[i], x->info->key)) return ex_get(x->summary.at[i], "value");
    return EX_NAN;
}

/* Claims of one experiment over all groups, as Markdown lines. */
EX_FN void replicate_lines(ex_buf *b, ex *all)
{
    size_t size = all->seeds_asked ? all->seeds_asked : 1,
           groups = all->seeds_asked ? all->set.seed_list.n / size : 0;
    replicate_claim claims[64];
    double *keys = ex_doubles(all, groups);
    size_t key_n = 0;
    clb_summary spread;
    memset(claims, 0, sizeof claims);
    for (size_t g = 0; g < groups; ++g) {
        ex_list seeds = { size, all->set.seed_list.at + g * size };
        ex *x = replicate_group(all, seeds);
        if (!x) continue;
        for (size_t k = 0; k < x->verdict_n; ++k)       /* claims are told apart by their text */
            for (size_t c = 0; c < all->verdict_n; ++c)
                if (!strcmp(x->verdicts[k].claim, all->verdicts[c].claim))
                    ++claims[c].counts[x->verdicts[k].verdict], ++claims[c].groups;
        keys[key_n++] = replicate_key(x);
        replicate_return(all, x);
        ex_close(x);
    }
    clb_sort(key_n, keys);
    spread = clb_summarize(key_n, keys);
    for (size_t c = 0; c < all->verdict_n; ++c) {
        ex_putf(b, "| %s | ", all->info->id);
        tables_md(b, all->verdicts[c].claim);
        ex_put(b, " | ");
        tables_md(b, all->verdicts[c].measured);
        ex_putf(b, " | %s | ", ex_judgement_name(all->verdicts[c].verdict));
        if (all->seeds_asked)
            ex_putf(b, "%zu of %zu", claims[c].counts[EX_REPRODUCED], claims[c].groups);
        else ex_put(b, "no seeds in it");
        ex_putf(b, " | %zu | ", claims[c].counts[EX_QUALIFIED]);
        if (c == 0 && all->info->key && spread.finite)
            ex_putf(b, "%s: %.4g (%.4g to %.4g)", all->info->key,
                    clb_quantile_sorted(spread.finite, keys, 0.5), spread.min, spread.max);
        ex_put(b, " |\n");
    }
}

/* Run (or resume) and tabulate. */
EX_FN int replicate(const ex_settings *set, const ex_info *const *infos, size_t n)
{
    const char *out = set->out ? set->out : "build/replicate";
    ex_buf b = { NULL, 0, 0 };
    int status = EX_OK;
    ex_make_folder(out);
    ex_putf(&b,
            "Made by `build/clb_tables replicate --seeds %s%s%s`. Groups have the size that the "
            "paper used.\n\n"
            "| | claim | all seeds | verdict | groups that reproduce it | qualified | key value "
            "over groups: median (range) |\n"
            "|---|---|---|---|---|---|---|\n",
            set->seeds, set->published ? " --published" : "", set->quick ? " --quick" : "");
    for (size_t i = 0; i < n && !status; ++i) {
        ex *all = replicate_chunk(infos[i], set, out, 0);
        for (long k = 1; all && k < REPLICATE_CHUNKS; ++k) {
            ex *more = replicate_chunk(infos[i], set, out, k);
            if (!more || load_join(all, more, out)) { ex_close(all); all = NULL; }
            ex_close(more);
        }
        if (!all) { status = EX_NUMERICAL; break; }
        all->set.shard = 0, all->set.shards = 1;
        infos[i]->finish(all);
        replicate_lines(&b, all);
        if (!set->quiet)
            fprintf(stderr, "%s  %zu runs, %.1f s\n", infos[i]->id, all->runs.n, all->seconds);
        ex_close(all);
    }
    if (!status) status = tables_file(out, "replication.md", &b);
    if (!status && !set->quiet) fprintf(stderr, "%s/replication.md\n", out);
    free(b.s);
    return status;
}

#endif /* CLB_REPLICATE_H */
