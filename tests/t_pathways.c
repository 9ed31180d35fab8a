/* t_pathways.c - multi-pathway deep linear networks, against closed forms, exact identities and the
 * published-protocol values of M1..M10.
 *   cc -std=c99 -O2 -o t_pathways tests/t_pathways.c -lm && ./t_pathways */
#define CLB_IMPLEMENTATION
#include "../clb.h"
#include "../examples/kit/json.h"
#include "test.h"

static const double g_alpha[2] = { 0.01, 0.005 };

/* A mode of P equal depths. */
static clb_path_mode t_mode(size_t P, size_t L, double target, const double *alpha)
{
    clb_path_mode mode;
    size_t depth[16];
    for (size_t p = 0; p < P; ++p) depth[p] = L;
    CHECK(clb_path_mode_init(&mode, P, depth, target, alpha) == CLB_OK);
    return mode;
}

static double t_uniform(clb_rng *rng, double lo, double hi)
{
    return lo + (hi - lo) * clb_rng_double(rng);
}

/* ---- worst-case return ---- */

static void t_worst_return_table(void)
{
    /* 16 digits by bisection in 40-digit arithmetic */
    static const struct { size_t L; double gamma;
    } row[] = {
        { 2, 3.196152422706632 },     { 3, 3.660996276133941 },      { 4, 3.978578154052725 },
        { 5, 4.22449541461224 },      { 6, 4.426950768550268 },      { 7, 4.599890602529126 },
        { 8, 4.751329449095865 },     { 10, 5.008328500059115 },     { 12, 5.222368675484537 },
        { 15, 5.489714718931967 },    { 20, 5.843602968300213 },     { 30, 6.36061262722679 },
        { 50, 7.042410548053799 },    { 100, 8.019466927161404 },    { 200, 9.050726037297283 },
        { 500, 10.48470788629595 },   { 1000, 11.61361114541574 },   { 10000, 15.55599124670301 },
        { 100000, 19.6820215205287 }, { 1000000, 23.90990084599175 }
    };
    clb_path_return w;
    double last = 0;
    for (size_t i = 0; i < sizeof row / sizeof row[0]; ++i) {
        NOTE("L=%zu", row[i].L);
        CHECK(clb_path_worst_return(row[i].L, &w) == CLB_OK);
        NEAR_REL(w.gamma, row[i].gamma, 1e-15);
        CHECK(w.gamma > last);
        last = w.gamma;
        NEAR_REL(clb_pow(w.x_max, (double)row[i].L), w.y, 1e-14 * (double)row[i].L);
        if (row[i].L >= 100) NEAR(w.gamma / clb_path_worst_return_asymptote(row[i].L), 1, 0.025);
    }
    clb_path_worst_return(2, &w);
    NEAR_REL(w.gamma, 3 * sqrt(3.0) - 2, 1e-15);
}

/* The definition itself: the largest overshoot of (0,1) returns to exactly 0. */
static void t_worst_return_definition(void)
{
    for (size_t L = 2; L <= 200; L = L < 12 ? L + 1 : L * 2) {
        clb_path_return w;
        double x, M;
        NOTE("L=%zu", L);
        CHECK(clb_path_worst_return(L, &w) == CLB_OK);
        CHECK(clb_path_chain_peak(L, w.gamma, &x, &M) == CLB_OK);
        NEAR(x, w.x_max, 1e-13);
        NEAR(M, w.M, 1e-13);
        NEAR(clb_path_chain_map(L, w.gamma, w.M), 0, 1e-13 * (double)L);
        NEAR(clb_path_chain_slope(L, w.gamma, w.x_max), 0, 1e-12 * (double)L);
        clb_path_chain_peak(L, 0.99 * w.gamma, &x, &M);
        CHECK(clb_path_chain_map(L, 0.99 * w.gamma, M) > 0.03);
        clb_path_chain_peak(L, 1.01 * w.gamma, &x, &M);
        CHECK(clb_path_chain_map(L, 1.01 * w.gamma, M) < -0.03);
    }
}

/* Brute force: maximum over a grid, refined by golden section, inside a bisection on gamma. */
static double t_brute_return(size_t L, double gamma)
{
    double best = 0, at = 0, lo, hi;
    for (int i = 1; i < 20000; ++i) {
        double f = clb_path_chain_map(L, gamma, i / 20000.0);
        if (f > best) best = f, at = i / 20000.0;
    }
    lo = at - 1 / 20000.0, hi = at + 1 / 20000.0;
    for (int i = 0; i < 80; ++i) {
        double a = hi - 0.6180339887498949 * (hi - lo), b = lo + 0.6180339887498949 * (hi - lo);
        if (clb_path_chain_map(L, gamma, a) > clb_path_chain_map(L, gamma, b)) hi = b;
        else lo = a;
    }
    return clb_path_chain_map(L, gamma, clb_path_chain_map(L, gamma, 0.5 * (lo + hi)));
}

static void t_worst_return_brute(void)
{
    static const size_t depth[] = { 2, 3, 7, 20, 100 };
    for (size_t i = 0; i < 5; ++i) {
        clb_path_return w;
        double lo = 2, hi = 20;
        clb_path_worst_return(depth[i], &w);
        while (hi - lo > 1e-12) {
            double mid = 0.5 * (lo + hi);
            if (t_brute_return(depth[i], mid) > 0) lo = mid;
            else hi = mid;
        }
        NEAR(lo, w.gamma, 1e-10);
    }
}

static void t_lambert(void)
{
    for (double x = 1e-12; x < 1e12; x *= 7) {
        double w = clb_lambert_w(x);
        NEAR_REL(w * clb_exp(w), x, 1e-14 * (1 + w));
    }
    NEAR(clb_lambert_w(0), 0, 0);
    CHECK(isnan(clb_lambert_w(-0.1)));
}

/* ---- sharpness ---- */

static void t_balanced_is_flattest(void)
{
    static const size_t depth_of[] = { 2, 3, 5, 20 };
    clb_rng rng;
    clb_rng_seed(&rng, 5);
    for (size_t i = 0; i < 4; ++i)
        for (int trial = 0; trial < 1000; ++trial) {
            size_t P = 2 + (size_t)trial % 4, depth[5];
            double s[5], sum = 0, lambda;
            for (size_t p = 0; p < P; ++p)
                depth[p] = depth_of[i], sum += s[p] = t_uniform(&rng, 0, 1);
            for (size_t p = 0; p < P; ++p) s[p] *= 2 / sum;
            lambda = clb_path_sharpness(P, depth, s);
            CHECK(lambda >= clb_path_balanced_sharpness(P, depth_of[i], 2) * (1 - 1e-14));
            if (depth_of[i] == 2) NEAR(lambda, 4, 1e-13);
            for (size_t p = 0; p < P; ++p) s[p] = 2.0 / (double)P;
            NEAR_REL(clb_path_sharpness(P, depth, s), clb_path_balanced_sharpness(P, depth_of[i], 2),
                     1e-14);
        }
    NEAR(clb_path_balanced_sharpness(2, 20, 2), 40, 1e-13);
    NEAR(clb_path_single_sharpness(20, 2), 74.6426393229, 1e-10);
    NEAR(clb_path_balanced_sharpness(5, 20, 1) / clb_path_single_sharpness(20, 1), 0.234924, 1e-6);
}

