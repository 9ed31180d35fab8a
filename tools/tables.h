/* tables.h - the table of all experiments as Markdown, LaTeX and CSV, and one Markdown page an
 * experiment with what goes beyond it. Same result files, same bytes. */
#ifndef CLB_TABLES_H
#define CLB_TABLES_H

#include "escape.h"
#include "replication.h"

/* --- the table of all experiments ------------------------------------------------------------- */

enum { TABLES_COLUMNS = 8, TABLES_SENTENCE = 6, TABLES_FOUND = 7 };
static const char *const tables_heads[TABLES_COLUMNS] = {
    "", "Experiment", "The paper's key result", "Paper's number found again on its seeds",
    "Does the statement hold", "On fresh seeds: median of the groups (5 % to 95 %), all together [95 % interval]",
    "In a sentence", "What we found"
};

/* The claim that stands for the experiment; NULL: it has none. */
KIT_FN const kit_claim *tables_first(const doc *d)
{
    const kit_claim *c = d->x->claims;
    while (c && c->source != KIT_PAPER) c = c->next;
    return c;
}

/* "holds under a condition: for eta up to 0.1". */
KIT_FN const char *tables_statement(const kit_claim *c)
{
    const char *answer = kit_statement_answers[c->statement];
    if (c->statement == KIT_NOT_ASKED) return "-";
    if (c->statement == KIT_PARTLY) return tool_print("%s: %s", answer, c->condition);
    if (c->statement == KIT_UNDECIDED) return tool_print("%s: %s", answer, c->reason);
    return answer;
}
KIT_FN const char *tables_number(const kit_claim *c)
{
    const char *answer = kit_number_answers[c->number];
    if (c->number == KIT_NOT_ASKED) return "-";
    return c->number == KIT_UNDECIDED ? tool_print("%s: %s", answer, c->reason) : answer;
}

/* Whether its runs have seeds. */
KIT_FN int tables_draws(const doc *d)
{
    for (const json *p = d->parts->first; p; p = p->next)
        for (const json *f = json_get(p, "fields")->first; f; f = f->next)
            if (!strcmp(json_get_text(f, "name"), "seed")) return 1;
    return 0;
}

/* The remark on a claim; where there is none, that it holds as printed, or nothing. */
KIT_FN const char *tables_sentence(const kit_claim *c)
{
    if (c->remark && *c->remark) return c->remark;
    return c->statement == KIT_HOLDS ? "It holds as printed." : "-";
}

KIT_FN void tables_row(const doc *d, const replication *r, const char **cells)
{
    const kit_claim *c = tables_first(d);
    cells[0] = d->info.id, cells[1] = d->info.title, cells[2] = d->info.key_result;
    cells[3] = c ? tables_number(c) : "-", cells[4] = c ? tables_statement(c) : "-";
    cells[5] = !tables_draws(d) ? "nothing is random" : r->path ? replication_says(r, d, c) : "not run";
    cells[TABLES_SENTENCE] = c ? tables_sentence(c) : "-";
    cells[TABLES_FOUND] = c ? c->sentence : "";
}

typedef enum tables_format { TABLES_MARKDOWN, TABLES_TEX, TABLES_CSV } tables_format;

KIT_FN void tables_put_row(kit_buf *b, const char *const *cells, tables_format format)
{
    static void (*const put[3])(kit_buf *, const char *) = { put_markdown, put_tex, put_csv };
    static const char *const begin[3] = { "| ", "", "" }, *const between[3] = { " | ", " & ", "," },
                      *const end[3] = { " |\n", " \\\\\n", "\n" };
    /* in Markdown what we found stands on the experiment's own page */
    int columns = TABLES_COLUMNS - (format == TABLES_MARKDOWN);
    kit_put(b, begin[format]);
    for (int c = 0; c < columns; ++c) {
        if (c) kit_put(b, between[format]);
        put[format](b, cells[c]);
    }
    kit_put(b, end[format]);
}

/* Is it an experiment of our own? Then its claims are ours, and it stands in no paper's table. */
KIT_FN int tables_ours(const doc *d) { return d->info.beyond != NULL || !d->info.key_result[0]; }

