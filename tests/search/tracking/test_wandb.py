"""Reports to Weights & Biases: what its package is told, and its own files in its offline mode where it is installed.

The package is no part of the development extra, so its calls are held to a stub that knows the few that are used.
"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from search.tracking import Outcome, Run, Tracker, trackers
from search.tracking.wandb import WandbTracker

RUN = Run("5e1f", "search", "lean", {"budget.steps": 30})
GOOD = Outcome(1, "1.1.1.1.1", 7, 960, "search", {"bits_per_byte": 2.5})
INSTALLED = importlib.util.find_spec("wandb") is not None


class StubRun:
    """A run that keeps what it is told."""

    def __init__(self, given: dict[str, Any]) -> None:
        self.id, self.given = given["id"], given
        self.summary: dict[str, Any] = {}
        self.rows: list[dict[str, Any]] = []
        self.artifacts: list[Any] = []
        self.axes: dict[str, str] = {}
        self.code: int | None = None

    def define_metric(self, name: str, step_metric: str) -> None:
        self.axes[name] = step_metric

    def log(self, row: dict[str, Any]) -> None:
        self.rows.append(row)

    def log_artifact(self, artifact: Any) -> None:
        self.artifacts.append(artifact)

    def finish(self, exit_code: int) -> None:
        self.code = exit_code


class StubArtifact:
    def __init__(self, name: str, type: str) -> None:
        self.name, self.type = name, type
        self.references: dict[str, str] = {}

    def add_reference(self, uri: str, name: str, checksum: bool) -> None:
        assert not checksum
        self.references[name] = uri


@pytest.fixture
def stub(monkeypatch: pytest.MonkeyPatch) -> list[StubRun]:
    """The runs that a stub of the package has begun."""
    begun: list[StubRun] = []
    module = ModuleType("wandb")

    def init(**given: Any) -> StubRun:
        begun.append(StubRun(given))
        return begun[-1]

    module.init, module.Artifact, module.Settings = init, StubArtifact, SimpleNamespace  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "wandb", module)
    return begun


def report(tracker: Tracker) -> None:
    tracker.begin(RUN)
    tracker.outcome(GOOD)
    tracker.progress(1, {"hypervolume": 0.25})
    tracker.export("candidate-1", "https://host/weights")
    tracker.end("succeeded")


def test_the_package_is_told_rows_and_references(stub: list[StubRun]) -> None:
    report(WandbTracker("team/project"))
    (run,) = stub
    expected = {"project": "project", "entity": "team", "id": "5e1f", "name": "lean", "resume": "allow"}
    assert expected.items() <= run.given.items()
    assert run.given["config"] == {"budget.steps": 30}
    outcome, progress = run.rows
    assert outcome["candidate/genome"] == "1.1.1.1.1"
    assert (outcome["candidate/number"], outcome["candidate/seed"], outcome["candidate/bits_per_byte"]) == (1, 7, 2.5)
    assert progress == {"progress/step": 1, "progress/hypervolume": 0.25}
    assert run.axes == {"progress/*": "progress/step", "candidate/*": "candidate/number"}
    assert [(one.name, one.references) for one in run.artifacts] == [
        ("5e1f-candidate-1", {"candidate-1": "https://host/weights"})
    ]
    assert run.summary == {"export/candidate-1": "https://host/weights", "state": "succeeded"}
    assert run.code == 0


def test_a_failed_run_has_an_exit_code(stub: list[StubRun]) -> None:
    tracker = WandbTracker("project")
    tracker.begin(RUN)
    tracker.end("failed")
    assert (stub[0].given["entity"], stub[0].code) == (None, 1)


@pytest.mark.skipif(not INSTALLED, reason="wandb is not installed")
@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_the_real_package_takes_the_reports_offline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_DIR", str(tmp_path))
    (tracker,) = trackers(["wandb:project"])
    report(tracker)
    report(tracker)  # the same run once more
    written = sorted(tmp_path.rglob("run-5e1f.wandb"))
    assert len(written) == 2
    for file in written:
        data = file.read_bytes()
        for words in (b"budget.steps", b"candidate/genome", b"1.1.1.1.1", b"hypervolume", b"https://host/weights"):
            assert words in data
