"""A server that is killed while it sends: nothing is lost, and the message keeps its id."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from tests.api.process.test_serve import served
from tests.api.webhooks.receiving import receiving
from tests.processes import eventually

pytestmark = pytest.mark.slow


def test_a_message_whose_sender_was_killed_is_sent_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STAR_WEBHOOK_HOSTS", '["127.0.0.1"]')
    monkeypatch.setenv("STAR_WEBHOOK_SECONDS", "3")
    with receiving() as receiver:
        receiver.silent.set()
        with served(tmp_path, "--no-runner") as (process, url):
            httpx.post(f"{url}/v1/webhooks", json={"url": receiver.url}).raise_for_status()
            job = httpx.post(f"{url}/v1/jobs", json={}).json()["id"]
            httpx.post(f"{url}/v1/jobs/{job}/cancel").raise_for_status()
            eventually(lambda: receiver.received)
            process.kill()
            process.wait()
        receiver.silent.clear()
        with served(tmp_path, "--no-runner") as (_, url):
            webhook = httpx.get(f"{url}/v1/webhooks").json()["webhooks"][0]["id"]
            messages = f"{url}/v1/webhooks/{webhook}/messages"
            eventually(lambda: httpx.get(messages).json()["messages"][0]["state"] == "delivered")

        first, second = receiver.received
        assert first.headers["webhook-id"] == second.headers["webhook-id"]
        assert second.message["data"]["id"] == job
