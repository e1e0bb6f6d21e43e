"""A genome: five integers for each LIV, with a canonical form and a text form."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import NamedTuple


class Segment(NamedTuple):
    """The five genes of one LIV (STAR, section 3.3). Class 0 means that the LIV is skipped."""

    liv_class: int
    weights_group: int = 1
    weights_strategy: int = 1
    features_group: int = 1
    features_strategy: int = 1


SKIPPED = Segment(0)


@dataclass(frozen=True)
class Genome:
    """An architecture as integers. Its text joins segments by `-` and their numbers by `.`."""

    segments: tuple[Segment, ...]

    def __str__(self) -> str:
        return "-".join(".".join(map(str, segment)) for segment in self.segments)

    @classmethod
    def of(cls, class_ids: Iterable[int]) -> Genome:
        """Make the genome of LIVs of these classes, in this order, that share nothing."""
        return cls(tuple(Segment(class_id) for class_id in class_ids))

    @classmethod
    def parse(cls, text: str) -> Genome:
        """Read the text form, or STAR's compact form in which every number is one digit.

        Raises:
            ValueError: a segment is not five non-negative integers; the message names the segment.
        """
        return cls(tuple(_segment(part, n) for n, part in enumerate(text.strip().split("-"), 1)))

    def canonical(self) -> Genome:
        """Return the one representative of all genomes that decode to the same blueprint.

        Sharing groups are relabelled in order of first appearance, a group of one LIV becomes no group, and skipped
        LIVs move to the end.
        """
        kept = [segment for segment in self.segments if segment.liv_class != 0]
        weights = _relabelled([(s.weights_group, s.weights_strategy) for s in kept])
        features = _relabelled([(s.features_group, s.features_strategy) for s in kept])
        segments = [Segment(s.liv_class, *w, *f) for s, w, f in zip(kept, weights, features, strict=True)]
        return Genome(tuple(segments) + (SKIPPED,) * (len(self.segments) - len(kept)))

    def unchanged(self, former: Genome) -> frozenset[int]:
        """Return the positions of the LIVs that have the same class and share in the same way as in another genome."""
        pairs = zip(self.canonical().segments, former.canonical().segments, strict=False)
        return frozenset(n for n, (own, other) in enumerate(pairs) if own == other != SKIPPED)


def members(segments: tuple[Segment, ...], of: Callable[[Segment], tuple[int, int]]) -> dict[int, list[int]]:
    """List the positions of the members of each sharing group; strategy 1 shares nothing and has no group."""
    groups: dict[int, list[int]] = {}
    for position, segment in enumerate(segments):
        label, strategy = of(segment)
        if strategy != 1:
            groups.setdefault(label, []).append(position)
    return groups


def weights_genes(segment: Segment) -> tuple[int, int]:
    return segment.weights_group, segment.weights_strategy


def features_genes(segment: Segment) -> tuple[int, int]:
    return segment.features_group, segment.features_strategy


def _relabelled(genes: list[tuple[int, int]]) -> list[tuple[int, int]]:
    sizes: dict[int, int] = {}
    for label, strategy in genes:
        if strategy != 1:
            sizes[label] = sizes.get(label, 0) + 1
    labels: dict[int, int] = {}
    result = []
    for label, strategy in genes:
        if strategy == 1 or sizes[label] == 1:
            result.append((1, 1))
        else:
            result.append((labels.setdefault(label, len(labels) + 1), strategy))
    return result


def _segment(text: str, number: int) -> Segment:
    shown = text if len(text) <= 40 else text[:40] + "..."
    compact = re.fullmatch(r"[0-9]{5}", text)
    numbers = list(text) if compact else text.split(".")
    if len(numbers) != 5 or not all(re.fullmatch(r"[0-9]{1,6}", n) for n in numbers):
        raise ValueError(
            f"segment {number} of the genome is {shown!r}; it must be five integers of at most six digits "
            "joined by dots (class, featurizer-sharing group and strategy, feature-sharing group and "
            "strategy), or five single digits, as in 2.1.2.1.1 or 21211"
        )
    return Segment(*map(int, numbers))
