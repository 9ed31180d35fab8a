/* edge.h - trainings that are watched at the edge of stability, lambda_max = 2/eta (E2, E4): loss,
 * accuracy and sharpness along the way, and what became of the charges. */
#ifndef KIT_EDGE_H
#define KIT_EDGE_H

#include "published.h"
#include "run.h"

/* ---- a training with a log ------------------------------------------------------------------ */

/* rng NULL: every `every` steps from step 0, with lambda_max by Lanczos. rng: as the
 * paper, after updates 1, every, 2 every, ...; lambda_max after 1, lambda_every, 2 lambda_every,
 * ..., by `power` steps of power iteration, whose start vectors rng draws. */
typedef struct edge_opts {
    double   ce, eta;
    size_t   T, every, lambda_every, power;
    clb_rng *rng;
} edge_opts;

typedef struct edge_log {
    size_t     n, lambda_n;
    double    *step, *loss, *accuracy, *lambda_step, *lambda;
    kit       *x;
    edge_opts  o;
    clb_curv   curv;
    clb_status status;
} edge_log;

KIT_FN clb_verdict edge_look(void *context, const clb_state *state)
{
    edge_log *log = (edge_log *)context;
    clb_lanczos_opts how = CLB_ZERO;
    clb_linop H = clb_hessian_op(&log->curv);
    size_t k = log->lambda_n;
    kit_progress_within(log->x, kit_print(log->x, "eta = %g", log->o.eta), state->t, log->o.T);
    clb_curv_at(&log->curv, state->net->theta);
    log->step[log->n] = (double)state->t, log->loss[log->n] = state->loss;
    log->accuracy[log->n++] = clb_accuracy(log->curv.pass);
    if (log->o.rng && state->t != 1 && state->t % log->o.lambda_every) return CLB_CONTINUE;
    log->lambda_step[k] = (double)state->t, ++log->lambda_n;
    how.tol = 1e-4, how.basis = 30, how.no_check = 1; /* the value is exact to the last digits */
    if (log->o.rng) log->status = published_power(&H, log->o.power, log->o.rng, &log->lambda[k]);
    else log->status = clb_sharpness(&log->curv, &how, &log->lambda[k], NULL);
    if (log->status == CLB_ENOCONV) log->status = CLB_OK;        /* the best estimate will do */
    return log->status ? CLB_STOP : CLB_CONTINUE;
}

/* Divergence is a result: CLB_OK with trace->steps < T. The trace is the caller's to free. */
KIT_FN clb_status edge_train(kit *x, clb_net *net, const clb_data *data, const edge_opts *o,
                             clb_trace *trace, edge_log *log)
{
    size_t rows = o->T / o->every + 1, *at = (size_t *)kit_new(&x->arena, rows, sizeof *at);
    clb_observer look = CLB_ZERO;
    clb_train_opts how = CLB_ZERO;
    clb_pass pass;
    clb_status status = clb_pass_init(&pass, net, data, o->ce);
    if (status) return status;
    memset(log, 0, sizeof *log);
    status = clb_curv_init(&log->curv, &pass);
    if (!status) {
        for (size_t i = 0; i < rows; ++i) at[i] = i ? i * o->every : 1;
        log->step = kit_doubles(x, rows + 2), log->loss = kit_doubles(x, rows + 2);
        log->accuracy = kit_doubles(x, rows + 2), log->lambda_step = kit_doubles(x, rows + 2);
        log->lambda = kit_doubles(x, rows + 2);
        log->x = x, log->o = *o, look.call = edge_look, look.context = log;
        if (o->rng) look.at = at, look.at_count = rows;
        else look.every = o->every;
        how.ce = o->ce, how.loss_max = 1e6, how.observers = &look, how.observer_count = 1;
        status = clb_train(net, data, o->eta, o->T, &how, trace);
        if (status == CLB_EDIVERGED) status = CLB_OK;
        if (!status && (status = log->status) != CLB_OK) clb_trace_free(trace);
        clb_curv_free(&log->curv);
    }
    clb_pass_free(&pass);
    return status;
}

/* ---- a run of E4 ---------------------------------------------------------------------------- */

