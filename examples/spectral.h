/* spectral.h - what the experiments on predicting S(eta) from the initial point (E8, E12) share:
 * the four
 * problems {linear, ReLU} x {MSE, CE}, their runs, every predictor, and the tables that compare
 * them.
 * Include after ex.h and plot.h. */
#ifndef CLB_SPECTRAL_H
#define CLB_SPECTRAL_H

enum { SP_T = 2000, SP_QUICK_T = 200, SP_LRS = 8, SP_CASES = 4, SP_SEEDS = 3, SP_TOP = 60 };
static const double sp_lrs[SP_LRS] = { 1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 0.1, 0.3 };

typedef struct sp_case {
    const char    *name, *label, *words;       /* in files, in legends, in a sentence */
    clb_activation activation;
    double         ce;
} sp_case;
static const sp_case sp_cases[SP_CASES] = {
    { "linear_mse", "linear, MSE", "linear MSE", CLB_IDENTITY, CLB_MSE },
    { "linear_ce",  "linear, CE",  "linear CE",  CLB_IDENTITY, CLB_CE },
    { "relu_mse",   "ReLU, MSE",   "ReLU MSE",   CLB_RELU,     CLB_MSE },
    { "relu_ce",    "ReLU, CE",    "ReLU CE",    CLB_RELU,     CLB_CE }
};
enum { SP_LINEAR_MSE, SP_LINEAR_CE, SP_RELU_MSE, SP_RELU_CE };

/* Predictors of S(eta); all but the last two use the initial point only. */
typedef enum sp_predictor {
    SP_PUB,          /* the published formula: Hessian modes, c_k calibrated by delta_0 */
    SP_HD, SP_HF,   /* first-principles c_k = a_k^2 D_kk; full double sum: positive Hessian modes */
    SP_GND, SP_GNF,  /* the same two on the Gauss-Newton matrix */
    SP_LIN,          /* linearised network */
    SP_RELIN,        /* linearised anew at eta t = 0.02, 0.05, ... */
    SP_EN,           /* kappa_0 (Loss_0 - Loss_T) / eta, with the measured losses */
    SP_NULL,         /* S ~ 1/eta through the measured point eta = 0.01 */
    SP_PREDICTORS
} sp_predictor;
static const char *const sp_names[SP_PREDICTORS] = { "PUB",     "H_diag",  "H_full",
                                                     "GN_diag", "GN_full", "LIN",
                                                     "RELIN",   "EN",      "1/eta" };
static const double sp_restarts[] = { 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 20 };      /* in eta t */
static const double sp_sample[] = {
    0,  1,   2,   3,   5,   7,   10,  14,  20,  28,   40,   57,
    80, 100, 113, 160, 226, 320, 453, 640, 905, 1000, 1280, 1810
}; /* steps at which delta_t is kept */

static const sp_case *sp_case_of(const ex_row *row)
{
    for (size_t k = 0; k < SP_CASES; ++k)
        if (!strcmp(sp_cases[k].name, ex_get_text(row, "case"))) return &sp_cases[k];
    return NULL;
}

/* ---- plan ----------------------------------------------------------------------------------- */

/* One "spectrum" run per (case, seed), one "train" run per (case, seed, eta). */
EX_FN void sp_plan_case(ex *x, const sp_case *c, ex_list seeds, ex_list lrs)
{
    for (size_t s = 0; s < seeds.n; ++s) {
        ex_row *row = ex_add(x, "spectrum", seeds.at[s]);
        ex_text(row, "case", c->name);
        for (size_t i = 0; i < lrs.n; ++i) {
            row = ex_add(x, "train", seeds.at[s]);
            ex_text(row, "case", c->name);
            ex_num(row, "lr", lrs.at[i]);
        }
    }
}

EX_FN size_t sp_steps(const ex *x) { return ex_quick(x) ? SP_QUICK_T : SP_T; }

/* ---- runs ----------------------------------------------------------------------------------- */

/* The problem at its initial point. */
typedef struct sp_point {
    clb_problem problem;
    clb_pass    pass;
    clb_curv    curv;
} sp_point;

