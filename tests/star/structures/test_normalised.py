"""Recurrences whose rows are divided by their sums, against the formula entry by entry; which digits they need."""

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F

from genome import (
    FEATURIZERS,
    FeaturizerGenome,
    Genome,
    LIVClass,
    OperatorGenome,
    Shape,
    Space,
    breaches,
    decode,
    named,
)
from genome.classes import alphabet as a
from genome.classes.choices import CHANNEL_MIXINGS
from genome.classes.feature_groups import OUTPUT
from genome.classes.rules import illegal
from star.build import build
from star.contract.forms import disagreements

pytestmark = pytest.mark.slow

SHAPE = Shape(width=12, head_dim=3, vocab=5)
POSITIVE = {name: {"nonlinearity": a.Nonlinearity.ELU, "generator": a.Generator.NONE} for name in "cb"}
SHARES = {"d": {"nonlinearity": a.Nonlinearity.SIGMOID}}
FEATURES = {row.id: row.groups for row in FEATURIZERS}
STATES = "learned, with steps and states"
DECAYS = {"none": 51, "fixed": 41, "gate a head": 42, "gate a key": 43, STATES: 44}


def _class(featurizer, channel=3, sparsity=1, nonlinearity=6, **changed) -> tuple[LIVClass, FeaturizerGenome]:
    """Digits of a featurizer's projected groups changed."""
    groups = tuple(
        (name, replace(group, **changed.get(name, {})) if group.source is a.Source.PROJECTED else group)
        for name, group in FEATURES[featurizer]
        if name != OUTPUT
    )
    row = LIVClass(1, "Any", OperatorGenome.of((1, 4, sparsity, nonlinearity, channel)))
    return row, FeaturizerGenome(1, groups)


@torch.no_grad()
def _mixed(row, featurizer, length):
    model = build(decode(Genome.parse("1.1.1.1.1"), Space((row,), (featurizer,), depth=1)), SHAPE).double()
    x_1BLD = torch.randn(1, 2, length, SHAPE.width, generator=torch.Generator().manual_seed(length)).double()
    ((block, (features,)),) = model.features_of(x_1BLD.unbind(0))
    (liv,) = block.operator.livs
    return liv.structure, features, liv


def _weighted_means(features, first_seen):
    """y_i = sum_j s_ij v_j / (sum_j s_ij + 1e-6), entry by entry."""
    c, b, d, v = (features[name] for name in "cbdv")
    y = torch.empty_like(v)
    for i in range(v.shape[1]):
        total, mass = torch.zeros_like(v[:, 0]), 1e-6
        for j in range(first_seen(i), i + 1):
            between = range(j + 1, i + 1)
            logs = [d[:, t] * (features["a"] if features["a"].dim() == 2 else features["a"][:, t]) for t in between]
            score = (c[:, i] * b[:, j] * d[:, j] * sum(logs, torch.zeros(1)).exp()).sum(-1, keepdim=True)
            total, mass = total + score * v[:, j], mass + score
        y[:, i] = total / mass
    return y


HEADED = [
    (kind, channel)
    for kind in DECAYS
    for channel in CHANNEL_MIXINGS[a.TokenMixing.SEMI_SEPARABLE]
    if kind == STATES or channel is not a.ChannelMixing.DIAGONAL
]
"""A query of one channel would cancel out."""


@pytest.mark.parametrize(("kind", "channel"), HEADED)
@torch.no_grad()
def test_every_row_is_divided_by_its_sum(kind, channel):
    structure, features, _ = _mixed(*_class(DECAYS[kind], channel, **POSITIVE, **SHARES), 37)
    torch.testing.assert_close(structure.fast(features), _weighted_means(features, lambda i: 0))
    assert list(disagreements(structure, features)) == []


