"""The archive's contract, on SQLite and on PostgreSQL alike."""

from __future__ import annotations

import sqlite3
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from searching import Searching

from evaluator.evaluation import Failure
from search.archive import Archive
from search.jobs import (
    LEGAL,
    Action,
    CandidateState,
    Claim,
    EventKind,
    IdempotencyError,
    IllegalActionError,
    JobState,
    LeaseLostError,
    NotFoundError,
)
from search.plan import Plan


def claimed(archive: Archive, lease_seconds: float = 60.0) -> Claim:
    claim = archive.claim("runner", lease_seconds)
    assert claim is not None
    return claim


def test_a_new_job_is_queued_and_carries_its_plan_and_space(archive: Archive, plan: Plan) -> None:
    job = archive.create_job(plan, "naïve Ω\u2028 name")
    assert archive.job(job.id) == job
    assert (job.state, job.name, job.candidates_total) == (JobState.QUEUED, "naïve Ω\u2028 name", plan.candidates)
    assert Plan.model_validate(job.plan) == plan
    assert job.space == plan.liv_space.to_json()
    assert abs(job.created_at - datetime.now(UTC)) < timedelta(minutes=1)
    assert (job.done, job.failed, job.frontier_size, job.hypervolume, job.repairs, job.workers_busy) == (0,) * 6
    assert (job.started_at, job.finished_at, job.seconds_left, job.reference) == (None, None, None, {})


def test_an_idempotency_key_makes_one_job(archive: Archive, plan: Plan) -> None:
    first = archive.create_job(plan, "a", "key")
    assert archive.create_job(plan, "a", "key").id == first.id
    with pytest.raises(IdempotencyError, match="key"):
        archive.create_job(plan, "b", "key")
    with pytest.raises(IdempotencyError):
        archive.create_job(plan.model_copy(update={"seed": 8}), "a", "key")
    assert archive.create_job(plan, "a").id != first.id
    assert len(archive.jobs().items) == 2


def test_an_idempotency_key_makes_one_job_when_requests_race(archive: Archive, plan: Plan) -> None:
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _: archive.create_job(plan, "a", "key").id, range(16)))
    assert len(set(made)) == len(archive.jobs().items) == 1


def in_state(archive: Archive, plan: Plan, state: JobState) -> str:
    """A job that got into this state by the ordinary way."""
    job_id = archive.create_job(plan, "").id
    if state is JobState.PAUSED:
        archive.act(job_id, Action.PAUSE)
    elif state is JobState.CANCELLED:
        archive.act(job_id, Action.CANCEL)
    elif state is not JobState.QUEUED:
        claim = claimed(archive)
        if state is not JobState.RUNNING:
            archive.finish(claim, state, "because")
    assert archive.job(job_id).state is state
    return job_id


@pytest.mark.parametrize("state", JobState)
@pytest.mark.parametrize("action", Action)
def test_actions_change_a_job_or_say_what_is_legal(
    archive: Archive, plan: Plan, state: JobState, action: Action
) -> None:
    job_id = in_state(archive, plan, state)
    if state not in LEGAL[action]:
        before = archive.job(job_id)
        with pytest.raises(IllegalActionError) as error:
            archive.act(job_id, action)
        assert all(word in str(error.value) for word in (action.value, state.value, "legal:"))
        assert archive.job(job_id) == before
        return
    after = archive.act(job_id, action)
    expected = {
        Action.PAUSE: JobState.PAUSED,
        Action.CANCEL: JobState.CANCELLED,
        Action.RESUME: JobState.QUEUED if state is JobState.PAUSED else state,
    }
    assert after.state is expected[action]
    assert (after.finished_at is not None) == (action is Action.CANCEL)
    seen = archive.events()
    assert archive.act(job_id, action) == after
    assert archive.events() == seen, "a second time does nothing"


def test_resuming_while_the_runner_drains_gives_the_job_back_to_it(archive: Archive, plan: Plan) -> None:
    search = Searching.started(archive, plan)
    archive.act(search.job_id, Action.PAUSE)
    assert archive.heartbeat(search.claim) is JobState.PAUSED
    assert archive.act(search.job_id, Action.RESUME).state is JobState.RUNNING
    assert not archive.release(search.claim)
    assert archive.claim("other", 60) is None
    archive.act(search.job_id, Action.PAUSE)
    assert archive.release(search.claim)
    assert archive.act(search.job_id, Action.RESUME).state is JobState.QUEUED
    assert claimed(archive).attempt == 2


def test_claims_take_the_oldest_job_once(archive: Archive, plan: Plan) -> None:
    ids = [archive.create_job(plan, str(n)).id for n in range(3)]
    claims = [claimed(archive) for _ in range(3)]
    assert [claim.job_id for claim in claims] == ids
    assert archive.claim("other", 60) is None
    job = archive.job(ids[0])
    assert job.state is JobState.RUNNING
    assert job.started_at is not None


