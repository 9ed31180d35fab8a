/* E19  Width dependence of the MSE drift exponent of linear nets: alpha - 1 ~ m^1.18?     Theorem 8
 *   cc -O2 -DCLB_STATIC -o e19 examples/e19_mse_width.c -lm && ./e19                   (15 seconds)
 * Setup   two-layer linear net without bias, d = 20, K = 5, mixture of n = 200, squared loss,
 *         full-batch gradient descent, T = 2000 steps; eight widths m from 16 to 192, six learning
 *         rates from 3e-4 to 0.1, five seeds. "start": lambda_max of the Hessian at the start.
 * Measure the drift |C(T) - C(0)|, mean over the seeds whose run does not diverge.
 * Fit     alpha(m): a line through ln drift against ln eta; gamma: a line through ln(alpha - 1)
 *         against ln m. f = 0.1 lambda_max(0)/2 says how far the largest eta is from the edge (1).
 * Paper   alpha - 1 ~ m^1.18; R^2 of the power law in eta falls from 0.999 (m = 16) to 0.887 (192)
 * Beyond  beyond/e19_edge.c: the exponent at equal distance to the edge. */
#define CLB_IMPLEMENTATION
#include "../clb.h"
#include "kit/kit.h"

enum { N = 8, D = 20, LAWS = 4 };
static const double widths[N] = { 16, 24, 32, 48, 64, 96, 128, 192 };
static const double paper_alpha[N] = { 1.0512, 1.0442, 1.0522, 1.1448, 1.1331, 1.3400, 1.4444, 1.6350 };

static const kit_part start = KIT_PART("start", "lambda_max at the start", lin_run, lin_train),
                      sweep = KIT_PART("sweep", "Eight widths, six learning rates", lin_run, lin_train);

static void plan(kit *x)
{
    kit_list seeds = kit_seeds(x, kit_quick(x) ? 1 : 5);
    kit_config(x, "n_steps", LIN_T);
    for (size_t k = 0; k < N; ++k)
        if (!kit_quick(x) || widths[k] <= 64) lin_add(x, &start, &sweep, D, widths[k], seeds);
}

/* ---- laws of alpha(m), each a line in transformed axes ---------------------------------------- */

static clb_fit power(size_t n, const double *m, const double *alpha)
{
    double excess[N];
    for (size_t k = 0; k < n; ++k) excess[k] = alpha[k] - 1;
    return clb_fit_power(n, m, excess, 0);
}

static const char *const law_names[LAWS] = { "1 + c m^gamma", "a + b m", "a + b ln m", "1 + c f^gamma" };

static clb_fit law_fit(size_t law, size_t n, const double *m, const double *f, const double *alpha)
{
    double lm[N];
    for (size_t k = 0; k < n; ++k) lm[k] = clb_log(m[k]);
    if (law == 0) return power(n, m, alpha);
    if (law == 3) return power(n, f, alpha);
    return clb_fit_linear(n, law == 1 ? m : lm, alpha);
}

static double law_at(size_t law, const clb_fit *fit, double m, double f)
{
    if (law == 0) return 1 + clb_exp(fit->intercept + fit->slope * clb_log(m));
    if (law == 1) return fit->intercept + fit->slope * m;
    if (law == 2) return fit->intercept + fit->slope * clb_log(m);
    return 1 + clb_exp(fit->intercept + fit->slope * clb_log(f));
}

/* ---- what follows from the runs --------------------------------------------------------------- */

typedef struct found {
    lin_cell     cell[N];
    double       m[N], alpha[N], r2[N], f[N], aic[LAWS];
    clb_fit      power, logarithm;      /* ln(alpha - 1) on ln m; alpha on ln m */
    double       degradation;           /* Pearson(ln m, R^2) */
    clb_interval gamma;
} found;

/* gamma of one resample: the same seeds at every width. */
static double resampled_gamma(void *context, size_t n, const uint32_t *index)
{
    double alpha[N], mean[LIN_N];
    for (size_t k = 0; k < N; ++k) {
        clb_sweep y = lin_sweep(context, &sweep, D, widths[k]);
        clb_sweep_means(&y, index, n, mean);
        alpha[k] = clb_fit_power(y.n, y.x, mean, y.floor).slope;
    }
    return power(N, widths, alpha).slope;
}

