/* gates.h - a training run of a two-layer ReLU net with its gates watched (E9 and beyond it). A
 * gate is [(W_1 x_i)_h > 0] of sample i and hidden neuron h: which switch at each step, how far the
 * pre-activations are from zero, how many patterns the samples have, and how all that goes with the
 * imbalance delta_t = |G_2|^2 - |G_1|^2. */
#ifndef KIT_GATES_H
#define KIT_GATES_H

#include "sweeps.h"

/* A switch back within RETURN steps undoes the first; series keep every THIN-th step, patterns are
 * counted every DISTINCT steps; the running mean goes over 2 HALF + 1 steps. */
enum { GATES_RETURN = 100, GATES_THIN = 10, GATES_DISTINCT = 100, GATES_HALF = 25 };

/* A training. frozen 1: the same training once more with the gates of theta_0, and delta_t split
 * into what the switches of each step change. */
typedef struct gates_run {
    double seed, loss, width, T, lr, frozen;
    double actual_drift, S_measured, final_loss, n_steps_completed;
    double mean_hamming_dist, max_hamming_dist; /* share of the n m gates that switch in a step */
    double zero_change_fraction, total_pattern_changes; /* steps without and with a switch */
    double mean_neurons_changed;            /* neurons that switch for a sample or more, per step */
    double min_margin_init, min_margin_final, mean_margin_init, mean_margin_final;  /* |W_1 x| */
    double hamming_imbalance_correlation;   /* of switches and |delta_t| over the steps */
    double r_detrended, r_late, r_given_loss;  /* without running mean; t >= T/4; at equal loss */
    double switches_per_eta_t, gross_change, net_change; /* share of gates: all switches, net */
    double returns; /* share of switches that undo one of the last 100 steps */
    double gate_share, switched_share;      /* S/S(frozen) - 1; share of S from switching gates */
    double r_frozen;                        /* the correlation with |delta_t| of the frozen run */
    double identity_error, diverged;
    kit_list distinct_patterns, hamming_trajectory, margin_trajectory, neurons_changed_trajectory;
    kit_list hamming_blocks;                /* means of the switches over 20 steps */
} gates_run;
#define GATES_RESULT(member) KIT_RESULT(gates_run, member)
#define GATES_ARRAY(member)  KIT_RESULT_ARRAY(gates_run, member)
#define GATES_AT(member)     KIT_AT(gates_run, member)
static const kit_field gates_run_fields[] = {
    KIT_KEY(gates_run, seed), KIT_KEY(gates_run, loss), KIT_KEY(gates_run, width),
    KIT_KEY(gates_run, T), KIT_KEY(gates_run, lr), KIT_KEY(gates_run, frozen),
    GATES_RESULT(actual_drift), GATES_RESULT(S_measured), GATES_RESULT(final_loss),
    GATES_RESULT(n_steps_completed), GATES_RESULT(mean_hamming_dist),
    GATES_RESULT(max_hamming_dist), GATES_RESULT(zero_change_fraction),
    GATES_RESULT(total_pattern_changes), GATES_RESULT(mean_neurons_changed),
    GATES_RESULT(min_margin_init), GATES_RESULT(min_margin_final), GATES_RESULT(mean_margin_init),
    GATES_RESULT(mean_margin_final), GATES_RESULT(hamming_imbalance_correlation),
    GATES_RESULT(r_detrended), GATES_RESULT(r_late), GATES_RESULT(r_given_loss),
    GATES_RESULT(switches_per_eta_t), GATES_RESULT(gross_change), GATES_RESULT(net_change),
    GATES_RESULT(returns), GATES_RESULT(gate_share), GATES_RESULT(switched_share),
    GATES_RESULT(r_frozen), GATES_RESULT(identity_error), GATES_RESULT(diverged),
    GATES_ARRAY(distinct_patterns), GATES_ARRAY(hamming_trajectory),
    GATES_ARRAY(margin_trajectory), GATES_ARRAY(neurons_changed_trajectory),
    GATES_ARRAY(hamming_blocks),
};

/* ---- watching -------------------------------------------------------------------------------- */

