/* M1  Two phases: winner takes all, then the step size restores the balance.           @S23, Fig. 1
 *   cc -O2 -DCLB_STATIC -o m01 examples/m01_two_phases.c -lm && ./m01                        (1 s)
 * Setup   P = 2 pathways of depth L = 20 towards three modes s* = 2, 1, 0.5 that do not touch each
 *         other: u_p <- u_p - eta r u_p^(L-1), r = sum_p u_p^L - s*, from u_p^L = 0.01 and 0.005.
 *         gamma = eta S, with S the sharpness of a single pathway that carries mode 1: gamma = 1
 *         and 3 for 4000 steps, gamma_c = 2 P^(1-2/L), where eta = 2/lambda_min, for 20000.
 *         lambda_min is the sharpness at equal shares. A second run from 0.01 (1 + 1e-12) shows
 *         what chaos changes.
 * Measure of mode 1: share of pathway 1, eta lambda, variance V of the leaf coordinates u_p^(2-L).
 * Paper   small steps: one pathway takes the mode; 2/S < eta < 2/lambda_min: balance is restored in
 *         part; eta = 2/lambda_min: equal shares.
 * Beyond  beyond/m01_matrices.c: full matrices against this recursion; beyond/m01_central_flow.c:
 *         how V decays at gamma_c. */
#define CLB_IMPLEMENTATION
#include "../clb.h"
#include "kit/kit.h"
#include "kit/pathways.h"

enum { MODES = 3, P = 2, L = 20, SAMPLES = 1000 };
static const double target[MODES] = { 2, 1, 0.5 }, alpha[P] = { 0.01, 0.005 };
static const char *const names[] = { "small", "intermediate", "critical" };
static const double marks[] = { 0, 50, 100, 200, 500, 1000, 2000, 4000, 20000 };

/* ---- one run --------------------------------------------------------------------------------- */

typedef struct training {
    const char *name;
    double gamma, T;
    double eta, final_share_mode1, final_eta_lambda1, final_eta_lambda1_mean_last2,
        first_step_etalam_gt2;
    double share_before_cross, max_etalam1, max_share_mode1, min_u, gap_rel, final_loss;
    double varz_increase_steps, unsafe_steps, t_varz_over_zstar2, spread_final_s_1e12;
    const char *outcome;
    kit_list final_s, final_s_mean_last2; /* pathway by pathway, three modes each */
    kit_list gap_rel_at, varz_at;                          /* at the marks */
    kit_list t, s1, s2, eta_lambda, variance;
} training;

#define RESULT(member) KIT_RESULT(training, member)
#define ARRAY(member) KIT_RESULT_ARRAY(training, member)
static const kit_field training_fields[] = {
    KIT_KEY_TEXT(training, name), KIT_KEY(training, gamma), KIT_KEY(training, T), RESULT(eta),
    RESULT(final_share_mode1), RESULT(final_eta_lambda1), RESULT(final_eta_lambda1_mean_last2),
    RESULT(first_step_etalam_gt2), RESULT(share_before_cross), RESULT(max_etalam1),
    RESULT(max_share_mode1), RESULT(min_u), RESULT(gap_rel), RESULT(final_loss),
    RESULT(varz_increase_steps), RESULT(unsafe_steps), RESULT(t_varz_over_zstar2),
    RESULT(spread_final_s_1e12), KIT_RESULT_TEXT(training, outcome), ARRAY(final_s),
    ARRAY(final_s_mean_last2), ARRAY(gap_rel_at), ARRAY(varz_at), ARRAY(t), ARRAY(s1), ARRAY(s2),
    ARRAY(eta_lambda), ARRAY(variance),
};

typedef struct watch {
    size_t n, marked;
    double eta, gap[KIT_LEN(marks)], var[KIT_LEN(marks)];
    double t[SAMPLES], s1[SAMPLES], s2[SAMPLES], eta_lambda[SAMPLES], variance[SAMPLES];
} watch;

/* Mode 1 at the marks and at steps that are dense first. */
static void observe(void *context, size_t t, const clb_path_mode *mode, double r)
{
    watch *w = context;
    (void)r;
    if (w->marked < KIT_LEN(marks) && (double)t == marks[w->marked]) {
        w->gap[w->marked] = clb_path_mode_gap(mode);
        w->var[w->marked++] = clb_path_mode_variance(mode);
    }
    if (t > 300 && t % (t < 3000 ? 10 : 100)) return;
    w->t[w->n] = (double)t, w->eta_lambda[w->n] = w->eta * clb_path_mode_sharpness(mode);
    w->s1[w->n] = clb_path_mode_signal(mode, 0), w->s2[w->n] = clb_path_mode_signal(mode, 1);
    w->variance[w->n++] = clb_path_mode_variance(mode);
}

/* All modes; last and mean of the last two s [p][i]. first: factor on alpha_1. w: of mode 1, or
 * NULL. */
