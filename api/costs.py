"""The predicted cost of a genome given as text."""

from __future__ import annotations

from typing import Any

from genome import Blueprint, Genome, Shape, Space, decode

HEAD_DIMS = (64, 32, 16, 8, 4, 2, 1)


def head_dim_for(width: int) -> int:
    """Return the default head size: the largest power of two up to 64 that divides `width` into 4n heads, or 1.

    Classes in which four query heads share one key head need a number of heads that is a multiple of four.
    """
    return next(size for size in HEAD_DIMS if size == 1 or width % (4 * size) == 0)


def shape_for(width: int, head_dim: int | None, vocab: int, window: int) -> Shape:
    """Return a shape with the given head size, or with the default head size of the width if none is given.

    Raises:
        ValueError: the sizes do not fit; the message names them.
    """
    return Shape(width, head_dim or head_dim_for(width), vocab, window)


def cost_of(blueprint: Blueprint, shape: Shape, context: int) -> dict[str, Any]:
    """Return parameters, cache bytes and FLOPs as JSON, in total and by LIV, without allocating weights."""
    import star  # torch takes seconds to import, and `star --help` must not wait for it

    cost: dict[str, Any] = star.cost(blueprint, shape, context=context).to_json()
    return cost


def cost_of_text(text: str, shape: Shape, context: int) -> dict[str, Any]:
    """Return the cost of a genome of any length, which may name every catalogue class and class 0 (no operator).

    Raises:
        ValueError: the text is not a genome, the genome is not legal, or the sizes do not fit; the message
            names the segment and gene, or the size, and the legal values.
    """
    genome = Genome.parse(text)
    space = open_space(len(genome.segments))
    blueprint = decode(genome, space)
    return {
        "genome": str(genome.canonical()),
        **shape.to_json(),
        "context": context,
        **cost_of(blueprint, shape, context),
        "blueprint": blueprint.to_json(),
    }


def open_space(depth: int) -> Space:
    """Return the space that allows every catalogue class, class 0 (no operator) and as many sharing groups as LIVs."""
    return Space.of(depth=depth, allow_skip=True, groups=depth)
