/* What the page computes: a training and what is watched along it, the drift at other step sizes with
 * its predictions, and multi-pathway nets. All numbers are clb.h's; this file asks and hands on.
 *
 * Built for WebAssembly by "make page" (see build.sh there); the same file built natively with
 * CLB_NO_FMA gives the same bits (tests/page_native.c).
 *
 * The page writes its wishes into page_inputs(), calls a job and gets rows of numbers through
 * page_emit(), which it supplies. A job runs to its end; to end it early, the page ends its worker. */
#undef CLB_DECLARATIONS_ONLY           /* an implementation of its own */
#define CLB_IMPLEMENTATION
#ifdef __wasm__
#define CLB_FREESTANDING
#define CLB_NO_FMA
#include "libc.h"
#define PAGE_EXPORT(name) __attribute__((export_name(#name)))
#define PAGE_IMPORT __attribute__((import_module("page"), import_name("emit")))
#else
#define PAGE_EXPORT(name)
#define PAGE_IMPORT
#endif
#include "../../clb.h"

/* What the page sets. */
enum { IN_ETA, IN_STEPS, IN_WIDTH, IN_LAYERS, IN_CE, IN_ACTIVATION, IN_OPTIMIZER, IN_DATA, IN_SEED, IN_BIAS,
       IN_LOOKS, IN_PATHS, IN_DEPTH, IN_GAMMA, IN_SPREAD, IN_TARGET, IN_COUNT };
/* What rows are about. */
enum { ROW_SHAPE, ROW_STEP, ROW_LOOK, ROW_END, ROW_RUN, ROW_PREDICTION, ROW_PATH, ROW_MAP, ROW_PHASE, ROW_THRESHOLDS, ROW_DATA };

PAGE_IMPORT void page_emit(int kind, const double *values, int count);

static double page_in[IN_COUNT];
PAGE_EXPORT(page_inputs) double *page_inputs(void);
double *page_inputs(void) { return page_in; }
PAGE_EXPORT(page_inputs_count) int page_inputs_count(void);
int page_inputs_count(void) { return IN_COUNT; }

static size_t page_size(int input) { return (size_t)page_in[input]; }

/* ---- the problem ------------------------------------------------------------------------------ */

enum { DATA_MIXTURE, DATA_CLOSE, DATA_SPHERES, DATA_XOR };
enum { PAGE_MAX_LAYERS = 8, PAGE_MAX_LOOKS = 400, PAGE_MAX_WIDTH = 256 };

typedef struct page_problem {
    clb_net  net;
    clb_data data;
} page_problem;

static void problem_free(page_problem *problem)
{
    clb_net_free(&problem->net);
    clb_data_free(&problem->data);
}

/* One generator draws the weights, then the data. */
static clb_status problem_init(page_problem *problem)
{
    size_t kind = page_size(IN_DATA), L = page_size(IN_LAYERS), widths[PAGE_MAX_LAYERS + 1], l;
    size_t d = kind == DATA_XOR ? 2 : kind == DATA_SPHERES ? 10 : 20, K = kind >= DATA_SPHERES ? 2 : 5;
    clb_net_opts opts = CLB_ZERO;
    clb_rng rng;
    clb_status status;
    memset(problem, 0, sizeof *problem);
    if (L < 2 || L > PAGE_MAX_LAYERS || page_size(IN_WIDTH) < 1 || page_size(IN_WIDTH) > PAGE_MAX_WIDTH)
        return CLB_ECOUNT;
    for (l = 1; l < L; ++l) widths[l] = page_size(IN_WIDTH);
    widths[0] = d;
    widths[L] = K;
    opts.activation = (clb_activation)(int)page_in[IN_ACTIVATION];
    opts.param = opts.activation == CLB_RELU_POWER ? 2.0 : opts.activation == CLB_LEAKY_RELU ? 0.1 : 0.0;
    opts.bias = page_in[IN_BIAS] != 0 ? -1 : 0;
    clb_rng_seed(&rng, (uint64_t)page_in[IN_SEED]);
    status = clb_net_init(&problem->net, widths, L + 1, &opts, &rng);
    if (status) return status;
    if (kind == DATA_XOR) status = clb_data_xor(&problem->data, &rng, 200);
    else if (kind == DATA_SPHERES) status = clb_data_spheres(&problem->data, &rng, 200, d, 1.0, 2.0);
    else status = clb_data_mixture(&problem->data, &rng, 200, d, K, kind == DATA_CLOSE ? 0.5 : 2.0);
    if (status) problem_free(problem);
    return status;
}

