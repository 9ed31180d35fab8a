/* E22  Width-dimension transition: does the width m* where alpha leaves 1 scale with d?  Theorem 8
 *   cc -O2 -DCLB_STATIC -o e22 examples/e22_width_dim.c -lm && ./e22                        (20 s)
 * Setup   two-layer linear net without bias, K = 5, mixture of n = 200, squared loss, gradient
 *         descent, T = 2000 steps; d = 10, 20, 40 inputs, widths m = d {0.5, 1, 1.5, 2, 3, 4, 6},
 *         six learning rates from 3e-4 to 0.1, five seeds.
 * Fit     alpha(d, m): slope of ln(mean drift) against ln eta. m*: the first width with alpha >
 *         1.1. f = 0.1 lambda_max(0)/2: distance of the largest eta to the edge of stability, 1.
 * Paper   m* = 60, 60, 40, so m* / d = 6.0, 3.0, 1.0: no collapse in m/d
 * Beyond  beyond/e22_edge.c: equal distance to the edge, other thresholds, data scales, n. */
#define CLB_IMPLEMENTATION
#include "../clb.h"
#include "kit/kit.h"

enum { DS = 3, MS = 7, CELLS = DS * MS };
static const double ds[DS] = { 10, 20, 40 }, over[MS] = { 0.5, 1, 1.5, 2, 3, 4, 6 };
static const double paper_star[DS] = { 60, 60, 40 }, threshold = 1.1;

static const kit_part start = KIT_PART("start", "lambda_max at the start", lin_run, lin_train),
                      sweep = KIT_PART("sweep", "21 shapes, six learning rates", lin_run,
                                       lin_train);

static void plan(kit *x)
{
    kit_list seeds = kit_seeds(x, kit_quick(x) ? 1 : 5);
    kit_config(x, "n_steps", LIN_T), kit_config(x, "alpha_threshold", threshold);
    for (size_t i = 0; i < DS; ++i)
        for (size_t k = 0; k < MS; ++k)
            if (!kit_quick(x) || (i == 0 && k < 4))
                lin_add(x, &start, &sweep, ds[i], ds[i] * over[k], seeds);
}

/* ---- what follows from the runs -------------------------------------------------------------- */

typedef struct found {
    lin_cell     cell[DS][MS];
    clb_interval ci[DS][MS];                                    /* of alpha, over the seeds */
    double       star[DS], star_over_d[DS], share[DS][MS], none[DS];
    double       alpha[CELLS], f[CELLS], m[CELLS], over[CELLS];
} found;

static void measure(kit *x, found *v)
{
    for (size_t i = 0; i < DS; ++i) {
        const char *name = kit_print(x, "d = %.0f", ds[i]);
        lin_tables t = lin_tables_new(x, name,
                                      kit_print(x,
                                                "%s: exponent by width; without eta = 0.1; f = 0.1 "
                                                "lambda_max(0)/2; seeds that survive eta = 0.1",
                                                name),
                                      kit_print(x, "%s: drift of every width and eta", name));
        for (size_t k = 0; k < MS; ++k) {
            size_t at = i * MS + k;
            lin_cell c = v->cell[i][k] = lin_measure(x, &start, &sweep, ds[i], ds[i] * over[k]);
            lin_put(x, &t, &sweep, &c);
            v->alpha[at] = c.fit.slope, v->ci[i][k] = c.ci;
            v->f[at] = c.f, v->m[at] = c.m, v->over[at] = over[k];
        }
        v->star[i] = lin_star(MS, &v->m[i * MS], &v->alpha[i * MS], threshold);
        v->star_over_d[i] = v->star[i] / ds[i];
        lin_redraw(x, &sweep, ds[i], (kit_list){ MS, &v->m[i * MS] }, threshold, v->share[i],
                   &v->none[i]);
    }
}

static void tables(kit *x, const found *v)
{
    kit_table *t = KIT_TABLE(x, "m* over seeds",
                             "m*, and how often each width is m* when the seeds are drawn again",
                             "d", "m_star", "0.5d", "1d", "1.5d", "2d", "3d", "4d", "6d", "none");
    kit_table *each = KIT_TABLE(x, "m* over d", "m*/d", "d", "m_star_over_d");
    each->detail = 1;
    for (size_t i = 0; i < DS; ++i) {
        KIT_LINE(each, ds[i], v->star_over_d[i]);
        KIT_CELLS(t, ds[i], v->star[i]), kit_cells(t, KIT_LIST(v->share[i])),
            KIT_CELLS(t, v->none[i]);
        kit_printed(kit_summary(x, kit_print(x, "m_star_d%.0f", ds[i]), v->star[i]), paper_star[i]);
    }
}

