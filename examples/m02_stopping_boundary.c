/* M2  Where training stops in the window of step sizes.                                @S23, Fig. 2
 *   cc -O2 -DCLB_STATIC -o m02 examples/m02_stopping_boundary.c -lm && ./m02                 (1 s)
 * Setup   P = 2 pathways of depth L = 3, 5, 20 towards s* = 2: u_p <- u_p - eta r u_p^(L-1) with
 *         r = u_1^L + u_2^L - s*, from u_p^L = 0.01 and 0.005, 20000 steps. gamma = eta S, with S
 *         the sharpness of a single pathway: 0.25, 1, 1.9; seven places from 2 to gamma_c = 2
 *         P^(1-2/L), where eta = 2/lambda_min; 1.02, 1.05 and 1.1 gamma_c. lambda_min is the
 *         sharpness at equal shares. A second run from 0.01 (1 + 1e-12) shows what chaos changes.
 * Measure over the last 200 steps: the share of pathway 1, eta lambda, the root mean square of r.
 * Paper   a run stops where eta lambda = 2, at the share a with a^(2-2/L) + (1-a)^(2-2/L) =
 *         2/gamma, or before, at the share that gradient flow ends in; no balance beyond gamma_c.
 * Beyond  beyond/m02_overshoot.c: how far past the boundary; beyond/m02_map.c: other P, L. */
#define CLB_IMPLEMENTATION
#include "../clb.h"
#include "kit/kit.h"
#include "kit/pathways.h"

static const double depths[] = { 3, 5, 20 }, alpha[] = { 0.01, 0.005 };
enum { DEPTHS = KIT_LEN(depths), T = 20000, TAIL = 200, FIRST = 3, CRITICAL = 9 };

/* ---- one run --------------------------------------------------------------------------------- */

/* place: of gamma among the thirteen, 3 .. 8 the window, 9 gamma_c. The share has two bounds:
 * leaf_share, where gradient flow ends, and boundary_share, where eta lambda = 2; excess: over the
 * lower one; edge 1: the second stops (in the window; at two places of L = 3 the first does). */
typedef struct training {
    double L, gamma, place;
    double eta, share, eta_lambda_mean, rms_r, leaf_share, boundary_share, edge, excess, min_u,
        rises, share_spread;
    const char *outcome;
    kit_list mean_s;
} training;
#define AT(member) KIT_AT(training, member)
static const kit_field training_fields[] = {
    KIT_KEY(training, L), KIT_KEY(training, gamma), KIT_KEY(training, place),
    KIT_RESULT(training, eta), KIT_RESULT(training, share), KIT_RESULT(training, eta_lambda_mean),
    KIT_RESULT(training, rms_r), KIT_RESULT(training, leaf_share),
    KIT_RESULT(training, boundary_share), KIT_RESULT(training, edge), KIT_RESULT(training, excess),
    KIT_RESULT(training, min_u), KIT_RESULT(training, rises), KIT_RESULT(training, share_spread),
    KIT_RESULT_TEXT(training, outcome), KIT_RESULT_ARRAY(training, mean_s),
};

/* first: factor on alpha_1. */
static clb_status train(kit *x, training *row, double first)
{
    double start[2] = { alpha[0] * first, alpha[1] }, flow[2];
    clb_path_mode_opts opts = { .tail = TAIL, .laws = 1, .observe = path_lowest };
    clb_path_mode mode;
    clb_path_mode_run end;
    clb_status status = path_start(&mode, 2, (size_t)row->L, 2, start);
    if (status) return status;
    opts.context = &row->min_u, row->min_u = KIT_INF;
    status = clb_path_leaf_endpoint(&mode, flow);
    if (!status) status = clb_path_mode_train(&mode, row->eta, T, &opts, &end);
    if (!status) {
        row->share = end.share, row->eta_lambda_mean = end.eta_lambda, row->rms_r = end.rms_r;
        row->rises = (double)end.rises, row->outcome = clb_path_outcome_name(end.outcome);
        row->leaf_share = flow[0] / 2, row->mean_s = kit_keep(x, 2, mode.mean);
    }
    clb_path_mode_free(&mode);
    return status;
}

static clb_status run_training(kit *x, void *run)
{
    training *row = run, moved;
    size_t L = (size_t)row->L;
    clb_status status;
    row->eta = row->gamma / clb_path_single_sharpness(L, 2);
    row->boundary_share = clb_path_boundary_share(L, row->gamma);
    moved = *row;
    status = train(x, &moved, 1 + 1e-12);
    if (!status) status = train(x, row, 1);
    row->share_spread = fabs(row->share - moved.share);
    row->edge = row->place >= (L == 3 ? FIRST + 2 : FIRST) && row->place < CRITICAL;
    row->excess = row->share - fmin(row->leaf_share, row->boundary_share);
    return status;
}

