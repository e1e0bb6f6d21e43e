"""T_ij = sum_m r_im T^m_ij over memories that read values of their own: each projects all groups for itself.

Each memory is a delta rule over the tokens that take it (Mixture-of-Memories, Du et al. 2025). For training, the tokens
of the memories that tokens choose are packed to the front, and these memories advance side by side in the batch.

B batch, L tokens, M memories, S slots (memories that a token takes), H heads, K key and V value channels per head, I
channels of all groups of a head, J = L M values of all memories, X = B M memories side by side, P tokens of the memory
that most tokens take, N pairs of a token and a memory that it takes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

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
from star.structures.structure import Features, Structure


class Memories(Structure):
    """A delta rule for every route; a token has all groups but the routes in S slots, for the memories that it takes.

    Every token takes the last `choice.shared` memories.
    """

    per_token = (*Recurrent.per_token, ROUTES)
    tolerance = Delta.tolerance

    def __init__(
        self, operator: OperatorGenome, featurizer: FeaturizerGenome, head_sizes: Mapping[str, Heads], window: int
    ) -> None:
        super().__init__(operator, featurizer, head_sizes, window)
        self.choice = ROUTE_CHOICES[featurizer[ROUTES].generator]
        self.sources = head_sizes[ROUTES].size
        self.heads //= self.choice.total
        one = {name: size._replace(heads=self.heads) for name, size in head_sizes.items()}
        self.base = Delta(replace(operator, sparsity=Sparsity.NONE), featurizer, one, window)

    def pairs_on(self, device: torch.device) -> bool:
        return False

    def exactly_causal(self, length: int) -> bool:
        return False

    def mix(self, features: Features) -> Tensor:
        """Advance the memories token by token; a memory that a token does not take keeps its state and is not read."""
        r_LBM = features[ROUTES].squeeze(2).transpose(0, 1)
        inputs, outputs = self._of_memories(features), []
        state_XHKV = self.base.zero_state(inputs.v)
        for t, r_BM in enumerate(r_LBM):
            r_X111 = r_BM.reshape(-1, 1, 1, 1)
            y_XHV, moved_XHKV = self.base.token(inputs.token(t), state_XHKV)
            state_XHKV = torch.where(r_X111 > 0, moved_XHKV, state_XHKV)
            read_XHV = torch.where(r_X111.squeeze(3) > 0, r_X111.squeeze(3) * y_XHV, 0)
            outputs.append(torch.unflatten(read_XHV, 0, r_BM.shape).sum(1))
        return torch.stack(outputs, dim=1).to(features["v"].dtype)

    def fast(self, features: Features) -> Tensor:
        return self._advance(None, features)[0]

    def step(self, features: Features, store: Store) -> Tensor:
        kept_BMHKV = store["state"]
        advance = self._advance if features["v"].shape[1] > 1 else self._advance_token
        y_BLHV, state_BMHKV = advance(kept_BMHKV.to(at_least_float32(kept_BMHKV)), features)
        store["state"] = state_BMHKV.to(kept_BMHKV.dtype)
        return y_BLHV

    def matrix(self, features: Features) -> Tensor:
        """Compute the weights of the values of all memories, (B, H, L, J), those of a token side by side."""
        r_BML = features[ROUTES].squeeze(2).transpose(1, 2)
        takes_XL11 = (r_BML > 0).flatten(0, 1)[..., None, None]
        own = dict(zip(self.base.groups, self._of_memories(features), strict=True))
        own |= {name: own[name] * takes_XL11 for name in self.base.masked_groups}
        t_BMHLL = torch.unflatten(self.base.matrix(own), 0, r_BML.shape[:2])
        weight_BM1L1 = torch.where(r_BML > 0, r_BML, 0)[:, :, None, :, None]
        return (weight_BM1L1 * t_BMHLL).permute(0, 2, 3, 4, 1).flatten(3)

    def values(self, features: Features) -> Tensor:
        """Return the values of all memories, (B, J, H, V)."""
        v_XLHV = self._of_memories(features).v
        return torch.unflatten(v_XLHV, 0, (-1, self.sources)).transpose(1, 2).flatten(1, 2)

    def memory(self, tokens: int) -> dict[str, tuple[int, ...]]:
        return {"state": (self.sources, *self.base.state)}

    def flops(self, context: int) -> int:
        """Count the FLOPs of the memories that a token takes."""
        return self.choice.total * (self.base.flops(context) + 2 * self.channels)

    def _slots(self, features: Features) -> Tensor:
        """Return slot_BLM, the slot in which a token has its features for a memory; any for one it does not take."""
        return ((features[ROUTES].squeeze(2) > 0).cumsum(2) - 1).clamp(0, self.choice.total - 1)

    def _of_memories(self, features: Features) -> Inputs:
        """Return the groups of all memories side by side, those of one that a token does not take being any."""
        slot_BLM11 = self._slots(features)[..., None, None]
        split = (torch.unflatten(x_BLG, 2, (-1, self.heads)) for x_BLG in self.base.inputs(features))
        chosen = (x_BLSHK.gather(2, slot_BLM11.expand(-1, -1, -1, *x_BLSHK.shape[3:])) for x_BLSHK in split)
        return Inputs(*(x_BLMHK.transpose(1, 2).flatten(0, 1) for x_BLMHK in chosen))

    def _advance(self, state_BMHKV: Tensor | None, features: Features) -> tuple[Tensor, Tensor]:
        """Advance the memories that tokens choose, packed, and then those that every token takes; None is zero."""
        r_BL1M, chosen = features[ROUTES], self.sources - self.choice.shared
        with without_autocast(r_BL1M):
            inputs, slot_BLM = self.base.inputs(features), self._slots(features)
            if state_BMHKV is None:
                zero_BHKV = self.base.zero_state(inputs.v[:, :, : self.heads])
                state_BMHKV = zero_BHKV.unsqueeze(1).expand(-1, self.sources, -1, -1, -1)
            x_BLSHI = torch.unflatten(torch.cat(inputs, dim=3), 2, (-1, self.heads))
            packing = Packing(r_BL1M[..., :chosen])
            packed = self._split(packing.pack_slots(x_BLSHI, slot_BLM[..., :chosen]))
            packed = packed._replace(a=packing.masked(packed.a), d=packing.masked(packed.d))
            y_XPHV, last_XHKV = self.base.advance(packed, state_BMHKV[:, :chosen].flatten(0, 1))
            y_BLHV = packing.unpack(y_XPHV, x_BLSHI.shape[1])
            states = [torch.unflatten(last_XHKV, 0, (-1, chosen))]
            for m in range(chosen, self.sources):
                slot_BL1HI = slot_BLM[..., m, None, None, None].expand(-1, -1, 1, *x_BLSHI.shape[3:])
                own = self._split(x_BLSHI.gather(2, slot_BL1HI).squeeze(2))
                read_BLHV, last_BHKV = self.base.advance(own, state_BMHKV[:, m])
                y_BLHV = y_BLHV.addcmul(r_BL1M[..., m : m + 1].to(read_BLHV.dtype), read_BLHV)
                states.append(last_BHKV.unsqueeze(1))
        return y_BLHV.to(features["v"].dtype), torch.cat(states, dim=1)

    def _split(self, x_BLHI: Tensor) -> Inputs:
        """Split the channels of all groups of a head into the groups."""
        return Inputs(*torch.split(x_BLHI, [self.base.head_sizes[name].size for name in self.base.groups], dim=3))

    def _advance_token(self, state_BMHKV: Tensor, features: Features) -> tuple[Tensor, Tensor]:
        """Advance by a single token the memories that it takes and no others."""
        r_BM, slot_BM = features[ROUTES][:, 0, 0], self._slots(features)[:, 0]
        pair = (r_BM > 0).nonzero(as_tuple=True)
        with without_autocast(r_BM):
            split = (torch.unflatten(x_B1G, 2, (-1, self.heads)) for x_B1G in self.base.inputs(features))
            token = Inputs(*(x_B1SHK[pair[0], :, slot_BM[pair]] for x_B1SHK in split))
            y_N1HV, moved_NHKV = self.base.advance(token, state_BMHKV[pair])
            weighted_N1HV = r_BM[pair][:, None, None, None].to(y_N1HV.dtype) * y_N1HV
            y_B1HV = y_N1HV.new_zeros(len(r_BM), *y_N1HV.shape[1:]).index_add(0, pair[0], weighted_N1HV)
        return y_B1HV.to(features["v"].dtype), state_BMHKV.index_put(pair, moved_NHKV)
