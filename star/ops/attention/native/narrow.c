/* Attention in vectors of 8 numbers, for chips that have 16 registers. */

#define LANES 8
#define ROWS 4
#include "tiles.h"

#include "backward.h"
#include "forward.h"

int64_t narrow_forward_size(const Attention *a) { return forward_size(a); }
int64_t narrow_backward_size(const Attention *a) { return backward_size(a); }
FOR_EVERY_CHIP void narrow_forward(const Attention *a, Part p, float *work) { forward_part(a, p, work); }
FOR_EVERY_CHIP void narrow_backward(const Attention *a, Part p, float *work) { backward_part(a, p, work); }
