"""Models for the tests of programs, and the decoding of a sequence from a list of states.

B batch, L tokens, V vocabulary.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path

import torch
from torch import Tensor

import star
from genome import CLASSES, Genome, Shape, Space, decode, named
from star.build import skeleton

SHAPE = Shape(vocab=20, width=32, head_dim=8, window=6)

AT_ONCE = 6
"""Classes of one model."""

SPANS = (3, *[1] * 12, 5)
"""Tokens of the calls that decode a sequence."""


def stack_of(names: Sequence[str]) -> tuple[Genome, Space]:
    """Return a genome with one LIV of each class and GMemless behind them."""
    rows = [*(named(name).id for name in names), named("GMemless").id]
    space = Space.of(sorted({*names, "GMemless"}), depth=len(rows))
    return Genome.parse("-".join(f"{row}.1.1.1.1" for row in rows)), space


@cache
def batches() -> list[tuple[str, ...]]:
    """List all classes, some in each model: apart those that keep all tokens, and those that keep a fixed state."""
    kinds: dict[bool, list[str]] = {True: [], False: []}
    for row in CLASSES:
        model = skeleton(decode(*stack_of([row.name])), SHAPE)
        kinds[model.cache_elements(100) != model.cache_elements(200)].append(row.name)
    return [
        tuple(names[start : start + AT_ONCE]) for names in kinds.values() for start in range(0, len(names), AT_ONCE)
    ]


def written(genome: Genome, space: Space, folder: Path, format: str, shape: Shape = SHAPE) -> star.Backbone:
    """Write a model in a format, and return it."""
    model = star.build(decode(genome, space), shape, seed=1).eval()
    star.export(folder, genome, space, shape, star.weights(model), {"bits_per_byte": 2.5}, format)
    return model


def first_states(folder: Path, batch: int) -> list[Tensor]:
    """Make the states of the manifest before the first token."""
    sizes = {"B": batch, "T": 0}
    states = json.loads((folder / "manifest.json").read_text())["states"]
    return [
        torch.zeros([sizes.get(size, size) for size in state["shape"]], dtype=getattr(torch, state["dtype"]))
        for state in states
    ]


def decoded(step: Callable[..., Sequence[Tensor]], tokens_BL: Tensor, states: Sequence[Tensor]) -> Tensor:
    """Compute logits_BLV from calls of a few tokens each."""
    logits = []
    for span_BL in torch.split(tokens_BL, list(SPANS), dim=1):
        logits_BLV, *states = step(span_BL, *states)
        logits.append(logits_BLV)
    return torch.cat(logits, dim=1)


def close(one: Tensor, other: Tensor) -> None:
    """Assert that logits agree, each up to 1e-4 of the largest."""
    assert one.shape == other.shape
    assert torch.isfinite(one).all()
    torch.testing.assert_close(one, other, rtol=0, atol=1e-4 * other.abs().max().item())


def agree(
    model: star.Backbone, forward: Callable[[Tensor], Tensor], step: Callable[..., Sequence[Tensor]], folder: Path
) -> None:
    """Compare both programs with the model at sizes that were not those of the recording."""
    with torch.no_grad():
        for batch, length in ((1, 1), (2, 9), (4, 35)):
            tokens = torch.randint(0, model.shape.vocab, (batch, length))
            close(forward(tokens), model(tokens))
        tokens = torch.randint(0, model.shape.vocab, (2, sum(SPANS)))
        close(decoded(step, tokens, first_states(folder, 2)), model(tokens))
