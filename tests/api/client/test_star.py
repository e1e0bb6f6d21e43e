"""Both clients against a real server: every method, and errors."""

from __future__ import annotations

import csv
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from pyarrow import parquet

import star as architectures
from api.client import AsyncStar, ServiceError, Star, table
from search.archive.custody.keys import Scope
from tests.own_loop import completed
from tests.served import Service, finish_job, serving

PLAN = {"candidates": 4, "space": {"depth": 4}}


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Service, str]]:
    """A service of its own with a search that has ended."""
    with serving(tmp_path_factory.mktemp("client")) as service:
        finish_job(service)
        yield service, service.archive.jobs().items[0].id


def awaited(url: str, method: str, *arguments: Any, **options: Any) -> Any:
    """What an `AsyncStar` returns; of an iterator the list."""

    async def call() -> Any:
        async with AsyncStar(url) as star:
            found = getattr(star, method)(*arguments, **options)
            return [one async for one in found] if isinstance(found, AsyncIterator) else await found

    return completed(call())


def waited(url: str, method: str, *arguments: Any, **options: Any) -> Any:
    """The same of a `Star`."""
    with Star(url) as star:
        found = getattr(star, method)(*arguments, **options)
        return list(found) if isinstance(found, Iterator) else found


@pytest.fixture(params=[waited, awaited])
def ask(request: pytest.FixtureRequest) -> Callable[..., Any]:
    found: Callable[..., Any] = request.param
    return found


def test_a_search_is_submitted_steered_and_found(finished: tuple[Service, str], ask: Callable[..., Any]) -> None:
    url = finished[0].url
    job = ask(url, "submit", PLAN, name="by a program", key=f"once-{ask.__name__}")
    assert job.plan["candidates"] == 4
    assert ask(url, "submit", PLAN, name="by a program", key=f"once-{ask.__name__}").id == job.id
    assert job.id in [one.id for one in ask(url, "jobs")]
    assert ask(url, "rename", job.id, "by another").name == "by another"
    tag = f"tagged-{ask.__name__}"
    assert ask(url, "retag", job.id, [tag]).tags == [tag]
    assert [one.id for one in ask(url, "jobs", tag=tag)] == [job.id]
    assert [one.id for one in ask(url, "jobs", search="by another", state="queued")] == [job.id]
    assert ask(url, "submit", PLAN, tags=["b", "a"], priority=2, key=f"two-{ask.__name__}").priority == 2
    assert ask(url, "inject", job.id, "1.1.1.1.1-9.1.1.1.1-1.1.1.1.1-1.1.1.1.1", by="Ada").by == "Ada"
    states = [ask(url, action, job.id).state for action in ("pause", "resume", "cancel")]
    assert states == ["paused", "queued", "cancelled"]
    assert ask(url, "wait", job.id).state == "cancelled"


def test_waiting_has_a_limit_and_tells_what_it_sees(finished: tuple[Service, str], ask: Callable[..., Any]) -> None:
    url = finished[0].url
    job = ask(url, "submit", PLAN)
    seen: list[str] = []
    with pytest.raises(TimeoutError, match="still queued"):
        ask(url, "wait", job.id, timeout=0.05, pause=0.02, seen=lambda one: seen.append(one.id))
    assert set(seen) == {job.id}
    ask(url, "cancel", job.id)


def test_results_are_typed_and_a_table(finished: tuple[Service, str], ask: Callable[..., Any]) -> None:
    service, job_id = finished
    frontier = ask(service.url, "frontier", job_id)
    assert frontier
    assert all(one.frontier for one in frontier)
    every = ask(service.url, "candidates", job_id)
    assert [one.number for one in every] == list(range(1, len(every) + 1))
    assert ask(service.url, "points", job_id).number == [one.number for one in every]
    assert ask(service.url, "candidate", job_id, frontier[0].number).trainings
    for report in ("finish", "rungs", "predictions", "signals"):
        assert ask(service.url, report, job_id) is not None
    rows = table(every)
    assert len({tuple(row) for row in rows}) == 1  # the same columns in every row
    assert {type(value) for row in rows for value in row.values()} <= {int, float, str, bool, type(None)}
    assert [row["parameters"] for row in rows] == [one.metrics.get("parameters") for one in every]


