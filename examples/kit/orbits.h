/* orbits.h - how many independent laws the gradient flow of a network has (E30): P less the rank of
 * the Lie algebra that the gradient fields generate, counted numerically with a gap that says how
 * sure it is. */
#ifndef KIT_ORBITS_H
#define KIT_ORBITS_H

#include "memory.h"

/* Skip connections. clb_net has none, but units with the identity as fixed weights copy values that
 * are never negative through a ReLU layer, and two weights may be one parameter:
 *   input          f = V x + W2 s(W1 x)            copies of the inputs, drawn positive, in layer 1
 *   concatenated   f = A s(W2 h) + B h             h = s(W1 x); copies of h in layer 2
 *   added          f = A (s(W2 h) + h)             the same with B = A: a residual block */
typedef enum orbit_skip { ORBIT_PLAIN, ORBIT_INPUT, ORBIT_CONCATENATED, ORBIT_ADDED } orbit_skip;

enum { ORBIT_SUBSTEPS = 4, ORBIT_MOST_SETS = 12, ORBIT_DEEPEST = 4 };
static const double orbit_span = 0.1, orbit_least = sizeof(clb_real) == 4 ? 1e-3 : 1e-7;

/* widths: without the copies. */
typedef struct orbit_net {
    const char    *name;
    clb_activation activation;
    size_t         widths[ORBIT_DEEPEST + 1], count, samples;
    int            bias, momentum;
    orbit_skip     skip;
} orbit_net;

typedef struct count_run {
    double seed, net;
    double P, rank, laws, known, shortest_kept, longest_left, sets;
} count_run;
static const kit_field count_run_fields[] = {
    KIT_KEY(count_run, seed), KIT_KEY(count_run, net), KIT_RESULT(count_run, P),
    KIT_RESULT(count_run, rank), KIT_RESULT(count_run, laws), KIT_RESULT(count_run, known),
    KIT_RESULT(count_run, shortest_kept), KIT_RESULT(count_run, longest_left),
    KIT_RESULT(count_run, sets),
};

/* ---- a point (row 0) and the vectors that travel with it (rows 1..count) --------------------- */

typedef struct travel {
    kit_arena  arena;
    clb_net    net;
    clb_data   data;
    clb_pass   pass;
    clb_curv   curv;
    clb_rng    rng;
    int        momentum;
    size_t     P, D, count;         /* parameters; numbers a row; vectors in use */
    size_t    *from;                /* [net.P] the parameter that a weight is, or ORBIT_FIXED */
    clb_real  *fixed, *wide, *slope;    /* [net.P] fixed weights, 0 elsewhere; work */
    clb_real  *x, *rate, *mid, *sum, *q;
} travel;
#define ORBIT_FIXED ((size_t)-1)

/* All weights of a point, or of a vector: its fixed weights are 0. */
KIT_FN const clb_real *travel_widen(travel *v, const clb_real *x, int is_point)
{
    for (size_t i = 0; i < v->net.P; ++i)
        v->wide[i] = v->from[i] != ORBIT_FIXED ? x[v->from[i]] : is_point ? v->fixed[i] : 0;
    return v->wide;
}
/* The derivative by the parameters from that by the weights. */
KIT_FN void travel_narrow(const travel *v, const clb_real *g, clb_real *out)
{
    for (size_t k = 0; k < v->P; ++k) out[k] = 0;
    for (size_t i = 0; i < v->net.P; ++i)
        if (v->from[i] != ORBIT_FIXED) out[v->from[i]] += g[i];
}

