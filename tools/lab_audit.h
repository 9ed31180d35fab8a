/* clb_lab audit: reads the weights of consecutive steps and prints the verdict. */

typedef struct lab_run {
    clb_net     net;
    clb_tensors first;
    clb_chain   chain;
    double    **theta;
    size_t     *step;
    size_t      count;
} lab_run;

static void lab_run_free(lab_run *r)
{
    for (size_t i = 0; i < r->count; ++i) free(r->theta[i]);
    free(r->theta);
    free(r->step);
    clb_net_free(&r->net);
    clb_chain_free(&r->chain);
    clb_tensors_free(&r->first);
}

/* The weights of all files as flat vectors; numbers from the names where every file has its own. */
static int lab_run_load(const lab_options *o, lab_run *r)
{
    clb_error error;
    clb_status status;
    int numbered = !o->renumber;
    memset(r, 0, sizeof *r);
    r->theta = (double **)calloc(o->files, sizeof *r->theta);
    r->step = (size_t *)calloc(o->files, sizeof *r->step);
    if (!r->theta || !r->step) return lab_fail(KIT_MEMORY, "out of memory");
    for (size_t i = 0; i < o->files; ++i) {
        clb_tensors t;
        status = clb_tensors_load(&t, o->file[i], &error);
        if (!status && i == 0) {
            r->first = t;
            status = clb_chain_find(&r->chain, &r->first, &error);
            if (!status) status = clb_chain_net(&r->chain, &r->first, NULL, &r->net, &error);
        }
        if (!status) {
            r->theta[i] = (double *)malloc((r->net.P + 1) * sizeof(double));
            r->count = i + 1;
            status = r->theta[i] ? clb_chain_theta(&r->chain, &r->first, i ? &t : &r->first,
                                                   r->theta[i], &error) : CLB_ENOMEM;
        }
        if (i) clb_tensors_free(&t);
        if (status) return lab_status(o->file[i], status, &error);
        r->step[i] = lab_file_number(o->file[i]);
        if (r->step[i] == (size_t)-1 || (i && r->step[i] <= r->step[i - 1])) numbered = 0;
    }
    for (size_t i = 0; i < o->files && !numbered; ++i) r->step[i] = i;
    return KIT_OK;
}

/* One "name=value" of --expect against the verdict; 1 if it is so. */
static int lab_expected(const clb_audit *a, const char *name, const char *text, double lr, char *why,
                        size_t room, int *known)
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

/* --expect a=1,b=2: KIT_CHECK_FAILED and the faults on stderr if the run is another. */
static int lab_expect(const char *list, const clb_audit *a)
{
    char copy[512], why[700], *word, *next;
    double lr = 0;
    int status = KIT_OK, known;
    const char *at = strstr(list, "lr=");
    if (strlen(list) >= sizeof copy) return lab_fail(KIT_USAGE, "--expect is too long");
    if (at) lr = strtod(at + 3, NULL);
    strcpy(copy, list);
    if (a->method != CLB_METHOD_DESCENT && a->method != CLB_METHOD_HEAVY_BALL &&
        a->method != CLB_METHOD_NESTEROV)
        status = lab_fail(KIT_CHECK_FAILED, "%s", a->text);
    for (size_t i = 0; i < a->events; ++i)
        status = lab_fail(KIT_CHECK_FAILED, "after step %zu: %s", a->event[i].step,
                          a->event[i].kind == CLB_EVENT_RATE ? "the step size changed"
                          : a->event[i].kind == CLB_EVENT_GAP ? "updates are missing"
                          : "weights were changed by something else");
    for (word = copy; word; word = next) {
        char *equals = strchr(word, '=');
        next = strchr(word, ',');
        if (next) *next++ = 0;
        if (!equals || (next && equals >= next)) return lab_fail(KIT_USAGE, "--expect: '%s' has no value", word);
        *equals = 0;
        if (!lab_expected(a, word, equals + 1, lr, why, sizeof why, &known)) {
            if (!known) return lab_fail(KIT_USAGE, "--expect: %s=%s is not understood%s", word, equals + 1,
                                        strcmp(word, "decay") ? "" : " (decay needs lr too)");
            status = lab_fail(KIT_CHECK_FAILED, "%s", why);
        }
    }
    return status;
}

