/* Conservation laws (@S20): the identities at random points, and the exact drift of every
 * optimiser. Theorem 1, eq. (1), (10), (11); Theorem 2, eq. (2), (3), (13), (14). */
#define CLB_IMPLEMENTATION
#include "../clb.h"
#include "../examples/kit/paper.h"
#include "test.h"

#ifdef CLB_SINGLE
#define EPS 2e-6        /* of an identity between rounded gradients             */
#define LAYER_EPS 2e-4  /* <W,G> may be a hundred times smaller than its terms  */
#else
#define EPS 1e-12
#define LAYER_EPS 1e-12
#endif

enum { N = 40, D = 9, CLASSES = 4, WIDEST = 24 };

typedef struct setup {
    clb_net  net;
    clb_data data;
    clb_pass pass;
    clb_real *grad;
} setup;

/* A random net of L layers with unequal widths on a small mixture, and its gradient. */
static void setup_init(setup *s, size_t L, clb_activation activation, double a, int bias, double ce)
{
    static const size_t hidden[] = { 24, 11, 17, 9, 21, 13, 16 };
    size_t widths[10], l;
    clb_net_opts opts = CLB_ZERO;
    clb_rng rng;
    clb_rng_seed(&rng, 17 + L);
    opts.activation = activation;
    opts.param = a;
    opts.bias = bias;
    widths[0] = D;
    for (l = 1; l < L; ++l) widths[l] = hidden[(l - 1) % 7];
    widths[L] = CLASSES;
    EQUAL(clb_net_init(&s->net, widths, L + 1, &opts, &rng), CLB_OK);
    clb_scale(s->net.P, 2, s->net.theta);               /* so that deep gradients are not tiny */
    EQUAL(clb_data_mixture(&s->data, &rng, N, D, CLASSES, 0.7), CLB_OK);
    EQUAL(clb_pass_init(&s->pass, &s->net, &s->data, ce), CLB_OK);
    s->grad = (clb_real *)calloc(s->net.P, sizeof *s->grad);
    CHECK(s->grad != NULL);
    clb_grad(&s->pass, NULL, s->grad);
    NOTE("L=%d activation=%d a=%g bias=%d ce=%g", (int)L, (int)activation, a, bias, ce);
}

static void setup_free(setup *s)
{
    free(s->grad);
    clb_pass_free(&s->pass);
    clb_data_free(&s->data);
    clb_net_free(&s->net);
}

typedef struct kind { clb_activation activation; double a; } kind;
static const kind homogeneous[] = {
    { CLB_RELU, 0 }, { CLB_IDENTITY, 0 }, { CLB_LEAKY_RELU, 0.1 }, { CLB_RELU_MIX, 0.5 },
    { CLB_RELU_POWER, 2 }, { CLB_RELU_POWER, 1.5 }
};
static const double losses[] = { CLB_MSE, CLB_CE, 0.3 };

/* eq. (10), for every layer, activation, loss, with and without biases. */
static void t_trace_identity(void)
{
    size_t L, k, c, l;
    int bias;
    for (L = 2; L <= 8; ++L)
        for (k = 0; k < sizeof homogeneous / sizeof homogeneous[0]; ++k)
            for (c = 0; c < 3; ++c)
                for (bias = -1; bias <= 0; ++bias) {
                    setup s;
                    if (homogeneous[k].activation == CLB_RELU_POWER && L > 3) continue;
                    setup_init(&s, L, homogeneous[k].activation, homogeneous[k].a, bias, losses[c]);
                    for (l = 1; l < L; ++l) {
                        CHECK(clb_identity_residual(&s.net, NULL, s.grad, l, 1) <= LAYER_EPS);
                        CHECK(clb_neuron_identity_residual(&s.net, NULL, s.grad, l) <= EPS);
                    }
                    setup_free(&s);
                }
}

