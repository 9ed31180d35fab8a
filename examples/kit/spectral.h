/* spectral.h - E8 and E12: S(eta) = |sum_t |G_2|^2 - |G_1|^2| of a training run, predicted by the
 * crossover formula from the Hessian at the start, for two-layer nets {linear, ReLU} x {squared
 * loss (MSE), cross entropy (CE)}. What predicts better is in predictors.h. */
#ifndef KIT_SPECTRAL_H
#define KIT_SPECTRAL_H

#include "figures.h"
#include "sweeps.h"

enum { SP_T = 2000, SP_LRS = 8, SP_CASES = 4, SP_SEEDS = 3, SP_SAMPLES = 24 };
static const double sp_lrs[SP_LRS] = { 1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 0.1, 0.3 };
/* Steps at which delta_t = |G_2|^2 - |G_1|^2 is kept. */
static const double sp_sample[SP_SAMPLES] = {
    0,  1,   2,   3,   5,   7,   10,  14,  20,  28,   40,   57,
    80, 100, 113, 160, 226, 320, 453, 640, 905, 1000, 1280, 1810
};

typedef struct sp_case {
    const char    *name, *label;
    clb_activation activation;
    double         ce;
} sp_case;
enum { SP_LINEAR_MSE, SP_LINEAR_CE, SP_RELU_MSE, SP_RELU_CE };
static const sp_case sp_cases[SP_CASES] = {
    { "linear_mse", "linear, MSE", CLB_IDENTITY, CLB_MSE },
    { "linear_ce",  "linear, CE",  CLB_IDENTITY, CLB_CE },
    { "relu_mse",   "ReLU, MSE",   CLB_RELU,     CLB_MSE },
    { "relu_ce",    "ReLU, CE",    CLB_RELU,     CLB_CE }
};

KIT_FN const sp_case *sp_case_named(const char *name)
{
    for (size_t k = 0; k < SP_CASES; ++k)
        if (!strcmp(sp_cases[k].name, name)) return &sp_cases[k];
    kit_die(KIT_USAGE, "no case %s", name);
    return NULL;
}

/* "case" is a word of C. */
#define SP_KEY_CASE(type)                                                                          \
    KIT_FIELD_NAMED("case", type, which, const char *, KIT_KIND_TEXT, 1, "")

/* The learning rates of this command; sp_plan() asked for them. */
KIT_FN kit_list sp_rates(const kit *x)
{
    kit_list list = { SP_LRS, sp_lrs };
    return x->set.lr_list.n ? x->set.lr_list : list;
}
KIT_FN size_t sp_steps(const kit *x) { return kit_quick(x) ? 200 : SP_T; }

/* The problem at its start; data_first: the data are drawn before the model. */
KIT_FN clb_status sp_start(sw_start *s, const char *which, double seed, double data_first)
{
    const sp_case *c = sp_case_named(which);
    paper_opts opts;
    memset(&opts, 0, sizeof opts);
    opts.net.activation = c->activation, opts.data_first = data_first > 0;
    return sw_start_init(s, &opts, seed, c->ce);
}

/* ---- the spectrum at the start and the formula ----------------------------------------------- */

/* c_k: the share of |delta_0| given to eigenvalue k. Arrays: one number an eigenvalue, or one a
 * learning rate. uniform: the formula with equal c_k. */
