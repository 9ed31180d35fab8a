/* clb_replicate - the experiments on fresh seeds: in how many groups of seeds does each claim hold?
 *   cc -O2 -o clb_replicate tools/clb_replicate.c -lm && ./clb_replicate run --seeds 1..100 results
 *
 * RESULTS (a folder that clb_run made) says which experiments there are and how many seeds the
 * paper used. Every experiment runs on groups of as many seeds, no seed in two groups; a group that
 * has been run is not run again. Then its program finishes all groups together (--from). The tables
 * are written after each experiment, and say what is missing. "tables" runs nothing: it judges the
 * groups that are there anew, by the programs of this build. */
#define CLB_IMPLEMENTATION
#include "../clb.h"
#include "escape.h"
#include "replication.h"

static const char *option_programs = "build", *option_only, *option_out = "build/replicate",
                  *option_before;
static kit_settings settings;
static int          judge_anew;                /* "tables" */

#define COMMON_OPTIONS                                                                             \
    { "seeds", 0, "LIST", "fresh seeds, 1..100", kit_set_seeds, &settings },                       \
    { "only", 0, "LIST", "experiments, E5,M1 [all]", tool_set_only, (void *)&option_only },        \
    { "programs", 0, "DIR", "where the programs are [build]", kit_set_text,                        \
      (void *)&option_programs },                                                                  \
    { "out", 'o', "DIR", "groups and tables [build/replicate]", kit_set_text,                      \
      (void *)&option_out },                                                                       \
    { "before", 0, "FILE", "replication.json whose values fill gaps",      \
      kit_set_text, (void *)&option_before }
static const kit_opt run_options[] = {
    COMMON_OPTIONS,
    { "threads", 'j', "N", "threads of each program [all processors]",
      kit_set_threads, &settings.threads },
    { NULL, 0, NULL, NULL, NULL, NULL },
};
static const kit_opt table_options[] = { COMMON_OPTIONS, { NULL, 0, NULL, NULL, NULL, NULL } };

/* --- what the groups said --------------------------------------------------------------------- */

/* A quantity: its value in each group. */
typedef struct spread { const char *name; double *values; size_t n; } spread;

/* A claim: groups by answer, and what its tests measured. */
typedef struct tally {
    const char *name, *missing;                /* what the number needs and a group did not measure */
    size_t      number, number_undecided, asks_number, answers[5];
    spread     *tests;
    size_t      test_n;
} tally;

typedef struct experiment {
    doc     result;              /* on the paper's seeds */
    doc     pooled;              /* on all fresh seeds whose group is done */
    const char *program;
    size_t  size, planned, groups, identities, failed;
    size_t *done;                /* [groups] which of the planned ones */
    tally  *claims;
    spread *quantities;
    size_t  claim_n, quantity_n;
} experiment;

/* Seeds of a group: as many as the paper's rule needs; 0: no random numbers in it. */
static size_t group_size(const doc *d)
{
    size_t most = 0;
    for (const kit_claim *c = d->x->claims; c; c = c->next)
        if (c->seeds > most) most = c->seeds;
    return most;
}

static double *new_values(size_t n) { return (double *)kit_new(&tool_arena, n, sizeof(double)); }

