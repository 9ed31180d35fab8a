/* M6  The worst-case-return threshold gamma_WCR(L) for depths 2 to 10^6.                 @S23
 *   cc -O2 -DCLB_STATIC -o m06 examples/m06_return_table.c -lm && ./m06                      (1 s)
 * Setup   one pathway of depth L; a step of gradient descent takes its weight x, in units of the
 *         minimum, to f(x) = x + gamma/L x^(L-1) (1 - x^L), gamma the step size in units of the
 *         sharpness. gamma_WCR is the gamma with f(M) = 0, M = max f over (0,1): above it the
 *         largest overshoot returns below 0.
 * Measure gamma_WCR by the root of an equation in y = x_max^L, f(x_max) = M; and up to L = 100 by
 *         brute force: bisection on gamma, M by a grid and golden section.
 * Paper   gamma_WCR is unique and grows like log L: gamma_WCR ~ 2 W(2L), W Lambert's function. The
 *         paper's printed constants cannot be recovered; those beside ours are a bisection in
 *         40-digit arithmetic.
 * Beyond  beyond/m06_ceilings.c: from how many pathways on gamma_WCR is the ceiling that binds. */
#define CLB_IMPLEMENTATION
#include "../clb.h"
#include "kit/kit.h"
#include "kit/pathways.h"

/* 16 digits of gamma_WCR by bisection in 40-digit arithmetic */
static const struct { double L, gamma; } constants[] = {
    { 2, 3.196152422706632 },    { 3, 3.660996276133941 },    { 4, 3.978578154052725 },
    { 5, 4.22449541461224 },     { 6, 4.426950768550268 },    { 7, 4.599890602529126 },
    { 8, 4.751329449095865 },    { 10, 5.008328500059115 },   { 12, 5.222368675484537 },
    { 15, 5.489714718931967 },   { 20, 5.843602968300213 },   { 30, 6.36061262722679 },
    { 50, 7.042410548053799 },   { 100, 8.019466927161404 },  { 200, 9.050726037297283 },
    { 500, 10.48470788629595 },  { 1000, 11.61361114541574 }, { 1e4, 15.55599124670301 },
    { 1e5, 19.6820215205287 },   { 1e6, 23.90990084599175 },
};
enum { DEPTHS = KIT_LEN(constants), BRUTE_UP_TO = 100 };

typedef struct depth {
    double L;
    double gamma, y, x_max, M, two_W_2L, brute, digits16;
    double relative_error, asymptote_error, brute_error; /* of gamma, of 2 W(2L), of brute force */
} depth;
static const kit_field depth_fields[] = {
    KIT_KEY(depth, L), KIT_RESULT(depth, gamma), KIT_RESULT(depth, y), KIT_RESULT(depth, x_max),
    KIT_RESULT(depth, M), KIT_RESULT(depth, two_W_2L), KIT_RESULT(depth, brute),
    KIT_RESULT(depth, digits16), KIT_RESULT(depth, relative_error),
    KIT_RESULT(depth, asymptote_error), KIT_RESULT(depth, brute_error),
};
#define AT(member) KIT_AT(depth, member)

/* f(f(x)) at the x in (0,1) with the largest f(x): grid, then golden section. Knows nothing of the
 * root equation. */
static double lowest_return(size_t L, double gamma)
{
    enum { GRID = 4000 };
    const double golden = 0.6180339887498949;
    double best = 0, lo = 0, hi = 1;
    for (int i = 1; i < GRID; ++i) {
        double y = clb_path_chain_map(L, gamma, (double)i / GRID);
        if (y > best) best = y, lo = (i - 1.0) / GRID, hi = (i + 1.0) / GRID;
    }
    for (int i = 0; i < 70; ++i) {
        double a = hi - golden * (hi - lo), b = lo + golden * (hi - lo);
        if (clb_path_chain_map(L, gamma, a) > clb_path_chain_map(L, gamma, b)) hi = b;
        else lo = a;
    }
    return clb_path_chain_map(L, gamma, clb_path_chain_map(L, gamma, 0.5 * (lo + hi)));
}

static double brute_force(size_t L)
{
    double lo = 2, hi = 12;
    while (hi - lo > 4e-14) {
        double mid = 0.5 * (lo + hi);
        if (mid <= lo || mid >= hi) break;
        if (lowest_return(L, mid) > 0) lo = mid;
        else hi = mid;
    }
    return 0.5 * (lo + hi);
}

