/* M5  The knife edge: one per cent of step size decides whether a sign can flip.          @S23
 *   cc -O2 -o m05 examples/m05_knife_edge.c -lm && ./m05                                (seconds)
 * Setup   deep-chain map at gamma = {0.99, 1, 1.01} gamma_WCR(L), L = 3, 5, 20: largest overshoot
 *         M, its return f(M), the share of overshooting points of a 200000-point grid that return
 *         below 0, and the chain from x = 0.5 for 200000 steps.
 * Paper   below gamma_WCR every overshoot returns into (0,1), above it some do not.
 * Beyond  the share that flips over a fine sweep of gamma, with its square-root onset; chaotic
 *         runs are counted over many starts instead of one. */
#define CLB_IMPLEMENTATION
#include "../clb.h"
#include "ex.h"
#include "plot.h"

static const double m05_depths[] = { 3, 5, 20 }, m05_fracs[] = { 0.99, 1.0, 1.01 };
enum { M05_GRID = 200000, M05_STEPS = 200000 };
#define M05_REF "multipath/expected.json#M5/rows/%zu/%s"

static void m05_plan(ex *x)
{
    ex_config(x, "grid", M05_GRID);
    ex_config(x, "steps", M05_STEPS);
    for (size_t i = 0; i < 3; ++i) {
        for (size_t k = 0; k < 3; ++k) {
            ex_row *row = ex_add(x, "edge", EX_NAN);
            ex_num(row, "L", m05_depths[i]);
            ex_num(row, "frac", m05_fracs[k]);
        }
    }
    for (size_t i = 0; i < 3 && !ex_published(x); ++i)
        for (int k = 0; k <= 24; ++k) {
            ex_row *row = ex_add(x, "onset", EX_NAN);
            ex_num(row, "L", m05_depths[i]);
            ex_num(row, "frac", 0.998 + 0.001 * k);
        }
}

/* Over the grid i / n of (0,1): the points with f(x) > 1, those of them with f(f(x)) <= 0, the
 * lowest return. */
static void m05_scan(size_t L, double gamma, size_t n, double *share, double *lowest)
{
    size_t over = 0, flip = 0;
    *lowest = EX_INF;
    for (size_t i = 1; i < n; ++i) {
        double y = clb_path_chain_map(L, gamma, (double)i / (double)n), z;
        if (!(y > 1)) continue;
        z = clb_path_chain_map(L, gamma, y);
        ++over, flip += z <= 0;
        *lowest = fmin(*lowest, z);
    }
    *share = over ? (double)flip / (double)over : 0;
}

/* First step with x < 0 from x0; -1 if there is none. */
static double m05_first_flip(size_t L, double gamma, double x0, size_t steps)
{
    for (size_t t = 1; t <= steps; ++t)
        if ((x0 = clb_path_chain_map(L, gamma, x0)) < 0) return (double)t;
    return -1;
}

static clb_status m05_run(ex *x, ex_row *row)
{
    size_t L = (size_t)ex_get(row, "L"), n = ex_is(row, "edge") ? M05_GRID : 40000, flipped = 0;
    double gamma, x_max, M, share, lowest;
    clb_path_return w;
    clb_status status = clb_path_worst_return(L, &w);
    (void)x;
    if (status) return status;
    gamma = ex_get(row, "frac") * w.gamma;
    if ((status = clb_path_chain_peak(L, gamma, &x_max, &M)) != CLB_OK) return status;
    m05_scan(L, gamma, n, &share, &lowest);
    ex_nums(row, "gamma x_max M return_value min_return_over_grid frac_grid_flip",
            EX_VALUES(gamma, x_max, M, clb_path_chain_map(L, gamma, M), lowest, share));
    if (!ex_is(row, "edge")) return CLB_OK;
    ex_num(row, "chain_flip_step_x0_0p5", m05_first_flip(L, gamma, 0.5, M05_STEPS));
    for (int k = 0; k < 100; ++k) flipped += m05_first_flip(L, gamma, 0.3 + 0.005 * k, 20000) >= 0;
    ex_num(row, "flipped_of_100_starts", (double)flipped);
    return CLB_OK;
}

