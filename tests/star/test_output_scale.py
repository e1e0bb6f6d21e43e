"""The output of a class keeps the scale that it was calibrated to at 128 tokens, on white noise.

Two properties change the scale by their definition, and their change is bounded here:

- A normalised row of T over the whole past averages ever more independent values: the scale falls like
  1 / sqrt(tokens).
- An implicit filter has channels that reach back 4,096 tokens and sums ever more independent values until then, as
  published: the scale rises at most like sqrt(tokens).
"""

import pytest
import torch

import star
from genome import CLASSES, Genome, LIVClass, Shape, Space, decode
from genome.classes.alphabet import Generator, Nonlinearity, Sparsity, TokenMixing

SHAPE = Shape()
WINDOW = 64
"""Tokens before each position over which the root mean square is taken."""
POSITIONS = (128, 2_048, 16_384)
STEADY = 4.0
LIMIT = (POSITIONS[-1] / POSITIONS[0]) ** 0.5
SPREAD = 1.5
"""Factor allowed beyond 1 / sqrt(tokens) and sqrt(tokens), because one sequence is measured."""


def _averages(row: LIVClass) -> bool:
    operator = row.operator
    divides = operator.nonlinearity in (Nonlinearity.SOFTMAX, Nonlinearity.NORMALISED)
    return operator.token_mixing is TokenMixing.LOW_RANK and divides and operator.sparsity is Sparsity.NONE


def _sums(row: LIVClass) -> bool:
    groups = dict(Space.of([row.name], depth=1).featurizer(row).groups)
    return "h" in groups and groups["h"].generator is Generator.IMPLICIT


@torch.no_grad()
def _scales(row: LIVClass) -> list[float]:
    """The root mean square of the output before each position."""
    model = star.build(decode(Genome.parse(f"{row.id}.1.1.1.1"), Space.of([row.name], depth=1)), SHAPE)
    x_BLD = torch.randn(1, POSITIONS[-1], SHAPE.width, generator=torch.Generator().manual_seed(1))
    y_LD = next(model.stack()).operator(x_BLD)[0]
    return [y_LD[end - WINDOW : end].square().mean().sqrt().item() for end in POSITIONS]


@pytest.mark.slow
@pytest.mark.parametrize("row", CLASSES, ids=lambda row: row.name)
def test_the_output_keeps_its_scale_up_to_16384_tokens(row):
    scales = _scales(row)
    if _averages(row):
        assert scales == sorted(scales, reverse=True)
        assert max(scales) / min(scales) <= SPREAD * LIMIT
    elif _sums(row):
        assert min(scales) >= scales[0] / STEADY
        assert max(scales) / min(scales) <= SPREAD * LIMIT
    else:
        assert max(scales) / min(scales) <= STEADY
