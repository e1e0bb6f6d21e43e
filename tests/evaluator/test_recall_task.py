"""The recall task: every label is the value paired with its key, and no other position has a label."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from evaluator.budget import Budget
from evaluator.tasks.loaded import IGNORED
from evaluator.tasks.recall import Recall, RecallTask, examples
from evaluator.value import FieldError


@st.composite
def settings(draw):
    symbols = 2 * draw(st.integers(4, 60))
    pairs = draw(st.integers(1, symbols // 2 - 1))
    length = draw(st.integers(4 * pairs, 4 * pairs + 70))
    return symbols, pairs, length


@given(settings(), st.integers(0, 2**63 - 1))
def test_every_label_is_the_value_paired_with_the_key_that_asks(setting, seed):
    symbols, pairs, length = setting
    tokens_BL, targets_BL = examples(np.random.default_rng(seed), 3, length, symbols, pairs)
    assert tokens_BL.shape == targets_BL.shape == (3, length)
    for tokens, targets in zip(tokens_BL.tolist(), targets_BL.tolist(), strict=True):
        keys, values = tokens[0 : 2 * pairs : 2], tokens[1 : 2 * pairs : 2]
        assert set(keys) <= set(range(1, symbols // 2))
        assert set(values) <= set(range(symbols // 2, symbols))
        assert len(set(keys)) == len(set(values)) == pairs
        asked = [position for position, target in enumerate(targets) if target != IGNORED]
        assert {tokens[position]: targets[position] for position in asked} == dict(zip(keys, values, strict=True))
        assert len(asked) == pairs
        assert min(asked) >= 2 * pairs
        assert all(position % 2 == 0 for position in asked)
        assert all(tokens[p] == 0 for p in range(2 * pairs, length) if p not in asked)


def test_distances_follow_the_power_law_of_the_reference():
    """Quartiles of the place of a query at length 512 with 64 pairs, measured on Zoology's generator: 17, 45, 97."""
    _, targets_BL = examples(np.random.default_rng(0), 400, 512, 8192, 64)
    places = (torch.nonzero(targets_BL != IGNORED)[:, 1] - 128) // 2
    assert np.quantile(places.numpy(), [0, 0.25, 0.5, 0.75, 1]) == pytest.approx([0, 17, 45, 97, 191], abs=2)


def recall(**budget) -> Recall:
    task = RecallTask(symbols=32, pairs=4).load(Budget(length=48, batch=8, validation=16, **budget))
    assert isinstance(task, Recall)
    return task


def test_training_batches_are_fresh_and_follow_the_generator_while_validation_is_fixed():
    first, second = recall(), recall(steps=7)
    assert torch.equal(first.validation.tokens, second.validation.tokens)
    assert first.validation.tokens.shape == (16, 48)
    rng = np.random.default_rng(3)
    drawn = first.draw(rng)
    assert drawn.tokens.shape == (8, 48)
    assert not torch.equal(drawn.tokens, first.draw(rng).tokens)
    assert torch.equal(drawn.tokens, second.draw(np.random.default_rng(3)).tokens)


def test_the_error_of_a_sequence_is_its_share_of_wrong_answers():
    task = recall()
    right_BL = task.validation.targets.clamp(min=0)
    answer_BL = right_BL.clone()
    first_query = (task.validation.targets[0] != IGNORED).nonzero()[0]
    answer_BL[0, first_query] = 0
    logits_BLV = torch.nn.functional.one_hot(answer_BL, 32).float()
    assert task.score(logits_BLV, task.validation.targets).tolist() == [0.25] + [0.0] * 15
    silent_BLV = torch.nn.functional.one_hot(torch.zeros_like(right_BL), 32).float()
    assert task.score(silent_BLV, task.validation.targets).tolist() == [1.0] * 16


@pytest.mark.parametrize(
    ("symbols", "pairs", "length", "field", "message"),
    [
        (16, 8, 128, ("task", "pairs"), "pairs must be 1 to 7, not 8"),
        (64, 9, 32, ("budget", "length"), "length must be 36 or more for recall of 9 pairs, not 32"),
    ],
)
def test_more_pairs_than_fit_are_refused_with_field_and_bound(symbols, pairs, length, field, message):
    task, budget = RecallTask(symbols=symbols, pairs=pairs), Budget(length=length)
    for refuse in (task.require_fit, task.load):
        with pytest.raises(FieldError, match=message) as refused:
            refuse(budget)
        assert refused.value.field == field
    RecallTask(symbols=symbols, pairs=pairs - 1).require_fit(budget)
