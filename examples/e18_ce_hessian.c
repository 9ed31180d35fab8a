/* E18  Evolution of the cross-entropy Hessian: how fast, and does n matter?               Theorem 6
 *   cc -O2 -o e18 examples/e18_ce_hessian.c -lm && ./e18
 * Setup   standard ReLU net, cross entropy, n = 100, 200, 400; eleven checkpoints of a run with
 *         eta = 0.01
 * Paper   lambda_max compressed 24x over 2000 steps, exponentially, whatever n
 * Beyond  1/t against exponential and hyperbola; Theorem 6's bound at every checkpoint, as printed
 *         and with the constant it needs; checkpoints up to 8000; n in {50, ..., 800} with seeds
 *         of their own. */
#define CLB_IMPLEMENTATION
#include "../clb.h"
#include "ex.h"
#include "plot.h"
#include "checkpoints.h"

static const size_t e18_at[] = { 0, 50, 100, 150, 200, 250, 300, 400, 500, 750, 1000 };
static const size_t e18_long[] = { 100, 200, 500, 1000, 2000, 4000, 8000 };
static const double e18_eta[] = { 1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 0.1 };
static const double e18_n[] = { 100, 200, 400 }, e18_more_n[] = { 50, 100, 200, 400, 800 };
enum {
    E18_N = EX_LEN(e18_at),
    E18_ETAS = EX_LEN(e18_eta),
    E18_SETS = EX_LEN(e18_n),
    E18_LONG = EX_LEN(e18_long)
};
static const cp_plan e18_cp = { E18_N, e18_at, E18_ETAS, e18_eta, 0 };

static void e18_plan(ex *x)
{
    ex_list seeds = ex_seeds(x, ex_quick(x) ? 1 : 3);
    ex_config(x, "n_steps", CP_T);
    ex_config(x, "train_lr", cp_track_eta);
    for (size_t i = 0; i < (ex_quick(x) ? 1 : E18_SETS); ++i) {
        cp_add(x, &e18_cp, e18_n[i], 1, seeds);
        for (size_t s = 0; s < seeds.n && !ex_published(x); ++s)
            ex_num(ex_add(x, "bounds", seeds.at[s]), "n", e18_n[i]);
    }
    if (ex_published(x) || ex_quick(x)) return;
    for (size_t s = 0; s < seeds.n; ++s) ex_num(ex_add(x, "long", seeds.at[s]), "n", 200);
    for (size_t i = 0; i < EX_LEN(e18_more_n); ++i)
        for (size_t s = 0; s < 6; ++s)
            ex_num(ex_add(x, "samples", (double)(1000 * (i + 1) + s)), "n", e18_more_n[i]);
}

/* ---- runs ----------------------------------------------------------------------------------- */

/* lambda_max at a list of steps, and Theorem 6 there if asked for. */
typedef struct e18_watch {
    clb_curv      curv;
    const size_t *at;
    size_t        n, k;
    double *top, *gauss_newton, *jtj, *published, *corrected, *q_max,
        *q_mean; /* the last six or NULL */
    clb_status    status;
} e18_watch;

static clb_verdict e18_observe(void *context, const clb_state *state)
{
    e18_watch *w = (e18_watch *)context;
    clb_compression c;
    if (w->k == w->n || state->t != w->at[w->k]) return CLB_CONTINUE;
    if (w->k == 0) w->status = clb_curv_init(&w->curv, state->pass);
    if (!w->status) clb_curv_at(&w->curv, NULL);
    if (!w->status && w->jtj) {
        w->status = clb_compression_bounds(&w->curv, &c);
        w->top[w->k] = c.hessian, w->gauss_newton[w->k] = c.gauss_newton, w->jtj[w->k] = c.jtj;
        w->published[w->k] = c.published, w->corrected[w->k] = c.corrected;
        w->q_max[w->k] = c.q_max, w->q_mean[w->k] = c.q_mean;
    } else if (!w->status) w->status = clb_sharpness(&w->curv, NULL, &w->top[w->k], NULL);
    ++w->k;
    return w->status || w->k == w->n ? CLB_STOP : CLB_CONTINUE;
}

