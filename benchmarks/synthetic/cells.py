"""Trainings of stacks of one class on synthetic tasks, each kept in a journal, so that an interrupted run goes on."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any, NamedTuple

from evaluator.budget import Budget
from evaluator.evaluate import evaluate
from evaluator.evaluation import Request
from evaluator.metrics import STDERR_SUFFIX
from evaluator.tasks.registry import task_of
from genome import Genome, Shape, Space, named

Key = str


class Score(NamedTuple):
    """The error of a training, its standard error over validation sequences, and its cache in bytes."""

    error: float
    stderr: float
    cache_bytes: float


@dataclass(frozen=True)
class Cell:
    """One training: the classes of the stack, the task as JSON, sizes, budget as JSON, and seed."""

    classes: tuple[str, ...]
    task: dict[str, Any]
    width: int
    head_dim: int
    budget: dict[str, Any]
    seed: int

    @property
    def key(self) -> Key:
        return json.dumps(asdict(self), sort_keys=True)


def scores(cells: Iterable[Cell], journal: Path, workers: int) -> dict[Key, Score]:
    """Train the cells that a journal lacks, and return the scores of all of them.

    Raises:
        RuntimeError: a training failed; the message says why.
    """
    wanted = {cell.key: cell for cell in cells}
    found = dict(_kept(journal))
    missing = [cell for key, cell in wanted.items() if key not in found]
    journal.parent.mkdir(exist_ok=True)
    with journal.open("a") as file, get_context("spawn").Pool(workers) as pool:
        for n, (cell, score, seconds) in enumerate(pool.imap_unordered(_trained, missing), 1):
            found[cell.key] = score
            file.write(json.dumps({"key": cell.key, "score": score, "seconds": seconds}) + "\n")
            file.flush()
            name = f"{'-'.join(cell.classes)} on {cell.task['kind']}, seed {cell.seed}"
            print(f"{n} of {len(missing)}: {name}: {score.error:.3f}, {seconds:.0f} s", flush=True)
    return {key: found[key] for key in wanted}


def _kept(journal: Path) -> Iterator[tuple[Key, Score]]:
    if journal.exists():
        for line in journal.read_text().splitlines():
            row = json.loads(line)
            yield row["key"], Score(*row["score"])


def _trained(cell: Cell) -> tuple[Cell, Score, float]:
    began = time.monotonic()
    task = task_of(cell.task["kind"]).model_validate(cell.task)
    genome = Genome.of(named(name).id for name in cell.classes)
    shape = Shape(cell.width, cell.head_dim, task.vocab)
    budget = Budget.model_validate(cell.budget)
    request = Request(
        0, 0, str(genome), Space.of(depth=len(cell.classes)).to_json(), shape, task, budget, 4096, cell.seed
    )
    evaluation = evaluate(request)
    if evaluation.failure is not None:
        raise RuntimeError(f"{cell.key} {evaluation.failure}: {evaluation.detail}")
    name, metrics = task.metric.name, evaluation.metrics
    score = Score(metrics[name], metrics[name + STDERR_SUFFIX], metrics["cache_bytes"])
    return cell, score, time.monotonic() - began
