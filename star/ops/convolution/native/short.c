/* Causal convolutions of few taps, forwards and backwards: y = c (h * (b x)), or y = sigma(h * x) with SiLU or nothing as
   sigma. Null c and b count as ones.

   x, c, b, y (B, L, D) contiguous; h (D, W), at most MOST_TAPS taps. u = b x, s = h * u; then backwards, token by token
   from the last one:
     ds = c dy or sigma'(s) dy,  dc = s dy,  du_t = sum_w h_w ds_{t+w},  dh_w = sum_t ds_t u_{t-w},  dx = b du,  db = x du.
   The sums s are computed again, so nothing but the inputs is kept. `dh` has a row for each thread, which Python adds up. */

#include "../../native.h"

enum { MOST_TAPS = 8 };

typedef struct {
    int64_t batch, length, channels, taps, silu;
    const float *x, *c, *b, *h, *dy;
    float *y, *dx, *dc, *db, *dh;
} Convolution;

/* Channels `at` to `at + count` of sequence n. */
typedef struct {
    int64_t n, at, count;
} Strip;

INLINED Lanes sigmoid(Lanes x)
{
    const Lanes minus = (Lanes)((Order)x | INT32_MIN), e = power_of_two(minus * 1.44269504f);
    const Order positive = x >= 0.0f;
    return (Lanes)(((Order)(e * 0.0f + 1.0f) & positive) | ((Order)e & ~positive)) / (1.0f + e);
}

INLINED Lanes inputs(const Convolution *of, int64_t place, int64_t count)
{
    const Lanes x = load(of->x + place, count);
    return of->b ? x * load(of->b + place, count) : x;
}

INLINED void read_taps(const Convolution *of, Strip strip, Lanes *h, int64_t taps)
{
    for (int64_t w = 0; w < taps; w++) {
        float lanes[LANES] = {0};
        for (int64_t lane = 0; lane < strip.count; lane++) lanes[lane] = of->h[(strip.at + lane) * taps + w];
        h[w] = load(lanes, LANES);
    }
}

INLINED void strip_forward(const Convolution *of, Strip strip, const int64_t taps, const int64_t count)
{
    Lanes h[MOST_TAPS], u[MOST_TAPS] = {{0}};
    read_taps(of, strip, h, taps);
    for (int64_t t = 0; t < of->length; t++) {
        const int64_t place = (strip.n * of->length + t) * of->channels + strip.at;
        for (int64_t w = taps - 1; w > 0; w--) u[w] = u[w - 1];
        u[0] = inputs(of, place, count);
        Lanes s = h[0] * u[0];
        for (int64_t w = 1; w < taps; w++) s += h[w] * u[w];
        if (of->c) s *= load(of->c + place, count);
        if (of->silu) s *= sigmoid(s);
        store(of->y + place, s, count);
    }
}

INLINED void strip_backward(const Convolution *of, Strip strip, float *dh, const int64_t taps, const int64_t count)
{
    Lanes h[MOST_TAPS], u[MOST_TAPS] = {{0}}, ds[MOST_TAPS] = {{0}}, sums[MOST_TAPS] = {{0}};
    read_taps(of, strip, h, taps);
    const int64_t first = strip.n * of->length * of->channels + strip.at, last = of->length - 1;
    for (int64_t w = 0; w < taps - 1 && w <= last; w++) u[w + 1] = inputs(of, first + (last - w) * of->channels, count);
    for (int64_t t = last; t >= 0; t--) {
        const int64_t place = first + t * of->channels;
        for (int64_t w = 0; w < taps - 1; w++) u[w] = u[w + 1];
        u[taps - 1] = t < taps - 1 ? (Lanes){0} : inputs(of, place - (taps - 1) * of->channels, count);
        for (int64_t w = taps - 1; w > 0; w--) ds[w] = ds[w - 1];
        ds[0] = load(of->dy + place, count);
        if (of->c || of->silu) {
            Lanes s = h[0] * u[0];
            for (int64_t w = 1; w < taps; w++) s += h[w] * u[w];
            if (of->c) {
                store(of->dc + place, s * ds[0], count);
                ds[0] *= load(of->c + place, count);
            }
            if (of->silu) {
                const Lanes part = sigmoid(s);
                ds[0] *= part * (1.0f + s * (1.0f - part));
            }
        }
        Lanes du = h[0] * ds[0];
        for (int64_t w = 1; w < taps; w++) du += h[w] * ds[w];
        for (int64_t w = 0; w < taps; w++) sums[w] += ds[0] * u[w];
        if (of->b) {
            store(of->db + place, du * load(of->x + place, count), count);
            du *= load(of->b + place, count);
        }
        store(of->dx + place, du, count);
    }
    for (int64_t w = 0; w < taps; w++)
        for (int64_t lane = 0; lane < strip.count; lane++) dh[(strip.at + lane) * taps + w] += sums[w][lane];
}

#define OF_TAPS(number)                                                                                                \
    case number:                                                                                                       \
        for (strip.at = 0; strip.at < of->channels; strip.at += LANES) {                                               \
            strip.count = smaller(LANES, of->channels - strip.at);                                                     \
            if (strip.count == LANES)                                                                                  \
                dh ? strip_backward(of, strip, dh, number, LANES) : strip_forward(of, strip, number, LANES);           \
            else                                                                                                       \
                dh ? strip_backward(of, strip, dh, number, strip.count) : strip_forward(of, strip, number, strip.count); \
        }                                                                                                              \
        break;

/* All channels of sequence n; backwards if there is a place for dh. */
FOR_EVERY_CHIP
static void sequence(const Convolution *of, int64_t n, float *dh)
{
    Strip strip = {n, 0, 0};
    switch (of->taps) {
        OF_TAPS(1) OF_TAPS(2) OF_TAPS(3) OF_TAPS(4) OF_TAPS(5) OF_TAPS(6) OF_TAPS(7) OF_TAPS(8)
    }
}

void convolve(const Convolution *of, int threads)
{
    const int64_t weights = of->channels * of->taps;
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int part = 0; part < threads; part++)
        for (int64_t n = of->batch * part / threads; n < of->batch * (part + 1) / threads; n++)
            sequence(of, n, of->dh ? of->dh + part * weights : 0);
}
