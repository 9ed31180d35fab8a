/* The rule of a verdict: what it decides, and that its reason says what it decided.
 *   cc -O2 -o t_rules tests/t_rules.c -lm && ./t_rules */
#define CLB_IMPLEMENTATION
#include "../clb.h"
#define EX_NO_MAIN
#include "../examples/ex.h"
#include "../examples/plot.h"
#include "../examples/e07_optimizer.c"
#include "test.h"

static void none_plan(ex *x) { (void)x; }
static clb_status none_run(ex *x, ex_row *row) { (void)x, (void)row; return CLB_OK; }
static const ex_info none = { "E99", "none",    "None",   "Theorem 0", "-",
                              NULL,  none_plan, none_run, none_plan,   NULL };

static ex *open_none(void)
{
    ex_settings set = ex_settings_default();
    return ex_open(&none, &set);
}

static void t_clauses(void)
{
    ex *x = open_none();
    static const char rule[] = "reproduced if R^2 > 0.99 and alpha within 0.01 of 1.16 and m* is "
                               "as printed; qualified if alpha within 0.05 of 1.16. 0.5 is not "
                               "a bound. Nor is x < 3";
    const char *why;
    EQUAL(ex_judge(x, rule, EX_VALUES(0.9881, 1.182, 1, 1.182), &why), EX_QUALIFIED);
    CHECK(!strcmp(why, "Reproduced if R^2 > 0.99 (0.988: no) and alpha within 0.01 of 1.16 "
                       "(1.18: no) and m* is as printed (yes); qualified if alpha within 0.05 of "
                       "1.16 (1.18: yes). 0.5 is not a bound. Nor is x < 3"));
    EQUAL(ex_judge(x, rule, EX_VALUES(0.9951, 1.163, 1, 1.163), &why), EX_REPRODUCED);
    CHECK(strstr(why, "R^2 > 0.99 (0.995: yes) and alpha within 0.01 of 1.16 (1.16: yes)"));
    EQUAL(ex_judge(x, rule, EX_VALUES(0.9951, 1.163, 0, 1.163), &why), EX_QUALIFIED);
    EQUAL(ex_judge(x, rule, EX_VALUES(0.9951, 1.3, EX_NAN, EX_NAN), &why), EX_NOT_REPRODUCED);
    CHECK(strstr(why, "is as printed (no); qualified if alpha within 0.05 of 1.16 (not measured: "
                      "no)."));
    EQUAL(ex_judge(x, "reproduced if a < 1; else qualified", EX_VALUES(2), &why), EX_QUALIFIED);
    CHECK(!strcmp(why, "Reproduced if a < 1 (2: no); else qualified."));
    EQUAL(ex_judge(x, "qualified if a < 1", EX_VALUES(0), &why), EX_QUALIFIED);
    EQUAL(ex_judge(x, "reproduced if at eta <= 0.1 a < 1 %", EX_VALUES(0.5), &why), EX_REPRODUCED);
    EQUAL(ex_judge(x, "reproduced if a <= 1; qualified if within 2 of 1", EX_VALUES(2, 2), &why),
          EX_QUALIFIED);
    CHECK(!strcmp(why, "Reproduced if a <= 1 (2: no); qualified if within 2 of 1 (2: yes)."));
    EQUAL(ex_judge(x, "reproduced if a stays within its range", EX_VALUES(1), &why),
          EX_REPRODUCED);
    ex_close(x);
}

/* The reason of a claim is that of its rule. */
static void t_claim(void)
{
    for (int k = 0; k < 2; ++k) {
        ex *x = open_none();
        ex_claim(x, "claim", "1", "m", "reproduced if a < 1; qualified if a < 3. Remark.",
                 EX_VALUES(2 * k, 2 * k));
        EQUAL(x->verdict_n, 1);
        EQUAL(x->verdicts[0].verdict, k ? EX_QUALIFIED : EX_REPRODUCED);
        CHECK(!strcmp(x->verdicts[0].why,
                      k ? "Reproduced if a < 1 (2: no); qualified if a < 3 (2: yes). Remark."
                        : "Reproduced if a < 1 (0: yes); qualified if a < 3 (0: yes). Remark."));
        ex_close(x);
    }
}

