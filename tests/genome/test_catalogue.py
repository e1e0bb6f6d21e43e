"""Digits and ids never change, because stored genomes depend on them; the tables may only grow."""

from enum import IntEnum

import pytest

from genome import CLASSES, FEATURIZERS, LIVClass, OperatorGenome, named
from genome.classes import alphabet as a
from genome.classes.feature_groups import GROUP_MEANING, GROUPS, ROUTES, STRATEGIES, WEIGHT_STRATEGIES
from genome.classes.optional_groups import ADDED

# genome.md, after STAR (arXiv 2411.17800): class id, name, five digits, differential.
STAR = """
 1 SA-1         12123
 2 SA-2         22123
 3 SA-3         32123
 4 SA-4         42123
 5 Rec-1        54111
 6 Rec-2        64111
 7 GConv-1      73111
 8 GConv-2      83111
 9 GMemless     91142
10 SA-1-Diff    12123
11 SA-2-Diff    22123
12 SA-3-Diff    32123
13 SA-4-Diff    42123
14 Rec-1-Diff   54111
15 Rec-2-Diff   64111
16 GConv-1-Diff 73111
17 GConv-2-Diff 83111
"""

# Source, channel mixing, token mixing, sparsity, nonlinearity, expansion, repeat, generator of each group.
PLAIN, CONVOLVED, ACTIVATED = "12111111", "12221111", "12224111"
FEATURIZER_DIGITS = {
    1: {"c": PLAIN, "b": PLAIN, "v": PLAIN},
    2: {"c": CONVOLVED, "b": CONVOLVED, "v": CONVOLVED},
    3: {"c": PLAIN, "b": "12111141", "v": "12111141"},
    4: {"c": PLAIN, "b": "12111121", "v": "12111121"},
    5: {"c": "12224411", "b": "12224411", "a": "21111411", "d": PLAIN, "v": ACTIVATED},
    6: {"c": "12224311", "b": "12224311", "a": "21111311", "d": PLAIN, "v": ACTIVATED},
    7: {"c": PLAIN, "b": PLAIN, "h": "31111112", "v": PLAIN},
    8: {"c": PLAIN, "b": PLAIN, "h": "31111113", "v": PLAIN},
    9: {"c": "12111211", "v": "12111211"},
}

ALPHABETS: dict[type[IntEnum], dict[str, int]] = {
    a.TokenMixing: {"DIAGONAL": 1, "LOW_RANK": 2, "TOEPLITZ": 3, "SEMI_SEPARABLE": 4},
    a.Sparsity: {"NONE": 1, "BANDED": 2},
    a.Nonlinearity: {"NONE": 1, "SOFTMAX": 2, "RELU": 3, "SILU": 4},
    a.ChannelMixing: {"DIAGONAL": 1, "DENSE": 2, "GROUPED": 3},
    a.FeatureTokenMixing: {"NONE": 1, "TOEPLITZ": 2},
    a.Source: {"PROJECTED": 1, "CONSTANT": 2, "POSITION": 3},
    a.Generator: {"NONE": 1, "EXPLICIT_3": 2, "IMPLICIT": 3},
    a.Expansion: {"SAME": 1, "MLP": 2, "STATE_2": 3, "STATE_16": 4},
    a.Repeat: {"ONE": 1, "TWO": 2, "FOUR": 4},
}

PUBLISHED_STRATEGIES = {
    a.TokenMixing.DIAGONAL: ["", "c", "v"],
    a.TokenMixing.LOW_RANK: ["", "b", "v", "bv"],
    a.TokenMixing.TOEPLITZ: ["", "b", "v", "bv", "h"],
    a.TokenMixing.SEMI_SEPARABLE: ["", "b", "bv", "badv"],
}


def test_the_classes_of_star_keep_their_ids_names_and_digits() -> None:
    for line in STAR.strip().splitlines():
        number, name, digits = line.split()
        row = named(name)
        assert (row.id, "".join(map(str, row.operator.digits))) == (int(number), digits)
        assert row.differential is name.endswith("-Diff")
        assert row.source
        assert row.description
    assert [row.id for row in CLASSES[:17]] == list(range(1, 18))


def test_ids_and_names_are_unique() -> None:
    assert len({row.id for row in CLASSES}) == len({row.name for row in CLASSES}) == len(CLASSES)
    assert len({row.id for row in FEATURIZERS}) == len(FEATURIZERS)
    assert len({(row.operator, row.differential) for row in CLASSES}) == len(CLASSES), "two names for one operator"


def test_a_unit_without_memory_has_no_differential_variant() -> None:
    memoryless = [row for row in CLASSES if row.operator.token_mixing is a.TokenMixing.DIAGONAL]
    assert memoryless
    assert not any(row.differential for row in memoryless)


@pytest.mark.parametrize("number", FEATURIZER_DIGITS)
def test_featurizers_keep_their_digits(number: int) -> None:
    (row,) = [row for row in FEATURIZERS if row.id == number]
    digits = {name: "".join(map(str, group.digits)) for name, group in row.groups}
    assert list(digits.items()) == list(FEATURIZER_DIGITS[number].items())


@pytest.mark.parametrize("alphabet", ALPHABETS, ids=lambda alphabet: alphabet.__name__)
def test_digits_keep_their_meaning(alphabet: type[IntEnum]) -> None:
    now = {name: member.value for name, member in alphabet.__members__.items()}
    assert ALPHABETS[alphabet].items() <= now.items()
    assert len(set(now.values())) == len(now), "two meanings for one digit"


@pytest.mark.parametrize("mixing", PUBLISHED_STRATEGIES, ids=lambda mixing: mixing.name.lower())
def test_feature_sharing_strategies_keep_their_numbers(mixing: a.TokenMixing) -> None:
    now = ["".join(taken) for taken in STRATEGIES[mixing]]
    assert now[: len(PUBLISHED_STRATEGIES[mixing])] == PUBLISHED_STRATEGIES[mixing]
    assert all(set(taken) <= set(GROUPS[mixing]) for taken in STRATEGIES[mixing])


def test_every_structure_has_groups_with_a_meaning_and_strategies_that_begin_with_none() -> None:
    assert set(GROUPS) == set(STRATEGIES) == set(a.TokenMixing)
    assert {name for names in GROUPS.values() for name in names} | {ROUTES, *ADDED} == set(GROUP_MEANING)
    assert all(rows[0] == () and len(set(rows)) == len(rows) for rows in STRATEGIES.values())
    assert WEIGHT_STRATEGIES == (1, 2)


def test_a_class_id_of_zero_is_refused() -> None:
    with pytest.raises(ValueError, match=r"class Zero: id must be 1 or more \(0 means no operator\), not 0"):
        LIVClass(0, "Zero", OperatorGenome.of((1, 2, 1, 2, 3)))


@pytest.mark.parametrize(
    ("digits", "said"),
    [
        ((1, 2, 1, 2), "an operator has five digits, not 4"),
        ((1, 9, 1, 2, 3), "token_mixing 9 is not a digit; legal: 1 diagonal, 2 low_rank, 3 toeplitz, 4 semi_separable"),
        ((1, 2, 9, 2, 3), "sparsity 9 is not a digit; legal: 1 none, 2 banded, 3 routed"),
        ((1, 2, 1, 0, 3), "nonlinearity 0 is not a digit; legal: 1 none, 2 softmax"),
        ((1, 2, 1, 2, "x"), "channel_mixing 'x' is not a digit; legal: 1 diagonal"),
    ],
)
def test_digits_that_mean_nothing_are_refused(digits: tuple[int, ...], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        OperatorGenome.of(digits)
