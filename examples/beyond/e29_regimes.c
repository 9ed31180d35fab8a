/* E29  In which regime is every experiment of the paper?                       Theorem 8; E1-E23
 *   cc -O2 -DCLB_STATIC -o e29 examples/beyond/e29_regimes.c -lm && ./e29                    (40 s)
 * Theorem 4 treats the modes of the Hessian as independent, its gates as fixed and eta lambda_max
 * as below 2. Each net of the paper at its step sizes, three seeds, 1000 steps (kit/regimes.h):
 *   phase      eta lambda_max/2 at the start and the end; 1 is the edge of stability. For heavy
 *              ball lambda_max over its threshold 2 (1 + beta)/eta; for Adam the pre-conditioned
 *              sharpness, after the first update and at the end, over 38/eta
 *   coupling   |M_T| = |S - sum_k c_k geo|/|sum_k c_k geo|: what the independent modes leave out of
 *              S on the quadratic model at the start (squared loss, two layers; first seed)
 *   switches   gates that switch a step, as a share of all; 0 for linear nets
 *   share      of the oscillation in the drift (clb_trace.oscillation); Adam has no law to split
 * Rule    written after short trials: perturbative where phase < 1 at both ends, |M_T| < 1 and
 *         share < 5 % for every seed, as far as they are measured; a run that diverges is not.
 *         Claims: all experiments at all of their step sizes are; all are up to eta = 0.1.
 * --mnist DIR: the nets of E2, E4 and E5 on MNIST too (five minutes). E20 trains nothing. No run
 *         of the paper uses RMSprop. */
#define CLB_IMPLEMENTATION
#include "../../clb.h"
#include "../kit/kit.h"
#include "../kit/regimes.h"

#define AT REGIME_AT
typedef enum net_kind { RELU_CE, HEAVY_BALL, RELU_MSE, LINEAR_MSE, LINEAR_CE, RELU_NARROW,
                        RELU_WIDE, LINEAR_NARROW, LINEAR_WIDE, LINEAR_10, LINEAR_40, FIVE_CE,
                        FOUR_CE, FIVE_MSE, ADAM, BIAS_CE, BIAS_FIVE_CE, EIGHT_CE, XOR_CE,
                        SPHERES_CE, MNIST_CE, MNIST_BIAS_CE, MNIST_FIVE_MSE, NETS } net_kind;
#define LINEAR .net = { .activation = CLB_IDENTITY }
#define BIASED .net = { .bias = -1 }
#define IMAGES(count) .n = count, .dataset = PAPER_MNIST
static const regime_net nets[NETS] = {
    { "ReLU, cross entropy", CLB_CE, CLB_GD, { .n = 200 },
      { 0.001, 0.01, 0.03, 0.1, 0.3, 0.5, 1 } },
    { "ReLU, cross entropy, heavy ball", CLB_CE, CLB_HEAVY_BALL, { .n = 200 },
      { 0.001, 0.01, 0.1, 0.3, 1 } },
    { "ReLU, squared loss", CLB_MSE, CLB_GD, { .n = 200 }, { 0.01, 0.03, 0.1, 0.3 } },
    { "linear, squared loss", CLB_MSE, CLB_GD, { LINEAR }, { 0.01, 0.03, 0.1, 0.3 } },
    { "linear, cross entropy", CLB_CE, CLB_GD, { LINEAR }, { 0.01, 0.03, 0.1, 0.3 } },
    { "ReLU, squared loss, m = 16", CLB_MSE, CLB_GD, { .m = 16 }, { 0.01, 0.1 } },
    { "ReLU, squared loss, m = 256", CLB_MSE, CLB_GD, { .m = 256 }, { 0.01, 0.1 } },
    { "linear, squared loss, m = 16", CLB_MSE, CLB_GD, { LINEAR, .m = 16 }, { 0.01, 0.1 } },
    { "linear, squared loss, m = 192", CLB_MSE, CLB_GD, { LINEAR, .m = 192 }, { 0.01, 0.1 } },
    { "linear, squared loss, d = 10, m = 5", CLB_MSE, CLB_GD, { LINEAR, .d = 10, .m = 5 },
      { 0.01, 0.1 } },
    { "linear, squared loss, d = m = 40", CLB_MSE, CLB_GD, { LINEAR, .d = 40, .m = 40 },
      { 0.01, 0.1 } },
    { "five matrices, cross entropy", CLB_CE, CLB_GD, { .L = 5, .m = 32 }, { 0.001 } },
    { "four matrices, cross entropy", CLB_CE, CLB_GD, { .L = 4 }, { 0.01, 0.1, 0.3, 1 } },
    { "five matrices, squared loss", CLB_MSE, CLB_GD,
      { .n = 500, .L = 5, .m = 32, .separation = 0.5 }, { 0.1, 0.2, 0.5, 1, 2 } },
    { "ReLU, cross entropy, Adam", CLB_CE, CLB_ADAM, { .n = 200 },
      { 1e-5, 1e-4, 0.001, 0.003, 0.01, 0.03, 0.1 } },
    { "ReLU with biases, cross entropy", CLB_CE, CLB_GD, { BIASED }, { 0.001 } },
    { "five matrices with biases, cross entropy", CLB_CE, CLB_GD, { BIASED, .L = 5, .m = 32 },
      { 0.001 } },
    { "eight matrices, cross entropy", CLB_CE, CLB_GD, { .L = 8 }, { 0.01, 0.1, 0.3, 1 } },
    { "ReLU on xor, cross entropy", CLB_CE, CLB_GD, { .dataset = PAPER_XOR },
      { 0.01, 0.1, 0.3, 1 } },
    { "ReLU on spheres, cross entropy", CLB_CE, CLB_GD, { .dataset = PAPER_SPHERES },
      { 0.01, 0.1, 0.3, 1 } },
    { "ReLU on MNIST, cross entropy", CLB_CE, CLB_GD, { IMAGES(500) }, { 0.01, 0.1, 0.3, 0.5, 1 } },
    { "ReLU with biases on MNIST, cross entropy", CLB_CE, CLB_GD, { BIASED, IMAGES(500) },
      { 0.5 } },
    { "five matrices on MNIST, squared loss", CLB_MSE, CLB_GD,
      { IMAGES(2000), .L = EDGE_L, .m = EDGE_M }, { 0.1, 0.5, 1, 2 } },
};

