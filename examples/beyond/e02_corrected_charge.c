/* Beyond E2  With biases Q_l = C_l - |b_l|^2 is what the flow conserves.
 *   cc -O2 -DCLB_STATIC -o charge examples/beyond/e02_corrected_charge.c -lm && ./charge    (25 s)
 * Setup   the nets of E2. Gradient descent at eta = 1e-4 .. 0.1, five seeds; the flow itself to
 *         time 2 by Runge-Kutta, three seeds; five matrices with a bias in one layer only, three
 *         seeds.
 * Measure signed drift of C_1 and Q_1; the part of the drift of C_l that is of first order in eta,
 *         C_l(T) - C_l(0) - eta^2 sum_t (|G_{l+1}|^2 - |G_l|^2). */
#define CLB_IMPLEMENTATION
#include "../../clb.h"
#include "../kit/kit.h"

static const double etas[] = { 1e-4, 1e-3, 1e-2, 1e-1 }, matrices[] = { 2, 5 }, end = 2.0;
static const double dts[] = { 0.05, 0.02, 0.01, 0.005 };
enum { ETAS = KIT_LEN(etas), DTS = KIT_LEN(dts) };

/* ---- runs: trainings as in kit/laws.h, and the flow ------------------------------------------ */

typedef struct flow { double seed, dt, drift_C1, drift_Q1, neuron_drift; } flow;
static const kit_field flow_fields[] = {
    KIT_KEY(flow, seed), KIT_KEY(flow, dt), KIT_RESULT(flow, drift_C1),
    KIT_RESULT(flow, drift_Q1), KIT_RESULT(flow, neuron_drift),
};

static clb_status integrate(kit *x, void *run)
{
    flow *row = run;
    paper_opts opts = laws_problem(2, -1);
    clb_flow_opts how = { .ce = CLB_CE, .method = CLB_FLOW_RK4, .dt = row->dt };
    paper_problem p;
    double *charges;
    clb_status status = paper_problem_init(&p, &opts, row->seed);
    if (status) return status;
    charges = laws_charges(x, &p.net);
    row->drift_C1 = -clb_charge(&p.net, NULL, 1), row->drift_Q1 = -clb_charge_bias(&p.net, NULL, 1);
    status = clb_flow(&p.net, &p.data, end, &how, NULL);
    row->drift_C1 += clb_charge(&p.net, NULL, 1), row->drift_Q1 += clb_charge_bias(&p.net, NULL, 1);
    row->neuron_drift = laws_neuron_drift(x, &p.net, charges);
    paper_problem_free(&p);
    return status;
}
static const kit_part flows = KIT_PART("flow", "the flow to time 2", flow, integrate);

static void plan(kit *x)
{
    kit_list five = kit_seeds(x, kit_quick(x) ? 1 : 5), three = kit_seeds(x, kit_quick(x) ? 1 : 3);
    for (size_t i = 0; i < ETAS; ++i) {
        laws_add(x, 2, 0, etas[i], five);
        for (size_t k = 0; k < 2; ++k) laws_add(x, matrices[k], -1, etas[i], five);
    }
    for (int layer = 1; layer <= 5; ++layer) laws_add(x, 5, layer, 1e-3, three);
    for (size_t i = 0; i < DTS; ++i)
        for (size_t s = 0; s < three.n; ++s)
            kit_add(x, &flows, &(flow){ .seed = three.at[s], .dt = dts[i] });
}

/* ---- tables --------------------------------------------------------------------------------- */

static void eta_table(kit *x)
{
    kit_table *t = KIT_TABLE(x, "eta", "Signed drift of C_1 and of Q_1 after 2000 steps, biases "
                             "everywhere", "matrices", "lr", "C1_first_seed", "Q1_first_seed",
                             "C1_mean", "C1_std", "Q1_mean", "Q1_std");
    for (size_t k = 0; k < 2; ++k)
        for (size_t i = 0; i < ETAS; ++i) {
            kit_rows rows = laws_all(x, matrices[k], -1, etas[i]);
            kit_list C = kit_values(rows, LAWS_AT(drift_C1));
            kit_list Q = kit_values(rows, LAWS_AT(drift_Q1));
            if (rows.n)
                KIT_LINE(t, matrices[k], etas[i], C.at[0], Q.at[0], clb_mean(C.n, C.at),
                         clb_std(C.n, C.at), clb_mean(Q.n, Q.at), clb_std(Q.n, Q.at));
        }
}

static kit_rows flows_at(kit *x, double dt)
{
    return kit_where(kit_part_runs(x, &flows), KIT_AT(flow, dt), dt);
}

static void flow_table(kit *x)
{
    kit_table *t = KIT_TABLE(x, "flow", "The flow to time 2 (Runge-Kutta): C_1 drifts in the "
                             "limit, Q_1 does not", "dt", "C1_first_seed", "Q1_first_seed",
                             "Q1_largest", "neuron_largest");
    for (size_t i = 0; i < DTS; ++i) {
        kit_rows rows = flows_at(x, dts[i]);
        kit_list C = kit_values(rows, KIT_AT(flow, drift_C1));
        kit_list Q = kit_values(rows, KIT_AT(flow, drift_Q1));
        if (rows.n) KIT_LINE(t, dts[i], C.at[0], Q.at[0], kit_worst(rows, KIT_AT(flow, drift_Q1)),
                             kit_worst(rows, KIT_AT(flow, neuron_drift)));
    }
}

