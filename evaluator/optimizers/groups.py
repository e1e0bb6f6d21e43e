"""The optimizer of a training: its parameters in groups, each with its weight decay and its scale of the rate."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import NamedTuple

import torch
from torch import nn

from evaluator.budget import Budget
from evaluator.optimizers.table import OPTIMIZERS, Groups
from star.weight_decay import decaying_parameters
from star.widths import Grows, backbone_of, growing_axes

FIXED = Grows(fan_in=False, fan_out=False)


class _Kind(NamedTuple):
    """What the parameters of a group have in common."""

    matrix: bool
    decays: bool
    scale: float


def optimizer_of(model: nn.Module, budget: Budget) -> torch.optim.Optimizer:
    """Create the optimizer that the budget names.

    Weight decay applies only to the parameters that `star.weight_decay` lists. With a `base_width`, the rate of the
    weights whose fan-in grows with the width is scaled as in muP (Yang et al. 2022, arXiv 2203.03466, table 8); their
    decay in a step, rate times `weight_decay`, stays as it is at the base width (Wortsman et al. 2023,
    arXiv 2309.14322, section 3.2.2).
    """
    row = OPTIMIZERS[budget.optimizer]
    axes, ratio = defaultdict[str, Grows](lambda: FIXED), 1.0
    if row.matrix_power is not None or budget.base_width is not None:
        axes.update(growing_axes(model))
        width = backbone_of(model).shape.width
        ratio = (budget.base_width or width) / width
    return row.build(_groups(model, budget, axes, ratio))


def _groups(model: nn.Module, budget: Budget, axes: Mapping[str, Grows], ratio: float) -> Groups:
    """Sort the parameters into groups: hidden matrices first, and in each kind those that decay first."""
    row, decaying = OPTIMIZERS[budget.optimizer], decaying_parameters(model)
    members: dict[_Kind, list[nn.Parameter]] = defaultdict(list)
    for name, parameter in model.named_parameters():
        matrix_power = row.matrix_power if all(axes[name]) and parameter.ndim == 2 else None
        power = row.width_power if matrix_power is None else matrix_power
        scale = ratio**power if axes[name].fan_in else 1.0
        members[_Kind(matrix_power is not None, name in decaying, scale)].append(parameter)
    return [
        {
            "params": parameters,
            "lr": budget.learning_rate,
            "weight_decay": budget.weight_decay / kind.scale if kind.decays else 0.0,
            "matrices": kind.matrix,
            "scale": kind.scale,
        }
        for kind, parameters in sorted(members.items(), reverse=True, key=lambda item: item[0])
    ]
