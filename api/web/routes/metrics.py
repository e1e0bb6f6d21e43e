"""The metrics of the service for Prometheus."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Header, Request, Response
from fastapi.responses import PlainTextResponse
from prometheus_client.exposition import choose_encoder

from api.web.deps import ArchiveDep
from api.web.middleware.measured import Snapshot, gathered

router = APIRouter(tags=["health"])

TEXT: dict[int | str, dict[str, Any]] = {
    200: {"description": "metrics in a format of Prometheus", "content": {"text/plain": {"schema": {"type": "string"}}}}
}


@router.get("/metrics", response_class=PlainTextResponse, responses=TEXT)
def measured(request: Request, archive: ArchiveDep, accept: Annotated[str, Header()] = "") -> Response:
    """Return searches by state, candidates, bytes, streams, and durations of requests by route, for Prometheus."""
    state = request.app.state
    encode, media_type = choose_encoder(accept)
    snapshot = Snapshot(archive.totals(), archive.stored(), state.feed.streams, state.place)
    content = encode(gathered(state.durations, snapshot))
    return Response(content, headers={"content-type": media_type})
