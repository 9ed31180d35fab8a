/* Statistics (@S22): every estimator against closed forms, exact algebra or brute force. */
#define CLB_IMPLEMENTATION
#include "../clb.h"
#include "../examples/kit/published.h"
#include "test.h"

static void t_moments(void)
{
    const double x[] = { 2, 4, 4, 4, 5, 5, 7, 9 };      /* mean 5, sum of squared deviations 32 */
    const double broken[] = { 1, (double)NAN, 3, (double)INFINITY };
    clb_summary s = clb_summarize(4, broken);
    NEAR(clb_mean(8, x), 5, 0);
    NEAR(clb_std_pop(8, x), 2, 0);
    NEAR(clb_std(8, x), sqrt(32.0 / 7), 1e-15);
    NEAR(clb_stderr(8, x), sqrt(32.0 / 56), 1e-15);
    CHECK(isnan(clb_mean(0, x)) && isnan(clb_std(1, x)) && clb_std_pop(1, x) == 0);
    CHECK(isnan(clb_mean(4, broken)) && isnan(clb_std_pop(2, broken)));
    EQUAL(s.n, 4);
    EQUAL(s.finite, 2);
    NEAR(s.mean, 2, 0);
    NEAR(s.std_pop, 1, 0);
    NEAR(s.std, sqrt(2.0), 1e-15);
    NEAR(s.stderr_mean, 1, 1e-15);
    CHECK(s.min == 1 && s.max == 3);
    s = clb_summarize(1, broken + 1);
    CHECK(s.finite == 0 && isnan(s.mean) && isnan(s.min));
}

/* A large offset must not cost digits: two passes. */
static void t_std_offset(void)
{
    const double x[] = { 1e9 + 4, 1e9 + 7, 1e9 + 13, 1e9 + 16 };
    NEAR(clb_std(4, x), sqrt(30.0), 1e-14);
}

static void t_sort_quantile(void)
{
    clb_rng rng;
    size_t n, i;
    clb_rng_seed(&rng, 5);
    for (n = 0; n < 70; ++n) {
        double x[70], sum = 0, after = 0;
        for (i = 0; i < n; ++i) sum += x[i] = (double)clb_rng_below(&rng, 20);
        clb_sort(n, x);
        for (i = 0; i < n; ++i) after += x[i];
        NOTE("n=%d", (int)n);
        SAME_BITS(after, sum);
        for (i = 1; i < n; ++i) CHECK(x[i - 1] <= x[i]);
    }
    {
        double x[] = { (double)NAN, 3, 1, (double)NAN, 2 };
        const double y[] = { 0, 10, 20, 30 };
        NEAR(clb_median(5, x), 2, 0);
        CHECK(isnan(x[3]) && isnan(x[4]));
        NEAR(clb_quantile_sorted(4, y, 0.5), 15, 1e-15);
        NEAR(clb_quantile_sorted(4, y, 0.1), 3, 1e-15);
        CHECK(clb_quantile_sorted(4, y, 1) == 30 && clb_quantile_sorted(4, y, 0) == 0);
        CHECK(isnan(clb_quantile_sorted(0, y, 0.5)) && isnan(clb_quantile_sorted(4, y, 1.5)));
    }
}

/* Series whose integral, sign changes and rescaled range are known. */
static void t_series(void)
{
    const double y[] = { 1, 2, 3, 4 }, s[] = { 1, -1, 0, 0, 2 }, square[] = { 1, -1, 1, -1 };
    const double ramp[] = { 1, 1, -1, -1 };             /* cumulative sum 1 2 1 0: range 2, std 1 */
    NEAR(clb_trapezoid(4, y, 0.5), 3.75, 1e-15);
    NEAR(clb_trapezoid(1, y, 1), 0, 0);
    NEAR(clb_sign_change_rate(5, s), 0.75, 1e-15);
    NEAR(clb_sign_change_rate(4, square), 1, 0);
    CHECK(isnan(clb_sign_change_rate(1, s)));
    NEAR(clb_hurst(4, ramp), 0.5, 1e-15);
    NEAR(clb_hurst(4, square), 0, 1e-15);               /* range 1 = std */
    CHECK(isnan(clb_hurst(1, y)));
}

