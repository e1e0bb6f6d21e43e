"""The checks of the service and its database: whether it lives, and whether it is ready for requests."""

from __future__ import annotations

from fastapi import APIRouter, Request

from api.web.deps import ArchiveDep
from api.web.problems import RETRY_SECONDS, Refused
from api.web.schemas import Health, Ready

router = APIRouter(tags=["health"])


@router.get("/healthz")
def health(request: Request, archive: ArchiveDep) -> Health:
    """Answer 200 if the service can read its database."""
    archive.last_event()
    return Health(status="ok", version=request.app.version)


@router.get("/readyz")
def ready(archive: ArchiveDep) -> Ready:
    """Answer 200 if the database can be reached and has the schema of this version, and else 503 with the reason."""
    found, newest = archive.schema()
    if found != newest:
        detail = f"the database has schema {found or 'none'}, and this version needs {newest}; see `star migrate`"
        raise Refused(503, detail, headers={"Retry-After": str(RETRY_SECONDS)})
    return Ready(status="ready", database_schema=newest)
