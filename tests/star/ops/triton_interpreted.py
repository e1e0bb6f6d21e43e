"""Runs the kernels in Triton's interpreter and prints what came out as JSON. A process of its own, for two reasons:
TRITON_INTERPRET must be set before a kernel's file is imported, and a wrong mask can kill the process.

Every tensor that a kernel is to fill starts as NaN, so what it left out shows.
"""

import json
import sys
from collections.abc import Callable, Iterator
from functools import partial
from itertools import product
from typing import Any

import torch
from torch import Tensor

import star
from genome import CLASSES, Genome, Shape, Space, decode
from star.ops import trust
from star.ops.convolution.naive import gated_convolution, short_convolution
from star.ops.dispatch import forced, kernel
from star.ops.kernels import KERNELS

LENGTHS, BATCHES, CHANNELS, TAPS = (1, 2, 37, 63, 64, 65, 130), (1, 3), (1, 16, 40), (1, 2, 3, 4)
DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}
CONVOLUTIONS = [row for row in KERNELS if row.operator.endswith("_convolution")]
NAMES, SHORT_NAMES = ("y", "dc", "db", "dv", "dh"), ("y", "dx", "dh")


def mix(c_BLD: Tensor, b_BLD: Tensor, v_BLD: Tensor, h_DW: Tensor) -> Tensor:
    """Compute the meaning token by token, each channel as a head of its own."""
    return gated_convolution(c_BLD.unsqueeze(3), b_BLD.unsqueeze(3), v_BLD.unsqueeze(3), h_DW).squeeze(3)


def mix_short(x_BLD: Tensor, h_DW: Tensor, silu: bool) -> Tensor:
    return short_convolution(x_BLD.unsqueeze(3), h_DW, silu).squeeze(3)


def cut(c_BLD: Tensor, b_BLD: Tensor, v_BLD: Tensor, h_DW: Tensor, configured: Any) -> Tensor:
    from star.ops.convolution.triton import gated_short_conv

    y_BLD: Tensor = gated_short_conv(c_BLD, b_BLD, v_BLD, h_DW, configured)
    return y_BLD


def drawn(batch: int, length: int, channels: int, taps: int, dtype: torch.dtype, seed: int = 0) -> list[Tensor]:
    """c, b, v, h and the gradient of y."""
    rng = torch.Generator().manual_seed(seed)
    shapes = [(batch, length, channels)] * 3 + [(channels, taps), (batch, length, channels)]
    return [torch.randn(shape, generator=rng).to(dtype) for shape in shapes]


def chosen(features: list[Tensor]) -> Callable[..., Tensor]:
    run = kernel("gated_convolution", *features)
    assert run is not None, "the kernel was not chosen"
    return run


def run(function: Callable[..., Tensor], features: list[Tensor], dy: Tensor) -> list[Tensor]:
    """y and the gradients of the features."""
    leaves = [x.detach().requires_grad_() for x in features]
    y = function(*leaves)
    return [y.detach(), *torch.autograd.grad(y, leaves, dy)]


def errors(
    function: Callable[..., Tensor],
    features: list[Tensor],
    dy: Tensor,
    meaning: Callable[..., Tensor] = mix,
    names: tuple[str, ...] = NAMES,
) -> dict[str, float]:
    """Relative RMS error of y and of every gradient against the meaning in float64; a missing value is infinite."""
    got = run(function, features, dy)
    meant = run(meaning, [x.double() for x in features], dy.double())
    found = {}
    for name, a, b in zip(names, got, meant, strict=True):
        assert a.shape == b.shape, f"{name} has shape {tuple(a.shape)}"
        # A gradient that is zero by definition (a tap that reaches before the start) has no scale: compare to 1.
        scale = b.square().mean().sqrt().item() or 1.0
        error = (a.double() - b).square().mean().sqrt().item() / scale
        found[name] = error if error == error else float("inf")
    return found


def cases(turns: int) -> Iterator[tuple[int, int, int, int]]:
    """Every length with every channel count; in two turns, every length with every filter and batch too."""
    for number, (length, channels) in enumerate(product(LENGTHS, CHANNELS)):
        for turn in range(turns):
            yield BATCHES[(number + turn) % 2], length, channels, TAPS[(number + turn) % 4]


def grid() -> Iterator[tuple[str, object]]:
    for dtype, turns in (("float32", 2), ("bfloat16", 1)):
        worst = dict.fromkeys(NAMES, (0.0, ""))
        for batch, length, channels, taps in cases(turns):
            *features, dy = drawn(batch, length, channels, taps, DTYPES[dtype])
            for name, error in errors(chosen(features), features, dy).items():
                case = f"B={batch} L={length} D={channels} W={taps}"
                worst[name] = max(worst[name], (error, case))
        yield f"grid {dtype}", worst


