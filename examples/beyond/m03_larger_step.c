/* M3, beyond the paper: the nonlinear net needs the larger step.
 *   cc -O2 -DCLB_STATIC -o larger examples/beyond/m03_larger_step.c -lm && ./larger  (5 s)
 * M3's two pathways with tanh and without, started from the same weights. "sweep": twelve step
 * sizes, 4000 steps, one initialisation. "three": gamma = 2.7, 12000 steps, three initialisations.
 * Tanh saturates, which lowers the sharpness that the same signal has: the linear net shares the
 * leading mode at smaller steps, and is in its two-cycle where the tanh net still re-balances. */
#define CLB_IMPLEMENTATION
#include "../../clb.h"
#include "../kit/kit.h"
#include "../kit/tree.h"

static const double gammas[] = { 0.5, 1, 1.5, 2, 2.25, 2.5, 2.75, 3, 3.25, 3.5, 3.75, 4 };
static const char *const activations[] = { "linear", "tanh" };

typedef struct training { const char *act; double init, gamma, T; double share; } training;
#define AT(member) KIT_AT(training, member)
static const kit_field training_fields[] = {
    KIT_KEY_TEXT(training, act), KIT_KEY(training, init),     KIT_KEY(training, gamma),
    KIT_KEY(training, T),        KIT_RESULT(training, share),
};

static int at_rest(void *context, size_t t, clb_paths *paths, double loss)
{
    (void)context, (void)t, (void)paths;
    return loss < 1e-28;
}

static clb_status run_training(kit *x, void *run)
{
    training *row = run;
    clb_activation act = strcmp(row->act, "tanh") ? CLB_IDENTITY : CLB_TANH;
    tree target;
    clb_paths paths;
    clb_status status;
    double K[2], eta;
    (void)x;
    tree_init(&target);
    if ((status = tree_paths(&paths, &target, act, (uint64_t)row->init, 1)) != CLB_OK)
        return status;
    eta = row->gamma / clb_path_single_sharpness(TREE_DEPTH, target.s);
    status = clb_paths_train(&paths, eta, (size_t)row->T, at_rest, NULL, NULL);
    if (!status) tree_modes(&target, &paths, K), row->share = tree_share(K);
    clb_paths_free(&paths);
    return status == CLB_EDIVERGED ? CLB_OK : status;
}

static const kit_part sweep =
    KIT_PART("sweep", "share against the step size", training, run_training);
static const kit_part three = KIT_PART("three", "three initialisations", training, run_training);

static void plan(kit *x)
{
    for (int act = 0; act < 2; ++act) {
        for (size_t k = 0; k < KIT_LEN(gammas); ++k)
            kit_add(x, &sweep, &(training){ .act = activations[act], .gamma = gammas[k],
                                            .T = kit_quick(x) ? 500 : 4000 });
        for (int seed = 0; seed < 3 && !kit_quick(x); ++seed)
            kit_add(x, &three,
                    &(training){ .act = activations[act], .init = seed, .gamma = 2.7, .T = 12000 });
    }
}

static kit_rows arm(kit *x, const kit_part *part, int act)
{
    return kit_where_text(kit_part_runs(x, part), AT(act), activations[act]);
}

static void report(kit *x)
{
    double share[2];
    kit_table *t =
        KIT_TABLE(x, "sweep", "Share of the larger pathway after 4000 steps; nan: diverged",
                  "gamma", "linear", "tanh");
    kit_claim *c = kit_ours(x, "larger_step",
                            "The nonlinear net needs the larger step: at the same step the linear "
                            "one shares more.");
    plot_panel *a = plot_add(kit_figure(x, "steps", 1, 1), "Share of the larger pathway", "gamma",
                             "share of the leading mode", PLOT_LINEAR);
    for (int act = 0; act < 2; ++act) {
        share[act] = kit_mean(arm(x, &three, act), AT(share));
        plot_rows_line(a, act | PLOT_THIN, arm(x, &sweep, act), AT(gamma), AT(share), NULL);
        plot_rows_points(a, act, arm(x, &sweep, act), AT(gamma), AT(share), activations[act]);
    }
    plot_vertical(a, 2, "2/S_1");
    for (size_t k = 0; k < KIT_LEN(gammas); ++k)
        KIT_LINE(t, gammas[k],
                 kit_mean(kit_where(arm(x, &sweep, 0), AT(gamma), gammas[k]), AT(share)),
                 kit_mean(kit_where(arm(x, &sweep, 1), AT(gamma), gammas[k]), AT(share)));
    kit_statement(c, "share with tanh less share without at gamma = 2.7", share[1] - share[0],
                  kit_above(0));
    kit_show(c, "share with tanh", share[1]), kit_show(c, "share without", share[0]);
    kit_remark(c, "Means of three initialisations after 12000 steps. Tanh saturates, which lowers "
                  "the sharpness that the same signal has.");
    plot_caption(a->figure, "The net without tanh shares the leading mode at smaller steps.");
}

static const kit_info info = {
    .id = "M03_larger_step",
    .title = "Step size with and without tanh",
    .statement = "beyond Fig. 3",
    .beyond = "M03",
    .plan = plan,
    .report = report,
};
KIT_MAIN(info)