/* Anscombe's first set: the published regression line, y = 3.00 + 0.500 x, standard errors 1.125,
 * 0.118. */
static void t_linear(void)
{
    const double x[] = { 10, 8, 13, 9, 11, 14, 6, 4, 12, 7, 5 };
    const double y[] = { 8.04, 6.95, 7.58, 8.81, 8.33, 9.96, 7.24, 4.26, 10.84, 4.82, 5.68 };
    clb_fit fit = clb_fit_linear(11, x, y);
    EQUAL(fit.n, 11);
    NEAR(fit.slope, 0.50009, 1e-5);
    NEAR(fit.intercept, 3.00009, 1e-5);
    NEAR(fit.r2, 0.66654, 1e-5);
    NEAR(fit.slope_se, 0.11791, 1e-5);
    NEAR(fit.intercept_se, 1.12475, 1e-5);
    NEAR(sqrt(fit.r2), clb_pearson(11, x, y), 1e-14);
}

static void t_linear_degenerate(void)
{
    const double x[] = { 1, 2, 3, (double)NAN, 5 }, y[] = { 2, 4, 6, 8, (double)INFINITY };
    const double same[] = { 3, 3, 3 };
    clb_fit fit = clb_fit_linear(5, x, y);
    EQUAL(fit.n, 3);
    NEAR(fit.slope, 2, 1e-15);
    NEAR(fit.intercept, 0, 1e-14);
    fit = clb_fit_linear(2, x, y);
    CHECK(fit.n == 2 && fit.r2 == 1 && isnan(fit.slope_se));
    fit = clb_fit_linear(1, x, y);
    CHECK(fit.n == 1 && isnan(fit.slope) && isnan(fit.r2));
    fit = clb_fit_linear(3, same, y);
    CHECK(isnan(fit.slope));
    fit = clb_fit_linear(3, x, same);                 /* no variance to explain: R^2 is 0 by rule */
    CHECK(fit.slope == 0 && fit.r2 == 0);
}

static void t_power(void)
{
    double x[9], y[9];
    clb_fit fit;
    int i;
    for (i = 0; i < 9; ++i) {
        x[i] = pow(10, -4 + 0.5 * i);
        y[i] = 3.5 * pow(x[i], 1.16);
    }
    fit = clb_fit_power(9, x, y, 1e-15);
    NEAR(fit.slope, 1.16, 1e-13);
    NEAR(fit.intercept, log(3.5), 1e-13);
    NEAR(fit.r2, 1, 1e-14);
    y[2] = (double)NAN;                                 /* a diverged seed makes the mean NaN  */
    y[3] = 0;
    y[4] = 1e-11;                                       /* below the published mask            */
    fit = clb_fit_power(9, x, y, 1e-10);
    EQUAL(fit.n, 6);
    NEAR(fit.slope, 1.16, 1e-13);
}

/* The quadratic fit solves its normal equations: residuals orthogonal to 1, u, u^2. */
static void t_quadratic(void)
{
    double x[12], y[12], r[3] = { 0, 0, 0 };
    clb_fit2 fit;
    clb_fit line;
    clb_rng rng;
    int i;
    clb_rng_seed(&rng, 3);
    for (i = 0; i < 12; ++i) {
        double u = -9 + 0.5 * i + 0.03 * i * i;            /* a skew grid */
        x[i] = exp(u);
        y[i] = exp(0.03 * u * u + 1.2 * u - 0.5);
    }
    fit = clb_fit_power_quadratic(12, x, y, 1e-15);
    NEAR(fit.c2, 0.03, 1e-12);
    NEAR(fit.c1, 1.2, 1e-11);
    NEAR(fit.c0, -0.5, 1e-11);
    for (i = 0; i < 12; ++i) y[i] *= exp(0.3 * (clb_rng_double(&rng) - 0.5));
    fit = clb_fit_power_quadratic(12, x, y, 1e-15);
    for (i = 0; i < 12; ++i) {
        double u = log(x[i]), e = log(y[i]) - fit.c0 - u * (fit.c1 + u * fit.c2);
        r[0] += e;
        r[1] += e * u;
        r[2] += e * u * u;
    }
    NEAR(r[0], 0, 1e-12);
    NEAR(r[1], 0, 1e-11);
    NEAR(r[2], 0, 1e-10);
    line = clb_fit_power(12, x, y, 1e-15);
    CHECK(fit.rss < line.rss && fit.r2 > line.r2 && fit.c2_se > 0);
    x[1] = x[2] = x[0];
    x[4] = x[5] = x[3];
    fit = clb_fit_power_quadratic(6, x, y, 1e-15);      /* two different x only */
    CHECK(isnan(fit.c2));
}

