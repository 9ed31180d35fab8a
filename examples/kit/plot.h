/* plot.h - figures: panels with linear or log axes, written as one SVG that reads well in light and
 * dark and gives the same bytes everywhere; and as data in the result file, from which they can be
 * drawn again. Knows no experiments.
 *
 *   plot *p = kit_figure(x, "drift", 2, 1);                          E05_drift.svg, 2 panels
 *   plot_panel *a = plot_add(p, "Drift", "learning rate", "|C(T) - C(0)|", PLOT_LOG);
 *   plot_points(a, PLOT_PUBLISHED, n, eta, paper, "published");
 *   plot_points(a, PLOT_BLUE, n, eta, mean, "this program");
 *   plot_errors(a, PLOT_BLUE, n, eta, lo, hi);
 *   plot_caption(p, "Drift against learning rate.");
 *
 * Labels are plain ASCII and printed as mathematics: "eta lambda_max(0) <= 2", "S = L s^(2-2/L)".
 * The legend and the labels of guides look for a place where they hide nothing.
 *
 * Convention: PLOT_PUBLISHED (grey open squares) for the paper's numbers, PLOT_BLUE for ours,
 * other colours for variants; guides and theory dashed. Values that are not finite (or not positive
 * on a log axis) leave a gap.
 */
#ifndef KIT_PLOT_H
#define KIT_PLOT_H

#include "json.h"

/* A style is a colour plus flags. */
enum {
    PLOT_BLUE, PLOT_ORANGE, PLOT_GREEN, PLOT_PURPLE, PLOT_RED, PLOT_BROWN, PLOT_CYAN, PLOT_GREY,
    PLOT_COLOURS,
    PLOT_SQUARE = 1 << 4, PLOT_TRIANGLE = 1 << 5, PLOT_DIAMOND = 1 << 6,  /* instead of a circle */
    PLOT_OPEN = 1 << 7,                                                   /* hollow marker */
    PLOT_SMALL = 1 << 8,                                                  /* small, light marker */
    PLOT_DASHED = 1 << 9, PLOT_DOTTED = 1 << 10, PLOT_THIN = 1 << 11,     /* lines */
    PLOT_PUBLISHED = PLOT_GREY | PLOT_SQUARE | PLOT_OPEN
};
/* Five steps of one quantity, from the least to the largest. */
static const int plot_steps[] = { PLOT_PURPLE, PLOT_BLUE, PLOT_GREEN, PLOT_ORANGE, PLOT_RED };
/* Axes. */
enum { PLOT_LINEAR = 0, PLOT_LOGX = 1, PLOT_LOGY = 2, PLOT_LOG = 3 };

typedef enum plot_kind {
    PLOT_KIND_POINTS, PLOT_KIND_LINE, PLOT_KIND_ERRORS, PLOT_KIND_BAND, PLOT_KIND_GUIDE,
    PLOT_KIND_CELLS
} plot_kind;

typedef struct plot_series {
    struct plot_series *next;
    plot_kind     kind;
    int           style;
    size_t        n, rows;            /* rows: of cells only */
    const double *x, *y, *y2;
    const char   *label;
} plot_series;

typedef struct plot_axis {
    int         log;
    double      lo, hi;               /* range of the data, or as set */
    int         fixed;
    const char *label;
    size_t      ticks;                /* named ticks; 0: computed */
    const double *at;
    const char *const *names;
} plot_axis;

typedef struct plot_box { double x0, y0, x1, y1; } plot_box;      /* pixels, y downwards */

typedef struct plot_panel {
    struct plot *figure;
    const char  *title;
    plot_axis    x, y;
    plot_series *first, **end;
    double       left, top, width, height;      /* of the drawing area, pixels */
    plot_box     taken[8];                      /* by the legend, then by labels of guides */
    size_t       n_taken;
} plot_panel;

typedef struct plot {
    struct plot *next;                 /* for the owner */
    kit_arena  *arena;
    const char *id, *name, *file, *caption;   /* file: ID_name.svg */
    size_t      columns, rows, n;
    plot_panel  panels[12];
} plot;

/* ============================================================================================
 * Building a figure
 * ========================================================================================== */

/* id and name tell figures on one page apart, and name the file. */
KIT_FN plot *plot_new(kit_arena *arena, const char *id, const char *name, size_t columns,
                      size_t rows)
{
    plot *p = (plot *)kit_new(arena, 1, sizeof *p);
    kit_buf b = { NULL, 0, 0 };
    kit_putf(&b, "%s_%s.svg", id, name);
    p->arena = arena, p->id = kit_copy(arena, id), p->name = kit_copy(arena, name);
    p->file = kit_copy(arena, b.s), p->caption = "", p->columns = columns, p->rows = rows;
    free(b.s);
    return p;
}
KIT_FN void plot_caption(plot *p, const char *caption) { p->caption = kit_copy(p->arena, caption); }

/* The next panel, left to right, then down. Labels carry their units. */
KIT_FN plot_panel *plot_add(plot *p, const char *title, const char *x_label, const char *y_label,
                           int axes)
{
    plot_panel *a;
    size_t i = p->n++;
    if (i >= KIT_LEN(p->panels) || i >= p->columns * p->rows)
        kit_die(KIT_USAGE, "figure %s: too many panels", p->name);
    a = &p->panels[i];
    a->figure = p;
    a->title = kit_copy(p->arena, title);
    a->x.label = kit_copy(p->arena, x_label), a->y.label = kit_copy(p->arena, y_label);
    a->x.log = (axes & PLOT_LOGX) != 0, a->y.log = (axes & PLOT_LOGY) != 0;
    a->x.lo = a->y.lo = KIT_INF, a->x.hi = a->y.hi = -KIT_INF;
    a->end = &a->first;
    a->width = 330, a->height = 250;
    a->left = 72 + 430 * (double)(i % p->columns), a->top = 44 + 350 * (double)(i / p->columns);
    return a;
}