def test_candidates_are_sorted_and_filtered(
    finished: tuple[Service, str], ask: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    service, job_id = finished
    monkeypatch.setattr("search.archive.paging.LARGEST_PAGE", 5)  # so that 12 candidates are three pages

    def numbers(**sought: Any) -> list[int]:
        return [one.number for one in ask(service.url, "candidates", job_id, **sought)]

    every = {one.number: one for one in ask(service.url, "candidates", job_id)}
    assert list(every) == list(range(1, 13))
    assert numbers(sort="-number") == list(every)[::-1]
    caches = [every[number].metrics["cache_bytes"] for number in numbers(sort="cache_bytes")]
    assert caches == sorted(caches)
    assert numbers(state="failed") == numbers(failure="diverged") == [5, 10]
    assert numbers(failure="timed_out") == []
    frontier = [one.number for one in ask(service.url, "frontier", job_id)]
    assert sorted(numbers(frontier=True)) == sorted(frontier)
    assert numbers(frontier=False) == sorted(every.keys() - frontier)
    assert 0 < len(numbers(contains="SA-1")) < 12
    with pytest.raises(ServiceError, match="sort: must be one of number, finished_at"):
        numbers(sort="beauty")


def test_candidates_are_followed_to_children_and_ancestors(
    finished: tuple[Service, str], ask: Callable[..., Any]
) -> None:
    service, job_id = finished
    child = next(one for one in ask(service.url, "candidates", job_id, sort="-number") if one.parents)
    for parent in child.parents:
        assert child.number in [one.number for one in ask(service.url, "children", job_id, parent)]
    line = ask(service.url, "ancestors", job_id, child.number)
    assert [one.number for one in line.candidates if one.generation == 1] == sorted(child.parents)
    assert line.complete
    nearest = ask(service.url, "ancestors", job_id, child.number, generations=1, most=1)
    assert [one.number for one in nearest.candidates] == [min(child.parents)]


def test_a_table_is_saved_in_the_format_that_its_name_ends_with(
    finished: tuple[Service, str], ask: Callable[..., Any], tmp_path: Path
) -> None:
    service, job_id = finished
    numbers = ask(service.url, "points", job_id).number

    comma = ask(service.url, "save_table", job_id, tmp_path / "all.csv")
    typed = ask(service.url, "save_table", job_id, str(tmp_path / "all.parquet"))

    with comma.open(newline="") as lines:
        assert [int(row["number"]) for row in csv.DictReader(lines)] == numbers
    assert parquet.read_table(typed).column("number").to_pylist() == numbers
    with pytest.raises(ValueError, match=r"\.csv, \.parquet"):
        ask(service.url, "save_table", job_id, tmp_path / "all.xlsx")


def test_an_export_is_a_model(finished: tuple[Service, str], ask: Callable[..., Any], tmp_path: Path) -> None:
    service, job_id = finished
    number = ask(service.url, "frontier", job_id)[0].number
    model = architectures.load(ask(service.url, "export", job_id, number, tmp_path))
    assert model(torch.zeros(1, 4, dtype=torch.long)).isfinite().all()


def test_a_refusal_says_which_field(finished: tuple[Service, str], ask: Callable[..., Any]) -> None:
    with pytest.raises(ServiceError, match="/plan/candidates") as refused:
        ask(finished[0].url, "submit", {"candidates": 0})
    assert (refused.value.refused, refused.value.status) == (True, 422)
    with pytest.raises(ServiceError, match="no job") as refused:
        ask(finished[0].url, "job", "none")
    assert refused.value.status == 404


def test_a_webhook_is_created_listed_and_deleted(ask: Callable[..., Any], tmp_path: Path) -> None:
    with serving(tmp_path, webhook_hosts=["127.0.0.1"]) as service:
        made = ask(service.url, "create_webhook", "http://127.0.0.1:1/", put_off_after=3)
        assert made.secret.startswith("whsec_")
        assert [(one.id, one.put_off_after) for one in ask(service.url, "webhooks")] == [(made.id, 3)]
        job = ask(service.url, "submit", PLAN)
        ask(service.url, "cancel", job.id)
        (message,) = ask(service.url, "messages", made.id)
        assert (message.type, message.job_id) == ("job.cancelled", job.id)
        assert ask(service.url, "delete_webhook", made.id) is None
        assert ask(service.url, "webhooks") == []
        with pytest.raises(ServiceError, match="/url: localhost has an internal address"):
            ask(service.url, "create_webhook", "https://localhost/")


@pytest.mark.parametrize("url", ["http://127.0.0.1:1", "http://[", "ftp://127.0.0.1"])
def test_a_service_that_does_not_answer(url: str, ask: Callable[..., Any]) -> None:
    with pytest.raises(ServiceError, match="no answer from") as failed:
        ask(url, "job", "any")
    assert not failed.value.refused


def test_a_key_is_sent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(tmp_path) as service:
        text = service.archive.create_key("Ada", Scope.READ)[1]
        with Star(service.url) as star, pytest.raises(ServiceError, match="API key is needed"):
            list(star.jobs())
        with Star(service.url, text) as star:
            assert list(star.jobs()) == []
        monkeypatch.setenv("STAR_API_KEY", text)
        monkeypatch.setenv("STAR_URL", service.url)
        with Star() as star:
            assert list(star.jobs()) == []
