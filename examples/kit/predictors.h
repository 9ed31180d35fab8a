/* predictors.h - beyond E8 and E12: what predicts S(eta) from the start without calibration. Sums
 * over the modes of the Hessian and of the Gauss-Newton matrix with coefficients from first
 * principles, and the linearised network; tables that compare them with the published formula. */
#ifndef KIT_PREDICTORS_H
#define KIT_PREDICTORS_H

#include "spectral.h"
#include "tables.h"

enum { SP_TOP = 60 };
static const char *const sp_names[SP_PREDICTORS] = { "PUB",     "H_diag",  "H_full",
                                                     "GN_diag", "GN_full", "LIN",
                                                     "RELIN",   "EN",      "1/eta" };
static const double sp_restarts[] = { 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 20 };     /* in eta t */

/* ---- modes ----------------------------------------------------------------------------------- */

/* M_0, M_T: share of S that comes from pairs of different modes, after one step and after T steps
 * at eta = 0.01. Arrays: one number a learning rate; gauss_newton_top: eigenvalues, descending. */
typedef struct sp_modes {
    const char *which;
    double      seed, data_first;
    double      M_0, M_T_hessian, M_T_gauss_newton, energy_negative_modes, lambda_max, lambda_min;
    double      lambda_max_gauss_newton, positive, negative, zero;
    kit_list    H_diag, H_full, GN_diag, GN_full, gauss_newton_top;
} sp_modes;
static const kit_field sp_modes_fields[] = {
    SP_KEY_CASE(sp_modes), KIT_KEY(sp_modes, seed), KIT_KEY(sp_modes, data_first),
    KIT_RESULT(sp_modes, M_0), KIT_RESULT(sp_modes, M_T_hessian),
    KIT_RESULT(sp_modes, M_T_gauss_newton), KIT_RESULT(sp_modes, energy_negative_modes),
    KIT_RESULT(sp_modes, lambda_max), KIT_RESULT(sp_modes, lambda_min),
    KIT_RESULT(sp_modes, lambda_max_gauss_newton), KIT_RESULT(sp_modes, positive),
    KIT_RESULT(sp_modes, negative), KIT_RESULT(sp_modes, zero),
    KIT_RESULT_ARRAY(sp_modes, H_diag), KIT_RESULT_ARRAY(sp_modes, H_full),
    KIT_RESULT_ARRAY(sp_modes, GN_diag), KIT_RESULT_ARRAY(sp_modes, GN_full),
    KIT_RESULT_ARRAY(sp_modes, gauss_newton_top),
};

/* Sums over the modes of one matrix for every eta, NaN beyond the edge; the coupling at 0.01. */
KIT_FN double sp_sums(kit *x, const clb_spectrum *sp, clb_mode_rule rule, kit_list *diagonal,
                      kit_list *full)
{
    kit_list lrs = sp_rates(x);
    double *d = kit_doubles(x, 2 * lrs.n), *f = d + lrs.n, coupling = KIT_NAN;
    for (size_t i = 0; i < lrs.n; ++i) {
        clb_quadratic q = clb_spectrum_sum(sp, lrs.at[i], sp_steps(x), rule);
        d[i] = q.phase < 1 ? q.diagonal : KIT_NAN, f[i] = q.phase < 1 ? q.S : KIT_NAN;
        if (lrs.at[i] == 0.01) coupling = q.coupling;
    }
    diagonal->n = full->n = lrs.n, diagonal->at = d, full->at = f;
    return coupling;
}

KIT_FN clb_status sp_hessian_modes(kit *x, sp_modes *row, sw_start *s, kit_arena *arena)
{
    size_t P = s->problem.net.P;
    clb_real *H = (clb_real *)kit_new(arena, 2 * P * P, sizeof *H), *V = H + P * P;
    double *values = (double *)kit_new(arena, P, sizeof *values), below = 0;
    clb_spectrum_stats stats;
    clb_spectrum sp;
    clb_status status = clb_hessian(&s->curv, H, P);
    if (!status) status = clb_eigh(P, H, P, values, V);
    if (!status) status = clb_spectrum_init(&sp, &s->problem.net, 1, values, V, s->curv.grad);
    if (status) return status;
    for (size_t k = 0; k < P; ++k) {
        double a = clb_dot(P, V + k * P, s->curv.grad);
        if (values[k] < -1e-9) below += a * a;
    }
    stats = clb_spectrum_describe(P, values, 1e-9);
    row->energy_negative_modes = below / sp.energy;
    row->lambda_max = stats.largest, row->lambda_min = stats.smallest;
    row->positive = (double)stats.positive, row->negative = (double)stats.negative;
    row->zero = (double)stats.zero;
    row->M_0 = clb_spectrum_sum(&sp, 0, 1, CLB_MODES_ALL).coupling;
    row->M_T_hessian = sp_sums(x, &sp, CLB_MODES_POSITIVE, &row->H_diag, &row->H_full);
    clb_spectrum_free(&sp);
    return CLB_OK;
}