/* A row for each point: its inputs, its label. */
PAGE_EXPORT(page_data) int page_data(void);
int page_data(void)
{
    page_problem problem;
    double row[21];
    size_t i, j;
    clb_status status = problem_init(&problem);
    if (status) return (int)status;
    for (i = 0; i < problem.data.n; ++i) {
        for (j = 0; j < problem.data.d; ++j) row[j] = (double)problem.data.X[i * problem.data.d + j];
        row[j] = (double)problem.data.y[i];
        page_emit(ROW_DATA, row, (int)j + 1);
    }
    problem_free(&problem);
    return 0;
}

static clb_train_opts page_train_opts(void)
{
    clb_train_opts opts = CLB_ZERO;
    opts.ce = page_in[IN_CE];
    opts.optimizer = (clb_optimizer)(int)page_in[IN_OPTIMIZER];
    return opts;
}

/* ---- a run, every step ------------------------------------------------------------------------ */

/* Row of a step: t, loss, accuracy; then |W_l|^2 of the L layers; then of the L-1 charges: C; the charge
 * that the law is about (with biases and degrees, see clb_trace); its change by the optimiser's exact
 * law, which for gradient descent is eta^2 S. */
static clb_verdict watch_step(void *context, const clb_state *state)
{
    const clb_net *net = state->net;
    double row[3 + 4 * PAGE_MAX_LAYERS], *at = row;
    size_t l;
    (void)context;
    *at++ = (double)state->t;
    *at++ = state->loss;
    *at++ = clb_accuracy(state->pass);
    for (l = 1; l <= net->L; ++l) *at++ = clb_weight_sumsq(net, net->theta, l);
    for (l = 1; l < net->L; ++l) *at++ = clb_charge(net, NULL, l);
    for (l = 1; l < net->L; ++l) *at++ = clb_trace_law(state->trace, l, state->t);
    for (l = 1; l < net->L; ++l) *at++ = state->trace->predicted[l - 1];
    page_emit(ROW_STEP, row, (int)(at - row));
    return CLB_CONTINUE;
}

/* 0 done, 1 diverged, 2 not made. */
static double ending(clb_status status) { return status == CLB_OK ? 0 : status == CLB_EDIVERGED ? 1 : 2; }

/* Row of the end: how, steps done; then of each charge its drift and the optimiser's exact law. */
static void emit_end(clb_status status, const clb_trace *trace)
{
    double row[2 + 2 * PAGE_MAX_LAYERS], *at = row;
    size_t l;
    *at++ = ending(status);
    *at++ = trace ? (double)trace->steps : 0.0;
    for (l = 1; trace && l < trace->L; ++l) {
        *at++ = clb_trace_law_drift(trace, l);
        *at++ = trace->predicted[l - 1];
    }
    page_emit(ROW_END, row, (int)(at - row));
}

static int has_trace(clb_status status) { return status == CLB_OK || status == CLB_EDIVERGED; }

/* The whole training with one observer. */
static int page_run(clb_observer *observer)
{
    page_problem problem;
    clb_train_opts opts = page_train_opts();
    clb_trace trace;
    double shape[3];
    clb_status status = problem_init(&problem);
    if (status) return emit_end(status, NULL), (int)status;
    shape[0] = (double)problem.net.P, shape[1] = (double)problem.data.n, shape[2] = (double)problem.net.L;
    page_emit(ROW_SHAPE, shape, 3);
    opts.observers = observer;
    opts.observer_count = 1;
    status = clb_train(&problem.net, &problem.data, page_in[IN_ETA], page_size(IN_STEPS), &opts, &trace);
    emit_end(status, has_trace(status) ? &trace : NULL);
    if (has_trace(status)) clb_trace_free(&trace);
    problem_free(&problem);
    return (int)status;
}

