"""Every class still computes what it computed when its golden values were written."""

import pytest

from genome import CLASSES
from tests.star.golden import checksums, same, written


def test_every_class_has_golden_values():
    assert set(written()) == {row.name for row in CLASSES}


@pytest.mark.parametrize("row", CLASSES, ids=lambda row: row.name)
def test_a_class_computes_what_it_computed(row):
    expected, measured = written()[row.name], checksums(row)
    assert same(measured, expected), (measured, expected)