typedef struct sp_spectrum {
    const char *which;
    double      seed, data_first;
    double      lambda_max, lambda_min, positive, negative, zero, effective_rank, mean_positive;
    double      median_positive, spectral_width, c_mean, c_std, c_max, energy_negative_modes;
    kit_list    eigenvalues_init, S_predicted, n_unstable, uniform;
} sp_spectrum;
static const kit_field sp_spectrum_fields[] = {
    SP_KEY_CASE(sp_spectrum), KIT_KEY(sp_spectrum, seed), KIT_KEY(sp_spectrum, data_first),
    KIT_RESULT(sp_spectrum, lambda_max), KIT_RESULT(sp_spectrum, lambda_min),
    KIT_RESULT(sp_spectrum, positive), KIT_RESULT(sp_spectrum, negative),
    KIT_RESULT(sp_spectrum, zero), KIT_RESULT(sp_spectrum, effective_rank),
    KIT_RESULT(sp_spectrum, mean_positive), KIT_RESULT(sp_spectrum, median_positive),
    KIT_RESULT(sp_spectrum, spectral_width), KIT_RESULT(sp_spectrum, c_mean),
    KIT_RESULT(sp_spectrum, c_std), KIT_RESULT(sp_spectrum, c_max),
    KIT_RESULT(sp_spectrum, energy_negative_modes),
    KIT_RESULT_ARRAY(sp_spectrum, eigenvalues_init), KIT_RESULT_ARRAY(sp_spectrum, S_predicted),
    KIT_RESULT_ARRAY(sp_spectrum, n_unstable), KIT_RESULT_ARRAY(sp_spectrum, uniform),
};

KIT_FN void sp_describe(sp_spectrum *row, size_t P, const double *lambda, const double *c)
{
    clb_spectrum_stats s = clb_spectrum_describe(P, lambda, 1e-9);
    double below = 0;
    row->lambda_max = s.largest, row->lambda_min = s.smallest;
    row->positive = (double)s.positive, row->negative = (double)s.negative;
    row->zero = (double)s.zero, row->effective_rank = s.effective_rank;
    row->mean_positive = s.mean_positive, row->median_positive = s.median_positive;
    row->spectral_width = s.spectral_width;
    row->c_mean = clb_mean(P, c), row->c_std = clb_std_pop(P, c);
    row->c_max = clb_summarize(P, c).max;
    for (size_t k = 0; k < P; ++k)
        if (lambda[k] < -1e-9) below += c[k];
    row->energy_negative_modes = below / (row->c_mean * (double)P);
}

KIT_FN clb_status sp_run_spectrum(kit *x, void *run)
{
    sp_spectrum *row = (sp_spectrum *)run;
    kit_list lrs = sp_rates(x);
    sw_start s;
    clb_status status = sp_start(&s, row->which, row->seed, row->data_first);
    if (!status) {
        size_t P = s.problem.net.P;
        double *lambda = kit_doubles(x, 3 * P), *c = lambda + P, *flat = c + P;
        double *S = kit_doubles(x, 3 * lrs.n), *unstable = S + lrs.n, *uniform = unstable + lrs.n;
        status = kit_crossover_modes(&s.curv, lambda, c);
        for (size_t k = 0; k < P; ++k) flat[k] = 1 / (double)P;
        for (size_t i = 0; i < lrs.n && !status; ++i) {
            clb_crossover_info info;
            S[i] = clb_crossover(P, lambda, c, lrs.at[i], sp_steps(x), &info);
            uniform[i] = clb_crossover(P, lambda, flat, lrs.at[i], sp_steps(x), NULL);
            unstable[i] = (double)info.unstable;
        }
        if (!status) sp_describe(row, P, lambda, c);
        row->eigenvalues_init.n = P, row->eigenvalues_init.at = lambda;
        row->S_predicted.n = row->n_unstable.n = row->uniform.n = lrs.n;
        row->S_predicted.at = S, row->n_unstable.at = unstable, row->uniform.at = uniform;
    }
    sw_start_free(&s);
    return status;
}

/* ---- a training ---------------------------------------------------------------------------- */

/* lr: eta; or f > 0: eta = 2 f / lambda_max(H_0) of the run itself. curve 1: every delta_t is kept,
 * in grad_imbalances. delta: those of sp_sample. drift = kbar eta loss_drop mu (clb_energy). */
