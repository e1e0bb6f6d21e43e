"""An event as streams send it."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from fastapi.sse import format_sse_event

from search.archive.values import TERMINAL, Event, EventKind


class Told(NamedTuple):
    """An event as streams send it; `sent` are its bytes, made once for all of them."""

    seq: int
    job_id: str
    kind: str
    sent: bytes
    ends: bool | None
    """Whether the job had ended after this event; None if the event does not tell."""

    @classmethod
    def of(cls, event: Event) -> Told:
        """Return what streams send of an event."""
        ends = event.data["state"] in TERMINAL if event.kind is EventKind.JOB else None
        return cls._made(event.seq, event.job_id, event.kind.value, {"at": event.at.isoformat(), **event.data}, ends)

    @classmethod
    def end(cls, seq: int, job_id: str) -> Told:
        """Return the last event of the stream of a job that has ended."""
        return cls._made(seq, job_id, "end", {}, True)

    @classmethod
    def _made(cls, seq: int, job_id: str, kind: str, data: dict[str, Any], ends: bool | None) -> Told:
        text = json.dumps({"job_id": job_id, **data})
        return cls(seq, job_id, kind, format_sse_event(event=kind, data_str=text, id=str(seq)), ends)
