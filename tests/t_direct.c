/* Functions that other tests reach only by way of others, each against its definition. */
#define CLB_IMPLEMENTATION
#include "../clb.h"
#include "private.h"
#include "../examples/kit/paper.h"
#include "test.h"
#include "fixture.h"

/* Four pathways of different depth with signals 1/16, 1/4, 1/2, 9: sums, shares and sharpness are
 * short fractions. */
static void t_path_mode(void)
{
    const size_t depth[] = { 4, 2, 1, 2 };
    const double u[] = { 0.5, 0.5, 0.5, 3 }, zero[] = { 0, 0, 0, 0 };
    clb_path_mode mode;
    EQUAL(clb_path_mode_init(&mode, 4, depth, 2.0, zero), CLB_OK);
    memcpy(mode.u, u, sizeof u);
    NEAR(clb_path_mode_sum(&mode), 9.8125, 0);
    NEAR(clb_path_mode_sum(&mode) - 2, clb_path_mode_residual(&mode), 0);
    NEAR(clb_path_mode_share(&mode), 9 / 9.8125, 1e-16);
    NEAR(clb_path_mode_sharpness(&mode), 4 / 64.0 + 2 / 4.0 + 1 + 2 * 9, 1e-15);
    {
        double s[] = { 0.0625, 0.25, 0.5, 9 };
        NEAR_REL(clb_path_mode_gap(&mode), clb_std_pop(4, s) / 0.5, 1e-15);
    }
    mode.u[3] = 0.5;                                       /* the largest is now the third */
    NEAR(clb_path_mode_share(&mode), 0.5 / 1.0625, 1e-16);
    clb_path_mode_free(&mode);
}

/* lambda_ij is the quotient of differences sum_p (u_i^2L - u_j^2L)/(u_i^2 - u_j^2), and at i = j the
 * sharpness of the mode. */
static void t_path_pair(void)
{
    const size_t depth[] = { 3, 5, 1 };
    const double a[] = { 0.9, 1.1, 0.3 }, b[] = { 0.4, 0.7, 1.2 };
    double want = 0, own = 0;
    for (size_t p = 0; p < 3; ++p) {
        double L = (double)depth[p];
        want += (pow(a[p], 2 * L) - pow(b[p], 2 * L)) / (a[p] * a[p] - b[p] * b[p]);
        own += L * pow(a[p], 2 * L - 2);
    }
    NEAR_REL(clb_path_pair(3, depth, a, b), want, 1e-14);
    NEAR_REL(clb_path_pair(3, depth, b, a), want, 1e-14);
    NEAR_REL(clb_path_pair(3, depth, a, a), own, 1e-14);
}

/* The operator of a multi-pathway net is its Hessian; a coefficient is one of all of them. */
static void t_paths(void)
{
    const size_t depth[] = { 2, 3 };
    const clb_real M[] = { 1, (clb_real)0.5, 0, (clb_real)-0.25 };
    const double A[] = { 1, 0.5, -1, 2 }, B[] = { 0.3, 1, 1, -1 };
    double C[4];
    clb_real v[64], y[64], *H;
    clb_rng rng;
    clb_linop op;
    clb_paths paths;
    EQUAL(clb_paths_init_linear(&paths, 2, depth, 2, M), CLB_OK);
    CHECK(paths.P == 20);
    clb_rng_seed(&rng, 3);
    clb_rng_normal(&rng, paths.P, paths.theta);
    EQUAL(clb_paths_curve(&paths), CLB_OK);
    op = clb_paths_op(&paths);
    CHECK(op.n == paths.P);
    H = (clb_real *)malloc(paths.P * paths.P * sizeof *H);
    clb_paths_hessian(&paths, H);
    clb_rng_normal(&rng, paths.P, v);
    op.apply(op.context, v, y);
    for (size_t i = 0; i < paths.P; ++i)
        NEAR(y[i], clb_dot(paths.P, H + i * paths.P, v), TOL(1e-12, 1e-3));
    for (size_t p = 0; p < 2; ++p) {
        clb_paths_coefficients(&paths, p, 2, A, B, C);
        for (size_t i = 0; i < 4; ++i) {
            double a[2], b[2];
            a[0] = A[i / 2], a[1] = A[2 + i / 2], b[0] = B[i % 2], b[1] = B[2 + i % 2];
            NEAR(clb_paths_coefficient(&paths, p, a, b), C[i], TOL(1e-14, 1e-5));
        }
    }
    free(H);
    clb_paths_free(&paths);
}

/* Operators against the products they stand for, from Jacobian products alone: with cross entropy
 * S_i = (diag p - p p^T)/n by its definition. */
