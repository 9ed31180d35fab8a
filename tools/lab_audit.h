/* lab_audit.h - clb_lab audit: reads the weights of consecutive steps and prints the verdict. */
#ifndef CLB_LAB_AUDIT_H
#define CLB_LAB_AUDIT_H

/* A run as its files are read: names and shapes of the first, and what the auditor keeps. */
typedef struct lab_run {
    clb_net     net;
    clb_tensors first;
    clb_chain   chain;
    clb_auditor auditor;
    clb_error   error;
    double     *theta;
} lab_run;

static void lab_run_free(lab_run *r)
{
    free(r->theta);
    clb_auditor_free(&r->auditor);
    clb_net_free(&r->net);
    clb_chain_free(&r->chain);
    clb_tensors_free(&r->first);
}

/* The layers in the first file, and an auditor for their shapes. */
static clb_status lab_run_first(const lab_options *o, lab_run *r)
{
    clb_audit_opts opts;
    clb_status s = clb_tensors_load(&r->first, o->file[0], &r->error);
    if (!s) s = clb_chain_find(&r->chain, &r->first, &r->error);
    if (!s) s = clb_chain_net(&r->chain, &r->first, NULL, &r->net, &r->error);
    if (s) return s;
    memset(&opts, 0, sizeof opts);
    opts.middle = o->middle, opts.normalised = r->chain.normalised, opts.error = &r->error;
    r->theta = (double *)kit_realloc(NULL, r->net.P, sizeof *r->theta);
    return clb_auditor_init(&r->auditor, &r->net, &opts);
}

/* All files one after another. Steps are the numbers in their names, where every file has its own.
 */
static int lab_run_read(const lab_options *o, lab_run *r)
{
    int numbered = !o->renumber;
    for (size_t i = 0; i < o->files; ++i) {
        size_t number = lab_file_number(o->file[i]);
        if (number == (size_t)-1 || (i && number <= lab_file_number(o->file[i - 1]))) numbered = 0;
    }
    for (size_t i = 0; i < o->files; ++i) {
        clb_tensors t;
        clb_status s;
        memset(&t, 0, sizeof t);
        s = i ? clb_tensors_load(&t, o->file[i], &r->error) : lab_run_first(o, r);
        if (!s) s = clb_chain_theta(&r->chain, &r->first, i ? &t : &r->first, r->theta, &r->error);
        if (!s) s = clb_auditor_add(&r->auditor, r->theta,
                                    numbered ? lab_file_number(o->file[i]) : i);
        clb_tensors_free(&t);
        if (s) return lab_status(o->file[i], s, &r->error);
    }
    return KIT_OK;
}

/* One "name=value" of --expect against the verdict; 1 if it is so. */
static int lab_expected(const clb_audit *a, const char *name, const char *text, double lr,
                        char *why, size_t room, int *known)
{
    static const char *const methods[] = { "descent", "heavy-ball", "nesterov", NULL };
    static const clb_method values[] = { CLB_METHOD_DESCENT, CLB_METHOD_HEAVY_BALL,
                                         CLB_METHOD_NESTEROV };
    clb_measured m = a->momentum;
    double v = 0;
    int i = 0;
    *known = 1;
    if (!strcmp(name, "method")) {
        if (!methods[i = lab_find(text, methods)]) return *known = 0;
        snprintf(why, room, "method is %s, not %s", clb_method_name(a->method), text);
        return a->method == values[i];
    }
    if (!lab_number(text, strlen(text), 0, 1e6, &v)) return *known = 0;
    if (!strcmp(name, "lr")) return lr > 0;      /* enters by decay = lr times it */
    if (!strcmp(name, "decay")) {
        m = a->decay;
        if (lr <= 0) return *known = 0;
        v *= lr;
    } else if (strcmp(name, "momentum")) return *known = 0;
    snprintf(why, room, "%s is %.6g +- %.2g, expected %.6g", strcmp(name, "decay") ? name
             : "step size times decay", m.value, m.error, v);
    return fabs(m.value - v) <= 2.0 * m.error + 1e-6 * fabs(v) + (v == 0 ? 1e-12 : 0);
}

static const char *lab_event(const clb_audit_event *e)
{
    return e->kind == CLB_EVENT_RATE ? "the step size changed"
         : e->kind == CLB_EVENT_GAP ? "updates are missing" : "weights were changed otherwise";
}

/* --expect a=1,b=2: KIT_CHECK_FAILED and the faults on stderr if the run is another. */
static int lab_expect(const char *list, const clb_audit *a)
{
    char copy[512], why[700], *word, *next;
    double lr = 0;
    int status = KIT_OK, known;
    const char *at = strstr(list, "lr=");
    if (strlen(list) >= sizeof copy) return lab_fail(KIT_USAGE, "--expect is too long");
    if (at) lr = strtod(at + 3, NULL);
    memcpy(copy, list, strlen(list) + 1);
    if (a->method != CLB_METHOD_DESCENT && a->method != CLB_METHOD_HEAVY_BALL &&
        a->method != CLB_METHOD_NESTEROV)
        status = lab_fail(KIT_CHECK_FAILED, "%s", a->text);
    for (size_t i = 0; i < a->events; ++i)
        status = lab_fail(KIT_CHECK_FAILED, "after step %zu: %s", a->event[i].step,
                          lab_event(&a->event[i]));
    for (word = copy; word; word = next) {
        char *equals = strchr(word, '=');
        next = strchr(word, ',');
        if (next) *next++ = 0;
        if (!equals || (next && equals >= next))
            return lab_fail(KIT_USAGE, "--expect: '%s' has no value", word);
        *equals = 0;
        if (!lab_expected(a, word, equals + 1, lr, why, sizeof why, &known)) {
            if (!known)
                return lab_fail(KIT_USAGE, "--expect: %s=%s is not understood%s", word, equals + 1,
                                strcmp(word, "decay") ? "" : " (decay needs lr too)");
            status = lab_fail(KIT_CHECK_FAILED, "%s", why);
        }
    }
    return status;
}

