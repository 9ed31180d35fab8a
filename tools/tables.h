/* tables.h - Table 1 (and that of the pathway experiments) as Markdown, LaTeX and CSV, and one
 * detailed Markdown page an experiment. Same results, same bytes: nothing here depends on time or
 * machine.
 */
#ifndef CLB_TABLES_H
#define CLB_TABLES_H

/* Text for a Markdown table cell. */
EX_FN void tables_md(ex_buf *b, const char *text)
{
    char c[3] = { 0, 0, 0 };
    for (; *text; ++text) {
        c[0] = *text, c[1] = 0;
        if (*text == '|' || *text == '<' || *text == '*' || *text == '_') c[0] = '\\', c[1] = *text;
        if (*text == '\n') c[0] = ' ';
        ex_put(b, c);
    }
}

EX_FN void tables_csv(ex_buf *b, const char *text)
{
    char c[3] = { 0, 0, 0 };
    ex_put(b, "\"");
    for (; *text; ++text) {
        c[0] = *text, c[1] = *text == '"' ? '"' : (char)0;
        ex_put(b, c);
    }
    ex_put(b, "\"");
}

EX_FN void tables_tex(ex_buf *b, const char *text)
{
    char c[8];
    for (; *text; ++text) {
        const char *how = strchr("&%$#_{}", *text) ? "\\%c"
                          : *text == '^'           ? "\\^{}"
                          : *text == '~'           ? "$\\sim$"
                          : *text == '\\'          ? "$\\backslash$"
                          : *text == '<'           ? "$<$"
                          : *text == '>'           ? "$>$"
                          : *text == '|'           ? "$|$"
                                                   : "%c";
        if (!strcmp(how, "%c") || !strcmp(how, "\\%c"))
            snprintf(c, sizeof c, how[0] == '%' ? "%c" : "\\%c", *text);
        else snprintf(c, sizeof c, "%s", "");
        ex_put(b, c[0] ? c : how);
    }
}

/* The columns of Table 1 for one experiment; "" where there is nothing. */
enum { TABLES_COLUMNS = 7 };
static const char *const tables_heads[TABLES_COLUMNS] = {
    "", "Experiment", "Statement", "The paper's key result", "Measured", "95 % interval", "Verdict"
};

EX_FN void tables_row(ex *x, const char **cells)
{
    const ex_verdict_entry *v = x->verdict_n ? &x->verdicts[0] : NULL;
    cells[0] = x->info->id, cells[1] = x->info->title, cells[2] = x->info->theorem,
    cells[3] = x->info->paper;
    cells[4] = v ? v->measured : "", cells[5] = "",
    cells[6] = v ? ex_judgement_name(v->verdict) : "";
    for (size_t i = 0; x->info->key && i < x->summary.n; ++i) {
        ex_list ci = ex_get_array(x->summary.at[i], "ci95");
        if (ex_is(x->summary.at[i], x->info->key) && ci.n == 2 && isfinite(ci.at[0])
            && isfinite(ci.at[1]))
            cells[5] = ex_print(x, "%.4g to %.4g", ci.at[0], ci.at[1]);
    }
}

/* Experiments whose id starts with the letter, as Markdown, LaTeX (format 1) or CSV (format 2). */
EX_FN void tables_one(ex_buf *b, ex *const *xs, size_t n, char letter, int format)
{
    static void (*const escape[3])(ex_buf *, const char *) = { tables_md, tables_tex, tables_csv };
    static const char *const begin[3] = { "| ", "", "" }, *const between[3] = { " | ", " & ", "," },
                      *const end[3] = { " |\n", " \\\\\n", "\n" };
    const char *cells[TABLES_COLUMNS];
    if (format == 1) ex_put(b, "\\begin{tabular}{lllllll}\n\\hline\n");
    for (size_t i = 0; i <= n; ++i) {
        if (i && xs[i - 1]->info->id[0] != letter) continue;
        if (i) tables_row(xs[i - 1], cells);
        else memcpy(cells, tables_heads, sizeof cells);
        ex_put(b, begin[format]);
        for (int c = 0; c < TABLES_COLUMNS; ++c) {
            if (c) ex_put(b, between[format]);
            escape[format](b, cells[c]);
        }
        ex_put(b, end[format]);
        if (i == 0)
            ex_put(b, format == 0   ? "|---|---|---|---|---|---|---|\n"
                      : format == 1 ? "\\hline\n"
                                    : "");
    }
    if (format == 1) ex_put(b, "\\hline\n\\end{tabular}\n");
}

/* One detailed table as Markdown. */
EX_FN void tables_lines(ex_buf *b, const ex *x, const char *part)
{
    const char *names[32];
    char cell[200];
    size_t n = ex_columns(x, part, names, 32);
    ex_put(b, "\n### ");
    ex_put(b, ex_caption_of(x, part));
    ex_put(b, "\n\n|");
    for (size_t c = 0; c < n; ++c) { ex_put(b, " "); tables_md(b, names[c]); ex_put(b, " |"); }
    ex_put(b, "\n|");
    for (size_t c = 0; c < n; ++c) ex_put(b, "---|");
    ex_put(b, "\n");
    for (size_t i = 0; i < x->lines.n; ++i) {
        if (!ex_is(x->lines.at[i], part)) continue;
        ex_put(b, "|");
        for (size_t c = 0; c < n; ++c) {
            ex_put(b, " ");
            tables_md(b, ex_cell(cell, sizeof cell, x->lines.at[i], names[c]));
            ex_put(b, " |");
        }
        ex_put(b, "\n");
    }
}

