"""The recurrence in few large steps, for states with one value channel, which have no matrix product.

The sequence is cut into blocks that advance side by side: first from a state of zeros, which gives the state that each
block adds; then from the states passed from block to block, which gives the outputs. Many blocks are joined to blocks
of blocks, which pass states in the same way. There is no division, so any decay is exact. On a CPU a step is as large
as its cache: about 3 sqrt(L) steps instead of L. On other devices a step is a launch, and blocks of blocks need about
the cube root of L times 10.

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
"""Elements of a step on a CPU if the state is not larger: 128 KiB in float32."""

FEWEST_BLOCKS = 16

MOST_BLOCKS = 64
"""Blocks that pass their states one after the other; more are joined to blocks of blocks."""


def recurrence(inputs: Inputs, state_BHKV: Tensor) -> tuple[Tensor, Tensor]:
    """Compute y_BLHV and the last state_BHKV as `naive.recurrence` does; differentiable once in all inputs."""
    outputs = []
    for part in inputs.split(_tile(state_BHKV) or inputs.length):
        y_BLHV, state_BHKV = _scanned(part, state_BHKV)
        outputs.append(y_BLHV)
    return joined(outputs), state_BHKV


def _tile(state_BHKV: Tensor) -> int | None:
    """Compute the tokens that are scanned at a time, so that the states of all blocks stay in the cache of a CPU.

    None for all tokens, on a device where the states of a tile have no cache to stay in.
    """
    if state_BHKV.device.type != "cpu":
        return None
    blocks = max(FEWEST_BLOCKS, STEP_ELEMENTS // state_BHKV.numel())
    return blocks * blocks


def _scanned(inputs: Inputs, initial_BHKV: Tensor) -> tuple[Tensor, Tensor]:
    c_BLGK, b_BLGK, a_BLHK, d_BLH1, v_BLHV = inputs
    length = inputs.length
    block = max(1, round(length ** (1 / 2 if v_BLHV.device.type == "cpu" else 1 / 3)))
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
    if ends_BN.shape[1] > MOST_BLOCKS:
        return _joined_block_states(ends_BN, reach_BN, initial_B)
    starts = torch.empty_like(ends_BN)
    state = initial_B
    for n in range(ends_BN.shape[1]):
        starts[:, n] = state
        state = torch.addcmul(ends_BN[:, n], reach_BN[:, n], state)
    return starts


def _joined_block_states(ends_BN: Tensor, reach_BN: Tensor, initial_B: Tensor) -> Tensor:
    """Compute the same by joining J neighbouring blocks to one, whose starts give those of its parts.

    Blocks that fill up the last one do not matter, because no block follows them.
    """
    count = ends_BN.shape[1]
    joined = round(count**0.5)
    ends, reach = _blocked(ends_BN, joined), _blocked(reach_BN, joined)
    end, whole = ends[0], reach[0]
    for j in range(1, joined):
        end, whole = torch.addcmul(ends[j], reach[j], end), whole * reach[j]
    starts, state = torch.empty_like(ends), _block_states(end, whole, initial_B)
    for j in range(joined):
        starts[j] = state
        state = torch.addcmul(ends[j], reach[j], state)
    return starts.movedim(0, 2).flatten(1, 2)[:, :count]
