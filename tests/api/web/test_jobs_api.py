"""Searches over HTTP: submitted once, listed in pages, paused, resumed, cancelled, and read while they run."""

from __future__ import annotations

import uuid
from typing import Any

import httpx
import pytest

from search.plan import Plan
from search.plan.presets import PRESETS
from tests.api.web.refusal import refused
from tests.served import SMALL, Service


def submitted(client: httpx.Client, **body: object) -> dict[str, Any]:
    answer = client.post("/v1/jobs", json=body)
    assert answer.status_code == 202, answer.text
    made: dict[str, Any] = answer.json()
    return made


def test_a_submitted_search_is_at_its_location(client: httpx.Client) -> None:
    answer = client.post("/v1/jobs", json={"name": "first", "plan": {"budget": {"steps": 7}}})

    assert answer.status_code == 202
    job = client.get(answer.headers["location"]).json()
    assert job["id"] == answer.json()["id"]
    assert (job["name"], job["state"], job["done"]) == ("first", "queued", 0)
    assert job["plan"]["budget"] == PRESETS["laptop"].budget.model_dump(mode="json") | {"steps": 7}
    assert job["candidates_total"] == PRESETS["laptop"].candidates


def test_the_stored_plan_is_the_one_that_runs(client: httpx.Client) -> None:
    job = submitted(client, preset="star-125m")

    assert Plan.model_validate(job["plan"]) == PRESETS["star-125m"]


def test_a_search_has_the_priority_of_its_submission(client: httpx.Client) -> None:
    key = {"Idempotency-Key": uuid.uuid4().hex}
    assert submitted(client, name="as others")["priority"] == 0
    first = client.post("/v1/jobs", json={"priority": 3}, headers=key).json()
    assert client.get(f"/v1/jobs/{first['id']}").json()["priority"] == 3
    assert client.post("/v1/jobs", json={"priority": 3}, headers=key).json()["id"] == first["id"]
    assert client.post("/v1/jobs", json={"priority": 2}, headers=key).status_code == 422
    refused = client.post("/v1/jobs", json={"priority": 4})
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "/priority")


def test_a_repeated_key_makes_no_second_job(client: httpx.Client) -> None:
    key = {"Idempotency-Key": uuid.uuid4().hex}
    body = {"name": uuid.uuid4().hex}

    first, second = (client.post("/v1/jobs", json=body, headers=key) for _ in range(2))

    assert first.status_code == second.status_code == 202
    assert first.json()["id"] == second.json()["id"]
    assert [job["name"] for job in every_job(client)].count(body["name"]) == 1


def test_a_key_used_for_something_else_is_refused(client: httpx.Client) -> None:
    key = {"Idempotency-Key": uuid.uuid4().hex}
    client.post("/v1/jobs", json={"name": "one"}, headers=key)

    answer = client.post("/v1/jobs", json={"name": "another"}, headers=key)

    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert "used before" in answer.json()["detail"]


def every_job(client: httpx.Client, page_size: int = 100) -> list[dict[str, object]]:
    found, token = [], None
    while True:
        page = client.get("/v1/jobs", params={"page_size": page_size} | ({"page_token": token} if token else {})).json()
        found += page["jobs"]
        token = page["next_page_token"]
        if token is None:
            return found


def test_pages_hold_every_job_once_newest_first(client: httpx.Client) -> None:
    made = [submitted(client, name=f"paged {n}")["id"] for n in range(5)]

    listed = [job["id"] for job in every_job(client, page_size=2)]

    assert listed[:5] == made[::-1]
    assert len(listed) == len(set(listed))


def test_actions_change_the_state_and_repeat_harmlessly(client: httpx.Client) -> None:
    path = f"/v1/jobs/{submitted(client)['id']}"

    for action, state in (("pause", "paused"), ("pause", "paused"), ("resume", "queued"), ("cancel", "cancelled")):
        answer = client.post(f"{path}/{action}")
        assert (answer.status_code, answer.json()["state"]) == (200, state)
    assert client.get(path).json()["finished_at"] is not None


def test_an_illegal_action_names_the_state_and_what_is_legal(client: httpx.Client) -> None:
    path = f"/v1/jobs/{submitted(client)['id']}"
    client.post(f"{path}/cancel")

    answer = client.post(f"{path}/resume")

    assert answer.status_code == 409
    assert answer.headers["content-type"] == "application/problem+json"
    assert "cancelled" in answer.json()["detail"]
    assert "legal: cancel" in answer.json()["detail"]


