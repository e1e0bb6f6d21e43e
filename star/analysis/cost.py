"""What an architecture costs, without allocating a weight: the skeleton on the meta device is counted."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from genome import Blueprint, Shape
from star.build import skeleton


@dataclass(frozen=True)
class LIVCost:
    """Of one LIV: what it owns. Weights and features shared with an earlier LIV are counted there."""

    name: str
    parameters: int
    cache_bytes: int
    flops_per_token: int


@dataclass(frozen=True)
class Cost:
    """Of a whole model.

    Attributes:
        parameters: shared ones once, embedding and head included.
        cache_bytes: kept after `context` tokens at batch 1.
        flops_per_token: to decode one token at that position, a multiply-add counted as two.
        livs: the same for each LIV; embedding and head are in none of them.
    """

    parameters: int
    cache_bytes: int
    flops_per_token: int
    livs: tuple[LIVCost, ...]

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def cost(blueprint: Blueprint, shape: Shape, context: int = 4096, element_bytes: int = 2) -> Cost:
    """Parameters, cache and FLOPs of a blueprint. STAR's cache convention: context 4096, 2 bytes an element.

    Raises:
        ValueError: a class does not fit the shape, or context or element_bytes is not positive.
    """
    if context < 1 or element_bytes < 1:
        raise ValueError(f"context and element_bytes must be 1 or more, not {context} and {element_bytes}")
    model = skeleton(blueprint, shape)
    counted: set[int] = set()
    livs = []
    for block, liv, elements in zip(model.stack(), blueprint.livs, model.cache_elements(context), strict=True):
        new = [parameter for parameter in block.parameters() if id(parameter) not in counted]
        counted.update(map(id, new))
        livs.append(
            LIVCost(
                liv.liv_class.name,
                sum(parameter.numel() for parameter in new),
                elements * element_bytes,
                block.operator.flops(context),
            )
        )
    head_flops = 2 * shape.width * shape.vocab
    return Cost(
        sum(parameter.numel() for parameter in model.parameters()),
        sum(liv.cache_bytes for liv in livs),
        sum(liv.flops_per_token for liv in livs) + head_flops,
        tuple(livs),
    )
