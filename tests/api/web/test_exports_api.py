"""Exports over HTTP load and compute what the trained weights compute; no other file can be read."""

from __future__ import annotations

import io
import json
import shutil
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
import torch

import star
from tests.api.web.refusal import refused
from tests.served import Service


def winner(client: httpx.Client, job: str) -> int:
    return int(client.get(f"/v1/jobs/{job}/frontier").json()["candidates"][-1]["number"])


def weights_file(service: Service, job: str, number: int) -> Path:
    """The file of a candidate's weights in the store, which is a directory here."""
    weights = service.archive.candidate(job, number).weights
    assert weights is not None
    return Path(service.settings.artifacts, weights["key"])


def test_an_exported_winner_loads_as_the_model_that_was_kept(service: Service, finished: str, tmp_path: Path) -> None:
    number = winner(service.client, finished)

    built = service.client.post(f"/v1/jobs/{finished}/candidates/{number}/export")
    archive = service.client.get(built.json()["download"])

    assert built.status_code == 201
    assert built.json()["files"] == ["README.md", "frontier.svg", "genome.json", "model.safetensors"]
    assert archive.headers["content-type"] == "application/zip"
    zipfile.ZipFile(io.BytesIO(archive.content)).extractall(tmp_path)
    model = star.load(tmp_path / f"{finished}-{number}")
    assert star.weights(model) == weights_file(service, finished, number).read_bytes()
    prompt_BL = torch.tensor([list(b"def ")])
    assert model.generate(prompt_BL, 5).shape == (1, 9)


def test_an_export_asked_for_twice_is_the_same_to_the_byte(service: Service, finished: str) -> None:
    path = f"/v1/jobs/{finished}/candidates/{winner(service.client, finished)}/export"
    first = service.client.get(service.client.post(path).json()["download"]).content
    for kept in service.settings.exports.glob("*.zip"):
        kept.unlink()

    assert service.client.get(path).status_code == 404
    assert service.client.get(service.client.post(path).json()["download"]).content == first
    assert not list(service.settings.exports.glob("building-*"))


def test_without_kept_weights_it_is_a_409_that_says_whose_are_kept(client: httpx.Client, finished: str) -> None:
    number = client.get(f"/v1/jobs/{finished}/points").json()["failure"].index("diverged") + 1

    answer = client.post(f"/v1/jobs/{finished}/candidates/{number}/export")

    assert answer.status_code == 409
    assert answer.headers["content-type"] == "application/problem+json"
    assert str(winner(client, finished)) in answer.json()["detail"]


def test_what_was_not_exported_cannot_be_downloaded(client: httpx.Client, finished: str) -> None:
    number = client.get(f"/v1/jobs/{finished}/points").json()["failure"].index("diverged") + 1

    answer = client.get(f"/v1/jobs/{finished}/candidates/{number}/export")

    assert answer.status_code == 404
    assert "POST" in answer.json()["detail"]


@pytest.fixture
def elsewhere(service: Service, finished: str) -> Iterator[tuple[str, int]]:
    """The export address and the number of a candidate whose weights are kept on a disk that the API does not share."""
    number = winner(service.client, finished)
    file = weights_file(service, finished, number)
    (service.settings.exports / f"{finished}-{number}.zip").unlink(missing_ok=True)
    hidden = file.rename(file.with_suffix(".hidden"))
    yield f"/v1/jobs/{finished}/candidates/{number}/export", number
    hidden.rename(file)


@pytest.mark.parametrize(("method", "status"), [("POST", 409), ("GET", 404)])
def test_weights_on_another_disk_are_kept_and_not_offered(
    client: httpx.Client, elsewhere: tuple[str, int], method: str, status: int
) -> None:
    path, number = elsewhere
    answer = client.request(method, path)
    detail = answer.json()["detail"]
    assert answer.status_code == status
    assert f"weights of candidate {number} are kept, but not in this server's store of artifacts" in detail
    assert "STAR_ARTIFACTS" in detail
    assert str(number) not in detail.partition("can be exported: ")[2].split(", ")


def test_a_candidate_in_detail_has_the_place_of_its_weights(
    client: httpx.Client, finished: str, elsewhere: tuple[str, int]
) -> None:
    columns = client.get(f"/v1/jobs/{finished}/points").json()
    failed = columns["failure"].index("diverged") + 1
    baseline = next(n for n, name in enumerate(columns["baseline"], 1) if name and n != elsewhere[1])
    places = {
        number: client.get(f"/v1/jobs/{finished}/candidates/{number}").json()["weights_place"]
        for number in (elsewhere[1], failed, baseline)
    }
    assert places == {elsewhere[1]: "elsewhere", failed: "not_kept", baseline: "here"}


