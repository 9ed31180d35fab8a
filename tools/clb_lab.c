/* clb_lab - your own weights and data: what a run's weights tell, its Hessian, its drift, training.
 *   cc -O2 -o clb_lab tools/clb_lab.c -lm && ./clb_lab audit run/
 * Every number comes from the public functions of clb.h; this file reads options and prints.
 */
#define CLB_IMPLEMENTATION
#include "../clb.h"
#include "../examples/kit/kit.h"
#include "report.h"
#include <ctype.h>

enum { AUDIT = 1, SPECTRUM = 2, PREDICT = 4, TRAIN = 8, NEEDS_DATA = SPECTRUM | PREDICT | TRAIN };
enum { LIST = 64, FILES = 100000, OPTIONS = 64 };

static const char lab_help[] =
    "clb_lab reads weights and data and says what a training did.\n"
    "\n"
    "  clb_lab audit FILES or FOLDER   which method trained these weights\n"
    "  clb_lab spectrum WEIGHTS        loss, gradient and Hessian at these weights\n"
    "  clb_lab predict WEIGHTS         drift of the charges against the step size\n"
    "  clb_lab train                   train nets on your data, and a report on it\n"
    "  clb_lab COMMAND --help          the options of a command\n"
    "\n"
    "Weights: NPZ, NPY, safetensors, PyTorch .pt and .pth (state dicts).\n"
    "Exit status: 0 done, 1 a check failed, 2 wrong use, 3 bad input file,\n"
    "4 output failed, 5 out of memory, 6 numerical failure, 130 interrupted.\n"
    "\n"
    "  clb_lab audit run/ --expect momentum=0.9\n"
    "  clb_lab train --csv wine.csv --out run\n";

/* Numbers of an option; words of one. */
typedef struct lab_numbers { double at[LIST]; size_t n; } lab_numbers;
typedef struct lab_words { int at[LIST]; size_t n; } lab_words;
/* Hidden layers of one net, or all its widths. */
typedef struct lab_shape { size_t width[LIST], n; } lab_shape;

/* Everything the options can set. */
typedef struct lab_options {
    int         command;
    const char *file[FILES + 1];
    size_t      files;
    const char *csv, *npy, *npz, *idx, *generate, *json, *expect, *log;
    clb_csv_opts csv_opts;
    clb_net_opts net;
    double      ce;                                       /* of the first loss */
    int         dry_run, quiet, middle, renumber, help;
    size_t      k, steps, probes, seed;
    lab_numbers lr;
    /* train */
    kit_settings set;
    lab_words   loss, activation, optimizer, schedule, bias;
    lab_shape   shape[LIST];
    size_t      shapes, looks, stairs;
    lab_numbers momentum, l2, decoupled, batch, warmup, clip, patience, spectrum_at;
    lab_numbers rates[LIST];                              /* of the layers, a set a sweep value */
    size_t      rates_n;
    double      validate, factor;
    int         raw, fast;
} lab_options;

static const char *const lab_losses[] = { "mse", "ce", NULL };
static const char *const lab_activations[] = { "relu", "identity", "leaky", "tanh", "sigmoid",
                                               "softplus", "gelu", NULL };
static const clb_activation lab_activation[] = { CLB_RELU, CLB_IDENTITY, CLB_LEAKY_RELU, CLB_TANH,
                                                 CLB_SIGMOID, CLB_SOFTPLUS, CLB_GELU };
static const char *const lab_optimizers[] = { "gd", "heavy-ball", "nesterov", "adam", NULL };
static const char *const lab_schedules[] = { "constant", "cosine", "stairs", NULL };
static const char *const lab_no_yes[] = { "no", "yes", NULL };

KIT_FN KIT_PRINTF(2, 3) int lab_fail(int status, const char *format, ...)
{
    va_list args;
    fputs("clb_lab: ", stderr);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
    return status;
}

/* The exit status that belongs to a status of the library. Of a file it is the file's fault that
 * its sizes are too large, or that it is out of order. */
static int lab_status(const char *file, clb_status status, const clb_error *error)
{
    int of_file = file && (status == CLB_ESIZE || status == CLB_EORDER || status == CLB_ECOUNT);
    int code = of_file ? KIT_BAD_INPUT : kit_status_of(status);
    const char *text = error && error->text[0] ? error->text : clb_strerror(status);
    int named = !file || strncmp(text, file, strlen(file)) == 0;    /* the text has the name */
    return named ? lab_fail(code, "%s", text) : lab_fail(code, "%s: %s", file, text);
}

