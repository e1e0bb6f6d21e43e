"""A store of bytes under a URL: a directory, or an object store through fsspec."""

from __future__ import annotations

import os
import re
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

import fsspec
from fsspec.implementations.local import LocalFileSystem

from evaluator.artifacts.artifact import Artifact

SEGMENT = re.compile(r"[A-Za-z0-9._-]+")
"""A part of a key between slashes; `.` and `..` are none."""

TEMPORARY = ".tmp"
"""The end of the key of a file that is being written."""

OPEN_TRIES = 5
"""Tries to create a file whose folder another process may remove because it is empty."""


class ArtifactError(Exception):
    """An artifact cannot be written, read or deleted, is missing, or differs from its reference."""


class DamagedArtifactError(ArtifactError):
    """An artifact is missing or differs from its reference, and no other try will change that."""


class Artifacts:
    """The bytes below a URL, by key.

    A write is atomic: a reader finds the old bytes, the new bytes or none. In a directory it also survives a power
    failure. A writer that dies may leave a temporary file in a directory; it has a key of its own that ends in `.tmp`.

    Args:
        url: a directory, or a URL of fsspec such as `s3://bucket/folder` (with the package s3fs). An object store
            takes its credentials from the environment.

    Attributes:
        name: the place for people, without credentials.

    Raises:
        ArtifactError: the URL is of no known kind, or its package is not installed.
    """

    def __init__(self, url: str) -> None:
        try:
            self._files, root = fsspec.core.url_to_fs(url)
        except Exception as error:  # each kind of store raises its own
            raise ArtifactError(f"artifacts cannot be kept at {url!r}: {error}") from error
        self._local = isinstance(self._files, LocalFileSystem)
        self._errors: type[Exception] = OSError if self._local else Exception  # object stores raise their own
        self._root = root.rstrip("/")
        self.name = root if self._local else self._files.unstrip_protocol(root)

    def write(self, key: str, data: bytes) -> Artifact:
        """Store bytes under a key, in place of those that it had.

        Raises:
            ArtifactError: they cannot be written, for example because the disk is full.
            ValueError: the key is not legal.
        """
        path = self._path(key)
        with self._reported(f"artifact {key} cannot be written to {self.name}"):
            if self._local:
                _write(Path(path), data, Path(self._root))
            else:
                self._files.pipe_file(path, data)
        return Artifact.of(key, data)

    def read(self, artifact: Artifact) -> bytes:
        """Return the bytes of a reference, verified by its size and its digest, as far as it has them.

        Raises:
            DamagedArtifactError: they are missing or differ from the reference.
            ArtifactError: they cannot be read.
        """
        data = self.fetch(artifact.key)
        if data is None:
            raise DamagedArtifactError(f"artifact {artifact.key} is missing from {self.name}")
        if artifact.size is not None and len(data) != artifact.size:
            raise DamagedArtifactError(
                f"artifact {artifact.key} in {self.name} is damaged: it has {len(data)} bytes, not {artifact.size}"
            )
        if artifact.digest is not None and Artifact.of(artifact.key, data).digest != artifact.digest:
            raise DamagedArtifactError(f"artifact {artifact.key} in {self.name} is damaged: its SHA-256 is another one")
        return data

    def fetch(self, key: str) -> bytes | None:
        """Return the bytes under a key without verifying them, or None when there are none.

        Raises:
            ArtifactError: they cannot be read.
            ValueError: the key is not legal.
        """
        path = self._path(key)
        with self._reported(f"artifact {key} cannot be read from {self.name}"):
            try:
                return bytes(self._files.cat_file(path))
            except FileNotFoundError:
                return None

    def has(self, key: str) -> bool:
        """Return whether there are bytes under a key, without reading them.

        Raises:
            ArtifactError: the store does not tell.
            ValueError: the key is not legal.
        """
        path = self._path(key)
        with self._reported(f"artifact {key} cannot be looked up in {self.name}"):
            self._files.invalidate_cache()
            try:
                return bool(self._files.info(path)["type"] == "file")
            except FileNotFoundError:
                return False

    def delete(self, key: str) -> None:
        """Delete the bytes under a key, if there are any, and the folders that are empty without them.

        Raises:
            ArtifactError: they cannot be deleted.
            ValueError: the key is not legal.
        """
        path = self._path(key)
        with self._reported(f"artifact {key} cannot be deleted from {self.name}"), suppress(FileNotFoundError):
            self._files.rm_file(path)
        if self._local:
            _remove_empty(Path(path).parent, Path(self._root))

    def keys(self, prefix: str = "") -> list[str]:
        """Return the keys in the folder `prefix` and below it, or all, in order; files with other names are left out.

        Raises:
            ArtifactError: the store cannot be listed.
            ValueError: the prefix is not legal.
        """
        folder = self._path(prefix) if prefix else self._root
        with self._reported(f"the artifacts of {self.name} cannot be listed"):
            self._files.invalidate_cache()
            paths = [path.removeprefix(self._root + "/") for path in self._files.find(folder)]
        return sorted(filter(_legal, paths))

    def require_writable(self) -> None:
        """Write, read and delete a few bytes. Raises ArtifactError with the place and the reason when that fails."""
        probe = f"probe-{uuid.uuid4().hex}"
        written = self.write(probe, b"This file shows that artifacts can be written. It may be deleted.\n")
        try:
            self.read(written)
        finally:
            self.delete(probe)

    def _path(self, key: str) -> str:
        if not _legal(key):
            raise ValueError(f"{key!r} is no key of an artifact; it has letters, digits and ._- between slashes")
        return f"{self._root}/{key}"

    @contextmanager
    def _reported(self, failure: str) -> Iterator[None]:
        """Turn an error of the store into an ArtifactError."""
        try:
            yield
        except self._errors as error:
            reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
            raise ArtifactError(f"{failure}: {reason}") from error


def _legal(key: str) -> bool:
    return all(SEGMENT.fullmatch(part) and part not in (".", "..") for part in key.split("/"))


def _write(path: Path, data: bytes, root: Path) -> None:
    """Write a file below a root atomically and durably. When that fails, nothing of it is left, nor an empty folder."""
    temporary = path.with_name(f"{path.name}.{uuid.uuid4().hex}{TEMPORARY}")
    try:
        with _created(temporary) as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        _remove_empty(path.parent, root)
        raise
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _created(path: Path) -> BinaryIO:
    """Create a file and its folders."""
    for _ in range(OPEN_TRIES - 1):
        with suppress(FileNotFoundError):
            path.parent.mkdir(parents=True, exist_ok=True)
            return path.open("xb")
    path.parent.mkdir(parents=True, exist_ok=True)
    return path.open("xb")


def _remove_empty(folder: Path, root: Path) -> None:
    """Remove a folder and those above it below the root, as far as they are empty."""
    with suppress(OSError):
        while folder != root:
            folder.rmdir()
            folder = folder.parent
