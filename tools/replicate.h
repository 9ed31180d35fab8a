/* replicate.h - the claims of the paper over many seeds. Every experiment is run on fresh groups of
 * as many seeds as the paper used; a group is an ordinary result file, and one that is there is not
 * run again, so an interrupted replication resumes. How many groups support a claim as printed?
 * What does each quantity of the paper look like over the groups, and what is it on all seeds?
 * Groups are made in the order of their last seed: stopped anywhere, what is there gives the table
 * of fewer seeds at once (--seeds 1..N with N a multiple of 15, as groups have 3 or 5).
 */
#ifndef CLB_REPLICATE_H
#define CLB_REPLICATE_H

/* One group of one experiment: seeds from..to-1 of the list. */
typedef struct replicate_job { size_t experiment, from, to; } replicate_job;

typedef struct replicate_plan {
    const ex_info *const *infos;
    const ex_settings    *set;
    const char           *out;
    size_t                n;                /* experiments                                  */
    size_t                size[ALL];        /* seeds of a group                             */
    double                seconds[ALL];     /* of the groups that were run, and their seeds */
    double                seeds[ALL];
    replicate_job        *jobs;
    size_t                job_n, done;
    double                said;             /* when the state was printed last              */
} replicate_plan;

/* --- running the groups ----------------------------------------------------------------------- */

/* Groups that end with the same seed stand together: runs that experiments share are then near one
 * another, and the time left can be told early. */
EX_FN int replicate_order(const void *a, const void *b)
{
    const replicate_job *x = (const replicate_job *)a, *y = (const replicate_job *)b;
    if (x->to != y->to) return x->to < y->to ? -1 : 1;
    return x->experiment < y->experiment ? -1 : x->experiment > y->experiment;
}

/* Seeds that do not fill a last group are run too: they count in the values on all seeds. */
EX_FN void replicate_make_plan(replicate_plan *p)
{
    size_t seeds = p->set->seed_list.n;
    p->jobs = (replicate_job *)ex_realloc(NULL, p->n * seeds, sizeof *p->jobs);
    for (size_t i = 0; i < p->n; ++i) {
        ex *x = ex_open(p->infos[i], p->set);
        p->size[i] = x->seeds_asked ? x->seeds_asked : seeds;
        ex_close(x);
        for (size_t from = 0; from < seeds; from += p->size[i]) {
            replicate_job job = { i, from, from + p->size[i] < seeds ? from + p->size[i] : seeds };
            p->jobs[p->job_n++] = job;
        }
    }
    qsort(p->jobs, p->job_n, sizeof *p->jobs, replicate_order);
}

/* Settings of one group; it keeps no memory that has to be freed before the program ends. */
EX_FN ex_settings replicate_settings(const replicate_plan *p, const replicate_job *job)
{
    ex_settings set = *p->set;
    ex_buf seeds = { NULL, 0, 0 };
    for (size_t s = job->from; s < job->to; ++s)
        ex_putf(&seeds, "%s%.0f", s > job->from ? "," : "", set.seed_list.at[s]);
    ex_set_seeds(&set, ex_copy(&ex_option_arena, seeds.s));
    free(seeds.s);
    set.out = NULL, set.json = NULL, set.quiet = 1, set.shard = 0, set.shards = 1;
    return set;
}

/* The group from its file; NULL with *missing = 1 if there is none, else with a line on stderr. */
EX_FN ex *replicate_load(const replicate_plan *p, const replicate_job *job, char *path, size_t size,
                         int *missing)
{
    ex_settings set = replicate_settings(p, job);
    const ex_info *info = p->infos[job->experiment];
    FILE *f;
    ex *x;
    snprintf(path, size, "%s/%s.seeds-%03zu.json", p->out, info->id, job->from + 1);
    f = fopen(path, "rb");
    *missing = !f;
    if (!f) return NULL;
    fclose(f);
    x = load_file(path);
    if (!x) return NULL;
    if (x->info == info && ex_complete(x) && !strcmp(x->precision, CLB_PRECISION)
        && x->set.seeds && !strcmp(x->set.seeds, set.seeds) && !x->set.lrs == !set.lrs
        && (!set.lrs || !strcmp(x->set.lrs, set.lrs)) && x->set.published == set.published
        && x->set.quick == set.quick) return x;
    fprintf(stderr, "%s: of another replication; remove it or choose another --out\n", path);
    ex_close(x);
    return NULL;
}

