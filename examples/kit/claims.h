/* claims.h - claims as data, their verdicts, and the sentences printed from them.
 *
 * A claim has tests. A test compares one quantity with a bound and answers one question:
 *   number      is the paper's number found again on its seeds?
 *   statement   does the statement hold on the seeds that were run?
 *   condition   if not, does it hold under the condition that is named?
 * The third question, how both fare on fresh seeds, is answered by clb_replicate: it runs groups
 * of as many seeds as the paper used and counts those in which the same rules hold.
 *
 * "Found again" means that the paper's digits come out: the runs are the paper's, seed for seed,
 * and how much other seeds differ is the third question. E20's R and E23's constant may be off by
 * half the range of 90 % of the groups; on the paper's seeds their digits come out too, and the
 * wider tolerance says in how many groups the paper's number is a likely one.
 *
 * A question is "not decided", with the reason, where the data cannot decide it: other seeds or
 * fewer, other learning rates, --quick, a value that is NaN or was not run. The verdict is a
 * function of the claim and a kit_basis alone, so a result file can be judged again with other
 * bounds.
 */
#ifndef KIT_CLAIMS_H
#define KIT_CLAIMS_H

#include "tables.h"

typedef enum kit_compare {
    KIT_LESS, KIT_LESS_EQUAL, KIT_GREATER, KIT_GREATER_EQUAL, KIT_EQUAL, KIT_WITHIN, KIT_YES,
    KIT_SHOWN_ONLY, KIT_COMPARISONS
} kit_compare;
static const char *const kit_comparison_names[KIT_COMPARISONS] = { "<", "<=", ">", ">=", "=",
                                                                   "within", "yes", "none" };

typedef enum kit_question {
    KIT_ASKS_NUMBER, KIT_ASKS_STATEMENT, KIT_ASKS_CONDITION, KIT_ASKS_NOTHING, KIT_QUESTIONS
} kit_question;
static const char *const kit_question_names[KIT_QUESTIONS] = { "number", "statement", "condition",
                                                               "shown" };

typedef enum kit_source { KIT_PAPER, KIT_OURS, KIT_IDENTITY, KIT_SOURCES } kit_source;
static const char *const kit_source_names[KIT_SOURCES] = { "paper", "ours", "identity" };

/* number: YES is "found again", NO "differs"; statement: YES is "holds", PARTLY "holds under a
 * condition", NO "does not hold". NOT_ASKED: the claim has no such test. */
typedef enum kit_answer { KIT_NOT_ASKED, KIT_NO, KIT_PARTLY, KIT_HOLDS, KIT_UNDECIDED } kit_answer;
static const char *const kit_number_answers[] = { "none", "differs", "differs", "found again",
                                                  "not decided" };
static const char *const kit_statement_answers[] = { "none", "does not hold",
                                                     "holds under a condition", "holds",
                                                     "not decided" };

typedef struct kit_bound {
    kit_compare compare;
    double bound, tolerance;
    const char *unit;
} kit_bound;
KIT_FN kit_bound kit_bound_of(kit_compare compare, double bound, double tolerance)
{
    kit_bound b = { KIT_LESS, 0, 0, "" };
    b.compare = compare, b.bound = bound, b.tolerance = tolerance;
    return b;
}
KIT_FN kit_bound kit_below(double b) { return kit_bound_of(KIT_LESS, b, 0); }
KIT_FN kit_bound kit_at_most(double b) { return kit_bound_of(KIT_LESS_EQUAL, b, 0); }
KIT_FN kit_bound kit_above(double b) { return kit_bound_of(KIT_GREATER, b, 0); }
KIT_FN kit_bound kit_at_least(double b) { return kit_bound_of(KIT_GREATER_EQUAL, b, 0); }
KIT_FN kit_bound kit_equal(double b) { return kit_bound_of(KIT_EQUAL, b, 0); }
KIT_FN kit_bound kit_within(double b, double tolerance)
{
    return kit_bound_of(KIT_WITHIN, b, tolerance);
}
KIT_FN kit_bound kit_yes(void) { return kit_bound_of(KIT_YES, 0, 0); }
KIT_FN kit_bound kit_in_units(kit_bound b, const char *unit) { b.unit = unit; return b; }

