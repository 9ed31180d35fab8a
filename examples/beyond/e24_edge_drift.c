/* E24  The drift at the edge of stability, predicted without a fit.            docs/edge.md, @S25
 *   cc -O2 -DCLB_STATIC -o e24 examples/beyond/e24_edge_drift.c -lm && ./e24                (2 min)
 * Setup   gradient descent under squared loss beyond eta lambda_max = 2, mixture with separation
 *         0.5, twenty seeds. "two_layer": 20-64-5, n = 200, eta = 1, 2, T = 1000. "deep": E4's
 *         generated data, 20-32-32-32-32-5, n = 500, eta = 1, 2, T = 500; "late": the same at eta =
 *         0.5, which reaches the edge after 1400 steps or more, T = 2000. --mnist DIR: E4's net on
 *         the first 2000 images, eta = 1, 2, T = 500, three seeds (ten minutes).
 * Predict the two-point flow from theta_0: two gradients either side of a slowly moving centre.
 * Measure predicted over measured sum of |drift| over the charges, also against T, for every charge
 *         and neuron; the share of the measured drift that the oscillation makes (exact,
 *         clb_trace.oscillation).
 * Rules   written after short trials and a run with four substeps a step, three seeds of "deep",
 *         whose largest error was 69 % (two layers, eta = 2): within 10 % in the median over seeds,
 *         within 25 % for every seed. Left out and counted: runs that diverge, or whose prediction
 *         does; nothing else.
 * More    e24_exponent.c: one curve across the edge. e24_steps.c: substeps and floor. e24_rivals.c:
 *         other predictions. e25: where it fails. */
#define CLB_IMPLEMENTATION
#include "../../clb.h"
#include "../kit/kit.h"

static const double etas[] = { 1, 2 }, late_eta[] = { 0.5 };
enum { T_TWO = 1000, T_DEEP = 500, T_LATE = 2000, IMAGES = 2000 };

static paper_opts deep_net(void)
{
    return (paper_opts){ .n = 500, .m = EDGE_M, .L = EDGE_L, .separation = 0.5 };
}

static clb_status run_two(kit *x, void *run)
{
    return drift_compare(x, run, &(paper_opts){ .separation = 0.5 }, CLB_MSE);
}
static clb_status run_deep(kit *x, void *run)
{
    paper_opts opts = deep_net();
    return drift_compare(x, run, &opts, CLB_MSE);
}
static clb_status run_mnist(kit *x, void *run)
{
    paper_opts opts = {
        .n = IMAGES, .m = EDGE_M, .L = EDGE_L, .dataset = PAPER_MNIST, .mnist = mnist_folder(x)
    };
    return drift_compare(x, run, &opts, CLB_MSE);
}

static const kit_part two = KIT_PART("two_layer", "Two layers beyond the edge", drift_run, run_two),
                      deep = KIT_PART("deep", "Five matrices beyond the edge", drift_run, run_deep),
                      late = KIT_PART("late", "Five matrices that reach the edge late", drift_run,
                                      run_deep),
                      mnist = KIT_PART("mnist", "Five matrices on MNIST", drift_run, run_mnist);
static const struct net { const kit_part *part; const char *name; } nets[] = {
    { &two, "20-64-5" }, { &deep, "20-32-32-32-32-5" }, { &late, "20-32-32-32-32-5" },
    { &mnist, "784-32-32-32-32-10, MNIST" } };
enum { TWO, DEEP, LATE, MNIST, NETS };

static void plan(kit *x)
{
    kit_list twenty = kit_seeds(x, kit_quick(x) ? 1 : 20);
    drift_add(x, &two, KIT_LIST(etas), twenty, kit_quick(x) ? T_TWO / 2 : T_TWO);
    if (kit_quick(x)) return;
    drift_add(x, &deep, KIT_LIST(etas), twenty, T_DEEP);
    drift_add(x, &late, KIT_LIST(late_eta), twenty, T_LATE);
    if (mnist_folder(x)) drift_add(x, &mnist, KIT_LIST(etas), kit_seeds(x, 3), T_DEEP);
}