static void t_curvature_operators(void)
{
    const size_t widths[] = { 3, 4, 3 };
    clb_real v[64], y[64], z[64], q[8 * 3];
    clb_linop jtj, gn;
    test_problem s;
    memset(&s, 0, sizeof s);
    clb_rng_seed(&s.rng, 2);
    CHECK(clb_net_init(&s.net, widths, 3, NULL, &s.rng) == CLB_OK);
    CHECK(clb_data_mixture(&s.data, &s.rng, 8, 3, 3, 1) == CLB_OK);
    problem_ready(&s, CLB_CE);
    clb_rng_normal(&s.rng, s.net.P, v);
    jtj = clb_jtj_op(&s.curv), gn = clb_gauss_newton_op(&s.curv);
    CHECK(jtj.n == s.net.P && gn.n == s.net.P);
    memcpy(q, clb_jvp(&s.curv, v), sizeof q);
    for (size_t i = 0; i < 24; ++i) z[i] = q[i] / 8;
    clb_vjp(&s.curv, z, y);
    jtj.apply(jtj.context, v, z);
    for (size_t i = 0; i < s.net.P; ++i) NEAR(z[i], y[i], TOL(1e-13, 1e-5));
    for (size_t i = 0; i < 8; ++i) {
        const clb_real *p = s.pass.p + 3 * i;
        clb_real mean = p[0] * q[3 * i] + p[1] * q[3 * i + 1] + p[2] * q[3 * i + 2];
        for (size_t k = 0; k < 3; ++k) z[3 * i + k] = p[k] * (q[3 * i + k] - mean) / 8;
    }
    clb_vjp(&s.curv, z, y);
    gn.apply(gn.context, v, z);
    for (size_t i = 0; i < s.net.P; ++i) NEAR(z[i], y[i], TOL(1e-13, 1e-5));
    problem_close(&s);
}

static void t_net(void)
{
    const size_t widths[] = { 3, 5, 2 };
    clb_net_opts o = CLB_ZERO;
    clb_net net, again;
    clb_rng rng;
    double sum = 0;
    o.bias = 1;
    clb_rng_seed(&rng, 9);
    CHECK(clb_net_init(&net, widths, 3, &o, &rng) == CLB_OK);
    CHECK(clb_net_alloc(&again, widths, 3, &o) == CLB_OK);
    clb_rng_seed(&rng, 9);
    clb_net_draw(&again, &rng);                             /* the draws of clb_net_init */
    for (size_t i = 0; i < net.P; ++i) SAME_BITS(again.theta[i], net.theta[i]);
    for (size_t i = 0; i < 5; ++i) {
        double b = (double)net.theta[net.b[1] + i];
        sum += b * b;
    }
    NEAR_REL(clb_bias_sumsq(&net, net.theta, 1), sum, 1e-14);
    CHECK(sum > 0 && clb_bias_sumsq(&net, net.theta, 2) == 0);
    clb_net_free(&net);
    clb_net_free(&again);
}

static void t_defaults(void)
{
    paper_opts o = CLB_ZERO;
    paper_problem problem;
    paper_opts_resolve(&o);
    CHECK(o.n == 200 && o.d == 20 && o.K == 5 && o.m == 64 && o.L == 2 && o.separation == 2);
    CHECK(o.test_n == 50);
    CHECK(paper_problem_draw(&problem, NULL, 1, CLB_NORMAL_EXACT) == CLB_OK);
    CHECK(problem.data.n == o.n && problem.net.P == o.m * (o.d + o.K));
    paper_problem_free(&problem);
    memset(&o, 0, sizeof o);
    o.dataset = PAPER_SPHERES, o.m = 3;
    paper_opts_resolve(&o);
    CHECK(o.d == 10 && o.K == 2 && o.m == 3);
    NEAR(clb_phase(0.25, 8), 1, 0);                          /* the edge of stability: eta = 2/lambda */
    NEAR(clb_phase(0.1, 5), 0.25, 1e-16);
}

/* Means over all seeds, over chosen ones (repeats count), and over those that are finite. */
static void t_sweep(void)
{
    const double nan = (double)NAN, x[] = { 1, 2 }, y[] = { 1, 10, 3, nan, 5, 40 };
    const uint32_t index[] = { 0, 0, 2, 2, 2 };
    double mean[2];
    clb_sweep sweep = CLB_ZERO;
    sweep.seeds = 3, sweep.n = 2, sweep.x = x, sweep.y = y;
    clb_sweep_means(&sweep, NULL, 0, mean);
    CHECK(mean[0] == 3 && isnan(mean[1]));
    clb_sweep_means(&sweep, index, 5, mean);
    CHECK(mean[0] == 17 / 5.0 && mean[1] == 28);
    sweep.survivors = 1;
    clb_sweep_means(&sweep, NULL, 0, mean);
    CHECK(mean[0] == 3 && mean[1] == 25);
}

