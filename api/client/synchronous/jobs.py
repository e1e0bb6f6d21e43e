"""Searches: submitted, awaited, listed, steered and deleted; and their reports on themselves."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from time import monotonic, sleep
from typing import Any

from api.client.synchronous.connection import Connection
from api.web.schemas import Finish, JobPage, JobSummary, JobView, Predictions, Rungs, Signals
from search.archive.values import TERMINAL


class Jobs(Connection):
    """The methods for searches."""

    def submit(
        self,
        plan: Mapping[str, Any] | None = None,
        *,
        preset: str = "laptop",
        name: str = "",
        priority: int = 0,
        tags: Sequence[str] = (),
        key: str | None = None,
    ) -> JobView:
        """Submit a search.

        Args:
            plan: fields that differ from the preset.
            priority: -3 to 3; each step doubles the share of the runners' time that it gets.
            tags: words by which it is found.
            key: an idempotency key; a repeat with the same key creates nothing new.
        """
        told = {"preset": preset, "name": name, "priority": priority, "tags": list(tags), "plan": dict(plan or {})}
        return self._post("/v1/jobs", JobView, told, key)

    def wait(
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
        until = None if timeout is None else monotonic() + timeout
        while (job := self.job(job_id)).state not in TERMINAL:
            if seen:
                seen(job)
            if until is not None and monotonic() + pause > until:
                raise TimeoutError(f"search {job_id} is still {job.state} after {timeout:g} seconds")
            sleep(pause)
        return job

    def jobs(
        self, *, state: str | None = None, search: str | None = None, tag: str | None = None
    ) -> Iterator[JobSummary]:
        """Iterate over searches, newest first: all, or those in one state, with a text in their name, or with a tag."""
        for page in self._pages("/v1/jobs", JobPage, page_size=200, state=state, search=search, tag=tag):
            yield from page.jobs

    def job(self, job_id: str) -> JobView:
        """Return a search and its progress."""
        return self._get(f"/v1/jobs/{job_id}", JobView)

    def pause(self, job_id: str) -> JobView:
        """Pause a search: candidates under way finish, no others begin."""
        return self._post(f"/v1/jobs/{job_id}/pause", JobView)

    def resume(self, job_id: str) -> JobView:
        """Resume a search."""
        return self._post(f"/v1/jobs/{job_id}/resume", JobView)

    def cancel(self, job_id: str) -> JobView:
        """Cancel a search for good; its results are kept."""
        return self._post(f"/v1/jobs/{job_id}/cancel", JobView)

    def rename(self, job_id: str, name: str) -> JobView:
        """Give a search another name."""
        return self._change(job_id, {"name": name})

    def retag(self, job_id: str, tags: Sequence[str]) -> JobView:
        """Give a search these tags instead of those that it has."""
        return self._change(job_id, {"tags": list(tags)})

    def delete(self, job_id: str) -> None:
        """Delete a search that has ended, with its weights and exports, for good."""
        self._send("DELETE", f"/v1/jobs/{job_id}")

    def finish(self, job_id: str) -> Finish:
        """Return the honest finish of a search as far as it has come."""
        return self._get(f"/v1/jobs/{job_id}/finish", Finish)

    def rungs(self, job_id: str) -> Rungs:
        """Return how well the rungs of a search agree."""
        return self._get(f"/v1/jobs/{job_id}/rungs", Rungs)

    def signals(self, job_id: str) -> Signals:
        """Return how well the zero-cost signals of a search rank its candidates."""
        return self._get(f"/v1/jobs/{job_id}/signals", Signals)

    def predictions(self, job_id: str) -> Predictions:
        """Return how well a search predicted its outcomes."""
        return self._get(f"/v1/jobs/{job_id}/predictions", Predictions)

    def _change(self, job_id: str, change: Mapping[str, Any]) -> JobView:
        response = self._send("PATCH", f"/v1/jobs/{job_id}", change)
        return JobView.model_validate_json(response.content)
