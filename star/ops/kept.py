"""What was found about a machine, kept on disk so that each of its processes need not find it again."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import tempfile
from collections.abc import Callable, Iterable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

log = logging.getLogger(__name__)

Facts = dict[str, Any]


def kept(kind: str, circumstances: Facts, needed: Iterable[str], find: Callable[[], Facts]) -> Facts:
    """Return what is known in these circumstances, or find it and write it down.

    Where several processes find it at once, the first one to write decides for all. Where nothing can be written, each
    process finds it for itself.

    Args:
        kind: what the facts are about, which names a folder in the user's cache.
        needed: the names that `find` gives facts; a file without one of them is written anew.

    Returns:
        The circumstances and what was found, with the time in ISO 8601 under "at".
    """
    names = frozenset(needed)
    place = folder(kind) / f"{hashlib.sha256(json.dumps(circumstances).encode()).hexdigest()[:32]}.json"
    known = read(place, names)
    if known is None:
        known = {**circumstances, **find(), "at": datetime.now(UTC).isoformat(timespec="seconds")}
        _write(place, known, names)
        known = read(place, names) or known
    return known


def folder(kind: str) -> Path:
    """Return the folder of the user's cache in which facts of one kind are kept."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "star" / kind


def read(place: Path, needed: Iterable[str]) -> Facts | None:
    """Return the facts in a file; None if there is none, it is not whole, or it lacks a name that is needed."""
    try:
        found: Facts = json.loads(place.read_text(encoding="utf-8"))
        return found if frozenset(needed) <= found.keys() else None
    except (OSError, ValueError, AttributeError):
        return None


def _write(place: Path, facts: Facts, needed: frozenset[str]) -> None:
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile("w", dir=place.parent, encoding="utf-8") as file:
            json.dump(facts, file)
            file.flush()
            if place.exists() and read(place, needed) is None:
                place.unlink(missing_ok=True)  # it is damaged
            with suppress(FileExistsError):  # another process was first
                os.link(file.name, place)
    except OSError:
        log.info("%s cannot be written, so every process finds this out again", place)
