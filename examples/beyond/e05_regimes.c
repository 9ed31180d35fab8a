/* Beyond E5  The drift is not one power law of eta: two bends, three regimes.
 *   cc -O2 -DCLB_STATIC -o regimes examples/beyond/e05_regimes.c -lm && ./regimes           (60 s)
 * Setup   the standard net of E5; ten seeds at T = 2000, three at T = 200 and T = 20000 (there only
 *         eta about the two bends); lambda_max of the Hessian at the initialisation.
 * Theory  drift = eta^2 S = eta^2 r sum_t |grad|^2, and eta sum_t |grad|^2 ~ L(0) - L(T), so drift
 *         ~ r eta (L(0) - L(T)): slope 2 while the loss has not fallen (eta T small), 1 once it
 *         has, and steep again above eta = 2/lambda_max(0), where the run starts unstable.
 * Test    each eta left out in turn: which curve predicts it best? Do the bends move as they
 *         should? */
#define CLB_IMPLEMENTATION
#include "../../clb.h"
#include "../kit/kit.h"

enum { N = 10, TIMES = 3 };
static const double grid[N] = { 1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 0.1, 0.3, 0.5, 1 };
static const double bends[] = { 1e-5, 3e-5, 1e-4, 0.3, 0.5 };                 /* for T = 20000 */
static const double times[TIMES] = { 200, 2000, 20000 };

/* ---- runs ------------------------------------------------------------------------------------ */

typedef struct training {
    double seed, lr, T;
    double drift, identity_error, initial_loss, final_loss, r_eta_loss_fall, diverged;
} training;
static const kit_field training_fields[] = {
    KIT_KEY(training, seed),            KIT_KEY(training, lr),
    KIT_KEY(training, T),               KIT_RESULT(training, drift),
    KIT_RESULT(training, identity_error), KIT_RESULT(training, initial_loss),
    KIT_RESULT(training, final_loss),   KIT_RESULT(training, r_eta_loss_fall),
    KIT_RESULT(training, diverged),
};

static clb_status train(kit *x, void *run)
{
    training *row = run;
    clb_train_opts how = { .ce = CLB_CE, .charge_max = 1e6 };
    clb_trace trace;
    double squares = 0, drift;
    clb_status status = paper_train(NULL, row->seed, row->lr, (size_t)row->T, &how, &trace);
    (void)x;
    if (status) return status;
    row->diverged = trace.steps < trace.T, row->initial_loss = trace.loss[0];
    if (row->diverged == 0) {
        for (size_t i = 0; i < 2 * trace.steps; ++i) squares += trace.g[i];
        drift = clb_trace_drift(&trace, 1);
        row->drift = fabs(drift),
        row->identity_error = fabs(drift - row->lr * row->lr * trace.S[0]);
        row->final_loss = trace.loss[trace.T - 1];
        row->r_eta_loss_fall =
            fabs(trace.S[0] / squares * row->lr * (trace.loss[0] - row->final_loss));
    }
    clb_trace_free(&trace);
    return CLB_OK;
}

typedef struct start { double seed, lambda_max; } start;
static const kit_field start_fields[] = { KIT_KEY(start, seed), KIT_RESULT(start, lambda_max) };

static clb_status measure_start(kit *x, void *run)
{
    start *row = run;
    paper_problem p;
    clb_status status = paper_problem_init(&p, NULL, row->seed);
    (void)x;
    if (status) return status;
    status = paper_sharpness(&p, CLB_CE, &row->lambda_max, NULL);
    paper_problem_free(&p);
    return status;
}

static const kit_part sweep = KIT_PART("sweep", "drift against eta and T", training, train);
static const kit_part starts = KIT_PART("start", "lambda_max at the start", start, measure_start);

static void plan(kit *x)
{
    kit_list five = kit_seeds(x, 5);
    for (size_t k = 0; k < TIMES; ++k) {
        kit_list seeds = kit_seeds(x, k == 1 && !kit_quick(x) ? 10 : 3);
        kit_list at = k == 2 ? kit_lrs(x, bends, KIT_LEN(bends)) : kit_lrs(x, grid, N);
        for (size_t i = 0; i < at.n && !(kit_quick(x) && k == 2); ++i)
            for (size_t s = 0; s < seeds.n; ++s)
                kit_add(x, &sweep,
                        &(training){ .seed = seeds.at[s], .lr = at.at[i], .T = times[k] });
    }
    for (size_t s = 0; s < five.n; ++s) kit_add(x, &starts, &(start){ .seed = five.at[s] });
}

