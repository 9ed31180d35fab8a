/* sweeps.h - learning rates x seeds on the two-layer problem: what E9, E10, E11, E13 and E14 repeat
 * for different activations, losses and widths. */
#ifndef KIT_SWEEPS_H
#define KIT_SWEEPS_H

#include "claims.h"
#include "paper.h"

enum { SW_T = 2000, SW_T_QUICK = 200, SW_N = 8 };
/* of E10, E11, E13, E14 */
static const double sw_etas[SW_N] = { 1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 0.1, 0.3 };

/* One curve drift(eta). */
typedef struct sw_case {
    const char *set;               /* name of the curve */
    double      act;               /* e of s_e(z) = (1-e) z + e max(0, z): 0 identity, 1 ReLU */
    double      loss;              /* 0 squared loss .. 1 cross entropy, between them the blend */
    double      width;             /* m */
    size_t      pub;               /* > 0: only the first so many published seeds */
    int         data_first;        /* the data are drawn before the model: all widths share them */
} sw_case;

/* A training. lr: eta; or f > 0: eta = 2 f / lambda_max(H_0) of the run itself. Drift and S as
 * published, without their sign; NaN where the run diverged. */
typedef struct sw_run {
    const char *set;
    double seed, act, loss, width, data_first, T, lr, f;
    double lambda_max, eta, diverged, drift, S, S_signed, final_loss, initial_loss, peak_loss;
    double energy, kappa_0, early_drift, identity_error;
} sw_run;
static const kit_field sw_run_fields[] = {
    KIT_KEY_TEXT(sw_run, set), KIT_KEY(sw_run, seed), KIT_KEY(sw_run, act), KIT_KEY(sw_run, loss),
    KIT_KEY(sw_run, width), KIT_KEY(sw_run, data_first), KIT_KEY(sw_run, T), KIT_KEY(sw_run, lr),
    KIT_KEY(sw_run, f), KIT_RESULT(sw_run, lambda_max), KIT_RESULT(sw_run, eta),
    KIT_RESULT(sw_run, diverged), KIT_RESULT(sw_run, drift), KIT_RESULT(sw_run, S),
    KIT_RESULT(sw_run, S_signed), KIT_RESULT(sw_run, final_loss), KIT_RESULT(sw_run, initial_loss),
    KIT_RESULT(sw_run, peak_loss), KIT_RESULT(sw_run, energy), KIT_RESULT(sw_run, kappa_0),
    KIT_RESULT(sw_run, early_drift), KIT_RESULT(sw_run, identity_error),
};
#define SW_AT(member) KIT_AT(sw_run, member)

/* ---- one run --------------------------------------------------------------------------------- */

KIT_FN paper_opts sw_opts(const sw_run *row)
{
    paper_opts opts;
    memset(&opts, 0, sizeof opts);
    opts.m = (size_t)row->width, opts.net = clb_relu_mix(row->act);
    opts.data_first = row->data_first == 1;
    return opts;
}

/* A problem with its curvature at theta_0. sw_start_free() after any status. */
typedef struct sw_start { paper_problem problem; clb_pass pass; clb_curv curv; } sw_start;

KIT_FN clb_status sw_start_init(sw_start *s, const paper_opts *opts, double seed, double ce)
{
    clb_status status;
    memset(s, 0, sizeof *s);
    status = paper_problem_init(&s->problem, opts, seed);
    if (!status) status = clb_pass_init(&s->pass, &s->problem.net, &s->problem.data, ce);
    if (!status) status = clb_curv_init(&s->curv, &s->pass);
    if (!status) clb_curv_at(&s->curv, NULL);
    return status;
}

KIT_FN void sw_start_free(sw_start *s)
{
    clb_curv_free(&s->curv);
    clb_pass_free(&s->pass);
    paper_problem_free(&s->problem);
}

/* lambda_max of the Hessian at theta_0. */
KIT_FN clb_status sw_sharpness(const paper_opts *opts, double seed, double ce, double *largest)
{
    paper_problem p;
    clb_status status = paper_problem_init(&p, opts, seed);
    if (status) return status;
    status = paper_sharpness(&p, ce, largest, NULL);
    paper_problem_free(&p);
    return status;
}

KIT_FN void sw_measure(sw_run *row, const clb_trace *tr)
{
    double drift, energy = 0, peak = 0;
    row->diverged = tr->steps < tr->T, row->initial_loss = tr->loss[0];
    row->kappa_0 = (tr->g[1] - tr->g[0]) / (tr->g[1] + tr->g[0]);
    if (row->diverged > 0) return;
    for (size_t t = 0; t < tr->steps; ++t) {
        energy += tr->g[2 * t] + tr->g[2 * t + 1];
        if (tr->loss[t] > peak) peak = tr->loss[t];
    }
    drift = clb_trace_drift(tr, 1);
    row->drift = fabs(drift), row->S = fabs(tr->S[0]), row->S_signed = tr->S[0];
    row->final_loss = tr->loss[tr->T - 1], row->peak_loss = peak;
    row->energy = energy;                                                     /* E = sum_t |G|^2 */
    row->early_drift = fabs(clb_trace_charge(tr, 1, tr->T < 10 ? tr->T : 10)
                            - clb_trace_charge(tr, 1, 0));                    /* |C(10) - C(0)| */
    row->identity_error = fabs(drift - tr->eta * tr->eta * tr->S[0]);         /* Theorem 2 */
}