static void t_optimum(void)
{
    static const struct { size_t P, depth[3]; double target, share[3], mu, lambda; } row[] = {
        { 3, { 3, 5, 7 }, 1, { 0.595269486716, 0.236115360641, 0.168615152643 }, 3.3648408807,
          2.32975880682 },
        { 3, { 3, 5, 7 }, 2, { 0.687438, 0.187960, 0.124601 }, 4.447827, 6.278001 },
        { 2, { 3, 4 }, 1, { 0.662306, 0.337694 }, 3.486686, 2.516895 },
        { 2, { 2, 3 }, 1, { 0.875, 0.125 }, 2, 1.9375 },
        { 3, { 5, 10, 20 }, 1, { 0.618414917438, 0.253064846, 0.128520236562 }, 5.99594942887,
          3.56604975631 } };
    for (size_t i = 0; i < 5; ++i) {
        double s[3], mu, lambda, sum = 0;
        double tol = row[i].share[0] > 0.6 && row[i].P == 2 ? 1e-6 : 2e-6;
        NOTE("row %zu", i);
        CHECK(clb_path_optimum(row[i].P, row[i].depth, row[i].target, s, &mu, &lambda) == CLB_OK);
        for (size_t p = 0; p < row[i].P; ++p) {
            NEAR(s[p] / row[i].target, row[i].share[p], tol);
            if (row[i].depth[p] > 2)                 /* the Lagrange condition itself */
                NEAR(2 * ((double)row[i].depth[p] - 1) *
                         clb_pow(s[p], 1 - 2 / (double)row[i].depth[p]),
                     mu, 1e-12);
            sum += s[p];
        }
        NEAR(sum, row[i].target, 1e-14);
        NEAR(mu, row[i].mu, 1e-6);
        NEAR(lambda, row[i].lambda, 1e-6);
    }
}

/* No random split is flatter; depth 2 takes part or is left out. */
static void t_optimum_random(void)
{
    clb_rng rng;
    clb_rng_seed(&rng, 6);
    for (int trial = 0; trial < 300; ++trial) {
        size_t P = 2 + (size_t)trial % 4, depth[5];
        double s[5], best, target = t_uniform(&rng, 0.05, 3);
        for (size_t p = 0; p < P; ++p) depth[p] = 2 + clb_rng_below(&rng, 9);
        CHECK(clb_path_optimum(P, depth, target, s, NULL, &best) == CLB_OK);
        for (int k = 0; k < 50; ++k) {
            double sum = 0;
            for (size_t p = 0; p < P; ++p) sum += s[p] = t_uniform(&rng, 0, 1);
            for (size_t p = 0; p < P; ++p) s[p] *= target / sum;
            CHECK(clb_path_sharpness(P, depth, s) >= best * (1 - 1e-12));
        }
    }
}

static void t_window(void)
{
    size_t depth[3] = { 20, 20, 0 }, mixed[3] = { 5, 3, 7 };
    clb_path_bounds w;
    CHECK(clb_path_window(2, depth, 2, &w) == CLB_OK);
    NEAR(w.lo, 0.0267943365634, 1e-13);
    NEAR(w.hi, 0.05, 1e-14);
    NEAR(w.gamma_c, 3.7321319661472, 1e-12);
    NEAR(clb_path_boundary_share(20, 2.173213196614723), 0.955762, 1e-6);
    NEAR(clb_path_boundary_share(3, 1.99), 1, 0);
    NEAR(clb_path_boundary_share(3, 2.6), 0.5, 0);
    CHECK(clb_path_window(3, mixed, 1, &w) == CLB_OK);
    NEAR(w.S, 3, 1e-14);
    NEAR(w.hi, 0.858457963179, 1e-11);
    for (double gamma = 2.01; gamma < 3.0; gamma += 0.01) { /* on the boundary eta lambda = 2 */
        size_t five[2] = { 5, 5 };
        double a = clb_path_boundary_share(5, gamma), s[2] = { a, 1 - a };
        NEAR(gamma / 5 * clb_path_sharpness(2, five, s), 2, 1e-13);
    }
}

/* ---- recursion and leaves ---- */

static void t_recursion(void)
{
    clb_path_mode mode = t_mode(2, 3, 2, g_alpha);
    double u0 = mode.u[0], u1 = mode.u[1], r = u0 * u0 * u0 + u1 * u1 * u1 - 2;
    NEAR(clb_path_mode_step(&mode, 0.1), r, 1e-15);
    NEAR(mode.u[0], u0 - 0.1 * r * u0 * u0, 1e-15);
    NEAR(mode.u[1], u1 - 0.1 * r * u1 * u1, 1e-15);
    NEAR(clb_path_mode_signal(&mode, 1), mode.u[1] * mode.u[1] * mode.u[1], 1e-16);
    clb_path_mode_free(&mode);
    NEAR(clb_powi(1.5, 0), 1, 0);
    NEAR(clb_powi(-2, 31), -2147483648.0, 0);
    NEAR_REL(clb_powi(1 + 1e-6, 1000000), 2.7182804690959, 1e-10);
}

/* Random states: exact residual form, exact leaf map, contraction of every distance under strong
 * safety. */
static void t_one_step(void)
{
    clb_rng rng;
    size_t safe = 0;
    clb_rng_seed(&rng, 7);
    for (int trial = 0; trial < 4000; ++trial) {
        size_t P = 2 + (size_t)trial % 3, L = 3 + clb_rng_below(&rng, 10);
        double alpha[4], z[4], eta, r, predicted, V, scale = t_uniform(&rng, 0.1, 2.5);
        clb_path_mode mode;
        int strong;
        for (size_t p = 0; p < P; ++p) alpha[p] = scale * t_uniform(&rng, 0.01, 1) / (double)P;
        mode = t_mode(P, L, 1, alpha);
        eta = t_uniform(&rng, 0.01, 1) / (double)L;
        predicted = clb_path_residual_next(&mode, eta, 0);
        strong = clb_path_mode_safety(&mode, eta) <= 1;
        V = clb_path_mode_variance(&mode);
        for (size_t p = 0; p < P; ++p) z[p] = 1 / clb_powi(mode.u[p], L - 2);
        r = clb_path_mode_step(&mode, eta);
        NEAR(clb_path_mode_residual(&mode), predicted, 1e-13);
        for (size_t p = 0; p < P; ++p)
            if (mode.u[p] > 0)
                NEAR_REL(1 / clb_powi(mode.u[p], L - 2), clb_path_leaf_step(L, z[p], eta * r), 1e-12);
        if (strong) CHECK(clb_path_mode_variance(&mode) <= V * (1 + 1e-13));
        safe += (size_t)strong;
        clb_path_mode_free(&mode);
    }
    CHECK(safe > 1000);
}

static void t_contraction(void)
{
    NEAR(clb_path_contraction_limit(3), 2 - sqrt(2.0), 1e-15);
    NEAR(clb_path_contraction_limit(4), 0.403928, 1e-6);
    NEAR(clb_path_contraction_limit(20), 0.066786, 1e-6);
    for (size_t L = 3; L < 30; ++L) {
        double h = 1e-6, z = 2, x = 0.4 / (double)L;
        NEAR(clb_path_leaf_slope(L, clb_path_contraction_limit(L)), -1, 1e-10);
        NEAR(clb_path_leaf_slope(L, 1 / (double)(L - 1)), 0, 1e-12);
        NEAR((clb_path_leaf_step(L, z + h, x * z) - clb_path_leaf_step(L, z - h, x * z)) / (2 * h),
             clb_path_leaf_slope(L, x), 1e-8);
        CHECK(isnan(clb_path_leaf_slope(L, 1)));
    }
}

