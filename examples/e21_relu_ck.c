/* E21  Mode coefficients of ReLU nets: does the linear formula carry over?                Theorem 5
 *   cc -O2 -DCLB_STATIC -o e21 examples/e21_relu_ck.c -lm && ./e21                          (10 s)
 * Setup   2-layer ReLU net without bias, squared loss, d = 20, m = 64, K = 5, mixture of n = 200;
 *         500 steps of gradient descent at four learning rates, three seeds; measured at the end.
 * Measure c_k = (v_k . g)^2 for every eigenvector v_k of the Hessian, g the gradient.
 * Theory  that of the linear net W_2 diag(a) W_1, a_h the share of samples on which neuron h is
 *         active: lx_k^2 |W_eff u_k - A u_k|^2 in the modes u_k of the inputs' covariance (E20).
 * Compare both lists are sorted; R is the correlation of the logarithms of their 20 largest. Then
 *         the share of gates that switch in one more step, towards a zero target as published.
 * Paper   R > 0.80 at all eta "including the edge of stability"; switch rate below 0.1 %
 * Beyond  beyond/e21_by_index.c: the same matched mode by mode, and up to the edge. */
#define CLB_IMPLEMENTATION
#include "../clb.h"
#include "kit/kit.h"

enum { T = 500, ETAS = 4 };
static const double etas[ETAS] = { 0.0005, 0.001, 0.003, 0.01 };
typedef struct trained {
    double seed, lr;
    modes_results of;
    double final_loss, active_fraction, total_switches, switch_rate, phase;
} trained;
#define AT(member) KIT_AT(trained, member)
static const kit_field trained_fields[] = {
    KIT_KEY(trained, seed), KIT_KEY(trained, lr), MODES_FIELDS(trained, of),
    KIT_RESULT(trained, final_loss), KIT_RESULT(trained, active_fraction),
    KIT_RESULT(trained, total_switches), KIT_RESULT(trained, switch_rate),
    KIT_RESULT(trained, phase),
};

static clb_status measure(kit *x, void *run)
{
    trained *row = run;
    paper_problem p;
    clb_trace tr;
    clb_status status = paper_problem_init(&p, NULL, row->seed);
    if (status) return status;
    if (!(status = kit_train(&p.net, &p.data, row->lr, kit_quick(x) ? 50 : T, NULL, &tr))) {
        row->final_loss = tr.loss[tr.T - 1], clb_trace_free(&tr);
        status = modes_of_relu(x, &row->of, &p.net, &p.data, NULL, &row->active_fraction);
        if (!status) status = modes_zero_switches(&p, row->lr, &row->total_switches);
        row->switch_rate = row->total_switches / (double)(p.data.n * p.net.m[1]);
        row->phase = clb_phase(row->lr, row->of.lambda_max);
    }
    paper_problem_free(&p);
    return status;
}
static const kit_part sweep = KIT_PART("sweep", "Coefficients after 500 steps", trained, measure);

static void plan(kit *x)
{
    kit_list seeds = kit_seeds(x, kit_quick(x) ? 1 : 3), lrs = kit_lrs(x, etas, ETAS);
    kit_config(x, "n_steps", T);
    for (size_t i = 0; i < lrs.n; ++i)
        for (size_t s = 0; s < seeds.n; ++s)
            kit_add(x, &sweep, &(trained){ .seed = seeds.at[s], .lr = lrs.at[i] });
}

/* ---- what follows from the runs ------------------------------------------------------------- */

typedef struct found {
    double   R[64], rate[64], least_run, rank, slope, phase;
    kit_list seeds[64], rates[64];      /* R and switch rate of each seed, by eta */
    size_t   etas;
} found;
/* The least over eta of the mean R of the seeds drawn. */
static double least_R(void *context, size_t n, const uint32_t *index)
{
    found *f = context;
    double least = KIT_INF;
    for (size_t i = 0; i < f->etas; ++i)
        least = fmin(least, kit_mean_of_drawn(&f->seeds[i], n, index));
    return least;
}

static void rates_table(kit *x, kit_list lrs, found *f)
{
    kit_table *t = KIT_TABLE(x, "rates", "By eta, means over the seeds: R of the sorted lists, of "
                             "lists that know nothing, and the slope of their logarithms; gates "
                             "that switch in the next step; phase = eta lambda_max/2", "lr",
                             "mean_ck_correlation", "std_ck_correlation", "mean_switch_rate",
                             "n_valid_seeds", "R_one_over_rank", "R_geometric", "log_slope",
                             "total_switches", "phase");
    for (size_t i = 0; i < lrs.n; ++i) {
        kit_rows r = kit_published(kit_where(kit_part_runs(x, &sweep), AT(lr), lrs.at[i]));
        kit_list R = kit_values(r, AT(of.ck_correlation));
        double rank = kit_mean(r, AT(of.R_one_over_rank)), phase = kit_mean(r, AT(phase));
        double slope = kit_mean(r, AT(of.log_slope));
        f->seeds[i] = R, f->rates[i] = kit_values(r, AT(switch_rate)), f->etas = i + 1;
        f->R[i] = clb_mean(R.n, R.at), f->rate[i] = kit_mean(r, AT(switch_rate));
        f->least_run = fmin(f->least_run, clb_summarize(R.n, R.at).min);
        f->rank += rank / (double)lrs.n;
        f->slope = fmax(f->slope, slope), f->phase = fmax(f->phase, phase);
        KIT_LINE(t, lrs.at[i], f->R[i], clb_std_pop(R.n, R.at), f->rate[i], (double)R.n, rank,
                 kit_mean(r, AT(of.R_geometric)), slope, kit_mean(r, AT(total_switches)), phase);
    }
}

