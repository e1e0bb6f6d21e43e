"""The example plans of docs/tasks.md: there is one for each task, and a job runs from each, in a few small steps."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from evaluator.inline import InlineEvaluator
from evaluator.tasks.registry import BUILT_IN, MAD
from search.archive import Archive
from search.archive.values import JobState
from search.costs import costs_of, reference
from search.plan import Plan
from search.plan.presets import merged
from search.run.runner import Runner
from tests.evaluator.test_every_task import dna, series, text, tokens

PAGE = (Path(__file__).parents[1] / "docs" / "tasks.md").read_text(encoding="utf-8")
EXAMPLES: list[dict[str, Any]] = [json.loads(block) for block in re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)]
BY_KIND = {example["task"]["kind"]: example for example in EXAMPLES}

WRITERS = {"text": ("corpus", text), "tokens": ("data", tokens), "dna": ("data", dna), "series": ("data", series)}
"""The field of a task that names its files, and what writes such files."""

SMALL = {
    "space": {"depth": 2, "classes": ["SA-1", "GMemless"]},
    "width": 16,
    "head_dim": 8,
    "candidates": 3,
    "population": 2,
    "rungs": {"tokens": []},
    "finish": {"seeds": 0},
}


def shrunk(kind: str, folder: Path) -> Plan:
    """The example of a kind, on files in a folder, with few candidates and steps; all else is as it is written."""
    example = BY_KIND[kind] if kind in BY_KIND else mad_like(kind)
    task, budget = dict(example["task"]), {**example["budget"], "steps": 2, "batch": 2, "validation": 4, "warmup": 1}
    if kind in WRITERS:
        name, write = WRITERS[kind]
        task[name] = write(folder)
        task.pop("tokenizer", None)
        task |= {"symbols": 16} if kind == "tokens" else {}
    budget["length"] = min(budget["length"], 128)
    plan = merged("laptop", {**example, "task": task, "budget": budget, **SMALL})
    return plan.model_copy(update={"task": plan.task.permitted([folder])})


def mad_like(kind: str) -> dict[str, Any]:
    """The example of MAD with another of its tasks, at the baseline of the page's table."""
    task = next(task for task in MAD if task.name() == kind)
    example = BY_KIND["mad_context_recall"]
    return {
        **example,
        "task": {"kind": kind, **task.baseline.fields},
        "budget": {**example["budget"], "length": task.baseline.length},
        "objectives": [task.metric.name, *example["objectives"][1:]],
    }


def test_every_task_has_an_example():
    assert set(BY_KIND) | {task.name() for task in MAD} == {task.name() for task in BUILT_IN}
    assert all(f"| `{task.name()}` |" in PAGE for task in MAD)


@pytest.mark.slow
@pytest.mark.parametrize("kind", [task.name() for task in BUILT_IN])
def test_a_job_runs_from_it(kind, tmp_path):
    (tmp_path / "data").mkdir()
    plan = shrunk(kind, tmp_path / "data")
    archive = Archive(f"sqlite:///{tmp_path}/star.db")
    archive.migrate()
    archive.create_job(plan, "example")
    Runner(archive, InlineEvaluator, f"file://{tmp_path}/artifacts", reference, costs_of, "test").run_until_idle()
    (job,) = archive.jobs(1).items
    assert (job.state, job.done, job.failed) == (JobState.SUCCEEDED, 3, 0)
    for point in archive.frontier(job.id):
        assert set(plan.objectives) <= set(point.metrics)
    archive.close()
