"""What those who operate the service ask of it: whether it is ready, and what it measures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager

import httpx
import pytest
import sqlalchemy as sa
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from search.archive.values import Action
from tests.api.web.refusal import refused
from tests.processes import eventually
from tests.served import Service


def samples(client: httpx.Client) -> list[Sample]:
    answer = client.get("/metrics")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain")
    return [sample for family in text_string_to_metric_families(answer.text) for sample in family.samples]


def value(client: httpx.Client, name: str, **labels: str) -> float:
    """The value of a metric, 0 before it has one."""
    return sum(one.value for one in samples(client) if one.name == name and one.labels == labels)


@pytest.mark.slow
def test_a_service_is_ready_while_the_schema_is_its_own(
    start_service: Callable[[], AbstractContextManager[Service]],
) -> None:
    with start_service() as service:
        newest = service.archive.schema()[1]
        assert service.client.get("/readyz").json() == {"status": "ready", "database_schema": newest}
        engine = sa.create_engine(service.settings.database_url)
        for other in ("0001", "9042"):
            with engine.begin() as connection:
                connection.execute(sa.text("UPDATE alembic_version SET version_num = :other"), {"other": other})

            answer = service.client.get("/readyz")

            problem = refused(answer, 503)
            assert other in problem["detail"]
            assert newest in problem["detail"]
            assert answer.headers["retry-after"]
        engine.dispose()


def test_searches_and_candidates_are_counted_by_state(service: Service) -> None:
    service.archive.act(service.client.post("/v1/jobs", json={}).json()["id"], Action.CANCEL)

    found = samples(service.client)

    jobs = service.archive.jobs(1000).items
    states = Counter(job.state.value for job in jobs)
    told = {one.labels["state"]: one.value for one in found if one.name == "star_jobs"}
    assert {state: count for state, count in told.items() if count} == states
    assert states["cancelled"] > 0
    candidates = {one.labels["state"]: one.value for one in found if one.name == "star_candidates"}
    assert candidates == {
        "failed": sum(job.failed for job in jobs),
        "succeeded": sum(job.done - job.failed for job in jobs),
    }
    assert next(one.value for one in found if one.name == "star_training_tokens") == sum(job.tokens for job in jobs) > 0
    assert any(one.name == "process_open_fds" for one in found)


def test_requests_are_measured_by_route_and_never_by_what_a_client_invents(service: Service, finished: str) -> None:
    of_jobs = {"process": "0", "method": "GET", "route": "/v1/jobs/{job_id}"}
    before = value(service.client, "star_request_seconds_count", **of_jobs, status="200")

    service.client.get(f"/v1/jobs/{finished}")
    service.client.get(f"/v1/jobs/{finished}")
    service.client.get("/v1/jobs/invented")
    service.client.request("INVENT", "/v1/invented")

    assert value(service.client, "star_request_seconds_count", **of_jobs, status="200") == before + 2
    assert value(service.client, "star_request_seconds_count", **of_jobs, status="404") > 0
    labels = [text for one in samples(service.client) for text in one.labels.values()]
    assert not [text for text in labels if "invent" in text.lower() or finished in text]


@pytest.mark.slow
def test_open_streams_are_counted(service: Service) -> None:
    before = value(service.client, "star_event_streams", process="0")
    with service.client.stream("GET", "/v1/events") as answer:
        lines = answer.iter_lines()  # httpx closes a stream whose iterator is dropped
        next(lines)
        with httpx.Client(base_url=service.url, trust_env=False) as other:
            assert value(other, "star_event_streams", process="0") == before + 1
    eventually(lambda: value(service.client, "star_event_streams", process="0") == before)
