/* Rotation of channel pairs (n, n + pairs) of each head by the angles of its token.

   x (B, L, H, K) with three strides and channels side by side; y (B, L, H, K) contiguous; table (B or 1, L, 2, P), cosines
   and then sines. Backwards the sines have the other sign. An odd last channel is copied. */

#include "../../native.h"

FOR_EVERY_CHIP
static void rotated(const float *x, const float *table, float *y, int64_t heads, int64_t head_at, int64_t channels,
                    float sign)
{
    const int64_t pairs = channels / 2;
    const float *cosines = table, *sines = table + pairs;
    for (int64_t h = 0; h < heads; h++) {
        const float *first = x + h * head_at, *second = first + pairs;
        float *to = y + h * channels;
        for (int64_t n = 0; n < pairs; n++) {
            const float sine = sign * sines[n];
            to[n] = first[n] * cosines[n] - second[n] * sine;
            to[pairs + n] = first[n] * sine + second[n] * cosines[n];
        }
        for (int64_t n = 2 * pairs; n < channels; n++)
            to[n] = first[n];
    }
}

void rotate(const float *x, const float *table, float *y, int64_t batch, int64_t length, int64_t heads, int64_t channels,
            int64_t batch_at, int64_t token_at, int64_t head_at, int64_t tables, float sign, int threads)
{
    const int64_t pairs = channels / 2;
#pragma omp parallel for num_threads(threads) schedule(static) collapse(2)
    for (int64_t n = 0; n < batch; n++)
        for (int64_t t = 0; t < length; t++)
            rotated(x + n * batch_at + t * token_at, table + ((tables > 1 ? n : 0) * length + t) * 2 * pairs,
                    y + (n * length + t) * heads * channels, heads, head_at, channels, sign);
}
