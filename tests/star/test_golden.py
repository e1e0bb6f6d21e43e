"""Every class still computes what it computed when its golden values were written."""

import pytest

from genome import CLASSES
from tests.star.golden import checksums, written

TOLERANCE = 2e-5
"""Relative. Weights are calibrated in float32, so another form of an operator may move them by a few roundings; the
sums are taken in float64. A change of meaning moves a value by a percent or more."""


def test_every_class_has_golden_values():
    assert set(written()) == {row.name for row in CLASSES}


@pytest.mark.parametrize("row", CLASSES, ids=lambda row: row.name)
def test_a_class_computes_what_it_computed(row):
    expected, measured = written()[row.name], checksums(row)
    assert measured["scale"] == pytest.approx(expected["scale"], rel=TOLERANCE)
    assert measured["output"] == pytest.approx(expected["output"], abs=TOLERANCE * expected["scale"])
    assert measured["gradients"] == pytest.approx(expected["gradients"], rel=TOLERANCE)
