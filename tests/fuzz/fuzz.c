/* Mutations of the corpus against the readers of files that users bring: bytes changed, cut, doubled, moved between
 * files. Run it with the sanitizers; what must hold is that nothing is read outside the file, that no memory is lost,
 * that an error has a text, and that a call allocates at most 64 times the size of the file and 16 MiB.
 *   cc -std=c99 -g -O1 -fsanitize=address,undefined -o fuzz tests/fuzz/fuzz.c -lm && ./fuzz 60 1 tests/fuzz/corpus/[^.]*
 * Arguments: seconds, seed, files. CLB_READER=npz (safetensors, torch, npy, csv, idx) tries that reader alone. With
 * libFuzzer, whose inputs follow the branches of the code:
 *   clang -DLIBFUZZER -g -O1 -fsanitize=fuzzer,address,undefined -o fuzz tests/fuzz/fuzz.c -lm &&
 *       CLB_READER=npz ./fuzz -max_total_time=600 tests/fuzz/corpus */
#define CLB_IMPLEMENTATION
#include "../failing_alloc.h"
#include "../../clb.h"
#include <stdio.h>
#include <time.h>

typedef clb_status (*tensors_reader)(clb_tensors *, const void *, size_t, clb_error *);

/* The tensors, and the net that they may be. */
static clb_status read_tensors(tensors_reader read, const unsigned char *bytes, size_t size, clb_error *error)
{
    clb_tensors t;
    clb_error none;
    clb_chain chain;
    clb_status status = read(&t, bytes, size, error);
    if (!status && !clb_chain_find(&chain, &t, &none)) {
        clb_net net;
        if (!clb_chain_net(&chain, &t, NULL, &net, &none)) clb_net_free(&net);
        clb_chain_free(&chain);
    }
    clb_tensors_free(&t);
    return status;
}

static clb_status read_any(const unsigned char *bytes, size_t size, clb_error *error)
{ return read_tensors(clb_tensors_read, bytes, size, error); }
static clb_status read_npz(const unsigned char *bytes, size_t size, clb_error *error)
{ return read_tensors(clb_npz_read, bytes, size, error); }
static clb_status read_safetensors(const unsigned char *bytes, size_t size, clb_error *error)
{ return read_tensors(clb_safetensors_read, bytes, size, error); }
static clb_status read_torch(const unsigned char *bytes, size_t size, clb_error *error)
{ return read_tensors(clb_torch_read, bytes, size, error); }

/* These two have no text but that of their status. */
static clb_status said(clb_status status, clb_error *error)
{
    snprintf(error->text, sizeof error->text, "%s", status ? clb_strerror(status) : "");
    return status;
}

static clb_status read_npy(const unsigned char *bytes, size_t size, clb_error *error)
{
    clb_array a;
    clb_status status = clb_npy_read(&a, bytes, size);
    clb_array_free(&a);
    return said(status, error);
}

/* Images and labels in one input: its first two bytes say where the labels begin. */
static clb_status read_idx(const unsigned char *bytes, size_t size, clb_error *error)
{
    clb_data data;
    clb_idx_files files;
    size_t images = size < 2 ? 0 : (size_t)bytes[0] | (size_t)bytes[1] << 8, room = size < 2 ? 0 : size - 2;
    clb_status status;
    if (images > room) images = room;
    files.images = bytes + size - room, files.images_size = images;
    files.labels = bytes + size - room + images, files.labels_size = room - images;
    status = clb_data_idx(&data, &files, 0);
    clb_data_free(&data);
    return said(status, error);
}

static clb_status read_csv(const unsigned char *bytes, size_t size, clb_error *error)
{
    static const clb_csv_opts kinds[] = { { NULL, 0, 0, 0, 0, NULL, 0, NULL }, { NULL, -1, -1, ';', 0, NULL, 0, NULL },
                                          { NULL, 1, 1, ',', 1, NULL, 0, NULL } };
    clb_data data;
    clb_status status = CLB_OK;
    for (size_t k = 0; k < sizeof kinds / sizeof kinds[0]; ++k) {
        status = clb_data_csv(&data, (const char *)bytes, size, &kinds[k], error);
        clb_data_free(&data);
        if ((status != CLB_OK) != (error->text[0] != 0)) break;
    }
    return status;
}

static const struct { const char *name; clb_status (*read)(const unsigned char *, size_t, clb_error *); } readers[] = {
    { "any", read_any }, { "npz", read_npz }, { "safetensors", read_safetensors }, { "torch", read_torch },
    { "npy", read_npy }, { "csv", read_csv }, { "idx", read_idx } };

