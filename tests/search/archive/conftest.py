"""A plan for tests of the archive, to which it does not matter how genomes are chosen."""

import pytest

from search.plan import AlgorithmName, Plan, SpacePlan


@pytest.fixture
def plan() -> Plan:
    """A plan whose algorithm proposes in milliseconds."""
    return Plan(space=SpacePlan(depth=4), algorithm=AlgorithmName.NSGA2, candidates=30, population=6, seed=7)
