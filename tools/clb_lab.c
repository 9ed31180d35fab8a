/* clb_lab - your own weights and data: what a run's weights tell, its Hessian, its drift, training.
 *   cc -O2 -o clb_lab tools/clb_lab.c -lm && ./clb_lab audit run/
 * Every number comes from the public functions of clb.h; this file reads options and prints.
 */
#define _POSIX_C_SOURCE 200809L
#define CLB_IMPLEMENTATION
#include "../clb.h"
#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#if defined(__unix__) || defined(__APPLE__)
#include <dirent.h>
#define LAB_FOLDERS 1
#endif

enum { LAB_OK, LAB_FAILED, LAB_USAGE, LAB_INPUT, LAB_OUTPUT, LAB_MEMORY, LAB_NUMERICAL };
enum { AUDIT = 1, SPECTRUM = 2, PREDICT = 4, TRAIN = 8, NEEDS_DATA = SPECTRUM | PREDICT | TRAIN };
enum { LIST = 64, FILES = 100000 };

static const char lab_help[] =
    "clb_lab reads weights and data and says what a training did.\n"
    "\n"
    "  clb_lab audit FILES or FOLDER   which method trained these weights, step by step\n"
    "  clb_lab spectrum WEIGHTS        loss, gradient and Hessian at these weights\n"
    "  clb_lab predict WEIGHTS         drift of the charges against the step size\n"
    "  clb_lab train                   train a net on your data\n"
    "  clb_lab COMMAND --help          the options of a command\n"
    "\n"
    "Weights: NPZ, NPY, safetensors, PyTorch .pt and .pth (state dicts).\n"
    "Exit status: 0 done, 1 a check failed, 2 wrong use, 3 bad input file,\n"
    "4 output failed, 5 out of memory, 6 numerical failure.\n"
    "\n"
    "  clb_lab audit run/ --expect momentum=0.9\n"
    "  clb_lab train --csv wine.csv --out run\n";

static const char lab_data_help[] =
    "Data:\n"
    "  --csv FILE        rows of numbers; --label N is the column with the class\n"
    "                    (from 1; default the last); --header skips the first line\n"
    "  --npy X,Y         inputs and labels as NPY files\n"
    "  --npz FILE        arrays x (or X) and y of an NPZ file\n"
    "  --idx X,Y         images and labels of MNIST\n"
    "  --loss ce|mse     default ce (cross entropy)\n"
    "  --activation A    relu (default), identity, leaky, tanh, sigmoid, softplus,\n"
    "                    gelu\n";

/* Everything the options can set. */
typedef struct lab_options {
    int         command;
    const char *file[FILES];
    size_t      files;
    const char *csv, *npy, *npz, *idx, *json, *out, *expect;
    clb_csv_opts   csv_opts;
    double         ce;
    clb_net_opts   net;
    int            dry_run, quiet, middle, renumber, help;
    size_t         k, steps, probes, width[LIST], widths, batch;
    uint64_t       seed;
    double         lr[LIST], momentum, decay, validate;
    size_t         lrs;
    clb_optimizer  optimizer;
} lab_options;

static int lab_fail(int status, const char *format, ...)
{
    va_list args;
    fputs("clb_lab: ", stderr);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
    return status;
}

/* The exit status that belongs to a status of the library. */
static int lab_status(const char *what, clb_status status, const clb_error *error)
{
    int code = status == CLB_ENOMEM ? LAB_MEMORY : status == CLB_EDIVERGED ||
               status == CLB_ENOCONV ? LAB_NUMERICAL : LAB_INPUT;
    const char *text = error && error->text[0] ? error->text : clb_strerror(status);
    return what ? lab_fail(code, "%s: %s", what, text) : lab_fail(code, "%s", text);
}

/* ---- options ------------------------------------------------------------------------------- */

/* A number, all of the text, within [low, high]. */
static int lab_number(const char *text, double low, double high, double *value)
{
    char *end;
    errno = 0;
    *value = strtod(text, &end);
    return end != text && *end == 0 && errno == 0 && *value >= low && *value <= high;
}

static int lab_size(const char *text, double low, double high, size_t *value)
{
    double v;
    if (!lab_number(text, low, high, &v) || v != floor(v)) return 0;
    *value = (size_t)v;
    return 1;
}

