/* tool.h - what the tools share: commands with options of their own, folders, other programs.
 *
 * A command refuses options that it does not have. --help after the command lists those it has. */
#ifndef CLB_TOOL_H
#define CLB_TOOL_H

#include "../examples/kit/claims.h"
#include "../examples/kit/options.h"
#include "../examples/kit/plot.h"
#if KIT_UNIX
#include <dirent.h>
#include <sys/wait.h>
#elif defined(_WIN32)
#include <io.h>
#endif

typedef struct tool_command {
    const char    *name, *usage, *help;        /* usage: what stands behind the options */
    const kit_opt *opts;                       /* ended by a NULL name */
    int          (*run)(const char *const *words);      /* exit status */
} tool_command;

typedef struct tool {
    const char         *name, *purpose;
    const tool_command *commands;              /* ended by a NULL name */
    const char         *example[2];
} tool;

static int tool_quiet;
static kit_arena tool_arena;                   /* texts that live until the end */

KIT_FN KIT_PRINTF(1, 2) const char *tool_print(const char *format, ...)
{
    va_list args;
    const char *text;
    va_start(args, format);
    text = kit_vprint(&tool_arena, format, args);
    va_end(args);
    return text;
}

KIT_FN void tool_help(const tool *t)
{
    printf("%s: %s\n\n", t->name, t->purpose);
    for (const tool_command *c = t->commands; c->name; ++c)
        printf("  %s %s %s\n      %s\n", t->name, c->name, c->usage, c->help);
    printf("\n\"%s COMMAND --help\" lists the options of a command.\n\n  %s\n  %s\n", t->name,
           t->example[0], t->example[1]);
}

KIT_FN int tool_run_command(const tool *t, const tool_command *c, int argc, char **argv)
{
    kit_opt opts[32];
    size_t n = 0;
    int help = 0, status;
    const char *program = c->name[0] ? tool_print("%s %s", t->name, c->name) : t->name;
    const char **words = (const char **)kit_new(&tool_arena, (size_t)argc + 1, sizeof *words);
    const kit_opt common[3] = {
        { "quiet", 'q', NULL, "errors only", kit_set_flag, &tool_quiet },
        { "help", 'h', NULL, "this text", kit_set_flag, &help },
        { NULL, 0, NULL, NULL, NULL, NULL },
    };
    kit_hold_streams();
    for (; c->opts[n].name; ++n) opts[n] = c->opts[n];
    memcpy(opts + n, common, sizeof common);
    status = kit_parse(program, opts, argc, argv, words, argc);
    if (status >= 0) return status;
    if (help) {
        printf("%s: %s\n\nUsage: %s [options] %s\n\n", program, c->help, program, c->usage);
        kit_print_options(opts);
        return KIT_OK;
    }
    return c->run(words);
}

KIT_FN int tool_main(const tool *t, int argc, char **argv)
{
    const char *word = argc > 1 ? argv[1] : NULL;
    kit_hold_streams();
    signal(SIGINT, SIG_DFL);
    if (!word) return kit_usage(t->name, "a command is missing:", t->commands[0].name);
    if (!strcmp(word, "--help") || !strcmp(word, "-h")) { tool_help(t); return KIT_OK; }
    if (!strcmp(word, "--version") || !strcmp(word, "-V")) {
        printf("%s %s\n", t->name, clb_build_info());
        return KIT_OK;
    }
    for (const tool_command *c = t->commands; c->name; ++c)
        if (!strcmp(word, c->name)) return tool_run_command(t, c, argc - 1, argv + 1);
    return kit_usage(t->name, "unknown command", word);
}

/* --- folders ---------------------------------------------------------------------------------- */

KIT_FN int tool_by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

typedef struct tool_names { const char **at; size_t n, cap; } tool_names;

KIT_FN void tool_names_add(tool_names *names, const char *name)
{
    if (names->n == names->cap) {
        const char **more = (const char **)kit_new(&tool_arena, 2 * names->cap + 64, sizeof *more);
        if (names->n) memcpy(more, names->at, names->n * sizeof *more);
        names->at = more, names->cap = 2 * names->cap + 64;
    }
    names->at[names->n++] = kit_copy(&tool_arena, name);
}

KIT_FN int tool_ends(const char *name, const char *end)
{
    size_t n = strlen(name), k = strlen(end);
    return n >= k && !strcmp(name + n - k, end);
}

