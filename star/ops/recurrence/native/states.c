/* Recurrences with a state of K keys and V values per head.

   The state is V rows of K numbers, so that loops over k fill vector registers; it fits into the first cache.
   Backwards, the states between a segment's tokens are computed again from the state that was kept at its start.
   Nothing is ever divided, so any decay is exact. */

#include "recurrence.h"

/* The place of a token of a head in tensors with K, R, one and V numbers per head, and in the gradient of a. */
typedef struct {
    int64_t key, rate, drate, step, value;
} Place;

INLINED Place place_of(const Recurrence *r, Part p, int64_t h, int64_t t)
{
    const int64_t token = p.n * r->length + t;
    return (Place){
        .key = (token * r->groups + (r->groups > 1 ? h : 0)) * r->keys,
        .rate = rate_of(r, r->rate_batch > 1 ? p.n : 0, h, t),
        .drate = rate_of(r, p.n, h, t),
        .step = token * r->heads + h,
        .value = (token * r->heads + h) * r->values,
    };
}

/* Loop over M keys as one vector or two: `part`, its first key `from`, and `count` keys. */
#define IN_PARTS(M)                                                                                                \
    _Pragma("GCC unroll 2") for (int64_t part = 0, from = 0, count = smaller(M, LANES); from < (M);                \
                                 part++, from += LANES, count = smaller((M) - from, LANES))

INLINED void decays(float *restrict decay, const Recurrence *r, Place at, int64_t K, int delta)
{
    const float *a = r->a + at.rate, step = delta ? 1.0f : r->d[at.step];
    if (r->rates == 1) {
        const float shared = exponential(step * a[0]);
#pragma omp simd
        for (int64_t k = 0; k < K; k++) decay[k] = shared;
    } else {
#pragma omp simd
        for (int64_t k = 0; k < K; k++) decay[k] = exponential(step * a[k]);
    }
}

/* The product of b with a row of the decayed S_{t-1}. */
INLINED float found_in(const float *row, const float *decay, const float *b, int64_t K)
{
    Lanes found = {0};
    int64_t k = 0;
    for (; k + LANES <= K; k += LANES) found += load(decay + k, LANES) * load(row + k, LANES) * load(b + k, LANES);
    float total = sum(found);
    for (; k < K; k++) total += decay[k] * row[k] * b[k];
    return total;
}

/* Turns a row of S_{t-1} into the row of S_t; returns the product of c with it. */
INLINED float
written_and_read(float *row, const float *decay, const float *b, const float *c, float w, int64_t K)
{
    Lanes read = {0};
    int64_t k = 0;
    for (; k + LANES <= K; k += LANES) {
        const Lanes now = load(decay + k, LANES) * load(row + k, LANES) + w * load(b + k, LANES);
        store(row + k, now, LANES);
        read += now * load(c + k, LANES);
    }
    float total = sum(read);
    for (; k < K; k++) {
        row[k] = decay[k] * row[k] + w * b[k];
        total += row[k] * c[k];
    }
    return total;
}

INLINED void forward_head(const Recurrence *r, Part p, int64_t h, int64_t K, int64_t M, int delta)
{
    (void)M; /* only sums over tokens are taken in parts of the keys */
    const int64_t V = r->values;
    float state[V * K], decay[K];
    memcpy(state, (p.first ? r->last : r->initial) + state_of(r, p.n, h), sizeof state);
    memcpy(kept_of(r, p, h), state, sizeof state);
    for (int64_t t = p.first; t < p.end; t++) {
        const Place at = place_of(r, p, h, t);
        const float *c = r->c + at.key, *b = r->b + at.key, d = r->d[at.step];
        decays(decay, r, at, K, delta);
        for (int64_t i = 0; i < V; i++) {
            float *row = state + i * K;
            const float w = d * (r->v[at.value + i] - (delta ? found_in(row, decay, b, K) : 0.0f));
            r->y[at.value + i] = written_and_read(row, decay, b, c, w, K);
        }
    }
    memcpy(r->last + state_of(r, p.n, h), state, sizeof state);
}

/* The numbers that a segment's gradients need: exp(l), S_{t-1}, and v - b S' (v where there is no delta rule). */
typedef struct {
    float *decay, *before, *gap;
} Segment;

