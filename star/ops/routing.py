"""Routes: the selection of the tokens of each route, and the packing of tokens by route.

r_BL1M holds the weight with which a token takes each of M routes, exactly 0 where it does not take it; no gradient
passes through such a zero. The tokens of a route are packed to the front in their order, so that an operator sees
short sequences without gaps.

B batch, L tokens, H heads, K and V channels per head, C channels in all, M routes, P tokens of the fullest route, S
slots (routes a token takes at most), E earlier tokens of each route, N cells of a line, T = B L tokens in all, X = B M
routes side by side.
"""

from __future__ import annotations

from collections.abc import Callable, MutableMapping
from typing import TypeVar

import torch
from torch import Tensor
from torch.utils.weak import WeakIdKeyDictionary

T = TypeVar("T")


def _once(compute: Callable[..., T]) -> Callable[..., T]:
    """Remember what is computed of weights r_BL1M, which nobody changes, as long as they live; it has no gradient."""
    known: MutableMapping[Tensor, dict[tuple[int, ...], T]] = WeakIdKeyDictionary()

    def found(r_BL1M: Tensor, *numbers: int) -> T:
        results = known.setdefault(r_BL1M, {})
        if numbers not in results:
            with torch.no_grad():
                results[numbers] = compute(r_BL1M, *numbers)
        return results[numbers]

    return found


class Packing:
    """The positions of the tokens of each route in each sequence.

    Attributes:
        index_BMP: positions of the tokens that take the route, in their order, followed by other positions as padding.
        valid_BMP: False for padding.
        weight_BMP: weights of the route, 0 for padding.
    """

    def __init__(self, r_BL1M: Tensor) -> None:
        r_BML = r_BL1M.squeeze(2).transpose(1, 2)
        takes_BML = r_BML > 0
        longest = max(1, int(takes_BML.sum(-1).max()))
        self.index_BMP = _true_first(takes_BML)[..., :longest]
        self.valid_BMP = takes_BML.gather(-1, self.index_BMP)
        self.weight_BMP = torch.where(self.valid_BMP, r_BML.gather(-1, self.index_BMP), 0)
        first_B11 = r_BML.shape[2] * torch.arange(len(r_BML), device=r_BML.device).view(-1, 1, 1)
        self._token_BMP = first_B11 + self.index_BMP

    def pack(self, x_BL: Tensor) -> Tensor:
        """Pack tokens by route, (B M, P, ...), with the routes side by side in the batch; an x of batch 1 is shared."""
        batch, routes, longest = self.index_BMP.shape
        token_BMP = self.index_BMP if len(x_BL) == 1 else self._token_BMP
        packed = x_BL.flatten(0, 1).index_select(0, token_BMP.flatten())
        return torch.unflatten(packed, 0, (batch * routes, longest))

    def pack_slots(self, x_BLS: Tensor, slot_BLM: Tensor) -> Tensor:
        """Pack by route as `pack` does what each token has for the route in the slot of this number."""
        slot_BMP = slot_BLM.transpose(1, 2).gather(2, self.index_BMP)
        row_BMP = self._token_BMP * x_BLS.shape[2] + slot_BMP
        packed = x_BLS.flatten(0, 2).index_select(0, row_BMP.flatten())
        return torch.unflatten(packed, 0, (-1, row_BMP.shape[2]))

    def masked(self, x_XPHK: Tensor) -> Tensor:
        """Set the padding of packed tokens to zero."""
        return x_XPHK * self.valid_BMP.flatten(0, 1)[..., None, None]

    def unpack(self, y_XPHV: Tensor, length: int) -> Tensor:
        """Return y_BLHV: for each token the sum of the results of its routes, each times the weight of the route."""
        batch = len(self.index_BMP)
        weighted_XPHV = y_XPHV * self.weight_BMP.flatten(0, 1)[..., None, None].to(y_XPHV.dtype)
        zeros_THV = y_XPHV.new_zeros(batch * length, *y_XPHV.shape[2:])
        y_THV = zeros_THV.index_add(0, self._token_BMP.flatten(), weighted_XPHV.flatten(0, 1))
        return torch.unflatten(y_THV, 0, (batch, length))


