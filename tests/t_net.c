/* Networks, losses, gradient: finite differences, known values, invariances, bad input.
 *   cc -std=c99 -O2 -o t_net tests/t_net.c -lm && ./t_net */
#undef CLB_DECLARATIONS_ONLY     /* looks at clbi_ names: an implementation of its own */
#define CLB_STATIC               /* only what is used is compiled */
#define CLB_IMPLEMENTATION
#include "../clb.h"
#include "../examples/kit/paper.h"
#include "test.h"

#ifdef CLB_SINGLE
#define SINGLE 1
#else
#define SINGLE 0
#endif

typedef struct act_case {
    const char *name;
    clb_activation activation;
    double a;
    int smooth;
} act_case;
static const act_case acts[] = {
    { "relu", CLB_RELU, 0, 0 },
    { "identity", CLB_IDENTITY, 0, 1 },
    { "leaky", CLB_LEAKY_RELU, 0.1, 0 },
    { "mix", CLB_RELU_MIX, 0.3, 0 },
    { "power 1.5", CLB_RELU_POWER, 1.5, 0 },
    { "power 2", CLB_RELU_POWER, 2, 0 },
    { "power 3", CLB_RELU_POWER, 3, 0 },
    { "tanh", CLB_TANH, 0, 1 },
    { "sigmoid", CLB_SIGMOID, 0, 1 },
    { "softplus", CLB_SOFTPLUS, 0, 1 },
    { "gelu", CLB_GELU, 0, 1 },
};
#define ACTS (sizeof acts / sizeof acts[0])

/* A small net and data set; soft targets T when asked for. */
typedef struct fixture { clb_rng rng; clb_net net; clb_data data; clb_pass pass; } fixture;

static void setup(fixture *f, size_t hidden_layers, const clb_net_opts *opts, double ce, int soft)
{
    size_t widths[10], i, k;
    clb_rng_seed(&f->rng, 7 + hidden_layers);
    for (i = 0; i <= hidden_layers + 1; ++i) widths[i] = 5 + i % 2;
    widths[hidden_layers + 1] = 3;
    CHECK(clb_net_init(&f->net, widths, hidden_layers + 2, opts, &f->rng) == CLB_OK);
    for (i = 0; i < f->net.P; ++i)
        if (opts && opts->activation != CLB_RELU_POWER) f->net.theta[i] *= 2;
    CHECK(clb_data_mixture(&f->data, &f->rng, 11, 5, 3, 0.5) == CLB_OK);
    if (soft) {
        f->data.targets = (clb_real *)malloc(11 * 3 * sizeof(clb_real));
        clb_rng_uniform(&f->rng, 33, 0.1, 1, f->data.targets);
        for (i = 0; i < 11; ++i) {
            double sum = 0;
            for (k = 0; k < 3; ++k) sum += (double)f->data.targets[3 * i + k];
            for (k = 0; k < 3; ++k)
                f->data.targets[3 * i + k] = (clb_real)((double)f->data.targets[3 * i + k] / sum);
        }
    }
    CHECK(clb_pass_init(&f->pass, &f->net, &f->data, ce) == CLB_OK);
}

static void teardown(fixture *f)
{
    clb_pass_free(&f->pass);
    clb_net_free(&f->net);
    clb_data_free(&f->data);
}

/* Order k+1 is the derivative of order k, away from kinks. */
static void t_activation_derivatives(void)
{
    const double h = 1e-5;
    for (size_t c = 0; c < ACTS; ++c)
        for (int order = 0; order < 3; ++order)
            for (double z = -3.05; z < 3.2; z += 0.37) {
                double up = clb_activate(acts[c].activation, acts[c].a, z + h, order);
                double down = clb_activate(acts[c].activation, acts[c].a, z - h, order);
                NOTE("%s, order %d, z %g", acts[c].name, order, z);
                NEAR(clb_activate(acts[c].activation, acts[c].a, z, order + 1),
                     (up - down) / (2 * h), 2e-9);
            }
}

static void t_activation_values(void)
{
    NEAR(clb_activate(CLB_GELU, 0, 1, 0), 0.84134474606854294859, 1e-15);
    NEAR(clb_activate(CLB_SOFTPLUS, 0, 0, 0), 0.69314718055994530942, 1e-15);
    NEAR(clb_activate(CLB_SOFTPLUS, 0, 800, 0), 800, 0);
    NEAR(clb_activate(CLB_SIGMOID, 0, -800, 0), 0, 0);
    CHECK(isnan(clb_activate(CLB_RELU, 0, (double)NAN, 0)));
    for (size_t c = 0; c < ACTS; ++c) {
        double slope = clb_activate(acts[c].activation, acts[c].a, 0, 1);
        NOTE("%s", acts[c].name);
        if (acts[c].activation == CLB_RELU || acts[c].activation == CLB_RELU_POWER)
            NEAR(slope, 0, 0);
        if (acts[c].activation == CLB_RELU_MIX) NEAR(slope, 0.7, 1e-15);
    }
}

