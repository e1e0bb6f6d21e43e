"""The log of a process: text for people or one JSON object a line, without secrets, and bounded when lines repeat."""

from __future__ import annotations

import json
import logging
import re
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TextIO

from api.process.settings import LogForm
from search.log_fields import log_fields

OUR = ("api", "evaluator", "genome", "search", "star")
"""Loggers whose information is logged; of others only warnings are."""

SECRET = re.compile(r"star_[A-Za-z0-9]{8}_[A-Za-z0-9]{32}|whsec_[A-Za-z0-9+/=]+|(?<=://)[^\s/@]+(?=@)")
"""API keys, secrets of webhooks, and the user and password of a URL."""

ALIKE = 10
"""Lines of one kind that are logged in `WINDOW_SECONDS`; more are counted."""

WINDOW_SECONDS = 60.0

Kind = tuple[str, int, str]
"""Lines are of one kind if they have the same logger, level and text before values are put in."""


def start_logging(form: LogForm, process: str) -> None:
    """Log to standard error in this process.

    Args:
        process: `server` or `runner`, a field of every line.
    """
    lines = Lines()
    lines.setFormatter(FORMATTERS[form](process))
    logging.basicConfig(level=logging.WARNING, handlers=[lines], force=True)
    for name in OUR:
        logging.getLogger(name).setLevel(logging.INFO)


class _JsonLine(logging.Formatter):
    """One JSON object: time, level, logger, process, message, the fields of `log_fields`, and an error's traceback."""

    def __init__(self, process: str) -> None:
        super().__init__()
        self._process = process

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "process": self._process,
            "message": record.getMessage(),
            **_fields_of(record),
        }
        if record.exc_info:
            line["error"] = self.formatException(record.exc_info)
        return SECRET.sub("***", json.dumps(line, default=str))


class _TextLine(logging.Formatter):
    """Time, level, logger and message, and the fields in brackets."""

    def __init__(self, process: str) -> None:
        super().__init__(f"%(asctime)s %(levelname)s {process} %(name)s: %(message)s%(shown)s")

    def format(self, record: logging.LogRecord) -> str:
        shown = " ".join(f"{name}={value}" for name, value in _fields_of(record).items())
        record.shown = f" [{shown}]" if shown else ""
        return SECRET.sub("***", super().format(record))


FORMATTERS: dict[LogForm, Callable[[str], logging.Formatter]] = {"json": _JsonLine, "text": _TextLine}


def _fields_of(record: logging.LogRecord) -> dict[str, object]:
    """Return the fields of the task that logged, and those that were given with the line as `extra={"about": ...}`."""
    given = getattr(record, "about", None)
    return {**log_fields(), **(given if isinstance(given, dict) else {})}


@dataclass
class _Window:
    """Lines of one kind since a time."""

    until: float
    seen: int = 0


class Lines(logging.StreamHandler[TextIO]):
    """A handler that logs `ALIKE` lines of one kind in a minute, and then the number of those that it left out.

    A line goes to what is standard error when it is written, because tests replace `sys.stderr` and close it.

    Args:
        clock: returns seconds that never go back.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._clock = clock
        self._windows: dict[Kind, _Window] = {}

    def emit(self, record: logging.LogRecord) -> None:
        self._end_windows(self._clock())
        kind = (record.name, record.levelno, str(record.msg))
        window = self._windows.setdefault(kind, _Window(self._clock() + WINDOW_SECONDS))
        window.seen += 1
        if window.seen <= ALIKE:
            self._write(record)

    def close(self) -> None:
        self._end_windows(float("inf"))
        super().close()

    def _end_windows(self, now: float) -> None:
        """Log the counts of windows that are over."""
        for kind, window in [one for one in self._windows.items() if one[1].until <= now]:
            del self._windows[kind]
            if window.seen > ALIKE:
                name, level, text = kind
                counted = f"{window.seen - ALIKE} more lines were left out, of the kind: {text}"
                self._write(logging.LogRecord(name, level, "", 0, counted, None, None))

    def _write(self, record: logging.LogRecord) -> None:
        self.stream = sys.stderr
        super().emit(record)
