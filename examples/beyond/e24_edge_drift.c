/* E24  The drift at the edge of stability, predicted without a fit.            docs/edge.md, @S25
 *   cc -O2 -DCLB_STATIC -o e24 examples/beyond/e24_edge_drift.c -lm && ./e24     (a minute on two cores)
 * Setup   gradient descent under squared loss beyond eta lambda_max = 2, mixture with separation 0.5.
 *         "deep": 20-32-32-32-32-5, n = 500 (E4's generated data), eta = 0.5, 1, 2, T = 600, three seeds.
 *         "two_layer": 20-64-5, n = 200, eta = 1, 2, T = 1000, twenty seeds. "sweep": the same net, eta
 *         from 0.03 to 0.7 across the edge, three seeds. Sizes are such that it takes a minute; --seeds
 *         gives as many as wanted.
 * Predict the two-point flow: two gradients either side of a slowly moving centre (clb_edge_predict).
 *         Beside it the paper's formula from the Hessian at the start, and the linearised network.
 * Measure predicted over measured sum of |drift| over the charges; the share of the measured drift that
 *         the oscillation makes (exact, clb_trace.oscillation).
 * Rules   written before this run, after short trials: within 10 % in the median over seeds, within 25 % for every seed. A run
 *         that diverges, or its prediction, is left out and counted. */
#define CLB_IMPLEMENTATION
#include "../../clb.h"
#include "../kit/kit.h"

static const double deep_etas[] = { 0.5, 1, 2 }, two_etas[] = { 1, 2 },
                    sweep_etas[] = { 0.03, 0.06, 0.1, 0.2, 0.3, 0.5, 0.7, 1, 2 };
enum { T_DEEP = 600, T_TWO = 1000 };

typedef struct drift_run {
    double   seed, lr, T;
    double   measured, predicted, ratio, oscillation_share, predicted_share, route_error, split_error;
    double   lambda_start, eta_sharpness, final_loss, predicted_loss, sign_errors, diverged;
    kit_list drift, predicted_drift, neuron_correlation;
} drift_run;
static const kit_field drift_run_fields[] = {
    KIT_KEY(drift_run, seed), KIT_KEY(drift_run, lr), KIT_KEY(drift_run, T), KIT_RESULT(drift_run, measured),
    KIT_RESULT(drift_run, predicted), KIT_RESULT(drift_run, ratio), KIT_RESULT(drift_run, oscillation_share),
    KIT_RESULT(drift_run, predicted_share), KIT_RESULT(drift_run, route_error),
    KIT_RESULT(drift_run, split_error), KIT_RESULT(drift_run, lambda_start),
    KIT_RESULT(drift_run, eta_sharpness), KIT_RESULT(drift_run, final_loss),
    KIT_RESULT(drift_run, predicted_loss), KIT_RESULT(drift_run, sign_errors), KIT_RESULT(drift_run, diverged),
    KIT_RESULT_ARRAY(drift_run, drift), KIT_RESULT_ARRAY(drift_run, predicted_drift),
    KIT_RESULT_ARRAY(drift_run, neuron_correlation),
};
typedef struct rival_run { double seed, lr, measured, formula, linearised; } rival_run;
static const kit_field rival_run_fields[] = {
    KIT_KEY(rival_run, seed), KIT_KEY(rival_run, lr), KIT_RESULT(rival_run, measured),
    KIT_RESULT(rival_run, formula), KIT_RESULT(rival_run, linearised),
};

static paper_opts deep_net(void) { return (paper_opts){ .n = 500, .m = 32, .L = 5, .separation = 0.5 }; }
static paper_opts two_layers(void) { return (paper_opts){ .separation = 0.5 }; }