static int lab_list(const char *text, double low, double *value, size_t *count)
{
    char word[64];
    for (*count = 0; *count < LIST;) {
        size_t n = strcspn(text, ",");
        if (n == 0 || n >= sizeof word) return 0;
        memcpy(word, text, n);
        word[n] = 0;
        if (!lab_number(word, low, 1e300, &value[(*count)++])) return 0;
        if (text[n] == 0) return 1;
        text += n + 1;
    }
    return 0;
}

static int lab_word(const char *text, const char *const *words, size_t count, int *index)
{
    for (size_t i = 0; i < count; ++i)
        if (!strcmp(words[i], text)) { *index = (int)i; return 1; }
    return 0;
}

static int set_loss(lab_options *o, const char *v)
{
    static const char *const words[] = { "mse", "ce" };
    int i = 0, ok = lab_word(v, words, 2, &i);
    o->ce = i;
    return ok;
}

static int set_activation(lab_options *o, const char *v)
{
    static const char *const words[] = { "relu", "identity", "leaky", "tanh", "sigmoid", "softplus",
                                         "gelu" };
    static const clb_activation values[] = { CLB_RELU, CLB_IDENTITY, CLB_LEAKY_RELU, CLB_TANH,
                                             CLB_SIGMOID, CLB_SOFTPLUS, CLB_GELU };
    int i = 0, ok = lab_word(v, words, 7, &i);
    o->net.activation = values[i];
    return ok;
}

static int set_optimizer(lab_options *o, const char *v)
{
    static const char *const words[] = { "gd", "heavy-ball", "nesterov", "adam" };
    int i = 0, ok = lab_word(v, words, 4, &i);
    o->optimizer = (clb_optimizer)i;
    return ok;
}

static int set_label(lab_options *o, const char *v)
{
    size_t n = 0;
    int ok = lab_size(v, 1, 1e6, &n);
    o->csv_opts.label = (int)n;
    return ok;
}

static int set_widths(lab_options *o, const char *v)
{
    double w[LIST];
    if (!lab_list(v, 1, w, &o->widths)) return 0;
    for (size_t i = 0; i < o->widths; ++i) {
        o->width[i] = (size_t)w[i];
        if (w[i] != floor(w[i]) || w[i] > 1e6) return 0;
    }
    return 1;
}

static int set_seed(lab_options *o, const char *v)
{
    size_t n = 0;
    int ok = lab_size(v, 0, 4294967295.0, &n);
    o->seed = n;
    return ok;
}

static int set_csv(lab_options *o, const char *v)    { o->csv = v; return 1; }
static int set_npy(lab_options *o, const char *v)    { o->npy = v; return strchr(v, ',') != NULL; }
static int set_npz(lab_options *o, const char *v)    { o->npz = v; return 1; }
static int set_idx(lab_options *o, const char *v)    { o->idx = v; return strchr(v, ',') != NULL; }
static int set_json(lab_options *o, const char *v)   { o->json = v; return 1; }
static int set_out(lab_options *o, const char *v)    { o->out = v; return 1; }
static int set_expect(lab_options *o, const char *v) { o->expect = v; return 1; }
static int set_header(lab_options *o, const char *v) { (void)v; o->csv_opts.header = 1; return 1; }
static int set_dry(lab_options *o, const char *v)    { (void)v; o->dry_run = 1; return 1; }
static int set_middle(lab_options *o, const char *v) { (void)v; o->middle = 1; return 1; }
static int set_renumber(lab_options *o, const char *v) { (void)v; o->renumber = 1; return 1; }
static int set_bias(lab_options *o, const char *v)   { (void)v; o->net.bias = -1; return 1; }
static int set_quiet(lab_options *o, const char *v)  { (void)v; o->quiet = 1; return 1; }
static int set_help(lab_options *o, const char *v)   { (void)v; o->help = 1; return 1; }
static int set_k(lab_options *o, const char *v)      { return lab_size(v, 1, 1000, &o->k); }
static int set_steps(lab_options *o, const char *v)  { return lab_size(v, 1, 1e9, &o->steps); }
static int set_probes(lab_options *o, const char *v) { return lab_size(v, 2, 1e6, &o->probes); }
static int set_batch(lab_options *o, const char *v)  { return lab_size(v, 1, 1e9, &o->batch); }
static int set_lr(lab_options *o, const char *v)     { return lab_list(v, 1e-300, o->lr, &o->lrs); }
static int set_momentum(lab_options *o, const char *v)
{ return lab_number(v, 1e-6, 0.999999, &o->momentum); }
static int set_decay(lab_options *o, const char *v)  { return lab_number(v, 0, 1e6, &o->decay); }
static int set_validate(lab_options *o, const char *v)
{ return lab_number(v, 0, 0.9, &o->validate); }

