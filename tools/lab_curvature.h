/* clb_lab spectrum and predict: the Hessian at given weights, and what it says of training. */

/* Net, data and curvature at its weights. */
typedef struct lab_point {
    clb_net  net;
    clb_data data;
    clb_pass pass;
    clb_curv curv;
} lab_point;

static void lab_point_free(lab_point *p)
{
    clb_curv_free(&p->curv);
    clb_pass_free(&p->pass);
    clb_net_free(&p->net);
    clb_data_free(&p->data);
}

/* Classes that the data do not happen to hold may still have an output. */
static int lab_point_load(const lab_options *o, lab_point *p)
{
    int status;
    memset(p, 0, sizeof *p);
    status = lab_net(o, &p->net);
    if (!status) status = lab_data(o, &p->data);
    if (status) return status;
    if (p->data.K < p->net.m[p->net.L]) p->data.K = p->net.m[p->net.L];
    if (p->data.d != p->net.m[0] || p->data.K != p->net.m[p->net.L])
        return lab_fail(KIT_BAD_INPUT, "the data have %zu inputs and %zu classes, the net %zu and %zu",
                        p->data.d, p->data.K, p->net.m[0], p->net.m[p->net.L]);
    return KIT_OK;
}

static int lab_point_open(const lab_options *o, lab_point *p)
{
    clb_status s = clb_pass_init(&p->pass, &p->net, &p->data, o->ce);
    if (!s) s = clb_curv_init(&p->curv, &p->pass);
    if (s) return lab_status(NULL, s, NULL);
    clb_curv_at(&p->curv, NULL);
    return KIT_OK;
}

/* Multiply-adds of one product with the Hessian: about three forward and backward passes. */
static double lab_product_flops(const clb_net *net, const clb_data *data)
{
    double weights = 0;
    for (size_t l = 1; l <= net->L; ++l) weights += (double)clb_layer_size(net, l);
    return 6.0 * (double)data->n * weights;
}

/* Multiply-adds a second of this machine, from a product of 256 x 256 matrices. */
static double lab_speed(void)
{
    enum { N = 256, TIMES = 8 };
    static clb_real A[N * N], B[N * N], C[N * N];
    clock_t start = clock();
    for (int i = 0; i < TIMES; ++i) clb_matmul_nn(N, N, N, A, N, B, N, C, N);
    double seconds = (double)(clock() - start) / CLOCKS_PER_SEC;
    return (double)TIMES * N * N * N / (seconds > 1e-6 ? seconds : 1e-6);
}

static clb_slq_opts lab_density_opts(const lab_options *o)
{
    clb_slq_opts q;
    memset(&q, 0, sizeof q);
    q.probes = o->probes;
    return q;
}

/* What spectrum would take: Lanczos from both ends, density, trace. */
static int lab_dry_run(const lab_options *o, const lab_point *p)
{
    size_t pass = clb_pass_bytes(&p->net, &p->data), P = p->net.P;
    size_t basis = 2 * o->k + 20 > 60 ? 2 * o->k + 20 : 60, steps = 60 < P ? 60 : P;
    double products = 4.0 * (double)basis + (double)(o->probes * steps) + (double)o->probes;
    double widths = 0, bytes;
    for (size_t l = 1; l <= p->net.L; ++l) widths += (double)p->net.m[l];
    bytes = (double)pass + (double)sizeof(clb_real) * (2.0 * (double)P + 4.0 * (double)p->data.n * widths +
                                                     ((double)basis + 2.0 * (double)o->k + 2.0) * (double)P);
    printf("parameters  %zu\nmemory      %.1f MB\nproducts    about %.0f with the Hessian\n"
           "time        about %.1f s on this machine\n", P, bytes / 1e6, products,
           products * lab_product_flops(&p->net, &p->data) / lab_speed());
    return KIT_OK;
}

/* One end of a spectrum, each value with its bound. */
static int lab_print_end(const char *name, const clb_eigs *e, size_t from, size_t count)
{
    for (size_t i = from; i < from + count && i < e->count; ++i)
        printf("%-10s  %2zu  %18.12g +- %.1e%s\n", name, i - from + 1, e->value[i], e->bound[i],
               e->converged[i] ? "" : "  (not converged)");
    return KIT_OK;
}

