"""Sequences of different lengths that are decoded together go on as each of them does alone, for every class."""

import pytest
import torch

import star
from genome import CLASSES
from star.contract.forms import relative_rms
from tests.star.cache_rows import VOCAB, drawn, model_of

LENGTHS = (5, 37, 18, 5)
"""Tokens of the prompts: some within a window and a jagged block of 16 tokens, some beyond; no block ends together."""

CLASS = {row.name: row for row in CLASSES}


@pytest.fixture(params=CLASSES, ids=lambda row: row.name)
def model(request):
    return model_of(request.param)


def _prompts():
    return [drawn(length, seed=number) for number, length in enumerate(LENGTHS)]


@torch.no_grad()
def test_prompts_are_read_and_continued_as_each_alone(model):
    prompts = _prompts()
    logits_BV, cache = star.prefill(model, prompts)
    more = drawn(len(prompts), 20, seed=9)
    parts = [logits_BV.unsqueeze(1), *(model(chunk_BL, cache) for chunk_BL in torch.split(more, [1, 1, 16, 1, 1], 1))]
    together = torch.cat(parts, dim=1)
    for number, prompt_L in enumerate(prompts):
        alone = model(torch.cat([prompt_L, more[number]]).unsqueeze(0))[:, len(prompt_L) - 1 :]
        assert relative_rms(together[number : number + 1], alone) < 1e-9


@torch.no_grad()
def test_tokens_are_those_of_each_alone(model):
    prompts = _prompts()
    for temperature in (0.0, 1.0):
        together = model.generate(prompts, 9, temperature)
        alone = [model.generate([prompt_L], 9, temperature, seed)[0] for seed, prompt_L in enumerate(prompts)]
        for found, expected in zip(together, alone, strict=True):
            assert torch.equal(found, expected)


@torch.no_grad()
def test_a_sequence_that_has_seen_nothing_may_be_among_others(model):
    read, more = drawn(1, 21), drawn(2, 3, seed=1)
    begun = model.new_cache()
    model(read, begun)
    together = model(more, star.Cache.joined([model.new_cache(), begun]))
    assert relative_rms(together[:1], model(more[:1])) < 1e-9
    assert relative_rms(together[1:], model(torch.cat([read, more[1:]], 1))[:, 21:]) < 1e-9


@torch.no_grad()
def test_what_nobody_needs_is_dropped_when_the_longest_sequence_ends(model):
    read = _prompts()
    alone = model.new_cache(2)
    model(torch.stack([read[0], read[3]]), alone)
    _, cache = star.prefill(model, read)
    left = cache.select([0, 3])
    assert (left.bytes, left.position, left.missing) == (alone.bytes, 5, None)
    more = drawn(2, 3, seed=1)
    assert relative_rms(model(more, left), model(more, alone)) < 1e-9


def test_a_batch_of_one_length_keeps_no_account_of_missing_tokens():
    model = model_of(CLASS["SA-1"])
    caches = [model.new_cache(1) for _ in range(2)]
    for cache in caches:
        model(drawn(1, 7), cache)
    assert star.Cache.joined(caches).missing is None
    assert star.prefill(model, list(drawn(3, 7)))[1].missing is None


def test_a_sequence_ends_with_the_token_to_stop_at():
    model = model_of(CLASS["SA-1"])
    prompts = _prompts()
    free = model.generate(prompts, 12, temperature=1.0)
    for stop in range(VOCAB):
        stopped = model.generate(prompts, 12, temperature=1.0, stop=stop)
        for prompt_L, whole_L, found_L in zip(prompts, free, stopped, strict=True):
            added = whole_L[len(prompt_L) :].tolist()
            kept = added.index(stop) + 1 if stop in added else len(added)
            assert torch.equal(found_L, whole_L[: len(prompt_L) + kept])


def test_rows_of_one_tensor_are_filled_with_the_token_to_stop_at():
    model = model_of(CLASS["SA-1"])
    prompts = drawn(4, 6)
    stop = int(model.generate(prompts, 1)[0, -1])
    rows = model.generate(prompts, 12, stop=stop)
    ended = model.generate(list(prompts), 12, stop=stop)
    assert rows.shape == (4, max(map(len, ended)))
    for row_L, ended_L in zip(rows, ended, strict=True):
        assert torch.equal(row_L[: len(ended_L)], ended_L)
        assert (row_L[len(ended_L) :] == stop).all()


def test_no_prompts_have_no_continuations():
    model = model_of(CLASS["SA-1"])
    assert model.generate([], 3) == []
    assert model.generate(torch.zeros(0, 4, dtype=torch.long), 3).shape == (0, 4)


@pytest.mark.parametrize(
    ("prompts", "options", "message"),
    [
        ([torch.zeros(3, dtype=torch.long), torch.zeros(0, dtype=torch.long)], {}, "^prompt 1 .* at least one token"),
        ([torch.zeros(2, 3, dtype=torch.long)], {}, r"\(1, 2, 3\)"),
        ([torch.tensor([1]), torch.tensor([1, 11])], {}, "^token id 11 of sequence 1, token 1"),
        ([torch.tensor([1])], {"stop": -1}, "the token to stop at must be 0 or more"),
    ],
)
def test_prompts_that_are_none_are_refused(prompts, options, message):
    with pytest.raises(ValueError, match=message):
        model_of(CLASS["SA-1"]).generate(prompts, 1, **options)


def test_no_prompts_are_read_by_no_model():
    with pytest.raises(ValueError, match="no prompts"):
        star.prefill(model_of(CLASS["SA-1"]), [])
