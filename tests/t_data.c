/* Data: the generated sets against the published check values and their definitions; the readers
 * on good files,
 * on every named kind of bad file, and on thousands of mutated ones (exact-size buffers, so that a
 * sanitizer
 * sees any byte read past the end; no allocation beyond a multiple of the file's size).
 *   cc -std=c99 -O2 -o t_data tests/t_data.c -lm && ./t_data */
#define CLB_IMPLEMENTATION
#include "failing_alloc.h"
#include "../clb.h"
#include "private.h"
#include "test.h"
#include <float.h>
#include <locale.h>

static int is_zero(const void *p, size_t size)
{
    const unsigned char *b = (const unsigned char *)p;
    for (size_t i = 0; i < size; ++i)
        if (b[i]) return 0;
    return 1;
}
#define EMPTY(object) CHECK(is_zero(&(object), sizeof (object)))

/* ---- generated data ------------------------------------------------------------------------ */

static void t_mixture_published(void)
{
    static const double x[4] = { -1.19489, -1.7059377, 2.355582, 0.12301344 };
    static const double x_test[3] = { -1.9377332, 1.7144619, -0.35537416 };
    static const int y[10] = { 1, 3, 3, 0, 0, 4, 4, 0, 4, 1 },
                     y_test[10] = { 4, 4, 4, 3, 3, 2, 3, 4, 0, 4 };
    for (int mode = 0; mode < 2; ++mode) {
        clb_rng rng;
        clb_data train, test;
        clb_real W[1600];
        double sum = 0.0;
        NOTE("mode %d", mode);
        clb_rng_seed(&rng, 42);
        rng.normal_mode = (clb_normal_mode)mode;
        clb_rng_uniform(&rng, 1280, -1.0 / sqrt(20.0), 1.0 / sqrt(20.0), W);
        clb_rng_uniform(&rng, 320, -1.0 / 8.0, 1.0 / 8.0, W + 1280);
        EQUAL(clb_data_mixture(&train, &rng, 200, 20, 5, 2.0), CLB_OK);
        EQUAL(clb_data_mixture(&test, &rng, 50, 20, 5, 2.0), CLB_OK);
        for (int i = 0; i < 4; ++i) NEAR(train.X[i], x[i], 2e-6);
        for (int i = 0; i < 3; ++i) NEAR(test.X[i], x_test[i], 2e-6);
        for (int i = 0; i < 10; ++i) EQUAL(train.y[i], y[i]);
        for (int i = 0; i < 10; ++i) EQUAL(test.y[i], y_test[i]);
        for (int i = 0; i < 4000; ++i) sum += (double)train.X[i];
        NEAR(sum, -470.084, 2e-6);
        EQUAL(train.n, 200);
        EQUAL(train.d, 20);
        EQUAL(train.K, 5);
        clb_data_free(&train);
        clb_data_free(&test);
        EMPTY(train);
    }
}

/* Far apart, so that geometry shows: radius, noise of variance 1 about one point a class, class
 * sizes. */
static void t_mixture_geometry(void)
{
    enum { N = 1003, D = 7, K = 4 };
    clb_rng rng;
    clb_data data;
    double mean[K][D] = { { 0 } }, noise = 0.0;
    size_t rows[K] = { 0 };
    clb_rng_seed(&rng, 5);
    EQUAL(clb_data_mixture(&data, &rng, N, D, K, 1000.0), CLB_OK);
    for (size_t i = 0; i < N; ++i) {
        ++rows[data.y[i]];
        for (size_t j = 0; j < D; ++j) mean[data.y[i]][j] += (double)data.X[i * D + j];
    }
    for (int k = 0; k < K; ++k) {
        double r = 0.0;
        EQUAL(rows[k], N / K + (k < N % K));
        for (int j = 0; j < D; ++j) {
            mean[k][j] /= (double)rows[k];
            r += mean[k][j] * mean[k][j];
        }
        CHECK(fabs(sqrt(r) - 1000.0 * sqrt((double)D)) < 0.5);
    }
    for (size_t i = 0; i < N; ++i)
        for (size_t j = 0; j < D; ++j) {
            double e = (double)data.X[i * D + j] - mean[data.y[i]][j];
            noise += e * e;
        }
    CHECK(fabs(noise / (N * D) - 1.0) < 4.0 * sqrt(2.0 / (N * D)));
    clb_data_free(&data);
}

static void t_xor(void)
{
    clb_rng a, b;
    clb_data data;
    clb_real x[2 * 301];
    clb_rng_seed(&a, 9);
    b = a;
    EQUAL(clb_data_xor(&data, &a, 301), CLB_OK);
    clb_rng_normal(&b, 602, x);
    for (size_t i = 0; i < 301; ++i) {
        SAME_BITS(data.X[2 * i], x[2 * i]);
        SAME_BITS(data.X[2 * i + 1], x[2 * i + 1]);
        EQUAL(data.y[i], x[2 * i] * x[2 * i + 1] < 0 ? 1 : 0);
    }
    EQUAL(clb_rng_u32(&a), clb_rng_u32(&b));
    clb_data_free(&data);
}

static void t_spheres(void)
{
    enum { N = 401, D = 10 };
    clb_rng rng;
    clb_data data;
    double mean[2] = { 0 };
    size_t rows[2] = { 0 };
    clb_rng_seed(&rng, 11);
    EQUAL(clb_data_spheres(&data, &rng, N, D, 1.0, 2.0), CLB_OK);
    for (size_t i = 0; i < N; ++i) {
        double r = sqrt(clb_sumsq(D, data.X + i * D)), expected = data.y[i] ? 2.0 : 1.0;
        CHECK(fabs(r - expected) < 0.1 * 6.0);
        mean[data.y[i]] += r * r;
        ++rows[data.y[i]];
    }
    EQUAL(rows[0], 200);
    EQUAL(rows[1], 201);
    for (int k = 0; k < 2; ++k) {                      /* E r^2 = radius^2 + d 0.1^2 */
        double radius = k ? 2.0 : 1.0;
        NEAR(mean[k] / (double)rows[k], radius * radius + D * 0.01, 0.03);
    }
    clb_data_free(&data);
}

static void t_generator_errors(void)
{
    clb_rng rng;
    clb_data data;
    size_t huge = (size_t)-1;
    clb_rng_seed(&rng, 1);
    EQUAL(clb_data_mixture(&data, &rng, 0, 3, 2, 1.0), CLB_EEMPTY);
    EMPTY(data);
    EQUAL(clb_data_mixture(&data, &rng, 3, 0, 2, 1.0), CLB_EEMPTY);
    EQUAL(clb_data_mixture(&data, &rng, 3, 3, 0, 1.0), CLB_ECOUNT);
    EQUAL(clb_data_mixture(&data, &rng, 3, 3, huge, 1.0), CLB_ECOUNT);
    EQUAL(clb_data_mixture(&data, &rng, 3, 3, 2, HUGE_VAL), CLB_ESCALE);
    EQUAL(clb_data_mixture(&data, &rng, 3, 3, 2, (double)NAN), CLB_ESCALE);
    EQUAL(clb_data_mixture(&data, &rng, 3, 3, 2, 1e39), CLB_ESCALE);
    EMPTY(data);
    EQUAL(clb_data_mixture(&data, &rng, 3, huge / 2, 2, 1.0), CLB_ESIZE);
    EQUAL(clb_data_mixture(&data, &rng, huge, 1, 2, 1.0), CLB_ESIZE);
    EQUAL(clb_data_mixture(&data, &rng, 1, huge / 16, 1000, 1.0), CLB_ENOMEM);
    EQUAL(clb_data_xor(&data, &rng, 0), CLB_EEMPTY);
    EQUAL(clb_data_xor(&data, &rng, huge), CLB_ESIZE);
    EQUAL(clb_data_spheres(&data, &rng, 0, 2, 1.0, 2.0), CLB_EEMPTY);
    EQUAL(clb_data_spheres(&data, &rng, 2, 2, 1.0, (double)NAN), CLB_ESCALE);
    EMPTY(data);
    /* classes without a row are legal */
    EQUAL(clb_data_mixture(&data, &rng, 2, 3, 5, 1.0), CLB_OK);
    clb_data_free(&data);
    EQUAL(clb_data_spheres(&data, &rng, 1, 2, 1.0, 2.0), CLB_OK);  /* so is an empty inner sphere */
    EQUAL(data.y[0], 1);
    clb_data_free(&data);
    EQUAL(alloc_live, 0);
}

