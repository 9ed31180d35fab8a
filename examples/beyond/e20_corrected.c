/* E20, beyond the paper: the mode coefficients of linear nets, corrected and matched mode by mode.
 *   cc -O2 -DCLB_STATIC -o corrected examples/beyond/e20_corrected.c -lm && ./corrected      (1 s)
 * The error of a mode is measured against the regression target, r_k = (W_2 W_1 Sigma - A) u_k, and
 * its imbalance d_k = (2/K)^2 (|r_k|^2 |W_1 u_k|^2 - |W_2^T r_k|^2) is compared with |r_k|^2, mode
 * by mode, without sorting. The theory has one common factor, (2/K)^2 (m - d)/(3 d), and no fit.
 * "modes": the three seeds of E20, with S of two runs of 2000 steps predicted from d_k.
 * "kappa": the relative imbalance kappa_0 = (|G_2|^2 - |G_1|^2)/|G|^2 at the initialisation of 50
 * seeds, for seven widths; the theory says (m - d)/(m + d). */
#define CLB_IMPLEMENTATION
#include "../../clb.h"
#include "../kit/kit.h"

static const double widths[] = { 8, 16, 20, 24, 32, 64, 128 }, etas[2] = { 1e-3, 1e-2 };
enum { WIDTHS = KIT_LEN(widths), T = 2000, SIGNAL = 5, DRAWS = 50 };

typedef struct matched {
    double seed;
    double matched_log_R, matched_R, matched_log_R_published_target, matched_p;
    double ratio_lo, ratio_hi, ratio_theory, delta0, delta0_predicted, sum_d_over_delta0;
    double S_ratio_small, S_ratio_large;
    kit_list d_k, c_k;
} matched;
static const kit_field matched_fields[] = {
    KIT_KEY(matched, seed),
    KIT_RESULT(matched, matched_log_R),
    KIT_RESULT(matched, matched_R),
    KIT_RESULT(matched, matched_log_R_published_target),
    KIT_RESULT(matched, matched_p),
    KIT_RESULT(matched, ratio_lo),
    KIT_RESULT(matched, ratio_hi),
    KIT_RESULT(matched, ratio_theory),
    KIT_RESULT(matched, delta0),
    KIT_RESULT(matched, delta0_predicted),
    KIT_RESULT(matched, sum_d_over_delta0),
    KIT_RESULT(matched, S_ratio_small),
    KIT_RESULT(matched, S_ratio_large),
    KIT_RESULT_ARRAY(matched, d_k),
    KIT_RESULT_ARRAY(matched, c_k),
};
typedef struct draw { double seed, width, kappa; } draw;
static const kit_field draw_fields[] = { KIT_KEY(draw, seed), KIT_KEY(draw, width),
                                         KIT_RESULT(draw, kappa) };

/* |G_2|^2 - |G_1|^2 and |G_1|^2 + |G_2|^2 at the net's theta. */
static clb_status imbalance(const paper_problem *p, double *delta, double *energy)
{
    kit_arena arena = { NULL };
    clb_real *grad = kit_new(&arena, p->net.P, sizeof *grad);
    clb_pass pass;
    clb_status status = clb_pass_init(&pass, &p->net, &p->data, CLB_MSE);
    if (!status) {
        double g1, g2;
        clb_grad(&pass, NULL, grad);
        g1 = clb_weight_sumsq(&p->net, grad, 1), g2 = clb_weight_sumsq(&p->net, grad, 2);
        *delta = g2 - g1, *energy = g1 + g2;
        clb_pass_free(&pass);
    }
    kit_arena_free(&arena);
    return status;
}

/* S of a run from the modes, sum_k d_k geo((1 - eta rate_k)^2, T), over S measured. */
static clb_status predict(paper_problem *p, const clb_linear_modes *m, double eta, double *ratio)
{
    double S = 0;
    clb_net net;
    clb_trace tr;
    clb_status status = clb_net_copy(&net, &p->net);
    if (status) return status;
    status = kit_train(&net, &p->data, eta, T, NULL, &tr);
    clb_net_free(&net);
    if (status) return status;
    for (size_t k = 0; k < m->d; ++k) {
        double rho = 1 - eta * m->rate[k];
        S += m->d_k[k] * clb_geo(rho * rho, T);
    }
    *ratio = S / tr.S[0];
    clb_trace_free(&tr);
    return CLB_OK;
}

