"""Whether a kernel is trusted on a GPU: before its first use there it is compared with PyTorch, output and gradients.

Right sources have been compiled to wrong programs on new GPUs. The result is kept on disk for each kernel, GPU, driver,
torch and Triton, so a machine compares once. A kernel that is wrong, or does not run, is logged once by each process,
and PyTorch runs in its place.

B batch, L tokens, D channels, W taps.
"""

from __future__ import annotations

import hashlib
import inspect
import json
import logging
import os
import tempfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from star.ops.convolution.causal import activated, gated

log = logging.getLogger(__name__)

BATCH, LENGTH, CHANNELS, TAPS = 2, 130, 40, 3
"""Sizes at which kernels are compared: no multiple of a tile."""

TOLERANCE = {torch.float32: 1e-4, torch.bfloat16: 0.02}
"""Largest relative RMS error of a kernel; rounding to bfloat16 changes a value by up to 2^-8 of it."""


class Trial(NamedTuple):
    """How a kernel is compared.

    Attributes:
        features: its tensors x_BLD, which the filter h_DW follows.
        options: further arguments, of each comparison.
        meaning: the PyTorch form of the same arguments.
    """

    features: int
    options: tuple[tuple[Any, ...], ...]
    meaning: Callable[..., Tensor]


TRIALS = {
    "gated_convolution": Trial(3, ((),), gated),
    "short_convolution": Trial(1, ((True,), (False,)), activated),
}


@cache
def trusted(operator: str, kernel: Callable[..., Tensor], device: torch.device) -> bool:
    """Return whether the kernel of an operator computes on a device what PyTorch does."""
    facts = {"operator": operator, **_circumstances(kernel, device)}
    place = _folder() / f"{hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:32]}.json"
    known = _read(place)
    if known is None:
        found = _fault(TRIALS[operator], kernel, device)
        known = {**facts, "fault": found, "at": datetime.now(UTC).isoformat(timespec="seconds")}
        _write(place, known)
    if known["fault"]:
        log.warning("the kernel of %s is not used on %s: %s", operator, facts["device"], known["fault"])
    return not known["fault"]


def known_faults() -> list[dict[str, str]]:
    """Return what is known of kernels that are not used on this machine, one dict each as `trusted` keeps it."""
    found = [known for place in sorted(_folder().glob("*.json")) if (known := _read(place)) is not None]
    return [known for known in found if known["fault"]]


def largest_error(
    form: Callable[..., Tensor], meaning: Callable[..., Tensor], inputs: list[Tensor], dy_BLD: Tensor, *options: Any
) -> float:
    """Compute the largest relative RMS error of the output and of every gradient against another form in float64."""

    def step(run: Callable[..., Tensor], dtype: torch.dtype | None) -> list[Tensor]:
        leaves = [x.detach().to(dtype or x.dtype).requires_grad_() for x in inputs]
        y_BLD = run(*leaves, *options)
        return [y_BLD.detach(), *torch.autograd.grad(y_BLD, leaves, dy_BLD.to(y_BLD.dtype))]

    pairs = zip(step(form, None), step(meaning, torch.float64), strict=True)
    return max(float((got.double() - exact).norm() / exact.norm()) for got, exact in pairs)


def _fault(trial: Trial, kernel: Callable[..., Tensor], device: torch.device) -> str:
    """Compare a kernel, and return what is wrong with it, or nothing."""
    try:
        for dtype, options, error in _errors(trial, kernel, device):
            if not error <= TOLERANCE[dtype]:
                name = str(dtype).removeprefix("torch.")
                return f"it has a relative error of {error:.2g} in {name} with {options or 'no options'}"
    except Exception as error:  # a compiler and a driver raise what they like
        return f"it does not run: {type(error).__name__}: {str(error).partition(chr(10))[0]}"
    return ""


def _errors(
    trial: Trial, kernel: Callable[..., Tensor], device: torch.device
) -> Iterator[tuple[torch.dtype, tuple[Any, ...], float]]:
    drawn = torch.Generator().manual_seed(0)
    sizes = [(BATCH, LENGTH, CHANNELS)] * (trial.features + 1)
    with torch.inference_mode(False), torch.enable_grad(), torch.autocast(device.type, enabled=False):
        for dtype in TOLERANCE:
            *features, dy_BLD = (torch.randn(size, generator=drawn).to(device, dtype) for size in sizes)
            h_DW = torch.randn(CHANNELS, TAPS, generator=drawn).to(device)  # in float32, as parameters are
            for options in trial.options:
                yield dtype, options, largest_error(kernel, trial.meaning, [*features, h_DW], dy_BLD, *options)


def _circumstances(kernel: Callable[..., Tensor], device: torch.device) -> dict[str, str]:
    """Return everything that may decide whether a kernel is right."""
    import triton

    on_gpu = device.type == "cuda"
    source = Path(inspect.getsourcefile(kernel) or "").read_bytes()
    return {
        "device": torch.cuda.get_device_name(device) if on_gpu else device.type,
        "driver": str(getattr(torch._C, "_cuda_getDriverVersion", int)()),
        "torch": torch.__version__,
        "triton": triton.__version__,
        "source": hashlib.sha256(source).hexdigest()[:16],
    }


def _folder() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "star" / "kernels"


def _read(place: Path) -> dict[str, str] | None:
    try:
        found: dict[str, str] = json.loads(place.read_text(encoding="utf-8"))
        return found if isinstance(found.get("fault"), str) else None
    except (OSError, ValueError, AttributeError):
        return None  # not compared yet, or not kept whole: it is compared again


def _write(place: Path, known: dict[str, str]) -> None:
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile("w", dir=place.parent, delete=False, encoding="utf-8") as file:
            json.dump(known, file)
        os.replace(file.name, place)
    except OSError:
        log.info("what is known of kernels cannot be kept in %s, so every process compares them", place.parent)
