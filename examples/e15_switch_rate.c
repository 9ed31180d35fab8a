/* E15  Activation switches against width: is the rate per neuron m-independent at the edge?
 *     Theorem 8
 *   cc -O2 -o e15 examples/e15_switch_rate.c -lm && ./e15
 * Setup   2-layer ReLU net, MSE, d = 20, n = 200, m from 16 to 256, eta = 0.001, 0.01, 0.1, GD, T
 *         = 2000
 * Paper   rate ~ m^-0.5 below the edge, m-independent "at the edge of stability" (eta = 0.1),
 *         total O(m)
 * Beyond  where the edge really is: eta lambda_max/2 along the runs; the same rates at equal
 *         distance to the edge, early and late; flips predicted from the density of z at 0 and
 *         |dz|. */
#define CLB_IMPLEMENTATION
#include "../clb.h"
#include "ex.h"
#include "plot.h"

enum { E15_T = 2000, E15_SHARP = 50, E15_EVERY = 20 };
static const size_t e15_m[] = { 16, 32, 64, 128, 256 };
static const double e15_eta[] = { 0.001, 0.01, 0.1 };
static const double e15_f[] = { 0.05, 0.3, 0.9, 1.1 };              /* eta lambda_max(0) / 2 */
static const double e15_e14[] = { -0.112, -0.026, 0.185, -0.141,
                                  0.568 }; /* constants of the published program */
static const double e15_paper_beta[] = { 0.4212, 0.4767, 0.0289 };
enum { E15_M = EX_LEN(e15_m), E15_ETAS = EX_LEN(e15_eta), E15_F = EX_LEN(e15_f) };

static void e15_plan(ex *x)
{
    ex_list seeds = ex_seeds(x, ex_quick(x) ? 1 : 3), etas = ex_lrs(x, e15_eta, E15_ETAS);
    ex_config(x, "n_steps", E15_T);
    for (size_t k = 0; k < E15_M; ++k) {
        if (ex_quick(x) && e15_m[k] > 64) continue;
        for (size_t i = 0; i < etas.n; ++i)
            for (size_t s = 0; s < seeds.n; ++s) {
                ex_row *row = ex_add(x, "sweep", seeds.at[s]);
                ex_num(row, "width", (double)e15_m[k]), ex_num(row, "lr", etas.at[i]);
            }
        for (size_t i = 0; i < E15_F && !ex_published(x) && !ex_quick(x); ++i)
            for (size_t s = 0; s < seeds.n; ++s) {
                ex_row *row = ex_add(x, "edge", seeds.at[s]);
                ex_num(row, "width", (double)e15_m[k]), ex_num(row, "f", e15_f[i]);
            }
    }
}

/* ---- one run -------------------------------------------------------------------------------- */

typedef struct e15_watch {
    size_t      m, nm;
    uint64_t   *last, *now;
    clb_real   *z;                      /* pre-activations of the step before */
    double     *total, *neurons;        /* [T] */
    uint32_t   *units;                  /* [m] switches of each neuron in this step */
    double     *phase;                  /* eta lambda_max / 2 every E15_SHARP steps, or NULL */
    double      eta, predicted;
    clb_curv    curv;
    clb_status  status;
} e15_watch;

/* Expected flips of one step: density of z at 0 times mean |dz|, as if they were independent. */
static void e15_predict(e15_watch *w, const clb_real *z)
{
    const double half = 0.1;
    double near_zero = 0, move = 0;
    for (size_t i = 0; i < w->nm; ++i)
        near_zero += fabs((double)w->z[i]) < half, move += fabs((double)(z[i] - w->z[i]));
    w->predicted += near_zero / (2 * half) * (move / (double)w->nm);
}

