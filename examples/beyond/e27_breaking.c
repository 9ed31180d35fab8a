/* E27  Does breaking the conservation laws help?                            open problem (iii), E4
 *   cc -O2 -DCLB_STATIC -o e27 examples/beyond/e27_breaking.c -lm && ./e27                   (20 s)
 * The paper advises to train at eta ~ 2/lambda_max: that maximises breaking and improves training.
 * Setup   20-16-5 ReLU net, squared loss, mixture of 200 points with separation 0.5, half of them
 *         for the test; 300 steps of gradient descent with eta_t = c 2/lambda_max(t), c = 0.1 ...
 *         1.5, lambda_max by Lanczos every 5 steps; and with the mean of these eta_t, constant: as
 *         many steps and as much time. Fifty seeds.
 * Measure drift |C(T) - C(0)|, training loss, accuracy on the test half, lambda_max at the end, and
 *         the loss at equal time, when the sum of eta_t reaches 40. Per seed: rank correlation over
 *         the nine c of the drift with loss, accuracy and final lambda_max; their means have 95 %
 *         intervals from 10,000 bootstrap samples of the seeds. And the c of the lowest loss.
 * Rules   written before the run. A run that diverges is left out and counted; a seed with fewer
 *         than five c left has no correlation. Breaking is largest at the edge: the median over the
 *         seeds of the c with the largest drift is 0.9 to 1.1. It helps: the interval of the
 *         correlation is below 0 (loss), above 0 (accuracy). The schedule helps: at c = 1 the loss
 *         is below that of constant eta for 60 % of the seeds.
 * Added   after the run, because the loss falls and then rises with c, which a rank correlation
 *         does not see: the training loss is least at the edge, the median over the seeds of the c
 *         with the lowest loss is 0.9 to 1.1. */
#define CLB_IMPLEMENTATION
#include "../../clb.h"
#include "../kit/kit.h"

enum { T = 300, EVERY = 5, LEAST_C = 5, TIME = 40 };
static const double cs[] = { 0.1, 0.3, 0.5, 0.7, 0.9, 1, 1.1, 1.3, 1.5 };
enum { CS = KIT_LEN(cs) };

