/* bench_part.c - clb behind the table of bench.h, in one precision. See bench.c. */
#undef CLB_DECLARATIONS_ONLY           /* an implementation of its own */
#include "bench.h"
#define CLB_STATIC
#define CLB_IMPLEMENTATION
#include "../clb.h"

typedef struct part_net {
    clb_net        net;
    clb_data       data;
    clb_pass       pass;
    clb_curv       curv;
    clb_train_opts opts;
    clb_real      *v, *y, *H;
} part_net;

static const char *part_isa(const char *name)
{
    static const clb_isa order[] = { CLB_ISA_AVX512, CLB_ISA_AVX2, CLB_ISA_NEON, CLB_ISA_SCALAR };
    for (int i = 0; i < 4; ++i)
        if ((!name || !strcmp(name, clb_isa_name(order[i]))) && clb_isa_set(order[i]) == CLB_OK)
            return clb_isa_name(order[i]);
    return NULL;
}

static void part_matmul(char form, size_t M, size_t N, size_t K, const void *A, const void *B,
                        void *C)
{
    if (form == 'n')
        clb_matmul_nn(M, N, K, (const clb_real *)A, K, (const clb_real *)B, N, (clb_real *)C, N);
    else if (form == 't')
        clb_matmul_nt(M, N, K, (const clb_real *)A, K, (const clb_real *)B, K, (clb_real *)C, N);
    else clb_matmul_tn(M, N, K, (const clb_real *)A, M, (const clb_real *)B, N, (clb_real *)C, N);
}

static void part_net_free(void *context)
{
    part_net *p = (part_net *)context;
    clb_curv_free(&p->curv);
    clb_pass_free(&p->pass);
    clb_net_free(&p->net);
    clb_data_free(&p->data);
    free(p->v), free(p->H), free(p);
}

static void *part_net_new(const bench_net_spec *spec)
{
    part_net *p = (part_net *)calloc(1, sizeof *p);
    clb_net_opts options = CLB_ZERO;
    clb_rng rng;
    size_t widths[32];
    if (!p || spec->L > 31) die("out of memory");
    for (size_t l = 1; l < spec->L; ++l) widths[l] = spec->m;
    widths[0] = spec->d, widths[spec->L] = spec->K;
    options.activation = spec->linear ? CLB_IDENTITY : CLB_RELU;
    clb_rng_seed(&rng, 42);
    if (clb_data_mixture(&p->data, &rng, spec->n, spec->d, spec->K, 2.0)) die("data");
    if (clb_net_init(&p->net, widths, spec->L + 1, &options, &rng)) die("network");
    if (clb_pass_init(&p->pass, &p->net, &p->data, spec->ce)) die("pass");
    if (clb_curv_init(&p->curv, &p->pass)) die("curvature");
    p->opts.ce = spec->ce;
    p->v = (clb_real *)malloc(2 * p->net.P * sizeof *p->v);
    if (!p->v) die("out of memory");
    p->y = p->v + p->net.P;
    clb_rng_normal(&rng, p->net.P, p->v);
    clb_curv_at(&p->curv, NULL);
    return p;
}

static void part_net_data(void *context, const void **X, const int **y, const void **theta)
{
    part_net *p = (part_net *)context;
    *X = p->data.X, *y = p->data.y, *theta = p->net.theta;
}

static void part_net_steps(void *context, size_t T)
{
    part_net *p = (part_net *)context;
    if (clb_train(&p->net, &p->data, 1e-3, T, &p->opts, NULL)) die("training");
}

static void part_net_hvp(void *context, long count)
{
    part_net *p = (part_net *)context;
    while (count-- > 0) clb_hvp(&p->curv, p->v, p->y);
}

static void part_net_hessian(void *context)
{
    part_net *p = (part_net *)context;
    if (!p->H) p->H = (clb_real *)malloc(p->net.P * p->net.P * sizeof *p->H);
    if (!p->H || clb_hessian(&p->curv, p->H, p->net.P)) die("Hessian");
}

static void part_net_sharpness(void *context)
{
    double largest;
    if (clb_sharpness(&((part_net *)context)->curv, NULL, &largest, NULL)) die("sharpness");
}

static size_t part_net_size(void *context)
{
    return ((part_net *)context)->net.P;
}

static int part_eigh(size_t n, const void *A, void *work, const void *g, double *values,
                     void *vectors)
{
    memcpy(work, A, n * n * sizeof(clb_real));
    if (!g) return (int)clb_eigh(n, (clb_real *)work, n, values, (clb_real *)vectors);
    return (int)clb_eigh_project(n, (clb_real *)work, n, (const clb_real *)g, values, values + n);
}

static int part_lanczos(size_t n, const void *A, size_t k, int check, double *values)
{
    clb_lanczos_opts opts = CLB_ZERO;
    clb_dense dense;
    clb_linop op;
    clb_eigs eigs;
    clb_status status;
    dense.n = dense.lda = n, dense.A = (const clb_real *)A;
    op = clb_dense_op(&dense);
    opts.no_check = !check;
    status = clb_lanczos(&op, k, &opts, &eigs);
    for (size_t i = 0; i < eigs.count; ++i) values[i] = eigs.value[i];
    clb_eigs_free(&eigs);
    return (int)status;
}

#ifdef CLB_SINGLE
#define PART bench_single
#else
#define PART bench_double
#endif
const bench_part PART = {
    CLB_PRECISION, sizeof(clb_real), clb_build_info, part_isa, part_matmul, part_net_new,
    part_net_free, part_net_data, part_net_steps, part_net_hvp, part_net_hessian,
    part_net_sharpness, part_net_size, part_eigh, part_lanczos
};
