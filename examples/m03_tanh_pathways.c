/* M3  Two tanh pathways: the same two phases in a nonlinear network.                   @S23, Fig. 3
 *   cc -O2 -DCLB_STATIC -o m03 examples/m03_tanh_pathways.c -lm && ./m03                    (15 s)
 * Setup   eight items with the features of a binary tree (kit/tree.h) and two pathways
 *         8-32-32-32-32-15, tanh before every layer but the first; a second arm has no tanh. Loss
 *         1/2 sum of squares, full batch, 12000 steps, three initialisations. gamma is the step
 *         size in units of 1/S_1, the sharpness of one linear pathway that carries the leading
 *         mode alone. "perturbed" repeats with the first matrix times 1 + 1e-12: what differs is
 *         chaos.
 * Measure K_p, what pathway p contributes to the leading mode; the share of the larger one; loss
 *         and sharpness at the end.
 * Paper   small steps: one pathway takes the leading mode; large steps share it.
 * Beyond  beyond/m03_larger_step.c: the nonlinear net needs the larger step. */
#define CLB_IMPLEMENTATION
#include "../clb.h"
#include "kit/kit.h"
#include "kit/tree.h"

enum { T = 12000, SEEDS = 3, SAMPLES = 450 };
static const double gammas[] = { 0.5, 2.7, 3.0, 3.3 },
                    rounding = 1e-28; /* a loss that moves nothing */
static const char *const activations[] = { "linear", "tanh" };

/* ---- one run --------------------------------------------------------------------------------- */

typedef struct training {
    const char *act;
    double init, gamma, perturbed;        /* init: the seed of the weights */
    double eta, init_W_first, init_W_last, share, loss, steps, t_half, peak_K11_over_s1;
    double sharpness, eta_sharpness;
    kit_list K11, t, K1, K2;
} training;

#define AT(member) KIT_AT(training, member)
static const kit_field training_fields[] = {
    KIT_KEY_TEXT(training, act),       KIT_KEY(training, init),
    KIT_KEY(training, gamma),          KIT_KEY(training, perturbed),
    KIT_RESULT(training, eta),         KIT_RESULT(training, init_W_first),
    KIT_RESULT(training, init_W_last), KIT_RESULT(training, share),
    KIT_RESULT(training, loss),        KIT_RESULT(training, steps),
    KIT_RESULT(training, t_half),      KIT_RESULT(training, peak_K11_over_s1),
    KIT_RESULT(training, sharpness),   KIT_RESULT(training, eta_sharpness),
    KIT_RESULT_ARRAY(training, K11),   KIT_RESULT_ARRAY(training, t),
    KIT_RESULT_ARRAY(training, K1),    KIT_RESULT_ARRAY(training, K2),
};

typedef struct watch {
    tree   target;
    size_t n, every;
    double K[2], peak, half, steps, loss, t[SAMPLES], K1[SAMPLES], K2[SAMPLES];
} watch;

static int observe(void *context, size_t t, clb_paths *paths, double loss)
{
    watch *w = context;
    double s = w->target.s;
    tree_modes(&w->target, paths, w->K);
    w->peak = fmax(w->peak, fmax(w->K[0], w->K[1]) / s);
    w->loss = loss, w->steps = (double)t;
    if (w->half < 0 && w->K[0] + w->K[1] > 0.5 * s) w->half = (double)t;
    if (loss < rounding) return 1;
    if (t > 200 && t % w->every) return 0;
    w->t[w->n] = (double)t, w->K1[w->n] = w->K[0] / s, w->K2[w->n++] = w->K[1] / s;
    return 0;
}

static clb_status measure_sharpness(clb_paths *paths, training *row)
{
    clb_eigs eigs;
    clb_linop op;
    clb_status status = clb_paths_curve(paths);
    if (status) return status;
    op = clb_paths_op(paths);
    status = clb_lanczos(&op, 1, NULL, &eigs);
    if (status && status != CLB_ENOCONV) return status;
    row->sharpness = eigs.value[0], row->eta_sharpness = row->eta * eigs.value[0];
    clb_eigs_free(&eigs);
    return CLB_OK;
}

