/* Recurrences with large states, as products of matrices over chunks of tokens.

   The state is K rows of V numbers here. A chunk of T tokens reads it once for all its tokens and is added to it at its
   end. Within a chunk, a token meets an earlier one through the decays between the two, which are multiplied one after
   the other. Nothing is ever divided, so any decay is exact. A chunk that is not full is filled with tokens that
   neither decay the state, nor write to it, nor read it.

   The readers of a token are c and, with the delta rule, b: Q = T or 2 T rows, first all c, then all b. The b that are
   written under are `keys`. */

#ifndef STAR_CHUNKS_H
#define STAR_CHUNKS_H

#include "products.h"

enum { CHUNK = 16, READERS = 2 * CHUNK };

/* Writes the sums of T vectors. */
INLINED void put_all_sums(float *out, const Lanes *x)
{
    for (int64_t t = 0; t < CHUNK; t += LANES) put_sums(out + t, x + t);
}

/* What a chunk's outputs and gradients need: its tokens with T rows of K or V numbers, and their scores. */
typedef struct {
    float *readers;  /* (Q, K) */
    float *decay;    /* (T, K) exp(l_t) */
    float *since;    /* (T, K) the decay from the start of the chunk to the end of token t */
    float *read;     /* (Q, K) readers times `since` */
    float *written;  /* (T, K) keys times the decay after token t to the end of the chunk */
    float *gap;      /* (T, V) v - b S', or v where there is no delta rule */
    float *w;        /* (T, V) d gap */
    float *score;    /* (T, Q) of each key with each reader of a later token; c also with that of its own token */
    float *keys;     /* (T, K) */
    float step[CHUNK];
} Chunk;

/* The memory of one thread: the chunks of a segment, and room for intermediate results. */
typedef struct {
    Chunk chunk[SEGMENT / CHUNK];
    float *state;    /* (K, V) before the second chunk of a segment */
    float *found;    /* (Q, V) readers times the state; then the gradients of what they read */
    float *across;   /* (V, Q) */
    float *across_w; /* (V, T) */
    float *dw;       /* (T, V) */
    float *dscore;   /* (T, Q) */
    float *dstate;   /* (K, Q) gradients of decayed readers, transposed, or those of keys */
    float *dreaders; /* (Q, K) */
    float *dwritten; /* (T, K) */
    float *dkeys;    /* (T, K) */
    float *dlog;     /* (T, K) */
    float *carried;  /* (K) */
} Scratch;

INLINED float *cut(float **rest, int64_t numbers)
{
    float *first = *rest;
    *rest += (numbers + 15) / 16 * 16;
    return first;
}

static int64_t arrange(Scratch *s, float *memory, int64_t K, int64_t V)
{
    float *rest = memory;
    for (int i = 0; i < SEGMENT / CHUNK; i++) {
        Chunk *x = s->chunk + i;
        x->readers = cut(&rest, READERS * K);
        x->decay = cut(&rest, CHUNK * K);
        x->since = cut(&rest, CHUNK * K);
        x->read = cut(&rest, READERS * K);
        x->written = cut(&rest, CHUNK * K);
        x->gap = cut(&rest, CHUNK * V);
        x->w = cut(&rest, CHUNK * V);
        x->score = cut(&rest, READERS * CHUNK);
        x->keys = cut(&rest, CHUNK * K);
    }
    s->state = cut(&rest, K * V);
    s->found = cut(&rest, READERS * V);
    s->across = cut(&rest, V * READERS);
    s->across_w = cut(&rest, V * CHUNK);
    s->dw = cut(&rest, CHUNK * V);
    s->dscore = cut(&rest, READERS * CHUNK);
    s->dstate = cut(&rest, K * READERS);
    s->dreaders = cut(&rest, READERS * K);
    s->dwritten = cut(&rest, CHUNK * K);
    s->dkeys = cut(&rest, CHUNK * K);
    s->dlog = cut(&rest, CHUNK * K);
    s->carried = cut(&rest, K);
    return rest - memory;
}

/* The places of a token of a head in tensors with K, R, one and V numbers per head, and in the gradient of a. */
typedef struct {
    int64_t key, rate, drate, step, value;
} Place;

