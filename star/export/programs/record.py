"""The two graphs of a model, recorded by `torch.export` for any batch and length.

B batch, L new tokens, T tokens so far, V vocabulary.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor, fx, nn
from torch.export import Dim, ExportedProgram

from star.backbone import Backbone
from star.export.programs.prepare import prepared
from star.export.programs.state import State, cache_of, states_of, tensors_of
from star.ops.dispatch import forced

TRACED_BATCH, TRACED_LENGTH, TRACED_BEFORE = 3, 5, 7
"""Sizes of the inputs with which a graph is recorded; it holds for all others."""


class Forward(nn.Module):
    """Whole sequences: logits_BLV from tokens_BL."""

    def __init__(self, model: Backbone) -> None:
        super().__init__()
        self.model = model
        self.states = states_of(model)

    def forward(self, tokens_BL: Tensor) -> Tensor:
        empty = [state.zeros(tokens_BL.shape[0]) for state in self.states]
        cache = cache_of(self.model, self.states, empty, tokens_BL.shape[0])
        return self.model.read(self.model.hidden(tokens_BL, cache))


class Step(nn.Module):
    """The next tokens: logits_BLV and the new states from tokens_BL and the states before them."""

    def __init__(self, model: Backbone) -> None:
        super().__init__()
        self.model = model
        self.states = states_of(model)

    def forward(self, tokens_BL: Tensor, *states: Tensor) -> tuple[Tensor, ...]:
        cache = cache_of(self.model, self.states, states, tokens_BL.shape[0])
        position = torch.zeros((), dtype=torch.long) + cache.stores[0][0].position + tokens_BL.shape[1]
        logits_BLV = self.model.read(self.model.hidden(tokens_BL, cache))
        return (logits_BLV, *tensors_of(cache, self.states, position))


class Programs(NamedTuple):
    """The graphs of a model.

    Attributes:
        forward: logits_BLV from tokens_BL.
        step: logits_BLV and the states after the tokens, from tokens_BL and the states before them.
        states: the states of `step` in their order.
    """

    forward: ExportedProgram
    step: ExportedProgram
    states: list[State]


def record(model: Backbone) -> Programs:
    """Record both graphs, from forms in PyTorch, for any batch and length; B, L >= 1 and T >= 0."""
    with forced("torch"), torch.no_grad():
        return _record(prepared(model))


def _record(model: Backbone) -> Programs:
    states = states_of(model)
    batch, length, before = Dim("B", min=1), Dim("L", min=1), Dim("T", min=0)
    tokens_BL = _tokens(model)
    forward = _recorded(Forward(model), (tokens_BL,), ({0: batch, 1: length},))
    kept = [_kept(state) for state in states]
    sizes = [{0: batch} | ({1: before} if None in state.sizes else {}) if state.batched else {} for state in states]
    step = _recorded(Step(model), (tokens_BL, *kept), ({0: batch, 1: length}, tuple(sizes)))
    return Programs(forward, step, states)


def _recorded(module: nn.Module, inputs: tuple[Tensor, ...], sizes: tuple[Any, ...]) -> ExportedProgram:
    program = torch.export.export(module.eval(), inputs, dynamic_shapes=sizes)
    for part in program.graph_module.modules():
        for node in getattr(part, "graph", fx.Graph()).nodes:
            node.meta.pop("stack_trace", None)  # holds the paths of this machine
    return program


def _tokens(model: Backbone) -> Tensor:
    shape = model.shape
    if shape.channels:
        return torch.zeros(TRACED_BATCH, TRACED_LENGTH, shape.channels, dtype=model.embedding_VD.dtype)
    return torch.zeros(TRACED_BATCH, TRACED_LENGTH, dtype=torch.long)


def _kept(state: State) -> Tensor:
    sizes = [TRACED_BEFORE if size is None else size for size in state.sizes]
    return torch.zeros([TRACED_BATCH, *sizes] if state.batched else sizes, dtype=state.dtype)