/* Sums over the charges of the run itself: its drift, and the part that the oscillation makes. */
static void measure(kit *x, drift_run *row, const clb_trace *tr)
{
    size_t n = tr->L - 1;
    double *drift = kit_doubles(x, n), oscillation = 0;
    row->measured = row->split_error = 0;
    for (size_t l = 1; l <= n; ++l) {
        drift[l - 1] = clb_trace_drift(tr, l);
        row->measured += fabs(drift[l - 1]), oscillation += fabs(tr->oscillation[l - 1]);
        row->split_error = kit_worse(row->split_error, fabs(tr->flow[l - 1] + tr->oscillation[l - 1] - drift[l - 1]));
    }
    row->split_error /= row->measured, row->oscillation_share = oscillation / row->measured;
    row->drift = (kit_list){ n, drift }, row->final_loss = tr->loss[tr->T];
}

static void predict(kit *x, drift_run *row, const clb_edge *e)
{
    size_t n = e->L - 1;
    double swing = 0, wrong = 0;
    row->predicted = 0;
    for (size_t l = 0; l < n; ++l) {
        row->predicted += fabs(e->drift[l]), swing += fabs(e->swing[l]);
        wrong += e->drift[l] * row->drift.at[l] < 0;
    }
    row->ratio = row->predicted / row->measured, row->predicted_share = swing / row->predicted;
    row->route_error = e->route_error, row->sign_errors = wrong;
    row->eta_sharpness = row->lr * e->sharpness[e->T], row->predicted_loss = e->loss[e->T];
    row->predicted_drift = kit_keep(x, n, e->drift);
}

/* Pearson correlation of predicted and measured drift over the neurons of each hidden layer. */
static void neurons(kit *x, drift_run *row, const clb_net *net, const double *before, const clb_edge *e)
{
    double *after = kit_doubles(x, e->hidden), R[8];
    size_t at = 0, n = 0;
    clb_hidden_charges(net, NULL, after);
    for (size_t i = 0; i < e->hidden; ++i) after[i] -= before[i];
    for (size_t l = 1; l < net->L && n < KIT_LEN(R); at += net->m[l], ++l)
        R[n++] = clb_pearson(net->m[l], after + at, e->neuron + at);
    row->neuron_correlation = kit_keep(x, n, R);
}

static clb_status run_edge(kit *x, drift_run *row, const paper_opts *opts)
{
    paper_problem p;
    clb_edge e;
    clb_trace tr;
    double *before;
    clb_status status = paper_problem_init(&p, opts, row->seed);
    if (status) return status;
    before = kit_doubles(x, clb_hidden_count(&p.net));
    clb_hidden_charges(&p.net, NULL, before);
    status = paper_sharpness(&p, CLB_MSE, &row->lambda_start, NULL);
    if (!status) status = clb_edge_predict(&p.net, &p.data, row->lr, (size_t)row->T, NULL, 1, &e);
    if (!status) {
        if (!(status = clb_train(&p.net, &p.data, row->lr, (size_t)row->T, NULL, &tr))) {
            measure(x, row, &tr), predict(x, row, &e), neurons(x, row, &p.net, before, &e);
            clb_trace_free(&tr);
        }
        clb_edge_free(&e);
    }
    row->diverged = status == CLB_EDIVERGED;                        /* the run or its prediction */
    paper_problem_free(&p);
    return status == CLB_EDIVERGED ? CLB_OK : status;
}

static clb_status run_deep(kit *x, void *run)
{
    paper_opts opts = deep_net();
    return run_edge(x, run, &opts);
}
static clb_status run_two(kit *x, void *run)
{
    paper_opts opts = two_layers();
    return run_edge(x, run, &opts);
}

