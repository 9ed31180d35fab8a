/* E18  Evolution of the cross-entropy Hessian: how fast does it shrink? Does n matter?   Theorem 6
 *   cc -O2 -DCLB_STATIC -o e18 examples/e18_ce_hessian.c -lm && ./e18                      (2 min)
 * Setup   standard ReLU net (20-64-5), cross entropy, mixture of n = 100, 200, 400 points, three
 *         seeds. "track": a run with eta = 0.01 whose Hessian is taken at eleven steps from 0 to
 *         1000. "train": runs of 2000 steps that measure S(eta) at seven eta.
 * Measure lambda_max at every checkpoint; R, the correlation of ln S predicted from that Hessian
 *         with ln S measured, over the seven eta.
 * Fit     lambda_max = a exp(-b t) + c as published, c = 0.9 of the smallest value.
 * Paper   lambda_max is compressed 24 times over 2000 steps (7.2 to 0.3), exponentially, whatever n
 * Beyond  beyond/e18_bounds.c: Theorem 6 at every checkpoint, up to 8000 steps, other seeds. */
#define CLB_IMPLEMENTATION
#include "../clb.h"
#include "kit/kit.h"

static const size_t at[] = { 0, 50, 100, 150, 200, 250, 300, 400, 500, 750, 1000 };
static const double etas[] = { 1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, .1 }, sets[] = { 100, 200, 400 };
enum { TIMES = KIT_LEN(at), ETAS = KIT_LEN(etas), SETS = KIT_LEN(sets) };
static const cp_plan cp = { TIMES, at, ETAS, etas, 0 };

static clb_status run_track(kit *x, void *run) { return cp_run_track(x, run, &cp); }
static const kit_part track = KIT_PART("track", "Hessians along one run", cp_track, run_track);
static const kit_part train = KIT_PART("train", "S measured", cp_train, cp_run_train);

static void plan(kit *x)
{
    kit_list seeds = kit_seeds(x, kit_quick(x) ? 1 : 3);
    kit_config(x, "n_steps", CP_T), kit_config(x, "train_lr", cp_track_eta);
    for (size_t i = 0; i < (kit_quick(x) ? 1 : SETS); ++i)
        cp_add(x, &track, &train, &cp, sets[i], 1, seeds);
}

/* ---- what follows from the runs ------------------------------------------------------------- */

/* Of one n: lambda_max and R at the checkpoints, the best R's step, and two laws of decay. */
typedef struct decay {
    double    top[TIMES], R[TIMES], best, best_R, compression;
    clb_decay exponential;                              /* as published */
    double    slope;                                    /* of ln lambda_max on ln t, t >= 100 */
    double    aic_power, aic_exponential;               /* in ln lambda_max, t >= 50 */
} decay;

static decay measure(kit *x, double n)
{
    kit_rows tracked = kit_where(kit_part_runs(x, &track), KIT_AT(cp_track, n), n);
    kit_rows trained = kit_where(kit_part_runs(x, &train), KIT_AT(cp_train, n), n);
    kit_rows rows = kit_published(tracked);
    const char *caption = kit_print(x, "n = %.0f: largest eigenvalue at step t, mean softmax "
            "probability of the label, R of the prediction from there", n);
    kit_table *table = KIT_TABLE(x, kit_print(x, "n = %.0f", n), caption, "t", "lambda_max",
                                 "mean_correct_prob", "R");
    double t[TIMES], p[ETAS], m[ETAS];
    size_t best = 0, n1 = TIMES - 1;
    decay v;
    for (size_t k = 0; k < TIMES; ++k) {
        cp_means(tracked, trained, &cp, k, p, m);
        t[k] = (double)at[k], v.R[k] = cp_R(&cp, p, m, 0);
        v.top[k] = kit_mean_element(rows, KIT_AT(cp_track, max), k);
        if (v.R[k] > v.R[best]) best = k;
        KIT_LINE(table, t[k], v.top[k],
                 kit_mean_element(rows, KIT_AT(cp_track, mean_correct_prob), k), v.R[k]);
    }
    v.best = t[best], v.best_R = v.R[best], v.compression = v.top[0] / v.top[TIMES - 1];
    v.exponential = published_decay(TIMES, t, v.top, 0.9);
    v.slope = clb_fit_power(TIMES - 2, t + 2, v.top + 2, 0).slope;
    v.aic_power = clb_aic(n1, clb_fit_power(n1, t + 1, v.top + 1, 0).rss, 2);
    v.aic_exponential = clb_aic(n1, clb_fit_exponential(n1, t + 1, v.top + 1, 0, KIT_INF).rss, 2);
    cp_measured_table(trained, &cp, kit_print(x, "measured n = %.0f", n),
                      kit_print(x, "n = %.0f: measured S and drift", n));
    return v;
}

static void decay_table(kit *x, const decay *v, size_t n)
{
    kit_table *t = KIT_TABLE(x, "decay", "Compression lambda_max(0)/lambda_max(1000); a exp(-b t) "
                             "+ c as published; log-log slope from t = 100; AIC of two laws; best "
                             "Hessian t_star", "n", "compression", "b", "a", "c", "r2",
                             "slope_t100", "aic_power", "aic_exponential", "t_star", "R_star");
    for (size_t i = 0; i < n; ++i) {
        const clb_decay *e = &v[i].exponential;
        KIT_LINE(t, sets[i], v[i].compression, 1 / e->tau, e->a, e->c, e->r2, v[i].slope,
                 v[i].aic_power, v[i].aic_exponential, v[i].best, v[i].best_R);
    }
}

