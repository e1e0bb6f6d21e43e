"""Named LIV classes as data. A system of the literature is a row here, not a file of code.

Digits and ids of the first 17 classes: STAR (arXiv 2411.17800). Ids are never changed and never reused.
"""

from dataclasses import replace

from genome.alphabet import ChannelMixing as Channel
from genome.alphabet import Expansion, FeatureTokenMixing, Generator, Nonlinearity, Repeat, Source, Sparsity
from genome.catalogue_banded import BANDED_CLASSES, BANDED_FEATURIZERS
from genome.catalogue_cell import CELL_CLASSES, CELL_FEATURIZERS
from genome.catalogue_convolution import CONVOLUTIONS, FILTERS
from genome.catalogue_delta import DELTA_CLASSES, DELTA_FEATURIZERS
from genome.catalogue_recurrent import RECURRENT_CLASSES, RECURRENT_FEATURIZERS
from genome.catalogue_routed import ROUTED_CLASSES, ROUTED_FEATURIZERS
from genome.operator import FeaturizerGenome, GroupGenome, LIVClass, OperatorGenome

_DENSE = GroupGenome()
_CONVOLVED = GroupGenome(token=FeatureTokenMixing.TOEPLITZ, sparsity=Sparsity.BANDED)
_ACTIVATED = replace(_CONVOLVED, nonlinearity=Nonlinearity.SILU)
_QUARTER = GroupGenome(repeat=Repeat.FOUR)
_HALF = GroupGenome(repeat=Repeat.TWO)
_ONE_HEAD = GroupGenome(repeat=Repeat.ALL)
_MLP = GroupGenome(expansion=Expansion.MLP)


def _recurrent(state: Expansion) -> tuple[tuple[str, GroupGenome], ...]:
    return (
        ("c", replace(_ACTIVATED, expansion=state)),
        ("b", replace(_ACTIVATED, expansion=state)),
        ("a", GroupGenome(source=Source.CONSTANT, channel=Channel.DIAGONAL, expansion=state)),
        ("d", _DENSE),
        ("v", _ACTIVATED),
    )


def _gated(generator: Generator) -> tuple[tuple[str, GroupGenome], ...]:
    kernel = GroupGenome(source=Source.POSITION, channel=Channel.DIAGONAL, generator=generator)
    return (("c", _DENSE), ("b", _DENSE), ("h", kernel), ("v", _DENSE))


_STAR_FEATURIZERS = (
    FeaturizerGenome(1, (("c", _DENSE), ("b", _DENSE), ("v", _DENSE))),
    FeaturizerGenome(2, (("c", _CONVOLVED), ("b", _CONVOLVED), ("v", _CONVOLVED))),
    FeaturizerGenome(3, (("c", _DENSE), ("b", _QUARTER), ("v", _QUARTER))),
    FeaturizerGenome(4, (("c", _DENSE), ("b", _HALF), ("v", _HALF))),
    FeaturizerGenome(5, _recurrent(Expansion.STATE_16)),
    FeaturizerGenome(6, _recurrent(Expansion.STATE_2)),
    FeaturizerGenome(7, _gated(Generator.EXPLICIT_3)),
    FeaturizerGenome(8, _gated(Generator.IMPLICIT)),
    FeaturizerGenome(9, (("c", _MLP), ("v", _MLP))),
    FeaturizerGenome(20, (("c", _DENSE), ("b", _ONE_HEAD), ("v", _ONE_HEAD))),
)

_QUERIES = GroupGenome(expansion=Expansion.LATENT)
_LATENT = replace(_QUERIES, repeat=Repeat.ALL)
_LATENT_FEATURIZER = FeaturizerGenome(
    23, (("c", _QUERIES), ("b", _LATENT), ("v", replace(_LATENT, generator=Generator.TIED)))
)

FEATURIZERS = (
    *_STAR_FEATURIZERS,
    _LATENT_FEATURIZER,
    *RECURRENT_FEATURIZERS,
    *BANDED_FEATURIZERS,
    *DELTA_FEATURIZERS,
    *FILTERS,
    *ROUTED_FEATURIZERS,
    *CELL_FEATURIZERS,
)


