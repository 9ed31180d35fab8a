/* kit.h - everything an experiment needs beside clb.h; README.md in this folder says how one is
 * written.
 *
 *   #define CLB_IMPLEMENTATION
 *   #include "../clb.h"
 *   #include "kit/kit.h"
 *   ...
 *   static const kit_info info = { .id = "E05", .title = ..., .plan = plan, .report = report };
 *   KIT_MAIN(info)
 */
#ifndef KIT_KIT_H
#define KIT_KIT_H

#include "memory.h"
#include "files.h"
#include "json.h"
#include "experiment.h"
#include "rows.h"
#include "keys.h"
#include "journal.h"
#include "options.h"
#include "run.h"
#include "tables.h"
#include "claims.h"
#include "plot.h"
#include "figures.h"
#include "result.h"
#include "cache.h"
#include "paper.h"
#include "checkpoints.h"
#include "sweeps.h"
#include "gates.h"
#include "laws.h"
#include "edge.h"
#include "mnist.h"
#include "edge_drift.h"
#include "skipped.h"
#include "published.h"
#include "modes.h"
#include "linear.h"
#include "switches.h"
#include "spectral.h"
#include "predictors.h"

/* --- what a program prints -------------------------------------------------------------------- */

/* Width on the screen of a UTF-8 text. */
KIT_FN size_t kit_width(const char *text)
{
    size_t n = 0;
    for (; *text; ++text) n += ((unsigned char)*text & 0xc0) != 0x80;
    return n;
}

KIT_FN void kit_print_table(const kit_table *t)
{
    char cell[200];
    size_t *width = (size_t *)kit_new(&t->x->arena, t->columns, sizeof *width);
    for (size_t c = 0; c < t->columns; ++c) width[c] = kit_width(t->names[c]);
    for (size_t i = 0; i < t->n; ++i) {
        size_t w = kit_width(kit_cell_shown(cell, sizeof cell, &t->cells[i]));
        if (w > width[i % t->columns]) width[i % t->columns] = w;
    }
    printf("\n%s\n", t->caption);
    for (size_t c = 0; c < t->columns; ++c)
        printf("%*s%s", (int)(width[c] - kit_width(t->names[c]) + 2), "", t->names[c]);
    for (size_t i = 0; i < t->n; ++i) {
        kit_cell_shown(cell, sizeof cell, &t->cells[i]);
        printf("%s%*s%s", i % t->columns ? "" : "\n",
               (int)(width[i % t->columns] - kit_width(cell) + 2), "", cell);
    }
    printf("\n");
}

KIT_FN void kit_print_summary(const kit *x)
{
    if (x->summary) printf("\n%-28s %12s %10s %25s %12s\n", "summary", "value", "stderr",
                           "95 % interval", "published");
    for (const kit_summary_item *s = x->summary; s; s = s->next) {
        char se[32] = "-", range[64] = "-", printed[32] = "-";
        if (!isnan(s->se)) snprintf(se, sizeof se, "%.6g", s->se);
        if (!isnan(s->lo)) snprintf(range, sizeof range, "%.5g .. %.5g", s->lo, s->hi);
        if (!isnan(s->published)) snprintf(printed, sizeof printed, "%.6g", s->published);
        printf("%-28s %12.6g %10s %25s %12s\n", s->name, s->value, se, range, printed);
    }
}

KIT_FN void kit_print_claim(const kit_claim *c)
{
    printf("\n%s\n", c->claim);
    if (*c->published) printf("    paper: %s\n", c->published);
    if (c->number) printf("    number: %s\n", kit_number_answers[c->number]);
    if (c->statement) printf("    statement: %s\n", kit_statement_answers[c->statement]);
    printf("    %s\n", c->sentence);
}

KIT_FN void kit_print_result(const kit *x)
{
    printf("%s  %s (%s)\n%s\n", x->info->id, x->info->title, x->info->statement, clb_build_info());
    if (x->set.quick) printf("quick: smaller sweep, judges nothing\n");
    for (const kit_table *t = x->tables; t; t = t->next)
        if (!t->detail) kit_print_table(t);
    kit_print_summary(x);
    for (const kit_claim *c = x->claims; c; c = c->next) kit_print_claim(c);
    printf("\n%zu run%s in %.1f s\n", x->run_n, x->run_n == 1 ? "" : "s", x->seconds);
}

/* --seeds and --lrs are for programs whose plan() asks for seeds and learning rates. */
KIT_FN int kit_has_choice(const kit *x, const char *option)
{
    return (x->seeds_asked || strcmp(option, "seeds")) && (x->has_grid || strcmp(option, "lrs"));
}

/* The options that the program has. */
KIT_FN void kit_print_help(const kit_info *info, kit_opt *opts, const char *program)
{
    kit_settings none = kit_settings_default();
    kit *x = kit_open(info, &none);
    for (kit_opt *o = opts; o->name; ++o)
        if (!kit_has_choice(x, o->name)) o->help = NULL;
    printf("%s: %s\n(%s)\n\nUsage: %s [options]\n       %s [options] --from FILE...\n\n", info->id,
           info->title, info->statement, program, program);
    kit_print_options(opts);
    if (info->key_result) printf("\nThe paper's key result: %s\n", info->key_result);
    printf("\n  %s%s --out results\n  %s --quick --json -\n", program,
           x->seeds_asked ? " --seeds 42" : "", program);
    kit_close(x);
}