static clb_verdict e15_observe(void *context, const clb_state *state)
{
    e15_watch *w = (e15_watch *)context;
    const clb_real *z = state->pass->z[1];
    uint64_t *swap = w->last;
    clb_gates(state->pass, 1, w->now);
    if (state->t) {
        w->total[state->t - 1] =
            (double)clb_gate_switches(state->pass, 1, w->last, w->now, NULL, w->units);
        for (size_t h = 0; h < w->m; ++h) w->neurons[state->t - 1] += w->units[h] > 0;
        e15_predict(w, z);
    }
    w->last = w->now, w->now = swap;
    memcpy(w->z, z, w->nm * sizeof *z);
    if (!w->phase || state->t % E15_SHARP) return CLB_CONTINUE;
    if (state->t == 0) w->status = clb_curv_init(&w->curv, state->pass);
    if (!w->status) {
        double top = 0;
        clb_curv_at(&w->curv, NULL);
        w->status = clb_sharpness(&w->curv, NULL, &top, NULL);
        w->phase[state->t / E15_SHARP] = clb_phase(w->eta, top);
    }
    return w->status ? CLB_STOP : CLB_CONTINUE;
}

static void e15_record(ex_row *row, e15_watch *w, size_t steps)
{
    double *rate = ex_space(row, steps), *total = ex_space(row, steps / E15_EVERY),
           *per = ex_space(row, steps / E15_EVERY);
    double zero = 0, early = 0, late = 0, sum = 0;
    for (size_t t = 0; t < steps; ++t) {
        rate[t] = w->total[t] / (double)w->nm;
        zero += w->total[t] == 0, sum += w->total[t];
        if (t < 50) early += rate[t] / 50;
        if (t >= 1000) late += rate[t] / (double)(steps - 1000);
        if (t % E15_EVERY == 0) total[t / E15_EVERY] = w->total[t], per[t / E15_EVERY] = rate[t];
    }
    ex_num(row, "mean_per_neuron_rate", clb_mean(steps, rate)),
        ex_num(row, "std_per_neuron_rate", clb_std_pop(steps, rate));
    ex_num(row, "mean_total_switches", clb_mean(steps, w->total)),
        ex_num(row, "std_total_switches", clb_std_pop(steps, w->total));
    ex_num(row, "mean_neurons_changed", clb_mean(steps, w->neurons));
    ex_num(row, "std_neurons_changed", clb_std_pop(steps, w->neurons));
    ex_num(row, "frac_neurons_changed", clb_mean(steps, w->neurons) / (double)w->m);
    ex_num(row, "zero_change_fraction", zero / (double)steps),
        ex_num(row, "n_steps_completed", (double)steps);
    ex_num(row, "early_rate", early), ex_num(row, "late_rate", late);
    ex_num(row, "predicted_over_measured", w->predicted / sum);
    ex_array(row, "per_neuron_trajectory", steps / E15_EVERY, per);
    ex_array(row, "total_switches_trajectory", steps / E15_EVERY, total);
    if (w->phase) ex_array(row, "phase", steps / E15_SHARP + 1, w->phase);
}

static clb_status e15_run(ex *x, ex_row *row)
{
    clb_problem_opts opts = { .m = (size_t)ex_get(row, "width") };
    size_t T = ex_quick(x) ? 200 : E15_T, words = (200 * opts.m + 63) / 64;
    e15_watch w = { .m = opts.m,
                    .nm = 200 * opts.m,
                    .eta = ex_get(row, "lr"),
                    .total = ex_space(row, T),
                    .neurons = ex_space(row, T),
                    .units = (uint32_t *)(void *)ex_space(row, opts.m),
                    .last = (uint64_t *)(void *)ex_space(row, words),
                    .now = (uint64_t *)(void *)ex_space(row, words),
                    .z = (clb_real *)(void *)ex_space(row, 200 * opts.m) };
    clb_observer ob = { e15_observe, &w, 1, NULL, 0, 0 };
    clb_train_opts how = { .observers = &ob, .observer_count = 1 };
    clb_problem p;
    clb_trace tr;
    double top = 0;
    clb_status status = clb_problem_init(&p, &opts, (uint64_t)row->seed, CLB_NORMAL_PUBLISHED);
    if (status) return status;
    if (ex_is(row, "edge") && !(status = clb_problem_sharpness(&p, CLB_MSE, &top, NULL))) {
        w.eta = 2 * ex_get(row, "f") / top;
        ex_num(row, "eta", w.eta);
    }
    if (!ex_published(x) && (ex_is(row, "edge") || w.eta == 0.1))
        w.phase = ex_space(row, T / E15_SHARP + 1);
    if (!status) status = clb_train(&p.net, &p.data, w.eta, T, &how, &tr);
    if (!status) e15_record(row, &w, tr.steps), clb_trace_free(&tr);
    clb_curv_free(&w.curv);
    clb_problem_free(&p);
    return status ? status : w.status;
}

