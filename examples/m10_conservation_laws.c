/* M10  Conservation laws across pathways, and how discrete steps break them.                   @S23
 *   cc -O2 -DCLB_STATIC -o m10 examples/m10_conservation_laws.c -lm && ./m10                 (1 s)
 * Setup   one mode of P = 2 pathways of depth L = 3, 5, 20 towards s* = 2, u_p <- u_p - eta r
 *         u_p^(L-1) with r = sum_p u_p^L - s*, from u_p^L = 0.01 and 0.005. gamma is eta in units
 *         of 1/S, the sharpness of a single pathway. Leaf coordinates z_p = u_p^(2-L), V their
 *         variance. "drift": until |r| < 1e-13, nine gamma. "variance": 20000 steps. "cycle": from
 *         equal shares with eta lambda = 2 + eps, just beyond the edge of stability, 100000 steps.
 * Measure relative change of z_2 - z_1; V at the end over V at the start, and the steps in which V
 *         rises; the factor m by which two steps of the cycle contract z_2 - z_1.
 * Fit     slope of ln |change| on ln gamma up to 0.1.
 * Paper   gradient flow conserves z_2 - z_1; V only decreases; two steps contract by 1 - 2 kappa^2
 *         r^2 with kappa = (L-1) eta u^(L-2).
 * Beyond  beyond/m10_limits.c: L = 2, the spectral crossover, the critical step, where runs stop.
 *         beyond/m10_layers.c: these laws and the laws between layers on the same full matrices. */
#define CLB_IMPLEMENTATION
#include "../clb.h"
#include "kit/kit.h"
#include "kit/pathways.h"

static const double depths[] = { 3, 5, 20 }, alpha[] = { .01, .005 };
static const double gammas[] = { .01, .02, .05, .1, .2, .5, 1, 1.5, 1.9 },
                    epsilons[] = { .001, .01, .05 };
static const struct { double L, gamma; } decays[] = {
    { 3, 1 }, { 3, 1.9 }, { 3, 2.3 }, { 3, 2.5 }, { 5, 1 }, { 5, 1.9 }, { 5, 2.5 }, { 5, 3 },
    { 20, 1 }, { 20, 1.9 }, { 20, 2.5 }, { 20, 3 }, { 20, 3.7 },
};

/* ---- drift of z_2 - z_1 ---------------------------------------------------------------------- */

typedef struct drift { double L, gamma;  double d0, rel_drift, pred_second_order; } drift;
static const kit_field drift_fields[] = {
    KIT_KEY(drift, L), KIT_KEY(drift, gamma), KIT_RESULT(drift, d0), KIT_RESULT(drift, rel_drift),
    KIT_RESULT(drift, pred_second_order),
};

/* Second order: (L-1)(L-2)/2 eta^2 r^2 (u_2^(L-2) - u_1^(L-2)), summed over the steps. */
static clb_status run_drift(kit *x, void *run)
{
    drift *row = run;
    size_t L = (size_t)row->L;
    double eta = row->gamma / clb_path_single_sharpness(L, 2), second = 0, r = 1;
    clb_path_mode mode;
    clb_status status = path_start(&mode, 2, L, 2, alpha);
    (void)x;
    if (status) return status;
    row->d0 = path_leaf_gap(&mode);
    for (long t = 0; t < 400000 && fabs(r) >= 1e-13; ++t) {
        second += (row->L - 2) * clb_path_leaf_drift(&mode, eta, 1, 0);
        r = clb_path_mode_step(&mode, eta);
    }
    row->rel_drift = (path_leaf_gap(&mode) - row->d0) / row->d0;
    row->pred_second_order = second / row->d0;
    clb_path_mode_free(&mode);
    return CLB_OK;
}

/* ---- the variance ---------------------------------------------------------------------------- */

typedef struct variance {
    double L, gamma;
    double V0, VT, ratio, steps_violating_strong_safety, var_increase_steps;
} variance;
static const kit_field variance_fields[] = {
    KIT_KEY(variance, L), KIT_KEY(variance, gamma), KIT_RESULT(variance, V0),
    KIT_RESULT(variance, VT), KIT_RESULT(variance, ratio),
    KIT_RESULT(variance, steps_violating_strong_safety), KIT_RESULT(variance, var_increase_steps),
};

static clb_status run_variance(kit *x, void *run)
{
    variance *row = run;
    size_t L = (size_t)row->L;
    clb_path_mode_opts opts = { .laws = 1 };
    clb_path_mode mode;
    clb_path_mode_run end;
    clb_status status = path_start(&mode, 2, L, 2, alpha);
    (void)x;
    if (status) return status;
    row->V0 = clb_path_mode_variance(&mode);
    status = clb_path_mode_train(&mode, row->gamma / clb_path_single_sharpness(L, 2), 20000, &opts,
                                 &end);
    row->VT = clb_path_mode_variance(&mode), row->ratio = row->VT / row->V0;
    row->steps_violating_strong_safety = (double)end.unsafe;
    row->var_increase_steps = (double)end.rises;
    clb_path_mode_free(&mode);
    return status;
}

