/* checkpoints.h - what E16 and E18 share: the Hessian spectrum at checkpoints of one training run,
 * what the
 * crossover formula predicts from each, and the runs it is compared with. Include after ex.h. */
#ifndef CLB_CHECKPOINTS_H
#define CLB_CHECKPOINTS_H

enum { CP_T = 2000, CP_MAX = 16 };
static const double cp_track_eta = 0.01;

/* The checkpoints and the eta of the predictions. */
typedef struct cp_plan {
    size_t        n;
    const size_t *at;
    size_t        etas;
    const double *eta;
    int           keep_spectra;         /* all eigenvalues go into the row */
} cp_plan;

/* ---- the tracked run ------------------------------------------------------------------------ */

typedef struct cp_track {
    const cp_plan *plan;
    ex_row        *row;
    clb_curv       curv;
    size_t         k;                   /* next checkpoint */
    double        *lambda, *c;
    double        *largest, *smallest, *rank, *positive, *median, *trace;
    double        *q_mean, *q_min, *q_max, *q_bound, *accuracy;
    clb_status     status;
} cp_track;

/* Softmax probability of the label: mean, extremes, mean of q(1-q). */
static void cp_softmax(cp_track *t, const clb_pass *pass)
{
    size_t K = pass->net->m[pass->net->L];
    double sum = 0, bound = 0, lo = 1, hi = 0;
    for (size_t i = 0; i < pass->n; ++i) {
        double q = (double)pass->p[i * K + (size_t)pass->y[i]];
        sum += q, bound += q * (1 - q), lo = fmin(lo, q), hi = fmax(hi, q);
    }
    t->q_mean[t->k] = sum / (double)pass->n, t->q_bound[t->k] = bound / (double)pass->n;
    t->q_min[t->k] = lo, t->q_max[t->k] = hi, t->accuracy[t->k] = clb_accuracy(pass);
}

static clb_verdict cp_observe(void *context, const clb_state *state)
{
    cp_track *t = (cp_track *)context;
    clb_spectrum_stats s;
    size_t P = state->net->P;
    double *predicted;
    char name[32];
    if (t->k == t->plan->n || state->t != t->plan->at[t->k]) return CLB_CONTINUE;
    if (t->k == 0) t->status = clb_curv_init(&t->curv, state->pass);
    if (!t->status)
        clb_curv_at(&t->curv, NULL), t->status = ex_crossover_modes(&t->curv, t->lambda, t->c);
    if (t->status) return CLB_STOP;
    s = clb_spectrum_describe(P, t->lambda, 1e-8);
    t->largest[t->k] = s.largest, t->smallest[t->k] = s.smallest, t->rank[t->k] = s.effective_rank;
    t->positive[t->k] = (double)s.positive, t->median[t->k] = s.median_positive,
    t->trace[t->k] = s.sum_positive;
    if (state->pass->ce > 0) cp_softmax(t, state->pass);
    predicted = ex_space(t->row, t->plan->etas);
    for (size_t i = 0; i < t->plan->etas; ++i)
        predicted[i] = clb_crossover(P, t->lambda, t->c, t->plan->eta[i], CP_T, NULL);
    snprintf(name, sizeof name, "predictions_%zu", state->t);
    ex_array(t->row, name, t->plan->etas, predicted);
    snprintf(name, sizeof name, "eigenvalues_%zu", state->t);
    if (t->plan->keep_spectra) ex_array(t->row, name, P, t->lambda);
    return ++t->k == t->plan->n ? CLB_STOP : CLB_CONTINUE;
}

static void cp_record(cp_track *t, const clb_trace *tr, int softmax)
{
    size_t n = t->plan->n;
    double *loss = ex_space(t->row, n);
    for (size_t k = 0; k < n; ++k)
        loss[k] = t->plan->at[k] ? tr->loss[t->plan->at[k] - 1] : EX_NAN; /* as published */
    ex_array(t->row, "max", n, t->largest), ex_array(t->row, "min", n, t->smallest);
    ex_array(t->row, "effective_rank", n, t->rank), ex_array(t->row, "n_positive", n, t->positive);
    ex_array(t->row, "median_positive", n, t->median),
        ex_array(t->row, "trace_positive", n, t->trace);
    ex_array(t->row, "loss_at_checkpoint", n, loss);
    if (!softmax) return;
    ex_array(t->row, "mean_correct_prob", n, t->q_mean),
        ex_array(t->row, "min_correct_prob", n, t->q_min);
    ex_array(t->row, "max_correct_prob", n, t->q_max),
        ex_array(t->row, "softmax_eig_bound", n, t->q_bound);
    ex_array(t->row, "accuracy", n, t->accuracy);
}

