/* lab_train.h - clb_lab train: the runs. One row a run of every combination of step size, seed,
 * net, optimiser, ...; what is computed from them and the page stand in lab_says.h. */
#ifndef CLB_LAB_TRAIN_H
#define CLB_LAB_TRAIN_H

/* One training. `variant` names what else is swept: "64x64 adam"; "" if nothing is. */
typedef struct training {
    double      seed, lr, momentum, l2, decoupled, batch, warmup, clip, bias, patience, run;
    const char *widths, *activation, *loss, *optimizer, *schedule, *rates, *variant;
    double   diverged, steps, best_step, first_loss, final_loss, accuracy;
    double   valid_loss, valid_accuracy, sharpness_0, sharpness, limit, edge_step, edge_share;
    double   degree, drift, S, law_error, first, oscillation, norm;
    double   linearised, crossover, edge;      /* predicted drift; NaN outside their validity */
    kit_list t, losses, accuracies, valid_losses, valid_accuracies, limits, eigenvalues, charges;
    kit_list law_start, law_drift, law_predicted, law_S, law_oscillation;
    kit_list density_step, density_nodes, node, weight;
    const char *says;
} training;
static const kit_field training_fields[] = {
    KIT_KEY(training, seed), KIT_KEY(training, lr), KIT_KEY(training, momentum),
    KIT_KEY(training, l2), KIT_KEY(training, decoupled), KIT_KEY(training, batch),
    KIT_KEY(training, warmup), KIT_KEY(training, clip), KIT_KEY(training, bias),
    KIT_KEY(training, patience), KIT_KEY_TEXT(training, widths),
    KIT_KEY_TEXT(training, activation), KIT_KEY_TEXT(training, loss),
    KIT_KEY_TEXT(training, optimizer), KIT_KEY_TEXT(training, schedule),
    KIT_KEY_TEXT(training, rates),
    KIT_KEY_TEXT(training, variant), KIT_KEY(training, run), KIT_RESULT(training, diverged),
    KIT_RESULT(training, steps), KIT_RESULT(training, best_step), KIT_RESULT(training, first_loss),
    KIT_RESULT(training, final_loss), KIT_RESULT(training, accuracy),
    KIT_RESULT(training, valid_loss), KIT_RESULT(training, valid_accuracy),
    KIT_RESULT(training, sharpness_0), KIT_RESULT(training, sharpness),
    KIT_RESULT(training, limit), KIT_RESULT(training, edge_step),
    KIT_RESULT(training, edge_share), KIT_RESULT(training, degree), KIT_RESULT(training, drift),
    KIT_RESULT(training, S), KIT_RESULT(training, law_error), KIT_RESULT(training, first),
    KIT_RESULT(training, oscillation), KIT_RESULT(training, norm),
    KIT_RESULT(training, linearised), KIT_RESULT(training, crossover), KIT_RESULT(training, edge),
    KIT_RESULT_ARRAY(training, t), KIT_RESULT_ARRAY(training, losses),
    KIT_RESULT_ARRAY(training, accuracies), KIT_RESULT_ARRAY(training, valid_losses),
    KIT_RESULT_ARRAY(training, valid_accuracies), KIT_RESULT_ARRAY(training, limits),
    KIT_RESULT_ARRAY(training, eigenvalues), KIT_RESULT_ARRAY(training, charges),
    KIT_RESULT_ARRAY(training, law_start), KIT_RESULT_ARRAY(training, law_drift),
    KIT_RESULT_ARRAY(training, law_predicted), KIT_RESULT_ARRAY(training, law_S),
    KIT_RESULT_ARRAY(training, law_oscillation), KIT_RESULT_ARRAY(training, density_step),
    KIT_RESULT_ARRAY(training, density_nodes), KIT_RESULT_ARRAY(training, node),
    KIT_RESULT_ARRAY(training, weight), KIT_RESULT_TEXT(training, says),
};

