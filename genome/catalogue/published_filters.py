"""State-space models with the layer of their source behind the filter: classes and featurizers 196 to 202.

Row N + 100 is the published form of row N, under the name of row N with `-Published` behind it.
"""

from dataclasses import replace

from genome.catalogue.parts import DENSE, DIAGONAL, UNIT, filter_of
from genome.classes.alphabet import Generator, Nonlinearity, Source
from genome.classes.feature_groups import ACTIVATION
from genome.classes.operator import FeaturizerGenome, GroupGenome, LIVClass, OperatorGenome

_GELU = GroupGenome(source=Source.OUTPUT, nonlinearity=Nonlinearity.GELU)
_GELU_GLU = replace(_GELU, generator=Generator.GLU)


def _activated(
    number: int, generator: Generator, layer: GroupGenome, values: GroupGenome = DIAGONAL
) -> FeaturizerGenome:
    groups = (("c", UNIT), ("b", UNIT), filter_of(generator), ("v", values), (ACTIVATION, layer))
    return FeaturizerGenome(number, groups)


def _row(number: int, name: str, source: str, description: str) -> LIVClass:
    return LIVClass(
        number, f"{name}-Published", OperatorGenome.of((number, 3, 1, 1, 1)), source=source, description=description
    )


PUBLISHED_FILTERS = (
    _activated(196, Generator.COMPLEX_MODAL_16, _GELU_GLU),
    _activated(197, Generator.NORMALISED_MODAL_16, _GELU),
    _activated(198, Generator.DPLR_16, _GELU_GLU),
    _activated(199, Generator.DENSE_16, _GELU),
    _activated(200, Generator.COMPLEX_MODAL_2, _GELU_GLU, DENSE),
    _activated(201, Generator.COMPANION_16, _GELU),
    _activated(202, Generator.RATIONAL_ZERO_16, _GELU_GLU),
)

PUBLISHED_CONVOLUTIONS = (
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
)
