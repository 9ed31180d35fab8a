/* sweep.h - learning rates x seeds on the two-layer problem: what E9, E10, E11, E13 and E14 repeat
 * for different activations, losses and widths. A run is a row with the keys
 *
 *   act     e of s_e(z) = (1-e) z + e max(0, z): 0 identity, 1 ReLU
 *   loss    0 MSE .. 1 cross entropy, between them the blend
 *   width   m                                                              T      steps
 *   lr      eta;  or  f = eta lambda_max(H_0)/2, and eta follows from the run's own sharpness
 *
 * and sw_run() gives it drift, S and the rest of sw_measure(). The part "start" holds
 * lambda_max(H_0).
 */
#ifndef CLB_SWEEP_H
#define CLB_SWEEP_H

enum { SW_T = 2000, SW_T_QUICK = 200 };
/* of E10, E11, E13, E14 */
static const double sw_etas[] = { 1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 0.1, 0.3 };
enum { SW_N = EX_LEN(sw_etas), SW_MAX = 16 };

/* One curve drift(eta). pub > 1: only the first so many published seeds. data_first: the training
 * set is drawn before the model, so that all widths train on the same data. */
typedef struct sw_case {
    const char *part;
    double act, loss;
    size_t width;
    int pub, data_first;
} sw_case;

/* --- planning and running --------------------------------------------------------------------- */

EX_FN void sw_keys(const ex *x, ex_row *row, const sw_case *c)
{
    ex_num(row, "act", c->act);
    ex_num(row, "loss", c->loss);
    ex_num(row, "width", (double)c->width);
    ex_num(row, "T", ex_quick(x) ? SW_T_QUICK : SW_T);
    if (c->data_first) ex_flag(row, "data_first", 1);
}

/* One run for every seed and every value `at` of the key "lr" or "f". */
EX_FN void sw_plan(ex *x, const sw_case *c, ex_list seeds, const char *key, ex_list at)
{
    for (size_t i = 0; i < at.n; ++i)
        for (size_t s = 0; s < seeds.n; ++s) {
            ex_row *row = ex_add(x, c->part, seeds.at[s]);
            sw_keys(x, row, c);
            ex_num(row, key, at.at[i]);
        }
}

/* lambda_max(H_0) of a case, for windows in eta lambda_max. */
EX_FN void sw_plan_start(ex *x, const sw_case *c, ex_list seeds)
{
    for (size_t s = 0; s < seeds.n; ++s) sw_keys(x, ex_add(x, "start", seeds.at[s]), c);
}

EX_FN clb_problem_opts sw_opts(const ex_row *row)
{
    clb_problem_opts opts = CLB_ZERO;
    opts.m = (size_t)ex_get(row, "width");
    opts.net = clb_relu_mix(ex_get(row, "act"));
    opts.data_first = ex_get(row, "data_first") == 1;
    return opts;
}

/* A problem with its curvature at theta_0. sw_start_free() after any status. */
typedef struct sw_start { clb_problem problem; clb_pass pass; clb_curv curv; } sw_start;

EX_FN clb_status sw_start_init(sw_start *s, const clb_problem_opts *opts, double seed, double ce)
{
    clb_status status;
    memset(s, 0, sizeof *s);
    status = clb_problem_init(&s->problem, opts, (uint64_t)seed, CLB_NORMAL_PUBLISHED);
    if (!status) status = clb_pass_init(&s->pass, &s->problem.net, &s->problem.data, ce);
    if (!status) status = clb_curv_init(&s->curv, &s->pass);
    if (!status) clb_curv_at(&s->curv, NULL);
    return status;
}

EX_FN void sw_start_free(sw_start *s)
{
    clb_curv_free(&s->curv);
    clb_pass_free(&s->pass);
    clb_problem_free(&s->problem);
}

/* lambda_max of the Hessian at theta_0. */
EX_FN clb_status sw_sharpness(const clb_problem_opts *opts, double seed, double ce, double *largest)
{
    clb_problem problem;
    clb_status status = clb_problem_init(&problem, opts, (uint64_t)seed, CLB_NORMAL_PUBLISHED);
    if (status) return status;
    status = clb_problem_sharpness(&problem, ce, largest, NULL);
    clb_problem_free(&problem);
    return status;
}

/* What a trace says of its run. Drift and S as published, without their sign; a diverged run has
 * NaN. */
