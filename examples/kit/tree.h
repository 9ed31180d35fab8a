/* tree.h - the problem of M3: eight items with the features of a binary tree, learnt by two
 * pathways. Items are one-hot, 15 features are 1/2 where an item has them: one feature of all
 * items, two of the halves, four of the pairs, eight of single items. The largest singular value of
 * the targets Y (15 x 8) is s, with v = 1/sqrt 8 on the items and u = Y v / s on the features. */
#ifndef KIT_TREE_H
#define KIT_TREE_H

#include "memory.h"

enum { TREE_ITEMS = 8, TREE_FEATURES = 15, TREE_WIDTH = 32, TREE_DEPTH = 5 };

typedef struct tree {
    clb_real X[TREE_ITEMS * TREE_ITEMS], Y[TREE_ITEMS * TREE_FEATURES];
    clb_data data;                                     /* the two above */
    double   s, u[TREE_FEATURES], v[TREE_ITEMS];
} tree;

/* Feature k of item i. */
KIT_FN double tree_feature(size_t k, size_t i)
{
    size_t level = k < 1 ? 0 : k < 3 ? 1 : k < 7 ? 2 : 3, parts = (size_t)1 << level;
    return i * parts / TREE_ITEMS == k - (parts - 1) ? 0.5 : 0;
}

KIT_FN void tree_init(tree *t)
{
    double sum = 0;
    memset(t, 0, sizeof *t);
    t->data.X = t->X, t->data.targets = t->Y;
    t->data.n = t->data.d = TREE_ITEMS, t->data.K = TREE_FEATURES;
    for (size_t i = 0; i < TREE_ITEMS; ++i) {
        t->X[i * TREE_ITEMS + i] = 1, t->v[i] = 1 / clb_sqrt((double)TREE_ITEMS);
        for (size_t k = 0; k < TREE_FEATURES; ++k) {
            t->Y[i * TREE_FEATURES + k] = (clb_real)tree_feature(k, i);
            t->u[k] += tree_feature(k, i) * t->v[i];
        }
    }
    for (size_t k = 0; k < TREE_FEATURES; ++k) sum += t->u[k] * t->u[k];
    t->s = clb_sqrt(sum);
    for (size_t k = 0; k < TREE_FEATURES; ++k) t->u[k] /= t->s;
}

/* The singular values of Y, largest first, from the items' Gram matrix. */
KIT_FN clb_status tree_singular_values(const tree *t, double *s)
{
    clb_real G[TREE_ITEMS * TREE_ITEMS] = { 0 };
    double square[TREE_ITEMS];
    clb_status status;
    for (size_t i = 0; i < TREE_ITEMS; ++i)
        for (size_t j = 0; j < TREE_ITEMS; ++j)
            for (size_t k = 0; k < TREE_FEATURES; ++k)
                G[i * TREE_ITEMS + j] += t->Y[i * TREE_FEATURES + k] * t->Y[j * TREE_FEATURES + k];
    status = clb_jacobi(TREE_ITEMS, G, TREE_ITEMS, square, NULL);
    for (size_t i = 0; i < TREE_ITEMS; ++i) s[i] = clb_sqrt(square[TREE_ITEMS - 1 - i]);
    return status;
}

/* Two pathways 8-32-32-32-32-15 without biases: the activation before every layer but the first,
 * the readout linear. Weights are 0.05 randn in float32 from one stream of numbers, pathway by
 * pathway, layer by layer; the first matrix times `first`. */
KIT_FN clb_status tree_paths(clb_paths *paths, const tree *t, clb_activation activation,
                             uint64_t seed, double first)
{
    static const size_t depth[2] = { TREE_DEPTH, TREE_DEPTH };
    clb_rng rng;
    clb_status status = clb_paths_init(paths, 2, depth, TREE_WIDTH, activation, &t->data);
    if (status) return status;
    clb_rng_seed(&rng, seed);
    rng.normal_mode = CLB_NORMAL_PUBLISHED;
    for (size_t p = 0; p < 2; ++p)
        for (size_t l = 1; l <= TREE_DEPTH; ++l) {
            clb_real *W = clb_paths_layer(paths, p, l);
            size_t n = clb_layer_size(&paths->net[p], l);
            clb_rng_normal(&rng, n, W);
            for (size_t i = 0; i < n; ++i)
                W[i] = (clb_real)((double)((float)W[i] * 0.05f) * (p + l == 1 ? first : 1));
        }
    return CLB_OK;
}

/* What each pathway contributes to the leading mode, K_p = u^T Omega_p v. */
KIT_FN void tree_modes(const tree *t, const clb_paths *paths, double K[2])
{
    for (size_t p = 0; p < 2; ++p) K[p] = clb_paths_coefficient(paths, p, t->u, t->v);
}

/* The larger one's share of the sum. */
KIT_FN double tree_share(const double K[2]) { return fmax(K[0], K[1]) / (K[0] + K[1]); }

#endif /* KIT_TREE_H */
