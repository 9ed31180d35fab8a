/* Memory: every public function that allocates, with its 1st, 2nd, 3rd ... allocation failing:
 * CLB_ENOMEM (NaN from functions that return a number), nothing leaked, nothing touched that must
 * not be. t_coverage fails when clb.h gains a function that returns clb_status and is not named
 * here.
 *   cc -std=c99 -O2 -o t_alloc tests/t_alloc.c -lm && ./t_alloc */
#define CLB_IMPLEMENTATION
#include "failing_alloc.h"
#include "../clb.h"
#include "../examples/kit/paper.h"
#include "test.h"
#include "fixture.h"

/* ---- what the calls work on, built without failures ----------------------------------------- */

static clb_data data;
static clb_net  net, biased, identity;
static clb_pass pass;
static clb_curv curv, deep_curv;
static clb_pass deep_pass;
static clb_real matrix[8 * 8];
static char     prefix[256];

static void build(void)
{
    static const size_t two[3] = { 4, 6, 3 }, deep[4] = { 4, 5, 4, 3 };
    clb_net_opts opts = CLB_ZERO;
    const char *folder = getenv("TMPDIR");
    clb_rng rng;
    if (data.n) return;
    alloc_reset(0);
    clb_rng_seed(&rng, 42);
    EQUAL(clb_data_mixture(&data, &rng, 20, 4, 3, 1.0), CLB_OK);
    opts.activation = CLB_IDENTITY;
    EQUAL(clb_net_init(&identity, deep, 4, &opts, &rng), CLB_OK);
    opts.activation = CLB_RELU, opts.bias = -1;
    EQUAL(clb_net_init(&net, two, 3, NULL, &rng), CLB_OK);
    EQUAL(clb_net_init(&biased, deep, 4, &opts, &rng), CLB_OK);
    EQUAL(clb_pass_init(&pass, &net, &data, CLB_CE), CLB_OK);
    EQUAL(clb_curv_init(&curv, &pass), CLB_OK);
    EQUAL(clb_pass_init(&deep_pass, &biased, &data, CLB_MSE), CLB_OK);
    EQUAL(clb_curv_init(&deep_curv, &deep_pass), CLB_OK);
    clb_curv_at(&curv, NULL);
    clb_curv_at(&deep_curv, NULL);
    for (size_t i = 0; i < 8; ++i)
        for (size_t j = 0; j < 8; ++j)
            matrix[i * 8 + j] = (clb_real)(1.0 / (double)(i + j + 1) + (i == j));
    snprintf(prefix, sizeof prefix, "%s/clb_t_alloc_%p_", folder ? folder : "/tmp", (void *)&rng);
}

/* ---- data ----------------------------------------------------------------------------------- */

static clb_status data_done(clb_status status, clb_data *made)
{
    static const clb_data empty = CLB_ZERO;
    if (status) EQUAL(memcmp(made, &empty, sizeof empty), 0);
    clb_data_free(made);
    return status;
}

static clb_status call_mixture(void *context)
{
    clb_rng rng;
    clb_data made;
    (void)context;
    clb_rng_seed(&rng, 1);
    return data_done(clb_data_mixture(&made, &rng, 30, 3, 2, 1.0), &made);
}

static clb_status call_xor(void *context)
{
    clb_rng rng;
    clb_data made;
    (void)context;
    clb_rng_seed(&rng, 1);
    return data_done(clb_data_xor(&made, &rng, 30), &made);
}

static clb_status call_spheres(void *context)
{
    clb_rng rng;
    clb_data made;
    (void)context;
    clb_rng_seed(&rng, 1);
    return data_done(clb_data_spheres(&made, &rng, 30, 3, 1.0, 2.0), &made);
}

static clb_status call_npy_read(void *context)
{
    static const char bytes[] = "\x93NUMPY\x01\x00\x3c\x00{'descr': '|u1', 'fortran_order': False, "
                                "'shape': (2, 1), }\n\x01\x02";
    clb_array array;
    clb_status status = clb_npy_read(&array, bytes, sizeof bytes - 1);
    (void)context;
    clb_array_free(&array);
    return status;
}

static clb_status call_arrays(void *context)
{
    double x[4] = { 1, 2, 3, 4 }, label[2] = { 0, 1 };
    clb_array X = CLB_ZERO, y = CLB_ZERO;
    clb_data made;
    (void)context;
    X.rank = 2, X.shape[0] = 2, X.shape[1] = 2, X.count = 4, X.x = x;
    y.rank = 1, y.shape[0] = 2, y.count = 2, y.x = label;
    return data_done(clb_data_arrays(&made, &X, &y), &made);
}

static clb_status call_idx(void *context)
{
    static const unsigned char images[] = { 0, 0, 8, 2, 0, 0, 0, 2, 0, 0, 0, 1, 7, 8 };
    static const unsigned char labels[] = { 0, 0, 8, 1, 0, 0, 0, 2, 1, 0 };
    clb_idx_files files;
    clb_data made;
    (void)context;
    files.images = images, files.images_size = sizeof images;
    files.labels = labels, files.labels_size = sizeof labels;
    return data_done(clb_data_idx(&made, &files, 0), &made);
}

static clb_status call_csv(void *context)
{
    clb_data made;
    (void)context;
    return data_done(clb_data_csv(&made, "1,0\n2,1\n", 8, NULL, NULL), &made);
}

static clb_status call_csv_words(void *context)
{
    static const char text[] = "a,b,c\n1,0.1234567890123456789,x\n2,3,\"y\"\"\"\n";
    clb_csv_opts opts = CLB_ZERO;
    clb_data made, again;
    clb_status status;
    opts.real_target = context != NULL;
    opts.label_name = context ? "b" : "c";
    opts.skip = (const char *const *)context, opts.skip_count = context != NULL;
    status = clb_data_csv(&made, text, sizeof text - 1, &opts, NULL);
    if (status || context) return data_done(status, &made);
    opts.like = &made;
    status = data_done(clb_data_csv(&again, text, sizeof text - 1, &opts, NULL), &again);
    clb_data_free(&made);
    return status;
}

