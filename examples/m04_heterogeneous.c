/* M4  Pathways of different depths: the allocation at the critical step is the flattest one.
 *                                                                                   @S23, Fig. 4
 *   cc -O2 -o m04 examples/m04_heterogeneous.c -lm && ./m04                             (seconds)
 * Setup   recursion, depths {3,5,7}, {3,4}, {2,3}, {5,10,20}, alpha = 1e-3 for all ({2,3}: 1e-2),
 *         T = 40000; eta = 0.25 / S_shallow, 0.98 * 2/lambda_min, 2/lambda_min.
 * Paper   winner takes all goes to the shallow path; large steps allocate as argmin of sum_p L_p
 *         s_p^(2-2/L_p).
 * Beyond  only at eta = 2/lambda_min is the end the optimum: below, it is some point of the
 *         surface lambda = 2/eta. Corrections: single-path sharpness grows with depth; "same
 *         alpha" favours the shallow path for small alpha only. The exact one-step drift (D2)
 *         against random states. Allocation against depth for the figure. */
#define CLB_IMPLEMENTATION
#include "../clb.h"
#include "ex.h"
#include "plot.h"

typedef struct m04_set {
    size_t      P, depth[3];
    double      target, alpha;
    const char *name;
} m04_set;
static const m04_set m04_sets[] = {
    { 3, { 3, 5, 7 },   1, 1e-3, "{3,5,7}, s*=1" }, { 3, { 3, 5, 7 }, 2, 1e-3, "{3,5,7}, s*=2" },
    { 2, { 3, 4, 0 },   1, 1e-3, "{3,4}" },         { 2, { 2, 3, 0 }, 1, 1e-2, "{2,3}" },
    { 3, { 5, 10, 20 }, 1, 1e-3, "{5,10,20}" } };
static const char *const m04_steps[] = { "small", "0.98", "1.00" };
enum { M04_T = 40000 };

static void m04_plan(ex *x)
{
    ex_config(x, "T", M04_T);
    for (size_t c = 0; c < EX_LEN(m04_sets); ++c)
        for (size_t k = 0; k < 3; ++k) {
            ex_row *row = ex_add(x, "run", EX_NAN);
            ex_num(row, "set", (double)c);
            ex_text(row, "step", m04_steps[k]);
        }
    for (int k = 0; k < 2; ++k) ex_num(ex_add(x, "drift", EX_NAN), "eta", k ? 1e-4 : 1e-3);
    if (ex_published(x)) return;
    for (size_t d = 4; d <= 40; ++d) ex_num(ex_add(x, "allocation", EX_NAN), "deep", (double)d);
    for (int k = 0; k <= 20; ++k)
        ex_num(ex_add(x, "escape", EX_NAN), "alpha", clb_pow(10, -4 + 0.15 * k));
}

/* The state at the moment the shallow pathway is largest. */
typedef struct m04_watch { double peak, share[3]; } m04_watch;

static void m04_observe(void *context, size_t t, const clb_path_mode *mode, double r)
{
    m04_watch *w = (m04_watch *)context;
    double s = mode->u[0] * mode->power[0] / mode->target;
    (void)t;
    if (!(s > w->peak)) return;
    w->peak = s;
    for (size_t p = 0; p < mode->count; ++p)
        w->share[p] = mode->u[p] * mode->power[p] / (r + mode->target);
}

static double m04_eta(const m04_set *c, const char *step, double lambda_min)
{
    if (!strcmp(step, "small")) return 0.25 / clb_path_single_sharpness(c->depth[0], c->target);
    return (!strcmp(step, "0.98") ? 0.98 : 1) * 2 / lambda_min;
}

static clb_status m04_train(const m04_set *c, double eta, double first, clb_path_mode_run *run,
                            m04_watch *w, double *mean)
{
    clb_path_mode mode;
    clb_path_mode_opts opts = { .observe = m04_observe, .context = w };
    double alpha[3] = { c->alpha * first, c->alpha, c->alpha };
    clb_status status = clb_path_mode_init(&mode, c->P, c->depth, c->target, alpha);
    w->peak = -1;
    if (!status) status = clb_path_mode_train(&mode, eta, M04_T, &opts, run);
    for (size_t p = 0; p < c->P && !status; ++p) mean[p] = mode.mean[p];
    clb_path_mode_free(&mode);
    return status;
}

