/* Files of weights: good ones, written by NumPy and PyTorch (tests/fuzz/make_corpus.py), give the
 * values that went in; each kind of bad file is refused with its own status and words; mutated
 * files never read outside their bytes nor allocate beyond the bound of the manual (run it under
 * the sanitizers); what the writer writes is read back bit for bit.
 *   cc -std=c99 -O2 -o t_weights tests/t_weights.c -lm && ./t_weights */
#define CLB_IMPLEMENTATION
#include "failing_alloc.h"
#include "../clb.h"
#include "private.h"
#include "test.h"

#ifndef CORPUS
#define CORPUS "tests/fuzz/corpus/"
#endif

typedef struct file { unsigned char *bytes; size_t size; } file;

/* A file of the corpus in a buffer of its size. */
static file corpus(const char *name)
{
    char path[256];
    file f = { NULL, 0 };
    snprintf(path, sizeof path, "%s%s", CORPUS, name);
    FILE *stream = fopen(path, "rb");
    if (!stream) FAIL("no %s: run this from the top folder", path);
    fseek(stream, 0, SEEK_END);
    f.size = (size_t)ftell(stream);
    rewind(stream);
    f.bytes = (unsigned char *)malloc(f.size ? f.size : 1);
    EQUAL(fread(f.bytes, 1, f.size, stream), f.size);
    fclose(stream);
    return f;
}

static int is_zero(const void *p, size_t size)
{
    const unsigned char *b = (const unsigned char *)p;
    for (size_t i = 0; i < size; ++i)
        if (b[i]) return 0;
    return 1;
}

/* ---- good files ---------------------------------------------------------------------------- */

/* The values of make_corpus.py: k/8 - 1/2, or k, or k mod 2. */
static void check_values(const clb_tensors *tensors, const char *name, int digits, char kind)
{
    const clb_tensor *t = clb_tensors_find(tensors, name);
    NOTE("%s", name);
    CHECK(t != NULL);
    EQUAL(t->digits, digits);
    for (size_t k = 0; k < t->array.count; ++k)
        SAME_BITS(t->array.x[k], kind == 'f' ? (double)k / 8.0 - 0.5
                                             : (double)(kind == 'b' ? k % 2 : k));
}

static void t_npz_good(void)
{
    static const char *const names[] = { "stored.npz", "deflated.npz", "streamed.npz", "numpy.npz" };
    for (size_t i = 0; i < sizeof names / sizeof names[0]; ++i) {
        file f = corpus(names[i]);
        clb_tensors t;
        clb_error error;
        NOTE("%s", names[i]);
        EQUAL(clb_npz_read(&t, f.bytes, f.size, &error), CLB_OK);
        EQUAL(error.text[0], 0);
        EQUAL(t.count, 2);
        check_values(&t, "a", 53, 'f');
        check_values(&t, "layer/b", 24, 'f');
        EQUAL(t.item[0].array.rank, 2);
        EQUAL(t.item[0].array.shape[0], 3);
        EQUAL(t.item[0].array.shape[1], 4);
        EQUAL(t.item[1].array.count, 5);
        CHECK(clb_tensors_find(&t, "A") == NULL);
        clb_tensors_free(&t);
        CHECK(is_zero(&t, sizeof t));
        free(f.bytes);
    }
}

/* Sizes, offset and directory of 64 bits, as an archive of 4 GiB has them. */
static void t_npz_zip64(void)
{
    file f = corpus("zip64.npz");
    clb_tensors t;
    clb_error error;
    clb_status status = clb_npz_read(&t, f.bytes, f.size, &error);
    NOTE("%s", error.text);
    EQUAL(status, CLB_OK);
    EQUAL(t.count, 1);
    check_values(&t, "a", 53, 'f');
    clb_tensors_free(&t);
    free(f.bytes);
}

