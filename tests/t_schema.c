/* tools/result.schema.json describes the result files: a fresh one and a shard are valid, damaged ones
 * are not. The validator knows the words that the schema uses; a new word fails until it is known here.
 *   cc -O2 -o t_schema tests/t_schema.c -lm && ./t_schema */
#define CLB_IMPLEMENTATION
#include "../clb.h"
#include "tiny.h"
#include "test.h"

static const char *const annotations[] = { "$schema", "$defs", "title", "description", "pattern" };
static char wrong[200];                          /* the first member that the schema refuses */

static int valid(const json *schema, const json *root, const json *v);

static int is_type(const char *type, const json *v)
{
    static const char *const names[] = { "null", "boolean", "number", "string", "array", "object" };
    if (!strcmp(type, "integer")) return v->kind == JSON_NUMBER && v->number == floor(v->number);
    return !strcmp(type, names[v->kind]);
}

/* A number, text or truth value that is the same. */
static int equal(const json *a, const json *b)
{
    return a->kind == b->kind && (a->kind == JSON_TEXT ? !strcmp(a->text, b->text) : a->number == b->number);
}

static int any_type(const json *type, const json *v)
{
    int found = type->kind == JSON_TEXT && is_type(type->text, v);
    for (const json *t = type->kind == JSON_LIST ? type->first : NULL; t; t = t->next) found |= is_type(t->text, v);
    return found;
}

static int has_all(const json *names, const json *v)
{
    for (const json *name = names->first; name; name = name->next)
        if (v->kind == JSON_OBJECT && !json_get(v, name->text)) return 0;
    return 1;
}

/* Every member by its own schema, or by that of the others; false: there are no others. */
static int members_fit(const json *schema, const json *root, const json *v)
{
    const json *named = json_get(schema, "properties"), *other = json_get(schema, "additionalProperties");
    for (const json *m = v->kind == JSON_OBJECT ? v->first : NULL; m; m = m->next) {
        const json *own = named ? json_get(named, m->key) : NULL;
        if (!own) own = other;
        if (own && (own->kind == JSON_BOOL ? own->number == 0 : !valid(own, root, m))) {
            if (!*wrong) snprintf(wrong, sizeof wrong, "%s", m->key);
            return 0;
        }
    }
    return 1;
}

static int fits(const char *word, const json *rule, const json *schema, const json *root, const json *v)
{
    size_t n = 0;
    if (!strcmp(word, "$ref")) return valid(json_get(json_get(root, "$defs"), rule->text + 8), root, v);
    if (!strcmp(word, "type")) return any_type(rule, v);
    if (!strcmp(word, "const")) return equal(rule, v);
    if (!strcmp(word, "required")) return has_all(rule, v);
    if (!strcmp(word, "properties") || !strcmp(word, "additionalProperties")) return members_fit(schema, root, v);
    if (!strcmp(word, "minimum")) return v->kind != JSON_NUMBER || v->number >= rule->number;
    if (!strcmp(word, "minItems")) return v->kind != JSON_LIST || (double)v->count >= rule->number;
    if (!strcmp(word, "maxItems")) return v->kind != JSON_LIST || (double)v->count <= rule->number;
    if (!strcmp(word, "enum") || !strcmp(word, "oneOf")) {
        for (const json *r = rule->first; r; r = r->next)
            n += (size_t)(word[0] == 'e' ? equal(r, v) : valid(r, root, v));
        return n == 1;
    }
    if (!strcmp(word, "items")) {
        for (const json *item = v->kind == JSON_LIST ? v->first : NULL; item; item = item->next)
            if (!valid(rule, root, item)) return 0;
        return 1;
    }
    if (!strcmp(word, "dependentRequired")) {
        for (const json *r = rule->first; r; r = r->next)
            if (json_get(v, r->key) && !has_all(r, v)) return 0;
        return 1;
    }
    for (size_t i = 0; i < KIT_LEN(annotations); ++i)
        if (!strcmp(word, annotations[i])) return 1;
    FAIL("the schema has a word that this validator does not know: %s", word);
    return 0;
}

static int valid(const json *schema, const json *root, const json *v)
{
    for (const json *rule = schema->first; rule; rule = rule->next)
        if (!fits(rule->key, rule, schema, root, v)) return 0;
    return 1;
}

static int valid_text(const char *text)
{
    json_doc schema, d;
    int ok;
    wrong[0] = 0;
    CHECK(json_read(&schema, "tools/result.schema.json") != NULL);
    CHECK(json_parse(&d, "result", text, strlen(text)) != NULL);
    ok = valid(schema.root, schema.root, d.root);
    json_free(&d), json_free(&schema);
    return ok;
}

/* The result file of the tiny experiment; shard 1 of 2 if shards is 2. */
static char *result_of(long shards)
{
    kit_settings set = kit_settings_default();
    kit_buf b = { NULL, 0, 0 };
    kit *x;
    set.quiet = 1, set.shards = shards, set.shard = shards - 1;
    x = kit_open(&tiny_info, &set);
    CHECK(kit_execute(x) == KIT_OK);
    if (shards == 1) kit_report(x), kit_headline(x->summary, 100, "%"), x->claims->part = "sweep";
    kit_put_result(&b, x);
    kit_close(x);
    return b.s;
}

static void t_valid(void)
{
    char *whole = result_of(1), *shard = result_of(2);
    CHECK(strstr(whole, "\"headline\"") && strstr(whole, "\"claims\"") && !strstr(shard, "\"claims\""));
    CHECK(valid_text(whole));
    NOTE("refused: %s", wrong);
    CHECK(valid_text(shard));
    free(whole), free(shard);
}

/* One place of the file changed: what the schema must see. */
static void t_damaged(void)
{
    static const struct { const char *from, *to; } change[] = {
        { "\"schema\": \"clb-result/2\"", "\"schema\": \"clb-result/1\"" },            /* const */
        { "\"title\": \"Tiny\"", "\"titel\": \"Tiny\"" },                              /* required */
        { "\"quick\": false", "\"quick\": 0" },                                        /* type */
        { "\"planned\": 6", "\"planned\": -1" },                                       /* minimum */
        { "\"planned\": 6", "\"planned\": 1.5" },                                      /* integer */
        { "\"asks\": \"statement\"", "\"asks\": \"statment\"" },                       /* enum */
        { "\"detail\": false", "\"detail\": false, \"more\": 1" },                     /* additionalProperties */
        { "\"ci95\": [1, 3]", "\"ci95\": [1]" },                                       /* minItems */
        { "\"y2\": null", "\"y2\": 1" },                                               /* oneOf */
        { "\"figures\": [", "\"figure\": [" },                                         /* dependentRequired */
        { "\"drift\": 0.6", "\"drift\": true, \"unused\": 0.6" },                      /* $ref */
    };
    char *whole = result_of(1);
    for (size_t i = 0; i < KIT_LEN(change); ++i) {
        const char *at = strstr(whole, change[i].from);
        kit_buf b = { NULL, 0, 0 };
        NOTE("change %s", change[i].to);
        CHECK(at != NULL);
        if (!at) continue;
        kit_putf(&b, "%.*s%s%s", (int)(at - whole), whole, change[i].to, at + strlen(change[i].from));
        CHECK(!valid_text(b.s));
        free(b.s);
    }
    free(whole);
}

static const test_case tests[] = { TEST(t_valid), TEST(t_damaged) };
TEST_MAIN(tests)
