"""The feature groups that each structure mixes, their meaning, and the strategies by which LIVs share them."""

from genome.classes.alphabet import TokenMixing

GROUPS: dict[TokenMixing, tuple[str, ...]] = {
    TokenMixing.DIAGONAL: ("c", "v"),
    TokenMixing.LOW_RANK: ("c", "b", "v"),
    TokenMixing.TOEPLITZ: ("c", "b", "h", "v"),
    TokenMixing.SEMI_SEPARABLE: ("c", "b", "a", "d", "v"),
    TokenMixing.DELTA: ("c", "b", "a", "d", "v"),
    TokenMixing.MEMORY_CELL: ("c", "b", "f", "m", "v"),
}
"""The feature groups that each structure mixes, in the order of its formula."""

ROUTES = "r"
"""The additional last group of a routed structure: the routes of each token."""

CONVOLVED_INPUT = "x"
"""The optional group of a memory cell from which groups of source 6 are projected: the input after a convolution."""

DECOMPRESSION = "u"
"""The optional group of a featurizer with a latent: the maps from the latent to the keys and values of each head."""

BALANCE = "l"
"""The optional group of a featurizer that makes attention differential: the factor of every second softmax."""

OUTPUT = "o"
"""The optional group of a featurizer that the output of the structure is multiplied by."""

ACTIVATION = "g"
"""The optional group of a featurizer that makes the output projection a layer: an activation, a projection, biases."""

SKIP = "s"
"""The optional group of a featurizer that weights the values which are added to the output of the structure."""

OPTIONAL: dict[TokenMixing, tuple[str, ...]] = {
    **dict.fromkeys(TokenMixing, (OUTPUT, ACTIVATION)),
    **dict.fromkeys((TokenMixing.TOEPLITZ, TokenMixing.SEMI_SEPARABLE, TokenMixing.DELTA), (SKIP, OUTPUT, ACTIVATION)),
    TokenMixing.DIAGONAL: (),
    TokenMixing.LOW_RANK: (DECOMPRESSION, BALANCE, OUTPUT, ACTIVATION),
    TokenMixing.MEMORY_CELL: (CONVOLVED_INPUT, OUTPUT, ACTIVATION),
}
"""Groups that a featurizer may have beside those that the structure mixes. A diagonal structure is a gate itself."""

GROUP_MEANING = {
    "c": "reads the past: queries, output gates",
    "b": "writes the present: keys, input gates",
    "a": "log decay per step of the state",
    "d": "step size: how far a token moves the state",
    "h": "the filter K over distances",
    "f": "logit of the forget gate of a memory cell",
    "m": "feedback of a memory cell's output to its gates",
    "v": "values",
    CONVOLVED_INPUT: "the input after a short convolution, from which gates are projected",
    DECOMPRESSION: "maps from a latent to the keys and values of each head",
    BALANCE: "factor of every second softmax, which is subtracted from the one before it",
    ROUTES: "routes: the experts or memories that a token takes, and the weight of each",
    SKIP: "weight of the values that are added to the output, y + s v, before it is normalised and gated",
    OUTPUT: "gate of the output, which is normalised too if the group has another normalisation than 1",
    ACTIVATION: "activation of the output, which is projected with biases, or by a gated linear unit (generator 40)",
}

STRATEGIES: dict[TokenMixing, tuple[tuple[str, ...], ...]] = {
    TokenMixing.DIAGONAL: ((), ("c",), ("v",)),
    TokenMixing.LOW_RANK: ((), ("b",), ("v",), ("b", "v")),
    TokenMixing.TOEPLITZ: ((), ("b",), ("v",), ("b", "v"), ("h",)),
    TokenMixing.SEMI_SEPARABLE: ((), ("b",), ("b", "v"), ("b", "a", "d", "v")),
    TokenMixing.DELTA: ((), ("b",), ("b", "v"), ("b", "a", "d", "v")),
    TokenMixing.MEMORY_CELL: ((), ("b",), ("b", "v"), ("b", "f", "v")),
}
"""Feature-sharing strategies 1, 2, ...: the groups that later members of a sharing group take from its first."""

ROUTED_STRATEGIES = {TokenMixing.DIAGONAL: ((), ("c", ROUTES), ("v", ROUTES))}
"""Feature-sharing strategies that routing changes: the output of an expert is shared with the routes that chose it."""

WEIGHT_STRATEGIES = (1, 2)
"""Featurizer-sharing strategies: 1 shares nothing, 2 shares all featurizer weights."""
