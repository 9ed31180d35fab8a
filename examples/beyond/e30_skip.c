/* E30  How many laws do skip connections leave?                        Theorem 1, E30, kit/orbits.h
 *   cc -O2 -DCLB_STATIC -o e30 examples/beyond/e30_skip.c -lm && ./e30                        (5 s)
 * Setup   two hidden layers of m units, or one: f = A s(W2 h) + B h with h = s(W1 x)
 *         (concatenated); the same with B = A (added: a residual block); f = V x + W2 s(W1 x)
 *         (input). clb_net has no skip connections: kit/orbits.h expresses these exactly by units
 *         that copy, for ReLU and linear nets.
 * Expect  concatenated: a law for every unit, |W2_j|^2 + |B_j|^2 - |row j of W1|^2 for unit j of
 *         layer 1. added, ReLU: rescaling unit j must rescale its copy too, so that unit j of both
 *         layers shares one law, |A_j|^2 + |column j of W2|^2 - |row j of W2|^2 - |row j of W1|^2:
 *         half of them are lost. added, linear: f = A (W2 + 1) W1 x is a plain net with W2 + 1:
 *         none is lost. input: the laws of W1 and W2; V has none.
 * Rule    written after short trials: the count is the one expected for every net, with a gap of
 *         1000. */
#define CLB_IMPLEMENTATION
#include "../../clb.h"
#include "../kit/kit.h"
#include "../kit/orbits.h"

static const orbit_net cases[] = {
    { "ReLU", CLB_RELU, { 5, 6, 6, 3 }, 4, 60, 0, 0, ORBIT_PLAIN },
    { "ReLU, concatenated", CLB_RELU, { 5, 6, 6, 3 }, 4, 60, 0, 0, ORBIT_CONCATENATED },
    { "ReLU, added", CLB_RELU, { 5, 6, 6, 3 }, 4, 60, 0, 0, ORBIT_ADDED },
    { "ReLU, added", CLB_RELU, { 8, 10, 10, 4 }, 4, 80, 0, 0, ORBIT_ADDED },
    { "ReLU, input", CLB_RELU, { 5, 8, 3 }, 3, 40, 0, 0, ORBIT_INPUT },
    { "linear", CLB_IDENTITY, { 5, 4, 4, 3 }, 4, 16, 0, 0, ORBIT_PLAIN },
    { "linear, concatenated", CLB_IDENTITY, { 5, 4, 4, 3 }, 4, 16, 0, 0, ORBIT_CONCATENATED },
    { "linear, added", CLB_IDENTITY, { 5, 4, 4, 3 }, 4, 16, 0, 0, ORBIT_ADDED },
    { "linear, input", CLB_IDENTITY, { 5, 4, 3 }, 3, 16, 0, 0, ORBIT_INPUT },
};

/* Hidden layers of m units that keep all their laws, and those that keep half. */
static double expected(const orbit_net *c)
{
    double m = (double)c->widths[1], layers = (double)c->count - 2;
    if (c->activation == CLB_IDENTITY) return layers * m * (m + 1) / 2;
    return c->skip == ORBIT_ADDED ? layers * m / 2 : layers * m;
}

static clb_status count_laws(kit *x, void *run)
{
    count_run *row = run;
    const orbit_net *c = &cases[(size_t)row->net];
    (void)x;
    row->known = expected(c);
    return orbit_count(row, c);
}
static const kit_part nets = KIT_PART("nets", "Networks with skip connections", count_run,
                                      count_laws);

static void plan(kit *x)
{
    for (size_t k = 0; k < KIT_LEN(cases); ++k)
        if (!kit_quick(x) || cases[k].samples < 40)
            kit_add(x, &nets, &(count_run){ .seed = 42, .net = (double)k });
}

static void report(kit *x)
{
    double gap, wrong;
    kit_claim *c = kit_ours(x, "skip",
                            "A residual block costs a ReLU net half of its laws and a linear net "
                            "none; concatenation costs none.");
    orbit_table(x, &nets, cases, &gap, &wrong);
    kit_statement(c, "networks whose count is another", wrong, kit_equal(0));
    kit_statement(c, "smallest gap of a rank", gap, kit_at_least(1000));
    kit_needs(c, 0, 0);
}

static const kit_info info = {
    .id = "E30_skip", .title = "How many laws do skip connections leave?",
    .statement = "Beyond Theorem 1", .beyond = "E30", .key_result = "", .plan = plan,
    .report = report,
};
KIT_MAIN(info)
