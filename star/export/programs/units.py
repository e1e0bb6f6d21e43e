"""Mixtures in the form of programs: every expert or memory computes every token, and those that are not taken count 0.

B batch, L tokens, D model width, M experts or memories, S slots (those that a token takes), I channels of each.
"""

from __future__ import annotations

import torch
from torch import Tensor

from genome.classes.feature_groups import ROUTES
from star.cache import Store
from star.features.feature import Feature
from star.features.routed.memories import MemoryDecay, MemoryProjection
from star.features.routed.router import Experts
from star.nonlinearity import SIGMA
from star.structures.routed.diagonal import RoutedDiagonal
from star.structures.structure import Features


class RecordedRoutedDiagonal(RoutedDiagonal):
    """`RoutedDiagonal` for programs."""

    def step(self, features: Features, store: Store) -> Tensor:
        taken_BLSM = slots(features[ROUTES], self.heads)
        weight_BLS1 = (taken_BLSM * features[ROUTES]).sum(-1, keepdim=True)
        return weight_BLS1 * SIGMA[int(self.operator.nonlinearity)](features["c"]) * features["v"]

    def project(self, y_BLHV: Tensor, features: Features, out: Tensor) -> Tensor:
        taken_BLSM = slots(features[ROUTES], self.heads).to(y_BLHV.dtype)
        return torch.einsum("blsi,blsm,mdi->bld", y_BLHV, taken_BLSM, out)


class RecordedExperts(Experts):
    """`Experts` for programs."""

    def forward(self, x_BLD: Tensor, length: int, store: Store | None, *needed: Tensor) -> Tensor:
        taken_BLSM = slots(needed[0], self.head_size.heads).to(x_BLD.dtype)
        every_BLMI = torch.einsum("bld,mid->blmi", x_BLD, self.weight_MID)
        return SIGMA[int(self.group.nonlinearity)](taken_BLSM @ every_BLMI)


class RecordedMemoryProjection(MemoryProjection):
    """`MemoryProjection` for programs."""

    def by_memory(self, x_BLD: Tensor, r_BL1M: Tensor, store: Store | None) -> Tensor:
        taken_BLSM = slots(r_BL1M, self.taken).to(x_BLD.dtype)
        return taken_BLSM @ torch.einsum("bld,mid->blmi", x_BLD, self.weight)


class RecordedMemoryDecay(MemoryDecay, RecordedMemoryProjection):
    """`MemoryDecay` for programs."""


def recorded_memories(kind: type[MemoryProjection], feature: Feature) -> Feature:
    """Return the feature as one of this kind, with the same weights."""
    assert isinstance(feature, MemoryProjection)
    size = feature.head_size
    other = kind(feature.name, feature.width, size, feature.group, feature.memories, feature.taken)
    other.load_state_dict(feature.state_dict(), assign=True)
    return other


def recorded_experts(feature: Feature) -> Feature:
    """Return the same feature for programs, with the same weights."""
    assert isinstance(feature, Experts)
    other = RecordedExperts(feature.name, feature.width, feature.head_size, feature.group, len(feature.weight_MID))
    other.load_state_dict(feature.state_dict(), assign=True)
    return other


def slots(r_BL1M: Tensor, count: int) -> Tensor:
    """Return whether the expert of the column fills the slot of the row, (B, L, S, M), in the order of experts."""
    takes_BL1M = r_BL1M > 0
    place_BL1M = takes_BL1M.to(torch.long).cumsum(-1) - 1
    return takes_BL1M & (place_BL1M == torch.arange(count).unsqueeze(1))