typedef struct kit_test {
    kit_question asks;
    const char  *quantity;
    kit_bound    bound;
    double       value;
} kit_test;

enum { KIT_TESTS = 16 };
struct kit_claim {
    kit_claim  *next;
    kit        *x;
    kit_source  source;
    const char *name, *claim, *published, *condition, *remark;
    const char *unmeasured;             /* what to say where a value is missing, or NULL */
    size_t      seeds;                  /* least number that can decide; 0: runs have no seed */
    int         grid;                   /* needs the experiment's own learning rates */
    const char *part;                   /* the one part that measures it; NULL: any may */
    kit_test    tests[KIT_TESTS];
    size_t      n;
    kit_answer  number, statement;      /* set by kit_judge() */
    const char *reason, *sentence;
};

/* What the runs can decide. */
typedef struct kit_basis {
    int    quick, other_lrs, part_only;          /* part_only: --part left out a part */
    int    has_published;               /* all of the paper's seeds are among those run */
    size_t seeds, diverged, runs;
} kit_basis;

/* ============================================================================================
 * Stating a claim
 * ========================================================================================== */

KIT_FN kit_claim *kit_claim_new(kit *x, kit_source source, const char *name, const char *claim,
                                const char *published)
{
    kit_claim *c = (kit_claim *)kit_new(&x->arena, 1, sizeof *c);
    for (const kit_claim *other = x->claims; other; other = other->next)
        if (!strcmp(other->name, name)) kit_die(KIT_USAGE, "%s: two claims %s", x->info->id, name);
    c->x = x, c->source = source, c->name = kit_copy(&x->arena, name);
    c->claim = kit_copy(&x->arena, claim), c->published = kit_copy(&x->arena, published);
    c->remark = "", c->reason = c->sentence = NULL, c->condition = NULL;
    c->seeds = source == KIT_IDENTITY ? 0 : x->seeds_asked;
    c->grid = source != KIT_IDENTITY && x->has_grid;
    *x->claims_end = c, x->claims_end = &c->next;
    return c;
}
/* A claim of the paper, with the number or words it prints; one of ours. A plain sentence each. */
KIT_FN kit_claim *kit_paper(kit *x, const char *name, const char *claim, const char *published)
{
    return kit_claim_new(x, KIT_PAPER, name, claim, published);
}
KIT_FN kit_claim *kit_ours(kit *x, const char *name, const char *claim)
{
    return kit_claim_new(x, KIT_OURS, name, claim, "");
}

