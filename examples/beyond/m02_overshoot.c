/* M2, beyond the paper: how far past the boundary runs stop, and the two-cycle beyond gamma_c.
 *   cc -O2 -DCLB_STATIC -o overshoot examples/beyond/m02_overshoot.c -lm && ./overshoot      (1 s)
 * M2's runs. Inside the window a run goes past eta lambda = 2 and stops at 2 - k Delta, with
 * Delta = 2 - eta lambda_min and k = 3(L-2)/(2(5L-4)): this corrects the predicted share, in the
 * limit of small Delta. Beyond gamma_c, where eta lambda_min = 2 + eps, both pathways follow one
 * two-cycle of amplitude x = eta r u*^(L-2), x^2 = 3 eps/((L-1)(5L-4)). */
#define CLB_IMPLEMENTATION
#include "../../clb.h"
#include "../kit/kit.h"
#include "../kit/pathways.h"

enum { T = 20000, TAIL = 200, FIRST = 3, CRITICAL = 9 }; /* places 3 .. 8 lie inside the window */
static const double depths[] = { 3, 5, 20 };
enum { DEPTHS = KIT_LEN(depths) };

typedef struct training {
    double L, gamma;
    double share, delta, boundary_share, corrected_share, pred_eta_lambda_stop, rms_r, pred_rms_r;
} training;
#define AT(member) KIT_AT(training, member)
static const kit_field training_fields[] = {
    KIT_KEY(training, L),
    KIT_KEY(training, gamma),
    KIT_RESULT(training, share),
    KIT_RESULT(training, delta),
    KIT_RESULT(training, boundary_share),
    KIT_RESULT(training, corrected_share),
    KIT_RESULT(training, pred_eta_lambda_stop),
    KIT_RESULT(training, rms_r),
    KIT_RESULT(training, pred_rms_r),
};

static clb_status run_training(kit *x, void *run)
{
    static const double alpha[2] = { 0.01, 0.005 };
    training *row = run;
    size_t L = (size_t)row->L;
    double eta = row->gamma / clb_path_single_sharpness(L, 2), stop;
    clb_path_mode_opts opts = { .tail = TAIL };
    clb_path_cycle cycle = { 0, 0, 0 };
    clb_path_mode mode;
    clb_path_mode_run end;
    clb_status status = path_start(&mode, 2, L, 2, alpha);
    (void)x;
    if (status) return status;
    status = clb_path_mode_train(&mode, eta, T, &opts, &end);
    clb_path_mode_free(&mode);
    row->delta = 2 - eta * clb_path_balanced_sharpness(2, L, 2);
    if (!status && row->delta < -1e-9)
        status = clb_path_cycle_predict(2, L, 2, -row->delta, &cycle);
    if (status) return status;
    row->share = end.share, row->rms_r = end.rms_r, row->pred_rms_r = cycle.rms_r;
    row->boundary_share = clb_path_boundary_share(L, row->gamma), row->corrected_share = 0.5;
    if (row->delta <= 1e-9) return CLB_OK;
    stop = row->pred_eta_lambda_stop = 2 - clb_path_stop_offset(L) * row->delta;
    row->corrected_share = clb_path_boundary_share(L, 2 * row->gamma / stop);
    return CLB_OK;
}

static const kit_part trainings = KIT_PART("window", "thirteen step sizes", training, run_training);

static void plan(kit *x)
{
    for (size_t i = 0; i < DEPTHS; ++i)
        for (size_t k = 0; k < PATH_WINDOW; ++k)
            kit_add(x, &trainings,
                    &(training){ .L = depths[i], .gamma = path_window_gamma(depths[i], k) });
}

/* Errors of the share in the window and near gamma_c, and of the amplitude, with their plot. */
typedef struct findings { double plain, corrected, plain_near, corrected_near, cycle; } findings;

