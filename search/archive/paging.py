"""Keyset pages: a token names the last row seen, so that a page costs the same wherever it lies."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")

LARGEST_PAGE = 1000


@dataclass(frozen=True)
class Page(Generic[T]):
    """Some rows in order, and the token of the next page; None when this is the last."""

    items: list[T]
    next_page_token: str | None


def page_token(listing: str, key: int) -> str:
    """The opaque token for what follows row `key` of a listing."""
    return base64.urlsafe_b64encode(f"{listing}:{key}".encode()).decode().rstrip("=")


def page_key(listing: str, token: str | None) -> int | None:
    """The row a token names; None for the first page.

    Raises:
        ValueError: the token was not issued for this listing.
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
    raise ValueError("page_token is not one that this listing gave out; leave it out for the first page")


def page_length(size: int) -> int:
    """The rows a page holds: `size`, at most `LARGEST_PAGE`.

    Raises:
        ValueError: the size is not positive.
    """
    if size < 1:
        raise ValueError(f"page_size must be 1 or more, not {size}; above {LARGEST_PAGE} it counts as {LARGEST_PAGE}")
    return min(size, LARGEST_PAGE)