def test_a_job_whose_lease_ran_out_is_taken_over_and_its_old_runner_fenced_off(archive: Archive, plan: Plan) -> None:
    old = Searching.started(archive, plan, lease_seconds=0)
    number = old.propose()
    taken = claimed(archive)
    assert (taken.job_id, taken.attempt) == (old.job_id, old.claim.attempt + 1)
    assert taken.evolution == old.evolution.state()
    assert taken.reference == archive.job(old.job_id).reference
    before = archive.job(old.job_id), archive.points(old.job_id), archive.events()
    for write in (
        lambda: archive.heartbeat(old.claim),
        lambda: archive.set_reference(old.claim, {}),
        lambda: old.propose(),
        lambda: archive.retry(old.claim, number),
        lambda: old.record(number),
        lambda: archive.release(old.claim),
        lambda: archive.hand_back(old.claim),
        lambda: archive.finish(old.claim, JobState.FAILED),
    ):
        with pytest.raises(LeaseLostError):
            write()
    assert (archive.job(old.job_id), archive.points(old.job_id), archive.events()) == before
    assert archive.heartbeat(taken) is JobState.RUNNING


def test_a_heartbeat_keeps_the_job_and_a_job_handed_back_is_free(archive: Archive, plan: Plan) -> None:
    search = Searching.started(archive, plan)
    archive.heartbeat(search.claim)
    assert archive.claim("other", 60) is None
    archive.hand_back(search.claim)
    assert claimed(archive).attempt == 2


def test_a_stale_attempt_at_a_candidate_is_not_recorded(archive: Archive, plan: Plan) -> None:
    search = Searching.started(archive, plan)
    number = search.propose()
    assert archive.retry(search.claim, number) == 2
    before = archive.candidate(search.job_id, number), archive.events()
    assert not search.record(number, attempt=1)
    assert (archive.candidate(search.job_id, number), archive.events()) == before
    assert search.record(number, attempt=2)
    done = archive.candidate(search.job_id, number)
    assert (done.state, done.attempt) == (CandidateState.SUCCEEDED, 2)
    with pytest.raises(NotFoundError, match="not under way"):
        archive.retry(search.claim, number)
    assert archive.job(search.job_id).done == 1


def test_an_outcome_is_recorded_whole_or_not_at_all(archive: Archive, plan: Plan) -> None:
    search = Searching.started(archive, plan)
    number = search.propose()
    search.archive.heartbeat(search.claim)
    state = search.evolution.state()

    def broken() -> None:
        raise OSError("no space left on device")

    before = archive.job(search.job_id), archive.candidate(search.job_id, number), archive.events()
    with pytest.raises(OSError, match="no space"):
        search.record(number, seal=broken)
    assert (archive.job(search.job_id), archive.candidate(search.job_id, number), archive.events()) == before
    assert archive.history(search.job_id)["done"] == []
    archive.hand_back(search.claim)
    assert claimed(archive).evolution == state


def test_a_proposal_is_recorded_with_the_evolution_that_made_it(archive: Archive, plan: Plan) -> None:
    search = Searching.started(archive, plan)
    numbers = [search.propose() for _ in range(3)]
    assert numbers == [1, 2, 3]
    assert [c.number for c in archive.in_flight(search.job_id)] == numbers
    archive.hand_back(search.claim)
    again = claimed(archive)
    assert again.evolution == search.evolution.state()
    assert archive.job(search.job_id).workers_busy == 3


def test_a_genome_enters_a_job_once(archive: Archive, plan: Plan) -> None:
    search = Searching.started(archive, plan)
    proposal = search.evolution.ask()
    assert proposal is not None
    archive.propose(search.claim, proposal, search.evolution.state())
    with pytest.raises(Exception, match=r"(?i)unique"):
        archive.propose(search.claim, proposal, search.evolution.state())
    assert len(archive.points(search.job_id)["number"]) == 1


