/* mnist.h - the paper's runs on MNIST (E2, E4, E5), made with --mnist DIR: the folder of the
 * unpacked train-images-idx3-ubyte and train-labels-idx1-ubyte. paper.h reads them. */
#ifndef KIT_MNIST_H
#define KIT_MNIST_H

#include "edge.h"

static const kit_option mnist_options[] = {
    { "mnist", "DIR", "folder of the MNIST files: MNIST runs too" },
    { NULL, NULL, NULL },
};
KIT_FN const char *mnist_folder(const kit *x) { return kit_arg(x, "mnist"); }

/* Before anything is run: can both files of --mnist DIR be opened? */
KIT_FN int mnist_files_there(const kit *x)
{
    static const char *const names[] = { "train-images-idx3-ubyte", "train-labels-idx1-ubyte" };
    const char *folder = NULL;
    for (size_t i = 0; x->info->options && x->info->options[i].name; ++i)
        if (!strcmp(x->info->options[i].name, "mnist")) folder = x->set.args[i];
    for (size_t i = 0; folder && i < KIT_LEN(names); ++i) {
        kit_buf path = { NULL, 0, 0 };
        FILE *f;
        kit_putf(&path, "%s/%s", folder, names[i]);
        f = fopen(path.s, "rb");
        if (f) fclose(f);
        else fprintf(stderr, "%s: %s (--mnist; README says where from)\n", path.s, strerror(errno));
        free(path.s);
        if (!f) return 0;
    }
    return 1;
}

/* The seed draws the net, then the start vectors of the power iteration. edge.rng is set here. */
KIT_FN clb_status mnist_train(kit *x, paper_opts o, edge_opts edge, double seed, clb_trace *trace,
                              edge_log *log)
{
    paper_problem p;
    clb_status status;
    o.dataset = PAPER_MNIST, o.mnist = mnist_folder(x);
    status = paper_problem_init(&p, &o, seed);
    if (status) return status;
    edge.rng = &p.rng;
    status = edge_train(x, &p.net, &p.data, &edge, trace, log);
    paper_problem_free(&p);
    return status;
}

/* ---- E2: 784-64-10 with and without biases --------------------------------------------------- */

enum { MNIST_BIAS_IMAGES = 500, MNIST_BIAS_T = 3000 };

/* Cross entropy, eta = 0.5, the first 500 images. bias: -1 in every layer, 0 in none. C, its drift
 * and the loss at every fifth step, lambda_max by power iteration at every fiftieth. */
typedef struct mnist_bias {
    double   seed, bias;
    double   drift, most_lambda, diverged;
    kit_list C_init, steps, losses, imbalances, drifts, lambda_steps, lambda_max;
} mnist_bias;
static const kit_field mnist_bias_fields[] = {
    KIT_KEY(mnist_bias, seed), KIT_KEY(mnist_bias, bias), KIT_RESULT(mnist_bias, drift),
    KIT_RESULT(mnist_bias, most_lambda), KIT_RESULT(mnist_bias, diverged),
    KIT_RESULT_ARRAY(mnist_bias, C_init), KIT_RESULT_ARRAY(mnist_bias, steps),
    KIT_RESULT_ARRAY(mnist_bias, losses), KIT_RESULT_ARRAY(mnist_bias, imbalances),
    KIT_RESULT_ARRAY(mnist_bias, drifts), KIT_RESULT_ARRAY(mnist_bias, lambda_steps),
    KIT_RESULT_ARRAY(mnist_bias, lambda_max),
};

KIT_FN clb_status mnist_bias_train(kit *x, void *run)
{
    mnist_bias *row = run;
    paper_opts net = { .n = MNIST_BIAS_IMAGES, .net = { .bias = (int)row->bias } }; /* 784-64-10 */
    edge_opts how = { .ce = CLB_CE, .eta = 0.5, .T = MNIST_BIAS_T, .every = 5, .lambda_every = 50,
                      .power = 20 };
    clb_trace trace;
    edge_log log;
    clb_status status = mnist_train(x, net, how, row->seed, &trace, &log);
    double *C, *drifts, start;
    if (status) return status;
    C = kit_doubles(x, log.n), drifts = kit_doubles(x, log.n);
    start = clb_trace_charge(&trace, 1, 0);
    for (size_t i = 0; i < log.n; ++i) {
        double now = clb_trace_charge(&trace, 1, (size_t)log.step[i]);
        C[i] = fabs(now), drifts[i] = now - start;
    }
    row->diverged = trace.steps < trace.T, row->drift = fabs(clb_trace_drift(&trace, 1));
    row->most_lambda = clb_summarize(log.lambda_n, log.lambda).max;
    row->C_init = kit_keep(x, 1, &start), row->steps = kit_keep(x, log.n, log.step);
    row->losses = kit_keep(x, log.n, log.loss), row->imbalances = kit_keep(x, log.n, C);
    row->drifts = kit_keep(x, log.n, drifts);
    row->lambda_steps = kit_keep(x, log.lambda_n, log.lambda_step);
    row->lambda_max = kit_keep(x, log.lambda_n, log.lambda);
    clb_trace_free(&trace);
    return CLB_OK;
}

#endif /* KIT_MNIST_H */
