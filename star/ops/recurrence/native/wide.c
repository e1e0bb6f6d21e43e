/* Chunks in vectors of 16 numbers, for chips that have 32 registers of that size. */

#if defined(__x86_64__) && defined(__gnu_linux__) && !defined(__clang__)
#pragma GCC target("arch=x86-64-v4")

#define LANES 16
#define ROWS 8
#include "heads.h"

int64_t wide_chunks(const Recurrence *r, float *memory, Part p, int backwards)
{
    return every_head(r, memory, p, backwards);
}
#endif