class Line:
    """The tokens of all routes of a sequence in one line: each route's in their order, behind cells for earlier ones.

    A line has a cell for each slot of each token, so its length follows from that of the sequence and the host waits
    for no number. A slot that is empty has the first cell of the line, which no route reads.

    Args:
        r_BL1M: weights, 0 where a token does not take the route.
        count: slots of a token.
        earlier: cells before the tokens of each route.
    """

    def __init__(self, r_BL1M: Tensor, count: int, earlier: int) -> None:
        (batch, length, _, routes), device = r_BL1M.shape, r_BL1M.device
        self._sizes = batch, length, count
        self.cells = length * count + routes * earlier + 1
        chosen_BLS, weight_BLS = chosen(r_BL1M, count)
        taken_BLM = (r_BL1M > 0).squeeze(2).cumsum(1)
        self._count_BM = taken_BLM[:, -1]
        self._end_BM = (self._count_BM + earlier).cumsum(1) + 1
        place_BLM = (self._end_BM - self._count_BM - 1).unsqueeze(1) + taken_BLM
        place_BLS = torch.where(weight_BLS > 0, place_BLM.gather(2, chosen_BLS), 0)
        self._first_B11 = torch.arange(batch, device=device).view(-1, 1, 1) * self.cells
        self._place = (self._first_B11 + place_BLS).flatten()

    def pack(self, x_BLSC: Tensor, earlier_BMEC: Tensor | None) -> Tensor:
        """Return x_BNC, the line, with 0 in the cells of earlier tokens if there are none."""
        line_TC = x_BLSC.new_zeros(self._sizes[0] * self.cells, x_BLSC.shape[3])
        line_TC = line_TC.index_copy_(0, self._place, x_BLSC.flatten(0, 2))
        if earlier_BMEC is not None:
            before = self._before(self._end_BM - self._count_BM, earlier_BMEC.shape[2])
            line_TC = line_TC.index_copy_(0, before, earlier_BMEC.flatten(0, 2).to(line_TC.dtype))
        return line_TC.view(self._sizes[0], self.cells, -1)

    def last(self, x_BNC: Tensor, like_BMEC: Tensor) -> Tensor:
        """Return the last cells of each route, as many as there are cells before its tokens, as `like_BMEC`."""
        last = self._before(self._end_BM, like_BMEC.shape[2])
        return x_BNC.flatten(0, 1).index_select(0, last).view_as(like_BMEC).to(like_BMEC.dtype)

    def unpack(self, y_BNC: Tensor) -> Tensor:
        """Return y_BLSC, the cell of each slot."""
        return y_BNC.flatten(0, 1).index_select(0, self._place).view(*self._sizes, -1)

    def _before(self, cell_BM: Tensor, count: int) -> Tensor:
        """Return the cells before these ones of each route, counted through all lines of the batch."""
        back_E = torch.arange(-count, 0, device=cell_BM.device)
        return (self._first_B11 + cell_BM.unsqueeze(2) + back_E).flatten()


@_once
def chosen(r_BL1M: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """Return `slots` of these weights without their gradient, computed once for all who ask."""
    return slots(r_BL1M, count)


@_once
def line(r_BL1M: Tensor, count: int, earlier: int) -> Line:
    """Return the `Line` of these weights, made once for all who ask."""
    return Line(r_BL1M, count, earlier)


def over_routes(logits_BLM: Tensor) -> Tensor:
    """Compute the softmax over routes, with the tokens side by side in memory: torch is slow where few numbers add up.

    Over the last of the dimensions it takes 14 times as long, for 2,048 tokens and 8 routes on a CPU.
    """
    return logits_BLM.transpose(1, 2).softmax(1).transpose(1, 2)


def slots(r_BL1M: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """Return the routes that each token takes, chosen_BLS, and their weight_BLS, 0 for an empty slot.

    Routes come in the order of their index, which does not depend on how the weights are rounded.
    """
    r_BLM = r_BL1M.squeeze(2)
    chosen_BLS = _true_first(r_BLM > 0)[..., :count]
    weight_BLS = r_BLM.gather(-1, chosen_BLS)
    return chosen_BLS, torch.where(weight_BLS > 0, weight_BLS, 0)


def _true_first(mask: Tensor) -> Tensor:
    """Return indices along the last dimension: those of the true entries in order, then those of the false entries."""
    if torch.compiler.is_exporting():  # ONNX has no stable sort, and needs none of numbers that differ
        place = torch.arange(mask.shape[-1], device=mask.device)
        return torch.argsort(torch.where(mask, place, place + mask.shape[-1]), dim=-1)
    return torch.argsort(mask.logical_not().to(torch.uint8), dim=-1, stable=True)
