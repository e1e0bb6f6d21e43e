"""The text of a directory as bytes, split by file into training and validation.

Regular files without a zero byte near their start are read, so archives, images and bytecode are not. Names and
directories that begin with a dot are skipped, and symbolic links are not followed. At most `MAX_FILES` files are read.
Files are ordered by the hash of their path inside the corpus, which is a random order that is the same on every
machine. A corpus of at most `MAX_MEMORY_BYTES` is one text in memory. Of a larger one only the bytes of a batch are
read, and no sequence reaches from one file into the next.
"""

from __future__ import annotations

import hashlib
import os
import stat
import sysconfig
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from evaluator.tasks.files.pieces import FilePiece, Piece
from evaluator.tasks.files.places import permitted_path

STDLIB = "stdlib"
"""The name of the corpus that every machine has: the source of the interpreter's standard library."""

MAX_MEMORY_BYTES = 256 * 2**20
MAX_FILES = 100_000
MIN_FILES = 2
MIN_BYTES = 64 * 2**10
VALIDATION_SHARE = 0.1

_SNIFFED_BYTES = 8192
_NOT_STDLIB = frozenset({"site-packages", "dist-packages"})


@dataclass(frozen=True)
class Split:
    """Two texts (uint8) that have no file and no content of a file in common, and the files of each in order.

    Each text is one piece, or a piece for each file.
    """

    train: Sequence[Piece]
    validation: Sequence[Piece]
    train_files: tuple[str, ...]
    validation_files: tuple[str, ...]


@lru_cache(maxsize=2)
def split(corpus: str) -> Split:
    """Read and split the text of `stdlib` or of a directory.

    The result is cached for the process, so later changes on disk are not seen. Of files with equal content only one
    is kept; in a corpus that is not read into memory, files of one size with equal ends count as equal. Files go to
    validation, in the order of their path's hash, until it has `VALIDATION_SHARE` of the bytes; the others go to
    training, and so does a file with more than half of all bytes.

    Raises:
        ValueError: the corpus has too little text to split.
    """
    root = directory(corpus)
    sizes = {path: size for path in _paths(root) if (size := _text_size(root / path))}
    in_memory = sum(sizes.values()) <= MAX_MEMORY_BYTES
    files: dict[str, Piece] = {}
    seen: set[bytes] = set()
    for path in sorted(sizes, key=lambda path: (_path_hash(path), path)):
        if in_memory:
            piece: Piece = np.frombuffer(_read(root / path, sizes[path]), np.uint8)
            ends = [piece[:]]
        else:
            piece = FilePiece(root / path, sizes[path])
            ends = [piece[:_SNIFFED_BYTES], piece[-_SNIFFED_BYTES:]]
        fingerprint = hashlib.sha256(b"".join([str(len(piece)).encode(), *(end.tobytes() for end in ends)])).digest()
        if len(piece) and fingerprint not in seen:
            seen.add(fingerprint)
            files[path] = piece
    total = sum(map(len, files.values()))
    _require_enough(corpus, len(files), total)
    held = _held_out({path: len(piece) for path, piece in files.items()}, total)
    halves = [tuple(path for path in files if (path in held) == side) for side in (False, True)]
    train, validation = ([files[path] for path in half] for half in halves)
    if in_memory:
        return Split([_joined(train)], [_joined(validation)], *halves)
    return Split(train, validation, *halves)


def _joined(pieces: Sequence[Piece]) -> np.ndarray:
    return np.concatenate([piece[:] for piece in pieces])


def _held_out(sizes: dict[str, int], total: int) -> set[str]:
    """Choose the files that are held out, and leave one or more for training."""
    held: set[str] = set()
    left = VALIDATION_SHARE * total
    for path, size in sizes.items():
        if left > 0 and len(held) < len(sizes) - 1 and size <= total / 2:
            held.add(path)
            left -= size
    return held


def directory(corpus: str) -> Path:
    """Return the directory of a corpus with symbolic links resolved."""
    return Path(sysconfig.get_path("stdlib") if corpus == STDLIB else corpus).resolve()


def permitted_directory(corpus: str, allowed: Sequence[Path]) -> Path:
    """Return the directory a corpus names, symbolic links resolved, if it may be read.

    The message of a refusal does not depend on whether a path outside the allowed directories exists.

    Raises:
        ValueError: the corpus is neither `stdlib` nor an existing directory inside one of `allowed`, or it has too
            little text.
    """
    if corpus == STDLIB:
        return directory(STDLIB)
    path = permitted_path("corpus", corpus, allowed, "directory", Path.is_dir, also=f"{STDLIB!r}")
    require_text(path)
    return path


def require_text(root: Path) -> None:
    """Check that a directory has enough text for a corpus, reading no more files than needed.

    Raises:
        ValueError: fewer than `MIN_FILES` files or `MIN_BYTES` bytes of text below `root`.
    """
    files = total = 0
    for path in _paths(root):
        content = _read(root / path, MIN_BYTES)
        files, total = files + bool(content), total + len(content)
        if files >= MIN_FILES and total >= MIN_BYTES:
            return
    _require_enough(str(root), files, total)


def _require_enough(corpus: str, files: int, total: int) -> None:
    if files < MIN_FILES or total < MIN_BYTES:
        raise ValueError(
            f"corpus {corpus} has {total} bytes of text in {files} different files; "
            f"it needs {MIN_BYTES} or more in {MIN_FILES} or more, since validation is split off by file"
        )


def _paths(root: Path) -> Iterator[str]:
    """Yield the paths of files below `root`, relative to it; in the standard library only Python sources."""
    library = root == directory(STDLIB)
    found = 0
    passed_over = _NOT_STDLIB if library else frozenset()
    for folder, folders, names in os.walk(root):
        folders[:] = sorted(name for name in folders if not name.startswith(".") and name not in passed_over)
        for name in sorted(names):
            if not name.startswith(".") and (name.endswith(".py") or not library):
                yield os.path.relpath(os.path.join(folder, name), root)
                found += 1
            if found == MAX_FILES:
                return


def _text_size(path: Path) -> int:
    """Return the size of a text file; 0 of a link, pipe, device, binary or unreadable file."""
    try:
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as file:
            found = os.fstat(file.fileno())
            regular = stat.S_ISREG(found.st_mode)
            return found.st_size if regular and b"\0" not in file.read(_SNIFFED_BYTES) else 0
    except OSError:
        return 0


def _read(path: Path, most: int) -> bytes:
    """Read at most `most` bytes of a text file; nothing of a link, pipe, device, binary or unreadable file."""
    if not _text_size(path):
        return b""
    try:
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW), "rb") as file:
            return file.read(most)
    except OSError:
        return b""


def _path_hash(path: str) -> bytes:
    return hashlib.sha256(path.encode(errors="surrogateescape")).digest()