typedef struct sp_training {
    const char *which;
    double      seed, data_first, lr, f, curve;
    double      eta, lambda_max, S, S_measured, actual_drift, final_loss, diverged, delta_0;
    double      kappa_0, loss_drop, kbar, mu;
    kit_list    delta, grad_imbalances;
} sp_training;
static const kit_field sp_training_fields[] = {
    SP_KEY_CASE(sp_training), KIT_KEY(sp_training, seed), KIT_KEY(sp_training, data_first),
    KIT_KEY(sp_training, lr), KIT_KEY(sp_training, f), KIT_KEY(sp_training, curve),
    KIT_RESULT(sp_training, eta), KIT_RESULT(sp_training, lambda_max),
    KIT_RESULT(sp_training, S), KIT_RESULT(sp_training, S_measured),
    KIT_RESULT(sp_training, actual_drift), KIT_RESULT(sp_training, final_loss),
    KIT_RESULT(sp_training, diverged), KIT_RESULT(sp_training, delta_0),
    KIT_RESULT(sp_training, kappa_0), KIT_RESULT(sp_training, loss_drop),
    KIT_RESULT(sp_training, kbar), KIT_RESULT(sp_training, mu),
    KIT_RESULT_ARRAY(sp_training, delta), KIT_RESULT_ARRAY(sp_training, grad_imbalances),
};
#define SP_AT(member) KIT_AT(sp_training, member)

/* Values of a curve of n steps at the steps of sp_sample; NaN past its end. */
KIT_FN kit_list sp_sampled(kit *x, size_t n, const double *curve)
{
    double kept[SP_SAMPLES];
    for (size_t i = 0; i < SP_SAMPLES; ++i)
        kept[i] = sp_sample[i] < (double)n ? curve[(size_t)sp_sample[i]] : KIT_NAN;
    return kit_keep(x, SP_SAMPLES, kept);
}

KIT_FN void sp_measure(kit *x, sp_training *row, const clb_trace *tr, double loss_end)
{
    kit_arena arena = { NULL };
    double *delta = (double *)kit_new(&arena, tr->steps + 1, sizeof *delta);
    for (size_t t = 0; t < tr->steps; ++t) delta[t] = tr->g[2 * t + 1] - tr->g[2 * t];
    row->diverged = tr->steps < tr->T;
    row->delta_0 = tr->g[1] - tr->g[0], row->kappa_0 = row->delta_0 / (tr->g[0] + tr->g[1]);
    row->final_loss = KIT_INF;
    row->delta = sp_sampled(x, tr->steps, delta);
    if (row->curve > 0) row->grad_imbalances = kit_keep(x, tr->steps, delta);
    if (row->diverged == 0) {
        clb_energy e = clb_trace_energy(tr, 1, loss_end);
        row->S = tr->S[0], row->S_measured = fabs(tr->S[0]);
        row->actual_drift = fabs(clb_trace_drift(tr, 1)), row->final_loss = tr->loss[tr->T - 1];
        row->loss_drop = e.loss_drop, row->kbar = e.kbar, row->mu = e.mu;
    }
    kit_arena_free(&arena);
}

KIT_FN clb_status sp_run_training(kit *x, void *run)
{
    sp_training *row = (sp_training *)run;
    clb_train_opts how;
    sw_start s;
    clb_trace tr;
    clb_status status = sp_start(&s, row->which, row->seed, row->data_first);
    memset(&how, 0, sizeof how);
    how.ce = sp_case_named(row->which)->ce;
    if (!status && row->f > 0) status = kit_sharpness(&s.curv, &row->lambda_max, NULL);
    row->eta = row->f > 0 ? 2 * row->f / row->lambda_max : row->lr;
    if (!status) {
        status = kit_train(&s.problem.net, &s.problem.data, row->eta, sp_steps(x), &how, &tr);
        if (!status || status == CLB_EDIVERGED) {
            sp_measure(x, row, &tr, status ? KIT_NAN : clb_loss(&s.pass, NULL));
            clb_trace_free(&tr);
            status = CLB_OK;
        }
    }
    sw_start_free(&s);
    return status;
}

