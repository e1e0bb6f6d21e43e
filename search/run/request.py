"""The request by which an evaluator learns of a training, and the folder in the store that is the training's own."""

from __future__ import annotations

from evaluator.artifacts import Artifact
from evaluator.evaluation import Request, Store
from genome import Genome, Space
from search.archive.runner_values import InFlight
from search.plan import Plan
from search.run.inheriting import parent_of


def request_of(
    plan: Plan, space: Space, job_id: str, begun: InFlight, url: str, checkpoint: Artifact | None
) -> Request:
    """Return the request of a training.

    Args:
        url: the URL of the store of artifacts.
        checkpoint: what the training goes on from, or None.
    """
    return Request(
        candidate=begun.number,
        attempt=begun.attempt,
        genome=begun.genome,
        space=space.only(Genome.parse(begun.genome)).to_json(),
        shape=plan.shape,
        task=plan.task,
        budget=plan.budget,
        context=plan.context,
        asked=plan.asked,
        seed=begun.seed,
        tokens=begun.tokens,
        parent=parent_of(begun),
        checkpoint=checkpoint,
        store=Store(url, folder_of(job_id, begun)),
    )


def folder_of(job_id: str, begun: InFlight) -> str:
    """Return the folder of a candidate's artifacts for one seed, within the store."""
    return f"{job_id}/{begun.number}/{begun.seed}"
