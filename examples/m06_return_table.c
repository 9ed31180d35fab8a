/* M6  The worst-case-return threshold gamma_WCR(L) for depths 2 to 10^6.                 @S23
 *   cc -O2 -o m06 examples/m06_return_table.c -lm && ./m06                              (seconds)
 * Setup   deep-chain map f(x) = x + gamma/L x^(L-1) (1 - x^L); gamma_WCR solves f(max_(0,1) f) = 0.
 * Paper   gamma_WCR is unique and grows like log L; gamma_WCR ~ 2 W(2L). Its printed constants are
 *         not recoverable, so the numbers beside ours are those of a 40-digit bisection.
 * Beyond  every depth from 2 to 50 for the figure; the second order of the asymptote, 2 W(2L) being
 *         the leading one only; which of the two ceilings binds for which number of pathways. */
#define CLB_IMPLEMENTATION
#include "../clb.h"
#include "ex.h"
#include "plot.h"

static const double m06_depths[] = { 2,  3,  4,  5,   6,   7,   8,    10,  12,  15,
                                     20, 30, 50, 100, 200, 500, 1000, 1e4, 1e5, 1e6 };
/* 16 digits of gamma_WCR at these depths, by bisection in 40-digit arithmetic */
static const double m06_exact[] = {
    3.196152422706632, 3.660996276133941, 3.978578154052725, 4.22449541461224, 4.426950768550268,
    4.599890602529126, 4.751329449095865, 5.008328500059115, 5.222368675484537, 5.489714718931967,
    5.843602968300213, 6.36061262722679, 7.042410548053799, 8.019466927161404, 9.050726037297283,
    10.48470788629595, 11.61361114541574, 15.55599124670301, 19.6820215205287, 23.90990084599175 };
#define M06_REF "multipath/expected.json#M6/rows/%zu/%s"

static void m06_plan(ex *x)
{
    for (size_t i = 0; i < EX_LEN(m06_depths); ++i)
        ex_num(ex_add(x, "table", EX_NAN), "L", m06_depths[i]);
    if (ex_published(x)) return;
    for (size_t L = 2; L <= 50; ++L) ex_num(ex_add(x, "every", EX_NAN), "L", (double)L);
}

/* f(f(x)) at the x in (0,1) with the largest f(x): grid, then golden section. Knows nothing of the
 * root equation. */
static double m06_brute_return(size_t L, double gamma)
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

static double m06_brute(size_t L)
{
    double lo = 2, hi = 12;
    while (hi - lo > 4e-14) {
        double mid = 0.5 * (lo + hi);
        if (mid <= lo || mid >= hi) break;
        if (m06_brute_return(L, mid) > 0) lo = mid;
        else hi = mid;
    }
    return 0.5 * (lo + hi);
}

static clb_status m06_run(ex *x, ex_row *row)
{
    size_t L = (size_t)ex_get(row, "L");
    clb_path_return w;
    clb_status status = clb_path_worst_return(L, &w);
    (void)x;
    if (status) return status;
    ex_nums(row, "gamma y x_max M two_W_2L",
            EX_VALUES(w.gamma, w.y, w.x_max, w.M, clb_path_worst_return_asymptote(L)));
    if (ex_is(row, "table")) ex_num(row, "brute", L <= 100 ? m06_brute(L) : EX_NAN);
    return CLB_OK;
}

/* The smallest P whose ceiling is gamma_WCR and not 2 P^(1-2/L). */
static size_t m06_binding(size_t L, double gamma)
{
    size_t P = 2;
    if (L == 2) return 0;                    /* 2 P^0 = 2 < gamma_WCR for every P: never */
    while (2 * clb_pow((double)P, 1 - 2 / (double)L) < gamma) ++P;
    return P;
}

static void m06_figure(ex *x)
{
    ex_list L = ex_pick(x, "L", "part=table"), gamma = ex_pick(x, "gamma", "part=table");
    ex_list W = ex_pick(x, "two_W_2L", "part=table");
    plot *p = plot_new(x, "threshold", 2, 1);
    plot_panel *a = plot_add(p, "Worst-case-return threshold", "depth L",
                             "step size in single-path sharpness units gamma", PLOT_LOGX);
    double *P = ex_doubles(x, L.n);
    plot_line(a, PLOT_BLUE, L.n, L.at, gamma.at, NULL);
    plot_points(a, PLOT_PUBLISHED, EX_LEN(m06_exact), m06_depths, m06_exact, "40-digit bisection");
    plot_points(a, PLOT_BLUE | PLOT_SMALL, L.n, L.at, gamma.at, "gamma_WCR, this program");
    plot_line(a, PLOT_ORANGE | PLOT_DASHED, L.n, L.at, W.at, "2 W(2L)");
    plot_horizontal(a, 2, "classical 2/S");
    for (size_t i = 0; i < L.n; ++i) P[i] = (double)m06_binding((size_t)L.at[i], gamma.at[i]);
    a = plot_add(p, "Where it is the lower ceiling", "depth L", "smallest number of pathways P",
                 PLOT_LOGX);
    plot_range_y(a, 0, 14);
    plot_points(a, PLOT_BLUE, L.n - 1, L.at + 1, P + 1, "gamma_WCR < 2 P^(1-2/L)");
    plot_save(p,
        "Worst-case-return threshold against depth, its asymptote, and the number of pathways "
        "from which it binds.");
}