/* One case on the grid: a spectrum a seed, a training a seed and learning rate. */
KIT_FN void sp_plan(kit *x, const kit_part *spectrum, const kit_part *train, const sp_case *c,
                    int data_first, int curve)
{
    kit_list seeds = kit_seeds(x, kit_quick(x) ? 1 : SP_SEEDS), lrs = kit_lrs(x, sp_lrs, SP_LRS);
    for (size_t s = 0; s < seeds.n; ++s) {
        sp_spectrum start;
        sp_training run;
        memset(&start, 0, sizeof start), memset(&run, 0, sizeof run);
        start.which = run.which = c->name, start.seed = run.seed = seeds.at[s];
        start.data_first = run.data_first = data_first, run.curve = curve;
        kit_add(x, spectrum, &start);
        for (size_t i = 0; i < lrs.n; ++i) run.lr = lrs.at[i], kit_add(x, train, &run);
    }
}

/* ---- the numbers of one case --------------------------------------------------------------- */

/* Predictors of S; those from SP_HD to SP_RELIN are loaded by predictors.h. */
typedef enum sp_predictor {
    SP_PUB,          /* the published formula: Hessian modes, c_k calibrated by delta_0 */
    SP_HD, SP_HF,    /* c_k = a_k^2 D_kk from first principles; sum over pairs: Hessian modes */
    SP_GND, SP_GNF,  /* the same two on the Gauss-Newton matrix */
    SP_LIN,          /* linearised network */
    SP_RELIN,        /* linearised anew at eta t = 0.02, 0.05, ... */
    SP_EN,           /* kappa_0 (Loss_0 - Loss_T) / eta, with the measured losses */
    SP_NULL,         /* S ~ 1/eta through the measured point eta = 0.01 */
    SP_PREDICTORS
} sp_predictor;

/* Everything per (seed, eta), row-major [seeds][n]; NaN where diverged, invalid or not run. */
typedef struct sp_grid {
    const sp_case *c;
    kit_list       lrs;
    size_t         seeds, n;
    const double  *seed;                 /* [seeds] */
    double        *lambda_max, *kappa_0; /* [seeds] */
    double        *S;                    /* measured, positive as published */
    double        *sign;                 /* of the measured sum */
    double        *pred[SP_PREDICTORS];
    double        *loss_drop;
} sp_grid;

/* The run of a part whose struct starts with which, seed; NULL: there is none. */
KIT_FN const void *sp_find(kit_rows rows, kit_at which, const char *name, kit_at seed, double value)
{
    kit_rows r = kit_where(kit_where_text(rows, which, name), seed, value);
    return r.n ? r.at[0] : NULL;
}
KIT_FN const sp_spectrum *sp_spectrum_of(kit *x, const kit_part *part, const char *name,
                                         double seed)
{
    return (const sp_spectrum *)sp_find(kit_part_runs(x, part), KIT_AT(sp_spectrum, which), name,
                                        KIT_AT(sp_spectrum, seed), seed);
}
KIT_FN const sp_training *sp_training_of(kit *x, const kit_part *part, const char *name,
                                         double seed, double lr)
{
    return (const sp_training *)sp_find(kit_where(kit_part_runs(x, part), SP_AT(lr), lr),
                                        SP_AT(which), name, SP_AT(seed), seed);
}
KIT_FN double sp_element(kit_list list, size_t i) { return i < list.n ? list.at[i] : KIT_NAN; }

KIT_FN double *sp_cells(kit *x, size_t n)
{
    double *v = kit_doubles(x, n);
    for (size_t i = 0; i < n; ++i) v[i] = KIT_NAN;
    return v;
}

KIT_FN void sp_load_seed(kit *x, sp_grid *g, const kit_part *spectrum, const kit_part *train,
                         size_t s)
{
    const sp_spectrum *start = sp_spectrum_of(x, spectrum, g->c->name, g->seed[s]);
    const sp_training *middle = sp_training_of(x, train, g->c->name, g->seed[s], 0.01);
    g->lambda_max[s] = start->lambda_max, g->kappa_0[s] = middle ? middle->kappa_0 : KIT_NAN;
    for (size_t i = 0; i < g->n; ++i) {
        size_t at = s * g->n + i;
        double lr = g->lrs.at[i];
        const sp_training *r = sp_training_of(x, train, g->c->name, g->seed[s], lr);
        g->pred[SP_PUB][at] = sp_element(start->S_predicted, i);
        if (middle) g->pred[SP_NULL][at] = middle->S_measured * 0.01 / lr;
        if (!r) continue;
        g->S[at] = r->S_measured, g->sign[at] = r->S < 0 ? -1 : 1;
        g->loss_drop[at] = r->loss_drop;
        g->pred[SP_EN][at] = r->kappa_0 * r->loss_drop / lr;
    }
}