/* ---- NPY ----------------------------------------------------------------------------------- */

/* An NPY file from its dictionary and elements, in a buffer of exactly its size. */
static unsigned char *npy_file(int version, const char *dict, const void *elements, size_t bytes,
                               size_t *size)
{
    size_t field = version == 1 ? 2 : 4, length = strlen(dict);
    unsigned char *p;
    *size = 8 + field + length + bytes;
    p = (unsigned char *)malloc(*size);
    if (!p) exit(5);
    memcpy(p, "\x93NUMPY", 6);
    p[6] = (unsigned char)version;
    p[7] = 0;
    for (size_t i = 0; i < field; ++i) p[8 + i] = (unsigned char)(length >> (8 * i) & 255);
    memcpy(p + 8 + field, dict, length);
    if (bytes) memcpy(p + 8 + field + length, elements, bytes);
    return p;
}

static clb_status read_npy(clb_array *array, int version, const char *dict, const void *elements,
                           size_t bytes)
{
    size_t size;
    unsigned char *p = npy_file(version, dict, elements, bytes, &size);
    clb_status status = clb_npy_read(array, p, size);
    free(p);
    return status;
}

/* Every element type, both byte orders, the three versions: the bytes are written out by hand. */
static void t_npy_types(void)
{
    static const struct {
        const char *type;
        unsigned char big[8];
        double value;
    } cases[] = {
        { "f8", { 0xc0, 0x09, 0x21, 0xfb, 0x54, 0x44, 0x2d, 0x18 }, -3.141592653589793 },
        { "f4", { 0x3d, 0xcc, 0xcc, 0xcd }, 0.10000000149011612 },
        { "i1", { 0xfe }, -2.0 },
        { "u1", { 0xfe }, 254.0 },
        { "i2", { 0x80, 0x00 }, -32768.0 },
        { "u2", { 0x80, 0x01 }, 32769.0 },
        { "i4", { 0xff, 0xff, 0xff, 0xff }, -1.0 },
        { "u4", { 0xff, 0xff, 0xff, 0xff }, 4294967295.0 },
        { "i8", { 0x80, 0, 0, 0, 0, 0, 0, 0 }, -9223372036854775808.0 },
        { "i8", { 0, 0, 0, 0, 0x12, 0x34, 0x56, 0x78 }, 305419896.0 },
        { "u8", { 0x80, 0, 0, 0, 0, 0, 0, 0 }, 9223372036854775808.0 },
        { "b1", { 1 }, 1.0 },
    };
    for (size_t c = 0; c < sizeof cases / sizeof cases[0]; ++c) {
        size_t item = (size_t)(cases[c].type[1] - '0');
        for (int order = 0; order < 3; ++order)
            for (int version = 1; version <= 3; ++version) {
                unsigned char bytes[8];
                char dict[128];
                clb_array a;
                if (order == 2 && item > 1) continue;
                for (size_t i = 0; i < item; ++i)
                    bytes[i] = cases[c].big[order == 0 ? item - 1 - i : i];
                snprintf(dict, sizeof dict,
                         "{'descr': '%c%s', 'fortran_order': False, 'shape': (1,), }  \n",
                         "<>|"[order], cases[c].type);
                NOTE("%s version %d", dict, version);
                EQUAL(read_npy(&a, version, dict, bytes, item), CLB_OK);
                EQUAL(a.rank, 1);
                EQUAL(a.count, 1);
                SAME_BITS(a.x[0], cases[c].value);
                clb_array_free(&a);
                EMPTY(a);
            }
    }
}

/* Element (i, j, k) of shape (2, 3, 4) holds 100 i + 10 j + k, laid out in either order. */
static void t_npy_order(void)
{
    for (int fortran = 0; fortran < 2; ++fortran) {
        unsigned char bytes[24];
        char dict[128];
        clb_array a;
        for (int i = 0; i < 2; ++i)
            for (int j = 0; j < 3; ++j)
                for (int k = 0; k < 4; ++k)
                    bytes[fortran ? i + 2 * (j + 3 * k) : (i * 3 + j) * 4 + k] =
                        (unsigned char)(100 * i + 10 * j + k);
        snprintf(dict, sizeof dict, "{\"shape\":(2,3,4),\"fortran_order\":%s,\"descr\":\"|u1\"}",
                 fortran ? "True" : "False");
        EQUAL(read_npy(&a, 1, dict, bytes, 24), CLB_OK);
        EQUAL(a.rank, 3);
        for (int i = 0; i < 24; ++i) NEAR(a.x[i], 100 * (i / 12) + 10 * (i / 4 % 3) + i % 4, 0);
        clb_array_free(&a);
    }
}

