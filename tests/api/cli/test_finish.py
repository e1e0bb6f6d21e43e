"""`star finish`: the honest finish in the terminal and as JSON."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from api.cli import demo
from api.cli.service.finish import in_words
from api.client import Star
from tests.api.cli.commands import run
from tests.served import SEVERAL, Service

pytestmark = pytest.mark.slow

BASE = {"metrics": {"parameters": 1000.0, "cache_bytes": 0.0, "bits_per_byte": 3.0}}


def test_the_finish_is_a_table_and_a_sentence(ask: Callable[..., Any], service: Service, several: str) -> None:
    found = ask("finish", several)
    assert found == service.client.get(f"/v1/jobs/{several}/finish").json()
    lines = run("finish", several, "--url", service.url).stdout.splitlines()
    baselines = [one for one in found["finalists"] if one["baseline"]]
    winners = [one for one in found["finalists"] if not one["baseline"]]

    assert lines[0].strip() == "Honest finish"
    assert lines[1].split() == ["candidate", "seeds", "bits_per_byte", "parameters", "cache_bytes", "genome"]
    for one in found["finalists"]:
        (row,) = [line for line in lines if line.split()[:1] == [str(one["number"])]]
        quality, error = one["metrics"]["bits_per_byte"], one["metrics"]["bits_per_byte_stderr"]
        assert f"2 of 2  {quality:.3f} ± {error:.3f}" in row
        assert row.strip().endswith(one["baseline"] or one["genome"])
    for base in baselines:
        rows = [line for line in lines if line.startswith(f"  against {base['baseline']} ")]
        assert len(rows) == len(winners)
    assert f"The best winner by bits_per_byte is candidate {winners[0]['number']} with" in "\n".join(lines)


def test_a_search_without_a_finish_says_so(ask: Callable[..., Any], service: Service, finished: str) -> None:
    assert ask("finish", finished) == {"seeds": 0, "finalists": []}
    assert "asks for no honest finish" in run("finish", finished, "--url", service.url).stdout


def test_a_finish_that_has_not_begun_says_so(service: Service) -> None:
    body = {"name": "waiting", "plan": SEVERAL}
    job = service.client.post("/v1/jobs", json=body).raise_for_status().json()["id"]
    service.client.post(f"/v1/jobs/{job}/cancel").raise_for_status()
    assert "has not begun" in run("finish", job, "--url", service.url).stdout


def test_an_unknown_search_is_one_line_and_status_2(service: Service) -> None:
    result = run("finish", "nowhere", "--url", service.url, status=2)

    assert "no job 'nowhere'" in result.stderr
    assert len(result.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("metric", "difference", "probability", "clear", "words"),
    [
        ("bits_per_byte", -0.2, 0.97, True, "97 %, clear lead"),
        ("bits_per_byte", -0.2, 0.99999, True, "> 99.9 %, clear lead"),
        ("bits_per_byte", -0.01, 0.6, False, "60 %, within the noise"),
        ("bits_per_byte", 0.2, 0.0002, True, "< 0.1 %, clearly behind"),
        ("bits_per_byte", 0.2, None, False, "noise not known"),
        ("parameters", 0.0, 0.5, False, "equal"),
        ("parameters", -130.0, 1.0, True, "13 % fewer"),
        ("parameters", 25.0, 0.0, True, "2.5 % more"),
        ("parameters", 11_000.0, 0.0, True, "12 times as much"),
        ("parameters", -999.0, 1.0, True, "> 99 % fewer"),
        ("parameters", -0.5, 1.0, True, "< 0.1 % fewer"),
        ("cache_bytes", 64.0, 0.0, True, "larger"),
    ],
)
def test_comparisons_in_words(
    metric: str, difference: float, probability: float | None, clear: bool, words: str
) -> None:
    compared = {"metric": metric, "difference": difference, "probability": probability, "clear": clear}
    assert in_words(compared, BASE) == words


def test_the_demo_ends_with_the_finish_of_a_search_that_has_one(
    service: Service, several: str, finished: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with Star(service.url) as client:
        for job in (several, finished):
            demo.show_finish_of(client, client.get(f"/v1/jobs/{job}"))
    assert capsys.readouterr().out.count("Honest finish") == 1
