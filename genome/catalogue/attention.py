"""Attention that STAR does not list: shared keys, windows and latents. Classes and featurizers 20 to 39."""

from dataclasses import replace

from genome.catalogue.parts import DENSE
from genome.classes.alphabet import Expansion, Generator, Repeat
from genome.classes.operator import FeaturizerGenome, GroupGenome, LIVClass, OperatorGenome

_ONE_HEAD = GroupGenome(repeat=Repeat.ALL)
_QUERIES = GroupGenome(expansion=Expansion.LATENT)
_LATENT = replace(_QUERIES, repeat=Repeat.ALL)

ATTENTION_FEATURIZERS = (
    FeaturizerGenome(20, (("c", DENSE), ("b", _ONE_HEAD), ("v", _ONE_HEAD))),
    FeaturizerGenome(23, (("c", _QUERIES), ("b", _LATENT), ("v", replace(_LATENT, generator=Generator.TIED)))),
)

ATTENTION_CLASSES = (
    LIVClass(
        20,
        "MQA",
        OperatorGenome.of((20, 2, 1, 2, 3)),
        source="Shazeer 2019",
        description="attention with one key and value head for all query heads",
    ),
    LIVClass(
        21,
        "SWA",
        OperatorGenome.of((1, 2, 2, 2, 3)),
        source="Beltagy et al. 2020",
        description="attention to the last `window` tokens, the token itself included",
    ),
    LIVClass(
        22,
        "SWA-MQA",
        OperatorGenome.of((20, 2, 2, 2, 3)),
        source="Shazeer 2019; Beltagy et al. 2020",
        description="sliding-window attention with one key and value head",
    ),
    LIVClass(
        23,
        "MLA",
        OperatorGenome.of((23, 2, 1, 2, 3)),
        source="DeepSeek-AI 2024, arXiv 2405.04434",
        description="multi-head latent attention in absorbed form: all heads read one latent, as wide as 4 heads; "
        "the cache holds it and half a head of rotated keys",
    ),
    LIVClass(
        24,
        "SWA-MLA",
        OperatorGenome.of((23, 2, 2, 2, 3)),
        source="DeepSeek-AI 2024; Beltagy et al. 2020",
        description="multi-head latent attention to the last `window` tokens",
    ),
)