/* A case on its published seeds; seeds = n = 0 if it was not run. */
KIT_FN sp_grid sp_load(kit *x, const kit_part *spectrum, const kit_part *train, const sp_case *c)
{
    kit_rows starts = kit_published(kit_where_text(kit_part_runs(x, spectrum),
                                                   KIT_AT(sp_spectrum, which), c->name));
    kit_list seeds = kit_values(starts, KIT_AT(sp_spectrum, seed));
    sp_grid g;
    memset(&g, 0, sizeof g);
    g.c = c, g.seed = seeds.at, g.seeds = seeds.n;
    if (seeds.n) g.lrs = sp_rates(x), g.n = g.lrs.n;
    g.lambda_max = sp_cells(x, g.seeds), g.kappa_0 = sp_cells(x, g.seeds);
    g.S = sp_cells(x, g.seeds * g.n), g.sign = sp_cells(x, g.seeds * g.n);
    g.loss_drop = sp_cells(x, g.seeds * g.n);
    for (int k = 0; k < SP_PREDICTORS; ++k) g.pred[k] = sp_cells(x, g.seeds * g.n);
    for (size_t s = 0; s < g.seeds; ++s) sp_load_seed(x, &g, spectrum, train, s);
    return g;
}

/* Mean of `what` over the seeds whose run converged, as published; NaN if there is none. */
KIT_FN double sp_mean(const sp_grid *g, const double *what, size_t i)
{
    double sum = 0, count = 0;
    for (size_t s = 0; s < g->seeds; ++s)
        if (isfinite(g->S[s * g->n + i])) sum += what[s * g->n + i], count += 1;
    return count > 0 ? sum / count : KIT_NAN;
}

/* Predicted over measured, minus 1: of the seed means, and of one seed. */
KIT_FN double sp_error(const sp_grid *g, sp_predictor k, size_t i)
{
    return sp_mean(g, g->pred[k], i) / sp_mean(g, g->S, i) - 1;
}
KIT_FN double sp_error_of(const sp_grid *g, sp_predictor k, size_t s, size_t i)
{
    return g->pred[k][s * g->n + i] / g->S[s * g->n + i] - 1;
}

/* Mean over seeds of |predicted/measured - 1|, eta <= top; *worst the largest. */
KIT_FN double sp_seed_error(const sp_grid *g, sp_predictor k, double top, double *worst)
{
    double sum = 0, count = 0;
    if (worst) *worst = 0;
    for (size_t s = 0; s < g->seeds; ++s) {
        double part = 0, n = 0;
        for (size_t i = 0; i < g->n; ++i) {
            double e = fabs(sp_error_of(g, k, s, i));
            if (g->lrs.at[i] > top || isnan(g->S[s * g->n + i])) continue;
            part += e, n += 1;
            if (worst && !(e <= *worst)) *worst = e;
        }
        sum += part, count += n;
    }
    return sum / count;
}

/* Smallest and largest error of the seed means in percent over eta <= top. */
typedef struct sp_span { double lo, hi; } sp_span;
KIT_FN sp_span sp_errors(const sp_grid *g, sp_predictor k, double top)
{
    sp_span e = { KIT_INF, -KIT_INF };
    for (size_t i = 0; i < g->n; ++i) {
        double percent = 100 * sp_error(g, k, i);
        if (g->lrs.at[i] > top || isnan(sp_mean(g, g->S, i))) continue;
        e.lo = fmin(e.lo, percent), e.hi = fmax(e.hi, percent);
    }
    if (e.lo > e.hi) e.lo = e.hi = KIT_NAN;
    return e;
}

