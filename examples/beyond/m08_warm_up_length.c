/* Beyond M8  How long a warm-up must be, which shape, and where it must start.
 *   cc -O2 -DCLB_STATIC -o length examples/beyond/m08_warm_up_length.c -lm && ./length  (seconds)
 * Setup   M8's recursion, L = 5, P = 6, 200 starts, to gamma = 0.98 gamma_c in 4000 steps: three
 *         shapes of warm-up from 2.5 over 3 to 1000 steps; a jump after 1000 steps from 1 ("trap") and
 *         from 2.5; constant gamma from 3 to 5.73 for 3000 steps.
 * Result  a warm-up of 100 steps is enough if it has no jump; a start below gamma = 2 lets the
 *         residual die before the step rises, and the run then stays at an unstable minimum. */
#define CLB_IMPLEMENTATION
#include "../../clb.h"
#include "../kit/kit.h"

enum { STARTS = 200, T_CONSTANT = 3000, T_WARM = 4000, L = 5, P = 6, SWEEP = 40 };
static const double lengths[] = { 3, 10, 30, 100, 300, 1000 };
static const char *const shapes[CLB_PATH_RAMP_COUNT] = { "linear", "geometric", "jump" };

static double target(void) { return 0.98 * 2 * clb_pow(P, 1 - 2.0 / L); }

/* ---- one run: 200 starts ------------------------------------------------------------------------
 */

typedef struct starts {
    double gamma, ramp, from, shape;          /* ramp 0: constant */
    double flip, ran_away, collapsed, ok, max_share, eta_lambda;
} starts;
static const kit_field starts_fields[] = {
    KIT_KEY(starts, gamma), KIT_KEY_IN(starts, ramp, "steps"), KIT_KEY(starts, from),
    KIT_KEY(starts, shape), KIT_RESULT(starts, flip), KIT_RESULT(starts, ran_away),
    KIT_RESULT(starts, collapsed), KIT_RESULT(starts, ok), KIT_RESULT(starts, max_share),
    KIT_RESULT(starts, eta_lambda),
};

static clb_status run_starts(kit *x, void *run)
{
    starts *row = run;
    double S = clb_path_single_sharpness(L, 1), alpha[P];
    clb_path_ramp warm = { row->from / S, row->gamma / S, (size_t)row->ramp,
                           (clb_path_ramp_shape)(int)row->shape };
    clb_path_mode_opts opts = { .tail = 50, .single = 0.9, .ramp = row->ramp > 0 ? &warm : NULL };
    size_t depth[P];
    (void)x;
    row->flip = row->ran_away = row->collapsed = row->ok = row->max_share = row->eta_lambda = 0;
    for (size_t k = 0; k < STARTS; ++k) {
        clb_path_mode mode;
        clb_path_mode_run end;
        clb_status status;
        int flip, away, low;
        alpha[0] = 0.003 * clb_pow(10, (double)k / (STARTS - 1));
        for (size_t p = 0; p < P; ++p) depth[p] = L, alpha[p] = p ? 0.5 * alpha[p - 1] : alpha[0];
        if ((status = clb_path_mode_init(&mode, P, depth, 1, alpha)) != CLB_OK) return status;
        status = clb_path_mode_train(&mode, row->gamma / S, row->ramp > 0 ? T_WARM : T_CONSTANT,
                                     &opts, &end);
        clb_path_mode_free(&mode);
        if (status) return status;
        flip = end.flip != CLB_PATH_NEVER, away = end.outcome == CLB_PATH_RUN_AWAY;
        low = end.outcome == CLB_PATH_COLLAPSED;
        row->flip += flip, row->ran_away += away, row->collapsed += low;
        if (flip || away || low) continue;
        ++row->ok, row->max_share += end.share, row->eta_lambda += end.eta_lambda;
    }
    if (row->ok > 0) row->max_share /= row->ok, row->eta_lambda /= row->ok;
    else row->max_share = row->eta_lambda = KIT_NAN;
    row->flip /= STARTS, row->ran_away /= STARTS, row->collapsed /= STARTS, row->ok /= STARTS;
    return CLB_OK;
}

static const kit_part length =
    KIT_PART("length", "shape and length of the warm-up", starts, run_starts);
static const kit_part trap = KIT_PART("trap", "where the warm-up starts", starts, run_starts);
static const kit_part sweep = KIT_PART("sweep", "constant step", starts, run_starts);

static void plan(kit *x)
{
    kit_config(x, "N", STARTS);
    for (int shape = 0; shape < CLB_PATH_RAMP_COUNT; ++shape)
        for (size_t i = 0; i < KIT_LEN(lengths); ++i)
            kit_add(
                x, &length,
                &(starts){ .gamma = target(), .ramp = lengths[i], .from = 2.5, .shape = shape });
    kit_add(x, &trap,
            &(starts){ .gamma = target(), .ramp = 1000, .from = 1.0, .shape = CLB_PATH_RAMP_JUMP });
    kit_add(x, &trap,
            &(starts){ .gamma = target(), .ramp = 1000, .from = 2.5, .shape = CLB_PATH_RAMP_JUMP });
    for (int k = 0; k < SWEEP; ++k) kit_add(x, &sweep, &(starts){ .gamma = 3 + 0.07 * k });
}