/* Homogeneous of degree p: s(c z) = c^p s(z). */
static void t_activation_homogeneity(void)
{
    for (size_t c = 0; c < ACTS; ++c) {
        double p = acts[c].activation == CLB_RELU_POWER ? acts[c].a : 1;
        if (acts[c].smooth && acts[c].activation != CLB_IDENTITY) continue;
        for (double z = -2; z < 2.1; z += 0.25)
            NEAR(clb_activate(acts[c].activation, acts[c].a, 3 * z, 0),
                 pow(3, p) * clb_activate(acts[c].activation, acts[c].a, z, 0), 1e-14);
    }
}

#ifndef CLB_SINGLE                        /* differences need double */
/* Gradient against central differences: every activation, loss blend, depth, bias, hard and soft
 * targets. */
static void check_gradient(const act_case *act, size_t hidden, int bias, double ce, int soft)
{
    fixture f;
    clb_net_opts opts = { act->a, act->activation, bias, 0 };
    const double h = 1e-5;
    setup(&f, hidden, &opts, ce, soft);
    clb_real *grad = (clb_real *)malloc(f.net.P * sizeof *grad);
    double loss = clb_grad(&f.pass, NULL, grad);
    NEAR(loss, clb_loss(&f.pass, NULL), 0);
    NOTE("%s, %lu hidden, bias %d, ce %g, soft %d", act->name, (unsigned long)hidden, bias, ce,
         soft);
    for (size_t j = 0; j < f.net.P; j += 3) {
        clb_real keep = f.net.theta[j];
        double up, down;
        f.net.theta[j] = keep + (clb_real)h, up = clb_loss(&f.pass, NULL);
        f.net.theta[j] = keep - (clb_real)h, down = clb_loss(&f.pass, NULL);
        f.net.theta[j] = keep;
        /* z^1.5 is rough at 0 */
        NEAR(grad[j], (up - down) / (2 * h), act->a == 1.5 ? 1e-6 : 2e-8);
    }
    free(grad);
    teardown(&f);
}

static void t_gradient(void)
{
    static const double blends[] = { 0, 0.3, 1 };
    for (size_t c = 0; c < ACTS; ++c)
        for (size_t hidden = 0; hidden <= 3; ++hidden)
            for (int bias = -1; bias <= (hidden ? 1 : 0); ++bias)
                for (size_t b = 0; b < 3; ++b)
                    check_gradient(&acts[c], hidden, bias, blends[b], c % 2 == 0);
}
#endif

/* The gradient in blocks of rows has the bits of clb_grad. */
static void check_blocks(size_t n, const size_t *widths, size_t count, const clb_net_opts *opts,
                         double ce, int soft)
{
    clb_rng rng;
    clb_net net;
    clb_data data;
    clb_pass pass;
    clbi_blocks blocks;
    clb_real *grad, *got;
    size_t K = widths[count - 1];
    clb_rng_seed(&rng, 3 + n);
    CHECK(clb_net_init(&net, widths, count, opts, &rng) == CLB_OK);
    CHECK(clb_data_mixture(&data, &rng, n, widths[0], K, 0.5) == CLB_OK);
    if (soft) {
        data.targets = (clb_real *)malloc(n * K * sizeof(clb_real));
        clb_rng_uniform(&rng, n * K, 0.1, 1, data.targets);
    }
    grad = (clb_real *)calloc(net.P, sizeof *grad), got = (clb_real *)calloc(net.P, sizeof *got);
    CHECK(clb_pass_init(&pass, &net, &data, ce) == CLB_OK &&
          clbi_blocks_init(&blocks, &net, &data, ce) == CLB_OK);
    for (int twice = 0; twice < 2; ++twice) {
        NOTE("n=%zu layers=%zu activation %d ce %g soft %d", n, count - 1, (int)net.activation, ce,
             soft);
        double loss = clb_grad(&pass, NULL, grad), same = clbi_blocks_grad(&blocks, net.theta, got);
        CHECK(memcmp(&loss, &same, sizeof loss) == 0 &&
              memcmp(grad, got, net.P * sizeof *grad) == 0);
        clb_axpy(net.P, (clb_real)-0.01, grad, net.theta);
    }
    free(grad), free(got);
    clbi_blocks_free(&blocks);
    clb_pass_free(&pass);
    clb_data_free(&data);
    clb_net_free(&net);
}

