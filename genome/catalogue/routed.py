"""Routed operators: classes and featurizers 110 to 119, and 210, the published form of 110."""

from dataclasses import replace

from genome.catalogue.parts import ACTIVATED, CONVOLVED, DENSE, KEY, NORM_AND_GATE, PER_HEAD, SIGMOID, UNIT
from genome.classes.alphabet import ChannelMixing, Expansion, Generator, Sparsity
from genome.classes.feature_groups import OUTPUT, ROUTES
from genome.classes.operator import FeaturizerGenome, GroupGenome, LIVClass, OperatorGenome

_EXPERT = GroupGenome(expansion=Expansion.EXPERT)
_EXPERTS = (ROUTES, GroupGenome(expansion=Expansion.EIGHT, generator=Generator.TOP_2))
_CLUSTERS = (ROUTES, GroupGenome(expansion=Expansion.FOUR, generator=Generator.TOP_1))
_GATE = (ROUTES, GroupGenome(generator=Generator.GATE))
_MEMORIES = (ROUTES, GroupGenome(expansion=Expansion.FOUR, generator=Generator.TOP_2_SHARED))


def _of_each_memory(group: GroupGenome) -> GroupGenome:
    """Make the group that each memory projects and convolves for itself."""
    return replace(group, channel=ChannelMixing.ROUTED, sparsity=Sparsity.ROUTED)


ROUTED_FEATURIZERS = (
    FeaturizerGenome(
        110,
        (("c", KEY), ("b", KEY), ("a", PER_HEAD), ("d", SIGMOID), ("v", ACTIVATED), _MEMORIES, (OUTPUT, NORM_AND_GATE)),
    ),
    FeaturizerGenome(
        111,
        (
            ("c", CONVOLVED),
            ("b", CONVOLVED),
            ("a", GroupGenome()),
            ("d", UNIT),
            ("v", CONVOLVED),
            _MEMORIES,
            (OUTPUT, NORM_AND_GATE),
        ),
    ),
    FeaturizerGenome(112, (("c", _EXPERT), ("v", _EXPERT), _EXPERTS)),
    FeaturizerGenome(113, (("c", DENSE), ("b", DENSE), ("v", DENSE), _CLUSTERS)),
    FeaturizerGenome(114, (("c", DENSE), ("b", DENSE), ("v", DENSE), _GATE)),
    FeaturizerGenome(
        210,
        (
            ("c", replace(KEY, sparsity=Sparsity.ROUTED)),
            ("b", _of_each_memory(KEY)),
            ("a", replace(PER_HEAD, channel=ChannelMixing.ROUTED, generator=Generator.RATE)),
            ("d", replace(SIGMOID, channel=ChannelMixing.ROUTED)),
            ("v", replace(_of_each_memory(ACTIVATED), expansion=Expansion.DOUBLE)),
            _MEMORIES,
            (OUTPUT, NORM_AND_GATE),
        ),
    ),
)

ROUTED_CLASSES = (
    LIVClass(
        110,
        "MoM",
        OperatorGenome.of((110, 5, 3, 1, 3)),
        source="Du et al. 2025, arXiv 2502.13685",
        description="mixture of memories: the gated delta rule on 2 of 4 memories and on a shared one, which share one "
        "projection of keys, values, decays and shares",
    ),
    LIVClass(
        111,
        "MoM-GLA",
        OperatorGenome.of((111, 4, 3, 1, 3)),
        source="Du et al. 2025; Yang et al. 2024",
        description="mixture of memories: gated linear attention on 2 of 4 memories and on a shared one",
    ),
    LIVClass(
        112,
        "MoE",
        OperatorGenome.of((112, 1, 3, 4, 2)),
        source="Shazeer et al. 2017; Fedus et al. 2022",
        description="mixture of experts: 2 of 8 SwiGLUs, each half as wide as GMemless; the others are not computed",
    ),
    LIVClass(
        113,
        "Routing Transformer",
        OperatorGenome.of((113, 2, 3, 2, 3)),
        source="Roy et al. 2021, arXiv 2003.05997",
        description="attention within the nearest of 4 clusters, whose centroids are learned by gradient",
    ),
    LIVClass(
        114,
        "SeqBoat",
        OperatorGenome.of((114, 2, 3, 2, 3)),
        source="Ren et al. 2023, arXiv 2306.11197",
        description="attention among the tokens that a learned gate lets through",
    ),
    LIVClass(
        210,
        "MoM-Published",
        OperatorGenome.of((210, 5, 3, 1, 3)),
        source="Du et al. 2025, arXiv 2502.13685",
        description="mixture of memories: the gated delta rule on 2 of 4 memories and on a shared one, each of which "
        "projects its keys, values of twice the width, decays and shares, and convolves its tokens, for itself",
    ),
)