/* The right-hand side at x, for the point and, linearised, for the vectors. */
KIT_FN void travel_right_side(travel *v, const clb_real *x, clb_real *rate)
{
    size_t P = v->P, D = v->D;
    clb_curv_at(&v->curv, travel_widen(v, x, 1));
    for (size_t i = 0; i <= v->count; ++i) {
        const clb_real *from = x + i * D;
        clb_real *to = rate + i * D, *force = v->momentum ? to + P : to;
        if (i) clb_hvp(&v->curv, travel_widen(v, from, 0), v->slope);
        travel_narrow(v, i ? v->slope : v->curv.grad, force);
        for (size_t k = 0; k < P; ++k) force[k] = -force[k] - (v->momentum ? from[P + k] : 0);
        if (v->momentum) memcpy(to, from + P, P * sizeof *to), to[2 * P] = i == 0;
    }
}

KIT_FN void travel_runge_kutta(travel *v, double h)
{
    static const double at[] = { 0.5, 0.5, 1 }, weight[] = { 1, 2, 2, 1 };
    size_t n = (v->count + 1) * v->D;
    memcpy(v->sum, v->x, n * sizeof *v->sum), memcpy(v->mid, v->x, n * sizeof *v->mid);
    for (int stage = 0; stage < 4; ++stage) {
        travel_right_side(v, v->mid, v->rate);
        clb_axpy(n, (clb_real)(h * weight[stage] / 6), v->rate, v->sum);
        memcpy(v->mid, v->x, n * sizeof *v->mid);
        if (stage < 3) clb_axpy(n, (clb_real)(h * at[stage]), v->rate, v->mid);
    }
    memcpy(v->x, v->sum, n * sizeof *v->x);
}

/* The fields at the point join: J^T e of every sample and output; with momentum the drift too. */
KIT_FN void travel_join(travel *v)
{
    size_t P = v->P, outputs = v->data.n * v->data.K;
    clb_curv_at(&v->curv, travel_widen(v, v->x, 1));
    for (size_t k = 0; k < outputs; ++k) {
        clb_real *row = v->x + ++v->count * v->D;
        memset(row, 0, v->D * sizeof *row), memset(v->q, 0, outputs * sizeof *v->q);
        v->q[k] = 1;
        clb_vjp(&v->curv, v->q, v->slope);
        travel_narrow(v, v->slope, v->momentum ? row + P : row);
    }
    if (v->momentum)
        travel_right_side(v, v->x, v->rate),
            memcpy(v->x + ++v->count * v->D, v->rate, v->D * sizeof *v->x);
}

KIT_FN double travel_length(size_t n, const clb_real *x) { return clb_sqrt(clb_dot(n, x, x)); }
KIT_FN void travel_scale(size_t n, double s, clb_real *x)
{
    for (size_t k = 0; k < n; ++k) x[k] = (clb_real)(s * (double)x[k]);
}

/* Gram-Schmidt on the vectors, of length 1 at first, longest remainder first, into a basis. */
KIT_FN void travel_orthonormalise(travel *v, count_run *row)
{
    size_t D = v->D, rank = 0;
    clb_real *V = v->x + D;
    for (size_t i = 0; i < v->count; ++i)
        travel_scale(D, 1 / fmax(travel_length(D, V + i * D), 1e-300), V + i * D);
    row->shortest_kept = 1, row->longest_left = 0;
    for (; rank < v->count; ++rank) {
        double longest = 0;
        size_t best = rank;
        for (size_t i = rank; i < v->count; ++i) {
            double size = travel_length(D, V + i * D);
            if (size > longest) longest = size, best = i;
        }
        if (longest <= orbit_least) { row->longest_left = longest; break; }
        row->shortest_kept = fmin(row->shortest_kept, longest);
        memcpy(v->rate, V + best * D, D * sizeof *V),
            memmove(V + best * D, V + rank * D, D * sizeof *V);
        memcpy(V + rank * D, v->rate, D * sizeof *V);
        travel_scale(D, 1 / longest, V + rank * D);
        for (size_t k = 0; k < rank; ++k) /* once more: orthogonal to rounding */
            clb_axpy(D, (clb_real)-clb_dot(D, V + k * D, V + rank * D), V + k * D, V + rank * D);
        travel_scale(D, 1 / travel_length(D, V + rank * D), V + rank * D);
        for (size_t i = rank + 1; i < v->count; ++i)
            clb_axpy(D, (clb_real)-clb_dot(D, V + rank * D, V + i * D), V + rank * D, V + i * D);
    }
    v->count = rank;
}

