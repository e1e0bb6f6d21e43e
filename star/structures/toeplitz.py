"""T_ij = c_i h_{i-j} b_j: gated convolutions (Hyena, Poli et al. 2023; LFM2's short convolution).

B batch, L tokens, H heads (one filter each), V channels per head, D = H V channels, W taps.
"""

import torch
from torch import Tensor

from genome.alphabet import TokenMixing
from star.cache import Store
from star.convolution import causal
from star.kernels import kernel
from star.structures.structure import Features, Structure


class Toeplitz(Structure):
    """The groups are the gates c and b, the filter h_HW, and v."""

    digit = TokenMixing.TOEPLITZ
    per_token = ("c", "b", "v")

    def mix(self, features: Features) -> Tensor:
        c_BLHV, v_BLHV = features["c"], features["v"]
        inputs = (features["b"] * v_BLHV).unbind(1)
        taps = features["h"].to(v_BLHV.dtype).unbind(1)
        outputs = []
        for i in range(v_BLHV.shape[1]):
            reach = min(i + 1, len(taps))
            outputs.append(c_BLHV[:, i] * sum(taps[w].unsqueeze(-1) * inputs[i - w] for w in range(reach)))
        return torch.stack(outputs, dim=1)

    def fast(self, features: Features) -> Tensor:
        c_BLD, b_BLD, v_BLD = (features[name].flatten(2) for name in ("c", "b", "v"))
        h_DW = self._per_channel(features["h"])
        run = kernel("toeplitz", c_BLD, b_BLD, v_BLD, h_DW)
        y_BLD = run(c_BLD, b_BLD, v_BLD, h_DW) if run else c_BLD * causal(b_BLD * v_BLD, h_DW)
        return torch.unflatten(y_BLD, 2, (self.heads, -1))

    def step(self, features: Features, store: Store) -> Tensor:
        c_BLD, b_BLD, v_BLD = (features[name].flatten(2) for name in ("c", "b", "v"))
        keep = None if self.taps is None else self.taps - 1
        inputs_BTD = store.append("tail", b_BLD * v_BLD, keep)
        h_DW = self._per_channel(features["h"]).to(inputs_BTD.dtype)
        recent_BLD = [_window(inputs_BTD, h_DW, back) for back in range(c_BLD.shape[1] - 1, -1, -1)]
        return torch.unflatten(c_BLD * torch.stack(recent_BLD, dim=1), 2, (self.heads, -1))

    def matrix(self, features: Features) -> Tensor:
        c_BLD, b_BLD = features["c"].flatten(2), features["b"].flatten(2)
        h_DW = self._per_channel(features["h"]).to(c_BLD.dtype)
        length = c_BLD.shape[1]
        distance = torch.arange(length).unsqueeze(1) - torch.arange(length)
        inside = (distance >= 0) & (distance < h_DW.shape[1])
        k_DLL = h_DW[:, distance.clamp(0, h_DW.shape[1] - 1)] * inside
        return c_BLD.transpose(1, 2).unsqueeze(3) * k_DLL * b_BLD.transpose(1, 2).unsqueeze(2)

    def memory(self, tokens: int) -> dict[str, tuple[int, ...]]:
        return {"tail": (tokens if self.taps is None else self.taps - 1, self.channels)}

    def flops(self, context: int) -> int:
        return 2 * self.channels * (context if self.taps is None else self.taps) + 2 * self.channels

    def _per_channel(self, h_HW: Tensor) -> Tensor:
        return h_HW.repeat_interleave(self.extents["v"].size, dim=0)


def _window(inputs_BTD: Tensor, h_DW: Tensor, back: int) -> Tensor:
    """The filter's output at `back` tokens before the last."""
    end = inputs_BTD.shape[1] - back
    taps = min(end, h_DW.shape[1])
    return torch.einsum("btd,dt->bd", inputs_BTD[:, end - taps : end], h_DW[:, :taps].flip(1))
