/* clb_theorems - the papers' statements as executable checks on random instances.
 *   cc -O2 -o clb_theorems tools/clb_theorems.c -lm && ./clb_theorems run
 *
 * An entry of the table at the end is a statement and a function that tries it; where the printed
 * statement fails, the corrected one stands below it. The residual is the largest violation met, the
 * note says of what, with the smallest counterexample as a C array. */
#define CLB_IMPLEMENTATION
#include "../clb.h"
#include "escape.h"
#include "../examples/kit/paper.h"

typedef enum verdict { DOES_NOT_HOLD, NEARLY, HOLDS } verdict;
static const char *const verdict_names[] = { "does not hold", "holds approximately", "holds" };

typedef struct theorem_result {
    size_t       instances;         /* random instances tried */
    double       residual;
    verdict      answer;
    char         note[600];
} theorem_result;

typedef struct theorem {
    const char *name, *statement;
    clb_status (*check)(theorem_result *result, size_t instances);    /* NULL: nothing to compute */
    const char *why;                                                    /* then: because ... */
} theorem;

static verdict verdict_of(int holds, int nearly) { return holds ? HOLDS : nearly ? NEARLY : DOES_NOT_HOLD; }

/* Tolerance of an identity: rounding of the build's arithmetic. */
static double theorem_tol(double in_double) { return sizeof(clb_real) == 4 ? 5e-3 : in_double; }

/* ============================================================================================
 * Random instances
 * ========================================================================================== */

/* A small random problem with everything evaluated at its initialisation. */
typedef struct theorem_case {
    paper_problem p;
    clb_pass    pass;
    clb_curv    curv;
    clb_real   *grad;
} theorem_case;

static void theorem_close(theorem_case *c)
{
    clb_curv_free(&c->curv);
    clb_pass_free(&c->pass);
    paper_problem_free(&c->p);
    free(c->grad);
    memset(c, 0, sizeof *c);
}

/* L layers (0: 2 to 4 of them) of 3 to 8 units, 2 to 7 inputs, 2 to 4 classes, 30 points, loss
 * alternating between MSE and cross entropy unless ce >= 0; all a function of the seed. */
static clb_status theorem_open(theorem_case *c, uint64_t seed, size_t L, clb_net_opts net, double ce)
{
    paper_opts opts;
    clb_rng rng;
    clb_status status;
    memset(c, 0, sizeof *c);
    memset(&opts, 0, sizeof opts);
    clb_rng_seed(&rng, seed);
    opts.L = L ? L : 2 + clb_rng_u32(&rng) % 3;
    opts.m = 3 + clb_rng_u32(&rng) % 6, opts.d = 2 + clb_rng_u32(&rng) % 6,
    opts.K = 2 + clb_rng_u32(&rng) % 3;
    opts.n = 30, opts.test_n = 1, opts.net = net;
    status = paper_problem_init(&c->p, &opts, (double)seed);
    if (!status)
        status = clb_pass_init(&c->pass, &c->p.net, &c->p.data,
                               ce >= 0    ? ce
                               : seed % 2 ? CLB_CE
                                          : CLB_MSE);
    if (!status) status = clb_curv_init(&c->curv, &c->pass);
    if (status) { theorem_close(c); return status; }
    c->grad = (clb_real *)kit_realloc(NULL, c->p.net.P, sizeof *c->grad);
    clb_curv_at(&c->curv, NULL);
    clb_grad(&c->pass, NULL, c->grad);
    return CLB_OK;
}

static clb_net_opts theorem_net(clb_activation activation, int bias)
{
    clb_net_opts net;
    memset(&net, 0, sizeof net);
    net.activation = activation, net.bias = bias, net.param = 0.1;
    return net;
}

/* The largest of a residual over layers and instances. */
typedef double (*theorem_measure)(theorem_case *c, size_t l);

static clb_status theorem_worst(theorem_measure measure, clb_net_opts net, size_t instances,
                               double *worst)
{
    for (size_t i = 0; i < instances; ++i) {
        theorem_case c;
        clb_status status = theorem_open(&c, 1000 + i, 0, net, -1.0);
        if (status) return status;
        for (size_t l = 1; l < c.p.net.L; ++l) *worst = fmax(*worst, measure(&c, l));
        theorem_close(&c);
    }
    return CLB_OK;
}

/* ============================================================================================
 * Theorem 1: conservation
 * ========================================================================================== */

static double theorem_identity(theorem_case *c, size_t l)
{
    return clb_identity_residual(&c->p.net, NULL, c->grad, l, 1);
}
static double theorem_blind(theorem_case *c, size_t l)
{
    return clb_identity_residual(&c->p.net, NULL, c->grad, l, 0);
}
static double theorem_neuron(theorem_case *c, size_t l)
{
    return clb_neuron_identity_residual(&c->p.net, NULL, c->grad, l);
}
static double theorem_matrix(theorem_case *c, size_t l)
{
    return clb_matrix_identity_residual(&c->p.net, NULL, c->grad, l);
}

