"""What the databases do for a query: they find rows by an index, and the few among many by a partial index."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, create_engine, event

from evaluator.evaluation import Failure
from search.archive import Archive
from search.archive.listing.candidates import Sought
from search.archive.listing.order import Order
from search.archive.schema.engine import database_url
from search.archive.values import CandidateState, JobState
from search.plan import Plan
from tests.search.archive.searching import Searching

Plans = Callable[[Callable[[], Any]], list[str]]


@pytest.fixture
def search(archive: Archive, plan: Plan) -> Searching:
    """A search with candidates in every state that has an index."""
    search = Searching.started(archive, plan)
    search.go(12)
    search.propose()
    return search


@pytest.fixture
def plans(url: str) -> Iterator[Plans]:
    """A function that runs some calls and returns the databases' plan of every query in them, in one line each."""
    sent: list[tuple[str, Any]] = []

    def hear(_: Any, __: Any, statement: str, parameters: Any, *___: Any) -> None:
        sent.append((statement, parameters))

    engine = create_engine(database_url(url))
    event.listen(Engine, "before_cursor_execute", hear)

    def plans_of(calls: Callable[[], Any]) -> list[str]:
        sent.clear()
        calls()
        asked = [one for one in sent if one[0].startswith(("SELECT", "UPDATE", "DELETE"))]
        with engine.connect() as connection:
            return [_plan(connection, *one) for one in asked]

    yield plans_of
    event.remove(Engine, "before_cursor_execute", hear)
    engine.dispose()


def _plan(connection: Connection, statement: str, parameters: Any) -> str:
    if connection.dialect.name == "sqlite":
        rows = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
        return " / ".join(row[3] for row in rows)
    connection.exec_driver_sql("SET enable_seqscan = off")  # it would scan a table of a few rows, whatever its indexes
    connection.exec_driver_sql("SET enable_bitmapscan = off")
    return " / ".join(row[0].strip() for row in connection.exec_driver_sql(f"EXPLAIN {statement}", parameters))


def test_the_few_rows_among_many_are_found_by_their_partial_index(plans: Plans, search: Searching) -> None:
    archive, job = search.archive, search.job_id
    queries: dict[str, Callable[[], Any]] = {
        "candidates_frontier": lambda: archive.frontier(job),
        "candidates_running": lambda: archive.candidates(job, 10, sought=Sought(CandidateState.RUNNING)),
        "candidates_failed": lambda: archive.candidates(job, 10, sought=Sought(failure=Failure.DIVERGED)),
        "candidates_weights": lambda: archive.artifacts(job),
        "candidates_again": lambda: archive.asked_again(job),
        "trainings_running": lambda: archive.in_flight(job),
        "trainings_checkpoint": lambda: archive.artifacts(job),
        "trainings_finish": lambda: archive.finalists(job),
    }

    found = {index: plans(query) for index, query in queries.items()}

    assert {index: used for index, used in found.items() if not any(index in one for one in used)} == {}


def test_the_time_of_workers_is_read_from_an_index_alone(plans: Plans, search: Searching) -> None:
    used = plans(lambda: search.archive.spans(search.job_id, 96))

    alone = [one for one in used if "COVERING INDEX trainings_ended" in one or "Index Only Scan" in one]
    assert any("trainings_ended" in one for one in alone), used


def test_the_end_of_a_job_finds_what_is_under_way_by_an_index(plans: Plans, search: Searching) -> None:
    used = plans(lambda: search.archive.finish(search.claim, JobState.SUCCEEDED))

    for index in ("trainings_running", "candidates_running", "trainings_checkpoint"):
        assert any(index in one for one in used), used


def test_pages_and_events_begin_where_they_are_asked_to(plans: Plans, search: Searching) -> None:
    archive, job = search.archive, search.job_id
    archive.create_job(search.plan, "a further page")
    after_jobs, after = archive.jobs(1).next_page_token, archive.candidates(job, 3).next_page_token

    used = {
        "jobs": plans(lambda: archive.jobs(1, after_jobs)),
        "candidates": plans(lambda: archive.candidates(job, 3, after)),
        "events of a job": plans(lambda: archive.events(job, 5, 10)),
        "events": plans(lambda: archive.events(None, 5, 10)),
    }

    steps = {name: " / ".join(each) for name, each in used.items()}
    assert {name: plan for name, plan in steps.items() if "SCAN " in plan or "Seq Scan" in plan} == {}
    assert {name: plan for name, plan in steps.items() if "TEMP B-TREE FOR ORDER" in plan} == {}
    assert "events_job" in steps["events of a job"]


@pytest.mark.parametrize("sort", ["finished_at", "bits_per_byte", "-cache_bytes"])
def test_pages_in_another_order_begin_where_they_are_asked_to(plans: Plans, search: Searching, sort: str) -> None:
    archive, job, order = search.archive, search.job_id, Order.of(sort, search.plan.objectives)
    after = archive.candidates(job, 3, order=order).next_page_token

    used = plans(lambda: archive.candidates(job, 3, order=order) and archive.candidates(job, 3, after, order=order))

    pages = [plan for plan in used if f"candidates_{order.column}" in plan]
    assert len(pages) == 2, used
    assert [plan for plan in pages if "TEMP B-TREE" in plan or "Sort" in plan] == []
    assert "Index Cond" not in pages[1] or "ROW(" in pages[1]


@pytest.mark.parametrize("sort", ["number", "finished_at", "-bits_per_byte"])
def test_the_frontier_in_any_order_is_found_by_its_index(plans: Plans, search: Searching, sort: str) -> None:
    archive, order = search.archive, Order.of(sort, search.plan.objectives)

    job, sought = search.job_id, Sought(frontier=True)
    after = archive.candidates(job, 1, sought=sought, order=order).next_page_token

    first = plans(lambda: archive.candidates(job, 1, sought=sought, order=order))
    second = plans(lambda: archive.candidates(job, 1, after, sought=sought, order=order))

    for used in (first, second):
        assert any("candidates_frontier" in one for one in used), used
    assert after is not None


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
def test_children_are_found_by_either_parent(plans: Plans, search: Searching) -> None:
    # PostgreSQL weighs its indexes by the size of the table, and this one is small.
    used = " / ".join(plans(lambda: search.archive.children(search.job_id, 3)))

    assert "candidates_mother" in used
    assert "candidates_father" in used
