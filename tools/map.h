/* map.h - maps of the published numbers (tools/published/E05.map, which say what a line means): read,
 * matched with the paths of a published file, and evaluated on our result files. */
#ifndef CLB_MAP_H
#define CLB_MAP_H

#include "document.h"

typedef enum map_class {
    MAP_EXACT, MAP_STABLE, MAP_NOISE, MAP_FIT, MAP_FRACTION, MAP_CHAOTIC, MAP_ARTEFACT, MAP_FOREIGN,
    MAP_UNAVAILABLE, MAP_CLASSES
} map_class;
static const char *const map_class_names[MAP_CLASSES] = {
    "exact", "stable", "noise", "fit", "fraction", "chaotic", "artefact", "foreign", "unavailable"
};

typedef struct map_line {
    const char *file, *seeds;          /* of the published files; seeds: file#path of their list */
    const char *path, *value, *tolerance, *cause;
    const char *needs;                 /* VALUE that must be there; NULL: none */
    map_class   kind;
    size_t      line, matched;         /* in the map; numbers that it claimed */
} map_line;

typedef struct map {
    const char *path, *id;             /* id: the experiment whose result file it is about */
    map_line   *at;
    size_t      n, cap;
    const char *file, *seeds, *needs;  /* while reading */
    char        error[400];
} map;

/* --- reading ---------------------------------------------------------------------------------- */

KIT_FN KIT_PRINTF(3, 4) int map_fail(map *m, size_t line, const char *format, ...)
{
    va_list args;
    int n;
    if (m->error[0]) return 0;
    n = snprintf(m->error, sizeof m->error, "%s:%zu: ", m->path, line);
    va_start(args, format);
    if (n > 0 && (size_t)n < sizeof m->error)
        vsnprintf(m->error + n, sizeof m->error - (size_t)n, format, args);
    va_end(args);
    return 0;
}

/* n characters without the spaces around them. */
KIT_FN const char *map_trim(const char *s, size_t n)
{
    while (n && (*s == ' ' || *s == '\t')) ++s, --n;
    while (n && (s[n - 1] == ' ' || s[n - 1] == '\t')) --n;
    return tool_print("%.*s", (int)n, s);
}

/* Every {name} of the text by its word; a name that is not in the list stays. */
typedef struct map_words { size_t n; const char *name[8], *word[8]; } map_words;

KIT_FN const char *map_replace(const char *text, const map_words *words)
{
    kit_buf b = { NULL, 0, 0 };
    const char *out;
    for (const char *p = text; *p;) {
        const char *end = *p == '{' ? strchr(p, '}') : NULL;
        size_t k = 0, n = end ? (size_t)(end - p) - 1 : 0;
        while (end && k < words->n && (strlen(words->name[k]) != n || memcmp(words->name[k], p + 1, n)))
            ++k;
        if (end && k < words->n) { kit_put(&b, words->word[k]); p = end + 1; continue; }
        kit_putf(&b, "%c", *p++);
    }
    out = tool_print("%s", b.s ? b.s : "");
    free(b.s);
    return out;
}

/* "CLASS [TOLERANCE] ["cause"]" */
KIT_FN int map_read_class(map *m, map_line *l, const char *text)
{
    const char *quote = strchr(text, '"'), *end = quote ? strrchr(text, '"') : NULL;
    size_t n = strcspn(text, " "), rest = quote ? (size_t)(quote - text) : strlen(text);
    int k = 0;
    if (quote && end == quote) return map_fail(m, l->line, "a cause without closing quote");
    while (k < MAP_CLASSES && (strlen(map_class_names[k]) != n || memcmp(map_class_names[k], text, n)))
        ++k;
    if (k == MAP_CLASSES) return map_fail(m, l->line, "no class \"%.*s\"", (int)n, text);
    l->kind = (map_class)k;
    l->tolerance = n < rest ? map_trim(text + n, rest - n) : "";
    l->cause = quote ? tool_print("%.*s", (int)(end - quote - 1), quote + 1) : "";
    if (l->kind >= MAP_ARTEFACT && !l->cause[0])
        return map_fail(m, l->line, "class %s needs a cause", map_class_names[k]);
    return 1;
}