static void prepare(experiment *e)
{
    kit *x = e->result.x;
    size_t groups = e->planned = settings.seed_list.n / e->size, claims = 0, quantities = 0;
    for (const kit_claim *c = x->claims; c; c = c->next) ++claims;
    for (const kit_summary_item *s = x->summary; s; s = s->next) ++quantities;
    e->done = (size_t *)kit_new(&tool_arena, groups, sizeof *e->done);
    e->claims = (tally *)kit_new(&tool_arena, claims, sizeof *e->claims);
    e->quantities = (spread *)kit_new(&tool_arena, quantities, sizeof *e->quantities);
    for (const kit_claim *c = x->claims; c; c = c->next) {
        tally *t = &e->claims[e->claim_n++];
        t->name = c->name, t->tests = (spread *)kit_new(&tool_arena, c->n, sizeof *t->tests);
        for (size_t i = 0; i < c->n; ++i) {
            size_t k = 0;
            while (k < t->test_n && strcmp(t->tests[k].name, c->tests[i].quantity)) ++k;
            if (k < t->test_n) continue;
            t->tests[k].name = c->tests[i].quantity, t->tests[k].values = new_values(groups);
            ++t->test_n;
        }
    }
    for (const kit_summary_item *s = x->summary; s; s = s->next) {
        spread *q = &e->quantities[e->quantity_n++];
        q->name = s->name, q->values = new_values(groups);
    }
}

static tally *claim_named(experiment *e, const char *name)
{
    for (size_t i = 0; i < e->claim_n; ++i)
        if (!strcmp(e->claims[i].name, name)) return &e->claims[i];
    return NULL;
}
static spread *spread_named(spread *list, size_t n, const char *name)
{
    for (size_t i = 0; i < n; ++i)
        if (!strcmp(list[i].name, name)) return &list[i];
    return NULL;
}

/* One value of this group; `most` values at most, one a group. */
static void hear_value(spread *s, double value, size_t most)
{
    if (s && isfinite(value) && s->n < most) s->values[s->n++] = value;
}

/* The number counts as found when all its tests hold: on fresh seeds the program itself answers
 * "not decided", because they are not the paper's. A value that is missing decides nothing. */
static void hear_claim(experiment *e, const kit_claim *c)
{
    tally *t = claim_named(e, c->name);
    kit_answer number = kit_all_hold(c, KIT_ASKS_NUMBER);
    if (c->source == KIT_IDENTITY) ++e->identities, e->failed += c->statement == KIT_NO;
    if (!t) return;
    if (number != KIT_NOT_ASKED && kit_missing(c, KIT_ASKS_NUMBER))
        number = KIT_UNDECIDED, t->missing = kit_copy(&tool_arena, kit_missing(c, KIT_ASKS_NUMBER));
    t->asks_number |= number != KIT_NOT_ASKED, t->number += number == KIT_HOLDS;
    t->number_undecided += number == KIT_UNDECIDED;
    ++t->answers[c->statement];
    for (size_t i = 0; i < c->n; ++i)
        hear_value(spread_named(t->tests, t->test_n, c->tests[i].quantity), c->tests[i].value,
                   e->groups);
}

static void hear(experiment *e, const doc *group, size_t which)
{
    e->done[e->groups++] = which;
    for (const kit_claim *c = group->x->claims; c; c = c->next) hear_claim(e, c);
    for (const kit_summary_item *s = group->x->summary; s; s = s->next)
        hear_value(spread_named(e->quantities, e->quantity_n, s->name), s->value, e->groups);
}

/* --- running ---------------------------------------------------------------------------------- */

static const char *group_path(const experiment *e, size_t k)
{
    return tool_print("%s/%s.seeds-%03zu.json", option_out, e->result.info.id, k * e->size + 1);
}

/* Seeds of these groups of an experiment, comma between. */
static const char *seeds_of(const experiment *e, size_t n, const size_t *groups)
{
    kit_buf b = { NULL, 0, 0 };
    const char *text;
    for (size_t k = 0; k < n; ++k)
        for (size_t i = 0; i < e->size; ++i)
            kit_putf(&b, "%s%.0f", b.n ? "," : "", settings.seed_list.at[groups[k] * e->size + i]);
    text = tool_print("%s", b.s ? b.s : "");
    free(b.s);
    return text;
}