PAGE_EXPORT(page_train) int page_train(void);
int page_train(void)
{
    clb_observer observer = CLB_ZERO;
    observer.call = watch_step;
    observer.every = 1;
    return page_run(&observer);
}

/* ---- the same run, curvature at some steps ----------------------------------------------------- */

enum { PAGE_EXACT = 450, PAGE_SLQ_STEPS = 32 };

/* Row of a look: t, loss, largest and smallest eigenvalue (without all of
 * them the smallest is the smallest Ritz value, a little too high), then pairs of eigenvalue and weight; the
 * weights add up to 1. All eigenvalues up to PAGE_EXACT parameters, else nodes of a quadrature. */
typedef struct page_look {
    clb_curv  curv;
    int       ready;
    clb_real *top;                      /* eigenvector of the last look, where the next search begins */
    double    row[4 + 2 * PAGE_EXACT];
} page_look;

static int look_exact(page_look *look, size_t P)
{
    double values[PAGE_EXACT];
    clb_real *H = (clb_real *)CLB_MALLOC(P * P * sizeof *H);
    size_t i;
    int ok = H && clb_hessian(&look->curv, H, P) == CLB_OK && clb_eigh(P, H, P, values, NULL) == CLB_OK;
    CLB_FREE(H);
    if (!ok) return 0;
    look->row[2] = values[P - 1];
    look->row[3] = values[0];
    for (i = 0; i < P; ++i) look->row[4 + 2 * i] = values[i], look->row[5 + 2 * i] = 1.0 / (double)P;
    return (int)(4 + 2 * P);
}

static int look_density(page_look *look)
{
    clb_lanczos_opts top = CLB_ZERO;
    clb_slq_opts opts = CLB_ZERO;
    clb_quadrature q;
    clb_eigs eigs;
    clb_linop H = clb_hessian_op(&look->curv);
    clb_rng rng;
    size_t i;
    int count;
    top.tol = 1e-8;
    top.no_check = 1;
    top.basis = 16;
    top.start = look->top;
    if (clb_lanczos(&H, 1, &top, &eigs)) return 0;
    look->row[2] = eigs.value[0];
    look->row[3] = eigs.smallest;
    if (!look->top) look->top = (clb_real *)CLB_MALLOC(H.n * sizeof *look->top);
    if (look->top) memcpy(look->top, eigs.vector, H.n * sizeof *look->top);
    clb_eigs_free(&eigs);
    opts.steps = PAGE_SLQ_STEPS;
    opts.probes = 1;
    clb_rng_seed(&rng, 1);
    if (clb_slq(&H, &rng, &opts, &q)) return 4;
    if (q.node[0] < look->row[3]) look->row[3] = q.node[0];
    for (i = 0; i < q.count; ++i) look->row[4 + 2 * i] = q.node[i], look->row[5 + 2 * i] = q.weight[i];
    count = (int)(4 + 2 * q.count);
    clb_quadrature_free(&q);
    return count;
}

static clb_verdict watch_curvature(void *context, const clb_state *state)
{
    page_look *look = (page_look *)context;
    int count;
    if (!look->ready && clb_curv_init(&look->curv, state->pass)) return CLB_STOP;
    look->ready = 1;
    look->row[0] = (double)state->t;
    look->row[1] = state->loss;
    if (!(state->loss <= (double)FLT_MAX)) return CLB_CONTINUE;
    clb_curv_at(&look->curv, NULL);
    count = state->net->P <= PAGE_EXACT ? look_exact(look, state->net->P) : look_density(look);
    if (count) page_emit(ROW_LOOK, look->row, count);
    return CLB_CONTINUE;
}

