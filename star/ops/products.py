"""Float32 products of activations and weights on a CPU through oneDNN, where a machine computes them faster so.

PyTorch computes such products by MKL, which runs at half rate on other makers' processors. Its switch to oneDNN is one
of precision, for a whole process and for attention too, and may mean bfloat16; so oneDNN is called here for the
products of projections alone, which remain products of float32.

M rows, I and O channels in and out, N images of P pixels.
"""

from __future__ import annotations

import platform
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path
from statistics import median
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

from star.ops.kept import kept

SMALLEST = 1 << 21
"""Multiplications of a product from which the cost of the other call, about 10 microseconds, is small."""

SMALLEST_OF_WEIGHT = 1 << 22
"""The same for the gradient of the weight, where the other call costs about 40 microseconds."""

IMAGES = 16
"""The parts in which rows are told to a convolution; PyTorch does not hand fewer images to oneDNN."""

FEWEST_ROWS = 16
"""Rows of the smallest product; those of a few tokens read weights and compute little."""

PROBES = ((2048, 64, 64), (2048, 256, 256))
"""Rows and channels in and out of the products by which a machine is timed."""

PAIRS = 15
"""Timings of each product of a probe by each library, in turn."""

ENOUGH = 0.9
"""Share of MKL's time that oneDNN may take: a machine where both are alike keeps PyTorch's own products."""

TOLERANCE = 1e-5
"""Largest relative error of oneDNN against float64; that of PyTorch's own products is below 1e-6."""


def supports(x: Tensor, weight_OI: Tensor) -> bool:
    """Return whether a product is large enough, of float32 on a CPU, and oneDNN faster on this machine."""
    return (
        x.device.type == "cpu"
        and x.dtype is weight_OI.dtype is torch.float32
        and weight_OI.ndim == 2
        and x.numel() * weight_OI.shape[0] >= SMALLEST
        and x.numel() >= FEWEST_ROWS * x.shape[-1]
        and not torch.is_autocast_enabled("cpu")
        and faster()
    )


def linear(x: Tensor, weight_OI: Tensor) -> Tensor:
    """Compute x W^T, (..., O) from x (..., I), through oneDNN; differentiable once."""
    y: Tensor = _Linear.apply(x, weight_OI)  # type: ignore[no-untyped-call]  # torch leaves apply untyped
    return y


class _Linear(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight_OI: Tensor) -> Tensor:
        ctx.save_for_backward(x, weight_OI)
        return _product(x, weight_OI)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, dy: Tensor) -> tuple[Tensor | None, Tensor | None]:
        x, weight_OI = ctx.saved_tensors
        dx = _product(dy, weight_OI.t()) if ctx.needs_input_grad[0] else None
        return dx, _of_weight(dy.flatten(0, -2), x.flatten(0, -2)) if ctx.needs_input_grad[1] else None


def _product(x: Tensor, weight_OI: Tensor) -> Tensor:
    y: Tensor = torch.ops.mkldnn._linear_pointwise(x, weight_OI, None, "none", [], "")
    return y


def _of_weight(dy_MO: Tensor, x_MI: Tensor) -> Tensor:
    """Compute dW_OI = dy^T x.

    oneDNN's linear layer would copy both, transposed. Its convolution of one tap reads them as they lie: rows are
    images of one row, with channels last.
    """
    rows, into, out = x_MI.shape[0], x_MI.shape[1], dy_MO.shape[1]
    if rows % IMAGES or rows * into * out < SMALLEST_OF_WEIGHT:
        return dy_MO.t() @ x_MI
    x_NI1P, dy_NO1P = (z.reshape(IMAGES, 1, rows // IMAGES, -1).permute(0, 3, 1, 2) for z in (x_MI, dy_MO))
    shape_OI11 = x_MI.new_empty(1).expand(out, into, 1, 1)
    plain = {"stride": [1, 1], "padding": [0, 0], "dilation": [1, 1], "transposed": False, "output_padding": [0, 0]}
    _, dweight_OI11, _ = torch.ops.aten.convolution_backward(
        dy_NO1P, x_NI1P, shape_OI11, None, **plain, groups=1, output_mask=[False, True, False]
    )
    return torch.flatten(dweight_OI11, 1)


@cache
def faster() -> bool:
    """Return whether oneDNN is right and faster on this machine: timed once, for a second at most, and then kept.

    All processes of a machine take the same form, so that the same request gives the same bits in each.
    """
    there = torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]  # torch leaves it untyped
    if not there or not hasattr(torch.ops.mkldnn, "_linear_pointwise"):
        return False
    machine = {"processor": _processor(), "torch": torch.__version__, "products": str(PROBES)}
    found = kept("products", machine, ("ratio", "error"), _timed)
    return bool(found["ratio"] <= ENOUGH and found["error"] <= TOLERANCE)


def _timed() -> dict[str, float]:
    """Return the largest ratio of the time of oneDNN to that of MKL over all probes, and the error of oneDNN."""
    with torch.inference_mode(False), torch.no_grad(), torch.autocast("cpu", enabled=False):
        probes = [(torch.ones(rows, into), torch.ones(out, into)) for rows, into, out in PROBES]
        ratios = [_ratio(x_MI, weight_OI) for x_MI, weight_OI in probes]
        return {"ratio": max(ratios), "error": _error()}


def _ratio(x_MI: Tensor, weight_OI: Tensor) -> float:
    """Return the median over pairs of the ratio of processor times."""

    def seconds(product: Callable[[Tensor, Tensor], Tensor]) -> float:
        began = time.process_time()
        product(x_MI, weight_OI)
        return time.process_time() - began

    for product in (_product, F.linear):
        product(x_MI, weight_OI)
    return median(seconds(_product) / max(seconds(F.linear), 1e-9) for _ in range(PAIRS))


def _error() -> float:
    """Return the largest relative error of the product, and of the gradients, of a probe against float64."""
    generator = torch.Generator().manual_seed(0)
    rows, into, out = PROBES[0]
    x_MI, weight_OI, dy_MO = (
        torch.randn(*sizes, generator=generator) for sizes in ((rows, into), (out, into), (rows, out))
    )
    pairs = (
        (_product(x_MI, weight_OI), x_MI.double() @ weight_OI.double().t()),
        (_product(dy_MO, weight_OI.t()), dy_MO.double() @ weight_OI.double()),
        (_of_weight(dy_MO, x_MI), dy_MO.double().t() @ x_MI.double()),
    )
    return max(float((found.double() - exact).norm() / exact.norm()) for found, exact in pairs)


def _processor() -> str:
    """Return the model of the processor, or its architecture where the system does not tell."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor() or platform.machine())