def short() -> Iterator[tuple[str, object]]:
    """The short convolution at the same shapes, with SiLU and without, in every configuration."""
    from star.ops.convolution.triton_configuration import CONFIGURATIONS
    from star.ops.convolution.triton_short import short_conv

    for silu, dtype in product((False, True), DTYPES):
        meaning, worst = partial(mix_short, silu=silu), dict.fromkeys(SHORT_NAMES, (0.0, ""))
        for number, (batch, length, channels, taps) in enumerate(cases(1)):
            _, _, x, h, dy = drawn(batch, length, channels, taps, DTYPES[dtype])
            assert kernel("short_convolution", x, h) is short_conv
            row = CONFIGURATIONS[number % len(CONFIGURATIONS)]
            form = partial(short_conv, silu=silu, configured=row)
            for name, error in errors(form, [x, h], dy, meaning, SHORT_NAMES).items():
                worst[name] = max(worst[name], (error, f"B={batch} L={length} D={channels} W={taps}"))
        yield f"{dtype} {'SiLU' if silu else 'linear'}", worst
    x = torch.randn(2, 37, 3 * 16).chunk(3, -1)[1]
    *_, h, dy = drawn(2, 37, 16, 3, torch.float32)
    extreme = 1e4 * x
    form, meaning = partial(short_conv, silu=True), partial(mix_short, silu=True)
    yield (
        "float32 part of a projection",
        {k: (e, "") for k, e in errors(form, [x, h], dy, meaning, SHORT_NAMES).items()},
    )
    found = errors(form, [extreme, h], dy, meaning, SHORT_NAMES)
    yield "float32 large values", {k: (e, "") for k, e in found.items()}


def layouts() -> Iterator[tuple[str, object]]:
    """Parts of one projection, a transposed tensor, one row of many, an expanded gradient, a filter of other dtype."""
    parts = torch.randn(2, 37, 3 * 16).chunk(3, -1)
    *_, h, dy = drawn(2, 37, 16, 3, torch.float32)
    yield "layout parts", errors(chosen([*parts, h]), [*parts, h], dy)
    crossed = [torch.randn(2, 16, 37).transpose(1, 2) for _ in range(3)]
    yield "layout transposed", errors(chosen([*crossed, h]), [*crossed, h], dy)
    row = [torch.randn(3, 5, 16)[:, 2:3] for _ in range(3)]
    yield "layout row", errors(chosen([*row, h]), [*row, h], torch.randn(3, 1, 16))
    yield "layout expanded", errors(chosen([*parts, h]), [*parts, h], torch.ones(()).expand(2, 37, 16))
    crossed_h = torch.randn(3, 16).T
    yield "layout filter", errors(chosen([*parts, crossed_h]), [*parts, crossed_h], dy)
    narrow = [x.bfloat16() for x in parts]
    yield "layout mixed bfloat16", errors(chosen([*narrow, h]), [*narrow, h], dy.bfloat16())


def configurations() -> Iterator[tuple[str, object]]:
    from star.ops.convolution.triton_configuration import CONFIGURATIONS

    *features, dy = drawn(1, 65, 40, 8, torch.float32)
    for number, row in enumerate(CONFIGURATIONS):
        yield f"configuration {number}", errors(lambda c, b, v, h, row=row: cut(c, b, v, h, row), features, dy)


def laws() -> Iterator[tuple[str, object]]:
    *features, dy = drawn(3, 65, 16, 3, torch.float32)
    function = chosen(features)
    first, second = run(function, features, dy), run(function, features, dy)
    yield "same bits twice", all(torch.equal(a, b) for a, b in zip(first, second, strict=True))
    poisoned = [x.clone() for x in features[:3]]
    for x in poisoned:
        x[1, 40:] = float("nan")
    y = function(*poisoned, features[3])
    yield "no leak from later tokens", torch.equal(y[1, :40], first[0][1, :40])
    yield "no leak between sequences", torch.equal(y[[0, 2]], first[0][[0, 2]])


def comparisons() -> Iterator[tuple[str, object]]:
    """What is found about each kernel where it is compared before its first use."""
    for row in CONVOLUTIONS:
        for trial in row.trials:
            # Triton's interpreter cuts float32 to bfloat16 instead of rounding it, which is still within the tolerance.
            found = {dtype: trust.error(trial, row.load(), dtype, torch.device("cpu")) for dtype in trust.TOLERANCE}
            yield f"{row.operator}, {trial.case}", [error <= trust.TOLERANCE[dtype] for dtype, error in found.items()]


def model() -> Iterator[tuple[str, object]]:
    """A whole backbone with the kernel and without: logits and the gradient of every parameter."""
    space = Space.of(["GConv-1", "GConv-1-Diff", "Mamba-2", "SA-2"], depth=5)
    ids = {row.name: row.id for row in CLASSES}
    blueprint = decode(
        Genome.of([ids[name] for name in ("GConv-1", "GConv-1-Diff", "Mamba-2", "SA-2", "GConv-1")]), space
    )
    tokens = torch.randint(0, 32, (2, 37), generator=torch.Generator().manual_seed(0))
    made = {}
    for mode in ("torch", "triton"):
        backbone = star.build(blueprint, Shape(width=32, head_dim=16, vocab=32), seed=0)
        with forced(mode):
            logits = backbone(tokens)
            logits.square().mean().backward()
        made[mode] = {"logits": logits.detach()} | {n: p.grad for n, p in backbone.named_parameters()}
    for name, meant in made["torch"].items():
        scale = meant.square().mean().sqrt() + 1e-12
        yield f"model {name}", ((made["triton"][name] - meant).square().mean().sqrt() / scale).item()


def main() -> None:
    torch.manual_seed(0)
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    torch.utils.deterministic.fill_uninitialized_memory = True  # type: ignore[attr-defined]  # not in its stubs
    assert torch.empty(1000).isnan().all(), "uninitialised memory is not filled with NaN"
    parts = {
        "grid": grid,
        "short": short,
        "layouts": layouts,
        "configurations": configurations,
        "laws": laws,
        "comparisons": comparisons,
        "model": model,
    }
    json.dump({name: dict(part()) for name, part in parts.items()}, sys.stdout)


if __name__ == "__main__":
    main()
