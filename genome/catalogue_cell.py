"""The one row that is no linear input-varying system: class and featurizer 120."""

from genome.alphabet import OUTPUT, ChannelMixing, FeatureTokenMixing, Generator, Normalisation, Source, Sparsity
from genome.operator import FeaturizerGenome, GroupGenome, LIVClass, OperatorGenome

_DENSE = GroupGenome()
_CONVOLVED = GroupGenome(token=FeatureTokenMixing.TOEPLITZ, sparsity=Sparsity.BANDED)
_NORM = GroupGenome(
    source=Source.CONSTANT,
    channel=ChannelMixing.DIAGONAL,
    generator=Generator.ONES,
    normalisation=Normalisation.L2,
)
_LEARNED = GroupGenome(source=Source.CONSTANT, channel=ChannelMixing.DIAGONAL)

CELL_FEATURIZERS = (
    FeaturizerGenome(
        120, (("c", _DENSE), ("b", _CONVOLVED), ("f", _CONVOLVED), ("m", _LEARNED), ("v", _DENSE), (OUTPUT, _NORM))
    ),
)

CELL_CLASSES = (
    LIVClass(
        120,
        "sLSTM",
        OperatorGenome.of((120, 6, 1, 1, 3)),
        source="Beck et al. 2024, arXiv 2405.04517",
        says="a memory cell whose gates read its own output: nonlinear in its state, so no LIV and without a matrix",
    ),
)
