/* Beyond E1  Theorem 1 is about the gradient flow: integrate it.
 *   cc -O2 -DCLB_STATIC -o flow examples/beyond/e01_flow.c -lm && ./flow                    (50 s)
 * Setup   the 20-64-5 ReLU net of E1, and the same net without activation, three seeds. The flow to
 *         time 2 = 0.001 * 2000 by Runge-Kutta of order 4, by Euler's method (gradient descent), by
 *         the implicit midpoint rule, and by Dormand-Prince with every neuron's charge restored by
 *         rescaling. "trained": the net of five matrices at eta = 0.01, where it learns.
 * Measure the largest |C(t) - C(0)| / |C(0)| at 20 times; the largest drift of a neuron's charge;
 *         the order of Runge-Kutta, the slope of ln drift against ln dt. */
#define CLB_IMPLEMENTATION
#include "../../clb.h"
#include "../kit/kit.h"

enum { STOPS = 20 };
static const double end = 2.0;

static const struct method {
    const char     *name;
    clb_flow_method method;
    size_t          n;
    double          dt[6];
} methods[] = {
    { "rk4", CLB_FLOW_RK4, 6, { 0.05, 0.02, 0.01, 0.005, 0.002, 0.001 } },
    { "euler", CLB_FLOW_EULER, 3, { 0.01, 0.001, 1e-4 } },
    { "midpoint", CLB_FLOW_MIDPOINT, 4, { 0.1, 0.05, 0.02, 0.01 } },
    { "rescaled", CLB_FLOW_ADAPTIVE, 1, { 0.01 } },
};
static const char *const nets[] = { "relu", "linear" };

/* ---- one run -------------------------------------------------------------------------------- */

typedef struct flow {
    const char *net, *method;
    double      dt, seed;
    kit_list    drift;                                /* signed, relative, at the 20 times */
    double      max_drift, neuron_drift, steps, evaluations, stalls, loss;
} flow;
#define AT(member) KIT_AT(flow, member)
static const kit_field flow_fields[] = {
    KIT_KEY_TEXT(flow, net), KIT_KEY_TEXT(flow, method), KIT_KEY(flow, dt), KIT_KEY(flow, seed),
    KIT_RESULT_ARRAY(flow, drift), KIT_RESULT(flow, max_drift), KIT_RESULT(flow, neuron_drift),
    KIT_RESULT(flow, steps), KIT_RESULT(flow, evaluations), KIT_RESULT(flow, stalls),
    KIT_RESULT(flow, loss),
};

typedef struct record { double C0, drift[STOPS]; size_t n; } record;

static clb_verdict look(void *context, const clb_state *state)
{
    record *r = context;
    r->drift[r->n++] = (clb_charge(state->net, NULL, 1) - r->C0) / fabs(r->C0);
    return CLB_CONTINUE;
}

static clb_status integrate(kit *x, void *run)
{
    flow *row = run;
    const struct method *m = methods;
    paper_opts opts = { .L = 2 };
    paper_problem p;
    record r = { 0 };
    double times[STOPS], *charges;
    clb_flow_opts how = { .ce = CLB_CE, .dt = row->dt, .times = times, .time_count = STOPS,
                          .observe = look, .context = &r };
    clb_flow_stats stats;
    clb_status status;
    while (strcmp(m->name, row->method)) ++m;
    how.method = m->method, how.rescale = m->method == CLB_FLOW_ADAPTIVE;
    for (int i = 0; i < STOPS; ++i) times[i] = end * (i + 1) / STOPS;
    opts.net.activation = strcmp(row->net, "linear") ? CLB_RELU : CLB_IDENTITY;
    if ((status = paper_problem_init(&p, &opts, row->seed)) != CLB_OK) return status;
    charges = laws_charges(x, &p.net), r.C0 = clb_charge(&p.net, NULL, 1);
    status = clb_flow(&p.net, &p.data, end, &how, &stats);
    row->max_drift = 0;
    for (size_t i = 0; i < r.n; ++i) row->max_drift = fmax(row->max_drift, fabs(r.drift[i]));
    row->drift = kit_keep(x, r.n, r.drift);
    row->neuron_drift = laws_neuron_drift(x, &p.net, charges);
    row->steps = (double)stats.steps, row->evaluations = (double)stats.evaluations;
    row->stalls = (double)stats.stalls, row->loss = stats.loss;
    paper_problem_free(&p);
    return status;
}

