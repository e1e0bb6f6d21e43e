"""When the trainings of a search occupied workers; SQLite and PostgreSQL."""

from __future__ import annotations

import pytest

from evaluator.evaluation import Failure
from search.archive import Archive
from search.archive.errors import NotFoundError
from search.archive.values import Action
from search.plan import Plan
from tests.search.archive.searching import Searching


def test_a_training_occupies_a_worker_until_its_outcome_or_until_now(archive: Archive, plan: Plan) -> None:
    search = Searching.started(archive, plan)
    first, second, third = (search.propose() for _ in range(3))
    search.record(first)
    search.record(second, failure=Failure.DIVERGED)

    spans, begin, end = archive.spans(search.job_id)
    (running_since, until), *_ = [span for span in spans if span[1] == end]
    begun = archive.trainings(search.job_id, third)[0].created_at.timestamp()
    assert sorted(until - since for since, until in spans if until != end) == pytest.approx([2.0, 2.0])
    assert (len(spans), until) == (3, end)
    assert running_since == pytest.approx(begun, abs=0.01)
    started = archive.job(search.job_id).started_at
    assert started is not None
    assert begin == pytest.approx(started.timestamp(), abs=0.01)

    archive.act(search.job_id, Action.CANCEL)
    spans, _, end = archive.spans(search.job_id)
    finished = archive.job(search.job_id).finished_at
    assert finished is not None
    assert len(spans) == 2
    assert end == pytest.approx(finished.timestamp(), abs=0.01)


def test_a_search_whose_runner_died_occupies_no_worker(archive: Archive, plan: Plan) -> None:
    search = Searching.started(archive, plan, lease_seconds=-1.0)
    search.propose()
    assert archive.spans(search.job_id)[0] == []


def test_a_search_that_is_not_there_has_no_spans(archive: Archive) -> None:
    with pytest.raises(NotFoundError, match="nowhere"):
        archive.spans("nowhere")
