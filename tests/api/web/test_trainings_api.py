"""The trainings of candidates over HTTP: on rungs, on further seeds and in the honest finish, and what adds them up."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from search.plan import Plan
from tests.served import SEVERAL, Service

BUDGET = 40 * 2 * 8


def details(client: httpx.Client, job: str) -> list[dict[str, Any]]:
    """Every candidate in detail."""
    numbers = client.get(f"/v1/jobs/{job}/points").json()["number"]
    return [client.get(f"/v1/jobs/{job}/candidates/{number}").json() for number in numbers]


def test_a_candidate_lists_its_trainings_in_the_order_in_which_they_began(client: httpx.Client, several: str) -> None:
    found = details(client, several)

    assert {one["purpose"] for candidate in found for one in candidate["trainings"]} == {
        "search",
        "promotion",
        "re-evaluation",
        "honest finish",
    }
    for candidate in found:
        trainings = candidate["trainings"]
        assert [one["purpose"] for one in trainings].count("search") == 1
        assert trainings[0]["purpose"] == "search"
        assert [one["created_at"] for one in trainings] == sorted(one["created_at"] for one in trainings)
        assert len({(one["seed"], one["tokens"]) for one in trainings}) == len(trainings)
        assert candidate["seconds"] == pytest.approx(sum(one["seconds"] for one in trainings))


def test_the_summary_is_the_mean_over_the_seeds_on_the_most_tokens(client: httpx.Client, several: str) -> None:
    repeated = False
    for candidate in details(client, several):
        told = [one for one in candidate["trainings"] if one["purpose"] != "honest finish" and one["metrics"]]
        counted = [one for one in told if one["tokens"] == candidate["tokens"]]

        assert candidate["tokens"] == max((one["tokens"] for one in told), default=0)
        assert candidate["seeds"] == len(counted)
        if counted:
            mean = sum(one["metrics"]["bits_per_byte"] for one in counted) / len(counted)
            assert candidate["metrics"]["bits_per_byte"] == pytest.approx(mean)
        assert not candidate["frontier"] or candidate["tokens"] == BUDGET
        repeated |= len(counted) > 1
    assert repeated


def test_outcomes_and_tokens_add_up_over_job_and_history(service: Service, several: str) -> None:
    job = service.client.get(f"/v1/jobs/{several}").json()
    history = service.client.get(f"/v1/jobs/{several}/history").json()
    trainings = [one for candidate in details(service.client, several) for one in candidate["trainings"]]

    assert job["outcomes"] == len(trainings) > job["done"] == SEVERAL["candidates"]
    assert sorted(one["outcome"] for one in trainings) == history["outcome"] == list(range(1, job["outcomes"] + 1))
    assert history["tokens"] == sorted(history["tokens"])
    assert history["tokens"][-1] == job["tokens"]
    assert history["done"][-1] == job["done"]
    assert {len(column) for column in history.values()} == {job["outcomes"]}
    # A promotion reads fewer tokens than it was trained on, because it goes on from a checkpoint.
    assert BUDGET < job["tokens"] < sum(one["tokens"] for one in trainings)


def test_points_tell_on_which_rung_a_candidate_stands(client: httpx.Client, several: str) -> None:
    points = client.get(f"/v1/jobs/{several}/points").json()
    by_number = {one["number"]: one for one in details(client, several)}

    assert points["tokens"] == [by_number[number]["tokens"] for number in points["number"]]
    assert points["seeds"] == [by_number[number]["seeds"] for number in points["number"]]
    assert set(points["tokens"]) == {0, *SEVERAL["rungs"]["tokens"], BUDGET}


def test_a_candidate_tells_whether_its_weights_are_kept_not_where(client: httpx.Client, several: str) -> None:
    for candidate in details(client, several):
        assert candidate["weights"] is (candidate["weights_place"] != "not_kept")
    assert any(candidate["weights"] for candidate in details(client, several))


def test_rungs_repeats_and_the_finish_are_refused_by_field(client: httpx.Client) -> None:
    for changes, pointer in (
        ({"rungs": {"tokens": [320, 160]}}, "/plan/rungs/tokens"),
        ({"rungs": {"tokens": [160, 161]}}, "/plan/rungs/tokens/1"),
        ({"rungs": {"tokens": [160], "promoted": 1}}, "/plan/rungs/promoted"),
        ({"repeats": -0.1}, "/plan/repeats"),
        ({"finish": {"seeds": 101}}, "/plan/finish/seeds"),
        ({"finish": {"members": 0}}, "/plan/finish/members"),
        ({"algorithm": "nsga2"}, "/plan/rungs/tokens"),
    ):
        answer = client.post("/v1/jobs", json={"plan": SEVERAL | changes})

        assert answer.status_code == 422, changes
        assert pointer in [fault["pointer"] for fault in answer.json()["errors"]]
    assert Plan.model_validate(client.post("/v1/jobs", json={"plan": SEVERAL}).json()["plan"]).levels[-1] == BUDGET