def test_polling_costs_nothing_while_nothing_changes(client: httpx.Client) -> None:
    path = f"/v1/jobs/{submitted(client)['id']}"
    etag = client.get(path).headers["etag"]

    assert client.get(path, headers={"If-None-Match": etag}).status_code == 304
    client.post(f"{path}/pause")
    changed = client.get(path, headers={"If-None-Match": etag})
    assert changed.status_code == 200
    assert changed.headers["etag"] != etag


def test_a_finished_search_has_its_columns(service: Service, finished: str) -> None:
    job = service.client.get(f"/v1/jobs/{finished}").json()
    points = service.client.get(f"/v1/jobs/{finished}/points").json()
    history = service.client.get(f"/v1/jobs/{finished}/history").json()

    assert (job["state"], job["done"], job["failed"]) == ("succeeded", SMALL["candidates"], 2)
    assert points["number"] == list(range(1, job["done"] + 1))
    columns = [points[name] for name in points if name != "metrics"] + list(points["metrics"].values())
    assert {len(column) for column in columns} == {job["done"]}
    assert sum(points["frontier"]) == job["frontier_size"] > 0
    assert points["baseline"][:2] == ["Transformer++", "striped hybrid"]
    failed = points["failure"].index("diverged")
    assert points["metrics"]["bits_per_byte"][failed] is None
    assert {len(column) for column in history.values()} == {job["outcomes"]}
    few = service.client.get(f"/v1/jobs/{finished}/history", params={"most": 5}).json()
    assert few["outcome"] == [3, 6, 9, 12]
    assert refused(service.client.get(f"/v1/jobs/{finished}/history", params={"most": 1}), 422)
    assert history["hypervolume"] == sorted(history["hypervolume"])
    assert history["hypervolume"][-1] == pytest.approx(job["hypervolume"])


def test_the_frontier_is_what_the_points_say(client: httpx.Client, finished: str) -> None:
    points = client.get(f"/v1/jobs/{finished}/points").json()
    frontier = client.get(f"/v1/jobs/{finished}/frontier").json()["candidates"]

    expected = [n for n, member in zip(points["number"], points["frontier"], strict=True) if member]
    assert [one["number"] for one in frontier] == expected


def test_candidates_come_in_pages(client: httpx.Client, finished: str) -> None:
    first = client.get(f"/v1/jobs/{finished}/candidates", params={"page_size": 7}).json()
    rest = client.get(f"/v1/jobs/{finished}/candidates", params={"page_token": first["next_page_token"]}).json()

    numbers = [one["number"] for one in first["candidates"] + rest["candidates"]]
    assert len(first["candidates"]) == 7
    assert numbers == list(range(1, SMALL["candidates"] + 1))
    assert rest["next_page_token"] is None


def tokens_of(plan: dict[str, Any]) -> int:
    """The training tokens of the whole budget."""
    return int(plan["budget"]["steps"] * plan["budget"]["batch"] * plan["budget"]["length"])


def test_a_candidate_shows_its_trainings_drawing_cost_and_family(service: Service, finished: str) -> None:
    client = service.client
    listed = client.get(f"/v1/jobs/{finished}/candidates").json()["candidates"]
    child = next(one for one in listed if one["parents"])

    found = client.get(f"/v1/jobs/{finished}/candidates/{child['number']}").json()
    parent = client.get(f"/v1/jobs/{finished}/candidates/{child['parents'][0]}").json()

    assert len(found["blueprint"]) == len(found["cost"]["livs"]) == SMALL["space"]["depth"]
    assert {one["number"] for one in found["parent_candidates"]} == set(child["parents"])
    assert child["number"] in [one["number"] for one in parent["children"]]
    assert parent["cost"]["parameters"] == parent["metrics"]["parameters"]
    (training,) = parent["trainings"]
    assert training["curve"] == [[1, 5.5], [2, 3.5]]
    assert (training["purpose"], training["state"], training["attempt"]) == ("search", "succeeded", 1)
    assert training["tokens"] == parent["tokens"] == tokens_of(service.archive.job(finished).plan)
    assert parent["seeds"] == 1


@pytest.mark.parametrize("what", ["", "/frontier", "/points", "/history", "/candidates", "/candidates/1", "/events"])
def test_an_unknown_job_is_a_404_problem(client: httpx.Client, what: str) -> None:
    answer = client.get(f"/v1/jobs/nowhere{what}")

    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"
    assert "nowhere" in answer.json()["detail"]


def test_an_unknown_candidate_is_a_404_problem(client: httpx.Client, finished: str) -> None:
    answer = client.get(f"/v1/jobs/{finished}/candidates/4000")

    assert answer.status_code == 404
    assert "4000" in answer.json()["detail"]
