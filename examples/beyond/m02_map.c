/* M2, beyond the paper: what training ends in, over step size, depth and number of pathways.
 *   cc -O2 -DCLB_STATIC -o map examples/beyond/m02_map.c -lm && ./map                       (10 s)
 * M2's recursion towards s* = 1 with eight P from 2 to 16 pathways of depth L = 2..50, from alpha =
 * 0.01 down to 0.005 in equal steps, at 200 step sizes gamma in equal ratios from 1 to 30; at most
 * 12000 steps, less where a sign flips or the residual is at rest. Outcome, largest share, gap
 * (spread of the shares over their mean), and eta lambda of the last 50 steps. Balanced: all shares
 * within 10 %. Chaotic transients: a map says what runs end in, a single cell may change. */
#define CLB_IMPLEMENTATION
#include "../../clb.h"
#include "../kit/kit.h"
#include "../kit/pathways.h"

enum { STEPS = 200, T = 12000, DEEPEST = 50, PS = 8, MOST = 16, CELLS = (DEEPEST - 1) * STEPS };
static const double numbers[PS] = { 2, 3, 4, 5, 6, 8, 12, MOST };              /* of pathways, P */
static const char letters[] = "SPBTCFD";                   /* in the order of clb_path_outcome */

/* The axis of gamma: edges of 200 cells. */
static double edge(size_t i) { return clb_exp(clb_log(30.0) * (double)i / STEPS); }

typedef struct row_of_map {
    double P, L;
    double leaf_share;
    const char *outcome;                                   /* a letter for each step size */
    kit_list share, gap, eta_lambda;
} row_of_map;
#define AT(member) KIT_AT(row_of_map, member)
static const kit_field row_of_map_fields[] = {
    KIT_KEY(row_of_map, P), KIT_KEY(row_of_map, L), KIT_RESULT(row_of_map, leaf_share),
    KIT_RESULT_TEXT(row_of_map, outcome), KIT_RESULT_ARRAY(row_of_map, share),
    KIT_RESULT_ARRAY(row_of_map, gap), KIT_RESULT_ARRAY(row_of_map, eta_lambda),
};

/* The P whose values are kept and drawn; of the others the outcomes. */
enum { VALUES = 3 };
static const double with_values[VALUES] = { 2, 4, 16 };

static int keeps_values(double P)
{
    for (size_t k = 0; k < VALUES; ++k)
        if (with_values[k] == P) return 1;
    return 0;
}

/* Three decimals are enough for a map. */
static double decimals(double v) { return isfinite(v) ? floor(1e3 * v + 0.5) / 1e3 : v; }

static clb_status run_row(kit *x, void *run)
{
    row_of_map *row = run;
    size_t P = (size_t)row->P, L = (size_t)row->L, depth[MOST];
    double alpha[MOST], s[MOST], share[STEPS], gap[STEPS], eta_lambda[STEPS];
    double S = clb_path_single_sharpness(L, 1);
    char outcome[STEPS + 1] = { 0 };
    clb_path_mode_opts opts = { .tail = 50, .settle = 1e-9, .balanced = 0.1, .stop_at_flip = 1 };
    clb_path_mode mode;
    clb_status status;
    for (size_t p = 0; p < P; ++p)
        depth[p] = L, alpha[p] = 0.01 - 0.005 * (double)p / (double)(P - 1);
    if ((status = clb_path_mode_init(&mode, P, depth, 1, alpha)) != CLB_OK) return status;
    status = clb_path_leaf_endpoint(&mode, s);
    opts.single = s[0] - 0.01, row->leaf_share = s[0];
    for (size_t i = 0; i < STEPS && !status; ++i) {
        clb_path_mode_run end;
        for (size_t p = 0; p < P; ++p) mode.u[p] = clb_pow(alpha[p], 1 / (double)L);
        status = clb_path_mode_train(&mode, clb_sqrt(edge(i) * edge(i + 1)) / S, T, &opts, &end);
        outcome[i] = letters[end.outcome];
        if (end.outcome >= CLB_PATH_COLLAPSED) end.share = end.gap = end.eta_lambda = KIT_NAN;
        share[i] = decimals(end.share), gap[i] = decimals(end.gap);
        eta_lambda[i] = decimals(end.eta_lambda);
    }
    clb_path_mode_free(&mode);
    if (status) return status;
    row->outcome = kit_print(x, "%s", outcome);
    if (!keeps_values(row->P)) return CLB_OK;
    row->share = kit_keep(x, STEPS, share);
    row->gap = kit_keep(x, STEPS, gap), row->eta_lambda = kit_keep(x, STEPS, eta_lambda);
    return CLB_OK;
}

