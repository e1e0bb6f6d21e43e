"""The output of a class keeps the scale that it was calibrated to at 128 tokens, up to 16,384 tokens.

The operator reads what it reads in a model: normalised embeddings of tokens of a vocabulary. On white noise, where no
token ever comes back, a normalised row of T over the whole past averages ever more independent values, and its scale
falls like 1 / sqrt(tokens); every other class keeps its scale there too.
"""

import pytest
import torch
from torch import Tensor

import star
from genome import CLASSES, Genome, LIVClass, Shape, Space, decode
from genome.classes.alphabet import Nonlinearity, Normalisation, Sparsity, TokenMixing
from genome.classes.feature_groups import OUTPUT

SHAPE = Shape()
WINDOW = 64
"""Tokens before each position over which the root mean square is taken."""
POSITIONS = (128, 2_048, 16_384)
STEADY = 4.0
LIMIT = (POSITIONS[-1] / POSITIONS[0]) ** 0.5
SPREAD = 1.5
"""Factor allowed beyond 1 / sqrt(tokens), because one sequence is measured."""


def _tokens(generator: torch.Generator) -> Tensor:
    """Random tokens as a block hands them to its operator: embedded, with a root mean square of 1. (1, L, D)."""
    embedding_VD = torch.randn(SHAPE.vocab, SHAPE.width, generator=generator)
    embedding_VD /= embedding_VD.square().mean(-1, keepdim=True).sqrt()
    return embedding_VD[torch.randint(SHAPE.vocab, (1, POSITIONS[-1]), generator=generator)]


def _noise(generator: torch.Generator) -> Tensor:
    """White noise of unit variance, (1, L, D)."""
    return torch.randn(1, POSITIONS[-1], SHAPE.width, generator=generator)


def _averages(row: LIVClass) -> bool:
    """Whether each row of T is normalised and reaches the whole past, and no head is normalised behind it."""
    operator = row.operator
    output = dict(Space.of([row.name], depth=1).featurizer(row).groups).get(OUTPUT)
    if output is not None and output.normalisation is not Normalisation.NONE:
        return False
    divides = operator.nonlinearity in (Nonlinearity.SOFTMAX, Nonlinearity.NORMALISED)
    return operator.token_mixing is TokenMixing.LOW_RANK and divides and operator.sparsity is Sparsity.NONE


@torch.no_grad()
def _scales(row: LIVClass, x_BLD: Tensor) -> list[float]:
    """The root mean square of the output before each position."""
    model = star.build(decode(Genome.parse(f"{row.id}.1.1.1.1"), Space.of([row.name], depth=1)), SHAPE)
    y_LD = next(model.stack()).operator(x_BLD)[0]
    return [y_LD[end - WINDOW : end].square().mean().sqrt().item() for end in POSITIONS]


@pytest.mark.slow
@pytest.mark.parametrize("row", CLASSES, ids=lambda row: row.name)
def test_the_output_keeps_its_scale_up_to_16384_tokens(row):
    scales = _scales(row, _tokens(torch.Generator().manual_seed(1)))
    assert max(scales) / min(scales) <= STEADY


@pytest.mark.slow
@pytest.mark.parametrize("row", CLASSES, ids=lambda row: row.name)
def test_on_noise_only_an_average_over_the_whole_past_loses_scale(row):
    scales = _scales(row, _noise(torch.Generator().manual_seed(1)))
    if _averages(row):
        assert scales == sorted(scales, reverse=True)
        assert max(scales) / min(scales) <= SPREAD * LIMIT
    else:
        assert max(scales) / min(scales) <= STEADY
