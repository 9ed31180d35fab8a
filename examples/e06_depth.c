/* E6  Depth dependence: does the drift exponent grow with the number of layers?  Theorem 4, eq. (4)
 *   cc -O2 -DCLB_STATIC -o e06 examples/e06_depth.c -lm && ./e06                           (5 min)
 * Setup   ReLU nets without bias of L = 2, 3, 4, 6, 8 weight matrices, width 64, d = 20, K = 5,
 *         mixture of n = 200, cross entropy, full-batch gradient descent, T = 2000; ten learning
 *         rates, five seeds.
 * Measure drift, the mean over l of |C_l(T) - C_l(0)|; S = |sum_t mean_l (|G_{l+1}|^2 - |G_l|^2)|
 * Fit     ln(mean drift over the seeds) against ln(eta): on all ten eta with five seeds, and on
 *         four eta with three seeds. The paper's line mixes the two.
 * Paper   alpha from 1.07 (2 layers; four eta) to 1.72 (8 layers; ten eta)
 * Beyond  beyond/e06_takeoff.c: exponents in double, at equal loss, and where the nets take off. */
#define CLB_IMPLEMENTATION
#include "../clb.h"
#include "kit/kit.h"

enum { T = 2000, T_QUICK = 300, DEPTHS = 5, N = 10 };
static const double grid[N] = { 1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 0.1, 0.3, 0.5, 1 };
static const double four[] = { 1e-4, 1e-3, 1e-2, 0.1 };
static const double depths[DEPTHS] = { 2, 3, 4, 6, 8 };
static const double paper_ten[DEPTHS] = { 1.163, 1.098, 1.135, 1.441, 1.718 };
static const double paper_four[DEPTHS] = { 1.067, 1.121, 1.027, 0.832, 1.056 };

/* ---- one run -------------------------------------------------------------------------------- */

typedef struct training {
    double seed, L, lr;
    double drift, S, S_over_grad_int, final_loss, identity_error, diverged;
} training;
#define AT(member) KIT_AT(training, member)
static const kit_field training_fields[] = {
    KIT_KEY(training, seed), KIT_KEY(training, L), KIT_KEY(training, lr),
    KIT_RESULT(training, drift), KIT_RESULT(training, S), KIT_RESULT(training, S_over_grad_int),
    KIT_RESULT(training, final_loss), KIT_RESULT(training, identity_error),
    KIT_RESULT(training, diverged),
};

/* S telescopes to the outer layers; its share of the gradient integral, by the trapezoid rule. */
static void record(kit *x, training *row, const clb_trace *tr)
{
    double S = 0, *energy = kit_doubles(x, tr->T);
    for (size_t t = 0; t < tr->T; ++t)
        for (size_t l = 0; l < tr->L; ++l) energy[t] += tr->g[t * tr->L + l];
    for (size_t l = 0; l + 1 < tr->L; ++l) S += tr->S[l] / (double)(tr->L - 1);
    row->drift = clb_trace_mean_drift(tr), row->S = fabs(S);
    row->S_over_grad_int = fabs(S) / clb_trapezoid(tr->T, energy, 1);
    row->final_loss = tr->loss[tr->T - 1];
    row->identity_error = fabs(clb_trace_drift(tr, 1) - tr->predicted[0]);
}

static clb_status train(kit *x, void *run)
{
    training *row = run;
    clb_train_opts how = { .ce = CLB_CE, .charge_max = 1e6 }; /* beyond it a run has diverged */
    clb_trace tr;
    clb_status status = paper_train(&(paper_opts){ .L = (size_t)row->L }, row->seed, row->lr,
                                    kit_quick(x) ? T_QUICK : T, &how, &tr);
    if (status) return status;
    row->diverged = tr.steps < tr.T;
    if (row->diverged == 0) record(x, row, &tr);
    clb_trace_free(&tr);
    return CLB_OK;
}

static const kit_part sweep = KIT_PART("sweep", "drift against eta and depth", training, train);

static void plan(kit *x)
{
    kit_list seeds = kit_seeds(x, 5), etas = kit_lrs(x, grid, N);
    kit_config(x, "n_steps", T), kit_config(x, "hidden", 64);
    for (size_t k = 0; k < (kit_quick(x) ? 3 : DEPTHS); ++k)
        for (size_t i = 0; i < etas.n; ++i)
            for (size_t s = 0; s < seeds.n; ++s)
                kit_add(x, &sweep, &(training){ .seed = seeds.at[s], .L = depths[k],
                                                .lr = etas.at[i] });
}

/* ---- what follows from the runs ------------------------------------------------------------- */

static kit_rows runs_of(kit *x, double L)
{
    return kit_published(kit_where(kit_part_runs(x, &sweep), AT(L), L));
}

