/* json.h - strict JSON: a reader that keeps a tree in an arena (line numbers in errors, depth
 * limited, nothing beyond the standard but bare NaN, Infinity, -Infinity, which Python writes), and
 * what a writer needs. Knows nothing of experiments. */
#ifndef KIT_JSON_H
#define KIT_JSON_H

#include "files.h"

typedef enum json_kind {
    JSON_NULL, JSON_BOOL, JSON_NUMBER, JSON_TEXT, JSON_LIST, JSON_OBJECT
} json_kind;

typedef struct json {
    json_kind    kind;
    double       number;            /* number, or 0/1 */
    const char  *text, *key;        /* text; name in the object it stands in, or NULL */
    struct json *first, *next;
    size_t       count, index;      /* children; place among the siblings */
    size_t       tag;               /* for the user */
} json;

typedef struct json_doc {
    kit_arena    arena;
    json       *root;               /* NULL after an error */
    char        error[300];         /* "file:line: what" */
    const char *name, *p, *end;
    size_t      line;
} json_doc;

enum { JSON_DEPTH = 64 };

KIT_FN json *json_fail(json_doc *d, const char *what)
{
    if (!d->error[0]) snprintf(d->error, sizeof d->error, "%s:%zu: %s", d->name, d->line, what);
    return NULL;
}

KIT_FN void json_space(json_doc *d)
{
    for (; d->p < d->end && (*d->p == ' ' || *d->p == '\t' || *d->p == '\n' || *d->p == '\r');
         ++d->p)
        d->line += *d->p == '\n';
}

KIT_FN int json_word(json_doc *d, const char *word)
{
    size_t n = strlen(word);
    if ((size_t)(d->end - d->p) < n || memcmp(d->p, word, n)) return 0;
    d->p += n;
    return 1;
}

KIT_FN int json_hex4(json_doc *d, unsigned *out)
{
    *out = 0;
    if (d->end - d->p < 4) return 0;
    for (int i = 0; i < 4; ++i, ++d->p) {
        char c = *d->p;
        unsigned v = c >= '0' && c <= '9'   ? (unsigned)(c - '0')
                     : c >= 'a' && c <= 'f' ? (unsigned)(c - 'a' + 10)
                     : c >= 'A' && c <= 'F' ? (unsigned)(c - 'A' + 10)
                                            : 16;
        if (v > 15) return 0;
        *out = 16 * *out + v;
    }
    return 1;
}

/* The code point c as UTF-8. */
KIT_FN char *json_utf8(char *to, unsigned c)
{
    if (c < 0x80) *to++ = (char)c;
    else if (c < 0x800) *to++ = (char)(0xc0 | (c >> 6)), *to++ = (char)(0x80 | (c & 63));
    else if (c < 0x10000)
        *to++ = (char)(0xe0 | (c >> 12)), *to++ = (char)(0x80 | ((c >> 6) & 63)),
        *to++ = (char)(0x80 | (c & 63));
    else
        *to++ = (char)(0xf0 | (c >> 18)), *to++ = (char)(0x80 | ((c >> 12) & 63)),
        *to++ = (char)(0x80 | ((c >> 6) & 63)), *to++ = (char)(0x80 | (c & 63));
    return to;
}

/* What follows a backslash; NULL if it is no escape. */
KIT_FN char *json_escape(json_doc *d, char *to)
{
    static const char from[] = "\"\\/bfnrt", into[] = "\"\\/\b\f\n\r\t";
    const char *known;
    unsigned c, low;
    if (d->p == d->end) return NULL;
    if (*d->p == 'u') {
        ++d->p;
        if (!json_hex4(d, &c) || c == 0) return NULL;
        if (c >= 0xd800 && c < 0xdc00) {
            if (!json_word(d, "\\u") || !json_hex4(d, &low) || low < 0xdc00 || low > 0xdfff)
                return NULL;
            c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
        }
        return json_utf8(to, c);
    }
    known = (const char *)memchr(from, *d->p, sizeof from - 1);
    if (!known) return NULL;
    ++d->p;
    *to++ = into[known - from];
    return to;
}