static void lab_audit_print(const lab_run *r, const clb_audit *a)
{
    printf("%zu files, layers", r->auditor.snapshots);
    for (size_t l = 0; l <= r->net.L; ++l) printf("%s%zu", l ? "-" : " ", r->net.m[l]);
    printf("%s; %zu steps, %zu laws a step\n\n%s\n\n",
           r->net.b[1] != CLB_NO_BIAS ? " with biases" : "", a->steps, a->laws, a->text);
    puts("layers    residual  over rounding  neurons broken        drift   first order"
         "  second order");
    for (size_t l = 1; l < a->L; ++l) {
        const clb_audit_layer *y = &a->layer[l];
        if (y->frozen) printf("%zu to %zu   a layer does not move\n", l, l + 1);
        else printf("%zu to %zu   %9.1e  %13.2g  %14zu  %11.4e  %12.4e  %12.4e\n", l, l + 1,
                    y->residual, y->excess, y->broken, y->drift, y->first, y->second);
        if (a->method == CLB_METHOD_GROUPS && !y->frozen)
            printf("         layer %zu steps by %.6g +- %.1e times as much as layer %zu\n", l + 1,
                   y->rate.value, y->rate.error, l);
        if (y->broken) printf("         neuron %zu breaks its law most\n", y->worst);
    }
    for (size_t i = 0; i < a->events; ++i) {
        const clb_audit_event *e = &a->event[i];
        printf("after step %zu: %s; %zu of %zu laws broken, most that of layer %zu, neuron %zu\n",
               e->step, lab_event(e), e->neurons, a->laws, e->layer, e->neuron);
    }
}

static void lab_put_value(kit_buf *b, const char *name, double x)
{
    kit_put(b, ", "), json_put_value(b, name, x);
}

static int lab_audit_json(const lab_options *o, const clb_audit *a)
{
    static const char *const kinds[] = { "rate", "gap", "edit" };
    kit_buf b = { NULL, 0, 0 };
    kit_put(&b, "{ "), json_put_named(&b, "method", clb_method_name(a->method));
    lab_put_value(&b, "momentum", a->momentum.value);
    lab_put_value(&b, "momentum_error", a->momentum.error);
    lab_put_value(&b, "eta_lambda", a->decay.value);
    lab_put_value(&b, "eta_lambda_error", a->decay.error);
    lab_put_value(&b, "residual", a->residual), lab_put_value(&b, "over_rounding", a->excess);
    kit_put(&b, ",\n  \"events\": [");
    for (size_t i = 0; i < a->events; ++i) {
        kit_putf(&b, "%s{ \"kind\": \"%s\", \"step\": %zu", i ? ", " : "",
                 kinds[a->event[i].kind], a->event[i].step);
        lab_put_value(&b, "factor", a->event[i].factor);
        kit_putf(&b, ", \"layer\": %zu, \"neuron\": %zu, \"broken\": %zu }", a->event[i].layer,
                 a->event[i].neuron, a->event[i].neurons);
    }
    kit_put(&b, "],\n  \"layers\": [");
    for (size_t l = 1; l < a->L; ++l) {
        const clb_audit_layer *y = &a->layer[l];
        kit_putf(&b, "%s\n    { \"layer\": %zu, \"frozen\": %s, \"broken\": %zu",
                 l > 1 ? "," : "", l, y->frozen ? "true" : "false", y->broken);
        lab_put_value(&b, "residual", y->residual), lab_put_value(&b, "rate", y->rate.value);
        lab_put_value(&b, "drift", y->drift), lab_put_value(&b, "first", y->first);
        lab_put_value(&b, "second", y->second);
        kit_putf(&b, ", \"worst_neuron\": %zu }", y->worst);
    }
    kit_put(&b, " ],\n  "), json_put_named(&b, "text", a->text), kit_put(&b, " }\n");
    return lab_write_json(o, &b);
}

/* The verdict on what was read: printed, written, checked. */
static int lab_audit_say(const lab_options *o, lab_run *r)
{
    clb_audit audit;
    clb_status s = clb_auditor_verdict(&r->auditor, &audit);
    int status = KIT_OK;
    if (s) return lab_status(o->file[0], s, &r->error);
    if (lab_prints(o)) lab_audit_print(r, &audit);
    if (o->json) status = lab_audit_json(o, &audit);
    if (!status && o->expect) status = lab_expect(o->expect, &audit);
    clb_audit_free(&audit);
    return status;
}

static int lab_audit(lab_options *o)
{
    lab_run run;
    int status;
    if (o->files == 0)
        return lab_fail(KIT_USAGE, "audit needs files of weights, or a folder of them");
    if (o->files == 1 && !lab_folder(o, o->file[0]))
        return lab_fail(KIT_BAD_INPUT, "%s: no folder; one file of weights is one step, three are "
                        "needed", o->file[0]);
    if (o->files == 0)
        return lab_fail(KIT_BAD_INPUT, "no .pt, .pth, .npz or .safetensors in the folder");
    qsort(o->file, o->files, sizeof o->file[0], lab_file_order);
    memset(&run, 0, sizeof run);
    status = lab_run_read(o, &run);
    if (!status) status = lab_audit_say(o, &run);
    lab_run_free(&run);
    return status;
}

#endif /* CLB_LAB_AUDIT_H */
