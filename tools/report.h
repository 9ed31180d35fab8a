/* report.h - everything in one self-contained HTML page: no network, no script; light and dark,
 * wide screen, phone, paper. The environment block at the end is the only part that depends on the
 * machine.
 */
#ifndef CLB_REPORT_H
#define CLB_REPORT_H

static const char report_style[] =
    ":root{color-scheme:light "
    "dark;--bg:#fff;--fg:#1f2328;--soft:#59636e;--line:#d8dee4;--card:#f6f8fa;--link:#0b6bb8;"
    "--good:#12703f;--goodbg:#dff5e6;--mid:#7a5600;--midbg:#fff1cc;--bad:#a01c2c;--badbg:#ffe2e4}\n"
    "@media "
    "(prefers-color-scheme:dark){:root{--bg:#0f1319;--fg:#e8ecf1;--soft:#9aa5b1;--line:#2b333d;--"
    "card:#161c24;"
    "--link:#58aef2;--good:#7fe0a6;--goodbg:#12361f;--mid:#f0cf7a;--midbg:#3a2e0c;--bad:#ff9aa6;--"
    "badbg:#431920}}\n"
    "*{box-sizing:border-box}body{margin:0;background:var(--bg);color:var(--fg);font:16px/1.55 "
    "system-ui,-apple-system,"
    "'Segoe UI',Helvetica,Arial,sans-serif}main{max-width:1120px;margin:0 auto;padding:24px 20px "
    "80px}\n"
    "h1{font-size:1.9rem;line-height:1.2;margin:.4em 0}h2{font-size:1.35rem;margin:2.4em 0 "
    ".5em;padding-top:.6em;"
    "border-top:1px solid var(--line)}h3{font-size:1.02rem;margin:1.6em 0 "
    ".4em}a{color:var(--link)}p{max-width:75ch}\n"
    ".soft{color:var(--soft)}code{font:.88em "
    "ui-monospace,Menlo,Consolas,monospace;background:var(--card);padding:.1em .35em;"
    "border-radius:4px;overflow-wrap:anywhere}.scroll{overflow-x:auto;margin:.6em "
    "0}table{border-collapse:collapse;"
    "font-size:.86rem;min-width:50%}th,td{text-align:left;padding:.38em .7em;border-bottom:1px "
    "solid var(--line);"
    "vertical-align:top}th{color:var(--soft);font-weight:600}td.n{text-align:right;font-variant-"
    "numeric:tabular-nums;"
    "white-space:nowrap}\n"
    ".v{display:inline-block;padding:.08em "
    ".55em;border-radius:1em;font-size:.82rem;font-weight:600;white-space:nowrap}"
    ".v0{color:var(--good);background:var(--goodbg)}.v1{color:var(--mid);background:var(--midbg)}"
    ".v2{color:var(--bad);background:var(--badbg)}.cards{display:flex;flex-wrap:wrap;gap:12px;"
    "margin:1em 0}"
    ".card{background:var(--card);border:1px solid var(--line);border-radius:8px;padding:.6em "
    "1.1em;min-width:8.5em}"
    ".card b{display:block;font-size:1.6rem;line-height:1.25}figure{margin:1em "
    "0;overflow-x:auto}figure svg{max-width:100%;"
    "height:auto;border:1px solid "
    "var(--line);border-radius:6px}figcaption{color:var(--soft);font-size:.9rem}"
    "details>summary{cursor:pointer;color:var(--link);margin:.6em "
    "0}nav{display:flex;flex-wrap:wrap;gap:.3em .9em}\n"
    "@media (max-width:700px){.t1 thead{display:none}.t1 tr{display:block;border-bottom:1px solid "
    "var(--line);padding:.5em 0}"
    ".t1 td{display:block;border:0;padding:.1em 0}.t1 td:empty{display:none}.t1 "
    "td[data-h]:before{content:attr(data-h) \": \";"
    "color:var(--soft)}main{padding:14px 12px 60px}figure "
    "svg{max-width:none;width:860px}h1{font-size:1.5rem}}\n"
    "@media "
    "print{:root{--bg:#fff;--fg:#000;--card:#fff}main{max-width:none;padding:0}h2{break-after:"
    "avoid}"
    "figure,tr,.card{break-inside:avoid}details>*{display:block}nav{display:none}.scroll,figure{"
    "overflow:visible}"
    "figure svg{max-width:100%;width:auto}}\n";

