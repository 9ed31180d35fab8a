/* clb_replicate - the experiments on fresh seeds: in how many groups of seeds does each claim hold?
 *   cc -O2 -o clb_replicate tools/clb_replicate.c -lm && ./clb_replicate run --seeds 1..100 results
 *
 * RESULTS (a folder that clb_run made) says which experiments there are and how many seeds the
 * paper used. Every experiment runs on groups of as many seeds, no seed in two groups; a group that
 * has been run is not run again. Then its program finishes all groups together (--from). */
#define CLB_IMPLEMENTATION
#include "../clb.h"
#include "escape.h"
#include "replication.h"

static const char *option_programs = "build", *option_only, *option_out = "build/replicate";
static kit_settings settings;

static const kit_opt options[] = {
    { "seeds", 0, "LIST", "fresh seeds, 1..100", kit_set_seeds, &settings },
    { "only", 0, "LIST", "experiments, E5,M1 [all]", tool_set_only, (void *)&option_only },
    { "programs", 0, "DIR", "where the programs are [build]", kit_set_text, (void *)&option_programs },
    { "out", 'o', "DIR", "groups and tables [build/replicate]", kit_set_text, (void *)&option_out },
    { "threads", 'j', "N", "threads of each program [all processors]",
      kit_set_threads, &settings.threads },
    { NULL, 0, NULL, NULL, NULL, NULL },
};

/* --- what the groups said --------------------------------------------------------------------- */

/* A claim: groups by answer. A quantity: its value in each group. */
typedef struct tally {
    const char *name;
    size_t      number, asks_number, answers[5];
    double     *values;
    size_t      n;
} tally;