static void t_blocks(void)
{
    static const size_t widths[][5] = { { 20, 64, 5 }, { 7, 3 }, { 20, 33, 16, 5 },
                                        { 4, 130, 140, 9, 2 }, { 9, 24, 20 }, { 6, 300, 3 } };
    static const size_t counts[] = { 3, 2, 4, 5, 3, 3 }, rows[] = { 2, 47, 200, 700 };
    for (size_t w = 0; w < sizeof counts / sizeof *counts; ++w)
        for (size_t a = 0; a < ACTS; ++a)
            for (size_t i = 0; i < 4; ++i) {
                clb_net_opts opts = CLB_ZERO;
                opts.activation = acts[a].activation, opts.param = acts[a].a,
                opts.bias = i % 2 ? -1 : 0;
                check_blocks(rows[(i + a) % 4] + w, widths[w], counts[w], &opts,
                             0.5 * (double)(i % 3), i == 3);
                if (acts[a].smooth || a == 0)
                    check_blocks(rows[(i + a) % 4] + w, widths[w], counts[w], &opts, 1, 0);
            }
}

/* Cross entropy does not see a constant added to all logits, and softmax rows sum to one. */
static void t_softmax_shift(void)
{
    fixture f;
    clb_net_opts opts = { 0, CLB_RELU, -1, 0 };
    setup(&f, 1, &opts, CLB_CE, 0);
    double before = clb_loss(&f.pass, NULL);
    for (size_t k = 0; k < 3; ++k) f.net.theta[f.net.b[2] + k] += 100;
    NEAR(clb_loss(&f.pass, NULL), before, SINGLE ? 1e-4 : 1e-12);
    for (size_t i = 0; i < 11; ++i)
        NEAR(f.pass.p[3 * i] + f.pass.p[3 * i + 1] + f.pass.p[3 * i + 2], 1, SINGLE ? 1e-6 : 1e-15);
    for (size_t k = 0; k < 3; ++k) f.net.theta[f.net.b[2] + k] *= 1000;     /* no overflow */
    CHECK(isfinite(clb_loss(&f.pass, NULL)));
    teardown(&f);
}

/* Zero weights: MSE is the mean square of the targets, CE is log K. */
static void t_loss_values(void)
{
    fixture f;
    for (int ce = 0; ce <= 1; ++ce) {
        setup(&f, 2, NULL, ce, 0);
        memset(f.net.theta, 0, f.net.P * sizeof *f.net.theta);
        NEAR(clb_loss(&f.pass, NULL), ce == 1 ? log(3.0) : 1 / 3.0, SINGLE ? 1e-7 : 1e-15);
        teardown(&f);
    }
}

/* A NaN parameter shows in the loss: ReLU lets it through. */
static void t_nan_passes(void)
{
    fixture f;
    setup(&f, 3, NULL, CLB_CE, 0);
    f.net.theta[0] = (clb_real)NAN;
    CHECK(isnan(clb_loss(&f.pass, NULL)));
    teardown(&f);
}

/* A batch of all rows gives the full gradient; of one row, that row's; NULL goes back. */
static void t_batch(void)
{
    static const uint32_t all[] = { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10 };
    fixture f;
    double sum = 0, full;
    setup(&f, 1, NULL, CLB_CE, 0);
    full = clb_loss(&f.pass, NULL);
    CHECK(clb_pass_batch(&f.pass, all, 11) == CLB_OK);
    SAME_BITS(clb_loss(&f.pass, NULL), full);
    for (uint32_t i = 0; i < 11; ++i) {
        CHECK(clb_pass_batch(&f.pass, &i, 1) == CLB_OK);
        sum += clb_loss(&f.pass, NULL);
    }
    NEAR(sum / 11, full, SINGLE ? 1e-6 : 1e-14);
    CHECK(clb_pass_batch(&f.pass, NULL, 0) == CLB_OK);
    SAME_BITS(clb_loss(&f.pass, NULL), full);
    uint32_t beyond = 11;
    CHECK(clb_pass_batch(&f.pass, &beyond, 1) == CLB_EROW);
    CHECK(clb_pass_batch(&f.pass, all, 0) == CLB_EROW);
    teardown(&f);
}

static void t_gates(void)
{
    fixture f;
    uint64_t bits[4];
    setup(&f, 2, NULL, CLB_CE, 0);
    clb_loss(&f.pass, NULL);
    CHECK(clb_gate_words(&f.pass, 1) <= 4);
    clb_gates(&f.pass, 1, bits);
    for (size_t i = 0; i < 11 * f.net.m[1]; ++i)
        EQUAL((bits[i / 64] >> (i % 64)) & 1, f.pass.z[1][i] > 0);
    teardown(&f);
}

