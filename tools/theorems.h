/* theorems.h - the paper's statements as executable checks on random instances. An entry of the table at the end is a
 * statement and a function that tries it; where the printed statement fails, the corrected one stands beside it.
 */
#ifndef CLB_THEOREMS_H
#define CLB_THEOREMS_H

typedef struct theorem_result {
    size_t       instances;         /* random instances tried                                            */
    double       residual;          /* largest violation met; 0 would be exact                           */
    ex_judgement verdict;
    char         note[600];         /* what the residual is; the smallest counterexample as a C array    */
} theorem_result;

typedef struct theorem {
    const char *name, *statement;
    clb_status (*check)(theorem_result *result, size_t instances);
} theorem;

/* A small random problem: 2 to 4 layers of 3 to 8 units, 30 points; everything follows from the seed. */
EX_FN clb_status theorem_problem(clb_problem *p, uint64_t seed, clb_activation activation)
{
    clb_problem_opts opts;
    clb_rng rng;
    memset(&opts, 0, sizeof opts);
    clb_rng_seed(&rng, seed);
    opts.L = 2 + clb_rng_u32(&rng) % 3, opts.m = 3 + clb_rng_u32(&rng) % 6, opts.d = 2 + clb_rng_u32(&rng) % 6;
    opts.K = 2 + clb_rng_u32(&rng) % 3, opts.n = 30, opts.test_n = 1;
    opts.net.activation = activation;
    return clb_problem_init(p, &opts, seed, CLB_NORMAL_EXACT);
}

/* Largest |<W_{l+1}, G_{l+1}> - <W_l, G_l>| relative to the larger of the two: the derivative of C_l along gradient flow
 * is twice that difference. */
EX_FN clb_status theorem_trace_gap(uint64_t seed, clb_activation activation, double *gap)
{
    clb_problem p;
    clb_pass pass;
    clb_real *grad;
    clb_status status = theorem_problem(&p, seed, activation);
    double before = 0.0;
    if (status) return status;
    status = clb_pass_init(&pass, &p.net, &p.data, CLB_CE);
    if (!status) {
        grad = (clb_real *)ex_realloc(NULL, p.net.P, sizeof *grad);
        clb_grad(&pass, NULL, grad);
        for (size_t l = 1; l <= p.net.L; ++l) {
            double inner = clb_dot(clb_layer_size(&p.net, l), p.net.theta + p.net.w[l], grad + p.net.w[l]);
            double scale = fmax(fmax(fabs(inner), fabs(before)), 1e-3);
            if (l > 1) *gap = fmax(*gap, fabs(inner - before) / scale);
            before = inner;
        }
        free(grad);
        clb_pass_free(&pass);
    }
    clb_problem_free(&p);
    return status;
}

EX_FN clb_status theorem_1(theorem_result *r, size_t instances)
{
    double tanh_gap = 0.0, tol = sizeof(clb_real) == 4 ? 1e-3 : 1e-11;
    for (size_t i = 0; i < instances; ++i) {
        clb_status status = theorem_trace_gap(1000 + i, CLB_RELU, &r->residual);
        if (!status) status = theorem_trace_gap(1000 + i, CLB_TANH, &tanh_gap);
        if (status) return status;
    }
    r->instances = instances;
    r->verdict = ex_rule(r->residual <= tol && tanh_gap > 0.01, 0);
    snprintf(r->note, sizeof r->note, "relative difference of <W, G> between neighbouring layers; tanh breaks it by %.2g",
             tanh_gap);
    return CLB_OK;
}

EX_FN clb_status theorem_2(theorem_result *r, size_t instances)
{
    for (size_t i = 0; i < instances; ++i) {
        clb_problem p;
        clb_trace trace;
        clb_train_opts how;
        double eta = 0.01 * (double)(1 + i % 10);
        clb_status status = theorem_problem(&p, 2000 + i, CLB_RELU);
        if (status) return status;
        memset(&how, 0, sizeof how);
        how.ce = CLB_CE;
        status = clb_train(&p.net, &p.data, eta, 200, &how, &trace);
        if (!status) {
            for (size_t l = 1; l < p.net.L; ++l)
                r->residual = fmax(r->residual, fabs(clb_trace_drift(&trace, l) - eta * eta * trace.S[l - 1]));
            clb_trace_free(&trace);
        }
        clb_problem_free(&p);
        if (status) return status;
    }
    r->instances = instances;
    r->verdict = ex_rule(r->residual <= (sizeof(clb_real) == 4 ? 1e-4 : 1e-12), 0);
    snprintf(r->note, sizeof r->note, "|C(T) - C(0) - eta^2 S| after 200 steps of gradient descent");
    return CLB_OK;
}

/* A statement is one line. */
static const theorem theorem_list[] = {
    { "Theorem 1", "gradient flow conserves C_l = |W_{l+1}|^2 - |W_l|^2 in a bias-free ReLU net", theorem_1 },
    { "Theorem 2", "gradient descent: C(T) - C(0) = eta^2 S(eta), eq. (2), (3)", theorem_2 },
};
enum { THEOREMS = EX_LEN(theorem_list) };

/* Try them all. 0 if out of memory or the like. */
EX_FN int theorems_try(theorem_result *results, int quick)
{
    memset(results, 0, THEOREMS * sizeof *results);
    for (size_t i = 0; i < THEOREMS; ++i) {
        clb_status status = theorem_list[i].check(&results[i], quick ? 20 : 200);
        if (!status) continue;
        fprintf(stderr, "%s: %s\n", theorem_list[i].name, clb_strerror(status));
        return 0;
    }
    return 1;
}

/* The theorem table as Markdown; 1 if everything could be tried. */
EX_FN int theorems_markdown(ex_buf *b, int quick)
{
    theorem_result results[THEOREMS];
    int done = theorems_try(results, quick);
    ex_put(b, "| | statement | instances | residual | verdict | what was measured |\n|---|---|---|---|---|---|\n");
    for (size_t i = 0; i < THEOREMS && done; ++i) {
        ex_putf(b, "| %s | ", theorem_list[i].name);
        tables_md(b, theorem_list[i].statement);
        ex_putf(b, " | %zu | %.2g | %s | ", results[i].instances, results[i].residual, ex_judgement_name(results[i].verdict));
        tables_md(b, results[i].note);
        ex_put(b, " |\n");
    }
    return done;
}

#endif /* CLB_THEOREMS_H */
