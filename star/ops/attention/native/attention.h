/* Causal softmax attention: its tensors as Python passes them, and the parts into which the work is divided.

   y_i = sum_j softmax_j(scale q_i . k_j) v_j, where j runs over the last `window` tokens up to i (Dao et al. 2022,
   Dao 2023: in tiles, without the matrix of scores).

   Tensors are float32. B batch, L tokens, H heads, G key heads (a divisor of H), K key and V value channels per head:
     q (B, L, H, K), k (B, L, G, K), v (B, L, G, V), dy (B, L, H, V), with strides in numbers; the last one is 1;
     y (B, L, H, V) and the gradients dq, dk, dv are contiguous;
     highest, inverse (B, H, L): of each row, the highest score times log2(e), and the inverse of the sum of its
     exponentials, from which the backward pass computes the weights again. */

#ifndef STAR_ATTENTION_H
#define STAR_ATTENTION_H

#include "../../native.h"

typedef struct {
    int64_t batch, token, head;
} Strides;

typedef struct {
    int64_t batch, length, heads, groups, keys, values, window;
    Strides q_at, k_at, v_at, dy_at;
    double scale;
    const float *q, *k, *v, *dy;
    float *y, *highest, *inverse, *dq, *dk, *dv, *work;
} Attention;

/* The heads that read key head `group` of sequence n. Forwards, `parts` threads may share their tiles of queries. */
typedef struct {
    int64_t n, group, part, parts;
} Part;

typedef int64_t Size(const Attention *a);
typedef void Run(const Attention *a, Part p, float *work);
Size narrow_forward_size, narrow_backward_size, wide_forward_size, wide_backward_size;
Run narrow_forward, narrow_backward, wide_forward, wide_backward;

#endif
