/* skipped.h - the paper's program that splits S at the edge of stability (E3). It takes the
 * curvature every 50 steps and loses that step's gradient: every 50th update is skipped. */
#ifndef KIT_SKIPPED_H
#define KIT_SKIPPED_H

#include "published.h"
#include "sweeps.h"

enum { SKIP_EVERY = 50, SKIP_POWER = 20, SKIP_T = 2000 };
static const double skip_etas[] = { 1e-3, 1e-2, 1e-1, 0.5 };

typedef struct skipping { double seed, lr, lambda_max, S, S_skipped, S_head, frac_head; } skipping;
#define SKIP_AT(member) KIT_AT(skipping, member)
static const kit_field skipping_fields[] = {
    KIT_KEY(skipping, seed), KIT_KEY(skipping, lr), KIT_RESULT(skipping, lambda_max),
    KIT_RESULT(skipping, S), KIT_RESULT(skipping, S_skipped), KIT_RESULT(skipping, S_head),
    KIT_RESULT(skipping, frac_head),
};

/* Updates really done before step t of that program: all t but those at 0, 50, 100, ... */
KIT_FN size_t skip_done(size_t t) { return t - (t + SKIP_EVERY - 1) / SKIP_EVERY; }

/* Its summand of step t. A skipped step does not move the weights, so the step after it finds the
 * same gradient, and this gradient enters S twice. */
KIT_FN double skip_delta(const clb_trace *tr, size_t t)
{
    const double *g = tr->g + 2 * skip_done(t);
    return g[1] - g[0];
}

/* lambda_max(0), S with the skips and in its first 50 steps, and S without skips. Training with
 * skips is plain training of fewer updates. */
KIT_FN clb_status skip_train(kit *x, void *run)
{
    skipping *row = (skipping *)run;
    clb_train_opts opts = CLB_ZERO;
    size_t steps = kit_quick(x) ? SKIP_T / 10 : SKIP_T;
    double S = 0;
    clb_trace tr;
    sw_start start;
    clb_status status = sw_start_init(&start, NULL, row->seed, CLB_CE);
    opts.ce = CLB_CE;
    if (!status) {
        clb_linop H = clb_hessian_op(&start.curv);
        status = published_power(&H, SKIP_POWER, &start.problem.rng, &row->lambda_max);
    }
    if (!status)
        status = clb_train(&start.problem.net, &start.problem.data, row->lr, skip_done(steps),
                           &opts, &tr);
    sw_start_free(&start);
    if (status) return status;
    for (size_t t = 0; t < steps; ++t) {
        S += skip_delta(&tr, t);
        if (t < SKIP_EVERY) row->S_head = S;
    }
    row->S_skipped = fabs(S), row->frac_head = row->S_head / row->S_skipped;
    clb_trace_free(&tr);
    status = paper_train(NULL, row->seed, row->lr, steps, &opts, &tr);
    if (status) return status;
    row->S = fabs(tr.S[0]);
    clb_trace_free(&tr);
    return CLB_OK;
}

static const kit_part skips = KIT_PART("skip", "skipped updates", skipping, skip_train);

KIT_FN void skips_add(kit *x, kit_list seeds)
{
    for (size_t i = 0; i < KIT_LEN(skip_etas); ++i)
        for (size_t s = 0; s < seeds.n; ++s) {
            skipping row;
            memset(&row, 0, sizeof row);
            row.seed = seeds.at[s], row.lr = skip_etas[i];
            kit_add(x, &skips, &row);
        }
}

KIT_FN kit_rows skips_at(kit *x, double eta)
{
    return kit_first_published(kit_where(kit_part_runs(x, &skips), SKIP_AT(lr), eta), 3);
}

/* The paper's split of S: its first 50 steps are "at the edge" where eta lambda_max(0) >= 2. */
KIT_FN void skips_table(kit *x)
{
    kit_table *t = KIT_TABLE(x, "skip", "S split by the edge of stability as in the paper, every "
                             "50th update skipped, and without the skip", "lr", "S_total",
                             "S_no_skip", "S_pre_eos", "S_at_eos", "avg_delta_pre",
                             "avg_delta_eos", "max_lambda_max", "eos_ratio", "frac_pre_eos",
                             "frac_at_eos");
    for (size_t i = 0; i < KIT_LEN(skip_etas); ++i) {
        kit_rows rows = skips_at(x, skip_etas[i]);
        double S = kit_mean(rows, SKIP_AT(S_skipped)), lambda = kit_mean(rows, SKIP_AT(lambda_max));
        int edge = skip_etas[i] * lambda >= 2;
        double at = edge ? kit_mean(rows, SKIP_AT(S_head)) : 0;
        double share = edge ? kit_mean(rows, SKIP_AT(frac_head)) : 0;
        double steps = at > 0 ? SKIP_T - SKIP_EVERY : SKIP_T;
        KIT_LINE(t, skip_etas[i], S, kit_mean(rows, SKIP_AT(S)), S - at, at, (S - at) / steps,
                 at / SKIP_EVERY, lambda, skip_etas[i] * lambda / 2, 1 - share, share);
    }
}

#endif /* KIT_SKIPPED_H */
