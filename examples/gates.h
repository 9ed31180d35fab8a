/* gates.h - a training run of a two-layer ReLU net with its gates watched: which switch at each
 * step, how far pre-activations are from zero, how many patterns the samples have, and how all that
 * goes with the imbalance delta_t = |G_2|^2 - |G_1|^2. Measured for E9; include after sweep.h. */
#ifndef CLB_GATES_H
#define CLB_GATES_H

/* A switch back within RETURN steps undoes the first; series keep every THIN-th step, patterns are
 * counted every DISTINCT steps; the running mean goes over 2 HALF + 1 steps. */
enum { GATES_RETURN = 100, GATES_THIN = 10, GATES_DISTINCT = 100, GATES_HALF = 25 };

typedef struct gates_watch {
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

EX_FN clb_status gates_init(gates_watch *w, ex_row *row, size_t n, int attribute)
{
    memset(w, 0, sizeof *w);
    w->m = (size_t)ex_get(row, "width"), w->n = n, w->T = (size_t)ex_get(row, "T");
    w->words = (n * w->m + 63) / 64;
    w->attribute = attribute;
    w->hamming = ex_space(row, 4 * w->T);
    w->neurons = w->hamming + w->T, w->margin = w->neurons + w->T, w->imbalance = w->margin + w->T;
    w->first = (uint64_t *)calloc(3 * w->words, sizeof *w->first);
    w->flip = (size_t *)calloc(n * w->m, sizeof *w->flip);
    w->index = (uint32_t *)calloc(n * w->m + w->m, sizeof *w->index);
    w->grad = (clb_real *)calloc((20 + 5) * w->m, sizeof *w->grad);
    if (!w->first || !w->flip || !w->index || !w->grad) return CLB_ENOMEM;
    w->last = w->first + w->words, w->now = w->last + w->words, w->units = w->index + n * w->m;
    return CLB_OK;
}

EX_FN void gates_free(gates_watch *w)
{
    clb_pass_free(&w->probe);
    free(w->first), free(w->flip), free(w->index), free(w->grad);
}

EX_FN double gates_delta(const clb_net *net, const clb_real *grad)
{
    return clb_weight_sumsq(net, grad, 2) - clb_weight_sumsq(net, grad, 1);
}

/* Switches of update t-1; counts those that undo a switch of the last 100 steps. */
EX_FN double gates_switches(gates_watch *w, const clb_pass *pass, size_t t)
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

EX_FN void gates_margins(gates_watch *w, const clb_state *state, size_t entry)
{
    const clb_real *z = state->pass->z[1];
    double lo = EX_INF, sum = 0;
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
EX_FN double gates_distinct(const gates_watch *w)
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
EX_FN void gates_attribute(gates_watch *w, const clb_state *state, double switches)
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
EX_FN clb_verdict gates_observe(void *context, const clb_state *state)
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
EX_FN double gates_detrended(size_t T, const double *x, const double *y, double *work)
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
EX_FN double gates_partial(size_t n, const double *x, const double *y, const double *z)
{
    double xy = clb_pearson(n, x, y), xz = clb_pearson(n, x, z), yz = clb_pearson(n, y, z);
    return (xy - xz * yz) / sqrt((1 - xz * xz) * (1 - yz * yz));
}

EX_FN void gates_thinned(ex_row *row, const char *name, const double *series, size_t T)
{
    double *kept = ex_space(row, T / GATES_THIN);
    for (size_t i = 0; i < T / GATES_THIN; ++i) kept[i] = series[i * GATES_THIN];
    ex_array(row, name, T / GATES_THIN, kept);
}

/* The published quantities, under their published names. */
EX_FN void gates_report(ex_row *row, const gates_watch *w, const clb_trace *tr)
{
    size_t T = w->T;
    double zero = 0, largest = 0, r = clb_pearson(T, w->hamming, w->imbalance);
    for (size_t t = 0; t < T; ++t)
        zero += w->hamming[t] == 0, largest = fmax(largest, w->hamming[t]);
    ex_num(row, "actual_drift", fabs(clb_trace_drift(tr, 1)));
    ex_num(row, "S_measured", fabs(tr->S[0]));
    ex_num(row, "final_loss", tr->loss[T - 1]);
    ex_num(row, "n_steps_completed", (double)tr->steps);
    ex_num(row, "mean_hamming_dist", clb_mean(T, w->hamming));
    ex_num(row, "max_hamming_dist", largest);
    ex_num(row, "zero_change_fraction", zero / (double)T);
    ex_num(row, "mean_neurons_changed", clb_mean(T, w->neurons));
    ex_num(row, "total_pattern_changes", (double)T - zero);
    ex_num(row, "min_margin_init", w->margin[0]);
    ex_num(row, "min_margin_final", w->margin[T - 1]);
    ex_num(row, "mean_margin_init", w->margin_mean_first);
    ex_num(row, "mean_margin_final", w->margin_mean_last);
    ex_num(row, "hamming_imbalance_correlation", isnan(r) ? 0 : r);
    ex_array(row, "distinct_patterns", T / GATES_DISTINCT, w->distinct);
    gates_thinned(row, "hamming_trajectory", w->hamming, T);
    gates_thinned(row, "margin_trajectory", w->margin, T);
    gates_thinned(row, "neurons_changed_trajectory", w->neurons, T);
}

/* Beyond the paper; frozen is the run with the gates of theta_0. */
EX_FN void gates_report_beyond(ex_row *row, const gates_watch *w, const clb_trace *tr,
                              const clb_trace *frozen)
{
    size_t T = w->T, late = T / 4, blocks = T / 20;
    double *work = ex_space(row, 3 * T), *mean = ex_space(row, blocks), all = (double)(w->n * w->m);
    for (size_t t = 0; t < T; ++t) work[2 * T + t] = fabs(frozen->g[2 * t + 1] - frozen->g[2 * t]);
    for (size_t i = 0; i < blocks; ++i) mean[i] = clb_mean(20, w->hamming + 20 * i);
    ex_array(row, "hamming_blocks", blocks, mean);
    ex_num(row, "gate_share", tr->S[0] / frozen->S[0] - 1);
    ex_num(row, "switched_share", w->switched / tr->S[0]);
    ex_num(row, "switches_per_eta_t", w->switches / all / (tr->eta * (double)T));
    ex_num(row, "gross_change", w->switches / all);
    ex_num(row, "net_change", w->net / all);
    ex_num(row, "returns", w->returns / w->switches);
    ex_num(row, "r_detrended", gates_detrended(T, w->hamming, w->imbalance, work));
    ex_num(row, "r_late", clb_pearson(T - late, w->hamming + late, w->imbalance + late));
    ex_num(row, "r_given_loss", gates_partial(T, w->hamming, w->imbalance, tr->loss));
    ex_num(row, "r_frozen", clb_pearson(T, w->hamming, work + 2 * T));
}

#endif
