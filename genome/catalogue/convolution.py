"""Scaled-Toeplitz rows: gated convolutions and state-space models whose filter depends on the distance alone.

Filters are functions of the distance in tokens and do not depend on the length of the input. While decoding, explicit
taps keep a bounded number of tokens, state-space filters the state of an exact recurrence, and implicit filters all
tokens. Classes and featurizers 90 to 109.
"""

from genome.catalogue.parts import BLOCKS, CONVOLVED, DENSE, DIAGONAL, UNIT, filter_of
from genome.classes.alphabet import Generator
from genome.classes.operator import FeaturizerGenome, GroupGenome, LIVClass, OperatorGenome


def _hyena(number: int, generator: Generator) -> FeaturizerGenome:
    """Make a featurizer whose gates and values have short convolutions of 4 taps; the papers have 3."""
    return FeaturizerGenome(number, (("c", CONVOLVED), ("b", CONVOLVED), filter_of(generator), ("v", CONVOLVED)))


def _ungated(number: int, generator: Generator, values: GroupGenome = DIAGONAL) -> FeaturizerGenome:
    return FeaturizerGenome(number, (("c", UNIT), ("b", UNIT), filter_of(generator), ("v", values)))


FILTERS = (
    _hyena(91, Generator.IMPLICIT),
    _hyena(93, Generator.EXPLICIT_7),
    _hyena(94, Generator.DECAYING_128),
    _hyena(95, Generator.REAL_MODAL_16),
    _ungated(96, Generator.COMPLEX_MODAL_16),
    _ungated(97, Generator.NORMALISED_MODAL_16),
    _ungated(98, Generator.DPLR_16),
    _ungated(99, Generator.DENSE_16),
    _ungated(100, Generator.COMPLEX_MODAL_2, DENSE),
    _ungated(101, Generator.COMPANION_16),
    _ungated(102, Generator.RATIONAL_16),
    FeaturizerGenome(104, (("c", BLOCKS), ("b", BLOCKS), filter_of(Generator.IMPLICIT), ("v", BLOCKS))),
    _hyena(105, Generator.COMPLEX_MODAL_16),
)


def _row(number: int, name: str, digits: tuple[int, int], source: str, description: str) -> LIVClass:
    """Make a Toeplitz class without a band; `digits` are its featurizer and its channel mixing."""
    featurizer, channel = digits
    return LIVClass(
        number, name, OperatorGenome.of((featurizer, 3, 1, 1, channel)), source=source, description=description
    )


CONVOLUTIONS = (
    _row(
        91,
        "Hyena",
        (91, 1),
        "Poli et al. 2023",
        "implicit filter, groups convolved by 4 taps; decodes from the whole history",
    ),
    _row(
        92,
        "Hyena-Heads",
        (91, 3),
        "Ku et al. 2025",
        "Hyena with one filter per head, gates channel by channel (no outer product); decodes from the whole history",
    ),
    _row(93, "Hyena-SE", (93, 3), "Ku et al. 2025", "7 taps, one filter per head; keeps 6 tokens for decoding"),
    _row(
        94,
        "Hyena-MR",
        (94, 3),
        "Ku et al. 2025",
        "128 decaying taps, one filter per head; keeps 127 tokens for decoding",
    ),
    _row(95, "Hyena-LI", (95, 1), "Ku et al. 2025", "16 real modes per channel; decodes by exact recurrence"),
    _row(
        96,
        "S4D",
        (96, 1),
        "Gu et al. 2022",
        "8 conjugate pairs per channel, S4D-Lin; the filter alone; decodes by exact recurrence",
    ),
    _row(
        97,
        "DSS",
        (97, 1),
        "Gupta et al. 2022",
        "8 conjugate pairs, softmax over all distances instead of those of the input; the filter alone; "
        "decodes by exact recurrence",
    ),
    _row(
        98,
        "S4",
        (98, 1),
        "Gu et al. 2022",
        "diagonal plus rank one from HiPPO-LegS; the filter alone; decodes by exact recurrence",
    ),
    _row(
        99,
        "LSSL",
        (99, 1),
        "Gu et al. 2021",
        "fixed dense HiPPO-LegS, learned steps; the filter alone; decodes by exact recurrence",
    ),
    _row(
        100,
        "S5-style",
        (100, 1),
        "Smith et al. 2023",
        "dense input map, one conjugate pair per channel, dense output map; the filter alone; "
        "decodes by exact recurrence",
    ),
    _row(
        101,
        "SpaceTime",
        (101, 1),
        "Zhang et al. 2023",
        "companion matrix, L1 norm of at most 1; the filter alone; decodes by exact recurrence",
    ),
    _row(
        102,
        "RTF",
        (102, 1),
        "Parnichkun et al. 2024",
        "rational transfer function of order 16, coefficients within Montel's bound; the filter alone; "
        "decodes by exact recurrence",
    ),
    _row(
        103,
        "Multi-Hyena",
        (91, 4),
        "Massaroli et al. 2023, arXiv 2310.18780",
        "one filter per head over outer products of b and v, read by c; decodes from the whole history",
    ),
    _row(
        104,
        "Monarch Mixer",
        (104, 3),
        "Fu et al. 2023, arXiv 2310.12109",
        "block-diagonal projections, one implicit filter per head; causal, unlike the published model",
    ),
    _row(
        105,
        "Laughing Hyena",
        (105, 1),
        "Massaroli et al. 2023, arXiv 2310.18780",
        "Hyena with filters of 8 conjugate pairs per channel, the form into which the source distils trained filters; "
        "here they are trained in this form; decodes by exact recurrence",
    ),
)