static void t_npz_types(void)
{
    static const struct { const char *name; int digits; char kind; } type[] = {
        { "f2", 11, 'f' }, { "f4", 24, 'f' }, { "f8", 53, 'f' }, { "bf4", 24, 'f' },
        { "bf8", 53, 'f' }, { "i1", 0, 'i' }, { "i2", 0, 'i' }, { "i4", 0, 'i' }, { "i8", 0, 'i' },
        { "u1", 0, 'u' }, { "u2", 0, 'u' }, { "bu4", 0, 'u' }, { "u8", 0, 'u' }, { "b1", 0, 'b' },
        { "fortran", 53, 'f' }, { "scalar", 53, 'f' }, { "empty", 53, 'f' } };
    file f = corpus("types.npz");
    clb_tensors t;
    EQUAL(clb_npz_read(&t, f.bytes, f.size, NULL), CLB_OK);
    EQUAL(t.count, sizeof type / sizeof type[0]);
    for (size_t i = 0; i < t.count; ++i) check_values(&t, type[i].name, type[i].digits, type[i].kind);
    EQUAL(clb_tensors_find(&t, "scalar")->array.count, 1);
    EQUAL(clb_tensors_find(&t, "empty")->array.count, 0);
    clb_tensors_free(&t);
    free(f.bytes);
}

/* All 65536 halves against their definition by powers of two. */
static void t_half(void)
{
    unsigned char raw[256];
    size_t size;
    clb_real one = 1;
    EQUAL(clb_npy_write(raw, sizeof raw, &size, &one, 0, NULL), CLB_OK);
    size -= sizeof one;
    for (unsigned char *p = raw + 10; p < raw + size - 2; ++p)
        if (!memcmp(p, "<f", 2)) p[2] = '2';
    for (unsigned h = 0; h < 65536; ++h) {
        clb_array a;
        int e = (int)(h >> 10 & 31), m = (int)(h & 1023);
        double v = e == 31 ? (double)(m ? NAN : INFINITY)
                 : e ? (1.0 + m / 1024.0) * pow(2.0, e - 15) : m / 1024.0 * pow(2.0, -14);
        raw[size] = (unsigned char)(h & 255), raw[size + 1] = (unsigned char)(h >> 8);
        NOTE("half %04x", h);
        EQUAL(clb_npy_read(&a, raw, size + 2), CLB_OK);
        SAME_BITS(a.x[0], h >> 15 ? -v : v);
        clb_array_free(&a);
    }
}

/* Deflate streams of all block types, several blocks, matches across them. */
static void t_inflate(void)
{
    static const char *const names[] = { "fixed.npz", "blocks.npz" };
    for (int i = 0; i < 2; ++i) {
        file f = corpus(names[i]);
        clb_tensors t;
        NOTE("%s", names[i]);
        EQUAL(clb_npz_read(&t, f.bytes, f.size, NULL), CLB_OK);
        if (i == 0) check_values(&t, "a", 53, 'f');
        else {
            file raw = corpus("noise.npy");
            clb_array a;
            EQUAL(clb_npy_read(&a, raw.bytes, raw.size), CLB_OK);
            EQUAL(t.item[0].array.count, a.count);
            CHECK(memcmp(t.item[0].array.x, a.x, a.count * sizeof *a.x) == 0);
            clb_array_free(&a);
            free(raw.bytes);
        }
        clb_tensors_free(&t);
        free(f.bytes);
    }
    file f = corpus("zeros.npz");
    clb_tensors t;
    EQUAL(clb_npz_read(&t, f.bytes, f.size, NULL), CLB_OK);
    EQUAL(clb_tensors_find(&t, "zeros")->array.count, 4000);
    CHECK(is_zero(clb_tensors_find(&t, "zeros")->array.x, 4000 * sizeof(double)));
    check_values(&t, "after", 53, 'f');
    clb_tensors_free(&t);
    free(f.bytes);
    CHECK(test_crc32((const unsigned char *)"123456789", 9) == 0xcbf43926u);
}

