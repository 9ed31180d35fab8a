/* E5  Drift scaling law: |C(T) - C(0)| ~ eta^alpha over four decades of eta.            Theorem 4
 *   cc -O2 -DCLB_STATIC -o e05 examples/e05_drift_scaling.c -lm && ./e05                    (50 s)
 * Setup   2-layer ReLU net without bias, d = 20, m = 64, K = 5, mixture of n = 200, cross entropy,
 *         full-batch gradient descent, T = 2000 steps; ten learning rates eta from 1e-4 to 1, five
 *         seeds. Also other widths m, two other data sets, and with --mnist DIR 500 MNIST images.
 * Measure C = |W_2|^2 - |W_1|^2 before and after, and S = sum_t (|grad_2|^2 - |grad_1|^2).
 * Fit     a line through ln(mean drift over the seeds) against ln(eta): its slope is alpha.
 * Paper   alpha = 1.16, R^2 > 0.99
 * Beyond  beyond/e05_regimes.c: the curve is not one power law, but three regimes. */
#define CLB_IMPLEMENTATION
#include "../clb.h"
#include "kit/kit.h"

enum { N = 10, T = 2000, IMAGES = 500 };
static const double grid[N] = { 1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 0.1, 0.3, 0.5, 1.0 };

/* Mean drifts that the paper's figure shows. */
static const double paper_drift[N] = { 4.40651e-5, 1.74481e-4, 6.29082e-4, 1.91523e-3, 6.44040e-3,
                                       1.98310e-2, 7.28974e-2, 0.330314, 0.894236, 3.655957 };

/* The curves drift(eta), with the paper's exponent and R^2; MNIST last: it is run on demand. */
static const struct curve {
    const char   *name, *caption;
    double        m, alpha, r2;
    paper_dataset data;
} curves[] = {
    { "width_64", "Standard net, m = 64", 64, 1.1628, 0.9907,
      PAPER_MIXTURE },
    { "width_16", "The same for m = 16", 16, 1.2491, 0.9585, PAPER_MIXTURE },
    { "width_32", "The same for m = 32", 32, 1.1302, 0.9926, PAPER_MIXTURE },
    { "width_128", "The same for m = 128", 128, 1.1979, 0.9890, PAPER_MIXTURE },
    { "width_256", "The same for m = 256", 256, 1.2551, 0.9839, PAPER_MIXTURE },
    { "xor_d2", "The same on the xor data, d = 2", 64, 1.0463, 0.9787, PAPER_XOR },
    { "spheres_d10", "The same on concentric spheres, d = 10", 64, 1.0312, 0.8781, PAPER_SPHERES },
    { "mnist_d784", "The same on 500 images of MNIST, d = 784", 64, 1.3164, 0.9747, PAPER_MNIST },
};

typedef struct training {
    const char *curve;
    double seed, lr;
    double drift, rel_drift, S, identity_error, initial_loss, final_loss, diverged;
} training;
#define AT(member) KIT_AT(training, member)
static const kit_field training_fields[] = {
    KIT_KEY_TEXT(training, curve), KIT_KEY(training, seed), KIT_KEY(training, lr),
    KIT_RESULT(training, drift), KIT_RESULT(training, rel_drift), KIT_RESULT(training, S),
    KIT_RESULT(training, identity_error), KIT_RESULT(training, initial_loss),
    KIT_RESULT(training, final_loss), KIT_RESULT(training, diverged),
};

static clb_status train(kit *x, void *run)
{
    training *row = run;
    const struct curve *c = curves;
    clb_train_opts how = { .ce = CLB_CE, .charge_max = 1e6 }; /* beyond it a run has diverged */
    paper_opts problem = { .mnist = mnist_folder(x) };
    clb_trace trace;
    clb_status status;
    while (strcmp(c->name, row->curve)) ++c;
    problem.m = (size_t)c->m, problem.dataset = c->data;
    if (c->data == PAPER_MNIST) problem.n = IMAGES;
    status = paper_train(&problem, row->seed, row->lr, T, &how, &trace);
    if (status) return status;
    row->diverged = trace.steps < trace.T, row->initial_loss = trace.loss[0];
    if (row->diverged == 0) {
        double drift = clb_trace_drift(&trace, 1);
        row->drift = fabs(drift), row->rel_drift = fabs(drift / clb_trace_charge(&trace, 1, 0));
        row->S = trace.S[0], row->final_loss = trace.loss[trace.T - 1];
        row->identity_error = fabs(drift - row->lr * row->lr * row->S);             /* Theorem 2 */
    }
    clb_trace_free(&trace);
    return CLB_OK;
}

static const kit_part sweep = KIT_PART("sweep", "seven curves, with MNIST eight", training, train);