/* The largest eigenvalues, descending, from n ascending ones. */
KIT_FN kit_list sp_top(kit *x, size_t n, const double *values)
{
    double top[SP_TOP];
    size_t count = n < SP_TOP ? n : SP_TOP;
    for (size_t k = 0; k < count; ++k) top[k] = values[n - 1 - k];
    return kit_keep(x, count, top);
}

/* The Gauss-Newton matrix: for squared loss through the smaller kernel of the outputs. */
KIT_FN clb_status sp_gauss_newton_modes(kit *x, sp_modes *row, sw_start *s, kit_arena *arena)
{
    size_t P = s->problem.net.P;
    clb_spectrum sp;
    clb_status status;
    if (s->pass.ce == CLB_MSE) {
        status = clb_spectrum_init_ntk(&sp, &s->curv, 1);
        if (!status) row->gauss_newton_top = sp_top(x, sp.n, sp.lambda);
    } else {
        clb_real *H = (clb_real *)kit_new(arena, 2 * P * P, sizeof *H), *V = H + P * P;
        double *values = (double *)kit_new(arena, P, sizeof *values);
        status = clb_gauss_newton(&s->curv, H, P);
        if (!status) status = clb_eigh(P, H, P, values, V);
        if (!status) status = clb_spectrum_init(&sp, &s->problem.net, 1, values, V, s->curv.grad);
        if (!status) row->gauss_newton_top = sp_top(x, P, values);
    }
    if (status) return status;
    row->lambda_max_gauss_newton = sp.largest;
    row->M_T_gauss_newton = sp_sums(x, &sp, CLB_MODES_CLAMPED, &row->GN_diag, &row->GN_full);
    clb_spectrum_free(&sp);
    return CLB_OK;
}

KIT_FN clb_status sp_run_modes(kit *x, void *run)
{
    sp_modes *row = (sp_modes *)run;
    kit_arena arena = { NULL };
    sw_start s;
    clb_status status = sp_start(&s, row->which, row->seed, row->data_first);
    if (!status) status = sp_hessian_modes(x, row, &s, &arena);
    kit_arena_free(&arena);
    if (!status) status = sp_gauss_newton_modes(x, row, &s, &arena);
    kit_arena_free(&arena);
    sw_start_free(&s);
    return status;
}

/* ---- the linearised network ------------------------------------------------------------------ */

/* LIN: linearised once; RELIN: anew at the times sp_restarts. NaN: the model overflows, which is
 * outside its validity. delta_linear: its imbalance at the steps of sp_sample. */
typedef struct sp_linear {
    const char *which;
    double      seed, data_first, lr;
    double      LIN, RELIN, segments;
    kit_list    delta_linear;
} sp_linear;
static const kit_field sp_linear_fields[] = {
    SP_KEY_CASE(sp_linear), KIT_KEY(sp_linear, seed), KIT_KEY(sp_linear, data_first),
    KIT_KEY(sp_linear, lr), KIT_RESULT(sp_linear, LIN), KIT_RESULT(sp_linear, RELIN),
    KIT_RESULT(sp_linear, segments), KIT_RESULT_ARRAY(sp_linear, delta_linear),
};

KIT_FN clb_status sp_run_linear(kit *x, void *run)
{
    sp_linear *row = (sp_linear *)run;
    size_t T = sp_steps(x), steps[KIT_LEN(sp_restarts)];
    kit_arena arena = { NULL };
    clb_linear_opts how;
    sw_start s;
    clb_status status = sp_start(&s, row->which, row->seed, row->data_first);
    memset(&how, 0, sizeof how);
    how.delta = (double *)kit_new(&arena, T, sizeof *how.delta);
    if (!status) {
        status = clb_linearised(&s.curv, row->lr, T, &how, &row->LIN);
        row->delta_linear = sp_sampled(x, status ? 0 : T, how.delta);
    }
    if (!status || status == CLB_EDIVERGED) {
        how.restart = steps;
        how.restart_count = clb_restart_steps(row->lr, T, KIT_LEN(steps), sp_restarts, steps);
        row->segments = (double)how.restart_count + 1;
        status = clb_linearised(&s.curv, row->lr, T, &how, &row->RELIN);
    }
    kit_arena_free(&arena);
    sw_start_free(&s);
    return status == CLB_EDIVERGED ? CLB_OK : status;
}

/* One case: its modes a seed, its linearised network a seed and learning rate. */
KIT_FN void sp_plan_predictors(kit *x, const kit_part *modes, const kit_part *linear,
                               const sp_case *c, int data_first)
{
    kit_list seeds = kit_seeds(x, kit_quick(x) ? 1 : SP_SEEDS), lrs = kit_lrs(x, sp_lrs, SP_LRS);
    for (size_t s = 0; s < seeds.n; ++s) {
        sp_modes m;
        sp_linear l;
        memset(&m, 0, sizeof m), memset(&l, 0, sizeof l);
        m.which = l.which = c->name, m.seed = l.seed = seeds.at[s];
        m.data_first = l.data_first = data_first;
        kit_add(x, modes, &m);
        for (size_t i = 0; i < lrs.n; ++i) l.lr = lrs.at[i], kit_add(x, linear, &l);
    }
}

