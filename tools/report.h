/* report.h - the results as one self-contained HTML page: no network, no script; light and dark,
 * wide screen, phone, paper. The environment at the end is the only part that depends on the
 * machine. */
#ifndef CLB_REPORT_H
#define CLB_REPORT_H

#include "tables.h"

typedef struct report_files {             /* each may be NULL */
    const char *theorems, *replication, *ledger;        /* Markdown */
    const char *page;                                   /* name of the living page beside it */
} report_files;

static const char report_style[] =
    ":root{color-scheme:light dark;--bg:#fff;--fg:#1f2328;--soft:#59636e;--line:#d8dee4;"
    "--card:#f6f8fa;--link:#0b6bb8;--good:#12703f;--goodbg:#dff5e6;--mid:#7a5600;--midbg:#fff1cc;"
    "--bad:#a01c2c;--badbg:#ffe2e4}\n"
    "@media (prefers-color-scheme:dark){:root{--bg:#0f1319;--fg:#e8ecf1;--soft:#9aa5b1;"
    "--line:#2b333d;--card:#161c24;--link:#58aef2;--good:#7fe0a6;--goodbg:#12361f;--mid:#f0cf7a;"
    "--midbg:#3a2e0c;--bad:#ff9aa6;--badbg:#431920}}\n"
    "*{box-sizing:border-box}body{margin:0;background:var(--bg);color:var(--fg);font:16px/1.55 "
    "system-ui,-apple-system,'Segoe UI',Helvetica,Arial,sans-serif}main{max-width:1120px;"
    "margin:0 auto;padding:24px 20px 80px}\n"
    "h1{font-size:1.9rem;line-height:1.2;margin:.4em 0}h2{font-size:1.35rem;margin:2.4em 0 .5em;"
    "padding-top:.6em;border-top:1px solid var(--line)}h3{font-size:1.02rem;margin:1.6em 0 .4em}"
    "a{color:var(--link)}p,dl{max-width:75ch}dt{font-weight:600;margin-top:.7em}dd{margin:0}"
    "math{font-size:1.08em}\n"
    ".soft{color:var(--soft)}code{font:.88em ui-monospace,Menlo,Consolas,monospace;"
    "background:var(--card);padding:.1em .35em;border-radius:4px;overflow-wrap:anywhere}"
    ".scroll{overflow-x:auto;margin:.6em 0}table{border-collapse:collapse;font-size:.86rem;"
    "min-width:50%}th,td{text-align:left;padding:.38em .7em;border-bottom:1px solid var(--line);"
    "vertical-align:top}th{color:var(--soft);font-weight:600}.n{text-align:right}td.n{"
    "font-variant-numeric:tabular-nums;white-space:nowrap}\n"
    ".v{display:inline-block;padding:.08em .55em;border-radius:1em;font-size:.82rem;"
    "font-weight:600}.v0{color:var(--soft);background:var(--card)}.v1{color:var(--bad);"
    "background:var(--badbg)}.v2{color:var(--mid);background:var(--midbg)}.v3{color:var(--good);"
    "background:var(--goodbg)}.v4{color:var(--soft);background:var(--card)}\n"
    ".cards{display:flex;flex-wrap:wrap;gap:12px;margin:1em 0}.card{background:var(--card);"
    "border:1px solid var(--line);border-radius:8px;padding:.6em 1.1em;min-width:8.5em}"
    ".card b{display:block;font-size:1.6rem;line-height:1.25}\n"
    "figure{margin:1em 0}.panels{display:flex;flex-wrap:wrap;gap:8px}.panels svg{width:430px;"
    "max-width:100%;height:auto;border:1px solid var(--line);border-radius:6px}"
    "figcaption{color:var(--soft);font-size:.9rem}\n"
    "details>summary{cursor:pointer;color:var(--link);margin:.6em 0}nav{display:flex;"
    "flex-wrap:wrap;gap:.3em .9em}\n"
    "@media (max-width:760px){.t1 thead{display:none}.t1 tr{display:block;border-bottom:1px solid "
    "var(--line);padding:.5em 0}.t1 td{display:block;border:0;padding:.1em 0}.t1 td:empty{"
    "display:none}.t1 td[data-h]:before{content:attr(data-h) \": \";color:var(--soft)}"
    "main{padding:14px 12px 60px}h1{font-size:1.5rem}}\n"
    "@media print{:root{--bg:#fff;--fg:#000;--card:#fff}main{max-width:none;padding:0}"
    "body{font-size:13px}"
    "h2,h3,dt,h2+p{break-after:avoid}dd{break-before:avoid}figure,tr,.card{break-inside:avoid}"
    "table{font-size:.75rem}.wide{font-size:.62rem}.wider{font-size:.48rem}"
    "th,td{padding:.3em .45em}"
    "details::details-content{content-visibility:visible;height:auto}"
    "details>summary{display:none}nav{display:none}.scroll{overflow:visible}}\n";

