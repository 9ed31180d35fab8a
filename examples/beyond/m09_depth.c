/* Beyond M9  The sharpness of a single pathway against its depth.
 *   cc -O2 -DCLB_STATIC -o depth examples/beyond/m09_depth.c -lm && ./depth                  (1 s)
 * Setup   S(L) = L s*^(2-2/L), the sharpness of the minimum that one pathway of depth L holds
 *         alone; L = 2 to 50, s* = 2, 1, 0.2, 0.01.
 * Result  d ln S/dL = (L + 2 ln s*)/L^2: S falls until L = -2 ln s* and grows from there. For s*
 *         near 1 the deeper pathway is the sharper one, against what the paper says. */
#define CLB_IMPLEMENTATION
#include "../../clb.h"
#include "../kit/kit.h"
#include "../kit/pathways.h"

static const double targets[] = { 2, 1, 0.2, 0.01 };
enum { DEEPEST = 50 };

typedef struct single { double target, L;  double S; } single;
static const kit_field single_fields[] = {
    KIT_KEY(single, target), KIT_KEY(single, L), KIT_RESULT(single, S),
};
#define AT(member) KIT_AT(single, member)

static clb_status run_single(kit *x, void *run)
{
    single *row = run;
    (void)x;
    row->S = clb_path_single_sharpness((size_t)row->L, row->target);
    return CLB_OK;
}

static const kit_part depths = KIT_PART("depths", "one pathway", single, run_single);

static void plan(kit *x)
{
    for (size_t i = 0; i < KIT_LEN(targets); ++i)
        for (int L = 2; L <= DEEPEST; ++L)
            kit_add(x, &depths, &(single){ .target = targets[i], .L = L });
}

static void report(kit *x)
{
    kit_table *t = KIT_TABLE(x, "flattest", "The depth at which one pathway is flattest", "s*",
                             "flattest L", "-2 ln s*", "S there", "S at L = 50");
    kit_claim *c = kit_ours(x, "grows_with_depth",
                            "One pathway is flattest at the depth next to -2 ln s*, and the "
                            "deeper the sharper from there on.");
    plot *p = kit_figure(x, "depth", 1, 1);
    plot_panel *a = plot_add(p, "One pathway alone", "depth L", "sharpness L s*^(2-2/L)", PLOT_LOG);
    double off = 0, least_growth = KIT_INF;
    for (size_t i = 0; i < KIT_LEN(targets); ++i) {
        kit_rows rows = kit_where(kit_part_runs(x, &depths), AT(target), targets[i]);
        double turn = fmax(2, -2 * clb_log(targets[i])), least = path_least(rows, AT(S)),
               at = kit_mean(kit_where(rows, AT(S), least), AT(L));
        kit_list S = kit_values(rows, AT(S)), L = kit_values(rows, AT(L));
        for (size_t k = 1; k < S.n; ++k)
            if (L.at[k - 1] >= turn) least_growth = fmin(least_growth, S.at[k] / S.at[k - 1] - 1);
        off = kit_worse(off, fabs(at - turn));
        KIT_LINE(t, targets[i], at, -2 * clb_log(targets[i]), least,
                 S.n ? S.at[S.n - 1] : KIT_NAN);
        plot_rows_line(a, (int)i, rows, AT(L), AT(S), kit_print(x, "s* = %g", targets[i]));
    }
    kit_statement(c, "largest distance of the flattest depth from -2 ln s*, or from 2", off,
                  kit_below(1));
    kit_statement(c, "least relative growth from one depth to the next beyond it", least_growth,
                  kit_above(0));
    kit_summary(x, "S(3)/S(20) at s* = 1",
                clb_path_single_sharpness(3, 1) / clb_path_single_sharpness(20, 1));
    plot_caption(p, "Sharpness of the minimum of a single pathway: it falls until L = -2 ln s* and "
                    "grows from there.");
}

static const kit_info info = {
    .id = "M09_depth", .title = "Sharpness of one pathway against depth",
    .statement = "beyond the equal split", .beyond = "M09", .plan = plan, .report = report, };
KIT_MAIN(info)
