"""Digits of banded classes: which keep the contract, and which are refused."""

from dataclasses import replace

import pytest

from genome import Shape, Space, named
from genome.classes import alphabet as a
from genome.classes.choices import SPARSITIES
from genome.classes.rules import illegal
from star.contract.checks import examine
from star.structures import STRUCTURES
from tests.star.structures.banded import CONSTANT, case_of, class_of

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(
    ("featurizer", "nonlinearity", "changed"),
    [
        (50, 1, {}),
        (50, 1, CONSTANT | {"generator": a.Generator.NONE}),
        (5, 1, {}),
        (5, 1, {"generator": a.Generator.FORGET, "source": a.Source.PROJECTED, "channel": a.ChannelMixing.DENSE}),
    ],
)
@pytest.mark.parametrize("sparsity", [1, 2])
def test_a_decay_of_sixteen_channels_keeps_the_contract(featurizer, nonlinearity, changed, sparsity):
    row, genome = class_of(featurizer, 4, nonlinearity, 1, sparsity, a={"repeat": a.Repeat.SIXTEEN} | changed)
    assert examine(case_of(row, genome, Shape())).breaches == ()


def test_a_pair_of_banded_delta_rules_with_shared_keys_and_no_decay_keeps_the_contract():
    """The pair has a key head for each LIV, so its heads are computed in two groups that share a decay."""
    wide = {"expansion": a.Expansion.STATE_128}
    row, genome = class_of(70, 5, 1, 1, c=wide, b=wide)
    assert examine(case_of(replace(row, differential=True), genome, Shape(width=32, head_dim=8))).breaches == ()


@pytest.mark.parametrize("featurizer", [43, 71])
def test_a_forget_gate_stands_wherever_a_projected_decay_does(featurizer):
    mixing = {43: 4, 71: 5}[featurizer]
    row, genome = class_of(featurizer, mixing, 1, 3, sparsity=1, a={"generator": a.Generator.FORGET})
    assert examine(case_of(row, genome, Shape())).breaches == ()


@pytest.mark.parametrize(
    ("digits", "changed", "said"),
    [
        ((50, 4, 1, 3), {}, "group a: repeat 16 needs heads of one channel, channel mixing 1 .*; use repeat 1"),
        ((71, 5, 1, 1), {"a": {"repeat": a.Repeat.SIXTEEN}}, r"group a: repeat 16 .* legal: 1 \(one\)$"),
        ((50, 4, 1, 1), {"v": {"repeat": a.Repeat.SIXTEEN}}, r"group v: repeat 16 .* legal: 1 \(one\)$"),
        ((50, 4, 1, 1), {"a": {"repeat": a.Repeat.TWO}}, r"group a: repeat 2 .* legal: 1 \(one\), 16 \(sixteen\)$"),
        ((46, 4, 1, 1), {"a": {"repeat": a.Repeat.SIXTEEN}}, "needs a decay for every head: repeat 1 of a"),
        (
            (50, 4, 1, 1),
            {"c": {"nonlinearity": a.Nonlinearity.SIGMOID}},
            r"group c: nonlinearity 5 .* legal: 1 ",
        ),
        ((50, 4, 1, 1), {"b": {"generator": a.Generator.FORGET}}, r"group b: generator 22 \(forget\) cannot be built"),
    ],
)
def test_what_cannot_be_built_is_refused(digits, changed, said):
    row, featurizer = class_of(*digits, **changed)
    with pytest.raises(ValueError, match=said):
        raise ValueError(illegal(row.operator, featurizer))


def test_sixteen_channels_must_divide_the_width():
    row = named("Phalanx")
    featurizer = Space.of([row.name], depth=1).featurizer(row)
    assert Shape(width=48, head_dim=3).fits(row, featurizer)
    with pytest.raises(ValueError, match="shares each a head among 16 heads"):
        Shape(width=24, head_dim=3).group_sizes(row, featurizer)


@pytest.mark.parametrize("name", ["GMemless", "sLSTM"])
def test_other_structures_have_no_band(name):
    row = named(name)
    featurizer = Space.of([row.name], depth=1).featurizer(row)
    assert "sparsity 2 (banded) cannot be built" in str(
        illegal(replace(row.operator, sparsity=a.Sparsity.BANDED), featurizer)
    )


def test_structures_and_rules_admit_the_same_sparsities():
    assert {(mixing, one) for mixing, legal in SPARSITIES.items() for one in legal} == set(STRUCTURES)


def test_banded_rows_keep_their_ids_and_digits():
    assert (named("Phalanx").id, named("Phalanx").operator.digits) == (50, (50, 4, 2, 1, 1))
    assert (named("Banded DeltaNet").id, named("Banded DeltaNet").operator.digits) == (72, (70, 5, 2, 1, 3))