static void plan(kit *x)
{
    kit_list etas = kit_lrs(x, grid, N), seeds = kit_seeds(x, 5);
    kit_config(x, "T", T);
    if (mnist_folder(x)) kit_config(x, "mnist_images", IMAGES);
    for (size_t c = 0; c < (kit_quick(x) ? 1 : KIT_LEN(curves) - !mnist_folder(x)); ++c)
        for (size_t i = 0; i < etas.n; ++i)
            for (size_t s = 0; s < seeds.n; ++s)
                kit_add(x, &sweep, &(training){ .curve = curves[c].name, .seed = seeds.at[s],
                                                .lr = etas.at[i] });
}

/* ---- what follows from the runs ------------------------------------------------------------- */

static kit_rows runs_of(kit *x, const struct curve *c)
{
    return kit_where_text(kit_part_runs(x, &sweep), AT(curve), c->name);
}

/* The curve as published: drifts below 1e-10 are left out, as in the paper. */
static kit_curve fit(kit *x, const struct curve *c, kit_list etas)
{
    clb_sweep y = kit_sweep(kit_published(runs_of(x, c)), AT(drift), AT(lr), etas);
    y.floor = 1e-10;
    return kit_curve_of(x, &y, 5);
}

static void figure(kit *x, const kit_curve *c, const char *seeds)
{
    plot *p = kit_figure(x, "drift", 2, 1);
    plot_panel *a = plot_add(p, "Drift after 2000 steps", "learning rate eta", "|C(T) - C(0)|",
                             PLOT_LOG);
    plot_rows(a, PLOT_BLUE, runs_of(x, curves), AT(lr), AT(drift));
    plot_power_law(a, PLOT_ORANGE, c, kit_print(x, "power law, alpha = %.3f", c->fit.slope));
    plot_points(a, PLOT_PUBLISHED, N, grid, paper_drift, "published mean (float32)");
    plot_points(a, PLOT_BLUE, c->at.n, c->at.at, c->mean, kit_print(x, "mean over %s", seeds));
    a = plot_add(p, "Local slope", "learning rate eta", "d ln drift / d ln eta", PLOT_LOGX);
    plot_horizontal(a, 1.16, "paper: 1.16");
    plot_local_slopes(a, PLOT_BLUE, c, "95 % over seeds");
    plot_caption(p, "Drift of the conserved quantity against the learning rate; its local slope.");
}

static void claims(kit *x, const kit_curve *c)
{
    kit_summary_item *alpha = kit_summary(x, "alpha", c->fit.slope);
    kit_claim *claim = kit_paper(x, "alpha", "The drift grows with the learning rate as eta^alpha, "
                                 "alpha = 1.16 and R^2 above 0.99.", "alpha = 1.16, R^2 = 0.991");
    kit_number(claim, "alpha", c->fit.slope, kit_within(1.16, 0.01));
    kit_number(claim, "R^2", c->fit.r2, kit_above(0.99));
    kit_statement(claim, "range of the local slopes", kit_slope_range(c), kit_at_most(0.2));
    kit_remark(claim, "A log-log fit over four decades has R^2 near 1 for any smooth growth.");
    kit_theorem_2(x, kit_worst(kit_part_runs(x, &sweep), AT(identity_error)),
                  1e-11, 1e-3);                                 /* rounding in double, in float */
    kit_interval(alpha, c->exponent.se, c->exponent.lo, c->exponent.hi), kit_printed(alpha, 1.16);
    kit_printed(kit_summary_r2(x, "r_squared", &c->sweep, c->fit.r2), 0.991);
}

static void report(kit *x)
{
    kit_list etas = kit_lrs(x, grid, N);
    const char *seeds = kit_n_seeds(x, 5);
    kit_curve c = fit(x, curves, etas);
    kit_table *t = KIT_TABLE(x, "exponents", "Exponent of every curve beside the published one; "
                             "the published small drifts of xor and spheres are float32 rounding",
                             "sweep", "alpha", "r_squared", "published_alpha",
                             "published_r_squared");
    for (const struct curve *k = curves; k < curves + KIT_LEN(curves); ++k) {
        clb_fit f = fit(x, k, etas).fit;
        if (!runs_of(x, k).n) continue;
        kit_text(t, k->name), KIT_CELLS(t, f.slope, f.r2, k->alpha, k->r2);
        KIT_GRID(kit_published(runs_of(x, k)), k->name,
                 k > curves ? k->caption : kit_print(x, "%s: means over %s", k->caption, seeds),
                 AT(lr), etas, { "mean_drift", kit_mean, AT(drift) },
                 { "std_drift", kit_std, AT(drift) }, { "mean_loss", kit_mean, AT(final_loss) },
                 { "mean_rel_drift", kit_mean, AT(rel_drift) });
    }
    kit_slope_table(x, "local slopes", "Local slopes d ln drift / d ln eta, standard net", &c);
    claims(x, &c), figure(x, &c, seeds);
}

static const kit_info info = {
    .id = "E05", .title = "Drift scaling law", .statement = "Theorem 4", .plan = plan,
    .key_result = "drift ~ eta^1.16, R^2 > 0.99", .report = report, .options = mnist_options, };
KIT_MAIN(info)