/* What 0 stands for in the options of a flow and of a rod; what is not 0 stays. */
static void t_resolved(void)
{
    clb_flow_opts flow = CLB_ZERO, midpoint = CLB_ZERO;
    clb_rod_opts rod = CLB_ZERO;
    clb_flow_opts_resolve(&flow, 5);
    CHECK(flow.dt == 1e-3 && flow.rtol == 1e-8 && flow.atol == 1e-10);
    CHECK(flow.dt_min == 1e-12 * 5 && flow.max_steps == 10000000);
    flow.dt = 0.5, flow.rtol = 0.25, flow.atol = 0.125, flow.dt_min = 2, flow.max_steps = 3;
    clb_flow_opts_resolve(&flow, 5);
    CHECK(flow.dt == 0.5 && flow.rtol == 0.25 && flow.atol == 0.125 && flow.dt_min == 2);
    EQUAL(flow.max_steps, 3);
    midpoint.method = CLB_FLOW_MIDPOINT;
    clb_flow_opts_resolve(&midpoint, 1);
    CHECK(midpoint.dt == 0 && midpoint.rtol == 1e-16);      /* fixed steps: dt is asked for */
    clb_rod_opts_resolve(&rod);
    CHECK(rod.beta == 0 && rod.substeps == 4 && rod.tol == 0 && rod.floor == TOL(1e-5, 1e-3));
    rod.optimizer = CLB_NESTEROV, rod.substeps = 7, rod.floor = 0.5;
    clb_rod_opts_resolve(&rod);
    CHECK(rod.beta == 0.9 && rod.substeps == 7 && rod.floor == 0.5);
    rod.beta = 0.3;
    clb_rod_opts_resolve(&rod);
    CHECK(rod.beta == 0.3);
}

/* Every method has a name of its own; what is none is unknown. */
static void t_method_names(void)
{
    for (int i = 0; i < CLB_METHOD_COUNT; ++i)
        for (int j = 0; j < i; ++j)
            CHECK(strcmp(clb_method_name((clb_method)i), clb_method_name((clb_method)j)));
    CHECK(!strcmp(clb_method_name(CLB_METHOD_UNKNOWN), "unknown"));
    CHECK(!strcmp(clb_method_name(CLB_METHOD_COUNT), "unknown"));
    CHECK(!strcmp(clb_method_name(CLB_METHOD_HEAVY_BALL), "heavy ball"));
}

/* A run is its steps. */
static void t_rod_steps(void)
{
    const size_t widths[] = { 3, 4, 2 };
    clb_rod stepped, run;
    clb_net net;
    clb_data data;
    clb_rng rng;
    clb_rng_seed(&rng, 6);
    CHECK(clb_net_init(&net, widths, 3, NULL, &rng) == CLB_OK);
    CHECK(clb_data_mixture(&data, &rng, 12, 3, 2, 1) == CLB_OK);
    CHECK(clb_rod_init(&stepped, &net, &data, 0.3, NULL, NULL) == CLB_OK);
    CHECK(clb_rod_init(&run, &net, &data, 0.3, NULL, NULL) == CLB_OK);
    for (int t = 0; t < 3; ++t) CHECK(clb_rod_step(&stepped) == CLB_OK);
    CHECK(clb_rod_run(&run, 3, NULL, 0) == CLB_OK);
    CHECK(stepped.t == 3 && run.t == 3 && stepped.c[0] != net.theta[0]);
    for (size_t k = 0; k < net.P; ++k) {
        SAME_BITS(run.c[k], stepped.c[k]);
        SAME_BITS(run.d[k], stepped.d[k]);
    }
    clb_rod_free(&run);
    clb_rod_free(&stepped);
    clb_data_free(&data);
    clb_net_free(&net);
}

/* A file of arrays holds the bytes of clb_npz_write. */
static void t_npz_save(void)
{
    static const char path[] = "t_direct.npz";
    unsigned char want[2000], got[2001];
    double x[] = { 1.5, -2, 1e300 };
    char name[] = "x";
    clb_tensor item = CLB_ZERO;
    clb_tensors tensors;
    size_t size;
    FILE *file;
    item.name = name, item.digits = 53, item.array.rank = 1, item.array.shape[0] = 3;
    item.array.count = 3, item.array.x = x;
    tensors.count = 1, tensors.item = &item;
    EQUAL(clb_npz_write(want, sizeof want, &size, &tensors), CLB_OK);
    EQUAL(clb_npz_save(&tensors, path), CLB_OK);
    file = fopen(path, "rb");
    CHECK(file);
    EQUAL(fread(got, 1, sizeof got, file), size);
    fclose(file), remove(path);
    CHECK(!memcmp(got, want, size));
    EQUAL(clb_npz_save(&tensors, "no/such/folder/x.npz"), CLB_EIO);
}

