"""The memory cell of sLSTM as a structure; its meaning is `star.ops.memory_cell.naive`.

Its gates read its own last output through `m`, so y is not linear in v and there is no T. It is the only structure that
is no linear input-varying system.

B batch, L tokens, H heads, K channels per head, C = 4 K K; 4 gates in the order i, f, z, o.
"""

import torch
from torch import Tensor

from star.cache import Store
from star.ops.memory_cell.naive import memory_cell
from star.ops.precision import at_least_float32, without_autocast
from star.structures.structure import Features, Structure


class MemoryCell(Structure):
    """The groups are c (output gate o), b (input gate i), f (forget gate), m_HC (feedback, C = 4 K K) and v (z)."""

    per_token = ("c", "b", "f", "v")
    linear = False

    def mix(self, features: Features) -> Tensor:
        return self._run(features, features["v"].new_zeros(features["v"].shape[0], *self.memory(0)["state"]))[0]

    def fast(self, features: Features) -> Tensor:
        """Run the same loop over tokens, because every token needs the output of the token before it."""
        return self.mix(features)

    def step(self, features: Features, store: Store) -> Tensor:
        y_BLHK, store["state"] = self._run(features, store["state"])
        return y_BLHK

    def matrix(self, features: Features) -> Tensor:
        raise TypeError("a memory cell (token mixing 6) is no linear input-varying system: it has no matrix")

    def memory(self, tokens: int) -> dict[str, tuple[int, ...]]:
        """Return the shape of output y, cell c, normaliser n and stabiliser s, all zero before the first token."""
        return {"state": (4, *self.head_sizes["v"])}

    def flops(self, context: int) -> int:
        size = self.head_sizes["v"].size
        return self.heads * size * (8 * size + 16)

    def _run(self, features: Features, state_B4HK: Tensor) -> tuple[Tensor, Tensor]:
        """Compute outputs and the last state, in float32 at least because errors of a state add up over tokens."""
        size, dtype = self.head_sizes["v"].size, features["v"].dtype
        wide = at_least_float32(features["v"])
        gates_BL4HK = torch.stack([features[name].to(wide) for name in ("b", "f", "v", "c")], dim=2)
        feedback_H4KK = torch.unflatten(features["m"].to(wide), 1, (4, size, size))
        with without_autocast(gates_BL4HK):
            y_BLHK, last_B4HK = memory_cell(gates_BL4HK, feedback_H4KK, state_B4HK.to(wide))
        return y_BLHK.to(dtype), last_B4HK.to(state_B4HK.dtype)
