/* E9, beyond the paper: what does the switching of gates change?
 *   cc -O2 -DCLB_STATIC -o frozen examples/beyond/e09_frozen.c -lm && ./frozen              (30 s)
 * The gate runs of E9, and the same with squared loss; one seed also for m = 32 and 128. Each
 * training is run once more with the gates frozen at theta_0, and each step's imbalance delta_t =
 * |grad_2|^2 - |grad_1|^2 is compared with what it were with the gates of the step before. Further:
 * how many switches are undone within 100 steps, how many gates differ at the end, and the
 * correlation of switching with |delta_t|, raw, without a running mean, for t >= T/4, at equal
 * loss, and with |delta_t| of the frozen net. */
#define CLB_IMPLEMENTATION
#include "../../clb.h"
#include "../kit/kit.h"

enum { N = 5, FEW = 3, WIDTHS = 3 };
static const double lr[N] = { 0.001, 0.003, 0.01, 0.03, 0.1 }, few_lr[FEW] = { 0.001, 0.01, 0.1 };
static const double widths[WIDTHS] = { 64, 32, 128 };
static const kit_part gates = KIT_PART("gates", "Gates watched, live and frozen", gates_run,
                                       gates_train);

static void plan(kit *x)
{
    kit_list one = kit_seeds(x, 1), seeds = kit_seeds(x, kit_quick(x) ? 1 : 3);
    double T = kit_quick(x) ? SW_T_QUICK : SW_T;
    kit_config(x, "n_steps", T);
    for (int loss = 1; loss >= 0; --loss)
        for (size_t w = 0; w < (kit_quick(x) ? 1 : WIDTHS); ++w) {
            kit_list etas = w ? kit_lrs(x, few_lr, FEW) : kit_lrs(x, lr, N), at = w ? one : seeds;
            for (size_t i = 0; i < etas.n; ++i)
                for (size_t s = 0; s < at.n; ++s)
                    kit_add(x, &gates, &(gates_run){ .seed = at.at[s], .loss = loss,
                                                     .width = widths[w], .T = T, .lr = etas.at[i],
                                                     .frozen = 1 });
        }
}

static void tables(kit *x)
{
    kit_list etas = kit_lrs(x, lr, N);
    kit_table *t = gates_table(x);
    kit_table *coupling =
        KIT_TABLE(x, "coupling",
                  "S/S(frozen gates) - 1; share of S from the gates that switch; switches as share "
                  "of all gates; correlation with |delta|: raw, without running mean, t >= T/4, at "
                  "equal loss, with frozen gates",
                  "loss", "width", "lr", "gate_share", "switched_share", "switches_per_eta_t",
                  "gross_change", "net_change", "returns", "hamming_imbalance_correlation",
                  "r_detrended", "r_late", "r_given_loss", "r_frozen");
    for (int loss = 1; loss >= 0; --loss)
        for (size_t w = 0; w < WIDTHS; ++w)
            for (size_t i = 0; i < etas.n; ++i) {
                kit_rows at = gates_at(x, &gates, loss, widths[w], etas.at[i]);
                if (!at.n) continue;
                gates_line(t, at, loss, widths[w], etas.at[i]);
                KIT_LINE(coupling, loss, widths[w], etas.at[i], kit_mean(at, GATES_AT(gate_share)),
                         kit_mean(at, GATES_AT(switched_share)),
                         kit_mean(at, GATES_AT(switches_per_eta_t)),
                         kit_mean(at, GATES_AT(gross_change)), kit_mean(at, GATES_AT(net_change)),
                         kit_mean(at, GATES_AT(returns)),
                         kit_mean(at, GATES_AT(hamming_imbalance_correlation)),
                         kit_mean(at, GATES_AT(r_detrended)), kit_mean(at, GATES_AT(r_late)),
                         kit_mean(at, GATES_AT(r_given_loss)), kit_mean(at, GATES_AT(r_frozen)));
            }
}

static double over_etas(kit *x, kit_at what)
{
    kit_list etas = kit_lrs(x, lr, N);
    double sum = 0;
    for (size_t i = 0; i < etas.n; ++i)
        sum += kit_mean(gates_at(x, &gates, 1, 64, etas.at[i]), what);
    return sum / (double)etas.n;
}

static void claims(kit *x)
{
    kit_rows rows = kit_where(kit_part_runs(x, &gates), GATES_AT(width), 64);
    double worst = rows.n ? 0 : KIT_NAN;
    kit_claim *c = kit_ours(x, "frozen",
                            "Gates frozen at the start leave S as it is, within 5 %, at m = 64.");
    for (size_t i = 0; i < rows.n; ++i)
        worst = kit_worse(worst, fabs(((const gates_run *)rows.at[i])->gate_share));
    kit_statement(c, "largest change of S, both losses, all eta", 100 * worst,
                  kit_in_units(kit_below(5), "%"));
    kit_remark(c, "A net with frozen gates need not be quadratic: this alone is not yet linear "
                  "theory.");
    c = kit_ours(x, "common_decay",
                 "Switching and imbalance correlate only because both decay during training.");
    kit_statement(c, "correlation without the running mean over 51 steps",
                  fabs(over_etas(x, GATES_AT(r_detrended))), kit_below(0.1));
    kit_statement(c,
                  "correlation with the imbalance of a net whose gates are frozen, less the raw "
                  "one",
                  fabs(over_etas(x, GATES_AT(r_frozen)) -
                       over_etas(x, GATES_AT(hamming_imbalance_correlation))),
                  kit_below(0.05));
    kit_remark(c, "Cross entropy, m = 64, means over five eta.");
    kit_theorem_2(x, kit_worst(kit_part_runs(x, &gates), GATES_AT(identity_error)), 1e-10, 1e-3);
}

static void report(kit *x)
{
    plot *p = kit_figure(x, "frozen", 1, 1);
    plot_panel *a = plot_add(p, "Gates frozen at the start, m = 64", "learning rate eta",
                             "S / S(frozen gates)", PLOT_LOGX);
    tables(x);
    claims(x);
    for (int loss = 0; loss <= 1; ++loss) {
        kit_rows rows = kit_where(kit_part_runs(x, &gates), GATES_AT(loss), loss);
        kit_list at, share;
        double *ratio;
        rows = kit_where(rows, GATES_AT(width), 64);
        at = kit_values(rows, GATES_AT(lr)), share = kit_values(rows, GATES_AT(gate_share));
        ratio = kit_doubles(x, share.n);
        for (size_t i = 0; i < share.n; ++i) ratio[i] = 1 + share.at[i];
        plot_points(a, loss ? PLOT_ORANGE | PLOT_TRIANGLE : PLOT_BLUE, at.n, at.at, ratio,
                    loss ? "cross entropy" : "squared");
    }
    plot_horizontal(a, 1, "no effect");
    plot_caption(p, "S with live gates over S with the gates frozen at the start, each run.");
}

static const kit_info info = {
    .id = "E09_frozen",
    .title = "What the switching of gates changes",
    .statement = "Theorems 3, 4",
    .beyond = "E09",
    .plan = plan,
    .report = report,
};
KIT_MAIN(info)
