/* Beyond E11  Activations of other degrees: does alpha depend on the homogeneity?
 *   cc -O2 -DCLB_STATIC -o degree examples/beyond/e11_degree.c -lm && ./degree              (45 s)
 * The s_e of E11 have degree 1: s(cz) = c s(z) for c > 0. Here s_p(z) = max(0, z)^p of degree p,
 *     <W_l, G_l> = p <W_{l+1}, G_{l+1}>,   C_l = p |W_{l+1}|^2 - |W_l|^2,
 *     C_l(t+1) - C_l(t) = eta^2 (p |G_{l+1}|^2 - |G_l|^2),        G_l the gradient of W_l,
 * and tanh, softplus and GELU, which have no degree and conserve nothing.
 * "degree"  two layers, squared loss, T = 2000, the eta of E11, three seeds
 * "fixed"   eta T = 2: where the flow conserves C_p the drift vanishes with eta
 * "deep"    three layers, T = 500, eta = 0.1 / lambda_max(0) */
#define CLB_IMPLEMENTATION
#include "../../clb.h"
#include "../kit/kit.h"

/* degree 0: none. Below it places in the table. */
static const struct net { const char *name; clb_activation unit; double a, degree; } nets[] = {
    { "identity", CLB_IDENTITY, 0, 1 },      { "leaky-0.1", CLB_RELU_MIX, 0.1, 1 },
    { "leaky-0.5", CLB_RELU_MIX, 0.5, 1 },   { "leaky-0.8", CLB_RELU_MIX, 0.8, 1 },
    { "power-1", CLB_RELU, 1, 1 },           { "power-1.5", CLB_RELU_POWER, 1.5, 1.5 },
    { "power-2", CLB_RELU_POWER, 2, 2 },     { "power-3", CLB_RELU_POWER, 3, 3 },
    { "tanh", CLB_TANH, 0, 0 },              { "softplus", CLB_SOFTPLUS, 0, 0 },
    { "gelu", CLB_GELU, 0, 0 },
};
enum { POWERS = 4, SQUARE = 6, HOMOGENEOUS = 8, TANH = 8, NETS = KIT_LEN(nets) };
static const double tanh_etas[] = { 1e-4, 1e-3, 1e-2, 3e-2 }, fixed_etas[] = { 1e-3, 3e-3, 1e-2 };
static const double deep_f = 0.05, fixed_time = 2;

/* ---- one run --------------------------------------------------------------------------------- */

/* lr: eta; or f > 0: eta = 2 f / lambda_max(0). trace_identity: |<W_l,G_l> - p <W_{l+1},G_{l+1}>|
 * over |<W_l,G_l>| at theta_0; law_error: of the law of C_l; the largest over l each (p = 1 where
 * there is no degree). drift, drift_C1: of C_p and C_1 of the first two layers. */
typedef struct training {
    const char *net;
    double seed, degree, L, lr, f, T;
    double lambda_max, trace_identity, law_error, drift, drift_C1, diverged;
} training;
#define AT(member) KIT_AT(training, member)
static const kit_field training_fields[] = {
    KIT_KEY_TEXT(training, net), KIT_KEY(training, seed), KIT_KEY(training, degree),
    KIT_KEY(training, L), KIT_KEY(training, lr), KIT_KEY(training, f), KIT_KEY(training, T),
    KIT_RESULT(training, lambda_max), KIT_RESULT(training, trace_identity),
    KIT_RESULT(training, law_error), KIT_RESULT(training, drift), KIT_RESULT(training, drift_C1),
    KIT_RESULT(training, diverged),
};

/* The identity at theta_0. */
static clb_status see_identity(training *row, const paper_opts *opts)
{
    double p = row->degree > 0 ? row->degree : 1, worst = 0, inner[4];
    sw_start s;
    clb_status status = sw_start_init(&s, opts, row->seed, CLB_MSE);
    const clb_net *net = &s.problem.net;
    for (size_t l = 1; l <= net->L && !status; ++l)
        inner[l] = clb_dot(clb_layer_size(net, l), net->theta + net->w[l], s.curv.grad + net->w[l]);
    for (size_t l = 1; l < net->L && !status; ++l)
        worst = kit_worse(worst, fabs(inner[l] - p * inner[l + 1]) / fabs(inner[l]));
    row->trace_identity = worst;
    sw_start_free(&s);
    return status;
}

