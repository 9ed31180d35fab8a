/* The kit of the experiments: runs, selections, claims and their verdicts, the result file and back.
 *   cc -O2 -o t_kit tests/t_kit.c -lm && ./t_kit */
#define CLB_IMPLEMENTATION
#include "../clb.h"
#include "tiny.h"
#include "test.h"

static kit *open_with(const char *seeds, const char *lrs, int quick)
{
    kit_settings set = kit_settings_default();
    if (seeds) CHECK(kit_set_seeds(&set, seeds));
    if (lrs) CHECK(kit_set_lrs(&set, lrs));
    set.quick = quick, set.quiet = 1;
    return kit_open(&tiny_info, &set);
}

static const char *verdict(const char *seeds, const char *lrs, int quick, int number)
{
    kit *x = open_with(seeds, lrs, quick);
    const char *answer;
    CHECK(kit_execute(x) == KIT_OK);
    kit_report(x);
    answer = number ? kit_number_answers[x->claims->number] : kit_statement_answers[x->claims->statement];
    kit_close(x);
    return answer;
}

/* What can decide a claim, and what cannot. mean over 42, 137, 256 is 2.0714. */
static void t_verdicts(void)
{
    tiny_diverges = 0;
    CHECK(!strcmp(verdict(NULL, NULL, 0, 1), "found again"));
    CHECK(!strcmp(verdict(NULL, NULL, 0, 0), "holds under a condition"));
    CHECK(!strcmp(verdict(NULL, NULL, 1, 1), "not decided"));
    CHECK(!strcmp(verdict(NULL, NULL, 1, 0), "not decided"));
    CHECK(!strcmp(verdict(NULL, "0.1,0.2", 0, 0), "not decided"));
    CHECK(!strcmp(verdict("42", NULL, 0, 0), "not decided"));
    CHECK(!strcmp(verdict("300,400,500", NULL, 0, 1), "not decided"));
    CHECK(!strcmp(verdict("300,400,500", NULL, 0, 0), "holds"));
    CHECK(!strcmp(verdict("1,2,3", NULL, 0, 0), "does not hold"));
    CHECK(!strcmp(verdict("42,137,256,7", NULL, 0, 1), "found again"));
    tiny_diverges = 137;
    CHECK(!strcmp(verdict(NULL, NULL, 0, 1), "not decided"));
    tiny_diverges = 0;
}

/* How many seeds a mean is over, in words: the paper's if they all ran, else all that did. */
static void t_seeds_in_words(void)
{
    static const struct { const char *seeds, *three, *two; } known[] = {
        { NULL, "three seeds", "two seeds" }, { "42,137,256,7", "three seeds", "two seeds" },
        { "42", "one seed", "one seed" }, { "300..306", "7 seeds", "7 seeds" },
    };
    for (size_t i = 0; i < KIT_LEN(known); ++i) {
        kit *x = open_with(known[i].seeds, NULL, 0);
        kit_rows runs;
        CHECK(kit_execute(x) == KIT_OK);
        runs = kit_where(kit_first_published(kit_part_runs(x, &tiny_sweep), 2), TINY_AT(lr), 0.1);
        CHECK(!strcmp(kit_n_seeds(x, 3), known[i].three));
        CHECK(!strcmp(kit_n_seeds(x, 2), known[i].two));
        CHECK(i == 3 ? runs.n == 7 : runs.n == (i == 2 ? 1 : 2));
        kit_close(x);
    }
}

/* A remark about a value is left out where the value is missing. */
static void t_remarks(void)
{
    kit *x = open_with(NULL, NULL, 0);
    kit_claim *c = kit_ours(x, "c", "A claim.");
    kit_remark_value(c, KIT_NAN, "It is nan."), kit_remark_value(c, KIT_INF, "It is inf.");
    CHECK(!strcmp(c->remark, ""));
    kit_remark_value(c, 2, "It is 2.");
    CHECK(!strcmp(c->remark, "It is 2."));
    kit_close(x);
}

