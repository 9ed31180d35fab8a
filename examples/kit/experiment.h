/* experiment.h - the types of an experiment: fields, parts, runs, and what belongs to the whole. */
#ifndef KIT_EXPERIMENT_H
#define KIT_EXPERIMENT_H

#include "json.h"

typedef struct kit kit;            /* an experiment being planned, run or reported */

/* --- fields: the members of a run's struct -------------------------------------------------- */

typedef enum kit_kind { KIT_KIND_NUMBER, KIT_KIND_TEXT, KIT_KIND_ARRAY } kit_kind;

typedef struct kit_field {
    const char *name, *unit;       /* name: that of the published result files where there is one */
    size_t      offset, size;
    kit_kind    kind;
    int         key;
} kit_field;

/* A member of another type than the macro says makes a conditional of two pointer types: a warning
 * from every compiler, an error under -Werror. The sizes are compared when the program starts. */
#define KIT_FIELD(type, member, of, kind, key, unit)                                               \
    KIT_FIELD_NAMED(#member, type, member, of, kind, key, unit)
#define KIT_FIELD_NAMED(name, type, member, of, kind, key, unit)                                   \
    { name, unit, offsetof(type, member),                                                       \
      sizeof(*(1 ? &((type *)0)->member : (of *)0)), kind, key }
#define KIT_KEY(type, member)          KIT_FIELD(type, member, double, KIT_KIND_NUMBER, 1, "")
#define KIT_KEY_IN(type, member, unit) KIT_FIELD(type, member, double, KIT_KIND_NUMBER, 1, unit)
#define KIT_RESULT_IN(type, member, unit)                                                          \
    KIT_FIELD(type, member, double, KIT_KIND_NUMBER, 0, unit)
#define KIT_KEY_TEXT(type, member)     KIT_FIELD(type, member, const char *, KIT_KIND_TEXT, 1, "")
#define KIT_RESULT(type, member)       KIT_FIELD(type, member, double, KIT_KIND_NUMBER, 0, "")
#define KIT_RESULT_TEXT(type, member)  KIT_FIELD(type, member, const char *, KIT_KIND_TEXT, 0, "")
#define KIT_RESULT_ARRAY(type, member) KIT_FIELD(type, member, kit_list, KIT_KIND_ARRAY, 0, "")
/* Results that several experiments share stand in a struct that is itself a member, `of`. */
#define KIT_RESULT_OF(type, of, member)                                                            \
    KIT_FIELD_NAMED(#member, type, of.member, double, KIT_KIND_NUMBER, 0, "")
#define KIT_RESULT_ARRAY_OF(type, of, member)                                                      \
    KIT_FIELD_NAMED(#member, type, of.member, kit_list, KIT_KIND_ARRAY, 0, "")

/* A member of a run's struct, for selections and means. Used on runs of another struct it stops
 * the program. */
typedef struct kit_at { const char *type; size_t offset; } kit_at;
#define KIT_AT(type, member) ((kit_at){ #type, offsetof(type, member) })

/* --- parts: runs of one kind ------------------------------------------------------------------ */

typedef struct kit_part {
    const char      *name, *title;
    const char      *type;         /* the struct's name and size, and its members */
    size_t           size;
    const kit_field *fields;
    size_t           field_count;
    /* One run: reads the keys, sets the results. Called from several threads: touches its own run
     * only. Not CLB_OK ends the program; a diverged training that the protocol allows is a result,
     * not a failure. */
    clb_status     (*run)(kit *x, void *run);
} kit_part;
/* The table of `type` is called type_fields. */
#define KIT_PART(name, title, type, run)                                                           \
    { name, title, #type, sizeof(type), type##_fields, KIT_LEN(type##_fields), run }

typedef struct kit_run {
    const kit_part *part;
    void           *values;        /* the struct */
    int             done;
} kit_run;

/* Some runs of one part, in the order planned. */
typedef struct kit_rows {
    kit            *x;
    const kit_part *part;
    size_t          n;
    void          **at;
} kit_rows;

/* --- the experiment --------------------------------------------------------------------------- */

/* --name ARG of one experiment */
typedef struct kit_option { const char *name, *arg, *help; } kit_option;

typedef struct kit_info {
    const char *id;                /* "E05"; an extension "E05_regimes" */
    const char *title;             /* "Drift scaling law" */
    const char *statement;         /* "Theorem 4" */
    const char *key_result;        /* as the paper's table prints it; NULL for an extension */
    const char *beyond;            /* NULL; of an extension the experiment it belongs to: "E05" */
    void      (*plan)(kit *x);     /* adds the runs */
    void      (*report)(kit *x);   /* tables, summary, claims, figure, from the runs alone */
    const kit_option *options;     /* own options, ended by a NULL name; or NULL */
} kit_info;

typedef struct kit_settings {
    const char *seeds, *lrs, *part;           /* as given; NULL if not */
    kit_list    seed_list, lr_list;
    int         quick, list, estimate, quiet, from, resume;
    int         take_all;                     /* of --from: a run that is not planned is an error */
    long        threads;                      /* 0: all */
    long        shard, shards;                /* 0/1 */
    const char *out, *json, *cache;
    const char *args[8];                      /* values of own options, in their order */
} kit_settings;

typedef struct kit_constant {
    struct kit_constant *next;
    const char *name, *text;                  /* text NULL: a number */
    double      value;
} kit_constant;

typedef struct kit_summary_item {
    struct kit_summary_item *next;
    const char *name;
    double      value, se, lo, hi, published;          /* NaN where there is none */
    const char *unit;                                  /* NULL: not the one of the row */
    double      factor;                                /* of the value, in that unit */
} kit_summary_item;

typedef struct kit_table kit_table;
typedef struct kit_claim kit_claim;
struct plot;

enum { KIT_PARTS = 32 };

struct kit {
    const kit_info   *info;
    kit_settings      set;
    kit_arena         arena;
    kit_run          *runs;
    size_t            run_n, run_cap;
    size_t           *index, index_mask;       /* of the runs by their keys: keys.h */
    FILE             *journal;                 /* runs done so far: journal.h; NULL: none is kept */
    const char       *journal_path;
    size_t            journal_lines;
    const kit_part   *parts[KIT_PARTS];
    size_t            part_n;
    size_t            seeds_asked;             /* most published seeds that plan() asked for */
    size_t            seeds_run;               /* most seeds that plan() got */
    int               has_published;           /* all published seeds asked for are planned */
    int               has_grid;                /* plan() asked for learning rates */
    kit_constant     *config, **config_end;
    kit_table        *tables, **tables_end;
    kit_summary_item *summary, **summary_end;
    kit_claim        *claims, **claims_end;
    struct plot      *figures, **figures_end;
    double            seconds;
    int               files;                   /* result files the runs came from; 0: run here */
};

/* A text and zeros that live as long as the experiment. */
KIT_FN KIT_PRINTF(2, 3) const char *kit_print(kit *x, const char *format, ...)
{
    va_list args;
    const char *text;
    va_start(args, format);
    text = kit_vprint(&x->arena, format, args);
    va_end(args);
    return text;
}
KIT_FN double *kit_doubles(kit *x, size_t n)
{
    return (double *)kit_new(&x->arena, n, sizeof(double));
}

/* A copy of n numbers: what a run stores in an array of its struct. */
KIT_FN kit_list kit_keep(kit *x, size_t n, const double *values)
{
    double *at = kit_doubles(x, n);
    kit_list list = { n, at };
    if (n) memcpy(at, values, n * sizeof *at);
    return list;
}

#endif /* KIT_EXPERIMENT_H */