static void claims(kit *x, const found *v)
{
    const double *star = v->star_over_d;
    double sf = clb_spearman(CELLS, v->alpha, v->f), sm = clb_spearman(CELLS, v->alpha, v->m),
           so = clb_spearman(CELLS, v->alpha, v->over), without = 0, share = 1;
    kit_claim *c = kit_paper(x, "m_star",
                             "The width m* at which alpha passes 1.1 is m*/d = 6.0, 3.0, 1.0 for d "
                             "= 10, 20, 40.",
                             "6.0, 3.0, 1.0");
    for (size_t i = 0; i < DS; ++i) {
        for (size_t k = 0; k < MS; ++k) {
            if (paper_star[i] == ds[i] * over[k]) share = fmin(share, v->share[i][k]);
            if (v->cell[i][k].f < 1.9) without = kit_worse(without, v->cell[i][k].alpha_without);
        }
        kit_number(c, kit_print(x, "m*/d at d = %.0f", ds[i]), star[i],
                   kit_equal(paper_star[i] / ds[i]));
    }
    kit_statement(c, "least share of redraws that give that m*", 100 * share,
                  kit_in_units(kit_at_least(90), "%"));
    kit_remark(c, "m* is the first of seven widths above a threshold: other seeds give another "
                  "one.");
    c = kit_paper(x, "no_collapse", "alpha is no function of m/d alone.", "no collapse");
    kit_statement(c, "largest step of m*/d to the next d",
                  fmax(star[1] - star[0], star[2] - star[1]), kit_at_most(0));
    kit_statement(c, "Spearman(alpha, m) less Spearman(alpha, m/d)", sm - so, kit_above(0));
    c = kit_paper(x, "absolute_width", "The absolute width decides.", "m, not m/d");
    kit_statement(c, "Spearman(alpha, m) less Spearman(alpha, f)", sm - sf, kit_above(0));
    kit_remark(c, "f = 0.1 lambda_max(0)/2 is the distance of the largest eta to the edge of "
                  "stability.");
    c = kit_paper(x, "stable", "The transition exists inside the stable regime.", "not stated");
    kit_statement(c, "largest alpha without eta = 0.1, of the cells with f < 1.9", without,
                  kit_above(1.2));
    kit_remark(c, "If it stays near 1.1, alpha passes 1.1 only because the grid of eta touches the "
                  "edge.");
}

static void figure(kit *x, const found *v)
{
    plot *p = kit_figure(x, "transition", 3, 1);
    plot_panel *a = plot_add(p, "Exponent against m/d", "width / dimension, m/d", "alpha",
                             PLOT_LOGX),
               *b = plot_add(p, "Exponent against the edge", "f = 0.1 lambda_max(0)/2", "alpha",
                             PLOT_LOGX),
               *c = plot_add(p, "m* under redrawn seeds", "m*/d", "share of redraws", PLOT_LOGX);
    for (size_t i = 0; i < DS; ++i) {
        const char *name = kit_print(x, "d = %.0f", ds[i]);
        plot_intervals(a, (int)i, MS, over, v->ci[i], name);
        plot_points(b, (int)i, MS, &v->f[i * MS], &v->alpha[i * MS], name);
        plot_curve(c, (int)i, MS, over, v->share[i], name);
    }
    plot_horizontal(a, 1.1, "threshold 1.1"), plot_horizontal(b, 1.1, "threshold 1.1");
    plot_vertical(b, 1, "edge"), plot_range_y(c, 0, 1.02);
    plot_caption(p, "Width and dimension act through the distance of the largest step size to the "
                    "edge of stability.");
}

static void report(kit *x)
{
    found v = CLB_ZERO;
    measure(x, &v);
    kit_printed(kit_summary(x, "m_star_over_d", clb_mean(DS, v.star_over_d)), 10.0 / 3);
    kit_summary(x, "m_star_over_d_std", clb_std_pop(DS, v.star_over_d));
    tables(x, &v);
    claims(x, &v);
    figure(x, &v);
}

static const kit_info info = {
    .id = "E22", .title = "Width-dimension transition", .statement = "Theorem 8",
    .key_result = "m*/d varies: 6.0, 3.0, 1.0", .plan = plan, .report = report, };
KIT_MAIN(info)
