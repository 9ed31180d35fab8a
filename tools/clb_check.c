/* clb_check - every number of the published result files against ours.
 *   cc -O2 -o clb_check tools/clb_check.c -lm && ./clb_check run --reference DIR results
 *
 * DIR holds the published files, RESULTS ours. tools/published/E05.map says
 * which number is which and how far apart they may be. With --single, results of a float build, the
 * float32 band of each number is measured: five times the difference between float and double. */
#define CLB_IMPLEMENTATION
#include "../clb.h"
#include "escape.h"
#include "map.h"

/* What can be said of a number, from best to worst. */
typedef enum state {
    OPEN, FOREIGN, UNAVAILABLE, SAME, DIGITS, BAND, TOLERATED, CHAOTIC, CAUSE, DIFFERS, STATES
} state;
static const char *const state_names[STATES] = {
    "not covered", "not of the configuration", "data not here", "exact", ">= 5 digits",
    "float32 band", "stated tolerance", "chaotic, distribution", "differs, cause known", "DIFFERS"
};

typedef struct number {
    double      published, ours, single;
    const char *path;                /* of the file, keys with / between */
    size_t      file, group, draws;  /* group: numbers whose bands are measured together */
    size_t      map, line;           /* that claimed it */
    int         element;
    state       how;
} number;

typedef struct file { const char *name; json_doc doc; size_t first, end; } file;

typedef struct ledger {
    file   *files;
    size_t  file_n;
    number *numbers;
    size_t  number_n, number_cap;
    map    *maps;
    size_t  map_n, errors;
    docs    doubles, singles;
} ledger;

static const char *option_reference, *option_single, *option_out, *option_maps = "tools/published",
    *option_only;
static int option_verbose;

static const kit_opt options[] = {
    { "reference", 0, "DIR", "the published result files (needed)", kit_set_text, (void *)&option_reference },
    { "single", 0, "DIR", "our results in float, to measure bands", kit_set_text, (void *)&option_single },
    { "maps", 0, "DIR", "what is compared with what [tools/published]", kit_set_text, (void *)&option_maps },
    { "only", 0, "LIST", "experiments, E5,M1 [all]", tool_set_only, (void *)&option_only },
    { "out", 'o', "FILE", "write the tables there [stdout]", kit_set_text, (void *)&option_out },
    { "verbose", 'v', NULL, "name the numbers that nothing covers", kit_set_flag, &option_verbose },
    { NULL, 0, NULL, NULL, NULL, NULL },
};

/* --- the published files ---------------------------------------------------------------------- */

static void add_numbers(ledger *l, const json *node, const char *path)
{
    if (node->kind == JSON_NUMBER) {
        number *n;
        if (l->number_n == l->number_cap) {
            l->number_cap = 2 * l->number_cap + 4096;
            l->numbers = (number *)kit_realloc(l->numbers, l->number_cap, sizeof *l->numbers);
        }
        n = &l->numbers[l->number_n++];
        memset(n, 0, sizeof *n);
        n->published = node->number, n->ours = n->single = KIT_NAN, n->path = path;
        n->file = l->file_n, n->map = l->map_n, n->how = OPEN;
    }
    for (const json *c = node->first; c; c = c->next) {
        const char *deeper = c->key ? tool_print("%s%s%s", path, *path ? "/" : "", c->key)
                                    : tool_print("%s%s%zu", path, *path ? "/" : "", c->index);
        add_numbers(l, c, deeper);
    }
}

static int read_file(ledger *l, const char *name)
{
    file *f = &l->files[l->file_n];
    f->name = name;
    if (!json_read(&f->doc, tool_print("%s/%s", option_reference, name))) {
        fprintf(stderr, "%s\n", f->doc.error);
        return KIT_BAD_INPUT;
    }
    f->first = l->number_n;
    add_numbers(l, f->doc.root, "");
    f->end = l->number_n, ++l->file_n;
    return KIT_OK;
}

