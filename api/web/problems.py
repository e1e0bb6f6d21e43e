"""Errors as RFC 9457 problems that name the fault, its location and the legal values.

A problem never contains the whole input, a traceback or other internals.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, Field, ValidationError
from starlette.exceptions import HTTPException
from starlette.routing import BaseRoute, Match

from api.web.pointers import legal_fields, pointer
from search.archive.errors import (
    ArchiveError,
    IdempotencyError,
    IllegalActionError,
    KnownGenomeError,
    NotFoundError,
)
from search.archive.schema.engine import UNAVAILABLE

log = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"
MAX_ERRORS = 20
LONGEST_DETAIL = 1200
RETRY_SECONDS = 2
"""Seconds after which a client may repeat a request that the service could not answer at the time."""


class Fault(BaseModel):
    """A fault of a request: in its body (`pointer`, RFC 6901) or in a parameter (`parameter`)."""

    pointer: str | None = Field(default=None, description="JSON pointer into the request body")
    parameter: str | None = Field(default=None, description="name of the query, path or header parameter")
    detail: str = Field(description="the fault, and the legal values")


class Problem(BaseModel):
    """RFC 9457 problem details."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    instance: str
    request_id: str | None = Field(default=None, description="id of the request, by which the log tells more")
    errors: list[Fault] = []


