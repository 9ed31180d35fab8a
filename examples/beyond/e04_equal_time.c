/* Beyond E4  Is it the edge of stability, or only the longer training time?
 *   cc -O2 -DCLB_STATIC -o time examples/beyond/e04_equal_time.c -lm && ./time              (20 s)
 * Setup   the substitute of E4 (20-32-32-32-32-5, squared loss), one seed. At eta = 2, 2000 steps
 *         train for a time eta t = 4000; at eta = 0.1, which stays below the edge, that takes
 *         40000 steps.
 *         "init": the weights that the paper's net on MNIST starts from, which need no data.
 * Measure D = sum over the charges of |C_l(T) - C_l(0)| */
#define CLB_IMPLEMENTATION
#include "../../clb.h"
#include "../kit/kit.h"

enum { T_EDGE = 2000, SLOWER = 20 };

/* |W_l|^2 of the paper's runs on MNIST after one update at eta = 0.1 (784-32-32-32-32-10), for its
 * three seeds. The update moves all five alike (eq. 10): their differences are the initial ones. */
static const double paper_norms[3][EDGE_L] = {
    { 10.67173, 10.44890, 10.67259, 10.79205, 3.65756 },
    { 10.61797, 10.57748, 10.58722, 10.84813, 3.14717 },
    { 10.77094, 10.82831, 9.82630, 11.15304, 3.35206 },
};

typedef struct initial { double seed, charge_error; } initial;
static const kit_field initial_fields[] = {
    KIT_KEY(initial, seed), KIT_RESULT(initial, charge_error),
};

static clb_status draw(kit *x, void *run)
{
    static const size_t widths[] = { 784, EDGE_M, EDGE_M, EDGE_M, EDGE_M, 10 };
    initial *row = run;
    const double *q = paper_norms[kit_seed_index(row->seed)];
    clb_net net;
    clb_rng rng;
    clb_status status;
    (void)x;
    clb_rng_seed(&rng, (uint64_t)row->seed), rng.normal_mode = CLB_NORMAL_PUBLISHED;
    if ((status = clb_net_init(&net, widths, EDGE_L + 1, NULL, &rng)) != CLB_OK) return status;
    row->charge_error = 0;
    for (size_t l = 1; l < EDGE_L; ++l)
        row->charge_error = fmax(row->charge_error,
                                 fabs(clb_charge(&net, NULL, l) - (q[l] - q[l - 1])));
    clb_net_free(&net);
    return CLB_OK;
}

static const kit_part edge = KIT_PART("edge", "eta = 2", edge_run, edge_substitute);
static const kit_part control = KIT_PART("control", "eta = 0.1", edge_run, edge_substitute);
static const kit_part init = KIT_PART("init", "initial weights", initial, draw);

static void plan(kit *x)
{
    double seed = kit_seeds(x, 1).at[0], T = kit_quick(x) ? T_EDGE / 10 : T_EDGE;
    kit_add(x, &edge, &(edge_run){ .seed = seed, .lr = 2, .T = T });
    kit_add(x, &control, &(edge_run){ .seed = seed, .lr = 2.0 / SLOWER, .T = SLOWER * T });
    for (size_t s = 0; s < KIT_LEN(paper_norms); ++s)
        kit_add(x, &init, &(initial){ .seed = kit_published_seeds[s] });
}

static void report(kit *x)
{
    kit_rows controls = kit_part_runs(x, &control), fast = kit_part_runs(x, &edge);
    const edge_run *slow = controls.n ? controls.at[0] : NULL;
    double ratio = slow && fast.n ? ((edge_run *)fast.at[0])->D / slow->D : KIT_NAN;
    kit_claim *c = kit_ours(x, "equal_time", "It is the edge of stability that breaks "
                                             "conservation, not the longer training time.");
    plot *p = kit_figure(x, "time", 1, 1);
    plot_panel *a = plot_add(p, "Drift against time (generated data)", "time eta t",
                             "Sigma |C(t) - C(0)|", PLOT_LOG);
    edge_table(x, &control, "eta = 0.1 for the training time of larger eta");
    edge_table(x, &edge, "eta = 2");
    kit_summary(x, "factor_equal_time", ratio);
    kit_statement(c, "D(2, 2000 steps) / D(0.1, 40000 steps)", ratio, kit_above(1000));
    kit_remark(c, "At the same time eta t = 4000; the learning rates differ by a factor 20.");
    kit_needs(c, 1, 0);
    kit_identity(x, "initial_charges", "The charges of the paper's net on MNIST before training "
                                       "are those of our draw.", "worst error",
                 kit_worst(kit_part_runs(x, &init), KIT_AT(initial, charge_error)),
                 kit_below(2e-5));
    kit_identity(x, "theorem_2", "The drift of every charge is eta^2 S_l (Theorem 2).",
                 "worst error",
                 kit_worse(kit_worst(controls, EDGE_AT(identity_error)),
                           kit_worst(fast, EDGE_AT(identity_error))),
                 kit_below(sizeof(clb_real) == 4 ? 1e-2 : 1e-10));
    if (fast.n)
        plot_lists(a, PLOT_RED, ((edge_run *)fast.at[0])->time, ((edge_run *)fast.at[0])->D_t,
                   "eta = 2, 2000 steps");
    if (slow)
        plot_lists(a, PLOT_GREY | PLOT_DASHED, slow->time, slow->D_t, "eta = 0.1, 40000 steps");
    plot_caption(p, "At the same training time the drift at the edge of stability is thousands of "
                    "times larger.");
}

static const kit_info info = { .id = "E04_equal_time", .title = "Edge of stability at equal time",
    .statement = "Theorem 2", .beyond = "E04", .plan = plan, .report = report };
KIT_MAIN(info)
