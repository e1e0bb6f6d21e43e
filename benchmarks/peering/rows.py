"""All rows, and those that are asked for and can be measured here."""

from __future__ import annotations

import re
from importlib.util import find_spec

from peering.attention import ATTENTION
from peering.decoding import DECODING
from peering.feed_forward import FEED_FORWARD
from peering.filters import FILTERS
from peering.pair import Row
from peering.recurrent import RECURRENT
from peering.structures import STRUCTURES

ROWS: tuple[Row, ...] = (*ATTENTION, *FEED_FORWARD, *RECURRENT, *STRUCTURES, *FILTERS, *DECODING)

DISTRIBUTIONS = {"transformers": "transformers", "mambapy": "mambapy", "fla": "fla-core"}
"""The distribution that has each module of a peer."""


def chosen(pattern: str) -> list[Row]:
    """Return the rows whose name this regular expression finds, upper and lower case alike.

    Raises:
        ValueError: it finds none; the message lists the names.
    """
    found = [row for row in ROWS if re.search(pattern, row.name, re.IGNORECASE)]
    if not found:
        raise ValueError(f"no row is named like {pattern!r}; the rows are: {'; '.join(row.name for row in ROWS)}")
    return found


def lacking(row: Row) -> list[str]:
    """Return the distributions that a row needs and that are not installed."""
    return [DISTRIBUTIONS[package] for package in row.packages if not find_spec(package)]
