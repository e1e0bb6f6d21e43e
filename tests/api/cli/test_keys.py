"""`star keys`, and commands that send a key."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.api.cli.commands import run
from tests.served import serving


@pytest.fixture
def database(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'star.db'}"


def test_a_key_is_created_listed_and_revoked(database: str) -> None:
    where = ("--database", database)
    made = json.loads(
        run("keys", "create", "Ada", "--scope", "read", "--days", "2", "--rate", "9", *where, "--json").stdout
    )
    assert made["key"].startswith(f"star_{made['id']}_")
    assert (made["name"], made["scope"], made["rate"]) == ("Ada", "read", 9)
    listed = run("keys", "list", *where).stdout
    assert made["id"] in listed
    assert made["key"] not in listed
    assert run("keys", "revoke", made["id"], *where).stdout == f"the key {made['id']} of Ada is revoked\n"
    assert json.loads(run("keys", "list", *where, "--json").stdout)[0]["revoked_at"] is not None


def test_only_the_key_is_on_standard_output(database: str) -> None:
    made = run("keys", "create", "Ada", "--database", database)
    assert made.stdout.startswith("star_")
    assert made.stdout.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("keys", "create", " "), "NAME must be 1 to 200 printable characters"),
        (("keys", "create", "Ada", "--scope", "root"), "'root' is not one of 'read', 'submit', 'admin'"),
        (("keys", "revoke", "nobody"), "there is no key 'nobody'"),
    ],
)
def test_bad_input_is_told_with_the_legal_values(database: str, arguments: tuple[str, ...], says: str) -> None:
    ended = run(*arguments, "--database", database, status=2)
    assert says in ended.stderr


def test_commands_send_the_key_of_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(tmp_path) as service:
        made = run("keys", "create", "Ada", "--database", service.settings.database_url)
        refused = run("jobs", "--url", service.url, status=2)
        assert "an API key is needed" in refused.stderr
        monkeypatch.setenv("STAR_API_KEY", made.stdout.strip())
        assert json.loads(run("jobs", "--url", service.url, "--json").stdout)["jobs"] == []


def test_a_server_for_a_network_asks_for_a_key_first(tmp_path: Path, database: str) -> None:
    store = ("--database", database, "--artifacts", str(tmp_path / "artifacts"))
    ended = run("serve", "--host", "0.0.0.0", "--port", "0", "--no-runner", *store, status=2)
    assert "star keys create NAME" in ended.stderr