static clb_status m04_set_run(ex_row *row)
{
    const m04_set *c = &m04_sets[(size_t)ex_get(row, "set")];
    double s[3], share[3], marginal[3], mean[3], other[3], mu, lambda_min, deviation = 0;
    double spread = 0, eta;
    clb_path_mode_run run, moved;
    m04_watch w, w2;
    clb_status status = clb_path_optimum(c->P, c->depth, c->target, s, &mu, &lambda_min);
    if (status) return status;
    eta = m04_eta(c, ex_get_text(row, "step"), lambda_min);
    if ((status = m04_train(c, eta, 1, &run, &w, mean)) != CLB_OK) return status;
    if ((status = m04_train(c, eta, 1 + 1e-12, &moved, &w2, other)) != CLB_OK) return status;
    for (size_t p = 0; p < c->P; ++p) {
        double L = (double)c->depth[p];
        share[p] = mean[p] / run.sum;
        marginal[p] = 2 * (L - 1) * clb_pow(mean[p], 1 - 2 / L);
        deviation = fmax(deviation, fabs(mean[p] / s[p] - 1));
        spread = fmax(spread, fabs(mean[p] - other[p]));
    }
    ex_num(row, "eta", eta);
    ex_array(row, "share", c->P, share), ex_array(row, "mean_last2_s", c->P, mean);
    ex_nums(row, "eta_lambda_mean_last2 loss_last peak_share_shallow",
            EX_VALUES(run.eta_lambda, 0.5 * run.r * run.r, w.peak));
    ex_array(row, "share_at_peak", c->P, w.share);
    ex_num(row, "min_u", run.u_min);
    ex_array(row, "marginals", c->P, marginal);
    ex_num(row, "max_rel_dev_from_opt", deviation);
    ex_num(row, "spread", spread);
    return CLB_OK;
}

/* One step on random u in [0.5, 0.9], depths {2,3,5,7}: measured over predicted drift (D2), worst
 * pair. */
static clb_status m04_drift(ex_row *row)
{
    static const size_t depth[4] = { 2, 3, 5, 7 };
    static const double ones[4] = { 1, 1, 1, 1 };
    double eta = ex_get(row, "eta"), worst = 0;
    clb_path_mode mode;
    clb_rng rng;
    clb_status status = clb_path_mode_init(&mode, 4, depth, 1, ones);
    clb_rng_seed(&rng, 4);
    for (int trial = 0; trial < 2000 && !status; ++trial) {
        double before[4], after[4], predicted[4];
        for (size_t p = 0; p < 4; ++p)
            mode.u[p] = 0.5 + 0.4 * clb_rng_double(&rng), before[p] = clb_path_leaf(depth[p], mode.u[p]);
        for (size_t p = 1; p < 4; ++p) predicted[p] = clb_path_leaf_drift(&mode, eta, p, 0);
        /* r near 0: nothing to measure */
        if (fabs(clb_path_mode_step(&mode, eta)) < 0.1) continue;
        for (size_t p = 0; p < 4; ++p) after[p] = clb_path_leaf(depth[p], mode.u[p]);
        for (size_t p = 1; p < 4; ++p) {
            double moved = (after[p] - before[p]) - (after[0] - before[0]);
            if (fabs(predicted[p]) > 0.01 * eta * eta)
                worst = fmax(worst, fabs(moved / predicted[p] - 1));
        }
    }
    clb_path_mode_free(&mode);
    ex_num(row, "worst_ratio_error", worst);
    return status;
}

