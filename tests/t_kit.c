/* The kit of the experiments: runs, selections, claims and their verdicts, the result file and back.
 *   cc -O2 -o t_kit tests/t_kit.c -lm && ./t_kit */
#define CLB_IMPLEMENTATION
#include "../clb.h"
#include "../examples/kit/kit.h"
#include "test.h"

/* A tiny experiment whose numbers are functions of its keys: drift = lr seed / 7. */
typedef struct tiny { double seed, lr; const char *kind; double drift, diverged; kit_list a; } tiny;
static const kit_field tiny_fields[] = {
    KIT_KEY(tiny, seed), KIT_KEY(tiny, lr), KIT_KEY_TEXT(tiny, kind), KIT_RESULT(tiny, drift),
    KIT_RESULT(tiny, diverged), KIT_RESULT_ARRAY(tiny, a),
};
static double worst_seed;                       /* the seed whose run diverges; 0: none */

static clb_status run_tiny(kit *x, void *run)
{
    tiny *row = (tiny *)run;
    double a[4];
    a[0] = row->seed / 3.0, a[1] = KIT_NAN, a[2] = -KIT_INF, a[3] = -0.0;
    row->diverged = row->seed == worst_seed;
    if (row->diverged == 0) row->drift = row->lr * row->seed / 7.0;
    row->a = kit_keep(x, 4, a);
    return CLB_OK;
}
static const kit_part sweep = KIT_PART("sweep", "A sweep", tiny, run_tiny);
static const double grid[2] = { 0.1, 1e-5 };

static void plan(kit *x)
{
    kit_list seeds = kit_seeds(x, 3), etas = kit_lrs(x, grid, 2);
    kit_config(x, "T", 7);
    for (size_t i = 0; i < etas.n; ++i)
        for (size_t s = 0; s < seeds.n; ++s) {
            tiny row;
            memset(&row, 0, sizeof row);
            row.seed = seeds.at[s], row.lr = etas.at[i], row.kind = i ? "low \"q\"" : "high";
            kit_add(x, &sweep, &row);
        }
}

static double mean_at(kit *x, double lr)
{
    return kit_mean(kit_published(kit_where(kit_part_runs(x, &sweep), KIT_AT(tiny, lr), lr)),
                    KIT_AT(tiny, drift));
}

static void report(kit *x)
{
    double mean = mean_at(x, 0.1);
    kit_table *t = KIT_TABLE(x, "means", "Means", "lr", "mean", "none");
    kit_claim *c = kit_paper(x, "mean", "The mean is 2.07.", "2.07");
    KIT_LINE(t, 0.1, mean, KIT_NONE), KIT_LINE(t, KIT_NAN, mean_at(x, 1e-5), KIT_INF);
    kit_number(c, "mean", mean, kit_within(2.07, 0.01));
    kit_statement(c, "mean", mean, kit_above(3));
    kit_condition(c, "with another bound", "mean", mean, kit_above(2));
    kit_identity(x, "positive", "Drifts are positive.", "worst",
                 kit_worst(kit_part_runs(x, &sweep), KIT_AT(tiny, drift)), kit_above(0));
    kit_summary(x, "mean", mean);
}
static const kit_info info = { "E98", "Tiny", "Theorem 0", "-", NULL, plan, report, NULL };

static kit *open_with(const char *seeds, const char *lrs, int quick)
{
    kit_settings set = kit_settings_default();
    if (seeds) CHECK(kit_set_seeds(&set, seeds));
    if (lrs) CHECK(kit_set_lrs(&set, lrs));
    set.quick = quick, set.quiet = 1;
    return kit_open(&info, &set);
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
    worst_seed = 0;
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
    worst_seed = 137;
    CHECK(!strcmp(verdict(NULL, NULL, 0, 1), "not decided"));
    worst_seed = 0;
}

/* A diverged run is counted, named in the sentence and left out of identities. */
static void t_diverged(void)
{
    kit *x = open_with(NULL, NULL, 0);
    worst_seed = 137;
    CHECK(kit_execute(x) == KIT_OK);
    kit_report(x);
    CHECK(kit_part_diverged(x, &sweep) == 2);
    CHECK(kit_diverged(kit_part_runs(x, &sweep)) == 2);
    CHECK(strstr(x->claims->sentence, "2 of 6 runs diverged") != NULL);
    CHECK(x->claims->next->statement == KIT_HOLDS && kit_identities_hold(x));
    worst_seed = 0;
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
        CHECK(kit_same_config(merged, doc.root, "shard") == KIT_OK);
        CHECK(kit_take_runs(merged, doc.root, "shard") == KIT_OK);
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

static const test_case tests[] = { TEST(t_verdicts), TEST(t_diverged), TEST(t_bounds), TEST(t_merge),
                                   TEST(t_figure) };
TEST_MAIN(tests)
