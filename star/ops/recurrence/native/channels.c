/* Recurrences of heads with one value channel: heads lie side by side in vector registers.

   There are two cases: heads that share c and b, with K keys and decays that are constant or one per head; and heads of
   one key that share nothing. Lanes past the last head hold zeros. The rest is as in states.c. */

#include "recurrence.h"

/* Number k of a token's b or c times y; the number is shared by all heads, or there is one for every head. */
INLINED Lanes by_key(const float *x, int64_t k, int shared, int64_t heads, Lanes y)
{
    return shared ? x[k] * y : load(x, heads) * y;
}

/* Loads (H, K) numbers as K vectors of heads. */
INLINED void load_heads(Lanes *lanes, const float *x, int64_t keys, int64_t heads)
{
    if (keys == 1) {
        lanes[0] = load(x, heads);
        return;
    }
    for (int64_t k = 0; k < keys; k++) {
        float at_k[LANES] = {0};
        for (int64_t i = 0; i < heads; i++) at_k[i] = x[i * keys + k];
        lanes[k] = load(at_k, LANES);
    }
}

INLINED void store_heads(float *x, const Lanes *lanes, int64_t keys, int64_t heads)
{
    if (keys == 1) {
        store(x, lanes[0], heads);
        return;
    }
    for (int64_t i = 0; i < heads; i++)
        for (int64_t k = 0; k < keys; k++) x[i * keys + k] = lanes[k][i];
}

/* The place of a token of the first head in tensors with K shared keys or one key per head, and one number per head. */
typedef struct {
    int64_t key, step;
} Place;

INLINED Place place_of(const Recurrence *r, Part p, int shared, int64_t t)
{
    const int64_t token = p.n * r->length + t, step = token * r->heads + p.head;
    return (Place){shared ? token * r->keys : step, step};
}

INLINED void load_rates(Lanes *rate, const Recurrence *r, Part p, int64_t t, int64_t heads)
{
    load_heads(rate, r->a + rate_of(r, r->rate_batch > 1 ? p.n : 0, p.head, t), r->rates, heads);
}

INLINED void decays(Lanes *decay, const Lanes *rate, Lanes step, int64_t rates)
{
    float *restrict to = (float *)decay;
    const float *from = (const float *)rate;
    for (int64_t k = 0; k < rates; k++) {
#pragma omp simd
        for (int i = 0; i < LANES; i++) to[k * LANES + i] = exponential(step[i] * from[k * LANES + i]);
    }
}

/* The numbers that a segment's gradients need: exp(l), S_{t-1}, and v - b S' (v where there is no delta rule). */
typedef struct {
    Lanes *decay, *before, *gap;
} Segment;

/* Advances over the tokens from `state`. If `reading`, writes outputs; otherwise fills `s`, where `state` is the first
   of its states and has room for the others behind it. */
INLINED void
advance(Lanes *state, const Segment *s, const Recurrence *r, Part p, int64_t heads, int shared, int delta, int reading)
{
    const int64_t K = r->keys, R = r->rates, one = R > 1;
    Lanes rate[R], own[R];
    load_rates(rate, r, p, p.first, heads);
    for (int64_t t = p.first; t < p.end; t++) {
        const Place at = place_of(r, p, shared, t);
        const Lanes d = load(r->d + at.step, heads);
        Lanes *decay = reading ? own : s->decay + (t - p.first) * R, *next = reading ? state : state + K;
        Lanes found = {0}, read = {0};
        if (r->rate_length > 1) load_rates(rate, r, p, t, heads);
        decays(decay, rate, delta ? 1.0f + (Lanes){0} : d, R);
        for (int64_t k = 0; k < (delta ? K : 0); k++)
            found += by_key(r->b + at.key, k, shared, heads, decay[k * one] * state[k]);
        const Lanes gap = load(r->v + at.step, heads) - found, w = d * gap;
        for (int64_t k = 0; k < K; k++) {
            const Lanes now = decay[k * one] * state[k] + by_key(r->b + at.key, k, shared, heads, w);
            if (reading) read += by_key(r->c + at.key, k, shared, heads, now);
            next[k] = now;
        }
        if (reading)
            store(r->y + at.step, read, heads);
        else
            s->gap[t - p.first] = gap;
        state = next;
    }
}

/* Sums of neighbouring lanes: within each half first the sums of x, then the sums of y. */
INLINED Lanes pairwise(Lanes x, Lanes y)
{
    return __builtin_shuffle(x, y, (Order){0, 2, 8, 10, 4, 6, 12, 14}) +
           __builtin_shuffle(x, y, (Order){1, 3, 9, 11, 5, 7, 13, 15});
}

/* The sums of LANES vectors, as one vector. */
INLINED Lanes sums(const Lanes *x)
{
    const Lanes low = pairwise(pairwise(x[0], x[1]), pairwise(x[2], x[3]));
    const Lanes high = pairwise(pairwise(x[4], x[5]), pairwise(x[6], x[7]));
    return __builtin_shuffle(low, high, (Order){0, 1, 2, 3, 8, 9, 10, 11}) +
           __builtin_shuffle(low, high, (Order){4, 5, 6, 7, 12, 13, 14, 15});
}

/* Writes the gradient of a token's b or c, summed over heads that share it. */
INLINED void give_keys(float *x, const Lanes *lanes, int64_t K, int shared, int64_t heads)
{
    if (!shared) {
        store(x, lanes[0], heads);
        return;
    }
    int64_t k = 0;
    for (; k + LANES <= K; k += LANES) store(x + k, load(x + k, LANES) + sums(lanes + k), LANES);
    for (; k < K; k++) x[k] += sum(lanes[k]);
}

