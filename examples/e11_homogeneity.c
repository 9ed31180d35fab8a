/* E11  Does alpha depend on the homogeneity of the activation?                            Theorem 4
 *   cc -O2 -DCLB_STATIC -o e11 examples/e11_homogeneity.c -lm && ./e11                      (30 s)
 * Setup   the nets of E10: two layers, d = 20, m = 64, K = 5, mixture of n = 200, squared loss,
 *         full-batch gradient descent, T = 2000 steps; activation s_e(z) = (1-e) z + e max(0, z)
 *         for six e from 0 (linear) to 1 (ReLU); eight learning rates eta from 1e-4 to 0.3; three
 *         seeds. For e = 0 and 1 also with cross entropy.
 * Measure the drift |C(T) - C(0)| of C = |W_2|^2 - |W_1|^2.
 * Fit     a line through ln(mean drift over the seeds) against ln(eta): its slope is alpha. An eta
 *         at which a seed diverges drops out; so the same fit also on windows equal for all e.
 * Paper   "alpha varies with homogeneity": 1.108 (linear) to 1.293 (ReLU)
 * Beyond  beyond/e11_degree.c: s_e has degree 1 for every e; there are activations of other
 *         degrees. */
#define CLB_IMPLEMENTATION
#include "../clb.h"
#include "kit/kit.h"

enum { N = 6, LINEAR = 0, RELU = N - 1 };
static const double es[N] = { 0, 0.1, 0.2, 0.5, 0.8, 1 };
static const double paper_alpha[N] = { 1.1078, 1.0898, 1.0780, 1.2435, 1.2494, 1.2928 };
/* The published drifts carry float32 noise, which moves their exponents by up to this. */
static const double noise = 0.024;

static sw_case curve(const char *set, size_t k, double loss)
{
    return (sw_case){ .set = set, .act = es[k], .loss = loss, .width = 64, .pub = 3 };
}

static void plan(kit *x)
{
    kit_list seeds = kit_seeds(x, kit_quick(x) ? 1 : 3), etas = kit_lrs(x, sw_etas, SW_N);
    kit_config(x, "n_steps", kit_quick(x) ? SW_T_QUICK : SW_T), kit_config(x, "hidden", 64);
    for (size_t k = 0; k < N; ++k) {
        sw_case c = curve("sweep", k, CLB_MSE), ce = curve("ce", k, CLB_CE);
        sw_plan(x, &c, seeds, etas);
        if (k == LINEAR || k == RELU) sw_plan(x, &ce, seeds, etas);
    }
}

/* ---- what follows from the runs -------------------------------------------------------------- */

typedef struct found { double alpha[N], to_01[N], to_003[N], diverged[N]; } found;

static void measure(kit *x, found *v)
{
    kit_list etas = kit_lrs(x, sw_etas, SW_N);
    kit_table *t =
        KIT_TABLE(x, "sweep",
                  "The runs of E10: exponents on the published window and on equal ones", "e",
                  "alpha", "paper", "diverged_at_0.3", "alpha_eta<=0.1", "alpha_eta<=0.03");
    for (size_t k = 0; k < N; ++k) {
        sw_case c = curve("sweep", k, CLB_MSE);
        sw_windows w = sw_windows_of(x, &c, etas);
        v->alpha[k] = sw_alpha(x, &c, SW_AT(lr), etas).slope;
        v->to_01[k] = w.to_01, v->to_003[k] = w.to_003, v->diverged[k] = w.diverged;
        KIT_LINE(t, c.act, v->alpha[k], paper_alpha[k], w.diverged, w.to_01, w.to_003);
    }
}

