/* The forward pass of a head in chunks: the state before each segment is kept, and each chunk's next state is written
   to where it is read from. */

#include "chunks.h"

INLINED void forward_head(const Recurrence *r, Scratch *s, Part p)
{
    const int64_t K = r->keys, V = r->values;
    p.first = 0;
    memcpy(kept_of(r, p, p.head), r->initial + state_of(r, p.n, p.head), K * V * sizeof(float));
    for (int64_t first = 0; first < r->length; first += CHUNK) {
        p.first = first / SEGMENT * SEGMENT;
        const float *state = first % SEGMENT ? s->state : kept_of(r, p, p.head);
        p.first = first, p.end = smaller(first + CHUNK, r->length);
        float *next = s->state;
        if (p.end == r->length)
            next = r->last + state_of(r, p.n, p.head);
        else if (p.end % SEGMENT == 0)
            next = kept_of(r, (Part){p.n, p.head, p.behind, p.end, p.end}, p.head);
        prepare(s->chunk, r, p);
        fetch(r, p, p.end, smaller(p.end + CHUNK, r->length), 0);
        write_chunk(s, s->chunk, state, r, p, 1);
        next_state(next, state, s->chunk, K, V);
    }
}