/* What all runs share: nobody changes it while they run. */
static struct lab_job {
    lab_options *o;
    clb_data     train, valid;
    int          has_valid, output_failed;
    lab_log      log[LAB_LOGS];
    size_t       logs;
} lab_job;

/* Crossover formula: a dense eigenproblem, only up to so many parameters. */
enum { LAB_DENSE = 700 };

/* ---- one run ------------------------------------------------------------------------------- */

/* The net, options and looks of a run. */
typedef struct lab_case {
    kit           *x;
    training      *r;
    clb_net        net;
    clb_train_opts opts;
    clb_early_stop early;
    clb_observer   observers[2];
    clb_rng        rng;
    size_t         looks, room, densities, nodes, node_room;
    double        *seen[3];              /* accuracy; loss and accuracy on the rows aside */
    double        *node, *weight, *density_step, *density_nodes;
    size_t         density_at[LIST];
    double         rates[LIST];          /* of the layers */
    clb_status     status;
} lab_case;

static clb_verdict lab_look(void *context, const clb_state *state)
{
    lab_case *c = (lab_case *)context;
    size_t i = c->looks;
    if (i == c->room) return CLB_CONTINUE;
    c->seen[0][i] = clb_accuracy(state->pass);
    c->seen[1][i] = c->seen[2][i] = KIT_NAN;
    if (lab_job.has_valid)
        c->status = clb_evaluate(state->net, &lab_job.valid, c->opts.ce, &c->seen[1][i],
                                 &c->seen[2][i]);
    ++c->looks;
    return c->status ? CLB_STOP : CLB_CONTINUE;
}

static clb_verdict lab_density(void *context, const clb_state *state)
{
    lab_case *c = (lab_case *)context;
    clb_curv curv;
    clb_slq_opts how = CLB_ZERO;
    clb_quadrature q;
    clb_linop H;
    if ((c->status = clb_curv_init(&curv, state->pass)) != CLB_OK) return CLB_STOP;
    clb_curv_at(&curv, state->net->theta);
    H = clb_hessian_op(&curv), how.probes = lab_job.o->probes;
    c->status = clb_slq(&H, &c->rng, &how, &q);
    if (!c->status) {
        for (size_t i = 0; i < q.count && c->nodes < c->node_room; ++i, ++c->nodes)
            c->node[c->nodes] = q.node[i], c->weight[c->nodes] = q.weight[i];
        c->density_step[c->densities] = (double)state->t;
        c->density_nodes[c->densities++] = (double)q.count;
        clb_quadrature_free(&q);
    }
    clb_curv_free(&curv);
    return c->status ? CLB_STOP : CLB_CONTINUE;
}

/* "64x64" as numbers; how many. */
static size_t lab_split(const char *text, double *number)
{
    size_t n = 0;
    for (const char *p = text; *p;) {
        char *end;
        number[n++] = strtod(p, &end), p = end + (*end == 'x');
    }
    return n;
}

/* Hidden layers with inputs and outputs; count of all widths. */
static size_t lab_shape_of(const training *r, size_t *width)
{
    double hidden[LIST];
    size_t n = lab_split(r->widths, hidden);
    width[0] = lab_job.train.d, width[n + 1] = lab_job.train.K;
    for (size_t l = 0; l < n; ++l) width[l + 1] = (size_t)hidden[l];
    return n + 2;
}

static clb_status lab_net_of(const training *r, clb_net *net, clb_rng *rng)
{
    clb_net_opts opts = lab_job.o->net;
    size_t width[LIST + 2], n = lab_shape_of(r, width);
    opts.activation = lab_activation[lab_find(r->activation, lab_activations)];
    opts.bias = r->bias > 0 ? -1 : 0;
    clb_rng_seed(rng, (uint64_t)r->seed);
    return clb_net_init(net, width, n, &opts, rng);
}

