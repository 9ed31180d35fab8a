/* E12, beyond the paper: do activation and loss change the exponent at equal distance to the edge?
 *   cc -O2 -DCLB_STATIC -o phase examples/beyond/e12_phase.c -lm && ./phase                 (40 s)
 * The four nets of E12 with eta = 2 f / lambda_max(0), f = 0.01 ... 0.49, five seeds, data drawn
 * first or model drawn first. Theory: drift = kbar eta DL mu (DL: fall of the loss, kbar: its
 * share per layer, mu: curvature along the way); the slope of ln drift is the sum of the slopes of
 * the factors. Effects as in E12, with 95 % intervals over the seeds. On E12's own grid: effects
 * with one eta left out. */
#define CLB_IMPLEMENTATION
#include "../../clb.h"
#include "../kit/kit.h"

enum { SEEDS = 5, PHASES = 5, FACTORS = 4 };
static const double distances[PHASES] = { 0.01, 0.03, 0.1, 0.3, 0.49 }; /* eta lambda_max(0)/2 */
static const struct factor { const char *name; kit_at at; } factors[FACTORS] = {
    { "drift (alpha)", { "sp_training", offsetof(sp_training, actual_drift) } },
    { "kbar", { "sp_training", offsetof(sp_training, kbar) } },
    { "loss_drop", { "sp_training", offsetof(sp_training, loss_drop) } },
    { "mu", { "sp_training", offsetof(sp_training, mu) } },
};

static const kit_part spectrum = KIT_PART("spectrum", "Formula", sp_spectrum, sp_run_spectrum);
static const kit_part train =
    KIT_PART("train", "Drift after 2000 steps", sp_training, sp_run_training);
static const kit_part phase =
    KIT_PART("phase", "Equal distance to the edge", sp_training, sp_run_training);

static void plan(kit *x)
{
    kit_list seeds = kit_seeds(x, kit_quick(x) ? 2 : SEEDS);
    kit_config(x, "n_steps", SP_T);
    for (const sp_case *c = sp_cases; c < sp_cases + SP_CASES; ++c) {
        sp_plan(x, &spectrum, &train, c, 1, 0);
        for (int data_first = 0; data_first < 2; ++data_first)
            for (size_t s = 0; s < seeds.n; ++s)
                for (size_t i = 0; i < PHASES; ++i)
                    kit_add(x, &phase,
                            &(sp_training){ .which = c->name,
                                            .seed = seeds.at[s],
                                            .data_first = data_first,
                                            .f = distances[i] });
    }
}

/* ---- equal distance to the edge -------------------------------------------------------------- */

static kit_rows phase_runs(kit *x, size_t k, int data_first)
{
    return kit_where(kit_where_text(kit_part_runs(x, &phase), SP_AT(which), sp_cases[k].name),
                     SP_AT(data_first), data_first);
}

/* Slope of ln |factor| against ln eta, one seed. */
static double slope_of(kit *x, size_t k, int data_first, double seed, kit_at factor)
{
    kit_rows rows = kit_where(phase_runs(x, k, data_first), SP_AT(seed), seed);
    kit_list eta = kit_values(rows, SP_AT(eta)), v = kit_values(rows, factor);
    double y[PHASES];
    if (eta.n != PHASES) return KIT_NAN;
    for (size_t i = 0; i < PHASES; ++i) y[i] = fabs(v.at[i]);
    return clb_fit_power(PHASES, eta.at, y, 0).slope;
}

typedef struct found { double alpha[SP_CASES]; clb_interval effects[SP_EFFECTS]; } found;

/* A line: slopes of one factor for every case, and the effects on them. */
static void factor_line(kit *x, kit_table *t, int data_first, const struct factor *of,
                        kit_list seeds, found *f)
{
    clb_bootstrap_opts opts = { 1000, 0.95, 12 };
    size_t n = seeds.n;
    double *slope = kit_doubles(x, SP_CASES * n);
    const double *effect;
    for (size_t i = 0; i < SP_CASES * n; ++i)
        slope[i] = slope_of(x, i / n, data_first, seeds.at[i % n], of->at);
    kit_text(t, data_first ? "data first" : "model first"), kit_text(t, of->name);
    for (size_t k = 0; k < SP_CASES; ++k)
        f->alpha[k] = clb_mean(n, slope + k * n), KIT_CELLS(t, f->alpha[k]);
    effect = sp_split(x, n, slope);
    for (int e = 0; e < SP_EFFECTS; ++e, effect += n) {
        clb_interval *ci = &f->effects[e];
        if (clb_bootstrap_mean(n, effect, &opts, ci)) ci->value = ci->lo = ci->hi = KIT_NAN;
        KIT_CELLS(t, ci->value, ci->lo, ci->hi);
    }
}

/* f[data_first]: what the drift shows. */
static void phase_table(kit *x, kit_list seeds, found f[2])
{
    kit_table *t = KIT_TABLE(x, "equal phase",
                             "slopes against ln eta at eta lambda_max(0)/2 = 0.01 .. 0.49: ln "
                             "drift = ln kbar + ln eta + ln DL + ln mu, and the effects on each "
                             "slope with 95 % intervals over seeds",
                             "order", "slope_of", "linear_mse", "linear_ce", "relu_mse", "relu_ce",
                             "activation", "lo_activation", "hi_activation", "loss", "lo_loss",
                             "hi_loss", "interaction", "lo_interaction", "hi_interaction");
    for (int model_first = 0; model_first < 2; ++model_first)
        for (int i = 0; i < FACTORS; ++i) {
            found line;
            factor_line(x, t, !model_first, &factors[i], seeds, &line);
            if (i == 0) f[!model_first] = line;
        }
}