static const struct lab_option {
    const char *name;
    int         commands, has_value;
    int       (*set)(lab_options *, const char *);
    const char *help;
} lab_option[] = {
    { "csv", NEEDS_DATA, 1, set_csv, NULL }, { "label", NEEDS_DATA, 1, set_label, NULL },
    { "header", NEEDS_DATA, 0, set_header, NULL }, { "npy", NEEDS_DATA, 1, set_npy, NULL },
    { "npz", NEEDS_DATA, 1, set_npz, NULL }, { "idx", NEEDS_DATA, 1, set_idx, NULL },
    { "loss", NEEDS_DATA, 1, set_loss, NULL }, { "activation", NEEDS_DATA, 1, set_activation, NULL },
    { "expect", AUDIT, 1, set_expect,
      "  --expect LIST     check momentum=, decay= (of the optimiser), lr=, method=\n"
      "                    (descent, heavy-ball, nesterov); exit status 1 if not so\n" },
    { "middle", AUDIT, 0, set_middle,
      "  --middle          the first file is not the start of the training\n" },
    { "renumber", AUDIT, 0, set_renumber,
      "  --renumber        the files are consecutive, whatever numbers their names have\n" },
    { "k", SPECTRUM, 1, set_k, "  --k N             eigenvalues at each end, default 5\n" },
    { "probes", SPECTRUM, 1, set_probes,
      "  --probes N        random vectors for trace and density, default 10\n" },
    { "dry-run", SPECTRUM, 0, set_dry, "  --dry-run         say memory and time, compute nothing\n" },
    { "seed", SPECTRUM | TRAIN, 1, set_seed, "  --seed N          of the random numbers, default 1\n" },
    { "lr", PREDICT | TRAIN, 1, set_lr,
      "  --lr LIST         step sizes, default 0.01,0.03,0.1\n" },
    { "steps", PREDICT | TRAIN, 1, set_steps, "  --steps N         updates, default 1000\n" },
    { "widths", TRAIN, 1, set_widths, "  --widths LIST     hidden layers, default 32\n" },
    { "bias", TRAIN, 0, set_bias, "  --bias            layers have biases\n" },
    { "optimizer", TRAIN, 1, set_optimizer,
      "  --optimizer O     gd (default), heavy-ball, nesterov, adam\n" },
    { "momentum", TRAIN, 1, set_momentum, "  --momentum M      default 0.9, of an optimiser that has it\n" },
    { "decay", TRAIN, 1, set_decay, "  --decay L         L2 weight decay, default 0\n" },
    { "batch", TRAIN, 1, set_batch, "  --batch N         rows a step, default all\n" },
    { "validate", TRAIN, 1, set_validate,
      "  --validate F      share of the rows kept for validation, default 0.2\n" },
    { "out", TRAIN, 1, set_out, "  --out DIR         existing folder for weights and traces\n" },
    { "json", AUDIT | SPECTRUM | PREDICT, 1, set_json,
      "  --json FILE|-     the result as data\n" },
    { "quiet", AUDIT | SPECTRUM | PREDICT | TRAIN, 0, set_quiet,
      "  -q, --quiet       only errors\n" },
    { "help", AUDIT | SPECTRUM | PREDICT | TRAIN, 0, set_help, "  -h, --help        this text\n" } };

static const char *lab_command_name(int command)
{
    return command == AUDIT ? "audit" : command == SPECTRUM ? "spectrum"
         : command == PREDICT ? "predict" : "train";
}

