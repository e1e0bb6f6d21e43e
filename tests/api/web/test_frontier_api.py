"""The frontier of a search over HTTP: the same as in the archive, before and after every change."""

from __future__ import annotations

import httpx
import pytest

from search.archive import Archive
from search.archive.values import Action, Candidate
from tests.api.dashboard.hand import Hand
from tests.api.web.refusal import refused
from tests.served import Service

GENOMES = ("1.1.1.1.1-9.1.1.1.1-1.1.1.1.1-9.1.1.1.1", "3.1.1.1.1-9.1.1.1.1-3.1.1.1.1-9.1.1.1.1")


def test_every_answer_has_the_frontier_of_its_moment(client: httpx.Client, service: Service) -> None:
    hand = Hand(service.archive, "growing")

    def answered() -> list[int]:
        return [one["number"] for one in client.get(f"/v1/jobs/{hand.id}/frontier").json()["candidates"]]

    for n, genome in enumerate(GENOMES):
        hand.add(genome, 3.0 - n)
        assert answered() == [one.number for one in service.archive.frontier(hand.id)] == answered()
    service.archive.act(hand.id, Action.CANCEL)
    service.archive.condemn_job(hand.id)
    service.archive.delete_job(hand.id)
    assert refused(client.get(f"/v1/jobs/{hand.id}/frontier"), 404)


def test_a_frontier_is_read_once_while_nothing_changes(
    client: httpx.Client, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    hand, read = Hand(service.archive, "steady"), Archive.frontier
    hand.add(GENOMES[0], 3.0)
    reads: list[str] = []

    def counted(self: Archive, job_id: str) -> list[Candidate]:
        reads.append(job_id)
        return read(self, job_id)

    monkeypatch.setattr(Archive, "frontier", counted)

    answers = [client.get(f"/v1/jobs/{hand.id}/frontier").content for _ in range(3)]

    assert len(set(answers)) == 1
    assert reads == [hand.id]
