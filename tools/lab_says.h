/* lab_says.h - clb_lab train: what is computed from the runs: numbers, words, figures, the page.
 * Everything but the words of one run also works on runs that were read from a file. */
#ifndef CLB_LAB_SAYS_H
#define CLB_LAB_SAYS_H

#define LAB_AT(member) KIT_AT(training, member)
enum { LAB_CURVES = 7 };   /* runs a panel shows at most: the plot's colours but grey */

/* ---- words --------------------------------------------------------------------------------- */

static double lab_percent(double part, double whole) { return 100 * part / whole; }

/* "lr 0.1", "lr 0.1, seed 2, 64x64 adam": what tells the run from the others. */
static const char *lab_label(kit *x, const training *r)
{
    const char *seed = lab_job.o->set.seed_list.n > 1 ? kit_print(x, ", seed %.0f", r->seed) : "";
    return kit_print(x, "lr %g%s%s%s", r->lr, seed, *r->variant ? ", " : "", r->variant);
}

static int lab_is_adam(const training *r) { return !strcmp(r->optimizer, "adam"); }
static int lab_has_law(const training *r) { return !isnan(r->law_error); }
/* Gradient descent without decay, one step size: the drift is eta^2 S. */
static int lab_is_plain(const training *r)
{
    return !strcmp(r->optimizer, "gd") && r->l2 == 0 && r->decoupled == 0 && !*r->rates
           && !strcmp(r->schedule, "constant") && r->warmup == 0 && r->clip == 0;
}

static const char *lab_says_law(kit *x, const training *r)
{
    const char *moved = kit_print(x, "The charges moved by %.3g, %.2g %% of the squared weights.",
                                  r->drift, lab_percent(r->drift, r->norm));
    if (isnan(r->degree))
        return kit_print(x, "%s No conservation law holds for %s: to first order in the step they "
                         "moved by %.3g.", moved, r->activation, r->first);
    if (lab_is_adam(r))
        return kit_print(x, "%s Adam scales every weight's gradient on its own and so has no "
                         "conservation law: to first order they moved by %.3g.", moved, r->first);
    if (lab_is_plain(r))
        return kit_print(x, "%s The law holds to first order; the whole drift is that of the "
                         "finite step, eta^2 S%s.", moved, r->edge_step >= 0
                         ? kit_print(x, ", %.3g of it from oscillation at the edge", r->oscillation)
                         : "");
    return kit_print(x, "%s The exact law of %s%s gives the same.", moved, r->optimizer,
                     r->l2 > 0 || r->decoupled > 0 ? " with weight decay, which pulls the charges "
                     "towards 0," : "");
}

/* Largest sharpness over the limit at any look. */
static double lab_closest(const training *r)
{
    size_t k = r->t.n ? r->eigenvalues.n / r->t.n : 0;
    double top = KIT_NAN;
    for (size_t i = 0; i < r->t.n; ++i) {
        double v = r->eigenvalues.at[i * k] / r->limits.at[i];
        if (isnan(top) || v > top) top = v;
    }
    return top;
}

static const char *lab_says_edge(kit *x, const training *r)
{
    const char *limit = lab_is_plain(r) ? "2/eta" : "the limit of the optimiser";
    double closest = lab_closest(r);
    if (isnan(r->limit)) return kit_print(x, "Sharpness ended at %.4g.", r->sharpness);
    if (r->edge_step >= 0)
        return kit_print(x, "Sharpness was first above %s at step %.0f, and at %.0f %% of the "
                         "looks.",
                         limit, r->edge_step, 100 * r->edge_share);
    return kit_print(x, "Sharpness stayed below %s: at most %.3g of it.", limit, closest);
}

/* What rounding may move a charge by, over the largest squared weights of the run. */
static double lab_tolerance(void)
{
    double eps = sizeof(clb_real) == 8 ? 2.3e-16 : 1.2e-7;
    return eps * (100 + (double)lab_job.o->steps);
}

/* What one run shows. */
static const char *lab_says_run(kit *x, const training *r)
{
    const char *stop = r->steps < (double)lab_job.o->steps
        ? kit_print(x, "Stopped early at step %.0f; the weights are those of step %.0f. ", r->steps,
                    r->best_step) : "";
    if (r->diverged > 0) return kit_print(x, "Diverged at step %.0f. %s", r->steps,
                                          lab_says_edge(x, r));
    return kit_print(x, "%s%s %s", stop, lab_says_law(x, r), lab_says_edge(x, r));
}

/* ---- plan ---------------------------------------------------------------------------------- */

/* One word of the name of a variant, where several values are swept. */
static void lab_variant(kit_buf *b, size_t values, const char *text)
{
    if (values > 1) kit_putf(b, "%s%s", b->n ? " " : "", text);
}

/* Which of the widths are hidden layers, where inputs and outputs may be given as well. */
static void lab_hidden(const lab_shape *s, size_t *first, size_t *end)
{
    int all = s->n > 2 && s->width[0] == lab_job.train.d && s->width[s->n - 1] == lab_job.train.K;
    *first = all ? 1 : 0, *end = all ? s->n - 1 : s->n;
}