static clb_status call_split(void *context)
{
    static const char text[] = "1,x\n2,y\n3,x\n4,x\n";
    clb_data made, train, valid;
    clb_scaler scaler = CLB_ZERO;
    clb_status status = clb_data_csv(&made, text, sizeof text - 1, NULL, NULL);
    (void)context;
    if (status) return status;
    status = clb_data_split(&made, NULL, 0.5, &train, &valid);
    if (!status) status = clb_scaler_fit(&scaler, &train);
    clb_scaler_free(&scaler), clb_data_free(&train), clb_data_free(&valid), clb_data_free(&made);
    return status;
}

static void t_data_sets(void)
{
    ALLOC_SWEEP(call_mixture, NULL);
    ALLOC_SWEEP(call_xor, NULL);
    ALLOC_SWEEP(call_spheres, NULL);
    ALLOC_SWEEP(call_npy_read, NULL);
    ALLOC_SWEEP(call_arrays, NULL);
    ALLOC_SWEEP(call_idx, NULL);
    static const char *const third[] = { "c" };
    ALLOC_SWEEP(call_csv, NULL);
    ALLOC_SWEEP(call_csv_words, NULL);
    ALLOC_SWEEP(call_csv_words, (void *)(uintptr_t)third);
    ALLOC_SWEEP(call_split, NULL);
}

/* ---- files ---------------------------------------------------------------------------------- */

static clb_status call_net_save(void *context)
{
    (void)context;
    char source[20000];
    size_t size;
    clb_status status = clb_net_save(&biased, prefix);
    return status ? status : clb_net_write_c(source, sizeof source, &size, &biased, "net");
}

static clb_status call_net_load(void *context)
{
    clb_net made;
    clb_status status = clb_net_load(&made, prefix, NULL);
    (void)context;
    clb_net_free(&made);
    return status;
}

static clb_status call_net_read(void *context)
{
    unsigned char bytes[4000];
    size_t size;
    clb_net made;
    clb_status status = clb_net_write(bytes, sizeof bytes, &size, &biased);
    (void)context;
    if (status) return status;
    status = clb_net_read(&made, bytes, size, NULL);
    clb_net_free(&made);
    return status;
}

static clb_status call_npy_load(void *context)
{
    clb_array array;
    clb_status status = clb_npy_load(&array, (const char *)context);
    clb_array_free(&array);
    return status;
}

typedef struct two_files { const char *a, *b; } two_files;

static clb_status call_npy_set(void *context)
{
    const two_files *f = (const two_files *)context;
    clb_data made;
    return data_done(clb_data_npy_load(&made, f->a, f->b), &made);
}

static clb_status call_idx_set(void *context)
{
    const two_files *f = (const two_files *)context;
    clb_data made;
    return data_done(clb_data_idx_load(&made, f->a, f->b, 0), &made);
}

static clb_status call_csv_set(void *context)
{
    clb_data made;
    return data_done(clb_data_csv_load(&made, (const char *)context, NULL, NULL), &made);
}

static void put(const char *path, const void *bytes, size_t size)
{
    FILE *file = fopen(path, "wb");
    CHECK(file && fwrite(bytes, 1, size, file) == size && fclose(file) == 0);
}

static void t_files(void)
{
    static const char *const names[] = { "x", "y" };
    static const unsigned char images[] = { 0, 0, 8, 2, 0, 0, 0, 2, 0, 0, 0, 1, 7, 8 };
    static const unsigned char labels[] = { 0, 0, 8, 1, 0, 0, 0, 2, 1, 0 };
    static const char zeros[] =
        "\x93NUMPY\x01\x00\x3d\x00{'descr': '|u1', 'fortran_order': False, 'shape': (5000,), }\n";
    char path[2][300], long_file[sizeof zeros - 1 + 5000];
    two_files pair;
    clb_real x[6] = { 1, 2, 3, 4, 5, 6 };
    size_t shape[2] = { 3, 2 };
    FILE *file;
    build();
    for (int i = 0; i < 2; ++i) snprintf(path[i], sizeof path[i], "%s%s.npy", prefix, names[i]);
    ALLOC_SWEEP(call_net_save, NULL);
    ALLOC_SWEEP(call_net_load, NULL);
    ALLOC_SWEEP(call_net_read, NULL);
    memcpy(long_file, zeros, sizeof zeros - 1);  /* long enough for the reader to grow its buffer */
    memset(long_file + sizeof zeros - 1, 0, 5000);
    put(path[0], long_file, sizeof long_file);
    ALLOC_SWEEP(call_npy_load, path[0]);
    file = fopen(path[0], "wb");
    CHECK(file && clb_npy_fwrite(file, x, 2, shape) == CLB_OK && fclose(file) == 0);
    file = fopen(path[1], "wb");
    CHECK(file && clb_npy_fwrite(file, x, 1, shape) == CLB_OK && fclose(file) == 0);
    pair.a = path[0], pair.b = path[1];
    ALLOC_SWEEP(call_npy_set, &pair);
    put(path[0], images, sizeof images);
    put(path[1], labels, sizeof labels);
    ALLOC_SWEEP(call_idx_set, &pair);
    put(path[0], "1,0\n2,1\n", 8);
    ALLOC_SWEEP(call_csv_set, path[0]);
    for (int i = 0; i < 2; ++i) remove(path[i]);
    remove(prefix);
}

/* ---- networks and training ------------------------------------------------------------------ */

static clb_status call_net_alloc(void *context)
{
    static const size_t widths[3] = { 2, 3, 2 };
    clb_net made;
    clb_status status = clb_net_alloc(&made, widths, 3, NULL);
    (void)context;
    clb_net_free(&made);
    return status;
}

static clb_status call_net_init(void *context)
{
    static const size_t widths[3] = { 2, 3, 2 };
    clb_net made;
    clb_rng rng;
    clb_status status;
    (void)context;
    clb_rng_seed(&rng, 1);
    status = clb_net_init(&made, widths, 3, NULL, &rng);
    clb_net_free(&made);
    return status;
}

