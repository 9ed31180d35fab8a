/* The life of an object (manual 3): a struct of zeros may be freed, and freed again; a call that
 * fails leaves zeros; what is not owned is not freed; nothing stays allocated.
 *   cc -std=c99 -O2 -o t_objects tests/t_objects.c -lm && ./t_objects */
#define CLB_IMPLEMENTATION
#include "failing_alloc.h"
#include "../clb.h"
#include "private.h"
#include "test.h"

static int all_zero(const void *object, size_t size)
{
    const unsigned char *byte = (const unsigned char *)object;
    for (size_t i = 0; i < size; ++i) if (byte[i]) return 0;
    return 1;
}

/* Every type that has a function to free it. */
#define OBJECTS(X)                                                                               \
    X(data) X(scaler) X(array) X(net) X(pass) X(curv) X(block) X(train_state) X(trace) X(watch)  \
    X(eigs) X(quadrature) X(spectrum) X(linear_modes) X(path_mode) X(paths) X(rod) X(edge)       \
    X(precond) X(certificate) X(central) X(tensors) X(audit) X(auditor) X(chain)

static void t_free_zeros(void)
{
#define FREE_ZEROS(type)                                                                         \
    {                                                                                            \
        clb_##type object;                                                                       \
        NOTE("clb_" #type "_free");                                                              \
        memset(&object, 0, sizeof object);                                                       \
        clb_##type##_free(&object);                                                              \
        clb_##type##_free(&object);                                                              \
        CHECK(all_zero(&object, sizeof object));                                                 \
    }
    OBJECTS(FREE_ZEROS)
}

/* The list above is that of the header. */
static void t_all_objects(void)
{
    static const char *const listed[] = {
#define NAME(type) "clb_" #type "_free",
        OBJECTS(NAME)
    };
    FILE *file = fopen("clb.h", "r");
    char line[256], word[64];
    size_t found = 0;
    if (!file) file = fopen("../clb.h", "r");
    CHECK(file);
    while (fgets(line, sizeof line, file) && !strstr(line, "CLBI_IMPLEMENTED")) {
        const char *at = strstr(line, "_free(clb_");
        size_t i, known = 0;
        if (strncmp(line, "CLBDEF void", 11) || !at) continue;
        sscanf(strstr(line, " clb_"), " %63[a-z_]", word);
        for (i = 0; i < sizeof listed / sizeof listed[0]; ++i) known += !strcmp(word, listed[i]);
        NOTE("%s", word);
        EQUAL(known, 1);
        ++found;
    }
    fclose(file);
    EQUAL(found, sizeof listed / sizeof listed[0]);
}

/* A net, data that do not fit, and what else a call takes. */
typedef struct parts {
    clb_rng  rng;
    clb_net  net;
    clb_data data, other;
    clb_pass pass;
    clb_curv curv;
} parts;

static void make(parts *p)
{
    const size_t widths[] = { 2, 3, 2 };
    alloc_reset(0);
    memset(p, 0, sizeof *p);
    clb_rng_seed(&p->rng, 4);
    CHECK(clb_net_init(&p->net, widths, 3, NULL, &p->rng) == CLB_OK);
    CHECK(clb_data_mixture(&p->data, &p->rng, 9, 2, 2, 1) == CLB_OK);
    CHECK(clb_data_mixture(&p->other, &p->rng, 9, 3, 2, 1) == CLB_OK);
    CHECK(clb_pass_init(&p->pass, &p->net, &p->data, CLB_MSE) == CLB_OK);
    CHECK(clb_curv_init(&p->curv, &p->pass) == CLB_OK);
    clb_curv_at(&p->curv, NULL);
}

static void drop(parts *p)
{
    clb_curv_free(&p->curv);
    clb_pass_free(&p->pass);
    clb_data_free(&p->data);
    clb_data_free(&p->other);
    clb_net_free(&p->net);
    EQUAL(alloc_live, 0);
}

/* A struct full of rubbish, a call with one wrong argument: the status, and zeros. */
#define FAILS(type, want, call)                                                                  \
    do {                                                                                         \
        clb_##type out;                                                                          \
        NOTE("%s", #call);                                                                       \
        memset(&out, 0xa5, sizeof out);                                                          \
        EQUAL(call, want);                                                                       \
        CHECK(all_zero(&out, sizeof out));                                                       \
        clb_##type##_free(&out);                                                                 \
    } while (0)

static void t_failed_data(void)
{
    clb_data valid, empty = CLB_ZERO;
    parts p;
    make(&p);
    FAILS(data, CLB_EEMPTY, clb_data_mixture(&out, &p.rng, 0, 2, 2, 1));
    FAILS(data, CLB_EEMPTY, clb_data_xor(&out, &p.rng, 0));
    FAILS(data, CLB_EEMPTY, clb_data_spheres(&out, &p.rng, 4, 0, 1, 2));
    FAILS(data, CLB_ESHARE, clb_data_split(&p.data, &p.rng, 1.5, &out, &valid));
    FAILS(data, CLB_ESHARE, clb_data_split(&p.data, &p.rng, 1.5, &valid, &out));
    FAILS(data, CLB_EEMPTY, clb_data_csv(&out, "", 0, NULL, NULL));
    FAILS(array, CLB_EFORMAT, clb_npy_read(&out, "no such file", 12));
    FAILS(scaler, CLB_EEMPTY, clb_scaler_fit(&out, &empty));
    drop(&p);
}

static void t_failed_net(void)
{
    const size_t narrow[] = { 2, 0, 2 };
    clb_net empty = CLB_ZERO;
    parts p;
    make(&p);
    FAILS(net, CLB_ESHAPE, clb_net_alloc(&out, narrow, 3, NULL));
    FAILS(net, CLB_ESHAPE, clb_net_init(&out, narrow, 3, NULL, &p.rng));
    FAILS(net, CLB_EUNSET, clb_net_copy(&out, &empty));
    FAILS(pass, CLB_ESHAPE, clb_pass_init(&out, &p.net, &p.other, CLB_MSE));
    FAILS(pass, CLB_EUNSET, clb_pass_init(&out, &empty, &p.data, CLB_MSE));
    FAILS(block, CLB_ELAYER, clb_block_init(&out, &p.curv, 3, 0));
    drop(&p);
}

/* A training that cannot begin leaves an empty trace; one that diverges, a trace to be freed. */
/* A net of zeros: never a crash or an endless loop, but CLB_EUNSET, or a size of 0. */
static void t_empty_net(void)
{
    clb_net empty = CLB_ZERO;
    clb_watch watch = CLB_ZERO;
    clb_error error;
    clb_train_opts opts = CLB_ZERO;
    double charge = 0;
    parts p;
    make(&p);
    opts.error = &error;
    FAILS(trace, CLB_EUNSET, clb_train(&empty, &p.data, 0.1, 3, NULL, &out));
    FAILS(train_state, CLB_EUNSET, clb_train_state_init(&out, &empty, &p.data, NULL));
    FAILS(linear_modes, CLB_EUNSET, clb_linear_modes_init(&out, &empty, &p.data));
    FAILS(central, CLB_EUNSET, clb_central_init(&out, &empty, &p.data, 0.1, NULL));
    EQUAL(clb_train_watched(&empty, &p.data, 0.1, 3, &opts, &watch), CLB_EUNSET);
    CHECK(all_zero(&watch, sizeof watch));
    EQUAL(error.status, CLB_EUNSET);
    EQUAL(clb_flow(&empty, &p.data, 1, NULL, NULL), CLB_EUNSET);
    EQUAL(clb_rescale(&empty, NULL, NULL, &charge, NULL, NULL), CLB_EUNSET);
    EQUAL(clb_pass_bytes(&empty, &p.data), 0);
    EQUAL(clb_train_bytes(&empty, &p.data, 3, NULL, 1), 0);
    EQUAL(clb_hidden_count(&empty), 0);
    drop(&p);
}

static void t_failed_training(void)
{
    clb_train_opts opts = CLB_ZERO;
    clb_trace trace;
    clb_net empty = CLB_ZERO;
    parts p;
    make(&p);
    FAILS(trace, CLB_ESTEP, clb_train(&p.net, &p.data, -1, 5, NULL, &out));
    FAILS(trace, CLB_ESHAPE, clb_train(&p.net, &p.other, 0.1, 5, NULL, &out));
    FAILS(trace, CLB_EUNSET, clb_train(&empty, &p.data, 0.1, 5, NULL, &out));
    opts.batch = 4;
    FAILS(trace, CLB_EBATCH, clb_train(&p.net, &p.data, 0.1, 5, &opts, &out));
    EQUAL(clb_train(&p.net, &p.data, 1e9, 500, NULL, &trace), CLB_EDIVERGED);
    CHECK(trace.arena && trace.steps < 500);
    clb_trace_free(&trace);
    clb_trace_free(&trace);
    CHECK(all_zero(&trace, sizeof trace));
    drop(&p);
}

static void t_failed_theory(void)
{
    const size_t depth[] = { 1, 2 };
    const double u[] = { 1, 1 };
    const clb_real M[] = { 1 };
    clb_central_opts central = CLB_ZERO;
    clb_dense dense;
    clb_linop op, none;
    parts p;
    make(&p);
    op = clb_hessian_op(&p.curv);
    none = op, none.n = 0;
    dense.n = dense.lda = 1, dense.A = M;
    FAILS(eigs, CLB_ECOUNT, clb_lanczos(&op, 0, NULL, &out));
    FAILS(eigs, CLB_EEMPTY, clb_lanczos(&none, 1, NULL, &out));
    FAILS(quadrature, CLB_ESTART, clb_slq(&op, NULL, NULL, &out));
    FAILS(quadrature, CLB_EEMPTY, clb_slq(&none, &p.rng, NULL, &out));
    FAILS(spectrum, CLB_ELAYER, clb_spectrum_init_ntk(&out, &p.curv, 0));
    FAILS(linear_modes, CLB_EACTIVATION, clb_linear_modes_init(&out, &p.net, &p.data));
    FAILS(path_mode, CLB_EPATHS, clb_path_mode_init(&out, 0, depth, 1, u));
    FAILS(paths, CLB_EPATHS, clb_paths_init_linear(&out, 0, depth, 1, M));
    FAILS(rod, CLB_ESTEP, clb_rod_init(&out, &p.net, &p.data, -1, NULL, NULL));
    FAILS(edge, CLB_ESTEP, clb_edge_predict(&p.net, &p.data, -1, 3, NULL, 0, &out));
    FAILS(central, CLB_ESTEP, clb_central_init(&out, &p.net, &p.data, -1, NULL));
    central.directions = 9;
    FAILS(central, CLB_ECOUNT, clb_central_init(&out, &p.net, &p.data, 1, &central));
    FAILS(certificate, CLB_ECOUNT, clb_certify(&dense, 0, 0, &out));
    FAILS(certificate, CLB_ECOUNT, clb_certify_lower(&op, 0, 0, &out));
    drop(&p);
}

static void t_failed_files(void)
{
    const double *const theta[] = { NULL };
    clb_net empty = CLB_ZERO;
    clb_tensors none = CLB_ZERO;
    FAILS(tensors, CLB_EFORMAT, clb_tensors_read(&out, "no such file", 12, NULL));
    FAILS(tensors, CLB_EIO, clb_tensors_load(&out, "no/such/file", NULL));
    FAILS(net, CLB_EFORMAT, clb_net_read(&out, "no such file", 12, NULL));
    FAILS(net, CLB_EIO, clb_net_load(&out, "no/such/file", NULL));
    FAILS(chain, CLB_EEMPTY, clb_chain_find(&out, &none, NULL));
    FAILS(audit, CLB_ESHAPE, clb_audit_run(&out, &empty, theta, 1, NULL));
    FAILS(auditor, CLB_ESHAPE, clb_auditor_init(&out, &empty, NULL));
    EQUAL(alloc_live, 0);
}

/* A view's arrays, and those of a struct filled in by hand, stay the caller's. */
static void t_not_owned(void)
{
    clb_real X[6] = { 1, 2, 3, 4, 5, 6 };
    int y[3] = { 0, 1, 0 };
    clb_data data = CLB_ZERO;
    data.n = 3, data.d = 2, data.K = 2, data.X = X, data.y = y;
    clb_data_free(&data);
    CHECK(all_zero(&data, sizeof data) && X[5] == 6 && y[1] == 1);
    data = clb_data_view(3, 2, 2, X, y);
    CHECK(data.X == X && data.y == y && !data.owned);
    clb_data_free(&data);
    CHECK(all_zero(&data, sizeof data) && X[0] == 1);
    EQUAL(alloc_live, 0);
}

/* Arrays of one allocation begin on cache lines, whatever their sizes, a line or more apart. That the
 * address sanitizer sees an access between them, tests/build.sh sanitize tells. */
static void t_rooms(void)
{
    for (size_t size = 1; size < 300; ++size) {
        size_t apart = test_room(size, 0);
        NOTE("%lu bytes", (unsigned long)size);
        CHECK(apart % 64 == 0 && apart >= size + 64 && apart < size + 128);
    }
    EQUAL(test_room((size_t)-1, 0), 0);
    EQUAL(test_room((size_t)-1 - 100, 0), 0);        /* fits a size_t, the gap behind it does not */
    EQUAL(test_room((size_t)-1 / 4, 0), 0);
    EQUAL(alloc_live, 0);
}

static const test_case tests[] = {
    TEST(t_free_zeros), TEST(t_all_objects), TEST(t_failed_data), TEST(t_failed_net),
    TEST(t_empty_net),
    TEST(t_failed_training), TEST(t_failed_theory), TEST(t_failed_files), TEST(t_not_owned),
    TEST(t_rooms)
};
TEST_MAIN(tests)
