/* clb_tables - all experiments in one program: run them, tables, report, ledger, merging of
 * shards, replication.
 *   cc -O2 -o clb_tables tools/clb_tables.c -lm && ./clb_tables run && ./clb_tables tables results
 * It holds no experiment code: it includes the examples, and everything but `run` works on their
 * result files.
 */
#define CLB_IMPLEMENTATION
#include "../clb.h"
#define EX_NO_MAIN
#include "../examples/ex.h"
#include "../examples/plot.h"

/* An experiment is one line here and its address in the list below. */
#include "../examples/e01_conservation.c"
#include "../examples/e02_bias.c"
#include "../examples/e03_drift_vs_lr.c"
#include "../examples/e04_edge_of_stability.c"
#include "../examples/e05_drift_scaling.c"
#include "../examples/e06_depth.c"
#include "../examples/e07_optimizer.c"
#include "../examples/e08_spectral.c"
#include "../examples/e09_linear_relu_gap.c"
#include "../examples/e10_activation_coupling.c"
#include "../examples/e11_homogeneity.c"
#include "../examples/e12_loss.c"
#include "../examples/e13_ce_clamping.c"
#include "../examples/e14_width_interaction.c"
#include "../examples/e15_switch_rate.c"
#include "../examples/e16_hessian_time.c"
#include "../examples/e17_ce_clamping.c"
#include "../examples/e18_ce_hessian.c"
#include "../examples/e19_mse_width.c"
#include "../examples/e20_linear_ck.c"
#include "../examples/e21_relu_ck.c"
#include "../examples/e22_width_dim.c"
#include "../examples/e23_tau.c"
#include "../examples/m01_two_phases.c"
#include "../examples/m02_stopping_boundary.c"
#include "../examples/m03_tanh_pathways.c"
#include "../examples/m04_heterogeneous.c"
#include "../examples/m05_knife_edge.c"
#include "../examples/m06_return_table.c"
#include "../examples/m07_rank_window.c"
#include "../examples/m08_warm_up.c"
#include "../examples/m09_sharpness_geometry.c"
#include "../examples/m10_conservation_laws.c"

static const ex_info *const all_experiments[] = {
    &e01, &e02, &e03, &e04, &e05, &e06, &e07, &e08, &e09, &e10, &e11,
    &e12, &e13, &e14, &e15, &e16, &e17, &e18, &e19, &e20, &e21, &e22,
    &e23, &m01, &m02, &m03, &m04, &m05, &m06, &m07, &m08, &m09, &m10,
};
enum { ALL = EX_LEN(all_experiments) };

#include "json.h"
#include "load.h"
#include "tables.h"
#include "ledger.h"
#include "theorems.h"
#include "report.h"
#include "replicate.h"

/* --- options ---------------------------------------------------------------------------------- */

typedef struct tool_options {
    ex_settings set;
    const char *only, *reference, *single, *replication;
    int         help, version, verbose;
    const ex_info *chosen[ALL];
    size_t      chosen_n;
    const char *words[512];              /* files or folder */
    size_t      word_n;
} tool_options;

/* "E5,E06,M1" */
static int tool_set_only(void *to, const char *value)
{
    tool_options *o = (tool_options *)to;
    for (;;) {
        size_t n = strcspn(value, ",");
        const ex_info *info = load_info(value, n);
        if (!info || o->chosen_n == ALL) return 0;
        o->chosen[o->chosen_n++] = info;
        if (!value[n]) return 1;
        value += n + 1;
    }
}

typedef struct tool_command {
    const char *name, *usage, *help;
    int       (*run)(tool_options *o);
} tool_command;

/* --- run -------------------------------------------------------------------------------------- */

static int tool_run_one(const tool_options *o, const ex_info *info)
{
    ex *x = ex_open(info, &o->set);
    size_t good = 0;
    int status;
    if (o->set.list) { printf("%s\n", info->id); ex_print_list(x); ex_close(x); return EX_OK; }
    status = ex_execute(x);
    if (!status && ex_complete(x)) info->finish(x);
    if (!status) status = ex_save(x);
    for (size_t i = 0; i < x->verdict_n; ++i) good += x->verdicts[i].verdict == EX_REPRODUCED;
    if (!status && !o->set.quiet)
        fprintf(stderr, "%s  %-44s %4zu runs %8.1f s   %zu of %zu claims reproduced\n", info->id,
                info->title, x->runs.n, x->seconds, good, x->verdict_n);
    for (size_t i = 0; i < x->check_n; ++i)
        if (!x->checks[i].flag) fprintf(stderr, "%s  FAILS: %s\n", info->id, x->checks[i].name);
    if (!status) status = ex_checked(x);
    ex_close(x);
    return status;
}

