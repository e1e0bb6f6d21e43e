"""Times of the Triton kernels on this machine's GPU, compared with PyTorch in the same run.

    python benchmarks/kernels.py [--json var/benchmarks/kernels.json]

For each operator, shape and dtype it measures the milliseconds of forward and backward together (median, with the 10th
and 90th percentile) of the kernel in its chosen configuration, of every other configuration, of the PyTorch form and
for a convolution of `torch.nn.functional.conv1d`, and divides the times of the last two by that of the kernel. Before a
form is timed, its output and gradients are compared with float64; a wrong kernel ends the run. Without a GPU nothing is
measured: the command prints this and exits with status 0.

B batch, L length, D channels, W taps, K keys of a state with one value channel.
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
from star.ops.recurrence import scan
from star.ops.recurrence.inputs import Inputs
from star.ops.trust import TOLERANCE, largest_error

SHAPES = ((16, 128, 64, 3), (8, 8192, 64, 3), (8, 4096, 768, 3), (4, 4096, 2048, 3), (4, 4096, 2048, 8))
SCANS = ((16, 4096, 768, 16), (16, 4096, 768, 1), (1, 65536, 768, 16))
DTYPES = (torch.float32, torch.bfloat16)
Form = Callable[..., Tensor]
Draw = Callable[..., Tensor]
Clock = Callable[[Callable[[], Any]], list[float]]


def convolved(x_BLD: Tensor, h_DW: Tensor) -> Tensor:
    """Convolve by `torch.nn.functional.conv1d`."""
    channels, taps = h_DW.shape
    x_BDL = F.pad(x_BLD.transpose(1, 2), (taps - 1, 0))
    return F.conv1d(x_BDL, h_DW.flip(1).unsqueeze(1), groups=channels).transpose(1, 2)


class Operator(NamedTuple):
    """An operator with a kernel.

    Attributes:
        axes: the letters of its shapes.
        shapes: that are measured.
        inputs: draws the tensors of a shape.
        forms: of these tensors, by name, with the kernel as it is chosen first.
        meaning: the name of the form that the others are compared with, in float64.
    """

    axes: str
    shapes: tuple[tuple[int, ...], ...]
    inputs: Callable[[Draw, tuple[int, ...]], list[Tensor]]
    forms: Callable[[list[Tensor]], dict[str, Form]]
    meaning: str


def _gated(convolution: Form) -> Form:
    return lambda c_BLD, b_BLD, v_BLD, h_DW: c_BLD * convolution(b_BLD * v_BLD, h_DW)


def _with_silu(convolution: Form) -> Form:
    return lambda x_BLD, h_DW: F.silu(convolution(x_BLD, h_DW))


def _convolution(
    name: str, features: int, longest: int, with_causal: Callable[[Form], Form], **options: Any
) -> Operator:
    """Describe a convolution of so many features x_BLD: `with_causal` puts the operator around a causal convolution."""

    def inputs(draw: Draw, shape: tuple[int, ...]) -> list[Tensor]:
        *size, taps = shape
        return [*(draw(*size) for _ in range(features)), draw(size[-1], taps)]

    def forms(tensors: list[Tensor]) -> dict[str, Form]:
        from star.ops.convolution.triton_configuration import CONFIGURATIONS

        own = partial(_require(kernel(name, *tensors)), **options)
        others = {"pytorch": with_causal(causal), "conv1d": with_causal(convolved)}
        tiles = {f"kernel {row.block_l}x{row.block_d}": partial(own, configured=row) for row in CONFIGURATIONS}
        return {"kernel": own, **others, **tiles}

    shapes = tuple(shape for shape in SHAPES if shape[-1] <= longest)
    return Operator("BLDW", shapes, inputs, forms, "conv1d")


def _scanned(draw: Draw, shape: tuple[int, ...]) -> list[Tensor]:
    """Draw what Mamba-1 has: keys that all channels share, constant decays, and a first state in float32."""
    batch, length, channels, keys = shape
    c_BL1K, b_BL1K = (draw(batch, length, 1, keys) for _ in range(2))
    d_BLH1, v_BLH1 = (draw(batch, length, channels, 1) for _ in range(2))
    state_BHK1 = draw(batch, channels, keys, 1).float()
    return [c_BL1K, b_BL1K, -draw(1, 1, channels, keys).exp(), F.softplus(d_BLH1), v_BLH1, state_BHK1]


def _scans(tensors: list[Tensor]) -> dict[str, Form]:
    def outputs(form: Callable[..., tuple[Tensor, Tensor]]) -> Form:
        return lambda *tensors: form(Inputs(*tensors[:5]), tensors[5])[0]

    return {
        "kernel": outputs(_require(kernel("recurrence", Inputs(*tensors[:5]), tensors[5]))),
        "pytorch": outputs(scan.recurrence),
    }


def _require(chosen: Callable[..., Any] | None) -> Callable[..., Any]:
    if chosen is None:
        raise RuntimeError("the kernel is not chosen on this device")
    return chosen


OPERATORS = {
    "gated_convolution": _convolution("gated_convolution", 3, LONGEST_FILTER, _gated),
    "short_convolution": _convolution("short_convolution", 1, LONGEST_RECOMPUTED, _with_silu, silu=True),
    "recurrence": Operator("BLDK", SCANS, _scanned, _scans, "pytorch"),
}


def on_list(form: Form) -> Callable[[list[Tensor]], tuple[Tensor, ...]]:
    """Return the form of a list of tensors, with its outputs as a tuple."""
    return lambda features: (form(*features),)


def step(form: Form, features: list[Tensor], dy: Tensor) -> list[Tensor]:
    """Compute y and its gradients."""
    y = form(*features)
    return [y, *torch.autograd.grad(y, features, dy)]


def measured(name: str, shape: tuple[int, ...], dtype: torch.dtype, device: str, clock: Clock) -> dict[str, Any]:
    """Measure one row of the table.

    Raises:
        RuntimeError: a kernel is wrong on this device; the message names it. Errors of other forms are only recorded.
    """
    operator = OPERATORS[name]
    draw = partial(torch.randn, generator=torch.Generator(device).manual_seed(0), device=device)
    tensors = operator.inputs(lambda *size: draw(size).to(dtype), shape)
    features = [x.detach().requires_grad_() for x in tensors]
    compared = operator.forms(features)
    times, errors = {}, {}
    dy = torch.randn_like(compared["kernel"](*features))
    for form_name, form in compared.items():
        errors[form_name] = largest_error(on_list(form), on_list(compared[operator.meaning]), features)
        if form_name.startswith("kernel") and not errors[form_name] <= TOLERANCE[dtype]:
            wrong = f"relative RMS error {errors[form_name]:.2g}"
            raise RuntimeError(f"{form_name} of {name} is wrong at {shape} in {dtype}: {wrong}")
        times[form_name] = clock(partial(step, form, features, dy.to(form(*features).dtype)))
    others = [form_name for form_name in compared if not form_name.startswith("kernel")]
    return {
        "operator": name,
        "shape": dict(zip(operator.axes, shape, strict=True)),
        "dtype": str(dtype).removeprefix("torch."),
        "milliseconds": {one: dict(zip(("p10", "median", "p90"), row, strict=True)) for one, row in times.items()},
        "relative_rms_error": errors,
        "times_faster_than": {one: times[one][1] / times["kernel"][1] for one in others},
    }


def on_gpu(work: Callable[[], Any]) -> list[float]:
    """Measure milliseconds at the 10th, 50th and 90th percentile; the cache is cleared before every run."""
    import triton.testing

    quantiles: list[float] = triton.testing.do_bench(work, warmup=50, rep=300, quantiles=[0.1, 0.5, 0.9])
    return quantiles


def line(row: dict[str, Any]) -> str:
    faster, times = row["times_faster_than"], row["milliseconds"]
    tiles = [form for form in times if form.startswith("kernel ")]
    best = min(tiles, key=lambda form: times[form]["median"], default="kernel")
    shape = " ".join(f"{letter}={size}" for letter, size in row["shape"].items())
    return (
        f"{row['operator']:18} {shape:28} {row['dtype']:9} kernel {times['kernel']['median']:8.4f} ms   "
        + "".join(f"{faster[form]:5.2f}x {form}   " for form in faster)
        + f"fastest: {best}"
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
        for name, operator in OPERATORS.items():
            for shape, dtype in product(operator.shapes, DTYPES):
                rows.append(measured(name, shape, dtype, "cuda", on_gpu))
                print(line(rows[-1]), flush=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"device": device, "torch": torch.__version__, "rows": rows}, indent=2) + "\n")
    print(f"Written: {path}")


if __name__ == "__main__":
    main()
