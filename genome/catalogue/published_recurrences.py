"""Recurrences with every part of their source's layer: classes and featurizers 140 to 189.

Row N + 100 is the published form of row N, under the name of row N with `-Published` behind it.
"""

from dataclasses import replace

from genome.catalogue.parts import (
    ACTIVATED,
    CONVOLVED,
    DENSE,
    KEY,
    LEARNED,
    LEARNED_PER_HEAD,
    NORM_AND_GATE,
    PER_HEAD,
    SIGMOID,
    SILU,
    UNIT,
    recurrence,
)
from genome.classes.alphabet import (
    ChannelMixing,
    Expansion,
    FeatureTokenMixing,
    Generator,
    Nonlinearity,
    Normalisation,
    Repeat,
    Source,
)
from genome.classes.operator import GroupGenome, LIVClass, OperatorGenome

_BIASED = replace(CONVOLVED, token=FeatureTokenMixing.BIASED, nonlinearity=Nonlinearity.SILU)
_TWICE_THE_HEADS = replace(_BIASED, expansion=Expansion.DOUBLE_HEADS)
_FROM_VALUES = GroupGenome(source=Source.VALUES)
_STATE_16 = replace(_FROM_VALUES, expansion=Expansion.STATE_16)
_STATE_128 = replace(_BIASED, expansion=Expansion.STATE_128)
_HALF = GroupGenome(expansion=Expansion.HALF)
_DOUBLE = GroupGenome(expansion=Expansion.DOUBLE)
_ROTARY = GroupGenome(generator=Generator.ROTARY)
_COMPLEMENT = GroupGenome(generator=Generator.COMPLEMENT)
_BOUNDED = GroupGenome(generator=Generator.BOUNDED)
_RATE_PER_HEAD = replace(PER_HEAD, generator=Generator.RATE)
_WHOLE_NORM_AND_GATE = replace(SILU, normalisation=Normalisation.WHOLE)

PUBLISHED_RECURRENT_FEATURIZERS = (
    recurrence(
        141,
        c=_ROTARY,
        b=_ROTARY,
        a=replace(LEARNED_PER_HEAD, generator=Generator.FIXED),
        d=UNIT,
        v=_DOUBLE,
        o=NORM_AND_GATE,
    ),
    recurrence(
        143, c=_HALF, b=_HALF, a=replace(_HALF, channel=ChannelMixing.RANK_16), d=UNIT, v=DENSE, o=NORM_AND_GATE
    ),
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
    recurrence(146, c=UNIT, b=_COMPLEMENT, a=_BOUNDED, d=UNIT, v=SILU, o=_WHOLE_NORM_AND_GATE),
    recurrence(
        147, c=SILU, b=_COMPLEMENT, a=_BOUNDED, d=UNIT, v=DENSE, o=replace(UNIT, normalisation=Normalisation.WHOLE)
    ),
    recurrence(
        148,
        c=SILU,
        b=_COMPLEMENT,
        a=GroupGenome(generator=Generator.SOFTMAX),
        d=UNIT,
        v=DENSE,
        o=replace(_WHOLE_NORM_AND_GATE, channel=ChannelMixing.RANK_HEAD),
    ),
    recurrence(
        150,
        c=DENSE,
        b=SIGMOID,
        a=GroupGenome(repeat=Repeat.SIXTEEN, generator=Generator.FORGET),
        d=UNIT,
        v=DENSE,
        s=UNIT,
    ),
    recurrence(
        171,
        c=KEY,
        b=KEY,
        a=_RATE_PER_HEAD,
        d=SIGMOID,
        v=replace(ACTIVATED, expansion=Expansion.DOUBLE),
        o=NORM_AND_GATE,
    ),
)


def _row(number: int, name: str, digits: tuple[int, ...], source: str, description: str) -> LIVClass:
    """Make a class with the featurizer of its number; `digits` are the four others of its operator."""
    return LIVClass(number, name, OperatorGenome.of((number, *digits)), source=source, description=description)


PUBLISHED_RECURRENCES = (
    _row(
        141,
        "RetNet-Published",
        (4, 1, 1, 3),
        "Sun et al. 2023, eq. 5 to 8",
        "retention with values of twice the width: fixed decays, rotated queries and keys; normalised and gated",
    ),
    _row(
        143,
        "GLA-Published",
        (4, 1, 1, 3),
        "Yang et al. 2024, section 4",
        "gated linear attention with queries and keys of half the width and decays through 16 channels; normalised and "
        "gated",
    ),
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
    _row(
        146,
        "HGRN-Published",
        (4, 1, 1, 1),
        "Qin et al. 2023, eq. 2 to 5",
        "one gated state per channel, f h + (1 - f) i, with f above a lower bound that rises with depth, learned by "
        "each LIV; normalised over all channels and gated",
    ),
    _row(
        147,
        "HGRN2-Published",
        (4, 1, 1, 3),
        "Qin et al. 2024 (HGRN2), eq. 3",
        "gated linear attention whose keys are 1 minus a decay above a lower bound, which rises with depth and is "
        "learned by each LIV; normalised over all channels",
    ),
    _row(
        148,
        "LightNet-Published",
        (4, 1, 1, 3),
        "Qin et al. 2024 (You Only Scan Once)",
        "additive recurrence: a softmax of the keys over time, channel by channel; normalised over all channels, and "
        "gated through as many channels as a head has",
    ),
    _row(
        150,
        "Phalanx-Published",
        (4, 2, 1, 1),
        "Secrieru et al. 2025, arXiv 2512.13921",
        "gated channels in jagged blocks of 16 tokens, one decay for 16 channels, with the values added to the output",
    ),
    _row(
        171,
        "Gated DeltaNet-Published",
        (5, 1, 1, 3),
        "Yang et al. 2025, arXiv 2412.06464",
        "the delta rule with values of twice the width on a state that decays by a learned rate per head times a step; "
        "normalised and gated",
    ),
)