static void t_exponential(void)
{
    double t[20], y[20];
    clb_decay d;
    clb_fit fit;
    int i;
    for (i = 0; i < 20; ++i) {
        t[i] = 25 * i;
        y[i] = 0.8 * exp(-t[i] / 130);
    }
    fit = clb_fit_exponential(20, t, y, 0.05, 0.7);
    NEAR(clb_fit_tau(&fit), 130, 1e-11);
    NEAR(exp(fit.intercept), 0.8, 1e-12);
    CHECK(fit.n < 20 && fit.n > 10);
    for (i = 0; i < 20; ++i) y[i] = 0.8 * exp(-t[i] / 130) + 0.25;
    d = clb_fit_decay(20, t, y);
    NEAR_REL(d.tau, 130, 1e-5);
    NEAR(d.a, 0.8, 1e-6);
    NEAR(d.c, 0.25, 1e-6);
    NEAR(d.r2, 1, 1e-12);
    for (i = 0; i < 20; ++i) y[i] = 7.2 / (1 + t[i] / 40);
    d = clb_fit_hyperbola(20, t, y);
    NEAR_REL(d.tau, 40, 1e-6);
    NEAR_REL(d.a, 7.2, 1e-6);
    fit = clb_fit_linear(2, t, y);
    fit.slope = 0.1;
    CHECK(isnan(clb_fit_tau(&fit)));
}

/* The published decay fit of E18 (n = 200): a, b, c and R^2 from the published means. */
static void t_decay_published(void)
{
    const double t[] = { 0, 50, 100, 150, 200, 250, 300, 400, 500, 750, 1000 };
    const double y[] = { 7.2428, 4.9615, 3.0195, 2.0979, 1.5994, 1.2890, 1.0798, 0.8136, 0.6525,
                         0.4361, 0.3274 };
    clb_decay d = published_decay(11, t, y, 0.9);
    NEAR(d.a, 4.4591, 5e-4);
    NEAR(1 / d.tau, 0.004977, 2e-6);
    NEAR(d.c, 0.2947, 5e-5);
    NEAR(d.r2, 0.8308, 1e-4);
}

/* The published tau law of E23 from its five means: lines in linear space, power laws in both
 * spaces. */
static void t_tau_published(void)
{
    const double eta[] = { 0.003, 0.005, 0.01, 0.02, 0.03 };
    const double tau[] = { 485.01, 264.14, 175.55, 97.66, 72.71 };
    double inverse[5];
    clb_fit line, power, nonlinear;
    int i;
    for (i = 0; i < 5; ++i) inverse[i] = 1 / eta[i];
    line = clb_fit_linear(5, inverse, tau);
    power = clb_fit_power(5, eta, tau, 0);
    nonlinear = clb_fit_power_nonlinear(5, eta, tau);
    NEAR(line.slope, 1.32900, 1e-4);
    NEAR(line.intercept, 28.523, 1e-2);
    NEAR(line.r2, 0.98827, 1e-5);
    NEAR(power.slope, -0.79731, 1e-4);
    NEAR(power.r2, 0.99057, 1e-5);
    NEAR(nonlinear.slope, -0.88, 5e-3);
    NEAR(nonlinear.r2, 0.9832, 1e-4);
    NEAR(clb_aic(5, nonlinear.rss, 2) - clb_aic(5, line.rss, 2), 1.8, 0.05);
}