/* What each experiment trains, up to which step size. */
static const struct use { int experiment; net_kind net; double to; } uses[] = {
    { 1, RELU_CE, 0.001 }, { 1, ADAM, 0.001 }, { 1, FIVE_CE, 0.001 }, { 2, BIAS_CE, 0.001 },
    { 2, RELU_CE, 0.001 }, { 2, BIAS_FIVE_CE, 0.001 }, { 2, FIVE_CE, 0.001 },
    { 2, MNIST_BIAS_CE, 0.5 }, { 2, MNIST_CE, 0.5 }, { 3, RELU_CE, 1 }, { 4, FIVE_MSE, 2 },
    { 4, MNIST_FIVE_MSE, 2 }, { 5, RELU_CE, 1 }, { 5, XOR_CE, 1 }, { 5, SPHERES_CE, 1 },
    { 5, MNIST_CE, 1 }, { 6, RELU_CE, 1 }, { 6, FOUR_CE, 1 }, { 6, EIGHT_CE, 1 },
    { 7, RELU_CE, 1 }, { 7, HEAVY_BALL, 1 }, { 7, ADAM, 0.1 }, { 8, LINEAR_MSE, 0.3 },
    { 8, RELU_CE, 0.3 }, { 9, LINEAR_MSE, 0.3 }, { 9, RELU_CE, 0.1 }, { 10, LINEAR_MSE, 0.3 },
    { 10, RELU_MSE, 0.3 }, { 11, LINEAR_MSE, 0.3 }, { 11, RELU_MSE, 0.3 }, { 12, LINEAR_MSE, 0.3 },
    { 12, RELU_MSE, 0.3 }, { 12, LINEAR_CE, 0.3 }, { 12, RELU_CE, 0.3 }, { 13, LINEAR_MSE, 0.3 },
    { 13, RELU_MSE, 0.3 }, { 13, LINEAR_CE, 0.3 }, { 13, RELU_CE, 0.3 }, { 14, LINEAR_NARROW, 0.1 },
    { 14, RELU_NARROW, 0.1 }, { 14, LINEAR_WIDE, 0.1 }, { 14, RELU_WIDE, 0.1 },
    { 15, RELU_NARROW, 0.1 }, { 15, RELU_MSE, 0.1 }, { 15, RELU_WIDE, 0.1 }, { 16, RELU_MSE, 0.3 },
    { 16, RELU_CE, 0.3 }, { 17, LINEAR_MSE, 0.1 }, { 17, RELU_MSE, 0.1 }, { 17, LINEAR_CE, 0.1 },
    { 17, RELU_CE, 0.1 }, { 18, RELU_CE, 0.1 }, { 19, LINEAR_NARROW, 0.1 },
    { 19, LINEAR_MSE, 0.1 }, { 19, LINEAR_WIDE, 0.1 }, { 20, NETS, 0 }, { 21, RELU_MSE, 0.01 },
    { 22, LINEAR_10, 0.1 }, { 22, LINEAR_40, 0.1 }, { 23, RELU_CE, 0.03 },
};
enum { PAPER_LAST = 23 };                                     /* E1 ... E23; NETS: trains nothing */