EX_FN void report_text(ex_buf *b, const char *text)
{
    char c[2] = { 0, 0 };
    for (; *text; ++text) {
        c[0] = *text;
        ex_put(b, *text == '&'   ? "&amp;"
                  : *text == '<' ? "&lt;"
                  : *text == '>' ? "&gt;"
                  : *text == '"' ? "&quot;"
                                 : c);
    }
}

EX_FN void report_cell(ex_buf *b, const char *text, int number)
{
    ex_put(b, number ? "<td class=\"n\">" : "<td>");
    report_text(b, text);
    ex_put(b, "</td>");
}

EX_FN void report_judgement(ex_buf *b, ex_judgement verdict)
{
    ex_putf(b, "<span class=\"v v%d\">%s</span>", (int)verdict, ex_judgement_name(verdict));
}

/* kind: a class of the table, or "". */
EX_FN void report_heads(ex_buf *b, const char *kind, const char *const *heads, size_t n)
{
    ex_putf(b, "<div class=\"scroll\"><table class=\"%s\"><thead><tr>", kind);
    for (size_t c = 0; c < n; ++c) {
        ex_put(b, "<th>");
        report_text(b, heads[c]);
        ex_put(b, "</th>");
    }
    ex_put(b, "</tr></thead><tbody>\n");
}

static const char report_end[] = "</tbody></table></div>\n";

/* --- parts of the page ------------------------------------------------------------------------ */

EX_FN void report_table_1(ex_buf *b, ex *const *xs, size_t n, char letter)
{
    const char *cells[TABLES_COLUMNS];
    report_heads(b, "t1", tables_heads, TABLES_COLUMNS);
    for (size_t i = 0; i < n; ++i) {
        if (xs[i]->info->id[0] != letter) continue;
        tables_row(xs[i], cells);
        ex_putf(b, "<tr><td><a href=\"#%s\">%s</a></td>", cells[0], cells[0]);
        for (int c = 1; c < TABLES_COLUMNS - 1; ++c) {
            ex_putf(b, c > 2 ? "<td data-h=\"%s\">" : "<td>", tables_heads[c]);
            report_text(b, cells[c]);
            ex_put(b, "</td>");
        }
        ex_put(b, "<td>");
        if (xs[i]->verdict_n) report_judgement(b, xs[i]->verdicts[0].verdict);
        ex_put(b, "</td></tr>\n");
    }
    ex_put(b, report_end);
}

EX_FN void report_verdicts(ex_buf *b, const ex *x)
{
    static const char *const heads[5] = { "claim", "paper", "measured", "verdict", "rule" };
    report_heads(b, "", heads, 5);
    for (size_t i = 0; i < x->verdict_n; ++i) {
        const ex_verdict_entry *v = &x->verdicts[i];
        ex_put(b, "<tr>");
        report_cell(b, v->claim, 0), report_cell(b, v->published, 0),
            report_cell(b, v->measured, 0);
        ex_put(b, "<td>");
        report_judgement(b, v->verdict);
        ex_put(b, "</td>");
        report_cell(b, v->why, 0);
        ex_put(b, "</tr>\n");
    }
    ex_put(b, report_end);
    for (size_t i = 0; i < x->check_n; ++i) {
        ex_putf(b, "<p>Identity %s: ", x->checks[i].flag ? "holds" : "<b>fails</b>");
        report_text(b, x->checks[i].name);
        ex_put(b, "</p>\n");
    }
}

