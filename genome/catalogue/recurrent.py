"""Linear recurrences, all semi-separable: classes 40 to 49, featurizers 40 to 48 and 52 to 69."""

from dataclasses import replace

from genome.catalogue.parts import (
    ACTIVATED,
    CONVOLVED,
    DENSE,
    LEARNED,
    LEARNED_PER_HEAD,
    NO_DECAY,
    NORM,
    NORM_AND_GATE,
    PER_HEAD,
    SILU,
    UNIT,
)
from genome.classes.alphabet import Expansion, Generator, Nonlinearity
from genome.classes.feature_groups import OUTPUT
from genome.classes.operator import FeaturizerGenome, GroupGenome, LIVClass, OperatorGenome

_RELU = GroupGenome(nonlinearity=Nonlinearity.RELU)
_STATE_16 = replace(CONVOLVED, expansion=Expansion.STATE_16)
_STATE_128 = replace(ACTIVATED, expansion=Expansion.STATE_128)

_FIXED = replace(LEARNED_PER_HEAD, generator=Generator.FIXED)
_SOFTMAX_DECAY = GroupGenome(generator=Generator.SOFTMAX)

_ROTARY = GroupGenome(generator=Generator.ROTARY)

_COMPLEMENT = GroupGenome(generator=Generator.COMPLEMENT)


def _featurizer(
    number: int,
    c: GroupGenome,
    b: GroupGenome,
    a: GroupGenome,
    d: GroupGenome,
    v: GroupGenome,
    *output: GroupGenome,
) -> FeaturizerGenome:
    """Make a featurizer of these groups; without `output` the output is neither normalised nor gated."""
    gate = ((OUTPUT, group) for group in output)
    return FeaturizerGenome(number, (("c", c), ("b", b), ("a", a), ("d", d), ("v", v), *gate))


RECURRENT_FEATURIZERS = (
    _featurizer(40, _RELU, _RELU, NO_DECAY, UNIT, DENSE),
    _featurizer(41, _ROTARY, _ROTARY, _FIXED, UNIT, DENSE, NORM_AND_GATE),
    _featurizer(42, DENSE, DENSE, PER_HEAD, UNIT, DENSE, NORM_AND_GATE),
    _featurizer(43, DENSE, DENSE, DENSE, UNIT, DENSE, NORM_AND_GATE),
    _featurizer(44, _STATE_128, _STATE_128, LEARNED_PER_HEAD, DENSE, ACTIVATED, NORM_AND_GATE),
    _featurizer(45, _STATE_16, _STATE_16, replace(LEARNED, expansion=Expansion.STATE_16), DENSE, ACTIVATED, SILU),
    _featurizer(46, SILU, _COMPLEMENT, DENSE, UNIT, SILU),
    _featurizer(47, SILU, _COMPLEMENT, DENSE, UNIT, DENSE),
    _featurizer(48, SILU, _COMPLEMENT, _SOFTMAX_DECAY, UNIT, DENSE),
    _featurizer(52, _RELU, _RELU, NO_DECAY, UNIT, DENSE, NORM),
    _featurizer(53, SILU, _COMPLEMENT, DENSE, UNIT, DENSE, NORM),
    _featurizer(54, SILU, _COMPLEMENT, _SOFTMAX_DECAY, UNIT, DENSE, NORM_AND_GATE),
)
"""Featurizers 40, 47 and 48 do not normalise the output; 52, 53 and 54 are the same with a normalised output."""


RECURRENT_CLASSES = (
    LIVClass(
        40,
        "LinearAttention",
        OperatorGenome.of((52, 4, 1, 1, 3)),
        source="Katharopoulos et al. 2020; Kasai et al. 2021",
        description="linear attention, ReLU as the feature map of queries and keys; output normalised",
    ),
    LIVClass(
        41,
        "RetNet",
        OperatorGenome.of((41, 4, 1, 1, 3)),
        source="Sun et al. 2023, eq. 8",
        description="retention: decay fixed per head, 1 - 2^(-5-h), on rotated queries and keys; normalised and "
        "gated; values as wide as the input",
    ),
    LIVClass(
        42,
        "SimpleGLA",
        OperatorGenome.of((42, 4, 1, 1, 3)),
        source="Yang et al. 2024; Sun et al. 2024",
        description="gated retention: one decay per head, computed for every token; normalised and gated",
    ),
    LIVClass(
        43,
        "GLA",
        OperatorGenome.of((43, 4, 1, 1, 3)),
        source="Yang et al. 2024, eq. 4",
        description="gated linear attention: one decay per key channel, computed for every token; normalised, gated; "
        "keys and gates of full width and rank",
    ),
    LIVClass(
        44,
        "Mamba-2",
        OperatorGenome.of((44, 4, 1, 1, 3)),
        source="Dao & Gu 2024",
        description="selective state space, one learned rate per head, state 128, one B and one C for all heads; "
        "normalised and gated; at the width of the input, without skip and biases",
    ),
    LIVClass(
        45,
        "Mamba-1",
        OperatorGenome.of((45, 4, 1, 1, 1)),
        source="Gu & Dao 2023",
        description="selective state space per channel, state 16; like Rec-1, but without SiLU on B and C and "
        "with an output gate; at the width of the input, without skip and biases",
    ),
    LIVClass(
        46,
        "HGRN",
        OperatorGenome.of((46, 4, 1, 1, 1)),
        source="Qin et al. 2023, eq. 3",
        description="one gated state per channel: f h + (1 - f) i, with an output gate; without norm and lower bound",
    ),
    LIVClass(
        47,
        "HGRN2",
        OperatorGenome.of((53, 4, 1, 1, 3)),
        source="Qin et al. 2024 (HGRN2), eq. 3",
        description="gated linear attention whose keys are 1 minus the decay; normalised head by head, "
        "without lower bound",
    ),
    LIVClass(
        48,
        "LightNet",
        OperatorGenome.of((54, 4, 1, 1, 3)),
        source="Qin et al. 2024 (You Only Scan Once)",
        description="additive recurrence: a softmax of the keys over time, channel by channel; normalised head by "
        "head, with a gate of full rank",
    ),
    LIVClass(
        49,
        "GLA-Diff",
        OperatorGenome.of((43, 4, 1, 1, 3)),
        differential=True,
        source="Yang et al. 2024; Ye et al. 2024",
        description="two copies of GLA, y1 - lambda * y2",
    ),
)