EX_FN clb_status sp_open(sp_point *p, const ex_row *row, int data_first)
{
    const sp_case *c = sp_case_of(row);
    clb_problem_opts opts = { .net = { .activation = c->activation }, .data_first = data_first };
    clb_status status;
    memset(p, 0, sizeof *p);
    status = clb_problem_init(&p->problem, &opts, (uint64_t)row->seed, CLB_NORMAL_PUBLISHED);
    if (!status) status = clb_pass_init(&p->pass, &p->problem.net, &p->problem.data, c->ce);
    if (!status) status = clb_curv_init(&p->curv, &p->pass);
    if (!status) clb_curv_at(&p->curv, NULL);
    return status;
}

EX_FN void sp_close(sp_point *p)
{
    clb_curv_free(&p->curv);
    clb_pass_free(&p->pass);
    clb_problem_free(&p->problem);
}

/* Values of a curve at the sampled steps; NaN past its end. */
EX_FN void sp_keep(ex_row *row, const char *name, size_t n, const double *curve, size_t stride)
{
    double kept[EX_LEN(sp_sample)];
    for (size_t i = 0; i < EX_LEN(sp_sample); ++i) {
        size_t t = (size_t)sp_sample[i];
        kept[i] = t < n ? curve[t * stride] : EX_NAN;
    }
    ex_array(row, name, EX_LEN(sp_sample), kept);
}

/* Linearised network, once and with restarts; a model that overflows leaves NaN: outside
 * validity. */
EX_FN clb_status sp_linearised(ex_row *row, clb_curv *curv, double eta, size_t T)
{
    size_t steps[EX_LEN(sp_restarts)];
    double S, *delta = ex_space(row, T);
    clb_linear_opts how = { .delta = delta };
    clb_status status = clb_linearised(curv, eta, T, &how, &S);
    if (status && status != CLB_EDIVERGED) return status;
    ex_num(row, sp_names[SP_LIN], S);
    sp_keep(row, "delta_linear", status ? 0 : T, delta, 1);
    how.restart = steps;
    how.restart_count = clb_restart_steps(eta, T, EX_LEN(sp_restarts), sp_restarts, steps);
    status = clb_linearised(curv, eta, T, &how, &S);
    if (status && status != CLB_EDIVERGED) return status;
    ex_num(row, sp_names[SP_RELIN], S);
    ex_num(row, "segments", (double)how.restart_count + 1);
    return CLB_OK;
}

/* Measured quantities of one run, under their published names. */
EX_FN void sp_measure(ex_row *row, const clb_trace *tr, double loss_end, int whole_curve)
{
    size_t n = tr->steps;
    int diverged = n < tr->T;
    double *delta = ex_space(row, n ? n : 1), first = tr->g[1] - tr->g[0];
    clb_energy e = clb_trace_energy(tr, 1, loss_end);
    for (size_t t = 0; t < n; ++t) delta[t] = tr->g[2 * t + 1] - tr->g[2 * t];
    ex_num(row, "S", diverged ? EX_NAN : tr->S[0]);
    ex_num(row, "S_measured", diverged ? EX_NAN : fabs(tr->S[0]));
    ex_num(row, "actual_drift", diverged ? EX_NAN : fabs(clb_trace_drift(tr, 1)));
    ex_num(row, "final_loss", diverged ? EX_INF : tr->loss[tr->T - 1]);
    ex_flag(row, "converged", !diverged);
    ex_num(row, "delta_0", first);
    ex_num(row, "kappa_0", first / (tr->g[0] + tr->g[1]));
    ex_num(row, "loss_drop", diverged ? EX_NAN : e.loss_drop);
    ex_num(row, "kbar", diverged ? EX_NAN : e.kbar);
    ex_num(row, "mu", diverged ? EX_NAN : e.mu);
    ex_num(row, sp_names[SP_EN],
           diverged ? EX_NAN : first / (tr->g[0] + tr->g[1]) * e.loss_drop / tr->eta);
    sp_keep(row, "delta", n, delta, 1);
    if (whole_curve) ex_array(row, "grad_imbalances", n, delta);
}

