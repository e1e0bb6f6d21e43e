"""Linear experts with one matrix product each, over the tokens that take them.

B batch, L tokens, M experts, S slots (experts a token takes at most), R slots of all tokens, N of them
filled, I and O channels in and out.
"""

from collections.abc import MutableMapping
from typing import NamedTuple

import torch
from torch import Tensor
from torch.utils.weak import WeakIdKeyDictionary

from star.ops.dispatch import linear
from star.ops.routing import chosen


class _Rows(NamedTuple):
    """The slots that experts fill, counted through batch, tokens and slots: those of the first expert first.

    Attributes:
        filled: the slots of all experts, (N,).
        counts: slots of each expert.
    """

    filled: Tensor
    counts: list[int]


_KNOWN: MutableMapping[Tensor, dict[int, _Rows]] = WeakIdKeyDictionary()
"""The rows of weights r_BL1M, which nobody changes, by slots a token: both groups and the output projection ask."""


def to_experts(x_BLI: Tensor, r_BL1M: Tensor, weight_MOI: Tensor, count: int) -> Tensor:
    """Compute y_BLSO: each token through each expert it takes; slots beyond these are 0."""
    rows = _rows(r_BL1M, count)
    x_RI = x_BLI.flatten(0, 1)
    results_NO = _products(x_RI.index_select(0, rows.filled // count), rows.counts, weight_MOI)
    return torch.unflatten(_scatter(rows, results_NO, len(x_RI) * count), 0, (*x_BLI.shape[:2], count))


def from_experts(x_BLSI: Tensor, r_BL1M: Tensor, weight_MOI: Tensor) -> Tensor:
    """Compute y_BLO: each slot of a token through its expert, summed over slots."""
    rows = _rows(r_BL1M, x_BLSI.shape[2])
    x_RI = x_BLSI.flatten(0, 2)
    results_NO = _products(x_RI.index_select(0, rows.filled), rows.counts, weight_MOI)
    return torch.unflatten(_scatter(rows, results_NO, len(x_RI)), 0, x_BLSI.shape[:3]).sum(2)


def _rows(r_BL1M: Tensor, count: int) -> _Rows:
    """Sort the slots that are filled by their expert, once for these weights and as many slots a token."""
    known = _KNOWN.setdefault(r_BL1M, {})
    if count not in known:
        known[count] = _sorted(*chosen(r_BL1M, count), r_BL1M.shape[-1])
    return known[count]


def _sorted(chosen_BLS: Tensor, weight_BLS: Tensor, experts: int) -> _Rows:
    """Sort the slots that are filled by their expert. The host waits for the device once, for the counts."""
    filled_R = torch.where(weight_BLS > 0, chosen_BLS, experts).flatten()
    sorted_R, slots_R = filled_R.sort(stable=True)
    ends = torch.searchsorted(sorted_R, torch.arange(experts, device=sorted_R.device), right=True).tolist()
    return _Rows(slots_R[: ends[-1]], [end - start for start, end in zip([0, *ends], ends, strict=False)])


def _products(x_NI: Tensor, counts: list[int], weight_MOI: Tensor) -> Tensor:
    """Compute the results of each expert from its rows of x: (N, O). An expert without rows has no product."""
    batches = zip(torch.split(x_NI, counts), counts, weight_MOI.unbind(0), strict=True)
    none = not any(counts)  # a product of no rows keeps the graph
    return torch.cat([linear(own_NI, weight_OI) for own_NI, count, weight_OI in batches if count or none])


def _scatter(rows: _Rows, results_NO: Tensor, size: int) -> Tensor:
    """Make (R, O) with the results at their slots and 0 elsewhere."""
    return results_NO.new_zeros(size, results_NO.shape[1]).index_copy(0, rows.filled, results_NO)
