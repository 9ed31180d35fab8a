/* Beyond E7  Weights alone tell how they were trained: 1000 planted faults.   @S27 of clb.h
 *   cc -O2 -DCLB_STATIC -o audit examples/beyond/e07_audit.c -lm && ./audit                 (20 s)
 * Setup   ReLU net 8-10-8-3 with biases, mixture n = 64, cross entropy, eta = 0.1, 20 steps,
 *         on all rows or in batches of 16, by a training loop of our own. Momentum is drawn in
 *         [0.5, 0.95], decay in [1e-4, 1e-2]; both are what one expects of the run.
 * Plant   one of eight faults in a run, 125 seeds each; 250 runs are as expected.
 * Measure what clb_audit_run says of the weights after each step, kept in double and in float: is
 *         the run as expected (within the stated intervals)? Is the fault the one that was planted?
 * Rules   written before the first run: of the faults at least 99 % found and 95 % named rightly,
 *         of the runs as expected at most 1 % called faulty, in each precision. */
#define CLB_IMPLEMENTATION
#include "../../clb.h"
#include "../kit/kit.h"

enum { T = 20, ROWS = 64, BATCHES = 4, SEEDS = 125 };
static const double eta = 0.1;
/* What a run does; what is expected of it is momentum, decay and nothing else. */
typedef struct training {
    double momentum, decay, bias_decay, rate[4], clip;
    int    adam;
    size_t missing;                                  /* this snapshot is not kept; 0: all are */
    double expected_momentum, expected_decay;
} training;

/* ---- faults --------------------------------------------------------------------------------- */

static double draw(clb_rng *rng, double low, double high)
{ return low + (high - low) * clb_rng_double(rng); }

enum { NONE, MOMENTUM, DECAY, GROUP, FROZEN, BIAS, CLIP, ADAM, MISSING, FAULTS };
static const char *const names[FAULTS] = {
    "none", "wrong momentum", "hidden decay", "layer in another group", "layer frozen",
    "biases not decayed", "entries clipped", "Adam", "step missing" };

static void plant(int fault, training *t, clb_rng *rng)
{
    double sign = clb_rng_u32(rng) & 1 ? 1 : -1;
    switch (fault) {
    case MOMENTUM: t->momentum += sign * draw(rng, 0.02, 0.04); break;
    case DECAY: t->expected_decay = 0; break;
    case GROUP: t->rate[2] = sign > 0 ? draw(rng, 1.1, 2) : draw(rng, 0.5, 0.9); break;
    case FROZEN: t->rate[1 + clb_rng_below(rng, 3)] = 0; break;
    case BIAS: t->bias_decay = 0; break;
    case CLIP: t->clip = draw(rng, 0.3, 1); break;
    case ADAM: t->adam = 1; break;
    case MISSING: t->missing = 4 + clb_rng_below(rng, T - 8); break;
    default: break;
    }
}

/* Is the number within its interval? The same rule as clb_lab audit --expect. */
static int is_measured(clb_measured m, double truth)
{
    return fabs(m.value - truth) <= 2 * m.error + 1e-6 * fabs(truth) + (truth == 0 ? 1e-12 : 0);
}

static int as_expected(const clb_audit *a, const training *t)
{
    return a->method == CLB_METHOD_HEAVY_BALL && !a->events && !a->layer[1].frozen
           && !a->layer[2].frozen && a->bias_decay && is_measured(a->momentum, t->expected_momentum)
           && is_measured(a->decay, eta * t->expected_decay);
}

/* Does the audit say what was planted, with its numbers? */
static int named(int fault, const clb_audit *a, const training *t)
{
    int heavy = a->method == CLB_METHOD_HEAVY_BALL && !a->events;
    switch (fault) {
    case MOMENTUM: return heavy && is_measured(a->momentum, t->momentum);
    case DECAY: return heavy && is_measured(a->decay, eta * t->decay);
    case GROUP: return a->method == CLB_METHOD_GROUPS
                       && fabs(a->layer[1].rate.value / t->rate[2] - 1) < 0.01
                       && fabs(a->layer[2].rate.value * t->rate[2] - 1) < 0.01;
    case FROZEN: return a->layer[1].frozen == (t->rate[1] * t->rate[2] == 0)
                        && a->layer[2].frozen == (t->rate[2] * t->rate[3] == 0);
    case BIAS: return heavy && !a->bias_decay && is_measured(a->decay, eta * t->decay);
    case CLIP: return a->method == CLB_METHOD_CLIPPED;
    case ADAM: return a->method == CLB_METHOD_ADAPTIVE;
    case MISSING: return a->events == 1 && a->event[0].kind == CLB_EVENT_GAP
                         && a->event[0].step + 1 == t->missing;
    default: return as_expected(a, t);
    }
}

/* ---- a run ---------------------------------------------------------------------------------- */

