"""Rotary position embedding (Su et al. 2021): channel n is paired with channel n + K // 2.

B batch, L tokens, x leading axes, none or B, H heads, K channels per head.
"""

import torch
from torch import Tensor

from star.ops.precision import at_least_float32

BASE = 10_000.0


def rotate(x_BLHK: Tensor, position: int | Tensor = 0) -> Tensor:
    """Rotate channel pair n of the token at position p by p / BASE^(n / (K // 2)) radians.

    The first token stands at `position`, one for all sequences or one for each, (B, 1). An odd last channel is not
    rotated.
    """
    half = x_BLHK.shape[-1] // 2
    if half == 0:
        return x_BLHK
    wide = at_least_float32(x_BLHK)
    positions_xL = position + torch.arange(x_BLHK.shape[1], device=x_BLHK.device, dtype=wide)
    speeds = BASE ** (-torch.arange(half, device=x_BLHK.device, dtype=wide) / half)
    angles_xL1K = (positions_xL.unsqueeze(-1) * speeds).unsqueeze(-2)
    cos, sin = angles_xL1K.cos().to(x_BLHK.dtype), angles_xL1K.sin().to(x_BLHK.dtype)
    first, second, rest = torch.split(x_BLHK, [half, half, x_BLHK.shape[-1] - 2 * half], dim=-1)
    return torch.cat([first * cos - second * sin, first * sin + second * cos, rest], dim=-1)