/* Observer that freezes the gates at theta_0; context: a clb_status. */
KIT_FN clb_verdict sw_freeze(void *context, const clb_state *state)
{
    clb_status *status = (clb_status *)context;
    if (state->t == 0) *status = clb_pass_freeze(state->pass, state->pass);
    return *status ? CLB_STOP : CLB_CONTINUE;
}

/* The training of a row at eta, with gates live or frozen at theta_0. CLB_OK with trace->steps < T:
 * diverged. */
KIT_FN clb_status sw_train(const sw_run *row, double eta, int frozen, clb_trace *trace)
{
    paper_opts opts = sw_opts(row);
    clb_train_opts train = CLB_ZERO;
    clb_observer at_start = CLB_ZERO;
    clb_status froze = CLB_OK, status;
    at_start.call = sw_freeze, at_start.context = &froze, at_start.every = (size_t)row->T;
    train.ce = row->loss;
    if (frozen) train.observers = &at_start, train.observer_count = 1;
    status = paper_train(&opts, row->seed, eta, (size_t)row->T, &train, trace);
    if (froze) clb_trace_free(trace);
    return froze ? froze : status;
}

/* The run functions of a sweep, and of a part that takes lambda_max(H_0) only. */
KIT_FN clb_status sw_run_train(kit *x, void *run)
{
    sw_run *row = (sw_run *)run;
    paper_opts opts = sw_opts(row);
    clb_trace trace;
    clb_status status;
    (void)x;
    row->eta = row->lr;
    if (row->f > 0) {
        status = sw_sharpness(&opts, row->seed, row->loss, &row->lambda_max);
        if (status) return status;
        row->eta = 2 * row->f / row->lambda_max;
    }
    if ((status = sw_train(row, row->eta, 0, &trace)) != CLB_OK) return status;
    sw_measure(row, &trace);
    clb_trace_free(&trace);
    return CLB_OK;
}
KIT_FN clb_status sw_run_start(kit *x, void *run)
{
    sw_run *row = (sw_run *)run;
    paper_opts opts = sw_opts(row);
    (void)x, row->diverged = 0;
    return sw_sharpness(&opts, row->seed, row->loss, &row->lambda_max);
}

static const kit_part sw_sweep = KIT_PART("sweep", "trainings", sw_run, sw_run_train);
static const kit_part sw_starts =
    KIT_PART("start", "lambda_max at the start", sw_run, sw_run_start);

/* ---- plan ---------------------------------------------------------------------------------- */

KIT_FN sw_run sw_keys(const kit *x, const sw_case *c, double seed)
{
    sw_run row;
    memset(&row, 0, sizeof row);
    row.set = c->set, row.seed = seed, row.act = c->act, row.loss = c->loss, row.width = c->width;
    row.data_first = c->data_first, row.T = kit_quick(x) ? SW_T_QUICK : SW_T;
    return row;
}

/* One run for every seed and eta; or, at fixed distances f from the edge. */
KIT_FN void sw_plan(kit *x, const sw_case *c, kit_list seeds, kit_list etas)
{
    for (size_t i = 0; i < etas.n; ++i)
        for (size_t s = 0; s < seeds.n; ++s) {
            sw_run row = sw_keys(x, c, seeds.at[s]);
            row.lr = etas.at[i];
            kit_add(x, &sw_sweep, &row);
        }
}
KIT_FN void sw_plan_f(kit *x, const sw_case *c, kit_list seeds, kit_list f)
{
    for (size_t i = 0; i < f.n; ++i)
        for (size_t s = 0; s < seeds.n; ++s) {
            sw_run row = sw_keys(x, c, seeds.at[s]);
            row.f = f.at[i];
            kit_add(x, &sw_sweep, &row);
        }
}
/* lambda_max(H_0) of a case, for windows in eta lambda_max. */
KIT_FN void sw_plan_start(kit *x, const sw_case *c, kit_list seeds)
{
    for (size_t s = 0; s < seeds.n; ++s) {
        sw_run row = sw_keys(x, c, seeds.at[s]);
        kit_add(x, &sw_starts, &row);
    }
}

/* ---- what follows from the runs ----------------------------------------------------------- */

/* The runs of a case; its runs with eta or with f. */
KIT_FN kit_rows sw_runs(kit *x, const sw_case *c)
{
    kit_rows rows = kit_where_text(kit_part_runs(x, &sw_sweep), SW_AT(set), c->set);
    rows = kit_where(kit_where(rows, SW_AT(act), c->act), SW_AT(loss), c->loss);
    rows = kit_where(rows, SW_AT(width), c->width);
    return c->pub ? kit_first_published(rows, c->pub) : rows;
}

