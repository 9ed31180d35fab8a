/* laws.h - the runs of the experiments on conservation (E1, E2, E3): one training and what became
 * of its charges C_l = |W_{l+1}|^2 - |W_l|^2; one run of the activation sweep. */
#ifndef KIT_LAWS_H
#define KIT_LAWS_H

#include "paper.h"
#include "tables.h"

enum { LAWS_T = 2000, LAWS_T_QUICK = 200, LAWS_MARKS = 40 };

KIT_FN size_t laws_steps(const kit *x) { return kit_quick(x) ? LAWS_T_QUICK : LAWS_T; }

/* ---- one training ------------------------------------------------------------------------- */

/* Nets of the standard problem: 2 matrices of width 64, or 5 of width 32. bias: -1 in every layer,
 * 0 in none, else the one layer that has it. Q_l = C_l - |b_l|^2. */
typedef struct laws_run {
    double   seed, matrices, bias, lr;
    kit_list C_init, C_final, max_drifts;  /* each l: C_l(0), C_l(T), max_t |C_l(t)/C_l(0) - 1| */
    double   mean_drift;                   /* mean of max_drifts over l */
    double   max_abs_drift, scaled_drift;  /* max over l of |C_l(t) - C_l(0)|; over the norms */
    double   final_loss;                   /* before the last update */
    double   drift_C1, drift_Q1, relative_Q1;
    kit_list excess;                       /* each l: the part of C_l(T) - C_l(0) of first order */
    kit_list C_t, Q_t;                     /* drift of C_1 and Q_1 at LAWS_MARKS equal steps */
    kit_list rounding;                     /* each l: float32 rounding of C_l over |C_l(0)| */
    double   mean_rounding;
    double   identity_error, trace_residual;      /* of Theorem 2; of eq. (10), relative */
} laws_run;
#define LAWS_AT(member) KIT_AT(laws_run, member)
static const kit_field laws_run_fields[] = {
    KIT_KEY(laws_run, seed), KIT_KEY(laws_run, matrices), KIT_KEY(laws_run, bias),
    KIT_KEY(laws_run, lr), KIT_RESULT_ARRAY(laws_run, C_init), KIT_RESULT_ARRAY(laws_run, C_final),
    KIT_RESULT_ARRAY(laws_run, max_drifts), KIT_RESULT(laws_run, mean_drift),
    KIT_RESULT(laws_run, max_abs_drift), KIT_RESULT(laws_run, scaled_drift),
    KIT_RESULT(laws_run, final_loss), KIT_RESULT(laws_run, drift_C1),
    KIT_RESULT(laws_run, drift_Q1), KIT_RESULT(laws_run, relative_Q1),
    KIT_RESULT_ARRAY(laws_run, excess), KIT_RESULT_ARRAY(laws_run, C_t),
    KIT_RESULT_ARRAY(laws_run, Q_t), KIT_RESULT_ARRAY(laws_run, rounding),
    KIT_RESULT(laws_run, mean_rounding), KIT_RESULT(laws_run, identity_error),
    KIT_RESULT(laws_run, trace_residual),
};

/* Before every step, the identity behind the law in every layer:
 * <W_{l+1},G_{l+1}> = <W_l,G_l> + <b_l,g_l>,  eq. (10). */
KIT_FN clb_verdict laws_watch(void *context, const clb_state *state)
{
    double *worst = (double *)context;
    for (size_t l = 1; l < state->net->L; ++l)
        *worst = fmax(*worst, clb_identity_residual(state->net, NULL, state->grad, l, 1));
    return CLB_CONTINUE;
}

