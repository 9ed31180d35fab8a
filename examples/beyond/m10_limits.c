/* M10, beyond the paper: four limits of the law across pathways, each with its constant.
 *   cc -O2 -DCLB_STATIC -o limits examples/beyond/m10_limits.c -lm && ./limits               (1 s)
 * M10's recursion and its leaf coordinates z_p = u_p^(2-L).
 * "depth 2": three pathways, 5000 steps: log(u_p/u_q) is conserved by discrete steps too, because
 *     the factor 1 - eta r is common to all pathways.
 * "crossover": 4000 steps from a residual of 1e-4 at the minimum s = (1.6, 0.4): it shrinks as
 *     (1 - eta lambda)^t, and the drift is one term of the sum over modes of the layers' law.
 * "critical": at eta lambda_min = 2 the variance V of z decays as 1/t: t V/z*^2 ->
 * (7L-2)/(12(L-1)). "stop": a little below, the run goes past eta lambda = 2 and stops at
 *     2 - eta lambda = 3(L-2)/(2(5L-4)) Delta, where Delta = 2 - eta lambda_min. */
#define CLB_IMPLEMENTATION
#include "../../clb.h"
#include "../kit/kit.h"
#include "../kit/pathways.h"

static const double depths[] = { 3, 5, 20 }, deltas[] = { .1, .01, .003 };
static const double eta_lambdas[] = { .1, .5, 1, 1.5, 1.9, 1.99 };

/* ---- depth 2 --------------------------------------------------------------------------------- */

typedef struct depth2 { double gamma, max_leaf_drift;  kit_list final_s; } depth2;
static const kit_field depth2_fields[] = {
    KIT_KEY(depth2, gamma), KIT_RESULT(depth2, max_leaf_drift), KIT_RESULT_ARRAY(depth2, final_s),
};

static clb_status run_depth2(kit *x, void *run)
{
    static const double alpha[3] = { .01, .005, .002 };
    depth2 *row = run;
    double eta = row->gamma / clb_path_single_sharpness(2, 1), first[2], worst = 0, s[3];
    clb_path_mode mode;
    clb_status status = path_start(&mode, 3, 2, 1, alpha);
    if (status) return status;
    for (size_t p = 0; p < 2; ++p) first[p] = clb_log(mode.u[p] / mode.u[p + 1]);
    for (int t = 0; t < 5000; ++t) {
        clb_path_mode_step(&mode, eta);
        for (size_t p = 0; p < 2; ++p)
            worst = fmax(worst, fabs(clb_log(mode.u[p] / mode.u[p + 1]) - first[p]));
    }
    for (size_t p = 0; p < 3; ++p) s[p] = clb_path_mode_signal(&mode, p);
    row->final_s = kit_keep(x, 3, s), row->max_leaf_drift = worst;
    clb_path_mode_free(&mode);
    return CLB_OK;
}

/* ---- near a minimum -------------------------------------------------------------------------- */

typedef struct crossover { double L, eta_lambda;  double r0, drift, pred; } crossover;
static const kit_field crossover_fields[] = {
    KIT_KEY(crossover, L), KIT_KEY(crossover, eta_lambda), KIT_RESULT(crossover, r0),
    KIT_RESULT(crossover, drift), KIT_RESULT(crossover, pred),
};

static clb_status run_crossover(kit *x, void *run)
{
    static const double s[2] = { 1.6, 0.4 };
    crossover *row = run;
    size_t L = (size_t)row->L;
    double u[2], lambda, eta, rate = row->eta_lambda, sum;
    clb_path_mode mode;
    clb_status status = path_start(&mode, 2, L, 2, s);
    (void)x;
    if (status) return status;
    lambda = clb_path_mode_sharpness(&mode), eta = rate / lambda;
    for (size_t p = 0; p < 2; ++p)
        u[p] = mode.u[p], mode.u[p] += 1e-4 * clb_powi(u[p], L - 1) / lambda;
    row->r0 = clb_path_mode_residual(&mode), row->drift = -path_leaf_gap(&mode);
    for (int t = 0; t < 4000; ++t) clb_path_mode_step(&mode, eta);
    row->drift += path_leaf_gap(&mode);
    /* the sum of r^2 over the steps */
    sum = row->r0 * row->r0 * (1 - clb_powi(1 - rate, 8000)) / (rate * (2 - rate));
    row->pred = (row->L - 1) * (row->L - 2) / 2 * eta * eta * sum
                * (clb_powi(u[1], L - 2) - clb_powi(u[0], L - 2));
    clb_path_mode_free(&mode);
    return CLB_OK;
}

/* ---- at and a little below the critical step ------------------------------------------------- */