static void t_npy_bad(void)
{
    static const struct { const char *dict; size_t bytes; clb_status expected;
    } cases[] = {
        { "{'descr': '<f8', 'fortran_order': False, 'shape': (2,)}", 16, CLB_OK },
        { "{'descr': '<f8', 'fortran_order': False, 'shape': ()}", 8, CLB_OK },
        { "{'descr': '<f8', 'fortran_order': False, 'shape': (0, 3)}", 0, CLB_OK },
        { "{'descr': '<f8', 'fortran_order': False, 'shape': (2,)}", 15, CLB_ETRUNCATED },
        { "{'descr': '<f8', 'fortran_order': False, 'shape': (2,)}", 17, CLB_EFORMAT },
        { "{'descr': '<f8', 'fortran_order': False, 'shape': (18446744073709551616,)}", 16,
          CLB_ESIZE },
        { "{'descr': '<f8', 'fortran_order': False, 'shape': (4294967296, 4294967296)}", 16,
          CLB_ESIZE },
        { "{'descr': '<f8', 'fortran_order': False, 'shape': (2305843009213693952,)}", 16,
          CLB_ESIZE },
        { "{'descr': '<f8', 'fortran_order': False, 'shape': (1152921504606846976,)}", 16,
          sizeof(size_t) < 8 ? CLB_ESIZE : CLB_ETRUNCATED },
        { "{'descr': '<f8', 'fortran_order': False, 'shape': (1,1,1,1,1,1,1,1,1)}", 8, CLB_ESIZE },
        { "{'descr': '<f8', 'fortran_order': False, 'shape': (-1,)}", 8, CLB_EFORMAT },
        { "{'descr': '<f8', 'fortran_order': False, 'shape': (2)}", 16, CLB_EFORMAT },
        { "{'descr': '<f8', 'fortran_order': False, 'shape': (,)}", 16, CLB_EFORMAT },
        { "{'descr': '<f8', 'fortran_order': False, 'shape': (2,}", 16, CLB_EFORMAT },
        { "{'descr': '<f8', 'fortran_order': False}", 16, CLB_EFORMAT },
        { "{'descr': '<f8', 'shape': (2,)}", 16, CLB_EFORMAT },
        { "{'fortran_order': False, 'shape': (2,)}", 16, CLB_EFORMAT },
        { "{'descr': '<f8', 'descr': '<f8', 'fortran_order': False, 'shape': (2,)}", 16,
          CLB_EFORMAT },
        { "{'descr': '<f8', 'fortran_order': False, 'shape': (2,), 'more': 1}", 16, CLB_EFORMAT },
        { "{'descr': '<f8', 'fortran_order': Maybe, 'shape': (2,)}", 16, CLB_EFORMAT },
        { "{'descr': '<c8', 'fortran_order': False, 'shape': (2,)}", 16, CLB_ETYPE },
        { "{'descr': '|f8', 'fortran_order': False, 'shape': (2,)}", 16, CLB_EFORMAT },
        { "{'descr': '<f16', 'fortran_order': False, 'shape': (1,)}", 16, CLB_ETYPE },
        { "{'descr': '>c8', 'fortran_order': False, 'shape': (2,)}", 16, CLB_ETYPE },
        { "{'descr': '|S8', 'fortran_order': False, 'shape': (2,)}", 16, CLB_ETYPE },
        { "{'descr': '=c8', 'fortran_order': False, 'shape': (2,)}", 16, CLB_EFORMAT },
        { "{'descr': 'xc8', 'fortran_order': False, 'shape': (2,)}", 16, CLB_EFORMAT },
        { "{'descr': [('a', '<f8')], 'fortran_order': False, 'shape': (2,)}", 16, CLB_ETYPE },
        { "{'descr': '<f8', 'fortran_order': False, 'shape': (2,)} x", 16, CLB_EFORMAT },
        { "", 0, CLB_EFORMAT },
        { "{", 0, CLB_EFORMAT },
        { "{'descr': '", 0, CLB_EFORMAT },
        { "{'", 0, CLB_EFORMAT },
    };
    static const double elements[4] = { 1.0, 2.0, 3.0, 4.0 };
    clb_array a;
    for (size_t c = 0; c < sizeof cases / sizeof cases[0]; ++c) {
        NOTE("%s with %lu bytes", cases[c].dict, (unsigned long)cases[c].bytes);
        EQUAL(read_npy(&a, 1, cases[c].dict, elements, cases[c].bytes), cases[c].expected);
        if (cases[c].expected != CLB_OK) EMPTY(a);
        clb_array_free(&a);
    }
    NOTE("heads");
    EQUAL(read_npy(&a, 4, cases[0].dict, elements, 16), CLB_EFORMAT);
    EQUAL(clb_npy_read(&a, "", 0), CLB_EFORMAT);
    EQUAL(clb_npy_read(&a, "PK\x03\x04 and so on", 15), CLB_EFORMAT);
    EQUAL(clb_npy_read(&a, "PK\x03\x04 so", 7), CLB_EFORMAT);
    EQUAL(clb_npy_read(&a, "\x93NUM", 4), CLB_EFORMAT);
    EQUAL(clb_npy_read(&a, "\x93NUMPY", 6), CLB_ETRUNCATED);
    EQUAL(clb_npy_read(&a, "\x93NUMPY\x01\x00", 8), CLB_ETRUNCATED);
    /* oversized header */
    EQUAL(clb_npy_read(&a, "\x93NUMPY\x01\x00\xff\xff{}", 12), CLB_ETRUNCATED);
    EQUAL(clb_npy_read(&a, "\x93NUMPY\x02\x00\xff\xff\xff\xff{}", 14), CLB_ETRUNCATED);
    EQUAL(clb_npy_read(&a, "\x93NUMPY\x01\x00\x03\x00{}", 12), CLB_ETRUNCATED);     /* one byte too many */
    EQUAL(clb_npy_read(&a, "\x93NUMPY\x02\x00\x03\x00\x00\x00{}", 14), CLB_ETRUNCATED);
    EQUAL(alloc_live, 0);
}

static void t_npy_round_trip(void)
{
    static const size_t shapes[][4] = { { 7 }, { 2, 3 }, { 0, 5 }, { 1, 2, 3, 4 }, { 100, 1 } };
    static const size_t ranks[] = { 1, 2, 2, 4, 2 };
    clb_real x[128],
        special[4] = { (clb_real)-0.0, (clb_real)HUGE_VAL, (clb_real)NAN, (clb_real)1e-45 };
    for (int i = 0; i < 128; ++i) x[i] = i < 4 ? special[i] : (clb_real)i / 3;
    for (size_t s = 0; s <= sizeof ranks / sizeof ranks[0]; ++s) {
        size_t rank = s < 5 ? ranks[s] : 0, size, again, count = 1;
        const size_t *shape = s < 5 ? shapes[s] : NULL;
        unsigned char *p;
        clb_array a;
        FILE *file = tmpfile();
        for (size_t k = 0; k < rank; ++k) count *= shape[k];
        EQUAL(clb_npy_write(NULL, 0, &size, x, rank, shape), CLB_OK);
        p = (unsigned char *)malloc(size);
        CHECK(p != NULL);
        EQUAL(clb_npy_write(p, size - 1, &again, x, rank, shape), CLB_ESIZE);
        EQUAL(clb_npy_write(p, size, &again, x, rank, shape), CLB_OK);
        EQUAL(size, again);
        EQUAL((size - count * sizeof x[0]) % 64, 0);
        EQUAL(clb_npy_read(&a, p, size), CLB_OK);
        EQUAL(a.rank, rank);
        EQUAL(a.count, count);
        for (size_t k = 0; k < rank; ++k) EQUAL(a.shape[k], shape[k]);
        for (size_t i = 0; i < count; ++i) SAME_BITS(a.x[i], x[i]);
        clb_array_free(&a);
        if (file) {                                       /* the stream holds the same bytes */
            EQUAL(clb_npy_fwrite(file, x, rank, shape), CLB_OK);
            EQUAL(ftell(file), size);
            rewind(file);
            for (size_t i = 0; i < size; ++i) EQUAL(fgetc(file), p[i]);
            fclose(file);
        }
        free(p);
    }
    {
        size_t size, many[9] = { 1, 1, 1, 1, 1, 1, 1, 1, 1 }, large[2] = { (size_t)-1, 2 };
        EQUAL(clb_npy_write(NULL, 0, &size, x, 9, many), CLB_ECOUNT);
        EQUAL(clb_npy_write(NULL, 0, &size, x, 8, many), CLB_OK);
        EQUAL(clb_npy_write(NULL, 0, &size, x, 2, large), CLB_ESIZE);
        EQUAL(clb_npy_write(NULL, 0, &size, x, 1, large), CLB_ESIZE);
    }
}

static void t_arrays(void)
{
    double x[6] = { 1, 2, 3, 4, 5, 6 }, label[3] = { 2, 0, 1 };
    clb_array X = CLB_ZERO, y = CLB_ZERO;
    clb_data data;
    X.rank = 2, X.shape[0] = 3, X.shape[1] = 2, X.count = 6, X.x = x;
    y.rank = 1, y.shape[0] = 3, y.count = 3, y.x = label;
    EQUAL(clb_data_arrays(&data, &X, &y), CLB_OK);
    EQUAL(data.n, 3);
    EQUAL(data.d, 2);
    EQUAL(data.K, 3);
    for (int i = 0; i < 6; ++i) NEAR(data.X[i], x[i], 0);
    EQUAL(data.y[0], 2);
    clb_data_free(&data);
    x[4] = (double)NAN;
    EQUAL(clb_data_arrays(&data, &X, &y), CLB_ENOTFINITE);
    EMPTY(data);
    x[4] = HUGE_VAL;
    EQUAL(clb_data_arrays(&data, &X, &y), CLB_ENOTFINITE);
    x[4] = 5;
    label[1] = 0.5;
    EQUAL(clb_data_arrays(&data, &X, &y), CLB_ELABEL);
    label[1] = 2147483647.0;
    EQUAL(clb_data_arrays(&data, &X, &y), CLB_ELABEL);
    label[1] = (double)NAN;
    EQUAL(clb_data_arrays(&data, &X, &y), CLB_ELABEL);
    label[0] = 3, label[1] = -1, label[2] = 1;               /* numbered in ascending order */
    EQUAL(clb_data_arrays(&data, &X, &y), CLB_OK);
    CHECK(data.K == 3 && data.y[0] == 2 && data.y[1] == 0 && data.y[2] == 1);
    CHECK(!strcmp(data.names[0], "-1") && !strcmp(data.names[2], "3"));
    clb_data_free(&data);
    label[0] = 2, label[1] = 0;
    y.shape[0] = y.count = 2;
    EQUAL(clb_data_arrays(&data, &X, &y), CLB_ERAGGED);
    y.shape[0] = y.count = 0;
    EQUAL(clb_data_arrays(&data, &X, &y), CLB_EEMPTY);
    y.shape[0] = y.count = 3;
    y.rank = 2, y.shape[1] = 2;
    EQUAL(clb_data_arrays(&data, &X, &y), CLB_ESHAPE);
    y.shape[1] = 1;
    EQUAL(clb_data_arrays(&data, &X, &y), CLB_OK);
    clb_data_free(&data);
    EQUAL(alloc_live, 0);
}

