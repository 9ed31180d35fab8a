/* keys.h - runs known by their keys: described, compared, found. */
#ifndef KIT_KEYS_H
#define KIT_KEYS_H

#include "rows.h"

/* Describe a run by its keys: "part=sweep seed=42 lr=0.001". */
KIT_FN void kit_put_keys(kit_buf *b, const kit_run *run)
{
    char number[40];
    kit_putf(b, "part=%s", run->part->name);
    for (size_t k = 0; k < run->part->field_count; ++k) {
        const kit_field *f = &run->part->fields[k];
        if (f->key)
            kit_putf(b, " %s=%s", f->name,
                     f->kind == KIT_KIND_TEXT
                         ? *kit_text_at(run->values, f)
                         : json_decimal(number, sizeof number, *kit_number_at(run->values, f)));
    }
}

KIT_FN int kit_same_keys(const kit_part *part, void *a, void *b)
{
    for (size_t i = 0; i < part->field_count; ++i) {
        const kit_field *f = &part->fields[i];
        if (!f->key) continue;
        if (f->kind == KIT_KIND_TEXT ? strcmp(*kit_text_at(a, f), *kit_text_at(b, f)) != 0
                                     : *kit_number_at(a, f) != *kit_number_at(b, f))
            return 0;
    }
    return 1;
}

/* FNV-1a over part and keys. */
KIT_FN size_t kit_hash_keys(const kit_part *part, void *values)
{
    uint64_t h = 14695981039346656037u;
    for (size_t i = 0; i <= part->field_count; ++i) {
        const kit_field *f = i ? &part->fields[i - 1] : NULL;
        const char *at = part->name;
        double number = 0;
        size_t n;
        if (f && !f->key) continue;
        if (f && f->kind == KIT_KIND_TEXT) at = *kit_text_at(values, f);
        n = strlen(at);
        if (f && f->kind != KIT_KIND_TEXT) {
            number = *kit_number_at(values, f) + 0.0;          /* -0 and 0 are the same key */
            at = (const char *)&number, n = sizeof number;
        }
        while (n--) h = (h ^ (unsigned char)*at++) * 1099511628211u;
    }
    return (size_t)(h ^ h >> 32);
}

/* The planned run with these keys, or NULL. A new run (not NULL) is entered if there is none. */
KIT_FN kit_run *kit_find(kit *x, const kit_part *part, void *values, const kit_run *enter)
{
    size_t at = kit_hash_keys(part, values);
    for (;; ++at) {
        size_t *slot = &x->index[at & x->index_mask];          /* 1 + number of the run; 0: free */
        kit_run *run = *slot ? &x->runs[*slot - 1] : NULL;
        if (run && run->part == part && kit_same_keys(part, run->values, values)) return run;
        if (run) continue;
        if (enter) *slot = 1 + (size_t)(enter - x->runs);
        return NULL;
    }
}

/* Enter all planned runs; one that stands there twice is a mistake of the plan. */
KIT_FN void kit_index_runs(kit *x)
{
    size_t size = 64;
    while (size < 2 * x->run_n) size *= 2;
    x->index = (size_t *)kit_new(&x->arena, size, sizeof *x->index), x->index_mask = size - 1;
    for (kit_run *run = x->runs; run < x->runs + x->run_n; ++run)
        if (kit_find(x, run->part, run->values, run)) {
            kit_buf b = { NULL, 0, 0 };
            kit_put_keys(&b, run);
            kit_die(KIT_USAGE, "%s: planned twice: %s", x->info->id, b.s);
        }
}

#endif /* KIT_KEYS_H */
