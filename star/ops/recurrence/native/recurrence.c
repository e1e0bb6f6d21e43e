/* The compiled recurrences, forwards and backwards: the choice of their form and the division of work into parts. */

#include "recurrence.h"

const int segment = SEGMENT;

/* Whether registers are filled with heads instead of keys: for one value channel, if a copy suffices to load them. */
static int by_channels(const Recurrence *r)
{
    return r->values == 1 && (r->groups == 1 ? r->rate_length == 1 || r->rates == 1 : r->keys == 1);
}

/* The loop over heads is inside the loop over segments, as the numbers of a token's heads lie side by side. Heads that
   share c and b add to one gradient, so one thread works on all of them. */
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