/* ---- options ------------------------------------------------------------------------------- */

/* A number, all of the n characters, within [low, high]. */
static int lab_number(const char *text, size_t n, double low, double high, double *value)
{
    char word[64], *end;
    if (n == 0 || n >= sizeof word || strchr(" \t\n+", *text)) return 0;
    memcpy(word, text, n);
    word[n] = 0;
    errno = 0;
    *value = strtod(word, &end);
    return *end == 0 && errno == 0 && *value >= low && *value <= high;
}

/* Place of a word in a list that NULL ends; that of the NULL if it is not there. */
static int lab_find(const char *word, const char *const *words)
{
    int i = 0;
    while (words[i] && strcmp(words[i], word)) ++i;
    return i;
}

static int lab_size(const char *text, double low, double high, size_t *value)
{
    double v;
    if (!lab_number(text, strlen(text), low, high, &v) || v != floor(v)) return 0;
    *value = (size_t)v;
    return 1;
}

/* Numbers with commas between, up to the end or a slash. */
static int lab_numbers_read(lab_numbers *to, const char *text, double low, double high)
{
    for (to->n = 0; to->n < LIST; ++text) {
        size_t n = strcspn(text, ",/");
        if (!lab_number(text, n, low, high, &to->at[to->n])) return 0;
        ++to->n, text += n;
        if (*text != ',') return 1;
    }
    return 0;
}

/* The same, no number twice. */
static int lab_list(lab_numbers *to, const char *text, double low, double high)
{
    if (strchr(text, '/') || !lab_numbers_read(to, text, low, high)) return 0;
    for (size_t i = 1; i < to->n; ++i) {
        kit_list before = { 0, NULL };
        before.n = i, before.at = to->at;
        if (kit_in(before, to->at[i])) return 0;
    }
    return 1;
}

static int lab_word_list(lab_words *to, const char *text, const char *const *words)
{
    for (to->n = 0; to->n < LIST; ++text) {
        size_t n = strcspn(text, ",");
        int i = 0;
        while (words[i] && (strlen(words[i]) != n || strncmp(words[i], text, n))) ++i;
        for (size_t k = 0; k < to->n; ++k)
            if (to->at[k] == i) return 0;
        if (!words[i]) return 0;
        to->at[to->n++] = i, text += n;
        if (!*text) return 1;
    }
    return 0;
}

/* "32", "64,64", or several nets, "16/32/64,64". */
static int set_widths(void *to, const char *v)
{
    lab_options *o = (lab_options *)to;
    for (o->shapes = 0; o->shapes < LIST; ++v) {
        lab_shape *s = &o->shape[o->shapes++];
        lab_numbers w;
        if (!lab_numbers_read(&w, v, 1, 1e6) || w.n + 2 > LIST) return 0;
        for (s->n = 0; s->n < w.n; ++s->n) {
            s->width[s->n] = (size_t)w.at[s->n];
            if (w.at[s->n] != floor(w.at[s->n])) return 0;
        }
        v += strcspn(v, "/");
        if (!*v) return 1;
    }
    return 0;
}

static int set_loss(void *to, const char *v)
{
    lab_options *o = (lab_options *)to;
    int ok = lab_word_list(&o->loss, v, lab_losses);
    o->ce = ok ? o->loss.at[0] : 0;
    return ok && (o->command == TRAIN || o->loss.n == 1);
}

static int set_activation(void *to, const char *v)
{
    lab_options *o = (lab_options *)to;
    if (!lab_word_list(&o->activation, v, lab_activations)) return 0;
    o->net.activation = lab_activation[o->activation.at[0]];
    return o->command == TRAIN || o->activation.n == 1;
}

static int set_label(void *to, const char *v)
{
    lab_options *o = (lab_options *)to;
    size_t n = 0;
    if (lab_size(v, 1, 1e6, &n)) o->csv_opts.label = (int)n;
    else o->csv_opts.label_name = v;
    return *v != 0;
}

