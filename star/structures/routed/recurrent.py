"""T_ij = sum_m r_im T^m_ij over the routes m that tokens i and j both take: M memories instead of one.

Each route leads to a memory of its own. T^m is the recurrence over the tokens that take route m; other tokens neither
decay nor write its state (Mixture-of-Memories, Du et al. 2025). The memories share keys, values and queries. For
training, the tokens of each memory are packed to the front and the memories advance side by side in the batch: if
tokens take k of M routes evenly, the work is that of k memories.

B batch, L tokens, H heads, K state and V value channels per head, M memories, X = B M of them side by side,
P tokens of the memory that most tokens take, N pairs of a token and a memory that it takes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import ClassVar

import torch
from torch import Tensor

from genome import FeaturizerGenome, Heads, OperatorGenome
from genome.classes.alphabet import Sparsity
from genome.classes.feature_groups import ROUTES
from genome.classes.quantities import ROUTE_CHOICES
from star.cache import Store
from star.ops.precision import at_least_float32, without_autocast
from star.ops.recurrence.inputs import Inputs
from star.ops.routing import Packing
from star.structures.delta import Delta
from star.structures.recurrent import Recurrent
from star.structures.semi_separable import SemiSeparable
from star.structures.structure import Features, Structure


class RoutedRecurrent(Structure):
    """A recurrence of `kind` for every route; route weights multiply the outputs that a token reads, not its values.

    Every token takes the last `choice.shared` routes.
    """

    per_token = (*Recurrent.per_token, ROUTES)
    kind: ClassVar[type[Recurrent]]

    def __init__(
        self, operator: OperatorGenome, featurizer: FeaturizerGenome, head_sizes: Mapping[str, Heads], window: int
    ) -> None:
        super().__init__(operator, featurizer, head_sizes, window)
        self.base = self.kind(replace(operator, sparsity=Sparsity.NONE), featurizer, head_sizes, window)
        self.choice = ROUTE_CHOICES[featurizer[ROUTES].generator]

    def pairs_on(self, device: torch.device) -> bool:
        return False

    def exactly_causal(self, length: int) -> bool:
        return False

    def mix(self, features: Features) -> Tensor:
        """Advance the memories token by token; a memory that a token does not take keeps its state and is not read."""
        r_LMB11 = features[ROUTES].squeeze(2).permute(1, 2, 0)[..., None, None]
        states_MBHKV = self.base.zero_state(features["v"]).expand(r_LMB11.shape[1], *[-1] * 4)
        inputs, outputs = self.base.inputs(features), []
        for t, r_MB11 in enumerate(r_LMB11):
            y_MBHV, moved_MBHKV = self.base.token(inputs.token(t), states_MBHKV)
            states_MBHKV = torch.where(r_MB11.unsqueeze(4) > 0, moved_MBHKV, states_MBHKV)
            outputs.append(torch.where(r_MB11 > 0, r_MB11 * y_MBHV, 0).sum(0))
        return torch.stack(outputs, dim=1).to(features["v"].dtype)

    def fast(self, features: Features) -> Tensor:
        zero_BMHKV = self.base.zero_state(features["v"]).unsqueeze(1)
        return self._advance(zero_BMHKV.expand(-1, self.head_sizes[ROUTES].size, -1, -1, -1), features)[0]

    def step(self, features: Features, store: Store) -> Tensor:
        kept_BMHKV = store["state"]
        advance = self._advance if features["v"].shape[1] > 1 else self._advance_token
        y_BLHV, state_BMHKV = advance(kept_BMHKV.to(at_least_float32(kept_BMHKV)), features)
        store["state"] = state_BMHKV.to(kept_BMHKV.dtype)
        return y_BLHV

    def matrix(self, features: Features) -> Tensor:
        inputs = dict(zip(self.base.groups, self.base.inputs(features), strict=True))
        r_BL1M, t_BHLL = features[ROUTES], torch.zeros(())
        for m in range(r_BL1M.shape[3]):
            takes_BL11 = r_BL1M[..., m : m + 1] > 0
            own = inputs | {name: inputs[name] * takes_BL11 for name in self.base.masked_groups}
            weight_B1L1 = torch.where(takes_BL11, r_BL1M[..., m : m + 1], 0).transpose(1, 2)
            t_BHLL = t_BHLL + weight_B1L1 * self.base.matrix(own)
        return t_BHLL

    def memory(self, tokens: int) -> dict[str, tuple[int, ...]]:
        return {"state": (self.head_sizes[ROUTES].size, *self.base.state)}

    def flops(self, context: int) -> int:
        """Count the FLOPs of the memories that a token takes."""
        return self.choice.total * (self.base.flops(context) + 2 * self.channels)

    def _advance(self, state_BMHKV: Tensor, features: Features) -> tuple[Tensor, Tensor]:
        r_BL1M, inputs = features[ROUTES], self.base.inputs(features)
        chosen = r_BL1M.shape[3] - self.choice.shared
        with without_autocast(state_BMHKV):
            y_BLHV, last_BMHKV = self._advance_packed(state_BMHKV[:, :chosen], r_BL1M[..., :chosen], inputs)
            states = [last_BMHKV]
            for m in range(chosen, r_BL1M.shape[3]):
                read_BLHV, last_BHKV = self.base.advance(inputs, state_BMHKV[:, m])
                y_BLHV = y_BLHV + r_BL1M[..., m : m + 1] * read_BLHV
                states.append(last_BHKV.unsqueeze(1))
        return y_BLHV.to(features["v"].dtype), torch.cat(states, dim=1)

    def _advance_packed(self, state_BMHKV: Tensor, r_BL1M: Tensor, inputs: Inputs) -> tuple[Tensor, Tensor]:
        """Advance the memories that tokens choose; packing the memories that every token takes would save no work.

        Log decays that all tokens share are packed only if they are masked.
        """
        packing, masked = Packing(r_BL1M), self.base.masked_groups
        packed = {
            name: packing.pack(x) if x.shape[1] == inputs.length else x
            for name, x in zip(Inputs._fields, inputs.every_token() if "a" in masked else inputs, strict=True)
        }
        packed |= {name: packing.masked(packed[name]) for name in masked}
        y_XPHV, last_XHKV = self.base.advance(Inputs(**packed), state_BMHKV.flatten(0, 1))
        return packing.unpack(y_XPHV, r_BL1M.shape[1]), last_XHKV.view(state_BMHKV.shape)

    def _advance_token(self, state_BMHKV: Tensor, features: Features) -> tuple[Tensor, Tensor]:
        """Advance by a single token the memories that it takes and no others."""
        r_BM = features[ROUTES][:, 0, 0]
        pair = (r_BM > 0).nonzero(as_tuple=True)
        inputs = self.base.inputs(features)
        token = Inputs(*(x.expand(len(r_BM), *[-1] * 3)[pair[0]] for x in inputs))
        y_N1HV, moved_NHKV = self.base.advance(token, state_BMHKV[pair])
        weighted_N1HV = r_BM[pair][:, None, None, None].to(y_N1HV.dtype) * y_N1HV
        y_BLHV = torch.zeros_like(features["v"], dtype=inputs.v.dtype).index_add(0, pair[0], weighted_N1HV)
        return y_BLHV.to(features["v"].dtype), state_BMHKV.index_put(pair, moved_NHKV)


class RoutedSemiSeparable(RoutedRecurrent):
    """A routed recurrence with memories of `SemiSeparable`."""

    kind = SemiSeparable


class RoutedDelta(RoutedRecurrent):
    """A routed recurrence with memories of `Delta`."""

    kind = Delta
    tolerance = Delta.tolerance