static findings find(kit *x, plot_panel *a)
{
    findings f = { KIT_NAN, KIT_NAN, KIT_NAN, KIT_NAN, KIT_NAN };
    for (size_t i = 0; i < DEPTHS; ++i) {
        kit_rows rows = kit_where(kit_part_runs(x, &trainings), AT(L), depths[i]);
        double at[PATH_WINDOW], plain[PATH_WINDOW], corrected[PATH_WINDOW];
        size_t n = 0;
        for (size_t k = 0; k < rows.n && rows.n == PATH_WINDOW; ++k) {
            const training *r = rows.at[k];
            if (k > CRITICAL)
                f.cycle = kit_worse(f.cycle, 100 * fabs(r->rms_r / r->pred_rms_r - 1));
            /* L = 3: gradient flow ends below the boundary at the first two places */
            if (k < FIRST || k >= CRITICAL || (i == 0 && k < FIRST + 2)) continue;
            at[n] = r->delta, plain[n] = fabs(r->boundary_share - r->share);
            corrected[n] = fabs(r->corrected_share - r->share);
            f.plain = kit_worse(f.plain, plain[n]),
            f.corrected = kit_worse(f.corrected, corrected[n]);
            if (k == CRITICAL - 1) {
                f.plain_near = kit_worse(f.plain_near, plain[n]);
                f.corrected_near = kit_worse(f.corrected_near, corrected[n]);
            }
            ++n;
        }
        plot_line(a, (int)i | PLOT_DASHED, n, at, plain,
                  kit_print(x, "L = %.0f, boundary", depths[i]));
        plot_line(a, (int)i, n, at, corrected, kit_print(x, "L = %.0f, corrected", depths[i]));
    }
    return f;
}

static void report(kit *x)
{
    kit_rows rows = kit_part_runs(x, &trainings);
    kit_table *t = KIT_TABLE(x, "overshoot",
                             "Share of the larger path, predicted by the boundary and with the "
                             "correction; amplitude of the two-cycle",
                             "L", "gamma", "share", "boundary_share", "corrected_share",
                             "pred_eta_lambda_stop", "rms_r", "pred_rms_r");
    plot *p = kit_figure(x, "overshoot", 1, 1);
    findings f = find(x, plot_add(p, "Error of the predicted share", "2 - eta lambda_min",
                                  "|predicted - measured|", PLOT_LOG));
    kit_claim *c = kit_ours(x, "overshoot",
                            "A run goes past the boundary by 3(L-2)/(2(5L-4)) (2 - eta "
                            "lambda_min), which predicts its share better.");
    for (size_t i = 0; i < rows.n; ++i) {
        const training *r = rows.at[i];
        KIT_LINE(t, r->L, r->gamma, r->share, r->boundary_share, r->corrected_share,
                 r->pred_eta_lambda_stop, r->rms_r, r->pred_rms_r);
    }
    kit_summary(x, "error near gamma_c corrected", f.corrected_near);
    kit_statement(c, "error of the share with the correction over the error without, whole window",
                  f.corrected / f.plain, kit_below(0.5));
    kit_condition(c, "near gamma_c, at 0.97 of the window",
                  "error with the correction over the error without",
                  f.corrected_near / f.plain_near, kit_below(0.5));
    kit_remark(c, "The correction is the limit of small 2 - eta lambda_min.");
    c = kit_ours(x, "cycle",
                 "Beyond gamma_c the amplitude of the two-cycle is that of its normal form, x^2 = "
                 "3 eps/((L-1)(5L-4)).");
    kit_statement(c, "largest error of the amplitude up to 1.1 gamma_c", f.cycle,
                  kit_in_units(kit_below(6), "%"));
    plot_caption(p, "The correction is a limit: it wins near gamma_c, at small 2 - eta lambda_min, "
                    "and loses far from it.");
}

static const kit_info info = {
    .id = "M02_overshoot",
    .title = "Past the stopping boundary",
    .statement = "beyond stopping boundary",
    .beyond = "M02",
    .plan = plan,
    .report = report,
};
KIT_MAIN(info)
