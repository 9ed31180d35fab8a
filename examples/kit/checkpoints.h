/* checkpoints.h - the Hessian spectrum at checkpoints of one training run, what the crossover
 * formula predicts from each, and the runs it is compared with (E16, E18). */
#ifndef KIT_CHECKPOINTS_H
#define KIT_CHECKPOINTS_H

#include "figures.h"
#include "paper.h"
#include "published.h"

enum { CP_T = 2000 };
static const double cp_track_eta = 0.01;

/* The checkpoints and the eta of the predictions. */
typedef struct cp_plan {
    size_t        n;
    const size_t *at;
    size_t        etas;
    const double *eta;
    int           keep_spectra;         /* all eigenvalues go into the result file */
} cp_plan;

/* A run that is looked at: one number a checkpoint in each array; predictions of all eta, then
 * eigenvalues, checkpoint by checkpoint. */
typedef struct cp_track {
    double   seed, n, ce;
    kit_list max, min, spectral_norm, effective_rank, n_positive, median_positive, trace_positive;
    kit_list loss_at_checkpoint, mean_correct_prob, min_correct_prob, max_correct_prob;
    kit_list softmax_eig_bound, accuracy, predictions, eigenvalues;
} cp_track;
static const kit_field cp_track_fields[] = {
    KIT_KEY(cp_track, seed), KIT_KEY(cp_track, n), KIT_KEY(cp_track, ce),
    KIT_RESULT_ARRAY(cp_track, max), KIT_RESULT_ARRAY(cp_track, min),
    KIT_RESULT_ARRAY(cp_track, spectral_norm),
    KIT_RESULT_ARRAY(cp_track, effective_rank), KIT_RESULT_ARRAY(cp_track, n_positive),
    KIT_RESULT_ARRAY(cp_track, median_positive), KIT_RESULT_ARRAY(cp_track, trace_positive),
    KIT_RESULT_ARRAY(cp_track, loss_at_checkpoint), KIT_RESULT_ARRAY(cp_track, mean_correct_prob),
    KIT_RESULT_ARRAY(cp_track, min_correct_prob), KIT_RESULT_ARRAY(cp_track, max_correct_prob),
    KIT_RESULT_ARRAY(cp_track, softmax_eig_bound), KIT_RESULT_ARRAY(cp_track, accuracy),
    KIT_RESULT_ARRAY(cp_track, predictions), KIT_RESULT_ARRAY(cp_track, eigenvalues),
};

/* A run that the predictions are compared with. */
typedef struct cp_train { double seed, n, ce, lr, S_measured, actual_drift, mu, kbar; } cp_train;
static const kit_field cp_train_fields[] = {
    KIT_KEY(cp_train, seed), KIT_KEY(cp_train, n), KIT_KEY(cp_train, ce), KIT_KEY(cp_train, lr),
    KIT_RESULT(cp_train, S_measured), KIT_RESULT(cp_train, actual_drift),
    KIT_RESULT(cp_train, mu), KIT_RESULT(cp_train, kbar),
};

/* ---- the tracked run ------------------------------------------------------------------------ */

typedef struct cp_state {
    const cp_plan *plan;
    cp_track      *row;
    clb_curv       curv;
    size_t         k;                   /* next checkpoint */
    double        *lambda, *c, *predictions, *eigenvalues;
    double        *values[11];          /* as the arrays of the row, without the loss */
    clb_status     status;
} cp_state;

/* Softmax probability q of the label over the samples: mean, least, largest; mean of q(1-q). */
typedef struct cp_probability { double mean, least, largest, bound; } cp_probability;
KIT_FN cp_probability cp_probability_of(const clb_pass *pass)
{
    size_t K = pass->net->m[pass->net->L];
    cp_probability p = { 0, 1, 0, 0 };
    for (size_t i = 0; i < pass->n; ++i) {
        double q = (double)pass->p[i * K + (size_t)pass->y[i]];
        p.mean += q, p.bound += q * (1 - q), p.least = fmin(p.least, q);
        p.largest = fmax(p.largest, q);
    }
    p.mean /= (double)pass->n, p.bound /= (double)pass->n;
    return p;
}

