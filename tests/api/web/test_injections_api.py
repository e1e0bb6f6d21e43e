"""Asking a search over HTTP to train a genome: what is stored, and which field is at fault if it is refused."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.api.web.refusal import refused
from tests.served import SMALL, Service

GENOME = "4.1.1.1.1-2.1.1.1.1"


@pytest.fixture
def job(client: httpx.Client) -> Iterator[str]:
    """A queued search with a limit on parameters; it is cancelled at the end, so that no other test runs it."""
    limit = {"metric": "parameters", "at_most": 12_000}
    body = {"name": "asked", "plan": {**SMALL, "constraints": [limit], "genomes": ["3.1.1.1.1-3.1.1.1.1"]}}
    answer = client.post("/v1/jobs", json=body)
    assert answer.status_code == 202, answer.text
    found: str = answer.json()["id"]
    yield found
    client.post(f"/v1/jobs/{found}/cancel")


def test_a_genome_is_accepted_and_waits(client: httpx.Client, service: Service, job: str) -> None:
    answer = client.post(f"/v1/jobs/{job}/candidates", json={"genome": "41111-21111", "by": "Ada"})

    assert answer.status_code == 202
    stored = answer.json()
    assert (stored["genome"], stored["by"], stored["candidate"]) == (GENOME, "Ada", None)
    assert [one.genome for one in service.archive.waiting(job)] == [GENOME]


def test_a_repeat_with_the_same_key_is_answered_alike(client: httpx.Client, job: str) -> None:
    key = {"Idempotency-Key": uuid.uuid4().hex}
    answers = [client.post(f"/v1/jobs/{job}/candidates", json={"genome": GENOME}, headers=key) for _ in range(2)]

    assert [answer.status_code for answer in answers] == [202, 202]
    assert answers[0].json() == answers[1].json()
    other = client.post(f"/v1/jobs/{job}/candidates", json={"genome": "4.1.1.1.1-4.1.1.1.1"}, headers=key)
    assert "used before for a different request" in refused(other)["detail"]


@pytest.mark.parametrize(
    ("body", "pointer", "says"),
    [
        ({"genome": "999.1.1.1.1-1.1.1.1.1"}, "/genome", "segment 1, class: 999 is not in the space; legal: 1, 2"),
        ({"genome": "1.1.1.1.1"}, "/genome", "the space has 2"),
        ({"genome": "1.1.1.1.7-1.1.1.1.1"}, "/genome", "legal here: 1 to 4"),
        ({"genome": "import os"}, "/genome", "must be five integers"),
        ({"genome": ""}, "/genome", "at least 1 character"),
        ({"genome": "9.1.1.1.1-9.1.1.1.1"}, "/genome", "above the limit of 12,000"),
        ({"genome": GENOME, "by": "a\nb"}, "/by", "no control characters"),
        ({"genome": GENOME, "for": "me"}, "/for", "legal: genome, by"),
        ({}, "/genome", "Field required"),
    ],
)
def test_an_illegal_genome_names_field_and_reason(
    client: httpx.Client, service: Service, job: str, body: dict[str, Any], pointer: str, says: str
) -> None:
    problem = refused(client.post(f"/v1/jobs/{job}/candidates", json=body))

    assert problem["errors"][0]["pointer"] == pointer
    assert says in problem["errors"][0]["detail"]
    assert service.archive.waiting(job) == []


def test_a_known_genome_and_a_job_that_ended_are_conflicts(client: httpx.Client, finished: str, job: str) -> None:
    first, second = (client.post(f"/v1/jobs/{job}/candidates", json={"genome": GENOME}) for _ in range(2))
    assert first.status_code == 202
    assert "waits for a worker" in refused(second, 409)["detail"]
    planned = client.post(f"/v1/jobs/{job}/candidates", json={"genome": "3.1.1.1.1-3.1.1.1.1"})
    assert "genomes[0] of its plan" in refused(planned, 409)["detail"]
    ended = client.post(f"/v1/jobs/{finished}/candidates", json={"genome": GENOME})
    assert "succeeded" in refused(ended, 409)["detail"]
    refused(client.post("/v1/jobs/nowhere/candidates", json={"genome": GENOME}), 404)
