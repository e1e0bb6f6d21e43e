"""A supervisor that restarts a child process and ends all of its descendants."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO

log = logging.getLogger("star")

PROCESSES = Path("/proc")

GRACE_SECONDS = 15.0
"""Seconds that a process has to end before it is killed."""

LONGEST_BACKOFF = 30.0
"""Longest delay before a restart, in seconds."""

SETTLED_SECONDS = 60.0
"""Seconds after which a run counts as stable; the next restart has the shortest delay again."""


class Supervisor:
    """A context manager that runs a command in a new session and restarts it, with growing delays, when it ends.

    The standard input of the command is a pipe that closes when this process ends for any reason.

    Args:
        name: what the command is, for the log.
        environment: variables added to those of this process.
        inherited: file descriptors that stay open in the command.
    """

    def __init__(
        self, name: str, command: Sequence[str], environment: Mapping[str, str], inherited: Sequence[int] = ()
    ) -> None:
        self._name, self._command, self._environment, self._inherited = name, command, environment, inherited
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._keep_alive, name="supervisor", daemon=True)

    def stop(self) -> None:
        """Begin to end the command. Leaving the context waits for it."""
        self._stopping.set()

    def __enter__(self) -> Supervisor:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        self._thread.join()

    def _keep_alive(self) -> None:
        backoff = 1.0
        while not self._stopping.is_set():
            began = time.monotonic()
            child = start(self._command, self._environment, inherited=self._inherited)
            while child.poll() is None and not self._stopping.wait(0.1):
                pass
            ended_by_itself = child.poll()
            end(child)
            if ended_by_itself is None:
                return
            if time.monotonic() - began > SETTLED_SECONDS:
                backoff = 1.0
            log.warning("%s ended with status %s; starting it again in %.0f s", self._name, ended_by_itself, backoff)
            self._stopping.wait(backoff)
            backoff = min(2 * backoff, LONGEST_BACKOFF)


def start(
    command: Sequence[str],
    environment: Mapping[str, str] | None = None,
    log_to: IO[bytes] | None = None,
    inherited: Sequence[int] = (),
) -> subprocess.Popen[bytes]:
    """Start a command in a new session with a pipe as standard input.

    Args:
        environment: variables added to those of this process.
        log_to: file that receives the command's output; by default the command writes to the output of this process.
        inherited: file descriptors that stay open in the command.
    """
    return subprocess.Popen(  # noqa: S603 - the commands started are this interpreter's own
        command,
        stdin=subprocess.PIPE,
        stdout=log_to,
        stderr=log_to,
        env=os.environ | dict(environment or {}),
        pass_fds=inherited,
        start_new_session=True,
    )


def end(child: subprocess.Popen[bytes], sign: signal.Signals = signal.SIGTERM, grace: float = GRACE_SECONDS) -> int:
    """Send a child a signal, kill its session after `grace` seconds, and return its exit status."""
    if child.poll() is None:
        child.send_signal(sign)
        try:
            child.wait(grace)
        except subprocess.TimeoutExpired:
            log.warning("process %d did not end within %.0f s; killing it", child.pid, grace)
    kill_session(child.pid)
    if child.stdin is not None:
        child.stdin.close()
    return child.wait()


def kill_session(leader: int) -> None:
    """Kill every process of a session except this one.

    Killing the process group is not enough, because Ray's workers have process groups of their own.
    """
    if not PROCESSES.is_dir():  # not Linux
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(leader, signal.SIGKILL)
        return
    for name in os.listdir(PROCESSES):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            if name.isdecimal() and int(name) != os.getpid() and os.getsid(int(name)) == leader:
                os.kill(int(name), signal.SIGKILL)


def when_orphaned(then: Callable[[], None], grace: float = GRACE_SECONDS) -> None:
    """Call `then` when standard input closes, as it does when the supervising process ends.

    If this process still runs `grace` seconds later, it and the session it leads are killed.
    """

    def wait() -> None:
        while os.read(0, 1024):  # sys.stdin has a lock that would block the interpreter's exit
            pass
        then()
        time.sleep(grace)
        kill_session(os.getpid())
        os._exit(1)

    threading.Thread(target=wait, name="lifeline", daemon=True).start()
