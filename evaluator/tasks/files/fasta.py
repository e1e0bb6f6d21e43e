"""DNA sequences in FASTA files, plain or compressed with gzip, as numbers: A, C, G and T are 0 to 3.

Other letters of the alphabet of nucleotides (IUPAC), such as N, end a piece of a sequence. Lower case is read as upper
case. Symbolic links are refused.
"""

from __future__ import annotations

import gzip
import hashlib
import stat
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np

SUFFIXES = (".fa", ".fasta", ".fna", ".fa.gz", ".fasta.gz", ".fna.gz")
BASES, AMBIGUOUS = b"ACGT", b"NRYSWKMBDHVU-"

MAX_BASES = 2**30
"""Bases that are read of all files."""

_UNKNOWN, _BREAK = 255, 254
_CODES = np.full(256, _UNKNOWN, np.uint8)
for _n, _base in enumerate(BASES):
    _CODES[[_base, _base + 32]] = _n
for _letter in AMBIGUOUS:
    _CODES[[_letter, _letter | 32]] = _BREAK


def sequences_of(data: Path) -> dict[str, list[np.ndarray]]:
    """Read the sequences of a file, or of all such files in a directory, each as its pieces (uint8).

    Of equal sequences the first one is kept. They are in the order of the hash of their content, a random order
    that is the same everywhere.

    Raises:
        ValueError: there is none, or a file is a link, cut off, or no FASTA; the message names it and the line.
    """
    named = data.is_dir()
    paths = sorted(path for path in data.iterdir() if path.name.endswith(SUFFIXES)) if named else [data]
    found: dict[str, list[np.ndarray]] = {}
    left = MAX_BASES
    for path in paths:
        for codes in _sequences(path):
            left -= len(codes)
            if left < 0:
                raise ValueError(f"{data} has more than {MAX_BASES} bases, as many as are read")
            found.setdefault(hashlib.sha256(codes.tobytes()).hexdigest(), _pieces(codes))
    if not found:
        raise ValueError(f"{data} has no sequence in a file that ends with {', '.join(SUFFIXES)}")
    return dict(sorted(found.items()))


def _sequences(path: Path) -> Iterator[np.ndarray]:
    if not stat.S_ISREG(path.lstat().st_mode):
        raise ValueError(f"{path} is a link or another special file; name a regular one")
    opened = gzip.open if path.suffix == ".gz" else open
    lines: list[np.ndarray] = []
    try:
        with opened(path, "rb") as file:
            for n, line in enumerate(file, start=1):
                text = line.strip()
                if text.startswith(b">"):
                    yield from _joined(lines)
                    lines = []
                elif text and n == 1:
                    raise ValueError(f"{path} is no FASTA: its first line does not begin with >")
                elif text:
                    lines.append(_codes(text, path, n))
    except (EOFError, OSError, zlib.error) as error:
        raise ValueError(f"{path} cannot be read whole: {error}") from None
    yield from _joined(lines)


def _codes(text: bytes, path: Path, line: int) -> np.ndarray:
    codes = _CODES[np.frombuffer(text, np.uint8)]
    if (codes == _UNKNOWN).any():
        wrong = chr(text[int((codes == _UNKNOWN).argmax())])
        raise ValueError(f"{path}, line {line}: {wrong!r} is no nucleotide; legal: {(BASES + AMBIGUOUS).decode()}")
    return codes


def _joined(lines: list[np.ndarray]) -> Iterator[np.ndarray]:
    if lines:
        yield np.concatenate(lines)


def _pieces(codes: np.ndarray) -> list[np.ndarray]:
    """Cut a sequence where a base is not known."""
    cuts = np.flatnonzero(codes == _BREAK)
    bounds = zip([0, *(cuts + 1)], [*cuts, len(codes)], strict=True)
    return [codes[start:end] for start, end in bounds if end > start]