KIT_FN void cp_softmax(cp_state *t, const clb_pass *pass)
{
    cp_probability p = cp_probability_of(pass);
    size_t k = t->k;
    t->values[6][k] = p.mean, t->values[7][k] = p.least, t->values[8][k] = p.largest;
    t->values[9][k] = p.bound, t->values[10][k] = clb_accuracy(pass);
}

KIT_FN clb_verdict cp_observe(void *context, const clb_state *state)
{
    cp_state *t = (cp_state *)context;
    const cp_plan *plan = t->plan;
    size_t P = state->net->P, k = t->k;
    clb_spectrum_stats s;
    if (k == plan->n || state->t != plan->at[k]) return CLB_CONTINUE;
    if (k == 0) t->status = clb_curv_init(&t->curv, state->pass);
    if (!t->status)
        clb_curv_at(&t->curv, NULL), t->status = kit_crossover_modes(&t->curv, t->lambda, t->c);
    if (t->status) return CLB_STOP;
    s = clb_spectrum_describe(P, t->lambda, 1e-8);
    t->values[0][k] = s.largest, t->values[1][k] = s.smallest;
    t->values[2][k] = s.effective_rank, t->values[3][k] = (double)s.positive;
    t->values[4][k] = s.median_positive, t->values[5][k] = s.sum_positive;
    if (state->pass->ce > 0) cp_softmax(t, state->pass);
    for (size_t i = 0; i < plan->etas; ++i)
        t->predictions[k * plan->etas + i] =
            clb_crossover(P, t->lambda, t->c, plan->eta[i], CP_T, NULL);
    if (plan->keep_spectra) memcpy(t->eigenvalues + k * P, t->lambda, P * sizeof *t->lambda);
    return ++t->k == plan->n ? CLB_STOP : CLB_CONTINUE;
}

KIT_FN void cp_record(kit *x, cp_state *t, const clb_trace *trace, size_t P)
{
    cp_track *r = t->row;
    kit_list *lists[11] = { &r->max, &r->min, &r->effective_rank, &r->n_positive,
                            &r->median_positive, &r->trace_positive, &r->mean_correct_prob,
                            &r->min_correct_prob, &r->max_correct_prob, &r->softmax_eig_bound,
                            &r->accuracy };
    size_t n = t->plan->n;
    double *loss = kit_doubles(x, n), *norm = kit_doubles(x, n);
    for (size_t k = 0; k < n; ++k)                                              /* as published */
        loss[k] = t->plan->at[k] ? trace->loss[t->plan->at[k] - 1] : KIT_NAN;
    for (size_t k = 0; k < n; ++k) norm[k] = fmax(t->values[0][k], -t->values[1][k]);
    r->loss_at_checkpoint = (kit_list){ n, loss }, r->spectral_norm = (kit_list){ n, norm };
    for (size_t i = 0; i < (r->ce > 0 ? 11 : 6); ++i) *lists[i] = (kit_list){ n, t->values[i] };
    r->predictions = (kit_list){ n * t->plan->etas, t->predictions };
    if (t->plan->keep_spectra) r->eigenvalues = (kit_list){ n * P, t->eigenvalues };
}

/* The run function of a part "track". */
KIT_FN clb_status cp_run_track(kit *x, void *run, const cp_plan *plan)
{
    cp_track *row = (cp_track *)run;
    cp_state t = { .plan = plan, .row = row };
    clb_observer ob = { cp_observe, &t, 0, plan->at, plan->n, 0 };
    clb_train_opts how = { .ce = row->ce, .observers = &ob, .observer_count = 1 };
    paper_problem p;
    clb_trace trace;
    clb_status status = paper_problem_init(&p, &(paper_opts){ .n = (size_t)row->n }, row->seed);
    if (status) return status;
    for (size_t i = 0; i < KIT_LEN(t.values); ++i) t.values[i] = kit_doubles(x, plan->n);
    t.lambda = kit_doubles(x, 2 * p.net.P), t.c = t.lambda + p.net.P;
    t.predictions = kit_doubles(x, plan->n * plan->etas);
    if (plan->keep_spectra) t.eigenvalues = kit_doubles(x, plan->n * p.net.P);
    status = clb_train(&p.net, &p.data, cp_track_eta, plan->at[plan->n - 1], &how, &trace);
    if (!status) cp_record(x, &t, &trace, p.net.P), clb_trace_free(&trace);
    clb_curv_free(&t.curv);
    paper_problem_free(&p);
    return status ? status : t.status;
}

