/* E23  Compression time against the learning rate: tau = Theta(1/eta)?                Proposition 7
 *   cc -O2 -o e23 examples/e23_tau.c -lm && ./e23
 * Setup   standard ReLU net, cross entropy, five eta, 3000 steps; q = softmax probability of the
 *         label
 * Paper   tau = 1.33/eta + 29, R^2 = 0.988; tau from exponential fits of 1 - mean q
 * Beyond  times to reach a threshold, per step, with intervals; collapse of 1 - q against eta t;
 *         the laws of 1 - q(t) and of tau(eta) compared in one space each; the published estimator
 *         at equal eta t. */
#define CLB_IMPLEMENTATION
#include "../clb.h"
#include "ex.h"
#include "plot.h"

enum { E23_T = 3000, E23_T_LONG = 10000 };
static const double e23_eta[] = { 0.003, 0.005, 0.01, 0.02, 0.03 };
static const size_t e23_at[] = { 0,   10,  25,  50,   75,   100,  150,  200, 300,
                                 400, 500, 700, 1000, 1500, 2000, 2500, 3000 };
static const size_t e23_hessian[] = { 0, 200, 500, 1000 };
static const double e23_p[] = { 0.5, 0.2, 0.1, 0.05, 0.02 };
enum {
    E23_ETAS = EX_LEN(e23_eta),
    E23_N = EX_LEN(e23_at),
    E23_H = EX_LEN(e23_hessian),
    E23_P = EX_LEN(e23_p)
};

static void e23_plan(ex *x)
{
    ex_list seeds = ex_seeds(x, ex_quick(x) ? 1 : 3), etas = ex_lrs(x, e23_eta, E23_ETAS);
    ex_config(x, "n_steps", E23_T);
    for (size_t i = 0; i < etas.n; ++i)
        for (size_t s = 0; s < seeds.n; ++s)
            ex_num(ex_add(x, "run", seeds.at[s]), "lr", etas.at[i]);
}

/* ---- one run -------------------------------------------------------------------------------- */

typedef struct e23_watch {
    clb_curv   curv;
    double    *rest;                    /* [T+1] 1 - mean q, every step                     */
    double    *at[6];                   /* [E23_N] q_bar, q_min, q_max, 1-q, loss, accuracy */
    double    *h[4];                    /* [E23_H] largest, smallest, positive, their sum   */
    double    *lambda, *c;
    size_t     k, kh;
    int        stop_at_rest;
    clb_status status;
} e23_watch;

static void e23_spectrum(e23_watch *w, const clb_state *state)
{
    clb_spectrum_stats s;
    if (w->kh == 0) w->status = clb_curv_init(&w->curv, state->pass);
    if (!w->status)
        clb_curv_at(&w->curv, NULL), w->status = ex_crossover_modes(&w->curv, w->lambda, w->c);
    if (w->status) return;
    s = clb_spectrum_describe(state->net->P, w->lambda, 1e-8);
    w->h[0][w->kh] = s.largest, w->h[1][w->kh] = s.smallest;
    w->h[2][w->kh] = (double)s.positive, w->h[3][w->kh] = s.sum_positive;
    ++w->kh;
}

static clb_verdict e23_observe(void *context, const clb_state *state)
{
    e23_watch *w = (e23_watch *)context;
    const clb_pass *pass = state->pass;
    size_t K = pass->net->m[pass->net->L];
    double sum = 0, lo = 1, hi = 0;
    for (size_t i = 0; i < pass->n; ++i) {
        double q = (double)pass->p[i * K + (size_t)pass->y[i]];
        sum += q, lo = fmin(lo, q), hi = fmax(hi, q);
    }
    sum /= (double)pass->n;
    w->rest[state->t] = 1 - sum;
    if (w->k < E23_N && state->t == e23_at[w->k]) {
        double values[6] = { sum, lo, hi, 1 - sum, state->loss, clb_accuracy(pass) };
        for (int j = 0; j < 6; ++j) w->at[j][w->k] = values[j];
        ++w->k;
    }
    if (w->kh < E23_H && state->t == e23_hessian[w->kh]) e23_spectrum(w, state);
    return w->status ? CLB_STOP : CLB_CONTINUE;
}