static clb_status theorem_1(theorem_result *r, size_t n)
{
    double tanh_gap = 0.0;
    clb_status status = theorem_worst(theorem_identity, theorem_net(CLB_RELU, 0), n, &r->residual);
    if (!status)
        status = theorem_worst(theorem_identity, theorem_net(CLB_LEAKY_RELU, 0), n, &r->residual);
    if (!status)
        status = theorem_worst(theorem_identity, theorem_net(CLB_IDENTITY, 0), n, &r->residual);
    if (!status) status = theorem_worst(theorem_identity, theorem_net(CLB_TANH, 0), n, &tanh_gap);
    r->instances = 3 * n,
    r->answer = verdict_of(r->residual <= theorem_tol(1e-11) && tanh_gap > 0.01, 0);
    snprintf(r->note, sizeof r->note,
             "relative residual of <W_l, G_l> = <W_{l+1}, G_{l+1}>; tanh breaks it by %.2g",
             tanh_gap);
    return status;
}

static clb_status theorem_1_neuron(theorem_result *r, size_t n)
{
    clb_status status = theorem_worst(theorem_neuron, theorem_net(CLB_RELU, -1), n, &r->residual);
    r->instances = n, r->answer = verdict_of(r->residual <= theorem_tol(1e-11), 0);
    snprintf(r->note, sizeof r->note, "so sum_l m_l quantities are conserved, not L - 1");
    return status;
}

static clb_status theorem_1_bias(theorem_result *r, size_t n)
{
    double blind = 0.0;
    clb_status status = theorem_worst(theorem_identity, theorem_net(CLB_RELU, -1), n, &r->residual);
    if (!status) status = theorem_worst(theorem_blind, theorem_net(CLB_RELU, -1), n, &blind);
    r->instances = n, r->answer = verdict_of(r->residual <= theorem_tol(1e-11) && blind > 0.01, 0);
    snprintf(r->note, sizeof r->note, "without the bias term the identity is off by %.2g", blind);
    return status;
}

static clb_status theorem_1_matrix(theorem_result *r, size_t n)
{
    clb_status status =
        theorem_worst(theorem_matrix, theorem_net(CLB_IDENTITY, 0), n, &r->residual);
    r->instances = n, r->answer = verdict_of(r->residual <= theorem_tol(1e-11), 0);
    snprintf(r->note, sizeof r->note, "W_{l+1}^T G_{l+1} = G_l W_l^T, entry by entry");
    return status;
}

static clb_status theorem_1_flow(theorem_result *r, size_t n)
{
    clb_flow_opts how;
    memset(&how, 0, sizeof how);
    how.rtol = sizeof(clb_real) == 4 ? 1e-5 : 1e-11, how.atol = how.rtol;
    r->instances = n / 10 + 1;
    for (size_t i = 0; i < r->instances; ++i) {
        theorem_case c;
        double before[8];
        clb_status status = theorem_open(&c, 1000 + i, 0, theorem_net(CLB_IDENTITY, 0), CLB_MSE);
        if (status) return status;
        for (size_t l = 1; l < c.p.net.L; ++l) before[l] = clb_charge(&c.p.net, NULL, l);
        status = clb_flow(&c.p.net, &c.p.data, 5.0, &how, NULL);
        for (size_t l = 1; l < c.p.net.L; ++l)
            r->residual = fmax(r->residual, fabs(clb_charge(&c.p.net, NULL, l) - before[l]));
        theorem_close(&c);
        if (status) return status;
    }
    r->answer = verdict_of(r->residual <= theorem_tol(1e-8), 0);
    snprintf(r->note, sizeof r->note,
             "|C_l(5) - C_l(0)| along the flow of linear nets, integrated to 1e-11");
    return CLB_OK;
}

/* ============================================================================================
 * Theorem 2: exact drift
 * ========================================================================================== */

/* Largest |drift - predicted| over layers after 200 steps of one optimiser. */
static clb_status theorem_drift(theorem_result *r, uint64_t seed, clb_train_opts how, int bias)
{
    theorem_case c;
    clb_trace trace;
    clb_rng batches;
    clb_status status = theorem_open(&c, seed, 0, theorem_net(CLB_RELU, bias), -1.0);
    if (status) return status;
    clb_rng_seed(&batches, seed);
    if (how.batch) how.batch_rng = &batches;
    how.ce = c.pass.ce;
    status = clb_train(&c.p.net, &c.p.data, 0.01 * (double)(1 + seed % 5), 200, &how, &trace);
    if (!status) {
        for (size_t l = 1; l < c.p.net.L; ++l)
            r->residual =
                fmax(r->residual, fabs(clb_trace_drift_bias(&trace, l) - trace.predicted[l - 1]));
        clb_trace_free(&trace);
    }
    theorem_close(&c);
    ++r->instances;
    return status == CLB_EDIVERGED ? CLB_OK : status;
}

static clb_status theorem_2(theorem_result *r, size_t n)
{
    clb_train_opts how;
    clb_status status = CLB_OK;
    memset(&how, 0, sizeof how);
    for (size_t i = 0; i < n && !status; ++i) status = theorem_drift(r, 2000 + i, how, 0);
    r->answer = verdict_of(r->residual <= theorem_tol(1e-11), 0);
    snprintf(r->note, sizeof r->note,
             "|C(T) - C(0) - eta^2 S| after 200 steps of gradient descent");
    return status;
}

static clb_status theorem_2_others(theorem_result *r, size_t n)
{
    clb_train_opts how[4];
    clb_status status = CLB_OK;
    memset(how, 0, sizeof how);
    how[0].optimizer = CLB_HEAVY_BALL, how[1].optimizer = CLB_NESTEROV, how[2].l2 = 0.1,
    how[3].batch = 7;
    for (size_t i = 0; i < n && !status; ++i) status = theorem_drift(r, 2000 + i, how[i % 4], -1);
    r->answer = verdict_of(r->residual <= theorem_tol(1e-11), 0);
    snprintf(r->note, sizeof r->note,
             "drift of |W_{l+1}|^2 - |W_l|^2 - |b_l|^2 against its law after 200 steps");
    return status;
}