static clb_status call_net_copy(void *context)
{
    clb_net made;
    clb_status status = clb_net_copy(&made, &biased);
    (void)context;
    clb_net_free(&made);
    return status;
}

static clb_status call_pass(void *context)
{
    static const uint32_t rows[3] = { 0, 7, 3 };
    clb_pass made;
    clb_status status = clb_pass_init(&made, &net, &data, CLB_CE);
    (void)context;
    if (status) return status;
    clb_loss(&made, NULL);
    status = clb_pass_batch(&made, rows, 3);
    if (!status) status = clb_pass_batch(&made, NULL, 0);
    if (!status) clb_loss(&made, NULL);
    if (!status) status = clb_pass_freeze(&made, &made);
    CHECK(clb_loss(&made, NULL) > 0.0);                      /* usable after a failure too */
    clb_pass_free(&made);
    return status;
}

static clb_status call_use(void *context)
{
    clb_real out[20 * 3];
    int label[20];
    double loss, accuracy;
    clb_status status = clb_predict(&biased, data.X, data.n, out);
    (void)context;
    if (!status) status = clb_probabilities(&biased, data.X, data.n, out);
    if (!status) status = clb_classify(&biased, data.X, data.n, label);
    return status ? status : clb_evaluate(&biased, &data, CLB_CE, &loss, &accuracy);
}

typedef struct train_case { clb_optimizer optimizer; size_t batch; const clb_net *net; } train_case;

static clb_status call_train(void *context)
{
    const train_case *c = (const train_case *)context;
    clb_train_opts opts = CLB_ZERO;
    clb_early_stop early = CLB_ZERO;
    clb_rng rng;
    clb_net made;
    clb_trace trace;
    clb_status status = clb_net_copy(&made, c->net);
    if (status) return status;
    clb_rng_seed(&rng, 1);
    opts.optimizer = c->optimizer;
    opts.batch = c->batch;
    opts.batch_rng = &rng;
    early.data = &data;
    opts.early = &early, opts.neurons = 1;
    status = clb_train(&made, &data, 0.01, 5, &opts, &trace);
    if (status) EQUAL(memcmp(made.theta, c->net->theta, made.P * sizeof *made.theta), 0);
    clb_trace_free(&trace);
    clb_net_free(&made);
    return status;
}

/* Two runs; the one that has no memory says so, and the other is made. */
static clb_status call_train_many(void *context)
{
    const train_case *c = (const train_case *)context;
    clb_training run[2] = { CLB_ZERO, CLB_ZERO };
    clb_trace trace[2];
    clb_net made[2];
    clb_status status = clb_net_copy(&made[0], c->net);
    if (status) return status;
    status = clb_net_copy(&made[1], c->net);
    for (size_t i = 0; i < 2 && !status; ++i) {
        run[i].net = &made[i], run[i].data = &data, run[i].eta = 0.01, run[i].T = 2;
        run[i].trace = &trace[i];
    }
    if (!status) {
        status = clb_train_many(run, 2, NULL);
        CHECK(run[0].status == CLB_OK || run[1].status == CLB_OK);
        clb_trace_free(&trace[0]), clb_trace_free(&trace[1]);
    }
    clb_net_free(&made[0]), clb_net_free(&made[1]);
    return status;
}

static clb_status call_trace_npz(void *context)
{
    const train_case *c = (const train_case *)context;
    char path[300];
    clb_net made;
    clb_trace trace;
    clb_status status = clb_net_copy(&made, c->net);
    if (status) return status;
    status = clb_train(&made, &data, 0.01, 3, NULL, &trace);
    snprintf(path, sizeof path, "%strace.npz", prefix);
    if (!status) status = clb_trace_npz_save(&trace, path);
    remove(path);
    clb_trace_free(&trace);
    clb_net_free(&made);
    return status;
}

static clb_status call_train_state(void *context)
{
    const train_case *c = (const train_case *)context;
    static const clb_train_state empty = CLB_ZERO;
    clb_train_opts opts = CLB_ZERO;
    clb_train_state state;
    clb_status status;
    opts.optimizer = c->optimizer, opts.batch = c->batch;
    status = clb_train_state_init(&state, c->net, &data, &opts);
    if (status) EQUAL(memcmp(&state, &empty, sizeof empty), 0);
    clb_train_state_free(&state);
    return status;
}

static clb_status call_watched(void *context)
{
    const train_case *c = (const train_case *)context;
    clb_watch watch = CLB_ZERO;
    clb_net made;
    clb_status status = clb_net_copy(&made, c->net);
    if (status) return status;
    watch.k = 2, watch.every = 2;
    status = clb_train_watched(&made, &data, 0.01, 5, NULL, &watch);
    if (status) CHECK(!watch.arena && !watch.t && !watch.trace.arena);
    clb_watch_free(&watch);
    clb_net_free(&made);
    return status;
}

static void t_nets(void)
{
    build();
    ALLOC_SWEEP(call_net_alloc, NULL);
    ALLOC_SWEEP(call_net_init, NULL);
    ALLOC_SWEEP(call_net_copy, NULL);
    ALLOC_SWEEP(call_pass, NULL);
    ALLOC_SWEEP(call_use, NULL);
    for (int optimizer = 0; optimizer < (int)CLB_OPTIMIZER_COUNT; ++optimizer)
        for (int k = 0; k < 6; ++k) {
            train_case c;
            c.optimizer = (clb_optimizer)optimizer, c.batch = k & 1 ? 7 : 0,
            c.net = k / 2 == 0 ? &net : k / 2 == 1 ? &biased : &identity;
            ALLOC_SWEEP(call_train, &c);
            ALLOC_SWEEP(call_train_state, &c);
            if (k < 1) ALLOC_SWEEP(call_watched, &c);
            if (k < 1) ALLOC_SWEEP(call_train_many, &c);
            if (k < 1) ALLOC_SWEEP(call_trace_npz, &c);
        }
}