/* The run function of a part "train". */
KIT_FN clb_status cp_run_train(kit *x, void *run)
{
    cp_train *row = (cp_train *)run;
    clb_train_opts how = { .ce = row->ce };
    clb_trace trace;
    clb_status status = paper_train(&(paper_opts){ .n = (size_t)row->n }, row->seed, row->lr,
                                    kit_quick(x) ? 200 : CP_T, &how, &trace);
    if (status) return status;
    if (trace.steps == trace.T) {
        clb_energy e = clb_trace_energy(&trace, 1, trace.loss[trace.T - 1]);
        row->S_measured = fabs(trace.S[0]), row->actual_drift = fabs(clb_trace_drift(&trace, 1));
        row->mu = e.mu, row->kbar = e.kbar;
    }
    clb_trace_free(&trace);
    return CLB_OK;
}

KIT_FN void cp_add(kit *x, const kit_part *track, const kit_part *train, const cp_plan *plan,
                   double n, double ce, kit_list seeds)
{
    kit_list lrs = kit_lrs(x, plan->eta, plan->etas);
    for (size_t s = 0; s < seeds.n; ++s) {
        kit_add(x, track, &(cp_track){ .seed = seeds.at[s], .n = n, .ce = ce });
        for (size_t i = 0; i < lrs.n; ++i)
            kit_add(x, train,
                    &(cp_train){ .seed = seeds.at[s], .n = n, .ce = ce, .lr = lrs.at[i] });
    }
}

/* ---- quality of the predictions ------------------------------------------------------------- */

/* Seed means of the predictions at checkpoint k and of the measured sums: both plan->etas values.
 */
KIT_FN void cp_means(kit_rows track, kit_rows train, const cp_plan *plan, size_t k,
                     double *predicted, double *measured)
{
    for (size_t i = 0; i < plan->etas; ++i) {
        predicted[i] = kit_mean_element(kit_published(track), KIT_AT(cp_track, predictions),
                                        k * plan->etas + i);
        measured[i] = kit_mean(kit_published(kit_where(train, KIT_AT(cp_train, lr), plan->eta[i])),
                               KIT_AT(cp_train, S_measured));
    }
}

/* Published R: Pearson of the logarithms over eta; only eta below `below` (0: all). */
KIT_FN double cp_R(const cp_plan *plan, const double *predicted, const double *measured,
                   double below)
{
    size_t n = 0;
    while (n < plan->etas && (below == 0 || plan->eta[n] < below)) ++n;
    return clb_pearson_log(n, predicted, measured, 0, 1e-12);
}

/* R of the means of the seeds drawn, at one checkpoint. */
typedef struct cp_seeds { const cp_plan *plan; const double *predicted, *measured; } cp_seeds;
KIT_FN double cp_R_of_drawn(void *context, size_t n, const uint32_t *index)
{
    const cp_seeds *c = (const cp_seeds *)context;
    double p[32], m[32];
    size_t etas = c->plan->etas;
    for (size_t i = 0; i < etas; ++i) {
        p[i] = m[i] = 0;
        for (size_t s = 0; s < n; ++s) {
            p[i] += c->predicted[index[s] * etas + i] / (double)n;
            m[i] += c->measured[index[s] * etas + i] / (double)n;
        }
    }
    return cp_R(c->plan, p, m, 0);
}

/* A headline R of checkpoint k, with its interval over the published seeds. */
KIT_FN kit_summary_item *cp_R_summary(kit *x, const char *name, kit_rows track, kit_rows train,
                                      const cp_plan *plan, size_t k, double R)
{
    kit_rows rows = kit_published(track);
    double *p = kit_doubles(x, 2 * rows.n * plan->etas), *m = p + rows.n * plan->etas;
    cp_seeds seeds = { plan, p, m };
    kit_summary_item *item;
    for (size_t i = 0; i < plan->etas; ++i) {
        kit_rows at = kit_published(kit_where(train, KIT_AT(cp_train, lr), plan->eta[i]));
        kit_list one = kit_elements(rows, KIT_AT(cp_track, predictions), k * plan->etas + i),
                 S = kit_values(at, KIT_AT(cp_train, S_measured));
        for (size_t s = 0; s < rows.n; ++s) {
            p[s * plan->etas + i] = s < one.n ? one.at[s] : KIT_NAN;
            m[s * plan->etas + i] = s < S.n ? S.at[s] : KIT_NAN;
        }
    }
    item = kit_summary_of_seeds(x, name, rows.n, cp_R_of_drawn, &seeds);
    item->value = R;
    return item;
}

