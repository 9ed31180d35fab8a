/* E25  Where the prediction of the drift at the edge fails, and what decides it.  docs/edge.md, E24
 *   cc -O2 -DCLB_STATIC -o e25 examples/beyond/e25_edge_limits.c -lm && ./e25                (30 s)
 * Setup   20-24-5 and 20-16-16-16-5, mixture of n = 100 with separation 0.5; 600 steps of size eta
 *         = f (threshold of the optimiser at eta = 1)/lambda_max(H_0): below 1 the edge comes
 *         later, by sharpening; two f a setting, six seeds. Squared loss and ReLU unless the name
 *         says otherwise. Not every setting gets there: column oscillation_share.
 * Measure predicted over measured sum of |drift| over the charges; the same with halved substeps;
 *         gradient descent: also predicted from the onset, the first two iterates after four steps
 *         in a row whose gradients turn back. Chaos: by how much the drift of a run from theta_0 (1
 *         + 1e-12) differs.
 * Rules   written after short trials and a run with four substeps a step (this one has two, as
 *         E24). A run that diverges, or its prediction, is left out and counted. error = |ln
 *         (predicted/measured)|: median at most 10 % where chaos is below 5 %; rank correlation of
 *         error and chaos at least 0.5; from the onset at most half as large; heavy ball at most
 *         twice gradient descent's. */
#define CLB_IMPLEMENTATION
#include "../../clb.h"
#include "../kit/kit.h"

enum { T = 600, TURNS = 4, MOST_CHARGES = 3 };
static const struct setting {
    const char    *name;
    clb_optimizer  optimizer;
    double         beta, ce, degree;
    size_t         L;
    double         f[2];
} settings[] = {
    { "gradient descent", CLB_GD, 0, CLB_MSE, 1, 2, { 0.5, 1.5 } },
    { "cross entropy", CLB_GD, 0, CLB_CE, 1, 2, { 0.5, 1.5 } },
    { "cubic units", CLB_GD, 0, CLB_MSE, 3, 2, { 0.5, 1.5 } },
    { "heavy ball 0.5", CLB_HEAVY_BALL, 0.5, CLB_MSE, 1, 2, { 0.3, 0.6 } },
    { "heavy ball 0.9", CLB_HEAVY_BALL, 0.9, CLB_MSE, 1, 2, { 0.1, 0.3 } },
    { "deep", CLB_GD, 0, CLB_MSE, 1, 4, { 0.1, 0.3 } },
    { "deep, heavy ball 0.5", CLB_HEAVY_BALL, 0.5, CLB_MSE, 1, 4, { 0.1, 0.2 } },
};

typedef struct edge_case {
    double seed, f, setting;
    double eta, measured, error, signed_error, error_halved, error_onset, chaos, oscillation_share,
        lost;
} edge_case;
#define AT(member) KIT_AT(edge_case, member)
static const kit_field edge_case_fields[] = {
    KIT_KEY(edge_case, seed), KIT_KEY(edge_case, f), KIT_KEY(edge_case, setting),
    KIT_RESULT(edge_case, eta), KIT_RESULT(edge_case, measured), KIT_RESULT(edge_case, error),
    KIT_RESULT(edge_case, signed_error), KIT_RESULT(edge_case, error_halved),
    KIT_RESULT(edge_case, error_onset), KIT_RESULT(edge_case, chaos),
    KIT_RESULT(edge_case, oscillation_share), KIT_RESULT(edge_case, lost),
};

/* Two iterates in a row, the first ones after TURNS gradients in a row that turn back. */
typedef struct onset {
    size_t    P, turns, t;
    int       found;                    /* iterates kept */
    clb_real *last, *theta[2];
} onset;

static clb_verdict watch(void *context, const clb_state *state)
{
    onset *o = context;
    if (o->found == 2) return CLB_CONTINUE;
    o->turns = state->t && clb_dot(o->P, o->last, state->grad) < 0 ? o->turns + 1 : 0;
    memcpy(o->last, state->grad, o->P * sizeof *o->last);
    if (!o->found && o->turns < TURNS) return CLB_CONTINUE;
    if (!o->found) o->t = state->t;
    memcpy(o->theta[o->found++], state->net->theta, o->P * sizeof *o->last);
    return CLB_CONTINUE;
}