/* "PATH = VALUE : CLASS ..."; VALUE may hold "=" in brackets, and "E06:" in front. */
KIT_FN int map_read_number(map *m, const char *text, size_t line)
{
    const char *equals = strstr(text, " = "), *colon = NULL;
    map_line *l;
    for (const char *p = text; (p = strstr(p, " : ")) != NULL; p += 3) colon = colon ? colon : p;
    if (!equals || !colon || colon < equals)
        return map_fail(m, line, "not \"PATH = VALUE : CLASS\"");
    if (!m->file) return map_fail(m, line, "no \"file\" line before it");
    if (m->n == m->cap) {
        m->cap = 2 * m->cap + 128;
        m->at = (map_line *)kit_realloc(m->at, m->cap, sizeof *m->at);
    }
    l = &m->at[m->n++];
    memset(l, 0, sizeof *l);
    l->file = m->file, l->seeds = m->seeds, l->line = line, l->needs = m->needs;
    l->path = map_trim(text, (size_t)(equals - text));
    l->value = map_trim(equals + 3, (size_t)(colon - equals) - 3);
    return map_read_class(m, l, map_trim(colon + 3, strlen(colon + 3)));
}

/* A line of the map, words of "for" replaced. */
KIT_FN int map_read_line(map *m, const char *text, size_t line)
{
    const char *slash;
    if (!strncmp(text, "file ", 5)) {
        m->file = map_trim(text + 5, strlen(text + 5));
        slash = strrchr(m->file, '/');
        m->seeds = tool_print("%.*sconfig.json#seeds", slash ? (int)(slash - m->file) + 1 : 0, m->file);
        return 1;
    }
    if (!strncmp(text, "seeds ", 6)) {
        const char *where = map_trim(text + 6, strlen(text + 6));
        m->seeds = strchr(where, '#') ? where : tool_print("%s#%s", m->file, where);
        return 1;
    }
    return map_read_number(m, text, line);
}

typedef struct map_text { const char **at; size_t *line, n; } map_text;

/* Words of a list, separated by spaces. */
KIT_FN size_t map_split(const char *text, const char **words, size_t most)
{
    size_t n = 0;
    for (; n < most; ++n) {
        size_t k;
        text += strspn(text, " ");
        if (!*text) break;
        k = strcspn(text, " ");
        words[n] = tool_print("%.*s", (int)k, text);
        text += k;
    }
    return n;
}

KIT_FN int map_opens(const char *text) { return !strncmp(text, "for ", 4) || !strncmp(text, "needs ", 6); }

/* needs VALUE "cause"; the cause is for the reader of the map. */
KIT_FN int map_read_needs(map *m, const char *text, size_t line)
{
    const char *quote = strchr(text, '"'), *end = quote ? strchr(quote + 1, '"') : NULL;
    if (!end || m->needs) return map_fail(m, line, "not \"needs VALUE \"cause\"\", or one in another");
    m->needs = map_trim(text + 6, (size_t)(quote - text) - 6);
    return 1;
}

/* Lines first..end-1, "for" blocks once for each of their words. */
KIT_FN int map_read_block(map *m, const map_text *t, size_t first, size_t end, const map_words *outer)
{
    for (size_t i = first; i < end && !m->error[0]; ++i) {
        const char *names[2], *words[200], *equals, *text = map_replace(t->at[i], outer);
        size_t n, k, close = i + 1, depth = 1;
        if (!map_opens(text)) { map_read_line(m, text, t->line[i]); continue; }
        for (; close < end; ++close) {
            depth += (size_t)map_opens(t->at[close]);
            if (!strcmp(t->at[close], "end") && --depth == 0) break;
        }
        if (close < end && *text == 'n') {
            if (map_read_needs(m, text, t->line[i])) map_read_block(m, t, i + 1, close, outer);
            m->needs = NULL, i = close;
            continue;
        }
        equals = strstr(text, " = ");
        if (close == end || !equals) return map_fail(m, t->line[i], "\"for\" without \"=\" or \"end\"");
        k = map_split(tool_print("%.*s", (int)(equals - text) - 4, text + 4), names, 2);
        n = map_split(equals + 3, words, KIT_LEN(words));
        if (!k || outer->n + k > KIT_LEN(outer->name)) return map_fail(m, t->line[i], "bad \"for\"");
        for (size_t w = 0; w < n; ++w) {
            map_words inner = *outer;
            inner.name[inner.n] = names[0], inner.word[inner.n++] = words[w];
            if (k == 2) inner.name[inner.n] = names[1], inner.word[inner.n++] = tool_print("%zu", w);
            map_read_block(m, t, i + 1, close, &inner);
        }
        i = close;
    }
    return !m->error[0];
}

