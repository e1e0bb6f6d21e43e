"""Everything that touches the database: jobs, candidates and events.

`Archive` is the only public class; the other modules hold its parts. It is imported when it is first used, so that
the command line can import `search.archive.values` without importing SQLAlchemy.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from search.archive.archive import Archive

__all__ = ["Archive"]


def __getattr__(name: str) -> Any:
    if name == "Archive":
        from search.archive.archive import Archive

        return Archive
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
