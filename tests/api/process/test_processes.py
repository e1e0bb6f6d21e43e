"""`star serve --processes`: several processes answer on one socket, and live and end with the first one."""

from __future__ import annotations

import os
import re
import signal
from pathlib import Path

import httpx
import pytest

from api.process.settings import Settings
from tests.api.process.test_serve import served
from tests.processes import children, eventually, gone

pytestmark = [pytest.mark.slow, pytest.mark.skipif(not Path("/proc").is_dir(), reason="looks for processes in /proc")]

TWO = ("--no-runner", "--processes", "2")


def process_of(client: httpx.Client) -> str:
    """The process that answers on the one connection of a client."""
    found = re.search(r'star_event_streams\{process="(\d+)"\}', client.get("/metrics").text)
    assert found
    return found[1]


def test_both_answer_and_know_the_same(tmp_path: Path) -> None:
    with served(tmp_path, *TWO) as (_, url):
        job = httpx.post(f"{url}/v1/jobs", json={"name": "seen by both"}).json()["id"]
        names: dict[str, str] = {}

        def asked() -> bool:
            with httpx.Client(base_url=url, trust_env=False) as client:  # one connection, so one process
                names[process_of(client)] = client.get(f"/v1/jobs/{job}").json()["name"]
            return len(names) == 2

        eventually(asked)
        assert names == {"0": "seen by both", "1": "seen by both"}


def test_one_that_dies_is_replaced_and_ends_with_the_service(tmp_path: Path) -> None:
    with served(tmp_path, *TWO) as (process, url):
        eventually(lambda: children(process.pid))
        first = children(process.pid)[0]

        os.kill(first, signal.SIGKILL)

        eventually(lambda: gone(first) and children(process.pid))
        assert httpx.get(f"{url}/healthz", trust_env=False).status_code == 200
        second = children(process.pid)[0]
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
        assert gone(second)


def test_none_outlives_a_service_that_was_killed(tmp_path: Path) -> None:
    with served(tmp_path, *TWO) as (process, _):
        eventually(lambda: children(process.pid))
        other = children(process.pid)[0]

        process.kill()
        process.wait()

        eventually(lambda: gone(other))


def test_a_child_reads_the_settings_of_its_parent(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    settings = Settings(
        database_url="sqlite:///a b.db", corpora=[Path("/x, y")], hosts=["*"], keep_days=0.5, insecure=True, log="json"
    )
    for name, value in settings.environment().items():
        monkeypatch.setenv(name, value)
    assert Settings() == settings
