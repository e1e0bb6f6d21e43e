"""Trains more than a thousand genomes of the `laptop` space for real: `python benchmarks/trainings.py`.

The trainings are the material of `benchmarks/replay.py`. Each is 80 steps of 16 x 64 bytes, measured also after a
quarter of its tokens with a cool-down of its own. Genomes come from four sources:

    homogeneous    one stack for each class, and one that alternates the class with GMemless
    random         samples of the space
    evolved        children of the best genomes so far, some with only a gene changed
    repeated       genomes trained before, with other seeds, which show the noise

Every result is appended to `var/trainings.jsonl`, so a run that was interrupted goes on; the last step writes
`benchmarks/data/trainings.parquet`. Trainings that the file holds already are not made again: raise `COUNTS` for more.
"""

from __future__ import annotations

import argparse
import json
import platform
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from pathlib import Path
from typing import Any

import moocore
import numpy as np
import pyarrow as pa
import torch
from pyarrow import parquet

import star
from evaluator.budget import Budget
from evaluator.measure import quality
from evaluator.schedule import stable_steps
from evaluator.train import Training
from genome import Genome, decode, digest, mutate, named, recombine, sample
from search.plan.presets import PRESETS

PLAN = PRESETS["laptop"]
SPACE = PLAN.liv_space
BUDGET = Budget(steps=80, batch=16, length=64, warmup=8, validation=256, seconds=600)
RUNGS = (20, 80)
"""Steps after which a training is measured."""

COUNTS = {"homogeneous": 34, "random": 575, "evolved": 405, "repeated": 150}
"""Trainings of each source; there are fewer homogeneous genomes than asked for where two are the same."""

MUTATION_RATES = (0.03, 0.1, 0.3)
PARENTS = 40
JOURNAL = Path("var/trainings.jsonl")
RESULT = Path(__file__).parent / "data" / "trainings.parquet"

Row = dict[str, Any]


def trained(origin: str, text: str, seed: int) -> list[Row]:
    """Train one genome, and return a row for each rung."""
    torch.set_num_threads(1)
    genome = Genome.parse(text)
    blueprint = decode(genome, SPACE)
    cost = star.cost(blueprint, PLAN.shape, PLAN.context)
    task = PLAN.task.load(BUDGET)
    training = Training(star.build(blueprint, PLAN.shape, seed), task, BUDGET, np.random.default_rng(seed))
    rows = []
    began = time.monotonic()
    for steps in RUNGS:
        training.run(stable_steps(steps, BUDGET), steps, float("inf"))
        measured = training.branched() if steps < BUDGET.steps else training
        measured.run(steps, steps, float("inf"))
        score = quality(measured.model, task, BUDGET.batch, float("inf"))
        rows.append(
            {
                "digest": digest(genome, SPACE),
                "genome": text,
                "origin": origin,
                "seed": seed,
                "tokens": steps * BUDGET.batch * BUDGET.length,
                "bits_per_byte": score.value,
                "bits_per_byte_stderr": score.stderr,
                "parameters": cost.parameters,
                "cache_bytes": cost.cache_bytes,
                "flops_per_token": cost.flops_per_token,
                "seconds": time.monotonic() - began,
            }
        )
    return rows


def wanted(rows: list[Row], rng: np.random.Generator) -> Iterator[tuple[str, Genome, int]]:
    """Yield the genomes to train next, none of them twice, with their source and seed; `rows` grows meanwhile."""
    origins = {(row["digest"], row["seed"]): row["origin"] for row in rows}
    counted = Counter(origins.values())
    for origin, draw in SOURCES.items():
        draws = draw(rows, rng)
        while counted[origin] < COUNTS[origin] and (drawn := next(draws, None)) is not None:
            genome, seed = drawn
            key = digest(genome, SPACE), seed
            if key not in origins:
                origins[key] = origin
                counted[origin] += 1
                yield origin, genome, seed