/* The reason says what was not run and what to do. */
static void t_reasons(void)
{
    kit *x = open_with(NULL, NULL, 0);
    kit_basis basis;
    kit_claim *plain = kit_paper(x, "plain", "A claim.", ""), *told = kit_paper(x, "told", "Another.", "");
    memset(&basis, 0, sizeof basis);
    basis.has_published = 1, basis.seeds = 3;
    kit_number(plain, "the thing", KIT_NAN, kit_equal(1)), kit_number(told, "the thing", KIT_NAN, kit_equal(1));
    kit_unmeasured(told, "needs MNIST: --mnist DIR");
    kit_judge(x, &basis);
    CHECK(plain->number == KIT_UNDECIDED && !strcmp(plain->reason, "no run gave a finite value of \"the thing\""));
    CHECK(told->number == KIT_UNDECIDED && !strcmp(told->reason, "needs MNIST: --mnist DIR"));
    CHECK(strstr(told->sentence, "Not decided: needs MNIST: --mnist DIR.") != NULL);
    basis.seeds = 1, kit_judge(x, &basis);
    CHECK(!strcmp(told->reason, "1 seed ran, 3 are needed"));
    basis.quick = 1, kit_judge(x, &basis);
    CHECK(strstr(told->reason, "--quick") == told->reason);
    kit_close(x);
}

/* --- an experiment of two parts ----------------------------------------------------------------- */

static const kit_part first_part = KIT_PART("first", "The first", tiny, tiny_run),
                      other_part = KIT_PART("other", "The other", tiny, tiny_run);

static void plan_two(kit *x)
{
    kit_list seeds = kit_seeds(x, 3);
    for (size_t s = 0; s < seeds.n; ++s) {
        tiny row;
        memset(&row, 0, sizeof row);
        row.seed = seeds.at[s], row.lr = 0.1, row.kind = "one";
        kit_add(x, &first_part, &row), kit_add(x, &other_part, &row);
    }
}

/* A count of the runs of "first" and an extreme of "other", which without a run are 0 and infinite;
 * a claim that says which part measures it; an identity. */
static void report_two(kit *x)
{
    kit_list drifts = kit_values(kit_part_runs(x, &other_part), TINY_AT(drift));
    double least = KIT_INF;
    kit_claim *one;
    for (size_t i = 0; i < drifts.n; ++i) least = fmin(least, drifts.at[i]);
    kit_statement(kit_ours(x, "count", "Few runs."), "runs",
                  (double)kit_part_runs(x, &first_part).n, kit_at_most(7));
    kit_statement(kit_ours(x, "least", "Large drifts."), "least", least, kit_above(0.5));
    one = kit_ours(x, "one", "Large drifts of the other part.");
    kit_statement(one, "least", least, kit_above(0.5)), kit_needs_part(one, &other_part);
    kit_identity(x, "identity", "Drifts are positive.", "worst",
                 kit_worst(kit_part_runs(x, &first_part), TINY_AT(drift)), kit_above(0));
}
static const kit_info two_info = { "E97", "Two", "Theorem 0", NULL, "E98", plan_two, report_two, NULL };

/* The four answers under --part: H holds, ? is not decided. */
static const char *part_answers(const char *part)
{
    static char answers[5];
    kit_settings set = kit_settings_default();
    kit *x;
    size_t n = 0;
    set.part = part, set.quiet = 1;
    x = kit_open(&two_info, &set);
    CHECK(kit_execute(x) == KIT_OK);
    kit_report(x);
    for (const kit_claim *c = x->claims; c; c = c->next)
        answers[n++] = c->statement == KIT_HOLDS ? 'H' : c->statement == KIT_UNDECIDED ? '?' : 'N';
    answers[n] = 0;
    kit_close(x);
    return answers;
}

/* A part that was left out decides nothing: not by a count of 0, not by the least of no run. */
static void t_part(void)
{
    CHECK(!strcmp(part_answers(NULL), "HHHH"));
    CHECK(!strcmp(part_answers("first,other"), "HHHH"));
    CHECK(!strcmp(part_answers("other"), "??H?"));
    CHECK(!strcmp(part_answers("first"), "???H"));
}

/* An infinite value decides a claim no more than NaN does; that of an identity breaks it. */
static void t_infinite(void)
{
    kit *x = open_with(NULL, NULL, 0);
    kit_basis basis;
    kit_claim *c = kit_ours(x, "c", "Large."),
              *i = kit_identity(x, "i", "Exact.", "worst error", KIT_INF, kit_below(1));
    memset(&basis, 0, sizeof basis);
    basis.has_published = 1, basis.seeds = 3;
    kit_statement(c, "least", KIT_INF, kit_above(1));
    kit_judge(x, &basis);
    CHECK(c->statement == KIT_UNDECIDED && i->statement == KIT_NO && !kit_identities_hold(x));
    CHECK(!strcmp(c->reason, "no run gave a finite value of \"least\""));
    kit_close(x);
}

