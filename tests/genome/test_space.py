"""Spaces as values: their JSON form, their digests, and the errors of illegal spaces."""

import json
import re
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genome import CLASSES, FEATURIZERS, Genome, LIVClass, OperatorGenome, Space, decode, digest, encode
from tests.genome.strategies import lawful, legal, placed, spaces

# As a job of the first release stored it. Never edit: what is stored must keep its meaning.
STORED = """{"classes": [
  {"id": 3, "name": "SA-3", "digits": [3, 2, 1, 2, 3], "differential": false, "source": "", "says": ""},
  {"id": 90, "name": "Gone", "digits": [7, 3, 1, 1, 1], "differential": true, "source": "", "says": "left since"}],
 "featurizers": [
  {"id": 3, "groups": {"c": [1, 2, 1, 1, 1, 1, 1, 1], "b": [1, 2, 1, 1, 1, 1, 4, 1], "v": [1, 2, 1, 1, 1, 1, 4, 1]}},
  {"id": 7, "groups": {"c": [1, 2, 1, 1, 1, 1, 1, 1], "b": [1, 2, 1, 1, 1, 1, 1, 1],
                       "h": [3, 1, 1, 1, 1, 1, 1, 2], "v": [1, 2, 1, 1, 1, 1, 1, 1]}}],
 "depth": 4, "allow_skip": true, "share_weights": true, "share_features": true, "groups": 2}"""


def through_json(space: Space) -> Space:
    return Space.from_json(json.loads(json.dumps(space.to_json())))


@lawful
@given(spaces())
def test_json_is_read_back(space: Space) -> None:
    assert through_json(space) == space
    assert through_json(space).to_json() == space.to_json()


@lawful
@given(placed())
def test_a_genome_means_the_same_after_its_space_was_stored(case: tuple[Space, Genome]) -> None:
    space, genome = case
    assert decode(genome, through_json(space)) == decode(genome, space)
    assert digest(genome, through_json(space)) == digest(genome, space)


def test_a_description_stored_under_its_former_key_is_read_and_written_under_the_present_one() -> None:
    row = Space.from_json(json.loads(STORED))[90]
    assert row.description == "left since"
    assert row.to_json()["description"] == "left since"
    assert LIVClass.from_json(row.to_json()).description == "left since"


def test_a_stored_space_keeps_its_meaning() -> None:
    space = Space.from_json(json.loads(STORED))
    genome = Genome.parse("90.1.2.1.1-3.1.1.2.4-0.1.1.1.1-90.1.2.1.1")
    livs = decode(genome, space).livs
    assert [(liv.liv_class.name, liv.liv_class.differential) for liv in livs] == [
        ("Gone", True),
        ("SA-3", False),
        ("Gone", True),
    ]
    assert [liv.weights_from for liv in livs] == [0, 1, 0]
    assert livs[0].featurizer == FEATURIZERS[6]
    assert livs[1].featurizer["b"].repeat == 4
    assert encode(decode(genome, space), space) == genome.canonical()
    assert space.to_json() == json.loads(STORED.replace('"says"', '"description"'))
    assert digest(genome, space) == "b8355c89f98a70a9"


def test_the_catalogue_may_grow_around_a_stored_space() -> None:
    """Classes of one name or id elsewhere do not matter: a space brings its own tables."""
    space = Space.of(["SA-1"], depth=1)
    renamed = Space((replace(space.classes[0], id=5, name="Rec-1"),), space.featurizers, 1)
    placement = decode(Genome.parse("51111"), through_json(renamed)).livs[0]
    assert placement.liv_class.operator.digits == (1, 2, 1, 2, 3)


@lawful
@given(st.data())
def test_digests_differ_across_tables(data: st.DataObject) -> None:
    space = data.draw(spaces(classes=1))
    genome = data.draw(legal(space))
    row = space.classes[0]
    other = Space((replace(row, differential=not row.differential),), space.featurizers, space.depth, space.allow_skip)
    assert digest(genome, other) != digest(genome, space)


@lawful
@given(placed())
def test_the_order_of_keys_in_json_means_nothing(case: tuple[Space, Genome]) -> None:
    """Some databases keep JSON objects in an order of their own."""
    space, genome = case
    restored = Space.from_json(json.loads(json.dumps(space.to_json(), sort_keys=True)))
    assert restored == space
    assert decode(genome, restored) == decode(genome, space)


@lawful
@given(placed())
def test_digests_do_not_depend_on_descriptions(case: tuple[Space, Genome]) -> None:
    space, genome = case
    reworded = replace(space, classes=tuple(replace(row, description="other", source="") for row in space.classes))
    assert reworded == space
    assert digest(genome, reworded) == digest(genome, space)


