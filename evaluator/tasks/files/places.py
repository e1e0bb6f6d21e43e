"""The files that a task may read: those inside directories that the operator has allowed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

LONGEST_SHOWN = 200


def permitted_path(
    name: str, text: str, allowed: Sequence[Path], noun: str, there: Callable[[Path], bool], also: str = ""
) -> Path:
    """Return the path that a field names, symbolic links resolved, if it may be read.

    The message of a refusal does not depend on whether a path outside the allowed directories exists.

    Args:
        name: of the field, for messages.
        noun: what the path must be, for messages; `there` checks it.
        also: what else the field may hold, for messages.

    Raises:
        ValueError: it is not inside one of `allowed`, or not there.
    """
    roots = [root.resolve() for root in allowed]
    inside = f"a {noun} inside: {', '.join(map(str, roots))}" if roots else ""
    legal = " or ".join(filter(None, (also, inside))) or "none, as the operator has allowed no directory"
    shown = repr(text if len(text) <= LONGEST_SHOWN else text[:LONGEST_SHOWN] + "...")
    try:
        path = Path(text)
        known = path.is_absolute() and any(path.resolve().is_relative_to(root) for root in roots)
    except (ValueError, OSError, RuntimeError) as error:  # zero bytes, names too long, loops of links
        raise ValueError(f"{name} {shown} is no path ({error}); legal: {legal}") from None
    if not known:
        raise ValueError(f"{name} {shown} is not allowed; legal: {legal}")
    path = path.resolve()
    if not there(path):
        raise ValueError(f"{name} {shown} is no {noun}; legal: {legal}")
    return path
