/* Shared by the compiled recurrences: their tensors as Python passes them, vectors and the exponential function.

   S_t = S'_t + b_t w_t^T,  S'_t = exp(l_t) S_{t-1},  y_t = c_t S_t, where
     recurrence:      l_t = d_t a_t,  w_t = d_t v_t
     delta rule:      l_t = a_t,      w_t = d_t (v_t - b_t S'_t)

   Tensors are contiguous float32. B batch, L tokens, H heads, G heads of c and b (1 or H), K key and V value channels,
   R decays a head (1 or K), N segments of SEGMENT tokens:
     c, b (B, L, G, K);  a (B or 1, L or 1, H, R);  d (B, L, H);  v, y (B, L, H, V);  states (B, H, V, K);
     kept (B, H, N, V, K), the states before each segment;
     gradients have the shapes of their tensors, but da is (B, L or 1, H, R).
   Gradients of shared tensors (dc and db of a single group, da of a single token) are sums: they are added to, and
   Python sets them to zero before. */

#ifndef STAR_RECURRENCE_H
#define STAR_RECURRENCE_H

#include <stdint.h>
#include <string.h>

enum { SEGMENT = 32, LANES = 8 };

typedef struct {
    int64_t batch, length, heads, groups, keys, values, rates, rate_batch, rate_length, delta;
    const float *c, *b, *a, *d, *v, *initial;
    float *y, *last, *kept;
    const float *dy, *dlast;
    float *dc, *db, *da, *dd, *dv, *dinitial;
} Recurrence;

/* Heads `head` to `behind` of sequence n, over tokens `first` to `end` of one segment. */
typedef struct {
    int64_t n, head, behind, first, end;
} Part;

typedef void Run(const Recurrence *r, Part p);
Run states_forward, states_backward, channels_forward, channels_backward;

#define INLINED static inline __attribute__((always_inline))
#if defined(__x86_64__) && defined(__gnu_linux__) && !defined(__clang__)
#define FOR_EVERY_CHIP __attribute__((target_clones("arch=x86-64-v3", "default")))
#else
#define FOR_EVERY_CHIP
#endif

INLINED int64_t smaller(int64_t one, int64_t other) { return one < other ? one : other; }

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

/* Vectors of LANES numbers, of which `count` are in memory. */
typedef float Lanes __attribute__((vector_size(LANES * sizeof(float))));
typedef int32_t Order __attribute__((vector_size(LANES * sizeof(int32_t))));

INLINED Lanes load(const float *x, int64_t count)
{
    Lanes lanes = {0};
    memcpy(&lanes, x, count * sizeof *x);
    return lanes;
}

INLINED void store(float *x, Lanes lanes, int64_t count) { memcpy(x, &lanes, count * sizeof *x); }

INLINED float sum(Lanes x)
{
    x += __builtin_shuffle(x, (Order){4, 5, 6, 7, 0, 1, 2, 3});
    x += __builtin_shuffle(x, (Order){2, 3, 0, 1, 6, 7, 4, 5});
    return x[0] + x[1];
}

/* 2^n times Cephes' polynomial for 2^rest on [-1/2, 1/2]; 0 below the normal numbers. NaN stays NaN. */
INLINED float exponential(float x)
{
    const float lowest = -88.0f, highest = 88.0f, round = 12582912.0f;
    const float log2_e = 1.44269504f, log2_e_rest = 1.92596299e-8f;
    const float above = lowest > x ? lowest : x, bounded = highest < above ? highest : above;
    const float n = (bounded * log2_e + round) - round;
    const float rest = bounded * log2_e_rest + (bounded * log2_e - n);
    float p = 1.535336188e-4f;
    p = p * rest + 1.339887440e-3f;
    p = p * rest + 9.618437357e-3f;
    p = p * rest + 5.550332471e-2f;
    p = p * rest + 2.402264791e-1f;
    p = p * rest + 6.931472028e-1f;
    p = p * rest + 1.0f;
    const int32_t bits = ((int32_t)n + 127) << 23;
    float power;
    memcpy(&power, &bits, sizeof power);
    return p * power;
}

#endif