static void record(kit *x, training *row, const watch *w)
{
    row->share = tree_share(w->K), row->loss = w->loss, row->steps = w->steps;
    row->t_half = w->half, row->peak_K11_over_s1 = w->peak;
    row->K11 = kit_keep(x, 2, w->K);
    if (row->perturbed > 0) return;
    row->t = kit_keep(x, w->n, w->t), row->K1 = kit_keep(x, w->n, w->K1),
    row->K2 = kit_keep(x, w->n, w->K2);
}

static clb_status run_training(kit *x, void *run)
{
    training *row = run;
    clb_activation act = strcmp(row->act, "tanh") ? CLB_IDENTITY : CLB_TANH;
    size_t steps = kit_quick(x) ? 2000 : T;
    watch w = { .every = steps / 200, .half = -1 };
    clb_paths paths;
    clb_status status;
    tree_init(&w.target);
    status =
        tree_paths(&paths, &w.target, act, (uint64_t)row->init, row->perturbed > 0 ? 1 + 1e-12 : 1);
    if (status) return status;
    row->eta = row->gamma / clb_path_single_sharpness(TREE_DEPTH, w.target.s);
    row->init_W_first = (double)paths.theta[0], row->init_W_last = (double)paths.theta[paths.P - 1];
    status = clb_paths_train(&paths, row->eta, steps, observe, &w, NULL);
    if (!status && row->perturbed == 0) status = measure_sharpness(&paths, row);
    if (!status) record(x, row, &w);
    clb_paths_free(&paths);
    return status == CLB_EDIVERGED ? CLB_OK : status;
}

static const kit_part trainings = KIT_PART("run", "two pathways", training, run_training);

static void plan(kit *x)
{
    kit_config(x, "T", kit_quick(x) ? 2000 : T);
    for (int perturbed = 0; perturbed <= !kit_quick(x); ++perturbed)
        for (int act = 0; act < 2; ++act)
            for (int seed = 0; seed < (kit_quick(x) ? 1 : SEEDS); ++seed)
                for (size_t k = 0; k < KIT_LEN(gammas); ++k)
                    kit_add(x, &trainings,
                            &(training){ .act = activations[act], .init = seed, .gamma = gammas[k],
                                         .perturbed = perturbed });
}

/* ---- what follows from the runs -------------------------------------------------------------- */

static kit_rows runs_of(kit *x, int act, int perturbed)
{
    return kit_where(kit_where_text(kit_part_runs(x, &trainings), AT(act), activations[act]),
                     AT(perturbed), perturbed);
}

static void table(kit *x)
{
    kit_table *t = KIT_TABLE(x, "shares",
                             "Share of the larger path and eta times sharpness at the end, three "
                             "initialisations",
                             "act", "gamma", "share 0", "eta sharpness 0", "share 1",
                             "eta sharpness 1", "share 2", "eta sharpness 2", "compared by");
    for (int act = 0; act < 2; ++act)
        for (size_t k = 0; k < KIT_LEN(gammas); ++k) {
            kit_rows rows = kit_where(runs_of(x, act, 0), AT(gamma), gammas[k]);
            kit_text(t, activations[act]), KIT_CELLS(t, gammas[k]);
            for (int seed = 0; seed < SEEDS; ++seed) {
                kit_rows one = kit_where(rows, AT(init), seed);
                if (one.n) KIT_CELLS(t, kit_mean(one, AT(share)), kit_mean(one, AT(eta_sharpness)));
                else KIT_CELLS(t, KIT_NONE, KIT_NONE);
            }
            kit_text(t, gammas[k] > 2 ? "share and sharpness at the end" : "value");
        }
}

/* The largest distance between the shares of runs and of their perturbed twins; NaN: no twins. */
static double chaos(kit *x)
{
    double apart = KIT_NAN;
    for (int act = 0; act < 2; ++act) {
        kit_list a = kit_values(runs_of(x, act, 0), AT(share)),
                 b = kit_values(runs_of(x, act, 1), AT(share));
        for (size_t i = 0; i < a.n && a.n == b.n; ++i)
            apart = kit_worse(apart, fabs(a.at[i] - b.at[i]));
    }
    return apart;
}

