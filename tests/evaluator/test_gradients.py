"""A batch in several parts has the loss and the gradients of the whole, and parts come where memory is short."""

import math

import numpy as np
import pytest
import torch
from torch import nn
from torch.overrides import TorchFunctionMode

from evaluator.budget import Budget
from evaluator.gradients import add_gradients, copied
from evaluator.tasks.loaded import IGNORED, Examples
from evaluator.train import Training
from tests.evaluator.test_training import Bigram, Successor


def _batch(asked):
    """Five sequences with so many labels each."""
    tokens_BL = torch.arange(30).view(5, 6) % 7
    targets_BL = torch.full_like(tokens_BL, IGNORED)
    for sequence, count in enumerate(asked):
        targets_BL[sequence, :count] = (tokens_BL[sequence, :count] + 1) % 7
    return Examples(tokens_BL, targets_BL)


def _computed(batch, parts):
    model = Bigram()
    loss, vocab = add_gradients(model, batch, parts)
    assert not loss.requires_grad
    return loss, vocab, model.table.grad


@pytest.mark.parametrize("asked", [(6, 6, 6, 6, 6), (1, 0, 0, 4, 6), (0, 0, 0, 0, 1)])
@pytest.mark.parametrize("parts", [2, 3, 4, 5])
def test_parts_have_the_loss_and_the_gradients_of_the_whole(asked, parts):
    torch.testing.assert_close(_computed(_batch(asked), parts), _computed(_batch(asked), 1))


class Copies(TorchFunctionMode):
    """Stands for the memory of a GPU: it tells from which memory, and how, tensors are copied there."""

    def __init__(self):
        super().__init__()
        self.pinned, self.seen = [], []

    def __torch_function__(self, function, types, args=(), kwargs=None):
        if function is torch.Tensor.pin_memory:
            self.pinned.append(args[0].clone())
            return self.pinned[-1]
        if function is torch.Tensor.to:
            self.seen.append((any(args[0] is one for one in self.pinned), args[1].type, kwargs or {}))
            return args[0]
        return function(*args, **(kwargs or {}))


def test_a_gpu_copies_a_batch_while_the_host_goes_on():
    x = torch.arange(6)
    with Copies() as copies:
        assert torch.equal(copied(x, torch.device("cuda")), x)
        assert copied(x, torch.device("cpu")) is x
    assert copies.seen == [(True, "cuda", {"non_blocking": True}), (False, "cpu", {})]


class Full(Bigram):
    """Has memory for so many sequences."""

    def __init__(self, most):
        super().__init__()
        self.most, self.asked = most, []

    def forward(self, tokens_BL):
        self.asked.append(len(tokens_BL))
        if len(tokens_BL) > self.most:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return super().forward(tokens_BL)


def _training(model: nn.Module, steps: int) -> Training:
    return Training(model, Successor(), Budget(steps=steps, warmup=0), np.random.default_rng(0))


def test_a_full_memory_makes_parts_once_and_the_training_stays_the_same():
    model, roomy = Full(1), Bigram()
    training, whole = _training(model, 4), _training(roomy, 4)

    training.run(2, 4, math.inf)
    whole.run(2, 4, math.inf)

    size = Successor().batch
    assert model.asked[:3] == [size, math.ceil(size / 2), 1]
    assert model.asked[3:] == [1] * (2 * size - 1)
    torch.testing.assert_close(model.table, roomy.table)
    torch.testing.assert_close(training.curve, whole.curve)
    resumed = _training(Full(1), 4)
    resumed.restore(training.state(), 4)
    resumed.run(3, 4, math.inf)
    assert resumed.model.asked == [1] * size


def test_a_sequence_that_does_not_fit_is_an_error():
    with pytest.raises(torch.OutOfMemoryError):
        _training(Full(0), 3).run(3, 3, math.inf)
