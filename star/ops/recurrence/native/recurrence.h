/* Shared by the compiled recurrences: their tensors as Python passes them, and the places in them.

   S_t = S'_t + b_t w_t^T,  S'_t = exp(l_t) S_{t-1},  y_t = c_t S_t, where
     recurrence:      l_t = d_t a_t,  w_t = d_t v_t
     delta rule:      l_t = a_t,      w_t = d_t (v_t - b_t S'_t)

   Tensors are contiguous float32. B batch, L tokens, H heads, G heads of c and b (1 or H), K key and V value channels,
   R decays a head (1 or K), N segments of SEGMENT tokens:
     c, b (B, L, G, K);  a (B or 1, L or 1, H, R);  d (B, L, H);  v, y (B, L, H, V);  states (B, H, V, K);
     kept (B, H, N, V, K), the states before each segment;
     gradients have the shapes of their tensors, but da is (B, L or 1, H, R).
   Where heads are computed in chunks, states are (B, H, K, V) and kept (B, H, N, K, V).
   Gradients of shared tensors (dc and db of a single group, da of a single token) are sums: they are added to, and
   Python sets them to zero before. */

#ifndef STAR_RECURRENCE_H
#define STAR_RECURRENCE_H

#include "../../native.h"

enum { SEGMENT = 32 };

typedef struct {
    int64_t batch, length, heads, groups, keys, values, rates, rate_batch, rate_length, delta, chunked;
    const float *c, *b, *a, *d, *v, *initial;
    float *y, *last, *kept;
    const float *dy, *dlast;
    float *dc, *db, *da, *dd, *dv, *dinitial;
    float *scratch;
} Recurrence;

/* Heads `head` to `behind` of sequence n, over tokens `first` to `end` of one segment. */
typedef struct {
    int64_t n, head, behind, first, end;
} Part;

typedef void Run(const Recurrence *r, Part p);
Run states_forward, states_backward, channels_forward, channels_backward;

/* Chunks of all tokens of heads `head` to `behind`; returns the numbers of memory that one thread needs, and does no
   more where `memory` is 0. */
typedef int64_t Chunks(const Recurrence *r, float *memory, Part p, int backwards);
Chunks wide_chunks, narrow_chunks;

/* The place of a head's state, and the state that was kept at the start of the segment. */
INLINED int64_t state_of(const Recurrence *r, int64_t n, int64_t h) { return (n * r->heads + h) * r->values * r->keys; }

INLINED float *kept_of(const Recurrence *r, Part p, int64_t h)
{
    const int64_t segments = (r->length + SEGMENT - 1) / SEGMENT;
    return r->kept + state_of(r, p.n, h) * segments + p.first / SEGMENT * r->values * r->keys;
}

/* The place of a token's decays in a and, with n the sequence, in da. */
INLINED int64_t rate_of(const Recurrence *r, int64_t n, int64_t h, int64_t t)
{
    return ((n * r->rate_length + (r->rate_length > 1 ? t : 0)) * r->heads + h) * r->rates;
}

#endif
