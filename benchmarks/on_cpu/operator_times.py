"""Times, memory and FLOPs of one operator, measured on this machine for `operators.py`.

B batch, L tokens, D model width, H heads, G key heads, K and V channels per head.
"""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

import star
from genome import CLASSES, Genome, LIVClass, Shape, Space, decode
from genome.classes.alphabet import Sparsity, TokenMixing
from star.block import Block
from star.structures import Structure

SHAPE = Shape(width=64, head_dim=16)
LARGE, LARGE_DEPTH = Shape(width=768, head_dim=64), 24


@dataclass(frozen=True)
class Sizes:
    """The sizes that are measured, and the time spent on each.

    Attributes:
        lengths: tokens; times and ratios are those of the first length, growth is that over all of them.
        early, late: positions at which a decoding step is timed.
        seconds: time for repeats of one measurement, of which there are `fewest` at least.
        limit: seconds; a length that is expected to take longer is left out, and so are all longer ones.
        gemm: size of the square matrices on which the rate of matrix multiplication is measured.
    """

    batch: int = 8
    lengths: tuple[int, ...] = (1024, 2048, 4096, 8192)
    early: int = 128
    late: int = 4096
    seconds: float = 1.0
    fewest: int = 3
    limit: float = 4.0
    gemm: int = 1024


FULL = Sizes()
QUICK = Sizes(batch=2, lengths=(64, 128, 256), early=16, late=64, seconds=0.0, fewest=2, gemm=128)


def block_of(row: LIVClass) -> Block:
    """Build a block with one LIV of this class, freshly initialised."""
    blueprint = decode(Genome.of([row.id]), Space.of(depth=1))
    return next(star.build(blueprint, SHAPE).stack())


def inputs(batch: int, length: int) -> Tensor:
    return torch.randn(batch, length, SHAPE.width, generator=torch.Generator().manual_seed(length))


def structure_of(block: Block, x_BLD: Tensor) -> tuple[Structure, dict[str, Tensor]]:
    """Return the structure of a block (of the first LIV of a differential pair) and its features as leaf tensors."""
    with torch.no_grad():
        features = block.features(x_BLD)
    liv, own = next(block.parts(features))
    return liv.structure, {name: feature.clone().requires_grad_() for name, feature in own.items()}


def forward_backward(mix: Callable[[Mapping[str, Tensor]], Tensor], features: dict[str, Tensor]) -> None:
    y_BLHV = mix(features)
    torch.autograd.grad(y_BLHV, list(features.values()), torch.ones_like(y_BLHV), allow_unused=True)


def whole(block: Block, x_BLD: Tensor) -> None:
    y_BLD = block.operator(x_BLD)
    leaves = [x_BLD, *block.operator.parameters()]
    torch.autograd.grad(y_BLD, leaves, torch.ones_like(y_BLD), allow_unused=True)


def attention_alone(features: Mapping[str, Tensor]) -> Tensor:
    q_BHLK, k_BGLK, v_BGLV = (features[name].transpose(1, 2) for name in ("c", "b", "v"))
    grouped = k_BGLK.shape[1] != q_BHLK.shape[1]
    return F.scaled_dot_product_attention(q_BHLK, k_BGLK, v_BGLV, is_causal=True, enable_gqa=grouped)


ALONE: dict[tuple[TokenMixing, Sparsity], Callable[[Mapping[str, Tensor]], Tensor]] = {
    (TokenMixing.LOW_RANK, Sparsity.NONE): attention_alone,
}
"""The single PyTorch call that does the work of a structure, for structures that have one."""


def once(work: Callable[[], Any]) -> float:
    """Measure processor seconds: on one thread they are elapsed seconds without the time of other processes."""
    began = time.process_time()
    work()
    return time.process_time() - began


def in_turn(works: Sequence[Callable[[], Any]], sizes: Sizes) -> list[float]:
    """Measure the least seconds of each function, run in turn, after a first round that does not count."""
    first = sum(once(work) for work in works)
    rounds = max(sizes.fewest, min(50, int(2 * sizes.seconds / max(first, 1e-6))))
    return [min(seconds) for seconds in zip(*([once(work) for work in works] for _ in range(rounds)), strict=True)]


