/* Products and transposition of matrices of float32, in vectors of LANES numbers. Who includes
   this says how many, 8 or 16, and how many ROWS of a product are computed at once. */

#ifndef STAR_PRODUCTS_H
#define STAR_PRODUCTS_H

#include "recurrence.h"

INLINED Lanes whole(const float *x) { return load(x, LANES); }

INLINED void put(float *x, Lanes lanes) { store(x, lanes, LANES); }

/* Exchanges the lanes of two vectors: `low` takes those of both that come first in pairs of
   halves, `high` the others. */
INLINED void exchange(Lanes *low, Lanes *high, int half)
{
    Order first, second;
    for (int i = 0; i < LANES; i++) {
        first[i] = i & half ? i - half + LANES : i;
        second[i] = i & half ? i + LANES : i + half;
    }
    const Lanes one = *low, other = *high;
    *low = __builtin_shuffle(one, other, first);
    *high = __builtin_shuffle(one, other, second);
}

INLINED void add_halves(Lanes *x, int half)
{
#pragma GCC unroll 8
    for (int i = 0; i < half; i++) {
        exchange(x + i, x + i + half, half);
        x[i] += x[i + half];
    }
}

/* Writes the sums of LANES vectors. */
INLINED void put_sums(float *out, const Lanes *x)
{
    Lanes part[LANES];
#pragma GCC unroll 16
    for (int i = 0; i < LANES; i++) part[i] = x[i];
    if (LANES == 16) add_halves(part, 8);
    add_halves(part, 4);
    add_halves(part, 2);
    add_halves(part, 1);
    put(out, part[0]);
}

/* A factor that is read number by number: x(m, p) = at[m * row + p * column]. */
typedef struct {
    const float *at;
    int64_t row, column;
} Factor;

/* One tile of out = keep out_before + x y, of rows that are `stride` apart; without `keep`, of x y alone. */
INLINED void product_tile(float *out, const float *before, const float *keep, int64_t stride, Factor x, const float *y,
                          int64_t y_stride, int64_t P, int rows, int vectors)
{
    Lanes total[8][2];
#pragma GCC unroll 8
    for (int m = 0; m < rows; m++)
#pragma GCC unroll 2
        for (int n = 0; n < vectors; n++)
            total[m][n] = keep ? keep[m] * whole(before + m * stride + n * LANES) : (Lanes){0};
    for (int64_t p = 0; p < P; p++) {
        Lanes row[2];
#pragma GCC unroll 2
        for (int n = 0; n < vectors; n++) row[n] = whole(y + p * y_stride + n * LANES);
#pragma GCC unroll 8
        for (int m = 0; m < rows; m++)
#pragma GCC unroll 2
            for (int n = 0; n < vectors; n++) total[m][n] += x.at[m * x.row + p * x.column] * row[n];
    }
#pragma GCC unroll 8
    for (int m = 0; m < rows; m++)
#pragma GCC unroll 2
        for (int n = 0; n < vectors; n++) put(out + m * stride + n * LANES, total[m][n]);
}

/* out (M, N) = diag(keep) before + x (M, P) y (P, N), where M and N are multiples of 16; without `keep`, x y alone. The
   rows of out, before and y are N apart. */
__attribute__((noinline)) static void product(float *out, const float *before, const float *keep, Factor x,
                                              const float *y, int64_t M, int64_t N, int64_t P)
{
    for (int64_t n = 0; n < N;) {
        const int many = n + 2 * LANES <= N;
        for (int64_t m = 0; m < M; m += ROWS) {
            const Factor from = {x.at + m * x.row, x.row, x.column};
            const float *kept = keep ? keep + m : 0;
            if (many)
                product_tile(out + m * N + n, before + m * N + n, kept, N, from, y + n, N, P, ROWS, 2);
            else
                product_tile(out + m * N + n, before + m * N + n, kept, N, from, y + n, N, P, ROWS, 1);
        }
        n += many ? 2 * LANES : LANES;
    }
}

INLINED void exchange_halves(Lanes *square, int half)
{
#pragma GCC unroll 16
    for (int i = 0; i < LANES; i++)
        if (!(i & half)) exchange(square + i, square + i + half, half);
}

/* out (N, M) = x (M, N) transposed; M and N are multiples of LANES. */
__attribute__((noinline)) static void transpose(float *out, const float *x, int64_t M, int64_t N)
{
    for (int64_t m = 0; m < M; m += LANES)
        for (int64_t n = 0; n < N; n += LANES) {
            Lanes square[LANES];
#pragma GCC unroll 16
            for (int i = 0; i < LANES; i++) square[i] = whole(x + (m + i) * N + n);
            if (LANES == 16) exchange_halves(square, 8);
            exchange_halves(square, 4);
            exchange_halves(square, 2);
            exchange_halves(square, 1);
#pragma GCC unroll 16
            for (int i = 0; i < LANES; i++) put(out + (n + i) * M + m, square[i]);
        }
}

#endif
