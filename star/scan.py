"""The linear recurrence s_t = decay_t s_{t-1} + input_t, for all t at once.

Tokens are cut into about sqrt(L) blocks: all blocks advance together, then the ends of the blocks are
carried over. That is 2 sqrt(L) vectorised steps instead of L, exact for any decay: nothing is divided.

B batch, L tokens, N whatever is carried (state channels, any number of axes).
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor


def scan(decay_BLN: Tensor, input_BLN: Tensor, initial_BN: Tensor) -> Tensor:
    """All states s_BLN of the recurrence that starts from `initial_BN`. Shapes must agree exactly."""
    states: Tensor = _Scan.apply(decay_BLN, input_BLN, initial_BN)  # type: ignore[no-untyped-call]  # torch's own apply is untyped
    return states


def _advance(decay_BLN: Tensor, input_BLN: Tensor, initial_BN: Tensor) -> Tensor:
    length = input_BLN.shape[1]
    block = max(1, round(length**0.5))
    count = -(-length // block)
    decay = _blocked(decay_BLN, count, block)
    states = _blocked(input_BLN, count, block, copy=True)
    reach = decay.clone()
    for j in range(1, block):
        states[:, :, j].addcmul_(decay[:, :, j], states[:, :, j - 1])
        reach[:, :, j].mul_(reach[:, :, j - 1])
    carried = torch.empty_like(states[:, :, 0])
    carry = initial_BN
    for n in range(count):
        carried[:, n] = carry
        carry = torch.addcmul(states[:, n, -1], reach[:, n, -1], carry)
    states.addcmul_(reach, carried.unsqueeze(2))
    return states.flatten(1, 2)[:, :length]


def _blocked(x_BLN: Tensor, count: int, block: int, copy: bool = False) -> Tensor:
    missing = count * block - x_BLN.shape[1]
    if missing:
        x_BLN = F.pad(x_BLN, (0, 0) * (x_BLN.dim() - 2) + (0, missing))
    elif copy:
        x_BLN = x_BLN.clone(memory_format=torch.contiguous_format)
    return torch.unflatten(x_BLN, 1, (count, block))


class _Scan(torch.autograd.Function):
    """The adjoint of a linear recurrence is the same recurrence, run backwards."""

    @staticmethod
    def forward(ctx: Any, decay_BLN: Tensor, input_BLN: Tensor, initial_BN: Tensor) -> Tensor:
        states_BLN = _advance(decay_BLN, input_BLN, initial_BN)
        ctx.save_for_backward(decay_BLN, states_BLN, initial_BN)
        return states_BLN

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        decay_BLN, states_BLN, initial_BN = ctx.saved_tensors
        next_decay = torch.cat([torch.zeros_like(decay_BLN[:, :1]), decay_BLN[:, 1:].flip(1)], dim=1)
        adjoint_BLN = _advance(next_decay, grads[0].flip(1), torch.zeros_like(initial_BN)).flip(1)
        previous_BLN = torch.cat([initial_BN.unsqueeze(1), states_BLN[:, :-1]], dim=1)
        return adjoint_BLN * previous_BLN, adjoint_BLN, decay_BLN[:, 0] * adjoint_BLN[:, 0]
