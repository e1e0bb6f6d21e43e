/* Compiled attention, forwards and backwards: the choice of vectors and the division of work among threads. */

#include <omp.h>

#include "attention.h"

static int wide(void)
{
#ifdef STAR_WIDE
    return __builtin_cpu_supports("x86-64-v4");
#else
    return 0;
#endif
}

/* The number of floats that a thread needs in `work`. */
int64_t attention_workspace(const Attention *a, int backwards)
{
#ifdef STAR_WIDE
    if (wide()) return backwards ? wide_backward_size(a) : wide_forward_size(a);
#endif
    return backwards ? narrow_backward_size(a) : narrow_forward_size(a);
}

static void run(const Attention *a, Run *part, int64_t size, int64_t parts, int threads)
{
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int64_t task = 0; task < a->batch * a->groups * parts; task++) {
        const int64_t pair = task / parts;
        part(a, (Part){pair / a->groups, pair % a->groups, task % parts, parts}, a->work + omp_get_thread_num() * size);
    }
}

void attention_forward(const Attention *a, int threads)
{
    const int64_t pairs = a->batch * a->groups, parts = pairs < threads ? (threads + pairs - 1) / pairs : 1;
#ifdef STAR_WIDE
    if (wide()) {
        run(a, wide_forward, attention_workspace(a, 0), parts, threads);
        return;
    }
#endif
    run(a, narrow_forward, attention_workspace(a, 0), parts, threads);
}

void attention_backward(const Attention *a, int threads)
{
#ifdef STAR_WIDE
    if (wide()) {
        run(a, wide_backward, attention_workspace(a, 1), 1, threads);
        return;
    }
#endif
    run(a, narrow_backward, attention_workspace(a, 1), 1, threads);
}