/* The law and how steps break it. */
static const char report_laws[] =
    "<p>A ReLU network without biases has weight matrices "
    "<math><msub><mi>W</mi><mn>1</mn></msub><mo>,</mo><mo>&#8230;</mo><mo>,</mo><msub><mi>W</mi>"
    "<mi>L</mi></msub></math>. If it is trained by gradient flow, the difference of the squared "
    "norms of two neighbouring layers never changes:</p>\n"
    "<p><math display=\"block\"><msub><mi>C</mi><mi>l</mi></msub><mo>=</mo><msup><mrow><mo>&#8214;"
    "</mo><msub><mi>W</mi><mrow><mi>l</mi><mo>+</mo><mn>1</mn></mrow></msub><mo>&#8214;</mo></mrow>"
    "<mn>2</mn></msup><mo>&#8722;</mo><msup><mrow><mo>&#8214;</mo><msub><mi>W</mi><mi>l</mi></msub>"
    "<mo>&#8214;</mo></mrow><mn>2</mn></msup></math></p>\n"
    "<p>Gradient descent takes steps of size <math><mi>&#951;</mi></math> instead of flowing, and "
    "that breaks the law by an amount that is known exactly, with "
    "<math><msub><mi>G</mi><mi>l</mi></msub></math> the gradient of layer l:</p>\n"
    "<p><math display=\"block\"><msub><mi>C</mi><mi>l</mi></msub><mo>(</mo><mi>T</mi><mo>)</mo>"
    "<mo>&#8722;</mo><msub><mi>C</mi><mi>l</mi></msub><mo>(</mo><mn>0</mn><mo>)</mo><mo>=</mo>"
    "<msup><mi>&#951;</mi><mn>2</mn></msup><mi>S</mi></math></p>\n"
    "<p><math display=\"block\"><mi>S</mi><mo>=</mo><munderover><mo>&#8721;</mo><mrow><mi>t</mi><mo>=</mo><mn>0</mn></mrow><mrow>"
    "<mi>T</mi><mo>&#8722;</mo><mn>1</mn></mrow></munderover><mo>(</mo><msup><mrow><mo>&#8214;</mo>"
    "<msub><mi>G</mi><mrow><mi>l</mi><mo>+</mo><mn>1</mn></mrow></msub><mo>&#8214;</mo></mrow>"
    "<mn>2</mn></msup><mo>&#8722;</mo><msup><mrow><mo>&#8214;</mo><msub><mi>G</mi><mi>l</mi></msub>"
    "<mo>&#8214;</mo></mrow><mn>2</mn></msup><mo>)</mo></math></p>\n";

/* What a reader needs before the first table, around the law. */
static const char report_question[] =
    "<section id=\"words\"><h2>The question in one minute</h2>\n";
static const char report_words[] =
    "<p>The paper (<a href=\"https://arxiv.org/abs/2604.07405\">arXiv 2604.07405</a>, experiments "
    "E01 to E23) asks how this drift depends on the step size, and on the eigenvalues of the "
    "Hessian. A second paper (<a href=\"https://arxiv.org/abs/2606.05219\">arXiv 2606.05219</a>, "
    "M01 to M10) studies linear networks with several parallel pathways.</p>\n"
    "<dl><dt>drift</dt><dd>the change of C over a training run.</dd>"
    "<dt>sharpness, <math><msub><mi>&#955;</mi><mi>max</mi></msub></math></dt><dd>the largest "
    "eigenvalue of the Hessian of the loss.</dd>"
    "<dt>edge of stability</dt><dd>where sharpness reaches 2/&#951;: beyond it, gradient descent on "
    "a quadratic would diverge; on a network it oscillates.</dd>"
    "<dt>exponent, &#945;</dt><dd>the slope of log drift against log &#951;.</dd>"
    "<dt>MSE, CE</dt><dd>mean squared error and cross entropy, the two losses.</dd>"
    "<dt>m, d, K, n, T</dt><dd>hidden width, inputs, outputs, samples, steps.</dd>"
    "<dt>R</dt><dd>a correlation, of logarithms where it says so.</dd>"
    "<dt>R^2</dt><dd>the share of the variance that a fit explains.</dd>"
    "<dt>tau</dt><dd>a decay time in steps, fitted as C/&#951; plus a constant (E23).</dd>"
    "<dt>m*</dt><dd>the first width with &#945; above 1.1.</dd>"
    "<dt>c_k</dt><dd>the share of the k-th eigenvector of the Hessian in S.</dd>"
    "<dt>e</dt><dd>0 for a linear net, 1 for ReLU, between them the activations between.</dd>"
    "<dt>beta, gamma</dt><dd>slopes against ln m.</dd>"
    "<dt>EoS</dt><dd>the edge of stability.</dd></dl>\n"
    "<p>Every claim is asked three questions. <b>Number</b>: do we find the paper&#8217;s number "
    "again on its own random seeds? <b>Statement</b>: does the sentence hold, always or under a "
    "condition? <b>Fresh seeds</b>: in how many groups of the seeds 1 to 100 (42 is the "
    "paper&#8217;s)?</p>"
    "</section>\n";