/* ============================================================================================
 * Theorem 3: linear networks share an exponent
 * ========================================================================================== */

static clb_status theorem_3(theorem_result *r, size_t n)
{
    static const double etas[5] = { 1e-3, 3e-3, 1e-2, 3e-2, 0.1 };
    static const size_t widths[4] = { 8, 16, 64, 128 };
    double lowest = KIT_INF, highest = -KIT_INF;
    (void)n;
    for (int k = 0; k < 8; ++k) {
        double drift[5];
        double alpha;
        for (int e = 0; e < 5; ++e) {
            paper_opts opts;
            paper_problem p;
            clb_train_opts how;
            clb_trace trace;
            clb_status status;
            memset(&opts, 0, sizeof opts), memset(&how, 0, sizeof how);
            opts.m = widths[k / 2], opts.net.activation = CLB_IDENTITY, how.ce = k % 2;
            status = paper_problem_init(&p, &opts, 42);
            if (status) return status;
            status = clb_train(&p.net, &p.data, etas[e], 500, &how, &trace);
            drift[e] = status ? KIT_NAN : fabs(clb_trace_drift(&trace, 1));
            if (!status || status == CLB_EDIVERGED) clb_trace_free(&trace);
            paper_problem_free(&p);
            if (status && status != CLB_EDIVERGED) return status;
        }
        alpha = clb_fit_power(5, etas, drift, 0.0).slope;
        lowest = fmin(lowest, alpha), highest = fmax(highest, alpha);
    }
    r->instances = 8, r->residual = fmax(highest - 1.10, 1.10 - lowest);
    r->answer = verdict_of(r->residual <= 0.02, r->residual <= 0.1);
    snprintf(r->note, sizeof r->note,
             "alpha from %.3f to %.3f over four widths and both losses: a property of the setting",
             lowest, highest);
    return CLB_OK;
}

/* ============================================================================================
 * Theorem 4: the crossover formula
 * ========================================================================================== */

/* The imbalance of the frozen quadratic model, step by step: g <- g - eta H g. */
static double theorem_quadratic(theorem_case *c, double eta, size_t T)
{
    size_t P = c->p.net.P;
    clb_real *g = (clb_real *)kit_realloc(NULL, 2 * P, sizeof *g), *h = g + P;
    double S = 0.0;
    memcpy(g, c->grad, P * sizeof *g);
    for (size_t t = 0; t < T; ++t) {
        S += clb_weight_sumsq(&c->p.net, g, 2) - clb_weight_sumsq(&c->p.net, g, 1);
        clb_hvp(&c->curv, g, h);
        clb_axpy(P, (clb_real)-eta, h, g);
    }
    free(g);
    return S;
}

/* Relative errors of the printed formula and of the double sum on one random network's Hessian. */
static clb_status theorem_4_one(uint64_t seed, double *printed, double *exact)
{
    const double eta = 0.05;
    const size_t T = 100;
    theorem_case c;
    clb_spectrum sp;
    double S, *lambda, *coefficient;
    clb_real *H;
    size_t P;
    clb_status status = theorem_open(&c, seed, 2, theorem_net(CLB_IDENTITY, 0), CLB_CE);
    if (status) return status;
    P = c.p.net.P;
    S = theorem_quadratic(&c, eta, T);
    lambda = (double *)kit_realloc(NULL, 2 * P, sizeof *lambda), coefficient = lambda + P;
    H = (clb_real *)kit_realloc(NULL, 2 * P * P, sizeof *H);
    clb_curv_at(&c.curv, NULL);
    status = clb_crossover_modes(&c.curv, lambda, coefficient);
    if (!status)
        *printed = fmax(*printed,
                        fabs(clb_crossover(P, lambda, coefficient, eta, T, NULL) / fabs(S) - 1.0));
    if (!status) status = clb_hessian(&c.curv, H, P);
    if (!status) status = clb_jacobi(P, H, P, lambda, H + P * P);
    if (!status) status = clb_spectrum_init(&sp, &c.p.net, 1, lambda, H + P * P, c.grad);
    if (!status) {
        *exact = fmax(*exact, fabs(clb_spectrum_sum(&sp, eta, T, CLB_MODES_ALL).S - S)
                                  / fmax(fabs(S), sp.energy));
        clb_spectrum_free(&sp);
    }
    free(lambda), free(H);
    theorem_close(&c);
    return status;
}

static clb_status theorem_4(theorem_result *r, size_t n)
{
    double exact = 0.0;
    clb_status status = CLB_OK;
    r->instances = n / 4 + 1;
    for (size_t i = 0; i < r->instances && !status; ++i)
        status = theorem_4_one(3000 + i, &r->residual, &exact);
    r->answer = verdict_of(r->residual <= 0.01, r->residual <= 0.3);
    snprintf(r->note, sizeof r->note,
             "largest relative error of the printed sum on the frozen quadratic of linear nets, T "
             "= 100");
    return status;
}