static const kit_part trainings = KIT_PART("window", "thirteen step sizes", training, run_training);

static void plan(kit *x)
{
    kit_config(x, "T", T);
    for (size_t i = 0; i < DEPTHS; ++i)
        for (size_t k = 0; k < PATH_WINDOW; ++k)
            kit_add(x, &trainings, &(training){ .L = depths[i], .place = (double)k,
                                                .gamma = path_window_gamma(depths[i], k) });
}

/* ---- what follows from the runs -------------------------------------------------------------- */

static void claims(kit *x, kit_rows all)
{
    kit_rows edge = kit_where(all, AT(edge), 1);
    kit_list eta_lambda = kit_values(edge, AT(eta_lambda_mean));
    double least = 2 - kit_largest(eta_lambda), largest = 2 - kit_least(eta_lambda);
    double excess = path_largest(kit_between(all, AT(place), 0, CRITICAL - 1), AT(excess));
    double rms = path_least(kit_between(all, AT(place), CRITICAL + 1, PATH_WINDOW), AT(rms_r));
    double rise = KIT_NAN, off = kit_worst(edge, AT(excess));
    kit_claim *c = kit_paper(x, "boundary", "Between 2/S and 2/lambda_min training stops where the "
                             "step size times the sharpness is 2: the share of the larger pathway "
                             "falls with the step.", "Fig. 2");
    for (size_t i = 1; i < all.n; ++i) {
        const training *r = all.at[i], *before = all.at[i - 1];
        if (r->L == before->L && r->place <= CRITICAL)
            rise = kit_worse(rise, r->share - before->share);
    }
    kit_summary(x, "error of the boundary share", off);
    kit_statement(c, "largest change of the share to the next step size, up to gamma_c", rise,
                  kit_below(0));
    kit_statement(c, "largest excess of the share over its two bounds", excess, kit_at_most(1e-6));
    kit_statement(c, "least 2 - eta lambda in the window", least, kit_at_least(0));
    kit_statement(c, "largest 2 - eta lambda in the window", largest, kit_at_most(0.03));
    kit_remark(c, "The bounds are the share at eta lambda = 2 and the share that gradient flow "
                  "ends in; at L = 3 the second is the lower one in the first quarter of the "
                  "window, which is left out of 2 - eta lambda.");
    c = kit_paper(x, "unstable", "Beyond 2/lambda_min the balanced minimum is unstable.",
                  "unstable");
    kit_statement(c, "least root mean square of the residual beyond gamma_c", rms, kit_above(0.01));
    kit_remark(c, "The balance stays: both pathways follow one permanent two-cycle.");
    kit_identity(x, "variance", "The variance of the leaf coordinates never grows.",
                 "most steps in which it does", kit_worst(all, AT(rises)), kit_equal(0));
}

static void figure(kit *x)
{
    plot *p = kit_figure(x, "stopping", 2, 1);
    plot_panel *a, *b;
    double gamma[200], share[200];
    a = plot_add(p, "Where runs stop, P = 2", "gamma", "share of pathway 1", PLOT_LINEAR);
    b = plot_add(p, "Sharpness at the end", "gamma", "eta lambda, mean of 200", PLOT_LINEAR);
    for (size_t i = 0; i < DEPTHS; ++i) {
        kit_rows rows = kit_where(kit_part_runs(x, &trainings), AT(L), depths[i]);
        const char *name = kit_print(x, "L = %.0f", depths[i]);
        size_t L = (size_t)depths[i];
        for (int k = 0; k < 200; ++k)
            gamma[k] = 2 + 2.0 * k / 200, share[k] = clb_path_boundary_share(L, gamma[k]);
        plot_line(a, (int)i | PLOT_DASHED, 200, gamma, share, i ? NULL : "eta lambda = 2");
        plot_rows_points(a, (int)i, rows, AT(gamma), AT(share), name);
        plot_rows_curve(b, (int)i, rows, AT(gamma), AT(eta_lambda_mean), name);
    }
    plot_vertical(a, 2, "2/S"), plot_horizontal(b, 2, "edge of stability");
    plot_caption(p, "Final share and sharpness over the window of step sizes; dashed: share at eta "
                    "lambda = 2.");
}

static void report(kit *x)
{
    kit_rows all = kit_part_runs(x, &trainings);
    KIT_RUN_TABLE(all, "window", "Where runs end: share of the larger path, its two bounds, mean "
                  "eta lambda, root mean square of r", AT(L), AT(gamma), AT(share),
                  AT(leaf_share), AT(boundary_share), AT(eta_lambda_mean), AT(rms_r), AT(outcome));
    claims(x, all), figure(x);
}

static const kit_info info = {
    .id = "M02", .title = "Stopping boundary", .statement = "stopping boundary",
    .key_result = "runs stop at eta lambda = 2", .plan = plan, .report = report, };
KIT_MAIN(info)
