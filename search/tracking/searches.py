"""What a runner reports of the search that it holds."""

from __future__ import annotations

import logging
from pathlib import Path

from evaluator.evaluation import Evaluation
from search.archive import Archive
from search.archive.runner_values import Claim, InFlight
from search.archive.values import JobState
from search.objectives import Standing
from search.origin import Purpose
from search.plan import Plan
from search.tracking.parameters import parameters_of
from search.tracking.reporting import Reporting
from search.tracking.tracker import Outcome, Run, State

log = logging.getLogger(__name__)

ENDS: dict[JobState, State] = {
    JobState.SUCCEEDED: "succeeded",
    JobState.FAILED: "failed",
    JobState.CANCELLED: "cancelled",
}
"""How a search that ended is reported. In any other state it was interrupted."""


def begin_search(reporting: Reporting, archive: Archive, claim: Claim, plan: Plan) -> None:
    """Report that a search is taken up."""
    if reporting:
        name = archive.job(claim.job_id).name
        reporting.begin(Run(claim.job_id, "search", name, parameters_of(plan)))


def report_outcome(
    reporting: Reporting, begun: InFlight, evaluation: Evaluation, standing: Standing, outcomes: int
) -> None:
    """Report the outcome of a training and, if it belongs to the search itself, the frontier after it.

    Args:
        outcomes: the number of outcomes of the search so far.
    """
    told = Outcome(
        begun.number,
        begun.genome,
        begun.seed,
        begun.tokens,
        begun.purpose,
        evaluation.metrics,
        evaluation.failure or "",
        evaluation.detail,
    )
    reporting.outcome(told)
    if begun.purpose != Purpose.FINISH:
        reporting.progress(outcomes, {"hypervolume": standing.hypervolume, "frontier": standing.size})


def end_search(reporting: Reporting, archive: Archive, claim: Claim, artifacts: str) -> None:
    """Report that the runner lets go of a search and, if the search succeeded, where the weights of its frontier lie.

    Args:
        artifacts: the URL of the store of artifacts.
    """
    if not reporting:
        return
    try:
        state = archive.job(claim.job_id).state
        winners = archive.frontier(claim.job_id) if state is JobState.SUCCEEDED else []
    except Exception as error:  # the search may be deleted or the database away, and a report stops no runner
        log.warning("the end of job %s is not reported to trackers: %s", claim.job_id, error)
        state, winners = JobState.RUNNING, []
    for candidate in winners:
        if candidate.weights:
            reporting.export(f"candidate-{candidate.number}", address_of(artifacts, candidate.weights["key"]))
    reporting.end(ENDS.get(state, "interrupted"))


def address_of(place: str, key: str = "") -> str:
    """Return the URL of a file in a store, which is a URL or a directory."""
    root = place if "://" in place else Path(place).absolute().as_uri()
    return f"{root.rstrip('/')}/{key}".rstrip("/")
