"""Several tasks in one plan: each is trained alone, scores are their means, and errors name the task at fault."""

from __future__ import annotations

import math
from typing import Any

import pytest
from pydantic import ValidationError

from evaluator.artifacts import Artifacts
from evaluator.budget import Budget
from evaluator.evaluation import Failure, Request, Store
from evaluator.inline import InlineEvaluator
from evaluator.tasks.dna import DNATask
from evaluator.tasks.mad.memorization import MemorizationTask
from evaluator.tasks.mad.recall import ContextRecallTask
from evaluator.tasks.several import SeveralTask
from genome import Genome, Shape, Space, named
from search.costs import reference
from search.plan import Plan

SPACE = Space.of(depth=2)
GENOME = str(Genome.of([named("SA-1").id, named("GMemless").id]))
RECALL, FIRST, SECOND = (
    {"kind": "mad_context_recall", "symbols": 16},
    {"kind": "mad_memorization", "symbols": 64},
    {"kind": "mad_memorization", "symbols": 32},
)
TASKS = [RECALL, FIRST, SECOND]
PLAN: dict[str, Any] = {
    "task": {"kind": "several", "tasks": TASKS, "lengths": [15, 16, 32]},
    "objectives": ["mean_error", "cache_bytes"],
    "space": {"depth": 2, "classes": ["SA-1", "GMemless"]},
    "width": 16,
    "head_dim": 8,
    "budget": {"steps": 6, "batch": 4, "length": 16, "warmup": 1, "validation": 8},
}


def evaluated(task, budget, vocab, store=None):
    evaluator = InlineEvaluator()
    shape = Shape(width=16, head_dim=8, vocab=vocab)
    evaluator.submit(Request(3, 1, GENOME, SPACE.to_json(), shape, task, budget, seed=5, store=store))
    (evaluation,) = evaluator.collect(100)
    return evaluation


def test_each_task_is_trained_as_if_it_were_alone_and_scores_are_means_over_kinds(tmp_path):
    plan = Plan.model_validate(PLAN)
    assert isinstance(plan.task, SeveralTask)
    alone = [
        evaluated(task, plan.budget.model_copy(update={"length": length}), task.vocab)
        for task, length in zip(plan.task.tasks, (15, 16, 32), strict=True)
    ]
    url = f"file://{tmp_path}"
    both = evaluated(plan.task, plan.budget, 64, Store(url, "job/3/5"))
    assert both.detail == ""
    recall = alone[0].metrics["mad_context_recall_error"]
    first, second = (one.metrics["mad_memorization_error"] for one in alone[1:])
    assert both.metrics["mad_context_recall_error"] == recall
    assert both.metrics["mad_memorization_error"] == pytest.approx((first + second) / 2)
    assert both.metrics["mean_error"] == pytest.approx((recall + (first + second) / 2) / 2)
    errors = [one.metrics[name] for one in alone for name in one.metrics if name.endswith("_error_stderr")]
    assert both.metrics["mad_memorization_error_stderr"] == pytest.approx(math.hypot(*errors[1:]) / 2)
    assert both.metrics["mean_error_stderr"] == pytest.approx(math.hypot(errors[0], math.hypot(*errors[1:]) / 2) / 2)
    assert both.metrics["parameters"] == alone[1].metrics["parameters"]
    assert both.metrics["train_seconds"] > 0
    assert (both.candidate, both.attempt, both.seed, both.tokens) == (3, 1, 5, plan.budget.tokens)
    assert [step for step, _ in both.curve] == [step for step, _ in alone[0].curve]
    assert both.curve[0][1] == pytest.approx(sum(one.curve[0][1] for one in alone) / 3)
    assert both.weights is not None
    assert Artifacts(url).read(both.weights)


def test_a_task_that_fails_is_named_and_the_time_limit_is_that_of_all():
    lost = SeveralTask(tasks=(MemorizationTask(symbols=64), DNATask(data="/nowhere")))
    broken = evaluated(lost, Budget(steps=3, batch=4, length=16, validation=8), 64)
    assert broken.failure is Failure.RAISED
    assert broken.detail.startswith("on task 1, dna: ")
    task = SeveralTask(tasks=(MemorizationTask(symbols=64), ContextRecallTask()))
    late = evaluated(task, Budget(steps=10_000, batch=4, length=16, validation=8, seconds=0.5), 64)
    assert late.failure is Failure.TIMED_OUT
    assert late.detail.startswith("on task 0, mad_memorization: ")


def test_the_plan_knows_the_scores_their_chances_and_the_largest_vocabulary():
    plan = Plan.model_validate(PLAN)
    assert plan.shape.vocab == 64
    assert [metric.name for metric in plan.task.scores] == [
        "mean_error",
        "mad_context_recall_error",
        "mad_memorization_error",
    ]
    recall, memory = 1 - 1 / 8, (1 - 1 / 31 + 1 - 1 / 15) / 2
    assert reference(plan)["mean_error"] == pytest.approx((recall + memory) / 2)
    other = Plan.model_validate({**PLAN, "objectives": ["mad_memorization_error", "mad_context_recall_error"]})
    assert reference(other) == pytest.approx({"mad_memorization_error": memory, "mad_context_recall_error": recall})
    assert Plan.model_validate(plan.model_dump(mode="json")) == plan


REFUSED: dict[str, tuple[dict[str, Any], tuple[str | int, ...], str]] = {
    "unknown kind": ({"tasks": [{"kind": "vision"}]}, ("task", "tasks", 0, "kind"), "'vision' is unknown"),
    "nested": ({"tasks": [{"kind": "several"}]}, ("task", "tasks", 0), "cannot be several tasks itself"),
    "series": ({"tasks": [{"kind": "series"}]}, ("task", "tasks", 0), "series has a real input"),
    "lengths": ({"lengths": [16]}, ("task", "lengths"), "lengths must be none or 3, one for each task, not 1"),
    "no room": ({"lengths": [15, 16, 2]}, ("task", "tasks", 2, "examples"), "examples must be"),
    "no length": ({"lengths": [2, 16, 16]}, ("task", "lengths", 0), "length must be 3 or more for recall, not 2"),
    "none": ({"tasks": []}, ("task", "tasks"), "at least 1 item"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_is_illegal_in_one_task_is_refused_at_its_place(what):
    change, place, says = REFUSED[what]
    if what == "no room":
        change = {**change, "tasks": [RECALL, FIRST, {**SECOND, "examples": 3}]}
    with pytest.raises(ValidationError, match=says) as refused:
        Plan.model_validate({**PLAN, "task": {**PLAN["task"], **change}})
    assert refused.value.errors()[0]["loc"] == place


def test_a_score_that_no_task_has_is_refused_and_so_are_inherited_weights():
    with pytest.raises(ValidationError, match="task several does not report bits_per_byte; it reports mean_error"):
        Plan.model_validate({**PLAN, "objectives": ["bits_per_byte"]})
    mixed = {"kind": "several", "tasks": [RECALL, {"kind": "text"}]}
    with pytest.raises(ValidationError, match="does not report mean_error; it reports mad_context_recall_error, bits"):
        Plan.model_validate({**PLAN, "task": mixed})
    with pytest.raises(ValidationError, match="on several tasks no weights are inherited"):
        Plan.model_validate({**PLAN, "inherit": True})