/* ---- tables and ledger ---------------------------------------------------------------------- */

typedef struct e15_found {
    double m[E15_M], rate[E15_M], total[E15_M], by_eta[E15_ETAS][E15_M], by_f[E15_F][E15_M],
        late_f[E15_F][E15_M];
    clb_fit      all, totals, eta[E15_ETAS];
    clb_interval beta[E15_ETAS];
    double       correlation, correlation_without;
    double edge_share; /* of the sharpness samples at eta = 0.1 after step 50 with phase in
                          [0.9, 1.1] */
} e15_found;

static double e15_mean(ex *x, const char *name, const char *filter)
{
    return ex_mean(x, name, "%s pub=1", filter);
}

static void e15_width_line(ex *x, e15_found *v, size_t k)
{
    const char *filter = ex_print(x, "part=sweep width=%zu", e15_m[k]);
    const char *path = ex_print(x, "width_switch_rate/config.json#width_summary/%zu", e15_m[k]);
    ex_list rate = ex_pick(x, "mean_per_neuron_rate", "%s pub=1", filter),
            total = ex_pick(x, "mean_total_switches", "%s pub=1", filter);
    ex_row *line = ex_line(x, "widths");
    v->m[k] = (double)e15_m[k], v->rate[k] = clb_mean(rate.n, rate.at),
    v->total[k] = clb_mean(total.n, total.at);
    ex_num(line, "width", v->m[k]);
    ex_num(line, "mean_per_neuron_rate", v->rate[k]),
        ex_num(line, "std_per_neuron_rate", clb_std_pop(rate.n, rate.at));
    ex_num(line, "mean_total_switches", v->total[k]),
        ex_num(line, "std_total_switches", clb_std_pop(total.n, total.at));
    ex_num(line, "mean_neurons_changed", e15_mean(x, "mean_neurons_changed", filter));
    ex_num(line, "mean_frac_neurons_changed", e15_mean(x, "frac_neurons_changed", filter));
    ex_ref(line, "width", EX_EXACT, 0, "%s/width", path);
    for (size_t j = 1; j < 7; ++j) {
        static const char *const names[] = { "",
                                             "mean_per_neuron_rate",
                                             "std_per_neuron_rate",
                                             "mean_total_switches",
                                             "std_total_switches",
                                             "mean_neurons_changed",
                                             "mean_frac_neurons_changed" };
        ex_ref(line, names[j], EX_STABLE, 3e-3, "%s/%s", path, names[j]);
    }
    for (size_t i = 0; i < E15_ETAS; ++i)
        v->by_eta[i][k] =
            e15_mean(x, "mean_per_neuron_rate", ex_print(x, "%s lr=%.17g", filter, e15_eta[i]));
    for (size_t i = 0; i < E15_F; ++i) {
        const char *edge = ex_print(x, "part=edge width=%zu f=%.17g", e15_m[k], e15_f[i]);
        ex_row *row;
        v->by_f[i][k] = e15_mean(x, "mean_per_neuron_rate", edge),
        v->late_f[i][k] = e15_mean(x, "late_rate", edge);
        if (!ex_find(x, "part=edge")) continue;
        row = ex_line(x, "equal distance to the edge");
        ex_nums(row, "width f rate early_rate late_rate predicted_over_measured",
                EX_VALUES(v->m[k], e15_f[i], v->by_f[i][k], e15_mean(x, "early_rate", edge),
                          v->late_f[i][k], e15_mean(x, "predicted_over_measured", edge)));
    }
}

