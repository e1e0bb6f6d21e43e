"""Compressing a text that comes in parts, most of which were compressed before."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence

IDENTITY, GZIP = "identity", "gzip"
"""The encodings of answers."""

LONG = 1024
"""Bytes from which a part is compressed by itself, and kept."""

LEVEL = 6

GZIP_HEAD = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"
LAST_BLOCK = b"\x03\x00"
"""An empty block that ends a deflate stream."""


class Gzip:
    """A compressor that writes one gzip member, in which the long parts that it knows are not compressed again.

    A part ends at the border of a byte and refers to nothing before it, so it may stand in any stream.
    """

    def __init__(self) -> None:
        self._known: dict[int, tuple[bytes, bytes]] = {}

    @property
    def size(self) -> int:
        """Bytes of the compressed parts that are kept."""
        return sum(len(deflated) for _, deflated in self._known.values())

    def compress(self, parts: Sequence[bytes]) -> bytes:
        """Compress a text."""
        known, stream, short, crc, length = {}, [GZIP_HEAD], b"", 0, 0
        for part in parts:
            crc, length = zlib.crc32(part, crc), length + len(part)
            if len(part) < LONG:
                short += part
                continue
            if short:
                stream.append(_deflated(short))
                short = b""
            # Keyed by identity; the text is kept with its compressed form, so no other one can get its id.
            known[id(part)] = self._known.get(id(part)) or (part, _deflated(part))
            stream.append(known[id(part)][1])
        self._known = known
        return b"".join((*stream, _deflated(short), LAST_BLOCK, struct.pack("<II", crc, length % 2**32)))


def accepted(header: str) -> str:
    """Return `gzip` if a client with this Accept-Encoding header accepts it, or else `identity`."""
    weights = {}
    for one in header.lower().split(","):
        name, _, parameter = one.partition(";")
        weights[name.strip()] = parameter.replace(" ", "").removeprefix("q=")
    refused = ("0", "0.", "0.0", "0.00", "0.000")
    return IDENTITY if weights.get(GZIP, weights.get("*", "0")) in refused else GZIP


def _deflated(part: bytes) -> bytes:
    compressor = zlib.compressobj(LEVEL, zlib.DEFLATED, -15)
    return compressor.compress(part) + compressor.flush(zlib.Z_FULL_FLUSH)