static clb_status call_flow(void *context)
{
    clb_flow_opts opts = CLB_ZERO;
    clb_net made;
    clb_status status = clb_net_copy(&made, &net);
    if (status) return status;
    opts.method = *(const clb_flow_method *)context;
    opts.dt = 0.125;
    opts.rescale = opts.method != CLB_FLOW_MIDPOINT;
    status = clb_flow(&made, &data, 0.25, &opts, NULL);
    if (status) EQUAL(memcmp(made.theta, net.theta, made.P * sizeof *made.theta), 0);
    clb_net_free(&made);
    return status;
}

static clb_status call_rescale(void *context)
{
    clb_real theta[80];
    memcpy(theta, net.theta, net.P * sizeof *theta);
    return clb_rescale(&net, theta, NULL, (const double *)context, NULL, NULL);
}

static void t_flow(void)
{
    double charges[6];
    build();
    for (int method = 0; method < (int)CLB_FLOW_METHOD_COUNT; ++method) {
        clb_flow_method m = (clb_flow_method)method;
        ALLOC_SWEEP(call_flow, &m);
    }
    clb_neuron_charges(&net, NULL, 1, charges);
    for (int j = 0; j < 6; ++j) charges[j] += 0.01;
    ALLOC_SWEEP(call_rescale, charges);
}

static clb_status call_problem(void *context)
{
    paper_problem problem;
    clb_status status = paper_problem_draw(&problem, NULL, 42, CLB_NORMAL_PUBLISHED);
    (void)context;
    paper_problem_free(&problem);
    return status;
}

static clb_status call_problem_sharpness(void *context)
{
    double largest, smallest;
    return paper_sharpness((const paper_problem *)context, CLB_CE, &largest, &smallest);
}

static void t_problem(void)
{
    paper_opts opts = CLB_ZERO;
    paper_problem problem;
    ALLOC_SWEEP(call_problem, NULL);
    opts.n = 20, opts.m = 5;
    EQUAL(paper_problem_draw(&problem, &opts, 1, CLB_NORMAL_EXACT), CLB_OK);
    ALLOC_SWEEP(call_problem_sharpness, &problem);
    paper_problem_free(&problem);
}

/* ---- curvature and eigensolvers
 * ---------------------------------------------------------------- */

static clb_status call_curv_init(void *context)
{
    clb_curv made;
    clb_status status = clb_curv_init(&made, &pass);
    (void)context;
    clb_curv_free(&made);
    return status;
}

static clb_status call_block(void *context)
{
    clb_block block;
    clb_status status = clb_block_init(&block, (clb_curv *)context, 1, 0);
    clb_block_free(&block);
    return status;
}

static clb_real large[80 * 80];

static clb_status call_hessian(void *context)
{
    return clb_hessian((clb_curv *)context, large, 80);
}
static clb_status call_gauss_newton(void *context)
{
    return clb_gauss_newton((clb_curv *)context, large, 80);
}
static clb_status call_ntk(void *context) { return clb_ntk((clb_curv *)context, 0, large); }
static clb_status call_ntk_sum(void *context) { return clb_ntk_sum((clb_curv *)context, 1, large); }

static clb_status call_ntk_trace(void *context)
{
    double trace;
    return clb_ntk_trace((clb_curv *)context, 0, &trace);
}

static clb_status call_residual_bound(void *context)
{
    double bound;
    return clb_residual_bound((clb_curv *)context, &bound);
}

static clb_status call_sharpness(void *context)
{
    double largest, smallest;
    return clb_sharpness((clb_curv *)context, NULL, &largest, &smallest);
}

static void t_curvature(void)
{
    clb_curv *const all[2] = { &curv, &deep_curv };
    build();
    ALLOC_SWEEP(call_curv_init, NULL);
    for (int k = 0; k < 2; ++k) {
        CHECK(all[k]->pass->net->P <= 80);
        ALLOC_SWEEP(call_block, all[k]);
        ALLOC_SWEEP(call_hessian, all[k]);
        ALLOC_SWEEP(call_gauss_newton, all[k]);
        ALLOC_SWEEP(call_ntk, all[k]);
        ALLOC_SWEEP(call_ntk_sum, all[k]);
        ALLOC_SWEEP(call_ntk_trace, all[k]);
        ALLOC_SWEEP(call_sharpness, all[k]);
    }
    ALLOC_SWEEP(call_residual_bound, &curv);
}

static clb_status call_jacobi(void *context)
{
    double values[8];
    clb_real vectors[64];
    (void)context;
    return clb_jacobi(8, matrix, 8, values, vectors);
}

static clb_status call_eigh(void *context)
{
    double values[8];
    clb_real work[64], vectors[64];
    memcpy(work, matrix, sizeof work);
    return clb_eigh(8, work, 8, values, context ? vectors : NULL);
}

static clb_status call_eigh_project(void *context)
{
    double values[8], projections[8];
    clb_real work[64];
    (void)context;
    memcpy(work, matrix, sizeof work);
    return clb_eigh_project(8, work, 8, matrix, values, projections);
}

static clb_status call_lanczos(void *context)
{
    clb_lanczos_opts opts = CLB_ZERO;
    clb_eigs eigs;
    clb_status status;
    opts.which = CLB_BOTH_ENDS;
    status = clb_lanczos((const clb_linop *)context, 2, &opts, &eigs);
    clb_eigs_free(&eigs);
    return status;
}

static clb_status call_slq(void *context)
{
    clb_rng rng;
    clb_quadrature q;
    clb_status status;
    clb_rng_seed(&rng, 1);
    status = clb_slq((const clb_linop *)context, &rng, NULL, &q);
    clb_quadrature_free(&q);
    return status;
}

static clb_status call_hutchinson(void *context)
{
    clb_rng rng;
    clb_estimate estimate;
    clb_rng_seed(&rng, 1);
    return clb_hutchinson((const clb_linop *)context, 4, &rng, &estimate);
}

static void t_eigen(void)
{
    clb_dense dense;
    clb_linop op;
    build();
    dense.n = dense.lda = 8, dense.A = matrix;
    op = clb_dense_op(&dense);
    ALLOC_SWEEP(call_jacobi, NULL);
    ALLOC_SWEEP(call_eigh, NULL);
    ALLOC_SWEEP(call_eigh, &dense);
    ALLOC_SWEEP(call_eigh_project, NULL);
    ALLOC_SWEEP(call_lanczos, &op);
    ALLOC_SWEEP(call_slq, &op);
    ALLOC_SWEEP(call_hutchinson, &op);
}