/* "1,0.5" or several sets, "1,1/1,0.5". */
static int set_layer_rates(void *to, const char *v)
{
    lab_options *o = (lab_options *)to;
    for (o->rates_n = 0; o->rates_n < LIST; ++v) {
        if (!lab_numbers_read(&o->rates[o->rates_n++], v, 1e-300, 1e300)) return 0;
        v += strcspn(v, "/");
        if (!*v) return 1;
    }
    return 0;
}

static int set_no_header(void *to, const char *v)
{
    (void)v;
    *(int *)to = -1;
    return 1;
}

static int set_schedule(void *to, const char *v)
{ return lab_word_list((lab_words *)to, v, lab_schedules); }
static int set_bias(void *to, const char *v)
{ return lab_word_list((lab_words *)to, v, lab_no_yes); }
static int set_pair(void *to, const char *v) { return kit_set_text(to, v) && strchr(v, ','); }
static int set_optimizer(void *to, const char *v)
{ return lab_word_list((lab_words *)to, v, lab_optimizers); }
static int set_rates(void *to, const char *v)
{ return lab_list((lab_numbers *)to, v, 1e-300, 1e300); }
static int set_momentum(void *to, const char *v)
{ return lab_list((lab_numbers *)to, v, 0, 0.999999); }
static int set_decay(void *to, const char *v) { return lab_list((lab_numbers *)to, v, 0, 1e6); }
static int set_sizes(void *to, const char *v)
{
    lab_numbers *list = (lab_numbers *)to;
    int ok = lab_list(list, v, 0, 1e9);
    for (size_t i = 0; i < list->n; ++i) ok &= list->at[i] == floor(list->at[i]);
    return ok;
}
static int set_count(void *to, const char *v) { return lab_size(v, 1, 1e9, (size_t *)to); }
static int set_probes(void *to, const char *v) { return lab_size(v, 2, 1e6, (size_t *)to); }
static int set_seed(void *to, const char *v) { return lab_size(v, 0, 4294967295.0, (size_t *)to); }
static int set_share(void *to, const char *v)
{ return lab_number(v, strlen(v), 0, 0.9, (double *)to); }
static int set_factor(void *to, const char *v)
{ return lab_number(v, strlen(v), 1e-300, 1, (double *)to); }

static lab_options lab;

