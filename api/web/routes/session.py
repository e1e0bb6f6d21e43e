"""The session of the dashboard: a browser shows its key once, and keeps it in a cookie that no script can read."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response, status

from api.web.access import BAD_KEY, COOKIE, is_open
from api.web.deps import ArchiveDep, SettingsDep, problems
from api.web.problems import Refused
from api.web.rates import require_rate
from api.web.schemas import Session, SessionRequest
from search.archive.custody.keys import ApiKey

DAYS = 30
"""Time until a browser forgets the key."""

router = APIRouter(prefix="/v1/session", tags=["session"])


@router.post("", responses=problems(400, 401, 413, 422, 429))
def begin(body: SessionRequest, request: Request, response: Response, archive: ArchiveDep) -> Session:
    """Check a key, and store it in the browser's cookie."""
    require_rate(request, None)
    key = archive.key_of(body.key)
    if key is None:
        raise Refused(401, BAD_KEY)
    response.set_cookie(
        COOKIE,
        body.key,
        max_age=DAYS * 86_400,
        httponly=True,
        samesite="strict",
        secure=request.url.scheme == "https",
    )
    return _shown(key)


@router.get("", responses=problems(401))
def session(request: Request, archive: ArchiveDep, settings: SettingsDep) -> Session:
    """Return whose key the browser has; 401 if a key is needed and it has none."""
    key = archive.key_of(request.cookies.get(COOKIE, ""))
    if key is None and not is_open(archive, settings):
        raise Refused(401, BAD_KEY)
    return _shown(key)


@router.delete("", status_code=status.HTTP_204_NO_CONTENT)
def end(response: Response) -> None:
    """Remove the key from the browser."""
    response.delete_cookie(COOKIE, httponly=True, samesite="strict")


def _shown(key: ApiKey | None) -> Session:
    if key is None:
        return Session(name=None, scope=None, expires_at=None)
    return Session(name=key.name, scope=key.scope, expires_at=key.expires_at)
