"""Recurrences with every part of their source's layer: classes and featurizers 140 to 189.

Row N + 100 is the published form of row N, under the name of row N with `-Published` behind it.
"""

from dataclasses import replace

from genome.catalogue.parts import CONVOLVED, DENSE, LEARNED, LEARNED_PER_HEAD, SILU, recurrence
from genome.classes.alphabet import ChannelMixing, Expansion, FeatureTokenMixing, Nonlinearity, Normalisation, Source
from genome.classes.operator import GroupGenome, LIVClass, OperatorGenome

_BIASED = replace(CONVOLVED, token=FeatureTokenMixing.BIASED, nonlinearity=Nonlinearity.SILU)
_TWICE_THE_HEADS = replace(_BIASED, expansion=Expansion.DOUBLE_HEADS)
_FROM_VALUES = GroupGenome(source=Source.VALUES)
_STATE_16 = replace(_FROM_VALUES, expansion=Expansion.STATE_16)
_STATE_128 = replace(_BIASED, expansion=Expansion.STATE_128)

PUBLISHED_RECURRENT_FEATURIZERS = (
    recurrence(
        144,
        c=_STATE_128,
        b=_STATE_128,
        a=LEARNED_PER_HEAD,
        d=DENSE,
        v=_TWICE_THE_HEADS,
        s=LEARNED_PER_HEAD,
        o=replace(SILU, normalisation=Normalisation.GATED),
    ),
    recurrence(
        145,
        c=_STATE_16,
        b=_STATE_16,
        a=replace(LEARNED, expansion=Expansion.STATE_16),
        d=replace(_FROM_VALUES, channel=ChannelMixing.RANK_32ND),
        v=_TWICE_THE_HEADS,
        s=LEARNED,
        o=SILU,
    ),
)


def _row(number: int, name: str, digits: tuple[int, ...], source: str, description: str) -> LIVClass:
    """Make a class with the featurizer of its number; `digits` are the four others of its operator."""
    return LIVClass(number, name, OperatorGenome.of((number, *digits)), source=source, description=description)


PUBLISHED_RECURRENCES = (
    _row(
        144,
        "Mamba-2-Published",
        (4, 1, 1, 3),
        "Dao & Gu 2024, section 7",
        "selective state space at twice the width, one learned rate per head, state 128, one B and one C for all "
        "heads; values are added to the output, which is gated and then normalised",
    ),
    _row(
        145,
        "Mamba-1-Published",
        (4, 1, 1, 1),
        "Gu & Dao 2023, section 3",
        "selective state space per channel at twice the width, state 16; B, C and steps (through a sixteenth of the "
        "width) from the convolved values, which are also added to the output",
    ),
)
