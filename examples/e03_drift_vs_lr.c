/* E3  Drift against the learning rate: C(T) - C(0) = eta^2 S(eta), so drift ~ eta needs S ~ 1/eta.
 *                                                                           Theorem 2, eq. (2), (3)
 *   cc -O2 -DCLB_STATIC -o e03 examples/e03_drift_vs_lr.c -lm && ./e03                      (12 s)
 * Setup   20-64-5 ReLU net without bias, mixture of n = 200, cross entropy, full-batch gradient
 *         descent, T = 2000. (a) eta = 0.001, 0.01, 0.1; (b) ten eta from 1e-4 to 1, of which the
 *         paper has five; five seeds. (c) eta = 0.001, 0.01, 0.1, 0.5, three seeds, every 50th
 *         update skipped as the paper's program does.
 * Measure (a) the largest relative drift of C = |W_2|^2 - |W_1|^2; (b) drift |C(T) - C(0)|, S =
 *         |sum of delta(t)|, delta = |G_2|^2 - |G_1|^2 before each update; (c) S before and after
 *         the first 50 steps, which the paper labels "at the edge" if eta lambda_max(0) >= 2.
 * Paper   drift ~ eta (slope 1.03 on 1e-3 .. 1e-1)
 * Beyond  beyond/e03_energy.c: why the slope is 1. */
#define CLB_IMPLEMENTATION
#include "../clb.h"
#include "kit/kit.h"

enum { T = 2000, EVERY = 10, SERIES = 6 };
static const double grid[] = { 1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 0.1, 0.3, 0.5, 1.0 };
static const double five[] = { 1e-4, 1e-3, 1e-2, 1e-1, 1.0 }, window[] = { 1e-3, 1e-2, 1e-1 };
static const double paper_drift[] = { 4.40651e-5, 6.29082e-4, 6.44040e-3, 7.28974e-2, 3.65596 };

/* ---- (b) one training; (a) is in kit/laws.h, (c) in kit/skipped.h ------------------------- */

typedef struct training {
    double   seed, lr;
    double   drift, S, decomposition_error, loss_integral, grad_integral, energy;
    double   sign_change_rate, hurst_exponent, identity_error;
    kit_list grad_imbalance, cumulative_S, loss, grad_norm, layer_1, layer_2; /* every tenth step */
} training;
#define AT(member) KIT_AT(training, member)
static const kit_field training_fields[] = {
    KIT_KEY(training, seed), KIT_KEY(training, lr), KIT_RESULT(training, drift),
    KIT_RESULT(training, S), KIT_RESULT(training, decomposition_error),
    KIT_RESULT(training, loss_integral), KIT_RESULT(training, grad_integral),
    KIT_RESULT(training, energy), KIT_RESULT(training, sign_change_rate),
    KIT_RESULT(training, hurst_exponent), KIT_RESULT(training, identity_error),
    KIT_RESULT_ARRAY(training, grad_imbalance), KIT_RESULT_ARRAY(training, cumulative_S),
    KIT_RESULT_ARRAY(training, loss), KIT_RESULT_ARRAY(training, grad_norm),
    KIT_RESULT_ARRAY(training, layer_1), KIT_RESULT_ARRAY(training, layer_2),
};

static double delta(const clb_trace *tr, size_t t) { return tr->g[2 * t + 1] - tr->g[2 * t]; }

static void record_series(kit *x, training *row, const clb_trace *tr)
{
    kit_list *lists[SERIES] = { &row->grad_imbalance, &row->cumulative_S, &row->loss,
                                &row->grad_norm, &row->layer_1, &row->layer_2 };
    double *series[SERIES], S = 0;
    size_t n = tr->T / EVERY;
    for (int k = 0; k < SERIES; ++k)
        series[k] = kit_doubles(x, n), lists[k]->n = n, lists[k]->at = series[k];
    for (size_t t = 0; t < n * EVERY; ++t) {
        size_t i = t / EVERY;
        S += delta(tr, t);
        if (t % EVERY) continue;
        series[0][i] = delta(tr, t), series[1][i] = S, series[2][i] = tr->loss[t];
        series[3][i] = tr->g[2 * t] + tr->g[2 * t + 1];
        series[4][i] = tr->g[2 * t], series[5][i] = tr->g[2 * t + 1];
    }
}

