"""Bad input: a problem that names the field and the legal values, and nothing stored."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from api.web.limits import MAX_BODY
from tests.served import Service

JSON = {"content-type": "application/json"}


@pytest.fixture
def nothing_stored(service: Service) -> Iterator[None]:
    before = service.archive.events(limit=100_000)
    yield
    assert service.archive.events(limit=100_000) == before


def refused(answer: httpx.Response, status: int = 422) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    problem: dict[str, Any] = answer.json()
    assert problem["status"] == status
    assert problem["title"]
    return problem


RECALL: dict[str, Any] = {"task": {"kind": "recall", "pairs": 8}, "objectives": ["parameters"]}

BAD_PLANS: list[tuple[dict[str, Any], str, str]] = [
    ({"candidates": 2_000_000}, "/plan/candidates", "less than or equal to 1000000"),
    ({"candidates": 0}, "/plan/candidates", "greater than or equal to 1"),
    ({"width": "wide"}, "/plan/width", "valid integer"),
    ({"width": 65}, "/plan/width", "multiple of head_dim 16"),
    ({"head_dim": 1, "space": {"classes": ["DeltaNet"]}}, "/plan/head_dim", "heads of one channel"),
    ({"budget": {"steps": 10**9}}, "/plan/budget/steps", "less than or equal to 10000000"),
    ({"budget": {"stepz": 1}}, "/plan/budget/stepz", "legal: steps, batch, length"),
    ({"colour": "red"}, "/plan/colour", "legal: space, width, head_dim"),
    ({"task": {"kind": "text", "corpora": "x"}}, "/plan/task/corpora", "legal: kind, corpus"),
    ({"task": {"kind": "recall", "pairs": 0}}, "/plan/task/pairs", "greater than or equal to 1"),
    ({"task": {"kind": "vision"}}, "/plan/task/kind", "legal: text, recall"),
    (
        RECALL | {"task": {"kind": "recall", "pairs": 9, "symbols": 16}},
        "/plan/task/pairs",
        "must be 1 to 7, not 9",
    ),
    (
        RECALL | {"budget": {"length": 31}},
        "/plan/budget/length",
        "must be 32 or more",
    ),
    ({"task": {"kind": "recall", "symbols": 9}}, "/plan/task/symbols", "multiple of 2"),
    ({"task": "text"}, "/plan/task", "object with the field `kind`"),
    ({"task": {"kind": "text", "corpus": ""}}, "/plan/task/corpus", "at least 1 character"),
    ({"space": {"classes": ["SA-1", "SA-99"]}}, "/plan/space/classes/1", "legal: SA-1, SA-2"),
    ({"space": {"classes": []}}, "/plan/space/classes", "at least 1 item"),
    ({"space": {"depth": 1000}}, "/plan/space/depth", "less than or equal to 256"),
    ({"objectives": ["bits_per_byte", "beauty"]}, "/plan/objectives/1", "decode_ms, train_seconds"),
    ({"objectives": ["recall_error"]}, "/plan/objectives/0", "it reports bits_per_byte"),
    ({"objectives": ["flops_per_token"]}, "/plan/objectives/0", "legal: bits_per_byte"),
    ({"objectives": ["decode_ms", "decode_ms"]}, "/plan/objectives", "must be different"),
    ({"objectives": []}, "/plan/objectives", "at least 1 item"),
    ({"constraints": [{"metric": "recall_error", "at_most": 1}]}, "/plan/constraints/0/metric", "it reports bits_per"),
    ({"constraints": [{"metric": "parameters", "at_most": -1}]}, "/plan/constraints/0/at_most", "greater than 0"),
    ({"space": {"classes": ["SA-1\0"]}}, "/plan/space/classes/0", "printable"),
    ({"task": {"corpus": "x" * 5000}}, "/plan/task/corpus", "at most 4096 characters"),
]


@pytest.mark.parametrize(
    ("plan", "pointer", "legal"), BAD_PLANS, ids=[f"{p}-{n}" for n, (_, p, _) in enumerate(BAD_PLANS)]
)
@pytest.mark.usefixtures("nothing_stored")
def test_a_bad_plan_names_field_and_legal_values(
    client: httpx.Client, plan: dict[str, Any], pointer: str, legal: str
) -> None:
    problem = refused(client.post("/v1/jobs", json={"plan": plan}))

    faults = {fault["pointer"]: fault["detail"] for fault in problem["errors"]}
    assert legal in faults[pointer]
    assert faults[pointer] in problem["detail"]


@pytest.mark.parametrize(
    ("body", "pointer", "legal"),
    [
        ({"plans": {}}, "/plans", "legal: name, preset, plan"),
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


@pytest.mark.usefixtures("nothing_stored")
def test_a_corpus_outside_the_allowed_directories_is_refused(service: Service, tmp_path: Path) -> None:
    allowed = service.settings.corpora[0]
    (allowed / "out").symlink_to(tmp_path)
    for corpus in ("/etc", str(tmp_path), str(allowed / ".." / ".."), str(allowed / "out"), "relative"):
        problem = refused(service.client.post("/v1/jobs", json={"plan": {"task": {"corpus": corpus}}}))

        assert problem["errors"][0]["pointer"] == "/plan/task/corpus"
        assert str(allowed.resolve()) in problem["errors"][0]["detail"]


def test_an_allowed_corpus_is_stored_as_its_resolved_path(service: Service) -> None:
    corpus = service.settings.corpora[0] / "words"
    corpus.mkdir()
    for n in range(3):
        (corpus / f"{n}.txt").write_text(f"{n} all work and no play\n" * 3000)

    answer = service.client.post("/v1/jobs", json={"plan": {"task": {"corpus": f"{corpus}/../words/"}}})

    assert answer.json()["plan"]["task"] == {"kind": "text", "corpus": str(corpus.resolve())}


@pytest.mark.parametrize(
    ("body", "pointer", "legal"),
    [
        ({"genome": "999.1.1.1.1"}, "/genome", "segment 1, class: 999 is not in the space; legal: 0, 1, 2"),
        ({"genome": "1.1.2.1.1-9.1.2.1.1"}, "/genome", "group 1 belongs to class 1"),
        ({"genome": "1.1.1.1.9"}, "/genome", "legal here: 1 to 4"),
        ({"genome": "0.1.1.1.1"}, "/genome", "at least one must be an operator"),
        ({"genome": "import os"}, "/genome", "must be five integers"),
        ({"genome": ""}, "/genome", "at least 1 character"),
        ({"genome": "1" * 20_000}, "/genome", "at most 16384 characters"),
        ({"genome": "1.1.1.1.1", "width": 0}, "/width", "greater than or equal to 1"),
        ({"genome": "1.1.1.1.1", "width": 64, "head_dim": 48}, "/head_dim", "multiple of head_dim 48"),
        ({"genome": "1.1.1.1.1", "depth": 3}, "/depth", "legal: genome, width, head_dim, vocab, window, context"),
        ({}, "/genome", "Field required"),
    ],
)
def test_an_illegal_genome_names_segment_gene_and_legal_values(
    client: httpx.Client, body: dict[str, Any], pointer: str, legal: str
) -> None:
    problem = refused(client.post("/v1/genomes/cost", json=body))

    assert problem["errors"][0]["pointer"] == pointer
    assert legal in problem["errors"][0]["detail"]


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
