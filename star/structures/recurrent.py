"""What the structures with a state have in common: a meaning token by token, and a fast form that carries the state on.

B batch, L tokens, H heads, G heads of c and b (1 or H), K state and V value channels per head.
"""

from abc import abstractmethod
from typing import ClassVar

import torch
from torch import Tensor

from star.cache import Store
from star.ops.precision import exact, undisturbed
from star.structures.structure import Features, Structure


class Recurrent(Structure):
    """One (key, value) state a head, of the same size whatever the length.

    The groups are c_BLGK, b_BLGK, a (log decay, 0 or less; HK or BLHK, K may be 1, heads may share one), d_BLH1 (steps)
    and v_BLHV.
    """

    per_token = ("c", "b", "d", "v")
    idle: ClassVar[tuple[str, ...]] = ("d",)
    """The groups that are 0 for a token that shall leave the state as it is."""

    @abstractmethod
    def token(
        self, state_BHKV: Tensor, c_BGK: Tensor, b_BGK: Tensor, a_BHK: Tensor, d_BH1: Tensor, v_BHV: Tensor
    ) -> tuple[Tensor, Tensor]:
        """The meaning: what one token reads, y_BHV, and the state it leaves."""

    @abstractmethod
    def advance(
        self, state_BHKV: Tensor, c_BLGK: Tensor, b_BLGK: Tensor, a_BLHK: Tensor, d_BLH1: Tensor, v_BLHV: Tensor
    ) -> tuple[Tensor, Tensor]:
        """The same for all tokens at once: y_BLHV and the last state; differentiable in everything.

        Decays that are constant may come as a single token.
        """

    def left(self, c_BLGK: Tensor, b_BLGK: Tensor, a_BLHK: Tensor, d_BLH1: Tensor, v_BLHV: Tensor) -> Tensor:
        """The state that tokens leave by themselves, where nothing was before them."""
        return self.advance(self.nothing(v_BLHV), c_BLGK, b_BLGK, a_BLHK, d_BLH1, v_BLHV)[1]

    @property
    def state(self) -> tuple[int, int, int]:
        """(H, K, V)."""
        return self.heads, self.extents["b"].size, self.extents["v"].size

    def exact_groups(self, features: Features) -> tuple[Tensor, ...]:
        """All groups in float32 at least, as errors of the state add up; of decays that are constant a single token."""
        c_BLGK, b_BLGK, a, d_BLH1, v_BLHV = (features[name].to(exact(features[name])) for name in self.groups)
        if a.shape[-2] < self.heads:
            a = a.repeat_interleave(self.heads // a.shape[-2], dim=-2)
        return c_BLGK, b_BLGK, a if a.dim() == v_BLHV.dim() else a[None, None], d_BLH1, v_BLHV

    def inputs(self, features: Features) -> tuple[Tensor, ...]:
        """The same with decays for every token."""
        c_BLGK, b_BLGK, a_BLHK, d_BLH1, v_BLHV = self.exact_groups(features)
        return c_BLGK, b_BLGK, a_BLHK.expand(-1, v_BLHV.shape[1], -1, -1), d_BLH1, v_BLHV

    def nothing(self, v_BLHV: Tensor) -> Tensor:
        """The state before the first token."""
        return v_BLHV.new_zeros(v_BLHV.shape[0], *self.state, dtype=exact(v_BLHV))

    def mix(self, features: Features) -> Tensor:
        state_BHKV, outputs = self.nothing(features["v"]), []
        for token in zip(*(x_BL.unbind(1) for x_BL in self.inputs(features)), strict=True):
            y_BHV, state_BHKV = self.token(state_BHKV, *token)
            outputs.append(y_BHV)
        return torch.stack(outputs, dim=1).to(features["v"].dtype)

    def fast(self, features: Features) -> Tensor:
        with undisturbed(features["v"]):
            y_BLHV, _ = self.advance(self.nothing(features["v"]), *self.exact_groups(features))
        return y_BLHV.to(features["v"].dtype)

    def step(self, features: Features, store: Store) -> Tensor:
        kept_BHKV = store["state"]
        with undisturbed(kept_BHKV):
            y_BLHV, state_BHKV = self.advance(kept_BHKV.to(exact(kept_BHKV)), *self.exact_groups(features))
        store["state"] = state_BHKV.to(kept_BHKV.dtype)
        return y_BLHV.to(features["v"].dtype)

    def memory(self, tokens: int) -> dict[str, tuple[int, ...]]:
        return {"state": self.state}