typedef struct audited {
    double fault, seed, momentum, decay, found, named, found_float, named_float;
    double said_momentum, error_momentum;
} audited;
#define AT(member) KIT_AT(audited, member)
static const kit_field audited_fields[] = {
    KIT_KEY(audited, fault), KIT_KEY(audited, seed), KIT_RESULT(audited, momentum),
    KIT_RESULT(audited, decay), KIT_RESULT(audited, found), KIT_RESULT(audited, named),
    KIT_RESULT(audited, found_float), KIT_RESULT(audited, named_float),
    KIT_RESULT(audited, said_momentum), KIT_RESULT(audited, error_momentum),
};

/* One update of all weights from the gradient g; v and w are what the method remembers. */
static void update(clb_net *net, const training *t, const clb_real *g, double *v, double *w,
                   size_t step)
{
    double rms = clb_sqrt(clb_sumsq(net->P, g) / (double)net->P);
    double bound = t->clip > 0 ? t->clip * rms : KIT_INF;
    double one = 1 - clb_pow(0.9, (double)step), two = 1 - clb_pow(0.999, (double)step);
    for (size_t l = 1; l <= net->L; ++l) {
        for (size_t k = net->w[l]; k < net->b[l] + net->m[l]; ++k) {
            double decay = k >= net->b[l] ? t->bias_decay : t->decay, x = (double)net->theta[k];
            double G = fmax(-bound, fmin(bound, (double)g[k])) + decay * x;
            v[k] = t->adam ? 0.9 * v[k] + 0.1 * G : t->momentum * v[k] + G;
            w[k] = 0.999 * w[k] + 0.001 * G * G;
            x -= t->adam ? 0.1 * eta * v[k] / one / (clb_sqrt(w[k] / two) + 1e-8)
                         : eta * t->rate[l] * v[k];
            net->theta[k] = (clb_real)x;
        }
    }
}

/* Trains and keeps the weights after every step but the missing one; their number. */
static clb_status train(kit *x, clb_net *net, const clb_data *data, const training *t,
                        double *kept, size_t *n)
{
    clb_pass pass[BATCHES];
    size_t batches = (size_t)(t->expected_momentum * 1e6) % 2 ? BATCHES : 1, P = net->P;
    size_t count = ROWS / batches;
    double *v = kit_doubles(x, 2 * P);
    clb_real *g = kit_new(&x->arena, P, sizeof *g);
    clb_data rows[BATCHES];
    clb_status status = CLB_OK;
    memset(pass, 0, sizeof pass);
    for (size_t b = 0; b < batches && !status; ++b) {
        rows[b] = clb_data_view(count, data->d, data->K, data->X + b * count * data->d,
                                data->y + b * count);
        status = clb_pass_init(&pass[b], net, &rows[b], CLB_CE);
    }
    for (size_t step = *n = 0; step <= T && !status; ++step) {
        if (step > 0) {
            clb_grad(&pass[step % batches], NULL, g);
            update(net, t, g, v, v + P, step);
        }
        if (step > 0 && step == t->missing) continue;
        for (size_t k = 0; k < P; ++k) kept[*n * P + k] = (double)net->theta[k];
        ++*n;
    }
    for (size_t b = 0; b < batches; ++b) clb_pass_free(&pass[b]);
    return status;
}

/* The audit of the kept weights. *found: is there a fault? *right: is it the planted one? */
static clb_status judge(const clb_net *net, const double *kept, size_t n, const training *t,
                        audited *row, double *found, double *right)
{
    const double *theta[T + 1];
    clb_audit a;
    clb_status status;
    for (size_t i = 0; i < n; ++i) theta[i] = kept + i * net->P;
    if ((status = clb_audit_run(&a, net, theta, n, NULL)) != CLB_OK) return status;
    *found = !as_expected(&a, t), *right = named((int)row->fault, &a, t);
    if (isnan(row->said_momentum))                   /* of the weights in double: they come first */
        row->said_momentum = a.momentum.value, row->error_momentum = a.momentum.error;
    clb_audit_free(&a);
    return CLB_OK;
}