/* Seconds that the groups not done yet will take, from those that were run. */
EX_FN double replicate_left(const replicate_plan *p)
{
    double left = 0, seconds = 0, seeds = 0;
    for (size_t i = 0; i < p->n; ++i) seconds += p->seconds[i], seeds += p->seeds[i];
    for (size_t k = p->done; k < p->job_n; ++k) {
        const replicate_job *job = &p->jobs[k];
        size_t e = job->experiment;
        double rate = p->seeds[e] > 0 ? p->seconds[e] / p->seeds[e] : seconds / (seeds + 1e-9);
        left += rate * (double)(job->to - job->from);
    }
    return left;
}

/* On a terminal the state in place, else a line a minute. */
EX_FN void replicate_say(replicate_plan *p, const char *id)
{
    ex_progress terminal = ex_progress_start(id, 1, p->set->quiet);
    double now = ex_clock();
    if (p->set->quiet || now - p->said < (terminal.on ? 0.1 : 60)) return;
    p->said = now;
    fprintf(stderr, "%s%s  %zu of %zu groups", terminal.on ? "\r" : "", id, p->done, p->job_n);
    if (p->done) fprintf(stderr, ", about %.1f min left", replicate_left(p) / 60);
    fputs(terminal.on ? "\033[K" : "\n", stderr);
    if (terminal.on && p->done == p->job_n) fprintf(stderr, "\r\033[K");
    fflush(stderr);
}

EX_FN int replicate_run(replicate_plan *p)
{
    for (; p->done < p->job_n; ++p->done) {
        const replicate_job *job = &p->jobs[p->done];
        char path[1200];
        int missing, status = EX_OK;
        ex *x = replicate_load(p, job, path, sizeof path, &missing);
        if (!x && !missing) return EX_BAD_INPUT;
        if (!x) {
            ex_settings set = replicate_settings(p, job);
            replicate_say(p, p->infos[job->experiment]->id);
            set.json = path;
            x = ex_open(p->infos[job->experiment], &set);
            status = ex_execute(x);
            if (!status) status = ex_save(x);
        }
        p->seconds[job->experiment] += x->seconds;
        p->seeds[job->experiment] += (double)(job->to - job->from);
        ex_close(x);
        if (status) return status;
    }
    replicate_say(p, "all");
    return EX_OK;
}

/* --- all seeds together ----------------------------------------------------------------------- */

typedef struct replicate_name { char *keys; size_t i; } replicate_name;

EX_FN int replicate_by_name(const void *a, const void *b)
{
    return strcmp(((const replicate_name *)a)->keys, ((const replicate_name *)b)->keys);
}

/* The planned runs of x, sorted by their keys. */
EX_FN replicate_name *replicate_index(const ex *x)
{
    replicate_name *names = (replicate_name *)ex_realloc(NULL, x->runs.n, sizeof *names);
    for (size_t i = 0; i < x->runs.n; ++i) {
        ex_buf b = { NULL, 0, 0 };
        ex_put_keys(&b, x->runs.at[i]);
        names[i].keys = b.s, names[i].i = i;
    }
    qsort(names, x->runs.n, sizeof *names, replicate_by_name);
    return names;
}