static clb_status theorem_4_corrected(theorem_result *r, size_t n)
{
    double printed = 0.0;
    clb_status status = CLB_OK;
    r->instances = n / 4 + 1;
    for (size_t i = 0; i < r->instances && !status; ++i)
        status = theorem_4_one(3000 + i, &printed, &r->residual);
    r->answer = verdict_of(r->residual <= theorem_tol(1e-9), 0);
    snprintf(
        r->note, sizeof r->note,
        "against the quadratic model iterated step by step, relative to the larger of S and |g|^2");
    return status;
}

/* ============================================================================================
 * Theorem 5: mode coefficients
 * ========================================================================================== */

/* One mode of a linear net:  s1 <- s1 - eta e x s2,  s2 <- s2 - eta e x s1,  e = s1 s2 - target. */
static clb_status theorem_5(theorem_result *r, size_t n)
{
    clb_rng rng;
    clb_rng_seed(&rng, 5);
    r->instances = n;
    for (size_t i = 0; i < n; ++i) {
        double s1 = 0.1 + 1e-10 * (double)(clb_rng_u32(&rng) % 1000000000u), s2 = s1, x = 0.5,
               target = 2.0, eta = 0.05;
        for (int t = 0; t < 500; ++t) {
            double e = s1 * s2 - target, next = s1 - eta * e * x * s2;
            s2 = s2 - eta * e * x * s1, s1 = next;
        }
        r->residual = fmax(r->residual, fabs(s1 * s1 - s2 * s2));
    }
    r->answer = verdict_of(r->residual > 0.0, 0);      /* the statement needs the imbalance to grow */
    snprintf(
        r->note, sizeof r->note,
        "imbalance after 500 steps from balance: none. Smallest case: s[2] = {0.1, 0.1}, x = 0.5, "
        "target 2, eta 0.05: s1'^2 - s2'^2 = (s1^2 - s2^2)(1 - eta^2 e^2 x^2)");
    return CLB_OK;
}

static clb_status theorem_5_corrected(theorem_result *r, size_t n)
{
    r->instances = n;
    for (size_t i = 0; i < n; ++i) {
        theorem_case c;
        clb_linear_modes modes;
        clb_status status = theorem_open(&c, 5000 + i, 2, theorem_net(CLB_IDENTITY, 0), CLB_MSE);
        if (status) return status;
        status = clb_linear_modes_init(&modes, &c.p.net, &c.p.data);
        if (!status) {
            double g1 = clb_weight_sumsq(&c.p.net, c.grad, 1),
                   g2 = clb_weight_sumsq(&c.p.net, c.grad, 2);
            r->residual =
                fmax(r->residual, fmax(fabs(modes.g1 / g1 - 1.0), fabs(modes.g2 / g2 - 1.0)));
            clb_linear_modes_free(&modes);
        }
        theorem_close(&c);
        if (status) return status;
    }
    r->answer = verdict_of(r->residual <= theorem_tol(1e-9), 0);
    snprintf(r->note, sizeof r->note,
             "relative error of |G_1|^2 and |G_2|^2 from the modes r_k = lx_k e_k");
    return CLB_OK;
}

/* ============================================================================================
 * Theorem 6: spectral compression
 * ========================================================================================== */

/* A random point of the simplex; every third is near a corner. Returns max_k p_k (1 - p_k). */
static double theorem_simplex(clb_rng *rng, size_t K, clb_real *p, int corner)
{
    double sum = 0.0, best = 0.0;
    for (size_t k = 0; k < K; ++k) {
        double u = ((double)clb_rng_u32(rng) + 1.0) / 4294967297.0;
        p[k] = (clb_real)(corner && k ? 0.01 * -clb_log(u) : -clb_log(u));
        sum += (double)p[k];
    }
    for (size_t k = 0; k < K; ++k) {
        p[k] = (clb_real)((double)p[k] / sum);
        best = fmax(best, (double)p[k] * (1.0 - (double)p[k]));
    }
    return best;
}

static clb_status theorem_6(theorem_result *r, size_t n)
{
    static const clb_real half[2] = { 0.5, 0.5 };
    clb_rng rng;
    clb_real p[10];
    clb_rng_seed(&rng, 6);
    r->instances = 50 * n;
    for (size_t i = 0; i < r->instances; ++i) {
        size_t K = 2 + i % 9;
        double top = theorem_simplex(&rng, K, p, i % 3 == 0);
        r->residual = fmax(r->residual, clb_softmax_curvature(K, p) / top - 1.0);
    }
    r->answer = verdict_of(r->residual <= theorem_tol(1e-9), 0);
    snprintf(r->note, sizeof r->note,
             "largest excess of the left side. Smallest case: p[2] = {0.5, 0.5}, lambda = %.3g, "
             "max p(1-p) = 0.25",
             clb_softmax_curvature(2, half));
    return CLB_OK;
}

static clb_status theorem_6_corrected(theorem_result *r, size_t n)
{
    clb_rng rng;
    clb_real p[10];
    clb_rng_seed(&rng, 6);
    r->instances = 50 * n, r->residual = -KIT_INF;
    for (size_t i = 0; i < r->instances; ++i) {
        size_t K = 2 + i % 9;
        double top = theorem_simplex(&rng, K, p, i % 3 == 0), lambda = clb_softmax_curvature(K, p);
        r->residual =
            fmax(r->residual,
                 fmax(lambda / (2 * top), (double)K / (double)(K - 1) * top / lambda) - 1.0);
    }
    r->answer = verdict_of(r->residual <= theorem_tol(1e-9), 0);
    snprintf(r->note, sizeof r->note,
             "largest relative violation of either side; K = 2 attains both");
    return CLB_OK;
}