static const char *lab_widths(kit *x, const lab_shape *s)
{
    kit_buf b = { NULL, 0, 0 };
    size_t first, end;
    const char *text;
    lab_hidden(s, &first, &end);
    for (size_t i = first; i < end; ++i) kit_putf(&b, "%s%zu", i > first ? "x" : "", s->width[i]);
    text = kit_print(x, "%s", b.s);
    free(b.s);
    return text;
}

/* "1x0.5"; "" where all layers have one step size. */
static const char *lab_rates_text(kit *x, const lab_numbers *rates)
{
    const char *text = "";
    char number[40];
    for (size_t l = 0; l < rates->n; ++l)
        text = kit_print(x, "%s%s%s", text, l ? "x" : "",
                         json_decimal(number, sizeof number, rates->at[l]));
    return text;
}

/* All that is swept but step size and seed: `index` counts the combinations. 0: there are no more,
 * or a momentum that this optimiser has not. */
static int lab_combination(kit *x, size_t index, training *r, int *planned)
{
    const lab_options *o = lab_job.o;
    const size_t n[] = { o->shapes, o->activation.n, o->loss.n, o->optimizer.n, o->momentum.n,
                         o->l2.n, o->decoupled.n, o->batch.n, o->schedule.n, o->warmup.n,
                         o->clip.n, o->bias.n, o->patience.n, o->rates_n };
    size_t i[KIT_LEN(n)];
    kit_buf b = { NULL, 0, 0 };
    for (size_t k = 0; k < KIT_LEN(n); ++k) i[k] = index % n[k], index /= n[k];
    if (index) return 0;
    memset(r, 0, sizeof *r);
    r->widths = lab_widths(x, &o->shape[i[0]]);
    r->activation = lab_activations[o->activation.at[i[1]]];
    r->loss = lab_losses[o->loss.at[i[2]]], r->optimizer = lab_optimizers[o->optimizer.at[i[3]]];
    r->momentum = o->optimizer.at[i[3]] == CLB_GD ? 0 : o->momentum.at[i[4]];
    r->l2 = o->l2.at[i[5]], r->decoupled = o->decoupled.at[i[6]], r->batch = o->batch.at[i[7]];
    r->schedule = lab_schedules[o->schedule.at[i[8]]], r->warmup = o->warmup.at[i[9]];
    r->clip = o->clip.at[i[10]], r->bias = o->bias.at[i[11]], r->patience = o->patience.at[i[12]];
    r->rates = lab_rates_text(x, &o->rates[i[13]]);
    *planned = o->optimizer.at[i[3]] != CLB_GD || i[4] == 0;
    lab_variant(&b, n[0], r->widths), lab_variant(&b, n[1], r->activation);
    lab_variant(&b, n[2], r->loss), lab_variant(&b, n[3], r->optimizer);
    lab_variant(&b, n[4], kit_print(x, "momentum %g", r->momentum));
    lab_variant(&b, n[5], kit_print(x, "decay %g", r->l2));
    lab_variant(&b, n[6], kit_print(x, "decoupled %g", r->decoupled));
    lab_variant(&b, n[7], kit_print(x, "batch %g", r->batch));
    lab_variant(&b, n[8], r->schedule);
    lab_variant(&b, n[9], kit_print(x, "warm-up %g", r->warmup));
    lab_variant(&b, n[10], kit_print(x, "clip %g", r->clip));
    lab_variant(&b, n[11], r->bias > 0 ? "biases" : "no biases");
    lab_variant(&b, n[12], kit_print(x, "patience %g", r->patience));
    lab_variant(&b, n[13], kit_print(x, "rates %s", r->rates));
    r->variant = b.n ? kit_print(x, "%s", b.s) : "";
    free(b.s);
    return 1;
}

/* Everything that decides the numbers and is no key, the data by a hash of their bits. */
static void lab_plan_config(kit *x)
{
    const lab_options *o = lab_job.o;
    const clb_data *train = &lab_job.train;
    kit_key128 sum = { 1, 2 };
    kit_hash(&sum, train->X, train->n * train->d, sizeof *train->X);
    kit_hash(&sum, train->y, train->n, sizeof *train->y);
    if (lab_job.has_valid) kit_hash(&sum, lab_job.valid.y, lab_job.valid.n, sizeof *train->y);
    kit_config_text(x, "data", tool_base(o->csv ? o->csv : o->npz ? o->npz : o->npy ? o->npy
                                         : o->idx ? o->idx : o->generate));
    kit_config_text(x, "data_hash", kit_print(x, "%016llx%016llx", (unsigned long long)sum.a,
                                              (unsigned long long)sum.b));
    kit_config(x, "n", (double)train->n), kit_config(x, "d", (double)train->d);
    kit_config(x, "K", (double)train->K);
    kit_config(x, "validation_rows", lab_job.has_valid ? (double)lab_job.valid.n : 0);
    kit_config(x, "steps", (double)o->steps), kit_config(x, "looks", (double)o->looks);
    kit_config(x, "eigenvalues", (double)o->k), kit_config(x, "probes", (double)o->probes);
    kit_config(x, "standardised", !o->raw), kit_config(x, "fast", o->fast != 0);
    kit_config(x, "stairs", (double)o->stairs), kit_config(x, "factor", o->factor);
    for (size_t i = 0; i < o->spectrum_at.n; ++i)
        kit_config(x, kit_print(x, "spectrum_at_%zu", i), o->spectrum_at.at[i]);
}

