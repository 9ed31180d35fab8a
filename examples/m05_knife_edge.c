/* M5  The knife edge: one per cent of step size decides whether a weight can change its sign.  @S23
 *   cc -O2 -DCLB_STATIC -o m05 examples/m05_knife_edge.c -lm && ./m05                        (1 s)
 * Setup   one pathway of depth L towards s* = 1. A step of gradient descent takes its weight x, in
 *         units of the minimum, to f(x) = x + gamma/L x^(L-1) (1 - x^L); gamma is the step size in
 *         units of the sharpness there. At gamma_WCR f(M) = 0, where M is the largest value of f
 *         on (0,1): from its highest overshoot the weight lands on 0. L = 3, 5, 20; gamma = 0.99,
 *         1, 1.01 gamma_WCR.
 * Measure f(M); of the points of a 200000-point grid of (0,1) that overshoot 1 the share that
 *         returns to 0 or below; the first step at which the chain from x = 0.5 is negative, within
 *         200000; how many of 100 chains from x in [0.3, 0.8) are, within 20000.
 * Paper   below gamma_WCR every overshoot returns into (0,1), above it some do not.
 * Beyond  beyond/m05_onset.c: how the share that flips grows above gamma_WCR. */
#define CLB_IMPLEMENTATION
#include "../clb.h"
#include "kit/kit.h"
#include "kit/pathways.h"

static const double depths[] = { 3, 5, 20 }, fracs[] = { 0.99, 1.0, 1.01 };
enum { GRID = 200000, STEPS = 200000, STARTS = 100, STEPS_OF_STARTS = 20000 };

typedef struct edge {
    double L, frac;                /* gamma = frac gamma_WCR(L) */
    double gamma, x_max, M, return_value, min_return_over_grid, frac_grid_flip;
    double chain_flip_step_x0_0p5, flipped_of_100_starts;
} edge;
static const kit_field edge_fields[] = {
    KIT_KEY(edge, L), KIT_KEY(edge, frac), KIT_RESULT(edge, gamma), KIT_RESULT(edge, x_max),
    KIT_RESULT(edge, M), KIT_RESULT(edge, return_value), KIT_RESULT(edge, min_return_over_grid),
    KIT_RESULT(edge, frac_grid_flip), KIT_RESULT(edge, chain_flip_step_x0_0p5),
    KIT_RESULT(edge, flipped_of_100_starts),
};
#define AT(member) KIT_AT(edge, member)

/* First step with x < 0 from x0; -1 if there is none. */
static double first_flip(size_t L, double gamma, double x0, size_t steps)
{
    for (size_t t = 1; t <= steps; ++t)
        if ((x0 = clb_path_chain_map(L, gamma, x0)) < 0) return (double)t;
    return -1;
}

static clb_status run_edge(kit *x, void *run)
{
    edge *row = run;
    size_t L = (size_t)row->L;
    clb_status status;
    (void)x;
    row->gamma = row->frac * path_gamma_wcr(L);
    status = clb_path_chain_peak(L, row->gamma, &row->x_max, &row->M);
    if (status) return status;
    row->return_value = clb_path_chain_map(L, row->gamma, row->M);
    path_overshoots(L, row->gamma, GRID, &row->frac_grid_flip, &row->min_return_over_grid);
    row->chain_flip_step_x0_0p5 = first_flip(L, row->gamma, 0.5, STEPS);
    row->flipped_of_100_starts = 0;
    for (int k = 0; k < STARTS; ++k)
        row->flipped_of_100_starts +=
            first_flip(L, row->gamma, 0.3 + 0.005 * k, STEPS_OF_STARTS) >= 0;
    return CLB_OK;
}

static const kit_part edges = KIT_PART("edge", "steps beside gamma_WCR", edge, run_edge);

static void plan(kit *x)
{
    kit_config(x, "grid", GRID), kit_config(x, "steps", STEPS);
    for (size_t i = 0; i < KIT_LEN(depths); ++i)
        for (size_t k = 0; k < KIT_LEN(fracs); ++k)
            kit_add(x, &edges, &(edge){ .L = depths[i], .frac = fracs[k] });
}

/* ---- what follows from the runs ------------------------------------------------------------- */