/* With --only: whether a map of the chosen experiments names the published file. */
static int wanted(const ledger *l, const char *name)
{
    size_t n = strlen(name);
    for (size_t w = 0; w < l->map_n; ++w)
        for (size_t k = 0; k < l->maps[w].n; ++k) {
            const map_line *line = &l->maps[w].at[k];
            if (!strcmp(line->file, name) || (!strncmp(line->seeds, name, n) && line->seeds[n] == '#')) return 1;
        }
    return !option_only;
}

/* All *.json of the folder and of its folders. */
static int read_reference(ledger *l)
{
    tool_names names = { NULL, 0, 0 }, folders = { NULL, 0, 0 };
    int status = KIT_OK;
    if (tool_folder(option_reference, "", &folders)) {
        fprintf(stderr, "%s: %s\n", option_reference, strerror(errno));
        return KIT_BAD_INPUT;
    }
    for (size_t i = 0; i < folders.n; ++i) {
        tool_names inner = { NULL, 0, 0 };
        if (tool_ends(folders.at[i], ".json")) tool_names_add(&names, folders.at[i]);
        else if (!tool_folder(tool_print("%s/%s", option_reference, folders.at[i]), ".json", &inner))
            for (size_t k = 0; k < inner.n; ++k)
                tool_names_add(&names, tool_print("%s/%s", folders.at[i], inner.at[k]));
    }
    l->files = (file *)kit_new(&tool_arena, names.n, sizeof *l->files);
    for (size_t i = 0; i < names.n && !status; ++i)
        if (wanted(l, names.at[i])) status = read_file(l, names.at[i]);
    if (!names.n) { fprintf(stderr, "%s: no .json files\n", option_reference); status = KIT_BAD_INPUT; }
    return status;
}

static const json *published(const ledger *l, const char *name)
{
    for (size_t i = 0; i < l->file_n; ++i)
        if (!strcmp(l->files[i].name, name)) return l->files[i].doc.root;
    return NULL;
}

/* The list that "file#path" names. */
static const json *published_list(const ledger *l, const char *where)
{
    const char *hash = strchr(where, '#');
    const json *node = hash ? published(l, tool_print("%.*s", (int)(hash - where), where)) : NULL;
    for (const char *p = hash ? hash + 1 : ""; node && *p;) {
        size_t n = strcspn(p, "/");
        node = json_get(node, tool_print("%.*s", (int)n, p));
        p += n + (p[n] == '/');
    }
    return node && node->kind == JSON_LIST ? node : NULL;
}

/* --- values ----------------------------------------------------------------------------------- */

/* "seed 3" by the published seed at place 3. */
static const char *put_seeds(const ledger *l, const map_line *line, const char *text)
{
    kit_buf b = { NULL, 0, 0 };
    const char *out;
    for (const char *p = text; *p;) {
        if (!strncmp(p, "seed ", 5) && p[5] >= '0' && p[5] <= '9') {
            size_t k = strspn(p + 5, "0123456789");
            const json *seed = json_get(published_list(l, line->seeds), tool_print("%.*s", (int)k, p + 5));
            if (seed && seed->kind == JSON_NUMBER) kit_putf(&b, "%.17g", seed->number);
            else kit_put(&b, "(no such published seed)");
            p += 5 + k;
            continue;
        }
        kit_putf(&b, "%c", *p++);
    }
    out = tool_print("%s", b.s ? b.s : "");
    free(b.s);
    return out;
}

static const doc *document(const docs *all, const char *id)
{
    for (size_t i = 0; i < all->n; ++i)
        if (!strcmp(all->at[i].info.id, id)) return &all->at[i];
    return NULL;
}

/* A VALUE of the map's experiment, or of the one that stands in front: "E06: table(...)". */
static map_value value_of(map_cache *cache, const docs *all, const map *m, const char *text)
{
    size_t k = strcspn(text, ":(");
    if (text[k] == ':')
        return map_evaluate(cache, document(all, tool_print("%.*s", (int)k, text)),
                            text + k + 1 + strspn(text + k + 1, " "));
    return map_evaluate(cache, document(all, m->id), text);
}

