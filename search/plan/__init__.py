"""What is asked of a search: the plan, its parts, and the plans that have names."""

from search.plan.parts import WITH_RUNGS, AlgorithmName, ClassName, Constraint, Finish, Rungs, SpacePlan, Stop
from search.plan.plan import HELD_OUT, MAX_CANDIDATES, Plan

__all__ = [
    "HELD_OUT",
    "MAX_CANDIDATES",
    "WITH_RUNGS",
    "AlgorithmName",
    "ClassName",
    "Constraint",
    "Finish",
    "Plan",
    "Rungs",
    "SpacePlan",
    "Stop",
]
