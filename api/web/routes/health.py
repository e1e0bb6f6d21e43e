"""The health check of the service and its database."""

from __future__ import annotations

from importlib.metadata import version

from fastapi import APIRouter

from api.web.deps import ArchiveDep
from api.web.schemas import Health

router = APIRouter(tags=["health"])


@router.get("/healthz")
def health(archive: ArchiveDep) -> Health:
    """Answer 200 if the service can read its database."""
    archive.jobs(1, None)
    return Health(status="ok", version=version("star-synthesis"))
