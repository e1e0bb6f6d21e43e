"""The ancestors of a candidate over HTTP."""

from __future__ import annotations

import pytest

from tests.api.dashboard.hand import Hand
from tests.api.web.refusal import refused
from tests.served import Service


@pytest.fixture
def path(service: Service) -> str:
    """The address of the ancestors of a grandchild."""
    hand = Hand(service.archive, "three generations")
    hand.add("1.1.1.1.1-9.1.1.1.1-1.1.1.1.1-9.1.1.1.1", 3.0)
    hand.add("3.1.1.1.1-9.1.1.1.1-1.1.1.1.1-9.1.1.1.1", 2.9, parents=(1,), variation="mutation")
    hand.add("3.1.1.1.1-9.1.1.1.1-3.1.1.1.1-9.1.1.1.1", 2.8, parents=(2,), variation="mutation")
    return f"/v1/jobs/{hand.id}/candidates/3/ancestors"


def test_ancestors_have_their_generation_and_their_metrics(service: Service, path: str) -> None:
    answer = service.client.get(path).json()

    assert answer["complete"]
    assert [(one["generation"], one["number"]) for one in answer["candidates"]] == [(1, 2), (2, 1)]
    assert [one["metrics"]["bits_per_byte"] for one in answer["candidates"]] == [2.9, 3.0]
    assert not service.client.get(path, params={"generations": 1}).json()["complete"]


@pytest.mark.parametrize(("name", "value"), [("generations", 0), ("generations", 101), ("most", 0), ("most", 501)])
def test_bounds_are_bounded(service: Service, path: str, name: str, value: int) -> None:
    problem = refused(service.client.get(path, params={name: value}))
    assert problem["errors"][0]["parameter"] == name


def test_an_unknown_candidate_is_said_to_be_unknown(service: Service, path: str) -> None:
    refused(service.client.get(path.replace("/3/", "/30/")), 404)
