"""The memory cell, which is no linear input-varying operator: class and featurizer 120."""

from genome.catalogue.parts import CONVOLVED, DENSE, LEARNED, NORM
from genome.classes.feature_groups import OUTPUT
from genome.classes.operator import FeaturizerGenome, LIVClass, OperatorGenome

CELL_FEATURIZERS = (
    FeaturizerGenome(
        120, (("c", DENSE), ("b", CONVOLVED), ("f", CONVOLVED), ("m", LEARNED), ("v", DENSE), (OUTPUT, NORM))
    ),
)

CELL_CLASSES = (
    LIVClass(
        120,
        "sLSTM",
        OperatorGenome.of((120, 6, 1, 1, 3)),
        source="Beck et al. 2024, arXiv 2405.04517",
        description="a memory cell whose gates read its own output: nonlinear in its state, "
        "so no LIV and without a matrix",
    ),
)