/* Largest left/right - 1 of the printed bound (7) and of the corrected one, and how often the
 * printed one fails. */
static clb_status theorem_7_bounds(size_t n, double *printed, double *corrected, size_t *fails)
{
    *printed = *corrected = -KIT_INF, *fails = 0;
    for (size_t i = 0; i < n; ++i) {
        theorem_case c;
        clb_compression bounds;
        clb_status status = theorem_open(&c, 6000 + i, 2, theorem_net(CLB_RELU, 0), CLB_CE);
        if (status) return status;
        status = clb_compression_bounds(&c.curv, &bounds);
        theorem_close(&c);
        if (status) return status;
        *printed = fmax(*printed, bounds.hessian / bounds.published - 1.0);
        *corrected = fmax(*corrected, fmax(bounds.gauss_newton / bounds.sharp,
                                           bounds.hessian / (bounds.gauss_newton + bounds.residual))
                                          - 1.0);
        *fails += bounds.hessian > bounds.published;
    }
    return CLB_OK;
}

static clb_status theorem_6_bound(theorem_result *r, size_t n)
{
    double corrected;
    size_t fails;
    clb_status status = theorem_7_bounds(n, &r->residual, &corrected, &fails);
    r->instances = n, r->answer = verdict_of(!status && fails == 0, 0);
    snprintf(r->note, sizeof r->note,
             "largest excess of lambda_max(H) over the bound at initialisation; it fails in %zu of "
             "%zu nets",
             fails, n);
    return status;
}

static clb_status theorem_6_bound_corrected(theorem_result *r, size_t n)
{
    double printed;
    size_t fails;
    clb_status status = theorem_7_bounds(n, &printed, &r->residual, &fails);
    r->instances = n, r->answer = verdict_of(!status && r->residual <= theorem_tol(1e-6), 0);
    snprintf(r->note, sizeof r->note,
             "largest relative violation (negative: slack) of either inequality");
    return status;
}

/* ============================================================================================
 * Proposition 7: tau ~ 1/eta
 * ========================================================================================== */

/* eta times the number of steps (interpolated) after which the loss has fallen to half. */
static clb_status theorem_half_time(uint64_t seed, double eta, double *time)
{
    theorem_case c;
    clb_trace trace;
    clb_train_opts how;
    size_t T = (size_t)(200.0 / eta);
    clb_status status = theorem_open(&c, seed, 2, theorem_net(CLB_RELU, 0), CLB_CE);
    *time = KIT_NAN;
    if (status) return status;
    memset(&how, 0, sizeof how);
    how.ce = CLB_CE;
    status = clb_train(&c.p.net, &c.p.data, eta, T > 8000 ? 8000 : T, &how, &trace);
    if (!status) {
        for (size_t t = 1; t < trace.T && isnan(*time); ++t)
            if (trace.loss[t] <= 0.5 * trace.loss[0])
                *time = eta
                        * ((double)(t - 1)
                           + (trace.loss[t - 1] - 0.5 * trace.loss[0])
                                 / (trace.loss[t - 1] - trace.loss[t]));
        clb_trace_free(&trace);
    }
    theorem_close(&c);
    return status;
}

static clb_status theorem_prop_7(theorem_result *r, size_t n)
{
    for (size_t i = 0; i < n / 4 + 1; ++i) {
        double a, b;
        clb_status status = theorem_half_time(7000 + i, 0.02, &a);
        if (!status) status = theorem_half_time(7000 + i, 0.005, &b);
        if (status) return status;
        if (isnan(a) || isnan(b)) continue;             /* the loss of this net does not halve */
        ++r->instances;
        r->residual = fmax(r->residual, fabs(a / b - 1.0));
    }
    r->answer = verdict_of(r->residual <= 0.05, r->residual <= 0.2);
    snprintf(r->note, sizeof r->note,
             "relative change of eta t(half loss) between eta = 0.02 and 0.005: time rescaling, no "
             "kernel constant needed");
    return CLB_OK;
}

/* ============================================================================================
 * Beyond the edge of stability: docs/edge.md
 * ========================================================================================== */

/* Two random points, a short way apart: gates switch between them. */
static double theorem_points(theorem_case *c, size_t l)
{
    size_t P = c->p.net.P;
    clb_real *at = (clb_real *)kit_realloc(NULL, 3 * P, sizeof *at);
    const clb_real *theta[2], *grad[2];
    double residual;
    clb_rng_normal(&c->p.rng, P, at);
    for (size_t i = 0; i < P; ++i) at[i] = c->p.net.theta[i] + (clb_real)0.3 * at[i];
    clb_grad(&c->pass, c->p.net.theta, at + P), clb_grad(&c->pass, at, at + 2 * P);
    theta[0] = c->p.net.theta, grad[0] = at + P, theta[1] = at, grad[1] = at + 2 * P;
    residual = clb_two_point_residual(&c->p.net, theta, grad, l);
    free(at);
    return residual;
}

