"""Genomes are decoded to blueprints and encoded again."""

import json

from hypothesis import given

from genome import Genome, Space, decode, encode
from tests.genome.strategies import lawful, placed


@lawful
@given(placed())
def test_decode_and_encode_undo_each_other(case: tuple[Space, Genome]) -> None:
    space, genome = case
    blueprint = decode(genome, space)
    assert encode(blueprint, space) == genome.canonical()
    assert decode(encode(blueprint, space), space) == blueprint


@lawful
@given(placed())
def test_links_lead_back_to_a_member_that_owns_what_is_taken(case: tuple[Space, Genome]) -> None:
    space, genome = case
    blueprint = decode(genome, space)
    assert blueprint.depth == space.depth
    for position, liv in enumerate(blueprint.livs):
        owner, source = blueprint.livs[liv.weights_from], blueprint.livs[liv.features_from]
        assert liv.weights_from <= position
        assert liv.features_from <= position
        assert owner.weights_from == liv.weights_from, "an owner owns"
        assert source.features_from == liv.features_from
        assert owner.liv_class == liv.liv_class
        assert source.taken == liv.taken
        assert liv.taken in liv.liv_class.operator.strategies
        computed = set(liv.computes(position))
        if liv.features_from == position:
            assert computed == set(liv.featurizer.names)
        else:
            assert computed | set(liv.taken) == set(liv.featurizer.names)
            assert not computed & set(liv.taken)


@lawful
@given(placed())
def test_json_names_classes_and_draws_links_to_earlier_positions_only(case: tuple[Space, Genome]) -> None:
    space, genome = case
    blueprint = decode(genome, space)
    rows = json.loads(json.dumps(blueprint.to_json()))
    assert [row["position"] for row in rows] == list(range(len(blueprint.livs)))
    for row, liv in zip(rows, blueprint.livs, strict=True):
        assert space[row["class_id"]].name == row["name"]
        assert row["differential"] is liv.liv_class.differential
        for link in ("weights_from", "features_from"):
            assert row[link] is None or row[link] < row["position"]
        assert bool(row["taken"]) is (row["features_from"] is not None)


def test_skipped_livs_are_gone_but_remembered() -> None:
    space = Space.of(["SA-1", "GMemless"], depth=4, allow_skip=True)
    blueprint = decode(Genome.parse("01111-11111-01111-91111"), space)
    assert [liv.liv_class.name for liv in blueprint.livs] == ["SA-1", "GMemless"]
    assert blueprint.depth == 4
    assert str(encode(blueprint, space)) == "1.1.1.1.1-9.1.1.1.1-0.1.1.1.1-0.1.1.1.1"
