"""What the service sends as files: tables in a format, and archives of exported models."""

from __future__ import annotations

import io
import os
import zipfile
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory

from api.client.errors import ServiceError

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
    """Unpack an exported model below a folder, whole or not at all, and return the directory of the model.

    Raises:
        ServiceError: a path in the archive leads elsewhere.
        FileExistsError: the directory holds a file that the archive does not.
    """
    with zipfile.ZipFile(io.BytesIO(archive)) as found:
        names = found.namelist()
        for name in names:
            if PurePosixPath(name).is_absolute() or ".." in name.split("/") or name.count("/") < 1:
                raise ServiceError(f"the archive of the service holds the path {name!r}", refused=False)
        tops = {name.partition("/")[0] for name in names}
        if len(tops) != 1:
            raise ServiceError("the archive of the service does not hold one folder", refused=False)
        target = Path(folder, tops.pop())
        held = {path.relative_to(folder).as_posix() for path in target.rglob("*") if not path.is_dir()}
        if held - set(names):
            other = min(held - set(names)).partition("/")[2]
            raise FileExistsError(f"{target} holds {other}, which the export does not; name another folder")
        Path(folder).mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(prefix=".unpacking-", dir=folder) as scratch:
            found.extractall(Path(scratch, "new"))
            if target.exists():
                os.rename(target, Path(scratch, "old"))
            os.rename(Path(scratch, "new", target.name), target)
    return target
