/* y = x r w with r = 1 / sqrt(mean(x^2) + epsilon), for rows of `width` numbers that lie side by side, and its gradients:
     dx = r (g - x r^2 mean(g x)),  g = dy w;   dw = sum over rows of dy x r. */

#include "../../native.h"

#include <math.h>

/* Sums of products of two, or three, arrays; a null array counts as ones. */
INLINED float product(const float *x, const float *y, const float *z, int64_t width)
{
    Lanes sums[4] = {{0}};
    int64_t at = 0;
    for (; at + 4 * LANES <= width; at += 4 * LANES)
        for (int i = 0; i < 4; i++) {
            const int64_t here = at + i * LANES;
            const Lanes pair = load(x + here, LANES) * load(y + here, LANES);
            sums[i] += z ? pair * load(z + here, LANES) : pair;
        }
    for (; at < width; at += LANES) {
        const int64_t count = smaller(LANES, width - at);
        const Lanes pair = load(x + at, count) * load(y + at, count);
        sums[0] += z ? pair * load(z + at, count) : pair;
    }
    return sum(sums[0] + sums[1] + (sums[2] + sums[3]));
}

FOR_EVERY_CHIP
static void forward_rows(const float *x, const float *w, float *y, float *inverse, int64_t first, int64_t end,
                         int64_t width, float epsilon)
{
    for (int64_t row = first; row < end; row++) {
        const float *of = x + row * width;
        const float r = 1 / sqrtf(product(of, of, 0, width) / width + epsilon);
        for (int64_t at = 0; at < width; at++)
            y[row * width + at] = of[at] * r * w[at];
        inverse[row] = r;
    }
}

FOR_EVERY_CHIP
static void backward_rows(const float *x, const float *w, const float *inverse, const float *dy, float *dx, float *dw,
                          int64_t first, int64_t end, int64_t width)
{
    for (int64_t row = first; row < end; row++) {
        const float *of = x + row * width, *given = dy + row * width;
        const float r = inverse[row], scale = product(of, given, w, width) * r * r / width;
        for (int64_t at = 0; at < width; at++) {
            const float by = given[at] * r;
            dw[at] += by * of[at];
            dx[row * width + at] = by * w[at] - of[at] * (scale * r);
        }
    }
}

/* Each thread has rows of its own, and a row of `dw`, which Python adds up. */
void rms_norm_forward(const float *x, const float *w, float *y, float *inverse, int64_t rows, int64_t width, float epsilon,
             int threads)
{
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int part = 0; part < threads; part++)
        forward_rows(x, w, y, inverse, rows * part / threads, rows * (part + 1) / threads, width, epsilon);
}

void rms_norm_backward(const float *x, const float *w, const float *inverse, const float *dy, float *dx, float *dw, int64_t rows,
              int64_t width, int threads)
{
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int part = 0; part < threads; part++)
        backward_rows(x, w, inverse, dy, dx, dw + part * width, rows * part / threads, rows * (part + 1) / threads,
                      width);
}
