"""The settings of the service, read from `STAR_*` variables, an `.env` file or a TOML file, in this order."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AliasChoices, Field, field_validator
from pydantic_settings import BaseSettings, NoDecode, PydanticBaseSettingsSource, SettingsConfigDict

from api.process.sources import ConfigFile

HostName = Annotated[str, Field(pattern=r"^(\*|[A-Za-z0-9._-]+|[0-9A-Fa-f:.]+)$", max_length=253)]
"""A name or an address without a port, or `*`."""

LogForm = Literal["text", "json"]


class Settings(BaseSettings):
    """Paths, addresses and limits of the service. `DATABASE_URL`, which hosting platforms set, is read too."""

    model_config = SettingsConfigDict(env_prefix="STAR_", env_file=".env", extra="ignore", populate_by_name=True)

    database_url: str = Field(
        default="sqlite:///var/star.db",
        validation_alias=AliasChoices("STAR_DATABASE_URL", "DATABASE_URL"),
        description="sqlite:///path or postgresql://user:password@host/name",
    )
    artifacts: str = Field(
        default="var/artifacts",
        min_length=1,
        description="place of trained weights: a directory, or a URL of fsspec such as s3://bucket/folder (with s3fs)",
    )
    exports: Path = Field(default=Path("var/exports"), description="directory of the zip archives of exported models")
    corpora: list[Path] = Field(default=[], description="directories a text task may name as its corpus, as JSON")
    host: str = "127.0.0.1"
    hosts: list[HostName] = Field(
        default=[],
        description="names by which clients reach the API beside localhost and the host, as JSON; * permits every name",
    )
    insecure: bool = Field(default=False, description="whether to listen beyond this machine without API keys")
    port: int = Field(default=8765, ge=0, le=65535)
    processes: int = Field(default=1, ge=1, le=64, description="processes that answer requests")
    log: LogForm = Field(default="text", description="form of the log: text, or json with one object a line")
    request_seconds: float = Field(
        default=15.0, gt=0, le=3600, description="seconds that a client has for the head of a request, and for its body"
    )
    stalled_seconds: float = Field(
        default=30.0,
        gt=0,
        le=3600,
        description="seconds after which a client that takes nothing is cut off",
    )
    rate: int = Field(
        default=6000, ge=0, le=10_000_000, description="requests a minute of a key or an address; 0 for any number"
    )
    streams: int = Field(default=256, ge=0, le=100_000, description="event streams that may be open at once")
    webhook_hosts: list[HostName] = Field(
        default=[], description="receivers of webhooks that may be internal or without TLS, by name, as JSON"
    )
    webhook_seconds: float = Field(
        default=10.0, gt=0, le=60, description="seconds that a receiver of a webhook has for its answer"
    )
    keep_days: float | None = Field(
        default=None,
        ge=0,
        description="days after its end at which a search is deleted with its weights; never without",
    )
    event_hours: float = Field(
        default=24.0, ge=0, le=87_600, description="hours after the end of a job during which all its events are kept"
    )
    max_parameters: float = Field(default=5e9, gt=0, description="parameters of a candidate, by estimate, at most")
    max_flops: float = Field(default=1e22, gt=0, description="operations of a search, by estimate, at most")
    workers: int = Field(default=2, ge=1, le=4096, description="candidates evaluated at once")
    ray_address: str | None = Field(default=None, description="address of a Ray cluster; a runner starts one without")
    trackers: Annotated[list[str], NoDecode] = Field(
        default=[], description="trackers to which a runner reports, each kind:place, with commas or as JSON"
    )
    kernels: Literal["auto", "torch", "triton"] = Field(default="auto", description="which forms of operators run")
    lease_seconds: float = Field(
        default=15.0,
        ge=1,
        le=3600,
        description="seconds without a heartbeat after which a job is taken over",
    )

    @field_validator("trackers", mode="before")
    @classmethod
    def _listed(cls, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        return json.loads(value) if value.startswith("[") else [one for one in value.split(",") if one.strip()]

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Return the sources, the one that wins first."""
        return init_settings, env_settings, dotenv_settings, ConfigFile(settings_cls)

    def exported(self) -> dict[str, str]:
        """Return the settings that other packages read from the environment of a process."""
        found = {"STAR_KERNELS": self.kernels, "STAR_RAY_ADDRESS": self.ray_address}
        return {name: value for name, value in found.items() if value}

    def environment(self) -> dict[str, str]:
        """Return variables that give a child process these settings.

        They are no arguments, because every user of a machine can read those, and a URL may hold a password.
        """
        found = self.model_dump(mode="json", exclude_none=True)
        return {
            f"STAR_{name.upper()}": value if isinstance(value, str) else json.dumps(value)
            for name, value in found.items()
        }