/* First time 1 - q falls to p, interpolated in its logarithm between steps. */
static double e23_threshold(const double *rest, size_t T, double p)
{
    for (size_t t = 1; t <= T; ++t)
        if (rest[t] <= p && rest[t - 1] > p)
            return (double)t - 1 + clb_log(rest[t - 1] / p) / clb_log(rest[t - 1] / rest[t]);
    return EX_NAN;
}

static clb_status e23_run(ex *x, ex_row *row)
{
    static const char *const names[] = { "q_bar",       "q_min", "q_max",
                                         "one_minus_q", "loss",  "accuracy" };
    static const char *const spectra[] = { "max_eigenvalue", "min_eigenvalue", "n_positive",
                                           "trace_positive" };
    size_t T = ex_quick(x) ? 1000 : ex_published(x) ? E23_T : E23_T_LONG, P = 1600;
    double eta = ex_get(row, "lr"), *times = ex_space(row, E23_P), *scaled = ex_space(row, E23_N),
           lo[E23_N];
    e23_watch w = { .rest = ex_space(row, T + 1),
                    .lambda = ex_space(row, P),
                    .c = ex_space(row, P) };
    clb_observer ob = { e23_observe, &w, 1, NULL, 0, 0 };
    clb_train_opts how = { .ce = CLB_CE, .observers = &ob, .observer_count = 1 };
    clb_trace tr;
    clb_status status;
    clb_fit fit;
    for (int j = 0; j < 6; ++j) w.at[j] = ex_space(row, E23_N);
    for (int j = 0; j < 4; ++j) w.h[j] = ex_space(row, E23_H);
    status = clb_problem_run(NULL, (uint64_t)row->seed, eta, T, &how, &tr);
    clb_curv_free(&w.curv);
    if (status) return status;
    clb_trace_free(&tr);
    for (size_t k = 0; k < E23_N; ++k) lo[k] = (double)e23_at[k];
    for (int j = 0; j < 6; ++j) ex_array(row, names[j], w.k, w.at[j]);
    for (int j = 0; j < 4; ++j) ex_array(row, spectra[j], w.kh, w.h[j]);
    for (size_t k = 0; k < E23_P; ++k) times[k] = e23_threshold(w.rest, T, e23_p[k]);
    for (size_t k = 0; k < E23_N; ++k) { /* 1 - q at the step where eta t is that of eta = 0.01 */
        size_t t = (size_t)floor((double)e23_at[k] * 0.01 / eta + 0.5);
        scaled[k] = t <= T ? w.rest[t] : EX_NAN;
    }
    fit = clb_fit_exponential(w.k > 2 ? w.k - 2 : 0, lo + 2, w.at[3] + 2, 0.01, 0.9); /* t >= 25 */
    ex_nums(row, "tau r2 a", EX_VALUES(clb_fit_tau(&fit), fit.r2, clb_exp(fit.intercept)));
    ex_num(row, "slope", fit.slope), ex_num(row, "n_points", (double)fit.n);
    ex_array(row, "threshold_times", E23_P, times);
    ex_array(row, "one_minus_q_scaled", E23_N, scaled);
    return w.status;
}

/* ---- tables --------------------------------------------------------------------------------- */

typedef struct e23_found {
    double tau[E23_ETAS], std[E23_ETAS], inverse[E23_ETAS], scaled_tau[E23_ETAS],
        time[E23_P][E23_ETAS];
    double  collapse;                   /* largest relative spread of 1 - q at equal eta t */
    clb_fit line, power;
    double  exponent[E23_P];
    double  aic_exponential, aic_power;         /* of 1 - q(t), t >= 25, in ln, summed over runs */
    double  line_error, power_error, origin_error, C_origin;
} e23_found;

