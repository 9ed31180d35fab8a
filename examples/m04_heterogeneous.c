/* M4  Pathways of different depths: the allocation at the critical step is the flattest one.
 *                                                                                  @S23, Fig. 4
 *   cc -O2 -DCLB_STATIC -o m04 examples/m04_heterogeneous.c -lm && ./m04                     (1 s)
 * Setup   one mode with target s*, pathways of depths {3,5,7}, {3,4}, {2,3}, {5,10,20}, all from
 *         s_p = alpha = 1e-3 ({2,3}: 1e-2), 40000 steps. A minimum has sharpness sum_p L_p
 *         s_p^(2-2/L_p); lambda_min is the least of all splits of s*. eta = 0.25 / sharpness of the
 *         shallowest pathway alone, 0.98 * 2/lambda_min, 2/lambda_min (the critical step).
 * Measure the shares s_p / sum s, means of the last two iterates; eta times the sharpness there.
 * Paper   at a small step the shallow pathway takes all; large steps allocate the signal as the
 *         flattest split does.
 * Beyond  beyond/m04_depths.c: two pathways of depths 3 and 4 to 40; from which alpha the shallow
 *         one wins; the drift of a single step. */
#define CLB_IMPLEMENTATION
#include "../clb.h"
#include "kit/kit.h"
#include "kit/pathways.h"

typedef struct net {
    size_t      P, depth[3];
    double      target, alpha;
    const char *name;
} net;
static const net nets[] = {
    { 3, { 3, 5, 7 },   1, 1e-3, "{3,5,7}, s*=1" }, { 3, { 3, 5, 7 }, 2, 1e-3, "{3,5,7}, s*=2" },
    { 2, { 3, 4, 0 },   1, 1e-3, "{3,4}" },         { 2, { 2, 3, 0 }, 1, 1e-2, "{2,3}" },
    { 3, { 5, 10, 20 }, 1, 1e-3, "{5,10,20}" } };
static const char *const steps[] = { "small", "0.98", "1.00" },
                  *const step_names[] = { "small step", "0.98 of critical", "critical" };
enum { T = 40000, SETS = KIT_LEN(nets), WITH_DEPTH_2 = 3 };

typedef struct training {
    double      set;               /* place in the list above */
    const char *step;
    double      eta, eta_lambda_mean_last2, loss_last, peak_share_shallow, min_u;
    double      max_rel_dev_from_opt;
    double      spread;            /* change of s_p if alpha_1 is larger by 1e-12 */
    kit_list    share, mean_last2_s, share_at_peak, marginals;
} training;
#define AT(member) KIT_AT(training, member)
static const kit_field training_fields[] = {
    KIT_KEY(training, set), KIT_KEY_TEXT(training, step), KIT_RESULT(training, eta),
    KIT_RESULT(training, eta_lambda_mean_last2), KIT_RESULT(training, loss_last),
    KIT_RESULT(training, peak_share_shallow), KIT_RESULT(training, min_u),
    KIT_RESULT(training, max_rel_dev_from_opt), KIT_RESULT(training, spread),
    KIT_RESULT_ARRAY(training, share), KIT_RESULT_ARRAY(training, mean_last2_s),
    KIT_RESULT_ARRAY(training, share_at_peak), KIT_RESULT_ARRAY(training, marginals),
};

/* The state at the moment the shallow pathway is largest. */
typedef struct watch { double peak, share[3]; } watch;

static void observe(void *context, size_t t, const clb_path_mode *mode, double r)
{
    watch *w = context;
    double s = mode->u[0] * mode->power[0] / mode->target;
    (void)t;
    if (!(s > w->peak)) return;
    w->peak = s;
    for (size_t p = 0; p < mode->count; ++p)
        w->share[p] = mode->u[p] * mode->power[p] / (r + mode->target);
}

/* first: factor on alpha_1. mean: s_p, mean of the last two iterates. */
static clb_status train(const net *c, double eta, double first, clb_path_mode_run *end, watch *w,
                        double *mean)
{
    clb_path_mode mode;
    clb_path_mode_opts opts = { .observe = observe, .context = w };
    double alpha[3] = { c->alpha * first, c->alpha, c->alpha };
    clb_status status = clb_path_mode_init(&mode, c->P, c->depth, c->target, alpha);
    if (status) return status;
    w->peak = -1;
    status = clb_path_mode_train(&mode, eta, T, &opts, end);
    for (size_t p = 0; p < c->P; ++p) mean[p] = mode.mean[p];
    clb_path_mode_free(&mode);
    return status;
}

