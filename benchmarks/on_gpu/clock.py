"""Times on a device, and the rates at which it copies memory and multiplies matrices."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import torch

from .place import Place

DRY_RUNS = 2


class Milliseconds(NamedTuple):
    """The 10th, 50th and 90th percentile."""

    p10: float
    median: float
    p90: float


class Rates(NamedTuple):
    """What a device reaches.

    Attributes:
        bytes: a second, of a copy; those that are read and those that are written count.
        products: floating-point operations a second of a matrix product, by the dtype's name.
    """

    bytes: float
    products: dict[str, float]


def clocked(work: Callable[[], Any], place: Place) -> Milliseconds:
    """Measure work on a GPU, whose cache is cleared before every run; in a dry run, run it."""
    if not place.dry:
        import triton.testing

        return Milliseconds(*triton.testing.do_bench(work, warmup=50, rep=300, quantiles=[0.1, 0.5, 0.9]))
    taken = []
    for _ in range(DRY_RUNS):
        began = time.perf_counter()
        work()
        taken.append(1e3 * (time.perf_counter() - began))
    return Milliseconds(min(taken), max(taken), max(taken))


def rates(place: Place, dtypes: tuple[torch.dtype, ...]) -> Rates:
    """Measure the rates of a copy of 1 GiB and of products of square matrices of 8,192 rows; small in a dry run."""
    elements, rows = (1 << 10, 32) if place.dry else (1 << 28, 8192)
    source = torch.zeros(elements, device=place.device)
    target = torch.empty_like(source)
    copied = 2 * source.nbytes / (1e-3 * clocked(partial(target.copy_, source), place).median)
    products = {}
    for dtype in dtypes:
        a, b = (torch.randn(rows, rows, device=place.device).to(dtype) for _ in range(2))
        taken = 1e-3 * clocked(partial(torch.mm, a, b), place).median
        products[str(dtype).removeprefix("torch.")] = 2 * rows**3 / taken
    return Rates(copied, products)
