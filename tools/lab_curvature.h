/* lab_curvature.h - clb_lab spectrum and predict: the Hessian at given weights, and what it says of
 * a training from there. */
#ifndef CLB_LAB_CURVATURE_H
#define CLB_LAB_CURVATURE_H

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
        return lab_fail(KIT_BAD_INPUT, "the data have %zu inputs and %zu classes, the net %zu and "
                        "%zu", p->data.d, p->data.K, p->net.m[0], p->net.m[p->net.L]);
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

/* ---- memory and time beforehand ------------------------------------------------------------- */

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

/* Largest net whose Hessian is assembled, for certified eigenvalues. */
enum { LAB_CERTIFIED = 1500 };

static clb_lanczos_opts lab_both_ends(void)
{
    clb_lanczos_opts opts;
    memset(&opts, 0, sizeof opts);
    opts.which = CLB_BOTH_ENDS;
    return opts;
}

/* What spectrum would take: Lanczos from both ends, density, trace, blocks. */
static int lab_dry_run(const lab_options *o, const lab_point *p)
{
    clb_lanczos_opts opts = lab_both_ends();
    clb_pass pass;
    clb_linop H;
    size_t P = p->net.P, steps = 60 < P ? 60 : P, basis = 2 * o->k + 20 > 60 ? 2 * o->k + 20 : 60;
    double products = 4.0 * (double)basis + (double)(o->probes * (steps + 1))
                      + 60.0 * (double)p->net.L, bytes;
    memset(&pass, 0, sizeof pass), memset(&H, 0, sizeof H);
    pass.net = &p->net, pass.data = &p->data, H.n = P;
    bytes = (double)clb_pass_bytes(&p->net, &p->data) + (double)clb_curv_bytes(&pass)
            + (double)clb_lanczos_bytes(&H, o->k, &opts);
    printf("parameters  %zu\nmemory      %.1f MB\nproducts    about %.0f with the Hessian\n"
           "time        about %.1f s on this machine\n", P, bytes / 1e6, products,
           products * lab_product_flops(&p->net, &p->data) / lab_speed());
    return KIT_OK;
}

/* ---- what is computed ----------------------------------------------------------------------- */

/* Cells of a density by size against the largest eigenvalue, one a decade: those above zero, those
 * below it, and in the last one all that are small. */
enum { LAB_DECADES = 5, LAB_CELLS = 2 * LAB_DECADES + 1, LAB_CURVE = 101 };

/* A share of the spectrum: mean over the probes, and the half-width of its 95 % interval. */
typedef struct lab_band { double mean, error; } lab_band;

typedef struct lab_spectrum_of {
    clb_eigs        eigs;
    size_t          half;               /* eigenvalues from the top; the others behind them       */
    clb_quadrature  density;
    clb_estimate    trace;
    clb_certificate sure;               /* sure.n = 0: there is none                              */
    double          gradient[LIST], block[LIST], block_bound[LIST];     /* [1..L]                 */
    lab_band        cell[LAB_CELLS], curve[LAB_CURVE];
    double          at[LAB_CURVE];
} lab_spectrum_of;

static void lab_spectrum_free(lab_spectrum_of *y)
{
    clb_eigs_free(&y->eigs);
    clb_quadrature_free(&y->density);
    clb_certificate_free(&y->sure);
}

/* Largest eigenvalue of every diagonal block, and the length of every layer's gradient. */
static clb_status lab_spectrum_layers(lab_point *p, lab_spectrum_of *y)
{
    clb_status s = CLB_OK;
    for (size_t l = 1; l <= p->net.L && !s; ++l) {
        clb_block block;
        clb_eigs e;
        clb_linop A;
        y->gradient[l] = clb_sqrt(clb_sumsq(clb_layer_size(&p->net, l),
                                        p->curv.grad + p->net.w[l]));
        if ((s = clb_block_init(&block, &p->curv, l, 0)) != CLB_OK) break;
        A = clb_block_op(&block);
        s = clb_lanczos(&A, 1, NULL, &e);
        if (s == CLB_ENOCONV) s = CLB_OK;               /* the bound says how good it is */
        if (!s) {
            y->block[l] = e.value[0], y->block_bound[l] = e.bound[0];
            clb_eigs_free(&e);
        }
        clb_block_free(&block);
    }
    return s;
}

/* Intervals that provably hold the largest eigenvalues, where that can be had: a bound on the
 * rounding of the Hessian is known, and the matrix is not large. */
