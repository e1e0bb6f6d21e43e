"""Folders that appear whole or not at all, and in whose place nothing else is lost."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from star.export.folder import GENOME_FILE


@contextmanager
def placed(folder: Path) -> Iterator[Path]:
    """Yield an empty folder that is renamed to `folder` when the block has ended without an exception.

    It lies beside `folder`, under a name that begins with a dot. Only an empty folder is replaced, and an export of
    which the new one writes every file again. A process that is killed leaves the folder as it was.

    Raises:
        FileExistsError: `folder` is anything else, or it holds the working directory.
    """
    target = Path(os.path.realpath(folder))
    _require_replaceable(target)
    target.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=f".{target.name[:100]}-", dir=target.parent) as scratch:
        new, old = Path(scratch, "new", target.name), Path(scratch, "old")
        new.mkdir(parents=True)  # has the usual permissions, which the temporary directory has not
        yield new
        _require_no_loss(target, new)
        if target.exists():
            os.rename(target, old)
        try:
            os.rename(new, target)
        except OSError:
            if old.exists():
                os.rename(old, target)
            raise


def files_in(folder: Path) -> list[str]:
    """Return the paths of all files below a folder, relative to it, in alphabetical order."""
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir())


def _require_replaceable(target: Path) -> None:
    if not target.exists():
        return
    if not target.is_dir():
        raise FileExistsError(f"{target} is a file; name a folder")
    if Path.cwd().is_relative_to(target):
        raise FileExistsError(f"{target} holds the working directory; name another folder")
    if any(target.iterdir()) and not _is_export(target):
        raise FileExistsError(f"{target} is not empty and no export; name another folder")


def _require_no_loss(target: Path, new: Path) -> None:
    lost = sorted(set(files_in(target)) - set(files_in(new))) if target.exists() else []
    if lost:
        raise FileExistsError(f"{target} holds {lost[0]}, which this export does not write; name another folder")


def _is_export(folder: Path) -> bool:
    try:
        description = json.loads((folder / GENOME_FILE).read_bytes())
    except (OSError, ValueError):
        return False
    return isinstance(description, dict) and {"format", "genome"} <= description.keys()