static clb_status call_spectrum(void *context)
{
    clb_spectrum sp;
    clb_status status = clb_spectrum_init(&sp, &net, 1, (const double *)context, large, curv.grad);
    double delta;
    if (!status) status = clb_spectrum_delta(&sp, 0.1, 3, CLB_MODES_ALL, &delta);
    clb_spectrum_free(&sp);
    return status;
}

static clb_status call_spectrum_function(void *context)
{
    clb_spectrum sp;
    clb_status status = clb_spectrum_init_ntk(&sp, (clb_curv *)context, 1);
    clb_spectrum_free(&sp);
    return status;
}

static clb_status call_linearised(void *context)
{
    static const size_t restart[1] = { 2 };
    clb_linear_opts opts = CLB_ZERO;
    double S[2];
    opts.restart = restart, opts.restart_count = 1;
    return clb_linearised((clb_curv *)context, 0.01, 4, &opts, S);
}

static clb_status call_crossover_modes(void *context)
{
    double lambda[80], c[80];
    return clb_crossover_modes((clb_curv *)context, lambda, c);
}

static clb_status call_linear_modes(void *context)
{
    clb_linear_modes modes;
    clb_status status = clb_linear_modes_init(&modes, (const clb_net *)context, &data);
    clb_linear_modes_free(&modes);
    return status;
}

static clb_status call_compression(void *context)
{
    clb_compression out;
    return clb_compression_bounds((clb_curv *)context, &out);
}

static void t_theory(void)
{
    static clb_real H[80 * 80];
    double values[80];
    clb_net linear;
    size_t P;
    build();
    alloc_reset(0);
    P = net.P;
    EQUAL(clb_hessian(&curv, H, P), CLB_OK);
    EQUAL(clb_eigh(P, H, P, values, large), CLB_OK);
    ALLOC_SWEEP(call_spectrum, values);
    ALLOC_SWEEP(call_spectrum_function, &deep_curv);
    ALLOC_SWEEP(call_linearised, &deep_curv);
    ALLOC_SWEEP(call_compression, &curv);
    ALLOC_SWEEP(call_crossover_modes, &curv);
    EQUAL(clb_net_copy(&linear, &net), CLB_OK);
    linear.activation = CLB_IDENTITY;
    ALLOC_SWEEP(call_linear_modes, &linear);
    clb_net_free(&linear);
}

/* ---- edge of stability ---------------------------------------------------------------------- */

static clb_status call_rod(void *context)
{
    static const clb_observer none = CLB_ZERO;
    clb_rod rod;
    clb_status status = clb_rod_init(&rod, &net, &data, 0.01, NULL, (const clb_rod_opts *)context);
    if (!status) {
        size_t before = alloc_calls;
        status = clb_rod_step(&rod);
        if (!status) status = clb_rod_run(&rod, 2, &none, 0);
        EQUAL(alloc_calls, before);                             /* a step allocates nothing */
    }
    clb_rod_free(&rod);
    return status;
}

static clb_status call_edge(void *context)
{
    clb_edge edge;
    const clb_rod_opts *opts = (const clb_rod_opts *)context;
    clb_status status = clb_edge_predict(&net, &data, 0.01, 3, opts, 0, &edge);
    clb_edge_free(&edge);
    return status;
}

static clb_status call_central(void *context)
{
    clb_central flow;
    const clb_central_opts *opts = (const clb_central_opts *)context;
    clb_status status = clb_central_init(&flow, &net, &data, 0.01, opts);
    if (!status) status = clb_central_step(&flow);
    clb_central_free(&flow);
    return status;
}

static clb_status call_certify(void *context)
{
    clb_certificate out;
    clb_status status = clb_certify((const clb_dense *)context, 2, 0, &out);
    clb_certificate_free(&out);
    return status;
}

static clb_status call_certify_op(void *context)
{
    clb_certificate out;
    clb_status status = clb_certify_lower((const clb_linop *)context, 2, 0, &out);
    clb_certificate_free(&out);
    return status;
}

static clb_status call_hessian_error(void *context)
{
    double bound;
    return clb_hessian_error((clb_curv *)context, &bound);
}

/* The rows of a batch belong to the pass: one of its own, so that what stays is a leak. */
static clb_status call_batch_sharpness(void *context)
{
    clb_estimate out;
    clb_pass own;
    clb_curv at = CLB_ZERO;
    clb_rng rng;
    clb_status status = clb_pass_init(&own, (const clb_net *)context, &data, CLB_CE);
    clb_rng_seed(&rng, 1);
    if (!status && (status = clb_curv_init(&at, &own)) == CLB_OK) {
        clb_curv_at(&at, NULL);
        status = clb_batch_sharpness(&at, 5, 3, &rng, &out);
    }
    clb_curv_free(&at);
    clb_pass_free(&own);
    return status;
}

static clb_status call_precond(void *context)
{
    static const clb_real diagonal[8] = { 1, 2, 3, 4, 5, 6, 7, 8 };
    clb_precond pre;
    clb_status status = clb_precond_init(&pre, (const clb_linop *)context, diagonal);
    clb_precond_free(&pre);
    return status;
}

static void t_edge(void)
{
    clb_rod_opts opts = CLB_ZERO;
    clb_dense dense;
    clb_linop op;
    build();
    dense.n = dense.lda = 8, dense.A = matrix;
    op = clb_dense_op(&dense);
    ALLOC_SWEEP(call_rod, NULL);
    opts.optimizer = CLB_HEAVY_BALL;
    ALLOC_SWEEP(call_rod, &opts);
    ALLOC_SWEEP(call_edge, NULL);
    ALLOC_SWEEP(call_central, NULL);
    ALLOC_SWEEP(call_certify, &dense);
    ALLOC_SWEEP(call_certify_op, &op);
    ALLOC_SWEEP(call_hessian_error, &deep_curv);
    ALLOC_SWEEP(call_batch_sharpness, &net);
    ALLOC_SWEEP(call_precond, &op);
}