static void claims(kit *x, const decay *v, size_t n)
{
    double least = KIT_INF, advantage = KIT_INF, apart = 0, best[SETS];
    double r2 = v[n > 1].exponential.r2;
    kit_claim *c;
    for (size_t i = 0; i < n; ++i) {
        least = fmin(least, v[i].compression);
        advantage = fmin(advantage, v[i].aic_exponential - v[i].aic_power);
        best[i] = v[i].best;
        apart = fmax(apart, 100 * fabs(v[i].top[TIMES - 1] / v[0].top[TIMES - 1] - 1));
    }
    kit_printed(kit_summary(x, "compression", v[n > 1].compression), 24);
    kit_summary(x, "slope_t100", v[n > 1].slope);
    kit_rows rows = kit_where(kit_part_runs(x, &track), KIT_AT(cp_track, n), sets[n > 1]);
    cp_decay_summary(x, "r2_exponential", rows, &cp, r2);
    kit_summary(x, "t_star_slope", clb_fit_linear(n, sets, best).slope);
    kit_summary(x, "t_star_intercept", clb_fit_linear(n, sets, best).intercept);
    c = kit_paper(x, "compression", "The largest eigenvalue of the Hessian shrinks 24 times.",
                  "24 times, 7.2 to 0.3 over 2000 steps");
    kit_number(c, "least lambda_max(0)/lambda_max(1000) over n", least, kit_within(24, 0.5));
    kit_statement(c, "least compression over n", least, kit_at_least(20));
    kit_remark_value(c, least, kit_print(x, "%.0f-fold after 1000 steps, the last checkpoint; the "
                                         "paper writes 2000.", least));
    c = kit_paper(x, "exponential", "The decay is exponential in t.", "R^2 = 0.82 ... 0.84");
    kit_number(c, "R^2 of the exponential at n = 200", r2, kit_within(0.83, 0.01));
    kit_statement(c, "AIC of the exponential less that of a power law", advantage, kit_at_most(10));
    kit_show(c, "log-log slope from t = 100 on", v[n > 1].slope);
    kit_remark(c, "A residual that obeys r' ~ -r^2 decays as 1/t, one that obeys r' ~ -r "
                  "exponentially.");
    c = kit_paper(x, "n_independent", "The compression does not depend on the number of samples n.",
                  "n-independent");
    kit_statement(c, "lambda_max(1000) differs between n by", apart,
                  kit_in_units(kit_below(10), "%"));
    kit_remark(c, "Weights and class centres are shared between the n.");
    c = kit_paper(x, "t_star", "The Hessian that predicts best is taken at a later step t*, which "
                  "grows with n.", "t* scaling asked for");
    kit_statement(c, "largest t* over n", kit_largest((kit_list){ n, best }), kit_above(0));
}

static void figure(kit *x, const decay *v, size_t n)
{
    static const int style[SETS] = { PLOT_BLUE, PLOT_ORANGE | PLOT_SQUARE | PLOT_OPEN,
                                     PLOT_GREEN | PLOT_TRIANGLE | PLOT_OPEN };
    const clb_decay *e = &v[n > 1].exponential;
    double t[TIMES], y[TIMES], guide[TIMES], shown[TIMES];
    plot *p = kit_figure(x, "decay", 2, 1);
    plot_panel *a = plot_add(p, "Largest eigenvalue", "step t", "lambda_max", PLOT_LOG),
               *b = plot_add(p, "Times t", "step t", "lambda_max t", PLOT_LOGX);
    for (size_t k = 0; k < TIMES; ++k)
        t[k] = (double)at[k], guide[k] = 300 / fmax(t[k], 1),
        y[k] = e->a * clb_exp(-t[k] / e->tau) + e->c;
    plot_line(a, PLOT_GREY | PLOT_DASHED, TIMES - 1, t + 1, guide + 1, "300/t");
    plot_line(a, PLOT_RED | PLOT_DOTTED, TIMES - 1, t + 1, y + 1, "published exponential, n = 200");
    for (size_t i = 0; i < n; ++i) {
        for (size_t k = 0; k < TIMES; ++k) shown[k] = v[i].top[k] * t[k];
        plot_points(a, style[i], TIMES - 1, t + 1, v[i].top + 1, kit_print(x, "n = %.0f", sets[i]));
        plot_line(b, (int)i, TIMES - 1, t + 1, shown + 1, kit_print(x, "n = %.0f", sets[i]));
    }
    plot_range_y(a, 0.25, 15);
    plot_caption(p, "The cross-entropy Hessian shrinks like 1/t for every n; in the first panel "
                    "the three sets lie on each other.");
}

static void report(kit *x)
{
    size_t n = kit_quick(x) ? 1 : SETS;
    decay v[SETS];
    for (size_t i = 0; i < n; ++i) v[i] = measure(x, sets[i]);
    decay_table(x, v, n);
    claims(x, v, n), figure(x, v, n);
}

static const kit_info info = {
    .id = "E18", .title = "Cross-entropy Hessian evolution", .statement = "Theorem 6",
    .key_result = "24x compression, n-independent", .plan = plan, .report = report, };
KIT_MAIN(info)
