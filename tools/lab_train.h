/* clb_lab train: trains a net on the user's data at each step size, and says what the charges did. */

typedef struct lab_watch {
    clb_curv  curv;
    clb_pass *pass;
    double    eta, top;              /* sharpness at the last look                                */
    size_t    edge;                  /* first look at which eta times it was above 2              */
    FILE     *csv;
} lab_watch;

static clb_verdict lab_look(void *context, const clb_state *state)
{
    lab_watch *w = (lab_watch *)context;
    const clb_net *net = state->net;
    if (!w->pass) {
        if (clb_curv_init(&w->curv, state->pass)) return CLB_STOP;
        w->pass = state->pass;
    }
    clb_curv_at(&w->curv, net->theta);
    if (clb_sharpness(&w->curv, NULL, &w->top, NULL) > CLB_ENOCONV) w->top = NAN;
    if (w->edge == (size_t)-1 && w->eta * w->top >= 2.0) w->edge = state->t;
    if (w->csv) {
        fprintf(w->csv, "%zu,%.17g,%.17g", state->t, state->loss, w->top);
        for (size_t l = 1; l < net->L; ++l) fprintf(w->csv, ",%.17g", clb_charge_bias(net, NULL, l));
        fputc('\n', w->csv);
    }
    return CLB_CONTINUE;
}

/* Splits off a share of the rows, shuffled by the seed: *held gets them, *data keeps the rest. */
static clb_status lab_split(clb_data *data, clb_data *held, double share, uint64_t seed)
{
    size_t n = data->n, keep = (size_t)((double)n * share), i;
    uint32_t *order = (uint32_t *)malloc(n * sizeof *order);
    clb_real *x = (clb_real *)malloc(n * data->d * sizeof *x);
    int *y = (int *)malloc(n * sizeof *y);
    clb_rng rng;
    memset(held, 0, sizeof *held);
    if (!order || !x || !y) {
        free(order), free(x), free(y);
        return CLB_ENOMEM;
    }
    clb_rng_seed(&rng, seed);
    clb_rng_permutation(&rng, n, order);
    for (i = 0; i < n; ++i) {
        memcpy(x + i * data->d, data->X + order[i] * data->d, data->d * sizeof *x);
        y[i] = data->y[order[i]];
    }
    memcpy(data->X, x, n * data->d * sizeof *x);
    memcpy(data->y, y, n * sizeof *y);
    free(order), free(x), free(y);
    *held = *data;                   /* rows n - keep .. n - 1 of the same memory */
    held->n = keep;
    held->X = data->X + (n - keep) * data->d;
    held->y = data->y + (n - keep);
    data->n = n - keep;
    return CLB_OK;
}

static double lab_accuracy_on(const clb_net *net, const clb_data *data, double ce)
{
    clb_pass pass;
    double a = NAN;
    if (data->n && !clb_pass_init(&pass, net, data, ce)) {
        clb_loss(&pass, NULL);
        a = clb_accuracy(&pass);
        clb_pass_free(&pass);
    }
    return a;
}

/* The weights as NPZ under PyTorch's names. */
static clb_status lab_save(const clb_net *net, const char *path)
{
    clb_tensor item[2 * LIST];
    char names[2 * LIST][32];
    clb_tensors t = { 0, item };
    clb_status s = CLB_OK;
    memset(item, 0, sizeof item);
    for (size_t l = 1; l <= net->L; ++l)
        for (int part = 0; part < (net->b[l] == CLB_NO_BIAS ? 1 : 2); ++part) {
            clb_tensor *a = &item[t.count];
            const clb_real *from = net->theta + (part ? net->b[l] : net->w[l]);
            snprintf(names[t.count], sizeof names[0], "layers.%zu.%s", l - 1, part ? "bias" : "weight");
            a->name = names[t.count++];
            a->digits = sizeof(clb_real) == 4 ? 24 : 53;
            a->array.rank = part ? 1 : 2;
            a->array.shape[0] = net->m[l], a->array.shape[1] = net->m[l - 1];
            a->array.count = part ? net->m[l] : clb_layer_size(net, l);
            a->array.x = (double *)malloc(a->array.count * sizeof(double));
            if (!a->array.x) s = CLB_ENOMEM;
            for (size_t k = 0; !s && k < a->array.count; ++k) a->array.x[k] = (double)from[k];
        }
    if (!s) s = clb_npz_save(&t, path);
    for (size_t i = 0; i < t.count; ++i) free(item[i].array.x);
    return s;
}

