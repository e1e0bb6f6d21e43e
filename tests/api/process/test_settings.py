"""Settings come from the environment, and what is illegal is refused by name."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from pydantic import ValidationError

from api.process.settings import Settings
from api.process.sources import origins
from tests.api.cli.commands import run


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("STAR_DATABASE_URL", "DATABASE_URL", "STAR_WORKERS", "STAR_CORPORA", "STAR_ARTIFACTS", "STAR_EXPORTS"):
        monkeypatch.delenv(name, raising=False)


def test_without_any_it_works_in_this_directory() -> None:
    settings = Settings()
    assert settings.database_url == "sqlite:///var/star.db"
    assert settings.artifacts == "var/artifacts"
    assert settings.exports == Path("var/exports")
    assert settings.corpora == []


def test_the_hosts_database_is_read_and_our_own_name_goes_before_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://host/theirs")
    assert Settings().database_url == "postgresql://host/theirs"
    monkeypatch.setenv("STAR_DATABASE_URL", "postgresql://host/ours")
    assert Settings().database_url == "postgresql://host/ours"


def test_corpora_are_a_list(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STAR_CORPORA", '["/data/books", "/data/code"]')
    assert Settings().corpora == [Path("/data/books"), Path("/data/code")]


@pytest.mark.parametrize(
    "text", ["mlflow:https://host,tensorboard:runs", '["mlflow:https://host", "tensorboard:runs"]']
)
def test_trackers_are_a_list_with_commas_or_as_json(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STAR_TRACKERS", text)
    settings = Settings()
    assert settings.trackers == ["mlflow:https://host", "tensorboard:runs"]
    for name, value in settings.environment().items():
        monkeypatch.setenv(name, value)
    assert Settings() == settings


def test_a_file_lists_trackers() -> None:
    Path("star.toml").write_text('trackers = ["wandb:team/project"]\n')
    assert Settings().trackers == ["wandb:team/project"]


def test_what_is_illegal_is_refused_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STAR_WORKERS", "0")
    with pytest.raises(ValidationError, match="workers"):
        Settings()


def test_a_file_gives_what_the_environment_and_options_do_not(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("star.toml").write_text(
        'database_url = "sqlite:///file.db"\nworkers = 3\nport = 1000\nhost = "file"\ncorpora = ["/a", "/b"]\n'
        'ray_address = "head:6379"\nkernels = "torch"\n'
    )
    Path(".env").write_text("STAR_PORT=2000\nSTAR_HOST=dotenv\n")
    monkeypatch.setenv("STAR_HOST", "environment")
    settings = Settings(database_url="sqlite:///option.db")

    assert settings.database_url == "sqlite:///option.db"
    assert (settings.workers, settings.port, settings.host) == (3, 2000, "environment")
    assert settings.corpora == [Path("/a"), Path("/b")]
    assert settings.exported() == {"STAR_KERNELS": "torch", "STAR_RAY_ADDRESS": "head:6379"}
    assert origins(Settings, ["database_url"]) == {
        "database_url": "option",
        "workers": "star.toml",
        "corpora": "star.toml",
        "ray_address": "star.toml",
        "kernels": "star.toml",
        "port": ".env",
        "host": "environment",
    }


def test_the_environment_wins_over_the_file_under_either_name(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("star.toml").write_text('database_url = "sqlite:///file.db"\n')
    assert Settings().database_url == "sqlite:///file.db"
    monkeypatch.setenv("DATABASE_URL", "postgresql://host/theirs")
    assert Settings().database_url == "postgresql://host/theirs"
    assert origins(Settings, ()) == {"database_url": "environment"}


def test_the_environment_names_another_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    Path("star.toml").write_text("workers = 3\n")
    (tmp_path / "other.toml").write_text("workers = 4\n")
    monkeypatch.setenv("STAR_CONFIG", str(tmp_path / "other.toml"))
    assert Settings().workers == 4
    monkeypatch.setenv("STAR_CONFIG", str(tmp_path / "none.toml"))
    with pytest.raises(ValueError, match=r"STAR_CONFIG: .*none\.toml cannot be read"):
        Settings()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("worker = 3", "star.toml: unknown setting worker; legal: artifacts, corpora, "),
        ("[service]\nworkers = 3", "star.toml: unknown setting service; legal: "),
        ("workers: 3", "star.toml is not TOML"),
        ("workers = 0", "workers"),
    ],
)
def test_what_is_wrong_in_a_file_is_said_in_one_line(text: str, said: str) -> None:
    Path("star.toml").write_text(text)
    error = run("doctor", status=2).stderr
    assert said in error
    assert len(error.splitlines()) == 1


def test_the_doctor_says_where_settings_come_from(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("star.toml").write_text("workers = 3\n")
    monkeypatch.setenv("STAR_LOG", "json")
    findings = json.loads(run("doctor", "--database", "sqlite:///star.db", "--json").stdout)
    assert findings[0]["part"] == "settings"
    assert findings[0]["found"] == "database_url from option, log from environment, workers from star.toml"