static void lab_audit_print(const lab_run *r, const clb_audit *a)
{
    printf("%zu files, layers", r->count);
    for (size_t l = 0; l <= r->net.L; ++l) printf("%s%zu", l ? "-" : " ", r->net.m[l]);
    printf("%s; %zu steps, %zu laws a step\n\n%s\n\n", r->net.b[1] != CLB_NO_BIAS ? " with biases" : "",
           a->steps, a->laws, a->text);
    puts("layers    residual  over rounding  neurons broken        drift   first order  second order");
    for (size_t l = 1; l < a->L; ++l) {
        const clb_audit_layer *y = &a->layer[l];
        if (y->frozen) printf("%zu to %zu   a layer does not move\n", l, l + 1);
        else printf("%zu to %zu   %9.1e  %13.2g  %14zu  %11.4e  %12.4e  %12.4e\n", l, l + 1, y->residual,
                    y->excess, y->broken, y->drift, y->first, y->second);
    }
}

static int lab_audit_json(const lab_options *o, const clb_audit *a)
{
    static const char *const kinds[] = { "rate", "gap", "edit" };
    FILE *f = lab_json_open(o);
    if (!f) return lab_fail(KIT_OUTPUT, "cannot write %s", o->json);
    fputs("{ \"method\": ", f);
    lab_json_text(f, clb_method_name(a->method));
    fputs(", ", f);
    lab_json_number(f, "momentum", a->momentum.value, ", ");
    lab_json_number(f, "momentum_error", a->momentum.error, ", ");
    lab_json_number(f, "eta_lambda", a->decay.value, ", ");
    lab_json_number(f, "eta_lambda_error", a->decay.error, ", ");
    lab_json_number(f, "residual", a->residual, ", ");
    lab_json_number(f, "over_rounding", a->excess, ",\n  \"events\": [");
    for (size_t i = 0; i < a->events; ++i) {
        fprintf(f, "%s{ \"kind\": \"%s\", \"step\": %zu, ", i ? ", " : "", kinds[a->event[i].kind],
                a->event[i].step);
        lab_json_number(f, "factor", a->event[i].factor, " }");
    }
    fputs("],\n  \"layers\": [", f);
    for (size_t l = 1; l < a->L; ++l) {
        fprintf(f, "%s\n    { \"layer\": %zu, \"frozen\": %d, \"broken\": %zu, ", l > 1 ? "," : "", l,
                a->layer[l].frozen, a->layer[l].broken);
        lab_json_number(f, "residual", a->layer[l].residual, ", ");
        lab_json_number(f, "rate", a->layer[l].rate.value, ", ");
        lab_json_number(f, "drift", a->layer[l].drift, ", ");
        lab_json_number(f, "first", a->layer[l].first, ", ");
        lab_json_number(f, "second", a->layer[l].second, " }");
    }
    fputs(" ],\n  \"text\": ", f);
    lab_json_text(f, a->text);
    fputs(" }\n", f);
    return lab_json_close(f);
}

static int lab_audit(lab_options *o)
{
    lab_run run;
    clb_audit audit;
    clb_audit_opts opts;
    clb_error error;
    int status;
    if (o->files == 0) return lab_fail(KIT_USAGE, "audit needs files of weights, or a folder of them");
    if (o->files == 1 && !lab_folder(o, o->file[0]))
        return lab_fail(KIT_BAD_INPUT, "%s: no folder; one file of weights is one step, three are needed",
                        o->file[0]);
    if (o->files == 0) return lab_fail(KIT_BAD_INPUT, "no .pt, .pth, .npz or .safetensors in the folder");
    qsort(o->file, o->files, sizeof o->file[0], lab_file_order);
    status = lab_run_load(o, &run);
    if (!status) {
        clb_status s;
        memset(&opts, 0, sizeof opts);
        opts.step = run.step, opts.middle = o->middle, opts.normalised = run.chain.normalised;
        opts.error = &error;
        s = clb_audit_run(&audit, &run.net, (const double *const *)run.theta, run.count, &opts);
        if (s) status = lab_status(NULL, s, &error);
        else {
            if (!o->quiet && !(o->json && !strcmp(o->json, "-"))) lab_audit_print(&run, &audit);
            if (o->json) status = lab_audit_json(o, &audit);
            if (!status && o->expect) status = lab_expect(o->expect, &audit);
            clb_audit_free(&audit);
        }
    }
    lab_run_free(&run);
    return status;
}
