/* Beyond M4  Depth 3 beside a deeper pathway; which start favours the shallow one; a step's drift.
 *   cc -O2 -DCLB_STATIC -o depths examples/beyond/m04_depths.c -lm && ./depths               (1 s)
 * Setup   "allocation": depths {3, L}, L = 4 to 40, s* = 1, alpha = 1e-3, 40000 steps of the
 *         critical size 2/lambda_min. "escape": depths {3, 20} at eta = 0.25/20, both from alpha =
 *         1e-4 to 0.1. "drift": 2000 random states u of depths {2,3,5,7}, one step of size 1e-3,
 *         1e-4. Gradient flow conserves the differences of z = u^(2-L)/(L-2), for L = 2 -ln u; a
 *         step with residual r changes them by (eta r)^2/4 times the difference of the marginal
 *         sharpnesses 2 (L-1) u^(L-2), to second order in eta.
 * Result  a pathway leaves alpha after about alpha^(-(L-2)/L)/((L-2) s*) steps over eta: from alpha
 *         near 0.1 the deeper one is first, so "the shallow pathway wins" needs a small alpha. */
#define CLB_IMPLEMENTATION
#include "../../clb.h"
#include "../kit/kit.h"
#include "../kit/pathways.h"

enum { T = 40000, STATES = 2000, ALPHAS = 21, DEEPEST = 40 };

/* ---- depth 3 beside another ------------------------------------------------------------------ */

/* The share of depth 3, mean of the last two iterates. */
static clb_status shallow_share(size_t deep, double alpha, double eta, double *share)
{
    const size_t depth[2] = { 3, deep };
    const double both[2] = { alpha, alpha };
    clb_path_mode_opts opts = { .tail = 0 };
    clb_path_mode mode;
    clb_path_mode_run end;
    clb_status status = clb_path_mode_init(&mode, 2, depth, 1, both);
    if (status) return status;
    status = clb_path_mode_train(&mode, eta, T, &opts, &end);
    if (!status) *share = mode.mean[0] / end.sum;
    clb_path_mode_free(&mode);
    return status;
}

typedef struct pair { double deep;  double optimum, measured; } pair;
static const kit_field pair_fields[] = {
    KIT_KEY(pair, deep), KIT_RESULT(pair, optimum), KIT_RESULT(pair, measured),
};
static clb_status run_pair(kit *x, void *run)
{
    pair *row = run;
    const size_t depth[2] = { 3, (size_t)row->deep };
    double s[2], lambda_min;
    clb_status status = clb_path_optimum(2, depth, 1, s, NULL, &lambda_min);
    (void)x;
    if (status) return status;
    row->optimum = s[0];
    return shallow_share(depth[1], 1e-3, 2 / lambda_min, &row->measured);
}

typedef struct start { double alpha;  double share_shallow; } start;
static const kit_field start_fields[] = { KIT_KEY(start, alpha), KIT_RESULT(start, share_shallow) };
static clb_status run_start(kit *x, void *run)
{
    start *row = run;
    (void)x;
    return shallow_share(20, row->alpha, 0.25 / 20, &row->share_shallow);
}

/* ---- one step -------------------------------------------------------------------------------- */

typedef struct step { double eta;  double worst_ratio_error; } step;
static const kit_field step_fields[] = { KIT_KEY(step, eta), KIT_RESULT(step, worst_ratio_error) };

/* Worst error of measured over predicted drift, all pairs with depth 2; u in [0.5, 0.9]. */
static clb_status run_step(kit *x, void *run)
{
    static const size_t depth[4] = { 2, 3, 5, 7 };
    static const double ones[4] = { 1, 1, 1, 1 };
    step *row = run;
    clb_path_mode mode;
    clb_rng rng;
    clb_status status = clb_path_mode_init(&mode, 4, depth, 1, ones);
    (void)x;
    if (status) return status;
    clb_rng_seed(&rng, 4), row->worst_ratio_error = 0;
    for (int trial = 0; trial < STATES; ++trial) {
        double before[4], after[4], predicted[4];
        for (size_t p = 0; p < 4; ++p) {
            mode.u[p] = 0.5 + 0.4 * clb_rng_double(&rng);
            before[p] = clb_path_leaf(depth[p], mode.u[p]);
        }
        for (size_t p = 1; p < 4; ++p) predicted[p] = clb_path_leaf_drift(&mode, row->eta, p, 0);
        if (fabs(clb_path_mode_step(&mode, row->eta)) < 0.1) continue;       /* nearly at rest */
        for (size_t p = 0; p < 4; ++p) after[p] = clb_path_leaf(depth[p], mode.u[p]);
        for (size_t p = 1; p < 4; ++p) {
            double moved = (after[p] - before[p]) - (after[0] - before[0]);
            if (fabs(predicted[p]) > 0.01 * row->eta * row->eta)
                row->worst_ratio_error =
                    fmax(row->worst_ratio_error, fabs(moved / predicted[p] - 1));
        }
    }
    clb_path_mode_free(&mode);
    return CLB_OK;
}