static void lab_case_opts(lab_case *c)
{
    const lab_options *o = lab_job.o;
    const training *r = c->r;
    clb_train_opts *t = &c->opts;
    size_t every = o->steps > o->looks ? (o->steps + o->looks - 1) / o->looks : 1;
    t->ce = (double)lab_find(r->loss, lab_losses);
    t->optimizer = (clb_optimizer)lab_find(r->optimizer, lab_optimizers);
    t->beta1 = t->optimizer == CLB_GD ? 0 : r->momentum > 0 ? r->momentum : -1;
    t->l2 = r->l2, t->decay = r->decoupled, t->clip = r->clip;
    if (*r->rates) lab_split(r->rates, c->rates), t->rates = c->rates;
    t->batch = (size_t)r->batch, t->batch_rng = t->batch ? &c->rng : NULL;
    t->schedule.kind = (clb_schedule_kind)lab_find(r->schedule, lab_schedules);
    t->schedule.warmup = (size_t)r->warmup, t->schedule.horizon = o->steps + 1;
    t->schedule.every = o->stairs, t->schedule.factor = o->factor;
    if (r->patience > 0) {
        c->early.data = &lab_job.valid, c->early.every = every;
        c->early.patience = (size_t)r->patience;
        t->early = &c->early;
    }
    c->observers[0].call = lab_look, c->observers[0].context = c, c->observers[0].every = every;
    c->observers[1].call = lab_density, c->observers[1].context = c;
    if (!o->spectrum_at.n) c->observers[1].every = o->steps;
    for (size_t i = 0; i < o->spectrum_at.n; ++i) c->density_at[i] = (size_t)o->spectrum_at.at[i];
    c->observers[1].at = c->density_at, c->observers[1].at_count = o->spectrum_at.n;
    t->observers = c->observers, t->observer_count = o->fast ? 1 : 2;
    c->room = o->steps / every + 2;
}

static clb_status lab_case_init(lab_case *c, kit *x, training *r)
{
    const lab_options *o = lab_job.o;
    size_t densities = o->spectrum_at.n + 2;
    memset(c, 0, sizeof *c);
    c->x = x, c->r = r;
    lab_case_opts(c);
    for (int i = 0; i < 3; ++i) c->seen[i] = kit_doubles(x, c->room);
    c->density_step = kit_doubles(x, densities), c->density_nodes = kit_doubles(x, densities);
    c->node_room = o->fast ? 0 : densities * o->probes * 60;
    c->node = kit_doubles(x, c->node_room), c->weight = kit_doubles(x, c->node_room);
    return lab_net_of(r, &c->net, &c->rng);
}

/* ---- what a run leaves --------------------------------------------------------------------- */

/* Losses, sharpness and charges at the looks; where the edge is reached. */
static void lab_take_looks(lab_case *c, const clb_watch *w)
{
    training *r = c->r;
    size_t n = w->count < c->looks ? w->count : c->looks, above = 0;
    double *t = kit_doubles(c->x, n);
    for (size_t i = 0; i < n; ++i) {
        t[i] = (double)w->t[i];
        if (!(w->value[i * w->k] >= w->limit[i])) continue;
        if (!above++) r->edge_step = t[i];
    }
    r->t.n = n, r->t.at = t;
    r->losses = kit_keep(c->x, n, w->loss), r->limits = kit_keep(c->x, n, w->limit);
    r->eigenvalues = kit_keep(c->x, n * w->k, w->value);
    r->charges = kit_keep(c->x, n * w->charges, w->charge);
    r->accuracies = kit_keep(c->x, n, c->seen[0]);
    r->valid_losses = kit_keep(c->x, n, c->seen[1]);
    r->valid_accuracies = kit_keep(c->x, n, c->seen[2]);
    r->edge_share = n ? (double)above / (double)n : KIT_NAN;
    if (!n) return;
    r->sharpness_0 = w->value[0], r->sharpness = w->value[(n - 1) * w->k];
    r->limit = w->limit[n - 1];
    r->density_step = kit_keep(c->x, c->densities, c->density_step);
    r->density_nodes = kit_keep(c->x, c->densities, c->density_nodes);
    r->node = kit_keep(c->x, c->nodes, c->node), r->weight = kit_keep(c->x, c->nodes, c->weight);
}