/* KIT_OK, or KIT_BAD_INPUT with one line on stderr. */
KIT_FN int map_read(map *m, const char *path, const char *id)
{
    size_t size, cap = 0, line = 0;
    char *text = kit_slurp(path, &size);
    map_text t = { NULL, NULL, 0 };
    map_words none;
    memset(m, 0, sizeof *m), memset(&none, 0, sizeof none);
    m->path = kit_copy(&tool_arena, path), m->id = kit_copy(&tool_arena, id);
    if (!text) { fprintf(stderr, "%s: %s\n", path, strerror(errno)); return KIT_BAD_INPUT; }
    for (const char *p = text; *p;) {
        size_t n = strcspn(p, "\n");
        const char *one = map_trim(p, n && p[n - 1] == '\r' ? n - 1 : n);
        ++line, p += n + (p[n] == '\n');
        if (!*one || *one == '#') continue;
        if (t.n == cap) {
            cap = 2 * cap + 256;
            t.at = (const char **)kit_realloc((void *)t.at, cap, sizeof *t.at);
            t.line = (size_t *)kit_realloc(t.line, cap, sizeof *t.line);
        }
        t.line[t.n] = line, t.at[t.n++] = one;
    }
    map_read_block(m, &t, 0, t.n, &none);
    free(text), free((void *)t.at), free(t.line);
    if (m->error[0]) fprintf(stderr, "%s\n", m->error);
    return m->error[0] ? KIT_BAD_INPUT : KIT_OK;
}

/* --- matching --------------------------------------------------------------------------------- */

/* One step of a path against a key: "lr_{lr}" matches "lr_0.1" and remembers lr = 0.1. */
KIT_FN int map_match_step(const char *step, size_t n, const char *key, map_words *words)
{
    const char *open = (const char *)memchr(step, '{', n);
    const char *close = open ? (const char *)memchr(open, '}', n - (size_t)(open - step)) : NULL;
    size_t before, after, length = strlen(key);
    if (n == 1 && *step == '*') return 1;
    if (!close) return length == n && !memcmp(step, key, n);
    before = (size_t)(open - step), after = n - (size_t)(close - step) - 1;
    if (length <= before + after || memcmp(key, step, before)
        || memcmp(key + length - after, close + 1, after) || words->n == KIT_LEN(words->name))
        return 0;
    words->name[words->n] = tool_print("%.*s", (int)(close - open) - 1, open + 1);
    words->word[words->n++] = tool_print("%.*s", (int)(length - before - after), key + before);
    return 1;
}

/* Does the path of a number match? Fills words. */
KIT_FN int map_match(const char *path, const char *const *keys, size_t depth, map_words *words)
{
    size_t i = 0;
    words->n = 0;
    for (;; ++i) {
        size_t n = strcspn(path, "/");
        if (n == 2 && !memcmp(path, "**", 2)) return 1;
        if (i == depth || !map_match_step(path, n, keys[i], words)) return 0;
        if (!path[n]) return i + 1 == depth;
        path += n + 1;
    }
}

/* --- evaluating ------------------------------------------------------------------------------- */

typedef struct map_value {
    double      number;
    int         none;              /* VALUE is "none" */
    int         element;           /* one of an array */
    const char *error;             /* NULL: found */
} map_value;

/* The last run looked for and the last array taken out of it: numbers come in their order. */
typedef struct map_cache {
    const doc  *d;
    const char *query;
    const json *run;
    kit_arena   arena;
    const json *list_of;
    const char *list_name;
    kit_list    list;
} map_cache;

