/* E23  Compression time against the learning rate: tau = Theta(1/eta)?                Proposition 7
 *   cc -O2 -DCLB_STATIC -o e23 examples/e23_tau.c -lm && ./e23                              (60 s)
 * Setup   standard ReLU net (20-64-5, 200 points), cross entropy, gradient descent; five learning
 *         rates from 0.003 to 0.03, 3000 steps, three seeds.
 * Measure q, the softmax probability of the label, mean over the samples, at 17 steps from 0 to
 *         3000; the Hessian spectrum at four of them.
 * Fit     1 - q = a exp(-t/tau) over the steps from 25 on with 0.01 < 1 - q < 0.9; then a line
 *         tau = C/eta + b through the means over the seeds, and a power law.
 * Paper   tau = 1.33/eta + 29, R^2 = 0.988
 * Beyond  beyond/e23_times.c: times to reach a threshold, and the curves at equal eta t. */
#define CLB_IMPLEMENTATION
#include "../clb.h"
#include "kit/kit.h"

enum { T = 3000, ETAS = 5, TIMES = 17, SPECTRA = 4 };
static const double etas[ETAS] = { 0.003, 0.005, 0.01, 0.02, 0.03 };
static const size_t at[TIMES] = { 0,   10,  25,  50,   75,   100,  150,  200, 300,
                                  400, 500, 700, 1000, 1500, 2000, 2500, 3000 },
                    spectra_at[SPECTRA] = { 0, 200, 500, 1000 };

/* ---- one run -------------------------------------------------------------------------------- */

typedef struct training {
    double   seed, lr;
    double   tau, r2, a, slope, n_points;
    kit_list q_bar, q_min, q_max, one_minus_q, loss, accuracy;
    kit_list max_eigenvalue, min_eigenvalue, n_positive, trace_positive;
} training;
static const kit_field training_fields[] = {
    KIT_KEY(training, seed),
    KIT_KEY(training, lr),
    KIT_RESULT(training, tau),
    KIT_RESULT(training, r2),
    KIT_RESULT(training, a),
    KIT_RESULT(training, slope),
    KIT_RESULT(training, n_points),
    KIT_RESULT_ARRAY(training, q_bar),
    KIT_RESULT_ARRAY(training, q_min),
    KIT_RESULT_ARRAY(training, q_max),
    KIT_RESULT_ARRAY(training, one_minus_q),
    KIT_RESULT_ARRAY(training, loss),
    KIT_RESULT_ARRAY(training, accuracy),
    KIT_RESULT_ARRAY(training, max_eigenvalue),
    KIT_RESULT_ARRAY(training, min_eigenvalue),
    KIT_RESULT_ARRAY(training, n_positive),
    KIT_RESULT_ARRAY(training, trace_positive),
};

typedef struct watch {
    clb_curv   curv;
    double    *value[6], *spectrum[4];          /* as the arrays of the run */
    double    *lambda, *c;
    size_t     k, ks;
    clb_status status;
} watch;

static void take_spectrum(watch *w, const clb_state *state)
{
    clb_spectrum_stats s;
    if (w->ks == 0) w->status = clb_curv_init(&w->curv, state->pass);
    if (!w->status)
        clb_curv_at(&w->curv, NULL), w->status = kit_crossover_modes(&w->curv, w->lambda, w->c);
    if (w->status) return;
    s = clb_spectrum_describe(state->net->P, w->lambda, 1e-8);
    w->spectrum[0][w->ks] = s.largest, w->spectrum[1][w->ks] = s.smallest;
    w->spectrum[2][w->ks] = (double)s.positive, w->spectrum[3][w->ks] = s.sum_positive;
    ++w->ks;
}

static clb_verdict observe(void *context, const clb_state *state)
{
    watch *w = context;
    cp_probability p = cp_probability_of(state->pass);
    if (w->k == TIMES || state->t != at[w->k]) return CLB_CONTINUE;
    w->value[0][w->k] = p.mean, w->value[1][w->k] = p.least, w->value[2][w->k] = p.largest;
    w->value[3][w->k] = 1 - p.mean, w->value[4][w->k] = state->loss;
    w->value[5][w->k] = clb_accuracy(state->pass), ++w->k;
    if (w->ks < SPECTRA && state->t == spectra_at[w->ks]) take_spectrum(w, state);
    return w->status ? CLB_STOP : CLB_CONTINUE;
}