static double e23_mean(ex *x, const char *name, double eta, size_t k)
{
    double sum = 0;
    size_t n = 0;
    for (size_t i = 0; i < ex_runs(x); ++i) {
        ex_list v = ex_get_array(ex_run_at(x, i), name);
        if (!ex_matches(ex_run_at(x, i), ex_print(x, "part=run lr=%.17g pub=1", eta)) || k >= v.n)
            continue;
        sum += v.at[k], ++n;
    }
    return n ? sum / (double)n : EX_NAN;
}

/* The published estimator at checkpoints of equal eta t: the fit sees the same points of one
 * curve. */
static double e23_tau_scaled(ex *x, double eta)
{
    double t[E23_N], y[E23_N];
    clb_fit fit;
    for (size_t k = 0; k < E23_N; ++k)
        t[k] = (double)e23_at[k] * 0.01 / eta, y[k] = e23_mean(x, "one_minus_q_scaled", eta, k);
    fit = clb_fit_exponential(E23_N - 2, t + 2, y + 2, 0.01, 0.9);
    return clb_fit_tau(&fit);
}

/* Law of 1 - q over all checkpoints t >= 25: exponential against power, both lines in ln(1 - q). */
static void e23_laws(ex *x, e23_found *v)
{
    for (size_t i = 0; i < ex_runs(x); ++i) {
        ex_list y = ex_get_array(ex_run_at(x, i), "one_minus_q");
        double t[E23_N];
        if (y.n != E23_N) continue;
        for (size_t k = 0; k < E23_N; ++k) t[k] = (double)e23_at[k];
        v->aic_exponential +=
            clb_aic(E23_N - 2, clb_fit_exponential(E23_N - 2, t + 2, y.at + 2, 0, EX_INF).rss, 2);
        v->aic_power += clb_aic(E23_N - 2, clb_fit_power(E23_N - 2, t + 2, y.at + 2, 0).rss, 2);
    }
}

/* tau(eta): line, line through 0 and power law, root mean square error in tau itself. */
static void e23_tau_laws(e23_found *v)
{
    double xy = 0, xx = 0;
    for (size_t i = 0; i < E23_ETAS; ++i)
        xy += v->inverse[i] * v->tau[i], xx += v->inverse[i] * v->inverse[i];
    v->C_origin = xy / xx;
    for (size_t i = 0; i < E23_ETAS; ++i) {
        double a = v->line.slope * v->inverse[i] + v->line.intercept - v->tau[i],
               b = v->C_origin * v->inverse[i] - v->tau[i];
        double c = clb_exp(v->power.intercept) * clb_pow(e23_eta[i], v->power.slope) - v->tau[i];
        v->line_error += a * a / E23_ETAS, v->origin_error += b * b / E23_ETAS,
            v->power_error += c * c / E23_ETAS;
    }
}

static void e23_measure(ex *x, e23_found *v)
{
    for (size_t i = 0; i < E23_ETAS; ++i) {
        ex_list tau = ex_pick(x, "tau", "part=run lr=%.17g pub=1", e23_eta[i]);
        const char *path =
            ex_print(x, "tau_lr_scaling/results.json#%s/tau_summary", ex_key(x, e23_eta[i]));
        ex_row *line = ex_line(x, "tau");
        v->tau[i] = clb_mean(tau.n, tau.at), v->std[i] = clb_std_pop(tau.n, tau.at),
        v->inverse[i] = 1 / e23_eta[i];
        v->scaled_tau[i] = e23_tau_scaled(x, e23_eta[i]);
        ex_nums(line, "lr mean_tau std_tau tau_eta tau_eta_equal_time",
                EX_VALUES(e23_eta[i], v->tau[i], v->std[i], v->tau[i] * e23_eta[i],
                          v->scaled_tau[i] * e23_eta[i]));
        for (size_t k = 0; k < E23_P; ++k) {
            v->time[k][i] = e23_mean(x, "threshold_times", e23_eta[i], k);
            ex_num(line, ex_print(x, "eta_T_%g", e23_p[k]), e23_eta[i] * v->time[k][i]);
        }
        ex_ref(line, "mean_tau", EX_STABLE, 1e-5, "%s/mean_tau", path),
            ex_ref(line, "std_tau", EX_STABLE, 1e-4, "%s/std_tau", path);
        ex_ref(line, "mean_tau", EX_STABLE, 1e-5,
               "tau_lr_scaling/config.json#tau_analysis/tau_means/%zu", i);
        ex_ref(line, "std_tau", EX_STABLE, 1e-4,
               "tau_lr_scaling/config.json#tau_analysis/tau_stds/%zu", i);
    }
    v->line = clb_fit_linear(E23_ETAS, v->inverse, v->tau);
    v->power = clb_fit_power(E23_ETAS, e23_eta, v->tau, 0);
    for (size_t k = 0; k < E23_P; ++k)
        v->exponent[k] = clb_fit_power(E23_ETAS, e23_eta, v->time[k], 0).slope;
    for (size_t k = 3; k < E23_N; ++k) {
        double lo = EX_INF, hi = 0;
        for (size_t i = 0; i < E23_ETAS; ++i) {
            double y = e23_mean(x, "one_minus_q_scaled", e23_eta[i], k);
            if (!isnan(y)) lo = fmin(lo, y), hi = fmax(hi, y);
        }
        v->collapse = fmax(v->collapse, hi / lo - 1);
    }
    e23_laws(x, v);
    e23_tau_laws(v);
}

