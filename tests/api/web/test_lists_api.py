"""All candidates over HTTP: sorted, filtered and in pages; what cannot be asked is refused by name."""

from __future__ import annotations

import base64
from typing import Any

import httpx
import pytest

from tests.api.web.refusal import refused


def every(client: httpx.Client, job: str, **parameters: str | bool) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    token = None
    while True:
        asked: dict[str, str | int | bool] = {"page_size": 5, **parameters, **({"page_token": token} if token else {})}
        page = client.get(f"/v1/jobs/{job}/candidates", params=asked).raise_for_status().json()
        found += page["candidates"]
        if (token := page["next_page_token"]) is None:
            return found


def test_candidates_are_sorted_by_an_objective_in_both_directions(client: httpx.Client, finished: str) -> None:
    best = every(client, finished, sort="bits_per_byte")
    values = [one["metrics"]["bits_per_byte"] for one in best]

    assert len(best) >= 8
    assert values == sorted(values)
    assert every(client, finished, sort="-bits_per_byte") == best[::-1]


def test_candidates_are_filtered(client: httpx.Client, finished: str) -> None:
    everyone = every(client, finished)
    classes = {row["id"]: row["name"] for row in client.get(f"/v1/jobs/{finished}").json()["space"]["classes"]}
    first = int(everyone[0]["genome"].split(".")[0])

    assert {one["state"] for one in every(client, finished, state="failed")} == {"failed"}
    assert {one["failure"] for one in every(client, finished, failure="diverged")} == {"diverged"}
    assert all(one["frontier"] for one in every(client, finished, frontier=True))
    found = every(client, finished, contains=classes[first])
    assert found == [one for one in everyone if f"-{first}." in f"-{one['genome']}"]


@pytest.mark.parametrize(
    ("name", "value", "legal"),
    [
        ("sort", "loss", "number, finished_at, bits_per_byte, parameters, cache_bytes"),
        ("contains", "SA-99", "SA-1"),
        ("state", "asleep", "running"),
        ("failure", "tired", "diverged"),
        ("frontier", "perhaps", "boolean"),
    ],
)
def test_what_cannot_be_asked_is_named_with_the_legal_values(
    client: httpx.Client, finished: str, name: str, value: str, legal: str
) -> None:
    problem = refused(client.get(f"/v1/jobs/{finished}/candidates", params={name: value}))

    assert problem["errors"][0]["parameter"] == name
    assert legal in problem["errors"][0]["detail"]


def test_a_page_of_another_order_is_refused(client: httpx.Client, finished: str) -> None:
    path = f"/v1/jobs/{finished}/candidates"
    token = client.get(path, params={"page_size": 2}).json()["next_page_token"]

    problem = refused(client.get(path, params={"page_token": token, "sort": "-number"}))
    assert problem["errors"][0]["parameter"] == "page_token"


@pytest.mark.parametrize("sort", ["number", "-bits_per_byte"])
def test_a_token_changed_by_hand_to_a_candidate_that_is_not_there_is_refused(
    client: httpx.Client, finished: str, sort: str
) -> None:
    url, asked = f"/v1/jobs/{finished}/candidates", {"page_size": "2", "sort": sort}
    token = client.get(url, params=asked).json()["next_page_token"]
    listing = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)).rpartition(b":")[0]
    changed = base64.urlsafe_b64encode(listing + b":999999").decode().rstrip("=")

    problem = refused(client.get(url, params={**asked, "page_token": changed}), 422)

    assert problem["errors"][0]["parameter"] == "page_token"
