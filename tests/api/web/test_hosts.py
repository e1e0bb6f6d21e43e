"""The service answers to its own names only, so a name that was rebound to this machine is of no use."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import httpx
import pytest

from api.process.server import Server
from api.process.settings import Settings
from api.web.app import create_app
from search.archive import Archive
from tests.api.web.refusal import refused
from tests.served import answering

EVIL = "evil.example"


@pytest.mark.parametrize(
    "host", [EVIL, f"{EVIL}:8765", f"localhost.{EVIL}", "192.0.2.7", "[::2]:80", "localhost:80:80", "local host", ""]
)
@pytest.mark.usefixtures("nothing_stored")
def test_another_host_is_refused_though_the_origin_matches(client: httpx.Client, host: str) -> None:
    problem = refused(client.post("/v1/jobs", json={}, headers={"Host": host, "Origin": f"http://{host}"}), 421)

    assert "STAR_HOSTS" in problem["detail"]
    assert EVIL not in str(problem)
    for path in ("/", "/static/parts/api.js", "/v1/jobs", "/v1/events"):
        refused(client.get(path, headers={"Host": host}), 421)


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:1", "127.0.0.1:8765", "[::1]", "[::1]:8765"])
def test_the_names_of_this_machine_are_answered(client: httpx.Client, host: str) -> None:
    assert client.get("/healthz", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    ("settings", "host", "status"),
    [
        ({"host": "star.example"}, "star.example", 200),
        ({"hosts": ["Star.example"]}, "star.EXAMPLE:443", 200),
        ({"hosts": ["star.example"]}, EVIL, 421),
        ({"hosts": ["*"]}, EVIL, 200),
    ],
)
def test_further_names_are_a_setting(settings: dict[str, object], host: str, status: int) -> None:
    app = create_app(cast(Archive, None), Settings.model_validate(settings))

    with answering(Server(app)) as url:
        answer = httpx.get(f"{url}/", headers={"Host": host}, trust_env=False)

    assert answer.status_code == status


@pytest.mark.parametrize("path", ["/v1/jobs/", "/static", "/jobs/abc/", "//evil.example/", "/v1//jobs/"])
def test_no_answer_redirects(client: httpx.Client, path: str) -> None:
    answer = client.get(f"{client.base_url}".rstrip("/") + path)

    refused(answer, 404)
    assert "location" not in answer.headers


def test_a_host_with_a_scheme_or_a_port_is_no_setting(tmp_path: Path) -> None:
    for name in ("https://star.example", "star.example:443", "", "a b"):
        with pytest.raises(ValueError, match="hosts"):
            Settings(hosts=[name], exports=tmp_path)