KIT_FN void report_cell(kit_buf *b, const char *text, int number)
{
    kit_put(b, number ? "<td class=\"n\">" : "<td>");
    put_html(b, text);
    kit_put(b, "</td>");
}

KIT_FN void report_answer(kit_buf *b, kit_answer answer, const char *text)
{
    kit_putf(b, "<span class=\"v v%d\">", (int)answer);
    put_html(b, text);
    kit_put(b, "</span>");
}

/* A word that may be broken after each _. */
KIT_FN void report_word(kit_buf *b, const char *word)
{
    for (const char *end; *word; word = end) {
        end = word + strcspn(word, "_"), end += *end == '_';
        put_html(b, tool_print("%.*s", (int)(end - word), word));
        if (*end) kit_put(b, "<wbr>");
    }
}

/* The first `texts` columns hold words, the others numbers. */
KIT_FN void report_heads(kit_buf *b, const char *kind, const char *const *heads, size_t n,
                         size_t texts)
{
    kit_putf(b, "<div class=\"scroll\"><table class=\"%s\"><thead><tr>", kind);
    for (size_t c = 0; c < n; ++c) {
        kit_put(b, c < texts ? "<th>" : "<th class=\"n\">"), report_word(b, heads[c]);
        kit_put(b, "</th>");
    }
    kit_put(b, "</tr></thead><tbody>\n");
}

static const char report_end[] = "</tbody></table></div>\n";

/* Up to the first heading; and the end. */
KIT_FN void report_head(kit_buf *b, const char *title)
{
    kit_put(b, "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta "
               "name=\"viewport\" content=\"width=device-width,initial-scale=1\"><title>");
    put_html(b, title), kit_put(b, "</title>\n<style>"), kit_put(b, report_style);
    kit_put(b, "</style></head><body><main>\n");
}
static const char report_tail[] = "</main></body></html>\n";

/* --- parts of the page ------------------------------------------------------------------------ */

KIT_FN void report_all(kit_buf *b, const docs *all, const replication *r, char letter)
{
    const char *cells[TABLES_COLUMNS];
    report_heads(b, "t1", tables_heads, TABLES_FOUND, TABLES_FOUND);   /* what we found: below */
    for (size_t i = 0; i < all->n; ++i) {
        const doc *d = &all->at[i];
        const kit_claim *c = tables_first(d);
        if (d->info.id[0] != letter || tables_ours(d)) continue;
        tables_row(d, r, cells);
        kit_putf(b, "<tr><td><a href=\"#%s\">%s</a></td><td>", cells[0], cells[0]);
        put_html(b, cells[1]), kit_put(b, "</td>");
        for (int k = 2; k < TABLES_FOUND; ++k) {
            kit_putf(b, "<td data-h=\"%s\">", tables_heads[k]);
            if (k == 3 && c && c->number) report_answer(b, c->number, cells[k]);
            else if (k == 4 && c && c->statement) report_answer(b, c->statement, cells[k]);
            else put_html(b, cells[k]);
            kit_put(b, "</td>");
        }
        kit_put(b, "</tr>\n");
    }
    kit_put(b, report_end);
}

