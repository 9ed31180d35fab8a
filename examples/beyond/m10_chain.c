/* M10, beyond the paper: one chain of three unequal layers at the critical step size.
 *   cc -O2 -DCLB_STATIC -o chain examples/beyond/m10_chain.c -lm && ./chain                  (1 s)
 * Three numbers u_l from 0.5, 0.8, 1.1 towards the product 1, 200000 steps of gradient descent at
 * six step sizes up to 2/3, where eta times the sharpness of three equal numbers, 3, is 2. Charges
 * u_{l+1}^2 - u_l^2; the flow conserves both. The rule was written after the first runs. */
#define CLB_IMPLEMENTATION
#include "../../clb.h"
#include "../kit/kit.h"
#include "../kit/pathways.h"

static const double etas[] = { .1, .3, .6, .64, .66, 2.0 / 3 };
enum { ETAS = KIT_LEN(etas), CRITICAL = ETAS - 1, BELOW = 2, T = 200000 };

typedef struct chain { double eta;  double eta_lambda, r;  kit_list gap0, gap, u; } chain;
static const kit_field chain_fields[] = {
    KIT_KEY(chain, eta), KIT_RESULT(chain, eta_lambda), KIT_RESULT(chain, r),
    KIT_RESULT_ARRAY(chain, gap0), KIT_RESULT_ARRAY(chain, gap), KIT_RESULT_ARRAY(chain, u),
};

/* gap[l]: charge between layers l + 1 and l + 2. */
static void look(const clb_paths *paths, double u[3], double gap[2])
{
    for (size_t l = 0; l < 3; ++l) u[l] = (double)*clb_paths_layer(paths, 0, l + 1);
    for (size_t l = 0; l < 2; ++l) gap[l] = u[l + 1] * u[l + 1] - u[l] * u[l];
}

static clb_status run_chain(kit *x, void *run)
{
    static const double begin[3] = { .5, .8, 1.1 };
    static const clb_real one = 1;
    chain *row = run;
    size_t depth = 3;
    double u[3], gap0[2], gap[2], a, b, c;
    clb_paths paths;
    clb_status status = clb_paths_init_linear(&paths, 1, &depth, 1, &one);
    if (status) return status;
    for (size_t l = 0; l < 3; ++l) *clb_paths_layer(&paths, 0, l + 1) = (clb_real)begin[l];
    look(&paths, u, gap0);
    status = clb_paths_train(&paths, row->eta, T, NULL, NULL, NULL);
    look(&paths, u, gap);
    a = u[1] * u[2], b = u[0] * u[2], c = u[0] * u[1];
    row->eta_lambda = row->eta * (a * a + b * b + c * c), row->r = u[0] * u[1] * u[2] - 1;
    row->gap0 = kit_keep(x, 2, gap0), row->gap = kit_keep(x, 2, gap), row->u = kit_keep(x, 3, u);
    clb_paths_free(&paths);
    return status;
}

static const kit_part chains = KIT_PART("chain", "one chain of unequal layers", chain, run_chain);

static void plan(kit *x)
{
    for (size_t k = kit_quick(x) ? CRITICAL : 0; k < ETAS; ++k)
        kit_add(x, &chains, &(chain){ .eta = etas[k] });
}

/* What is left of gap l at step size k. */
static double left(kit *x, size_t k, size_t l)
{
    kit_rows at = kit_where(kit_part_runs(x, &chains), KIT_AT(chain, eta), etas[k]);
    return kit_mean_element(at, KIT_AT(chain, gap), l)
           / kit_mean_element(at, KIT_AT(chain, gap0), l);
}

static void report(kit *x)
{
    kit_table *t = KIT_TABLE(x, "chain",
                             "One chain with unequal layers: sharpness and residual at the end, "
                             "and what is left of the two charges",
                             "eta", "eta_lambda", "r", "first_charge_left", "second_charge_left");
    kit_claim *c = kit_ours(x, "close", "At the critical step size the charges of a chain go to 0; "
                                        "at smaller ones most of them is left.");
    plot *p = kit_figure(x, "chain", 1, 1);
    plot_panel *a = plot_add(p, "One chain of three layers", "learning rate eta",
                             "share of the charge left", PLOT_LINEAR);
    kit_rows runs = kit_part_runs(x, &chains);
    double first[ETAS], second[ETAS];
    for (size_t k = 0; k < ETAS; ++k) first[k] = left(x, k, 0), second[k] = left(x, k, 1);
    for (size_t i = 0; i < runs.n; ++i) {
        const chain *r = runs.at[i];
        KIT_LINE(t, r->eta, r->eta_lambda, r->r, r->gap.at[0] / r->gap0.at[0],
                 r->gap.at[1] / r->gap0.at[1]);
    }
    kit_statement(c, "largest share left at eta = 2/3", fmax(first[CRITICAL], second[CRITICAL]),
                  kit_at_most(0.05));
    kit_statement(c, "least share left for eta up to 0.6", fmin(first[BELOW], second[BELOW]),
                  kit_at_least(0.5));
    plot_points(a, PLOT_BLUE, ETAS, etas, first, "first charge");
    plot_points(a, PLOT_ORANGE | PLOT_TRIANGLE, ETAS, etas, second, "second charge");
    plot_vertical(a, 2.0 / 3, "critical");
    plot_caption(p, "What is left of the two charges of a chain of three numbers after 200000 "
                    "steps.");
}

static const kit_info info = {
    .id = "M10_chain", .title = "One chain of unequal layers", .beyond = "M10",
    .statement = "beyond conservation laws", .plan = plan, .report = report,
};
KIT_MAIN(info)