/* A diverged run is counted, named in the sentence and left out of identities. */
static void t_diverged(void)
{
    kit *x = open_with(NULL, NULL, 0);
    tiny_diverges = 137;
    CHECK(kit_execute(x) == KIT_OK);
    kit_report(x);
    CHECK(kit_part_diverged(x, &tiny_sweep) == 2);
    CHECK(kit_diverged(kit_part_runs(x, &tiny_sweep)) == 2);
    CHECK(strstr(x->claims->sentence, "2 of 6 runs diverged") != NULL);
    CHECK(x->claims->next->statement == KIT_HOLDS && kit_identities_hold(x));
    tiny_diverges = 0;
    kit_close(x);
}

static void t_bounds(void)
{
    kit_bound b = kit_within(1, 0.5);
    CHECK(kit_bound_holds(&b, 1.5) && !kit_bound_holds(&b, 1.6) && !kit_bound_holds(&b, KIT_NAN));
    b = kit_below(1);
    CHECK(kit_bound_holds(&b, 0.99) && !kit_bound_holds(&b, 1) && !kit_bound_holds(&b, KIT_NAN));
    b = kit_at_most(1);
    CHECK(kit_bound_holds(&b, 1));
    b = kit_above(1);
    CHECK(!kit_bound_holds(&b, 1));
    b = kit_at_least(1);
    CHECK(kit_bound_holds(&b, 1));
    b = kit_yes();
    CHECK(!kit_bound_holds(&b, KIT_NAN) && !kit_bound_holds(&b, 0) && kit_bound_holds(&b, 2));
}

/* The written document is strict JSON; two shards make the bytes of the whole but for the
 * environment. */
static void t_merge(void)
{
    kit *whole = open_with(NULL, NULL, 0), *merged = open_with(NULL, NULL, 0);
    kit_buf a = { NULL, 0, 0 }, b = { NULL, 0, 0 };
    json_doc doc;
    CHECK(kit_execute(whole) == KIT_OK);
    for (long i = 0; i < 2; ++i) {
        kit *shard = open_with(NULL, NULL, 0);
        kit_buf text = { NULL, 0, 0 };
        shard->set.shard = i, shard->set.shards = 2;
        CHECK(kit_execute(shard) == KIT_OK);
        kit_put_result(&text, shard);
        CHECK(json_parse(&doc, "shard", text.s, text.n) != NULL);
        CHECK(!json_get(doc.root, "claims"));
        CHECK(kit_same_config(merged, doc.root, "clb-result/2", "shard") == KIT_OK);
        for (const json *one = json_get(doc.root, "runs")->first; one; one = one->next)
            CHECK(kit_take_run(merged, one, "shard") == KIT_OK);
        CHECK(kit_complete(merged) == (i == 1));
        json_free(&doc), free(text.s), kit_close(shard);
    }
    kit_report(whole), kit_report(merged);
    kit_put_result(&a, whole), kit_put_result(&b, merged);
    CHECK(strstr(a.s, "\"environment\"") - a.s == strstr(b.s, "\"environment\"") - b.s);
    CHECK(!memcmp(a.s, b.s, (size_t)(strstr(a.s, "\"environment\"") - a.s)));
    CHECK(json_parse(&doc, "whole", a.s, a.n) != NULL);
    NEAR(json_get_number(json_get(json_get(doc.root, "summary"), "mean"), "value"),
         0.1 * (42 + 137 + 256) / 21, 1e-15);
    json_free(&doc), free(a.s), free(b.s), kit_close(whole), kit_close(merged);
}

/* A figure drawn from the result file has the bytes of the one that was written. */
static void t_figure(void)
{
    kit *x = open_with(NULL, NULL, 0);
    kit_buf b = { NULL, 0, 0 };
    json_doc doc;
    double at[3], y[3], hi[3], edge[3], depth[4];
    plot *p = kit_figure(x, "f", 2, 1), *again;
    plot_panel *a = plot_add(p, "Title <1>", "eta", "S", PLOT_LOG);
    char *one, *two;
    for (int i = 0; i < 3; ++i) at[i] = pow(10, i), y[i] = i == 1 ? KIT_NAN : 2 + i, hi[i] = y[i] + 1;
    plot_points(a, PLOT_BLUE, 3, at, y, "points"), plot_errors(a, PLOT_BLUE, 3, at, y, hi);
    plot_vertical(a, 20, "here"), plot_horizontal(a, 3, "there"), plot_slope(a, 1, 10, 2, 0.5, "1/2");
    a = plot_add(p, "Cells", "x", "y", PLOT_LINEAR);
    for (int i = 0; i < 3; ++i) edge[i] = i;
    for (int i = 0; i < 4; ++i) depth[i] = i / 3.0;
    plot_cells(a, PLOT_RED, 2, 2, edge, edge, depth, "depth");
    plot_range_x(a, -1, 3);
    plot_caption(p, "A caption");
    plot_put_json(&b, p);
    CHECK(json_parse(&doc, "figure", b.s, b.n) != NULL);
    again = plot_read(&x->arena, "E98", doc.root);
    CHECK(again != NULL);
    again->name = "f";
    one = plot_svg(p), two = plot_svg(again);
    CHECK(!strcmp(one, two));
    free(one), free(two), free(b.s), json_free(&doc), kit_close(x);
}