/* Two pathways {3, deep}, s* = 1: the end at eta = 2/lambda_min against the flattest split. */
static clb_status m04_allocation(ex_row *row)
{
    m04_set c = { 2, { 3, (size_t)ex_get(row, "deep"), 0 }, 1, 1e-3, "" };
    double s[2], mean[2], lambda_min;
    clb_path_mode_run run;
    m04_watch w;
    clb_status status = clb_path_optimum(2, c.depth, 1, s, NULL, &lambda_min);
    if (!status) status = m04_train(&c, 2 / lambda_min, 1, &run, &w, mean);
    if (status) return status;
    ex_num(row, "optimum", s[0]), ex_num(row, "measured", mean[0] / run.sum);
    return CLB_OK;
}

/* Which of {3, 20} wins at a small step from the same alpha. */
static clb_status m04_escape(ex_row *row)
{
    m04_set c = { 2, { 3, 20, 0 }, 1, ex_get(row, "alpha"), "" };
    double mean[2];
    clb_path_mode_run run;
    m04_watch w;
    clb_status status = m04_train(&c, 0.25 / 20, 1, &run, &w, mean);
    if (status) return status;
    ex_num(row, "share_shallow", mean[0] / run.sum);
    return CLB_OK;
}

static clb_status m04_run(ex *x, ex_row *row)
{
    (void)x;
    if (ex_is(row, "run")) return m04_set_run(row);
    if (ex_is(row, "drift")) return m04_drift(row);
    return ex_is(row, "allocation") ? m04_allocation(row) : m04_escape(row);
}

/* --- ledger, figure, verdicts ----------------------------------------------------------------- */

static void m04_refs(ex *x)
{
    static const char *const arrays[] = { "share", "mean_last2_s", "marginals" };
    static const char *const values[] = { "eta_lambda_mean_last2", "loss_last",
                                          "max_rel_dev_from_opt", "spread" };
    for (size_t i = 0; i < EX_LEN(m04_sets); ++i) {
        const m04_set *c = &m04_sets[i];
        const char *at = ex_print(x, "multipath/expected.json#M4/rows/%zu", i);
        double s[3], mu, lambda_min;
        clb_path_bounds w = { 0, 0, 0, 0, 0 };
        if (clb_path_optimum(c->P, c->depth, c->target, s, &mu, &lambda_min) ||
            clb_path_window(c->P, c->depth, c->target, &w))
            return;
        ex_ref_value(x, mu, EX_STABLE, 1e-10, "%s/mu", at);
        ex_ref_value(x, lambda_min, EX_STABLE, 1e-10, "%s/lambda_min", at);
        ex_ref_value(x, w.hi, EX_STABLE, 1e-10, "%s/eta_c", at);
        ex_ref_value(x, w.gamma_c, EX_STABLE, 1e-10, "%s/gamma_c_shallow", at);
        ex_ref_value(x, c->target, EX_EXACT, 0, "%s/s_star", at);
        ex_ref_value(x, c->alpha, EX_EXACT, 0, "%s/alpha", at);
        ex_ref_value(x, M04_T, EX_EXACT, 0, "%s/T", at);
        for (size_t p = 0; p < c->P; ++p) {
            ex_ref_value(x, (double)c->depth[p], EX_EXACT, 0, "%s/L/%zu", at, p);
            ex_ref_value(x, s[p], EX_STABLE, 1e-10, "%s/opt_s/%zu", at, p);
            ex_ref_value(x, s[p] / c->target, EX_STABLE, 1e-10, "%s/opt_share/%zu", at, p);
            ex_ref_value(x, clb_path_single_sharpness(c->depth[p], c->target), EX_STABLE, 1e-11,
                         "%s/S_single/%zu", at, p);
        }
        for (size_t k = 0; k < 3; ++k) {
            ex_row *row = ex_find(x, "part=run set=%zu step=%s", i, m04_steps[k]);
            double tol = k == 2 ? 2e-5 : 1e-6;
            ex_refs(row, "eta min_u", EX_STABLE, 1e-10, "%s/runs/%s", at, m04_steps[k]);
            for (size_t n = 0; n < 3; ++n)
                ex_ref(row, arrays[n], EX_STABLE, n == 2 ? 1e-4 : tol, "%s/runs/%s/%s/*", at,
                       m04_steps[k], arrays[n]);
            for (size_t n = 0; n < 4; ++n)
                ex_ref(row, values[n], EX_NOISE, n < 2 ? tol : 1e-4, "%s/runs/%s/%s", at,
                       m04_steps[k], values[n]);
            ex_refs(row, "peak_share_shallow share_at_peak", EX_STABLE, 1e-2, "%s/runs/%s", at,
                    m04_steps[k]);
        }
    }
}

