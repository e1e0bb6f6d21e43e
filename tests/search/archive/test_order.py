"""The place of a candidate in the order of outcomes; SQLite and PostgreSQL."""

from __future__ import annotations

from dataclasses import replace

from evaluator.evaluation import Evaluation, Failure
from search.archive import Archive
from search.evolution.proposal import Further
from search.observations import Summary
from search.origin import Purpose
from search.plan import Plan
from tests.columns import points_of
from tests.search.archive.searching import Searching


def test_a_candidate_has_the_place_of_its_first_training_on_so_many_tokens(archive: Archive, plan: Plan) -> None:
    search = Searching.started(archive, plan)
    first, second, third = (search.propose() for _ in range(3))
    search.record(third)
    search.record(first, failure=Failure.DIVERGED)
    assert points_of(archive, search.job_id)["outcome"] == [2, None, 1]

    tokens = archive.trainings(search.job_id, third)[0].tokens
    for seed, spent, purpose in ((1, tokens, Purpose.REPEAT), (0, tokens + 1, Purpose.PROMOTION)):
        begun = archive.begin(search.claim, Further(third, seed, spent, purpose, spent), search.evolution.state())
        evaluation = replace(Evaluation(third, begun.attempt, {"bits_per_byte": 1.0}), seed=seed, tokens=spent)
        summary = Summary({"bits_per_byte": 1.0}, spent, 1, True)
        archive.record(
            search.claim,
            evaluation,
            summary=summary,
            standing=search.frontier.standing(),
            state=search.evolution.state(),
        )
        place = points_of(archive, search.job_id)["outcome"][2]
        assert place == (1 if purpose is Purpose.REPEAT else 4)

    search.record(second)
    assert points_of(archive, search.job_id)["outcome"] == [2, 5, 4]
