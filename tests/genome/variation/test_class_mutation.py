"""New classes satisfy the rules, differ in one digit or in all, and are recognised when they recur."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given

from genome import FEATURIZERS, Genome, Shape, Space, breaches, decode, digest, sample
from genome.classes import alphabet as a
from genome.classes.rules import illegal
from genome.variation.class_mutation import FIRST_INVENTED, grown, invent
from genome.variation.class_sampling import Level, random_class, random_space
from tests.genome.strategies import lawful, rngs

pytestmark = pytest.mark.slow

SHAPE = Shape()
LEVELS = (Level.OPERATOR, Level.FEATURIZER)


@lawful
@given(rng=rngs)
@pytest.mark.parametrize("level", LEVELS)
def test_drawn_classes_are_legal_and_fit(level, rng):
    row, featurizer = random_class(1, level, SHAPE, rng)
    assert illegal(row.operator, featurizer) is None
    assert SHAPE.fits(row, featurizer)


@lawful
@given(rng=rngs)
@pytest.mark.parametrize("level", Level)
def test_spaces_of_drawn_classes_survive_json_and_sample_legal_genomes(level, rng):
    space = random_space(level, 4, 3, SHAPE, rng, allow_skip=True)
    assert Space.from_json(space.to_json()) == space
    assert breaches(sample(space, rng).genome, space) == []


@lawful
@given(rng=rngs)
@pytest.mark.parametrize("level", LEVELS)
def test_invention_grows_the_space_and_leaves_what_was_there(level, rng):
    space = Space.of(depth=5)
    genome = sample(space, rng).genome
    (invented, _), larger = invent(genome, space, level, SHAPE, rng, rate=0.5)
    assert breaches(invented, larger) == []
    assert larger.classes[: len(space.classes)] == space.classes
    assert all(row.id >= FIRST_INVENTED for row in larger.classes[len(space.classes) :])
    assert digest(genome, larger) == digest(genome, space)


@lawful
@given(rng=rngs)
def test_a_space_that_grew_is_the_same_as_one_that_was_made_at_once(rng):
    space = Space.of(depth=4)
    genome, larger = sample(space, rng).genome, space
    for _ in range(3):
        (genome, _), larger = invent(genome, larger, Level.FEATURIZER, SHAPE, rng, rate=0.7)
    at_once = Space.from_json(larger.to_json())
    assert larger == at_once
    assert larger.choices == at_once.choices
    assert [larger.like(row, larger.featurizer(row)) for row in larger.classes] == [row.id for row in at_once.classes]
    assert digest(genome, larger) == digest(genome, at_once)


@lawful
@given(rng=rngs)
def test_the_space_of_one_genome_is_enough_to_read_it(rng):
    space = Space.of(depth=4, allow_skip=True)
    (genome, _), larger = invent(sample(space, rng).genome, space, Level.FEATURIZER, SHAPE, rng, rate=0.7)
    alone = Space.from_json(larger.only(genome).to_json())
    assert len(alone.classes) <= 1 + 4
    assert decode(genome, alone) == decode(genome, larger)
    kept = larger.only(genome, first=len(space.classes))
    assert kept.classes[: len(space.classes)] == space.classes
    assert digest(genome, kept) == digest(genome, larger)


def test_a_class_that_cannot_be_built_does_not_join_a_space():
    space = Space.of(depth=4)
    wrong = replace(space[1], id=FIRST_INVENTED, operator=replace(space[1].operator, sparsity=a.Sparsity.ROUTED))
    with pytest.raises(ValueError, match=f"class {FIRST_INVENTED}"):
        space.grown(wrong, space.featurizer(wrong))


def test_draws_reach_every_structure_and_the_digits_that_need_company():
    rng = np.random.default_rng(0)
    drawn = [random_class(1, Level.FEATURIZER, SHAPE, rng) for _ in range(150)]
    counts = Counter(row.operator.token_mixing for row, _ in drawn)
    assert min(counts[structure] for structure in a.TokenMixing) >= 10
    assert any(featurizer["v"].generator is a.Generator.TIED for _, featurizer in drawn)
    assert any(row.operator.channel_mixing is a.ChannelMixing.OUTER for row, _ in drawn)


def test_without_a_rate_nothing_is_invented():
    space = Space.of(depth=5)
    genome = sample(space, np.random.default_rng(0)).genome
    (same, changed), unchanged = invent(genome, space, Level.FEATURIZER, SHAPE, np.random.default_rng(1), rate=0.0)
    assert (same, changed, unchanged) == (genome, 0, space)


def test_digits_that_come_back_keep_their_id():
    space = Space.of(depth=1)
    row = space[1]
    assert grown(space, row, space.featurizer(row)) == (space, 1)


def test_the_operator_level_leaves_featurizers_as_the_catalogue_has_them():
    rng = np.random.default_rng(0)
    space, genome = Space.of(depth=6), Genome.parse("-".join(["1.1.1.1.1"] * 6))
    known = {featurizer.groups for featurizer in FEATURIZERS}
    for _ in range(20):
        (genome, _), space = invent(genome, space, Level.OPERATOR, SHAPE, rng, rate=0.5)
    assert {featurizer.groups for featurizer in space.featurizers} <= known
    assert len(space.classes) > len(Space.of(depth=1).classes)
