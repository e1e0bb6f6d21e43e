"""The plan of a search as data: space, shape, task, objectives, constraints, budget, population, seed."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import Self

from pydantic import Field, FiniteFloat, model_validator

from evaluator.budget import Budget
from evaluator.fields import AnyTask, ObjectiveName, OnRequestName, field_fault
from evaluator.metrics import CACHE_BYTES, ON_REQUEST, PARAMETERS
from evaluator.tasks.text import TextTask
from evaluator.value import FieldError, Value
from genome import Genome, Shape, Space, digest, require_legal
from search.plan.course import require_course
from search.plan.parts import AlgorithmName, Constraint, Finish, Rungs, SpacePlan, Stop
from search.plan.spaces import Baseline, baselines_of, misfit, space_of

MAX_CANDIDATES = 1_000_000
MAX_OBJECTIVES = 4
MAX_GENOMES = 1000

SEEDS = 2**63
"""Number of seeds there are."""

HELD_OUT = 1000
"""Distance of the first seed of an honest finish from the seed of the search."""


class Plan(Value):
    """All settings of a search. A plan is legal once it is built.

    Raises:
        ValidationError: a field is out of bounds or does not fit the others; each error has the location of a field.
    """

    space: SpacePlan = SpacePlan()
    width: int = Field(default=64, ge=1, le=65536, description="channels of the residual stream")
    head_dim: int = Field(default=16, ge=1, le=4096, description="channels of an attention head")
    window: int = Field(default=64, ge=1, le=1_048_576, description="tokens that a banded operator reaches")
    task: AnyTask = TextTask()
    objectives: tuple[ObjectiveName, ...] = Field(
        default=(TextTask.metric.name, PARAMETERS.name, CACHE_BYTES.name),
        min_length=1,
        max_length=MAX_OBJECTIVES,
        description="metrics to minimise",
    )
    constraints: tuple[Constraint, ...] = Field(default=(), description="limits that a feasible candidate keeps")
    measure: tuple[OnRequestName, ...] = Field(
        default=(), max_length=len(ON_REQUEST), description="what to measure beside objectives and constraints"
    )
    budget: Budget = Budget()
    context: int = Field(
        default=4096,
        ge=1,
        le=16_777_216,
        description="tokens at which the cache is counted, and after which times are measured",
    )
    candidates: int = Field(default=48, ge=1, le=MAX_CANDIDATES, description="evaluations in all, baselines included")
    algorithm: AlgorithmName = Field(default=AlgorithmName.SURROGATE, description="the way genomes are chosen")
    stacks: FiniteFloat = Field(
        default=0.0, ge=0, le=1, description="share of the candidates that begin the search as stacks of one class"
    )
    population: int = Field(default=16, ge=2, le=10_000, description="candidates that may become parents")
    mutation: FiniteFloat = Field(default=0.1, ge=0, le=1, description="probability that a gene is redrawn")
    rungs: Rungs = Rungs()
    repeats: FiniteFloat = Field(
        default=0.0, ge=0, le=1, description="share of the trainings that repeat uncertain members of the frontier"
    )
    inherit: bool = Field(
        default=False, description="whether a child begins with its parent's weights in the LIVs that did not change"
    )
    lag: int | None = Field(
        default=None,
        ge=1,
        le=1000,
        description="outcomes are told in the order in which trainings began, each exactly so many trainings later, so "
        "that any number of workers makes the same search; absent, they are told as they come",
    )
    stop: Stop = Stop()
    finish: Finish = Finish()
    seed: int = Field(default=0, ge=0, le=SEEDS - 1, description="seed of the search and of its first trainings")
    baselines: bool = Field(default=True, description="seed the search with Transformer++ and a striped hybrid")
    genomes: tuple[str, ...] = Field(
        default=(), max_length=MAX_GENOMES, description="genomes to train first, after the baselines"
    )

    warm_start: str | None = Field(
        default=None, max_length=64, description="id of an earlier search whose trainings are taken over"
    )

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        try:
            self._require_metrics()
            self.task.require_fit(self.budget)
            self._require_heads()
            self._require_genomes()
            require_course(self)
        except FieldError as error:
            raise field_fault(error, type(self).__name__) from None
        return self

    def _require_metrics(self) -> None:
        """Check that the objectives differ and that the task reports every metric named."""
        if len(set(self.objectives)) != len(self.objectives):
            raise FieldError(("objectives",), "objectives must be different metrics")
        offered = [metric.name for metric in self.task.metrics()]
        fields: list[tuple[str, tuple[str | int, ...]]] = [
            (name, ("objectives", n)) for n, name in enumerate(self.objectives)
        ]
        fields += [(limit.metric, ("constraints", n, "metric")) for n, limit in enumerate(self.constraints)]
        for name, field in fields:
            if name not in offered:
                raise FieldError(
                    field, f"task {self.task.kind} does not report {name}; it reports {', '.join(offered)}"
                )

    def _require_heads(self) -> None:
        """Check that the width divides into heads, and that every class can be built of such heads."""
        try:
            shape = self.shape
        except ValueError as error:
            raise FieldError(("width",), str(error)) from None
        reason = misfit(self.space, shape)
        if reason:
            raise FieldError(("head_dim",), reason)

    def _require_genomes(self) -> None:
        """Check that the given genomes are legal, that no two are alike, and that there are candidates for all."""
        for n, text in enumerate(self.genomes):
            try:
                require_legal(Genome.parse(text), self.liv_space)
            except ValueError as error:
                raise FieldError(("genomes", n), str(error)) from None
        known: dict[str, str] = {}
        for n, (key, name) in enumerate(self._named(), -len(self._baselines)):
            if key in known:
                raise FieldError(("genomes", n), f"it is the same architecture as {known[key]}; leave one of them out")
            known[key] = name
        if self.genomes and len(known) > self.candidates:
            raise FieldError(
                ("genomes",), f"with the baselines they are {len(known)}, more than the {self.candidates} candidates"
            )

    def _named(self) -> Iterator[tuple[str, str]]:
        for baseline in self._baselines:
            yield baseline.digest, f"the baseline {baseline.name}"
        for n, text in enumerate(self.genomes):
            yield digest(Genome.parse(text), self.liv_space), f"genomes[{n}]"

    def named_architectures(self) -> dict[str, str]:
        """Return the architectures that this plan trains by all means, by digest: baselines, then given genomes."""
        return dict(self._named())

    @property
    def judged_metrics(self) -> set[str]:
        """The names of the metrics by which candidates are judged: objectives, and metrics with a limit."""
        return {*self.objectives, *(limit.metric for limit in self.constraints)}

    @property
    def asked(self) -> tuple[str, ...]:
        """The names of the metrics on request that a candidate must report, in the order of their table."""
        named = {*self.judged_metrics, *self.measure}
        return tuple(metric.name for metric in ON_REQUEST if metric.name in named)

    @property
    def levels(self) -> tuple[int, ...]:
        """The training tokens of all rungs, the whole budget last."""
        return (*self.rungs.tokens, self.budget.tokens)

    def training_seed(self, n: int) -> int:
        """Return the n-th seed of a candidate's trainings, from 0 on; those from `HELD_OUT` on are kept for the end."""
        return (self.seed + n) % SEEDS

    @property
    def liv_space(self) -> Space:
        """The space of genomes, with every class it contains."""
        return space_of(self.space)

    @cached_property
    def shape(self) -> Shape:
        """The sizes of the candidates; the vocabulary is the task's."""
        return Shape(self.width, self.head_dim, self.task.vocab, self.window, self.task.channels)

    def baseline_genomes(self) -> dict[str, Genome]:
        """Return the reference architectures that this space can express, by name."""
        return {baseline.name: baseline.genome for baseline in self._baselines}

    @property
    def _baselines(self) -> tuple[Baseline, ...]:
        return baselines_of(self.space) if self.baselines else ()