static const kit_part pairs = KIT_PART("allocation", "depths {3, L}", pair, run_pair);
static const kit_part starts = KIT_PART("escape", "starts of {3, 20}", start, run_start);
static const kit_part drift = KIT_PART("drift", "one step", step, run_step);

static void plan(kit *x)
{
    kit_config(x, "T", T);
    for (int d = 4; d <= DEEPEST; ++d) kit_add(x, &pairs, &(pair){ .deep = d });
    for (int k = 0; k < ALPHAS; ++k)
        kit_add(x, &starts, &(start){ .alpha = clb_pow(10, -4 + 0.15 * k) });
    kit_add(x, &drift, &(step){ .eta = 1e-3 }), kit_add(x, &drift, &(step){ .eta = 1e-4 });
}

/* ---- what follows from the runs ------------------------------------------------------------- */

static void claims(kit *x)
{
    kit_rows two = kit_part_runs(x, &pairs), s = kit_part_runs(x, &starts),
             d = kit_part_runs(x, &drift);
    kit_list share = kit_values(s, KIT_AT(start, share_shallow));
    double low = share.n ? share.at[0] : KIT_NAN, high = share.n ? share.at[share.n - 1] : KIT_NAN,
           worst = 0, at_3 = kit_mean(kit_where(d, KIT_AT(step, eta), 1e-3),
                                      KIT_AT(step, worst_ratio_error)),
           at_4 = kit_mean(kit_where(d, KIT_AT(step, eta), 1e-4), KIT_AT(step, worst_ratio_error));
    kit_claim *c = kit_ours(x, "shallow_wins",
                            "At a small step the shallow one of two pathways takes the signal from "
                            "every common start alpha.");
    kit_statement(c, "share of depth 3 beside 20 from alpha = 0.1", high, kit_above(0.9));
    kit_condition(c, "from a small start", "its share from alpha = 1e-4", low, kit_above(0.9));
    for (size_t i = 0; i < two.n; ++i) {
        const pair *r = two.at[i];
        worst = kit_worse(worst, fabs(r->measured / r->optimum - 1));
    }
    kit_summary(x, "share from alpha = 0.1", high);
    c = kit_ours(x, "flattest_split",
                 "Beside any deeper pathway depth 3 ends at the critical step with its share of "
                 "the flattest split.");
    kit_statement(c, "largest difference, L = 4 to 40", 100 * worst,
                  kit_in_units(kit_below(2), "%"));
    c = kit_identity(x, "one_step", "One step changes what gradient flow conserves as predicted.",
                     "worst relative error at eta = 1e-3", at_3, kit_at_most(1e-2));
    kit_statement(c, "at 1e-4 over at 1e-3", at_4 / at_3, kit_at_most(0.15));
}

static void figure(kit *x)
{
    kit_rows two = kit_part_runs(x, &pairs), s = kit_part_runs(x, &starts);
    plot *p = kit_figure(x, "depths", 2, 1);
    plot_panel *a = plot_add(p, "Share of depth 3 beside a deeper path",
                             "depth of the other pathway", "share of depth 3", PLOT_LINEAR);
    plot_rows_line(a, PLOT_BLUE, two, KIT_AT(pair, deep), KIT_AT(pair, optimum), "flattest split");
    plot_rows_points(a, PLOT_ORANGE | PLOT_SMALL, two, KIT_AT(pair, deep), KIT_AT(pair, measured),
                     "end at the critical step");
    a = plot_add(p, "Who wins at a small step, depths {3, 20}", "initial s of both, alpha",
                 "share of depth 3", PLOT_LOGX);
    plot_rows_line(a, PLOT_BLUE, s, KIT_AT(start, alpha), KIT_AT(start, share_shallow), NULL);
    plot_rows_points(a, PLOT_BLUE, s, KIT_AT(start, alpha), KIT_AT(start, share_shallow), NULL);
    plot_caption(p, "The flattest split at the critical step; the shallow pathway wins at a small "
                    "step from small starts only.");
}

static void report(kit *x)
{
    claims(x);
    figure(x);
}

static const kit_info info = {
    .id = "M04_depths", .title = "Depth 3 beside deeper pathways",
    .statement = "beyond allocation", .beyond = "M04", .plan = plan, .report = report, };
KIT_MAIN(info)