/* "A", "A + R of VALUE", "R of VALUE", "R of larger VALUE VALUE": absolute. NaN: not understood. */
static double tolerance(const ledger *l, map_cache *cache, const map *m, const char *text, double ours)
{
    const char *of = strstr(text, " of "), *plus = strstr(text, " + "), *rest = of ? of + 4 : NULL;
    double a = 0, r, size = 0;
    if (!of) return map_is_number(text, &a) ? a : KIT_NAN;
    if (plus && plus < of && !map_is_number(tool_print("%.*s", (int)(plus - text), text), &a)) return KIT_NAN;
    text = plus && plus < of ? plus + 3 : text;
    if (!map_is_number(tool_print("%.*s", (int)(of - text), text), &r)) return KIT_NAN;
    if (!strncmp(rest, "larger ", 7)) rest += 7;
    while (*rest) {
        const char *close = strchr(rest, ')');
        size_t n = close ? (size_t)(close - rest) + strcspn(close, " ") : strcspn(rest, " ");
        const char *value = tool_print("%.*s", (int)n, rest);
        double x = !strcmp(value, "ours") ? ours : value_of(cache, &l->doubles, m, value).number;
        if (isnan(x)) return KIT_NAN;
        size = fmax(size, fabs(x));
        rest += n + strspn(rest + n, " ");
    }
    return a + r * size;
}

/* --- judging ---------------------------------------------------------------------------------- */

static void complain(ledger *l, const map *m, const map_line *line, const number *n, const char *why)
{
    if (++l->errors <= 50 || option_verbose)
        fprintf(stderr, "%s:%zu: %s#%s: %s\n", m->path, line->line, l->files[n->file].name, n->path, why);
}

/* The number within its class; allowed: the tolerance in absolute terms. */
static state judge(const map_line *line, const number *n, double allowed, double band)
{
    double off = fabs(n->ours - n->published);
    if (line->kind == MAP_FOREIGN) return FOREIGN;
    if (line->kind == MAP_UNAVAILABLE) return UNAVAILABLE;
    if (n->ours == n->published || (isnan(n->ours) && isnan(n->published))) return SAME;
    if (off <= 1e-5 * fabs(n->published)) return DIGITS;
    if (off <= band) return BAND;
    if (off <= allowed) return TOLERATED;
    if (line->kind == MAP_CHAOTIC) return CHAOTIC;
    return line->kind == MAP_ARTEFACT ? CAUSE : DIFFERS;
}

/* The tolerance of a line in absolute terms, for one number. */
static double allowed(ledger *l, map_cache *cache, const map *m, const map_line *line, const char *text,
                      const number *n)
{
    int equal = n->ours == n->published || isnan(n->ours);             /* needs no tolerance */
    double t = *text && !equal ? tolerance(l, cache, m, text, n->ours) : 0;
    if (isnan(t)) complain(l, m, line, n, "its tolerance cannot be evaluated");
    if (line->kind == MAP_STABLE) return (*text ? t : 1e-5) * fabs(n->published);
    if (line->kind == MAP_FRACTION) {
        double p = (n->published + n->ours) / 2;
        return fmax(0.03, 2 * clb_sqrt(fmax(0, 2 * p * (1 - p) / t)));
    }
    return line->kind <= MAP_FIT ? t : 0;
}

/* Is what the line needs not in our results? */
static int lacks(const ledger *l, map_cache *cache, const map *m, const map_line *line)
{
    return line->needs && value_of(cache, &l->doubles, m, line->needs).error != NULL;
}

