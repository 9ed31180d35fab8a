/* The JSON reader, result files back into experiments, and the ledger's matching.
 *   cc -O2 -o t_json tests/t_json.c -lm && ./t_json */
#define CLB_IMPLEMENTATION
#include "../clb.h"
#define EX_NO_MAIN
#include "../examples/ex.h"
#include "../examples/plot.h"
#include "test.h"

/* A tiny experiment whose numbers are functions of its keys. */
static void e98_plan(ex *x)
{
    ex_list seeds = ex_seeds(x, 3);
    static const double lrs[2] = { 0.1, 1e-5 };
    ex_list etas = ex_lrs(x, lrs, 2);
    ex_config(x, "T", 7);
    for (size_t i = 0; i < etas.n; ++i)
        for (size_t s = 0; s < seeds.n; ++s) {
            ex_row *row = ex_add(x, "sweep", seeds.at[s]);
            ex_num(row, "lr", etas.at[i]);
            ex_text(row, "kind", i ? "low \"q\"" : "high");
        }
}

static clb_status e98_run(ex *x, ex_row *row)
{
    double a[4];
    (void)x;
    a[0] = row->seed / 3.0, a[1] = EX_NAN, a[2] = -EX_INF, a[3] = -0.0;
    ex_num(row, "drift", ex_get(row, "lr") * row->seed / 7.0);
    ex_array(row, "a", 4, a);
    ex_num(row, "gone", row->seed > 100 ? EX_INF : EX_NAN);
    ex_flag(row, "big", row->seed > 100);
    return CLB_OK;
}

static void e98_finish(ex *x)
{
    ex_list all = ex_pick(x, "drift", "part=sweep pub=1");
    ex_row *line = ex_line(x, "t");
    ex_num(line, "sum", clb_mean(all.n, all.at) * (double)all.n);
    for (size_t i = 0; i < ex_runs(x); ++i)
        ex_ref(ex_run_at(x, i), "drift", EX_STABLE, 0, "f/results.json#%s/drifts/%d",
               ex_key(x, ex_get(ex_run_at(x, i), "lr")), ex_seed_index(ex_run_at(x, i)));
    ex_claim(x, "claim", "p", "m", "reproduced if runs = 6", EX_VALUES((double)all.n));
}

static const ex_info e98 = { "E98", "tiny",   "Tiny",  "Theorem 0", "-",
                             "k",   e98_plan, e98_run, e98_finish,  NULL };
static const ex_info *const all_experiments[] = { &e98 };
#include "../tools/json.h"
#include "../tools/load.h"
#include "../tools/tables.h"
#include "../tools/ledger.h"

static json *parse(json_doc *d, const char *text)
{
    return json_parse(d, "text", text, strlen(text));
}

static void t_json_values(void)
{
    json_doc d;
    json *r = parse(&d, " {\"a\": [1, -2.5e3, NaN, Infinity, -Infinity, true, null], \"b\": "
                        "{\"\\u00e9\\ud83d\\ude00\": \"x\\n\"}} ");
    CHECK(r);
    CHECK(json_get(r, "a")->count == 7);
    NEAR(json_get(json_get(r, "a"), "1")->number, -2500.0, 0);
    CHECK(isnan(json_get(json_get(r, "a"), "2")->number));
    CHECK(json_get(json_get(r, "a"), "4")->number == -EX_INF);
    CHECK(json_get(json_get(r, "a"), "6")->kind == JSON_NULL);
    CHECK(json_get(json_get(r, "a"), "7") == NULL);
    CHECK(!strcmp(json_get_text(json_get(r, "b"), "\303\251\360\237\230\200"), "x\n"));
    json_free(&d);
}

static void t_json_refuses(void)
{
    static const char *const bad[] = {
        "",          "{",           "[1,]",     "[1 2]", "{\"a\":}",   "{a:1}", "01",
        "1.",        ".5",          "+1",       "1e",    "nan",        "tru",   "\"x",
        "\"\\x\"",   "\"\\ud800\"", "\"\001\"", "[1] 2", "{\"a\":1,}", "-",     "\"\\u12\"",
        "{\"a\" 1}", "[",           "]",        "--1"
    };
    for (size_t i = 0; i < EX_LEN(bad); ++i) {
        json_doc d;
        NOTE("text %s", bad[i]);
        CHECK(parse(&d, bad[i]) == NULL);
        CHECK(d.error[0]);
        json_free(&d);
    }
}

