"""Reading searches, candidates and events, on SQLite and on PostgreSQL."""

from __future__ import annotations

import pytest

from evaluator.evaluation import Failure
from evaluator.metrics import STATIC
from search.archive import Archive
from search.archive.values import Action, CandidateState, EventKind, JobState
from search.evolution.proposal import Proposal
from search.origin import Purpose
from search.plan import Plan
from tests.columns import points_of
from tests.search.archive.searching import EXECUTION, Searching
from tests.search.journey import asked


def test_a_genome_enters_a_job_once(archive: Archive, plan: Plan) -> None:
    search = Searching.started(archive, plan)
    first, second = asked(search.evolution), asked(search.evolution)

    def proposed(one: Proposal) -> int:
        return archive.propose(search.claim, one, search.evolution.state()).number

    assert [proposed(first), proposed(first)] == [1, 1]  # a repeat of a write whose answer was lost
    assert proposed(second) == 2
    with pytest.raises(Exception, match=r"(?i)unique"):
        proposed(first)
    assert len(points_of(archive, search.job_id)["number"]) == 2


@pytest.mark.slow
def test_all_queries_of_a_search_agree(archive: Archive, plan: Plan) -> None:
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

    points = points_of(archive, search.job_id)
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
    for most, outcomes in ((2, [25]), (3, [13, 25]), (8, [4, 8, 12, 16, 20, 24, 25]), (25, list(range(1, 26)))):
        few = archive.history(search.job_id, most)
        assert few["outcome"] == outcomes
        assert few["hypervolume"] == [history["hypervolume"][n - 1] for n in outcomes]
    assert archive.artifacts(search.job_id) == {c.weights["key"] for c in rows if c.weights}
    assert {c.number for c in rows if c.weights and not c.baseline} == best - {c.number for c in rows if c.baseline}
    past = archive.past(search.job_id)
    assert [(one.number, one.genome, one.digest, one.baseline) for one in past] == [
        (c.number, c.genome, c.digest, c.baseline) for c in rows
    ]
    trainings = archive.past_trainings(search.job_id)
    assert [one.outcome for one in trainings] == history["outcome"] == list(range(1, 26))
    assert [(one.number, one.state) for one in trainings] == [(c.number, c.state) for c in rows]
    assert history["tokens"] == [n * plan.budget.tokens for n in range(1, 26)]
    assert (job.outcomes, job.tokens) == (25, 25 * plan.budget.tokens)


@pytest.mark.slow
def test_lineage_reads_the_same_both_ways(archive: Archive, plan: Plan) -> None:
    search = Searching.started(archive, plan)
    search.go(25)
    rows = archive.candidates(search.job_id, 100).items
    assert any(len(c.parents) == 2 for c in rows)
    for one in rows:
        found, token = [], None
        while page := archive.children(search.job_id, one.number, 2, token):
            assert len(page.items) <= 2
            found += [c.number for c in page.items]
            if (token := page.next_page_token) is None:
                break
        assert found == [c.number for c in rows if one.number in c.parents]
        assert archive.child_count(search.job_id, one.number) == len(found)


def test_a_candidate_keeps_its_outcome(archive: Archive, plan: Plan) -> None:
    search = Searching.started(archive, plan)
    good, bad = search.propose(), search.propose()
    search.record(good)
    search.record(bad, failure=Failure.OUT_OF_MEMORY, detail="torch: \0 Ω out of memory")
    one, other = archive.candidate(search.job_id, good), archive.candidate(search.job_id, bad)
    assert (one.state, one.tokens, one.seeds, one.seconds) == (CandidateState.SUCCEEDED, plan.budget.tokens, 1, 2.0)
    (training,) = archive.trainings(search.job_id, good)
    assert (training.curve, training.purpose, training.outcome) == ([[1, 5.5]], Purpose.SEARCH, 1)
    assert training.execution == EXECUTION.to_json()
    assert training.metrics == {name: one.metrics[name] for name in training.metrics} != {}
    assert (one.variation, one.baseline, one.parents) == ("baseline", "Transformer++", [])
    assert one.finished_at is not None
    assert one.created_at <= one.finished_at
    assert (other.state, other.failure) == (CandidateState.FAILED, Failure.OUT_OF_MEMORY)
    assert other.metrics.keys() == STATIC & other.metrics.keys() != set()
    assert one.choice == {"reason": "baseline"}
    assert other.detail == "torch:  Ω out of memory"
    assert not other.feasible


def test_time_left_follows_the_mean_pace(archive: Archive, plan: Plan) -> None:
    search = Searching.started(archive, plan)
    search.go(4)
    assert archive.job(search.job_id).seconds_left is None, "no candidate is under way"
    search.propose()
    search.propose()
    assert archive.job(search.job_id).seconds_left == (plan.candidates - 4) * 2.0 / 2
    archive.act(search.job_id, Action.PAUSE)
    assert archive.job(search.job_id).seconds_left is None


def test_events_are_complete_and_in_order(archive: Archive, plan: Plan) -> None:
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
