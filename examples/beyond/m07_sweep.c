/* Beyond M7  How many modes re-balance, on a fine sweep of the step.
 *   cc -O2 -DCLB_STATIC -o sweep examples/beyond/m07_sweep.c -lm && ./sweep                  (1 s)
 * Setup   M7's recursion, gamma_1 = 0.4 to 3.8 in steps of 0.05.
 * Result  eta S_i > 2 counts one mode too many just above an edge: where gradient flow ends the
 *         mode is a little flatter than a single pathway, and it leaves that point by less than
 *         0.01 at first. Below the edges no mode re-balances. */
#define CLB_IMPLEMENTATION
#include "../../clb.h"
#include "../kit/kit.h"
#include "../kit/pathways.h"

enum { D = 5, P = 2, L = 20, T = 6000, TAIL = 200, SWEEP = 69 };
static const double target[D] = { 1, .9, .8, .7, .6 }, alpha[P] = { 0.01, 0.005 };
static const size_t depth[P] = { L, L };

typedef struct modes {
    double   gamma1;
    double   predicted_rank, rank_by_flow, measured_rank;
    kit_list share;
} modes;
static const kit_field modes_fields[] = {
    KIT_KEY(modes, gamma1), KIT_RESULT(modes, predicted_rank), KIT_RESULT(modes, rank_by_flow),
    KIT_RESULT(modes, measured_rank), KIT_RESULT_ARRAY(modes, share),
};
#define AT(member) KIT_AT(modes, member)

/* Predicted: modes with eta S_i > 2; by flow: with eta times the sharpness where gradient flow ends
 * above 2; measured: with a share 0.01 below that of gradient flow. */
static clb_status run_modes(kit *x, void *run)
{
    modes *row = run;
    double eta = row->gamma1 / clb_path_single_sharpness(L, target[0]), share[D], leaf;
    row->measured_rank = row->rank_by_flow = 0;
    for (size_t i = 0; i < D; ++i) {
        clb_path_mode_run end;
        double s[P];
        clb_status status =
            path_train_mode(P, depth, target[i], alpha, eta, T, TAIL, &end, &leaf);
        if (status) return status;
        share[i] = end.share, row->measured_rank += share[i] < leaf - 0.01;
        s[0] = leaf * target[i], s[1] = (1 - leaf) * target[i];
        row->rank_by_flow += eta * clb_path_sharpness(P, depth, s) > 2;
    }
    row->predicted_rank = (double)clb_path_rank(L, D, target, eta);
    row->share = kit_keep(x, D, share);
    return CLB_OK;
}

static const kit_part sweep = KIT_PART("sweep", "fine sweep of the step", modes, run_modes);

static void plan(kit *x)
{
    kit_config(x, "T", T);
    for (int k = 0; k < SWEEP; ++k) kit_add(x, &sweep, &(modes){ .gamma1 = 0.4 + 0.05 * k });
}

static void report(kit *x)
{
    kit_rows rows = kit_part_runs(x, &sweep);
    kit_list at = kit_values(rows, AT(gamma1));
    kit_table *t = KIT_TABLE(x, "differs",
                             "Steps at which another number of modes re-balances than predicted",
                             "gamma1", "predicted_rank", "rank_by_flow", "measured_rank");
    kit_claim *c = kit_ours(x, "every_step", "At every step exactly the modes with eta S_i > 2 "
                                             "re-balance.");
    plot *p = kit_figure(x, "sweep", 1, 1);
    plot_panel *a =
        plot_add(p, "Share of pathway 1 in each mode", "gamma of mode 1", "share", PLOT_LINEAR);
    double wrong = 0, wrong_by_flow = 0, most = 0, too_many = 0;
    for (size_t k = 0; k < rows.n; ++k) {
        const modes *r = rows.at[k];
        wrong += r->predicted_rank != r->measured_rank;
        wrong_by_flow += r->rank_by_flow != r->measured_rank;
        too_many += r->measured_rank > r->predicted_rank;
        most = fmax(most, fabs(r->predicted_rank - r->measured_rank));
        if (r->predicted_rank != r->measured_rank)
            KIT_LINE(t, r->gamma1, r->predicted_rank, r->rank_by_flow, r->measured_rank);
    }
    kit_summary(x, "steps that differ", wrong);
    kit_statement(c, "of 69 steps those that differ", wrong, kit_equal(0));
    kit_show(c, "those that differ from eta lambda > 2 where gradient flow ends", wrong_by_flow);
    kit_condition(c, "up to one mode that has only begun", "steps with more modes than predicted",
                  too_many, kit_equal(0));
    kit_condition(c, "up to one mode that has only begun", "largest difference in modes", most,
                  kit_at_most(1));
    for (size_t i = 0; i < D; ++i) {
        plot_lists(a, (int)i, at, kit_elements(rows, AT(share), i),
                   kit_print(x, "s* = %g", target[i]));
        plot_vertical(a, 2 * clb_path_single_sharpness(L, target[0])
                             / clb_path_single_sharpness(L, target[i]), NULL);
    }
    plot_caption(p, "Each mode re-balances just above its edge eta S_i = 2.");
}

static const kit_info info = {
    .id = "M07_sweep", .title = "Modes that re-balance, step by step",
    .statement = "beyond the rank-r window", .beyond = "M07", .plan = plan, .report = report, };
KIT_MAIN(info)
