/* E26  Depth below the edge: is the drift of every layer pair predicted by the linearised network?
 *   cc -O2 -DCLB_STATIC -o e26 examples/beyond/e26_depth_prediction.c -lm && ./e26           (20 s)
 * The paper's formula knows nothing of layers; how its coefficients depend on depth is its open
 * problem (ii). Here the network is linearised at the start, f = f_0 + J (theta - theta_0), trained
 * as it is by gradient descent, and S_l summed for every pair of neighbouring layers: no fit, no
 * calibration. The re-linearised prediction takes a new J at eta t = 0.25, 0.5, 1, 2, 4, 8.
 * Setup   ReLU nets 20-32-...-32-5 of L = 2 ... 8 matrices, mixture of n = 200, squared loss, eta =
 *         0.02, T = 1000 steps, five seeds; eta lambda_max/2 at both ends says how far the edge is
 *         (1).
 * Measure error = sum over the layer pairs of |S predicted - S measured| over the sum of
 *         |S measured|; and for every pair |S predicted/S measured - 1|.
 * Rules   at every depth the median error over the seeds is at most 25 %, linearised once, and at
 *         most 10 %, linearised anew. */
#define CLB_IMPLEMENTATION
#include "../../clb.h"
#include "../kit/kit.h"

enum { T = 1000, DEEPEST = 8 };
static const double eta = 0.02;
static const double boundaries[] = { 0.25, 0.5, 1, 2, 4, 8 };

typedef struct depth_run {
    double   seed, L;
    double   error, error_again, drift, loss_left, phase_start, phase_end;
    kit_list S_measured, S_linearised, S_again;
} depth_run;
static const kit_field depth_run_fields[] = {
    KIT_KEY(depth_run, seed), KIT_KEY(depth_run, L), KIT_RESULT(depth_run, error),
    KIT_RESULT(depth_run, error_again), KIT_RESULT(depth_run, drift),
    KIT_RESULT(depth_run, loss_left), KIT_RESULT(depth_run, phase_start),
    KIT_RESULT(depth_run, phase_end), KIT_RESULT_ARRAY(depth_run, S_measured),
    KIT_RESULT_ARRAY(depth_run, S_linearised), KIT_RESULT_ARRAY(depth_run, S_again),
};

/* Sum over the layer pairs of |S predicted - S measured|, over the sum of |S measured|. */
static double error_of(size_t n, const double *predicted, const double *measured)
{
    double off = 0, size = 0;
    for (size_t l = 0; l < n; ++l)
        off += fabs(predicted[l] - measured[l]), size += fabs(measured[l]);
    return off / size;
}

/* S of the linearised network; infinite where that model leaves the range of numbers. */
static clb_status predict(clb_curv *curv, double step, const clb_linear_opts *opts, double *S,
                          size_t n)
{
    clb_status status = clb_linearised(curv, step, T, opts, S);
    for (size_t l = 0; l < n && status == CLB_EDIVERGED; ++l) S[l] = KIT_INF;
    return status == CLB_EDIVERGED ? CLB_OK : status;
}

static clb_status measure(kit *x, void *run)
{
    depth_run *row = run;
    size_t n = (size_t)row->L - 1, steps[KIT_LEN(boundaries)];
    paper_opts opts = { .m = 32, .L = (size_t)row->L };
    clb_linear_opts again = { .restart = steps };
    double top, once[DEEPEST], more[DEEPEST];
    sw_start s;
    clb_trace tr;
    clb_status status = sw_start_init(&s, &opts, row->seed, CLB_MSE);
    if (!status) status = clb_sharpness(&s.curv, NULL, &top, NULL);
    if (!status) {
        row->phase_start = clb_phase(eta, top);
        again.restart_count = clb_restart_steps(eta, T, KIT_LEN(boundaries), boundaries, steps);
        status = predict(&s.curv, eta, NULL, once, n);
    }
    if (!status) status = predict(&s.curv, eta, &again, more, n);
    if (!status) status = kit_train(&s.problem.net, &s.problem.data, eta, T, NULL, &tr);
    if (!status) {
        row->S_measured = kit_keep(x, n, tr.S), row->S_linearised = kit_keep(x, n, once);
        row->S_again = kit_keep(x, n, more);
        row->error = error_of(n, once, tr.S), row->error_again = error_of(n, more, tr.S);
        row->drift = clb_trace_mean_drift(&tr), row->loss_left = tr.loss[T] / tr.loss[0];
        clb_trace_free(&tr);
        clb_curv_at(&s.curv, NULL);
        status = clb_sharpness(&s.curv, NULL, &top, NULL);
        row->phase_end = clb_phase(eta, top);
    }
    sw_start_free(&s);
    return status;
}
static const kit_part depths = KIT_PART("depths", "Seven depths below the edge", depth_run,
                                        measure);

