/* E12  Does the loss change the exponent of the drift, and do activation and loss add up?
 *     Theorems 4, 6
 *   cc -O2 -DCLB_STATIC -o e12 examples/e12_loss.c -lm && ./e12                             (30 s)
 * Setup   the problem of E8 (20-64-5, 200 points, 2000 steps, eight eta, three seeds) for all four
 *         of {linear, ReLU} x {squared loss (MSE), cross entropy (CE)}; data drawn before the
 *         model, so that the four start from one point a seed.
 * Measure the drift, S = drift/eta^2, and the spectrum of the Hessian at the start.
 * Fit     alpha, the slope of ln(mean drift) on ln eta over all eta at which a seed survives.
 *         Effects: activation = alpha(ReLU, MSE) - alpha(linear, MSE), loss = alpha(linear, CE) -
 *         alpha(linear, MSE), interaction = alpha(ReLU, CE) - alpha(linear, MSE) - both effects.
 *         "Windows" repeats this for single seeds, fitted to ln S on the same eta for all four.
 * Predict S(eta) from the Hessian at the start by the formula of E8; R: correlation of logarithms.
 * Paper   interaction -0.21; the Hessian predicts S well for MSE and badly for CE
 * Beyond  beyond/e12_phase.c: step sizes at equal distance to the edge; other predictors. */
#define CLB_IMPLEMENTATION
#include "../clb.h"
#include "kit/kit.h"

enum { WINDOWS = 3 };
static const struct window { const char *name; double top; int colour; } windows[WINDOWS] = {
    { "all finite eta", 1, PLOT_ORANGE },
    { "eta <= 0.1", 0.1, PLOT_BLUE },
    { "eta <= 0.03", 0.03, PLOT_GREEN },
};
/* As printed, in the order of sp_cases. */
static const double paper_alpha[SP_CASES] = { 1.1161, 1.1352, 1.2764, 1.0887 };
static const double paper_R[SP_CASES] = { 0.9967, 0.4241, 0.7988, 0.3690 };
static const double paper_effects[SP_EFFECTS] = { 0.1603, 0.0191, -0.2067 };

static const kit_part spectrum =
    KIT_PART("spectrum", "Hessian at the start", sp_spectrum, sp_run_spectrum);
static const kit_part train = KIT_PART("train", "Drift after 2000 steps", sp_training,
                                       sp_run_training);

static void plan(kit *x)
{
    kit_config(x, "n_steps", SP_T);
    for (size_t k = 0; k < SP_CASES; ++k) sp_plan(x, &spectrum, &train, &sp_cases[k], 1, 0);
}

/* ---- what follows from the runs ------------------------------------------------------------- */

typedef struct found {
    double    alpha[SP_CASES], beta[SP_CASES], R[SP_CASES];
    double    stable[SP_CASES];                         /* R without eta = 0.3 */
    double    ratio[SP_CASES];                          /* of lambda_max to that of squared loss */
    sp_effect effects[WINDOWS][SP_EFFECTS];
} found;

static void exponent_table(kit *x, const sp_grid *grids, found *f)
{
    kit_table *t = KIT_TABLE(x, "exponents", "published fits: alpha from the drift, beta from S, R "
                             "of the Hessian prediction", "case", "alpha", "published", "r2",
                             "beta", "2+beta", "R",
                             "R_eta_below_0.3", "R_of_1/eta", "lambda_max_ratio_to_mse");
    for (size_t k = 0; k < SP_CASES; ++k) {
        const sp_grid *g = &grids[k], *mse = &grids[k < 2 ? SP_LINEAR_MSE : SP_RELU_MSE];
        kit_rows rows =
            kit_published(kit_where_text(kit_part_runs(x, &train), SP_AT(which), g->c->name));
        clb_sweep y = kit_sweep(rows, SP_AT(actual_drift), SP_AT(lr), g->lrs);
        clb_fit fit;
        y.floor = 1e-15, y.survivors = 1;
        fit = clb_sweep_fit(&y, kit_doubles(x, g->n + 1));
        f->alpha[k] = fit.slope, f->beta[k] = sp_fit(x, g, 1).slope;
        f->R[k] = sp_log_r(x, g, SP_PUB, 1), f->stable[k] = sp_log_r(x, g, SP_PUB, 0.2);
        f->ratio[k] = clb_mean(g->seeds, g->lambda_max) / clb_mean(mse->seeds, mse->lambda_max);
        kit_text(t, g->c->name);
        KIT_CELLS(t, f->alpha[k], paper_alpha[k], fit.r2, f->beta[k], 2 + f->beta[k], f->R[k],
                  f->stable[k], sp_log_r(x, g, SP_NULL, 1), f->ratio[k]);
    }
}

static void window_table(kit *x, const sp_grid *g, found *f)
{
    kit_table *t = KIT_TABLE(x, "windows", "effects on alpha = 2 + d ln S/d ln eta: mean and "
                             "sample deviation over seeds", "window", "activation",
                             "sd_activation", "loss", "sd_loss",
                             "interaction", "sd_interaction");
    for (int w = 0; w < WINDOWS; ++w) {
        sp_window(x, g, windows[w].top, 0, f->effects[w]);
        kit_text(t, windows[w].name);
        for (int e = 0; e < SP_EFFECTS; ++e)
            KIT_CELLS(t, f->effects[w][e].mean, f->effects[w][e].sd);
    }
}

