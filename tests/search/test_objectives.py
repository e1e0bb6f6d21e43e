"""Frontier, hypervolume and feasibility against their definitions."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluator.artifacts import Artifact
from evaluator.evaluation import Evaluation, Failure
from search.objectives import Frontier, broken_limits, judged, objectives, violation
from search.plan import Constraint, Plan

PLAN = Plan(
    objectives=("bits_per_byte", "parameters"),
    constraints=(Constraint(metric="cache_bytes", at_most=100), Constraint(metric="parameters", at_most=10)),
)
METRICS = {"bits_per_byte": 2.0, "parameters": 5.0, "cache_bytes": 50.0}
GRID = st.integers(0, 6).map(float)


def clouds(dimensions: int) -> st.SearchStrategy[list[list[float]]]:
    return st.lists(st.lists(GRID, min_size=dimensions, max_size=dimensions), min_size=1, max_size=25)


def dominates(a: list[float], b: list[float]) -> bool:
    return all(x <= y for x, y in zip(a, b, strict=True)) and a != b


@given(st.integers(1, 4).flatmap(clouds))
def test_the_frontier_holds_the_first_of_each_point_that_nothing_dominates(points: list[list[float]]) -> None:
    frontier = Frontier([5.0] * len(points[0]), {})
    standing_now: set[int] = set()
    for number, point in enumerate(points):
        standing = frontier.add(number, point)
        assert set(standing.left) <= standing_now
        standing_now = standing_now - set(standing.left) | set(standing.entered)
        assert standing.size == len(standing_now)
    best = {n for n, p in enumerate(points) if p not in points[:n] and not any(dominates(other, p) for other in points)}
    assert standing_now == best


@given(st.integers(1, 3).flatmap(clouds))
def test_hypervolume_is_the_share_of_grid_cells_dominated_and_never_falls(points: list[list[float]]) -> None:
    dimensions = len(points[0])
    frontier = Frontier([4.0] * dimensions, {})
    cells = [[float(n // 4**d % 4) for d in range(dimensions)] for n in range(4**dimensions)]
    before = 0.0
    for number, point in enumerate(points):
        share = frontier.add(number, point).hypervolume
        seen = points[: number + 1]
        covered = sum(any(all(x <= c for x, c in zip(p, cell, strict=True)) for p in seen) for cell in cells)
        assert share == pytest.approx(covered / len(cells))
        assert share >= before - 1e-12
        before = share


@given(clouds(2))
def test_a_frontier_taken_up_again_goes_on_alike(points: list[list[float]]) -> None:
    whole = Frontier([5.0, 5.0], {})
    kept: dict[int, list[float]] = {}
    for number, point in enumerate(points):
        resumed = Frontier([5.0, 5.0], kept)
        standing = whole.add(number, point)
        assert resumed.add(number, point) == standing
        kept = {n: p for n, p in {**kept, number: point}.items() if n not in standing.left}
        if not standing.entered:
            del kept[number]


@given(st.lists(st.tuples(st.integers(0, 9), st.none() | st.lists(GRID, min_size=2, max_size=2)), max_size=40))
def test_a_frontier_whose_candidates_change_is_that_of_what_they_are_now(
    changes: list[tuple[int, list[float] | None]],
) -> None:
    frontier, now = Frontier([5.0, 5.0], {}), dict[int, list[float]]()
    for number, point in changes:
        before = set(frontier.members)
        standing = frontier.add(number, point)
        now = {**now, number: point} if point else {n: p for n, p in now.items() if n != number}
        anew = Frontier([5.0, 5.0], now)
        assert frontier.members == anew.members
        assert frontier.standing() == anew.standing()
        assert set(standing.entered) == set(frontier.members) - before
        assert set(standing.left) == before - set(frontier.members)


@pytest.mark.parametrize("reference", [[0.0, 1.0], [1.0, math.nan], [1.0, math.inf], [-1.0, 1.0]])
def test_a_reference_without_a_box_is_refused(reference: list[float]) -> None:
    with pytest.raises(ValueError, match="finite and positive"):
        Frontier(reference, {})


def test_objectives_come_in_the_order_of_the_plan() -> None:
    assert objectives(METRICS, PLAN) == [2.0, 5.0]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, 0.0),
        ({"cache_bytes": 100.0, "parameters": 10.0}, 0.0),
        ({"cache_bytes": 150.0}, 0.5),
        ({"cache_bytes": 150.0, "parameters": 12.0}, 0.7),
    ],
)
def test_violation_adds_up_the_relative_excess(changes: dict[str, float], expected: float) -> None:
    assert violation({**METRICS, **changes}, PLAN) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("value", "expected"), [(30.0, 0.25), (40.0, 0.0), (60.0, 0.0), (80.0, 0.0), (100.0, 0.25), (0.0, 1.0)]
)
def test_violation_of_a_range_is_relative_to_the_limit_that_is_broken(value: float, expected: float) -> None:
    limits = PLAN.model_copy(update={"constraints": (Constraint(metric="cache_bytes", at_least=40, at_most=80),)})
    assert violation({**METRICS, "cache_bytes": value}, limits) == pytest.approx(expected)
    assert (broken_limits({**METRICS, "cache_bytes": value}, limits) == []) == (expected == 0)


def test_a_limit_on_what_is_not_known_yet_is_not_broken() -> None:
    limits = PLAN.model_copy(update={"constraints": (Constraint(metric="decode_ms", at_least=1),)})
    assert (violation(METRICS, limits), broken_limits(METRICS, limits)) == (0.0, [])


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_a_metric_that_is_not_finite_is_a_divergence(bad: float) -> None:
    verdict = judged(Evaluation(1, 1, metrics={**METRICS, "decode_ms": bad}, weights=Artifact.of("1", b"x")), PLAN)
    assert (verdict.failure, verdict.metrics, verdict.weights) == (Failure.DIVERGED, {}, None)
    assert "decode_ms" in verdict.detail


def test_a_metric_that_is_asked_for_and_missing_is_a_failure() -> None:
    verdict = judged(Evaluation(1, 1, metrics={"bits_per_byte": 2.0, "parameters": 5.0}), PLAN)
    assert verdict.failure is Failure.RAISED
    assert "cache_bytes" in verdict.detail


def test_a_good_evaluation_passes_unchanged_and_losses_that_are_not_finite_leave_the_curve() -> None:
    good = Evaluation(1, 1, metrics=METRICS, curve=((1, 3.0),), weights=Artifact.of("1", b"x"))
    assert judged(good, PLAN) == good
    diverged = Evaluation(1, 1, failure=Failure.DIVERGED, curve=((1, 3.0), (2, math.nan)))
    assert judged(diverged, PLAN).curve == ((1, 3.0),)