EX_FN clb_status sp_train(ex *x, ex_row *row, int data_first, int whole_curve)
{
    size_t T = sp_steps(x);
    double eta = ex_get(row, "lr");
    clb_train_opts how = { .ce = sp_case_of(row)->ce };
    sp_point p;
    clb_trace tr;
    clb_status status = sp_open(&p, row, data_first);
    if (!status && !ex_published(x)) status = sp_linearised(row, &p.curv, eta, T);
    if (!status) {
        status = ex_train(&p.problem.net, &p.problem.data, eta, T, &how, &tr);
        if (!status || status == CLB_EDIVERGED) {
            double loss_end = status ? EX_NAN : clb_loss(&p.pass, NULL);
            sp_measure(row, &tr, loss_end, whole_curve);
            clb_trace_free(&tr);
            status = CLB_OK;
        }
    }
    sp_close(&p);
    return status;
}

/* Room for one eigenproblem. */
typedef struct sp_eigen {
    size_t    P;
    clb_real *H, *V;
    double   *values, *a;
} sp_eigen;

EX_FN clb_status sp_eigen_alloc(sp_eigen *e, size_t P)
{
    e->P = P;
    e->H = (clb_real *)malloc(P * P * sizeof *e->H),
    e->V = (clb_real *)malloc(P * P * sizeof *e->V);
    e->values = (double *)malloc(P * sizeof *e->values), e->a = (double *)malloc(P * sizeof *e->a);
    return e->H && e->V && e->values && e->a ? CLB_OK : CLB_ENOMEM;
}

EX_FN void sp_eigen_free(sp_eigen *e)
{
    free(e->H), free(e->V), free(e->values), free(e->a);
}

/* Sums over the modes of one matrix for every eta: two predictors, and the mode-coupling
 * numbers. */
EX_FN void sp_sums(ex_row *row, const clb_spectrum *sp, clb_mode_rule rule, sp_predictor diagonal,
                   size_t T)
{
    ex_list lrs = ex_get_array(row, "lrs");
    double *d = ex_space(row, lrs.n), *f = ex_space(row, lrs.n), coupling = EX_NAN;
    for (size_t i = 0; i < lrs.n; ++i) {
        clb_quadratic q = clb_spectrum_sum(sp, lrs.at[i], T, rule);
        d[i] = q.phase < 1 ? q.diagonal : EX_NAN, f[i] = q.phase < 1 ? q.S : EX_NAN;
        if (lrs.at[i] == 0.01) coupling = q.coupling;
    }
    ex_array(row, sp_names[diagonal], lrs.n, d);
    ex_array(row, sp_names[diagonal + 1], lrs.n, f);
    ex_num(row, diagonal == SP_HD ? "M_T_hessian" : "M_T_gauss_newton", coupling);
}

/* Published formula, with the counts of its branches; its own local slope. */
EX_FN void sp_published(ex_row *row, const sp_eigen *e, const double *c, size_t T)
{
    ex_list lrs = ex_get_array(row, "lrs");
    double *S = ex_space(row, lrs.n), *unstable = ex_space(row, lrs.n),
           *uniform = ex_space(row, lrs.n);
    double *flat = ex_space(row, e->P);
    for (size_t k = 0; k < e->P; ++k) flat[k] = 1 / (double)e->P;
    for (size_t i = 0; i < lrs.n; ++i) {
        clb_crossover_info info;
        S[i] = clb_crossover(e->P, e->values, c, lrs.at[i], T, &info);
        unstable[i] = (double)info.unstable;
        uniform[i] = clb_crossover(e->P, e->values, flat, lrs.at[i], T, NULL);
    }
    ex_array(row, sp_names[SP_PUB], lrs.n, S);
    ex_array(row, "n_unstable", lrs.n, unstable);
    ex_array(row, "uniform", lrs.n, uniform);
}