static const kit_part rows = KIT_PART("map", "200 step sizes of one P and L", row_of_map, run_row);

static void plan(kit *x)
{
    kit_config(x, "map_T", T);
    for (size_t p = 0; p < (kit_quick(x) ? 3 : PS); ++p)
        for (int L = 2; L <= DEEPEST; L += kit_quick(x) ? 7 : 1)
            kit_add(x, &rows, &(row_of_map){ .P = numbers[p], .L = L });
}

/* ---- what follows from the runs -------------------------------------------------------------- */

static void table(kit *x)
{
    kit_table *t = KIT_TABLE(x, "map", "Outcomes over L = 2..50 and 200 step sizes", "P",
                             "single path", "partly balanced", "balanced", "two-cycle", "collapsed",
                             "flipped", "diverged", "flipped below gamma_WCR");
    double all = KIT_NAN;
    for (size_t p = 0; p < PS; ++p) {
        kit_rows of = kit_where(kit_part_runs(x, &rows), AT(P), numbers[p]);
        double count[CLB_PATH_OUTCOME_COUNT] = { 0 }, below = 0;
        if (!of.n) continue;
        for (size_t k = 0; k < of.n; ++k) {
            const row_of_map *r = of.at[k];
            double ceiling = path_gamma_wcr((size_t)r->L);
            for (size_t i = 0; r->outcome[i]; ++i) {
                size_t c = (size_t)(strchr(letters, r->outcome[i]) - letters);
                ++count[c], below += c >= CLB_PATH_FLIPPED && edge(i + 1) < ceiling;
            }
        }
        KIT_CELLS(t, numbers[p]), kit_cells(t, (kit_list){ CLB_PATH_OUTCOME_COUNT, count }),
            KIT_CELLS(t, below);
        all = isnan(all) ? below : all + below;
    }
    kit_identity(x, "no_flip", "No sign flips below gamma_WCR, whatever the number of pathways.",
                 "cells", all, kit_equal(0));
}

/* ---- figures --------------------------------------------------------------------------------- */

typedef struct grid { double at[STEPS + 1], depth[DEEPEST], value[CELLS]; } grid;

static grid *grid_new(kit *x)
{
    grid *g = kit_new(&x->arena, 1, sizeof *g);
    for (size_t i = 0; i <= STEPS; ++i) g->at[i] = edge(i);
    for (size_t L = 2; L <= DEEPEST + 1; ++L) g->depth[L - 2] = (double)L - 0.5;
    return g;
}

static void draw(plot_panel *a, int style, const grid *g)
{
    plot_range_x(a, g->at[0], g->at[STEPS]), plot_range_y(a, g->depth[0], g->depth[DEEPEST - 1]);
    plot_cells(a, style, STEPS, DEEPEST - 1, g->at, g->depth, g->value, NULL);
}

/* gamma_c = 2 P^(1-2/L) and gamma_WCR. */
static void draw_limits(plot_panel *a, double P)
{
    double depth[DEEPEST - 1], critical[DEEPEST - 1], wcr[DEEPEST - 1];
    for (size_t L = 2; L <= DEEPEST; ++L) {
        depth[L - 2] = (double)L, critical[L - 2] = path_gamma_c((double)L, P);
        wcr[L - 2] = path_gamma_wcr(L);
    }
    plot_line(a, PLOT_GREY, DEEPEST - 1, critical, depth, NULL);
    plot_line(a, PLOT_GREY | PLOT_DASHED, DEEPEST - 1, wcr, depth, NULL);
}

static const int colours[CLB_PATH_OUTCOME_COUNT] = { PLOT_BLUE, PLOT_CYAN, PLOT_BROWN, PLOT_PURPLE,
                                                     PLOT_GREEN, PLOT_ORANGE, PLOT_RED };