static clb_status train(double eta, size_t T, double first, watch *w, clb_path_mode_run *run,
                        double *mean, double *last)
{
    double start[P] = { alpha[0] * first, alpha[1] };
    clb_status status = CLB_OK;
    for (size_t i = 0; i < MODES && !status; ++i) {
        clb_path_mode_opts opts = { .laws = 1, .observe = w && i == 0 ? observe : NULL,
                                    .context = w };
        clb_path_mode mode;
        clb_path_mode_run other;
        if ((status = path_start(&mode, P, L, target[i], start)) != CLB_OK) return status;
        status = clb_path_mode_train(&mode, eta, T, &opts, i ? &other : run);
        for (size_t p = 0; p < P; ++p) {
            mean[p * MODES + i] = mode.mean[p];
            last[p * MODES + i] = clb_path_mode_signal(&mode, p);
        }
        clb_path_mode_free(&mode);
    }
    return status;
}

static void record(kit *x, training *row, const watch *w, const clb_path_mode_run *end)
{
    row->final_eta_lambda1_mean_last2 = end->eta_lambda, row->share_before_cross = end->cross_share;
    row->first_step_etalam_gt2 = end->cross == CLB_PATH_NEVER ? -1 : (double)end->cross;
    row->max_etalam1 = end->eta_lambda_max, row->max_share_mode1 = end->peak,
    row->min_u = end->u_min;
    row->gap_rel = end->gap, row->varz_increase_steps = (double)end->rises;
    row->unsafe_steps = (double)end->unsafe, row->outcome = clb_path_outcome_name(end->outcome);
    row->t_varz_over_zstar2 = row->T * w->variance[w->n - 1]; /* z* = 1, as s* = P */
    row->gap_rel_at = kit_keep(x, w->marked, w->gap), row->varz_at = kit_keep(x, w->marked, w->var);
    row->t = kit_keep(x, w->n, w->t), row->s1 = kit_keep(x, w->n, w->s1),
    row->s2 = kit_keep(x, w->n, w->s2);
    row->eta_lambda = kit_keep(x, w->n, w->eta_lambda),
    row->variance = kit_keep(x, w->n, w->variance);
}

static clb_status run_training(kit *x, void *run)
{
    training *row = run;
    size_t depth[P] = { L, L }, T = (size_t)row->T;
    double mean[P * MODES], last[P * MODES], mean2[P * MODES], last2[P * MODES], s[P];
    watch w = { 0 };
    clb_path_mode_run end, moved;
    clb_status status;
    row->eta = row->gamma / clb_path_single_sharpness(L, target[0]);
    if (!strcmp(row->name, "critical")) row->eta = 2 / clb_path_balanced_sharpness(P, L, target[0]);
    w.eta = row->eta;
    status = train(row->eta, T, 1, &w, &end, mean, last);
    if (!status) status = train(row->eta, T, 1 + 1e-12, NULL, &moved, mean2, last2);
    if (status) return status;
    record(x, row, &w, &end);
    row->final_s = kit_keep(x, P * MODES, last),
    row->final_s_mean_last2 = kit_keep(x, P * MODES, mean);
    row->spread_final_s_1e12 = row->final_loss = 0;
    for (size_t k = 0; k < P * MODES; ++k)
        row->spread_final_s_1e12 = fmax(row->spread_final_s_1e12, fabs(mean[k] - mean2[k]));
    for (size_t i = 0; i < MODES; ++i) {
        double r = last[i] + last[MODES + i] - target[i];
        row->final_loss += 0.5 * r * r;
    }
    s[0] = last[0], s[1] = last[MODES];
    row->final_share_mode1 = s[0] / (s[0] + s[1]);
    row->final_eta_lambda1 = row->eta * clb_path_sharpness(P, depth, s);
    return CLB_OK;
}

static const kit_part trainings = KIT_PART("run", "three step sizes", training, run_training);

static void plan(kit *x)
{
    double gamma[3] = { 1, 3, path_gamma_c(L, P) };
    kit_config(x, "P", P), kit_config(x, "L", L), kit_config(x, "d", MODES);
    for (size_t k = 0; k < 3; ++k)
        kit_add(x, &trainings, &(training){ .name = names[k], .gamma = gamma[k],
                                            .T = kit_quick(x) ? 1000 : k == 2 ? 20000 : 4000 });
}

/* ---- what follows from the runs -------------------------------------------------------------- */