/* ---- bad files ----------------------------------------------------------------------------- */

typedef clb_status (*reader)(clb_tensors *, const void *, size_t, clb_error *);
typedef struct bad_file { const char *name; clb_status status; const char *words; } bad_file;

static void check_bad(reader read, const bad_file *bad, size_t count)
{
    for (size_t i = 0; i < count; ++i) {
        file f = corpus(bad[i].name);
        clb_tensors t;
        clb_error error;
        clb_status status = read(&t, f.bytes, f.size, &error);
        NOTE("%s: %s", bad[i].name, error.text);
        EQUAL(status, bad[i].status);
        CHECK(strstr(error.text, bad[i].words) != NULL);
        EQUAL(error.status, status);
        CHECK(is_zero(&t, sizeof t));
        EQUAL(read(&t, f.bytes, f.size, NULL), bad[i].status);
        free(f.bytes);
    }
}

static void t_npz_bad(void)
{
    static const bad_file bad[] = {
        { "bad_not_zip.npz", CLB_EFORMAT, "not a ZIP" },
        { "bad_tiny.npz", CLB_ETRUNCATED, "cut short" },
        { "bad_cut.npz", CLB_ETRUNCATED, "no directory at its end" },
        { "bad_encrypted.npz", CLB_ETYPE, "encrypted: ZIP member 'a.npy'" },
        { "bad_method.npz", CLB_ETYPE, "neither stored nor deflated" },
        { "bad_crc.npz", CLB_EFORMAT, "wrong checksum" },
        { "bad_size_more.npz", CLB_EFORMAT, "deflate stream" },
        { "bad_size_less.npz", CLB_EFORMAT, "deflate stream" },
        { "bad_size_huge.npz", CLB_EFORMAT, "cannot unpack to its size" },
        { "bad_stream.npz", CLB_EFORMAT, "deflate stream" },
        { "bad_far_back.npz", CLB_EFORMAT, "deflate stream" },
        { "bad_bomb.npz", CLB_ESIZE, "more than 64 times" },
        { "bad_twice.npz", CLB_EFORMAT, "two arrays have the name 'a'" },
        { "bad_object.npz", CLB_ETYPE, "element type not read here: NPY member 'a.npy'" },
        { "bad_f16.npz", CLB_ETYPE, "element type not read" },
        { "bad_short.npz", CLB_ETRUNCATED, "shorter than its header says: NPY member" },
        { "bad_shape.npz", CLB_ETRUNCATED, "shorter than its header says" },
        { "bad_overflow.npz", CLB_ESIZE, "too large: NPY member" },
        { "bad_two_sizes.npz", CLB_EFORMAT, "sizes differ" },
        { "bad_offset.npz", CLB_EFORMAT, "no header of ZIP member" },
        { "bad_directory.npz", CLB_EFORMAT, "outside the file" },
        { "bad_count.npz", CLB_EFORMAT, "more ZIP members" },
        { "bad_zip64.npz", CLB_EFORMAT, "ZIP64 size is missing" },
        { "bad_zip64_cut.npz", CLB_EFORMAT, "ZIP64 size is missing" },
        { "bad_zip64_record.npz", CLB_EFORMAT, "ZIP64 directory is missing" },
        { "bad_zip64_size.npz", CLB_ETRUNCATED, "past the end of the file: ZIP member 'a.npy'" },
        { "bad_zip64_sizes.npz", CLB_EFORMAT, "sizes differ" },
        { "bad_zip64_offset.npz", CLB_ETRUNCATED, "outside the file: ZIP member 'a.npy'" },
        { "bad_overlap.npz", CLB_EFORMAT, "overlap" } };
    check_bad(clb_npz_read, bad, sizeof bad / sizeof bad[0]);
}