static void claims(kit *x)
{
    kit_rows net = runs_of(x, 1, 0), large = kit_between(net, AT(gamma), 2.7, 3.3);
    kit_list edge = kit_values(large, AT(eta_sharpness));
    double shared = kit_mean(kit_where(net, AT(gamma), 3.3), AT(share)), s[TREE_ITEMS];
    double alone = kit_mean(kit_where(net, AT(gamma), 0.5), AT(share));
    kit_table *t = KIT_TABLE(x, "target", "Singular values of the targets", "singular value");
    kit_claim *c = kit_paper(x, "shared",
                             "Large steps share the leading mode between the pathways, in tanh "
                             "networks too; small steps leave it to one.",
                             "Fig. 3");
    tree target;
    kit_summary(x, "share at large step", shared), kit_summary(x, "share at small step", alone);
    kit_statement(c, "mean share of the larger pathway at gamma = 0.5", alone, kit_at_least(0.85));
    kit_statement(c, "at gamma = 3.3", shared, kit_at_most(0.6));
    c = kit_paper(x, "edge", "With large steps training ends at the edge of stability.",
                  "eta lambda = 2");
    kit_statement(c, "least eta times sharpness for gamma >= 2.7",
                  clb_summarize(edge.n, edge.at).min, kit_at_least(1.95));
    kit_statement(c, "largest", clb_summarize(edge.n, edge.at).max, kit_at_most(2.01));
    kit_statement(c, "largest loss", kit_worst(large, AT(loss)), kit_below(1e-6));
    if (!kit_quick(x))
        kit_identity(x, "chaos", "A change of the weights by 1e-12 does not change the shares.",
                     "largest change", chaos(x), kit_below(0.005));
    tree_init(&target), t->detail = 1;
    if (tree_singular_values(&target, s)) return;
    for (size_t i = 0; i < TREE_ITEMS; ++i) KIT_LINE(t, s[i]);
    kit_summary(x, "S_1", clb_path_single_sharpness(TREE_DEPTH, target.s));
    kit_identity(x, "leading", "The leading mode is the target's largest singular value.",
                 "difference", target.s - s[0],
                 kit_within(0, sizeof(clb_real) == 8 ? 1e-12 : 1e-6));
}

static void figure(kit *x)
{
    plot *p = kit_figure(x, "tanh", 3, 1);
    plot_panel *a;
    for (size_t k = 0; k < 3; k += 2) {                             /* gamma = 0.5 and 3.0 */
        kit_rows one = kit_where(kit_where(runs_of(x, 1, 0), AT(gamma), gammas[k]), AT(init), 0);
        const training *r;
        if (!one.n) continue;
        r = one.at[0];
        a = plot_add(p, kit_print(x, "tanh, gamma = %g, seed 0", r->gamma), "step", "K_p / s_1",
                     PLOT_LOGX);
        plot_lists(a, PLOT_BLUE, r->t, r->K1, "pathway 1");
        plot_lists(a, PLOT_ORANGE, r->t, r->K2, "pathway 2");
        plot_horizontal(a, 0.5, "1/2");
    }
    a = plot_add(p, "Share of the larger path", "gamma", "share of the leading mode", PLOT_LINEAR);
    for (int act = 0; act < 2; ++act)
        plot_rows_points(a, act, runs_of(x, act, 0), AT(gamma), AT(share), activations[act]);
    plot_vertical(a, 2, "2/S_1");
    plot_caption(p, "Two tanh pathways: one takes all at a small step, both share at a large one.");
}

static void report(kit *x)
{
    table(x);
    claims(x);
    figure(x);
}

static const kit_info info = {
    .id = "M03", .title = "Two tanh pathways", .statement = "nonlinear re-balancing",
    .key_result = "large steps share the mode", .plan = plan, .report = report,
};
KIT_MAIN(info)
