"""Banded classes and their features, for tests of recurrences in jagged blocks."""

from dataclasses import replace
from typing import Any

import torch

from genome import FEATURIZERS, FeaturizerGenome, Genome, LIVClass, OperatorGenome, Shape, Space, decode
from genome.classes import alphabet as a
from genome.classes.feature_groups import OUTPUT
from star.contract.case import Case

SHAPE = Shape(width=32, head_dim=4, vocab=7)
BLOCK = 16
CONSTANT = {"source": a.Source.CONSTANT, "channel": a.ChannelMixing.DIAGONAL}
LENGTHS = (1, 15, 16, 17, 32, 33, 50)
FEATURES = {row.id: row.groups for row in FEATURIZERS}
BANDED = {
    "Phalanx": (50, 4, 1, 1),
    "constant decay, one channel a head": (5, 4, 1, 1),
    "constant decay, heads": (41, 4, 1, 3),
    "gate a head": (42, 4, 1, 3),
    "gate a key": (43, 4, 1, 3),
    "steps, one key head for all": (44, 4, 1, 3),
    "normalised": (51, 4, 6, 3),
    "normalised, one head": (51, 4, 6, 2),
    "DeltaNet": (70, 5, 1, 3),
    "Gated DeltaNet": (71, 5, 1, 3),
}


def class_of(
    featurizer: int, mixing: int, nonlinearity: int, channel: int, sparsity: int = 2, **changed: dict[str, Any]
) -> tuple[LIVClass, FeaturizerGenome]:
    """A class of these digits and its featurizer, whose groups have the changes by name."""
    groups = tuple(
        (name, replace(group, **changed.get(name, {}))) for name, group in FEATURES[featurizer] if name != OUTPUT
    )
    row = LIVClass(1, "Any", OperatorGenome.of((1, mixing, sparsity, nonlinearity, channel)))
    return row, FeaturizerGenome(1, groups)


def case_of(row, featurizer, shape=SHAPE):
    """A model of one LIV of a class."""
    return Case(decode(Genome.of([row.id]), Space((row,), (featurizer,), depth=1)), shape)


@torch.no_grad()
def mixed(row, featurizer, length, batch=2):
    """A structure, its features of random inputs, and its LIV."""
    model = case_of(row, featurizer).model
    x_1BLD = torch.randn(1, batch, length, SHAPE.width, generator=torch.Generator().manual_seed(length)).double()
    ((block, (features,)),) = model.features_of(x_1BLD.unbind(0))
    (liv,) = block.operator.livs
    return liv.structure, features, liv


def first_seen(i):
    """The first token that token i reaches."""
    return max(0, i // BLOCK * BLOCK - BLOCK)
