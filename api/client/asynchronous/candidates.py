"""The candidates of a search: lists of them, one of them, and requests for further trainings."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

from api.client.asynchronous.connection import Connection
from api.client.files import format_of, unpacked
from api.client.settings import EXPORT_TIMEOUT
from api.web.schemas import (
    AncestorList,
    CandidateDetail,
    CandidatePage,
    Candidates,
    CandidateView,
    Export,
    Formats,
    FormatView,
    InjectionView,
    Points,
)


class CandidateCalls(Connection):
    """The methods for candidates."""

    async def frontier(self, job_id: str) -> list[CandidateView]:
        """Return the candidates that no other one dominates."""
        found = await self._get(f"/v1/jobs/{job_id}/frontier", Candidates)
        return found.candidates

    async def candidates(
        self,
        job_id: str,
        *,
        sort: str | None = None,
        state: str | None = None,
        failure: str | None = None,
        contains: str | None = None,
        frontier: bool | None = None,
    ) -> AsyncIterator[CandidateView]:
        """Iterate over candidates: all, or those that are sought.

        Args:
            sort: `number`, `finished_at` or an objective, smallest first; with - before it, largest first. Candidates
                without a value of it are left out. The default is the order in which they were proposed.
            state: only candidates in this state.
            failure: only candidates that failed for this reason.
            contains: only candidates of which a LIV has the class of this name.
            frontier: only candidates on the frontier, or only the others.
        """
        path, sought = f"/v1/jobs/{job_id}/candidates", {"state": state, "failure": failure, "contains": contains}
        async for page in self._pages(path, CandidatePage, page_size=500, sort=sort, frontier=frontier, **sought):
            for candidate in page.candidates:
                yield candidate

    async def candidate(self, job_id: str, number: int) -> CandidateDetail:
        """Return a candidate with its trainings, its cost, its parents and its first children."""
        return await self._get(f"/v1/jobs/{job_id}/candidates/{number}", CandidateDetail)

    async def children(self, job_id: str, number: int) -> AsyncIterator[CandidateView]:
        """Iterate over the candidates that have this one as a parent, in the order in which they were proposed."""
        path = f"/v1/jobs/{job_id}/candidates/{number}/children"
        async for page in self._pages(path, CandidatePage, page_size=500):
            for candidate in page.candidates:
                yield candidate

    async def ancestors(self, job_id: str, number: int, *, generations: int = 20, most: int = 100) -> AncestorList:
        """Return the ancestors of a candidate, nearest first.

        Args:
            generations: the largest number of generations back, 1 to 100.
            most: the largest number of ancestors, 1 to 500.
        """
        path = f"/v1/jobs/{job_id}/candidates/{number}/ancestors"
        return await self._get(path, AncestorList, generations=generations, most=most)

    async def inject(self, job_id: str, genome: str, *, by: str = "", key: str | None = None) -> InjectionView:
        """Ask a search to train a genome next; `key` is an idempotency key."""
        return await self._post(f"/v1/jobs/{job_id}/candidates", InjectionView, {"genome": genome, "by": by}, key)

    async def retry(self, job_id: str, number: int) -> CandidateView:
        """Ask a search to train a failed candidate again, with another seed."""
        return await self._post(f"/v1/jobs/{job_id}/candidates/{number}/retry", CandidateView)

    async def points(self, job_id: str) -> Points:
        """Return all candidates in columns."""
        return await self._get(f"/v1/jobs/{job_id}/points", Points)

    async def save_table(self, job_id: str, file: Path | str) -> Path:
        """Write all candidates of a search to a file that ends with `.csv` or `.parquet`, and return its path.

        Raises:
            ValueError: it ends with anything else.
        """
        response = await self._send("GET", f"/v1/jobs/{job_id}/table", format=format_of(file))
        Path(file).write_bytes(response.content)
        return Path(file)

    async def formats(self) -> list[FormatView]:
        """Return the formats in which a candidate can be exported."""
        found = await self._get("/v1/formats", Formats)
        return found.formats

    async def export(self, job_id: str, number: int, folder: Path | str, *, format: str = "folder") -> Path:
        """Export a candidate, unpack it below a folder, and return its directory. `star.load` reads that of `folder`.

        Args:
            format: a name of `formats`.
        """
        path = f"/v1/jobs/{job_id}/candidates/{number}/export"
        response = await self._send("POST", path, timeout=EXPORT_TIMEOUT, format=format)
        archive = await self._send("GET", Export.model_validate_json(response.content).download)
        return unpacked(archive.content, folder)