static double parabola(void *context, double x)
{
    return (x - *(double *)context) * (x - *(double *)context);
}

static void t_minimize(void)
{
    double at;
    for (at = -3; at <= 3; at += 0.37) {
        NOTE("at %g", at);
        NEAR(clb_minimize(parabola, &at, -3, 4), at, 1e-7);
    }
    at = 9;
    NEAR(clb_minimize(parabola, &at, -3, 4), 4, 1e-6);
}

static void t_correlations(void)
{
    const double x[] = { 1, 2, 3, 4, 5 }, y[] = { 1, 8, 27, 64, 125 }, down[] = { 5, 4, 3, 2, 1 };
    const double tied[] = { 1, 2, 2, 3, 9 }, flat[] = { 2, 2, 2, 2, 2 };
    double logs[5], slope[4];
    int i;
    NEAR(clb_spearman(5, x, y), 1, 1e-15);
    NEAR(clb_spearman(5, down, y), -1, 1e-15);
    /* ranks 1 2.5 2.5 4 5: 9.5/sqrt(95) */
    NEAR(clb_spearman(5, tied, y), 0.97467943448089633, 1e-14);
    CHECK(isnan(clb_spearman(5, flat, y)) && isnan(clb_pearson(5, flat, y)));
    NEAR(clb_pearson(5, x, down), -1, 1e-15);
    NEAR(clb_pearson(2, x, down), -1, 1e-15);
    CHECK(isnan(clb_pearson(1, x, down)));
    NEAR(clb_pearson_log(5, x, y, 0, 0), 1, 1e-14);
    for (i = 0; i < 5; ++i) logs[i] = log(tied[i]);
    NEAR(clb_pearson_log(5, tied, flat, 0, 0) != 0, 1, 0);          /* NaN: no spread */
    {
        double ramp[5];
        for (i = 0; i < 5; ++i) ramp[i] = log(x[i]);
        NEAR(clb_pearson_log(5, x, tied, 0, 0), clb_pearson(5, ramp, logs), 1e-14);
        NEAR(clb_pearson_log(5, x, tied, 0, 1), clb_pearson(4, ramp + 1, logs + 1), 1e-14);
    }
    clb_local_slopes(5, x, y, slope);
    for (i = 0; i < 4; ++i) NEAR(slope[i], 3, 1e-14);
    logs[0] = -1;
    clb_local_slopes(2, x, logs, slope);
    CHECK(isnan(slope[0]));
}

static double median_statistic(void *context, size_t n, const uint32_t *index)
{
    double x[64];
    size_t i;
    for (i = 0; i < n; ++i) x[i] = ((const double *)context)[index[i]];
    return clb_median(n, x);
}

/* Coverage: 95 % intervals of the mean of 20 uniforms contain 1/2 in about 95 % of 400 samples
 * (percentile intervals are a little short: 92 %), and the standard error is that of the mean. */
static void t_bootstrap_coverage(void)
{
    double x[20];
    int trial, hits = 0;
    clb_rng rng;
    clb_bootstrap_opts opts = CLB_ZERO;
    clb_rng_seed(&rng, 11);
    opts.resamples = 300;
    for (trial = 0; trial < 400; ++trial) {
        clb_interval interval;
        int i;
        for (i = 0; i < 20; ++i) x[i] = clb_rng_double(&rng);
        opts.seed = (uint64_t)trial;
        EQUAL(clb_bootstrap_mean(20, x, &opts, &interval), CLB_OK);
        NEAR(interval.value, clb_mean(20, x), 1e-15);
        CHECK(interval.lo < interval.value && interval.value < interval.hi);
        NEAR(interval.se / clb_stderr(20, x), 1, 0.25);
        hits += interval.lo <= 0.5 && 0.5 <= interval.hi;
    }
    CHECK(hits > 348 && hits < 394);                    /* binomial(400, 0.93): mean 372, sd 5 */
}

