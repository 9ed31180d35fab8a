/* Beyond M6  From how many pathways on gamma_WCR is the lower of the two ceilings of the step size.
 *   cc -O2 -DCLB_STATIC -o ceilings examples/beyond/m06_ceilings.c -lm && ./ceilings         (1 s)
 * Setup   P pathways of depth L. A step gamma must stay below gamma_WCR(L), or a single pathway can
 *         overshoot below 0, and below gamma_c = 2 P^(1-2/L), or no minimum is stable. Depths 2 to
 *         50 and seven up to 10^6.
 * Result  with two or three pathways gamma_c is always the lower one; from four on (L = 4 to 50)
 *         it is gamma_WCR. At L = 2 gamma_c = 2 for every P. */
#define CLB_IMPLEMENTATION
#include "../../clb.h"
#include "../kit/kit.h"
#include "../kit/pathways.h"

static const double deep[] = { 100, 200, 500, 1000, 1e4, 1e5, 1e6 };
enum { SHALLOW = 50 };

typedef struct ceiling { double L;  double gamma_WCR, P_where_it_binds; } ceiling;
static const kit_field ceiling_fields[] = {
    KIT_KEY(ceiling, L), KIT_RESULT(ceiling, gamma_WCR), KIT_RESULT(ceiling, P_where_it_binds),
};
#define AT(member) KIT_AT(ceiling, member)

/* The smallest P with gamma_WCR <= gamma_c; 0: there is none. */
static clb_status run_ceiling(kit *x, void *run)
{
    ceiling *row = run;
    (void)x;
    row->gamma_WCR = path_gamma_wcr((size_t)row->L), row->P_where_it_binds = 0;
    if (row->L > 2)
        for (row->P_where_it_binds = 2;
             path_gamma_c(row->L, row->P_where_it_binds) < row->gamma_WCR;)
            ++row->P_where_it_binds;
    return CLB_OK;
}

static const kit_part depths = KIT_PART("depths", "depths", ceiling, run_ceiling);

static void plan(kit *x)
{
    for (int L = 2; L <= SHALLOW; ++L) kit_add(x, &depths, &(ceiling){ .L = L });
    for (size_t i = 0; i < KIT_LEN(deep); ++i) kit_add(x, &depths, &(ceiling){ .L = deep[i] });
}

static void report(kit *x)
{
    kit_rows all = kit_part_runs(x, &depths), some = kit_between(all, AT(L), 3, KIT_INF),
             middle = kit_between(all, AT(L), 4, SHALLOW);
    kit_table *t = KIT_TABLE(x, "binding", "The smallest number of pathways for which gamma_WCR is "
                             "not above 2 P^(1-2/L); 0: none", "L", "gamma", "P where it binds");
    kit_claim *c = kit_ours(x, "which_binds",
                            "With two or three pathways the stability limit gamma_c is the lower "
                            "ceiling at every depth; with four or more it is gamma_WCR, for L = 4 "
                            "to 50.");
    plot *p = kit_figure(x, "binding", 1, 1);
    plot_panel *a = plot_add(p, "Where gamma_WCR is the lower ceiling", "depth L",
                             "smallest number of pathways P", PLOT_LOGX);
    for (size_t i = 0; i < all.n; ++i) {
        const ceiling *r = all.at[i];
        KIT_LINE(t, r->L, r->gamma_WCR, r->P_where_it_binds);
    }
    kit_statement(c, "least P at which gamma_WCR is the lower one",
                  path_least(some, AT(P_where_it_binds)), kit_equal(4));
    kit_statement(c, "largest such P for L = 4 to 50", path_largest(middle, AT(P_where_it_binds)),
                  kit_equal(4));
    kit_show(c, "that P at L = 10^6",
             path_largest(kit_where(all, AT(L), 1e6), AT(P_where_it_binds)));
    kit_summary(x, "least P", path_least(some, AT(P_where_it_binds)));
    plot_range_y(a, 0, 14);
    plot_rows_points(a, PLOT_BLUE, some, AT(L), AT(P_where_it_binds), "gamma_WCR < 2 P^(1-2/L)");
    plot_caption(p, "The number of pathways from which gamma_WCR binds, against depth.");
}

static const kit_info info = {
    .id = "M06_ceilings", .title = "Which ceiling of the step size binds",
    .statement = "beyond worst-case return", .beyond = "M06", .plan = plan, .report = report, };
KIT_MAIN(info)
