"""The decays within a chunk of the delta rule, one a head. See `star.ops.delta_rule.chunk`.

X chunks of J tokens side by side, K key channels, S = J J + J sums of log decays.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple, Self

import torch
import torch.nn.functional as F
from torch import Tensor

from star.ops.recurrence.chunk_products import LOG2_E


class PerHead(NamedTuple):
    """The decays of chunks: what their products and gradients need.

    Attributes:
        since: exp(a_0 + ... + a_i), the decays from the start of the chunk to the end of token i, (X, J, 1).
        gap: exp(a_{j+1} + ... + a_i) for i >= j, else 0, (X, J, J).
    """

    since: Tensor
    gap: Tensor

    @classmethod
    def of(cls, a_XJ1: Tensor) -> Self:
        """Compute all decays of the log decays a.

        Each sum runs over its own tokens. A difference of running sums would lose small decays that follow a large one.
        """
        size = a_XJ1.shape[1]
        tokens_JS, never_S = _spans(size, a_XJ1.dtype, a_XJ1.device)
        decays_XS = torch.addmm(never_S, a_XJ1.squeeze(-1) * LOG2_E, tokens_JS).exp2_()
        return cls(decays_XS[:, -size:].unsqueeze(-1), decays_XS[:, :-size].view(-1, size, size))

    @property
    def until(self) -> Tensor:
        """The decays after each token to the end of the chunk, (X, J, 1)."""
        return self.gap[:, -1].unsqueeze(-1)

    def products(self, c_XJK: Tensor, writes_XJK: Tensor, b_XJK: Tensor) -> tuple[Tensor, Tensor]:
        """Compute the decayed products of c, and of what is written, with b of the same and of earlier tokens."""
        r_XJJ, n_XJJ = ((x_XJK @ b_XJK.mT).mul_(self.gap) for x_XJK in (c_XJK, writes_XJK))
        return r_XJJ, n_XJJ

    def gradients(
        self,
        factors: tuple[Tensor, Tensor, Tensor],
        products: tuple[Tensor, Tensor],
        grads: tuple[Tensor, Tensor],
        dsince_XJ1: Tensor,
        duntil_XJ1: Tensor,
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Compute the gradients through the products of c, the writes, and b, and the whole gradient of a.

        Args:
            factors: c, the writes and b, as for `products`.
            products: their products.
            grads: the gradients of the products, which are overwritten; zero on and above the diagonal of the second.
            dsince_XJ1: the gradients of the logarithms of `since`.
            duntil_XJ1: the gradients of the logarithms of `until`.
        """
        c_XJK, writes_XJK, b_XJK = factors
        (r_XJJ, n_XJJ), (dr_XJJ, dn_XJJ) = products, grads
        dgaps_XJJ = (dn_XJJ * n_XJJ).addcmul_(dr_XJJ, r_XJJ)
        dgaps_XJJ[:, -1:] += duntil_XJ1.mT
        dn_XJJ.mul_(self.gap)
        dr_XJJ.mul_(self.gap)
        dsums_XS = torch.cat([dgaps_XJJ.flatten(1), dsince_XJ1.squeeze(-1)], dim=1)
        da_XJ1 = (dsums_XS @ _spans(c_XJK.shape[1], c_XJK.dtype, c_XJK.device)[0].T).unsqueeze(-1)
        db_XJK = (dn_XJJ.mT @ writes_XJK).baddbmm_(dr_XJJ.mT, c_XJK)
        return dr_XJJ @ b_XJK, dn_XJJ @ b_XJK, db_XJK, da_XJ1


@lru_cache(maxsize=16)
def _spans(size: int, dtype: torch.dtype, device: torch.device) -> tuple[Tensor, Tensor]:
    """Make ones for the tokens of each of the S sums of a chunk, (J, S), and -inf for sums with i < j, (S,)."""
    place = torch.arange(size, device=device)
    token, i, j = place.view(-1, 1, 1), place.view(1, -1, 1), place.view(1, 1, -1)
    between_JS = ((j < token) & (token <= i)).flatten(1)
    tokens_JS = torch.cat([between_JS, (token <= j).flatten(1)], dim=1).to(dtype)
    back_S = F.pad((i < j).flatten(), (0, size))
    return tokens_JS, torch.zeros(size * size + size, dtype=dtype, device=device).masked_fill_(back_S, float("-inf"))