EX_FN void sw_measure(ex_row *row, const clb_trace *tr)
{
    int diverged = tr->steps < tr->T;
    double eta = tr->eta, drift = clb_trace_drift(tr, 1), S = tr->S[0], energy = 0, peak = 0;
    size_t early = tr->T < 10 ? tr->T : 10;
    for (size_t t = 0; t < tr->steps; ++t) {
        energy += tr->g[2 * t] + tr->g[2 * t + 1];
        if (tr->loss[t] > peak) peak = tr->loss[t];
    }
    ex_flag(row, "diverged", diverged);
    ex_num(row, "drift", diverged ? EX_NAN : fabs(drift));
    ex_num(row, "S", diverged ? EX_NAN : fabs(S));
    ex_num(row, "S_signed", diverged ? EX_NAN : S);
    ex_num(row, "final_loss", diverged ? EX_NAN : tr->loss[tr->T - 1]);
    ex_num(row, "initial_loss", tr->loss[0]);
    ex_num(row, "peak_loss", diverged ? EX_NAN : peak);
    ex_num(row, "energy", diverged ? EX_NAN : energy);                        /* E = sum_t |G|^2 */
    ex_num(row, "kappa_0", (tr->g[1] - tr->g[0]) / (tr->g[1] + tr->g[0]));
    ex_num(row, "early_drift",                                                /* |C(10) - C(0)| */
           diverged ? EX_NAN : fabs(clb_trace_charge(tr, 1, early) - clb_trace_charge(tr, 1, 0)));
    ex_num(row, "identity_error", diverged ? 0 : fabs(drift - eta * eta * S));       /* Theorem 2 */
}

/* Observer that freezes the gates at theta_0; context: a clb_status. */
EX_FN clb_verdict sw_freeze(void *context, const clb_state *state)
{
    clb_status *status = (clb_status *)context;
    if (state->t == 0) *status = clb_pass_freeze(state->pass, state->pass);
    return *status ? CLB_STOP : CLB_CONTINUE;
}

/* The run of a row at eta, with gates live or frozen at theta_0. CLB_OK with trace->steps < T:
 * diverged. */
EX_FN clb_status sw_train(const ex_row *row, double eta, int frozen, clb_trace *trace)
{
    clb_problem_opts opts = sw_opts(row);
    clb_train_opts train = CLB_ZERO;
    clb_observer at_start = CLB_ZERO;
    clb_status froze = CLB_OK, status;
    size_t T = (size_t)ex_get(row, "T");
    at_start.call = sw_freeze, at_start.context = &froze, at_start.every = T;
    train.ce = ex_get(row, "loss");
    if (frozen) train.observers = &at_start, train.observer_count = 1;
    status = ex_problem_run(&opts, (uint64_t)row->seed, eta, T, &train, trace);
    if (froze) clb_trace_free(trace);
    if (froze || status == CLB_EDIVERGED) return froze;            /* divergence is a result here */
    return status;
}

EX_FN clb_status sw_run(ex *x, ex_row *row)
{
    clb_problem_opts opts = sw_opts(row);
    clb_trace trace;
    clb_status status = CLB_OK;
    double largest, eta = ex_get(row, "lr"), f = ex_get(row, "f");
    (void)x;
    if (ex_is(row, "start") || !isnan(f)) {
        status = sw_sharpness(&opts, row->seed, ex_get(row, "loss"), &largest);
        if (status) return status;
        ex_num(row, "lambda_max", largest);
        if (ex_is(row, "start")) return CLB_OK;
        eta = 2 * f / largest;
        ex_num(row, "eta", eta);
    }
    if ((status = sw_train(row, eta, 0, &trace)) != CLB_OK) return status;
    sw_measure(row, &trace);
    clb_trace_free(&trace);
    return CLB_OK;
}

/* --- reading rows ----------------------------------------------------------------------------- */

EX_FN const char *sw_filter(ex *x, const sw_case *c)
{
    return ex_print(x, "part=%s act=%.17g loss=%.17g width=%zu%s", c->part, c->act, c->loss,
                    c->width, c->pub ? ex_print(x, " pub=%d", c->pub) : "");
}

/* A value of all seeds at one eta (or f). */
EX_FN ex_list sw_values(ex *x, const sw_case *c, const char *name, const char *key, double at)
{
    return ex_pick(x, name, "%s %s=%.17g", sw_filter(x, c), key, at);
}

EX_FN double sw_mean(ex *x, const sw_case *c, const char *name, const char *key, double at)
{
    ex_list v = sw_values(x, c, name, key, at);
    return clb_mean(v.n, v.at);
}