static clb_status run_training(kit *x, void *run)
{
    training *row = run;
    const net *c = &nets[(size_t)row->set];
    double s[3], share[3], marginal[3], mean[3], other[3], mu, lambda_min;
    clb_path_mode_run end, moved;
    watch w, unused;
    clb_status status = clb_path_optimum(c->P, c->depth, c->target, s, &mu, &lambda_min);
    if (status) return status;
    row->eta = !strcmp(row->step, "small")
                   ? 0.25 / clb_path_single_sharpness(c->depth[0], c->target)
                   : (!strcmp(row->step, "0.98") ? 0.98 : 1) * 2 / lambda_min;
    if ((status = train(c, row->eta, 1, &end, &w, mean)) != CLB_OK) return status;
    if ((status = train(c, row->eta, 1 + 1e-12, &moved, &unused, other)) != CLB_OK) return status;
    row->max_rel_dev_from_opt = row->spread = 0;
    for (size_t p = 0; p < c->P; ++p) {
        double L = (double)c->depth[p];
        share[p] = mean[p] / end.sum;
        marginal[p] = 2 * (L - 1) * clb_pow(mean[p], 1 - 2 / L);
        row->max_rel_dev_from_opt = fmax(row->max_rel_dev_from_opt, fabs(mean[p] / s[p] - 1));
        row->spread = fmax(row->spread, fabs(mean[p] - other[p]));
    }
    row->eta_lambda_mean_last2 = end.eta_lambda, row->loss_last = 0.5 * end.r * end.r;
    row->peak_share_shallow = w.peak, row->min_u = end.u_min;
    row->share = kit_keep(x, c->P, share), row->mean_last2_s = kit_keep(x, c->P, mean);
    row->share_at_peak = kit_keep(x, c->P, w.share), row->marginals = kit_keep(x, c->P, marginal);
    return CLB_OK;
}

static const kit_part trainings = KIT_PART("run", "five nets", training, run_training);

static void plan(kit *x)
{
    kit_config(x, "T", T);
    for (size_t i = 0; i < SETS; ++i)
        for (size_t k = 0; k < KIT_LEN(steps); ++k)
            kit_add(x, &trainings, &(training){ .set = (double)i, .step = steps[k] });
}

/* ---- what follows from the runs ------------------------------------------------------------- */

static kit_rows runs_at(kit *x, const char *step)
{
    return kit_where_text(kit_part_runs(x, &trainings), AT(step), step);
}

static void shares_table(kit *x)
{
    kit_rows rows = kit_part_runs(x, &trainings);
    kit_table *t = KIT_TABLE(x, "shares",
                             "Shares at three steps, the largest distance from the flattest "
                             "split, and the peak share of the shallow path", "depths", "step",
                             "share 1", "share 2", "share 3", "largest deviation from optimum",
                             "eta lambda", "peak of shallow");
    for (size_t i = 0; i < rows.n; ++i) {
        const training *r = rows.at[i];
        kit_text(t, nets[(size_t)r->set].name), kit_text(t, r->step);
        kit_cells(t, r->share);
        if (r->share.n < 3) KIT_CELLS(t, KIT_NONE);
        KIT_CELLS(t, r->max_rel_dev_from_opt, r->eta_lambda_mean_last2, r->peak_share_shallow);
    }
}

/* The flattest split of each net, from the formulas alone. */
static void optimum_tables(kit *x)
{
    kit_table *t = KIT_TABLE(x, "nets",
                             "The nets: marginal sharpness mu and sharpness lambda_min of the "
                             "flattest split; the critical step, and times the sharpness of the "
                             "shallow pathway", "depths", "target", "alpha", "mu", "lambda_min",
                             "eta_c", "gamma_c_shallow");
    kit_table *paths = KIT_TABLE(x, "pathways",
                                 "Their pathways: value and share in the flattest split, sharpness "
                                 "of the pathway alone", "set", "pathway", "L", "opt_s",
                                 "opt_share", "S_single");
    for (size_t i = 0; i < SETS; ++i) {
        const net *c = &nets[i];
        double s[3], mu, lambda_min;
        clb_path_bounds window;
        if (clb_path_optimum(c->P, c->depth, c->target, s, &mu, &lambda_min)
            || clb_path_window(c->P, c->depth, c->target, &window))
            return;
        kit_text(t, c->name);
        KIT_CELLS(t, c->target, c->alpha, mu, lambda_min, window.hi, window.gamma_c);
        for (size_t p = 0; p < c->P; ++p)
            KIT_LINE(paths, (double)i, (double)p, (double)c->depth[p], s[p], s[p] / c->target,
                     clb_path_single_sharpness(c->depth[p], c->target));
    }
}

