"""When the trainings of a search occupied workers; SQLite and PostgreSQL."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from sqlalchemy import create_engine, select, update

from evaluator.evaluation import Failure
from search.archive import Archive
from search.archive.errors import NotFoundError
from search.archive.schema.engine import database_url
from search.archive.schema.tables import JobRecord, TrainingRecord
from search.archive.values import Action
from search.plan import Plan
from search.reports.busy import BINS, busy
from tests.search.archive.searching import Searching


def test_a_training_occupies_a_worker_until_its_outcome_or_until_now(archive: Archive, plan: Plan) -> None:
    search = Searching.started(archive, plan)
    first, second, third = (search.propose() for _ in range(3))
    search.record(first)
    search.record(second, failure=Failure.DIVERGED)

    spans, begin, end = archive.spans(search.job_id, 96)
    *ended, running = spans
    begun = archive.trainings(search.job_id, third)[0].created_at.timestamp()
    assert [span.end - span.begin for span in ended] == pytest.approx([2.0] * len(ended))
    assert sum(span.trainings for span in ended) == 2
    assert (running.end, running.trainings) == (end, 1)
    assert running.begin == pytest.approx(begun, abs=0.01)
    started = archive.job(search.job_id).started_at
    assert started is not None
    assert begin == pytest.approx(started.timestamp(), abs=0.01)

    archive.act(search.job_id, Action.CANCEL)
    spans, _, end = archive.spans(search.job_id, 96)
    finished = archive.job(search.job_id).finished_at
    assert finished is not None
    assert sum(span.trainings for span in spans) == 2
    assert end == pytest.approx(finished.timestamp(), abs=0.01)


def test_trainings_of_the_same_parts_are_one_span_and_the_workers_are_the_same(
    archive: Archive, url: str, plan: Plan
) -> None:
    search = Searching.started(archive, plan)
    search.go(plan.candidates)
    archive.act(search.job_id, Action.CANCEL)
    engine, each = create_engine(database_url(url)), []
    with engine.begin() as connection:
        connection.execute(update(JobRecord).values(started_at=1000.0, finished_at=1096.0))
        rows = connection.execute(select(TrainingRecord.number, TrainingRecord.seed, TrainingRecord.tokens)).all()
        for n, row in enumerate(rows):
            finished = 1001.0 + (n * 7.7) % 96  # some begin before the search, as clocks may differ
            seconds = 0.3 + n % 5
            own = (TrainingRecord.number == row.number) & (TrainingRecord.tokens == row.tokens)
            same = own & (TrainingRecord.seed == row.seed)
            connection.execute(update(TrainingRecord).where(same).values(finished_at=finished, seconds=seconds))
            each.append((finished - seconds, finished, 1))
    engine.dispose()

    spans, begin, end = archive.spans(search.job_id, 6)
    assert (begin, end) == (1000.0, 1096.0)
    assert sum(span.trainings for span in spans) == len(each) > len(spans)
    alike = busy_in(6, spans)
    assert alike == pytest.approx(busy_in(6, each))
    assert sum(alike) > 0


def busy_in(parts: int, spans: Sequence[tuple[float, float, int]]) -> list[float]:
    """The mean number of busy workers in each of equal parts of the time from 1000 to 1096."""
    each = busy(spans, 1000.0, 1096.0)
    return [sum(each[n : n + BINS // parts]) for n in range(0, BINS, BINS // parts)]


def test_a_search_whose_runner_died_occupies_no_worker(archive: Archive, plan: Plan) -> None:
    search = Searching.started(archive, plan, lease_seconds=-1.0)
    search.propose()
    assert archive.spans(search.job_id, 96)[0] == []


def test_a_search_that_is_not_there_has_no_spans(archive: Archive) -> None:
    with pytest.raises(NotFoundError, match="nowhere"):
        archive.spans("nowhere", 96)
