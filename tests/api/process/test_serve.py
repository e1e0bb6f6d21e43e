"""`star serve` as a process: it serves, restarts its runner, and takes everything with it when it ends."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from search.archive import Archive
from search.archive.values import JobState
from tests.api.dashboard.hand import Hand
from tests.processes import children, eventually, gone

pytestmark = pytest.mark.slow

SERVE = [sys.executable, "-m", "api.cli", "serve", "--json", "--port", "0"]


def kept_in(folder: Path) -> list[str]:
    """Options that keep everything of a server in one folder."""
    return ["--database", f"sqlite:///{folder / 'star.db'}", "--artifacts", str(folder / "artifacts")]


@contextmanager
def served(folder: Path, *options: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A server in a process and session of its own, and its address."""
    with subprocess.Popen(
        [*SERVE, *kept_in(folder), *options],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            assert process.stdout is not None
            url = json.loads(process.stdout.readline())["url"]
            eventually(lambda: answers(url))
            yield process, url
        finally:
            if process.poll() is None:
                process.kill()


def answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/healthz", trust_env=False).status_code == 200
    except httpx.HTTPError:
        return False


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_though_somebody_listens(tmp_path: Path, sign: signal.Signals) -> None:
    with served(tmp_path, "--no-runner") as (process, url):
        job = httpx.post(f"{url}/v1/jobs", json={}).json()["id"]
        with httpx.stream("GET", f"{url}/v1/jobs/{job}/events") as stream:
            lines = stream.iter_lines()
            next(lines)
            assert children(process.pid) == []

            process.send_signal(sign)

            assert not [line for line in lines if "end" in line]
        assert process.wait(20) == 0


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="looks for processes in /proc")
def test_a_runner_that_dies_is_replaced_and_ends_with_the_service(tmp_path: Path) -> None:
    with served(tmp_path) as (process, _):
        eventually(lambda: children(process.pid))
        first = children(process.pid)[0]

        os.kill(first, signal.SIGKILL)

        eventually(lambda: gone(first) and children(process.pid))
        second = children(process.pid)[0]
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 0
        assert gone(second)


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="looks for processes in /proc")
def test_a_runner_does_not_outlive_a_service_that_was_killed(tmp_path: Path) -> None:
    with served(tmp_path) as (process, _):
        eventually(lambda: children(process.pid))
        runner = children(process.pid)[0]

        process.kill()
        process.wait()

        eventually(lambda: gone(runner))


def test_the_server_thins_the_events_of_searches_that_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = Archive(f"sqlite:///{tmp_path / 'star.db'}")
    archive.migrate()
    hand = Hand(archive, "ended")
    hand.add("1.1.1.1.1-9.1.1.1.1-1.1.1.1.1-9.1.1.1.1", 3.0)
    archive.finish(hand.claim, JobState.SUCCEEDED)
    monkeypatch.setenv("STAR_EVENT_HOURS", "0")

    with served(tmp_path, "--no-runner"):
        eventually(lambda: [one.kind for one in archive.events(hand.id)] == ["job", "job", "thinned", "job"])
    archive.close()


def test_a_taken_port_is_said_in_one_line(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        command = [*SERVE[:-1], port, "--no-runner", *kept_in(tmp_path)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)

    assert done.returncode == 1
    assert f"port {port}" in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("command", [("serve", "--no-runner", "--port", "0"), ("run",)], ids=["serve", "run"])
@pytest.mark.parametrize(
    ("place", "reason"), [("file/artifacts", "Not a directory"), ("nowhere://artifacts", "nowhere")]
)
def test_artifacts_that_cannot_be_written_end_a_start_with_the_settings_name(
    tmp_path: Path, command: tuple[str, ...], place: str, reason: str
) -> None:
    (tmp_path / "file").write_text("no directory")
    given = ["--database", f"sqlite:///{tmp_path / 'star.db'}"]
    settings = os.environ | {"STAR_ARTIFACTS": place if "://" in place else str(tmp_path / place)}

    star = [sys.executable, "-m", "api.cli", *command, *given]
    done = subprocess.run(star, env=settings, capture_output=True, text=True, check=False)

    assert done.returncode == 2
    assert "--artifacts (STAR_ARTIFACTS)" in done.stderr
    assert reason in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not (tmp_path / "star.db").exists()