/* ---- what follows from the runs -------------------------------------------------------------- */

/* The runs of a net at one of its step sizes that were not left out. */
static kit_rows kept(kit *x, const kit_part *part, double eta)
{
    return kit_converged(kit_where(kit_part_runs(x, part), DRIFT_AT(lr), eta));
}
static kit_list etas_of(int net) { return net == LATE ? KIT_LIST(late_eta) : KIT_LIST(etas); }

typedef struct spread { double median, worst; } spread;            /* of |predicted/measured - 1| */

static spread errors_lines(kit *x, kit_table *t, int net)
{
    spread all = { KIT_NAN, KIT_NAN };
    kit_list at = etas_of(net);
    for (size_t i = 0; i < at.n; ++i) {
        kit_rows r = kept(x, nets[net].part, at.at[i]);
        kit_list ratio = kit_values(r, DRIFT_AT(ratio));
        double *error = kit_doubles(x, 2 * ratio.n), *sorted = error + ratio.n, median, worst = 0;
        if (!r.n) continue;
        for (size_t k = 0; k < ratio.n; ++k) {
            sorted[k] = ratio.at[k], error[k] = fabs(ratio.at[k] - 1);
            worst = kit_worse(worst, error[k]);
        }
        median = clb_median(ratio.n, error);
        kit_text(t, nets[net].name);
        KIT_CELLS(t, at.at[i], (double)r.n, kit_mean(r, DRIFT_AT(measured)),
                  kit_mean(r, DRIFT_AT(predicted)), clb_median(ratio.n, sorted), median, worst,
                  kit_mean(r, DRIFT_AT(oscillation_share)), kit_mean(r, DRIFT_AT(predicted_share)),
                  kit_mean(r, DRIFT_AT(eta_sharpness)));
        all.median = isnan(all.median) ? median : fmax(all.median, median);
        all.worst = isnan(all.worst) ? worst : fmax(all.worst, worst);
    }
    return all;
}

/* The worst of a member over the runs of all nets. */
static double worst_of_all(kit *x, kit_at at)
{
    double worst = KIT_NAN;
    for (int net = 0; net < NETS; ++net)
        worst = kit_worse(worst, kit_worst(kit_part_runs(x, nets[net].part), at));
    return worst;
}

/* A line a layer: its charge, and its neurons one by one. Returns the share of charges with the
 * right sign. */
static double layers_table(kit *x)
{
    kit_table *t = KIT_TABLE(x, "charges and neurons",
                             "Single charges: median of predicted over measured drift, largest "
                             "error, share with the right sign. Neurons of the layer: correlation "
                             "of predicted and measured drift, mean and least, sum of |difference| "
                             "over sum of |measured|, share with the right sign; means over the "
                             "runs",
                             "net", "lr", "layer", "ratio_of_charge", "largest_error",
                             "charge_signs", "neuron_correlation", "least_correlation",
                             "neuron_error", "neuron_signs");
    double right_in_all = 0, count = 0;
    for (int net = 0; net < NETS; ++net)
        for (size_t i = 0; i < etas_of(net).n; ++i) {
            kit_rows r = kept(x, nets[net].part, etas_of(net).at[i]);
            size_t layers = r.n ? ((const drift_run *)r.at[0])->drift.n : 0;
            for (size_t l = 0; l < layers; ++l) {
                kit_list m = kit_elements(r, DRIFT_AT(drift), l),
                         p = kit_elements(r, DRIFT_AT(predicted_drift), l);
                double *ratio = kit_doubles(x, r.n), right = 0, worst = 0;
                for (size_t k = 0; k < r.n; ++k) {
                    ratio[k] = p.at[k] / m.at[k], right += ratio[k] > 0;
                    worst = kit_worse(worst, fabs(ratio[k] - 1));
                }
                right_in_all += right, count += (double)r.n;
                kit_text(t, nets[net].name);
                KIT_CELLS(t, etas_of(net).at[i], (double)l + 1, clb_median(r.n, ratio),
                          worst, right / (double)r.n,
                          kit_mean_element(r, DRIFT_AT(neuron_correlation), l),
                          kit_least(kit_elements(r, DRIFT_AT(neuron_correlation), l)),
                          kit_mean_element(r, DRIFT_AT(neuron_error), l),
                          kit_mean_element(r, DRIFT_AT(neuron_signs), l));
            }
        }
    return count > 0 ? right_in_all / count : KIT_NAN;
}

