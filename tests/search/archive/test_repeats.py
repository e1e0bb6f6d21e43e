"""A runner that got no answer repeats its write, and nothing is written twice; SQLite and PostgreSQL."""

from __future__ import annotations

from typing import Any

import pytest

from search.archive import Archive
from search.archive.candidate_writes import CandidateWrites
from search.evolution.proposal import Further, Proposal
from search.origin import Purpose
from search.plan import Plan
from tests.search.archive.searching import Searching


@pytest.fixture
def search(archive: Archive, plan: Plan) -> Searching:
    search = Searching.started(archive, plan)
    search.go(2)
    return search


def known(search: Searching) -> list[Any]:
    archive, job_id = search.archive, search.job_id
    reads = (archive.job, archive.in_flight, archive.past, archive.past_trainings, archive.history, archive.events)
    return [read(job_id) for read in reads]


def test_a_proposal_is_written_once(search: Searching) -> None:
    proposal = search.evolution.ask()
    assert isinstance(proposal, Proposal)
    first = search.archive.propose(search.claim, proposal, search.evolution.state())
    before = known(search)
    assert search.archive.propose(search.claim, proposal, search.evolution.state()) == first
    assert known(search) == before


def test_a_further_training_and_a_retry_are_begun_once(search: Searching) -> None:
    tokens = search.plan.budget.tokens
    further = Further(1, search.plan.training_seed(1), tokens, Purpose.REPEAT, tokens)
    first = search.archive.begin(search.claim, further, search.evolution.state())
    before = known(search)
    assert search.archive.begin(search.claim, further, search.evolution.state()) == first
    assert known(search) == before
    again = search.archive.retry(search.claim, first, "killed")
    before = known(search)
    assert search.archive.retry(search.claim, first, "killed") == again
    assert (again.attempt, again.losses) == (2, {"killed": 1})
    assert known(search) == before


def test_an_outcome_is_written_once(search: Searching, monkeypatch: pytest.MonkeyPatch) -> None:
    written = CandidateWrites.record
    answers: list[object] = []

    def twice(self: Archive, *given: Any, **named: Any) -> list[str] | None:
        first = written(self, *given, **named)
        before = known(search)
        answers.extend([first, written(self, *given, **named)])
        assert known(search) == before
        return first

    number = search.propose()
    monkeypatch.setattr(Archive, "record", twice)
    assert search.record(number)
    assert answers == [[], []]