/* The program of an experiment writes `path`: by running the seeds, or from the files of groups. */
static int run_program(const experiment *e, const char *seeds, const char *path, size_t files,
                       const size_t *groups)
{
    kit_buf b = { NULL, 0, 0 };
    int status;
    tool_quote(&b, tool_print("%s/%s", option_programs, e->program));
    kit_putf(&b, " --quiet --threads %ld --seeds %s%s", settings.threads, seeds,
             files ? "" : " --resume");
    tool_quote(&b, "--json"), tool_quote(&b, path);
    if (files) kit_put(&b, " --from");
    for (size_t k = 0; k < files; ++k) tool_quote(&b, group_path(e, groups[k]));
    status = tool_system(b.s);
    free(b.s);
    if (status > KIT_CHECK_FAILED)
        fprintf(stderr, "%s: ended with status %d\n", e->program, status);
    return status > KIT_CHECK_FAILED ? status : KIT_OK;
}

static int exists(const char *path)
{
    FILE *f = fopen(path, "rb");
    if (f) fclose(f);
    return f != NULL;
}

/* The result file at `path`, if it is of this experiment and of these seeds. */
static int read_group(const experiment *e, const char *path, const char *seeds, doc *d)
{
    int status = doc_read(d, path);
    if (status) return status;
    if (d->complete && !strcmp(d->info.id, e->result.info.id)
        && !d->x->set.quick && d->x->set.seeds && !strcmp(d->x->set.seeds, seeds))
        return KIT_OK;
    fprintf(stderr, "%s: of another replication; remove it or choose another --out\n", path);
    doc_free(d);
    return KIT_BAD_INPUT;
}

/* Group k: run if it is not there; under "tables" judged anew, into one file for all. */
static int get_group(const experiment *e, size_t k, doc *d)
{
    const char *path = group_path(e, k), *seeds = seeds_of(e, 1, &k);
    const char *anew = tool_print("%s/judged.json", option_out);
    int status = KIT_OK;
    if (!judge_anew) {
        if (!exists(path)) status = run_program(e, seeds, path, 0, NULL);
        return status ? status : read_group(e, path, seeds, d);
    }
    if ((status = read_group(e, path, seeds, d)) != KIT_OK) return status;
    doc_free(d);
    status = run_program(e, seeds, anew, 1, &k);
    if (!status) status = read_group(e, anew, seeds, d);
    remove(anew);
    return status;
}

/* All groups that are done, as one experiment. The file follows from the groups: one of other
 * groups, or to be judged anew, is written again. */
static int get_pooled(experiment *e)
{
    const char *path = tool_print("%s/%s.all.json", option_out, e->result.info.id);
    const char *seeds = seeds_of(e, e->groups, e->done);
    int status = KIT_OK;
    if (!judge_anew && exists(path)) {
        if ((status = doc_read(&e->pooled, path)) != KIT_OK) return status;
        if (e->pooled.complete && e->pooled.x->set.seeds
            && !strcmp(e->pooled.x->set.seeds, seeds)) return KIT_OK;
        doc_free(&e->pooled);
    }
    status = run_program(e, seeds, path, e->groups, e->done);
    return status ? status : read_group(e, path, seeds, &e->pooled);
}

/* After this nothing more can be run: no room to write, or somebody interrupted. */
static int ends_all(int status) { return status == KIT_OUTPUT || status > 128; }

/* A group that fails is missing from the tables; the others are made all the same. */
static int run_groups(experiment *e)
{
    int failed = KIT_OK;
    for (size_t k = 0; k < e->planned && !ends_all(failed); ++k) {
        doc d;
        int status;
        memset(&d, 0, sizeof d);
        if (judge_anew && !exists(group_path(e, k))) continue;
        if (!tool_quiet)
            fprintf(stderr, "%s  group %zu of %zu\n", e->result.info.id, k + 1, e->planned);
        if ((status = get_group(e, k, &d)) == KIT_OK) hear(e, &d, k), doc_free(&d);
        else failed = status;
    }
    if (e->groups && !ends_all(failed)) {
        int status = get_pooled(e);
        if (status) failed = status;
    }
    return failed;
}

/* --- tables ----------------------------------------------------------------------------------- */