/* Each charge against the optimiser's exact law. */
static void lab_take_law(lab_case *c, const clb_trace *tr)
{
    training *r = c->r;
    size_t n = tr->L - 1;
    double *start = kit_doubles(c->x, n), *drift = kit_doubles(c->x, n), norm = 0, osc = 0;
    for (size_t t = 0; t <= tr->steps; ++t) {
        double sum = 0;
        for (size_t i = t * tr->L; i < (t + 1) * tr->L; ++i) sum += tr->q[i] + tr->qb[i];
        if (t == 0) r->norm = sum;
        norm = fmax(norm, sum);
    }
    r->drift = r->S = r->law_error = r->first = 0;
    for (size_t l = 1; l <= n; ++l) {
        start[l - 1] = clb_trace_law(tr, l, 0), drift[l - 1] = clb_trace_law_drift(tr, l);
        r->drift += fabs(drift[l - 1]), r->S += tr->S[l - 1];
        r->law_error = fmax(r->law_error, fabs(drift[l - 1] - tr->predicted[l - 1]) / norm);
        r->first += fabs(tr->first[l - 1]), osc += fabs(tr->oscillation[l - 1]);
        if (isnan(tr->predicted[l - 1]) || isnan(r->degree)) r->law_error = KIT_NAN;
    }
    r->oscillation = osc;
    r->law_start = kit_keep(c->x, n, start), r->law_drift = kit_keep(c->x, n, drift);
    r->law_predicted = kit_keep(c->x, n, tr->predicted), r->law_S = kit_keep(c->x, n, tr->S);
    r->law_oscillation = kit_keep(c->x, n, tr->oscillation);
}

/* Plain full-batch descent, momentum allowed or not: what the predictions are about. */
static int lab_predictable(const training *r, int momentum)
{
    const lab_options *o = lab_job.o;
    return !o->fast && !strcmp(r->schedule, "constant") && r->warmup == 0 && r->clip == 0
           && !*r->rates && r->l2 == 0 && r->decoupled == 0 && r->batch == 0 && r->degree == 1
           && strcmp(r->optimizer, "adam")
           && (momentum || !strcmp(r->optimizer, "gd"));
}

static clb_status lab_predict_below(training *r, clb_net *net, size_t steps)
{
    double ce = (double)lab_find(r->loss, lab_losses), *S;
    clb_pass pass;
    clb_curv curv;
    clb_status s = clb_pass_init(&pass, net, &lab_job.train, ce);
    if (s) return s;
    if ((s = clb_curv_init(&curv, &pass)) != CLB_OK) { clb_pass_free(&pass); return s; }
    clb_curv_at(&curv, NULL);
    S = (double *)kit_realloc(NULL, net->L + 2 * net->P, sizeof *S);
    s = clb_linearised(&curv, r->lr, steps, NULL, S);
    if (!s) {
        r->linearised = 0;
        for (size_t l = 1; l < net->L; ++l) r->linearised += fabs(r->lr * r->lr * S[l - 1]);
    }
    if (s == CLB_EDIVERGED) s = CLB_OK;
    if (!s && net->L == 2 && r->bias == 0 && net->P <= LAB_DENSE) {
        double *lambda = S + net->L, *weights = lambda + net->P;
        s = clb_crossover_modes(&curv, lambda, weights);
        if (!s) r->crossover = r->lr * r->lr
                               * clb_crossover(net->P, lambda, weights, r->lr, steps, NULL);
    }
    free(S);
    clb_curv_free(&curv), clb_pass_free(&pass);
    return s;
}

