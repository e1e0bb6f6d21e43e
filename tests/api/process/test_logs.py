"""The log of the processes: one object a line that names what it is about, without secrets, and bounded."""

from __future__ import annotations

import io
import json
import logging
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from api.process.logs import ALIKE, FORMATTERS, WINDOW_SECONDS, Lines
from api.process.settings import LogForm
from search.log_fields import about
from tests.api.process.test_serve import SERVE, kept_in
from tests.processes import eventually

KEY = "star_Abcdefgh_" + 32 * "x"


class Log:
    """A logger whose lines go to standard error, with a clock that a test moves."""

    def __init__(self, form: LogForm, capsys: pytest.CaptureFixture[str]) -> None:
        self.now = 0.0
        self._capsys = capsys
        self._text = ""
        self.handler = Lines(lambda: self.now)
        self.handler.setFormatter(FORMATTERS[form]("server"))
        self.logger = logging.Logger("star.test")
        self.logger.addHandler(self.handler)

    @property
    def lines(self) -> list[str]:
        self._text += self._capsys.readouterr().err
        return self._text.splitlines()

    @property
    def objects(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.lines]


@pytest.fixture
def log(capsys: pytest.CaptureFixture[str]) -> Log:
    return Log("json", capsys)


def test_a_line_says_what_it_is_about(log: Log) -> None:
    with about(job="abc"), about(candidate=7):
        log.logger.warning("lost %d", 2, extra={"about": {"key": "k1"}})
    log.logger.warning("nothing")

    first, second = log.objects
    named = ("level", "logger", "process", "message", "job", "candidate", "key")
    assert [first[name] for name in named] == ["warning", "star.test", "server", "lost 2", "abc", 7, "k1"]
    assert first["time"].endswith("+00:00")
    assert set(second) == {"time", "level", "logger", "process", "message"}


def test_an_error_is_one_line_with_its_traceback(log: Log) -> None:
    try:
        _ = 1 / 0
    except ZeroDivisionError:
        log.logger.exception("a line\nand another")
    (line,) = log.objects
    assert line["message"] == "a line\nand another"
    assert "ZeroDivisionError" in line["error"]


@pytest.mark.parametrize("form", ["json", "text"])
def test_secrets_are_left_out(form: LogForm, capsys: pytest.CaptureFixture[str]) -> None:
    log = Log(form, capsys)
    log.logger.warning("GET /v1/jobs/%s", KEY)
    log.logger.warning("whsec_c2VjcmV0/+= and postgresql://me:secret@host/name")
    text = "\n".join(log.lines)
    assert KEY not in text
    assert "c2VjcmV0" not in text
    assert "secret" not in text
    assert "@host/name" in text


def test_text_shows_the_fields_in_brackets(capsys: pytest.CaptureFixture[str]) -> None:
    log = Log("text", capsys)
    with about(job="abc"):
        log.logger.warning("lost")
    assert log.lines[0].endswith("WARNING server star.test: lost [job=abc]")


def test_a_line_that_repeats_is_counted(log: Log) -> None:
    for n in range(ALIKE + 500):
        log.logger.warning("attempt %d at 100%% failed", n)
    log.logger.warning("another line")
    assert len(log.lines) == ALIKE + 1

    log.now += WINDOW_SECONDS
    log.logger.warning("attempt %d at 100%% failed", 0)
    assert "500 more lines" in log.objects[-2]["message"]
    assert log.objects[-1]["message"] == "attempt 0 at 100% failed"


def test_the_count_is_not_lost_when_the_process_ends(log: Log) -> None:
    for _ in range(ALIKE + 3):
        log.logger.warning("again")
    log.handler.close()
    assert "3 more lines" in log.objects[-1]["message"]


def test_a_line_goes_to_what_is_standard_error_now(monkeypatch: pytest.MonkeyPatch) -> None:
    handler, first, second = Lines(), io.StringIO(), io.StringIO()
    for stream in (first, second):
        monkeypatch.setattr("sys.stderr", stream)
        handler.handle(logging.LogRecord("star.test", logging.WARNING, "", 0, "a line", None, None))
        first.close()
    assert second.getvalue() == "a line\n"


@pytest.fixture
def served_with_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[str, Path]]:
    """The address of a server with a runner, and the file of their log."""
    monkeypatch.setenv("STAR_LOG", "json")
    found = tmp_path / "log"
    with (
        found.open("w") as sink,
        subprocess.Popen(
            [*SERVE, *kept_in(tmp_path)], stdout=subprocess.PIPE, stderr=sink, text=True, start_new_session=True
        ) as process,
    ):
        assert process.stdout is not None
        yield json.loads(process.stdout.readline())["url"], found
        process.terminate()
        assert process.wait(40) == 0


@pytest.mark.slow
def test_server_and_runner_write_objects(served_with_log: tuple[str, Path]) -> None:
    url, file = served_with_log
    sent = {"X-Request-Id": "from-a-proxy.1", "Authorization": f"Bearer {KEY}"}
    job = httpx.post(f"{url}/v1/jobs", json={}).json()["id"]
    httpx.patch(f"{url}/v1/jobs/{job}", json={"name": "renamed"}, headers=sent)

    def lines() -> list[dict[str, Any]]:
        return [json.loads(line) for line in file.read_text().splitlines()]

    eventually(lambda: any(one["process"] == "runner" and one.get("job") == job for one in lines()))
    httpx.post(f"{url}/v1/jobs/{job}/cancel")
    runner = next(one for one in lines() if one["process"] == "runner" and one.get("job") == job)
    assert ":" in runner["runner"]
    (renamed,) = [one for one in lines() if one.get("request") == "from-a-proxy.1"]
    assert (renamed["process"], renamed["level"]) == ("server", "info")
    assert renamed["message"].startswith(f"PATCH /v1/jobs/{job}: ")
    assert KEY not in file.read_text()
