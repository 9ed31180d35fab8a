/* E8, beyond the paper: activation and loss apart, and what predicts S(eta) better than the
 * formula.
 *   cc -O2 -DCLB_STATIC -o predictors examples/beyond/e08_predictors.c -lm && ./predictors  (80 s)
 * The problem of E8 for all four of {linear, ReLU} x {squared loss, cross entropy}, from one start
 * a seed. Predictors that use the start alone, without calibration (kit/predictors.h): sums over
 * the modes of the Hessian and of the Gauss-Newton matrix, first-principles coefficients; the
 * linearised network, once and linearised anew nine times. Beside them two that know the answer in
 * part: the fall of the loss, and S ~ 1/eta through one measured point. */
#define CLB_IMPLEMENTATION
#include "../../clb.h"
#include "../kit/kit.h"

static const kit_part spectrum = KIT_PART("spectrum", "Formula", sp_spectrum, sp_run_spectrum);
static const kit_part train = KIT_PART("train", "S after 2000 steps", sp_training, sp_run_training);
static const kit_part modes = KIT_PART("modes", "Sums over modes", sp_modes, sp_run_modes);
static const kit_part linear =
    KIT_PART("linearised", "Linearised network", sp_linear, sp_run_linear);

static void plan(kit *x)
{
    kit_config(x, "n_steps", SP_T);
    for (const sp_case *c = sp_cases; c < sp_cases + SP_CASES; ++c) {
        sp_plan(x, &spectrum, &train, c, 0, 0);
        sp_plan_predictors(x, &modes, &linear, c, 0);
    }
}

/* ---- tables --------------------------------------------------------------------------------- */

static void modes_table(kit *x, const sp_grid *grids)
{
    kit_table *t = KIT_TABLE(x, "modes",
                             "mode coupling M_0 (one step, Hessian basis), M_T at eta = 0.01, and "
                             "the spectrum",
                             "case", "seed", "M_0", "M_T_hessian", "M_T_gauss_newton",
                             "energy_negative_modes", "lambda_max", "lambda_min",
                             "lambda_max_gauss_newton", "positive", "negative", "zero");
    for (const sp_grid *g = grids; g < grids + SP_CASES; ++g)
        for (size_t s = 0; s < g->seeds; ++s) {
            const sp_modes *m = sp_modes_of(x, &modes, g->c->name, g->seed[s]);
            if (!m) continue;
            kit_text(t, g->c->name);
            KIT_CELLS(t, g->seed[s], m->M_0, m->M_T_hessian, m->M_T_gauss_newton,
                      m->energy_negative_modes, m->lambda_max, m->lambda_min,
                      m->lambda_max_gauss_newton, m->positive, m->negative, m->zero);
        }
}

static void delta_table(kit *x)
{
    static const double steps[] = { 0, 10, 100, 1000 };
    kit_table *t = KIT_TABLE(x, "imbalance curve",
                             "delta_t of the linearised network over the measured one, eta = 0.01, "
                             "seed means",
                             "case", "t", "linearised_over_measured");
    for (const sp_case *c = sp_cases; c < sp_cases + SP_CASES; ++c) {
        kit_rows r = kit_where_text(kit_where(kit_part_runs(x, &train), SP_AT(lr), 0.01),
                                    SP_AT(which), c->name);
        kit_rows l =
            kit_where_text(kit_where(kit_part_runs(x, &linear), KIT_AT(sp_linear, lr), 0.01),
                           KIT_AT(sp_linear, which), c->name);
        for (size_t j = 0, at = 0; j < KIT_LEN(steps) && r.n; ++j) {
            while (sp_sample[at] != steps[j]) ++at;
            kit_text(t, c->name);
            KIT_CELLS(t, steps[j], kit_mean_element(l, KIT_AT(sp_linear, delta_linear), at)
                                       / kit_mean_element(r, SP_AT(delta), at));
        }
    }
}

/* ---- claims --------------------------------------------------------------------------------- */