/* A text; d->p stands behind the opening quote. */
KIT_FN const char *json_text(json_doc *d)
{
    const char *q = d->p;
    char *text, *to;
    while (q < d->end && *q != '"') q += *q == '\\' && q + 1 < d->end ? 2 : 1;
    if (q >= d->end) { json_fail(d, "text without closing quote"); return NULL; }
    text = to = (char *)kit_new(&d->arena, (size_t)(q - d->p) + 8, 1);
    while (d->p < d->end && *d->p != '"') {
        if ((unsigned char)*d->p < 32) { json_fail(d, "control character in a text"); return NULL; }
        if (*d->p != '\\') { *to++ = *d->p++; continue; }
        ++d->p;
        to = json_escape(d, to);
        if (!to) { json_fail(d, "bad escape in a text"); return NULL; }
    }
    ++d->p;
    *to = 0;
    return text;
}

/* Length of a number by the grammar of JSON, 0 if there is none. */
KIT_FN size_t json_number_length(const char *p, const char *end)
{
    const char *start = p, *digits;
    if (p < end && *p == '-') ++p;
    digits = p;
    while (p < end && *p >= '0' && *p <= '9') ++p;
    if (p == digits || (*digits == '0' && p > digits + 1)) return 0;
    if (p < end && *p == '.') {
        digits = ++p;
        while (p < end && *p >= '0' && *p <= '9') ++p;
        if (p == digits) return 0;
    }
    if (p < end && (*p == 'e' || *p == 'E')) {
        ++p;
        if (p < end && (*p == '+' || *p == '-')) ++p;
        digits = p;
        while (p < end && *p >= '0' && *p <= '9') ++p;
        if (p == digits) return 0;
    }
    return (size_t)(p - start);
}

KIT_FN json *json_number(json_doc *d, json *node)
{
    char digits[400];
    size_t n;
    node->kind = JSON_NUMBER;
    if (json_word(d, "NaN")) { node->number = KIT_NAN; return node; }
    if (json_word(d, "Infinity")) { node->number = KIT_INF; return node; }
    if (json_word(d, "-Infinity")) { node->number = -KIT_INF; return node; }
    n = json_number_length(d->p, d->end);
    if (n == 0 || n >= sizeof digits) return json_fail(d, "not a JSON value");
    memcpy(digits, d->p, n), digits[n] = 0;
    node->number = strtod(digits, NULL);
    d->p += n;
    return node;
}

KIT_FN json *json_value(json_doc *d, int depth);

/* Members of a list or an object; d->p stands behind the opening bracket. */
KIT_FN json *json_children(json_doc *d, json *node, int depth, char close)
{
    json **end = &node->first;
    json_space(d);
    if (d->p < d->end && *d->p == close) { ++d->p; return node; }
    for (;;) {
        const char *key = NULL;
        json *child;
        json_space(d);
        if (node->kind == JSON_OBJECT) {
            if (d->p == d->end || *d->p++ != '"') return json_fail(d, "name expected");
            if (!(key = json_text(d))) return NULL;
            json_space(d);
            if (d->p == d->end || *d->p++ != ':') return json_fail(d, "':' expected");
        }
        if (!(child = json_value(d, depth + 1))) return NULL;
        child->key = key, child->index = node->count++;
        *end = child, end = &child->next;
        json_space(d);
        if (d->p == d->end) return json_fail(d, "file ends inside a list or an object");
        if (*d->p == close) { ++d->p; return node; }
        if (*d->p++ != ',') return json_fail(d, "',' expected");
    }
}

