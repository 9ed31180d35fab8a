/* E21, beyond the paper: mode coefficients of ReLU nets matched mode by mode, up to the edge.
 *   cc -O2 -DCLB_STATIC -o by_index examples/beyond/e21_by_index.c -lm && ./by_index        (20 s)
 * The energy |G_1 u_k|^2 of the first layer's gradient in the modes u_k of the inputs' covariance
 * is compared with the theory of the effective linear net (E21) mode by mode, without sorting,
 * with a permutation test; and the gates that switch are counted in the next step that is really
 * taken. "sweep": the four learning rates of E21. "edge": eta = 2 f / lambda_max(0), f = 0.1
 * ... 1.1. */
#define CLB_IMPLEMENTATION
#include "../../clb.h"
#include "../kit/kit.h"

enum { T = 500, SIGNAL = 5, ETAS = 4, FS = 4 };
static const double etas[ETAS] = { 0.0005, 0.001, 0.003, 0.01 }, fs[FS] = { 0.1, 0.5, 0.9, 1.1 };

typedef struct results {
    modes_results of;
    double eta, matched_log_R, matched_log_R_signal, matched_p, switches_real_target, phase,
        final_loss;
    kit_list G1_energy, theory;
} results;
typedef struct at_rate { double seed, lr; results r; } at_rate;
typedef struct at_edge { double seed, f; results r; } at_edge;
#define RESULT_FIELDS(type)                                                                        \
    MODES_FIELDS(type, r.of), KIT_RESULT_OF(type, r, eta), KIT_RESULT_OF(type, r, matched_log_R),  \
    KIT_RESULT_OF(type, r, matched_log_R_signal), KIT_RESULT_OF(type, r, matched_p),               \
    KIT_RESULT_OF(type, r, switches_real_target), KIT_RESULT_OF(type, r, phase),                   \
    KIT_RESULT_OF(type, r, final_loss), KIT_RESULT_ARRAY_OF(type, r, G1_energy),                   \
    KIT_RESULT_ARRAY_OF(type, r, theory)
static const kit_field at_rate_fields[] = { KIT_KEY(at_rate, seed), KIT_KEY(at_rate, lr),
                                            RESULT_FIELDS(at_rate) };
static const kit_field at_edge_fields[] = { KIT_KEY(at_edge, seed), KIT_KEY(at_edge, f),
                                            RESULT_FIELDS(at_edge) };

/* energy[k] = |G_1 u_k|^2, u_k the eigenvectors of X^T X/n, eigenvalues descending. */
static clb_status energies(const paper_problem *p, double *energy)
{
    size_t d = p->data.d, m = p->net.m[1], n = p->data.n;
    kit_arena arena = { NULL };
    double *values = kit_new(&arena, d, sizeof *values);
    clb_real *sigma = kit_new(&arena, d * d, sizeof *sigma), *u = kit_new(&arena, d * d, sizeof *u),
             *grad = kit_new(&arena, p->net.P, sizeof *grad);
    clb_pass pass;
    clb_status status = clb_pass_init(&pass, &p->net, &p->data, CLB_MSE);
    if (!status) {
        clb_grad(&pass, NULL, grad);
        clb_pass_free(&pass);
        for (size_t i = 0; i < n; ++i)
            for (size_t a = 0; a < d; ++a)
                for (size_t b = 0; b < d; ++b)
                    sigma[a * d + b] += p->data.X[i * d + a] * p->data.X[i * d + b] / (clb_real)n;
        status = clb_jacobi(d, sigma, d, values, u);                 /* ascending; row k is u_k */
    }
    for (size_t k = 0; k < d && !status; ++k)
        for (size_t j = 0; j < m; ++j) {
            double dot = 0;
            for (size_t a = 0; a < d; ++a)
                dot += (double)grad[j * d + a] * (double)u[(d - 1 - k) * d + a];
            energy[k] += dot * dot;
        }
    kit_arena_free(&arena);
    return status;
}

