"""Recurrences in the form of programs: token by token, by their definition.

B batch, L tokens, H heads, K state and V value channels per head, M memories.
"""

from __future__ import annotations

import torch
from torch import Tensor

from genome.classes.feature_groups import ROUTES
from genome.classes.quantities import BLOCK
from star.cache import Store
from star.export.programs.tokens import States, Step, over_tokens
from star.ops.memory_cell import naive
from star.ops.precision import at_least_float32
from star.ops.recurrence.inputs import Inputs
from star.structures.delta import Delta
from star.structures.jagged import Jagged
from star.structures.memory_cell import MemoryCell
from star.structures.recurrent import Recurrent
from star.structures.routed.memories import Memories
from star.structures.routed.recurrent import RoutedDelta, RoutedRecurrent, RoutedSemiSeparable
from star.structures.semi_separable import SemiSeparable
from star.structures.structure import Features


class RecordedSemiSeparable(SemiSeparable):
    """`SemiSeparable` for programs."""

    def step(self, features: Features, store: Store) -> Tensor:
        return _recurrent(self, features, store)


class RecordedDelta(Delta):
    """`Delta` for programs."""

    def step(self, features: Features, store: Store) -> Tensor:
        return _recurrent(self, features, store)


class RecordedJagged(Jagged):
    """`Jagged` for programs: at the start of a block the local state is carried, and a new one begins."""

    def step(self, features: Features, store: Store) -> Tensor:
        inputs = self.base.inputs(features).every_token()
        place_1L = ((torch.arange(inputs.length) + store.position) % BLOCK).unsqueeze(0)

        def token(states: States, xs: States) -> tuple[Tensor, States]:
            (carried_BHKV, local_BHKV), (place_1, *groups) = states, xs
            begins = place_1 == 0
            carried_BHKV = torch.where(begins, local_BHKV, carried_BHKV)
            local_BHKV = torch.where(begins, 0, local_BHKV)
            y_BHV, carried_BHKV = self.base.token(Inputs(*groups), carried_BHKV)
            return y_BHV, (carried_BHKV, self.base.token(Inputs(*groups), local_BHKV)[1])

        return _kept(token, ("state", "local"), (place_1L, *inputs), features, store)


class RecordedRoutedSemiSeparable(RoutedSemiSeparable):
    """`RoutedSemiSeparable` for programs."""

    def step(self, features: Features, store: Store) -> Tensor:
        return _routed(self, features, store)


class RecordedRoutedDelta(RoutedDelta):
    """`RoutedDelta` for programs."""

    def step(self, features: Features, store: Store) -> Tensor:
        return _routed(self, features, store)


class RecordedMemories(Memories):
    """`Memories` for programs: every memory advances, and what is new is kept where a token takes it."""

    def step(self, features: Features, store: Store) -> Tensor:
        def token(states: States, xs: States) -> tuple[Tensor, States]:
            (state_BMHKV,), (r_BM, *groups) = states, xs
            r_BM11 = r_BM[..., None, None]
            y_BMHV, moved_BMHKV = self.base.token(Inputs(*groups), state_BMHKV)
            after_BMHKV = torch.where(r_BM11.unsqueeze(4) > 0, moved_BMHKV, state_BMHKV)
            return torch.where(r_BM11 > 0, r_BM11 * y_BMHV, 0).sum(1), (after_BMHKV,)

        groups = (torch.unflatten(x_XL, 0, (-1, self.sources)).transpose(1, 2) for x_XL in self._of_memories(features))
        return _kept(token, ("state",), (features[ROUTES].squeeze(2), *groups), features, store)


class RecordedMemoryCell(MemoryCell):
    """`MemoryCell` for programs."""

    def step(self, features: Features, store: Store) -> Tensor:
        size, wide = self.head_sizes["v"].size, at_least_float32(features["v"])
        gates_BL4HK = torch.stack([features[name].to(wide) for name in ("b", "f", "v", "c")], dim=2)
        feedback_H4KK = torch.unflatten(features["m"].to(wide), 1, (4, size, size))

        def token(states: States, xs: States) -> tuple[Tensor, States]:
            (state_B4HK,), (gates_B4HK,) = states, xs
            y_BHK, c_BHK, n_BHK, s_BHK = state_B4HK.unbind(1)
            stabiliser_BHK = torch.where(n_BHK > 0, s_BHK, float("-inf"))
            gates_B4HK = gates_B4HK + torch.einsum("bhk,hgkj->bghj", y_BHK, feedback_H4KK)
            after = naive.token(gates_B4HK, (y_BHK, c_BHK, n_BHK, stabiliser_BHK))
            return after[0], (torch.stack(after, dim=1),)

        return _kept(token, ("state",), (gates_BL4HK,), features, store)


def _recurrent(structure: Recurrent, features: Features, store: Store) -> Tensor:
    def token(states: States, xs: States) -> tuple[Tensor, States]:
        y_BHV, state_BHKV = structure.token(Inputs(*xs), states[0])
        return y_BHV, (state_BHKV,)

    return _kept(token, ("state",), structure.inputs(features).every_token(), features, store)


def _routed(structure: RoutedRecurrent, features: Features, store: Store) -> Tensor:
    """Advance every memory, and keep what is new where a token takes it."""

    def token(states: States, xs: States) -> tuple[Tensor, States]:
        (state_BMHKV,), (r_BM, *groups) = states, xs
        state_MBHKV, r_MB11 = state_BMHKV.transpose(0, 1), r_BM.T[..., None, None]
        y_MBHV, moved_MBHKV = structure.base.token(Inputs(*groups), state_MBHKV)
        after_MBHKV = torch.where(r_MB11.unsqueeze(4) > 0, moved_MBHKV, state_MBHKV)
        y_BHV = torch.where(r_MB11 > 0, r_MB11 * y_MBHV, 0).sum(0)
        return y_BHV, (after_MBHKV.transpose(0, 1).contiguous(),)

    xs = (features[ROUTES].squeeze(2), *structure.base.inputs(features).every_token())
    return _kept(token, ("state",), xs, features, store)


def _kept(token: Step, names: tuple[str, ...], xs_BLx: tuple[Tensor, ...], features: Features, store: Store) -> Tensor:
    """Apply `token` to all tokens from the states of these names, which are computed in float32 at least."""
    dtypes = [store[name].dtype for name in names]
    wide = [store[name].to(at_least_float32(store[name])) for name in names]
    y_BLHV, states = over_tokens(token, wide, xs_BLx)
    for name, state, dtype in zip(names, states, dtypes, strict=True):
        store[name] = state.to(dtype)
    return y_BLHV.to(features["v"].dtype)