typedef struct gates_watch {
    kit_arena  arena;
    size_t     words, m, n, T;
    uint64_t  *first, *last, *now;        /* gates at theta_0, theta_{t-1}, theta_t */
    size_t    *flip;                      /* step of the last switch of each gate, 0: none */
    uint32_t  *index, *units;     /* switched gates of this step; [m] their number in each neuron */
    double    *hamming, *neurons, *margin, *imbalance;             /* [T] */
    double     margin_mean_first, margin_mean_last, distinct[SW_T / GATES_DISTINCT];
    double     switches, returns, net, switched;   /* counts; sum of delta_t - delta_t(old gates) */
    int        attribute;
    clb_pass   probe;                     /* the network at theta_t with the gates of theta_{t-1} */
    clb_real  *grad;
    clb_status status;
} gates_watch;

KIT_FN void *gates_new(gates_watch *w, size_t count, size_t size)
{
    return kit_new(&w->arena, count, size);
}

KIT_FN void gates_init(gates_watch *w, const gates_run *row, size_t n)
{
    memset(w, 0, sizeof *w);
    w->m = (size_t)row->width, w->n = n, w->T = (size_t)row->T;
    w->words = (n * w->m + 63) / 64;
    w->attribute = row->frozen == 1;
    w->hamming = (double *)gates_new(w, 4 * w->T, sizeof *w->hamming);
    w->neurons = w->hamming + w->T, w->margin = w->neurons + w->T, w->imbalance = w->margin + w->T;
    w->first = (uint64_t *)gates_new(w, 3 * w->words, sizeof *w->first);
    w->flip = (size_t *)gates_new(w, n * w->m, sizeof *w->flip);
    w->index = (uint32_t *)gates_new(w, n * w->m + w->m, sizeof *w->index);
    w->grad = (clb_real *)gates_new(w, (20 + 5) * w->m, sizeof *w->grad);
    w->last = w->first + w->words, w->now = w->last + w->words, w->units = w->index + n * w->m;
}

KIT_FN void gates_free(gates_watch *w)
{
    clb_pass_free(&w->probe);
    kit_arena_free(&w->arena);
}

KIT_FN double gates_delta(const clb_net *net, const clb_real *grad)
{
    return clb_weight_sumsq(net, grad, 2) - clb_weight_sumsq(net, grad, 1);
}

/* Switches of update t-1; counts those that undo a switch of the last 100 steps. */
KIT_FN double gates_switches(gates_watch *w, const clb_pass *pass, size_t t)
{
    size_t count = clb_gate_switches(pass, 1, w->last, w->now, w->index, w->units);
    for (size_t k = 0; k < count; ++k) {
        size_t *flip = &w->flip[w->index[k]];
        w->returns += *flip && t - *flip <= GATES_RETURN;
        *flip = t;
    }
    for (size_t h = 0; h < w->m; ++h) w->neurons[t - 1] += w->units[h] > 0;
    return (double)count;
}

KIT_FN void gates_margins(gates_watch *w, const clb_state *state, size_t entry)
{
    const clb_real *z = state->pass->z[1];
    double lo = KIT_INF, sum = 0;
    for (size_t i = 0; i < w->n * w->m; ++i) {
        double margin = fabs((double)z[i]);
        if (margin < lo) lo = margin;
        sum += margin;
    }
    w->margin[entry] = lo;
    w->margin_mean_last = sum / (double)(w->n * w->m);
    if (entry == 0) w->margin_mean_first = w->margin_mean_last;
}

/* Number of different gate patterns of a sample; rows are whole bytes. */
KIT_FN double gates_distinct(const gates_watch *w)
{
    const char *rows = (const char *)w->now;
    size_t bytes = w->m / 8;
    double count = 0;
    for (size_t i = 0, k; i < w->n; ++i) {
        for (k = 0; k < i && memcmp(rows + i * bytes, rows + k * bytes, bytes); ++k) {}
        count += k == i;
    }
    return count;
}

/* delta_t minus what it were with the gates of the step before. */
KIT_FN void gates_attribute(gates_watch *w, const clb_state *state, double switches)
{
    if (state->t == 0)
        w->status = clb_pass_init(&w->probe, state->net, state->pass->data, state->pass->ce);
    else if (switches > 0) {
        clb_grad(&w->probe, NULL, w->grad);
        w->switched += gates_delta(state->net, state->grad) - gates_delta(state->net, w->grad);
    }
    if (!w->status && (state->t == 0 || switches > 0))
        w->status = clb_pass_freeze(&w->probe, state->pass);
}

