"""The models that every format is tried with: all classes of the catalogue, and random genomes with sharing."""

from functools import cache

import numpy

import star
from genome import Genome, Shape, Space, decode, sample
from genome.catalogue import CLASSES
from star.export.exported import Exported

SHAPE = Shape(width=32, head_dim=8, vocab=61, window=8)
TOGETHER = 4
"""Classes in one model, because a model costs more than an operator."""

SHARING = Space.of(depth=5)


def _genomes():
    for first in range(0, len(CLASSES), TOGETHER):
        rows = CLASSES[first : first + TOGETHER]
        space = Space.of([row.name for row in rows], depth=len(rows))
        yield "-".join(row.name for row in rows), Genome.of(row.id for row in rows), space
    draw = numpy.random.default_rng(0)
    for n in range(12):
        yield f"shared-{n}", sample(SHARING, draw).genome, SHARING


GENOMES = {name: (genome, space) for name, genome, space in _genomes()}
"""Genomes and their spaces by name."""

FIRST, SECOND = list(GENOMES)[:2]


@cache
def exported(name, shape=SHAPE):
    """Return a freshly initialised model as what formats are written from."""
    genome, space = GENOMES[name]
    model = star.build(decode(genome, space), shape, seed=3)
    return Exported(genome, space, shape, star.weights(model), {})


def written(folder, name, format, shape=SHAPE):
    """Write a model in a format."""
    return star.export(folder, *GENOMES[name], shape, exported(name, shape).weights, {}, format=format)
