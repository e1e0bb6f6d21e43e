"""Times of the compiled attention over those of PyTorch's, in pairs: `python -m benchmarks.on_cpu.attention`.

Processor time on one thread, in turn in one process, forward alone and with the backward pass: the median of nine
ratios and their smallest and largest.

B batch, L tokens, H query heads, G key heads, K and V channels per head.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor

from star.ops.attention import compiled
from star.ops.attention.full import fused_attention

PAIRS = 9
LEAST_SECONDS = 0.02
"""Processor time of a measurement, which calls as often as that takes."""

SIZES = (  # B, H, G, L, K, V, window
    (16, 4, 4, 128, 16, 16, None),
    (16, 4, 4, 128, 8, 8, None),
    (16, 1, 1, 128, 64, 64, None),
    (16, 4, 4, 128, 32, 32, None),
    (16, 4, 1, 128, 20, 16, None),
    (8, 4, 4, 512, 16, 16, None),
    (4, 12, 12, 512, 64, 64, None),
    (2, 12, 12, 2048, 64, 64, None),
    (1, 4, 4, 8192, 16, 16, None),
    (2, 2, 2, 512, 256, 256, None),
    (4, 4, 4, 1024, 16, 16, 64),
    (4, 4, 4, 1024, 16, 16, 128),
    (2, 4, 4, 1024, 64, 64, 64),
    (1, 4, 4, 64, 16, 16, None),
    (16, 4, 4, 16, 16, 16, None),
    (1, 4, 4, 32, 16, 16, None),
)

Form = Callable[..., Tensor]


def forward(form: Form, inputs: list[Tensor], dy: Tensor) -> None:
    with torch.no_grad():
        form(*inputs)


def with_backward(form: Form, inputs: list[Tensor], dy: Tensor) -> None:
    torch.autograd.grad(form(*inputs), inputs, dy)


STEPS = (forward, with_backward)


def seconds(step: Callable[[], None], calls: int) -> float:
    before = time.process_time()
    for _ in range(calls):
        step()
    return (time.process_time() - before) / calls


def compared(ours: Callable[[], None], theirs: Callable[[], None]) -> str:
    """Return the ratios of two steps, and the milliseconds of both."""
    ours()
    calls = max(1, int(LEAST_SECONDS / max(1e-6, min(seconds(theirs, 1) for _ in range(2)))))
    pairs = [(seconds(theirs, calls), seconds(ours, calls)) for _ in range(PAIRS)]
    ratios = [mine / other for other, mine in pairs]
    other, mine = (1e3 * statistics.median(times) for times in zip(*pairs, strict=True))
    return f"{statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f}), {other:.2f} to {mine:.2f} ms"


def main() -> None:
    torch.set_num_threads(1)
    for batch, heads, groups, length, keys, values, window in SIZES:
        shapes = ((heads, keys), (groups, keys), (groups, values))
        inputs = [torch.randn(batch, length, *shape).requires_grad_() for shape in shapes]
        dy = torch.randn(batch, length, heads, values)
        mine, other = (partial(form, window=window) for form in (compiled.attention, fused_attention))
        cells = [compared(partial(step, mine, inputs, dy), partial(step, other, inputs, dy)) for step in STEPS]
        print(f"{batch} x {heads}/{groups} x {length:,} x {keys}/{values}, window {window}:", *cells, sep=" | ")


if __name__ == "__main__":
    main()
