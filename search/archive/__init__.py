"""Everything that touches the database: jobs, candidates, events, and the files of trained weights.

`Archive` is the one door; the modules beside it hold its parts.
"""

from search.archive.archive import Archive

__all__ = ["Archive"]
