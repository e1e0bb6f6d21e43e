"""Recurrences in blocks and recurrences with normalised rows: classes and featurizers 50 to 59."""

from genome.catalogue.parts import DENSE, NO_DECAY, SIGMOID, UNIT
from genome.classes.alphabet import Generator, Nonlinearity, Repeat
from genome.classes.operator import FeaturizerGenome, GroupGenome, LIVClass, OperatorGenome

_POSITIVE = GroupGenome(nonlinearity=Nonlinearity.ELU)
_SHARED_GATE = GroupGenome(repeat=Repeat.SIXTEEN, generator=Generator.FORGET)

BANDED_FEATURIZERS = (
    FeaturizerGenome(50, (("c", DENSE), ("b", SIGMOID), ("a", _SHARED_GATE), ("d", UNIT), ("v", DENSE))),
    FeaturizerGenome(51, (("c", _POSITIVE), ("b", _POSITIVE), ("a", NO_DECAY), ("d", UNIT), ("v", DENSE))),
)

BANDED_CLASSES = (
    LIVClass(
        50,
        "Phalanx",
        OperatorGenome.of((50, 4, 2, 1, 1)),
        source="Secrieru et al. 2025, arXiv 2512.13921",
        description="gated channels in jagged blocks of 16 tokens, one decay for 16 channels; "
        "without the residual term + v of the source",
    ),
    LIVClass(
        51,
        "NormalisedLinearAttention",
        OperatorGenome.of((51, 4, 1, 6, 3)),
        source="Katharopoulos et al. 2020, eq. 8 and 9",
        description="linear attention whose rows add up to one, elu + 1 as the feature map of queries and keys",
    ),
)
