"""The reference to stored bytes, which travels in place of them."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass
from typing import Any, Self


@dataclass(frozen=True)
class Artifact:
    """A reference to bytes in a store of artifacts.

    Attributes:
        key: the name within the store.
        digest: SHA-256 of the bytes in hexadecimal; None if it is not known, as for weights of earlier versions.
        size: number of bytes; None if it is not known.
    """

    key: str
    digest: str | None
    size: int | None

    @classmethod
    def of(cls, key: str, data: bytes) -> Self:
        """Return the reference to these bytes under a key."""
        return cls(key, hashlib.sha256(data).hexdigest(), len(data))

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, document: dict[str, Any]) -> Self:
        """Read a reference. Raises KeyError, TypeError or ValueError when the document is not one."""
        digest, size = document["digest"], document["size"]
        return cls(str(document["key"]), None if digest is None else str(digest), None if size is None else int(size))
