"""Architectures as integers: pure values and pure functions, without torch."""

from genome.blueprint import Blueprint, Placement, decode, encode
from genome.catalogue import CLASSES, FEATURIZERS, STAR_CLASSES, named
from genome.classes.head_sizes import Heads
from genome.classes.operator import FeaturizerGenome, GroupGenome, LIVClass, OperatorGenome
from genome.genome import Genome, Segment
from genome.growing import Growth, grown
from genome.repair import Breach, Repaired, breaches, repair, require_legal
from genome.shape import Shape, ShapeError
from genome.space import Space, digest
from genome.variation.genes import mutate, recombine, sample

__all__ = [
    "CLASSES",
    "FEATURIZERS",
    "STAR_CLASSES",
    "Blueprint",
    "Breach",
    "FeaturizerGenome",
    "Genome",
    "GroupGenome",
    "Growth",
    "Heads",
    "LIVClass",
    "OperatorGenome",
    "Placement",
    "Repaired",
    "Segment",
    "Shape",
    "ShapeError",
    "Space",
    "breaches",
    "decode",
    "digest",
    "encode",
    "grown",
    "mutate",
    "named",
    "recombine",
    "repair",
    "require_legal",
    "sample",
]
