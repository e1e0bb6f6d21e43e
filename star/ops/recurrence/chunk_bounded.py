"""One slab of the chunked recurrence where no chunk decays far: the same matrix products whatever the decay.

With g_t the sum of a chunk's log decays up to token t, t reads what j wrote by (c_t exp(g_t)) . (b_j exp(-g_j)). The
second factor exceeds one, by no more than exp(FARTHEST): a product loses nothing by that, and a sum of so few
logarithms no more than FARTHEST rounding errors. Decays that go farther are for `chunk_tile`, which has no such
factors. The state a chunk starts from is read like further tokens of it.

B batch, N chunks of C tokens, H heads, K state channels, R channels of a decay (1 or K), V value channels,
J = C + K: the tokens of a chunk, then the state channels it starts from.
"""

from __future__ import annotations

import torch
from torch import Tensor

from star.ops.recurrence.chunk_tile import LOG2_E, hand_back, hand_on, spans

FARTHEST = 16.0
"""Of a sum of log decays over a chunk: errors of the exponents stay below 16 x 6e-8 in float32."""

LARGEST = 60.0
"""Of the exponents of 2: what goes too far stays finite, so that zero times it is zero."""


class Bounded:
    """c and b with a head each; one decay per head or per key channel."""

    def __init__(
        self, c_NBHCK: Tensor, b_NBHCK: Tensor, log_NBHCR: Tensor, w_NBHCV: Tensor, start_BHKV: Tensor
    ) -> None:
        (*batch, chunk, keys), values = c_NBHCK.shape, w_NBHCV.shape[-1]
        self.upto_CC = spans(chunk, w_NBHCV.dtype, w_NBHCV.device)[1]
        self.g_NBHCR = (self.upto_CC.T * LOG2_E) @ log_NBHCR
        self.fore_NBHCR, self.back_NBHCR = self.g_NBHCR.exp2(), self.g_NBHCR.neg().clamp_(max=LARGEST).exp2_()
        self.whole_NBHR1 = self.fore_NBHCR[..., -1:, :].mT
        self.left_NBHCJ = w_NBHCV.new_empty(*batch, chunk, chunk + keys)
        self.right_NBHJV = w_NBHCV.new_empty(*batch, chunk + keys, values)
        mixing_NBHCC, self.c_NBHCK = self.left_NBHCJ[..., :chunk], self.left_NBHCJ[..., chunk:]
        self.w_NBHCV = self.right_NBHJV[..., :chunk, :].copy_(w_NBHCV)
        torch.mul(c_NBHCK, self.fore_NBHCR, out=self.c_NBHCK)
        self.b_NBHCK = torch.mul(b_NBHCK, self.back_NBHCR, out=w_NBHCV.new_empty(*batch, chunk, keys))
        torch.mul(self.c_NBHCK @ self.b_NBHCK.mT, self.upto_CC.T, out=mixing_NBHCC)
        added_NBHKV = (self.b_NBHCK.mT @ self.w_NBHCV).mul_(self.whole_NBHR1)
        self.states = hand_on(added_NBHKV, self.whole_NBHR1, start_BHKV)
        self.last_BHKV = self.states[-1]
        self.right_NBHJV[..., chunk:, :] = self.states[:-1]

    def near(self) -> Tensor:
        """Which tokens are within reach, as are all before them in the slab: none waits for a later token to tell."""
        near_NBHC1 = (self.g_NBHCR >= -FARTHEST * LOG2_E).all(-1, keepdim=True)
        far_NBH11 = ~near_NBHC1[..., -1:, :]
        return near_NBHC1 & (far_NBH11.cumsum(0) - far_NBH11.long() == 0)

    def outputs(self) -> Tensor:
        return self.left_NBHCJ @ self.right_NBHJV

    def gradients(self, grad_y_NBHCV: Tensor, adjoint_BHKV: Tensor, found: tuple[Tensor, ...]) -> Tensor:
        """Fills in those of c, b, the log decays and w, and gives that of the state the slab started from.

        A log decay scales all that its token and later ones read and the state that is handed on, but not what is both
        written and read, or handed on, behind it: from c's part and the state's, b's is taken.
        """
        grad_c, grad_b, grad_log, grad_w = found
        chunk = grad_y_NBHCV.shape[3]
        dleft_NBHCJ = grad_y_NBHCV @ self.right_NBHJV.mT
        dright_NBHJV = self.left_NBHCJ.mT @ grad_y_NBHCV
        adjoints = hand_back(dright_NBHJV[..., chunk:, :], self.whole_NBHR1, adjoint_BHKV)
        handed_on_NBHK = (self.states[1:] * adjoints[1:]).sum(-1)
        dadded_NBHKV = adjoints[1:] * self.whole_NBHR1
        dscores_NBHCC = dleft_NBHCJ[..., :chunk] * self.upto_CC.T
        dc_NBHCK = (dscores_NBHCC @ self.b_NBHCK).add_(dleft_NBHCJ[..., chunk:])
        db_NBHCK = _sum_of_products(dscores_NBHCC.mT, self.c_NBHCK, self.w_NBHCV, dadded_NBHKV.mT)
        torch.add(self.b_NBHCK @ dadded_NBHKV, dright_NBHJV[..., :chunk, :], out=grad_w)
        scaled_NBHCR = (dc_NBHCK * self.c_NBHCK).addcmul_(db_NBHCK, self.b_NBHCK, value=-1)
        scaled_NBHCR[..., -1, :] += handed_on_NBHK
        if self.g_NBHCR.shape[-1] == 1:
            scaled_NBHCR = scaled_NBHCR.sum(-1, keepdim=True)
        grad_log.copy_(self.upto_CC @ scaled_NBHCR)
        torch.mul(dc_NBHCK, self.fore_NBHCR, out=grad_c)
        torch.mul(db_NBHCK, self.back_NBHCR, out=grad_b)
        return adjoints[0]


def _sum_of_products(a: Tensor, b: Tensor, c: Tensor, d: Tensor) -> Tensor:
    """a @ b + c @ d."""
    total = a @ b
    total.view(-1, *total.shape[-2:]).baddbmm_(c.flatten(0, 2), d.flatten(0, 2))
    return total
