/* E23, beyond the paper: times to a threshold, and the curves at equal eta t.
 *   cc -O2 -DCLB_STATIC -o times examples/beyond/e23_times.c -lm && ./times                 (12 s)
 * Gradient flow runs in the time s = eta t, so all learning rates should draw one curve 1 - q(eta
 * t), and the step at which 1 - q passes a threshold should scale as 1/eta; no fit is needed for
 * that. The net, the data and the learning rates are those of E23, with 10000 steps, and the
 * estimator of E23 is repeated with checkpoints at equal eta t. */
#define CLB_IMPLEMENTATION
#include "../../clb.h"
#include "../kit/kit.h"

enum { T = 10000, ETAS = 5, TIMES = 17, LEVELS = 5 };
static const double etas[ETAS] = { 0.003, 0.005, 0.01, 0.02, 0.03 },
                    levels[LEVELS] = { 0.5, 0.2, 0.1, 0.05, 0.02 };
/* steps of eta = 0.01; of other eta the steps with the same eta t */
static const double at[TIMES] = { 0,   10,  25,  50,   75,   100,  150,  200, 300,
                                  400, 500, 700, 1000, 1500, 2000, 2500, 3000 };

typedef struct training { double seed, lr; kit_list threshold_times, one_minus_q_scaled; } training;
static const kit_field training_fields[] = {
    KIT_KEY(training, seed), KIT_KEY(training, lr), KIT_RESULT_ARRAY(training, threshold_times),
    KIT_RESULT_ARRAY(training, one_minus_q_scaled),
};

static clb_verdict observe(void *context, const clb_state *state)
{
    double *rest = context;
    rest[state->t] = 1 - cp_probability_of(state->pass).mean;
    return CLB_CONTINUE;
}

/* First time 1 - q falls to p, interpolated in its logarithm between steps. */
static double threshold(const double *rest, size_t steps, double p)
{
    for (size_t t = 1; t <= steps; ++t)
        if (rest[t] <= p && rest[t - 1] > p)
            return (double)t - 1 + clb_log(rest[t - 1] / p) / clb_log(rest[t - 1] / rest[t]);
    return KIT_NAN;
}

static clb_status train(kit *x, void *run)
{
    training *row = run;
    size_t steps = kit_quick(x) ? 1000 : T;
    kit_arena arena = { NULL };
    double *rest = kit_new(&arena, steps + 1, sizeof *rest), times[LEVELS], scaled[TIMES];
    clb_observer ob = { observe, rest, 1, NULL, 0, 0 };
    clb_train_opts how = { .ce = CLB_CE, .observers = &ob, .observer_count = 1 };
    clb_trace tr;
    clb_status status = paper_train(NULL, row->seed, row->lr, steps, &how, &tr);
    if (!status) clb_trace_free(&tr);
    for (size_t k = 0; k < LEVELS; ++k) times[k] = threshold(rest, steps, levels[k]);
    for (size_t k = 0; k < TIMES; ++k) {
        size_t t = (size_t)floor(at[k] * 0.01 / row->lr + 0.5);
        scaled[k] = t <= steps ? rest[t] : KIT_NAN;
    }
    row->threshold_times = kit_keep(x, LEVELS, times),
    row->one_minus_q_scaled = kit_keep(x, TIMES, scaled);
    kit_arena_free(&arena);
    return status;
}

static const kit_part runs =
    KIT_PART("run", "Five learning rates, every step watched", training, train);

static void plan(kit *x)
{
    kit_list seeds = kit_seeds(x, kit_quick(x) ? 1 : 3), lrs = kit_lrs(x, etas, ETAS);
    kit_config(x, "n_steps", T);
    for (size_t i = 0; i < lrs.n; ++i)
        for (size_t s = 0; s < seeds.n; ++s)
            kit_add(x, &runs, &(training){ .seed = seeds.at[s], .lr = lrs.at[i] });
}

/* ---- what follows from the runs ------------------------------------------------------------- */

typedef struct found {
    double time[LEVELS][ETAS], scaled[ETAS][TIMES], tau[ETAS], exponent[LEVELS], collapse;
} found;