/* Seed means of a quantity over all eta, to out[n]; returns how many eta <= top have a finite
 * measured mean (they come first as S diverges upwards). */
KIT_FN size_t sp_curve(const sp_grid *g, const double *what, double top, double *out)
{
    size_t used = 0;
    for (size_t i = 0; i < g->n; ++i) {
        out[i] = sp_mean(g, what, i);
        if (g->lrs.at[i] <= top && isfinite(sp_mean(g, g->S, i))) used = i + 1;
    }
    return used;
}

/* Power law of the measured seed means: S ~ eta^beta, alpha = 2 + beta. */
KIT_FN clb_fit sp_fit(kit *x, const sp_grid *g, double top)
{
    double *S = kit_doubles(x, g->n);
    size_t n = sp_curve(g, g->S, top, S);
    return clb_fit_power(n, g->lrs.at, S, 1e-15);
}

/* Correlation of logarithms that the paper reports, on the seed means. */
KIT_FN double sp_log_r(kit *x, const sp_grid *g, sp_predictor k, double top)
{
    double *S = kit_doubles(x, g->n), *P = kit_doubles(x, g->n);
    size_t n = sp_curve(g, g->S, top, S);
    sp_curve(g, g->pred[k], top, P);
    return clb_pearson_log(n, P, S, 0, 0);
}

/* The same as a headline number, with its interval over the seeds. */
typedef struct sp_R { const sp_grid *g; sp_predictor k; } sp_R;
KIT_FN double sp_R_of_drawn(void *context, size_t n, const uint32_t *index)
{
    const sp_R *c = (const sp_R *)context;
    const sp_grid *g = c->g;
    double S[64], P[64];
    size_t used = 0;
    for (size_t i = 0; i < g->n && i < 64; ++i) {
        double count = 0;
        S[i] = P[i] = 0;
        for (size_t s = 0; s < n; ++s) {
            size_t at = index[s] * g->n + i;
            if (isfinite(g->S[at])) S[i] += g->S[at], P[i] += g->pred[c->k][at], count += 1;
        }
        S[i] /= count, P[i] /= count;
        if (count > 0) used = i + 1;
    }
    return clb_pearson_log(used, P, S, 0, 0);
}
KIT_FN kit_summary_item *sp_R_summary(kit *x, const char *name, const sp_grid *g, double R)
{
    sp_R c = { g, SP_PUB };
    kit_summary_item *item = kit_summary_of_seeds(x, name, g->seeds, sp_R_of_drawn, &c);
    item->value = R;
    return item;
}

/* eta lambda_max(0), seed mean, for all eta: the axis on which the cases are compared. */
KIT_FN const double *sp_phases(kit *x, const sp_grid *g)
{
    double *at = kit_doubles(x, g->n), lambda = clb_mean(g->seeds, g->lambda_max);
    for (size_t i = 0; i < g->n; ++i) at[i] = g->lrs.at[i] * lambda;
    return at;
}
/* Largest phase eta lambda_max/2 over the seeds. */
KIT_FN double sp_phase(const sp_grid *g, size_t i)
{
    double worst = 0;
    for (size_t s = 0; s < g->seeds; ++s)
        worst = fmax(worst, clb_phase(g->lrs.at[i], g->lambda_max[s]));
    return worst;
}

/* ---- effects of activation and loss (E12) ---------------------------------------------------- */

enum { SP_EFFECTS = 3 };
static const char *const sp_effects[SP_EFFECTS] = { "activation", "loss", "interaction" };

/* Activation, loss and interaction effect [effect][n] on n values of every case, v [case][n]. */
KIT_FN const double *sp_split(kit *x, size_t n, const double *v)
{
    double *effect = kit_doubles(x, SP_EFFECTS * n);
    for (size_t s = 0; s < n; ++s) {
        double base = v[SP_LINEAR_MSE * n + s], relu = v[SP_RELU_MSE * n + s];
        double loss = v[SP_LINEAR_CE * n + s] - base;
        effect[s] = relu - base;
        effect[n + s] = loss;
        effect[2 * n + s] = v[SP_RELU_CE * n + s] - relu - loss;
    }
    return effect;
}