static void match(kit *x, matched *row, const clb_linear_modes *m)
{
    double sum = 0, weight = 0;
    row->ratio_lo = KIT_INF, row->ratio_hi = -KIT_INF;
    for (size_t k = 0; k < m->d; ++k) {
        sum += m->d_k[k], weight += m->c_k[k];
        if (k >= SIGNAL) continue;
        row->ratio_lo = fmin(row->ratio_lo, m->d_k[k] / m->c_k[k]);
        row->ratio_hi = fmax(row->ratio_hi, m->d_k[k] / m->c_k[k]);
    }
    row->d_k = kit_keep(x, m->d, m->d_k), row->c_k = kit_keep(x, m->d, m->c_k);
    row->matched_log_R = clb_pearson_log(m->d, m->d_k, m->c_k, 0, 0);
    row->matched_R = clb_pearson(m->d, m->d_k, m->c_k);
    row->matched_log_R_published_target = clb_pearson_log(m->d, m->d_k, m->c_published, 0, 0);
    row->matched_p = modes_permutation_p(m->d, m->d_k, m->c_k, 20);
    row->ratio_theory = m->factor, row->sum_d_over_delta0 = sum / row->delta0;
    row->delta0_predicted = m->factor * weight;
}

static clb_status run_modes(kit *x, void *run)
{
    matched *row = run;
    paper_opts opts = { .net = { .activation = CLB_IDENTITY } };
    paper_problem p;
    clb_linear_modes m;
    double energy;
    clb_status status = paper_problem_init(&p, &opts, row->seed);
    if (status) return status;
    status = imbalance(&p, &row->delta0, &energy);
    if (!status && !(status = clb_linear_modes_init(&m, &p.net, &p.data))) {
        match(x, row, &m);
        status = predict(&p, &m, etas[0], &row->S_ratio_small);
        if (!status) status = predict(&p, &m, etas[1], &row->S_ratio_large);
        clb_linear_modes_free(&m);
    }
    paper_problem_free(&p);
    return status;
}

static clb_status run_draw(kit *x, void *run)
{
    draw *row = run;
    paper_opts opts = { .m = (size_t)row->width, .net = { .activation = CLB_IDENTITY } };
    paper_problem p;
    double delta = 0, energy = 1;
    clb_status status = paper_problem_init(&p, &opts, row->seed);
    (void)x;
    if (status) return status;
    status = imbalance(&p, &delta, &energy);
    row->kappa = delta / energy;
    paper_problem_free(&p);
    return status;
}

static const kit_part modes =
    KIT_PART("modes", "Coefficients matched mode by mode", matched, run_modes);
static const kit_part kappa =
    KIT_PART("kappa", "Relative imbalance of the first step", draw, run_draw);

static void plan(kit *x)
{
    kit_list seeds = kit_seeds(x, kit_quick(x) ? 1 : 3);
    for (size_t s = 0; s < seeds.n; ++s) kit_add(x, &modes, &(matched){ .seed = seeds.at[s] });
    for (size_t k = 0; k < WIDTHS && !kit_quick(x); ++k)
        for (size_t s = 1; s <= DRAWS; ++s)
            kit_add(x, &kappa, &(draw){ .seed = (double)s, .width = widths[k] });
}

static void modes_table(kit *x, kit_rows rows)
{
    kit_table *t =
        KIT_TABLE(x, "modes",
                  "Per seed: R of the logarithms mode by mode with its permutation p, the common "
                  "ratio d_k / |r_k|^2 over the five signal modes, and S predicted over S measured",
                  "seed", "matched_log_R", "matched_R", "matched_log_R_published_target",
                  "matched_p", "ratio_lo", "ratio_hi", "ratio_theory", "delta0", "delta0_predicted",
                  "sum_d_over_delta0", "S_ratio_0.001", "S_ratio_0.01");
    for (size_t i = 0; i < rows.n; ++i) {
        const matched *r = rows.at[i];
        KIT_LINE(t, r->seed, r->matched_log_R, r->matched_R, r->matched_log_R_published_target,
                 r->matched_p, r->ratio_lo, r->ratio_hi, r->ratio_theory, r->delta0,
                 r->delta0_predicted, r->sum_d_over_delta0, r->S_ratio_small, r->S_ratio_large);
    }
}

