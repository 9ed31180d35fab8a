/* E24  What the steps of the integration and the floor change in the prediction.  docs/edge.md, E24
 *   cc -O2 -DCLB_STATIC -o e24 examples/beyond/e24_steps.c -lm && ./e24                     (3 min)
 * Two choices are left free by the equations of the two-point flow: how many Euler steps are made
 * for each step of the run (`substeps`), and the length below which the swing |d| is not let fall
 * (`floor`). E24 has 2 and 1e-5.
 * Setup   nets, step sizes and numbers of steps of E24, squared loss: 20-64-5, eta = 1, 2, five
 *         seeds; 20-32-32-32-32-5, eta = 1, 2 and, reaching the edge late, 0.5, three seeds each.
 * Measure predicted over measured sum of |drift| over the charges, with 1, 2 and 4 substeps at
 *         floor 1e-5, and with 2 substeps at floor 1e-6 and 1e-4.
 * Rules   written after trials with the same nets. For nets of five matrices each other choice
 *         keeps every run within the 25 % of E24: four substeps; both floors. Left out: runs that
 *         diverge. */
#define CLB_IMPLEMENTATION
#include "../../clb.h"
#include "../kit/kit.h"

static const struct setting {
    const char *name;
    double L, eta, T, seeds;
} settings[] = {
    { "20-64-5", 2, 1, 1000, 5 }, { "20-64-5", 2, 2, 1000, 5 },
    { "20-32-32-32-32-5", 5, 1, 500, 3 }, { "20-32-32-32-32-5", 5, 2, 500, 3 },
    { "20-32-32-32-32-5", 5, 0.5, 2000, 3 },
};

/* Predicted over measured drift; infinite where the prediction diverges. */
typedef struct step_run {
    double seed, setting;
    double measured, one, two, four, low, high, diverged;
} step_run;
#define AT(member) KIT_AT(step_run, member)
static const kit_field step_run_fields[] = {
    KIT_KEY(step_run, seed), KIT_KEY(step_run, setting), KIT_RESULT(step_run, measured),
    KIT_RESULT(step_run, one), KIT_RESULT(step_run, two), KIT_RESULT(step_run, four),
    KIT_RESULT(step_run, low), KIT_RESULT(step_run, high), KIT_RESULT(step_run, diverged),
};

static clb_status predict(const paper_problem *p, const struct setting *s, size_t substeps,
                          double floor, double *drift)
{
    clb_rod_opts how = { .substeps = substeps, .floor = floor };
    clb_rod rod;
    clb_status status = clb_rod_init(&rod, &p->net, &p->data, s->eta, NULL, &how);
    if (status) return status;
    status = clb_rod_run(&rod, (size_t)s->T, NULL, 0);
    *drift = status ? KIT_INF : drift_predicted(&rod);
    clb_rod_free(&rod);
    return status == CLB_EDIVERGED ? CLB_OK : status;
}

static clb_status compare(kit *x, void *run)
{
    step_run *row = run;
    const struct setting *s = &settings[(size_t)row->setting];
    paper_opts opts = { .separation = 0.5 };
    double *ratios[] = { &row->one, &row->two, &row->four, &row->low, &row->high };
    paper_problem p;
    clb_trace tr;
    clb_status status;
    if (s->L > 2) opts.n = 500, opts.m = EDGE_M, opts.L = EDGE_L;
    if ((status = paper_problem_init(&p, &opts, row->seed)) != CLB_OK) return status;
    status = predict(&p, s, 1, 1e-5, &row->one);
    if (!status) status = predict(&p, s, 2, 1e-5, &row->two);
    if (!status) status = predict(&p, s, 4, 1e-5, &row->four);
    if (!status) status = predict(&p, s, 2, 1e-6, &row->low);
    if (!status) status = predict(&p, s, 2, 1e-4, &row->high);
    if (!status) {
        status = kit_train(&p.net, &p.data, s->eta, (size_t)s->T, NULL, &tr);
        row->diverged = status == CLB_EDIVERGED;
        if (!status) row->measured = edge_total(&tr, 0, tr.T);
        if (!status || status == CLB_EDIVERGED) clb_trace_free(&tr);
    }
    for (size_t i = 0; i < KIT_LEN(ratios); ++i) *ratios[i] /= row->measured;
    paper_problem_free(&p);
    (void)x;
    return status == CLB_EDIVERGED ? CLB_OK : status;
}
static const kit_part steps = KIT_PART("steps", "Substeps and floor", step_run, compare);