static double at_share(spread *s, double share)
{
    clb_sort(s->n, s->values);
    return s->n ? clb_quantile_sorted(s->n, s->values, share) : KIT_NAN;
}

/* The experiment's own interval on all seeds, or 1.96 standard errors from the spread of groups. */
static void interval(const kit_summary_item *s, const spread *q, double *lo, double *hi)
{
    double half = KIT_NAN;
    if (q->n > 1) half = 1.96 * clb_std_pop(q->n, q->values) / clb_sqrt((double)q->n - 1);
    *lo = isnan(s->lo) ? s->value - half : s->lo;
    *hi = isnan(s->hi) ? s->value + half : s->hi;
}

static void put_spread_json(kit_buf *b, const char *key, spread *s)
{
    kit_put(b, "{"), json_put_named(b, key, s->name), kit_put(b, ", ");
    json_put_value(b, "median", at_share(s, 0.5)), kit_put(b, ", ");
    json_put_value(b, "lo", at_share(s, 0.05)), kit_put(b, ", ");
    json_put_value(b, "hi", at_share(s, 0.95));
}

static void put_claim_json(kit_buf *b, const tally *t)
{
    kit_put(b, "{"), json_put_named(b, "name", t->name);
    kit_putf(b, ", \"number\": %zu, \"asks_number\": %zu, \"number_undecided\": %zu, \"holds\": %zu, "
             "\"partly\": %zu, \"not\": %zu, \"undecided\": %zu, \"tests\": [",
             t->number, t->asks_number, t->number_undecided, t->answers[KIT_HOLDS],
             t->answers[KIT_PARTLY], t->answers[KIT_NO], t->answers[KIT_UNDECIDED]);
    for (size_t i = 0; i < t->test_n; ++i) {
        kit_put(b, i ? ",\n         " : "\n         ");
        put_spread_json(b, "quantity", &t->tests[i]), kit_put(b, "}");
    }
    kit_put(b, "]}");
}

static void put_json(kit_buf *b, experiment *e)
{
    int first = 1;
    kit_put(b, "\n    {"), json_put_named(b, "id", e->result.info.id), kit_put(b, ", ");
    json_put_named(b, "made_by", "clb " CLB_VERSION);
    kit_putf(b, ", \"groups\": %zu, \"planned\": %zu, \"size\": %zu, \"identities\": %zu, "
             "\"failed\": %zu,\n     \"claims\": [", e->groups, e->planned, e->size,
             e->identities, e->failed);
    for (size_t i = 0; i < e->claim_n; ++i) {
        kit_put(b, i ? ",\n       " : "\n       ");
        put_claim_json(b, &e->claims[i]);
    }
    kit_put(b, "],\n     \"quantities\": [");
    for (const kit_summary_item *s = e->pooled.x->summary; s; s = s->next) {
        spread *q = spread_named(e->quantities, e->quantity_n, s->name);
        double ci[2];
        if (!q) continue;
        interval(s, q, &ci[0], &ci[1]);
        kit_put(b, first ? "\n       " : ",\n       "), first = 0;
        put_spread_json(b, "name", q), kit_put(b, ", "), json_put_value(b, "value", s->value);
        kit_put(b, ", \"ci95\": "), json_put_list(b, 2, ci), kit_put(b, "}");
    }
    kit_put(b, "]}");
}

/* "12 of 20"; "-" for a question that is not asked. */
static void put_share(kit_buf *b, size_t count, size_t groups, int asked)
{
    if (asked) kit_putf(b, " | %zu of %zu", count, groups);
    else kit_put(b, " | -");
}

