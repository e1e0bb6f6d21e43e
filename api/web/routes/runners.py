"""The runners that live. Without one no search goes on."""

from __future__ import annotations

from fastapi import APIRouter

from api.web.deps import ArchiveDep
from api.web.schemas import Runners

router = APIRouter(prefix="/v1/runners", tags=["runners"])


@router.get("")
def runners(archive: ArchiveDep) -> Runners:
    """List the runners that gave a sign of life lately, with the searches that each holds."""
    return Runners.model_validate({"runners": archive.runners()})
