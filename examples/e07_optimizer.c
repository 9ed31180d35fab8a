/* E7  Optimiser dependence of the drift: gradient descent, momentum, Adam.                Theorem 4
 *   cc -O2 -DCLB_STATIC -o e07 examples/e07_optimizer.c -lm && ./e07                        (25 s)
 * Setup   20-64-5 ReLU net without bias, mixture of n = 200, cross entropy, full batch, T = 2000;
 *         gradient descent, momentum (heavy ball, beta = 0.9) and Adam. Ten learning rates, five
 *         seeds; Adam runs at a tenth of the rate on the paper's axis.
 * Measure drift |C(T) - C(0)|, C = |W_2|^2 - |W_1|^2; its parts of first and second order in eta;
 *         S = sum_t (|G_2|^2 - |G_1|^2)
 * Fit     ln(mean drift) against ln(eta): on seven eta with three seeds ("I"), and on ten eta with
 *         five seeds ("U")
 * Paper   Adam: alpha = 0.56 (I); 0.585 (U)
 * Beyond  beyond/e07_order.c: the sign and order of the drift, the law of momentum, Adam's eps. */
#define CLB_IMPLEMENTATION
#include "../clb.h"
#include "kit/kit.h"

enum { T = 2000, T_QUICK = 300, N = 10, SEVEN = 7, METHODS = 3 };
static const double grid[N] = { 1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 0.1, 0.3, 0.5, 1 };
static const double grid_adam[N] = { 1e-5, 3e-5, 1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 0.05, 0.1 };
static const double paper_adam[SEVEN] = { 4.09393, 5.98078, 7.93809, 10.0097, 15.1878, 47.1528,
                                          345.544 };

static const struct method {
    const char   *name, *label, *caption;
    int           colour;
    clb_optimizer optimizer;
    const double *lr;                  /* the rates really used; grid is the paper's axis */
    double        paper_i, paper_u;
} methods[METHODS] = {
    { "sgd", "descent", "label is eta on the paper's axis, signed the drift with its sign, "
      "first_share the part of first order in eta", PLOT_BLUE, CLB_GD, grid, 1.0554, 1.1628 },
    { "sgd_momentum", "with momentum", "Momentum (heavy ball), beta = 0.9", PLOT_GREEN,
      CLB_HEAVY_BALL, grid, 1.0225, 1.0761 },
    { "adam", "Adam", "Adam, run at a tenth of the labelled eta", PLOT_ORANGE, CLB_ADAM, grid_adam,
      0.5618, 0.5850 },
};

/* ---- one run -------------------------------------------------------------------------------- */

typedef struct training {
    const char *method;
    double      seed, lr;
    double      drift, signed_drift, S, first, second, law_error, final_loss, drift_trained;
} training;
#define AT(member) KIT_AT(training, member)
static const kit_field training_fields[] = {
    KIT_KEY_TEXT(training, method), KIT_KEY(training, seed), KIT_KEY(training, lr),
    KIT_RESULT(training, drift), KIT_RESULT(training, signed_drift), KIT_RESULT(training, S),
    KIT_RESULT(training, first), KIT_RESULT(training, second), KIT_RESULT(training, law_error),
    KIT_RESULT(training, final_loss), KIT_RESULT(training, drift_trained),
};

static clb_status train(kit *x, void *run)
{
    training *row = run;
    const struct method *m = methods;
    clb_train_opts how = { .ce = CLB_CE, .beta1 = 0.9, .eps = 1e-8 };
    clb_trace tr;
    size_t t = 0;
    clb_status status;
    while (strcmp(m->name, row->method)) ++m;
    how.optimizer = m->optimizer;
    status = paper_train(NULL, row->seed, row->lr, kit_quick(x) ? T_QUICK : T, &how, &tr);
    if (status) return status;
    row->signed_drift = clb_trace_drift(&tr, 1), row->drift = fabs(row->signed_drift);
    row->S = fabs(tr.S[0]), row->first = tr.first[0], row->second = tr.second[0];
    row->law_error = fabs(row->signed_drift - tr.predicted[0]);
    row->final_loss = tr.loss[tr.T - 1];
    while (t < tr.T && !(tr.loss[t] <= 0.01)) ++t;
    if (t < tr.T) row->drift_trained = clb_trace_charge(&tr, 1, t) - clb_trace_charge(&tr, 1, 0);
    clb_trace_free(&tr);
    return CLB_OK;
}

static const kit_part sweep = KIT_PART("sweep", "three optimisers", training, train);

