/* E9  Linear-ReLU gap: how often do the gates of a ReLU net switch?                   Theorems 3, 4
 *   cc -O2 -DCLB_STATIC -o e09 examples/e09_linear_relu_gap.c -lm && ./e09                  (15 s)
 * Setup   two-layer nets without bias, d = 20, m = 64, K = 5, mixture of n = 200, full-batch
 *         gradient descent, T = 2000 steps.
 *         "gates": ReLU net, cross entropy, five eta from 0.001 to 0.1, three seeds. A gate is
 *         [(W_1 x_i)_h > 0] of sample i and hidden neuron h; they are compared step by step.
 *         "linear": linear net, squared loss, eight eta, five seeds. "relu": ReLU net, cross
 *         entropy, four eta, five seeds. "window": the other two pairs of net and loss, and ReLU
 *         with cross entropy on all eight eta, three seeds.
 * Measure neurons that switch for at least one sample, per step, as a share of the 64; and
 *         switches as a share of all 12800 gates. Drift |C(T) - C(0)|, C = |W_2|^2 - |W_1|^2, and
 *         S = drift/eta^2.
 * Fit     alpha: slope of a line through ln(mean drift) against ln(eta).
 * Paper   2.2 % switch rate; alpha of the linear net 1.10, of the ReLU net 1.07
 * Beyond  beyond/e09_frozen.c: what switching changes, seen from nets with frozen gates. */
#define CLB_IMPLEMENTATION
#include "../clb.h"
#include "kit/kit.h"

enum { N = 5, M = 64, LINEAR_N = 8, RELU_N = 4 };
static const double gates_lr[N] = { 0.001, 0.003, 0.01, 0.03, 0.1 };
static const double relu_lr[RELU_N] = { 1e-4, 1e-3, 1e-2, 0.1 };
/* Neurons that switch per step, as the paper's figure shows them. */
static const double paper_neurons[N] = { 0.5930, 0.8017, 1.5375, 1.8622, 2.1590 };

static const kit_part gates = KIT_PART("gates", "Gates watched", gates_run, gates_train);
static const sw_case linear = { "linear", 0, 0, M, 5, 0 }, relu = { "relu", 1, 1, M, 5, 0 };

/* A pair of net and loss on all eight eta, three seeds; linear with squared loss is at hand. */
static sw_case window(int act, int loss)
{
    return (sw_case){ act || loss ? "window" : "linear", act, loss, M, 3, 0 };
}

static void plan(kit *x)
{
    kit_list five = kit_seeds(x, kit_quick(x) ? 1 : 5), three = kit_seeds(x, kit_quick(x) ? 1 : 3);
    kit_list etas = kit_lrs(x, gates_lr, N), all = kit_lrs(x, sw_etas, LINEAR_N);
    double T = kit_quick(x) ? SW_T_QUICK : SW_T;
    kit_config(x, "n_steps", T), kit_config(x, "hidden", M);
    for (size_t i = 0; i < etas.n; ++i)
        for (size_t s = 0; s < three.n; ++s)
            kit_add(x, &gates, &(gates_run){ .seed = three.at[s], .loss = 1, .width = M, .T = T,
                                             .lr = etas.at[i] });
    sw_plan(x, &linear, five, all);
    sw_plan(x, &relu, five, kit_lrs(x, relu_lr, RELU_N));
    for (int k = 1; k < 4; ++k) {
        sw_case c = window(k & 1, k >> 1);
        sw_plan(x, &c, three, all);
    }
}

/* ---- gates ----------------------------------------------------------------------------------- */

/* Mean over the seeds at one eta, and over all eta too. */
static double at_lr(kit *x, kit_at what, double lr)
{
    return kit_mean(gates_at(x, &gates, 1, M, lr), what);
}
static double overall(kit *x, kit_at what)
{
    kit_list etas = kit_lrs(x, gates_lr, N);
    double sum = 0;
    for (size_t i = 0; i < etas.n; ++i) sum += at_lr(x, what, etas.at[i]);
    return sum / (double)etas.n;
}

/* S of a net with cross entropy at eta = 0.01. */
static double S_of(kit *x, int act)
{
    sw_case c = window(act, 1);
    return kit_mean(kit_where(sw_runs(x, &c), SW_AT(lr), 0.01), SW_AT(S));
}