EX_FN void report_summary(ex_buf *b, const ex *x)
{
    static const char *const heads[5] = { "quantity", "value", "standard error", "95 % interval",
                                          "published" };
    char cell[64], range[80];
    if (!x->summary.n) return;
    report_heads(b, "", heads, 5);
    for (size_t i = 0; i < x->summary.n; ++i) {
        const ex_row *s = x->summary.at[i];
        ex_list ci = ex_get_array(s, "ci95");
        snprintf(range, sizeof range, "-");
        if (ci.n == 2) snprintf(range, sizeof range, "%.5g to %.5g", ci.at[0], ci.at[1]);
        ex_put(b, "<tr>");
        report_cell(b, s->part, 0), report_cell(b, ex_cell(cell, sizeof cell, s, "value"), 1);
        report_cell(b, ex_cell(cell, sizeof cell, s, "stderr"), 1), report_cell(b, range, 1);
        report_cell(b, ex_cell(cell, sizeof cell, s, "published"), 1);
        ex_put(b, "</tr>\n");
    }
    ex_put(b, report_end);
}

EX_FN void report_lines(ex_buf *b, const ex *x, const char *part)
{
    const char *names[32];
    char cell[200];
    size_t n = ex_columns(x, part, names, 32);
    ex_put(b, "<h3>");
    report_text(b, ex_caption_of(x, part));
    ex_put(b, "</h3>\n");
    report_heads(b, "", names, n);
    for (size_t i = 0; i < x->lines.n; ++i) {
        const ex_row *row = x->lines.at[i];
        if (!ex_is(row, part)) continue;
        ex_put(b, "<tr>");
        for (size_t c = 0; c < n; ++c) {
            const ex_value *v = ex_value_of(row, names[c]);
            report_cell(b, ex_cell(cell, sizeof cell, row, names[c]), v && v->kind == EX_KIND_NUM);
        }
        ex_put(b, "</tr>\n");
    }
    ex_put(b, report_end);
}

EX_FN void report_experiment(ex_buf *b, const ex *x)
{
    ex_putf(b, "<section id=\"%s\"><h2>%s &nbsp; ", x->info->id, x->info->id);
    report_text(b, x->info->title);
    ex_put(b, "</h2>\n<p class=\"soft\">");
    report_text(b, x->info->theorem);
    ex_put(b, ". The paper&#8217;s key result: ");
    report_text(b, x->info->paper);
    ex_putf(b, ".</p>\n<p>%zu runs in %s precision%s. Repeat: <code>", x->runs.n, x->precision,
            x->set.quick ? ", quick (smaller sweep, not comparable)" : "");
    tables_command(b, x);
    ex_put(b, "</code></p>\n");
    report_verdicts(b, x);
    for (size_t i = 0; i < x->figure_n; ++i) {
        ex_put(b, "<figure>");
        ex_put(b, x->figures[i].body);
        ex_put(b, "<figcaption>");
        report_text(b, x->figures[i].caption);
        ex_put(b, "</figcaption></figure>\n");
    }
    report_summary(b, x);
    if (x->lines.n) ex_put(b, "<details><summary>Detailed tables</summary>\n");
    for (size_t i = 0; i < x->lines.n; ++i)
        if (ex_first_of_part(x, i)) report_lines(b, x, x->lines.at[i]->part);
    ex_put(b, x->lines.n ? "</details></section>\n" : "</section>\n");
}

EX_FN void report_theorems(ex_buf *b, int quick)
{
    static const char *const heads[6] = { "",         "statement", "instances",
                                          "residual", "verdict",   "what was measured" };
    theorem_result results[THEOREMS];
    char text[40];
    if (!theorems_try(results, quick)) return;
    ex_put(b, "<section id=\"theorems\"><h2>Theorems on random instances</h2>\n");
    report_heads(b, "", heads, 6);
    for (size_t i = 0; i < THEOREMS; ++i) {
        ex_put(b, "<tr>");
        report_cell(b, theorem_list[i].name, 0), report_cell(b, theorem_list[i].statement, 0);
        snprintf(text, sizeof text, "%zu", results[i].instances);
        report_cell(b, text, 1);
        snprintf(text, sizeof text, "%.2g", results[i].residual);
        report_cell(b, text, 1);
        ex_put(b, "<td>");
        if (theorem_list[i].check) report_judgement(b, results[i].verdict);
        else ex_put(b, "not testable");
        ex_put(b, "</td>");
        report_cell(b, results[i].note, 0);
        ex_put(b, "</tr>\n");
    }
    ex_put(b, report_end);
    ex_put(b, "<p>Repeat: <code>build/clb_tables theorems</code></p></section>\n");
}