static void measure(kit *x, found *v)
{
    lin_tables t = lin_tables_new(x, "widths", "Exponent by width: 95 % interval over seeds, quadratic fit, "
                                  "without eta = 0.1; slope of the last two eta; f = 0.1 "
                                  "lambda_max(0)/2; seeds that survive eta = 0.1",
                                  "Drift of every width and eta, means over the seeds that converge");
    clb_bootstrap_opts few = { .resamples = 200 };
    size_t seeds = lin_sweep(x, &sweep, D, widths[0]).seeds;
    double lm[N];
    for (size_t k = 0; k < N; ++k) {
        lin_cell c = v->cell[k] = lin_measure(x, &start, &sweep, D, widths[k]);
        v->m[k] = widths[k], lm[k] = clb_log(widths[k]);
        v->alpha[k] = c.fit.slope, v->r2[k] = c.fit.r2, v->f[k] = c.f;
        lin_put(x, &t, &sweep, &c);
    }
    v->power = power(N, v->m, v->alpha), v->logarithm = clb_fit_linear(N, lm, v->alpha);
    v->degradation = clb_pearson(N, lm, v->r2);
    if (clb_bootstrap(seeds ? seeds : 1, resampled_gamma, x, &few, &v->gamma)) v->gamma.lo = v->gamma.hi = KIT_NAN;
}

static void models_table(kit *x, found *v)
{
    kit_table *t = KIT_TABLE(x, "models of alpha", "Laws of alpha(m): residual, leave-one-out residual, AIC",
                             "law", "rms", "leave_one_out_rms", "aic");
    for (size_t law = 0; law < LAWS; ++law) {
        clb_fit all = law_fit(law, N, v->m, v->f, v->alpha), part;
        double rss = 0, loo = 0;
        for (size_t out = 0; out < N; ++out) {
            double m[N], f[N], alpha[N], e;
            size_t n = 0;
            for (size_t k = 0; k < N; ++k)
                if (k != out) m[n] = v->m[k], f[n] = v->f[k], alpha[n] = v->alpha[k], ++n;
            part = law_fit(law, n, m, f, alpha);
            e = law_at(law, &part, v->m[out], v->f[out]) - v->alpha[out], loo += e * e;
            e = law_at(law, &all, v->m[out], v->f[out]) - v->alpha[out], rss += e * e;
        }
        v->aic[law] = clb_aic(N, rss, 2);
        kit_text(t, law_names[law]), KIT_CELLS(t, sqrt(rss / N), sqrt(loo / N), v->aic[law]);
    }
}

static void summary(kit *x, const found *v)
{
    kit_summary_item *s = kit_summary(x, "gamma", v->power.slope);
    kit_interval(s, v->gamma.se, v->gamma.lo, v->gamma.hi), kit_printed(s, 1.18);
    kit_summary(x, "c", clb_exp(v->power.intercept)), kit_summary(x, "r2", v->power.r2);
    kit_summary(x, "log_slope", v->logarithm.slope), kit_summary(x, "log_intercept", v->logarithm.intercept);
    kit_summary(x, "log_r2", v->logarithm.r2), kit_summary(x, "degradation", v->degradation);
}

