/* E29  In which regime is every experiment of the paper?                       Theorem 8; E1-E23
 *   cc -O2 -DCLB_STATIC -o e29 examples/beyond/e29_regimes.c -lm && ./e29                    (20 s)
 * Theorem 4 treats the modes of the Hessian as independent, its gates as fixed and eta lambda_max as below
 * 2. Each net of the paper at its step sizes, three seeds, 1000 steps of gradient descent:
 *   phase      eta lambda_max/2 at the start and the end; 1 is the edge of stability
 *   coupling   |M_T| = |S - sum_k c_k geo|/|sum_k c_k geo|: what the independent modes leave out of S on the
 *              quadratic model at the start (squared loss, two layers; first seed)
 *   switches   gates that switch a step, as a share of all; 0 for linear nets
 *   share      of the oscillation in the drift (clb_trace.oscillation)
 * Rule    written after short trials: perturbative where phase < 1 at both ends, |M_T| < 1 and share < 5 % for
 *         every seed; a run that diverges is not. Claims: all experiments at all of their step sizes are; all
 *         are up to eta = 0.1.
 * Left out: E20, which trains nothing; E7's momentum and Adam; the smaller widths of E14, E19, E22; MNIST. */
#define CLB_IMPLEMENTATION
#include "../../clb.h"
#include "../kit/kit.h"

enum { T = 1000, ETAS = 7 };

/* The nets, with step sizes that cover what the experiments use. */
typedef enum net_kind { RELU_CE, RELU_MSE, LINEAR_MSE, LINEAR_CE, RELU_WIDE, LINEAR_WIDE, LINEAR_40, FIVE_CE, FOUR_CE,
                        FIVE_MSE, NETS } net_kind;
static const struct setting {
    const char    *name;
    double         ce;
    clb_activation activation;
    size_t         L, m, d, n;
    double         separation, etas[ETAS];
} settings[NETS] = {
    { "ReLU, cross entropy", 1, CLB_RELU, 2, 64, 20, 200, 2, { 0.001, 0.01, 0.03, 0.1, 0.3, 0.5, 1 } },
    { "ReLU, squared loss", 0, CLB_RELU, 2, 64, 20, 200, 2, { 0.01, 0.03, 0.1, 0.3 } },
    { "linear, squared loss", 0, CLB_IDENTITY, 2, 64, 20, 200, 2, { 0.01, 0.03, 0.1, 0.3 } },
    { "linear, cross entropy", 1, CLB_IDENTITY, 2, 64, 20, 200, 2, { 0.01, 0.03, 0.1, 0.3 } },
    { "ReLU, squared loss, m = 256", 0, CLB_RELU, 2, 256, 20, 200, 2, { 0.01, 0.1 } },
    { "linear, squared loss, m = 192", 0, CLB_IDENTITY, 2, 192, 20, 200, 2, { 0.01, 0.1 } },
    { "linear, squared loss, d = m = 40", 0, CLB_IDENTITY, 2, 40, 40, 200, 2, { 0.01, 0.1 } },
    { "five matrices, cross entropy", 1, CLB_RELU, 5, 32, 20, 200, 2, { 0.001 } },
    { "four matrices, cross entropy", 1, CLB_RELU, 4, 64, 20, 200, 2, { 0.01, 0.1, 0.3, 1 } },
    { "five matrices, squared loss", 0, CLB_RELU, 5, 32, 20, 500, 0.5, { 0.1, 0.2, 0.5, 1, 2 } },
};