static const kit_part flows = KIT_PART("flow", "the flow to time 2", flow, integrate);

static void plan(kit *x)
{
    kit_list seeds = kit_seeds(x, kit_quick(x) ? 1 : 3);
    for (size_t net = 0; net < 2; ++net)
        for (size_t k = 0; k < KIT_LEN(methods); ++k)
            for (size_t i = 0; i < methods[k].n; ++i)
                for (size_t s = 0; s < seeds.n; ++s)
                    if (!kit_quick(x) || methods[k].dt[i] >= 5e-3)
                        kit_add(x, &flows, &(flow){ .net = nets[net], .method = methods[k].name,
                                                    .dt = methods[k].dt[i], .seed = seeds.at[s] });
    laws_add(x, 5, 0, 0.01, kit_seeds(x, kit_quick(x) ? 1 : 5));
}

/* ---- what follows from the runs ------------------------------------------------------------- */

static kit_rows runs_of(kit *x, const char *net, size_t method, size_t i)
{
    kit_rows rows = kit_where_text(kit_part_runs(x, &flows), AT(net), net);
    rows = kit_where_text(rows, AT(method), methods[method].name);
    return kit_where(rows, AT(dt), methods[method].dt[i]);
}

/* Mean over the seeds of the largest relative drift. */
static double mean_drift(kit *x, const char *net, size_t method, size_t i)
{
    return kit_mean(runs_of(x, net, method, i), AT(max_drift));
}

/* Fitted order of Runge-Kutta over the steps from .. to-1 of its list. */
static double order(kit *x, const char *net, size_t from, size_t to)
{
    double y[6];
    for (size_t i = from; i < to; ++i) y[i] = mean_drift(x, net, 0, i);
    return clb_fit_power(to - from, methods[0].dt + from, y + from, 0).slope;
}

static void table(kit *x)
{
    kit_table *t = KIT_TABLE(x, "flow", "The flow to time 2: largest relative drift of C, largest "
                             "absolute drift of a neuron's charge", "net", "method", "dt",
                             "max_drift", "neuron_drift", "evaluations", "stalls");
    for (size_t net = 0; net < 2; ++net)
        for (size_t k = 0; k < KIT_LEN(methods); ++k)
            for (size_t i = 0; i < methods[k].n; ++i) {
                kit_rows rows = runs_of(x, nets[net], k, i);
                if (!rows.n) continue;
                kit_text(t, nets[net]), kit_text(t, methods[k].name);
                KIT_CELLS(t, k < 3 ? methods[k].dt[i] : KIT_NONE, kit_mean(rows, AT(max_drift)),
                          kit_mean(rows, AT(neuron_drift)), kit_mean(rows, AT(evaluations)),
                          kit_mean(rows, AT(stalls)));
            }
    t = laws_table(x, "trained", "Five matrices at eta = 0.01, where the net learns: relative "
                    "drift, maximum over 2000 steps; absolute; over |W_l|^2 + |W_l+1|^2");
    laws_line(t, 5, 0, 0.01);
}

