/* Parts of attention that both passes need, in vectors of LANES numbers, with sums of ROWS x 2 of them in registers.

   A panel holds PANEL tokens, transposed: for each channel the numbers of all tokens. Tokens behind the last and
   channels behind the last are zeros. */

#include "attention.h"

enum { PANEL = 2 * LANES };

#define UNROLLED _Pragma("GCC unroll 16")
#define LOG2_E 1.4426950408889634

INLINED int64_t larger(int64_t one, int64_t other) { return one > other ? one : other; }

INLINED int64_t whole(int64_t n, int64_t part) { return (n + part - 1) / part * part; }

#if LANES == 16
#define EACH_LANE ((Order){0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15})
#else
#define EACH_LANE ((Order){0, 1, 2, 3, 4, 5, 6, 7})
#endif

INLINED Lanes chosen(Order where, Lanes one, Lanes other)
{
    return (Lanes)(((Order)one & where) | ((Order)other & ~where));
}

/* The larger number of each lane; that of `one` where either is no number. */
INLINED Lanes maxima(Lanes one, Lanes other)
{
    float ones[LANES], others[LANES];
    store(ones, one, LANES);
    store(others, other, LANES);
#pragma omp simd
    for (int lane = 0; lane < LANES; lane++) others[lane] = others[lane] > ones[lane] ? others[lane] : ones[lane];
    return load(others, LANES);
}

/* The maximum or the sum of each of ROWS vectors, twice side by side: halves of two vectors become one vector. */
INLINED Lanes of_rows(Lanes rows[ROWS], int summed)
{
    UNROLLED for (int half = LANES / 2, left = ROWS / 2; half > 1; half /= 2, left /= 2)
        UNROLLED for (int r = 0; r < left; r++) {
            const Order upper = (EACH_LANE & half) / half;
            const Order low = EACH_LANE + upper * (LANES - half), high = low + half;
            const Lanes one = __builtin_shuffle(rows[r], rows[r + left], low);
            const Lanes other = __builtin_shuffle(rows[r], rows[r + left], high);
            rows[r] = summed ? one + other : maxima(one, other);
        }
    const Lanes other = __builtin_shuffle(rows[0], EACH_LANE ^ 1);
    return summed ? rows[0] + other : maxima(rows[0], other);
}

typedef float Half __attribute__((vector_size(LANES / 2 * sizeof(float))));