static clb_status match(kit *x, results *r, const paper_problem *p)
{
    double *energy = kit_doubles(x, p->data.d), active;
    clb_linear_modes m;
    clb_status status = modes_of_relu(x, &r->of, &p->net, &p->data, &m, &active);
    if (status) return status;
    if (!(status = energies(p, energy))) {
        r->G1_energy = kit_keep(x, m.d, energy), r->theory = kit_keep(x, m.d, m.c_published);
        r->matched_log_R = clb_pearson_log(m.d, energy, m.c_published, 0, 0);
        r->matched_log_R_signal = clb_pearson_log(SIGNAL, energy, m.c_published, 0, 0);
        r->matched_p = modes_permutation_p(m.d, energy, m.c_published, 21);
    }
    clb_linear_modes_free(&m);
    return status;
}

/* f: eta in units of 2 / lambda_max(0), NaN where eta itself is given. */
static clb_status measure(kit *x, results *r, double seed, double eta, double f)
{
    double top;
    paper_problem p;
    clb_trace tr;
    clb_status status = paper_problem_init(&p, NULL, seed);
    if (status) return status;
    status = paper_sharpness(&p, CLB_MSE, &top, NULL);
    r->eta = isnan(f) ? eta : 2 * f / top;
    if (!status) status = kit_train(&p.net, &p.data, r->eta, kit_quick(x) ? 50 : T, NULL, &tr);
    if (!status) {
        r->final_loss = tr.loss[tr.T - 1];
        clb_trace_free(&tr);
        status = match(x, r, &p);
        if (!status) status = modes_switches(&p.net, &p.data, r->eta, &r->switches_real_target);
        r->phase = clb_phase(r->eta, r->of.lambda_max);
    }
    paper_problem_free(&p);
    return status;
}

static clb_status run_rate(kit *x, void *run)
{
    at_rate *row = run;
    return measure(x, &row->r, row->seed, row->lr, KIT_NAN);
}
static clb_status run_edge(kit *x, void *run)
{
    at_edge *row = run;
    return measure(x, &row->r, row->seed, KIT_NAN, row->f);
}
static const kit_part sweep = KIT_PART("sweep", "The learning rates of E21", at_rate, run_rate);
static const kit_part edge = KIT_PART("edge", "Up to the edge of stability", at_edge, run_edge);

static void plan(kit *x)
{
    kit_list seeds = kit_seeds(x, kit_quick(x) ? 1 : 3), lrs = kit_lrs(x, etas, ETAS);
    kit_config(x, "n_steps", T);
    for (size_t i = 0; i < lrs.n; ++i)
        for (size_t s = 0; s < seeds.n; ++s)
            kit_add(x, &sweep, &(at_rate){ .seed = seeds.at[s], .lr = lrs.at[i] });
    for (size_t i = 0; i < FS && !kit_quick(x); ++i)
        for (size_t s = 0; s < seeds.n; ++s)
            kit_add(x, &edge, &(at_edge){ .seed = seeds.at[s], .f = fs[i] });
}

/* ---- what follows from the runs ------------------------------------------------------------- */

typedef struct found { double phase[FS], R[FS], signal, first, R_edge, phase_edge; } found;