static void t_gate_switches(void)
{
    fixture f;
    uint64_t before[4], after[4];
    uint32_t index[88], units[8];
    size_t count, expected = 0, at = 0, sum = 0;
    setup(&f, 2, NULL, CLB_CE, 0);
    clb_loss(&f.pass, NULL);
    clb_gates(&f.pass, 1, before);
    EQUAL(clb_gate_switches(&f.pass, 1, before, before, NULL, NULL), 0);
    for (size_t i = 0; i < f.net.P; ++i)
        f.net.theta[i] += (clb_real)0.3 * (clb_real)((int)(i % 5) - 2);
    clb_loss(&f.pass, NULL);
    clb_gates(&f.pass, 1, after);
    CHECK(f.net.m[1] <= 8 && 11 * f.net.m[1] <= 88);
    count = clb_gate_switches(&f.pass, 1, before, after, index, units);
    for (size_t i = 0; i < 11 * f.net.m[1]; ++i) {
        if ((before[i / 64] >> (i % 64) & 1) == (after[i / 64] >> (i % 64) & 1)) continue;
        CHECK(at < count);
        EQUAL(index[at], i);
        ++at, ++expected;
    }
    EQUAL(count, expected);
    CHECK(count > 0);
    for (size_t h = 0; h < f.net.m[1]; ++h) {
        size_t own = 0;
        for (size_t k = 0; k < count; ++k) own += index[k] % f.net.m[1] == h;
        EQUAL(units[h], own);
        sum += own;
    }
    EQUAL(sum, count);
    teardown(&f);
}

/* Held gates: the same network at the point where they were taken; elsewhere a network that is
 * linear in each
 * layer, so that loss(theta) along a line through W_1 alone is the quadratic of MSE. */
static void t_freeze(void)
{
    fixture f;
    clb_net_opts opts = clb_relu_mix(0.7);
    clb_real *g = (clb_real *)calloc(2000, sizeof *g), *frozen = g + 1000;
    double live, v[5], scale = 0;
    setup(&f, 2, &opts, CLB_MSE, 0);
    CHECK(f.net.P <= 1000);
    live = clb_grad(&f.pass, NULL, g);
    CHECK(clb_pass_freeze(&f.pass, &f.pass) == CLB_OK);
    CHECK(clb_grad(&f.pass, NULL, frozen) == live);
    CHECK(memcmp(g, frozen, f.net.P * sizeof *g) == 0);
    for (int k = 0; k < 5; ++k) {
        for (size_t i = 0; i < clb_layer_size(&f.net, 1); ++i)
            f.net.theta[f.net.w[1] + i] += (clb_real)(i % 3) - 1;
        v[k] = clb_loss(&f.pass, NULL);
        scale += fabs(v[k]);
    }
    /* third differences */
    NEAR((v[3] - 3 * v[2] + 3 * v[1] - v[0]) / scale, 0.0, SINGLE ? 1e-5 : 1e-13);
    NEAR((v[4] - 3 * v[3] + 3 * v[2] - v[1]) / scale, 0.0, SINGLE ? 1e-5 : 1e-13);
    CHECK(clb_pass_freeze(&f.pass, NULL) == CLB_OK);
    CHECK(fabs(clb_loss(&f.pass, NULL) - v[4]) > 1e-3 * v[4]);           /* live gates have moved */
    teardown(&f);
    free(g);
}

static void t_layout(void)
{
    static const size_t widths[] = { 20, 32, 32, 32, 32, 5 };
    clb_net_opts opts = { 0, CLB_RELU, 0, 0 };
    clb_net net, copy;
    CHECK(clb_net_alloc(&net, widths, 6, &opts) == CLB_OK);
    EQUAL(net.P, 3872);
    EQUAL(net.L, 5);
    CHECK(net.b[3] == CLB_NO_BIAS);
    clb_net_free(&net);
    opts.bias = 2;
    CHECK(clb_net_alloc(&net, widths, 6, &opts) == CLB_OK);
    EQUAL(net.P, 3872 + 32);
    EQUAL(net.b[2], 20 * 32 + 32 * 32);
    EQUAL(net.w[3], net.b[2] + 32);
    net.theta[17] = 3;
    CHECK(clb_net_copy(&copy, &net) == CLB_OK);
    clb_net_free(&net);
    EQUAL(copy.theta[17], 3);
    EQUAL(copy.w[3], copy.b[2] + 32);
    clb_net_free(&copy);
    clb_net_free(&copy);                 /* a freed net is a zeroed net */
}