static void put_claim(kit_buf *b, experiment *e, const kit_claim *c)
{
    tally *t = claim_named(e, c->name);
    int asks = t->answers[KIT_NOT_ASKED] < e->groups;
    kit_put(b, "| "), put_markdown(b, c->claim), kit_put(b, " | "), put_markdown(b, c->published);
    if (t->asks_number && t->number_undecided == e->groups)
        kit_put(b, " | not decided, not measured: "), put_markdown(b, t->missing);
    else
        put_share(b, t->number, e->groups, (int)t->asks_number);
    put_share(b, t->answers[KIT_HOLDS], e->groups, asks);
    put_share(b, t->answers[KIT_PARTLY], e->groups, asks && c->condition);
    if (c->condition && t->answers[KIT_PARTLY])
        kit_put(b, ": "), put_markdown(b, c->condition);
    put_share(b, t->answers[KIT_NO], e->groups, asks);
    put_share(b, t->answers[KIT_UNDECIDED], e->groups, asks), kit_put(b, " | ");
    for (size_t i = 0; i < t->test_n; ++i) {
        kit_put(b, i ? "; " : ""), put_markdown(b, t->tests[i].name);
        if (!t->tests[i].n) { kit_put(b, " not measured"); continue; }
        kit_putf(b, " %.4g (%.4g to %.4g)", at_share(&t->tests[i], 0.5),
                 at_share(&t->tests[i], 0.05), at_share(&t->tests[i], 0.95));
    }
    kit_put(b, " |\n");
}

static void put_quantities(kit_buf *b, experiment *e)
{
    if (!e->pooled.x->summary) return;
    kit_put(b, "\n| quantity | the paper prints | groups: median (5 % to 95 %) | all seeds "
               "together [95 % interval] |\n|---|---|---|---|\n");
    for (const kit_summary_item *s = e->pooled.x->summary; s; s = s->next) {
        spread *q = spread_named(e->quantities, e->quantity_n, s->name);
        double lo, hi;
        if (!q) continue;
        interval(s, q, &lo, &hi);
        kit_put(b, "| "), put_markdown(b, s->name);
        if (isnan(s->published)) kit_put(b, " | -"); else kit_putf(b, " | %.6g", s->published);
        if (q->n) kit_putf(b, " | %.4g (%.4g to %.4g)", at_share(q, 0.5), at_share(q, 0.05),
                           at_share(q, 0.95));
        else kit_put(b, " | not measured");
        if (isnan(s->value)) kit_put(b, " | not measured"); else kit_putf(b, " | %.4g", s->value);
        if (isfinite(lo) && isfinite(hi)) kit_putf(b, " [%.4g, %.4g]", lo, hi);
        kit_put(b, " |\n");
    }
}

static void put_pages(kit_buf *b, experiment *e)
{
    kit_putf(b, "\n## %s %s\n\n", e->result.info.id, e->result.info.title);
    kit_putf(b, "%zu group%s of %zu seed%s, %zu runs.", e->groups, e->groups == 1 ? "" : "s", e->size,
             e->size == 1 ? "" : "s", e->pooled.run_n);
    if (e->groups < e->planned) kit_putf(b, " %zu of %zu groups are done.", e->groups, e->planned);
    if (e->identities)
        kit_putf(b, " Identities, which must hold in every run, were checked %zu times and failed %zu "
                 "times.", e->identities, e->failed);
    kit_put(b, "\n\n| claim | the paper says | groups that find the paper's number | groups where the "
               "statement holds | holds under its condition | does not hold | not decided | measured: "
               "median of the groups (5 % to 95 %) |\n"
               "|---|---|---|---|---|---|---|---|\n");
    for (const kit_claim *c = e->result.x->claims; c; c = c->next)
        if (c->source != KIT_IDENTITY) put_claim(b, e, c);
    put_quantities(b, e);
}

