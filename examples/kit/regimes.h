/* regimes.h - how far a training lies from what Theorem 4 assumes (E29): independent modes of the
 * Hessian, fixed gates, eta lambda_max below 2. Included by its program. */
#ifndef KIT_REGIMES_H
#define KIT_REGIMES_H

#include "run.h"
#include "sweeps.h"

enum { REGIME_T = 1000, REGIME_LOOK = 20, REGIME_ETAS = 7 };

/* A net of the paper with step sizes that cover what the experiments use; the others are 0. */
typedef struct regime_net {
    const char   *name;
    double        ce;
    clb_optimizer optimizer;                    /* momentum and Adam have beta 0.9 */
    paper_opts    problem;
    double        etas[REGIME_ETAS];
} regime_net;

/* net: its number. modes 1: the coupling is measured. phase: lambda_max over the largest curvature
 * at which the optimiser is stable. drift: sum of |drift| over the charges; share: of the
 * oscillation in it, NaN for Adam, which has no law. switches: share of the gates that switch in a
 * step. */
typedef struct regime_run {
    double seed, net, lr, modes;
    double phase_start, phase_end, coupling, switches, share, drift, diverged;
} regime_run;
#define REGIME_AT(member) KIT_AT(regime_run, member)
static const kit_field regime_run_fields[] = {
    KIT_KEY(regime_run, seed), KIT_KEY(regime_run, net), KIT_KEY(regime_run, lr),
    KIT_KEY(regime_run, modes), KIT_RESULT(regime_run, phase_start),
    KIT_RESULT(regime_run, phase_end), KIT_RESULT(regime_run, coupling),
    KIT_RESULT(regime_run, switches), KIT_RESULT(regime_run, share), KIT_RESULT(regime_run, drift),
    KIT_RESULT(regime_run, diverged),
};

/* Switches of the gates of all hidden layers in every 20th step: looks come in pairs. */
typedef struct regime_watch {
    kit_arena arena;
    uint64_t *gates[2][8];
    double    switched, seen;
} regime_watch;

KIT_FN clb_verdict regime_look(void *context, const clb_state *state)
{
    regime_watch *w = (regime_watch *)context;
    for (size_t l = 1; l < state->net->L; ++l) {
        uint64_t **g = w->gates[state->t % REGIME_LOOK];
        if (!g[l])
            g[l] = (uint64_t *)kit_new(&w->arena, clb_gate_words(state->pass, l), sizeof **g);
        clb_gates(state->pass, l, g[l]);
        if (state->t % REGIME_LOOK == 0) continue;
        w->switched += (double)clb_gate_switches(state->pass, l, w->gates[0][l], g[l], NULL, NULL);
        w->seen += (double)(state->pass->n * state->net->m[l]);
    }
    return CLB_CONTINUE;
}

/* |M_T| of the first charge, from the kernel of the outputs. */
KIT_FN clb_status regime_coupling(regime_run *row, clb_curv *curv)
{
    clb_spectrum sp;
    clb_status status = clb_spectrum_init_ntk(&sp, curv, 1);
    if (status) return status;
    row->coupling = fabs(clb_spectrum_sum(&sp, row->lr, REGIME_T, CLB_MODES_POSITIVE).coupling);
    clb_spectrum_free(&sp);
    return CLB_OK;
}

/* The largest eigenvalue of D^-1 H, D that of Adam's next step after the updates of `state`. */
KIT_FN clb_status regime_adam_sharpness(clb_curv *curv, const clb_train_state *state, double *top)
{
    clb_train_opts how = CLB_ZERO;
    clb_linop op = clb_hessian_op(curv);
    kit_arena arena = { NULL };
    clb_real *D = (clb_real *)kit_new(&arena, op.n, sizeof *D);
    clb_precond scaled;
    clb_eigs eigs;
    clb_status status;
    clb_train_opts_resolve(&how);
    clb_adam_diagonal(op.n, state->v2, state->t, how.beta1, how.beta2, how.eps, D);
    if (!(status = clb_precond_init(&scaled, &op, D))) {
        op = clb_precond_op(&scaled);
        if (!(status = clb_lanczos(&op, 1, NULL, &eigs))) *top = eigs.value[0];
        clb_eigs_free(&eigs), clb_precond_free(&scaled);
    }
    kit_arena_free(&arena);
    return status;
}

/* lambda_max at the net's own theta, over what the optimiser stands: of the Hessian, for Adam of
 * the pre-conditioned one. */