/* Our value, ours in float; an error leaves NaN. */
static void fetch(ledger *l, map_cache *cache, const map *m, const map_line *line, const map_words *words,
                  number *n)
{
    const char *text = put_seeds(l, line, map_replace(line->value, words));
    map_value v = value_of(&cache[0], &l->doubles, m, text);
    if (v.error) { complain(l, m, line, n, tool_print("%s: %s", text, v.error)); return; }
    n->ours = v.number, n->element = v.element;
    /* a chaotic run may diverge here alone: the distributions say whether that is too often */
    if (!v.none && isnan(v.number) && !isnan(n->published) && line->kind != MAP_CHAOTIC)
        complain(l, m, line, n, tool_print("%s: is NaN", text));
    if (l->singles.n && !v.none) n->single = value_of(&cache[1], &l->singles, m, text).number;
}

/* All numbers of the published file that line k of the map claims first. */
static void claim(ledger *l, size_t which, map_cache *cache)
{
    map *m = &l->maps[which];
    for (size_t f = 0; f < l->file_n; ++f)
        for (size_t i = l->files[f].first; i < l->files[f].end; ++i) {
            number *n = &l->numbers[i], before = *n;
            const char *keys[64];
            size_t depth = 0, k = 0;
            map_words words;
            int here = 0;
            for (; k < m->n && !here; ++k) here = !strcmp(m->at[k].file, l->files[f].name);
            if (!here) break;
            for (const char *p = n->path; *p && depth < KIT_LEN(keys);) {
                size_t length = strcspn(p, "/");
                keys[depth++] = tool_print("%.*s", (int)length, p);
                p += length + (p[length] == '/');
            }
            for (k = 0; k < m->n; ++k)
                if (!strcmp(m->at[k].file, l->files[f].name) && map_match(m->at[k].path, keys, depth, &words))
                    break;
            if (k == m->n) continue;
            ++m->at[k].matched;
            n->map = which, n->line = k;
            if (lacks(l, &cache[0], m, &m->at[k])) { n->how = UNAVAILABLE; continue; }
            fetch(l, cache, m, &m->at[k], &words, n);
            n->how = judge(&m->at[k], n, allowed(l, &cache[0], m, &m->at[k],
                                                 put_seeds(l, &m->at[k], map_replace(m->at[k].tolerance, &words)),
                                                 n), -1);
            /* another experiment has it too: the worse of two judgements of values stays */
            if (before.how != OPEN && (n->how < SAME || (before.how >= SAME && before.how > n->how))) *n = before;
        }
    for (size_t k = 0; k < m->n; ++k)
        if (!m->at[k].matched && published(l, m->at[k].file)) {
            ++l->errors;
            fprintf(stderr, "%s:%zu: %s#%s matches no number\n", m->path, m->at[k].line, m->at[k].file,
                    m->at[k].path);
        }
}

/* --- bands: float against double --------------------------------------------------------------- */

/* The path up to its last index, so that the seeds of one place are one group. */
static size_t group_length(const char *path)
{
    size_t last = strlen(path);
    for (const char *p = path; *p;) {
        size_t n = strcspn(p, "/");
        if (n && strspn(p, "0123456789") >= n) last = (size_t)(p - path);
        p += n + (p[n] == '/');
    }
    return last;
}
static const char *group_rest(const char *path)
{
    const char *p = path + group_length(path);
    return p + strcspn(p, "/");
}
static int same_group(const number *a, const number *b)
{
    size_t n = group_length(a->path);
    return a->file == b->file && a->line == b->line && n == group_length(b->path)
           && !memcmp(a->path, b->path, n) && !strcmp(group_rest(a->path), group_rest(b->path));
}

/* Five times the largest difference: over the neighbouring elements of an array, else over the
 * seeds of the place. Neighbours in a file are near each other in the list. */
static double band(const ledger *l, size_t i)
{
    const number *n = &l->numbers[i];
    double most = 0;
    size_t reach = n->element ? 5 : 2000, first = i > reach ? i - reach : 0;
    for (size_t k = first; k <= i + reach && k < l->number_n; ++k) {
        const number *other = &l->numbers[k];
        if (other->file != n->file || other->map != n->map || other->line != n->line) continue;
        if (!same_group(n, other)) continue;
        if (fabs(other->ours - other->single) > most) most = fabs(other->ours - other->single);
    }
    return 5 * most;
}

