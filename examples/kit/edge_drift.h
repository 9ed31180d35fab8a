/* edge_drift.h - a training beside what the two-point flow predicts for it (E24): drift of every
 * charge and neuron, the oscillation's share, both against time. */
#ifndef KIT_EDGE_DRIFT_H
#define KIT_EDGE_DRIFT_H

#include "mnist.h"

enum { DRIFT_MARKS = 24, DRIFT_LAYERS = 8 };

/* Sums run over the charges: `measured` and `predicted` are sums of |drift|. */
typedef struct drift_run {
    double   seed, lr, T;
    double   measured, predicted, ratio, oscillation_share, predicted_share;
    double   route_error, split_error, eta_sharpness, final_loss, predicted_loss;
    double   diverged;                                               /* the run or its prediction */
    kit_list drift, predicted_drift;                                   /* of each charge */
    kit_list neuron_correlation, neuron_error, neuron_signs;           /* of each hidden layer */
    kit_list time, measured_at, predicted_at;                          /* steps in equal ratios */
} drift_run;
#define DRIFT_AT(member) KIT_AT(drift_run, member)
static const kit_field drift_run_fields[] = {
    KIT_KEY(drift_run, seed), KIT_KEY(drift_run, lr), KIT_KEY(drift_run, T),
    KIT_RESULT(drift_run, measured), KIT_RESULT(drift_run, predicted), KIT_RESULT(drift_run, ratio),
    KIT_RESULT(drift_run, oscillation_share), KIT_RESULT(drift_run, predicted_share),
    KIT_RESULT(drift_run, route_error), KIT_RESULT(drift_run, split_error),
    KIT_RESULT(drift_run, eta_sharpness), KIT_RESULT(drift_run, final_loss),
    KIT_RESULT(drift_run, predicted_loss), KIT_RESULT(drift_run, diverged),
    KIT_RESULT_ARRAY(drift_run, drift), KIT_RESULT_ARRAY(drift_run, predicted_drift),
    KIT_RESULT_ARRAY(drift_run, neuron_correlation), KIT_RESULT_ARRAY(drift_run, neuron_error),
    KIT_RESULT_ARRAY(drift_run, neuron_signs), KIT_RESULT_ARRAY(drift_run, time),
    KIT_RESULT_ARRAY(drift_run, measured_at), KIT_RESULT_ARRAY(drift_run, predicted_at),
};

KIT_FN double drift_predicted(const clb_rod *rod)
{
    double sum = 0;
    for (size_t l = 1; l < rod->net->L; ++l) sum += fabs(clb_rod_charge(rod, l).drift);
    return sum;
}

/* What the flow predicts, at every mark and at the end. neuron: [hidden] drift of the neurons. */
KIT_FN clb_status drift_predict(kit *x, drift_run *r, clb_rod *rod, double *neuron)
{
    double time[DRIFT_MARKS], drift[DRIFT_MARKS], charge[DRIFT_LAYERS], swing = 0, error = 0;
    size_t n = 0, last = 0, L = rod->net->L, at = 0;
    clb_status status = CLB_OK;
    for (size_t i = 0; i < DRIFT_MARKS && !status; ++i) {
        size_t t = (size_t)floor(clb_pow(r->T, (double)i / (DRIFT_MARKS - 1)) + 0.5);
        if (t <= last) continue;
        kit_progress_within(x, kit_print(x, "eta = %g", r->lr), t, (size_t)r->T);
        status = clb_rod_run(rod, t, NULL, 0);
        time[n] = (double)t, drift[n++] = drift_predicted(rod), last = t;
    }
    if (status) return status;
    for (size_t l = 1; l < L; ++l) {
        clb_rod_drift one = clb_rod_charge(rod, l);
        charge[l - 1] = one.drift, swing += fabs(one.swing);
        error = kit_worse(error, fabs(one.drift - one.direct));
        for (size_t j = 0; j < rod->net->m[l]; ++j) neuron[at++] = clb_rod_neuron(rod, l, j).drift;
    }
    r->predicted = drift_predicted(rod), r->predicted_share = swing / r->predicted;
    r->route_error = error / r->predicted;
    r->eta_sharpness = r->lr * rod->sharpness, r->predicted_loss = rod->loss;
    r->predicted_drift = kit_keep(x, L - 1, charge);
    r->time = kit_keep(x, n, time), r->predicted_at = kit_keep(x, n, drift);
    return CLB_OK;
}

