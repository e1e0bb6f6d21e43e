"""The six tasks of MAD: what is asked follows from what stands before it, under both protocols."""

from typing import Literal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluator.tasks.loaded import IGNORED
from evaluator.tasks.mad.compression import CompressionTask
from evaluator.tasks.mad.copying import SelectiveCopyingTask
from evaluator.tasks.mad.fuzzy import FuzzyRecallTask
from evaluator.tasks.mad.memorization import MemorizationTask
from evaluator.tasks.mad.recall import ContextRecallTask, NoisyRecallTask

SEEDS = st.integers(0, 2**32 - 1)
PROTOCOLS: tuple[Literal["published", "corrected"], ...] = ("published", "corrected")


def rows(task, seed, length, training=False, count=4):
    tokens_BL, targets_BL = task.generate(np.random.default_rng(seed), count, length, training)
    assert tokens_BL.shape == targets_BL.shape == (count, length)
    assert tokens_BL.min() >= 0
    assert tokens_BL.max() < task.symbols
    return zip(tokens_BL.tolist(), targets_BL.tolist(), strict=True)


@given(SEEDS, st.integers(4, 20).map(lambda n: 2 * n), st.integers(3, 60), st.booleans())
def test_recall_asks_for_the_value_of_every_key_that_was_there_before(seed, symbols, length, training):
    task = ContextRecallTask(symbols=symbols)
    for tokens, targets in rows(task, seed, length, training):
        value_of: dict[int, int] = {}
        for place, (token, target) in enumerate(zip(tokens, targets, strict=True)):
            if place % 2:
                assert target == IGNORED
                assert token == value_of.setdefault(tokens[place - 1], token) >= symbols // 2
            elif place == length - 1 and length % 2 == 0:
                assert target == IGNORED
            else:
                assert token < symbols // 2
                assert target == value_of.get(token, IGNORED)
        last = max(place for place, target in enumerate(targets) if target != IGNORED)
        assert last >= length - 2


@given(SEEDS, st.floats(0, 0.95))
def test_noise_is_made_of_its_own_symbols_and_is_never_asked(seed, noise):
    task = NoisyRecallTask(noise=noise)
    for tokens, targets in rows(task, seed, 127):
        value_of: dict[int, int] = {}
        for place in range(0, 127, 2):
            key, value = tokens[place], tokens[place + 1] if place < 126 else targets[place]
            if key >= 16:
                assert value >= 16
                assert targets[place] == IGNORED
            else:
                assert targets[place] == value_of.get(key, IGNORED)
                assert 8 <= value_of.setdefault(key, value) == value < 16
        assert targets[126] != IGNORED


def test_the_share_of_noise_is_that_of_the_task():
    tokens_BL, _ = NoisyRecallTask(noise=0.4).generate(np.random.default_rng(0), 500, 127, True)
    assert (tokens_BL[:, :126:2] >= 16).mean() == pytest.approx(0.4, abs=0.01)


@given(SEEDS, st.integers(24, 90), st.booleans(), st.sampled_from(PROTOCOLS))
def test_fuzzy_recall_asks_for_the_values_of_keys_that_were_there_before(seed, length, training, protocol):
    task = FuzzyRecallTask(protocol=protocol)
    for tokens, targets in rows(task, seed, length, training):
        last = targets[-1]
        assert last != IGNORED
        pairs = _parsed([token for token in (*tokens, last) if token != 15])
        assert {len(key) for key, _ in pairs} <= ({1, 2, 3} if training else {3})
        value_of: dict[tuple[int, ...], tuple[int, ...]] = {}
        asked: list[int] = []
        for key, value in pairs:
            again = key in value_of
            assert value_of.setdefault(key, value) == value
            asked += [IGNORED] * len(key) + (list(value) if again else [IGNORED] * len(value))
        if protocol == "published" and training:
            assert targets[:-1] == tokens[1:]
        else:
            # the probe is asked even in the few published sequences in which it was not there before
            asked[-len(pairs[-1][1]) :] = pairs[-1][1]
            assert targets == [IGNORED] * (length - len(asked) + 1) + asked[1:]
        if protocol == "corrected":
            assert pairs[-1][0] in [key for key, _ in pairs[:-1]]


def _parsed(tokens):
    """Split into pairs of key and value, by the symbols that each is made of: 0 to 6, and 7 to 14."""
    pairs: list[tuple[list[int], list[int]]] = []
    for place, token in enumerate(tokens):
        if token < 7 and (place == 0 or tokens[place - 1] >= 7):
            pairs.append(([], []))
        pairs[-1][token >= 7].append(token)
    return [(tuple(key), tuple(value)) for key, value in pairs]


@given(SEEDS, st.integers(1, 9), st.integers(2, 60), st.sampled_from(PROTOCOLS))
def test_copying_asks_for_the_tokens_among_blanks_in_their_order(seed, copies, more, protocol):
    task = SelectiveCopyingTask(copies=copies, protocol=protocol)
    for tokens, targets in rows(task, seed, 2 * copies + more):
        end = len(tokens) - copies
        assert tokens[end - 1 :] == [15] + [14] * copies
        assert [token for token in tokens[: end - 1] if token != 14] == targets[end:]
        assert targets[:end] == [IGNORED] * end


@given(SEEDS, st.integers(2, 40), st.sampled_from(PROTOCOLS))
def test_compression_asks_for_every_token_and_corrected_not_for_the_last(seed, length, protocol):
    for tokens, targets in rows(CompressionTask(protocol=protocol), seed, length):
        assert tokens[-1] == 15 not in tokens[:-1]
        assert targets == [*tokens[:-1], 15 if protocol == "published" else IGNORED]


@given(SEEDS, st.integers(2, 40), st.integers(4, 100).map(lambda n: 2 * n))
def test_memorization_asks_for_the_same_value_of_a_key_in_all_sequences(seed, length, symbols):
    task = MemorizationTask(symbols=symbols, examples=1000)
    value_of: dict[int, int] = {}
    for training in (True, False):
        for tokens, targets in rows(task, seed, length, training, count=symbols):
            assert [target for target in targets[::2] if target != IGNORED] == []
            for key, inserted, value in zip(tokens[0::2], tokens[1::2], targets[1::2], strict=False):
                assert inserted == symbols - 1
                assert key < task.keys <= value_of.setdefault(key, value) == value < symbols - 1
    assert len(set(value_of.values())) == len(value_of)