static clb_status cp_run_track(const cp_plan *plan, ex_row *row, clb_problem *p, double ce)
{
    cp_track t = { .plan = plan, .row = row };
    clb_observer ob = { cp_observe, &t, 0, plan->at, plan->n, 0 };
    clb_train_opts how = { .ce = ce, .observers = &ob, .observer_count = 1 };
    double **fields[] = { &t.largest, &t.smallest, &t.rank, &t.positive, &t.median, &t.trace,
                          &t.q_mean, &t.q_min, &t.q_max, &t.q_bound, &t.accuracy };
    clb_trace tr;
    clb_status status;
    for (size_t i = 0; i < EX_LEN(fields); ++i) *fields[i] = ex_space(row, plan->n);
    t.lambda = ex_space(row, p->net.P), t.c = ex_space(row, p->net.P);
    status = clb_train(&p->net, &p->data, cp_track_eta, plan->at[plan->n - 1], &how, &tr);
    if (!status) cp_record(&t, &tr, ce > 0), clb_trace_free(&tr);
    clb_curv_free(&t.curv);
    return status ? status : t.status;
}

/* ---- plan and dispatch ---------------------------------------------------------------------- */

static void cp_add(ex *x, const cp_plan *plan, double n, double ce, ex_list seeds)
{
    ex_list lrs = ex_lrs(x, plan->eta, plan->etas);
    for (size_t s = 0; s < seeds.n; ++s) {
        ex_row *row = ex_add(x, "track", seeds.at[s]);
        ex_num(row, "n", n), ex_num(row, "ce", ce);
        for (size_t i = 0; i < lrs.n; ++i) {
            row = ex_add(x, "train", seeds.at[s]);
            ex_num(row, "n", n), ex_num(row, "ce", ce), ex_num(row, "lr", lrs.at[i]);
        }
    }
}

static clb_status cp_run(ex *x, ex_row *row, const cp_plan *plan)
{
    clb_problem_opts opts = { .n = (size_t)ex_get(row, "n") };
    clb_train_opts how = { .ce = ex_get(row, "ce") };
    clb_problem p;
    clb_trace tr;
    clb_status status = clb_problem_init(&p, &opts, (uint64_t)row->seed, CLB_NORMAL_PUBLISHED);
    if (status) return status;
    if (ex_is(row, "track")) status = cp_run_track(plan, row, &p, how.ce);
    else {
        status = ex_train(&p.net, &p.data, ex_get(row, "lr"), ex_quick(x) ? 200 : CP_T, &how, &tr);
        if (!status) {
            clb_energy e = clb_trace_energy(&tr, 1, tr.loss[tr.T - 1]);
            ex_num(row, "S_measured", fabs(tr.S[0]));
            ex_num(row, "actual_drift", fabs(clb_trace_drift(&tr, 1)));
            ex_num(row, "mu", e.mu), ex_num(row, "kbar", e.kbar);
            clb_trace_free(&tr);
        }
    }
    clb_problem_free(&p);
    return status;
}

/* ---- prediction quality --------------------------------------------------------------------- */

/* Seed means of the predictions at checkpoint t and of the measured sums: both plan->etas
 * values. */
static void cp_means(ex *x, const cp_plan *plan, const char *filter, size_t t, double *predicted,
                     double *measured)
{
    const char *name = ex_print(x, "predictions_%zu", t);
    size_t rows = 0;
    for (size_t i = 0; i < plan->etas; ++i) {
        predicted[i] = 0;
        measured[i] =
            ex_mean(x, "S_measured", "part=train lr=%.17g pub=1 %s", plan->eta[i], filter);
    }
    for (size_t k = 0; k < ex_runs(x); ++k) {
        ex_list v = ex_get_array(ex_run_at(x, k), name);
        if (!ex_matches(ex_run_at(x, k), ex_print(x, "part=track pub=1 %s", filter)) ||
            v.n != plan->etas)
            continue;
        for (size_t i = 0; i < v.n; ++i) predicted[i] += v.at[i];
        ++rows;
    }
    for (size_t i = 0; i < plan->etas; ++i)
        predicted[i] = rows ? predicted[i] / (double)rows : EX_NAN;
}

/* Published R: Pearson of the logarithms over eta; only eta below `below` (0: all). */
static double cp_R(const cp_plan *plan, const double *predicted, const double *measured,
                   double below)
{
    size_t n = 0;
    while (n < plan->etas && (below == 0 || plan->eta[n] < below)) ++n;
    return clb_pearson_log(n, predicted, measured, 0, 1e-12);
}

/* The mean over the published seeds of element k of an array of the tracked runs. */
static double cp_mean_at(ex *x, const char *name, const char *filter, size_t k)
{
    ex_list list = ex_pick_at(x, name, k, "part=track pub=1 %s", filter);
    return clb_mean(list.n, list.at);
}

/* ---- ledger --------------------------------------------------------------------------------- */

