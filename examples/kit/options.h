/* options.h - GNU options: --name VALUE, --name=VALUE, -n VALUE, -- ends them; and the options that
 * all experiment programs share. */
#ifndef KIT_OPTIONS_H
#define KIT_OPTIONS_H

#include "experiment.h"

/* One option of a program: how to store its value (NULL for a flag); set() returns 0 for a bad
 * value. */
typedef struct kit_opt {
    const char *name;
    char        letter;
    const char *arg, *help;
    int       (*set)(void *to, const char *value);
    void       *to;
} kit_opt;

static kit_arena kit_option_arena;      /* values of options, alive until the end */

KIT_FN int kit_set_flag(void *to, const char *value)
{
    (void)value;
    *(int *)to = 1;
    return 1;
}

KIT_FN int kit_set_text(void *to, const char *value)
{
    const char *text = value;
    memcpy(to, &text, sizeof text);
    return value[0] != 0;
}

/* A whole decimal number in lo..hi, nothing behind it. */
KIT_FN int kit_whole(const char *text, size_t n, long long lo, long long hi, long long *out)
{
    long long v = 0;
    if (n == 0 || n > 18) return 0;
    for (size_t i = 0; i < n; ++i) {
        if (text[i] < '0' || text[i] > '9') return 0;
        v = 10 * v + (text[i] - '0');
    }
    *out = v;
    return v >= lo && v <= hi;
}

KIT_FN int kit_set_threads(void *to, const char *value)
{
    long long n;
    if (!kit_whole(value, strlen(value), 0, 4096, &n)) return 0;
    *(long *)to = (long)n;
    return 1;
}

KIT_FN int kit_set_shard(void *to, const char *value)
{
    kit_settings *set = (kit_settings *)to;
    const char *slash = strchr(value, '/');
    long long i, n;
    if (!slash || !kit_whole(slash + 1, strlen(slash + 1), 1, 1000000, &n)
        || !kit_whole(value, (size_t)(slash - value), 0, n - 1, &i)) return 0;
    set->shard = (long)i, set->shards = (long)n;
    return 1;
}

/* "42,137", "1..100" or a mixture, no seed twice. */
KIT_FN int kit_set_seeds(void *to, const char *value)
{
    kit_settings *set = (kit_settings *)to;
    double *at = NULL;
    size_t n = 0;
    int once = 1;
    const char *p = value;
    for (;;) {
        size_t len = strcspn(p, ",");
        const char *dots = strstr(p, "..");
        long long a, b, top = 4294967295LL;
        size_t first = dots && dots < p + len ? (size_t)(dots - p) : len;
        if (!kit_whole(p, first, 0, top, &a)) { free(at); return 0; }
        b = a;
        if ((first < len && !kit_whole(dots + 2, len - first - 2, a, top, &b))
            || b - a >= 1000000) {
            free(at);
            return 0;
        }
        at = (double *)kit_realloc(at, n + (size_t)(b - a) + 1, sizeof *at);
        for (; a <= b; ++a) at[n++] = (double)a;
        if (p[len] == 0) break;
        p += len + 1;
    }
    set->seeds = value;
    set->seed_list.n = n;
    set->seed_list.at =
        (double *)memcpy(kit_new(&kit_option_arena, n, sizeof *at), at, n * sizeof *at);
    clb_sort(n, at);
    for (size_t i = 1; i < n; ++i) once &= at[i] != at[i - 1];
    free(at);
    return once;
}

KIT_FN int kit_set_lrs(void *to, const char *value)
{
    kit_settings *set = (kit_settings *)to;
    size_t n = 0, cap = strlen(value) / 2 + 1;
    double *at = (double *)kit_new(&kit_option_arena, cap, sizeof *at);
    for (const char *p = value;;) {
        char *end;
        double lr;
        if (strchr(" \t\n+-", *p)) return 0;
        lr = strtod(p, &end);
        if (end == p || !(lr > 0) || isinf(lr) || (*end && *end != ',')) return 0;
        at[n++] = lr;
        if (!*end) break;
        p = end + 1;
    }
    set->lrs = value, set->lr_list.n = n, set->lr_list.at = at;
    return 1;
}

KIT_FN int kit_set_isa(void *to, const char *value)
{
    (void)to;
    for (int i = 0; i < (int)CLB_ISA_COUNT; ++i)
        if (!strcmp(value, clb_isa_name((clb_isa)i))) return clb_isa_set((clb_isa)i) == CLB_OK;
    return 0;
}

KIT_FN const kit_opt *kit_opt_find(const kit_opt *opts, const char *name, size_t n, char letter)
{
    for (; opts->name; ++opts)
        if (letter ? opts->letter == letter
                   : strlen(opts->name) == n && !memcmp(opts->name, name, n))
            return opts;
    return NULL;
}

KIT_FN int kit_usage(const char *program, const char *what, const char *option)
{
    fprintf(stderr, "%s: %s %s (--help lists the options)\n", program, what, option);
    return KIT_USAGE;
}