static void m06_captions(ex *x)
{
    static const char *const list[][2] = {
        { "table",
          "gamma_WCR by depth: root equation, 2 W(2L), a 40-digit bisection, and the number of "
          "pathways for which it binds" },
    };
    ex_captions(x, list, EX_LEN(list));
}

static void m06_finish(ex *x)
{
    ex_list gamma = ex_pick(x, "gamma", "part=table"), brute = ex_pick(x, "brute", "part=table");
    ex_list W = ex_pick(x, "two_W_2L", "part=table");
    double worst = 0, worst_brute = 0, worst_W = 0;
    int rising = 1;
    for (size_t i = 0; i < EX_LEN(m06_depths); ++i) {
        static const char *const names[] = { "gamma", "y", "x_max", "M", "two_W_2L" };
        ex_row *run = ex_find(x, "part=table L=%.17g", m06_depths[i]), *line = ex_line(x, "table");
        double L = m06_depths[i];
        ex_num(line, "L", L);
        for (size_t k = 0; k < EX_LEN(names); ++k) ex_num(line, names[k], ex_get(run, names[k]));
        ex_num(line, "digits16", m06_exact[i]);
        ex_num(line, "relative error", gamma.at[i] / m06_exact[i] - 1);
        ex_num(line, "P where it binds", (double)m06_binding((size_t)L, gamma.at[i]));
        worst = fmax(worst, fabs(gamma.at[i] / m06_exact[i] - 1));
        if (L <= 100) worst_brute = fmax(worst_brute, fabs(brute.at[i] - gamma.at[i]));
        if (L >= 100) worst_W = fmax(worst_W, fabs(gamma.at[i] / W.at[i] - 1));
        rising &= i == 0 || gamma.at[i] > gamma.at[i - 1];
        ex_ref(run, "L", EX_EXACT, 0, M06_REF, i, "L");
        for (size_t k = 0; k < EX_LEN(names); ++k)
            ex_ref(run, names[k], EX_STABLE, 1e-11, M06_REF, i, names[k]);
        if (L <= 100) ex_ref(run, "brute", EX_STABLE, 1e-10, M06_REF, i, "brute");
    }
    ex_summary(x, "gamma_WCR(20)", gamma.at[10]);
    ex_summary(x, "worst relative error", worst);
    ex_claim(x, "gamma_WCR(L) is unique, grows with L and ~ 2 W(2L) ~ 2 log L", "asymptote 2 W(2L)",
             ex_print(x, "%s; within %.2g of 2 W(2L) for L >= 100; constants to %.1e of 40 digits",
                      rising ? "strictly increasing" : "not increasing", worst_W, worst),
             "reproduced if it increases strictly over the table and 2 W(2L) errs from L = 100 on "
             "by < 2.5 % and the constants err by <= 1e-12; qualified if it increases strictly and "
             "2 W(2L) errs by < 10 %",
             EX_VALUES(rising, 100 * worst_W, worst, rising, 100 * worst_W));
    ex_check(x, worst <= 1e-12,
             "root equation against 40-digit constants, worst relative error %.1e", worst);
    ex_check(x, worst_brute <= 1e-10,
             "root equation against brute force (L <= 100), worst difference %.1e", worst_brute);
    ex_check(x, fabs(gamma.at[0] - (3 * sqrt(3.0) - 2)) <= 1e-14, "gamma_WCR(2) = 3 sqrt 3 - 2");
    m06_figure(x);
    m06_captions(x);
}

static const ex_info m06 = { "M06",
                             "multipath",
                             "Worst-case-return threshold",
                             "worst-case return",
                             "gamma_WCR(L) ~ 2 W(2L)",
                             "gamma_WCR(20)",
                             m06_plan,
                             m06_run,
                             m06_finish,
                             NULL };
EX_MAIN(m06)