static clb_status train(kit *x, void *run)
{
    training *row = run;
    kit_list *values[6] = { &row->q_bar,       &row->q_min, &row->q_max,
                            &row->one_minus_q, &row->loss,  &row->accuracy },
             *spectra[4] = { &row->max_eigenvalue, &row->min_eigenvalue, &row->n_positive,
                             &row->trace_positive };
    watch w = { .lambda = kit_doubles(x, 2 * 1600) };
    clb_observer ob = { observe, &w, 0, at, TIMES, 0 };
    clb_train_opts how = { .ce = CLB_CE, .observers = &ob, .observer_count = 1 };
    clb_trace tr;
    clb_status status;
    clb_fit fit;
    double t[TIMES];
    w.c = w.lambda + 1600;
    for (int j = 0; j < 6; ++j) w.value[j] = kit_doubles(x, TIMES);
    for (int j = 0; j < 4; ++j) w.spectrum[j] = kit_doubles(x, SPECTRA);
    status = paper_train(NULL, row->seed, row->lr, kit_quick(x) ? 1000 : T, &how, &tr);
    if (!status) clb_trace_free(&tr);
    clb_curv_free(&w.curv);
    for (size_t k = 0; k < TIMES; ++k) t[k] = (double)at[k];
    for (int j = 0; j < 6; ++j) *values[j] = (kit_list){ w.k, w.value[j] };
    for (int j = 0; j < 4; ++j) *spectra[j] = (kit_list){ w.ks, w.spectrum[j] };
    fit =
        clb_fit_exponential(w.k > 2 ? w.k - 2 : 0, t + 2, w.value[3] + 2, 0.01, 0.9); /* t >= 25 */
    row->tau = clb_fit_tau(&fit), row->r2 = fit.r2, row->a = clb_exp(fit.intercept);
    row->slope = fit.slope, row->n_points = (double)fit.n;
    return status ? status : w.status;
}

static const kit_part runs = KIT_PART("run", "Five learning rates", training, train);

static void plan(kit *x)
{
    kit_list seeds = kit_seeds(x, kit_quick(x) ? 1 : 3), lrs = kit_lrs(x, etas, ETAS);
    kit_config(x, "n_steps", T);
    for (size_t i = 0; i < lrs.n; ++i)
        for (size_t s = 0; s < seeds.n; ++s)
            kit_add(x, &runs, &(training){ .seed = seeds.at[s], .lr = lrs.at[i] });
}

/* ---- what follows from the runs ------------------------------------------------------------- */

typedef struct found {
    double  tau[ETAS], inverse[ETAS];
    clb_fit line, power;
    double  line_error, power_error;               /* mean square error in tau itself */
    double aic_exponential, aic_power; /* of 1 - q(t), t >= 25, in ln, summed over runs */
} found;

static kit_rows at_rate(kit *x, double eta)
{
    return kit_published(kit_where(kit_part_runs(x, &runs), KIT_AT(training, lr), eta));
}

static void laws(kit *x, found *f)
{
    kit_rows all = kit_part_runs(x, &runs);
    double t[TIMES];
    for (size_t k = 0; k < TIMES; ++k) t[k] = (double)at[k];
    for (size_t i = 0; i < all.n; ++i) {
        kit_list y = ((const training *)all.at[i])->one_minus_q;
        if (y.n != TIMES) continue;
        f->aic_exponential +=
            clb_aic(TIMES - 2, clb_fit_exponential(TIMES - 2, t + 2, y.at + 2, 0, KIT_INF).rss, 2);
        f->aic_power += clb_aic(TIMES - 2, clb_fit_power(TIMES - 2, t + 2, y.at + 2, 0).rss, 2);
    }
    for (size_t i = 0; i < ETAS; ++i) {
        double a = f->line.slope * f->inverse[i] + f->line.intercept - f->tau[i],
               b = clb_exp(f->power.intercept) * clb_pow(etas[i], f->power.slope) - f->tau[i];
        f->line_error += a * a / ETAS, f->power_error += b * b / ETAS;
    }
}

static void measure(kit *x, found *f)
{
    kit_table *t = KIT_TABLE(x, "tau", "tau as published, and times eta", "lr", "mean_tau",
                             "std_tau", "tau_eta"),
              *steps = KIT_TABLE(x, "steps", "Steps of the checkpoints and of the spectra", "t",
                                 "spectrum");
    steps->detail = 1, kit_unit(t, "mean_tau", "steps");
    for (size_t i = 0; i < ETAS; ++i) {
        kit_rows r = at_rate(x, etas[i]);
        f->tau[i] = kit_mean(r, KIT_AT(training, tau)), f->inverse[i] = 1 / etas[i];
        KIT_LINE(t, etas[i], f->tau[i], kit_std(r, KIT_AT(training, tau)), f->tau[i] * etas[i]);
    }
    for (size_t k = 0; k < TIMES; ++k)
        KIT_LINE(steps, (double)at[k], k < SPECTRA ? (double)spectra_at[k] : KIT_NONE);
    f->line = clb_fit_linear(ETAS, f->inverse, f->tau),
    f->power = clb_fit_power(ETAS, etas, f->tau, 0);
    laws(x, f);
}