/* beta = -slope of ln rate on ln m, its interval over seeds for one eta. */
static void e15_betas(ex *x, e15_found *v)
{
    v->all = clb_fit_power(E15_M, v->m, v->rate, 1e-15),
    v->totals = clb_fit_power(E15_M, v->m, v->total, 1e-15);
    for (size_t i = 0; i < E15_ETAS; ++i) {
        ex_list m = { E15_M, v->m };
        clb_sweep y = ex_sweep(x, "mean_per_neuron_rate", "width", m, "part=sweep lr=%.17g pub=1",
                               e15_eta[i]);
        ex_row *line = ex_line(x, "beta");
        v->eta[i] = clb_fit_power(E15_M, v->m, v->by_eta[i], 1e-15);
        if (clb_bootstrap_sweep(&y, NULL, &v->beta[i], NULL))
            v->beta[i].lo = v->beta[i].hi = EX_NAN;
        ex_num(line, "lr", e15_eta[i]), ex_num(line, "beta", -v->eta[i].slope),
            ex_num(line, "published", e15_paper_beta[i]);
        ex_num(line, "ci_lo", -v->beta[i].hi), ex_num(line, "ci_hi", -v->beta[i].lo);
        ex_ref(line, "beta", EX_FIT, 0.005, "width_switch_rate/config.json#per_lr_betas/%s",
               ex_key(x, e15_eta[i]));
    }
    v->correlation = clb_pearson(E15_M, v->total, e15_e14),
    v->correlation_without = clb_pearson(E15_M - 1, v->total, e15_e14);
}

static void e15_phases(ex *x, e15_found *v)
{
    double at_edge = 0, all = 0;
    for (size_t i = 0; i < ex_runs(x); ++i) {
        ex_list phase = ex_get_array(ex_run_at(x, i), "phase");
        if (!ex_is(ex_run_at(x, i), "sweep")) continue;
        for (size_t k = 1; k < phase.n; ++k)
            at_edge += phase.at[k] >= 0.9 && phase.at[k] <= 1.1, all += 1;
    }
    v->edge_share = at_edge / all;
}

static void e15_ledger(ex *x, const e15_found *v)
{
    static const char *const names[] = { "mean_per_neuron_rate", "std_per_neuron_rate",
                                         "mean_total_switches",  "std_total_switches",
                                         "mean_neurons_changed", "std_neurons_changed",
                                         "frac_neurons_changed", "zero_change_fraction" };
    const char *file = "width_switch_rate/config.json";
    ex_list none = { 0, NULL };
    ex_row *item = ex_summary(x, "beta", -v->all.slope);
    ex_ci(item, v->all.slope_se, EX_NAN, EX_NAN), ex_printed(item, 0.109);
    ex_nums(item, "r2 gamma gamma_r2 correlation",
            EX_VALUES(v->all.r2, v->totals.slope, v->totals.r2, v->correlation));
    ex_ref(item, "value", EX_FIT, 0.005, "%s#scaling_fits/per_neuron_beta", file);
    ex_ref(item, "r2", EX_FIT, 0.02, "%s#scaling_fits/per_neuron_r2", file);
    ex_ref(item, "gamma", EX_FIT, 0.005, "%s#scaling_fits/total_gamma", file);
    ex_ref(item, "gamma_r2", EX_FIT, 0.005, "%s#scaling_fits/total_r2", file);
    ex_ref(item, "correlation", EX_FIT, 0.005, "%s#correlation_with_e14", file);
    ex_ref_config(x, file, 3, none, E15_T);
    for (size_t k = 0; k < E15_M; ++k) {
        ex_ref_value(x, (double)e15_m[k], EX_EXACT, 0, "%s#widths/%zu", file, k);
        ex_ref_value(x, e15_e14[k], EX_EXACT, 0, "%s#delta_alphas_e14/%zu", file, e15_m[k]);
    }
    for (size_t k = 0; k < E15_ETAS; ++k)
        ex_ref_value(x, e15_eta[k], EX_EXACT, 0, "%s#lrs/%zu", file, k);
    ex_ref_shapes(x, file, 0);
    for (size_t i = 0; i < ex_runs(x); ++i) {
        ex_row *row = ex_run_at(x, i);
        const char *path =
            ex_print(x, "width_switch_rate/results.json#%.0f/%s/%d", ex_get(row, "width"),
                     ex_key(x, ex_get(row, "lr")), ex_seed_index(row));
        if (!ex_is(row, "sweep")) continue;
        for (size_t j = 0; j < EX_LEN(names); ++j) { /* 10 switches in 2000 steps, or 0.3 % */
            double unit = j < 2    ? 1 / (200 * ex_get(row, "width"))
                          : j == 6 ? 1 / ex_get(row, "width")
                                   : 1;
            double value = ex_get(row, names[j]);
            ex_ref(row, names[j], EX_NOISE, j == 7 ? 0.01 : fmax(0.01 * unit, 3e-3 * value),
                   "%s/%s", path, names[j]);
        }
        ex_refs(row, "width lr", EX_EXACT, 0, "%s", path);
        ex_ref_value(x, row->seed, EX_EXACT, 0, "%s/seed", path),
            ex_ref(row, "n_steps_completed", EX_EXACT, 0, "%s/n_steps_completed", path);
        ex_refs(row, "per_neuron_trajectory total_switches_trajectory", EX_CHAOTIC, 0, "%s", path);
    }
}

