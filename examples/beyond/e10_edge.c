/* Beyond E10  alpha along e at equal distance to the edge of stability.
 *   cc -O2 -DCLB_STATIC -o edge examples/beyond/e10_edge.c -lm && ./edge                   (60 s)
 * The activations s_e of E10, six values of e, five seeds, eta = 2 f / lambda_max(0) of the run
 * itself.
 * "grid"      f from 0.005 to 0.9, where training is stable: alpha(e) with its band over seeds.
 * "catapult"  f from 1 to 1.8, beyond the edge (f = 1), three seeds: how much of the drift the
 *             first steps make.
 * "theory"    eta = 0.01, three e, one seed: S against that of a run whose gates are frozen at
 *             theta_0 and against the network linearised there; mode coupling of the Hessian. */
#define CLB_IMPLEMENTATION
#include "../../clb.h"
#include "../kit/kit.h"

enum {
    N = 6,
    SEEDS = 5,
    FEW = 3,
    FS = 7,
    BELOW = 5,
    CATAPULTS = 4,
    STEPS = 3
}; /* fs[0..4] <= 0.3 */
static const double fs[FS] = { 0.005, 0.01, 0.03, 0.1, 0.3, 0.6, 0.9 };
static const double catapult_fs[CATAPULTS] = { 1, 1.2, 1.5, 1.8 };
static const double steps[STEPS] = { 0, 0.5, 1 };

static sw_case case_of(const char *set, size_t k)
{
    return (sw_case){ .set = set, .act = (double)k / (N - 1), .loss = CLB_MSE, .width = 64 };
}

/* ---- what the gates and the curvature at the start explain ----------------------------------- */

typedef struct theory {
    double seed, e, lr, T;
    double S, gate_share, linearised_error, M_0, M_T_hessian, M_T_gauss_newton;
} theory;
#define AT(member) KIT_AT(theory, member)
static const kit_field theory_fields[] = {
    KIT_KEY(theory, seed), KIT_KEY(theory, e), KIT_KEY(theory, lr), KIT_KEY(theory, T),
    KIT_RESULT(theory, S), KIT_RESULT(theory, gate_share), KIT_RESULT(theory, linearised_error),
    KIT_RESULT(theory, M_0), KIT_RESULT(theory, M_T_hessian), KIT_RESULT(theory, M_T_gauss_newton),
};

/* Mode coupling in the basis of the Hessian, over one step (all modes) and over T (the positive
 * ones), and in the basis of its Gauss-Newton part. */
static clb_status couple(theory *row, clb_curv *curv)
{
    size_t P = curv->pass->net->P, T = (size_t)row->T;
    clb_real *H = malloc(2 * P * P * sizeof *H);
    double *values = malloc(P * sizeof *values);
    clb_spectrum sp = CLB_ZERO;
    clb_status status = H && values ? clb_hessian(curv, H, P) : CLB_ENOMEM;
    if (!status) status = clb_eigh(P, H, P, values, H + P * P);
    if (!status) status = clb_spectrum_init(&sp, curv->pass->net, 1, values, H + P * P, curv->grad);
    if (!status) {
        row->M_0 = clb_spectrum_sum(&sp, row->lr, 1, CLB_MODES_ALL).coupling;
        row->M_T_hessian = clb_spectrum_sum(&sp, row->lr, T, CLB_MODES_POSITIVE).coupling;
        clb_spectrum_free(&sp);
        status = clb_spectrum_init_ntk(&sp, curv, 1);
    }
    if (!status)
        row->M_T_gauss_newton = clb_spectrum_sum(&sp, row->lr, T, CLB_MODES_CLAMPED).coupling;
    clb_spectrum_free(&sp);
    free(values), free(H);
    return status;
}

/* |S| of the training, with gates live or frozen at theta_0. */
static clb_status train(const sw_run *run, int frozen, double *S)
{
    clb_trace trace;
    clb_status status = sw_train(run, run->lr, frozen, &trace);
    if (status) return status;
    *S = fabs(trace.S[0]);
    clb_trace_free(&trace);
    return CLB_OK;
}

