/* once.h - training runs and Hessian spectra that several experiments share are made once a
 * process. Included by ex.h; off (ex_once_limit 0) but in clb_tables, which runs many experiments.
 *
 *   ex_train, ex_problem_run     clb_train, clb_problem_run
 *   ex_crossover_modes           clb_crossover_modes
 *
 * The key is a hash of 128 bits over every byte that decides the result: shape, activation,
 * parameters, data, loss, optimiser, step size, number of steps. What is found has the bytes that
 * making it again would give, so results are the same with and without. Where results are many the
 * oldest are dropped.
 */
#ifndef CLB_ONCE_H
#define CLB_ONCE_H

typedef struct ex_key128 { uint64_t a, b; } ex_key128;

typedef struct ex_kept {
    struct ex_kept *next;
    ex_key128       key;
    size_t          bytes;                   /* that follow */
} ex_kept;

static size_t ex_once_limit;                 /* bytes kept at most; 0: keep nothing */
static struct { ex_kept *oldest, *newest; size_t bytes, found; } ex_once;

/* --- key -------------------------------------------------------------------------------------- */

EX_FN void ex_hash_word(ex_key128 *k, uint64_t w)
{
    k->a = (k->a ^ w) * 0x9e3779b97f4a7c15u, k->a ^= k->a >> 29;
    k->b = (k->b + w) * 0xc2b2ae3d27d4eb4fu, k->b ^= k->b >> 31;
}

EX_FN void ex_hash(ex_key128 *k, const void *data, size_t count, size_t size)
{
    const unsigned char *at = (const unsigned char *)data;
    size_t bytes = data ? count * size : 0;
    ex_hash_word(k, bytes);
    for (uint64_t w = 0; bytes; bytes -= size, at += size) {
        size = bytes < 8 ? bytes : 8;
        memcpy(&w, at, size);
        ex_hash_word(k, w);
    }
}

/* Net at its theta, and data. */
EX_FN ex_key128 ex_hash_problem(const clb_net *net, const clb_data *data, double ce)
{
    ex_key128 k = { 0x6a09e667f3bcc908u, 0xbb67ae8584caa73bu };
    double a[3];
    a[0] = net->param, a[1] = (double)net->activation, a[2] = ce;
    ex_hash(&k, a, 3, sizeof *a);
    ex_hash(&k, net->m, net->L + 1, sizeof *net->m);
    ex_hash(&k, net->b + 1, net->L, sizeof *net->b);
    ex_hash(&k, net->theta, net->P, sizeof *net->theta);
    ex_hash_word(&k, data->n);
    ex_hash(&k, data->X, data->n * data->d, sizeof *data->X);
    ex_hash(&k, data->y, data->n, sizeof *data->y);
    ex_hash(&k, data->targets, data->n * data->K, sizeof *data->targets);
    return k;
}

/* --- store ------------------------------------------------------------------------------------ */

/* Copy of what is kept under the key, or NULL. The caller frees it. */
EX_FN void *ex_once_find(const ex_key128 *key)
{
    void *copy = NULL;
#ifdef _OPENMP
#pragma omp critical(ex_once)
#endif
    for (const ex_kept *e = ex_once.oldest; e; e = e->next)
        if (e->key.a == key->a && e->key.b == key->b) {
            if ((copy = malloc(e->bytes)) != NULL) memcpy(copy, e + 1, e->bytes), ++ex_once.found;
            break;
        }
    return copy;
}

/* An entry to be filled and handed to ex_once_keep(), or NULL: too large, or no memory. */
EX_FN ex_kept *ex_once_new(const ex_key128 *key, size_t bytes)
{
    ex_kept *e = bytes <= ex_once_limit / 500 ? (ex_kept *)malloc(sizeof *e + bytes) : NULL;
    if (e) e->key = *key, e->bytes = bytes, e->next = NULL;
    return e;
}

EX_FN void ex_once_keep(ex_kept *e)
{
#ifdef _OPENMP
#pragma omp critical(ex_once)
#endif
    {
        if (ex_once.newest) ex_once.newest->next = e; else ex_once.oldest = e;
        ex_once.newest = e, ex_once.bytes += e->bytes;
        while (ex_once.bytes > ex_once_limit) {
            ex_kept *old = ex_once.oldest;
            ex_once.oldest = old->next, ex_once.bytes -= old->bytes;
            free(old);
        }
    }
}

/* --- training --------------------------------------------------------------------------------- */

typedef struct ex_run_kept { clb_status status; clb_trace trace; } ex_run_kept;

/* Doubles of a trace: one block, as the library lays it out. */
EX_FN size_t ex_trace_doubles(const clb_trace *tr)
{
    return (size_t)(tr->second + (tr->L - 1) - (double *)tr->arena);
}