static void claims(kit *x)
{
    kit_rows all = kit_part_runs(x, &trainings), low = runs_at(x, "small"),
             below = runs_at(x, "0.98"), critical = runs_at(x, "1.00");
    kit_at off = AT(max_rel_dev_from_opt), edge = AT(eta_lambda_mean_last2);
    kit_list first = kit_elements(low, AT(share), 0);
    double shallow = first.n ? KIT_INF : KIT_NAN, worst = 0,
           depth_2 = 100 * kit_mean(kit_where(critical, AT(set), WITH_DEPTH_2), off);
    kit_claim *c;
    for (size_t i = 0; i < first.n; ++i) shallow = fmin(shallow, first.at[i]);
    for (size_t i = 0; i < SETS; ++i)
        if (i != WITH_DEPTH_2)
            worst = kit_worse(worst, kit_mean(kit_where(critical, AT(set), (double)i), off));
    kit_summary(x, "deviation from the optimum", worst);
    c = kit_paper(x, "allocation",
                  "A small step gives the signal to the shallow pathway; the critical step spreads "
                  "it as the flattest split does.", "Fig. 4");
    kit_statement(c, "least share of the shallow pathway at the small step", shallow,
                  kit_above(0.9));
    kit_statement(c, "at the critical step largest difference of a share from the flattest split",
                  100 * worst, kit_in_units(kit_below(2), "%"));
    kit_statement(c, "the same for depths {2,3}", depth_2, kit_in_units(kit_below(5), "%"));
    kit_remark(c, "In {2,3} the pathway of depth 2 has no force of its own.");
    c = kit_paper(x, "every_large_step", "At every large step the split is the flattest one.",
                  "minimum of the sharpness");
    kit_statement(c, "largest difference at 0.98 of the critical step",
                  100 * path_largest(below, off), kit_in_units(kit_below(2), "%"));
    kit_condition(c, "at the critical step", "largest difference, depths of 3 and more",
                  100 * worst, kit_in_units(kit_below(2), "%"));
    kit_remark(c, "Below the critical step training ends where eta times the sharpness is 2, which "
                  "is a whole surface of splits.");
    kit_identity(x, "positive", "Every weight stays positive.", "least weight",
                 path_least(all, AT(min_u)), kit_above(0));
    c = kit_identity(x, "edge", "Both large steps end at the edge of stability.",
                     "least eta lambda", fmin(path_least(below, edge), path_least(critical, edge)),
                     kit_at_least(1.95));
    kit_statement(c, "largest", fmax(path_largest(below, edge), path_largest(critical, edge)),
                  kit_at_most(2.001));
}

static void figure(kit *x)
{
    static const double diagonal[2] = { 0, 1 };
    plot *p = kit_figure(x, "allocation", 1, 1);
    plot_panel *a = plot_add(p, "Shares against the flattest split", "optimal share",
                             "measured share", PLOT_LINEAR);
    for (size_t k = 0; k < KIT_LEN(steps); ++k) {
        kit_rows rows = runs_at(x, steps[k]);
        double at[3 * SETS], y[3 * SETS], s[3];
        size_t n = 0;
        for (size_t i = 0; i < rows.n; ++i) {
            const training *r = rows.at[i];
            const net *c = &nets[(size_t)r->set];
            if (clb_path_optimum(c->P, c->depth, c->target, s, NULL, NULL)) return;
            for (size_t q = 0; q < c->P; ++q) at[n] = s[q] / c->target, y[n++] = r->share.at[q];
        }
        plot_points(a, (int)k, n, at, y, step_names[k]);
    }
    plot_line(a, PLOT_GREY | PLOT_DASHED, 2, diagonal, diagonal, NULL);
    plot_caption(p, "Allocation of the signal to pathways of different depth: the flattest split "
                    "at the critical step.");
}

static void report(kit *x)
{
    shares_table(x);
    optimum_tables(x);
    claims(x);
    figure(x);
}

static const kit_info info = {
    .id = "M04", .title = "Heterogeneous depths", .statement = "allocation",
    .key_result = "allocation = flattest split", .plan = plan, .report = report, };
KIT_MAIN(info)
