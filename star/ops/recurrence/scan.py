"""The recurrence S_t = exp(d_t a_t) S_{t-1} + b_t w_t^T, y_t = c_t S_t in few large steps: states of few value channels
leave no matrix product to make.

The sequence is cut into about sqrt(L) blocks that advance side by side: once from nothing, to learn what each block
hands on; then, with the states handed on from block to block, for good. That is some 3 sqrt(L) vectorised steps
instead of L, exact for any decay since nothing is ever divided, and each step's tensors stay in the processor's cache.

B batch, L tokens, H heads, G heads of c and b (1 or H), K state channels, V value channels,
J tokens of a block, N blocks. Blocked tensors are (J, B, N, ...): a step works on contiguous memory.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

STEP_ELEMENTS = 1 << 15
"""Elements a step works on where the state allows it: 128 KiB in float32."""

FEWEST_BLOCKS = 16


def recurrence_in_blocks(
    c_BLGK: Tensor, b_BLGK: Tensor, a_BLHK: Tensor, d_BLH1: Tensor, w_BLHV: Tensor, initial_BHKV: Tensor
) -> tuple[Tensor, Tensor]:
    """Outputs y_BLHV and the last state_BHKV; differentiable in everything. All of one floating dtype.

    Args:
        a_BLHK: log decay per unit step; B, L or K may be 1 where all share it.
    """
    pieces = []
    state_BHKV = initial_BHKV
    size = _piece(initial_BHKV.numel())
    per_token = [torch.split(x, size, dim=1) for x in (c_BLGK, b_BLGK, d_BLH1.squeeze(-1), w_BLHV)]
    rates = torch.split(a_BLHK, size, dim=1) if a_BLHK.shape[1] > 1 else [a_BLHK] * len(per_token[0])
    for c, b, d, w, rate in zip(*per_token, rates, strict=True):
        y_BLHV, state_BHKV = _advanced(c, b, rate, d, w, state_BHKV)
        pieces.append(y_BLHV)
    return torch.cat(pieces, dim=1), state_BHKV


def _piece(state_elements: int) -> int:
    """Tokens to advance at a time, so that the states of all blocks stay in the processor's cache."""
    blocks = max(FEWEST_BLOCKS, STEP_ELEMENTS // state_elements)
    return blocks * blocks


def _advanced(
    c_BLGK: Tensor, b_BLGK: Tensor, a_BLHK: Tensor, d_BLH: Tensor, w_BLHV: Tensor, initial_BHKV: Tensor
) -> tuple[Tensor, Tensor]:
    length = w_BLHV.shape[1]
    block = max(1, round(length**0.5))
    c = _blocked(c_BLGK, block).unsqueeze(-1)
    b = _blocked(b_BLGK, block).unsqueeze(-1)
    d = _blocked(d_BLH, block)[..., None, None]
    w = _blocked(w_BLHV, block).unsqueeze(-2)
    shared = a_BLHK.shape[1] == 1
    rate = (a_BLHK.unsqueeze(0).expand(block, *[-1] * 4) if shared else _blocked(a_BLHK, block)).unsqueeze(-1)
    y, last_BHKV = _Recurrence.apply(c, b, rate, d, w, initial_BHKV)  # type: ignore[no-untyped-call]  # torch's own apply is untyped
    y_BLHV = y.squeeze(-2).permute(1, 2, 0, 3, 4).flatten(1, 2)[:, :length]
    return y_BLHV, last_BHKV


def _blocked(x_BL: Tensor, block: int) -> Tensor:
    """(J, B, N, ...), padded with zeros: a step size of zero keeps the state as it is."""
    missing = -x_BL.shape[1] % block
    padded = F.pad(x_BL, (0, 0) * (x_BL.dim() - 2) + (0, missing))
    return torch.unflatten(padded, 1, (-1, block)).movedim(2, 0).contiguous()


class _Recurrence(torch.autograd.Function):
    """The adjoint of a linear recurrence is the same recurrence run backwards."""

    @staticmethod
    def forward(
        ctx: Any, c: Tensor, b: Tensor, a: Tensor, d: Tensor, w: Tensor, initial_BHKV: Tensor
    ) -> tuple[Tensor, Tensor]:
        log_decay = d * a
        reach = log_decay.sum(0).exp_()
        decay = log_decay.exp_()
        state = (b[0] * w[0]).expand(*d.shape[1:4], *initial_BHKV.shape[2:]).clone()
        for j in range(1, len(d)):
            state.mul_(decay[j]).addcmul_(b[j], w[j])
        starts = _handed_on(state, reach, initial_BHKV)
        states, outputs, scratch = state.new_empty(len(d), *state.shape), [], torch.empty_like(state)
        state = starts
        for j in range(len(d)):
            state = torch.mul(decay[j], state, out=states[j]).addcmul_(b[j], w[j])
            outputs.append(torch.mul(c[j], state, out=scratch).sum(-2, keepdim=True))
        ctx.save_for_backward(c, b, a, d, w, decay, reach, states, starts)
        return torch.stack(outputs), state[:, -1].clone()

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, ...]:
        grad_y, grad_last_BHKV = grads
        c, b, a, d, w, decay, reach, states, starts = ctx.saved_tensors
        last = len(d) - 1
        adjoint = torch.zeros_like(starts)
        for j in range(last, -1, -1):
            adjoint.addcmul_(c[j], grad_y[j]).mul_(decay[j])
        arriving = _handed_on(adjoint.flip(1), reach.flip(1), grad_last_BHKV).flip(1)
        grad_c, grad_b, grad_a, grad_d, grad_w = ([torch.empty(0)] * (last + 1) for _ in range(5))
        adjoint, scratch = arriving, torch.empty_like(arriving)
        for j in range(last, -1, -1):
            grad_c[j] = _summed(torch.mul(states[j], grad_y[j], out=scratch), c[j])
            adjoint.addcmul_(c[j], grad_y[j])
            grad_b[j] = _summed(torch.mul(adjoint, w[j], out=scratch), b[j])
            grad_w[j] = torch.mul(adjoint, b[j], out=scratch).sum(-2, keepdim=True)
            adjoint.mul_(decay[j])
            through_decay = torch.mul(adjoint, states[j - 1] if j else starts, out=scratch).sum(-1, keepdim=True)
            grad_d[j] = (through_decay * a[j]).sum(-2, keepdim=True)
            grad_a[j] = (through_decay * d[j]).sum_to_size(a[j].shape)
        return (*map(torch.stack, (grad_c, grad_b, grad_a, grad_d, grad_w)), adjoint[:, 0])


def _summed(scratch: Tensor, like: Tensor) -> Tensor:
    """Summed over what was broadcast; never the scratch memory itself, which the next step overwrites."""
    return scratch.sum_to_size(like.shape).clone()


def _handed_on(ends_BN: Tensor, reach_BN: Tensor, initial_B: Tensor) -> Tensor:
    """The state each block starts from, given what it adds by itself and what it lets through."""
    starts = torch.empty_like(ends_BN)
    state = initial_B
    for n in range(ends_BN.shape[1]):
        starts[:, n] = state
        state = torch.addcmul(ends_BN[:, n], reach_BN[:, n], state)
    return starts