static clb_status theorem_two_points(theorem_result *r, size_t n)
{
    double gap = 0.0;
    clb_status status = theorem_worst(theorem_points, theorem_net(CLB_RELU, -1), n, &r->residual);
    if (!status)
        status = theorem_worst(theorem_points, theorem_net(CLB_RELU_POWER, 0), n, &r->residual);
    if (!status) status = theorem_worst(theorem_points, theorem_net(CLB_TANH, 0), n, &gap);
    r->instances = 2 * n;
    r->answer = verdict_of(r->residual <= theorem_tol(1e-11) && gap > 0.01, 0);
    snprintf(r->note, sizeof r->note,
             "difference of both sides over the sum of their terms; tanh breaks it by %.2g", gap);
    return status;
}

/* Fifty steps of the two-point flow a tenth beyond the optimiser's own edge: the charge of the
 * centre against the integral of its law. A flow that leaves the range of numbers counts not. */
static clb_status theorem_rod(theorem_result *r, uint64_t seed, clb_optimizer optimizer)
{
    theorem_case c;
    clb_rod rod;
    clb_rod_opts how = CLB_ZERO;
    double top, size = 0.0, off = 0.0;
    clb_status status = theorem_open(&c, seed, 0, theorem_net(CLB_RELU, seed % 2 ? -1 : 0), -1.0);
    if (status) return status;
    how.optimizer = optimizer, how.ce = c.pass.ce;
    status = clb_sharpness(&c.curv, NULL, &top, NULL);
    if (!status && !(top > 0.01)) status = CLB_EDIVERGED;                       /* flat: no edge */
    if (!status)
        status = clb_rod_init(&rod, &c.p.net, &c.p.data,
                              1.1 * clb_stability_threshold(optimizer, 1.0, 0.9) / top, NULL, &how);
    if (!status) {
        status = clb_rod_run(&rod, 50, NULL, 0);
        for (size_t l = 1; l < c.p.net.L && !status; ++l) {
            clb_rod_drift d = clb_rod_charge(&rod, l);
            size += fabs(d.drift), off = fmax(off, fabs(d.drift - d.direct));
        }
        if (!status) r->residual = fmax(r->residual, off / size), ++r->instances;
        clb_rod_free(&rod);
    }
    theorem_close(&c);
    return status == CLB_EDIVERGED ? CLB_OK : status;
}

static clb_status theorem_centre(theorem_result *r, size_t n)
{
    clb_status status = CLB_OK;
    for (size_t i = 0; i < n && !status; ++i) status = theorem_rod(r, 8000 + i, CLB_GD);
    r->answer = verdict_of(r->instances > n / 2 && r->residual <= theorem_tol(1e-9), 0);
    snprintf(r->note, sizeof r->note,
             "C at the centre against the integral after 50 steps at eta lambda_max = 2.2, relative "
             "to the sum of |drift|");
    return status;
}

static clb_status theorem_momentum(theorem_result *r, size_t n)
{
    clb_status status = CLB_OK;
    for (size_t i = 0; i < n && !status; ++i)
        status = theorem_rod(r, 8000 + i, i % 2 ? CLB_NESTEROV : CLB_HEAVY_BALL);
    r->answer = verdict_of(r->instances > n / 2 && r->residual <= theorem_tol(1e-9), 0);
    snprintf(r->note, sizeof r->note,
             "the same for heavy ball and Nesterov, beta = 0.9, a tenth beyond 2 (1 + beta)/eta "
             "and 2 (1 + beta)/((1 + 2 beta) eta)");
    return status;
}

/* Matrices whose eigenvalues are known exactly: H diag(lambda) H^T/16, H the Walsh-Hadamard matrix,
 * lambda whole numbers, many of them equal. */
static clb_status theorem_certified(theorem_result *r, size_t n)
{
    enum { N = 16 };
    clb_rng rng;
    double wide = 0.0;
    clb_rng_seed(&rng, 9);
    r->residual = -KIT_INF;
    for (size_t c = 0; c < n; ++c, ++r->instances) {
        clb_real A[N * N];
        clb_dense dense = { N, N, A };
        clb_certificate cert;
        clb_status status;
        double lambda[N];
        for (size_t k = 0; k < N; ++k)
            lambda[k] = (double)(clb_rng_u32(&rng) % (2 + c % 15)) - 7.0;
        for (size_t i = 0; i < N; ++i)
            for (size_t j = 0; j < N; ++j) {
                double sum = 0.0;
                for (size_t k = 0; k < N; ++k) {
                    size_t bits = (i ^ j) & k;
                    bits ^= bits >> 2, bits ^= bits >> 1;
                    sum += bits & 1 ? -lambda[k] : lambda[k];
                }
                A[i * N + j] = (clb_real)(sum / N);
            }
        if ((status = clb_certify(&dense, N / 2, 0.0, &cert)) != CLB_OK) return status;
        clb_sort(N, lambda);
        for (size_t k = 0; k < N / 2; ++k) {
            double exact = lambda[N - 1 - k];
            r->residual = fmax(r->residual, fmax(cert.lower[k] - exact, exact - cert.upper[k]));
            wide = fmax(wide, cert.upper[k] - cert.lower[k]);
        }
        r->residual = fmax(r->residual, lambda[N / 2 - 1] - cert.rest);
        clb_certificate_free(&cert);
    }
    r->answer = verdict_of(r->residual <= 0.0, 0);
    snprintf(r->note, sizeof r->note,
             "how far one of the 8 largest lies outside (negative: inside), matrices of order 16 "
             "whose eigenvalues are known whole numbers; widest interval %.2g",
             wide);
    return CLB_OK;
}

/* ============================================================================================
 * What is left of Theorem 2' and Theorem 8 at finite width
 * ========================================================================================== */

