/* laws.h - what the experiments on conservation (E1, E2, E3) share: the quantities of one training
 * run under the names of the published conservation_laws file, and their lines of the ledger.
 * Include after ex.h. */
#ifndef CLB_LAWS_H
#define CLB_LAWS_H

/* Float32 noise of a published |C(t) - C(0)| (protocol, tier C), L = 2 and deeper. */
EX_FN double laws_noise(size_t L) { return L == 2 ? 2e-5 : 5e-5; }

/* Charges, drifts and identities of a finished run. max_drifts and mean_drift are relative, as
 * published; scaled_drift divides by the norms instead of a difference of norms that may be near
 * zero. */
EX_FN void laws_record(ex_row *row, const clb_trace *tr)
{
    size_t n = tr->L - 1, T = tr->steps;
    double *C0 = ex_space(row, n), *C1 = ex_space(row, n), *worst = ex_space(row, n);
    double *drift = ex_space(row, n);
    double mean = 0, scaled = 0, absolute = 0, identity = 0, noise = 0;
    for (size_t l = 1; l <= n; ++l) {
        double d = clb_trace_max_drift(tr, l);
        double norms = tr->q[l - 1] + tr->q[l];
        C0[l - 1] = clb_trace_charge(tr, l, 0);
        C1[l - 1] = clb_trace_charge(tr, l, T);
        drift[l - 1] = clb_trace_drift(tr, l);
        worst[l - 1] = clb_trace_relative(tr, l, d);
        mean += worst[l - 1] / (double)n;
        noise += clb_trace_relative(tr, l, laws_noise(tr->L)) / (double)n;
        scaled = fmax(scaled, d / norms), absolute = fmax(absolute, d);
        identity = fmax(identity, fabs(clb_trace_drift_bias(tr, l) - tr->predicted[l - 1]));
    }
    ex_array(row, "C_init", n, C0);
    ex_array(row, "C_final", n, C1);
    ex_array(row, "signed_drift", n, drift);
    ex_array(row, "max_drifts", n, worst);
    ex_num(row, "mean_drift", mean);
    ex_num(row, "noise", noise);                 /* of mean_drift, if it were measured in float32 */
    ex_num(row, "max_abs_drift", absolute);
    ex_num(row, "scaled_drift", scaled);
    ex_num(row, "identity_error", identity);      /* against the optimiser's exact law, Theorem 2 */
    /* before the last update, as published */
    ex_num(row, "final_loss", T ? tr->loss[T - 1] : EX_NAN);
}

/* The published numbers of one run: conservation_laws/results.json#KEY/per_seed/SEED. */
EX_FN void laws_ref_run(ex *x, ex_row *row, size_t L, const char *key)
{
    static const char *const names[] = { "C_init", "C_final", "max_drifts" };
    const char *path = ex_print(x, "conservation_laws/results.json#%s/per_seed/%d", key,
                                ex_seed_index(row));
    ex_list C0 = ex_get_array(row, "C_init");
    if (!ex_comparable(row)) return;
    for (int i = 0; i < 3; ++i) {
        ex_list ours = ex_get_array(row, names[i]);
        for (size_t l = 0; l < ours.n; ++l) {
            double tol = i == 0 ? 1e-5 : laws_noise(L) / (i == 2 ? fabs(C0.at[l]) : 1);
            ex_ref_value(x, ours.at[l], EX_NOISE, tol, "%s/%s/%zu", path, names[i], l);
        }
    }
    ex_ref(row, "mean_drift", EX_NOISE, ex_get(row, "noise"), "%s/mean_drift", path);
    ex_ref(row, "final_loss", EX_STABLE, 0, "%s/final_loss", path);
    ex_ref_value(x, row->seed, EX_EXACT, 0, "%s/seed", path);
}

/* Constants of one published configuration, which stand in its results and in the list of
 * config.json. */
EX_FN void laws_ref_config(ex *x, size_t L, double eta, const char *key)
{
    static const char *const keys[] = {
        "2layer_nobias_lr0.001", "2layer_bias_lr0.001", "deep4_nobias_lr0.001",
        "deep4_bias_lr0.001", "2layer_nobias_lr0.01", "2layer_nobias_lr0.1"
    };
    size_t place = 0;
    while (place + 1 < EX_LEN(keys) && strcmp(keys[place], key)) ++place;
    for (int k = 0; k < 2; ++k) {
        const char *path = k ? ex_print(x, "conservation_laws/config.json#configs/%zu", place)
                             : ex_print(x, "conservation_laws/results.json#%s/config", key);
        ex_ref_value(x, L == 2 ? 64 : 32, EX_EXACT, 0, "%s/hidden", path);
        ex_ref_value(x, 20, EX_EXACT, 0, "%s/input_dim", path);
        ex_ref_value(x, 5, EX_EXACT, 0, "%s/output_dim", path);
        ex_ref_value(x, eta, EX_EXACT, 0, "%s/lr", path);
        /* hidden layers */
        if (L > 2) ex_ref_value(x, (double)L - 1, EX_EXACT, 0, "%s/depth", path);
    }
}

