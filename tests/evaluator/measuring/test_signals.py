"""Signals of fresh models against formulas written out, and what they leave as it was."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

import star
from evaluator.evaluate import evaluate
from evaluator.measuring.signals import SEQUENCES, SIGNALS, signals
from evaluator.tasks.loaded import Examples
from genome import CLASSES, Genome, Shape, Space, decode
from tests.evaluator.test_evaluate import TEXT, changed

pytestmark = pytest.mark.usefixtures("one_thread")


class TwoLayers(nn.Module):
    """Logits from a hidden layer, with a weight that no output depends on."""

    def __init__(self) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(0)
        self.embedding_VD = nn.Parameter(torch.randn(4, 3, generator=generator))
        self.hidden_DD = nn.Parameter(torch.randn(3, 3, generator=generator))
        self.head_VD = nn.Parameter(torch.randn(4, 3, generator=generator))
        self.unused = nn.Parameter(torch.ones(5))

    def forward(self, tokens_BL: Tensor) -> Tensor:
        return torch.tanh(functional.embedding(tokens_BL, self.embedding_VD) @ self.hidden_DD) @ self.head_VD.T


@dataclass
class Drawn:
    """A task that always draws its validation set."""

    validation: Examples

    def draw(self, rng: np.random.Generator) -> Examples:
        return self.validation

    def score(self, logits_BLV: Tensor, targets_BL: Tensor) -> Tensor:
        raise NotImplementedError


def drawn(sequences: int) -> Drawn:
    return Drawn(Examples(*torch.randint(4, (2, sequences, 5), generator=torch.Generator().manual_seed(1))))


def loss(model: TwoLayers, tokens_BL: Tensor, targets_BL: Tensor) -> Tensor:
    return functional.cross_entropy(model(tokens_BL).flatten(0, 1), targets_BL.flatten())


def test_the_gradient_norm_is_the_sum_of_the_norms_of_all_weights() -> None:
    model, task = TwoLayers(), drawn(6)
    used = [model.embedding_VD, model.hidden_DD, model.head_VD]
    gradients = torch.autograd.grad(loss(model, *task.validation), used)
    expected = sum(math.sqrt((gradient**2).sum()) for gradient in gradients)
    assert signals(model, task, 0, ("gradient_norm",)) == {"gradient_norm": pytest.approx(expected, rel=1e-5)}


@pytest.mark.parametrize("sequences", [1, 6, SEQUENCES + 4])
def test_gradsign_counts_the_sequences_that_agree(sequences: int) -> None:
    model, task = TwoLayers(), drawn(sequences)
    used = [model.embedding_VD, model.hidden_DD, model.head_VD]
    agreed = 0.0
    each = [
        torch.cat([part.flatten() for part in torch.autograd.grad(loss(model, tokens[None], targets[None]), used)])
        for tokens, targets in zip(*task.validation, strict=True)
    ][:SEQUENCES]
    for k in range(len(each[0])):
        up, down = (sum(sign * gradient[k].item() > 0 for gradient in each) for sign in (1, -1))
        agreed += abs(up - down)
    assert signals(model, task, 0, ("gradsign",)) == {"gradsign": agreed}


def test_synflow_is_parameter_times_gradient_with_positive_weights_and_inputs_of_ones() -> None:
    """By central differences: theta dR / dtheta is dR / dlog(theta)."""
    model, task = TwoLayers(), drawn(1)
    hidden, head = (weight.detach().double().abs() for weight in (model.hidden_DD, model.head_VD))

    def outputs(hidden_DD: Tensor, head_VD: Tensor) -> float:
        return float((torch.tanh(torch.ones(5, 3).double() @ hidden_DD) @ head_VD.T).sum())

    step, expected = 1e-5, 0.0
    for n, weight in enumerate((hidden, head)):
        for k in range(weight.numel()):
            ends = []
            for sign in (1, -1):
                moved = [hidden.clone(), head.clone()]
                moved[n].view(-1)[k] *= math.exp(sign * step)
                ends.append(outputs(*moved))
            expected += (ends[0] - ends[1]) / (2 * step)
    assert signals(model, task, 0, ("synflow",)) == {"synflow": pytest.approx(expected, rel=1e-6)}


def test_a_signal_that_is_not_finite_is_left_out() -> None:
    model, task = TwoLayers(), drawn(2)
    with torch.no_grad():
        model.head_VD[0, 0] = math.inf
    assert signals(model, task, 0, tuple(SIGNALS)).keys() <= {"gradsign"}


def test_signals_change_nothing_of_a_training() -> None:
    plain = evaluate(changed(TEXT, steps=3))
    told = evaluate(dataclasses.replace(changed(TEXT, steps=3), asked=tuple(SIGNALS)))
    assert told.curve == plain.curve
    assert told.execution == plain.execution
    assert told.metrics["bits_per_byte"] == plain.metrics["bits_per_byte"]
    assert told.metrics.keys() - plain.metrics.keys() == set(SIGNALS)
    again = evaluate(dataclasses.replace(changed(TEXT, steps=1), asked=tuple(SIGNALS)))
    assert [again.metrics[name] for name in SIGNALS] == [told.metrics[name] for name in SIGNALS]


@pytest.mark.slow
@pytest.mark.parametrize("row", CLASSES, ids=lambda row: row.name)
def test_every_class_has_every_signal(row) -> None:
    task = TEXT.task.load(changed(TEXT, batch=2, length=16).budget)
    model = star.build(decode(Genome.of([row.id]), Space.of([row.name], depth=1)), Shape())
    found = signals(model, task, 0, tuple(SIGNALS))
    assert found.keys() == set(SIGNALS)
    assert found["gradient_norm"] > 0
    assert found["gradsign"] > 0
    assert found["synflow"] != 0, "negative where a filter falls with its parameters"
    assert all(parameter.grad is None for parameter in model.parameters())
