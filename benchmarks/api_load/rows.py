"""A database filled in bulk: jobs whose candidates, trainings, history and events look like those of a real search."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from numpy.random import PCG64, Generator
from sqlalchemy import Connection, create_engine, insert, text, update

from genome import sample
from search.archive import Archive
from search.archive.schema.engine import database_url
from search.archive.schema.tables import CandidateRecord, EventRecord, HistoryRecord, JobRecord, TrainingRecord
from search.plan import AlgorithmName, Plan
from search.plan.presets import PRESETS

SAMPLED = 1000
"""Genomes that are drawn; candidates are spliced from their segments."""

FRONTIER = 200
"""Candidates of a job on its frontier, at most."""

BATCH = 5_000
AT = 1_790_000_000.0


def filled(archive: Archive, url: str, candidates: int) -> str:
    """Insert a job of so many candidates that have ended, and return its id. It is queued, so it can be claimed."""
    plan = planned(candidates)
    job = archive.create_job(plan, f"{candidates:,} candidates")
    engine = create_engine(database_url(url))
    with engine.begin() as connection:
        for batch in _batches(_candidates(plan, job.id)):
            _insert(connection, job.id, plan, batch)
        counts = {"proposed": candidates, "done": candidates, "outcomes": candidates, "frontier_size": FRONTIER}
        connection.execute(update(JobRecord).where(JobRecord.id == job.id).values(**counts, hypervolume=0.5))
    engine.dispose()
    return job.id


def analysed(url: str) -> None:
    """Let the database look at its rows, as it does by itself while it is in use, so that it plans queries well."""
    engine = create_engine(database_url(url))
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("ANALYZE"))
    engine.dispose()


def planned(candidates: int) -> Plan:
    """Return the `laptop` plan for so many candidates, by the algorithm that proposes in the least time."""
    changes = {"candidates": 2 * candidates, "algorithm": AlgorithmName.RANDOM, "rungs": {}, "finish": {}, "repeats": 0}
    return Plan.model_validate({**PRESETS["laptop"].model_dump(mode="json"), **changes})


def _candidates(plan: Plan, job_id: str) -> Iterator[dict[str, Any]]:
    rng = Generator(PCG64(plan.candidates))
    drawn = [str(sample(plan.liv_space, rng).genome).split("-") for _ in range(SAMPLED)]
    count = plan.candidates // 2
    apart = max(1, count // FRONTIER)
    for number in range(1, count + 1):
        failed = number % 20 == 0
        parents = rng.integers(1, number, 2).tolist() if number > plan.population else [None, None]
        yield {
            "job_id": job_id,
            "number": number,
            "genome": "-".join(drawn[int(n)][place] for place, n in enumerate(rng.integers(0, SAMPLED, len(drawn[0])))),
            "digest": f"{number:016x}",
            "state": "failed" if failed else "succeeded",
            "mother": parents[0],
            "father": parents[1],
            "variation": "crossover+mutation" if parents[0] else "sample",
            "metrics": _metrics(rng, plan, failed),
            "choice": {"reason": "selection"},
            "tokens": 0 if failed else plan.budget.tokens,
            "seeds": 0 if failed else 1,
            "outcome": number,
            "failure": "diverged" if failed else None,
            "feasible": not failed,
            "frontier": not failed and number % apart == 1,
            "seconds": 30.0,
            "created_at": AT,
            "finished_at": AT + 30,
        }


def _metrics(rng: Generator, plan: Plan, failed: bool) -> dict[str, float]:
    """Return metrics with as many digits as real ones; a failed candidate has those that are exact before training."""
    static = {
        "parameters": float(rng.integers(100_000, 900_000)),
        "cache_bytes": 1024.0 * int(rng.integers(1000, 6000)),
        "flops_per_token": 8.0 * int(rng.integers(100_000, 900_000)),
    }
    if failed:
        return static
    quality = plan.task.metric.name
    measured = (2 + rng.random(), rng.random() / 50, 5 * rng.random(), 60 * rng.random())
    return {**static, **dict(zip((quality, f"{quality}_stderr", "decode_ms", "train_seconds"), measured, strict=True))}


def _insert(connection: Connection, job_id: str, plan: Plan, rows: list[dict[str, Any]]) -> None:
    trainings = [
        {
            **{name: row[name] for name in ("job_id", "number", "state", "metrics", "failure", "seconds")},
            **{name: row[name] for name in ("created_at", "finished_at")},
            "seed": 0,
            "tokens": plan.budget.tokens,
            "purpose": "search",
            "spent": plan.budget.tokens,
            "begun": row["number"],
            "outcome": row["number"],
            "curve": [[step, 3.0] for step in range(0, 150, 15)],
        }
        for row in rows
    ]
    shown = ("number", "state", "metrics", "tokens", "seeds", "failure", "feasible", "frontier")
    events = [
        {"job_id": job_id, "kind": kind, "data": {name: row[name] for name in names}, "at": AT}
        for row in rows
        for kind, names in (("candidate", ("number", "genome", "metrics")), ("candidate", shown))
    ]
    history = [
        {
            "job_id": job_id,
            "outcome": row["number"],
            "done": row["number"],
            "at": AT,
            "tokens": row["number"] * plan.budget.tokens,
            "hypervolume": 0.5,
            "frontier_size": FRONTIER,
        }
        for row in rows
    ]
    for table, values in (
        (CandidateRecord, rows),
        (TrainingRecord, trainings),
        (EventRecord, events),
        (HistoryRecord, history),
    ):
        connection.execute(insert(table), values)


def _batches(rows: Iterator[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    batch: list[dict[str, Any]] = []
    for row in rows:
        batch.append(row)
        if len(batch) == BATCH:
            yield batch
            batch = []
    if batch:
        yield batch