static clb_status e18_watched(ex_row *row, const size_t *at, size_t n, int bounds)
{
    e18_watch w = { .at = at, .n = n, .top = ex_space(row, n) };
    clb_observer ob = { e18_observe, &w, 0, at, n, 0 };
    clb_train_opts how = { .ce = CLB_CE, .observers = &ob, .observer_count = 1 };
    clb_problem_opts opts = { .n = (size_t)ex_get(row, "n") };
    clb_trace tr;
    clb_status status;
    if (bounds) {
        w.gauss_newton = ex_space(row, n), w.jtj = ex_space(row, n), w.published = ex_space(row, n);
        w.corrected = ex_space(row, n), w.q_max = ex_space(row, n), w.q_mean = ex_space(row, n);
    }
    status = clb_problem_run(&opts, (uint64_t)row->seed, cp_track_eta, at[n - 1], &how, &tr);
    if (status == CLB_OK) clb_trace_free(&tr);
    clb_curv_free(&w.curv);
    ex_array(row, "lambda_max", n, w.top);
    if (!bounds) return status ? status : w.status;
    ex_array(row, "gauss_newton", n, w.gauss_newton), ex_array(row, "jtj", n, w.jtj);
    ex_array(row, "published_bound", n, w.published),
        ex_array(row, "corrected_bound", n, w.corrected);
    ex_array(row, "q_max", n, w.q_max), ex_array(row, "q_mean", n, w.q_mean);
    return status ? status : w.status;
}

static clb_status e18_run(ex *x, ex_row *row)
{
    static const size_t ends[] = { 0, 1000 };
    if (ex_is(row, "bounds")) return e18_watched(row, e18_at, E18_N, 1);
    if (ex_is(row, "long")) return e18_watched(row, e18_long, E18_LONG, 0);
    if (ex_is(row, "samples")) return e18_watched(row, ends, 2, 0);
    return cp_run(x, row, &e18_cp);
}

/* ---- tables --------------------------------------------------------------------------------- */

typedef struct e18_found {
    double    top[E18_SETS][E18_N], q[E18_SETS][E18_N], R[E18_SETS][E18_N], best[E18_SETS];
    clb_decay decay[E18_SETS];
    clb_fit   power[E18_SETS];               /* ln lambda_max on ln t, t >= 100 */
    double    aic_power[E18_SETS], aic_exponential[E18_SETS], aic_hyperbola[E18_SETS];
    size_t    points, broken_gn, broken_h, broken_corrected;
} e18_found;

/* The three laws of decay, compared in ln lambda_max over t >= 50. */
static void e18_laws(e18_found *v, size_t i, const double *t)
{
    size_t n = E18_N - 1;
    const double *y = v->top[i] + 1;
    clb_fit p = clb_fit_power(n, t + 1, y, 0), e = clb_fit_exponential(n, t + 1, y, 0, EX_INF);
    clb_decay h = clb_fit_hyperbola(n, t + 1, y);
    v->decay[i] = clb_fit_decay_published(E18_N, t, v->top[i], 0.9);
    v->power[i] = clb_fit_power(E18_N - 2, t + 2, v->top[i] + 2, 0);
    v->aic_power[i] = clb_aic(n, p.rss, 2), v->aic_exponential[i] = clb_aic(n, e.rss, 2);
    v->aic_hyperbola[i] = clb_aic(n, h.rss, 2);
}

