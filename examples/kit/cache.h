/* cache.h - training runs, Hessian spectra and sharpnesses that several runs or experiments share
 * are made once and kept in a folder (--cache DIR): kit_train() is clb_train(), kit_sharpness() is
 * clb_sharpness(), kit_crossover_modes() is clb_crossover_modes().
 *
 * The key is a hash of 128 bits over every byte that decides the result: results version,
 * precision, shape, activation, parameters, data, loss, optimiser, step size, number of steps. What
 * is found has the bytes that making it again would give, so results are the same with and without.
 */
#ifndef KIT_CACHE_H
#define KIT_CACHE_H

#include "files.h"

typedef struct kit_key128 { uint64_t a, b; } kit_key128;

/* --- key -------------------------------------------------------------------------------------- */

KIT_FN void kit_hash_word(kit_key128 *k, uint64_t w)
{
    k->a = (k->a ^ w) * 0x9e3779b97f4a7c15u, k->a ^= k->a >> 29;
    k->b = (k->b + w) * 0xc2b2ae3d27d4eb4fu, k->b ^= k->b >> 31;
}

KIT_FN void kit_hash(kit_key128 *k, const void *data, size_t count, size_t size)
{
    const unsigned char *at = (const unsigned char *)data;
    size_t bytes = data ? count * size : 0;
    kit_hash_word(k, bytes);
    for (uint64_t w = 0; bytes; bytes -= size, at += size) {
        size = bytes < 8 ? bytes : 8;
        memcpy(&w, at, size);
        kit_hash_word(k, w);
    }
}

/* Net at its theta, and data. */
KIT_FN kit_key128 kit_hash_problem(const clb_net *net, const clb_data *data, double ce)
{
    kit_key128 k = { 0x6a09e667f3bcc908u, 0xbb67ae8584caa73bu };
    double a[3], build[2];
    build[0] = CLB_RESULTS_VERSION, build[1] = (double)sizeof(clb_real);
    kit_hash(&k, build, 2, sizeof *build);
    a[0] = net->param, a[1] = (double)net->activation, a[2] = ce;
    kit_hash(&k, a, 3, sizeof *a);
    kit_hash(&k, net->m, net->L + 1, sizeof *net->m);
    kit_hash(&k, net->b + 1, net->L, sizeof *net->b);
    kit_hash(&k, net->theta, net->P, sizeof *net->theta);
    kit_hash_word(&k, data->n);
    kit_hash(&k, data->X, data->n * data->d, sizeof *data->X);
    kit_hash(&k, data->y, data->n, sizeof *data->y);
    kit_hash(&k, data->targets, data->n * data->K, sizeof *data->targets);
    return k;
}

/* --- store ------------------------------------------------------------------------------------ */

static const char *kit_cache_folder;                   /* --cache DIR; NULL: keep nothing */
/* Bytes at most: an entry, what a program writes, an entry that is kept in memory too. */
enum { KIT_CACHE_ENTRY = 1 << 20, KIT_CACHE_WRITTEN = 1 << 29, KIT_CACHE_SMALL = 64 };

typedef struct kit_kept { kit_key128 key, sum; size_t bytes; } kit_kept;   /* then the bytes */

/* Small entries, also without a folder. */
typedef struct kit_small {
    struct kit_small *next;
    kit_key128        key;
    char              bytes[KIT_CACHE_SMALL];
} kit_small;
static kit_small *kit_smalls;

KIT_FN void kit_cache_path(char *path, size_t size, const kit_key128 *key)
{
    snprintf(path, size, "%s/%016llx%016llx", kit_cache_folder, (unsigned long long)key->a,
             (unsigned long long)key->b);
}

/* Hash of the bytes, to know a damaged file. */
KIT_FN kit_key128 kit_cache_sum(const void *data, size_t bytes)
{
    kit_key128 k = { 1, 2 };
    kit_hash(&k, data, bytes, 1);
    return k;
}

KIT_FN void *kit_small_find(const kit_key128 *key)
{
    void *copy = NULL;
#ifdef _OPENMP
#pragma omp critical(kit_cache)
#endif
    for (const kit_small *s = kit_smalls; s && !copy; s = s->next)
        if (s->key.a == key->a && s->key.b == key->b && (copy = malloc(sizeof s->bytes)) != NULL)
            memcpy(copy, s->bytes, sizeof s->bytes);
    return copy;
}

/* Inside the critical section. */
KIT_FN void kit_small_keep(const kit_kept *e)
{
    kit_small *s = (kit_small *)calloc(1, sizeof *s);
    if (!s) return;
    s->next = kit_smalls, s->key = e->key, kit_smalls = s;
    memcpy(s->bytes, e + 1, e->bytes);
}