static void t_json_depth_and_line(void)
{
    char deep[200];
    json_doc d;
    memset(deep, '[', 100), memset(deep + 100, ']', 100);
    CHECK(json_parse(&d, "deep", deep, 200) == NULL);
    CHECK(strstr(d.error, "nested"));
    json_free(&d);
    CHECK(json_parse(&d, "deep", deep + 60, 80) != NULL);
    json_free(&d);
    CHECK(parse(&d, "[1,\n2,\n}") == NULL);
    CHECK(!strncmp(d.error, "text:3:", 7));
    json_free(&d);
}

/* No prefix of a good document is taken for a document, and none reads beyond its end (exact-size
 * buffers). */
static void t_json_truncated(void)
{
    static const char text[] = "{\"a\": [1.5e-3, \"\\u00e9\", {\"b\": null}], \"c\": false}";
    for (size_t n = 0; n + 1 < sizeof text; ++n) {
        char *exact = (char *)malloc(n ? n : 1);
        json_doc d;
        memcpy(exact, text, n);
        NOTE("length %zu", n);
        CHECK(json_parse(&d, "cut", exact, n) == NULL);
        json_free(&d);
        free(exact);
    }
}

static ex *tiny(long shard, long shards, const char *seeds)
{
    ex_settings set = ex_settings_default();
    ex *x;
    set.shard = shard, set.shards = shards, set.quiet = 1;
    if (seeds) CHECK(ex_set_seeds(&set, seeds));
    x = ex_open(&e98, &set);
    CHECK(ex_execute(x) == EX_OK);
    if (shards == 1) e98_finish(x);
    return x;
}

/* The result file without its environment. */
static char *document(const ex *x)
{
    ex_buf b = { NULL, 0, 0 };
    char *end;
    ex_json(&b, x);
    end = strstr(b.s, "\"environment\"");
    if (end) *end = 0;
    return b.s;
}

static ex *reread(ex *x)
{
    ex_buf b = { NULL, 0, 0 };
    json_doc d;
    ex *again;
    ex_json(&b, x);
    CHECK(json_parse(&d, "result", b.s, b.n));
    again = load_document(d.root, "result");
    CHECK(again);
    json_free(&d);
    free(b.s);
    return again;
}

static void t_round_trip(void)
{
    ex *x = tiny(0, 1, "42,137,5"), *y = reread(x);
    char *a, *b;
    CHECK(ex_complete(y));
    e98_finish(y);
    a = document(x), b = document(y);
    CHECK(!strcmp(a, b));
    SAME_BITS(ex_get_array(ex_run_at(y, 0), "a").at[3], -0.0);
    CHECK(ex_get(ex_run_at(y, 1), "gone") == EX_INF);
    free(a), free(b);
    ex_close(x), ex_close(y);
}

static void t_shards_merge(void)
{
    ex *whole = tiny(0, 1, NULL), *part[3], *merged = NULL;
    char *a, *b;
    for (int i = 0; i < 3; ++i) {
        ex *shard = tiny(i, 3, NULL);
        part[i] = reread(shard);
        ex_close(shard);
        CHECK(!ex_complete(part[i]));
    }
    merged = part[2];
    CHECK(load_join(merged, part[0], "0") == EX_OK);
    CHECK(!ex_complete(merged));
    CHECK(load_join(merged, part[1], "1") == EX_OK);
    CHECK(ex_complete(merged));
    merged->set.shard = 0, merged->set.shards = 1;
    e98_finish(merged);
    a = document(whole), b = document(merged);
    CHECK(!strcmp(a, b));
    free(a), free(b);
    for (int i = 0; i < 3; ++i) ex_close(part[i]);
    ex_close(whole);
}

static void t_merge_refuses(void)
{
    ex *a = tiny(0, 2, NULL), *again = tiny(0, 2, NULL), *other = tiny(1, 2, "1,2");
    CHECK(load_join(a, again, "overlap (expected message)") == EX_BAD_INPUT);
    CHECK(load_join(a, other, "mixed (expected message)") == EX_BAD_INPUT);
    ex_close(a), ex_close(again), ex_close(other);
}

