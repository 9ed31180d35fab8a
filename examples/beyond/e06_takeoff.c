/* Beyond E6  Why the exponent seems to grow with depth: deep nets first sit on a plateau.
 *   cc -O2 -DCLB_STATIC -o takeoff examples/beyond/e06_takeoff.c -lm && ./takeoff          (4 min)
 * Setup   the nets of E6 (L = 2, 3, 4, 6, 8 matrices), ten eta, five seeds, T = 2000
 * Measure the drift by its exact law, eta^2 |S_l|, mean over l, which is good below the rounding of
 *         C; the drift when the loss first reaches 0.01; the loss after 200 and 2000 steps; S_l
 *         over sum_t |grad|^2 with its sign.
 * Test    exponents on eta up to 0.1; exponents at equal loss; does the take-off, the eta at which
 *         the mean loss has halved, move as 1/T? */
#define CLB_IMPLEMENTATION
#include "../../clb.h"
#include "../kit/kit.h"

enum { T = 2000, EARLY = 200, T_QUICK = 300, DEPTHS = 5, N = 10 };
static const double grid[N] = { 1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 0.1, 0.3, 0.5, 1 };
static const double depths[DEPTHS] = { 2, 3, 4, 6, 8 }, trained = 0.01;

/* ---- one run -------------------------------------------------------------------------------- */

typedef struct training {
    double   seed, L, lr;
    double   drift_exact, drift_trained, steps_trained, loss_early, final_loss, diverged;
    kit_list S_l_over_energy;
} training;
#define AT(member) KIT_AT(training, member)
static const kit_field training_fields[] = {
    KIT_KEY(training, seed), KIT_KEY(training, L), KIT_KEY(training, lr),
    KIT_RESULT(training, drift_exact), KIT_RESULT(training, drift_trained),
    KIT_RESULT(training, steps_trained), KIT_RESULT(training, loss_early),
    KIT_RESULT(training, final_loss), KIT_RESULT(training, diverged),
    KIT_RESULT_ARRAY(training, S_l_over_energy),
};

/* Mean over l of |C_l(t) - C_l(0)|. */
static double drift_at(const clb_trace *tr, size_t t)
{
    double sum = 0;
    for (size_t l = 1; l < tr->L; ++l)
        sum += fabs(clb_trace_charge(tr, l, t) - clb_trace_charge(tr, l, 0));
    return sum / (double)(tr->L - 1);
}

static clb_status train(kit *x, void *run)
{
    training *row = run;
    clb_train_opts how = { .ce = CLB_CE, .charge_max = 1e6 };
    double total = 0, share[8];
    size_t t = 0;
    clb_trace tr;
    clb_status status = paper_train(&(paper_opts){ .L = (size_t)row->L }, row->seed, row->lr,
                                    kit_quick(x) ? T_QUICK : T, &how, &tr);
    if (status) return status;
    row->diverged = tr.steps < tr.T;
    if (row->diverged == 0) {
        row->drift_exact = 0;
        for (size_t i = 0; i < tr.T * tr.L; ++i) total += tr.g[i];
        for (size_t l = 1; l < tr.L; ++l) {
            row->drift_exact += fabs(tr.predicted[l - 1]) / (double)(tr.L - 1);
            share[l - 1] = tr.S[l - 1] / total;
        }
        row->S_l_over_energy = kit_keep(x, tr.L - 1, share);
        while (t < tr.T && !(tr.loss[t] <= trained)) ++t;
        if (t < tr.T) row->drift_trained = drift_at(&tr, t), row->steps_trained = (double)t;
        row->loss_early = tr.loss[EARLY], row->final_loss = tr.loss[tr.T - 1];
    }
    clb_trace_free(&tr);
    return CLB_OK;
}

static const kit_part sweep = KIT_PART("sweep", "drift against eta and depth", training, train);

static void plan(kit *x)
{
    kit_list seeds = kit_seeds(x, 5), etas = kit_lrs(x, grid, N);
    for (size_t k = 0; k < (kit_quick(x) ? 3 : DEPTHS); ++k)
        for (size_t i = 0; i < etas.n; ++i)
            for (size_t s = 0; s < seeds.n; ++s)
                kit_add(x, &sweep, &(training){ .seed = seeds.at[s], .L = depths[k],
                                                .lr = etas.at[i] });
}