/* One option at argv[*i]; moves *i past its value. */
static int lab_take(lab_options *o, int argc, char **argv, int *i)
{
    const char *name = argv[*i] + 2, *value;
    size_t n = strcspn(name, "="), k;
    const size_t options = sizeof lab_option / sizeof lab_option[0];
    if (!strcmp(argv[*i], "-h")) name = "help", n = 4;
    else if (!strcmp(argv[*i], "-q")) name = "quiet", n = 5;
    else if (argv[*i][1] != '-') n = 0;
    for (k = 0; k < options; ++k)
        if (strlen(lab_option[k].name) == n && !strncmp(lab_option[k].name, name, n)) break;
    if (k == options || !(lab_option[k].commands & o->command))
        return lab_fail(LAB_USAGE, "%s has no option %s", lab_command_name(o->command), argv[*i]);
    value = name[n] == '=' ? name + n + 1 : NULL;
    if (!lab_option[k].has_value && value)
        return lab_fail(LAB_USAGE, "--%s takes no value", lab_option[k].name);
    if (lab_option[k].has_value && !value) {
        if (*i + 1 == argc) return lab_fail(LAB_USAGE, "--%s needs a value", lab_option[k].name);
        value = argv[++*i];
    }
    if (!lab_option[k].set(o, value))
        return lab_fail(LAB_USAGE, "--%s: '%s' is not a value it takes", lab_option[k].name, value);
    return LAB_OK;
}

static int lab_options_read(lab_options *o, int argc, char **argv)
{
    int rest = 0, status;
    for (int i = 2; i < argc; ++i) {
        if (!rest && !strcmp(argv[i], "--")) rest = 1;
        else if (!rest && argv[i][0] == '-' && argv[i][1]) {
            status = lab_take(o, argc, argv, &i);
            if (status) return status;
        } else if (o->files == FILES) return lab_fail(LAB_USAGE, "too many files");
        else o->file[o->files++] = argv[i];
    }
    if (!o->lrs) o->lr[0] = 0.01, o->lr[1] = 0.03, o->lr[2] = 0.1, o->lrs = 3;
    if (!o->widths) o->width[0] = 32, o->widths = 1;
    if (!o->steps) o->steps = 1000;
    if (!o->k) o->k = 5;
    if (!o->probes) o->probes = 10;
    return LAB_OK;
}