static void e18_set(ex *x, e18_found *v, size_t i)
{
    const char *filter = ex_print(x, "n=%.0f", e18_n[i]);
    const char *file = ex_print(x, "ce_hessian_evolution/config.json#analysis/%.0f", e18_n[i]);
    double t[E18_N], p[E18_ETAS], m[E18_ETAS];
    size_t best = 0;
    ex_row *fit;
    for (size_t k = 0; k < E18_N; ++k) {
        const char *at = ex_print(x, "%s/quality_per_checkpoint/%zu", file, e18_at[k]);
        ex_row *line = ex_line(x, ex_print(x, "n = %.0f", e18_n[i]));
        cp_means(x, &e18_cp, filter, e18_at[k], p, m);
        t[k] = (double)e18_at[k];
        v->top[i][k] = cp_mean_at(x, "max", filter, k),
        v->q[i][k] = cp_mean_at(x, "mean_correct_prob", filter, k);
        v->R[i][k] = cp_R(&e18_cp, p, m, 0);
        if (v->R[i][k] > v->R[i][best]) best = k;
        ex_nums(line, "t lambda_max lambda_max_t mean_correct_prob R",
                EX_VALUES(t[k], v->top[i][k], v->top[i][k] * t[k], v->q[i][k], v->R[i][k]));
        ex_ref(line, "t", EX_EXACT, 0, "%s/checkpoint", at);
        ex_ref(line, "R", EX_FIT, 2e-5, "%s/prediction_R", at);
        ex_ref(line, "lambda_max", EX_STABLE, 2e-5, "%s/mean_max_eig", at);
        ex_ref(line, "mean_correct_prob", EX_STABLE, 1e-5, "%s/mean_correct_prob", at);
        ex_ref(line, "lambda_max", EX_STABLE, 2e-5, "%s/max_eigenvalues/%zu", file, k);
        ex_ref(line, "mean_correct_prob", EX_STABLE, 1e-5, "%s/mean_correct_probs/%zu", file, k);
        ex_ref(line, "t", EX_EXACT, 0, "%s/checkpoints/%zu", file, k);
    }
    v->best[i] = t[best];
    e18_laws(v, i, t);
    fit = ex_line(x, "decay");
    ex_num(fit, "n", e18_n[i]), ex_num(fit, "compression", v->top[i][0] / v->top[i][E18_N - 1]);
    ex_num(fit, "b", 1 / v->decay[i].tau), ex_num(fit, "a", v->decay[i].a),
        ex_num(fit, "c", v->decay[i].c);
    ex_num(fit, "r2", v->decay[i].r2), ex_num(fit, "slope_t100", v->power[i].slope);
    ex_num(fit, "aic_power", v->aic_power[i]),
        ex_num(fit, "aic_exponential", v->aic_exponential[i]);
    ex_num(fit, "aic_hyperbola", v->aic_hyperbola[i]), ex_num(fit, "t_star", v->best[i]),
        ex_num(fit, "R_star", v->R[i][best]);
    ex_ref(fit, "b", EX_STABLE, 1e-4, "%s/decay_fit/b", file),
        ex_ref(fit, "a", EX_STABLE, 1e-4, "%s/decay_fit/a", file);
    ex_ref(fit, "c", EX_STABLE, 1e-4, "%s/decay_fit/c", file),
        ex_ref(fit, "r2", EX_FIT, 1e-4, "%s/decay_fit/r2", file);
    ex_ref(fit, "t_star", EX_EXACT, 0, "%s/optimal_checkpoint", file),
        ex_ref(fit, "R_star", EX_FIT, 2e-5, "%s/optimal_R", file);
    for (size_t k = 0; k < E18_ETAS; ++k)
        cp_ref_train(x, filter, e18_eta[k],
                     ex_print(x, "ce_hessian_evolution/results.json#%.0f/actual_measurements/%s",
                              e18_n[i], ex_key(x, e18_eta[k])));
}

/* Theorem 6 at every checkpoint: how often lambda_max passes the printed bound, and the one with
 * the factor 2. */
static void e18_bounds(ex *x, e18_found *v)
{
    for (size_t i = 0; i < ex_runs(x); ++i) {
        ex_row *row = ex_run_at(x, i), *line;
        ex_list h = ex_get_array(row, "lambda_max"), gn = ex_get_array(row, "gauss_newton");
        ex_list pub = ex_get_array(row, "published_bound"),
                cor = ex_get_array(row, "corrected_bound");
        if (!ex_is(row, "bounds") || gn.n != E18_N) continue;
        line = ex_line(x, "Theorem 6");
        ex_num(line, "n", ex_get(row, "n")), ex_num(line, "seed", row->seed);
        for (size_t k = 0; k < E18_N; ++k) {
            ++v->points;
            v->broken_gn += gn.at[k] > pub.at[k], v->broken_h += h.at[k] > pub.at[k];
            v->broken_corrected += !(gn.at[k] <= cor.at[k] * (1 + 1e-10));
        }
        ex_num(line, "gauss_newton_0", gn.at[0]), ex_num(line, "published_0", pub.at[0]),
            ex_num(line, "corrected_0", cor.at[0]);
        ex_num(line, "gauss_newton_1000", gn.at[E18_N - 1]),
            ex_num(line, "published_1000", pub.at[E18_N - 1]);
        ex_num(line, "corrected_1000", cor.at[E18_N - 1]);
    }
}

