"""Bad requests: a problem that names the fault, and nothing stored."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from api.web.middleware.limits import MAX_BODY
from tests.api.web.refusal import refused
from tests.served import Service

JSON = {"content-type": "application/json"}


@pytest.mark.parametrize(
    ("body", "pointer", "legal"),
    [
        ({"plans": {}}, "/plans", "legal: name, preset, priority, tags, plan"),
        ({"preset": "desktop"}, "/preset", "legal: laptop, star-125m"),
        ({"name": "n" * 201}, "/name", "at most 200 characters"),
        ({"name": "a\0b"}, "/name", "control characters"),
        ({"plan": []}, "/plan", "dictionary"),
        ([], "", "JSON object"),
    ],
)
@pytest.mark.usefixtures("nothing_stored")
def test_a_bad_submission_names_field_and_legal_values(
    client: httpx.Client, body: Any, pointer: str, legal: str
) -> None:
    problem = refused(client.post("/v1/jobs", json=body))

    assert [fault["pointer"] for fault in problem["errors"]] == [pointer]
    assert legal in problem["errors"][0]["detail"]


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999"])
@pytest.mark.usefixtures("nothing_stored")
def test_non_finite_numbers_are_refused(client: httpx.Client, number: str) -> None:
    body = f'{{"plan": {{"budget": {{"learning_rate": {number}}}}}}}'

    problem = refused(client.post("/v1/jobs", content=body, headers=JSON))

    assert problem["errors"] == [{"pointer": "/plan/budget/learning_rate", "detail": "numbers must be finite"}]


@pytest.mark.parametrize("body", ['{"plan": ', "[" * 30_000, '{"plan": {"seed": ' + "9" * 5000 + "}}"])
@pytest.mark.usefixtures("nothing_stored")
def test_what_is_no_json_is_refused(client: httpx.Client, body: str) -> None:
    refused(client.post("/v1/jobs", content=body, headers=JSON), 400)


@pytest.mark.parametrize("chunked", [False, True], ids=["announced", "chunked"])
@pytest.mark.usefixtures("nothing_stored")
def test_a_body_too_large_is_refused_however_it_is_sent(client: httpx.Client, chunked: bool) -> None:
    body = b'{"name": "' + b"x" * MAX_BODY + b'"}'
    content = iter([body[:1000], body[1000:]]) if chunked else body

    problem = refused(client.post("/v1/jobs", content=content, headers=JSON), 413)

    assert str(MAX_BODY) in problem["detail"]


def test_a_problem_is_short_however_long_the_input(client: httpx.Client) -> None:
    body = {"plan": {"space": {"classes": ["x" * 4000]}} | {f"field {n}": 1 for n in range(2000)}}

    answer = client.post("/v1/jobs", json=body)

    refused(answer)
    assert len(answer.content) < 16_000


@pytest.mark.parametrize(
    ("query", "parameter"),
    [("page_size=0", "page_size"), ("page_size=x", "page_size"), ("page_token=eA", "page_token")],
)
def test_a_bad_parameter_is_named(client: httpx.Client, query: str, parameter: str) -> None:
    problem = refused(client.get(f"/v1/jobs?{query}"))

    assert problem["errors"][0]["parameter"] == parameter


@pytest.mark.parametrize(
    ("path", "legal"),
    [
        ("/v1/jobs?page_sise=3&page_size=2", "page_size, page_token"),
        ("/v1/catalogue?page_sise=1", "none"),
        ("/healthz?page_sise=1", "none"),
        ("/v1/events?page_sise=1", "after"),
    ],
)
def test_an_unknown_parameter_is_named_with_the_legal_ones(client: httpx.Client, path: str, legal: str) -> None:
    (fault,) = refused(client.get(path))["errors"]

    assert fault["parameter"] == "page_sise"
    assert fault["detail"].startswith(f"unknown query parameter; legal: {legal}")


def test_other_methods_and_places_are_problems_too(client: httpx.Client) -> None:
    wrong_method = client.delete("/v1/jobs")

    refused(wrong_method, 405)
    assert wrong_method.headers["allow"] == "GET, POST"
    refused(client.get("/v1/nothing"), 404)


@pytest.mark.usefixtures("nothing_stored")
def test_pages_of_other_sites_may_not_act(client: httpx.Client) -> None:
    refused(client.post("/v1/jobs", json={}, headers={"Origin": "http://elsewhere.example"}), 403)


def test_a_page_of_this_site_may_act(client: httpx.Client) -> None:
    own = f"http://{client.base_url.netloc.decode()}"

    assert client.post("/v1/jobs", json={}, headers={"Origin": own}).status_code == 202


def test_an_unexpected_failure_tells_nothing_of_the_inside(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any) -> None:
        raise RuntimeError("secret of the inside")

    monkeypatch.setattr(service.archive, "frontier", broken)
    job = service.client.post("/v1/jobs", json={}).json()["id"]

    problem = refused(service.client.get(f"/v1/jobs/{job}/frontier"), 500)

    assert "secret" not in str(problem)