static void plan(kit *x)
{
    kit_list seeds = kit_seeds(x, kit_quick(x) ? 1 : 5);
    kit_config(x, "n_steps", T);
    for (const struct method *m = methods; m < methods + METHODS; ++m) {
        kit_list etas = kit_lrs(x, m->lr, N);
        for (size_t i = 0; i < etas.n; ++i)
            for (size_t s = 0; s < seeds.n; ++s)
                kit_add(x, &sweep, &(training){ .method = m->name, .seed = seeds.at[s],
                                                .lr = etas.at[i] });
    }
}

/* ---- what follows from the runs ------------------------------------------------------------- */

static kit_rows runs_of(kit *x, const struct method *m)
{
    return kit_published(kit_where_text(kit_part_runs(x, &sweep), AT(method), m->name));
}

typedef struct findings { clb_fit i, u; clb_interval ci; double low, high, share; } findings;

static findings fit(kit *x, const struct method *m)
{
    kit_list ten = { N, m->lr }, seven = { SEVEN, grid };
    clb_sweep i = kit_sweep(kit_first_published(runs_of(x, m), 3), AT(drift), AT(lr), seven);
    clb_sweep u = kit_sweep(runs_of(x, m), AT(drift), AT(lr), ten);
    double mean[N], slope[N];
    clb_summary local;
    findings f;
    i.floor = 1e-15, u.floor = 1e-10;
    f.i = clb_sweep_fit(&i, mean), f.u = clb_sweep_fit(&u, mean);
    clb_local_slopes(N, m->lr, mean, slope), local = clb_summarize(N - 1, slope);
    f.low = local.min, f.high = local.max;
    if (clb_bootstrap_sweep(&i, NULL, &f.ci, NULL)) f.ci.lo = f.ci.hi = f.ci.se = KIT_NAN;
    return f;
}

/* U: five seeds. The least share of the part of first order in eta over the rates. */
static double method_table(kit *x, const struct method *m)
{
    double least = KIT_INF;
    const char *caption = m->caption;
    if (m == methods) caption = kit_print(x, "Gradient descent: means over %s; %s",
                                          kit_n_seeds(x, 5), m->caption);
    kit_table *t = KIT_TABLE(x, m->name, caption, "lr", "label", "mean_drift", "std_drift",
                             "mean_loss", "signed", "first_share", "law_error", "at_loss_0.01");
    for (size_t i = 0; i < N; ++i) {
        kit_rows rows = kit_where(runs_of(x, m), AT(lr), m->lr[i]);
        double first = fabs(kit_mean(rows, AT(first))), second = fabs(kit_mean(rows, AT(second)));
        KIT_LINE(t, m->lr[i], grid[i], kit_mean(rows, AT(drift)), kit_std(rows, AT(drift)),
                 kit_mean(rows, AT(final_loss)), kit_mean(rows, AT(signed_drift)),
                 first / (first + second), kit_mean(rows, AT(law_error)),
                 kit_mean(rows, AT(drift_trained)));
        least = isnan(first) ? KIT_NAN : fmin(least, first / (first + second));
    }
    return least;
}

/* I: the first three seeds at the printed rate. */
static void seven_lines(kit *x, kit_table *t, const struct method *m)
{
    for (size_t i = 0; i < SEVEN; ++i) {
        kit_rows rows = kit_where(runs_of(x, m), AT(lr), grid[i]);
        double drift;
        rows = kit_first_published(rows, 3), drift = kit_mean(rows, AT(drift));
        kit_text(t, m->name);
        KIT_CELLS(t, grid[i], drift, kit_std(rows, AT(drift)), kit_mean(rows, AT(S)),
                  drift / (grid[i] * grid[i]));
    }
}

