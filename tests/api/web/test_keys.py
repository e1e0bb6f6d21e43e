"""The lock on the service: who may look, who may submit, and what a service without keys does."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from api.process.settings import Settings
from api.web.access import COOKIE, is_loopback, require_lock
from search.archive import Archive
from search.archive.custody.keyring import KEYLESS_SECONDS
from search.archive.custody.keys import Scope
from tests.processes import eventually
from tests.served import Service, serving

PLAN = {"plan": {"candidates": 2}}


@pytest.fixture
def locked(tmp_path: Path) -> Iterator[Service]:
    """A service that nobody else uses, so that keys may be created."""
    with serving(tmp_path) as service:
        yield service


@pytest.fixture
def key(locked: Service) -> Callable[..., dict[str, str]]:
    """Creates a key and returns the header that shows it."""

    def create(scope: Scope = Scope.SUBMIT, **limits: Any) -> dict[str, str]:
        return {"Authorization": f"Bearer {locked.archive.create_key('Ada', scope, **limits)[1]}"}

    return create


def routes(service: Service) -> list[tuple[str, str]]:
    """Method and path of every operation of the API, with ids that exist nowhere."""
    paths = service.client.get("/openapi.json").json()["paths"]
    made = [(method, path) for path, operations in paths.items() for method in operations]
    values = {"{job_id}": "none", "{number}": "1", "{file}": "none.zip"}
    for name, value in values.items():
        made = [(method, path.replace(name, value)) for method, path in made]
    return made


def test_without_keys_this_machine_needs_none(locked: Service) -> None:
    assert locked.client.get("/v1/jobs").status_code == 200
    assert locked.client.post("/v1/jobs", json=PLAN).json()["key"] is None
    assert locked.client.get("/v1/session").json() == {"name": None, "scope": None, "expires_at": None}


def test_once_a_key_exists_every_operation_needs_one(locked: Service, key: Callable[..., dict[str, str]]) -> None:
    key()
    asked = [route for route in routes(locked) if route[1] not in ("/healthz", "/readyz", "/v1/session")]
    assert len(asked) > 20
    for method, path in asked:
        answer = locked.client.request(method, path)
        assert answer.status_code == 401, (method, path)
        assert answer.headers["www-authenticate"] == "Bearer"
        assert answer.headers["content-type"] == "application/problem+json"
    assert locked.client.get("/healthz").status_code == 200
    assert locked.client.get("/").status_code == 200  # the pages hold no data


def test_a_key_that_another_process_creates_is_needed_soon(locked: Service, tmp_path: Path) -> None:
    assert locked.client.get("/v1/jobs").status_code == 200
    other = Archive(f"sqlite:///{tmp_path / 'star.db'}")
    other.create_key("Ada", Scope.READ)
    other.close()
    eventually(lambda: locked.client.get("/v1/jobs").status_code == 401, seconds=10 * KEYLESS_SECONDS)


def test_a_scope_permits_so_much_and_no_more(locked: Service, key: Callable[..., dict[str, str]]) -> None:
    reader, submitter = key(Scope.READ), key(Scope.SUBMIT)
    assert locked.client.get("/v1/jobs", headers=reader).status_code == 200
    refused = locked.client.post("/v1/jobs", json=PLAN, headers=reader)
    assert refused.status_code == 403
    assert "scope read" in refused.json()["detail"]
    assert locked.archive.jobs().items == []
    job = locked.client.post("/v1/jobs", json=PLAN, headers=submitter).json()
    assert job["key"] == submitter["Authorization"].split("_")[1]
    assert locked.client.post(f"/v1/jobs/{job['id']}/cancel", headers=reader).status_code == 403
    assert locked.client.post(f"/v1/jobs/{job['id']}/cancel", headers=submitter).status_code == 200


@pytest.mark.parametrize(
    "ruin", ["no key", "star_abcdefgh_" + "x" * 32, "other secret", "star_\N{LATIN SMALL LETTER E WITH ACUTE}"]
)
def test_a_text_that_is_no_key_is_refused(locked: Service, key: Callable[..., dict[str, str]], ruin: str) -> None:
    good = key()["Authorization"]
    text = good[:-1] + ("a" if good[-1] != "a" else "b") if ruin == "other secret" else ruin
    header = {b"Authorization": f"Bearer {text}".encode("latin-1")}
    assert locked.client.get("/v1/jobs", headers=header).status_code == 401


def test_a_key_ends_at_its_time_and_when_it_is_revoked(locked: Service, key: Callable[..., dict[str, str]]) -> None:
    expired, revoked, good = key(seconds=0), key(), key(seconds=60)
    locked.archive.revoke_key(revoked["Authorization"].split("_")[1])
    assert [locked.client.get("/v1/jobs", headers=one).status_code for one in (expired, revoked, good)] == [
        401,
        401,
        200,
    ]
    for one in locked.archive.api_keys():
        locked.archive.revoke_key(one.id)
    assert locked.client.get("/v1/jobs").status_code == 401  # revoking the last key does not open the service


def test_a_key_has_only_so_many_searches_at_once(locked: Service, key: Callable[..., dict[str, str]]) -> None:
    one, other = key(jobs=1), key()
    first = locked.client.post("/v1/jobs", json=PLAN, headers=one)
    assert first.status_code == 202
    refused = locked.client.post("/v1/jobs", json=PLAN, headers=one)
    assert refused.status_code == 429
    assert "Retry-After" in refused.headers
    assert locked.client.post("/v1/jobs", json=PLAN, headers=other).status_code == 202
    locked.client.post(f"/v1/jobs/{first.json()['id']}/cancel", headers=one)
    assert locked.client.post("/v1/jobs", json=PLAN, headers=one).status_code == 202


def test_a_browser_keeps_a_key_that_no_script_reads(locked: Service, key: Callable[..., dict[str, str]]) -> None:
    text = key(Scope.READ)["Authorization"].removeprefix("Bearer ")
    with httpx.Client(base_url=locked.url, trust_env=False) as browser:
        assert browser.get("/v1/session").status_code == 401
        assert browser.post("/v1/session", json={"key": text[:-1] + "-"}).status_code == 401
        begun = browser.post("/v1/session", json={"key": text})
        assert begun.json()["scope"] == "read"
        cookie = begun.headers["set-cookie"].lower()
        assert all(part in cookie for part in ("httponly", "samesite=strict", "path=/"))
        assert browser.get("/v1/jobs").status_code == 200
        assert browser.get("/v1/session").json()["name"] == "Ada"
        assert browser.post("/v1/jobs", json=PLAN).status_code == 403
        browser.delete("/v1/session")
        assert COOKIE not in browser.cookies
        assert browser.get("/v1/jobs").status_code == 401


def test_no_answer_holds_the_secret_of_a_key(locked: Service, key: Callable[..., dict[str, str]]) -> None:
    header = key()
    secret = header["Authorization"].split("_")[2]
    answers = [locked.client.get(path, headers=header).text for path in ("/v1/jobs", "/v1/session", "/openapi.json")]
    answers.append(locked.client.post("/v1/jobs", json=PLAN, headers=header).text)
    assert not any(secret in answer for answer in answers)
    assert secret not in Path(locked.settings.database_url.removeprefix("sqlite:///")).read_bytes().decode("latin-1")


LOOPBACK = {"127.0.0.1": True, "127.9.9.9": True, "::1": True, "[::1]": True, "localhost": True}
BEYOND = {"0.0.0.0": False, "::": False, "10.0.0.1": False, "star": False, "localhost.example": False}


@pytest.mark.parametrize(("host", "inside"), [*LOOPBACK.items(), *BEYOND.items()])
def test_loopback_is_this_machine_alone(host: str, inside: bool) -> None:
    assert is_loopback(host) == inside


def test_a_service_does_not_open_itself_to_a_network(tmp_path: Path) -> None:
    archive = Archive(f"sqlite:///{tmp_path / 'star.db'}")
    archive.migrate()
    with pytest.raises(ValueError, match="star keys create"):
        require_lock(archive, Settings(host="0.0.0.0"))
    require_lock(archive, Settings(host="0.0.0.0", insecure=True))
    require_lock(archive, Settings(host="127.0.0.1"))
    archive.create_key("Ada", Scope.READ)
    require_lock(archive, Settings(host="0.0.0.0"))
    archive.close()