/* ---- IDX ----------------------------------------------------------------------------------- */

enum { IDX_IMAGES = 16 + 3 * 4, IDX_LABELS = 8 + 3 };
static const unsigned char idx_images[IDX_IMAGES] = {
    0, 0, 8, 3, 0, 0, 0, 3, 0, 0, 0, 2, 0, 0, 0, 2,  0, 1, 2, 255, 4, 5, 6, 7, 8, 9, 10, 51 };
static const unsigned char idx_labels[IDX_LABELS] = { 0, 0, 8, 1, 0, 0, 0, 3,  1, 0, 9 };

static clb_status read_idx(clb_data *data, const unsigned char *images, size_t images_size,
                           const unsigned char *labels, size_t labels_size, size_t count)
{
    clb_idx_files files;
    unsigned char *i = (unsigned char *)malloc(images_size + !images_size);
    unsigned char *l = (unsigned char *)malloc(labels_size + !labels_size);
    clb_status status;
    if (!i || !l) exit(5);
    memcpy(i, images, images_size);
    memcpy(l, labels, labels_size);
    files.images = i, files.images_size = images_size;
    files.labels = l, files.labels_size = labels_size;
    status = clb_data_idx(data, &files, count);
    free(i);
    free(l);
    return status;
}

static void t_idx(void)
{
    clb_data data;
    EQUAL(read_idx(&data, idx_images, IDX_IMAGES, idx_labels, IDX_LABELS, 0), CLB_OK);
    EQUAL(data.n, 3);
    EQUAL(data.d, 4);
    EQUAL(data.K, 10);
    for (int i = 0; i < 12; ++i) SAME_BITS(data.X[i], (float)idx_images[16 + i] / 255.0f);
    for (int i = 0; i < 3; ++i) EQUAL(data.y[i], idx_labels[8 + i]);
    clb_data_free(&data);
    EQUAL(read_idx(&data, idx_images, IDX_IMAGES, idx_labels, IDX_LABELS, 2), CLB_OK);
    EQUAL(data.n, 2);
    EQUAL(data.K, 10);                          /* of the whole label file */
    clb_data_free(&data);
    EQUAL(read_idx(&data, idx_images, IDX_IMAGES, idx_labels, IDX_LABELS, 4), CLB_EROW);
    EMPTY(data);
}

static void t_idx_bad(void)
{
    clb_data data;
    unsigned char image[IDX_IMAGES + 1], label[IDX_LABELS + 1];
    for (size_t n = 0; n < IDX_IMAGES; ++n)
        EQUAL(read_idx(&data, idx_images, n, idx_labels, IDX_LABELS, 0), CLB_ETRUNCATED);
    for (size_t n = 0; n < IDX_LABELS; ++n)
        EQUAL(read_idx(&data, idx_images, IDX_IMAGES, idx_labels, n, 0), CLB_ETRUNCATED);
    memcpy(image, idx_images, IDX_IMAGES);
    memcpy(label, idx_labels, IDX_LABELS);
    image[IDX_IMAGES] = label[IDX_LABELS] = 0;
    /* bytes left over */
    EQUAL(read_idx(&data, image, IDX_IMAGES + 1, label, IDX_LABELS, 0), CLB_EFORMAT);
    EQUAL(read_idx(&data, image, IDX_IMAGES, label, IDX_LABELS + 1, 0), CLB_EFORMAT);
    /* images as labels */
    EQUAL(read_idx(&data, image, IDX_IMAGES, image, IDX_IMAGES, 0), CLB_EFORMAT);
    image[2] = 13;                                                              /* float elements */
    EQUAL(read_idx(&data, image, IDX_IMAGES, label, IDX_LABELS, 0), CLB_EFORMAT);
    image[2] = 8, image[0] = 0x1f;                                                  /* compressed */
    EQUAL(read_idx(&data, image, IDX_IMAGES, label, IDX_LABELS, 0), CLB_EFORMAT);
    image[0] = 0, image[3] = 0;
    EQUAL(read_idx(&data, image, IDX_IMAGES, label, IDX_LABELS, 0), CLB_EFORMAT);
    image[3] = 3, image[7] = 0;
    EQUAL(read_idx(&data, image, IDX_IMAGES, label, IDX_LABELS, 0), CLB_EEMPTY);
    image[7] = 3, image[11] = 0;
    EQUAL(read_idx(&data, image, IDX_IMAGES, label, IDX_LABELS, 0), CLB_EEMPTY);
    memset(image + 4, 255, 12);                                                     /* (2^32-1)^3 */
    EQUAL(read_idx(&data, image, IDX_IMAGES, label, IDX_LABELS, 0), CLB_ESIZE);
    memcpy(image, idx_images, IDX_IMAGES);
    image[4] = 255;
    EQUAL(read_idx(&data, image, IDX_IMAGES, label, IDX_LABELS, 0),
          sizeof(size_t) < 8 ? CLB_ESIZE : CLB_ETRUNCATED);
    image[4] = 0, label[7] = 2;
    EQUAL(read_idx(&data, image, IDX_IMAGES, label, IDX_LABELS - 1, 0), CLB_ERAGGED);
    EMPTY(data);
    EQUAL(alloc_live, 0);
}

/* ---- CSV ----------------------------------------------------------------------------------- */

static clb_status read_csv(clb_data *data, const char *text, size_t size, const clb_csv_opts *opts,
                           size_t *line)
{
    char *exact = (char *)malloc(size + !size);
    clb_error error;
    clb_status status;
    if (!exact) exit(5);
    memcpy(exact, text, size);
    status = clb_data_csv(data, exact, size, opts, &error);
    if (line) *line = error.line;
    EQUAL(error.status, status);
    CHECK((error.text[0] == 0) == (status == CLB_OK));
    free(exact);
    return status;
}

static void t_csv(void)
{
    static const char text[] = "\xef\xbb\xbf"
                               "a;label;b\r\n 1.5;3 ; -2e-3\r\n\n\t\n+.25;0;5.\n1E+2;1;0.1";
    static const double x[6] = { 1.5, -2e-3, 0.25, 5.0, 100.0, 0.1 };
    clb_csv_opts opts = CLB_ZERO;
    clb_data data;
    size_t line = 99;
    opts.label = 2, opts.header = 1, opts.separator = ';';
    EQUAL(read_csv(&data, text, sizeof text - 1, &opts, &line), CLB_OK);
    EQUAL(line, 0);
    EQUAL(data.n, 3);
    EQUAL(data.d, 2);
    EQUAL(data.K, 3);                                    /* 0, 1, 3: no silent fourth class */
    for (int i = 0; i < 6; ++i) SAME_BITS(data.X[i], (clb_real)x[i]);
    EQUAL(data.y[0], 2);
    EQUAL(data.y[1], 0);
    EQUAL(data.y[2], 1);
    CHECK(!strcmp(data.names[0], "0") && !strcmp(data.names[2], "3"));
    clb_data_free(&data);
    EQUAL(read_csv(&data, "7,8,1\n", 6, NULL, NULL), CLB_OK);         /* default: the last column */
    EQUAL(data.d, 2);
    CHECK(data.K == 1 && data.y[0] == 0 && !strcmp(data.names[0], "1"));
    clb_data_free(&data);
    memset(&opts, 0, sizeof opts);
    opts.label = -1;
    EQUAL(read_csv(&data, "7,8\n9,10", 8, &opts, &line), CLB_OK);
    EQUAL(data.d, 2);
    CHECK(data.K == 0 && data.y == NULL && data.targets == NULL);
    NEAR(data.X[3], 10, 0);
    clb_data_free(&data);
}

