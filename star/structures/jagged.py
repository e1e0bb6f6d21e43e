"""A recurrence in jagged windows: each block of tokens starts from a state that holds only the block before it.

An unbanded recurrence S_t = A_t S_{t-1} + W_t, y_t = c_t S_t runs with two states. The state `local` is zero at the
start of every block. The state `carried` starts from the local state at the end of the block before and is read.
A token therefore reaches back to the start of the block before its own: 16 to 31 tokens, its own not counted (Sliding
Window Recurrences for Sequence Models, Secrieru et al. 2025, arXiv 2512.13921: the window is jagged).

B batch, L tokens, H heads, K state and V value channels per head, N blocks.
"""

from collections.abc import Mapping
from dataclasses import replace
from itertools import pairwise
from math import prod

import torch
import torch.nn.functional as F
from torch import Tensor

from genome import FeaturizerGenome, Heads, OperatorGenome
from genome.classes.alphabet import Sparsity, TokenMixing
from genome.classes.quantities import BLOCK
from star.cache import Store
from star.ops.precision import at_least_float32, without_autocast
from star.ops.recurrence.inputs import Inputs, joined
from star.ops.tiles import tile_elements
from star.structures.delta import Delta
from star.structures.recurrent import Recurrent, grouped, ungrouped
from star.structures.semi_separable import SemiSeparable
from star.structures.structure import Features, Structure

_UNBANDED: dict[TokenMixing, type[Recurrent]] = {
    TokenMixing.SEMI_SEPARABLE: SemiSeparable,
    TokenMixing.DELTA: Delta,
}

TILE_ELEMENTS = 1 << 17
"""State elements of the blocks that advance at once on a CPU: 512 KiB in float32."""

States = tuple[Tensor, Tensor]
"""(carried_BHKV, local_BHKV)."""