/* Gradient flow by many small Euler steps reaches the leaf's endpoint; leaves are conserved on the
 * way. */
static void t_leaf_endpoint(void)
{
    static const size_t depth[3] = { 2, 3, 5 };
    static const double alpha[3] = { 0.02, 0.05, 0.03 };
    double s[3], rest = -1, invariant = 0;
    clb_path_mode mode = t_mode(2, 20, 2, g_alpha);
    CHECK(clb_path_leaf_endpoint(&mode, s) == CLB_OK);
    NEAR(s[0] / 2, 0.99419738121, 1e-11);
    clb_path_mode_free(&mode);
    CHECK(clb_path_mode_init(&mode, 3, depth, 1, alpha) == CLB_OK);
    CHECK(clb_path_leaf_endpoint(&mode, s) == CLB_OK);
    for (size_t p = 0; p < 3; ++p) rest += s[p];
    NEAR(rest, 0, 1e-14);
    for (size_t p = 0; p < 3; ++p) {
        double u_end = clb_pow(s[p], 1 / (double)depth[p]);
        double change = clb_path_leaf(depth[p], u_end) - clb_path_leaf(depth[p], mode.u[p]);
        if (p == 0) invariant = change;
        else NEAR(change, invariant, 1e-12);
        NEAR(clb_path_leaf_inverse(depth[p], clb_path_leaf(depth[p], 0.7)), 0.7, 1e-15);
    }
    for (long t = 0; t < 400000; ++t) clb_path_mode_step(&mode, 1e-4);
    for (size_t p = 0; p < 3; ++p) NEAR(clb_path_mode_signal(&mode, p), s[p], 2e-4);
    clb_path_mode_free(&mode);
}

/* (D2): one step on random u, any depths; L = 2 exactly conserved. */
static void t_leaf_drift(void)
{
    static const size_t depth[4] = { 2, 3, 5, 7 };
    clb_rng rng;
    clb_rng_seed(&rng, 8);
    for (int trial = 0; trial < 200; ++trial) {
        double alpha[4], before[4], eta = 1e-3;
        clb_path_mode mode;
        for (size_t p = 0; p < 4; ++p) alpha[p] = clb_powi(t_uniform(&rng, 0.6, 0.9), depth[p]);
        CHECK(clb_path_mode_init(&mode, 4, depth, 1, alpha) == CLB_OK);
        for (size_t p = 0; p < 4; ++p) before[p] = clb_path_leaf(depth[p], mode.u[p]);
        for (size_t p = 1; p < 4; ++p) {
            double predicted = clb_path_leaf_drift(&mode, eta, p, 0), r = clb_path_mode_residual(&mode);
            double moved[2];
            moved[0] = clb_path_leaf(depth[p], mode.u[p] - eta * r * mode.power[p]) - before[p];
            moved[1] = clb_path_leaf(depth[0], mode.u[0] - eta * r * mode.power[0]) - before[0];
            if (fabs(predicted) > 1e-8 && fabs(r) > 0.05)
                NEAR((moved[0] - moved[1]) / predicted, 1, 5e-3);
        }
        clb_path_mode_free(&mode);
    }
}

static void t_depth_two_exact(void)
{
    static const double alpha[3] = { 0.01, 0.005, 0.002 };
    for (int k = 0; k < 2; ++k) {
        clb_path_mode mode = t_mode(3, 2, 1, alpha);
        double eta = (k ? 1.9 : 0.5) / 2, first = clb_log(mode.u[0] / mode.u[1]), worst = 0;
        for (int t = 0; t < 5000; ++t) {
            double drift = fabs(clb_log(mode.u[0] / mode.u[1]) - first);
            if (drift > worst) worst = drift;
            clb_path_mode_step(&mode, eta);
        }
        CHECK(worst <= 1e-13);
        NEAR(clb_path_mode_signal(&mode, 0), 10 / 17.0, 1e-12);
        NEAR(clb_path_mode_signal(&mode, 2), 2 / 17.0, 1e-12);
        clb_path_mode_free(&mode);
    }
}

/* (Q): the zero-loss point of a leaf near the balanced one. */
static void t_leaf_sharpness(void)
{
    static const size_t depth_of[3] = { 3, 5, 20 };
    for (size_t i = 0; i < 3; ++i) {
        size_t L = depth_of[i];
        double star = clb_pow(1, 2 - (double)L), s[2], alpha[2], V;
        size_t depth[2] = { L, L };
        clb_path_mode mode;
        for (int p = 0; p < 2; ++p)
            alpha[p] = clb_pow(star * (p ? 1.001 : 0.999), -(double)L / ((double)L - 2));
        CHECK(clb_path_mode_init(&mode, 2, depth, 2, alpha) == CLB_OK);
        V = clb_path_mode_variance(&mode);
        CHECK(clb_path_leaf_endpoint(&mode, s) == CLB_OK);
        NEAR((clb_path_sharpness(2, depth, s) - 2 * (double)L) /
                 (clb_path_leaf_sharpness(2, L, 2, V) - 2 * (double)L),
             1, 2e-3);
        clb_path_mode_free(&mode);
    }
}

/* ---- edge of stability ---- */

static void t_cycle(void)
{
    static const double eps_of[3] = { 0.001, 0.01, 0.05 }, tol[3] = { 1e-3, 6e-3, 3e-2 };
    static const size_t depth_of[3] = { 3, 5, 20 };
    for (size_t i = 0; i < 9; ++i) {
        size_t L = depth_of[i / 3];
        double eps = eps_of[i % 3], alpha[2] = { 1.02, 1.02 };
        double eta = (2 + eps) / clb_path_balanced_sharpness(2, L, 2);
        double m = 1, x2 = 0;
        clb_path_mode mode = t_mode(2, L, 2, alpha);
        clb_path_cycle c;
        CHECK(clb_path_cycle_predict(2, L, 2, eps, &c) == CLB_OK);
        for (int t = 0; t < 60000; ++t) clb_path_mode_step(&mode, eta);
        for (int t = 0; t < 2; ++t) {
            double u = mode.u[0], r = clb_path_mode_step(&mode, eta), x = eta * r;
            m *= clb_path_leaf_slope(L, eta * r * clb_powi(u, L - 2));
            x2 += 0.5 * x * x;
        }
        NOTE("L=%zu eps=%g", L, eps);
        NEAR_REL(1 - m, c.decay, tol[i % 3]);
        NEAR_REL(x2, c.x2, tol[i % 3]);
        NEAR(clb_path_two_step(L, sqrt(c.x2)), 1 - c.decay, 1e-15);
        clb_path_mode_free(&mode);
    }
    NEAR(1 - clb_path_two_step_frozen(3, 0.1), 2 * 4 * 0.01, 1e-15);
}

/* The two-variable central flow contains both universal constants; the one-variable flow solves
 * its ODE. */