static void measure(training *row, const clb_trace *tr)
{
    size_t L = tr->L, T = tr->T;
    double p = row->degree > 0 ? row->degree : 1;
    row->diverged = tr->steps < T;
    if (row->diverged > 0) return;
    row->law_error = 0;
    for (size_t l = 0; l + 1 < L; ++l) {
        const double *before = tr->q + l, *after = tr->q + T * L + l;
        double S = 0, up = after[1] - before[1], down = after[0] - before[0], drift = p * up - down;
        for (size_t t = 0; t < T; ++t) S += p * tr->g[t * L + l + 1] - tr->g[t * L + l];
        row->law_error = fmax(row->law_error,
                              fabs(drift - tr->eta * tr->eta * S) / fmax(1, fabs(drift)));
        if (l == 0) row->drift = fabs(drift), row->drift_C1 = fabs(up - down);
    }
}

static clb_status train(kit *x, void *run)
{
    training *row = run;
    const struct net *net = nets;
    clb_train_opts how = { .ce = CLB_MSE };
    paper_opts opts = { .L = (size_t)row->L };
    clb_trace trace;
    clb_status status;
    (void)x;
    while (strcmp(net->name, row->net)) ++net;
    opts.net.activation = net->unit, opts.net.param = net->a;
    status = sw_sharpness(&opts, row->seed, CLB_MSE, &row->lambda_max);
    if (!status) status = see_identity(row, &opts);
    if (!status)
        status = paper_train(&opts, row->seed, row->f > 0 ? 2 * row->f / row->lambda_max : row->lr,
                             (size_t)row->T, &how, &trace);
    if (status) return status;
    measure(row, &trace);
    clb_trace_free(&trace);
    return CLB_OK;
}

static const kit_part degree = KIT_PART("degree", "Two layers", training, train),
                      fixed = KIT_PART("fixed", "Fixed eta T", training, train),
                      deep = KIT_PART("deep", "Three layers", training, train);

/* Runs of net k at learning rates `etas`; "deep" has a step size of its own. */
static void add(kit *x, const kit_part *part, size_t k, kit_list seeds, kit_list etas)
{
    for (size_t i = 0; i < etas.n; ++i)
        for (size_t s = 0; s < seeds.n; ++s)
            kit_add(x, part,
                    &(training){ .net = nets[k].name, .seed = seeds.at[s], .degree = nets[k].degree,
                                 .L = part == &deep ? 3 : 2, .f = part == &deep ? deep_f : 0,
                                 .lr = part == &deep ? 0 : etas.at[i],
                                 .T = part == &fixed ? ceil(fixed_time / etas.at[i])
                                      : part == &deep ? 500 : SW_T });
}

static void plan(kit *x)
{
    kit_list seeds = kit_seeds(x, kit_quick(x) ? 1 : 3), etas = kit_lrs(x, sw_etas, SW_N);
    kit_list one = { 1, seeds.at }, few = { seeds.n < 3 ? seeds.n : 3, seeds.at };
    for (size_t k = 0; k < HOMOGENEOUS && !kit_quick(x); ++k) add(x, &degree, k, seeds, etas);
    if (!kit_quick(x)) add(x, &degree, TANH, one, KIT_LIST(tanh_etas));
    for (size_t k = POWERS; k < NETS; ++k) add(x, &fixed, k, one, KIT_LIST(fixed_etas));
    for (size_t k = POWERS; k < HOMOGENEOUS; ++k) add(x, &deep, k, few, one);
}

/* ---- what follows from the runs -------------------------------------------------------------- */

typedef struct found {
    double stable[NETS];                            /* alpha for eta lambda_max(0) < 1, by net */
    double least, control, identity;                /* at fixed eta T, with and without a degree */
    double one, every, law;                         /* worst errors: degree 1, all; the law */
} found;