/* The number shown stands on the side of the bound that "yes" or "no" says, however near it is. */
static void t_shown(void)
{
    static const char *const names[] = { "<", "<=", ">", ">=", "=", "within 0.125 of" };
    ex *x = open_none();
    clb_rng rng;
    clb_rng_seed(&rng, 1);
    for (size_t k = 0; k < 3000; ++k) {
        size_t op = k % EX_LEN(names);
        double bound = 0.25 * (double)(k % 9) - 1;
        double edge = op == 5 ? bound + (k % 4 < 2 ? 0.125 : -0.125) : bound;
        double off = ldexp(clb_rng_double(&rng) - 0.5, -(int)(k % 50));
        double value = k % 7 ? edge + off : edge, shown;
        const char *why, *rule = ex_print(x, "reproduced if a %s %g", names[op], bound);
        ex_judgement verdict = ex_judge(x, rule, EX_VALUES(value), &why);
        const char *at = strchr(why, '(');
        int holds = ex_compare(op, value, bound, 0.125);
        NOTE("%s with %.17g", why, value);
        CHECK(at);
        shown = strtod(at + 1, NULL);
        EQUAL(verdict, holds ? EX_REPRODUCED : EX_NOT_REPRODUCED);
        EQUAL(ex_compare(op, shown, bound, 0.125), holds);
        CHECK(strstr(at, holds ? ": yes)" : ": no)"));
        CHECK(fabs(shown - value) <= 0.005 * fabs(value));
    }
    ex_close(x);
}

/* E7 finished from made-up runs: the drift is eta^alpha, times exp(bend) at every other eta. */
static ex *made_up(double alpha, double bend)
{
    ex_settings set = ex_settings_default();
    ex *x;
    set.published = 1;
    x = ex_open(&e07, &set);
    for (size_t i = 0; i < ex_runs(x); ++i) {
        static const char *const names[] = { "signed_drift", "S", "first", "second", "final_loss" };
        ex_row *row = ex_run_at(x, i);
        double lr = ex_get(row, "lr");
        size_t k = 0;
        while (k + 1 < EX_LEN(e07_lr_adam) && e07_lr_adam[k] < lr) ++k;
        ex_num(row, "drift", clb_exp(alpha * clb_log(lr) + (k % 2 ? bend : 0)));
        for (size_t n = 0; n < EX_LEN(names); ++n) ex_num(row, names[n], -1);
        ex_num(row, "law_error", 0);
        row->done = 1;
    }
    e07.finish(x);
    return x;
}

/* Runs that change the verdict change its reason. The old reason of this claim said "the number is
 * reproduced" whatever the number was. */
static void t_flip(void)
{
    static const struct { double alpha, bend; ex_judgement verdict; const char *why; } cases[] = {
        { 0.56, 0, EX_REPRODUCED, "of 0.56 (0.56: yes) and R^2 > 0.99 (1: yes)" },
        { 0.56, 2, EX_QUALIFIED, ": no); qualified if alpha within 0.01 of 0.56 (0.56: yes)" },
        { 0.80, 0, EX_NOT_REPRODUCED, "qualified if alpha within 0.01 of 0.56 (0.8: no)" },
    };
    for (size_t k = 0; k < EX_LEN(cases); ++k) {
        /* a bend moves the fitted slope by that of the bend alone */
        ex *flat = made_up(0, cases[k].bend);
        double moved = ex_get(flat->summary.at[2], "value");
        ex *x = made_up(cases[k].alpha - moved, cases[k].bend);
        const ex_verdict_entry *v = &x->verdicts[0];
        NOTE("%s: %s", ex_judgement_name(v->verdict), v->why);
        CHECK(ex_is(x->summary.at[2], "alpha_adam"));
        EQUAL(v->verdict, cases[k].verdict);
        CHECK(strstr(v->why, cases[k].why));
        ex_close(flat), ex_close(x);
    }
}

/* An identity that nobody measured, or that gave NaN anywhere, does not hold. */
static void t_worst(void)
{
    static const double errors[] = { 1e-15, 3e-14, 2e-15 };
    ex *x = open_none();
    CHECK(isnan(ex_worst(x, "error", NULL)));
    for (size_t i = 0; i < EX_LEN(errors); ++i)
        ex_num(ex_add(x, "a", 42), "error", errors[i]);
    ex_num(ex_add(x, "b", 42), "other", 1);
    SAME_BITS(ex_worst(x, "error", NULL), 3e-14);
    SAME_BITS(ex_worst(x, "error", "a"), 3e-14);
    CHECK(isnan(ex_worst(x, "error", "b")));
    ex_num(ex_add(x, "b", 42), "error", EX_NAN);
    ex_num(ex_add(x, "a", 42), "error", 1e-16);
    CHECK(isnan(ex_worst(x, "error", NULL)));
    SAME_BITS(ex_worst(x, "error", "a"), 3e-14);
    ex_close(x);
}

static const test_case tests[] = { TEST(t_clauses), TEST(t_claim), TEST(t_shown), TEST(t_flip),
                                   TEST(t_worst) };
TEST_MAIN(tests)
