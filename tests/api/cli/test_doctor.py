"""`star doctor`: a sound installation, and one fault at a time."""

from __future__ import annotations

import json
import socket
from importlib.metadata import version
from pathlib import Path

import pytest
import sqlalchemy as sa

from search.archive import Archive
from tests.api.cli.commands import run


@pytest.fixture
def sound(tmp_path: Path) -> list[str]:
    """Options of an installation without a fault."""
    url = f"sqlite:///{tmp_path / 'star.db'}"
    archive = Archive(url)
    archive.migrate()
    archive.close()
    return ["--database", url, "--artifacts", str(tmp_path / "artifacts")]


def found(options: list[str], status: int = 0) -> dict[str, dict[str, str]]:
    answer = run("doctor", *options, "--json", status=status)
    return {one["part"]: one for one in json.loads(answer.stdout)}


def test_a_sound_installation(sound: list[str]) -> None:
    assert {part for part, one in found(sound).items() if one["health"] == "failure"} == set()
    shown = run("doctor", *sound).stdout
    assert f"star-synthesis {version('star-synthesis')}" in shown
    assert all(part in shown for part in found(sound))


def test_a_database_that_does_not_answer(tmp_path: Path) -> None:
    options = ["--database", "postgresql://ada:secret@127.0.0.1:1/star", "--artifacts", str(tmp_path)]
    broken = found(options, status=1)["database"]
    assert (broken["health"], broken["advice"]) == ("failure", "check DATABASE_URL")
    assert "secret" not in json.dumps(found(options, status=1))


def test_a_database_of_another_version(sound: list[str], tmp_path: Path) -> None:
    empty = found(["--database", f"sqlite:///{tmp_path / 'new.db'}", *sound[2:]])["database"]
    assert (empty["health"], empty["advice"]) == ("warning", "run star migrate")
    engine = sa.create_engine(sound[1])
    with engine.begin() as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
    engine.dispose()
    assert found(sound, status=1)["database"]["advice"] == "install the later version"


def test_artifacts_that_cannot_be_written(sound: list[str], tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    broken = found([*sound[:2], "--artifacts", str(tmp_path / "file")], status=1)["artifacts"]
    assert broken["health"] == "failure"
    assert "STAR_ARTIFACTS" in broken["advice"]


def test_a_ray_cluster_that_is_gone(sound: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = f"127.0.0.1:{listener.getsockname()[1]}"
        monkeypatch.setenv("STAR_RAY_ADDRESS", address)
        assert found(sound)["Ray"]["health"] == "ok"
    broken = found(sound, status=1)["Ray"]
    assert address in broken["found"]
    assert "STAR_RAY_ADDRESS" in broken["advice"]


@pytest.mark.parametrize(
    ("variable", "value", "part"),
    [
        ("STAR_HOST", "0.0.0.0", "lock"),
        ("STAR_CORPORA", '["/nowhere"]', "corpora"),
        ("STAR_RAY_ADDRESS", "auto", "Ray"),
    ],
)
def test_a_setting_that_may_be_wrong(
    sound: list[str], monkeypatch: pytest.MonkeyPatch, variable: str, value: str, part: str
) -> None:
    monkeypatch.setenv(variable, value)
    assert found(sound)[part]["health"] == "warning"


def test_the_version_is_the_one_that_is_installed() -> None:
    assert run("--version").stdout == f"{version('star-synthesis')}\n"
