/* Mutations of a corpus against what takes bytes from outside (targets.h): bytes changed, cut, doubled, moved between
 * inputs. Run it with the sanitizers. "make fuzz MINUTES=5" does, each target in turn.
 *   cc -std=c99 -g -O1 -fsanitize=address,undefined -o fuzz tests/fuzz/fuzz.c -lm &&
 *       ./fuzz json 60 1 tests/fuzz/corpus/json/E05.json
 * Arguments: target (see targets.h), seconds, seed, files. With libFuzzer, which follows the branches that an input
 * takes, instead:
 *   clang -DLIBFUZZER -g -O1 -fsanitize=fuzzer,address,undefined -o fuzz tests/fuzz/fuzz.c -lm &&
 *       CLB_TARGET=json ./fuzz -max_total_time=60 tests/fuzz/corpus/json */
#undef CLB_DECLARATIONS_ONLY           /* an implementation of its own */
#define CLB_IMPLEMENTATION
#include "../failing_alloc.h"
#define main lab_main                            /* the tool, for what its headers lean on */
int lab_main(int argc, char **argv);
#include "../../tools/clb_lab.c"
#undef main
#include "../../tools/map.h"
#include "targets.h"

#ifdef LIBFUZZER
int LLVMFuzzerTestOneInput(const unsigned char *bytes, size_t size);
int LLVMFuzzerTestOneInput(const unsigned char *bytes, size_t size)
{
    static const target *t;
    if (!t) t = target_named(getenv("CLB_TARGET"));
    if (!t) fputs("CLB_TARGET names no target\n", stderr), exit(2);
    t->run(bytes, size);
    return 0;
}
#else
enum { FILES_MOST = 1000 };
typedef struct input { unsigned char *bytes; size_t size; } input;

/* What was being tried when a promise broke goes into a file of its own. */
static const unsigned char *tried;
static size_t tried_size;
static void keep(int number)
{
    FILE *f = fopen("fault.input", "wb");
    if (f && fwrite(tried, 1, tried_size, f) == tried_size && !fclose(f)) fputs("the input is in fault.input\n", stderr);
    signal(number, SIG_DFL);
    raise(number);
}

static void try_input(const target *t, const unsigned char *bytes, size_t size)
{
    tried = bytes, tried_size = size;
    t->run(bytes, size);
}

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
    const target *t = argc > 4 ? target_named(argv[1]) : NULL;
    if (!t) return fputs("usage: fuzz TARGET SECONDS SEED FILES; targets.h has the list\n", stderr), 2;
    signal(SIGABRT, keep);
    for (int i = 4; i < argc && count < FILES_MOST; ++i) {
        clb_status s = clbi_read_file(argv[i], &file[count].bytes, &file[count].size);
        if (s) return fprintf(stderr, "%s: %s\n", argv[i], clb_strerror(s)), 3;
        if (file[count].size > 65536) {
            test_free(file[count].bytes);
            continue;
        }
        if (file[count].size > longest) longest = file[count].size;
        try_input(t, file[count].bytes, file[count].size);
        ++count;
    }
    time_t end = time(NULL) + atoi(argv[2]);
    state = 2463534242u ^ (uint32_t)strtoul(argv[3], NULL, 10);
    unsigned char *work = (unsigned char *)malloc(2 * longest);
    while (count && time(NULL) < end)
        for (int k = 0; k < 100; ++k, ++runs) {
            const input *f = &file[draw((uint32_t)count)];
            memcpy(work, f->bytes, f->size);
            size_t size = change(work, f->size, 2 * longest, file, count);
            unsigned char *exact = (unsigned char *)malloc(size ? size : 1);   /* ends where the file ends */
            memcpy(exact, work, size);
            try_input(t, exact, size);
            free(exact);
        }
    free(work);
    for (size_t i = 0; i < count; ++i) test_free(file[i].bytes);
    printf("%s: %zu mutated inputs, no fault\n", t->name, runs);
    return 0;
}
#endif