/* Move the runs of a group to those of all seeds. */
EX_FN void replicate_take(ex *all, const replicate_name *names, ex *group)
{
    for (size_t i = 0; i < group->runs.n; ++i) {
        ex_buf b = { NULL, 0, 0 };
        replicate_name wanted, *found;
        ex_put_keys(&b, group->runs.at[i]);
        wanted.keys = b.s, wanted.i = 0;
        found = (replicate_name *)bsearch(&wanted, names, all->runs.n, sizeof *names,
                                          replicate_by_name);
        free(b.s);
        if (found && !all->runs.at[found->i]->done)
            load_swap(all->runs.at[found->i], group->runs.at[i]);
    }
}

/* --- what the groups said --------------------------------------------------------------------- */

/* A claim by its text with the verdicts, or a quantity by its name with the values. */
typedef struct replicate_tally {
    const char *name;
    size_t      counts[3];
    double     *values;
    size_t      n;
} replicate_tally;

typedef struct replicate_said {
    ex_arena        arena;
    replicate_tally claims[64], quantities[128];
    size_t          claim_n, quantity_n, groups, checks, failed;
} replicate_said;

EX_FN replicate_tally *replicate_of(replicate_tally *list, size_t n, const char *name)
{
    for (size_t i = 0; i < n; ++i)
        if (!strcmp(list[i].name, name)) return &list[i];
    return NULL;
}

EX_FN replicate_tally *replicate_add(replicate_said *said, replicate_tally *list, size_t *n,
                                     size_t cap, const char *name, size_t groups)
{
    replicate_tally *t = replicate_of(list, *n, name);
    if (t) return t;
    if (*n == cap) ex_die(EX_MEMORY, "replicate: too many claims or quantities");
    t = &list[(*n)++];
    memset(t, 0, sizeof *t);
    t->name = ex_copy(&said->arena, name);
    t->values = (double *)ex_new(&said->arena, groups, sizeof *t->values);
    return t;
}

/* groups: at most so many will come. */
EX_FN void replicate_hear(replicate_said *said, const ex *x, size_t groups)
{
    ++said->groups;
    for (size_t k = 0; k < x->verdict_n; ++k) {
        replicate_tally *t = replicate_add(said, said->claims, &said->claim_n,
                                           EX_LEN(said->claims), x->verdicts[k].claim, groups);
        ++t->counts[x->verdicts[k].verdict];
    }
    for (size_t k = 0; k < x->summary.n; ++k) {
        const ex_row *item = x->summary.at[k];
        double value = ex_get(item, "value");
        replicate_tally *t = replicate_add(said, said->quantities, &said->quantity_n,
                                           EX_LEN(said->quantities), item->part, groups);
        if (isfinite(value) && t->n < groups) t->values[t->n++] = value;
    }
    said->checks += x->check_n;
    for (size_t k = 0; k < x->check_n; ++k) said->failed += !x->checks[k].flag;
}

/* Load the groups of one experiment; returns it on all seeds, finished, or NULL. */
EX_FN ex *replicate_collect(const replicate_plan *p, size_t e, replicate_said *said)
{
    ex *all = ex_open(p->infos[e], p->set);
    replicate_name *names = replicate_index(all);
    int status = EX_OK, missing;
    char path[1200];
    memset(said, 0, sizeof *said);
    for (size_t k = 0; k < p->job_n && !status; ++k) {
        const replicate_job *job = &p->jobs[k];
        ex *x;
        if (job->experiment != e) continue;
        x = replicate_load(p, job, path, sizeof path, &missing);
        if (!x) { status = EX_BAD_INPUT; break; }
        if (all->seeds_asked && job->to - job->from == p->size[e])      /* a whole group */
            p->infos[e]->finish(x), replicate_hear(said, x, p->job_n);
        replicate_take(all, names, x);
        ex_close(x);
    }
    for (size_t i = 0; i < all->runs.n; ++i) free(names[i].keys);
    free(names);
    if (!status) status = ex_execute(all);        /* runs that no group plans, such as totals */
    if (!status) p->infos[e]->finish(all);
    else { ex_close(all); all = NULL; }
    return all;
}

/* --- the table -------------------------------------------------------------------------------- */

