"""A cache grows with its tokens: room for more is reserved, and no other cache sees what is written there."""

import pytest
import torch

import star
from genome import CLASSES, Genome, Shape, Space, decode
from star.contract.forms import relative_rms
from tests.star.cache_rows import VOCAB, drawn

GROWING = [
    row
    for row in CLASSES
    if row.name in ("SA-1", "SA-1-Diff", "MQA", "MLA", "MLA-Published", "SWA", "GConv-2", "Hyena-Heads", "Multi-Hyena")
    or row.name in ("Routing Transformer", "Hyena-MR", "SA-1-Diff-Published")
]
LENGTH = 600
"""Tokens of a sequence; what a token adds is doubled several times until then."""


def wide(row, window=48) -> star.Backbone:
    """Build two LIVs whose rows are large enough for room behind them."""
    blueprint = decode(Genome.parse(f"{row.id}.1.1.1.1-{row.id}.1.1.1.1"), Space.of([row.name], depth=2))
    return star.build(blueprint, Shape(width=64, head_dim=16, vocab=VOCAB, window=window)).double().eval()


@pytest.fixture(params=GROWING, ids=lambda row: row.name)
def model(request):
    return wide(request.param)


def stepped(model, cache, tokens):
    return torch.cat([model(token, cache) for token in torch.split(tokens, 1, dim=1)], dim=1)


@pytest.mark.slow
@torch.no_grad()
def test_a_sequence_that_grows_by_tokens_and_by_pieces_equals_the_whole(model):
    tokens = drawn(2, LENGTH)
    whole, cache = model(tokens), model.new_cache(2)
    read = [stepped(model, cache, tokens[:, :150]), model(tokens[:, 150:350], cache)]
    read.append(stepped(model, cache, tokens[:, 350:]))
    assert relative_rms(torch.cat(read, 1), whole) < 1e-9
    assert cache.bytes == 2 * 8 * sum(model.cache_elements(LENGTH))


@torch.no_grad()
def test_copies_selected_and_joined_caches_grow_apart(model):
    read = drawn(2, 90)
    more = [drawn(2, 40, seed=seed) for seed in range(4)]
    cache = model.new_cache(2)
    model(read[:, :80], cache)
    stepped(model, cache, read[:, 80:])  # there is room behind these tokens now
    caches = [cache, cache.copy(), cache.select([0, 1]), star.Cache.joined([cache.select([0]), cache.select([1])])]
    outputs = [[model(tokens[:, t : t + 1], one) for tokens, one in zip(more, caches, strict=True)] for t in range(40)]
    for seed, tokens in enumerate(more):
        expected = model(torch.cat([read, tokens], 1))[:, 90:]
        assert relative_rms(torch.cat([step[seed] for step in outputs], 1), expected) < 1e-9


@torch.no_grad()
def test_sequences_of_different_lengths_go_on_growing(model):
    prompts, more = [drawn(1, 120)[0], drawn(1, 75, seed=1)[0]], drawn(2, 60, seed=2)
    _, cache = star.prefill(model, prompts)
    grown = stepped(model, cache, more)
    for b, prompt in enumerate(prompts):
        alone = model(torch.cat([prompt[None], more[b : b + 1]], 1))[:, len(prompt) :]
        assert relative_rms(grown[b : b + 1], alone) < 1e-9


@torch.no_grad()
def test_the_room_is_at_most_as_large_as_what_is_kept():
    model = wide(next(row for row in CLASSES if row.name == "SA-1"))
    cache, reserved = model.new_cache(), set()
    for t, token in enumerate(torch.split(drawn(1, LENGTH), 1, dim=1), start=1):
        model(token, cache)
        per_token = 8 * sum(model.cache_elements(1))
        assert cache.bytes == t * per_token
        assert cache.bytes <= cache.reserved_bytes <= 2 * cache.bytes
        reserved.add(cache.reserved_bytes)
    late = [size for size in reserved if size > 200 * per_token]
    assert 1 <= len(late) <= 4  # memory is reserved anew when it has doubled, not with every token
    assert model.load_cache(model.save_cache(cache)).reserved_bytes == cache.bytes


@torch.no_grad()
def test_a_window_that_slides_keeps_its_room():
    model = wide(next(row for row in CLASSES if row.name == "SWA"), window=128)
    cache = model.new_cache()
    stepped(model, cache, drawn(1, LENGTH))
    assert cache.bytes == 8 * sum(model.cache_elements(LENGTH)) == 8 * sum(model.cache_elements(128))
    assert cache.reserved_bytes <= 3 * cache.bytes


def test_a_cache_goes_on_in_every_mode_of_gradients():
    model = wide(next(row for row in CLASSES if row.name == "SA-1"))
    tokens = drawn(1, 160)
    cache, parts = model.new_cache(), []
    modes = (torch.inference_mode, torch.no_grad, torch.enable_grad, torch.no_grad, torch.inference_mode)
    for mode, piece in zip(modes * 2, torch.split(tokens, 16, dim=1), strict=True):
        with mode():
            parts += [model(token, cache) for token in torch.split(piece, 1, dim=1)]
    whole = model(tokens)
    assert relative_rms(torch.cat([part.detach().clone() for part in parts], 1), whole.detach()) < 1e-9


def test_gradients_reach_back_through_a_cache_that_grew_without_them():
    model = wide(next(row for row in CLASSES if row.name == "SA-1"))
    tokens = drawn(1, 160)
    gradients = []
    for start in (100, 130):
        cache = model.new_cache()
        with torch.no_grad():
            stepped(model, cache, tokens[:, :100])
        read = model(tokens[:, 100:start], cache) if start > 100 else None
        logits = model(tokens[:, start:140], cache)
        with torch.no_grad():
            kept = cache.copy()
            stepped(model, cache, tokens[:, 140:])  # what is written later is not read by the gradient
            stepped(model, kept, tokens[:, 140:])
        out = logits if read is None else torch.cat([read, logits], 1)
        gradients.append(torch.autograd.grad(out.square().sum(), list(model.parameters())))
    for one, other in zip(*gradients, strict=True):
        assert relative_rms(one, other) < 1e-9