static clb_status run_depth(kit *x, void *run)
{
    depth *row = run;
    size_t L = (size_t)row->L;
    clb_path_return worst;
    clb_status status = clb_path_worst_return(L, &worst);
    (void)x;
    if (status) return status;
    row->gamma = worst.gamma, row->y = worst.y, row->x_max = worst.x_max, row->M = worst.M;
    row->two_W_2L = clb_path_worst_return_asymptote(L);
    for (size_t i = 0; i < DEPTHS; ++i)
        if (constants[i].L == row->L) row->digits16 = constants[i].gamma;
    row->relative_error = row->gamma / row->digits16 - 1;
    row->asymptote_error = row->gamma / row->two_W_2L - 1;
    if (L <= BRUTE_UP_TO) row->brute = brute_force(L), row->brute_error = row->brute - row->gamma;
    return CLB_OK;
}

static const kit_part table = KIT_PART("table", "depths", depth, run_depth);

static void plan(kit *x)
{
    for (size_t i = 0; i < DEPTHS; ++i) kit_add(x, &table, &(depth){ .L = constants[i].L });
}

/* ---- what follows from the runs ------------------------------------------------------------- */

static void claims(kit *x, kit_rows all)
{
    kit_list gamma = kit_values(all, AT(gamma));
    double least_step = KIT_INF, constants_error = kit_worst(all, AT(relative_error));
    kit_claim *c = kit_paper(x, "threshold",
                             "The largest safe step gamma_WCR grows with depth without end but "
                             "slowly: like 2 W(2L), which is about 2 log L.",
                             "2 W(2L)");
    for (size_t i = 1; i < gamma.n; ++i)
        least_step = fmin(least_step, gamma.at[i] - gamma.at[i - 1]);
    kit_summary(x, "gamma_WCR at L = 20", kit_mean(kit_where(all, AT(L), 20), AT(gamma)));
    kit_summary(x, "worst relative error", constants_error);
    kit_statement(c, "least increase from one depth of the table to the next", least_step,
                  kit_above(0));
    kit_statement(c, "largest error of 2 W(2L) from L = 100 on",
                  100 * kit_worst(kit_between(all, AT(L), 100, KIT_INF), AT(asymptote_error)),
                  kit_in_units(kit_below(2.5), "%"));
    kit_remark(c, "2 W(2L) is the leading order only.");
    kit_identity(x, "constants", "The root equation gives the constants of 40-digit arithmetic.",
                 "largest relative error", constants_error, kit_at_most(1e-12));
    kit_identity(x, "brute_force", "The root equation and brute force agree up to L = 100.",
                 "largest difference",
                 kit_worst(kit_between(all, AT(L), 0, BRUTE_UP_TO), AT(brute_error)),
                 kit_at_most(1e-10));
    kit_identity(x, "depth_2", "gamma_WCR(2) = 3 sqrt(3) - 2.", "difference",
                 fabs(kit_mean(kit_where(all, AT(L), 2), AT(gamma)) - (3 * clb_sqrt(3.0) - 2)),
                 kit_at_most(1e-14));
}

static void figure(kit *x, kit_rows all)
{
    plot *p = kit_figure(x, "threshold", 1, 1);
    plot_panel *a = plot_add(p, "Worst-case-return threshold", "depth L",
                             "step size times sharpness, gamma", PLOT_LOGX);
    plot_rows_line(a, PLOT_BLUE, all, AT(L), AT(gamma), NULL);
    plot_rows_points(a, PLOT_PUBLISHED, all, AT(L), AT(digits16), "40-digit bisection");
    plot_rows_points(a, PLOT_BLUE | PLOT_SMALL, all, AT(L), AT(gamma), "gamma_WCR, this program");
    plot_rows_line(a, PLOT_ORANGE | PLOT_DASHED, all, AT(L), AT(two_W_2L), "2 W(2L)");
    plot_horizontal(a, 2, "stability limit of the minimum");
    plot_caption(p, "The threshold gamma_WCR against depth, and its asymptote.");
}

static void report(kit *x)
{
    kit_rows all = kit_part_runs(x, &table);
    KIT_RUN_TABLE(all, "table", "gamma_WCR by depth: root equation, 2 W(2L), a 40-digit bisection",
                  AT(L), AT(gamma), AT(y), AT(x_max), AT(M), AT(two_W_2L), AT(digits16),
                  AT(relative_error));
    claims(x, all);
    figure(x, all);
}

static const kit_info info = {
    .id = "M06", .title = "Worst-case-return threshold", .statement = "worst-case return",
    .key_result = "gamma_WCR(L) ~ 2 W(2L)", .plan = plan, .report = report, };
KIT_MAIN(info)
