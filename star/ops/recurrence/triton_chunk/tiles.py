"""The parts that the Triton kernels of the chunked recurrence share: reading, writing, products, sums of log decays.

A program computes tiles of a chunk of one head. Matrix products add up in float32; their factors are float32, or
bfloat16 where all inputs are (DOT). Log decays are added in float32, over exactly the tokens between two tokens, and
are never subtracted, so any decay is exact. Heads with one decay have log decays (C), others (C, K); `spread` gives
both the shape of keys. No atomics: equal inputs give equal bits.

B batch, L tokens, H heads, G heads of c and b (1 or H), K key channels, V value channels, R decays of a head (1 or K),
N chunks of C tokens, J tokens of a sub-chunk.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import triton
import triton.language as tl


def jit(function: Callable[..., Any]) -> Any:
    """Compile for Triton. The length is not specialised, because each new length would then be compiled."""
    return triton.jit(function, do_not_specialize=["L"])


@jit
def place(L: tl.tensor, H: tl.tensor, C: tl.constexpr) -> tl.tensor:
    """Find the sequence, the head, the number of the chunk among all, its tokens, and the end of its last token."""
    program = tl.program_id(0)
    chunks = tl.cdiv(L, C)
    n = program % chunks
    row = program // chunks
    t = (n * C + tl.arange(0, C)).to(tl.int64)
    return (row // H).to(tl.int64), (row % H).to(tl.int64), program.to(tl.int64), t, tl.minimum(L, n * C + C)


@jit
def read(x: tl.tensor, t: tl.tensor, w: tl.tensor, token: tl.tensor, end: tl.tensor, W: tl.constexpr) -> tl.tensor:
    """Read tokens t before `end` and channels w below W in float32, with zeros where there is nothing."""
    inside = (t < end)[:, None] & (w < W)[None, :]
    return tl.load(x + t[:, None] * token + w[None, :], mask=inside, other=0.0).to(tl.float32)


@jit
def write(
    x: tl.tensor, value: tl.tensor, t: tl.tensor, w: tl.tensor, token: tl.tensor, end: tl.tensor, W: tl.constexpr
) -> tl.tensor:
    inside = (t < end)[:, None] & (w < W)[None, :]
    tl.store(x + t[:, None] * token + w[None, :], value.to(x.dtype.element_ty), mask=inside)


@jit
def number(x: tl.tensor, t: tl.tensor, token: tl.tensor, end: tl.tensor) -> tl.tensor:
    """Read one number a token in float32, with zeros where there is no token."""
    return tl.load(x + t * token, mask=t < end, other=0.0).to(tl.float32)


@jit
def decays(x: tl.tensor, t: tl.tensor, k: tl.tensor, token: tl.tensor, end: tl.tensor, R: tl.constexpr) -> tl.tensor:
    """Read the log decays of tokens t before `end`: (C), or (C, K) if each key has its own."""
    if R == 1:
        return number(x, t, token, end)
    else:  # noqa: RET505  # Triton compiles only one of the branches if both are branches.
        return read(x, t, k, token, end, R)


@jit
def spread(x: tl.tensor, R: tl.constexpr) -> tl.tensor:
    """Return a number of each token for all keys as (C, 1), and one for each key as it is, (C, K)."""
    return x[:, None] if R == 1 else x


@jit
def whole(log: tl.tensor, R: tl.constexpr) -> tl.tensor:
    """Compute the decay over all tokens as the state takes it: one number, or (K, 1)."""
    decay = tl.exp(tl.sum(log, 0))
    return decay if R == 1 else decay[:, None]


@jit
def product(x: tl.tensor, y: tl.tensor, DOT: tl.constexpr, PRECISION: tl.constexpr) -> tl.tensor:
    return tl.dot(x.to(DOT), y.to(DOT), input_precision=PRECISION)


@jit
def reach(log: tl.tensor, C: tl.constexpr) -> tl.tensor:
    """Compute the decay from token j to token i, (C, C), and zero for j > i. Each sum runs over its own tokens."""
    i = tl.arange(0, C)
    later = i[:, None] > i[None, :]
    sums = tl.cumsum(tl.where(later, log[:, None], 0.0), 0)
    return tl.where(i[:, None] >= i[None, :], tl.exp(sums), 0.0)
