/* Train a classifier on a CSV file, keep it in one file, use it.
 *   cc -O2 -DCLB_STATIC -o classify examples/classify_csv.c -lm && ./classify iris.csv species
 * The second argument names the label column of the header; without it the last column is the
 * label. */
#define CLB_IMPLEMENTATION
#include "../clb.h"

/* Load, split 80 : 20, standardise by the training set, train with early stopping, save. */
static clb_status fit(const clb_data *all, const char *path)
{
    clb_data train = CLB_ZERO, valid = CLB_ZERO;
    clb_scaler scaler = CLB_ZERO;
    clb_net net = CLB_ZERO;
    clb_net_opts shape = CLB_ZERO;
    clb_train_opts opts = CLB_ZERO;
    clb_early_stop early = CLB_ZERO;
    clb_rng rng;
    size_t widths[3] = { all->d, 32, all->K };
    double loss = 0, accuracy = 0;
    clb_status status;
    clb_rng_seed(&rng, 42);
    shape.bias = -1;
    opts.ce = CLB_CE, opts.optimizer = CLB_ADAM;
    opts.early = &early, early.data = &valid;
    status = clb_data_split(all, &rng, 0.2, &train, &valid);
    if (!status) status = clb_scaler_fit(&scaler, &train);
    if (!status) status = clb_scaler_apply(&scaler, &train);
    if (!status) status = clb_scaler_apply(&scaler, &valid);
    if (!status) status = clb_net_init(&net, widths, 3, &shape, &rng);
    if (!status) status = clb_train(&net, &train, 0.01, 2000, &opts, NULL);
    if (!status) status = clb_evaluate(&net, &valid, CLB_CE, &loss, &accuracy);
    if (!status) printf("held out: loss %.4f, accuracy %.1f %%\n", loss, 100 * accuracy);
    if (!status) status = clb_scaler_fold(&scaler, &net); /* takes raw inputs from now on */
    if (!status) status = clb_net_save(&net, path);
    clb_net_free(&net), clb_scaler_free(&scaler), clb_data_free(&train), clb_data_free(&valid);
    return status;
}

int main(int argc, char **argv)
{
    clb_csv_opts csv = CLB_ZERO;
    clb_error error = CLB_ZERO;
    clb_data data;
    clb_net net;
    int label;
    clb_status status;
    csv.label_name = argc > 2 ? argv[2] : NULL;
    if (argc < 2) return puts("usage: classify FILE.csv [LABEL COLUMN]"), 2;
    if (clb_data_csv_load(&data, argv[1], &csv, &error)) return puts(error.text), 3;
    status = fit(&data, "classifier.npz");
    if (!status) status = clb_net_load(&net, "classifier.npz", &error);
    if (!status) status = clb_classify(&net, data.X, 1, &label);
    if (status) return puts(error.text[0] ? error.text : clb_strerror(status)), 1;
    if (data.names) printf("first row: %s\n", data.names[label]);
    else printf("first row: class %d\n", label);
    clb_net_free(&net), clb_data_free(&data);
    return 0;
}