/* The line of one configuration (runs that match the filter, published seeds) and its published
 * means. */
EX_FN ex_row *laws_line(ex *x, const char *table, const char *filter, size_t L, double eta,
                        const char *key)
{
    ex_list drift = ex_pick(x, "mean_drift", "%s pub=1", filter);
    ex_list noise = ex_pick(x, "noise", "%s pub=1", filter);
    ex_list absolute = ex_pick(x, "max_abs_drift", "%s pub=1", filter);
    ex_list scaled = ex_pick(x, "scaled_drift", "%s pub=1", filter);
    ex_list loss = ex_pick(x, "final_loss", "%s pub=1", filter);
    clb_summary s = clb_summarize(drift.n, drift.at);
    ex_row *line = ex_line(x, table);
    double tol = clb_mean(noise.n, noise.at);
    const char *path = ex_print(x, "conservation_laws/results.json#%s", key ? key : "");
    ex_num(line, "matrices", (double)L);
    ex_num(line, "lr", eta);
    ex_num(line, "mean_drift", s.mean);
    ex_num(line, "std_drift", s.std_pop);
    ex_num(line, "max_drift", s.max);
    ex_num(line, "absolute", clb_mean(absolute.n, absolute.at));
    ex_num(line, "scaled", clb_mean(scaled.n, scaled.at));
    ex_num(line, "final_loss", clb_mean(loss.n, loss.at));
    if (!key) return line;
    ex_refs(line, "mean_drift std_drift", EX_NOISE, tol, "%s", path);
    ex_ref(line, "max_drift", EX_NOISE, clb_summarize(noise.n, noise.at).max, "%s/max_drift", path);
    laws_ref_config(x, L, eta, key);
    return line;
}

/* Largest |c_j(now) - c_j(then)| over all hidden neurons; then: from clb_hidden_charges(). */
EX_FN double laws_neuron_drift(ex_row *row, const clb_net *net, const double *then)
{
    size_t n = clb_hidden_count(net);
    double worst = 0, *now = ex_space(row, n);
    clb_hidden_charges(net, NULL, now);
    for (size_t j = 0; j < n; ++j) worst = fmax(worst, fabs(now[j] - then[j]));
    return worst;
}

/* One run of the published activation sweep: data from seed 42, then a 20-64-5 net from the row's
 * seed; cross entropy, eta = 0.001. Sets rel_drift. */
EX_FN clb_status laws_control(ex_row *row, const clb_net_opts *net_opts, clb_optimizer optimizer,
                              size_t T)
{
    static const size_t widths[] = { 20, 64, 5 };
    clb_train_opts how = { .ce = CLB_CE, .optimizer = optimizer };
    clb_data data;
    clb_net net;
    clb_rng rng;
    clb_trace trace;
    clb_status status;
    clb_rng_seed(&rng, 42);
    rng.normal_mode = CLB_NORMAL_PUBLISHED;
    status = clb_data_mixture(&data, &rng, 200, 20, 5, 2.0);
    if (status) return status;
    clb_rng_seed(&rng, (uint64_t)row->seed);
    status = clb_net_init(&net, widths, 3, net_opts, &rng);
    if (!status) {
        status = clb_train(&net, &data, 1e-3, T, &how, &trace);
        clb_net_free(&net);
    }
    clb_data_free(&data);
    if (status) return status;
    ex_num(row, "rel_drift", clb_trace_relative(&trace, 1, fabs(clb_trace_drift(&trace, 1))));
    clb_trace_free(&trace);
    return CLB_OK;
}

/* The line of one variant of it: mean and spread, beside the published mean. */
EX_FN double laws_control_line(ex *x, const char *filter, const char *key, double published,
                               double tol)
{
    ex_list drift = ex_pick(x, "rel_drift", "%s pub=1", filter);
    ex_row *line = ex_line(x, "controls");
    double mean = clb_mean(drift.n, drift.at);
    ex_text(line, "variant", key);
    ex_nums(line, "mean_rel_drift std_drift published",
            EX_VALUES(mean, clb_std_pop(drift.n, drift.at), published));
    ex_flag(line, "conserved", mean < 0.01);            /* the published threshold */
    ex_ref(line, "mean_rel_drift", EX_NOISE, tol, "falsification/results.json#%s/mean_rel_drift",
           key);
    ex_ref(line, "std_drift", EX_NOISE, tol, "falsification/results.json#%s/std_drift", key);
    return mean;
}

#endif