/* Chain counts above the edge are chaotic but for the ten steps of L = 3. */
static void m05_refs(ex *x, ex_row *row, size_t i)
{
    static const char *const names[] = { "gamma", "x_max", "M" };
    double frac = ex_get(row, "frac"), L = ex_get(row, "L");
    (void)x;
    ex_ref(row, "L", EX_EXACT, 0, M05_REF, i, "L");
    ex_ref(row, "frac", EX_EXACT, 0, M05_REF, i, "frac");
    for (size_t k = 0; k < EX_LEN(names); ++k)
        ex_ref(row, names[k], EX_STABLE, 1e-11, M05_REF, i, names[k]);
    ex_ref(row, "return_value", EX_NOISE, 1e-11, M05_REF, i, "return_value");
    ex_ref(row, "min_return_over_grid", EX_NOISE, 1e-8, M05_REF, i, "min_return_over_grid");
    ex_ref(row, "frac_grid_flip", EX_NOISE, 2e-5, M05_REF, i, "frac_grid_flip");
    if (frac > 1 && L > 3) {
        ex_ref(row, "chain_flip_step_x0_0p5", EX_ARTEFACT, 0, M05_REF, i, "chain_flip_step_x0_0p5");
        ex_because(
            x,
            "chaotic: the step of the first flip depends on the last bit; only that it flips is "
            "compared");
    } else ex_ref(row, "chain_flip_step_x0_0p5", EX_EXACT, 0, M05_REF, i, "chain_flip_step_x0_0p5");
}

/* Share of overshoots that flip, against frac; and the return map at L = 5. */
static void m05_figure(ex *x)
{
    plot *p = plot_new(x, "knife_edge", 2, 1);
    plot_panel *a = plot_add(p, "Return map, L = 5", "x", "f(x)", PLOT_LINEAR);
    double at[251], y[251], fixed[2] = { 0, 1.2 };
    clb_path_return w;
    clb_path_worst_return(5, &w);
    for (int k = 0; k < 3; ++k) {
        for (int i = 0; i <= 250; ++i) {
            at[i] = 1.2 * i / 250;
            y[i] = clb_path_chain_map(5, (0.85 + 0.15 * k) * w.gamma, at[i]);
        }
        plot_line(a, k, 251, at, y, ex_print(x, "%.2f gamma_WCR", 0.85 + 0.15 * k));
    }
    plot_line(a, PLOT_GREY | PLOT_DOTTED, 2, fixed, fixed, NULL);
    plot_horizontal(a, 0, NULL);
    plot_vertical(a, w.M, "M");
    if (ex_published(x)) { plot_save(p, "Return map of the deep chain."); return; }
    a = plot_add(p, "Overshoots that return below 0", "gamma / gamma_WCR",
                 "share of overshooting points", PLOT_LINEAR);
    for (size_t i = 0; i < 3; ++i) {
        ex_list f = ex_pick(x, "frac", "part=onset L=%.17g", m05_depths[i]);
        ex_list s = ex_pick(x, "frac_grid_flip", "part=onset L=%.17g", m05_depths[i]);
        plot_line(a, (int)i, f.n, f.at, s.at, ex_print(x, "L = %.0f", m05_depths[i]));
    }
    plot_save(
        p, "Return map of the deep chain, and the share of overshooting points whose sign flips.");
}

static void m05_captions(ex *x)
{
    static const char *const list[][2] = {
        { "edge",
          "Largest overshoot M and its return f(M) at 0.99, 1, 1.01 gamma_WCR; share of "
          "overshooting points that flip; first flip of the chain; starts that flip" },
    };
    ex_captions(x, list, EX_LEN(list));
}

