/* mnist.h - the paper's runs on MNIST (E2, E4), made with --mnist DIR: the folder of the unpacked
 * train-images-idx3-ubyte and train-labels-idx1-ubyte. The first images in their order, pixels
 * divided by 255. */
#ifndef KIT_MNIST_H
#define KIT_MNIST_H

#include "edge.h"

static const kit_option mnist_options[] = {
    { "mnist", "DIR", "folder of the MNIST files: MNIST runs too" },
    { NULL, NULL, NULL },
};
KIT_FN int mnist_wanted(const kit *x) { return kit_arg(x, "mnist") != NULL; }

typedef struct mnist_opts {
    size_t        images;
    const size_t *widths;
    size_t        count;                       /* of the widths */
    int           bias;
    edge_opts     edge;                        /* rng is set by mnist_train() */
} mnist_opts;

KIT_FN clb_status mnist_load(const kit *x, const mnist_opts *o, clb_data *data)
{
    const char *folder = kit_arg(x, "mnist");
    char images[1024], labels[1024];
    clb_status status;
    snprintf(images, sizeof images, "%s/train-images-idx3-ubyte", folder);
    snprintf(labels, sizeof labels, "%s/train-labels-idx1-ubyte", folder);
    status = clb_data_idx_load(data, images, labels, o->images);
    if (status == CLB_EROW) return CLB_ETRUNCATED;                        /* too few images */
    if (!status && (data->d != o->widths[0] || data->K != o->widths[o->count - 1])) {
        clb_data_free(data);
        return CLB_EFORMAT;
    }
    return status;
}

/* The seed draws the net, then the start vectors of the power iteration; the data use none. */
KIT_FN clb_status mnist_train(kit *x, const mnist_opts *o, double seed, clb_trace *trace,
                              edge_log *log)
{
    clb_net_opts net_opts = CLB_ZERO;
    edge_opts edge = o->edge;
    clb_net net;
    clb_data data;
    clb_rng rng;
    clb_status status;
    clb_rng_seed(&rng, (uint64_t)seed), rng.normal_mode = CLB_NORMAL_PUBLISHED;
    net_opts.bias = o->bias, edge.rng = &rng;
    status = clb_net_init(&net, o->widths, o->count, &net_opts, &rng);
    if (status) return status;
    status = mnist_load(x, o, &data);
    if (!status) {
        status = edge_train(x, &net, &data, &edge, trace, log);
        clb_data_free(&data);
    }
    clb_net_free(&net);
    return status;
}

#endif /* KIT_MNIST_H */
