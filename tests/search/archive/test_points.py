"""Points that are kept up to date say what a plain read of all candidates says, whatever happened in between."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from evaluator.evaluation import Evaluation, Failure
from search.archive import Archive
from search.archive.errors import NotFoundError
from search.archive.points import columns
from search.archive.points.compression import Gzip, accepted
from search.archive.points.store import PointStore
from search.archive.values import TERMINAL, Action
from search.evolution.proposal import Further
from search.objectives import Standing
from search.observations import Summary
from search.origin import Purpose
from search.plan import Plan
from tests.columns import points_of, sent
from tests.search.archive.searching import Searching

READ: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.decompress,
    "identity": bytes,
}


def told(store: PointStore, job_id: str, encoding: str = "gzip") -> Any:
    parts = store.answer(job_id, encoding).parts
    assert parts is not None
    return json.loads(READ[encoding](b"".join(parts)))


@pytest.fixture
def search(archive: Archive, plan: Plan) -> Searching:
    return Searching.started(archive, plan.model_copy(update={"candidates": 80}))


class Wild:
    """A search to which anything may happen that changes a candidate."""

    def __init__(self, search: Searching, rng: np.random.Generator) -> None:
        self.search, self.rng = search, rng
        self.running: list[int] = []
        self.ended: list[int] = []

    def propose(self) -> None:
        self.running.append(self.search.propose())

    def outcome(self) -> None:
        if self.running:
            number = self.running.pop(int(self.rng.integers(len(self.running))))
            failed, feasible = self.rng.random() < 0.2, bool(self.rng.random() < 0.8)
            self.search.record(number, failure=Failure.DIVERGED if failed else None, feasible=feasible)
            self.ended += [] if failed else [number]

    def further(self) -> None:
        """A repeat or a promotion: another training of a candidate, whose metrics change and get a further one."""
        if not self.ended:
            return
        number = int(self.rng.choice(self.ended))
        archive, claim = self.search.archive, self.search.claim
        first = archive.trainings(claim.job_id, number)
        purpose = Purpose.REPEAT if self.rng.random() < 0.5 else Purpose.PROMOTION
        seed = len(first) if purpose == Purpose.REPEAT else 0
        tokens = first[0].tokens + (len(first) if purpose == Purpose.PROMOTION else 0)
        begun = archive.begin(claim, Further(number, seed, tokens, purpose, tokens), self.search.evolution.state())
        metrics = {"bits_per_byte": float(self.rng.random()), f"metric_{int(self.rng.integers(3))}": 0.5}
        evaluation = replace(Evaluation(number, begun.attempt, metrics), seed=seed, tokens=tokens)
        members = [one.number for one in archive.frontier(claim.job_id)]
        left = tuple(members[: int(self.rng.integers(3))])
        archive.record(
            claim,
            evaluation,
            summary=Summary(metrics, tokens, seed + 1, True),
            standing=Standing((number,) if number not in members else (), left, 1, 0.5),
            state=self.search.evolution.state(),
        )


@pytest.mark.parametrize("seed", range(3))
def test_after_any_sequence_of_changes_the_answer_is_that_of_a_plain_read(
    search: Searching, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(columns, "BLOCK", 8)  # so that a search of a test has many blocks
    rng = np.random.default_rng(seed)
    wild, store = Wild(search, rng), PointStore(search.archive)
    happenings = [wild.propose, wild.propose, wild.outcome, wild.outcome, wild.further]
    for _ in range(60):
        for happen in rng.choice(len(happenings), size=int(rng.integers(1, 4))):
            happenings[happen]()
        encoding = str(rng.choice(list(READ)))
        assert told(store, search.job_id, encoding) == sent(points_of(search.archive, search.job_id))
    for action in (Action.PAUSE, Action.RESUME, Action.CANCEL):
        search.archive.act(search.job_id, action)
        assert told(store, search.job_id) == sent(points_of(search.archive, search.job_id))
    assert "cancelled" in told(store, search.job_id)["state"]


def test_only_what_changed_is_read(search: Searching) -> None:
    search.go(12)
    last = search.archive.point_rows(search.job_id).last_event
    number = search.propose()

    found = search.archive.point_rows(search.job_id, last)

    assert not found.whole
    assert [row[0] for row, _ in found.rows] == [number]
    assert search.archive.point_rows(search.job_id, found.last_event).rows == []


def test_all_are_read_again_where_events_were_removed(search: Searching) -> None:
    search.go(4)
    store = PointStore(search.archive)
    told(store, search.job_id)
    last = search.archive.point_rows(search.job_id).last_event
    search.go(4)
    search.archive.act(search.job_id, Action.CANCEL)
    assert search.archive.job(search.job_id).state in TERMINAL
    search.archive.thin(search.job_id)

    assert search.archive.point_rows(search.job_id, last).whole
    assert told(store, search.job_id) == sent(points_of(search.archive, search.job_id))


def test_a_tag_stands_for_one_answer(search: Searching) -> None:
    search.go(2)
    stores = PointStore(search.archive), PointStore(search.archive)
    tags = {store.answer(search.job_id, "gzip").tag for store in stores}
    assert len(tags) == 1  # of any process
    (tag,) = tags
    assert stores[0].answer(search.job_id, "gzip", f'"other", W/{tag}').parts is None
    assert stores[0].answer(search.job_id, "identity", tag).parts is not None
    search.propose()
    assert stores[0].answer(search.job_id, "gzip", tag).parts is not None


def test_jobs_beyond_the_bounds_leave(archive: Archive, plan: Plan) -> None:
    jobs = [archive.create_job(plan, "").id for _ in range(4)]
    few, small = PointStore(archive, jobs=2), PointStore(archive, size=10)
    for job in jobs:
        for store in (few, small):
            assert told(store, job)["number"] == []

    assert len(few) == 2
    assert len(small) == 0
    with pytest.raises(NotFoundError):
        few.answer("no", "gzip")
    assert len(few) == 2


def test_a_text_is_one_member_of_gzip_whatever_was_known_before() -> None:
    rng, compressor = np.random.default_rng(0), Gzip()
    parts = [rng.bytes(int(length)) for length in rng.integers(0, 4000, 30)]
    for _ in range(20):
        parts[int(rng.integers(30))] = rng.bytes(int(rng.integers(0, 4000)))
        assert gzip.decompress(compressor.compress(parts)) == b"".join(parts)


@pytest.mark.parametrize(
    ("header", "encoding"),
    [
        ("zstd, br, gzip, deflate", "gzip"),
        ("gzip, deflate", "gzip"),
        ("br;q=1, gzip;q=0.5", "gzip"),
        ("gzip;q=0", "identity"),
        ("GZIP ; q=1.0", "gzip"),
        ("*", "gzip"),
        ("*;q=0", "identity"),
        ("", "identity"),
        ("br", "identity"),
    ],
)
def test_a_client_gets_an_encoding_that_it_accepts(header: str, encoding: str) -> None:
    assert accepted(header) == encoding