/* *trace points into a copy of its block. */
EX_FN void ex_trace_move(clb_trace *trace, const double *old, double *copy)
{
    double **const at[] = { &trace->loss, &trace->g, &trace->gb, &trace->step, &trace->q,
                            &trace->qb, &trace->upper, &trace->lower, &trace->S, &trace->predicted,
                            &trace->flow, &trace->oscillation, &trace->first, &trace->second };
    for (size_t i = 0; i < EX_LEN(at); ++i) *at[i] = copy + (*at[i] - old);
    trace->arena = copy;
}

/* A kept run back into trace and theta; 0 if there is no memory. */
EX_FN int ex_train_again(const void *kept, clb_net *net, clb_trace *trace, clb_status *status)
{
    const char *at = (const char *)kept;
    size_t cells;
    ex_run_kept head;
    double *copy;
    memcpy(&head, at, sizeof head), at += sizeof head;
    cells = ex_trace_doubles(&head.trace) * sizeof(double);
    if (!(copy = (double *)malloc(cells))) return 0;
    memcpy(copy, at, cells), at += cells;
    memcpy(net->theta, at, net->P * sizeof *net->theta);
    *trace = head.trace, *status = head.status;
    ex_trace_move(trace, (const double *)head.trace.arena, copy);
    return 1;
}

EX_FN void ex_train_keep(const ex_key128 *key, const clb_net *net, const clb_trace *trace,
                         clb_status status)
{
    size_t cells = ex_trace_doubles(trace) * sizeof(double), reals = net->P * sizeof *net->theta;
    ex_run_kept head;
    ex_kept *e = ex_once_new(key, sizeof head + cells + reals);
    char *at = (char *)(e + 1);
    if (!e) return;
    memset(&head, 0, sizeof head);
    head.status = status, head.trace = *trace;
    memcpy(at, &head, sizeof head);
    memcpy(at + sizeof head, trace->arena, cells);
    memcpy(at + sizeof head + cells, net->theta, reals);
    ex_once_keep(e);
}

/* clb_train; runs that are observed or draw batches are made every time. */
EX_FN clb_status ex_train(clb_net *net, const clb_data *data, double eta, size_t T,
                          const clb_train_opts *opts, clb_trace *trace)
{
    clb_train_opts o = CLB_ZERO;
    ex_key128 key;
    clb_status status;
    double how[10];
    void *kept;
    int again;
    if (opts) o = *opts;
    if (!ex_once_limit || !trace || o.observer_count || o.batch || o.neurons ||
        o.rates || o.state || o.early || o.clip > 0 || o.schedule.call || o.schedule.warmup ||
        o.schedule.kind)
        return clb_train(net, data, eta, T, opts, trace);
    clb_train_opts_resolve(&o);
    key = ex_hash_problem(net, data, o.ce);
    how[0] = eta, how[1] = (double)T, how[2] = (double)o.optimizer, how[3] = o.beta1;
    how[4] = o.beta2, how[5] = o.eps, how[6] = o.l2, how[7] = o.decay;
    how[8] = o.loss_max, how[9] = o.charge_max;
    ex_hash(&key, how, 10, sizeof *how);
    kept = ex_once_find(&key);
    again = kept && ex_train_again(kept, net, trace, &status);
    free(kept);
    if (again) return status;
    status = clb_train(net, data, eta, T, opts, trace);
    if (status == CLB_OK || status == CLB_EDIVERGED) ex_train_keep(&key, net, trace, status);
    return status;
}

EX_FN clb_status ex_problem_run(const clb_problem_opts *opts, uint64_t seed, double eta, size_t T,
                                const clb_train_opts *train, clb_trace *trace)
{
    clb_problem problem;
    clb_status status = clb_problem_init(&problem, opts, seed, CLB_NORMAL_PUBLISHED);
    memset(trace, 0, sizeof *trace);
    if (status) return status;
    status = ex_train(&problem.net, &problem.data, eta, T, train, trace);
    clb_problem_free(&problem);
    return status;
}

/* --- spectra ---------------------------------------------------------------------------------- */

/* clb_crossover_modes; the curvature must stand at the net's own theta. */
EX_FN clb_status ex_crossover_modes(clb_curv *curv, double *lambda, double *c)
{
    const clb_pass *pass = curv->pass;
    size_t P = pass->net->P, bytes = P * sizeof(double);
    ex_key128 key;
    clb_status status;
    ex_kept *e;
    char *kept;
    if (!ex_once_limit || pass->slope) return clb_crossover_modes(curv, lambda, c);
    key = ex_hash_problem(pass->net, pass->data, pass->ce);
    ex_hash(&key, curv->grad, P, sizeof *curv->grad);
    if ((kept = (char *)ex_once_find(&key)) != NULL) {
        memcpy(lambda, kept, bytes), memcpy(c, kept + bytes, bytes);
        free(kept);
        return CLB_OK;
    }
    status = clb_crossover_modes(curv, lambda, c);
    if (status || !(e = ex_once_new(&key, 2 * bytes))) return status;
    memcpy(e + 1, lambda, bytes), memcpy((char *)(e + 1) + bytes, c, bytes);
    ex_once_keep(e);
    return status;
}

#endif /* CLB_ONCE_H */
