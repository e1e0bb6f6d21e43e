"""The dependencies of routes: the archive, the settings, the exports, and validated path and query parameters.

Those that read nothing from the database are coroutines, because FastAPI calls any other function in another thread.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Any

from fastapi import Depends, Header, Path, Query, Request
from fastapi.dependencies.models import Dependant

from api.process.settings import Settings
from api.web.exports import Exports
from api.web.problems import Fault, Problem, Refused, refuse_fault, summary
from evaluator.artifacts import Artifacts
from evaluator.evaluation import Failure
from search.archive import Archive
from search.archive.listing.candidates import BY_NUMBER, Sought
from search.archive.listing.order import Order
from search.archive.paging import LARGEST_PAGE
from search.archive.values import CandidateState, Job


async def _archive(request: Request) -> Archive:
    archive: Archive = request.app.state.archive
    return archive


async def _settings(request: Request) -> Settings:
    settings: Settings = request.app.state.settings
    return settings


SettingsDep = Annotated[Settings, Depends(_settings)]


async def _exports(request: Request, settings: SettingsDep) -> Exports:
    return Exports(settings.exports, Artifacts(settings.artifacts), request.app.state.feed.closing)


ArchiveDep = Annotated[Archive, Depends(_archive)]
ExportsDep = Annotated[Exports, Depends(_exports)]

JobId = Annotated[str, Path(pattern="^[A-Za-z0-9_-]{1,64}$", description="id of the job")]
Number = Annotated[int, Path(ge=1, le=2**31 - 1, description="number of a candidate in its job")]
PageSize = Annotated[
    int, Query(ge=1, le=2**31 - 1, description=f"rows of a page; larger values count as {LARGEST_PAGE}")
]
PageToken = Annotated[str | None, Query(max_length=200, description="next_page_token of the previous page")]

IdempotencyKey = Annotated[
    str | None,
    Header(
        min_length=1,
        max_length=200,
        pattern=r"^[\x21-\x7e]+$",
        description="a repeated request with the same key and body returns what the first one created",
    ),
]


def _job(job_id: JobId, archive: ArchiveDep) -> Job:
    return archive.job(job_id)


JobDep = Annotated[Job, Depends(_job)]


@dataclass(frozen=True)
class Listing:
    """The candidates that are asked for, and their order, in the words of the request."""

    state: CandidateState | None
    failure: Failure | None
    frontier: bool | None
    contains: str | None
    sort: str

    def resolved(self, job_id: str, archive: Archive) -> tuple[Sought, Order]:
        """Return the same for an archive. The search is read only if it has to explain a name.

        Raises:
            NotFoundError: there is no such job.
            Refused: 422; the search has no such class or objective.
        """
        sought = Sought(self.state, self.failure, self.frontier)
        if self.contains is not None:
            sought = replace(sought, contains=_class_id(archive.job(job_id).space, self.contains))
        return sought, BY_NUMBER if self.sort == str(BY_NUMBER) else _order(archive.job(job_id), self.sort)


async def _listing(
    state: Annotated[CandidateState | None, Query(description="only candidates in this state")] = None,
    failure: Annotated[Failure | None, Query(description="only candidates that failed for this reason")] = None,
    frontier: Annotated[bool | None, Query(description="only candidates on the frontier, or only the others")] = None,
    contains: Annotated[
        str | None, Query(max_length=100, description="only candidates of which a LIV has the class of this name")
    ] = None,
    sort: Annotated[
        str,
        Query(
            max_length=100,
            description="number, finished_at or an objective, smallest first; with - before it, largest first. "
            "Candidates without a value of it are left out.",
        ),
    ] = str(BY_NUMBER),
) -> Listing:
    return Listing(state, failure, frontier, contains, sort)


def _class_id(space: Mapping[str, Any], name: str) -> int:
    ids = {row["name"]: row["id"] for row in space["classes"]}
    if name not in ids:
        raise refuse_fault(f"must be a class of this search: {', '.join(ids)}", parameter="contains")
    return int(ids[name])


def _order(job: Job, sort: str) -> Order:
    try:
        return Order.of(sort, job.plan["objectives"])
    except ValueError as error:
        raise refuse_fault(str(error), parameter="sort") from None


ListingDep = Annotated[Listing, Depends(_listing)]


async def require_known_parameters(request: Request) -> None:
    """Refuse a query parameter that the route does not have, because a mistyped one would change nothing unseen.

    Raises:
        Refused: 422; it names the parameters and the legal ones.
    """
    legal = sorted(_query_parameters(request.scope["route"].dependant))
    unknown = [name for name in dict.fromkeys(request.query_params) if name not in legal]
    if unknown:
        detail = f"unknown query parameter; legal: {', '.join(legal) or 'none'}"
        found = [Fault(parameter=name, detail=detail) for name in unknown]
        raise Refused(422, summary(found), found)


def _query_parameters(dependant: Dependant) -> set[str]:
    own = {parameter.alias for parameter in dependant.query_params}
    return own.union(*map(_query_parameters, dependant.dependencies))


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return the `responses` of a route that may answer with problems of these statuses."""
    content = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {status: {"description": "Problem (RFC 9457)", "model": Problem, "content": content} for status in statuses}