/* Sort the arguments: options are stored, the rest goes to words (at most max). -1, or KIT_USAGE.
 */
KIT_FN int kit_parse(const char *program, const kit_opt *opts, int argc, char **argv,
                   const char **words, int max)
{
    int n = 0;
    for (int i = 1; i < argc; ++i) {
        const char *a = argv[i], *value = NULL;
        const kit_opt *o;
        int is_long = a[0] == '-' && a[1] == '-';
        if (!strcmp(a, "--")) {
            for (++i; i < argc; ++i) {
                if (n == max) return kit_usage(program, "unexpected argument", argv[i]);
                words[n++] = argv[i];
            }
            break;
        }
        if (a[0] != '-' || !a[1]) {
            if (n == max) return kit_usage(program, "unexpected argument", a);
            words[n++] = a;
            continue;
        }
        o = is_long ? kit_opt_find(opts, a + 2, strcspn(a + 2, "="), 0)
                    : kit_opt_find(opts, "", 0, a[1]);
        if (!o) return kit_usage(program, "unknown option", a);
        if (is_long && strchr(a, '=')) value = strchr(a, '=') + 1;
        else if (!is_long && a[2]) value = a + 2;
        if (!o->arg && value) return kit_usage(program, "no value allowed for option", a);
        if (o->arg && !value && !(value = argv[++i]))
            return kit_usage(program, "value missing for option", a);
        if (!o->set(o->to, value)) {
            fprintf(stderr, "%s: bad value '%s' for --%s%s%s\n", program, value ? value : "",
                    o->name, o->help ? ": " : "", o->help ? o->help : "");
            return KIT_USAGE;
        }
    }
    words[n] = NULL;
    return -1;
}

KIT_FN void kit_print_options(const kit_opt *opts)
{
    for (; opts->name; ++opts) {
        char left[64];
        if (!opts->help) continue;
        snprintf(left, sizeof left, "%s%c%s--%s%s%s", opts->letter ? "-" : " ",
                 opts->letter ? opts->letter : ' ', opts->letter ? ", " : "  ", opts->name,
                 opts->arg ? " " : "", opts->arg ? opts->arg : "");
        printf("  %-25s %s\n", left, opts->help);
    }
}

enum { KIT_SHARED_OPTIONS = 20 };

/* The options that all experiment programs share. opts: room for KIT_SHARED_OPTIONS + 9. */
KIT_FN size_t kit_shared_options(kit_opt *opts, kit_settings *set, int *help, int *version)
{
    const kit_opt shared[KIT_SHARED_OPTIONS] = {
        { "seeds", 0, "LIST", "seeds to run, each once: 42,137 or 1..100", kit_set_seeds, set },
        { "lrs", 0, "LIST", "learning rates above 0, each once: 0.001,0.01", kit_set_lrs, set },
        { "quick", 0, NULL, "a few seconds: smaller sweep, judges nothing", kit_set_flag,
          &set->quick },
        { "part", 0, "NAMES", "only these parts, comma between (--list shows them)", kit_set_text,
          (void *)&set->part },
        { "threads", 'j', "N", "threads; 0, the default, is all processors", kit_set_threads,
          &set->threads },
        { "out", 'o', "DIR", "folder of result file and figures [results]", kit_set_text,
          (void *)&set->out },
        { "json", 0, "FILE", "result file instead of OUT/ID.json; - is stdout", kit_set_text,
          (void *)&set->json },
        { "shard", 0, "I/N", "only runs I, I+N, I+2N, ... (I from 0)", kit_set_shard, set },
        { "from", 0, NULL, "take the runs of the FILEs named; run nothing", kit_set_flag,
          &set->from },
        { "resume", 0, NULL, "go on where an interrupted command stopped", kit_set_flag,
          &set->resume },
        { "cache", 0, "DIR", "keep training runs there for other experiments", kit_set_text,
          (void *)&set->cache },
        { "list", 0, NULL, "print the planned runs, run nothing", kit_set_flag, &set->list },
        { "estimate", 0, NULL, "time one run of each part, print what all take", kit_set_flag,
          &set->estimate },
        { "isa", 0, "NAME", "scalar, avx2, avx512 or neon; same results", kit_set_isa, NULL },
        { "quiet", 'q', NULL, "errors only", kit_set_flag, &set->quiet },
        { "help", 'h', NULL, "this text", kit_set_flag, help },
        { "version", 'V', NULL, "version, compiler, instruction set", kit_set_flag, version },
        { NULL, 0, NULL, NULL, NULL, NULL },
    };
    size_t n = 0;
    while (shared[n].name) ++n;
    memcpy(opts, shared, sizeof shared);
    return n;
}

KIT_FN kit_settings kit_settings_default(void)
{
    kit_settings set;
    memset(&set, 0, sizeof set);
    set.shards = 1;
    return set;
}

#endif /* KIT_OPTIONS_H */