/* The choice that was made and the program does not have, or NULL. What it was run with before is
 * no choice: older files may have one that did nothing. */
KIT_FN const char *kit_empty_choice(kit *x, const kit_settings *asked)
{
    if (!x->has_grid) x->set.lrs = NULL;
    if (!x->seeds_asked) x->set.seeds = NULL;
    return asked->seeds && !x->set.seeds ? "--seeds" : asked->lrs && !x->set.lrs ? "--lrs" : NULL;
}

/* --- the program ------------------------------------------------------------------------------ */

/* Tables, claims and figures, and their verdicts. */
KIT_FN void kit_report(kit *x)
{
    kit_basis basis;
    memset(&basis, 0, sizeof basis);
    x->info->report(x);
    basis.quick = x->set.quick, basis.other_lrs = x->set.lrs != NULL;
    basis.has_published = x->has_published;
    basis.seeds = x->seeds_run, basis.runs = x->run_n;
    for (size_t i = 0; i < x->part_n; ++i) {
        basis.part_only |= !kit_wanted(x, x->parts[i]->name);
        basis.diverged += kit_part_diverged(x, x->parts[i]);
    }
    kit_judge(x, &basis);
}

/* Runs made or taken from files. A command that was stopped goes on with --resume. */
KIT_FN int kit_get_runs(kit *x, const char *const *files)
{
    int status = KIT_OK;
    if (x->set.from) {
        if ((status = kit_take_files(x, files)) != KIT_OK || kit_complete(x)) return status;
        for (size_t i = 0; i < x->run_n; ++i)
            if (!x->runs[i].done) {
                kit_buf b = { NULL, 0, 0 };
                kit_put_keys(&b, &x->runs[i]);
                fprintf(stderr, "%s: in no file: run %zu, %s\n", x->info->id, i, b.s);
                free(b.s);
                break;
            }
        return KIT_BAD_INPUT;
    }
    if ((status = kit_journal_open(x)) != KIT_OK) return status;
    status = kit_execute(x);
    if (!kit_stopped) return status;
    if (x->journal_lines > 1)
        fprintf(stderr, "%s: stopped; --resume goes on from %s\n", x->info->id, x->journal_path);
    return 128 + (int)kit_stopped;
}

KIT_FN int kit_command(kit *x, const char *const *files)
{
    int status;
    if (!kit_parts_known(x)) return KIT_USAGE;
    if (x->set.list) { kit_print_list(x); return KIT_OK; }
    if (!x->set.from && !mnist_files_there(x)) return KIT_BAD_INPUT;
    if (x->set.estimate) return kit_print_estimate(x);
    if ((status = kit_get_runs(x, files)) != KIT_OK) return status;
    if (kit_complete(x)) kit_report(x);
    status = kit_save(x);
    if (!status && !x->set.quiet && !(x->set.json && !strcmp(x->set.json, "-")) && kit_complete(x))
        kit_print_result(x);
    return status || kit_identities_hold(x) ? status : KIT_CHECK_FAILED;
}

KIT_FN int kit_main(const kit_info *info, int argc, char **argv)
{
    kit_settings set = kit_settings_default(), asked;
    kit_opt opts[KIT_SHARED_OPTIONS + 9];
    const char **files = (const char **)kit_new(&kit_option_arena, (size_t)argc + 1, sizeof *files);
    const char *empty;
    int help = 0, version = 0, status;
    size_t n = kit_shared_options(opts, &set, &help, &version);
    kit *x;
    kit_hold_streams();
    for (size_t i = 0; info->options && info->options[i].name && i < KIT_LEN(set.args); ++i) {
        const kit_option *o = &info->options[i];
        kit_opt own = { o->name, 0, o->arg, o->help, kit_set_text, (void *)&set.args[i] };
        opts[n++] = own;
    }
    memset(&opts[n], 0, sizeof opts[n]);
    status = kit_parse(argv[0], opts, argc, argv, files, argc);
    if (status >= 0) return status;
    if (help) { kit_print_help(info, opts, argv[0]); return KIT_OK; }
    if (version) { printf("%s %s\n", info->id, clb_build_info()); return KIT_OK; }
    if (!set.from && files[0]) return kit_usage(argv[0], "unexpected argument", files[0]);
    if (set.from && !files[0]) return kit_usage(argv[0], "no FILE behind", "--from");
    if (set.from && set.shards > 1) return kit_usage(argv[0], "--shard does not go with", "--from");
    asked = set;
    if (set.from && (status = kit_settings_of_files(&set, &kit_option_arena, files)) != KIT_OK)
        return status;
    kit_warn_threads(argv[0], &set);
    kit_cache_folder = set.cache;
    signal(SIGINT, kit_on_signal), signal(SIGTERM, kit_on_signal);
    x = kit_open(info, &set);
    empty = kit_empty_choice(x, &asked);
    status = empty ? kit_usage(argv[0], "this experiment has nothing to choose with", empty)
                   : kit_command(x, files);
    kit_close(x);
    return status;
}

#define KIT_MAIN(info)                                                                             \
    int main(int argc, char **argv) { return kit_printed_all(kit_main(&info, argc, argv)); }

#endif /* KIT_KIT_H */