static void measure_bands(ledger *l)
{
    for (size_t i = 0; i < l->number_n; ++i) {
        number *n = &l->numbers[i];
        if (n->how < BAND || n->map == l->map_n) continue;
        if (fabs(n->ours - n->published) <= band(l, i)) n->how = BAND;
    }
}

/* --- chaotic numbers: by distribution ----------------------------------------------------------- */

typedef struct spread { size_t all, used; double sum, squares; } spread;

static void spread_add(spread *s, double v)
{
    ++s->all;
    v = fabs(v);
    if (!isfinite(v) || !(v > 0)) return;
    v = clb_log(v) / clb_log(10.0);
    ++s->used, s->sum += v, s->squares += v * v;
}
static double spread_mean(const spread *s) { return s->sum / (double)s->used; }
static double spread_std(const spread *s)
{
    return clb_sqrt(fmax(s->squares / (double)s->used - spread_mean(s) * spread_mean(s), 0.0));
}

/* The mean logarithms differ by at most two published standard deviations (half a decade where
 * there are few), and at most half of the numbers are finite in one set only. */
static int agree(const spread *theirs, const spread *ours)
{
    size_t more = theirs->used > ours->used ? theirs->used - ours->used : ours->used - theirs->used;
    if (2 * more > theirs->all + 1) return 0;
    if (!theirs->used || !ours->used) return 1;
    return fabs(spread_mean(theirs) - spread_mean(ours)) <= fmax(2 * spread_std(theirs), 0.5);
}

static void judge_chaos(ledger *l)
{
    for (size_t w = 0; w < l->map_n; ++w)
        for (size_t k = 0; k < l->maps[w].n; ++k) {
            const map_line *line = &l->maps[w].at[k];
            spread theirs, ours;
            memset(&theirs, 0, sizeof theirs), memset(&ours, 0, sizeof ours);
            if (line->kind != MAP_CHAOTIC) continue;
            for (size_t i = 0; i < l->number_n; ++i)
                if (l->numbers[i].map == w && l->numbers[i].line == k && l->numbers[i].how != UNAVAILABLE)
                    spread_add(&theirs, l->numbers[i].published), spread_add(&ours, l->numbers[i].ours);
            if (!theirs.all || agree(&theirs, &ours)) continue;
            fprintf(stderr, "%s:%zu: the distributions differ: log10 %.3g +- %.2g (%zu) published, "
                    "%.3g (%zu) ours\n", l->maps[w].path, line->line, spread_mean(&theirs),
                    spread_std(&theirs), theirs.used, spread_mean(&ours), ours.used);
            for (size_t i = 0; i < l->number_n; ++i)
                if (l->numbers[i].map == w && l->numbers[i].line == k && l->numbers[i].how == CHAOTIC)
                    l->numbers[i].how = DIFFERS;
        }
}

/* --- tables ----------------------------------------------------------------------------------- */

/* Numbers by state; owner or file (size_t)-1: all. owner map_n: claimed by no map. */
static void count(const ledger *l, size_t owner, size_t in_file, size_t *counts)
{
    memset(counts, 0, STATES * sizeof *counts);
    for (size_t i = 0; i < l->number_n; ++i)
        if ((owner == (size_t)-1 || l->numbers[i].map == owner)
            && (in_file == (size_t)-1 || l->numbers[i].file == in_file))
            ++counts[l->numbers[i].how];
}

static void put_head(kit_buf *b, const char *what)
{
    kit_putf(b, "\n| %s | numbers |", what);
    for (int s = SAME; s < STATES; ++s) kit_putf(b, " %s |", state_names[s]);
    for (int s = OPEN; s < SAME; ++s) kit_putf(b, " %s |", state_names[s]);
    kit_put(b, "\n|---|---|");
    for (int s = 0; s < STATES; ++s) kit_put(b, "---|");
    kit_put(b, "\n");
}