static void lab_plan(kit *x)
{
    const lab_options *o = lab_job.o;
    training r;
    int planned = 0;
    lab_plan_config(x);
    x->seeds_run = o->set.seed_list.n;
    for (size_t c = 0; lab_combination(x, c, &r, &planned); ++c)
        for (size_t i = 0; planned && i < o->lr.n; ++i)
            for (size_t s = 0; s < o->set.seed_list.n; ++s) {
                r.lr = o->lr.at[i], r.seed = o->set.seed_list.at[s], r.run = (double)x->run_n;
                kit_add(x, &lab_part, &r);
            }
}

/* ---- tables and words of all runs ------------------------------------------------------------ */

static const training *lab_at(kit_rows rows, size_t i) { return (const training *)rows.at[i]; }

/* "0.01, 0.03": the step sizes of the runs that the test picks, each once. */
static const char *lab_rates_of(kit *x, kit_rows rows, int (*picks)(const training *))
{
    kit_buf b = { NULL, 0, 0 };
    const lab_options *o = lab_job.o;
    const char *text;
    for (size_t k = 0; k < o->lr.n; ++k)
        for (size_t i = 0; i < rows.n; ++i)
            if (lab_at(rows, i)->lr == o->lr.at[k] && picks(lab_at(rows, i))) {
                kit_putf(&b, "%s%g", b.n ? ", " : "", o->lr.at[k]);
                break;
            }
    text = b.n ? kit_print(x, "%s", b.s) : "";
    free(b.s);
    return text;
}

static int lab_picks_diverged(const training *r) { return r->diverged > 0; }
static int lab_picks_edge(const training *r) { return r->edge_step >= 0; }
static int lab_picks_below(const training *r) { return isnan(r->edge_step) && !isnan(r->limit); }

/* Did the loss on the rows kept aside end a tenth above its lowest value? */
static unsigned lab_rose(const training *r)
{
    double low = KIT_INF;
    for (size_t i = 0; i < r->valid_losses.n; ++i) low = fmin(low, r->valid_losses.at[i]);
    return r->valid_loss > 1.1 * low;
}

static void lab_words_fit(kit *x, kit_table *t, kit_rows rows)
{
    const training *best = NULL;
    size_t late = 0;
    const char *gone = lab_rates_of(x, rows, lab_picks_diverged);
    for (size_t i = 0; i < rows.n; ++i) {
        const training *r = lab_at(rows, i);
        double v = lab_job.has_valid ? r->valid_loss : r->final_loss;
        double so_far = !best ? KIT_INF : lab_job.has_valid ? best->valid_loss : best->final_loss;
        if (v < so_far) best = r;
        late += lab_rose(r);
    }
    if (*gone) kit_text(t, kit_print(x, "%zu of %zu runs diverged, at lr %s.", kit_diverged(rows),
                                     rows.n, gone));
    if (!best) return;
    kit_text(t, lab_job.has_valid
        ? kit_print(x, "Best on the rows kept aside: %s, loss %.4g and accuracy %.1f %% (training "
                    "rows: %.4g and %.1f %%).", lab_label(x, best), best->valid_loss,
                    100 * best->valid_accuracy, best->final_loss, 100 * best->accuracy)
        : kit_print(x, "Lowest training loss: %.4g at %s, accuracy %.1f %%.", best->final_loss,
                    lab_label(x, best), 100 * best->accuracy));
    if (late)
        kit_text(t, kit_print(x, "In %zu of %zu runs the loss on the rows kept aside rose by more "
                 "than a tenth after its lowest point; --patience stops there.", late, rows.n));
}

static void lab_words_law(kit *x, kit_table *t, kit_rows rows)
{
    double low = KIT_INF, high = 0, worst = KIT_NAN, first = 0;
    size_t lawless = 0, plain = 0, n = 0;
    for (size_t i = 0; i < rows.n; ++i) {
        const training *r = lab_at(rows, i);
        if (r->diverged > 0) continue;
        ++n, plain += lab_is_plain(r) && lab_has_law(r);
        if (lab_has_law(r)) worst = kit_worse(worst, r->law_error);
        else ++lawless, first = fmax(first, r->first);
        low = fmin(low, lab_percent(r->drift, r->norm));
        high = fmax(high, lab_percent(r->drift, r->norm));
    }
    if (!n) return;
    if (lawless < n)
        kit_text(t, worst <= lab_tolerance()
            ? kit_print(x, "The law is kept: every charge moved by what the exact law of the "
                        "optimiser gives%s, to %.1e of the squared weights.",
                        plain == n ? ", eta^2 S" : "", worst)
            : kit_print(x, "The law is broken beyond rounding: a charge moved by something else "
                        "than the exact law of the optimiser gives%s, off by %.1e of the squared "
                        "weights.", plain == n ? ", eta^2 S" : "", worst));
    if (lawless)
        kit_text(t, kit_print(x, "No law holds in %zu of %zu runs: the charges moved at first "
                 "order in the step, by up to %.3g. The law needs an activation like ReLU and an "
                 "optimiser that adds up gradients.", lawless, n, first));
    kit_text(t, kit_print(x, "%s moved by %s%.2g %% of the squared weights.",
             plain == n ? "With infinitely small steps the charges would not move; here they"
                        : "The charges", low < high ? kit_print(x, "%.2g to ", low) : "", high));
}