static void claim_loss(kit *x, const found *v)
{
    sw_case linear = curve("ce", LINEAR, CLB_CE), relu = curve("ce", RELU, CLB_CE);
    kit_list etas = kit_lrs(x, sw_etas, SW_N), low = sw_upto(x, etas, 0.1);
    double linear_ce = sw_alpha(x, &linear, SW_AT(lr), low).slope,
           relu_ce = sw_alpha(x, &relu, SW_AT(lr), low).slope;
    double lo = fmin(fmin(linear_ce, relu_ce), fmin(v->to_01[LINEAR], v->to_01[RELU]));
    double hi = fmax(fmax(linear_ce, relu_ce), fmax(v->to_01[LINEAR], v->to_01[RELU]));
    kit_claim *c =
        kit_paper(x, "compensation", "ReLU raises alpha and cross entropy lowers it by as much.",
                  "linear MSE 1.10, ReLU CE 1.07, ReLU MSE 1.29");
    kit_number(c, "alpha of the linear net with squared loss", v->alpha[LINEAR],
               kit_within(1.1078, noise));
    kit_number(c, "of the ReLU net with cross entropy", sw_alpha(x, &relu, SW_AT(lr), etas).slope,
               kit_within(1.0765, noise));
    kit_number(c, "of the ReLU net with squared loss", v->alpha[RELU], kit_within(1.2928, noise));
    kit_statement(c, "range of alpha over both nets and losses for eta <= 0.1", hi - lo,
                  kit_above(0.1));
    kit_show(c, "alpha for eta <= 0.1: linear, squared loss", v->to_01[LINEAR]);
    kit_show(c, "ReLU, squared loss", v->to_01[RELU]);
    kit_show(c, "linear, cross entropy", linear_ce), kit_show(c, "ReLU, cross entropy", relu_ce);
    kit_remark(c, "Without large effects on one window there is nothing to compensate.");
}

static void claims(kit *x, const found *v)
{
    double step = 0;
    size_t at = 1;
    kit_claim *c = kit_paper(x, "homogeneity",
                             "alpha varies with the homogeneity of the activation: it rises by "
                             "0.19 from the linear to the ReLU net.",
                             "1.108 to 1.293");
    kit_number(c, "rise on the published window", v->alpha[RELU] - v->alpha[LINEAR],
               kit_within(0.185, noise));
    kit_statement(c, "rise for eta <= 0.1", v->to_01[RELU] - v->to_01[LINEAR], kit_above(0.1));
    kit_show(c, "rise for eta <= 0.03", v->to_003[RELU] - v->to_003[LINEAR]);
    kit_remark_value(c, v->to_01[RELU],
                     kit_print(x, "Fitted on the same eta for all e the change is %.2f.",
                               v->to_01[RELU] - v->to_01[LINEAR]));
    for (size_t k = 1; k < N; ++k)
        if (fabs(v->alpha[k] - v->alpha[k - 1]) > step)
            step = fabs(v->alpha[k] - v->alpha[k - 1]), at = k;
    c = kit_paper(x, "threshold",
                  "alpha has a threshold near e = 0.3 to 0.5, a property of the activation.",
                  "between 0.2 and 0.5");
    kit_number(c, "e before the largest step of alpha", es[at - 1], kit_equal(0.2));
    kit_number(c, "e after it", es[at], kit_equal(0.5));
    kit_statement(c, "seeds that diverge at eta = 0.3 before the step, less those after it",
                  v->diverged[at - 1] - v->diverged[at], kit_equal(0));
    kit_remark(c, "A step where seeds cease to diverge says where eta = 0.3 becomes stable and "
                  "enters the fit.");
    claim_loss(x, v);
}

static void figure(kit *x, const found *v)
{
    plot *p = kit_figure(x, "homogeneity", 2, 1);
    plot_panel *a = plot_add(p, "Exponent along e (degree 1 throughout)", "e (0 linear, 1 ReLU)",
                             "alpha", PLOT_LINEAR),
               *b = plot_add(p, "Where the jump comes from", "e", "seeds that diverge at eta = 0.3",
                             PLOT_LINEAR);
    plot_points(a, PLOT_PUBLISHED, N, es, paper_alpha, "published");
    plot_points(a, PLOT_BLUE, N, es, v->alpha, "published window");
    plot_points(a, PLOT_ORANGE | PLOT_TRIANGLE, N, es, v->to_01, "eta <= 0.1");
    plot_points(b, PLOT_RED, N, es, v->diverged, NULL);
    plot_range_x(a, -0.05, 1.05), plot_range_x(b, -0.05, 1.05), plot_range_y(b, -0.2, 3.2);
    plot_caption(p, "The published exponents jump where seeds stop diverging at eta = 0.3.");
}

static void report(kit *x)
{
    found v;
    measure(x, &v);
    kit_printed(kit_summary(x, "alpha_range", v.alpha[RELU] - v.alpha[LINEAR]), 0.1850);
    kit_summary(x, "alpha_range_eta<=0.1", v.to_01[RELU] - v.to_01[LINEAR]);
    claims(x, &v);
    sw_identity(x);
    figure(x, &v);
}

static const kit_info info = {
    .id = "E11", .title = "Interpolated activation", .statement = "Theorem 4",
    .key_result = "alpha varies with homogeneity", .plan = plan, .report = report,
};
KIT_MAIN(info)
