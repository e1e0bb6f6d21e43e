"""A linear recurrence with one (key, value) state per head, whose size does not depend on the length.

B batch, L tokens, H heads, G heads of c and b (1 or H), K key channels, V value channels per head.
"""

from abc import abstractmethod
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor

from star.cache import Store
from star.ops.precision import at_least_float32, without_autocast
from star.ops.recurrence.inputs import Inputs
from star.structures.structure import Features, Structure


class Recurrent(Structure):
    """A structure whose cache is one state per head.

    The groups are c_BLGK, b_BLGK, a (log decays of 0 or less: a_HK or a_BLHK, where K may be 1 and several heads may
    share one), d_BLH1 (steps) and v_BLHV.

    Attributes:
        masked_groups: the groups that are set to 0 for a token that must not change the state.
        ones: value channels of ones that are appended to v, so that the state also sums the weights of the values.
    """

    per_token = ("c", "b", "d", "v")
    masked_groups: ClassVar[tuple[str, ...]]
    ones: int = 0

    @abstractmethod
    def token(self, inputs: Inputs, state_BHKV: Tensor) -> tuple[Tensor, Tensor]:
        """Compute one token by the definition, without the axis L: y_BHV and the new state."""

    @abstractmethod
    def naive(self, inputs: Inputs, state_BHKV: Tensor) -> tuple[Tensor, Tensor]:
        """Compute all tokens by the definition, one after the other: y_BLHV and the last state."""

    @abstractmethod
    def advance(self, inputs: Inputs, state_BHKV: Tensor) -> tuple[Tensor, Tensor]:
        """Compute all tokens in the fastest form: y_BLHV and the last state; differentiable in all inputs."""

    @abstractmethod
    def final_state(self, inputs: Inputs) -> Tensor:
        """Compute the state after these tokens if it was zero before them."""

    @property
    def state(self) -> tuple[int, int, int]:
        """The shape of the state, (H, K, V), with the channels of ones in V."""
        return self.heads, self.head_sizes["b"].size, self.head_sizes["v"].size + self.ones

    def pairs_on(self, device: torch.device) -> bool:
        """On a CPU, states with several value channels are slower together: the tokens of a head lie further apart."""
        return device.type != "cpu" or self.head_sizes["v"].size == 1

    def inputs(self, features: Features) -> Inputs:
        """Return all groups in float32 at least, as errors of a state add up; constant log decays have one token."""
        c_BLGK, b_BLGK, a, d_BLH1, v_BLHV = (
            features[name].to(at_least_float32(features[name])) for name in self.groups
        )
        if a.shape[-2] < self.heads:
            a = a.repeat_interleave(self.heads // a.shape[-2], dim=-2)
        if self.ones:
            v_BLHV = F.pad(v_BLHV, (0, self.ones), value=1.0)
        return Inputs(c_BLGK, b_BLGK, a if a.dim() == v_BLHV.dim() else a.unsqueeze(0).unsqueeze(0), d_BLH1, v_BLHV)

    def zero_state(self, v_BLHV: Tensor) -> Tensor:
        """Return the state before the first token of the heads of v, which may be those of one group."""
        batch, _, heads, _ = v_BLHV.shape
        return v_BLHV.new_zeros(batch, heads, *self.state[1:], dtype=at_least_float32(v_BLHV))

    def mix(self, features: Features) -> Tensor:
        y_BLHV, _ = self.naive(self.inputs(features), self.zero_state(features["v"]))
        return y_BLHV.to(features["v"].dtype)

    def fast(self, features: Features) -> Tensor:
        with without_autocast(features["v"]):
            inputs, state_BHKV = grouped(self.inputs(features), self.zero_state(features["v"]))
            y_BLHV, _ = self.advance(inputs, state_BHKV)
        return ungrouped(y_BLHV, features["v"])

    def step(self, features: Features, store: Store) -> Tensor:
        kept_BHKV = store["state"]
        with without_autocast(kept_BHKV):
            y_BLHV, state_BHKV = self.advance(self.inputs(features), kept_BHKV.to(at_least_float32(kept_BHKV)))
        store["state"] = state_BHKV.to(kept_BHKV.dtype)
        return y_BLHV.to(features["v"].dtype)

    def memory(self, tokens: int) -> dict[str, tuple[int, ...]]:
        return {"state": self.state}


def grouped(inputs: Inputs, state_BHKV: Tensor) -> tuple[Inputs, Tensor]:
    """Make a sequence of each group of heads that share queries and keys, if there are several groups of several heads.

    Recurrences have one query and key for all heads or one for each.
    """
    groups = inputs.c.shape[2]
    if groups in (1, inputs.v.shape[2]):
        return inputs, state_BHKV
    batch = len(inputs.v)
    split = [torch.unflatten(x_BLH, 2, (groups, -1)).transpose(1, 2) for x_BLH in inputs]
    sequences = [x_BGL.expand(batch, *[-1] * 4).flatten(0, 1) for x_BGL in split]
    return Inputs(*sequences), torch.unflatten(state_BHKV, 1, (groups, -1)).flatten(0, 1)


def ungrouped(y_XLHV: Tensor, v_BLHV: Tensor) -> Tensor:
    """Return y_BLHV in the dtype of v from the output of `grouped` inputs, X = B or B times the number of groups."""
    y_BGLHV = torch.unflatten(y_XLHV, 0, (len(v_BLHV), -1))
    return y_BGLHV.transpose(1, 2).flatten(2, 3).to(v_BLHV.dtype)