static void put_counts(kit_buf *b, const char *name, const size_t *counts)
{
    size_t total = 0;
    for (int s = 0; s < STATES; ++s) total += counts[s];
    kit_putf(b, "| %s | %zu |", name, total);
    for (int s = SAME; s < STATES; ++s) kit_putf(b, " %zu |", counts[s]);
    for (int s = OPEN; s < SAME; ++s) kit_putf(b, " %zu |", counts[s]);
    kit_put(b, "\n");
}

/* Files with numbers that no map names. */
static void put_open(kit_buf *b, const ledger *l)
{
    size_t counts[STATES], n = 0;
    kit_put(b, "\n## Not covered, and why\n\n");
    for (size_t f = 0; f < l->file_n; ++f) {
        int drawn = !strcmp(l->files[f].name, "generator.json");
        count(l, (size_t)-1, f, counts);
        if (counts[OPEN] == 0) continue;
        kit_putf(b, "- %s: %zu numbers, %s.\n", l->files[f].name, counts[OPEN],
                 drawn ? "draws of the generator; `tests/t_random.c` compares them"
                       : "in no map of `tools/published`"), ++n;
    }
    if (!n) kit_put(b, "Nothing.\n");
}

/* What differs for a known cause, and what differs without one. */
static void put_differences(kit_buf *b, const ledger *l)
{
    kit_put(b, "\n## What differs, and why\n\n| experiment | numbers | cause |\n|---|---|---|\n");
    for (size_t w = 0; w < l->map_n; ++w)
        for (size_t k = 0; k < l->maps[w].n; ++k) {
            const char *cause = l->maps[w].at[k].cause;
            size_t n = 0, first = 0;
            while (strcmp(l->maps[w].at[first].cause, cause)) ++first;
            if (first != k) continue;                     /* lines of one cause stand together */
            for (size_t i = 0; i < l->number_n; ++i)
                n += l->numbers[i].map == w && l->numbers[i].how == CAUSE
                     && !strcmp(l->maps[w].at[l->numbers[i].line].cause, cause);
            if (!n) continue;
            kit_putf(b, "| %s | %zu | ", l->maps[w].id, n), put_markdown(b, cause);
            kit_put(b, " |\n");
        }
    kit_put(b, "\n## What differs without an explanation\n\n");
    for (size_t i = 0, n = 0; i <= l->number_n; ++i) {
        if (i == l->number_n) { if (!n) kit_put(b, "Nothing.\n"); break; }
        if (l->numbers[i].how != DIFFERS) continue;
        ++n;
        kit_putf(b, "- `%s#%s`: published %.9g, ours %.9g\n", l->files[l->numbers[i].file].name,
                 l->numbers[i].path, l->numbers[i].published, l->numbers[i].ours);
    }
}

static void put_tables(kit_buf *b, const ledger *l)
{
    size_t counts[STATES];
    kit_putf(b, "# Every published number against ours\n\nMade by `build/clb_check run --reference DIR%s "
             "RESULTS` from our results in double precision%s. DIR holds the paper's published result "
             "files. A number is exact, equal to 5 digits, within the float32 band%s, within the "
             "tolerance that `tools/published` states for it, or (single runs beyond the edge of "
             "stability) compared by distribution.\n\nCommand: `make ledger REFERENCE=DIR MNIST=DIR`. The "
             "paper (arXiv:2604.07405) names no address of its result files that we know; whoever has "
             "the programs of the paper makes them.\n", option_single ? " --single FLOAT" : "",
             option_single ? " and in float" : "",
             option_single ? " (five times the measured difference of float and double)" : "");
    put_head(b, "experiment");
    for (size_t i = 0; i <= l->map_n; ++i) {
        count(l, i, (size_t)-1, counts);
        put_counts(b, i < l->map_n ? l->maps[i].id : "no experiment", counts);
    }
    count(l, (size_t)-1, (size_t)-1, counts), put_counts(b, "all", counts);
    put_head(b, "file");
    for (size_t f = 0; f < l->file_n; ++f)
        count(l, (size_t)-1, f, counts), put_counts(b, l->files[f].name, counts);
    put_open(b, l);
    put_differences(b, l);
}

