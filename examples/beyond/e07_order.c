/* Beyond E7  Sign and size of the drift under momentum and Adam.
 *   cc -O2 -DCLB_STATIC -o order examples/beyond/e07_order.c -lm && ./order                 (15 s)
 * Setup   the net of E7, T = 2000. Adam at ten rates, five seeds; momentum with beta = 0, 0.5, 0.9,
 *         0.99 at the same eta/(1-beta), three seeds; Adam with eps from 1e-8 to 100 (for eps >= 1
 *         with eta/eps = 0.001), which turns it into momentum descent, three seeds.
 * Theory  heavy ball conserves C' = C - 2 eta beta D + eta^2 d(V'), D = <W_2,V_2> - <W_1,V_1>, and
 *         drifts (1+beta)/(1-beta) times as much as descent at eta/(1-beta). */
#define CLB_IMPLEMENTATION
#include "../../clb.h"
#include "../kit/kit.h"

enum { T = 2000, T_QUICK = 300, N = 10, BETAS = 4, RATES = 5, EPS = 5 };
static const double grid_adam[N] = { 1e-5, 3e-5, 1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 0.05, 0.1 };
static const double betas[BETAS] = { 0, 0.5, 0.9, 0.99 };
static const double effective[RATES] = { 1e-3, 3e-3, 1e-2, 3e-2, 0.1 };        /* eta/(1-beta) */
static const double eps[EPS] = { 1e-8, 1e-4, 1e-2, 1, 100 };

/* ---- one run -------------------------------------------------------------------------------- */

typedef struct training {
    double seed, lr, beta, eps;
    double drift, signed_drift, first, law_error, final_loss;
} training;
#define AT(member) KIT_AT(training, member)
static const kit_field training_fields[] = {
    KIT_KEY(training, seed), KIT_KEY(training, lr), KIT_KEY(training, beta),
    KIT_KEY(training, eps), KIT_RESULT(training, drift), KIT_RESULT(training, signed_drift),
    KIT_RESULT(training, first), KIT_RESULT(training, law_error),
    KIT_RESULT(training, final_loss),
};

static clb_status train(kit *x, training *row, clb_optimizer optimizer)
{
    clb_train_opts how = { .ce = CLB_CE, .optimizer = optimizer, .eps = row->eps,
                           .beta1 = row->beta > 0 ? row->beta : -1 };
    clb_trace tr;
    clb_status status =
        paper_train(NULL, row->seed, row->lr, kit_quick(x) ? T_QUICK : T, &how, &tr);
    if (status) return status;
    row->signed_drift = clb_trace_drift(&tr, 1), row->drift = fabs(row->signed_drift);
    row->first = tr.first[0], row->law_error = fabs(row->signed_drift - tr.predicted[0]);
    row->final_loss = tr.loss[tr.T - 1];
    clb_trace_free(&tr);
    return CLB_OK;
}
static clb_status run_adam(kit *x, void *run) { return train(x, run, CLB_ADAM); }
static clb_status run_momentum(kit *x, void *run) { return train(x, run, CLB_HEAVY_BALL); }

static const kit_part adam = KIT_PART("adam", "Adam at ten rates", training, run_adam);
static const kit_part momentum = KIT_PART("beta", "momentum", training, run_momentum);
static const kit_part damped = KIT_PART("eps", "Adam with other eps", training, run_adam);

static void plan(kit *x)
{
    kit_list five = kit_seeds(x, kit_quick(x) ? 1 : 5), three = kit_seeds(x, kit_quick(x) ? 1 : 3);
    for (size_t i = 0; i < N; ++i)
        for (size_t s = 0; s < five.n; ++s)
            kit_add(x, &adam, &(training){ .seed = five.at[s], .lr = grid_adam[i], .beta = 0.9,
                                           .eps = 1e-8 });
    for (size_t s = 0; s < three.n; ++s) {
        for (size_t b = 0; b < BETAS; ++b)
            for (size_t i = 0; i < RATES; ++i)
                kit_add(x, &momentum, &(training){ .seed = three.at[s], .eps = 1e-8,
                        .lr = effective[i] * (1 - betas[b]), .beta = betas[b] });
        for (size_t e = 0; e < EPS; ++e)
            kit_add(x, &damped, &(training){ .seed = three.at[s], .beta = 0.9, .eps = eps[e],
                                             .lr = 1e-3 * (eps[e] < 1 ? 1 : eps[e]) });
    }
}