/* Experiments of the paper whose name starts with the letter. */
KIT_FN void tables_all(kit_buf *b, const docs *all, const replication *r, char letter,
                       tables_format format)
{
    const char *cells[TABLES_COLUMNS];
    if (format == TABLES_TEX) kit_put(b, "\\begin{tabular}{llllllll}\n\\hline\n");
    tables_put_row(b, tables_heads, format);
    if (format == TABLES_MARKDOWN) kit_put(b, "|---|---|---|---|---|---|---|\n");
    if (format == TABLES_TEX) kit_put(b, "\\hline\n");
    for (size_t i = 0; i < all->n; ++i) {
        if (all->at[i].info.id[0] != letter || tables_ours(&all->at[i])) continue;
        tables_row(&all->at[i], r, cells);
        tables_put_row(b, cells, format);
    }
    if (format == TABLES_TEX) kit_put(b, "\\hline\n\\end{tabular}\n");
}

/* What goes beyond the papers: a line a claim. */
KIT_FN void tables_beyond(kit_buf *b, const docs *all)
{
    kit_put(b, "| | claim | verdict | measured |\n|---|---|---|---|\n");
    for (size_t i = 0; i < all->n; ++i)
        for (const kit_claim *c = all->at[i].x->claims; c; c = c->next) {
            if (!tables_ours(&all->at[i]) || c->source != KIT_OURS) continue;
            kit_putf(b, "| %s | ", all->at[i].info.id), put_markdown(b, c->claim), kit_put(b, " | ");
            put_markdown(b, tables_statement(c)), kit_put(b, " | ");
            put_markdown(b, c->sentence), kit_put(b, " |\n");
        }
}

/* --- one page an experiment ------------------------------------------------------------------- */

KIT_FN void tables_lines(kit_buf *b, const kit_table *t)
{
    char cell[200];
    kit_put(b, "\n### "), kit_put(b, t->caption), kit_put(b, "\n\n|");
    for (size_t c = 0; c < t->columns; ++c) {
        kit_put(b, " "), put_markdown(b, t->names[c]);
        if (t->units[c][0]) kit_put(b, " ("), put_markdown(b, t->units[c]), kit_put(b, ")");
        kit_put(b, " |");
    }
    kit_put(b, "\n|");
    for (size_t c = 0; c < t->columns; ++c) kit_put(b, "---|");
    for (size_t i = 0; i < t->n; ++i) {
        kit_put(b, i % t->columns ? " " : "\n| ");
        put_markdown(b, t->cells[i].text ? t->cells[i].text
                                         : kit_cell_shown(cell, sizeof cell, &t->cells[i]));
        kit_put(b, " |");
    }
    kit_put(b, "\n");
}

KIT_FN void tables_number_cell(kit_buf *b, double v)
{
    if (isnan(v)) kit_put(b, " | -"); else kit_putf(b, " | %.6g", v);
}

KIT_FN void tables_summary(kit_buf *b, const doc *d)
{
    if (!d->x->summary) return;
    kit_put(b, "\n### Summary\n\n| quantity | value | standard error | 95 % interval | published "
               "|\n|---|---|---|---|---|\n");
    for (const kit_summary_item *s = d->x->summary; s; s = s->next) {
        kit_put(b, "| "), put_markdown(b, s->name);
        if (isnan(s->value)) kit_put(b, " | nan"); else kit_putf(b, " | %.6g", s->value);
        tables_number_cell(b, s->se);
        if (isnan(s->lo)) kit_put(b, " | -"); else kit_putf(b, " | %.5g to %.5g", s->lo, s->hi);
        tables_number_cell(b, s->published);
        kit_put(b, " |\n");
    }
}

/* The paper's claims: three questions. Ours: does it hold. */
KIT_FN void tables_claims(kit_buf *b, const doc *d)
{
    int ours = tables_ours(d), head = 0;
    for (const kit_claim *c = d->x->claims; c; c = c->next) {
        if (c->source == KIT_IDENTITY) continue;
        if (!head++)
            kit_put(b, ours ? "\n| claim | verdict | measured |\n|---|---|---|\n"
                            : "\n### Claims\n\n| claim | paper | number | statement | measured |\n"
                              "|---|---|---|---|---|\n");
        kit_put(b, "| "), put_markdown(b, c->claim), kit_put(b, " | ");
        if (!ours) {
            put_markdown(b, c->published), kit_put(b, " | ");
            put_markdown(b, kit_number_answers[c->number]), kit_put(b, " | ");
        }
        put_markdown(b, tables_statement(c)), kit_put(b, " | ");
        put_markdown(b, c->sentence), kit_put(b, " |\n");
    }
    head = 0;
    for (const kit_claim *c = d->x->claims; c; c = c->next) {
        if (c->source != KIT_IDENTITY) continue;
        if (!head++) kit_put(b, "\n### Identities\n\n");
        kit_putf(b, "- %s: ", kit_statement_answers[c->statement]);
        put_markdown(b, c->claim), kit_put(b, " "), put_markdown(b, c->sentence), kit_put(b, "\n");
    }
}

