"""Reports to MLflow, read back from a directory by MLflow's own client."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from search.tracking import Outcome, Run, trackers

mlflow = pytest.importorskip("mlflow", reason="mlflow-skinny is not installed")

RUN = Run("5e1f", "search", "lean", {"budget.steps": 30, "seed": 7, **{f"field.{n}": n for n in range(150)}})
GOOD = Outcome(1, "1.1.1.1.1", 7, 960, "search", {"bits_per_byte": 2.5, "bits_per_byte_stderr": 0.1})
BAD = Outcome(2, "2.1.1.1.1", 7, 960, "search", {}, "diverged", "loss was not finite")


@pytest.fixture(autouse=True)
def _own_experiment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
    monkeypatch.delenv("MLFLOW_EXPERIMENT_NAME", raising=False)


def runs(folder: Path, kind: str, experiment: str = "star") -> list[Any]:
    """The runs of a kind in the order in which they began."""
    client = mlflow.MlflowClient(tracking_uri=str(folder))
    found = client.get_experiment_by_name(experiment)
    return list(client.search_runs([found.experiment_id], f"tags.`star.kind` = '{kind}'", order_by=["start_time ASC"]))


def test_a_search_is_a_run_with_a_run_below_it_for_each_training(tmp_path: Path) -> None:
    (tracker,) = trackers([f"mlflow:{tmp_path / 'runs'}"])
    tracker.begin(RUN)
    tracker.outcome(GOOD)
    tracker.progress(1, {"hypervolume": 0.25, "frontier": 1})
    tracker.outcome(BAD)
    tracker.progress(2, {"hypervolume": 0.5, "frontier": 1})
    tracker.export("candidate-1", "file:///weights")
    tracker.end("succeeded")

    (search,) = runs(tmp_path / "runs", "search")
    assert (search.info.run_name, search.info.status) == ("lean", "FINISHED")
    assert search.data.params == {name: str(value) for name, value in RUN.parameters.items()}
    assert search.data.tags["star.export.candidate-1"] == "file:///weights"
    client = mlflow.MlflowClient(tracking_uri=str(tmp_path / "runs"))
    history = client.get_metric_history(search.info.run_id, "hypervolume")
    assert [(one.step, one.value) for one in history] == [(1, 0.25), (2, 0.5)]
    children = {one.data.params["number"]: one for one in runs(tmp_path / "runs", "candidate")}
    assert {one.data.tags["mlflow.parentRunId"] for one in children.values()} == {search.info.run_id}
    assert children["1"].data.params["genome"] == "1.1.1.1.1"
    assert children["1"].data.params["seed"] == "7"
    assert children["1"].data.metrics == GOOD.metrics
    assert children["1"].info.status == "FINISHED"
    assert children["2"].info.status == "FAILED"
    assert children["2"].data.tags["star.failure"] == "diverged"
    assert children["2"].data.tags["star.detail"] == "loss was not finite"
    assert children["2"].data.metrics == {}


def test_another_process_goes_on_with_the_run_of_the_same_id(tmp_path: Path) -> None:
    for step in (1, 2):
        (tracker,) = trackers([f"mlflow:{tmp_path / 'runs'}"])
        tracker.begin(RUN)
        tracker.progress(step, {"hypervolume": 0.1 * step})
        tracker.end("interrupted")
    (search,) = runs(tmp_path / "runs", "search")
    assert search.info.status == "RUNNING"
    client = mlflow.MlflowClient(tracking_uri=str(tmp_path / "runs"))
    assert [one.step for one in client.get_metric_history(search.info.run_id, "hypervolume")] == [1, 2]


@pytest.mark.parametrize(("state", "status"), [("failed", "FAILED"), ("cancelled", "KILLED")])
def test_the_end_is_said_in_the_words_of_mlflow(tmp_path: Path, state: Any, status: str) -> None:
    (tracker,) = trackers([f"mlflow:{tmp_path}"])
    tracker.begin(RUN)
    tracker.end(state)
    assert runs(tmp_path, "search")[0].info.status == status


def test_the_environment_names_another_experiment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", "theirs")
    (tracker,) = trackers([f"mlflow:{tmp_path}"])
    tracker.begin(RUN)
    assert len(runs(tmp_path, "search", "theirs")) == 1
