"""The client for asynchronous programs: the same methods as those of `Star`, awaited."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from typing import Any, Self, TypeVar

import httpx

from api.client import calls
from api.client.calls import Call
from api.client.errors import no_answer, require_success
from api.web.schemas import (
    CandidateDetail,
    CandidateView,
    Finish,
    InjectionView,
    JobSummary,
    JobView,
    Points,
    Predictions,
    Rungs,
)
from search.archive.values import TERMINAL

T = TypeVar("T")


class AsyncStar:
    """A client of the service at a URL; see `Star`. Use it in an `async with` block, or await `close`.

    Args:
        url: address of the service; by default STAR_URL, or this machine.
        key: an API key; by default STAR_API_KEY, or none.
    """

    def __init__(self, url: str | None = None, key: str | None = None) -> None:
        options = calls.settings(url, key)
        self.url: str = options["base_url"]
        try:
            self._http = httpx.AsyncClient(**options)
        except (httpx.InvalidURL, ValueError) as error:
            raise no_answer(self.url, error) from None

    async def submit(
        self, plan: Mapping[str, Any] | None = None, *, preset: str = "laptop", name: str = "", key: str | None = None
    ) -> JobView:
        """Submit a search.

        Args:
            plan: fields that differ from the preset.
            key: an idempotency key; a repeat with the same key creates nothing new.
        """
        return await self._send(calls.submit(plan, preset, name, key))

    async def wait(
        self,
        job_id: str,
        *,
        timeout: float | None = None,
        pause: float = 1.0,
        seen: Callable[[JobView], Any] | None = None,
    ) -> JobView:
        """Return a search once it has ended.

        Args:
            timeout: seconds to wait at most.
            pause: seconds between two looks.
            seen: called with the search at every look.

        Raises:
            TimeoutError: the search has not ended in time; it goes on.
        """
        until = None if timeout is None else time.monotonic() + timeout
        while (job := await self.job(job_id)).state not in TERMINAL:
            if seen:
                seen(job)
            if until is not None and time.monotonic() + pause > until:
                raise TimeoutError(f"search {job_id} is still {job.state} after {timeout:g} seconds")
            await asyncio.sleep(pause)
        return job

    async def jobs(self, *, state: str | None = None, search: str | None = None) -> AsyncIterator[JobSummary]:
        """Iterate over searches, newest first: all, or those in one state, or with a text in their name."""
        token: str | None = None
        while True:
            page = await self._send(calls.jobs(state, search, token))
            for job in page.jobs:
                yield job
            if (token := page.next_page_token) is None:
                return

    async def job(self, job_id: str) -> JobView:
        """Return a search and its progress."""
        return await self._send(calls.job(job_id))

    async def pause(self, job_id: str) -> JobView:
        """Pause a search: candidates under way finish, no others begin."""
        return await self._send(calls.act(job_id, "pause"))

    async def resume(self, job_id: str) -> JobView:
        """Resume a search."""
        return await self._send(calls.act(job_id, "resume"))

    async def cancel(self, job_id: str) -> JobView:
        """Cancel a search for good; its results are kept."""
        return await self._send(calls.act(job_id, "cancel"))

    async def rename(self, job_id: str, name: str) -> JobView:
        """Give a search another name."""
        return await self._send(calls.rename(job_id, name))

    async def delete(self, job_id: str) -> None:
        """Delete a search that has ended, with its weights and exports, for good."""
        await self._send(calls.delete(job_id))

    async def frontier(self, job_id: str) -> list[CandidateView]:
        """Return the candidates that no other one dominates."""
        return await self._send(calls.frontier(job_id))

    async def candidates(self, job_id: str) -> AsyncIterator[CandidateView]:
        """Iterate over all candidates, in the order in which they were proposed."""
        token: str | None = None
        while True:
            page = await self._send(calls.candidates(job_id, token))
            for candidate in page.candidates:
                yield candidate
            if (token := page.next_page_token) is None:
                return

    async def candidate(self, job_id: str, number: int) -> CandidateDetail:
        """Return a candidate with its trainings, its cost, its parents and its children."""
        return await self._send(calls.candidate(job_id, number))

    async def inject(self, job_id: str, genome: str, *, by: str = "", key: str | None = None) -> InjectionView:
        """Ask a search to train a genome next; `key` is an idempotency key."""
        return await self._send(calls.inject(job_id, genome, by, key))

    async def points(self, job_id: str) -> Points:
        """Return all candidates in columns."""
        return await self._send(calls.points(job_id))

    async def finish(self, job_id: str) -> Finish:
        """Return the honest finish of a search as far as it has come."""
        return await self._send(calls.finish(job_id))

    async def rungs(self, job_id: str) -> Rungs:
        """Return how well the rungs of a search agree."""
        return await self._send(calls.rungs(job_id))

    async def predictions(self, job_id: str) -> Predictions:
        """Return how well a search predicted its outcomes."""
        return await self._send(calls.predictions(job_id))

    async def retry(self, job_id: str, number: int) -> CandidateView:
        """Ask a search to train a failed candidate again, with another seed."""
        return await self._send(calls.retry(job_id, number))

    async def save_table(self, job_id: str, file: Path | str) -> Path:
        """Write all candidates of a search to a file that ends with `.csv` or `.parquet`, and return its path.

        Raises:
            ValueError: it ends with anything else.
        """
        return await self._send(calls.whole_table(job_id, file))

    async def export(self, job_id: str, number: int, folder: Path | str) -> Path:
        """Export a candidate, unpack it below a folder, and return the directory that `star.load` reads."""
        return calls.unpacked(
            await self._send(calls.downloaded(await self._send(calls.built_export(job_id, number)))), folder
        )

    async def get(self, path: str, **parameters: Any) -> Any:
        """Return the JSON of a GET; parameters that are None are left out."""
        return await self._send(calls.plain("GET", path, **parameters))

    async def post(self, path: str, body: Any = None, headers: Mapping[str, str] | None = None) -> Any:
        """Return the JSON of a POST."""
        return await self._send(calls.plain("POST", path, body, headers))

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def _send(self, call: Call[T]) -> T:
        try:
            response = await self._http.request(call.method, call.path, **call.options())
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise no_answer(self.url, error) from None
        require_success(response)
        return call.read(response)