/* The 1/t law beyond the paper's last checkpoint. */
static void e18_long_lines(ex *x)
{
    for (size_t k = 0; k < E18_LONG && ex_find(x, "part=long"); ++k) {
        ex_row *line = ex_line(x, "long run, n = 200");
        double sum = 0, rows = 0;
        for (size_t i = 0; i < ex_runs(x); ++i) {
            ex_list v = ex_get_array(ex_run_at(x, i), "lambda_max");
            if (ex_is(ex_run_at(x, i), "long") && v.n == E18_LONG) sum += v.at[k], rows += 1;
        }
        ex_nums(line, "t lambda_max lambda_max_t",
                EX_VALUES((double)e18_long[k], sum / rows, sum / rows * (double)e18_long[k]));
    }
}

/* Compression between t = 0 and 1000 with other seeds at every n. */
static double e18_samples(ex *x, double *spread)
{
    double lo = EX_INF, hi = 0, inside = 0;
    for (size_t i = 0; i < EX_LEN(e18_more_n); ++i) {
        double end[16];
        size_t n = 0;
        ex_row *line;
        for (size_t k = 0; k < ex_runs(x) && n < 16; ++k)
            if (ex_matches(ex_run_at(x, k), ex_print(x, "part=samples n=%.0f", e18_more_n[i])) &&
                ex_get_array(ex_run_at(x, k), "lambda_max").n == 2)
                end[n++] = ex_get_array(ex_run_at(x, k), "lambda_max").at[1];
        if (!n) return EX_NAN;
        line = ex_line(x, "seeds of their own");
        ex_num(line, "n", e18_more_n[i]), ex_num(line, "lambda_max_1000", clb_mean(n, end));
        ex_num(line, "std_over_seeds", clb_std(n, end)), ex_num(line, "runs", (double)n);
        lo = fmin(lo, clb_mean(n, end)), hi = fmax(hi, clb_mean(n, end)),
        inside = fmax(inside, clb_std(n, end));
    }
    *spread = inside;
    return hi - lo;
}

static void e18_ledger(ex *x, const e18_found *v)
{
    const char *file = "ce_hessian_evolution/config.json";
    ex_list none = { 0, NULL };
    ex_ref_config(x, file, 3, none, CP_T);
    for (size_t i = 0; i < ex_runs(x); ++i) {
        static const char *const q[] = { "mean_correct_prob", "min_correct_prob",
                                         "max_correct_prob", "softmax_eig_bound", "accuracy" };
        ex_row *row = ex_run_at(x, i);
        const char *path = ex_print(x, "ce_hessian_evolution/results.json#%.0f/hessian_seed_%.0f",
                                    ex_get(row, "n"), row->seed);
        if (!ex_is(row, "track")) continue;
        cp_ref_track(x, &e18_cp, row, path);
        for (size_t k = 0; k < E18_N; ++k)
            for (size_t j = 0; j < EX_LEN(q); ++j)
                cp_ref_element(x, row, q[j], k, j == 4 ? EX_NOISE : EX_STABLE, j == 4 ? 1e-6 : 2e-5,
                               ex_print(x, "%s/%zu/softmax_stats/%s", path, e18_at[k], q[j]));
    }
    for (size_t k = 0; k < E18_N; ++k)
        ex_ref_value(x, (double)e18_at[k], EX_EXACT, 0, "%s#checkpoints/%zu", file, k);
    for (size_t k = 0; k < E18_ETAS; ++k)
        ex_ref_value(x, e18_eta[k], EX_EXACT, 0, "%s#eval_lrs/%zu", file, k);
    for (size_t k = 0; k < E18_SETS; ++k)
        ex_ref_value(x, e18_n[k], EX_EXACT, 0, "%s#n_train_values/%zu", file, k);
    ex_ref_value(x, cp_track_eta, EX_EXACT, 0, "%s#train_lr", file),
        ex_ref_value(x, 64, EX_EXACT, 0, "%s#hidden", file);
    ex_ref_value(x, 20, EX_EXACT, 0, "%s#input_dim", file),
        ex_ref_value(x, 5, EX_EXACT, 0, "%s#output_dim", file);
    ex_ref_none(x, EX_FOREIGN, "wall time", "%s#total_time_seconds", file);
    for (size_t k = 0; k < E18_SETS; ++k) {
        ex_ref_value(x, e18_n[k], EX_EXACT, 0, "%s#t_star_scaling/n_train_values/%zu", file, k);
        ex_ref_value(x, v->best[k], EX_EXACT, 0, "%s#t_star_scaling/t_star_values/%zu", file, k);
    }
    ex_ref_value(x, clb_fit_linear(E18_SETS, e18_n, v->best).slope, EX_EXACT, 0,
                 "%s#t_star_scaling/linear_slope", file);
    ex_ref_value(x, clb_fit_linear(E18_SETS, e18_n, v->best).intercept, EX_EXACT, 0,
                 "%s#t_star_scaling/linear_intercept", file);
    ex_ref_value(x, 0, EX_EXACT, 0, "%s#t_star_scaling/linear_R",
                 file); /* of a constant, by their convention */
}