/* The paper's formula with the Hessian at the start, and the linearised network. */
static clb_status run_rival(kit *x, void *run)
{
    rival_run *row = run;
    paper_opts opts = two_layers();
    sw_start s;
    clb_trace tr;
    double S = KIT_NAN, *lambda = kit_doubles(x, 2 * 1600), *c = lambda + 1600;
    clb_status status = sw_start_init(&s, &opts, row->seed, CLB_MSE);
    if (!status) status = kit_crossover_modes(&s.curv, lambda, c);
    if (!status) {
        row->formula = fabs(row->lr * row->lr * clb_crossover(1600, lambda, c, row->lr, T_TWO, NULL));
        status = clb_linearised(&s.curv, row->lr, T_TWO, NULL, &S);
        row->linearised = status == CLB_EDIVERGED ? KIT_INF : fabs(row->lr * row->lr * S);
        status = status == CLB_EDIVERGED ? CLB_OK : status;
    }
    if (!status && !(status = clb_train(&s.problem.net, &s.problem.data, row->lr, T_TWO, NULL, &tr))) {
        row->measured = fabs(clb_trace_drift(&tr, 1));
        clb_trace_free(&tr);
    }
    sw_start_free(&s);
    return status;
}

static const kit_part deep = KIT_PART("deep", "Five matrices beyond the edge", drift_run, run_deep),
                      two = KIT_PART("two_layer", "Two layers beyond the edge", drift_run, run_two),
                      sweep = KIT_PART("sweep", "Two layers across the edge", drift_run, run_two),
                      rivals = KIT_PART("rivals", "Other predictions", rival_run, run_rival);

static void plan_part(kit *x, const kit_part *part, kit_list etas, kit_list seeds, double T)
{
    for (size_t i = 0; i < etas.n; ++i)
        for (size_t s = 0; s < seeds.n; ++s)
            kit_add(x, part, &(drift_run){ .seed = seeds.at[s], .lr = etas.at[i], .T = T });
}

static void plan(kit *x)
{
    kit_list few = kit_seeds(x, kit_quick(x) ? 1 : 3),
             twenty = kit_seeds(x, kit_quick(x) ? 1 : 20);
    if (!kit_quick(x)) plan_part(x, &deep, KIT_LIST(deep_etas), few, T_DEEP);
    plan_part(x, &two, KIT_LIST(two_etas), twenty, kit_quick(x) ? 500 : T_TWO);
    if (kit_quick(x)) return;
    plan_part(x, &sweep, KIT_LIST(sweep_etas), few, T_TWO);
    for (size_t i = 0; i < KIT_LEN(two_etas); ++i)
        for (size_t s = 0; s < few.n; ++s)
            kit_add(x, &rivals, &(rival_run){ .seed = few.at[s], .lr = two_etas[i] });
}

/* ---- what follows from the runs --------------------------------------------------------------- */

typedef struct spread { double median, worst; } spread;            /* of |predicted/measured - 1| */

static spread errors_table(kit *x, kit_table *t, const char *net, const kit_part *part, kit_list etas)
{
    spread all = { 0, 0 };
    for (size_t i = 0; i < etas.n; ++i) {
        kit_rows r = kit_converged(kit_where(kit_part_runs(x, part), KIT_AT(drift_run, lr), etas.at[i]));
        kit_list ratio = kit_values(r, KIT_AT(drift_run, ratio));
        double *error = kit_doubles(x, 2 * ratio.n), *sorted = error + ratio.n, median, worst = 0;
        if (!r.n) return (spread){ KIT_NAN, KIT_NAN };
        for (size_t k = 0; k < ratio.n; ++k) {
            sorted[k] = ratio.at[k], error[k] = fabs(ratio.at[k] - 1);
            worst = kit_worse(worst, error[k]);
        }
        median = clb_median(ratio.n, error);
        kit_text(t, net);
        KIT_CELLS(t, etas.at[i], (double)r.n, kit_mean(r, KIT_AT(drift_run, measured)),
                  kit_mean(r, KIT_AT(drift_run, predicted)), clb_median(ratio.n, sorted), median, worst,
                  kit_mean(r, KIT_AT(drift_run, oscillation_share)), kit_mean(r, KIT_AT(drift_run, predicted_share)),
                  kit_mean(r, KIT_AT(drift_run, eta_sharpness)));
        all.median = kit_worse(all.median, median), all.worst = kit_worse(all.worst, worst);
    }
    return all;
}

