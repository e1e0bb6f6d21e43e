"""The meaning of linear experts, one token and one slot after the other.

A token fills a slot for each expert it takes, in the order of the experts; it takes the experts whose weight r is above
0 and leaves its other slots 0. The weights decide which expert a slot belongs to and do not scale the result.

B batch, L tokens, M experts, S slots, I and O channels in and out.
"""

from itertools import product

from torch import Tensor


def to_experts(x_BLI: Tensor, r_BL1M: Tensor, weight_MOI: Tensor, count: int) -> Tensor:
    """Compute y_BLSO for `count` slots: each token through each expert it takes."""
    y_BLSO = x_BLI.new_zeros(*x_BLI.shape[:2], count, weight_MOI.shape[1])
    for b, i, slot, expert in _taken(r_BL1M):
        y_BLSO[b, i, slot] = weight_MOI[expert] @ x_BLI[b, i]
    return y_BLSO


def from_experts(x_BLSI: Tensor, r_BL1M: Tensor, weight_MOI: Tensor) -> Tensor:
    """Compute y_BLO: each slot of a token through its expert, summed over slots."""
    y_BLO = x_BLSI.new_zeros(*x_BLSI.shape[:2], weight_MOI.shape[1])
    for b, i, slot, expert in _taken(r_BL1M):
        y_BLO[b, i] = y_BLO[b, i] + weight_MOI[expert] @ x_BLSI[b, i, slot]
    return y_BLO


def _taken(r_BL1M: Tensor) -> list[tuple[int, int, int, int]]:
    """List sequence, token, slot and expert of every filled slot."""
    batch, length = r_BL1M.shape[:2]
    return [
        (b, i, slot, expert)
        for b, i in product(range(batch), range(length))
        for slot, expert in enumerate((r_BL1M[b, i, 0] > 0).nonzero().flatten().tolist())
    ]
