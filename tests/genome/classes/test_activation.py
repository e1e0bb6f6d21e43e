"""The rules of group g, the activation of the output and its projection."""

from dataclasses import replace
from typing import Any

import pytest

from genome import GroupGenome, Shape, Space
from genome.classes import alphabet as a
from genome.classes.rules import illegal

SHAPE = Shape(width=32, head_dim=8)
LAYER = GroupGenome(source=a.Source.OUTPUT, nonlinearity=a.Nonlinearity.GELU)


def _reason(name: str, group: GroupGenome) -> str | None:
    space = Space.of([name], depth=1)
    featurizer = space.featurizer(space.classes[0])
    return illegal(space.classes[0].operator, replace(featurizer, groups=(*featurizer.groups, ("g", group))))


@pytest.mark.parametrize("name", ["SA-1", "GConv-1", "Rec-1", "GLA", "DeltaNet", "MoM", "sLSTM", "MLA", "Multi-Hyena"])
@pytest.mark.parametrize("generator", [a.Generator.NONE, a.Generator.GLU])
def test_every_structure_but_the_diagonal_may_activate_its_output(name: str, generator: a.Generator) -> None:
    assert _reason(name, replace(LAYER, generator=generator)) is None


def test_a_diagonal_structure_is_an_activation_itself() -> None:
    assert "diagonal (none) mixes the feature groups c, v; featurizer 9 computes c, v, g" in str(
        _reason("GMemless", LAYER)
    )


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"source": a.Source.PROJECTED}, "group g: source 1 (projected) cannot be built; legal: 5 (output)"),
        ({"generator": a.Generator.ONES}, "group g: generator 6 (ones) cannot be built; legal: 1 (none), 40 (glu)"),
        (
            {"nonlinearity": a.Nonlinearity.RELU},
            "group g: nonlinearity 3 (relu) cannot be built; legal: 1 (none), 8 (gelu)",
        ),
        ({"token": a.FeatureTokenMixing.TOEPLITZ, "sparsity": a.Sparsity.BANDED}, "group g: token mixing 2 (toeplitz)"),
        ({"channel": a.ChannelMixing.GROUPED}, "group g: channel mixing 3 (grouped) cannot be built; legal: 2"),
        ({"expansion": a.Expansion.MLP}, "group g: expansion 2 (mlp) cannot be built; legal: 1 (same)"),
        ({"normalisation": a.Normalisation.L2}, "group g: only queries, keys"),
    ],
)
def test_other_digits_of_an_activation_are_refused(change: dict[str, Any], said: str) -> None:
    assert said in str(_reason("S4D", replace(LAYER, **change)))
