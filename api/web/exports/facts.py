"""What an export tells beside a model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from evaluator.tasks import registry
from search.archive.values import Candidate, Job
from search.plan import Plan


def facts(job: Job, candidate: Candidate, frontier: Sequence[Candidate]) -> dict[str, Any]:
    """Return the origin and the metrics of a model, which the export stores beside the genome.

    Args:
        frontier: the candidates of the job that no other one dominates.
    """
    return {
        "job": job.id,
        "name": job.name,
        "candidate": candidate.number,
        "parents": candidate.parents,
        "variation": str(candidate.variation),
        "baseline": candidate.baseline,
        "inherited": candidate.inherited,
        "digest": candidate.digest,
        "metrics": candidate.metrics,
        "measures": measures(candidate.metrics),
        "tokens": candidate.tokens,
        "seeds": candidate.seeds,
        "task": job.plan["task"],
        "data_licence": Plan.model_validate(job.plan).task.licence,
        "budget": job.plan["budget"],
        "seed": (candidate.weights or {}).get("seed", job.plan["seed"]),
        "search_seed": job.plan["seed"],
        "weights": candidate.weights and candidate.weights["key"],
        "frontier": _frontier(job.plan["objectives"], frontier),
    }


def measures(metrics: Mapping[str, float]) -> dict[str, dict[str, str]]:
    """Return the label, the unit and the description of each metric that is known."""
    known = registry.metrics()
    return {
        name: {"label": known[name].label, "unit": known[name].unit, "description": known[name].description}
        for name in metrics
        if name in known
    }


def _frontier(objectives: Sequence[str], frontier: Sequence[Candidate]) -> dict[str, Any]:
    whole = [one for one in frontier if all(name in one.metrics for name in objectives)]
    points = [{"candidate": one.number, "values": [one.metrics[name] for name in objectives]} for one in whole]
    return {"objectives": list(objectives), "candidates": sorted(points, key=lambda point: point["candidate"])}