/* Loads fewer numbers than a vector has; the others are zeros. */
INLINED Lanes load_some(const float *x, int64_t count)
{
    if (count == LANES / 2) {
        Half half;
        memcpy(&half, x, sizeof half);
#if LANES == 16
        return __builtin_shufflevector(half, (Half){0}, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
#else
        return __builtin_shufflevector(half, (Half){0}, 0, 1, 2, 3, 4, 5, 6, 7);
#endif
    }
    float lanes[LANES] = {0};
    for (int64_t lane = 0; lane < count; lane++) lanes[lane] = x[lane];
    return load(lanes, LANES);
}

INLINED void store_some(float *x, Lanes lanes, int64_t count)
{
    if (count == LANES / 2) {
        memcpy(x, &lanes, sizeof(Half));
        return;
    }
    for (int64_t lane = 0; lane < count; lane++) x[lane] = lanes[lane];
}

/* Copies a row of `channels` numbers, times a factor, to a row of whole vectors. The next head is often beside it. */
INLINED void copy_row(float *to, const float *from, int64_t channels, float factor)
{
    int64_t c = 0;
    for (; c + LANES <= channels; c += LANES) {
        __builtin_prefetch(from + channels + c);
        store(to + c, factor * load(from + c, LANES), LANES);
    }
    if (c < channels) store(to + c, factor * load_some(from + c, channels - c), LANES);
}

/* Copies a row of whole vectors, times a factor, to a row of `channels` numbers. */
INLINED void write_row(float *to, const float *from, int64_t channels, float factor)
{
    int64_t c = 0;
    for (; c + LANES <= channels; c += LANES) {
        __builtin_prefetch(to + channels + c, 1);
        store(to + c, factor * load(from + c, LANES), LANES);
    }
    if (c < channels) store_some(to + c, factor * load(from + c, LANES), channels - c);
}

INLINED void zero(float *to, int64_t count)
{
    for (int64_t i = 0; i < count; i++) to[i] = 0.0f;
}

/* Turns rows into columns: swaps halves of ever smaller blocks. */
INLINED void transpose(Lanes rows[LANES])
{
    UNROLLED for (int half = LANES / 2; half > 0; half /= 2)
        UNROLLED for (int r = 0; r < LANES; r++)
            if (!(r & half)) {
                const Order later = (EACH_LANE & half) / half, low = EACH_LANE + later * (LANES - half);
                const Order high = EACH_LANE + half + later * (LANES - half);
                const Lanes one = rows[r], other = rows[r + half];
                rows[r] = __builtin_shuffle(one, other, low);
                rows[r + half] = __builtin_shuffle(one, other, high);
            }
}

INLINED void copy_panels(float *to, const float *from, int64_t stride, int64_t tokens, int64_t channels)
{
    for (int64_t first = 0; first < whole(tokens, PANEL); first += LANES) {
        float *panel = to + first / PANEL * PANEL * channels + first % PANEL;
        const int64_t count = larger(0, smaller(LANES, tokens - first));
        for (int64_t c = 0; c < channels; c += LANES) {
            const int64_t some = smaller(LANES, channels - c);
            Lanes rows[LANES];
            if (count == LANES && some == LANES)
                UNROLLED for (int t = 0; t < LANES; t++) {
                    rows[t] = load(from + (first + t) * stride + c, LANES);
                    __builtin_prefetch(from + (first + t) * stride + c + channels);
                }
            else
                UNROLLED for (int t = 0; t < LANES; t++)
                    rows[t] = t < count ? load_some(from + (first + t) * stride + c, some) : (Lanes){0};
            transpose(rows);
            UNROLLED for (int t = 0; t < LANES; t++) if (t < some) store(panel + (c + t) * PANEL, rows[t], LANES);
        }
    }
}

/* The products of ROWS rows with the tokens of a panel, `parts` vectors of them. */
INLINED void panel_products(Lanes sums[ROWS][2], const float *rows, int64_t wide, const float *panel, int64_t channels,
                            int parts)
{
    UNROLLED for (int r = 0; r < ROWS; r++) UNROLLED for (int part = 0; part < parts; part++)
        sums[r][part] = (Lanes){0};
    for (int64_t c = 0; c < channels; c++) {
        Lanes tokens[2];
        UNROLLED for (int part = 0; part < parts; part++) tokens[part] = load(panel + c * PANEL + part * LANES, LANES);
        UNROLLED for (int r = 0; r < ROWS; r++) {
            const float x = rows[r * wide + c];
            UNROLLED for (int part = 0; part < parts; part++) sums[r][part] += x * tokens[part];
        }
    }
}

/* to[r] = factor[r] to[r] + sum over n of weights[r, n] rows[n], for ROWS r and `parts` vectors of channels. */
INLINED void add_weighted_part(float *to, int64_t wide, const float *factor, const float *weights, int64_t across,
                               int64_t along, const float *rows, int64_t count, int parts)
{
    Lanes sums[ROWS][2];
    UNROLLED for (int r = 0; r < ROWS; r++) UNROLLED for (int part = 0; part < parts; part++)
        sums[r][part] = (factor ? factor[r] : 1.0f) * load(to + r * wide + part * LANES, LANES);
    for (int64_t n = 0; n < count; n++) {
        Lanes read[2];
        UNROLLED for (int part = 0; part < parts; part++) read[part] = load(rows + n * wide + part * LANES, LANES);
        UNROLLED for (int r = 0; r < ROWS; r++) {
            const float weight = weights[r * across + n * along];
            UNROLLED for (int part = 0; part < parts; part++) sums[r][part] += weight * read[part];
        }
    }
    UNROLLED for (int r = 0; r < ROWS; r++) UNROLLED for (int part = 0; part < parts; part++)
        store(to + r * wide + part * LANES, sums[r][part], LANES);
}

INLINED void add_weighted(float *to, int64_t wide, const float *factor, const float *weights, int64_t across,
                          int64_t along, const float *rows, int64_t count)
{
    int64_t c = 0;
    for (; c + PANEL <= wide; c += PANEL)
        add_weighted_part(to + c, wide, factor, weights, across, along, rows + c, count, 2);
    if (c < wide) add_weighted_part(to + c, wide, factor, weights, across, along, rows + c, count, 1);
}

/* Puts `hidden` where tokens i to i + ROWS - 1 do not see tokens j to j + PANEL - 1. */
INLINED void hide(Lanes scores[ROWS][2], int64_t i, int64_t j, int64_t window, int parts, float hidden)
{
    const Lanes instead = (Lanes){0} + hidden;
    if (j + parts * LANES - 1 > i)
        UNROLLED for (int r = 0; r < ROWS; r++) UNROLLED for (int part = 0; part < parts; part++)
            scores[r][part] = chosen(EACH_LANE > (int32_t)(i + r - j) - part * LANES, instead, scores[r][part]);
    if (j <= i + ROWS - 1 - window)
        UNROLLED for (int r = 0; r < ROWS; r++) UNROLLED for (int part = 0; part < parts; part++)
            scores[r][part] = chosen(EACH_LANE <= (int32_t)(i + r - j - window) - part * LANES, instead, scores[r][part]);
}