static void t_csv_bad(void)
{
    static const struct {
        const char *text;
        int label, header;
        clb_status status;
        size_t line;
    } cases[] = {
        { "", 0, 0, CLB_EEMPTY, 0 },
        { "\n \n", 0, 0, CLB_EEMPTY, 0 },
        { "a,b\n", 0, 1, CLB_EEMPTY, 0 },
        { "1\n2\n", 0, 0, CLB_EEMPTY, 0 },
        { "1,2\n1,2,3\n", 0, 0, CLB_ERAGGED, 2 },
        { "1,2\n\n3\n", 0, 0, CLB_ERAGGED, 3 },
        { "h,k\n1,0\n1,0,\n", 0, 1, CLB_ERAGGED, 3 },
        { "1,2\n3,x\n5,\n", 0, 0, CLB_ELABEL, 3 },
        { "1,2\n3,x\n5,nan\n", 0, 0, CLB_ENOTFINITE, 3 },
        { "1,2\n,3\n", 0, 0, CLB_EFIELD, 2 },
        { "1,2\n0x10,3\n", 0, 0, CLB_EFIELD, 2 },
        { "1,2\n1e,3\n", 0, 0, CLB_EFIELD, 2 },
        { "1,2\n.,3\n", 0, 0, CLB_EFIELD, 2 },
        { "1,2\n1 2,3\n", 0, 0, CLB_EFIELD, 2 },
        { "1,2\n\"1,3\n", 0, 0, CLB_EFORMAT, 0 },
        { "1,2\n\"1\"x,3\n", 0, 0, CLB_EFORMAT, 0 },
        { "1,2\nnan,3\n", 0, 0, CLB_ENOTFINITE, 2 },
        { "1,2\n-INF,3\n", 0, 0, CLB_ENOTFINITE, 2 },
        { "1,2\n1e999,3\n", 0, 0, CLB_ENOTFINITE, 2 },
        { "1,2\n1,2.5\n", 0, 0, CLB_ELABEL, 2 },
        { "1,2\n1,2147483647\n", 0, 0, CLB_ELABEL, 2 },
        { "1,2\n1,nan\n", 0, 0, CLB_ENOTFINITE, 2 },
        { "1,2\n", 3, 0, CLB_ECOLUMN, 0 },
        { "1,2\n", -2, 0, CLB_ECOLUMN, 0 },
        { "12\n", 0, 0, CLB_EEMPTY, 0 },
    };
    clb_data data;
    char digits[600];
    for (size_t c = 0; c < sizeof cases / sizeof cases[0]; ++c) {
        clb_csv_opts opts = CLB_ZERO;
        size_t line = 99;
        opts.label = cases[c].label, opts.header = cases[c].header;
        NOTE("\"%s\"", cases[c].text);
        EQUAL(read_csv(&data, cases[c].text, strlen(cases[c].text), &opts, &line), cases[c].status);
        EQUAL(line, cases[c].line);
        EMPTY(data);
    }
    NOTE("long numbers");
    clb_csv_opts bare = CLB_ZERO;
    bare.header = -1;
    memset(digits, '1', sizeof digits);
    memcpy(digits + 398, ",0", 2);
    digits[0] = '0', digits[1] = '.';
    EQUAL(read_csv(&data, digits, 400, NULL, NULL), CLB_OK);
    NEAR(data.X[0], 1.0 / 9.0, 1e-7);
    clb_data_free(&data);
    digits[398] = digits[399] = '1';
    memcpy(digits + 598, ",0", 2);
    EQUAL(read_csv(&data, digits, 600, &bare, NULL), CLB_EFIELD);
    EQUAL(read_csv(&data, "1,2\n1\0,2", 8, NULL, NULL), CLB_EFIELD);
    EQUAL(alloc_live, 0);
}

/* The library's reading of decimal numbers against strtod (locale "C"): short ones, seventeen digits,
 * halfway cases, subnormal and huge ones. */
static void t_numbers(void)
{
    static const char *const hard[] = {
        "9007199254740993", "9007199254740992.9999999999999999999999", "1.7976931348623158e308",
        "1.7976931348623159e308", "179769313486231580793728971405303415079934132710037826936173778980444"
        "968292764750946649017977587207096330286416692887910946555547851940402630657488671505820681908902"
        "000708383676273854845817711531764475730270069855571366959622842914819860834936475292719074168444"
        "365510704342711559699508093042880", "2.4703282292062327e-324", "2.4703282292062328e-324",
        "4.9e-324", "2.2250738585072011e-308", "2.2250738585072014e-308", "1e-400", "1e400", "1e23",
        "8.5e22", "0.1", "123456789012345678", "5e-325", "1.00000000000000011102230246251565",
        "1.00000000000000011102230246251566", "0e99999999", "-0", "1e309", "000000000000000000001.5",
    };
    clb_rng rng;
    char text[80];
    double value;
    for (size_t i = 0; i < sizeof hard / sizeof hard[0]; ++i) {
        NOTE("%s", hard[i]);
        CHECK(test_number((const unsigned char *)hard[i],
                          (const unsigned char *)hard[i] + strlen(hard[i]), &value));
        SAME_BITS(value, strtod(hard[i], NULL));
    }
    clb_rng_seed(&rng, 5);
    for (int i = 0; i < 30000; ++i) {
        uint64_t bits = clb_rng_u64(&rng);
        double x;
        memcpy(&x, &bits, sizeof x);
        if (!(fabs(x) <= DBL_MAX)) continue;
        snprintf(text, sizeof text, i % 3 ? "%.17g" : "%.25g", i % 2 ? x : ldexp(x, -ilogb(x) + i % 20));
        CHECK(test_number((unsigned char *)text, (unsigned char *)text + strlen(text), &value));
        NOTE("%s", text);
        SAME_BITS(value, strtod(text, NULL));
    }
}