static void means_table(kit *x, const sp_grid *g)
{
    kit_table *t =
        KIT_TABLE(x, "seed means", "S measured and predicted by the formula, means over the seeds",
                  "case", "lr", "S_measured", "S_predicted", "error_percent");
    for (const sp_grid *end = g + SP_CASES; g < end; ++g)
        for (size_t i = 0; i < g->n; ++i) {
            if (isnan(sp_mean(g, g->S, i))) continue;
            kit_text(t, g->c->name);
            KIT_CELLS(t, g->lrs.at[i], sp_mean(g, g->S, i), sp_mean(g, g->pred[SP_PUB], i),
                      100 * sp_error(g, SP_PUB, i));
        }
}

static void claims_effects(kit *x, const found *f)
{
    const double *effect = sp_split(x, 1, f->alpha);
    sp_effect equal = f->effects[1][2];
    kit_claim *c = kit_paper(x, "interaction", "Activation and loss interact: the exponent of the "
                             "ReLU net with cross entropy is 0.21 below the sum of both effects.",
                             "-0.207");
    for (int e = 0; e < SP_EFFECTS; ++e) {
        kit_summary_item *s = kit_summary(x, kit_print(x, "effect_%s", sp_effects[e]), effect[e]);
        kit_printed(s, paper_effects[e]);
        if (e == 2) kit_headline(s, 1, "");                   /* the interaction */
    }
    kit_number(c, "interaction", effect[2], kit_within(-0.2067, 0.02));
    kit_statement(c, "interaction on the same eta, up to 0.1", equal.mean, kit_below(0));
    kit_condition(c, "on the paper's windows, which lack eta = 0.3 for linear nets with squared "
                  "loss only", "interaction", effect[2], kit_below(0));
    kit_show(c, "interaction on eta up to 0.03", f->effects[2][2].mean);
    kit_remark_value(c, equal.mean, kit_print(x, "On the same eta for all four nets the "
                                              "interaction is %+.2f.", equal.mean));
    c = kit_paper(x, "not_additive",
                  "The effects of activation and loss do not add up; the interaction is negative.",
                  "non-additive, negative");
    kit_statement(c, "|interaction| over its deviation between seeds, eta up to 0.1",
                  fabs(equal.mean) / equal.sd, kit_above(2));
    kit_statement(c, "interaction", equal.mean, kit_below(0));
    kit_condition(c, "whatever its sign", "|interaction| over its deviation",
                  fabs(equal.mean) / equal.sd, kit_above(2));
}

static void claims_prediction(kit *x, const sp_grid *g, const found *f)
{
    double err[SP_CASES];
    kit_claim *c = kit_paper(x, "R",
                             "The Hessian at the start predicts S well for squared loss and badly "
                             "for cross entropy.",
                             "R = 0.997, 0.799 (MSE), 0.424, 0.369 (CE)");
    for (size_t k = 0; k < SP_CASES; ++k) {
        kit_number(c, kit_print(x, "R, %s", g[k].c->label), f->R[k], kit_within(paper_R[k], 1e-3));
        kit_printed(sp_R_summary(x, kit_print(x, "R_%s", g[k].c->name), &g[k], f->R[k]),
                    paper_R[k]);
        err[k] = 100 * sp_seed_error(&g[k], SP_PUB, 0.1, NULL);
    }
    kit_statement(c, "without eta = 0.3, best R of squared loss less worst R of cross entropy",
                  fmax(f->stable[SP_LINEAR_MSE], f->stable[SP_RELU_MSE])
                      - fmin(f->stable[SP_LINEAR_CE], f->stable[SP_RELU_CE]), kit_above(0.05));
    kit_remark(c, "At eta = 0.3, the one unstable step size, R is set by the formula's term for "
                  "|rho| >= 1.");
    c = kit_paper(x, "errors",
                  "The errors for squared loss are smaller than those for cross entropy.",
                  "MSE better");
    kit_statement(c,
                  "larger mean error of squared loss over the smaller one of cross entropy, eta up "
                  "to 0.1",
                  fmax(err[SP_LINEAR_MSE], err[SP_RELU_MSE])
                      / fmin(err[SP_LINEAR_CE], err[SP_RELU_CE]),
                  kit_below(1));
    for (size_t k = 0; k < SP_CASES; ++k)
        kit_show(c, kit_print(x, "error in %%, %s", g[k].c->label), err[k]);
}

/* Mean ratio CE/MSE of the 20 largest Hessian eigenvalues, index by index. */
static double top_ratio(kit *x, const sp_grid *mse, const sp_grid *ce)
{
    double sum = 0, n = 0;
    for (size_t s = 0; s < ce->seeds; ++s) {
        const sp_spectrum *u = sp_spectrum_of(x, &spectrum, ce->c->name, ce->seed[s]);
        const sp_spectrum *v = sp_spectrum_of(x, &spectrum, mse->c->name, ce->seed[s]);
        size_t P = u->eigenvalues_init.n;
        if (!v) return KIT_NAN;
        for (size_t k = P - 20; k < P; ++k)
            sum += u->eigenvalues_init.at[k] / v->eigenvalues_init.at[k], n += 1;
    }
    return sum / n;
}