static void m05_finish(ex *x)
{
    int below = 1, above = 1;
    double edge = 0, off = 0, onset[3];
    for (size_t i = 0; i < 3; ++i)
        for (size_t k = 0; k < 3; ++k) {
            ex_row *row = ex_find(x, "part=edge L=%.17g frac=%.17g", m05_depths[i], m05_fracs[k]);
            static const char *const names[] = { "L",
                                                 "frac",
                                                 "gamma",
                                                 "x_max",
                                                 "M",
                                                 "return_value",
                                                 "frac_grid_flip",
                                                 "chain_flip_step_x0_0p5",
                                                 "flipped_of_100_starts" };
            ex_row *line = ex_line(x, "edge");
            for (size_t n = 0; n < EX_LEN(names); ++n)
                ex_num(line, names[n], ex_get(row, names[n]));
            ex_text(line, "compared by", k == 2 && i > 0 ? "outcome (chaotic)" : "value");
            if (k == 0)
                below &= ex_get(row, "return_value") > 0 && ex_get(row, "frac_grid_flip") == 0 &&
                         ex_get(row, "flipped_of_100_starts") == 0;
            if (k == 1) edge = fmax(edge, fabs(ex_get(row, "return_value")));
            if (k == 2)
                above &= ex_get(row, "return_value") < 0 && ex_get(row, "frac_grid_flip") > 0.1 &&
                         ex_get(row, "chain_flip_step_x0_0p5") > 0;
            m05_refs(x, row, 3 * i + k);
        }
    ex_summary(x, "share that flips, L=3",
               ex_get(ex_find(x, "part=edge L=3 frac=1.01"), "frac_grid_flip"));
    ex_claim(x, "below gamma_WCR no overshoot flips, above it some do",
             "sign of f(M) changes at gamma_WCR",
             ex_print(x,
                      "0.99: %s of the grid, of 100 starts; 1: |f(M)| < %.0e; 1.01: %.0f %%, %.0f "
                      "%%, %.0f %% flip",
                      below ? "none" : "some", edge,
                      100 * ex_get(ex_find(x, "part=edge L=3 frac=1.01"), "frac_grid_flip"),
                      100 * ex_get(ex_find(x, "part=edge L=5 frac=1.01"), "frac_grid_flip"),
                      100 * ex_get(ex_find(x, "part=edge L=20 frac=1.01"), "frac_grid_flip")),
             "reproduced if at 0.99 gamma_WCR nothing flips and at 1.01 grid, starts, chain flip "
             "and |f(M)| at 1 is < 1e-12; qualified if at 0.99 nothing flips and at 1.01 grid, "
             "starts, chain flip",
             EX_VALUES(below, above, edge, below, above));
    ex_check(x, ex_get(ex_find(x, "part=edge L=3 frac=1.01"), "chain_flip_step_x0_0p5") == 10,
             "chain of L = 3 flips after exactly 10 steps at 1.01 gamma_WCR");
    for (size_t i = 0; i < 3 && !ex_published(x); ++i) {         /* share ~ (frac - 1)^onset */
        ex_list f = ex_pick(x, "frac", "part=onset L=%.17g", m05_depths[i]);
        ex_list s = ex_pick(x, "frac_grid_flip", "part=onset L=%.17g", m05_depths[i]);
        double *excess = ex_doubles(x, f.n);
        for (size_t k = 0; k < f.n; ++k) excess[k] = f.at[k] - 1;
        onset[i] = clb_fit_power(f.n - 3, excess + 3, s.at + 3, 0).slope;
        off = fmax(off, fabs(onset[i] - 0.5));
    }
    if (!ex_published(x))
        ex_claim(x, "the share that flips starts as the square root of gamma - gamma_WCR",
                 "(not in the paper)",
                 ex_print(x, "exponents %.3f, %.3f, %.3f for L = 3, 5, 20", onset[0], onset[1],
                          onset[2]),
                 "reproduced if the exponents differ from 0.5 by < 0.05. The maximum of f is "
                 "quadratic, so an interval of width ~ sqrt(excess) overshoots too far.",
                 EX_VALUES(off));
    m05_figure(x);
    m05_captions(x);
}

static const ex_info m05 = { "M05",
                             "multipath",
                             "The knife edge at gamma_WCR",
                             "worst-case return",
                             "every overshoot returns iff gamma < gamma_WCR",
                             "share that flips, L=3",
                             m05_plan,
                             m05_run,
                             m05_finish,
                             NULL };
EX_MAIN(m05)