/* The leaf z* + zeta around equal shares, where the total is s*, then u times 1.001. */
static clb_status leaf_start(clb_path_mode *mode, size_t P, size_t L, double target,
                             const double *zeta)
{
    double alpha[PATH_MOST], sum = 0, l = (double)L, z = clb_pow(target / (double)P, (2 - l) / l);
    for (size_t p = 0; p < P; ++p) sum += alpha[p] = clb_pow(z + zeta[p], -l / (l - 2));
    for (size_t p = 0; p < P; ++p) alpha[p] *= target / sum * clb_powi(1.001, L);
    return path_start(mode, P, L, target, alpha);
}

typedef struct critical { double L, P, pred;  kit_list t_varz_over_zstar2; } critical;
static const kit_field critical_fields[] = {
    KIT_KEY(critical, L), KIT_KEY(critical, P), KIT_RESULT(critical, pred),
    KIT_RESULT_ARRAY(critical, t_varz_over_zstar2),
};

static clb_status run_critical(kit *x, void *run)
{
    static const double at[3] = { 2e3, 2e4, 2e5 };
    critical *row = run;
    size_t L = (size_t)row->L, P = (size_t)row->P;
    double z = clb_pow(2.0 / row->P, (2 - row->L) / row->L), zeta[PATH_MOST], norm = 0, law[3];
    double eta = 2 / clb_path_balanced_sharpness(P, L, 2);
    clb_path_mode mode;
    clb_status status;
    for (size_t p = 0; p < P; ++p)
        zeta[p] = (double)p - 0.5 * (row->P - 1), norm += zeta[p] * zeta[p];
    for (size_t p = 0; p < P; ++p) zeta[p] *= 0.3 * z / clb_sqrt(norm);
    if ((status = leaf_start(&mode, P, L, 2, zeta)) != CLB_OK) return status;
    for (size_t k = 0, t = 0; k < 3; ++k) {
        for (; (double)t < at[k]; ++t) clb_path_mode_step(&mode, eta);
        law[k] = at[k] * clb_path_mode_variance(&mode) / (z * z);
    }
    row->t_varz_over_zstar2 = kit_keep(x, 3, law), row->pred = clb_path_critical_constant(L);
    clb_path_mode_free(&mode);
    return CLB_OK;
}

typedef struct stop { double L, Delta;  double eta_lambda, ratio, pred_ratio; } stop;
static const kit_field stop_fields[] = {
    KIT_KEY(stop, L), KIT_KEY(stop, Delta), KIT_RESULT(stop, eta_lambda), KIT_RESULT(stop, ratio),
    KIT_RESULT(stop, pred_ratio),
};

/* Starts twice as far out as where the sharpness of the leaf is 2/eta. */
static clb_status run_stop(kit *x, void *run)
{
    stop *row = run;
    size_t L = (size_t)row->L;
    double least = clb_path_balanced_sharpness(2, L, 1), eta = (2 - row->Delta) / least, zeta[2];
    clb_path_mode mode;
    clb_status status;
    double far;
    (void)x;
    far = clb_sqrt(4 * row->Delta / (eta * 0.5 * (clb_path_leaf_sharpness(2, L, 1, 1) - least)));
    zeta[0] = -far / clb_sqrt(2.0), zeta[1] = far / clb_sqrt(2.0);
    if ((status = leaf_start(&mode, 2, L, 1, zeta)) != CLB_OK) return status;
    for (long t = 0; (double)t < 400 / row->Delta; ++t) clb_path_mode_step(&mode, eta);
    row->eta_lambda = eta * clb_path_mode_sharpness(&mode);
    row->ratio = (2 - row->eta_lambda) / row->Delta, row->pred_ratio = clb_path_stop_offset(L);
    clb_path_mode_free(&mode);
    return CLB_OK;
}

static const kit_part depths2 = KIT_PART("depth 2", "depth 2: an exact law", depth2, run_depth2);
static const kit_part crossovers =
    KIT_PART("crossover", "drift near a minimum", crossover, run_crossover);
static const kit_part criticals = KIT_PART("critical", "V at the critical step", critical,
                                           run_critical);
static const kit_part stops = KIT_PART("stop", "where a run stops", stop, run_stop);

static void plan(kit *x)
{
    kit_add(x, &depths2, &(depth2){ .gamma = 0.5 });
    kit_add(x, &depths2, &(depth2){ .gamma = 1.9 });
    for (size_t i = 0; i < KIT_LEN(depths); ++i) {
        for (size_t k = 0; i > 0 && k < KIT_LEN(eta_lambdas); ++k)
            kit_add(x, &crossovers, &(crossover){ .L = depths[i], .eta_lambda = eta_lambdas[k] });
        for (int P = 2; P <= 4; P += 2)
            kit_add(x, &criticals, &(critical){ .L = depths[i], .P = P });
        for (size_t k = 0; k < KIT_LEN(deltas); ++k)
            kit_add(x, &stops, &(stop){ .L = depths[i], .Delta = deltas[k] });
    }
}

/* ---- what follows from the runs -------------------------------------------------------------- */

