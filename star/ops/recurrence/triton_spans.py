"""The parts that the Triton kernels of the scan share, and the kernel that hands states from span to span.

A program is one warp. It holds the states of a block of channels, (K, BLOCK_H), in registers and goes through a span
of tokens one after the other. Heads have one value channel, so a head is a channel. Log decays are added in float32
and decays are only multiplied, so any decay is exact. No atomics: equal inputs give equal bits.

B batch, L tokens, H heads, G heads of c and b (1 or H), K key channels, R decays of a head (1 or K), S spans.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import triton
import triton.language as tl


def jit(function: Callable[..., Any]) -> Any:
    """Compile for Triton. Lengths are not specialised, because each new length would then be compiled."""
    return triton.jit(function, do_not_specialize=["L", "span", "spans"])


@jit
def place(H: tl.tensor, spans: tl.tensor, BLOCK_H: tl.constexpr) -> tl.tensor:
    """Find what this program computes: its sequence, span and block of channels, and these channels."""
    program = tl.program_id(0)
    across = tl.cdiv(H, BLOCK_H)
    block = program % across
    rest = program // across
    return (rest // spans).to(tl.int64), rest % spans, block.to(tl.int64), block * BLOCK_H + tl.arange(0, BLOCK_H)


@jit
def tile(h: tl.tensor, k: tl.tensor, H: tl.tensor, K: tl.constexpr) -> tl.tensor:
    """Compute where the states of these channels lie in a tensor (K, H), and which of them exist."""
    return k[:, None] * H + h[None, :], (k < K)[:, None] & (h < H)[None, :]


@jit
def keys(x: tl.tensor, h: tl.tensor, k: tl.tensor, H: tl.tensor, K: tl.constexpr, SHARED: tl.constexpr) -> tl.tensor:
    """Point at the keys of one token, (K) if all channels share them and otherwise (K, BLOCK_H); and which exist."""
    if SHARED:
        return x + k, k < K
    else:  # noqa: RET505  # Triton compiles only one of the branches if both are branches.
        return x + h[None, :] * K + k[:, None], (k < K)[:, None] & (h < H)[None, :]


@jit
def rates(
    x: tl.tensor, h: tl.tensor, k: tl.tensor, H: tl.tensor, K: tl.constexpr, R: tl.constexpr, OF_TOKEN: tl.constexpr
) -> tl.tensor:
    """Point at log decays, (BLOCK_H) or (K, BLOCK_H), and say which exist. Those of a token lie as (H, R), others as
    (R, H).
    """
    if R == 1:
        return x + h, h < H
    elif OF_TOKEN:  # noqa: RET505
        return x + h[None, :] * K + k[:, None], (k < K)[:, None] & (h < H)[None, :]
    else:
        return x + k[:, None] * H + h[None, :], (k < K)[:, None] & (h < H)[None, :]


@jit
def read(x: tl.tensor, mask: tl.tensor) -> tl.tensor:
    """Read in float32, with zeros where there is nothing: a step size of zero does not change the state."""
    return tl.load(x, mask=mask, other=0.0).to(tl.float32)


@jit
def write(x: tl.tensor, value: tl.tensor, mask: tl.tensor) -> tl.tensor:
    tl.store(x, value.to(x.dtype.element_ty), mask=mask)


@jit
def of_keys(x: tl.tensor, SHARED: tl.constexpr) -> tl.tensor:
    """Return what `keys` points at as (K, 1) or (K, BLOCK_H)."""
    return x[:, None] if SHARED else x


@jit
def of_rates(x: tl.tensor, R: tl.constexpr) -> tl.tensor:
    """Return what `rates` points at as (1, BLOCK_H) or (K, BLOCK_H)."""
    return x[None, :] if R == 1 else x


@jit
def hand_on_kernel(
    ends: tl.tensor,
    reach: tl.tensor,
    first: tl.tensor,
    spans: tl.tensor,
    elements: tl.tensor,
    BACKWARD: tl.constexpr,
    BLOCK: tl.constexpr,
) -> tl.tensor:
    """Replace what each span adds, in `ends`, by the state that arrives at it, span after span or the other way round.

    ends and reach, the log decay over a span, are (B, S, elements); first, which arrives at the first span, is
    (B, elements).
    """
    program = tl.program_id(0)
    across = tl.cdiv(elements, BLOCK)
    batch = (program // across).to(tl.int64)
    e = (program % across) * BLOCK + tl.arange(0, BLOCK)
    inside = e < elements
    state = tl.load(first + batch * elements + e, mask=inside, other=0.0)
    for i in range(spans):
        at = (batch * spans + (spans - 1 - i if BACKWARD else i)) * elements + e
        added, log_decay = read(ends + at, inside), read(reach + at, inside)
        tl.store(ends + at, state, mask=inside)
        state = tl.exp(log_decay) * state + added
