"""An archive, a folder for weights, and runners whose evaluators follow a formula."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from evaluator.evaluation import Evaluator
from search.algorithms.algorithm import CostsOf
from search.archive import Archive
from search.archive.values import Candidate, Training
from search.plan import Plan
from search.run.faults import Pauses
from search.run.runner import Runner
from search.tracking import Reporting
from tests.search.twin import Twin, corner, twin_costs

LONG = Pauses(first=1000.0, longest=2000.0)
"""Pauses that no test outlasts."""


class Bench:
    """Makes runners on one archive and keeps the twins they create in `twins`."""

    def __init__(self, archive: Archive, artifacts: Path) -> None:
        self.archive, self.artifacts = archive, artifacts
        self.twins: list[Twin] = []

    def runner(
        self,
        make: Callable[[], Evaluator] = Twin,
        reference: Callable[[Plan], dict[str, float]] = corner,
        costs: Callable[[Plan], CostsOf] = twin_costs,
        pauses: Pauses = LONG,
        turn_seconds: float = 3600.0,
        beat: float = 0.05,
        lease_seconds: float = 60.0,
        reporting: Reporting | None = None,
    ) -> Runner:
        def remembered() -> Evaluator:
            twin = make()
            if isinstance(twin, Twin):
                self.twins.append(twin)
            return twin

        return Runner(
            self.archive,
            remembered,
            str(self.artifacts),
            reference,
            costs,
            "bench",
            pauses=pauses,
            turn_seconds=turn_seconds,
            beat=beat,
            lease_seconds=lease_seconds,
            reporting=reporting,
        )

    def queue(self, plan: Plan) -> str:
        return self.archive.create_job(plan, "").id

    def rows(self, job_id: str) -> list[Candidate]:
        return self.archive.candidates(job_id, 1000).items

    def trainings(self, job_id: str) -> list[Training]:
        return [one for row in self.rows(job_id) for one in self.archive.trainings(job_id, row.number)]

    def files(self, job_id: str) -> dict[int, bytes]:
        """Return the artifacts of a job by candidate."""
        folder = self.artifacts / job_id
        return {int(path.relative_to(folder).parts[0]): path.read_bytes() for path in folder.rglob("*.safetensors")}