/* One input through the readers; the process ends with a message where a promise is broken. */
static void one(const unsigned char *bytes, size_t size)
{
    const char *only = getenv("CLB_READER");
    for (size_t r = 0; r < sizeof readers / sizeof readers[0]; ++r) {
        clb_error error;
        size_t before = alloc_bytes;
        clb_status status;
        if (only && strcmp(only, readers[r].name)) continue;
        memset(&error, 0, sizeof error);
        alloc_reset(0);
        status = readers[r].read(bytes, size, &error);
        if (alloc_peak - before > 64 * size + ((size_t)16 << 20)) {
            fprintf(stderr, "%s took %zu bytes for a file of %zu\n", readers[r].name, alloc_peak - before, size);
            abort();
        }
        if ((status != CLB_OK) != (error.text[0] != 0)) {
            fprintf(stderr, "%s: status %d with the text '%s'\n", readers[r].name, (int)status, error.text);
            abort();
        }
        if (alloc_bytes != before) {
            fprintf(stderr, "%s lost memory\n", readers[r].name);
            abort();
        }
    }
}

#ifdef LIBFUZZER
int LLVMFuzzerTestOneInput(const unsigned char *bytes, size_t size);
int LLVMFuzzerTestOneInput(const unsigned char *bytes, size_t size)
{
    one(bytes, size);
    return 0;
}
#else
enum { FILES_MOST = 1000 };
typedef struct input { unsigned char *bytes; size_t size; } input;

static uint32_t state;
static uint32_t draw(uint32_t below)
{
    state ^= state << 13, state ^= state >> 17, state ^= state << 5;
    return below ? state % below : 0;
}

/* A few changes, of sizes from bits to blocks; numbers that sizes are made of come often. */
static size_t change(unsigned char *x, size_t size, size_t room, const input *files, size_t count)
{
    static const unsigned char edge[][4] = { { 0, 0, 0, 0 }, { 255, 255, 255, 255 }, { 255, 255, 255, 127 },
                                             { 1, 0, 0, 0 }, { 0, 0, 0, 128 } };
    for (uint32_t changes = 1 + draw(6); changes > 0 && size > 0; --changes) {
        size_t at = draw((uint32_t)size), n = 1 + draw(16), from;
        const input *other = &files[draw((uint32_t)count)];
        if (n > size - at) n = size - at;
        switch (draw(7)) {
        case 0: x[at] ^= (unsigned char)(1u << draw(8)); break;
        case 1: x[at] = (unsigned char)draw(256); break;
        case 2: memcpy(x + at, edge[draw(5)], n < 4 ? n : 4); break;
        case 3: memmove(x + at, x + at + n, size - at - n); size -= n; break;
        case 4:
            if (size + n > room) break;
            memmove(x + at + n, x + at, size - at);
            size += n;
            break;
        case 5:
            if (!other->size) break;
            from = draw((uint32_t)other->size);
            memcpy(x + at, other->bytes + from, n < other->size - from ? n : other->size - from);
            break;
        default: if (draw(4) == 0) size = at;
        }
    }
    return size;
}

int main(int argc, char **argv)
{
    static input file[FILES_MOST];
    size_t count = 0, runs = 0, longest = 0;
    if (argc < 4) return fputs("usage: fuzz SECONDS SEED FILES\n", stderr), 2;
    for (int i = 3; i < argc && count < FILES_MOST; ++i) {
        clb_status s = clbi_read_file(argv[i], &file[count].bytes, &file[count].size);
        if (s) return fprintf(stderr, "%s: %s\n", argv[i], clb_strerror(s)), 3;
        if (file[count].size > 65536) {
            test_free(file[count].bytes);
            continue;
        }
        if (file[count].size > longest) longest = file[count].size;
        one(file[count].bytes, file[count].size);
        ++count;
    }
    time_t end = time(NULL) + atoi(argv[1]);
    state = 2463534242u ^ (uint32_t)strtoul(argv[2], NULL, 10);
    unsigned char *work = (unsigned char *)malloc(2 * longest);
    while (count && time(NULL) < end)
        for (int k = 0; k < 100; ++k, ++runs) {
            const input *f = &file[draw((uint32_t)count)];
            memcpy(work, f->bytes, f->size);
            size_t size = change(work, f->size, 2 * longest, file, count);
            unsigned char *exact = (unsigned char *)malloc(size ? size : 1);   /* ends where the file ends */
            memcpy(exact, work, size);
            one(exact, size);
            free(exact);
        }
    free(work);
    for (size_t i = 0; i < count; ++i) test_free(file[i].bytes);
    printf("%zu mutated files: no fault\n", runs);
    return 0;
}
#endif