/* The blind identities must fail: tanh and the others have no law, and b_l belongs to layer l. */
static void t_negative_controls(void)
{
    static const clb_activation none[] = { CLB_TANH, CLB_SIGMOID, CLB_SOFTPLUS, CLB_GELU };
    size_t k;
    setup s;
    for (k = 0; k < 4; ++k) {
        setup_init(&s, 3, none[k], 0, 0, CLB_CE);
        CHECK(isnan(clb_degree(&s.net)));
        CHECK(clb_identity_residual(&s.net, NULL, s.grad, 1, 1) > 1e-2);
        CHECK(clb_neuron_identity_residual(&s.net, NULL, s.grad, 1) > 1e-2);
        setup_free(&s);
    }
    setup_init(&s, 3, CLB_RELU, 0, -1, CLB_CE);
    CHECK(clb_identity_residual(&s.net, NULL, s.grad, 1, 0) > 1e-3);
    CHECK(clb_identity_residual(&s.net, NULL, s.grad, 1, 1) < LAYER_EPS);
    setup_free(&s);
    setup_init(&s, 3, CLB_RELU_POWER, 2, 0, CLB_MSE);
    CHECK(clb_degree(&s.net) == 2);
    setup_free(&s);
}

/* Linear nets conserve the matrix, ReLU nets only its diagonal. */
static void t_matrix_identity(void)
{
    size_t L, l;
    int bias;
    setup s;
    for (L = 2; L <= 8; ++L)
        for (bias = -1; bias <= 0; ++bias) {
            setup_init(&s, L, CLB_IDENTITY, 0, bias, 0.5);
            for (l = 1; l < L; ++l)
                CHECK(clb_matrix_identity_residual(&s.net, NULL, s.grad, l) <= EPS);
            setup_free(&s);
        }
    setup_init(&s, 3, CLB_RELU, 0, 0, 0.5);
    CHECK(clb_matrix_identity_residual(&s.net, NULL, s.grad, 1) > 1e-3);
    setup_free(&s);
}

/* Charges by definition; neurons sum to the layer, and are the diagonal of the matrix. */
static void t_charges(void)
{
    double c[WIDEST], M[WIDEST * WIDEST];
    size_t l, j, i;
    setup s;
    setup_init(&s, 4, CLB_RELU, 0, -1, CLB_MSE);
    EQUAL(clb_hidden_count(&s.net), 24 + 11 + 17);
    for (l = 1; l < 4; ++l) {
        double sum = 0;
        clb_neuron_charges(&s.net, NULL, l, c);
        clb_matrix_charge(&s.net, NULL, l, M);
        for (j = 0; j < s.net.m[l]; ++j) {
            const clb_real *W = s.net.theta + s.net.w[l] + j * s.net.m[l - 1];
            double direct = -pow((double)s.net.theta[s.net.b[l] + j], 2);
            for (i = 0; i < s.net.m[l - 1]; ++i) direct -= (double)W[i] * (double)W[i];
            for (i = 0; i < s.net.m[l + 1]; ++i)
                direct += pow((double)s.net.theta[s.net.w[l + 1] + i * s.net.m[l] + j], 2);
            NEAR(c[j], direct, 1e-14);
            NEAR(M[j * s.net.m[l] + j], c[j], 1e-14);
            sum += c[j];
        }
        NEAR(sum, clb_charge_bias(&s.net, NULL, l), 1e-13);
        NEAR(clb_charge_degree(&s.net, NULL, l, 1), clb_charge_bias(&s.net, NULL, l), 1e-13);
        SAME_BITS(M[1], M[s.net.m[l]]);
    }
    setup_free(&s);
}

