"""MLflow: a run for each search, and below it a run for each training of a candidate."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from search.tracking.tracker import Outcome, Run, State

if TYPE_CHECKING:
    from mlflow import MlflowClient

EXPERIMENT = "star"
"""The experiment, unless `MLFLOW_EXPERIMENT_NAME` names another one."""

ID = "star.id"
"""The tag by which a run is found again."""

STATUS: dict[State, str] = {"succeeded": "FINISHED", "failed": "FAILED", "cancelled": "KILLED"}
"""MLflow's word for the end of a run; one that was interrupted stays as it is."""

MOST_PARAMETERS = 100
"""Parameters that MLflow takes at once."""


class MlflowTracker:
    """Reports to an MLflow tracking server or to a directory.

    Args:
        place: a directory, or a URI such as `https://host` or `sqlite:////path/mlflow.db`. User and password are
            those of `MLFLOW_TRACKING_USERNAME` and `MLFLOW_TRACKING_PASSWORD`.
    """

    name = "mlflow"

    def __init__(self, place: str) -> None:
        os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
        from mlflow import MlflowClient

        in_folder = "://" not in place and place != "databricks"
        if in_folder:
            os.environ.setdefault("MLFLOW_ALLOW_FILE_STORE", "true")  # MLflow refuses directories otherwise
        self._uri = str(Path(place).expanduser().absolute()) if in_folder else place
        self._connect = MlflowClient
        self._client: MlflowClient | None = None
        self._experiment = ""
        self._known: dict[str, str] = {}
        self._run = ""

    def begin(self, run: Run) -> None:
        """Find the run with this id, or create it with its parameters."""
        client = self._connected()
        found = self._known.get(run.id) or self._found(client, run.id)
        if found is None:
            tags = {ID: run.id, "star.kind": run.kind}
            found = client.create_run(self._experiment, tags=tags, run_name=run.name or run.id).info.run_id
            _log(client, found, parameters=run.parameters)
        else:
            client.update_run(found, status="RUNNING")
        self._known[run.id] = self._run = found

    def outcome(self, outcome: Outcome) -> None:
        """Create a run below that of the search, with the candidate's origin as parameters, and end it."""
        client = self._connected()
        facts = {name: getattr(outcome, name) for name in ("number", "genome", "seed", "tokens", "purpose")}
        tags = {"mlflow.parentRunId": self._run, "star.kind": "candidate"}
        if outcome.failure:
            tags |= {"star.failure": outcome.failure, "star.detail": outcome.detail}
        name = f"{outcome.number}, {outcome.purpose}, seed {outcome.seed}, {outcome.tokens} tokens"
        child = client.create_run(self._experiment, tags=tags, run_name=name).info.run_id
        _log(client, child, parameters=facts, metrics=outcome.metrics, step=outcome.tokens)
        client.set_terminated(child, status="FAILED" if outcome.failure else "FINISHED")

    def progress(self, step: int, values: Mapping[str, float]) -> None:
        """Add a point to the metrics of the run."""
        _log(self._connected(), self._run, metrics=values, step=step)

    def export(self, name: str, address: str) -> None:
        """Note the address as a tag of the run."""
        self._connected().set_tag(self._run, f"star.export.{name}", address)

    def end(self, state: State) -> None:
        """Set the status of the run."""
        if state in STATUS:
            self._connected().set_terminated(self._run, status=STATUS[state])

    def _connected(self) -> MlflowClient:
        if self._client is None:
            client = self._connect(tracking_uri=self._uri)
            name = os.environ.get("MLFLOW_EXPERIMENT_NAME", EXPERIMENT)
            known = client.get_experiment_by_name(name)
            self._experiment = known.experiment_id if known else client.create_experiment(name)
            self._client = client
        return self._client

    def _found(self, client: MlflowClient, id: str) -> str | None:
        runs = client.search_runs([self._experiment], filter_string=f"tags.`{ID}` = '{id}'", max_results=1)
        return runs[0].info.run_id if runs else None


def _log(
    client: MlflowClient,
    run: str,
    *,
    parameters: Mapping[str, Any] | None = None,
    metrics: Mapping[str, float] | None = None,
    step: int = 0,
) -> None:
    from mlflow.entities import Metric, Param

    now = round(1000 * time.time())
    found = [Metric(name, value, now, step) for name, value in (metrics or {}).items()]
    told = [Param(name, str(value)) for name, value in (parameters or {}).items()]
    client.log_batch(run, metrics=found, params=told[:MOST_PARAMETERS])
    for start in range(MOST_PARAMETERS, len(told), MOST_PARAMETERS):
        client.log_batch(run, params=told[start : start + MOST_PARAMETERS])