#define LAB_TEXT(member) kit_set_text, (void *)&lab.member
#define LAB_FLAG(member) kit_set_flag, &lab.member
static const struct lab_option { int commands; kit_opt opt; } lab_option[] = {
    { NEEDS_DATA, { "csv", 0, "FILE", "rows of numbers, a label in each", LAB_TEXT(csv) } },
    { NEEDS_DATA, { "label", 0, "NAME", "its column, a name or 1, 2, ... [the last]", set_label,
                    &lab } },
    { NEEDS_DATA, { "header", 0, NULL, "the first line is no row [found out]",
                    LAB_FLAG(csv_opts.header) } },
    { NEEDS_DATA, { "no-header", 0, NULL, "the first line is a row", set_no_header,
                    &lab.csv_opts.header } },
    { NEEDS_DATA, { "npy", 0, "X,Y", "inputs and labels as NPY files", set_pair,
                    (void *)&lab.npy } },
    { NEEDS_DATA, { "npz", 0, "FILE", "arrays x (or X) and y of an NPZ file", LAB_TEXT(npz) } },
    { NEEDS_DATA, { "idx", 0, "X,Y", "images and labels of MNIST", set_pair, (void *)&lab.idx } },
    { TRAIN, { "generate", 0, "KIND", "mixture, xor or spheres: 200 made-up rows",
               LAB_TEXT(generate) } },
    { NEEDS_DATA, { "loss", 0, "NAME", "ce (cross entropy) or mse [ce]", set_loss, &lab } },
    { NEEDS_DATA, { "activation", 0, "NAME", "relu identity leaky tanh sigmoid softplus gelu",
                    set_activation, &lab } },
    { AUDIT, { "expect", 0, "LIST", "momentum=, decay=, lr=, method=; status 1 if not so",
               LAB_TEXT(expect) } },
    { AUDIT, { "middle", 0, NULL, "the first file is not the start of the training",
               LAB_FLAG(middle) } },
    { AUDIT, { "renumber", 0, NULL, "files are consecutive, whatever their numbers say",
               LAB_FLAG(renumber) } },
    { SPECTRUM | TRAIN, { "k", 0, "N", "largest eigenvalues [5; train 3]", set_count, &lab.k } },
    { SPECTRUM | TRAIN, { "probes", 0, "N", "random vectors for trace and density [10; train 4]",
                          set_probes, &lab.probes } },
    { SPECTRUM, { "dry-run", 0, NULL, "say memory and time, compute nothing", LAB_FLAG(dry_run) } },
    { SPECTRUM, { "seed", 0, "N", "of the random numbers [1]", set_seed, &lab.seed } },
    { PREDICT | TRAIN, { "lr", 0, "LIST", "step sizes [0.03 to 3; Adam 0.001 to 0.03]", set_rates,
                         &lab.lr } },
    { PREDICT | TRAIN, { "steps", 0, "N", "updates [1000; train 2000]", set_count, &lab.steps } },
    { TRAIN, { "seeds", 0, "LIST", "1,2 or 1..5: start weights and batches [1]", kit_set_seeds,
               &lab.set } },
    { TRAIN, { "widths", 0, "LIST", "hidden layers, 64,64; several nets: 16/32/64 [32]", set_widths,
               &lab } },
    { TRAIN, { "bias", 0, "LIST", "no,yes: layers have biases [no]", set_bias, &lab.bias } },
    { TRAIN, { "optimizer", 0, "LIST", "gd heavy-ball nesterov adam [gd]", set_optimizer,
               &lab.optimizer } },
    { TRAIN, { "momentum", 0, "LIST", "of optimisers that have it [0.9]", set_momentum,
               &lab.momentum } },
    { TRAIN, { "decay", 0, "LIST", "L2 weight decay [0]", set_decay, &lab.l2 } },
    { TRAIN, { "decoupled", 0, "LIST", "decoupled weight decay [0]", set_decay, &lab.decoupled } },
    { TRAIN, { "batch", 0, "LIST", "rows a step; 0: all [0]", set_sizes, &lab.batch } },
    { TRAIN, { "schedule", 0, "LIST", "constant cosine stairs [constant]", set_schedule,
               &lab.schedule } },
    { TRAIN, { "stairs", 0, "N", "updates a stair [a third of the steps]", set_count,
               &lab.stairs } },
    { TRAIN, { "factor", 0, "X", "step size of a stair over the one before [0.1]", set_factor,
               &lab.factor } },
    { TRAIN, { "warmup", 0, "LIST", "updates until the full step size [0]", set_sizes,
               &lab.warmup } },
    { TRAIN, { "rates", 0, "LIST", "of the layers, times --lr: 1,0.5; sets: 1,1/1,2",
               set_layer_rates, &lab } },
    { TRAIN, { "clip", 0, "LIST", "longest gradient; 0: no limit [0]", set_decay, &lab.clip } },
    { TRAIN, { "validate", 0, "SHARE", "of the rows, kept aside [0.2]", set_share,
               &lab.validate } },
    { TRAIN, { "patience", 0, "LIST", "looks to stop after where nothing improves [no]",
               set_sizes, &lab.patience } },
    { TRAIN, { "raw", 0, NULL, "inputs as they are, not standardised", LAB_FLAG(raw) } },
    { TRAIN, { "looks", 0, "N", "looks at sharpness along a run [50]", set_count, &lab.looks } },
    { TRAIN, { "spectrum-at", 0, "LIST", "steps for the density of the Hessian [0 and the end]",
               set_sizes, &lab.spectrum_at } },
    { TRAIN, { "log", 0, "FILES", "CSV or # logs of other runs, drawn over the curves",
               LAB_TEXT(log) } },
    { TRAIN, { "fast", 0, NULL, "no densities and no predictions", LAB_FLAG(fast) } },
    { TRAIN, { "out", 'o', "DIR", "folder of report, result, weights, traces [lab]",
               LAB_TEXT(set.out) } },
    { TRAIN, { "json", 0, "FILE", "the result file instead of DIR/LAB.json; - is stdout",
               LAB_TEXT(set.json) } },
    { AUDIT | SPECTRUM | PREDICT, { "json", 0, "FILE", "the result as data; - is stdout",
                                    LAB_TEXT(json) } },
    { TRAIN, { "threads", 'j', "N", "runs at a time; 0: all processors [0]", kit_set_threads,
               &lab.set.threads } },
    { TRAIN, { "shard", 0, "I/N", "only runs I, I+N, I+2N, ... (I from 0)", kit_set_shard,
               &lab.set } },
    { TRAIN, { "from", 0, NULL, "take the runs of the FILEs named; train nothing",
               LAB_FLAG(set.from) } },
    { TRAIN, { "resume", 0, NULL, "go on where an interrupted command stopped",
               LAB_FLAG(set.resume) } },
    { TRAIN, { "list", 0, NULL, "print the planned runs, train nothing", LAB_FLAG(set.list) } },
    { TRAIN, { "estimate", 0, NULL, "time one run, print what all take", LAB_FLAG(set.estimate) } },
    { TRAIN, { "isa", 0, "NAME", "scalar, avx2, avx512 or neon; same results", kit_set_isa,
               NULL } },
    { AUDIT | NEEDS_DATA, { "quiet", 'q', NULL, "errors only", LAB_FLAG(quiet) } },
    { AUDIT | NEEDS_DATA, { "help", 'h', NULL, "this text", LAB_FLAG(help) } },
};