/* The largest distance of the mean kappa_0 from the theory; NaN: no runs. */
static double kappa_table(kit *x, double *mean, double *theory)
{
    kit_table *t = KIT_TABLE(x, "kappa_0 over widths",
                             "kappa_0 at the start, mean over 50 seeds, against (m-d)/(m+d)",
                             "width", "kappa", "stderr", "theory");
    double worst = KIT_NAN;
    for (size_t k = 0; k < WIDTHS; ++k) {
        kit_rows r = kit_where(kit_part_runs(x, &kappa), KIT_AT(draw, width), widths[k]);
        kit_list v = kit_values(r, KIT_AT(draw, kappa));
        mean[k] = clb_mean(v.n, v.at), theory[k] = (widths[k] - 20) / (widths[k] + 20);
        if (!v.n) continue;
        KIT_LINE(t, widths[k], mean[k], clb_stderr(v.n, v.at), theory[k]);
        worst = k ? kit_worse(worst, fabs(mean[k] - theory[k])) : fabs(mean[k] - theory[k]);
    }
    return worst;
}

static void claims(kit *x, kit_rows rows, double worst_kappa)
{
    kit_list log_R = kit_values(rows, KIT_AT(matched, matched_log_R)),
             p = kit_values(rows, KIT_AT(matched, matched_p));
    kit_claim *c =
        kit_ours(x, "matched", "The corrected coefficients agree with the theory mode by mode.");
    kit_statement(c, "least R of the logarithms", clb_summarize(log_R.n, log_R.at).min,
                  kit_above(0.99));
    kit_show(c, "largest permutation p", clb_summarize(p.n, p.at).max);
    kit_remark(c, "The correction: error against the regression target, and the layer imbalance of "
                  "the mode instead of its energy.");
    c = kit_ours(x, "sign", "The imbalance changes its sign at m = d: kappa_0 = (m - d)/(m + d).");
    kit_statement(c, "largest distance of the mean of kappa_0 over 50 seeds from that", worst_kappa,
                  kit_below(0.1));
    kit_needs(c, 0, 0);
    kit_remark(c, "The paper has c_k > 0 always; by this law the drift can be negative.");
    c = kit_ours(x, "S",
                 "S(eta) of a whole run follows from the modes of the data, without a fit.");
    kit_statement(c, "S predicted / measured at eta = 0.01",
                  kit_mean(rows, KIT_AT(matched, S_ratio_large)), kit_within(1, 0.1));
    kit_show(c, "S predicted / measured at eta = 0.001",
             kit_mean(rows, KIT_AT(matched, S_ratio_small)));
    kit_remark(c, "The layers' norms are frozen and cross terms between modes left out.");
}

static void figure(kit *x, kit_rows rows, const double *mean, const double *theory)
{
    const matched *r = rows.at[0];
    double *line = kit_doubles(x, r->c_k.n);
    plot *p = kit_figure(x, "modes", 2, 1);
    plot_panel *a = plot_add(p, kit_print(x, "Mode by mode, seed %.0f", r->seed),
                             "|r_k|^2 = lx_k^2 |e_k|^2", "imbalance d_k", PLOT_LOG);
    for (size_t k = 0; k < r->c_k.n; ++k) line[k] = r->ratio_theory * r->c_k.at[k];
    plot_line(a, PLOT_GREY | PLOT_DASHED, r->c_k.n, r->c_k.at, line, "theory, no fit");
    plot_points(a, PLOT_BLUE, r->c_k.n, r->c_k.at, r->d_k.at, "matched by index");
    a = plot_add(p, "Sign of the imbalance", "width m", "kappa_0", PLOT_LOGX);
    plot_points(a, PLOT_BLUE, WIDTHS, widths, mean, "mean over 50 seeds");
    plot_line(a, PLOT_ORANGE | PLOT_DASHED, WIDTHS, widths, theory, "(m - d)/(m + d)");
    plot_caption(p, "The corrected coefficients agree mode by mode, and the imbalance changes its "
                    "sign where the width equals the number of inputs.");
}

static void report(kit *x)
{
    kit_rows rows = kit_published(kit_part_runs(x, &modes));
    double mean[WIDTHS], theory[WIDTHS], worst;
    modes_table(x, rows);
    worst = kappa_table(x, mean, theory);
    claims(x, rows, worst);
    if (rows.n) figure(x, rows, mean, theory);
}

static const kit_info info = {
    .id = "E20_corrected",
    .title = "Mode coefficients, corrected",
    .statement = "Theorem 5, eq. (5)",
    .beyond = "E20",
    .plan = plan,
    .report = report,
};
KIT_MAIN(info)
