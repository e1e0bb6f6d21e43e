"""A plan is a search as data: space, shape, task, objectives, constraints, budget, population, seed."""

from __future__ import annotations

from functools import cached_property
from typing import Any, Self

from pydantic import Field, FiniteFloat, model_validator

from evaluator.evaluation import Budget, Metric, RecallTask, Task, TextTask, Value
from genome import STAR_CLASSES, Genome, Shape, Space, named, require_legal
from genome.variation.class_sampling import Level

MAX_CANDIDATES = 1_000_000
MAX_OBJECTIVES = 4


class SpacePlan(Value):
    """Which genomes the search may visit."""

    classes: tuple[str, ...] | None = Field(default=None, description="names of LIV classes; all when absent")
    depth: int = Field(default=8, ge=1, le=256, description="LIVs in a genome")
    allow_skip: bool = Field(default=False, description="whether a LIV may be left out, so that depth evolves")
    share_weights: bool = True
    share_features: bool = True
    groups: int = Field(default=3, ge=1, le=256, description="largest sharing-group label drawn")
    levels: Level = Field(
        default=Level.BACKBONE,
        description="down to which digits evolve: backbone (the classes are fixed), operator or featurizer",
    )


class Constraint(Value):
    """Candidates above this value of a metric are infeasible: recorded, never on the frontier."""

    metric: Metric
    at_most: FiniteFloat = Field(gt=0)


class Plan(Value):
    """Everything that decides what a search does. Legal or refused: building one checks it all."""

    space: SpacePlan = SpacePlan()
    width: int = Field(default=64, ge=1, le=65536, description="channels of the residual stream")
    head_dim: int = Field(default=16, ge=1, le=4096, description="channels of an attention head")
    window: int = Field(default=64, ge=1, le=1_048_576, description="tokens that a banded operator reaches")
    task: Task = TextTask()
    objectives: tuple[Metric, ...] = (Metric.BITS_PER_BYTE, Metric.PARAMETERS, Metric.CACHE_BYTES)
    constraints: tuple[Constraint, ...] = ()
    budget: Budget = Budget()
    context: int = Field(default=4096, ge=1, le=16_777_216, description="tokens at which the cache is counted")
    candidates: int = Field(default=48, ge=1, le=MAX_CANDIDATES, description="evaluations in all, baselines included")
    population: int = Field(default=16, ge=2, le=10_000)
    mutation: FiniteFloat = Field(default=0.1, ge=0, le=1, description="probability that a gene is redrawn")
    seed: int = Field(default=0, ge=0, le=2**63 - 1)
    baselines: bool = Field(default=True, description="seed the search with Transformer++ and a striped hybrid")

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if not 1 <= len(self.objectives) <= MAX_OBJECTIVES or len(set(self.objectives)) != len(self.objectives):
            raise ValueError(f"objectives must be 1 to {MAX_OBJECTIVES} different metrics")
        offered = set(Metric) - {Metric.BITS_PER_BYTE, Metric.RECALL_ERROR} | {self.task.quality}
        asked = set(self.objectives) | {constraint.metric for constraint in self.constraints}
        for metric in sorted(asked - offered):
            raise ValueError(f"task {self.task.kind} does not measure {metric}; it offers {', '.join(sorted(offered))}")
        if isinstance(self.task, RecallTask) and 4 * self.task.pairs > self.budget.length:
            raise ValueError(f"recall of {self.task.pairs} pairs needs budget.length of {4 * self.task.pairs} or more")
        if isinstance(self.task, RecallTask) and 2 * self.task.pairs >= self.task.symbols:
            raise ValueError(f"recall of {self.task.pairs} pairs needs task.symbols above {2 * self.task.pairs}")
        for liv_class in self.liv_space.classes:
            self.shape.groups(liv_class, self.liv_space.featurizer(liv_class))
        return self

    @cached_property
    def liv_space(self) -> Space:
        options = self.space.model_dump(exclude={"classes", "depth", "levels"})
        return Space.of(self.space.classes, depth=self.space.depth, **options)

    @cached_property
    def shape(self) -> Shape:
        return Shape(self.width, self.head_dim, self.task.vocab, self.window)

    def baseline_genomes(self) -> dict[str, Genome]:
        """The reference architectures this space can express, by name."""
        if not self.baselines:
            return {}
        depth = self.space.depth
        patterns = {name: [row[n % len(row)] for n in range(depth)] for name, row in BASELINES.items()}
        genomes = {}
        for name, classes in patterns.items():
            genome = Genome.parse("-".join(f"{named(c).id}.1.1.1.1" for c in classes))
            try:
                require_legal(genome, self.liv_space)
            except ValueError:
                continue
            genomes[name] = genome
        return genomes


BASELINES = {
    "Transformer++": ("SA-1", "GMemless"),
    "striped hybrid": ("Rec-1", "GMemless", "SA-1", "GMemless"),
}
"""Each baseline repeats its pattern to the depth of the space (STAR, section 4)."""

PAPER = tuple(row.name for row in STAR_CLASSES)
"""The classes of the paper, which the presets search over; a plan without `classes` has the whole catalogue."""

PRESETS: dict[str, Plan] = {
    "laptop": Plan(
        space=SpacePlan(classes=PAPER, depth=6),
        budget=Budget(steps=150, batch=16, length=128, warmup=15, validation=256, seconds=120),
        candidates=40,
        population=12,
    ),
    "star-125m": Plan(
        space=SpacePlan(classes=PAPER, depth=24, groups=8),
        width=768,
        head_dim=64,
        objectives=(Metric.BITS_PER_BYTE, Metric.CACHE_BYTES),
        budget=Budget(
            steps=5000,
            batch=64,
            length=4096,
            learning_rate=8e-4,
            weight_decay=0.1,
            warmup=500,
            clip=1.0,
            validation=512,
            seconds=86_400,
        ),
        candidates=16 * 18,
        population=16,
    ),
}


def merged(preset: str, changes: dict[str, Any]) -> Plan:
    """A preset with some fields replaced; nested objects are merged field by field.

    Raises:
        ValueError: the preset is unknown, or the merged plan is not legal.
    """
    if preset not in PRESETS:
        raise ValueError(f"preset {preset!r} is unknown; legal: {', '.join(PRESETS)}")
    return Plan.model_validate(_overlaid(PRESETS[preset].model_dump(mode="json"), changes))


def _overlaid(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    result = dict(below)
    for key, value in above.items():
        old = result.get(key)
        same_kind = (
            isinstance(old, dict) and isinstance(value, dict) and value.get("kind", old.get("kind")) == old.get("kind")
        )
        result[key] = _overlaid(old, value) if same_kind and isinstance(old, dict) else value
    return result
