"""A decoded genome: a list of LIVs by name, with resolved sharing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from genome.classes.alphabet import Source
from genome.classes.feature_groups import CONVOLVED_INPUT
from genome.classes.operator import FeaturizerGenome, LIVClass
from genome.genome import SKIPPED, Genome, Segment, features_genes, members, weights_genes
from genome.repair import require_legal
from genome.space import Space


@dataclass(frozen=True)
class Placement:
    """One LIV in the stack.

    Attributes:
        liv_class: the digits of its operator.
        featurizer: the digits of its feature groups.
        weights_from: the position whose featurizer weights it uses; its own position if it has weights of its own.
        features_from: the position whose features it takes; its own position if it computes all of them.
        taken: the feature groups that its sharing group shares; with groups of routes, the routes too.
    """

    liv_class: LIVClass
    featurizer: FeaturizerGenome
    weights_from: int
    features_from: int
    taken: tuple[str, ...] = ()

    def computes(self, position: int) -> tuple[str, ...]:
        """Return the feature groups that this LIV computes itself, given its own position."""
        if self.features_from == position:
            return self.featurizer.names
        left = tuple(name for name in self.featurizer.names if name not in self.taken)
        reading = any(self.featurizer[name].source is Source.CONVOLVED for name in left)
        return tuple(name for name in left if reading or name != CONVOLVED_INPUT)


@dataclass(frozen=True)
class Blueprint:
    """The LIVs of a genome in order, without the skipped ones; `depth` counts the skipped ones too."""

    livs: tuple[Placement, ...]
    depth: int

    def to_json(self) -> list[dict[str, Any]]:
        """Describe each LIV by one object for a drawing; a link is the position that it leads to, or null."""
        return [
            {
                "position": position,
                "class_id": liv.liv_class.id,
                "name": liv.liv_class.name,
                "structure": liv.liv_class.operator.token_mixing.name.lower(),
                "sparsity": liv.liv_class.operator.sparsity.name.lower(),
                "banded": liv.liv_class.operator.sparsity.name == "BANDED",
                "differential": liv.liv_class.differential,
                "weights_from": None if liv.weights_from == position else liv.weights_from,
                "features_from": None if liv.features_from == position else liv.features_from,
                "taken": list(liv.taken) if liv.features_from != position else [],
            }
            for position, liv in enumerate(self.livs)
        ]


def decode(genome: Genome, space: Space) -> Blueprint:
    """Resolve the classes and the sharing of a legal genome.

    Raises:
        ValueError: the genome is not legal in this space; the message names the segment and the gene.
    """
    require_legal(genome, space)
    kept = genome.canonical().segments
    kept = tuple(segment for segment in kept if segment != SKIPPED)
    weights_owner = _owners(members(kept, weights_genes))
    features_owner = _owners(members(kept, features_genes))
    livs = []
    for position, segment in enumerate(kept):
        liv_class = space[segment.liv_class]
        featurizer = space.featurizer(liv_class)
        taken = liv_class.operator.strategies[segment.features_strategy - 1]
        livs.append(
            Placement(
                liv_class,
                featurizer,
                weights_owner.get(position, position),
                features_owner.get(position, position),
                featurizer.with_routes(taken),
            )
        )
    return Blueprint(tuple(livs), len(genome.segments))


def encode(blueprint: Blueprint, space: Space) -> Genome:
    """Return the canonical genome of a blueprint, so that `decode(encode(b, space), space) == b`."""
    shares_weights = {liv.weights_from for n, liv in enumerate(blueprint.livs) if liv.weights_from != n}
    segments = []
    for liv in blueprint.livs:
        strategies = [liv.featurizer.with_routes(taken) for taken in liv.liv_class.operator.strategies]
        segments.append(
            Segment(
                liv.liv_class.id,
                liv.weights_from + 1,
                2 if liv.weights_from in shares_weights else 1,
                liv.features_from + 1,
                strategies.index(liv.taken) + 1,
            )
        )
    genome = Genome(tuple(segments) + (SKIPPED,) * (blueprint.depth - len(segments)))
    require_legal(genome, space)
    return genome.canonical()


def _owners(groups: dict[int, list[int]]) -> dict[int, int]:
    return {position: positions[0] for positions in groups.values() for position in positions}