static void t_central_flow(void)
{
    static const size_t depth_of[3] = { 3, 5, 20 };
    for (size_t i = 0; i < 3; ++i) {
        size_t L = depth_of[i];
        double critical = 2 / clb_path_balanced_sharpness(2, L, 2), state[2] = { 0.01, 1e-4 };
        double delta = 1e-3, eta;
        CHECK(clb_path_central_pair(2, L, 2, critical, 2000000, state) == CLB_OK);
        NEAR_REL(2e6 * state[0], clb_path_critical_constant(L), 1e-2);           /* u* = 1, so z* = 1 */
        eta = critical * (1 - delta / 2);
        state[0] = 20 * delta, state[1] = 1e-6;
        CHECK(clb_path_central_pair(2, L, 2, eta, 400000, state) == CLB_OK);
        NEAR_REL((2 - eta * clb_path_leaf_sharpness(2, L, 2, state[0])) / delta, clb_path_stop_offset(L),
                 5e-2);
        for (double t = 0; t < 50; t += 10) {
            double h = 1e-3, V = clb_path_central_flow(2, L, 2, eta, 0.01, t), l = (double)L;
            double rate = (clb_path_central_flow(2, L, 2, eta, 0.01, t + h) -
                           clb_path_central_flow(2, L, 2, eta, 0.01, t - h)) /
                          (2 * h);
            double force = eta * clb_path_leaf_sharpness(2, L, 2, V) - 2;
            if (t > 0)
                NEAR_REL(rate, -3 * (l - 2) / (5 * l - 4) * (force > 0 ? force : 0) * V, 1e-4);
        }
    }
}

static void t_stopping_runs(void)
{
    /* M2: share, eta lambda over the last 200 of 20000 iterates, s* = 2 */
    static const struct { size_t L; double gamma, share, eta_lambda, leaf;
    } row[] = { { 20, 2.433032991536808, 0.891704, 1.992532, 0.994197 },
                { 20, 3.5589187695325, 0.607167, 1.982119, 0.994197 },
                { 5, 2.51571656651, 0.815556436073, 1.98375027756, 0.986766833421 },
                { 3, 2.46785788981, 0.644498049618, 1.99538287584, 0.939063110799 },
                { 3, 1.0, 0.927569265132, 0.934803234443, 0.939063110799 },
                { 20, 1.0, 0.994104, 0.988886, 0.994197 } };
    clb_path_mode_opts opts = CLB_ZERO;
    opts.tail = 200;
    opts.laws = 1;
    for (size_t i = 0; i < sizeof row / sizeof row[0]; ++i) {
        clb_path_mode mode = t_mode(2, row[i].L, 2, g_alpha);
        clb_path_mode_run run;
        double s[2], cap;
        NOTE("L=%zu gamma=%g", row[i].L, row[i].gamma);
        clb_path_leaf_endpoint(&mode, s);
        NEAR(s[0] / 2, row[i].leaf, 1e-6);
        CHECK(clb_path_mode_train(&mode, row[i].gamma / clb_path_single_sharpness(row[i].L, 2), 20000, &opts,
                             &run) == CLB_OK);
        NEAR(run.share, row[i].share, 1e-6);
        NEAR(run.eta_lambda, row[i].eta_lambda, 1e-6);
        cap = clb_path_boundary_share(row[i].L, row[i].gamma);
        if (s[0] / 2 < cap) cap = s[0] / 2;
        CHECK(run.share <= cap + 1e-6);
        EQUAL(run.rises, 0);
        EQUAL(run.outcome, row[i].gamma > 2                    ? CLB_PATH_PARTLY
                           : row[i].share > row[i].leaf - 0.01 ? CLB_PATH_SINGLE
                                                               : CLB_PATH_PARTLY);
        clb_path_mode_free(&mode);
    }
}

/* Every outcome, and early stopping gives the same end. */
static void t_outcomes(void)
{
    static const struct { size_t L; double gamma; clb_path_outcome outcome; } row[] = {
        { 20, 1, CLB_PATH_SINGLE }, { 20, 3, CLB_PATH_PARTLY }, { 20, 3.7321319661472, CLB_PATH_BALANCED },
        { 20, 3.9, CLB_PATH_TWO_CYCLE }, { 3, 20, CLB_PATH_RUN_AWAY }, { 20, 5.9, CLB_PATH_FLIPPED } };
    for (size_t i = 0; i < sizeof row / sizeof row[0]; ++i) {
        clb_path_mode mode = t_mode(2, row[i].L, 2, g_alpha);
        clb_path_mode_run run;
        NOTE("L=%zu gamma=%g", row[i].L, row[i].gamma);
        CHECK(clb_path_mode_train(&mode, row[i].gamma / clb_path_single_sharpness(row[i].L, 2), 20000, NULL,
                             &run) == CLB_OK);
        if (run.outcome != row[i].outcome) FAIL("%s", clb_path_outcome_name(run.outcome));
        clb_path_mode_free(&mode);
    }
    {
        static const double alpha[4] = { 0.01, 0.005, 0.0025, 0.00125 };
        clb_path_mode mode = t_mode(4, 20, 1, alpha);
        clb_path_mode_run run;
        clb_path_mode_train(&mode, 5.8 / 20, 3000, NULL, &run);
        EQUAL(run.outcome, CLB_PATH_COLLAPSED);
        clb_path_mode_free(&mode);
    }
    for (int settle = 0; settle < 2; ++settle) {
        clb_path_mode mode = t_mode(2, 20, 2, g_alpha);
        clb_path_mode_opts opts = CLB_ZERO;
        clb_path_mode_run run;
        opts.settle = settle ? 1e-12 : 0;
        clb_path_mode_train(&mode, 3 / clb_path_single_sharpness(20, 2), 4000, &opts, &run);
        CHECK(settle ? run.steps < 3000 : run.steps == 4000);
        NEAR(run.share, 0.75840675159, 1e-11);
        EQUAL(run.cross, 47);
        NEAR(run.cross_share, 0.916521118144, 1e-9);
        clb_path_mode_free(&mode);
    }
}

static void t_ramp(void)
{
    clb_path_ramp ramp = { 1, 4, 10, CLB_PATH_RAMP_LINEAR };
    NEAR(clb_path_ramp_at(&ramp, 0), 1, 0);
    NEAR(clb_path_ramp_at(&ramp, 5), 2.5, 1e-15);
    NEAR(clb_path_ramp_at(&ramp, 10), 4, 0);
    NEAR(clb_path_ramp_at(&ramp, 1000), 4, 0);
    ramp.shape = CLB_PATH_RAMP_GEOMETRIC;
    NEAR(clb_path_ramp_at(&ramp, 5), 2, 1e-15);
    ramp.shape = CLB_PATH_RAMP_JUMP;
    NEAR(clb_path_ramp_at(&ramp, 9), 1, 0);
    NEAR(clb_path_ramp_at(&ramp, 10), 4, 0);
}

static void t_rank(void)
{
    static const double target[5] = { 1, .9, .8, .7, .6 },
                        edge[5] = { 2, 2.443257, 3.056040, 3.938617, 5.278890 };
    static const double gamma[6] = { 1, 2.2, 2.6, 3.0, 3.4, 3.7 };
    static const size_t rank[6] = { 0, 1, 2, 2, 3, 3 };
    double S = clb_path_single_sharpness(20, 1), lo, hi;
    for (size_t i = 0; i < 6; ++i) EQUAL(clb_path_rank(20, 5, target, gamma[i] / S), rank[i]);
    for (size_t r = 1; r <= 5; ++r) {
        CHECK(clb_path_rank_window(2, 20, 5, target, r, &lo, &hi) == CLB_OK);
        NEAR(lo * S, edge[r - 1], 1e-6);
        if (r < 3) NEAR(hi * S, edge[r], 1e-6);
        if (r == 3) NEAR(hi * S, 3.732132, 1e-6);                    /* the ceiling comes first */
        if (r > 3) CHECK(hi <= lo);
    }
    for (size_t P = 2; P < 7; ++P) {                                 /* which ceiling binds */
        clb_path_return w;
        clb_path_worst_return(3, &w);
        CHECK((clb_path_ceiling(P, 3) < w.gamma) == (P < 7));
        clb_path_worst_return(20, &w);
        CHECK((clb_path_ceiling(P, 20) < w.gamma) == (P < 4));
    }
    CHECK(clb_path_ceiling(7, 3) < 3.661);
}

