"""The client commands: the same facts as the API, as tables and as JSON; a refusal is one line and a status."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import star
from tests.api.cli.commands import run
from tests.served import SMALL, Service

pytestmark = pytest.mark.slow


def test_a_search_from_the_command_line(ask: Callable[..., Any], tmp_path: Path) -> None:
    plan = tmp_path / "plan.json"
    plan.write_text(json.dumps({"budget": {"steps": 5}, "space": {"depth": 3}}))

    job = ask(
        "submit", "--name", "by hand", "--plan", plan, "--set", "budget.steps=6", "--set", 'space.classes=["SA-1"]'
    )

    assert job["plan"]["budget"]["steps"] == 6
    assert job["plan"]["space"] | {"depth": 3, "classes": ["SA-1"]} == job["plan"]["space"]
    assert [ask(action, job["id"])["state"] for action in ("pause", "resume", "cancel")] == [
        "paused",
        "queued",
        "cancelled",
    ]
    assert ask("jobs", job["id"])["name"] == "by hand"
    assert job["id"] in [one["id"] for one in ask("jobs")["jobs"]]


def test_a_repeated_submission_with_a_key(ask: Callable[..., Any]) -> None:
    first, second = (ask("submit", "--idempotency-key", "from-a-script") for _ in range(2))

    assert first["id"] == second["id"]


def test_a_genome_from_the_command_line(ask: Callable[..., Any], service: Service) -> None:
    job = ask("submit", "--set", "space.depth=2")["id"]

    found = ask("inject", job, "41111-21111", "--by", "Ada", "--idempotency-key", "one-genome")

    assert (found["genome"], found["by"], found["candidate"]) == ("4.1.1.1.1-2.1.1.1.1", "Ada", None)
    assert ask("inject", job, "41111-21111", "--by", "Ada", "--idempotency-key", "one-genome") == found
    assert "waits for a worker" in run("inject", job, "41111-21111", "--url", service.url, status=2).stderr
    assert "3.1.1.1.1" in run("inject", job, "31111-21111", "--url", service.url).stdout
    ask("cancel", job)


def test_a_winner_from_the_command_line(ask: Callable[..., Any], finished: str, tmp_path: Path) -> None:
    best = ask("frontier", finished)["candidates"][0]
    assert ask("candidate", finished, best["number"])["genome"] == best["genome"]

    exported = ask("export", finished, best["number"], "--to", tmp_path)

    assert exported["files"] == ["README.md", "frontier.svg", "genome.json", "model.safetensors"]
    assert star.load(exported["folder"]).training is False

    converted = json.loads(run("convert", exported["folder"], "--to", tmp_path / "again", "--json").stdout)
    assert converted == {"folder": str(tmp_path / "again"), "files": exported["files"]}
    assert "README.md, frontier.svg" in run("convert", tmp_path / "again", "--to", tmp_path / "third").stdout


def test_an_unknown_format_is_refused_on_the_command_line(service: Service, finished: str, tmp_path: Path) -> None:
    number, words = service.archive.frontier(finished)[0].number, "the format is 'pickle'; legal: folder"
    asked = ("export", finished, number, "--to", tmp_path / "a", "--format", "pickle", "--url", service.url)
    assert words in run(*asked, status=2).stderr
    folder = run("export", finished, number, "--to", tmp_path, "--url", service.url).stdout.split()[1]
    assert words in run("convert", folder, "--to", tmp_path / "b", "--format", "pickle", status=2).stderr
    assert "is not empty" in run("convert", folder, "--to", tmp_path, status=2).stderr
    assert [path.name for path in tmp_path.iterdir()] == [Path(folder).name]


def test_tables_for_people(service: Service, finished: str) -> None:
    assert f"{SMALL['candidates']}/{SMALL['candidates']} (2 failed)" in run("jobs", "--url", service.url).stdout
    assert "± 0.010" in run("frontier", finished, "--url", service.url).stdout
    assert "SA-1, GMemless" in run("candidate", finished, 1, "--url", service.url).stdout
    assert f"{service.url}/jobs/{finished}" in run("jobs", finished, "--url", service.url).stdout


def test_a_candidate_is_shown_with_its_trainings(ask: Callable[..., Any], service: Service, several: str) -> None:
    best = ask("frontier", several)["candidates"][0]
    trainings = ask("candidate", several, best["number"])["trainings"]
    lines = [
        line.strip() for line in run("candidate", several, best["number"], "--url", service.url).stdout.splitlines()
    ]
    rows = lines[lines.index("Trainings") + 1 :]

    assert rows[0].split() == ["purpose", "tokens", "seed", "state", "bits_per_byte", "seconds"]
    assert len(rows) == 1 + len(trainings) > 2
    for row, one in zip(rows[1:], trainings, strict=True):
        assert row.startswith(one["purpose"])
        assert f"{one['metrics']['bits_per_byte']:.3f} ± 0.010" in row
        assert row.split()[-1] == "1.0"
    job = ask("jobs", several)
    assert f"trainings    {job['outcomes']} with" in run("jobs", several, "--url", service.url).stdout


def test_candidates_are_listed_sorted_and_filtered(ask: Callable[..., Any], service: Service, finished: str) -> None:
    def numbers(*options: str | int) -> list[int]:
        return [one["number"] for one in ask("candidates", finished, *options)["candidates"]]

    every = numbers()
    assert every == list(range(1, SMALL["candidates"] + 1))
    assert numbers("--sort", "-number") == every[::-1]
    assert numbers("--state", "failed") == numbers("--failure", "diverged") == [5, 10]
    assert sorted(numbers("--frontier") + numbers("--dominated")) == every
    assert 0 < len(numbers("--contains", "SA-1")) < len(every)
    first = ask("candidates", finished, "--page-size", 5)
    assert numbers("--page-size", 7, "--page-token", first["next_page_token"]) == every[5:]
    shown = run("candidates", finished, "--failure", "diverged", "--page-size", 1, "--url", service.url).stdout
    assert shown.splitlines()[-1].startswith("more: --page-token ")
    assert "5          diverged  -" in shown
    assert (
        "number, finished_at" in run("candidates", finished, "--sort", "beauty", "--url", service.url, status=2).stderr
    )


def test_relatives_are_listed(ask: Callable[..., Any], service: Service, finished: str) -> None:
    child = next(one for one in ask("candidates", finished, "--sort", "-number")["candidates"] if one["parents"])
    number, parents = child["number"], sorted(child["parents"])
    for parent in parents:
        assert number in [one["number"] for one in ask("children", finished, parent)["candidates"]]
    near = ask("ancestors", finished, number, "--generations", 1)["candidates"]
    assert [one["number"] for one in near] == parents
    shown = run("ancestors", finished, number, "--most", 1, "--url", service.url).stdout
    assert "there are older ancestors" in shown
    assert child["genome"] in run("children", finished, parents[0], "--url", service.url).stdout


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["submit", "--set", "candidates=0"], "/plan/candidates: Input should be greater than or equal to 1"),
        (["submit", "--preset", "huge"], "legal: laptop, star-125m"),
        (["jobs", "nowhere"], "no job 'nowhere'"),
        (["export", "nowhere", "1"], "no job 'nowhere'"),
    ],
)
def test_what_the_service_refuses_is_told_in_its_words(service: Service, arguments: list[str], told: str) -> None:
    result = run(*arguments, "--url", service.url, status=2)

    assert told in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_no_service_is_a_failure_that_says_what_starts_one() -> None:
    result = run("jobs", "--url", "http://127.0.0.1:9", status=1)

    assert "star serve" in result.stderr