EX_FN void sp_spectrum_numbers(ex_row *row, const sp_eigen *e, const double *c)
{
    clb_spectrum_stats s = clb_spectrum_describe(e->P, e->values, 1e-9);
    double sum = 0, square = 0, max = 0, kept = 0, mean;
    for (size_t k = 0; k < e->P; ++k) sum += c[k], max = fmax(max, c[k]), kept += c[k] > 1e-15;
    mean = sum / (double)e->P;
    for (size_t k = 0; k < e->P; ++k) square += (c[k] - mean) * (c[k] - mean);
    ex_num(row, "lambda_max", s.largest), ex_num(row, "lambda_min", s.smallest);
    ex_num(row, "positive", (double)s.positive), ex_num(row, "negative", (double)s.negative);
    ex_num(row, "zero", (double)s.zero);
    ex_num(row, "effective_rank", s.effective_rank), ex_num(row, "mean_positive", s.mean_positive);
    ex_num(row, "median_positive", s.median_positive),
        ex_num(row, "spectral_width", s.spectral_width);
    ex_num(row, "c_mean", mean), ex_num(row, "c_std", sqrt(square / (double)e->P)),
        ex_num(row, "c_max", max);
    ex_num(row, "c_nonzero", kept);
}

/* First-principles sums on the Hessian, with eigenvectors; leaves the values and a_k in e. */
EX_FN clb_status sp_hessian(ex_row *row, sp_point *p, sp_eigen *e, size_t T)
{
    clb_spectrum sp;
    double below = 0;
    clb_status status = clb_hessian(&p->curv, e->H, e->P);
    if (!status) status = clb_eigh(e->P, e->H, e->P, e->values, e->V);
    if (!status) status = clb_spectrum_init(&sp, &p->problem.net, 1, e->values, e->V, p->curv.grad);
    if (status) return status;
    for (size_t k = 0; k < e->P; ++k) {
        e->a[k] = clb_dot(e->P, e->V + k * e->P, p->curv.grad);
        if (e->values[k] < -1e-9) below += e->a[k] * e->a[k];
    }
    ex_num(row, "energy_negative_modes", below / sp.energy);
    ex_num(row, "delta_0", sp.delta0), ex_num(row, "kappa_0", sp.delta0 / sp.energy);
    ex_num(row, "M_0", clb_spectrum_sum(&sp, 0, 1, CLB_MODES_ALL).coupling);
    sp_sums(row, &sp, CLB_MODES_POSITIVE, SP_HD, T);
    clb_spectrum_free(&sp);
    return CLB_OK;
}

/* The largest eigenvalues of the Gauss-Newton matrix, descending, from n ascending ones. */
EX_FN void sp_keep_top(ex_row *row, size_t n, const double *values)
{
    double top[SP_TOP];
    size_t count = n < SP_TOP ? n : SP_TOP;
    for (size_t k = 0; k < count; ++k) top[k] = values[n - 1 - k];
    ex_array(row, "gauss_newton_top", count, top);
}

/* The Gauss-Newton matrix: for MSE through the smaller kernel of the outputs. */
EX_FN clb_status sp_gauss_newton(ex_row *row, sp_point *p, sp_eigen *e, size_t T)
{
    clb_spectrum sp;
    clb_status status;
    if (p->pass.ce == CLB_MSE) {
        status = clb_spectrum_init_ntk(&sp, &p->curv, 1);
        if (!status) sp_keep_top(row, sp.n, sp.lambda);
    } else {
        double *values = (double *)malloc(e->P * sizeof *values);
        status = values ? clb_gauss_newton(&p->curv, e->H, e->P) : CLB_ENOMEM;
        if (!status) status = clb_eigh(e->P, e->H, e->P, values, e->V);
        if (!status)
            status = clb_spectrum_init(&sp, &p->problem.net, 1, values, e->V, p->curv.grad);
        if (!status) sp_keep_top(row, e->P, values);
        free(values);
    }
    if (status) return status;
    ex_num(row, "lambda_max_gauss_newton", sp.largest);
    sp_sums(row, &sp, CLB_MODES_CLAMPED, SP_GND, T);
    clb_spectrum_free(&sp);
    return CLB_OK;
}

