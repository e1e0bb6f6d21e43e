"""The bytes that jobs hold, on both databases."""

from __future__ import annotations

import sqlalchemy as sa

from search.archive import Archive
from search.archive.custody.disk import Stored
from search.archive.schema.engine import database_url
from search.plan import Plan
from tests.search.archive.searching import Searching


def test_sizes_beyond_32_bits_are_added_and_missing_ones_are_none(archive: Archive, url: str, plan: Plan) -> None:
    search = Searching.started(archive, plan)
    search.go(4)
    engine = sa.create_engine(database_url(url))
    with engine.begin() as connection:
        connection.execute(sa.text("UPDATE candidates SET weights = NULL"))
        for number, size in ((1, "3000000000"), (2, "4000000000"), (3, "null")):
            document = f'{{"key": "k", "digest": null, "size": {size}}}'
            change = sa.text("UPDATE candidates SET weights = :given WHERE number = :number")
            connection.execute(change, {"given": document, "number": number})
    engine.dispose()
    assert archive.stored(search.job_id).weights == 7_000_000_000
    assert archive.stored() == archive.stored(search.job_id)
    assert archive.stored("none") == Stored(0, 0)