KIT_FN void kit_test_add(kit_claim *c, kit_question asks, const char *quantity, double value,
                         kit_bound bound)
{
    kit_test *t = &c->tests[c->n];
    if (c->n == KIT_TESTS) kit_die(KIT_USAGE, "claim %s: too many tests", c->name);
    ++c->n;
    t->asks = asks, t->quantity = kit_copy(&c->x->arena, quantity), t->value = value;
    t->bound = bound, t->bound.unit = kit_copy(&c->x->arena, bound.unit);
}
/* Tests. All that ask the same must hold. */
KIT_FN void kit_number(kit_claim *c, const char *quantity, double value, kit_bound bound)
{
    if (c->source != KIT_PAPER)
        kit_die(KIT_USAGE, "claim %s: only the paper's claims have a number to find", c->name);
    kit_test_add(c, KIT_ASKS_NUMBER, quantity, value, bound);
}
KIT_FN void kit_statement(kit_claim *c, const char *quantity, double value, kit_bound bound)
{
    kit_test_add(c, KIT_ASKS_STATEMENT, quantity, value, bound);
}
/* condition: "below eta = 0.1"; the same text for all tests of it. */
KIT_FN void kit_condition(kit_claim *c, const char *condition, const char *quantity, double value,
                          kit_bound bound)
{
    if (c->condition && strcmp(c->condition, condition))
        kit_die(KIT_USAGE, "claim %s: two conditions", c->name);
    c->condition = kit_copy(&c->x->arena, condition);
    kit_test_add(c, KIT_ASKS_CONDITION, quantity, value, bound);
}
/* Does an interval contain a value? Two tests, of the statement or, with a condition, of that. */
KIT_FN void kit_contains(kit_claim *c, const char *condition, const char *interval, double lo,
                         double hi, double value)
{
    const char *begins = kit_print(c->x, "%s begins at", interval),
               *ends = kit_print(c->x, "%s ends at", interval);
    if (condition) {
        kit_condition(c, condition, begins, lo, kit_at_most(value));
        kit_condition(c, condition, ends, hi, kit_at_least(value));
    } else {
        kit_statement(c, begins, lo, kit_at_most(value));
        kit_statement(c, ends, hi, kit_at_least(value));
    }
}
/* A value that the sentence shows and no test needs. */
KIT_FN void kit_show(kit_claim *c, const char *quantity, double value)
{
    kit_test_add(c, KIT_ASKS_NOTHING, quantity, value,
                 kit_bound_of(KIT_SHOWN_ONLY, KIT_NAN, KIT_NAN));
}
/* What the claim needs, where it is not all seeds asked for and the grid. */
KIT_FN void kit_needs(kit_claim *c, size_t seeds, int grid) { c->seeds = seeds, c->grid = grid; }
/* One part's runs measure all values of the claim: --part with it decides the claim. */
KIT_FN void kit_needs_part(kit_claim *c, const kit_part *part) { c->part = part->name; }
/* Why a value of the claim may be missing, and what to do: "needs MNIST: --mnist DIR". */
KIT_FN void kit_unmeasured(kit_claim *c, const char *why)
{
    c->unmeasured = kit_copy(&c->x->arena, why);
}
/* A sentence that is true whatever the verdict; the second about a value, if that is finite. */
KIT_FN void kit_remark(kit_claim *c, const char *remark)
{
    c->remark = kit_copy(&c->x->arena, remark);
}
KIT_FN void kit_remark_value(kit_claim *c, double value, const char *remark)
{
    if (isfinite(value)) kit_remark(c, remark);
}

/* What must hold whatever anyone says; if not, the program ends with status 1. */
KIT_FN kit_claim *kit_identity(kit *x, const char *name, const char *claim, const char *quantity,
                               double value, kit_bound bound)
{
    kit_claim *c = kit_claim_new(x, KIT_IDENTITY, name, claim, "");
    kit_statement(c, quantity, value, bound);
    return c;
}

/* Theorem 2 on all runs: the worst error of drift = eta^2 S, which is rounding. */
KIT_FN void kit_theorem_2(kit *x, double worst, double rounding, double float_rounding)
{
    kit_identity(x, "theorem_2", "The drift is eta^2 S in every run (Theorem 2).", "worst error",
                 worst, kit_at_most(sizeof(clb_real) == 4 ? float_rounding : rounding));
}

/* ============================================================================================
 * Judging
 * ========================================================================================== */

/* NaN never holds. */
KIT_FN int kit_bound_holds(const kit_bound *b, double v)
{
    switch (b->compare) {
    case KIT_LESS: return v < b->bound;
    case KIT_LESS_EQUAL: return v <= b->bound;
    case KIT_GREATER: return v > b->bound;
    case KIT_GREATER_EQUAL: return v >= b->bound;
    case KIT_EQUAL: return v == b->bound;
    case KIT_WITHIN: return fabs(v - b->bound) <= b->tolerance;
    default: return !isnan(v) && v != 0;
    }
}

/* Can the value answer? NaN cannot, nor can an infinity, the least or largest of no run. The error
 * of an identity is infinite where a run made it NaN: that answers. */
KIT_FN int kit_measured(const kit_claim *c, double value)
{
    return c->source == KIT_IDENTITY ? !isnan(value) : isfinite(value);
}