/* Effects on ln mu at equal f: does the curvature term of the two influences add up? */
static void mu_table(kit *x, size_t n)
{
    kit_table *t =
        KIT_TABLE(x, "ln mu at equal phase", "Effects on ln mu at f = eta lambda_max(0)/2", "f",
                  "activation", "loss", "interaction");
    for (size_t i = 0; i < PHASES; ++i) {
        double *v = kit_doubles(x, SP_CASES * n);
        const double *effect;
        for (size_t k = 0; k < SP_CASES; ++k) {
            kit_list mu =
                kit_values(kit_where(phase_runs(x, k, 0), SP_AT(f), distances[i]), SP_AT(mu));
            for (size_t s = 0; s < n; ++s) v[k * n + s] = clb_log(sp_element(mu, s));
        }
        effect = sp_split(x, n, v);
        KIT_LINE(t, distances[i], clb_mean(n, effect), clb_mean(n, effect + n),
                 clb_mean(n, effect + 2 * n));
    }
}

static void left_out_table(kit *x, const sp_grid *g)
{
    kit_table *t = KIT_TABLE(x, "leave one eta out",
                             "Effects on alpha = 2 + d ln S/d ln eta with one eta left out: mean "
                             "and sample deviation over seeds",
                             "window", "activation", "sd_activation", "loss", "sd_loss",
                             "interaction", "sd_interaction");
    for (size_t i = 0; i < g->n; ++i) {
        sp_effect effects[SP_EFFECTS];
        sp_window(x, g, 1, g->lrs.at[i], effects);
        kit_text(t, kit_print(x, "all but %g", g->lrs.at[i]));
        for (int e = 0; e < SP_EFFECTS; ++e) KIT_CELLS(t, effects[e].mean, effects[e].sd);
    }
}

static void claims(kit *x, const found f[2])
{
    const clb_interval *model = &f[0].effects[2], *data = &f[1].effects[2];
    kit_claim *c = kit_ours(x, "interaction",
                            "Also at equal distance to the edge activation and loss interact in "
                            "the exponent: the interaction is negative.");
    kit_summary_item *item = kit_summary(x, "interaction at equal phase", model->value);
    kit_interval(item, KIT_NAN, model->lo, model->hi);
    kit_statement(c, "interaction, model drawn first", model->value, kit_below(-0.03));
    kit_statement(c, "its 95 % interval over seeds ends at", model->hi, kit_below(0));
    kit_statement(c, "interval ends at, data drawn first", data->hi, kit_below(0));
    for (size_t k = 0; k < SP_CASES; ++k)
        kit_show(c, kit_print(x, "alpha, %s", sp_cases[k].label), f[0].alpha[k]);
    c = kit_ours(x, "small", "It is less than a quarter of the paper's -0.21.");
    kit_statement(c, "interaction over -0.2067, model drawn first", model->value / -0.2067,
                  kit_below(0.25));
}

/* ---- figure ---------------------------------------------------------------------------------- */

static void figure(kit *x, const found f[2])
{
    static const char *const names[SP_EFFECTS] = { "activation", "loss", "interaction" };
    static const double place[SP_EFFECTS] = { 1, 2, 3 };
    plot *p = kit_figure(x, "phase", 1, 1);
    plot_panel *a =
        plot_add(p, "Effects at equal distance to the edge", "effect", "on alpha", PLOT_LINEAR);
    for (int order = 0; order < 2; ++order) {
        double at[SP_EFFECTS], v[SP_EFFECTS], lo[SP_EFFECTS], hi[SP_EFFECTS];
        for (int e = 0; e < SP_EFFECTS; ++e) {
            const clb_interval *ci = &f[order].effects[e];
            at[e] = place[e] + 0.1 * (2 * order - 1), v[e] = ci->value, lo[e] = ci->lo,
            hi[e] = ci->hi;
        }
        plot_errors(a, order ? PLOT_ORANGE : PLOT_BLUE, SP_EFFECTS, at, lo, hi);
        plot_points(a, order ? PLOT_ORANGE : PLOT_BLUE, SP_EFFECTS, at, v,
                    order ? "data first" : "model first");
    }
    plot_horizontal(a, 0, NULL), plot_range_x(a, 0.5, 3.5),
        plot_ticks_x(a, SP_EFFECTS, place, names);
    plot_caption(p, "At equal distance to the edge the interaction is negative but small.");
}

static void report(kit *x)
{
    kit_rows first = kit_where(phase_runs(x, 0, 0), SP_AT(f), distances[0]);
    kit_list seeds = kit_values(first, SP_AT(seed));
    sp_grid g[SP_CASES];
    found f[2];
    for (size_t k = 0; k < SP_CASES; ++k) g[k] = sp_load(x, &spectrum, &train, &sp_cases[k]);
    left_out_table(x, g);
    phase_table(x, seeds, f);
    mu_table(x, seeds.n);
    claims(x, f);
    figure(x, f);
}

static const kit_info info = {
    .id = "E12_phase",
    .title = "Activation and loss at equal distance to the edge",
    .statement = "Theorems 4, 6",
    .beyond = "E12",
    .plan = plan,
    .report = report,
};
KIT_MAIN(info)