/* Its runs at one eta. */
KIT_FN kit_rows sw_at(kit *x, const sw_case *c, double eta)
{
    return kit_where(sw_runs(x, c), SW_AT(lr), eta);
}

/* Mean lambda_max(H_0) of the case; NaN if it was not planned. */
KIT_FN double sw_lambda(kit *x, const sw_case *c)
{
    kit_rows rows = kit_where_text(kit_part_runs(x, &sw_starts), SW_AT(set), c->set);
    rows = kit_where(kit_where(rows, SW_AT(act), c->act), SW_AT(loss), c->loss);
    rows = kit_where(rows, SW_AT(width), c->width);
    return kit_mean(c->pub ? kit_first_published(rows, c->pub) : rows, SW_AT(lambda_max));
}

/* The values of `at` up to `hi`. */
KIT_FN kit_list sw_upto(kit *x, kit_list at, double hi)
{
    double *kept = kit_doubles(x, at.n);
    kit_list out = { 0, kept };
    for (size_t i = 0; i < at.n; ++i)
        if (at.at[i] <= hi) kept[out.n++] = at.at[i];
    return out;
}

/* The curve of a case against lr or f, the published way: an eta at which a seed diverged drops
 * out of the fit. */
KIT_FN clb_sweep sw_curve(kit *x, const sw_case *c, kit_at key, kit_list at)
{
    clb_sweep y = kit_sweep(sw_runs(x, c), SW_AT(drift), key, at);
    y.floor = 1e-15;
    return y;
}
KIT_FN clb_fit sw_alpha(kit *x, const sw_case *c, kit_at key, kit_list at)
{
    clb_sweep y = sw_curve(x, c, key, at);
    return clb_sweep_fit(&y, kit_doubles(x, at.n));
}
/* The same on eta lambda_max(H_0) < 1, lambda the mean over the seeds. */
KIT_FN clb_fit sw_alpha_stable(kit *x, const sw_case *c, kit_list etas)
{
    return sw_alpha(x, c, SW_AT(lr), sw_upto(x, etas, 1 / sw_lambda(x, c)));
}

/* The exponents of a case on windows that are the same for every case; how many runs diverge at
 * eta = 0.3, where the published fit then loses a point. */
typedef struct sw_windows { double to_01, to_003, diverged; } sw_windows;

KIT_FN sw_windows sw_windows_of(kit *x, const sw_case *c, kit_list etas)
{
    sw_windows w;
    w.to_01 = sw_alpha(x, c, SW_AT(lr), sw_upto(x, etas, 0.1)).slope;
    w.to_003 = sw_alpha(x, c, SW_AT(lr), sw_upto(x, etas, 0.03)).slope;
    w.diverged = (double)kit_diverged(sw_at(x, c, 0.3));
    return w;
}

/* Tables of a published sweep: a line an eta, and a line with alpha, R^2 and beta = alpha - 2. Call
 * sw_tables_new() once a group of cases, then sw_lines() for each. A caller that wants more columns
 * makes the second table with SW_ALPHA_COLUMNS first, and adds its cells after each sw_lines(). */
#define SW_CURVE_COLUMNS                                                                           \
    "act", "loss", "width", "lr", "mean_drift", "std_drift", "mean_S", "final_loss"
#define SW_ALPHA_COLUMNS "act", "loss", "width", "points", "alpha", "r2", "beta"
typedef struct sw_tables { kit_table *curve, *alpha; } sw_tables;

KIT_FN sw_tables sw_tables_new(kit *x, const char *name, const char *caption,
                               const char *alpha_caption)
{
    sw_tables t;
    t.curve = KIT_TABLE(x, name, caption, SW_CURVE_COLUMNS);
    t.alpha = KIT_TABLE(x, kit_print(x, "%s_alpha", name), alpha_caption, SW_ALPHA_COLUMNS);
    return t;
}
KIT_FN clb_fit sw_lines(kit *x, const sw_tables *t, const sw_case *c, kit_list etas)
{
    clb_fit fit = sw_alpha(x, c, SW_AT(lr), etas);
    kit_line_starts(t->alpha);
    KIT_CELLS(t->alpha, c->act, c->loss, c->width, (double)fit.n, fit.slope, fit.r2, fit.slope - 2);
    for (size_t i = 0; i < etas.n; ++i) {
        kit_rows at = sw_at(x, c, etas.at[i]);
        KIT_LINE(t->curve, c->act, c->loss, c->width, etas.at[i], kit_mean(at, SW_AT(drift)),
                 kit_std(at, SW_AT(drift)), kit_mean(at, SW_AT(S)),
                 kit_mean(at, SW_AT(final_loss)));
    }
    return fit;
}

/* Theorem 2 over all runs. */
KIT_FN void sw_identity(kit *x)
{
    kit_theorem_2(x, kit_worst(kit_part_runs(x, &sw_sweep), SW_AT(identity_error)), 1e-10, 1e-3);
}

#endif /* KIT_SWEEPS_H */
