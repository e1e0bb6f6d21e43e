"""The cost of an architecture, counted on skeletons of its LIVs on the meta device, so that no weight is allocated.

Costs add up over LIVs. A LIV that was counted before is not built again, so that a search can cost hundreds of genomes
for each one that it trains.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import Any, NamedTuple

import torch
from torch import nn

from genome import Blueprint, FeaturizerGenome, LIVClass, Placement, Shape
from star.block import Block
from star.build import featurizer_groups, featurizers_of, operator_of, skeleton

FAR = 2**30
"""Tokens after which every window and every filter is full: more than any of them may reach."""


@dataclass(frozen=True)
class LIVCost:
    """The cost of one LIV. Weights and features that it shares with an earlier LIV are counted for that LIV."""

    name: str
    parameters: int
    cache_bytes: int
    state_bytes: int
    flops_per_token: int


@dataclass(frozen=True)
class Cost:
    """The cost of a whole model.

    Attributes:
        parameters: number of parameters, embedding and head included; a shared parameter counts once.
        parameters_without_embedding: the same without embedding and head.
        cache_bytes: bytes that the cache holds after `context` tokens at batch 1.
        state_bytes: the part of the cache that does not grow with the tokens, once every window and filter is full.
        flops_per_token: FLOPs to decode one token at that position; a multiply-add counts as two.
        livs: the cost of each LIV; embedding and head belong to no LIV.
    """

    parameters: int
    parameters_without_embedding: int
    cache_bytes: int
    state_bytes: int
    flops_per_token: int
    livs: tuple[LIVCost, ...]

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def cost(blueprint: Blueprint, shape: Shape, context: int = 4096, element_bytes: int = 2) -> Cost:
    """Count parameters, cache bytes and FLOPs; the defaults, 4096 tokens and 2 bytes an element, are STAR's.

    Raises:
        ValueError: a class does not fit the shape, or context or element_bytes is not positive.
    """
    if context < 1 or element_bytes < 1:
        raise ValueError(f"context and element_bytes must be 1 or more, not {context} and {element_bytes}")
    groups = featurizer_groups(blueprint)
    livs = tuple(
        _liv_cost(_Part.of(liv, position, groups), shape, context, element_bytes)
        for position, liv in enumerate(blueprint.livs)
    )
    around, embeddings = _parameters_around(shape)
    parameters = around + sum(liv.parameters for liv in livs)
    return Cost(
        parameters,
        parameters - embeddings,
        sum(liv.cache_bytes for liv in livs),
        sum(liv.state_bytes for liv in livs),
        2 * shape.width * (shape.vocab + shape.channels) + sum(liv.flops_per_token for liv in livs),
        livs,
    )


class _Part(NamedTuple):
    """All that the cost of one LIV depends on, so that LIVs that cost the same are counted once.

    Attributes:
        groups: the feature groups of its featurizer, if the weights are its own; else those that it computes.
        taken: the feature groups that it takes from another LIV.
    """

    liv_class: LIVClass
    featurizer: FeaturizerGenome
    owns_weights: bool
    groups: frozenset[str]
    computes: tuple[str, ...]
    taken: tuple[str, ...]

    @classmethod
    def of(cls, liv: Placement, position: int, groups: Mapping[int, frozenset[str]]) -> _Part:
        owns, computes = liv.weights_from == position, liv.computes(position)
        taken = () if liv.features_from == position else liv.taken
        needed = groups[position] if owns else frozenset(computes)
        return cls(liv.liv_class, liv.featurizer, owns, needed, computes, taken)


@lru_cache(maxsize=65_536)
def _liv_cost(part: _Part, shape: Shape, context: int, element_bytes: int) -> LIVCost:
    """Count one block on its skeleton."""
    placement = Placement(part.liv_class, part.featurizer, weights_from=0, features_from=0, taken=part.taken)
    with torch.device("meta"):
        sizes = shape.group_sizes(part.liv_class, part.featurizer)
        featurizers = featurizers_of(placement, part.groups, sizes, shape.width)
        operator = operator_of(placement, part.computes, featurizers, shape)
        block = Block(1, operator, shape.width, 0, part.taken)
    parameters = _count(block) - (0 if part.owns_weights else sum(map(_count, featurizers)))
    cache_bytes = block.cache_elements(context) * element_bytes
    state_bytes = fixed_elements(block.cache_elements) * element_bytes
    return LIVCost(part.liv_class.name, parameters, cache_bytes, state_bytes, operator.flops(context))


def fixed_elements(elements: Callable[[int], int]) -> int:
    """Return the part of a cache that does not grow, from the elements that it holds after so many tokens."""
    short, long = elements(FAR), elements(2 * FAR)
    return 2 * short - long


@lru_cache(maxsize=256)
def _parameters_around(shape: Shape) -> tuple[int, int]:
    """Count the parameters of a model without LIVs (embedding, norm and head), and those of embedding and head."""
    model = skeleton(Blueprint((), 0), shape)
    return _count(model), model.embedding_VD.numel() + model.head_VD.numel()


def _count(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())