def test_what_the_archive_tells_of_a_search_agrees_with_itself(archive: Archive, plan: Plan) -> None:
    search = Searching.started(archive, plan)
    search.go(25)
    job, rows = archive.job(search.job_id), archive.candidates(search.job_id, 100).items
    assert (job.done, job.failed) == (25, 5)
    assert job.workers_busy == 0
    assert 0 < job.repairs < 1

    frontier = archive.frontier(search.job_id)
    assert [c for c in rows if c.frontier] == frontier
    assert len(frontier) == job.frontier_size > 1
    values = {c.number: [c.metrics[m] for m in plan.objectives] for c in rows if c.feasible}
    best = {
        n
        for n, a in values.items()
        if not any(
            all(x <= y for x, y in zip(b, a, strict=True)) and (b != a or k < n) for k, b in values.items() if k != n
        )
    }
    assert {c.number for c in frontier} == best

    points = archive.points(search.job_id)
    for column in ("number", "frontier", "feasible", "baseline", "genome", "failure"):
        assert points[column] == [getattr(c, column) for c in rows]
    assert points["state"] == [c.state.value for c in rows]
    for name, column in points["metrics"].items():
        assert column == [c.metrics.get(name) for c in rows]

    history = archive.history(search.job_id)
    assert history["done"] == list(range(1, 26))
    assert history["hypervolume"] == sorted(history["hypervolume"])
    assert (history["hypervolume"][-1], history["frontier_size"][-1]) == (job.hypervolume, job.frontier_size)
    assert history["at"] == sorted(history["at"])
    assert archive.with_weights(search.job_id) == {c.number for c in rows if c.weights}
    assert {c.number for c in rows if c.weights and not c.baseline} == best - {c.number for c in rows if c.baseline}
    assert sorted(archive.digests(search.job_id)) == sorted(c.digest for c in rows)


def test_lineage_reads_the_same_both_ways(archive: Archive, plan: Plan) -> None:
    search = Searching.started(archive, plan)
    search.go(25)
    rows = archive.candidates(search.job_id, 100).items
    assert any(len(c.parents) == 2 for c in rows)
    for one in rows:
        assert [c.number for c in archive.children(search.job_id, one.number)] == [
            c.number for c in rows if one.number in c.parents
        ]


def test_a_candidate_keeps_its_story(archive: Archive, plan: Plan) -> None:
    search = Searching.started(archive, plan)
    good, bad = search.propose(), search.propose()
    search.record(good)
    search.record(bad, failure=Failure.OUT_OF_MEMORY, detail="torch: \0 Ω out of memory")
    one, other = archive.candidate(search.job_id, good), archive.candidate(search.job_id, bad)
    assert (one.state, one.curve, one.seconds) == (CandidateState.SUCCEEDED, [[1, 5.5]], 2.0)
    assert (one.variation, one.baseline, one.parents) == ("baseline", "Transformer++", [])
    assert one.finished_at is not None
    assert one.created_at <= one.finished_at
    assert (other.state, other.failure, other.metrics) == (CandidateState.FAILED, Failure.OUT_OF_MEMORY, {})
    assert other.detail == "torch:  Ω out of memory"
    assert not other.feasible


def test_time_left_follows_the_mean_pace(archive: Archive, plan: Plan) -> None:
    search = Searching.started(archive, plan)
    search.go(4)
    assert archive.job(search.job_id).seconds_left is None, "nobody is at work"
    search.propose()
    search.propose()
    assert archive.job(search.job_id).seconds_left == (plan.candidates - 4) * 2.0 / 2
    archive.act(search.job_id, Action.PAUSE)
    assert archive.job(search.job_id).seconds_left is None


def test_cancelling_closes_what_is_under_way(archive: Archive, plan: Plan) -> None:
    search = Searching.started(archive, plan)
    search.go(3)
    number = search.propose()
    archive.act(search.job_id, Action.CANCEL)
    assert archive.candidate(search.job_id, number).state is CandidateState.CANCELLED
    assert archive.heartbeat(search.claim) is JobState.CANCELLED
    with pytest.raises(LeaseLostError, match="cancelled"):
        search.propose()
    archive.finish(search.claim, JobState.SUCCEEDED)
    job = archive.job(search.job_id)
    assert (job.state, job.done, job.workers_busy) == (JobState.CANCELLED, 3, 0)
    assert archive.claim("other", 60) is None