/* Is every hidden unit, copies apart, off for a sample, on for twice as many as it has inputs, and
 * on together with every unit before it? A unit that is never off is linear, and a weight that no
 * sample reaches stands still: both have more laws. */
KIT_FN int travel_units_switch(const travel *v)
{
    const clb_pass *pass = &v->pass;
    for (size_t l = 1; l < pass->net->L; ++l)
        for (size_t h = 0, m = pass->net->m[l], in = pass->net->m[l - 1]; h < m; ++h) {
            size_t on = 0;
            if (v->from[v->net.w[l] + h * in] == ORBIT_FIXED) continue;
            for (size_t i = 0; i < pass->n; ++i) on += pass->z[l][i * m + h] > 0;
            if (on < 2 * in || on == pass->n) return 0;
            for (size_t k = 0; l > 1 && k < in; ++k) {
                size_t both = 0;
                for (size_t i = 0; i < pass->n; ++i)
                    both += pass->z[l][i * m + h] > 0 && pass->z[l - 1][i * in + k] > 0;
                if (both == 0) return 0;
            }
        }
    return 1;
}

/* Which weights are which parameters. */
KIT_FN void travel_parameters(travel *v, const orbit_net *c)
{
    const clb_net *net = &v->net;
    size_t l = c->skip == ORBIT_INPUT ? 1 : 2, m = c->widths[l], in = net->m[l - 1];
    for (size_t i = 0; i < net->P; ++i) v->from[i] = 0;
    for (size_t k = 0; c->skip && k < in; ++k) /* the copies */
        for (size_t i = 0; i < in; ++i) {
            size_t at = net->w[l] + (m + k) * in + i;
            v->from[at] = ORBIT_FIXED, v->fixed[at] = i == k;
        }
    v->P = 0;
    for (size_t i = 0; i < net->P; ++i) {
        size_t column = c->skip == ORBIT_ADDED && i >= net->w[l + 1]
                            ? (i - net->w[l + 1]) % (m + in)
                            : 0;
        if (v->from[i] == ORBIT_FIXED) continue;
        v->from[i] = column >= m ? v->from[i - m] : v->P++;
    }
}

KIT_FN clb_status travel_init(travel *v, const orbit_net *c, uint64_t seed)
{
    clb_net_opts shape = { .activation = c->activation, .bias = c->bias, .param = 0.1 };
    size_t widths[ORBIT_DEEPEST + 1], cells;
    size_t d = c->widths[0], K = c->widths[c->count - 1], n = c->samples;
    clb_status status;
    memset(v, 0, sizeof *v), memcpy(widths, c->widths, sizeof widths);
    if (c->skip) widths[c->skip == ORBIT_INPUT ? 1 : 2] += widths[c->skip == ORBIT_INPUT ? 0 : 1];
    clb_rng_seed(&v->rng, seed);
    status = clb_net_init(&v->net, widths, c->count, &shape, &v->rng);
    if (status) return status;
    v->from = (size_t *)kit_new(&v->arena, v->net.P, sizeof *v->from);
    v->fixed = (clb_real *)kit_new(&v->arena, 3 * v->net.P, sizeof *v->x);
    v->wide = v->fixed + v->net.P, v->slope = v->wide + v->net.P;
    travel_parameters(v, c);
    v->momentum = c->momentum, v->D = c->momentum ? 2 * v->P + 1 : v->P;
    cells = (v->D + n * K + 3) * v->D;
    v->data = clb_data_view(n, d, K, (clb_real *)kit_new(&v->arena, n * d, sizeof *v->x), NULL);
    v->data.targets = (clb_real *)kit_new(&v->arena, n * K, sizeof *v->x);
    v->q = (clb_real *)kit_new(&v->arena, n * K, sizeof *v->x);
    v->x = (clb_real *)kit_new(&v->arena, 4 * cells, sizeof *v->x);
    v->rate = v->x + cells, v->mid = v->rate + cells, v->sum = v->mid + cells;
    clb_rng_normal(&v->rng, n * d, v->data.X);
    for (size_t i = 0; c->skip == ORBIT_INPUT && i < n * d; ++i)
        v->data.X[i] = (clb_real)fabs((double)v->data.X[i]);
    if (!(status = clb_pass_init(&v->pass, &v->net, &v->data, CLB_MSE))) {
        do {
            clb_rng_normal(&v->rng, v->D, v->x); /* theta, and with momentum theta', t */
            travel_scale(v->P, 0.5, v->x);
            clb_forward(&v->pass, travel_widen(v, v->x, 1));
        } while (c->activation != CLB_IDENTITY && !travel_units_switch(v));
        if (c->activation != CLB_TANH) status = clb_pass_freeze(&v->pass, &v->pass);
        if (!status) status = clb_curv_init(&v->curv, &v->pass);
    }
    return status;
}