static kit_rows runs_of(kit *x, const kit_part *part, size_t k)
{
    return kit_where_text(kit_part_runs(x, part), AT(net), nets[k].name);
}
static double alpha_of(kit *x, kit_rows rows, kit_list etas)
{
    clb_sweep y = kit_sweep(rows, AT(drift), AT(lr), etas);
    y.floor = 1e-15;
    return clb_sweep_fit(&y, kit_doubles(x, etas.n)).slope;
}
static double mean_at(kit_rows r, double eta, kit_at at)
{
    return kit_mean(kit_where(r, AT(lr), eta), at);
}

static void degree_table(kit *x, found *v)
{
    kit_list etas = kit_lrs(x, sw_etas, SW_N);
    kit_table *t = KIT_TABLE(x, "degree", "Degree p: identity <W_1,G_1> = p <W_2,G_2> at theta_0 "
                             "(relative residual), law of C_p, its drift and that of C_1 at eta = "
                             "0.01, exponents of the drift of C_p on all eta and on eta "
                             "lambda_max(0) < 1", "net", "p", "identity", "law_error", "drift_Cp",
                             "drift_C1", "alpha_all", "alpha_stable", "lambda_max");
    for (size_t k = 0; k <= TANH; ++k) {
        kit_rows r = runs_of(x, &degree, k);
        double lambda = kit_mean(r, AT(lambda_max)), law = kit_worst(r, AT(law_error));
        double identity = kit_worst(r, AT(trace_identity));
        v->stable[k] = alpha_of(x, r, sw_upto(x, etas, 1 / lambda));
        kit_text(t, nets[k].name);
        KIT_CELLS(t, nets[k].degree, identity, law, mean_at(r, 0.01, AT(drift)),
                  mean_at(r, 0.01, AT(drift_C1)), alpha_of(x, r, etas), v->stable[k], lambda);
        if (k >= HOMOGENEOUS) continue;
        if (nets[k].degree == 1) v->one = kit_worse(v->one, identity);
        v->every = kit_worse(v->every, identity), v->law = kit_worse(v->law, law);
    }
}

static void other_tables(kit *x, found *v)
{
    kit_table *t = KIT_TABLE(x, "fixed", "Drift at fixed eta T = 2: d ln drift / d ln eta is 1 "
                             "where the flow conserves C_p, 0 where it does not", "net", "p",
                             "slope", "identity"),
              *d = KIT_TABLE(x, "deep", "Three layers: identity and law of C_l = p |W_{l+1}|^2 - "
                             "|W_l|^2, f = 0.05, worst over l and seeds", "net", "p", "identity",
                             "law_error");
    for (size_t k = POWERS; k < NETS; ++k) {
        kit_rows r = runs_of(x, &fixed, k), three = runs_of(x, &deep, k);
        double slope = alpha_of(x, r, KIT_LIST(fixed_etas));
        double identity = kit_worst(r, AT(trace_identity));
        kit_text(t, nets[k].name), KIT_CELLS(t, nets[k].degree, slope, identity);
        if (k < HOMOGENEOUS) v->least = fmin(v->least, slope);
        else v->control = fmax(v->control, slope), v->identity = fmin(v->identity, identity);
        if (k >= HOMOGENEOUS) continue;
        kit_text(d, nets[k].name);
        KIT_CELLS(d, nets[k].degree, kit_worst(three, AT(trace_identity)),
                  kit_worst(three, AT(law_error)));
        v->every = kit_worse(v->every, kit_worst(three, AT(trace_identity)));
        v->law = kit_worse(v->law, kit_worst(three, AT(law_error)));
    }
}