static void claim_goals(kit *x, const sp_grid *g)
{
    static const double most[SP_CASES] = { 5, 2, 5, 8 };                 /* percent */
    kit_claim *c = kit_ours(x, "linearised",
                            "The linearised network predicts S without calibration for eta up to "
                            "0.1: to 5 % (squared loss), 2 % (linear, CE), 8 % (ReLU, CE).");
    kit_claim *better = kit_ours(x, "better", "It does so better than the formula, in every case.");
    kit_claim *anew =
        kit_ours(x, "anew", "Linearised anew nine times, it predicts S of every run to 3 %.");
    double worst = 0;
    for (size_t k = 0; k < SP_CASES; ++k) {
        double one, pub = 100 * sp_seed_error(&g[k], SP_PUB, 0.1, NULL);
        double lin = 100 * sp_seed_error(&g[k], SP_LIN, 0.1, NULL);
        double re = 100 * sp_seed_error(&g[k], SP_RELIN, 0.1, &one);
        const char *name = g[k].c->name;
        worst = kit_worse(worst, 100 * one);
        kit_summary(x, kit_print(x, "linearised_error_%s_percent", name), lin);
        kit_summary(x, kit_print(x, "relinearised_error_%s_percent", name), re);
        kit_summary(x, kit_print(x, "formula_error_%s_percent", name), pub);
        kit_statement(c, kit_print(x, "mean error, %s", g[k].c->label), lin,
                      kit_in_units(kit_at_most(most[k]), "%"));
        kit_statement(better,
                      kit_print(x, "mean error over that of the formula, %s", g[k].c->label),
                      lin / pub, kit_below(1));
    }
    kit_statement(anew, "worst error", worst, kit_in_units(kit_at_most(3), "%"));
}

static void claims(kit *x, const sp_grid *g)
{
    sp_span r[SP_CASES], lin = sp_errors(&g[SP_LINEAR_MSE], SP_HD, 0.03),
                         relu = sp_errors(&g[SP_RELU_CE], SP_HD, 0.1);
    double gap = 0, a[SP_CASES];
    kit_claim *c;
    claim_goals(x, g);
    for (size_t k = 0; k < SP_CASES; ++k)
        r[k] = sp_errors(&g[k], SP_PUB, 0.03), a[k] = 2 + sp_fit(x, &g[k], 0.1).slope;
    for (size_t ce = 0; ce < 2; ++ce)
        gap = kit_worse(gap, fmax(fabs(r[ce].lo - r[2 + ce].lo), fabs(r[ce].hi - r[2 + ce].hi)));
    c = kit_ours(x, "equal",
                 "At equal loss the formula predicts linear and ReLU nets equally well.");
    kit_statement(c, "difference of the ranges of errors, eta up to 0.03", gap,
                  kit_in_units(kit_at_most(5), "points"));
    c = kit_ours(x, "first_principles",
                 "Coefficients from first principles, a_k^2 D_kk on the same modes, do as well as "
                 "the published c_k.");
    kit_statement(c, "lowest error of ReLU, CE below that of the formula, eta up to 0.1",
                  sp_errors(&g[SP_RELU_CE], SP_PUB, 0.1).lo - relu.lo,
                  kit_in_units(kit_at_most(5), "points"));
    kit_statement(c, "lowest error of linear, MSE, eta up to 0.03", lin.lo,
                  kit_in_units(kit_at_least(-23), "%"));
    kit_remark(c, "The published c_k share out one number measured at t = 0 by the energy of the "
                  "gradient.");
    c = kit_ours(x, "gauss_newton",
                 "For linear nets with squared loss all pairs of Gauss-Newton modes predict S to 5 "
                 "%, eta up to 0.03.");
    kit_statement(c, "lowest error", sp_errors(&g[SP_LINEAR_MSE], SP_GNF, 0.03).lo,
                  kit_in_units(kit_at_least(-5), "%"));
    kit_statement(c, "highest error", sp_errors(&g[SP_LINEAR_MSE], SP_GNF, 0.03).hi,
                  kit_in_units(kit_at_most(5), "%"));
    c = kit_ours(x, "alpha",
                 "At equal loss linear and ReLU nets have the same exponent to 0.02, eta up to "
                 "0.1.");
    kit_statement(c, "difference of alpha, squared loss", fabs(a[0] - a[2]), kit_below(0.02));
    kit_statement(c, "difference of alpha, cross entropy", fabs(a[1] - a[3]), kit_below(0.02));
    kit_condition(c, "to 0.08", "difference of alpha, squared loss", fabs(a[0] - a[2]),
                  kit_below(0.08));
    kit_condition(c, "to 0.08", "difference of alpha, cross entropy", fabs(a[1] - a[3]),
                  kit_below(0.08));
}