static void plan(kit *x)
{
    kit_list seeds = kit_seeds(x, kit_quick(x) ? 1 : 5);
    kit_config(x, "T", T);
    for (int L = 2; L <= (kit_quick(x) ? 4 : DEEPEST); ++L)
        for (size_t s = 0; s < seeds.n; ++s)
            kit_add(x, &depths, &(depth_run){ .seed = seeds.at[s], .L = L });
}

static double median_of(kit *x, kit_rows rows, kit_at at)
{
    kit_list v = kit_values(rows, at);
    double *copy = kit_doubles(x, v.n);
    if (v.n) memcpy(copy, v.at, v.n * sizeof *copy);
    return clb_median(v.n, copy);
}

/* A line a depth, a column a layer pair. */
static void pairs_table(kit *x)
{
    kit_table *t = KIT_TABLE(x, "layer pairs",
                             "Single layer pairs, linearised anew six times: median over the seeds "
                             "of |S predicted/S measured - 1|",
                             "L", "pair_1", "pair_2", "pair_3", "pair_4", "pair_5", "pair_6",
                             "pair_7");
    for (int depth = 2; depth <= DEEPEST; ++depth) {
        kit_rows r = kit_where(kit_part_runs(x, &depths), KIT_AT(depth_run, L), depth);
        double *error = kit_doubles(x, r.n);
        if (!r.n) continue;
        KIT_CELLS(t, depth);
        for (size_t l = 0; l + 1 < DEEPEST; ++l) {
            if (l + 1 >= (size_t)depth) {
                KIT_CELLS(t, KIT_NONE);
                continue;
            }
            for (size_t i = 0; i < r.n; ++i) {
                const depth_run *run = r.at[i];
                error[i] = fabs(run->S_again.at[l] / run->S_measured.at[l] - 1);
            }
            KIT_CELLS(t, clb_median(r.n, error));
        }
    }
}

static void report(kit *x)
{
    kit_table *t = KIT_TABLE(x, "depths",
                             "Median over the seeds: error of S, summed over the layer pairs, "
                             "relative to the sum of |S|; linearised once and again at eta t = "
                             "0.25 ... 8; loss left at the end; eta lambda_max/2 at start and end",
                             "L", "drift", "error", "error_again", "loss_left", "phase_start",
                             "phase_end");
    kit_claim *c = kit_ours(x, "once",
                            "Linearised at the start, the network predicts the drift, summed over "
                            "the layer pairs, at every depth.");
    double L[DEEPEST], once[DEEPEST], again[DEEPEST], worst = 0, worst_again = 0;
    size_t n = 0;
    plot *p = kit_figure(x, "depth", 1, 1);
    plot_panel *a = plot_add(p, "Error of the prediction, all layer pairs", "number of matrices L",
                             "relative error of S", PLOT_LOGY);
    for (int depth = 2; depth <= DEEPEST; ++depth) {
        kit_rows r = kit_where(kit_part_runs(x, &depths), KIT_AT(depth_run, L), depth);
        if (!r.n) continue;
        L[n] = depth, once[n] = median_of(x, r, KIT_AT(depth_run, error)),
        again[n] = median_of(x, r, KIT_AT(depth_run, error_again));
        worst = kit_worse(worst, once[n]), worst_again = kit_worse(worst_again, again[n]);
        KIT_LINE(t, L[n], kit_mean(r, KIT_AT(depth_run, drift)), once[n], again[n],
                 kit_mean(r, KIT_AT(depth_run, loss_left)),
                 kit_mean(r, KIT_AT(depth_run, phase_start)),
                 kit_mean(r, KIT_AT(depth_run, phase_end)));
        ++n;
    }
    kit_statement(c, "largest median error over the depths", 100 * worst,
                  kit_in_units(kit_at_most(25), "%"));
    kit_needs(c, 5, 0);
    c = kit_ours(x, "again", "Linearised anew six times, it predicts it at every depth.");
    kit_statement(c, "largest median error over the depths", 100 * worst_again,
                  kit_in_units(kit_at_most(10), "%"));
    kit_remark(c, "From L = 6 on more than half of the loss is left at the end: those nets have "
               "hardly begun to learn.");
    kit_needs(c, 5, 0);
    pairs_table(x);
    plot_points(a, PLOT_BLUE, n, L, once, "linearised at the start");
    plot_points(a, PLOT_ORANGE | PLOT_SQUARE, n, L, again, "linearised anew six times");
    plot_caption(p, "The drift below the edge, per layer pair, predicted from the linearised "
                    "network without a fit.");
}

static const kit_info info = {
    .id = "E26", .title = "Depth: the drift of every layer pair below the edge",
    .statement = "Beyond Theorem 4, open problem (ii)", .key_result = "", .plan = plan,
    .report = report,
};
KIT_MAIN(info)