/* ---- their errors ---------------------------------------------------------------------------- */

KIT_FN const sp_modes *sp_modes_of(kit *x, const kit_part *part, const char *name, double seed)
{
    return (const sp_modes *)sp_find(kit_part_runs(x, part), KIT_AT(sp_modes, which), name,
                                     KIT_AT(sp_modes, seed), seed);
}
KIT_FN const sp_linear *sp_linear_of(kit *x, const kit_part *part, const char *name, double seed,
                                     double lr)
{
    return (const sp_linear *)sp_find(kit_where(kit_part_runs(x, part), KIT_AT(sp_linear, lr), lr),
                                      KIT_AT(sp_linear, which), name, KIT_AT(sp_linear, seed),
                                      seed);
}

/* Into a grid of sp_load(); S is published without its sign, so the sums are turned with it. */
KIT_FN void sp_load_predictors(kit *x, sp_grid *g, const kit_part *modes, const kit_part *linear)
{
    for (size_t s = 0; s < g->seeds; ++s) {
        const sp_modes *m = sp_modes_of(x, modes, g->c->name, g->seed[s]);
        for (size_t i = 0; i < g->n; ++i) {
            const sp_linear *l = sp_linear_of(x, linear, g->c->name, g->seed[s], g->lrs.at[i]);
            size_t at = s * g->n + i;
            double v[SP_EN], sign = isnan(g->sign[at]) ? 1 : g->sign[at];
            v[SP_HD] = m ? sp_element(m->H_diag, i) : KIT_NAN;
            v[SP_HF] = m ? sp_element(m->H_full, i) : KIT_NAN;
            v[SP_GND] = m ? sp_element(m->GN_diag, i) : KIT_NAN;
            v[SP_GNF] = m ? sp_element(m->GN_full, i) : KIT_NAN;
            v[SP_LIN] = l ? l->LIN : KIT_NAN, v[SP_RELIN] = l ? l->RELIN : KIT_NAN;
            for (int k = SP_HD; k < SP_EN; ++k) g->pred[k][at] = sign * v[k];
        }
    }
}

/* Mean |difference of local slopes| between prediction and measurement. */
KIT_FN double sp_slope_error(kit *x, const sp_grid *g, sp_predictor k, double top)
{
    double *S = kit_doubles(x, g->n), *P = kit_doubles(x, g->n), *a = kit_doubles(x, g->n),
           *b = kit_doubles(x, g->n), sum = 0;
    size_t n = sp_curve(g, g->S, top, S);
    sp_curve(g, g->pred[k], top, P);
    if (n < 2) return KIT_NAN;
    clb_local_slopes(n, g->lrs.at, S, a);
    clb_local_slopes(n, g->lrs.at, P, b);
    for (size_t i = 0; i + 1 < n; ++i) sum += fabs(a[i] - b[i]);
    return sum / (double)(n - 1);
}

/* S and the error of every predictor in percent, a line per case and eta. */
KIT_FN void sp_error_table(kit *x, const sp_grid grids[SP_CASES])
{
    kit_table *t = KIT_TABLE(x, "predictors", "S and the error of its predictors in percent, seed "
                             "means; \"-\": outside validity", "case", "lr", "eta_lambda_max", "S",
                             "PUB", "H_diag", "H_full", "GN_diag", "GN_full", "LIN", "RELIN", "EN",
                             "1/eta");
    for (const sp_grid *g = grids; g < grids + SP_CASES; ++g)
        for (size_t i = 0; i < g->n; ++i) {
            kit_text(t, g->c->name);
            KIT_CELLS(t, g->lrs.at[i], 2 * sp_phase(g, i), sp_mean(g, g->S, i));
            for (int k = 0; k < SP_PREDICTORS; ++k) {
                double e = 100 * sp_error(g, (sp_predictor)k, i);
                KIT_CELLS(t, isfinite(e) ? e : KIT_NONE);
            }
        }
}

/* How good each predictor is below eta = 0.1. */
KIT_FN void sp_quality_table(kit *x, const sp_grid grids[SP_CASES])
{
    kit_table *t = KIT_TABLE(x, "quality", "Predictors on eta <= 0.1: per-seed errors, mean error "
                             "of the local slope, log-log R", "case", "predictor",
                             "mean_error_percent", "worst_error_percent", "slope_error", "log_R",
                             "log_R_all_eta");
    for (const sp_grid *g = grids; g < grids + SP_CASES; ++g)
        for (int k = 0; k < SP_PREDICTORS && g->n; ++k) {
            sp_predictor p = (sp_predictor)k;
            double worst, mean = sp_seed_error(g, p, 0.1, &worst);
            kit_text(t, g->c->name), kit_text(t, sp_names[k]);
            KIT_CELLS(t, 100 * mean, 100 * worst, sp_slope_error(x, g, p, 0.1),
                      sp_log_r(x, g, p, 0.1), sp_log_r(x, g, p, 1));
        }
}

#endif /* KIT_PREDICTORS_H */
