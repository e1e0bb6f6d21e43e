"""Events continue from the number that a job names, and thinning leaves no gap that a reader does not hear of."""

from __future__ import annotations

import pytest

from search.archive import Archive
from search.archive.values import Event, EventKind, JobState
from search.plan import Plan
from tests.search.archive.searching import Searching


@pytest.fixture
def ended(archive: Archive, plan: Plan) -> Searching:
    """A search that has ended."""
    search = Searching.started(archive, plan)
    search.go(6)
    archive.finish(search.claim, JobState.SUCCEEDED)
    return search


def thinned(archive: Archive, job: str, limit: int = 2000) -> int:
    """Thin a job to the end, and return how many events were removed."""
    removed = 0
    while step := archive.thin(job, limit):
        assert step <= limit
        removed += step
    return removed


def states(told: list[Event]) -> list[str]:
    return [one.data["state"] for one in told if one.kind is EventKind.JOB]


def test_a_job_names_its_last_event_and_the_archive_the_last_of_all(archive: Archive, plan: Plan) -> None:
    assert archive.last_event() == 0
    search = Searching.started(archive, plan)
    search.go(2)
    other = archive.create_job(plan, "other")

    assert archive.job(search.job_id).last_event == archive.events(search.job_id)[-1].seq
    assert [one.last_event for one in archive.jobs().items] == [other.last_event, archive.job(search.job_id).last_event]
    assert archive.last_event() == other.last_event == archive.events()[-1].seq
    seen = archive.job(search.job_id).last_event
    search.go(1)
    assert {one.kind for one in archive.events(search.job_id, after=seen)} >= {EventKind.CANDIDATE}


@pytest.mark.parametrize("limit", [3, 2000])
def test_a_thinned_job_keeps_its_states_and_tells_of_the_gap(ended: Searching, limit: int) -> None:
    archive, job = ended.archive, ended.job_id
    before = archive.events(job)
    last = archive.job(job).last_event
    gone = [one.seq for one in before if one.kind is not EventKind.JOB]

    assert thinned(archive, job, limit) >= len(gone) > 10

    after = archive.events(job)
    assert states(after) == states(before) == ["queued", "running", "succeeded"]
    (marker,) = [one for one in after if one.kind is EventKind.THINNED]
    assert (marker.seq, marker.data["first"], marker.data["last"]) == (gone[-1], gone[0], gone[-1])
    assert marker.data["removed"] == len(gone)
    assert len(after) == 4
    assert archive.job(job).last_event == last
    assert archive.frontier(job), "results stay"


def test_a_reader_hears_of_the_gap_only_if_it_asks_from_before_it(ended: Searching) -> None:
    archive, job = ended.archive, ended.job_id
    before = archive.events(job)
    thinned(archive, job)
    (marker,) = [one for one in archive.events(job) if one.kind is EventKind.THINNED]

    for one in before:
        heard = archive.events(job, after=one.seq)
        assert (marker in heard) == (one.seq < marker.seq)
        assert [late for late in heard if late.kind is EventKind.JOB] == [
            late for late in before if late.seq > one.seq and late.kind is EventKind.JOB
        ]


def test_only_jobs_that_ended_long_ago_are_thinned(archive: Archive, plan: Plan, ended: Searching) -> None:
    running = Searching.started(archive, plan)
    running.go(2)
    told = archive.events(running.job_id)

    assert archive.thinnable(3600) == []
    assert archive.thinnable(-1) == [ended.job_id]
    assert archive.thin(running.job_id) == 0
    assert archive.events(running.job_id) == told
    thinned(archive, ended.job_id)
    assert archive.thinnable(-1) == []