/* Fix the range of an axis, and name its ticks. */
KIT_FN void plot_range_x(plot_panel *a, double lo, double hi)
{
    a->x.lo = lo, a->x.hi = hi, a->x.fixed = 1;
}
KIT_FN void plot_range_y(plot_panel *a, double lo, double hi)
{
    a->y.lo = lo, a->y.hi = hi, a->y.fixed = 1;
}
KIT_FN void plot_ticks_x(plot_panel *a, size_t n, const double *at, const char *const *names)
{
    double *copy = (double *)kit_new(a->figure->arena, n, sizeof(double));
    const char **texts = (const char **)kit_new(a->figure->arena, n, sizeof *texts);
    for (size_t i = 0; i < n; ++i)
        copy[i] = at[i], texts[i] = kit_copy(a->figure->arena, names[i]);
    a->x.ticks = n, a->x.at = copy, a->x.names = texts;
}

KIT_FN void plot_extend(plot_axis *axis, double v)
{
    if (axis->fixed || !isfinite(v) || (axis->log && !(v > 0))) return;
    if (v < axis->lo) axis->lo = v;
    if (v > axis->hi) axis->hi = v;
}

KIT_FN const double *plot_copy(plot_panel *a, size_t n, const double *v)
{
    double *copy = (double *)kit_new(a->figure->arena, n, sizeof(double));
    if (n) memcpy(copy, v, n * sizeof *v);
    return copy;
}

KIT_FN void plot_series_add(plot_panel *a, plot_kind kind, int style, size_t n, const double *x,
                           const double *y, const double *y2, const char *label)
{
    plot_series *s = (plot_series *)kit_new(a->figure->arena, 1, sizeof *s);
    s->kind = kind, s->style = style, s->n = n;
    s->x = plot_copy(a, n, x), s->y = plot_copy(a, n, y), s->y2 = y2 ? plot_copy(a, n, y2) : NULL;
    s->label = label ? kit_copy(a->figure->arena, label) : NULL;
    *a->end = s, a->end = &s->next;
    for (size_t i = 0; i < n && kind != PLOT_KIND_GUIDE; ++i) {
        plot_extend(&a->x, x[i]), plot_extend(&a->y, y[i]);
        if (y2) plot_extend(&a->y, y2[i]);
    }
}

/* label NULL: not in the legend. */
KIT_FN void plot_points(plot_panel *a, int style, size_t n, const double *x, const double *y,
                       const char *label)
{
    plot_series_add(a, PLOT_KIND_POINTS, style, n, x, y, NULL, label);
}
KIT_FN void plot_line(plot_panel *a, int style, size_t n, const double *x, const double *y,
                     const char *label)
{
    plot_series_add(a, PLOT_KIND_LINE, style, n, x, y, NULL, label);
}
/* Vertical error bars from lo to hi; a band between lo and hi. */
KIT_FN void plot_errors(plot_panel *a, int style, size_t n, const double *x, const double *lo,
                       const double *hi)
{
    plot_series_add(a, PLOT_KIND_ERRORS, style, n, x, lo, hi, NULL);
}
KIT_FN void plot_band(plot_panel *a, int style, size_t n, const double *x, const double *lo,
                     const double *hi)
{
    plot_series_add(a, PLOT_KIND_BAND, style, n, x, lo, hi, NULL);
}
/* A map of columns x rows cells between the edges x [columns+1], y [rows+1], the first row at
 * y[0]; depth in [0, 1] of the style's colour in sixteen levels, 0 and NaN nothing. For categories
 * one call each. */
KIT_FN void plot_cells(plot_panel *a, int style, size_t columns, size_t rows, const double *x,
                      const double *y, const double *depth, const char *label)
{
    plot_series *s = (plot_series *)kit_new(a->figure->arena, 1, sizeof *s);
    s->kind = PLOT_KIND_CELLS, s->style = style | PLOT_SQUARE, s->n = columns, s->rows = rows;
    s->x = plot_copy(a, columns + 1, x), s->y = plot_copy(a, rows + 1, y),
    s->y2 = plot_copy(a, columns * rows, depth);
    s->label = label ? kit_copy(a->figure->arena, label) : NULL;
    *a->end = s, a->end = &s->next;
    for (size_t i = 0; i <= columns; ++i) plot_extend(&a->x, x[i]);
    for (size_t i = 0; i <= rows; ++i) plot_extend(&a->y, y[i]);
}
/* Guides do not widen the axes; their label stands at the line. */
KIT_FN void plot_vertical(plot_panel *a, double x, const char *label)
{
    double xs[2], ys[2];
    xs[0] = xs[1] = x, ys[0] = a->y.log ? 0.0 : -KIT_INF, ys[1] = KIT_INF;
    plot_series_add(a, PLOT_KIND_GUIDE, PLOT_GREY | PLOT_DASHED, 2, xs, ys, NULL, label);
}
KIT_FN void plot_horizontal(plot_panel *a, double y, const char *label)
{
    double xs[2], ys[2];
    ys[0] = ys[1] = y, xs[0] = a->x.log ? 0.0 : -KIT_INF, xs[1] = KIT_INF;
    plot_series_add(a, PLOT_KIND_GUIDE, PLOT_GREY | PLOT_DASHED, 2, xs, ys, NULL, label);
}
/* The power law y0 (x/x0)^slope from x0 to x1, on log axes. */
KIT_FN void plot_slope(plot_panel *a, double x0, double x1, double y0, double slope,
                      const char *label)
{
    double xs[2], ys[2];
    xs[0] = x0, xs[1] = x1, ys[0] = y0, ys[1] = y0 * clb_pow(x1 / x0, slope);
    plot_series_add(a, PLOT_KIND_GUIDE, PLOT_GREY | PLOT_DASHED, 2, xs, ys, NULL, label);
}

/* ============================================================================================
 * Writing SVG
 * ========================================================================================== */