/* ---- verdicts and figure -------------------------------------------------------------------- */

static void e18_verdicts(ex *x, const e18_found *v)
{
    double c[E18_SETS], spread = 0, range, slope[E18_SETS], late = EX_NAN, least;
    double advantage = EX_NAN;
    int zero = 1;
    for (size_t i = 0; i < E18_SETS; ++i) {
        c[i] = v->top[i][0] / v->top[i][E18_N - 1], slope[i] = v->power[i].slope;
        advantage = fmin(advantage, v->aic_exponential[i] - v->aic_power[i]);
        zero &= !(v->best[i] > 0);
        if (i) late = fmax(late, fabs(v->top[i][E18_N - 1] / v->top[0][E18_N - 1] - 1));
    }
    range = e18_samples(x, &spread), least = clb_summarize(E18_SETS, c).min;
    ex_printed(ex_summary(x, "compression", c[1]), 24);
    ex_num(ex_summary(x, "slope_t100", slope[1]), "expected", -1);
    ex_claim(x, "lambda_max is compressed 24 times", "24x (7.2 to 0.3 over 2000 steps)",
             ex_print(x, "%.1f, %.1f, %.1f for n = 100, 200, 400", c[0], c[1], c[2]),
             "reproduced if the least compression > 23.5; qualified if it is > 20. Between t = 0 "
             "and t = 1000, the last checkpoint; the 2000 of the paper is a misquotation.",
             EX_VALUES(least, least));
    ex_claim(x, "the decay is exponential", "exponential, R^2 = 0.82 .. 0.84",
             ex_print(x,
                      "log-log slope for t >= 100: %.3f, %.3f, %.3f; AIC power law %.0f, "
                      "exponential %.0f (n = 200)",
                      slope[0], slope[1], slope[2], v->aic_power[1], v->aic_exponential[1]),
             "reproduced if AIC favours the power law over the exponential by <= 10 at some n. "
             "Residuals that obey r' ~ -r^2 decay as 1/t, those of r' ~ -r exponentially.",
             EX_VALUES(advantage));
    ex_claim(x, "the compression does not depend on n", "n-independent",
             ex_print(x, "lambda_max(1000) differs by %.0f %%%s", 100 * late,
                      isnan(range) ? ""
                                   : ex_print(x,
                                              "; with other seeds at every n the means span %.3f, "
                                              "one seed's std is %.3f",
                                              range, spread)),
             "reproduced if lambda_max(1000) differs by < 10 %; qualified if by < 30 %. Weights "
             "and class centres are shared between the n.",
             EX_VALUES(100 * late, 100 * late));
    if (v->points)
        ex_claim(x, "eq. (7) bounds lambda_max", "holds",
                 ex_print(x,
                          "Gauss-Newton passes it at %zu of %zu points, the Hessian at %zu; twice "
                          "the constant: %zu",
                          v->broken_gn, v->points, v->broken_h, v->broken_corrected),
                 "reproduced if points where Gauss-Newton passes it = 0 and where the Hessian does "
                 "= 0; qualified if points beyond twice the constant = 0. lambda_max(diag p - p "
                 "p^T) is up to twice max p_k(1-p_k).",
                 EX_VALUES((double)v->broken_gn, (double)v->broken_h, (double)v->broken_corrected));
    ex_claim(x, "the best Hessian is taken at t* ~ n", "t* scaling asked for",
             ex_print(x, "t* = %.0f, %.0f, %.0f", v->best[0], v->best[1], v->best[2]),
             "reproduced if the best Hessian is not the first one at every n", EX_VALUES(!zero));
}