/* ln drift against ln eta, measured and predicted: the largest difference of the local slopes. */
static double slopes_table(kit *x, double *measured, double *predicted)
{
    enum { N = KIT_LEN(sweep_etas) };
    kit_table *t = KIT_TABLE(x, "across the edge", "Two layers, mean over three seeds: drift against the step size and "
                             "its local slope", "lr", "eta_lambda_start_half", "measured", "predicted",
                             "slope_measured", "slope_predicted");
    double apart = KIT_NAN;
    for (size_t i = 0; i < N; ++i) {
        kit_rows r = kit_where(kit_part_runs(x, &sweep), KIT_AT(drift_run, lr), sweep_etas[i]);
        double a = KIT_NONE, b = KIT_NONE;
        measured[i] = kit_mean(r, KIT_AT(drift_run, measured)), predicted[i] = kit_mean(r, KIT_AT(drift_run, predicted));
        if (!r.n) return KIT_NAN;
        if (i) {
            double step = clb_log(sweep_etas[i] / sweep_etas[i - 1]);
            a = clb_log(measured[i] / measured[i - 1]) / step, b = clb_log(predicted[i] / predicted[i - 1]) / step;
            apart = i == 1 ? fabs(a - b) : kit_worse(apart, fabs(a - b));
        }
        KIT_LINE(t, sweep_etas[i], sweep_etas[i] * kit_mean(r, KIT_AT(drift_run, lambda_start)) / 2, measured[i],
                 predicted[i], a, b);
    }
    return apart;
}

/* How far the paper's formula is off at the edge: its least factor. */
static double rivals_table(kit *x)
{
    kit_table *t = KIT_TABLE(x, "other predictions", "Two layers, means over three seeds: the paper's formula from the "
                             "Hessian at the start, and the linearised network", "lr", "measured",
                             "formula", "linearised");
    double least = KIT_NAN;
    for (size_t i = 0; i < KIT_LEN(two_etas); ++i) {
        kit_rows r = kit_where(kit_part_runs(x, &rivals), KIT_AT(rival_run, lr), two_etas[i]);
        double m = kit_mean(r, KIT_AT(rival_run, measured)), f = kit_mean(r, KIT_AT(rival_run, formula)), off;
        if (!r.n) return KIT_NAN;
        KIT_LINE(t, two_etas[i], m, f, kit_mean(r, KIT_AT(rival_run, linearised)));
        off = f > m ? f / m : m / f;
        least = i ? fmin(least, off) : off;
    }
    return least;
}

static void claims(kit *x, spread d, spread s, double apart, double formula)
{
    kit_rows all = kit_part_runs(x, &deep);
    kit_list wrong = kit_values(all, KIT_AT(drift_run, sign_errors)),
             share = kit_values(kit_between(all, KIT_AT(drift_run, lr), 1, 2), KIT_AT(drift_run, oscillation_share));
    kit_claim *c = kit_ours(x, "two_layer", "Two-layer nets beyond the edge: the drift is predicted without a fit.");
    kit_summary(x, "median_error_two_layer", s.median), kit_summary(x, "median_error_deep", d.median);
    kit_statement(c, "median error over seeds, at the worse eta", 100 * s.median, kit_in_units(kit_at_most(10), "%"));
    kit_statement(c, "largest error of a run", 100 * s.worst, kit_in_units(kit_at_most(25), "%"));
    kit_needs(c, 20, 0);
    c = kit_ours(x, "deep", "Nets of five matrices beyond the edge: the drift is predicted without a fit.");
    kit_statement(c, "median error over seeds, at the worst eta", 100 * d.median, kit_in_units(kit_at_most(10), "%"));
    kit_statement(c, "largest error of a run", 100 * d.worst, kit_in_units(kit_at_most(25), "%"));
    kit_show(c, "charges predicted with the wrong sign", clb_mean(wrong.n, wrong.at) * (double)wrong.n);
    kit_needs(c, 3, 0);
    c = kit_ours(x, "oscillation", "At the edge the oscillation makes nearly the whole drift of a deep net.");
    kit_statement(c, "least share of it in the measured drift, eta = 1 and 2", 100 * clb_summarize(share.n, share.at).min,
                  kit_in_units(kit_at_least(80), "%"));
    kit_needs(c, 3, 0);
    c = kit_ours(x, "one_curve", "One curve gives the drift below and beyond the edge: its local slopes are predicted.");
    kit_statement(c, "largest difference of a local slope", apart, kit_at_most(0.3));
    kit_needs(c, 3, 0);
    c = kit_ours(x, "formula", "The paper's formula does not reach beyond the edge.");
    kit_statement(c, "least factor by which it is off", formula, kit_at_least(10));
    kit_needs(c, 3, 0);
    kit_identity(x, "routes", "Both routes of the prediction agree.", "largest difference",
                 kit_worst(kit_part_runs(x, &two), KIT_AT(drift_run, route_error)), kit_below(1e-6));
    kit_identity(x, "split", "Flow and oscillation part add up to the drift of every run.", "largest relative difference",
                 kit_worst(kit_part_runs(x, &two), KIT_AT(drift_run, split_error)), kit_below(sizeof(clb_real) == 4 ? 1e-3 : 1e-10));
}

