"""Times of operators on this machine's GPU: kernels and libraries, compared with PyTorch in the same run.

    python -m benchmarks.on_gpu.kernels [--dry] [--json var/benchmarks/kernels.json]

For each operator, shape and dtype it measures the milliseconds of the forward pass alone and of forward and backward
together (median, with the 10th and 90th percentile) of every form: each kernel of `star.ops.kernels` that runs here,
those of flash-linear-attention among them where it is installed, and every configuration of the tiles of a short
convolution; STAR's PyTorch form and its `torch.compile`; PyTorch's own call where it has one. Beside each time stand
two shares: of the rate at which the card copies memory, for the least bytes that both passes move, and of the rate of a
large matrix product. Both rates are measured in the same run. Before a form is timed, its outputs and gradients are
compared with float64. A form that raises is recorded with its error; a kernel that is wrong ends in status 1. With
--dry everything runs at tiny shapes on the CPU.
Without a GPU nothing is measured: the command prints this and exits with status 0.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from functools import partial
from importlib.util import find_spec
from itertools import product
from typing import Any

import torch
from torch import Tensor

from star.ops.kernels import KERNELS, NEEDED, Kernel, Language
from star.ops.trust import TOLERANCE, largest_error

from .clock import Rates, clocked, rates
from .operators import OPERATORS, Form, Operator, Shape
from .place import Place, asked

DTYPES = (torch.float32, torch.bfloat16)
CONFIGURED = ("gated_convolution", "short_convolution")
"""Operators whose Triton kernel is configured by the size of its tiles."""

Outputs = Callable[[list[Tensor]], tuple[Tensor, ...]]


def runs(row: Kernel, device: torch.device) -> bool:
    """Return whether a kernel runs on a device, where what it needs is installed."""
    return (row.language is Language.C) == (device.type == "cpu") and all(map(find_spec, NEEDED[row.language]))


def kernels(operator: Operator, tensors: list[Tensor], device: torch.device) -> Iterator[tuple[str, Form]]:
    """Yield the kernels that take these tensors by name, in the order in which they are chosen."""
    for row in KERNELS:
        if row.operator == operator.kernel and row.supports(*operator.arguments(tensors)) and runs(row, device):
            name, run = row.language.value, row.load()
            yield name, run
            if row.language is Language.TRITON and operator.kernel in CONFIGURED:
                from star.ops.convolution.triton_configuration import CONFIGURATIONS

                for tile in CONFIGURATIONS:
                    yield f"{name} {tile.block_l}x{tile.block_d}", partial(run, configured=tile)


def on_list(operator: Operator, form: Form) -> Outputs:
    """Return a form as a function of a list of tensors that returns a tuple."""

    def outputs(tensors: list[Tensor]) -> tuple[Tensor, ...]:
        returned = form(*operator.arguments(tensors), **operator.options)
        return returned if isinstance(returned, tuple) else (returned,)

    return outputs


def forward(outputs: Outputs, tensors: list[Tensor]) -> None:
    with torch.no_grad():
        outputs(tensors)


def step(outputs: Outputs, tensors: list[Tensor], grads: list[Tensor]) -> None:
    torch.autograd.grad(outputs(tensors), tensors, grads)


def least_bytes(tensors: list[Tensor], results: tuple[Tensor, ...]) -> int:
    """Count the bytes that no form avoids: both passes read the inputs, and their gradients are written; the outputs
    are written, and their gradients read.
    """
    return 3 * sum(x.nbytes for x in tensors) + 2 * sum(y.nbytes for y in results)


def timed(outputs: Outputs, operator: Operator, shape: Shape, tensors: list[Tensor], place: Place) -> dict[str, Any]:
    """Measure one form."""
    meaning = on_list(operator, operator.forms[operator.meaning])
    compared = shape[operator.axes.index("L")] <= operator.compared
    error = largest_error(outputs, meaning, tensors) if compared else None
    with torch.no_grad():
        results = outputs(tensors)
    grads = [torch.randn_like(y) for y in results]
    return {
        "relative_rms_error": error,
        "forward_ms": clocked(partial(forward, outputs, tensors), place)._asdict(),
        "step_ms": clocked(partial(step, outputs, tensors, grads), place)._asdict(),
        "least_bytes": least_bytes(tensors, results),
    }


def measured(name: str, shape: Shape, dtype: torch.dtype, place: Place, reached: Rates) -> dict[str, Any]:
    """Measure one row of the table."""
    operator, dtype_name = OPERATORS[name], str(dtype).removeprefix("torch.")
    draw = partial(torch.randn, generator=torch.Generator(place.device).manual_seed(0), device=place.device)
    drawn = operator.inputs(lambda *size: draw(size).to(dtype), shape)
    tensors = [x.detach().requires_grad_() for x in drawn]
    torch.compiler.reset()  # otherwise the shapes before make this one dynamic
    compiled = torch.compile(operator.forms["pytorch"], backend="eager" if place.dry else "inductor")
    own = dict(kernels(operator, tensors, place.device))
    found: dict[str, dict[str, Any]] = {}
    for form_name, form in {**own, **operator.forms, "pytorch, compiled": compiled}.items():
        try:
            one = timed(on_list(operator, form), operator, shape, tensors, place)
        except Exception as error:  # libraries and compilers raise what they like
            found[form_name] = {"failure": f"{type(error).__name__}: {str(error).partition(chr(10))[0]}"}
            continue
        seconds = 1e-3 * one["step_ms"]["median"]
        one["share_of_copy"] = one["least_bytes"] / seconds / reached.bytes
        one["share_of_product"] = operator.products(shape) / seconds / reached.products[dtype_name]
        one["wrong"] = form_name in own and not (one["relative_rms_error"] or 0.0) <= TOLERANCE[dtype]
        found[form_name] = one
    sizes = dict(zip(operator.axes, shape, strict=True))
    return {"operator": name, "shape": sizes, "dtype": dtype_name, "forms": found}


def lines(row: dict[str, Any]) -> Iterator[str]:
    shape = " ".join(f"{letter}={size}" for letter, size in row["shape"].items())
    yield f"{row['operator']}, {shape}, {row['dtype']}"
    for name, form in row["forms"].items():
        if "failure" in form:
            yield f"  {name:24} {form['failure']}"
            continue
        shares = f"copy {form['share_of_copy']:6.1%}   products {form['share_of_product']:6.1%}"
        times = f"forward {form['forward_ms']['median']:9.4f} ms   both {form['step_ms']['median']:9.4f} ms"
        yield f"  {name:24} {times}   {shares}{'   WRONG' if form['wrong'] else ''}"


def main() -> None:
    place = asked(__doc__, "var/benchmarks/kernels.json")
    reached = rates(place, DTYPES)
    products = ", ".join(f"{name} {rate / 1e12:.3g} TFLOP/s" for name, rate in reached.products.items())
    print(f"copies: {reached.bytes / 1e9:,.0f} GB/s; products: {products}", flush=True)
    rows = []
    for (name, operator), dtype in product(OPERATORS.items(), DTYPES):
        for shape in (operator.tiny,) if place.dry else operator.shapes:
            rows.append(measured(name, shape, dtype, place, reached))
            print("\n".join(lines(rows[-1])), flush=True)
    place.write(rates=reached._asdict(), rows=rows)
    wrong = [(row["operator"], name) for row in rows for name, form in row["forms"].items() if form.get("wrong")]
    if wrong:
        sys.exit(f"wrong on this device: {wrong}")


if __name__ == "__main__":
    main()
