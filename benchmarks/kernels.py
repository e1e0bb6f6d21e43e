"""Times of the Triton kernels on this machine's GPU, compared with PyTorch in the same run.

    python benchmarks/kernels.py [--json var/benchmarks/kernels.json]

For each operator, shape and dtype it measures the milliseconds of forward and backward together (median, with the 10th
and 90th percentile) of the kernel in its chosen configuration, of every other configuration, of the PyTorch form and of
`torch.nn.functional.conv1d`, and divides the times of the last two by that of the kernel. Before a form is timed,
its output and gradients are compared with float64; a wrong kernel ends the run. Without a GPU nothing is measured: the
command prints this and exits with status 0.

B batch, L length, D channels, W taps.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from star.ops.convolution.causal import causal
from star.ops.dispatch import forced, kernel
from star.ops.kernels import LONGEST_FILTER, LONGEST_RECOMPUTED
from star.ops.trust import TOLERANCE, largest_error

SHAPES = ((16, 128, 64, 3), (8, 8192, 64, 3), (8, 4096, 768, 3), (4, 4096, 2048, 3), (4, 4096, 2048, 8))
DTYPES = (torch.float32, torch.bfloat16)
Form = Callable[..., Tensor]
Clock = Callable[[Callable[[], Any]], list[float]]


def convolved(x_BLD: Tensor, h_DW: Tensor) -> Tensor:
    """Convolve by `torch.nn.functional.conv1d`."""
    channels, taps = h_DW.shape
    x_BDL = F.pad(x_BLD.transpose(1, 2), (taps - 1, 0))
    return F.conv1d(x_BDL, h_DW.flip(1).unsqueeze(1), groups=channels).transpose(1, 2)


class Operator(NamedTuple):
    """An operator with a kernel.

    Attributes:
        features: its tensors x_BLD, which the filter follows.
        taps: of the longest filter that the kernel takes.
        with_causal: the operator around a causal convolution of x_BLD and h_DW.
        own: the kernel in a configuration.
    """

    features: int
    taps: int
    with_causal: Callable[[Form], Form]
    own: Callable[..., Tensor]


def _gated(convolution: Form) -> Form:
    return lambda c_BLD, b_BLD, v_BLD, h_DW: c_BLD * convolution(b_BLD * v_BLD, h_DW)


def _with_silu(convolution: Form) -> Form:
    return lambda x_BLD, h_DW: F.silu(convolution(x_BLD, h_DW))


def _own_gated(c_BLD: Tensor, b_BLD: Tensor, v_BLD: Tensor, h_DW: Tensor, **options: Any) -> Tensor:
    from star.ops.convolution.triton import gated_short_conv

    return gated_short_conv(c_BLD, b_BLD, v_BLD, h_DW, **options)


def _own_short(x_BLD: Tensor, h_DW: Tensor, **options: Any) -> Tensor:
    from star.ops.convolution.triton_short import short_conv

    return short_conv(x_BLD, h_DW, silu=True, **options)


OPERATORS = {
    "gated_convolution": Operator(3, LONGEST_FILTER, _gated, _own_gated),
    "short_convolution": Operator(1, LONGEST_RECOMPUTED, _with_silu, _own_short),
}


def forms(name: str, features: list[Tensor]) -> dict[str, Form]:
    """Return all forms that are compared, by name; the kernel in its chosen configuration comes first."""
    from star.ops.convolution.triton_configuration import CONFIGURATIONS

    if kernel(name, *features) is None:
        raise RuntimeError("the kernel is not chosen on this device")
    operator = OPERATORS[name]
    others = {"pytorch": operator.with_causal(causal), "conv1d": operator.with_causal(convolved)}
    tiles = {f"kernel {row.block_l}x{row.block_d}": partial(operator.own, configured=row) for row in CONFIGURATIONS}
    return {"kernel": operator.own, **others, **tiles}


def on_list(form: Form) -> Callable[[list[Tensor]], tuple[Tensor, ...]]:
    """Return the form of a list of tensors, with its outputs as a tuple."""
    return lambda features: (form(*features),)


def step(form: Form, features: list[Tensor], dy: Tensor) -> list[Tensor]:
    """Compute y and its gradients."""
    y = form(*features)
    return [y, *torch.autograd.grad(y, features, dy)]


def measured(
    name: str, shape: tuple[int, int, int, int], dtype: torch.dtype, device: str, clock: Clock
) -> dict[str, Any]:
    """Measure one row of the table.

    Raises:
        RuntimeError: a kernel is wrong on this device; the message names it. Errors of other forms are only recorded.
    """
    batch, length, channels, taps = shape
    rng = torch.Generator(device).manual_seed(0)
    draw = partial(torch.randn, generator=rng, device=device)
    features = [draw(batch, length, channels).to(dtype).requires_grad_() for _ in range(OPERATORS[name].features)]
    features.append(draw(channels, taps).to(dtype).requires_grad_())
    dy = draw(batch, length, channels).to(dtype)
    times, errors = {}, {}
    compared = forms(name, features)
    for form_name, form in compared.items():
        errors[form_name] = largest_error(on_list(form), on_list(compared["conv1d"]), features)
        if form_name.startswith("kernel") and not errors[form_name] <= TOLERANCE[dtype]:
            wrong = f"relative RMS error {errors[form_name]:.2g}"
            raise RuntimeError(f"{form_name} of {name} is wrong at {shape} in {dtype}: {wrong}")
        times[form_name] = clock(partial(step, form, features, dy))
    return {
        "operator": name,
        "shape": dict(zip("BLDW", shape, strict=True)),
        "dtype": str(dtype).removeprefix("torch."),
        "milliseconds": {one: dict(zip(("p10", "median", "p90"), row, strict=True)) for one, row in times.items()},
        "relative_rms_error": errors,
        "times_faster_than": {one: times[one][1] / times["kernel"][1] for one in ("pytorch", "conv1d")},
    }


def on_gpu(work: Callable[[], Any]) -> list[float]:
    """Measure milliseconds at the 10th, 50th and 90th percentile; the cache is cleared before every run."""
    import triton.testing

    quantiles: list[float] = triton.testing.do_bench(work, warmup=50, rep=300, quantiles=[0.1, 0.5, 0.9])
    return quantiles


def line(row: dict[str, Any]) -> str:
    faster, times = row["times_faster_than"], row["milliseconds"]
    best = min((name for name in times if name.startswith("kernel ")), key=lambda name: times[name]["median"])
    shape = " ".join(f"{letter}={size}" for letter, size in row["shape"].items())
    return (
        f"{row['operator']:18} {shape:28} {row['dtype']:9} kernel {times['kernel']['median']:8.4f} ms   "
        f"{faster['pytorch']:5.2f}x PyTorch   {faster['conv1d']:5.2f}x conv1d   "
        f"fastest tile {best.removeprefix('kernel ')}"
    )


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    options.add_argument("--json", type=Path, default=Path("var/benchmarks/kernels.json"), help="file for the results")
    path: Path = options.parse_args().json
    if not torch.cuda.is_available():
        print("Not run: there is no GPU here, and on a CPU Triton kernels are only interpreted. Nothing was measured.")
        sys.exit(0)
    device = torch.cuda.get_device_name()
    print(f"{device}, torch {torch.__version__}; forward and backward, how many times faster the kernel is:")
    rows = []
    with forced("auto"):
        for name, shape, dtype in product(OPERATORS, SHAPES, DTYPES):
            if shape[-1] <= OPERATORS[name].taps:
                rows.append(measured(name, shape, dtype, "cuda", on_gpu))
                print(line(rows[-1]), flush=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"device": device, "torch": torch.__version__, "rows": rows}, indent=2) + "\n")
    print(f"Written: {path}")


if __name__ == "__main__":
    main()