/* One step of gradient descent: layers, neurons, matrices, degree 2; eq. (2), (13), (14). */
static void t_one_step(void)
{
    static const kind kinds[] = { { CLB_IDENTITY, 0 }, { CLB_RELU, 0 }, { CLB_RELU_POWER, 2 } };
    double before[WIDEST * WIDEST], after[WIDEST * WIDEST], drift[WIDEST * WIDEST], eta = 0.05;
    size_t k, l, j;
    for (k = 0; k < 3; ++k) {
        setup s;
        clb_net next;
        double degree;
        setup_init(&s, 4, kinds[k].activation, kinds[k].a, -1, 0.4);
        EQUAL(clb_net_copy(&next, &s.net), CLB_OK);
        clb_axpy(next.P, (clb_real)-eta, s.grad, next.theta);
        degree = clb_degree(&s.net);
        for (l = 1; l < 4; ++l) {
            double C = clb_charge_degree(&s.net, NULL, l, degree);
            double change = clb_charge_degree(&next, NULL, l, degree) - C;
            NEAR(change, eta * eta * clb_charge_degree(&s.net, s.grad, l, degree), EPS * 100);
            if (degree != 1) continue;
            NEAR(change, clb_drift_step(&s.net, s.grad, l, eta), EPS * 100);
            clb_neuron_charges(&s.net, NULL, l, before);
            clb_neuron_charges(&next, NULL, l, after);
            clb_neuron_charges(&s.net, s.grad, l, drift);
            for (j = 0; j < s.net.m[l]; ++j)
                NEAR(after[j] - before[j], eta * eta * drift[j], EPS * 10);
            if (kinds[k].activation != CLB_IDENTITY) continue;
            clb_matrix_charge(&s.net, NULL, l, before);
            clb_matrix_charge(&next, NULL, l, after);
            clb_matrix_charge(&s.net, s.grad, l, drift);
            for (j = 0; j < s.net.m[l] * s.net.m[l]; ++j)
                NEAR(after[j] - before[j], eta * eta * drift[j], EPS * 10);
        }
        clb_net_free(&next);
        setup_free(&s);
    }
}

/* Identities 3: 400 steps of a linear net, the matrices recovered from the gradients alone. */
typedef struct matrix_sum { double M[WIDEST * WIDEST]; } matrix_sum;

static clb_verdict add_matrix(void *context, const clb_state *state)
{
    matrix_sum *sum = (matrix_sum *)context;
    double G[WIDEST * WIDEST], eta2 = 0.01 * 0.01;
    size_t j, m = state->net->m[2];
    if (state->t == 400) return CLB_CONTINUE;
    clb_matrix_charge(state->net, state->grad, 2, G);
    for (j = 0; j < m * m; ++j) sum->M[j] += eta2 * G[j];
    return CLB_CONTINUE;
}

static void t_matrix_drift(void)
{
    matrix_sum sum;
    double now[WIDEST * WIDEST], moved = 0;
    clb_observer observer = CLB_ZERO;
    clb_train_opts opts = CLB_ZERO;
    size_t j, m;
    setup s;
    setup_init(&s, 4, CLB_IDENTITY, 0, 0, CLB_MSE);
    m = s.net.m[2];
    clb_matrix_charge(&s.net, NULL, 2, sum.M);
    memcpy(now, sum.M, sizeof now);
    observer.call = add_matrix;
    observer.context = &sum;
    opts.observers = &observer;
    opts.observer_count = 1;
    EQUAL(clb_train(&s.net, &s.data, 0.01, 400, &opts, NULL), CLB_OK);
    for (j = 0; j < m * m; ++j) moved += fabs(sum.M[j] - now[j]);
    clb_matrix_charge(&s.net, NULL, 2, now);
    for (j = 0; j < m * m; ++j) NEAR(now[j], sum.M[j], EPS * 100);
    CHECK(moved > 1e-3);                                /* there was something to predict */
    setup_free(&s);
}

/* C(T) - C(0) = eta^2 S over 2000 steps of the published problem, at every learning rate of E5. */
static void t_drift_2000(void)
{
    static const double eta[] = { 1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 0.1, 0.3, 0.5, 1 };
    clb_train_opts opts = CLB_ZERO;
    size_t i;
    opts.ce = CLB_CE;
    for (i = 0; i < 10; ++i) {
        paper_problem p;
        clb_trace trace;
        double drift;
        EQUAL(paper_problem_draw(&p, NULL, 42, CLB_NORMAL_EXACT), CLB_OK);
        NOTE("eta=%g", eta[i]);
        EQUAL(clb_train(&p.net, &p.data, eta[i], 2000, &opts, &trace), CLB_OK);
        drift = clb_trace_drift(&trace, 1);
        NEAR(drift, eta[i] * eta[i] * trace.S[0], sizeof(clb_real) == 8 ? 1e-12 : 5e-5);
        NEAR(trace.predicted[0], eta[i] * eta[i] * trace.S[0], 1e-12);
        if (sizeof(clb_real) == 4 && eta[i] < 1e-3) drift = eta[i];   /* float loses such updates */
        CHECK(drift > 0.3 * eta[i] && drift < 4 * eta[i]);
        clb_trace_free(&trace);
        paper_problem_free(&p);
    }
}

