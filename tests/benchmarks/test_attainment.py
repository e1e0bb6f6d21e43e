"""The median attainment curve is what half of the searches reach."""

import numpy as np
import pytest
from replaying import attainment

GOOD = np.array([[1.0, 3.0], [4.0, 1.0]])
FAIR = np.array([[2.0, 4.0], [4.0, 2.0]])
POOR = np.array([[3.0, 9.0]])


def test_each_corner_is_reached_by_half_of_the_searches():
    curve = attainment.median_curve([GOOD, POOR, FAIR])
    assert curve.tolist() == [[2.0, 4.0], [4.0, 2.0]]


def test_the_order_of_searches_and_points_does_not_matter():
    assert np.array_equal(
        attainment.median_curve([GOOD, FAIR, POOR]), attainment.median_curve([POOR, FAIR[::-1], GOOD[::-1]])
    )


@pytest.mark.parametrize(("size", "quality"), [(1.9, None), (2.0, 4.0), (3.9, 4.0), (100.0, 2.0)])
def test_a_curve_attains_its_best_quality_up_to_a_size(size, quality):
    assert attainment.attained(attainment.median_curve([GOOD, FAIR, POOR]), size) == quality


def test_the_section_has_a_row_for_each_algorithm_and_count():
    curves = {"a": {40: GOOD, 160: GOOD}, "b": {40: FAIR, 160: FAIR}}
    rows = [line for line in attainment.section(curves, "x.png").splitlines() if line.startswith(("| a |", "| b |"))]
    assert [row.split(" | ")[1] for row in rows] == ["40", "160"] * 2
    assert all(row.count("none") == 0 for row in rows)