static void claims(kit *x, const findings *f)
{
    static const size_t order[METHODS] = { 2, 0, 1 };                   /* the headline first */
    const findings *adam = &f[2];
    kit_claim *c = kit_paper(x, "adam", "Under Adam the drift grows as eta^0.56.",
                             "alpha = 0.56 (R^2 0.83)");
    for (size_t k = 0; k < METHODS; ++k) {
        const struct method *m = &methods[order[k]];
        const findings *one = &f[order[k]];
        kit_summary_item *s = kit_summary(x, kit_print(x, "alpha_%s", m->name), one->i.slope);
        kit_interval(s, one->ci.se, one->ci.lo, one->ci.hi), kit_printed(s, m->paper_i);
    }
    kit_number(c, "alpha", adam->i.slope, kit_within(0.56, 0.01));
    kit_number(c, "R^2", adam->i.r2, kit_within(0.83, 0.01));
    kit_statement(c, "R^2", adam->i.r2, kit_above(0.99));
    kit_statement(c, "range of the local slopes", adam->high - adam->low, kit_at_most(0.3));
    kit_show(c, "smallest local slope", adam->low), kit_show(c, "largest local slope", adam->high);
    kit_remark_value(c, adam->high - adam->low,
                     kit_print(x, "No single power law: the local slopes run from %.1f to %.1f.",
                               adam->low, adam->high));
    c = kit_paper(x, "ten_rates", "On ten learning rates, from 1e-5 to 0.1, alpha is 0.585.",
                  "0.585");
    kit_number(c, "alpha", adam->u.slope, kit_within(0.585, 0.01));
    c = kit_paper(x, "others", "Descent and momentum drift as eta to about the first power.",
                  "1.055 and 1.023");
    kit_number(c, "alpha of descent", f[0].i.slope, kit_within(1.055, 0.02));
    kit_number(c, "alpha of momentum", f[1].i.slope, kit_within(1.023, 0.01));
    c = kit_paper(x, "second_order", "Under Adam too the drift is of second order in eta.",
                  "Theorem 4 cited");
    kit_statement(c, "least share of the first order over the rates", 100 * f[2].share,
                  kit_in_units(kit_below(50), "%"));
    kit_remark(c, "Adam scales every coordinate by itself, which breaks the identity <W_1,G_1> = "
                  "<W_2,G_2>, so that the first order need not cancel.");
    kit_identity(x, "theorem_2", "The drift of descent is eta^2 S, that of momentum follows its "
                 "own exact law.", "worst error over the largest drift",
                 kit_worse(kit_worst(runs_of(x, &methods[0]), AT(law_error)),
                           kit_worst(runs_of(x, &methods[1]), AT(law_error))
                               / fmax(kit_worst(runs_of(x, &methods[1]), AT(drift)), 1)),
                 kit_at_most(sizeof(clb_real) == 8 ? 1e-9 : 1e-3));
}

static void figure(kit *x)
{
    plot *p = kit_figure(x, "optimizers", 2, 1);
    plot_panel *a = plot_add(p, "Drift after 2000 steps", "learning rate eta",
                             "|C(T) - C(0)|, open: C falls", PLOT_LOG);
    plot_panel *b = plot_add(p, "Share of the first order", "learning rate eta",
                             "|first| / (|first| + |second|)", PLOT_LOGX);
    for (const struct method *m = methods; m < methods + METHODS; ++m) {
        kit_list etas = { N, m->lr };
        const double *drift = kit_means(runs_of(x, m), AT(drift), AT(lr), etas);
        const double *sign = kit_means(runs_of(x, m), AT(signed_drift), AT(lr), etas);
        const double *first = kit_means(runs_of(x, m), AT(first), AT(lr), etas);
        const double *second = kit_means(runs_of(x, m), AT(second), AT(lr), etas);
        double share[N];
        plot_line(a, m->colour | PLOT_THIN, N, m->lr, drift, NULL);
        for (size_t i = 0; i < N; ++i) {
            share[i] = fabs(first[i]) / (fabs(first[i]) + fabs(second[i]));
            plot_points(a, m->colour | (sign[i] < 0 ? PLOT_OPEN : 0), 1, &m->lr[i], &drift[i],
                        i == 4 ? m->label : NULL);
        }
        plot_line(b, m->colour, N, m->lr, share, m->label);
    }
    plot_points(a, PLOT_PUBLISHED, SEVEN, grid, paper_adam, "published, Adam");
    plot_range_y(b, -0.05, 1.05);
    plot_caption(p, "Drift under three optimisers, and which order in the step size makes it.");
}

static void report(kit *x)
{
    findings f[METHODS];
    const char *five = kit_n_seeds(x, 5), *three = kit_n_seeds(x, 3);
    kit_table *t = KIT_TABLE(x, "exponents",
                             kit_print(x, "Exponent by optimiser: I (seven eta, %s) and U (ten "
                                       "eta, %s) beside the published ones; smallest and largest "
                                       "local slope", three, five),
                             "optimizer", "alpha_I", "published_I", "r2_I", "intercept_I",
                             "alpha_U", "published_U", "r2_U", "slope_min", "slope_max");
    kit_table *seven = KIT_TABLE(x, "adam_imbalance", kit_print(x, "Seven eta, %s", three),
                                 "optimizer", "lr", "mean_drift", "std_drift", "mean_S",
                                 "drift_over_eta_sq");
    for (size_t k = 0; k < METHODS; ++k) {
        const struct method *m = &methods[k];
        f[k] = fit(x, m);
        kit_text(t, m->name);
        KIT_CELLS(t, f[k].i.slope, m->paper_i, f[k].i.r2, f[k].i.intercept, f[k].u.slope,
                  m->paper_u, f[k].u.r2, f[k].low, f[k].high);
        f[k].share = method_table(x, m);
        seven_lines(x, seven, m);
    }
    claims(x, f);
    figure(x);
}

static const kit_info info = {
    .id = "E07", .title = "Optimiser dependence", .statement = "Theorem 4",
    .key_result = "Adam: alpha = 0.56", .plan = plan, .report = report,
};
KIT_MAIN(info)