/* ---- full matrices ---- */

#ifdef CLB_SINGLE
#define T_REAL(tolerance) 2e-4
#else
#define T_REAL(tolerance) (tolerance)
#endif

/* Two pathways of depths 2 and 4 on random data, small random weights. */
static void t_random_paths(clb_paths *paths, clb_data *data, clb_activation activation)
{
    size_t depth[2] = { 2, 4 };
    clb_rng rng;
    clb_rng_seed(&rng, 3);
    CHECK(clb_data_mixture(data, &rng, 6, 4, 2, 1.0) == CLB_OK);
    data->targets = (clb_real *)malloc(12 * sizeof(clb_real));
    clb_rng_normal(&rng, 12, data->targets);
    CHECK(clb_paths_init(paths, 2, depth, 5, activation, data) == CLB_OK);
    EQUAL(paths->P, 5 * 4 + 2 * 5 + 5 * 4 + 5 * 5 * 2 + 2 * 5);
    clb_rng_normal(&rng, paths->P, paths->theta);
    clb_scale(paths->P, (clb_real)0.5, paths->theta);
}

static void t_paths_gradient(void)
{
    static const clb_activation activation[2] = { CLB_TANH, CLB_IDENTITY };
    for (int a = 0; a < 2; ++a) {
        clb_paths paths;
        clb_data data;
        clb_real grad[110], v[110], Hv[110];
        double h = sizeof(clb_real) == 8 ? 1e-5 : 1e-2, tol = sizeof(clb_real) == 8 ? 1e-7 : 0.2;
        t_random_paths(&paths, &data, activation[a]);
        clb_paths_grad(&paths);
        memcpy(grad, paths.grad, sizeof grad);
        for (size_t i = 0; i < paths.P; ++i) {
            clb_real keep = paths.theta[i];
            double up, down;
            paths.theta[i] = keep + (clb_real)h, up = clb_paths_loss(&paths);
            paths.theta[i] = keep - (clb_real)h, down = clb_paths_loss(&paths);
            paths.theta[i] = keep;
            NEAR((up - down) / (2 * h), (double)grad[i], tol);
        }
        for (size_t i = 0; i < paths.P; ++i) v[i] = (clb_real)clb_sin(1.0 + (double)i);
        CHECK(clb_paths_curve(&paths) == CLB_OK);
        clb_paths_hvp(&paths, v, Hv);
        for (int side = 0; side < 2; ++side) {
            clb_axpy(paths.P, (clb_real)(side ? -2 * h : h), v, paths.theta);
            clb_paths_grad(&paths);
            if (!side) memcpy(grad, paths.grad, sizeof grad);
        }
        for (size_t i = 0; i < paths.P; ++i)
            NEAR(((double)grad[i] - (double)paths.grad[i]) / (2 * h), (double)Hv[i], tol);
        clb_paths_free(&paths);
        clb_data_free(&data);
    }
}

/* Compares a matrix run with P x d scalar recursions at every step. */
typedef struct t_compare {
    clb_path_mode mode[3];
    double   V[9], eta, worst, worst40, off;
} t_compare;

static int t_compare_observe(void *context, size_t t, clb_paths *paths, double loss)
{
    t_compare *c = (t_compare *)context;
    double K[9];
    (void)loss;
    for (size_t p = 0; p < paths->count; ++p) {
        clb_paths_coefficients(paths, p, 3, c->V, c->V, K);
        for (size_t i = 0; i < 3; ++i) {
            double gap = fabs(K[i * 3 + i] - clb_path_mode_signal(&c->mode[i], p));
            if (!(gap <= c->worst)) c->worst = gap;
            if (t <= 40 && !(gap <= c->worst40)) c->worst40 = gap;
            for (size_t j = 0; j < 3; ++j)
                if (i != j && !(fabs(K[i * 3 + j]) <= c->off)) c->off = fabs(K[i * 3 + j]);
        }
    }
    for (size_t i = 0; i < 3; ++i) clb_path_mode_step(&c->mode[i], c->eta);
    return 0;
}

/* Full-matrix descent is the scalar recursion: 4000 steps of M1 in the regular regime. */
static void t_paths_recursion(void)
{
    static const double s[3] = { 2, 1, 0.5 }, v[3] = { 1, 2, 3 };
    size_t depth[2] = { 20, 20 };
    clb_real M[9];
    t_compare c;
    clb_paths paths;
    memset(&c, 0, sizeof c);
    c.eta = 1 / clb_path_single_sharpness(20, 2);
    clb_path_householder(3, v, c.V);
    clb_path_target(3, c.V, s, c.V, M);
    CHECK(clb_paths_init_linear(&paths, 2, depth, 3, M) == CLB_OK);
    for (size_t i = 0; i < 3; ++i) c.mode[i] = t_mode(2, 20, s[i], g_alpha);
    for (size_t p = 0; p < 2; ++p)
        for (size_t l = 1; l <= 20; ++l)
            for (size_t i = 0; i < 3; ++i)
                clb_paths_layer(&paths, p, l)[i * 3 + i] = (clb_real)c.mode[0].u[p];
    CHECK(clb_paths_train(&paths, c.eta, 4000, t_compare_observe, &c, NULL) == CLB_OK);
    CHECK(c.worst40 <= T_REAL(1e-12));
    CHECK(c.worst <= T_REAL(1e-11) * 5);
    CHECK(c.off <= T_REAL(1e-12));
    NEAR(clb_path_mode_signal(&c.mode[0], 0), 1.98820821163, 1e-10);
    NEAR(clb_path_mode_signal(&c.mode[2], 1), 0.011321437347, 1e-11);
    for (size_t i = 0; i < 3; ++i) clb_path_mode_free(&c.mode[i]);
    clb_paths_free(&paths);
}

