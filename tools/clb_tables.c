/* clb_tables - tables and report of the experiments, from their result files alone.
 *   cc -O2 -o clb_tables tools/clb_tables.c -lm && ./clb_tables tables results
 * Replace a table in a result file and the page shows the new one. */
#define CLB_IMPLEMENTATION
#include "../clb.h"
#include "report.h"

static const char *option_out, *option_only, *option_replication, *option_theorems, *option_ledger,
    *option_notes, *option_page;

static const kit_opt tables_options[] = {
    { "out", 'o', "DIR", "write Markdown, LaTeX and CSV there", kit_set_text, (void *)&option_out },
    { "only", 0, "LIST", "experiments, E5,M1 [all]", tool_set_only, (void *)&option_only },
    { "replication", 0, "FILE", "replication.json, for the column of fresh seeds", kit_set_text,
      (void *)&option_replication },
    { NULL, 0, NULL, NULL, NULL, NULL },
};
static const kit_opt report_options[] = {
    { "out", 'o', "FILE", "the page [report.html]", kit_set_text, (void *)&option_out },
    { "only", 0, "LIST", "experiments, E5,M1 [all]", tool_set_only, (void *)&option_only },
    { "replication", 0, "FILE", "replication.json, for the column of fresh seeds", kit_set_text,
      (void *)&option_replication },
    { "fresh", 0, "FILE", "replication.md, shown whole", kit_set_text, (void *)&option_notes },
    { "theorems", 0, "FILE", "theorems.md of clb_theorems", kit_set_text, (void *)&option_theorems },
    { "ledger", 0, "FILE", "ledger.md of clb_check", kit_set_text, (void *)&option_ledger },
    { "page", 0, "NAME", "link to the living page", kit_set_text, (void *)&option_page },
    { NULL, 0, NULL, NULL, NULL, NULL },
};
static const kit_opt list_options[] = {
    { "only", 0, "LIST", "experiments, E5,M1 [all]", tool_set_only, (void *)&option_only },
    { NULL, 0, NULL, NULL, NULL, NULL },
};

static int read_all(const char *const *words, docs *all, replication *r)
{
    const char *folder = words[0] ? words[0] : "results";
    int status = words[0] && words[1] ? kit_usage("clb_tables", "one folder, not also", words[1])
                                      : docs_read(all, folder, option_only);
    memset(r, 0, sizeof *r);
    return status ? status : replication_read(r, option_replication);
}

static int command_tables(const char *const *words)
{
    docs all = { NULL, 0 };
    replication r;
    int status = read_all(words, &all, &r);
    if (!status && option_out) status = tables_write(option_out, &all, &r);
    else if (!status) {
        kit_buf b = { NULL, 0, 0 };
        tables_all(&b, &all, &r, 'E', TABLES_MARKDOWN);
        status = kit_write_file("-", b.s, b.n);
        free(b.s);
    }
    docs_free(&all), json_free(&r.file);
    return status;
}

/* A text that the page shows; NULL: not wanted. */
static int slurp(const char *path, char **text)
{
    size_t n;
    *text = NULL;
    if (!path) return KIT_OK;
    if ((*text = kit_slurp(path, &n)) != NULL) return KIT_OK;
    fprintf(stderr, "%s: %s\n", path, strerror(errno));
    return KIT_BAD_INPUT;
}

static int command_report(const char *const *words)
{
    docs all = { NULL, 0 };
    replication r;
    report_files files = { NULL, NULL, NULL, NULL };
    kit_buf b = { NULL, 0, 0 };
    char *texts[3] = { NULL, NULL, NULL };
    int status = read_all(words, &all, &r);
    if (!status) status = slurp(option_theorems, &texts[0]);
    if (!status) status = slurp(option_notes, &texts[1]);
    if (!status) status = slurp(option_ledger, &texts[2]);
    if (!status) {
        files.theorems = texts[0], files.replication = texts[1], files.ledger = texts[2];
        files.page = option_page;
        report_page(&b, &all, &r, &files);
        status = kit_write_file(option_out ? option_out : "report.html", b.s, b.n);
    }
    free(b.s), free(texts[0]), free(texts[1]), free(texts[2]);
    docs_free(&all), json_free(&r.file);
    return status;
}

static int command_list(const char *const *words)
{
    docs all = { NULL, 0 };
    replication r;
    int status = read_all(words, &all, &r);
    for (size_t i = 0; i < all.n && !status; ++i)
        printf("%-24s %-44s %6zu runs\n", all.at[i].info.id, all.at[i].info.title, all.at[i].run_n);
    docs_free(&all), json_free(&r.file);
    return status;
}

static const tool_command commands[] = {
    { "tables", "[RESULTS]", "all experiments; with --out also one page for each",
      tables_options, command_tables },
    { "report", "[RESULTS]", "one self-contained HTML page", report_options, command_report },
    { "list", "[RESULTS]", "what a folder holds", list_options, command_list },
    { NULL, NULL, NULL, NULL, NULL },
};
static const tool clb_tables = {
    "clb_tables", "tables and report from result files.", commands,
    { "clb_tables tables --out tables results", "clb_tables report --out report.html results" }
};

int main(int argc, char **argv) { return kit_printed_all(tool_main(&clb_tables, argc, argv)); }