KIT_FN clb_status regime_phase(const regime_net *net, double eta, sw_start *s,
                               const clb_train_state *state, double *phase)
{
    double top, most = clb_stability_threshold(net->optimizer, eta, 0.9);
    clb_status status;
    clb_curv_at(&s->curv, NULL);
    status = net->optimizer == CLB_ADAM ? regime_adam_sharpness(&s->curv, state, &top)
                                        : kit_sharpness(&s->curv, &top, NULL);
    if (!status) *phase = top / most;
    return status;
}

/* The phase at the start; Adam's is that after its first update, which is undone: before it there
 * are no second moments. */
KIT_FN clb_status regime_phase_start(regime_run *row, sw_start *s, const regime_net *net)
{
    clb_net *now = &s->problem.net;
    clb_train_opts how = CLB_ZERO;
    clb_train_state state;
    kit_arena arena = { NULL };
    clb_real *theta;
    clb_status status;
    if (net->optimizer != CLB_ADAM)
        return regime_phase(net, row->lr, s, NULL, &row->phase_start);
    how.ce = net->ce, how.optimizer = net->optimizer, how.state = &state;
    theta = (clb_real *)kit_new(&arena, now->P, sizeof *theta);
    memcpy(theta, now->theta, now->P * sizeof *theta);
    if (!(status = clb_train_state_init(&state, now, &s->problem.data, &how))) {
        status = clb_train(now, &s->problem.data, row->lr, 1, &how, NULL);
        if (!status) status = regime_phase(net, row->lr, s, &state, &row->phase_start);
        clb_train_state_free(&state);
    }
    memcpy(now->theta, theta, now->P * sizeof *theta);
    kit_arena_free(&arena);
    return status;
}

/* From the trace of a finished run. */
KIT_FN void regime_record(regime_run *row, const clb_trace *tr)
{
    double oscillation = 0;
    row->drift = 0;
    for (size_t l = 1; l < tr->L; ++l) {
        row->drift += fabs(clb_trace_law_drift(tr, l));
        oscillation += fabs(tr->oscillation[l - 1]);
    }
    row->share = oscillation / row->drift;
}

KIT_FN clb_status regime_train(regime_run *row, sw_start *s, const regime_net *net)
{
    size_t at[2 * REGIME_T / REGIME_LOOK];
    clb_net *now = &s->problem.net;
    int linear = now->activation == CLB_IDENTITY;
    regime_watch w;
    clb_observer look = CLB_ZERO;
    clb_train_opts how = CLB_ZERO;
    clb_train_state state;
    clb_trace tr;
    clb_status status;
    memset(&w, 0, sizeof w);
    for (size_t i = 0; i < KIT_LEN(at); ++i) at[i] = i / 2 * REGIME_LOOK + i % 2;
    look.call = regime_look, look.context = &w, look.at = at, look.at_count = KIT_LEN(at);
    how.ce = net->ce, how.optimizer = net->optimizer, how.beta1 = 0.9, how.state = &state;
    if (!linear) how.observers = &look, how.observer_count = 1;
    if ((status = clb_train_state_init(&state, now, &s->problem.data, &how)) != CLB_OK)
        return status;
    status = clb_train(now, &s->problem.data, row->lr, REGIME_T, &how, &tr);
    row->diverged = status == CLB_EDIVERGED;
    if (!status) {
        regime_record(row, &tr), row->switches = linear ? 0 : w.switched / w.seen;
        status = regime_phase(net, row->lr, s, &state, &row->phase_end);
    }
    if (!status || row->diverged == 1) clb_trace_free(&tr);
    clb_train_state_free(&state);
    kit_arena_free(&w.arena);
    return status == CLB_EDIVERGED ? CLB_OK : status;
}

/* mnist: folder of its files, for nets on MNIST. */
KIT_FN clb_status regime_measure(regime_run *row, const regime_net *net, const char *mnist)
{
    paper_opts opts = net->problem;
    sw_start s;
    clb_status status;
    opts.mnist = mnist;
    status = sw_start_init(&s, &opts, row->seed, net->ce);
    if (!status) status = regime_phase_start(row, &s, net);
    if (!status && row->modes > 0) status = regime_coupling(row, &s.curv);
    if (!status) status = regime_train(row, &s, net);
    sw_start_free(&s);
    return status;
}

#endif /* KIT_REGIMES_H */
