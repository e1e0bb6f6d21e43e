"""Keyset pages: a token names the last row of its page, so a page costs the same wherever it lies."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, Self, TypeVar

T = TypeVar("T")

LARGEST_PAGE = 1000


@dataclass(frozen=True)
class Page(Generic[T]):
    """Some rows in order, and the token of the next page, or None on the last page."""

    items: list[T]
    next_page_token: str | None

    @classmethod
    def of(cls, rows: list[T], keys: Sequence[int], size: int, listing: str) -> Self:
        """Return the first `size` rows of a listing; a further row shows that another page follows."""
        return cls(rows[:size], page_token(listing, keys[size - 1]) if len(rows) > size else None)


def page_token(listing: str, key: int) -> str:
    """Return the opaque token of the page that follows row `key` of a listing."""
    return base64.urlsafe_b64encode(f"{listing}:{key}".encode()).decode().rstrip("=")


def page_key(listing: str, token: str | None) -> int | None:
    """Return the key of the row that a token names, or None for the first page.

    Raises:
        ValueError: the token was not issued by this listing.
    """
    if token is None:
        return None
    try:
        text = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True).decode()
        of, _, key = text.rpartition(":")
        if of == listing and key.isascii() and key.isdigit() and len(key) < 19:
            return int(key)
    except (binascii.Error, ValueError):
        pass
    raise ValueError("page_token was not issued by this listing; leave it out for the first page")


def page_length(size: int) -> int:
    """Return the number of rows a page holds: `size`, at most `LARGEST_PAGE`.

    Raises:
        ValueError: the size is not positive.
    """
    if size < 1:
        raise ValueError(f"page_size must be 1 or more, not {size}; above {LARGEST_PAGE} it counts as {LARGEST_PAGE}")
    return min(size, LARGEST_PAGE)