static void t_bad_input(void)
{
    static const size_t widths[] = { 5, 4, 3 }, zero[] = { 5, 0, 3 };
    static const size_t huge[] = { (size_t)-1 / 2, (size_t)-1 / 2, 3 };
    clb_net_opts opts = { 0, CLB_RELU, 0, 0 };
    clb_net net;
    fixture f;
    clb_pass pass;
    CHECK(clb_net_alloc(&net, widths, 1, NULL) == CLB_ESHAPE);
    CHECK(clb_net_alloc(&net, zero, 3, NULL) == CLB_ESHAPE);
    CHECK(clb_net_alloc(&net, huge, 3, NULL) == CLB_ESIZE);
    CHECK(net.theta == NULL && net.m == NULL);
    opts.bias = 3;
    CHECK(clb_net_alloc(&net, widths, 3, &opts) == CLB_ELAYER);
    opts.bias = 0, opts.activation = (clb_activation)99;
    CHECK(clb_net_alloc(&net, widths, 3, &opts) == CLB_EACTIVATION);
    opts.activation = CLB_RELU, opts.param = (double)NAN;
    CHECK(clb_net_alloc(&net, widths, 3, &opts) == CLB_EACTIVATION);
    opts.activation = CLB_RELU_POWER, opts.param = 0;         /* would be a step function */
    CHECK(clb_net_alloc(&net, widths, 3, &opts) == CLB_EACTIVATION);
    opts.activation = CLB_LEAKY_RELU;
    CHECK(clb_net_alloc(&net, widths, 3, &opts) == CLB_OK);
    SAME_BITS(net.param, 0.01);
    clb_net_free(&net);
    setup(&f, 1, NULL, CLB_CE, 0);
    CHECK(clb_pass_init(&pass, &f.net, &f.data, 1.5) == CLB_ELOSS);
    CHECK(clb_pass_init(&pass, &f.net, &f.data, (double)NAN) == CLB_ELOSS);
    f.data.y[4] = 3;
    CHECK(clb_pass_init(&pass, &f.net, &f.data, 1) == CLB_ELABEL);
    f.data.y[4] = 2, f.data.n = 0;
    CHECK(clb_pass_init(&pass, &f.net, &f.data, 1) == CLB_EEMPTY);
    f.data.n = 11, f.data.d = 6;
    CHECK(clb_pass_init(&pass, &f.net, &f.data, 1) == CLB_ESHAPE);
    f.data.d = 5;
    teardown(&f);
}

/* The text of an error: names and values, the same in every locale; cut where it does not fit. */
static void t_error_text(void)
{
    static const struct { double value; const char *text; } numbers[] = {
        { 0, "0" }, { 1, "1" }, { -2.5, "-2.5" }, { 0.1, "0.1" }, { 1e6, "1000000" },
        { 123456.7, "123457" }, { 999999.7, "1000000" }, { 1.0 / 3, "0.333333" }, { 1e-5, "0.00001" },
        { 1.5e-7, "1.5e-7" }, { 6.02214e23, "6.02214e23" }, { HUGE_VAL, "infinity" },
        { -HUGE_VAL, "-infinity" }, { (double)NAN, "NaN" }, { DBL_MAX, "1.79769e308" },
    };
    clb_error error;
    char lengthy[400];
    EQUAL(clbi_fail(NULL, CLB_ESTEP, "%g", 1.0), CLB_ESTEP);
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; ++i) {
        EQUAL(clbi_fail(&error, CLB_ESTEP, "%g", numbers[i].value), CLB_ESTEP);
        if (strcmp(error.text, numbers[i].text)) FAIL("%s, not %s", error.text, numbers[i].text);
    }
    clbi_fail(&error, CLB_ELABEL, "row %z of %s: %d", (size_t)12, "y", -2147483647 - 1);
    CHECK(!strcmp(error.text, "row 12 of y: -2147483648") && error.status == CLB_ELABEL);
    memset(lengthy, 'x', sizeof lengthy), lengthy[399] = 0;
    clbi_fail(&error, CLB_EIO, "%s", lengthy);
    EQUAL(strlen(error.text), sizeof error.text - 1);
    EQUAL(clbi_done(&error, CLB_EIO), CLB_EIO);
    CHECK(error.text[0] == 'x');                    /* what was said first stays */
    EQUAL(clbi_done(&error, CLB_ENOMEM), CLB_ENOMEM);
    CHECK(!strcmp(error.text, clb_strerror(CLB_ENOMEM)));
    clbi_clear(&error);
    CHECK(error.status == CLB_OK && error.text[0] == 0);
}

/* ---- nets in use ---- */

