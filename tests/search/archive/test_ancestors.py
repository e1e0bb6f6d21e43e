"""The ancestors of a candidate, each once, within bounds, on SQLite and on PostgreSQL."""

from __future__ import annotations

import pytest
from sqlalchemy import event
from sqlalchemy.engine import Engine

from search.archive import Archive
from search.archive.errors import NotFoundError
from tests.api.dashboard.hand import Hand

CLASSES = (1, 3, 5, 7, 8, 10, 14)
PARENTS = {3: (1,), 4: (3, 2), 5: (4, 3), 6: (5, 5), 7: (6, 1)}
"""A line with two founders, a parent that is a grandparent too, and a candidate whose parents are one and the same."""


@pytest.fixture
def line(archive: Archive) -> Hand:
    hand = Hand(archive, "a line")
    for number in range(1, 8):
        genome = f"{CLASSES[number - 1]}.1.1.1.1-9.1.1.1.1-1.1.1.1.1-9.1.1.1.1"
        assert hand.add(genome, 3.0, parents=PARENTS.get(number, ())) == number
    return hand


def found(hand: Hand, number: int, generations: int = 10, most: int = 50) -> tuple[list[tuple[int, int]], bool]:
    line = hand.archive.ancestors(hand.id, number, generations, most)
    return [(generation, one.number) for generation, one in line.found], line.complete


def test_every_ancestor_is_listed_once_at_its_nearest_generation(line: Hand) -> None:
    assert found(line, 7) == ([(1, 1), (1, 6), (2, 5), (3, 3), (3, 4), (4, 2)], True)
    assert found(line, 4) == ([(1, 2), (1, 3), (2, 1)], True)
    assert found(line, 1) == ([], True)


def test_bounds_leave_the_oldest_out_and_say_so(line: Hand) -> None:
    assert found(line, 7, generations=2) == ([(1, 1), (1, 6), (2, 5)], False)
    assert found(line, 7, generations=4) == ([(1, 1), (1, 6), (2, 5), (3, 3), (3, 4), (4, 2)], True)
    assert found(line, 7, most=4) == ([(1, 1), (1, 6), (2, 5), (3, 3)], False)
    assert found(line, 7, most=1) == ([(1, 1)], False)
    assert found(line, 7, most=6)[1]


def test_a_generation_costs_one_query(line: Hand) -> None:
    sent: list[str] = []

    def hear(*arguments: object) -> None:
        sent.append(str(arguments[2]))

    event.listen(Engine, "before_cursor_execute", hear)
    try:
        found(line, 7)
    finally:
        event.remove(Engine, "before_cursor_execute", hear)
    assert len([one for one in sent if one.startswith("SELECT candidates")]) == 1 + 4


def test_nobody_has_no_ancestors(line: Hand) -> None:
    for job, number in ((line.id, 99), ("no-such-job", 1)):
        with pytest.raises(NotFoundError):
            line.archive.ancestors(job, number, 10, 50)