static clb_status run_theory(kit *x, void *run)
{
    theory *row = run;
    sw_run training = {
        .seed = row->seed, .act = row->e, .loss = CLB_MSE, .width = 64, .T = row->T, .lr = row->lr
    };
    paper_opts opts = sw_opts(&training);
    sw_start start;
    double frozen, linear;
    clb_status status = train(&training, 0, &row->S);
    (void)x;
    if (!status) status = train(&training, 1, &frozen);
    if (status) return status;
    row->gate_share = row->S / frozen - 1;
    status = sw_start_init(&start, &opts, row->seed, CLB_MSE);
    if (!status) status = clb_linearised(&start.curv, row->lr, (size_t)row->T, NULL, &linear);
    if (!status)
        row->linearised_error = fabs(linear) / row->S - 1, status = couple(row, &start.curv);
    sw_start_free(&start);
    return status;
}

static const kit_part theory_part =
    KIT_PART("theory", "Gates and curvature at the start", theory, run_theory);

static void plan(kit *x)
{
    kit_list one = kit_seeds(x, 1), many = kit_seeds(x, kit_quick(x) ? 1 : SEEDS);
    kit_list few = kit_seeds(x, kit_quick(x) ? 1 : FEW);
    kit_config(x, "n_steps", kit_quick(x) ? SW_T_QUICK : SW_T);
    for (size_t k = 0; k < N; k += kit_quick(x) ? N - 1 : 1) {
        sw_case grid = case_of("grid", k), catapult = case_of("catapult", k);
        sw_plan_f(x, &grid, many, KIT_LIST(fs));
        sw_plan_f(x, &catapult, few, KIT_LIST(catapult_fs));
    }
    for (size_t k = 0; k < STEPS && !kit_quick(x); ++k)
        for (size_t s = 0; s < one.n; ++s)
            kit_add(x, &theory_part,
                    &(theory){ .seed = one.at[s], .e = steps[k], .lr = 0.01, .T = SW_T });
}

/* ---- what follows from the runs -------------------------------------------------------------- */

typedef struct found { double e[N], alpha[N], lo[N], hi[N], variation, band; } found;

static void grid_table(kit *x, found *v)
{
    kit_list below = { BELOW, fs };
    kit_table *t = KIT_TABLE(x, "grid",
                             "Exponent at equal f = eta lambda_max(0)/2 <= 0.3 and <= 0.9, 95 % "
                             "bootstrap over seeds",
                             "e", "alpha", "lo", "hi", "alpha_f<=0.9");
    v->variation = v->band = 0;
    for (size_t k = 0; k < N; ++k) {
        sw_case c = case_of("grid", k);
        clb_sweep y = sw_curve(x, &c, SW_AT(f), below);
        clb_interval ci = { .value = KIT_NAN, .lo = KIT_NAN, .hi = KIT_NAN };
        if (y.seeds && clb_bootstrap_sweep(&y, NULL, &ci, NULL)) ci.value = ci.lo = ci.hi = KIT_NAN;
        v->e[k] = c.act, v->alpha[k] = ci.value, v->lo[k] = ci.lo, v->hi[k] = ci.hi;
        KIT_LINE(t, c.act, ci.value, ci.lo, ci.hi, sw_alpha(x, &c, SW_AT(f), KIT_LIST(fs)).slope);
        v->band += (ci.hi - ci.lo) / N;
        if (k) v->variation += fabs(v->alpha[k] - v->alpha[k - 1]);
    }
}

static void catapult_table(kit *x)
{
    kit_table *t = KIT_TABLE(x, "catapult",
                             "Beyond the edge: mean drift of the surviving seeds, share made in "
                             "the first 10 steps",
                             "e", "drift_f=1", "early_f=1", "diverged_f=1", "drift_f=1.2",
                             "early_f=1.2", "diverged_f=1.2", "drift_f=1.5", "early_f=1.5",
                             "diverged_f=1.5", "drift_f=1.8", "early_f=1.8", "diverged_f=1.8");
    for (size_t k = 0; k < N; ++k) {
        sw_case c = case_of("catapult", k);
        KIT_CELLS(t, c.act);
        for (size_t i = 0; i < CATAPULTS; ++i) {
            kit_rows all = kit_where(sw_runs(x, &c), SW_AT(f), catapult_fs[i]),
                     rows = kit_converged(all);
            double drift = kit_mean(rows, SW_AT(drift));
            KIT_CELLS(t, drift, kit_mean(rows, SW_AT(early_drift)) / drift,
                      (double)kit_diverged(all));
        }
    }
}