/* Copy of what is kept under the key, or NULL. The caller frees it. */
KIT_FN void *kit_once_find(const kit_key128 *key)
{
    char path[1200], *text;
    size_t n;
    kit_kept head;
    kit_key128 sum;
    void *small = kit_small_find(key);
    if (small || !kit_cache_folder) return small;
    kit_cache_path(path, sizeof path, key);
    if (!(text = kit_slurp(path, &n))) return NULL;
    if (n >= sizeof head) {
        memcpy(&head, text, sizeof head);
        if (head.key.a == key->a && head.key.b == key->b && head.bytes == n - sizeof head) {
            sum = kit_cache_sum(text + sizeof head, head.bytes);
            if (sum.a == head.sum.a && sum.b == head.sum.b)
                return memmove(text, text + sizeof head, head.bytes);
        }
    }
    free(text);
    return NULL;
}

/* An entry to be filled and handed to kit_once_keep(), or NULL: too large, or no memory. */
KIT_FN kit_kept *kit_once_new(const kit_key128 *key, size_t bytes)
{
    kit_kept *e = bytes <= KIT_CACHE_ENTRY ? (kit_kept *)malloc(sizeof *e + bytes) : NULL;
    if (e) e->key = *key, e->bytes = bytes;
    return e;
}

/* Into its file, whole or not at all; a cache that cannot be written costs time only. */
KIT_FN void kit_once_write(const kit_kept *e)
{
    static size_t written;
    char path[1200], part[1240];
    size_t n = sizeof *e + e->bytes;
    FILE *f;
    if (written >= KIT_CACHE_WRITTEN) return;
    kit_make_folder(kit_cache_folder);
    kit_cache_path(path, sizeof path, &e->key);
    snprintf(part, sizeof part, "%s.tmp", path);
    if ((f = kit_open_empty(part, 1)) != NULL)
        kit_close_temporary(f, part, path, fwrite(e, 1, n, f) == n && !fflush(f));
    written += n;
}

KIT_FN void kit_once_keep(kit_kept *e)
{
    e->sum = kit_cache_sum(e + 1, e->bytes);
#ifdef _OPENMP
#pragma omp critical(kit_cache)
#endif
    {
        if (e->bytes <= KIT_CACHE_SMALL) kit_small_keep(e);
        if (kit_cache_folder) kit_once_write(e);
    }
    free(e);
}

/* --- training --------------------------------------------------------------------------------- */

/* A trace is one block of doubles and pointers into it. */
static const size_t kit_trace_parts[] = {
    offsetof(clb_trace, loss), offsetof(clb_trace, g), offsetof(clb_trace, gb),
    offsetof(clb_trace, step), offsetof(clb_trace, q), offsetof(clb_trace, qb),
    offsetof(clb_trace, upper), offsetof(clb_trace, lower), offsetof(clb_trace, S),
    offsetof(clb_trace, predicted), offsetof(clb_trace, flow), offsetof(clb_trace, oscillation),
    offsetof(clb_trace, first), offsetof(clb_trace, second),
};
/* All of its members are known here: three counts, eta, the parts, the two of neurons (NULL unless
 * asked for, and then nothing is kept), the block. */
typedef struct kit_trace_shape {
    size_t  counts[3];
    double  eta;
    double *parts[KIT_LEN(kit_trace_parts) + 2];
    void   *block;
} kit_trace_shape;
typedef char kit_trace_is_known[sizeof(clb_trace) == sizeof(kit_trace_shape) ? 1 : -1];

typedef struct kit_run_kept {
    clb_status status;
    double     charge_max;                             /* the limit that the run was made under */
    clb_trace  trace;                                  /* its pointers are of no use */
    size_t     cells, at[KIT_LEN(kit_trace_parts)];    /* doubles, and where each part starts */
} kit_run_kept;

KIT_FN double **kit_trace_part(clb_trace *trace, size_t i)
{
    return (double **)(void *)((char *)trace + kit_trace_parts[i]);
}

/* Would the run have ended the same under this limit of the charges? One that finished would if it
 * was made under a narrower limit or its charges never passed this one. */
KIT_FN int kit_run_within(const kit_run_kept *head, const clb_trace *trace, double charge_max)
{
    if (charge_max == head->charge_max) return 1;
    if (head->status != CLB_OK) return 0;
    for (size_t t = 0; t <= trace->T && charge_max < head->charge_max; ++t)
        for (size_t l = 1; l < trace->L; ++l)
            if (!(fabs(clb_trace_charge(trace, l, t)) <= charge_max)) return 0;
    return 1;
}

/* A kept run back into trace and theta; 0 if it is not the one, or there is no memory. Examples
 * keep the default allocator, so clb_trace_free() is free(). */
KIT_FN int kit_train_again(const void *kept, double charge_max, clb_net *net, clb_trace *trace,
                           clb_status *status)
{
    const char *at = (const char *)kept;
    kit_run_kept head;
    double *cells;
    memcpy(&head, at, sizeof head), at += sizeof head;
    if (!(cells = (double *)malloc(head.cells * sizeof *cells))) return 0;
    memcpy(cells, at, head.cells * sizeof *cells), at += head.cells * sizeof *cells;
    *trace = head.trace, trace->arena = cells;
    for (size_t i = 0; i < KIT_LEN(kit_trace_parts); ++i)
        *kit_trace_part(trace, i) = cells + head.at[i];
    if (!kit_run_within(&head, trace, charge_max)) {
        clb_trace_free(trace);
        return 0;
    }
    memcpy(net->theta, at, net->P * sizeof *net->theta);
    *status = head.status;
    return 1;
}