/* (S2): the spectrum of the assembled Hessian at minima of six networks (M9). */
static void t_paths_spectrum(void)
{
    static const struct {
        size_t P, depth[3], d;
        double s[3], share[3][3], v[3], u[3];
    } row[] = {
        { 2, { 3, 3 },    2, { 2, 1 },    { { .7, .4 }, { .3, .6 } },         { 1, 2 }, { 2, -1 } },
        { 2, { 3, 5 },    2, { 2, 1 },    { { .7, .4 }, { .3, .6 } },         { 1, 2 }, { 2, -1 } },
        { 3, { 2, 3, 4 }, 2, { 2, 1 },    { { .5, .4 }, { .3, .35 }, { .2, .25 } },
                                                                              { 1, 2 }, { 2, -1 } },
        { 2, { 4, 4 },    3, { 3, 2, 1 }, { { .5, .5, .5 }, { .5, .5, .5 } },
                                                                        { 1, 2, 3 }, { 3, 1, -2 } },
        { 2, { 20, 20 },  2, { 2, 1 },    { { .5, .5 }, { .5, .5 } },         { 1, 2 }, { 2, -1 } },
        { 2, { 20, 20 },  2, { 2, 1 },    { { 1, 1 }, { 0, 0 } },             { 1, 2 }, { 2, -1 } }
    };
    static const double sharpness[6] = { 6.2166723543,  6.9065593252, 4.5301076488,
                                         14.6969384567, 40,           74.6426393229 };
    static clb_real H[160 * 160];
    for (size_t c = 0; c < 6; ++c) {
        size_t d = row[c].d, P = row[c].P;
        double U[9], V[9], u[9], lambda[9], values[160];
        clb_real M[9];
        clb_paths paths;
        NOTE("case %zu", c);
        clb_path_householder(d, row[c].v, V);
        clb_path_householder(d, row[c].u, U);
        clb_path_target(d, U, row[c].s, V, M);
        for (size_t p = 0; p < P; ++p)
            for (size_t i = 0; i < d; ++i)
                u[p * d + i] =
                    clb_pow(row[c].share[p][i] * row[c].s[i], 1 / (double)row[c].depth[p]);
        CHECK(clb_paths_init_linear(&paths, P, row[c].depth, d, M) == CLB_OK);
        clb_paths_singular_values(&paths, u, U, V);
        CHECK(clb_paths_curve(&paths) == CLB_OK);
        NEAR(clb_paths_loss(&paths), 0, T_REAL(1e-28));
        clb_paths_hessian(&paths, H);
        CHECK(clb_jacobi(paths.P, H, paths.P, values, NULL) == CLB_OK);
        CHECK(clb_path_spectrum(P, row[c].depth, d, u, lambda) == CLB_OK);
        for (size_t i = 1; i < d * d; ++i)                               /* ascending */
            for (size_t j = i; j && lambda[j - 1] > lambda[j]; --j) {
                double swap = lambda[j];
                lambda[j] = lambda[j - 1], lambda[j - 1] = swap;
            }
        for (size_t k = 0; k < d * d; ++k)
            NEAR(values[paths.P - d * d + k], lambda[k], T_REAL(1e-9));
        NEAR(values[0], 0, T_REAL(1e-9));
        NEAR(values[paths.P - d * d - 1], 0, T_REAL(1e-9));
        NEAR(lambda[d * d - 1], sharpness[c], 1e-9);
        clb_paths_free(&paths);
    }
}

/* First paper's law per layer and pathway, off the SVS set: Delta C = eta^2 (|G_{l+1}|^2 -
 * |G_l|^2). */
typedef struct t_law { double eta, C[4], worst, drift; size_t t; } t_law;

static int t_law_observe(void *context, size_t t, clb_paths *paths, double loss)
{
    t_law *law = (t_law *)context;
    (void)loss;
    for (size_t p = 0; p < 2; ++p)
        for (size_t l = 1; l < 3; ++l) {
            const clb_net *net = &paths->net[p];
            const clb_real *theta = paths->theta + paths->at[p], *grad = paths->grad + paths->at[p];
            double C = clb_charge(net, theta, l), gap = fabs(C - law->C[2 * p + l - 1]);
            if (t && !(gap <= law->worst)) law->worst = gap;
            law->C[2 * p + l - 1] = C + law->eta * law->eta * clb_charge(net, grad, l);
        }
    return 0;
}

static void t_paths_layer_law(void)
{
    static const double s[3] = { 2, 1, 0.5 }, v[3] = { 1, 2, 3 };
    static const struct {
        double gamma, D;
    } row[] = { { 0.1, 4.23662663915e-3 },
                { 1.0, 0.0438401248457 },
                { 1.9, 0.0915149952387 },
                { 2.45, 0.624587155002 } };
    for (size_t k = 0; k < 4; ++k) {
        size_t depth[2] = { 3, 3 };
        double V[9], eta = row[k].gamma / clb_path_single_sharpness(3, 2), D = 0, first[4];
        clb_real M[9];
        clb_paths paths;
        t_law law;
        memset(&law, 0, sizeof law);
        law.eta = eta;
        clb_path_householder(3, v, V);
        clb_path_target(3, V, s, V, M);
        CHECK(clb_paths_init_linear(&paths, 2, depth, 3, M) == CLB_OK);
        for (size_t p = 0; p < 2; ++p)
            for (size_t l = 1; l <= 3; ++l)
                for (size_t i = 0; i < 9; ++i)
                    clb_paths_layer(&paths, p, l)[i] =
                        (clb_real)(0.5 * clb_sin(1 + (double)(i / 3) + 2 * (double)(i % 3) +
                                                 3 * (double)(l - 1) + 5 * (double)p));
        for (size_t p = 0; p < 2; ++p)
            for (size_t l = 1; l < 3; ++l)
                first[2 * p + l - 1] = clb_charge(&paths.net[p], paths.theta + paths.at[p], l);
        NEAR(first[0], 0.00181810233379, T_REAL(1e-12));
        CHECK(clb_paths_train(&paths, eta, (size_t)ceil(150 / eta), t_law_observe, &law, NULL) ==
              CLB_OK);
        for (size_t p = 0; p < 2; ++p)
            for (size_t l = 1; l < 3; ++l)
                D += fabs(clb_charge(&paths.net[p], paths.theta + paths.at[p], l) -
                          first[2 * p + l - 1]);
        NOTE("gamma=%g", row[k].gamma);
        CHECK(law.worst <= T_REAL(1e-14));
        NEAR_REL(D, row[k].D, sizeof(clb_real) == 8 ? 1e-5 : 1e-1);
        clb_paths_free(&paths);
    }
}

static void t_paths_errors(void)
{
    clb_paths paths;
    clb_data data = CLB_ZERO;
    clb_real M[4] = { 1, 0, 0, 1 };
    size_t depth[2] = { 3, 0 }, fine[2] = { 1, 2 };
    EQUAL(clb_paths_init_linear(&paths, 0, depth, 2, M), CLB_EPATHS);
    EQUAL(clb_paths_init_linear(&paths, 2, depth, 2, M), CLB_EDEPTH);
    EQUAL(clb_paths_init_linear(&paths, 2, fine, 0, M), CLB_ESHAPE);
    EQUAL(clb_paths_init(&paths, 1, fine, 4, CLB_TANH, &data), CLB_EUNLABELLED);
    CHECK(paths.theta == NULL);
    CHECK(clb_paths_init_linear(&paths, 2, fine, 2, M) == CLB_OK);
    EQUAL(clb_paths_train(&paths, 0, 5, NULL, NULL, NULL), CLB_ESTEP);
    EQUAL(clb_paths_train(&paths, (double)NAN, 5, NULL, NULL, NULL), CLB_ESTEP);
    EQUAL(clb_paths_train(&paths, 1e30, 500, NULL, NULL, NULL), CLB_EDIVERGED);
    clb_paths_free(&paths);
    clb_paths_free(&paths);
}

/* ---- the file of expected values, where it can be read ---- */

static json_doc t_doc;

/* "M2/rows/3/share" below node; fails the test if it is not there. */
static const json *t_at(const json *node, const char *path)
{
    char key[64];
    while (*path) {
        size_t n = strcspn(path, "/");
        memcpy(key, path, n), key[n] = 0;
        node = json_get(node, key);
        if (!node) FAIL("%s is not in the file", path);
        path += n + (path[n] == '/');
    }
    return node;
}

