"""The rows of linear recurrences, and the rules about keys that are the complement of the decay."""

from dataclasses import replace

import pytest

from genome import CLASSES, FEATURIZERS, FeaturizerGenome, GroupGenome, OperatorGenome, named
from genome.classes import alphabet as a
from genome.classes.rules import illegal

DIGITS = {
    "LinearAttention": (40, "524113"),
    "RetNet": (41, "414113"),
    "SimpleGLA": (42, "424113"),
    "GLA": (43, "434113"),
    "Mamba-2": (44, "444113"),
    "Mamba-1": (45, "454111"),
    "HGRN": (46, "464111"),
    "HGRN2": (47, "534113"),
    "LightNet": (48, "544113"),
    "GLA-Diff": (49, "434113"),
    "Phalanx": (50, "504211"),
    "NormalisedLinearAttention": (51, "514163"),
}


def test_recurrent_rows_keep_their_ids_and_digits() -> None:
    rows = {row.name: row for row in CLASSES if 40 <= row.id < 70}
    assert {name: (row.id, "".join(map(str, row.operator.digits))) for name, row in rows.items()} == DIGITS
    assert all(row.source and row.description for row in rows.values())


@pytest.mark.parametrize(
    ("changed", "group", "said"),
    [
        ("a", GroupGenome(expansion=a.Expansion.PER_HEAD), "needs a projected a with expansion 1"),
        (
            "a",
            GroupGenome(source=a.Source.CONSTANT, channel=a.ChannelMixing.DIAGONAL),
            "needs a projected a with expansion 1",
        ),
        ("d", GroupGenome(), "needs unit steps"),
        ("b", GroupGenome(generator=a.Generator.COMPLEMENT, nonlinearity=a.Nonlinearity.SILU), "computes nothing else"),
    ],
)
def test_a_write_tied_to_the_decay_is_refused_where_it_has_none_of_its_own(
    changed: str, group: GroupGenome, said: str
) -> None:
    (tied,) = [row for row in FEATURIZERS if row.id == 53]
    operator = named("HGRN2").operator
    assert illegal(operator, tied) is None
    groups = tuple((name, group if name == changed else own) for name, own in tied.groups)
    assert said in str(illegal(operator, FeaturizerGenome(53, groups)))


def test_a_softmax_over_time_needs_its_write() -> None:
    (row,) = [row for row in FEATURIZERS if row.id == 54]
    groups = tuple((name, GroupGenome() if name == "b" else own) for name, own in row.groups)
    assert "needs generator 20 (complement)" in str(illegal(named("LightNet").operator, FeaturizerGenome(54, groups)))


def test_ties_belong_to_semi_separable_operators() -> None:
    (row,) = [row for row in FEATURIZERS if row.id == 47]
    operator = replace(OperatorGenome.of((47, 4, 1, 1, 3)), token_mixing=a.TokenMixing.DELTA)
    assert illegal(operator, row) is not None