static clb_status train(kit *x, void *run)
{
    training *row = run;
    clb_train_opts how = { .ce = CLB_CE };
    clb_trace tr;
    double *d = kit_doubles(x, T), *norm = kit_doubles(x, T), predicted;
    size_t steps = kit_quick(x) ? T / 10 : T;
    clb_status status = paper_train(NULL, row->seed, row->lr, steps, &how, &tr);
    if (status) return status;
    row->energy = 0;
    for (size_t t = 0; t < tr.T; ++t) {
        d[t] = delta(&tr, t), norm[t] = tr.g[2 * t] + tr.g[2 * t + 1];
        row->energy += norm[t];
    }
    row->drift = fabs(clb_trace_drift(&tr, 1)), row->S = fabs(tr.S[0]);
    predicted = row->lr * row->lr * row->S;
    row->decomposition_error = fabs(row->drift - predicted) / fmax(row->drift, 1e-15);
    row->identity_error = fabs(clb_trace_drift(&tr, 1) - tr.predicted[0]);
    row->loss_integral = clb_trapezoid(tr.T, tr.loss, 1);
    row->grad_integral = clb_trapezoid(tr.T, norm, 1);
    row->sign_change_rate = clb_sign_change_rate(tr.T, d);
    row->hurst_exponent = clb_hurst(tr.T, d);
    if (kit_in((kit_list){ KIT_LEN(five), five }, row->lr)) record_series(x, row, &tr);
    clb_trace_free(&tr);
    return CLB_OK;
}

static const kit_part sweep = KIT_PART("sweep", "drift against eta", training, train);

static void plan(kit *x)
{
    kit_list etas = kit_lrs(x, grid, KIT_LEN(grid));
    kit_list seeds = kit_seeds(x, kit_quick(x) ? 2 : 5), three = kit_seeds(x, kit_quick(x) ? 2 : 3);
    kit_config(x, "T", T), kit_config(x, "skip_every", SKIP_EVERY);
    for (size_t i = 0; i < KIT_LEN(window); ++i) laws_add(x, 2, 0, window[i], seeds);
    for (size_t i = 0; i < etas.n; ++i)
        for (size_t s = 0; s < seeds.n; ++s)
            kit_add(x, &sweep, &(training){ .seed = seeds.at[s], .lr = etas.at[i] });
    skips_add(x, three);
}

/* ---- what follows from the runs ------------------------------------------------------------- */

static double mean_at(kit *x, double lr, kit_at member)
{
    return kit_mean(kit_published(kit_where(kit_part_runs(x, &sweep), AT(lr), lr)), member);
}

static void sweep_table(kit *x, kit_list etas)
{
    const char *seeds = x->has_published ? "the paper's seeds" : kit_n_seeds(x, 5);
    kit_table *t = KIT_TABLE(x, "sweep", kit_print(x, "Means over %s", seeds), "lr",
                             "mean_actual_drift", "mean_S_eta", "std_S_eta", "drift_over_eta_sq",
                             "mean_decomposition_error", "mean_loss_integral", "mean_grad_integral",
                             "S_over_grad_integral", "mean_sign_change_rate",
                             "mean_hurst_exponent");
    for (size_t i = 0; i < etas.n; ++i) {
        double eta = etas.at[i], drift = mean_at(x, eta, AT(drift)), S = mean_at(x, eta, AT(S));
        double integral = mean_at(x, eta, AT(grad_integral));
        kit_rows rows = kit_published(kit_where(kit_part_runs(x, &sweep), AT(lr), eta));
        KIT_LINE(t, eta, drift, S, kit_std(rows, AT(S)), drift / (eta * eta),
                 mean_at(x, eta, AT(decomposition_error)), mean_at(x, eta, AT(loss_integral)),
                 integral, S / integral, mean_at(x, eta, AT(sign_change_rate)),
                 mean_at(x, eta, AT(hurst_exponent)));
    }
    t = laws_table(x, "relative", "Relative drift, maximum over time (part a)");
    for (size_t i = 0; i < KIT_LEN(window); ++i) laws_line(t, 2, 0, window[i]);
}

