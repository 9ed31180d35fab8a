/* XOR: four points that no linear net can classify, learnt by eight tanh units.
 *   cc -O2 -DCLB_STATIC -o xor examples/xor.c -lm && ./xor */
#define CLB_IMPLEMENTATION
#include "../clb.h"

int main(void)
{
    static const clb_real X[4][2] = { { 0, 0 }, { 0, 1 }, { 1, 0 }, { 1, 1 } };
    static const int y[4] = { 0, 1, 1, 0 };
    static const size_t widths[] = { 2, 8, 2 };
    clb_data data = clb_data_view(4, 2, 2, &X[0][0], y);         /* these arrays, nothing copied */
    clb_net_opts shape = CLB_ZERO;
    clb_train_opts opts = CLB_ZERO;
    clb_rng rng;
    clb_net net;
    clb_real p[4][2];
    clb_status status;
    shape.activation = CLB_TANH;
    shape.bias = -1;                                             /* in every layer */
    opts.ce = CLB_CE;
    clb_rng_seed(&rng, 1);
    status = clb_net_init(&net, widths, 3, &shape, &rng);
    if (!status) status = clb_train(&net, &data, 0.5, 1000, &opts, NULL);
    if (!status) status = clb_probabilities(&net, &X[0][0], 4, &p[0][0]);
    if (status) return puts(clb_strerror(status)), 1;
    for (int i = 0; i < 4; ++i)
        printf("%g xor %g   probability of 1: %.3f\n", (double)X[i][0], (double)X[i][1],
               (double)p[i][1]);
    clb_net_free(&net);
    return 0;
}