/* alpha = 2 + slope of ln S of one seed, from the eta <= top but for `out`. */
KIT_FN double sp_alpha(kit *x, const sp_grid *g, size_t s, double top, double out)
{
    double *eta = kit_doubles(x, 2 * g->n), *S = eta + g->n;
    size_t n = 0;
    for (size_t i = 0; i < g->n; ++i)
        if (g->lrs.at[i] <= top && g->lrs.at[i] != out && isfinite(g->S[s * g->n + i]))
            eta[n] = g->lrs.at[i], S[n++] = g->S[s * g->n + i];
    return 2 + clb_fit_power(n, eta, S, 0).slope;
}

/* Effects on alpha over the seeds of four cases, on one window: mean and sample deviation. */
typedef struct sp_effect { double mean, sd; } sp_effect;
KIT_FN void sp_window(kit *x, const sp_grid grids[SP_CASES], double top, double out,
                      sp_effect found[SP_EFFECTS])
{
    size_t n = grids->seeds;
    double *alpha = kit_doubles(x, SP_CASES * n);
    const double *effect;
    for (size_t i = 0; i < SP_CASES * n; ++i)
        alpha[i] = sp_alpha(x, &grids[i / n], i % n, top, out);
    effect = sp_split(x, n, alpha);
    for (int e = 0; e < SP_EFFECTS; ++e, effect += n)
        found[e].mean = clb_mean(n, effect), found[e].sd = clb_std(n, effect);
}

/* ---- figures ------------------------------------------------------------------------------- */

static const int sp_styles[SP_PREDICTORS] = { PLOT_ORANGE, PLOT_BROWN, PLOT_PURPLE,
                                              PLOT_BROWN,  PLOT_CYAN,  PLOT_GREEN,
                                              PLOT_RED,    PLOT_GREY,  PLOT_GREY };
static const char *const sp_labels[SP_PREDICTORS] = {
    "formula", "Hessian, own modes", "Hessian, all pairs", "Gauss-Newton, own modes",
    "Gauss-Newton, all pairs", "linearised", "linearised anew", "energy", "1/eta"
};

/* S against eta of one case: measured, and those predictors that were loaded, where they are
 * valid; with a legend or without. */
KIT_FN void sp_panel(kit *x, plot *p, const sp_grid *g, int legend)
{
    static const sp_predictor shown[] = { SP_PUB, SP_HF, SP_GNF, SP_LIN, SP_RELIN };
    double *S = kit_doubles(x, g->n), *P = kit_doubles(x, g->n);
    plot_panel *a = plot_add(p, g->c->label, "learning rate eta", "S(eta)", PLOT_LOG);
    sp_curve(g, g->S, 1, S);
    for (size_t k = 0; k < KIT_LEN(shown); ++k) {
        int valid = 0;
        for (size_t i = 0; i < g->n; ++i) {
            P[i] = sp_phase(g, i) < 1 || shown[k] == SP_PUB || g->c->ce > 0
                       ? sp_mean(g, g->pred[shown[k]], i)
                       : KIT_NAN;
            valid |= isfinite(P[i]);
        }
        if (valid)
            plot_line(a, sp_styles[shown[k]], g->n, g->lrs.at, P,
                      legend ? sp_labels[shown[k]] : NULL);
    }
    plot_points(a, PLOT_BLUE, g->n, g->lrs.at, S, legend ? "measured" : NULL);
    plot_vertical(a, 2 / clb_mean(g->seeds, g->lambda_max), "2/lambda_max(0)");
}

/* Points and a thin line for seed means of one case. */
KIT_FN void sp_plot_case(plot_panel *a, const sp_grid *g, const double *at, const double *y)
{
    int style = (int)(g->c - sp_cases);
    plot_curve(a, style, g->n, at, y, g->c->label);
}

#endif /* KIT_SPECTRAL_H */