/* The coupling is that of the quadratic model of two layers under squared loss. */
static int has_modes(const regime_net *net) { return net->ce == 0 && net->problem.L <= 2; }

static clb_status run_regime(kit *x, void *run)
{
    regime_run *row = run;
    return regime_measure(row, &nets[(size_t)row->net], mnist_folder(x));
}
static const kit_part runs = KIT_PART("runs", "Nets of the paper", regime_run, run_regime);

static void plan(kit *x)
{
    kit_list seeds = kit_seeds(x, kit_quick(x) ? 1 : 3);
    for (size_t k = 0; k < (mnist_folder(x) ? NETS : MNIST_CE); ++k)
        for (size_t i = 0; i < (kit_quick(x) ? 1 : REGIME_ETAS) && nets[k].etas[i] > 0; ++i)
            for (size_t s = 0; s < seeds.n; ++s)
                kit_add(x, &runs,
                        &(regime_run){ .seed = seeds.at[s], .net = (double)k,
                                       .lr = nets[k].etas[i],
                                       .modes = !kit_quick(x) && s == 0 && has_modes(&nets[k]) });
}

/* ---- what follows from the runs -------------------------------------------------------------- */

static int perturbative(const regime_run *r)
{
    return r->diverged == 0 && r->phase_start < 1 && r->phase_end < 1 && !(r->coupling >= 1)
           && !(r->share >= 0.05);
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

/* Of the oscillation in the drift, over the runs that converge; Adam has none. */
static double mean_share(kit_rows r)
{
    r = kit_converged(r);
    return r.n && nets[(size_t)((const regime_run *)r.at[0])->net].optimizer != CLB_ADAM
               ? kit_mean(r, AT(share))
               : KIT_NONE;
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
                      has_modes(&nets[k]) ? ((const regime_run *)all.at[0])->coupling : KIT_NONE,
                      r.n ? kit_mean(r, AT(switches)) : KIT_NONE, mean_share(all), (double)all.n,
                      count);
        }
}

/* A line an experiment and net. Experiments that leave the regime: at any of their step sizes,
 * below 0.1. Returns the names of those that do not. */
static const char *experiments_table(kit *x, double *outside, double *outside_small)
{
    kit_table *t = KIT_TABLE(x, "experiments",
                             "What each experiment trains: its largest step size, the largest up "
                             "to which every seed is perturbative (0: not even the smallest "
                             "measured), and at its largest step size eta lambda_max/2 at the "
                             "start and the share of the oscillation in the drift",
                             "experiment", "net", "largest_lr", "perturbative_to", "phase_start",
                             "share");
    char left[PAPER_LAST + 1] = { 0 }, left_small[PAPER_LAST + 1] = { 0 },
         measured[PAPER_LAST + 1] = { 0 };
    const char *inside = "";
    for (const struct use *u = uses; u < uses + KIT_LEN(uses); ++u) {
        const regime_net *c = nets + u->net;
        double to = 0, largest = 0;
        int still = 1;
        kit_rows last = { 0 };
        if (u->net == NETS) {
            kit_text(t, kit_print(x, "E%d", u->experiment));
            kit_text(t, "none: measured at the start, nothing is trained");
            KIT_CELLS(t, KIT_NONE, KIT_NONE, KIT_NONE, KIT_NONE);
            continue;
        }
        for (size_t i = 0; i < REGIME_ETAS && c->etas[i] > 0 && c->etas[i] <= u->to; ++i) {
            kit_rows r = runs_at(x, u->net, c->etas[i]);
            if (!r.n) continue;
            still = still && all_perturbative(r), largest = c->etas[i], last = r;
            if (still) to = largest;
            else left[u->experiment] = 1, left_small[u->experiment] |= c->etas[i] <= 0.1;
        }
        if (!last.n) continue;
        measured[u->experiment] = 1;
        kit_text(t, kit_print(x, "E%d", u->experiment)), kit_text(t, c->name);
        KIT_CELLS(t, largest, to, kit_mean(last, AT(phase_start)), mean_share(last));
    }
    *outside = *outside_small = kit_part_runs(x, &runs).n ? 0 : KIT_NAN;
    for (size_t e = 0; e < sizeof left; ++e) {
        *outside += left[e], *outside_small += left_small[e];
        if (measured[e] && !left[e]) inside = kit_print(x, "%s%sE%zu", inside, *inside ? ", " : "",
                                                        e);
    }
    return *inside ? inside : "none";
}