class Jagged(Structure):
    """The unbanded recurrence of the same digits, in blocks.

    The block has `genome.classes.quantities.BLOCK` tokens, the side of the matrix tile for which the source designed
    these recurrences. The job's `window` does not change it, because another size would make another operator.
    """

    per_token = Recurrent.per_token

    def __init__(
        self, operator: OperatorGenome, featurizer: FeaturizerGenome, head_sizes: Mapping[str, Heads], window: int
    ) -> None:
        super().__init__(operator, featurizer, head_sizes, window)
        unbanded = replace(operator, sparsity=Sparsity.NONE)
        self.base = _UNBANDED[operator.token_mixing](unbanded, featurizer, head_sizes, window)
        self.tolerance = self.base.tolerance

    def pairs_on(self, device: torch.device) -> bool:
        return self.base.pairs_on(device)

    def mix(self, features: Features) -> Tensor:
        """Compute each block from the state that the block before it reaches from zero."""
        outputs, before_BHKV = [], self.base.zero_state(features["v"])
        for block in self.base.inputs(features).split(BLOCK):
            y_BLHV, _ = self.base.naive(block, before_BHKV)
            _, before_BHKV = self.base.naive(block, self.base.zero_state(features["v"]))
            outputs.append(y_BLHV)
        return joined(outputs).to(features["v"].dtype)

    def fast(self, features: Features) -> Tensor:
        with without_autocast(features["v"]):
            inputs, zero_BHKV = grouped(self.base.inputs(features), self.base.zero_state(features["v"]))
            y_BLHV, _ = self._advance((zero_BHKV, zero_BHKV), 0, inputs)
        return ungrouped(y_BLHV, features["v"])

    def step(self, features: Features, store: Store) -> Tensor:
        names = tuple(self.memory(0))
        dtype = store["state"].dtype
        carried_BHKV, local_BHKV = (store[name].to(at_least_float32(store[name])) for name in names)
        places, inputs = store.places, self.base.inputs(features)
        with without_autocast(features["v"]):
            if isinstance(places, Tensor):
                y_BLHV, states = self._advance_apart((carried_BHKV, local_BHKV), places, inputs)
            else:
                y_BLHV, states = self._advance((carried_BHKV, local_BHKV), places % BLOCK, inputs)
        for name, state_BHKV in zip(names, states, strict=True):
            store[name] = state_BHKV.to(dtype)
        return y_BLHV.to(features["v"].dtype)

    def matrix(self, features: Features) -> Tensor:
        """Compute the rows of a block as those of the unbanded matrix on that block and the block before it."""
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
        """Count the FLOPs of both states."""
        return 2 * self.base.flops(context)

    def _advance(self, states: States, place: int, inputs: Inputs) -> tuple[Tensor, States]:
        """Compute outputs and the last states; `place` is the position of the first token within its block.

        The first tokens finish a block that has begun, whole blocks follow side by side, and the rest begin a block.
        """
        finished = min(inputs.length, -place % BLOCK)
        begun = inputs.length - (inputs.length - finished) % BLOCK
        spans = ((self._within, 0, finished), (self._blocks, finished, begun), (self._begin, begun, inputs.length))
        outputs = []
        for form, start, end in spans:
            if start < end:
                y_BLHV, states = form(states, inputs.tokens(start, end))
                outputs.append(y_BLHV)
        return joined(outputs), states

    def _advance_apart(self, states: States, places_B1: Tensor, inputs: Inputs) -> tuple[Tensor, States]:
        """Advance sequences whose blocks begin at different tokens, in spans that end where any of them begins one."""
        begins_BL = (places_B1 + torch.arange(inputs.length, device=places_B1.device)) % BLOCK == 0
        starts = sorted({0, *begins_BL.any(0).nonzero().flatten().tolist()})
        outputs = []
        for start, end in pairwise([*starts, inputs.length]):
            new_B111 = begins_BL[:, start].view(-1, 1, 1, 1)
            carried_BHKV = torch.where(new_B111, states[1], states[0])
            local_BHKV = states[1].masked_fill(new_B111, 0)
            y_BLHV, states = self._within((carried_BHKV, local_BHKV), inputs.tokens(start, end))
            outputs.append(y_BLHV)
        return joined(outputs), states

    def _within(self, states: States, inputs: Inputs) -> tuple[Tensor, States]:
        """Advance both states by tokens of a block that has begun."""
        carried_BHKV, local_BHKV = states
        y_BLHV, carried_BHKV = self.base.advance(inputs, carried_BHKV)
        _, local_BHKV = self.base.advance(inputs, local_BHKV)
        return y_BLHV, (carried_BHKV, local_BHKV)

    def _begin(self, states: States, inputs: Inputs) -> tuple[Tensor, States]:
        """Advance both states by the first tokens of a block."""
        return self._within((states[1], torch.zeros_like(states[1])), inputs)

    def _blocks(self, states: States, inputs: Inputs) -> tuple[Tensor, States]:
        """Advance whole blocks as elements of the batch: first from zero, then from the state of the block before."""
        local_BHKV = states[1]
        tiles = self._tiles(inputs)
        ends = torch.cat([self.base.final_state(tile) for tile in tiles])
        ends_BNHKV = torch.unflatten(ends, 0, (len(local_BHKV), -1))
        starts_BNHKV = torch.cat([local_BHKV.unsqueeze(1), ends_BNHKV[:, :-1]], dim=1)
        starts = torch.split(starts_BNHKV.flatten(0, 1), len(tiles[0].v))
        advanced = [self.base.advance(tile, start) for tile, start in zip(tiles, starts, strict=True)]
        y_BNLHV, carried_BNHKV = (
            torch.unflatten(torch.cat(parts), 0, (len(local_BHKV), -1)) for parts in zip(*advanced, strict=True)
        )
        return y_BNLHV.flatten(1, 2), (carried_BNHKV[:, -1], ends_BNHKV[:, -1])

    def _tiles(self, inputs: Inputs) -> list[Inputs]:
        """List blocks as elements of the batch, so many at a time that their states stay in the cache of a CPU.

        Log decays that all tokens share keep their length of one, and a batch of one where all sequences share them.
        """
        blocks = inputs.length // BLOCK
        at_once = max(1, tile_elements(inputs.v.device, TILE_ELEMENTS) // prod(self.base.state))
        count = -(-inputs.v.shape[0] * inputs.length // (BLOCK * at_once))
        split = [
            [x_BL] * count
            if x_BL.shape[:2] == (1, 1)
            else torch.split(
                x_BL.repeat_interleave(blocks, dim=0)
                if x_BL.shape[1] == 1
                else torch.unflatten(x_BL, 1, (-1, BLOCK)).flatten(0, 1),
                at_once,
            )
            for x_BL in inputs
        ]
        return [Inputs(*parts) for parts in zip(*split, strict=True)]
