"""Sampling, mutation and crossover give legal, canonical genomes with the documented statistics."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from numpy.random import Generator, default_rng

from genome import CLASSES, Genome, Space, breaches, mutate, recombine, sample
from genome.classes.feature_groups import STRATEGIES
from tests.genome.strategies import lawful, legal, placed, rngs, spaces

pytestmark = pytest.mark.slow

RATES = st.floats(0, 1)


def assert_proper(genome: Genome, space: Space) -> None:
    assert breaches(genome, space) == []
    assert genome.canonical() == genome


@lawful
@given(spaces(), rngs)
def test_samples_are_legal_and_canonical(space: Space, rng: Generator) -> None:
    assert_proper(sample(space, rng).genome, space)


@lawful
@given(placed(), rngs, RATES)
def test_mutants_are_legal_and_canonical(case: tuple[Space, Genome], rng: Generator, rate: float) -> None:
    space, genome = case
    assert_proper(mutate(genome, space, rng, rate).genome, space)


@lawful
@given(st.data(), spaces(), rngs)
def test_children_are_legal_and_canonical(data: st.DataObject, space: Space, rng: Generator) -> None:
    for child in recombine(data.draw(legal(space)), data.draw(legal(space)), space, rng):
        assert_proper(child.genome, space)


@lawful
@given(spaces(), st.integers(0, 2**32 - 1))
def test_equal_random_states_give_equal_results(space: Space, seed: int) -> None:
    def journey() -> list[Genome]:
        rng = default_rng(seed)
        mother, father = sample(space, rng).genome, sample(space, rng).genome
        return [mother, father, mutate(mother, space, rng).genome, recombine(mother, father, space, rng)[0].genome]

    assert journey() == journey()


@lawful
@given(placed(), rngs)
def test_a_mutation_rate_of_zero_changes_nothing(case: tuple[Space, Genome], rng: Generator) -> None:
    space, genome = case
    assert mutate(genome, space, rng, 0.0) == (genome.canonical(), 0)


@pytest.mark.parametrize("rate", [-0.1, 1.1, float("nan")])
def test_a_rate_that_is_no_probability_is_refused(rate: float) -> None:
    space = Space.of(["SA-1"], depth=1)
    with pytest.raises(ValueError, match="rate must be between 0 and 1, not"):
        mutate(Genome.parse("11111"), space, default_rng(0), rate)


@lawful
@given(st.data(), rngs)
def test_each_liv_of_a_child_comes_from_a_parent(data: st.DataObject, rng: Generator) -> None:
    """Two cuts: the middle is one parent's and the rest the other's; what one child lacks, the other has."""
    space = data.draw(spaces(skip=False))
    mother, father = data.draw(legal(space)), data.draw(legal(space))
    children = recombine(mother, father, space, rng)
    assume(all(child.changed == 0 for child in children))
    candidates = set()
    a, b = mother.segments, father.segments
    for high in range(space.depth + 1):
        for low in range(high + 1):
            one = Genome(a[:low] + b[low:high] + a[high:]).canonical()
            other = Genome(b[:low] + a[low:high] + b[high:]).canonical()
            candidates.add((one, other))
    assert tuple(child.genome for child in children) in candidates


@lawful
@given(st.data(), rngs)
def test_crossing_a_genome_with_itself_gives_it_back(data: st.DataObject, rng: Generator) -> None:
    space = data.draw(spaces())
    genome = data.draw(legal(space))
    assert [child.genome for child in recombine(genome, genome, space, rng)] == [genome.canonical()] * 2


def test_every_cut_of_a_crossover_occurs() -> None:
    space = Space.of(["SA-1", "GMemless"], depth=3)
    mother, father = Genome.parse("11111-11111-11111"), Genome.parse("91111-91111-91111")
    rng = default_rng(0)
    seen = {recombine(mother, father, space, rng)[0].genome for _ in range(300)}
    middles = {(low, high) for low in range(4) for high in range(low + 1, 4)}
    expected = {tuple(9 if low <= n < high else 1 for n in range(3)) for low, high in middles} | {(1, 1, 1)}
    assert {tuple(s.liv_class for s in genome.segments) for genome in seen} == expected


@pytest.mark.parametrize("rate", [0.02, 0.1, 0.5, 1.0])
def test_genes_are_redrawn_at_the_stated_rate(rate: float) -> None:
    """Among n classes a redrawn gene differs with probability 1 - 1/n; bounds are four standard deviations."""
    space = Space.of(depth=10, share_weights=False, share_features=False)
    rng = default_rng(7)
    genome = Genome.parse("-".join(["1.1.1.1.1"] * 10))
    trials = 2000
    mutants = [mutate(genome, space, rng, rate) for _ in range(trials)]
    changed = sum(segment.liv_class != 1 for mutant in mutants for segment in mutant.genome.segments)
    p = rate * (1 - 1 / len(CLASSES))
    n = trials * 10
    assert abs(changed - n * p) <= 4 * (n * p * (1 - p)) ** 0.5
    assert sum(mutant.changed for mutant in mutants) == 0, "nothing to repair where nothing is shared"


def test_sampling_reaches_every_class_strategy_and_depth() -> None:
    space = Space.of(depth=6, allow_skip=True)
    rng = default_rng(3)
    drawn = [sample(space, rng).genome for _ in range(2000)]
    segments = [segment for genome in drawn for segment in genome.segments]
    assert {segment.liv_class for segment in segments} == set(space.choices)
    assert {segment.weights_strategy for segment in segments} == {1, 2}
    mixings = {row.operator.token_mixing for row in space.classes}
    shared = {(space[s.liv_class].operator.token_mixing, s.features_strategy) for s in segments if s.liv_class}
    assert shared == {(mixing, n) for mixing in mixings for n in range(1, len(STRATEGIES[mixing]) + 1)}
    assert {sum(s.liv_class != 0 for s in genome.segments) for genome in drawn} == set(range(1, 7))


def test_repairs_are_counted() -> None:
    """Two classes and one group: crossing pure stacks with shared weights must break groups, and says so."""
    space = Space.of(["SA-1", "GMemless"], depth=4, groups=1)
    mother = Genome.parse("11211-11211-11211-11211")
    father = Genome.parse("91211-91211-91211-91211")
    rng = default_rng(0)
    crossed = [child for _ in range(50) for child in recombine(mother, father, space, rng)]
    for child, changed in crossed:
        mixed = len({segment.liv_class for segment in child.segments}) > 1
        assert (changed > 0) is mixed
    assert any(changed for _, changed in crossed)
