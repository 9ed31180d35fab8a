/* paper.h - the problem that most experiments of the paper start from. */
#ifndef KIT_PAPER_H
#define KIT_PAPER_H

#include "cache.h"

typedef enum paper_dataset {
    PAPER_MIXTURE,
    PAPER_XOR,
    PAPER_SPHERES,
    PAPER_MNIST,
    PAPER_DATASETS
} paper_dataset;

/* One generator, seeded once, draws model, training set and (unused) test set in this order. All
 * zero: 20-64-5 ReLU net without bias, mixture of 200 points. MNIST draws no data: it is the first
 * n training images in their order, pixels divided by 255. */
typedef struct paper_opts {
    size_t        n;            /* 0 -> 200 training points                                       */
    size_t        d;            /* 0 -> 20 inputs (2 for xor, 10 for spheres, 784 for MNIST)      */
    size_t        K;            /* 0 -> 5 classes (2 for xor and spheres, 10 for MNIST)           */
    size_t        m;            /* 0 -> 64, width of every hidden layer                           */
    size_t        L;            /* 0 -> 2 weight matrices                                         */
    double        separation;   /* 0 -> 2, radius of the centres in units of sqrt(d)              */
    clb_net_opts  net;
    paper_dataset dataset;
    const char   *mnist;        /* folder of MNIST's unpacked training files, for PAPER_MNIST     */
    size_t        test_n;       /* 0 -> 50 points of the test set that is drawn and thrown away   */
    int           data_first;   /* 1: training set, test set, then the model                      */
} paper_opts;

typedef struct paper_problem {
    clb_net  net;
    clb_data data;
    clb_rng  rng;               /* as the draws left it: the next ones are start vectors          */
} paper_problem;

KIT_FN void paper_opts_resolve(paper_opts *o)
{
    static const size_t d[] = { 20, 2, 10, 784 }, K[] = { 5, 2, 2, 10 };
    if (!o->n) o->n = 200;
    if (!o->d) o->d = d[o->dataset];
    if (!o->K) o->K = K[o->dataset];
    if (!o->m) o->m = 64;
    if (!o->L) o->L = 2;
    if (o->separation == 0) o->separation = 2;
    if (!o->test_n) o->test_n = 50;
}

KIT_FN clb_status paper_draw_set(const paper_opts *o, clb_rng *rng, size_t n, clb_data *data)
{
    if (o->dataset == PAPER_XOR) return clb_data_xor(data, rng, n);
    if (o->dataset == PAPER_SPHERES) return clb_data_spheres(data, rng, n, o->d, 1, 2);
    return clb_data_mixture(data, rng, n, o->d, o->K, o->separation);
}

/* CLB_ETRUNCATED: fewer than n images. CLB_EFORMAT: of another size, or with other classes. */
KIT_FN clb_status paper_load_mnist(const paper_opts *o, clb_data *data)
{
    char images[1024], labels[1024];
    clb_status status;
    if (!o->mnist) return CLB_EIO;
    snprintf(images, sizeof images, "%s/train-images-idx3-ubyte", o->mnist);
    snprintf(labels, sizeof labels, "%s/train-labels-idx1-ubyte", o->mnist);
    status = clb_data_idx_load(data, images, labels, o->n);
    if (status == CLB_EROW) return CLB_ETRUNCATED;
    if (!status && (data->d != o->d || data->K != o->K)) {
        clb_data_free(data);
        return CLB_EFORMAT;
    }
    return status;
}

KIT_FN clb_status paper_draw_data(const paper_opts *o, paper_problem *p)
{
    clb_data unused;
    clb_status status;
    if (o->dataset == PAPER_MNIST) return paper_load_mnist(o, &p->data);
    status = paper_draw_set(o, &p->rng, o->n, &p->data);
    if (status) return status;
    status = paper_draw_set(o, &p->rng, o->test_n, &unused);
    if (!status) clb_data_free(&unused);
    return status;
}

KIT_FN clb_status paper_draw_net(const paper_opts *o, paper_problem *p)
{
    enum { MOST = 64 };
    size_t widths[MOST];
    if (o->L + 1 > MOST) return CLB_ESIZE;
    for (size_t l = 0; l <= o->L; ++l) widths[l] = o->m;
    widths[0] = o->d, widths[o->L] = o->K;
    return clb_net_init(&p->net, widths, o->L + 1, &o->net, &p->rng);
}