typedef struct experiment {
    doc     result;              /* on the paper's seeds */
    doc     pooled;              /* on all fresh seeds */
    const char *program;
    size_t  size, groups, identities, failed;
    tally  *claims, *quantities;
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

static void prepare(experiment *e, size_t groups)
{
    for (const kit_claim *c = e->result.x->claims; c; c = c->next) ++e->claim_n;
    for (const kit_summary_item *s = e->result.x->summary; s; s = s->next) ++e->quantity_n;
    e->claims = (tally *)kit_new(&tool_arena, e->claim_n, sizeof *e->claims);
    e->quantities = (tally *)kit_new(&tool_arena, e->quantity_n, sizeof *e->quantities);
    e->claim_n = e->quantity_n = 0;
    for (const kit_claim *c = e->result.x->claims; c; c = c->next) e->claims[e->claim_n++].name = c->name;
    for (const kit_summary_item *s = e->result.x->summary; s; s = s->next) {
        tally *t = &e->quantities[e->quantity_n++];
        t->name = s->name, t->values = (double *)kit_new(&tool_arena, groups, sizeof *t->values);
    }
}

static tally *named(tally *list, size_t n, const char *name)
{
    for (size_t i = 0; i < n; ++i)
        if (!strcmp(list[i].name, name)) return &list[i];
    return NULL;
}

/* Add one group. Its number counts as found when all tests of the number hold: on fresh seeds the
 * program itself answers "not decided", because they are not the paper's. */
static void hear(experiment *e, const doc *group)
{
    ++e->groups;
    for (const kit_claim *c = group->x->claims; c; c = c->next) {
        tally *t = named(e->claims, e->claim_n, c->name);
        kit_answer number = kit_all_hold(c, KIT_ASKS_NUMBER);
        if (c->source == KIT_IDENTITY)
            ++e->identities, e->failed += c->statement == KIT_NO;
        if (!t) continue;
        t->asks_number |= number != KIT_NOT_ASKED, t->number += number == KIT_HOLDS;
        ++t->answers[c->statement];
    }
    for (const kit_summary_item *s = group->x->summary; s; s = s->next) {
        tally *t = named(e->quantities, e->quantity_n, s->name);
        if (t && isfinite(s->value)) t->values[t->n++] = s->value;
    }
}

/* --- running ---------------------------------------------------------------------------------- */

static const char *group_path(const experiment *e, size_t k)
{
    return tool_print("%s/%s.seeds-%03zu.json", option_out, e->result.info.id, k * e->size + 1);
}

static const char *seeds_from(size_t first, size_t n)
{
    kit_buf b = { NULL, 0, 0 };
    const char *text;
    for (size_t i = 0; i < n; ++i)
        kit_putf(&b, "%s%.0f", i ? "," : "", settings.seed_list.at[first + i]);
    text = tool_print("%s", b.s);
    free(b.s);
    return text;
}

static int run_program(const experiment *e, const char *seeds, const char *path, size_t files)
{
    kit_buf b = { NULL, 0, 0 };
    int status;
    tool_quote(&b, tool_print("%s/%s", option_programs, e->program));
    kit_putf(&b, " --quiet --resume --published --threads %ld --seeds %s", settings.threads, seeds);
    tool_quote(&b, "--json"), tool_quote(&b, path);
    if (files) kit_put(&b, " --from");
    for (size_t k = 0; k < files; ++k) tool_quote(&b, group_path(e, k));
    status = tool_system(b.s);
    free(b.s);
    if (status > KIT_CHECK_FAILED)
        fprintf(stderr, "%s: ended with status %d\n", e->program, status);
    return status > KIT_CHECK_FAILED ? status : KIT_OK;
}

/* The result file at `path`, made if there is none. Another command's file is an error. */
static int get(const experiment *e, const char *path, const char *seeds, size_t files, doc *d)
{
    FILE *f = fopen(path, "rb");
    int status = KIT_OK;
    if (f) fclose(f);
    else status = run_program(e, seeds, path, files);
    if (!status) status = doc_read(d, path);
    if (status) return status;
    if (d->complete && !strcmp(d->info.id, e->result.info.id) && d->x->set.published
        && !d->x->set.quick && d->x->set.seeds && !strcmp(d->x->set.seeds, seeds))
        return KIT_OK;
    fprintf(stderr, "%s: of another replication; remove it or choose another --out\n", path);
    return KIT_BAD_INPUT;
}

static int run_groups(experiment *e)
{
    size_t groups = settings.seed_list.n / e->size;
    const char *all = tool_print("%s/%s.all.json", option_out, e->result.info.id);
    int status = KIT_OK;
    prepare(e, groups);
    for (size_t k = 0; k < groups && !status; ++k) {
        doc d;
        if (!tool_quiet)
            fprintf(stderr, "%s  group %zu of %zu\n", e->result.info.id, k + 1, groups);
        status = get(e, group_path(e, k), seeds_from(k * e->size, e->size), 0, &d);
        if (!status) hear(e, &d);
        doc_free(&d);
    }
    if (!status) status = get(e, all, seeds_from(0, groups * e->size), groups, &e->pooled);
    return status;
}

/* --- tables ----------------------------------------------------------------------------------- */

static double at_share(tally *t, double share)
{
    clb_sort(t->n, t->values);
    return t->n ? clb_quantile_sorted(t->n, t->values, share) : KIT_NAN;
}

/* The experiment's own interval on all seeds, or 1.96 standard errors from the spread of groups. */
static void interval(const kit_summary_item *s, const tally *t, double *lo, double *hi)
{
    double half = t && t->n > 1 ? 1.96 * clb_std_pop(t->n, t->values) / sqrt((double)t->n - 1) : KIT_NAN;
    *lo = isnan(s->lo) ? s->value - half : s->lo;
    *hi = isnan(s->hi) ? s->value + half : s->hi;
}

static void put_json(kit_buf *b, experiment *e)
{
    kit_put(b, "\n    {"), json_put_named(b, "id", e->result.info.id);
    kit_putf(b, ", \"groups\": %zu, \"size\": %zu, \"identities\": %zu, \"failed\": %zu,\n"
             "     \"claims\": [", e->groups, e->size, e->identities, e->failed);
    for (size_t i = 0; i < e->claim_n; ++i) {
        const tally *t = &e->claims[i];
        kit_put(b, i ? ",\n       {" : "\n       {"), json_put_named(b, "name", t->name);
        kit_putf(b, ", \"number\": %zu, \"asks_number\": %zu, \"holds\": %zu, \"partly\": %zu, "
                 "\"not\": %zu, \"undecided\": %zu}", t->number, t->asks_number,
                 t->answers[KIT_HOLDS], t->answers[KIT_PARTLY], t->answers[KIT_NO],
                 t->answers[KIT_UNDECIDED]);
    }
    kit_put(b, "],\n     \"quantities\": [");
    for (const kit_summary_item *s = e->pooled.x->summary; s; s = s->next) {
        tally *t = named(e->quantities, e->quantity_n, s->name);
        double ci[2];
        if (!t) continue;
        interval(s, t, &ci[0], &ci[1]);
        kit_put(b, s == e->pooled.x->summary ? "\n       {" : ",\n       {");
        json_put_named(b, "name", s->name), kit_put(b, ", ");
        json_put_value(b, "median", at_share(t, 0.5)), kit_put(b, ", ");
        json_put_value(b, "lo", at_share(t, 0.05)), kit_put(b, ", ");
        json_put_value(b, "hi", at_share(t, 0.95)), kit_put(b, ", ");
        json_put_value(b, "value", s->value);
        kit_put(b, ", \"ci95\": "), json_put_list(b, 2, ci), kit_put(b, "}");
    }
    kit_put(b, "]}");
}

static void put_pages(kit_buf *b, experiment *e)
{
    kit_putf(b, "\n## %s %s\n\n%zu groups of %zu seeds, %zu runs; identities checked: %zu, failed: "
             "%zu.\n\n| claim | paper | number found | statement holds | under its condition | does not "
             "| not decided |\n|---|---|---|---|---|---|---|\n", e->result.info.id,
             e->result.info.title, e->groups, e->size, e->pooled.run_n, e->identities, e->failed);
    for (const kit_claim *c = e->result.x->claims; c; c = c->next) {
        const tally *t = named(e->claims, e->claim_n, c->name);
        if (c->source == KIT_IDENTITY) continue;
        kit_put(b, "| "), put_markdown(b, c->claim), kit_put(b, " | "), put_markdown(b, c->published);
        if (t->asks_number) kit_putf(b, " | %zu", t->number); else kit_put(b, " | -");
        kit_putf(b, " | %zu | %zu | %zu | %zu |\n", t->answers[KIT_HOLDS], t->answers[KIT_PARTLY],
                 t->answers[KIT_NO], t->answers[KIT_UNDECIDED]);
    }
    if (!e->pooled.x->summary) return;
    kit_put(b, "\n| quantity | paper | groups: median (5 % to 95 %) | all seeds [95 % interval] |\n"
               "|---|---|---|---|\n");
    for (const kit_summary_item *s = e->pooled.x->summary; s; s = s->next) {
        tally *t = named(e->quantities, e->quantity_n, s->name);
        double lo, hi;
        if (!t) continue;
        interval(s, t, &lo, &hi);
        kit_put(b, "| "), put_markdown(b, s->name);
        if (isnan(s->published)) kit_put(b, " | -"); else kit_putf(b, " | %.6g", s->published);
        kit_putf(b, " | %.4g (%.4g to %.4g) | %.4g", at_share(t, 0.5), at_share(t, 0.05),
                 at_share(t, 0.95), s->value);
        if (isfinite(lo) && isfinite(hi)) kit_putf(b, " [%.4g, %.4g]", lo, hi);
        kit_put(b, " |\n");
    }
}

static void put_head(kit_buf *b)
{
    kit_putf(b, "# Fresh seeds\n\nMade by `build/clb_replicate run --seeds %s`. Every experiment is "
             "repeated on groups of as many seeds as the paper used, no seed in two groups. A group "
             "finds the paper's number if the rule of the experiment says so of its own numbers; the "
             "statement is judged by the same rule as on the paper's seeds. Quantities: median over "
             "the groups and the range of the middle 90 %%, then the value on all seeds with its "
             "95 %% interval (the experiment's bootstrap over seeds; where it has none, 1.96 standard "
             "errors from the spread of the groups).\n", settings.seeds);
}

static int write_tables(experiment *es, size_t n)
{
    kit_buf data = { NULL, 0, 0 }, page = { NULL, 0, 0 };
    int status;
    kit_put(&data, "{ \"schema\": \"clb-replication/1\", ");
    json_put_named(&data, "seeds", settings.seeds);
    kit_put(&data, ", \"published\": true, \"experiments\": [");
    put_head(&page);
    for (size_t i = 0; i < n; ++i) {
        if (i) kit_put(&data, ",");
        put_json(&data, &es[i]), put_pages(&page, &es[i]);
    }
    kit_put(&data, "\n] }\n");
    status = tool_write(option_out, "replication.json", &data);
    if (!status) status = tool_write(option_out, "replication.md", &page);
    else free(page.s);
    if (!status && !tool_quiet) fprintf(stderr, "%s/replication.md, .json\n", option_out);
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

static int command_run(const char *const *words)
{
    const char *folder = words[0] ? words[0] : "results";
    tool_names programs = { NULL, 0, 0 };
    experiment *es;
    size_t n = 0;
    docs all;
    int status;
    if (!settings.seeds) return kit_usage("clb_replicate run", "needs option", "--seeds 1..100");
    if ((status = docs_read(&all, folder, option_only)) != KIT_OK) { docs_free(&all); return status; }
    if ((status = tool_programs(option_programs, 0, &programs)) != KIT_OK) return status;
    kit_make_folder(option_out);
    es = (experiment *)kit_new(&tool_arena, all.n, sizeof *es);
    for (size_t i = 0; i < all.n && !status; ++i) {
        experiment *e = &es[n];
        e->result = all.at[i], e->size = group_size(&all.at[i]);
        if (e->result.info.beyond || !e->result.info.key_result[0] || !e->size) continue;
        if (e->size > settings.seed_list.n) {
            fprintf(stderr, "%s: needs groups of %zu seeds\n", e->result.info.id, e->size);
            status = KIT_USAGE;
        } else if (!(e->program = program_of(&programs, e->result.info.id))) {
            fprintf(stderr, "%s: no program of %s\n", option_programs, e->result.info.id);
            status = KIT_BAD_INPUT;
        } else {
            ++n, status = run_groups(e);
        }
    }
    if (!status) status = write_tables(es, n);
    for (size_t i = 0; i < n; ++i)
        if (es[i].pooled.x) doc_free(&es[i].pooled);
    docs_free(&all);
    return status;
}

static const tool_command commands[] = {
    { "run", "[RESULTS]", "run missing groups, write replication.md and .json", options,
      command_run },
    { NULL, NULL, NULL, NULL, NULL },
};
static const tool clb_replicate = {
    "clb_replicate", "the experiments on fresh seeds.", commands,
    { "clb_replicate run --seeds 1..100 results", "clb_replicate run --seeds 1..20 --only E5 results" }
};

int main(int argc, char **argv)
{
    settings = kit_settings_default();
    return kit_printed_all(tool_main(&clb_replicate, argc, argv));
}