/* ---- bends ----------------------------------------------------------------------------------- */

typedef struct findings {
    kit_curve all;                           /* ten seeds, T = 2000 */
    double    eta_c;                         /* 2 / lambda_max(0) */
    double    bend[TIMES], top[TIMES];       /* a quarter of the loss left; slope from 0.3 to 0.5 */
    double miss[3]; /* held-out error: power law, quadratic, three regimes */
} findings;

static kit_rows runs_at(kit *x, double T)
{
    return kit_where(kit_part_runs(x, &sweep), KIT_AT(training, T), T);
}
static double mean_at(kit_rows rows, double eta, kit_at member)
{
    return kit_mean(kit_published(kit_where(rows, KIT_AT(training, lr), eta)), member);
}

/* eta at which a quarter of the mean initial loss is left, between grid points in ln eta; NaN: off
 * the grid. */
static double bend(kit_rows rows, kit_list at)
{
    double before = KIT_NAN;
    for (size_t i = 0; i < at.n; ++i) {
        double ratio = mean_at(rows, at.at[i], KIT_AT(training, final_loss))
                       / mean_at(rows, at.at[i], KIT_AT(training, initial_loss));
        if (i && before >= 0.25 && ratio < 0.25)
            return at.at[i - 1]
                   * clb_pow(at.at[i] / at.at[i - 1], (before - 0.25) / (before - ratio));
        before = ratio;
    }
    return KIT_NAN;
}

/* ln of the three regimes: slope 2 below eta_1, 1 between, 2 above eta_2. */
static double regimes(double eta, double eta_1, double eta_2)
{
    return clb_log(eta) + (eta < eta_1 ? clb_log(eta / eta_1) : 0)
           + (eta > eta_2 ? clb_log(eta / eta_2) : 0);
}

/* Root mean square error in ln drift at each eta left out in turn. */
static void hold_out(kit *x, findings *f)
{
    size_t n = f->all.at.n;
    double *px = kit_doubles(x, n), *py = kit_doubles(x, n), sum[3] = { 0, 0, 0 };
    for (size_t out = 0; out < n; ++out) {
        double u = clb_log(f->all.at.at[out]), y = clb_log(f->all.mean[out]), c = 0, e[3];
        size_t k = 0;
        clb_fit line;
        clb_fit2 curve;
        for (size_t i = 0; i < n; ++i)
            if (i != out) {
                px[k] = f->all.at.at[i], py[k++] = f->all.mean[i];
                c += clb_log(f->all.mean[i]) - regimes(f->all.at.at[i], f->bend[1], f->eta_c);
            }
        line = clb_fit_power(k, px, py, 0), curve = clb_fit_power_quadratic(k, px, py, 0);
        e[0] = y - (line.intercept + line.slope * u);
        e[1] = y - (curve.c0 + curve.c1 * u + curve.c2 * u * u);
        e[2] = y - (c / (double)k + regimes(f->all.at.at[out], f->bend[1], f->eta_c));
        for (int j = 0; j < 3; ++j) sum[j] += e[j] * e[j];
    }
    for (int j = 0; j < 3; ++j) f->miss[j] = clb_sqrt(sum[j] / (double)n);
}

static void find(kit *x, findings *f)
{
    kit_list at = kit_lrs(x, grid, N), about = kit_lrs(x, bends, KIT_LEN(bends));
    clb_sweep y = kit_sweep(runs_at(x, 2000), KIT_AT(training, drift), KIT_AT(training, lr), at);
    kit_table *t = KIT_TABLE(x, "bends",
                             "The lower bend: eta at which a quarter of the initial loss is left "
                             "after T steps; and the slope above the upper bend",
                             "T", "eta_bend", "eta_bend_times_T", "slope_0.3_to_0.5");
    y.floor = 1e-10;
    f->all = kit_curve_of(x, &y, 5);
    f->eta_c = 2 / kit_mean(kit_part_runs(x, &starts), KIT_AT(start, lambda_max));
    for (size_t k = 0; k < TIMES; ++k) {
        kit_rows rows = runs_at(x, times[k]);
        f->bend[k] = bend(rows, k == 2 ? about : at);
        f->top[k] = clb_log(mean_at(rows, 0.5, KIT_AT(training, drift))
                            / mean_at(rows, 0.3, KIT_AT(training, drift)))
                    / clb_log(0.5 / 0.3);
        KIT_LINE(t, times[k], f->bend[k], f->bend[k] * times[k], f->top[k]);
    }
    hold_out(x, f);
    kit_slope_table(x, "local slopes",
                    "Local slopes d ln drift / d ln eta between neighbours of the grid, with 95 % "
                    "intervals over all seeds",
                    &f->all);
}

