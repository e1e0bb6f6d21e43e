"""Taking up a claimed job: its plan is checked, and its past is read from the archive."""

from __future__ import annotations

from collections.abc import Callable

from numpy.random import PCG64, Generator

from evaluator.artifacts import Artifacts
from genome import Space
from search.algorithms.algorithm import CostsOf
from search.archive import Archive
from search.archive.runner_values import Claim
from search.evolution.ordering import kind_of_evolution
from search.objectives import Frontier, far_corner
from search.plan import Plan
from search.run.faults import plan_checked
from search.run.job_run import JobRun
from search.run.patience import Patience
from search.run.resumption import Resumption
from search.run.taking_over import frontier_of, taken_over
from search.tracking import Reporting
from search.tracking.searches import begin_search

CostsUnder = Callable[[Plan], CostsOf]
"""Returns a function from a genome and its space to its static metrics under a plan."""

Reference = Callable[[Plan], dict[str, float]]
"""Computes the hypervolume reference of a plan: a value of each objective, worse than the search should find."""


def opened(
    archive: Archive,
    claim: Claim,
    artifacts: str,
    reference: Reference,
    costs: CostsUnder,
    patience: Patience,
    reporting: Reporting,
) -> JobRun:
    """Begin a job, or continue it from what its last runner recorded.

    Args:
        artifacts: the URL of the store of artifacts.
        patience: the way in which the run waits for a database that is away.
        reporting: takes what is reported of the search.

    Raises:
        PlanFault: the plan, the space or the reference is not legal.
        ArtifactError: the store of artifacts cannot be written.
        LeaseLostError: the claim no longer holds, or the job has ended.
    """
    Artifacts(artifacts).require_writable()
    with plan_checked():
        plan, space = Plan.model_validate(claim.plan), Space.from_json(claim.space)
        corner = claim.reference or reference(plan)
        far = far_corner(corner, plan)
    if not claim.reference:
        archive.set_reference(claim, {metric: float(corner[metric]) for metric in plan.objectives})
    if claim.evolution is None and plan.warm_start is not None:
        found = taken_over(archive, plan.warm_start, plan, space, costs(plan))
        archive.take_over(claim, plan.warm_start, found, frontier_of(found, plan, far))
    resumption = Resumption.read(archive, claim.job_id, plan, space)
    if claim.evolution is None:
        evolution = kind_of_evolution(plan)(plan, Generator(PCG64(plan.seed)), costs(plan), space)
        evolution.take_over(resumption.past)
    else:
        evolution = kind_of_evolution(plan).restore(plan, claim.evolution, resumption.past, costs(plan))
    frontier = Frontier(far, resumption.points)
    run = JobRun(archive, claim, evolution, frontier, resumption, artifacts, patience, reporting)
    run.sweep()
    begin_search(reporting, archive, claim, plan)
    return run
