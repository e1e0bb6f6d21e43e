"""A task added in one file is offered, submitted, checked, trained and shown, with no other change."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from api.cli.output import measured
from evaluator.inline import InlineEvaluator
from evaluator.metrics import COSTS, ON_REQUEST
from evaluator.tasks.registry import BUILT_IN, register, unregister
from search.costs import costs_of, reference
from search.plan import Plan
from search.run.runner import Runner
from tests.served import Service, serving
from tests.toy_task import EchoTask

pytestmark = pytest.mark.slow

PLAN: dict[str, Any] = {
    "task": {"kind": "echo", "tones": 4},
    "objectives": ["echo_error", "cache_bytes"],
    "constraints": [{"metric": "echo_error", "at_most": 1}],
    "space": {"depth": 2, "classes": ["SA-1", "GMemless", "GConv-1"]},
    "width": 16,
    "head_dim": 4,
    "candidates": 3,
    "population": 2,
    "budget": {"steps": 3, "batch": 2, "length": 8, "warmup": 1, "validation": 4},
}


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    register(EchoTask)
    with serving(tmp_path) as running:
        yield running
    unregister(EchoTask)


def test_the_api_describes_the_task_its_metric_and_its_fields(service: Service) -> None:
    presets = service.client.get("/v1/presets").json()

    echo = next(task for task in presets["tasks"] if task["kind"] == "echo")
    assert echo["defaults"] == {"kind": "echo", "tones": 8}
    assert echo["fields"]["tones"]["description"] == "size of the vocabulary"
    assert (echo["title"], echo["brief"], echo["vocabulary"]) == ("Echo", "echo of {tones} tones", "tones")
    assert echo["metrics"] == ["echo_error", *(metric.name for metric in (*COSTS, *ON_REQUEST))]
    properties = presets["plan_schema"]["properties"]
    kinds = [choice["properties"]["kind"]["const"] for choice in properties["task"]["oneOf"]]
    assert kinds == [*(task.name() for task in BUILT_IN), "echo"]
    assert "echo_error" in properties["objectives"]["items"]["enum"]
    shown = {metric["name"]: metric for metric in service.client.get("/v1/metrics").json()["metrics"]}
    assert shown["echo_error"]["label"] == "Echo error"
    assert measured("echo_error", {"echo_error": 0.25}) == "25.0 %"


def test_a_job_of_the_task_is_submitted_trained_and_shown(service: Service) -> None:
    submitted = service.client.post("/v1/jobs", json={"plan": PLAN})
    assert submitted.status_code == 202, submitted.text
    runner = Runner(service.archive, InlineEvaluator, service.settings.artifacts, reference, costs_of, "test")
    assert runner.run_until_idle() == 1

    url = submitted.headers["Location"]
    job = service.client.get(url).json()
    assert (job["state"], job["done"], job["failed"]) == ("succeeded", 3, 0)
    assert job["plan"]["task"] == PLAN["task"]
    assert job["reference"]["echo_error"] == 0.75
    points = service.client.get(f"{url}/points").json()
    assert all(0 <= error <= 1 for error in points["metrics"]["echo_error"])
    assert len(points["metrics"]["echo_error_stderr"]) == 3


@pytest.mark.parametrize(
    ("changes", "pointer", "message"),
    [
        ({"task": {"kind": "echo", "tones": 1}}, "/plan/task/tones", "greater than or equal to 2"),
        ({"task": {"kind": "echo", "tunes": 9}}, "/plan/task/tunes", "unknown field; legal: kind, tones"),
        ({"budget": {"length": 3}}, "/plan/budget/length", "length must be 4 or more for an echo, not 3"),
        ({"objectives": ["bits_per_byte"]}, "/plan/objectives/0", "it reports echo_error, parameters"),
    ],
)
def test_a_plan_that_does_not_suit_the_task_is_refused_at_the_field(
    service: Service, changes: dict[str, Any], pointer: str, message: str
) -> None:
    answer = service.client.post("/v1/jobs", json={"plan": PLAN | changes})

    assert answer.status_code == 422
    (fault,) = answer.json()["errors"]
    assert fault["pointer"] == pointer
    assert message in fault["detail"]


def test_the_plan_keeps_the_task_through_storage(service: Service) -> None:
    plan = Plan.model_validate(PLAN)

    assert plan.shape.vocab == 4
    assert Plan.model_validate(plan.model_dump(mode="json")) == plan