static void claims(kit *x, const sp_grid *g, const found *f)
{
    kit_claim *c;
    claims_effects(x, f);
    claims_prediction(x, g, f);
    c = kit_paper(x, "compression",
                  "Cross entropy compresses the spectrum of the Hessian by 0.16-0.25.",
                  "0.16-0.25");
    for (size_t k = 0; k < 2; ++k) {
        const char *net = k ? "ReLU" : "linear";
        kit_statement(c, kit_print(x, "lambda_max of CE over that of MSE, %s", net),
                      f->ratio[2 * k + 1], kit_at_most(0.25));
        kit_show(c, kit_print(x, "mean ratio of the 20 largest eigenvalues, %s", net),
                 top_ratio(x, &g[2 * k], &g[2 * k + 1]));
        kit_summary(x, k ? "lambda_max_ratio_relu" : "lambda_max_ratio_linear",
                    f->ratio[2 * k + 1]);
    }
    kit_remark(c, "At uniform softmax the loss functions alone make the ratio (1/K)/(2/K) = 1/2.");
    c = kit_paper(x, "alpha", "The exponent of the linear net with squared loss is 1.116.",
                  "1.1161");
    kit_number(c, "alpha from the drift", f->alpha[0], kit_within(1.1161, 0.01));
    kit_show(c, "alpha from S", 2 + f->beta[0]);
    kit_remark(c, "The paper's drift at eta = 1e-4 has float32 noise, which moves its alpha by "
                  "0.009: its S gives 1.1248.");
}

static void alpha_panel(kit *x, plot *p, const sp_grid *g)
{
    static const char *const names[SP_CASES] = { "lin MSE", "lin CE", "ReLU MSE", "ReLU CE" };
    static const double at[SP_CASES] = { 1, 2, 3, 4 };
    plot_panel *a = plot_add(p, "Exponent, three windows", "case", "alpha", PLOT_LINEAR);
    for (int w = 0; w < WINDOWS; ++w) {
        double mean[SP_CASES] = { 0 }, place[SP_CASES];
        for (size_t k = 0; k < SP_CASES; ++k) {
            place[k] = at[k] + 0.2 * (w - 1);
            for (size_t s = 0; s < g[k].seeds; ++s) {
                double v = sp_alpha(x, &g[k], s, windows[w].top, 0);
                mean[k] += v / (double)g[k].seeds;
                plot_points(a, windows[w].colour | PLOT_SMALL, 1, &place[k], &v, NULL);
            }
        }
        plot_points(a, windows[w].colour, SP_CASES, place, mean, windows[w].name);
    }
    plot_points(a, PLOT_PUBLISHED, SP_CASES, at, paper_alpha, "published");
    plot_range_x(a, 0.5, 4.5), plot_ticks_x(a, SP_CASES, at, names);
}

static void figure(kit *x, const sp_grid *g)
{
    plot *p = kit_figure(x, "loss", 3, 1);
    plot_panel *a = plot_add(p, "S after 2000 steps", "eta lambda_max(0)", "S(eta)", PLOT_LOG);
    for (size_t k = 0; k < SP_CASES; ++k) {
        double *S = kit_doubles(x, g[k].n);
        sp_curve(&g[k], g[k].S, 1, S);
        sp_plot_case(a, &g[k], sp_phases(x, &g[k]), S);
    }
    plot_vertical(a, 2, "edge");
    alpha_panel(x, p, g);
    a = plot_add(p, "Predicted over measured, seed means", "eta lambda_max(0)", "ratio", PLOT_LOG);
    for (size_t k = 0; k < SP_CASES; ++k) {
        double *ratio = kit_doubles(x, g[k].n);
        for (size_t i = 0; i < g[k].n; ++i) ratio[i] = 1 + sp_error(&g[k], SP_PUB, i);
        sp_plot_case(a, &g[k], sp_phases(x, &g[k]), ratio);
    }
    plot_range_y(a, 0.5, 20), plot_horizontal(a, 1, NULL), plot_vertical(a, 2, "edge");
    plot_caption(p, "Four combinations of activation and loss: the exponent depends on the window "
                    "of step sizes, and the interaction changes its sign with it.");
}

static void report(kit *x)
{
    sp_grid g[SP_CASES];
    found f;
    for (size_t k = 0; k < SP_CASES; ++k) g[k] = sp_load(x, &spectrum, &train, &sp_cases[k]);
    exponent_table(x, g, &f);
    window_table(x, g, &f);
    means_table(x, g);
    claims(x, g, &f);
    figure(x, g);
}

static const kit_info info = {
    .id = "E12", .title = "Loss-function interaction", .statement = "Theorems 4, 6",
    .key_result = "non-additive, interaction -0.21", .plan = plan, .report = report, };
KIT_MAIN(info)
