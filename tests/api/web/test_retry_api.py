"""Asking a search over HTTP to train a failed candidate again."""

from __future__ import annotations

import httpx

from evaluator.evaluation import Failure
from search.archive.values import Action
from tests.api.dashboard.hand import Hand
from tests.api.web.refusal import refused
from tests.served import Service

GENOME = "1.1.1.1.1-9.1.1.1.1-1.1.1.1.1-9.1.1.1.1"


def test_only_a_failed_candidate_of_a_search_that_goes_on_is_trained_again(
    client: httpx.Client, service: Service
) -> None:
    hand = Hand(service.archive, "with a failure")
    candidates = f"/v1/jobs/{hand.id}/candidates"
    number = hand.begin(GENOME)
    assert "running" in refused(client.post(f"{candidates}/{number}/retry"), 409)["detail"]
    hand.fail(number, Failure.TIMED_OUT, "too slow")

    answers = [client.post(f"{candidates}/{number}/retry") for _ in range(2)]

    assert [(answer.status_code, answer.json()["state"]) for answer in answers] == [(202, "failed")] * 2
    assert service.archive.asked_again(hand.id) == [(number, 0)]
    assert "candidate 9" in refused(client.post(f"{candidates}/9/retry"), 404)["detail"]
    service.archive.act(hand.id, Action.CANCEL)
    assert "ended" in refused(client.post(f"{candidates}/{number}/retry"), 409)["detail"]
