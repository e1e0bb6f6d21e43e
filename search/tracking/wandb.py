"""Weights & Biases: a run for each search, with a row of its history for each training of a candidate."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from search.tracking.tracker import Outcome, Run, State

if TYPE_CHECKING:
    import wandb

STEP = "progress/step"
CANDIDATE = "candidate/number"


class WandbTracker:
    """Reports to Weights & Biases; `WANDB_API_KEY`, `WANDB_MODE` and its other variables hold.

    Args:
        place: the project, or entity/project.
    """

    name = "wandb"

    def __init__(self, place: str) -> None:
        import wandb

        self._package = wandb
        entity, _, self._project = place.rpartition("/")
        self._entity = entity or None
        self._open: wandb.Run | None = None

    def begin(self, run: Run) -> None:
        """Begin a run with this id, or go on with it."""
        self._finish(0)
        self._open = self._package.init(
            project=self._project,
            entity=self._entity,
            id=run.id,
            name=run.name or None,
            job_type=run.kind,
            config=dict(run.parameters),
            resume="allow",
            reinit="create_new",
            settings=self._package.Settings(console="off", silent=True, disable_git=True, save_code=False),
        )
        self._run.define_metric("progress/*", step_metric=STEP)
        self._run.define_metric("candidate/*", step_metric=CANDIDATE)

    def outcome(self, outcome: Outcome) -> None:
        """Log a row with the candidate's number, genome, seed and metrics."""
        facts = asdict(outcome)
        row: dict[str, Any] = {**facts.pop("metrics"), **facts}
        self._run.log({f"candidate/{name}": value for name, value in row.items()})

    def progress(self, step: int, values: Mapping[str, float]) -> None:
        """Log a row with the values of the run itself."""
        self._run.log({STEP: step, **{f"progress/{name}": value for name, value in values.items()}})

    def export(self, name: str, address: str) -> None:
        """Note the address in the summary, and log an artifact that refers to it; nothing is uploaded.

        A reference to `s3://` needs boto3 (the extra `wandb[aws]`); without it only the summary has the address.
        """
        self._run.summary[f"export/{name}"] = address
        artifact = self._package.Artifact(f"{self._run.id}-{name}", type="model")
        artifact.add_reference(address, name=name, checksum=False)
        self._run.log_artifact(artifact)

    def end(self, state: State) -> None:
        """Finish the run, with the exit code 1 if it failed."""
        self._run.summary["state"] = state
        self._finish(1 if state == "failed" else 0)

    @property
    def _run(self) -> wandb.Run:
        if self._open is None:
            raise RuntimeError("no run has begun")
        return self._open

    def _finish(self, code: int) -> None:
        run, self._open = self._open, None
        if run is not None:
            run.finish(exit_code=code)