static const char *lab_command_name(int command)
{
    return command == AUDIT ? "audit" : command == SPECTRUM ? "spectrum"
         : command == PREDICT ? "predict" : "train";
}

static void lab_defaults(lab_options *o)
{
    static const double rates[] = { 0.03, 0.1, 0.3, 1, 3 }, adam[] = { 0.001, 0.003, 0.01, 0.03 };
    int train = o->command == TRAIN;
    if (!o->optimizer.n) o->optimizer.n = 1;
    if (!o->loss.n) o->loss.at[0] = 1, o->loss.n = 1, o->ce = 1;
    if (!o->activation.n) o->activation.n = 1;
    if (!o->lr.n) {
        int is_adam = o->optimizer.at[0] == CLB_ADAM;
        o->lr.n = is_adam ? KIT_LEN(adam) : KIT_LEN(rates);
        memcpy(o->lr.at, is_adam ? adam : rates, is_adam ? sizeof adam : sizeof rates);
    }
    if (!o->shapes) o->shape[0].width[0] = 32, o->shape[0].n = 1, o->shapes = 1;
    if (!o->momentum.n) o->momentum.at[0] = 0.9, o->momentum.n = 1;
    if (!o->l2.n) o->l2.n = 1;
    if (!o->decoupled.n) o->decoupled.n = 1;
    if (!o->batch.n) o->batch.n = 1;
    if (!o->schedule.n) o->schedule.n = 1;
    if (!o->bias.n) o->bias.n = 1;
    if (!o->warmup.n) o->warmup.n = 1;
    if (!o->clip.n) o->clip.n = 1;
    if (!o->patience.n) o->patience.n = 1;
    if (!o->rates_n) o->rates_n = 1;
    if (!o->steps) o->steps = train ? 2000 : 1000;
    if (!o->k) o->k = train ? 3 : 5;
    if (!o->probes) o->probes = train ? 4 : 10;
    if (!o->looks) o->looks = 50;
    if (!o->set.out && train) o->set.out = "lab";
    if (!o->stairs) o->stairs = (o->steps + 2) / 3;
    o->set.quiet = o->quiet;
}

/* The options of the command; -1, or the exit status of wrong use. */
static int lab_options_read(lab_options *o, kit_opt *opts, int argc, char **argv)
{
    size_t n = 0;
    int status;
    o->set.shards = 1;
    for (size_t k = 0; k < KIT_LEN(lab_option); ++k)
        if (lab_option[k].commands & o->command) opts[n++] = lab_option[k].opt;
    memset(&opts[n], 0, sizeof opts[n]);
    status = kit_parse(tool_print("clb_lab %s", lab_command_name(o->command)), opts, argc - 1,
                       argv + 1, o->file, FILES);
    while (o->file[o->files]) ++o->files;
    lab_defaults(o);
    return status;
}