/* What each experiment trains, up to which step size. */
static const struct use { int experiment; net_kind net; double to; } uses[] = {
    { 1, RELU_CE, 0.001 }, { 1, FIVE_CE, 0.001 }, { 2, RELU_CE, 0.001 }, { 2, FIVE_CE, 0.001 }, { 3, RELU_CE, 1 },
    { 4, FIVE_MSE, 2 }, { 5, RELU_CE, 1 }, { 6, RELU_CE, 1 }, { 6, FOUR_CE, 1 }, { 7, RELU_CE, 1 },
    { 8, LINEAR_MSE, 0.3 }, { 8, RELU_CE, 0.3 }, { 9, LINEAR_MSE, 0.3 }, { 9, RELU_CE, 0.1 },
    { 10, LINEAR_MSE, 0.3 }, { 10, RELU_MSE, 0.3 }, { 11, LINEAR_MSE, 0.3 }, { 11, RELU_MSE, 0.3 },
    { 12, LINEAR_MSE, 0.3 }, { 12, RELU_MSE, 0.3 }, { 12, LINEAR_CE, 0.3 }, { 12, RELU_CE, 0.3 },
    { 13, LINEAR_MSE, 0.3 }, { 13, RELU_MSE, 0.3 }, { 13, LINEAR_CE, 0.3 }, { 13, RELU_CE, 0.3 },
    { 14, LINEAR_WIDE, 0.1 }, { 14, RELU_WIDE, 0.1 }, { 15, RELU_MSE, 0.1 }, { 15, RELU_WIDE, 0.1 },
    { 16, RELU_MSE, 0.3 }, { 16, RELU_CE, 0.3 }, { 17, LINEAR_MSE, 0.1 }, { 17, RELU_MSE, 0.1 },
    { 17, LINEAR_CE, 0.1 }, { 17, RELU_CE, 0.1 }, { 18, RELU_CE, 0.1 }, { 19, LINEAR_MSE, 0.1 },
    { 19, LINEAR_WIDE, 0.1 }, { 21, RELU_MSE, 0.01 }, { 22, LINEAR_40, 0.1 }, { 23, RELU_CE, 0.03 },
};

/* modes: the coupling is measured. */
typedef struct regime_run {
    double seed, setting, lr, modes;
    double phase_start, phase_end, coupling, switches, share, drift, diverged;
} regime_run;
#define AT(member) KIT_AT(regime_run, member)
static const kit_field regime_run_fields[] = {
    KIT_KEY(regime_run, seed), KIT_KEY(regime_run, setting), KIT_KEY(regime_run, lr), KIT_KEY(regime_run, modes),
    KIT_RESULT(regime_run, phase_start), KIT_RESULT(regime_run, phase_end), KIT_RESULT(regime_run, coupling),
    KIT_RESULT(regime_run, switches), KIT_RESULT(regime_run, share), KIT_RESULT(regime_run, drift),
    KIT_RESULT(regime_run, diverged),
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
    if (!status && row->modes > 0) status = coupling(row, &s.curv);
    if (!status) status = train(row, &s, c->ce, c->activation == CLB_IDENTITY);
    sw_start_free(&s);
    return status;
}
static const kit_part runs = KIT_PART("runs", "Nets of the paper", regime_run, run_regime);

static void plan(kit *x)
{
    kit_list seeds = kit_seeds(x, kit_quick(x) ? 1 : 3);
    for (size_t k = 0; k < NETS; ++k)
        for (size_t i = 0; i < (kit_quick(x) ? 1 : ETAS) && settings[k].etas[i] > 0; ++i)
            for (size_t s = 0; s < seeds.n; ++s)
                kit_add(x, &runs, &(regime_run){ .seed = seeds.at[s], .setting = (double)k, .lr = settings[k].etas[i],
                                                 .modes = !kit_quick(x) && s == 0 && settings[k].ce == 0 && settings[k].L == 2 });
}

/* ---- what follows from the runs --------------------------------------------------------------- */

static int perturbative(const regime_run *r)
{
    return r->diverged == 0 && r->phase_start < 1 && r->phase_end < 1 && !(r->coupling >= 1) && r->share < 0.05;
}

static kit_rows runs_at(kit *x, size_t net, double eta)
{
    return kit_where(kit_where(kit_part_runs(x, &runs), AT(setting), (double)net), AT(lr), eta);
}
static int all_perturbative(kit_rows r)
{
    for (size_t i = 0; i < r.n; ++i)
        if (!perturbative(r.at[i])) return 0;
    return 1;
}

static void nets_table(kit *x)
{
    kit_table *t = KIT_TABLE(x, "nets", "Every net at its step sizes, means over the seeds that converge: eta lambda_max/2 at start "
                             "and end, mode coupling (first seed), share of the gates that switch in a step, share of the "
                             "oscillation in the drift; seeds that are perturbative", "net", "lr", "phase_start", "phase_end",
                             "coupling", "switches", "share", "seeds", "perturbative");
    for (size_t k = 0; k < NETS; ++k)
        for (size_t i = 0; i < ETAS && settings[k].etas[i] > 0; ++i) {
            kit_rows all = runs_at(x, k, settings[k].etas[i]), r = kit_converged(all);
            double count = 0;
            if (!all.n) continue;
            for (size_t s = 0; s < all.n; ++s) count += perturbative(all.at[s]);
            kit_text(t, settings[k].name);
            KIT_CELLS(t, settings[k].etas[i], kit_mean(all, AT(phase_start)), r.n ? kit_mean(r, AT(phase_end)) : KIT_NONE,
                      settings[k].ce > 0 || settings[k].L > 2 ? KIT_NONE : ((const regime_run *)all.at[0])->coupling,
                      r.n ? kit_mean(r, AT(switches)) : KIT_NONE, r.n ? kit_mean(r, AT(share)) : KIT_NONE, (double)all.n, count);
        }
}

