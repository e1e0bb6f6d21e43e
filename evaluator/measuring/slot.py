"""The quiet slot of a machine: trainings share the machine, a measurement has it for itself.

Two files in the machine's temporary folder are locked with `flock`. Every training shares the lock `room` and looks
between its steps whether the lock `gate` is free. A measurement locks the gate, which stops the trainings at their next
look, and then the room, which it gets once all of them have left it. The kernel releases the locks of a process that
dies in whatever way, so a killed holder leaves the slot free. Nobody waits for longer than a bound: a measurement then
goes on and says that it was not alone, and a training goes on beside it.

The slot is that of one user on one machine. What other programs do is not seen here; the spread of the times tells.
"""

from __future__ import annotations

import fcntl
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

POLL_SECONDS = 0.002
PATIENCE_SECONDS = 60.0
"""Seconds for which a measurement waits for the trainings to stop."""

PAUSE_SECONDS = 180.0
"""Seconds for which a training waits, once it has stopped, for the measurements to end."""


class QuietSlot:
    """A share of the machine's slot, for one evaluation; its locks are free when it is closed or its process ends.

    Args:
        folder: the folder of the two files; by default that of temporary files.

    Raises:
        OSError: the files cannot be opened.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._opened = ExitStack()
        self._gate, self._room = (
            self._file((folder or Path(tempfile.gettempdir())) / f"star-{os.getuid()}-{name}.lock")
            for name in ("gate", "room")
        )

    def close(self) -> None:
        """Give up all locks."""
        self._opened.close()

    @contextmanager
    def shared(self) -> Iterator[None]:
        """Train in this context; it begins when no measurement is under way."""
        self._enter()
        try:
            yield
        finally:
            fcntl.flock(self._room, fcntl.LOCK_UN)

    @property
    def wanted(self) -> bool:
        """Whether a measurement waits for the trainings to stop, or is under way."""
        if not _locked(self._gate, fcntl.LOCK_SH):
            return True
        fcntl.flock(self._gate, fcntl.LOCK_UN)
        return False

    def give_way(self) -> None:
        """Leave the machine, inside a context of `shared`, until no measurement wants it."""
        fcntl.flock(self._room, fcntl.LOCK_UN)
        self._enter()

    @contextmanager
    def alone(self) -> Iterator[bool]:
        """Measure in this context, outside of any context of `shared`.

        Yields:
            Whether no training goes on; False when one did not stop within `PATIENCE_SECONDS`.
        """
        until = time.monotonic() + PATIENCE_SECONDS
        try:
            yield all(_locked_by(until, file, fcntl.LOCK_EX) for file in (self._gate, self._room))
        finally:
            for file in (self._room, self._gate):
                fcntl.flock(file, fcntl.LOCK_UN)

    def _enter(self) -> None:
        """Share the room after the gate was free; after `PAUSE_SECONDS` go on in any case."""
        until = time.monotonic() + PAUSE_SECONDS
        _locked_by(until, self._gate, fcntl.LOCK_SH)
        _locked_by(until, self._room, fcntl.LOCK_SH)
        fcntl.flock(self._gate, fcntl.LOCK_UN)

    def _file(self, path: Path) -> int:
        # Read-only, because a lock needs no more, and without following a link that somebody else has laid there.
        descriptor = os.open(path, os.O_RDONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        self._opened.callback(os.close, descriptor)
        return descriptor


def _locked_by(until: float, file: int, kind: int) -> bool:
    """Lock a file, waiting until a time of `time.monotonic`; return whether it is locked."""
    while not _locked(file, kind):
        if time.monotonic() > until:
            return False
        time.sleep(POLL_SECONDS)
    return True


def _locked(file: int, kind: int) -> bool:
    try:
        fcntl.flock(file, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
