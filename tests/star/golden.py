"""One number for the output and one for the gradients of every class: `python -m tests.star.golden` writes them anew.

Write them anew only in a commit that means to change what a class computes, and say so in its message. Values that
differ by roundings alone stay as they are on file.
"""

import json
from pathlib import Path

import torch

import star
from genome import CLASSES, Genome, LIVClass, Shape, Space, decode

FILE = Path(__file__).with_name("golden.json")
SEED, BATCH, LENGTH = 0, 2, 37
TOLERANCE = 2e-5
"""Relative. Weights are calibrated in float32, so another form of an operator may move them by a few roundings; the
sums are taken in float64. A change of meaning moves a value by a percent or more."""


def checksums(row: LIVClass) -> dict[str, float]:
    """Of a model of one such LIV in float64: its logits, weighted by a fixed wave, and the norm of all gradients."""
    blueprint = decode(Genome.of([row.id]), Space.of([row.name], depth=1))
    model = star.build(blueprint, Shape(), SEED).double()
    tokens_BL = torch.randint(256, (BATCH, LENGTH), generator=torch.Generator().manual_seed(SEED))
    logits_BLV = model(tokens_BL)
    wave = torch.linspace(0, 100, logits_BLV.numel(), dtype=torch.float64).cos().view_as(logits_BLV)
    logits_BLV.mul(wave).sum().backward()
    squares = [p.grad.square().sum() for p in model.parameters() if p.grad is not None]
    return {
        "output": (logits_BLV * wave).sum().item(),
        "scale": logits_BLV.square().sum().sqrt().item(),
        "gradients": torch.stack(squares).sum().sqrt().item(),
    }


def same(measured: dict[str, float], expected: dict[str, float]) -> bool:
    """Whether two rows of checksums are equal up to roundings."""
    bounds = {name: TOLERANCE * expected["scale" if name == "output" else name] for name in expected}
    return all(abs(measured[name] - expected[name]) <= bound for name, bound in bounds.items())


def written() -> dict[str, dict[str, float]]:
    """The values on file, by class name."""
    values: dict[str, dict[str, float]] = json.loads(FILE.read_text(encoding="utf-8"))
    return values


if __name__ == "__main__":
    torch.set_num_threads(1)
    old, values = written(), {row.name: checksums(row) for row in CLASSES}
    values |= {name: old[name] for name in values.keys() & old.keys() if same(values[name], old[name])}
    FILE.write_text(json.dumps(values, indent=1) + "\n", encoding="utf-8")