static int lab_command_help(int command, const kit_opt *opts)
{
    static const char *const purpose[] = {
        "clb_lab audit FILES or FOLDER: which method trained these weights.\n"
        "Files are the weights after consecutive steps, in the order of the numbers in\n"
        "their names. No data, loss or step size is needed.\n",
        "clb_lab spectrum WEIGHTS: loss, gradient and Hessian at these weights.\n",
        "clb_lab predict WEIGHTS: drift of every charge against the step size, predicted\n"
        "by the network that is linear in its weights.\n",
        "clb_lab train: train nets on your data, and a report on the conservation laws\n"
        "and the edge of stability. Several values of an option make a sweep.\n" };
    static const char *const example[] = {
        "  clb_lab audit run/\n  clb_lab audit step_*.pt --expect momentum=0.9,decay=1e-4,lr=0.1\n",
        "  clb_lab spectrum w.npz --csv wine.csv\n"
        "  clb_lab spectrum w.pt --npy X.npy,y.npy --k 10\n",
        "  clb_lab predict w.npz --csv wine.csv\n"
        "  clb_lab predict w.npz --csv wine.csv --lr 0.1,0.2\n",
        "  clb_lab train --csv wine.csv\n"
        "  clb_lab train --csv wine.csv --widths 64,64 --lr 0.1 --seeds 1..5 --out run\n" };
    int which = command == AUDIT ? 0 : command == SPECTRUM ? 1 : command == PREDICT ? 2 : 3;
    printf("%s\n", purpose[which]);
    kit_print_options(opts);
    printf("\n%s", example[which]);
    return KIT_OK;
}

/* ---- files --------------------------------------------------------------------------------- */

/* The last number in a file's own name; (size_t)-1 if it has none. */
static size_t lab_file_number(const char *path)
{
    const char *name = strrchr(path, '/'), *dot, *p;
    name = name ? name + 1 : path;
    dot = strrchr(name, '.');
    for (p = dot ? dot : name + strlen(name); p > name && !isdigit((unsigned char)p[-1]);) --p;
    if (p == name) return (size_t)-1;
    while (p > name && isdigit((unsigned char)p[-1])) --p;
    return (size_t)strtoull(p, NULL, 10);
}

static int lab_file_order(const void *a, const void *b)
{
    const char *x = *(const char *const *)a, *y = *(const char *const *)b;
    size_t p = lab_file_number(x), q = lab_file_number(y);
    return p != q ? (p < q ? -1 : 1) : strcmp(x, y);
}

/* Puts the files of weights in a folder in its place. */
static int lab_folder(lab_options *o, const char *folder)
{
    static const char *const ends[] = { ".pt", ".pth", ".npz", ".safetensors" };
    tool_names names = { NULL, 0, 0 };
    for (size_t i = 0; i < KIT_LEN(ends); ++i)
        if (tool_folder(folder, ends[i], &names)) return 0;
    for (o->files = 0; o->files < names.n && o->files < FILES; ++o->files)
        o->file[o->files] = tool_print("%s/%s", folder, names.at[o->files]);
    return 1;
}

static int lab_pair(const char *both, char *first, size_t room, const char **second)
{
    size_t n = strcspn(both, ",");
    if (n >= room) return 0;
    memcpy(first, both, n);
    first[n] = 0;
    *second = both + n + 1;
    return 1;
}

static clb_status lab_npz(clb_data *data, const char *path, clb_error *error)
{
    clb_tensors t;
    const clb_tensor *x, *y;
    clb_status status = clb_tensors_load(&t, path, error);
    memset(data, 0, sizeof *data);
    if (status) return status;
    x = clb_tensors_find(&t, "x") ? clb_tensors_find(&t, "x") : clb_tensors_find(&t, "X");
    y = clb_tensors_find(&t, "y") ? clb_tensors_find(&t, "y") : clb_tensors_find(&t, "Y");
    if (x && y) status = clb_data_arrays(data, &x->array, &y->array);
    else {
        status = CLB_EFORMAT;
        snprintf(error->text, sizeof error->text, "no arrays x and y in it");
    }
    clb_tensors_free(&t);
    return status;
}

/* Made-up rows: 200, four inputs (two of xor), three classes of a mixture, else two. */
static int lab_generate(const char *kind, clb_data *data)
{
    clb_rng rng;
    clb_status status;
    clb_rng_seed(&rng, 1);
    if (!strcmp(kind, "mixture")) status = clb_data_mixture(data, &rng, 200, 4, 3, 1.0);
    else if (!strcmp(kind, "xor")) status = clb_data_xor(data, &rng, 200);
    else if (!strcmp(kind, "spheres")) status = clb_data_spheres(data, &rng, 200, 4, 1.0, 2.0);
    else return lab_fail(KIT_USAGE, "--generate makes mixture, xor or spheres, not '%s'", kind);
    return status ? lab_status(NULL, status, NULL) : KIT_OK;
}