/* "lrs" of the row holds the learning rates of its arrays. */
EX_FN clb_status sp_spectrum(ex *x, ex_row *row, int data_first)
{
    sp_point p;
    sp_eigen e;
    ex_list lrs = ex_lrs(x, sp_lrs, SP_LRS);
    size_t T = sp_steps(x);
    clb_status status = sp_open(&p, row, data_first), room = sp_eigen_alloc(&e, p.problem.net.P);
    ex_array(row, "lrs", lrs.n, lrs.at);
    if (!status) status = room;
    if (!status && ex_published(x)) status = ex_crossover_modes(&p.curv, e.values, e.a);
    if (!status && !ex_published(x)) {
        status = sp_hessian(row, &p, &e, T);
        if (!status) status = sp_gauss_newton(row, &p, &e, T);
        clb_crossover_weights(e.P, e.a, ex_get(row, "delta_0"), e.a);
    }
    if (!status) {
        sp_published(row, &e, e.a, T);
        sp_spectrum_numbers(row, &e, e.a);
        ex_array(row, "eigenvalues_init", e.P, e.values);
    }
    sp_eigen_free(&e);
    sp_close(&p);
    return status;
}

/* ---- the numbers of one case ---------------------------------------------------------------- */

/* Everything per (seed, eta), row-major [seeds][n]; NaN where diverged, invalid or not run. */
typedef struct sp_grid {
    const sp_case *c;
    ex_list        lrs;
    size_t         seeds, n;
    const double  *seed;                 /* [seeds] */
    double        *lambda_max, *kappa_0; /* [seeds] */
    double        *S;                    /* measured, positive as published */
    double        *pred[SP_PREDICTORS];
    double        *loss_drop;
} sp_grid;

EX_FN double sp_at(ex_list list, size_t i) { return i < list.n ? list.at[i] : EX_NAN; }

EX_FN void sp_load_row(sp_grid *g, ex *x, size_t s)
{
    ex_row *spectrum = ex_find(x, "part=spectrum case=%s seed=%.17g", g->c->name, g->seed[s]);
    ex_row *middle = ex_find(x, "part=train case=%s seed=%.17g lr=0.01", g->c->name, g->seed[s]);
    for (size_t i = 0; i < g->n; ++i) {
        size_t at = s * g->n + i;
        ex_row *row = ex_find(x, "part=train case=%s seed=%.17g lr=%.17g", g->c->name, g->seed[s],
                              g->lrs.at[i]);
        g->S[at] = row ? ex_get(row, "S_measured") : EX_NAN;
        for (int k = 0; k < SP_PREDICTORS; ++k) {
            double v = EX_NAN;
            if (k <= SP_GNF && spectrum) v = sp_at(ex_get_array(spectrum, sp_names[k]), i);
            else if (k == SP_NULL && middle) v = ex_get(middle, "S_measured") * 0.01 / g->lrs.at[i];
            else if (k > SP_GNF && row) v = ex_get(row, sp_names[k]);
            /* S is published without sign */
            g->pred[k][at] = k < SP_EN && k != SP_PUB && row && ex_get(row, "S") < 0 ? -v : v;
        }
        g->loss_drop[at] = row ? ex_get(row, "loss_drop") : EX_NAN;
    }
    g->lambda_max[s] = spectrum ? ex_get(spectrum, "lambda_max") : EX_NAN;
    g->kappa_0[s] = middle ? ex_get(middle, "kappa_0") : EX_NAN;
}

/* The four cases on their published seeds; seeds = n = 0 for a case that was not run. */
EX_FN void sp_load(ex *x, sp_grid grids[SP_CASES])
{
    memset(grids, 0, SP_CASES * sizeof *grids);
    for (size_t which = 0; which < SP_CASES; ++which) {
        sp_grid *g = &grids[which];
        ex_list seeds = ex_pick(x, "seed", "part=spectrum case=%s pub=1", sp_cases[which].name);
        size_t cells;
        if (!seeds.n) continue;
        g->c = &sp_cases[which];
        g->lrs = ex_get_array(ex_find(x, "part=spectrum case=%s", g->c->name), "lrs");
        g->seeds = seeds.n, g->n = g->lrs.n, g->seed = seeds.at, cells = g->seeds * g->n;
        g->lambda_max = ex_doubles(x, seeds.n), g->kappa_0 = ex_doubles(x, seeds.n);
        g->S = ex_doubles(x, cells), g->loss_drop = ex_doubles(x, cells);
        for (int k = 0; k < SP_PREDICTORS; ++k) g->pred[k] = ex_doubles(x, cells);
        for (size_t s = 0; s < g->seeds; ++s) sp_load_row(g, x, s);
    }
}

