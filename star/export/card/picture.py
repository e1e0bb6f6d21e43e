"""The frontier of a search as a picture: SVG in two objectives, in which the model that leaves is marked."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from xml.sax.saxutils import escape, quoteattr

from star.export.card.ticks import powers_of_ten, round_values

WIDTH, HEIGHT = 640, 420
LEFT, RIGHT, TOP, BOTTOM = 80, 24, 24, 56
"""Pixels around the plane of the points."""

MARGIN = 0.06
"""Part of the range of the values that is left free on either side."""

WIDE = 30.0
"""The ratio of the largest to the smallest value from which an axis is logarithmic."""

LARGEST = 1e100
"""The largest value that is drawn, and the inverse of the smallest one on a logarithmic axis."""

OWN, OTHER, INK, LINE = "#c2410c", "#2563eb", "#1f2937", "#d1d5db"


@dataclass(frozen=True)
class Axis:
    """An axis of the picture.

    Attributes:
        low, high: the ends, in the values of the scale.
        scale: the identity, or log10.
        ticks: round values between the ends, not scaled.
    """

    low: float
    high: float
    scale: Callable[[float], float]
    ticks: list[float]

    @classmethod
    def of(cls, values: list[float]) -> Axis:
        """Make the axis on which all values lie."""
        logarithmic = min(values) >= 1 / LARGEST and max(values) / min(values) >= WIDE
        scale = math.log10 if logarithmic else float
        low, high = scale(min(values)), scale(max(values))
        margin = (high - low) * MARGIN or abs(high) * MARGIN or 1.0
        low, high = low - margin, high + margin
        return cls(low, high, scale, powers_of_ten(low, high) if logarithmic else round_values(low, high))

    def place(self, value: float) -> float:
        """Return the place of a value as a part of the axis, 0 to 1."""
        return (self.scale(value) - self.low) / (self.high - self.low)


def picture(facts: Mapping[str, Any]) -> str | None:
    """Return the frontier among the facts as SVG, or None if there is none with two objectives.

    The first objective is the vertical axis and the second one the horizontal axis.
    """
    found = _points(facts.get("frontier"))
    if found is None:
        return None
    names, points = found
    across, up = Axis.of([x for _, _, x in points]), Axis.of([y for _, y, _ in points])
    own = facts.get("candidate")
    ordered = sorted(points, key=lambda point: (point[0] == own, point[0]))  # the own one is drawn last
    dots = [_dot(number, names, (x, y), across, up, number == own) for number, y, x in ordered]
    title = f"The frontier of a search in {names[0]} and {names[1]}"
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" '
            f'height="{HEIGHT}" role="img" font-family="sans-serif" font-size="12" fill="{INK}">',
            f"<title>{escape(title)}</title>",
            f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>',
            *(_line(_x(across.place(tick)), TOP, _x(across.place(tick)), HEIGHT - BOTTOM) for tick in across.ticks),
            *(_line(LEFT, _y(up.place(tick)), WIDTH - RIGHT, _y(up.place(tick))) for tick in up.ticks),
            *(_text(_x(across.place(tick)), HEIGHT - BOTTOM + 18, _short(tick)) for tick in across.ticks),
            *(_text(LEFT - 8, _y(up.place(tick)) + 4, _short(tick), "end") for tick in up.ticks),
            _text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 12, names[1]),
            f'<g transform="rotate(-90 16 {HEIGHT / 2:g})">{_text(16, HEIGHT / 2, names[0])}</g>',
            *dots,
            "</svg>\n",
        ]
    )


def _points(frontier: Any) -> tuple[list[str], list[tuple[int, float, float]]] | None:
    """Return the names of two objectives, and number and values of each candidate; None for anything else."""
    try:
        names = [str(name) for name in frontier["objectives"][:2]]
        pairs = [[float(value) for value in one["values"][:2]] for one in frontier["candidates"]]
        numbers = [int(one["candidate"]) for one in frontier["candidates"]]
    except (TypeError, KeyError, ValueError, IndexError, AttributeError, OverflowError):
        return None
    points = [
        (number, pair[0], pair[1])
        for number, pair in zip(numbers, pairs, strict=True)
        if len(pair) == 2 and all(abs(value) <= LARGEST for value in pair)
    ]
    return (names, points) if len(names) == 2 and points else None


def _dot(number: int, names: list[str], at: tuple[float, float], across: Axis, up: Axis, own: bool) -> str:
    x, y = at
    radius, colour = (7, OWN) if own else (4, OTHER)
    told = f"candidate {number}: {names[0]} {y:.6g}, {names[1]} {x:.6g}"
    label = _text(_x(across.place(x)), _y(up.place(y)) - 12, f"candidate {number}") if own else ""
    place = f'cx="{_x(across.place(x)):.1f}" cy="{_y(up.place(y)):.1f}"'
    return f'<circle {place} r="{radius}" fill="{colour}"><title>{escape(told)}</title></circle>{label}'


def _line(x1: float, y1: float, x2: float, y2: float) -> str:
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{LINE}"/>'


def _text(x: float, y: float, text: str, anchor: str = "middle") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor={quoteattr(anchor)}>{escape(text)}</text>'


def _x(part: float) -> float:
    return LEFT + part * (WIDTH - LEFT - RIGHT)


def _y(part: float) -> float:
    return HEIGHT - BOTTOM - part * (HEIGHT - TOP - BOTTOM)


def _short(value: float) -> str:
    for prefix, size in (("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if abs(value) >= size:
            return f"{value / size:g}{prefix}"
    return f"{value:g}"
