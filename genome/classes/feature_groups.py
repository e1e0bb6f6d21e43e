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
"""The feature groups each structure mixes, in the order of its formula."""

ROUTES = "r"
"""One more, behind the others, where the structure is routed."""

OUTPUT = "o"
"""One more that a featurizer may have: what the structure's output is multiplied by."""

GROUP_MEANING = {
    "c": "reads the past: queries, output gates",
    "b": "writes the present: keys, input gates",
    "a": "log decay per step of the state",
    "d": "step size: how far a token moves the state",
    "h": "the filter K over distances",
    "f": "logit of what a memory cell keeps",
    "m": "feedback of a memory cell's output to its gates",
    "v": "values",
    ROUTES: "routes: the experts or memories a token meets, and how much each counts",
    OUTPUT: "gate of the output, which its normalisation brings to unit size head by head first",
}

STRATEGIES: dict[TokenMixing, tuple[tuple[str, ...], ...]] = {
    TokenMixing.DIAGONAL: ((), ("c",), ("v",)),
    TokenMixing.LOW_RANK: ((), ("b",), ("v",), ("b", "v")),
    TokenMixing.TOEPLITZ: ((), ("b",), ("v",), ("b", "v"), ("h",)),
    TokenMixing.SEMI_SEPARABLE: ((), ("b",), ("b", "v"), ("b", "a", "d", "v")),
    TokenMixing.DELTA: ((), ("b",), ("b", "v"), ("b", "a", "d", "v")),
    TokenMixing.MEMORY_CELL: ((), ("b",), ("b", "v"), ("b", "f", "v")),
}
"""Feature-sharing strategies 1, 2, ...: the computed groups that later members take from the first."""

ROUTED_STRATEGIES = {TokenMixing.DIAGONAL: ((), ("c", ROUTES), ("v", ROUTES))}
"""The same where routing changes them: what an expert computed is of use only with the route that led there."""

WEIGHT_STRATEGIES = (1, 2)
"""Featurizer-sharing strategies: 1 none, 2 all featurizer weights."""