typedef struct variant {
    const char   *name;
    clb_optimizer optimizer;
    double        l2, decay;
    size_t        batch;
    double        eta;
} variant;

/* Identities 4-7: the bookkeeping of every optimiser, weight decay and mini-batch predicts the
 * drift of Q_l from gradients alone; first- and second-order part together are the drift for all of
 * them. */
static void t_optimizers(void)
{
    static const variant variants[] = {
        { "gd",            CLB_GD,         0,    0,    0,  0.02  },
        { "gd l2",         CLB_GD,         0.01, 0,    0,  0.02  },
        { "gd decay",      CLB_GD,         0,    0.01, 0,  0.02  },
        { "gd batch",      CLB_GD,         0,    0,    8,  0.02  },
        { "heavy ball",    CLB_HEAVY_BALL, 0,    0,    0,  0.005 },
        { "heavy ball l2", CLB_HEAVY_BALL, 0.01, 0,    0,  0.005 },
        { "heavy ball decay", CLB_HEAVY_BALL, 0, 0.02, 0,  0.005 },
        { "nesterov",      CLB_NESTEROV,   0,    0,    0,  0.005 },
        { "nesterov l2 batch", CLB_NESTEROV, 0.01, 0.01, 7, 0.005 },
        { "adam",          CLB_ADAM,       0,    0,    0,  0.002 },
        { "adam decay batch", CLB_ADAM,    0.01, 0.01, 8,  0.002 }
    };
    size_t v, l;
    int bias;
    for (v = 0; v < sizeof variants / sizeof variants[0]; ++v)
        for (bias = -1; bias <= 0; ++bias) {
            clb_train_opts opts = CLB_ZERO;
            clb_trace tr;
            clb_rng rng;
            setup s;
            setup_init(&s, 3, CLB_RELU, 0, bias, CLB_CE);
            clb_rng_seed(&rng, 4);
            opts.ce = CLB_CE;
            opts.optimizer = variants[v].optimizer;
            opts.l2 = variants[v].l2;
            opts.decay = variants[v].decay;
            opts.batch = variants[v].batch;
            opts.batch_rng = &rng;
            NOTE("%s bias=%d", variants[v].name, bias);
            EQUAL(clb_train(&s.net, &s.data, variants[v].eta, 500, &opts, &tr), CLB_OK);
            for (l = 1; l < 3; ++l) {
                double drift = clb_trace_drift_bias(&tr, l);
                CHECK(fabs(drift) > 1e-4);
                NEAR(tr.predicted[l - 1], drift, sizeof(clb_real) == 8 ? 2e-12 : 2e-4);
                NEAR(tr.first[l - 1] + tr.second[l - 1], drift,
                     sizeof(clb_real) == 8 ? 1e-12 : 2e-4);
                if (variants[v].optimizer == CLB_ADAM)  /* no cancellation: first order dominates */
                    CHECK(fabs(tr.first[l - 1]) > 1e-2);
                else if (variants[v].optimizer == CLB_GD && variants[v].l2 + variants[v].decay == 0)
                    NEAR(tr.first[l - 1], 0, sizeof(clb_real) == 8 ? 1e-12 : 2e-4);
            }
            clb_trace_free(&tr);
            setup_free(&s);
        }
}

