"""The lock: who may send a request, by an API key in a header or in the dashboard's cookie.

Without any key a service that listens on the loopback interface is open, for one person on one machine. Once a key was
created, every request needs one.
"""

from __future__ import annotations

import ipaddress
from typing import Any

from fastapi import FastAPI, Request
from fastapi.concurrency import run_in_threadpool

from api.process.settings import Settings
from api.web.deps import ArchiveDep, SettingsDep
from api.web.middleware.headers import SAFE
from api.web.problems import Refused
from api.web.rates import require_rate
from search.archive import Archive
from search.archive.custody.keys import ApiKey, Scope
from search.archive.values import Job

COOKIE = "star_key"
NO_KEY = "an API key is needed: send `Authorization: Bearer star_...`; whoever runs the service creates keys"
BAD_KEY = "the API key is unknown, has expired or was revoked"

BEARER = "bearer "
SCHEMES = {
    "key": {"type": "http", "scheme": "bearer", "description": "an API key, `star_...`"},
    "session": {"type": "apiKey", "in": "cookie", "name": COOKIE, "description": "set by POST /v1/session"},
}
"""The ways to show a key, as OpenAPI describes them. A service without keys needs neither."""


async def require_access(request: Request, archive: ArchiveDep, settings: SettingsDep) -> None:
    """Let a request pass, and keep its key, or None on an open service, as `request.state.key`.

    Raises:
        Refused: 429 if its client sent too many, 401 without a valid key, 403 if the scope of the key does not permit
            the method.
    """
    header = request.headers.get("authorization", "")
    text = header[len(BEARER) :] if header.lower().startswith(BEARER) else request.cookies.get(COOKIE)
    key = await run_in_threadpool(archive.key_of, text) if text else None
    request.state.key = key
    require_rate(request, key)
    if key is None:
        if (archive.keyless() and may_be_open(settings)) or await run_in_threadpool(is_open, archive, settings):
            return
        raise Refused(401, BAD_KEY if text else NO_KEY, headers={"WWW-Authenticate": "Bearer"})
    wanted = Scope.READ if request.method in SAFE else Scope.SUBMIT
    if not key.scope.permits(wanted):
        raise Refused(403, f"the key of {key.name} has the scope {key.scope}; this request needs {wanted}")


def require_room(key: ApiKey | None, archive: Archive) -> None:
    """Check that a key may submit one more search.

    Raises:
        Refused: 429; as many searches of the key as it may have at once have not ended.
    """
    if key is not None and key.jobs is not None and archive.unfinished_jobs(key.id) >= key.jobs:
        detail = f"the key of {key.name} has {key.jobs} searches that have not ended, as many as it may have at once"
        raise Refused(429, detail, headers={"Retry-After": "60"})


def require_admin(request: Request) -> None:
    """Let a request of whoever runs the service pass.

    Raises:
        Refused: 403; its key has not the scope `admin`.
    """
    key: ApiKey | None = request.state.key
    if key is not None and not key.scope.permits(Scope.ADMIN):
        raise Refused(403, f"the key of {key.name} has the scope {key.scope}; this request needs {Scope.ADMIN}")


def require_owner(key: ApiKey | None, job: Job) -> None:
    """Check that a key may delete a search: its own, or with the scope `admin` any.

    Raises:
        Refused: 403; it may not.
    """
    if key is not None and not key.scope.permits(Scope.ADMIN) and job.key != key.id:
        raise Refused(403, f"the key of {key.name} did not submit this search; to delete it needs the scope admin")


def is_open(archive: Archive, settings: Settings) -> bool:
    """Return whether the service answers without a key."""
    return may_be_open(settings) and not archive.has_keys()


def may_be_open(settings: Settings) -> bool:
    """Return whether the service may answer without a key as long as there is none."""
    return settings.insecure or is_loopback(settings.host)


def is_loopback(host: str) -> bool:
    """Return whether only this machine reaches an address."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


def require_lock(archive: Archive, settings: Settings) -> None:
    """Check that a service does not open itself to a network unasked.

    Raises:
        ValueError: it would listen beyond this machine without a key; the message says what to do.
    """
    if not (may_be_open(settings) or archive.has_keys()):
        raise ValueError(
            f"everyone who reaches {settings.host} could use this service: create a key with `star keys create NAME`, "
            "or insist with --insecure (STAR_INSECURE=1)"
        )


def describe(app: FastAPI) -> None:
    """Add the ways to show a key to the OpenAPI document of an application."""
    plain = app.openapi

    def described() -> dict[str, Any]:
        document = plain()
        document["components"]["securitySchemes"] = SCHEMES
        document["security"] = [*({name: []} for name in SCHEMES), {}]
        return document

    app.openapi = described  # type: ignore[method-assign]
