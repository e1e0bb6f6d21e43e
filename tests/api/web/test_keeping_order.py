"""Searches are renamed, found, and deleted with everything that belongs to them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from api.process.tidying import tidying
from evaluator.artifacts import Artifacts
from search.archive.custody import keeping
from search.archive.custody.keys import Scope
from search.archive.schema.tables import JobRecord
from search.archive.values import JobState
from tests.processes import eventually
from tests.served import SEVERAL, Service, finish_job, serving

PLAN = {"plan": {"candidates": 2}}


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Service]:
    """A service of its own, with two searches that ended."""
    with serving(tmp_path) as service:
        finish_job(service)
        finish_job(service, "several trainings", SEVERAL)
        yield service


def rows(service: Service) -> dict[str, dict[str, int]]:
    """Number of rows of every table by job."""
    engine = sa.create_engine(service.settings.database_url)
    found: dict[str, dict[str, int]] = {}
    with engine.connect() as connection:
        for table in JobRecord.metadata.sorted_tables:
            column = table.c.get("job_id", table.c.get("id") if table.name == "jobs" else None)
            if column is not None:
                for job_id, count in connection.execute(sa.select(column, sa.func.count()).group_by(column)):
                    found.setdefault(job_id, {})[table.name] = count
    engine.dispose()
    return found


def kept(service: Service, job_id: str) -> list[str]:
    """Artifacts and zip archives of a job."""
    zips = [path.name for path in service.settings.exports.glob(f"{job_id}-*")]
    return [*Artifacts(service.settings.artifacts).keys(job_id), *zips]


def test_a_search_is_deleted_with_all_that_belongs_to_it_and_nothing_else(own: Service, monkeypatch: Any) -> None:
    monkeypatch.setattr(keeping, "BATCH", 3)  # several transactions
    gone, stays = [job.id for job in own.archive.jobs().items]
    for job_id in (gone, stays):
        number = own.archive.frontier(job_id)[0].number
        own.client.post(f"/v1/jobs/{job_id}/candidates/{number}/export").raise_for_status()
        assert kept(own, job_id)
    before = rows(own)
    files = kept(own, stays)
    assert own.client.delete(f"/v1/jobs/{gone}").status_code == 204
    assert rows(own) == {stays: before[stays]}
    assert (kept(own, gone), kept(own, stays)) == ([], files)
    assert own.client.get(f"/v1/jobs/{gone}").status_code == 404
    assert own.client.delete(f"/v1/jobs/{gone}").status_code == 404


def test_a_search_that_has_not_ended_is_not_deleted(own: Service) -> None:
    job = own.client.post("/v1/jobs", json=PLAN).json()
    before = rows(own)
    refused = own.client.delete(f"/v1/jobs/{job['id']}")
    assert refused.status_code == 409
    assert "cancel it first" in refused.json()["detail"]
    assert rows(own) == before
    own.client.post(f"/v1/jobs/{job['id']}/cancel")
    assert own.client.delete(f"/v1/jobs/{job['id']}").status_code == 204


def test_an_interrupted_deletion_is_completed_by_a_repeat(own: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    job_id = own.archive.jobs().items[0].id

    with monkeypatch.context() as interrupted:
        interrupted.setattr(keeping, "ROWS", (*keeping.ROWS[:2], (None, None)))  # it ends after two tables
        with pytest.raises(AttributeError):
            own.archive.delete_job(job_id)
    assert "candidates" not in rows(own)[job_id]
    assert own.client.get(f"/v1/jobs/{job_id}").json()["state"] == "cancelled"  # nobody can resume what is half there
    assert own.client.delete(f"/v1/jobs/{job_id}").status_code == 204
    assert job_id not in rows(own)


def test_a_store_that_does_not_answer_keeps_the_search(own: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    job_id = own.archive.jobs().items[0].id
    store = Path(own.settings.artifacts)
    store.rename(store.with_name("away"))
    store.touch()
    before = own.archive.job(job_id)
    assert own.client.delete(f"/v1/jobs/{job_id}").status_code == 503
    assert own.archive.job(job_id) == before


def test_a_search_is_renamed(own: Service) -> None:
    job_id = own.archive.jobs().items[0].id
    assert own.client.patch(f"/v1/jobs/{job_id}", json={"name": "lean caches"}).json()["name"] == "lean caches"
    assert own.client.get(f"/v1/jobs/{job_id}").json()["name"] == "lean caches"
    for body in ({"name": ""}, {"name": "a\nb"}, {}, {"name": "a", "state": "failed"}):
        assert own.client.patch(f"/v1/jobs/{job_id}", json=body).status_code == 422, body
    assert own.client.patch("/v1/jobs/none", json={"name": "a"}).status_code == 404


def test_searches_are_found_by_name_id_and_state(own: Service) -> None:
    def found(**parameters: Any) -> list[str]:
        return [job["name"] for job in own.client.get("/v1/jobs", params=parameters).json()["jobs"]]

    own.client.post("/v1/jobs", json={**PLAN, "name": "100 % lean_caches"})
    assert found(search="LEAN") == ["100 % lean_caches"]
    assert found(search="%") == ["100 % lean_caches"]
    assert found(search="n_c") == ["100 % lean_caches"]
    assert found(search="n%c") == []
    assert found(search=own.archive.jobs().items[0].id) == ["100 % lean_caches"]
    assert found(state="queued") == ["100 % lean_caches"]
    assert len(found(state="succeeded")) == 2
    assert found(state="queued", search="several") == []
    for parameters in ({"state": "gone"}, {"search": "a\0"}):
        assert own.client.get("/v1/jobs", params=parameters).status_code == 422


def test_a_token_belongs_to_its_search(own: Service) -> None:
    own.client.post("/v1/jobs", json={**PLAN, "name": "several more"})
    page = own.client.get("/v1/jobs", params={"search": "several", "page_size": 1}).json()
    following = {"search": "several", "page_token": page["next_page_token"]}
    assert [job["name"] for job in own.client.get("/v1/jobs", params=following).json()["jobs"]] == ["several trainings"]
    assert own.client.get("/v1/jobs", params={**following, "search": "other"}).status_code == 422


def test_a_key_deletes_what_it_submitted_and_an_admin_everything(own: Service) -> None:
    def header(scope: Scope) -> dict[str, str]:
        return {"Authorization": f"Bearer {own.archive.create_key('Ada', scope)[1]}"}

    mine, other, admin = header(Scope.SUBMIT), header(Scope.SUBMIT), header(Scope.ADMIN)
    job = own.client.post("/v1/jobs", json=PLAN, headers=mine).json()["id"]
    own.client.post(f"/v1/jobs/{job}/cancel", headers=mine)
    refused = own.client.delete(f"/v1/jobs/{job}", headers=other)
    assert refused.status_code == 403
    assert "scope admin" in refused.json()["detail"]
    assert own.client.delete(f"/v1/jobs/{job}", headers=mine).status_code == 204
    assert own.client.delete(f"/v1/jobs/{own.archive.jobs().items[0].id}", headers=admin).status_code == 204


def test_searches_leave_some_days_after_their_end(own: Service) -> None:
    queued = own.client.post("/v1/jobs", json=PLAN).json()["id"]
    ended = [job.id for job in own.archive.jobs(state=JobState.SUCCEEDED).items]
    with tidying(own.archive, own.settings.model_copy(update={"keep_days": 1.0})):
        pass  # one look at everything
    assert [job.id for job in own.archive.jobs().items] == [queued, *ended]
    engine = sa.create_engine(own.settings.database_url)
    with engine.begin() as connection:
        two_days = (
            sa.update(JobRecord).where(JobRecord.id == ended[0]).values(finished_at=JobRecord.finished_at - 172_800)
        )
        connection.execute(two_days)
    engine.dispose()
    with tidying(own.archive, own.settings.model_copy(update={"keep_days": 1.0})):
        eventually(lambda: len(own.archive.jobs().items) == 2)
    assert [job.id for job in own.archive.jobs().items] == [queued, ended[1]]
    assert (kept(own, ended[0]), bool(kept(own, ended[1]))) == ([], True)