typedef struct findings {
    kit_curve all, window;             /* drift on the grid; relative drift on 1e-3 .. 1e-1 */
    clb_sweep relative;                /* the runs of the latter */
    clb_fit   five;                    /* on the paper's five eta */
    double    cv, cv_plain;            /* of S / integral in percent: trapezoid rule, plain sum */
} findings;

static double variation(kit *x, kit_at integral)
{
    double ratio[KIT_LEN(five)];
    for (size_t i = 0; i < KIT_LEN(five); ++i)
        ratio[i] = mean_at(x, five[i], AT(S)) / mean_at(x, five[i], integral);
    return 100 * clb_std_pop(KIT_LEN(five), ratio) / clb_mean(KIT_LEN(five), ratio);
}

static void find(kit *x, kit_list etas, findings *f)
{
    kit_list five_etas = { KIT_LEN(five), five }, window_etas = { KIT_LEN(window), window };
    kit_rows runs = kit_published(kit_part_runs(x, &sweep));
    kit_rows laws = kit_published(kit_part_runs(x, &laws_trainings));
    clb_sweep all = kit_sweep(runs, AT(drift), AT(lr), etas);
    clb_sweep relative = kit_sweep(laws, LAWS_AT(mean_drift), LAWS_AT(lr), window_etas);
    clb_sweep paper = kit_sweep(runs, AT(drift), AT(lr), five_etas);
    double S[KIT_LEN(five)], mean[KIT_LEN(five)];
    clb_fit slope;
    kit_table *t = KIT_TABLE(x, "fits", "Fits over five eta: alpha of the drift, beta of S ~ "
                             "eta^-beta, coefficients of variation of S over the gradient integral "
                             "in percent", "alpha_direct", "r2_alpha", "beta_decomposition",
                             "r2_beta", "alpha_from_decomposition", "mechanism_A_ratio_cv",
                             "plain_sum_cv");
    all.floor = paper.floor = relative.floor = 1e-15;
    f->all = kit_curve_of(x, &all, 3), f->window = kit_curve_of(x, &relative, 3);
    f->relative = relative;
    f->five = clb_sweep_fit(&paper, mean);
    for (size_t i = 0; i < KIT_LEN(five); ++i) S[i] = mean[i] / (five[i] * five[i]);
    slope = clb_fit_power(KIT_LEN(five), five, S, 0);
    f->cv = variation(x, AT(grad_integral)), f->cv_plain = variation(x, AT(energy));
    KIT_LINE(t, f->five.slope, f->five.r2, -slope.slope, slope.r2, 2 + slope.slope, f->cv,
             f->cv_plain);
    kit_slope_table(x, "local slopes", "Local slopes d ln drift / d ln eta between neighbours of "
                    "the grid, with 95 % intervals over seeds", &f->all);
}