/* At theta_t: entry t-1 of the series is what update t-1 did. */
KIT_FN clb_verdict gates_observe(void *context, const clb_state *state)
{
    gates_watch *w = (gates_watch *)context;
    size_t t = state->t;
    double switches = 0;
    clb_gates(state->pass, 1, w->now);
    if (t == 0) memcpy(w->first, w->now, w->words * sizeof *w->now);
    else {
        switches = gates_switches(w, state->pass, t);
        w->switches += switches;
        w->hamming[t - 1] = switches / (double)(w->n * w->m);
        gates_margins(w, state, t - 1);
        if ((t - 1) % GATES_DISTINCT == 0)
            w->distinct[(t - 1) / GATES_DISTINCT] = gates_distinct(w);
    }
    if (t < w->T) w->imbalance[t] = fabs(gates_delta(state->net, state->grad));
    if (w->attribute && t < w->T) gates_attribute(w, state, switches);
    if (t == w->T) w->net = (double)clb_gate_switches(state->pass, 1, w->first, w->now, NULL, NULL);
    memcpy(w->last, w->now, w->words * sizeof *w->now);
    return w->status ? CLB_STOP : CLB_CONTINUE;
}

/* Correlation of what is left of two series after a centred running mean over 51 steps, away from
 * the ends. */
KIT_FN double gates_detrended(size_t T, const double *x, const double *y, double *work)
{
    const double *series[2];
    size_t n = 0;
    series[0] = x, series[1] = y;
    for (size_t s = 0; s < 2; ++s) {
        n = 0;
        for (size_t t = 2 * GATES_HALF; t + 2 * GATES_HALF <= T; ++t) {
            double sum = 0;
            for (size_t k = t - GATES_HALF; k <= t + GATES_HALF; ++k) sum += series[s][k];
            work[s * T + n++] = series[s][t] - sum / (2 * GATES_HALF + 1);
        }
    }
    return clb_pearson(n, work, work + T);
}

/* Correlation of x and y at equal z, as far as z acts linearly. */
KIT_FN double gates_partial(size_t n, const double *x, const double *y, const double *z)
{
    double xy = clb_pearson(n, x, y), xz = clb_pearson(n, x, z), yz = clb_pearson(n, y, z);
    return (xy - xz * yz) / clb_sqrt((1 - xz * xz) * (1 - yz * yz));
}

/* ---- one run --------------------------------------------------------------------------------- */

KIT_FN kit_list gates_thinned(kit *x, gates_watch *w, const double *series)
{
    double *kept = (double *)gates_new(w, w->T / GATES_THIN, sizeof *kept);
    for (size_t i = 0; i < w->T / GATES_THIN; ++i) kept[i] = series[i * GATES_THIN];
    return kit_keep(x, w->T / GATES_THIN, kept);
}

KIT_FN void gates_report(kit *x, gates_run *row, gates_watch *w, const clb_trace *tr)
{
    size_t T = w->T, late = T / 4, blocks = T / 20;
    double *work = (double *)gates_new(w, 2 * T, sizeof *work), zero = 0, largest = 0;
    double *mean = (double *)gates_new(w, blocks, sizeof *mean), all = (double)(w->n * w->m);
    double r = clb_pearson(T, w->hamming, w->imbalance), drift = clb_trace_drift(tr, 1);
    for (size_t t = 0; t < T; ++t)
        zero += w->hamming[t] == 0, largest = fmax(largest, w->hamming[t]);
    for (size_t i = 0; i < blocks; ++i) mean[i] = clb_mean(20, w->hamming + 20 * i);
    row->actual_drift = fabs(drift), row->S_measured = fabs(tr->S[0]);
    row->identity_error = fabs(drift - tr->eta * tr->eta * tr->S[0]);
    row->final_loss = tr->loss[T - 1], row->n_steps_completed = (double)tr->steps;
    row->mean_hamming_dist = clb_mean(T, w->hamming), row->max_hamming_dist = largest;
    row->zero_change_fraction = zero / (double)T, row->total_pattern_changes = (double)T - zero;
    row->mean_neurons_changed = clb_mean(T, w->neurons);
    row->min_margin_init = w->margin[0], row->min_margin_final = w->margin[T - 1];
    row->mean_margin_init = w->margin_mean_first, row->mean_margin_final = w->margin_mean_last;
    row->hamming_imbalance_correlation = isnan(r) ? 0 : r;
    row->r_detrended = gates_detrended(T, w->hamming, w->imbalance, work);
    row->r_late = clb_pearson(T - late, w->hamming + late, w->imbalance + late);
    row->r_given_loss = gates_partial(T, w->hamming, w->imbalance, tr->loss);
    row->switches_per_eta_t = w->switches / all / (tr->eta * (double)T);
    row->gross_change = w->switches / all, row->net_change = w->net / all;
    row->returns = w->returns / w->switches;
    row->distinct_patterns = kit_keep(x, T / GATES_DISTINCT, w->distinct);
    row->hamming_trajectory = gates_thinned(x, w, w->hamming);
    row->margin_trajectory = gates_thinned(x, w, w->margin);
    row->neurons_changed_trajectory = gates_thinned(x, w, w->neurons);
    row->hamming_blocks = kit_keep(x, blocks, mean);
}