KIT_FN void paper_problem_free(paper_problem *p)
{
    clb_net_free(&p->net);
    clb_data_free(&p->data);
    memset(p, 0, sizeof *p);
}

/* opts NULL: all defaults; mode: how normal numbers are evaluated. *p is zeroed after an error.
 * CLB_ESHAPE: XOR has 2 inputs and 2 classes, the spheres have 2 classes. */
KIT_FN clb_status paper_problem_draw(paper_problem *p, const paper_opts *opts, uint64_t seed,
                                     clb_normal_mode mode)
{
    paper_opts o;
    clb_status status;
    memset(p, 0, sizeof *p), memset(&o, 0, sizeof o);
    if (opts) o = *opts;
    if ((unsigned)o.dataset >= (unsigned)PAPER_DATASETS) return CLB_EMETHOD;
    paper_opts_resolve(&o);
    if (o.dataset == PAPER_XOR && (o.d != 2 || o.K != 2)) return CLB_ESHAPE;
    if (o.dataset == PAPER_SPHERES && o.K != 2) return CLB_ESHAPE;
    clb_rng_seed(&p->rng, seed);
    p->rng.normal_mode = mode;
    status = o.data_first ? paper_draw_data(&o, p) : paper_draw_net(&o, p);
    if (!status) status = o.data_first ? paper_draw_net(&o, p) : paper_draw_data(&o, p);
    if (status) paper_problem_free(p);
    return status;
}

/* The same with the normal numbers of the published runs, bit for bit. */
KIT_FN clb_status paper_problem_init(paper_problem *p, const paper_opts *opts, double seed)
{
    return paper_problem_draw(p, opts, (uint64_t)seed, CLB_NORMAL_PUBLISHED);
}

/* Loss at the net's own theta. */
KIT_FN clb_status paper_loss(const paper_problem *p, double ce, double *loss)
{
    clb_pass pass;
    clb_status status = clb_pass_init(&pass, &p->net, &p->data, ce);
    if (status) return status;
    *loss = clb_loss(&pass, NULL);
    clb_pass_free(&pass);
    return CLB_OK;
}

/* Draw, train, throw away all but the trace: what most runs of a sweep are. Divergence is a
 * result: CLB_OK with trace->steps < T. The trace is the caller's to free after CLB_OK.
 * *end (may be NULL): the loss after the last update; NaN if the run diverged. */
KIT_FN clb_status paper_train_to(const paper_opts *opts, double seed, double eta, size_t T,
                                 const clb_train_opts *train, clb_trace *trace, double *end)
{
    paper_problem p;
    clb_status status = paper_problem_init(&p, opts, seed);
    memset(trace, 0, sizeof *trace);
    if (status) return status;
    status = kit_train(&p.net, &p.data, eta, T, train, trace);
    if (end) *end = KIT_NAN;
    if (!status && end && (status = paper_loss(&p, train->ce, end)) != CLB_OK)
        clb_trace_free(trace);
    paper_problem_free(&p);
    return status == CLB_EDIVERGED ? CLB_OK : status;
}
KIT_FN clb_status paper_train(const paper_opts *opts, double seed, double eta, size_t T,
                              const clb_train_opts *train, clb_trace *trace)
{
    return paper_train_to(opts, seed, eta, T, train, trace, NULL);
}

/* Largest Hessian eigenvalue at the problem's own theta (before training: lambda_max(H_0)), and
 * the smallest unless NULL. */
KIT_FN clb_status paper_sharpness(const paper_problem *p, double ce, double *largest,
                                  double *smallest)
{
    clb_pass pass;
    clb_curv curv;
    clb_status status = clb_pass_init(&pass, &p->net, &p->data, ce);
    if (status) return status;
    status = clb_curv_init(&curv, &pass);
    if (!status) {
        clb_curv_at(&curv, NULL);
        status = kit_sharpness(&curv, largest, smallest);
        clb_curv_free(&curv);
    }
    clb_pass_free(&pass);
    return status;
}

#endif /* KIT_PAPER_H */
