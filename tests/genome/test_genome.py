"""Genomes as values: their canonical form, their text form, and the example of the paper."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genome import Genome, Segment, Space, breaches, decode, digest
from tests.genome.strategies import disguised, lawful, legal, placed, spaces

EXAMPLE = "21211-31112-21221-31112"


@lawful
@given(placed())
def test_the_canonical_form_is_legal_and_a_fixed_point(case: tuple[Space, Genome]) -> None:
    space, genome = case
    canonical = genome.canonical()
    assert breaches(canonical, space) == []
    assert canonical.canonical() == canonical


@lawful
@given(st.data(), placed())
def test_labels_and_the_places_of_skips_mean_nothing(data: st.DataObject, case: tuple[Space, Genome]) -> None:
    space, genome = case
    other = disguised(data.draw, genome.canonical(), space)
    assert other.canonical() == genome.canonical()
    assert decode(other, space) == decode(genome, space)
    assert digest(other, space) == digest(genome, space)


@lawful
@given(placed())
def test_canonical_labels_are_one_two_three_by_first_appearance(case: tuple[Space, Genome]) -> None:
    segments = case[1].canonical().segments
    for group, strategy in ((1, 2), (3, 4)):
        labels = [s[group] for s in segments if s[strategy] != 1]
        assert list(dict.fromkeys(labels)) == list(range(1, len(set(labels)) + 1))
        assert all(labels.count(label) > 1 for label in labels), "a group of one is no group"
        assert all(s[group] == 1 for s in segments if s[strategy] == 1)
    classes = [s.liv_class for s in segments]
    assert classes == [c for c in classes if c] + [c for c in classes if not c], "skips stand last"


@lawful
@given(st.data())
def test_canonical_digest_and_meaning_are_equal_together(data: st.DataObject) -> None:
    space = data.draw(spaces(depths=(1, 3), classes=2))
    genomes = [data.draw(legal(space)) for _ in range(2)]
    same = genomes[0].canonical() == genomes[1].canonical()
    assert (digest(genomes[0], space) == digest(genomes[1], space)) is same
    assert (decode(genomes[0], space) == decode(genomes[1], space)) is same


@lawful
@given(placed())
def test_text_is_read_back(case: tuple[Space, Genome]) -> None:
    genome = case[1]
    assert Genome.parse(str(genome)) == genome
    assert Genome.parse(f"  {genome}\n") == genome


@lawful
@given(st.lists(st.builds(Segment, *[st.integers(0, 9)] * 5), min_size=1, max_size=6))
def test_the_compact_form_means_the_dotted_one(segments: list[Segment]) -> None:
    genome = Genome(tuple(segments))
    compact = str(genome).replace(".", "")
    assert Genome.parse(compact) == genome
    half = "-".join([compact[:5], *str(genome).split("-")[1:]])
    assert Genome.parse(half) == genome


def test_a_genome_of_classes_shares_nothing() -> None:
    assert Genome.of([17, 9, 0]) == Genome.parse("17.1.1.1.1-9.1.1.1.1-0.1.1.1.1")
    assert Genome.of(number for number in (1, 2)) == Genome.of([1, 2])


def test_numbers_beyond_nine_take_dots() -> None:
    assert Genome.parse("17.1.1.12.2").segments == (Segment(17, 1, 1, 12, 2),)
    assert str(Genome((Segment(17, 1, 1, 12, 2), Segment(0)))) == "17.1.1.12.2-0.1.1.1.1"


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("", "segment 1 of the genome is ''"),
        ("21211-", "segment 2 of the genome is ''"),
        ("21211--31112", "segment 2 of the genome is ''"),
        ("21211-3111", "segment 2 of the genome is '3111'"),
        ("212111", "segment 1"),
        ("2.1.2.1", "segment 1"),
        ("2.1.2.1.1.1", "segment 1"),
        ("2.1.2.1.x", "segment 1"),
        ("2.1.2.1.-1", "segment 1"),
        ("2.1.2.1.1 -21211", "segment 1"),
        ("2.1.2.1.1e1", "segment 1"),
        ("2.1.2..1", "segment 1"),
        ("2.1.2.1.1\n21211", "segment 1"),
        ("٢.1.2.1.1", "segment 1"),
        ("2.1.2.1.1234567", "segment 1"),
        ("9" * 10_000, "segment 1"),
    ],
)
def test_malformed_text_is_refused_by_segment(text: str, named: str) -> None:
    with pytest.raises(ValueError, match=named) as refusal:
        Genome.parse(text)
    assert len(str(refusal.value)) < 400
    assert "2.1.2.1.1 or 21211" in str(refusal.value)


@lawful
@given(st.text(alphabet="0123456789.-x \n", max_size=40))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        genome = Genome.parse(text)
    except ValueError:
        return
    assert Genome.parse(str(genome)) == genome


def test_the_example_of_the_paper() -> None:
    space = Space.of(["SA-2", "SA-3"], depth=4)
    livs = decode(Genome.parse(EXAMPLE), space).livs
    assert [liv.liv_class.name for liv in livs] == ["SA-2", "SA-3", "SA-2", "SA-3"]
    assert [liv.weights_from for liv in livs] == [0, 1, 0, 3], "the first and third share featurizer weights"
    assert [liv.features_from for liv in livs] == [0, 1, 2, 1], "the fourth takes features of the second"
    assert [liv.taken for liv in livs] == [(), ("b",), (), ("b",)], "namely its keys"
    assert livs[1].computes(1) == ("c", "b", "v")
    assert livs[3].computes(3) == ("c", "v")


def test_a_label_that_shares_nothing_means_nothing() -> None:
    with_label = EXAMPLE.replace("31112", "32112")
    assert (
        Genome.parse(with_label).canonical()
        == Genome.parse(EXAMPLE).canonical()
        == Genome.parse("2.1.2.1.1-3.1.1.1.2-2.1.2.1.1-3.1.1.1.2")
    )