static void t_safetensors_good(void)
{
    static const struct { const char *name; int digits; char kind; } type[] = {
        { "F64", 53, 'f' }, { "F32", 24, 'f' }, { "F16", 11, 'f' }, { "BF16", 8, 'f' },
        { "I64", 0, 'i' }, { "I32", 0, 'i' }, { "I16", 0, 'i' }, { "I8", 0, 'i' }, { "U64", 0, 'u' },
        { "U32", 0, 'u' }, { "U16", 0, 'u' }, { "U8", 0, 'u' }, { "BOOL", 0, 'b' },
        { "scalar", 53, 'f' }, { "empty", 24, 'f' }, { "na\303\257ve \360\237\230\200", 24, 'f' } };
    file f = corpus("types.safetensors");
    clb_tensors t;
    EQUAL(clb_tensors_read(&t, f.bytes, f.size, NULL), CLB_OK);
    EQUAL(t.count, sizeof type / sizeof type[0]);
    for (size_t i = 0; i < t.count; ++i) check_values(&t, type[i].name, type[i].digits, type[i].kind);
    clb_tensors_free(&t);
    free(f.bytes);
    f = corpus("padded.safetensors");
    EQUAL(clb_safetensors_read(&t, f.bytes, f.size, NULL), CLB_OK);
    check_values(&t, "a", 53, 'f');
    clb_tensors_free(&t);
    free(f.bytes);
}

static void t_torch_good(void)
{
    static const struct { const char *name; int digits; char kind; } type[] = {
        { "f8", 53, 'f' }, { "f4", 24, 'f' }, { "f2", 11, 'f' }, { "bf16", 8, 'f' }, { "i8", 0, 'i' },
        { "i4", 0, 'i' }, { "i2", 0, 'i' }, { "i1", 0, 'i' }, { "u1", 0, 'u' }, { "b1", 0, 'b' },
        { "transposed", 53, 'f' }, { "view", 53, 'f' }, { "tied", 53, 'f' }, { "scalar", 53, 'f' },
        { "empty", 24, 'f' } };
    static const char *const net[] = { "0.weight", "0.bias", "2.weight", "2.bias" };
    file f = corpus("types.pt");
    clb_tensors t;
    EQUAL(clb_tensors_read(&t, f.bytes, f.size, NULL), CLB_OK);
    EQUAL(t.count, sizeof type / sizeof type[0]);
    for (size_t i = 0; i < t.count; ++i) check_values(&t, type[i].name, type[i].digits, type[i].kind);
    EQUAL(clb_tensors_find(&t, "transposed")->array.shape[0], 3);
    clb_tensors_free(&t);
    free(f.bytes);
    f = corpus("net.pt");
    EQUAL(clb_torch_read(&t, f.bytes, f.size, NULL), CLB_OK);
    EQUAL(t.count, 4);
    for (size_t i = 0; i < 4; ++i) {
        CHECK(strcmp(t.item[i].name, net[i]) == 0);
        check_values(&t, net[i], 53, 'f');
    }
    clb_tensors_free(&t);
    free(f.bytes);
    f = corpus("checkpoint.pt");                     /* nested; numbers in it are passed over */
    EQUAL(clb_torch_read(&t, f.bytes, f.size, NULL), CLB_OK);
    EQUAL(t.count, 8);
    CHECK(clb_tensors_find(&t, "optimizer.state.2.momentum_buffer")->array.x[5] == 2.5);
    CHECK(clb_tensors_find(&t, "model.2.bias") != NULL);
    clb_tensors_free(&t);
    free(f.bytes);
    f = corpus("parameters.pt");                     /* a list of parameters */
    EQUAL(clb_torch_read(&t, f.bytes, f.size, NULL), CLB_OK);
    EQUAL(t.count, 4);
    CHECK(strcmp(t.item[3].name, "3") == 0);
    EQUAL(t.item[0].array.shape[1], 4);
    clb_tensors_free(&t);
    free(f.bytes);
}