static void t_bootstrap_rules(void)
{
    const double x[] = { 1, 2, 3, 4, 50 };
    double values[5];
    clb_interval a, b;
    clb_bootstrap_opts opts = CLB_ZERO;
    memcpy(values, x, sizeof x);
    EQUAL(clb_bootstrap(5, median_statistic, values, NULL, &a), CLB_OK);
    EQUAL(clb_bootstrap(5, median_statistic, values, NULL, &b), CLB_OK);
    SAME_BITS(a.lo, b.lo);
    SAME_BITS(a.se, b.se);
    NEAR(a.value, 3, 0);
    EQUAL(a.used, 1000);
    CHECK(a.lo >= 1 && a.hi <= 50);
    opts.seed = 9;
    EQUAL(clb_bootstrap(5, median_statistic, values, &opts, &b), CLB_OK);
    CHECK(b.se != a.se);
    opts.level = 1;
    EQUAL(clb_bootstrap(5, median_statistic, values, &opts, &b), CLB_ELEVEL);
    CHECK(isnan(b.lo) && isnan(b.value));
    EQUAL(clb_bootstrap(0, median_statistic, values, NULL, &b), CLB_ECOUNT);
    values[4] = (double)NAN;                            /* replicates with the NaN are left out */
    EQUAL(clb_bootstrap_mean(5, values, NULL, &b), CLB_OK);
    CHECK(b.used > 200 && b.used < 450 && isnan(b.value) && b.hi <= 4);    /* (4/5)^5 = 0.33 */
}

static void t_sweep(void)
{
    const double x[] = { 1e-3, 1e-2, 1e-1, 1 }, alpha[] = { 1.0, 1.1, 1.2 };
    double y[12], mean[4];
    clb_sweep sweep = CLB_ZERO;
    clb_interval interval, slope[3];
    clb_fit fit;
    int s, i;
    for (s = 0; s < 3; ++s)
        for (i = 0; i < 4; ++i) y[4 * s + i] = pow(x[i], alpha[s]);
    sweep.seeds = 3;
    sweep.n = 4;
    sweep.x = x;
    sweep.y = y;
    sweep.floor = 1e-10;
    fit = clb_sweep_fit(&sweep, mean);
    CHECK(fit.slope > 1.0 && fit.slope < 1.2 && fit.n == 4);
    for (i = 0; i < 4; ++i) NEAR(mean[i], (y[i] + y[4 + i] + y[8 + i]) / 3, 1e-15);
    EQUAL(clb_bootstrap_sweep(&sweep, NULL, &interval, slope), CLB_OK);
    SAME_BITS(interval.value, fit.slope);
    CHECK(interval.lo >= 1.0 - 1e-12 && interval.hi <= 1.2 + 1e-12 && interval.lo < interval.hi);
    for (i = 0; i < 3; ++i) CHECK(slope[i].lo >= 1 - 1e-12 && slope[i].hi <= 1.2 + 1e-12);
    y[7] = (double)NAN;
    EQUAL(clb_sweep_fit(&sweep, mean).n, 3);          /* the published rule drops the point       */
    sweep.survivors = 1;
    EQUAL(clb_sweep_fit(&sweep, mean).n, 4);          /* the other averages over what is left     */
    NEAR(mean[3], 1, 0);
}

static void t_criteria(void)
{
    NEAR(clb_aic(10, 2.0, 3) - clb_aic(10, 1.0, 3), 10 * log(2.0), 1e-13);
    NEAR(clb_aic(10, 1.0, 3) - clb_aic(10, 1.0, 2), 2, 1e-13);
    NEAR(clb_bic(100, 1.0, 3) - clb_bic(100, 1.0, 2), log(100.0), 1e-12);
    CHECK(isnan(clb_aic(0, 1.0, 1)));
}

/* Values whose squares leave the range of a double: every estimate is that of the usual size,
 * times the power of the scale that its formula has. */
