"""Delta rules: classes and featurizers 70 to 89."""

from dataclasses import replace

from genome.catalogue.parts import ACTIVATED, KEY, NO_DECAY, NORM, NORM_AND_GATE, PER_HEAD, SIGMOID, recurrence
from genome.classes.alphabet import ChannelMixing, Generator, Normalisation
from genome.classes.feature_groups import OUTPUT
from genome.classes.operator import FeaturizerGenome, GroupGenome, LIVClass, OperatorGenome

DELTA_FEATURIZERS = (
    FeaturizerGenome(70, (("c", KEY), ("b", KEY), ("a", NO_DECAY), ("d", SIGMOID), ("v", ACTIVATED), (OUTPUT, NORM))),
    FeaturizerGenome(
        71, (("c", KEY), ("b", KEY), ("a", PER_HEAD), ("d", SIGMOID), ("v", ACTIVATED), (OUTPUT, NORM_AND_GATE))
    ),
    recurrence(
        73,
        c=KEY,
        b=KEY,
        a=GroupGenome(channel=ChannelMixing.RANK_HEAD, generator=Generator.RATE),
        d=SIGMOID,
        v=ACTIVATED,
        o=replace(SIGMOID, channel=ChannelMixing.RANK_HEAD, normalisation=Normalisation.L2),
    ),
)

DELTA_CLASSES = (
    LIVClass(
        70,
        "DeltaNet",
        OperatorGenome.of((70, 5, 1, 1, 3)),
        source="Yang et al. 2024, arXiv 2406.06484",
        description="the delta rule: the stored value of a key moves by a share of 0 to 1 towards the new one; "
        "normalised",
    ),
    LIVClass(
        71,
        "Gated DeltaNet",
        OperatorGenome.of((71, 5, 1, 1, 3)),
        source="Yang et al. 2025, arXiv 2412.06464",
        description="the delta rule on a state that first decays by one gate per head, initially for 20 tokens; "
        "normalised and gated",
    ),
    LIVClass(
        72,
        "Banded DeltaNet",
        OperatorGenome.of((70, 5, 2, 1, 3)),
        source="ours, after Yang et al. 2024",
        description="the delta rule in jagged blocks of 16: a token reaches 16 to 31 tokens back",
    ),
    LIVClass(
        73,
        "KDA",
        OperatorGenome.of((73, 5, 1, 1, 3)),
        source="Kimi Team 2025, arXiv 2510.26692, eq. 1 and 10",
        description="Kimi Delta Attention: the delta rule on a state whose key channels each decay by a learned rate "
        "of the head times a step; normalised head by head and gated by a sigmoid; steps and gates through as many "
        "channels as a head has",
    ),
)