static void t_safetensors_bad(void)
{
    static const bad_file bad[] = {
        { "bad_backwards.safetensors", CLB_EFORMAT, "ends before it begins: tensor 'b'" },
        { "bad_cut.safetensors", CLB_ETRUNCATED, "runs past the end" },
        { "bad_dtype.safetensors", CLB_ETYPE, "dtype 'F8_E4M3'" },
        { "bad_end.safetensors", CLB_EFORMAT, "something follows the header" },
        { "bad_escape.safetensors", CLB_EFORMAT, "a name was expected" },
        { "bad_hole.safetensors", CLB_EFORMAT, "bytes of no tensor before tensor 'b'" },
        { "bad_key_twice.safetensors", CLB_EFORMAT, "once each" },
        { "bad_length.safetensors", CLB_ETRUNCATED, "header is longer than the file" },
        { "bad_long.safetensors", CLB_ETRUNCATED, "header is longer than the file" },
        { "bad_metadata.safetensors", CLB_EFORMAT, "may hold strings only" },
        { "bad_negative.safetensors", CLB_EFORMAT, "a whole number from 0" },
        { "bad_nested.safetensors", CLB_EFORMAT, "description of a tensor was expected" },
        { "bad_no_offsets.safetensors", CLB_EFORMAT, "once each" },
        { "bad_number.safetensors", CLB_ESIZE, "the number is too large" },
        { "bad_one_offset.safetensors", CLB_EFORMAT, "data_offsets are two numbers" },
        { "bad_overflow.safetensors", CLB_ESIZE,
          sizeof(size_t) < 8 ? "the number is too large" : "shape overflows: tensor 'a'" },
        { "bad_overlap.safetensors", CLB_EFORMAT, "overlaps another: tensor 'b'" },
        { "bad_past.safetensors", CLB_ETRUNCATED, "runs past the end of the file: tensor 'a'" },
        { "bad_rank.safetensors", CLB_ESIZE, "the list is too long" },
        { "bad_rest.safetensors", CLB_EFORMAT, "bytes after the last tensor" },
        { "bad_shape.safetensors", CLB_EFORMAT, "shape and data_offsets differ: tensor 'a'" },
        { "bad_tiny.safetensors", CLB_ETRUNCATED, "cut short" },
        { "bad_metadata_twice.safetensors", CLB_EFORMAT, "stands there twice" },
        { "bad_control.safetensors", CLB_EFORMAT, "a name was expected" },
        { "bad_twice.safetensors", CLB_EFORMAT, "two arrays have the name 'a'" },
        { "bad_zero.safetensors", CLB_EFORMAT, "a zero byte in the name 'a?b'" } };
    check_bad(clb_safetensors_read, bad, sizeof bad / sizeof bad[0]);
}

static void t_torch_bad(void)
{
    static const bad_file bad[] = {
        { "bad_complex.pt", CLB_ETYPE, "PyTorch's 'ComplexDoubleStorage'" },
        { "bad_cut.pt", CLB_ETRUNCATED, "no directory at its end" },
        { "bad_empty_stack.pt", CLB_EFORMAT, "empty stack" },
        { "bad_huge.pt", sizeof(size_t) < 8 ? CLB_EFORMAT : CLB_ESIZE,
          sizeof(size_t) < 8 ? "no size" : "more than 64 times" },
        { "bad_itself.pt", CLB_EFORMAT, "nested too deeply" },
        { "bad_key.pt", CLB_EFORMAT, "no such storage in the archive: '9'" },
        { "bad_laughs.pt", CLB_EFORMAT, "nested too deeply" },
        { "bad_module.pt", CLB_ETYPE, "needs 'torch.nn.modules.linear.Linear'" },
        { "bad_no_mark.pt", CLB_EFORMAT, "lacks a mark" },
        { "bad_no_memo.pt", CLB_EFORMAT, "not there" },
        { "bad_no_pickle.pt", CLB_EFORMAT, "no data.pkl" },
        { "bad_offset.pt", CLB_ETRUNCATED, "reaches past its storage: tensor 'a'" },
        { "bad_old.pt", CLB_ETYPE, "before version 1.6" },
        { "bad_opcode.pt", CLB_ETYPE, "hexadecimal '8c'" },
        { "bad_shape.pt", CLB_ETRUNCATED, "reaches past its storage: tensor 'a'" },
        { "bad_storage.pt", CLB_ETRUNCATED, "reaches past its storage: tensor 'a'" },
        { "bad_stride.pt", CLB_EFORMAT, "not one stride a dimension" },
        { "bad_system.pt", CLB_ETYPE, "needs 'os.system'" },
        { "bad_text.pt", CLB_EFORMAT, "past the end of the pickle" },
        { "bad_unfinished.pt", CLB_EFORMAT, "ends too early" } };
    check_bad(clb_torch_read, bad, sizeof bad / sizeof bad[0]);
}

