/* Result files as the tools read them: the JSON reader, whole files, damaged files, ledger maps.
 *   cc -O2 -o t_document tests/t_document.c -lm && ./t_document */
#define CLB_IMPLEMENTATION
#include "../clb.h"
#include "tiny.h"
#include "../tools/map.h"
#include "../tools/report.h"
#include "test.h"

/* --- JSON ------------------------------------------------------------------------------------- */

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
    CHECK(json_get(json_get(r, "a"), "4")->number == -KIT_INF);
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
    for (size_t i = 0; i < KIT_LEN(bad); ++i) {
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

/* No prefix of a good document is taken for one, and none reads beyond its end. */
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

/* The result file of the experiment. */
static kit_buf document(void)
{
    kit_settings set = kit_settings_default();
    kit_buf b = { NULL, 0, 0 };
    kit *x;
    set.quiet = 1;
    x = kit_open(&tiny_info, &set);
    CHECK(kit_execute(x) == KIT_OK);
    kit_report(x);
    kit_put_result(&b, x);
    kit_close(x);
    return b;
}

/* What every tool does with a file that was accepted. */
static void use(doc *d)
{
    docs all = { NULL, 1 };
    replication r;
    report_files files = { NULL, NULL, NULL, NULL };
    kit_buf b = { NULL, 0, 0 };
    memset(&r, 0, sizeof r);
    all.at = d;
    if (d->complete) {
        tables_all(&b, &all, &r, 'E', TABLES_MARKDOWN);
        if (!d->info.beyond) tables_page(&b, &all, 0);
        report_page(&b, &all, &r, &files);
    }
    free(b.s);
}

/* --- whole files ------------------------------------------------------------------------------ */

static void t_read_back(void)
{
    kit_buf b = document();
    doc d;
    const kit_claim *c;
    CHECK(doc_parse(&d, "E98.json", b.s, b.n));
    CHECK(d.complete && d.run_n == 6 && !strcmp(d.info.id, "E98"));
    c = d.x->claims;
    CHECK(c->number == KIT_HOLDS && c->statement == KIT_PARTLY && !strcmp(c->condition, "with another bound"));
    CHECK(c->n == 3 && c->tests[0].bound.compare == KIT_WITHIN && c->tests[0].bound.bound == 2.07);
    CHECK(isnan(d.x->tables->cells[3].number) && d.x->tables->cells[5].number == KIT_INF);
    CHECK(kit_is_none(d.x->tables->cells[2].number));
    NEAR(d.x->summary->lo, 1, 0);
    CHECK(d.x->figures && d.x->figures->n == 1);
    use(&d);
    doc_free(&d), free(b.s);
}

/* The page shows what the file says, not what was run. */
static void t_replaced_table_changes_the_page(void)
{
    kit_buf b = document(), page = { NULL, 0, 0 };
    char *at = strstr(b.s, "Means <of> drifts");
    docs all = { NULL, 1 };
    doc d;
    CHECK(at);
    memcpy(at, "Other", 5);
    CHECK(doc_parse(&d, "E98.json", b.s, b.n));
    all.at = &d;
    tables_page(&page, &all, 0);
    CHECK(strstr(page.s, "Other <of> drifts"));
    doc_free(&d), free(b.s), free(page.s);
}

/* --- damaged files ----------------------------------------------------------------------------- */

static void put_tree(kit_buf *b, const json *node, const json *hit, int how);

/* The members of a list or object; `hit` is left out (how 0), or stands twice (how 4). */
static void put_members(kit_buf *b, const json *node, const json *hit, int how)
{
    const char *comma = "";
    for (const json *c = node->first; c; c = c->next)
        for (int k = c == hit ? (how == 0 ? 0 : how == 4 ? 2 : 1) : 1; k > 0; --k) {
            kit_put(b, comma), comma = ", ";
            if (c->key) json_put_text(b, c->key), kit_put(b, ": ");
            put_tree(b, c, hit, how);
        }
}

/* The tree as text with one node damaged: 0 gone, 1 null, 2 an empty list, 3 a negative number,
 * 4 twice, 5 a text. */
static void put_tree(kit_buf *b, const json *node, const json *hit, int how)
{
    static const char *const instead[] = { "", "null", "[]", "-7.5", "", "\"nan\"" };
    if (node == hit && instead[how][0]) { kit_put(b, instead[how]); return; }
    switch (node->kind) {
    case JSON_NULL: kit_put(b, "null"); break;
    case JSON_BOOL: kit_put(b, node->number != 0 ? "true" : "false"); break;
    case JSON_NUMBER: json_put_number(b, node->number); break;
    case JSON_TEXT: json_put_text(b, node->text); break;
    case JSON_LIST: kit_put(b, "["), put_members(b, node, hit, how), kit_put(b, "]"); break;
    default: kit_put(b, "{"), put_members(b, node, hit, how), kit_put(b, "}"); break;
    }
}

typedef struct damage { size_t refused, understood, unnamed; } damage;

/* Every node of the tree, damaged in every way: refused with a line that names the file and a
 * place, or understood. */
static void damage_all(const json *root, const json *node, damage *d)
{
    for (int how = 0; how < 6; ++how) {
        kit_buf b = { NULL, 0, 0 };
        doc read;
        put_tree(&b, root, node, how);
        if (doc_parse(&read, "E98.json", b.s ? b.s : "", b.n)) ++d->understood, use(&read);
        else ++d->refused, d->unnamed += strncmp(read.error, "E98.json:", 9) != 0 || strlen(read.error) < 15;
        doc_free(&read), free(b.s);
    }
    for (const json *c = node->first; c; c = c->next) damage_all(root, c, d);
}

static void t_every_value_damaged(void)
{
    kit_buf b = document();
    json_doc file;
    damage d = { 0, 0, 0 };
    CHECK(json_parse(&file, "E98.json", b.s, b.n));
    damage_all(file.root, file.root, &d);
    CHECK(d.refused > 300 && d.understood > 100 && d.unnamed == 0);
    json_free(&file), free(b.s);
}

/* A few bytes changed: refused or understood, never a crash, never a byte read past the end. */
static void t_mutated(void)
{
    kit_buf b = document();
    clb_rng rng;
    size_t refused = 0, understood = 0;
    clb_rng_seed(&rng, 1);
    for (int round = 0; round < 2000; ++round) {
        size_t n = clb_rng_below(&rng, 4) ? b.n : clb_rng_below(&rng, (uint32_t)b.n + 1);
        char *exact = (char *)malloc(n + !n);
        doc d;
        NOTE("round %d", round);
        memcpy(exact, b.s, n);
        for (uint32_t k = clb_rng_below(&rng, 4); n && k > 0; --k) {
            static const char with[] = "{}[],:\"\\-0919eE.utn \n\377";
            exact[clb_rng_below(&rng, (uint32_t)n)] = with[clb_rng_below(&rng, sizeof with)];
        }
        if (doc_parse(&d, "mutated", exact, n)) ++understood, use(&d);
        else ++refused;
        doc_free(&d), free(exact);
    }
    CHECK(refused > 100 && understood > 100);
    free(b.s);
}

/* A damaged place is named: whoever edits a file by hand finds it. */
static void t_places_are_named(void)
{
    kit_buf b = document();
    char *row = strstr(b.s, "[0.1, "), *value;
    doc d;
    CHECK(row);
    row[1] = ' ', row[2] = ' ', row[3] = ' ', row[4] = ' ';                  /* a cell less */
    CHECK(!doc_parse(&d, "E98.json", b.s, b.n));
    CHECK(strstr(d.error, "tables/0 (means): row 0 has 2 cells, the table has 3 columns"));
    doc_free(&d), free(b.s);
    b = document();
    value = strstr(b.s, "\"drift\": ");
    CHECK(value);
    memcpy(value, "\"drrft\"", 7);
    CHECK(!doc_parse(&d, "E98.json", b.s, b.n));
    CHECK(strstr(d.error, "runs/0 (sweep): \"drift\" is missing"));
    doc_free(&d), free(b.s);
}

/* --- maps ------------------------------------------------------------------------------------- */

static map_value value_at(const doc *d, const char *text)
{
    map_cache cache;
    map_value v;
    memset(&cache, 0, sizeof cache);
    v = map_evaluate(&cache, d, text);
    kit_arena_free(&cache.arena);
    return v;
}

static void t_map_values(void)
{
    kit_buf b = document();
    doc d;
    CHECK(doc_parse(&d, "E98.json", b.s, b.n));
    NEAR(value_at(&d, "runs(sweep, lr = 0.1, seed = 137).drift").number, 13.7 / 7, 1e-15);
    NEAR(value_at(&d, "runs(sweep, lr = 1e-05, seed = 42).a[0]").number, 14, 0);
    CHECK(value_at(&d, "runs(sweep, lr = 1e-05, seed = 42).a[2]").number == -KIT_INF);
    CHECK(value_at(&d, "runs(sweep, lr = 1e-05, seed = 42).a[2*1+0]").number == -KIT_INF);
    CHECK(value_at(&d, "runs(sweep, lr = 1e-05, seed = 42).a[2*1+2]").error);
    CHECK(value_at(&d, "runs(sweep, lr = 1e-05, seed = 42).a[2*]").error);
    NEAR(value_at(&d, "table(means, lr = 0.1).lr").number, 0.1, 0);
    NEAR(value_at(&d, "table(means)[0].lr").number, 0.1, 0);
    NEAR(value_at(&d, "summary(mean).stderr").number, 0.1, 0);
    NEAR(value_at(&d, "config.T").number, 7, 0);
    NEAR(value_at(&d, "20").number, 20, 0);
    CHECK(value_at(&d, "none").none);
    CHECK(value_at(&d, "runs(sweep, lr = 0.1).drift").error);                /* not unique */
    CHECK(value_at(&d, "runs(sweep, lr = 3, seed = 42).drift").error);
    CHECK(value_at(&d, "runs(sweep, lr = 0.1, seed = 42).dritf").error);
    CHECK(value_at(&d, "runs(sweep, lr = 0.1, seed = 42).a[4]").error);
    CHECK(value_at(&d, "table(means)[2].lr").error);
    CHECK(value_at(&d, "table(means, lr = 0.1).la").error);
    CHECK(value_at(&d, "summary(median).value").error);
    CHECK(value_at(&d, "config.S").error);
    CHECK(value_at(&d, "runs(sweep").error);
    CHECK(value_at(NULL, "summary(mean).value").error);
    doc_free(&d), free(b.s);
}

static void t_map_paths(void)
{
    static const char *const keys[] = { "width_64", "lr_0.1", "drifts", "3" };
    map_words w;
    CHECK(map_match("width_64/lr_{lr}/drifts/{s}", keys, 4, &w) && w.n == 2);
    CHECK(!strcmp(w.word[0], "0.1") && !strcmp(w.word[1], "3"));
    CHECK(!strcmp(map_replace("runs(x, lr = {lr}, seed = seed {s}).{q}", &w),
                  "runs(x, lr = 0.1, seed = seed 3).{q}"));
    CHECK(map_match("width_64/**", keys, 4, &w) && map_match("*/*/*/*", keys, 4, &w));
    CHECK(!map_match("width_64/lr_{lr}/drifts", keys, 4, &w));
    CHECK(!map_match("width_64/lr_{lr}/drifts/{s}/x", keys, 4, &w));
    CHECK(!map_match("width_16/**", keys, 4, &w));
}

/* Our own maps are well formed. */
static void t_maps_read(void)
{
    tool_names names = { NULL, 0, 0 };
    CHECK(tool_folder("tools/published", ".map", &names) == 0);
    CHECK(names.n > 0);
    for (size_t i = 0; i < names.n; ++i) {
        map m;
        NOTE("%s", names.at[i]);
        CHECK(map_read(&m, tool_print("tools/published/%s", names.at[i]), "E00") == KIT_OK);
        CHECK(m.n > 0);
        free(m.at);
    }
}

static const test_case tests[] = {
    TEST(t_json_values),    TEST(t_json_refuses),      TEST(t_json_depth_and_line),
    TEST(t_json_truncated), TEST(t_read_back),         TEST(t_replaced_table_changes_the_page),
    TEST(t_every_value_damaged), TEST(t_mutated),      TEST(t_places_are_named),
    TEST(t_map_values),     TEST(t_map_paths),         TEST(t_maps_read),
};
TEST_MAIN(tests)