/* IN_LOOKS + 1 steps at most, denser at the start: round(T (i/looks)^2). */
PAGE_EXPORT(page_look_along) int page_look_along(void);
int page_look_along(void)
{
    static page_look look;
    static size_t at[PAGE_MAX_LOOKS + 1];
    size_t looks = page_size(IN_LOOKS), T = page_size(IN_STEPS), i, count = 0;
    clb_observer observer = CLB_ZERO;
    int status;
    if (looks < 1 || looks > PAGE_MAX_LOOKS) return CLB_ECOUNT;
    for (i = 0; i <= looks; ++i) {
        double part = (double)i / (double)looks;
        size_t t = (size_t)(part * part * (double)T + 0.5);
        if (count == 0 || t > at[count - 1]) at[count++] = t;
    }
    memset(&look, 0, sizeof look);
    observer.call = watch_curvature;
    observer.context = &look;
    observer.at = at;
    observer.at_count = count;
    status = page_run(&observer);
    if (look.ready) clb_curv_free(&look.curv);
    CLB_FREE(look.top);
    return status;
}

/* ---- drift against step size ------------------------------------------------------------------- */

/* Sum over the charges of |x_l|. */
static double sum_abs(size_t count, const double *x)
{
    double sum = 0;
    size_t l;
    for (l = 0; l < count; ++l) sum += fabs(x[l]);
    return sum;
}

/* Row of a run: eta, how it ended, sum over the charges of |drift|, last loss. */
PAGE_EXPORT(page_run_at) int page_run_at(double eta);
int page_run_at(double eta)
{
    page_problem problem;
    clb_train_opts opts = page_train_opts();
    clb_trace trace;
    double row[4], drift[PAGE_MAX_LAYERS];
    size_t l;
    clb_status status = problem_init(&problem);
    if (status) return (int)status;
    status = clb_train(&problem.net, &problem.data, eta, page_size(IN_STEPS), &opts, &trace);
    problem_free(&problem);
    if (!has_trace(status)) return (int)status;
    for (l = 1; l < trace.L; ++l) drift[l - 1] = clb_trace_law_drift(&trace, l);
    row[0] = eta, row[1] = ending(status);
    row[2] = status ? (double)NAN : sum_abs(trace.L - 1, drift);
    row[3] = status ? (double)NAN : trace.loss[trace.steps - 1];
    page_emit(ROW_RUN, row, 4);
    clb_trace_free(&trace);
    return (int)status;
}

/* Predictions at the point where training starts. Kinds: the published crossover formula, which needs
 * all eigenvalues (up to PAGE_FORMULA parameters); the net linearised there; the two-point flow. Rows: kind, eta, the
 * predicted sum of |drift|. The formula knows one charge, the mean of all. */
enum { PREDICT_FORMULA, PREDICT_LINEARISED, PREDICT_EDGE, PAGE_FORMULA = 1000 };

typedef struct page_prediction {
    page_problem problem;
    clb_pass     pass;
    clb_curv     curv;
} page_prediction;

static void prediction_free(page_prediction *p)
{
    clb_curv_free(&p->curv);
    clb_pass_free(&p->pass);
    problem_free(&p->problem);
}

static clb_status prediction_init(page_prediction *p)
{
    clb_status status;
    memset(p, 0, sizeof *p);
    if ((status = problem_init(&p->problem)) != CLB_OK) return status;
    status = clb_pass_init(&p->pass, &p->problem.net, &p->problem.data, page_in[IN_CE]);
    if (!status) status = clb_curv_init(&p->curv, &p->pass);
    if (status) prediction_free(p);
    else clb_curv_at(&p->curv, NULL);
    return status;
}

static void emit_prediction(int kind, double eta, double drift)
{
    double row[3];
    row[0] = (double)kind, row[1] = eta, row[2] = drift;
    page_emit(ROW_PREDICTION, row, 3);
}

