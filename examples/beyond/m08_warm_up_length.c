/* Beyond M8  How long a warm-up must be, which shape, and where it must start.
 *   cc -O2 -DCLB_STATIC -o length examples/beyond/m08_warm_up_length.c -lm && ./length       (2 s)
 * Setup   M8's recursion, L = 5, P = 6, 200 starts, to gamma = 0.98 gamma_c in 4000 steps: three
 *         shapes of warm-up from 2.5 over 3 to 1000 steps; a jump after 1000 steps from 1 ("trap")
 *         and from 2.5; constant gamma from 3 to 5.73 for 3000 steps.
 * Result  a warm-up of 100 steps is enough if it has no jump; a start below gamma = 2 lets the
 *         residual die before the step rises, and the run then stays at an unstable minimum. */
#define CLB_IMPLEMENTATION
#include "../../clb.h"
#include "../kit/kit.h"
#include "../kit/pathways.h"

enum { T_CONSTANT = 3000, T_WARM = 4000, L = 5, P = 6, SWEEP = 40 };
static const double lengths[] = { 3, 10, 30, 100, 300, 1000 };
static const char *const shapes[CLB_PATH_RAMP_COUNT] = { "linear", "geometric", "jump" };

static double target(void) { return 0.98 * path_gamma_c(L, P); }

/* ---- one run: 200 starts -------------------------------------------------------------------- */

typedef struct starts {
    double gamma, ramp, from, shape;
    path_fates end;
} starts; /* ramp 0: constant */
#define AT(member) KIT_AT(starts, member)
static const kit_field starts_fields[] = {
    KIT_KEY(starts, gamma), KIT_KEY_IN(starts, ramp, "steps"), KIT_KEY(starts, from),
    KIT_KEY(starts, shape), PATH_FATES(starts, end),
};

static clb_status run_starts(kit *x, void *run)
{
    starts *row = run;
    double S = clb_path_single_sharpness(L, 1);
    clb_path_ramp warm = { row->from / S, row->gamma / S, (size_t)row->ramp,
                           (clb_path_ramp_shape)(int)row->shape };
    clb_path_mode_opts opts = { .tail = 50, .single = 0.9, .ramp = row->ramp > 0 ? &warm : NULL };
    (void)x;
    return path_starts(&row->end, P, L, 1, row->gamma / S, row->ramp > 0 ? T_WARM : T_CONSTANT,
                       &opts);
}

static const kit_part length =
    KIT_PART("length", "shape and length of the warm-up", starts, run_starts);
static const kit_part trap = KIT_PART("trap", "where the warm-up starts", starts, run_starts);
static const kit_part sweep = KIT_PART("sweep", "constant step", starts, run_starts);

static void plan(kit *x)
{
    kit_config(x, "N", PATH_STARTS);
    for (int shape = 0; shape < CLB_PATH_RAMP_COUNT; ++shape)
        for (size_t i = 0; i < KIT_LEN(lengths); ++i)
            kit_add(x, &length,
                    &(starts){
                        .gamma = target(), .ramp = lengths[i], .from = 2.5, .shape = shape });
    kit_add(x, &trap,
            &(starts){ .gamma = target(), .ramp = 1000, .from = 1.0, .shape = CLB_PATH_RAMP_JUMP });
    kit_add(x, &trap,
            &(starts){ .gamma = target(), .ramp = 1000, .from = 2.5, .shape = CLB_PATH_RAMP_JUMP });
    for (int k = 0; k < SWEEP; ++k) kit_add(x, &sweep, &(starts){ .gamma = 3 + 0.07 * k });
}

/* ---- what follows from the runs -------------------------------------------------------------- */

static kit_rows shaped(kit *x, int shape)
{
    return kit_where(kit_part_runs(x, &length), AT(shape), shape);
}

static void table(kit *x)
{
    kit_rows rows = kit_part_runs(x, &length);
    kit_table *t = KIT_TABLE(x, "length",
                             "Shape and length of the warm-up (linear, geometric, jump; 3 to 1000 "
                             "steps)",
                             "shape", "steps", "gamma", "flip", "ran_away", "collapsed", "ok",
                             "max_share", "eta_lambda");
    for (size_t i = 0; i < rows.n; ++i) {
        const starts *r = rows.at[i];
        kit_text(t, shapes[(int)r->shape]);
        KIT_CELLS(t, r->ramp, r->gamma, r->end.flip, r->end.ran_away, r->end.collapsed, r->end.ok,
                  r->end.max_share, r->end.eta_lambda);
    }
}

static void claims(kit *x)
{
    kit_rows from_1 = kit_where(kit_part_runs(x, &trap), AT(from), 1.0);
    kit_rows from_25 = kit_where(kit_part_runs(x, &trap), AT(from), 2.5);
    kit_at ok = AT(end.ok), share = AT(end.max_share);
    kit_rows below = kit_between(kit_part_runs(x, &sweep), AT(gamma), 0, path_gamma_wcr(L));
    double smooth = 1;
    kit_claim *c =
        kit_ours(x, "hundred_steps", "A linear or geometric warm-up of 100 steps is enough.");
    for (int shape = 0; shape < 2; ++shape)
        smooth = fmin(smooth, kit_mean(kit_where(shaped(x, shape), AT(ramp), 100), ok));
    kit_statement(c, "least fraction that ends well after 100 steps", smooth, kit_equal(1));
    c = kit_ours(x, "trap",
                 "A warm-up must not start below gamma = 2: the largest share stays high.");
    kit_statement(c, "largest share from gamma = 1", kit_mean(from_1, share), kit_at_least(0.3));
    kit_statement(c, "largest share from gamma = 2.5", kit_mean(from_25, share), kit_below(0.3));
    kit_show(c, "fraction that ends well from 1", kit_mean(from_1, ok));
    kit_show(c, "and from 2.5", kit_mean(from_25, ok));
    kit_remark(c, "Below 2 the residual dies to 0 or 1e-17 before the step rises: the run then "
                  "stays at, or leaves late, an unstable minimum.");
    kit_identity(x, "no_flip", "No sign flips below gamma_WCR.", "flips",
                 kit_worst(below, AT(end.flip)), kit_equal(0));
}

static void figure(kit *x)
{
    kit_rows s = kit_part_runs(x, &sweep);
    kit_at gamma = AT(gamma);
    plot *p = kit_figure(x, "warm_up", 2, 1);
    plot_panel *a =
        plot_add(p, "Constant step, L = 5, P = 6", "gamma", "fraction of starts", PLOT_LINEAR);
    plot_rows_line(a, PLOT_ORANGE, s, gamma, AT(end.flip), "a sign flips");
    plot_rows_line(a, PLOT_BLUE, s, gamma, AT(end.ok), "ends well");
    a = plot_add(p, "How long a warm-up to 0.98 gamma_c", "steps of warm-up",
                 "fraction that ends well", PLOT_LOGX);
    for (int k = 0; k < CLB_PATH_RAMP_COUNT; ++k)
        plot_rows_curve(a, k, shaped(x, k), AT(ramp), AT(end.ok), shapes[k]);
    plot_caption(p, "A warm-up of 100 steps is enough if it has no jump.");
}

static void report(kit *x)
{
    table(x);
    claims(x);
    figure(x);
}

static const kit_info info = {
    .id = "M08_warm_up_length",
    .title = "Length and shape of the warm-up",
    .statement = "beyond warm-up",
    .beyond = "M08",
    .plan = plan,
    .report = report,
};
KIT_MAIN(info)
