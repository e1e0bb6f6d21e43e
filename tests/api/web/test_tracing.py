"""The id of a request, given or made, in the answer and in problem documents."""

from __future__ import annotations

import logging
from pathlib import Path

import httpx
import pytest

from tests.api.web.refusal import refused
from tests.served import serving


def test_an_id_is_made_for_every_request(client: httpx.Client) -> None:
    ids = {client.get("/healthz").headers["x-request-id"] for _ in range(3)}
    assert len(ids) == 3
    assert all(len(one) == 32 for one in ids)


@pytest.mark.parametrize("given", ["abc-1", "req:1.2_3", 64 * "x"])
def test_a_sane_id_is_kept(client: httpx.Client, given: str) -> None:
    assert client.get("/healthz", headers={"X-Request-Id": given}).headers["x-request-id"] == given


@pytest.mark.parametrize("given", ["", "a b", 65 * "x", 'a"b', "<script>", "../up"])
def test_any_other_id_is_replaced(client: httpx.Client, given: str) -> None:
    found = client.get("/healthz", headers={"X-Request-Id": given}).headers["x-request-id"]
    assert found != given
    assert len(found) == 32


@pytest.mark.parametrize(
    ("method", "path", "headers", "status"),
    [
        ("GET", "/v1/jobs/none", {}, 404),
        ("GET", "/v1/jobs?colour=red", {}, 422),
        ("GET", "/healthz", {"Host": "elsewhere"}, 421),
        ("POST", "/v1/jobs", {"Origin": "https://elsewhere.example"}, 403),
        ("POST", "/v1/jobs", {"Content-Length": "1000000"}, 413),
    ],
)
def test_a_problem_names_its_request(
    client: httpx.Client, method: str, path: str, headers: dict[str, str], status: int
) -> None:
    content = b" " * int(headers.get("Content-Length", 0))
    answer = client.request(method, path, content=content, headers={**headers, "X-Request-Id": "mine"})
    assert refused(answer, status)["request_id"] == answer.headers["x-request-id"] == "mine"


def test_an_unexpected_error_is_found_in_the_log_by_the_id_of_its_problem(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with serving(tmp_path) as service, caplog.at_level(logging.INFO):
        monkeypatch.setattr(service.archive, "webhooks", lambda: 1 // 0)
        answer = service.client.get("/v1/webhooks", headers={"X-Request-Id": "mine"})
    assert refused(answer, 500)["request_id"] == answer.headers["x-request-id"] == "mine"
    assert "GET /v1/webhooks: 500 in" in caplog.text
