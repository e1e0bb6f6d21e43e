"""The dashboard: three static shells, their assets, and the chart library from its installed package."""

from __future__ import annotations

from functools import cache
from os import PathLike
from pathlib import Path

from fastapi import APIRouter, Request
from fastapi.responses import Response
from fastapi.staticfiles import StaticFiles
from starlette.exceptions import HTTPException
from starlette.types import Scope

from api.web.deps import JobId, Number
from api.web.problems import Refused

DASHBOARD = Path(__file__).parents[2] / "dashboard"

router = APIRouter(include_in_schema=False)


class Revalidated(StaticFiles):
    """Files that a browser may keep and asks about before each use: 304 while they are unchanged."""

    async def get_response(self, path: str | PathLike[str], scope: Scope) -> Response:
        response = await super().get_response(str(path), scope)
        response.headers["cache-control"] = "no-cache"
        return response


def dashboard() -> StaticFiles:
    """The dashboard's own files."""
    return Revalidated(directory=DASHBOARD, check_dir=False)


@cache
def _charts() -> StaticFiles:
    return Revalidated(packages=[("plotly", "package_data")])


@router.get("/")
async def jobs_page(request: Request) -> Response:
    return await _shell("jobs.html", request)


@router.get("/jobs/{job_id}")
async def job_page(job_id: JobId, request: Request) -> Response:
    return await _shell("job.html", request)


@router.get("/jobs/{job_id}/candidates/{number}")
async def candidate_page(job_id: JobId, number: Number, request: Request) -> Response:
    return await _shell("candidate.html", request)


@router.get("/static/plotly.min.js")
async def plotly(request: Request) -> Response:
    return await _charts().get_response("plotly.min.js", request.scope)


async def _shell(name: str, request: Request) -> Response:
    try:
        return await dashboard().get_response(name, request.scope)
    except (HTTPException, RuntimeError):
        raise Refused(404, f"this installation has no dashboard page {name}; the API under /v1 works without") from None
