"""Compiles all kernels that whole operators start, without a GPU, and prints what was used as JSON.

A driver that is none stands for the GPU: a launch compiles for it with the arguments of the launch and starts nothing.
What a kernel would compute is memory as it happens to be. A process of its own, like `triton_compiled`.
"""

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import torch
from triton.backends.compiler import GPUTarget
from triton.runtime.driver import driver
from triton.runtime.jit import JITFunction

import star
from genome import CLASSES, Genome, Shape, Space, decode
from star.ops import dispatch
from tests.star.ops.triton_compiled import TARGETS, usage

NAMES = ("GConv-1", "SA-2", "Rec-1", "Mamba-1", "HGRN")
SHAPE = Shape(width=768, head_dim=64, vocab=16)
BATCH, LENGTH = 1, 130


class NoDriver:
    """What Triton asks a driver of before it compiles; a name stands for the device, as kernels are kept for each."""

    def __init__(self, chip: str, target: GPUTarget) -> None:
        self._chip, self._target = chip, target

    def get_current_device(self) -> str:
        return self._chip

    def get_current_stream(self, device: str) -> int:
        return 0

    def get_current_target(self) -> GPUTarget:
        return self._target


@contextmanager
def recorded() -> Iterator[list[tuple[str, Any]]]:
    """Compile instead of launching; yields the list of launches, each the kernel's name and what was compiled."""
    launches: list[tuple[str, Any]] = []
    run = JITFunction.run

    def only_compile(kernel: Any, *args: Any, grid: Any, warmup: bool, **kwargs: Any) -> None:
        launches.append((kernel.fn.__name__, run(kernel, *args, grid=grid, warmup=True, **kwargs)))

    with patch.object(JITFunction, "run", only_compile), patch.object(dispatch, "_require_runnable"):
        yield launches


def launched(name: str) -> list[tuple[str, Any]]:
    """Run a model of one class forward and backward in bfloat16, with parameters in float32, as in training."""
    class_id = {row.name: row.id for row in CLASSES}[name]
    model = star.build(decode(Genome.of([class_id]), Space.of([name], depth=1)), SHAPE, seed=0)
    tokens = torch.randint(0, SHAPE.vocab, (BATCH, LENGTH))
    with recorded() as launches, dispatch.forced("triton"):
        with torch.autocast("cpu", torch.bfloat16):
            logits = model(tokens)
        logits.float().square().mean().backward()
    return launches


def rows() -> Iterator[dict[str, Any]]:
    for chip, target in TARGETS.items():
        driver.set_active(NoDriver(chip, target))
        for name in NAMES:
            launches = launched(name)
            for kernel, compiled in dict.fromkeys(launches):
                yield {
                    "class": name,
                    "chip": chip,
                    "kernel": kernel,
                    "launches": launches.count((kernel, compiled)),
                    "shared": compiled.metadata.shared,
                    **usage(compiled, target),
                }


if __name__ == "__main__":
    assert os.environ.get("TRITON_CACHE_DIR"), "set TRITON_CACHE_DIR: nothing is to be left in the user's cache"
    json.dump(list(rows()), sys.stdout)
