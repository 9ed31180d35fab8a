/* M1, beyond the paper: how the balance comes back at the critical step.
 *   cc -O2 -DCLB_STATIC -o flow examples/beyond/m01_central_flow.c -lm && ./flow             (1 s)
 * M1's mode 1 at eta = 2/lambda_min, 20000 steps. The variance V of the leaf coordinates decays as
 * 1/t: t V/z*^2 -> (7L-2)/(12(L-1)). From step 500 on the run is compared with two slow flows: of V
 * alone, where the amplitude of the alternation follows V at once, and of V and the amplitude. */
#define CLB_IMPLEMENTATION
#include "../../clb.h"
#include "../kit/kit.h"
#include "../kit/pathways.h"

enum { P = 2, L = 20, T = 20000, FROM = 500, EVERY = 100, SAMPLES = (T - FROM) / EVERY + 1 };
static const double target = 2;

typedef struct decay {
    double T_steps;
    double eta, t_varz_over_zstar2;
    kit_list t, V, one, two;
} decay;
static const kit_field decay_fields[] = {
    KIT_KEY(decay, T_steps), KIT_RESULT(decay, eta), KIT_RESULT(decay, t_varz_over_zstar2),
    KIT_RESULT_ARRAY(decay, t), KIT_RESULT_ARRAY(decay, V), KIT_RESULT_ARRAY(decay, one),
    KIT_RESULT_ARRAY(decay, two),
};

/* V of gradient descent, of the flow of V (one) and of the flow of V and the amplitude (two). */
static clb_status follow(clb_path_mode *mode, double eta, double *t, double *V, double *one,
                         double *two)
{
    double state[2], step;
    clb_status status = CLB_OK;
    for (size_t k = 0; k < FROM; ++k) clb_path_mode_step(mode, eta);
    step = eta * clb_path_mode_residual(mode);              /* u* = z* = 1 */
    state[0] = clb_path_mode_variance(mode), state[1] = step * step;
    for (size_t i = 0; i < SAMPLES && !status; ++i) {
        t[i] = (double)(FROM + i * EVERY), V[i] = clb_path_mode_variance(mode);
        one[i] = clb_path_central_flow(P, L, target, eta, V[0], t[i] - t[0]), two[i] = state[0];
        if (i + 1 == SAMPLES) break;
        for (size_t k = 0; k < EVERY; ++k) clb_path_mode_step(mode, eta);
        status = clb_path_central_pair(P, L, target, eta, EVERY, state);
    }
    return status;
}

static clb_status run_decay(kit *x, void *run)
{
    static const double alpha[P] = { 0.01, 0.005 };
    decay *row = run;
    double t[SAMPLES], V[SAMPLES], one[SAMPLES], two[SAMPLES];
    clb_path_mode mode;
    clb_status status = path_start(&mode, P, L, target, alpha);
    if (status) return status;
    row->eta = 2 / clb_path_balanced_sharpness(P, L, target);
    status = follow(&mode, row->eta, t, V, one, two);
    row->t_varz_over_zstar2 = t[SAMPLES - 1] * V[SAMPLES - 1];
    row->t = kit_keep(x, SAMPLES, t), row->V = kit_keep(x, SAMPLES, V);
    row->one = kit_keep(x, SAMPLES, one), row->two = kit_keep(x, SAMPLES, two);
    clb_path_mode_free(&mode);
    return status;
}

static const kit_part decays = KIT_PART("critical", "V at the critical step", decay, run_decay);

static void plan(kit *x) { kit_add(x, &decays, &(decay){ .T_steps = T }); }

static void report(kit *x)
{
    kit_rows rows = kit_part_runs(x, &decays);
    double limit = clb_path_critical_constant(L);
    const decay *r;
    kit_claim *c = kit_ours(x, "balance",
                            "At the critical step the balance is approached as 1/t, with the "
                            "constant (7L-2)/(12(L-1)).");
    plot *p = kit_figure(x, "central_flow", 1, 1);
    plot_panel *a = plot_add(p, "Variance at the critical step", "step", "V", PLOT_LOG);
    kit_statement(c, "t V/z*^2 after 20000 steps over the constant",
                  kit_mean(rows, KIT_AT(decay, t_varz_over_zstar2)) / limit, kit_within(1, 0.02));
    kit_show(c, "t V/z*^2", kit_mean(rows, KIT_AT(decay, t_varz_over_zstar2))),
        kit_show(c, "constant (7L-2)/(12(L-1))", limit);
    if (!rows.n) return;
    r = rows.at[0];
    c = kit_ours(x, "amplitude",
                 "The amplitude of the alternation is a slow variable of its own: with it the flow "
                 "follows gradient descent closer than the flow of V alone.");
    kit_statement(c, "error of V at the end with the amplitude, relative",
                  fabs(r->two.at[SAMPLES - 1] / r->V.at[SAMPLES - 1] - 1), kit_below(0.02));
    kit_show(c, "error without the amplitude",
             fabs(r->one.at[SAMPLES - 1] / r->V.at[SAMPLES - 1] - 1));
    plot_lists(a, PLOT_GREEN, r->t, r->V, "gradient descent");
    plot_lists(a, PLOT_ORANGE | PLOT_DASHED, r->t, r->one, "flow of V");
    plot_lists(a, PLOT_PURPLE | PLOT_DASHED, r->t, r->two, "flow of V and amplitude");
    plot_slope(a, 600, T, 1.5 * limit / 600, -1, "1/t");
    plot_caption(p, "The critical run from step 500 on against the two slow flows that start from "
                    "its state.");
}

static const kit_info info = {
    .id = "M01_central_flow",
    .title = "The balance at the critical step",
    .statement = "beyond re-balancing",
    .beyond = "M01",
    .plan = plan,
    .report = report,
};
KIT_MAIN(info)
