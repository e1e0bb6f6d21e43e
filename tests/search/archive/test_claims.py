"""A job has one runner, and a runner whose claim no longer holds records nothing; SQLite and PostgreSQL."""

from __future__ import annotations

import pytest
from sqlalchemy.exc import StatementError

from search.archive import Archive
from search.archive.errors import LeaseLostError, NotFoundError
from search.archive.values import CandidateState, JobState
from search.plan import Plan
from tests.columns import points_of
from tests.search.archive.searching import Searching, claimed


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
    (begun,) = archive.in_flight(old.job_id)
    taken = claimed(archive)
    assert (taken.job_id, taken.attempt) == (old.job_id, old.claim.attempt + 1)
    assert taken.evolution == old.evolution.state()
    assert taken.reference == archive.job(old.job_id).reference
    before = archive.job(old.job_id), points_of(archive, old.job_id), archive.events()
    for write in (
        lambda: archive.heartbeat(old.claim),
        lambda: archive.set_reference(old.claim, {}),
        lambda: old.propose(),
        lambda: archive.retry(old.claim, begun),
        lambda: old.record(number),
        lambda: archive.release(old.claim),
        lambda: archive.hand_back(old.claim),
        lambda: archive.finish(old.claim, JobState.FAILED),
    ):
        with pytest.raises(LeaseLostError):
            write()
    assert (archive.job(old.job_id), points_of(archive, old.job_id), archive.events()) == before
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
    (begun,) = archive.in_flight(search.job_id)
    assert archive.retry(search.claim, begun) == begun._replace(attempt=2)
    before = archive.candidate(search.job_id, number), archive.events()
    assert not search.record(number, attempt=1)
    assert (archive.candidate(search.job_id, number), archive.events()) == before
    assert search.record(number, attempt=2)
    done = archive.candidate(search.job_id, number)
    assert done.state is CandidateState.SUCCEEDED
    assert [training.attempt for training in archive.trainings(search.job_id, number)] == [2]
    with pytest.raises(NotFoundError, match="not under way"):
        archive.retry(search.claim, begun)
    assert archive.job(search.job_id).done == 1


def test_an_outcome_is_recorded_whole_or_not_at_all(archive: Archive, plan: Plan) -> None:
    search = Searching.started(archive, plan)
    number = search.propose()
    search.archive.heartbeat(search.claim)
    state = search.evolution.state()

    before = archive.job(search.job_id), archive.candidate(search.job_id, number), archive.events()
    with pytest.raises((StatementError, TypeError), match="not JSON serializable"):
        search.record(number, state={"rng": object()})
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
