"""The selective recurrence S_t = exp(d_t a_t) S_{t-1} + b_t w_t, y_t = c_t S_t of K x 1 states, for all tokens.

One value channel leaves no matrix product to make. A step of the recurrence is then one fused operation, the state
times its decay added in place to what the token writes; all else is done for a piece of tokens at once, small enough to
stay in the processor's cache. Backwards a piece's states are computed again from the one before it, all that is kept.
Exact for any decay: nothing is ever divided.

B batch, L tokens, H heads, G heads of c and b (1 or H), K state channels, T tokens of a piece.
Tensors are (L, B, K, H), or 1 for what is shared: a step works on contiguous memory, and sums over K add whole rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from star.chunk import LOG2_E

PIECE_ELEMENTS = 1 << 17
"""Elements of the states of a piece, 512 KiB in float32: half as many take 1.15 times as long, twice 0.9 to 1.1."""


def recurrence(
    c_BLGK: Tensor, b_BLGK: Tensor, a_BLHK: Tensor, d_BLH1: Tensor, w_BLH1: Tensor, initial_BHK1: Tensor
) -> tuple[Tensor, Tensor]:
    """Outputs y_BLH1 and the last state_BHK1; differentiable in everything, once. All of one floating dtype.

    Args:
        a_BLHK: log decay per unit step; B, L or K may be 1 where all share it.
    """
    per_token = [x.permute(1, 0, 3, 2).contiguous() for x in (c_BLGK, b_BLGK, a_BLHK, d_BLH1, w_BLH1)]
    y_LB1H, last_BKH = _Recurrence.apply(*per_token, initial_BHK1.squeeze(-1).mT)  # type: ignore[no-untyped-call]  # torch's own apply is untyped
    return y_LB1H.permute(1, 0, 3, 2), last_BKH.mT.unsqueeze(-1)


class _Recurrence(torch.autograd.Function):
    """The adjoint of a linear recurrence is the same recurrence run backwards."""

    @staticmethod
    def forward(ctx: Any, *tensors: Tensor) -> tuple[Tensor, Tensor]:
        *inputs, state_BKH = tensors
        ctx.size = max(1, PIECE_ELEMENTS // state_BKH.numel())
        y_LB1H, starts = torch.empty_like(inputs[-1]), []
        workplaces = _workplaces(len(y_LB1H), ctx.size, inputs[2].shape[2], state_BKH)
        for *parts, y_TB1H in _pieces((*inputs, y_LB1H), ctx.size):
            starts.append(state_BKH)
            state_BKH = workplaces[len(y_TB1H)].outputs(state_BKH, y_TB1H, *parts)
        ctx.save_for_backward(*inputs, *starts)
        return y_LB1H, state_BKH

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, ...]:
        dy_LB1H, adjoint_BKH = grads
        inputs, starts = ctx.saved_tensors[:5], ctx.saved_tensors[5:]
        workplaces = _workplaces(len(dy_LB1H), ctx.size, inputs[2].shape[2], starts[0])
        found = [x.new_empty(max(len(x), len(starts)), *x.shape[1:]) for x in inputs]
        given, wanted = _pieces((*inputs, dy_LB1H.contiguous()), ctx.size), _pieces(found, ctx.size)
        for parts, gradients, start_BKH in reversed(list(zip(given, wanted, starts, strict=True))):
            adjoint_BKH = workplaces[len(parts[-1])].gradients(start_BKH, adjoint_BKH, gradients, *parts)
        return (*(x.sum_to_size(like.shape) for x, like in zip(found, inputs, strict=True)), adjoint_BKH)


def _pieces(tensors: Sequence[Tensor], size: int) -> list[tuple[Tensor, ...]]:
    """Each piece's part of tensors (L, ...); (N, ...) have one for each of N pieces, and (1, ...) one for all."""
    length = len(tensors[-1])
    number = -(-length // size)
    split = [torch.split(x, size if len(x) == length else 1) for x in tensors]
    return list(zip(*(parts * (number // len(parts)) for parts in split), strict=True))


def _workplaces(length: int, size: int, rates: int, like_BKH: Tensor) -> dict[int, _Workplace]:
    """By the tokens of a piece: the last may have fewer."""
    return {tokens: _Workplace(tokens, rates, like_BKH) for tokens in {min(length, size), length % size or size}}


class _Workplace:
    """Memory for the states of one piece, used again by every other: it stays in the cache and is cut up once."""

    def __init__(self, tokens: int, rates: int, like_BKH: Tensor) -> None:
        batch, keys, heads = like_BKH.shape
        states = like_BKH.new_empty(tokens + 1, batch, keys, heads)
        self.before, self.after = states[:-1], states[1:]
        self.decay = like_BKH.new_empty(tokens, batch, rates, heads)
        self.adjoint, self.scratch = torch.empty_like(self.after), torch.empty_like(self.after)
        state, kept, adjoint = states.unbind(), self.decay.unbind(), self.adjoint.unbind()
        self.forwards = list(zip(state[1:], kept, state[:-1], strict=True))
        self.backwards = list(zip(adjoint[-2::-1], kept[:0:-1], adjoint[:0:-1], strict=True))

    def advance(self, start_BKH: Tensor, b: Tensor, a: Tensor, d: Tensor, w: Tensor) -> None:
        """Fills in the decays and the states before and after each token."""
        torch.mul(d * LOG2_E, a, out=self.decay).exp2_()
        torch.mul(b, w, out=self.after)
        self.before[0] = start_BKH
        for state, kept, before in self.forwards:
            state.addcmul_(kept, before)

    def outputs(
        self, start_BKH: Tensor, y_TB1H: Tensor, c: Tensor, b: Tensor, a: Tensor, d: Tensor, w: Tensor
    ) -> Tensor:
        """Fills in y and gives the last state."""
        self.advance(start_BKH, b, a, d, w)
        self.sum_of_products(c, self.after, y_TB1H)
        return self.after[-1].clone()

    def gradients(
        self,
        start_BKH: Tensor, adjoint_BKH: Tensor, found: Sequence[Tensor],
        c: Tensor, b: Tensor, a: Tensor, d: Tensor, w: Tensor, dy: Tensor,
    ) -> Tensor:  # fmt: skip
        """Fills in those of c, b, a, d and w, and gives that of the state before the piece."""
        self.advance(start_BKH, b, a, d, w)
        adjoint, (dc, db, da, dd, dw) = self.adjoint, found
        torch.mul(c, dy, out=adjoint)
        adjoint[-1].add_(adjoint_BKH)
        for state, kept, behind in self.backwards:
            state.addcmul_(kept, behind)
        self.sum_of_products(self.after, dy, dc)
        self.sum_of_products(adjoint, w, db)
        self.sum_of_products(adjoint, b, dw)
        first_BKH = adjoint.mul_(self.decay)[0].clone()
        through_decay = adjoint.mul_(self.before)
        self.sum_of_products(through_decay, a, dd)
        self.sum_of_products(through_decay, d, da)
        return first_BKH

    def sum_of_products(self, x: Tensor, y: Tensor, into: Tensor) -> None:
        """x y, summed over what `into` has one of."""
        summed = [n for n, size in enumerate(self.scratch.shape) if into.shape[n] < size]
        if not summed:
            torch.mul(x, y, out=into)
            return
        torch.sum(torch.mul(x, y, out=self.scratch), summed, keepdim=True, out=into)
