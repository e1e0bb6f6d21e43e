"""A copy of a database and then of its artifacts, made while a search runs, is a search that goes on."""

from __future__ import annotations

import shutil
import sqlite3
from pathlib import Path

from evaluator.artifacts import Artifact, Artifacts
from evaluator.evaluation import Request
from search.archive import Archive
from search.archive.values import CandidateState, JobState
from search.plan import AlgorithmName, Plan, SpacePlan
from tests.search.bench import Bench
from tests.search.twin import Twin


def test_a_backup_of_a_running_search_goes_on(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'star.db'}"
    archive = Archive(url)
    archive.migrate()
    bench = Bench(archive, tmp_path / "artifacts")
    plan = Plan(space=SpacePlan(depth=4), algorithm=AlgorithmName.RANDOM, candidates=20, seed=7)

    def copies(request: Request) -> None:
        if request.candidate == 12:
            source, copy = sqlite3.connect(tmp_path / "star.db"), sqlite3.connect(tmp_path / "copy.db")
            source.backup(copy)
            source.close()
            copy.close()
            shutil.copytree(tmp_path / "artifacts", tmp_path / "copied")

    job_id = bench.queue(plan)
    bench.runner(lambda: Twin(2, upon=copies)).run_until_idle()
    whole = [(row.number, row.genome, row.metrics) for row in bench.rows(job_id)]
    archive.close()

    restored = Archive(f"sqlite:///{tmp_path / 'copy.db'}")
    restored.migrate()
    other = Bench(restored, tmp_path / "copied")
    assert restored.job(job_id).done < 12
    weights = [row.weights for row in other.rows(job_id) if row.weights]
    assert weights
    for one in weights:
        Artifacts(str(other.artifacts)).read(Artifact.from_json(one))
    assert restored.claim("another", 0.0) is None  # the lease of the copied runner still holds
    with sqlite3.connect(tmp_path / "copy.db") as database:
        database.execute("UPDATE jobs SET lease_until = 0")
    database.close()
    other.runner(lambda: Twin(2)).run_until_idle()
    assert restored.job(job_id).state is JobState.SUCCEEDED
    assert [(row.number, row.genome, row.metrics) for row in other.rows(job_id)] == whole
    assert {row.state for row in other.rows(job_id)} == {CandidateState.SUCCEEDED}
    restored.close()
