"""What an operator sets: from `STAR_*` variables or an `.env` file."""

from __future__ import annotations

from pathlib import Path

from pydantic import AliasChoices, Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """Where things are kept and how the service runs. `DATABASE_URL` is read too, as hosts set it."""

    model_config = SettingsConfigDict(env_prefix="STAR_", env_file=".env", extra="ignore", populate_by_name=True)

    database_url: str = Field(
        default="sqlite:///var/star.db",
        validation_alias=AliasChoices("STAR_DATABASE_URL", "DATABASE_URL"),
        description="sqlite:///path or postgresql://user:password@host/name",
    )
    artifacts: Path = Field(default=Path("var/artifacts"), description="trained weights are kept here")
    corpora: list[Path] = Field(default=[], description="directories a text task may name as its corpus, as JSON")
    host: str = "127.0.0.1"
    port: int = Field(default=8765, ge=0, le=65535)
    workers: int = Field(default=2, ge=1, le=4096, description="candidates evaluated at once")
    lease_seconds: float = Field(
        default=15.0, ge=1, le=3600, description="after this long without a sign of life a job is taken over"
    )