KIT_FN json *json_value(json_doc *d, int depth)
{
    json *node = (json *)kit_new(&d->arena, 1, sizeof *node);
    if (depth > JSON_DEPTH) return json_fail(d, "nested too deeply");
    json_space(d);
    if (d->p == d->end) return json_fail(d, "value expected");
    switch (*d->p) {
    case '{': ++d->p; node->kind = JSON_OBJECT; return json_children(d, node, depth, '}');
    case '[': ++d->p; node->kind = JSON_LIST; return json_children(d, node, depth, ']');
    case '"':
        ++d->p;
        node->kind = JSON_TEXT;
        node->text = json_text(d);
        return node->text ? node : NULL;
    default: break;
    }
    if (json_word(d, "null")) return node;
    if (json_word(d, "true")) { node->kind = JSON_BOOL, node->number = 1; return node; }
    if (json_word(d, "false")) { node->kind = JSON_BOOL; return node; }
    return json_number(d, node);
}

/* Parse n bytes; name stands in error messages. The texts of the tree are copies. */
KIT_FN json *json_parse(json_doc *d, const char *name, const char *text, size_t n)
{
    memset(d, 0, sizeof *d);
    d->name = name, d->p = text, d->end = text + n, d->line = 1;
    d->root = json_value(d, 0);
    if (d->root) {
        json_space(d);
        if (d->p != d->end) d->root = json_fail(d, "something follows the document");
    }
    return d->root;
}

KIT_FN void json_free(json_doc *d)
{
    kit_arena_free(&d->arena);
    d->root = NULL;
}

KIT_FN json *json_read(json_doc *d, const char *path)
{
    size_t n;
    char *text = kit_slurp(path, &n);
    memset(d, 0, sizeof *d);
    if (!text) {
        snprintf(d->error, sizeof d->error, "%s: %s", path, strerror(errno));
        return NULL;
    }
    json_parse(d, path, text, n);
    free(text);
    return d->root;
}

/* A place in a list, in decimal. */
KIT_FN int json_index(const char *text, size_t count, size_t *out)
{
    char *end;
    if (*text < '0' || *text > '9') return 0;
    *out = (size_t)strtoull(text, &end, 10);
    return *end == 0 && *out < count;
}

/* Member of an object or element of a list (key in decimal); NULL if there is none. */
KIT_FN json *json_get(const json *node, const char *key)
{
    json *child = node ? node->first : NULL;
    if (node && node->kind == JSON_LIST) {
        size_t want;
        if (!json_index(key, node->count, &want)) return NULL;
        while (child && child->index != want) child = child->next;
        return child;
    }
    while (child && strcmp(child->key, key)) child = child->next;
    return child;
}

KIT_FN const char *json_get_text(const json *node, const char *key)
{
    const json *child = json_get(node, key);
    return child && child->kind == JSON_TEXT ? child->text : "";
}

KIT_FN double json_get_number(const json *node, const char *key)
{
    const json *child = json_get(node, key);
    return child && (child->kind == JSON_NUMBER || child->kind == JSON_BOOL) ? child->number
                                                                             : KIT_NAN;
}

/* ============================================================================================
 * Writing
 * ========================================================================================== */

/* Shortest decimal that reads back as the same double. Only for finite x. */
KIT_FN const char *json_decimal(char *out, size_t size, double x)
{
    for (int digits = 15; digits <= 17; ++digits) {
        snprintf(out, size, "%.*g", digits, x);
        if (strtod(out, NULL) == x) break;
    }
    return out;
}

KIT_FN void json_put_text(kit_buf *b, const char *text)
{
    char c[8];
    kit_put(b, "\"");
    for (; *text; ++text) {
        unsigned char u = (unsigned char)*text;
        if (u == '"' || u == '\\') snprintf(c, sizeof c, "\\%c", u);
        else if (u == '\n') snprintf(c, sizeof c, "\\n");
        else if (u < 32) snprintf(c, sizeof c, "\\u%04x", u);
        else snprintf(c, sizeof c, "%c", u);
        kit_put(b, c);
    }
    kit_put(b, "\"");
}