/* A trace saved as arrays: their names, shapes and values. */
static void t_trace_npz(void)
{
    static const char path[] = "t_direct_trace.npz";
    enum { T = 5, L = 3 };
    static const struct { const char *name; size_t rank, rows, columns; } want[] = {
        { "loss", 1, T + 1, 0 }, { "step", 1, T, 0 }, { "g", 2, T, L }, { "gb", 2, T, L },
        { "q", 2, T + 1, L }, { "qb", 2, T + 1, L }, { "upper", 1, L - 1, 0 }, { "lower", 1, L - 1, 0 },
        { "S", 1, L - 1, 0 }, { "predicted", 1, L - 1, 0 }, { "flow", 1, L - 1, 0 },
        { "oscillation", 1, L - 1, 0 }, { "first", 1, L - 1, 0 }, { "second", 1, L - 1, 0 } };
    const size_t widths[] = { 4, 6, 5, 3 };
    clb_rng rng;
    clb_net net;
    clb_data data;
    clb_trace trace;
    clb_tensors back;
    clb_rng_seed(&rng, 3);
    EQUAL(clb_net_init(&net, widths, 4, NULL, &rng), CLB_OK);
    EQUAL(clb_data_mixture(&data, &rng, 20, 4, 3, 2.0), CLB_OK);
    EQUAL(clb_train(&net, &data, 0.1, T, NULL, &trace), CLB_OK);
    EQUAL(clb_trace_npz_save(&trace, path), CLB_OK);
    EQUAL(clb_tensors_load(&back, path, NULL), CLB_OK);
    remove(path);
    EQUAL(back.count, sizeof want / sizeof want[0]);
    for (size_t i = 0; i < back.count; ++i) {
        const clb_array *a = &back.item[i].array;
        NOTE("%s", want[i].name);
        CHECK(!strcmp(back.item[i].name, want[i].name));
        EQUAL(back.item[i].digits, 53);
        EQUAL(a->rank, want[i].rank);
        EQUAL(a->shape[0], want[i].rows);
        if (a->rank == 2) EQUAL(a->shape[1], want[i].columns);
    }
    CHECK(!memcmp(back.item[0].array.x, trace.loss, (T + 1) * sizeof *trace.loss));
    CHECK(!memcmp(back.item[2].array.x, trace.g, T * L * sizeof *trace.g));
    CHECK(!memcmp(back.item[8].array.x, trace.S, (L - 1) * sizeof *trace.S));
    clb_tensors_free(&back);
    clb_trace_free(&trace);
    clb_data_free(&data);
    clb_net_free(&net);
}

/* Sums and products in which a plain dot product loses everything. */
static void t_dot2(void)
{
    const clb_real big = (clb_real)0x1p60, one[] = { 1, 1, 1 };
    clb_real sum[3], x[3], y[3];
    sum[0] = big, sum[1] = 1, sum[2] = -big;
    NEAR(test_dot2(3, sum, one), 1, 0);
    sum[1] = -3;
    NEAR(test_dot2(3, one, sum), -3, 0);
    x[0] = y[0] = (clb_real)(1 + TOL(0x1p-30, 0x1p-20)), x[1] = -1, y[1] = 1;
    x[2] = (clb_real)-TOL(0x1p-29, 0x1p-19), y[2] = 1;
    NEAR(test_dot2(3, x, y) * TOL(0x1p60, 0x1p40), 1, 0);            /* (1 + h)^2 - 1 - 2 h = h^2 */
    NEAR(test_dot2(0, x, y), 0, 0);
}

/* Lengths whose squares overflow or underflow. */
static void t_norm(void)
{
    static const double scales[] = { 1, TOL(1e-300, 1e-36), TOL(1e-200, 1e-30), TOL(1e200, 1e30),
                                     TOL(1e300, 1e36) };
    size_t i;
    for (i = 0; i < sizeof scales / sizeof scales[0]; ++i) {
        clb_real s = (clb_real)scales[i], x[4];
        x[0] = 2 * s, x[1] = -4 * s, x[2] = 5 * s, x[3] = -6 * s;
        NEAR(test_norm(4, x) / (double)s, 9, TOL(1e-15, 1e-6));
        NEAR(test_norm(1, x + 3) / (double)s, 6, TOL(1e-15, 1e-6));
    }
    NEAR(test_norm(0, NULL), 0, 0);
}

static const test_case tests[] = {
    TEST(t_path_mode), TEST(t_path_pair), TEST(t_paths), TEST(t_curvature_operators), TEST(t_net),
    TEST(t_defaults), TEST(t_sweep), TEST(t_resolved), TEST(t_method_names), TEST(t_rod_steps),
    TEST(t_npz_save), TEST(t_trace_npz), TEST(t_dot2), TEST(t_norm)
};
TEST_MAIN(tests)