static void onset_init(kit *x, onset *o, size_t P)
{
    memset(o, 0, sizeof *o);
    o->P = P, o->last = (clb_real *)kit_new(&x->arena, 3 * P, sizeof *o->last);
    o->theta[0] = o->last + P, o->theta[1] = o->theta[0] + P;
}

static double law(const clb_trace *tr, size_t l, size_t t) { return clb_trace_law(tr, l, t); }

/* From the onset: mean charge of two iterates then and at the end. */
static clb_status from_onset(edge_case *row, const paper_problem *p, const clb_rod_opts *how,
                             const onset *o, const clb_trace *tr)
{
    clb_rod_opts opts = *how;
    clb_rod rod;
    double measured = 0, predicted = 0;
    clb_status status;
    if (o->found < 2 || o->t + 50 > T || how->optimizer != CLB_GD) return CLB_OK;
    opts.second = o->theta[1];
    if ((status = clb_rod_init(&rod, &p->net, &p->data, row->eta, o->theta[0], &opts)) != CLB_OK)
        return status;
    status = clb_rod_run(&rod, T - 1 - o->t, NULL, 0);
    for (size_t l = 1; l < p->net.L; ++l) {
        measured += fabs(law(tr, l, T) + law(tr, l, T - 1) - law(tr, l, o->t)
                         - law(tr, l, o->t + 1)) / 2;
        predicted += fabs(clb_rod_charge(&rod, l).iterates);
    }
    if (!status) row->error_onset = fabs(clb_log(predicted / measured));
    clb_rod_free(&rod);
    return status;
}

/* Sum over the charges of |drift| of a training of a copy of the net, its weights times 1 +
 * nudge. */
static clb_status drift_of(edge_case *row, const paper_problem *p, clb_train_opts *how,
                           double nudge, clb_trace *tr)
{
    clb_net net;
    clb_status status = clb_net_copy(&net, &p->net);
    if (status) return status;
    for (size_t i = 0; i < net.P; ++i) net.theta[i] *= (clb_real)(1 + nudge);
    status = clb_train(&net, &p->data, row->eta, T, how, tr);
    clb_net_free(&net);
    return status;
}
static double total(const clb_trace *tr)
{
    double sum = 0;
    for (size_t l = 1; l < tr->L; ++l) sum += fabs(clb_trace_law_drift(tr, l));
    return sum;
}

static clb_status compare(kit *x, edge_case *row, const paper_problem *p, const clb_rod_opts *rod)
{
    clb_train_opts how = { .ce = rod->ce, .optimizer = rod->optimizer, .beta1 = rod->beta };
    onset o;
    clb_observer look = { .call = watch, .context = &o, .every = 1 };
    clb_trace tr, twin;
    clb_edge e;
    clb_status status = drift_of(row, p, &how, sizeof(clb_real) == 4 ? 1e-6 : 1e-12, &twin);
    if (!status || status == CLB_EDIVERGED) row->chaos = total(&twin), clb_trace_free(&twin);
    if (status) return status;
    onset_init(x, &o, p->net.P), how.observers = &look, how.observer_count = 1;
    status = drift_of(row, p, &how, 0, &tr);
    if (!status) status = clb_edge_predict(&p->net, &p->data, row->eta, T, rod, 0, &e);
    if (!status) {
        double predicted = 0, halved = 0, oscillation = 0;
        row->measured = total(&tr), row->chaos = fabs(row->chaos / row->measured - 1);
        for (size_t l = 0; l + 1 < tr.L; ++l)
            predicted += fabs(e.drift[l]), halved += fabs(e.halved[l]),
                oscillation += fabs(tr.oscillation[l]);
        row->signed_error = clb_log(predicted / row->measured),
        row->error = fabs(row->signed_error);
        row->error_halved = fabs(clb_log(halved / row->measured));
        row->oscillation_share = oscillation / row->measured;
        status = from_onset(row, p, rod, &o, &tr);
    }
    if (!status || status == CLB_EDIVERGED) clb_edge_free(&e);
    clb_trace_free(&tr);
    return status;
}

