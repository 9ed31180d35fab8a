/* mnist.h - the paper's runs on MNIST (E2, E4), made with --mnist DIR: the folder of the unpacked
 * train-images-idx3-ubyte and train-labels-idx1-ubyte. The first images in their order, pixels
 * divided by 255. */
#ifndef KIT_MNIST_H
#define KIT_MNIST_H

#include "experiment.h"
#include "published.h"
#include "rows.h"

static const kit_option mnist_options[] = {
    { "mnist", "DIR", "folder of train-images-idx3-ubyte and ...labels...: MNIST runs too" },
    { NULL, NULL, NULL },
};
KIT_FN int mnist_wanted(const kit *x) { return kit_arg(x, "mnist") != NULL; }

/* The net is drawn from the seed, which the data do not use. Logged after updates 1, every,
 * 2 every, ...; lambda_max at those of 1, lambda_every, 2 lambda_every, ..., by 30 steps of power
 * iteration, whose start vectors the net's generator draws. */
typedef struct mnist_opts {
    size_t        images;
    const size_t *widths;
    size_t        count;                       /* of the widths */
    int           bias;
    double        ce, eta;
    size_t        T, every, lambda_every;
} mnist_opts;

typedef struct mnist_log {
    size_t     n, lambda_n;
    double    *step, *loss, *accuracy, *lambda_step, *lambda;
    clb_curv   curv;
    clb_rng    rng;
    size_t     lambda_every;
    clb_status status;
} mnist_log;

enum { MNIST_POWER = 30 };

KIT_FN clb_verdict mnist_look(void *context, const clb_state *state)
{
    mnist_log *log = (mnist_log *)context;
    clb_linop H = clb_hessian_op(&log->curv);
    clb_curv_at(&log->curv, state->net->theta);
    log->step[log->n] = (double)state->t, log->loss[log->n] = state->loss;
    log->accuracy[log->n++] = clb_accuracy(log->curv.pass);
    if (state->t != 1 && state->t % log->lambda_every) return CLB_CONTINUE;
    log->lambda_step[log->lambda_n] = (double)state->t;
    log->status = published_power(&H, MNIST_POWER, &log->rng, &log->lambda[log->lambda_n++]);
    return log->status ? CLB_STOP : CLB_CONTINUE;
}

KIT_FN clb_status mnist_load(const kit *x, const mnist_opts *o, clb_data *data)
{
    const char *folder = kit_arg(x, "mnist");
    char images[1024], labels[1024];
    clb_status status;
    snprintf(images, sizeof images, "%s/train-images-idx3-ubyte", folder);
    snprintf(labels, sizeof labels, "%s/train-labels-idx1-ubyte", folder);
    status = clb_data_idx_load(data, images, labels, o->images);
    if (status == CLB_EOPTION) return CLB_ETRUNCATED;                     /* too few images */
    if (!status && (data->d != o->widths[0] || data->K != o->widths[o->count - 1])) {
        clb_data_free(data);
        return CLB_EFORMAT;
    }
    return status;
}

/* The training on loaded data; trace is the caller's to free after CLB_OK. */
KIT_FN clb_status mnist_run(kit *x, clb_net *net, const clb_data *data, const mnist_opts *o,
                            clb_trace *trace, mnist_log *log)
{
    size_t rows = o->T / o->every + 1, *at = (size_t *)kit_new(&x->arena, rows, sizeof *at);
    clb_observer look = CLB_ZERO;
    clb_train_opts how = CLB_ZERO;
    clb_pass pass;
    clb_status status = clb_pass_init(&pass, net, data, o->ce);
    if (status) return status;
    status = clb_curv_init(&log->curv, &pass);
    if (!status) {
        for (size_t i = 0; i < rows; ++i) at[i] = i ? i * o->every : 1;
        log->step = kit_doubles(x, rows), log->loss = kit_doubles(x, rows);
        log->accuracy = kit_doubles(x, rows), log->lambda = kit_doubles(x, rows);
        log->lambda_step = kit_doubles(x, rows), log->lambda_every = o->lambda_every;
        look.call = mnist_look, look.context = log, look.at = at, look.at_count = rows;
        how.ce = o->ce, how.loss_max = 1e6, how.observers = &look, how.observer_count = 1;
        status = clb_train(net, data, o->eta, o->T, &how, trace);
        if (status == CLB_EDIVERGED) status = CLB_OK;
        if (!status && (status = log->status) != CLB_OK) clb_trace_free(trace);
        clb_curv_free(&log->curv);
    }
    clb_pass_free(&pass);
    return status;
}

KIT_FN clb_status mnist_train(kit *x, const mnist_opts *o, double seed, clb_trace *trace,
                              mnist_log *log)
{
    clb_net_opts net_opts = CLB_ZERO;
    clb_net net;
    clb_data data;
    clb_status status;
    memset(log, 0, sizeof *log);
    clb_rng_seed(&log->rng, (uint64_t)seed), log->rng.normal_mode = CLB_NORMAL_PUBLISHED;
    net_opts.bias = o->bias;
    status = clb_net_init(&net, o->widths, o->count, &net_opts, &log->rng);
    if (status) return status;
    status = mnist_load(x, o, &data);
    if (!status) {
        status = mnist_run(x, &net, &data, o, trace, log);
        clb_data_free(&data);
    }
    clb_net_free(&net);
    return status;
}

#endif /* KIT_MNIST_H */