static const char plot_style_sheet[] = /* classes, not variables: some renderers know none */
    "<style>.plot{font:12px system-ui,-apple-system,'Segoe UI',Helvetica,Arial,sans-serif}"
    ".plot .s{font-size:11px}.plot .t{font-weight:600;font-size:13px}"
    ".plot .bg{fill:#fff}.plot text{fill:#1f2328}.plot .s{fill:#59636e}.plot "
    ".g{stroke:#e6e9ec}.plot .a{stroke:#59636e}"
    ".plot .f0{fill:#0b6bb8}.plot .k0{stroke:#0b6bb8}.plot .f1{fill:#d1570b}.plot "
    ".k1{stroke:#d1570b}"
    ".plot .f2{fill:#0f8a5f}.plot .k2{stroke:#0f8a5f}.plot .f3{fill:#8e44ad}.plot "
    ".k3{stroke:#8e44ad}"
    ".plot .f4{fill:#c62840}.plot .k4{stroke:#c62840}.plot .f5{fill:#8a6d1a}.plot "
    ".k5{stroke:#8a6d1a}"
    ".plot .f6{fill:#0e8fa6}.plot .k6{stroke:#0e8fa6}.plot .f7{fill:#6b7682}.plot "
    ".k7{stroke:#6b7682}"
    "@media (prefers-color-scheme:dark){"
    ".plot .bg{fill:#0f1319}.plot text{fill:#e8ecf1}.plot .s{fill:#9aa5b1}.plot "
    ".g{stroke:#262d36}.plot .a{stroke:#9aa5b1}"
    ".plot .f0{fill:#58aef2}.plot .k0{stroke:#58aef2}.plot .f1{fill:#ff9a52}.plot "
    ".k1{stroke:#ff9a52}"
    ".plot .f2{fill:#44cf9d}.plot .k2{stroke:#44cf9d}.plot .f3{fill:#c797e6}.plot "
    ".k3{stroke:#c797e6}"
    ".plot .f4{fill:#ff7a8c}.plot .k4{stroke:#ff7a8c}.plot .f5{fill:#dcb94b}.plot "
    ".k5{stroke:#dcb94b}"
    ".plot .f6{fill:#4fd0e6}.plot .k6{stroke:#4fd0e6}.plot .f7{fill:#98a3af}.plot "
    ".k7{stroke:#98a3af}"
    "}</style>\n";

KIT_FN int plot_is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

KIT_FN int plot_in_index(char c)
{
    return plot_is_letter(c) || (c >= '0' && c <= '9') || c == '*' || c == '-' || c == '.';
}

/* The sign that ASCII text stands for at its beginning, and its length; NULL: none. */
KIT_FN const char *plot_sign(const char *text, int inside_word, size_t *length)
{
    static const char *const signs[][2] = {
        { "alpha", "\316\261" },   { "beta", "\316\262" },      { "gamma", "\316\263" },
        { "delta", "\316\264" },   { "Delta ", "\316\224" },    { "epsilon", "\316\265" },
        { "eta", "\316\267" },     { "kappa", "\316\272" },     { "lambda", "\316\273" },
        { "Sigma", "\316\243" },   { "tau", "\317\204" },       { "sqrt", "\342\210\232" },
        { "<=", "\342\211\244" }, { " -", " \342\210\222" }, { "- ", "\342\210\222 " },
    };
    for (size_t i = 0; i < KIT_LEN(signs); ++i) {
        *length = strlen(signs[i][0]);
        if (strncmp(text, signs[i][0], *length)) continue;
        if (plot_is_letter(*text) && inside_word) continue;
        if (plot_is_letter(text[*length - 1]) && plot_is_letter(text[*length])) continue;
        return signs[i][1];
    }
    return NULL;
}

KIT_FN void plot_char(kit_buf *b, char one)
{
    char c[2] = { 0, 0 };
    c[0] = one;
    kit_put(b, one == '&' ? "&amp;" : one == '<' ? "&lt;" : one == '>' ? "&gt;" : c);
}

/* Text as printed: Greek letters by name, x_max an index, x^2 and x^(1-2/L) exponents. */
KIT_FN void plot_text(kit_buf *b, const char *text)
{
    int shifted = 0;                   /* the text behind an index is moved back; 2: and a space */
    for (const char *at = text; *at;) {
        size_t length;
        const char *sign = plot_sign(at, at > text && plot_is_letter(at[-1]), &length);
        if (sign) kit_put(b, sign), at += length;
        else if ((*at == '_' || *at == '^') && at > text && at[1]) {
            int up = *at++ == '^', bracket = *at == '(';
            kit_putf(b, "%s<tspan dy=\"%d\" font-size=\"80%%\">", shifted ? "</tspan>" : "",
                    up ? -4 : 3);
            for (at += bracket; *at && (bracket ? *at != ')' : plot_in_index(*at)); ++at)
                plot_char(b, *at);
            at += bracket && *at == ')';
            shifted = 1 + (*at == ' '), at += *at == ' ';  /* some renderers lose this space */
            kit_putf(b, "</tspan><tspan dx=\"%d\" dy=\"%d\">", 3 * (shifted - 1), up ? 4 : -3);
        } else plot_char(b, *at++);
    }
    if (shifted) kit_put(b, "</tspan>");
}

/* Pixels that small text takes, generously: fonts differ. */
KIT_FN double plot_text_width(const char *text)
{
    kit_buf b = { NULL, 0, 0 };
    size_t n = 0;
    int hidden = 0;                                  /* in a tag, or behind the & of an entity */
    plot_text(&b, text);
    for (const char *at = b.s ? b.s : ""; *at; ++at) {
        n += !hidden && *at != '<' && ((unsigned char)*at & 0xc0) != 0x80;
        if (*at == '<' || *at == '&') hidden = 1;
        if (*at == '>' || *at == ';') hidden = 0;
    }
    free(b.s);
    return 5.9 * (double)n;
}

KIT_FN double plot_scale(const plot_axis *axis, double v)
{
    double lo = axis->lo, hi = axis->hi;
    if (axis->log) {
        if (!(v > 0)) return v == 0 ? -KIT_INF : v;
        lo = clb_log(lo), hi = clb_log(hi), v = isinf(v) ? v : clb_log(v);
    }
    return (v - lo) / (hi - lo);
}

/* Pixels, kept within a few panels' distance so that guides to infinity stay finite. */
KIT_FN double plot_px(const plot_panel *a, double v)
{
    double u = plot_scale(&a->x, v);
    return a->left + a->width * (u < -1 ? -1 : u > 2 ? 2 : u);
}
KIT_FN double plot_py(const plot_panel *a, double v)
{
    double u = plot_scale(&a->y, v);
    return a->top + a->height * (1.0 - (u < -1 ? -1 : u > 2 ? 2 : u));
}

