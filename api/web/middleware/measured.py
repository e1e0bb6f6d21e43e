"""What Prometheus reads: the requests that this process answered, its streams, and the searches in the archive."""

from __future__ import annotations

import time
from collections.abc import Iterator

from prometheus_client import CollectorRegistry, Histogram, ProcessCollector
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from search.archive.custody.disk import Stored
from search.archive.reports import Totals
from search.archive.values import JobState

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")

BUCKETS = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
"""Upper bounds of the durations of requests, in seconds."""

ENDLESS = "/events"
"""The end of the addresses of streams, whose duration says how long somebody watched."""


def request_durations() -> Histogram:
    """Return a histogram of durations by process, method, route template and status, without values so far."""
    labels = ("process", "method", "route", "status")
    meaning = "time from a request to the end of its answer"
    return Histogram("star_request_seconds", meaning, labels, buckets=BUCKETS, registry=None)


class Measured:
    """An ASGI middleware that measures every request that a route answers, event streams excepted.

    Labels are templates such as `/v1/jobs/{job_id}` and the usual methods, so a client cannot make new ones.
    """

    def __init__(self, app: ASGIApp, durations: Histogram, place: int) -> None:
        self.app = app
        self.durations = durations
        self.process = str(place)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        began, status = time.perf_counter(), 500

        async def send_and_see(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self.app(scope, receive, send_and_see)
        finally:
            route = getattr(scope.get("route"), "path", "none")
            method = scope["method"] if scope["method"] in METHODS else "other"
            if not route.endswith(ENDLESS):
                self.durations.labels(self.process, method, route, str(status)).observe(time.perf_counter() - began)


class Snapshot(Collector):
    """The searches and streams at one moment."""

    def __init__(self, totals: Totals, stored: Stored, streams: int, place: int) -> None:
        self._totals, self._stored, self._streams, self._place = totals, stored, streams, place

    def collect(self) -> Iterator[Metric]:
        """Yield the metrics."""
        jobs = GaugeMetricFamily("star_jobs", "searches in the archive", labels=["state"])
        for state in JobState:
            jobs.add_metric([state.value], self._totals.jobs.get(state, 0))
        yield jobs
        candidates = GaugeMetricFamily("star_candidates", "candidates in the archive", labels=["state"])
        candidates.add_metric(["succeeded"], self._totals.done - self._totals.failed)
        candidates.add_metric(["failed"], self._totals.failed)
        yield candidates
        yield GaugeMetricFamily("star_trainings_running", "trainings under way", value=self._totals.running)
        yield GaugeMetricFamily("star_training_tokens", "tokens of trainings that ended", value=self._totals.tokens)
        stored = GaugeMetricFamily("star_artifact_bytes", "size of artifacts that searches hold", labels=["kind"])
        for kind, size in self._stored._asdict().items():
            stored.add_metric([kind], size)
        yield stored
        streams = GaugeMetricFamily("star_event_streams", "event streams open in a process", labels=["process"])
        streams.add_metric([str(self._place)], self._streams)
        yield streams


def gathered(durations: Histogram, snapshot: Snapshot) -> CollectorRegistry:
    """Return a registry of everything that is measured, with the descriptors, memory and CPU time of this process."""
    registry = CollectorRegistry()
    registry.register(durations)
    registry.register(snapshot)
    ProcessCollector(registry=registry)
    return registry