/* Ten eta, five seeds: means, and how many runs stay finite. */
static void depth_table(kit *x, double L, kit_list etas)
{
    kit_table *t = KIT_TABLE(x, kit_print(x, "%g matrices", L),
                             kit_print(x, "%g matrices, ten eta: means over %s; runs that stay "
                                       "finite, and the mean over those", L, kit_n_seeds(x, 5)),
                             "lr", "mean_drift", "std_drift", "mean_loss", "runs", "finite",
                             "mean_finite");
    for (size_t i = 0; i < etas.n; ++i) {
        kit_rows rows = kit_where(runs_of(x, L), AT(lr), etas.at[i]);
        kit_list drift = kit_values(rows, AT(drift));
        clb_summary finite = clb_summarize(drift.n, drift.at);
        KIT_LINE(t, etas.at[i], kit_mean(rows, AT(drift)), kit_std(rows, AT(drift)),
                 kit_mean(rows, AT(final_loss)), (double)drift.n, (double)finite.finite,
                 finite.mean);
    }
}

/* Four eta, the first three seeds. */
static void four_lines(kit *x, kit_table *t, double L)
{
    for (size_t i = 0; i < KIT_LEN(four); ++i) {
        kit_rows rows = kit_where(runs_of(x, L), AT(lr), four[i]);
        double drift;
        rows = kit_first_published(rows, 3), drift = kit_mean(rows, AT(drift));
        KIT_LINE(t, L, four[i], drift, kit_mean(rows, AT(S)), drift / (four[i] * four[i]),
                 kit_mean(rows, AT(S_over_grad_int)));
    }
}

typedef struct exponents { clb_fit ten, four, stable; clb_interval ci; } exponents;

static exponents fit(kit *x, double L, kit_list etas)
{
    kit_list four_etas = { KIT_LEN(four), four };
    clb_sweep u = kit_sweep(runs_of(x, L), AT(drift), AT(lr), etas);
    clb_sweep i = kit_sweep(kit_first_published(runs_of(x, L), 3), AT(drift), AT(lr), four_etas);
    double *mean = kit_doubles(x, etas.n + KIT_LEN(four));
    size_t below = 0;
    exponents e;
    while (below < etas.n && etas.at[below] <= 0.1) ++below;
    u.floor = 1e-10, i.floor = 1e-15;
    e.four = clb_sweep_fit(&i, mean), e.ten = clb_sweep_fit(&u, mean);
    clb_sweep_means(&u, NULL, 0, mean);
    e.stable = clb_fit_power(below, etas.at, mean, 0);
    if (clb_bootstrap_sweep(&u, NULL, &e.ci, NULL)) e.ci.lo = e.ci.hi = e.ci.se = KIT_NAN;
    return e;
}

/* The least step of an exponent from one depth to the next. */
static double least_step(const exponents *e, int stable)
{
    double least = KIT_INF;
    for (size_t k = 1; k < DEPTHS; ++k) {
        double step = stable ? e[k].stable.slope - e[k - 1].stable.slope
                             : e[k].ten.slope - e[k - 1].ten.slope;
        if (isnan(step)) return KIT_NAN;
        least = fmin(least, step);
    }
    return least;
}

static void claims(kit *x, const exponents *e)
{
    static const size_t order[DEPTHS] = { 4, 0, 1, 2, 3 };              /* the headline first */
    double r2 = KIT_INF;
    kit_claim *c = kit_paper(x, "depth", "The drift exponent grows with depth, from 1.07 for 2 "
                             "layers to 1.72 for 8.", "1.07 to 1.72");
    for (size_t k = 0; k < DEPTHS; ++k) {
        const exponents *f = &e[order[k]];
        kit_summary_item *s = kit_summary(x, kit_print(x, "alpha_%gL", depths[order[k]]),
                                          f->ten.slope);
        kit_interval(s, f->ci.se, f->ci.lo, f->ci.hi);
        if (order[k] == 0 || order[k] == 4) kit_printed(s, order[k] ? 1.72 : 1.07);
        r2 = isnan(f->ten.r2) ? KIT_NAN : fmin(r2, f->ten.r2);
    }
    kit_number(c, "2 layers, four eta", e[0].four.slope, kit_within(1.07, 0.02));
    kit_number(c, "alpha of 8 layers, ten eta", e[4].ten.slope, kit_within(1.72, 0.05));
    kit_statement(c, "least step from one depth to the next, ten eta", least_step(e, 0),
                  kit_above(0));
    kit_condition(c, "for eta up to 0.1", "least step", least_step(e, 1), kit_above(0));
    kit_show(c, "alpha of 2 layers, ten eta", e[0].ten.slope);
    kit_show(c, "alpha of 8 layers, four eta", e[4].four.slope);
    kit_remark(c, "The deep end of the paper's curve is float32 rounding at small eta and chaos at "
                  "large.");
    c = kit_paper(x, "one_protocol", "Both ends belong to one protocol.", "one line of the table");
    kit_statement(c, "2 layers on ten eta is 1.07 too, or 8 layers on four eta 1.72",
                  isnan(e[0].ten.slope) ? KIT_NAN
                                        : fabs(e[0].ten.slope - 1.07) < 0.02
                                              || fabs(e[4].four.slope - 1.72) < 0.05,
                  kit_yes());
    c = kit_paper(x, "power_law", "The drift follows a power law at every depth.",
                  "R^2 from 0.71 to 0.99");
    kit_statement(c, "least R^2", r2, kit_at_least(0.99));
    kit_remark(c, "A curve has up to four regimes: plateau, take-off, trained, unstable.");
    kit_identity(x, "theorem_2", "The drift of C_1 is eta^2 S_1 in every run with a drift below 1 "
                 "(Theorem 2).", "worst error",
                 kit_worst(kit_between(kit_part_runs(x, &sweep), AT(drift), 0, 1),
                           AT(identity_error)),
                 kit_at_most(sizeof(clb_real) == 8 ? 1e-12 : 1e-3));
}