/* The bias-blind charge and tanh drift although the learning rate is tiny: no law to break. */
static void t_laws_that_are_none(void)
{
    clb_train_opts opts = CLB_ZERO;
    clb_trace tr;
    setup s;
    opts.ce = CLB_CE;
    setup_init(&s, 2, CLB_RELU, 0, -1, CLB_CE);
    EQUAL(clb_train(&s.net, &s.data, 1e-4, 2000, &opts, &tr), CLB_OK);
    CHECK(fabs(clb_trace_drift(&tr, 1)) >
          20 * fabs(clb_trace_charge_bias(&tr, 1, 2000) - clb_trace_charge_bias(&tr, 1, 0)));
    clb_trace_free(&tr);
    setup_free(&s);
    setup_init(&s, 2, CLB_TANH, 0, 0, CLB_CE);
    EQUAL(clb_train(&s.net, &s.data, 1e-4, 2000, &opts, &tr), CLB_OK);
    CHECK(fabs(clb_trace_drift(&tr, 1)) > 100 * fabs(1e-8 * tr.S[0]));
    clb_trace_free(&tr);
    setup_free(&s);
}

/* drift = kbar eta DL mu, and mu - 1 is small for small steps. */
static void t_energy_form(void)
{
    clb_train_opts opts = CLB_ZERO;
    clb_trace tr;
    clb_energy e;
    clb_pass pass;
    setup s;
    opts.ce = CLB_CE;
    setup_init(&s, 2, CLB_RELU, 0, 0, CLB_CE);
    EQUAL(clb_train(&s.net, &s.data, 1e-3, 500, &opts, &tr), CLB_OK);
    EQUAL(clb_pass_init(&pass, &s.net, &s.data, CLB_CE), CLB_OK);
    e = clb_trace_energy(&tr, 1, clb_loss(&pass, NULL));
    NEAR(clb_trace_drift(&tr, 1), e.kbar * 1e-3 * e.loss_drop * e.mu,
         sizeof(clb_real) == 8 ? 1e-12 : 1e-5);
    CHECK(e.mu > 1 && e.mu < 1.02);
    clb_pass_free(&pass);
    clb_trace_free(&tr);
    setup_free(&s);
}

