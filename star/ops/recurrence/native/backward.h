/* The backward pass of a head in chunks. The state between the two chunks of a segment is computed again from the one
   that was kept before the segment. */

#include "chunks.h"

/* Solves for the gradients of w from what the later chunks give, `dw`, and from those of y, for LANES values from i on;
   leaves minus the gradients of the gaps behind those of y, and adds to those of the steps. */
INLINED void solve_back(Scratch *s, const Chunk *x, Lanes *dstep, int64_t i, int64_t V, int64_t Q)
{
    Lanes dw[CHUNK];
#pragma GCC unroll 16
    for (int t = 0; t < CHUNK; t++) dw[t] = whole(s->dw + t * V + i);
#pragma GCC unroll 16
    for (int u = CHUNK - 1; u >= 0; u--) {
        const Lanes dy = whole(s->found + u * V + i);
#pragma GCC unroll 16
        for (int t = 0; t < CHUNK; t++)
            if (t <= u) dw[t] += x->score[t * Q + u] * dy;
        const Lanes dgap = -x->step[u] * dw[u];
        dstep[u] += dw[u] * whole(x->gap + u * V + i);
        put(s->found + (CHUNK + u) * V + i, dgap);
        if (Q == CHUNK) continue;
#pragma GCC unroll 16
        for (int t = 0; t < CHUNK; t++)
            if (t < u) dw[t] += x->score[t * READERS + CHUNK + u] * dgap;
    }
}

/* Writes the gradients of v and the part of d's that comes through w. */
INLINED void through_values(Scratch *s, Chunk *x, const float *adjoint, const Recurrence *r, Part p)
{
    const int64_t K = r->keys, V = r->values, many = p.end - p.first;
    Lanes dstep[CHUNK] = {{0}};
    product(s->dw, s->dw, 0, (Factor){x->written, K, 1}, adjoint, CHUNK, V, K);
    for (int64_t i = 0; i < V; i += LANES)
        if (r->delta)
            solve_back(s, x, dstep, i, V, READERS);
        else
            solve_back(s, x, dstep, i, V, CHUNK);
    float total[CHUNK];
    put_all_sums(total, dstep);
    for (int64_t t = 0; t < many; t++) {
        const Place at = place_of(r, p, p.first + t);
        for (int64_t i = 0; i < V; i += LANES) put(r->dv + at.value + i, -whole(s->found + (CHUNK + t) * V + i));
        r->dd[at.step] = total[t];
    }
}

/* The gradients of readers, keys and log decays through the scores. Each pair of a reader and an earlier key adds to
   the log decays between the two what it adds to the logarithm of the reader, and takes it away at the key. */
INLINED void through_scores(Scratch *s, const Chunk *x, int64_t k, int64_t K, int delta)
{
    const int64_t Q = delta ? READERS : CHUNK;
    Lanes dc[CHUNK], db[CHUNK];
#pragma GCC unroll 16
    for (int t = 0; t < CHUNK; t++) {
        dc[t] = whole(s->dreaders + t * K + k);
        if (delta) db[t] = whole(s->dreaders + (CHUNK + t) * K + k);
    }
#pragma GCC unroll 16
    for (int j = 0; j < CHUNK; j++) {
        Lanes key = whole(x->keys + j * K + k), dkey = {0};
#pragma GCC unroll 16
        for (int t = 0; t < CHUNK; t++) {
            if (t <= j) continue;
            key *= whole(x->decay + t * K + k);
            dc[t] += s->dscore[j * Q + t] * key;
            if (delta) db[t] += s->dscore[j * Q + CHUNK + t] * key;
        }
#pragma GCC unroll 16
        for (int t = CHUNK - 1; t >= 0; t--) {
            if (t <= j) continue;
            dkey += s->dscore[j * Q + t] * whole(x->readers + t * K + k);
            if (delta) dkey += s->dscore[j * Q + CHUNK + t] * whole(x->keys + t * K + k);
            dkey *= whole(x->decay + t * K + k);
        }
        put(s->dkeys + j * K + k, dkey);
    }
#pragma GCC unroll 16
    for (int t = 0; t < CHUNK; t++) {
        put(s->dreaders + t * K + k, dc[t]);
        if (delta) put(s->dreaders + (CHUNK + t) * K + k, db[t]);
    }
}

/* Collects the gradients of the log decays, and those of keys that are written to the end of the chunk and read there.
   A decay of zero has none, which sums of numbers that cancel would miss. */
INLINED void collect(Scratch *s, const Chunk *x, int64_t K, int delta)
{
    for (int64_t k = 0; k < K; k += LANES) {
        Lanes dlog = whole(s->carried + k), until = 1.0f + (Lanes){0};
        for (int64_t t = CHUNK - 1; t >= 0; t--) {
            float *dkept = s->dwritten + t * K + k;
            put(dkept, until * whole(dkept));
            until *= whole(x->decay + t * K + k);
        }
        for (int64_t t = 0; t < CHUNK; t++) {
            put(s->dlog + t * K + k, dlog);
            dlog += whole(x->keys + t * K + k) * whole(s->dwritten + t * K + k);
        }
        dlog = (Lanes){0};
        for (int64_t t = CHUNK - 1; t >= 0; t--) {
            const Lanes b = whole(x->keys + t * K + k), c = whole(x->readers + t * K + k);
            const Lanes decay = whole(x->decay + t * K + k), dkey = whole(s->dkeys + t * K + k);
            const float own = s->dscore[t * (delta ? READERS : CHUNK) + t];
            float *dc = s->dreaders + t * K + k;
            Lanes db = dkey + whole(s->dwritten + t * K + k) + own * c;
            dlog += c * whole(dc) - b * dkey;
            if (delta) {
                dlog += b * whole(dc + CHUNK * K);
                db += whole(dc + CHUNK * K);
            }
            const Lanes all = dlog + whole(s->dlog + t * K + k);
            put(dc, whole(dc) + own * b);
            put(s->dkeys + t * K + k, db);
            put(s->dlog + t * K + k, (Lanes)((Order)all & (decay != 0.0f)));
        }
    }
}