/* ---- weight files --------------------------------------------------------------------------- */

typedef struct weight_file {
    clb_tensors    tensors;
    char           path[300];
    unsigned char  bytes[2048];
    size_t         size;
} weight_file;

static clb_status tensors_done(clb_status status, clb_tensors *read)
{
    static const clb_tensors empty = CLB_ZERO;
    if (status) EQUAL(memcmp(read, &empty, sizeof empty), 0);
    clb_tensors_free(read);
    return status;
}

static clb_status call_npz_write(void *context)
{
    weight_file *file = (weight_file *)context;
    return clb_npz_write(file->bytes, sizeof file->bytes, &file->size, &file->tensors);
}

static clb_status call_npz_save(void *context)
{
    weight_file *file = (weight_file *)context;
    return clb_npz_save(&file->tensors, file->path);
}

static clb_status call_npz_read(void *context)
{
    weight_file *file = (weight_file *)context;
    clb_tensors read;
    return tensors_done(clb_npz_read(&read, file->bytes, file->size, NULL), &read);
}

static clb_status call_tensors_read(void *context)
{
    weight_file *file = (weight_file *)context;
    clb_tensors read;
    return tensors_done(clb_tensors_read(&read, file->bytes, file->size, NULL), &read);
}

static clb_status call_tensors_load(void *context)
{
    weight_file *file = (weight_file *)context;
    clb_tensors read;
    return tensors_done(clb_tensors_load(&read, file->path, NULL), &read);
}

static clb_status call_safetensors(void *context)
{
    static const char json[] = "{\"x\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}";
    unsigned char bytes[8 + sizeof json - 1 + 4] = { sizeof json - 1 };
    clb_tensors read;
    (void)context;
    memcpy(bytes + 8, json, sizeof json - 1);
    return tensors_done(clb_safetensors_read(&read, bytes, sizeof bytes, NULL), &read);
}

static clb_status call_chain(void *context)
{
    weight_file *file = (weight_file *)context;
    double theta[12];
    clb_chain chain;
    clb_net made = CLB_ZERO;
    clb_status status = clb_chain_find(&chain, &file->tensors, NULL);
    if (!status) status = clb_chain_net(&chain, &file->tensors, NULL, &made, NULL);
    if (!status) EQUAL(made.P, sizeof theta / sizeof theta[0]);
    if (!status) status = clb_chain_theta(&chain, &file->tensors, &file->tensors, theta, NULL);
    clb_net_free(&made);
    clb_chain_free(&chain);
    return status;
}

static void t_weight_files(void)
{
    static char first[] = "0.weight", second[] = "2.weight";
    static double x[6] = { 1, 2, 3, 4, 5, 6 };
    static weight_file file;
    clb_tensor item[2] = { { first, { 2, { 3, 2 }, 6, x }, 53 },
                           { second, { 2, { 2, 3 }, 6, x }, 53 } };
    build();
    file.tensors.count = 2, file.tensors.item = item;
    snprintf(file.path, sizeof file.path, "%sweights.npz", prefix);
    ALLOC_SWEEP(call_npz_write, &file);
    ALLOC_SWEEP(call_npz_save, &file);
    ALLOC_SWEEP(call_npz_read, &file);
    ALLOC_SWEEP(call_tensors_read, &file);
    ALLOC_SWEEP(call_tensors_load, &file);
    ALLOC_SWEEP(call_safetensors, NULL);
    ALLOC_SWEEP(call_chain, &file);
    remove(file.path);
}

/* ---- statistics, pathways
 * ----------------------------------------------------------------------- */

static double first_index(void *context, size_t n, const uint32_t *index)
{
    (void)context;
    return (double)index[0] / (double)n;
}

static const double eight[8] = { 1, 2, 4, 8, 16, 32, 64, 128 };

static clb_status call_bootstrap(void *context)
{
    clb_interval out;
    (void)context;
    return clb_bootstrap(8, first_index, NULL, NULL, &out);
}

static clb_status call_bootstrap_mean(void *context)
{
    clb_interval out;
    (void)context;
    return clb_bootstrap_mean(8, eight, NULL, &out);
}

static clb_status call_bootstrap_sweep(void *context)
{
    clb_sweep sweep = CLB_ZERO;
    clb_interval alpha, slope[3];
    (void)context;
    sweep.seeds = 2, sweep.n = 4, sweep.x = eight, sweep.y = eight;
    return clb_bootstrap_sweep(&sweep, NULL, &alpha, slope);
}

static void t_statistics(void)
{
    ALLOC_SWEEP(call_bootstrap, NULL);
    ALLOC_SWEEP(call_bootstrap_mean, NULL);
    ALLOC_SWEEP(call_bootstrap_sweep, NULL);
}

static const size_t depths[2] = { 3, 3 };
static const double alphas[2] = { 0.2, 0.1 };

static clb_status call_mode(void *context)
{
    clb_path_mode mode;
    clb_status status = clb_path_mode_init(&mode, 2, depths, 1.0, alphas);
    (void)context;
    clb_path_mode_free(&mode);
    return status;
}

static clb_status call_mode_train(void *context)
{
    clb_path_mode_run out;
    return clb_path_mode_train((clb_path_mode *)context, 0.01, 5, NULL, &out);
}

static clb_status call_path_window(void *context)
{
    clb_path_bounds window;
    (void)context;
    return clb_path_window(2, depths, 1.0, &window);
}

static const clb_real target[4] = { 1, 0, 0, 2 };

static clb_status call_paths(void *context)
{
    static clb_real targets[20 * 3];
    clb_data real = data;
    clb_paths paths;
    clb_status status;
    (void)context;
    real.targets = targets;
    status = clb_paths_init(&paths, 2, depths, 4, CLB_RELU, &real);
    if (!status) status = clb_paths_curve(&paths);
    clb_paths_free(&paths);
    return status;
}

static clb_status call_paths_linear(void *context)
{
    clb_paths paths;
    clb_status status = clb_paths_init_linear(&paths, 2, depths, 2, target);
    (void)context;
    clb_paths_free(&paths);
    return status;
}

