"""The optimisers of a plan: each does what its paper says, to the parameters that it is meant for."""

import math
from pathlib import Path

import pytest
import torch

import star
from evaluator.budget import Budget
from evaluator.optimizers.groups import optimizer_of
from evaluator.optimizers.names import OptimizerName
from evaluator.optimizers.table import OPTIMIZERS
from genome import CLASSES, Genome, Shape, Space, decode
from search.plan import Plan
from search.plan.comparable import differences
from star.weight_decay import decaying_parameters
from star.widths import growing_axes

NAMES = {row.name: row.id for row in CLASSES}
RATE, DECAY = 0.01, 0.5


def built(*names: str) -> star.Backbone:
    space = Space.of(list(names), depth=len(names))
    return star.build(decode(Genome.of([NAMES[name] for name in names]), space), Shape(16, 8, 32), 0)


def stepped(model: star.Backbone, name: OptimizerName, gradients, weight_decay: float = DECAY) -> torch.optim.Optimizer:
    """Take a step with each of these gradients, which are functions of a parameter."""
    optimizer = optimizer_of(model, Budget(optimizer=name, learning_rate=RATE, weight_decay=weight_decay))
    for gradient in gradients:
        for parameter in model.parameters():
            parameter.grad = gradient(parameter)
        optimizer.step()
    return optimizer


def noise(seed: int):
    generator = torch.Generator().manual_seed(seed)
    return lambda parameter: torch.randn(parameter.shape, generator=generator)


def values(model: star.Backbone) -> dict[str, torch.Tensor]:
    return {name: parameter.detach().clone() for name, parameter in model.named_parameters()}


def test_there_is_a_row_for_every_name_that_a_plan_may_give():
    assert list(OPTIMIZERS) == list(OptimizerName)


def test_the_page_on_training_names_every_row_and_its_source():
    page = (Path(__file__).parents[2] / "docs" / "training.md").read_text(encoding="utf-8")
    assert [name for name, row in OPTIMIZERS.items() if f"| `{name}` | {row.source} |" not in page] == []


def test_plans_with_other_optimisers_are_not_compared():
    plans = [Plan(budget=Budget(optimizer=name)) for name in OptimizerName]
    assert [differences(plans[0], plan) for plan in plans] == [[]] + [["budget.optimizer"]] * (len(plans) - 1)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_weight_decay_shrinks_the_listed_parameters_alone(name):
    model = built("Mamba-2", "SA-1-Diff", "MoE")
    before = values(model)
    stepped(model, name, [torch.zeros_like] * 10)
    decaying = decaying_parameters(model)
    for parameter_name, parameter in model.named_parameters():
        ratio = parameter / before[parameter_name]
        steps = math.log(ratio.nanmedian().item()) / math.log(1 - RATE * DECAY)
        expected = (9, 10) if parameter_name in decaying else (0, 0)  # SOAP only measures in its first step
        assert expected[0] - 0.01 <= steps <= expected[1] + 0.01, parameter_name


def test_muon_updates_the_matrices_between_hidden_channels_alone():
    model = built("SA-1", "MoE", "Mamba-1", "GMemless")
    optimizer = stepped(model, OptimizerName.MUON, [noise(0)])
    found = {name for name, weight in model.named_parameters() if "momentum_buffer" in optimizer.state[weight]}
    assert found == {n for n, w in model.named_parameters() if w.ndim == 2 and all(growing_axes(model)[n])}
    assert found >= {"blocks.0.operator.out_DC", "blocks.3.operator.featurizer.groups.c.weight"}
    assert not found & {"embedding_VD", "head_VD", "blocks.1.operator.featurizer.groups.r.weight_MD"}


def test_muon_is_that_of_torch_with_updates_as_large_as_those_of_adamw():
    model, other = built("SA-1", "GMemless"), built("SA-1", "GMemless")
    steps = [noise(seed) for seed in range(3)]
    optimizer = stepped(model, OptimizerName.MUON, steps)
    own, others = dict(model.named_parameters()), dict(other.named_parameters())
    matrices = {name for name in own if "momentum_buffer" in optimizer.state[own[name]]}
    muon = torch.optim.Muon(
        [others[name] for name in matrices], lr=RATE, weight_decay=DECAY, adjust_lr_fn="match_rms_adamw"
    )
    for gradient in [noise(seed) for seed in range(3)]:
        for parameter in other.parameters():
            parameter.grad = gradient(parameter)
        muon.step()
    before = values(built("SA-1", "GMemless"))
    for name in matrices:
        expected, found = others[name] - before[name], own[name] - before[name]
        assert (found - expected).norm() < 0.02 * expected.norm(), name  # torch's rounds to bfloat16


def test_lion_moves_every_weight_by_the_rate_along_the_sign_of_its_interpolated_gradient():
    model = built("SA-1")
    before, gradients = values(model), [noise(0), noise(1)]
    stepped(model, OptimizerName.LION, gradients, weight_decay=0.0)
    again = [noise(0), noise(1)]
    for name, parameter in model.named_parameters():
        first, second = again[0](parameter), again[1](parameter)
        expected = before[name] - RATE * first.sign() - RATE * (0.9 * 0.01 * first + 0.1 * second).sign()
        assert torch.allclose(parameter, expected, atol=1e-6), name


def test_cautious_adamw_drops_what_points_against_the_gradient_and_enlarges_the_rest():
    model = built("SA-1")
    before = values(model)
    stepped(model, OptimizerName.CAUTIOUS_ADAMW, [noise(0), noise(1)])
    gradients = noise(0), noise(1)
    decaying = decaying_parameters(model)
    for name, parameter in model.named_parameters():
        expected, mean, square = before[name], torch.zeros(()), torch.zeros(())
        for step, gradient in enumerate((gradients[0](parameter), gradients[1](parameter)), 1):
            mean, square = 0.9 * mean + 0.1 * gradient, 0.95 * square + 0.05 * gradient**2
            update = mean / (1 - 0.9**step) / ((square / (1 - 0.95**step)).sqrt() + 1e-8)
            mask = (update * gradient > 0).float()
            scaled = update * mask * mask.numel() / (mask.sum() + 1)
            expected = expected * (1 - RATE * DECAY * (name in decaying)) - RATE * scaled
        assert torch.allclose(parameter, expected, atol=1e-5), name


def test_soap_with_its_bases_turned_is_adamw_in_them():
    """Of a gradient with one entry the bases are the axes, so SOAP takes the steps of Adam there, one step later."""
    model, other = built("SA-1"), built("SA-1")

    def peak(parameter):
        gradient = torch.zeros_like(parameter)
        gradient.view(-1)[0] = 1.0
        return gradient

    stepped(model, OptimizerName.SOAP, [peak] * 6, weight_decay=0.0)
    adam = torch.optim.Adam(other.parameters(), lr=RATE, betas=(0.95, 0.95))
    for _ in range(5):
        for parameter in other.parameters():
            parameter.grad = peak(parameter)
        adam.step()
    for (name, own), expected in zip(model.named_parameters(), other.parameters(), strict=True):
        assert torch.allclose(own, expected, atol=1e-5), name