static void figure(kit *x, const exponents *e, kit_list etas)
{
    static const int colours[] = { PLOT_BLUE, PLOT_PURPLE, PLOT_GREEN, PLOT_ORANGE, PLOT_RED };
    double ten[DEPTHS], four_eta[DEPTHS];
    plot *p = kit_figure(x, "depth", 2, 1);
    plot_panel *a = plot_add(p, "Drift after 2000 steps", "learning rate eta",
                             "mean over l of |C_l(T) - C_l(0)|", PLOT_LOG);
    plot_panel *b = plot_add(p, "Exponent against depth", "weight matrices L", "alpha",
                             PLOT_LINEAR);
    plot_horizontal(a, 2e-5, "float32 noise");
    for (size_t k = 0; k < DEPTHS; ++k) {
        double *mean = kit_doubles(x, etas.n);
        ten[k] = e[k].ten.slope, four_eta[k] = e[k].four.slope;
        for (size_t i = 0; i < etas.n; ++i) {
            kit_rows rows = kit_where(runs_of(x, depths[k]), AT(lr), etas.at[i]);
            mean[i] = kit_mean(kit_converged(rows), AT(drift));
        }
        plot_line(a, colours[k], etas.n, etas.at, mean, kit_print(x, "L = %g", depths[k]));
    }
    plot_points(b, PLOT_PUBLISHED, DEPTHS, depths, paper_ten, "published, ten eta");
    plot_points(b, PLOT_GREY | PLOT_TRIANGLE | PLOT_OPEN, DEPTHS, depths, paper_four,
                "published, four eta");
    plot_points(b, PLOT_BLUE, DEPTHS, depths, ten, "this program, ten eta");
    plot_points(b, PLOT_GREEN | PLOT_DIAMOND, DEPTHS, depths, four_eta, "this program, four eta");
    plot_caption(p, "Drift and exponent against depth; runs that stay finite.");
}

static void report(kit *x)
{
    kit_list etas = kit_lrs(x, grid, N);
    exponents e[DEPTHS];
    const char *five = kit_n_seeds(x, 5), *three = kit_n_seeds(x, 3);
    kit_table *t = KIT_TABLE(x, "exponents",
                             kit_print(x, "Exponent by depth: U on ten eta with %s, I on four eta "
                                       "with %s", five, three), "L", "alpha_U", "r2_U", "points_U",
                             "alpha_I", "r2_I", "beta_I");
    kit_table *four_table = KIT_TABLE(x, "depth_imbalance", kit_print(x, "Four eta, %s", three),
                                      "L", "lr", "mean_drift", "mean_S", "drift_over_eta_sq",
                                      "mean_S_over_grad_int");
    for (size_t k = 0; k < DEPTHS; ++k) {
        e[k] = fit(x, depths[k], etas);
        if (!runs_of(x, depths[k]).n) continue;
        KIT_LINE(t, depths[k], e[k].ten.slope, e[k].ten.r2, (double)e[k].ten.n, e[k].four.slope,
                 e[k].four.r2, 2 - e[k].four.slope);
        depth_table(x, depths[k], etas);
        four_lines(x, four_table, depths[k]);
    }
    claims(x, e);
    figure(x, e, etas);
}

static const kit_info info = {
    .id = "E06", .title = "Depth dependence", .statement = "Theorem 4, eq. (4)",
    .key_result = "alpha from 1.07 (2 layers) to 1.72 (8 layers)", .plan = plan, .report = report,
};
KIT_MAIN(info)
