/* figures.h - what an experiment draws: figures of its own, its runs, its curves. */
#ifndef KIT_FIGURES_H
#define KIT_FIGURES_H

#include "plot.h"
#include "rows.h"

/* A new figure, OUT/ID_name.svg; draw with plot_add(), plot_points(), ... and end with
 * plot_caption(). */
KIT_FN plot *kit_figure(kit *x, const char *name, size_t columns, size_t rows)
{
    plot *p = plot_new(&x->arena, x->info->id, name, columns, rows);
    *x->figures_end = p, x->figures_end = &p->next;
    return p;
}

/* A small dot for every run: one member against another. */
KIT_FN void plot_rows(plot_panel *a, int style, kit_rows rows, kit_at x, kit_at y)
{
    kit_list at = kit_values(rows, x), v = kit_values(rows, y);
    plot_points(a, style | PLOT_SMALL, at.n, at.at, v.at, NULL);
}

/* A line, or markers, through the runs: one member against another. */
KIT_FN void plot_rows_line(plot_panel *a, int style, kit_rows rows, kit_at x, kit_at y,
                           const char *label)
{
    kit_list at = kit_values(rows, x), v = kit_values(rows, y);
    plot_line(a, style, at.n, at.at, v.at, label);
}
KIT_FN void plot_rows_points(plot_panel *a, int style, kit_rows rows, kit_at x, kit_at y,
                             const char *label)
{
    kit_list at = kit_values(rows, x), v = kit_values(rows, y);
    plot_points(a, style, at.n, at.at, v.at, label);
}

/* Markers on a thin line: a curve that was measured at n places. */
KIT_FN void plot_curve(plot_panel *a, int style, size_t n, const double *x, const double *y,
                       const char *label)
{
    plot_line(a, style | PLOT_THIN, n, x, y, NULL);
    plot_points(a, style, n, x, y, label);
}

/* The same with a bar at each marker. */
KIT_FN void plot_intervals(plot_panel *a, int style, size_t n, const double *x,
                           const clb_interval *at, const char *label)
{
    double *y = (double *)kit_new(a->figure->arena, 3 * n, sizeof *y), *lo = y + n, *hi = lo + n;
    for (size_t i = 0; i < n; ++i) y[i] = at[i].value, lo[i] = at[i].lo, hi[i] = at[i].hi;
    plot_errors(a, style, n, x, lo, hi);
    plot_curve(a, style, n, x, y, label);
}

KIT_FN void plot_rows_curve(plot_panel *a, int style, kit_rows rows, kit_at x, kit_at y,
                            const char *label)
{
    kit_list at = kit_values(rows, x), v = kit_values(rows, y);
    plot_curve(a, style, at.n, at.at, v.at, label);
}

/* One array of a run against another. */
KIT_FN void plot_lists(plot_panel *a, int style, kit_list x, kit_list y, const char *label)
{
    plot_line(a, style, x.n < y.n ? x.n : y.n, x.at, y.at, label);
}

/* The power law that was fitted to a curve. */
KIT_FN void plot_power_law(plot_panel *a, int style, const kit_curve *c, const char *label)
{
    double *y = (double *)kit_new(a->figure->arena, c->at.n, sizeof *y);
    for (size_t i = 0; i < c->at.n; ++i)
        y[i] = clb_exp(c->fit.intercept) * clb_pow(c->at.at[i], c->fit.slope);
    plot_line(a, style, c->at.n, c->at.at, y, label);
}

/* The local slopes of a curve with their intervals, between their neighbours. */
KIT_FN void plot_local_slopes(plot_panel *a, int style, const kit_curve *c, const char *label)
{
    size_t n = c->at.n ? c->at.n - 1 : 0;
    double *between = (double *)kit_new(a->figure->arena, n, sizeof *between);
    for (size_t i = 0; i < n; ++i) between[i] = clb_sqrt(c->at.at[i] * c->at.at[i + 1]);
    plot_intervals(a, style, n, between, c->slopes, label);
}

#endif /* KIT_FIGURES_H */