KIT_FN void report_claims(kit_buf *b, const doc *d)
{
    static const char *const theirs[5] = { "claim", "paper", "number", "statement", "measured" },
                      *const ours[3] = { "claim", "verdict", "measured" };
    int beyond = tables_ours(d), any = 0;
    for (const kit_claim *c = d->x->claims; c; c = c->next) {
        if (c->source == KIT_IDENTITY) continue;
        if (!any++) report_heads(b, "t1", beyond ? ours : theirs, beyond ? 3 : 5, 5);
        kit_put(b, "<tr>"), report_cell(b, c->claim, 0);
        if (!beyond) {
            kit_put(b, "<td data-h=\"paper\">"), put_html(b, c->published);
            kit_put(b, "</td><td data-h=\"number\">");
            report_answer(b, c->number, kit_number_answers[c->number]), kit_put(b, "</td>");
        }
        kit_put(b, "<td data-h=\"statement\">"), report_answer(b, c->statement, tables_statement(c));
        kit_put(b, "</td>"), report_cell(b, c->sentence, 0), kit_put(b, "</tr>\n");
    }
    if (any) kit_put(b, report_end);
    for (const kit_claim *c = d->x->claims; c; c = c->next) {
        if (c->source != KIT_IDENTITY) continue;
        kit_put(b, "<p>Identity: "), put_html(b, c->claim), kit_put(b, " ");
        report_answer(b, c->statement, kit_statement_answers[c->statement]);
        kit_put(b, " <span class=\"soft\">"), put_html(b, c->sentence), kit_put(b, "</span></p>\n");
    }
}

/* The panels one by one, so that they stand below each other on a phone. */
KIT_FN void report_figure(kit_buf *b, const plot *p)
{
    kit_put(b, "<figure><div class=\"panels\">");
    for (size_t i = 0; i < p->n; ++i) {
        plot *one = plot_new(p->arena, p->id, tool_print("%zu", i), 1, 1);
        char *svg;
        one->id = tool_print("%s_%zu", p->id, i), one->caption = p->panels[i].title;
        one->panels[0] = p->panels[i], one->n = 1;
        one->panels[0].figure = one, one->panels[0].left = 72, one->panels[0].top = 44;
        svg = plot_svg(one);
        kit_put(b, svg);
        free(svg);
    }
    kit_put(b, "</div><figcaption>"), put_html(b, p->caption);
    kit_put(b, "</figcaption></figure>\n");
}

KIT_FN const char *report_number(double v, const char *format)
{
    const char *text = "-";
    if (isnan(v)) return text;
    return !strcmp(format, "5") ? tool_print("%.5g", v) : tool_print("%.6g", v);
}

KIT_FN void report_summary(kit_buf *b, const doc *d)
{
    static const char *const heads[5] = { "quantity", "value", "standard error", "95 % interval",
                                          "published" };
    if (!d->x->summary) return;
    report_heads(b, "", heads, 5, 1);
    for (const kit_summary_item *s = d->x->summary; s; s = s->next) {
        kit_put(b, "<tr>"), report_cell(b, s->name, 0);
        report_cell(b, report_number(s->value, "6"), 1), report_cell(b, report_number(s->se, "6"), 1);
        report_cell(b, isnan(s->lo) ? "-" : tool_print("%.5g to %.5g", s->lo, s->hi), 1);
        report_cell(b, report_number(s->published, "6"), 1), kit_put(b, "</tr>\n");
    }
    kit_put(b, report_end);
}

KIT_FN void report_table(kit_buf *b, const kit_table *t)
{
    char cell[200];
    size_t texts = 0;
    const char **heads = (const char **)kit_new(&tool_arena, t->columns, sizeof *heads);
    for (size_t c = 0; c < t->columns; ++c)
        heads[c] = t->units[c][0] ? tool_print("%s (%s)", t->names[c], t->units[c]) : t->names[c];
    kit_put(b, "<h3>"), put_html(b, t->caption), kit_put(b, "</h3>\n");
    while (texts < t->columns && texts < t->n && t->cells[texts].text) ++texts;
    report_heads(b, t->columns < 9 ? "" : t->columns < 13 ? "wide" : "wider", heads, t->columns,
                 texts);
    for (size_t i = 0; i < t->n; ++i) {
        const kit_cell *c = &t->cells[i];
        if (i % t->columns == 0) kit_put(b, "<tr>");
        report_cell(b, c->text ? c->text : kit_cell_shown(cell, sizeof cell, c), !c->text);
        if (i % t->columns + 1 == t->columns) kit_put(b, "</tr>\n");
    }
    kit_put(b, report_end);
}