KIT_FN void laws_record(kit *x, laws_run *r, const clb_trace *tr)
{
    size_t n = tr->L - 1, T = tr->steps;
    double *C0 = kit_doubles(x, n), *C1 = kit_doubles(x, n), *worst = kit_doubles(x, n);
    double *excess = kit_doubles(x, n), *rounding = kit_doubles(x, n);
    double C_t[LAWS_MARKS], Q_t[LAWS_MARKS];
    r->mean_drift = r->max_abs_drift = r->scaled_drift = r->identity_error = r->mean_rounding = 0;
    for (size_t l = 1; l <= n; ++l) {
        double d = clb_trace_max_drift(tr, l), second = 0;
        for (size_t t = 0; t < T; ++t) second += tr->g[t * tr->L + l] - tr->g[t * tr->L + l - 1];
        C0[l - 1] = clb_trace_charge(tr, l, 0), C1[l - 1] = clb_trace_charge(tr, l, T);
        worst[l - 1] = clb_trace_relative(tr, l, d);
        excess[l - 1] = clb_trace_drift(tr, l) - tr->eta * tr->eta * second;
        rounding[l - 1] = clb_trace_relative(tr, l, tr->L == 2 ? 2e-5 : 5e-5);
        r->mean_drift += worst[l - 1] / (double)n, r->mean_rounding += rounding[l - 1] / (double)n;
        r->scaled_drift = fmax(r->scaled_drift, d / (tr->q[l - 1] + tr->q[l]));
        r->max_abs_drift = fmax(r->max_abs_drift, d);
        r->identity_error = fmax(r->identity_error,
                                 fabs(clb_trace_drift_bias(tr, l) - tr->predicted[l - 1]));
    }
    for (size_t i = 0; i < LAWS_MARKS; ++i) {
        size_t t = (i + 1) * T / LAWS_MARKS;
        C_t[i] = clb_trace_charge(tr, 1, t) - clb_trace_charge(tr, 1, 0);
        Q_t[i] = clb_trace_charge_bias(tr, 1, t) - clb_trace_charge_bias(tr, 1, 0);
    }
    r->C_init.n = r->C_final.n = r->max_drifts.n = r->excess.n = r->rounding.n = n;
    r->C_init.at = C0, r->C_final.at = C1, r->max_drifts.at = worst;
    r->excess.at = excess, r->rounding.at = rounding;
    r->C_t = kit_keep(x, LAWS_MARKS, C_t), r->Q_t = kit_keep(x, LAWS_MARKS, Q_t);
    r->drift_C1 = clb_trace_drift(tr, 1), r->drift_Q1 = clb_trace_drift_bias(tr, 1);
    r->relative_Q1 = fabs(r->drift_Q1 / clb_trace_charge_bias(tr, 1, 0));
    r->final_loss = tr->loss[T - 1];
}

KIT_FN paper_opts laws_problem(double matrices, double bias)
{
    paper_opts opts;
    memset(&opts, 0, sizeof opts);
    opts.L = (size_t)matrices, opts.m = opts.L == 2 ? 64 : 32, opts.net.bias = (int)bias;
    return opts;
}

/* Cross entropy, full-batch gradient descent. */
KIT_FN clb_status laws_train(kit *x, void *run)
{
    laws_run *r = (laws_run *)run;
    paper_opts opts = laws_problem(r->matrices, r->bias);
    clb_train_opts how = CLB_ZERO;
    clb_observer watch = CLB_ZERO;
    clb_trace trace;
    clb_status status;
    double worst = 0;
    watch.call = laws_watch, watch.context = &worst, watch.every = 1;
    how.ce = CLB_CE, how.observers = &watch, how.observer_count = 1;
    status = paper_train(&opts, r->seed, r->lr, laws_steps(x), &how, &trace);
    if (status) return status;
    laws_record(x, r, &trace), r->trace_residual = worst;
    clb_trace_free(&trace);
    return CLB_OK;
}

static const kit_part laws_trainings = KIT_PART("train", "trainings", laws_run, laws_train);

KIT_FN void laws_add(kit *x, double matrices, double bias, double lr, kit_list seeds)
{
    for (size_t s = 0; s < seeds.n; ++s) {
        laws_run row;
        memset(&row, 0, sizeof row);
        row.seed = seeds.at[s], row.matrices = matrices, row.bias = bias, row.lr = lr;
        kit_add(x, &laws_trainings, &row);
    }
}

/* All runs of a net at an eta; those with the paper's seeds. */
KIT_FN kit_rows laws_all(kit *x, double matrices, double bias, double lr)
{
    kit_rows rows = kit_where(kit_part_runs(x, &laws_trainings), LAWS_AT(matrices), matrices);
    return kit_where(kit_where(rows, LAWS_AT(bias), bias), LAWS_AT(lr), lr);
}
KIT_FN kit_rows laws_runs(kit *x, double matrices, double bias, double lr)
{
    return kit_first_published(laws_all(x, matrices, bias, lr), 5);
}

/* Relative drift over the seeds; absolute; over |W_l|^2 + |W_{l+1}|^2; what rounding may add. */
KIT_FN kit_table *laws_table(kit *x, const char *name, const char *caption)
{
    return KIT_TABLE(x, name, caption, "matrices", "bias", "lr", "mean_drift", "std_drift",
                     "max_drift", "absolute", "scaled", "final_loss", "relative_Q1", "rounding");
}
KIT_FN void laws_line(kit_table *t, double matrices, double bias, double lr)
{
    kit_rows rows = laws_runs(t->x, matrices, bias, lr);
    kit_list drift = kit_values(rows, LAWS_AT(mean_drift));
    kit_cells(t, KIT_VALUES(matrices));
    kit_text(t, bias != 0 ? "yes" : "no");
    KIT_CELLS(t, lr, kit_mean(rows, LAWS_AT(mean_drift)), kit_std(rows, LAWS_AT(mean_drift)),
              clb_summarize(drift.n, drift.at).max, kit_mean(rows, LAWS_AT(max_abs_drift)),
              kit_mean(rows, LAWS_AT(scaled_drift)), kit_mean(rows, LAWS_AT(final_loss)),
              kit_mean(rows, LAWS_AT(relative_Q1)), kit_mean(rows, LAWS_AT(mean_rounding)));
}