/* Outputs, probabilities and classes are those of a pass over all rows, whatever the block. */
static void t_predict(void)
{
    static const size_t widths[][4] = { { 6, 33, 20, 3 }, { 5, 4, 0, 0 }, { 3, 700, 18, 0 } };
    static const size_t counts[] = { 4, 2, 3 }, rows[] = { 1, 7, 400, 1000 };
    for (size_t w = 0; w < 3; ++w)
        for (size_t c = 0; c < ACTS; ++c) {
            size_t n = rows[(w + c) % 4], K = widths[w][counts[w] - 1];
            clb_net_opts opts = CLB_ZERO;
            clb_rng rng;
            clb_net net;
            clb_data data;
            clb_pass pass;
            int *label = (int *)malloc(n * sizeof *label);
            clb_real *out = (clb_real *)malloc(n * K * sizeof *out);
            double loss, accuracy;
            size_t hits = 0;
            NOTE("net %zu, %s, n = %zu", w, acts[c].name, n);
            opts.activation = acts[c].activation, opts.param = acts[c].a, opts.bias = c % 2 ? -1 : 0;
            clb_rng_seed(&rng, 11 + c);
            CHECK(clb_net_init(&net, widths[w], counts[w], &opts, &rng) == CLB_OK);
            CHECK(clb_data_mixture(&data, &rng, n, widths[w][0], K, 1.0) == CLB_OK);
            CHECK(clb_pass_init(&pass, &net, &data, CLB_CE) == CLB_OK);
            CHECK(clb_accuracy(&pass) != clb_accuracy(&pass));           /* nothing evaluated yet */
            loss = clb_loss(&pass, NULL);
            CHECK(clb_predict(&net, data.X, n, out) == CLB_OK);
            CHECK(!memcmp(out, pass.z[net.L], n * K * sizeof *out));
            CHECK(clb_classify(&net, data.X, n, label) == CLB_OK);
            for (size_t i = 0; i < n; ++i) {
                for (size_t k = 0; k < K; ++k) CHECK(!(out[i * K + k] > out[i * K + (size_t)label[i]]));
                hits += label[i] == data.y[i];
            }
            SAME_BITS(clb_accuracy(&pass), (double)hits / (double)n);
            CHECK(clb_probabilities(&net, data.X, n, out) == CLB_OK);
            CHECK(!memcmp(out, pass.p, n * K * sizeof *out));
            for (int b = 0; b < 3; ++b) {
                pass.ce = 0.5 * b;
                CHECK(clb_evaluate(&net, &data, pass.ce, &loss, &accuracy) == CLB_OK);
                SAME_BITS(loss, clb_loss(&pass, NULL));
                SAME_BITS(accuracy, (double)hits / (double)n);
            }
            data.X[0] = (clb_real)NAN;
            CHECK(clb_classify(&net, data.X, n, label) == CLB_OK);
            EQUAL(label[0], -1);
            CHECK(n == 1 || label[1] >= 0);
            clb_pass_free(&pass), clb_data_free(&data), clb_net_free(&net), free(out), free(label);
        }
}

/* One layer by hand, through the accessors: f = W x + b. */
static void t_weights(void)
{
    static const size_t widths[] = { 3, 2 };
    static const clb_net_opts biased = { 0, CLB_RELU, -1, 0 };
    const clb_real X[] = { 1, 2, -1 };
    clb_real out[2], *W, *b;
    size_t rows, columns, count;
    clb_net net;
    CHECK(clb_net_alloc(&net, widths, 2, NULL) == CLB_OK);
    CHECK(clb_net_biases(&net, 1, &count) == NULL && count == 0);
    clb_net_free(&net);
    CHECK(clb_net_alloc(&net, widths, 2, &biased) == CLB_OK);
    W = clb_net_weights(&net, 1, &rows, &columns), b = clb_net_biases(&net, 1, &count);
    EQUAL(rows, 2);
    EQUAL(columns, 3);
    EQUAL(count, 2);
    for (size_t i = 0; i < 6; ++i) W[i] = (clb_real)i;
    b[0] = 10, b[1] = -5;
    CHECK(clb_predict(&net, X, 1, out) == CLB_OK);
    EQUAL(out[0], 0 + 2 - 2 + 10);
    EQUAL(out[1], 3 + 8 - 5 - 5);
    clb_net_free(&net);
}

/* Data without labels: outputs and gates are there, loss and gradient NaN, no training. */
static void t_unlabelled(void)
{
    fixture f;
    clb_pass pass;
    clb_error error;
    clb_real *grad;
    setup(&f, 1, NULL, CLB_CE, 0);
    clb_data bare = f.data;
    bare.y = NULL, bare.K = 0;
    grad = (clb_real *)malloc(f.net.P * sizeof *grad);
    for (int b = 0; b < 3; ++b) {
        CHECK(clb_pass_init(&pass, &f.net, &bare, 0.5 * b) == CLB_OK);
        CHECK(isnan(clb_grad(&pass, NULL, grad)) && isnan((double)grad[0]) && isnan(pass.loss));
        CHECK(isnan(clb_accuracy(&pass)));
        clb_loss(&f.pass, NULL);
        CHECK(!memcmp(pass.z[2], f.pass.z[2], 33 * sizeof(clb_real)));
        clb_pass_free(&pass);
    }
    CHECK(clb_train(&f.net, &bare, 0.1, 1, NULL, NULL) == CLB_EUNLABELLED);
    CHECK(clb_evaluate(&f.net, &bare, 0, NULL, NULL) == CLB_EUNLABELLED);
    f.data.y[4] = 3;
    CHECK(clb_pass_check(&f.net, &f.data, 0, &error) == CLB_ELABEL);
    CHECK(!strcmp(error.text, "y[4] = 3; the net has the classes 0..2"));
    f.data.y[4] = 2;
    CHECK(clb_pass_check(&f.net, &f.data, 0, &error) == CLB_OK && error.text[0] == 0);
    free(grad);
    teardown(&f);
}