@pytest.mark.parametrize("method", ["POST", "GET"])
def test_candidates_that_cannot_be_exported_are_not_listed_for_another(
    client: httpx.Client, finished: str, elsewhere: tuple[str, int], method: str
) -> None:
    failed = client.get(f"/v1/jobs/{finished}/points").json()["failure"].index("diverged") + 1
    detail = client.request(method, f"/v1/jobs/{finished}/candidates/{failed}/export").json()["detail"]
    assert f"weights of candidate {failed} are not kept" in detail
    listed = detail.partition("can be exported: ")[2].split(", ")
    assert not {str(elsewhere[1]), str(failed)} & set(listed)
    for number in listed:
        if number != "none":
            assert client.post(f"/v1/jobs/{finished}/candidates/{number}/export").status_code == 201


def test_weights_that_no_outcome_belongs_to_are_not_exported(service: Service, finished: str) -> None:
    number = service.client.get(f"/v1/jobs/{finished}/points").json()["failure"].index("diverged") + 1
    folder = Path(service.settings.artifacts, finished, str(number))
    folder.mkdir()
    (folder / "weights-left.safetensors").write_bytes(b"left by a worker that died")
    assert service.client.post(f"/v1/jobs/{finished}/candidates/{number}/export").status_code == 409
    shutil.rmtree(folder)


@pytest.mark.parametrize("damage", [lambda data: data[:-1], lambda data: data[:-1] + bytes([data[-1] ^ 1])])
def test_damaged_weights_are_said_to_be_damaged_and_give_no_archive(
    service: Service, finished: str, damage: Callable[[bytes], bytes]
) -> None:
    number = winner(service.client, finished)
    file, archive = weights_file(service, finished, number), service.settings.exports / f"{finished}-{number}.zip"
    archive.unlink(missing_ok=True)
    whole = file.read_bytes()
    file.write_bytes(damage(whole))
    try:
        answer = service.client.post(f"/v1/jobs/{finished}/candidates/{number}/export")
    finally:
        file.write_bytes(whole)

    problem = refused(answer, 500)
    assert f"the weights of candidate {number} are kept, but they are damaged" in problem["detail"]
    assert service.settings.artifacts not in problem["detail"]
    assert not archive.exists()
    assert service.client.post(f"/v1/jobs/{finished}/candidates/{number}/export").status_code == 201


def test_weights_of_earlier_versions_are_exported_though_nothing_verifies_them(
    service: Service, finished: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = winner(service.client, finished)
    candidate = service.archive.candidate(finished, number)
    assert candidate.weights is not None
    before = replace(candidate, weights={**candidate.weights, "digest": None, "size": None})
    monkeypatch.setattr(service.archive, "candidate", lambda job, number: before)
    path, file = f"/v1/jobs/{finished}/candidates/{number}/export", weights_file(service, finished, number)
    archive = service.settings.exports / f"{finished}-{number}.zip"
    archive.unlink(missing_ok=True)

    assert service.client.post(path).status_code == 201
    archive.unlink()
    whole = file.read_bytes()
    file.write_bytes(b"no weights")
    try:
        assert "damaged" in refused(service.client.post(path), 500)["detail"]
    finally:
        file.write_bytes(whole)


def test_an_export_follows_the_candidate_and_repairs_a_broken_archive(
    service: Service, finished: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = winner(service.client, finished)
    path = f"/v1/jobs/{finished}/candidates/{number}/export"
    archive = service.settings.exports / f"{finished}-{number}.zip"
    archive.parent.mkdir(exist_ok=True)
    archive.write_bytes(b"half a z")
    first = service.client.get(service.client.post(path).json()["download"]).content
    candidate = service.archive.candidate(finished, number)

    later = replace(candidate, seeds=2, metrics={**candidate.metrics, "bits_per_byte": 2.5})
    monkeypatch.setattr(service.archive, "candidate", lambda job, number: later)
    second = service.client.get(service.client.post(path).json()["download"]).content
    monkeypatch.setattr(service.archive, "candidate", lambda job, number: replace(candidate, weights=None))
    third = service.client.get(service.client.post(path).json()["download"]).content

    def told(data: bytes) -> dict[str, Any]:
        with zipfile.ZipFile(io.BytesIO(data)) as files:
            facts: dict[str, Any] = json.loads(files.read(f"{finished}-{number}/genome.json"))["facts"]
            return facts

    assert told(first)["metrics"] == candidate.metrics
    assert (told(second)["seeds"], told(second)["metrics"]["bits_per_byte"]) == (2, 2.5)
    assert third == second


@pytest.mark.parametrize("job", ["..", "%2e%2e", "..%2f..%2fetc", "a/../b"])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_no_name_of_a_job_leads_elsewhere(client: httpx.Client, job: str, method: str) -> None:
    assert client.request(method, f"/v1/jobs/{job}/candidates/1/export").status_code in (404, 405, 422)
