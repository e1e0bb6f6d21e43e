"""The memory cell, which is no linear input-varying operator: classes and featurizers 120 and 220."""

from dataclasses import replace

from genome.catalogue.parts import ACTIVATED, BLOCKS, CONVOLVED, DENSE, LEARNED, NORM
from genome.classes.alphabet import ChannelMixing, FeatureTokenMixing, Generator, Normalisation, Source
from genome.classes.feature_groups import CONVOLVED_INPUT, OUTPUT
from genome.classes.operator import FeaturizerGenome, LIVClass, OperatorGenome

_GATE = replace(BLOCKS, generator=Generator.BIASED)

CELL_FEATURIZERS = (
    FeaturizerGenome(
        120, (("c", DENSE), ("b", CONVOLVED), ("f", CONVOLVED), ("m", LEARNED), ("v", DENSE), (OUTPUT, NORM))
    ),
    FeaturizerGenome(
        220,
        (
            ("c", _GATE),
            ("b", replace(_GATE, source=Source.CONVOLVED)),
            ("f", replace(BLOCKS, source=Source.CONVOLVED)),
            ("m", LEARNED),
            ("v", _GATE),
            (CONVOLVED_INPUT, replace(ACTIVATED, channel=ChannelMixing.DIAGONAL, token=FeatureTokenMixing.BIASED)),
            (OUTPUT, replace(NORM, normalisation=Normalisation.GROUP)),
        ),
    ),
)

CELL_CLASSES = (
    LIVClass(
        120,
        "sLSTM",
        OperatorGenome.of((120, 6, 1, 1, 3)),
        source="Beck et al. 2024, arXiv 2405.04517",
        description="a memory cell whose gates read its own output: nonlinear in its state, "
        "so no LIV and without a matrix; dense projections, of which those of two gates are convolved",
    ),
    LIVClass(
        220,
        "sLSTM-Published",
        OperatorGenome.of((220, 6, 1, 1, 3)),
        source="Beck et al. 2024, arXiv 2405.04517",
        description="sLSTM with projections head by head and biases; its input and forget gates read the convolved "
        "input, and each head of the output is normalised by mean and variance",
    ),
)
