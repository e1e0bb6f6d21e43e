"""The candidates that a search begins with: known architectures before luck."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from numpy.random import Generator

from genome import Genome, Space
from search.origin import Reason, Variation
from search.plan import Plan

CHANNEL_MIXER = "GMemless"
"""The class that stands between the LIVs of an alternating stack, as the feed-forward layers of a transformer do."""

REASONS = {Variation.BASELINE: Reason.BASELINE, Variation.GIVEN: Reason.GIVEN}
"""The reasons for what a search begins with; the others belong to the initial design."""


@dataclass(frozen=True)
class Design:
    """One candidate of the initial design.

    Attributes:
        baseline: the name of its reference architecture, or None.
    """

    variation: Variation
    genome: Genome
    baseline: str | None = None

    @property
    def reason(self) -> Reason:
        """The reason why it was chosen."""
        return REASONS.get(self.variation, Reason.DESIGN)

    def to_json(self) -> list[Any]:
        return [self.variation, str(self.genome), self.baseline]

    @classmethod
    def from_json(cls, row: Sequence[Any]) -> Design:
        variation, text, baseline = row
        return cls(Variation(variation), Genome.parse(text), baseline)


def rest_of_design(state: Mapping[str, Any]) -> list[Design]:
    """Return what is left of the initial design; older states hold the names and genomes of baselines alone."""
    if "design" in state:
        return [Design.from_json(row) for row in state["design"]]
    return [Design(Variation.BASELINE, Genome.parse(text), name) for name, text in state["baselines"]]


def initial_design(plan: Plan, rng: Generator) -> list[Design]:
    """Return the initial design: all baselines, the plan's genomes, then stacks of one class in random order.

    The stacks take at most the plan's share of the candidates. Stacks of one class are the extreme points of the
    space: each tells how good its class is, and how well it pairs with a channel mixer.
    """
    baselines = [Design(Variation.BASELINE, genome, name) for name, genome in plan.baseline_genomes().items()]
    known = baselines + [Design(Variation.GIVEN, Genome.parse(text)) for text in plan.genomes]
    room = int(plan.stacks * plan.candidates)
    if room == 0:
        return known
    others = {one.genome: one for one in reversed(list(_stacks(plan.liv_space)))}
    for one in known:
        others.pop(one.genome, None)
    stacks = list(reversed(others.values()))
    return known + [stacks[int(n)] for n in rng.permutation(len(stacks))[:room]]


def _stacks(space: Space) -> Iterator[Design]:
    """Yield for each class the stack of it alone, and the stack that alternates it with the channel mixer."""
    mixers = [row for row in space.classes if row.name == CHANNEL_MIXER]
    for row in space.classes:
        patterns = [(Variation.STACK, [row])]
        patterns += [(Variation.ALTERNATING, [row, mixer]) for mixer in mixers if mixer is not row]
        for variation, pattern in patterns:
            genome = Genome.of(pattern[n % len(pattern)].id for n in range(space.depth))
            yield Design(variation, genome)