EX_FN void tables_summary(ex_buf *b, const ex *x)
{
    char cell[64];
    if (!x->summary.n) return;
    ex_put(b, "\n### Summary\n\n| quantity | value | standard error | 95 % interval | published "
              "|\n|---|---|---|---|---|\n");
    for (size_t i = 0; i < x->summary.n; ++i) {
        const ex_row *s = x->summary.at[i];
        ex_list ci = ex_get_array(s, "ci95");
        ex_put(b, "| ");
        tables_md(b, s->part);
        ex_putf(b, " | %s", ex_cell(cell, sizeof cell, s, "value"));
        ex_putf(b, " | %s | ", ex_cell(cell, sizeof cell, s, "stderr"));
        if (ci.n == 2) ex_putf(b, "%.5g to %.5g", ci.at[0], ci.at[1]); else ex_put(b, "-");
        ex_putf(b, " | %s |\n", ex_cell(cell, sizeof cell, s, "published"));
    }
}

EX_FN void tables_verdicts(ex_buf *b, const ex *x)
{
    ex_put(
        b,
        "\n### Verdicts\n\n| claim | paper | measured | verdict | rule |\n|---|---|---|---|---|\n");
    for (size_t i = 0; i < x->verdict_n; ++i) {
        const ex_verdict_entry *v = &x->verdicts[i];
        const char *texts[5];
        texts[0] = v->claim, texts[1] = v->published, texts[2] = v->measured;
        texts[3] = ex_judgement_name(v->verdict), texts[4] = v->why;
        for (int k = 0; k < 5; ++k) { ex_put(b, "| "); tables_md(b, texts[k]); ex_put(b, " "); }
        ex_put(b, "|\n");
    }
    if (x->check_n) ex_put(b, "\n### Identities\n\n");
    for (size_t i = 0; i < x->check_n; ++i) {
        ex_putf(b, "- %s: ", x->checks[i].flag ? "holds" : "FAILS");
        tables_md(b, x->checks[i].name);
        ex_put(b, "\n");
    }
}

/* The command that repeats an experiment, from the repository's folder. */
EX_FN void tables_command(ex_buf *b, const ex *x)
{
    ex_putf(b, "build/clb_tables run --only %s", x->info->id);
    if (x->set.published) ex_put(b, " --published");
    if (x->set.quick) ex_put(b, " --quick");
    if (x->set.seeds) ex_putf(b, " --seeds %s", x->set.seeds);
    if (x->set.lrs) ex_putf(b, " --lrs %s", x->set.lrs);
}

EX_FN void tables_page(ex_buf *b, const ex *x)
{
    ex_putf(b, "# %s %s\n\n%s. The paper's key result: ", x->info->id, x->info->title,
            x->info->theorem);
    tables_md(b, x->info->paper);
    ex_putf(b, "\n\n%zu runs, %s precision%s. Repeat: `", x->runs.n, x->precision,
            x->set.quick ? ", quick (smaller sweep, not comparable)" : "");
    tables_command(b, x);
    ex_put(b, "`\n");
    tables_verdicts(b, x);
    tables_summary(b, x);
    for (size_t i = 0; i < x->figure_n; ++i) {
        ex_putf(b, "\n![%s](../figures/%s)\n\n", x->figures[i].name, x->figures[i].name);
        tables_md(b, x->figures[i].caption);
        ex_put(b, "\n");
    }
    for (size_t i = 0; i < x->lines.n; ++i)
        if (ex_first_of_part(x, i)) tables_lines(b, x, x->lines.at[i]->part);
}

EX_FN int tables_file(const char *folder, const char *name, ex_buf *b)
{
    char path[1200];
    int status;
    snprintf(path, sizeof path, "%s/%s", folder, name);
    status = ex_write_file(path, b->s ? b->s : "", b->n);
    free(b->s);
    memset(b, 0, sizeof *b);
    return status;
}

/* All tables into a folder. */
EX_FN int tables_write(const char *folder, ex *const *xs, size_t n)
{
    static const char *const ends[3] = { "md", "tex", "csv" };
    ex_buf b = { NULL, 0, 0 };
    char name[64];
    int status = EX_OK;
    ex_make_folder(folder);
    for (int which = 0; which < 2; ++which) {
        size_t found = 0;
        char letter = which ? 'M' : 'E';
        for (size_t i = 0; i < n; ++i) found += xs[i]->info->id[0] == letter;
        for (int format = 0; format < 3 && found && !status; ++format) {
            tables_one(&b, xs, n, letter, format);
            snprintf(name, sizeof name, "%s.%s", which ? "pathways" : "table1", ends[format]);
            status = tables_file(folder, name, &b);
        }
    }
    for (size_t i = 0; i < n && !status; ++i) {
        tables_page(&b, xs[i]);
        snprintf(name, sizeof name, "%s.md", xs[i]->info->id);
        status = tables_file(folder, name, &b);
    }
    return status;
}

#endif /* CLB_TABLES_H */