static void claims(kit *x, const found *v)
{
    lin_fate fate = lin_fate_of(x, &start, &sweep);
    double excess[N], without = 0;
    kit_claim *c = kit_paper(x, "gamma", "The exponent grows with the width as alpha - 1 ~ m^1.18.",
                             "1.18, R^2 = 0.93");
    for (size_t k = 0; k < N; ++k)
        excess[k] = v->alpha[k] - 1, without = kit_worse(without, v->cell[k].alpha_without);
    kit_number(c, "gamma", v->power.slope, kit_within(1.18, 0.05));
    kit_statement(c, "width of gamma's interval over seeds", v->gamma.hi - v->gamma.lo, kit_below(0.3));
    kit_show(c, "R^2", v->power.r2);
    c = kit_paper(x, "degradation", "The power law in eta gets worse with the width: R^2 = 0.999 at m = 16, 0.887 at "
                  "m = 192.", "0.999 to 0.887");
    kit_number(c, "R^2 at m = 16", v->r2[0], kit_at_least(0.9985));
    kit_number(c, "R^2 at m = 192", v->r2[N - 1], kit_within(0.887, 0.01));
    kit_statement(c, "R^2 at m = 16 less R^2 at m = 192", v->r2[0] - v->r2[N - 1], kit_above(0.05));
    c = kit_paper(x, "width", "The growth is an effect of the width.", "cause of the law");
    kit_statement(c, "correlation of ln(alpha - 1) with ln m less that with ln f",
                  clb_pearson_log(N, excess, v->m, 0, 0) - clb_pearson_log(N, excess, v->f, 0, 0), kit_above(0));
    kit_statement(c, "largest alpha without eta = 0.1", without, kit_above(1.2));
    kit_remark(c, "As m grows, the point eta = 0.1 comes near the edge of stability; without it alpha hardly grows.");
    c = kit_paper(x, "best_law", "A power law in m is the best description.", "the only one tried");
    kit_statement(c, "AIC of a + b m less that of the power law", v->aic[1] - v->aic[0], kit_above(2));
    kit_statement(c, "AIC of a + b ln m less that of the power law", v->aic[2] - v->aic[0], kit_above(2));
    kit_remark(c, "Less than 2 apart is a tie.");
    c = kit_paper(x, "five_seeds", "Every mean is over five seeds.", "not stated");
    kit_statement(c, "runs that diverge", fate.diverged, kit_equal(0));
    kit_show(c, "runs at eta = 0.1", fate.all);
    kit_show(c, "whose fate lambda_max(0) < 40 foretells", fate.foretold);
    kit_remark(c, "Where runs diverge, the published mean is over the survivors only.");
}

static void figure(kit *x, const found *v)
{
    double law[N], line[N], lo[N], hi[N];
    plot *p = kit_figure(x, "width", 3, 1);
    plot_panel *a = plot_add(p, "Exponent against width", "width m", "alpha", PLOT_LOGX);
    for (size_t k = 0; k < N; ++k) {
        law[k] = law_at(0, &v->power, v->m[k], 0), line[k] = law_at(2, &v->logarithm, v->m[k], 0);
        lo[k] = v->cell[k].ci.lo, hi[k] = v->cell[k].ci.hi;
    }
    plot_line(a, PLOT_ORANGE | PLOT_DASHED, N, v->m, law, kit_print(x, "1 + c m^%.2f", v->power.slope));
    plot_line(a, PLOT_GREY | PLOT_DOTTED, N, v->m, line, "a + b ln m");
    plot_points(a, PLOT_PUBLISHED, N, v->m, paper_alpha, "published");
    plot_errors(a, PLOT_BLUE, N, v->m, lo, hi);
    plot_points(a, PLOT_BLUE, N, v->m, v->alpha, "this program");
    a = plot_add(p, "Exponent against the edge", "f = 0.1 lambda_max(0)/2", "alpha - 1", PLOT_LOG);
    for (size_t k = 0; k < N; ++k) law[k] = v->alpha[k] - 1;
    plot_points(a, PLOT_BLUE, N, v->f, law, "eight widths");
    plot_vertical(a, 1, "edge");
    a = plot_add(p, "Drift", "learning rate eta", "mean |C(T) - C(0)|", PLOT_LOG);
    for (size_t k = 1; k < N; k += 2)
        plot_line(a, (int)(k / 2), LIN_N, lin_lr, v->cell[k].mean, kit_print(x, "m = %.0f", v->m[k]));
    plot_caption(p, "The exponent grows with the width because the fixed grid of eta reaches the edge of stability.");
}

static void report(kit *x)
{
    found v;
    memset(&v, 0, sizeof v);
    measure(x, &v);
    models_table(x, &v);
    summary(x, &v);
    claims(x, &v);
    figure(x, &v);
}

static const kit_info info = {
    .id = "E19", .title = "MSE fine width sweep", .statement = "Theorem 8",
    .key_result = "alpha - 1 ~ m^1.18", .plan = plan, .report = report,
};
KIT_MAIN(info)