/* R of S ~ 1/eta, which needs no Hessian, over the eta below `below`: of the seed means, and with
 * its interval over the published seeds. */
KIT_FN double cp_rival_R(kit_rows train, const cp_plan *plan, double below)
{
    double m[32], one[32];
    for (size_t i = 0; i < plan->etas; ++i) {
        m[i] = kit_mean(kit_published(kit_where(train, KIT_AT(cp_train, lr), plan->eta[i])),
                        KIT_AT(cp_train, S_measured));
        one[i] = 1 / plan->eta[i];
    }
    return cp_R(plan, one, m, below);
}
typedef struct cp_rival { clb_sweep measured; const cp_plan *plan; double below; } cp_rival;
KIT_FN double cp_rival_of_drawn(void *context, size_t n, const uint32_t *index)
{
    const cp_rival *r = (const cp_rival *)context;
    double m[32], one[32];
    clb_sweep_means(&r->measured, index, n, m);
    for (size_t i = 0; i < r->plan->etas; ++i) one[i] = 1 / r->plan->eta[i];
    return cp_R(r->plan, one, m, r->below);
}
KIT_FN void cp_rival_summary(kit *x, const char *name, kit_rows train, const cp_plan *plan,
                             double below, double R)
{
    cp_rival r;
    kit_list etas = { plan->etas, plan->eta };
    r.plan = plan, r.below = below;
    r.measured = kit_sweep(kit_published(train), KIT_AT(cp_train, S_measured),
                           KIT_AT(cp_train, lr), etas);
    kit_summary_of_seeds(x, name, r.measured.seeds, cp_rival_of_drawn, &r)->value = R;
}

/* R^2 of the published fit of a decay to lambda_max at the checkpoints, with its interval. */
typedef struct cp_tops { const cp_plan *plan; kit_list at[32]; } cp_tops;
KIT_FN double cp_decay_of_drawn(void *context, size_t n, const uint32_t *index)
{
    cp_tops *tops = (cp_tops *)context;
    double t[32], top[32];
    for (size_t k = 0; k < tops->plan->n; ++k) {
        if (tops->at[k].n != tops->at[0].n) return KIT_NAN;
        t[k] = (double)tops->plan->at[k];
        top[k] = kit_mean_of_drawn(&tops->at[k], n, index);
    }
    return published_decay(tops->plan->n, t, top, 0.9).r2;
}
KIT_FN void cp_decay_summary(kit *x, const char *name, kit_rows track, const cp_plan *plan,
                             double r2)
{
    kit_rows rows = kit_published(track);
    cp_tops tops;
    tops.plan = plan;
    for (size_t k = 0; k < plan->n; ++k) tops.at[k] = kit_elements(rows, KIT_AT(cp_track, max), k);
    kit_summary_of_seeds(x, name, rows.n, cp_decay_of_drawn, &tops)->value = r2;
}

/* A line an eta: measured S and drift, means over the published seeds. */
KIT_FN void cp_measured_table(kit_rows train, const cp_plan *plan, const char *name,
                              const char *caption)
{
    kit_table *t = KIT_TABLE(train.x, name, caption, "lr", "mean_S", "mean_drift");
    for (size_t i = 0; i < plan->etas; ++i) {
        kit_rows at = kit_published(kit_where(train, KIT_AT(cp_train, lr), plan->eta[i]));
        KIT_LINE(t, plan->eta[i], kit_mean(at, KIT_AT(cp_train, S_measured)),
                 kit_mean(at, KIT_AT(cp_train, actual_drift)));
    }
}

#endif /* KIT_CHECKPOINTS_H */