KIT_FN void kit_train_keep(const kit_key128 *key, double charge_max, const clb_net *net,
                           const clb_trace *trace, clb_status status)
{
    const double *start = (const double *)trace->arena;
    size_t reals = net->P * sizeof *net->theta, cells;
    kit_run_kept head;
    kit_kept *e;
    char *at;
    memset(&head, 0, sizeof head);
    head.status = status, head.charge_max = charge_max, head.trace = *trace;
    head.cells = (size_t)(trace->second + (trace->L - 1) - start);
    for (size_t i = 0; i < KIT_LEN(kit_trace_parts); ++i)
        head.at[i] = (size_t)(*kit_trace_part(&head.trace, i) - start);
    cells = head.cells * sizeof *start;
    if (!(e = kit_once_new(key, sizeof head + cells + reals))) return;
    at = (char *)(e + 1);
    memcpy(at, &head, sizeof head);
    memcpy(at + sizeof head, trace->arena, cells);
    memcpy(at + sizeof head + cells, net->theta, reals);
    kit_once_keep(e);
}

/* clb_train; runs that are observed or draw batches are made every time. */
KIT_FN clb_status kit_train(clb_net *net, const clb_data *data, double eta, size_t T,
                          const clb_train_opts *opts, clb_trace *trace)
{
    clb_train_opts o = CLB_ZERO;
    kit_key128 key;
    clb_status status;
    double how[9];
    void *kept;
    int again;
    if (opts) o = *opts;
    if (!kit_cache_folder || !trace || o.observer_count || o.batch || o.neurons || o.rates
        || o.state || o.early || o.clip > 0 || o.schedule.call || o.schedule.warmup
        || o.schedule.kind)
        return clb_train(net, data, eta, T, opts, trace);
    clb_train_opts_resolve(&o);
    key = kit_hash_problem(net, data, o.ce);
    how[0] = eta, how[1] = (double)T, how[2] = (double)o.optimizer, how[3] = o.beta1;
    how[4] = o.beta2, how[5] = o.eps, how[6] = o.l2, how[7] = o.decay;
    how[8] = o.loss_max;
    kit_hash(&key, how, 9, sizeof *how);
    kept = kit_once_find(&key);
    again = kept && kit_train_again(kept, o.charge_max, net, trace, &status);
    free(kept);
    if (again) return status;
    status = clb_train(net, data, eta, T, opts, trace);
    if (status == CLB_OK || status == CLB_EDIVERGED)
        kit_train_keep(&key, o.charge_max, net, trace, status);
    return status;
}

/* --- spectra ---------------------------------------------------------------------------------- */

/* clb_crossover_modes; the curvature must stand at the net's own theta. */
KIT_FN clb_status kit_crossover_modes(clb_curv *curv, double *lambda, double *c)
{
    const clb_pass *pass = curv->pass;
    size_t P = pass->net->P, bytes = P * sizeof(double);
    kit_key128 key;
    clb_status status;
    kit_kept *e;
    char *kept;
    if (!kit_cache_folder || pass->slope) return clb_crossover_modes(curv, lambda, c);
    key = kit_hash_problem(pass->net, pass->data, pass->ce);
    kit_hash(&key, curv->grad, P, sizeof *curv->grad);
    if ((kept = (char *)kit_once_find(&key)) != NULL) {
        memcpy(lambda, kept, bytes), memcpy(c, kept + bytes, bytes);
        free(kept);
        return CLB_OK;
    }
    status = clb_crossover_modes(curv, lambda, c);
    if (status || !(e = kit_once_new(&key, 2 * bytes))) return status;
    memcpy(e + 1, lambda, bytes), memcpy((char *)(e + 1) + bytes, c, bytes);
    kit_once_keep(e);
    return status;
}

/* clb_sharpness with its default options; the curvature must stand at the net's own theta. Every
 * learning rate of a sweep asks for the same one. */
KIT_FN clb_status kit_sharpness(clb_curv *curv, double *largest, double *smallest)
{
    const clb_pass *pass = curv->pass;
    double values[2] = { 0, 0 };
    kit_key128 key;
    clb_status status;
    kit_kept *e;
    double *kept;
    if (pass->slope) return clb_sharpness(curv, NULL, largest, smallest);
    key = kit_hash_problem(pass->net, pass->data, pass->ce);
    kit_hash_word(&key, smallest ? 2 : 1);
    if ((kept = (double *)kit_once_find(&key)) != NULL) {
        *largest = kept[0];
        if (smallest) *smallest = kept[1];
        free(kept);
        return CLB_OK;
    }
    status = clb_sharpness(curv, NULL, &values[0], smallest ? &values[1] : NULL);
    *largest = values[0];
    if (smallest) *smallest = values[1];
    if (!status && (e = kit_once_new(&key, sizeof values)) != NULL) {
        memcpy(e + 1, values, sizeof values);
        kit_once_keep(e);
    }
    return status;
}

#endif /* KIT_CACHE_H */