KIT_FN int plot_drawable(const plot_panel *a, double x, double y)
{
    return !isnan(x) && !isnan(y) && !(a->x.log && x < 0) && !(a->y.log && y < 0);
}

/* A sensible range where data leave none, and a margin. */
KIT_FN void plot_settle(plot_axis *axis)
{
    double margin;
    if (axis->fixed) return;
    if (!(axis->lo <= axis->hi)) axis->lo = axis->log ? 0.1 : 0.0, axis->hi = 1.0;
    if (axis->log) {
        margin = clb_exp(0.05 * clb_log(axis->hi / axis->lo));
        if (!(margin > 1.05)) margin = 1.05;
        if (axis->hi < 2 * axis->lo) margin = 1.4;
        axis->lo /= margin, axis->hi *= margin;
        return;
    }
    margin = 0.06 * (axis->hi - axis->lo);
    if (!(margin > 0)) margin = axis->lo != 0 ? 0.1 * fabs(axis->lo) : 0.5;
    axis->lo -= margin, axis->hi += margin;
}

/* One tick: short line, grid line, label. power: write 10 to the value. */
KIT_FN void plot_tick(kit_buf *b, const plot_panel *a, int vertical, double v, const char *label)
{
    double x = vertical ? a->left : plot_px(a, v),
           y = vertical ? plot_py(a, v) : a->top + a->height;
    if (vertical)
        kit_putf(b, "<path d=\"M%.2f %.2fh%.2f\" class=\"g\"/>", a->left, y, a->width);
    else
        kit_putf(b, "<path d=\"M%.2f %.2fv%.2f\" class=\"g\"/>", x, a->top, a->height);
    if (label)
        kit_putf(b, "<text x=\"%.2f\" y=\"%.2f\" text-anchor=\"%s\">%s</text>\n",
                vertical ? x - 7 : x, vertical ? y + 4 : y + 18, vertical ? "end" : "middle",
                label);
}

/* The ticks 1, 2 and 5 times a power of ten on the axis. */
KIT_FN int plot_ticks_125(const plot_axis *axis, int first, int last)
{
    int n = 0;
    for (int k = first; k <= last; ++k)
        for (int m = 1; m <= 5; m += m == 2 ? 3 : 1) {
            double v = m * clb_pow(10.0, k);
            n += v >= axis->lo && v <= axis->hi;
        }
    return n;
}

KIT_FN void plot_ticks_log(kit_buf *b, const plot_panel *a, const plot_axis *axis, int vertical)
{
    int first = (int)floor(clb_log(axis->lo) / clb_log(10.0) - 1e-9);
    int last = (int)ceil(clb_log(axis->hi) / clb_log(10.0) + 1e-9);
    int decades = 0, stride, few = plot_ticks_125(axis, first, last) < 2;
    char label[120], times[8];
    for (int k = first; k <= last; ++k)
        decades += clb_pow(10.0, k) >= axis->lo && clb_pow(10.0, k) <= axis->hi;
    stride = decades > 16 ? 4 : decades > 8 ? 2 : 1;
    for (int k = first; k <= last; ++k)
        for (int m = 1; m <= 9; ++m) {
            double v = m * clb_pow(10.0, k);
            int named = decades >= 3 ? m == 1 && k % stride == 0
                                     : few || m == 1 || m == 2 || m == 5;
            if (v < axis->lo || v > axis->hi) continue;
            if (decades > 8 && m > 1) continue;
            if (decades < 3 && k >= -4 && k <= 4) snprintf(label, sizeof label, "%g", v);
            else {
                snprintf(times, sizeof times, "%d\302\267", m);
                snprintf(label, sizeof label, "%s10<tspan dy=\"-5\" font-size=\"9\">%d</tspan>",
                         m == 1 ? "" : times, k);
            }
            if (named) plot_tick(b, a, vertical, v, label);
            else if (vertical)
                kit_putf(b, "<path d=\"M%.2f %.2fh3\" class=\"a\"/>", a->left, plot_py(a, v));
            else
                kit_putf(b, "<path d=\"M%.2f %.2fv-3\" class=\"a\"/>", plot_px(a, v),
                        a->top + a->height);
        }
}

KIT_FN void plot_ticks_linear(kit_buf *b, const plot_panel *a, const plot_axis *axis, int vertical)
{
    double raw = (axis->hi - axis->lo) / 5.0,
           power = clb_pow(10.0, floor(clb_log(raw) / clb_log(10.0) + 1e-9));
    double step = raw / power < 1.5   ? power
                  : raw / power < 3.5 ? 2 * power
                  : raw / power < 7.5 ? 5 * power
                                      : 10 * power;
    char label[40];
    for (double k = ceil(axis->lo / step - 1e-9); k * step <= axis->hi + 1e-9 * step; k += 1.0) {
        snprintf(label, sizeof label, "%.6g", k == 0 ? 0.0 : k * step);
        plot_tick(b, a, vertical, k * step, label);
    }
}

KIT_FN void plot_axes(kit_buf *b, const plot_panel *a)
{
    double cx = a->left + a->width / 2, cy = a->top + a->height / 2;
    for (int vertical = 0; vertical < 2; ++vertical) {
        const plot_axis *axis = vertical ? &a->y : &a->x;
        if (axis->ticks)
            for (size_t i = 0; i < axis->ticks; ++i)
                plot_tick(b, a, vertical, axis->at[i], axis->names[i]);
        else if (axis->log) plot_ticks_log(b, a, axis, vertical);
        else plot_ticks_linear(b, a, axis, vertical);
    }
    kit_putf(b, "<text class=\"t\" x=\"%.2f\" y=\"%.2f\">", a->left, a->top - 14);
    plot_text(b, a->title);
    kit_putf(b, "</text>\n<text x=\"%.2f\" y=\"%.2f\" text-anchor=\"middle\">", cx,
            a->top + a->height + 38);
    plot_text(b, a->x.label);
    kit_putf(b,
            "</text>\n<text transform=\"translate(%.2f %.2f) rotate(-90)\" text-anchor=\"middle\">",
            a->left - 54, cy);
    plot_text(b, a->y.label);
    kit_put(b, "</text>\n");
}