/* ---- two steps of a balanced two-cycle ------------------------------------------------------- */

typedef struct cycle {
    double L, eps;
    double cycle_lo, cycle_hi, one_minus_m, pred_one_minus_m, x2, pred_x2, frozen_estimate;
} cycle;
static const kit_field cycle_fields[] = {
    KIT_KEY(cycle, L), KIT_KEY(cycle, eps), KIT_RESULT(cycle, cycle_lo),
    KIT_RESULT(cycle, cycle_hi), KIT_RESULT(cycle, one_minus_m),
    KIT_RESULT(cycle, pred_one_minus_m), KIT_RESULT(cycle, x2), KIT_RESULT(cycle, pred_x2),
    KIT_RESULT(cycle, frozen_estimate),
};

/* x = eta r u*^(L-2), where u* = 1. frozen: the paper's constant at the x measured; pred: the
 * normal form of the two-cycle at eps. */
static clb_status run_cycle(kit *x, void *run)
{
    static const double start[2] = { 1.02, 1.02 };
    cycle *row = run;
    size_t L = (size_t)row->L;
    double eta = (2 + row->eps) / clb_path_balanced_sharpness(2, L, 2), m = 1, x2 = 0, u[2];
    clb_path_cycle law;
    clb_path_mode mode;
    clb_status status = clb_path_cycle_predict(2, L, 2, row->eps, &law);
    (void)x;
    if (!status) status = path_start(&mode, 2, L, 2, start);
    if (status) return status;
    for (int t = 0; t < 100000; ++t) clb_path_mode_step(&mode, eta);
    for (int t = 0; t < 2; ++t) {
        double step;
        u[t] = mode.u[0], step = eta * clb_path_mode_step(&mode, eta);
        m *= clb_path_leaf_slope(L, step * clb_powi(u[t], L - 2)), x2 += 0.5 * step * step;
    }
    row->cycle_lo = fmin(u[0], u[1]), row->cycle_hi = fmax(u[0], u[1]);
    row->one_minus_m = 1 - m, row->pred_one_minus_m = law.decay;
    row->x2 = x2, row->pred_x2 = law.x2;
    row->frozen_estimate = 1 - clb_path_two_step_frozen(L, clb_sqrt(x2));
    clb_path_mode_free(&mode);
    return CLB_OK;
}

static const kit_part drifts = KIT_PART("drift", "drift of z_2 - z_1", drift, run_drift);
static const kit_part variances = KIT_PART("variance", "V after 20000 steps", variance,
                                           run_variance);
static const kit_part cycles = KIT_PART("cycle", "two steps of a two-cycle", cycle, run_cycle);

static void plan(kit *x)
{
    for (size_t i = 0; i < KIT_LEN(depths); ++i)
        for (size_t k = 0; k < KIT_LEN(gammas); ++k)
            kit_add(x, &drifts, &(drift){ .L = depths[i], .gamma = gammas[k] });
    for (size_t k = 0; k < KIT_LEN(decays); ++k)
        kit_add(x, &variances, &(variance){ .L = decays[k].L, .gamma = decays[k].gamma });
    for (size_t i = 0; i < KIT_LEN(depths); ++i)
        for (size_t k = 0; k < KIT_LEN(epsilons); ++k)
            kit_add(x, &cycles, &(cycle){ .L = depths[i], .eps = epsilons[k] });
}

/* ---- what follows from the runs -------------------------------------------------------------- */

static void tables(kit *x)
{
    KIT_RUN_TABLE(kit_part_runs(x, &drifts), "drift",
                  "Relative change of z_2 - z_1, and the sum of its second-order drift",
                  KIT_AT(drift, L), KIT_AT(drift, gamma), KIT_AT(drift, rel_drift),
                  KIT_AT(drift, pred_second_order));
    KIT_RUN_TABLE(kit_part_runs(x, &variances), "variance",
                  "V after 20000 steps over V at the start", KIT_AT(variance, L),
                  KIT_AT(variance, gamma), KIT_AT(variance, ratio),
                  KIT_AT(variance, steps_violating_strong_safety),
                  KIT_AT(variance, var_increase_steps));
    KIT_RUN_TABLE(kit_part_runs(x, &cycles), "cycle",
                  "Balanced two-cycle: contraction of two steps, measured, corrected, frozen",
                  KIT_AT(cycle, L), KIT_AT(cycle, eps), KIT_AT(cycle, one_minus_m),
                  KIT_AT(cycle, pred_one_minus_m), KIT_AT(cycle, frozen_estimate),
                  KIT_AT(cycle, x2), KIT_AT(cycle, pred_x2));
}

/* Slope of ln |drift| on ln gamma, up to the largest gamma. */
static double slope(kit *x, double L, double largest)
{
    kit_rows rows = kit_between(kit_where(kit_part_runs(x, &drifts), KIT_AT(drift, L), L),
                                KIT_AT(drift, gamma), 0, largest);
    kit_list at = kit_values(rows, KIT_AT(drift, gamma)),
             v = kit_values(rows, KIT_AT(drift, rel_drift));
    double size[KIT_LEN(gammas)];
    for (size_t k = 0; k < v.n; ++k) size[k] = fabs(v.at[k]);
    return clb_fit_power(v.n, at.at, size, 0).slope;
}

