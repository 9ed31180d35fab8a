/* E29  In which regime is every experiment of the paper?                       Theorem 8; E1-E23
 *   cc -O2 -DCLB_STATIC -o e29 examples/beyond/e29_regimes.c -lm && ./e29                    (40 s)
 * Theorem 4 treats the modes of the Hessian as independent, its gates as fixed and eta lambda_max
 * as below 2. Each net of the paper at its step sizes, three seeds, 1000 steps (kit/regimes.h):
 *   phase      eta lambda_max/2 at the start and the end; 1 is the edge of stability. For heavy
 *              ball lambda_max over its threshold 2 (1 + beta)/eta
 *   coupling   |M_T| = |S - sum_k c_k geo|/|sum_k c_k geo|: what the independent modes leave out of
 *              S on the quadratic model at the start (squared loss, two layers; first seed)
 *   switches   gates that switch a step, as a share of all; 0 for linear nets
 *   share      of the oscillation in the drift (clb_trace.oscillation)
 * Rule    written after short trials: perturbative where phase < 1 at both ends, |M_T| < 1 and
 *         share < 5 % for every seed; a run that diverges is not. Claims: all experiments at all of
 *         their step sizes are; all are up to eta = 0.1.
 * Left out: E20, which trains nothing; E7's Adam, for which Theorem 4 has no formula; MNIST. */
#define CLB_IMPLEMENTATION
#include "../../clb.h"
#include "../kit/kit.h"
#include "../kit/regimes.h"

#define AT REGIME_AT
typedef enum net_kind { RELU_CE, HEAVY_BALL, RELU_MSE, LINEAR_MSE, LINEAR_CE, RELU_NARROW,
                        RELU_WIDE, LINEAR_NARROW, LINEAR_WIDE, LINEAR_10, LINEAR_40, FIVE_CE,
                        FOUR_CE, FIVE_MSE, NETS } net_kind;
static const regime_net nets[NETS] = {
    { "ReLU, cross entropy", 1, CLB_RELU, 2, 64, 20, 200, 2,
      { 0.001, 0.01, 0.03, 0.1, 0.3, 0.5, 1 }, CLB_GD },
    { "ReLU, cross entropy, heavy ball", 1, CLB_RELU, 2, 64, 20, 200, 2,
      { 0.001, 0.01, 0.1, 0.3, 1 }, CLB_HEAVY_BALL },
    { "ReLU, squared loss", 0, CLB_RELU, 2, 64, 20, 200, 2, { 0.01, 0.03, 0.1, 0.3 }, CLB_GD },
    { "linear, squared loss", 0, CLB_IDENTITY, 2, 64, 20, 200, 2,
      { 0.01, 0.03, 0.1, 0.3 }, CLB_GD },
    { "linear, cross entropy", 1, CLB_IDENTITY, 2, 64, 20, 200, 2,
      { 0.01, 0.03, 0.1, 0.3 }, CLB_GD },
    { "ReLU, squared loss, m = 16", 0, CLB_RELU, 2, 16, 20, 200, 2, { 0.01, 0.1 }, CLB_GD },
    { "ReLU, squared loss, m = 256", 0, CLB_RELU, 2, 256, 20, 200, 2, { 0.01, 0.1 }, CLB_GD },
    { "linear, squared loss, m = 16", 0, CLB_IDENTITY, 2, 16, 20, 200, 2, { 0.01, 0.1 }, CLB_GD },
    { "linear, squared loss, m = 192", 0, CLB_IDENTITY, 2, 192, 20, 200, 2, { 0.01, 0.1 }, CLB_GD },
    { "linear, squared loss, d = 10, m = 5", 0, CLB_IDENTITY, 2, 5, 10, 200, 2,
      { 0.01, 0.1 }, CLB_GD },
    { "linear, squared loss, d = m = 40", 0, CLB_IDENTITY, 2, 40, 40, 200, 2,
      { 0.01, 0.1 }, CLB_GD },
    { "five matrices, cross entropy", 1, CLB_RELU, 5, 32, 20, 200, 2, { 0.001 }, CLB_GD },
    { "four matrices, cross entropy", 1, CLB_RELU, 4, 64, 20, 200, 2,
      { 0.01, 0.1, 0.3, 1 }, CLB_GD },
    { "five matrices, squared loss", 0, CLB_RELU, 5, 32, 20, 500, 0.5,
      { 0.1, 0.2, 0.5, 1, 2 }, CLB_GD },
};

