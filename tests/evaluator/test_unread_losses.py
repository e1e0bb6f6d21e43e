"""On a GPU, a loss is read a step later, so that the device does not wait for the host."""

import pytest
import torch

from evaluator import train
from evaluator.budget import Budget
from evaluator.failure import DivergenceError
from tests.evaluator.test_training import Bigram, Breaks, trained


def test_losses_that_are_read_a_step_later_make_the_same_training(monkeypatch):
    budget = Budget(steps=10, warmup=0)
    at_once = Bigram()
    curve = trained(at_once, budget)
    monkeypatch.setattr(train, "UNREAD_STEPS", {"cpu": 1})
    later = Bigram()

    assert trained(later, budget) == curve
    assert torch.equal(later.table, at_once.table)
    broken = Breaks()
    with pytest.raises(DivergenceError, match="at step 3 the loss is"):
        trained(broken, budget)
    assert broken.calls == 4