class Refused(Exception):  # noqa: N818 - a refused request is not an error of the program
    """A request that is answered with a problem of this status, detail and faults."""

    def __init__(
        self, status: int, detail: str, errors: Sequence[Fault] = (), headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(detail)
        self.status, self.detail, self.errors, self.headers = status, detail, list(errors), dict(headers or {})


def problem(
    request: Request, status: int, detail: str, errors: Sequence[Fault] = (), headers: Mapping[str, str] | None = None
) -> Response:
    """Return the response for a problem, with at most `MAX_ERRORS` faults. Long messages lose their middle."""
    shown = [fault.model_copy(update={"detail": shortened(fault.detail)}) for fault in errors[:MAX_ERRORS]]
    body = Problem(
        title=HTTPStatus(status).phrase,
        status=status,
        detail=shortened(detail),
        instance=shortened(request.url.path, 200),
        request_id=request.scope.get("request_id"),
        errors=shown,
    )
    content = body.model_dump(exclude_none=True)
    known = {"x-request-id": body.request_id} if body.request_id else {}
    return JSONResponse(content, status, headers={**known, **(headers or {})}, media_type=MEDIA_TYPE)


def shortened(text: str, limit: int = LONGEST_DETAIL) -> str:
    """Return the text without its middle when it is longer than `limit`; legal values are usually listed at its end."""
    return text if len(text) <= limit else f"{text[: limit // 4]} ... {text[-limit // 2 :]}"


def reason(error: Exception) -> str:
    """Return in one line what the database said, without the statement and its parameters."""
    return shortened(" ".join(str(getattr(error, "orig", None) or error).split()), 300)


def summary(found: Sequence[Fault]) -> str:
    """Return the first fault as a sentence, with the number of further faults."""
    first = found[0]
    where = first.parameter or first.pointer
    more = f" ({len(found) - 1} more)" if len(found) > 1 else ""
    return f"{where}: {first.detail}{more}" if where else f"{first.detail}{more}"


def refuse_fault(detail: str, pointer: str | None = None, parameter: str | None = None) -> Refused:
    """Return the refusal (422) of a request with one fault."""
    found = [Fault(pointer=pointer, parameter=parameter, detail=detail)]
    return Refused(422, summary(found), found)


def refuse_document(error: ValidationError, root: type[BaseModel], prefix: str) -> Refused:
    """Return the refusal (422) of a request whose body has an illegal document at the pointer `prefix`."""
    errors = json.loads(error.json(include_url=False, include_input=False, include_context=False))
    found = [_fault(one, tuple(one["loc"]), root, prefix) for one in errors]
    return Refused(422, summary(found), found)


def _request_fault(error: Mapping[str, Any], root: type[BaseModel] | None) -> Fault:
    place, *location = error["loc"]
    if place == "body":
        return _fault(error, location, root, "")
    return Fault(parameter=".".join(map(str, location)), detail=str(error["msg"]))


def _fault(error: Mapping[str, Any], location: Sequence[Any], root: type[BaseModel] | None, prefix: str) -> Fault:
    detail = str(error["msg"]).removeprefix("Value error, ")
    if error["type"] == "extra_forbidden":
        legal = legal_fields(root, location[:-1]) if root else ()
        detail = "unknown field" + (f"; legal: {', '.join(legal)}" if legal else "")
    elif error["type"] == "model_attributes_type" and not location:
        detail = "the body must be a JSON object, sent as application/json"
    return Fault(pointer=prefix + pointer(location), detail=detail)


def handle(app: FastAPI, routes: Sequence[BaseRoute]) -> None:
    """Register error handlers, so that an application with these routes answers every error with a problem."""

    async def refused(request: Request, exc: Exception) -> Response:
        assert isinstance(exc, Refused)
        return problem(request, exc.status, exc.detail, exc.errors, exc.headers)

    async def archive(request: Request, exc: Exception) -> Response:
        assert isinstance(exc, ArchiveError)
        return problem(request, _STATUSES[type(exc)], str(exc))

    async def invalid(request: Request, exc: Exception) -> Response:
        assert isinstance(exc, RequestValidationError)
        errors = list(exc.errors())
        if errors and errors[0]["type"] == "json_invalid":
            where, why = errors[0]["loc"][-1], errors[0]["ctx"]["error"]
            return problem(request, 400, f"the body is not JSON: {why} at character {where}")
        found = [_request_fault(error, _body_model(request)) for error in errors]
        return problem(request, 422, summary(found), found)

    async def http(request: Request, exc: Exception) -> Response:
        assert isinstance(exc, HTTPException)
        detail = _DETAILS.get(exc.status_code, str(exc.detail)).format(method=request.method)
        headers = {"allow": _allowed(request, routes)} if exc.status_code == 405 else exc.headers
        return problem(request, exc.status_code, detail, headers=headers)

    async def unavailable(request: Request, exc: Exception) -> Response:
        log.warning("%s %s: the database did not answer: %s", request.method, request.url.path, reason(exc))
        detail = "the database does not answer; nothing is lost, repeat the request later"
        return problem(request, 503, detail, headers={"Retry-After": str(RETRY_SECONDS)})

    async def unexpected(request: Request, exc: Exception) -> Response:
        log.error("%s %s failed", request.method, request.url.path, exc_info=exc)
        return problem(request, 500, "the server failed to answer; its log has the reason")

    app.add_exception_handler(Refused, refused)
    for kind in _STATUSES:
        app.add_exception_handler(kind, archive)
    for trouble in UNAVAILABLE:
        app.add_exception_handler(trouble, unavailable)
    app.add_exception_handler(RequestValidationError, invalid)
    app.add_exception_handler(HTTPException, http)
    app.add_exception_handler(Exception, unexpected)


_STATUSES: dict[type[ArchiveError], int] = {
    NotFoundError: 404,
    IllegalActionError: 409,
    KnownGenomeError: 409,
    IdempotencyError: 422,
}

_DETAILS = {
    404: "this address does not exist",
    405: "{method} is not supported at this address; the Allow header lists the supported methods",
}


def _allowed(request: Request, routes: Sequence[BaseRoute]) -> str:
    """Return all methods of an address. Starlette's own answer lists only the methods of one route."""
    partial = [route for route in routes if route.matches(request.scope)[0] is Match.PARTIAL]
    methods = {method for route in partial for method in getattr(route, "methods", None) or ()}
    return ", ".join(sorted(methods)) or "GET, HEAD"  # static files have no route


def _body_model(request: Request) -> type[BaseModel] | None:
    field = getattr(request.scope.get("route"), "body_field", None)
    model = getattr(getattr(field, "field_info", None), "annotation", None)
    return model if isinstance(model, type) and issubclass(model, BaseModel) else None
