"""A parent of many: its answer holds the first children and their number, and pages hold all."""

from __future__ import annotations

import pytest

from api.web.routes import candidates
from tests.api.dashboard.hand import Hand
from tests.api.web.refusal import refused
from tests.served import Service

FIRST = "1.1.1.1.1-9.1.1.1.1-1.1.1.1.1-9.1.1.1.1"
OTHERS = [f"{first}.1.1.1.1-9.1.1.1.1-{third}.1.1.1.1-9.1.1.1.1" for first in (3, 5) for third in (1, 3, 5)]


def test_children_are_bounded_and_paged(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(candidates, "FIRST_CHILDREN", 2)
    hand = Hand(service.archive, "a large family")
    hand.add(FIRST, 3.0)
    born = [hand.add(genome, 3.0, parents=(1,), variation="mutation") for genome in OTHERS[:5]]
    hand.add(OTHERS[5], 3.0, parents=(born[0],), variation="mutation")
    parent = f"/v1/jobs/{hand.id}/candidates/1"

    shown = service.client.get(parent).json()
    assert [one["number"] for one in shown["children"]] == born[:2]
    assert shown["children_total"] == 5

    found: list[int] = []
    token: str | None = None
    for _ in range(3):
        query = "page_size=2" + (f"&page_token={token}" if token else "")
        page = service.client.get(f"{parent}/children?{query}")
        found += [one["number"] for one in page.json()["candidates"]]
        token = page.json()["next_page_token"]
    assert found == born
    assert token is None


def test_children_of_nobody_and_foreign_pages_are_refused(service: Service, finished: str) -> None:
    of_candidates = service.client.get(f"/v1/jobs/{finished}/candidates?page_size=1").json()["next_page_token"]

    refused(service.client.get(f"/v1/jobs/{finished}/candidates/4000/children"), 404)
    problem = refused(
        service.client.get(f"/v1/jobs/{finished}/candidates/1/children", params={"page_token": of_candidates})
    )
    assert problem["errors"][0]["parameter"] == "page_token"