/* ---- verdicts and figure -------------------------------------------------------------------- */

static void e15_verdicts(ex *x, const e15_found *v)
{
    double b0 = -v->eta[0].slope, b1 = -v->eta[1].slope, b2 = -v->eta[2].slope;
    clb_fit edge = clb_fit_power(E15_M, v->m, v->by_f[2], 1e-15),
            below = clb_fit_power(E15_M, v->m, v->by_f[0], 1e-15);
    int half = v->beta[0].lo <= -0.5 && -0.5 <= v->beta[0].hi && v->beta[1].lo <= -0.5 &&
               -0.5 <= v->beta[1].hi;
    int flat = v->beta[2].lo <= 0 && 0 <= v->beta[2].hi;
    ex_claim(x, "the rate per neuron does not depend on m at the edge of stability",
             "beta = 0.03 at eta = 0.1",
             ex_print(x,
                      "beta = %.3f (%.2f .. %.2f over seeds) at eta = 0.1; %.0f %% of the time "
                      "after step 50 at the edge",
                      b2, -v->beta[2].hi, -v->beta[2].lo, 100 * v->edge_share),
             "reproduced if 0 lies in the interval of beta and the time at the edge > 50 %; "
             "qualified if 0 lies in the interval of beta. The paper did not measure whether a "
             "width sits at the edge.",
             EX_VALUES(flat, 100 * v->edge_share, flat));
    ex_claim(x, "below the edge the rate falls like m^-0.5", "beta = 0.42, 0.48",
             ex_print(x, "beta = %.3f, %.3f (eta = 0.001, 0.01)", b0, b1),
             "reproduced if both intervals of beta over the seeds contain 1/2; qualified if beta "
             "at the smaller eta > 0.2 and at the larger > 0.2",
             EX_VALUES(half, b0, b1));
    ex_claim(x, "the total count is evidence of its own: m^0.89, R^2 = 0.98", "gamma = 0.891",
             ex_print(x, "gamma = %.4f = 1 - beta = %.4f", v->totals.slope, 1 + v->all.slope),
             "reproduced if gamma differs from 1 - beta by > 0.01. The total is the rate times n m "
             "by definition.",
             EX_VALUES(fabs(v->totals.slope - v->all.slope - 1)));
    ex_claim(x, "switches go with E14's exponent differences (R = 0.848)", "0.848",
             ex_print(x, "%.3f; without m = 256: %.3f", v->correlation, v->correlation_without),
             "reproduced if the correlation > 0.8 and that without m = 256 is > 0.5. There are "
             "five points.",
             EX_VALUES(v->correlation, v->correlation_without));
    if (ex_find(x, "part=edge"))
        ex_claim(x, "at f = eta lambda_max(0)/2 = 0.9 the rate is m-independent", "not measured",
                 ex_print(x, "beta = %.2f at f = 0.9, %.2f at f = 0.05", -edge.slope, -below.slope),
                 "reproduced if |beta| at f = 0.9 is < 0.1; qualified if |beta| at f = 0.9 over "
                 "that at f = 0.05 is < 1. Equal f puts every width at the same distance to the "
                 "edge.",
                 EX_VALUES(fabs(edge.slope), fabs(edge.slope / below.slope)));
}