static void table(kit *x, kit_rows rows)
{
    kit_table *t =
        KIT_TABLE(x, "edge",
                  "Largest overshoot M and its return f(M) at 0.99, 1, 1.01 gamma_WCR; share of "
                  "overshooting points that flip; first flip of the chain, -1 for none; starts "
                  "that flip", "L", "frac", "gamma", "x_max", "M", "return_value", "frac_grid_flip",
                  "chain_flip_step_x0_0p5", "flipped_of_100_starts");
    for (size_t i = 0; i < rows.n; ++i) {
        const edge *r = rows.at[i];
        KIT_LINE(t, r->L, r->frac, r->gamma, r->x_max, r->M, r->return_value, r->frac_grid_flip,
                 r->chain_flip_step_x0_0p5, r->flipped_of_100_starts);
    }
}

static void claims(kit *x, kit_rows all)
{
    kit_rows below = kit_where(all, AT(frac), 0.99), at = kit_where(all, AT(frac), 1),
             above = kit_where(all, AT(frac), 1.01);
    kit_claim *c = kit_paper(x, "knife_edge",
                             "Below gamma_WCR every overshoot returns to a positive value; above "
                             "it some do not, and the weight changes its sign.",
                             "f(M) changes its sign at gamma_WCR");
    kit_statement(c, "1 % below: lowest f(M) of the three depths",
                  path_least(below, AT(return_value)), kit_above(0));
    kit_statement(c, "largest share of the grid that flips",
                  path_largest(below, AT(frac_grid_flip)), kit_equal(0));
    kit_statement(c, "most of 100 starts that flip",
                  path_largest(below, AT(flipped_of_100_starts)), kit_equal(0));
    kit_statement(c, "at gamma_WCR: largest |f(M)|", kit_worst(at, AT(return_value)),
                  kit_below(1e-12));
    kit_statement(c, "1 % above: highest f(M)", path_largest(above, AT(return_value)),
                  kit_below(0));
    kit_statement(c, "least share of the grid that flips",
                  path_least(above, AT(frac_grid_flip)), kit_above(0.1));
    kit_statement(c, "earliest flip of the chain from 0.5, in steps",
                  path_least(above, AT(chain_flip_step_x0_0p5)), kit_above(0));
    kit_remark(c, "At L = 5 and 20 the chain flips after tens of thousands of chaotic steps, and "
                  "the last bit decides after how many.");
    kit_identity(x, "ten_steps",
                 "1 % above gamma_WCR the chain of depth 3 from 0.5 flips at step 10.", "step",
                 kit_mean(kit_where(above, AT(L), 3), AT(chain_flip_step_x0_0p5)), kit_equal(10));
}

static void figure(kit *x)
{
    plot *p = kit_figure(x, "knife_edge", 1, 1);
    plot_panel *a = plot_add(p, "Return map, L = 5", "x", "f(x)", PLOT_LINEAR);
    double at[251], y[251], diagonal[2] = { 0, 1.2 };
    clb_path_return worst;
    if (clb_path_worst_return(5, &worst)) return;
    for (int k = 0; k < 3; ++k) {
        double frac = 0.85 + 0.15 * k;
        for (int i = 0; i <= 250; ++i) {
            at[i] = 1.2 * i / 250;
            y[i] = clb_path_chain_map(5, frac * worst.gamma, at[i]);
        }
        plot_line(a, k, 251, at, y, kit_print(x, "%.2f gamma_WCR", frac));
    }
    plot_line(a, PLOT_GREY | PLOT_DOTTED, 2, diagonal, diagonal, NULL);
    plot_horizontal(a, 0, NULL);
    plot_vertical(a, worst.M, "largest overshoot");
    plot_caption(p, "A step of gradient descent takes x to f(x). At gamma_WCR the largest "
                    "overshoot returns exactly to 0.");
}

static void report(kit *x)
{
    kit_rows all = kit_part_runs(x, &edges);
    table(x, all);
    kit_summary(x, "share that flips at L = 3",
                kit_mean(kit_where(kit_where(all, AT(frac), 1.01), AT(L), 3), AT(frac_grid_flip)));
    claims(x, all);
    figure(x);
}

static const kit_info info = {
    .id = "M05", .title = "The knife edge at gamma_WCR", .statement = "worst-case return",
    .key_result = "every overshoot returns exactly when gamma < gamma_WCR",
    .plan = plan, .report = report, };
KIT_MAIN(info)
