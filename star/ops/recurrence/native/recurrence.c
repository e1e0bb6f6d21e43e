/* The compiled recurrences, forwards and backwards: the choice of their form and the division of work into parts. */

#include <omp.h>

#include "recurrence.h"

const int recurrence_segment = SEGMENT;

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

/* The widest form of the chunks that this processor runs, or none. */
static Chunks *chunks_here(void)
{
#ifdef STAR_WIDE
    if (!__builtin_cpu_supports("x86-64-v3")) return 0;
    if (__builtin_cpu_supports("x86-64-v4")) return wide_chunks;
#endif
    return narrow_chunks;
}

/* The numbers of memory that one thread needs for chunks of such heads; 0 where this processor does not run chunks. */
int64_t recurrence_scratch(int64_t keys, int64_t values)
{
    const Recurrence r = {.keys = keys, .values = values};
    return chunks_here() ? chunks_here()(&r, 0, (Part){0}, 0) : 0;
}

/* Each thread works on all segments of one head, or of all heads that share c and b. */
static void run_chunks(const Recurrence *r, int backwards, int threads)
{
    Chunks *run_on = chunks_here();
    const int64_t together = r->groups == 1 ? r->heads : 1, room = run_on(r, 0, (Part){0}, 0);
#pragma omp parallel for num_threads(threads) schedule(static) collapse(2)
    for (int64_t n = 0; n < r->batch; n++)
        for (int64_t head = 0; head < r->heads; head += together)
            run_on(r, r->scratch + omp_get_thread_num() * room, (Part){n, head, head + together, 0, r->length},
                   backwards);
}

void recurrence_forward(const Recurrence *r, int threads)
{
    if (r->chunked)
        run_chunks(r, 0, threads);
    else
        run(r, by_channels(r) ? channels_forward : states_forward, 0, threads);
}

void recurrence_backward(const Recurrence *r, int threads)
{
    if (r->chunked)
        run_chunks(r, 1, threads);
    else
        run(r, by_channels(r) ? channels_backward : states_backward, 1, threads);
}