static void claims(kit *x)
{
    double fine = mean_drift(x, "relu", 0, 5), midpoint = KIT_NAN;
    double linear = order(x, "linear", 0, 5), late = order(x, "relu", 3, 6);
    kit_claim *c = kit_ours(x, "flow", "Gradient flow conserves C: what is left is the error of "
                            "the integrator, and it vanishes with the step.");
    for (size_t i = 0; i < methods[2].n; ++i)
        midpoint = kit_worse(midpoint, mean_drift(x, "linear", 2, i));
    kit_summary(x, "flow_drift", fine), kit_summary(x, "rk4_order_linear", linear);
    kit_summary(x, "rk4_order_relu_coarse", order(x, "relu", 0, 3));
    kit_summary(x, "rk4_order_relu_fine", late);
    kit_statement(c, "relative drift by Runge-Kutta at dt = 0.001", fine, kit_below(1e-9));
    kit_statement(c, "order of Runge-Kutta on the linear net", linear, kit_above(3.5));
    kit_statement(c, "order on ReLU below dt = 0.01", late, kit_above(0.9));
    kit_show(c, "order on ReLU from dt = 0.01 up", order(x, "relu", 0, 3));
    kit_remark(c, "The order is 4 where the field is smooth; the kinks of ReLU cost the order, not "
                  "the law.");
    kit_identity(x, "midpoint", "The implicit midpoint rule keeps C of the linear net at any step.",
                 "worst mean drift", midpoint, kit_below(1e-14));
    kit_identity(x, "rescaling", "With rescaling every neuron keeps its charge.", "mean drift",
                 kit_mean(runs_of(x, "relu", 3, 0), AT(neuron_drift)), kit_below(1e-12));
    laws_identities(x, "The drift of every C_l is eta^2 S_l (Theorem 2).");
}

static void series(kit *x, plot_panel *a, int style, const char *net, size_t method,
                   const char *label)
{
    double y[6];
    for (size_t i = 0; i < methods[method].n; ++i) y[i] = mean_drift(x, net, method, i);
    plot_line(a, style, methods[method].n, methods[method].dt, y, NULL);
    plot_points(a, style, methods[method].n, methods[method].dt, y, label);
}

static void figure(kit *x)
{
    static const struct { size_t method, dt; int style; const char *label; } curves[] = {
        { 1, 0, PLOT_ORANGE, "GD, eta = 0.01" },
        { 1, 1, PLOT_RED, "GD, eta = 0.001" },
        { 1, 2, PLOT_PURPLE, "GD, eta = 0.0001" },
        { 0, 3, PLOT_BLUE, "Runge-Kutta, dt = 0.005" },
        { 3, 0, PLOT_GREEN, "flow with rescaling" },
    };
    plot *p = kit_figure(x, "flow", 2, 1);
    plot_panel *a = plot_add(p, "Drift of C along the flow (first seed)", "time eta t",
                             "|C(t) - C(0)| / |C(0)|", PLOT_LOGY);
    plot_range_y(a, 1e-25, 1e-2);                                      /* room for the legend */
    for (size_t k = 0; k < KIT_LEN(curves); ++k) {
        kit_rows rows = runs_of(x, "relu", curves[k].method, curves[k].dt);
        kit_list drift = rows.n ? ((flow *)rows.at[0])->drift : (kit_list){ 0, NULL };
        double time[STOPS], y[STOPS];
        for (size_t i = 0; i < drift.n && i < STOPS; ++i)
            time[i] = end * (double)(i + 1) / STOPS, y[i] = fmax(fabs(drift.at[i]), 1e-17);
        plot_line(a, curves[k].style, drift.n, time, y, curves[k].label);
    }
    a = plot_add(p, "Drift to time 2 against the step", "step dt (eta for GD)",
                 "largest |Delta C| / |C(0)|", PLOT_LOG);
    plot_range_y(a, 1e-20, 1e-2);
    plot_horizontal(a, 3e-5, "paper: 0.003 %");
    series(x, a, PLOT_RED, "relu", 1, "GD, ReLU");
    series(x, a, PLOT_RED | PLOT_OPEN | PLOT_DASHED, "linear", 1, "GD, linear");
    series(x, a, PLOT_BLUE, "relu", 0, "Runge-Kutta 4, ReLU");
    series(x, a, PLOT_BLUE | PLOT_OPEN | PLOT_DASHED, "linear", 0, "Runge-Kutta 4, linear");
    series(x, a, PLOT_GREEN | PLOT_OPEN | PLOT_DASHED, "linear", 2, "implicit midpoint, linear");
    plot_caption(p, "Conservation of C: gradient descent drifts in proportion to its step, the "
                    "flow does not.");
}

static void report(kit *x)
{
    table(x);
    claims(x);
    figure(x);
}

static const kit_info info = { .id = "E01_flow", .title = "Conservation along the flow",
    .statement = "Theorem 1", .beyond = "E01", .plan = plan, .report = report };
KIT_MAIN(info)