static void gate_claims(kit *x)
{
    kit_at changed = GATES_AT(mean_neurons_changed), r = GATES_AT(hamming_imbalance_correlation);
    double neurons = overall(x, changed) / M, pairs = overall(x, GATES_AT(mean_hamming_dist));
    kit_list etas = kit_lrs(x, gates_lr, N);
    kit_table *t = gates_table(x);
    kit_claim *c = kit_paper(x, "switch_rate", "2.2 % of the neurons switch per step; this is the "
                             "difference between training a linear and a ReLU net.", "2.2 %");
    for (size_t i = 0; i < etas.n; ++i)
        gates_line(t, gates_at(x, &gates, 1, M, etas.at[i]), 1, M, etas.at[i]);
    kit_printed(kit_summary(x, "switch_rate_neurons", neurons), 0.022);
    kit_summary(x, "switch_rate_pairs", pairs);
    kit_number(c, "neurons that switch per step", 100 * neurons,
               kit_in_units(kit_within(2.2, 0.05), "%"));
    kit_show(c, "gates that switch in a step, in %", 100 * pairs);
    kit_statement(c, "S(linear)/S(ReLU) at eta = 0.01, cross entropy", S_of(x, 0) / S_of(x, 1),
                  kit_within(1, 0.05));
    kit_remark(c, "No linear run enters the number: it counts neurons that switch for at least one "
                  "of 200 samples.");
    c = kit_paper(x, "one_rate", "The rate is a property of the net.", "one number");
    kit_statement(c, "rate at eta = 0.1 over that at 0.001",
                  at_lr(x, changed, 0.1) / at_lr(x, changed, 0.001), kit_below(1.25));
    kit_show(c, "share of gates (in %) that differ between start and end, eta = 0.001",
             100 * at_lr(x, GATES_AT(net_change), 0.001));
    kit_show(c, "share of gates (in %) that differ between start and end, eta = 0.1",
             100 * at_lr(x, GATES_AT(net_change), 0.1));
    kit_remark(c, "T is fixed, so a small eta is a short training.");
    c = kit_paper(x, "coupling", "Switching and imbalance of the gradients are coupled.",
                  "correlation 0.47 to 0.91");
    kit_number(c, "correlation at eta = 0.001", at_lr(x, r, 0.001), kit_within(0.47, 0.01));
    kit_number(c, "correlation at eta = 0.1", at_lr(x, r, 0.1), kit_within(0.91, 0.01));
    kit_statement(c, "mean correlation", overall(x, r), kit_above(0.4));
    kit_statement(c, "without the running mean over 51 steps", overall(x, GATES_AT(r_detrended)),
                  kit_above(0.3));
    kit_condition(c, "with the decay of both during training left in", "mean correlation",
                  overall(x, r), kit_above(0.4));
}

/* ---- exponents ------------------------------------------------------------------------------- */

static clb_fit curve_table(kit *x, const sw_case *c, const char *caption, kit_list etas)
{
    kit_table *t = KIT_TABLE(x, c->set, caption, "act", "loss", "width", "lr", "mean_drift",
                             "std_drift", "mean_S", "final_loss", "drift_over_eta_sq");
    for (size_t i = 0; i < etas.n; ++i) {
        kit_rows at = kit_where(sw_runs(x, c), SW_AT(lr), etas.at[i]);
        double drift = kit_mean(at, SW_AT(drift)), eta = etas.at[i];
        KIT_LINE(t, c->act, c->loss, c->width, eta, drift, kit_std(at, SW_AT(drift)),
                 kit_mean(at, SW_AT(S)), kit_mean(at, SW_AT(final_loss)), drift / (eta * eta));
    }
    return sw_alpha(x, c, SW_AT(lr), etas);
}

/* alpha[loss][act] on eta <= 0.1. */
typedef struct pairs { double alpha[2][2]; } pairs;
static void windows_table(kit *x, pairs *v)
{
    kit_list etas = kit_lrs(x, sw_etas, LINEAR_N);
    kit_table *t = KIT_TABLE(x, "windows", kit_print(x, "Exponents at equal loss on equal windows, "
                                                     "%s", kit_n_seeds(x, 3)), "net",
                             "alpha_eta<=0.03", "alpha_eta<=0.1", "alpha_eta<=0.3");
    for (int loss = 0; loss <= 1; ++loss)
        for (int act = 0; act <= 1; ++act) {
            sw_case c = window(act, loss);
            double low = sw_alpha(x, &c, SW_AT(lr), sw_upto(x, etas, 0.03)).slope;
            v->alpha[loss][act] = sw_alpha(x, &c, SW_AT(lr), sw_upto(x, etas, 0.1)).slope;
            kit_text(t, kit_print(x, "%s, %s", act ? "ReLU" : "linear",
                                  loss ? "cross entropy" : "squared"));
            KIT_CELLS(t, low, v->alpha[loss][act], sw_alpha(x, &c, SW_AT(lr), etas).slope);
        }
}

