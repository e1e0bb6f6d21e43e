"""Which tokens meet which routes, and how work is done for these alone.

r_BL1M holds the weight with which a token meets each of M routes, exactly 0 where it does not; what a gradient finds
at such a zero is zero as well. Tokens of a route are packed to the front, in their order, so that what follows sees
short sequences without gaps; experts get their tokens in one batch each.

B batch, L tokens, M routes, P tokens of the fullest route, S slots (routes a token meets at most), T = B L tokens in
all, N tokens of one expert, I and O channels in and out.
"""

import torch
import torch.nn.functional as F
from torch import Tensor


class Packing:
    """For every sequence and route, where its tokens are.

    Attributes:
        index_BMP: positions of the tokens that meet the route, in their order; then others, which do not count.
        valid_BMP: which of them count.
        weight_BMP: how much, 0 where they do not.
    """

    def __init__(self, r_BL1M: Tensor) -> None:
        r_BML = r_BL1M.squeeze(2).transpose(1, 2)
        met_BML = r_BML > 0
        longest = max(1, int(met_BML.sum(-1).max()))
        self.index_BMP = _met_first(met_BML)[..., :longest]
        self.valid_BMP = met_BML.gather(-1, self.index_BMP)
        self.weight_BMP = torch.where(self.valid_BMP, r_BML.gather(-1, self.index_BMP), 0)

    def pack(self, x_BL: Tensor) -> Tensor:
        """(B M, P, ...): routes side by side in the batch. A batch of 1 is what all sequences share."""
        batch, routes, longest = self.index_BMP.shape
        token_BMP = self.index_BMP if len(x_BL) == 1 else self._tokens(x_BL.shape[1])
        packed = x_BL.flatten(0, 1).index_select(0, token_BMP.flatten())
        return torch.unflatten(packed, 0, (batch * routes, longest))

    def keep(self, x_XPHK: Tensor) -> Tensor:
        """Packed tokens that count as they are, zeros for the others."""
        return x_XPHK * self.valid_BMP.flatten(0, 1)[..., None, None]

    def unpack(self, y_XPHV: Tensor, length: int) -> Tensor:
        """y_BLHV: what each token reads from its routes, summed by weight."""
        batch = len(self.index_BMP)
        weighted_XPHV = y_XPHV * self.weight_BMP.flatten(0, 1)[..., None, None].to(y_XPHV.dtype)
        none_THV = y_XPHV.new_zeros(batch * length, *y_XPHV.shape[2:])
        y_THV = none_THV.index_add(0, self._tokens(length).flatten(), weighted_XPHV.flatten(0, 1))
        return torch.unflatten(y_THV, 0, (batch, length))

    def _tokens(self, length: int) -> Tensor:
        """The same positions counted through all sequences of the batch."""
        first_B11 = length * torch.arange(len(self.index_BMP), device=self.index_BMP.device).view(-1, 1, 1)
        return first_B11 + self.index_BMP


def slots(r_BL1M: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """The routes each token meets, chosen_BLS, and with what weight_BLS: 0 for an idle slot.

    In the order of their index, which no rounding of the weights can turn.
    """
    r_BLM = r_BL1M.squeeze(2)
    chosen_BLS = _met_first(r_BLM > 0)[..., :count]
    weight_BLS = r_BLM.gather(-1, chosen_BLS)
    return chosen_BLS, torch.where(weight_BLS > 0, weight_BLS, 0)


def to_experts(x_BLI: Tensor, r_BL1M: Tensor, weight_MOI: Tensor, count: int) -> Tensor:
    """(B, L, S, O): every token through the experts it meets, one product an expert; idle slots are 0."""
    rows = _rows(*slots(r_BL1M, count), len(weight_MOI))
    x_TI = x_BLI.flatten(0, 1)
    results = _through([row_N // count for row_N in rows], x_TI, weight_MOI)
    return torch.unflatten(_scattered(rows, results, len(x_TI) * count), 0, (*x_BLI.shape[:2], count))


def from_experts(x_BLSI: Tensor, r_BL1M: Tensor, weight_MOI: Tensor) -> Tensor:
    """(B, L, O): what a token has in each slot through the expert that filled it, summed."""
    rows = _rows(*slots(r_BL1M, x_BLSI.shape[2]), len(weight_MOI))
    x_RI = x_BLSI.flatten(0, 2)
    results = _through(rows, x_RI, weight_MOI)
    return torch.unflatten(_scattered(rows, results, len(x_RI)), 0, x_BLSI.shape[:3]).sum(2)


def _met_first(met: Tensor) -> Tensor:
    """Indices along the last dimension, those that are true before the others, each in their order."""
    return torch.argsort(met.logical_not().to(torch.uint8), dim=-1, stable=True)


def _rows(chosen_BLS: Tensor, weight_BLS: Tensor, experts: int) -> list[Tensor]:
    """For each expert the slots it fills, counted through batch, tokens and slots."""
    filled_R = torch.where(weight_BLS > 0, chosen_BLS, experts).flatten()
    return [(filled_R == expert).nonzero().squeeze(1) for expert in range(experts)]


def _through(rows: list[Tensor], x_RI: Tensor, weight_MOI: Tensor) -> list[Tensor]:
    """For each expert what it makes of its rows, (N, O)."""
    found_RI = x_RI.index_select(0, torch.cat(rows))
    batches_NI = torch.split(found_RI, [len(row_N) for row_N in rows])
    return [F.linear(x_NI, weight_OI) for x_NI, weight_OI in zip(batches_NI, weight_MOI.unbind(0), strict=True)]


def _scattered(rows: list[Tensor], results: list[Tensor], size: int) -> Tensor:
    found = torch.cat(results)
    return found.new_zeros(size, found.shape[1]).index_copy(0, torch.cat(rows), found)