/* A file as pandas writes it: header, index column, quoted words, CRLF, no newline at the end. */
static void t_csv_people(void)
{
    static const char pandas[] = ",size,\"the, \"\"colour\"\"\",class\r\n0,1.5,2,setosa\r\n1,3,4,\"a, \"\"b\"\"\"\r\n"
                                 "2,5,6,setosa\r\n3,7,\"8\",\"two\nlines\"";
    static const char tabs[] = "\r\n2\t1\n1\t4\n5\n", semicolons[] = "x;y\n1;2\n3;1";
    static const char *const skip[] = { "" }, *const absent[] = { "none" };
    clb_csv_opts o = CLB_ZERO;
    clb_data data, other;
    clb_error error;
    o.skip = skip, o.skip_count = 1;
    for (int by_name = 0; by_name < 2; ++by_name) {
        o.label_name = by_name ? "class" : NULL;
        EQUAL(clb_data_csv(&data, pandas, sizeof pandas - 1, &o, &error), CLB_OK);
        CHECK(data.n == 4 && data.d == 2 && data.K == 3 && data.owned == 1);
        for (int i = 0; i < 8; ++i) EQUAL(data.X[i] * 2, i == 0 ? 3 : 2 * (i + 1));
        CHECK(data.y[0] == 0 && data.y[1] == 1 && data.y[2] == 0 && data.y[3] == 2);
        CHECK(!strcmp(data.names[0], "setosa") && !strcmp(data.names[1], "a, \"b\"") &&
              !strcmp(data.names[2], "two\nlines"));
        if (!by_name) clb_data_free(&data);
    }
    o.like = &data, o.skip_count = 0, o.skip = NULL, o.label_name = NULL;
    EQUAL(clb_data_csv(&other, "1,setosa\n2,\"two\nlines\"\n", 23, &o, &error), CLB_OK);
    CHECK(other.K == 3 && other.y[0] == 0 && other.y[1] == 2 && !strcmp(other.names[2], "two\nlines"));
    clb_data_free(&other);
    EQUAL(clb_data_csv(&other, "1,setosa\n2,virginica\n", 21, &o, &error), CLB_ELABEL);
    CHECK(!strcmp(error.text, "line 2, column 2: 'virginica' is none of the classes"));
    o.like = NULL;
    clb_data_free(&data);
    o.skip = absent, o.skip_count = 1;
    EQUAL(clb_data_csv(&data, pandas, sizeof pandas - 1, &o, &error), CLB_ECOLUMN);
    CHECK(!strcmp(error.text, "no column 'none' in the header"));
    memset(&o, 0, sizeof o);
    o.label = 1;                                             /* the label first, a number */
    EQUAL(clb_data_csv(&data, tabs, sizeof tabs - 3, &o, &error), CLB_OK);
    CHECK(data.n == 2 && data.d == 1 && data.y[0] == 1 && data.X[1] == 4);
    clb_data_free(&data);
    EQUAL(clb_data_csv(&data, tabs, sizeof tabs - 1, &o, &error), CLB_ERAGGED);
    EQUAL(error.line, 4);
    EQUAL(clb_data_csv(&data, semicolons, sizeof semicolons - 1, NULL, &error), CLB_OK);
    CHECK(data.n == 2 && data.K == 2 && data.y[0] == 1 && data.X[1] == 3);
    clb_data_free(&data);
    o.label = 0, o.real_target = 1;
    o.header = -1;
    EQUAL(clb_data_csv(&data, "1,x\n2,-3\n", 9, &o, &error), CLB_EFIELD);
    CHECK(!strcmp(error.text, "line 1, column 2: 'x' is no number; this line looks like a header"));
    EQUAL(clb_data_csv(&data, "1,2\n2,x\n", 8, &o, &error), CLB_EFIELD);
    CHECK(!strcmp(error.text, "line 2, column 2: 'x' is no number"));
    o.header = 0;
    EQUAL(clb_data_csv(&data, "1,0.25\n2,-3\n", 12, &o, &error), CLB_OK);
    CHECK(data.y == NULL && data.K == 1 && data.targets[0] * 4 == 1 && data.targets[1] == -3);
    clb_data_free(&data);
    o.real_target = 0;
    EQUAL(clb_data_csv(&data, "size,class\n1,a\nbig,b\n", 21, &o, &error), CLB_EFIELD);
    CHECK(!strcmp(error.text, "line 3, column 'size': 'big' is no number; line 1 was read as a header"));
    CHECK(error.line == 3 && error.column == 1);
    o.header = -1;
    EQUAL(clb_data_csv(&data, "size,class\n1,a\n", 15, &o, &error), CLB_EFIELD);
    CHECK(!strcmp(error.text, "line 1, column 1: 'size' is no number; this line looks like a header"));
}

/* A view frees nothing; a split holds every row once, labels and names with it. */
static void t_split_scale(void)
{
    static const double x[] = { 1, 5, 1e300, 2, 5, -1e300, 3, 5, 1e300, 6, 5, -1e300 };
    static const size_t widths[] = { 3, 4, 2 };
    static const clb_net_opts biased = { 0, CLB_RELU, -1, 0 };
    static clb_real X[12];
    static int y[4] = { 0, 1, 1, 0 };
    clb_data view, train, valid, part[2];
    clb_scaler scaler;
    clb_rng rng;
    clb_net net;
    clb_real raw[8], scaled[8];
    int seen[50] = { 0 };
    alloc_reset(0);
    for (int i = 0; i < 12; ++i) X[i] = (clb_real)(x[i] > 1e38 ? 3e38 : x[i] < -1e38 ? -3e38 : x[i]);
    view = clb_data_view(4, 3, 2, X, y);
    clb_data_free(&view);
    CHECK(X[1] == 5);                                        /* nothing was freed */
    view = clb_data_view(4, 3, 2, X, y);
    CHECK(clb_scaler_fit(&scaler, &view) == CLB_OK);
    NEAR_REL(scaler.mean[0], 3, 1e-15);
    NEAR_REL(scaler.deviation[0], sqrt(3.5), 1e-15);
    CHECK(scaler.mean[1] == 5 && scaler.deviation[1] == 1);          /* constant */
    NEAR_REL(scaler.deviation[2], (double)X[2], 1e-15);
    CHECK(clb_scaler_apply(&scaler, &view) == CLB_OK);
    NEAR_REL(X[0], -2 / sqrt(3.5), 1e-6);
    CHECK(X[1] == 0 && X[4] == 0);
    NEAR(X[2], 1, 1e-6);
    NEAR(X[5], -1, 1e-6);
    view.d = 2;
    CHECK(clb_scaler_apply(&scaler, &view) == CLB_ESHAPE);
    clb_scaler_free(&scaler);
    clb_rng_seed(&rng, 1);
    CHECK(clb_data_mixture(&train, &rng, 4, 3, 2, 1.0) == CLB_OK);
    CHECK(clb_net_init(&net, widths, 3, &biased, &rng) == CLB_OK);
    CHECK(clb_scaler_fit(&scaler, &train) == CLB_OK);
    memcpy(X, train.X, sizeof X);
    CHECK(clb_scaler_apply(&scaler, &train) == CLB_OK);
    CHECK(clb_predict(&net, train.X, 4, scaled) == CLB_OK);
    CHECK(clb_scaler_fold(&scaler, &net) == CLB_OK);
    CHECK(clb_predict(&net, X, 4, raw) == CLB_OK);
    for (int i = 0; i < 8; ++i) NEAR(raw[i], scaled[i], sizeof(clb_real) == 4 ? 1e-5 : 1e-14);
    clb_scaler_free(&scaler), clb_net_free(&net), clb_data_free(&train);
    static clb_real row[50];
    static int label[50];
    for (int i = 0; i < 50; ++i) row[i] = (clb_real)i, label[i] = i % 3;
    view = clb_data_view(50, 1, 3, row, label);
    CHECK(clb_data_split(&view, &rng, 0.2, &train, &valid) == CLB_OK);
    CHECK(valid.n == 10 && train.n == 40 && train.K == 3 && valid.owned);
    part[0] = train, part[1] = valid;
    for (int k = 0; k < 2; ++k)
        for (size_t i = 0; i < part[k].n; ++i) {
            EQUAL(part[k].y[i], (int)part[k].X[i] % 3);
            ++seen[(int)part[k].X[i]];
        }
    for (int i = 0; i < 50; ++i) EQUAL(seen[i], 1);
    clb_data_free(&train), clb_data_free(&valid);
    CHECK(clb_data_split(&view, NULL, 0.01, &train, &valid) == CLB_OK);
    CHECK(valid.n == 1 && valid.X[0] == 49 && train.X[48] == 48);
    clb_data_free(&train), clb_data_free(&valid);
    CHECK(clb_data_split(&view, &rng, 1.0, &train, &valid) == CLB_ESHARE);
    CHECK(clb_data_split(&view, &rng, 0.999, &train, &valid) == CLB_EROW);
    EMPTY(train);
    EQUAL(alloc_live, 0);
}

/* The first locale found that writes a decimal comma; the numbers must not change. */
static void t_csv_locale(void)
{
    static const char *const names[] = { "de_DE.UTF-8", "de_DE", "fr_FR.UTF-8", "fr_FR",
                                         "ru_RU.UTF-8" };
    clb_data data;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; ++i)
        if (setlocale(LC_ALL, names[i])) break;
    EQUAL(read_csv(&data, "0.5,1", 5, NULL, NULL), CLB_OK);
    setlocale(LC_ALL, "C");
    NEAR(data.X[0], 0.5, 0);
    clb_data_free(&data);
}

