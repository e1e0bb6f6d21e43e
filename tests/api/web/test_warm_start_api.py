"""A plan that begins from an earlier search: the field that is named when the two do not train alike."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from tests.api.web.refusal import refused
from tests.served import SMALL, Service

RECALL = {"task": {"kind": "recall", "pairs": 2}, "objectives": ["recall_error"]}


@pytest.mark.parametrize(
    ("changes", "names"),
    [
        (RECALL, "task"),
        ({"width": 32}, "width"),
        ({"head_dim": 2}, "head_dim"),
        ({"context": 64}, "context"),
        ({"budget": {"steps": 7}}, "budget.steps"),
        ({"budget": {"learning_rate": 0.001, "batch": 8}}, "budget.batch, budget.learning_rate"),
        ({"rungs": {"tokens": [10 * 16 * 128]}}, "rungs.tokens"),
    ],
)
@pytest.mark.usefixtures("nothing_stored")
def test_searches_that_train_otherwise_are_refused(
    client: httpx.Client, finished: str, changes: dict[str, Any], names: str
) -> None:
    plan = {**SMALL, **changes, "warm_start": finished}

    problem = refused(client.post("/v1/jobs", json={"plan": plan}))

    assert problem["errors"][0]["pointer"] == "/plan/warm_start"
    assert f"job {finished} differs in " in problem["errors"][0]["detail"]
    assert names in problem["errors"][0]["detail"]


@pytest.mark.usefixtures("nothing_stored")
def test_an_unknown_search_is_refused(client: httpx.Client) -> None:
    for unknown, says in [("nowhere", "no job 'nowhere'"), ("x" * 65, "at most 64 characters"), (7, "valid string")]:
        problem = refused(client.post("/v1/jobs", json={"plan": {**SMALL, "warm_start": unknown}}))

        assert problem["errors"][0]["pointer"] == "/plan/warm_start"
        assert says in problem["errors"][0]["detail"]


def test_a_search_of_other_objectives_in_another_space_may_follow(service: Service, finished: str) -> None:
    changes = {"objectives": ["bits_per_byte"], "space": {"depth": 3}, "budget": {"seconds": 9}, "seed": 3}

    answer = service.client.post("/v1/jobs", json={"plan": {**SMALL, **changes, "warm_start": finished}})

    assert answer.status_code == 202, answer.text
    assert answer.json()["plan"]["warm_start"] == finished
    service.client.post(f"/v1/jobs/{answer.json()['id']}/cancel")