typedef struct edge_run {
    double   seed, lr, T;
    double   D, D_1;                   /* sum over l of |C_l(T) - C_l(from)|; its first term */
    double   crossing, D_before;       /* first logged step with lambda_max > 2/eta; D there */
    double   D_per_step_before, D_per_step_after, sign_change_rate;
    double   max_lambda, last_lambda, final_loss, identity_error, diverged;
    kit_list steps, losses, train_acc, lambda, conservation, weight_norms;      /* the log */
    kit_list time, D_t;                /* D against eta t, at steps in equal ratios */
} edge_run;
#define EDGE_AT(member) KIT_AT(edge_run, member)
static const kit_field edge_run_fields[] = {
    KIT_KEY(edge_run, seed), KIT_KEY(edge_run, lr), KIT_KEY(edge_run, T), KIT_RESULT(edge_run, D),
    KIT_RESULT(edge_run, D_1), KIT_RESULT(edge_run, crossing), KIT_RESULT(edge_run, D_before),
    KIT_RESULT(edge_run, D_per_step_before), KIT_RESULT(edge_run, D_per_step_after),
    KIT_RESULT(edge_run, sign_change_rate), KIT_RESULT(edge_run, max_lambda),
    KIT_RESULT(edge_run, last_lambda), KIT_RESULT(edge_run, final_loss),
    KIT_RESULT(edge_run, identity_error), KIT_RESULT(edge_run, diverged),
    KIT_RESULT_ARRAY(edge_run, steps), KIT_RESULT_ARRAY(edge_run, losses),
    KIT_RESULT_ARRAY(edge_run, train_acc), KIT_RESULT_ARRAY(edge_run, lambda),
    KIT_RESULT_ARRAY(edge_run, conservation), KIT_RESULT_ARRAY(edge_run, weight_norms),
    KIT_RESULT_ARRAY(edge_run, time), KIT_RESULT_ARRAY(edge_run, D_t),
};

/* sum_l |C_l(t) - C_l(from)| */
KIT_FN double edge_total(const clb_trace *tr, size_t from, size_t t)
{
    double sum = 0;
    for (size_t l = 1; l < tr->L; ++l)
        sum += fabs(clb_trace_charge(tr, l, t) - clb_trace_charge(tr, l, from));
    return sum;
}

KIT_FN void edge_curve(kit *x, edge_run *r, const clb_trace *tr, size_t from)
{
    enum { MARKS = 40 };
    double time[MARKS], D[MARKS];
    size_t n = 0;
    for (size_t i = 0, last = 0; i < MARKS; ++i) {
        size_t t = (size_t)floor(clb_pow((double)tr->T, (double)i / (MARKS - 1)) + 0.5);
        if (t <= last || t > tr->steps) continue;
        time[n] = tr->eta * (double)t, D[n++] = edge_total(tr, from, t), last = t;
    }
    r->time = kit_keep(x, n, time), r->D_t = kit_keep(x, n, D);
}

KIT_FN void edge_keep_log(kit *x, edge_run *r, const clb_trace *tr, const edge_log *log)
{
    size_t L = tr->L;
    double *C = kit_doubles(x, log->n * (L - 1)), *q = kit_doubles(x, log->n * L);
    for (size_t i = 0; i < log->n; ++i) {
        size_t t = (size_t)log->step[i];
        for (size_t l = 1; l < L; ++l) C[i * (L - 1) + l - 1] = clb_trace_charge(tr, l, t);
        memcpy(q + i * L, tr->q + t * L, L * sizeof *q);
    }
    r->steps = kit_keep(x, log->n, log->step), r->losses = kit_keep(x, log->n, log->loss);
    r->train_acc = kit_keep(x, log->n, log->accuracy);
    r->lambda = kit_keep(x, log->lambda_n, log->lambda);
    r->conservation.n = log->n * (L - 1), r->conservation.at = C;
    r->weight_norms.n = log->n * L, r->weight_norms.at = q;
}