/* Part of a line of Markdown: \x is x, what stands between two ` is code. */
EX_FN void report_span(ex_buf *b, const char *s, size_t n)
{
    char c[2] = { 0, 0 };
    int code = 0;
    for (; n > 0; ++s, --n) {
        if (*s == '`') {
            ex_put(b, (code = !code) ? "<code>" : "</code>");
            continue;
        }
        if (*s == '\\' && n > 1) ++s, --n;
        c[0] = *s;
        report_text(b, c);
    }
}

/* "| a | b |", n characters, as a row of a table, which the head opens. */
EX_FN void report_row(ex_buf *b, const char *s, size_t n, int head)
{
    ex_put(b, head ? "<div class=\"scroll\"><table><thead><tr>" : "<tr>");
    for (size_t at = 1, end; at < n; at = end + 1) {
        for (end = at; end < n && s[end] != '|'; ++end) end += s[end] == '\\';
        ex_put(b, head ? "<th>" : "<td>");
        report_span(b, s + at, (end < n ? end : n) - at);
        ex_put(b, head ? "</th>" : "</td>");
    }
    ex_put(b, head ? "</tr></thead><tbody>\n" : "</tr>\n");
}

/* What replicate wrote: Markdown of headings, paragraphs and tables. */
EX_FN void report_replication(ex_buf *b, const char *text)
{
    size_t n, rows = 0, parts = 0;
    ex_put(b, "<section id=\"replication\"><h2>Replication on fresh seeds</h2>\n");
    for (; *text; text += n + (text[n] == '\n')) {
        n = strcspn(text, "\n");
        if (*text == '|') {
            if (strncmp(text, "|---", 4) != 0) report_row(b, text, n, rows++ == 0);
            continue;
        }
        if (rows) ex_put(b, report_end), rows = 0;
        if (n == 0 || !strncmp(text, "# ", 2)) continue;
        if (!strncmp(text, "## ", 3)) {
            if (parts++ == 0) ex_put(b, "<details><summary>By experiment</summary>\n");
            ex_put(b, "<h3>");
            report_span(b, text + 3, n - 3);
            ex_put(b, "</h3>\n");
        } else {
            ex_put(b, "<p>");
            report_span(b, text, n);
            ex_put(b, "</p>\n");
        }
    }
    if (rows) ex_put(b, report_end);
    ex_put(b, parts ? "</details></section>\n" : "</section>\n");
}

EX_FN void report_ledger(ex_buf *b, const ledger *l)
{
    const char *heads[LEDGER_STATES + 2];
    size_t counts[LEDGER_STATES], total;
    char text[40];
    heads[0] = "", heads[1] = "numbers";
    for (int s = 0; s < LEDGER_STATES; ++s) heads[s + 2] = ledger_names[s];
    ex_put(b, "<section id=\"ledger\"><h2>Ledger: every published number</h2>\n<p>What each number "
              "of the published result files "
              "is, compared with ours.</p>\n");
    report_heads(b, "", heads, LEDGER_STATES + 2);
    for (size_t i = 0; i <= l->x_n + 1; ++i) {
        ledger_count(l, i <= l->x_n ? i : (size_t)-1, (size_t)-1, counts);
        ex_put(b, "<tr>");
        report_cell(b, i < l->x_n ? l->xs[i]->info->id : i == l->x_n ? "no experiment" : "all", 0);
        total = 0;
        for (int s = 0; s < LEDGER_STATES; ++s) total += counts[s];
        snprintf(text, sizeof text, "%zu", total);
        report_cell(b, text, 1);
        for (int s = 0; s < LEDGER_STATES; ++s) {
            snprintf(text, sizeof text, "%zu", counts[s]);
            report_cell(b, text, 1);
        }
        ex_put(b, "</tr>\n");
    }
    ex_put(b, report_end);
    ex_put(b, "<p>Repeat: <code>build/clb_tables check --reference DIR "
              "build/results</code></p></section>\n");
}

