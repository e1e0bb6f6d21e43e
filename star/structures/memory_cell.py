"""sLSTM (Beck et al. 2024, xLSTM, arXiv 2405.04517, section 2.2): a memory cell with exponential input gates.

Its gates read its own last output through `m`, so y is not linear in v for any T: the one structure here that is no
linear input-varying system. It has no matrix and no form that works on all tokens at once.

    i~, f~, z~, o~ = features + feedback of y_{t-1},  s_t = max(i~, log sigmoid(f~) + s_{t-1})
    c_t = e^(log sigmoid(f~) + s_{t-1} - s_t) c_{t-1} + e^(i~ - s_t) tanh(z~),   n_t likewise with 1 for tanh(z~)
    y_t = sigmoid(o~) c_t / n_t

s only keeps the exponentials in range: c / n does not depend on it.

B batch, L tokens, H heads, K channels per head, 4 gates in the order i, f, z, o.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from star.cache import Store
from star.ops.precision import exact, undisturbed
from star.structures.structure import Features, Structure

LEAST = 1e-12
"""A cell that nothing has been written to yet reads as 0 instead of 0 / 0."""


class MemoryCell(Structure):
    """The groups are c (output gate o), b (input gate i), f (forget gate), m_HC (feedback, C = 4 K K) and v (z)."""

    per_token = ("c", "b", "f", "v")
    linear = False

    def mix(self, features: Features) -> Tensor:
        return self._run(features, features["v"].new_zeros(features["v"].shape[0], *self.memory(0)["state"]))[0]

    def fast(self, features: Features) -> Tensor:
        """The same loop: every token needs the output of the one before it."""
        return self.mix(features)

    def step(self, features: Features, store: Store) -> Tensor:
        y_BLHK, store["state"] = self._run(features, store["state"])
        return y_BLHK

    def matrix(self, features: Features) -> Tensor:
        raise TypeError("a memory cell (token mixing 6) is no linear input-varying system: it has no matrix")

    def memory(self, tokens: int) -> dict[str, tuple[int, ...]]:
        return {"state": (4, *self.extents["v"])}

    def flops(self, context: int) -> int:
        size = self.extents["v"].size
        return self.heads * size * (8 * size + 16)

    def _run(self, features: Features, state_B4HK: Tensor) -> tuple[Tensor, Tensor]:
        """Outputs and the last y, c, n, s; in float32 at least, for errors of a state add up over tokens."""
        size, dtype = self.extents["v"].size, features["v"].dtype
        wide = exact(features["v"])
        gates_BL4HK = torch.stack([features[name].to(wide) for name in ("b", "f", "v", "c")], dim=2)
        feedback_H4KK = torch.unflatten(features["m"].to(wide), 1, (4, size, size))
        state, outputs = state_B4HK.to(wide).unbind(1), []
        with undisturbed(gates_BL4HK):
            for gates_B4HK in gates_BL4HK.unbind(1):
                state = _token(state, gates_B4HK + torch.einsum("bhk,hgkj->bghj", state[0], feedback_H4KK))
                outputs.append(state[0])
        return torch.stack(outputs, dim=1).to(dtype), torch.stack(state, dim=1).to(state_B4HK.dtype)


def _token(state: tuple[Tensor, ...], gates_B4HK: Tensor) -> tuple[Tensor, ...]:
    """y, c, n and s, all (B, H, K), behind one token."""
    _, c, n, s = state
    i, f, z, o = gates_B4HK.unbind(1)
    kept = F.logsigmoid(f) + s
    s = torch.maximum(i, kept)
    keep, write = (kept - s).exp(), (i - s).exp()
    c, n = keep * c + write * z.tanh(), keep * n + write
    return o.sigmoid() * c / n.clamp_min(LEAST), c, n, s