static int tool_run(tool_options *o)
{
    int status = EX_OK;
    double start = ex_clock();
    if (o->set.json) return ex_usage("clb_tables run", "not for several experiments:", "--json");
    for (size_t i = 0; i < o->chosen_n; ++i) {
        int s = tool_run_one(o, o->chosen[i]);
        if (s > EX_CHECK_FAILED) return s;
        if (s) status = s;
    }
    if (!o->set.quiet && !o->set.list) fprintf(stderr, "all %8.1f s\n", ex_clock() - start);
    return status;
}

/* --- what works on result files
 * ------------------------------------------------------------------ */

/* Results of the chosen experiments that lie in a folder. */
static int tool_load(const tool_options *o, const char *folder, ex **xs, size_t *n)
{
    *n = 0;
    for (size_t i = 0; i < o->chosen_n; ++i) {
        int missing;
        ex *x = load_result(folder, o->chosen[i], &missing);
        if (x) xs[(*n)++] = x;
        else if (!missing || o->only) {
            if (missing) fprintf(stderr, "%s/%s.json: no such file\n", folder, o->chosen[i]->id);
            return EX_BAD_INPUT;
        }
    }
    if (*n == 0) fprintf(stderr, "%s: no result files (clb_tables run makes them)\n", folder);
    return *n ? EX_OK : EX_BAD_INPUT;
}

static void tool_close(ex **xs, size_t n)
{
    for (size_t i = 0; i < n; ++i) ex_close(xs[i]);
}

static const char *tool_folder(const tool_options *o)
{
    return o->word_n ? o->words[0] : "results";
}

static int tool_tables(tool_options *o)
{
    ex *xs[ALL];
    size_t n;
    int status = tool_load(o, tool_folder(o), xs, &n);
    if (!status && o->set.out) status = tables_write(o->set.out, xs, n);
    if (!status && !o->set.quiet && !o->set.out) {
        ex_buf b = { NULL, 0, 0 };
        tables_one(&b, xs, n, 'E', 0);
        status = ex_write_file("-", b.s, b.n);
        free(b.s);
    }
    tool_close(xs, n);
    return status;
}

/* The ledger of the results in a folder; xs stay open. */
static int tool_ledger(tool_options *o, ex **xs, size_t n, ledger *l, ex_buf *table)
{
    static ex *singles[ALL];
    memset(l, 0, sizeof *l);
    memset(singles, 0, sizeof singles);
    for (size_t i = 0; o->single && i < n; ++i) {
        int missing;
        singles[i] = load_result(o->single, xs[i]->info, &missing);
        if (!singles[i] && !missing) return EX_BAD_INPUT;
    }
    l->xs = xs, l->x_n = n, l->singles = o->single ? singles : NULL, l->verbose = o->verbose;
    return ledger_make(l, o->reference, table);
}

static int tool_check(tool_options *o)
{
    ex *xs[ALL];
    ex_buf table = { NULL, 0, 0 };
    ledger l;
    size_t n;
    int status;
    if (!o->reference) return ex_usage("clb_tables check", "needs option", "--reference DIR");
    status = tool_load(o, tool_folder(o), xs, &n);
    if (!status) {
        status = tool_ledger(o, xs, n, &l, &table);
        if (!status && !o->set.out) status = ex_write_file("-", table.s, table.n);
        if (!status && o->set.out) {
            ex_make_folder(o->set.out);
            status = tables_file(o->set.out, "ledger.md", &table);
        }
        if (!status && !ledger_clean(&l)) status = EX_CHECK_FAILED;
        if (l.singles) tool_close(l.singles, n);
        ledger_free(&l);
        free(table.s);
    }
    tool_close(xs, n);
    return status;
}

static int tool_merge(tool_options *o)
{
    ex *x;
    int status;
    if (o->word_n == 0)
        return ex_usage("clb_tables merge", "needs", "the result files of the shards");
    x = load_merged(o->words, o->word_n);
    if (!x) return EX_BAD_INPUT;
    x->set.out = o->set.out, x->set.json = o->set.json;
    status = ex_save(x);
    ex_close(x);
    return status;
}

static int tool_report(tool_options *o)
{
    ex *xs[ALL];
    ex_buf page = { NULL, 0, 0 }, table = { NULL, 0, 0 };
    ledger l;
    char *replication = NULL;
    size_t n, size;
    int status = tool_load(o, tool_folder(o), xs, &n);
    memset(&l, 0, sizeof l);
    if (!status && o->replication && !(replication = json_slurp(o->replication, &size))) {
        fprintf(stderr, "%s: %s\n", o->replication, strerror(errno));
        status = EX_BAD_INPUT;
    }
    if (!status && o->reference) status = tool_ledger(o, xs, n, &l, &table);
    if (!status) {
        report_page(&page, xs, n, o->reference ? &l : NULL, replication);
        status = ex_write_file(o->set.out ? o->set.out : "report.html", page.s, page.n);
    }
    if (l.singles) tool_close(l.singles, n);
    ledger_free(&l);
    free(table.s), free(page.s), free(replication);
    tool_close(xs, n);
    return status;
}