/* At the end; at_time: the loss when the sum of the step sizes reaches TIME. */
typedef struct end_state { double drift, loss, at_time, accuracy, sharpness, diverged; } end_state;
typedef struct pair_run {
    double seed, c;
    double mean_eta;
    end_state edge, flat;              /* eta_t = c 2/lambda_max(t); constant */
} pair_run;
#define END_FIELDS(of)                                                                             \
    KIT_FIELD_NAMED(#of "_drift", pair_run, of.drift, double, KIT_KIND_NUMBER, 0, ""),             \
    KIT_FIELD_NAMED(#of "_loss", pair_run, of.loss, double, KIT_KIND_NUMBER, 0, ""),               \
    KIT_FIELD_NAMED(#of "_at_time", pair_run, of.at_time, double, KIT_KIND_NUMBER, 0, ""),         \
    KIT_FIELD_NAMED(#of "_accuracy", pair_run, of.accuracy, double, KIT_KIND_NUMBER, 0, ""),       \
    KIT_FIELD_NAMED(#of "_sharpness", pair_run, of.sharpness, double, KIT_KIND_NUMBER, 0, ""),     \
    KIT_FIELD_NAMED(#of "_diverged", pair_run, of.diverged, double, KIT_KIND_NUMBER, 0, "")
static const kit_field pair_run_fields[] = {
    KIT_KEY(pair_run, seed), KIT_KEY(pair_run, c), KIT_RESULT(pair_run, mean_eta), END_FIELDS(edge),
    END_FIELDS(flat),
};
#define PAIR_AT(member) KIT_AT(pair_run, member)

/* ---- one run --------------------------------------------------------------------------------- */

/* eta_t follows lambda_max, which an observer measures. */
typedef struct follow {
    double      c, eta, sum;
    size_t      reached;                /* steps until the sum of eta_t is TIME */
    clb_curv   *curv;
    clb_real   *start;                  /* eigenvector of the look before */
    clb_status  status;
} follow;

static clb_verdict look(void *context, const clb_state *state)
{
    follow *f = context;
    clb_lanczos_opts how = {
        .tol = 1e-2, .basis = 20, .no_check = 1, .start = state->t ? f->start : NULL
    };
    clb_linop H = clb_hessian_op(f->curv);
    clb_eigs top;
    clb_curv_at(f->curv, state->net->theta);
    f->status = clb_lanczos(&H, 1, &how, &top);
    if (f->status && f->status != CLB_ENOCONV) return CLB_STOP; /* the best estimate will do */
    f->status = CLB_OK, f->eta = f->c * 2 / fmax(top.value[0], 1e-3);
    memcpy(f->start, top.vector, H.n * sizeof *f->start);
    clb_eigs_free(&top);
    return CLB_CONTINUE;
}
static double eta_now(void *context, size_t t)
{
    follow *f = context;
    f->sum += f->eta;
    if (f->sum < TIME) f->reached = t + 2;
    return f->eta;
}

/* Trains a copy of the net; what it ends in. *reached: the steps until the sum of the step sizes is
 * TIME, which the training itself may count. */
static clb_status end_of(end_state *end, const clb_net *start, const clb_data *train,
                         const clb_data *test, double eta, const clb_train_opts *how,
                         const size_t *reached, clb_curv *curv)
{
    clb_net net;
    clb_trace tr;
    clb_status status = clb_net_copy(&net, start);
    if (status) return status;
    status = clb_train(&net, train, eta, T, how, &tr);
    end->diverged = status == CLB_EDIVERGED;
    if (!status) {
        end->drift = fabs(clb_trace_drift(&tr, 1)), end->loss = tr.loss[T];
        if (*reached <= T) end->at_time = tr.loss[*reached];
        status = clb_evaluate(&net, test, CLB_MSE, NULL, &end->accuracy);
        clb_curv_at(curv, net.theta);
        if (!status) status = clb_sharpness(curv, NULL, &end->sharpness, NULL);
    }
    if (!status || status == CLB_EDIVERGED) clb_trace_free(&tr);
    clb_net_free(&net);
    return status == CLB_EDIVERGED ? CLB_OK : status;
}

static clb_status train_pair(pair_run *row, const clb_net *net, const clb_data *train,
                             const clb_data *test, follow *f)
{
    clb_observer observer = { .call = look, .context = f, .every = EVERY };
    clb_train_opts how = { .observers = &observer, .observer_count = 1 };
    size_t reached;
    clb_status status;
    how.schedule.call = eta_now, how.schedule.context = f, f->reached = 1;
    status = end_of(&row->edge, net, train, test, 1, &how, &f->reached, f->curv);
    if (status || f->status || row->edge.diverged == 1) return status ? status : f->status;
    row->mean_eta = f->sum / T, reached = (size_t)ceil(TIME / row->mean_eta);
    return end_of(&row->flat, net, train, test, row->mean_eta, NULL, &reached, f->curv);
}

static clb_status run_pair(kit *x, void *run)
{
    pair_run *row = run;
    paper_opts opts = { .m = 16, .separation = 0.5 };
    paper_problem p;
    clb_data train, test;
    clb_pass pass;
    clb_curv curv;
    follow f = { .c = row->c, .eta = 1e-3, .curv = &curv };
    clb_status status = paper_problem_init(&p, &opts, row->seed);
    if (status) return status;
    f.start = (clb_real *)kit_new(&x->arena, p.net.P, sizeof *f.start);
    if (!(status = clb_data_split(&p.data, &p.rng, 0.5, &train, &test))) {
        if (!(status = clb_pass_init(&pass, &p.net, &train, CLB_MSE))) {
            if (!(status = clb_curv_init(&curv, &pass))) {
                status = train_pair(row, &p.net, &train, &test, &f);
                clb_curv_free(&curv);
            }
            clb_pass_free(&pass);
        }
        clb_data_free(&train), clb_data_free(&test);
    }
    paper_problem_free(&p);
    return status;
}
static const kit_part pairs = KIT_PART("pairs", "Schedules and constant step sizes", pair_run,
                                       run_pair);

static void plan(kit *x)
{
    kit_list seeds = kit_seeds(x, kit_quick(x) ? 2 : 50);
    kit_config(x, "T", T);
    for (size_t s = 0; s < seeds.n; ++s)
        for (size_t k = 0; k < CS; ++k)
            kit_add(x, &pairs, &(pair_run){ .seed = seeds.at[s], .c = cs[k] });
}

/* ---- what follows from the runs -------------------------------------------------------------- */

static double mean_of(kit_rows rows, kit_at at) /* over the runs that did not diverge */
{
    kit_list v = kit_values(rows, at);
    return clb_summarize(v.n, v.at).mean;
}

/* Per seed, over the c whose run did not diverge: rank correlations with the drift; the c with the
 * largest drift, and those with the lowest loss at the end, at equal time, and of a constant step
 * size; whether at c = 1 the schedule ends below the constant step size. */
enum { WITH_LOSS, WITH_ACCURACY, WITH_SHARPNESS, MOST_DRIFT, LEAST_LOSS, LEAST_AT_TIME,
       LEAST_CONSTANT, WINS, LISTS };
typedef struct per_seed {
    size_t  n[LISTS];
    double *at[LISTS];
} per_seed;

static void put(per_seed *seeds, int list, double value)
{
    seeds->at[list][seeds->n[list]++] = value;
}
static kit_list list_of(const per_seed *seeds, int list)
{
    return (kit_list){ seeds->n[list], seeds->at[list] };
}

/* The c of the run with the largest sign times the member. */
static double c_of_most(kit_rows rows, kit_at at, double sign)
{
    kit_list v = kit_values(rows, at), c = kit_values(rows, PAIR_AT(c));
    size_t most = 0;
    for (size_t i = 0; i < v.n; ++i)
        if (isnan(v.at[most]) || sign * v.at[i] > sign * v.at[most]) most = i;
    return c.at[most];
}

static void one_seed(per_seed *out, kit_rows rows)
{
    const kit_at with[] = { PAIR_AT(edge.loss), PAIR_AT(edge.accuracy), PAIR_AT(edge.sharpness) };
    kit_list drift = kit_values(rows, PAIR_AT(edge.drift));
    kit_rows at_1 = kit_where(kit_where(rows, PAIR_AT(c), 1), PAIR_AT(flat.diverged), 0);
    for (int k = 0; k < 3; ++k)
        put(out, WITH_LOSS + k,
            clb_spearman(rows.n, drift.at, kit_values(rows, with[k]).at));
    put(out, MOST_DRIFT, c_of_most(rows, PAIR_AT(edge.drift), 1));
    put(out, LEAST_LOSS, c_of_most(rows, PAIR_AT(edge.loss), -1));
    put(out, LEAST_AT_TIME, c_of_most(rows, PAIR_AT(edge.at_time), -1));
    put(out, LEAST_CONSTANT, c_of_most(rows, PAIR_AT(flat.loss), -1));
    if (at_1.n) {
        const pair_run *r = at_1.at[0];
        put(out, WINS, r->edge.loss < r->flat.loss);
    }
}

static per_seed seeds_of(kit *x, kit_rows all, kit_list seeds)
{
    per_seed out = { { 0 }, { NULL } };
    for (size_t i = 0; i < LISTS; ++i) out.at[i] = kit_doubles(x, seeds.n);
    for (size_t s = 0; s < seeds.n; ++s) {
        kit_rows rows = kit_where(kit_where(all, PAIR_AT(seed), seeds.at[s]),
                                  PAIR_AT(edge.diverged), 0);
        if (rows.n >= LEAST_C) one_seed(&out, rows);
    }
    return out;
}

static double median_of(const per_seed *seeds, int list)
{
    return clb_median(seeds->n[list], seeds->at[list]);
}

static void claims(kit *x, const per_seed *seeds)
{
    kit_summary_item *loss = kit_summary_mean(x, "rank_correlation_loss",
                                              list_of(seeds, WITH_LOSS)),
                     *accuracy = kit_summary_mean(x, "rank_correlation_accuracy",
                                                  list_of(seeds, WITH_ACCURACY)),
                     *wins = kit_summary_mean(x, "schedule_wins_at_1", list_of(seeds, WINS));
    kit_claim *c = kit_ours(x, "largest", "Breaking is largest at eta = 2/lambda_max.");
    kit_summary_mean(x, "rank_correlation_sharpness", list_of(seeds, WITH_SHARPNESS));
    kit_statement(c, "c with the largest drift, median over the seeds",
                  median_of(seeds, MOST_DRIFT), kit_within(1, 0.1001));
    kit_needs(c, 50, 0);
    c = kit_ours(x, "loss",
                 "The more breaking, the lower the training loss after equally many steps.");
    kit_statement(c, "rank correlation of drift and loss, upper end of its interval", loss->hi,
                  kit_below(0));
    kit_show(c, "mean", loss->value), kit_needs(c, 50, 0);
    kit_remark(c, "The loss falls with c up to the edge and rises beyond it, so that a rank "
                  "correlation is near 0 whatever breaking does: see the claim on the least loss.");
    c = kit_ours(x, "accuracy", "The more breaking, the better the accuracy on the test set.");
    kit_statement(c, "rank correlation of drift and accuracy, lower end of its interval",
                  accuracy->lo, kit_above(0));
    kit_show(c, "mean", accuracy->value), kit_needs(c, 50, 0);
    c = kit_ours(x, "schedule",
                 "To follow 2/lambda_max is better than a constant step size of the same mean.");
    kit_statement(c, "share of the seeds in which the loss at c = 1 is lower", wins->value,
                  kit_at_least(0.6));
    kit_needs(c, 50, 0);
    c = kit_ours(x, "best_c",
                 "After equally many steps the training loss is least at the edge, "
                 "eta = 2/lambda_max.");
    kit_statement(c, "c with the lowest loss, median over the seeds",
                  median_of(seeds, LEAST_LOSS), kit_within(1, 0.1001));
    kit_show(c, "of constant step sizes", median_of(seeds, LEAST_CONSTANT));
    kit_show(c, "after equal time instead", median_of(seeds, LEAST_AT_TIME));
    kit_remark(c, "Added after the run.");
    kit_needs(c, 50, 0);
}

/* How often each c has the lowest loss. */
static void best_table(kit *x, const per_seed *seeds)
{
    static const int lists[] = { MOST_DRIFT, LEAST_LOSS, LEAST_AT_TIME, LEAST_CONSTANT };
    kit_table *t = KIT_TABLE(x, "best", "Number of seeds in which this c has the largest drift, "
                             "the lowest loss after equally many steps, after equal time, and of "
                             "the constant step sizes",
                             "c", "largest_drift", "lowest_loss", "lowest_loss_at_time",
                             "lowest_loss_constant");
    for (size_t k = 0; k < CS; ++k) {
        double count[KIT_LEN(lists)] = { 0 };
        for (size_t i = 0; i < KIT_LEN(lists); ++i)
            for (size_t s = 0; s < seeds->n[lists[i]]; ++s)
                count[i] += seeds->at[lists[i]][s] == cs[k];
        KIT_LINE(t, cs[k], count[0], count[1], count[2], count[3]);
    }
}

static void report(kit *x)
{
    kit_rows all = kit_part_runs(x, &pairs);
    kit_list seeds = kit_seeds(x, kit_quick(x) ? 2 : 50);
    kit_table *t = KIT_TABLE(x, "schedules",
                             "Means over the seeds: eta_t = c 2/lambda_max(t), and (constant) "
                             "their mean; at_time: when the sum of eta_t is 40; lost: runs that "
                             "diverged",
                             "c", "runs", "lost", "drift", "loss", "loss_at_time", "test_accuracy",
                             "sharpness", "mean_eta", "lost_constant", "drift_constant",
                             "loss_constant", "loss_at_time_constant", "test_accuracy_constant",
                             "sharpness_constant");
    double loss[2][CS], right[2][CS];
    per_seed by_seed = seeds_of(x, all, seeds);
    plot *p = kit_figure(x, "breaking", 2, 1);
    plot_panel *a;
    for (size_t k = 0; k < CS; ++k) {
        kit_rows r = kit_where(all, PAIR_AT(c), cs[k]),
                 kept = kit_where(r, PAIR_AT(edge.diverged), 0),
                 flat = kit_where(kept, PAIR_AT(flat.diverged), 0);
        loss[0][k] = mean_of(kept, PAIR_AT(edge.loss)),
        loss[1][k] = mean_of(flat, PAIR_AT(flat.loss));
        right[0][k] = mean_of(kept, PAIR_AT(edge.accuracy)),
        right[1][k] = mean_of(flat, PAIR_AT(flat.accuracy));
        KIT_LINE(t, cs[k], (double)r.n, (double)(r.n - kept.n), mean_of(kept, PAIR_AT(edge.drift)),
                 loss[0][k], mean_of(kept, PAIR_AT(edge.at_time)), right[0][k],
                 mean_of(kept, PAIR_AT(edge.sharpness)), mean_of(kept, PAIR_AT(mean_eta)),
                 (double)(kept.n - flat.n), mean_of(flat, PAIR_AT(flat.drift)), loss[1][k],
                 mean_of(flat, PAIR_AT(flat.at_time)), right[1][k],
                 mean_of(flat, PAIR_AT(flat.sharpness)));
    }
    claims(x, &by_seed), best_table(x, &by_seed);
    a = plot_add(p, "Training loss after 300 steps", "c = eta lambda_max/2", "loss", PLOT_LOGY);
    plot_points(a, PLOT_BLUE, CS, cs, loss[0], "eta follows 2c/lambda_max");
    plot_points(a, PLOT_ORANGE | PLOT_SQUARE, CS, cs, loss[1], "constant, the same mean");
    a = plot_add(p, "Accuracy on the test half", "c = eta lambda_max/2", "accuracy", PLOT_LINEAR);
    plot_points(a, PLOT_BLUE, CS, cs, right[0], "eta follows 2c/lambda_max");
    plot_points(a, PLOT_ORANGE | PLOT_SQUARE, CS, cs, right[1], "constant, the same mean");
    plot_caption(p, "Step sizes that follow the sharpness at a distance c from the edge of "
                    "stability, and constant ones of the same mean: loss and test accuracy, means "
                    "over fifty seeds.");
}

static const kit_info info = {
    .id = "E27", .title = "Does breaking the conservation laws help?",
    .statement = "Beyond Theorem 2, open problem (iii)", .key_result = "", .plan = plan,
    .report = report,
};
KIT_MAIN(info)
