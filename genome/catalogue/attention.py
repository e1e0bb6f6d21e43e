"""Attention that STAR does not list: shared keys, windows and latents. Classes and featurizers 20 to 39, 123, 130."""

from dataclasses import replace

from genome.catalogue.parts import DENSE, LEARNED, NORM
from genome.classes.alphabet import Expansion, Generator, Repeat
from genome.classes.feature_groups import BALANCE, DECOMPRESSION, OUTPUT
from genome.classes.operator import FeaturizerGenome, GroupGenome, LIVClass, OperatorGenome

_ONE_HEAD = GroupGenome(repeat=Repeat.ALL)
_QUERIES = GroupGenome(expansion=Expansion.LATENT)
_LATENT = replace(_QUERIES, repeat=Repeat.ALL)
_TIED = replace(_LATENT, generator=Generator.TIED)
_NORMALISED_LATENT = replace(_LATENT, generator=Generator.LATENT_NORM)

ATTENTION_FEATURIZERS = (
    FeaturizerGenome(20, (("c", DENSE), ("b", _ONE_HEAD), ("v", _ONE_HEAD))),
    FeaturizerGenome(23, (("c", _QUERIES), ("b", _LATENT), ("v", _TIED))),
    FeaturizerGenome(123, (("c", _QUERIES), ("b", _NORMALISED_LATENT), ("v", _TIED), (DECOMPRESSION, LEARNED))),
    FeaturizerGenome(
        130,
        (
            ("c", DENSE),
            ("b", DENSE),
            ("v", GroupGenome(expansion=Expansion.PAIRED)),
            (BALANCE, replace(LEARNED, expansion=Expansion.PAIRED)),
            (OUTPUT, NORM),
        ),
    ),
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
        description="multi-head latent attention in absorbed form, with full weights in place of products: all heads "
        "read one latent, as wide as 4 heads and not normalised; the cache holds it and half a head of rotated keys",
    ),
    LIVClass(
        24,
        "SWA-MLA",
        OperatorGenome.of((23, 2, 2, 2, 3)),
        source="DeepSeek-AI 2024; Beltagy et al. 2020",
        description="multi-head latent attention to the last `window` tokens",
    ),
    LIVClass(
        123,
        "MLA-Published",
        OperatorGenome.of((123, 2, 1, 2, 3)),
        source="DeepSeek-AI 2024, arXiv 2405.04434",
        description="multi-head latent attention: a normalised latent, as wide as 4 heads, is mapped to the keys and "
        "values of each head; the cache holds it and half a head of rotated keys",
    ),
    LIVClass(
        130,
        "SA-1-Diff-Published",
        OperatorGenome.of((130, 2, 1, 2, 3)),
        source="Ye et al. 2024, arXiv 2410.05258",
        description="differential attention: the softmaxes of every two heads, whose difference reads values of "
        "twice the width; normalised head by head, the second factor and the scale by the depth of the layer",
    ),
)
