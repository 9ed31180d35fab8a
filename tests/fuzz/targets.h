/* targets.h - what fuzz.c feeds. A target takes bytes, and ends the process with a message where a promise is
 * broken: something read outside the input (the sanitizers see it), memory lost, more taken than the input justifies,
 * an error without its text, a result that another way of computing it contradicts. */
#ifndef CLB_FUZZ_TARGETS_H
#define CLB_FUZZ_TARGETS_H

static void promise(int kept, const char *what)
{
    if (kept) return;
    fprintf(stderr, "broken: %s\n", what);
    abort();
}

/* Between these two calls the library may take 64 bytes for each of the input and 16 MiB, and gives all back. */
static size_t memory_before;
static void memory_watch(void)
{
    alloc_reset(0);
    memory_before = alloc_bytes;
}
static void memory_check(size_t size, const char *what)
{
    promise(alloc_peak - memory_before <= 64 * size + ((size_t)16 << 20), what);
    promise(alloc_bytes == memory_before, what);
}

/* --- readers: NPY, NPZ, safetensors, PyTorch, CSV, IDX; CLB_READER=npz tries one alone ------------- */

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
static void target_readers(const unsigned char *bytes, size_t size)
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

/* --- parts of files that a checksum shields from changes ------------------------------------------- */

/* The bytes as a deflate stream: unpacked to no more than it should, and to the same again. */
static void target_deflate(const unsigned char *bytes, size_t size)
{
    enum { MOST = 4096 };
    static const size_t sizes[] = { 0, 1, 176, MOST };
    for (size_t k = 0; k < sizeof sizes / sizeof sizes[0]; ++k) {
        unsigned char *out = (unsigned char *)malloc(sizes[k] + 1), again[MOST];
        int read = clbi_inflate_all(bytes, size, out, sizes[k]);
        promise(!read || clbi_inflate_all(bytes, size, again, sizes[k]), "deflate: once more");
        promise(!read || !memcmp(out, again, sizes[k]), "deflate: the same bytes");
        free(out);
    }
}

/* One stored member of an archive, or its line in the directory. */
static void put_member(clbi_sink *out, const char *name, const unsigned char *bytes, size_t size, size_t header,
                       int directory)
{
    clbi_put_bytes(out, directory ? "PK\1\2\24\0" : "PK\3\4", directory ? 6 : 4);
    clbi_put_le(out, 20, 2), clbi_put_le(out, 0, 8);
    clbi_put_le(out, clbi_crc32(bytes, size), 4);
    clbi_put_le(out, size, 4), clbi_put_le(out, size, 4), clbi_put_le(out, strlen(name), 2);
    clbi_put_le(out, 0, directory ? 8 : 2);
    if (directory) clbi_put_le(out, 0, 4), clbi_put_le(out, header, 4);
    clbi_put_bytes(out, name, strlen(name));
    if (!directory) clbi_put_bytes(out, bytes, size);
}

/* The bytes as the pickle of a PyTorch file, whose checksums are right and whose storages are there. */
static void target_pickle(const unsigned char *bytes, size_t size)
{
    static const char *const names[] = { "a/data.pkl", "a/data/0", "a/data/1", "a/data/2" };
    unsigned char storage[96], *file = (unsigned char *)malloc(size + 1024);
    size_t header[4], directory;
    clbi_sink out;
    clb_error error;
    clb_status status;
    memset(&error, 0, sizeof error), memset(&out, 0, sizeof out);
    for (size_t i = 0; i < sizeof storage; ++i) storage[i] = (unsigned char)(3 * i);
    out.p = file, out.capacity = size + 1024;
    for (size_t i = 0; i < 4; ++i) {
        header[i] = out.size;
        put_member(&out, names[i], i ? storage : bytes, i ? sizeof storage : size, 0, 0);
    }
    directory = out.size;
    for (size_t i = 0; i < 4; ++i)
        put_member(&out, names[i], i ? storage : bytes, i ? sizeof storage : size, header[i], 1);
    clbi_put_bytes(&out, "PK\5\6\0\0\0\0\4\0\4", 11), clbi_put_le(&out, 0, 1);
    clbi_put_le(&out, out.size - 12 - directory, 4), clbi_put_le(&out, directory, 4), clbi_put_le(&out, 0, 2);
    promise(out.size <= out.capacity, "pickle: room");
    memory_watch();
    status = read_torch(file, out.size, &error);
    promise((status != CLB_OK) == (error.text[0] != 0), "pickle: an error has a text");
    memory_check(out.size, "pickle: memory");
    free(file);
}

/* --- text logs of other programs ------------------------------------------------------------------- */

static void target_log(const unsigned char *bytes, size_t size)
{
    char *text = (char *)malloc(size + 1);
    clb_error error;
    lab_log log;
    int status;
    memset(&error, 0, sizeof error);
    memcpy(text, bytes, size), text[size] = 0;
    status = lab_log_parse(&log, text, size, &error);
    promise((status != KIT_OK) == (error.text[0] != 0), "log: an error has a text");
    promise(log.columns <= LAB_COLUMNS && log.lines <= size, "log: its size");
    free(text);
    kit_arena_free(&tool_arena);
}

/* --- result files: JSON, its tables and its report ----------------------------------------------- */

static void target_json(const unsigned char *bytes, size_t size)
{
    static char name[] = "input";
    docs all;
    doc d;
    int read = doc_parse(&d, name, (const char *)bytes, size);
    promise(read == !d.error[0], "json: an error has a text");
    if (read && d.complete) {
        kit_buf page = { NULL, 0, 0 };
        replication none;
        report_files files;
        memset(&none, 0, sizeof none), memset(&files, 0, sizeof files);
        all.at = &d, all.n = 1;
        tables_page(&page, &all, 0);
        report_page(&page, &all, &none, &files);
        free(page.s);
    }
    doc_free(&d);
    kit_arena_free(&tool_arena);
}