static void measure(kit *x, found *f)
{
    kit_table *t = KIT_TABLE(x, "times",
                             "tau times eta with checkpoints at equal eta t; eta times the step at "
                             "which 1 - q passes 0.5 ... 0.02",
                             "lr", "tau_eta_equal_time", "eta_T_0.5", "eta_T_0.2", "eta_T_0.1",
                             "eta_T_0.05", "eta_T_0.02");
    for (size_t i = 0; i < ETAS; ++i) {
        kit_rows r =
            kit_published(kit_where(kit_part_runs(x, &runs), KIT_AT(training, lr), etas[i]));
        double s[TIMES], eta_T[LEVELS];
        clb_fit fit;
        for (size_t k = 0; k < TIMES; ++k)
            s[k] = at[k] * 0.01 / etas[i],
            f->scaled[i][k] = kit_mean_element(r, KIT_AT(training, one_minus_q_scaled), k);
        for (size_t k = 0; k < LEVELS; ++k) {
            f->time[k][i] = kit_mean_element(r, KIT_AT(training, threshold_times), k);
            eta_T[k] = etas[i] * f->time[k][i];
        }
        fit = clb_fit_exponential(TIMES - 2, s + 2, f->scaled[i] + 2, 0.01, 0.9);
        f->tau[i] = clb_fit_tau(&fit);
        KIT_CELLS(t, etas[i], f->tau[i] * etas[i]), kit_cells(t, KIT_LIST(eta_T));
    }
    for (size_t k = 0; k < LEVELS; ++k)
        f->exponent[k] = clb_fit_power(ETAS, etas, f->time[k], 0).slope;
    f->collapse = KIT_NAN;
    for (size_t k = 3; k < TIMES; ++k) {
        double lo = KIT_INF, hi = -KIT_INF;
        for (size_t i = 0; i < ETAS; ++i)
            if (!isnan(f->scaled[i][k]))
                lo = fmin(lo, f->scaled[i][k]), hi = fmax(hi, f->scaled[i][k]);
        if (hi > 0) f->collapse = isnan(f->collapse) ? hi / lo - 1 : fmax(f->collapse, hi / lo - 1);
    }
}

static void claims(kit *x, const found *f)
{
    double off = 0, lo = KIT_INF, hi = -KIT_INF;
    kit_claim *c = kit_ours(x, "thresholds",
                            "The time to any threshold of 1 - q scales as 1/eta, and all learning "
                            "rates draw one curve in eta t.");
    for (size_t k = 0; k < LEVELS; ++k) off = kit_worse(off, fabs(f->exponent[k] + 1));
    for (size_t i = 0; i < ETAS; ++i)
        lo = fmin(lo, f->tau[i] * etas[i]), hi = fmax(hi, f->tau[i] * etas[i]);
    kit_summary(x, "threshold_exponent", f->exponent[2]);
    kit_statement(c, "largest distance of an exponent from -1", off, kit_below(0.02));
    kit_statement(c, "largest relative distance between curves at equal eta t", 100 * f->collapse,
                  kit_in_units(kit_below(5), "%"));
    kit_remark(c, "That follows from gradient flow alone: it needs neither kernel theory nor a "
                  "large width.");
    c = kit_ours(x, "estimator",
                 "With checkpoints at equal eta t the published estimator gives tau proportional "
                 "to 1/eta.");
    kit_statement(c, "largest tau eta over the smallest", hi / lo, kit_below(1.05));
}

static void figure(kit *x, const found *f)
{
    double s[TIMES], inverse[ETAS];
    plot *p = kit_figure(x, "times", 2, 1);
    plot_panel *a = plot_add(p, "One curve in eta t", "time eta t", "1 - mean q", PLOT_LOG);
    for (size_t i = 0; i < ETAS; ++i) {
        for (size_t k = 0; k < TIMES; ++k) s[k] = at[k] * 0.01;
        plot_line(a, (int)i, TIMES - 1, s + 1, f->scaled[i] + 1, kit_print(x, "eta = %g", etas[i]));
        inverse[i] = 1 / etas[i];
    }
    a = plot_add(p, "Time to 1 - q = 0.1", "1/eta", "steps", PLOT_LOG);
    plot_points(a, PLOT_BLUE, ETAS, inverse, f->time[2], "mean over seeds");
    plot_slope(a, inverse[4], inverse[0], f->time[2][4], 1, "slope 1");
    plot_caption(p, "All curves are one curve in eta t, and the time to a threshold scales as "
                    "1/eta.");
}

static void report(kit *x)
{
    found f;
    measure(x, &f);
    claims(x, &f);
    figure(x, &f);
}

static const kit_info info = {
    .id = "E23_times", .title = "Times to a threshold", .statement = "Proposition 7",
    .beyond = "E23", .plan = plan, .report = report,
};
KIT_MAIN(info)