static void m04_figure(ex *x)
{
    plot *p = plot_new(x, "allocation", 3, 1);
    plot_panel *a = plot_add(p, "Shares against the flattest split", "optimal share",
                             "measured share", PLOT_LINEAR);
    static const double diagonal[2] = { 0, 1 };
    ex_list deep = ex_pick(x, "deep", "part=allocation");
    ex_list optimum = ex_pick(x, "optimum", "part=allocation");
    ex_list measured = ex_pick(x, "measured", "part=allocation");
    ex_list alpha = ex_pick(x, "alpha", "part=escape");
    ex_list share = ex_pick(x, "share_shallow", "part=escape");
    for (size_t k = 0; k < 3; ++k) {
        double at[15], y[15];
        size_t n = 0;
        for (size_t i = 0; i < EX_LEN(m04_sets); ++i) {
            const m04_set *c = &m04_sets[i];
            ex_list got =
                ex_get_array(ex_find(x, "part=run set=%zu step=%s", i, m04_steps[k]), "share");
            double s[3];
            if (clb_path_optimum(c->P, c->depth, c->target, s, NULL, NULL)) return;
            for (size_t q = 0; q < c->P; ++q) at[n] = s[q] / c->target, y[n++] = got.at[q];
        }
        plot_points(a, (int)k, n, at, y,
                    k == 0   ? "small step"
                    : k == 1 ? "0.98 of critical"
                             : "critical");
    }
    plot_line(a, PLOT_GREY | PLOT_DASHED, 2, diagonal, diagonal, NULL);
    if (!deep.n) {
        plot_save(p, "Allocation of the signal to pathways of different depth.");
        return;
    }
    a = plot_add(p, "Share of depth 3 beside a deeper path", "depth of the other pathway",
                 "share of depth 3", PLOT_LINEAR);
    plot_line(a, PLOT_BLUE, deep.n, deep.at, optimum.at, "flattest split");
    plot_points(a, PLOT_ORANGE | PLOT_SMALL, deep.n, deep.at, measured.at,
                "end at the critical step");
    a = plot_add(p, "Who wins at a small step, depths {3, 20}", "initial s of both, alpha",
                 "share of depth 3", PLOT_LOGX);
    plot_line(a, PLOT_BLUE, alpha.n, alpha.at, share.at, NULL);
    plot_points(a, PLOT_BLUE, alpha.n, alpha.at, share.at, NULL);
    plot_save(
        p,
        "Allocation of the signal to pathways of different depth: the flattest split at the "
        "critical step.");
}

static void m04_captions(ex *x)
{
    static const char *const list[][2] = {
        { "shares",
          "Shares at three steps, the largest distance from the flattest split, and the peak share "
          "of the shallow path" },
    };
    ex_captions(x, list, EX_LEN(list));
}

