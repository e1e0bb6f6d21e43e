"""Tags on both databases."""

from __future__ import annotations

from search.archive import Archive
from search.plan import Plan


def test_a_tag_is_found_as_a_whole(archive: Archive, plan: Plan) -> None:
    one = archive.create_job(plan, "", tags=["b", "a_1", "a_1"])
    archive.create_job(plan, "", tags=["ba_1", "ax1"])
    archive.create_job(plan, "")
    assert one.tags == ["a_1", "b"]
    assert [job.id for job in archive.jobs(tag="a_1").items] == [one.id]
    assert [job.id for job in archive.jobs(tag="b").items] == [one.id]
    assert archive.change_job(one.id, tags=["c"]).tags == ["c"]
    assert archive.jobs(tag="b").items == []
    assert [job.id for job in archive.jobs(tag="c").items] == [one.id]