static void claims(kit *x, findings *f)
{
    clb_fit fit = f->window.fit;
    clb_interval ci = f->window.exponent;
    kit_rows edge = skips_at(x, 0.5);
    double skipped = kit_mean(edge, SKIP_AT(S_skipped)), plain = kit_mean(edge, SKIP_AT(S));
    double error = 100 * kit_worst(kit_part_runs(x, &sweep), AT(decomposition_error));
    kit_summary_item *item = kit_summary(x, "slope", fit.slope);
    kit_claim *c = kit_paper(x, "slope", "The drift grows in proportion to the learning rate.",
                             "slope 1.029, R^2 0.9998 from eta = 0.001 to 0.1");
    kit_interval(item, ci.se, ci.lo, ci.hi), kit_printed(item, 1.029);
    kit_printed(kit_summary_r2(x, "r_squared", &f->relative, fit.r2), 0.9998);
    kit_printed(kit_summary(x, "alpha_five_points", f->five.slope), 1.190);
    kit_number(c, "slope from 0.001 to 0.1", fit.slope, kit_within(1.029, 0.01));
    kit_number(c, "R^2", fit.r2, kit_within(0.9998, 5e-4));
    kit_statement(c, "slope from 0.001 to 0.1", fit.slope, kit_within(1, 0.05));
    kit_statement(c, "range of the local slopes from 1e-4 to 1", kit_slope_range(&f->all),
                  kit_at_most(0.2));
    kit_condition(c, "for eta from 0.001 to 0.1", "slope", fit.slope, kit_within(1, 0.05));
    kit_remark(c, "It holds from 0.001 to 0.1; below, training has not ended; above, it is "
                  "unstable.");
    c = kit_paper(x, "decomposition", "The drift differs from eta^2 S by less than 0.5 %.",
                  "below 0.5 %; 15 % at eta = 1e-4");
    kit_statement(c, "largest error in %", error, kit_below(0.5));
    kit_remark(c, "The 15 % are rounding of the weights to float32, not a failure of Theorem 2.");
    c = kit_paper(x, "constant_ratio", "S over the integral of |grad|^2 is the same at every eta.",
                  "coefficient of variation 8.8 %");
    kit_number(c, "coefficient of variation", f->cv, kit_in_units(kit_within(8.8, 0.05), "%"));
    kit_statement(c, "coefficient of variation", f->cv, kit_in_units(kit_below(15), "%"));
    kit_statement(c, "the same with the plain sum over the steps", f->cv_plain,
                  kit_in_units(kit_below(15), "%"));
    kit_remark(c, "The paper's trapezoid rule drops half of the first term, a large one at eta = "
                  "1.");
    c = kit_paper(x, "edge", "At eta = 0.5 all of S = 5.87 arises at the edge of stability.",
                  "5.867");
    kit_number(c, "S with every 50th update skipped", skipped, kit_within(5.867, 0.005));
    kit_statement(c, "S of gradient descent over 5.867", plain / 5.867, kit_within(1, 0.05));
    kit_condition(c, "with every 50th update skipped", "S over 5.867", skipped / 5.867,
                  kit_within(1, 0.05));
    kit_remark(c, "A skipped update counts the same imbalance twice; and the label \"edge\" is "
                  "held from step 0, where lambda_max is an initial value that only falls.");
    kit_theorem_2(x, kit_worst(kit_part_runs(x, &sweep), AT(identity_error)), 1e-11, 1e-3);
}

static void figure(kit *x, const findings *f)
{
    kit_rows runs = kit_part_runs(x, &sweep);
    plot *p = kit_figure(x, "drift", 3, 1);
    plot_panel *a = plot_add(p, "Drift after 2000 steps", "learning rate eta", "|C(T) - C(0)|",
                             PLOT_LOG);
    plot_rows(a, PLOT_BLUE, runs, AT(lr), AT(drift));
    plot_points(a, PLOT_PUBLISHED, KIT_LEN(five), five, paper_drift, "published mean (float32)");
    plot_points(a, PLOT_BLUE, f->all.at.n, f->all.at.at, f->all.mean,
                kit_print(x, "mean over %s", kit_n_seeds(x, 5)));
    plot_slope(a, 1e-4, 1, 2e-4, 1, "slope 1");
    a = plot_add(p, "Local slope", "learning rate eta", "d ln drift / d ln eta", PLOT_LOGX);
    plot_horizontal(a, 1, "paper: 1");
    plot_local_slopes(a, PLOT_BLUE, &f->all, "95 % over seeds");
    a = plot_add(p, "Imbalance during training (first seed)", "step + 1", "| |G_2|^2 - |G_1|^2 |",
                 PLOT_LOG);
    for (size_t i = 0; i < KIT_LEN(five); ++i) {
        kit_rows at = kit_where(runs, AT(lr), five[i]);
        kit_list d = at.n ? ((training *)at.at[0])->grad_imbalance : (kit_list){ 0, NULL };
        double *t = kit_doubles(x, d.n), *size = kit_doubles(x, d.n);
        for (size_t k = 0; k < d.n; ++k) t[k] = (double)(k * EVERY + 1), size[k] = fabs(d.at[k]);
        plot_line(a, plot_steps[i], d.n, t, size, kit_print(x, "eta = %g", five[i]));
    }
    plot_caption(p, "Drift against learning rate: slope one where training has finished, two "
                    "before that and beyond the edge.");
}

static void report(kit *x)
{
    kit_list etas = kit_lrs(x, grid, KIT_LEN(grid));
    findings f;
    sweep_table(x, etas);
    skips_table(x);
    find(x, etas, &f);
    claims(x, &f);
    figure(x, &f);
}

static const kit_info info = {
    .id = "E03", .title = "Drift against learning rate", .statement = "Theorem 2, eq. (2)",
    .key_result = "drift ~ eta", .plan = plan, .report = report,
};
KIT_MAIN(info)
