"""Rules of routed operators; a refusal names the digit and lists the legal ones."""

from dataclasses import replace

import pytest
from numpy.random import default_rng

from genome import CLASSES, FEATURIZERS, FeaturizerGenome, GroupGenome, OperatorGenome, Shape, named
from genome.classes.alphabet import (
    ChannelMixing,
    Expansion,
    FeatureTokenMixing,
    Generator,
    Nonlinearity,
    Normalisation,
    Repeat,
    Sparsity,
    TokenMixing,
)
from genome.classes.choices import SPARSITIES
from genome.classes.head_sizes import expert_width, mlp_width
from genome.classes.rules import illegal
from genome.variation.class_sampling import Level, random_class
from star.structures import STRUCTURES

ROUTED = [row for row in CLASSES if row.operator.sparsity is Sparsity.ROUTED]
CONVOLVED = {"token": FeatureTokenMixing.TOEPLITZ, "sparsity": Sparsity.BANDED}


def _featurizer(row):
    return next(one for one in FEATURIZERS if one.id == row.operator.featurizer)


def _with(name, group, **digits):
    row = named(name)
    featurizer = _featurizer(row)
    groups = tuple((known, replace(one, **digits) if known == group else one) for known, one in featurizer.groups)
    return illegal(row.operator, replace(featurizer, groups=groups))


def test_what_is_legal_is_what_there_are_structures_for():
    assert {(mixing, one) for mixing, sparsities in SPARSITIES.items() for one in sparsities} == set(STRUCTURES)
    assert {row.operator.token_mixing for row in ROUTED} == {
        mixing for mixing, sparsities in SPARSITIES.items() if Sparsity.ROUTED in sparsities
    }


@pytest.mark.parametrize("row", ROUTED, ids=lambda row: row.name)
def test_rows_are_legal_and_have_routes_behind_their_groups(row):
    assert illegal(row.operator, _featurizer(row)) is None
    assert row.operator.groups[-1] == "r"
    assert row.operator.digits[2] == 3


@pytest.mark.parametrize(
    ("digits", "said"),
    [
        ({"channel": ChannelMixing.GROUPED}, "group r: channel mixing 3 (grouped) cannot be built; legal: 2 (dense)"),
        ({"channel": ChannelMixing.DIAGONAL}, "group r: channel mixing 1 (diagonal) cannot be built; legal: 2 (dense)"),
        (CONVOLVED, r"group r: token mixing 2 (toeplitz) cannot be built; legal: 1 (none)"),
        ({"nonlinearity": Nonlinearity.RELU}, "group r: nonlinearity 3 (relu) cannot be built; legal: 1 (none)"),
        ({"repeat": Repeat.TWO}, "group r: repeat 2 (two) cannot be built; legal: 1 (one)"),
        ({"normalisation": Normalisation.L2}, "group r: only queries, keys"),
        ({"generator": Generator.NONE}, "group r: generator 1 (none) cannot be built; legal: 30 (top_1), 31 (top_2)"),
        ({"expansion": Expansion.MLP}, "group r: expansion 2 (mlp) cannot be built; legal: 1 (same), 9 (four), 10 (e"),
        (
            {"expansion": Expansion.SAME},
            "group r with generator 30: expansion 1 (same) cannot be built; legal: 9 (four), 10 (eight)",
        ),
        (
            {"generator": Generator.GATE},
            "group r with generator 33: expansion 9 (four) cannot be built; legal: 1 (same)",
        ),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else "",
)
def test_routes_have_digits_of_their_own(digits, said):
    assert said in str(_with("Routing Transformer", "r", **digits))


@pytest.mark.parametrize("expansion", [Expansion.SAME, Expansion.MLP])
def test_a_routed_unit_has_experts(expansion):
    assert f"expansion {expansion.value} " in str(_with("MoE", "c", expansion=expansion))
    assert "cannot be built; legal: 11 (expert)" in str(_with("MoE", "v", expansion=expansion))


@pytest.mark.parametrize("name", ["GMemless", "SA-1", "MoM"])
def test_nobody_else_has_experts(name):
    assert "expansion 11 (expert) cannot be built; legal: 1 (same)" in str(_with(name, "c", expansion=Expansion.EXPERT))


def test_experts_see_no_neighbours_and_all_channels():
    assert "group v: an expert has no convolution; its token mixing must be 1" in str(_with("MoE", "v", **CONVOLVED))
    assert "group v: channel mixing 3 (grouped) cannot be built; legal: 2" in str(
        _with("MoE", "v", channel=ChannelMixing.GROUPED)
    )
    assert _with("MoE", "v", nonlinearity=Nonlinearity.SILU) is None


def test_a_filter_over_distances_is_not_routed():
    row = named("GConv-1")
    routes = ("r", GroupGenome(expansion=Expansion.FOUR, generator=Generator.TOP_1))
    operator = replace(row.operator, sparsity=Sparsity.ROUTED)
    featurizer = FeaturizerGenome(7, (*_featurizer(row).groups, routes))
    assert illegal(operator, featurizer) == "toeplitz: sparsity 3 (routed) cannot be built; legal: 1 (none), 2 (banded)"


def test_routes_belong_to_routed_operators_and_only_to_them():
    mom, delta = named("MoM"), named("Gated DeltaNet")
    assert "delta (none) mixes the feature groups c, b, a, d, v; " in str(illegal(delta.operator, _featurizer(mom)))
    assert "delta (routed) mixes the feature groups c, b, a, d, v, r; " in str(
        illegal(mom.operator, _featurizer(delta))
    )


@pytest.mark.parametrize(("width", "inner"), [(64, 88), (128, 176), (8, 16), (30, 40)])
def test_an_expert_is_half_as_wide_as_a_unit(width, inner):
    assert expert_width(width) == inner
    assert 0 <= inner - mlp_width(width) / 2 < 8
    head_sizes = Shape(width, width).group_sizes(named("MoE"), _featurizer(named("MoE")))
    assert head_sizes == {"c": (2, inner), "v": (2, inner), "r": (1, 8)}


@pytest.mark.slow
@pytest.mark.parametrize("level", [Level.OPERATOR, Level.FEATURIZER])
def test_random_classes_are_routed_as_well(level):
    rng = default_rng(2)
    drawn = [random_class(n, level, Shape(), rng) for n in range(1, 251)]
    routed = [(row.operator, featurizer) for row, featurizer in drawn if row.operator.sparsity is Sparsity.ROUTED]
    assert len(routed) > 10
    assert len({operator.token_mixing for operator, _ in routed}) > 1
    assert {featurizer["r"].generator for _, featurizer in routed} >= {Generator.TOP_2}


def test_json_reads_back_what_is_routed():
    for row in ROUTED:
        featurizer = _featurizer(row)
        assert FeaturizerGenome.from_json(featurizer.to_json()) == featurizer
        assert OperatorGenome.of(row.operator.digits) == row.operator
    assert TokenMixing.TOEPLITZ not in {row.operator.token_mixing for row in ROUTED}
