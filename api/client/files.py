"""What the service sends as files: tables in a format, and archives of exported models."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

TABLES = ("csv", "parquet")
"""The formats in which the service writes tables."""


def format_of(file: Path | str) -> str:
    """Return the format that the name of a table's file ends with.

    Raises:
        ValueError: the name ends with no format of the service.
    """
    form = Path(file).suffix.removeprefix(".")
    if form not in TABLES:
        raise ValueError(f"file must end with one of {', '.join(f'.{one}' for one in TABLES)}, not {str(file)!r}")
    return form


def unpacked(archive: bytes, folder: Path | str) -> Path:
    """Unpack an exported model below a folder, and return the directory of the model."""
    found = zipfile.ZipFile(io.BytesIO(archive))
    tops = {name.split("/")[0] for name in found.namelist()}
    Path(folder).mkdir(parents=True, exist_ok=True)
    found.extractall(folder)  # extractall removes leading slashes and ".."
    return Path(folder) / tops.pop()