static void tables(kit *x, kit_list lrs, found *f)
{
    kit_table *t = KIT_TABLE(x, "by index",
                             "By eta, means over the seeds: R of the logarithms mode by mode over "
                             "20 modes and over the five signal modes, its permutation p, gates "
                             "that switch in the next step",
                             "lr", "matched_log_R", "matched_log_R_signal", "matched_p",
                             "switches_real_target");
    f->signal = 0, f->R_edge = f->phase_edge = KIT_NAN;
    for (size_t i = 0; i < lrs.n; ++i) {
        kit_rows r =
            kit_published(kit_where(kit_part_runs(x, &sweep), KIT_AT(at_rate, lr), lrs.at[i]));
        double matched = kit_mean(r, KIT_AT(at_rate, r.matched_log_R)),
               signal = kit_mean(r, KIT_AT(at_rate, r.matched_log_R_signal));
        if (i == 0) f->first = matched;
        f->signal += signal / (double)lrs.n;
        KIT_LINE(t, lrs.at[i], matched, signal, kit_mean(r, KIT_AT(at_rate, r.matched_p)),
                 kit_mean(r, KIT_AT(at_rate, r.switches_real_target)));
    }
    t = KIT_TABLE(x, "up to the edge",
                  "The same at eta = 2 f / lambda_max(0), and R of the sorted lists", "f",
                  "ck_correlation", "R_one_over_rank", "matched_log_R", "matched_log_R_signal",
                  "switches_real_target", "phase", "final_loss");
    for (size_t i = 0; i < FS; ++i) {
        kit_rows r = kit_where(kit_part_runs(x, &edge), KIT_AT(at_edge, f), fs[i]);
        f->R[i] = kit_mean(r, KIT_AT(at_edge, r.of.ck_correlation));
        f->phase[i] = kit_mean(r, KIT_AT(at_edge, r.phase));
        if (!r.n) continue;
        KIT_LINE(t, fs[i], f->R[i], kit_mean(r, KIT_AT(at_edge, r.of.R_one_over_rank)),
                 kit_mean(r, KIT_AT(at_edge, r.matched_log_R)),
                 kit_mean(r, KIT_AT(at_edge, r.matched_log_R_signal)),
                 kit_mean(r, KIT_AT(at_edge, r.switches_real_target)), f->phase[i],
                 kit_mean(r, KIT_AT(at_edge, r.final_loss)));
        f->R_edge = f->R[i], f->phase_edge = f->phase[i];
    }
}

static void claims(kit *x, const found *f)
{
    kit_claim *c = kit_ours(x, "signal_modes",
                            "The energies of the signal modes follow the theory mode by mode.");
    kit_statement(c, "R of the logarithms over the five signal modes, mean over eta", f->signal,
                  kit_above(0.9));
    c = kit_ours(x, "all_modes", "The theory tells signal modes from noise modes.");
    kit_statement(c, "R of the logarithms over 20 modes at the least eta", f->first,
                  kit_above(0.9));
    c = kit_ours(x, "at_the_edge",
                 "The sorted lists score R > 0.8 in a run that goes to the edge, too.");
    kit_statement(c, "R at f = 1.1", f->R_edge, kit_above(0.8));
    kit_show(c, "eta lambda_max/2 after 500 steps there", f->phase_edge);
    kit_needs(c, 3, 0);
}

static void figure(kit *x, const found *f)
{
    kit_rows all = kit_part_runs(x, &sweep);
    plot *p = kit_figure(x, "by_index", 2, 1);
    plot_panel *a = plot_add(p, "Energy of G_1 in data modes", "theory", "|G_1 u_k|^2", PLOT_LOG);
    for (size_t i = 0; i < all.n; ++i) {
        const at_rate *row = all.at[i];
        if (row->seed != ((const at_rate *)all.at[0])->seed
            || (row->lr != etas[0] && row->lr != etas[3]))
            continue;
        plot_points(a, row->lr == etas[0] ? PLOT_BLUE : PLOT_PURPLE, row->r.theory.n,
                    row->r.theory.at, row->r.G1_energy.at, kit_print(x, "eta = %g", row->lr));
    }
    a = plot_add(p, "Up to the edge", "eta lambda_max / 2 after 500 steps", "R of the sorted lists",
                 PLOT_LINEAR);
    plot_points(a, PLOT_ORANGE, FS, f->phase, f->R, "mean over seeds");
    plot_range_x(a, 0, 1.1), plot_vertical(a, 1, "edge");
    plot_caption(p, "Mode by mode the theory tells signal from noise, not the signal modes from "
                    "each other.");
}

static void report(kit *x)
{
    kit_list lrs = kit_lrs(x, etas, ETAS);
    found f;
    tables(x, lrs, &f);
    claims(x, &f);
    if (kit_part_runs(x, &sweep).n) figure(x, &f);
}

static const kit_info info = {
    .id = "E21_by_index",
    .title = "Mode coefficients of ReLU nets, mode by mode",
    .statement = "Theorem 5",
    .beyond = "E21",
    .plan = plan,
    .report = report,
};
KIT_MAIN(info)
