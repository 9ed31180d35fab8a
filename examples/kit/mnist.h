/* mnist.h - the paper's runs on MNIST (E2, E4, E5), made with --mnist DIR: the folder of the unpacked
 * train-images-idx3-ubyte and train-labels-idx1-ubyte. paper.h reads them. */
#ifndef KIT_MNIST_H
#define KIT_MNIST_H

#include "edge.h"

static const kit_option mnist_options[] = {
    { "mnist", "DIR", "folder of the MNIST files: MNIST runs too" },
    { NULL, NULL, NULL },
};
KIT_FN const char *mnist_folder(const kit *x) { return kit_arg(x, "mnist"); }

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

#endif /* KIT_MNIST_H */