static clb_status run_case(kit *x, void *run)
{
    edge_case *row = run;
    const struct setting *s = &settings[(size_t)row->setting];
    paper_opts opts = { .n = 100, .m = s->L > 2 ? 16 : 24, .L = s->L, .separation = 0.5 };
    clb_rod_opts rod = { .ce = s->ce, .optimizer = s->optimizer, .beta = s->beta, .substeps = 2 };
    paper_problem p;
    double top;
    clb_status status;
    if (s->degree > 1) opts.net.activation = CLB_RELU_POWER, opts.net.param = s->degree;
    if ((status = paper_problem_init(&p, &opts, row->seed)) != CLB_OK) return status;
    status = paper_sharpness(&p, s->ce, &top, NULL);
    row->eta = row->f * clb_stability_threshold(s->optimizer, 1, s->beta) / top;
    if (!status) status = compare(x, row, &p, &rod);
    row->lost = status == CLB_EDIVERGED;
    paper_problem_free(&p);
    return status == CLB_EDIVERGED ? CLB_OK : status;
}
static const kit_part runs = KIT_PART("runs", "Settings at the edge and near it", edge_case,
                                      run_case);

static void plan(kit *x)
{
    kit_list seeds = kit_seeds(x, kit_quick(x) ? 1 : 6);
    kit_config(x, "T", T);
    for (size_t k = 0; k < KIT_LEN(settings); ++k)
        for (size_t i = 0; i < (kit_quick(x) ? 1 : 2); ++i)
            for (size_t s = 0; s < seeds.n; ++s)
                kit_add(x, &runs, &(edge_case){ .seed = seeds.at[s], .f = settings[k].f[i],
                                                .setting = (double)k });
}

/* Quantile of a member over the runs in which it was measured. */
static double quantile(kit_rows rows, kit_at at, double q)
{
    kit_list v = kit_values(rows, at);
    double *sorted = kit_doubles(rows.x, v.n);
    size_t n = 0;
    for (size_t i = 0; i < v.n; ++i)
        if (isfinite(v.at[i])) sorted[n++] = v.at[i];
    clb_sort(n, sorted);
    return clb_quantile_sorted(n, sorted, q);
}

/* From the onset against from the start, on the same runs: those in which an onset was found. */
static void claim_onset(kit *x, kit_rows kept)
{
    kit_rows both = kit_between(kept, AT(error_onset), 0, KIT_INF);
    kit_list start = kit_values(both, AT(error)), later = kit_values(both, AT(error_onset));
    double *ratio = kit_doubles(x, both.n), worse = 0;
    kit_claim *c = kit_ours(x, "onset", "Most of the error is when the edge is entered: from the "
                            "onset it is less than half.");
    for (size_t i = 0; i < both.n; ++i)
        ratio[i] = later.at[i] / start.at[i], worse += ratio[i] > 1;
    kit_statement(c, "median error from the onset over that from the start, gradient descent",
                  quantile(both, AT(error_onset), 0.5) / quantile(both, AT(error), 0.5),
                  kit_at_most(0.5));
    kit_show(c, "runs", (double)both.n), kit_show(c, "of them worse from the onset", worse);
    kit_show(c, "median of the ratio of a run", clb_median(both.n, ratio));
    kit_remark(c, "Both medians are over the runs in which an onset was found, corrected after the "
               "run: before, the errors from the start were those of plain gradient descent.");
    kit_needs(c, 6, 0);
}