/* Share of the spectrum in cells of a logarithmic scale, in magnitude, by sign. */
static void lab_print_density(const clb_quadrature *q, double top)
{
    static const char bar[] = "########################################";
    double cell[14] = { 0 };
    for (size_t i = 0; i < q->count; ++i) {
        double x = fabs(q->node[i]) / top;
        int c = x < 1e-6 ? 6 : (int)(-floor(log10(x < 1 ? x * 1.0000001 : 1.0)));
        if (c > 6) c = 6;
        if (c < 1) c = 1;
        cell[q->node[i] < 0 ? 7 + c : c] += q->weight[i];
    }
    puts("\ndensity of the eigenvalues, by size against the largest");
    for (int sign = 0; sign < 2; ++sign)
        for (int c = 1; c <= 6; ++c) {
            double share = cell[sign ? 7 + c : c];
            if (c == 6 && sign) break;
            if (c == 6) printf("%s below 1e-5           %7.4f  %.*s\n", "+-", share + cell[13],
                               (int)(40 * (share + cell[13]) + 0.5), bar);
            else if (share > 0)
                printf("%s 1e-%d to 1e-%d         %7.4f  %.*s\n", sign ? "- " : "+ ", c, c - 1, share,
                       (int)(40 * share + 0.5), bar);
        }
}

/* Largest eigenvalue of every diagonal block. */
static clb_status lab_print_blocks(lab_point *p)
{
    puts("\nblocks of one layer     largest eigenvalue");
    for (size_t l = 1; l <= p->net.L; ++l) {
        clb_block block;
        clb_eigs e;
        clb_linop A;
        clb_status s = clb_block_init(&block, &p->curv, l, 0);
        if (s) return s;
        A = clb_block_op(&block);
        s = clb_lanczos(&A, 1, NULL, &e);
        if (!s || s == CLB_ENOCONV) {
            printf("layer %zu [%zu][%zu]  %18.12g +- %.1e\n", l, p->net.m[l], p->net.m[l - 1], e.value[0],
                   e.bound[0]);
            clb_eigs_free(&e);
        }
        clb_block_free(&block);
        if (s && s != CLB_ENOCONV) return s;
    }
    return CLB_OK;
}

static int lab_spectrum_json(const lab_options *o, const lab_point *p, const clb_eigs *e,
                             const clb_quadrature *q, const clb_estimate *trace)
{
    FILE *f = lab_json_open(o);
    if (!f) return lab_fail(KIT_OUTPUT, "cannot write %s", o->json);
    fputs("{ ", f);
    lab_json_number(f, "loss", p->pass.loss, ", ");
    lab_json_number(f, "trace", trace->mean, ", ");
    lab_json_number(f, "trace_lower", trace->lower, ", ");
    lab_json_number(f, "trace_upper", trace->upper, ",\n  \"eigenvalues\": [");
    for (size_t i = 0; i < e->count; ++i) {
        fputs(i ? ", { " : "{ ", f);
        lab_json_number(f, "value", e->value[i], ", ");
        lab_json_number(f, "bound", e->bound[i], " }");
    }
    fputs("],\n  \"density\": [", f);
    for (size_t i = 0; i < q->count; ++i)
        fprintf(f, "%s[%.17g, %.17g]", i ? ", " : "", q->node[i], q->weight[i]);
    fputs("] }\n", f);
    return lab_json_close(f);
}

static void lab_spectrum_print(const lab_options *o, lab_point *p, const clb_eigs *e,
                               const clb_quadrature *q, const clb_estimate *trace)
{
    const clb_net *net = &p->net;
    size_t half = e->count / 2;
    printf("loss        %.12g\naccuracy    %.4f\n", p->pass.loss, clb_accuracy(&p->pass));
    for (size_t l = 1; l <= net->L; ++l)
        printf("|G_%zu|       %.6e\n", l, sqrt(clb_sumsq(clb_layer_size(net, l), p->curv.grad + net->w[l])));
    printf("sharpness   %.12g +- %.1e\n2/sharpness %.6g  (gradient descent is stable below this step)\n\n",
           e->value[0], e->bound[0], 2.0 / e->value[0]);
    lab_print_end("largest", e, 0, half);
    lab_print_end("smallest", e, half, half);
    printf("\ntrace       %.6g, 95 %% interval %.6g to %.6g (%zu probes)\n", trace->mean, trace->lower,
           trace->upper, trace->samples);
    lab_print_density(q, fabs(e->value[0]) > fabs(e->smallest) ? fabs(e->value[0]) : fabs(e->smallest));
    (void)o;
}

