"""What a genome costs, for people who hold nothing but its text."""

from __future__ import annotations

from typing import Any

from genome import Blueprint, Genome, Shape, Space, decode

HEAD_DIMS = (64, 32, 16, 8, 4, 2, 1)


def head_dim_for(width: int) -> int:
    """The head size used when none is given: 64 channels where that makes 4 heads or more, else fewer.

    Four heads is what the classes that share a key head among four queries need.
    """
    return next(size for size in HEAD_DIMS if size == 1 or width % (4 * size) == 0)


def shape_for(width: int, head_dim: int | None, vocab: int, window: int) -> Shape:
    """A shape with the head size that was given, or the one for this width.

    Raises:
        ValueError: the sizes do not fit; the message names them.
    """
    return Shape(width, head_dim or head_dim_for(width), vocab, window)


def cost_of(blueprint: Blueprint, shape: Shape, context: int) -> dict[str, Any]:
    """Parameters, cache bytes and FLOPs, in all and by LIV, as JSON; allocates no weights."""
    import star  # torch takes seconds to import, and `star --help` must not wait for it

    cost: dict[str, Any] = star.cost(blueprint, shape, context=context).to_json()
    return cost


def priced(text: str, shape: Shape, context: int) -> dict[str, Any]:
    """The cost of a genome of any length, any catalogue class in it, skips allowed.

    Raises:
        ValueError: the text is no genome, the genome is not legal, or the sizes do not fit; the message
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
    """Every class of the catalogue, every sharing, skips allowed."""
    return Space.of(depth=depth, allow_skip=True, groups=depth)