@lawful
@given(st.data())
def test_digests_do_not_depend_on_which_genes_are_free(data: st.DataObject) -> None:
    space = data.draw(spaces())
    genome = data.draw(legal(space))
    freer = replace(space, allow_skip=True, share_weights=True, share_features=True, groups=9)
    assert digest(genome, freer) == digest(genome, space)


def test_a_digest_is_sixteen_hex_digits() -> None:
    space = Space.of(["SA-2", "SA-3"], depth=4)
    assert re.fullmatch("[0-9a-f]{16}", digest(Genome.parse("21211-31112-21221-31112"), space))


def test_every_class_is_legal_in_a_space_of_all_and_of_its_own() -> None:
    assert Space.of(depth=1).classes == CLASSES
    for row in CLASSES:
        space = Space.of([row.name], depth=1)
        assert space.classes == (row,)
        assert [f.id for f in space.featurizers] == [row.operator.featurizer]
        assert decode(Genome.of([row.id]), space).livs[0].liv_class == row


SPACE = Space.of(["SA-1"], depth=2)
ROW = SPACE.classes[0]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"depth": 0}, "depth must be 1 to 256, not 0"),
        ({"depth": 257}, "depth must be 1 to 256, not 257"),
        ({"groups": 0}, "groups must be 1 or more, not 0"),
        ({"classes": ()}, "classes must name at least one"),
        ({"classes": (ROW, replace(ROW, name="Other"))}, "id 1 is taken twice: by SA-1 and by Other"),
        ({"featurizers": (FEATURIZERS[0], replace(FEATURIZERS[1], id=1))}, "id 1 is taken twice: by featurizer 1"),
        ({"featurizers": (FEATURIZERS[1],)}, "class 1 SA-1 uses featurizer 1; the space has 2"),
        (
            {"classes": (LIVClass(1, "Odd", OperatorGenome.of((1, 3, 1, 1, 1))),)},
            r"class 1 Odd: toeplitz \(none\) mixes the feature groups c, b, h, v; featurizer 1 computes c, b, v",
        ),
        (
            {"classes": (LIVClass(1, "Odd", OperatorGenome.of((1, 2, 1, 3, 3))),)},
            r"class 1 Odd: low_rank: nonlinearity 3 \(relu\) cannot be built; legal: 2 \(softmax\)",
        ),
        (
            {
                "classes": (LIVClass(1, "Odd", OperatorGenome.of((9, 1, 2, 4, 2))),),
                "featurizers": (FEATURIZERS[8],),
            },
            r"class 1 Odd: diagonal: sparsity 2 \(banded\) cannot be built; legal: 1 \(none\)",
        ),
    ],
)
def test_a_space_that_cannot_be_is_refused_naming_both_sides(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        replace(SPACE, **changes)


def test_an_unknown_class_is_refused_with_the_legal_names() -> None:
    with pytest.raises(ValueError, match=r"class 'SA-9' is unknown; legal: SA-1, SA-2, .*GConv-2-Diff, "):
        Space.of(["SA-9"], depth=2)


@pytest.mark.parametrize("field", list(SPACE.to_json()))
def test_json_without_a_field_is_refused_by_name(field: str) -> None:
    data = SPACE.to_json()
    del data[field]
    with pytest.raises(ValueError, match=f"the space lacks the field '{field}'"):
        Space.from_json(data)


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        (("classes", 0, "digits"), [1, 2, 1, 2], "an operator has five digits, not 4"),
        (("classes", 0, "digits"), [1, 9, 1, 2, 3], "token_mixing 9 is not a digit; legal: 1 diagonal, 2 low_rank"),
        (("classes", 0, "id"), 0, "id must be 1 or more"),
        (("classes",), 7, "the space is malformed"),
        (("featurizers", 0, "groups"), [], "the space is malformed"),
        (("featurizers", 0, "groups", "y"), [1] * 8, "featurizer 1: unknown feature group y; legal: c, b, a, d, h"),
        (("featurizers", 0, "groups", "c"), [1, 2], "a feature group has 9 digits, not 2"),
        (
            ("featurizers", 0, "groups", "c"),
            [1, 2, 1, 1, 1, 1, 3, 1],
            "repeat 3 is not a digit; legal: 0 all, 1 one, 2 two, 4",
        ),
        (("featurizers", 0, "groups", "c"), [2, 2, 1, 1, 1, 1, 1, 1], "group c: generator 1 .* cannot be built"),
        (("featurizers", 0, "groups", "c"), [1, 2, 2, 1, 1, 1, 1, 1], "token mixing 2 to 5 goes with sparsity 2"),
        (("featurizers", 0, "groups", "c"), [1, 2, 1, 1, 1, 1, 1, 2], "generator 2 .* cannot be built; legal: 1"),
    ],
)
def test_malformed_json_is_refused(path: tuple[Any, ...], value: Any, said: str) -> None:
    data = json.loads(json.dumps(SPACE.to_json()))
    place = data
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    with pytest.raises(ValueError, match=said):
        Space.from_json(data)