/* Every prefix of a file, and every byte of it changed in several ways: read or refused, never
 * beyond its bytes, never more memory than 64 times the size and 16 MiB. */
static void check_read(reader read, const unsigned char *bytes, size_t size, int whole)
{
    clb_tensors t;
    clb_error error;
    size_t before = alloc_bytes;
    clb_status status;
    alloc_reset(0);
    status = read(&t, bytes, size, &error);
    CHECK(alloc_peak - before <= 64 * size + ((size_t)16 << 20));
    CHECK(status == CLB_OK ? whole : error.text[0] != 0 && is_zero(&t, sizeof t));
    clb_tensors_free(&t);
    EQUAL(alloc_bytes, before);
}

static void mutate(reader read, const char *name)
{
    static const unsigned char change[] = { 1, 0x80, 0xff };
    file f = corpus(name);
    for (size_t cut = 0; cut < f.size; ++cut) {
        unsigned char *exact = (unsigned char *)malloc(cut ? cut : 1);
        memcpy(exact, f.bytes, cut);
        NOTE("%s cut at %zu", name, cut);
        check_read(read, exact, cut, 0);
        free(exact);
    }
    for (size_t at = 0; at < f.size; ++at)
        for (size_t k = 0; k < sizeof change; ++k) {
            NOTE("%s byte %zu ^ %02x", name, at, change[k]);
            f.bytes[at] ^= change[k];
            check_read(read, f.bytes, f.size, 1);
            f.bytes[at] ^= change[k];
        }
    free(f.bytes);
}

static void t_npz_mutated(void)
{
    mutate(clb_npz_read, "stored.npz");
    mutate(clb_npz_read, "deflated.npz");
    mutate(clb_npz_read, "numpy.npz");
    mutate(clb_npz_read, "streamed.npz");
}

static void t_safetensors_mutated(void) { mutate(clb_safetensors_read, "types.safetensors"); }
static void t_torch_mutated(void) { mutate(clb_torch_read, "net.pt"); }

/* ---- the writer ---------------------------------------------------------------------------- */