/* What a run shows, in words. */
static void lab_say(const lab_options *o, const clb_net *net, const clb_trace *tr, const lab_watch *w,
                    clb_status s)
{
    if (s == CLB_EDIVERGED) {
        printf("  diverged at step %zu\n", tr->steps);
        return;
    }
    for (size_t l = 1; l < net->L; ++l) {
        double drift = clb_trace_drift_bias(tr, l);
        printf("  charge %zu moved by %.4e; the optimiser's exact law gives %.4e", l, drift, tr->predicted[l - 1]);
        if (o->optimizer == CLB_GD && o->decay == 0) printf(" (eta^2 S)");
        putchar('\n');
    }
    if (!isnan(clb_degree(net)) && o->optimizer == CLB_GD && o->decay == 0)
        puts("  the law is kept to first order: what moves it is the size of the step");
    else if (isnan(clb_degree(net))) puts("  this activation has no law: the charges move at first order");
    if (w->edge != (size_t)-1) printf("  the edge of stability is reached by step %zu\n", w->edge);
    else printf("  below the edge of stability: eta times sharpness is %.3g, less than 2\n", w->eta * w->top);
}

static int lab_train_one(const lab_options *o, const clb_data *data, const clb_data *held, double eta)
{
    clb_train_opts t;
    clb_observer look;
    clb_trace tr;
    clb_net net;
    clb_rng rng;
    lab_watch w;
    size_t widths[LIST + 2];
    char path[4096];
    int status = LAB_OK;
    clb_status s;
    memset(&t, 0, sizeof t), memset(&look, 0, sizeof look), memset(&w, 0, sizeof w);
    widths[0] = data->d;
    memcpy(widths + 1, o->width, o->widths * sizeof widths[0]);
    widths[o->widths + 1] = data->K;
    clb_rng_seed(&rng, o->seed);
    s = clb_net_init(&net, widths, o->widths + 2, &o->net, &rng);
    if (s) return lab_status(NULL, s, NULL);
    w.eta = eta, w.edge = (size_t)-1;
    if (o->out) {
        snprintf(path, sizeof path, "%s/lr_%g.csv", o->out, eta);
        w.csv = fopen(path, "wb");
        if (!w.csv) status = lab_fail(LAB_OUTPUT, "cannot write %s", path);
        else {
            fputs("step,loss,sharpness", w.csv);
            for (size_t l = 1; l < net.L; ++l) fprintf(w.csv, ",Q%zu", l);
            fputc('\n', w.csv);
        }
    }
    look.call = lab_look, look.context = &w, look.every = o->steps > 20 ? o->steps / 20 : 1;
    t.ce = o->ce, t.optimizer = o->optimizer, t.beta1 = o->momentum, t.l2 = o->decay;
    t.batch = o->batch, t.batch_rng = &rng, t.observers = &look, t.observer_count = 1;
    if (!status) {
        s = clb_train(&net, data, eta, o->steps, &t, &tr);
        if (s && s != CLB_EDIVERGED) status = lab_status(NULL, s, NULL);
        else {
            if (!o->quiet) {
                printf("%9.3g  %12.5e  %12.5e  %8.4f  %8.4f  %9.4g\n", eta, tr.loss[0],
                       tr.steps ? tr.loss[tr.steps - 1] : (double)NAN, lab_accuracy_on(&net, data, o->ce),
                       lab_accuracy_on(&net, held, o->ce), w.top);
                lab_say(o, &net, &tr, &w, s);
            }
            if (o->out) {
                snprintf(path, sizeof path, "%s/lr_%g.npz", o->out, eta);
                if (lab_save(&net, path)) status = lab_fail(LAB_OUTPUT, "cannot write %s", path);
            }
            clb_trace_free(&tr);
        }
    }
    if (w.csv && fclose(w.csv)) status = lab_fail(LAB_OUTPUT, "cannot write %s", path);
    if (w.pass) clb_curv_free(&w.curv);
    clb_net_free(&net);
    return status;
}

static int lab_train(lab_options *o)
{
    clb_data data, held;
    clb_status s;
    int status;
    if (o->files) return lab_fail(LAB_USAGE, "train takes no files but those of its options");
    if (o->widths + 1 > LIST) return lab_fail(LAB_USAGE, "--widths: too many layers");
    memset(&data, 0, sizeof data);
    status = lab_data(o, &data);
    if (status) return status;
    s = lab_split(&data, &held, o->validate, o->seed);
    if (s) status = lab_status(NULL, s, NULL);
    if (!status && !o->quiet)
        printf("%zu rows to train on, %zu kept aside, %zu inputs, %zu classes\n\n      eta    first loss     last loss"
               "  accuracy  held out  sharpness\n", data.n, held.n, data.d, data.K);
    for (size_t i = 0; !status && i < o->lrs; ++i) status = lab_train_one(o, &data, &held, o->lr[i]);
    clb_data_free(&data);
    return status;
}