INLINED void again(const Segment *s, const Recurrence *r, Part p, int64_t h, int64_t K, int delta)
{
    const int64_t V = r->values;
    memcpy(s->before, kept_of(r, p, h), V * K * sizeof(float));
    for (int64_t t = p.first; t < p.end; t++) {
        const Place at = place_of(r, p, h, t);
        const float *b = r->b + at.key, d = r->d[at.step];
        float *restrict decay = s->decay + (t - p.first) * K;
        decays(decay, r, at, K, delta);
        for (int64_t i = 0; i < V; i++) {
            const int64_t here = (t - p.first) * V + i;
            const float *row = s->before + here * K;
            float *restrict next = s->before + (here + V) * K;
            const float gap = r->v[at.value + i] - (delta ? found_in(row, decay, b, K) : 0.0f), w = d * gap;
            s->gap[here] = gap;
            if (t + 1 == p.end) continue;
#pragma omp simd
            for (int64_t k = 0; k < K; k++) next[k] = decay[k] * row[k] + w * b[k];
        }
    }
}

/* Adds the gradient through y to a row of the gradient of S_t; returns the gradient of w. */
INLINED float asked_of(float *row, const float *c, const float *b, float dy, int64_t K)
{
    Lanes dw = {0};
    int64_t k = 0;
    for (; k + LANES <= K; k += LANES) {
        const Lanes now = load(row + k, LANES) + dy * load(c + k, LANES);
        store(row + k, now, LANES);
        dw += now * load(b + k, LANES);
    }
    float total = sum(dw);
    for (; k < K; k++) {
        row[k] += dy * c[k];
        total += row[k] * b[k];
    }
    return total;
}

/* The gradients of v - b S' from those of w; returns the part of d's gradient that comes through w. */
INLINED float through_w(float *dgap, const float *dw, const float *gap, const Recurrence *r, Place at)
{
    float dstep = 0;
    for (int64_t i = 0; i < r->values; i++) {
        dstep += dw[i] * gap[i];
        r->dv[at.value + i] = dgap[i] = r->d[at.step] * dw[i];
    }
    return dstep;
}

/* Turns the gradient of S_t into that of S_{t-1}, for M keys from k on, at most two vectors of them. The delta rule has
   added the gradient through y_t before, as it needs the gradient of w first; otherwise it is added here, and to dw.
   Returns these keys' part of the gradient of l_t where all keys share l_t. Otherwise the gradient of a_t is written
   here, and the part of d_t's gradient that comes through l_t is returned. */
INLINED float propagate_back(float *restrict adjoint, Lanes *restrict dw, const float *dgap, const float *gap,
                             const float *before, const float *decay, const Recurrence *r, Place at, int64_t k, int64_t M,
                             int64_t K, int delta)
{
    const float d = r->d[at.step], step = delta ? 1.0f : d;
    const int shared = r->groups == 1, constant = r->rate_length == 1;
    Lanes b[2], c[2], own[2], dread[2] = {{0}}, dkey[2] = {{0}}, dfound[2] = {{0}}, dlog[2] = {{0}}, total = {0};
    float overlap = 0;
    IN_PARTS(M) {
        b[part] = load(r->b + at.key + k + from, count);
        c[part] = load(r->c + at.key + k + from, count);
        own[part] = load(decay + k + from, count);
    }
    for (int64_t i = 0; i < r->values; i++) {
        const float w = d * gap[i], dy = r->dy[at.value + i], erased = delta ? dgap[i] : 0.0f;
        overlap += w * dy;
        IN_PARTS(M) {
            const Lanes was = load(before + i * K + k + from, count);
            Lanes row = load(adjoint + i * K + k + from, count);
            if (!delta) {
                row += dy * c[part];
                dw[i] += row * b[part];
            }
            dread[part] += dy * was;
            dkey[part] += w * row;
            if (delta) {
                dfound[part] += erased * was;
                row -= erased * b[part];
            }
            row *= own[part];
            dlog[part] += row * was;
            store(adjoint + i * K + k + from, row, count);
        }
    }
    IN_PARTS(M) {
        float *dc = r->dc + at.key + k + from, *db = r->db + at.key + k + from;
        const Lanes read = own[part] * dread[part] + overlap * b[part], key = dkey[part] - own[part] * dfound[part];
        store(dc, shared ? load(dc, count) + read : read, count);
        store(db, shared ? load(db, count) + key : key, count);
        if (r->rates > 1) {
            float *da = r->da + at.drate + k + from;
            const Lanes rate = step * dlog[part];
            store(da, constant ? load(da, count) + rate : rate, count);
            dlog[part] *= load(r->a + at.rate + k + from, count);
        }
        total += dlog[part];
    }
    return delta && r->rates > 1 ? 0.0f : sum(total);
}