/* Predicted drift: below the edge by the start alone, at the edge by following the swing. */
static clb_status lab_predictions(training *r)
{
    size_t steps = (size_t)r->steps;
    clb_rod_opts how = CLB_ZERO;
    clb_status s = CLB_OK;
    clb_net net;
    clb_rng rng;
    clb_edge e;
    if (!steps || !lab_predictable(r, 1)) return CLB_OK;
    if ((s = lab_net_of(r, &net, &rng)) != CLB_OK) return s;
    if (lab_predictable(r, 0) && r->lr * r->sharpness_0 < 2) s = lab_predict_below(r, &net, steps);
    if (!s && r->edge_step >= 0) {
        how.ce = (double)lab_find(r->loss, lab_losses), how.beta = r->momentum;
        how.optimizer = (clb_optimizer)lab_find(r->optimizer, lab_optimizers);
        s = clb_edge_predict(&net, &lab_job.train, r->lr, steps, &how, 1, &e);
        if (!s) {
            r->edge = 0;
            for (size_t l = 1; l < net.L; ++l) r->edge += fabs(e.drift[l - 1]);
        }
        if (!s || s == CLB_EDIVERGED) clb_edge_free(&e), s = CLB_OK;
    }
    clb_net_free(&net);
    return s;
}

/* ---- files of a run ------------------------------------------------------------------------ */

/* Whole or not at all; one at a time, as the name of the temporary file is shared. */
static void lab_write(const char *path, const void *bytes, size_t n)
{
#ifdef _OPENMP
#pragma omp critical(lab_files)
#endif
    if (kit_write_file(path, (const char *)bytes, n)) lab_job.output_failed = 1;
}

static clb_status lab_write_tensors(const char *path, const clb_tensors *t)
{
    size_t size;
    clb_status s = clb_npz_write(NULL, 0, &size, t);
    void *bytes = kit_realloc(NULL, size, 1);
    s = s && s != CLB_ESIZE ? s : clb_npz_write(bytes, size, &size, t);
    if (!s) lab_write(path, bytes, size);
    free(bytes);
    return s;
}

static void lab_tensor(kit_arena *arena, clb_tensors *t, const char *name, const clb_real *from,
                       size_t rows, size_t columns)
{
    clb_tensor *a = &t->item[t->count++];
    a->name = kit_copy(arena, name), a->digits = sizeof(clb_real) == 4 ? 24 : 53;
    a->array.rank = columns ? 2 : 1;
    a->array.shape[0] = rows, a->array.shape[1] = columns;
    a->array.count = columns ? rows * columns : rows;
    a->array.x = (double *)kit_new(arena, a->array.count, sizeof(double));
    for (size_t k = 0; k < a->array.count; ++k) a->array.x[k] = (double)from[k];
}

/* The weights under PyTorch's names. */
static clb_status lab_write_weights(const char *path, const clb_net *net)
{
    clb_tensor item[2 * LIST + 4];
    clb_tensors t = { 0, item };
    kit_arena arena = { NULL };
    char name[40];
    clb_status s;
    memset(item, 0, sizeof item);
    for (size_t l = 1; l <= net->L; ++l) {
        snprintf(name, sizeof name, "layers.%zu.weight", l - 1);
        lab_tensor(&arena, &t, name, net->theta + net->w[l], net->m[l], net->m[l - 1]);
        if (net->b[l] == CLB_NO_BIAS) continue;
        snprintf(name, sizeof name, "layers.%zu.bias", l - 1);
        lab_tensor(&arena, &t, name, net->theta + net->b[l], net->m[l], 0);
    }
    s = lab_write_tensors(path, &t);
    kit_arena_free(&arena);
    return s;
}

/* A data set as the nets see it, arrays x and y: for clb_lab spectrum --npz. */
static clb_status lab_write_data(const char *path, const clb_data *data)
{
    clb_tensor item[2];
    clb_tensors t = { 0, item };
    kit_arena arena = { NULL };
    clb_real *y = (clb_real *)kit_realloc(NULL, data->n, sizeof *y);
    clb_status s;
    memset(item, 0, sizeof item);
    for (size_t i = 0; i < data->n; ++i) y[i] = (clb_real)data->y[i];
    lab_tensor(&arena, &t, "x", data->X, data->n, data->d);
    lab_tensor(&arena, &t, "y", y, data->n, 0);
    s = lab_write_tensors(path, &t);
    kit_arena_free(&arena);
    free(y);
    return s;
}