static int tool_theorems(tool_options *o)
{
    ex_buf b = { NULL, 0, 0 };
    int holds = theorems_markdown(&b, o->set.quick), status;
    if (o->set.out) ex_make_folder(o->set.out), status = tables_file(o->set.out, "theorems.md", &b);
    else status = ex_write_file("-", b.s, b.n);
    free(b.s);
    return status ? status : holds ? EX_OK : EX_CHECK_FAILED;
}

static int tool_replicate(tool_options *o)
{
    size_t n = 0;
    if (!o->set.seeds) return ex_usage("clb_tables replicate", "needs option", "--seeds 1..100");
    for (size_t i = 0; i < o->chosen_n; ++i)                 /* without --only: the paper's own */
        if (o->only || o->chosen[i]->id[0] == 'E') o->chosen[n++] = o->chosen[i];
    return replicate(&o->set, o->chosen, n);
}

static int tool_list(tool_options *o)
{
    for (size_t i = 0; i < o->chosen_n; ++i)
        printf("%s  %-44s %s\n", o->chosen[i]->id, o->chosen[i]->title, o->chosen[i]->theorem);
    return EX_OK;
}

/* --- command line
 * -------------------------------------------------------------------------------- */

static const tool_command tool_commands[] = {
    { "run", "run [options]", "run experiments, write result files and figures", tool_run },
    { "tables", "tables [--out DIR] [RESULTS]",
      "Table 1 and detailed tables (stdout without --out)", tool_tables },
    { "report", "report [--out FILE] [RESULTS]", "one self-contained HTML page", tool_report },
    { "check", "check --reference DIR [RESULTS]", "every published number against ours",
      tool_check },
    { "merge", "merge [--out DIR] FILE...", "join the shards of one experiment", tool_merge },
    { "replicate", "replicate --seeds 1..100", "claims over groups of seeds; resumes",
      tool_replicate },
    { "theorems", "theorems [--out DIR]", "the paper's statements on random instances",
      tool_theorems },
    { "list", "list", "the experiments", tool_list },
};

static void tool_help(const ex_opt *opts)
{
    printf("clb_tables: runs the experiments of clb and compares them with the paper.\n\n");
    for (size_t i = 0; i < EX_LEN(tool_commands); ++i)
        printf("  clb_tables %-32s %s\n", tool_commands[i].usage, ""),
            printf("      %s\n", tool_commands[i].help);
    printf("\nRESULTS is the folder of result files [results].\n\n");
    ex_print_options(opts);
    printf("\n  clb_tables run --only E5,E6 --published --out results\n  clb_tables tables --out "
           "tables results\n");
}

static int tool_main(int argc, char **argv)
{
    static tool_options o;
    ex_opt opts[EX_SHARED_OPTIONS + 9];
    size_t n;
    int status;
    o.set = ex_settings_default();
    ex_once_limit = (size_t)256 << 20;
    n = ex_shared_options(opts, &o.set, &o.help, &o.version);
    opts[n++] = (ex_opt){ "only", 0, "LIST", "experiments, E5,E06 [all]", tool_set_only, &o };
    opts[n++] = (ex_opt){ "reference",         0, "DIR", "the published result files", ex_set_text,
                          (void *)&o.reference };
    opts[n++] =
        (ex_opt){ "single",         0, "DIR", "the same results in float, for bands", ex_set_text,
                  (void *)&o.single };
    opts[n++] = (ex_opt){ "replication",   0, "FILE", "report: replication.md of replicate",
                          ex_set_text, (void *)&o.replication };
    opts[n++] = (ex_opt){ "verbose",   'v',       NULL, "check: name the numbers not covered",
                          ex_set_flag, &o.verbose };
    memset(&opts[n], 0, sizeof opts[n]);
    status = ex_parse("clb_tables", opts, argc, argv, o.words, (int)EX_LEN(o.words) - 1);
    if (status >= 0) return status;
    while (o.words[o.word_n]) ++o.word_n;
    if (o.help) { tool_help(opts); return EX_OK; }
    if (o.version) { printf("clb_tables %s\n", clb_build_info()); return EX_OK; }
    o.only = o.chosen_n ? "" : NULL;
    if (!o.chosen_n)
        for (; o.chosen_n < ALL; ++o.chosen_n) o.chosen[o.chosen_n] = all_experiments[o.chosen_n];
    if (o.word_n == 0)
        return ex_usage("clb_tables",
                        "a command is missing:", "run, tables, report, check, merge, ...");
    signal(SIGINT, ex_on_signal), signal(SIGTERM, ex_on_signal);
    for (size_t i = 0; i < EX_LEN(tool_commands); ++i)
        if (!strcmp(o.words[0], tool_commands[i].name)) {
            memmove(o.words, o.words + 1, o.word_n * sizeof *o.words);
            --o.word_n;
            return tool_commands[i].run(&o);
        }
    return ex_usage("clb_tables", "unknown command", o.words[0]);
}

int main(int argc, char **argv)
{
    return ex_out(tool_main(argc, argv));
}