/* ---- what follows from the runs -------------------------------------------------------------- */

static kit_rows shaped(kit *x, int shape)
{
    return kit_where(kit_part_runs(x, &length), KIT_AT(starts, shape), shape);
}

static void table(kit *x)
{
    kit_rows rows = kit_part_runs(x, &length);
    kit_table *t = KIT_TABLE(x, "length",
                             "Shape and length of the warm-up (linear, geometric, jump; 3 to 1000 "
                             "steps)",
                             "shape", "steps", "gamma", "flip", "diverged", "collapsed", "ok",
                             "max_share", "eta_lambda");
    for (size_t i = 0; i < rows.n; ++i) {
        const starts *r = rows.at[i];
        kit_text(t, shapes[(int)r->shape]);
        KIT_CELLS(t, r->ramp, r->gamma, r->flip, r->ran_away, r->collapsed, r->ok, r->max_share,
                  r->eta_lambda);
    }
}

static void claims(kit *x)
{
    kit_rows from_1 = kit_where(kit_part_runs(x, &trap), KIT_AT(starts, from), 1.0);
    kit_rows from_25 = kit_where(kit_part_runs(x, &trap), KIT_AT(starts, from), 2.5);
    kit_at ok = KIT_AT(starts, ok), share = KIT_AT(starts, max_share);
    double smooth = 1, below = 0;
    clb_path_return w;
    kit_claim *c =
        kit_ours(x, "hundred_steps", "A linear or geometric warm-up of 100 steps is enough.");
    for (int shape = 0; shape < 2; ++shape)
        smooth = fmin(smooth, kit_mean(kit_where(shaped(x, shape), KIT_AT(starts, ramp), 100), ok));
    kit_statement(c, "least fraction that ends well after 100 steps", smooth, kit_equal(1));
    c = kit_ours(x, "trap",
                 "A warm-up must not start below gamma = 2: the largest share stays high.");
    kit_statement(c, "largest share from gamma = 1", kit_mean(from_1, share), kit_at_least(0.3));
    kit_statement(c, "largest share from gamma = 2.5", kit_mean(from_25, share), kit_below(0.3));
    kit_show(c, "fraction that ends well from 1", kit_mean(from_1, ok));
    kit_show(c, "and from 2.5", kit_mean(from_25, ok));
    kit_remark(
        c,
        "Below 2 the residual dies to 0 or 1e-17 before the step rises: the run then stays at, or "
        "leaves late, an unstable minimum.");
    if (clb_path_worst_return(L, &w)) return;
    below = kit_worst(kit_between(kit_part_runs(x, &sweep), KIT_AT(starts, gamma), 0, w.gamma),
                      KIT_AT(starts, flip));
    kit_identity(x, "no_flip", "No sign flips below gamma_WCR.", "flips", below, kit_equal(0));
}

static void figure(kit *x)
{
    kit_rows s = kit_part_runs(x, &sweep);
    kit_at gamma = KIT_AT(starts, gamma);
    plot *p = kit_figure(x, "warm_up", 2, 1);
    plot_panel *a =
        plot_add(p, "Constant step, L = 5, P = 6", "gamma", "fraction of starts", PLOT_LINEAR);
    plot_lists(a, PLOT_ORANGE, kit_values(s, gamma), kit_values(s, KIT_AT(starts, flip)),
               "flipped");
    plot_lists(a, PLOT_BLUE, kit_values(s, gamma), kit_values(s, KIT_AT(starts, ok)), "well");
    a = plot_add(p, "How long a warm-up to 0.98 gamma_c", "steps of warm-up",
                 "fraction that ends well", PLOT_LOGX);
    for (int k = 0; k < CLB_PATH_RAMP_COUNT; ++k) {
        kit_list n = kit_values(shaped(x, k), KIT_AT(starts, ramp)),
                 y = kit_values(shaped(x, k), KIT_AT(starts, ok));
        plot_lists(a, k, n, y, shapes[k]);
        plot_points(a, k, n.n, n.at, y.at, NULL);
    }
    plot_caption(p, "A warm-up of 100 steps is enough if it has no jump.");
}

static void report(kit *x)
{
    table(x);
    claims(x);
    figure(x);
}

static const kit_info info = { .id = "M08_warm_up_length",
                               .title = "Length and shape of the warm-up",
                               .statement = "beyond warm-up",
                               .beyond = "M08",
                               .plan = plan,
                               .report = report };
KIT_MAIN(info)
