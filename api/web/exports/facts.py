"""What an export tells beside a model."""

from __future__ import annotations

from typing import Any

from search.archive.values import Candidate, Job


def facts(job: Job, candidate: Candidate) -> dict[str, Any]:
    """Return the origin and the metrics of a model, which the export stores beside the genome."""
    return {
        "job": job.id,
        "candidate": candidate.number,
        "digest": candidate.digest,
        "metrics": candidate.metrics,
        "tokens": candidate.tokens,
        "seeds": candidate.seeds,
        "task": job.plan["task"],
        "budget": job.plan["budget"],
        "seed": (candidate.weights or {}).get("seed", job.plan["seed"]),
        "weights": candidate.weights and candidate.weights["key"],
    }
