/* Heads in chunks, one after the other, in the vectors of who includes this. */

#include "backward.h"
#include "forward.h"

static int64_t every_head(const Recurrence *r, float *memory, Part p, int backwards)
{
    Scratch s;
    const int64_t room = arrange(&s, memory, r->keys, r->values);
    for (; memory && p.head < p.behind; p.head++)
        if (backwards)
            backward_head(r, &s, p);
        else
            forward_head(r, &s, p);
    return room;
}