static void m04_finish(ex *x)
{
    double worst = 0, worst2 = 0, edge = 0, below = 0;
    double drift = ex_get(ex_find(x, "part=drift eta=0.001"), "worst_ratio_error");
    double drift4 = ex_get(ex_find(x, "part=drift eta=0.0001"), "worst_ratio_error");
    int shallow = 1, positive = 1;
    ex_row *low = ex_find(x, "part=escape"), *high = NULL;
    for (size_t i = 0; i < EX_LEN(m04_sets); ++i)
        for (size_t k = 0; k < 3; ++k) {
            ex_row *row = ex_find(x, "part=run set=%zu step=%s", i, m04_steps[k]);
            ex_row *line = ex_line(x, "shares");
            ex_list share = ex_get_array(row, "share");
            double dev = ex_get(row, "max_rel_dev_from_opt");
            double eta_lambda = ex_get(row, "eta_lambda_mean_last2");
            ex_text(line, "depths", m04_sets[i].name), ex_text(line, "step", m04_steps[k]);
            for (size_t p = 0; p < share.n; ++p)
                ex_num(line, ex_print(x, "share %zu", p + 1), share.at[p]);
            ex_num(line, "largest deviation from optimum", dev);
            ex_num(line, "eta lambda", eta_lambda);
            ex_num(line, "peak of shallow", ex_get(row, "peak_share_shallow"));
            positive &= ex_get(row, "min_u") > 0;
            if (k == 0) shallow &= share.at[0] > 0.9;
            else edge = fmax(edge, fmax(1.95 - eta_lambda, eta_lambda - 2.001));
            if (k == 1) below = fmax(below, dev);
            if (k == 2 && i == 3) worst2 = dev;
            if (k == 2 && i != 3) worst = fmax(worst, dev);
        }
    for (size_t i = 0; i < ex_runs(x); ++i)
        if (ex_is(ex_run_at(x, i), "escape")) high = ex_run_at(x, i);
    ex_summary(x, "deviation from the optimum", worst);
    ex_claim(x, "large steps allocate the signal as the flattest split", "Fig. 4",
             ex_print(x,
                      "at 2/lambda_min within %.1f %% of the optimum per path ({2,3}: %.1f %%); at "
                      "0.98 of it up to %.0f %% away",
                      100 * worst, 100 * worst2, 100 * below),
             "reproduced if the shallow path takes over 90 % at the small step and at the critical "
             "step shares differ from the optimum by < 2 % and those of {2,3} by < 5 %; qualified "
             "if shares differ by < 10 %. In {2,3} depth 2 has no force of its own.",
             EX_VALUES(shallow, 100 * worst, 100 * worst2, 100 * worst));
    ex_claim(
        x, "the split is the optimum at every large step", "argmin of the sharpness",
        ex_print(x, "at 0.98 of the critical step shares are up to %.0f %% from it", 100 * below),
        "reproduced if at 0.98 of the critical step shares differ from the optimum by < 2 %; "
        "qualified if at the critical step by < 2 %. Below 2/lambda_min the end is some point of "
        "the surface lambda = 2/eta, only at it the optimum.",
        EX_VALUES(100 * below, 100 * worst));
    if (low)
        ex_claim(x, "from the same alpha the shallow path wins", "at small initialisation",
                 ex_print(x, "{3,20}: share of depth 3 is %.3f from alpha = 1e-4, %.3f from 0.1",
                          ex_get(low, "share_shallow"), ex_get(high, "share_shallow")),
                 "reproduced if the share from alpha = 1e-4 is > 0.9 and that from 0.1 is > 0.9; "
                 "qualified if that from 1e-4 is > 0.9. The escape time is alpha^(-(L-2)/L)/((L-2) "
                 "s*): the deep path is the faster one from larger alpha.",
                 EX_VALUES(ex_get(low, "share_shallow"), ex_get(high, "share_shallow"),
                           ex_get(low, "share_shallow")));
    ex_check(x, positive && edge <= 0,
             "u > 0 throughout, 1.95 <= eta lambda <= 2.001 at both large steps");
    ex_check(x, drift <= 1e-2 && drift4 <= 0.15 * drift,
             "(D2) one step, depths {2,3,5,7}: worst ratio error %.1e at eta = 1e-3, %.1e at 1e-4",
             drift, drift4);
    m04_refs(x);
    m04_figure(x);
    m04_captions(x);
}

static const ex_info m04 = { "M04",
                             "multipath",
                             "Heterogeneous depths",
                             "allocation",
                             "allocation = flattest split",
                             "deviation from the optimum",
                             m04_plan,
                             m04_run,
                             m04_finish,
                             NULL };
EX_MAIN(m04)
