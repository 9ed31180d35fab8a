/* replication.h - what groups of fresh seeds said: the file replication.json (clb-replication/1),
 * which clb_replicate writes, and tables and report show.
 *
 *   { "schema": "clb-replication/1", "seeds": "1..100", "published": true, "experiments": [
 *     { "id": "E05", "made_by": "clb 0.2.0", "groups": 20, "planned": 20, "size": 5,
 *       "identities": 20, "failed": 0,
 *       "claims":     [ { "name", "number", "asks_number", "number_undecided", "holds", "partly",
 *                         "not", "undecided", "tests": [ { "quantity", "median", "lo", "hi" } ] } ],
 *       "quantities": [ { "name", "median", "lo", "hi", "value", "ci95": [lo, hi] } ] } ] }
 *
 * number: groups in which all tests of the claim's number hold, number_undecided: in which one of
 * them was not measured; holds, partly, not, undecided: groups by the answer to the statement.
 * median, lo, hi: over the groups, 5 % to 95 %; value and ci95: on all seeds together. */
#ifndef CLB_REPLICATION_H
#define CLB_REPLICATION_H

#include "document.h"

typedef struct replication { json_doc file; const char *path; } replication;

/* path NULL: none. KIT_OK or KIT_BAD_INPUT. */
KIT_FN int replication_read(replication *r, const char *path)
{
    memset(r, 0, sizeof *r);
    if (!path) return KIT_OK;
    r->path = path;
    if (!json_read(&r->file, path)) { fprintf(stderr, "%s\n", r->file.error); return KIT_BAD_INPUT; }
    if (strcmp(json_get_text(r->file.root, "schema"), "clb-replication/1")) {
        fprintf(stderr, "%s: not a file of schema clb-replication/1\n", path);
        return KIT_BAD_INPUT;
    }
    return KIT_OK;
}

KIT_FN const json *replication_named(const json *list, const char *key, const char *name)
{
    for (const json *c = list ? list->first : NULL; c; c = c->next)
        if (!strcmp(json_get_text(c, key), name)) return c;
    return NULL;
}

KIT_FN const json *replication_of(const replication *r, const char *id)
{
    return replication_named(json_get(r->file.root, "experiments"), "id", id);
}

/* The number of the experiment's row: the one chosen for it, else the first. NULL: there is none. */
KIT_FN const kit_summary_item *replication_headline(const doc *d)
{
    const kit_summary_item *s = d->x->summary;
    while (s && !s->unit) s = s->next;
    return s ? s : d->x->summary;
}

/* "alpha 1.166 (1.149 to 1.222), together 1.242 [1.163, 1.287]": of the groups, and of all seeds as
 * one; "" where there is no such number. */
KIT_FN const char *replication_value(const json *experiment, const kit_summary_item *s)
{
    const json *q = s ? replication_named(json_get(experiment, "quantities"), "name", s->name) : NULL;
    const char *unit = s && s->unit && s->unit[0] ? tool_print(" %s", s->unit) : "";
    double factor = s && s->unit ? s->factor : 1, median, value;
    kit_list ci = { 0, NULL };
    if (!q || !isfinite(value = json_get_number(q, "value"))
        || !isfinite(median = json_get_number(q, "median"))) return "";
    json_get_list(&tool_arena, q, "ci95", &ci);
    return tool_print("%s %.4g%s (%.4g to %.4g), together %.4g%s%s", s->name, factor * median, unit,
                      factor * json_get_number(q, "lo"), factor * json_get_number(q, "hi"),
                      factor * value, unit,
                      ci.n < 2 || !isfinite(ci.at[0]) || !isfinite(ci.at[1]) ? ""
                          : tool_print(" [%.4g, %.4g]", factor * ci.at[0], factor * ci.at[1]));
}

/* The answers to the claim's questions, each with "; " behind it. */
KIT_FN void replication_put_claim(kit_buf *b, const kit_claim *c, const json *claim, double groups)
{
    double holds = json_get_number(claim, "holds"), partly = json_get_number(claim, "partly"),
           undecided = json_get_number(claim, "undecided");
    if (json_get_number(claim, "asks_number") > 0) {
        if (json_get_number(claim, "number_undecided") < groups)
            kit_putf(b, "number found in %.0f; ", json_get_number(claim, "number"));
        else
            kit_put(b, "number not decided; ");
    }
    if (!c->statement) return;
    if (undecided >= groups) { kit_put(b, "statement not decided; "); return; }
    kit_putf(b, "statement holds in %.0f", holds);
    if (partly > 0) kit_putf(b, ", under its condition in %.0f more", partly);
    if (undecided > 0) kit_putf(b, ", not decided in %.0f", undecided);
    kit_put(b, "; ");
}

/* "in 20 groups of 5 seeds: number found in 3, statement holds in 12, under its condition in 5 more;
 * alpha 1.166 (1.149 to 1.222), together 1.242 [1.163, 1.287]"; "not run" where there is nothing. */
KIT_FN const char *replication_says(const replication *r, const doc *d, const kit_claim *c)
{
    const json *e = replication_of(r, d->info.id),
               *claim = c ? replication_named(json_get(e, "claims"), "name", c->name) : NULL;
    const char *value = replication_value(e, replication_headline(d));
    double groups = json_get_number(e, "groups");
    kit_buf b = { NULL, 0, 0 };
    const char *text;
    if (!(groups > 0) || (!claim && !*value)) return "not run";
    kit_putf(&b, "in %.0f group%s of %.0f seeds: ", groups, groups == 1 ? "" : "s",
             json_get_number(e, "size"));
    if (claim) replication_put_claim(&b, c, claim, groups);
    kit_put(&b, value);                 /* of a replication by other rules only the values are left */
    while (b.n && (b.s[b.n - 1] == ' ' || b.s[b.n - 1] == ';')) b.s[--b.n] = 0;
    text = tool_print("%s", b.s ? b.s : "");
    free(b.s);
    return text;
}

#endif /* CLB_REPLICATION_H */
