"""MQAR by two published protocols: lengths, pairs, fillers, training sets that are drawn from seeds."""

from collections import Counter

import numpy as np
import pytest
import torch

from evaluator.budget import Budget
from evaluator.tasks.loaded import IGNORED
from evaluator.tasks.mqar import BASED_VALIDATION, MQARTask
from evaluator.value import FieldError


def asked(targets_BL):
    return (targets_BL != IGNORED).sum(1)


def test_zoology_has_one_length_and_zeros_between_queries():
    loaded = MQARTask(symbols=256, pairs=8).load(Budget(length=64, batch=5, validation=6))
    drawn = loaded.draw(np.random.default_rng(0))
    for tokens_BL, targets_BL in (drawn, loaded.validation):
        assert tokens_BL.shape[1] == 64
        assert (asked(targets_BL) == 8).all()
        between = (targets_BL == IGNORED) & (torch.arange(64) >= 16)
        assert (tokens_BL[between] == 0).all()


def test_a_training_set_has_as_many_sequences_as_the_task_says():
    loaded = MQARTask(symbols=64, pairs=2, examples=3).load(Budget(length=16, batch=40, validation=4))
    rng = np.random.default_rng(0)
    seen = {tuple(row) for _ in range(3) for row in loaded.draw(rng).tokens.tolist()}
    assert len(seen) == 3
    assert not seen & {tuple(row) for row in loaded.validation.tokens.tolist()}


def test_based_trains_up_to_a_length_of_256_and_validates_up_to_1024():
    loaded = MQARTask(protocol="based").load(Budget(length=1024, batch=2, validation=14))
    rng = np.random.default_rng(0)
    shapes: Counter[tuple[int, int]] = Counter()
    for _ in range(300):
        drawn = loaded.draw(rng)
        (pairs,) = set(asked(drawn.targets).tolist())
        shapes[drawn.tokens.shape[1], pairs] += 1
    assert set(shapes) == {(64, 4), (128, 8), (256, 16), (256, 32), (256, 64)}
    assert shapes[64, 4] / 300 == pytest.approx(100 / 180, abs=0.1)
    assert loaded.validation.tokens.shape == (14, 1024)
    assert asked(loaded.validation.targets).tolist() == 2 * [part.pairs for part in BASED_VALIDATION]


def test_based_has_random_tokens_between_queries_and_nothing_behind_its_end():
    loaded = MQARTask(protocol="based", symbols=600).load(Budget(length=128, batch=2, validation=4))
    tokens, targets = (part[0] for part in loaded.validation)
    between = (targets == IGNORED) & (torch.arange(128) >= 8) & (torch.arange(128) < 64)
    assert len(set(tokens[between].tolist())) > 30
    assert tokens[64:].tolist() == [0] * 64
    assert targets[64:].tolist() == [IGNORED] * 64


def test_a_random_filler_is_sometimes_a_key_of_the_sequence():
    """In about 2 % of sequences of 64 tokens with 4 pairs and 8,192 symbols, as measured on the published generator."""
    loaded = MQARTask(protocol="based").load(Budget(length=64, batch=2, validation=3000))
    rows = [row for row, count in zip(range(3000), asked(loaded.validation.targets), strict=True) if count == 4]
    found = 0
    for row in rows:
        tokens, targets = loaded.validation.tokens[row].tolist(), loaded.validation.targets[row].tolist()
        keys = set(tokens[:8:2])
        found += any(token in keys and target == IGNORED for token, target in zip(tokens[8:], targets[8:], strict=True))
    assert found / len(rows) == pytest.approx(0.023, abs=0.015)


@pytest.mark.parametrize(
    ("task", "length", "says"),
    [
        (MQARTask(pairs=64), 128, "length must be 256 or more for recall of 64 pairs, not 128"),
        (MQARTask(symbols=16, pairs=8), 128, "pairs must be 1 to 7, not 8"),
        (MQARTask(protocol="based"), 32, "length must be 64 or more for MQAR as in based, not 32"),
        (MQARTask(protocol="based", symbols=64), 1024, "symbols must be 514 or more for 256 pairs"),
    ],
)
def test_sizes_that_do_not_fit_are_refused(task, length, says):
    with pytest.raises(FieldError, match=says):
        task.load(Budget(length=length))