static void t_npz_write(void)
{
    static char names[4][8] = { "W.1", "b", "layer/n", "" };
    double x[6] = { 0.1, -3.0, 1e300, -0.0, 5e-324, (double)INFINITY }, y[2] = { (double)0.1f, -2.5 },
           z[3] = { 7.0, -9007199254740992.0, 0.0 }, one = 4.0;
    clb_tensor item[] = { { names[0], { 2, { 2, 3 }, 6, x }, 53 }, { names[1], { 1, { 2 }, 2, y }, 24 },
                          { names[2], { 1, { 3 }, 3, z }, 0 }, { names[3], { 0, { 0 }, 1, &one }, 53 } };
    clb_tensors t = { 4, item }, back;
    unsigned char *bytes;
    size_t size, again;
    y[0] = (double)0.1f;
    EQUAL(clb_npz_write(NULL, 0, &size, &t), CLB_OK);
    bytes = (unsigned char *)malloc(size);
    EQUAL(clb_npz_write(bytes, size - 1, &again, &t), CLB_ESIZE);
    EQUAL(clb_npz_write(bytes, size, &again, &t), CLB_OK);
    EQUAL(size, again);
    for (int digits = 1; digits <= 24; ++digits) {           /* all that float32 holds has its size */
        item[1].digits = digits;
        EQUAL(clb_npz_write(NULL, 0, &again, &t), CLB_OK);
        EQUAL(again, size);
    }
    item[1].digits = 25;
    EQUAL(clb_npz_write(NULL, 0, &again, &t), CLB_OK);
    EQUAL(again, size + 2 * 4);
    item[1].digits = 24;
    EQUAL(clb_npz_read(&back, bytes, size, NULL), CLB_OK);
    EQUAL(back.count, 4);
    for (size_t i = 0; i < 4; ++i) {
        CHECK(strcmp(back.item[i].name, item[i].name) == 0);
        EQUAL(back.item[i].digits, item[i].digits);
        EQUAL(back.item[i].array.rank, item[i].array.rank);
        EQUAL(back.item[i].array.count, item[i].array.count);
        for (size_t k = 0; k < item[i].array.count; ++k)
            SAME_BITS(back.item[i].array.x[k], item[i].array.x[k]);
    }
    clb_tensors_free(&back);
    free(bytes);
    item[1].name = item[0].name;
    EQUAL(clb_npz_write(NULL, 0, &size, &t), CLB_ENAME);
    item[1].name = names[1];
    z[0] = 0.5;
    EQUAL(clb_npz_write(NULL, 0, &size, &t), CLB_ETYPE);
    z[0] = 7.0;
    item[0].array.shape[0] = (size_t)1 << 28, item[0].array.shape[1] = 2;    /* 4 GiB: ZIP has 32 bits */
    item[0].array.count = (size_t)1 << 29;           /* no value is read to count the bytes */
    EQUAL(clb_npz_write(NULL, 0, &size, &t), CLB_ESIZE);
    item[0].digits = 24, t.count = 1;                /* half of that is no matter */
    EQUAL(clb_npz_write(NULL, 0, &size, &t), CLB_OK);
    t.count = 0;
    EQUAL(clb_npz_write(NULL, 0, &size, &t), CLB_OK);
    EQUAL(size, 22);
}

static clb_status read_any(void *context)
{
    const file *f = (const file *)context;
    clb_tensors t;
    clb_status status = clb_tensors_read(&t, f->bytes, f->size, NULL);
    CHECK(status == CLB_OK || is_zero(&t, sizeof t));
    clb_tensors_free(&t);
    return status;
}

static clb_status write_all(void *context)
{
    size_t size;
    return clb_npz_write(NULL, 0, &size, (const clb_tensors *)context);
}

static void t_no_memory(void)
{
    double x[2] = { 1.0, 2.0 };
    static char name[] = "x";
    clb_tensor item = { name, { 1, { 2 }, 2, x }, 53 };
    clb_tensors one = { 1, &item };
    static const char *const names[] = { "deflated.npz", "types.safetensors", "net.pt" };
    for (int i = 0; i < 3; ++i) {
        file f = corpus(names[i]);
        ALLOC_SWEEP(read_any, &f);
        free(f.bytes);
    }
    ALLOC_SWEEP(write_all, &one);
}

static const test_case tests[] = {
    TEST(t_npz_good), TEST(t_npz_zip64), TEST(t_npz_types), TEST(t_half), TEST(t_inflate), TEST(t_npz_bad),
    TEST(t_safetensors_good), TEST(t_safetensors_bad), TEST(t_torch_good), TEST(t_torch_bad),
    TEST(t_npz_mutated), TEST(t_safetensors_mutated), TEST(t_torch_mutated), TEST(t_npz_write), TEST(t_no_memory) };
TEST_MAIN(tests)