/* ---- files --------------------------------------------------------------------------------- */

static void put(const char *path, const void *bytes, size_t size)
{
    FILE *file = fopen(path, "wb");
    CHECK(file != NULL);
    EQUAL(fwrite(bytes, 1, size, file), size);
    EQUAL(fclose(file), 0);
}

static void t_files(void)
{
    static const char npy_x[] = "{'descr': '|u1', 'fortran_order': False, 'shape': (3, 5000)}";
    static const char npy_y[] = "{'descr': '|u1', 'fortran_order': False, 'shape': (3,)}";
    static unsigned char elements[15000];
    const char *folder = getenv("TMPDIR");
    char a[512], b[512];
    unsigned char *p;
    size_t size, shape = 1000;
    clb_error error;
    clb_data data;
    clb_array array;
    FILE *full;
    snprintf(a, sizeof a, "%s/clb_t_data_a_%p", folder ? folder : "/tmp", (void *)&size);
    snprintf(b, sizeof b, "%s/clb_t_data_b_%p", folder ? folder : "/tmp", (void *)&size);
    remove(a);
    EQUAL(clb_npy_load(&array, a), CLB_EIO);
    EQUAL(clb_data_npy_load(&data, a, a), CLB_EIO);
    EQUAL(clb_data_idx_load(&data, a, a, 0), CLB_EIO);
    EQUAL(clb_data_csv_load(&data, a, NULL, &error), CLB_EIO);
    CHECK(strstr(error.text, a) != NULL);
    EMPTY(data);
    EQUAL(clb_data_csv_load(&data, "/", NULL, NULL), CLB_EIO);        /* a folder */
    put(a, "1,0\n2\n", 6);
    EQUAL(clb_data_csv_load(&data, a, NULL, &error), CLB_ERAGGED);
    EQUAL(error.line, 2);
    put(a, idx_images, IDX_IMAGES);
    put(b, idx_labels, IDX_LABELS);
    EQUAL(clb_data_idx_load(&data, a, b, 1), CLB_OK);
    EQUAL(data.n, 1);
    clb_data_free(&data);
    EQUAL(clb_data_idx_load(&data, b, a, 1), CLB_EFORMAT);
    for (int i = 0; i < 15000; ++i) elements[i] = (unsigned char)(i % 251);
    p = npy_file(2, npy_x, elements, 15000, &size);
    put(a, p, size);
    free(p);
    p = npy_file(1, npy_y, "\x01\x00\x02", 3, &size);
    put(b, p, size);
    free(p);
    EQUAL(clb_data_npy_load(&data, a, b), CLB_OK);
    EQUAL(data.n, 3);
    EQUAL(data.d, 5000);
    EQUAL(data.K, 3);
    for (int i = 0; i < 15000; ++i) NEAR(data.X[i], i % 251, 0);
    full = fopen("/dev/full", "wb");
    if (full) {                                           /* a full disk is an error, not silence */
        EQUAL(clb_npy_fwrite(full, data.X, 1, &shape), CLB_EIO);
        fclose(full);
    }
    clb_data_free(&data);
    remove(a);
    remove(b);
    EQUAL(alloc_live, 0);
}

/* ---- nets as files ------------------------------------------------------------------------- */

/* A net as one file and in memory: every bit of it, and what is wrong with a damaged one. */
static void t_net_files(void)
{
    static const size_t widths[4] = { 3, 5, 2, 4 };
    const char *folder = getenv("TMPDIR");
    char path[300], *source, *at;
    unsigned char *bytes;
    size_t size, again, count = 0;
    clb_error error;
    clb_rng rng;
    clb_net net, copy;
    alloc_reset(0);
    clb_rng_seed(&rng, 8);
    snprintf(path, sizeof path, "%s/clb_t_net_%p.npz", folder ? folder : "/tmp", (void *)&rng);
    for (int bias = -1; bias <= 3; ++bias) {
        clb_net_opts opts = CLB_ZERO;
        opts.bias = bias;
        opts.activation = CLB_LEAKY_RELU;
        opts.param = 0.1;
        EQUAL(clb_net_init(&net, widths, 4, &opts, &rng), CLB_OK);
        EQUAL(clb_net_save(&net, path), CLB_OK);
        EQUAL(clb_net_load(&copy, path, &error), CLB_OK);
        EQUAL(copy.P, net.P);
        EQUAL(copy.activation, CLB_LEAKY_RELU);
        SAME_BITS(copy.param, 0.1);
        for (size_t l = 0; l <= 3; ++l) EQUAL(copy.m[l], widths[l]);
        for (size_t l = 1; l <= 3; ++l) EQUAL(copy.b[l], net.b[l]);
        for (size_t i = 0; i < net.P; ++i) SAME_BITS(copy.theta[i], net.theta[i]);
        clb_net_free(&copy);
        if (bias < 3) clb_net_free(&net);
    }
    EQUAL(clb_net_write(NULL, 0, &size, &net), CLB_OK);
    bytes = (unsigned char *)malloc(size);
    EQUAL(clb_net_write(bytes, size - 1, &again, &net), CLB_ESIZE);
    EQUAL(clb_net_write(bytes, size, &again, &net), CLB_OK);
    EQUAL(again, size);
    EQUAL(clb_net_read(&copy, bytes, size, NULL), CLB_OK);
    clb_net_free(&copy);
    EQUAL(clb_net_write_c(NULL, 0, &again, &net, "my_net"), CLB_OK);        /* the bytes as source */
    source = (char *)calloc(again + 1, 1);
    EQUAL(clb_net_write_c(source, again, &again, &net, "my_net"), CLB_OK);
    CHECK(!strncmp(source, "static const unsigned char my_net[", 34));
    EQUAL(strtoul(source + 34, NULL, 10), size);
    for (at = strchr(source, '{') + 1; *at && *at != '}'; at += *at == ',', ++count) {
        unsigned long byte = strtoul(at, &at, 10);
        CHECK(count < size && byte == bytes[count]);
        while (*at == '\n' || *at == ' ') ++at;
    }
    EQUAL(count, size);
    CHECK(!strcmp(at, "};\n"));
    EQUAL(clb_net_write_c(NULL, 0, &again, &net, "azAZ_09"), CLB_OK);
    EQUAL(clb_net_write_c(NULL, 0, &again, &net, "a{"), CLB_ENAME);
    EQUAL(clb_net_write_c(NULL, 0, &again, &net, "2nd"), CLB_ENAME);
    EQUAL(clb_net_write_c(NULL, 0, &again, &net, ""), CLB_ENAME);
    for (size_t i = 0; i < size; i += 7) {                    /* damage is found, or does nothing */
        bytes[i] ^= 0x20;
        if (clb_net_read(&copy, bytes, size, &error) != CLB_OK) EMPTY(copy);
        clb_net_free(&copy);
        bytes[i] ^= 0x20;
    }
    EQUAL(clb_net_read(&copy, bytes, size / 2, &error) != CLB_OK, 1);
    EMPTY(copy);
    net.theta[0] = (clb_real)NAN;
    EQUAL(clb_net_save(&net, path), CLB_OK);
    EQUAL(clb_net_load(&copy, path, &error), CLB_ENOTFINITE);
    remove(path);
    EQUAL(clb_net_load(&copy, path, &error), CLB_EIO);
    CHECK(strstr(error.text, path) != NULL);
    EQUAL(clb_net_save(&net, "/nowhere/at/all/x"), CLB_EIO);
    clb_net_free(&net);
    EQUAL(clb_net_save(&net, path), CLB_EUNSET);
    free(bytes), free(source);
    EQUAL(alloc_live, 0);
}

