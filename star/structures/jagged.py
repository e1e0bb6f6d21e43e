"""A recurrence in jagged windows: a block of tokens starts from what the block before it leaves by itself.

Of an unbanded recurrence S_t = A_t S_{t-1} + W_t, y_t = c_t S_t there are two states: `local` starts from nothing at
the border of every block, `carried` from the local state that the block before left, never from its carried one, and is
read. So a token reaches back to the start of the block before its own: 16 to 31 tokens, its own not counted (Sliding
Window Recurrences for Sequence Models, Secrieru et al. 2025, arXiv 2512.13921: the window is jagged).

B batch, L tokens, H heads, K state and V value channels per head, N blocks.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import prod

import torch
import torch.nn.functional as F
from torch import Tensor

from genome import FeaturizerGenome, Heads, OperatorGenome
from genome.classes.alphabet import BLOCK, Source, Sparsity, TokenMixing
from star.cache import Store
from star.ops.precision import exact, undisturbed
from star.structures.delta import Delta
from star.structures.recurrent import Recurrent
from star.structures.semi_separable import SemiSeparable
from star.structures.structure import Features, Structure

_UNBANDED: dict[TokenMixing, type[Recurrent]] = {
    TokenMixing.SEMI_SEPARABLE: SemiSeparable,
    TokenMixing.DELTA: Delta,
}

PIECE_ELEMENTS = 1 << 17
"""State elements of the blocks that advance at once: 512 KiB in float32. Larger pieces leave the processor's cache."""

States = tuple[Tensor, Tensor]
"""(carried_BHKV, local_BHKV)."""


