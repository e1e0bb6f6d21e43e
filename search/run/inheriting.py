"""Which weights a new candidate begins with, under a plan that lets children inherit."""

from __future__ import annotations

from collections.abc import Iterable

from evaluator.artifacts import Artifact
from evaluator.evaluation import Parent
from genome import Genome
from search.archive import Archive
from search.archive.runner_values import InFlight, Inherited
from search.evolution.proposal import Proposal
from search.origin import Purpose
from search.plan import Plan


def inherited(archive: Archive, job_id: str, plan: Plan, proposal: Proposal) -> Inherited | None:
    """Return what a proposal begins with: of its parents whose weights are kept, that with most unchanged LIVs."""
    if not plan.inherit or not proposal.parents:
        return None
    kept = archive.kept_weights(job_id, proposal.parents)
    found = [(len(proposal.genome.unchanged(Genome.parse(text))), number) for number, (text, _) in kept.items()]
    livs, number = max(found, default=(0, 0))
    return Inherited(number, livs, *kept[number]) if livs else None


def parent_of(begun: InFlight) -> Parent | None:
    """Return the parent that a training begins with; only the first one of a candidate has one."""
    if begun.inherited is None or begun.purpose != Purpose.SEARCH:
        return None
    return Parent(begun.inherited["genome"], Artifact.from_json(begun.inherited["weights"]))


def needed(in_flight: Iterable[InFlight]) -> set[str]:
    """Return the keys of the weights that trainings under way begin with, or will if they are begun again."""
    return {str(one.inherited["weights"]["key"]) for one in in_flight if one.inherited}
