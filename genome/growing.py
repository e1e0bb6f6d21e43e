"""Deeper architectures made of copies of the LIVs of another one."""

from __future__ import annotations

from dataclasses import replace
from enum import StrEnum

from genome.blueprint import Blueprint


class Growth(StrEnum):
    """The order of the copies: `REPEAT` the whole stack again (ABAB), `STRETCH` each LIV again (AABB)."""

    REPEAT = "repeat"
    STRETCH = "stretch"


def grown(blueprint: Blueprint, copies: int, growth: Growth) -> Blueprint:
    """Return an architecture with this many copies of each LIV. Skipped LIVs are left out.

    The n-th copies of two LIVs share what the two share; different copies of one LIV share nothing.

    Raises:
        ValueError: `copies` is not positive.
    """
    if copies < 1:
        raise ValueError(f"the number of copies must be 1 or more, not {copies}")
    each = len(blueprint.livs)

    def place(position: int, copy: int) -> int:
        return position * copies + copy if growth is Growth.STRETCH else copy * each + position

    livs = {
        place(position, copy): replace(
            liv, weights_from=place(liv.weights_from, copy), features_from=place(liv.features_from, copy)
        )
        for copy in range(copies)
        for position, liv in enumerate(blueprint.livs)
    }
    return Blueprint(tuple(livs[position] for position in range(copies * each)), copies * each)