static int lab_spectrum(lab_options *o)
{
    lab_point p;
    int status = lab_point_load(o, &p);
    if (!status && o->dry_run) status = lab_dry_run(o, &p);
    else if (!status && !(status = lab_point_open(o, &p))) {
        clb_linop H = clb_hessian_op(&p.curv);
        clb_lanczos_opts opts;
        clb_slq_opts density = lab_density_opts(o);
        clb_eigs e;
        clb_quadrature q;
        clb_estimate trace;
        clb_rng rng;
        clb_status s;
        memset(&opts, 0, sizeof opts);
        memset(&q, 0, sizeof q);
        opts.which = CLB_BOTH_ENDS;
        clb_rng_seed(&rng, o->seed);
        s = clb_lanczos(&H, o->k, &opts, &e);
        if (!s || s == CLB_ENOCONV) {
            s = clb_slq(&H, &rng, &density, &q);
            if (!s) s = clb_hutchinson(&H, o->probes, &rng, &trace);
            if (!s && !o->quiet && !(o->json && !strcmp(o->json, "-"))) {
                lab_spectrum_print(o, &p, &e, &q, &trace);
                s = lab_print_blocks(&p);
            }
            if (!s && o->json) status = lab_spectrum_json(o, &p, &e, &q, &trace);
            clb_quadrature_free(&q);
            clb_eigs_free(&e);
        }
        if (s) status = lab_status(NULL, s, NULL);
    }
    lab_point_free(&p);
    return status;
}

/* S and drift of every charge by the linearised network, valid while eta lambda_max < 2. */
static int lab_predict(lab_options *o)
{
    lab_point p;
    double top = 0, S[LIST];
    clb_status s = CLB_OK;
    FILE *out = NULL;
    int status = lab_point_load(o, &p), print;
    if (!status && p.net.L > LIST) status = lab_fail(KIT_BAD_INPUT, "more than %d layers", LIST);
    if (!status) status = lab_point_open(o, &p);
    if (!status && (s = clb_sharpness(&p.curv, NULL, &top, NULL)) != CLB_OK && s != CLB_ENOCONV)
        status = lab_status(NULL, s, NULL);
    if (!status && o->json && !(out = lab_json_open(o)))
        status = lab_fail(KIT_OUTPUT, "cannot write %s", o->json);
    print = !o->quiet && out != stdout;
    if (!status && print)
        printf("sharpness %.6g; predictions hold for step sizes below %.6g\n\n      eta  layers            S"
               "   drift eta^2 S  valid\n", top, 2.0 / top);
    if (!status && out) fprintf(out, "[");
    for (size_t i = 0; !status && i < o->lr.n; ++i) {
        double eta = o->lr.at[i];
        s = clb_linearised(&p.curv, eta, o->steps, NULL, S);
        if (s == CLB_ENOMEM) status = lab_status(NULL, s, NULL);
        for (size_t l = 1; !status && l < p.net.L; ++l) {
            int valid = !s && eta * top < 2.0;
            if (print) printf("%9.3g  %zu to %zu  %12.5g  %14.5e  %s\n", eta, l, l + 1, S[l - 1],
                              eta * eta * S[l - 1], valid ? "yes" : "no: beyond 2/sharpness");
            if (!out) continue;
            fprintf(out, "%s\n  { \"layer\": %zu, \"valid\": %d, ", i || l > 1 ? "," : "", l, valid);
            lab_json_number(out, "eta", eta, ", ");
            lab_json_number(out, "S", S[l - 1], " }");
        }
    }
    if (out) {
        fprintf(out, " ]\n");
        if (!status) status = lab_json_close(out);
        else if (out != stdout) fclose(out);
    }
    lab_point_free(&p);
    return status;
}
