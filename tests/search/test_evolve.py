"""The evolution through ask and tell: its proposals, its selection, and its exact resumption."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from genome import Genome, Space, decode, require_legal, sample
from genome.variation.class_sampling import Level
from search.algorithms.algorithm import Outcome
from search.evolution.evolve import Evolution
from search.evolution.proposal import Proposal
from search.objectives import Frontier, objectives
from search.plan import WITH_RUNGS, AlgorithmName, Plan, Rungs, SpacePlan, Stop
from search.plan.presets import PAPER
from tests.search.journey import Journey, asked, begun
from tests.search.twin import analytic, corner, twin_costs

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("small_pool")]


PLAN = Plan(space=SpacePlan(depth=5), algorithm=AlgorithmName.NSGA2, stacks=0, population=6, candidates=60)
RUNGS = Rungs(tokens=(40 * 16 * 128, 100 * 16 * 128), promoted=0.4)
"""Two rungs below the 200 steps of the budget."""

INVENTIVE = Plan(
    space=SpacePlan(depth=4, levels=Level.FEATURIZER),
    algorithm=AlgorithmName.NSGA2,
    stacks=0,
    population=4,
    candidates=60,
    mutation=0.4,
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    seed=st.integers(0, 1000),
    script=st.lists(st.integers(0, 12), min_size=10, max_size=60),
    cut=st.integers(0, 60),
    plan=st.sampled_from([PLAN, INVENTIVE]),
    algorithm=st.sampled_from(AlgorithmName),
    repeats=st.sampled_from([0.0, 0.5]),
    earlier=st.sampled_from([0, 3, 9]),
    stop=st.sampled_from([Stop(), Stop(tokens=15 * 200 * 16 * 128), Stop(stagnation=2)]),
    lag=st.sampled_from([None, None, 1, 4]),
)
def test_an_interrupted_search_goes_on_bit_for_bit(
    seed: int,
    script: list[int],
    cut: int,
    plan: Plan,
    algorithm: AlgorithmName,
    repeats: float,
    earlier: int,
    stop: Stop,
    lag: int | None,
) -> None:
    rungs = RUNGS if algorithm in WITH_RUNGS else Rungs()
    changes = {"algorithm": algorithm, "stacks": 0.05, "rungs": rungs, "repeats": repeats, "stop": stop, "lag": lag}
    plan = plan.model_copy(update=changes)
    whole = Journey(begun(plan, seed), plan)
    whole.take_over({sample(plan.liv_space, np.random.default_rng(n)).genome: n for n in range(earlier)})
    for choice in script[:cut]:
        whole.step(choice)
    other = whole.resumed()
    for choice in script[cut:]:
        whole.step(choice)
        other.step(choice)
        other = other.resumed()
    assert other.made == whole.made
    assert other.evolution.state() == whole.evolution.state()


def test_a_search_invents_classes_and_keeps_what_their_genes_mean() -> None:
    evolution = begun(INVENTIVE)
    kept = evolution.space
    for number in range(1, 60):
        proposal = asked(evolution)
        kept = proposal.space or kept  # what the archive stores
        assert kept == evolution.space
        require_legal(proposal.genome, kept)
        assert decode(proposal.genome, kept).livs
        evolution.tell(Outcome(number, proposal.genome, objectives(analytic(proposal.genome), PLAN)))
    invented = kept.classes[len(INVENTIVE.liv_space.classes) :]
    assert len(invented) > 10
    assert {row.id > 1000 and row.source == "found by search" for row in invented} == {True}
    assert kept.classes[: len(INVENTIVE.liv_space.classes)] == INVENTIVE.liv_space.classes


def test_a_new_search_uses_the_space_that_was_stored_with_its_job() -> None:
    """The catalogue may have changed since the job was submitted."""
    stored = Space.of(("SA-1", "GMemless", "Rec-1"), depth=5)
    evolution = Evolution(PLAN, np.random.Generator(np.random.PCG64(0)), twin_costs(PLAN), stored)
    assert evolution.space == stored
    made = [asked(evolution).genome for _ in range(20)]
    assert {segment.liv_class for genome in made for segment in genome.segments} <= set(stored.choices)


def told(evolution: Evolution, count: int) -> Iterator[tuple[int, Proposal]]:
    for number in range(1, count + 1):
        proposal = asked(evolution)
        evolution.tell(Outcome(number, proposal.genome, objectives(analytic(proposal.genome), PLAN)))
        yield number, proposal


def test_baselines_come_first_then_samples_then_children() -> None:
    made = [proposal for _, proposal in told(begun(PLAN), 40)]
    names = list(PLAN.baseline_genomes())
    assert [p.baseline for p in made] == names + [None] * (40 - len(names))
    assert {p.variation for p in made[len(names) : PLAN.population]} == {"sample"}
    assert {p.variation for p in made[PLAN.population :]} <= {"crossover+mutation", "mutation"}


def test_every_proposal_is_legal_new_and_counts_its_genes() -> None:
    made = [proposal for _, proposal in told(begun(PLAN), 60)]
    for proposal in made:
        require_legal(proposal.genome, PLAN.liv_space)
        handled = {"baseline": 0, "sample": 25, "mutation": 25, "crossover+mutation": 50}[proposal.variation]
        assert proposal.genes >= handled
        assert 0 <= proposal.repaired <= proposal.genes
    assert len({proposal.digest for proposal in made}) == len(made)
    assert sum(proposal.repaired for proposal in made) > 0


def test_parents_were_told_before_and_belong_to_those_that_survive() -> None:
    known: dict[int, Genome] = {}
    for number, proposal in told(begun(PLAN), 60):
        assert set(proposal.parents) <= known.keys()
        assert len(proposal.parents) == {"crossover+mutation": 2, "mutation": 1}.get(proposal.variation, 0)
        known[number] = proposal.genome


def test_proposals_are_there_before_anything_was_told() -> None:
    evolution = begun(PLAN)
    made = [asked(evolution) for _ in range(3 * PLAN.population)]
    assert {p.variation for p in made} == {"baseline", "sample"}
    assert len({p.digest for p in made}) == len(made)


def test_failures_and_the_infeasible_have_no_children_while_something_is_feasible() -> None:
    evolution = begun(PLAN)
    good: set[int] = set()
    for number in range(1, 61):
        proposal = asked(evolution)
        assert set(proposal.parents) <= good
        point = objectives(analytic(proposal.genome), PLAN)
        if number % 3 == 0:
            evolution.tell(Outcome(number, proposal.genome, None))
        elif number % 3 == 1 and number > 1:
            evolution.tell(Outcome(number, proposal.genome, [0.0] * 3, violation=1.0))
        else:
            evolution.tell(Outcome(number, proposal.genome, point))
            good.add(number)
    assert len(good) == 21


def test_while_nothing_is_feasible_the_less_infeasible_have_the_children() -> None:
    """The violation counts how many LIVs are not class 1, so a search towards it must bring it down."""
    space = SpacePlan(depth=8, classes=PAPER, share_weights=False, share_features=False)
    plan = Plan(space=space, population=8, baselines=False, algorithm=AlgorithmName.NSGA2, stacks=0, candidates=200)
    excess = []
    evolution = begun(plan)
    for number in range(1, 201):
        proposal = asked(evolution)
        excess.append(1.0 + sum(segment.liv_class != 1 for segment in proposal.genome.segments))
        evolution.tell(Outcome(number, proposal.genome, [1.0, 1.0, 1.0], violation=excess[-1]))
    assert np.mean(excess[-40:]) < np.mean(excess[:8]) - 2


def test_a_space_that_is_used_up_says_so() -> None:
    space = SpacePlan(depth=3, classes=("SA-1", "GMemless"), share_weights=False, share_features=False)
    evolution = begun(Plan(space=space, population=4, algorithm=AlgorithmName.NSGA2, stacks=0))
    made: list[Proposal] = []
    while (proposal := evolution.ask()) is not None:
        assert isinstance(proposal, Proposal)
        made.append(proposal)
        evolution.tell(Outcome(len(made), proposal.genome, objectives(analytic(proposal.genome), PLAN)))
    assert len({p.digest for p in made}) == len(made) == 8


@pytest.mark.parametrize("dimensions", [1, 2, 3, 4])
def test_it_evolves_in_any_number_of_objectives(dimensions: int) -> None:
    metrics = ("bits_per_byte", "parameters", "cache_bytes", "decode_ms")[:dimensions]
    plan = PLAN.model_copy(update={"objectives": metrics})
    evolution = begun(plan)
    for number in range(1, 31):
        proposal = asked(evolution)
        evolution.tell(Outcome(number, proposal.genome, objectives(analytic(proposal.genome), plan)))
    assert asked(evolution).parents


def hypervolume(plan: Plan, seed: int, *, selects: bool) -> float:
    evolution = begun(plan, seed)
    frontier = Frontier(list(corner(plan).values()), {})
    for number in range(1, plan.candidates + 1):
        proposal = asked(evolution)
        point = objectives(analytic(proposal.genome), plan)
        frontier.add(number, point)
        if selects:
            evolution.tell(Outcome(number, proposal.genome, point))
    return frontier.standing().hypervolume


def test_selection_beats_random_sampling() -> None:
    """Told nothing, an evolution samples at random: the same machine without selection."""
    two = ("bits_per_byte", "parameters")
    space, algorithm = SpacePlan(classes=PAPER, depth=8), AlgorithmName.NSGA2
    plan = Plan(
        space=space, algorithm=algorithm, stacks=0, population=16, candidates=600, baselines=False, objectives=two
    )
    chosen = [hypervolume(plan, seed, selects=True) for seed in range(5)]
    random = [hypervolume(plan, seed, selects=False) for seed in range(5)]
    standard_error = np.sqrt((np.var(chosen, ddof=1) + np.var(random, ddof=1)) / 5)
    assert np.mean(chosen) - np.mean(random) > 3 * standard_error