static void tables(kit *x, kit_rows rows)
{
    kit_table *t = KIT_TABLE(x, "runs",
                             "Small, intermediate and critical step: share of path 1, eta lambda "
                             "at the end, first step beyond 2, V against its 1/t law",
                             "run", "gamma", "final_share_mode1", "final_eta_lambda1_mean_last2",
                             "first_step_etalam_gt2", "share_before_cross", "max_etalam1",
                             "gap_rel", "t_varz_over_zstar2", "unsafe_steps", "outcome");
    for (size_t k = 0; k < rows.n; ++k) {
        const training *r = rows.at[k];
        kit_text(t, r->name);
        KIT_CELLS(t, r->gamma, r->final_share_mode1, r->final_eta_lambda1_mean_last2,
                  r->first_step_etalam_gt2, r->share_before_cross, r->max_etalam1, r->gap_rel,
                  r->t_varz_over_zstar2, r->unsafe_steps);
        kit_text(t, r->outcome);
    }
    t = KIT_TABLE(x, "modes",
                  "Single sharpness S, least sharpness lambda_min, and shares of gradient flow",
                  "target", "S", "lambda_min", "flow share 1", "flow share 2");
    for (size_t i = 0; i < MODES; ++i) {
        double s[P] = { KIT_NAN, KIT_NAN };
        clb_path_mode mode;
        if (path_start(&mode, P, L, target[i], alpha)) continue;
        clb_path_leaf_endpoint(&mode, s);
        clb_path_mode_free(&mode);
        KIT_LINE(t, target[i], clb_path_single_sharpness(L, target[i]),
                 clb_path_balanced_sharpness(P, L, target[i]), s[0] / target[i], s[1] / target[i]);
    }
}

static void claims(kit *x, const training *small, const training *middle, const training *critical,
                   kit_rows rows)
{
    kit_claim *c = kit_paper(x, "two_phases",
                             "Small steps let one pathway take the mode; larger steps restore the "
                             "balance, in part between 2/S and 2/lambda_min, in full at "
                             "2/lambda_min.",
                             "Fig. 1");
    kit_summary(x, "share_intermediate", middle->final_share_mode1);
    kit_summary(x, "share_small", small->final_share_mode1);
    kit_summary(x, "share_critical", critical->final_share_mode1);
    kit_summary(x, "eta_lo", 2 / clb_path_single_sharpness(L, target[0]));
    kit_summary(x, "eta_hi", 2 / clb_path_balanced_sharpness(P, L, target[0]));
    kit_statement(c, "share of pathway 1 at the small step", small->final_share_mode1,
                  kit_above(0.99));
    kit_statement(c, "largest eta lambda there", small->max_etalam1, kit_below(2));
    kit_statement(c, "the share at the small step less that at the intermediate step",
                  small->final_share_mode1 - middle->final_share_mode1, kit_above(0));
    kit_statement(c, "eta lambda at the end of the intermediate step",
                  middle->final_eta_lambda1_mean_last2, kit_within(2, 0.05));
    kit_statement(c, "share at the intermediate step less that at the critical step",
                  middle->final_share_mode1 - critical->final_share_mode1, kit_above(0));
    kit_statement(c, "share at the critical step", critical->final_share_mode1, kit_below(0.505));
    c = kit_paper(x, "variance",
                  "The variance of the leaf coordinates of the pathways never grows.",
                  "theorem, under a condition on every step");
    kit_statement(c, "most steps of a run in which it grows",
                  kit_worst(rows, KIT_AT(training, varz_increase_steps)), kit_equal(0));
    kit_statement(c, "least u of a run", path_least(rows, KIT_AT(training, min_u)), kit_above(0));
    kit_show(c, "steps of the intermediate run that violate the condition", middle->unsafe_steps);
    kit_show(c, "and of the critical run", critical->unsafe_steps);
    kit_remark(c, "The condition is sufficient: steps that violate it need not raise the "
                  "variance.");
}

static void figure(kit *x, kit_rows rows)
{
    plot *p = kit_figure(x, "two_phases", 3, 2);
    plot_panel *a, *b;
    for (size_t k = 0; k < rows.n; ++k) {
        const training *r = rows.at[k];
        a = plot_add(p, kit_print(x, "gamma = %.4g (%s)", r->gamma, r->name), "step", "s of mode 1",
                     PLOT_LOGX);
        plot_lists(a, PLOT_BLUE, r->t, r->s1, "pathway 1");
        plot_lists(a, PLOT_ORANGE, r->t, r->s2, "pathway 2");
        plot_horizontal(a, 1, "s*/P");
    }
    a = plot_add(p, "Sharpness", "step", "eta lambda", PLOT_LOGX), plot_range_y(a, 0, 4);
    b = plot_add(p, "Variance of the leaf coordinates", "step", "V", PLOT_LOG);
    for (size_t k = 0; k < rows.n; ++k) {
        const training *r = rows.at[k];
        plot_lists(a, (int)k, r->t, r->eta_lambda, r->name);
        plot_lists(b, (int)k, r->t, r->variance, r->name);
    }
    plot_horizontal(a, 2, "edge of stability");
    plot_caption(p, "Mode 1 of two pathways of depth 20: winner takes all, balance restored in "
                    "part and in full.");
}

static void report(kit *x)
{
    kit_rows rows = kit_part_runs(x, &trainings);
    tables(x, rows);
    if (rows.n < 3) return;
    claims(x, rows.at[0], rows.at[1], rows.at[2], rows);
    figure(x, rows);
}

static const kit_info info = {
    .id = "M01", .title = "Two phases of multi-pathway networks", .statement = "re-balancing",
    .key_result = "large steps restore symmetry", .plan = plan, .report = report,
};
KIT_MAIN(info)
