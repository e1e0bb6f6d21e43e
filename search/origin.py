"""Where a candidate comes from, why it was chosen, and what each of its trainings is for."""

from enum import StrEnum


class Variation(StrEnum):
    """The operation that made a candidate's genome.

    `GIVEN`, `INJECTED` and `WARM_START`: none in this search; it came with the plan, while the search ran, or from an
    earlier search. `STACK`: one class throughout. `ALTERNATING`: one class and the channel mixer in turn. `MUTATION`
    has one parent, `CROSSOVER_AND_MUTATION` two.
    """

    BASELINE = "baseline"
    GIVEN = "given"
    INJECTED = "injected"
    WARM_START = "warm start"
    STACK = "stack"
    ALTERNATING = "alternating stack"
    SAMPLE = "sample"
    MUTATION = "mutation"
    CROSSOVER_AND_MUTATION = "crossover+mutation"


EXTRA = frozenset({Variation.INJECTED, Variation.WARM_START})
"""The origins of candidates that do not count among the `candidates` of a plan."""


class Reason(StrEnum):
    """The reason why a candidate was chosen.

    `GIVEN`: the plan names it. `INJECTED`: somebody asked for it while the search ran. `WARM_START`: an earlier search
    trained it. `DESIGN`: it belongs to the initial design. `SAMPLING`: the algorithm had nothing to choose by.
    `SELECTION`: its parents were selected. `IMPROVEMENT`: of a pool, it had the largest expected gain of hypervolume.
    `EXPLORATION`: it was drawn at random so that the model is not alone with its opinion.
    """

    BASELINE = "baseline"
    GIVEN = "given"
    INJECTED = "injected"
    WARM_START = "warm start"
    DESIGN = "initial design"
    SAMPLING = "sampling"
    SELECTION = "selection"
    IMPROVEMENT = "expected improvement"
    EXPLORATION = "exploration"


class Purpose(StrEnum):
    """What a training of a candidate is for.

    `SEARCH`: the first one of a new genome. `PROMOTION`: more tokens, because fewer were promising. `REPEAT`: another
    seed, because the place of the candidate on the frontier is uncertain. `FINISH`: one of several seeds that were not
    used before, by which the winners are reported; it changes nothing in the search. `WARM_START`: what an earlier
    search trained for any of these purposes but the last. `RETRY`: somebody asked for another attempt at a failed
    candidate, which has the whole budget and another seed.
    """

    SEARCH = "search"
    PROMOTION = "promotion"
    REPEAT = "re-evaluation"
    FINISH = "honest finish"
    WARM_START = "warm start"
    RETRY = "retry"
