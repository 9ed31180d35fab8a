/* M8  Warm-up: the worst-case-return ceiling binds the transient only.                   @S23
 *   cc -O2 -DCLB_STATIC -o m08 examples/m08_warm_up.c -lm && ./m08                           (2 s)
 * Setup   recursion of P pathways of depth L towards s* = 1, 200 starts alpha_1 = 0.003 *
 *         10^(k/199), alpha_p = alpha_1 / 2^(p-1). gamma is the step size in units of the sharpness
 *         of a single pathway. L = 5, P = 6: constant gamma for 3000 steps, or a linear warm-up
 *         from 2.5 over 300 of 4000 steps. L = 20, P = 4: constant gamma.
 *         "perturbed" repeats with alpha_1 (1 + 1e-12): what differs is chaos.
 * Measure fractions of starts that flip a sign, run away, collapse onto the plateau near 0, or end
 *         well; the largest share of a pathway and eta lambda at the end.
 * Paper   constant steps flip signs above gamma_WCR; a warm-up allows steps up to gamma_c.
 * Beyond  beyond/m08_warm_up_length.c: how long the warm-up must be, and where it must start. */
#define CLB_IMPLEMENTATION
#include "../clb.h"
#include "kit/kit.h"
#include "kit/pathways.h"

enum { T_CONSTANT = 3000, T_WARM = 4000, RAMP = 300, GAMMAS = 8 };
static const double gammas_deep[] = { 4.0, 4.6, 5.0, 5.4, 5.8, 5.9, 6.2, 6.8 };

/* The last of eight steps lies just below gamma_c. */
static double gamma_at(size_t k)
{
    static const double gammas[] = { 3, 4, 4.2, 4.3, 4.5, 5, 5.5 };
    return k < 7 ? gammas[k] : 0.98 * path_gamma_c(5, 6);
}

/* ---- one run: 200 starts -------------------------------------------------------------------- */

typedef struct starts { double L, P, gamma, ramp, perturbed;  path_fates end; } starts;
#define AT(member) KIT_AT(starts, member)
static const kit_field starts_fields[] = {
    KIT_KEY(starts, L), KIT_KEY(starts, P), KIT_KEY(starts, gamma), KIT_KEY(starts, ramp),
    KIT_KEY(starts, perturbed), PATH_FATES(starts, end),
};

static clb_status run_starts(kit *x, void *run)
{
    starts *row = run;
    double S = clb_path_single_sharpness((size_t)row->L, 1);
    clb_path_ramp warm = { 2.5 / S, row->gamma / S, (size_t)row->ramp, CLB_PATH_RAMP_LINEAR };
    clb_path_mode_opts opts = { .tail = 50, .single = 0.9, .ramp = row->ramp > 0 ? &warm : NULL };
    (void)x;
    return path_starts(&row->end, (size_t)row->P, (size_t)row->L,
                       row->perturbed > 0 ? 1 + 1e-12 : 1, row->gamma / S,
                       row->ramp > 0 ? T_WARM : T_CONSTANT, &opts);
}

static const kit_part constant = KIT_PART("const", "constant step", starts, run_starts);
static const kit_part warm = KIT_PART("warm", "linear warm-up", starts, run_starts);
static const kit_part deep = KIT_PART("deep", "constant step, L = 20", starts, run_starts);

static void plan(kit *x)
{
    kit_config(x, "N", PATH_STARTS);
    for (size_t k = 0; k < GAMMAS; ++k) {
        kit_add(x, &constant, &(starts){ .L = 5, .P = 6, .gamma = gamma_at(k) });
        kit_add(x, &warm, &(starts){ .L = 5, .P = 6, .gamma = gamma_at(k), .ramp = RAMP });
        kit_add(x, &constant, &(starts){ .L = 5, .P = 6, .gamma = gamma_at(k), .perturbed = 1 });
    }
    for (size_t k = 0; k < KIT_LEN(gammas_deep); ++k)
        for (int moved = 0; moved <= 1; ++moved)
            kit_add(x, &deep,
                    &(starts){ .L = 20, .P = 4, .gamma = gammas_deep[k], .perturbed = moved });
}

/* ---- what follows from the runs ------------------------------------------------------------- */

static kit_rows runs_of(kit *x, const kit_part *part)
{
    return kit_where(kit_part_runs(x, part), AT(perturbed), 0);
}

static void table(kit *x, const kit_part *part, const char *caption)
{
    KIT_RUN_TABLE(runs_of(x, part), part->name, caption, AT(gamma), AT(end.flip), AT(end.ran_away),
                  AT(end.collapsed), AT(end.ok), AT(end.max_share), AT(end.eta_lambda));
}

/* The runs below a step size, and those above it. */
static kit_rows below(kit_rows rows, double gamma)
{
    return kit_between(rows, AT(gamma), 0, gamma);
}
static kit_rows above(kit_rows rows, double gamma)
{
    return kit_between(rows, AT(gamma), gamma, KIT_INF);
}