/* A logarithmic axis without a 1, 2 or 5 names every tick, with its own factor. */
static void t_ticks(void)
{
    static const double near[] = { 0.031, 0.042 }, low[] = { 3.1e-6, 4.2e-6 };
    kit *x = open_with(NULL, NULL, 0);
    plot *p = kit_figure(x, "ticks", 2, 1);
    char *svg;
    plot_points(plot_add(p, "near", "x", "y", PLOT_LOGX), PLOT_BLUE, 2, near, near, NULL);
    plot_points(plot_add(p, "tiny", "x", "y", PLOT_LOGX), PLOT_BLUE, 2, low, near, NULL);
    svg = plot_svg(p);
    CHECK(strstr(svg, ">0.04</text>") != NULL);
    CHECK(strstr(svg, ">4\302\26710<tspan") != NULL);
    free(svg), kit_close(x);
}

/* A table over a grid and a table of the runs have the numbers of the runs. */
static void t_tables_of_runs(void)
{
    kit *x = open_with(NULL, NULL, 0);
    kit_rows runs;
    kit_list lrs = { 2, tiny_lrs };
    kit_table *grid, *each;
    CHECK(kit_execute(x) == KIT_OK);
    runs = kit_part_runs(x, &tiny_sweep);
    grid = KIT_GRID(runs, "grid", "Means", TINY_AT(lr), lrs, { "mean", kit_mean, TINY_AT(drift) },
                    { "spread", kit_std, TINY_AT(drift) });
    CHECK(grid->columns == 3 && grid->n == 6 && !strcmp(grid->names[0], "lr") && !strcmp(grid->names[2], "spread"));
    for (size_t i = 0; i < 2; ++i) {
        double drift[3] = { 42, 137, 256 };
        for (size_t s = 0; s < 3; ++s) drift[s] *= tiny_lrs[i] / 7;
        NEAR(grid->cells[3 * i].number, tiny_lrs[i], 0);
        NEAR(grid->cells[3 * i + 1].number, (drift[0] + drift[1] + drift[2]) / 3, 1e-15);
        NEAR(grid->cells[3 * i + 2].number, clb_std_pop(3, drift), 1e-15);
    }
    each = KIT_RUN_TABLE(runs, "runs", "Runs", TINY_AT(kind), TINY_AT(seed), TINY_AT(drift));
    CHECK(each->columns == 3 && each->n == 18 && !strcmp(each->names[1], "seed"));
    CHECK(!strcmp(each->cells[15].text, "low \"q\"") && each->cells[16].number == 256);
    NEAR(each->cells[5].number, 13.7 / 7, 1e-15);
    kit_close(x);
}

/* Least and largest; an interval that contains a value or not. */
static void t_extremes(void)
{
    kit *x = open_with(NULL, NULL, 0);
    double v[3] = { 2, -1, 5 }, gap[3] = { 2, KIT_NAN, 1 };
    kit_list some = { 3, v }, broken = { 3, gap }, none = { 0, v };
    kit_claim *c = kit_ours(x, "in", "The interval contains 1."), *d = kit_ours(x, "out", "And 3.");
    CHECK(kit_least(some) == -1 && kit_largest(some) == 5);
    CHECK(isnan(kit_least(broken)) && isnan(kit_largest(broken)) && isnan(kit_least(none)) && isnan(kit_largest(none)));
    kit_contains(c, NULL, "interval", 0.5, 2, 1), kit_contains(d, NULL, "interval", 0.5, 2, 3);
    CHECK(kit_all_hold(c, KIT_ASKS_STATEMENT) == KIT_HOLDS && kit_all_hold(d, KIT_ASKS_STATEMENT) == KIT_NO);
    kit_contains(d, "at 1", "interval", 0.5, 2, 1);
    CHECK(kit_all_hold(d, KIT_ASKS_CONDITION) == KIT_HOLDS);
    kit_close(x);
}

