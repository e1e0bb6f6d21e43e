"""The dashboard: pages with one head, and their assets."""

from __future__ import annotations

import hashlib
from os import PathLike
from pathlib import Path

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, Response
from fastapi.staticfiles import StaticFiles
from starlette.types import Scope

from api.web.deps import JobId, Number
from api.web.problems import Refused

DASHBOARD = Path(__file__).parents[2] / "dashboard"

SHARED = ("head", "top")
"""The parts that pages share: the line `<!-- head -->` of a page is replaced by `page/head.html`."""

router = APIRouter(include_in_schema=False)


class Revalidated(StaticFiles):
    """Static files that a browser may keep and asks for before each use; the answer is 304 while they are unchanged."""

    async def get_response(self, path: str | PathLike[str], scope: Scope) -> Response:
        response = await super().get_response(str(path), scope)
        response.headers["cache-control"] = "no-cache"
        return response


def dashboard() -> StaticFiles:
    """Return the application that serves the dashboard's own files."""
    return Revalidated(directory=DASHBOARD, check_dir=False)


@router.get("/")
async def jobs_page(request: Request) -> Response:
    return _page("jobs", request)


@router.get("/jobs/{job_id}")
async def job_page(job_id: JobId, request: Request) -> Response:
    return _page("job", request)


@router.get("/jobs/{job_id}/candidates")
async def candidates_page(job_id: JobId, request: Request) -> Response:
    return _page("candidates", request)


@router.get("/jobs/{job_id}/candidates/{number}")
async def candidate_page(job_id: JobId, number: Number, request: Request) -> Response:
    return _page("candidate", request)


@router.get("/jobs/{job_id}/compare")
async def compare_page(job_id: JobId, request: Request) -> Response:
    return _page("compare", request)


def _page(name: str, request: Request) -> Response:
    """Return a page, or 304 when the browser has it already.

    Raises:
        Refused: 404, when this installation has no dashboard.
    """
    try:
        text = (DASHBOARD / name / f"{name}.html").read_text(encoding="utf-8")
        parts = {part: (DASHBOARD / "page" / f"{part}.html").read_text(encoding="utf-8") for part in SHARED}
    except FileNotFoundError:
        raise Refused(
            404, f"this installation has no dashboard page {name}; the API under /v1 works without it"
        ) from None
    for part, content in parts.items():
        text = text.replace(f"    <!-- {part} -->\n", content)
    headers = {"cache-control": "no-cache", "etag": f'"{hashlib.sha256(text.encode()).hexdigest()[:32]}"'}
    if request.headers.get("if-none-match") == headers["etag"]:
        return Response(status_code=304, headers=headers)
    return HTMLResponse(text, headers=headers)
