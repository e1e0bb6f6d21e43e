/* Shared by all compiled operators: vectors, the exponential function, and versions of a function for newer chips. */

#ifndef STAR_NATIVE_H
#define STAR_NATIVE_H

#include <stdint.h>
#include <string.h>

#ifndef LANES
#define LANES 8
#endif

#define INLINED static inline __attribute__((always_inline))
#if defined(__x86_64__) && defined(__gnu_linux__) && !defined(__clang__)
#define FOR_EVERY_CHIP __attribute__((target_clones("arch=x86-64-v3", "default")))
#define STAR_WIDE
#else
#define FOR_EVERY_CHIP
#endif

INLINED int64_t smaller(int64_t one, int64_t other) { return one < other ? one : other; }

/* Vectors of LANES numbers, of which `count` are in memory. */
typedef float Lanes __attribute__((vector_size(LANES * sizeof(float))));
typedef int32_t Order __attribute__((vector_size(LANES * sizeof(int32_t))));

INLINED Lanes load(const float *x, int64_t count)
{
    Lanes lanes = {0};
    memcpy(&lanes, x, count * sizeof *x);
    return lanes;
}

INLINED void store(float *x, Lanes lanes, int64_t count) { memcpy(x, &lanes, count * sizeof *x); }

INLINED float sum(Lanes x)
{
#if LANES == 16
    x += __builtin_shuffle(x, (Order){8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6, 7});
    x += __builtin_shuffle(x, (Order){4, 5, 6, 7, 0, 1, 2, 3, 12, 13, 14, 15, 8, 9, 10, 11});
    x += __builtin_shuffle(x, (Order){2, 3, 0, 1, 6, 7, 4, 5, 10, 11, 8, 9, 14, 15, 12, 13});
#else
    x += __builtin_shuffle(x, (Order){4, 5, 6, 7, 0, 1, 2, 3});
    x += __builtin_shuffle(x, (Order){2, 3, 0, 1, 6, 7, 4, 5});
#endif
    return x[0] + x[1];
}

/* Cephes' polynomial for 2^x on [-1/2, 1/2], of a number or of a vector. */
#define POWER_OF_TWO(x)                                                                                                \
    ((((((1.535336188e-4f * (x) + 1.339887440e-3f) * (x) + 9.618437357e-3f) * (x) + 5.550332471e-2f) * (x)             \
       + 2.402264791e-1f) * (x) + 6.931472028e-1f) * (x) + 1.0f)

/* 2^n 2^rest; 0 below the normal numbers. NaN stays NaN. */
INLINED float exponential(float x)
{
    const float lowest = -88.0f, highest = 88.0f, round = 12582912.0f;
    const float log2_e = 1.44269504f, log2_e_rest = 1.92596299e-8f;
    const float above = lowest > x ? lowest : x, bounded = highest < above ? highest : above;
    const float n = (bounded * log2_e + round) - round;
    const float rest = bounded * log2_e_rest + (bounded * log2_e - n);
    const float p = POWER_OF_TWO(rest);
    const int32_t bits = ((int32_t)n + 127) << 23;
    float power;
    memcpy(&power, &bits, sizeof power);
    return p * power;
}

/* 2^x for x <= 0; 0 below the normal numbers. NaN stays NaN. */
INLINED Lanes power_of_two(Lanes x)
{
    const Lanes shifted = x + 12582912.0f, rest = x - (shifted - 12582912.0f);
    const Order power = (Order)POWER_OF_TWO(rest) + ((Order)shifted << 23);
    return (Lanes)(power & ~(x < -126.0f));
}

#endif
