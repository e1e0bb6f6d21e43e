"""Rules about routes, about experts, and about groups that each route computes for itself."""

from __future__ import annotations

from collections.abc import Iterator

from genome.classes.alphabet import (
    ChannelMixing,
    Expansion,
    FeatureTokenMixing,
    Generator,
    Source,
    Sparsity,
    TokenMixing,
)
from genome.classes.feature_groups import ROUTES, SKIP
from genome.classes.operator import FeaturizerGenome, GroupGenome, OperatorGenome
from genome.classes.quantities import SHORT_CONVOLUTIONS
from genome.classes.rule import Rule, choice

_PROJECTED_BY_ROUTE = {"b": Generator.NONE, "a": Generator.RATE, "d": Generator.NONE, "v": Generator.NONE}
"""The groups that each memory of a delta rule may project for itself, and their generators."""

_CONVOLVED_BY_ROUTE = ("c", "b", "v")
"""The groups that are then convolved over the tokens of a memory. Its queries are one projection for all memories."""


def _routes_and_experts(operator: OperatorGenome, featurizer: FeaturizerGenome) -> Iterator[str]:
    """A gate is a single route, and a choice needs several routes. An expert computes each token by itself."""
    if operator.sparsity is not Sparsity.ROUTED:
        return
    routes = featurizer[ROUTES]
    counts = (Expansion.SAME,) if routes.generator is Generator.GATE else (Expansion.FOUR, Expansion.EIGHT)
    where = f"featurizer {featurizer.id}, group {ROUTES} with generator {routes.generator.value}"
    yield from choice(where, "expansion", routes.expansion, counts)
    for name, group in featurizer.groups:
        if group.expansion is Expansion.EXPERT and group.token is not FeatureTokenMixing.NONE:
            yield f"featurizer {featurizer.id}, group {name}: an expert has no convolution; its token mixing must be 1"
        if group.expansion is Expansion.EXPERT and group.generator is Generator.BIASED:
            yield f"featurizer {featurizer.id}, group {name}: an expert has no bias; its generator must be 1 (none)"


def _by_route(operator: OperatorGenome, featurizer: FeaturizerGenome) -> Iterator[str]:
    """Memories of a delta rule project their keys, decays, shares and values all for themselves or all together."""
    if not any(group.by_route for _, group in featurizer.groups):
        return
    start = f"featurizer {featurizer.id}"
    if operator.token_mixing is not TokenMixing.DELTA or operator.sparsity is not Sparsity.ROUTED:
        yield f"{start}: channel mixing 8 and sparsity 3 of a group (routed) belong to token mixing 5 with sparsity 3"
        return
    projected = {name for name, group in featurizer.groups if group.channel is ChannelMixing.ROUTED}
    if projected != set(_PROJECTED_BY_ROUTE):
        yield f"{start}: channel mixing 8 (routed) is for {', '.join(_PROJECTED_BY_ROUTE)} together"
    convolved = {name for name, group in featurizer.groups if group.sparsity is Sparsity.ROUTED}
    if convolved != set(_CONVOLVED_BY_ROUTE):
        yield f"{start}: sparsity 3 (routed) of a group is for {', '.join(_CONVOLVED_BY_ROUTE)} together"
    if SKIP in featurizer.names:
        yield f"{start}: values that each memory projects for itself (channel mixing 8) allow no group {SKIP}"
    for name, generator in {"c": Generator.NONE, **_PROJECTED_BY_ROUTE}.items():
        where = f"{start}, group {name} of memories that project for themselves"
        yield from _computed(where, featurizer[name], generator)
        if name in "cb":
            yield from choice(where, "expansion", featurizer[name].expansion, (Expansion.SAME, Expansion.HALF))


def _computed(where: str, group: GroupGenome, generator: Generator) -> Iterator[str]:
    """Allow a projection of the input by this generator, which a convolution without biases may follow."""
    yield from choice(where, "source", group.source, (Source.PROJECTED,))
    yield from choice(where, "generator", group.generator, (generator,))
    unbiased = (one for one, short in SHORT_CONVOLUTIONS.items() if not short.biased)
    yield from choice(where, "token mixing", group.token, (FeatureTokenMixing.NONE, *unbiased))


ROUTE_RULES: tuple[Rule, ...] = (
    _routes_and_experts,
    _by_route,
)
