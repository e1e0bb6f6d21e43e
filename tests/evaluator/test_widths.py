"""Rates and the head scaled with the width as in muP: a coordinate check (Yang et al. 2022, appendix D.1).

The change that a few steps make to the residual stream and to the logits is fitted as a power of the width. With the
scaling the power is within `FLAT` of zero; without, the changes grow.
"""

import math

import numpy as np
import pytest
import torch

import star
from evaluator.budget import Budget
from evaluator.optimizers.groups import optimizer_of
from evaluator.optimizers.names import OptimizerName
from evaluator.optimizers.table import OPTIMIZERS
from evaluator.tasks.mad.compression import CompressionTask
from evaluator.tasks.recall import RecallTask
from evaluator.train import Training
from genome import CLASSES, Genome, Shape, Space, decode
from star.widths import growing_axes

NAMES = {row.name: row.id for row in CLASSES}
TASK = RecallTask(symbols=16, pairs=4)
WIDTHS = (32, 64, 128, 256)
BASE, STEPS, SEEDS = 32, 5, 3
BUDGET = Budget(batch=8, length=16, warmup=0, validation=8, learning_rate=3e-3)
FLAT, STREAM_GROWS, LOGITS_GROW = 0.25, 0.35, 0.5
"""Powers of the width: the band with muP, and the least growth of the residual stream and of the logits without."""


def built(name: str, width: int, base_width: int | None = None, seed: int = 0) -> star.Backbone:
    blueprint = decode(Genome.of([NAMES[name]] * 2), Space.of([name], depth=2))
    return star.build(blueprint, Shape(width, 8, TASK.vocab), seed, base_width)


def changes(name: str, budget: Budget, width: int, seed: int) -> list[float]:
    """The root mean square of what a few steps change: the residual stream after the last block, and the logits."""
    task, model = TASK.load(budget), built(name, width, budget.base_width, seed)

    def probed() -> tuple[torch.Tensor, torch.Tensor]:
        with torch.no_grad():
            stream_BLD = model.hidden(task.validation.tokens)
            return stream_BLD, model.read(stream_BLD)

    before = probed()
    Training(model, task, budget, np.random.default_rng(seed)).run(STEPS, budget.steps, math.inf)
    return [(now - then).square().mean().sqrt().item() for now, then in zip(probed(), before, strict=True)]


def powers(name: str, budget: Budget) -> tuple[float, float]:
    """The powers of the width as which the changes of the stream and of the logits grow."""
    found = [np.mean([changes(name, budget, width, seed) for seed in range(SEEDS)], axis=0) for width in WIDTHS]
    stream, logits = np.polyfit(np.log(WIDTHS), np.log(found), 1)[0]
    return float(stream), float(logits)


CASES = [(name, OptimizerName.ADAMW) for name in ("SA-1", "GMemless", "Mamba-1", "GConv-1")]
CASES += [("SA-1", name) for name in OptimizerName if name != OptimizerName.ADAMW]


@pytest.mark.slow
@pytest.mark.parametrize(("name", "optimizer"), CASES)
def test_changes_are_as_large_at_every_width_and_grow_without_the_scaling(name, optimizer):
    budget = BUDGET.model_copy(update={"optimizer": optimizer})
    stream, logits = powers(name, budget.model_copy(update={"base_width": BASE}))
    assert max(abs(stream), abs(logits)) < FLAT
    stream, logits = powers(name, budget)
    assert (stream > STREAM_GROWS, logits > LOGITS_GROW) == (True, True)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_at_the_base_width_nothing_is_scaled(name):
    budget = BUDGET.model_copy(update={"optimizer": name})
    models = [built("Mamba-1", 32, base_width) for base_width in (None, 32)]
    groups = [
        optimizer_of(model, budget.model_copy(update={"base_width": base_width})).param_groups
        for model, base_width in zip(models, (None, 32), strict=True)
    ]
    assert {group["scale"] for group in groups[1]} == {1.0}
    assert [group["weight_decay"] for group in groups[0]] == [group["weight_decay"] for group in groups[1]]
    pairs = zip(models[0].parameters(), models[1].parameters(), strict=True)
    assert all(torch.equal(one, other) for one, other in pairs)


def test_weights_whose_fan_in_grows_have_a_lower_rate_and_decay_as_much_in_a_step():
    model = built("Mamba-1", 128)
    groups = optimizer_of(model, BUDGET.model_copy(update={"base_width": BASE})).param_groups
    scales = {id(parameter): group["scale"] for group in groups for parameter in group["params"]}
    grows = {name: axes.fan_in for name, axes in growing_axes(model).items()}
    assert {name: scales[id(p)] for name, p in model.named_parameters()} == {
        name: 0.25 if fan_in else 1.0 for name, fan_in in grows.items()
    }
    assert {round(group["scale"] * group["weight_decay"], 12) for group in groups} == {0.0, BUDGET.weight_decay}
    assert grows["head_VD"]
    assert not grows["embedding_VD"]


@pytest.mark.parametrize("name", [OptimizerName.ADAMW, OptimizerName.MUON])
def test_what_a_task_builds_around_the_model_is_scaled_with_it(name):
    task, inner = CompressionTask(), built("SA-1", 128)
    budget = Budget(optimizer=name, base_width=BASE)
    model = task.around(inner, budget, 0)
    groups = optimizer_of(model, budget).param_groups
    found = {id(parameter): (group["matrices"], group["scale"]) for group in groups for parameter in group["params"]}
    names = dict(model.named_parameters())
    hidden = (True, 0.5) if name == OptimizerName.MUON else (False, 0.25)
    assert found[id(names["decoder.1.weight"])] == found[id(names["encoder.blocks.0.operator.out_DC"])] == hidden
    assert found[id(names["decoder.1.bias"])] == found[id(inner.embedding_VD)] == (False, 1.0)
    assert found[id(inner.head_VD)] == (False, 0.25)