/* Drift up to step t, means over the runs; n marks, the same in all of them. */
static size_t against_time(kit_rows r, double *t, double *measured, double *predicted)
{
    size_t n = r.n ? ((const drift_run *)r.at[0])->time.n : 0;
    for (size_t i = 0; i < n; ++i) {
        t[i] = kit_mean_element(r, DRIFT_AT(time), i);
        measured[i] = kit_mean_element(r, DRIFT_AT(measured_at), i);
        predicted[i] = kit_mean_element(r, DRIFT_AT(predicted_at), i);
    }
    return n;
}

static void time_table(kit *x)
{
    kit_table *t = KIT_TABLE(x, "against time", "Sum of |drift| up to step t, means over the seeds",
                             "net", "lr", "t", "measured", "predicted", "ratio");
    for (int net = 0; net < NETS; ++net)
        for (size_t i = 0; i < etas_of(net).n; ++i) {
            double at[DRIFT_MARKS], m[DRIFT_MARKS], p[DRIFT_MARKS];
            size_t n = against_time(kept(x, nets[net].part, etas_of(net).at[i]), at, m, p);
            for (size_t k = n % 3 ? n % 3 - 1 : 2; k < n; k += 3) { /* the last one too */
                kit_text(t, nets[net].name);
                KIT_CELLS(t, etas_of(net).at[i], at[k], m[k], p[k], p[k] / m[k]);
            }
        }
}

static kit_claim *claim_drift(kit *x, const kit_part *part, const char *claim, spread s,
                              size_t seeds)
{
    kit_claim *c = kit_ours(x, part->name, claim);
    kit_statement(c, "median error over seeds, at the worse eta", 100 * s.median,
                  kit_in_units(kit_at_most(10), "%"));
    kit_statement(c, "largest error of a run", 100 * s.worst, kit_in_units(kit_at_most(25), "%"));
    kit_needs(c, seeds, 0), kit_needs_part(c, part);
    return c;
}

static void claims(kit *x, const spread *s, double signs)
{
    kit_list share = kit_values(kit_converged(kit_part_runs(x, &deep)),
                                DRIFT_AT(oscillation_share));
    kit_claim *c;
    kit_summary(x, "median_error_two_layer", s[TWO].median);
    kit_summary(x, "median_error_deep", s[DEEP].median);
    claim_drift(x, &two, "Two-layer nets beyond the edge: the drift is predicted without a "
                "fit.", s[TWO], 20);
    claim_drift(x, &deep, "Nets of five matrices beyond the edge: the drift is predicted without "
                "a fit.", s[DEEP], 20);
    claim_drift(x, &late, "Where the edge is reached late the drift is predicted from the start "
                "too.", s[LATE], 20);
    if (mnist_folder(x))
        claim_drift(x, &mnist, "E4's net on MNIST: the drift is predicted without a fit.",
                    s[MNIST], 3);
    c = kit_ours(x, "oscillation",
                 "At the edge the oscillation makes nearly the whole drift of a deep net.");
    kit_statement(c, "least share of it in the measured drift, eta = 1 and 2",
                  100 * clb_summarize(share.n, share.at).min, kit_in_units(kit_at_least(80), "%"));
    kit_needs(c, 20, 0);
    c = kit_ours(x, "signs", "Single charges are predicted with the right sign.");
    kit_statement(c, "share of the charges of all runs", 100 * signs,
                  kit_in_units(kit_at_least(95), "%"));
    kit_needs(c, 20, 0);
    kit_identity(x, "routes", "Both routes of the prediction agree.", "largest difference",
                 worst_of_all(x, DRIFT_AT(route_error)),
                 kit_below(sizeof(clb_real) == 4 ? 1e-6 : 1e-9));
    c = kit_identity(x, "split", "Flow and oscillation part add up to the drift of every run.",
                     "largest relative difference, eta = 1 and 2",
                     kit_worse(kit_worst(kit_part_runs(x, &two), DRIFT_AT(split_error)),
                               kit_worst(kit_part_runs(x, &deep), DRIFT_AT(split_error))),
                     kit_below(sizeof(clb_real) == 4 ? 1e-3 : 1e-12));
    kit_statement(c, "of all runs, some of which hardly drift",
                  worst_of_all(x, DRIFT_AT(split_error)),
                  kit_below(sizeof(clb_real) == 4 ? 1e-2 : 1e-11));
}

