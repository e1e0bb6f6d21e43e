"""The optimizer of a training: its parameters in groups, each with its weight decay."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection

import torch
from torch import nn

from evaluator.budget import Budget
from evaluator.optimizers.table import OPTIMIZERS, Groups
from star.backbone import Backbone
from star.weight_decay import decaying_parameters
from star.widths import growing_axes


def optimizer_of(model: nn.Module, budget: Budget) -> torch.optim.Optimizer:
    """Create the optimizer that the budget names.

    Weight decay applies only to the parameters that `star.weight_decay` lists.
    """
    row = OPTIMIZERS[budget.optimizer]
    return row.build(_groups(model, budget, _hidden_matrices(model) if row.hidden_matrices else ()))


def _hidden_matrices(model: nn.Module) -> Collection[str]:
    """Return the names of the matrices whose rows and columns both grow with the width."""
    assert isinstance(model, Backbone)
    axes = growing_axes(model)
    return {name for name, weight in model.named_parameters() if weight.ndim == 2 and all(axes[name])}


def _groups(model: nn.Module, budget: Budget, matrices: Collection[str]) -> Groups:
    """Sort the parameters into groups: hidden matrices first, and in each kind those that decay first."""
    decaying = decaying_parameters(model)
    members: dict[tuple[bool, bool], list[nn.Parameter]] = defaultdict(list)
    for name, parameter in model.named_parameters():
        members[name in matrices, name in decaying].append(parameter)
    return [
        {
            "params": members[matrix, decays],
            "lr": budget.learning_rate,
            "weight_decay": budget.weight_decay if decays else 0.0,
            "matrices": matrix,
        }
        for matrix, decays in sorted(members, reverse=True)
    ]