/* After an error clb_evaluate leaves NaN, not what stood there before. */
static void t_evaluate_failed(void)
{
    fixture f;
    clb_net empty = CLB_ZERO;
    double loss = 1, accuracy = 1;
    setup(&f, 1, NULL, CLB_CE, 0);
    CHECK(clb_evaluate(&f.net, &f.data, CLB_CE, &loss, &accuracy) == CLB_OK);
    CHECK(loss > 0 && accuracy >= 0 && accuracy <= 1);
    CHECK(clb_evaluate(&f.net, &f.data, 2, &loss, &accuracy) == CLB_ELOSS);
    CHECK(isnan(loss) && isnan(accuracy));
    loss = accuracy = 1;
    CHECK(clb_evaluate(&empty, &f.data, CLB_CE, &loss, &accuracy) == CLB_EUNSET);
    CHECK(isnan(loss) && isnan(accuracy));
    CHECK(clb_evaluate(&empty, &f.data, CLB_CE, NULL, NULL) == CLB_EUNSET);
    teardown(&f);
}

/* Cross entropy wants rows of targets that sum to 1; squared loss does not care. */
static void t_soft_targets(void)
{
    static clb_real rows[][3] = { { (clb_real)0.2, (clb_real)0.3, (clb_real)0.5 }, { 1, 1, 0 },
                                  { 2, 0, 0 }, { 1, -1, -1 }, { 0, 0, 0 }, { 2, -3, 2 } };
    static const int fine[] = { 1, 0, 0, 0, 0, 1 };
    static const size_t widths[] = { 2, 3 };
    clb_real X[] = { (clb_real)0.7, (clb_real)-1.1 };
    clb_net net;
    clb_data data = CLB_ZERO;
    clb_pass pass;
    CHECK(clb_net_alloc(&net, widths, 2, NULL) == CLB_OK);
    data.n = 1, data.d = 2, data.K = 3, data.X = X;
    for (size_t i = 0; i < 6; ++i)
        for (int b = 0; b < 3; ++b) {
            NOTE("row %zu, ce %g", i, 0.5 * b);
            data.targets = rows[i];
            EQUAL(clb_pass_init(&pass, &net, &data, 0.5 * b), fine[i] || !b ? CLB_OK : CLB_ESOFT);
            clb_pass_free(&pass);
        }
    if (sizeof(clb_real) == 8) {     /* what rounding does to a sum grows with the size of its own row */
        static clb_real two[2][3] = { { 1, 0, 0 }, { (clb_real)(1e8 + 0.3), (clb_real)(-1e8 - 0.2),
                                                     (clb_real)0.9 } };
        static clb_real X2[4];
        CHECK(two[1][0] + two[1][1] + two[1][2] != 1);
        data.n = 2, data.X = X2, data.targets = two[0];
        EQUAL(clb_pass_init(&pass, &net, &data, 1), CLB_OK);
        clb_pass_free(&pass);
    }
    clb_net_free(&net);
}

typedef struct huber { clb_pass *pass; clb_real *dloss; } huber;

/* Huber loss of f - onehot, sum over all entries; with dLoss/df. */
static double huber_loss(void *context, const clb_real *theta)
{
    huber *h = (huber *)context;
    const clb_real *f = clb_forward(h->pass, theta);
    double loss = 0;
    for (size_t i = 0; i < h->pass->n; ++i)
        for (size_t k = 0; k < 3; ++k) {
            double r = (double)f[3 * i + k] - (h->pass->y[i] == (int)k), a = fabs(r);
            loss += a < 0.5 ? r * r / 2 : 0.5 * (a - 0.25);
            h->dloss[3 * i + k] = (clb_real)(a < 0.5 ? r : r > 0 ? 0.5 : -0.5);
        }
    return loss;
}

/* dLoss/df from outside: that of the squared loss gives clb_grad; Huber's agrees with differences;
 * a wrong entry is found. */
static void t_own_loss(void)
{
    static const clb_net_opts tanh_net = { 0, CLB_TANH, -1, 0 };
    fixture f;
    huber h;
    clb_real dloss[33];
    size_t where, P;
    setup(&f, 2, &tanh_net, CLB_MSE, 0);
    P = f.net.P;
    clb_real *grad = (clb_real *)malloc((P + 1) * sizeof *grad), *own = (clb_real *)malloc(P * sizeof *own);
    grad[P] = (clb_real)INFINITY;                            /* not looked at */
    clb_grad(&f.pass, NULL, grad);
    memcpy(dloss, f.pass.u[3], sizeof dloss);
    clb_forward(&f.pass, NULL);
    clb_backward(&f.pass, NULL, dloss, own);
    CHECK(!memcmp(grad, own, P * sizeof *grad));
    CHECK(clb_check_grad(P, clb_pass_loss, &f.pass, f.net.theta, grad, NULL) < (SINGLE ? 2e-3 : 1e-8));
    grad[0] += (clb_real)0.5;
    CHECK(clb_check_grad(P, clb_pass_loss, &f.pass, f.net.theta, grad, &where) > 0.05);
    EQUAL(where, 0);
    h.pass = &f.pass, h.dloss = dloss;
    huber_loss(&h, NULL);
    clb_backward(&f.pass, NULL, dloss, own);
    CHECK(clb_check_grad(P, huber_loss, &h, f.net.theta, own, &where) < (SINGLE ? 2e-2 : 1e-7));
    own[7] += (clb_real)0.5;
    CHECK(clb_check_grad(P, huber_loss, &h, f.net.theta, own, &where) > 0.05);
    EQUAL(where, 7);
    own[5] = (clb_real)NAN;
    CHECK(isnan(clb_check_grad(P, huber_loss, &h, f.net.theta, own, &where)) && where == 5);
    free(grad), free(own);
    teardown(&f);
}

