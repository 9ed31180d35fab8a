/* E19, beyond the paper: does the exponent grow with the width at equal distance to the edge?
 *   cc -O2 -DCLB_STATIC -o edge examples/beyond/e19_edge.c -lm && ./edge                    (10 s)
 * The linear nets of E19 with eta = 2 f / lambda_max(0), f = 0.005 ... 0.9, instead of a fixed
 * grid of learning rates: every width then runs over the same range of distances to the edge of
 * stability. And E19's own runs: is the power law alpha - 1 ~ m^gamma better than other laws of
 * alpha(m)? */
#define CLB_IMPLEMENTATION
#include "../../clb.h"
#include "../kit/kit.h"

enum { N = 8, D = 20, LAWS = 4 };
static const double widths[N] = { 16, 24, 32, 48, 64, 96, 128, 192 };
static const kit_part edge = KIT_PART("edge", "Eight widths, seven distances to the edge", lin_run,
                                      lin_train),
                      start = KIT_PART("start", "lambda_max at the start", lin_run, lin_train),
                      sweep =
                          KIT_PART("sweep", "Eight widths, six learning rates", lin_run, lin_train);

static void plan(kit *x)
{
    kit_list three = kit_seeds(x, kit_quick(x) ? 1 : 3), five = kit_seeds(x, kit_quick(x) ? 1 : 5);
    kit_config(x, "n_steps", LIN_T);
    for (size_t k = 0; k < (kit_quick(x) ? 4 : N); ++k) {
        for (size_t s = 0; s < three.n; ++s)
            for (size_t i = 0; i < LIN_F; ++i)
                kit_add(x, &edge,
                        &LIN_KEYS(.seed = three.at[s], .d = D, .m = widths[k], .f = lin_f[i]));
        lin_add(x, &start, &sweep, D, widths[k], five);
    }
}

/* ---- laws of alpha(m), each a line in transformed axes --------------------------------------- */

static const char *const law_names[LAWS] = { "1 + c m^gamma", "a + b m", "a + b ln m",
                                             "1 + c f^gamma" };

/* The axes of a law: x is m, ln m, or ln of f = 0.1 lambda_max(0)/2; y is alpha or ln(alpha -
 * 1). */
static double law_x(size_t law, double m, double f)
{
    return law == 1 ? m : clb_log(law == 3 ? f : m);
}
static int    law_log(size_t law) { return law == 0 || law == 3; }

static clb_fit law_fit(size_t law, size_t n, const double *x, const double *alpha)
{
    double y[N];
    for (size_t k = 0; k < n; ++k) y[k] = law_log(law) ? clb_log(alpha[k] - 1) : alpha[k];
    return clb_fit_linear(n, x, y);
}

static double law_at(size_t law, const clb_fit *fit, double x)
{
    double y = fit->intercept + fit->slope * x;
    return law_log(law) ? 1 + clb_exp(y) : y;
}

static void laws(kit *x)
{
    kit_table *t = KIT_TABLE(x, "laws of alpha",
                             "Laws of alpha(m): residual, residual where the width is left out of "
                             "the fit, AIC",
                             "law", "rms", "leave_one_out_rms", "aic");
    kit_claim *c = kit_ours(x, "best_law", "A power law in m describes alpha(m) best.");
    double alpha[N], f[N], aic[LAWS];
    for (size_t k = 0; k < N; ++k) {
        lin_cell cell = lin_measure(x, &start, &sweep, D, widths[k]);
        alpha[k] = cell.fit.slope, f[k] = cell.f;
    }
    for (size_t law = 0; law < LAWS; ++law) {
        double at[N], rss = 0, left_out = 0;
        clb_fit all;
        for (size_t k = 0; k < N; ++k) at[k] = law_x(law, widths[k], f[k]);
        all = law_fit(law, N, at, alpha);
        for (size_t out = 0; out < N; ++out) {
            double some[N], y[N], e = law_at(law, &all, at[out]) - alpha[out];
            clb_fit part;
            size_t n = 0;
            for (size_t k = 0; k < N; ++k)
                if (k != out) some[n] = at[k], y[n++] = alpha[k];
            part = law_fit(law, n, some, y), rss += e * e;
            e = law_at(law, &part, at[out]) - alpha[out], left_out += e * e;
        }
        aic[law] = clb_aic(N, rss, 2);
        kit_text(t, law_names[law]);
        KIT_CELLS(t, clb_sqrt(rss / N), clb_sqrt(left_out / N), aic[law]);
    }
    kit_statement(c, "AIC of a + b m less that of the power law", aic[1] - aic[0], kit_above(2));
    kit_statement(c, "AIC of a + b ln m less that of the power law", aic[2] - aic[0], kit_above(2));
    kit_remark(c, "Less than 2 apart is a tie.");
}

static void report(kit *x)
{
    kit_table *t = KIT_TABLE(x, "exponent at equal distance",
                             "Exponent of drift against eta = 2 f / lambda_max(0), f <= 0.9, means "
                             "over the seeds",
                             "m", "alpha");
    kit_claim *c = kit_ours(x, "grows",
                            "The exponent grows with the width also at equal distance to the "
                            "edge.");
    double alpha[N], spread = 0;
    plot *p = kit_figure(x, "edge", 1, 1);
    plot_panel *a =
        plot_add(p, "Exponent at equal distance to the edge", "width m", "alpha", PLOT_LOGX);
    for (size_t k = 0; k < N; ++k) {
        alpha[k] = lin_alpha_f(x, &edge, D, widths[k]);
        KIT_LINE(t, widths[k], alpha[k]);
        spread = kit_worse(spread, fabs(alpha[k] - alpha[0]));
    }
    kit_statement(c, "alpha varies over m by", spread, kit_above(0.1));
    plot_range_y(a, 1, 1.8);
    plot_points(a, PLOT_GREEN | PLOT_DIAMOND, N, widths, alpha, "this program");
    laws(x);
    plot_caption(p, "With the same distances to the edge at every width the exponent hardly "
                    "depends on the width.");
}

static const kit_info info = {
    .id = "E19_edge",
    .title = "The exponent at equal distance to the edge",
    .statement = "Theorem 8",
    .beyond = "E19",
    .plan = plan,
    .report = report,
};
KIT_MAIN(info)