static void claims(kit *x)
{
    kit_rows c = runs_of(x, &constant), w = runs_of(x, &warm), d = runs_of(x, &deep);
    kit_at flip = AT(end.flip), ok = AT(end.ok);
    double ceiling = path_gamma_wcr(5), ceiling_deep = path_gamma_wcr(20);
    double low = path_largest(below(c, ceiling), flip), high = path_least(above(c, ceiling), flip),
           low_deep = path_largest(below(d, ceiling_deep), flip),
           high_deep = path_least(above(d, ceiling_deep), flip);
    kit_claim *claim = kit_paper(x, "warm_up", "A warm-up passes the worst-case-return ceiling: "
                                 "every step up to gamma_c then ends well.", "up to gamma_c");
    kit_statement(claim, "least fraction that ends well with warm-up", path_least(w, ok),
                  kit_equal(1));
    kit_statement(claim, "flips at constant steps below gamma_WCR", low, kit_equal(0));
    kit_statement(claim, "least fraction that flips above it", high, kit_above(0.05));
    kit_show(claim, "fraction that ends well with the constant step 0.98 gamma_c",
             kit_mean(kit_where(c, AT(gamma), gamma_at(7)), ok));
    claim = kit_paper(x, "safe_below", "Below gamma_WCR constant steps are safe.", "no sign flip");
    kit_statement(claim, "flips below gamma_WCR, L = 20", low_deep, kit_equal(0));
    kit_statement(claim, "largest fraction that collapses there",
                  path_largest(below(d, ceiling_deep), AT(end.collapsed)), kit_below(0.01));
    kit_condition(claim, "if safe means that no sign flips", "flips below gamma_WCR", low_deep,
                  kit_equal(0));
    kit_condition(claim, "if safe means that no sign flips", "least fraction that flips above it",
                  high_deep, kit_above(0.05));
    kit_remark(claim, "An iterate that returns to u << 1 stays positive but learns nothing: it "
                      "needs u^-(L-2)/((L-2) eta s*) steps to leave.");
    kit_identity(x, "no_flip_5", "L = 5: no sign flips below gamma_WCR.", "flips", low,
                 kit_equal(0));
    kit_identity(x, "no_flip_20", "L = 20: no sign flips below gamma_WCR.", "flips", low_deep,
                 kit_equal(0));
}

static void figure(kit *x)
{
    kit_at gamma = AT(gamma);
    kit_rows c = runs_of(x, &constant), w = runs_of(x, &warm), d = runs_of(x, &deep);
    plot *p = kit_figure(x, "warm_up", 2, 1);
    plot_panel *a = plot_add(p, "L = 5, P = 6, 200 starts", "gamma", "fraction of starts",
                             PLOT_LINEAR);
    plot_rows_line(a, PLOT_ORANGE, c, gamma, AT(end.flip), "a sign flips, constant step");
    plot_rows_line(a, PLOT_BLUE, c, gamma, AT(end.ok), "ends well, constant step");
    plot_rows_points(a, PLOT_GREEN, w, gamma, AT(end.ok), "ends well, warm-up");
    plot_vertical(a, path_gamma_wcr(5), "gamma_WCR");
    plot_vertical(a, path_gamma_c(5, 6), "gamma_c");
    plot_range_y(a, -0.05, 1.5);                          /* room for the legend */
    a = plot_add(p, "L = 20, P = 4, constant step", "gamma", "fraction of starts", PLOT_LINEAR);
    plot_rows_line(a, PLOT_ORANGE, d, gamma, AT(end.flip), "a sign flips");
    plot_rows_line(a, PLOT_BROWN, d, gamma, AT(end.collapsed), "collapses");
    plot_vertical(a, path_gamma_wcr(20), "gamma_WCR");
    plot_caption(p, "Signs flip above gamma_WCR with constant steps, never with a warm-up.");
}

static void report(kit *x)
{
    kit_rows last = kit_where(runs_of(x, &warm), AT(gamma), gamma_at(7));
    table(x, &constant,
          "Constant step, L = 5, P = 6 (fractions of 200 starts; chaotic, tolerance 0.03)");
    table(x, &warm, "Linear warm-up over 300 steps from gamma = 2.5");
    table(x, &deep, "Constant step, L = 20, P = 4 (chaotic, compared as fractions of 200 draws)");
    kit_summary(x, "ok with warm-up at 0.98 gamma_c", kit_mean(last, AT(end.ok)));
    kit_summary(x, "gamma_WCR_L5", path_gamma_wcr(5)),
        kit_summary(x, "gamma_c_L5", path_gamma_c(5, 6));
    kit_summary(x, "gamma_WCR_L20", path_gamma_wcr(20)),
        kit_summary(x, "gamma_c_L20", path_gamma_c(20, 4));
    claims(x);
    figure(x);
}

static const kit_info info = {
    .id = "M08", .title = "Warm-up and the worst-case-return ceiling", .statement = "warm-up",
    .key_result = "warm-up reaches gamma_c", .plan = plan, .report = report, };
KIT_MAIN(info)