static void t_any_scale(void)
{
    const double w[] = { 1, 2, 4, 5 }, base[] = { 3, 5, 4, 7 };
    const int exponent[] = { -1060, -665, -400, 400, 665, 1020 };
    clb_fit plain = clb_fit_linear(4, w, base);
    double x[4], y[4], sorted[2] = { -1e308, 1e308 };
    for (size_t k = 0; k < sizeof exponent / sizeof exponent[0]; ++k) {
        int e = exponent[k];
        double unit = ldexp(1, e);
        clb_fit up, along;
        clb_summary s;
        NOTE("scale 2^%d", e);
        for (size_t i = 0; i < 4; ++i) x[i] = ldexp(w[i], e), y[i] = ldexp(base[i], e);
        SAME_BITS(clb_std(4, x), ldexp(clb_std(4, w), e));
        SAME_BITS(clb_std_pop(4, x), ldexp(clb_std_pop(4, w), e));
        SAME_BITS(clb_mean(4, x), 3 * unit);
        s = clb_summarize(4, x);
        SAME_BITS(s.mean, 3 * unit);
        SAME_BITS(s.std, clb_std(4, x));
        CHECK(s.min == unit && s.max == 5 * unit);
        SAME_BITS(clb_pearson(4, x, base), clb_pearson(4, w, base));
        SAME_BITS(clb_pearson(4, x, y), clb_pearson(4, w, base));
        SAME_BITS(clb_hurst(4, x), clb_hurst(4, w));
        along = clb_fit_linear(4, x, y);              /* slope and r2 do not see a common scale */
        SAME_BITS(along.slope, plain.slope);
        SAME_BITS(along.slope_se, plain.slope_se);
        SAME_BITS(along.r2, plain.r2);
        SAME_BITS(along.intercept, ldexp(plain.intercept, e));
        up = clb_fit_linear(4, w, y);
        SAME_BITS(up.slope, ldexp(plain.slope, e));
        SAME_BITS(up.slope_se, ldexp(plain.slope_se, e));
        SAME_BITS(up.r2, plain.r2);
    }
    SAME_BITS(clb_mean(2, sorted), 0);
    SAME_BITS(clb_std_pop(2, sorted), 1e308);
}

/* Decay and power laws in y of any size: the shape is that of the usual size. */
static void t_any_scale_decay(void)
{
    double t[9], y[9], big[9];
    clb_decay d, e;
    clb_fit f, g;
    for (size_t i = 0; i < 9; ++i) {
        t[i] = (double)i + 1;
        y[i] = 3 * exp(-t[i] / 2) + 0.25;
        big[i] = ldexp(y[i], 700);
    }
    d = clb_fit_decay(9, t, y), e = clb_fit_decay(9, t, big);
    NEAR(d.tau, 2, 1e-6);
    SAME_BITS(e.tau, d.tau);
    SAME_BITS(e.a, ldexp(d.a, 700));
    SAME_BITS(e.c, ldexp(d.c, 700));
    SAME_BITS(e.r2, d.r2);
    f = clb_fit_power_nonlinear(9, t, y), g = clb_fit_power_nonlinear(9, t, big);
    SAME_BITS(g.slope, f.slope);
    SAME_BITS(g.r2, f.r2);
    NEAR(g.intercept, f.intercept + 700 * log(2.0), 1e-14);
}