static clb_status lab_spectrum_certify(lab_point *p, size_t k, lab_spectrum_of *y)
{
    size_t P = p->net.P;
    double error;
    clb_real *H;
    clb_dense A;
    clb_status s;
    if (P > LAB_CERTIFIED || clb_hessian_error(&p->curv, &error) != CLB_OK) return CLB_OK;
    H = (clb_real *)kit_realloc(NULL, P * P, sizeof *H);
    A.n = A.lda = P, A.A = H;
    s = clb_hessian(&p->curv, H, P);
    if (!s) s = clb_certify(&A, k < P ? k : P, error, &y->sure);
    free(H);
    return s == CLB_ENOCONV ? CLB_OK : s;
}

static int lab_cell(double x, double top)
{
    double size = fabs(x) / top;
    int decade = size >= 1 ? 0 : size > 0 ? (int)floor(-clb_log(size) / clb_log(10.0))
                                          : LAB_DECADES;
    if (decade >= LAB_DECADES) return LAB_CELLS - 1;
    return x < 0 ? LAB_DECADES + decade : decade;
}

/* Mean and band over the probes of value[probe][cell], cells of one probe together. */
static void lab_bands(lab_band *band, size_t cells, const double *value, size_t probes)
{
    for (size_t c = 0; c < cells; ++c) {
        double sum = 0, two = 0;
        for (size_t i = 0; i < probes; ++i) sum += value[i * cells + c];
        band[c].mean = sum /= (double)probes;
        for (size_t i = 0; i < probes; ++i) {
            double d = value[i * cells + c] - sum;
            two += d * d;
        }
        band[c].error = probes > 1 ? 1.96 * clb_sqrt(two / ((double)probes * (double)(probes - 1)))
                                   : KIT_NAN;
    }
}

/* Shares of decades, and the density smoothed by Gaussians as wide as a hundredth of the range;
 * nodes of a probe ascend, so that a smaller one begins the next. */
static void lab_spectrum_density(lab_spectrum_of *y, size_t probes)
{
    const clb_quadrature *q = &y->density;
    double low = y->eigs.smallest, high = y->eigs.largest, width = (high - low) / 100;
    double top = fmax(fabs(low), fabs(high));
    double *cell = (double *)kit_realloc(NULL, probes * (LAB_CELLS + LAB_CURVE), sizeof *cell);
    double *curve = cell + probes * LAB_CELLS;
    size_t probe = 0;
    memset(cell, 0, probes * (LAB_CELLS + LAB_CURVE) * sizeof *cell);
    for (size_t c = 0; c < LAB_CURVE; ++c) y->at[c] = low + (double)c * width;
    for (size_t i = 0; i < q->count; ++i) {
        double weight = q->weight[i] * (double)probes;
        if (i && q->node[i] < q->node[i - 1] && probe + 1 < probes) ++probe;
        cell[probe * LAB_CELLS + (size_t)lab_cell(q->node[i], top)] += weight;
        for (size_t c = 0; c < LAB_CURVE && width > 0; ++c) {
            double z = (y->at[c] - q->node[i]) / width;
            curve[probe * LAB_CURVE + c] += weight * clb_exp(-0.5 * z * z)
                                            / (width * 2.506628274631000502);     /* sqrt(2 pi) */
        }
    }
    lab_bands(y->cell, LAB_CELLS, cell, probes);
    lab_bands(y->curve, LAB_CURVE, curve, probes);
    free(cell);
}

static clb_status lab_spectrum_compute(const lab_options *o, lab_point *p, lab_spectrum_of *y)
{
    clb_linop H = clb_hessian_op(&p->curv);
    clb_lanczos_opts opts = lab_both_ends();
    clb_slq_opts density = CLB_ZERO;
    clb_rng rng;
    clb_status s;
    density.probes = o->probes;
    clb_rng_seed(&rng, o->seed);
    s = clb_lanczos(&H, o->k, &opts, &y->eigs);
    if (s == CLB_ENOCONV) s = CLB_OK;
    y->half = y->eigs.count < 2 * o->k ? (y->eigs.count + 1) / 2 : o->k;
    if (!s) s = clb_slq(&H, &rng, &density, &y->density);
    if (!s) lab_spectrum_density(y, o->probes);
    if (!s) s = clb_hutchinson(&H, o->probes, &rng, &y->trace);
    if (!s) s = lab_spectrum_layers(p, y);
    return s ? s : lab_spectrum_certify(p, o->k, y);
}

/* ---- what is printed ------------------------------------------------------------------------ */