/* A quantity that cannot answer the question; NULL: none. */
KIT_FN const char *kit_missing(const kit_claim *c, kit_question asks)
{
    for (size_t i = 0; i < c->n; ++i)
        if (c->tests[i].asks == asks && !kit_measured(c, c->tests[i].value))
            return c->tests[i].quantity;
    return NULL;
}

/* Do all tests hold? KIT_NOT_ASKED: there is none. */
KIT_FN kit_answer kit_all_hold(const kit_claim *c, kit_question asks)
{
    kit_answer answer = KIT_NOT_ASKED;
    for (size_t i = 0; i < c->n; ++i) {
        if (c->tests[i].asks != asks) continue;
        if (!kit_bound_holds(&c->tests[i].bound, c->tests[i].value)) return KIT_NO;
        answer = KIT_HOLDS;
    }
    return answer;
}

/* Why a question cannot be decided, in words; NULL: it can. */
KIT_FN const char *kit_undecided(kit_claim *c, const kit_basis *basis, kit_question asks)
{
    const char *missing = kit_missing(c, asks);
    kit *x = c->x;
    if (c->source != KIT_IDENTITY && basis->quick) return "--quick makes too few runs to judge";
    if (c->source != KIT_IDENTITY && basis->part_only && !(c->part && kit_wanted(x, c->part)))
        return "--part left out some of the runs";
    if (c->grid && basis->other_lrs) return "the learning rates are not the experiment's (--lrs)";
    if (asks == KIT_ASKS_NUMBER && c->seeds && !basis->has_published)
        return "the seeds are not the paper's (--seeds)";
    if (basis->seeds < c->seeds)
        return kit_print(x, "%zu seed%s ran, %zu are needed", basis->seeds,
                         basis->seeds == 1 ? "" : "s", c->seeds);
    if (missing && basis->part_only)
        return kit_print(x, "--part left out what measures \"%s\"", missing);
    if (missing && c->unmeasured) return c->unmeasured;
    if (missing) return kit_print(x, "no run gave a finite value of \"%s\"", missing);
    return NULL;
}

KIT_FN void kit_judge_one(kit_claim *c, const kit_basis *basis)
{
    const char *why_number = NULL, *why = NULL;
    c->number = kit_all_hold(c, KIT_ASKS_NUMBER),
    c->statement = kit_all_hold(c, KIT_ASKS_STATEMENT);
    if (c->number && (why_number = kit_undecided(c, basis, KIT_ASKS_NUMBER)) != NULL)
        c->number = KIT_UNDECIDED;
    if (c->statement && (why = kit_undecided(c, basis, KIT_ASKS_STATEMENT)) != NULL)
        c->statement = KIT_UNDECIDED;
    if (c->statement == KIT_NO && c->condition
        && (why = kit_undecided(c, basis, KIT_ASKS_CONDITION)) != NULL)
        c->statement = KIT_UNDECIDED;
    if (c->statement == KIT_NO && c->condition && kit_all_hold(c, KIT_ASKS_CONDITION) == KIT_HOLDS)
        c->statement = KIT_PARTLY;
    c->reason = why && why_number && strcmp(why, why_number)
                    ? kit_print(c->x, "number: %s; statement: %s", why_number, why)
                    : why ? why : why_number;
}

/* --- sentences -------------------------------------------------------------------------------- */

/* As many digits as it takes to show on which side of the bound the value is. */
KIT_FN const char *kit_digits(char *out, size_t size, const kit_bound *b, double value)
{
    int holds = kit_bound_holds(b, value), strict = b->compare < KIT_EQUAL;
    if (isnan(value)) { snprintf(out, size, "not measured"); return out; }
    for (int digits = 4; digits <= 17; ++digits) {
        double shown;
        snprintf(out, size, "%.*g", digits, value), shown = strtod(out, NULL);
        if (kit_bound_holds(b, shown) == holds && !(strict && shown == b->bound && value != shown))
            break;
    }
    return out;
}

