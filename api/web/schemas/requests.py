"""Request bodies."""

from __future__ import annotations

from typing import Annotated, Any, Self

from pydantic import Field, model_validator

from api.web.schemas.body import Line, Received
from search.plan.presets import PRESETS

MAX_GENOME = 16_384
"""Largest length of a genome in characters: enough for 256 LIVs of five long numbers."""


Tag = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._:-]{0,39}$", description="lower-case letters, digits, . _ : -")]
"""A word by which searches are found."""

Tags = Annotated[list[Tag], Field(max_length=20)]


class JobRequest(Received):
    """A search to run: a preset and the changes to it."""

    name: Line = Field(default="", max_length=200, description="shown in lists; the preset's name when empty")
    preset: Line = Field(
        default="laptop",
        max_length=100,
        description="plan to start from, as GET /v1/presets lists them",
        json_schema_extra={"enum": list(PRESETS)},  # submission.py refuses other names with the list of legal ones
    )
    priority: int = Field(
        default=0, ge=-3, le=3, strict=True, description="each step doubles the share of the runners' time that it gets"
    )
    tags: Tags = Field(default=[], description="words by which it is found", examples=[["ablation", "team:ada"]])
    plan: dict[str, Any] = Field(
        default={},
        description="fields of the plan that differ from the preset; GET /v1/presets has the presets and the schema",
        examples=[{"candidates": 20, "space": {"depth": 4}}],
    )


class JobChange(Received):
    """What may be changed of a search; a field that is left out stays."""

    name: Line | None = Field(default=None, min_length=1, max_length=200, description="shown in lists")
    tags: Tags | None = Field(default=None, description="words by which it is found, instead of those that it has")

    @model_validator(mode="after")
    def _changes_something(self) -> Self:
        if self.name is None and self.tags is None:
            raise ValueError("must have a name or tags")
        return self


class InjectionRequest(Received):
    """A genome that a search is asked to train."""

    genome: Line = Field(min_length=1, max_length=MAX_GENOME, examples=["1.1.1.1.1-9.1.1.1.1", "21211-91111"])
    by: Line = Field(default="", max_length=200, description="who asks: a person or a program; shown at the candidate")


class CostRequest(Received):
    """A genome, and the sizes of the model whose cost is predicted."""

    genome: Line = Field(min_length=1, max_length=MAX_GENOME, examples=["1.1.1.1.1-9.1.1.1.1", "21211-91111"])
    width: int = Field(default=64, ge=1, le=65536, description="channels of the residual stream")
    head_dim: int | None = Field(default=None, ge=1, le=4096, description="channels of a head; chosen when absent")
    vocab: int = Field(default=256, ge=1, le=1_000_000, description="number of different tokens")
    window: int = Field(default=64, ge=1, le=1_048_576, description="tokens that a banded operator reaches")
    context: int = Field(default=4096, ge=1, le=16_777_216, description="tokens at which the cache is counted")