/* frozen: the trace of the run with the gates of theta_0. */
KIT_FN void gates_report_frozen(gates_run *row, gates_watch *w, const clb_trace *tr,
                                const clb_trace *frozen)
{
    double *delta = (double *)gates_new(w, w->T, sizeof *delta);
    for (size_t t = 0; t < w->T; ++t) delta[t] = fabs(frozen->g[2 * t + 1] - frozen->g[2 * t]);
    row->gate_share = tr->S[0] / frozen->S[0] - 1;
    row->switched_share = w->switched / tr->S[0];
    row->r_frozen = clb_pearson(w->T, w->hamming, delta);
}

/* The run function. */
KIT_FN clb_status gates_train(kit *x, void *run)
{
    gates_run *row = (gates_run *)run;
    sw_run keys;
    paper_opts opts;
    clb_observer observer = CLB_ZERO;
    clb_train_opts train = CLB_ZERO;
    clb_trace trace = CLB_ZERO, frozen = CLB_ZERO;
    gates_watch w;
    clb_status status;
    memset(&keys, 0, sizeof keys);
    keys.seed = row->seed, keys.act = 1, keys.loss = row->loss, keys.width = row->width;
    keys.T = row->T, opts = sw_opts(&keys);
    gates_init(&w, row, 200);
    observer.call = gates_observe, observer.context = &w;
    train.ce = row->loss, train.observers = &observer, train.observer_count = 1;
    status = paper_train(&opts, row->seed, row->lr, w.T, &train, &trace);
    if (!status) status = w.status;
    if (!status) row->diverged = trace.steps < trace.T;
    if (!status && w.attribute) status = sw_train(&keys, row->lr, 1, &frozen);
    if (!status && row->diverged == 0) gates_report(x, row, &w, &trace);
    if (!status && w.attribute && row->diverged == 0 && frozen.steps == frozen.T)
        gates_report_frozen(row, &w, &trace, &frozen);
    clb_trace_free(&trace);
    clb_trace_free(&frozen);
    gates_free(&w);
    return status;
}

/* ---- what follows from the runs -------------------------------------------------------------- */

/* The runs of one loss and width at one eta, three published seeds. */
KIT_FN kit_rows gates_at(kit *x, const kit_part *part, double loss, double width, double lr)
{
    kit_rows rows = kit_where(kit_part_runs(x, part), GATES_AT(loss), loss);
    return kit_first_published(kit_where(kit_where(rows, GATES_AT(width), width), GATES_AT(lr), lr),
                               3);
}

/* Means over the seeds at one eta; a line in a table of gates_table(). */
KIT_FN kit_table *gates_table(kit *x)
{
    return KIT_TABLE(x, "gates", "Gate switches per step, means over the seeds (loss: 0 squared, 1 "
                     "cross entropy)", "loss", "width", "lr", "mean_neurons_changed",
                     "mean_hamming_dist", "zero_change_fraction", "hamming_imbalance_correlation",
                     "min_margin_init", "min_margin_final", "S_measured");
}
KIT_FN void gates_line(kit_table *t, kit_rows at, double loss, double width, double lr)
{
    KIT_LINE(t, loss, width, lr, kit_mean(at, GATES_AT(mean_neurons_changed)),
             kit_mean(at, GATES_AT(mean_hamming_dist)),
             kit_mean(at, GATES_AT(zero_change_fraction)),
             kit_mean(at, GATES_AT(hamming_imbalance_correlation)),
             kit_mean(at, GATES_AT(min_margin_init)), kit_mean(at, GATES_AT(min_margin_final)),
             kit_mean(at, GATES_AT(S_measured)));
}

#endif /* KIT_GATES_H */