/* "alpha 1.182 (within 0.01 of 1.16: no)"; without the answer where the question is not decided. */
KIT_FN void kit_put_test(kit_buf *b, const kit_test *t, int decided)
{
    char number[40];
    const kit_bound *bound = &t->bound;
    const char *answer = kit_bound_holds(bound, t->value) ? ": yes" : ": no";
    if (!decided) answer = "";
    kit_digits(number, sizeof number, bound, t->value);
    if (bound->compare == KIT_YES) {
        kit_putf(b, "%s%s", t->quantity, isnan(t->value) ? ": not measured" : answer);
        return;
    }
    kit_putf(b, "%s %s", t->quantity, number);
    if (bound->unit[0] && !isnan(t->value)) kit_putf(b, " %s", bound->unit);
    if (bound->compare == KIT_SHOWN_ONLY) return;
    if (bound->compare == KIT_WITHIN)
        kit_putf(b, " (%swithin %g of %g%s)", decided ? "" : "rule: ", bound->tolerance,
                 bound->bound, answer);
    else
        kit_putf(b, " (%s%s %g%s)", decided ? "" : "rule: ", kit_comparison_names[bound->compare],
                 bound->bound, answer);
}

/* The tests of one question, with commas between. */
KIT_FN size_t kit_put_tests(kit_buf *b, const kit_claim *c, kit_question asks, const char *before,
                            int decided)
{
    size_t n = 0;
    for (size_t i = 0; i < c->n; ++i) {
        if (c->tests[i].asks != asks) continue;
        kit_put(b, n++ ? ", " : before);
        kit_put_test(b, &c->tests[i], decided);
    }
    return n;
}

/* The measured values, then each question that is asked and its answer. */
KIT_FN const char *kit_sentence(kit_claim *c, const kit_basis *basis)
{
    static const char *const number[] = { "", "The paper's number differs: ", "",
                                          "The paper's number is found again: ",
                                          "The paper's number is not decided: " };
    kit_buf b = { NULL, 0, 0 };
    const char *text;
    if (kit_put_tests(&b, c, KIT_ASKS_NOTHING, "Measured: ", 1)) kit_put(&b, ". ");
    if (kit_put_tests(&b, c, KIT_ASKS_NUMBER, number[c->number], c->number != KIT_UNDECIDED))
        kit_put(&b, ". ");
    if (c->statement) {
        int decided = c->statement != KIT_UNDECIDED;
        kit_putf(&b, "The statement %s: ", decided ? kit_statement_answers[c->statement]
                                                   : "is not decided");
        kit_put_tests(&b, c, KIT_ASKS_STATEMENT, "", decided);
        if (c->condition && (c->statement == KIT_PARTLY || c->statement == KIT_NO)) {
            kit_putf(&b, "; %s: ", c->condition);
            kit_put_tests(&b, c, KIT_ASKS_CONDITION, "", 1);
        }
        kit_put(&b, ". ");
    }
    if (c->reason) kit_putf(&b, "Not decided: %s. ", c->reason);
    if (basis->diverged && c->source != KIT_IDENTITY)
        kit_putf(&b, "%zu of %zu runs diverged and %s left out. ", basis->diverged, basis->runs,
                 basis->diverged == 1 ? "is" : "are");
    kit_put(&b, c->remark);
    while (b.n && b.s[b.n - 1] == ' ') b.s[--b.n] = 0;
    text = kit_copy(&c->x->arena, b.s ? b.s : "");
    free(b.s);
    return text;
}

/* All claims, from the same data. */
KIT_FN void kit_judge(kit *x, const kit_basis *basis)
{
    for (kit_claim *c = x->claims; c; c = c->next) {
        kit_judge_one(c, basis);
        c->sentence = kit_sentence(c, basis);
    }
}

/* 0 if an identity does not hold. */
KIT_FN int kit_identities_hold(const kit *x)
{
    for (const kit_claim *c = x->claims; c; c = c->next)
        if (c->source == KIT_IDENTITY && c->statement == KIT_NO) return 0;
    return 1;
}

#endif /* KIT_CLAIMS_H */
