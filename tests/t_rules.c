/* The rule of a verdict: what it decides, and that its reason says what it decided.
 *   cc -O2 -o t_rules tests/t_rules.c -lm && ./t_rules */
#define CLB_IMPLEMENTATION
#include "../clb.h"
#define EX_NO_MAIN
#include "../examples/ex.h"
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
                               "as printed; qualified if alpha within 0.05 of 1.16";
    ex_ruling r = ex_judge(x, rule, EX_VALUES(0.9881, 1.182, 1, 1.182));
    EQUAL(r.verdict, EX_QUALIFIED);
    CHECK(!strcmp(r.why, "Reproduced if R^2 > 0.99 (0.988: no) and alpha within 0.01 of 1.16 "
                         "(1.18: no) and m* is as printed (yes); qualified if alpha within 0.05 "
                         "of 1.16 (1.18: yes)."));
    r = ex_judge(x, rule, EX_VALUES(0.9951, 1.163, 1, 1.163));
    EQUAL(r.verdict, EX_REPRODUCED);
    CHECK(strstr(r.why, "R^2 > 0.99 (0.995: yes) and alpha within 0.01 of 1.16 (1.16: yes)"));
    EQUAL(ex_judge(x, rule, EX_VALUES(0.9951, 1.169, 0, 1.169)).verdict, EX_QUALIFIED);
    r = ex_judge(x, rule, EX_VALUES(0.9951, 1.3, EX_NAN, EX_NAN));
    EQUAL(r.verdict, EX_NOT_REPRODUCED);
    CHECK(strstr(r.why, "is as printed (no); qualified if alpha within 0.05 of 1.16 (not measured: "
                        "no)."));
    EQUAL(ex_judge(x, "reproduced if a < 1; else qualified", EX_VALUES(2)).verdict, EX_QUALIFIED);
    EQUAL(ex_judge(x, "qualified if a < 1", EX_VALUES(0)).verdict, EX_QUALIFIED);
    EQUAL(ex_judge(x, "reproduced if eta <= 0.1 gives a < 1 %", EX_VALUES(0.5)).verdict,
          EX_REPRODUCED);
    ex_close(x);
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
        ex_ruling r = ex_judge(x, ex_print(x, "reproduced if a %s %g", names[op], bound),
                               EX_VALUES(value));
        const char *at = strchr(r.why, '(');
        int holds = ex_compare(op, value, bound, 0.125);
        NOTE("%s with %.17g", r.why, value);
        CHECK(at);
        shown = strtod(at + 1, NULL);
        EQUAL(r.verdict, holds ? EX_REPRODUCED : EX_NOT_REPRODUCED);
        EQUAL(ex_compare(op, shown, bound, 0.125), holds);
        CHECK(strstr(at, holds ? ": yes)" : ": no)"));
        CHECK(fabs(shown - value) <= 0.005 * fabs(value));
    }
    ex_close(x);
}

static const test_case tests[] = { TEST(t_clauses), TEST(t_shown) };
TEST_MAIN(tests)