KIT_FN void plot_stroke(kit_buf *b, int style)
{
    kit_putf(b, " class=\"k%d\" stroke-width=\"%s\"%s", style & 15, style & PLOT_THIN ? "1" : "1.8",
            style & PLOT_DASHED   ? " stroke-dasharray=\"6 4\""
            : style & PLOT_DOTTED ? " stroke-dasharray=\"1.5 3\""
                                  : "");
}

KIT_FN void plot_marker(kit_buf *b, int style, double x, double y)
{
    double r = style & PLOT_SMALL ? 2.2 : 3.6;
    if (style & PLOT_SQUARE)
        kit_putf(b, "<rect x=\"%.2f\" y=\"%.2f\" width=\"%.2f\" height=\"%.2f\"", x - r, y - r,
                2 * r, 2 * r);
    else if (style & PLOT_TRIANGLE)
        kit_putf(b, "<path d=\"M%.2f %.2fl%.2f %.2fh%.2fz\"", x, y - 1.2 * r, 1.15 * r, 2 * r,
                -2.3 * r);
    else if (style & PLOT_DIAMOND)
        kit_putf(b, "<path d=\"M%.2f %.2fl%.2f %.2fl%.2f %.2fl%.2f %.2fz\"", x, y - 1.3 * r,
                 1.3 * r, 1.3 * r, -1.3 * r, 1.3 * r, -1.3 * r, -1.3 * r);
    else kit_putf(b, "<circle cx=\"%.2f\" cy=\"%.2f\" r=\"%.2f\"", x, y, r);
    if (style & PLOT_OPEN)
        kit_putf(b, " fill=\"none\" class=\"k%d\" stroke-width=\"1.6\"/>", style & 15);
    else
        kit_putf(b, " class=\"f%d\"%s/>", style & 15,
                style & PLOT_SMALL ? " fill-opacity=\".55\"" : "");
}

/* A line with gaps; points less than half a pixel from the last one are left out. */
KIT_FN void plot_draw_line(kit_buf *b, const plot_panel *a, const plot_series *s)
{
    int down = 0;
    double last_x = 0, last_y = 0;
    kit_put(b, "<path fill=\"none\" stroke-linejoin=\"round\" d=\"");
    for (size_t i = 0; i < s->n; ++i) {
        double x, y;
        if (!plot_drawable(a, s->x[i], s->y[i])) { down = 0; continue; }
        x = plot_px(a, s->x[i]), y = plot_py(a, s->y[i]);
        if (down && i + 1 < s->n && fabs(x - last_x) < 0.5 && fabs(y - last_y) < 0.5) continue;
        kit_putf(b, "%c%.2f %.2f", down ? 'L' : 'M', x, y);
        down = 1, last_x = x, last_y = y;
    }
    kit_put(b, "\"");
    plot_stroke(b, s->style);
    kit_put(b, "/>\n");
}

KIT_FN void plot_draw_band(kit_buf *b, const plot_panel *a, const plot_series *s)
{
    kit_put(b, "<path stroke=\"none\" d=\"");
    for (size_t k = 0, drawn = 0; k < 2 * s->n; ++k) {
        size_t i = k < s->n ? k : 2 * s->n - 1 - k;
        double y = k < s->n ? s->y[i] : s->y2[i];
        if (!plot_drawable(a, s->x[i], s->y[i]) || !plot_drawable(a, s->x[i], s->y2[i])) continue;
        kit_putf(b, "%c%.2f %.2f", drawn++ ? 'L' : 'M', plot_px(a, s->x[i]), plot_py(a, y));
    }
    kit_putf(b, "\" class=\"f%d\" fill-opacity=\".18\"/>\n", s->style & 15);
}

KIT_FN void plot_draw_errors(kit_buf *b, const plot_panel *a, const plot_series *s)
{
    for (size_t i = 0; i < s->n; ++i) {
        double x, y0, y1;
        if (!plot_drawable(a, s->x[i], s->y[i]) || !plot_drawable(a, s->x[i], s->y2[i])) continue;
        x = plot_px(a, s->x[i]), y0 = plot_py(a, s->y[i]), y1 = plot_py(a, s->y2[i]);
        kit_putf(b,
                "<path fill=\"none\" class=\"k%d\" stroke-width=\"1.3\" d=\"M%.2f %.2fh6m-3 "
                "0V%.2fm-3 0h6\"/>",
                s->style & 15, x - 3, y0, y1);
    }
    kit_put(b, "\n");
}

/* One path a level; equal neighbours in a row become one rectangle. */
KIT_FN void plot_draw_cells(kit_buf *b, const plot_panel *a, const plot_series *s)
{
    for (int level = 1; level <= 16; ++level) {
        size_t drawn = 0;
        for (size_t row = 0; row < s->rows; ++row)
            for (size_t i = 0, end; i < s->n; i = end) {
                double d = s->y2[row * s->n + i], x0 = plot_px(a, s->x[i]),
                       y0 = plot_py(a, s->y[row + 1]);
                int own = d > 0 && (int)ceil(16 * d) == level;
                for (end = i + 1; own && end < s->n; ++end)
                    if (!(s->y2[row * s->n + end] > 0)
                        || (int)ceil(16 * s->y2[row * s->n + end]) != level)
                        break;
                if (!own) continue;
                if (!drawn++)
                    kit_putf(b,
                            "<path shape-rendering=\"crispEdges\" class=\"f%d\" "
                            "fill-opacity=\"%.3f\" d=\"",
                            s->style & 15, level / 16.0);
                kit_putf(b, "M%.1f %.1fH%.1fV%.1fH%.1fz", x0, y0, plot_px(a, s->x[end]),
                        plot_py(a, s->y[row]), x0);
            }
        if (drawn) kit_put(b, "\"/>\n");
    }
}

KIT_FN void plot_draw_guide(kit_buf *b, const plot_panel *a, const plot_series *s)
{
    if (!plot_drawable(a, s->x[0], s->y[0]) || !plot_drawable(a, s->x[1], s->y[1])) return;
    kit_putf(b, "<path fill=\"none\" d=\"M%.2f %.2fL%.2f %.2f\"", plot_px(a, s->x[0]),
            plot_py(a, s->y[0]), plot_px(a, s->x[1]), plot_py(a, s->y[1]));
    plot_stroke(b, s->style | PLOT_THIN);
    kit_put(b, "/>\n");
}