INLINED Place place_of(const Recurrence *r, Part p, int64_t t)
{
    const int64_t token = p.n * r->length + t;
    return (Place){
        .key = (token * r->groups + (r->groups > 1 ? p.head : 0)) * r->keys,
        .rate = rate_of(r, r->rate_batch > 1 ? p.n : 0, p.head, t),
        .drate = rate_of(r, p.n, p.head, t),
        .step = token * r->heads + p.head,
        .value = (token * r->heads + p.head) * r->values,
    };
}

/* Fetches the tokens `first` to `end` into the cache, of which those of one head lie far apart. */
INLINED void fetch(const Recurrence *r, Part p, int64_t first, int64_t end, int backwards)
{
    for (int64_t t = first; t < end; t++) {
        const Place at = place_of(r, p, t);
        for (int64_t k = 0; k < r->keys; k += LANES) {
            __builtin_prefetch(r->c + at.key + k);
            __builtin_prefetch(r->b + at.key + k);
            if (r->rates > 1) __builtin_prefetch(r->a + at.rate + k);
        }
        for (int64_t i = 0; i < r->values; i += LANES) {
            __builtin_prefetch(r->v + at.value + i);
            if (backwards) __builtin_prefetch(r->dy + at.value + i);
        }
    }
}

/* Loads the tokens of a chunk, of which `p` has at most T, with their decays. */
INLINED void load_chunk(Chunk *x, const Recurrence *r, Part p)
{
    const int64_t K = r->keys, V = r->values, many = p.end - p.first, delta = r->delta;
    for (int64_t t = 0; t < CHUNK; t++) {
        float *restrict c = x->readers + t * K, *restrict b = x->keys + t * K, *restrict decay = x->decay + t * K;
        float *restrict gap = x->gap + t * V;
        if (t >= many) {
            for (int64_t k = 0; k < K; k++) c[k] = b[k] = 0, decay[k] = 1;
            for (int64_t i = 0; i < V; i++) gap[i] = 0;
            x->step[t] = 0;
            continue;
        }
        const Place at = place_of(r, p, p.first + t);
        const float *a = r->a + at.rate, step = delta ? 1.0f : r->d[at.step];
        memcpy(c, r->c + at.key, K * sizeof *c);
        memcpy(b, r->b + at.key, K * sizeof *b);
        memcpy(gap, r->v + at.value, V * sizeof *gap);
        x->step[t] = r->d[at.step];
        const float shared = r->rates == 1 ? exponential(step * a[0]) : 0.0f;
        if (r->rates == 1) {
            for (int64_t k = 0; k < K; k++) decay[k] = shared;
        } else {
#pragma omp simd simdlen(16)
            for (int64_t k = 0; k < K; k++) decay[k] = exponential(step * a[k]);
        }
    }
    if (delta) memcpy(x->readers + CHUNK * K, x->keys, CHUNK * K * sizeof(float));
}

/* Decays the readers from the start of the chunk on, and the keys to its end. */
INLINED void decay_chunk(Chunk *x, int64_t K, int delta)
{
    for (int64_t k = 0; k < K; k += LANES) {
        Lanes since = 1.0f + (Lanes){0}, until = since;
        for (int64_t t = 0; t < CHUNK; t++) {
            since *= whole(x->decay + t * K + k);
            put(x->since + t * K + k, since);
            put(x->read + t * K + k, since * whole(x->readers + t * K + k));
            if (delta) put(x->read + (CHUNK + t) * K + k, since * whole(x->keys + t * K + k));
        }
        for (int64_t t = CHUNK - 1; t >= 0; t--) {
            put(x->written + t * K + k, until * whole(x->keys + t * K + k));
            until *= whole(x->decay + t * K + k);
        }
    }
}

/* Adds to the scores of key j what `vectors` of its channels from k on give, and decays these channels. */
INLINED void
score_channels(Lanes *by_c, Lanes *by_b, const Chunk *x, int64_t j, int64_t k, int64_t K, int delta, int vectors)
{
    Lanes key[4];
#pragma GCC unroll 4
    for (int n = 0; n < vectors; n++) {
        key[n] = whole(x->keys + j * K + k + n * LANES);
        by_c[j] += whole(x->readers + j * K + k + n * LANES) * key[n];
    }
    for (int64_t t = j + 1; t < CHUNK; t++) {
        const int64_t at = t * K + k;
        Lanes c = by_c[t], b = by_b[t];
#pragma GCC unroll 4
        for (int n = 0; n < vectors; n++) {
            key[n] *= whole(x->decay + at + n * LANES);
            c += whole(x->readers + at + n * LANES) * key[n];
            if (delta) b += whole(x->keys + at + n * LANES) * key[n];
        }
        by_c[t] = c;
        by_b[t] = b;
    }
}

