"""A further process of a server: `python -m api.process.further DESCRIPTOR PLACE`.

It answers requests on the server's own socket, a descriptor that it inherits. The kernel gives a connection to the
process that takes it first. Whatever a service does once, its first process does.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from api.process.logs import start_logging
from api.process.settings import Settings
from api.process.supervisor import Supervisor, when_orphaned


@contextmanager
def further_processes(settings: Settings, listener: socket.socket) -> Iterator[None]:
    """Run as many further processes as the settings ask for while the block runs."""
    descriptor = listener.fileno()
    with ExitStack() as running:
        started = []
        for place in range(1, settings.processes):
            command = (sys.executable, "-m", "api.process.further", str(descriptor), str(place))
            one = Supervisor(f"server process {place}", command, settings.environment(), (descriptor,))
            started.append(running.enter_context(one))
        try:
            yield
        finally:
            for one in started:
                one.stop()  # all at once, because each may take seconds to end


def answer(descriptor: int, place: int) -> None:
    """Answer requests until SIGTERM, or until the first process has ended."""
    from api.process.server import Server, warm
    from api.web.app import create_app
    from search.archive import Archive

    settings = Settings()
    start_logging(settings.log, f"server {place}")
    when_orphaned(lambda: os.kill(os.getpid(), signal.SIGTERM))
    warm()
    app = create_app(Archive(settings.database_url), settings, place)
    with socket.socket(fileno=descriptor) as listener:
        Server(app).run(sockets=[listener])


if __name__ == "__main__":
    answer(*map(int, sys.argv[1:]))
