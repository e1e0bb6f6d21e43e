"""What must hold of a search after faults: nothing is lost and nothing counts twice."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

from evaluator.artifacts import Artifacts
from search.archive import Archive
from search.archive.values import CandidateState

MOST = 1000
"""Candidates of a search that is audited."""

ENDED = {CandidateState.SUCCEEDED, CandidateState.FAILED}


def audited(archive: Archive, job_id: str, artifacts: Path) -> dict[str, Any]:
    """Return counts of a search that is over, and for each promise whether it was kept."""
    job, rows = archive.job(job_id), archive.candidates(job_id, MOST).items
    trainings = [archive.trainings(job_id, row.number) for row in rows]
    every = [one for own in trainings for one in own]
    spent = sum(one.spent for one in archive.past_trainings(job_id))
    return {
        "state": str(job.state),
        "candidates": len(rows),
        "trainings": len(every),
        "failed": Counter(str(one.failure) for one in every if one.failure),
        "begun again": sum(one.attempt - 1 for one in every),
        "lost attempts": job.lost,
        "kept": {
            "every candidate of the plan is there": len(rows) == job.candidates_total,
            "every training has an outcome": {one.state for one in every} <= ENDED,
            "outcomes are numbered 1 to n, each once": sorted(one.outcome or 0 for one in every)
            == list(range(1, len(every) + 1)),
            "no candidate has two trainings of one seed and budget": all(
                len({(one.seed, one.tokens) for one in own}) == len(own) for own in trainings
            ),
            "tokens add up": job.tokens == spent,
            "every artifact belongs to a row, and every row has its artifact": set(
                Artifacts(str(artifacts)).keys(job_id)
            )
            == archive.artifacts(job_id),
        },
    }