/* Doubles keep their bits in a single build too. */
static void t_npy_save(void)
{
    static const double x[6] = { 0.1, -2, 3e300, 4, 5, 1.0 / 3 };
    static const size_t shape[2] = { 2, 3 };
    const char *folder = getenv("TMPDIR");
    char path[300];
    clb_real y[6];
    clb_array array;
    snprintf(path, sizeof path, "%s/clb_t_npy_%p.npy", folder ? folder : "/tmp", (void *)&array);
    EQUAL(clb_npy_save_f64(path, x, 2, shape), CLB_OK);
    EQUAL(clb_npy_load(&array, path), CLB_OK);
    CHECK(array.rank == 2 && array.shape[0] == 2 && array.shape[1] == 3);
    for (int i = 0; i < 6; ++i) SAME_BITS(array.x[i], x[i]);
    clb_array_free(&array);
    for (int i = 0; i < 6; ++i) y[i] = (clb_real)(0.1 * i);
    EQUAL(clb_npy_save(path, y, 1, shape + 1), CLB_OK);
    EQUAL(clb_npy_load(&array, path), CLB_OK);
    CHECK(array.rank == 1 && array.count == 3);
    for (int i = 0; i < 3; ++i) SAME_BITS(array.x[i], (double)y[i]);
    clb_array_free(&array);
    remove(path);
    EQUAL(clb_npy_save(path, y, 9, shape), CLB_ECOUNT);
    EQUAL(clb_npy_load(&array, path), CLB_EIO);
    EQUAL(clb_npy_save("/nowhere/at/all", y, 1, shape), CLB_EIO);
}

/* ---- mutated files ------------------------------------------------------------------------- */

/* Overwrite a few bytes, sometimes cut or lengthen. Returns the new size, at most size + 8. */
static size_t mutate(clb_rng *rng, unsigned char *p, size_t size)
{
    static const unsigned char favourites[] = { 0,   1,    8,   127, 128, 255, '0', '9',
                                                ',', '\n', '.', '-', 'e', '(', ')' };
    size_t edits = clb_rng_below(rng, 5), k;
    if (clb_rng_below(rng, 4) == 0) size = clb_rng_below(rng, (uint32_t)size + 1);
    else if (clb_rng_below(rng, 8) == 0)
        for (k = clb_rng_below(rng, 9); k > 0; --k)
            p[size++] = (unsigned char)clb_rng_below(rng, 256);
    for (k = 0; size > 0 && k < edits; ++k) {
        unsigned char *at = p + clb_rng_below(rng, (uint32_t)size);
        if (clb_rng_below(rng, 2)) *at = favourites[clb_rng_below(rng, sizeof favourites)];
        else *at = (unsigned char)(*at ^ 1u << clb_rng_below(rng, 8));
    }
    return size;
}

static void check_data(const clb_data *data, clb_status status)
{
    CHECK((int)status >= 0 && status < CLB_STATUS_COUNT && status != CLB_ENOMEM);
    if (status) {
        EMPTY(*data);
        return;
    }
    for (size_t i = 0; i < data->n * data->d; ++i) CHECK(fabs((double)data->X[i]) <= DBL_MAX);
    for (size_t i = 0; i < data->n; ++i) CHECK(data->y[i] >= 0 && (size_t)data->y[i] < data->K);
}

/* Structure survives a single status; what the mutations reach is counted, so that the fuzz cannot
 * be idle. */
static void fuzz(int kind, const void *good, size_t good_size, int rounds)
{
    clb_rng rng;
    int outcomes[CLB_STATUS_COUNT] = { 0 }, distinct = 0;
    clb_rng_seed(&rng, (uint64_t)kind + 1);
    for (int r = 0; r < rounds; ++r) {
        unsigned char work[512], *p;
        size_t size;
        clb_status status;
        clb_data data = CLB_ZERO;
        clb_array array = CLB_ZERO;
        clb_idx_files files;
        NOTE("kind %d, round %d", kind, r);
        memcpy(work, good, good_size);
        size = mutate(&rng, work, good_size);
        p = (unsigned char *)malloc(size + !size);
        CHECK(p != NULL);
        memcpy(p, work, size);
        alloc_reset(0);
        files.images = kind == 0 ? p : idx_images,
        files.images_size = kind == 0 ? size : IDX_IMAGES;
        files.labels = kind == 0 ? idx_labels : p,
        files.labels_size = kind == 0 ? IDX_LABELS : size;
        if (kind <= 1) status = clb_data_idx(&data, &files, 0);
        else if (kind == 2) status = clb_data_csv(&data, (const char *)p, size, NULL, NULL);
        else status = clb_npy_read(&array, p, size);
        check_data(&data, status);
        if (status) EMPTY(array);
        CHECK(alloc_largest <= 64 + 16 * (size + IDX_IMAGES));
        ++outcomes[status];
        clb_data_free(&data);
        clb_array_free(&array);
        free(p);
        EQUAL(alloc_live, 0);
    }
    for (int s = 0; s < CLB_STATUS_COUNT; ++s) distinct += outcomes[s] > 0;
    CHECK(outcomes[CLB_OK] > 0 && distinct >= 3);
}

static void t_fuzz(void)
{
    static const char csv[] = "1.25,-3e2,0\n4,5.5,1\n7,8,2\n";
    static const double x[6] = { 1, 2, 3, 4, 5, 6 };
    size_t size;
    unsigned char *npy = npy_file(1, "{'descr': '<f8', 'fortran_order': True, 'shape': (2, 3), }\n",
                                  x, sizeof x, &size);
    fuzz(0, idx_images, IDX_IMAGES, 20000);
    fuzz(1, idx_labels, IDX_LABELS, 20000);
    fuzz(2, csv, sizeof csv - 1, 20000);
    fuzz(3, npy, size, 40000);
    free(npy);
}

/* Integer classes numbered as in another set: 0..K-1 and nothing else. */
static void t_csv_like_numbers(void)
{
    static const char first[] = "1,0\n2,1\n3,2\n", second[] = "4,2\n5,0\n6,1\n7,0\n";
    static const char *const wrong[] = { "8,3\n", "8,-1\n", "8,0.5\n", "8,dog\n" };
    clb_csv_opts o = CLB_ZERO;
    clb_error error;
    clb_data data, again;
    EQUAL(clb_data_csv(&data, first, sizeof first - 1, NULL, NULL), CLB_OK);
    CHECK(data.names == NULL && data.K == 3);
    o.like = &data;
    EQUAL(clb_data_csv(&again, second, sizeof second - 1, &o, &error), CLB_OK);
    CHECK(again.n == 4 && again.K == 3 && again.names == NULL);
    CHECK(again.y[0] == 2 && again.y[1] == 0 && again.y[2] == 1 && again.y[3] == 0);
    clb_data_free(&again);
    for (size_t i = 0; i < 4; ++i) {
        NOTE("%s", wrong[i]);
        o.header = -1;
        EQUAL(clb_data_csv(&again, wrong[i], strlen(wrong[i]), &o, &error), CLB_ELABEL);
        EQUAL(error.line, 1);
    }
    clb_data_free(&data);
}

static const test_case tests[] = { TEST(t_csv_like_numbers), TEST(t_mixture_published),
                                   TEST(t_mixture_geometry),
                                   TEST(t_xor),
                                   TEST(t_spheres),
                                   TEST(t_generator_errors),
                                   TEST(t_npy_types),
                                   TEST(t_npy_order),
                                   TEST(t_npy_bad),
                                   TEST(t_npy_round_trip),
                                   TEST(t_arrays),
                                   TEST(t_idx),
                                   TEST(t_idx_bad),
                                   TEST(t_csv),
                                   TEST(t_numbers),
                                   TEST(t_csv_people),
                                   TEST(t_split_scale),
                                   TEST(t_csv_bad),
                                   TEST(t_csv_locale),
                                   TEST(t_files),
                                   TEST(t_npy_save),
                                   TEST(t_net_files),
                                   TEST(t_fuzz) };
TEST_MAIN(tests)
