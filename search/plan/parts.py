"""The parts of a plan: space, constraints, rungs, and the honest finish."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Self

from pydantic import Field, FiniteFloat, ValidationError, model_validator

from evaluator.fields import LimitedName, OneOf, field_fault
from evaluator.value import FieldError, Value
from genome import CLASSES
from genome.variation.class_sampling import Level

ClassName = Annotated[str, OneOf("class", lambda: (row.name for row in CLASSES))]
"""The name of a LIV class of the catalogue."""


class AlgorithmName(StrEnum):
    """The way in which a search chooses genomes.

    `SURROGATE`: by the expected gain of hypervolume under a model of quality. `NSGA2`: children of a population that
    changes with every outcome. `STAR`: the same in generations, the protocol of the STAR paper. `AGING`: mutants of a
    population that the oldest leaves. `RANDOM`: samples.
    """

    SURROGATE = "surrogate"
    NSGA2 = "nsga2"
    STAR = "star"
    AGING = "aging"
    RANDOM = "random"


WITH_RUNGS = frozenset({AlgorithmName.SURROGATE, AlgorithmName.RANDOM})
"""The algorithms that use rungs; the populations of the others cannot compare trainings of different length."""


class SpacePlan(Value):
    """The genomes a search may visit."""

    classes: tuple[ClassName, ...] | None = Field(
        default=None, min_length=1, description="names of LIV classes; all classes of the catalogue when absent"
    )
    depth: int = Field(default=8, ge=1, le=256, description="LIVs in a genome")
    allow_skip: bool = Field(default=False, description="whether a LIV may be left out, so that depth evolves")
    share_weights: bool = Field(default=True, description="whether LIVs may share weights")
    share_features: bool = Field(default=True, description="whether LIVs may share feature groups")
    groups: int = Field(default=3, ge=1, le=256, description="largest label of a sharing group")
    levels: Level = Field(
        default=Level.BACKBONE,
        description="lowest level whose digits evolve; at `backbone` the classes themselves are fixed",
    )


class Rungs(Value):
    """Trainings of fewer tokens that come before the whole budget. Only a share of the candidates goes on from each."""

    tokens: tuple[int, ...] = Field(
        default=(), max_length=8, description="training tokens of the lower rungs, rising; none for the whole budget"
    )
    promoted: FiniteFloat = Field(
        default=0.25, gt=0, lt=1, description="share of the candidates of a rung that go on to the next one"
    )


class Stop(Value):
    """Rules after which no new candidate begins, beside the number of candidates. The honest finish still follows."""

    tokens: int | None = Field(default=None, ge=1, description="training tokens of all candidates together")
    seconds: FiniteFloat | None = Field(default=None, gt=0, description="seconds since a runner first took the search")
    stagnation: int | None = Field(
        default=None, ge=1, description="outcomes during which hardly any improvement is expected"
    )
    failures: int | None = Field(default=None, ge=1, description="trainings in a row that failed")


class Finish(Value):
    """The honest finish: winners and baselines are trained again, on seeds that the search did not use."""

    seeds: int = Field(default=0, ge=0, le=100, description="seeds of each; 0 for no honest finish")
    members: int = Field(default=8, ge=1, le=1000, description="members of the frontier that are trained, at most")


class Constraint(Value):
    """Limits of a metric in a feasible candidate. Infeasible ones are recorded, but not on the frontier.

    Raises:
        ValidationError: it has no limit, or no value keeps both of them.
    """

    metric: LimitedName
    at_most: FiniteFloat | None = Field(default=None, gt=0, description="largest feasible value")
    at_least: FiniteFloat | None = Field(default=None, gt=0, description="smallest feasible value")

    @model_validator(mode="after")
    def _keepable(self) -> Self:
        if self.at_most is None and self.at_least is None:
            raise _fault("at_most", f"the constraint of {self.metric} needs at_most, at_least or both")
        if self.at_most is not None and self.at_least is not None and self.at_least > self.at_most:
            raise _fault("at_least", f"at_least must not exceed at_most, which is {self.at_most:g}")
        return self

    def excess(self, value: float) -> float:
        """Return by how much a value breaks the limits, as a share of the limit that it breaks; 0 if it keeps them."""
        above = 0.0 if self.at_most is None else value / self.at_most - 1.0
        below = 0.0 if self.at_least is None else 1.0 - value / self.at_least
        return max(0.0, above, below)

    def told(self, value: float) -> str:
        """Return in words which limit a value breaks; empty if it keeps them."""
        if self.at_most is not None and value > self.at_most:
            return f"{self.metric} is {value:,g}, above the limit of {self.at_most:,g}"
        if self.at_least is not None and value < self.at_least:
            return f"{self.metric} is {value:,g}, below the limit of {self.at_least:,g}"
        return ""


def _fault(name: str, message: str) -> ValidationError:
    return field_fault(FieldError((name,), message), Constraint.__name__)
