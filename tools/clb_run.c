/* clb_run - run the programs of the experiments, one after another.
 *   cc -O2 -o clb_run tools/clb_run.c -lm && ./clb_run --programs build --only E5 -- --quick
 * What stands behind -- goes to each program (PROGRAM --help lists its options). */
#define CLB_IMPLEMENTATION
#include "../clb.h"
#include "document.h"

static const char *option_programs = "build", *option_only, *option_out = "results", *option_mnist;
static int option_paper, option_list;

static const kit_opt options[] = {
    { "programs", 0, "DIR", "where the programs are [build]", kit_set_text, (void *)&option_programs },
    { "only", 0, "LIST", "experiments, E5,M1 [all]", tool_set_only, (void *)&option_only },
    { "out", 'o', "DIR", "folder of result files and figures [results]", kit_set_text,
      (void *)&option_out },
    { "mnist", 0, "DIR", "folder of the MNIST files, for programs that use it", kit_set_text,
      (void *)&option_mnist },
    { "paper", 0, NULL, "the paper's experiments only, nothing beyond", kit_set_flag, &option_paper },
    { "list", 0, NULL, "print the programs, run nothing", kit_set_flag, &option_list },
    { NULL, 0, NULL, NULL, NULL, NULL },
};

/* "3 numbers found again, 1 differs; ..." of a result file that was just written. */
static void say(const char *path, double seconds)
{
    const char *program = tool_base(path);
    static const char *const words[] = { "", "do not hold", "hold under a condition", "hold",
                                         "not decided" };
    tool_names names = { NULL, 0, 0 };
    const char *wanted, *beyond;
    char id[8];
    tool_id(program, 3, id);
    wanted = tool_print("%s.json", id), beyond = tool_print("%s_%s.json", id, strchr(program, '_') + 1);
    tool_folder(option_out, ".json", &names);
    /* of a program beyond E5 E05_regimes.json, but E24.json where nothing else has the number */
    for (size_t i = 0; program != path && i < names.n; ++i)
        if (!strcmp(names.at[i], beyond)) wanted = beyond;
    fprintf(stderr, "%-32s %7.1f s", path, seconds);
    for (size_t i = 0; i < names.n; ++i) {
        doc d;
        size_t answers[5] = { 0, 0, 0, 0, 0 };
        if (strcmp(names.at[i], wanted)) continue;
        if (!doc_read(&d, tool_print("%s/%s", option_out, names.at[i])) && d.complete) {
            for (const kit_claim *c = d.x->claims; c; c = c->next) ++answers[c->statement];
            fprintf(stderr, "   %zu runs", d.run_n);
            for (int k = KIT_UNDECIDED; k >= KIT_NO; --k)
                if (answers[k]) fprintf(stderr, ", %zu %s", answers[k], words[k]);
        }
        doc_free(&d);
        break;
    }
    fputs("\n", stderr);
}

/* Whether the program's --help lists this option, "--lrs" or "--lrs=0.1". */
static int has_option(const char *program, const char *option)
{
    kit_buf b = { NULL, 0, 0 };
    int status;
    tool_quote(&b, tool_print("%s/%s", option_programs, program));
    kit_put(&b, tool_print(" --help | grep -q -e '%.*s '", (int)strcspn(option, "="), option));
    status = tool_system(b.s);
    free(b.s);
    return status == 0;
}

/* --seeds or --lrs among the words where the program has no seeds or rates to choose; or NULL. */
static const char *lacks(const char *program, const char *const *words)
{
    for (; *words; ++words) {
        size_t n = strcspn(*words, "=");
        int choice = (n == 7 && !memcmp(*words, "--seeds", n)) || (n == 5 && !memcmp(*words, "--lrs", n));
        if (choice && !has_option(program, *words)) return *words;
    }
    return NULL;
}

static int run_one(const char *program, const char *const *words)
{
    kit_buf b = { NULL, 0, 0 };
    double start = kit_clock();
    int status;
    tool_quote(&b, tool_print("%s/%s", option_programs, program));
    kit_put(&b, " --quiet");
    tool_quote(&b, "--out"), tool_quote(&b, option_out);
    if (option_mnist && has_option(program, "--mnist"))
        tool_quote(&b, "--mnist"), tool_quote(&b, option_mnist);
    for (; *words; ++words) tool_quote(&b, *words);
    status = tool_system(b.s);
    if (status > KIT_CHECK_FAILED)
        fprintf(stderr, "%s/%s: ended with status %d\n", option_programs, program, status);
    else if (!tool_quiet) say(program, kit_clock() - start);
    free(b.s);
    return status;
}

static int command_run(const char *const *words)
{
    tool_names programs = { NULL, 0, 0 };
    int worst = tool_programs(option_programs, !option_paper, &programs);
    size_t found = 0, left_out = 0;
    for (size_t i = 0; i < programs.n && worst <= KIT_CHECK_FAILED; ++i) {
        const char *missing;
        int status = KIT_OK;
        if (!tool_chosen(option_only, tool_base(programs.at[i]))) continue;
        ++found;
        missing = lacks(programs.at[i], words);
        left_out += missing != NULL;
        if (missing && !tool_quiet)
            fprintf(stderr, "%-32s not run: it has no %s\n", programs.at[i], missing);
        if (missing) continue;
        if (option_list) printf("%s/%s\n", option_programs, programs.at[i]);
        else status = run_one(programs.at[i], words);
        if (status > worst) worst = status;
    }
    if (worst <= KIT_CHECK_FAILED && !found) {
        fprintf(stderr, "%s: no such programs (\"make\" builds them)\n", option_programs);
        return KIT_BAD_INPUT;
    }
    if (found && left_out == found) return kit_usage("clb_run", "no program here has", "these options");
    return worst;
}

int main(int argc, char **argv)
{
    static const tool_command command = {
        "", "[-- OPTIONS OF THE PROGRAMS]", "run the experiments of a folder", options, command_run
    };
    static const tool clb_run = { "clb_run", "", &command, { "", "" } };
    if (argc > 1 && (!strcmp(argv[1], "--version") || !strcmp(argv[1], "-V"))) {
        printf("clb_run %s\n", clb_build_info());
        return kit_printed_all(KIT_OK);
    }
    return kit_printed_all(tool_run_command(&clb_run, &command, argc, argv));
}
