"""The delta rule's rows of the catalogue: classes and featurizers 70 to 89."""

from dataclasses import replace

from genome.alphabet import (
    OUTPUT,
    ChannelMixing,
    Expansion,
    FeatureTokenMixing,
    Generator,
    Nonlinearity,
    Normalisation,
    Source,
    Sparsity,
)
from genome.operator import FeaturizerGenome, GroupGenome, LIVClass, OperatorGenome

_VALUE = GroupGenome(token=FeatureTokenMixing.TOEPLITZ, sparsity=Sparsity.BANDED, nonlinearity=Nonlinearity.SILU)
_KEY = replace(_VALUE, normalisation=Normalisation.L2)
_SHARE = GroupGenome(nonlinearity=Nonlinearity.SIGMOID)
_LASTING = GroupGenome(
    source=Source.CONSTANT,
    channel=ChannelMixing.DIAGONAL,
    expansion=Expansion.PER_HEAD,
    generator=Generator.ZERO,
)
_NORM = GroupGenome(
    source=Source.CONSTANT,
    channel=ChannelMixing.DIAGONAL,
    generator=Generator.ONES,
    normalisation=Normalisation.L2,
)
_NORM_AND_GATE = GroupGenome(nonlinearity=Nonlinearity.SILU, normalisation=Normalisation.L2)
_GATED = GroupGenome(expansion=Expansion.PER_HEAD)

DELTA_FEATURIZERS = (
    FeaturizerGenome(70, (("c", _KEY), ("b", _KEY), ("a", _LASTING), ("d", _SHARE), ("v", _VALUE), (OUTPUT, _NORM))),
    FeaturizerGenome(
        71, (("c", _KEY), ("b", _KEY), ("a", _GATED), ("d", _SHARE), ("v", _VALUE), (OUTPUT, _NORM_AND_GATE))
    ),
)

DELTA_CLASSES = (
    LIVClass(
        70,
        "DeltaNet",
        OperatorGenome.of((70, 5, 1, 1, 3)),
        source="Yang et al. 2024, arXiv 2406.06484",
        says="the delta rule: a key's old value gives way to its new one, by a share of 0 to 1; normalised",
    ),
    LIVClass(
        71,
        "Gated DeltaNet",
        OperatorGenome.of((71, 5, 1, 1, 3)),
        source="Yang et al. 2025, arXiv 2412.06464",
        says="the delta rule on a state that first decays by a gate a head; normalised and gated",
    ),
    LIVClass(
        72,
        "Banded DeltaNet",
        OperatorGenome.of((70, 5, 2, 1, 3)),
        source="ours, after Yang et al. 2024",
        says="the delta rule in jagged blocks of 16: a token reaches 16 to 31 tokens back",
    ),
)