/* ---- claims and figure ---------------------------------------------------------------------- */

static void claims(kit *x, const findings *f)
{
    kit_claim *c = kit_ours(x, "bends",
                            "The curve has two bends: the lower moves as 1/T, the upper stays at "
                            "2/lambda_max(0).");
    kit_summary_item *alpha = kit_summary(x, "alpha", f->all.exponent.value);
    kit_statement(c, "change of ln(eta T) at the lower bend from T = 200 to 20000",
                  clb_log(f->bend[0] / f->bend[2] / 100), kit_within(0, 0.4));
    kit_statement(c, "slope from eta 0.3 to 0.5 at T = 200", f->top[0], kit_above(1.5));
    kit_statement(c, "slope from eta 0.3 to 0.5 at T = 20000", f->top[2], kit_above(1.5));
    kit_needs(c, 3, 1);
    c = kit_ours(x, "best_curve",
                 "Three regimes, with one constant and bends that are measured, predict a drift "
                 "that was left out better than a power law or a quadratic.");
    kit_statement(c, "held-out error in ln drift over that of the power law",
                  f->miss[2] / f->miss[0], kit_below(1));
    kit_statement(c, "over that of the quadratic", f->miss[2] / f->miss[1], kit_below(1));
    kit_show(c, "held-out error of the three regimes", f->miss[2]);
    kit_theorem_2(x, kit_worst(kit_part_runs(x, &sweep), KIT_AT(training, identity_error)), 1e-11,
                  1e-3);
    kit_interval(alpha, f->all.exponent.se, f->all.exponent.lo, f->all.exponent.hi),
        kit_printed(alpha, 1.16);
    kit_printed(kit_summary(x, "r_squared", f->all.fit.r2), 0.991);
    kit_summary(x, "eta_critical", f->eta_c);
}

static void figure(kit *x, const findings *f)
{
    plot *p = kit_figure(x, "regimes", 2, 1);
    plot_panel *a =
        plot_add(p, "Drift after 2000 steps", "learning rate eta", "|C(T) - C(0)|", PLOT_LOG);
    plot_line(a, PLOT_GREEN | PLOT_DASHED, f->all.at.n, f->all.at.at,
              kit_means(runs_at(x, 2000), KIT_AT(training, r_eta_loss_fall), KIT_AT(training, lr),
                        f->all.at),
              "r eta (L(0) - L(T)), no fit");
    plot_points(a, PLOT_BLUE, f->all.at.n, f->all.at.at, f->all.mean, "mean over all seeds");
    plot_vertical(a, f->eta_c, "2/lambda_max(0)");
    plot_vertical(a, f->bend[1], "a quarter of the loss left");
    a = plot_add(p, "Local slope", "learning rate eta", "d ln drift / d ln eta", PLOT_LOGX);
    plot_horizontal(a, 1.16, "paper: 1.16");
    plot_local_slopes(a, PLOT_BLUE, &f->all, "this program, 95 % over seeds");
    plot_vertical(a, f->eta_c, "2/lambda_max(0)");
    plot_caption(p, "Not one power law but three regimes: the drift follows the fall of the loss "
                    "without a fit.");
}

static void report(kit *x)
{
    findings f;
    find(x, &f);
    claims(x, &f);
    figure(x, &f);
}

static const kit_info info = { .id = "E05_regimes", .title = "Three regimes of the drift",
    .statement = "beyond Theorem 4", .beyond = "E05", .plan = plan, .report = report };
KIT_MAIN(info)