static void claims(kit *x, found *f, size_t n)
{
    double least = clb_summarize(n, f->R).min, rate = 100 * clb_summarize(n, f->rate).max;
    kit_claim *c = kit_paper(x, "R", "R exceeds 0.80 at all learning rates.",
                             "0.804, 0.896, 0.894, 0.857");
    kit_summary_item *item = kit_summary_of_seeds(x, "R_least", f->seeds[0].n, least_R, f);
    item->value = least, kit_printed(item, 0.80);
    kit_summary_pearson(x, "R_vs_switch", (kit_pair){ n, f->seeds, f->rates },
                        clb_pearson(n, f->R, f->rate));
    kit_number(c, "least mean R", least, kit_within(0.804, 0.002));
    kit_statement(c, "least mean R", least, kit_above(0.8));
    kit_statement(c, "least R of a single run", f->least_run, kit_above(0.8));
    kit_condition(c, "for the mean over the seeds", "least mean R", least, kit_above(0.8));
    kit_remark(c, "Both lists are sorted first, and any two falling lists correlate.");
    c = kit_paper(x, "R_validates", "R validates the formula.", "used so");
    kit_statement(c, "least mean R less that of the list 1, 1/2, 1/3, ...", least - f->rank,
                  kit_above(0));
    kit_statement(c, "largest slope of ln measured against ln theory", f->slope,
                  kit_within(1, 0.3));
    kit_remark(c, "Both lists are sorted first, as in E20.");
    c = kit_paper(x, "edge", "The range of learning rates includes the edge of stability.",
                  "stated");
    kit_statement(c, "largest eta lambda_max/2 (1 is the edge)", f->phase, kit_above(0.9));
    c = kit_paper(x, "switch_rate", "Fewer than 0.1 % of the gates switch in a step.", "< 0.1 %");
    kit_statement(c, "largest mean switch rate", rate, kit_in_units(kit_below(0.1), "%"));
    kit_remark(c, "Measured, as published, in a step towards the target zero.");
}

static void figure(kit *x, kit_list lrs, const found *f)
{
    kit_rows all = kit_part_runs(x, &sweep);
    const trained *row = all.at[0];
    kit_list theory = row->of.ck_theory_top, measured = row->of.ck_empirical_top;
    double *phase = kit_means(all, AT(phase), AT(lr), lrs),
           *rank = kit_means(all, AT(of.R_one_over_rank), AT(lr), lrs);
    plot *p = kit_figure(x, "modes", 2, 1);
    const char *name = kit_print(x, "Sorted lists, eta = %g, seed %.0f", row->lr, row->seed);
    plot_panel *a = plot_add(p, name, "theory, share of the sum", "measured, share of the sum",
                             PLOT_LOG);
    plot_points(a, PLOT_BLUE, theory.n, theory.at, measured.at, "matched by rank");
    plot_line(a, PLOT_GREY | PLOT_DASHED, theory.n, theory.at, theory.at, "proportional");
    a = plot_add(p, "Distance to the edge", "eta lambda_max / 2 after 500 steps", "R", PLOT_LOGX);
    plot_points(a, PLOT_BLUE, lrs.n, phase, f->R, "theory");
    plot_line(a, PLOT_GREY | PLOT_DASHED, lrs.n, phase, rank, "1/rank instead of theory");
    plot_range_x(a, 0.002, 1.5), plot_vertical(a, 1, "edge");
    plot_caption(p, "Any falling list scores a high R, and no learning rate of the experiment is "
                    "near the edge of stability.");
}

static void report(kit *x)
{
    kit_list lrs = kit_lrs(x, etas, ETAS);
    found f = { .least_run = KIT_INF };
    if (lrs.n > KIT_LEN(f.R)) lrs.n = KIT_LEN(f.R);
    rates_table(x, lrs, &f), claims(x, &f, lrs.n);
    if (kit_part_runs(x, &sweep).n) figure(x, lrs, &f);
}

static const kit_info info = {
    .id = "E21", .title = "ReLU c_k validation", .statement = "Theorem 5",
    .key_result = "R > 0.80 at all eta", .plan = plan, .report = report, };
KIT_MAIN(info)