@pytest.mark.parametrize("kind", ["none", "gate a key"])
@torch.no_grad()
def test_a_banded_row_is_divided_by_what_it_reaches(kind):
    structure, features, _ = _mixed(*_class(DECAYS[kind], 3, sparsity=2, **POSITIVE), 50)
    expected = _weighted_means(features, lambda i: max(0, i // 16 * 16 - 16))
    torch.testing.assert_close(structure.fast(features), expected)


@torch.no_grad()
def test_normalised_linear_attention_returns_a_value_that_never_changes():
    row = named("NormalisedLinearAttention")
    structure, features, _ = _mixed(*_class(51), 60)
    assert row.operator.digits == (51, 4, 1, 6, 3)
    same = {**features, "v": torch.full_like(features["v"], 3.0)}
    torch.testing.assert_close(structure.fast(same), same["v"], rtol=1e-4, atol=0)
    t_BHLL = structure.matrix(features)
    assert (t_BHLL.tril() >= 0).all()
    assert ((1 - t_BHLL.sum(-1)).abs() < 1e-4).all()


@torch.no_grad()
def test_elu_features_are_elu_plus_one():
    _, features, liv = _mixed(*_class(51), 9)
    x_BLD = torch.randn(1, 2, 9, SHAPE.width, generator=torch.Generator().manual_seed(9)).double()[0]
    linear = F.linear(x_BLD, liv.featurizer["b"].weight)
    torch.testing.assert_close(features["b"].flatten(2), F.elu(linear) + 1)


def test_the_sums_of_rows_are_one_more_value_channel():
    sizes = [_mixed(*_class(51, nonlinearity=digit), 2)[0] for digit in (1, 6)]
    assert [one.memory(9)["state"] for one in sizes] == [(4, 3, 3), (4, 3, 4)]
    assert [one.flops(9) for one in sizes] == [8 * 4 * 3 * 3, 8 * 4 * 3 * 4 + 12]
    assert [one.channels for one in sizes] == [12, 12]


@torch.no_grad()
def test_large_inputs_stay_finite():
    structure, features, _ = _mixed(*_class(43, **POSITIVE), 300)
    large = {name: (100 * x).float() for name, x in features.items()}
    assert structure.fast(large).isfinite().all()


@pytest.mark.parametrize("name", ["c", "b"])
def test_rows_that_could_be_zero_are_refused(name):
    for digit in (a.Nonlinearity.NONE, a.Nonlinearity.RELU, a.Nonlinearity.SILU):
        row, featurizer = _class(51, **{name: {"nonlinearity": digit}})
        said = f"featurizer 1, group {name} of rows that are normalised: nonlinearity {digit.value} "
        assert str(illegal(row.operator, featurizer)).startswith(said)
        assert str(illegal(row.operator, featurizer)).endswith("legal: 7 (elu)")
        assert illegal(replace(row.operator, nonlinearity=a.Nonlinearity.NONE), featurizer) is None


def test_steps_of_normalised_rows_are_shares():
    row, featurizer = _class(44, **POSITIVE)
    said = str(illegal(row.operator, featurizer))
    assert "group d of rows that are normalised: nonlinearity 1 (none) cannot be built; legal: 5 (sigmoid)" in said
    row, featurizer = _class(44, **POSITIVE, **SHARES)
    assert illegal(row.operator, featurizer) is None


def test_queries_that_cancel_out_are_refused():
    row, featurizer = _class(51)
    alone = replace(row.operator, channel_mixing=a.ChannelMixing.DIAGONAL)
    assert "group c of rows that are normalised: a query of one channel" in str(illegal(alone, featurizer))
    row, featurizer = _class(51, **{name: {"expansion": a.Expansion.STATE_16} for name in "cb"})
    assert illegal(replace(row.operator, channel_mixing=a.ChannelMixing.DIAGONAL), featurizer) is None


def test_keys_tied_to_the_decay_are_refused():
    row, featurizer = _class(47, c={"nonlinearity": a.Nonlinearity.ELU})
    assert "group b of rows that are normalised: nonlinearity 1 (none)" in str(illegal(row.operator, featurizer))


def test_elu_is_for_features_and_normalised_for_semi_separable_operators():
    featurizer = Space.of(["SA-1"], depth=1).featurizers[0]
    mapped = FeaturizerGenome(
        1, tuple((name, replace(one, nonlinearity=a.Nonlinearity.ELU)) for name, one in featurizer.groups)
    )
    assert illegal(named("SA-1").operator, mapped) is None
    for name, digit in (("NormalisedLinearAttention", 7), ("DeltaNet", 6), ("SA-1", 6)):
        row = named(name)
        operator = replace(row.operator, nonlinearity=a.Nonlinearity(digit))
        said = str(illegal(operator, Space.of([name], depth=1).featurizer(row)))
        assert f"nonlinearity {digit} " in said
        assert "cannot be built; legal: " in said


def test_keys_of_an_operator_that_does_not_divide_cannot_be_taken():
    space = Space.of(["LinearAttention", "NormalisedLinearAttention"], depth=2)
    assert "differ" in breaches(Genome.parse("40.1.1.1.2-51.1.1.1.2"), space)[0].why
    assert breaches(Genome.parse("51.1.1.1.2-51.1.1.1.2"), space) == []
