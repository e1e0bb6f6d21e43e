"""Event streams from a real server: whole, resumed, ended, and never in the way of a shutdown."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any, NamedTuple

import httpx
import pytest

from search.archive.values import JobState
from tests.api.dashboard.hand import Hand
from tests.served import SMALL, Service

pytestmark = pytest.mark.slow


class Sent(NamedTuple):
    id: int
    kind: str
    data: dict[str, Any]


def events(lines: Iterator[str]) -> Iterator[Sent]:
    """The events of a stream, comments and blank lines dropped."""
    fields: dict[str, str] = {}
    for line in lines:
        if line and not line.startswith(":"):
            name, _, value = line.partition(": ")
            fields[name] = value
        elif not line and fields:
            yield Sent(int(fields["id"]), fields["event"], json.loads(fields["data"]))
            fields = {}


def whole_stream(client: httpx.Client, job: str, **options: Any) -> list[Sent]:
    with client.stream("GET", f"/v1/jobs/{job}/events", **options) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        return list(events(answer.iter_lines()))


def test_a_finished_search_is_told_whole_and_ends(client: httpx.Client, finished: str) -> None:
    told = whole_stream(client, finished)

    assert [one.kind for one in told].count("end") == 1
    assert told[-1].kind == "end"
    assert [one.id for one in told[:-1]] == sorted({one.id for one in told[:-1]})
    assert {one.kind for one in told} == {"job", "candidate", "training", "frontier", "end"}
    succeeded = [one for one in told if one.kind == "candidate" and one.data["state"] == "succeeded"]
    assert len(succeeded) == SMALL["candidates"] - 2
    assert {one.data["job_id"] for one in told} == {finished}


def test_every_training_is_told_when_it_ends_and_further_ones_when_they_begin(service: Service, several: str) -> None:
    told = [one.data for one in whole_stream(service.client, several) if one.kind == "training"]
    ended = [one for one in told if one["state"] != "running"]
    begun = [one for one in told if one["state"] == "running"]

    kept = [
        (one.number, training.seed, training.tokens, training.purpose)
        for one in service.archive.candidates(several, 100).items
        for training in service.archive.trainings(several, one.number)
    ]
    keys = [(one["number"], one["seed"], one["tokens"], one["purpose"]) for one in ended]
    assert sorted(keys) == sorted(kept)
    further = [(one["number"], one["seed"], one["tokens"], one["purpose"]) for one in begun]
    assert sorted(further) == sorted(key for key in kept if key[3] != "search")


@pytest.mark.parametrize("how", ["header", "query"])
def test_a_follower_that_returns_misses_nothing_and_hears_nothing_twice(
    client: httpx.Client, finished: str, how: str
) -> None:
    whole = whole_stream(client, finished)
    seen, rest = whole[:9], whole[9:]
    last = str(seen[-1].id)

    options = {"headers": {"Last-Event-ID": last}} if how == "header" else {"params": {"after": last}}

    assert whole_stream(client, finished, **options) == rest


def test_a_follower_that_has_heard_the_end_hears_it_again(client: httpx.Client, finished: str) -> None:
    end = whole_stream(client, finished)[-1]

    assert whole_stream(client, finished, headers={"Last-Event-ID": str(end.id)}) == [end]


def test_a_stream_continues_from_what_an_answer_reflects(service: Service) -> None:
    job = service.client.post("/v1/jobs", json={}).json()
    page = service.client.get("/v1/jobs").json()
    service.client.post(f"/v1/jobs/{job['id']}/cancel").raise_for_status()

    heard = whole_stream(service.client, job["id"], params={"after": job["last_event"]})
    assert [one.kind for one in heard] == ["job", "end"]
    assert heard[0].data["state"] == "cancelled"
    assert heard[0].id == service.client.get(f"/v1/jobs/{job['id']}").json()["last_event"]
    with service.client.stream("GET", "/v1/events", params={"after": page["last_event"]}) as answer:
        assert next(events(answer.iter_lines())).data["job_id"] == job["id"]


def test_a_late_reader_of_a_thinned_search_hears_of_the_gap(service: Service) -> None:
    hand = Hand(service.archive, "thinned")
    hand.add("1.1.1.1.1-9.1.1.1.1-1.1.1.1.1-9.1.1.1.1", 3.0)
    service.archive.finish(hand.claim, JobState.SUCCEEDED)
    whole = whole_stream(service.client, hand.id)
    missed = [one for one in whole if one.kind not in ("job", "end")]

    assert service.archive.thin(hand.id) == len(missed)

    heard = whole_stream(service.client, hand.id, headers={"Last-Event-ID": str(missed[0].id)})
    assert [one.kind for one in heard] == ["thinned", "job", "end"]
    assert heard[0].data["last"] == heard[0].id == missed[-1].id
    late = whole_stream(service.client, hand.id, headers={"Last-Event-ID": str(missed[-1].id)})
    assert late == heard[1:] == whole[-2:]


def test_a_change_arrives_while_one_listens(service: Service) -> None:
    job = service.client.post("/v1/jobs", json={}).json()["id"]
    with service.client.stream("GET", f"/v1/jobs/{job}/events") as answer:
        told = events(answer.iter_lines())
        assert next(told).data["state"] == "queued"

        httpx.post(f"{service.url}/v1/jobs/{job}/cancel").raise_for_status()

        assert next(told).data["state"] == "cancelled"
        assert next(told).kind == "end"
        assert next(told, None) is None


def test_one_stream_tells_of_all_jobs(service: Service) -> None:
    last = service.archive.events(limit=100_000)[-1].seq
    jobs = [service.client.post("/v1/jobs", json={}).json()["id"] for _ in range(2)]

    with service.client.stream("GET", "/v1/events", headers={"Last-Event-ID": str(last)}) as answer:
        told = events(answer.iter_lines())
        assert [next(told).data["job_id"] for _ in jobs] == jobs


def test_a_bad_last_event_id_is_a_problem(client: httpx.Client, finished: str) -> None:
    answer = client.get(f"/v1/jobs/{finished}/events", headers={"Last-Event-ID": "soon"})

    assert answer.status_code == 422
    assert answer.json()["errors"][0]["parameter"] == "last-event-id"


def test_followers_do_not_hold_up_the_end_of_the_server(
    start_service: Callable[[], AbstractContextManager[Service]],
) -> None:
    with start_service() as service, service.client.stream("GET", "/v1/events") as answer:
        lines = answer.iter_lines()
        next(lines)

        service.server.handle_exit(2, None)

        assert not [line for line in lines if line.startswith("event:")]  # and so the stream has ended
    assert service.server.server_state.tasks == set()


def test_nobody_polls_for_a_follower_that_has_left(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = threading.Event()
    read = service.archive.events

    def counted(*args: Any, **options: Any) -> Any:
        asked.set()
        return read(*args, **options)

    monkeypatch.setattr(service.archive, "events", counted)
    with httpx.Client(base_url=service.url) as client, client.stream("GET", "/v1/events") as answer:
        lines = answer.iter_lines()  # httpx closes a stream whose iterator is dropped
        next(lines)
        assert asked.wait(10)
    deadline = time.monotonic() + 20
    while service.server.server_state.tasks and time.monotonic() < deadline:
        time.sleep(0.05)

    assert not service.server.server_state.tasks
