"""The digits of published recurrences, and the sentences for digits that do not fit each other."""

from dataclasses import replace
from typing import Any

import pytest

from genome import FEATURIZERS, FeaturizerGenome, GroupGenome, Heads, Shape, named
from genome.classes import alphabet as a
from genome.classes.rules import illegal

SKIP = GroupGenome(source=a.Source.CONSTANT, channel=a.ChannelMixing.DIAGONAL)
ONES = replace(SKIP, generator=a.Generator.ONES)


def _changed(name: str, changes: dict[str, Any]) -> FeaturizerGenome:
    """Change digits of groups of this row's featurizer, or replace or add whole groups."""
    (own,) = (one for one in FEATURIZERS if one.id == named(name).operator.featurizer)
    groups = dict(own.groups)
    for group, change in changes.items():
        groups[group] = change if isinstance(change, GroupGenome) else replace(groups[group], **change)
    return FeaturizerGenome(own.id, tuple(groups.items()))


@pytest.mark.parametrize(
    ("name", "changes", "said"),
    [
        (
            "GLA",
            {"v": {"expansion": a.Expansion.DOUBLE, "channel": a.ChannelMixing.GROUPED}},
            "group v: channel mixing 3",
        ),
        (
            "GLA",
            {"v": {"expansion": a.Expansion.DOUBLE}, "o": {"channel": a.ChannelMixing.DIAGONAL}},
            "group o beside values of twice the width: channel mixing 1 (diagonal) cannot be built; legal: 2 (dense)",
        ),
        (
            "GLA",
            {"v": {"expansion": a.Expansion.DOUBLE_HEADS}, "c": {"channel": a.ChannelMixing.GROUPED}},
            "group c beside values of twice the width: channel mixing 3 (grouped) cannot be built; legal: 2 (dense)",
        ),
        (
            "Rec-1",
            {name: {"expansion": a.Expansion.HALF} for name in "cba"},
            "group c: expansion 14 (half) needs heads of several channels",
        ),
        ("SA-1", {"v": {"expansion": a.Expansion.DOUBLE}}, "group v: expansion 12 (double) cannot be built"),
        ("SA-1", {"c": {"source": a.Source.VALUES}}, "group c: source 4 (values) belongs to token mixing 4 and 5"),
        (
            "GLA",
            {"c": {"source": a.Source.VALUES, "channel": a.ChannelMixing.GROUPED}},
            "group c from values: channel mixing 3 (grouped) cannot be built; legal: 2 (dense), 5 (rank_32nd)",
        ),
        ("GLA", {"c": {"channel": a.ChannelMixing.RANK_16}}, "group c: channel mixing 6 (rank_16) cannot be built"),
        (
            "Mamba-2",
            {"d": {"channel": a.ChannelMixing.RANK_HEAD}},
            "group d: channel mixing 7 (rank_head) cannot be built",
        ),
        ("SA-1", {"s": SKIP}, "computes c, b, v, s"),
        ("GLA", {"s": GroupGenome()}, "group s: source 1 (projected) cannot be built; legal: 2 (constant)"),
        ("GLA", {"c": ONES}, "group c: only toeplitz can do without this gate"),
        ("HGRN-Published", {"b": ONES}, "group b: only toeplitz can do without this gate"),
        ("GLA", {"c": {"normalisation": a.Normalisation.WHOLE}}, "group c: only queries, keys"),
        (
            "HGRN2-Published",
            {"o": {"normalisation": a.Normalisation.GATED}},
            "a gate of ones (generator 6) only normalises the output: its normalisation must be 2 or 3",
        ),
    ],
)
def test_digits_that_do_not_fit_are_refused(name: str, changes: dict[str, Any], said: str) -> None:
    assert said in str(illegal(named(name).operator, _changed(name, changes)))


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (
            "Mamba-1-Published",
            {"c": (1, 16), "a": (128, 16), "d": (128, 1), "v": (128, 1), "s": (128, 1), "o": (128, 1)},
        ),
        ("Mamba-2-Published", {"c": (1, 128), "a": (8, 1), "d": (8, 1), "v": (8, 16), "s": (8, 1), "o": (8, 16)}),
        ("GLA-Published", {"c": (4, 8), "b": (4, 8), "a": (4, 8), "v": (4, 16), "o": (4, 16)}),
        ("RetNet-Published", {"c": (4, 16), "v": (4, 32), "o": (4, 32)}),
    ],
)
def test_heads_and_channels_are_those_of_the_source(name: str, expected: dict[str, tuple[int, int]]) -> None:
    sizes = Shape(width=64, head_dim=16).group_sizes(named(name), _changed(name, {}))
    assert {group: sizes[group] for group in expected} == {group: Heads(*size) for group, size in expected.items()}