/* ---- figure --------------------------------------------------------------------------------- */

/* |error| against eta lambda_max(0), every seed. */
static void validity_panel(kit *x, plot *p, const sp_grid *g)
{
    static const sp_predictor shown[] = { SP_PUB, SP_LIN, SP_RELIN };
    plot_panel *a = plot_add(p, "Error of each seed", "eta lambda_max(0)",
                             "|predicted / measured - 1|", PLOT_LOG);
    for (size_t j = 0; j < KIT_LEN(shown); ++j)
        for (size_t k = 0; k < SP_CASES; ++k)
            for (size_t s = 0; s < g[k].seeds; ++s) {
                double *at = kit_doubles(x, g[k].n), *e = kit_doubles(x, g[k].n);
                for (size_t i = 0; i < g[k].n; ++i) {
                    at[i] = g[k].lrs.at[i] * g[k].lambda_max[s];
                    e[i] = fabs(sp_error_of(&g[k], shown[j], s, i));
                }
                plot_points(a, sp_styles[shown[j]] | PLOT_SMALL, g[k].n, at, e,
                            k || s ? NULL : sp_labels[shown[j]]);
            }
    plot_vertical(a, 2, "edge of stability");
}

/* S eta / (|kappa_0| (Loss_0 - Loss_T)) = mu kbar/kappa_0: one curve for all cases. */
static void collapse_panel(kit *x, plot *p, const sp_grid *grids)
{
    plot_panel *a = plot_add(p, "Collapse by the energy form", "eta lambda_max(0)",
                             "S eta / (kappa_0 (L(0) - L(T)))", PLOT_LOG);
    for (const sp_grid *g = grids; g < grids + SP_CASES; ++g) {
        double *ratio = kit_doubles(x, g->seeds * g->n), *y = kit_doubles(x, g->n);
        for (size_t c = 0; c < g->seeds * g->n; ++c)
            ratio[c] =
                g->S[c] * g->lrs.at[c % g->n] / (fabs(g->kappa_0[c / g->n]) * g->loss_drop[c]);
        sp_curve(g, ratio, 1, y);
        if (g->n) sp_plot_case(a, g, sp_phases(x, g), y);
    }
    plot_vertical(a, 2, "edge of stability");
    plot_horizontal(a, 1, NULL);
}

static void figure(kit *x, const sp_grid *g)
{
    static const size_t order[SP_CASES] = { SP_LINEAR_MSE, SP_RELU_CE, SP_RELU_MSE, SP_LINEAR_CE };
    plot *p = kit_figure(x, "predictors", 3, 2);
    for (size_t k = 0; k < SP_CASES; ++k) sp_panel(x, p, &g[order[k]], k == SP_CASES - 1);
    validity_panel(x, p, g);
    collapse_panel(x, p, g);
    plot_caption(p, "S(eta) predicted from the start by the published formula, by sums over all "
                    "mode pairs of the Hessian and the Gauss-Newton matrix, and by the linearised "
                    "network; where each holds.");
}

static void report(kit *x)
{
    sp_grid g[SP_CASES];
    for (size_t k = 0; k < SP_CASES; ++k) {
        g[k] = sp_load(x, &spectrum, &train, &sp_cases[k]);
        sp_load_predictors(x, &g[k], &modes, &linear);
    }
    sp_error_table(x, g);
    sp_quality_table(x, g);
    modes_table(x, g);
    delta_table(x);
    claims(x, g);
    figure(x, g);
}

static const kit_info info = {
    .id = "E08_predictors", .title = "What predicts S(eta)", .statement = "Theorem 4",
    .beyond = "E08", .plan = plan, .report = report,
};
KIT_MAIN(info)