static void t_pathways(void)
{
    clb_path_mode mode;
    build();
    alloc_reset(0);
    EQUAL(clb_path_mode_init(&mode, 2, depths, 1.0, alphas), CLB_OK);
    ALLOC_SWEEP(call_mode, NULL);
    ALLOC_SWEEP(call_mode_train, &mode);
    ALLOC_SWEEP(call_path_window, NULL);
    ALLOC_SWEEP(call_paths, NULL);
    ALLOC_SWEEP(call_paths_linear, NULL);
    clb_path_mode_free(&mode);
}

/* ---- sizes that no memory holds
 * ------------------------------------------------------------------ */

static double no_statistic(void *context, size_t n, const uint32_t *index)
{
    (void)context, (void)n, (void)index;
    return 0.0;
}

/* Products that overflow, and sizes that do not but could: refused by status before anything is
 * touched. */
static void t_huge(void)
{
    size_t huge[3], T[] = { (size_t)-1, (size_t)-1 / 2, (size_t)-1 / 16, (size_t)1 << 40 },
                    widths[3] = { 4, 0, 3 };
    clb_dense dense;
    clb_linop op;
    clb_rng rng;
    build();
    alloc_reset(0);
    clb_rng_seed(&rng, 1);
    for (size_t k = 0; k < sizeof T / sizeof T[0]; ++k) {
        clb_net made;
        clb_trace trace;
        clb_data set;
        clb_eigs eigs;
        clb_quadrature q;
        clb_interval interval;
        clb_bootstrap_opts bootstrap = CLB_ZERO;
        clb_slq_opts slq = CLB_ZERO;
        clb_lanczos_opts lanczos = CLB_ZERO;
        NOTE("size %lu", (unsigned long)T[k]);
        huge[0] = huge[1] = huge[2] = T[k], widths[1] = T[k];
        CHECK(clb_net_alloc(&made, huge, 3, NULL) == CLB_ESIZE);
        CHECK(clb_net_alloc(&made, widths, 3, NULL) != CLB_OK && !made.theta && !made.m);
        CHECK(clb_train(&net, &data, 0.1, T[k], NULL, &trace) != CLB_OK && !trace.arena);
        CHECK(clb_data_mixture(&set, &rng, 4, T[k], 2, 1.0) != CLB_OK && !set.X);
        CHECK(clb_data_mixture(&set, &rng, T[k], 4, 2, 1.0) == CLB_ESIZE);
        CHECK(clb_eigh_bytes(T[k], 1) == 0 || k == 3);
        dense.n = dense.lda = T[k], dense.A = matrix;
        op = clb_dense_op(&dense);
        CHECK(clb_lanczos(&op, 2, &lanczos, &eigs) != CLB_OK && !eigs.arena);
        CHECK(clb_slq(&op, &rng, &slq, &q) != CLB_OK && !q.arena);
        bootstrap.resamples = T[k];
        CHECK(clb_bootstrap(8, no_statistic, NULL, &bootstrap, &interval) != CLB_OK
              && interval.value != interval.value);
        CHECK(clb_bootstrap(T[k], no_statistic, NULL, NULL, &interval) != CLB_OK);
    }
}

/* ---- nothing forgotten, nothing left
 * ------------------------------------------------------------ */

/* ---- the queries: what a call really holds at most, byte for byte --------------------------- */

static clb_verdict look(void *context, const clb_state *state)
{
    (void)context, (void)state;
    return CLB_CONTINUE;
}

static void check_train_bytes(const clb_net *start, double ce, size_t batch, int observed)
{
    clb_train_opts opts = CLB_ZERO;
    clb_observer observer = CLB_ZERO;
    clb_early_stop early = CLB_ZERO;
    clb_rng rng;
    clb_net own;
    clb_trace trace;
    size_t before;
    clb_rng_seed(&rng, 3);
    early.data = &data;
    observer.call = look;
    opts.ce = ce, opts.batch = batch, opts.batch_rng = &rng;
    opts.observers = &observer, opts.observer_count = observed ? 1 : 0;
    EQUAL(clb_net_copy(&own, start), CLB_OK);
    for (int k = 0; k < 4 * (int)CLB_OPTIMIZER_COUNT; ++k) {
        const int with_trace = k % 4 > 0;
        clb_train_state state;
        opts.optimizer = (clb_optimizer)(k / 4), opts.neurons = k % 4 > 1;
        opts.early = k % 4 > 2 ? &early : NULL, opts.state = k % 4 > 2 ? &state : NULL;
        NOTE("optimizer %d, case %d", k / 4, k % 4);
        EQUAL(clb_train_state_init(&state, start, &data, &opts), CLB_OK);
        alloc_reset(0), before = alloc_bytes;
        EQUAL(clb_train(&own, &data, 0.01, 7, &opts, with_trace ? &trace : NULL), CLB_OK);
        EQUAL(alloc_peak - before, clb_train_bytes(start, &data, 7, &opts, with_trace));
        if (with_trace) clb_trace_free(&trace);
        clb_train_state_free(&state);
    }
    clb_net_free(&own);
}

/* Wide enough for threads to pay. */
static void check_threaded_bytes(size_t batch, int observed)
{
    static const size_t widths[3] = { 4, 8000, 3 };
    clb_train_opts opts = CLB_ZERO;
    clb_observer observer = CLB_ZERO;
    clb_rng rng;
    clb_net wide;
    size_t before;
    clb_rng_seed(&rng, 3);
    observer.call = look;
    opts.batch = batch, opts.batch_rng = &rng, opts.threads.count = 3;
    opts.observers = &observer, opts.observer_count = observed ? 1 : 0;
    EQUAL(clb_net_init(&wide, widths, 3, NULL, &rng), CLB_OK);
    alloc_reset(0), before = alloc_bytes;
    EQUAL(clb_train(&wide, &data, 0.01, 2, &opts, NULL), CLB_OK);
    EQUAL(alloc_peak - before, clb_train_bytes(&wide, &data, 2, &opts, 0));
    clb_net_free(&wide);
}