/* The mean of three draws of 1, 2, 3 is 1 with probability 1/27, more than 2.5 %: the interval of 10,000
 * samples is [1, 3]. A seed that diverged takes the samples it is in with it. */
static void t_intervals(void)
{
    const double values[] = { 1, 2, 3 }, lost[] = { 5, 5, KIT_NAN };
    kit_list three = { 3, values }, two = { 3, lost }, one = { 1, values };
    kit *x = open_with(NULL, NULL, 0);
    kit_summary_item *s = kit_summary_mean(x, "three", three);
    CHECK(s->value == 2 && s->lo == 1 && s->hi == 3 && s->se > 0.4 && s->se < 0.55);
    s = kit_summary_mean(x, "two", two);
    CHECK(isnan(s->value) && s->lo == 5 && s->hi == 5);
    s = kit_summary_mean(x, "one", one);
    CHECK(s->value == 1 && isnan(s->lo) && isnan(s->hi));
    kit_close(x);
}

#if KIT_UNIX
/* One of ten steps at eta, its charges limited; through the cache in the folder. */
static clb_status cached(double eta, double charge_max, clb_trace *trace, double *end)
{
    clb_train_opts how = CLB_ZERO;
    paper_problem p;
    clb_status status;
    how.ce = CLB_CE, how.charge_max = charge_max;
    CHECK(paper_problem_init(&p, NULL, 42) == CLB_OK);
    status = kit_train(&p.net, &p.data, eta, 10, &how, trace);
    CHECK(status == CLB_OK || status == CLB_EDIVERGED);
    if (!status) CHECK(paper_loss(&p, CLB_CE, end) == CLB_OK);
    paper_problem_free(&p);
    return status;
}

/* A run from the cache is the run: under a wider limit of the charges, and under a narrower one only
 * if it kept to that; one that passed it is made again and ends there. */
static void t_cache(void)
{
    char folder[64];
    clb_trace first, again, narrow;
    double end[3] = { 0, 0, 0 }, most = 0, one = 0, two = 0;
    paper_problem p;
    snprintf(folder, sizeof folder, "/tmp/clb_t_kit.%ld", (long)getpid());
    kit_cache_folder = folder;
    CHECK(cached(0.5, 0, &first, &end[0]) == CLB_OK);
    for (size_t t = 0; t <= first.T; ++t) most = fmax(most, fabs(clb_trace_charge(&first, 1, t)));
    CHECK(cached(0.5, 2 * most, &again, &end[1]) == CLB_OK && end[0] == end[1]);
    CHECK(again.T == first.T && !memcmp(again.loss, first.loss, 10 * sizeof *first.loss));
    CHECK(cached(0.5, most / 2, &narrow, &end[2]) == CLB_EDIVERGED && narrow.steps < narrow.T);
    clb_trace_free(&again), clb_trace_free(&narrow);
    CHECK(cached(0.5, 0, &again, &end[1]) == CLB_OK && again.S[0] == first.S[0]);
    clb_trace_free(&again), clb_trace_free(&first);
    CHECK(paper_problem_init(&p, NULL, 42) == CLB_OK);
    CHECK(paper_sharpness(&p, CLB_CE, &one, NULL) == CLB_OK);
    CHECK(paper_sharpness(&p, CLB_CE, &two, NULL) == CLB_OK);
    CHECK(one == two && one > 0);
    p.net.theta[0] *= 2;                                  /* another net: another sharpness */
    CHECK(paper_sharpness(&p, CLB_CE, &two, NULL) == CLB_OK && one != two);
    paper_problem_free(&p);
    kit_cache_folder = NULL;
    {
        char command[128];
        snprintf(command, sizeof command, "rm -r %s", folder);
        CHECK(system(command) == 0);
    }
}
#endif

static const test_case tests[] = { TEST(t_intervals), TEST(t_verdicts), TEST(t_reasons), TEST(t_seeds_in_words), TEST(t_remarks),
                                   TEST(t_part), TEST(t_infinite),
                                   TEST(t_diverged),
                                   TEST(t_bounds), TEST(t_merge),
                                   TEST(t_figure), TEST(t_ticks), TEST(t_tables_of_runs), TEST(t_extremes),
#if KIT_UNIX
                                   TEST(t_cache),
#endif
};
TEST_MAIN(tests)