static void e15_figure(ex *x, const e15_found *v)
{
    plot *p = plot_new(x, "switches", 3, 1);
    plot_panel *a = plot_add(p, "Switches per gate and step", "width m", "rate", PLOT_LOG), *b, *c;
    for (size_t i = 0; i < E15_ETAS; ++i) {
        plot_line(a, (int)i | PLOT_THIN, E15_M, v->m, v->by_eta[i], NULL);
        plot_points(a, (int)i, E15_M, v->m, v->by_eta[i], ex_print(x, "eta = %g", e15_eta[i]));
    }
    plot_slope(a, 16, 256, v->by_eta[1][0], -0.5, "slope -1/2");
    b = plot_add(p, "At equal distance to the edge", "width m", "rate", PLOT_LOG);
    for (size_t i = 0; i < E15_F; ++i) {
        plot_line(b, (int)i | PLOT_THIN, E15_M, v->m, v->by_f[i], NULL);
        plot_points(b, (int)i, E15_M, v->m, v->by_f[i], ex_print(x, "f = %g", e15_f[i]));
    }
    c = plot_add(p, "Where the edge is, eta = 0.1, seed 42", "step t",
                 "eta lambda_max / 2", PLOT_LINEAR);
    for (size_t k = 0; k < E15_M; ++k) {
        ex_row *row = ex_find(x, "part=sweep lr=0.1 seed=42 width=%zu", e15_m[k]);
        ex_list phase = { 0, NULL };
        double t[E15_T / E15_SHARP + 1];
        if (row) phase = ex_get_array(row, "phase");
        for (size_t i = 0; i < phase.n; ++i) t[i] = (double)(i * E15_SHARP);
        if (phase.n) plot_line(c, (int)k, phase.n, t, phase.at, ex_print(x, "m = %zu", e15_m[k]));
    }
    plot_horizontal(c, 1, "edge");
    plot_save(p, "Switch rates against width: the step size 0.1 is at another distance from the "
                 "edge for every width, and at it for none.");
}

static void e15_captions(ex *x)
{
    static const char *const list[][2] = {
        { "widths",
          "Switches by width, means over the three eta: per gate and step, in total, and neurons "
          "with at least one" },
        { "equal distance to the edge",
          "Switches per gate and step at eta = 2 f / lambda_max(0): all steps, the first 50, from "
          "1000 on; predicted from the density of z at 0" },
        { "beta", "Rate per gate ~ m^-beta at each eta, with intervals over the seeds" },
    };
    ex_captions(x, list, EX_LEN(list));
}

static void e15_finish(ex *x)
{
    e15_found v;
    memset(&v, 0, sizeof v);
    for (size_t k = 0; k < E15_M; ++k) e15_width_line(x, &v, k);
    e15_betas(x, &v);
    e15_phases(x, &v);
    e15_ledger(x, &v);
    e15_verdicts(x, &v);
    e15_figure(x, &v);
    e15_captions(x);
}

static const ex_info e15 = { "E15",
                             "switch_rate",
                             "Width-dependent switch rate",
                             "Theorem 8",
                             "per-neuron rate m-independent at EoS",
                             "beta",
                             e15_plan,
                             e15_run,
                             e15_finish,
                             NULL };
EX_MAIN(e15)