/* Writes the gradients of a chunk's b, c and a, and what d's have through the decays. */
INLINED void store_gradients(const Scratch *s, const Recurrence *r, Part p)
{
    const int64_t K = r->keys, delta = r->delta;
    const int shared = r->groups == 1, constant = r->rate_length == 1;
    for (int64_t t = p.end - p.first - 1; t >= 0; t--) {
        const Place at = place_of(r, p, p.first + t);
        const float *a = r->a + at.rate, step = delta ? 1.0f : r->d[at.step];
        float *dc = r->dc + at.key, *db = r->db + at.key, *da = r->da + at.drate;
        Lanes dlog = {0};
        for (int64_t k = 0; k < K; k += LANES) {
            const Lanes c = whole(s->dreaders + t * K + k), b = whole(s->dkeys + t * K + k);
            const Lanes log = whole(s->dlog + t * K + k);
            put(dc + k, shared ? whole(dc + k) + c : c);
            put(db + k, shared ? whole(db + k) + b : b);
            if (r->rates == 1) {
                dlog += log;
            } else {
                put(da + k, constant ? whole(da + k) + step * log : step * log);
                dlog += whole(a + k) * log;
            }
        }
        const float total = sum(dlog);
        if (r->rates == 1) da[0] = (constant ? da[0] : 0.0f) + step * total;
        if (!delta) r->dd[at.step] += r->rates == 1 ? a[0] * total : total;
    }
}

/* Turns the gradient of the state after a chunk in `adjoint` into that of the state before it. */
INLINED void
backward_chunk(Scratch *s, Chunk *x, float *adjoint, const float *state, const Recurrence *r, Part p)
{
    const int64_t K = r->keys, V = r->values, many = p.end - p.first, delta = r->delta, Q = delta ? READERS : CHUNK;
    const float *over = x->since + (CHUNK - 1) * K;
    for (int64_t t = 0; t < CHUNK; t++) {
        float *dy = s->found + t * V;
        if (t < many)
            memcpy(dy, r->dy + place_of(r, p, p.first + t).value, V * sizeof *dy);
        else
            memset(dy, 0, V * sizeof *dy);
    }
    through_values(s, x, adjoint, r, p);
    transpose(s->across, s->found, Q, V);
    transpose(s->across_w, x->w, CHUNK, V);
    product(s->dscore, s->dscore, 0, (Factor){x->w, V, 1}, s->across, CHUNK, Q, V);
    product(s->dstate, s->dstate, 0, (Factor){adjoint, V, 1}, s->across_w, K, CHUNK, V);
    transpose(s->dwritten, s->dstate, K, CHUNK);
    product(s->dstate, s->dstate, 0, (Factor){state, V, 1}, s->across, K, Q, V);
    transpose(s->dreaders, s->dstate, K, Q);
    for (int64_t t = 0; t < Q; t++)
        for (int64_t k = 0; k < K; k += LANES)
            put(s->dreaders + t * K + k, whole(s->dreaders + t * K + k) * whole(x->since + t % CHUNK * K + k));
    for (int64_t k = 0; k < K; k += CHUNK) {
        Lanes carried[CHUNK] = {{0}};
        for (int64_t m = 0; m < CHUNK; m++)
            for (int64_t i = 0; i < V; i += LANES)
                carried[m] += whole(adjoint + (k + m) * V + i) * whole(state + (k + m) * V + i);
        put_all_sums(s->carried + k, carried);
    }
    for (int64_t k = 0; k < K; k += LANES) put(s->carried + k, whole(s->carried + k) * whole(over + k));
    product(adjoint, adjoint, over, (Factor){x->read, 1, K}, s->found, K, V, Q);
    for (int64_t k = 0; k < K; k += LANES)
        if (delta)
            through_scores(s, x, k, K, 1);
        else
            through_scores(s, x, k, K, 0);
    collect(s, x, K, delta);
    store_gradients(s, r, p);
}

INLINED void backward_head(const Recurrence *r, Scratch *s, Part p)
{
    const int64_t K = r->keys, V = r->values;
    float *adjoint = r->dinitial + state_of(r, p.n, p.head);
    memcpy(adjoint, r->dlast + state_of(r, p.n, p.head), K * V * sizeof *adjoint);
    for (int64_t first = (r->length - 1) / SEGMENT * SEGMENT; first >= 0; first -= SEGMENT) {
        Part early = p, late = p;
        early.first = first, early.end = late.first = smaller(first + CHUNK, r->length);
        late.end = smaller(first + SEGMENT, r->length);
        const float *state = kept_of(r, early, p.head);
        prepare(s->chunk, r, early);
        if (first) fetch(r, p, first - SEGMENT, first, 1);
        write_chunk(s, s->chunk, state, r, early, 0);
        if (late.first < late.end) {
            next_state(s->state, state, s->chunk, K, V);
            prepare(s->chunk + 1, r, late);
            write_chunk(s, s->chunk + 1, s->state, r, late, 0);
            backward_chunk(s, s->chunk + 1, adjoint, s->state, r, late);
        }
        backward_chunk(s, s->chunk, adjoint, state, r, early);
    }
}