/* The runs of all experiments over their numbers: in blue what is perturbative, in orange the
 * rest. */
static void by_experiment(kit *x, plot_panel *a, kit_at value, const char *names[2])
{
    double at[PAPER_LAST], *place = kit_doubles(x, 2 * REGIME_ETAS * KIT_LEN(uses));
    const char *number[PAPER_LAST];
    double *y = place + REGIME_ETAS * KIT_LEN(uses);
    for (int inside = 1; inside >= 0; --inside) {
        size_t n = 0;
        for (const struct use *u = uses; u < uses + KIT_LEN(uses); ++u)
            for (size_t i = 0; u->net < NETS && i < REGIME_ETAS; ++i) {
                double eta = nets[u->net].etas[i];
                kit_rows r = runs_at(x, u->net, eta);
                if (!(eta > 0 && eta <= u->to) || all_perturbative(r) != inside) continue;
                place[n] = u->experiment, y[n++] = kit_mean(kit_converged(r), value);
            }
        plot_points(a, (inside ? PLOT_BLUE : PLOT_ORANGE | PLOT_SQUARE) | PLOT_SMALL, n, place, y,
                    names[!inside]);
    }
    for (int e = 0; e < PAPER_LAST; ++e) at[e] = e + 1, number[e] = kit_print(x, "%d", e + 1);
    plot_ticks_x(a, PAPER_LAST, at, number), plot_range_x(a, 0.5, PAPER_LAST + 0.5);
}

static void figure(kit *x)
{
    static const char *names[2] = { "perturbative for every seed", "not" }, *none[2] = { 0, 0 };
    kit_rows all = kit_part_runs(x, &runs);
    kit_list end = kit_values(all, AT(phase_end)), share = kit_values(all, AT(share)),
             start = kit_values(all, AT(phase_start)), rate = kit_values(all, AT(switches));
    plot *p = kit_figure(x, "map", 2, 2);
    plot_panel *a = plot_add(p, "Every experiment: phase at the start", "experiment E1 to E23",
                             "eta lambda_max/2", PLOT_LOGY);
    by_experiment(x, a, AT(phase_start), names), plot_horizontal(a, 1, "edge");
    a = plot_add(p, "Every experiment: oscillation", "experiment E1 to E23", "share of the drift",
                 PLOT_LOGY);
    by_experiment(x, a, AT(share), none), plot_horizontal(a, 0.05, "5 %");
    a = plot_add(p, "Oscillation in the drift", "eta lambda_max/2 at the end", "share of the drift",
                 PLOT_LOG);
    plot_points(a, PLOT_BLUE | PLOT_SMALL, end.n, end.at, share.at, "nets of E1-E23"),
        plot_vertical(a, 1, "edge"), plot_range_x(a, 1e-8, 10);
    a = plot_add(p, "Gates that switch", "eta lambda_max/2 at the start",
                 "share of the gates a step", PLOT_LOG);
    plot_points(a, PLOT_ORANGE | PLOT_SMALL, start.n, start.at, rate.at, "nets of E1-E23"),
        plot_vertical(a, 1, "edge");
    plot_caption(p, "Where the runs of the paper lie: distance to the edge of stability, share of "
                    "the oscillation in the drift and switching gates. Above: mean over the seeds "
                    "at each step size of each experiment; E20 trains nothing, Adam (E1, E7) has "
                    "no share. Below: every run; linear nets have no gates and are not in the "
                    "right panel.");
}

static void report(kit *x)
{
    double outside, outside_small;
    const char *inside = experiments_table(x, &outside, &outside_small);
    kit_claim *c;
    nets_table(x);
    figure(x);
    c = kit_ours(x, "all", "Every published number is from the perturbative regime.");
    kit_statement(c, "experiments that leave it, of 22", outside, kit_equal(0)), kit_needs(c, 3, 0);
    kit_remark(c, kit_print(x, "At all of their step sizes inside: %s. Every run has 1000 steps, "
                            "whatever the experiment has; the mode coupling is asked only where it "
                            "is measured, two layers under squared loss, first seed.", inside));
    c = kit_ours(x, "small", "Every experiment is in the perturbative regime up to eta = 0.1.");
    kit_statement(c, "experiments that leave it at or below eta = 0.1", outside_small,
                  kit_equal(0)),
        kit_needs(c, 3, 0);
}

static const kit_info info = {
    .id = "E29", .title = "The regime of every experiment", .statement = "Beyond Theorem 8",
    .key_result = "", .plan = plan, .report = report, .options = mnist_options,
};
KIT_MAIN(info)
