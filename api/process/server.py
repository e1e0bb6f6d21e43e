"""The server process: the web server and, as a child process, the runner. Both end together."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import socket
import sys
import threading
from functools import partial
from importlib import import_module
from types import FrameType

import typer
import uvicorn
from fastapi import FastAPI

from api.process.connections import Connection, QuietErrors, most_connections
from api.process.further import further_processes
from api.process.listening import BACKLOG, listening
from api.process.logs import start_logging
from api.process.settings import Settings
from api.process.supervisor import Supervisor, when_orphaned
from api.process.tidying import tidying
from api.web.access import require_lock
from api.web.app import create_app
from api.webhooks.delivering import delivering
from evaluator.artifacts import Artifacts
from search.archive import Archive
from search.tracking import require_trackers

DRAIN_SECONDS = 5
"""Seconds that open requests have to finish when the server stops."""

RUNNER = (sys.executable, "-m", "api.cli", "run", "--supervised")
ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""Signals that end the server."""


class Server(uvicorn.Server):
    """A web server that ends its event streams when it stops, instead of waiting until their readers disconnect."""

    def __init__(self, app: FastAPI) -> None:
        settings: Settings = app.state.settings
        times = {"seconds": settings.request_seconds, "stalled": settings.stalled_seconds}
        connection = partial(Connection, **times, most=most_connections())
        super().__init__(
            uvicorn.Config(
                app,
                log_config=None,
                log_level="warning",
                timeout_graceful_shutdown=DRAIN_SECONDS,
                http=connection,  # type: ignore[arg-type]  # called like the class
                ws="none",
                backlog=BACKLOG,
            )
        )
        self._closing: threading.Event = app.state.feed.closing

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        asyncio.get_running_loop().set_exception_handler(QuietErrors())
        await super().startup(sockets)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self._closing.set()
        super().handle_exit(sig, frame)


def serve(settings: Settings, runner: bool, supervised: bool, as_json: bool) -> None:
    """Serve until SIGINT, SIGTERM or SIGHUP or, when supervised, until the supervisor has ended.

    Raises:
        OSError: the address is in use or does not belong to this machine.
        ValueError: the database URL is invalid, a tracker is unknown or not installed, or the service would be open
            to a network.
        ArtifactError: the store of artifacts cannot be written.
        SchemaError: the database has a schema of a later version.
    """
    for sign in ENDING:
        signal.signal(sign, _interrupt)
    start_logging(settings.log, "server")
    if runner:
        require_trackers(settings.trackers)  # a fault is told here rather than by one runner after another
    Artifacts(settings.artifacts).require_writable()
    archive = Archive(settings.database_url)
    archive.migrate()
    require_lock(archive, settings)
    if supervised:
        when_orphaned(lambda: os.kill(os.getpid(), signal.SIGTERM))
    with contextlib.suppress(KeyboardInterrupt), listening(settings.host, settings.port) as listener:
        _announce(listener, runner, as_json)
        warm()
        runs = Supervisor("the runner", RUNNER, settings.environment()) if runner else contextlib.nullcontext()
        with runs, further_processes(settings, listener):
            try:
                with tidying(archive, settings), delivering(archive, settings):
                    Server(create_app(archive, settings)).run(sockets=[listener])
            finally:
                for sign in ENDING:
                    signal.signal(sign, signal.SIG_IGN)  # every step of the shutdown has a time limit


def _interrupt(sig: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _announce(listener: socket.socket, runner: bool, as_json: bool) -> None:
    host, port = listener.getsockname()[:2]
    url = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
    if as_json:
        typer.echo(json.dumps({"url": url, "runner": runner}))
    else:
        typer.echo(f"STAR is at {url} {'with' if runner else 'without'} a runner; Ctrl-C ends it")
    sys.stdout.flush()


def warm() -> None:
    """Import torch in a thread, before the first request that needs it."""
    threading.Thread(target=import_module, args=("star",), name="warm", daemon=True).start()
