"""The rules of the convolved input of a memory cell, of biases and of normalisation by mean and variance."""

from dataclasses import replace
from typing import Any

import pytest

from genome import Shape, Space
from genome.classes import alphabet as a
from genome.classes.optional_groups import ADDED
from genome.classes.rules import illegal


def _reason(name: str, changes: dict[str, Any], added: str = "") -> str:
    space = Space.of([name], depth=1)
    featurizer = space.featurizer(space.classes[0])
    groups = {key: replace(group, **changes.get(key, {})) for key, group in featurizer.groups}
    for key in added:
        groups[key] = ADDED[key]
    return str(illegal(space.classes[0].operator, replace(featurizer, groups=tuple(groups.items()))))


CONVOLVED = {"source": a.Source.CONVOLVED}
PLAIN = {"source": a.Source.PROJECTED}


@pytest.mark.parametrize(
    ("name", "changes", "added", "said"),
    [
        ("sLSTM-Published", {"b": PLAIN}, "", "None"),
        ("sLSTM-Published", {"b": PLAIN, "f": PLAIN}, "", "source 6 (convolved) of b or f and group x need each other"),
        ("sLSTM", {"b": CONVOLVED}, "", "source 6 (convolved) of b or f and group x need each other"),
        ("sLSTM", {"b": CONVOLVED}, "x", "None"),
        ("GLA", {"b": CONVOLVED}, "x", "mixes the feature groups c, b, a, d, v"),
        ("sLSTM-Published", {"c": CONVOLVED}, "", "group c: source 6 (convolved) cannot be built"),
        (
            "sLSTM-Published",
            {"x": {"token": a.FeatureTokenMixing.NONE, "sparsity": a.Sparsity.NONE}},
            "",
            "group x: token mixing 1 (none) cannot be built; legal: 2 (toeplitz), 3 (biased), 4",
        ),
        ("sLSTM-Published", {"x": {"token": a.FeatureTokenMixing.BIASED_3}}, "", "group x: token mixing 5 (biased_3)"),
        ("SA-1", {name: {"generator": a.Generator.BIASED} for name in "cbv"}, "", "None"),
        ("MoE", {"c": {"generator": a.Generator.BIASED}}, "", "group c: an expert has no bias"),
        ("Rec-1", {"a": {"generator": a.Generator.BIASED}}, "", "group a: generator 42 (biased) cannot be built"),
    ],
)
def test_what_a_memory_cell_reads_is_ruled(name: str, changes: dict[str, Any], added: str, said: str) -> None:
    assert said in _reason(name, changes, added)


@pytest.mark.parametrize(("head_dim", "fits"), [(1, False), (2, False), (3, True), (4, True)])
def test_two_channels_without_their_mean_are_a_sign(head_dim: int, fits: bool) -> None:
    space = Space.of(["sLSTM-Published"], depth=1)
    row = space.classes[0]
    assert Shape(width=12, head_dim=head_dim).fits(row, space.featurizer(row)) is fits