/* "1.16 (1.12 to 1.21)" */
EX_FN void replicate_spread(ex_buf *b, const replicate_tally *t)
{
    if (!t || !t->n) { ex_put(b, "-"); return; }
    clb_sort(t->n, t->values);
    ex_putf(b, "%.4g (%.4g to %.4g)", clb_quantile_sorted(t->n, t->values, 0.5),
            clb_quantile_sorted(t->n, t->values, 0.05), clb_quantile_sorted(t->n, t->values, 0.95));
}

/* "1.16 [1.15, 1.17]": the experiment's own interval, or +- 1.96 s / sqrt(groups), s the deviation
 * of the groups. */
EX_FN void replicate_value(ex_buf *b, const ex_row *item, const replicate_tally *t)
{
    ex_list ci = ex_get_array(item, "ci95");
    double value = ex_get(item, "value"), half;
    if (isnan(value)) { ex_put(b, "-"); return; }
    ex_putf(b, "%.4g", value);
    if (ci.n == 2) ex_putf(b, " [%.4g, %.4g]", ci.at[0], ci.at[1]);
    else if (t && t->n > 1) {
        half = 1.96 * clb_std_pop(t->n, t->values) / sqrt((double)t->n - 1);
        ex_putf(b, " [%.4g, %.4g]", value - half, value + half);
    }
}

EX_FN void replicate_claims(ex_buf *b, const ex *all, replicate_said *said)
{
    ex_put(b, "\n| claim | paper | groups that support it | qualified | not | on all seeds | "
              "measured on all seeds |\n|---|---|---|---|---|---|---|\n");
    for (size_t c = 0; c < all->verdict_n; ++c) {
        const ex_verdict_entry *v = &all->verdicts[c];
        const replicate_tally *t = replicate_of(said->claims, said->claim_n, v->claim);
        ex_put(b, "| "), tables_md(b, v->claim), ex_put(b, " | "), tables_md(b, v->published);
        if (t)
            ex_putf(b, " | %zu of %zu | %zu | %zu | ", t->counts[EX_REPRODUCED], said->groups,
                    t->counts[EX_QUALIFIED], t->counts[EX_NOT_REPRODUCED]);
        else ex_put(b, " | - | - | - | ");
        ex_putf(b, "%s | ", ex_judgement_name(v->verdict));
        tables_md(b, v->measured), ex_put(b, " |\n");
    }
}

EX_FN void replicate_quantities(ex_buf *b, const ex *all, replicate_said *said)
{
    char cell[64];
    if (!all->summary.n) return;
    ex_put(b, "\n| quantity | paper | groups: median (5 % to 95 %) | all seeds [95 % interval] |\n"
              "|---|---|---|---|\n");
    for (size_t k = 0; k < all->summary.n; ++k) {
        const ex_row *item = all->summary.at[k];
        replicate_tally *t = replicate_of(said->quantities, said->quantity_n, item->part);
        ex_put(b, "| "), tables_md(b, item->part);
        ex_putf(b, " | %s | ", ex_cell(cell, sizeof cell, item, "published"));
        replicate_spread(b, t), ex_put(b, " | ");
        replicate_value(b, item, t), ex_put(b, " |\n");
    }
}

/* The experiment's line in the first table: the claim of the paper's Table 1 and its key value. */
EX_FN void replicate_line(ex_buf *b, const ex *all, replicate_said *said)
{
    const ex_verdict_entry *v = all->verdict_n ? &all->verdicts[0] : NULL;
    const replicate_tally *t = v ? replicate_of(said->claims, said->claim_n, v->claim) : NULL;
    replicate_tally *values;
    const ex_row *key = NULL;
    char cell[64];
    for (size_t i = 0; all->info->key && i < all->summary.n; ++i)
        if (ex_is(all->summary.at[i], all->info->key)) key = all->summary.at[i];
    ex_putf(b, "| %s | ", all->info->id);
    tables_md(b, all->info->paper);
    if (t)
        ex_putf(b, " | %zu of %zu | %zu | %zu | %s | ", t->counts[EX_REPRODUCED], said->groups,
                t->counts[EX_QUALIFIED], t->counts[EX_NOT_REPRODUCED],
                ex_judgement_name(v->verdict));
    else ex_put(b, " | - | - | - | - | ");
    values = key ? replicate_of(said->quantities, said->quantity_n, key->part) : NULL;
    tables_md(b, key ? key->part : "-");
    ex_putf(b, " | %s | ", key ? ex_cell(cell, sizeof cell, key, "published") : "-");
    replicate_spread(b, values), ex_put(b, " | ");
    if (key) replicate_value(b, key, values); else ex_put(b, "-");
    ex_put(b, " |\n");
}

