"""Creating jobs and changing their state, on SQLite and on PostgreSQL."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from search.archive import Archive
from search.archive.errors import IdempotencyError, IllegalActionError, LeaseLostError, NotFoundError
from search.archive.queries import HISTORY_COLUMNS
from search.archive.values import LEGAL, Action, CandidateState, JobState
from search.plan import Plan
from tests.columns import points_of
from tests.search.archive.searching import Searching, claimed


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
    """Create a job and bring it into a state by legal actions."""
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
        Action.RESUME: JobState.QUEUED if state in (JobState.PAUSED, JobState.FAILED) else state,
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


def test_a_cancel_ends_the_candidates_under_way(archive: Archive, plan: Plan) -> None:
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


def test_an_unknown_job_or_candidate_is_not_found(archive: Archive, plan: Plan) -> None:
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
        lambda: points_of(archive, "no"),
    ):
        with pytest.raises(NotFoundError, match="there is no"):
            read()
    assert archive.history(job.id) == {name: [] for name in HISTORY_COLUMNS}
    assert points_of(archive, job.id)["number"] == []


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