KIT_FN void report_body(kit_buf *b, const doc *d)
{
    int tables = 0;
    kit_putf(b, "<p>%zu runs%s, %s precision%s. Repeat: <code>", d->run_n, tables_diverged(d),
             d->precision, d->x->set.quick ? ", quick (smaller sweep, judges nothing)" : "");
    tables_command(b, d);
    kit_put(b, "</code></p>\n");
    report_claims(b, d);
    for (const plot *p = d->x->figures; p; p = p->next) report_figure(b, p);
    report_summary(b, d);
    for (const kit_table *t = d->x->tables; t; t = t->next) {
        if (t->detail) continue;
        if (!tables++) kit_put(b, "<details><summary>Detailed tables</summary>\n");
        report_table(b, t);
    }
    if (tables) kit_put(b, "</details>\n");
}

KIT_FN void report_experiment(kit_buf *b, const docs *all, size_t i)
{
    const doc *d = &all->at[i];
    kit_putf(b, "<section id=\"%s\"><h2>%s &nbsp; ", d->info.id, d->info.id);
    put_html(b, d->info.title), kit_put(b, "</h2>\n<p class=\"soft\">");
    put_html(b, d->info.statement), kit_put(b, ". ");
    if (d->info.key_result[0]) kit_put(b, "The paper&#8217;s key result: "), put_html(b, d->info.key_result);
    else kit_put(b, "Beyond the paper");
    kit_put(b, ".</p>\n");
    report_body(b, d);
    for (size_t k = 0; k < all->n; ++k) {
        const doc *more = &all->at[k];
        if (!more->info.beyond || strcmp(more->info.beyond, d->info.id)) continue;
        kit_put(b, "<h3>Beyond the paper: "), put_html(b, more->info.title), kit_put(b, "</h3>\n");
        report_body(b, more);
    }
    kit_put(b, "</section>\n");
}

/* --- Markdown that other tools wrote ----------------------------------------------------------- */

/* Part of a line: \x is x, what stands between two ` is code. */
KIT_FN void report_span(kit_buf *b, const char *s, size_t n)
{
    char c[2] = { 0, 0 };
    int code = 0;
    for (; n > 0; ++s, --n) {
        if (*s == '`') { kit_put(b, (code = !code) ? "<code>" : "</code>"); continue; }
        if (*s == '\\' && n > 1) ++s, --n;
        c[0] = *s;
        put_html(b, c);
    }
}

/* "| a | b |", n characters, as a row of a table, which the head opens. */
KIT_FN void report_row(kit_buf *b, const char *s, size_t n, int head)
{
    kit_put(b, head ? "<div class=\"scroll\"><table><thead><tr>" : "<tr>");
    for (size_t at = 1, end; at < n; at = end + 1) {
        for (end = at; end < n && s[end] != '|'; ++end) end += s[end] == '\\';
        kit_put(b, head ? "<th>" : "<td>");
        report_span(b, s + at, (end < n ? end : n) - at);
        kit_put(b, head ? "</th>" : "</td>");
    }
    kit_put(b, head ? "</tr></thead><tbody>\n" : "</tr>\n");
}

/* Headings, paragraphs and tables. Second headings and what follows them are folded away. */
KIT_FN void report_markdown(kit_buf *b, const char *id, const char *title, const char *text)
{
    size_t n, rows = 0, parts = 0;
    kit_putf(b, "<section id=\"%s\"><h2>%s</h2>\n", id, title);
    for (; *text; text += n + (text[n] == '\n')) {
        n = strcspn(text, "\n");
        if (*text == '|') {
            if (strncmp(text, "|---", 4) != 0) report_row(b, text, n, rows++ == 0);
            continue;
        }
        if (rows) kit_put(b, report_end), rows = 0;
        if (n == 0 || !strncmp(text, "# ", 2)) continue;
        if (!strncmp(text, "## ", 3)) {
            if (parts++ == 0) kit_put(b, "<details><summary>By experiment</summary>\n");
            kit_put(b, "<h3>"), report_span(b, text + 3, n - 3), kit_put(b, "</h3>\n");
        } else
            kit_put(b, "<p>"), report_span(b, text, n), kit_put(b, "</p>\n");
    }
    if (rows) kit_put(b, report_end);
    kit_put(b, parts ? "</details></section>\n" : "</section>\n");
}

/* --- the page --------------------------------------------------------------------------------- */

