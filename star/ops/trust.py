"""Whether a kernel is trusted on a GPU: before its first use there it is compared with PyTorch, output and gradients.

Right sources have been compiled to wrong programs on new GPUs. The result is kept on disk for each kernel, GPU, driver,
torch and Triton, so a machine compares once. A kernel that is wrong, or does not run, is logged once by each process,
and PyTorch runs in its place.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable
from functools import cache, partial
from importlib.metadata import version
from itertools import product
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from star.ops import library
from star.ops.kept import folder, kept, read
from star.ops.kernels import Kernel, Language
from star.ops.trials import Trial

log = logging.getLogger(__name__)

Form = Callable[[list[Tensor]], tuple[Tensor, ...]]

TOLERANCE = {torch.float32: 1e-4, torch.bfloat16: 0.02}
"""Largest relative RMS error of a kernel; rounding to bfloat16 changes a value by up to 2^-8 of it."""

SOURCES = Path(__file__).parent
"""The sources of all operators: kernels use those of other folders, so that a change of any compares all again."""

KEPT = "kernels"
"""The folder in which the results are kept, and the names that each has."""

NEEDED = ("operator", "language", "device", "fault")


@cache
def trusted(kernel: Kernel, device: torch.device) -> bool:
    """Return whether a kernel computes on a device what PyTorch does; one that has no trials is not compared."""
    if not kernel.trials:
        return True
    cases = ", ".join(trial.case for trial in kernel.trials)
    facts = {"operator": kernel.operator, "language": kernel.language.value, "cases": cases}
    facts |= _circumstances(kernel, device)
    known = kept(KEPT, facts, NEEDED, lambda: {"fault": _fault(kernel, device)})
    if known["fault"]:
        log.warning("%s is not used on %s: %s", described(known), facts["device"], known["fault"])
    return not known["fault"]


def described(known: dict[str, str]) -> str:
    """Return the name of the kernel that was compared, for people."""
    return f"the kernel of {known['operator']} in {known['language']}"


def known_faults() -> list[dict[str, str]]:
    """Return what is known of kernels that are not used on this machine, one dict each as `trusted` keeps it."""
    found = [known for place in sorted(folder(KEPT).glob("*.json")) if (known := read(place, NEEDED)) is not None]
    return [known for known in found if known["fault"]]


def error(trial: Trial, run: Callable[..., Any], dtype: torch.dtype, device: torch.device) -> float:
    """Compute the largest error of a kernel in a trial with features of this dtype."""
    inputs = [x.to(device) for x in trial.inputs(torch.Generator().manual_seed(0), dtype)]
    return largest_error(partial(trial.outputs, run), partial(trial.outputs, trial.meaning), inputs)


def largest_error(form: Form, meaning: Form, inputs: list[Tensor]) -> float:
    """Compute the largest relative RMS error of the outputs and of every gradient against another form in float64."""

    def step(form: Form, dtype: torch.dtype | None) -> list[Tensor]:
        leaves = [x.detach().to(dtype or x.dtype).requires_grad_() for x in inputs]
        outputs = form(leaves)
        drawn = torch.Generator().manual_seed(1)
        # Rounded as the output of the kernel is, so that both forms get the same gradients.
        weights = [torch.randn(y.shape, generator=drawn).bfloat16().to(y) for y in outputs]
        return [*(y.detach() for y in outputs), *torch.autograd.grad(outputs, leaves, weights)]

    pairs = zip(step(form, None), step(meaning, torch.float64), strict=True)
    return max(float((got.double() - exact).norm() / exact.norm()) for got, exact in pairs)


def _fault(kernel: Kernel, device: torch.device) -> str:
    """Compare a kernel, and return what is wrong with it, or nothing."""
    try:
        with torch.inference_mode(False), torch.enable_grad(), torch.autocast(device.type, enabled=False):
            for trial, dtype in product(kernel.trials, TOLERANCE):
                found = error(trial, kernel.load(), dtype, device)
                if not found <= TOLERANCE[dtype]:
                    name = str(dtype).removeprefix("torch.")
                    return f"it has a relative error of {found:.2g} in {name}, {trial.case}"
    except Exception as raised:  # a compiler and a driver raise what they like
        return f"it does not run: {type(raised).__name__}: {str(raised).partition(chr(10))[0]}"
    return ""


def _circumstances(kernel: Kernel, device: torch.device) -> dict[str, str]:
    """Return everything that may decide whether a kernel is right."""
    import triton

    on_gpu = device.type == "cuda"
    sources = b"".join(file.read_bytes() for file in sorted(SOURCES.rglob("*.py")))
    return {
        "device": torch.cuda.get_device_name(device) if on_gpu else device.type,
        "driver": str(getattr(torch._C, "_cuda_getDriverVersion", int)()),
        "torch": torch.__version__,
        "triton": triton.__version__,
        "form": kernel.load().__module__,
        "source": hashlib.sha256(sources).hexdigest()[:16],
        **({library.PACKAGE: version(library.PACKAGE)} if kernel.language is Language.FLA else {}),
    }