/* Mean of `what` over the seeds whose run converged, as published; NaN if there is none. */
EX_FN double sp_mean(const sp_grid *g, const double *what, size_t i)
{
    double sum = 0, count = 0;
    for (size_t s = 0; s < g->seeds; ++s)
        if (isfinite(g->S[s * g->n + i])) sum += what[s * g->n + i], count += 1;
    return count > 0 ? sum / count : EX_NAN;
}

/* Predicted over measured seed means, minus 1. */
EX_FN double sp_error(const sp_grid *g, sp_predictor k, size_t i)
{
    return sp_mean(g, g->pred[k], i) / sp_mean(g, g->S, i) - 1;
}

/* The same of one seed. */
EX_FN double sp_error_of(const sp_grid *g, sp_predictor k, size_t s, size_t i)
{
    return g->pred[k][s * g->n + i] / g->S[s * g->n + i] - 1;
}

/* Mean over seeds of |predicted/measured - 1|, eta <= top; *worst the largest. */
EX_FN double sp_seed_error(const sp_grid *g, sp_predictor k, double top, double *worst)
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

/* Largest phase eta lambda_max/2 over the seeds. */
EX_FN double sp_phase(const sp_grid *g, size_t i)
{
    double worst = 0;
    for (size_t s = 0; s < g->seeds; ++s)
        worst = fmax(worst, clb_phase(g->lrs.at[i], g->lambda_max[s]));
    return worst;
}

/* Seed means of a quantity over all eta, to out[n]; returns how many eta <= top have a finite
 * measured mean
 * (they come first as S diverges upwards). */
EX_FN size_t sp_curve(const sp_grid *g, const double *what, double top, double *out)
{
    size_t used = 0;
    for (size_t i = 0; i < g->n; ++i) {
        out[i] = sp_mean(g, what, i);
        if (g->lrs.at[i] <= top && isfinite(sp_mean(g, g->S, i))) used = i + 1;
    }
    return used;
}

/* Power law of the measured seed means: S ~ eta^beta, alpha = 2 + beta. */
EX_FN clb_fit sp_fit(ex *x, const sp_grid *g, double top)
{
    double *S = ex_doubles(x, g->n);
    size_t n = sp_curve(g, g->S, top, S);
    return clb_fit_power(n, g->lrs.at, S, 1e-15);
}

/* eta lambda_max(0), seed mean, for all eta: the axis on which the cases are compared. */
EX_FN const double *sp_phases(ex *x, const sp_grid *g)
{
    double *at = ex_doubles(x, g->n), lambda = clb_mean(g->seeds, g->lambda_max);
    for (size_t i = 0; i < g->n; ++i) at[i] = g->lrs.at[i] * lambda;
    return at;
}

/* Correlation of logarithms that the paper reports. */
EX_FN double sp_log_r(ex *x, const sp_grid *g, sp_predictor k, double top)
{
    double *S = ex_doubles(x, g->n), *P = ex_doubles(x, g->n);
    size_t n = sp_curve(g, g->S, top, S);
    sp_curve(g, g->pred[k], top, P);
    return clb_pearson_log(n, P, S, 0, 0);
}

/* Mean |difference of local slopes| between prediction and measurement. */
EX_FN double sp_slope_error(ex *x, const sp_grid *g, sp_predictor k, double top)
{
    double *S = ex_doubles(x, g->n), *P = ex_doubles(x, g->n), *a = ex_doubles(x, g->n),
           *b = ex_doubles(x, g->n), sum = 0;
    size_t n = sp_curve(g, g->S, top, S);
    sp_curve(g, g->pred[k], top, P);
    if (n < 2) return EX_NAN;
    clb_local_slopes(n, g->lrs.at, S, a);
    clb_local_slopes(n, g->lrs.at, P, b);
    for (size_t i = 0; i + 1 < n; ++i) sum += fabs(a[i] - b[i]);
    return sum / (double)(n - 1);
}