/* The gradients of the j-th token of a segment; turns the gradient of S_t in `adjoint` into that of S_{t-1}. */
INLINED void backward_token(Lanes *adjoint, Lanes *drate, const Lanes *rate, const Segment *s, const Recurrence *r,
                            Place at, int64_t j, int64_t heads, int shared, int delta)
{
    const int64_t K = r->keys, one = r->rates > 1;
    const Lanes *before = s->before + j * K, *decay = s->decay + j * r->rates, gap = s->gap[j];
    const Lanes d = load(r->d + at.step, heads), dy = load(r->dy + at.step, heads), w = d * gap;
    Lanes dw = {0}, dstep = {0}, dread[K], dkey[K];
    for (int64_t k = 0; k < (delta ? K : 0); k++) {
        adjoint[k] += by_key(r->c + at.key, k, shared, heads, dy);
        dw += by_key(r->b + at.key, k, shared, heads, adjoint[k]);
    }
    const Lanes erased = d * dw;
    for (int64_t k = 0; k < K; k++) {
        const Lanes was = before[k], left = decay[k * one] * was;
        Lanes own = adjoint[k];
        if (!delta) {
            own += by_key(r->c + at.key, k, shared, heads, dy);
            dw += by_key(r->b + at.key, k, shared, heads, own);
        }
        dread[k] = (left + by_key(r->b + at.key, k, shared, heads, w)) * dy;
        dkey[k] = own * w;
        if (delta) {
            dkey[k] -= erased * left;
            own -= by_key(r->b + at.key, k, shared, heads, erased);
        }
        adjoint[k] = own * decay[k * one];
        const Lanes dlog = adjoint[k] * was;
        drate[k * one] += delta ? dlog : d * dlog;
        if (!delta) dstep += dlog * rate[k * one];
    }
    const Lanes dgap = d * dw;
    give_keys(r->dc + at.key, dread, K, shared, heads);
    give_keys(r->db + at.key, dkey, K, shared, heads);
    store(r->dv + at.step, dgap, heads);
    store(r->dd + at.step, dw * gap + dstep, heads);
}

INLINED void add_rates(Lanes *drate, const Recurrence *r, Part p, int64_t t, int64_t heads)
{
    float *da = r->da + rate_of(r, p.n, p.head, t);
    if (r->rate_length == 1) {
        Lanes so_far[r->rates];
        load_heads(so_far, da, r->rates, heads);
        for (int64_t k = 0; k < r->rates; k++) drate[k] += so_far[k];
    }
    store_heads(da, drate, r->rates, heads);
    for (int64_t k = 0; k < r->rates; k++) drate[k] = (Lanes){0};
}

INLINED void forward_heads(const Recurrence *r, Part p, int64_t heads, int shared, int delta)
{
    Lanes state[r->keys];
    load_heads(state, (p.first ? r->last : r->initial) + state_of(r, p.n, p.head), r->keys, heads);
    for (int64_t i = 0; i < heads; i++)
        for (int64_t k = 0; k < r->keys; k++) kept_of(r, p, p.head + i)[k] = state[k][i];
    advance(state, 0, r, p, heads, shared, delta, 1);
    store_heads(r->last + state_of(r, p.n, p.head), state, r->keys, heads);
}

INLINED void backward_heads(const Recurrence *r, Part p, int64_t heads, int shared, int delta)
{
    const int64_t K = r->keys, R = r->rates;
    Lanes decay[SEGMENT * R], before[(SEGMENT + 1) * K], gap[SEGMENT], adjoint[K], rate[R], drate[R];
    const Segment s = {decay, before, gap};
    for (int64_t i = 0; i < heads; i++)
        for (int64_t k = 0; k < K; k++) before[k][i] = kept_of(r, p, p.head + i)[k];
    advance(before, &s, r, p, heads, shared, delta, 0);
    load_heads(adjoint, (p.end < r->length ? r->dinitial : r->dlast) + state_of(r, p.n, p.head), K, heads);
    load_rates(rate, r, p, p.first, heads);
    for (int64_t k = 0; k < R; k++) drate[k] = (Lanes){0};
    for (int64_t t = p.end - 1; t >= p.first; t--) {
        if (r->rate_length > 1) load_rates(rate, r, p, t, heads);
        backward_token(adjoint, drate, rate, &s, r, place_of(r, p, shared, t), t - p.first, heads, shared, delta);
        if (r->rate_length > 1 || t == p.first) add_rates(drate, r, p, t, heads);
    }
    store_heads(r->dinitial + state_of(r, p.n, p.head), adjoint, K, heads);
}

/* A compiler that knows the number of heads turns the copies into vector loads. */
#define BY_HEADS(work, r, p, shared, delta)                                  \
    if ((p).behind - (p).head == LANES)                                      \
        work(r, p, LANES, shared, delta);                                    \
    else                                                                     \
        work(r, p, (p).behind - (p).head, shared, delta);

#define BY_RULE(work, r, p)                                                  \
    if ((r)->groups == 1) {                                                  \
        if ((r)->delta) {                                                    \
            BY_HEADS(work, r, p, 1, 1)                                       \
        } else {                                                             \
            BY_HEADS(work, r, p, 1, 0)                                       \
        }                                                                    \
    } else if ((r)->delta) {                                                 \
        BY_HEADS(work, r, p, 0, 1)                                           \
    } else {                                                                 \
        BY_HEADS(work, r, p, 0, 0)                                           \
    }

FOR_EVERY_CHIP void channels_forward(const Recurrence *r, Part p) { BY_RULE(forward_heads, r, p) }

FOR_EVERY_CHIP void channels_backward(const Recurrence *r, Part p) { BY_RULE(backward_heads, r, p) }
