/* bench_peer.h - the gradient descent step as a good C programmer writes it on a BLAS: products
 * by the library, the rest in loops that the compiler vectorises (this file is compiled with -O3
 * -march=native -ffast-math). Included twice, with REAL, PEER(name), EXP and LOG. */

typedef void (*PEER(gemm))(char form, size_t M, size_t N, size_t K, const REAL *A, const REAL *B,
                           REAL *C);
typedef struct PEER(net) {
    bench_net_spec s;
    PEER(gemm)     gemm;
    const REAL    *X;
    const int     *y;
    size_t         width[32];
    REAL          *W[32], *G[32], *a[32], *u[32];   /* layers 1..L                       */
    double         norm[32], loss;
} PEER(net);

static void PEER(output)(PEER(net) *p)
{
    size_t n = p->s.n, K = p->s.K, L = p->s.L;
    REAL *f = p->a[L], *u = p->u[L];
    double loss = 0;
    if (p->s.ce == 0) {
        for (size_t i = 0; i < n * K; ++i) u[i] = f[i];
        for (size_t i = 0; i < n; ++i) u[i * K + (size_t)p->y[i]] -= 1;
        for (size_t i = 0; i < n * K; ++i) loss += (double)(u[i] * u[i]);
        for (size_t i = 0; i < n * K; ++i) u[i] *= (REAL)(2.0 / (double)(n * K));
        p->loss = loss / (double)(n * K);
        return;
    }
    for (size_t i = 0; i < n; ++i) {
        REAL top = f[i * K];
        for (size_t k = 1; k < K; ++k) top = f[i * K + k] > top ? f[i * K + k] : top;
        for (size_t k = 0; k < K; ++k) f[i * K + k] -= top;
    }
    for (size_t i = 0; i < n * K; ++i) u[i] = EXP(f[i]);
    for (size_t i = 0; i < n; ++i) {
        REAL sum = 0, scale;
        for (size_t k = 0; k < K; ++k) sum += u[i * K + k];
        scale = 1 / (sum * (REAL)n);
        loss += (double)(LOG(sum) - f[i * K + (size_t)p->y[i]]);
        for (size_t k = 0; k < K; ++k) u[i * K + k] *= scale;
        u[i * K + (size_t)p->y[i]] -= 1 / (REAL)n;
    }
    p->loss = loss / (double)n;
}

static void PEER(step)(PEER(net) *p, double eta)
{
    size_t n = p->s.n, L = p->s.L;
    for (size_t l = 1; l <= L; ++l) {
        p->gemm('t', n, p->width[l], p->width[l - 1], p->a[l - 1], p->W[l], p->a[l]);
        if (l < L && !p->s.linear)
            for (size_t i = 0; i < n * p->width[l]; ++i)
                p->a[l][i] = p->a[l][i] > 0 ? p->a[l][i] : 0;
    }
    PEER(output)(p);
    for (size_t l = L; l >= 1; --l) {
        p->gemm('a', p->width[l], p->width[l - 1], n, p->u[l], p->a[l - 1], p->G[l]);
        if (l == 1) break;
        p->gemm('n', n, p->width[l - 1], p->width[l], p->u[l], p->W[l], p->u[l - 1]);
        if (!p->s.linear)
            for (size_t i = 0; i < n * p->width[l - 1]; ++i)
                p->u[l - 1][i] = p->a[l - 1][i] > 0 ? p->u[l - 1][i] : 0;
    }
    for (size_t l = 1; l <= L; ++l) {
        REAL sum = 0;
        for (size_t i = 0; i < p->width[l] * p->width[l - 1]; ++i) {
            sum += p->G[l][i] * p->G[l][i];
            p->W[l][i] -= (REAL)eta * p->G[l][i];
        }
        p->norm[l] = (double)sum;
    }
}

static REAL *PEER(block)(size_t count)
{
    void *p = NULL;
    if (posix_memalign(&p, 64, count * sizeof(REAL))) exit(5);
    memset(p, 0, count * sizeof(REAL));
    return (REAL *)p;
}

static PEER(net) *PEER(new)(const bench_net_spec *s, PEER(gemm) gemm, const void *X, const int *y,
                            const void *theta)
{
    PEER(net) *p = (PEER(net) *)calloc(1, sizeof *p);
    REAL *copy = PEER(block)(s->n * s->d);
    const REAL *at = (const REAL *)theta;
    memcpy(copy, X, s->n * s->d * sizeof(REAL));
    p->s = *s, p->gemm = gemm, p->y = y, p->X = p->a[0] = copy;
    p->width[0] = s->d;
    for (size_t l = 1; l <= s->L; ++l) {
        size_t size;
        p->width[l] = l < s->L ? s->m : s->K;
        size = p->width[l] * p->width[l - 1];
        p->W[l] = PEER(block)(size), p->G[l] = PEER(block)(size);
        memcpy(p->W[l], at, size * sizeof(REAL));
        at += size;
        p->a[l] = PEER(block)(s->n * p->width[l]), p->u[l] = PEER(block)(s->n * p->width[l]);
    }
    return p;
}