static void lab_put_cell(kit_buf *b, double v)
{
    char number[40];
    kit_put(b, ",");
    if (isfinite(v)) kit_put(b, json_decimal(number, sizeof number, v));
}

static void lab_write_trace(const char *path, const training *r)
{
    kit_buf b = { NULL, 0, 0 };
    size_t k = r->t.n ? r->eigenvalues.n / r->t.n : 0, charges = r->t.n ? r->charges.n / r->t.n : 0;
    kit_put(&b, "step,loss,accuracy,validation_loss,validation_accuracy,limit");
    for (size_t j = 1; j <= k; ++j) kit_putf(&b, ",lambda%zu", j);
    for (size_t j = 1; j <= charges; ++j) kit_putf(&b, ",Q%zu", j);
    for (size_t i = 0; i < r->t.n; ++i) {
        kit_putf(&b, "\n%.0f", r->t.at[i]);
        lab_put_cell(&b, r->losses.at[i]), lab_put_cell(&b, r->accuracies.at[i]);
        lab_put_cell(&b, r->valid_losses.at[i]), lab_put_cell(&b, r->valid_accuracies.at[i]);
        lab_put_cell(&b, r->limits.at[i]);
        for (size_t j = 0; j < k; ++j) lab_put_cell(&b, r->eigenvalues.at[i * k + j]);
        for (size_t j = 0; j < charges; ++j) lab_put_cell(&b, r->charges.at[i * charges + j]);
    }
    kit_put(&b, "\n");
    lab_write(path, b.s, b.n);
    free(b.s);
}

/* ---- the run function of the kit ------------------------------------------------------------ */

static const char *lab_says_run(kit *x, const training *r);

static void lab_take_end(lab_case *c, const clb_trace *tr, clb_status status)
{
    training *r = c->r;
    r->diverged = status == CLB_EDIVERGED, r->steps = (double)tr->steps;
    r->first_loss = tr->loss[0], r->degree = clb_degree(&c->net);
    if (r->patience > 0) r->best_step = (double)c->early.best_t;
    if (r->diverged > 0 && r->patience == 0) return;
    (void)clb_evaluate(&c->net, &lab_job.train, c->opts.ce, &r->final_loss, &r->accuracy);
    if (lab_job.has_valid)
        (void)clb_evaluate(&c->net, &lab_job.valid, c->opts.ce, &r->valid_loss, &r->valid_accuracy);
}

static clb_status lab_run_one(kit *x, void *run)
{
    training *r = (training *)run;
    const char *name = kit_print(x, "%s/LAB_%.0f", lab_job.o->set.out, r->run);
    clb_watch watch;
    lab_case c;
    clb_status s = lab_case_init(&c, x, r);
    memset(&watch, 0, sizeof watch);
    watch.every = c.observers[0].every, watch.k = lab_job.o->k;
    if (!s) s = clb_train_watched(&c.net, &lab_job.train, r->lr, lab_job.o->steps, &c.opts, &watch);
    if (c.status && (!s || s == CLB_EDIVERGED)) { clb_watch_free(&watch), s = c.status; }
    if (!s || s == CLB_EDIVERGED) {
        lab_take_end(&c, &watch.trace, s);
        lab_take_looks(&c, &watch);
        if (!s) lab_take_law(&c, &watch.trace);
        clb_watch_free(&watch);
        s = r->diverged > 0 ? CLB_OK : lab_predictions(r);
        r->says = lab_says_run(x, r);
        if (!s) s = lab_write_weights(kit_print(x, "%s.npz", name), &c.net);
        lab_write_trace(kit_print(x, "%s.csv", name), r);
    }
    clb_net_free(&c.net);
    return s ? s : lab_job.output_failed ? CLB_EIO : CLB_OK;
}

static const kit_part lab_part = KIT_PART("training", "trainings", training, lab_run_one);

#endif /* CLB_LAB_TRAIN_H */