/* The scores of the readers with earlier keys. */
INLINED void score_chunk(Chunk *x, int64_t K, int delta)
{
    const int64_t Q = delta ? READERS : CHUNK;
    for (int64_t j = 0; j < CHUNK; j++) {
        Lanes by_c[CHUNK] = {{0}}, by_b[CHUNK] = {{0}};
        int64_t k = 0;
        for (; k + 4 * LANES <= K; k += 4 * LANES) score_channels(by_c, by_b, x, j, k, K, delta, 4);
        for (; k < K; k += LANES) score_channels(by_c, by_b, x, j, k, K, delta, 1);
        put_all_sums(x->score + j * Q, by_c);
        if (delta) put_all_sums(x->score + j * Q + CHUNK, by_b);
    }
}

/* Computes what the tokens write, from what they find in the state under the delta rule. */
INLINED void solve(Lanes *w, Chunk *x, const float *found, int64_t i, int64_t V, int delta)
{
#pragma GCC unroll 16
    for (int t = 0; t < CHUNK; t++) {
        w[t] = whole(x->gap + t * V + i);
        if (delta) w[t] -= whole(found + (CHUNK + t) * V + i);
    }
#pragma GCC unroll 16
    for (int j = 0; j < CHUNK; j++) {
        if (delta) put(x->gap + j * V + i, w[j]);
        w[j] *= x->step[j];
        put(x->w + j * V + i, w[j]);
        if (!delta) continue;
#pragma GCC unroll 16
        for (int t = 0; t < CHUNK; t++)
            if (t > j) w[t] -= x->score[j * READERS + CHUNK + t] * w[j];
    }
}

/* Adds to what readers found in the state what c reads of this chunk's own tokens, up to its own. */
INLINED void read_own(float *found, const Lanes *w, const Chunk *x, int64_t i, int64_t V, int64_t Q)
{
#pragma GCC unroll 16
    for (int t = 0; t < CHUNK; t++) {
        Lanes y = whole(found + t * V + i);
#pragma GCC unroll 16
        for (int j = 0; j < CHUNK; j++)
            if (j <= t) y += x->score[j * Q + t] * w[j];
        put(found + t * V + i, y);
    }
}

/* Computes what the tokens write and, where it is asked for, what they read. */
INLINED void write_chunk(Scratch *s, Chunk *x, const float *state, const Recurrence *r, Part p, int reading)
{
    const int64_t K = r->keys, V = r->values, many = p.end - p.first, delta = r->delta, first = reading ? 0 : CHUNK;
    const int64_t rows = (reading ? CHUNK : 0) + (delta ? CHUNK : 0);
    float *found = s->found;
    if (rows) product(found + first * V, found, 0, (Factor){x->read + first * K, K, 1}, state, rows, V, K);
    for (int64_t i = 0; i < V; i += LANES) {
        Lanes w[CHUNK];
        if (delta)
            solve(w, x, found, i, V, 1);
        else
            solve(w, x, found, i, V, 0);
        if (reading) read_own(found, w, x, i, V, delta ? READERS : CHUNK);
    }
    for (int64_t t = 0; t < (reading ? many : 0); t++)
        memcpy(r->y + place_of(r, p, p.first + t).value, found + t * V, V * sizeof *found);
}

INLINED void next_state(float *next, const float *state, const Chunk *x, int64_t K, int64_t V)
{
    product(next, state, x->since + (CHUNK - 1) * K, (Factor){x->written, 1, K}, x->w, K, V, CHUNK);
}

INLINED void prepare(Chunk *x, const Recurrence *r, Part p)
{
    load_chunk(x, r, p);
    decay_chunk(x, r->keys, r->delta);
    if (r->delta)
        score_chunk(x, r->keys, 1);
    else
        score_chunk(x, r->keys, 0);
}

#endif
