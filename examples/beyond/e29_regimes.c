/* E29  In which regime is every experiment of the paper?                       Theorem 8; E1-E23
 *   cc -O2 -DCLB_STATIC -o e29 examples/beyond/e29_regimes.c -lm && ./e29                     (8 s)
 * Theorem 4 treats the modes of the Hessian as independent, its gates as fixed and eta lambda_max as below
 * 2. A setting of the paper at one of its step sizes, first seed, 1000 steps of gradient descent:
 *   phase      eta lambda_max/2 at the start and the end; 1 is the edge of stability
 *   coupling   |M_T| = |S - sum_k c_k geo|/|sum_k c_k geo|: what the independent modes leave out of S on the
 *              quadratic model at the start (squared loss, by the kernel of the outputs)
 *   switches   gates that switch a step, as a share of all; 0 for linear nets
 *   share      of the oscillation in the drift (clb_trace.oscillation)
 * Rule    written before the run: perturbative where phase < 1 at both ends, |M_T| < 1, and share < 5 %.
 *         Claims: all published step sizes are perturbative; those up to eta = 0.1 are. */
#define CLB_IMPLEMENTATION
#include "../../clb.h"
#include "../kit/kit.h"

enum { T = 1000 };

/* Settings that several experiments share stand once. */
static const struct setting {
    const char    *experiments, *name;
    double         ce;
    clb_activation activation;
    size_t         L, m, d, n;
    double         separation, etas[4];
} settings[] = {
    { "E3, E5, E7, E9, E12, E13, E16-E18, E23", "ReLU, cross entropy", 1, CLB_RELU, 2, 64, 20, 200, 2, { 0.01, 0.1, 0.3, 1 } },
    { "E8-E13, E15, E16, E21", "ReLU, squared loss", 0, CLB_RELU, 2, 64, 20, 200, 2, { 0.01, 0.03, 0.1, 0.3 } },
    { "E8, E9, E12, E13, E19, E20", "linear, squared loss", 0, CLB_IDENTITY, 2, 64, 20, 200, 2, { 0.01, 0.03, 0.1, 0.2 } },
    { "E9, E12, E13, E17", "linear, cross entropy", 1, CLB_IDENTITY, 2, 64, 20, 200, 2, { 0.01, 0.03, 0.1, 0.3 } },
    { "E14, E15", "ReLU, squared loss, m = 256", 0, CLB_RELU, 2, 256, 20, 200, 2, { 0.01, 0.1, 0, 0 } },
    { "E14, E19", "linear, squared loss, m = 192", 0, CLB_IDENTITY, 2, 192, 20, 200, 2, { 0.01, 0.1, 0, 0 } },
    { "E22", "linear, squared loss, d = 40", 0, CLB_IDENTITY, 2, 40, 40, 200, 2, { 0.01, 0.1, 0, 0 } },
    { "E1, E2, E6", "five matrices, cross entropy", 1, CLB_RELU, 5, 32, 20, 200, 2, { 0.001, 0.1, 0.3, 0 } },
    { "E4", "five matrices, squared loss", 0, CLB_RELU, 5, 32, 20, 500, 0.5, { 0.1, 0.5, 1, 2 } },
};

typedef struct regime_run {
    double seed, setting, lr;
    double phase_start, phase_end, coupling, switches, share, drift, diverged;
} regime_run;
static const kit_field regime_run_fields[] = {
    KIT_KEY(regime_run, seed), KIT_KEY(regime_run, setting), KIT_KEY(regime_run, lr), KIT_RESULT(regime_run, phase_start),
    KIT_RESULT(regime_run, phase_end), KIT_RESULT(regime_run, coupling), KIT_RESULT(regime_run, switches),
    KIT_RESULT(regime_run, share), KIT_RESULT(regime_run, drift), KIT_RESULT(regime_run, diverged),
};

/* Switches of the gates of all hidden layers in every 20th step: looks come in pairs. */
typedef struct gate_watch {
    kit_arena arena;
    uint64_t *gates[2][8];
    double    switched, seen;
} gate_watch;
enum { LOOK = 20 };

static clb_verdict look(void *context, const clb_state *state)
{
    gate_watch *w = context;
    for (size_t l = 1; l < state->net->L; ++l) {
        uint64_t **g = w->gates[state->t % LOOK];
        if (!g[l]) g[l] = (uint64_t *)kit_new(&w->arena, clb_gate_words(state->pass, l), sizeof **g);
        clb_gates(state->pass, l, g[l]);
        if (state->t % LOOK == 0) continue;
        w->switched += (double)clb_gate_switches(state->pass, l, w->gates[0][l], g[l], NULL, NULL);
        w->seen += (double)(state->pass->n * state->net->m[l]);
    }
    return CLB_CONTINUE;
}

/* |M_T| of the first charge, from the kernel of the outputs. */
static clb_status coupling(regime_run *row, clb_curv *curv)
{
    clb_spectrum sp;
    clb_status status = clb_spectrum_init_ntk(&sp, curv, 1);
    if (status) return status;
    row->coupling = fabs(clb_spectrum_sum(&sp, row->lr, T, CLB_MODES_POSITIVE).coupling);
    clb_spectrum_free(&sp);
    return CLB_OK;
}