def homogeneous(rows: list[Row], rng: np.random.Generator) -> Iterator[tuple[Genome, int]]:
    """Yield stacks of one class, and stacks of one class that alternates with GMemless."""
    for row in SPACE.classes:
        yield Genome.of([row.id] * SPACE.depth), 0
        yield Genome.of([row.id, named("GMemless").id] * (SPACE.depth // 2)), 0


def random(rows: list[Row], rng: np.random.Generator) -> Iterator[tuple[Genome, int]]:
    """Yield samples of the space."""
    while True:
        yield sample(SPACE, rng).genome, 0


def evolved(rows: list[Row], rng: np.random.Generator) -> Iterator[tuple[Genome, int]]:
    """Yield children of the best genomes so far."""
    while True:
        yield child(rows, rng), 0


def repeated(rows: list[Row], rng: np.random.Generator) -> Iterator[tuple[Genome, int]]:
    """Yield genomes trained before, with other seeds."""
    while True:
        yield Genome.parse(rows[int(rng.integers(len(rows)))]["genome"]), 1 + int(rng.integers(3))


SOURCES = {"homogeneous": homogeneous, "random": random, "evolved": evolved, "repeated": repeated}


def child(rows: list[Row], rng: np.random.Generator) -> Genome:
    """Return a child of two of the best genomes: by rank of non-domination, or by quality alone."""
    full = [row for row in rows if row["tokens"] == RUNGS[-1] * BUDGET.batch * BUDGET.length]
    points = np.array(
        [[row["bits_per_byte"], np.log(row["parameters"]), np.log(row["cache_bytes"] + 1)] for row in full]
    )
    order = np.argsort(points[:, 0] if rng.random() < 0.5 else moocore.pareto_rank(points), kind="stable")
    mother, father = (
        Genome.parse(full[order[int(n)]]["genome"]) for n in rng.integers(min(PARENTS, len(full)), size=2)
    )
    genome = recombine(mother, father, SPACE, rng)[0].genome if rng.random() < 0.7 else mother
    return mutate(genome, SPACE, rng, float(rng.choice(MUTATION_RATES))).genome


def run(workers: int) -> list[Row]:
    """Train until there are enough of every origin, and return all rows."""
    JOURNAL.parent.mkdir(exist_ok=True)
    rows: list[Row] = parquet.read_table(RESULT).to_pylist() if RESULT.exists() else []
    kept = {(row["digest"], row["seed"], row["tokens"]) for row in rows}
    lines = JOURNAL.read_text().splitlines() if JOURNAL.exists() else []
    found = [json.loads(line) for line in lines]
    rows += [row for row in found if (row["digest"], row["seed"], row["tokens"]) not in kept]
    rng = np.random.default_rng(len(rows))
    with ProcessPoolExecutor(workers) as pool, JOURNAL.open("a") as journal:
        busy: set[Future[list[Row]]] = set()
        jobs = wanted(rows, rng)
        while True:
            while len(busy) < workers and (job := next(jobs, None)) is not None:
                origin, genome, seed = job
                busy.add(pool.submit(trained, origin, str(genome), seed))
            if not busy:
                return rows
            done, busy = wait(busy, return_when=FIRST_COMPLETED)
            for future in done:
                rows += future.result()
                journal.writelines(json.dumps(row) + "\n" for row in future.result())
                journal.flush()
            if len(rows) % 50 < 2:
                print(f"{len(rows) // len(RUNGS)} trainings", flush=True)


def write(rows: list[Row]) -> None:
    """Write all rows to `RESULT`, with the commit, the machine class and the version of torch."""
    command = ["git", "rev-parse", "HEAD"]
    commit = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()  # noqa: S603
    facts = {"commit": commit, "machine": platform.machine(), "torch": torch.__version__, "steps": str(RUNGS)}
    table = pa.Table.from_pylist(rows).replace_schema_metadata(facts)
    RESULT.parent.mkdir(exist_ok=True)
    parquet.write_table(table, RESULT, compression="zstd")
    print(f"{len(rows)} rows in {RESULT}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workers", type=int, default=2)
    write(run(parser.parse_args().workers))
