"""The seventeen classes of STAR (arXiv 2411.17800), with its digits and ids."""

from dataclasses import replace

from genome.catalogue.parts import ACTIVATED, CONVOLVED, DENSE, LEARNED, filter_of
from genome.classes.alphabet import Expansion, Generator, Repeat
from genome.classes.operator import FeaturizerGenome, GroupGenome, LIVClass, OperatorGenome

_QUARTER = GroupGenome(repeat=Repeat.FOUR)
_HALF = GroupGenome(repeat=Repeat.TWO)
_MLP = GroupGenome(expansion=Expansion.MLP)


def _recurrent(state: Expansion) -> tuple[tuple[str, GroupGenome], ...]:
    return (
        ("c", replace(ACTIVATED, expansion=state)),
        ("b", replace(ACTIVATED, expansion=state)),
        ("a", replace(LEARNED, expansion=state)),
        ("d", DENSE),
        ("v", ACTIVATED),
    )


def _gated(generator: Generator) -> tuple[tuple[str, GroupGenome], ...]:
    return (("c", DENSE), ("b", DENSE), filter_of(generator), ("v", DENSE))


STAR_FEATURIZERS = (
    FeaturizerGenome(1, (("c", DENSE), ("b", DENSE), ("v", DENSE))),
    FeaturizerGenome(2, (("c", CONVOLVED), ("b", CONVOLVED), ("v", CONVOLVED))),
    FeaturizerGenome(3, (("c", DENSE), ("b", _QUARTER), ("v", _QUARTER))),
    FeaturizerGenome(4, (("c", DENSE), ("b", _HALF), ("v", _HALF))),
    FeaturizerGenome(5, _recurrent(Expansion.STATE_16)),
    FeaturizerGenome(6, _recurrent(Expansion.STATE_2)),
    FeaturizerGenome(7, _gated(Generator.EXPLICIT_3)),
    FeaturizerGenome(8, _gated(Generator.IMPLICIT)),
    FeaturizerGenome(9, (("c", _MLP), ("v", _MLP))),
)

_STAR = (
    LIVClass(
        1,
        "SA-1",
        OperatorGenome.of((1, 2, 1, 2, 3)),
        source="Vaswani et al. 2017",
        description="softmax multi-head attention",
    ),
    LIVClass(
        2,
        "SA-2",
        OperatorGenome.of((2, 2, 1, 2, 3)),
        source="STAR class 2",
        description="softmax attention on features with a short convolution",
    ),
    LIVClass(
        3,
        "SA-3",
        OperatorGenome.of((3, 2, 1, 2, 3)),
        source="Ainslie et al. 2023",
        description="grouped-query attention, 4 query heads per key head",
    ),
    LIVClass(
        4,
        "SA-4",
        OperatorGenome.of((4, 2, 1, 2, 3)),
        source="Ainslie et al. 2023",
        description="grouped-query attention, 2 query heads per key head",
    ),
    LIVClass(
        5,
        "Rec-1",
        OperatorGenome.of((5, 4, 1, 1, 1)),
        source="Gu & Dao 2023",
        description="selective recurrence, state 16 per channel",
    ),
    LIVClass(
        6,
        "Rec-2",
        OperatorGenome.of((6, 4, 1, 1, 1)),
        source="Gu & Dao 2023",
        description="selective recurrence, state 2 per channel",
    ),
    LIVClass(
        7,
        "GConv-1",
        OperatorGenome.of((7, 3, 1, 1, 1)),
        source="LFM2, arXiv 2511.23404",
        description="gated convolution of 3 taps, the short convolution of LFM2",
    ),
    LIVClass(
        8,
        "GConv-2",
        OperatorGenome.of((8, 3, 1, 1, 1)),
        source="Poli et al. 2023",
        description="gated convolution, implicit filter",
    ),
    LIVClass(9, "GMemless", OperatorGenome.of((9, 1, 1, 4, 2)), source="Shazeer 2020", description="SwiGLU, no memory"),
)


def _differential(liv_class: LIVClass) -> LIVClass:
    return LIVClass(
        liv_class.id + 9,
        f"{liv_class.name}-Diff",
        liv_class.operator,
        differential=True,
        source="STAR; Ye et al. 2024",
        description=f"two copies of {liv_class.name}, y1 - lambda * y2",
    )


STAR_CLASSES = _STAR + tuple(_differential(row) for row in _STAR[:8])
"""The seventeen classes of the paper: the first nine, and the differential variants of the first eight."""