def seconds_of(work: Callable[[], Any], sizes: Sizes) -> float:
    """Measure the median seconds after one run that does not count."""
    first = once(work)
    repeats = max(sizes.fewest, min(50, int(sizes.seconds / max(first, 1e-6))))
    return statistics.median(once(work) for _ in range(repeats))


def growth(block: Block, sizes: Sizes) -> dict[int, float]:
    """Measure the seconds of the structure's forward and backward pass by length, up to the limit."""
    measured: dict[int, float] = {}
    steepest = 1.0
    for length in sizes.lengths:
        if measured:
            shorter = max(measured)
            if measured[shorter] * (length / shorter) ** steepest > sizes.limit:
                break
        structure, features = structure_of(block, inputs(sizes.batch, length))
        measured[length] = seconds_of(partial(forward_backward, structure.fast, features), sizes)
        if len(measured) > 1:
            steepest = max(1.0, exponent(measured))
    return measured


def exponent(measured: Mapping[int, float]) -> float:
    """Compute the least-squares slope of log time over log length; nan for a single length."""
    if len(measured) < 2:
        return math.nan
    fit = statistics.linear_regression([math.log(n) for n in measured], [math.log(t) for t in measured.values()])
    return fit.slope


@torch.inference_mode()
def decoding(row: LIVClass, sizes: Sizes) -> tuple[float, float]:
    """Measure the seconds of one token at `early` and at `late`; the few repeats make the caches slightly longer."""
    early, late = in_turn([_decoder(row, position) for position in (sizes.early, sizes.late)], sizes)
    return early, late


def _decoder(row: LIVClass, position: int) -> Callable[[], None]:
    """Return a function that decodes one more token of a LIV after this many tokens."""
    model = star.build(decode(Genome.of([row.id]), Space.of(depth=1)), SHAPE).eval()
    block, cache = next(model.stack()), model.new_cache(1)

    def advance(x_BLD: Tensor) -> None:
        block.operator(x_BLD, cache.stores[0])
        cache.advance(x_BLD.shape[1])

    advance(inputs(1, position))
    return partial(advance, inputs(1, 1))


def process_bytes(field: str) -> int:
    """Read a size of this process from Linux; the peak of getrusage would include that of the parent process."""
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith(f"{field}:"):
            return int(line.split()[1]) * 1024
    raise OSError(f"/proc/self/status has no {field}")


def memory(class_id: int, batch: int, length: int) -> int:
    """Measure the peak bytes above those after a small first run; the process must be fresh, with no freed memory."""
    torch.set_num_threads(1)
    block = block_of(next(row for row in CLASSES if row.id == class_id))
    structure, features = structure_of(block, inputs(1, 16))
    forward_backward(structure.fast, features)
    before = process_bytes("VmRSS")
    structure, features = structure_of(block, inputs(batch, length))
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # This forgets the peak of computing the features.
    forward_backward(structure.fast, features)
    return process_bytes("VmHWM") - before


def gemm_rate(size: int, sizes: Sizes) -> float:
    """Measure the FLOPs per second of float32 matrix multiplication on one thread."""
    a, b = torch.randn(2, size, size).unbind(0)
    return 2 * size**3 / seconds_of(lambda: torch.mm(a, b), sizes)


def work(structure: Structure, batch: int, length: int) -> int:
    """Count the FLOPs of forward and backward; a backward pass counts as two forward passes."""
    return 3 * batch * sum(structure.flops(context) for context in range(1, length + 1))


def cost_seconds(row: LIVClass, sizes: Sizes) -> float:
    text = "-".join([f"{row.id}.1.1.1.1"] * LARGE_DEPTH)
    blueprint = decode(Genome.parse(text), Space.of(depth=LARGE_DEPTH))
    return seconds_of(lambda: star.cost(blueprint, LARGE), sizes)
