/* The forward pass: tiles of queries by tiles of keys, with running sums whose factors follow the highest score. */

enum { QUERIES = 64, KEYS = 128 };

static const float LOWEST = -3e38f;

/* What is known of a tile of queries: their sums of values, and for each ROWS of them a vector of the highest scores;
   the number of row r is in lanes 2 r and 2 r + 1. Sums of exponentials are kept in one vector for each row. */
typedef struct {
    float *q, *y, *highest, *totals, *scores;
} Tile;

INLINED void score(float *scores, Lanes most[ROWS], const float *q, int64_t keys, const float *panel, int64_t K, int64_t i,
                   int64_t j, int64_t window, int parts)
{
    Lanes sums[ROWS][2];
    panel_products(sums, q, keys, panel, K, parts);
    hide(sums, i, j, window, parts, -__builtin_inff());
    UNROLLED for (int r = 0; r < ROWS; r++) UNROLLED for (int part = 0; part < parts; part++) {
        most[r] = maxima(most[r], sums[r][part]);
        store(scores + r * KEYS + part * LANES, sums[r][part], LANES);
    }
}

/* Adds keys from `first` to `end` to the sums of ROWS queries, from row r of the tile and token i on. */
INLINED void add_keys(const Tile *t, int64_t r, int64_t wide, const float *panels, const float *values, int64_t i,
                      int64_t first, int64_t end, int64_t K, int64_t window)
{
    float highest[LANES], factors[LANES], factor[ROWS];
    Lanes most[ROWS];
    const int64_t start = first / PANEL * PANEL, keys = whole(K, LANES);
    const float *q = t->q + r * keys;
    UNROLLED for (int n = 0; n < ROWS; n++) most[n] = (Lanes){0} + LOWEST;
    int64_t j = start;
    for (; j + LANES < end; j += PANEL) score(t->scores + j - start, most, q, keys, panels + j * K, K, i, j, window, 2);
    if (j < end) score(t->scores + j - start, most, q, keys, panels + j * K, K, i, j, window, 1);
    const Lanes before = load(t->highest + 2 * r, LANES), now = maxima(before, of_rows(most, 0));
    store(t->highest + 2 * r, now, LANES);
    store(highest, now, LANES);
    store(factors, power_of_two(before - now), LANES);
    UNROLLED for (int n = 0; n < ROWS; n++) {
        factor[n] = factors[2 * n];
        Lanes total = factor[n] * load(t->totals + (r + n) * LANES, LANES);
        float *row = t->scores + n * KEYS;
        for (int64_t at = 0; at < end - start; at += LANES) {
            const Lanes weight = power_of_two(load(row + at, LANES) - highest[2 * n]);
            store(row + at, weight, LANES);
            total += weight;
        }
        store(t->totals + (r + n) * LANES, total, LANES);
    }
    add_weighted(t->y + r * wide, wide, factor, t->scores, KEYS, 1, values + start * wide, end - start);
}

INLINED int64_t forward_size(const Attention *a)
{
    const int64_t tokens = whole(a->length, PANEL), wide = whole(a->values, LANES);
    return tokens * (a->keys + wide) + QUERIES * (whole(a->keys, LANES) + wide + 2 + LANES) + ROWS * KEYS;
}

/* Writes the outputs of a tile, and what the backward pass needs of its rows. */
INLINED void finish(const Tile *t, const Attention *a, int64_t n, int64_t h, int64_t first, int64_t count, int64_t wide)
{
    for (int64_t r = 0; r < count; r += ROWS) {
        float inverses[LANES];
        Lanes totals[ROWS];
        UNROLLED for (int one = 0; one < ROWS; one++) totals[one] = load(t->totals + (r + one) * LANES, LANES);
        store(inverses, 1.0f / of_rows(totals, 1), LANES);
        for (int64_t one = 0; one < smaller(ROWS, count - r); one++) {
            const int64_t i = first + r + one, line = (n * a->heads + h) * a->length + i;
            a->highest[line] = t->highest[2 * (r + one)];
            a->inverse[line] = inverses[2 * one];
            write_row(a->y + ((n * a->length + i) * a->heads + h) * a->values, t->y + (r + one) * wide, a->values,
                      inverses[2 * one]);
        }
    }
}

INLINED void forward_part(const Attention *a, Part p, float *work)
{
    const int64_t L = a->length, K = a->keys, V = a->values, wide = whole(V, LANES);
    const int64_t keys = whole(K, LANES), tokens = whole(L, PANEL);
    const float scale = (float)(a->scale * LOG2_E);
    float *panels = work, *values = panels + tokens * K;
    Tile t = {.q = values + tokens * wide};
    t.y = t.q + QUERIES * keys;
    t.highest = t.y + QUERIES * wide;
    t.totals = t.highest + 2 * QUERIES;
    t.scores = t.totals + QUERIES * LANES;
    copy_panels(panels, a->k + p.n * a->k_at.batch + p.group * a->k_at.head, a->k_at.token, L, K);
    const float *v = a->v + p.n * a->v_at.batch + p.group * a->v_at.head;
    for (int64_t j = 0; j < L; j++) copy_row(values + j * wide, v + j * a->v_at.token, V, 1.0f);
    zero(values + L * wide, (tokens - L) * wide);
    const int64_t per = a->heads / a->groups, tiles = (L + QUERIES - 1) / QUERIES;
    for (int64_t tile = p.part; tile < per * tiles; tile += p.parts) {
        const int64_t h = p.group * per + tile / tiles, first = tile % tiles * QUERIES;
        const int64_t count = smaller(QUERIES, L - first), rows = whole(count, ROWS);
        const float *read = a->q + p.n * a->q_at.batch + first * a->q_at.token + h * a->q_at.head;
        for (int64_t r = 0; r < count; r++) copy_row(t.q + r * keys, read + r * a->q_at.token, K, scale);
        zero(t.q + count * keys, (rows - count) * keys);
        zero(t.y, rows * wide);
        zero(t.totals, rows * LANES);
        for (int64_t r = 0; r < 2 * rows; r++) t.highest[r] = LOWEST;
        const int64_t seen = larger(0, first + 1 - a->window);
        for (int64_t j = seen / PANEL * PANEL; j < first + count; j += KEYS)
            for (int64_t r = 0; r < rows; r += ROWS) {
                const int64_t i = first + r, from = larger(j, i + 1 - a->window), end = smaller(j + KEYS, i + ROWS);
                if (from < end) add_keys(&t, r, wide, panels, values, i, from, end, K, a->window);
            }
        finish(&t, a, p.n, h, first, count, wide);
    }
}
