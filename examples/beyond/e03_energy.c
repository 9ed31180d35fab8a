/* Beyond E3  Why the drift grows as eta: because training ends.
 *   cc -O2 -DCLB_STATIC -o energy examples/beyond/e03_energy.c -lm && ./energy              (20 s)
 * Setup   the net of E3 at ten eta, ten seeds, T = 2000; and at the same time eta T = 20 instead of
 *         the same number of steps, three seeds; lambda_max of the Hessian at the start.
 * Theory  sum_t |grad|^2 = mu (L(0) - L(T)) / eta with mu near 1, so that
 *             drift = kbar eta (L(0) - L(T)) mu,    kbar = S / sum_t |grad|^2,
 *         nothing fitted: slope 2 while the loss has not fallen, 1 once it has. Bounds:
 *         |drift| <= eta^2 sum_t |grad|^2 <= eta (L(0) - L(T)) / (1 - eta lambda/2). */
#define CLB_IMPLEMENTATION
#include "../../clb.h"
#include "../kit/kit.h"

static const double grid[] = { 1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 0.1, 0.3, 0.5, 1.0 };
static const double times[] = { 1e-3, 3e-3, 1e-2, 3e-2, 0.1 };                  /* eta T = 20 */
enum { STEPS = 2000, TIMES = KIT_LEN(times) };

typedef struct training {
    double seed, lr, T;
    double drift, loss_drop, eta_energy, kbar, mu, first_order, over_bound, identity_error;
} training;
#define AT(member) KIT_AT(training, member)
static const kit_field training_fields[] = {
    KIT_KEY(training, seed), KIT_KEY(training, lr), KIT_KEY(training, T),
    KIT_RESULT(training, drift), KIT_RESULT(training, loss_drop),
    KIT_RESULT(training, eta_energy), KIT_RESULT(training, kbar), KIT_RESULT(training, mu),
    KIT_RESULT(training, first_order), KIT_RESULT(training, over_bound),
    KIT_RESULT(training, identity_error),
};

static clb_status train(kit *x, void *run)
{
    training *row = run;
    size_t T = (size_t)row->T;
    double final_loss = KIT_NAN;
    clb_train_opts how = { .ce = CLB_CE };
    clb_trace tr;
    clb_energy e;
    clb_status status = paper_train_to(NULL, row->seed, row->lr, T, &how, &tr, &final_loss);
    (void)x;
    if (status) return status;
    e = clb_trace_energy(&tr, 1, final_loss);
    row->drift = fabs(clb_trace_drift(&tr, 1)), row->loss_drop = e.loss_drop;
    row->eta_energy = tr.eta * e.E, row->kbar = e.kbar, row->mu = e.mu;
    row->first_order = fabs(e.kbar) * tr.eta * e.loss_drop;               /* drift without mu */
    row->over_bound = row->drift / (tr.eta * row->eta_energy);
    row->identity_error = fabs(clb_trace_drift(&tr, 1) - tr.predicted[0]);
    clb_trace_free(&tr);
    return CLB_OK;
}

typedef struct start { double seed, lambda_max; } start;
static const kit_field start_fields[] = { KIT_KEY(start, seed), KIT_RESULT(start, lambda_max) };

static clb_status measure_start(kit *x, void *run)
{
    start *row = run;
    (void)x;
    return sw_sharpness(NULL, row->seed, CLB_CE, &row->lambda_max);
}

static const kit_part sweep = KIT_PART("sweep", "drift against eta", training, train);
static const kit_part equal_time = KIT_PART("time", "equal time", training, train);
static const kit_part starts = KIT_PART("start", "lambda_max at the start", start, measure_start);

static void plan(kit *x)
{
    kit_list etas = kit_lrs(x, grid, KIT_LEN(grid)), seeds = kit_seeds(x, kit_quick(x) ? 2 : 10);
    kit_list three = kit_seeds(x, kit_quick(x) ? 2 : 3);
    for (size_t i = 0; i < etas.n; ++i)
        for (size_t s = 0; s < seeds.n; ++s)
            kit_add(x, &sweep, &(training){ .seed = seeds.at[s], .lr = etas.at[i],
                                            .T = kit_quick(x) ? STEPS / 10 : STEPS });
    for (size_t i = 0; i < TIMES && !kit_quick(x); ++i)
        for (size_t s = 0; s < three.n; ++s)
            kit_add(x, &equal_time, &(training){ .seed = three.at[s], .lr = times[i],
                                                 .T = floor(20 / times[i] + 0.5) });
    for (size_t s = 0; s < three.n; ++s) kit_add(x, &starts, &(start){ .seed = three.at[s] });
}

/* ---- what follows from the runs ------------------------------------------------------------- */

static double mean_at(kit *x, const kit_part *part, double lr, kit_at member)
{
    return kit_mean(kit_published(kit_where(kit_part_runs(x, part), AT(lr), lr)), member);
}

