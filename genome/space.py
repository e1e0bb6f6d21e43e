"""The set of genomes that a search may visit. A job stores its space, so that its genomes keep their meaning."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from genome.catalogue import CLASSES, FEATURIZERS, named
from genome.classes.operator import FeaturizerGenome, LIVClass
from genome.classes.rules import illegal
from genome.genome import Genome

MAX_DEPTH = 256


@dataclass(frozen=True)
class Space:
    """The allowed classes with their digits, the depth, and the genes that may vary.

    Args:
        classes: the LIV classes that a gene may name.
        featurizers: the featurizers that these classes use.
        depth: LIVs in a genome.
        allow_skip: whether class 0 (a skipped LIV) is legal, so that the depth can evolve.
        share_weights: whether LIVs may share featurizer weights.
        share_features: whether LIVs may share computed features.
        groups: the largest sharing-group label that sampling draws.

    Raises:
        ValueError: two rows have one id, or a class cannot be built; the message names the rows and the reason.
    """

    classes: tuple[LIVClass, ...]
    featurizers: tuple[FeaturizerGenome, ...]
    depth: int
    allow_skip: bool = False
    share_weights: bool = True
    share_features: bool = True
    groups: int = 3

    def __post_init__(self) -> None:
        if not 1 <= self.depth <= MAX_DEPTH:
            raise ValueError(f"depth must be 1 to {MAX_DEPTH}, not {self.depth}")
        if self.groups < 1:
            raise ValueError(f"groups must be 1 or more, not {self.groups}")
        if not self.classes:
            raise ValueError("classes must name at least one LIV class")
        _reject_clashes([(row.id, row.name) for row in self.classes])
        _reject_clashes([(row.id, f"featurizer {row.id}") for row in self.featurizers])
        for row in self.classes:
            reason = illegal(row.operator, self.featurizer(row))
            if reason:
                raise ValueError(f"class {row.id} {row.name}: {reason}")

    @classmethod
    def of(cls, names: Sequence[str] | None = None, *, depth: int, **options: Any) -> Space:
        """Make the space over these classes of the catalogue, by default all of them.

        Raises:
            ValueError: a class name is unknown; the message lists the legal names.
        """
        classes = CLASSES if names is None else tuple(named(name) for name in names)
        used = {row.operator.featurizer for row in classes}
        return cls(classes, tuple(f for f in FEATURIZERS if f.id in used), depth, **options)

    def like(self, row: LIVClass, featurizer: FeaturizerGenome) -> int | None:
        """Return the id of the class with the digits of this one, whatever its name and number, or None."""
        return self._by_digits.get(_digits(row, featurizer))

    def grown(self, row: LIVClass, featurizer: FeaturizerGenome) -> Space:
        """Return the space with one more class, and with its featurizer if that is new. Only the new class is checked.

        Raises:
            ValueError: the class cannot be built; the message names it and the reason.
        """
        reason = illegal(row.operator, featurizer)
        if reason:
            raise ValueError(f"class {row.id} {row.name}: {reason}")
        new = () if featurizer.id in self._featurizers else (featurizer,)
        grown = self._with((*self.classes, row), (*self.featurizers, *new))
        vars(grown).update(  # what a cached property would compute from all classes again
            _by_id=self._by_id | {row.id: row},
            _featurizers=self._featurizers | {featurizer.id: featurizer},
            _by_digits=self._by_digits | {_digits(row, featurizer): row.id},
        )
        return grown

    def only(self, genome: Genome, *, first: int = 1) -> Space:
        """Return the space with the first so many classes, of which it needs one, and those that a genome names."""
        named = {segment.liv_class for segment in genome.segments}
        classes = tuple(row for n, row in enumerate(self.classes) if n < first or row.id in named)
        used = {row.operator.featurizer for row in classes}
        return self._with(classes, tuple(one for one in self.featurizers if one.id in used))

    def _with(self, classes: tuple[LIVClass, ...], featurizers: tuple[FeaturizerGenome, ...]) -> Space:
        """Return the space with other classes, each of which was checked before."""
        changed = copy(self)
        own = vars(changed)  # a frozen instance has its fields and its cached properties here
        for name in ("choices", "_by_id", "_featurizers", "_by_digits"):
            own.pop(name, None)
        own.update(classes=classes, featurizers=featurizers)
        return changed

    @cached_property
    def _by_digits(self) -> dict[Any, int]:
        return {_digits(row, self.featurizer(row)): row.id for row in reversed(self.classes)}

    @cached_property
    def _by_id(self) -> dict[int, LIVClass]:
        return {row.id: row for row in self.classes}

    @cached_property
    def _featurizers(self) -> dict[int, FeaturizerGenome]:
        return {row.id: row for row in self.featurizers}

    def __contains__(self, class_id: int) -> bool:
        return class_id in self._by_id or (class_id == 0 and self.allow_skip)

    def __getitem__(self, class_id: int) -> LIVClass:
        return self._by_id[class_id]

    def featurizer(self, liv_class: LIVClass) -> FeaturizerGenome:
        wanted = liv_class.operator.featurizer
        if wanted not in self._featurizers:
            legal = ", ".join(map(str, self._featurizers))
            raise ValueError(f"class {liv_class.id} {liv_class.name} uses featurizer {wanted}; the space has {legal}")
        return self._featurizers[wanted]

    @cached_property
    def choices(self) -> tuple[int, ...]:
        """The legal values of a class gene."""
        return ((0,) if self.allow_skip else ()) + tuple(self._by_id)

    def digits(self, class_id: int) -> list[Any]:
        """Return all digits that the gene of a class stands for."""
        row = self[class_id]
        return [row.id, row.operator.digits, row.differential, self.featurizer(row).to_json()]

    def to_json(self) -> dict[str, Any]:
        return {
            "classes": [row.to_json() for row in self.classes],
            "featurizers": [row.to_json() for row in self.featurizers],
            "depth": self.depth,
            "allow_skip": self.allow_skip,
            "share_weights": self.share_weights,
            "share_features": self.share_features,
            "groups": self.groups,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Space:
        """Read the output of `to_json`.

        Raises:
            ValueError: a field is missing or malformed; the message names it.
        """
        try:
            return cls(
                tuple(LIVClass.from_json(row) for row in data["classes"]),
                tuple(FeaturizerGenome.from_json(row) for row in data["featurizers"]),
                int(data["depth"]),
                bool(data["allow_skip"]),
                bool(data["share_weights"]),
                bool(data["share_features"]),
                int(data["groups"]),
            )
        except KeyError as missing:
            raise ValueError(f"the space lacks the field {missing}") from None
        except (TypeError, AttributeError) as wrong:
            raise ValueError(f"the space is malformed: {wrong}") from None


def _digits(row: LIVClass, featurizer: FeaturizerGenome) -> Any:
    return row.operator.digits[1:], row.differential, featurizer.groups


def digest(genome: Genome, space: Space) -> str:
    """Hash a genome to 16 hex digits, equal for all genomes that decode alike, also in a space with more classes.

    The hash depends on the digits of the classes, not on their names, sources and descriptions.
    """
    canonical = genome.canonical()
    used = sorted({segment.liv_class for segment in canonical.segments} - {0})
    tables = json.dumps([space.digits(number) for number in used])
    return hashlib.sha256(f"{canonical}\n{tables}".encode()).hexdigest()[:16]


def _reject_clashes(rows: list[tuple[int, str]]) -> None:
    seen: dict[int, str] = {}
    for number, name in rows:
        if number in seen:
            raise ValueError(f"id {number} is taken twice: by {seen[number]} and by {name}")
        seen[number] = name