PAGE_EXPORT(page_predict_linearised) int page_predict_linearised(double eta);
int page_predict_linearised(double eta)
{
    page_prediction p;
    double S[PAGE_MAX_LAYERS];
    clb_status status = prediction_init(&p);
    if (status) return (int)status;
    status = clb_linearised(&p.curv, eta, page_size(IN_STEPS), NULL, S);
    if (!status) emit_prediction(PREDICT_LINEARISED, eta, eta * eta * sum_abs(p.problem.net.L - 1, S));
    prediction_free(&p);
    return (int)status;
}

/* The two-point flow, which goes on beyond the edge; for descent and momentum. */
PAGE_EXPORT(page_predict_edge) int page_predict_edge(double eta);
int page_predict_edge(double eta)
{
    page_problem problem;
    clb_rod rod;
    clb_rod_opts opts = CLB_ZERO;
    double drift[PAGE_MAX_LAYERS];
    size_t l;
    clb_status status = problem_init(&problem);
    if (status) return (int)status;
    opts.ce = page_in[IN_CE];
    opts.optimizer = (clb_optimizer)(int)page_in[IN_OPTIMIZER];
    status = clb_rod_init(&rod, &problem.net, &problem.data, eta, NULL, &opts);
    if (!status) {
        status = clb_rod_run(&rod, page_size(IN_STEPS), NULL, 0);
        for (l = 1; l < problem.net.L; ++l) drift[l - 1] = clb_rod_charge(&rod, l).drift;
        if (!status) emit_prediction(PREDICT_EDGE, eta, sum_abs(problem.net.L - 1, drift));
        clb_rod_free(&rod);
    }
    problem_free(&problem);
    return (int)status;
}

/* All step sizes at once: lo 10^(i/per_decade), count of them. */
PAGE_EXPORT(page_predict_formula) int page_predict_formula(double lo, int per_decade, int count);
int page_predict_formula(double lo, int per_decade, int count)
{
    page_prediction p;
    double *lambda, *c;
    size_t P, charges;
    clb_status status = prediction_init(&p);
    int i;
    if (status) return (int)status;
    P = p.problem.net.P;
    charges = p.problem.net.L - 1;
    lambda = (double *)CLB_MALLOC(2 * P * sizeof *lambda);
    if (!lambda || P > PAGE_FORMULA) status = CLB_ESIZE;
    if (!status) {
        c = lambda + P;
        status = clb_crossover_modes(&p.curv, lambda, c);
        for (i = 0; !status && i < count; ++i) {
            double eta = lo * clb_pow(10.0, (double)i / (double)per_decade);
            double S = clb_crossover(P, lambda, c, eta, page_size(IN_STEPS), NULL);
            emit_prediction(PREDICT_FORMULA, eta, eta * eta * fabs(S) * (double)charges);
        }
    }
    CLB_FREE(lambda);
    prediction_free(&p);
    return (int)status;
}

/* ---- pathways ----------------------------------------------------------------------------------- */

enum { PAGE_MAX_PATHS = 12, PAGE_PATH_STEPS = 600 };

/* Starts: s_p = 0.02 s* spread^-p, so that pathway 1 leads. */
static clb_status paths_init(clb_path_mode *mode, size_t P, double spread)
{
    size_t depth[PAGE_MAX_PATHS], p;
    double alpha[PAGE_MAX_PATHS];
    if (P < 1 || P > PAGE_MAX_PATHS) return CLB_EPATHS;
    for (p = 0; p < P; ++p) {
        depth[p] = page_size(IN_DEPTH);
        alpha[p] = 0.02 * page_in[IN_TARGET] * clb_pow(spread, -(double)p);
    }
    return clb_path_mode_init(mode, P, depth, page_in[IN_TARGET], alpha);
}

typedef struct page_path_watch {
    double eta;
    size_t every;
} page_path_watch;

/* Row of an iterate: t, residual, eta times sharpness, then s_p. */
static void watch_path(void *context, size_t t, const clb_path_mode *mode, double r)
{
    const page_path_watch *watch = (const page_path_watch *)context;
    double row[3 + PAGE_MAX_PATHS];
    size_t p;
    if (t % watch->every) return;
    row[0] = (double)t, row[1] = r, row[2] = watch->eta * clb_path_mode_sharpness(mode);
    for (p = 0; p < mode->count; ++p) row[3 + p] = clb_path_mode_signal(mode, p);
    page_emit(ROW_PATH, row, (int)(3 + mode->count));
}

