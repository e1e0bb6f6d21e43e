"""Architectures as integers: pure values and pure functions. Knows no torch."""

from genome.blueprint import Blueprint, Placement, decode, encode
from genome.catalogue import CLASSES, FEATURIZERS, STAR_CLASSES, named
from genome.extents import Heads
from genome.genome import Genome, Segment
from genome.operator import FeaturizerGenome, GroupGenome, LIVClass, OperatorGenome
from genome.repair import Breach, Repaired, breaches, repair, require_legal
from genome.shape import Shape
from genome.space import Space, digest
from genome.variation import mutate, recombine, sample

__all__ = [
    "CLASSES",
    "FEATURIZERS",
    "STAR_CLASSES",
    "Blueprint",
    "Breach",
    "FeaturizerGenome",
    "Genome",
    "GroupGenome",
    "Heads",
    "LIVClass",
    "OperatorGenome",
    "Placement",
    "Repaired",
    "Segment",
    "Shape",
    "Space",
    "breaches",
    "decode",
    "digest",
    "encode",
    "mutate",
    "named",
    "recombine",
    "repair",
    "require_legal",
    "sample",
]