class Jagged(Structure):
    """The unbanded recurrence of the same digits, in blocks.

    The job's `window` says nothing here: the block is `genome.classes.alphabet`, the side of a matrix tile, for which
    the source made these recurrences; with another size they would be another operator on other hardware.
    """

    per_token = Recurrent.per_token

    def __init__(
        self, operator: OperatorGenome, featurizer: FeaturizerGenome, extents: Mapping[str, Heads], window: int
    ) -> None:
        super().__init__(operator, featurizer, extents, window)
        unbanded = replace(operator, sparsity=Sparsity.NONE)
        self.base = _UNBANDED[operator.token_mixing](unbanded, featurizer, extents, window)
        self.tolerance = self.base.tolerance

    def mix(self, features: Features) -> Tensor:
        carried_BHKV = local_BHKV = self.base.nothing(features["v"])
        outputs = []
        for t, token in enumerate(zip(*(x_BL.unbind(1) for x_BL in self.base.inputs(features)), strict=True)):
            if t % BLOCK == 0:
                carried_BHKV, local_BHKV = local_BHKV, self.base.nothing(features["v"])
            y_BHV, carried_BHKV = self.base.token(carried_BHKV, *token)
            _, local_BHKV = self.base.token(local_BHKV, *token)
            outputs.append(y_BHV)
        return torch.stack(outputs, dim=1).to(features["v"].dtype)

    def fast(self, features: Features) -> Tensor:
        nothing_BHKV = self.base.nothing(features["v"])
        with undisturbed(features["v"]):
            y_BLHV, _ = self._along((nothing_BHKV, nothing_BHKV), 0, self.base.inputs(features))
        return y_BLHV.to(features["v"].dtype)

    def step(self, features: Features, store: Store) -> Tensor:
        names = tuple(self.memory(0))
        dtype = store["state"].dtype
        carried_BHKV, local_BHKV = (store[name].to(exact(store[name])) for name in names)
        place = store.position % BLOCK
        with undisturbed(features["v"]):
            y_BLHV, states = self._along((carried_BHKV, local_BHKV), place, self.base.inputs(features))
        for name, state_BHKV in zip(names, states, strict=True):
            store[name] = state_BHKV.to(dtype)
        return y_BLHV.to(features["v"].dtype)

    def matrix(self, features: Features) -> Tensor:
        """The rows of a block are those of the unbanded matrix on that block and the one before, nothing earlier."""
        length = features["v"].shape[1]
        rows = []
        for start in range(0, length, BLOCK):
            first, end = max(0, start - BLOCK), min(start + BLOCK, length)
            seen = {name: x[:, first:end] if x.dim() == 4 else x for name, x in features.items()}
            t_BHLL = self.base.matrix(seen)[:, :, start - first :]
            rows.append(F.pad(t_BHLL, (first, length - end)))
        return torch.cat(rows, dim=2)

    def memory(self, tokens: int) -> dict[str, tuple[int, ...]]:
        return {"state": self.base.state, "local": self.base.state}

    def flops(self, context: int) -> int:
        """Both states advance."""
        return 2 * self.base.flops(context)

    def _along(self, states: States, place: int, inputs: Sequence[Tensor]) -> tuple[Tensor, States]:
        """Outputs and the last states; `place` is that of the first token within its block.

        Tokens that finish a block begun earlier come first, then whole blocks side by side, then a block begun.
        """
        length = inputs[-1].shape[1]
        finishing = min(length, -place % BLOCK)
        begun = (length - finishing) % BLOCK
        parts = zip(
            *(torch.split(x_BL, [finishing, length - finishing - begun, begun], 1) for x_BL in inputs), strict=True
        )
        outputs = []
        for forward, part in zip((self._within, self._blocks, self._begin), parts, strict=True):
            if part[-1].shape[1]:
                y_BLHV, states = forward(states, part)
                outputs.append(y_BLHV)
        return torch.cat(outputs, dim=1), states

    def _within(self, states: States, inputs: Sequence[Tensor]) -> tuple[Tensor, States]:
        """Tokens of one block, both states at hand."""
        carried_BHKV, local_BHKV = states
        y_BLHV, carried_BHKV = self.base.advance(carried_BHKV, *inputs)
        _, local_BHKV = self.base.advance(local_BHKV, *inputs)
        return y_BLHV, (carried_BHKV, local_BHKV)

    def _begin(self, states: States, inputs: Sequence[Tensor]) -> tuple[Tensor, States]:
        """The first tokens of a block."""
        return self._within((states[1], torch.zeros_like(states[1])), inputs)

    def _blocks(self, states: States, inputs: Sequence[Tensor]) -> tuple[Tensor, States]:
        """Whole blocks, each an element of the batch: what each leaves by itself, then each from its neighbour's."""
        local_BHKV = states[1]
        pieces = self._pieces(inputs)
        ends = torch.cat([self.base.left(*piece) for piece in pieces])
        ends_BNHKV = torch.unflatten(ends, 0, (len(local_BHKV), -1))
        starts_BNHKV = torch.cat([local_BHKV.unsqueeze(1), ends_BNHKV[:, :-1]], dim=1)
        starts = torch.split(starts_BNHKV.flatten(0, 1), len(pieces[0][-1]))
        done = [self.base.advance(start, *piece) for start, piece in zip(starts, pieces, strict=True)]
        y_BNLHV, carried_BNHKV = (
            torch.unflatten(torch.cat(parts), 0, (len(local_BHKV), -1)) for parts in zip(*done, strict=True)
        )
        return y_BNLHV.flatten(1, 2), (carried_BNHKV[:, -1], ends_BNHKV[:, -1])

    def _pieces(self, inputs: Sequence[Tensor]) -> list[tuple[Tensor, ...]]:
        """All blocks in the batch, and so many of them at a time that their states stay in the processor's cache.

        A decay that is constant is the same for all of them and keeps a batch of one.
        """
        at_once = max(1, PIECE_ELEMENTS // prod(self.base.state))
        constant = self.featurizer["a"].source is Source.CONSTANT
        blocks = inputs[-1].shape[0] * inputs[-1].shape[1] // BLOCK
        split = []
        for name, x_BL in zip(self.groups, inputs, strict=True):
            if name == "a" and constant:
                split.append((x_BL[:, :BLOCK],) * -(-blocks // at_once))
            else:
                split.append(torch.split(torch.unflatten(x_BL, 1, (-1, BLOCK)).flatten(0, 1), at_once))
        return list(zip(*split, strict=True))