/* Constants whose rounded mean is not the constant: without spread, exactly. */
static void t_constants(void)
{
    const double values[] = { 0.1, 0.3, 1.81, 0.576, 14.62, 0.0125, 1e300 };
    double x[1000], y[1000], up[1000];
    for (size_t i = 0; i < 1000; ++i) y[i] = (double)i + 1, up[i] = exp(0.01 * (double)i);
    for (size_t v = 0; v < sizeof values / sizeof values[0]; ++v)
        for (size_t n = 2; n <= 1000; n = n < 12 ? n + 1 : 3 * n) {
            clb_fit flat;
            for (size_t i = 0; i < n; ++i) x[i] = values[v];
            NOTE("%g, n = %d", values[v], (int)n);
            SAME_BITS(clb_mean(n, x), values[v]);
            SAME_BITS(clb_std(n, x), 0);
            SAME_BITS(clb_std_pop(n, x), 0);
            SAME_BITS(clb_summarize(n, x).std, 0);
            CHECK(isnan(clb_pearson(n, x, y)) && isnan(clb_pearson(n, x, x)));
            CHECK(isnan(clb_pearson_log(n, x, y, 0, 0)) && isnan(clb_spearman(n, x, y)));
            CHECK(isnan(clb_hurst(n, x)));
            CHECK(isnan(clb_fit_linear(n, x, y).slope) && isnan(clb_fit_power(n, x, y, 0).slope));
            CHECK(isnan(clb_fit_power_quadratic(n, x, y, 0).c2));
            flat = clb_fit_linear(n, y, x);
            CHECK(flat.slope == 0 && flat.r2 == 0 && flat.rss == 0 && flat.intercept == values[v]);
            flat = clb_fit_power(n, up, x, 0);
            CHECK(flat.slope == 0 && flat.r2 == 0 && flat.rss == 0);
            if (n > 2) SAME_BITS(clb_fit_hyperbola(n, y, x).r2, 0);
        }
    {
        const double near[] = { 1, 1 + 2.220446049250313e-16 }, one[] = { 1, 2 };
        double slope;
        clb_local_slopes(2, near, one, &slope);            /* two x, and perhaps one ln x */
        CHECK(isnan(slope) || slope > 1e15);
    }
}

/* An order statistic that exists is given, whatever stands beside it. */
static void t_quantile_infinity(void)
{
    const double inf = (double)INFINITY;
    double a[] = { 4, 5, inf }, b[] = { 1, inf, inf }, c[] = { -inf, 1, 2 }, d[] = { 1, 2, 3, inf };
    double e[] = { -1e308, 1e308 }, f[] = { 0.1, 0.1, 0.1, 0.3 }, last = 0;
    CHECK(clb_median(3, a) == 5 && clb_median(3, b) == inf && clb_median(3, c) == 1);
    CHECK(clb_median(4, d) == 2.5 && clb_median(2, e) == 0);
    CHECK(clb_quantile_sorted(3, a, 0.25) == 4.5 && clb_quantile_sorted(3, a, 0.75) == inf);
    CHECK(clb_quantile_sorted(3, c, 0.25) == -inf && clb_quantile_sorted(3, b, 0.75) == inf);
    CHECK(clb_quantile_sorted(2, e, 0.25) == -5e307);
    for (int q = 0; q <= 1000; ++q) {
        double v = clb_quantile_sorted(4, f, q / 1000.0);
        CHECK(v >= last && v <= 0.3);
        last = v;
    }
}

/* A line far from the origin (time stamps): the slope is that of the line at the origin. */
static void t_regression_offset(void)
{
    const double offset[] = { 1e6, 1e9, 1.7e12, 1e15 };
    double x[8], y[8];
    for (size_t k = 0; k < 4; ++k) {
        clb_fit f;
        for (size_t i = 0; i < 8; ++i)
            x[i] = offset[k] + (double)i, y[i] = 2.0 * (double)i + ((int)(i * 7) % 3 - 1) * 0.25;
        f = clb_fit_linear(8, x, y);          /* moments of the exact points: 42, 84.375, ... */
        NEAR_REL(f.slope, 84.375 / 42, 1e-15);
        NEAR_REL(f.r2, 1 - (169.8046875 - 84.375 * 84.375 / 42) / 169.8046875, 1e-14);
    }
}

static const test_case tests[] = {
    TEST(t_moments), TEST(t_std_offset), TEST(t_sort_quantile), TEST(t_series), TEST(t_linear),
    TEST(t_linear_degenerate), TEST(t_power), TEST(t_quadratic), TEST(t_exponential),
    TEST(t_decay_published), TEST(t_tau_published), TEST(t_minimize), TEST(t_correlations),
    TEST(t_bootstrap_coverage), TEST(t_bootstrap_rules), TEST(t_sweep), TEST(t_criteria),
    TEST(t_any_scale), TEST(t_any_scale_decay), TEST(t_constants), TEST(t_quantile_infinity),
    TEST(t_regression_offset)
};
TEST_MAIN(tests)
