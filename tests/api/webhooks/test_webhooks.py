"""Signed messages at the end of a search, to a receiver on this machine."""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from api.webhooks.delivering import delivering
from search.archive.custody.keys import Scope
from search.archive.custody.outbox import Delivery
from search.archive.values import JobState
from tests.api.web.refusal import refused
from tests.api.webhooks.receiving import Receiver, receiving
from tests.processes import eventually
from tests.served import Service, finish_job, serving

RUNNING = (Path(__file__).parents[3] / "docs" / "service" / "running.md").read_text(encoding="utf-8")


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as one:
        yield one


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    """A service of its own, which may send to this machine."""
    with serving(tmp_path, webhook_hosts=["127.0.0.1"], webhook_seconds=1) as one:
        yield one


def created(service: Service, receiver: Receiver, **given: Any) -> dict[str, Any]:
    answer = service.client.post("/v1/webhooks", json={"url": receiver.url, **given})
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


def messages(service: Service, webhook: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = service.client.get(f"/v1/webhooks/{webhook['id']}/messages").json()["messages"]
    return found


def cancelled(service: Service) -> str:
    """The id of a search that was cancelled now."""
    job: str = service.client.post("/v1/jobs", json={}).json()["id"]
    service.client.post(f"/v1/jobs/{job}/cancel").raise_for_status()
    return job


def test_the_end_of_a_search_arrives_and_the_check_of_the_docs_accepts_it(service: Service, receiver: Receiver) -> None:
    webhook = created(service, receiver)
    finish_job(service, "my search")
    with delivering(service.archive, service.settings):
        eventually(lambda: [one["state"] for one in messages(service, webhook)] == ["delivered"])

    (found,) = receiver.received
    job = service.client.get("/v1/jobs").json()["jobs"][0]
    assert found.message["type"] == "job.succeeded"
    told = {name: job[name] for name in ("id", "name", "state", "done", "failed", "frontier_size", "hypervolume")}
    assert {name: found.message["data"][name] for name in told} == told

    namespace: dict[str, Any] = {}
    code = re.search(r"```python\n(.*?)```", RUNNING, re.DOTALL)
    assert code is not None
    exec(code[1], namespace)
    verified = namespace["verified"]
    assert verified(webhook["secret"], found.headers, found.body)
    assert not verified(webhook["secret"], found.headers, found.body + b" ")
    assert not verified(webhook["secret"], {**found.headers, "webhook-id": "msg_other"}, found.body)
    assert not verified("whsec_" + "A" * 44, found.headers, found.body)
    assert not verified(webhook["secret"], {**found.headers, "webhook-timestamp": "1700000000"}, found.body)


def test_a_message_is_sent_again_under_the_same_id_until_it_is_taken(service: Service, receiver: Receiver) -> None:
    receiver.statuses = [500, 302, 404]
    webhook = created(service, receiver)
    cancelled(service)
    with delivering(service.archive, service.settings, pauses=(0.0, 0.0, 0.0)):
        eventually(lambda: messages(service, webhook)[0]["state"] == "delivered")

    assert len(receiver.received) == 4
    assert len({one.headers["webhook-id"] for one in receiver.received}) == 1
    assert len({one.body for one in receiver.received}) == 1
    (message,) = messages(service, webhook)
    assert (message["attempts"], message["answer"], message["next_at"]) == (4, "status 204", None)


def test_attempts_are_bounded_and_what_was_answered_is_shown(service: Service, receiver: Receiver) -> None:
    receiver.silent.set()
    webhook = created(service, receiver)
    job = cancelled(service)
    with delivering(service.archive, service.settings, pauses=(0.0,)):
        eventually(lambda: messages(service, webhook)[0]["state"] == "given up")

    (message,) = messages(service, webhook)
    shown = {"type": "job.cancelled", "job_id": job, "attempts": 2, "answer": "no answer within 1 s", "next_at": None}
    assert {name: message[name] for name in shown} == shown
    assert len(receiver.received) == 2


def test_a_receiver_that_is_away_holds_up_no_other(service: Service, receiver: Receiver) -> None:
    with receiving() as away:
        away.silent.set()
        first, second = created(service, away), created(service, receiver)
        for _ in range(3):
            cancelled(service)
        with delivering(service.archive, service.settings):
            eventually(lambda: [one["state"] for one in messages(service, second)] == 3 * ["delivered"])

    assert len(away.received) == 1
    assert [one["state"] for one in messages(service, first)] == 3 * ["pending"]


def test_a_message_that_cannot_be_signed_is_a_failed_attempt_and_others_are_sent(
    service: Service, receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    unsigned = asdict(service.archive.create_webhook(receiver.url, "whsec_A"))
    cancelled(service)
    webhook = created(service, receiver)
    with delivering(service.archive, service.settings, pauses=()):
        eventually(lambda: messages(service, unsigned)[0]["state"] == "given up")
        cancelled(service)
        eventually(lambda: [one["state"] for one in messages(service, webhook)] == ["delivered"])

    assert messages(service, unsigned)[-1]["answer"] == "not sent: Error"
    assert {one.exc_info[0] for one in caplog.records if one.exc_info} == {binascii.Error}


def test_an_unexpected_error_of_the_outbox_is_logged_and_the_thread_goes_on(
    service: Service, receiver: Receiver, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    webhook, claim, faults = created(service, receiver), service.archive.claim_delivery, [RuntimeError("unexpected")]

    def failing_once(seconds: float) -> Delivery | None:
        if faults:
            raise faults.pop()
        return claim(seconds)

    monkeypatch.setattr(service.archive, "claim_delivery", failing_once)
    cancelled(service)
    with delivering(service.archive, service.settings):
        eventually(lambda: [one["state"] for one in messages(service, webhook)] == ["delivered"])

    assert [str(one.exc_info[1]) for one in caplog.records if one.exc_info] == ["unexpected"]


def test_a_search_that_is_put_off_is_told_after_so_many_times(tmp_path: Path, receiver: Receiver) -> None:
    with serving(tmp_path, webhook_hosts=["127.0.0.1"]) as service:
        webhook = created(service, receiver, put_off_after=2)
        created(service, receiver)
        service.client.post("/v1/jobs", json={}).raise_for_status()
        for _ in range(3):
            claim = service.archive.claim("test", 60)
            assert claim is not None
            service.archive.put_off(claim, "Ray is away", lambda _: 0.0)
        (message,) = messages(service, webhook)
        assert message["type"] == "job.put_off"
        with delivering(service.archive, service.settings):
            eventually(lambda: receiver.received)

    data = receiver.received[0].message["data"]
    assert (data["state"], data["why"], data["faults"]) == ("queued", "Ray is away", 2)


def test_a_search_that_fails_is_told_again_when_it_fails_again(service: Service, receiver: Receiver) -> None:
    webhook = created(service, receiver)
    job = service.client.post("/v1/jobs", json={}).json()["id"]
    for _ in range(2):
        claim = service.archive.claim("test", 60)
        assert claim is not None
        service.archive.finish(claim, JobState.FAILED, "a fault")
        service.client.post(f"/v1/jobs/{job}/resume").raise_for_status()

    found = messages(service, webhook)
    assert [one["type"] for one in found] == ["job.failed", "job.failed"]
    assert found[0]["id"] != found[1]["id"]


def test_a_deleted_webhook_hears_nothing_more(service: Service, receiver: Receiver) -> None:
    webhook = created(service, receiver)
    cancelled(service)
    assert service.client.delete(f"/v1/webhooks/{webhook['id']}").status_code == 204
    assert service.client.get("/v1/webhooks").json() == {"webhooks": []}
    cancelled(service)
    assert service.archive.claim_delivery(1) is None
    refused(service.client.get(f"/v1/webhooks/{webhook['id']}/messages"), 404)
    refused(service.client.delete(f"/v1/webhooks/{webhook['id']}"), 404)


def test_only_administrators_manage_webhooks_and_the_secret_is_shown_once(service: Service, receiver: Receiver) -> None:
    webhook = created(service, receiver)
    shown = service.client.get("/v1/webhooks").text
    assert webhook["id"] in shown
    assert webhook["secret"] not in shown

    def asked(scope: Scope) -> int:
        headers = {"Authorization": f"Bearer {service.archive.create_key('Ada', scope)[1]}"}
        return service.client.get("/v1/webhooks", headers=headers).status_code

    assert [asked(scope) for scope in Scope] == [403, 403, 200]
