"""Writing a format in a process of its own, because tracing a model takes minutes of a processor and much memory."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from pathlib import Path

from api.cli.output import BAD_INPUT
from api.web.exports.errors import InterruptedExportError, UnsuitableError

SECONDS = 600.0
"""Seconds that writing a format may take."""

PAUSE_SECONDS = 0.1


def convert(source: Path, target: Path, format: str, closing: threading.Event) -> None:
    """Write the model in a folder in another format by `star convert`, which ends when the server does.

    Raises:
        UnsuitableError: the format cannot carry the model.
        InterruptedExportError: the server is closing, or it took more than `SECONDS`.
        RuntimeError: it failed; the message is the last line that it wrote.
    """
    arguments = ["convert", str(source), "--to", str(target), "--format", format, "--json"]
    with (source.parent / "convert.log").open("w+", encoding="utf-8") as log:
        child = subprocess.Popen(  # noqa: S603 - our own command, without a shell
            [sys.executable, "-m", "api.cli", *arguments], stdin=subprocess.DEVNULL, stdout=log, stderr=log
        )
        try:
            _wait(child, closing)
        finally:
            child.kill()
            child.wait()
        if child.returncode == 0:
            return
        log.seek(0)
        said = (log.read().splitlines() or [f"status {child.returncode}"])[-1].removeprefix("star: ")
    raise UnsuitableError(said) if child.returncode == BAD_INPUT else RuntimeError(said)


def _wait(child: subprocess.Popen[bytes], closing: threading.Event) -> None:
    end = time.monotonic() + SECONDS
    while child.poll() is None:
        if closing.wait(PAUSE_SECONDS):
            raise InterruptedExportError("the server is closing")
        if time.monotonic() > end:
            raise InterruptedExportError(f"writing this format took more than {SECONDS:g} s")
