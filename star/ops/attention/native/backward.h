/* The backward pass: weights are computed again, tile by tile; each thread adds all gradients of its heads.

   With w_ij the weights and D_i = dy_i . y_i: dv_j = sum_i w_ij dy_i, ds_ij = w_ij (dy_i . v_j - D_i),
   dq_i = scale sum_j ds_ij k_j, dk_j = scale sum_i ds_ij q_i. The inverse of a row's sum is a factor of its dy and D. */

enum { TILE = 64 };

/* What all heads that share a key head read and add to, and what one head has. */
typedef struct {
    float *k_panels, *v_panels, *k, *dk, *dv;
    float *q, *dy, *dq, *highest, *through;
    float *weights, *changes;
} Backward;

INLINED int64_t backward_size(const Attention *a)
{
    const int64_t tokens = whole(a->length, TILE), keys = whole(a->keys, LANES), values = whole(a->values, LANES);
    return tokens * (a->keys + a->values + 4 * keys + 2 * values + 2) + 2 * TILE * TILE;
}

INLINED void divide(Backward *b, const Attention *a, float *work)
{
    const int64_t tokens = whole(a->length, TILE), keys = whole(a->keys, LANES), values = whole(a->values, LANES);
    const int64_t sizes[] = {tokens * keys,    tokens * keys,    tokens * keys,     tokens * keys,
                             tokens * values,  tokens * values,  tokens * a->keys,  tokens * a->values,
                             TILE * TILE,      TILE * TILE,      tokens,            tokens};
    float **parts[] = {&b->k,        &b->dk,      &b->q,       &b->dq, &b->dv, &b->dy, &b->k_panels, &b->v_panels,
                       &b->weights,  &b->changes, &b->highest, &b->through};
    for (int n = 0; n < 12; n++) {
        *parts[n] = work;
        work += sizes[n];
    }
}

/* Weights and gradients of the scores of ROWS queries from token i on, to keys from token j on. */
INLINED void weigh(const Backward *b, const Attention *a, int64_t i, int64_t j, int64_t at, int64_t keys, int64_t values,
                   int parts)
{
    Lanes sums[ROWS][2];
    panel_products(sums, b->q + i * keys, keys, b->k_panels + j * a->keys, a->keys, parts);
    hide(sums, i, j, a->window, parts, -__builtin_inff());
    UNROLLED for (int r = 0; r < ROWS; r++) UNROLLED for (int part = 0; part < parts; part++)
        store(b->weights + at + r * TILE + part * LANES, power_of_two(sums[r][part] - b->highest[i + r]), LANES);
    panel_products(sums, b->dy + i * values, values, b->v_panels + j * a->values, a->values, parts);
    UNROLLED for (int r = 0; r < ROWS; r++) UNROLLED for (int part = 0; part < parts; part++) {
        const Lanes weight = load(b->weights + at + r * TILE + part * LANES, LANES);
        store(b->changes + at + r * TILE + part * LANES, weight * (sums[r][part] - b->through[i + r]), LANES);
    }
}

INLINED void backward_tile(const Backward *b, const Attention *a, int64_t i0, int64_t iend, int64_t j0, int64_t jend,
                           int64_t keys, int64_t values)
{
    const int64_t window = a->window;
    for (int64_t i = i0; i < iend; i += ROWS) {
        const int64_t first = larger(j0, (i + 1 - window > 0 ? i + 1 - window : 0) / PANEL * PANEL);
        const int64_t end = smaller(jend, i + ROWS);
        int64_t j = first;
        for (; j + LANES < end; j += PANEL) weigh(b, a, i, j, (i - i0) * TILE + j - j0, keys, values, 2);
        if (j < end) weigh(b, a, i, j, (i - i0) * TILE + j - j0, keys, values, 1);
        if (first < end)
            add_weighted(b->dq + i * keys, keys, 0, b->changes + (i - i0) * TILE + first - j0, TILE, 1,
                         b->k + first * keys, end - first);
    }
    for (int64_t j = j0; j < jend; j += ROWS) {
        const int64_t first = larger(i0, j), end = smaller(iend, whole(j + ROWS - 1 + window, ROWS)), at = (first - i0) * TILE + j - j0;
        if (first >= end) continue;
        add_weighted(b->dv + j * values, values, 0, b->weights + at, 1, TILE, b->dy + first * values, end - first);
        add_weighted(b->dk + j * keys, keys, 0, b->changes + at, 1, TILE, b->q + first * keys, end - first);
    }
}