KIT_FN void plot_draw(kit_buf *b, const plot_panel *a, const plot_series *s)
{
    switch (s->kind) {
    case PLOT_KIND_LINE: plot_draw_line(b, a, s); break;
    case PLOT_KIND_BAND: plot_draw_band(b, a, s); break;
    case PLOT_KIND_ERRORS: plot_draw_errors(b, a, s); break;
    case PLOT_KIND_GUIDE: plot_draw_guide(b, a, s); break;
    case PLOT_KIND_CELLS: plot_draw_cells(b, a, s); break;
    case PLOT_KIND_POINTS:
        for (size_t i = 0; i < s->n; ++i)
            if (plot_drawable(a, s->x[i], s->y[i]))
                plot_marker(b, s->style, plot_px(a, s->x[i]), plot_py(a, s->y[i]));
        kit_put(b, "\n");
        break;
    }
}

/* ============================================================================================
 * Where the legend and the labels of guides stand
 * ========================================================================================== */

/* The length of a straight piece that lies inside a box, to a few pixels. */
KIT_FN double plot_inside(const plot_box *box, double x0, double y0, double x1, double y1)
{
    double length = fmax(fabs(x1 - x0), fabs(y1 - y0)), inside = 0;
    int n = 1 + (int)(length / 4);
    for (int i = 0; i < n; ++i) {
        double share = (i + 0.5) / n, x = x0 + share * (x1 - x0), y = y0 + share * (y1 - y0);
        if (x > box->x0 && x < box->x1 && y > box->y0 && y < box->y1) inside += length / n;
    }
    return inside;
}

/* What a box would hide of one series: pixels of line, sixteen a marker. */
KIT_FN double plot_hidden(const plot_panel *a, const plot_series *s, const plot_box *box)
{
    double hidden = 0, last_x = 0, last_y = 0;
    for (size_t i = 0, down = 0; i < s->n && s->kind != PLOT_KIND_CELLS; ++i) {
        double x, y, y2;
        if (!plot_drawable(a, s->x[i], s->y[i])) { down = 0; continue; }
        x = plot_px(a, s->x[i]), y = plot_py(a, s->y[i]);
        y2 = s->y2 && !isnan(s->y2[i]) ? plot_py(a, s->y2[i]) : y;
        if (s->kind == PLOT_KIND_POINTS)
            hidden += 16 * (x > box->x0 - 4 && x < box->x1 + 4 && y > box->y0 - 4
                            && y < box->y1 + 4);
        else if (s->kind == PLOT_KIND_ERRORS || s->kind == PLOT_KIND_BAND)
            hidden += plot_inside(box, x, y, x, y2);
        else if (down) hidden += plot_inside(box, last_x, last_y, x, y);
        down = 1, last_x = x, last_y = y;
    }
    return hidden;
}

/* The price of a place: infinite outside the panel and on what is taken. */
KIT_FN double plot_price(const plot_panel *a, const plot_box *box)
{
    double price = 0;
    if (box->x0 < a->left || box->x1 > a->left + a->width || box->y0 < a->top
        || box->y1 > a->top + a->height)
        return KIT_INF;
    for (size_t i = 0; i < a->n_taken; ++i)
        if (box->x0 < a->taken[i].x1 && box->x1 > a->taken[i].x0 && box->y0 < a->taken[i].y1
            && box->y1 > a->taken[i].y0)
            return KIT_INF;
    for (const plot_series *s = a->first; s; s = s->next) price += plot_hidden(a, s, box);
    return price;
}

/* The best of n places, the first of equals; it is taken from now on. */
KIT_FN plot_box plot_take(plot_panel *a, size_t n, const plot_box *places)
{
    double least = KIT_INF;
    size_t best = 0;
    for (size_t i = 0; i < n; ++i) {
        double price = plot_price(a, &places[i]) + 0.1 * (double)i;
        if (price < least - 0.01) least = price, best = i;
    }
    if (a->n_taken < KIT_LEN(a->taken)) a->taken[a->n_taken++] = places[best];
    return places[best];
}

KIT_FN plot_box plot_box_at(double x, double y, double width, double height)
{
    plot_box box;
    box.x0 = x, box.y0 = y, box.x1 = x + width, box.y1 = y + height;
    return box;
}

/* A box of this size in the four corners, then anywhere on a grid. */
KIT_FN plot_box plot_take_corner(plot_panel *a, double width, double height)
{
    enum { GRID = 9 };
    plot_box places[4 + GRID * GRID];
    double x = a->left + 6, dx = a->width - width - 12;
    double y = a->top + 6, dy = a->height - height - 12;
    for (size_t i = 0; i < 4; ++i)
        places[i] = plot_box_at(x + (i & 1 ? dx : 0), y + (i & 2 ? dy : 0), width, height);
    for (size_t i = 0; i < GRID * GRID; ++i)
        places[4 + i] = plot_box_at(x + dx * (double)(i % GRID) / (GRID - 1),
                                    y + dy * (double)(i / GRID) / (GRID - 1), width, height);
    return plot_take(a, KIT_LEN(places), places);
}

KIT_FN void plot_legend(kit_buf *b, plot_panel *a)
{
    double w = 0, h = 6, y;
    plot_box box;
    for (const plot_series *s = a->first; s; s = s->next)
        if (s->label && s->kind != PLOT_KIND_GUIDE)
            h += 15, w = fmax(w, 38 + plot_text_width(s->label));
    if (h < 7) return;
    box = plot_take_corner(a, w, h);
    kit_putf(b,
            "<rect x=\"%.2f\" y=\"%.2f\" width=\"%.2f\" height=\"%.2f\" rx=\"3\" class=\"bg\" "
            "fill-opacity=\".82\"/>\n",
            box.x0, box.y0, w, h);
    y = box.y0 + 13;
    for (const plot_series *s = a->first; s; s = s->next) {
        if (!s->label || s->kind == PLOT_KIND_GUIDE) continue;
        if (s->kind == PLOT_KIND_POINTS || s->kind == PLOT_KIND_CELLS)
            plot_marker(b, s->style, box.x0 + 16, y - 4);
        else {
            kit_putf(b, "<path d=\"M%.2f %.2fh22\"", box.x0 + 5, y - 4);
            plot_stroke(b, s->style);
            kit_put(b, "/>");
        }
        kit_putf(b, "<text class=\"s\" x=\"%.2f\" y=\"%.2f\">", box.x0 + 33, y);
        plot_text(b, s->label);
        kit_put(b, "</text>\n");
        y += 15;
    }
}

