"""The web application, made from an archive and settings."""

from __future__ import annotations

from importlib.metadata import version

from fastapi import Depends, FastAPI

from api.process.settings import Settings
from api.web.access import describe, require_access
from api.web.deps import problems, require_known_parameters
from api.web.feed import Feed
from api.web.frontiers import Frontiers
from api.web.middleware.headers import SecurityHeaders
from api.web.middleware.hosts import Hosts
from api.web.middleware.limits import BodyLimit
from api.web.middleware.measured import Measured, request_durations
from api.web.middleware.tracing import Traced
from api.web.pieces import Room
from api.web.problems import handle
from api.web.rates import Rates
from api.web.routes import (
    candidates,
    catalogue,
    events,
    exports,
    genomes,
    health,
    jobs,
    metrics,
    pages,
    points,
    reports,
    runners,
    session,
    tables,
)
from api.webhooks import routes as webhooks
from search.archive import Archive
from search.archive.points.store import PointStore

API = (jobs, points, tables, reports, candidates, exports, events, genomes, catalogue, metrics, runners, webhooks)
OPEN = (health, session)
"""What answers without a key, beside the pages, which hold no data."""

ROUTERS = (*API, *OPEN, pages)


def create_app(archive: Archive, settings: Settings, place: int = 0) -> FastAPI:
    """Return the application with the API under /v1 and the dashboard.

    `place` tells the processes of a server apart in its metrics. Setting `app.state.feed.closing` ends all event
    streams, which would otherwise delay the shutdown of a server.
    """
    app = FastAPI(
        title="STAR",
        summary="Synthesis of tailored sequence-model architectures",
        version=version("star-synthesis"),
        docs_url=None,  # docs and redoc would load scripts from other sites
        redoc_url=None,
        redirect_slashes=False,  # a redirect would repeat the Host header
    )
    app.state.archive = archive
    app.state.settings = settings
    app.state.feed = Feed(archive)
    app.state.points = PointStore(archive)
    app.state.frontiers = Frontiers(archive)
    app.state.rates = Rates()
    app.state.room = Room()
    app.state.place = place
    app.state.durations = request_durations()
    app.add_middleware(BodyLimit, seconds=settings.request_seconds)
    app.add_middleware(Hosts, legal=(settings.host, *settings.hosts))
    app.add_middleware(Measured, durations=app.state.durations, place=place)
    app.add_middleware(SecurityHeaders)
    app.add_middleware(Traced)  # the middleware added last is the outermost
    handle(app, [route for module in ROUTERS for route in module.router.routes])
    known = [Depends(require_known_parameters)]
    for module in API:
        locked = [Depends(require_access), *known]
        app.include_router(module.router, dependencies=locked, responses=problems(401, 403, 408, 421, 422, 429, 503))
    for module in OPEN:
        app.include_router(module.router, dependencies=known, responses=problems(421, 422, 503))
    app.include_router(pages.router)
    describe(app)
    app.mount("/static", pages.dashboard(), name="static")
    return app