/* ---- ledger --------------------------------------------------------------------------------- */

static void e23_ref_run(ex *x, ex_row *row)
{
    static const char *const fit[] = { "tau", "r2", "a", "slope", "n_points" };
    static const char *const at[] = {
        "q_bar", "q_min", "q_max", "one_minus_q", "loss", "accuracy"
    };
    static const char *const h[] = { "max_eigenvalue", "min_eigenvalue", "trace_positive",
                                     "n_positive" };
    const char *path =
        ex_print(x, "tau_lr_scaling/results.json#%s/%.0f", ex_key(x, ex_get(row, "lr")), row->seed);
    int s = ex_seed_index(row);
    if (s < 0 || ex_get_array(row, "q_bar").n != E23_N) return;
    for (size_t j = 0; j < EX_LEN(fit); ++j)
        ex_ref(row, fit[j], j == 4 ? EX_EXACT : EX_STABLE, j == 4 ? 0 : 2e-5, "%s/tau_fit/%s", path,
               fit[j]);
    ex_ref(row, "tau", EX_STABLE, 2e-5,
           "tau_lr_scaling/results.json#%s/tau_summary/per_seed_tau/%d",
           ex_key(x, ex_get(row, "lr")), s);
    for (size_t k = 0; k < E23_N; ++k) {
        const char *where = ex_print(x, "%s/checkpoints/%zu", path, e23_at[k]);
        ex_ref_value(x, (double)e23_at[k], EX_EXACT, 0, "%s/step", where);
        for (size_t j = 0; j < EX_LEN(at); ++j)
            ex_ref_value(x, ex_get_array(row, at[j]).at[k], EX_NOISE, j == 5 ? 1e-6 : 2e-6, "%s/%s",
                         where, at[j]);
    }
    for (size_t k = 0; k < E23_H; ++k) {
        const char *where = ex_print(x, "%s/checkpoints/%zu/hessian", path, e23_hessian[k]);
        for (size_t j = 0; j < EX_LEN(h); ++j) {
            ex_ref_value(x, ex_get_array(row, h[j]).at[k],
                         j == 3   ? EX_ARTEFACT
                         : j == 1 ? EX_NOISE
                                  : EX_STABLE,
                         j == 1 ? 5e-6 : 2e-5, "%s/%s", where, h[j]);
            if (j == 3)
                ex_because(x, "published counts of eigenvalues above 1e-8 count float32 rounding "
                              "of exact zeros");
        }
        ex_ref_none(x, EX_FOREIGN, "wall time", "%s/hessian_time", where);
    }
}

