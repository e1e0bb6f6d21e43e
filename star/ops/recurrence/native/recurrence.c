/* The compiled recurrences, forwards and backwards: which form they take and how the work is dealt out. */

#include "recurrence.h"

const int segment = SEGMENT;

/* Heads of one value channel fill registers with heads instead of keys, where no more than a copy brings them there. */
static int by_channels(const Recurrence *r)
{
    return r->values == 1 && (r->groups == 1 ? r->rate_length == 1 || r->rates == 1 : r->keys == 1);
}

/* Segment by segment, heads within: what heads read of a token lies side by side. Heads that share c and b add to one
   gradient, so they are one thread's. */
static void run(const Recurrence *r, Run *part, int backwards, int threads)
{
    const int64_t at_once = smaller(r->heads, LANES), together = r->groups == 1 ? r->heads : at_once;
    const int64_t blocks = (r->heads + together - 1) / together, segments = (r->length + SEGMENT - 1) / SEGMENT;
#pragma omp parallel for num_threads(threads) schedule(static) collapse(2)
    for (int64_t n = 0; n < r->batch; n++)
        for (int64_t block = 0; block < blocks; block++)
            for (int64_t s = 0; s < segments; s++) {
                const int64_t first = (backwards ? segments - 1 - s : s) * SEGMENT;
                const int64_t end = smaller(first + SEGMENT, r->length);
                const int64_t behind = smaller((block + 1) * together, r->heads);
                for (int64_t head = block * together; head < behind; head += at_once)
                    part(r, (Part){n, head, smaller(head + at_once, behind), first, end});
            }
}

void forward(const Recurrence *r, int threads)
{
    run(r, by_channels(r) ? channels_forward : states_forward, 0, threads);
}

void backward(const Recurrence *r, int threads)
{
    run(r, by_channels(r) ? channels_backward : states_backward, 1, threads);
}