def test_events_tell_the_whole_story_in_order(archive: Archive, plan: Plan) -> None:
    other = archive.create_job(plan, "other")
    archive.act(other.id, Action.PAUSE)
    search = Searching.started(archive, plan)
    search.go(10)
    archive.finish(search.claim, JobState.SUCCEEDED, "done")
    every = archive.events()
    assert [event.seq for event in every] == sorted({event.seq for event in every})
    mine = archive.events(search.job_id)
    assert mine == [event for event in every if event.job_id == search.job_id]
    states = [event.data["state"] for event in mine if event.kind is EventKind.JOB]
    assert states == ["queued", "running", "succeeded"]
    finished = [event.data for event in mine if event.kind is EventKind.CANDIDATE and event.data["state"] != "running"]
    assert [data["done"] for data in finished] == list(range(1, 11))
    on_frontier: set[int] = set()
    for event in mine:
        if event.kind is EventKind.FRONTIER:
            on_frontier = on_frontier - set(event.data["left"]) | set(event.data["entered"])
            assert event.data["size"] == len(on_frontier)
    assert on_frontier == {c.number for c in archive.frontier(search.job_id)}
    middle = mine[len(mine) // 2].seq
    assert archive.events(search.job_id, after=middle, limit=3) == [e for e in mine if e.seq > middle][:3]
    assert archive.events(after=every[-1].seq) == []


def test_pages_hold_every_job_once_newest_first(archive: Archive, plan: Plan) -> None:
    ids = [archive.create_job(plan, str(n)).id for n in range(7)]
    seen, token = [], None
    for _ in range(3):
        page = archive.jobs(3, token)
        seen += [job.id for job in page.items]
        token = page.next_page_token
        archive.create_job(plan, "newer ones do not shift the pages")
    assert seen == ids[::-1]
    assert token is None


def test_pages_hold_every_candidate_once(archive: Archive, plan: Plan) -> None:
    search = Searching.started(archive, plan)
    search.go(10)
    search.propose()
    first = archive.candidates(search.job_id, 6)
    second = archive.candidates(search.job_id, 6, first.next_page_token)
    assert [c.number for c in first.items + second.items] == list(range(1, 12))
    assert second.next_page_token is None
    failed = archive.candidates(search.job_id, 1, state=CandidateState.FAILED)
    assert [c.number for c in failed.items] == [5]
    rest = archive.candidates(search.job_id, 1, failed.next_page_token, CandidateState.FAILED)
    assert [c.number for c in rest.items] == [10]
    assert all(c.curve == [] for c in first.items), "lists leave curves where they are"


@pytest.mark.parametrize(
    "token", ["", "x", "!!!", "am9iczotMQ", "a" * 5000, "Ω", "am9iczoxOTk5OTk5OTk5OTk5OTk5OTk5OTk5"]
)
def test_a_token_that_was_never_given_out_is_refused(archive: Archive, token: str) -> None:
    with pytest.raises(ValueError, match="page_token"):
        archive.jobs(10, token)


def test_tokens_and_sizes_belong_to_their_listing(archive: Archive, plan: Plan) -> None:
    search = Searching.started(archive, plan)
    archive.create_job(plan, "")
    search.go(3)
    of_jobs = archive.jobs(1).next_page_token
    of_candidates = archive.candidates(search.job_id, 1).next_page_token
    with pytest.raises(ValueError, match="page_token"):
        archive.candidates(search.job_id, 1, of_jobs)
    with pytest.raises(ValueError, match="page_token"):
        archive.candidates(search.job_id, 1, of_candidates, CandidateState.FAILED)
    with pytest.raises(ValueError, match="page_token"):
        archive.jobs(1, of_candidates)
    with pytest.raises(ValueError, match="page_size"):
        archive.jobs(0)
    assert len(archive.jobs(10**9).items) == 2


def test_what_is_not_there_is_not_found(archive: Archive, plan: Plan) -> None:
    job = archive.create_job(plan, "")
    for read in (
        lambda: archive.job("no"),
        lambda: archive.act("no", Action.PAUSE),
        lambda: archive.candidates("no"),
        lambda: archive.candidate("no", 1),
        lambda: archive.candidate(job.id, 1),
        lambda: archive.frontier("no"),
        lambda: archive.children("no", 1),
        lambda: archive.history("no"),
        lambda: archive.points("no"),
    ):
        with pytest.raises(NotFoundError, match="there is no"):
            read()
    assert archive.history(job.id) == {"done": [], "hypervolume": [], "frontier_size": [], "at": []}
    assert archive.points(job.id)["number"] == []


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
def test_reading_does_not_wait_for_a_writer(archive: Archive, plan: Plan, tmp_path: Path) -> None:
    search = Searching.started(archive, plan)
    search.go(3)
    writer = sqlite3.connect(tmp_path / "star.db", isolation_level=None)
    writer.execute("BEGIN IMMEDIATE")
    writer.execute("UPDATE jobs SET name = 'unseen'")
    assert [job.name for job in archive.jobs().items] == ["by hand"]
    assert len(archive.points(search.job_id)["number"]) == archive.job(search.job_id).done == 3
    assert archive.events()
    writer.execute("ROLLBACK")
    writer.close()


@pytest.mark.parametrize(
    ("bad", "says"),
    [
        ("mysql://host/name", "mysql"),
        ("sqlite://", "must name a file"),
        ("sqlite:///:memory:", "must name a file"),
        ("postgresql+asyncpg://host/name", "asyncpg"),
        ("nonsense", "not a URL"),
    ],
)
def test_other_databases_are_refused_by_name(bad: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        Archive(bad)