/* What each experiment trains, up to which step size. */
static const struct use { int experiment; net_kind net; double to; } uses[] = {
    { 1, RELU_CE, 0.001 }, { 1, FIVE_CE, 0.001 }, { 2, RELU_CE, 0.001 }, { 2, FIVE_CE, 0.001 },
    { 3, RELU_CE, 1 }, { 4, FIVE_MSE, 2 }, { 5, RELU_CE, 1 }, { 6, RELU_CE, 1 }, { 6, FOUR_CE, 1 },
    { 7, RELU_CE, 1 }, { 7, HEAVY_BALL, 1 }, { 8, LINEAR_MSE, 0.3 }, { 8, RELU_CE, 0.3 },
    { 9, LINEAR_MSE, 0.3 }, { 9, RELU_CE, 0.1 }, { 10, LINEAR_MSE, 0.3 }, { 10, RELU_MSE, 0.3 },
    { 11, LINEAR_MSE, 0.3 }, { 11, RELU_MSE, 0.3 }, { 12, LINEAR_MSE, 0.3 }, { 12, RELU_MSE, 0.3 },
    { 12, LINEAR_CE, 0.3 }, { 12, RELU_CE, 0.3 }, { 13, LINEAR_MSE, 0.3 }, { 13, RELU_MSE, 0.3 },
    { 13, LINEAR_CE, 0.3 }, { 13, RELU_CE, 0.3 }, { 14, LINEAR_NARROW, 0.1 },
    { 14, RELU_NARROW, 0.1 }, { 14, LINEAR_WIDE, 0.1 }, { 14, RELU_WIDE, 0.1 },
    { 15, RELU_NARROW, 0.1 }, { 15, RELU_MSE, 0.1 }, { 15, RELU_WIDE, 0.1 }, { 16, RELU_MSE, 0.3 },
    { 16, RELU_CE, 0.3 }, { 17, LINEAR_MSE, 0.1 }, { 17, RELU_MSE, 0.1 }, { 17, LINEAR_CE, 0.1 },
    { 17, RELU_CE, 0.1 }, { 18, RELU_CE, 0.1 }, { 19, LINEAR_NARROW, 0.1 },
    { 19, LINEAR_MSE, 0.1 }, { 19, LINEAR_WIDE, 0.1 }, { 21, RELU_MSE, 0.01 },
    { 22, LINEAR_10, 0.1 }, { 22, LINEAR_40, 0.1 }, { 23, RELU_CE, 0.03 },
};

static clb_status run_regime(kit *x, void *run)
{
    regime_run *row = run;
    (void)x;
    return regime_measure(row, &nets[(size_t)row->net]);
}
static const kit_part runs = KIT_PART("runs", "Nets of the paper", regime_run, run_regime);

static void plan(kit *x)
{
    kit_list seeds = kit_seeds(x, kit_quick(x) ? 1 : 3);
    for (size_t k = 0; k < NETS; ++k)
        for (size_t i = 0; i < (kit_quick(x) ? 1 : REGIME_ETAS) && nets[k].etas[i] > 0; ++i)
            for (size_t s = 0; s < seeds.n; ++s)
                kit_add(x, &runs,
                        &(regime_run){ .seed = seeds.at[s], .net = (double)k,
                                       .lr = nets[k].etas[i],
                                       .modes = !kit_quick(x) && s == 0 && nets[k].ce == 0
                                                && nets[k].L == 2 });
}

/* ---- what follows from the runs -------------------------------------------------------------- */

static int perturbative(const regime_run *r)
{
    return r->diverged == 0 && r->phase_start < 1 && r->phase_end < 1 && !(r->coupling >= 1)
           && r->share < 0.05;
}

static kit_rows runs_at(kit *x, size_t net, double eta)
{
    return kit_where(kit_where(kit_part_runs(x, &runs), AT(net), (double)net), AT(lr), eta);
}
static int all_perturbative(kit_rows r)
{
    for (size_t i = 0; i < r.n; ++i)
        if (!perturbative(r.at[i])) return 0;
    return 1;
}

static void nets_table(kit *x)
{
    kit_table *t = KIT_TABLE(x, "nets",
                             "Every net at its step sizes, means over the seeds that converge: "
                             "phase at start and end, mode coupling (first seed), share of "
                             "the gates that switch in a step, share of the oscillation in the "
                             "drift; seeds that are perturbative",
                             "net", "lr", "phase_start", "phase_end", "coupling", "switches",
                             "share", "seeds", "perturbative");
    for (size_t k = 0; k < NETS; ++k)
        for (size_t i = 0; i < REGIME_ETAS && nets[k].etas[i] > 0; ++i) {
            kit_rows all = runs_at(x, k, nets[k].etas[i]), r = kit_converged(all);
            double count = 0;
            if (!all.n) continue;
            for (size_t s = 0; s < all.n; ++s) count += perturbative(all.at[s]);
            kit_text(t, nets[k].name);
            KIT_CELLS(t, nets[k].etas[i], kit_mean(all, AT(phase_start)),
                      r.n ? kit_mean(r, AT(phase_end)) : KIT_NONE,
                      nets[k].ce > 0 || nets[k].L > 2
                          ? KIT_NONE
                          : ((const regime_run *)all.at[0])->coupling,
                      r.n ? kit_mean(r, AT(switches)) : KIT_NONE,
                      r.n ? kit_mean(r, AT(share)) : KIT_NONE, (double)all.n, count);
        }
}