static clb_status train(regime_run *row, sw_start *s, double ce, int linear)
{
    size_t at[2 * T / LOOK];
    gate_watch w = { .switched = 0 };
    clb_observer observer = { .call = look, .context = &w, .at = at, .at_count = KIT_LEN(at) };
    clb_train_opts how = { .ce = ce, .observers = &observer, .observer_count = linear ? 0 : 1 };
    double share = 0, top;
    clb_trace tr;
    clb_status status;
    for (size_t i = 0; i < KIT_LEN(at); ++i) at[i] = i / 2 * LOOK + i % 2;
    status = clb_train(&s->problem.net, &s->problem.data, row->lr, T, &how, &tr);
    row->diverged = status == CLB_EDIVERGED;
    if (!status) {
        for (row->drift = 0; share < (double)tr.L - 1; ++share) row->drift += fabs(clb_trace_drift(&tr, (size_t)share + 1));
        share = 0;
        for (size_t l = 0; l + 1 < tr.L; ++l) share += fabs(tr.oscillation[l]);
        row->share = share / row->drift, row->switches = linear ? 0 : w.switched / w.seen;
        clb_curv_at(&s->curv, NULL);
        status = clb_sharpness(&s->curv, NULL, &top, NULL);
        row->phase_end = clb_phase(row->lr, top);
    }
    if (!status || row->diverged == 1) clb_trace_free(&tr);
    kit_arena_free(&w.arena);
    return status == CLB_EDIVERGED ? CLB_OK : status;
}

static clb_status run_regime(kit *x, void *run)
{
    regime_run *row = run;
    const struct setting *c = &settings[(size_t)row->setting];
    paper_opts opts = { .n = c->n, .d = c->d, .m = c->m, .L = c->L, .separation = c->separation };
    sw_start s;
    double top;
    clb_status status;
    (void)x;
    opts.net.activation = c->activation;
    status = sw_start_init(&s, &opts, row->seed, c->ce);
    if (!status) status = clb_sharpness(&s.curv, NULL, &top, NULL);
    if (!status) row->phase_start = clb_phase(row->lr, top);
    if (!status && c->ce == 0 && c->L == 2) status = coupling(row, &s.curv);
    if (!status) status = train(row, &s, c->ce, c->activation == CLB_IDENTITY);
    sw_start_free(&s);
    return status;
}
static const kit_part runs = KIT_PART("runs", "Settings of the paper", regime_run, run_regime);

static void plan(kit *x)
{
    kit_list seeds = kit_seeds(x, 1);
    for (size_t k = 0; k < KIT_LEN(settings); ++k)
        for (size_t i = 0; i < (kit_quick(x) ? 1 : 4) && settings[k].etas[i] > 0; ++i)
            kit_add(x, &runs, &(regime_run){ .seed = seeds.at[0], .setting = (double)k, .lr = settings[k].etas[i] });
}

static int perturbative(const regime_run *r)
{
    return r->diverged == 0 && r->phase_start < 1 && r->phase_end < 1 && !(r->coupling >= 1) && r->share < 0.05;
}

static void report(kit *x)
{
    kit_rows all = kit_part_runs(x, &runs);
    kit_table *t = KIT_TABLE(x, "regimes", "Every setting at its step sizes, first seed: eta lambda_max/2 at start and end, "
                             "mode coupling, share of the gates that switch in a step, share of the oscillation in the drift; "
                             "perturbative: 1 yes, 0 no", "experiments", "setting", "lr", "phase_start", "phase_end", "coupling",
                             "switches", "share", "perturbative");
    double outside = 0, outside_small = 0, *phase = kit_doubles(x, 4 * all.n), *share = phase + all.n, *rate = share + all.n;
    double *start = rate + all.n;
    plot *p = kit_figure(x, "map", 2, 1);
    plot_panel *a = plot_add(p, "Oscillation in the drift", "eta lambda_max/2 at the end", "share of the drift", PLOT_LOG);
    kit_claim *c;
    for (size_t i = 0; i < all.n; ++i) {
        const regime_run *r = all.at[i];
        const struct setting *s = &settings[(size_t)r->setting];
        kit_text(t, s->experiments), kit_text(t, s->name);
        KIT_CELLS(t, r->lr, r->phase_start, r->diverged == 1 ? KIT_NONE : r->phase_end, s->ce > 0 || s->L > 2 ? KIT_NONE : r->coupling,
                  r->diverged == 1 ? KIT_NONE : r->switches, r->diverged == 1 ? KIT_NONE : r->share, (double)perturbative(r));
        outside += !perturbative(r), outside_small += r->lr <= 0.1 && !perturbative(r);
        phase[i] = r->phase_end, share[i] = r->share, rate[i] = r->switches, start[i] = r->phase_start;
    }
    plot_points(a, PLOT_BLUE, all.n, phase, share, "settings of E1-E23"), plot_vertical(a, 1, "edge");
    a = plot_add(p, "Gates that switch", "eta lambda_max/2 at the start", "share of the gates a step", PLOT_LOG);
    plot_points(a, PLOT_ORANGE, all.n, start, rate, "settings of E1-E23"), plot_vertical(a, 1, "edge");
    c = kit_ours(x, "all", "Every published number is from the perturbative regime.");
    kit_statement(c, "settings that are outside", all.n ? outside : KIT_NAN, kit_equal(0));
    kit_show(c, "of", (double)all.n), kit_needs(c, 1, 0);
    c = kit_ours(x, "small", "Every setting with eta up to 0.1 is in the perturbative regime.");
    kit_statement(c, "settings with eta <= 0.1 that are outside", all.n ? outside_small : KIT_NAN, kit_equal(0));
    kit_needs(c, 1, 0);
    plot_caption(p, "Where the settings of the paper lie: distance to the edge of stability, share of the oscillation in the "
                    "drift and switching gates. Linear nets have no gates and are not in the right panel.");
}

static const kit_info info = {
    .id = "E29", .title = "The regime of every experiment", .statement = "Beyond Theorem 8", .key_result = "",
    .plan = plan, .report = report,
};
KIT_MAIN(info)
