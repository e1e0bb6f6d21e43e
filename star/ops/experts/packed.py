"""Linear experts with one matrix product each, over the tokens that take them.

B batch, L tokens, M experts, S slots (experts a token takes at most), R rows, N rows of one expert, I and O channels in
and out.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from star.ops.routing import slots


def to_experts(x_BLI: Tensor, r_BL1M: Tensor, weight_MOI: Tensor, count: int) -> Tensor:
    """Compute y_BLSO: each token through each expert it takes; slots beyond these are 0."""
    rows = _rows(*slots(r_BL1M, count), len(weight_MOI))
    x_RI = x_BLI.flatten(0, 1)
    results = _products([row_N // count for row_N in rows], x_RI, weight_MOI)
    return torch.unflatten(_scatter(rows, results, len(x_RI) * count), 0, (*x_BLI.shape[:2], count))


def from_experts(x_BLSI: Tensor, r_BL1M: Tensor, weight_MOI: Tensor) -> Tensor:
    """Compute y_BLO: each slot of a token through its expert, summed over slots."""
    rows = _rows(*slots(r_BL1M, x_BLSI.shape[2]), len(weight_MOI))
    x_RI = x_BLSI.flatten(0, 2)
    results = _products(rows, x_RI, weight_MOI)
    return torch.unflatten(_scatter(rows, results, len(x_RI)), 0, x_BLSI.shape[:3]).sum(2)


def _rows(chosen_BLS: Tensor, weight_BLS: Tensor, experts: int) -> list[Tensor]:
    """List for each expert the slots that it fills, counted through batch, tokens and slots."""
    filled_R = torch.where(weight_BLS > 0, chosen_BLS, experts).flatten()
    return [(filled_R == expert).nonzero().squeeze(1) for expert in range(experts)]


def _products(rows: list[Tensor], x_RI: Tensor, weight_MOI: Tensor) -> list[Tensor]:
    """Compute for each expert its results, (N, O), from its rows of x."""
    found_RI = x_RI.index_select(0, torch.cat(rows))
    batches_NI = torch.split(found_RI, [len(row_N) for row_N in rows])
    return [F.linear(x_NI, weight_OI) for x_NI, weight_OI in zip(batches_NI, weight_MOI.unbind(0), strict=True)]


def _scatter(rows: list[Tensor], results: list[Tensor], size: int) -> Tensor:
    """Make (R, O) with the results at their rows and 0 elsewhere."""
    found = torch.cat(results)
    return found.new_zeros(size, found.shape[1]).index_copy(0, torch.cat(rows), found)