/* Mean lambda_max(H_0) of the case; NaN if it was not planned. */
EX_FN double sw_lambda(ex *x, const sw_case *c)
{
    sw_case start = *c;
    start.part = "start";
    return ex_mean(x, "lambda_max", "%s", sw_filter(x, &start));
}

/* The values of `at` up to `hi`. */
EX_FN ex_list sw_upto(ex *x, ex_list at, double hi)
{
    double *kept = ex_doubles(x, at.n);
    ex_list out = { 0, kept };
    for (size_t i = 0; i < at.n; ++i)
        if (at.at[i] <= hi) kept[out.n++] = at.at[i];
    return out;
}

/* Exponent of the mean drift over the seeds, the published way: an eta at which a seed diverged
 * drops out. */
EX_FN clb_sweep sw_curve(ex *x, const sw_case *c, const char *key, ex_list at)
{
    clb_sweep y = ex_sweep(x, "drift", key, at, "%s", sw_filter(x, c));
    y.floor = 1e-15;
    return y;
}

EX_FN clb_fit sw_alpha(ex *x, const sw_case *c, const char *key, ex_list at)
{
    clb_sweep y = sw_curve(x, c, key, at);
    return clb_sweep_fit(&y, ex_doubles(x, at.n));
}

/* The same on eta lambda_max(H_0) < 1, lambda the mean over the seeds. */
EX_FN clb_fit sw_alpha_stable(ex *x, const sw_case *c, ex_list etas)
{
    return sw_alpha(x, c, "lr", sw_upto(x, etas, 1 / sw_lambda(x, c)));
}

/* Number of runs of a case that diverged at one eta. */
EX_FN double sw_diverged(ex *x, const sw_case *c, const char *key, double at)
{
    ex_list v = sw_values(x, c, "diverged", key, at);
    double count = 0;
    for (size_t i = 0; i < v.n; ++i) count += v.at[i];
    return count;
}

/* --- ledger of a published sweep -------------------------------------------------------------- */

/* Published drifts are differences of float32 norms: |difference| <= noise + rel drift up to eta =
 * 0.1; beyond, edge times the drift (or the mean drift, if that is larger). S and S_edge: relative
 * tolerances of mean_S likewise; alpha absolute. because: cause of a fit that differs, or NULL. */
typedef struct sw_tol { double noise, rel, edge, S, S_edge, alpha; const char *because; } sw_tol;

/* Allowed difference of a drift or of their spread; mean: mean drift at this eta. */
EX_FN double sw_allowed(double drift, double eta, double mean, const sw_tol *tol)
{
    return eta <= 0.1 ? tol->noise + tol->rel * drift : tol->edge * fmax(drift, mean);
}

EX_FN void sw_ref(ex_row *row, const char *name, double eta, double mean, const sw_tol *tol,
                  const char *path)
{
    double value = ex_get(row, name), allowed = sw_allowed(value, eta, mean, tol);
    ex_ref(row, name, EX_NOISE, isnan(allowed) ? tol->edge * fabs(value) : allowed, "%s/%s", path,
           name);
}

/* Which numbers of an eta the file has. */
enum { SW_MEAN = 1, SW_STD = 2, SW_DRIFTS = 4, SW_S = 8, SW_ALL = 15 };

/* The numbers of one eta at path in the file, against its line and its runs. */
EX_FN void sw_line_refs(ex *x, const sw_case *c, ex_row *line, const sw_tol *tol, const char *path,
                        int has)
{
    double eta = ex_get(line, "lr"), mean = ex_get(line, "mean_drift");
    size_t seeds = sw_values(x, c, "drift", "lr", eta).n;
    if (has & SW_MEAN) sw_ref(line, "mean_drift", eta, mean, tol, path);
    if (has & SW_STD) sw_ref(line, "std_drift", eta, mean, tol, path);
    if (has & SW_S)
        ex_ref(line, "mean_S", EX_STABLE, eta <= 0.1 ? tol->S : tol->S_edge, "%s/mean_S", path);
    for (size_t i = 0; has & SW_DRIFTS && i < ex_runs(x); ++i) {
        ex_row *row = ex_run_at(x, i);
        int k = ex_seed_index(row);
        double value = ex_get(row, "drift"), allowed = sw_allowed(value, eta, mean, tol);
        if (k < 0 || (size_t)k >= seeds || ex_get(row, "lr") != eta
            || !ex_matches(row, sw_filter(x, c)))
            continue;
        ex_ref(row, "drift", EX_NOISE, isnan(allowed) ? tol->edge * fabs(value) : allowed,
               "%s/drifts/%d", path, k);
    }
}