static void e18_figure(ex *x, const e18_found *v)
{
    double t[E18_N], y[E18_N], guide[E18_N];
    plot *p = plot_new(x, "decay", 3, 1);
    plot_panel *a = plot_add(p, "Largest eigenvalue", "step t", "lambda_max", PLOT_LOG);
    plot_panel *b = plot_add(p, "Times t", "step t", "lambda_max t", PLOT_LOGX);
    plot_panel *c =
        plot_add(p, "Theorem 6, n = 200, seed 42", "step t", "eigenvalue, bound", PLOT_LOG);
    ex_row *row = ex_find(x, "part=bounds n=200 seed=42");
    for (size_t k = 0; k < E18_N; ++k) {
        t[k] = (double)e18_at[k], guide[k] = 300 / fmax(t[k], 1);
        y[k] = v->decay[1].a * clb_exp(-t[k] / v->decay[1].tau) + v->decay[1].c;
    }
    plot_line(a, PLOT_GREY | PLOT_DASHED, E18_N - 1, t + 1, guide + 1, "300/t");
    plot_line(a, PLOT_RED | PLOT_DOTTED, E18_N - 1, t + 1, y + 1, "published exponential");
    for (size_t i = 0; i < E18_SETS; ++i) {
        for (size_t k = 0; k < E18_N; ++k) y[k] = v->top[i][k] * t[k];
        plot_points(a, (int)i, E18_N - 1, t + 1, v->top[i] + 1, ex_print(x, "n = %.0f", e18_n[i]));
        plot_line(b, (int)i, E18_N - 1, t + 1, y + 1, ex_print(x, "n = %.0f", e18_n[i]));
    }
    if (row && ex_get_array(row, "gauss_newton").n == E18_N) {
        plot_line(c, PLOT_RED | PLOT_DASHED, E18_N - 1, t + 1,
                  ex_get_array(row, "published_bound").at + 1, "as printed");
        plot_line(c, PLOT_GREEN | PLOT_DASHED, E18_N - 1, t + 1,
                  ex_get_array(row, "corrected_bound").at + 1, "twice");
        plot_points(c, PLOT_BLUE, E18_N - 1, t + 1, ex_get_array(row, "gauss_newton").at + 1,
                    "Gauss-Newton lambda_max");
    }
    plot_save(p, "The cross-entropy Hessian shrinks like 1/t for every n.");
}

static void e18_captions(ex *x)
{
    static const char *const list[][2] = {
        { "decay",
          "Compression lambda_max(0)/lambda_max(1000); a exp(-b t) + c as published; log-log slope "
          "from t = 100; AIC of three laws; best Hessian t_star" },
        { "n = 100",
          "n = 100: largest eigenvalue at step t, times t, mean softmax probability of the label, "
          "R of the prediction from there" },
        { "n = 200",
          "n = 200: largest eigenvalue at step t, times t, mean softmax probability of the label, "
          "R of the prediction from there" },
        { "n = 400",
          "n = 400: largest eigenvalue at step t, times t, mean softmax probability of the label, "
          "R of the prediction from there" },
        { "measured, n=100", "n = 100: measured S and drift" },
        { "measured, n=200", "n = 200: measured S and drift" },
        { "measured, n=400", "n = 400: measured S and drift" },
        { "Theorem 6",
          "Largest Gauss-Newton eigenvalue against the bound of eq. (7) as printed and with twice "
          "the constant, at t = 0 and 1000" },
        { "long run, n = 200", "Up to 8000 steps, n = 200: means over the seeds" },
        { "seeds of their own", "lambda_max(1000) where every n has seeds of its own" },
    };
    ex_captions(x, list, EX_LEN(list));
}

static void e18_finish(ex *x)
{
    e18_found v;
    memset(&v, 0, sizeof v);
    for (size_t i = 0; i < E18_SETS; ++i)
        if (ex_find(x, "part=track n=%.0f", e18_n[i])) e18_set(x, &v, i);
        else {
            for (size_t k = 0; k < E18_N; ++k) v.top[i][k] = EX_NAN;
            v.power[i].slope = v.aic_power[i] = v.aic_exponential[i] = v.best[i] = EX_NAN;
        }
    e18_bounds(x, &v);
    e18_long_lines(x);
    e18_verdicts(x, &v);
    e18_figure(x, &v);
    e18_ledger(x, &v);
    e18_captions(x);
}

static const ex_info e18 = { "E18",
                             "ce_hessian",
                             "Cross-entropy Hessian evolution",
                             "Theorem 6",
                             "24x compression, n-independent",
                             "compression",
                             e18_plan,
                             e18_run,
                             e18_finish,
                             NULL };
EX_MAIN(e18)