static int lab_data(const lab_options *o, clb_data *data)
{
    char first[4096];
    const char *second = NULL, *what = o->csv ? o->csv : o->npy ? o->npy : o->npz ? o->npz : o->idx;
    clb_error error;
    clb_status status = CLB_OK;
    memset(&error, 0, sizeof error);
    if (o->generate && !what) return lab_generate(o->generate, data);
    if (!what) return lab_fail(KIT_USAGE, "%s needs data: --csv, --npy, --npz or --idx",
                               lab_command_name(o->command));
    if ((o->csv != NULL) + (o->npy != NULL) + (o->npz != NULL) + (o->idx != NULL)
        + (o->generate != NULL) > 1)
        return lab_fail(KIT_USAGE, "only one of --csv, --npy, --npz, --idx, --generate");
    if (!o->csv && !o->npz && !lab_pair(what, first, sizeof first, &second))
        return lab_fail(KIT_USAGE, "the name is too long");
    if (o->csv) status = clb_data_csv_load(data, o->csv, &o->csv_opts, &error);
    else if (o->npz) status = lab_npz(data, o->npz, &error);
    else if (o->npy) status = clb_data_npy_load(data, first, second);
    else status = clb_data_idx_load(data, first, second, 0);
    return status ? lab_status(what, status, &error) : KIT_OK;
}

/* The net in a file of weights. */
static int lab_net(const lab_options *o, clb_net *net)
{
    clb_tensors t;
    clb_chain chain;
    clb_error error;
    clb_status status;
    if (o->files != 1) return lab_fail(KIT_USAGE, "%s takes one file of weights",
                                       lab_command_name(o->command));
    status = clb_tensors_load(&t, o->file[0], &error);
    if (status) return lab_status(o->file[0], status, &error);
    status = clb_chain_find(&chain, &t, &error);
    if (!status) {
        status = clb_chain_net(&chain, &t, &o->net, net, &error);
        clb_chain_free(&chain);
    }
    clb_tensors_free(&t);
    return status ? lab_status(o->file[0], status, &error) : KIT_OK;
}

/* Does the command say its results in words on stdout? */
static int lab_prints(const lab_options *o)
{
    return !o->quiet && !(o->json && !strcmp(o->json, "-"));
}

/* The text as the file of --json, whole or not at all; frees it. */
static int lab_write_json(const lab_options *o, kit_buf *b)
{
    int status = kit_write_file(o->json, b->s, b->n);
    free(b->s);
    return status;
}

#include "lab_audit.h"
#include "lab_curvature.h"
#include "lab_log.h"
#include "lab_train.h"
#include "lab_says.h"

int main(int argc, char **argv)
{
    static const struct { const char *name; int command; int (*run)(lab_options *); } commands[] = {
        { "audit", AUDIT, lab_audit }, { "spectrum", SPECTRUM, lab_spectrum },
        { "predict", PREDICT, lab_predict }, { "train", TRAIN, lab_train } };
    kit_opt opts[OPTIONS];
    int status;
    kit_hold_streams();
    if (argc < 2) return fputs(lab_help, stderr), KIT_USAGE;
    if (!strcmp(argv[1], "-h") || !strcmp(argv[1], "--help"))
        return fputs(lab_help, stdout), KIT_OK;
    if (!strcmp(argv[1], "-V") || !strcmp(argv[1], "--version"))
        return printf("clb_lab %s\n", clb_build_info()), KIT_OK;
    lab.seed = 1, lab.validate = 0.2;
    for (size_t i = 0; i < KIT_LEN(commands); ++i) {
        if (strcmp(argv[1], commands[i].name)) continue;
        lab.command = commands[i].command;
        status = lab_options_read(&lab, opts, argc, argv);
        if (status >= 0) return status;
        kit_warn_threads("clb_lab", &lab.set);
        return kit_printed_all(lab.help ? lab_command_help(lab.command, opts)
                                        : commands[i].run(&lab));
    }
    return lab_fail(KIT_USAGE, "no command '%s'; clb_lab --help lists them", argv[1]);
}