static void figure(kit *x)
{
    static const int styles[NETS] = { PLOT_BLUE, PLOT_ORANGE, PLOT_GREEN, PLOT_RED };
    static const char *const labels[NETS] = { "two layers", "five matrices",
                                              "five matrices, eta = 0.5", "MNIST" };
    double line[2] = { 1e-3, 1000 };
    plot *p = kit_figure(x, "edge", 2, 1);
    plot_panel *a = plot_add(p, "Every run beyond the edge", "measured sum of |drift|", "predicted",
                             PLOT_LOG),
               *b = plot_add(p, "Against time, eta = 1", "step", "sum of |drift|", PLOT_LOG);
    plot_line(a, PLOT_GREY | PLOT_DASHED, 2, line, line, "equal");
    plot_range_x(a, 0.03, 100), plot_range_y(a, 0.03, 100), plot_range_y(b, 1e-6, 100);
    for (int k = 0; k < NETS; ++k) {
        kit_rows r = kit_converged(kit_part_runs(x, nets[k].part));
        kit_list m = kit_values(r, DRIFT_AT(measured)), q = kit_values(r, DRIFT_AT(predicted));
        double t[DRIFT_MARKS], measured[DRIFT_MARKS], predicted[DRIFT_MARKS];
        size_t n = against_time(kept(x, nets[k].part, k == LATE ? 0.5 : 1), t, measured, predicted);
        if (!r.n) continue;
        plot_points(a, styles[k] | PLOT_SMALL, m.n, m.at, q.at, labels[k]);
        plot_line(b, styles[k], n, t, predicted, kit_print(x, "%s: predicted", labels[k]));
        plot_points(b, styles[k], n, t, measured, k ? NULL : "dots: measured, mean over seeds");
    }
    plot_caption(p, "The drift beyond the edge of stability, predicted from two gradients either "
                    "side of a slowly moving centre, and measured; right: how it grows during a "
                    "training (five matrices at eta = 0.5 reach the edge late).");
}

static void report(kit *x)
{
    kit_table *t = KIT_TABLE(x, "errors",
                             "Predicted over measured drift: median over the seeds, median and "
                             "largest error; share of the oscillation in the drift, measured and "
                             "predicted; eta times the sharpness over the swing at the end",
                             "net", "lr", "runs", "measured", "predicted", "median_ratio",
                             "median_error", "largest_error", "oscillation_share",
                             "predicted_share", "eta_sharpness");
    spread s[NETS];
    double signs;
    for (int net = 0; net < NETS; ++net) s[net] = errors_lines(x, t, net);
    signs = layers_table(x);
    time_table(x);
    claims(x, s, signs);
    figure(x);
}

static const kit_info info = {
    .id = "E24", .title = "The drift at the edge of stability, predicted",
    .statement = "Beyond Theorem 4: docs/edge.md", .key_result = "", .plan = plan, .report = report,
    .options = mnist_options, };
KIT_MAIN(info)
