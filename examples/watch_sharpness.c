/* Sharpness against 2/eta along a training that reaches the edge of stability.
 *   cc -O2 -DCLB_STATIC -o watch_sharpness examples/watch_sharpness.c -lm && ./watch_sharpness
 * One call trains and looks: clb_train_watched. Where the sharpness has met 2/eta and stays there,
 * the charge of the two layers no longer drifts along the gradient flow but by oscillation. */
#define CLB_IMPLEMENTATION
#include "../clb.h"
#include <stdio.h>
#include <stdlib.h>

static void print(const clb_watch *watch)
{
    size_t i;
    printf("%6s %10s %10s %10s %8s %12s\n", "t", "loss", "sharpness", "second", "2/eta", "charge");
    for (i = 0; i < watch->count; ++i) {
        const double *value = watch->value + i * watch->k;
        printf("%6lu %10.3e %10.4f %10.4f %8.4f %12.6f %s\n", (unsigned long)watch->t[i],
               watch->loss[i], value[0], value[1], watch->limit[i], watch->charge[i],
               value[0] > watch->limit[i] ? "above" : "");
    }
    printf("drift %.6f = flow %.6f + oscillation %.6f\n", watch->trace.predicted[0],
           watch->trace.flow[0], watch->trace.oscillation[0]);
}

int main(int argc, char **argv)
{
    size_t widths[] = { 20, 64, 5 };                   /* inputs, hidden units, classes           */
    double eta = argc > 1 ? atof(argv[1]) : 1.0;
    clb_rng rng;
    clb_net net = CLB_ZERO;
    clb_data data = CLB_ZERO;
    clb_watch watch = CLB_ZERO;
    clb_status status;
    clb_rng_seed(&rng, 42);
    watch.every = 100;
    watch.k = 2;
    status = clb_net_init(&net, widths, 3, NULL, &rng);
    if (!status) status = clb_data_mixture(&data, &rng, 200, 20, 5, 0.5);
    if (!status) status = clb_train_watched(&net, &data, eta, 2000, NULL, &watch);
    if (status) fprintf(stderr, "watch_sharpness: %s\n", clb_strerror(status));
    if (!status || status == CLB_EDIVERGED) print(&watch);
    clb_watch_free(&watch);
    clb_data_free(&data);
    clb_net_free(&net);
    return status ? 6 : 0;
}