INLINED float product(const float *one, const float *other, int64_t count)
{
    Lanes sums = {0};
    int64_t c = 0;
    for (; c + LANES <= count; c += LANES) {
        __builtin_prefetch(other + count + c);
        sums += load(one + c, LANES) * load(other + c, LANES);
    }
    if (c < count) sums += load(one + c, LANES) * load_some(other + c, count - c);
    return sum(sums);
}

INLINED void read_head(const Backward *b, const Attention *a, int64_t n, int64_t h, int64_t keys, int64_t values)
{
    const int64_t L = a->length, rows = whole(L, ROWS), V = a->values;
    const float *dy = a->dy + n * a->dy_at.batch + h * a->dy_at.head;
    const float *q = a->q + n * a->q_at.batch + h * a->q_at.head;
    const float scale = (float)(a->scale * LOG2_E);
    for (int64_t i = 0; i < L; i++) copy_row(b->q + i * keys, q + i * a->q_at.token, a->keys, scale);
    zero(b->q + L * keys, (rows - L) * keys);
    zero(b->dy + L * values, (rows - L) * values);
    zero(b->dq, rows * keys);
    for (int64_t i = 0; i < L; i++) {
        const float inverse = a->inverse[(n * a->heads + h) * L + i], *y = a->y + ((n * L + i) * a->heads + h) * V;
        copy_row(b->dy + i * values, dy + i * a->dy_at.token, V, inverse);
        b->through[i] = product(b->dy + i * values, y, V);
        b->highest[i] = a->highest[(n * a->heads + h) * L + i];
    }
    for (int64_t i = L; i < rows; i++) {
        b->highest[i] = __builtin_inff();
        b->through[i] = 0.0f;
    }
}

INLINED void write_rows(float *to, int64_t stride, const float *from, int64_t wide, int64_t tokens, int64_t channels,
                        float factor)
{
    for (int64_t t = 0; t < tokens; t++) write_row(to + t * stride, from + t * wide, channels, factor);
}

INLINED void backward_part(const Attention *a, Part p, float *work)
{
    const int64_t L = a->length, K = a->keys, V = a->values, keys = whole(K, LANES), values = whole(V, LANES);
    const int64_t tokens = whole(L, TILE), per = a->heads / a->groups;
    const float *k = a->k + p.n * a->k_at.batch + p.group * a->k_at.head;
    Backward b;
    divide(&b, a, work);
    copy_panels(b.k_panels, k, a->k_at.token, L, K);
    copy_panels(b.v_panels, a->v + p.n * a->v_at.batch + p.group * a->v_at.head, a->v_at.token, L, V);
    for (int64_t j = 0; j < L; j++) copy_row(b.k + j * keys, k + j * a->k_at.token, K, 1.0f);
    zero(b.k + L * keys, (tokens - L) * keys);
    zero(b.dk, tokens * keys);
    zero(b.dv, tokens * values);
    for (int64_t h = p.group * per; h < (p.group + 1) * per; h++) {
        read_head(&b, a, p.n, h, keys, values);
        for (int64_t j = 0; j < L; j += TILE)
            for (int64_t i = j; i < smaller(L, j + TILE - 1 + a->window); i += TILE)
                backward_tile(&b, a, i, smaller(whole(L, ROWS), i + TILE), j, smaller(whole(L, ROWS), j + TILE), keys, values);
        write_rows(a->dq + (p.n * L * a->heads + h) * K, a->heads * K, b.dq, keys, L, K, (float)a->scale);
    }
    write_rows(a->dk + (p.n * L * a->groups + p.group) * K, a->groups * K, b.dk, keys, L, K, (float)(1 / LOG2_E));
    write_rows(a->dv + (p.n * L * a->groups + p.group) * V, a->groups * V, b.dv, values, L, V, 1.0f);
}
