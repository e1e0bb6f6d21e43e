"""Filter features with drawn weights, and their taps, for the tests of filters."""

from typing import Any

import torch

from genome import CLASSES, FEATURIZERS, Heads
from genome.catalogue.parts import filter_of
from genome.classes.alphabet import Generator, Source
from star.features.featurizer import KINDS
from star.filter import FORMS

HEADS = 6


def drawn(generator: Generator, seed: int = 0) -> Any:
    """A filter feature in float64 with drawn weights, every one of them off its initial value."""
    _, group = filter_of(generator)
    feature = KINDS["h", Source.POSITION, generator]("h", 32, Heads(HEADS, 1), group).double()
    draw = torch.Generator().manual_seed(seed)
    feature.initialise(draw)
    with torch.no_grad():
        for weight in feature.parameters():
            weight.add_(0.1 * torch.randn(weight.shape, generator=draw, dtype=torch.float64))
    return feature


def computed(feature, length):
    with torch.no_grad():
        return feature(torch.zeros(1, 1, 32, dtype=torch.float64), length, None)


def taps_of(generator, length, seed=0):
    h = computed(drawn(generator, seed), length)
    return FORMS[generator].taps(h, length) if generator in FORMS else h


def group_of(name):
    row = next(row for row in CLASSES if row.name == name)
    return next(f for f in FEATURIZERS if f.id == row.operator.featurizer)["h"]
