"""The one row that is no linear input-varying system: class and featurizer 120."""

from genome.alphabet import ChannelMixing, FeatureTokenMixing, Source, Sparsity
from genome.operator import FeaturizerGenome, GroupGenome, LIVClass, OperatorGenome

_DENSE = GroupGenome()
_CONVOLVED = GroupGenome(token=FeatureTokenMixing.TOEPLITZ, sparsity=Sparsity.BANDED)
_LEARNED = GroupGenome(source=Source.CONSTANT, channel=ChannelMixing.DIAGONAL)

CELL_FEATURIZERS = (
    FeaturizerGenome(120, (("c", _DENSE), ("b", _CONVOLVED), ("f", _CONVOLVED), ("m", _LEARNED), ("v", _DENSE))),
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