static void alpha_claims(kit *x, const pairs *v)
{
    clb_fit a = curve_table(x, &linear, "Linear net, squared loss", kit_lrs(x, sw_etas, LINEAR_N));
    clb_fit b = curve_table(x, &relu, "ReLU net, cross entropy", kit_lrs(x, relu_lr, RELU_N));
    clb_sweep y = sw_curve(x, &linear, SW_AT(lr), kit_lrs(x, sw_etas, LINEAR_N));
    double apart = 0;
    kit_printed(kit_summary(x, "alpha_linear", a.slope), 1.1035);
    kit_printed(kit_summary_r2(x, "r2_linear", &y, a.r2), 0.9926);
    kit_printed(kit_summary(x, "alpha_relu", b.slope), 1.0666);
    kit_printed(kit_summary(x, "beta_linear", a.slope - 2), -0.8965);
    kit_claim *c = kit_paper(x, "same_alpha", "The linear net has the same alpha as the ReLU net.",
                  "1.10 against 1.07");
    kit_number(c, "alpha of the linear net", a.slope, kit_within(1.10, 0.02));
    kit_number(c, "alpha of the ReLU net", b.slope, kit_within(1.07, 0.02));
    for (int loss = 0; loss <= 1; ++loss) {
        const char *name = loss ? "cross entropy" : "squared loss";
        apart = kit_worse(apart, fabs(v->alpha[loss][1] - v->alpha[loss][0]));
        kit_show(c, kit_print(x, "linear, %s, eta <= 0.1", name), v->alpha[loss][0]);
        kit_show(c, kit_print(x, "ReLU, %s", name), v->alpha[loss][1]);
    }
    kit_statement(c, "largest difference at equal loss", apart, kit_at_most(0.02));
    kit_remark(c, "The paper's pair of numbers compares different losses and windows of eta.");
}

/* ---- figure ---------------------------------------------------------------------------------- */

static void figure(kit *x, const pairs *v)
{
    static const double place[] = { 1, 2 };
    static const char *const losses[] = { "squared", "cross entropy" };
    plot *p = kit_figure(x, "switching", 3, 1);
    plot_panel *a = plot_add(p, "Switching during training", "eta t", "gates that switch per step",
                             PLOT_LOG);
    plot_panel *b =
        plot_add(p, "Two definitions of the rate", "learning rate eta", "share per step", PLOT_LOG);
    double neurons[N], pairs_rate[N], published[N];
    for (size_t k = 0; k < N; ++k) {
        kit_rows at = gates_at(x, &gates, 1, M, gates_lr[k]);
        kit_list rate = { 0, NULL };
        double *t;
        if (at.n) rate = ((const gates_run *)at.at[0])->hamming_blocks;
        t = kit_doubles(x, rate.n);
        for (size_t i = 0; i < rate.n; ++i) t[i] = gates_lr[k] * (20 * (double)i + 10);
        plot_line(a, (int)k, rate.n, t, rate.at, kit_print(x, "eta = %g", gates_lr[k]));
        neurons[k] = kit_mean(at, GATES_AT(mean_neurons_changed)) / M;
        pairs_rate[k] = kit_mean(at, GATES_AT(mean_hamming_dist));
        published[k] = paper_neurons[k] / M;
    }
    plot_range_y(b, 2e-6, 0.1);
    plot_points(b, PLOT_PUBLISHED, N, gates_lr, published, "published");
    plot_points(b, PLOT_BLUE, N, gates_lr, neurons, "neurons");
    plot_points(b, PLOT_ORANGE | PLOT_TRIANGLE, N, gates_lr, pairs_rate, "(sample, neuron) gates");
    a = plot_add(p, "Exponent on eta <= 0.1", "loss", "alpha", PLOT_LINEAR);
    for (int act = 0; act <= 1; ++act) {
        double alpha[2] = { v->alpha[0][act], v->alpha[1][act] };
        plot_points(a, act ? PLOT_PURPLE | PLOT_DIAMOND : PLOT_GREEN, 2, place, alpha,
                    act ? "ReLU" : "linear");
    }
    plot_ticks_x(a, 2, place, losses), plot_range_x(a, 0.5, 2.5);
    plot_caption(p, "Gates that switch per step against eta t (means over 20 steps, one seed); the "
                    "published rate and the rate of all gates; exponents at equal loss.");
}

static void report(kit *x)
{
    pairs v;
    gate_claims(x);
    windows_table(x, &v);
    alpha_claims(x, &v);
    sw_identity(x);
    figure(x, &v);
}

static const kit_info info = {
    .id = "E09", .title = "Linear-ReLU gap", .statement = "Theorems 3, 4",
    .key_result = "2.2 % switch rate difference", .plan = plan, .report = report,
};
KIT_MAIN(info)
