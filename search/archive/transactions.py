"""The two engines of an archive, one that writes and one that only reads, and the sessions opened on them."""

from __future__ import annotations

from sqlalchemy.orm import sessionmaker

from search.archive.engine import database_url, migrate, open_engine


class Transactions:
    """Opens the transactions in which the parts of an archive read and write.

    `with self._writing.begin() as session` commits at the end of the block and rolls back when the block raises.
    `with self._reading() as session` cannot write.
    """

    def __init__(self, url: str) -> None:
        parsed = database_url(url)
        self._writer = open_engine(parsed, writes=True)
        self._reader = open_engine(parsed, writes=False)
        self._writing = sessionmaker(self._writer)
        self._reading = sessionmaker(self._reader)

    def migrate(self) -> None:
        """Bring the tables up to date. Any number of processes may call this at the same time."""
        migrate(self._writer)

    def close(self) -> None:
        """Close every connection."""
        self._writer.dispose()
        self._reader.dispose()