/* The command that repeats an experiment, from the repository's folder. */
KIT_FN void tables_command(kit_buf *b, const doc *d)
{
    const kit_settings *set = &d->x->set;
    kit_putf(b, "build/clb_run --only %.3s --", d->info.id);
    if (set->quick) kit_put(b, " --quick");
    if (set->seeds) kit_putf(b, " --seeds %s", set->seeds);
    if (set->lrs) kit_putf(b, " --lrs %s", set->lrs);
    if (set->part) kit_putf(b, " --part %s", set->part);
    while (b->n && (b->s[b->n - 1] == '-' || b->s[b->n - 1] == ' ')) b->s[--b->n] = 0;
}

/* How many runs diverged: "" if none. */
KIT_FN const char *tables_diverged(const doc *d)
{
    double n = 0;
    for (const json *p = d->parts->first; p; p = p->next) n += json_get_number(p, "diverged");
    return n > 0 ? tool_print(", of which %.0f diverged", n) : "";
}

KIT_FN void tables_body(kit_buf *b, const doc *d)
{
    kit_putf(b, "\n%zu runs%s, %s precision%s. Repeat: `", d->run_n, tables_diverged(d), d->precision,
             d->x->set.quick ? ", quick (smaller sweep, judges nothing)" : "");
    tables_command(b, d);
    kit_put(b, "`\n");
    tables_claims(b, d);
    tables_summary(b, d);
    for (const plot *p = d->x->figures; p; p = p->next) {
        kit_putf(b, "\n![%s](../figures/%s)\n\n", p->file, p->file);
        put_markdown(b, p->caption), kit_put(b, "\n");
    }
    for (const kit_table *t = d->x->tables; t; t = t->next)
        if (!t->detail) tables_lines(b, t);
}

/* Experiment i, and what goes beyond it: the documents that follow. */
KIT_FN void tables_page(kit_buf *b, const docs *all, size_t i)
{
    const doc *d = &all->at[i];
    kit_putf(b, "# %s %s\n\n%s. ", d->info.id, d->info.title, d->info.statement);
    if (d->info.key_result[0]) kit_put(b, "The paper's key result: "), put_markdown(b, d->info.key_result);
    else kit_put(b, "Beyond the paper.");
    kit_put(b, "\n");
    tables_body(b, d);
    for (size_t k = 0; k < all->n; ++k) {
        const doc *more = &all->at[k];
        if (!more->info.beyond || strcmp(more->info.beyond, d->info.id)) continue;
        kit_putf(b, "\n## Beyond the paper: %s\n", more->info.title);
        tables_body(b, more);
    }
}

/* All of it into a folder. */
KIT_FN int tables_write(const char *folder, const docs *all, const replication *r)
{
    static const char *const ends[3] = { "md", "tex", "csv" };
    kit_buf b = { NULL, 0, 0 };
    int status = KIT_OK;
    kit_make_folder(folder);
    for (int which = 0; which < 2; ++which) {
        size_t found = 0;
        for (size_t i = 0; i < all->n; ++i) found += all->at[i].info.id[0] == "EM"[which];
        for (int format = 0; format < 3 && found && !status; ++format) {
            tables_all(&b, all, r, "EM"[which], (tables_format)format);
            status = tool_write(folder, tool_print("%s.%s", which ? "pathways" : "table1", ends[format]),
                                &b);
        }
    }
    if (!status) tables_beyond(&b, all), status = tool_write(folder, "beyond.md", &b);
    for (size_t i = 0; i < all->n && !status; ++i) {
        if (all->at[i].info.beyond) continue;
        tables_page(&b, all, i);
        status = tool_write(folder, tool_print("%s.md", all->at[i].info.id), &b);
    }
    return status;
}

#endif /* CLB_TABLES_H */
