"""The decays within a chunk of the delta rule, one for each key channel. See `star.ops.delta_rule.chunk`.

A product of tokens i and j is a sum over key channels, each with a decay of its own between j and i, so that the decays
are part of the factors. They are taken about a boundary between j and i: a chunk is halved again and again, and the
later half of a span meets the earlier half through the decay up to the boundary times the decay from the boundary on.
Neither is above one, so nothing overflows, whatever the decays; exp(g_i) and exp(-g_j) about the start of the chunk, as
in the formulas of Kimi Linear (arXiv 2510.26692, eq. 6 and 9), would.

X chunks of J tokens side by side, K key channels, Y = 2 factors that read (c and the writes), Z levels of halving, U =
J / 2 tokens of the halves of one side, P halves of W tokens of a level, T = Z + 2 kinds of decays.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple, Self

import torch
from torch import Tensor

from star.ops.recurrence.chunk_products import LOG2_E, crossings, halves


class PerKey(NamedTuple):
    """The decays of chunks: what their products and gradients need.

    Attributes:
        since, until: the decays from the start of the chunk to the end of each token, and after each token to the end
            of the chunk, (X, J, K).
        upto, after: the decays from the boundary on to the end of each token of later halves, and after each token of
            earlier halves up to the boundary, for each level, (Z, X, U, K).
    """

    since: Tensor
    until: Tensor
    upto: Tensor
    after: Tensor

    @classmethod
    def of(cls, a_XJK: Tensor) -> Self:
        """Compute all decays of the log decays a; J is a power of two. Decays are multiplied, and never divided."""
        chunks, size, keys = a_XJK.shape
        since_XJK = (a_XJK * LOG2_E).exp2_()
        until_XJK = torch.ones_like(since_XJK)
        upto_ZXUK, after_ZXUK = (a_XJK.new_empty(size.bit_length() - 1, chunks, size // 2, keys) for _ in range(2))
        decays = cls(since_XJK, until_XJK, upto_ZXUK, after_ZXUK)
        for half, upto, after in decays.levels():
            (earlier, later), before = halves(since_XJK, half), halves(until_XJK, half)[0]
            upto.copy_(later)
            after.copy_(before)
            before.mul_(later[..., -1:, :])  # extended to the ends of the span that both halves make
            later.mul_(earlier[..., -1:, :])
        return decays

    def levels(self) -> Iterator[tuple[int, Tensor, Tensor]]:
        """Iterate over the tokens of a half, and the decays of later and of earlier halves, (X, P, W, K)."""
        for n, (upto_XUK, after_XUK) in enumerate(zip(self.upto, self.after, strict=True)):
            half = 1 << n
            yield half, torch.unflatten(upto_XUK, 1, (-1, half)), torch.unflatten(after_XUK, 1, (-1, half))

    def products(self, c_XJK: Tensor, writes_XJK: Tensor, b_XJK: Tensor) -> tuple[Tensor, Tensor]:
        """Compute the decayed products of c with b of the same and of earlier tokens, and of the writes with earlier b.

        One matrix product computes both for the halves of all spans of a level.
        """
        chunks, size, _ = b_XJK.shape
        reads_XJYK = torch.stack((c_XJK, writes_XJK), dim=2)
        products_XYJJ = b_XJK.new_zeros(chunks, 2, size, size)
        for half, upto, after in self.levels():
            decayed = (_later(reads_XJYK, half) * upto.unsqueeze(3)).flatten(2, 3)
            found = decayed @ (halves(b_XJK, half)[0] * after).mT
            crossings(products_XYJJ, half).copy_(torch.unflatten(found, 2, (half, 2)).permute(0, 3, 1, 2, 4))
        r_XJJ, n_XJJ = products_XYJJ.unbind(1)
        r_XJJ.diagonal(dim1=1, dim2=2).copy_((c_XJK * b_XJK).sum(-1))
        return r_XJJ, n_XJJ

    def gradients(
        self,
        factors: tuple[Tensor, Tensor, Tensor],
        products: tuple[Tensor, Tensor],
        grads: tuple[Tensor, Tensor],
        dsince_XJK: Tensor,
        duntil_XJK: Tensor,
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Compute the gradients through the products of c, the writes, and b, and the whole gradient of a.

        The gradient of each decay is summed over its own tokens. A difference of the gradients of queries and keys,
        which is equal, would lose small gradients of strong decays.

        Args:
            factors: c, the writes and b, as for `products`.
            products: their products.
            grads: the gradients of the products.
            dsince_XJK: the gradients of the logarithms of `since`.
            duntil_XJK: the gradients of the logarithms of `until`.
        """
        c_XJK, writes_XJK, b_XJK = factors
        reads_XJYK, dproducts_XYJJ = torch.stack((c_XJK, writes_XJK), dim=2), torch.stack(grads, dim=1)
        dreads_XJYK, db_XJK = torch.zeros_like(reads_XJYK), torch.zeros_like(b_XJK)
        dlogs_XTJK = b_XJK.new_empty(b_XJK.shape[0], len(self.upto) + 2, *b_XJK.shape[1:])
        dlogs_XTJK[:, 0], dlogs_XTJK[:, 1] = dsince_XJK, duntil_XJK
        for (half, upto, after), dlog_XJK in zip(self.levels(), dlogs_XTJK.unbind(1)[2:], strict=True):
            later, earlier = _later(reads_XJYK, half), halves(b_XJK, half)[0]
            dfound = crossings(dproducts_XYJJ, half).permute(0, 2, 3, 1, 4).flatten(2, 3)
            dlater = torch.unflatten(dfound @ (earlier * after), 2, (half, 2)).mul_(upto.unsqueeze(3))
            dearlier = (dfound.mT @ (later * upto.unsqueeze(3)).flatten(2, 3)).mul_(after)
            _later(dreads_XJYK, half).add_(dlater)
            halves(db_XJK, half)[0].add_(dearlier)
            of_earlier, of_later = halves(dlog_XJK, half)
            torch.mul(earlier, dearlier, out=of_earlier)
            torch.sum(later * dlater, 3, out=of_later)
        dc_XJK, dwrites_XJK = dreads_XJYK.unbind(2)
        own_XJ1 = grads[0].diagonal(dim1=1, dim2=2).unsqueeze(-1)
        dc_XJK.addcmul_(own_XJ1, b_XJK)
        db_XJK.addcmul_(own_XJ1, c_XJK)
        da_XJK = _sums(b_XJK.shape[1], b_XJK.dtype, b_XJK.device) @ dlogs_XTJK.flatten(1, 2)
        return dc_XJK, dwrites_XJK, db_XJK, da_XJK


def _later(x_XJYK: Tensor, half: int) -> Tensor:
    """Return the later halves of spans of 2 * half tokens, as a view (X, P, W, Y, K)."""
    return torch.unflatten(x_XJYK, 1, (-1, 2, half)).select(2, 1)


@lru_cache(maxsize=16)
def _sums(size: int, dtype: torch.dtype, device: torch.device) -> Tensor:
    """Make ones for the tokens whose log decays each decay sums, (J, T J): `since`, `until`, and all levels.

    A level has the decays of its earlier and of its later halves, each at the place of its token.
    """
    token, place = torch.arange(size, device=device).unsqueeze(1), torch.arange(size, device=device)
    blocks = [token <= place, token > place]
    for n in range(size.bit_length() - 1):
        later = (place >> n) % 2 == 1
        blocks.append((token >> n == place >> n) & torch.where(later, token <= place, token > place))
    return torch.cat(blocks, dim=1).to(dtype)