/* Names in a folder that end in `end`, sorted; -1: it cannot be read (errno). */
KIT_FN int tool_folder(const char *folder, const char *end, tool_names *names)
{
#if KIT_UNIX
    DIR *d = opendir(folder);
    struct dirent *e;
    if (!d) return -1;
    while ((e = readdir(d)) != NULL)
        if (e->d_name[0] != '.' && tool_ends(e->d_name, end)) tool_names_add(names, e->d_name);
    closedir(d);
#elif defined(_WIN32)
    struct _finddata_t e;
    intptr_t d = _findfirst(tool_print("%s/*", folder), &e);
    if (d == -1) return -1;
    do {
        if (e.name[0] != '.' && tool_ends(e.name, end)) tool_names_add(names, e.name);
    } while (_findnext(d, &e) == 0);
    _findclose(d);
#else
    (void)folder, (void)end, (void)names;
    errno = ENOSYS;
    return -1;
#endif
    if (names->n) qsort((void *)names->at, names->n, sizeof *names->at, tool_by_text);
    return 0;
}

/* Write into a folder; the text is freed. */
KIT_FN int tool_write(const char *folder, const char *name, kit_buf *b)
{
    int status = kit_write_file(tool_print("%s/%s", folder, name), b->s ? b->s : "", b->n);
    free(b->s);
    memset(b, 0, sizeof *b);
    return status;
}

/* --- lists of experiments --------------------------------------------------------------------- */

/* "E5", "e05", "M8" -> "E05", "M08"; 0: no such name. */
KIT_FN int tool_id(const char *text, size_t n, char *out)
{
    long long number;
    char letter = n ? (char)(text[0] & ~32) : 0;
    if ((letter != 'E' && letter != 'M') || !kit_whole(text + 1, n - 1, 1, 99, &number)) return 0;
    out[0] = letter, out[1] = (char)('0' + number / 10), out[2] = (char)('0' + number % 10);
    out[3] = 0;
    return 1;
}

/* The value of --only, "E5,E06,M1". */
KIT_FN int tool_set_only(void *to, const char *value)
{
    char id[8];
    for (const char *p = value;;) {
        size_t n = strcspn(p, ",");
        if (!tool_id(p, n, id)) return 0;
        if (!p[n]) break;
        p += n + 1;
    }
    return kit_set_text(to, value);
}

/* Is an experiment (or the one it extends), or the program e05_... of one, in the list? NULL: all are. */
KIT_FN int tool_chosen(const char *only, const char *name)
{
    char wanted[8], id[8];
    for (const char *p = only; p && *p;) {
        size_t n = strcspn(p, ",");
        if (tool_id(p, n, wanted) && tool_id(name, strlen(name) < 3 ? 0 : 3, id) && !strcmp(id, wanted)) return 1;
        p += n + (p[n] == ',');
    }
    return !only;
}

/* --- other programs --------------------------------------------------------------------------- */

/* One word of a command line for the shell. */
KIT_FN void tool_quote(kit_buf *b, const char *word)
{
    kit_put(b, b->n ? " '" : "'");
    for (; *word; ++word) {
        char c[2] = { 0, 0 };
        c[0] = *word;
        kit_put(b, *word == '\'' ? "'\\''" : c);
    }
    kit_put(b, "'");
}

/* Run it; its exit status, 130 when it was interrupted. */
KIT_FN int tool_system(const char *command)
{
    int status = system(command);
#if KIT_UNIX
    if (status == -1) return KIT_OUTPUT;
    if (WIFSIGNALED(status)) return 128 + WTERMSIG(status);
    status = WEXITSTATUS(status);
#endif
    return status;
}

/* The name behind the last slash. */
KIT_FN const char *tool_base(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

KIT_FN int tool_by_base(const void *a, const void *b)
{
    return strcmp(tool_base(*(const char *const *)a), tool_base(*(const char *const *)b));
}

/* The programs of experiments in a folder and, if wanted, in its folder beyond/: e05_drift_scaling,
 * beyond/e05_regimes, ..., by experiment. */
KIT_FN int tool_programs(const char *folder, int beyond, tool_names *programs)
{
    for (int k = 0; k <= beyond; ++k) {
        tool_names all = { NULL, 0, 0 };
        if (tool_folder(k ? tool_print("%s/beyond", folder) : folder, "", &all) && !k) {
            fprintf(stderr, "no folder %s with the programs of experiments: %s ('make' builds them "
                            "in build/; --programs names another folder)\n",
                    folder, strerror(errno));
            return KIT_BAD_INPUT;
        }
        for (size_t i = 0; i < all.n; ++i) {
            const char *s = all.at[i];
            char id[8];
            if ((s[0] == 'e' || s[0] == 'm') && strlen(s) > 4 && s[3] == '_' && !strchr(s, '.')
                && tool_id(s, 3, id))
                tool_names_add(programs, k ? tool_print("beyond/%s", s) : s);
        }
    }
    if (programs->n) qsort((void *)programs->at, programs->n, sizeof *programs->at, tool_by_base);
    return KIT_OK;
}

#endif /* CLB_TOOL_H */