/* Charges of all layers drawn at random, reached by rescaling neurons: the outputs stay. */
static clb_status theorem_reach(theorem_result *r, size_t n)
{
    for (size_t i = 0; i < n; ++i, ++r->instances) {
        theorem_case c;
        clb_status status = theorem_open(&c, 9000 + i, 0, theorem_net(CLB_RELU, 0), CLB_MSE);
        size_t L = c.p.net.L, at = 0, outputs;
        double wanted[64], target[8];
        clb_real *f;
        const clb_real *g;
        if (status) return status;
        outputs = c.p.data.n * c.p.net.m[L], f = (clb_real *)kit_realloc(NULL, outputs, sizeof *f);
        for (size_t l = 1; l < L; ++l) {
            target[l] = 10.0 * (double)clb_rng_u32(&c.p.rng) / 4294967296.0 - 5.0;
            for (size_t j = 0; j < c.p.net.m[l]; ++j)
                wanted[at++] = target[l] / (double)c.p.net.m[l];
        }
        memcpy(f, clb_forward(&c.pass, NULL), outputs * sizeof *f);
        status = clb_rescale(&c.p.net, NULL, NULL, wanted, NULL, NULL);
        g = clb_forward(&c.pass, NULL);
        for (size_t k = 0; k < outputs && !status; ++k)
            r->residual = fmax(r->residual, fabs((double)(f[k] - g[k])));
        for (size_t l = 1; l < L && !status; ++l)
            r->residual = fmax(r->residual, fabs(clb_charge(&c.p.net, NULL, l) - target[l]));
        free(f);
        theorem_close(&c);
        if (status) return status;
    }
    r->answer = verdict_of(r->residual <= theorem_tol(1e-9), 0);
    snprintf(r->note, sizeof r->note,
             "change of an output, or distance from C = c, c_l from -5 to 5: so the least loss on "
             "{C = c} is the least loss; E28 has the minima");
    return CLB_OK;
}

/* Switches of one step counted, and told from the gradient before it. */
static clb_status theorem_switches(theorem_result *r, size_t n)
{
    for (size_t i = 0; i < n; ++i, ++r->instances) {
        theorem_case c;
        clb_status status = theorem_open(&c, 9500 + i, 0, theorem_net(CLB_RELU, 0), -1.0);
        size_t m, d, words, told = 0, seen;
        double eta = ldexp(0.01, (int)(i % 12));
        uint64_t *gates;
        if (status) return status;
        m = c.p.net.m[1], d = c.p.net.m[0], words = clb_gate_words(&c.pass, 1);
        gates = (uint64_t *)kit_realloc(NULL, 2 * words, sizeof *gates);
        clb_gates(&c.pass, 1, gates);
        for (size_t k = 0; k < c.p.data.n; ++k)
            for (size_t h = 0; h < m; ++h) {
                double z = (double)c.pass.z[1][k * m + h], q = 0.0;
                for (size_t j = 0; j < d; ++j)
                    q += (double)c.p.data.X[k * d + j] * (double)c.grad[c.p.net.w[1] + h * d + j];
                told += (z > 0) != (z - eta * q > 0);
            }
        clb_axpy(c.p.net.P, (clb_real)-eta, c.grad, c.p.net.theta);
        clb_loss(&c.pass, NULL);
        clb_gates(&c.pass, 1, gates + words);
        seen = clb_gate_switches(&c.pass, 1, gates, gates + words, NULL, NULL);
        r->residual = fmax(r->residual, fabs((double)told - (double)seen));
        free(gates);
        theorem_close(&c);
    }
    r->answer = verdict_of(r->residual <= theorem_tol(0.5), 0);
    snprintf(r->note, sizeof r->note,
             "gates told wrong, eta from 0.01 to 20: few switch while eta |q| is small against |z|, "
             "a constant share beyond; E29 has the rates");
    return CLB_OK;
}

/* ============================================================================================
 * The table
 * ========================================================================================== */