EX_FN void replicate_head(ex_buf *b, const ex_settings *set)
{
    ex_putf(b,
            "# Replication on %zu seeds\n\n"
            "Made by `build/clb_tables replicate --seeds %s%s%s%s%s` in %s precision. "
            "Every experiment is repeated on groups of as many seeds as the paper used, one group "
            "after the other, no seed in two of them. A group supports a claim if the claim as "
            "printed holds on its numbers by the rule of the experiment; qualified: only with the "
            "qualification that the rule names. Quantities: median over the groups and the range "
            "of the middle 90 %%, then the value on all seeds with its 95 %% interval (the "
            "experiment's bootstrap over seeds; where it has none, 1.96 standard errors from the "
            "spread of the groups). One group again: `build/clb_tables run --only E5%s --seeds "
            "6,7,8,9,10`.%s\n\n"
            "| | key result of the paper | groups that support it | qualified | not | on all seeds "
            "| quantity | paper | groups: median (5 %% to 95 %%) | all seeds [95 %% interval] |\n"
            "|---|---|---|---|---|---|---|---|---|---|\n",
            set->seed_list.n, set->seeds, set->published ? " --published" : "",
            set->quick ? " --quick" : "", set->lrs ? " --lrs " : "", set->lrs ? set->lrs : "",
            CLB_PRECISION, set->published ? " --published" : "",
            set->quick ? " Quick: smaller sweeps, not comparable with the paper." : "");
}

EX_FN int replicate_tables(const replicate_plan *p)
{
    ex_buf b = { NULL, 0, 0 }, pages = { NULL, 0, 0 };
    int status = EX_OK;
    replicate_head(&b, p->set);
    for (size_t e = 0; e < p->n && !status; ++e) {
        replicate_said said;
        ex *all = replicate_collect(p, e, &said);
        if (!all) { status = EX_BAD_INPUT; ex_arena_free(&said.arena); break; }
        replicate_line(&b, all, &said);
        ex_putf(&pages, "\n## %s %s\n\n%zu groups of %zu seeds", all->info->id, all->info->title,
                said.groups, p->size[e]);
        ex_putf(&pages, ", %zu runs; identities checked: %zu, failed: %zu.\n", all->runs.n,
                said.checks, said.failed);
        replicate_claims(&pages, all, &said);
        replicate_quantities(&pages, all, &said);
        ex_arena_free(&said.arena);
        ex_close(all);
    }
    if (pages.s) ex_put(&b, pages.s);
    free(pages.s);
    if (!status) status = tables_file(p->out, "replication.md", &b);
    if (!status && !p->set->quiet) fprintf(stderr, "%s/replication.md\n", p->out);
    free(b.s);
    return status;
}

/* Run (or resume) and tabulate. */
EX_FN int replicate(const ex_settings *set, const ex_info *const *infos, size_t n)
{
    replicate_plan p;
    int status;
    memset(&p, 0, sizeof p);
    p.infos = infos, p.n = n, p.set = set;
    p.out = set->out ? set->out : "build/replicate";
    ex_make_folder(p.out);
    replicate_make_plan(&p);
    status = replicate_run(&p);
    if (!status) status = replicate_tables(&p);
    free(p.jobs);
    return status;
}

#endif /* CLB_REPLICATE_H */