/* --- the command ------------------------------------------------------------------------------ */

static int read_maps(ledger *l)
{
    tool_names names = { NULL, 0, 0 };
    int status = KIT_OK;
    if (tool_folder(option_maps, ".map", &names)) {
        fprintf(stderr, "%s: %s (--maps names the folder)\n", option_maps, strerror(errno));
        return KIT_BAD_INPUT;
    }
    l->maps = (map *)kit_new(&tool_arena, names.n, sizeof *l->maps);
    for (size_t i = 0; i < names.n && !status; ++i) {
        const char *id = tool_print("%.*s", (int)strlen(names.at[i]) - 4, names.at[i]);
        if (!tool_chosen(option_only, id) || !document(&l->doubles, id)) continue;
        status = map_read(&l->maps[l->map_n++], tool_print("%s/%s", option_maps, names.at[i]), id);
    }
    return status;
}

static int fill(ledger *l, const char *results)
{
    static map_cache cache[2];
    int status = docs_read(&l->doubles, results, NULL);
    if (!status && option_single) status = docs_read(&l->singles, option_single, NULL);
    if (!status) status = read_maps(l);
    if (!status) status = read_reference(l);
    if (status) return status;
    for (size_t i = 0; i < l->number_n; ++i) l->numbers[i].map = l->map_n;
    for (size_t w = 0; w < l->map_n; ++w) claim(l, w, cache);
    if (l->singles.n) measure_bands(l);
    judge_chaos(l);
    kit_arena_free(&cache[0].arena), kit_arena_free(&cache[1].arena);
    return KIT_OK;
}

static int command_run(const char *const *words)
{
    ledger l;
    kit_buf b = { NULL, 0, 0 };
    size_t counts[STATES];
    int status;
    memset(&l, 0, sizeof l);
    if (!option_reference)
        return kit_usage("clb_check run", "needs option", "--reference DIR, the published result files");
    status = fill(&l, words[0] ? words[0] : "results");
    if (!status) {
        if (!option_single)
            fprintf(stderr, "clb_check: without --single FLOAT_RESULTS no float32 bands: numbers that "
                            "only rounding tells apart count as differing\n");
        put_tables(&b, &l);
        status = kit_write_file(option_out ? option_out : "-", b.s, b.n);
        count(&l, (size_t)-1, (size_t)-1, counts);
        for (size_t i = 0; option_verbose && i < l.number_n; ++i)
            if (l.numbers[i].how == OPEN)
                fprintf(stderr, "not covered: %s#%s\n", l.files[l.numbers[i].file].name, l.numbers[i].path);
        if (!status && (counts[DIFFERS] || l.errors)) status = KIT_CHECK_FAILED;
        if (l.errors) fprintf(stderr, "clb_check: %zu errors in maps or results\n", l.errors);
    }
    free(b.s), free(l.numbers);
    for (size_t i = 0; i < l.file_n; ++i) json_free(&l.files[i].doc);
    for (size_t i = 0; i < l.map_n; ++i) free(l.maps[i].at);
    docs_free(&l.doubles), docs_free(&l.singles);
    return status;
}

static const tool_command commands[] = {
    { "run", "--reference DIR [RESULTS]", "compare, print totals and what differs", options, command_run },
    { NULL, NULL, NULL, NULL, NULL },
};
static const tool clb_check = {
    "clb_check", "every number of the published result files against ours.", commands,
    { "clb_check run --reference published results",
      "clb_check run --reference published --single float --out ledger.md results" }
};

int main(int argc, char **argv) { return kit_printed_all(tool_main(&clb_check, argc, argv)); }