/* One eta: a line of the table `part`, and its numbers at path. */
EX_FN ex_row *sw_line(ex *x, const sw_case *c, double eta, const sw_tol *tol, const char *path,
                      int has)
{
    ex_list drift = sw_values(x, c, "drift", "lr", eta);
    ex_row *line = ex_line(x, c->part);
    ex_num(line, "act", c->act);
    ex_num(line, "loss", c->loss);
    ex_num(line, "width", (double)c->width);
    ex_num(line, "lr", eta);
    ex_num(line, "mean_drift", clb_mean(drift.n, drift.at));
    ex_num(line, "std_drift", clb_std_pop(drift.n, drift.at));
    ex_num(line, "mean_S", sw_mean(x, c, "S", "lr", eta));
    ex_num(line, "final_loss", sw_mean(x, c, "final_loss", "lr", eta));
    sw_line_refs(x, c, line, tol, path, has);
    return line;
}

/* A curve: lines of all eta, then alpha, r2 and (where there is S) beta. paths: where the curve
 * stands in the file, ended by NULL; some stand there twice. Returns the line with alpha. */
EX_FN ex_row *sw_published(ex *x, const sw_case *c, ex_list etas, const sw_tol *tol,
                           const char *const *paths, int has)
{
    clb_fit fit = sw_alpha(x, c, "lr", etas);
    ex_row *line = ex_line(x, ex_print(x, "%s_alpha", c->part));
    ex_num(line, "act", c->act);
    ex_num(line, "loss", c->loss);
    ex_num(line, "width", (double)c->width);
    ex_num(line, "points", (double)fit.n);
    ex_num(line, "alpha", fit.slope);
    ex_num(line, "r2", fit.r2);
    ex_num(line, "beta", fit.slope - 2);
    for (size_t p = 0; paths[p]; ++p) {
        ex_ref(line, "alpha", tol->because ? EX_ARTEFACT : EX_FIT, tol->alpha, "%s/alpha",
               paths[p]);
        if (tol->because) ex_because(x, tol->because);
        ex_ref(line, "r2", tol->because ? EX_ARTEFACT : EX_FIT, tol->alpha, "%s/r2", paths[p]);
        if (tol->because) ex_because(x, tol->because);
        if (has & SW_S) ex_ref(line, "beta", EX_FIT, tol->alpha, "%s/beta", paths[p]);
    }
    for (size_t i = 0; i < etas.n; ++i) {
        const char *key = ex_key(x, etas.at[i]);
        ex_row *one =
            sw_line(x, c, etas.at[i], tol, ex_print(x, "%s/per_lr/%s", paths[0], key), has);
        for (size_t p = 1; paths[p]; ++p)
            sw_line_refs(x, c, one, tol, ex_print(x, "%s/per_lr/%s", paths[p], key), has);
    }
    return line;
}

/* Theorem 2 over all runs: largest |C(T) - C(0) - eta^2 S|, as a check of the experiment. */
EX_FN void sw_check_identity(ex *x)
{
    double worst = ex_worst(x, "identity_error", NULL);
    ex_check(x, sizeof(clb_real) == 4 || worst <= 1e-10,
             "Theorem 2: |C(T) - C(0) - eta^2 S| <= %.1e in every run", worst);
}

/* Numbers of a config.json that are the protocol itself: an array, a single value. */
EX_FN void sw_config_list(ex *x, const char *path, size_t n, const double *values)
{
    for (size_t i = 0; i < n; ++i) ex_ref_value(x, values[i], EX_EXACT, 0, "%s/%zu", path, i);
}

EX_FN void sw_config(ex *x, const char *dir, size_t seeds, ex_list etas)
{
    static const struct { const char *name; double value; } fixed[] = {
        { "n_steps", SW_T }, { "input_dim", 20 }, { "output_dim", 5 }, { "n_train", 200 },
    };
    for (size_t i = 0; i < EX_LEN(fixed); ++i)
        ex_ref_value(x, fixed[i].value, EX_EXACT, 0, "%s/config.json#%s", dir, fixed[i].name);
    sw_config_list(x, ex_print(x, "%s/config.json#seeds", dir), seeds, ex_published_seeds);
    sw_config_list(x, ex_print(x, "%s/config.json#lrs", dir), etas.n, etas.at);
    ex_ref_none(x, EX_FOREIGN, "wall time of the published run",
                "%s/config.json#total_time_seconds", dir);
    ex_ref_none(x, EX_FOREIGN, "version number of the published program", "%s/config.json#version",
                dir);
}

#endif /* CLB_SWEEP_H */