static void lab_words_edge(kit *x, kit_table *t, kit_rows rows)
{
    const char *reached = lab_rates_of(x, rows, lab_picks_edge),
               *below = lab_rates_of(x, rows, lab_picks_below);
    const training *first = NULL;
    for (size_t i = 0; i < rows.n; ++i)
        if (lab_picks_edge(lab_at(rows, i))
            && (!first || lab_at(rows, i)->edge_step < first->edge_step)) first = lab_at(rows, i);
    if (first)
        kit_text(t, kit_print(x, "The edge of stability is reached at lr %s, first at step %.0f"
                 "%s%s%s.",
                 reached, first->edge_step,
                 rows.n > 1 ? kit_print(x, " of %s", lab_label(x, first)) : "",
                 *below ? "; it is not reached at lr " : "", below));
    else if (*below)
        kit_text(t, "No run reaches the edge of stability: sharpness stays below the limit.");
}

/* How far a prediction is off at its worst: "3.2 %", "a factor of 4.1"; NULL: there is none. */
static const char *lab_off(kit_rows rows, kit_at predicted)
{
    kit_list p = kit_values(rows, predicted), d = kit_values(rows, LAB_AT(drift));
    double worst = KIT_NAN;
    for (size_t i = 0; i < rows.n; ++i) {
        double ratio = fabs(p.at[i] / d.at[i]);
        if (!isnan(ratio)) worst = kit_worse(worst, fmax(ratio, 1 / ratio));
    }
    if (isnan(worst)) return NULL;
    return worst < 1.5 ? kit_print(rows.x, "%.2g %%", 100 * (worst - 1))
                       : kit_print(rows.x, "a factor of %.2g", worst);
}

static void lab_words_predictions(kit *x, kit_table *t, kit_rows rows)
{
    kit_rows below = kit_rows_new(x, &lab_part, rows.n);
    const char *linear, *formula, *edge = lab_off(rows, LAB_AT(edge));
    for (size_t i = 0; i < rows.n; ++i)
        if (lab_picks_below(lab_at(rows, i))) below.at[below.n++] = rows.at[i];
    linear = lab_off(below, LAB_AT(linearised)), formula = lab_off(below, LAB_AT(crossover));
    if (linear)
        kit_text(t, kit_print(x, "Below the edge the network linearised at its start predicts the "
                 "drift to %s%s%s at worst.", linear, formula ? ", the published formula to " : "",
                 formula ? formula : ""));
    if (edge)
        kit_text(t, kit_print(x, "At the edge, following the swing of the iterates predicts the "
                 "drift to %s at worst.", edge));
}

/* The variants, in the order of the plan. */
static size_t lab_variants(kit_rows rows, const char **names)
{
    size_t n = 0;
    for (size_t i = 0; i < rows.n; ++i) {
        size_t k = 0;
        while (k < n && strcmp(names[k], lab_at(rows, i)->variant)) ++k;
        if (k == n) names[n++] = lab_at(rows, i)->variant;
    }
    return n;
}

