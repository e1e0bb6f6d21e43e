"""Routes: the selection of the tokens of each route, and the packing of tokens by route.

r_BL1M holds the weight with which a token takes each of M routes, exactly 0 where it does not take it; no gradient
passes through such a zero. The tokens of a route are packed to the front in their order, so that an operator sees
short sequences without gaps.

B batch, L tokens, H heads, K and V channels per head, M routes, P tokens of the fullest route, S slots (routes a token
takes at most), T = B L tokens in all, X = B M routes side by side.
"""

import torch
from torch import Tensor


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

    def pack(self, x_BL: Tensor) -> Tensor:
        """Pack tokens by route, (B M, P, ...), with the routes side by side in the batch; an x of batch 1 is shared."""
        batch, routes, longest = self.index_BMP.shape
        token_BMP = self.index_BMP if len(x_BL) == 1 else self._tokens(x_BL.shape[1])
        packed = x_BL.flatten(0, 1).index_select(0, token_BMP.flatten())
        return torch.unflatten(packed, 0, (batch * routes, longest))

    def masked(self, x_XPHK: Tensor) -> Tensor:
        """Set the padding of packed tokens to zero."""
        return x_XPHK * self.valid_BMP.flatten(0, 1)[..., None, None]

    def unpack(self, y_XPHV: Tensor, length: int) -> Tensor:
        """Return y_BLHV: for each token the sum of the results of its routes, each times the weight of the route."""
        batch = len(self.index_BMP)
        weighted_XPHV = y_XPHV * self.weight_BMP.flatten(0, 1)[..., None, None].to(y_XPHV.dtype)
        zeros_THV = y_XPHV.new_zeros(batch * length, *y_XPHV.shape[2:])
        y_THV = zeros_THV.index_add(0, self._tokens(length).flatten(), weighted_XPHV.flatten(0, 1))
        return torch.unflatten(y_THV, 0, (batch, length))

    def _tokens(self, length: int) -> Tensor:
        """Return `index_BMP` with tokens counted through all sequences of the batch."""
        first_B11 = length * torch.arange(len(self.index_BMP), device=self.index_BMP.device).view(-1, 1, 1)
        return first_B11 + self.index_BMP


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
    return torch.argsort(mask.logical_not().to(torch.uint8), dim=-1, stable=True)