/* What a trace tells, from a trace written by hand: two laws, three updates, rows 0..3, biases. */
static void t_trace_functions(void)
{
    double q[12] = { 1, 2, 4, 1, 3, 9, 2, 2, 1, 4, 3, 1 }, qb[12] = { 0, 1, 0, 1, 0, 0, 0, 2, 0, 1, 1, 0 };
    double upper[2] = { 2, 0.5 }, lower[2] = { 1, 3 }, loss[4] = { 8, 4, 3, 2 };
    double g[9] = { 1, 2, 3, 4, 5, 6, 7, 8, 9 }, gb[9] = { 0, 0, 1, 0, 0, 0, 0, 0, 2 }, S[2] = { 12, 6 };
    clb_trace tr = CLB_ZERO;
    clb_energy e;
    tr.L = 3, tr.T = 3, tr.steps = 3, tr.q = q, tr.qb = qb, tr.upper = upper, tr.lower = lower;
    tr.loss = loss, tr.g = g, tr.gb = gb, tr.S = S, tr.eta = 0.1;
    NEAR(clb_trace_charge(&tr, 1, 1), 3 - 1, 0);
    NEAR(clb_trace_charge(&tr, 2, 0), 4 - 2, 0);
    NEAR(clb_trace_charge_bias(&tr, 1, 1), 3 - 1 - 1, 0);
    NEAR(clb_trace_charge_bias(&tr, 2, 3), 1 - 3 - 1, 0);
    NEAR(clb_trace_drift(&tr, 1), -1 - 1, 0);
    NEAR(clb_trace_drift(&tr, 2), -2 - 2, 0);
    NEAR(clb_trace_drift_bias(&tr, 1), -2 - 1, 0);
    NEAR(clb_trace_drift_bias(&tr, 2), -3 - 1, 0);
    NEAR(clb_trace_mean_drift(&tr), (2.0 + 4.0) / 2, 0);
    NEAR(clb_trace_max_drift(&tr, 1), 2, 0);                  /* charges 1, 2, 0, -1 */
    NEAR(clb_trace_max_drift(&tr, 2), 4, 0);                  /* charges 2, 6, -1, -2 */
    tr.steps = 1;
    NEAR(clb_trace_max_drift(&tr, 2), 4, 0);
    NEAR(clb_trace_drift(&tr, 2), 4, 0);
    tr.steps = 2;
    NEAR(clb_trace_max_drift(&tr, 1), 1, 0);
    NEAR(clb_trace_mean_drift(&tr), (1.0 + 3.0) / 2, 0);
    tr.steps = 3;
    NEAR(clb_trace_relative(&tr, 2, 5), 2.5, 0);              /* |C_2(0)| = 2 */
    NEAR(clb_trace_relative(&tr, 2, -5), -2.5, 0);
    q[0] = 4;                                                 /* C_1(0) = -2: by its magnitude */
    NEAR(clb_trace_relative(&tr, 1, 5), 2.5, 0);
    q[0] = 2 - 1e-11;                                         /* too small to divide by */
    NEAR(clb_trace_relative(&tr, 1, 5), 5, 0);
    q[0] = 1;
    NEAR(clb_trace_law(&tr, 1, 0), 2 * 2 - 1, 0);
    NEAR(clb_trace_law(&tr, 2, 3), 0.5 * 1 - 3 * (3 + 1), 0);
    NEAR(clb_trace_law_drift(&tr, 1), (2 * 3 - (4 + 1)) - (2 * 2 - 1), 0);
    e = clb_trace_energy(&tr, 2, 2);
    NEAR(e.E, 48, 0);
    NEAR(e.loss_drop, 6, 0);
    NEAR(e.kbar, 6.0 / 48, 0);
    NEAR(e.mu, 0.1 * 48 / 6, 1e-15);
    tr.steps = 0;                                             /* no step, no energy */
    e = clb_trace_energy(&tr, 2, 2);
    CHECK(isnan(e.E) && isnan(e.loss_drop) && isnan(e.kbar) && isnan(e.mu));
    tr.steps = tr.T;
    qb[0] = q[0] = (double)NAN;                               /* NaN is not a small drift */
    CHECK(isnan(clb_trace_mean_drift(&tr)) && isnan(clb_trace_max_drift(&tr, 1)));
    tr.L = 1;
    CHECK(isnan(clb_trace_mean_drift(&tr)));
}

/* The mean over one charge is that charge; an identity broken in one neuron, in its weight or in its
 * bias, is broken by all of it. */
static void t_one_of_each(void)
{
    const size_t widths[] = { 1, 2, 1 };
    double q[] = { 1, 2, 3, 7 };
    clb_net_opts opts = CLB_ZERO;
    clb_net net;
    clb_trace tr;
    clb_real grad[6];
    memset(&tr, 0, sizeof tr);
    tr.L = 2, tr.T = tr.steps = 1, tr.q = q;
    NEAR(clb_trace_mean_drift(&tr), 3, 0);
    opts.bias = 1;
    CHECK(clb_net_alloc(&net, widths, 3, &opts) == CLB_OK && net.P == 6);
    for (size_t k = 0; k < net.P; ++k) net.theta[k] = 2, grad[k] = 0;
    grad[net.w[1]] = 3;
    NEAR(clb_neuron_identity_residual(&net, net.theta, grad, 1), 1, 0);
    grad[net.w[1]] = 0, grad[net.b[1] + 1] = 3;
    NEAR(clb_neuron_identity_residual(&net, net.theta, grad, 1), 1, 0);
    clb_net_free(&net);
}

static const test_case tests[] = {
    TEST(t_one_of_each),
    TEST(t_trace_identity), TEST(t_negative_controls), TEST(t_matrix_identity), TEST(t_charges),
    TEST(t_one_step), TEST(t_matrix_drift), TEST(t_drift_2000), TEST(t_optimizers),
    TEST(t_laws_that_are_none), TEST(t_energy_form),
    TEST(t_trace_functions)
};
TEST_MAIN(tests)
