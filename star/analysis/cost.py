"""The cost of an architecture, counted on its skeleton on the meta device, so that no weight is allocated."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from genome import Blueprint, Shape
from star.build import skeleton


@dataclass(frozen=True)
class LIVCost:
    """The cost of one LIV. Weights and features that it shares with an earlier LIV are counted for that LIV."""

    name: str
    parameters: int
    cache_bytes: int
    flops_per_token: int


@dataclass(frozen=True)
class Cost:
    """The cost of a whole model.

    Attributes:
        parameters: number of parameters, embedding and head included; a shared parameter counts once.
        cache_bytes: bytes that the cache holds after `context` tokens at batch 1.
        flops_per_token: FLOPs to decode one token at that position; a multiply-add counts as two.
        livs: the cost of each LIV; embedding and head belong to no LIV.
    """

    parameters: int
    cache_bytes: int
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
