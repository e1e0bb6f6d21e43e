"""Settings come from the environment, and what is illegal is refused by name."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from api.process.settings import Settings


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


def test_what_is_illegal_is_refused_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STAR_WORKERS", "0")
    with pytest.raises(ValidationError, match="workers"):
        Settings()