static int lab_command_help(int command)
{
    static const char *const purpose[] = {
        "clb_lab audit FILES or FOLDER: which method trained these weights.\n"
        "Files are the weights after consecutive steps, in the order of the numbers in\n"
        "their names. No data, loss or step size is needed.\n",
        "clb_lab spectrum WEIGHTS: loss, gradient and Hessian at these weights.\n",
        "clb_lab predict WEIGHTS: drift of every charge against the step size, predicted\n"
        "by the network that is linear in its weights.\n",
        "clb_lab train: train a net on your data at several step sizes.\n" };
    static const char *const example[] = {
        "  clb_lab audit run/\n  clb_lab audit step_*.pt --expect momentum=0.9,decay=1e-4,lr=0.1\n",
        "  clb_lab spectrum w.npz --csv wine.csv\n  clb_lab spectrum w.pt --npy X.npy,y.npy --k 10\n",
        "  clb_lab predict w.npz --csv wine.csv\n  clb_lab predict w.npz --csv wine.csv --lr 0.1,0.2\n",
        "  clb_lab train --csv wine.csv\n  clb_lab train --csv wine.csv --widths 64,64 --lr 0.1 --out run\n" };
    int which = command == AUDIT ? 0 : command == SPECTRUM ? 1 : command == PREDICT ? 2 : 3;
    printf("%s\n", purpose[which]);
    if (command & NEEDS_DATA) printf("%sOthers:\n", lab_data_help);
    for (size_t k = 0; k < sizeof lab_option / sizeof lab_option[0]; ++k)
        if (lab_option[k].help && (lab_option[k].commands & command)) fputs(lab_option[k].help, stdout);
    printf("\n%s", example[which]);
    return LAB_OK;
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
#ifdef LAB_FOLDERS
    static const char *const ends[] = { ".pt", ".pth", ".npz", ".safetensors" };
    DIR *d = opendir(folder);
    struct dirent *e;
    if (!d) return 0;
    o->files = 0;
    while ((e = readdir(d)) != NULL && o->files < FILES) {
        const char *dot = strrchr(e->d_name, '.');
        size_t n = strlen(folder) + strlen(e->d_name) + 2, i;
        char *path;
        for (i = 0; i < 4 && (!dot || strcmp(dot, ends[i])); ++i) continue;
        if (i == 4 || !(path = (char *)malloc(n))) continue;
        snprintf(path, n, "%s/%s", folder, e->d_name);
        o->file[o->files++] = path;
    }
    closedir(d);
    return 1;
#else
    (void)o, (void)folder;
    return 0;
#endif
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

static int lab_data(const lab_options *o, clb_data *data)
{
    char first[4096];
    const char *second = NULL, *what = o->csv ? o->csv : o->npy ? o->npy : o->npz ? o->npz : o->idx;
    clb_error error;
    clb_status status = CLB_OK;
    memset(&error, 0, sizeof error);
    if (!what) return lab_fail(LAB_USAGE, "%s needs data: --csv, --npy, --npz or --idx",
                               lab_command_name(o->command));
    if ((o->csv != NULL) + (o->npy != NULL) + (o->npz != NULL) + (o->idx != NULL) > 1)
        return lab_fail(LAB_USAGE, "only one of --csv, --npy, --npz, --idx");
    if (!o->csv && !o->npz && !lab_pair(what, first, sizeof first, &second))
        return lab_fail(LAB_USAGE, "the name is too long");
    if (o->csv) status = clb_data_csv_load(data, o->csv, &o->csv_opts, &error);
    else if (o->npz) status = lab_npz(data, o->npz, &error);
    else if (o->npy) status = clb_data_npy_load(data, first, second);
    else status = clb_data_idx_load(data, first, second, 0);
    return status ? lab_status(what, status, &error) : LAB_OK;
}

/* The net in a file of weights. */
static int lab_net(const lab_options *o, clb_net *net)
{
    clb_tensors t;
    clb_chain chain;
    clb_error error;
    clb_status status;
    if (o->files != 1) return lab_fail(LAB_USAGE, "%s takes one file of weights",
                                       lab_command_name(o->command));
    status = clb_tensors_load(&t, o->file[0], &error);
    if (status) return lab_status(o->file[0], status, &error);
    status = clb_chain_find(&chain, &t, &error);
    if (!status) {
        status = clb_chain_net(&chain, &t, &o->net, net, &error);
        clb_chain_free(&chain);
    }
    clb_tensors_free(&t);
    return status ? lab_status(o->file[0], status, &error) : LAB_OK;
}

/* Text for JSON: quotes and backslashes escaped. */
static void lab_json_text(FILE *f, const char *text)
{
    fputc('"', f);
    for (; *text; ++text) {
        if (*text == '"' || *text == '\\') fputc('\\', f);
        if ((unsigned char)*text >= 32) fputc(*text, f);
    }
    fputc('"', f);
}

static void lab_json_number(FILE *f, const char *name, double x, const char *after)
{
    if (fabs(x) <= 1.7e308) fprintf(f, "\"%s\": %.17g%s", name, x, after);
    else fprintf(f, "\"%s\": null%s", name, after);
}

static FILE *lab_json_open(const lab_options *o)
{
    return !strcmp(o->json, "-") ? stdout : fopen(o->json, "wb");
}

static int lab_json_close(FILE *f)
{
    int bad = ferror(f) != 0;
    if (f != stdout) bad |= fclose(f) != 0;
    return bad ? lab_fail(LAB_OUTPUT, "cannot write the JSON file") : LAB_OK;
}

#include "lab_audit.h"
#include "lab_curvature.h"
#include "lab_train.h"

int main(int argc, char **argv)
{
    static lab_options o;
    static const struct { const char *name; int command; int (*run)(lab_options *); } commands[] = {
        { "audit", AUDIT, lab_audit }, { "spectrum", SPECTRUM, lab_spectrum },
        { "predict", PREDICT, lab_predict }, { "train", TRAIN, lab_train } };
    int status;
    if (argc < 2) return fputs(lab_help, stderr), LAB_USAGE;
    if (!strcmp(argv[1], "-h") || !strcmp(argv[1], "--help")) return fputs(lab_help, stdout), LAB_OK;
    if (!strcmp(argv[1], "-V") || !strcmp(argv[1], "--version"))
        return printf("clb_lab %s\n", clb_build_info()), LAB_OK;
    o.ce = CLB_CE, o.seed = 1, o.validate = 0.2;
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; ++i) {
        if (strcmp(argv[1], commands[i].name)) continue;
        o.command = commands[i].command;
        status = lab_options_read(&o, argc, argv);
        if (status) return status;
        return o.help ? lab_command_help(o.command) : commands[i].run(&o);
    }
    return lab_fail(LAB_USAGE, "no command '%s'; clb_lab --help lists them", argv[1]);
}