/* --- command line: words separated by 0 --------------------------------------------------------- */

static void target_command(const unsigned char *bytes, size_t size)
{
    enum { WORDS = 40 };
    static char program[] = "fuzz";
    char *text = (char *)malloc(size + 1), *argv[WORDS + 2];
    const char *words[WORDS + 2];
    kit_settings set = kit_settings_default();
    kit_opt opts[KIT_SHARED_OPTIONS + 9];
    int argc = 1, help = 0, version = 0, status;
    memcpy(text, bytes, size), text[size] = 0;
    argv[0] = program;
    for (size_t i = 0; i < size && argc <= WORDS; i += strlen(text + i) + 1) argv[argc++] = text + i;
    argv[argc] = NULL;
    kit_shared_options(opts, &set, &help, &version);
    status = kit_parse(program, opts, argc, argv, words, WORDS);
    promise(status == -1 || status == KIT_USAGE, "command: accepted or refused");
    promise(status >= 0 || (set.shard >= 0 && set.shard < set.shards), "command: a shard in range");
    for (size_t i = 0; status < 0 && i < set.lr_list.n; ++i)
        promise(set.lr_list.at[i] > 0 && set.lr_list.at[i] < KIT_INF, "command: rates");
    free(text);
    kit_arena_free(&kit_option_arena);
}

/* --- matrices of raw bytes ------------------------------------------------------------------------ */

enum { ORDER = 12 };
typedef struct matrix { size_t n; int finite; double most; clb_real a[ORDER * ORDER]; } matrix;

/* The first byte is the order and a shift of all exponents, then numbers; the input is repeated as needed. */
static void matrix_read(matrix *m, const unsigned char *bytes, size_t size)
{
    size_t at = 1;
    m->n = 1 + bytes[0] % ORDER, m->finite = 1, m->most = 0;
    for (size_t i = 0; i < m->n; ++i)
        for (size_t j = 0; j <= i; ++j) {
            unsigned char raw[sizeof(double)];
            double x;
            for (size_t k = 0; k < sizeof raw; ++k, ++at) raw[k] = bytes[at % size];
            memcpy(&x, raw, sizeof x);
            m->a[i * m->n + j] = m->a[j * m->n + i] = (clb_real)x;
            if (!(x - x == 0)) m->finite = 0;
            else if (fabs(x) > m->most) m->most = fabs(x);
        }
}

/* Both dense solvers, a few pairs, a quadrature: against each other. */
static void target_matrix(const unsigned char *bytes, size_t size)
{
    double values[ORDER], exact[ORDER], tol;
    clb_real vectors[ORDER * ORDER], copy[ORDER * ORDER];
    clb_status status;
    clb_quadrature q;
    clb_dense dense;
    clb_linop op;
    clb_eigs eigs;
    clb_rng rng;
    matrix m;
    if (!size) return;
    matrix_read(&m, bytes, size);
    memory_watch();
    status = clb_jacobi(m.n, m.a, m.n, exact, vectors);
    promise((status == CLB_ENOTFINITE) == !m.finite, "matrix: jacobi says what is not finite");
    promise(status == CLB_OK || !m.finite, "matrix: jacobi converges");
    memcpy(copy, m.a, sizeof copy);
    status = clb_eigh(m.n, copy, m.n, values, vectors);
    promise((status == CLB_ENOTFINITE) == !m.finite, "matrix: eigh says what is not finite");
    promise(status == CLB_OK || !m.finite, "matrix: eigh converges");
    tol = 1e-13 * (double)m.n * m.most + 1e-300;
    for (size_t i = 0; m.finite && m.most < 1e307 && i < m.n; ++i) {
        promise(fabs(values[i] - exact[i]) <= tol, "matrix: eigh is jacobi");
        promise(!i || values[i] >= values[i - 1], "matrix: eigh ascends");
    }
    dense.n = dense.lda = m.n, dense.A = m.a;
    op = clb_dense_op(&dense);
    status = clb_lanczos(&op, 2, NULL, &eigs);
    promise(m.finite || status != CLB_OK, "matrix: lanczos of what is not finite");
    for (size_t i = 0; status == CLB_OK && m.most < 1e150 && m.most > 1e-150 && i < eigs.count; ++i)
        promise(fabs(eigs.value[i] - exact[m.n - 1 - i]) <= eigs.bound[i] + 1e-9 * m.most, "matrix: lanczos is jacobi");
    clb_eigs_free(&eigs);
    clb_rng_seed(&rng, 1);
    status = clb_slq(&op, &rng, NULL, &q);
    for (size_t i = 0; status == CLB_OK && i < q.count; ++i)
        promise(q.weight[i] >= 0 && q.weight[i] <= 1.0000001, "matrix: weights of the quadrature");
    clb_quadrature_free(&q);
    memory_check(size, "matrix: memory");
}

/* --- the list --------------------------------------------------------------------------------------- */

typedef struct target { const char *name; void (*run)(const unsigned char *bytes, size_t size); } target;
static const target targets[] = { { "readers", target_readers }, { "deflate", target_deflate },
                                  { "pickle", target_pickle }, { "log", target_log }, { "json", target_json },
                                  { "command", target_command }, { "matrix", target_matrix } };

static const target *target_named(const char *name)
{
    for (size_t i = 0; name && i < sizeof targets / sizeof targets[0]; ++i)
        if (!strcmp(targets[i].name, name)) return &targets[i];
    return NULL;
}

#endif /* CLB_FUZZ_TARGETS_H */
