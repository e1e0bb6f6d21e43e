"""The recurrence in few large steps, for states with one value channel, which have no matrix product.

The sequence is cut into about sqrt(L) blocks that advance side by side: first from a state of zeros, which gives the
state that each block adds; then from the states passed from block to block, which gives the outputs. This takes about
3 sqrt(L) vectorised steps instead of L. There is no division, so any decay is exact.

B batch, L tokens, H heads, G heads of c and b (1 or H), K key channels, V value channels, J tokens of a block, N
blocks. Blocked tensors are (J, B, N, ...): a step works on contiguous memory.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

from star.ops.recurrence.inputs import Inputs, joined

STEP_ELEMENTS = 1 << 15
"""Elements of a step if the state is not larger: 128 KiB in float32."""

FEWEST_BLOCKS = 16


def recurrence(inputs: Inputs, state_BHKV: Tensor) -> tuple[Tensor, Tensor]:
    """Compute y_BLHV and the last state_BHKV as `naive.recurrence` does; differentiable once in all inputs."""
    outputs = []
    for part in inputs.split(_tile(state_BHKV.numel())):
        y_BLHV, state_BHKV = _scanned(part, state_BHKV)
        outputs.append(y_BLHV)
    return joined(outputs), state_BHKV


def _tile(state_elements: int) -> int:
    """Compute the tokens that are scanned at a time, so that the states of all blocks stay in the cache of a CPU."""
    blocks = max(FEWEST_BLOCKS, STEP_ELEMENTS // state_elements)
    return blocks * blocks


def _scanned(inputs: Inputs, initial_BHKV: Tensor) -> tuple[Tensor, Tensor]:
    c_BLGK, b_BLGK, a_BLHK, d_BLH1, v_BLHV = inputs
    length = inputs.length
    block = max(1, round(length**0.5))
    c = _blocked(c_BLGK, block).unsqueeze(-1)
    b = _blocked(b_BLGK, block).unsqueeze(-1)
    d = _blocked(d_BLH1.squeeze(-1), block)[..., None, None]
    w = _blocked(d_BLH1 * v_BLHV, block).unsqueeze(-2)
    shared = a_BLHK.shape[1] == 1
    rate = (a_BLHK.unsqueeze(0).expand(block, *[-1] * 4) if shared else _blocked(a_BLHK, block)).unsqueeze(-1)
    y, last_BHKV = _Scan.apply(c, b, rate, d, w, initial_BHKV)  # type: ignore[no-untyped-call]  # torch leaves apply untyped
    y_BLHV = y.squeeze(-2).permute(1, 2, 0, 3, 4).flatten(1, 2)[:, :length]
    return y_BLHV, last_BHKV


def _blocked(x_BL: Tensor, block: int) -> Tensor:
    """Cut into blocks, (J, B, N, ...), padded with zeros: a step size of zero does not change the state."""
    missing = -x_BL.shape[1] % block
    padded = F.pad(x_BL, (0, 0) * (x_BL.dim() - 2) + (0, missing))
    return torch.unflatten(padded, 1, (-1, block)).movedim(2, 0).contiguous()


class _Scan(torch.autograd.Function):
    """The scan; its backward pass is the scan in reverse, which is the adjoint of a linear recurrence."""

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
        starts = _block_states(state, reach, initial_BHKV)
        states, outputs, scratch = state.new_empty(len(d), *state.shape), [], torch.empty_like(state)
        state = starts
        for j in range(len(d)):
            state = torch.mul(decay[j], state, out=states[j]).addcmul_(b[j], w[j])
            outputs.append(torch.mul(c[j], state, out=scratch).sum(-2, keepdim=True))
        ctx.save_for_backward(c, b, a, d, w, decay, reach, states, starts)
        return torch.stack(outputs), state[:, -1].clone()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, ...]:
        grad_y, grad_last_BHKV = grads
        c, b, a, d, w, decay, reach, states, starts = ctx.saved_tensors
        last = len(d) - 1
        adjoint = torch.zeros_like(starts)
        for j in range(last, -1, -1):
            adjoint.addcmul_(c[j], grad_y[j]).mul_(decay[j])
        arriving = _block_states(adjoint.flip(1), reach.flip(1), grad_last_BHKV).flip(1)
        grad_c, grad_b, grad_a, grad_d, grad_w = (list(x) for x in (c, b, a, d, w))  # All are replaced below.
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
    """Sum over broadcast axes into new memory, because the next step overwrites the scratch memory."""
    return scratch.sum_to_size(like.shape).clone()


def _block_states(ends_BN: Tensor, reach_BN: Tensor, initial_B: Tensor) -> Tensor:
    """Compute the state at the start of each block from the state that each block adds and the decay over it."""
    starts = torch.empty_like(ends_BN)
    state = initial_B
    for n in range(ends_BN.shape[1]):
        starts[:, n] = state
        state = torch.addcmul(ends_BN[:, n], reach_BN[:, n], state)
    return starts
