"""The ticks of all charts: round values, few of them, inside the range."""

from __future__ import annotations

import itertools

import pytest
from playwright.sync_api import Page

TICKS = "async (given) => (await import('/static/chart/ticks.js')).ticks(...given)"

RANGES: tuple[tuple[float, float, bool], ...] = (
    (0, 1, False),
    (-3, 7.5, False),
    (2.1, 3.3, False),
    (1.0001, 1.0002, False),
    (123456.7891, 123456.7892, False),
    (0, 3.1e12, False),
    (2e-9, 7e-9, False),
    (1e-6, 1e6, True),
    (3e-9, 4e3, True),
    (900, 1100, True),
    (1.0001, 1.0002, True),
    (1.5, 80, True),
    (30, 31000, True),
    (15, 4000, True),
)
"""Ranges and whether they are logarithmic: tiny spans beside spans of 12 decades."""


def parts_of(ticks: list[float]) -> set[float]:
    """Return the digits, without the power of ten, of the steps from one tick to the next."""
    steps = [high - low for low, high in itertools.pairwise(ticks)]
    return {float(f"{step:.3e}".split("e")[0]) for step in steps}


@pytest.mark.parametrize(("low", "high", "log"), RANGES)
def test_ticks_are_round_few_and_inside_the_range(page: Page, low: float, high: float, log: bool) -> None:
    page.goto("/")
    ticks = page.evaluate(TICKS, [low, high, {"log": log}])
    assert 3 <= len(ticks) <= 9
    assert low <= ticks[0]
    assert ticks[-1] <= high
    assert all(one < other for one, other in itertools.pairwise(ticks))
    if log and high / low > 8:
        assert {f"{tick:.3e}"[0] for tick in ticks} <= {"1", "2", "5"}
        assert all(float(f"{tick:.0e}") == tick for tick in ticks)
    else:
        assert len(parts_of(ticks)) == 1
        assert parts_of(ticks) <= {1, 2, 5}


def test_a_range_of_one_value_has_one_tick(page: Page) -> None:
    page.goto("/")
    for value in (0, 7.5, -3):
        assert page.evaluate(TICKS, [value, value]) == [value]
        assert page.evaluate(TICKS, [value, value + abs(value) * 1e-15]) == [value]