/* A panel of names alone. */
static void legend(plot *p)
{
    static const double at[2] = { 1, 30 }, depth[2] = { 1.5, 50.5 }, empty = 0;
    plot_panel *a = plot_add(p, "Colours and lines", "gamma", "depth L", PLOT_LOGX);
    for (int c = 0; c < CLB_PATH_OUTCOME_COUNT; ++c)
        plot_cells(a, colours[c], 1, 1, at, depth, &empty,
                   clb_path_outcome_name((clb_path_outcome)c));
    plot_line(a, PLOT_GREY, 0, at, depth, "2 P^(1-2/L)");
    plot_line(a, PLOT_GREY | PLOT_DASHED, 0, at, depth, "gamma_WCR");
}

/* Eight maps, and the legend in the place of a ninth. */
static void outcome_figure(kit *x)
{
    plot *p = kit_figure(x, "outcomes", 3, 3);
    for (size_t k = 0; k < PS; ++k) {
        kit_rows of = kit_where(kit_part_runs(x, &rows), AT(P), numbers[k]);
        plot_panel *a =
            plot_add(p, kit_print(x, "P = %.0f", numbers[k]), "gamma", "depth L", PLOT_LOGX);
        for (int c = 0; c < CLB_PATH_OUTCOME_COUNT; ++c) {
            grid *g = grid_new(x);
            size_t cells_of = 0;
            for (size_t n = 0; n < of.n; ++n) {
                const row_of_map *r = of.at[n];
                double *cells = g->value + ((size_t)r->L - 2) * STEPS;
                for (size_t i = 0; r->outcome[i]; ++i)
                    if (r->outcome[i] == letters[c]) cells[i] = 0.62, ++cells_of;
            }
            if (cells_of) draw(a, colours[c], g);
        }
        draw_limits(a, numbers[k]);
    }
    legend(p);
    plot_caption(p, "What gradient descent ends in, over step size, depth and number of pathways; "
                    "solid 2 P^(1-2/L), dashed gamma_WCR.");
}

static void value_panel(kit *x, plot *p, double P, int style, const char *title, kit_at member,
                        double scale)
{
    kit_rows of = kit_where(kit_part_runs(x, &rows), AT(P), P);
    plot_panel *a =
        plot_add(p, kit_print(x, "%s, P = %.0f", title, P), "gamma", "depth L", PLOT_LOGX);
    grid *g = grid_new(x);
    for (size_t i = 0; i < STEPS; ++i) {
        kit_list L = kit_values(of, AT(L)), v = kit_elements(of, member, i);
        for (size_t n = 0; n < v.n && v.n == L.n; ++n)
            g->value[((size_t)L.at[n] - 2) * STEPS + i] = v.at[n] / scale;
    }
    draw(a, style, g);
    draw_limits(a, P);
}

static void value_figure(kit *x)
{
    plot *p = kit_figure(x, "values", VALUES, 3);
    const double *shown = with_values;
    for (int k = 0; k < VALUES; ++k)
        value_panel(x, p, shown[k], PLOT_BLUE, "Largest share", AT(share), 1);
    for (int k = 0; k < VALUES; ++k)
        value_panel(x, p, shown[k], PLOT_ORANGE, "Gap / sqrt(P-1)", AT(gap),
                    clb_sqrt(shown[k] - 1));
    for (int k = 0; k < VALUES; ++k)
        value_panel(x, p, shown[k], PLOT_PURPLE, "eta lambda / 3", AT(eta_lambda), 3);
    plot_caption(p, "Final share, gap and sharpness over step size and depth; empty where the run "
                    "collapsed, flipped or diverged. Solid 2 P^(1-2/L), dashed gamma_WCR.");
}

static void report(kit *x)
{
    table(x);
    outcome_figure(x);
    value_figure(x);
}

static const kit_info info = {
    .id = "M02_map", .title = "Outcomes over step size, depth and pathways",
    .statement = "beyond stopping boundary", .beyond = "M02", .plan = plan, .report = report,
};
KIT_MAIN(info)