KIT_FN void report_cards(kit_buf *b, const docs *all)
{
    size_t runs = 0, experiments = 0, answers[5] = { 0, 0, 0, 0, 0 }, found = 0, asked = 0;
    for (size_t i = 0; i < all->n; ++i) {
        runs += all->at[i].run_n;
        if (tables_ours(&all->at[i])) continue;
        ++experiments;
        for (const kit_claim *c = all->at[i].x->claims; c; c = c->next) {
            if (c->source != KIT_PAPER) continue;
            ++answers[c->statement], asked += c->number != KIT_NOT_ASKED, found += c->number == KIT_HOLDS;
        }
    }
    kit_putf(b, "<div class=\"cards\"><div class=\"card\"><b>%zu</b>experiments</div>"
             "<div class=\"card\"><b>%zu</b>runs</div><div class=\"card\"><b>%zu of %zu</b>"
             "numbers found again</div>", experiments, runs, found, asked);
    for (int v = KIT_HOLDS; v >= KIT_NO; --v)
        kit_putf(b, "<div class=\"card\"><b>%zu</b>%s</div>", answers[v],
                 v == KIT_HOLDS ? "statements that hold" : v == KIT_PARTLY ? "that hold under a condition"
                                                                          : "that do not hold");
    kit_put(b, "</div>\n");
}

KIT_FN void report_environment(kit_buf *b, const docs *all)
{
    double total = 0;
    kit_put(b, "<section id=\"environment\"><h2>Environment</h2>\n<div class=\"scroll\"><table>"
               "<tbody>\n");
    for (size_t i = 0; i < all->n; ++i) {
        const json *e = json_get(all->at[i].file.root, "environment");
        double seconds = json_get_number(e, "seconds");
        if (i == 0)
            kit_put(b, "<tr><td>build</td><td>"), put_html(b, json_get_text(e, "build")),
                kit_put(b, "</td></tr>\n");
        if (isnan(seconds)) continue;
        total += seconds;
        kit_putf(b, "<tr><td>%s</td><td class=\"n\">%.1f s</td></tr>\n", all->at[i].info.id, seconds);
    }
    kit_putf(b, "<tr><td>all</td><td class=\"n\">%.0f s</td></tr>\n%s</section>\n", total, report_end);
}

KIT_FN void report_navigation(kit_buf *b, const docs *all, const report_files *f)
{
    kit_put(b, "<nav><a href=\"#words\">The question</a>");
    for (size_t i = 0; i < all->n; ++i)
        if (!all->at[i].info.beyond)
            kit_putf(b, "<a href=\"#%s\">%s</a>", all->at[i].info.id, all->at[i].info.id);
    if (f->theorems) kit_put(b, "<a href=\"#theorems\">Theorems</a>");
    if (f->replication) kit_put(b, "<a href=\"#replication\">Fresh seeds</a>");
    if (f->ledger) kit_put(b, "<a href=\"#ledger\">Every published number</a>");
    if (f->page)
        kit_put(b, "<a href=\""), put_html(b, f->page), kit_put(b, "\">Try it: the living page</a>");
    kit_put(b, "</nav>\n");
}

KIT_FN void report_page(kit_buf *b, const docs *all, const replication *r, const report_files *f)
{
    size_t pathways = 0, quick = 0;
    for (size_t i = 0; i < all->n; ++i)
        pathways += all->at[i].info.id[0] == 'M', quick += all->at[i].x->set.quick != 0;
    report_head(b, "Conservation laws and their breaking: results");
    kit_put(b, "<h1>Conservation laws and their breaking in neural "
               "network training</h1>\n<p>The experiments of two papers, run again with clb "
               CLB_VERSION ". Every verdict is computed from the numbers by a rule that stands in "
               "the experiment&#8217;s source.</p>\n");
    if (quick) kit_put(b, "<p><b>Quick runs: smaller sweeps, which judge nothing.</b></p>\n");
    report_cards(b, all);
    report_navigation(b, all, f);
    kit_put(b, report_question), kit_put(b, report_laws), kit_put(b, report_words);
    kit_put(b, "<h2>What came out</h2>\n"), report_all(b, all, r, 'E');
    if (pathways) kit_put(b, "<h2>Several pathways</h2>\n"), report_all(b, all, r, 'M');
    if (f->theorems) report_markdown(b, "theorems", "The theorems on random instances", f->theorems);
    if (f->replication) report_markdown(b, "replication", "Fresh seeds", f->replication);
    for (size_t i = 0; i < all->n; ++i)
        if (!all->at[i].info.beyond) report_experiment(b, all, i);
    if (f->ledger) report_markdown(b, "ledger", "Every published number against ours", f->ledger);
    report_environment(b, all);
    kit_put(b, report_tail);
}

#endif /* CLB_REPORT_H */