KIT_FN map_value map_wrong(const char *error)
{
    map_value v = { 0, 0, 0, NULL };
    v.number = KIT_NAN, v.error = error;
    return v;
}
KIT_FN map_value map_found(double number)
{
    map_value v = { 0, 0, 0, NULL };
    v.number = number;
    return v;
}

/* A whole text as a number. */
KIT_FN int map_is_number(const char *text, double *out)
{
    char *end;
    *out = strtod(text, &end);
    return end != text && !*end;
}

/* Is the member (number or text) what the word says? */
KIT_FN int map_equals(const json *v, const char *word)
{
    double x;
    if (!v) return 0;
    if (v->kind == JSON_TEXT) return !strcmp(v->text, word);
    return v->kind == JSON_NUMBER && map_is_number(word, &x) && v->number == x;
}
KIT_FN int map_cell_equals(const kit_cell *c, const char *word)
{
    double x;
    return c->text ? !strcmp(c->text, word) : map_is_number(word, &x) && c->number == x;
}

/* "name, KEY = X, KEY = X" cut into pieces; the number of pairs, or -1. */
typedef struct map_query { const char *name, *key[12], *word[12]; int n; } map_query;
KIT_FN int map_cut(map_query *q, const char *text, size_t n)
{
    const char *all = map_trim(text, n);
    q->n = 0;
    for (int first = 1;; first = 0) {
        size_t k = strcspn(all, ",");
        const char *equals = strstr(all, " = ");
        if (first) q->name = map_trim(all, k);
        else if (!equals || equals > all + k || q->n == 12) return 0;
        else {
            q->key[q->n] = map_trim(all, (size_t)(equals - all));
            q->word[q->n++] = map_trim(equals + 3, k - (size_t)(equals - all) - 3);
        }
        if (!all[k]) return 1;
        all += k + 1;
    }
}

/* The place that "3", "8*2+1" or the like means: sums of products of whole numbers. */
KIT_FN int map_place(const char *text, size_t count, size_t *out)
{
    size_t sum = 0, product = 1, n;
    for (*out = count;; ++text) {
        n = strspn(text, "0123456789");
        if (n == 0 || n > 9) return 0;
        product *= (size_t)strtoull(text, NULL, 10);
        text += n;
        if (*text == '*') continue;
        sum += product, product = 1;
        if (!*text) break;
        if (*text != '+') return 0;
    }
    *out = sum;
    return sum < count;
}

/* text: "part, KEY = X)" or "part, KEY = X)[K]", n characters. */
KIT_FN const char *map_find_run(map_cache *c, const doc *d, const char *text, size_t n)
{
    size_t keys = strcspn(text, ")"), all = d->runs->count, want = 0, met = 0;
    int several = n > keys + 1;
    map_query q;
    const json *found = NULL;
    if (c->d == d && c->query && strlen(c->query) == n && !memcmp(c->query, text, n)) return NULL;
    if (!map_cut(&q, text, keys)) return "runs(...) is not \"part, KEY = X\"";
    if (several
        && !map_place(tool_print("%.*s", (int)(n - keys) - 3, text + keys + 2), all, &want))
        return "no such run";
    for (const json *run = d->runs->first; run; run = run->next) {
        int k = 0;
        if (strcmp(json_get_text(run, "part"), q.name)) continue;
        while (k < q.n && map_equals(json_get(run, q.key[k]), q.word[k])) ++k;
        if (k < q.n) continue;
        if (met && !several) return "more than one run with these keys";
        if (met++ == want) found = run;
    }
    if (!found) return met ? "no such run" : "no run with these keys";
    c->d = d, c->query = tool_print("%.*s", (int)n, text), c->run = found, c->list_of = NULL;
    return NULL;
}

/* ".NAME" or ".NAME[K]" of the run in the cache. */
KIT_FN map_value map_of_run(map_cache *c, const char *name)
{
    size_t n = strcspn(name, "["), k;
    const char *plain = tool_print("%.*s", (int)n, name);
    double v;
    map_value out;
    if (!name[n]) {
        if (!json_get_value(c->run, name, &v)) return map_wrong("the run has no such number");
        return map_found(v);
    }
    if (c->list_of != c->run || strcmp(c->list_name, plain)) {
        kit_arena_free(&c->arena);
        if (!json_get_list(&c->arena, c->run, plain, &c->list)) return map_wrong("the run has no such list");
        c->list_of = c->run, c->list_name = plain;
    }
    if (!map_place(tool_print("%.*s", (int)strcspn(name + n + 1, "]"), name + n + 1), c->list.n, &k))
        return map_wrong("no such element of the list");
    out = map_found(c->list.at[k]), out.element = 1;
    return out;
}