static void figure(kit *x, const double *measured, const double *predicted)
{
    static const struct { const kit_part *part; int style; const char *name; } sets[] = {
        { &two, PLOT_BLUE | PLOT_SMALL, "two layers" }, { &deep, PLOT_ORANGE | PLOT_SMALL, "five matrices" } };
    double line[2] = { 1e-3, 100 };
    plot *p = kit_figure(x, "edge", 2, 1);
    plot_panel *a = plot_add(p, "Every run beyond the edge", "measured sum of |drift|", "predicted", PLOT_LOG);
    plot_line(a, PLOT_GREY | PLOT_DASHED, 2, line, line, "equal");
    for (size_t k = 0; k < KIT_LEN(sets); ++k) {
        kit_list m = kit_values(kit_part_runs(x, sets[k].part), KIT_AT(drift_run, measured)),
                 q = kit_values(kit_part_runs(x, sets[k].part), KIT_AT(drift_run, predicted));
        plot_points(a, sets[k].style, m.n, m.at, q.at, sets[k].name);
    }
    plot_range_x(a, 0.1, 100), plot_range_y(a, 0.1, 100);
    a = plot_add(p, "Across the edge, two layers", "learning rate eta", "|C(T) - C(0)|", PLOT_LOG);
    plot_line(a, PLOT_ORANGE, KIT_LEN(sweep_etas), sweep_etas, predicted, "two-point flow, no fit");
    plot_points(a, PLOT_BLUE, KIT_LEN(sweep_etas), sweep_etas, measured, "measured, mean over seeds");
    plot_caption(p, "The drift beyond the edge of stability, predicted from two gradients either side of a slowly moving "
                    "centre, and measured.");
}

static void report(kit *x)
{
    double measured[KIT_LEN(sweep_etas)], predicted[KIT_LEN(sweep_etas)], apart;
    kit_table *t = KIT_TABLE(x, "errors", "Predicted over measured drift: median over the seeds, median and largest error; "
                             "share of the oscillation in the drift, measured and predicted; eta times the "
                             "sharpness over the swing at the end", "net", "lr", "runs", "measured",
                             "predicted", "median_ratio", "median_error", "largest_error",
                             "oscillation_share", "predicted_share", "eta_sharpness");
    spread s = errors_table(x, t, "20-64-5", &two, KIT_LIST(two_etas)),
           d = errors_table(x, t, "20-32-32-32-32-5", &deep, KIT_LIST(deep_etas));
    apart = slopes_table(x, measured, predicted);
    claims(x, d, s, apart, rivals_table(x));
    if (kit_part_runs(x, &sweep).n) figure(x, measured, predicted);
}

static const kit_info info = {
    .id = "E24", .title = "The drift at the edge of stability, predicted", .statement = "Beyond Theorem 4: docs/edge.md",
    .key_result = "", .plan = plan, .report = report,
};
KIT_MAIN(info)