/* One end of a spectrum, each value with its bound. */
static void lab_print_end(const char *name, const clb_eigs *e, size_t from, size_t end)
{
    for (size_t i = from; i < end; ++i)
        printf("%-10s  %2zu  %18.12g +- %.1e%s\n", name, i - from + 1, e->value[i], e->bound[i],
               e->converged[i] ? "" : "  (not converged)");
}

static void lab_print_density(const lab_spectrum_of *y)
{
    puts("\nshare of the eigenvalues, by size against the largest");
    for (int c = 0; c < LAB_CELLS; ++c) {
        char name[40];
        int decade = c % LAB_DECADES;
        lab_band b = y->cell[c];
        if (c < LAB_CELLS - 1 && !(b.mean > 0)) continue;
        if (c == LAB_CELLS - 1) snprintf(name, sizeof name, "+-  below 1e-%d", LAB_DECADES);
        else snprintf(name, sizeof name, "%s   1e-%d to %s%d", c < LAB_DECADES ? "+" : "-",
                      decade + 1, decade ? "1e-" : "", decade ? decade : 1);
        printf("%-18s %7.4f +- %6.4f  %.*s\n", name, b.mean, b.error, (int)(40 * b.mean + 0.5),
               "########################################");
    }
}

static void lab_spectrum_print(const lab_point *p, const lab_spectrum_of *y)
{
    const clb_net *net = &p->net;
    printf("loss        %.12g\naccuracy    %.4f\n", p->pass.loss, clb_accuracy(&p->pass));
    printf("sharpness   %.12g +- %.1e\n", y->eigs.value[0], y->eigs.bound[0]);
    if (y->sure.n)
        printf("certified   in [%.15g, %.15g]%s\n", y->sure.lower[0], y->sure.upper[0],
               y->sure.complete ? "" : ", lower end only");
    printf("2/sharpness %.6g  (gradient descent is stable below this step)\n\n",
           2.0 / y->eigs.value[0]);
    lab_print_end("largest", &y->eigs, 0, y->half);
    lab_print_end("smallest", &y->eigs, y->half, y->eigs.count);
    printf("\ntrace       %.6g, 95 %% interval %.6g to %.6g (%zu probes)\n", y->trace.mean,
           y->trace.lower, y->trace.upper, y->trace.samples);
    lab_print_density(y);
    puts("\nlayer          length of its gradient  largest eigenvalue of its block");
    for (size_t l = 1; l <= net->L; ++l) {
        char name[40];
        snprintf(name, sizeof name, "%zu [%zu][%zu]", l, net->m[l], net->m[l - 1]);
        printf("%-14s  %21.6e  %18.12g +- %.1e\n", name, y->gradient[l], y->block[l],
               y->block_bound[l]);
    }
}

static void lab_put_bands(kit_buf *b, const char *name, const lab_band *band, size_t n)
{
    for (int part = 0; part < 2; ++part) {
        kit_putf(b, part ? ", \"%s_error\": [" : ", \"%s\": [", name);
        for (size_t i = 0; i < n; ++i) {
            if (i) kit_put(b, ", ");
            json_put_number(b, part ? band[i].error : band[i].mean);
        }
        kit_put(b, "]");
    }
}

static void lab_put_end(kit_buf *b, const char *name, const clb_eigs *e, size_t from, size_t end)
{
    kit_putf(b, "%s  \"%s\": ", ",\n", name);
    json_put_list(b, end - from, e->value + from);
    kit_putf(b, ", \"%s_bound\": ", name);
    json_put_list(b, end - from, e->bound + from);
}

