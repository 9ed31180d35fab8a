/* E20  Mode coefficients of linear nets: c_k ~ e_k(0)^2 lx_k^2?                  Theorem 5, eq. (5)
 *   cc -O2 -DCLB_STATIC -o e20 examples/e20_linear_ck.c -lm && ./e20                         (3 s)
 * Setup   2-layer linear net without bias, squared loss, d = 20, m = 64, K = 5, mixture of n = 200;
 *         nothing is trained: everything is measured at the initialisation of three seeds.
 * Measure c_k = (v_k . g)^2 for every eigenvector v_k of the Hessian, g the gradient.
 * Theory  for every eigenvector u_k of the inputs' covariance X^T X/n, eigenvalue lx_k:
 *         t_k = lx_k^2 |W_2 W_1 u_k - A u_k|^2,  A = Y^T X/n.
 * Compare both lists are sorted; R is the correlation of the logarithms of their 20 largest.
 * Paper   R = 0.847, mean over the seeds
 * Beyond  beyond/e20_corrected.c: the right coefficients, matched mode by mode. */
#define CLB_IMPLEMENTATION
#include "../clb.h"
#include "kit/kit.h"

typedef struct comparison { double seed; modes_results of; } comparison;
static const kit_field comparison_fields[] = { KIT_KEY(comparison, seed),
                                               MODES_FIELDS(comparison, of) };

static clb_status compare(kit *x, void *run)
{
    comparison *row = run;
    paper_opts opts = { .net = { .activation = CLB_IDENTITY } };
    paper_problem p;
    clb_linear_modes theory;
    clb_status status = paper_problem_init(&p, &opts, row->seed);
    if (status) return status;
    if (!(status = clb_linear_modes_init(&theory, &p.net, &p.data))) {
        status = modes_compare(x, &row->of, &p.net, &p.data, &theory, 0);
        clb_linear_modes_free(&theory);
    }
    paper_problem_free(&p);
    return status;
}

static const kit_part modes =
    KIT_PART("modes", "Measured and theoretical coefficients", comparison, compare);

static void plan(kit *x)
{
    kit_list seeds = kit_seeds(x, kit_quick(x) ? 1 : 3);
    for (size_t s = 0; s < seeds.n; ++s) kit_add(x, &modes, &(comparison){ .seed = seeds.at[s] });
}

static void claims(kit *x, kit_rows rows)
{
    double R = kit_mean(rows, KIT_AT(comparison, of.ck_correlation)),
           rank = kit_mean(rows, KIT_AT(comparison, of.R_one_over_rank)),
           slope = kit_mean(rows, KIT_AT(comparison, of.log_slope));
    kit_summary_item *item =
        kit_summary_mean(x, "R", kit_values(rows, KIT_AT(comparison, of.ck_correlation)));
    kit_claim *c = kit_paper(x, "R", "The correlation R = 0.847 shows that the coefficients are "
                             "c_k ~ e_k^2 lx_k^2.", "R = 0.847");
    kit_printed(item, 0.847);
    kit_number(c, "R", R, kit_within(0.847, 0.044)); /* half the range of 90 % of groups of seeds */
    kit_statement(c, "R less that of the list 1, 1/2, 1/3, ..., which knows nothing of the net",
                  R - rank, kit_above(0));
    kit_remark(c, "Both lists were sorted first, and any two falling lists correlate.");
    c = kit_paper(x, "proportional", "The measured coefficients are proportional to the theory.",
                  "proportional");
    kit_statement(c, "slope of ln measured against ln theory", slope, kit_within(1, 0.1));
}

static void figure(kit *x, kit_rows rows)
{
    const comparison *row = rows.at[0];
    kit_list theory = row->of.ck_theory_top, measured = row->of.ck_empirical_top;
    double rank[MODES_TOP], sum = 0;
    plot *p = kit_figure(x, "modes", 2, 1);
    plot_panel *a = plot_add(p, kit_print(x, "Sorted lists, seed %.0f", row->seed),
                             "theory, share of the sum", "measured, share of the sum", PLOT_LOG);
    plot_points(a, PLOT_BLUE, theory.n, theory.at, measured.at, "matched by rank");
    plot_line(a, PLOT_GREY | PLOT_DASHED, theory.n, theory.at, theory.at, "proportional");
    for (size_t k = 0; k < MODES_TOP; ++k) sum += 1 / (double)(k + 1);
    for (size_t k = 0; k < MODES_TOP; ++k) rank[k] = 1 / (double)(k + 1) / sum;
    a = plot_add(p, "Against the rank alone", "1/rank, share of the sum",
                 "measured, share of the sum", PLOT_LOG);
    plot_points(a, PLOT_ORANGE, measured.n, rank, measured.at, "matched by rank");
    plot_caption(p, "Sorting makes any two lists agree: 1, 1/2, 1/3, ... fits the measured "
                    "coefficients better than the theory does.");
}

static void report(kit *x)
{
    kit_rows rows = kit_published(kit_part_runs(x, &modes));
    kit_table *t =
        KIT_TABLE(x, "correlations",
                  "Per seed: R of the sorted lists, of lists that know nothing, and the slope of "
                  "their logarithms",
                  "seed", "ck_correlation", "R_one_over_rank", "R_geometric", "log_slope");
    for (size_t i = 0; i < rows.n; ++i) {
        const comparison *row = rows.at[i];
        const modes_results *r = &row->of;
        KIT_LINE(t, row->seed, r->ck_correlation, r->R_one_over_rank, r->R_geometric, r->log_slope);
    }
    claims(x, rows);
    if (rows.n) figure(x, rows);
}

static const kit_info info = {
    .id = "E20", .title = "Linear c_k validation", .statement = "Theorem 5, eq. (5)",
    .key_result = "R = 0.847", .plan = plan, .report = report,
};
KIT_MAIN(info)
