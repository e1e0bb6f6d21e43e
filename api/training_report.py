"""What `star train` reports to trackers: its settings, the curve of its loss, its metrics and its model."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from api.training import FIELDS
from genome import Genome
from search.plan import Plan
from search.tracking import Reporting, Run, Tracker
from search.tracking.parameters import parameters_of
from search.tracking.searches import address_of

if TYPE_CHECKING:
    from evaluator.evaluation import Evaluation
    from evaluator.train import Training

TRACKED = "tracked.json"
"""The file in the folder of a training with the id of its run, by which it is gone on with."""

CLOSE_SECONDS = 60.0
"""Seconds that the trackers have together for what still waits at the end."""


class TrainingReport:
    """Reports one training in a folder of its own.

    Args:
        folder: the folder of the training.
        plan: its plan.
        trackers: to which it is reported; with none nothing is, and the folder gets no further file.
        resumed: whether the training goes on from a checkpoint.

    Raises:
        OSError: the folder cannot be written.
        ValueError: its file with the id is damaged.
    """

    def __init__(self, folder: Path, plan: Plan, trackers: list[Tracker], resumed: bool) -> None:
        self._folder = folder
        self._reporting = Reporting(trackers)
        self._resumed = resumed
        self._training: Training | None = None
        self._reported = 0
        if trackers:
            import evaluator.evaluate  # noqa: F401 -- before a tracker's thread may import what torch imports too

            told = {name: value for name, value in parameters_of(plan).items() if name.split(".")[0] in FIELDS}
            told["genome"] = str(Genome.parse(plan.genomes[0]))
            self._reporting.begin(Run(_id(folder), "training", folder.absolute().name, told))

    def seen(self, training: Training) -> None:
        """Report the points that the curve of the loss has gained; several trainings follow on several tasks.

        What a curve has when its training is gone on with was reported before.
        """
        if training is not self._training:
            begun_at = training.step - len(training.losses)
            self._reported = begun_at if self._resumed and self._training is None else 0
            self._training = training
        self._curve(training.curve)

    def end(self, evaluation: Evaluation) -> None:
        """Report the end of the curve, and the metrics and the model or the failure."""
        self._curve(evaluation.curve)
        last = evaluation.curve[-1][0] if evaluation.curve else 0
        if evaluation.failure is None:
            self._reporting.progress(last, evaluation.metrics)
            self._reporting.export("model", address_of(str(self._folder)))
        self._reporting.end("failed" if evaluation.failure else "succeeded")
        self._reporting.close(CLOSE_SECONDS)

    def interrupt(self) -> None:
        """Report that the training stopped and may be gone on with."""
        self._reporting.end("interrupted")
        self._reporting.close(CLOSE_SECONDS)

    def _curve(self, points: Iterable[tuple[int, float]]) -> None:
        for step, loss in points:
            if step > self._reported:
                self._reporting.progress(step, {"loss": loss})
                self._reported = step


def _id(folder: Path) -> str:
    file = folder / TRACKED
    if file.is_file():
        found = json.loads(file.read_text(encoding="utf-8"))
        if not isinstance(found, dict) or not isinstance(found.get("run"), str):
            raise ValueError(f"{file} does not hold the id of a run")
        return str(found["run"])
    made = uuid.uuid4().hex[:12]
    file.write_text(json.dumps({"run": made}) + "\n", encoding="utf-8")
    return made