static void energy_table(kit *x, kit_list etas)
{
    double lambda = kit_mean(kit_part_runs(x, &starts), KIT_AT(start, lambda_max));
    kit_table *t = KIT_TABLE(x, "energy", "drift = kbar eta (L(0) - L(T)) mu, and the bounds "
                             "without kbar", "lr", "drift", "kbar_eta_loss_drop", "eta_energy",
                             "loss_drop", "kbar", "mu", "bound_energy", "bound_loss");
    for (size_t i = 0; i < etas.n; ++i) {
        double eta = etas.at[i], drop = mean_at(x, &sweep, eta, AT(loss_drop));
        double energy = mean_at(x, &sweep, eta, AT(eta_energy));
        KIT_LINE(t, eta, mean_at(x, &sweep, eta, AT(drift)),
                 mean_at(x, &sweep, eta, AT(first_order)), energy, drop,
                 mean_at(x, &sweep, eta, AT(kbar)), mean_at(x, &sweep, eta, AT(mu)), eta * energy,
                 eta * lambda < 2 ? eta * drop / (1 - eta * lambda / 2) : KIT_NONE);
    }
}

/* Slope between the two smallest eta at equal time. */
static double time_table(kit *x)
{
    kit_table *t = KIT_TABLE(x, "time", "The same time eta T = 20 instead of the same number of "
                             "steps", "lr", "T", "drift", "slope");
    double drift[TIMES], slope[TIMES];
    for (size_t i = 0; i < TIMES; ++i) {
        drift[i] = mean_at(x, &equal_time, times[i], AT(drift));
        slope[i] = i ? clb_log(drift[i] / drift[i - 1]) / clb_log(times[i] / times[i - 1]) : 0;
        KIT_LINE(t, times[i], mean_at(x, &equal_time, times[i], AT(T)), drift[i],
                 i ? slope[i] : KIT_NONE);
    }
    return slope[1];
}

static void claims(kit *x, const kit_curve *all, double time_slope)
{
    kit_rows runs = kit_part_runs(x, &sweep);
    kit_rows low = kit_between(runs, AT(lr), 0, 0.011);
    double worst = low.n ? 0 : KIT_NAN;
    kit_claim *c = kit_ours(x, "energy", "The drift is kbar eta (L(0) - L(T)), from the fall of "
                            "the loss alone, for eta up to 0.01.");
    for (size_t i = 0; i < low.n; ++i) {
        const training *r = low.at[i];
        worst = fmax(worst, fabs(r->first_order / r->drift - 1));
    }
    kit_summary(x, "largest_difference", worst);
    kit_statement(c, "largest difference from the drift", 100 * worst,
                  kit_in_units(kit_below(10), "%"));
    kit_remark(c, "Slope 1 says that the loss has fallen, slope 2 that it has not yet.");
    c = kit_ours(x, "local_slopes", "Over four decades of eta the drift has no single slope.");
    kit_statement(c, "range of the local slopes of the mean", kit_slope_range(all),
                  kit_above(0.2));
    c = kit_ours(x, "equal_time", "At the same time eta T the slope tends to 1.");
    kit_statement(c, "slope between eta = 0.001 and 0.003", time_slope, kit_within(1, 0.01));
    kit_needs(c, 3, 1);
    kit_identity(x, "bound", "The drift is at most eta^2 sum |grad|^2.", "largest ratio",
                 kit_worst(runs, AT(over_bound)), kit_at_most(1));
    kit_theorem_2(x,
                  kit_worse(kit_worst(runs, AT(identity_error)),
                            kit_worst(kit_part_runs(x, &equal_time), AT(identity_error))),
                  1e-11, 1e-3);
}

static void figure(kit *x, const kit_curve *all)
{
    plot *p = kit_figure(x, "energy", 2, 1);
    plot_panel *a = plot_add(p, "Drift after 2000 steps", "learning rate eta", "|C(T) - C(0)|",
                             PLOT_LOG);
    plot_rows(a, PLOT_BLUE, kit_part_runs(x, &sweep), AT(lr), AT(drift));
    plot_line(a, PLOT_GREEN | PLOT_DASHED, all->at.n, all->at.at,
              kit_means(kit_part_runs(x, &sweep), AT(first_order), AT(lr), all->at),
              "kbar eta (L(0) - L(T)), no fit");
    plot_points(a, PLOT_BLUE, all->at.n, all->at.at, all->mean, "mean over the seeds");
    plot_slope(a, 1e-4, 1, 2e-4, 1, "slope 1");
    a = plot_add(p, "Local slope", "learning rate eta", "d ln drift / d ln eta", PLOT_LOGX);
    plot_horizontal(a, 1, "paper: 1");
    plot_local_slopes(a, PLOT_BLUE, all, "95 % over seeds");
    plot_caption(p, "The drift follows the fall of the loss without a fit; its slope is 1 where "
                    "training has finished.");
}

static void report(kit *x)
{
    kit_list etas = kit_lrs(x, grid, KIT_LEN(grid));
    clb_sweep y = kit_sweep(kit_part_runs(x, &sweep), AT(drift), AT(lr), etas);
    kit_curve all;
    y.floor = 1e-15;
    all = kit_curve_of(x, &y, 3);
    energy_table(x, etas);
    kit_slope_table(x, "local slopes", "Local slopes d ln drift / d ln eta between neighbours of "
                    "the grid, with 95 % intervals over the seeds", &all);
    claims(x, &all, kit_part_runs(x, &equal_time).n ? time_table(x) : KIT_NAN);
    figure(x, &all);
}

static const kit_info info = { .id = "E03_energy", .title = "Drift from the fall of the loss",
    .statement = "Theorem 2", .beyond = "E03", .plan = plan, .report = report };
KIT_MAIN(info)