static clb_status run(kit *x, void *out)
{
    static const size_t widths[] = { 8, 10, 8, 3 };
    clb_net_opts how = { .bias = -1 };
    training t = { .rate = { 1, 1, 1, 1 } };
    audited *row = out;
    clb_rng rng;
    clb_net net;
    clb_data data = { 0 };
    size_t n = 0;
    double *kept;
    clb_status status;
    clb_rng_seed(&rng, (uint64_t)row->seed * FAULTS + (uint64_t)row->fault);
    if ((status = clb_net_init(&net, widths, 4, &how, &rng)) != CLB_OK) return status;
    kept = kit_realloc(NULL, (T + 1) * net.P, sizeof *kept);
    t.momentum = t.expected_momentum = draw(&rng, 0.5, 0.95);
    t.decay = t.bias_decay = t.expected_decay = clb_pow(10, draw(&rng, -4, -2));
    plant((int)row->fault, &t, &rng);
    row->momentum = t.momentum, row->decay = t.decay;
    status = clb_data_mixture(&data, &rng, ROWS, 8, 3, 1.0);
    if (!status) status = train(x, &net, &data, &t, kept, &n);
    if (!status) status = judge(&net, kept, n, &t, row, &row->found, &row->named);
    for (size_t k = 0; k < n * net.P; ++k) kept[k] = (double)(float)kept[k];
    if (!status) status = judge(&net, kept, n, &t, row, &row->found_float, &row->named_float);
    free(kept);
    clb_data_free(&data), clb_net_free(&net);
    return status;
}
static const kit_part part = KIT_PART("runs", "with a planted fault, and without", audited, run);

/* ---- what came out -------------------------------------------------------------------------- */

static void plan(kit *x)
{
    kit_list seeds = kit_seeds(x, kit_quick(x) ? 4 : SEEDS);
    kit_config(x, "steps", T), kit_config(x, "rows", ROWS);
    for (size_t f = 0; f < FAULTS; ++f)
        for (size_t s = 0; s < seeds.n * (f ? 1 : 2); ++s)
            kit_add(x, &part, &(audited){ .fault = (double)f, .seed = seeds.at[s % seeds.n]
                                          + (s < seeds.n ? 0 : 2e6) });
}

/* How far the momentum is off, and how far the audit says that it may be. */
static void draw_momentum(kit *x, kit_rows all)
{
    plot *p = kit_figure(x, "momentum", 1, 1);
    plot_panel *a = plot_add(p, "Momentum from the weights alone", "momentum of the run",
                             "half-width of the interval, distance to the truth", PLOT_LOGY);
    double *at = kit_doubles(x, 3 * all.n), *off = at + all.n, *width = off + all.n;
    size_t n = 0;
    for (size_t i = 0; i < all.n; ++i) {
        const audited *r = all.at[i];
        if (r->fault > 1 || !(r->error_momentum > 0)) continue;
        at[n] = r->momentum, width[n] = r->error_momentum;
        off[n++] = fmax(fabs(r->said_momentum - r->momentum), 1e-17);
    }
    plot_points(a, PLOT_ORANGE | PLOT_OPEN, n, at, width, "interval");
    plot_points(a, PLOT_BLUE, n, at, off, "distance");
    plot_caption(p, "Runs as expected and runs with a wrong momentum, weights in double.");
}

static void report(kit *x)
{
    const struct { const char *name; kit_at found, named; } kept[] = {
        { "double", AT(found), AT(named) }, { "float", AT(found_float), AT(named_float) } };
    kit_rows all = kit_part_runs(x, &part), bad = kit_rows_new(x, &part, all.n);
    kit_table *t = KIT_TABLE(x, "faults", "Share of the runs called faulty, and of those whose "
                             "fault was named rightly, from weights in double and in float",
                             "fault", "runs", "found", "named", "found_float", "named_float");
    kit_claim *c = kit_ours(x, "faults", "The weights alone tell that a training is not the one "
                            "that was meant, and what is wrong with it.");
    for (size_t f = 0; f < FAULTS; ++f) {
        kit_rows rows = kit_where(all, AT(fault), (double)f);
        kit_text(t, names[f]);
        KIT_CELLS(t, (double)rows.n, kit_mean(rows, AT(found)), kit_mean(rows, AT(named)),
                  kit_mean(rows, AT(found_float)), kit_mean(rows, AT(named_float)));
        for (size_t i = 0; f > 0 && i < rows.n; ++i) bad.at[bad.n++] = rows.at[i];
    }
    for (size_t k = 0; k < KIT_LEN(kept); ++k) {
        kit_rows sound = kit_where(all, AT(fault), 0);
        kit_statement(c, kit_print(x, "%s: share of the faults found", kept[k].name),
                      kit_mean(bad, kept[k].found), kit_at_least(0.99));
        kit_statement(c, kit_print(x, "%s: share named rightly", kept[k].name),
                      kit_mean(bad, kept[k].named), kit_at_least(0.95));
        kit_statement(c, kit_print(x, "%s: share of false alarms", kept[k].name),
                      kit_mean(sound, kept[k].found), kit_at_most(0.01));
    }
    kit_remark(c, "Clipping is named wrongly where decay is strong: it moves the clipped entries "
                  "by different amounts.");
    draw_momentum(x, all);
}

static const kit_info info = { .id = "E07_audit", .title = "Which method trained these weights",
    .statement = "laws of one neuron, @S27", .beyond = "E07", .plan = plan, .report = report, };
KIT_MAIN(info)