static void report(kit *x)
{
    kit_rows all = kit_part_runs(x, &runs), kept = kit_where(all, AT(lost), 0),
             calm = kit_between(kept, AT(chaos), 0, 0.05), gd = kit_where(kept, AT(setting), 0);
    kit_list error = kit_values(kept, AT(error)), chaos = kit_values(kept, AT(chaos));
    kit_table *t = KIT_TABLE(x, "settings", "Predicted over measured drift: quartiles; error, its "
                             "|ln|: median and largest, and median with halved substeps and from "
                             "the onset; chaos, the spread of the drift itself: median", "setting",
                             "f", "runs", "lost", "lower_quartile", "median", "upper_quartile",
                             "median_error", "largest_error", "halved", "onset", "chaos",
                             "oscillation_share");
    plot *p = kit_figure(x, "limits", 1, 1);
    plot_panel *a = plot_add(p, "What decides the error",
                             "spread of the drift itself: runs 1e-12 apart",
                             "error |ln (predicted/measured)|", PLOT_LOG);
    static const int styles[] = { PLOT_BLUE, PLOT_ORANGE, PLOT_GREY };
    kit_claim *c = kit_ours(x, "calm",
                            "Where two runs 1e-12 apart agree to 5 %, the drift is predicted.");
    double momentum = 0;
    for (size_t k = 0; k < KIT_LEN(settings); ++k) {
        kit_rows of = kit_where(kept, AT(setting), (double)k);
        kit_list u = kit_values(of, AT(chaos)), w = kit_values(of, AT(error));
        int style = styles[settings[k].optimizer ? 1 : k ? 2 : 0] | PLOT_SMALL;
        for (size_t i = 0; i < 2; ++i) {
            double f = settings[k].f[i], quartile[3];
            kit_rows r = kit_where(of, AT(f), f);
            double planned = (double)kit_where(kit_where(all, AT(setting), (double)k), AT(f), f).n;
            kit_text(t, settings[k].name);
            for (int q = 0; q < 3; ++q)
                quartile[q] = clb_exp(quantile(r, AT(signed_error), 0.25 * (q + 1)));
            KIT_CELLS(t, f, planned, planned - (double)r.n, quartile[0], quartile[1], quartile[2],
                      quantile(r, AT(error), 0.5), quantile(r, AT(error), 1),
                      quantile(r, AT(error_halved), 0.5),
                      settings[k].optimizer || !kit_between(r, AT(error_onset), 0, KIT_INF).n
                          ? KIT_NONE : quantile(r, AT(error_onset), 0.5),
                      quantile(r, AT(chaos), 0.5), quantile(r, AT(oscillation_share), 0.5));
        }
        if (settings[k].optimizer) momentum = kit_worse(momentum, quantile(of, AT(error), 0.5));
        plot_points(a, style, u.n, u.at, w.at,
                    k == 0 ? "gradient descent" : k == 1 ? "cross entropy, cubic, deep"
                    : k == 3 ? "heavy ball" : NULL);
    }
    kit_statement(c, "median error", 100 * quantile(calm, AT(error), 0.5),
                  kit_in_units(kit_at_most(10), "%"));
    kit_show(c, "largest error, %", 100 * quantile(calm, AT(error), 1));
    kit_needs(c, 6, 0);
    c = kit_ours(x, "chaos", "Chaos of the run decides the error of the prediction.");
    kit_statement(c, "rank correlation of error and spread",
                  clb_spearman(error.n, error.at, chaos.at), kit_at_least(0.5));
    kit_needs(c, 6, 0);
    claim_onset(x, kept);
    c = kit_ours(x, "heavy_ball", "Heavy ball is predicted as well as gradient descent.");
    kit_statement(c, "its largest median error over that of gradient descent",
                  momentum / quantile(gd, AT(error), 0.5), kit_at_most(2));
    kit_show(c, "median error of gradient descent, %", 100 * quantile(gd, AT(error), 0.5));
    kit_needs(c, 6, 0);
    plot_caption(p, "Error of the predicted drift against the spread of the drift between two runs "
                    "whose starts differ by 1e-12, every run.");
}

static const kit_info info = {
    .id = "E25", .title = "Where the prediction at the edge fails",
    .statement = "Beyond Theorem 4: docs/edge.md", .key_result = "", .plan = plan, .report = report,
};
KIT_MAIN(info)