_STAR = (
    LIVClass(
        1, "SA-1", OperatorGenome.of((1, 2, 1, 2, 3)), source="Vaswani et al. 2017", says="softmax multi-head attention"
    ),
    LIVClass(
        2,
        "SA-2",
        OperatorGenome.of((2, 2, 1, 2, 3)),
        source="STAR class 2",
        says="softmax attention on briefly convolved features",
    ),
    LIVClass(
        3,
        "SA-3",
        OperatorGenome.of((3, 2, 1, 2, 3)),
        source="Ainslie et al. 2023",
        says="grouped-query attention, 4 heads a key",
    ),
    LIVClass(
        4,
        "SA-4",
        OperatorGenome.of((4, 2, 1, 2, 3)),
        source="Ainslie et al. 2023",
        says="grouped-query attention, 2 heads a key",
    ),
    LIVClass(
        5,
        "Rec-1",
        OperatorGenome.of((5, 4, 1, 1, 1)),
        source="Gu & Dao 2023",
        says="selective recurrence, state 16 per channel",
    ),
    LIVClass(
        6,
        "Rec-2",
        OperatorGenome.of((6, 4, 1, 1, 1)),
        source="Gu & Dao 2023",
        says="selective recurrence, state 2 per channel",
    ),
    LIVClass(
        7,
        "GConv-1",
        OperatorGenome.of((7, 3, 1, 1, 1)),
        source="LFM2, arXiv 2511.23404",
        says="gated convolution of 3 taps, the short convolution of LFM2",
    ),
    LIVClass(
        8,
        "GConv-2",
        OperatorGenome.of((8, 3, 1, 1, 1)),
        source="Poli et al. 2023",
        says="gated convolution, implicit filter",
    ),
    LIVClass(9, "GMemless", OperatorGenome.of((9, 1, 1, 4, 2)), source="Shazeer 2020", says="SwiGLU, no memory"),
)


def _differential(liv_class: LIVClass) -> LIVClass:
    return LIVClass(
        liv_class.id + 9,
        f"{liv_class.name}-Diff",
        liv_class.operator,
        differential=True,
        source="STAR; Ye et al. 2024",
        says=f"two copies of {liv_class.name}, y1 - lambda * y2",
    )


STAR_CLASSES = _STAR + tuple(_differential(row) for row in _STAR[:8])
"""The seventeen of the paper."""

_ATTENTION = (
    LIVClass(
        20, "MQA", OperatorGenome.of((20, 2, 1, 2, 3)), source="Shazeer 2019", says="one key and value head for all"
    ),
    LIVClass(
        21,
        "SWA",
        OperatorGenome.of((1, 2, 2, 2, 3)),
        source="Beltagy et al. 2020",
        says="attention to the last `window` tokens, the token itself included",
    ),
    LIVClass(
        22,
        "SWA-MQA",
        OperatorGenome.of((20, 2, 2, 2, 3)),
        source="Shazeer 2019; Beltagy et al. 2020",
        says="sliding-window attention with one key and value head",
    ),
    LIVClass(
        23,
        "MLA",
        OperatorGenome.of((23, 2, 1, 2, 3)),
        source="DeepSeek-AI 2024, arXiv 2405.04434",
        says="multi-head latent attention, absorbed: all heads read one latent of 4 heads; only it is kept",
    ),
    LIVClass(
        24,
        "SWA-MLA",
        OperatorGenome.of((23, 2, 2, 2, 3)),
        source="DeepSeek-AI 2024; Beltagy et al. 2020",
        says="multi-head latent attention to the last `window` tokens",
    ),
)

CLASSES = (
    *STAR_CLASSES,
    *_ATTENTION,
    *RECURRENT_CLASSES,
    *BANDED_CLASSES,
    *DELTA_CLASSES,
    *CONVOLUTIONS,
    *ROUTED_CLASSES,
    *CELL_CLASSES,
)


def named(name: str) -> LIVClass:
    """The class of this name.

    Raises:
        ValueError: no such class; the message lists the legal names.
    """
    for row in CLASSES:
        if row.name == name:
            return row
    raise ValueError(f"class {name!r} is unknown; legal: {', '.join(row.name for row in CLASSES)}")