/* Everything of a run but its keys and `known`. */
KIT_FN clb_status orbit_count(count_run *row, const orbit_net *c)
{
    travel v;
    clb_status status = travel_init(&v, c, (uint64_t)row->seed);
    size_t rank = 0, same = 0, sets = 0;
    double top;
    for (; !status && same < 2 && sets < ORBIT_MOST_SETS; ++sets) {
        travel_join(&v);
        travel_orthonormalise(&v, row);
        same = v.count == rank ? same + 1 : 0, rank = v.count;
        clb_rng_normal(&v.rng, v.data.n * v.data.K, v.data.targets);
        clb_curv_at(&v.curv, travel_widen(&v, v.x, 1));
        status = clb_sharpness(&v.curv, NULL, &top, NULL);
        for (int k = 0; k < ORBIT_SUBSTEPS && same < 2 && !status; ++k)
            travel_runge_kutta(&v, orbit_span / top / ORBIT_SUBSTEPS);
    }
    row->P = (double)v.P, row->rank = (double)rank, row->laws = (double)(v.D - rank);
    row->sets = (double)sets;
    clb_curv_free(&v.curv), clb_pass_free(&v.pass), clb_net_free(&v.net);
    kit_arena_free(&v.arena);
    return status;
}

/* A line a network; *gap: the smallest from kept to left; *wrong: counts that differ from
 * `known`. */
KIT_FN void orbit_table(kit *x, const kit_part *part, const orbit_net *nets, double *gap,
                        double *wrong)
{
    kit_rows rows = kit_part_runs(x, part);
    kit_table *t = KIT_TABLE(x, "laws",
                             "Conserved quantities found and known; rank of the Lie algebra; the "
                             "shortest remainder that counted as a new direction and the longest "
                             "that did not",
                             "net", "widths", "parameters", "rank", "laws", "known",
                             "shortest_kept", "longest_left");
    *gap = KIT_INF, *wrong = rows.n ? 0 : KIT_NAN;
    for (size_t i = 0; i < rows.n; ++i) {
        const count_run *r = (const count_run *)rows.at[i];
        const orbit_net *k = &nets[(size_t)r->net];
        const char *widths = kit_print(x, "%zu", k->widths[0]);
        for (size_t l = 1; l < k->count; ++l) widths = kit_print(x, "%s-%zu", widths, k->widths[l]);
        kit_text(t, k->name), kit_text(t, widths);
        KIT_CELLS(t, r->P, r->rank, r->laws, r->known, r->shortest_kept, r->longest_left);
        *gap = fmin(*gap, r->shortest_kept / fmax(r->longest_left, 1e-300)),
        *wrong += r->laws != r->known;
    }
}

#endif /* KIT_ORBITS_H */