/* ---- what follows from the runs ------------------------------------------------------------- */

typedef struct depth { double stable, r2, equal_loss, below_noise, early, late; } depth;

static kit_rows runs_of(kit *x, double L)
{
    return kit_published(kit_where(kit_part_runs(x, &sweep), AT(L), L));
}

/* eta at which the mean of a loss crosses half of ln 5, interpolated in ln eta. */
static double takeoff(kit *x, double L, kit_list etas, kit_at loss)
{
    double half = 0.5 * clb_log(5.0), last = KIT_NAN;
    for (size_t i = 0; i < etas.n; ++i) {
        double mean = kit_mean(kit_where(runs_of(x, L), AT(lr), etas.at[i]), loss);
        if (mean < half && last >= half) {
            double a = clb_log(etas.at[i - 1]), b = clb_log(etas.at[i]);
            return clb_exp(a + (last - half) / (last - mean) * (b - a));
        }
        last = mean;
    }
    return KIT_NAN;
}

static depth measure(kit *x, double L, kit_list etas)
{
    kit_list low = { N - 3, grid };                                       /* eta up to 0.1 */
    clb_sweep exact = kit_sweep(runs_of(x, L), AT(drift_exact), AT(lr), etas);
    clb_sweep equal = kit_sweep(runs_of(x, L), AT(drift_trained), AT(lr), low);
    double *mean = kit_doubles(x, etas.n + N);
    size_t below = 0;
    clb_fit stable;
    depth d;
    while (below < etas.n && etas.at[below] <= 0.1) ++below;
    clb_sweep_means(&exact, NULL, 0, mean);
    stable = clb_fit_power(below, etas.at, mean, 0);
    equal.survivors = 1, d.equal_loss = clb_sweep_fit(&equal, mean).slope;
    d.stable = stable.slope, d.r2 = stable.r2, d.below_noise = 0;
    for (size_t k = 0; k < exact.seeds * exact.n; ++k) d.below_noise += exact.y[k] < 5e-5;
    d.early = takeoff(x, L, etas, AT(loss_early)), d.late = takeoff(x, L, etas, AT(final_loss));
    return d;
}

/* Signed S_l / sum |grad|^2 at eta = 0.01: the layers' shares have both signs. */
static void layers_line(kit *x, kit_table *t, double L)
{
    kit_rows rows = kit_where(kit_where(kit_part_runs(x, &sweep), AT(L), L), AT(lr), 0.01);
    double sum = 0, negative = 0, n = 0;
    for (size_t i = 0; i < rows.n; ++i) {
        kit_list share = ((training *)rows.at[i])->S_l_over_energy;
        n += (double)share.n;
        for (size_t l = 0; l < share.n; ++l)
            sum += fabs(share.at[l]), negative += share.at[l] < 0;
    }
    KIT_LINE(t, L, sum / n, negative / n);
}

static void claims(kit *x, const depth *d)
{
    double least = KIT_INF, equal = 0, equal_6 = 0, fixed = 0, fixed_6 = 0;
    kit_claim *c;
    for (size_t k = 0; k < DEPTHS; ++k) {
        int one = fabs(d[k].equal_loss - 1) <= 0.1, ten = fabs(d[k].early / d[k].late - 10) <= 1;
        equal += one, fixed += ten, equal_6 += one && k < 4, fixed_6 += ten && k > 0 && k < 4;
        if (k) {
            double step = d[k].stable - d[k - 1].stable;
            least = isnan(least) || isnan(step) ? KIT_NAN : fmin(least, step);
        }
        kit_summary(x, kit_print(x, "alpha_%gL_stable", depths[k]), d[k].stable);
    }
    c = kit_ours(x, "stable", "For eta up to 0.1 depth raises the exponent of the exact drift.");
    kit_statement(c, "least step from one depth to the next", least, kit_above(0));
    kit_remark(c, "It can pass 2 because deep nets first leave a plateau.");
    c = kit_ours(x, "equal_loss", "At equal loss the exponent does not depend on depth: it is 1.");
    kit_statement(c, "number of depths with exponent 1 to within 0.1", equal, kit_equal(5));
    kit_condition(c, "for up to 6 matrices", "number of depths", equal_6, kit_equal(4));
    kit_remark(c, "The drift when the loss first reaches 0.01, over the eta up to 0.1 that get "
                  "there; at 0.1 nets of 8 matrices are chaotic.");
    c = kit_ours(x, "takeoff", "The nets take off at a fixed time eta T.");
    kit_statement(c, "number of depths with eta(200 steps) / eta(2000 steps) = 10 to within 1",
                  fixed, kit_equal(5));
    kit_condition(c, "for 3 to 6 matrices", "number of depths", fixed_6, kit_equal(3));
    kit_remark(c, "So the exponent on a grid of eta counts how many of its points are still on the "
                  "plateau. Two matrices take off below the grid.");
}

