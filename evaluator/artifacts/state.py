"""The state of a training: that of its model and of its optimizer as tensors, and the rest as JSON."""

from __future__ import annotations

import copy
from itertools import chain
from typing import Any, NamedTuple, Self

import torch
from torch import Tensor, nn

from evaluator.artifacts.optimizer_state import flattened, restore

MODEL, OPTIMIZER = "model.", "optimizer."
REST = "optimizer"
"""The fact that holds what is no tensor in the state of the optimizer."""


class State(NamedTuple):
    """The state of a training: tensors by name, and values that JSON can hold.

    No code of a training draws from torch's generator, so its state is not part of this.
    """

    tensors: dict[str, Tensor]
    facts: dict[str, Any]

    @classmethod
    def of(cls, model: nn.Module, optimizer: torch.optim.Optimizer, facts: dict[str, Any]) -> Self:
        """Return the present state; its tensors are those that the training changes."""
        tensors = {MODEL + name: tensor.detach() for name, tensor in _tensors(model).items()}
        moments, rest = flattened(optimizer)
        tensors |= {OPTIMIZER + name: tensor for name, tensor in moments.items()}
        return cls(tensors, {**facts, REST: rest})

    @property
    def step(self) -> int:
        """The number of steps taken."""
        return int(self.facts["step"])

    def copy(self) -> State:
        """Return a copy that no training changes."""
        return State({name: tensor.clone() for name, tensor in self.tensors.items()}, copy.deepcopy(self.facts))

    def copy_to(self, model: nn.Module, optimizer: torch.optim.Optimizer) -> None:
        """Give a model and its optimizer this state.

        Raises:
            ValueError: the state is that of another model; nothing changes.
        """
        own = _tensors(model)
        found = {name.removeprefix(MODEL): t for name, t in self.tensors.items() if name.startswith(MODEL)}
        if {name: tensor.shape for name, tensor in found.items()} != {name: own[name].shape for name in own}:
            raise ValueError("the state does not fit the model")
        with torch.no_grad():
            for name, tensor in own.items():
                tensor.copy_(found[name])
        moments = {name.removeprefix(OPTIMIZER): t for name, t in self.tensors.items() if name.startswith(OPTIMIZER)}
        restore(optimizer, moments, self.facts.get(REST))


def _tensors(model: nn.Module) -> dict[str, Tensor]:
    """Return parameters and buffers by name; a shared one has only its first name."""
    return dict(chain(model.named_parameters(), model.named_buffers()))