static void e23_ledger(ex *x, const e23_found *v)
{
    const char *file = "tau_lr_scaling/config.json";
    ex_list none = { 0, NULL };
    ex_row *item = ex_summary(x, "C", v->line.slope);
    ex_ci(item, v->line.slope_se, EX_NAN, EX_NAN), ex_printed(item, 1.33);
    ex_num(item, "intercept", v->line.intercept), ex_num(item, "r2", v->line.r2);
    ex_num(item, "gamma", v->power.slope), ex_num(item, "gamma_r2", v->power.r2);
    ex_ref(item, "value", EX_STABLE, 1e-4, "%s#tau_analysis/linear_C", file);
    ex_ref(item, "intercept", EX_STABLE, 1e-3, "%s#tau_analysis/linear_intercept", file);
    ex_ref(item, "r2", EX_FIT, 1e-4, "%s#tau_analysis/linear_r2", file);
    ex_ref(item, "gamma", EX_FIT, 1e-4, "%s#tau_analysis/power_law_gamma", file);
    ex_ref(item, "gamma_r2", EX_FIT, 1e-4, "%s#tau_analysis/power_law_r2", file);
    ex_printed(ex_summary(x, "threshold_exponent", v->exponent[2]), -1);
    ex_ref_config(x, file, 3, none, E23_T);
    for (size_t i = 0; i < E23_ETAS; ++i) {
        ex_ref_value(x, e23_eta[i], EX_EXACT, 0, "%s#learning_rates/%zu", file, i);
        ex_ref_value(x, e23_eta[i], EX_EXACT, 0, "%s#tau_analysis/lr_values/%zu", file, i);
    }
    for (size_t k = 0; k < E23_N; ++k)
        ex_ref_value(x, (double)e23_at[k], EX_EXACT, 0, "%s#checkpoints/%zu", file, k);
    for (size_t k = 0; k < E23_H; ++k)
        ex_ref_value(x, (double)e23_hessian[k], EX_EXACT, 0, "%s#hessian_checkpoints/%zu", file, k);
    ex_ref_shapes(x, file, 64);
    for (size_t i = 0; i < ex_runs(x); ++i) e23_ref_run(x, ex_run_at(x, i));
}

/* ---- verdicts and figure -------------------------------------------------------------------- */

static void e23_verdicts(ex *x, const e23_found *v)
{
    double lo = EX_INF, hi = 0, off = 0, slo = EX_INF, shi = 0;
    for (size_t i = 0; i < E23_ETAS; ++i) {
        lo = fmin(lo, v->tau[i] * e23_eta[i]), hi = fmax(hi, v->tau[i] * e23_eta[i]);
        slo = fmin(slo, v->scaled_tau[i] * e23_eta[i]),
        shi = fmax(shi, v->scaled_tau[i] * e23_eta[i]);
    }
    for (size_t k = 0; k < E23_P; ++k) off = fmax(off, fabs(v->exponent[k] + 1));
    ex_claim(x, "tau = 1.33/eta + 29, R^2 = 0.988", "1.33, 29, 0.988",
             ex_print(x, "%.3f, %.1f, %.4f", v->line.slope, v->line.intercept, v->line.r2),
             "reproduced if the slope within 0.01 of 1.33 and the intercept within 1 of 29 and R^2 "
             "within 0.001 of 0.988. By the published estimator.",
             EX_VALUES(v->line.slope, v->line.intercept, v->line.r2));
    ex_claim(x, "tau is proportional to 1/eta", "Theta(1/eta)",
             ex_print(x, "tau eta from %.2f to %.2f, exponent %.3f; at equal eta t %.3f to %.3f",
                      lo, hi, v->power.slope, slo, shi),
             "reproduced if the largest tau eta over the smallest < 1.05; qualified if it is < "
             "1.2. Its checkpoints and window are fixed in steps, not in eta t.",
             EX_VALUES(hi / lo, hi / lo));
    ex_claim(x, "times scale as 1/eta", "Proposition 7",
             ex_print(x,
                      "time to 1-q = 0.1: exponent %.4f; all five thresholds within %.3f of -1; "
                      "curves collapse in eta t to %.1f %%",
                      v->exponent[2], off, 100 * v->collapse),
             "reproduced if the exponents differ from -1 by < 0.02 and the curves collapse to < 5 "
             "%; qualified if the exponents differ from -1 by < 0.05. Gradient flow runs in s = "
             "eta t: that needs neither kernel theory nor m > n log n.",
             EX_VALUES(off, 100 * v->collapse, off));
    ex_claim(x, "1 - q decays exponentially", "exponential fits",
             ex_print(x, "AIC exponential %.0f, power law %.0f", v->aic_exponential, v->aic_power),
             "reproduced if AIC favours the exponential over the power law by > 10. Over all t >= "
             "25, in ln(1-q), 15 points a run.",
             EX_VALUES(v->aic_power - v->aic_exponential));
    ex_claim(x, "a power law (R^2 0.9906) fits tau better than a line (0.988)",
             "R^2 compared across spaces",
             ex_print(x, "rms error in tau: line %.1f, line through 0 %.1f, power law %.1f",
                      sqrt(v->line_error), sqrt(v->origin_error), sqrt(v->power_error)),
             "reproduced if the squared error of the power law over that of the line < 0.9; "
             "qualified if it is < 1.5. In the same space, five points.",
             EX_VALUES(v->power_error / v->line_error, v->power_error / v->line_error));
}

