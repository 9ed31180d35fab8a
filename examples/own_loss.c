/* A loss of your own: Huber's, by gradient descent. The law of Theorem 2 does not ask which loss:
 *   C(T) - C(0) = eta^2 sum_t (|G_2|^2 - |G_1|^2)   to rounding.
 *   cc -O2 -DCLB_STATIC -o own_loss examples/own_loss.c -lm && ./own_loss */
#define CLB_IMPLEMENTATION
#include "../clb.h"

enum { N = 50, D = 4, M = 16, STEPS = 500 };

/* Huber loss of f - target, mean over the rows: r^2/2 for |r| <= 1, |r| - 1/2 beyond; df: its
 * derivative. */
static double huber(const clb_real *f, const clb_real *target, clb_real *df)
{
    double loss = 0;
    for (int i = 0; i < N; ++i) {
        double r = (double)f[i] - (double)target[i], a = r < 0 ? -r : r;
        loss += a <= 1 ? r * r / 2 : a - 0.5;
        df[i] = (clb_real)((a <= 1 ? r : r / a) / N);
    }
    return loss / N;
}

int main(void)
{
    static const size_t widths[] = { D, M, 1 };
    static clb_real X[N * D], target[N], df[N], grad[D * M + M];
    const double eta = 0.05;
    clb_rng rng;
    clb_net net;
    clb_pass pass;
    clb_data data = clb_data_view(N, D, 1, X, NULL);              /* rows only: no labels */
    double before, S = 0, first = 0, loss = 0;
    clb_rng_seed(&rng, 7);
    clb_rng_normal(&rng, N * D, X);
    for (int i = 0; i < N; ++i) target[i] = X[i * D] * X[i * D + 1] + (i % 10 == 0 ? 20 : 0);
    if (clb_net_init(&net, widths, 3, NULL, &rng) || clb_pass_init(&pass, &net, &data, 0)) return 1;
    before = clb_charge(&net, NULL, 1);
    for (int t = 0; t < STEPS; ++t) {
        loss = huber(clb_forward(&pass, NULL), target, df);
        clb_backward(&pass, NULL, df, grad);
        if (t == 0) first = loss;
        S += clb_weight_sumsq(&net, grad, 2) - clb_weight_sumsq(&net, grad, 1);
        clb_axpy(net.P, (clb_real)-eta, grad, net.theta);
    }
    printf("Huber loss       %.4f -> %.4f\n", first, loss);
    printf("C(T) - C(0)      %.10e\n", clb_charge(&net, NULL, 1) - before);
    printf("eta^2 S(eta)     %.10e\n", eta * eta * S);
    clb_pass_free(&pass);
    clb_net_free(&net);
    return 0;
}
