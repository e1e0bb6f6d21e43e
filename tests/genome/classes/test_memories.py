"""Rules of memories that project and convolve for themselves, and what LIVs take from each other of them."""

from dataclasses import replace
from typing import Any

import pytest

from genome import FEATURIZERS, FeaturizerGenome, Genome, GroupGenome, Shape, Space, decode, encode, named
from genome.classes import alphabet as a
from genome.classes.rules import illegal, reasons

BY_ROUTE = {"channel": a.ChannelMixing.ROUTED}
CONVOLVED_BY_ROUTE = {"sparsity": a.Sparsity.ROUTED}


def _featurizer(name: str) -> FeaturizerGenome:
    return next(one for one in FEATURIZERS if one.id == named(name).operator.featurizer)


@pytest.mark.parametrize(
    ("name", "group", "digits", "said"),
    [
        ("Gated DeltaNet", "b", BY_ROUTE, "belong to token mixing 5 with sparsity 3"),
        ("MoM-GLA", "c", CONVOLVED_BY_ROUTE, "belong to token mixing 5 with sparsity 3"),
        ("MoM", "v", BY_ROUTE, "channel mixing 8 (routed) is for b, a, d, v together"),
        ("MoM", "c", CONVOLVED_BY_ROUTE, "sparsity 3 (routed) of a group is for c, b, v together"),
        ("MoM-Published", "d", {"channel": a.ChannelMixing.DENSE}, "channel mixing 8 (routed) is for b, a, d, v"),
        ("MoM-Published", "o", BY_ROUTE, "channel mixing 8 (routed) is for b, a, d, v together"),
        ("MoM-Published", "c", {"sparsity": a.Sparsity.BANDED}, "sparsity 3 (routed) of a group is for c, b, v"),
        ("MoM-Published", "a", {"generator": a.Generator.FORGET}, "generator 22 (forget) cannot be built; legal: 25"),
        ("MoM-Published", "v", {"token": a.FeatureTokenMixing.BIASED}, "token mixing 3 (biased) cannot be built"),
        ("MoM-Published", "b", {"expansion": a.Expansion.STATE_16}, "expansion 4 (state_16) cannot be built; legal: 1"),
        ("MoM-Published", "d", CONVOLVED_BY_ROUTE, "token mixing 2 to 5 goes with sparsity 2 (banded), or with 3"),
    ],
)
def test_memories_compute_all_groups_for_themselves_or_none(
    name: str, group: str, digits: dict[str, Any], said: str
) -> None:
    featurizer = _featurizer(name)
    groups = tuple((known, replace(one, **digits) if known == group else one) for known, one in featurizer.groups)
    assert any(said in reason for reason in reasons(named(name).operator, replace(featurizer, groups=groups)))


def test_they_add_no_values_to_the_output() -> None:
    featurizer = _featurizer("MoM-Published")
    weights = GroupGenome(source=a.Source.CONSTANT, channel=a.ChannelMixing.DIAGONAL)
    with_skip = replace(featurizer, groups=(*featurizer.groups, ("s", weights)))
    assert "allow no group s" in str(illegal(named("MoM-Published").operator, with_skip))


def test_a_token_has_heads_for_each_memory_that_it_takes() -> None:
    sizes = Shape(width=64, head_dim=16).group_sizes(named("MoM-Published"), _featurizer("MoM-Published"))
    per_memory = {"c": (12, 16), "b": (12, 16), "a": (12, 1), "d": (12, 1), "v": (12, 32)}
    assert sizes == per_memory | {"r": (1, 5), "o": (4, 32)}


@pytest.mark.parametrize(("strategy", "taken"), [(2, "b"), (3, "bv"), (4, "badv")])
def test_what_they_computed_is_taken_with_the_routes(strategy: int, taken: str) -> None:
    genome = Genome.parse(f"210.1.1.1.{strategy}-210.1.1.1.{strategy}")
    space = Space.of(["MoM-Published"], depth=2)
    blueprint = decode(genome, space)
    assert blueprint.livs[1].taken == (*taken, "r")
    assert set(blueprint.livs[1].computes(1)) == set("cbadvo") - set(taken)
    assert encode(blueprint, space) == genome


def test_they_take_nothing_from_memories_with_one_projection() -> None:
    space = Space.of(["MoM", "MoM-Published"], depth=2)
    with pytest.raises(ValueError, match="differ in structure, heads or widths"):
        decode(Genome.parse("110.1.1.1.2-210.1.1.1.2"), space)
