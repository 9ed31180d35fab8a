/* switches.h - a training run of a two-layer ReLU net whose gates are watched (E15 and beyond it):
 * how many of the n m gates (sample, hidden neuron) switch between on and off in each step. */
#ifndef KIT_SWITCHES_H
#define KIT_SWITCHES_H

#include "figures.h"
#include "paper.h"

enum { SWITCH_T = 2000, SWITCH_EVERY = 20, SWITCH_SHARP = 50 };

/* A training under squared loss. lr: eta; or f > 0: eta = 2 f / lambda_max(H_0) of the run itself.
 * sharpness 1: lambda_max of the Hessian is measured every SWITCH_SHARP steps. */
typedef struct switch_run {
    double seed, width, lr, f, sharpness;
    double mean_per_neuron_rate, std_per_neuron_rate, mean_total_switches, std_total_switches;
    double mean_neurons_changed, std_neurons_changed, frac_neurons_changed, zero_change_fraction;
    double n_steps_completed, eta, early_rate, late_rate, predicted_over_measured, diverged;
    kit_list per_neuron_trajectory, total_switches_trajectory, phase;
} switch_run;
#define SWITCH_RESULT(member) KIT_RESULT(switch_run, member)
static const kit_field switch_run_fields[] = {
    KIT_KEY(switch_run, seed), KIT_KEY(switch_run, width), KIT_KEY(switch_run, lr),
    KIT_KEY(switch_run, f), KIT_KEY(switch_run, sharpness),
    SWITCH_RESULT(mean_per_neuron_rate), SWITCH_RESULT(std_per_neuron_rate),
    SWITCH_RESULT(mean_total_switches), SWITCH_RESULT(std_total_switches),
    SWITCH_RESULT(mean_neurons_changed), SWITCH_RESULT(std_neurons_changed),
    SWITCH_RESULT(frac_neurons_changed), SWITCH_RESULT(zero_change_fraction),
    SWITCH_RESULT(n_steps_completed), SWITCH_RESULT(eta), SWITCH_RESULT(early_rate),
    SWITCH_RESULT(late_rate), SWITCH_RESULT(predicted_over_measured), SWITCH_RESULT(diverged),
    KIT_RESULT_ARRAY(switch_run, per_neuron_trajectory),
    KIT_RESULT_ARRAY(switch_run, total_switches_trajectory),
    KIT_RESULT_ARRAY(switch_run, phase),
};
#define SWITCH_AT(member) KIT_AT(switch_run, member)

/* ---- watching ---------------------------------------------------------------------------- */

typedef struct switch_watch {
    kit_arena   arena;
    size_t      m, gates;               /* gates: n m */
    uint64_t   *last, *now;
    clb_real   *z;                      /* pre-activations of the step before */
    uint32_t   *units;                  /* [m] switches of each neuron in this step */
    double     *total, *neurons;        /* [T] gates that switch, neurons with at least one */
    double     *phase;                  /* eta lambda_max / 2, or NULL */
    double      eta, predicted;
    clb_curv    curv;
    clb_status  status;
} switch_watch;

KIT_FN void switch_watch_init(switch_watch *w, const paper_problem *p, size_t T, int sharpness)
{
    memset(w, 0, sizeof *w);
    w->m = p->net.m[1], w->gates = p->data.n * w->m;
    w->z = (clb_real *)kit_new(&w->arena, w->gates, sizeof *w->z);
    w->units = (uint32_t *)kit_new(&w->arena, w->m, sizeof *w->units);
    w->total = (double *)kit_new(&w->arena, T, sizeof(double));
    w->neurons = (double *)kit_new(&w->arena, T, sizeof(double));
    if (sharpness) w->phase = (double *)kit_new(&w->arena, T / SWITCH_SHARP + 1, sizeof(double));
}

KIT_FN void switch_watch_free(switch_watch *w)
{
    clb_curv_free(&w->curv);
    kit_arena_free(&w->arena);
}

/* Expected switches of one step if position and movement of the pre-activations were independent:
 * their density at 0 times the mean |change|. */
KIT_FN double switch_expected(const switch_watch *w, const clb_real *z)
{
    const double half = 0.1;
    double near_zero = 0, move = 0;
    for (size_t i = 0; i < w->gates; ++i)
        near_zero += fabs((double)w->z[i]) < half, move += fabs((double)(z[i] - w->z[i]));
    return near_zero / (2 * half) * (move / (double)w->gates);
}

KIT_FN clb_status switch_sharpness(switch_watch *w, const clb_state *state)
{
    clb_lanczos_opts how = CLB_ZERO;
    double top = 0;
    clb_status status = state->t ? CLB_OK : clb_curv_init(&w->curv, state->pass);
    if (status) return status;
    clb_curv_at(&w->curv, NULL);
    how.tol = 1e-4, how.basis = 30, how.no_check = 1; /* the value is exact to the last digits */
    status = clb_sharpness(&w->curv, &how, &top, NULL);
    if (status == CLB_ENOCONV) status = CLB_OK;
    w->phase[state->t / SWITCH_SHARP] = clb_phase(w->eta, top);
    return status;
}

