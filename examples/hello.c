/* Train a small ReLU net by gradient descent and check Theorem 2 on it.
 *   cc -O2 -DCLB_STATIC -o hello examples/hello.c -lm && ./hello */
#define CLB_IMPLEMENTATION
#include "../clb.h"

int main(void)
{
    size_t widths[] = { 20, 64, 5 }; /* inputs, hidden ReLU units, outputs; no biases */
    clb_rng rng;
    clb_net net;
    clb_data data;
    clb_trace trace;
    clb_rng_seed(&rng, 42);
    if (clb_net_init(&net, widths, 3, NULL, &rng)) return 1;
    if (clb_data_mixture(&data, &rng, 200, 20, 5, 2.0)) return 1;
    if (clb_train(&net, &data, 0.01, 2000, NULL, &trace)) return 1; /* step size 0.01, 2000 steps */
    printf("loss             %.3e -> %.3e\n", trace.loss[0], trace.loss[2000]);
    printf("C(T) - C(0)      %.12e\n", clb_trace_drift(&trace, 1));
    printf("eta^2 S(eta)     %.12e   (Theorem 2)\n", 0.01 * 0.01 * trace.S[0]);
    clb_trace_free(&trace);
    clb_data_free(&data);
    clb_net_free(&net);
    return 0;
}