static void figure(kit *x, const depth *d, kit_list etas)
{
    static const int colours[] = { PLOT_BLUE, PLOT_PURPLE, PLOT_GREEN, PLOT_ORANGE, PLOT_RED };
    double stable[DEPTHS], equal[DEPTHS];
    plot *p = kit_figure(x, "takeoff", 2, 1);
    plot_panel *a = plot_add(p, "Local slope of the exact drift", "learning rate eta",
                             "d ln drift / d ln eta", PLOT_LOGX);
    plot_panel *b = plot_add(p, "Exponent against depth", "weight matrices L", "alpha",
                             PLOT_LINEAR);
    for (size_t k = 0; k < DEPTHS; ++k) {
        double *mean = kit_doubles(x, etas.n), *slope = kit_doubles(x, etas.n);
        double *middle = kit_doubles(x, etas.n);
        stable[k] = d[k].stable, equal[k] = d[k].equal_loss;
        for (size_t i = 0; i < etas.n; ++i)
            mean[i] = kit_mean(kit_converged(kit_where(runs_of(x, depths[k]), AT(lr), etas.at[i])),
                               AT(drift_exact));
        clb_local_slopes(etas.n, etas.at, mean, slope);
        for (size_t i = 0; i + 1 < etas.n; ++i) middle[i] = clb_sqrt(etas.at[i] * etas.at[i + 1]);
        plot_line(a, colours[k], etas.n - 1, middle, slope, kit_print(x, "L = %g", depths[k]));
    }
    plot_range_y(a, -1, 7), plot_horizontal(a, 1, "trained nets: 1");
    plot_points(b, PLOT_BLUE, DEPTHS, depths, stable, "eta up to 0.1");
    plot_points(b, PLOT_GREEN | PLOT_DIAMOND, DEPTHS, depths, equal, "at equal loss");
    plot_caption(p, "The fitted exponent counts grid points on the plateau; at equal loss it is "
                    "1.");
}

static void report(kit *x)
{
    kit_list etas = kit_lrs(x, grid, N);
    depth d[DEPTHS];
    kit_table *t = KIT_TABLE(x, "exponents", "Exponent by depth: on eta up to 0.1, of the exact "
                             "drift; at equal loss 0.01", "L", "alpha_stable", "r2_stable",
                             "alpha_equal_loss", "runs_below_float32_noise");
    kit_table *off = KIT_TABLE(x, "take-off", "eta at which the mean loss has fallen by half, "
                               "after 200 and after 2000 steps: a ratio of 10 is a fixed eta T",
                               "L", "eta_T200", "eta_T2000", "ratio", "eta_T");
    kit_table *layers = KIT_TABLE(x, "layers", "Signed S_l over sum |grad|^2 at eta = 0.01: mean "
                                  "size over the layers, and the share that is negative", "L",
                                  "mean_abs_share", "negative");
    for (size_t k = 0; k < DEPTHS; ++k) {
        d[k] = measure(x, depths[k], etas);
        if (!runs_of(x, depths[k]).n) continue;
        KIT_LINE(t, depths[k], d[k].stable, d[k].r2, d[k].equal_loss, d[k].below_noise);
        KIT_LINE(off, depths[k], d[k].early, d[k].late, d[k].early / d[k].late, d[k].late * T);
        layers_line(x, layers, depths[k]);
    }
    claims(x, d);
    figure(x, d, etas);
}

static const kit_info info = { .id = "E06_takeoff", .title = "Plateau and take-off of deep nets",
    .statement = "beyond Theorem 4", .beyond = "E06", .plan = plan, .report = report };
KIT_MAIN(info)
