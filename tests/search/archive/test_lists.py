"""Candidates in any order and by filters: pages hold each that is sought once, on SQLite and on PostgreSQL."""

from __future__ import annotations

import pytest

from evaluator.evaluation import Failure
from search.archive import Archive
from search.archive.listing.candidates import ALL, Sought
from search.archive.listing.order import OBJECTIVES, Order
from search.archive.values import Candidate, CandidateState
from search.plan import Plan
from search.plan.plan import MAX_OBJECTIVES
from tests.search.archive.searching import Searching


@pytest.fixture
def search(archive: Archive, plan: Plan) -> Searching:
    """A search with successes, failures, candidates over a limit, and one under way."""
    search = Searching.started(archive, plan)
    search.go(14)
    search.propose()
    return search


def listed(search: Searching, sort: str = "number", sought: Sought = ALL, size: int = 3) -> list[Candidate]:
    found, token, order = [], None, Order.of(sort, search.plan.objectives)
    while True:
        page = search.archive.candidates(search.job_id, size, token, sought=sought, order=order)
        assert len(page.items) <= size
        found += page.items
        if (token := page.next_page_token) is None:
            return found


def test_there_is_a_column_for_each_objective_that_a_plan_may_have() -> None:
    assert len(OBJECTIVES) == MAX_OBJECTIVES


@pytest.mark.parametrize("size", [3, 100])
def test_pages_by_an_objective_hold_each_candidate_that_has_it_once(search: Searching, size: int) -> None:
    everyone = listed(search)
    assert [one.number for one in everyone] == list(range(1, 16))
    assert [one.number for one in listed(search, "-number", size=size)] == list(range(15, 0, -1))
    for name in search.plan.objectives:
        expected = sorted((one.metrics[name], one.number) for one in everyone if name in one.metrics)
        assert len(expected) >= 12
        assert [(one.metrics[name], one.number) for one in listed(search, name, size=size)] == expected
        assert [(one.metrics[name], one.number) for one in listed(search, f"-{name}", size=size)] == expected[::-1]


def test_pages_by_finish_leave_out_what_is_under_way(search: Searching) -> None:
    finished = [one.finished_at for one in listed(search, "-finished_at")]

    assert None not in finished
    assert len(finished) == 14
    assert finished == sorted(finished, reverse=True)  # type: ignore[type-var]


def test_filters_find_states_failures_the_frontier_and_classes(search: Searching) -> None:
    everyone = listed(search)
    of_class = everyone[0].genome.split(".")[0]
    frontier = [one.number for one in search.archive.frontier(search.job_id)]
    expected = {
        Sought(CandidateState.RUNNING): [15],
        Sought(CandidateState.FAILED): [5, 10],
        Sought(failure=Failure.DIVERGED): [5, 10],
        Sought(failure=Failure.KILLED): [],
        Sought(frontier=True): frontier,
        Sought(frontier=False): [one.number for one in everyone if one.number not in frontier],
        Sought(contains=int(of_class)): [one.number for one in everyone if f"-{of_class}." in f"-{one.genome}"],
        Sought(contains=987654): [],
    }

    assert {sought: [one.number for one in listed(search, sought=sought)] for sought in expected} == expected
    best = listed(search, search.plan.objectives[0], Sought(frontier=True))
    assert sorted(one.number for one in best) == frontier


def test_a_page_begins_after_the_place_that_the_last_row_has_now(search: Searching) -> None:
    name = search.plan.objectives[0]
    order = Order.of(name, search.plan.objectives)
    before = listed(search, name)
    page = search.archive.candidates(search.job_id, 2, order=order)
    search.record(15)
    rest = search.archive.candidates(search.job_id, 100, page.next_page_token, order=order).items

    last = page.items[-1]
    assert [one.number for one in rest if one.number != 15] == [one.number for one in before[2:]]
    assert all((one.metrics[name], one.number) > (last.metrics[name], last.number) for one in rest)


def test_tokens_belong_to_an_order_and_its_filters(search: Searching) -> None:
    token = search.archive.candidates(search.job_id, 2).next_page_token

    for asked in ({"order": Order("number", True)}, {"sought": Sought(frontier=False)}):
        with pytest.raises(ValueError, match="page_token"):
            search.archive.candidates(search.job_id, 2, token, **asked)
