"""What each algorithm promises: limits that are kept, generations that are complete, reasons, and fewer trainings."""

from __future__ import annotations

import operator
from collections.abc import Iterator

import numpy as np
import pytest

from search.algorithms.algorithm import Outcome
from search.evolution.evolve import Evolution
from search.evolution.proposal import Proposal
from search.objectives import objectives, violation
from search.plan import AlgorithmName, Plan, SpacePlan
from tests.search.journey import asked, begun
from tests.search.twin import analytic

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("small_pool")]


PLAN = Plan(space=SpacePlan(depth=5), algorithm=AlgorithmName.NSGA2, stacks=0, population=6, candidates=60)


def told(evolution: Evolution, count: int) -> Iterator[tuple[int, Proposal]]:
    for number in range(1, count + 1):
        proposal = asked(evolution)
        evolution.tell(Outcome(number, proposal.genome, objectives(analytic(proposal.genome), PLAN)))
        yield number, proposal


@pytest.mark.parametrize("bound", ["at_most", "at_least"])
@pytest.mark.parametrize("algorithm", AlgorithmName)
def test_a_genome_outside_a_limit_of_exact_costs_is_never_proposed(algorithm: AlgorithmName, bound: str) -> None:
    """The median of random genomes is the limit, so that about half of all genomes are discarded before training."""
    limit = float(np.median([asked(begun(PLAN, seed)).costs["parameters"] for seed in range(5)]))
    constraints = [{"metric": "parameters", bound: limit}]
    keeps = {"at_most": operator.le, "at_least": operator.ge}[bound]
    plan = Plan.model_validate(PLAN.model_dump(mode="json") | {"algorithm": algorithm, "constraints": constraints})
    evolution = begun(plan)
    for number in range(1, 31):
        proposal = asked(evolution)
        assert proposal.baseline or keeps(proposal.costs["parameters"], limit)
        excess = violation(analytic(proposal.genome), plan)
        assert proposal.baseline or excess == 0
        evolution.tell(Outcome(number, proposal.genome, objectives(analytic(proposal.genome), plan), excess))


def test_limits_that_no_genome_keeps_end_the_search() -> None:
    constraints = [{"metric": "parameters", "at_most": 1e-3}]
    plan = Plan.model_validate(PLAN.model_dump(mode="json") | {"baselines": False, "constraints": constraints})
    evolution = begun(plan)
    assert evolution.ask() is None
    assert evolution.exhausted


def test_a_generation_waits_for_its_outcomes() -> None:
    plan = PLAN.model_copy(update={"algorithm": AlgorithmName.STAR})
    evolution = begun(plan)
    first = [asked(evolution) for _ in range(plan.population)]
    assert evolution.ask() is None
    assert not evolution.exhausted
    for number, proposal in enumerate(first, 1):
        evolution.tell(Outcome(number, proposal.genome, objectives(analytic(proposal.genome), plan)))
    assert asked(evolution).parents


def test_the_surrogate_search_says_why_it_chose() -> None:
    plan = PLAN.model_copy(update={"algorithm": AlgorithmName.SURROGATE, "stacks": 0.1})
    choices = [proposal.choice for _, proposal in told(begun(plan), 40)]
    assert [choice.reason for choice in choices[:8]] == ["baseline"] * 2 + ["initial design"] * 6
    assert {choice.reason for choice in choices[8:]} == {"expected improvement", "exploration"}
    for choice in choices[8:]:
        predicted = choice.reason == "expected improvement"
        assert all((x is not None) == predicted for x in (choice.predicted, choice.deviation, choice.improvement))


def test_a_search_whose_model_fails_goes_on_by_selection(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise np.linalg.LinAlgError("not positive definite")

    for method in ("predict", "search_parameters"):
        monkeypatch.setattr(f"search.surrogate.model.Surrogate.{method}", broken)
    plan = PLAN.model_copy(update={"algorithm": AlgorithmName.SURROGATE})
    proposals = [proposal for _, proposal in told(begun(plan), 30)]
    assert {p.choice.reason for p in proposals[plan.population :]} == {"selection", "exploration"}