static void put_head(kit_buf *b)
{
    kit_putf(b, "# Fresh seeds\n\nMade by `build/clb_replicate run --seeds %s`. Every experiment is "
             "repeated on groups of as many seeds as the paper used, no seed in two groups. For each "
             "claim the tables say in how many groups the paper's number is found again (within the "
             "tolerance that the experiment states), in how many its statement holds, by the same rule "
             "as on the paper's seeds, and what was measured: the median over the groups and the range "
             "of the middle 90 %% of them. A second table has the quantities of the experiment, and "
             "their values on all seeds together with a 95 %% interval: the experiment's bootstrap over "
             "seeds, or where it has none, 1.96 standard errors from the spread of the groups.\n",
             settings.seeds);
    for (size_t i = 0; i < settings.seed_list.n; ++i)
        if (kit_seed_index(settings.seed_list.at[i]) >= 0)
            kit_putf(b, "\nThe seed %.0f is one of the paper's own.\n", settings.seed_list.at[i]);
}

/* An experiment without a group: nothing, or what an earlier replication has. */
static void put_missing(kit_buf *page, kit_buf *data, const experiment *e, const json *old)
{
    kit_putf(page, "\n## %s %s\n\nNot repeated yet.", e->result.info.id, e->result.info.title);
    if (!old) { kit_put(page, "\n"); return; }
    kit_putf(page, " These values are of an earlier replication (%s), on %.0f groups of %.0f seeds:"
             "\n\n| quantity | groups: median (5 %% to 95 %%) | all seeds together [95 %% interval] |\n"
             "|---|---|---|\n", *json_get_text(old, "made_by") ? json_get_text(old, "made_by")
                                                                : "by the rules of another version",
             json_get_number(old, "groups"), json_get_number(old, "size"));
    kit_put(data, "\n    {"), json_put_named(data, "id", e->result.info.id), kit_put(data, ", ");
    json_put_named(data, "made_by", json_get_text(old, "made_by"));
    kit_putf(data, ", \"groups\": %.0f, \"size\": %.0f, \"claims\": [], \"quantities\": [",
             json_get_number(old, "groups"), json_get_number(old, "size"));
    for (const json *q = json_get(old, "quantities") ? json_get(old, "quantities")->first : NULL; q;
         q = q->next) {
        kit_list ci = { 0, NULL };
        json_get_list(&tool_arena, q, "ci95", &ci);
        kit_put(data, q->index ? ",\n       {" : "\n       {");
        json_put_named(data, "name", json_get_text(q, "name"));
        kit_put(page, "| "), put_markdown(page, json_get_text(q, "name"));
        kit_putf(page, " | %.4g (%.4g to %.4g) | %.4g", json_get_number(q, "median"),
                 json_get_number(q, "lo"), json_get_number(q, "hi"), json_get_number(q, "value"));
        if (ci.n == 2) kit_putf(page, " [%.4g, %.4g]", ci.at[0], ci.at[1]);
        kit_put(page, " |\n");
        for (int k = 0; k < 4; ++k) {
            static const char *const keys[] = { "median", "lo", "hi", "value" };
            kit_put(data, ", "), json_put_value(data, keys[k], json_get_number(q, keys[k]));
        }
        if (ci.n == 2) kit_put(data, ", \"ci95\": "), json_put_list(data, 2, ci.at);
        kit_put(data, "}");
    }
    kit_put(data, "]}");
}

static int write_tables(experiment *es, size_t n, const replication *before)
{
    kit_buf data = { NULL, 0, 0 }, page = { NULL, 0, 0 };
    size_t missing = 0, entries = 0;
    int status;
    kit_put(&data, "{ \"schema\": \"clb-replication/1\", ");
    json_put_named(&data, "seeds", settings.seeds);
    kit_put(&data, ", \"published\": true, \"experiments\": [");
    put_head(&page);
    for (size_t i = 0; i < n; ++i)
        if (!es[i].pooled.x) kit_putf(&page, "%s%s", missing++ ? ", " : "\nNot repeated yet: ",
                                      es[i].result.info.id);
    if (missing) kit_put(&page, ".\n");
    for (size_t i = 0; i < n; ++i) {
        const json *old = replication_of(before, es[i].result.info.id);
        if ((es[i].pooled.x || old) && entries++) kit_put(&data, ",");
        if (es[i].pooled.x) put_json(&data, &es[i]), put_pages(&page, &es[i]);
        else put_missing(&page, &data, &es[i], old);
    }
    kit_put(&data, "\n] }\n");
    status = tool_write(option_out, "replication.json", &data);
    if (!status) status = tool_write(option_out, "replication.md", &page);
    else free(page.s);
    return status;
}