static double t_value(const json *node, const char *path)
{
    return t_at(node, path)->number;
}

static size_t t_list(const json *node, const char *path, double *out)
{
    const json *list = t_at(node, path);
    for (const json *v = list->first; v; v = v->next) out[v->index] = v->number;
    return list->count;
}

static const json *t_reference(void)
{
    if (!t_doc.root) json_read(&t_doc, "../shared/reference/multipath/expected.json");
    CHECK(t_doc.root || t_doc.error[0]);
    return t_doc.root;
}

static void t_file_return(void)
{
    const json *root = t_reference();
    if (!root) return;
    for (const json *row = t_at(root, "M6/rows")->first; row; row = row->next) {
        clb_path_return w;
        CHECK(clb_path_worst_return((size_t)t_value(row, "L"), &w) == CLB_OK);
        NEAR_REL(w.gamma, strtod(json_get_text(row, "gamma_16"), NULL), 1e-15);
        NEAR_REL(w.y, t_value(row, "y"), 1e-11);
        NEAR_REL(w.x_max, t_value(row, "x_max"), 1e-11);
        NEAR_REL(w.M, t_value(row, "M"), 1e-11);
        NEAR_REL(clb_path_worst_return_asymptote((size_t)t_value(row, "L")), t_value(row, "two_W_2L"),
                 1e-11);
    }
    for (const json *row = t_at(root, "M5/rows")->first; row; row = row->next) {
        size_t L = (size_t)t_value(row, "L");
        double x, M;
        CHECK(clb_path_chain_peak(L, t_value(row, "gamma"), &x, &M) == CLB_OK);
        NEAR(x, t_value(row, "x_max"), 1e-10);
        NEAR(M, t_value(row, "M"), 1e-10);
        NEAR(clb_path_chain_map(L, t_value(row, "gamma"), M), t_value(row, "return_value"), 1e-9);
    }
}

static void t_file_window(void)
{
    const json *root = t_reference();
    if (!root) return;
    for (const json *row = t_at(root, "M2/rows")->first; row; row = row->next) {
        size_t L = (size_t)t_value(row, "L");
        clb_path_mode mode = t_mode(2, L, 2, g_alpha);
        clb_path_mode_opts opts = CLB_ZERO;
        clb_path_mode_run run;
        double s[2], x = strtod(json_get_text(row, "x"), NULL);
        double tol = x == 1 && t_value(row, "gamma") > 2 ? 1e-3 : 1e-6;
        NOTE("M2 row %zu", row->index);
        opts.tail = 200;
        clb_path_leaf_endpoint(&mode, s);
        NEAR(s[0] / 2, t_value(row, "leaf_share"), 1e-10);
        CHECK(clb_path_mode_train(&mode, t_value(row, "eta"), 20000, &opts, &run) == CLB_OK);
        NEAR(run.share, t_value(row, "share"), tol);
        NEAR(run.eta_lambda, t_value(row, "eta_lambda_mean"), tol);
        NEAR(run.rms_r, t_value(row, "rms_r"), tol);
        if (tol < 1e-4 || t_value(row, "gamma") < 2)
            NEAR(clb_path_boundary_share(L, t_value(row, "gamma")), t_value(row, "boundary_share"),
                 1e-9);
        clb_path_mode_free(&mode);
    }
}

static void t_file_depths(void)
{
    static const char *const steps[3] = { "small", "0.98", "1.00" };
    const json *root = t_reference();
    if (!root) return;
    for (const json *row = t_at(root, "M4/rows")->first; row; row = row->next) {
        double d[3], opt[3], s[3], alpha[3], share[3], mu, least, target = t_value(row, "s_star");
        size_t depth[3], P = t_list(row, "L", d);
        for (size_t p = 0; p < P; ++p) depth[p] = (size_t)d[p], alpha[p] = t_value(row, "alpha");
        CHECK(clb_path_optimum(P, depth, target, s, &mu, &least) == CLB_OK);
        t_list(row, "opt_s", opt);
        for (size_t p = 0; p < P; ++p) NEAR(s[p], opt[p], 1e-10);
        NEAR(mu, t_value(row, "mu"), 1e-10);
        NEAR(least, t_value(row, "lambda_min"), 1e-10);
        for (int k = 0; k < 3; ++k) {
            const json *run_row = t_at(t_at(row, "runs"), steps[k]);
            clb_path_mode mode;
            clb_path_mode_run run;
            NOTE("M4 row %zu step %s", row->index, steps[k]);
            CHECK(clb_path_mode_init(&mode, P, depth, target, alpha) == CLB_OK);
            clb_path_mode_train(&mode, t_value(run_row, "eta"), (size_t)t_value(row, "T"), NULL, &run);
            t_list(run_row, "share", share);
            for (size_t p = 0; p < P; ++p)
                NEAR(mode.mean[p] / run.sum, share[p], k == 2 ? 1e-5 : 1e-6);
            NEAR(run.eta_lambda, t_value(run_row, "eta_lambda_mean_last2"), 1e-5);
            clb_path_mode_free(&mode);
        }
    }
}

static void t_file_modes(void)
{
    const json *root = t_reference();
    double s[5], share[5], S[5], factor;
    if (!root) return;
    t_list(root, "M7/config/s_star", s), t_list(root, "M7/S", S);
    for (size_t i = 0; i < 5; ++i) NEAR(clb_path_single_sharpness(20, s[i]), S[i], 1e-10);
    for (const json *row = t_at(root, "M7/rows")->first; row; row = row->next) {
        double eta = t_value(row, "gamma1") / S[0];
        NOTE("M7 row %zu", row->index);
        EQUAL(clb_path_rank(20, 5, s, eta), t_value(row, "predicted_rank"));
        t_list(row, "share", share);
        for (size_t i = 0; i < 5; ++i) {
            clb_path_mode mode = t_mode(2, 20, s[i], g_alpha);
            clb_path_mode_opts opts = CLB_ZERO;
            clb_path_mode_run run;
            opts.tail = 200;
            clb_path_mode_train(&mode, eta, 6000, &opts, &run);
            NEAR(run.share, share[i], 1e-6);
            clb_path_mode_free(&mode);
        }
    }
    for (const json *row = t_at(root, "M9/reduction_table")->first; row; row = row->next) {
        factor = clb_path_balanced_sharpness((size_t)t_value(row, "P"), (size_t)t_value(row, "L"), 1);
        NEAR(factor / t_value(row, "L"), t_value(row, "factor"), 1e-11);
    }
}

