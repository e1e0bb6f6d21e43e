"""The decoder of MAD's compression task (Poli et al. 2024, appendix B.1): two layers without a residual stream.

Shapes: B sequences, L tokens, D model width, V vocabulary.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from star import Backbone

STD = 0.02
"""Standard deviation of the initial weights of the decoder."""

BASE = 10_000.0


class Layer(nn.Linear):
    """A linear map whose weight decays."""

    decaying = ("weight",)


class AutoEncoder(nn.Module):
    """A model as an encoder, and a decoder of the state at its last position: logits_BLV from tokens_BL.

    The head is that of the model.
    """

    def __init__(self, encoder: Backbone, seed: int) -> None:
        super().__init__()
        width = encoder.shape.width
        self.encoder = encoder
        self.decoder = nn.Sequential(
            nn.RMSNorm(width), Layer(width, width), nn.GELU(), nn.RMSNorm(width), Layer(width, width), nn.GELU()
        )
        generator = torch.Generator().manual_seed(seed)
        for layer in self.decoder:
            if isinstance(layer, Layer):
                nn.init.normal_(layer.weight, std=STD, generator=generator)
                nn.init.zeros_(layer.bias)

    def forward(self, tokens_BL: Tensor) -> Tensor:
        """Return for each position the logits of its own token, from the state at the last position alone."""
        state_B1D = self.encoder.hidden(tokens_BL)[:, -1:]
        return self.encoder.read(self.decoder(state_B1D + _positions(tokens_BL.shape[1], state_B1D)))


def _positions(length: int, like: Tensor) -> Tensor:
    """Return sines and cosines of the position: (L, D), of the type and on the device of a tensor."""
    width = like.shape[-1]
    speeds = BASE ** -torch.linspace(0, 1, -(-width // 2), dtype=like.dtype, device=like.device)
    phases = torch.outer(torch.arange(length, dtype=like.dtype, device=like.device), speeds)
    return torch.cat([phases.sin(), phases.cos()], dim=1)[:, :width]
