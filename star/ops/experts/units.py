"""Mixtures of experts whose units nobody else reads: all of an expert at once, for the tokens that take it.

Between the passes lie the arguments of the units alone, once. The backward pass gathers the tokens of an expert again
and computes its unit again, which costs less than memory for them does.

B batch, L tokens, T = B L tokens, D model width, M experts, N tokens of an expert, I channels of an expert.
"""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from star.ops.dispatch import linear

LARGE = 1 << 23
"""Multiplications of the gradient of a weight from which it is worth copying its factors (measured on a CPU)."""

Unit = Callable[..., Tensor]
"""Computes from the arguments x_NI of any N rows what an expert projects, row by row."""


def units(x_BLD: Tensor, r_BL1M: Tensor, into: tuple[Tensor, ...], unit: Unit, out_MDI: Tensor) -> Tensor:
    """Compute y_BLD = sum_m r_m O_m unit(W_m x, ...) over the experts whose weight r_m is above 0.

    Args:
        into: the weights W of each argument of `unit`, (M, I, D).
        out_MDI: the weights O.
    """
    x_TD, r_TM = x_BLD.flatten(0, 1), r_BL1M.flatten(0, 2)
    form = _recorded if _by_autograd(x_BLD) else _by_hand
    return torch.unflatten(form(x_TD, r_TM, _taken(r_TM), into, unit, out_MDI), 0, x_BLD.shape[:2])


def _by_autograd(x_BLD: Tensor) -> bool:
    """Whether autograd finds the gradients: a compiler sees through it, and autocast narrows its products alone."""
    return torch.compiler.is_compiling() or torch.is_autocast_enabled(x_BLD.device.type)


def _taken(r_TM: Tensor) -> list[Tensor]:
    """Return token_N of each expert: the tokens that take it, in their order. The host waits twice for the device."""
    takes_MT = r_TM.detach().T > 0
    ends = takes_MT.sum(1).cumsum(0).tolist()
    _, token_N = takes_MT.nonzero(as_tuple=True)
    return [token_N[start:end] for start, end in zip([0, *ends], ends, strict=False)]


def _recorded(
    x_TD: Tensor, r_TM: Tensor, taken: Sequence[Tensor], into: tuple[Tensor, ...], unit: Unit, out_MDI: Tensor
) -> Tensor:
    results = [
        linear(unit(*(linear(x_TD.index_select(0, token_N), weight[m]) for weight in into)), out_MDI[m])
        * _weight_of(r_TM, m, token_N)
        for m, token_N in enumerate(taken)
    ]
    y_ND = torch.cat(results)
    return y_ND.new_zeros(len(x_TD), y_ND.shape[1]).index_add(0, torch.cat(list(taken)), y_ND)


def _by_hand(
    x_TD: Tensor, r_TM: Tensor, taken: Sequence[Tensor], into: tuple[Tensor, ...], unit: Unit, out_MDI: Tensor
) -> Tensor:
    y_TD: Tensor = _Units.apply(x_TD, r_TM, out_MDI, taken, unit, *into)  # type: ignore[no-untyped-call]  # torch leaves apply untyped
    return y_TD


class _Units(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, x_TD: Tensor, r_TM: Tensor, out_MDI: Tensor, taken: Sequence[Tensor], unit: Unit, *into: Tensor
    ) -> Tensor:
        y_TD, kept = x_TD.new_zeros(len(x_TD), out_MDI.shape[1]), []
        for m, token_N in enumerate(taken):
            own_ND = x_TD.index_select(0, token_N)
            arguments = [linear(own_ND, weight[m]) for weight in into]
            y_ND = linear(unit(*arguments), out_MDI[m]).mul_(_weight_of(r_TM, m, token_N))
            y_TD.index_add_(0, token_N, y_ND)
            kept += arguments
        ctx.taken, ctx.unit = taken, unit
        ctx.save_for_backward(x_TD, r_TM, out_MDI, *into, *kept)
        return y_TD

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        (dy_TD,) = grads
        x_TD, r_TM, out_MDI, *others = ctx.saved_tensors
        count = len(others) // (1 + len(ctx.taken))
        into, kept = others[:count], others[count:]
        dx_TD, dr_TM, *dweights = (*map(torch.zeros_like, (x_TD, r_TM)), *map(torch.empty_like, (out_MDI, *into)))
        for m, token_N in enumerate(ctx.taken):
            own_ND, dy_ND = x_TD.index_select(0, token_N), dy_TD.index_select(0, token_N)
            with torch.enable_grad():
                arguments = [x_NI.detach().requires_grad_() for x_NI in kept[count * m : count * (m + 1)]]
                unit_NI = ctx.unit(*arguments)
            value_NI, weight_N1 = unit_NI.detach(), _weight_of(r_TM, m, token_N)
            dunit_NI = linear(dy_ND, out_MDI[m].T)
            dr_TM[:, m].index_copy_(0, token_N, (dunit_NI * value_NI).sum(1))
            darguments = torch.autograd.grad(unit_NI, arguments, dunit_NI.mul_(weight_N1))
            lefts, rights = (dy_ND.mul_(weight_N1), *darguments), (value_NI, *[own_ND] * count)
            for dweight, left, right in zip(dweights, lefts, rights, strict=True):
                _product(left, right, dweight[m])
            dx_ND, *further = (linear(x_NI, weight[m].T) for x_NI, weight in zip(darguments, into, strict=True))
            for more_ND in further:
                dx_ND += more_ND
            dx_TD.index_add_(0, token_N, dx_ND)
        return dx_TD, dr_TM, dweights[0], None, None, *dweights[1:]


def _product(dy_NO: Tensor, x_NI: Tensor, dweight_OI: Tensor) -> None:
    """Compute dW = dy^T x in place, a large one by the call that is fastest, although it copies both transposed."""
    if dy_NO.numel() * x_NI.shape[1] < LARGE:
        torch.mm(dy_NO.T, x_NI, out=dweight_OI)
    else:
        dweight_OI.copy_(linear(dy_NO.T, x_NI.T))


def _weight_of(r_TM: Tensor, expert: int, token_N: Tensor) -> Tensor:
    """Return the weights with which these tokens take an expert, (N, 1)."""
    return r_TM[:, expert].index_select(0, token_N).unsqueeze(1)