static void plan(kit *x)
{
    size_t count = kit_quick(x) ? 1 : KIT_LEN(settings);
    for (size_t k = 0; k < count; ++k) {
        kit_list seeds = kit_seeds(x, kit_quick(x) ? 1 : (size_t)settings[k].seeds);
        for (size_t s = 0; s < seeds.n; ++s)
            kit_add(x, &steps, &(step_run){ .seed = seeds.at[s], .setting = (double)k });
    }
}

/* ---- what follows from the runs -------------------------------------------------------------- */

typedef struct spread { double median, worst; } spread;           /* of |predicted/measured - 1| */

static spread spread_of(kit *x, kit_rows rows, kit_at at)
{
    kit_list ratio = kit_values(rows, at);
    double *error = kit_doubles(x, ratio.n);
    spread s = { KIT_NAN, KIT_NAN };
    for (size_t i = 0; i < ratio.n; ++i) {
        error[i] = fabs(ratio.at[i] - 1);
        s.worst = i ? kit_worse(s.worst, error[i]) : error[i];
    }
    s.median = clb_median(ratio.n, error);
    return s;
}

static void report(kit *x)
{
    const kit_at all[] = { AT(one), AT(two), AT(four), AT(low), AT(high) };
    kit_table *t = KIT_TABLE(x, "substeps and floor",
                             "Error of the predicted drift, median and largest over the seeds: "
                             "with 1, 2, 4 substeps a step at floor 1e-5; with 2 at floor 1e-6 "
                             "and 1e-4",
                             "net", "lr", "runs", "median_1", "largest_1", "median_2", "largest_2",
                             "median_4", "largest_4", "median_low", "largest_low", "median_high",
                             "largest_high"),
              *late = KIT_TABLE(x, "late", "Predicted over measured drift where the edge is "
                                "reached late, 2 substeps, by the floor",
                                "net", "lr", "seed", "floor_1e-6", "floor_1e-5", "floor_1e-4");
    double four = KIT_NAN, floors = KIT_NAN;
    kit_claim *c;
    for (size_t k = 0; k < KIT_LEN(settings); ++k) {
        const struct setting *s = &settings[k];
        kit_rows rows = kit_converged(kit_where(kit_part_runs(x, &steps), AT(setting), (double)k));
        if (!rows.n) continue;
        kit_text(t, s->name), KIT_CELLS(t, s->eta, (double)rows.n);
        for (size_t i = 0; i < KIT_LEN(all); ++i) {
            spread e = spread_of(x, rows, all[i]);
            KIT_CELLS(t, e.median, e.worst);
            if (s->L > 2 && i == 2) four = isnan(four) ? e.worst : kit_worse(four, e.worst);
            if (s->L > 2 && i > 2) floors = isnan(floors) ? e.worst : kit_worse(floors, e.worst);
        }
        for (size_t i = 0; i < rows.n && s->T > 1000; ++i) {
            const step_run *r = rows.at[i];
            kit_text(late, s->name), KIT_CELLS(late, s->eta, r->seed, r->low, r->two, r->high);
        }
    }
    c = kit_ours(x, "substeps", "Nets of five matrices: four substeps in place of two keep every "
                 "prediction within 25 %.");
    kit_statement(c, "largest error of a run", 100 * four, kit_in_units(kit_at_most(25), "%"));
    kit_needs(c, 3, 0);
    c = kit_ours(x, "floor", "Nets of five matrices: a floor ten times lower or higher keeps every "
                 "prediction within 25 %.");
    kit_statement(c, "largest error of a run", 100 * floors, kit_in_units(kit_at_most(25), "%"));
    kit_needs(c, 3, 0);
}

static const kit_info info = {
    .id = "E24_steps", .title = "Substeps and floor of the two-point flow",
    .statement = "Beyond Theorem 4: docs/edge.md", .beyond = "E24", .key_result = "", .plan = plan,
    .report = report,
};
KIT_MAIN(info)
