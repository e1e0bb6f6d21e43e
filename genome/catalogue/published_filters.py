"""Convolutions and state-space models with every part of their source's layer: classes and featurizers 191 to 209.

Row N + 100 is the published form of row N, under the name of row N with `-Published` behind it.
"""

from dataclasses import replace

from genome.catalogue.parts import CONVOLVED, DENSE, DIAGONAL, UNIT, filter_of
from genome.classes.alphabet import FeatureTokenMixing, Generator, Nonlinearity, Source
from genome.classes.feature_groups import ACTIVATION
from genome.classes.operator import FeaturizerGenome, GroupGenome, LIVClass, OperatorGenome

_BIASED_OUTPUT = GroupGenome(source=Source.OUTPUT)
_GELU = replace(_BIASED_OUTPUT, nonlinearity=Nonlinearity.GELU)
_GELU_GLU = replace(_GELU, generator=Generator.GLU)

_BIASED_3 = replace(CONVOLVED, token=FeatureTokenMixing.BIASED_3)
_TAPS_3 = replace(CONVOLVED, token=FeatureTokenMixing.TOEPLITZ_3)


def _hyena(number: int, generator: Generator, convolved: GroupGenome) -> FeaturizerGenome:
    groups = (("c", convolved), ("b", convolved), filter_of(generator), ("v", convolved), (ACTIVATION, _BIASED_OUTPUT))
    return FeaturizerGenome(number, groups)


def _activated(
    number: int, generator: Generator, layer: GroupGenome, values: GroupGenome = DIAGONAL
) -> FeaturizerGenome:
    groups = (("c", UNIT), ("b", UNIT), filter_of(generator), ("v", values), (ACTIVATION, layer))
    return FeaturizerGenome(number, groups)


def _row(
    number: int, name: str, source: str, description: str, *, channel: int = 1, featurizer: int | None = None
) -> LIVClass:
    """Make a Toeplitz class without a band; its featurizer has the number of the class if none is given."""
    operator = OperatorGenome.of((featurizer or number, 3, 1, 1, channel))
    return LIVClass(number, f"{name}-Published", operator, source=source, description=description)


PUBLISHED_FILTERS = (
    _hyena(191, Generator.SINE_NET, _BIASED_3),
    _hyena(193, Generator.EXPLICIT_7, _TAPS_3),
    _hyena(194, Generator.WEAK_128, _TAPS_3),
    _hyena(195, Generator.REAL_MODAL_16, _TAPS_3),
    _activated(196, Generator.COMPLEX_MODAL_16, _GELU_GLU),
    _activated(197, Generator.NORMALISED_MODAL_16, _GELU),
    _activated(198, Generator.DPLR_16, _GELU_GLU),
    _activated(199, Generator.DENSE_16, _GELU),
    _activated(200, Generator.COMPLEX_MODAL_2, _GELU_GLU, DENSE),
    _activated(201, Generator.COMPANION_16, _GELU),
    _activated(202, Generator.RATIONAL_ZERO_16, _GELU_GLU),
    _hyena(205, Generator.COMPLEX_MODAL_16, _BIASED_3),
)

PUBLISHED_CONVOLUTIONS = (
    _row(
        191,
        "Hyena",
        "Poli et al. 2023",
        "groups convolved by 3 taps, biases, filter net of sines with a window; decodes from the whole history",
    ),
    _row(
        193,
        "Hyena-SE",
        "Ku et al. 2025",
        "groups convolved by 3 taps, then 7 taps, one filter per head; keeps 6 tokens for decoding",
        channel=3,
    ),
    _row(
        194,
        "Hyena-MR",
        "Ku et al. 2025",
        "groups convolved by 3 taps, then 128 weakly decaying taps, one filter per head; keeps 127 tokens for decoding",
        channel=3,
    ),
    _row(
        195,
        "Hyena-LI",
        "Ku et al. 2025",
        "groups convolved by 3 taps, 16 real modes per channel; decodes by exact recurrence",
    ),
    _row(196, "S4D", "Gu et al. 2022", "S4D-Lin with GELU and a gated linear unit behind the filter"),
    _row(
        197,
        "DSS",
        "Gupta et al. 2022",
        "DSS with GELU and a linear layer behind the filter; softmax over all distances instead of those of the input",
    ),
    _row(198, "S4", "Gu et al. 2022", "S4 with GELU and a gated linear unit behind the filter"),
    _row(199, "LSSL", "Gu et al. 2021", "LSSL with fixed A; GELU and a linear layer behind the filter"),
    _row(
        200,
        "S5-style",
        "Smith et al. 2023",
        "one conjugate pair per channel of a dense input map; GELU and a gated linear unit behind it",
    ),
    _row(201, "SpaceTime", "Zhang et al. 2023", "companion matrix; GELU and a linear layer behind the filter"),
    _row(
        202,
        "RTF",
        "Parnichkun et al. 2024",
        "rational transfer function that starts from zeros; GELU and a gated linear unit behind the filter",
    ),
    _row(
        203,
        "Multi-Hyena",
        "Massaroli et al. 2023, arXiv 2310.18780",
        "Hyena-Published with one filter per head over outer products of b and v; decodes from the whole history",
        channel=4,
        featurizer=191,
    ),
    _row(
        205,
        "Laughing Hyena",
        "Massaroli et al. 2023, arXiv 2310.18780",
        "Hyena-Published with filters of 8 conjugate pairs, trained in this form; decodes by exact recurrence",
    ),
)