static int lab_by_number(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The step sizes, ascending. */
static kit_list lab_grid(kit *x)
{
    double *at = kit_doubles(x, lab_job.o->lr.n);
    kit_list list = { lab_job.o->lr.n, at };
    memcpy(at, lab_job.o->lr.at, list.n * sizeof *at);
    qsort(at, list.n, sizeof *at, lab_by_number);
    return list;
}

static kit_curve lab_curve(kit *x, kit_rows rows, const char *variant, kit_at value)
{
    clb_sweep y = kit_sweep(kit_where_text(rows, LAB_AT(variant), variant), value, LAB_AT(lr),
                            lab_grid(x));
    y.survivors = 1;
    return kit_curve_of(x, &y, 1);
}

static void lab_words_slopes(kit *x, kit_table *t, kit_rows rows)
{
    const char **names = (const char **)kit_new(&x->arena, rows.n + 1, sizeof *names);
    size_t n = lab_variants(rows, names);
    for (size_t v = 0; v < n && lab_job.o->lr.n > 1; ++v) {
        kit_curve c = lab_curve(x, rows, names[v], LAB_AT(drift));
        double low = KIT_INF, high = -KIT_INF;
        for (size_t i = 0; i + 1 < c.at.n; ++i)
            if (!isnan(c.slopes[i].value))
                low = fmin(low, c.slopes[i].value), high = fmax(high, c.slopes[i].value);
        if (!(low <= high)) continue;
        kit_text(t, kit_print(x, "%s%sAgainst the step size the drift has local slopes from %.2f "
                 "to %.2f. A slope of 1 is that of runs that all end at the same loss, 2 that of "
                 "runs "
                 "whose gradients do not depend on the step size.", names[v],
                 *names[v] ? ": " : "", low, high));
    }
}

static void lab_tables(kit *x, kit_rows rows)
{
    kit_table *t = KIT_TABLE(x, "runs", "The runs", "run", "", "loss", "accuracy", "aside: loss",
                             "aside: accuracy", "drift", "law error", "sharpness", "limit",
                             "edge at step");
    kit_table *c = KIT_TABLE(x, "charges", "The charges: drift beside eta^2 S and the exact law",
                             "run", "layers", "start", "drift", "eta^2 S", "exact law",
                             "of it oscillation");
    kit_table *says = KIT_TABLE(x, "says", "What each run shows", "run", "");
    for (size_t i = 0; i < rows.n; ++i) {
        const training *r = lab_at(rows, i);
        const char *run = kit_print(x, "%.0f", r->run), *label = lab_label(x, r);
        kit_text(t, run), kit_text(t, label);
        kit_text(says, run), kit_text(says, kit_print(x, "%s: %s", label, r->says));
        KIT_CELLS(t, r->final_loss, r->accuracy, lab_job.has_valid ? r->valid_loss : KIT_NONE,
                  lab_job.has_valid ? r->valid_accuracy : KIT_NONE, r->drift,
                  lab_has_law(r) ? r->law_error : KIT_NONE, r->sharpness,
                  isnan(r->limit) ? KIT_NONE : r->limit,
                  r->edge_step >= 0 ? r->edge_step : KIT_NONE);
        for (size_t l = 0; l < r->law_drift.n; ++l) {
            double S2 = r->lr * r->lr * r->law_S.at[l];
            kit_text(c, run), kit_text(c, kit_print(x, "%zu, %zu", l + 1, l + 2));
            KIT_CELLS(c, r->law_start.at[l], r->law_drift.at[l], S2,
                      lab_has_law(r) ? r->law_predicted.at[l] : KIT_NONE,
                      lab_has_law(r) ? r->law_oscillation.at[l] : KIT_NONE);
        }
    }
}

/* ---- figures ------------------------------------------------------------------------------- */

static void lab_draw_run(plot_panel **a, kit *x, const training *r, int style)
{
    size_t n = r->t.n, k = n ? r->eigenvalues.n / n : 0, q = n ? r->charges.n / n : 0;
    double *ratio = kit_doubles(x, n), *drift = kit_doubles(x, n);
    const char *label = lab_label(x, r);
    for (size_t i = 0; i < n; ++i) {
        double limit = isnan(r->limit) ? 1 : r->limits.at[i];
        ratio[i] = r->eigenvalues.at[i * k] / limit;
        for (size_t l = 0; l < q; ++l)
            drift[i] += fabs(r->charges.at[i * q + l] - r->charges.at[l]);
    }
    plot_lists(a[0], style, r->t, r->losses, label);
    plot_lists(a[1], style, r->t, r->accuracies, label);
    if (lab_job.has_valid) {
        plot_lists(a[0], style | PLOT_DASHED, r->t, r->valid_losses, NULL);
        plot_lists(a[1], style | PLOT_DASHED, r->t, r->valid_accuracies, NULL);
    }
    plot_line(a[2], style, n, r->t.at, ratio, label);
    plot_line(a[3], style, n, r->t.at, drift, label);
}

/* Eigenvalues a bin of a quarter decade, at each step where the density was taken. */
static void lab_draw_density(plot_panel *a, kit *x, const training *r)
{
    enum { BINS = 40 };
    const double *node = r->node.at, *weight = r->weight.at;
    double P = 0;
    size_t width[LIST + 2], layers = lab_shape_of(r, width);
    for (size_t l = 1; l < layers; ++l)
        P += (double)(width[l] * width[l - 1]) + (r->bias > 0 ? (double)width[l] : 0);
    for (size_t s = 0; s < r->density_step.n; ++s) {
        double at[2][BINS], count[2][BINS];
        size_t nodes = (size_t)r->density_nodes.at[s];
        int style = plot_steps[s % 5];
        memset(count, 0, sizeof count);
        for (size_t i = 0; i < nodes; ++i) {
            double bin = floor(4 * clb_log(fabs(node[i])) / clb_log(10)) + 28;   /* from 1e-7 */
            if (bin >= 0 && bin < BINS) count[node[i] < 0][(size_t)bin] += P * weight[i];
        }
        for (int sign = 0; sign < 2; ++sign) {
            for (size_t i = 0; i < BINS; ++i) {
                at[sign][i] = clb_pow(10, ((double)i - 27.5) / 4);
                if (count[sign][i] < 0.05) count[sign][i] = KIT_NAN;
            }
            plot_points(a, style | (sign ? PLOT_OPEN : 0), BINS, at[sign], count[sign],
                        sign ? NULL : kit_print(x, "step %.0f", r->density_step.at[s]));
        }
        node += nodes, weight += nodes;
    }
}

static void lab_draw_sweep(plot_panel *drift, plot_panel *slope, kit *x, kit_rows rows)
{
    static const struct { kit_at at; int style; const char *label; } predictions[] = {
        { { "training", offsetof(training, linearised) }, PLOT_GREEN | PLOT_DASHED, "linearised" },
        { { "training", offsetof(training, crossover) }, PLOT_GREY | PLOT_DASHED, "published" },
        { { "training", offsetof(training, edge) }, PLOT_RED | PLOT_DASHED, "edge" } };
    const char **names = (const char **)kit_new(&x->arena, rows.n + 1, sizeof *names);
    size_t n = lab_variants(rows, names);
    for (size_t v = 0; v < n && v < (size_t)LAB_CURVES; ++v) {
        kit_curve c = lab_curve(x, rows, names[v], LAB_AT(drift));
        const char *label = *names[v] ? names[v] : "measured";
        plot_line(drift, (int)v, c.at.n, c.at.at, c.mean, NULL);
        plot_points(drift, (int)v, c.at.n, c.at.at, c.mean, label);
        plot_local_slopes(slope, (int)v, &c, label);
        for (size_t p = 0; p < KIT_LEN(predictions) && n == 1; ++p) {
            kit_curve y = lab_curve(x, rows, names[v], predictions[p].at);
            size_t known = 0;
            for (size_t i = 0; i < y.at.n; ++i) if (!isnan(y.mean[i])) ++known;
            if (!known) continue;
            plot_line(drift, predictions[p].style, y.at.n, y.at.at, y.mean, predictions[p].label);
            plot_points(drift, (predictions[p].style & 15) | PLOT_SQUARE | PLOT_OPEN, y.at.n,
                        y.at.at, y.mean, NULL);
            if (known > 1) plot_local_slopes(slope, predictions[p].style, &y, predictions[p].label);
        }
    }
    plot_rows(drift, PLOT_GREY, rows, LAB_AT(lr), LAB_AT(drift));
    plot_horizontal(slope, 1, NULL), plot_horizontal(slope, 2, NULL);
}

static void lab_figure(kit *x, kit_rows rows)
{
    int sweep = lab_job.o->lr.n > 1, dense = !lab_job.o->fast;
    plot *p = kit_figure(x, "runs", 2, 4);
    const training *last = NULL;
    plot_panel *a[4], *slope;
    int drawn = 0;
    a[0] = plot_add(p, "Loss", "step", "loss", PLOT_LOGY);
    a[1] = plot_add(p, "Accuracy", "step", "share of rows", PLOT_LINEAR);
    a[2] = plot_add(p, "Sharpness", "step", lab_is_adam(lab_at(rows, 0)) ? "lambda_max"
                    : "lambda_max over its limit", PLOT_LOGY);
    a[3] = plot_add(p, "Drift of the charges", "step", "sum of |Q(t) - Q(0)|", PLOT_LOGY);
    for (size_t i = 0; i < rows.n; ++i) {
        const training *r = lab_at(rows, i);
        if (r->seed != lab_at(rows, 0)->seed || drawn == LAB_CURVES) continue;
        lab_draw_run(a, x, r, drawn++);
        if (!(r->diverged > 0)) last = r;
    }
    for (size_t i = 0; i < lab_job.logs; ++i)
        lab_log_draw(x, a, &lab_job.log[i], lab_log_style[i], last ? last->limit : KIT_NAN);
    if (!lab_is_adam(lab_at(rows, 0))) plot_horizontal(a[2], 1, "edge of stability");
    if (sweep) {
        a[0] = plot_add(p, "Drift against the step size", "lr", "sum of |Q(T) - Q(0)|", PLOT_LOG);
        slope = plot_add(p, "Local slopes", "lr", "d log drift / d log lr", PLOT_LOGX);
        lab_draw_sweep(a[0], slope, x, rows);
    }
    if (dense && last)
        lab_draw_density(plot_add(p, kit_print(x, "Hessian, %s", lab_label(x, last)),
                                  "|eigenvalue|", "eigenvalues", PLOT_LOG), x, last);
    p->rows = (p->n + 1) / 2;
    plot_caption(p, "Dashed in the first two: the rows kept aside. The runs of the first seed, at "
                 "most seven. Q: |W_(l+1)|^2 - |W_l|^2 - |b_l|^2. Hessian: eigenvalues a quarter "
                 "decade, open where they are negative.");
    if (lab_job.logs) plot_caption(p, kit_print(x, "%s Grey marks: the logs.", p->caption));
}

static void lab_compute(kit *x)
{
    kit_rows rows = kit_part_runs(x, &lab_part);
    kit_table *t = KIT_TABLE(x, "words", "What the runs show", "sentence");
    double worst = KIT_NAN;
    t->detail = 1;
    lab_words_fit(x, t, rows), lab_words_law(x, t, rows), lab_words_edge(x, t, rows);
    lab_words_slopes(x, t, rows), lab_words_predictions(x, t, rows);
    lab_tables(x, rows);
    for (size_t i = 0; i < rows.n; ++i)
        if (lab_has_law(lab_at(rows, i))) worst = kit_worse(worst, lab_at(rows, i)->law_error);
    if (!isnan(worst))
        kit_identity(x, "exact_law", "Every charge moves by what the exact law of the optimiser "
                     "gives.", "largest difference over the largest squared weights", worst,
                     kit_at_most(lab_tolerance()));
    lab_figure(x, rows);
}

/* ---- page and terminal ---------------------------------------------------------------------- */

static const kit_table *lab_table(const kit *x, const char *name)
{
    const kit_table *t = x->tables;
    while (t && strcmp(t->name, name)) t = t->next;
    return t;
}

static void lab_page(kit_buf *b, const docs *all)
{
    const doc *d = &all->at[0];
    const kit_table *words = lab_table(d->x, "words");
    report_head(b, tool_print("clb_lab: %s", json_get_text(d->config, "data")));
    kit_put(b, "<h1>"), put_html(b, json_get_text(d->config, "data"));
    kit_putf(b, "</h1>\n<p>%.0f rows to train on, %.0f kept aside, %.0f inputs, %.0f classes, "
             "%zu runs%s of %.0f steps, %s precision.</p>\n", json_get_number(d->config, "n"),
             json_get_number(d->config, "validation_rows"), json_get_number(d->config, "d"),
             json_get_number(d->config, "K"), d->run_n, tables_diverged(d),
             json_get_number(d->config, "steps"), d->precision);
    kit_put(b, "<h2>What the runs show</h2>\n<ul>\n");
    for (size_t i = 0; words && i < words->n; ++i)
        kit_put(b, "<li>"), put_html(b, words->cells[i].text), kit_put(b, "</li>\n");
    kit_put(b, "</ul>\n");
    report_claims(b, d);
    for (const plot *p = d->x->figures; p; p = p->next) report_figure(b, p);
    for (const kit_table *t = d->x->tables; t; t = t->next)
        if (!t->detail) report_table(b, t);
    kit_put(b, report_laws);
    report_environment(b, all);
    kit_put(b, report_tail);
}

/* The result file read back, and the page written from it. */
static int lab_write_page(kit *x)
{
    kit_buf text = { NULL, 0, 0 }, page = { NULL, 0, 0 };
    doc d;
    docs all = { NULL, 1 };
    int status = KIT_OK;
    kit_put_result(&text, x);
    if (!doc_parse(&d, "LAB.json", text.s, text.n)) status = lab_fail(KIT_BAD_INPUT, "%s", d.error);
    all.at = &d;
    if (!status) {
        lab_page(&page, &all);
        status = kit_write_file(kit_print(x, "%s/LAB.html", kit_out(x)), page.s, page.n);
    }
    free(text.s), free(page.s);
    doc_free(&d);
    return status;
}

/* A sentence in lines of at most 80 columns. */
static void lab_print_words(const char *text)
{
    size_t column = 1;
    putchar('*');
    while (*text) {
        size_t n = strcspn(text, " ");
        if (column + 1 + n > 80) printf("\n "), column = 1;
        printf(" %.*s", (int)n, text);
        column += 1 + n, text += n + (text[n] == ' ');
    }
    putchar('\n');
}

static void lab_print(const kit *x)
{
    const kit_table *words = lab_table(x, "words"), *t = lab_table(x, "runs");
    static const struct { size_t column; const char *head; int width; } shown[] = {
        { 2, "loss", 8 }, { 3, "accuracy", 8 }, { 4, "aside", 8 }, { 5, "accuracy", 8 },
        { 6, "drift", 8 }, { 8, "sharpness", 9 }, { 9, "limit", 8 }, { 10, "edge at", 8 } };
    size_t lines = kit_table_lines(t), width = 4;
    for (size_t i = 0; i < lines; ++i) {
        size_t w = kit_width(t->cells[i * t->columns + 1].text);
        if (w > width) width = w;
    }
    printf("%zu rows to train on, %zu kept aside, %zu inputs, %zu classes\n\n%-*s", lab_job.train.n,
           lab_job.has_valid ? lab_job.valid.n : 0, lab_job.train.d, lab_job.train.K, (int)width,
           "run");
    for (size_t c = 0; c < KIT_LEN(shown); ++c) printf(" %*s", shown[c].width, shown[c].head);
    for (size_t i = 0; i < lines; ++i) {
        const kit_cell *cell = t->cells + i * t->columns;
        printf("\n%-*s", (int)width, cell[1].text);
        for (size_t c = 0; c < KIT_LEN(shown); ++c) {
            char text[40];
            const kit_cell *y = &cell[shown[c].column];
            if (isfinite(y->number)) snprintf(text, sizeof text, "%.3g", y->number);
            else kit_cell_shown(text, sizeof text, y);
            printf(" %*s", shown[c].width, text);
        }
    }
    printf("\n\n");
    for (size_t i = 0; i < words->n; ++i) lab_print_words(words->cells[i].text);
    printf("\n%s/LAB.html has the curves, LAB.json the numbers, LAB_0.npz ... the weights.\n",
           kit_out(x));
}

/* ---- the command ----------------------------------------------------------------------------- */

static const kit_info lab_info = { "LAB", "Training on your own data", "Theorems 1 and 2", NULL,
                                   NULL, lab_plan, lab_compute, NULL };

static int lab_open_data(lab_options *o)
{
    clb_data data;
    clb_scaler scaler;
    clb_rng rng;
    clb_status s;
    int status;
    memset(&data, 0, sizeof data), memset(&scaler, 0, sizeof scaler);
    if ((status = lab_data(o, &data)) != KIT_OK) return status;
    if (!data.y) return lab_fail(KIT_BAD_INPUT, "the data have no labels");
    clb_rng_seed(&rng, 1);
    lab_job.has_valid = o->validate > 0;
    if (lab_job.has_valid) {
        s = clb_data_split(&data, &rng, o->validate, &lab_job.train, &lab_job.valid);
        clb_data_free(&data);
    } else lab_job.train = data, s = CLB_OK;
    if (!s && !o->raw) s = clb_scaler_fit(&scaler, &lab_job.train);
    if (!s && !o->raw) s = clb_scaler_apply(&scaler, &lab_job.train);
    if (!s && !o->raw && lab_job.has_valid) s = clb_scaler_apply(&scaler, &lab_job.valid);
    clb_scaler_free(&scaler);
    return s ? lab_status(NULL, s, NULL) : KIT_OK;
}

static int lab_run_all(kit *x, lab_options *o)
{
    int status, to_stdout = o->set.json && !strcmp(o->set.json, "-");
    if (o->set.list) { kit_print_list(x); return KIT_OK; }
    kit_make_folder(o->set.out);
    if (!o->set.from) {
        clb_status s = lab_write_data(kit_print(x, "%s/LAB_data.npz", o->set.out), &lab_job.train);
        if (s) return lab_status(NULL, s, NULL);
        if (lab_job.output_failed) return KIT_OUTPUT;
    }
    if (o->set.estimate) return kit_print_estimate(x);
    status = kit_get_runs(x, o->file);
    if (lab_job.output_failed) return KIT_OUTPUT;
    if (status) return status;
    if (kit_complete(x)) kit_report(x);
    status = kit_save(x);
    if (!status && kit_complete(x)) status = lab_write_page(x);
    if (!status && kit_complete(x) && !o->quiet && !to_stdout) lab_print(x);
    return status || kit_identities_hold(x) ? status : KIT_CHECK_FAILED;
}

/* A set of --rates has a number for every layer of every net. */
static int lab_check_rates(const lab_options *o)
{
    for (size_t i = 0; i < o->rates_n; ++i)
        for (size_t k = 0; k < o->shapes; ++k) {
            size_t first, end, layers;
            lab_hidden(&o->shape[k], &first, &end);
            layers = end - first + 1;
            if (o->rates[i].n && o->rates[i].n != layers)
                return lab_fail(KIT_USAGE, "--rates: a set has %zu numbers, a net %zu layers",
                                o->rates[i].n, layers);
        }
    return KIT_OK;
}

/* The files of --log, with commas between. */
static int lab_open_logs(const lab_options *o)
{
    int status = KIT_OK;
    for (const char *p = o->log; p && *p && !status;) {
        size_t n = strcspn(p, ",");
        if (lab_job.logs == LAB_LOGS)
            return lab_fail(KIT_USAGE, "--log takes at most %d files", LAB_LOGS);
        status = lab_log_read(&lab_job.log[lab_job.logs++], tool_print("%.*s", (int)n, p));
        p += n + (p[n] == ',');
    }
    return status;
}

static int lab_train(lab_options *o)
{
    static const double one[] = { 1 };
    int status;
    kit *x;
    lab_job.o = o;
    if (!o->set.seed_list.n) o->set.seed_list.n = 1, o->set.seed_list.at = one;
    if (o->files && !o->set.from)
        return kit_usage("clb_lab train", "unexpected argument", o->file[0]);
    if (o->set.from && !o->files) return kit_usage("clb_lab train", "no FILE behind", "--from");
    for (size_t i = 0; i < o->patience.n; ++i)
        if (o->patience.at[i] > 0 && o->validate == 0)
            return lab_fail(KIT_USAGE, "--patience needs rows kept aside: --validate");
    if ((status = lab_open_data(o)) == KIT_OK && (status = lab_check_rates(o)) == KIT_OK
        && (status = lab_open_logs(o)) == KIT_OK) {
        signal(SIGINT, kit_on_signal), signal(SIGTERM, kit_on_signal);
        x = kit_open(&lab_info, &o->set);
        status = lab_run_all(x, o);
        kit_close(x);
    }
    clb_data_free(&lab_job.train), clb_data_free(&lab_job.valid);
    return status;
}

#endif /* CLB_LAB_SAYS_H */