static const theorem theorem_list[] = {
    { "Theorem 1, eq. (10)",
      "<W_l, G_l> is the same for every layer of a bias-free homogeneous net, any loss", theorem_1,
      NULL },
    { "Theorem 1, eq. (1), (11)", "gradient flow conserves C_l = |W_{l+1}|^2 - |W_l|^2",
      theorem_1_flow, NULL },
    { "Theorem 1, stronger", "every hidden neuron has its own law, biases included",
      theorem_1_neuron, NULL },
    { "Theorem 1, biases", "with biases |W_{l+1}|^2 - |W_l|^2 - |b_l|^2 is conserved",
      theorem_1_bias, NULL },
    { "Theorem 1, linear", "linear nets conserve the matrix W_{l+1}^T W_{l+1} - W_l W_l^T",
      theorem_1_matrix, NULL },
    { "Theorem 2, eq. (2), (3)", "gradient descent: C(T) - C(0) = eta^2 S(eta)", theorem_2, NULL },
    { "Theorem 2, extended", "the same for momentum, Nesterov, weight decay, mini-batches, biases",
      theorem_2_others, NULL },
    { "Theorem 2', eq. (12)", "every local minimum on {C = c} is global at infinite width", NULL,
      "it is about infinitely many neurons, which no computation has; the next line is the part "
      "that every width shares, and E28 counts the local minima of finite nets" },
    { "Theorem 2', finite",
      "at every width each function of a ReLU net has a net with C = c, for any c",
      theorem_reach, NULL },
    { "Theorem 3, eq. (15)-(17)", "two-layer linear nets have alpha = 1.10 +- 0.01", theorem_3,
      NULL },
    { "Theorem 4, eq. (4), (18), (19)", "S is a sum over modes with c_k > 0, exact for linear nets",
      theorem_4, NULL },
    { "Theorem 4, corrected",
      "S = sum_kj g_k g_j D_kj (1 - (rho_k rho_j)^T) / (1 - rho_k rho_j) for a quadratic",
      theorem_4_corrected, NULL },
    { "Theorem 5, eq. (5), (23)-(25)", "balanced modes lose their balance at order eta^2",
      theorem_5, NULL },
    { "Theorem 5, corrected", "|G_1|^2, |G_2|^2 of a linear net from r_k = lx_k e_k, exactly",
      theorem_5_corrected, NULL },
    { "Theorem 6, eq. (6), (20)-(22)", "lambda_max(diag p - p p^T) = max_k p_k (1 - p_k)",
      theorem_6, NULL },
    { "Theorem 6, corrected", "K/(K-1) max p(1-p) <= lambda_max(diag p - p p^T) <= 2 max p(1-p)",
      theorem_6_corrected, NULL },
    { "Theorem 6, eq. (7)", "lambda_max(H) <= lambda_max(J^T J/n) max_i q_i (1 - q_i)",
      theorem_6_bound, NULL },
    { "Theorem 6, eq. (7) corrected",
      "lambda_max(H) <= lambda_max(H_GN) + b, lambda_max(H_GN) <= lambda_max(J^T J/n) max_i "
      "lambda_max(S_i)",
      theorem_6_bound_corrected, NULL },
    { "Proposition 7, eq. (8), (26), (27)", "times to a threshold scale as 1/eta", theorem_prop_7,
      NULL },
    { "Theorem 8", "two regimes of the switch rate", NULL,
      "it names no quantity, only two regimes of a fit (E15); the next line is the exact rule for "
      "every switch, and E29 has the rates of all experiments" },
    { "Theorem 8, finite",
      "a gate of layer 1 switches in a step if and only if z and z - eta q differ in sign, "
      "q = x.G_1",
      theorem_switches, NULL },
    { "Theorem 1 at two points", "c^T D (g+ + g-) = -d^T D (g+ - g-), kinks included",
      theorem_two_points, NULL },
    { "Two-point flow", "a step c - eta a moves C(c) by 2 eta d^T D b + eta^2 a^T D a",
      theorem_centre, NULL },
    { "Two-point flow, momentum", "dE/dt = -(1 - beta) E - d^T D b - eta u^T D p'",
      theorem_momentum, NULL },
    { "Certified eigenvalues", "the intervals hold the eigenvalues, and none is missed",
      theorem_certified, NULL },
};
enum { THEOREMS = KIT_LEN(theorem_list) };

/* Try them all. 0 if out of memory or the like. */
static int theorems_try(theorem_result *results, int quick)
{
    memset(results, 0, THEOREMS * sizeof *results);
    for (size_t i = 0; i < THEOREMS; ++i) {
        clb_status status = CLB_OK;
        if (theorem_list[i].check) status = theorem_list[i].check(&results[i], quick ? 20 : 200);
        else snprintf(results[i].note, sizeof results[i].note, "%s", theorem_list[i].why);
        if (!status) continue;
        fprintf(stderr, "%s: %s\n", theorem_list[i].name, clb_strerror(status));
        return 0;
    }
    return 1;
}

static int option_quick;
static const char *option_out;
static const kit_opt options[] = {
    { "quick", 0, NULL, "20 instances of each instead of 200", kit_set_flag, &option_quick },
    { "out", 'o', "FILE", "write the table there [stdout]", kit_set_text, (void *)&option_out },
    { NULL, 0, NULL, NULL, NULL, NULL },
};

static int command_run(const char *const *words)
{
    theorem_result results[THEOREMS];
    kit_buf b = { NULL, 0, 0 };
    int status;
    if (words[0]) return kit_usage("clb_theorems run", "unexpected argument", words[0]);
    if (!theorems_try(results, option_quick)) return KIT_NUMERICAL;
    kit_put(&b, "| | statement | instances | residual | verdict | what was measured |\n"
                "|---|---|---|---|---|---|\n");
    for (size_t i = 0; i < THEOREMS; ++i) {
        kit_putf(&b, "| %s | ", theorem_list[i].name), put_markdown(&b, theorem_list[i].statement);
        if (theorem_list[i].check)
            kit_putf(&b, " | %zu | %.2g | %s | ", results[i].instances, results[i].residual,
                     verdict_names[results[i].answer]);
        else kit_put(&b, " | - | - | not testable | ");
        put_markdown(&b, results[i].note), kit_put(&b, " |\n");
    }
    status = kit_write_file(option_out ? option_out : "-", b.s, b.n);
    free(b.s);
    return status;
}

static const tool_command commands[] = {
    { "run", "", "try every statement on random instances", options, command_run },
    { NULL, NULL, NULL, NULL, NULL },
};
static const tool clb_theorems = {
    "clb_theorems", "the papers' statements on random instances.", commands,
    { "clb_theorems run", "clb_theorems run --out tables/theorems.md" }
};

int main(int argc, char **argv) { return kit_printed_all(tool_main(&clb_theorems, argc, argv)); }