/* A line an experiment and net. Experiments that leave the regime: at any of their step sizes, below 0.1. */
static void experiments_table(kit *x, double *outside, double *outside_small)
{
    kit_table *t = KIT_TABLE(x, "experiments", "What each experiment trains: its largest step size, the largest up to which every "
                             "seed is perturbative (0: not even the smallest measured), and at its largest step size eta "
                             "lambda_max/2 at the start and the share of the oscillation in the drift", "experiment", "net",
                             "largest_lr", "perturbative_to", "phase_start", "share");
    char left[24] = { 0 }, left_small[24] = { 0 };
    for (const struct use *u = uses; u < uses + KIT_LEN(uses); ++u) {
        const struct setting *c = &settings[u->net];
        double to = 0, largest = 0;
        int still = 1;
        kit_rows last = { 0 };
        for (size_t i = 0; i < ETAS && c->etas[i] > 0 && c->etas[i] <= u->to; ++i) {
            kit_rows r = runs_at(x, u->net, c->etas[i]);
            if (!r.n) continue;
            still = still && all_perturbative(r), largest = c->etas[i], last = r;
            if (still) to = largest;
            else left[u->experiment] = 1, left_small[u->experiment] |= c->etas[i] <= 0.1;
        }
        if (!last.n) continue;
        kit_text(t, kit_print(x, "E%d", u->experiment)), kit_text(t, c->name);
        KIT_CELLS(t, largest, to, kit_mean(last, AT(phase_start)),
                  kit_converged(last).n ? kit_mean(kit_converged(last), AT(share)) : KIT_NONE);
    }
    *outside = *outside_small = kit_part_runs(x, &runs).n ? 0 : KIT_NAN;
    for (size_t e = 0; e < sizeof left; ++e) *outside += left[e], *outside_small += left_small[e];
}

static void figure(kit *x)
{
    kit_rows all = kit_part_runs(x, &runs);
    kit_list end = kit_values(all, AT(phase_end)), share = kit_values(all, AT(share)), start = kit_values(all, AT(phase_start)),
             rate = kit_values(all, AT(switches));
    plot *p = kit_figure(x, "map", 2, 1);
    plot_panel *a = plot_add(p, "Oscillation in the drift", "eta lambda_max/2 at the end", "share of the drift", PLOT_LOG);
    plot_points(a, PLOT_BLUE | PLOT_SMALL, end.n, end.at, share.at, "nets of E1-E23"), plot_vertical(a, 1, "edge");
    a = plot_add(p, "Gates that switch", "eta lambda_max/2 at the start", "share of the gates a step", PLOT_LOG);
    plot_points(a, PLOT_ORANGE | PLOT_SMALL, start.n, start.at, rate.at, "nets of E1-E23"), plot_vertical(a, 1, "edge");
    plot_caption(p, "Where the runs of the paper lie: distance to the edge of stability, share of the oscillation in the "
                    "drift and switching gates. Linear nets have no gates and are not in the right panel.");
}

static void report(kit *x)
{
    double outside, outside_small;
    kit_claim *c;
    experiments_table(x, &outside, &outside_small);
    nets_table(x);
    figure(x);
    c = kit_ours(x, "all", "Every published number is from the perturbative regime.");
    kit_statement(c, "experiments that leave it, of 22", outside, kit_equal(0)), kit_needs(c, 3, 0);
    c = kit_ours(x, "small", "Every experiment is in the perturbative regime up to eta = 0.1.");
    kit_statement(c, "experiments that leave it at or below eta = 0.1", outside_small, kit_equal(0)), kit_needs(c, 3, 0);
}

static const kit_info info = {
    .id = "E29", .title = "The regime of every experiment", .statement = "Beyond Theorem 8", .key_result = "",
    .plan = plan, .report = report,
};
KIT_MAIN(info)
