/* Beyond M5  How the share of overshoots that change the sign grows above gamma_WCR.
 *   cc -O2 -DCLB_STATIC -o onset examples/beyond/m05_onset.c -lm && ./onset                  (1 s)
 * Setup   M5's chain map, L = 3, 5, 20, gamma = 0.998 to 1.022 gamma_WCR, grid of 40000 points.
 * Result  the share grows as the square root of gamma - gamma_WCR: the maximum of f is quadratic,
 *         so the points that overshoot too far form an interval of that width. */
#define CLB_IMPLEMENTATION
#include "../../clb.h"
#include "../kit/kit.h"
#include "../kit/pathways.h"

static const double depths[] = { 3, 5, 20 };
enum { GRID = 40000, SWEEP = 25, DEPTHS = KIT_LEN(depths) };

typedef struct onset { double L, frac;  double gamma, min_return_over_grid, frac_grid_flip; } onset;
static const kit_field onset_fields[] = {
    KIT_KEY(onset, L), KIT_KEY(onset, frac), KIT_RESULT(onset, gamma),
    KIT_RESULT(onset, min_return_over_grid), KIT_RESULT(onset, frac_grid_flip),
};
#define AT(member) KIT_AT(onset, member)

static clb_status run_onset(kit *x, void *run)
{
    onset *row = run;
    (void)x;
    row->gamma = row->frac * path_gamma_wcr((size_t)row->L);
    path_overshoots((size_t)row->L, row->gamma, GRID, &row->frac_grid_flip,
                    &row->min_return_over_grid);
    return CLB_OK;
}

static const kit_part sweep = KIT_PART("onset", "fine sweep of the step", onset, run_onset);

static void plan(kit *x)
{
    kit_config(x, "grid", GRID);
    for (size_t i = 0; i < DEPTHS; ++i)
        for (int k = 0; k < SWEEP; ++k)
            kit_add(x, &sweep, &(onset){ .L = depths[i], .frac = 0.998 + 0.001 * k });
}

/* The exponent of share ~ (frac - 1)^exponent. */
static double exponent(kit *x, kit_rows rows)
{
    kit_list share = kit_values(rows, AT(frac_grid_flip)), frac = kit_values(rows, AT(frac));
    double *excess = kit_doubles(x, frac.n), *flip = kit_doubles(x, frac.n);
    size_t n = 0;
    for (size_t k = 0; k < frac.n; ++k)
        if (frac.at[k] > 1.0005) excess[n] = frac.at[k] - 1, flip[n++] = share.at[k];
    return clb_fit_power(n, excess, flip, 0).slope;
}

static void report(kit *x)
{
    kit_table *t = KIT_TABLE(x, "onset", "Exponent of the share that flips in "
                             "gamma/gamma_WCR - 1", "L", "exponent");
    kit_claim *c = kit_ours(x, "square_root",
                            "The share of overshoots that flip starts as the square root of "
                            "gamma - gamma_WCR.");
    plot *p = kit_figure(x, "onset", 1, 1);
    plot_panel *a = plot_add(p, "Overshoots that return below 0", "gamma / gamma_WCR",
                             "share of overshooting points", PLOT_LINEAR);
    for (size_t i = 0; i < DEPTHS; ++i) {
        kit_rows rows = kit_where(kit_part_runs(x, &sweep), AT(L), depths[i]);
        const char *depth = kit_print(x, "L = %g", depths[i]);
        double slope = exponent(x, rows);
        KIT_LINE(t, depths[i], slope);
        kit_summary(x, kit_print(x, "exponent at %s", depth), slope);
        kit_statement(c, kit_print(x, "exponent at %s", depth), slope, kit_within(0.5, 0.05));
        plot_rows_line(a, (int)i, rows, AT(frac), AT(frac_grid_flip), depth);
    }
    kit_remark(c, "The maximum of f is quadratic, so the points that overshoot too far form an "
                  "interval as wide as the square root of the excess.");
    plot_caption(p, "Above gamma_WCR the share of overshoots that flip grows as a square root.");
}

static const kit_info info = {
    .id = "M05_onset", .title = "Onset of sign flips above gamma_WCR",
    .statement = "beyond worst-case return", .beyond = "M05", .plan = plan, .report = report, };
KIT_MAIN(info)
