/* Recurrences with a state of K keys and V values a head.

   The state lies as V rows of K numbers, so that loops over k fill vector registers, and in the first cache. Backwards,
   the S' of a segment's tokens are computed again from the state that was kept before it. Nothing is ever divided: any
   decay is exact. */

#include "recurrence.h"

/* Where a token of a head lies in tensors with K, R (and the gradient of these), one and V numbers a head. */
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

/* What b finds in a row of S_{t-1}, decayed. */
INLINED float found_in(const float *row, const float *decay, const float *b, int64_t K)
{
    Lanes found = {0};
    int64_t k = 0;
    for (; k + LANES <= K; k += LANES) found += load(decay + k, LANES) * load(row + k, LANES) * load(b + k, LANES);
    float total = sum(found);
    for (; k < K; k++) total += decay[k] * row[k] * b[k];
    return total;
}

/* Makes a row of S_{t-1} that of S_t; what c reads there. */
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
    (void)M; /* only sums over tokens go by parts of the keys */
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

/* What a segment's tokens need to go backwards: exp(l), S' and v less what was found. */
typedef struct {
    float *decay, *before, *gap;
} Segment;

INLINED void again(const Segment *s, const Recurrence *r, Part p, int64_t h, int64_t K, int delta)
{
    const int64_t V = r->values;
    float state[V * K];
    memcpy(state, kept_of(r, p, h), sizeof state);
    for (int64_t t = p.first; t < p.end; t++) {
        const Place at = place_of(r, p, h, t);
        const float *b = r->b + at.key, d = r->d[at.step];
        float *restrict decay = s->decay + (t - p.first) * K;
        decays(decay, r, at, K, delta);
        for (int64_t i = 0; i < V; i++) {
            const int64_t here = (t - p.first) * V + i;
            float *restrict row = state + i * K, *restrict before = s->before + here * K;
            const float gap = r->v[at.value + i] - (delta ? found_in(row, decay, b, K) : 0.0f), w = d * gap;
            s->gap[here] = gap;
#pragma omp simd
            for (int64_t k = 0; k < K; k++) {
                before[k] = decay[k] * row[k];
                row[k] = before[k] + w * b[k];
            }
        }
    }
}

/* Adds what y asks for to a row of the gradient of S_t; that of w. */
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

/* Takes in what y_t asks for; the gradient of v less what was found, and of d as far as it comes through w. */
INLINED float receive(float *adjoint, float *dgap, const float *gap, const Recurrence *r, Place at, int64_t K)
{
    const float *c = r->c + at.key, *b = r->b + at.key, d = r->d[at.step];
    float dstep = 0;
    for (int64_t i = 0; i < r->values; i++) {
        const float dw = asked_of(adjoint + i * K, c, b, r->dy[at.value + i], K);
        dstep += dw * gap[i];
        r->dv[at.value + i] = dgap[i] = d * dw;
    }
    return dstep;
}

/* From the gradient of S_t that of S_{t-1}, for M keys from k on. Returns what these add to the gradient of l_t where
   it is one for all keys, or else to that of d_t through l_t, a_t's being taken care of. */
INLINED float hand_back(float *restrict adjoint, const float *dgap, const float *gap, const float *before,
                        const float *decay, const Recurrence *r, Place at, int64_t k, int64_t M, int64_t K, int delta)
{
    const float *b = r->b + at.key + k, d = r->d[at.step];
    float *restrict dc = r->dc + at.key + k, *restrict db = r->db + at.key + k;
    float dread[M], dkey[M], dlog[M], overlap = 0, sum = 0;
#pragma omp simd
    for (int64_t m = 0; m < M; m++) dread[m] = dkey[m] = dlog[m] = 0;
    for (int64_t i = 0; i < r->values; i++) {
        float *restrict row = adjoint + i * K + k;
        const float *was = before + i * K + k, w = d * gap[i], dy = r->dy[at.value + i], erased = dgap[i];
        overlap += w * dy;
#pragma omp simd
        for (int64_t m = 0; m < M; m++) {
            dread[m] += was[m] * dy;
            dkey[m] += row[m] * w - (delta ? erased * was[m] : 0.0f);
            const float dbefore = delta ? row[m] - erased * b[m] : row[m];
            dlog[m] += dbefore * was[m];
            row[m] = dbefore * decay[k + m];
        }
    }
    const int shared = r->groups == 1;
#pragma omp simd
    for (int64_t m = 0; m < M; m++) {
        dc[m] = (shared ? dc[m] : 0.0f) + dread[m] + overlap * b[m];
        db[m] = (shared ? db[m] : 0.0f) + dkey[m];
    }
    if (r->rates == 1) {
#pragma omp simd reduction(+ : sum)
        for (int64_t m = 0; m < M; m++) sum += dlog[m];
        return sum;
    }
    const float *a = r->a + at.rate + k, step = delta ? 1.0f : d;
    float *restrict da = r->da + at.drate + k;
    const int constant = r->rate_length == 1;
#pragma omp simd reduction(+ : sum)
    for (int64_t m = 0; m < M; m++) {
        da[m] = (constant ? da[m] : 0.0f) + step * dlog[m];
        sum += dlog[m] * a[m];
    }
    return delta ? 0.0f : sum;
}

INLINED void backward_head(const Recurrence *r, Part p, int64_t h, int64_t K, int64_t M, int delta)
{
    const int64_t V = r->values;
    float adjoint[V * K], decay[SEGMENT * K], before[SEGMENT * V * K], gap[SEGMENT * V], dgap[V];
    const Segment s = {decay, before, gap};
    memcpy(adjoint, (p.end < r->length ? r->dinitial : r->dlast) + state_of(r, p.n, h), sizeof adjoint);
    again(&s, r, p, h, K, delta);
    for (int64_t t = p.end - 1, j = t - p.first; t >= p.first; t--, j--) {
        const Place at = place_of(r, p, h, t);
        const float through_w = receive(adjoint, dgap, gap + j * V, r, at, K);
        const float *was = before + j * V * K, *own = decay + j * K;
        float through_l = 0;
        for (int64_t k = 0; k < K; k += M)
            through_l += hand_back(adjoint, dgap, gap + j * V, was, own, r, at, k, M, K, delta);
        if (r->rates == 1) {
            const float so_far = r->rate_length == 1 ? r->da[at.drate] : 0.0f;
            r->da[at.drate] = so_far + (delta ? 1.0f : r->d[at.step]) * through_l;
            through_l *= delta ? 0.0f : r->a[at.rate];
        }
        r->dd[at.step] = through_w + through_l;
    }
    memcpy(r->dinitial + state_of(r, p.n, h), adjoint, sizeof adjoint);
}

/* A compiler that knows how many keys there are, or at least how many are handed back at once, keeps sums over them in
   registers. */
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
        one_head(r, p, h, (r)->keys, (r)->keys, delta);

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