static void tables(kit *x, kit_rows a, kit_rows d, kit_rows f, kit_rows g)
{
    kit_table *t;
    KIT_RUN_TABLE(a, "depth 2", "L = 2: largest drift of log(u_p/u_q) in 5000 steps",
                  KIT_AT(depth2, gamma), KIT_AT(depth2, max_leaf_drift));
    KIT_RUN_TABLE(d, "crossover", "Drift near a minimum against one term of the sum over modes",
                  KIT_AT(crossover, L), KIT_AT(crossover, eta_lambda), KIT_AT(crossover, drift),
                  KIT_AT(crossover, pred));
    t = KIT_TABLE(x, "critical", "t V/z*^2 at the critical step, and its limit (7L-2)/(12(L-1))",
                  "L", "P", "t=2e3", "t=2e4", "t=2e5", "limit");
    for (size_t i = 0; i < f.n; ++i) {
        const critical *r = f.at[i];
        const double *v = r->t_varz_over_zstar2.at;
        KIT_LINE(t, r->L, r->P, v[0], v[1], v[2], r->pred);
    }
    KIT_RUN_TABLE(g, "stop", "(2 - eta lambda) / Delta where the run stops", KIT_AT(stop, L),
                  KIT_AT(stop, Delta), KIT_AT(stop, eta_lambda), KIT_AT(stop, ratio),
                  KIT_AT(stop, pred_ratio));
}

/* Largest |value/law - 1|; NaN: no value. */
static double worst(kit_list value, kit_list law)
{
    double off = KIT_NAN;
    for (size_t k = 0; k < value.n; ++k) off = kit_worse(off, fabs(value.at[k] / law.at[k] - 1));
    return off;
}

static void claims(kit *x, kit_rows a, kit_rows d, kit_rows f, kit_rows g)
{
    kit_rows last = kit_where(g, KIT_AT(stop, Delta), deltas[2]);
    kit_claim *c = kit_ours(x, "depth_2",
                            "At depth 2 discrete steps conserve the ratios of the pathways "
                            "exactly, not only the flow.");
    kit_statement(c, "largest drift of log(u_p/u_q)", kit_worst(a, KIT_AT(depth2, max_leaf_drift)),
                  kit_at_most(1e-13));
    kit_remark(c, "The factor 1 - eta r is common to all pathways.");
    kit_identity(x, "crossover", "Near a minimum the drift is one term of the sum over modes.",
                 "largest relative error",
                 worst(kit_values(d, KIT_AT(crossover, drift)),
                       kit_values(d, KIT_AT(crossover, pred))),
                 kit_below(1e-3));
    kit_identity(x, "critical", "At the critical step t V/z*^2 tends to (7L-2)/(12(L-1)).",
                 "largest relative distance at t = 2e5",
                 worst(kit_elements(f, KIT_AT(critical, t_varz_over_zstar2), 2),
                       kit_values(f, KIT_AT(critical, pred))), kit_below(0.02));
    kit_identity(x, "stop",
                 "Below the critical step the run stops at 2 - eta lambda = "
                 "3(L-2)/(2(5L-4)) Delta.",
                 "largest relative distance at Delta = 0.003",
                 worst(kit_values(last, KIT_AT(stop, ratio)),
                       kit_values(last, KIT_AT(stop, pred_ratio))),
                 kit_below(0.04));
}

static void figure(kit *x, kit_rows d)
{
    plot *p = kit_figure(x, "crossover", 1, 1);
    plot_panel *a = plot_add(p, "Spectral crossover of the law across pathways", "eta lambda",
                             "|drift of z_2 - z_1|", PLOT_LOGY);
    for (int i = 1; i < 3; ++i) {
        kit_rows rows = kit_where(d, KIT_AT(crossover, L), depths[i]);
        kit_list at = kit_values(rows, KIT_AT(crossover, eta_lambda));
        double *v = kit_doubles(x, rows.n), *law = kit_doubles(x, rows.n);
        for (size_t k = 0; k < rows.n; ++k) {
            const crossover *r = rows.at[k];
            v[k] = fabs(r->drift), law[k] = fabs(r->pred);
        }
        plot_points(a, i, at.n, at.at, v, kit_print(x, "L = %.0f", depths[i]));
        plot_line(a, i | PLOT_THIN, at.n, at.at, law,
                  i == 1 ? "one term of the sum over modes" : NULL);
    }
    plot_caption(p, "Near a minimum the drift follows one term of the sum over modes, with its "
                    "pole at 2.");
}

static void report(kit *x)
{
    kit_rows a = kit_part_runs(x, &depths2), d = kit_part_runs(x, &crossovers);
    kit_rows f = kit_part_runs(x, &criticals), g = kit_part_runs(x, &stops);
    tables(x, a, d, f, g);
    claims(x, a, d, f, g);
    figure(x, d);
}

static const kit_info info = {
    .id = "M10_limits", .title = "Limits of the law across pathways",
    .statement = "beyond conservation laws", .beyond = "M10", .plan = plan, .report = report,
};
KIT_MAIN(info)