EX_FN void report_cards(ex_buf *b, ex *const *xs, size_t n)
{
    size_t verdicts[3] = { 0, 0, 0 }, runs = 0;
    for (size_t i = 0; i < n; ++i) {
        runs += xs[i]->runs.n;
        for (size_t k = 0; k < xs[i]->verdict_n; ++k) ++verdicts[xs[i]->verdicts[k].verdict];
    }
    ex_putf(b,
            "<div class=\"cards\"><div class=\"card\"><b>%zu</b>experiments</div><div "
            "class=\"card\"><b>%zu</b>runs</div>",
            n, runs);
    for (int v = 0; v < 3; ++v)
        ex_putf(b, "<div class=\"card\"><b>%zu</b>%s</div>", verdicts[v],
                ex_judgement_name((ex_judgement)v));
    ex_put(b, "</div>\n");
}

EX_FN void report_environment(ex_buf *b, ex *const *xs, size_t n)
{
    double seconds = 0.0;
    for (size_t i = 0; i < n; ++i) seconds += isnan(xs[i]->seconds) ? 0.0 : xs[i]->seconds;
    ex_put(b, "<section id=\"environment\"><h2>Environment</h2>\n<p class=\"soft\">");
    report_text(b, clb_build_info());
    ex_putf(b, ". All experiments: %.0f s.</p>\n<div class=\"scroll\"><table><tbody>", seconds);
    for (size_t i = 0; i < n; ++i)
        ex_putf(b, "<tr><td>%s</td><td class=\"n\">%.1f s</td></tr>\n", xs[i]->info->id,
                xs[i]->seconds);
    ex_put(b, report_end);
    ex_put(b, "</section>\n");
}

/* The whole page; l and replication (the text of replication.md) may be NULL. */
EX_FN void report_page(ex_buf *b, ex *const *xs, size_t n, const ledger *l, const char *replication)
{
    size_t pathways = 0, quick = 0;
    for (size_t i = 0; i < n; ++i)
        pathways += xs[i]->info->id[0] == 'M', quick += xs[i]->set.quick != 0;
    ex_put(
        b,
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" "
        "content=\"width=device-width,initial-scale=1\"><title>Conservation laws and their "
        "breaking: results</title>\n<style>");
    ex_put(b, report_style);
    ex_put(b, "</style></head><body><main>\n<h1>Conservation laws and their breaking in neural "
              "network training</h1>\n"
              "<p>Each claim of the paper, run again and judged by a rule that stands in the "
              "experiment&#8217;s source. "
              "clb " CLB_VERSION ".</p>\n");
    if (quick)
        ex_put(b, "<p><b>Quick runs: smaller sweeps, not comparable with the paper.</b></p>\n");
    report_cards(b, xs, n);
    ex_put(b, "<nav>");
    for (size_t i = 0; i < n; ++i)
        ex_putf(b, "<a href=\"#%s\">%s</a>", xs[i]->info->id, xs[i]->info->id);
    ex_put(b, "<a href=\"#theorems\">Theorems</a>");
    if (replication) ex_put(b, "<a href=\"#replication\">Replication</a>");
    if (l) ex_put(b, "<a href=\"#ledger\">Ledger</a>");
    ex_put(b, "</nav>\n<h2>Table 1</h2>\n");
    report_table_1(b, xs, n, 'E');
    if (pathways) {
        ex_put(b, "<h2>Pathways</h2>\n");
        report_table_1(b, xs, n, 'M');
    }
    report_theorems(b, quick > 0);
    if (replication) report_replication(b, replication);
    for (size_t i = 0; i < n; ++i) report_experiment(b, xs[i]);
    if (l) report_ledger(b, l);
    report_environment(b, xs, n);
    ex_put(b, "</main></body></html>\n");
}

#endif /* CLB_REPORT_H */