/* A bias in one layer of five: largest |excess| of its own C_l, and of the other charges. */
typedef struct ablation { double own, others; } ablation;

static ablation one_layer(kit *x, int layer)
{
    kit_rows rows = laws_all(x, 5, layer, 1e-3);
    ablation a = { rows.n ? 0 : KIT_NAN, rows.n ? 0 : KIT_NAN };
    for (size_t s = 0; s < rows.n; ++s) {
        kit_list excess = ((laws_run *)rows.at[s])->excess;
        for (size_t l = 1; l <= excess.n; ++l) {
            double *to = (int)l == layer ? &a.own : &a.others;
            *to = fmax(*to, fabs(excess.at[l - 1]));
        }
    }
    return a;
}

/* ---- claims and figure ---------------------------------------------------------------------- */

static void claims(kit *x)
{
    kit_table *t = KIT_TABLE(x, "only", "A bias in one layer of five: largest first-order drift of "
                             "its own C_l, and of the other charges", "bias_in_layer", "own_charge",
                             "other_charges");
    kit_rows finest = flows_at(x, dts[DTS - 1]);
    kit_list C = kit_values(finest, KIT_AT(flow, drift_C1));
    double least = C.n ? KIT_INF : KIT_NAN, hidden = KIT_INF, others = KIT_NAN;
    kit_claim *c = kit_ours(x, "flow", "The flow itself does not conserve C with biases; it "
                            "conserves Q = C - |b|^2.");
    for (size_t s = 0; s < C.n; ++s) least = fmin(least, fabs(C.at[s]));
    kit_summary(x, "flow_drift_C", kit_mean(finest, KIT_AT(flow, drift_C1)));
    kit_summary(x, "flow_drift_Q", kit_mean(finest, KIT_AT(flow, drift_Q1)));
    kit_statement(c, "least |drift| of C_1 over the seeds", least, kit_above(1e-4));
    kit_statement(c, "largest |drift| of Q_1", kit_worst(finest, KIT_AT(flow, drift_Q1)),
                  kit_below(1e-7));
    kit_remark(c, "By Runge-Kutta at the smallest step: the limit of gradient descent for small "
                  "eta.");
    kit_needs(c, 3, 0);
    for (int layer = 1; layer <= 5; ++layer) {
        ablation a = one_layer(x, layer);
        KIT_LINE(t, layer, a.own, a.others);
        others = kit_worse(others, a.others);
        if (layer < 5) hidden = isnan(a.own) ? KIT_NAN : fmin(hidden, a.own);
    }
    c = kit_identity(x, "one_layer", "A bias in layer l breaks C_l alone, to first order in eta; "
                     "one in the last layer breaks none.", "largest first-order drift of other "
                                                           "charges",
                     others, kit_below(sizeof(clb_real) == 4 ? 1e-3 : 1e-11));
    kit_statement(c, "least of the own charge over that", hidden / others, kit_above(1e5));
    laws_identities(x, "The drift of every Q_l is eta^2 times the sum over the steps of "
                       "|G_l+1|^2 - |G_l|^2 - |g_l|^2 (Theorem 2 with biases).");
}

static void against_eta(kit *x, plot_panel *a, int style, int bias, kit_at member,
                        const char *label)
{
    double mean[ETAS];
    for (size_t i = 0; i < ETAS; ++i) {
        kit_list v = kit_values(laws_all(x, 2, bias, etas[i]), member);
        mean[i] = v.n ? 0 : KIT_NAN;
        for (size_t s = 0; s < v.n; ++s) {
            double size = fabs(v.at[s]);
            mean[i] += size / (double)v.n;
            plot_points(a, style | PLOT_SMALL, 1, &etas[i], &size, NULL);
        }
    }
    plot_line(a, style, ETAS, etas, mean, NULL);
    plot_points(a, style, ETAS, etas, mean, label);
}

static void figure(kit *x)
{
    plot *p = kit_figure(x, "eta", 1, 1);
    plot_panel *a = plot_add(p, "Drift after 2000 steps", "learning rate eta",
                             "|drift|, points: seeds", PLOT_LOG);
    against_eta(x, a, PLOT_RED, -1, LAWS_AT(drift_C1), "C_1 with bias");
    against_eta(x, a, PLOT_BLUE, -1, LAWS_AT(drift_Q1), "Q_1 with bias");
    against_eta(x, a, PLOT_GREEN | PLOT_OPEN | PLOT_DASHED, 0, LAWS_AT(drift_C1),
                "C_1 without bias");
    plot_caption(p, "Q with biases drifts like C without them, in proportion to eta; C with biases "
                    "does not vanish with eta.");
}

static void report(kit *x)
{
    eta_table(x);
    flow_table(x);
    claims(x);
    figure(x);
}

static const kit_info info = { .id = "E02_corrected_charge", .title = "The charge corrected for "
                                                                      "bias",
    .statement = "Theorem 1, eq. (10)", .beyond = "E02", .plan = plan, .report = report };
KIT_MAIN(info)