/* Array element k of a row as a published number: a line of its own carries it. */
static void cp_ref_element(ex *x, ex_row *row, const char *name, size_t k, ex_class kind,
                           double tol, const char *path)
{
    ex_list v = ex_get_array(row, name);
    if (k < v.n && ex_seed_index(row) >= 0) ex_ref_value(x, v.at[k], kind, tol, "%s", path);
}

/* Spectrum statistics of checkpoint k; stats: their place in a published file. */
static void cp_ref_stats(ex *x, const cp_plan *plan, ex_row *row, size_t k, const char *stats)
{
    const char *extra = plan->keep_spectra ? "median_positive" : "trace_positive";
    ex_list top = ex_get_array(row, "max"), bottom = ex_get_array(row, "min");
    if (k >= top.n || ex_seed_index(row) < 0) return;
    cp_ref_element(x, row, "max", k, EX_STABLE, 2e-5, ex_print(x, "%s/max", stats));
    cp_ref_element(x, row, "min", k, EX_NOISE, 5e-6, ex_print(x, "%s/min", stats));
    cp_ref_element(x, row, "effective_rank", k, EX_STABLE, 2e-5,
                   ex_print(x, "%s/effective_rank", stats));
    ex_ref_value(x, fmax(top.at[k], -bottom.at[k]), EX_STABLE, 2e-5, "%s/spectral_norm", stats);
    cp_ref_element(x, row, "n_positive", k, EX_ARTEFACT, 0, ex_print(x, "%s/n_positive", stats));
    ex_because(x,
               "published counts of eigenvalues above 1e-8 count float32 rounding of exact zeros");
    cp_ref_element(x, row, extra, k, plan->keep_spectra ? EX_ARTEFACT : EX_STABLE, 2e-5,
                   ex_print(x, "%s/%s", stats, extra));
    if (plan->keep_spectra)
        ex_because(x, "the median is taken over float32 rounding of exact zeros too");
}

/* Every published number of one tracked run. path: the run in the published file. */
static void cp_ref_track(ex *x, const cp_plan *plan, ex_row *row, const char *path)
{
    if (ex_seed_index(row) < 0 || ex_get_array(row, "max").n != plan->n) return;
    for (size_t k = 0; k < plan->n; ++k) {
        const char *at = ex_print(x, "%s/%zu", path, plan->at[k]);
        ex_ref_value(x, (double)plan->at[k], EX_EXACT, 0, "%s/step", at);
        cp_ref_stats(x, plan, row, k, ex_print(x, "%s/eigenvalue_stats", at));
        cp_ref_element(x, row, "loss_at_checkpoint", k, EX_STABLE, 1e-5,
                       ex_print(x, "%s/loss_at_checkpoint", at));
        ex_ref(row, ex_print(x, "predictions_%zu", plan->at[k]), EX_STABLE, 1e-5,
               "%s/predictions/*", at);
        if (plan->keep_spectra)
            ex_ref(row, ex_print(x, "eigenvalues_%zu", plan->at[k]), EX_NOISE, 5e-6,
                   "%s/eigenvalues/*", at);
        ex_ref_none(x, EX_FOREIGN, "wall time", "%s/hessian_time", at);
    }
}

/* Measured sums and drifts of one eta; path: its entry of actual_measurements. */
static void cp_ref_train(ex *x, const char *filter, double eta, const char *path)
{
    ex_list S = ex_pick(x, "S_measured", "part=train lr=%.17g pub=1 %s", eta, filter);
    ex_list drift = ex_pick(x, "actual_drift", "part=train lr=%.17g pub=1 %s", eta, filter);
    ex_row *line = ex_line(x, ex_print(x, "measured, %s", filter));
    ex_num(line, "lr", eta);
    ex_num(line, "mean_S", clb_mean(S.n, S.at)),
        ex_num(line, "mean_drift", clb_mean(drift.n, drift.at));
    ex_ref(line, "mean_S", EX_STABLE, 1e-5, "%s/mean_S", path);
    ex_ref(line, "mean_drift", EX_NOISE, 3.5e-5 + 1e-4 * clb_mean(drift.n, drift.at),
           "%s/mean_drift", path);
    for (size_t i = 0; i < ex_runs(x); ++i) {
        ex_row *row = ex_run_at(x, i);
        if (!ex_matches(row, ex_print(x, "part=train lr=%.17g %s", eta, filter))) continue;
        ex_ref(row, "S_measured", EX_STABLE, eta >= 0.3 ? 1e-4 : 1e-5, "%s/per_seed/%d/S_measured",
               path, ex_seed_index(row));
        ex_ref(row, "actual_drift", EX_NOISE, 3.5e-5 + 1e-4 * ex_get(row, "actual_drift"),
               "%s/per_seed/%d/actual_drift", path, ex_seed_index(row));
    }
}

#endif
