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

/* One array of a run against another. */
KIT_FN void plot_lists(plot_panel *a, int style, kit_list x, kit_list y, const char *label)
{
    plot_line(a, style, x.n < y.n ? x.n : y.n, x.at, y.at, label);
}

/* The local slopes of a curve with their intervals, between their neighbours. */
KIT_FN void plot_local_slopes(plot_panel *a, int style, const kit_curve *c, const char *label)
{
    size_t n = c->at.n ? c->at.n - 1 : 0;
    double *v = (double *)kit_new(a->figure->arena, 4 * n, sizeof *v), *y = v + n, *lo = y + n,
           *hi = lo + n;
    for (size_t i = 0; i < n; ++i) {
        v[i] = sqrt(c->at.at[i] * c->at.at[i + 1]);
        y[i] = c->slopes[i].value, lo[i] = c->slopes[i].lo, hi[i] = c->slopes[i].hi;
    }
    plot_errors(a, style, n, v, lo, hi);
    plot_line(a, style | PLOT_THIN, n, v, y, NULL);
    plot_points(a, style, n, v, y, label);
}

#endif /* KIT_FIGURES_H */
