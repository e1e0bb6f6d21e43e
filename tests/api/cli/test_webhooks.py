"""`star webhooks` against a real server."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.api.cli.commands import run
from tests.served import Service, serving

RECEIVER = "http://127.0.0.1:1/star"


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    """A service of its own, which may send to this machine."""
    with serving(tmp_path, webhook_hosts=["127.0.0.1"]) as one:
        yield one


def asked(service: Service, *arguments: str) -> Any:
    return json.loads(run("webhooks", *arguments, "--url", service.url, "--json").stdout)


def test_a_webhook_is_created_listed_and_deleted(service: Service) -> None:
    made = asked(service, "create", RECEIVER, "--put-off-after", "3")
    (listed,) = asked(service, "list")
    assert made == {**listed, "secret": made["secret"]}
    assert (listed["url"], listed["put_off_after"]) == (RECEIVER, 3)

    job = service.client.post("/v1/jobs", json={}).json()["id"]
    service.client.post(f"/v1/jobs/{job}/cancel").raise_for_status()
    (message,) = asked(service, "messages", made["id"])
    assert (message["type"], message["job_id"], message["state"]) == ("job.cancelled", job, "pending")

    assert asked(service, "delete", made["id"]) == {"deleted": made["id"]}
    assert asked(service, "list") == []


def test_only_the_secret_is_on_standard_output_and_tables_are_for_people(service: Service) -> None:
    made = run("webhooks", "create", RECEIVER, "--url", service.url)
    assert made.stdout.startswith("whsec_")
    assert made.stdout.count("\n") == 1
    (webhook,) = service.archive.webhooks()
    assert webhook.id in made.stderr
    listed = run("webhooks", "list", "--url", service.url).stdout
    assert f"{webhook.id}  {RECEIVER}  -" in listed
    assert "whsec_" not in listed
    assert "Messages" in run("webhooks", "messages", webhook.id, "--url", service.url).stdout
    assert (
        run("webhooks", "delete", webhook.id, "--url", service.url).stdout == f"the webhook {webhook.id} is deleted\n"
    )


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("create", "http://example.org/"), "/url: it must begin with https://"),
        (("create", "https://localhost/"), "/url: localhost has an internal address"),
        (("delete", "0123456789ab"), "there is no webhook '0123456789ab'"),
        (("messages", "0123456789ab"), "there is no webhook '0123456789ab'"),
    ],
)
def test_what_the_service_refuses_is_told_in_its_words(service: Service, arguments: tuple[str, ...], told: str) -> None:
    assert told in run("webhooks", *arguments, "--url", service.url, status=2).stderr