/* A guide's label: beside a vertical line from its top down, else along the line from its right
 * end, above or below. */
KIT_FN void plot_guide_label(kit_buf *b, plot_panel *a, const plot_series *s)
{
    enum { ALONG = 12 };
    plot_box places[4 * ALONG], box;
    double w = plot_text_width(s->label), right = a->left + a->width,
           x0 = fmax(plot_px(a, s->x[0]), a->left), x1 = fmin(plot_px(a, s->x[1]), right),
           y0 = plot_py(a, s->y[0]), y1 = plot_py(a, s->y[1]);
    int vertical = s->x[0] == s->x[1];
    if (vertical ? x0 > right || x1 < a->left
                 : fmax(y0, y1) < a->top || fmin(y0, y1) > a->top + a->height)
        return;                                                             /* outside */
    for (size_t i = 0; i < ALONG; ++i) {
        double share = (double)i / (ALONG - 1), x = x1 + share * (x0 - x1),
               y = y1 + share * (y0 - y1);
        plot_box *p = &places[i];
        if (vertical) y = a->top + 6 + share * (a->height - w - 12);
        p[0] = vertical ? plot_box_at(x - 15, y, 12, w) : plot_box_at(x - w - 3, y - 15, w, 13);
        p[ALONG] = vertical ? plot_box_at(x + 3, y, 12, w) : plot_box_at(x + 3, y - 15, w, 13);
        p[2 * ALONG] = vertical ? p[0] : plot_box_at(x + 3, y + 3, w, 13);
        p[3 * ALONG] = vertical ? p[0] : plot_box_at(x - w - 3, y + 3, w, 13);
    }
    box = plot_take(a, KIT_LEN(places), places);
    if (vertical)
        kit_putf(b,
                "<text class=\"s\" transform=\"translate(%.2f %.2f) rotate(-90)\" "
                "text-anchor=\"end\">",
                box.x1 - 2, box.y0);
    else
        kit_putf(b, "<text class=\"s\" x=\"%.2f\" y=\"%.2f\" text-anchor=\"%s\">",
                box.x0 < x1 - w ? box.x1 : box.x0, box.y1 - 2, box.x0 < x1 - w ? "end" : "start");
    plot_text(b, s->label);
    kit_put(b, "</text>\n");
}

KIT_FN void plot_draw_panel(kit_buf *b, plot_panel *a, size_t number)
{
    const char *id = a->figure->id;
    plot_settle(&a->x), plot_settle(&a->y);
    kit_putf(b,
            "<clipPath id=\"%s-%s-%zu\"><rect x=\"%.2f\" y=\"%.2f\" width=\"%.2f\" "
            "height=\"%.2f\"/></clipPath>\n",
            id, a->figure->name, number, a->left - 1, a->top - 1, a->width + 2, a->height + 2);
    plot_axes(b, a);
    kit_putf(b, "<g clip-path=\"url(#%s-%s-%zu)\">\n", id, a->figure->name, number);
    for (int pass = 0; pass < 2; ++pass)                   /* bands and guides lie under the data */
        for (const plot_series *s = a->first; s; s = s->next)
            if ((s->kind == PLOT_KIND_BAND || s->kind == PLOT_KIND_GUIDE
                 || s->kind == PLOT_KIND_CELLS)
                == (pass == 0))
                plot_draw(b, a, s);
    kit_putf(b,
            "</g>\n<rect x=\"%.2f\" y=\"%.2f\" width=\"%.2f\" height=\"%.2f\" fill=\"none\" "
            "class=\"a\"/>\n",
            a->left, a->top, a->width, a->height);
    plot_legend(b, a);
    for (const plot_series *s = a->first; s; s = s->next)
        if (s->kind == PLOT_KIND_GUIDE && s->label) plot_guide_label(b, a, s);
}

/* The whole figure as SVG; the caller frees it. */
KIT_FN char *plot_svg(plot *p)
{
    kit_buf b = { NULL, 0, 0 };
    double w = 430 * (double)p->columns, h = 350 * (double)p->rows;
    kit_putf(&b,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"plot\" viewBox=\"0 0 %.0f %.0f\" "
            "width=\"%.0f\" height=\"%.0f\""
            " role=\"img\">\n<title>",
            w, h, w, h);
    for (const char *c = p->caption; *c; ++c) plot_char(&b, *c);
    kit_put(&b, "</title>\n");
    kit_put(&b, plot_style_sheet);
    kit_put(&b, "<rect width=\"100%\" height=\"100%\" class=\"bg\"/>\n");
    for (size_t i = 0; i < p->n; ++i) plot_draw_panel(&b, &p->panels[i], i);
    kit_put(&b, "</svg>\n");
    return b.s;
}

/* ============================================================================================
 * A figure as data, and back
 * ========================================================================================== */

static const char *const plot_kinds[] = { "points", "line", "errors", "band", "guide", "cells" };

KIT_FN void plot_put_axis(kit_buf *b, const char *name, const plot_axis *axis)
{
    kit_putf(b, "\"%s\": {\"label\": ", name);
    json_put_text(b, axis->label);
    kit_putf(b, ", \"log\": %s, \"range\": ", axis->log ? "true" : "false");
    if (axis->fixed) {
        double range[2];
        range[0] = axis->lo, range[1] = axis->hi;
        json_put_list(b, 2, range);
    } else kit_put(b, "null");
    kit_put(b, ", \"ticks\": [");
    for (size_t i = 0; i < axis->ticks; ++i) {
        kit_put(b, i ? ", {\"at\": " : "{\"at\": ");
        json_put_number(b, axis->at[i]);
        kit_put(b, ", ");
        json_put_named(b, "name", axis->names[i]);
        kit_put(b, "}");
    }
    kit_put(b, "]}");
}