/* ---- what follows from the runs ------------------------------------------------------------- */

static double mean_drift(kit *x, double beta, double lr)
{
    kit_rows rows = kit_where(kit_part_runs(x, &momentum), AT(beta), beta);
    return kit_mean(kit_where(rows, AT(lr), lr), AT(drift));
}

/* drift(beta, eta) / drift(0, eta/(1-beta)); the largest error of the theory up to 0.01. */
static double momentum_table(kit *x, double ratio[BETAS][RATES])
{
    kit_table *t = KIT_TABLE(x, "momentum", "Drift of momentum at eta/(1-beta) over that of "
                             "descent, against (1+beta)/(1-beta)", "beta", "lr_effective", "ratio",
                             "theory");
    double worst = 0;
    for (size_t b = 1; b < BETAS; ++b)
        for (size_t i = 0; i < RATES; ++i) {
            double theory = (1 + betas[b]) / (1 - betas[b]);
            ratio[b][i] = mean_drift(x, betas[b], effective[i] * (1 - betas[b]))
                          / mean_drift(x, 0, effective[i]);
            KIT_LINE(t, betas[b], effective[i], ratio[b][i], theory);
            if (isnan(ratio[b][i])) worst = KIT_NAN;
            else if (effective[i] <= 0.01) worst = fmax(worst, fabs(ratio[b][i] / theory - 1));
        }
    return worst;
}

static void eps_table(kit *x)
{
    kit_table *t = KIT_TABLE(x, "Adam and its eps", "Adam and its eps", "eps", "signed_drift",
                             "first_part", "final_loss");
    for (size_t e = 0; e < EPS; ++e) {
        kit_rows rows = kit_where(kit_part_runs(x, &damped), AT(eps), eps[e]);
        KIT_LINE(t, eps[e], kit_mean(rows, AT(signed_drift)), kit_mean(rows, AT(first)),
                 kit_mean(rows, AT(final_loss)));
    }
}

static void claims(kit *x, double worst)
{
    double up = 0;
    kit_claim *c;
    for (size_t i = 0; i < N; ++i) {
        kit_rows rows = kit_where(kit_part_runs(x, &adam), AT(lr), grid_adam[i]);
        double drift = kit_mean(kit_published(rows), AT(signed_drift));
        up = isnan(drift) ? KIT_NAN : up + (drift > 0);
    }
    c = kit_ours(x, "sign", "Under Adam C decreases, W_1 grows faster: the opposite of descent.");
    kit_statement(c, "number of rates of ten with a positive mean drift", up, kit_equal(0));
    kit_summary(x, "rates_with_positive_drift", up);
    c = kit_ours(x, "factor", "Momentum drifts (1+beta)/(1-beta) times as much as descent at "
                 "eta/(1-beta), for eta/(1-beta) up to 0.01.");
    kit_statement(c, "largest error of the factor", 100 * worst, kit_in_units(kit_below(10), "%"));
    kit_remark(c, "A factor leaves the exponent as it is.");
    kit_needs(c, 3, 0);
    kit_identity(x, "heavy_ball", "Momentum follows its own exact law.", "worst error",
                 kit_worst(kit_part_runs(x, &momentum), AT(law_error)),
                 kit_at_most(sizeof(clb_real) == 8 ? 1e-9 : 1e-1));
}

static void figure(kit *x, double ratio[BETAS][RATES])
{
    plot *p = kit_figure(x, "momentum", 1, 1);
    plot_panel *a = plot_add(p, "Momentum against descent", "eta/(1 - beta)", "drift ratio",
                             PLOT_LOG);
    for (size_t b = 1; b < BETAS; ++b) {
        plot_line(a, (int)b, RATES, effective, ratio[b], kit_print(x, "beta = %.2g", betas[b]));
        plot_horizontal(a, (1 + betas[b]) / (1 - betas[b]),
                        b == 1 ? "(1 + beta)/(1 - beta)" : NULL);
    }
    plot_caption(p, "Drift of momentum over that of descent, and the factor "
                    "(1+\316\262)/(1\342\210\222\316\262) (dashed).");
}

static void report(kit *x)
{
    double ratio[BETAS][RATES], worst = momentum_table(x, ratio);
    eps_table(x);
    claims(x, worst);
    figure(x, ratio);
}

static const kit_info info = { .id = "E07_order", .title = "Order and sign of the drift",
    .statement = "beyond Theorem 2", .beyond = "E07", .plan = plan, .report = report };
KIT_MAIN(info)