/* R^2 of the line through the means of the seeds drawn. */
static double line_r2(void *sweep, size_t n, const uint32_t *index)
{
    double mean[ETAS], inverse[ETAS];
    clb_sweep_means(sweep, index, n, mean);
    for (size_t i = 0; i < ETAS; ++i) inverse[i] = 1 / etas[i];
    return clb_fit_linear(ETAS, inverse, mean).r2;
}

static void claims(kit *x, const found *f)
{
    double lo = KIT_INF, hi = -KIT_INF;
    kit_list at_etas = { ETAS, etas };
    clb_sweep tau = kit_sweep(kit_published(kit_part_runs(x, &runs)), KIT_AT(training, tau),
                              KIT_AT(training, lr), at_etas);
    kit_summary_item *C = kit_summary(x, "C", f->line.slope);
    kit_claim *c = kit_paper(x, "line", "The compression time is proportional to 1/eta: tau = "
                                        "1.33/eta + 29.", "1.33, 29, R^2 = 0.988");
    for (size_t i = 0; i < ETAS; ++i)
        lo = fmin(lo, f->tau[i] * etas[i]), hi = fmax(hi, f->tau[i] * etas[i]);
    kit_interval(C, f->line.slope_se, KIT_NAN, KIT_NAN), kit_printed(C, 1.33);
    kit_printed(kit_summary(x, "intercept", f->line.intercept), 29);
    kit_summary_of_seeds(x, "r2", tau.seeds, line_r2, &tau)->value = f->line.r2;
    kit_summary(x, "gamma", f->power.slope), kit_summary_r2(x, "gamma_r2", &tau, f->power.r2);
    kit_number(c, "C", f->line.slope,
               kit_within(1.33, 0.135)); /* half the range of 90 % of groups of seeds */
    kit_show(c, "intercept", f->line.intercept), kit_show(c, "R^2", f->line.r2);
    kit_statement(c, "largest tau eta over the smallest", hi / lo, kit_below(1.2));
    kit_show(c, "exponent of tau in eta", f->power.slope);
    kit_remark(c, "tau is not proportional to 1/eta because the checkpoints and the window of the "
                  "fit are fixed in steps, not in eta t.");
    c = kit_paper(x, "exponential", "1 - q decays exponentially.", "exponential fits");
    kit_statement(c, "AIC of a power law less that of the exponential",
                  f->aic_power - f->aic_exponential, kit_above(10));
    kit_remark(c, "Over all steps from 25 on, in ln(1 - q), 15 points a run.");
    c = kit_paper(x, "power_law", "A power law (R^2 = 0.9906) fits tau better than a line (0.988).",
                  "R^2 0.9906, 0.988");
    kit_number(c, "R^2 of the power law", f->power.r2, kit_within(0.9906, 0.0005));
    kit_number(c, "R^2 of the line", f->line.r2, kit_within(0.988, 0.0005));
    kit_statement(c, "squared error in tau of the power law over that of the line",
                  f->power_error / f->line_error, kit_below(0.9));
    kit_remark(c, "The paper compares R^2 in ln tau with R^2 in tau.");
}

static void figure(kit *x, const found *f)
{
    double t[TIMES], y[TIMES], line[ETAS];
    plot *p = kit_figure(x, "tau", 2, 1);
    plot_panel *a = plot_add(p, "Misclassified probability", "step t", "1 - mean q", PLOT_LOG);
    for (size_t i = 0; i < ETAS; ++i) {
        for (size_t k = 0; k < TIMES; ++k)
            t[k] = (double)at[k],
            y[k] = kit_mean_element(at_rate(x, etas[i]), KIT_AT(training, one_minus_q), k);
        plot_line(a, (int)i, TIMES - 1, t + 1, y + 1, kit_print(x, "eta = %g", etas[i]));
        line[i] = f->line.slope * f->inverse[i] + f->line.intercept;
    }
    a = plot_add(p, "Compression time", "1/eta", "tau, steps", PLOT_LOG);
    plot_line(a, PLOT_ORANGE | PLOT_DASHED, ETAS, f->inverse, line,
              kit_print(x, "%.2f/eta + %.0f", f->line.slope, f->line.intercept));
    plot_points(a, PLOT_BLUE, ETAS, f->inverse, f->tau, "fitted, mean over seeds");
    plot_caption(p, "The probability of a wrong label against the step, and the time of an "
                    "exponential fitted to it.");
}

static void report(kit *x)
{
    found f;
    memset(&f, 0, sizeof f);
    measure(x, &f);
    claims(x, &f);
    figure(x, &f);
}

static const kit_info info = {
    .id = "E23", .title = "Compression time against learning rate", .statement = "Proposition 7",
    .key_result = "tau = 1.33/eta + 29, R^2 = 0.988", .plan = plan, .report = report,
};
KIT_MAIN(info)