/* What the run itself says. */
KIT_FN void drift_measure(kit *x, drift_run *r, const clb_trace *tr)
{
    double drift[DRIFT_LAYERS], oscillation = 0, *at = kit_doubles(x, r->time.n);
    r->measured = r->split_error = 0;
    for (size_t l = 1; l < tr->L; ++l) {
        drift[l - 1] = clb_trace_drift(tr, l);
        r->measured += fabs(drift[l - 1]), oscillation += fabs(tr->oscillation[l - 1]);
        r->split_error = kit_worse(r->split_error,
                                   fabs(tr->flow[l - 1] + tr->oscillation[l - 1] - drift[l - 1]));
    }
    for (size_t i = 0; i < r->time.n; ++i) at[i] = edge_total(tr, 0, (size_t)r->time.at[i]);
    r->split_error /= r->measured, r->oscillation_share = oscillation / r->measured;
    r->ratio = r->predicted / r->measured, r->final_loss = tr->loss[tr->T];
    r->drift = kit_keep(x, tr->L - 1, drift), r->measured_at = (kit_list){ r->time.n, at };
}

/* Neurons of each hidden layer, predicted against measured: Pearson correlation, sum of
 * |difference| over sum of |measured|, share whose sign is right. measured: the charges before;
 * overwritten. */
KIT_FN void drift_neurons(kit *x, drift_run *r, const clb_net *net, double *measured,
                          const double *predicted)
{
    double R[DRIFT_LAYERS], error[DRIFT_LAYERS], signs[DRIFT_LAYERS];
    double *after = kit_doubles(x, clb_hidden_count(net));
    clb_hidden_charges(net, NULL, after);
    for (size_t l = 1, at = 0; l < net->L; ++l) {
        double off = 0, size = 0, right = 0;
        size_t m = net->m[l], first = at;
        for (; at < first + m; ++at) {
            measured[at] = after[at] - measured[at];
            off += fabs(predicted[at] - measured[at]), size += fabs(measured[at]);
            right += predicted[at] * measured[at] >= 0;
        }
        R[l - 1] = clb_pearson(m, measured + first, predicted + first);
        error[l - 1] = off / size, signs[l - 1] = right / (double)m;
    }
    r->neuron_correlation = kit_keep(x, net->L - 1, R);
    r->neuron_error = kit_keep(x, net->L - 1, error);
    r->neuron_signs = kit_keep(x, net->L - 1, signs);
}

/* Gradient descent and its prediction from the same start, no fit. Two substeps a step: along a
 * direction of curvature h a step then multiplies the swing by (eta h/2)^2; at the edge, eta h =
 * 2 + e, that is 1 + e + e^2/4, where gradient descent has 1 + e (more substeps tend to exp(e)). */
KIT_FN clb_status drift_compare(kit *x, drift_run *r, const paper_opts *opts, double ce)
{
    paper_problem p;
    clb_rod_opts how = { .ce = ce, .substeps = 2 };
    clb_train_opts training = { .ce = ce };
    clb_rod rod;
    clb_trace tr;
    double *before, *neuron;
    clb_status status = paper_problem_init(&p, opts, r->seed);
    if (status) return status;
    before = kit_doubles(x, 2 * clb_hidden_count(&p.net));
    neuron = before + clb_hidden_count(&p.net);
    clb_hidden_charges(&p.net, NULL, before);
    status = clb_rod_init(&rod, &p.net, &p.data, r->lr, NULL, &how);
    if (!status) {
        status = drift_predict(x, r, &rod, neuron);
        clb_rod_free(&rod);
    }
    if (!status) {
        status = kit_train(&p.net, &p.data, r->lr, (size_t)r->T, &training, &tr);
        if (!status) drift_measure(x, r, &tr), drift_neurons(x, r, &p.net, before, neuron);
        if (!status || status == CLB_EDIVERGED) clb_trace_free(&tr);
    }
    r->diverged = status == CLB_EDIVERGED;
    paper_problem_free(&p);
    return status == CLB_EDIVERGED ? CLB_OK : status;
}

KIT_FN void drift_add(kit *x, const kit_part *part, kit_list etas, kit_list seeds, double T)
{
    for (size_t i = 0; i < etas.n; ++i)
        for (size_t s = 0; s < seeds.n; ++s)
            kit_add(x, part, &(drift_run){ .seed = seeds.at[s], .lr = etas.at[i], .T = T });
}

#endif /* KIT_EDGE_DRIFT_H */