static void t_keys(void)
{
    ex *x = tiny(0, 1, NULL);
    CHECK(!strcmp(ex_key(x, 0.0001), "0.0001"));
    CHECK(!strcmp(ex_key(x, 1e-5), "1e-05"));
    CHECK(!strcmp(ex_key(x, 1.0), "1.0"));
    CHECK(!strcmp(ex_key(x, 0.5), "0.5"));
    CHECK(!strcmp(ex_key(x, 2.5e-7), "2.5e-07"));
    CHECK(!strcmp(ex_key(x, 1e16), "1e+16"));
    CHECK(!strcmp(ex_key(x, 100.0), "100.0"));
    EQUAL(ex_pick(x, "drift", "lr=%.17g pub=1", 0.1).n, 3);
    EQUAL(ex_pick(x, "drift", "lr=%.17g seed=137", 0.1).n, 1);
    EQUAL(ex_pick(x, "drift", "kind=high").n, 3);
    EQUAL(ex_pick(x, "drift", "nothing=1").n, 0);
    ex_close(x);
}

/* Seeds that are not the published ones are never compared with published numbers. */
static void t_refs_only_of_published_seeds(void)
{
    ex *x = tiny(0, 1, "1..6"), *y = tiny(0, 1, "42,1");
    EQUAL(x->ledger_n, 0);
    EQUAL(y->ledger_n, 2);
    ex_close(x), ex_close(y);
}

static void t_ledger_states(void)
{
    ex *x = tiny(0, 1, NULL);
    ledger_number *n;
    static const char text[] = "{\"0.1\": {\"drifts\": [0.6, 1.9572, 99]}, \"1e-05\": {\"drifts\": "
                               "[6.0000001e-5, 0, NaN]}, \"free\": 3}";
    ledger l;
    memset(&l, 0, sizeof l);
    l.xs = &x, l.x_n = 1;
    l.files = (ledger_file *)ex_realloc(NULL, 1, sizeof *l.files);
    memset(l.files, 0, sizeof *l.files);
    l.files[0].name = ex_copy(&l.arena, "f/results.json");
    CHECK(json_parse(&l.files[0].doc, "f", text, sizeof text - 1));
    ledger_add_numbers(&l, l.files[0].doc.root, "");
    l.file_n = 1;
    ledger_experiment(&l, 0);
    n = l.numbers;
    EQUAL(l.number_n, 7);
    EQUAL(n[0].state, LEDGER_EXACT);
    EQUAL(n[1].state, LEDGER_DIFFERS);          /* 0.1 * 137 / 7 = 1.957143: 3e-5 off */
    EQUAL(n[2].state, LEDGER_DIFFERS);
    EQUAL(n[3].state, LEDGER_DIGITS);           /* in the eighth digit */
    EQUAL(n[5].state, LEDGER_DIFFERS);          /* published NaN, ours finite */
    EQUAL(n[6].state, LEDGER_OPEN);
    EQUAL(l.unmatched, 0);
    CHECK(!ledger_clean(&l));
    ledger_free(&l);
    ex_close(x);
}

/* Result files with a few bytes changed: refused or understood, never a crash, never a byte read
 * past the end. */
static void t_json_mutated(void)
{
    ex *x = tiny(0, 1, NULL);
    ex_buf b = { NULL, 0, 0 };
    clb_rng rng;
    int refused = 0, understood = 0;
    ex_json(&b, x);
    clb_rng_seed(&rng, 1);
    CHECK(freopen("/dev/null", "w", stderr));          /* thousands of reasons */
    for (int round = 0; round < 3000; ++round) {
        size_t n = clb_rng_below(&rng, 4) ? b.n : clb_rng_below(&rng, (uint32_t)b.n + 1);
        char *exact = (char *)malloc(n + !n);
        json_doc d;
        json *root;
        ex *again;
        NOTE("round %d", round);
        memcpy(exact, b.s, n);
        for (uint32_t k = clb_rng_below(&rng, 4); n && k > 0; --k) {
            static const char with[] = "{}[],:\"\\-0919eE.utn \n\377";
            exact[clb_rng_below(&rng, (uint32_t)n)] = with[clb_rng_below(&rng, sizeof with)];
        }
        root = json_parse(&d, "mutated", exact, n);
        again = root ? load_document(root, "mutated") : NULL;
        if (again) ++understood, ex_close(again);
        else ++refused;
        json_free(&d);
        free(exact);
    }
    CHECK(refused > 100 && understood > 100);
    free(b.s);
    ex_close(x);
}

static const test_case tests[] = {
    TEST(t_json_values),    TEST(t_json_refuses), TEST(t_json_depth_and_line),
    TEST(t_json_truncated), TEST(t_round_trip),   TEST(t_shards_merge),
    TEST(t_merge_refuses),  TEST(t_keys),         TEST(t_refs_only_of_published_seeds),
    TEST(t_ledger_states),  TEST(t_json_mutated),
};
TEST_MAIN(tests)