/* Called at theta_t: entry t - 1 is what update t - 1 did. */
KIT_FN clb_verdict switch_observe(void *context, const clb_state *state)
{
    switch_watch *w = (switch_watch *)context;
    const clb_real *z = state->pass->z[1];
    uint64_t *swap = w->last;
    if (state->t == 0) {
        size_t words = clb_gate_words(state->pass, 1);
        w->last = (uint64_t *)kit_new(&w->arena, 2 * words, sizeof *w->last);
        swap = w->last, w->now = w->last + words;
    }
    clb_gates(state->pass, 1, w->now);
    if (state->t) {
        w->total[state->t - 1] =
            (double)clb_gate_switches(state->pass, 1, w->last, w->now, NULL, w->units);
        for (size_t h = 0; h < w->m; ++h) w->neurons[state->t - 1] += w->units[h] > 0;
        w->predicted += switch_expected(w, z);
    }
    w->last = w->now, w->now = swap;
    memcpy(w->z, z, w->gates * sizeof *z);
    if (w->phase && state->t % SWITCH_SHARP == 0) w->status = switch_sharpness(w, state);
    return w->status ? CLB_STOP : CLB_CONTINUE;
}

/* ---- one run ----------------------------------------------------------------------------- */

KIT_FN void switch_record(kit *x, switch_run *row, switch_watch *w, size_t steps)
{
    size_t kept = steps / SWITCH_EVERY;
    double *rate = (double *)kit_new(&w->arena, steps, sizeof *rate), zero = 0, early = 0, late = 0;
    double *total = kit_doubles(x, 2 * kept), *per = total + kept;
    for (size_t t = 0; t < steps; ++t) {
        rate[t] = w->total[t] / (double)w->gates;
        zero += w->total[t] == 0;
        if (t < 50) early += rate[t] / 50;
        if (t >= 1000) late += rate[t] / (double)(steps - 1000);
        if (t % SWITCH_EVERY == 0)
            total[t / SWITCH_EVERY] = w->total[t], per[t / SWITCH_EVERY] = rate[t];
    }
    row->mean_per_neuron_rate = clb_mean(steps, rate);
    row->std_per_neuron_rate = clb_std_pop(steps, rate);
    row->mean_total_switches = clb_mean(steps, w->total);
    row->std_total_switches = clb_std_pop(steps, w->total);
    row->mean_neurons_changed = clb_mean(steps, w->neurons);
    row->std_neurons_changed = clb_std_pop(steps, w->neurons);
    row->frac_neurons_changed = row->mean_neurons_changed / (double)w->m;
    row->zero_change_fraction = zero / (double)steps;
    row->early_rate = early, row->late_rate = steps > 1000 ? late : KIT_NAN;
    row->predicted_over_measured = w->predicted / (row->mean_total_switches * (double)steps);
    row->per_neuron_trajectory.n = row->total_switches_trajectory.n = kept;
    row->per_neuron_trajectory.at = per, row->total_switches_trajectory.at = total;
    if (w->phase) row->phase = kit_keep(x, steps / SWITCH_SHARP + 1, w->phase);
}

KIT_FN clb_status switch_train(kit *x, void *run)
{
    switch_run *row = (switch_run *)run;
    paper_opts opts;
    size_t T = kit_quick(x) ? 200 : SWITCH_T;
    double top = KIT_NAN;
    switch_watch w;
    clb_observer observer = { switch_observe, &w, 1, NULL, 0, 0 };
    clb_train_opts how;
    paper_problem p;
    clb_trace tr;
    clb_status status;
    memset(&opts, 0, sizeof opts), memset(&how, 0, sizeof how);
    opts.m = (size_t)row->width, how.observers = &observer, how.observer_count = 1;
    if ((status = paper_problem_init(&p, &opts, row->seed)) != CLB_OK) return status;
    switch_watch_init(&w, &p, T, row->sharpness > 0);
    if (row->f > 0) status = paper_sharpness(&p, CLB_MSE, &top, NULL);
    row->eta = w.eta = row->f > 0 ? 2 * row->f / top : row->lr;
    if (!status && ((status = clb_train(&p.net, &p.data, w.eta, T, &how, &tr)) == CLB_OK
                    || status == CLB_EDIVERGED)) {
        row->diverged = status == CLB_EDIVERGED, row->n_steps_completed = (double)tr.steps;
        if (status == CLB_OK) switch_record(x, row, &w, tr.steps);
        status = w.status;
        clb_trace_free(&tr);
    }
    switch_watch_free(&w);
    paper_problem_free(&p);
    return status;
}

/* ---- what follows from the runs ---------------------------------------------------------- */

/* The share of the steps, after the first look, at which eta lambda_max/2 is within 10 % of 1, the
 * edge of stability. */
KIT_FN double switch_time_at_edge(kit_rows runs)
{
    double near = 0, all = 0;
    for (size_t i = 0; i < runs.n; ++i) {
        kit_list phase = ((const switch_run *)runs.at[i])->phase;
        for (size_t k = 1; k < phase.n; ++k)
            near += phase.at[k] >= 0.9 && phase.at[k] <= 1.1, all += 1;
    }
    return near / all;
}

/* eta lambda_max/2 along every run, and 1, the edge. */
KIT_FN void switch_plot_phase(plot_panel *a, kit_rows runs)
{
    for (size_t i = 0; i < runs.n; ++i) {
        const switch_run *r = (const switch_run *)runs.at[i];
        double *t = kit_doubles(runs.x, r->phase.n);
        for (size_t k = 0; k < r->phase.n; ++k) t[k] = (double)(k * SWITCH_SHARP);
        plot_line(a, (int)i, r->phase.n, t, r->phase.at, kit_print(runs.x, "m = %g", r->width));
    }
    plot_horizontal(a, 1, "edge");
}

#endif /* KIT_SWITCHES_H */