/* Both identities, over all trainings. */
KIT_FN void laws_identities(kit *x, const char *theorem_2)
{
    kit_rows all = kit_part_runs(x, &laws_trainings);
    kit_identity(x, "theorem_2", theorem_2, "worst error",
                 kit_worst(all, LAWS_AT(identity_error)),
                 kit_below(sizeof(clb_real) == 4 ? 1e-4 : 1e-11));
    kit_identity(x, "eq_10", "The scalar products <W_l,G_l> of neighbouring layers agree at every "
                 "step, biases counted with the lower layer (eq. 10).", "worst relative error",
                 kit_worst(all, LAWS_AT(trace_residual)),      /* some products are near zero */
                 kit_below(sizeof(clb_real) == 4 ? 1e-1 : 1e-9));
}

/* ---- every neuron's charge ---------------------------------------------------------------- */

/* The charges of all hidden neurons; the largest |c_j - then_j|. */
KIT_FN double *laws_charges(kit *x, const clb_net *net)
{
    double *c = kit_doubles(x, clb_hidden_count(net));
    clb_hidden_charges(net, NULL, c);
    return c;
}
KIT_FN double laws_neuron_drift(kit *x, const clb_net *net, const double *then)
{
    const double *now = laws_charges(x, net);
    double worst = 0;
    for (size_t j = 0; j < clb_hidden_count(net); ++j) worst = fmax(worst, fabs(now[j] - then[j]));
    return worst;
}

/* ---- the activation sweep ----------------------------------------------------------------- */

/* The data are drawn once from seed 42, then a 20-64-5 net from its own seed; cross entropy, eta =
 * 0.001. rel_drift = |C(T) - C(0)| / |C(0)|. */
typedef struct laws_control { const char *variant; double seed, rel_drift; } laws_control;
static const kit_field laws_control_fields[] = {
    KIT_KEY_TEXT(laws_control, variant), KIT_KEY(laws_control, seed),
    KIT_RESULT(laws_control, rel_drift),
};
/* The paper's threshold: below it C counts as conserved. */
static const double laws_threshold = 0.01;

KIT_FN clb_status laws_control_train(kit *x, laws_control *r, const clb_net_opts *net_opts,
                                     clb_optimizer optimizer)
{
    static const size_t widths[] = { 20, 64, 5 };
    clb_train_opts how = CLB_ZERO;
    clb_data data;
    clb_net net;
    clb_rng rng;
    clb_trace trace;
    clb_status status;
    how.ce = CLB_CE, how.optimizer = optimizer;
    clb_rng_seed(&rng, 42), rng.normal_mode = CLB_NORMAL_PUBLISHED;
    if ((status = clb_data_mixture(&data, &rng, 200, 20, 5, 2.0)) != CLB_OK) return status;
    clb_rng_seed(&rng, (uint64_t)r->seed);
    status = clb_net_init(&net, widths, 3, net_opts, &rng);
    if (!status) {
        status = kit_train(&net, &data, 1e-3, laws_steps(x), &how, &trace);
        clb_net_free(&net);
    }
    clb_data_free(&data);
    if (status) return status;
    r->rel_drift = clb_trace_relative(&trace, 1, fabs(clb_trace_drift(&trace, 1)));
    clb_trace_free(&trace);
    return CLB_OK;
}

/* A line of the sweep: mean and spread over the runs, beside the mean that the paper has. */
KIT_FN kit_table *laws_control_table(kit *x, const char *caption)
{
    return KIT_TABLE(x, "controls", caption, "variant", "mean_rel_drift", "std_drift", "published",
                     "conserved");
}
KIT_FN double laws_control_line(kit_table *t, kit_rows runs, const char *variant, double published)
{
    kit_rows rows = kit_where_text(runs, KIT_AT(laws_control, variant), variant);
    double mean = kit_mean(kit_first_published(rows, 3), KIT_AT(laws_control, rel_drift));
    double std = kit_std(kit_first_published(rows, 3), KIT_AT(laws_control, rel_drift));
    kit_text(t, variant), KIT_CELLS(t, mean, std, published);
    kit_text(t, mean < laws_threshold ? "yes" : "no");
    return mean;
}

#endif /* KIT_LAWS_H */