/* A text, or null for NULL. */
KIT_FN void json_put_text_or_null(kit_buf *b, const char *text)
{
    if (text) json_put_text(b, text); else kit_put(b, "null");
}

/* "name": and the text behind it. */
KIT_FN void json_put_named(kit_buf *b, const char *name, const char *text)
{
    json_put_text(b, name);
    kit_put(b, ": ");
    json_put_text_or_null(b, text);
}

KIT_FN void json_put_number(kit_buf *b, double x)
{
    char text[40];
    kit_put(b, isfinite(x) ? json_decimal(text, sizeof text, x) : "null");
}

/* Why a number is null. */
KIT_FN const char *json_reason(double x) { return isnan(x) ? "nan" : x > 0 ? "inf" : "-inf"; }

/* "name": x, and the reason beside it if x is not finite. */
KIT_FN void json_put_value(kit_buf *b, const char *name, double x)
{
    json_put_text(b, name);
    kit_put(b, ": ");
    json_put_number(b, x);
    if (!isfinite(x)) kit_putf(b, ", \"%s_null\": \"%s\"", name, json_reason(x));
}

KIT_FN void json_put_list(kit_buf *b, size_t n, const double *at)
{
    kit_put(b, "[");
    for (size_t i = 0; i < n; ++i) {
        if (i) kit_put(b, ", ");
        json_put_number(b, at[i]);
    }
    kit_put(b, "]");
}

/* "name": the list, and the reasons of its nulls in their order. */
KIT_FN void json_put_array(kit_buf *b, const char *name, kit_list list)
{
    const char *comma = "";
    json_put_text(b, name);
    kit_put(b, ": ");
    json_put_list(b, list.n, list.at);
    for (size_t i = 0; i < list.n; ++i) {
        if (isfinite(list.at[i])) continue;
        if (*comma) kit_put(b, comma); else kit_putf(b, ", \"%s_null\": [", name);
        kit_putf(b, "\"%s\"", json_reason(list.at[i]));
        comma = ", ";
    }
    if (*comma) kit_put(b, "]");
}

/* ============================================================================================
 * Numbers back from a file
 * ========================================================================================== */

/* What a null stood for. */
KIT_FN double json_null_value(const json *reason)
{
    const char *why = reason && reason->kind == JSON_TEXT ? reason->text : "";
    return !strcmp(why, "inf") ? KIT_INF : !strcmp(why, "-inf") ? -KIT_INF : KIT_NAN;
}

/* The member NAME_null. */
KIT_FN const json *json_reasons(const json *object, const char *name)
{
    char key[160];
    snprintf(key, sizeof key, "%s_null", name);
    return json_get(object, key);
}

/* A number, or a null with its reason, into *out; 0 if it is neither. */
KIT_FN int json_get_value(const json *object, const char *name, double *out)
{
    const json *v = json_get(object, name);
    if (!v || (v->kind != JSON_NUMBER && v->kind != JSON_NULL)) return 0;
    *out = v->kind == JSON_NUMBER ? v->number : json_null_value(json_reasons(object, name));
    return 1;
}

/* A list of such, copied into the arena; 0 if it is no list of numbers and nulls. */
KIT_FN int json_get_list(kit_arena *arena, const json *object, const char *name, kit_list *out)
{
    const json *v = json_get(object, name), *reasons = json_reasons(object, name);
    const json *reason = reasons ? reasons->first : NULL;
    double *at;
    if (!v || v->kind != JSON_LIST) return 0;
    at = (double *)kit_new(arena, v->count, sizeof *at);
    for (const json *c = v->first; c; c = c->next) {
        if (c->kind != JSON_NUMBER && c->kind != JSON_NULL) return 0;
        at[c->index] = c->kind == JSON_NUMBER ? c->number : json_null_value(reason);
        if (c->kind == JSON_NULL && reason) reason = reason->next;
    }
    out->n = v->count, out->at = at;
    return 1;
}

#endif /* KIT_JSON_H */