static void claims(kit *x, const found *v)
{
    kit_list of = { HOMOGENEOUS - POWERS, v->stable + POWERS };
    double range = kit_largest(of) - kit_least(of);
    int single = sizeof(clb_real) == 4;
    kit_claim *c = kit_ours(x, "degree", "alpha does not vary with the degree of the activation, p "
                            "= 1 to 3.");
    kit_statement(c, "range of alpha, eta lambda_max(0) < 1", range, kit_below(0.1));
    for (size_t k = POWERS; k < HOMOGENEOUS; ++k) kit_show(c, nets[k].name, v->stable[k]);
    c = kit_ours(x, "degree_one", "The activations of E11 have degree 1 for every e: only the "
                 "contrast of their gates varies.");
    kit_statement(c, "largest |<W_1,G_1> - <W_2,G_2>| / |<W_1,G_1>|", v->one, kit_at_most(1e-3));
    c = kit_ours(x, "conserved", "An activation of degree p conserves C_p: at fixed eta T its "
                 "drift vanishes with eta.");
    kit_statement(c, "least d ln drift / d ln eta over the degrees", v->least, kit_above(0.8));
    c = kit_ours(x, "controls", "Activations without a degree conserve nothing: the drift stays as "
                 "eta goes to 0.");
    kit_statement(c, "largest slope of tanh, softplus, GELU", v->control, kit_below(0.2));
    kit_statement(c, "least error of the identity of degree 1", v->identity, kit_above(0.01));
    kit_identity(x, "trace_identity",
                 "<W_l, G_l> = p <W_{l+1}, G_{l+1}> for every degree, two and three layers.",
                 "largest relative error", v->every, kit_at_most(single ? 1e-3 : 1e-12));
    kit_identity(x, "law", "C_p(T) - C_p(0) = eta^2 S_p for every degree, eta and seed.",
                 "largest relative error", v->law, kit_at_most(single ? 1e-2 : 1e-10));
}

static void figure(kit *x)
{
    kit_list etas = kit_lrs(x, sw_etas, SW_N), seeds = kit_seeds(x, 3);
    plot *p = kit_figure(x, "degree", 2, 1);
    plot_panel *a = plot_add(p, "eta lambda_max(0) < 1", "degree p", "alpha", PLOT_LINEAR),
               *b = plot_add(p, "What is conserved", "learning rate eta", "drift", PLOT_LOG);
    double *Cp = kit_doubles(x, 3 * etas.n), *C1 = Cp + etas.n, *none = C1 + etas.n;
    for (size_t k = POWERS; k < HOMOGENEOUS; ++k)
        for (size_t s = 0; s < seeds.n; ++s) {
            kit_rows r = kit_where(runs_of(x, &degree, k), AT(seed), seeds.at[s]);
            double alpha = alpha_of(x, r, sw_upto(x, etas, 1 / kit_mean(r, AT(lambda_max))));
            plot_points(a, PLOT_BLUE, 1, &nets[k].degree, &alpha, NULL);
        }
    plot_range_y(a, 1, 1.3);
    for (size_t i = 0; i < etas.n; ++i) {
        Cp[i] = mean_at(runs_of(x, &degree, SQUARE), etas.at[i], AT(drift));
        C1[i] = mean_at(runs_of(x, &degree, SQUARE), etas.at[i], AT(drift_C1));
        none[i] = mean_at(runs_of(x, &degree, TANH), etas.at[i], AT(drift_C1));
    }
    plot_points(b, PLOT_ORANGE, etas.n, etas.at, C1, "C_1, power-2");
    plot_points(b, PLOT_BLUE, etas.n, etas.at, Cp, "C_2, power-2");
    plot_points(b, PLOT_RED | PLOT_TRIANGLE, etas.n, etas.at, none, "C_1, tanh");
    plot_caption(p, "The exponent for activations max(0,z)^p of degree p, one dot a seed; the "
                    "drift of C_p, which the flow conserves, and of C_1, which it does not.");
}

static void report(kit *x)
{
    found v = { .least = KIT_INF, .control = -KIT_INF, .identity = KIT_INF, .one = KIT_NAN,
                .every = KIT_NAN, .law = KIT_NAN };
    degree_table(x, &v);
    other_tables(x, &v);
    claims(x, &v), figure(x);
}

static const kit_info info = { .id = "E11_degree", .title = "Activations of other degrees",
    .statement = "Theorem 4", .beyond = "E11", .plan = plan, .report = report };
KIT_MAIN(info)