static void claims(kit *x)
{
    kit_rows least = kit_where(kit_part_runs(x, &cycles), KIT_AT(cycle, eps), epsilons[0]);
    kit_table *t = KIT_TABLE(x, "slopes", "Slope of the drift against gamma", "L", "to 0.1",
                             "to 1.9");
    double off = KIT_NAN, frozen = KIT_NAN, corrected = KIT_NAN;
    kit_claim *c;
    for (size_t i = 0; i < KIT_LEN(depths); ++i) {
        double low = slope(x, depths[i], 0.1);
        KIT_LINE(t, depths[i], low, slope(x, depths[i], 1.9)), off = kit_worse(off, fabs(low - 1));
        kit_summary(x, kit_print(x, "slope of leaf drift L = %.0f", depths[i]), low);
    }
    for (size_t k = 0; k < least.n; ++k) {
        const cycle *r = least.at[k];
        frozen = kit_worse(frozen, r->frozen_estimate / r->one_minus_m);
        corrected = kit_worse(corrected, fabs(100 * (r->pred_one_minus_m / r->one_minus_m - 1)));
    }
    c = kit_paper(x, "conserved",
                  "Gradient flow conserves the differences of the leaf coordinates of the "
                  "pathways; discrete steps change them in proportion to the step size.",
                  "conservation law");
    kit_statement(c, "largest distance of the slopes from 1 up to gamma = 0.1", off,
                  kit_below(0.01));
    kit_remark(c, "A step changes a law of the flow by eta^2, a whole run, of 1/eta steps, by "
                  "eta.");
    c = kit_paper(x, "variance", "No step increases the variance of the leaf coordinates.",
                  "V decreasing");
    kit_statement(c, "most steps of a run in which it rises",
                  kit_worst(kit_part_runs(x, &variances), KIT_AT(variance, var_increase_steps)),
                  kit_equal(0));
    c = kit_paper(x, "two_steps",
                  "Beyond the edge of stability two steps contract the difference of the leaf "
                  "coordinates by 1 - 2 kappa^2 r^2.",
                  "2 kappa^2 r^2");
    kit_statement(c, "largest ratio of this contraction to the one measured at eps = 0.001", frozen,
                  kit_within(1, 0.1));
    kit_condition(c, "with 3(L-2)/(5L-4) eps in place of 2 kappa^2 r^2",
                  "largest error of the contraction at eps = 0.001", corrected,
                  kit_in_units(kit_below(1), "%"));
    kit_remark(c, "The paper freezes kappa and lambda; on a real two-cycle both vary at order r.");
}

static void figure(kit *x)
{
    plot *p = kit_figure(x, "laws", 2, 1);
    plot_panel *a = plot_add(p, "Drift of the law against the step", "gamma",
                             "|relative change of z_2 - z_1|", PLOT_LOG);
    plot_panel *b = plot_add(p, "Two steps of a balanced two-cycle", "epsilon = eta lambda_min - 2",
                             "1 - m", PLOT_LOG);
    for (int i = 0; i < 3; ++i) {
        const char *name = kit_print(x, "L = %.0f", depths[i]);
        kit_rows d = kit_where(kit_part_runs(x, &drifts), KIT_AT(drift, L), depths[i]);
        kit_rows e = kit_where(kit_part_runs(x, &cycles), KIT_AT(cycle, L), depths[i]);
        kit_list at = kit_values(d, KIT_AT(drift, gamma)),
                 v = kit_values(d, KIT_AT(drift, rel_drift));
        double *size = kit_doubles(x, v.n);
        for (size_t k = 0; k < v.n; ++k) size[k] = fabs(v.at[k]);
        plot_points(a, i, at.n, at.at, size, name);
        plot_rows_points(b, i, e, KIT_AT(cycle, eps), KIT_AT(cycle, one_minus_m), name);
        plot_rows_line(b, i, e, KIT_AT(cycle, eps), KIT_AT(cycle, pred_one_minus_m), NULL);
        plot_rows_line(b, i | PLOT_DOTTED, e, KIT_AT(cycle, eps), KIT_AT(cycle, frozen_estimate),
                       i == 0 ? "frozen constant" : NULL);
    }
    plot_slope(a, 0.01, 1, 2e-4, 1, "slope 1");
    plot_caption(p, "The laws of the flow drift in proportion to the step; two steps contract as "
                    "the corrected constant says, not the frozen one.");
}

static void report(kit *x)
{
    tables(x);
    claims(x);
    figure(x);
}

static const kit_info info = {
    .id = "M10", .title = "Conservation laws across pathways", .statement = "conservation laws",
    .key_result = "leaf differences conserved, V decreasing", .plan = plan, .report = report,
};
KIT_MAIN(info)
