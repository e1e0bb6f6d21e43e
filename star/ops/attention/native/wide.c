/* Attention in vectors of 16 numbers, for chips that have 32 registers of that size. */

#if defined(__x86_64__) && defined(__gnu_linux__) && !defined(__clang__)
#pragma GCC target("arch=x86-64-v4")

#define LANES 16
#define ROWS 8
#include "tiles.h"

#include "backward.h"
#include "forward.h"

int64_t wide_forward_size(const Attention *a) { return forward_size(a); }
int64_t wide_backward_size(const Attention *a) { return backward_size(a); }
void wide_forward(const Attention *a, Part p, float *work) { forward_part(a, p, work); }
void wide_backward(const Attention *a, Part p, float *work) { backward_part(a, p, work); }
#endif