INLINED void backward_head(const Recurrence *r, Part p, int64_t h, int64_t K, int64_t M, int delta)
{
    const int64_t V = r->values;
    float adjoint[V * K], decay[SEGMENT * K], before[SEGMENT * V * K], gap[SEGMENT * V], dw[V], dgap[V];
    Lanes parts[V];
    const Segment s = {decay, before, gap};
    memcpy(adjoint, (p.end < r->length ? r->dinitial : r->dlast) + state_of(r, p.n, h), sizeof adjoint);
    again(&s, r, p, h, K, delta);
    for (int64_t t = p.end - 1, j = t - p.first; t >= p.first; t--, j--) {
        const Place at = place_of(r, p, h, t);
        const float *was = before + j * V * K, *own = decay + j * K, *missed = gap + j * V;
        float dstep = 0, dlog = 0;
        if (delta) {
            for (int64_t i = 0; i < V; i++)
                dw[i] = asked_of(adjoint + i * K, r->c + at.key, r->b + at.key, r->dy[at.value + i], K);
            dstep = through_w(dgap, dw, missed, r, at);
        }
        for (int64_t i = 0; i < V; i++) parts[i] = (Lanes){0};
        for (int64_t k = 0, many = M; k < K; k += many) {
            if (!M) many = smaller(K - k, 2 * LANES);
            dlog += propagate_back(adjoint, parts, dgap, missed, was, own, r, at, k, M ? M : many, K, delta);
        }
        if (!delta) {
            for (int64_t i = 0; i < V; i++) dw[i] = sum(parts[i]);
            dstep = through_w(dgap, dw, missed, r, at);
        }
        if (r->rates == 1) {
            const float so_far = r->rate_length == 1 ? r->da[at.drate] : 0.0f;
            r->da[at.drate] = so_far + (delta ? 1.0f : r->d[at.step]) * dlog;
            dlog *= delta ? 0.0f : r->a[at.rate];
        }
        r->dd[at.step] = dstep + dlog;
    }
    memcpy(r->dinitial + state_of(r, p.n, h), adjoint, sizeof adjoint);
}

/* A compiler that knows the number of keys, or at least the number M that propagate_back takes at once (0: all that
   are left), keeps sums over them in registers. */
#define BY_KEYS(one_head, r, p, h, delta)                                    \
    if ((r)->keys == 1)                                                      \
        one_head(r, p, h, 1, 1, delta);                                      \
    else if ((r)->keys == 16)                                                \
        one_head(r, p, h, 16, 16, delta);                                    \
    else if ((r)->keys % 16 == 0)                                            \
        one_head(r, p, h, (r)->keys / 16 * 16, 16, delta);                   \
    else if ((r)->keys % 8 == 0)                                             \
        one_head(r, p, h, (r)->keys / 8 * 8, 8, delta);                      \
    else                                                                     \
        one_head(r, p, h, (r)->keys, 0, delta);

#define EVERY_HEAD(one_head, r, p)                                           \
    for (int64_t h = (p).head; h < (p).behind; h++) {                        \
        if ((r)->delta) {                                                    \
            BY_KEYS(one_head, r, p, h, 1)                                    \
        } else {                                                             \
            BY_KEYS(one_head, r, p, h, 0)                                    \
        }                                                                    \
    }

FOR_EVERY_CHIP void states_forward(const Recurrence *r, Part p) { EVERY_HEAD(forward_head, r, p) }

FOR_EVERY_CHIP void states_backward(const Recurrence *r, Part p) { EVERY_HEAD(backward_head, r, p) }