KIT_FN void plot_put_series(kit_buf *b, const plot_series *s)
{
    int cells = s->kind == PLOT_KIND_CELLS;
    kit_putf(b, "{\"kind\": \"%s\", ", plot_kinds[s->kind]);
    json_put_named(b, "label", s->label);
    kit_putf(b, ", \"style\": %d", s->style);
    if (cells) kit_putf(b, ", \"rows\": %zu", s->rows);
    kit_put(b, ", \"x\": ");
    json_put_list(b, s->n + (size_t)cells, s->x);
    kit_put(b, ", \"y\": ");
    json_put_list(b, cells ? s->rows + 1 : s->n, s->y);
    kit_put(b, ", \"y2\": ");
    if (s->y2) json_put_list(b, cells ? s->rows * s->n : s->n, s->y2); else kit_put(b, "null");
    kit_put(b, "}");
}

/* Before it is drawn: drawing settles the axes. */
KIT_FN void plot_put_json(kit_buf *b, const plot *p)
{
    kit_put(b, "{");
    json_put_named(b, "file", p->file);
    kit_put(b, ", ");
    json_put_named(b, "caption", p->caption);
    kit_putf(b, ", \"columns\": %zu, \"rows\": %zu, \"panels\": [", p->columns, p->rows);
    for (size_t i = 0; i < p->n; ++i) {
        const plot_panel *a = &p->panels[i];
        kit_put(b, i ? ",\n      {" : "\n      {");
        json_put_named(b, "title", a->title);
        kit_put(b, ", "), plot_put_axis(b, "x", &a->x);
        kit_put(b, ", "), plot_put_axis(b, "y", &a->y);
        kit_put(b, ", \"series\": [");
        for (const plot_series *s = a->first; s; s = s->next) {
            kit_put(b, s == a->first ? "\n        " : ",\n        ");
            plot_put_series(b, s);
        }
        kit_put(b, "]}");
    }
    kit_put(b, "]}");
}

/* The axis as it was set; 0: something is wrong. */
KIT_FN int plot_get_axis(plot_panel *a, plot_axis *axis, const json *node)
{
    const json *range = json_get(node, "range"), *ticks = json_get(node, "ticks");
    size_t n = ticks && ticks->kind == JSON_LIST ? ticks->count : 0;
    double *at = (double *)kit_new(a->figure->arena, n, sizeof *at);
    const char **names = (const char **)kit_new(a->figure->arena, n, sizeof *names);
    if (!range || !ticks) return 0;
    if (range->kind == JSON_LIST) {
        if (range->count != 2) return 0;
        axis->lo = range->first->number, axis->hi = range->first->next->number, axis->fixed = 1;
    }
    for (const json *c = n ? ticks->first : NULL; c; c = c->next) {
        at[c->index] = json_get_number(c, "at");
        names[c->index] = kit_copy(a->figure->arena, json_get_text(c, "name"));
    }
    axis->ticks = n, axis->at = at, axis->names = names;
    return 1;
}

KIT_FN int plot_get_series(plot_panel *a, const json *node)
{
    const json *label = json_get(node, "label"), *style = json_get(node, "style");
    const char *kind = json_get_text(node, "kind");
    kit_list x, y, y2 = { 0, NULL };
    size_t k = 0, rows = (size_t)fmax(0, json_get_number(node, "rows"));
    double gx[2], gy[2];
    while (k < KIT_LEN(plot_kinds) && strcmp(kind, plot_kinds[k])) ++k;
    if (k == KIT_LEN(plot_kinds) || !style || !json_get_list(a->figure->arena, node, "x", &x)
        || !json_get_list(a->figure->arena, node, "y", &y))
        return 0;
    json_get_list(a->figure->arena, node, "y2", &y2);
    if (k == PLOT_KIND_CELLS) {
        if (x.n < 2 || y.n != rows + 1 || y2.n != rows * (x.n - 1)) return 0;
        plot_cells(a, (int)style->number, x.n - 1, rows, x.at, y.at, y2.at,
                   label && label->kind == JSON_TEXT ? label->text : NULL);
        return 1;
    }
    if (x.n != y.n || (y2.n && y2.n != x.n)) return 0;
    if (k == PLOT_KIND_GUIDE && x.n == 2) {                      /* across the whole panel: null */
        memcpy(gx, x.at, sizeof gx), memcpy(gy, y.at, sizeof gy);
        if (isnan(gx[1])) gx[0] = a->x.log ? 0.0 : -KIT_INF, gx[1] = KIT_INF;
        if (isnan(gy[1])) gy[0] = a->y.log ? 0.0 : -KIT_INF, gy[1] = KIT_INF;
        x.at = gx, y.at = gy;
    }
    plot_series_add(a, (plot_kind)k, (int)style->number, x.n, x.at, y.at, y2.n ? y2.at : NULL,
                    label && label->kind == JSON_TEXT ? label->text : NULL);
    return 1;
}

/* A figure of a result file; NULL: it is not as the schema says. */
KIT_FN plot *plot_read(kit_arena *arena, const char *id, const json *node)
{
    double columns = json_get_number(node, "columns"), rows = json_get_number(node, "rows");
    const json *panels = json_get(node, "panels");
    plot *p;
    if (!panels || !(columns >= 1 && rows >= 1 && columns * rows <= 12)
        || (double)panels->count > columns * rows)
        return NULL;
    p = plot_new(arena, id, "", (size_t)columns, (size_t)rows);
    p->file = kit_copy(arena, json_get_text(node, "file"));
    plot_caption(p, json_get_text(node, "caption"));
    for (const json *c = panels->first; c; c = c->next) {
        const json *x = json_get(c, "x"), *y = json_get(c, "y"), *series = json_get(c, "series");
        int log = (json_get_number(x, "log") > 0 ? PLOT_LOGX : 0)
                  | (json_get_number(y, "log") > 0 ? PLOT_LOGY : 0);
        plot_panel *a = plot_add(p, json_get_text(c, "title"), json_get_text(x, "label"),
                                 json_get_text(y, "label"), log);
        if (!series || !plot_get_axis(a, &a->x, x) || !plot_get_axis(a, &a->y, y)) return NULL;
        for (const json *s = series->first; s; s = s->next)
            if (!plot_get_series(a, s)) return NULL;
    }
    return p;
}

#endif /* KIT_PLOT_H */