/* --- the command ------------------------------------------------------------------------------ */

/* The program of an experiment: the first e05_... of the folder. */
static const char *program_of(const tool_names *programs, const char *id)
{
    char wanted[8];
    for (size_t i = 0; i < programs->n; ++i)
        if (tool_id(programs->at[i], 3, wanted) && !strcmp(wanted, id)) return programs->at[i];
    return NULL;
}

/* The experiments of the folder that can be repeated: a paper's, whose claims ask for seeds. */
static int choose(const docs *all, const tool_names *programs, experiment *es, size_t *n)
{
    for (size_t i = 0; i < all->n; ++i) {
        experiment *e = &es[*n];
        e->result = all->at[i], e->size = group_size(&all->at[i]);
        if (e->result.info.beyond || !e->result.info.key_result[0] || !e->size) continue;
        if (e->size > settings.seed_list.n) {
            fprintf(stderr, "%s: needs groups of %zu seeds\n", e->result.info.id, e->size);
            return KIT_USAGE;
        }
        if (!(e->program = program_of(programs, e->result.info.id))) {
            fprintf(stderr, "%s: no program of %s\n", option_programs, e->result.info.id);
            return KIT_BAD_INPUT;
        }
        prepare(e), ++*n;
    }
    return KIT_OK;
}

static int repeat_all(const docs *all, const replication *before)
{
    tool_names programs = { NULL, 0, 0 };
    experiment *es = (experiment *)kit_new(&tool_arena, all->n, sizeof *es);
    size_t n = 0;
    int status = tool_programs(option_programs, 0, &programs), failed = KIT_OK;
    if (!status) status = choose(all, &programs, es, &n);
    if (status) return status;
    kit_make_folder(option_out);
    for (size_t i = 0; i < n && !ends_all(failed); ++i) {
        if ((status = run_groups(&es[i])) != KIT_OK) failed = status;
        if ((status = write_tables(es, n, before)) != KIT_OK) failed = status;
    }
    if (!failed && !tool_quiet) fprintf(stderr, "%s/replication.md, .json\n", option_out);
    for (size_t i = 0; i < n; ++i)
        if (es[i].pooled.x) doc_free(&es[i].pooled);
    return failed;
}

static int command_run(const char *const *words)
{
    const char *folder = words[0] ? words[0] : "results";
    replication before;
    docs all;
    int status;
    if (!settings.seeds) return kit_usage("clb_replicate", "needs option", "--seeds 1..100");
    if ((status = replication_read(&before, option_before)) != KIT_OK) return status;
    if ((status = docs_read(&all, folder, option_only)) == KIT_OK)
        status = repeat_all(&all, &before);
    docs_free(&all);
    return status;
}

static int command_tables(const char *const *words)
{
    judge_anew = 1;
    return command_run(words);
}

static const tool_command commands[] = {
    { "run", "[RESULTS]", "run missing groups, write replication.md and .json", run_options,
      command_run },
    { "tables", "[RESULTS]", "judge the groups that are there again; run nothing",
      table_options, command_tables },
    { NULL, NULL, NULL, NULL, NULL },
};
static const tool clb_replicate = {
    "clb_replicate", "the experiments on fresh seeds.", commands,
    { "clb_replicate run --seeds 1..100 results",
      "clb_replicate tables --seeds 1..100 --only E5 results" }
};

int main(int argc, char **argv)
{
    settings = kit_settings_default();
    return kit_printed_all(tool_main(&clb_replicate, argc, argv));
}
