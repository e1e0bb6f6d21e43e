/* Chunks in vectors of 8 numbers, for chips that have 16 registers. */

#if defined(__x86_64__) && defined(__gnu_linux__) && !defined(__clang__)
#pragma GCC target("arch=x86-64-v3")
#endif

#define LANES 8
#define ROWS 4
#include "heads.h"

int64_t narrow_chunks(const Recurrence *r, float *memory, Part p, int backwards)
{
    return every_head(r, memory, p, backwards);
}
