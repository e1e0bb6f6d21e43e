"""Pages hold every row once, also while other rows are written, on SQLite and on PostgreSQL."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from search.archive import Archive
from search.archive.listing.candidates import Sought
from search.archive.values import CandidateState
from search.plan import Plan
from tests.columns import points_of
from tests.search.archive.searching import Searching

FAILED = Sought(CandidateState.FAILED)


def test_pages_hold_every_job_once_newest_first(archive: Archive, plan: Plan) -> None:
    ids = [archive.create_job(plan, str(n)).id for n in range(7)]
    seen, token = [], None
    for _ in range(3):
        page = archive.jobs(3, token)
        seen += [job.id for job in page.items]
        token = page.next_page_token
        archive.create_job(plan, "newer ones do not shift the pages")
    assert seen == ids[::-1]
    assert token is None


def test_pages_hold_every_candidate_once(archive: Archive, plan: Plan) -> None:
    search = Searching.started(archive, plan)
    search.go(10)
    search.propose()
    first = archive.candidates(search.job_id, 6)
    second = archive.candidates(search.job_id, 6, first.next_page_token)
    assert [c.number for c in first.items + second.items] == list(range(1, 12))
    assert second.next_page_token is None
    failed = archive.candidates(search.job_id, 1, sought=FAILED)
    assert [c.number for c in failed.items] == [5]
    rest = archive.candidates(search.job_id, 1, failed.next_page_token, sought=FAILED)
    assert [c.number for c in rest.items] == [10]


@pytest.mark.parametrize(
    "token", ["", "x", "!!!", "am9iczotMQ", "a" * 5000, "Ω", "am9iczoxOTk5OTk5OTk5OTk5OTk5OTk5OTk5"]
)
def test_a_token_that_was_never_given_out_is_refused(archive: Archive, token: str) -> None:
    with pytest.raises(ValueError, match="page_token"):
        archive.jobs(10, token)


def test_tokens_and_sizes_belong_to_their_listing(archive: Archive, plan: Plan) -> None:
    search = Searching.started(archive, plan)
    archive.create_job(plan, "")
    search.go(3)
    of_jobs = archive.jobs(1).next_page_token
    of_candidates = archive.candidates(search.job_id, 1).next_page_token
    with pytest.raises(ValueError, match="page_token"):
        archive.candidates(search.job_id, 1, of_jobs)
    with pytest.raises(ValueError, match="page_token"):
        archive.candidates(search.job_id, 1, of_candidates, sought=FAILED)
    with pytest.raises(ValueError, match="page_token"):
        archive.jobs(1, of_candidates)
    with pytest.raises(ValueError, match="page_size"):
        archive.jobs(0)
    assert len(archive.jobs(10**9).items) == 2


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
def test_reading_does_not_wait_for_a_writer(archive: Archive, plan: Plan, tmp_path: Path) -> None:
    search = Searching.started(archive, plan)
    search.go(3)
    writer = sqlite3.connect(tmp_path / "star.db", isolation_level=None)
    writer.execute("BEGIN IMMEDIATE")
    writer.execute("UPDATE jobs SET name = 'unseen'")
    assert [job.name for job in archive.jobs().items] == ["by hand"]
    assert len(points_of(archive, search.job_id)["number"]) == archive.job(search.job_id).done == 3
    assert archive.events()
    writer.execute("ROLLBACK")
    writer.close()