static void check_operator_bytes(clb_curv *at)
{
    clb_linop op = clb_hessian_op(at);
    clb_real *H = (clb_real *)malloc(2 * op.n * op.n * sizeof *H);
    double *values = (double *)malloc(op.n * sizeof *values);
    size_t before = alloc_bytes;
    clb_eigs eigs;
    if (!H || !values) exit(5);
    alloc_reset(0);
    EQUAL(clb_hessian(at, H, op.n), CLB_OK);
    EQUAL(alloc_peak - before, clb_hessian_bytes(at));
    for (int vectors = 0; vectors < 2; ++vectors) {
        alloc_reset(0);
        EQUAL(clb_eigh(op.n, H, op.n, values, vectors ? H + op.n * op.n : NULL), CLB_OK);
        EQUAL(alloc_peak - before, clb_eigh_bytes(op.n, vectors));
    }
    alloc_reset(0);
    EQUAL(clb_gauss_newton(at, H, op.n), CLB_OK);
    EQUAL(alloc_peak - before, clb_gauss_newton_bytes(at));
    for (size_t k = 1; k < 4; ++k) {
        clb_lanczos_opts opts = CLB_ZERO;
        opts.which = (clb_which)(k - 1);
        alloc_reset(0);
        EQUAL(clb_lanczos(&op, k, &opts, &eigs), CLB_OK);
        EQUAL(alloc_peak - before, clb_lanczos_bytes(&op, k, &opts));
        clb_eigs_free(&eigs);
    }
    free(H), free(values);
}

static void t_threaded_queries(void)
{
    build();
    for (int k = 0; k < 4; ++k) check_threaded_bytes(k & 1 ? 19 : 0, k & 2);
}

static void t_queries(void)
{
    const clb_net *const nets[3] = { &net, &biased, &identity };
    build();
    for (int i = 0; i < 3; ++i) {
        clb_net copy;
        clb_pass own;
        clb_curv at;
        size_t before = alloc_bytes;
        alloc_reset(0);
        EQUAL(clb_net_copy(&copy, nets[i]), CLB_OK);
        EQUAL(alloc_bytes - before, clb_net_bytes(&copy));
        before = alloc_bytes;
        EQUAL(clb_pass_init(&own, &copy, &data, CLB_CE), CLB_OK);
        EQUAL(alloc_bytes - before, clb_pass_bytes(&copy, &data));
        before = alloc_bytes;
        EQUAL(clb_curv_init(&at, &own), CLB_OK);
        EQUAL(alloc_bytes - before, clb_curv_bytes(&own));
        clb_curv_free(&at), clb_pass_free(&own), clb_net_free(&copy);
        for (int k = 0; k < 8; ++k)
            check_train_bytes(nets[i], k & 1 ? CLB_CE : CLB_MSE, k & 2 ? 5 : 0, k & 4);
    }
    check_operator_bytes(&curv);
    check_operator_bytes(&deep_curv);
}

/* Return clb_status and allocate nothing. */
static const char *const without_allocation[] = {
    "clb_trace_csv_save", "clb_isa_set", "clb_npy_write", "clb_npy_fwrite", "clb_path_check",
    "clb_path_step_check", "clb_path_spectrum", "clb_path_optimum", "clb_path_leaf_endpoint",
    "clb_path_cycle_predict", "clb_path_central_pair", "clb_path_chain_peak",
    "clb_path_worst_return", "clb_path_rank_window", "clb_paths_train",
    "clb_pass_check", "clb_scaler_apply", "clb_scaler_fold", "clb_npy_save", "clb_npy_save_f64",
    "clb_isa_wish", "clb_selftest", "clb_complementarity",
};

/* In a sweep of another test, where there are files or runs to call them with. */
static const char *const swept_elsewhere[] = {
    "clb_torch_read",        /* t_weights.c */
    "clb_audit_run",         /* t_audit.c; it calls the next three */
    "clb_auditor_init", "clb_auditor_add", "clb_auditor_verdict",
};

static void t_coverage(void)
{
    static const char head[] = "\nCLBDEF clb_status";
    char *header = text_of("clb.h"), *source = text_of("tests/t_alloc.c"), *at = header;
    int seen = 0;
    if (!header || !source) {
        printf("(not run from the root of the sources: coverage not checked)\n");
        CHECK(!header || !source);
        return;
    }
    while ((at = strstr(at, head)) != NULL) {
        char name[64];
        int named = 0;
        at += sizeof head - 1;
        if (sscanf(at, " %50[a-z0-9_](", name) != 1) continue;
        for (size_t i = 0; i < sizeof without_allocation / sizeof without_allocation[0]; ++i)
            named |= !strcmp(name, without_allocation[i]);
        for (size_t i = 0; i < sizeof swept_elsewhere / sizeof swept_elsewhere[0]; ++i)
            named |= !strcmp(name, swept_elsewhere[i]);
        NOTE("%s is not in tests/t_alloc.c", name);
        strcat(name, "(");
        CHECK(named || strstr(source, name));
        ++seen;
    }
    CHECK(seen > 50);
    free(header);
    free(source);
}

static void t_nothing_left(void)
{
    if (data.n) {
        clb_curv_free(&deep_curv);
        clb_curv_free(&curv);
        clb_pass_free(&deep_pass);
        clb_pass_free(&pass);
        clb_net_free(&biased), clb_net_free(&identity);
        clb_net_free(&net);
        clb_data_free(&data);
    }
    EQUAL(alloc_live, 0);
}

static const test_case tests[] = { TEST(t_data_sets),   TEST(t_files),   TEST(t_nets),
                                   TEST(t_flow),        TEST(t_problem), TEST(t_curvature),
                                   TEST(t_eigen),       TEST(t_theory),  TEST(t_statistics),
                                   TEST(t_pathways),    TEST(t_huge),    TEST(t_queries),
                                   TEST(t_edge),        TEST(t_weight_files),
                                   TEST(t_coverage),    TEST(t_threaded_queries),
                                   TEST(t_nothing_left) };
TEST_MAIN(tests)
