"""Legal genomes, the messages for illegal genomes, and repair."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.random import Generator, default_rng

from genome import Genome, Segment, Space, breaches, decode, repair, require_legal
from tests.genome.strategies import lawful, placed, raw, rngs, spaces

SPACE = Space.of(["SA-1", "SA-3", "SA-4", "SA-1-Diff", "Rec-1", "Rec-2", "GConv-1", "GConv-2", "GMemless"], depth=2)
SKIPPABLE = Space.of(["SA-1"], depth=2, allow_skip=True)
UNSHARED = Space.of(["SA-1"], depth=2, share_weights=False, share_features=False)


@lawful
@given(st.data(), rngs)
def test_repair_makes_anything_legal_and_then_changes_nothing(data: st.DataObject, rng: Generator) -> None:
    space = data.draw(spaces())
    genome = data.draw(raw(space))
    repaired = repair(genome, space, rng)
    assert breaches(repaired.genome, space) == []
    assert repair(repaired.genome, space, rng) == (repaired.genome, 0)
    assert (repaired.changed == 0) == (breaches(genome, space) == []) or len(genome.segments) > space.depth


@lawful
@given(placed(), rngs)
def test_repair_is_the_identity_on_legal_genomes(case: tuple[Space, Genome], rng: Generator) -> None:
    space, genome = case
    assert repair(genome, space, rng) == (genome, 0)


@lawful
@given(st.data(), rngs)
def test_repair_changes_no_more_than_it_says(data: st.DataObject, rng: Generator) -> None:
    space = data.draw(spaces())
    genome = data.draw(raw(space, any_depth=False))
    repaired, changed = repair(genome, space, rng)
    genes = list(zip(genome.segments, repaired.segments, strict=True))
    assert changed == sum(a != b for old, new in genes for a, b in zip(old, new, strict=True))
    if any(segment.liv_class in space and segment.liv_class != 0 for segment in genome.segments):
        assert all(old[0] == new[0] for old, new in genes if old[0] in space), "a class that is legal stays"


@lawful
@given(st.data())
def test_what_is_legal_decodes_and_what_is_not_raises(data: st.DataObject) -> None:
    space = data.draw(spaces())
    genome = data.draw(raw(space))
    found = breaches(genome, space)
    if found:
        with pytest.raises(ValueError, match=f"^segment {found[0].position + 1}, {found[0].gene}: "):
            decode(genome, space)
    else:
        assert len(decode(genome, space).livs) == sum(segment.liv_class != 0 for segment in genome.segments)


@pytest.mark.parametrize(
    ("text", "space", "said"),
    [
        ("10.1.1.1.1-2.1.1.1.1", SPACE, r"segment 2, class: 2 is not in the space; legal: 1, 3, 4, 10, 5, 6, 7, 8, 9$"),
        ("0.1.1.1.1-1.1.1.1.1", SPACE, r"segment 1, class: 0 is not in the space"),
        ("1.1.1.1.1", SPACE, r"segment 1, depth: the genome has 1 LIVs; the space has 2$"),
        ("1.1.1.1.1-1.1.1.1.1-1.1.1.1.1", SPACE, r"depth: the genome has 3 LIVs; the space has 2$"),
        ("0.1.1.1.1-0.1.1.1.1", SKIPPABLE, r"class: every LIV is skipped; at least one must be an operator$"),
        ("1.1.1.1.1-0.1.2.1.1", SKIPPABLE, r"segment 2, sharing: .* must be 0.1.1.1.1$"),
        ("1.0.1.1.1-1.1.1.1.1", SPACE, r"segment 1, featurizer-sharing group: 0 is out of range; legal: 1 to 2$"),
        ("1.1.1.3.1-1.1.1.1.1", SPACE, r"segment 1, feature-sharing group: 3 is out of range; legal: 1 to 2$"),
        ("1.1.3.1.1-1.1.1.1.1", SPACE, r"segment 1, featurizer-sharing strategy: 3 .* legal here: 1 to 2$"),
        ("1.1.1.1.5-1.1.1.1.1", SPACE, r"segment 1, feature-sharing strategy: 5 .* legal here: 1 to 4$"),
        ("9.1.1.1.4-1.1.1.1.1", SPACE, r"segment 1, feature-sharing strategy: 4 .* legal here: 1 to 3$"),
        ("1.1.2.1.1-1.1.1.1.1", UNSHARED, r"segment 1, featurizer-sharing strategy: 2 .* legal here: 1 \(none\)$"),
        ("1.1.1.1.2-1.1.1.1.1", UNSHARED, r"segment 1, feature-sharing strategy: 2 .* legal here: 1 \(none\)$"),
        ("1.1.2.1.1-3.1.2.1.1", SPACE, r"segment 2, featurizer-sharing group: group 1 belongs to class 1; class 3"),
        ("1.1.1.1.2-1.1.1.1.3", SPACE, r"segment 2, feature-sharing strategy: group 1 has strategy 2, not 3$"),
        ("1.1.1.1.2-3.1.1.1.2", SPACE, r"segment 2, feature-sharing group: .* SA-1; those of SA-3 differ"),
        ("99.1.1.1.2-1.1.1.1.2", SPACE, r"segment 1, class: 99 is not in the space; legal: 1, .*9$"),
        ("0.1.1.1.1-9.9.9.9.9", SPACE, r"segment 1, class: 0 .* \(2 more\)$"),
    ],
)
def test_a_breach_names_segment_gene_and_legal_values(text: str, space: Space, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        require_legal(Genome.parse(text), space)


@pytest.mark.parametrize(
    ("first", "second", "strategy", "why_not"),
    [
        ("SA-1", "SA-1", 4, ""),
        ("SA-1", "SA-3", 2, "fewer heads in the keys"),
        ("SA-3", "SA-4", 3, "other heads in the values"),
        ("SA-1", "SA-1-Diff", 2, "differential is two copies"),
        ("SA-1", "GMemless", 2, "another structure"),
        ("Rec-1", "Rec-2", 2, "another state size"),
        ("GConv-1", "GConv-2", 2, ""),
        ("GConv-1", "GConv-2", 3, ""),
        ("GConv-1", "GConv-2", 4, ""),
        ("GConv-1", "GConv-2", 5, "another filter"),
    ],
)
def test_who_may_share_features(first: str, second: str, strategy: int, why_not: str) -> None:
    by_name = {row.name: row.id for row in SPACE.classes}
    genome = Genome(tuple(Segment(by_name[name], 1, 1, 1, strategy) for name in (first, second)))
    assert bool(breaches(genome, SPACE)) is bool(why_not)


def test_repair_keeps_the_class_and_samples_only_the_sharing_gene_that_is_illegal() -> None:
    broken = Genome.parse("1.1.2.1.1-3.1.2.1.1")
    seen = {repair(broken, SPACE, default_rng(seed)) for seed in range(50)}
    assert {genome.segments[0] for genome, _ in seen} == {Segment(1, 1, 2, 1, 1)}
    assert {genome.segments[1] for genome, _ in seen} == {Segment(3, 1, 1, 1, 1), Segment(3, 2, 2, 1, 1)}
    assert {changed for _, changed in seen} == {1}