/* A line an experiment and net. Experiments that leave the regime: at any of their step sizes,
 * below 0.1. */
static void experiments_table(kit *x, double *outside, double *outside_small)
{
    kit_table *t = KIT_TABLE(x, "experiments",
                             "What each experiment trains: its largest step size, the largest up "
                             "to which every seed is perturbative (0: not even the smallest "
                             "measured), and at its largest step size eta lambda_max/2 at the "
                             "start and the share of the oscillation in the drift",
                             "experiment", "net", "largest_lr", "perturbative_to", "phase_start",
                             "share");
    char left[24] = { 0 }, left_small[24] = { 0 };
    for (const struct use *u = uses; u < uses + KIT_LEN(uses); ++u) {
        const regime_net *c = &nets[u->net];
        double to = 0, largest = 0;
        int still = 1;
        kit_rows last = { 0 };
        for (size_t i = 0; i < REGIME_ETAS && c->etas[i] > 0 && c->etas[i] <= u->to; ++i) {
            kit_rows r = runs_at(x, u->net, c->etas[i]);
            if (!r.n) continue;
            still = still && all_perturbative(r), largest = c->etas[i], last = r;
            if (still) to = largest;
            else left[u->experiment] = 1, left_small[u->experiment] |= c->etas[i] <= 0.1;
        }
        if (!last.n) continue;
        kit_text(t, kit_print(x, "E%d", u->experiment)), kit_text(t, c->name);
        KIT_CELLS(t, largest, to, kit_mean(last, AT(phase_start)),
                  kit_converged(last).n ? kit_mean(kit_converged(last), AT(share)) : KIT_NONE);
    }
    *outside = *outside_small = kit_part_runs(x, &runs).n ? 0 : KIT_NAN;
    for (size_t e = 0; e < sizeof left; ++e) *outside += left[e], *outside_small += left_small[e];
}

static void figure(kit *x)
{
    kit_rows all = kit_part_runs(x, &runs);
    kit_list end = kit_values(all, AT(phase_end)), share = kit_values(all, AT(share)),
             start = kit_values(all, AT(phase_start)), rate = kit_values(all, AT(switches));
    plot *p = kit_figure(x, "map", 2, 1);
    plot_panel *a = plot_add(p, "Oscillation in the drift", "eta lambda_max/2 at the end",
                             "share of the drift", PLOT_LOG);
    plot_points(a, PLOT_BLUE | PLOT_SMALL, end.n, end.at, share.at, "nets of E1-E23"),
        plot_vertical(a, 1, "edge");
    a = plot_add(p, "Gates that switch", "eta lambda_max/2 at the start",
                 "share of the gates a step", PLOT_LOG);
    plot_points(a, PLOT_ORANGE | PLOT_SMALL, start.n, start.at, rate.at, "nets of E1-E23"),
        plot_vertical(a, 1, "edge");
    plot_caption(p, "Where the runs of the paper lie: distance to the edge of stability, share of "
                    "the oscillation in the drift and switching gates. Linear nets have no gates "
                    "and are not in the right panel.");
}

static void report(kit *x)
{
    double outside, outside_small;
    kit_claim *c;
    experiments_table(x, &outside, &outside_small);
    nets_table(x);
    figure(x);
    c = kit_ours(x, "all", "Every published number is from the perturbative regime.");
    kit_statement(c, "experiments that leave it, of 22", outside, kit_equal(0)), kit_needs(c, 3, 0);
    c = kit_ours(x, "small", "Every experiment is in the perturbative regime up to eta = 0.1.");
    kit_statement(c, "experiments that leave it at or below eta = 0.1", outside_small,
                  kit_equal(0)),
        kit_needs(c, 3, 0);
}

static const kit_info info = {
    .id = "E29", .title = "The regime of every experiment", .statement = "Beyond Theorem 8",
    .key_result = "", .plan = plan, .report = report,
};
KIT_MAIN(info)