/* ---- tables --------------------------------------------------------------------------------- */

/* S and the error of every predictor in percent, one line per (case, eta). */
EX_FN void sp_error_table(ex *x, const sp_grid *g, const char *table)
{
    for (size_t i = 0; i < g->n; ++i) {
        ex_row *line = ex_line(x, table);
        ex_text(line, "case", g->c->name);
        ex_num(line, "lr", g->lrs.at[i]);
        ex_num(line, "eta_lambda_max", 2 * sp_phase(g, i));
        ex_num(line, "S", sp_mean(g, g->S, i));
        for (int k = 0; k < SP_PREDICTORS; ++k) {
            double e = 100 * sp_error(g, (sp_predictor)k, i);
            if (isfinite(e)) ex_num(line, sp_names[k], e);      /* else "-": outside validity */
        }
    }
}

/* How good each predictor is below eta = 0.1: mean error per seed, error of the local slope,
 * log-log R. */
EX_FN void sp_quality_table(ex *x, const sp_grid *g, const char *table)
{
    for (int k = 0; k < SP_PREDICTORS; ++k) {
        double worst, mean = sp_seed_error(g, (sp_predictor)k, 0.1, &worst);
        ex_row *line = ex_line(x, table);
        ex_text(line, "case", g->c->name);
        ex_text(line, "predictor", sp_names[k]);
        ex_num(line, "mean_error_percent", 100 * mean);
        ex_num(line, "worst_error_percent", 100 * worst);
        ex_num(line, "slope_error", sp_slope_error(x, g, (sp_predictor)k, 0.1));
        ex_num(line, "log_R", sp_log_r(x, g, (sp_predictor)k, 0.1));
        ex_num(line, "log_R_all_eta", sp_log_r(x, g, (sp_predictor)k, 1));
    }
}

EX_FN void sp_coupling_table(ex *x, const sp_grid *g, const char *table)
{
    for (size_t s = 0; s < g->seeds; ++s) {
        ex_row *from = ex_find(x, "part=spectrum case=%s seed=%.17g", g->c->name, g->seed[s]),
               *line = ex_line(x, table);
        ex_text(line, "case", g->c->name);
        ex_num(line, "seed", g->seed[s]);
        ex_take_known(line, from, "M_0 M_T_hessian M_T_gauss_newton energy_negative_modes "
                                  "lambda_max lambda_min lambda_max_gauss_newton positive "
                                  "negative zero");
    }
}

/* Tables "predictors" and, beyond the published runs, "quality". */
EX_FN void sp_tables(ex *x, const sp_grid grids[SP_CASES])
{
    ex_caption(x, "predictors",
               "S and the error of its predictors in percent, seed means; \"-\": outside validity");
    for (size_t k = 0; k < SP_CASES; ++k) sp_error_table(x, &grids[k], "predictors");
    for (size_t k = 0; k < SP_CASES && !ex_published(x); ++k)
        sp_quality_table(x, &grids[k], "quality");
}

/* ---- figure --------------------------------------------------------------------------------- */

static const int sp_styles[SP_PREDICTORS] = { PLOT_ORANGE, PLOT_BROWN, PLOT_PURPLE,
                                              PLOT_BROWN,  PLOT_CYAN,  PLOT_GREEN,
                                              PLOT_RED,    PLOT_GREY,  PLOT_GREY };

