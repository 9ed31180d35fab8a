/* json.h - strict JSON reader: a tree in an arena, line numbers in errors, depth limited, nothing
 * beyond the standard but bare NaN, Infinity, -Infinity (Python writes them). Include after ex.h.
 */
#ifndef CLB_JSON_H
#define CLB_JSON_H

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
    ex_arena    arena;
    json       *root;               /* NULL after an error */
    char        error[300];         /* "file:line: what" */
    const char *name, *p, *end;
    size_t      line;
} json_doc;

enum { JSON_DEPTH = 64 };

EX_FN json *json_fail(json_doc *d, const char *what)
{
    if (!d->error[0]) snprintf(d->error, sizeof d->error, "%s:%zu: %s", d->name, d->line, what);
    return NULL;
}

EX_FN void json_space(json_doc *d)
{
    for (; d->p < d->end && (*d->p == ' ' || *d->p == '\t' || *d->p == '\n' || *d->p == '\r');
         ++d->p)
        d->line += *d->p == '\n';
}

EX_FN int json_word(json_doc *d, const char *word)
{
    size_t n = strlen(word);
    if ((size_t)(d->end - d->p) < n || memcmp(d->p, word, n)) return 0;
    d->p += n;
    return 1;
}

EX_FN int json_hex4(json_doc *d, unsigned *out)
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
EX_FN char *json_utf8(char *to, unsigned c)
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
EX_FN char *json_escape(json_doc *d, char *to)
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
EX_FN const char *json_text(json_doc *d)
{
    const char *q = d->p;
    char *text, *to;
    while (q < d->end && *q != '"') q += *q == '\\' && q + 1 < d->end ? 2 : 1;
    if (q >= d->end) { json_fail(d, "text without closing quote"); return NULL; }
    text = to = (char *)ex_new(&d->arena, (size_t)(q - d->p) + 8, 1);
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
EX_FN size_t json_number_length(const char *p, const char *end)
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

EX_FN json *json_number(json_doc *d, json *node)
{
    char digits[400];
    size_t n;
    node->kind = JSON_NUMBER;
    if (json_word(d, "NaN")) { node->number = EX_NAN; return node; }
    if (json_word(d, "Infinity")) { node->number = EX_INF; return node; }
    if (json_word(d, "-Infinity")) { node->number = -EX_INF; return node; }
    n = json_number_length(d->p, d->end);
    if (n == 0 || n >= sizeof digits) return json_fail(d, "not a JSON value");
    memcpy(digits, d->p, n), digits[n] = 0;
    node->number = strtod(digits, NULL);
    d->p += n;
    return node;
}

EX_FN json *json_value(json_doc *d, int depth);

/* Members of a list or an object; d->p stands behind the opening bracket. */
EX_FN json *json_children(json_doc *d, json *node, int depth, char close)
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

EX_FN json *json_value(json_doc *d, int depth)
{
    json *node = (json *)ex_new(&d->arena, 1, sizeof *node);
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
EX_FN json *json_parse(json_doc *d, const char *name, const char *text, size_t n)
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

EX_FN void json_free(json_doc *d)
{
    ex_arena_free(&d->arena);
    d->root = NULL;
}

/* A whole file into memory; NULL with errno. */
EX_FN char *json_slurp(const char *path, size_t *n)
{
    FILE *f = fopen(path, "rb");
    char *text = NULL;
    size_t cap = 0;
    *n = 0;
    if (!f) return NULL;
    for (;;) {
        size_t got;
        if (*n + 65536 > cap) cap = 2 * cap + 131072, text = (char *)ex_realloc(text, cap, 1);
        got = fread(text + *n, 1, cap - *n - 1, f);
        *n += got;
        if (got == 0) break;
    }
    if (ferror(f)) { free(text); text = NULL; }
    else text[*n] = 0;
    fclose(f);
    return text;
}

EX_FN json *json_read(json_doc *d, const char *path)
{
    size_t n;
    char *text = json_slurp(path, &n);
    memset(d, 0, sizeof *d);
    if (!text) {
        snprintf(d->error, sizeof d->error, "%s: %s", path, strerror(errno));
        return NULL;
    }
    json_parse(d, path, text, n);
    free(text);
    return d->root;
}

/* Member of an object or element of a list (key in decimal); NULL if there is none. */
EX_FN json *json_get(const json *node, const char *key)
{
    json *child = node ? node->first : NULL;
    if (node && node->kind == JSON_LIST) {
        long long want;
        if (!ex_whole(key, strlen(key), 0, (long long)node->count - 1, &want)) return NULL;
        while (child && child->index != (size_t)want) child = child->next;
        return child;
    }
    while (child && strcmp(child->key, key)) child = child->next;
    return child;
}

EX_FN const char *json_get_text(const json *node, const char *key)
{
    const json *child = json_get(node, key);
    return child && child->kind == JSON_TEXT ? child->text : "";
}

EX_FN double json_get_number(const json *node, const char *key)
{
    const json *child = json_get(node, key);
    return child && (child->kind == JSON_NUMBER || child->kind == JSON_BOOL) ? child->number
                                                                             : EX_NAN;
}

#endif /* CLB_JSON_H */