static double paths_eta(double gamma)
{
    return gamma / clb_path_single_sharpness(page_size(IN_DEPTH), page_in[IN_TARGET]);
}

PAGE_EXPORT(page_paths) int page_paths(void);
int page_paths(void)
{
    clb_path_mode mode;
    clb_path_mode_opts opts = CLB_ZERO;
    clb_path_mode_run run;
    page_path_watch watch;
    double end[4];
    clb_status status = paths_init(&mode, page_size(IN_PATHS), page_in[IN_SPREAD]);
    if (status) return (int)status;
    watch.eta = paths_eta(page_in[IN_GAMMA]);
    watch.every = 1;
    opts.observe = watch_path;
    opts.context = &watch;
    status = clb_path_mode_train(&mode, watch.eta, PAGE_PATH_STEPS, &opts, &run);
    end[0] = ending(status), end[1] = (double)run.outcome, end[2] = run.share, end[3] = run.eta_lambda;
    if (!status) page_emit(ROW_END, end, 4);
    clb_path_mode_free(&mode);
    return (int)status;
}

/* The return map x -> f(x) of one pathway, x = u/u*, on [0, 1.3]; and the thresholds on gamma: the
 * loss of stability of the single path, the equal split's, the worst-case return. */
PAGE_EXPORT(page_return_map) int page_return_map(void);
int page_return_map(void)
{
    double row[2 * 131], thresholds[5];
    size_t L = page_size(IN_DEPTH), P = page_size(IN_PATHS), i;
    clb_path_return wcr;
    clb_status status = clb_path_worst_return(L, &wcr);
    if (status) return (int)status;
    for (i = 0; i <= 130; ++i) {
        row[2 * i] = (double)i / 100.0;
        row[2 * i + 1] = clb_path_chain_map(L, page_in[IN_GAMMA], row[2 * i]);
    }
    page_emit(ROW_MAP, row, 262);
    thresholds[0] = 2.0;
    thresholds[1] = 2.0 * clb_path_single_sharpness(L, 1.0) / clb_path_balanced_sharpness(P, L, 1.0);
    thresholds[2] = wcr.gamma, thresholds[3] = wcr.x_max, thresholds[4] = wcr.M;
    page_emit(ROW_THRESHOLDS, thresholds, 5);
    return 0;
}

/* Outcome at every gamma of [lo, hi] and P of 1 .. most. Row: P, then per gamma its outcome (as in
 * clb_path_outcome) and the largest share. */
PAGE_EXPORT(page_phase) int page_phase(double lo, double hi, int count, int most);
int page_phase(double lo, double hi, int count, int most)
{
    static double row[1 + 2 * 200];
    int P, i;
    if (count < 2 || count > 200 || most > PAGE_MAX_PATHS) return CLB_ECOUNT;
    for (P = 1; P <= most; ++P) {
        row[0] = (double)P;
        for (i = 0; i < count; ++i) {
            double gamma = lo + (hi - lo) * (double)i / (double)(count - 1);
            clb_path_mode mode;
            clb_path_mode_run run;
            clb_status status = paths_init(&mode, (size_t)P, page_in[IN_SPREAD]);
            if (!status) status = clb_path_mode_train(&mode, paths_eta(gamma), PAGE_PATH_STEPS, NULL, &run);
            clb_path_mode_free(&mode);
            if (status) return (int)status;
            row[1 + 2 * i] = (double)run.outcome, row[2 + 2 * i] = run.share;
        }
        page_emit(ROW_PHASE, row, 1 + 2 * count);
    }
    return 0;
}

PAGE_EXPORT(page_status_text) const char *page_status_text(int status);
const char *page_status_text(int status) { return clb_strerror((clb_status)status); }
PAGE_EXPORT(page_version) const char *page_version(void);
const char *page_version(void) { return clb_build_info(); }