/* from: the step whose charges count as the first; last: how many lambda the last mean takes. */
KIT_FN void edge_record(kit *x, edge_run *r, const clb_trace *tr, const edge_log *log, size_t from,
                        size_t last)
{
    size_t T = tr->steps, crossing = T, n = log->lambda_n < last ? log->lambda_n : last;
    double *delta = kit_doubles(x, T + 1);
    for (size_t i = log->lambda_n; i-- > 0;)
        if (log->lambda[i] > 2 / tr->eta) crossing = (size_t)log->lambda_step[i];
    r->identity_error = r->sign_change_rate = 0;
    for (size_t l = 1; l < tr->L; ++l) {
        double off = fabs(clb_trace_drift(tr, l) - tr->eta * tr->eta * tr->S[l - 1]);
        r->identity_error =
            fmax(r->identity_error, off / fmax(1, fabs(clb_trace_charge(tr, l, 0))));
        for (size_t t = 0; t < T; ++t) delta[t] = tr->g[t * tr->L + l] - tr->g[t * tr->L + l - 1];
        r->sign_change_rate += clb_sign_change_rate(T, delta) / (double)(tr->L - 1);
    }
    r->diverged = T < tr->T;
    if (T == tr->T) {
        r->D = edge_total(tr, from, T);
        r->D_1 = fabs(clb_trace_charge(tr, 1, T) - clb_trace_charge(tr, 1, from));
    }
    r->D_before = edge_total(tr, from, crossing);
    r->D_per_step_before = r->D_before / (double)crossing;
    if (crossing < T) {
        r->crossing = (double)crossing;
        r->D_per_step_after = (r->D - r->D_before) / (double)(T - crossing);
    }
    r->max_lambda = clb_summarize(log->lambda_n, log->lambda).max;
    r->last_lambda = clb_mean(n, log->lambda + log->lambda_n - n);
    r->final_loss = log->n ? log->loss[log->n - 1] : KIT_NAN;
    edge_curve(x, r, tr, from);
    edge_keep_log(x, r, tr, log);
}

/* A line a run. */
KIT_FN void edge_table(kit *x, const kit_part *part, const char *caption)
{
    kit_rows rows = kit_part_runs(x, part);
    kit_table *t;
    if (!rows.n) return;
    t = KIT_TABLE(x, part->name, caption, "lr", "2/lr", "seed", "T", "D", "D_1", "max_lambda",
                  "last_lambda", "crossing", "D_before", "D_per_step_before", "D_per_step_after",
                  "sign_change_rate", "final_loss");
    for (size_t i = 0; i < rows.n; ++i) {
        const edge_run *r = (const edge_run *)rows.at[i];
        int crossed = !isnan(r->crossing);
        KIT_LINE(t, r->lr, 2 / r->lr, r->seed, r->T, r->D, r->D_1, r->max_lambda, r->last_lambda,
                 crossed ? r->crossing : KIT_NONE, r->D_before, r->D_per_step_before,
                 crossed ? r->D_per_step_after : KIT_NONE, r->sign_change_rate, r->final_loss);
    }
}

/* ---- the substitute for MNIST -------------------------------------------------------------- */

enum { EDGE_T = 5000, EDGE_L = 5, EDGE_M = 32 };

/* 20-32-32-32-32-5, mixture of n = 500 with separation 0.5, squared loss. */
KIT_FN clb_status edge_substitute(kit *x, void *run)
{
    edge_run *r = (edge_run *)run;
    paper_opts opts;
    paper_problem p;
    edge_opts o;
    edge_log log;
    clb_trace trace;
    clb_status status;
    memset(&opts, 0, sizeof opts), memset(&o, 0, sizeof o);
    opts.n = 500, opts.m = EDGE_M, opts.L = EDGE_L, opts.separation = 0.5, opts.test_n = 200;
    o.ce = CLB_MSE, o.eta = r->lr, o.T = (size_t)r->T, o.every = r->T > EDGE_T ? 1000 : 100;
    if ((status = paper_problem_init(&p, &opts, r->seed)) != CLB_OK) return status;
    status = edge_train(x, &p.net, &p.data, &o, &trace, &log);
    if (!status) edge_record(x, r, &trace, &log, 0, 10), clb_trace_free(&trace);
    paper_problem_free(&p);
    return status;
}

#endif /* KIT_EDGE_H */
