"""A search stored by an earlier version continues with the genomes that version would have proposed."""

from __future__ import annotations

from typing import Any

from genome import Genome
from search.algorithms.algorithm import Begun, Outcome, Past
from search.evolution.evolve import Evolution
from search.objectives import objectives
from search.plan import AlgorithmName, Plan, SpacePlan
from tests.search.journey import asked
from tests.search.twin import analytic, twin_costs

PLAN = Plan(
    space=SpacePlan(depth=3, classes=("SA-1", "GMemless", "Rec-1", "GConv-1")),
    algorithm=AlgorithmName.NSGA2,
    stacks=0,
    population=4,
    candidates=60,
    seed=5,
)
BASELINE = PLAN.baseline_genomes()["Transformer++"]

SEEN = [
    "b52d72b235d118d1",
    "bd9f9d10326a473e",
    "5bf25bc5cb875240",
    "d1f436ca6f75efb2",
    "435262802d68cdd5",
    "e62aa3a5a4d7d8a8",
    "f522ebd74ea47af1",
    "201968912d3e0c85",
    "879d5633e2f6c374",
    "9c49d08e6bab4d3c",
    "2a3a749d800ad287",
]

STATE: dict[str, Any] = {
    "rng": {
        "bit_generator": "PCG64",
        "state": {
            "state": 75055296628844079879935389172849585486,
            "inc": 233193750087604940414945475171846202189,
        },
        "has_uint32": 0,
        "uinteger": 1957180934,
    },
    "proposed": 11,
    "baselines": [],
    "population": [
        [8, "7.1.1.1.1-9.1.1.1.1-1.1.1.1.1", [1.12, 1.9, 1.46], 0.0],
        [2, "5.1.1.1.1-9.1.1.1.1-1.1.1.1.1", [1.07, 1.99, 1.4], 0.0],
        [5, "5.1.1.1.1-9.1.1.1.1-9.1.1.1.1", [1.14, 1.97, 1.26], 0.0],
        [11, "9.1.1.1.1-9.1.1.1.1-9.1.1.1.1", [1.42, 1.79, 1.43], 0.0],
    ],
}
"""The state after eleven outcomes, as the version of 25 November 2026 wrote it to the archive."""

NEXT = [
    ("7.1.1.1.1-9.1.1.1.1-9.1.1.1.1", (5, 8), "crossover+mutation", 180, 0),
    ("5.1.1.1.1-5.1.1.1.1-9.1.1.1.1", (11, 5), "crossover+mutation", 60, 0),
    ("5.1.1.1.1-5.1.1.1.1-1.1.1.1.1", (8, 13), "crossover+mutation", 30, 0),
    ("9.1.1.1.1-9.1.1.1.1-5.1.1.1.1", (11, 2), "crossover+mutation", 210, 0),
    ("5.1.1.1.1-9.1.1.1.1-5.1.1.1.1", (13, 15), "crossover+mutation", 30, 0),
    ("1.1.1.1.1-9.1.1.1.1-5.1.1.1.1", (8, 15), "crossover+mutation", 270, 0),
]
"""The genomes that it proposed next, with their parents and the genes handled and repaired."""


def test_a_stored_search_continues_with_the_same_proposals() -> None:
    past = Past([Begun(n, BASELINE, seen, {}) for n, seen in enumerate(SEEN, 1)], [], PLAN.liv_space)
    evolution = Evolution.restore(PLAN, STATE, past, twin_costs(PLAN))
    made = []
    for number in range(12, 18):
        proposal = asked(evolution)
        made.append(
            (str(proposal.genome), proposal.parents, proposal.variation.value, proposal.genes, proposal.repaired)
        )
        point = [round(value, 2) for value in objectives(analytic(proposal.genome), PLAN)]
        evolution.tell(Outcome(number, Genome.parse(str(proposal.genome)), point))
    assert made == NEXT