/* S against eta of one case: measured, published formula, linearised network, relinearised. */
EX_FN void sp_panel(ex *x, plot *p, const sp_grid *g)
{
    static const sp_predictor shown[] = { SP_PUB, SP_HF, SP_GNF, SP_LIN, SP_RELIN };
    double *S = ex_doubles(x, g->n), *P = ex_doubles(x, g->n);
    plot_panel *a = plot_add(p, g->c->label, "learning rate eta", "S(eta)", PLOT_LOG);
    sp_curve(g, g->S, 1, S);
    for (size_t k = 0; k < EX_LEN(shown); ++k) {
        int valid = 0;
        for (size_t i = 0; i < g->n; ++i) {
            P[i] = sp_phase(g, i) < 1 || shown[k] == SP_PUB || g->c->ce > 0
                       ? sp_mean(g, g->pred[shown[k]], i)
                       : EX_NAN;
            valid |= isfinite(P[i]);
        }
        if (valid) plot_line(a, sp_styles[shown[k]], g->n, g->lrs.at, P, sp_names[shown[k]]);
    }
    plot_points(a, PLOT_BLUE, g->n, g->lrs.at, S, "measured");
    plot_vertical(a, 2 / clb_mean(g->seeds, g->lambda_max), "2/lambda_max(0)");
}

/* Points and a thin line for seed means of one case. */
EX_FN void sp_plot_case(plot_panel *a, const sp_grid *g, const double *at, const double *y)
{
    int style = (int)(g->c - sp_cases);
    plot_line(a, style | PLOT_THIN, g->n, at, y, NULL);
    plot_points(a, style, g->n, at, y, g->c->label);
}

/* ---- ledger of E8 and E12 ------------------------------------------------------------------- */

/* What refs() claims for every published run of a case, under FILE#NAME/SEED. */
EX_FN void sp_ref_runs(ex *x, const sp_grid *g, const char *file, const char *name,
                       void (*refs)(ex *x, ex_row *row, const char *path))
{
    for (size_t i = 0; i < ex_runs(x); ++i) {
        ex_row *row = ex_run_at(x, i);
        int seed = ex_seed_index(row);
        if (g->n && sp_case_of(row) == g->c && ex_comparable(row) && seed < SP_SEEDS)
            refs(x, row, ex_print(x, "%s#%s/%d", file, name, seed));
    }
}

EX_FN void sp_ref_config(ex *x, const char *file)
{
    ex_list lrs = { SP_LRS, sp_lrs };
    ex_ref_config(x, file, SP_SEEDS, lrs, SP_T);
    ex_ref_shapes(x, file, 64);
}

/* What a "spectrum" run has in both: configuration and wall time. */
EX_FN void sp_ref_run(ex *x, const ex_row *row, const char *path)
{
    ex_ref_none(x, EX_FOREIGN, "wall time", "%s/hessian_time", path);
    ex_ref_value(x, row->seed, EX_EXACT, 0, "%s/seed", path);
    ex_ref_value(x, 1600, EX_EXACT, 0, "%s/n_params", path);
}

/* One eta of the table of seed means; config is the place of its published numbers. */
EX_FN ex_row *sp_means_line(ex *x, const sp_grid *g, size_t i, const char *key, const char *name,
                            const char *config)
{
    ex_row *line = ex_line(x, "seed means");
    const char *eta = ex_key(x, g->lrs.at[i]);
    ex_text(line, key, name);
    ex_nums(line, "lr S_measured S_predicted error_percent",
            EX_VALUES(g->lrs.at[i], sp_mean(g, g->S, i), sp_mean(g, g->pred[SP_PUB], i),
                      100 * sp_error(g, SP_PUB, i)));
    if (isnan(sp_mean(g, g->S, i))) return line;
    ex_ref(line, "S_measured", EX_STABLE, 1e-6, "%s/S_measured_avg/%s", config, eta);
    ex_ref(line, "S_predicted", EX_STABLE, 2e-6, "%s/S_predicted_avg/%s", config, eta);
    return line;
}

/* A training run; final losses are stable to loss_tol. Returns the run's place. */
EX_FN const char *sp_ref_train(ex *x, ex_row *row, const char *path, double loss_tol)
{
    const char *at = ex_print(x, "%s/measurements/%s", path, ex_key(x, ex_get(row, "lr")));
    ex_refs(row, "S_measured", EX_STABLE, 1e-6, "%s", at);
    ex_refs(row, "actual_drift", EX_NOISE, 3.5e-5 + 1e-4 * ex_get(row, "actual_drift"), "%s", at);
    ex_refs(row, "final_loss", EX_STABLE, loss_tol, "%s", at);
    return at;
}

#endif /* CLB_SPECTRAL_H */