static void theory_table(kit *x)
{
    kit_table *t =
        KIT_TABLE(x, "theory",
                  "eta = 0.01, one seed: S/S(frozen gates) - 1, error of the linearised network, "
                  "mode coupling of the Hessian (one step; T steps) and of its Gauss-Newton part",
                  "e", "gate_share", "linearised_error", "M_0", "M_T_hessian", "M_T_gauss_newton");
    for (size_t k = 0; k < STEPS; ++k) {
        kit_rows r = kit_where(kit_part_runs(x, &theory_part), AT(e), steps[k]);
        KIT_LINE(t, steps[k], kit_mean(r, AT(gate_share)), kit_mean(r, AT(linearised_error)),
                 kit_mean(r, AT(M_0)), kit_mean(r, AT(M_T_hessian)),
                 kit_mean(r, AT(M_T_gauss_newton)));
    }
}

/* Least share of the drift that the first 10 steps make, over e, at f = 1.8. */
static double least_early_share(kit *x)
{
    double least = KIT_INF;
    for (size_t k = 0; k < N; ++k) {
        sw_case c = case_of("catapult", k);
        kit_rows rows =
            kit_converged(kit_where(sw_runs(x, &c), SW_AT(f), catapult_fs[CATAPULTS - 1]));
        if (rows.n)
            least = fmin(least, kit_mean(rows, SW_AT(early_drift)) / kit_mean(rows, SW_AT(drift)));
    }
    return least < KIT_INF ? least : KIT_NAN;
}

static void claims(kit *x, const found *v)
{
    double rise = v->alpha[N - 1] - v->alpha[0], step = KIT_NAN;
    kit_claim *c = kit_ours(x, "flat",
                            "At equal distance to the edge alpha depends little on the "
                            "activation.");
    for (size_t k = 1; k < N; ++k) step = kit_worse(step, fabs(v->alpha[k] - v->alpha[k - 1]));
    kit_statement(c, "alpha(1) - alpha(0) for f <= 0.3", rise, kit_within(0, 0.1));
    kit_statement(c, "largest step between neighbours of the six values of e", step,
                  kit_below(0.05));
    kit_show(c, "sum of all steps", v->variation),
        kit_show(c, "mean width of the 95 % band over seeds", v->band);
    c = kit_ours(x, "catapult", "Beyond the edge most of the drift is made at once, whatever e.");
    kit_statement(c, "least share of the first 10 of 2000 steps, f = 1.8",
                  100 * least_early_share(x), kit_in_units(kit_above(50), "%"));
    kit_summary(x, "total_variation_of_alpha_of_e", v->variation);
    kit_summary(x, "mean_band_of_alpha_of_e", v->band);
    kit_summary(x, "rise_of_alpha_at_equal_f", rise);
}

static void report(kit *x)
{
    found v;
    plot *p = kit_figure(x, "edge", 1, 1);
    plot_panel *a = plot_add(p, "Exponent at equal distance to the edge", "e (0 linear, 1 ReLU)",
                             "alpha", PLOT_LINEAR);
    grid_table(x, &v);
    catapult_table(x);
    if (kit_part_runs(x, &theory_part).n) theory_table(x);
    claims(x, &v);
    sw_identity(x);
    plot_band(a, PLOT_GREY, N, v.e, v.lo, v.hi);
    plot_line(a, PLOT_BLUE, N, v.e, v.alpha, "f <= 0.3");
    plot_range_x(a, -0.05, 1.05), plot_range_y(a, 1, 1.3);
    plot_caption(p, "With the same distances to the edge for every e the exponent changes little "
                    "and without a step; band: 95 % over the seeds.");
}

static const kit_info info = {
    .id = "E10_edge",
    .title = "Activation coupling at equal distance to the edge",
    .statement = "Theorem 4",
    .beyond = "E10",
    .plan = plan,
    .report = report,
};
KIT_MAIN(info)
