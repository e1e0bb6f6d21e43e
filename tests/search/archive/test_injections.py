"""Genomes that wait in the archive to be injected: each becomes one candidate, and none is lost."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import sqlalchemy as sa
from alembic import command

from genome import Genome
from search.archive import Archive
from search.archive.errors import IdempotencyError, IllegalActionError, KnownGenomeError, NotFoundError
from search.archive.schema.engine import database_url, migration_config
from search.archive.values import Action, JobState
from search.plan import Plan
from tests.search.archive.searching import Searching

MIXED = Genome.parse("1.1.1.1.1-1.1.1.1.1-9.1.1.1.1-9.1.1.1.1")
OTHER = Genome.parse("9.1.1.1.1-1.1.1.1.1-1.1.1.1.1-9.1.1.1.1")


def injected(search: Searching) -> int:
    """Take the first genome that waits, as a runner does, and return the number of its candidate."""
    one = search.archive.waiting(search.job_id)[0]
    proposal = search.evolution.inject(Genome.parse(one.genome), one.by)
    return search.archive.propose(search.claim, proposal, search.evolution.state()).number


def test_a_genome_waits_until_it_is_a_candidate_beside_those_of_the_plan(archive: Archive, plan: Plan) -> None:
    search = Searching.started(archive, plan)
    search.go(3)
    before = archive.job(search.job_id)
    asked = archive.inject(search.job_id, MIXED, "Ada")
    archive.inject(search.job_id, OTHER)
    assert (asked.candidate, asked.by, asked.genome, asked.job_id) == (None, "Ada", str(MIXED), search.job_id)
    assert [one.genome for one in archive.waiting(search.job_id)] == [str(MIXED), str(OTHER)]
    assert archive.job(search.job_id) == before
    number = injected(search)
    assert number == 4
    assert [one.genome for one in archive.waiting(search.job_id)] == [str(OTHER)]
    found = archive.candidate(search.job_id, number)
    assert (found.variation, found.digest) == ("injected", asked.digest)
    assert found.choice == {"reason": "injected", "by": "Ada"}
    assert archive.job(search.job_id).candidates_total == plan.candidates + 1
    search.record(number)
    assert archive.job(search.job_id).done == 4
    assert search.propose() == 5
    assert archive.job(search.job_id).candidates_total == plan.candidates + 1


def test_an_architecture_is_injected_once(archive: Archive, plan: Plan) -> None:
    plan = Plan.model_validate(plan.model_dump() | {"genomes": [str(OTHER)]})
    search = Searching.started(archive, plan)
    search.go(1)
    first = Genome.parse(archive.candidate(search.job_id, 1).genome)
    archive.inject(search.job_id, MIXED)
    hybrid = plan.baseline_genomes()["striped hybrid"]
    for genome, says in [
        (first, "candidate 1 of"),
        (MIXED, "waits for a worker"),
        (hybrid, "the baseline striped hybrid of its plan"),
        (OTHER, r"genomes\[0\] of its plan"),
    ]:
        with pytest.raises(KnownGenomeError, match=says):
            archive.inject(search.job_id, genome)
    assert len(archive.waiting(search.job_id)) == 1
    injected(search)
    with pytest.raises(KnownGenomeError, match="candidate 2 of"):
        archive.inject(search.job_id, MIXED)


def test_a_proposal_of_the_search_answers_a_genome_that_waits(archive: Archive, plan: Plan) -> None:
    """Somebody asks for the very genome that the search is about to propose."""
    search = Searching.started(archive, plan)
    search.go(2)
    proposal: Any = search.evolution.ask()
    archive.inject(search.job_id, proposal.genome)
    archive.propose(search.claim, proposal, search.evolution.state())
    assert archive.waiting(search.job_id) == []
    assert archive.job(search.job_id).candidates_total == plan.candidates
    with pytest.raises(KnownGenomeError, match="candidate 3 of"):
        archive.inject(search.job_id, proposal.genome)


@pytest.mark.parametrize("end", [JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELLED])
def test_a_job_that_has_ended_takes_no_genome(archive: Archive, plan: Plan, end: JobState) -> None:
    search = Searching.started(archive, plan)
    archive.finish(search.claim, end)
    with pytest.raises(IllegalActionError, match=end):
        archive.inject(search.job_id, MIXED)
    with pytest.raises(NotFoundError):
        archive.inject("no", MIXED)


def test_a_job_does_not_succeed_while_a_genome_waits(archive: Archive, plan: Plan) -> None:
    search = Searching.started(archive, plan)
    archive.inject(search.job_id, MIXED)
    assert not archive.finish(search.claim, JobState.SUCCEEDED)
    assert archive.heartbeat(search.claim) is JobState.RUNNING
    injected(search)
    assert archive.finish(search.claim, JobState.SUCCEEDED)


def test_a_queued_and_a_paused_job_take_a_genome(archive: Archive, plan: Plan) -> None:
    job_id = archive.create_job(plan, "").id
    archive.inject(job_id, MIXED)
    archive.act(job_id, Action.PAUSE)
    archive.inject(job_id, OTHER)
    assert len(archive.waiting(job_id)) == 2


def test_a_key_makes_a_repeat_harmless(archive: Archive, plan: Plan) -> None:
    search = Searching.started(archive, plan)
    first = archive.inject(search.job_id, MIXED, "Ada", "key")
    assert archive.inject(search.job_id, MIXED, "Ada", "key") == first
    for genome, by in [(OTHER, "Ada"), (MIXED, "Bob")]:
        with pytest.raises(IdempotencyError, match="key"):
            archive.inject(search.job_id, genome, by, "key")
    number = injected(search)
    archive.act(search.job_id, Action.CANCEL)
    assert archive.inject(search.job_id, MIXED, "Ada", "key").candidate == number
    with pytest.raises(IdempotencyError, match="key"):
        archive.create_job(plan, "", "key")


def test_of_requests_that_race_one_is_stored(archive: Archive, plan: Plan) -> None:
    job_id = archive.create_job(plan, "").id

    def ask(n: int) -> bool:
        try:
            archive.inject(job_id, MIXED, str(n))
        except KnownGenomeError:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(ask, range(16))) == 1
    with ThreadPoolExecutor(8) as pool:
        keyed = list(pool.map(lambda _: archive.inject(job_id, OTHER, "", "one"), range(16)))
    assert len(set(keyed)) == 1
    assert len(archive.waiting(job_id)) == 2


def test_a_search_of_the_version_before_takes_a_genome(archive: Archive, url: str, plan: Plan) -> None:
    search = Searching.started(archive, plan)
    search.go(3)
    before = archive.past(search.job_id)
    engine = sa.create_engine(database_url(url))
    with engine.begin() as connection:
        config = migration_config()
        config.attributes["connection"] = connection
        command.downgrade(config, "0003")
        assert "injections" not in sa.inspect(connection).get_table_names()
    engine.dispose()
    archive.migrate()
    assert archive.past(search.job_id) == before
    archive.inject(search.job_id, MIXED)
    assert injected(search) == 4