KIT_FN size_t map_column(const kit_table *t, const char *name)
{
    size_t c = 0;
    while (c < t->columns && strcmp(t->names[c], name)) ++c;
    return c;
}

/* "table(NAME, COLUMN = X).COLUMN", "table(NAME)[K].COLUMN": text behind "table(". */
KIT_FN map_value map_of_table(const doc *d, const char *text, size_t n, const char *rest)
{
    map_query q;
    const kit_table *t = d->x->tables;
    size_t row = (size_t)-1, column, lines;
    if (!map_cut(&q, text, n)) return map_wrong("table(...) is not \"name, COLUMN = X\"");
    while (t && strcmp(t->name, q.name)) t = t->next;
    if (!t) return map_wrong("no such table");
    lines = kit_table_lines(t);
    if (*rest == '[') {
        size_t k = strcspn(rest, "]");
        if (!json_index(tool_print("%.*s", (int)k - 1, rest + 1), lines, &row)) return map_wrong("no such line");
        rest += k + (rest[k] == ']');
    } else
        for (size_t i = 0; i < lines; ++i) {
            int k = 0;
            for (; k < q.n; ++k) {
                size_t at = map_column(t, q.key[k]);
                if (at == t->columns) return map_wrong("no such column to choose a line by");
                if (!map_cell_equals(&t->cells[i * t->columns + at], q.word[k])) break;
            }
            if (k < q.n) continue;
            if (row != (size_t)-1) return map_wrong("more than one such line");
            row = i;
        }
    if (row == (size_t)-1) return map_wrong("no such line");
    column = *rest == '.' ? map_column(t, rest + 1) : t->columns;
    if (column == t->columns) return map_wrong("no such column");
    if (t->cells[row * t->columns + column].text) return map_wrong("a text, not a number");
    return map_found(t->cells[row * t->columns + column].number);
}

KIT_FN map_value map_of_summary(const doc *d, const char *name, size_t n, const char *rest)
{
    const kit_summary_item *s = d->x->summary;
    while (s && (strlen(s->name) != n || memcmp(s->name, name, n))) s = s->next;
    if (!s) return map_wrong("no such summary");
    if (!strcmp(rest, ".value")) return map_found(s->value);
    if (!strcmp(rest, ".stderr")) return map_found(s->se);
    return map_wrong("a summary has value and stderr");
}

/* VALUE with its {names} replaced and "seed K" turned into numbers. */
KIT_FN map_value map_evaluate(map_cache *c, const doc *d, const char *text)
{
    const char *open = strchr(text, '('), *close = open ? strchr(open, ')') : NULL;
    double x;
    map_value v;
    if (!strcmp(text, "none")) { v = map_wrong(NULL), v.none = 1; return v; }
    if (map_is_number(text, &x)) return map_found(x);
    if (!d) return map_wrong("its result file is not there");
    if (!strncmp(text, "config.", 7))
        return json_get_value(d->config, text + 7, &x) ? map_found(x) : map_wrong("no such constant");
    if (!close) return map_wrong("not a VALUE");
    if (!strncmp(text, "table(", 6)) return map_of_table(d, open + 1, (size_t)(close - open) - 1, close + 1);
    if (!strncmp(text, "summary(", 8))
        return map_of_summary(d, open + 1, (size_t)(close - open) - 1, close + 1);
    if (strncmp(text, "runs(", 5)) return map_wrong("not a VALUE");
    if (close[1] == '[') close = strchr(close, ']');
    if (!close || close[1] != '.') return map_wrong("not a VALUE");
    if ((v.error = map_find_run(c, d, open + 1, (size_t)(close - open))) != NULL)
        return map_wrong(v.error);
    return map_of_run(c, close + 2);
}

#endif /* CLB_MAP_H */
