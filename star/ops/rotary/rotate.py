"""Rotary position embedding (Su et al. 2021) in PyTorch: channel n is paired with channel n + K // 2.

B batch, L tokens, x leading axes, none or B, H heads, K channels per head, P = K // 2 pairs.
"""

import torch
from torch import Tensor

from star.ops.precision import at_least_float32

BASE = 10_000.0


def rotate(x_BLHK: Tensor, position: int | Tensor = 0) -> Tensor:
    """Rotate channel pair n of the token at position p by p / BASE^(n / P) radians.

    The first token stands at `position`, one for all sequences or one for each, (B, 1). An odd last channel is not
    rotated.
    """
    half = x_BLHK.shape[-1] // 2
    if half == 0:
        return x_BLHK
    angles_xLP = angles(x_BLHK.shape[1], half, position, x_BLHK.device, at_least_float32(x_BLHK)).unsqueeze(-2)
    cos, sin = angles_xLP.cos().to(x_BLHK.dtype), angles_xLP.sin().to(x_BLHK.dtype)
    first, second, rest = torch.split(x_BLHK, [half, half, x_BLHK.shape[-1] - 2 * half], dim=-1)
    return torch.cat([first * cos - second * sin, first * sin + second * cos, rest], dim=-1)


def angles(length: int, half: int, position: int | Tensor, device: torch.device, dtype: torch.dtype) -> Tensor:
    """Return the angles of so many tokens and channel pairs in radians, (x, L, P)."""
    positions_xL = position + torch.arange(length, device=device, dtype=dtype)
    speeds_P = BASE ** (-torch.arange(half, device=device, dtype=dtype) / half)
    return positions_xL.unsqueeze(-1) * speeds_P