/* On a batch only its own gates are compared: a state does not differ from itself. */
static void t_batch_switches(void)
{
    static const uint32_t index[] = { 3, 8 };
    fixture f;
    uint64_t before[4], after[4];
    setup(&f, 1, NULL, CLB_CE, 0);
    CHECK(clb_gate_words(&f.pass, 1) <= 4);
    memset(before, 0, sizeof before), memset(after, 0xff, sizeof after);
    CHECK(clb_pass_batch(&f.pass, index, 2) == CLB_OK);
    clb_loss(&f.pass, NULL);
    clb_gates(&f.pass, 1, before), clb_gates(&f.pass, 1, after);
    EQUAL(clb_gate_switches(&f.pass, 1, before, after, NULL, NULL), 0);
    CHECK(clb_pass_batch(&f.pass, NULL, 0) == CLB_OK);
    CHECK(isnan(clb_accuracy(&f.pass)));                    /* of other rows than those in use */
    teardown(&f);
}

/* A net that was never set up, or freed, is named; freeing it again does nothing. */
static void t_unset(void)
{
    clb_net net = CLB_ZERO, copy;
    clb_data data = CLB_ZERO;
    clb_pass pass;
    clb_real x = 1, out;
    CHECK(clb_net_copy(&copy, &net) == CLB_EUNSET && copy.theta == NULL);
    CHECK(clb_predict(&net, &x, 1, &out) == CLB_EUNSET);
    CHECK(clb_pass_init(&pass, &net, &data, 0) == CLB_EUNSET);
    CHECK(clb_train(&net, &data, 0.1, 1, NULL, NULL) == CLB_EUNSET);
    clb_pass_free(&pass), clb_net_free(&net), clb_net_free(&copy), clb_data_free(&data);
}

/* The published initialisation and data of seed 42 (protocol: model, then data). */
static void t_published_start(void)
{
    paper_problem p;
    double X = 0;
    CHECK(paper_problem_draw(&p, NULL, 42, CLB_NORMAL_EXACT) == CLB_OK);
    NEAR(p.net.theta[0], 0.17095602, 5e-9);
    NEAR(p.net.theta[1], 0.18559541, 5e-9);
    NEAR(p.net.theta[p.net.w[2]], -0.09044348, 5e-9);
    NEAR(clb_weight_sumsq(&p.net, p.net.theta, 1), 21.60231627, 1e-9);
    NEAR(clb_weight_sumsq(&p.net, p.net.theta, 2), 1.50098054, 1e-8);
    NEAR(clb_charge(&p.net, NULL, 1), -20.10134, 1e-6);
    for (size_t i = 0; i < 4000; ++i) X += (double)p.data.X[i];
    NEAR(X, -470.084, 1e-5);
    static const int labels[] = { 1, 3, 3, 0, 0, 4, 4, 0, 4, 1 };
    for (size_t i = 0; i < 10; ++i) EQUAL(p.data.y[i], labels[i]);
    paper_problem_free(&p);
    paper_opts plane = CLB_ZERO;                                /* XOR lives in the plane */
    plane.dataset = PAPER_XOR, plane.d = 5;
    CHECK(paper_problem_draw(&p, &plane, 1, CLB_NORMAL_EXACT) == CLB_ESHAPE);
    plane.d = 0;
    CHECK(paper_problem_draw(&p, &plane, 1, CLB_NORMAL_EXACT) == CLB_OK && p.net.m[0] == 2);
    paper_problem_free(&p);
}

static const test_case tests[] = {
    TEST(t_activation_derivatives),
    TEST(t_activation_values),
    TEST(t_activation_homogeneity),
    
#ifndef CLB_SINGLE
    TEST(t_gradient),
#endif
   
    TEST(t_blocks), TEST(t_softmax_shift),
    TEST(t_loss_values),
    TEST(t_nan_passes),
    TEST(t_batch),
    TEST(t_gates),
    TEST(t_gate_switches),
    TEST(t_layout),
    TEST(t_freeze),
    TEST(t_bad_input),
    TEST(t_error_text),
    TEST(t_predict), TEST(t_weights), TEST(t_unlabelled), TEST(t_soft_targets), TEST(t_own_loss),
    TEST(t_evaluate_failed),
    TEST(t_batch_switches), TEST(t_unset),
    TEST(t_published_start),
};
TEST_MAIN(tests)