static int lab_spectrum_json(const lab_options *o, const lab_point *p, const lab_spectrum_of *y)
{
    kit_buf b = { NULL, 0, 0 };
    size_t L = p->net.L;
    kit_put(&b, "{ "), json_put_value(&b, "loss", p->pass.loss);
    kit_put(&b, ", "), json_put_value(&b, "accuracy", clb_accuracy(&p->pass));
    kit_put(&b, ", "), json_put_value(&b, "stable_step", 2.0 / y->eigs.value[0]);
    kit_put(&b, ",\n  "), json_put_value(&b, "trace", y->trace.mean);
    kit_put(&b, ", "), json_put_value(&b, "trace_lower", y->trace.lower);
    kit_put(&b, ", "), json_put_value(&b, "trace_upper", y->trace.upper);
    lab_put_end(&b, "largest", &y->eigs, 0, y->half);
    lab_put_end(&b, "smallest", &y->eigs, y->half, y->eigs.count);
    if (y->sure.n) {
        kit_put(&b, ",\n  \"certified_lower\": "), json_put_list(&b, y->sure.k, y->sure.lower);
        kit_put(&b, ", \"certified_upper\": "), json_put_list(&b, y->sure.k, y->sure.upper);
    }
    kit_put(&b, ",\n  \"gradient\": "), json_put_list(&b, L, y->gradient + 1);
    kit_put(&b, ",\n  \"block\": "), json_put_list(&b, L, y->block + 1);
    kit_put(&b, ", \"block_bound\": "), json_put_list(&b, L, y->block_bound + 1);
    kit_put(&b, ",\n  \"node\": "), json_put_list(&b, y->density.count, y->density.node);
    kit_put(&b, ", \"weight\": "), json_put_list(&b, y->density.count, y->density.weight);
    kit_put(&b, ",\n  \"curve_at\": "), json_put_list(&b, LAB_CURVE, y->at);
    lab_put_bands(&b, "curve", y->curve, LAB_CURVE);
    kit_put(&b, " }\n");
    return lab_write_json(o, &b);
}

static int lab_spectrum(lab_options *o)
{
    lab_point p;
    int status = lab_point_load(o, &p);
    if (!status && p.net.L >= LIST) status = lab_fail(KIT_BAD_INPUT, "more than %d layers", LIST);
    if (!status && o->dry_run) status = lab_dry_run(o, &p);
    else if (!status && !(status = lab_point_open(o, &p))) {
        lab_spectrum_of y;
        clb_status s;
        memset(&y, 0, sizeof y);
        s = lab_spectrum_compute(o, &p, &y);
        if (s) status = lab_status(NULL, s, NULL);
        else {
            if (lab_prints(o)) lab_spectrum_print(&p, &y);
            if (o->json) status = lab_spectrum_json(o, &p, &y);
        }
        lab_spectrum_free(&y);
    }
    lab_point_free(&p);
    return status;
}

/* ---- predict -------------------------------------------------------------------------------- */

/* S and drift of every charge by the linearised network; S is NaN where it leaves its range. */
static int lab_predict_print(const lab_options *o, lab_point *p, double top)
{
    kit_buf b = { NULL, 0, 0 };
    double S[LIST];
    int status = KIT_OK;
    kit_put(&b, "{ "), json_put_value(&b, "sharpness", top);
    kit_put(&b, ", "), json_put_value(&b, "valid_below", 2.0 / top);
    kit_put(&b, ",\n  \"predictions\": [");
    if (lab_prints(o))
        printf("sharpness %.6g; predictions hold for step sizes below %.6g\n\n      eta  layers    "
               "        S   drift eta^2 S  valid\n", top, 2.0 / top);
    for (size_t i = 0; i < o->lr.n && !status; ++i) {
        double eta = o->lr.at[i];
        clb_status s = clb_linearised(&p->curv, eta, o->steps, NULL, S);
        if (s && s != CLB_EDIVERGED) status = lab_status(NULL, s, NULL);
        for (size_t l = 1; !status && l < p->net.L; ++l) {
            int valid = !s && eta * top < 2.0;
            double value = s ? KIT_NAN : S[l - 1];
            if (lab_prints(o))
                printf("%9.3g  %zu to %zu  %12.5g  %14.5e  %s\n", eta, l, l + 1, value,
                       eta * eta * value, valid ? "yes" : "no: beyond 2/sharpness");
            kit_putf(&b, "%s\n    { \"layer\": %zu, \"valid\": %s, ", i || l > 1 ? "," : "", l,
                     valid ? "true" : "false");
            json_put_value(&b, "eta", eta), kit_put(&b, ", "), json_put_value(&b, "S", value);
            kit_put(&b, " }");
        }
    }
    kit_put(&b, " ] }\n");
    if (!status && o->json) return lab_write_json(o, &b);
    free(b.s);
    return status;
}

static int lab_predict(lab_options *o)
{
    lab_point p;
    double top = 0;
    int status = lab_point_load(o, &p);
    if (!status && p.net.L > LIST) status = lab_fail(KIT_BAD_INPUT, "more than %d layers", LIST);
    if (!status) status = lab_point_open(o, &p);
    if (!status) {
        clb_status s = clb_sharpness(&p.curv, NULL, &top, NULL);
        if (s && s != CLB_ENOCONV) status = lab_status(NULL, s, NULL);
    }
    if (!status) status = lab_predict_print(o, &p, top);
    lab_point_free(&p);
    return status;
}

#endif /* CLB_LAB_CURVATURE_H */
