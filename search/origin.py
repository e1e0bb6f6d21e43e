"""Where a candidate comes from: the operation that made its genome, and the reason why it was chosen."""

from enum import StrEnum


class Variation(StrEnum):
    """The operation that made a candidate's genome.

    `STACK`: one class throughout. `ALTERNATING`: one class and the channel mixer in turn. `MUTATION` has one parent,
    `CROSSOVER_AND_MUTATION` two.
    """

    BASELINE = "baseline"
    STACK = "stack"
    ALTERNATING = "alternating stack"
    SAMPLE = "sample"
    MUTATION = "mutation"
    CROSSOVER_AND_MUTATION = "crossover+mutation"


class Reason(StrEnum):
    """The reason why a candidate was chosen.

    `DESIGN`: it belongs to the initial design. `SAMPLING`: the algorithm had nothing to choose by. `SELECTION`: its
    parents were selected. `IMPROVEMENT`: of a pool, it had the largest expected gain of hypervolume. `EXPLORATION`: it
    was drawn at random so that the model is not alone with its opinion.
    """

    BASELINE = "baseline"
    DESIGN = "initial design"
    SAMPLING = "sampling"
    SELECTION = "selection"
    IMPROVEMENT = "expected improvement"
    EXPLORATION = "exploration"
