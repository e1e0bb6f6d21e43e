"""Candidates leave in every format of the table, and heavy formats are written in a process of their own."""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import threading
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from api.web.exports import Exports, InterruptedExportError, UnsuitableError, converting
from evaluator.artifacts import Artifacts
from star.export import FORMATS, Exported
from star.export.formats import Format
from tests.api.web.refusal import refused
from tests.served import Service


def write(exported: Exported, folder: Path) -> None:
    (folder / "deep").mkdir()
    (folder / "deep" / "toy.txt").write_text(str(exported.genome))


def watched(monkeypatch: pytest.MonkeyPatch) -> list[subprocess.Popen[bytes]]:
    """The processes that are started from now on."""
    children: list[subprocess.Popen[bytes]] = []
    start = subprocess.Popen

    def started(command: list[str], **options: Any) -> subprocess.Popen[bytes]:
        children.append(start(command, **options))
        return children[-1]

    monkeypatch.setattr(subprocess, "Popen", started)
    return children


@pytest.fixture
def path(service: Service, finished: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The address of an export, where the formats have one more, `toy`."""
    monkeypatch.setitem(FORMATS, "toy", Format("a toy", ("acme",), write, light=True))
    number = service.archive.frontier(finished)[-1].number
    yield f"/v1/jobs/{finished}/candidates/{number}/export"
    for file in service.settings.exports.glob("*.zip"):
        file.unlink()


def test_all_formats_are_listed_from_the_table(client: httpx.Client, path: str) -> None:
    found = client.get("/v1/formats").json()["formats"]
    assert [one["name"] for one in found] == list(FORMATS)
    assert found[-1] == {"name": "toy", "description": "a toy", "needs": ["acme"]}
    assert found[0] == {
        "name": "folder",
        "description": FORMATS["folder"].description,
        "needs": list(FORMATS["folder"].needs),
    }


def test_a_candidate_leaves_in_a_format_that_is_chosen(service: Service, path: str, finished: str) -> None:
    number = path.split("/")[5]
    built = service.client.post(path, params={"format": "toy"})
    assert built.status_code == 201
    assert built.json() == {"download": f"{path}?format=toy", "files": ["deep/toy.txt", "genome.json"]}
    assert built.headers["location"] == built.json()["download"]
    answer = service.client.get(built.json()["download"])
    assert f'filename="{finished}-{number}-toy.zip"' in answer.headers["content-disposition"]
    archive = zipfile.ZipFile(io.BytesIO(answer.content))
    assert archive.read(f"{finished}-{number}-toy/deep/toy.txt").decode().count("-") == 1
    assert service.client.get(path).status_code == 404  # the format that was not asked for
    assert service.client.post(path).json()["download"] == path
    names = sorted(file.name for file in service.settings.exports.iterdir())
    assert names == sorted([f"{finished}-{number}.zip", f"{finished}-{number}-toy.zip"])


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("name", ["pickle", "", "../../etc/passwd", "Folder"])
def test_an_unknown_format_is_refused_with_the_legal_ones(
    client: httpx.Client, path: str, method: str, name: str
) -> None:
    problem = refused(client.request(method, path, params={"format": name}))
    assert [one["parameter"] for one in problem["errors"]] == ["format"]
    assert f"the format is {name!r}; legal: {', '.join(FORMATS)}" in problem["detail"]


def test_a_model_that_a_format_cannot_carry_is_refused_with_the_reason(
    service: Service, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    refusing = Format("a toy", (), write, lambda exported: "class SA-1 has no form of it")
    monkeypatch.setitem(FORMATS, "toy", refusing)  # before a process is started
    problem = refused(service.client.post(path, params={"format": "toy"}), 409)
    assert problem["detail"] == "the format toy cannot carry this model: class SA-1 has no form of it"
    assert [one["parameter"] for one in problem["errors"]] == ["format"]
    assert list(service.settings.exports.iterdir()) == []


@pytest.mark.slow
def test_a_heavy_format_is_written_in_another_process_to_the_same_bytes(
    service: Service, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = service.client.get(service.client.post(path).json()["download"]).content
    for file in service.settings.exports.glob("*.zip"):
        file.unlink()
    children = watched(monkeypatch)
    monkeypatch.setitem(FORMATS, "folder", FORMATS["folder"]._replace(light=False))
    there = service.client.get(service.client.post(path).json()["download"]).content
    assert there == here
    assert [child.returncode for child in children] == [0]
    assert not list(service.settings.exports.glob("building-*"))


@pytest.mark.slow
def test_a_process_that_fails_says_why(tmp_path: Path) -> None:
    (tmp_path / "source").mkdir()
    with pytest.raises(UnsuitableError, match=r"genome\.json"):
        converting.convert(tmp_path / "source", tmp_path / "target", "folder", threading.Event())


def test_a_process_ends_when_the_server_does_or_its_time_is_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    children = watched(monkeypatch)
    closing = threading.Event()
    closing.set()
    with pytest.raises(InterruptedExportError, match="the server is closing"):
        converting.convert(tmp_path, tmp_path / "target", "folder", closing)
    monkeypatch.setattr(converting, "SECONDS", 0.0)
    with pytest.raises(InterruptedExportError, match="took more than 0 s"):
        converting.convert(tmp_path, tmp_path / "target", "folder", threading.Event())
    assert [child.returncode for child in children] == [-9, -9]


def test_a_job_is_deleted_with_its_exports_in_all_formats_and_no_other_ones(service: Service, path: str) -> None:
    folder = service.settings.exports
    folder.mkdir(exist_ok=True)
    own, others = ["a-1.zip", "a-1-toy.zip", "a-22-pt2.zip"], ["ab-1.zip", "a-b-1.zip", "a-1.txt"]
    for name in own + others:
        (folder / name).write_bytes(b"")
    Exports(folder, Artifacts(service.settings.artifacts)).delete("a")
    assert sorted(file.name for file in folder.iterdir()) == sorted(others)
    for name in others:
        (folder / name).unlink()


def test_what_a_killed_build_has_left_is_deleted_after_a_while(service: Service, path: str) -> None:
    exports = Exports(service.settings.exports, Artifacts(service.settings.artifacts))
    service.client.post(path)
    for name in ("building-new", "building-old"):
        (service.settings.exports / name).mkdir()
        (service.settings.exports / name / "half.zip").write_bytes(b"half")
    long_ago = time.time() - 86_400
    os.utime(service.settings.exports / "building-old", (long_ago, long_ago))
    exports.tidy()
    kept = sorted(file.name for file in service.settings.exports.iterdir())
    assert [name for name in kept if name.startswith("building-")] == ["building-new"]
    assert [name for name in kept if name.endswith(".zip")]
    shutil.rmtree(service.settings.exports / "building-new")


def test_the_facts_have_the_origin_and_the_frontier(service: Service, path: str, finished: str, tmp_path: Path) -> None:
    archive = service.client.get(service.client.post(path).json()["download"]).content
    zipfile.ZipFile(io.BytesIO(archive)).extractall(tmp_path)
    (folder,) = tmp_path.iterdir()
    facts = json.loads((folder / "genome.json").read_text())["facts"]
    number = int(path.split("/")[5])
    candidate, frontier = service.archive.candidate(finished, number), service.archive.frontier(finished)
    assert (facts["job"], facts["candidate"], facts["parents"]) == (finished, number, candidate.parents)
    assert facts["frontier"]["objectives"] == service.archive.job(finished).plan["objectives"]
    assert {one["candidate"]: one["values"][0] for one in facts["frontier"]["candidates"]} == {
        one.number: one.metrics["bits_per_byte"] for one in frontier
    }
    assert facts["data_licence"] == "Python-2.0"
    assert f"<title>candidate {number}: bits_per_byte" in (folder / "frontier.svg").read_text()
    assert "| bits_per_byte |" in (folder / "README.md").read_text()