static void t_file_laws(void)
{
    const json *root = t_reference();
    if (!root) return;
    for (const json *row = t_at(root, "M10/c_var_monotone")->first; row; row = row->next) {
        size_t L = (size_t)t_value(row, "L");
        double gamma = t_value(row, "gamma"), V0;
        clb_path_mode mode = t_mode(2, L, 2, g_alpha);
        clb_path_mode_opts opts = CLB_ZERO;
        clb_path_mode_run run;
        NOTE("M10c row %zu", row->index);
        opts.laws = 1;
        V0 = clb_path_mode_variance(&mode);
        NEAR_REL(V0, t_value(row, "V0"), 1e-11);
        clb_path_mode_train(&mode, gamma / clb_path_single_sharpness(L, 2), 20000, &opts, &run);
        NEAR_REL(clb_path_mode_variance(&mode) / V0, t_value(row, "ratio"), gamma > 3.5 ? 0.05 : 1e-6);
        EQUAL(run.rises, 0);
        clb_path_mode_free(&mode);
    }
    for (const json *row = t_at(root, "M10/e_two_step")->first; row; row = row->next) {
        clb_path_cycle c;
        CHECK(clb_path_cycle_predict(2, (size_t)t_value(row, "L"), 2, t_value(row, "eps"), &c) ==
              CLB_OK);
        NEAR_REL(c.decay, t_value(row, "pred_one_minus_m"), 1e-11);
        NEAR_REL(c.x2, t_value(row, "pred_x2"), 1e-11);
    }
    for (const json *row = t_at(root, "M10/f_critical_1_over_t")->first; row; row = row->next)
        NEAR(clb_path_critical_constant((size_t)t_value(row, "L")), t_value(row, "pred"), 1e-11);
    for (const json *row = t_at(root, "M10/g_stop_offset")->first; row; row = row->next)
        NEAR(clb_path_stop_offset((size_t)t_value(row, "L")), t_value(row, "pred_ratio"), 1e-11);
    json_free(&t_doc);
}

/* ---- bad input ---- */

static void t_named_errors(void)
{
    size_t depth[2] = { 3, 3 }, one[2] = { 3, 1 }, zero[2] = { 3, 0 };
    double alpha[2] = { 0.1, 0.1 }, bad[2] = { 0.1, -1 }, s[2], lo, hi;
    double nan = (double)NAN, inf = (double)INFINITY;
    clb_path_mode mode;
    clb_path_mode_run run;
    clb_path_bounds w;
    clb_path_return ret;
    clb_path_cycle cycle;
    EQUAL(clb_path_mode_init(&mode, 0, depth, 1, alpha), CLB_EPATHS);
    EQUAL(clb_path_mode_init(&mode, 2, zero, 1, alpha), CLB_EDEPTH);
    EQUAL(clb_path_mode_init(&mode, 2, depth, 0, alpha), CLB_ETARGET);
    EQUAL(clb_path_mode_init(&mode, 2, depth, nan, alpha), CLB_ETARGET);
    EQUAL(clb_path_mode_init(&mode, 2, depth, inf, alpha), CLB_ETARGET);
    EQUAL(clb_path_mode_init(&mode, 2, depth, 1, bad), CLB_ENOTFINITE);
    CHECK(mode.u == NULL);
    {
        static const double ends[][2] = { { 1, 0 }, { 0, 1 }, { 1, -1 }, { -1, 1 } };
        clb_path_mode_opts opts = CLB_ZERO;
        clb_path_ramp ramp = { 0.1, 0.1, 5, CLB_PATH_RAMP_LINEAR };
        size_t k;
        opts.ramp = &ramp;
        EQUAL(clb_path_mode_init(&mode, 2, depth, 1, alpha), CLB_OK);
        EQUAL(clb_path_mode_train(&mode, 0, 10, &opts, &run), CLB_OK);
        for (k = 0; k < 4; ++k) {
            ramp.from = ends[k][0], ramp.to = ends[k][1];
            EQUAL(clb_path_mode_train(&mode, 0, 10, &opts, &run), CLB_ESTEP);
        }
        clb_path_mode_free(&mode);
    }
    EQUAL(clb_path_optimum(2, one, 1, s, NULL, NULL), CLB_EDEPTH);
    EQUAL(clb_path_optimum(0, one, 1, s, NULL, NULL), CLB_EPATHS);
    EQUAL(clb_path_window(2, depth, -1, &w), CLB_ETARGET);
    EQUAL(clb_path_worst_return(1, &ret), CLB_EDEPTH);
    EQUAL(clb_path_cycle_predict(2, 2, 1, 0.1, &cycle), CLB_EDEPTH);
    EQUAL(clb_path_rank_window(2, 2, 2, alpha, 1, &lo, &hi), CLB_EDEPTH);
    EQUAL(clb_path_rank_window(2, 3, 2, bad, 1, &lo, &hi), CLB_ETARGET);
    EQUAL(clb_path_rank_window(2, 3, 2, alpha, 3, &lo, &hi), CLB_ECOUNT);
    EQUAL(clb_path_central_pair(2, 3, 1, 0, 5, s), CLB_ESTEP);
    EQUAL(clb_path_chain_peak(3, nan, &lo, &hi), CLB_ESTEP);
    EQUAL(clb_path_step_check(0), CLB_ESTEP);
    EQUAL(clb_path_step_check(-1), CLB_ESTEP);
    EQUAL(clb_path_step_check(nan), CLB_ESTEP);
    EQUAL(clb_path_step_check(inf), CLB_ESTEP);
    EQUAL(clb_path_check(2, one, 3, 1), CLB_EDEPTH);
    CHECK(clb_path_mode_init(&mode, 2, one, 1, alpha) == CLB_OK);
    EQUAL(clb_path_leaf_endpoint(&mode, s), CLB_EDEPTH);
    EQUAL(clb_path_mode_train(&mode, 0, 10, NULL, &run), CLB_ESTEP);
    EQUAL(clb_path_mode_train(&mode, nan, 10, NULL, &run), CLB_ESTEP);
    CHECK(isnan(clb_path_mode_variance(&mode)));
    clb_path_mode_free(&mode);
    clb_path_mode_free(&mode);                                            /* a zeroed struct is fine */
    CHECK(isnan(clb_path_boundary_share(2, 3)) && isnan(clb_path_balanced_sharpness(0, 3, 1)) &&
          isnan(clb_path_leaf(3, -1)));
    CHECK(isnan(clb_path_leaf_sharpness(2, 2, 1, 0)) && isnan(clb_path_stop_offset(2)) &&
          isnan(clb_path_ceiling(2, 1)));
    for (int status = CLB_EPATHS; status <= CLB_ESTEP; ++status)
        CHECK(strlen(clb_strerror((clb_status)status)) > 8);
}

static const test_case tests[] = { TEST(t_worst_return_table),
                                   TEST(t_worst_return_definition),
                                   TEST(t_worst_return_brute),
                                   TEST(t_lambert),
                                   TEST(t_balanced_is_flattest),
                                   TEST(t_optimum),
                                   TEST(t_optimum_random),
                                   TEST(t_window),
                                   TEST(t_recursion),
                                   TEST(t_one_step),
                                   TEST(t_contraction),
                                   TEST(t_leaf_endpoint),
                                   TEST(t_leaf_drift),
                                   TEST(t_depth_two_exact),
                                   TEST(t_leaf_sharpness),
                                   TEST(t_cycle),
                                   TEST(t_central_flow),
                                   TEST(t_stopping_runs),
                                   TEST(t_outcomes),
                                   TEST(t_ramp),
                                   TEST(t_rank),
                                   TEST(t_named_errors),
                                   TEST(t_paths_gradient),
                                   TEST(t_paths_recursion),
                                   TEST(t_paths_spectrum),
                                   TEST(t_paths_layer_law),
                                   TEST(t_paths_errors),
                                   TEST(t_file_return),
                                   TEST(t_file_window),
                                   TEST(t_file_depths),
                                   TEST(t_file_modes),
                                   TEST(t_file_laws) };
TEST_MAIN(tests)
