"""Responses about LIV classes, presets, formats of exports, the cost of a genome, and the service itself."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from api.web.schemas.body import Sent
from api.web.schemas.tasks import TaskView
from genome.classes.alphabet import TokenMixing


class CatalogueClass(Sent):
    """One LIV class."""

    id: int
    name: str
    digits: list[int]
    structure: str = Field(
        description="structure of the token mixing",
        json_schema_extra={"enum": [one.name.lower() for one in TokenMixing]},
    )
    differential: bool
    state: str = Field(description="elements kept during decoding, at width 64 with heads of 16")
    decode_flops: int = Field(description="FLOPs that decode one token at position 4,096, at the same shape")
    source: str
    description: str


class Catalogue(Sent):
    """The LIV classes of the catalogue."""

    classes: list[CatalogueClass]


class FormatView(Sent):
    """A format in which a model can be exported."""

    name: str
    description: str
    needs: list[str] = Field(description="packages that loading it needs")


class Formats(Sent):
    """All formats of exports, the default first."""

    formats: list[FormatView]


class Presets(Sent):
    """The preset plans, the tasks a plan may name, and the JSON schema of a plan."""

    presets: dict[str, dict[str, Any]]
    tasks: list[TaskView]
    plan_schema: dict[str, Any]


class CostView(Sent):
    """The predicted cost of a genome."""

    genome: str = Field(description="canonical form")
    width: int
    head_dim: int
    vocab: int
    context: int
    parameters: int
    parameters_without_embedding: int
    cache_bytes: int
    state_bytes: int = Field(description="part of the cache that does not grow with the tokens")
    flops_per_token: int
    livs: list[dict[str, Any]]
    blueprint: list[dict[str, Any]]


class Health(Sent):
    """The answer of a service that can read its database."""

    status: Literal["ok"]
    version: str


class Ready(Sent):
    """The answer of a service that can use its database."""

    status: Literal["ready"]
    database_schema: str = Field(description="version of the tables")