static void e23_figure(ex *x, const e23_found *v)
{
    double t[E23_N], y[E23_N], s[E23_N], line[E23_ETAS];
    plot *p = plot_new(x, "tau", 3, 1);
    plot_panel *a = plot_add(p, "Misclassified probability", "step t", "1 - mean q", PLOT_LOG);
    plot_panel *b = plot_add(p, "The same against time", "time eta t", "1 - mean q", PLOT_LOG);
    plot_panel *c = plot_add(p, "Times against 1/eta", "1/eta", "steps", PLOT_LOG);
    for (size_t i = 0; i < E23_ETAS; ++i) {
        for (size_t k = 0; k < E23_N; ++k) {
            t[k] = (double)e23_at[k], s[k] = t[k] * e23_eta[i],
            y[k] = e23_mean(x, "one_minus_q", e23_eta[i], k);
        }
        plot_line(a, (int)i, E23_N - 1, t + 1, y + 1, ex_print(x, "eta = %g", e23_eta[i]));
        plot_line(b, (int)i, E23_N - 1, s + 1, y + 1, ex_print(x, "eta = %g", e23_eta[i]));
        line[i] = v->line.slope * v->inverse[i] + v->line.intercept;
    }
    plot_line(c, PLOT_ORANGE | PLOT_DASHED, E23_ETAS, v->inverse, line, "1.33/eta + 29");
    plot_points(c, PLOT_ORANGE, E23_ETAS, v->inverse, v->tau, "tau, fitted");
    plot_points(c, PLOT_BLUE, E23_ETAS, v->inverse, v->time[2], "time to 1 - q = 0.1");
    plot_slope(c, v->inverse[4], v->inverse[0], v->time[2][4], 1, "slope 1");
    plot_save(p, "All curves are one curve in eta t; the fitted tau depends on the window, the "
                 "time to a threshold scales as 1/eta.");
}

static void e23_captions(ex *x)
{
    static const char *const list[][2] = {
        { "tau",
          "tau as published, times eta, and with checkpoints at equal eta t; eta times the step at "
          "which 1 - q passes 0.5 .. 0.02" },
    };
    ex_captions(x, list, EX_LEN(list));
}

static void e23_finish(ex *x)
{
    e23_found v;
    memset(&v, 0, sizeof v);
    e23_measure(x, &v);
    e23_ledger(x, &v);
    e23_verdicts(x, &v);
    e23_figure(x, &v);
    e23_captions(x);
}

static const ex_info e23 = { "E23",
                             "tau",
                             "Compression time against learning rate",
                             "Proposition 7",
                             "tau = 1.33/eta + 29, R^2 = 0.988",
                             "C",
                             e23_plan,
                             e23_run,
                             e23_finish,
                             NULL };
EX_MAIN(e23)
