"""The bytes that a search holds in the store of artifacts are those of its files."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from search.archive.custody.disk import Stored
from tests.api.cli.commands import run
from tests.api.web.test_operated import value
from tests.served import SEVERAL, Service, finish_job, serving


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with serving(tmp_path_factory.mktemp("own")) as service:
        finish_job(service)
        finish_job(service, "several", SEVERAL)
        yield service


def on_disk(service: Service, job_id: str = "") -> int:
    folder = Path(service.settings.artifacts, job_id)
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def test_a_search_says_how_much_it_holds(own: Service) -> None:
    for job in own.client.get("/v1/jobs").json()["jobs"]:
        found = own.client.get(f"/v1/jobs/{job['id']}").json()
        assert found["weights_bytes"] > 0
        assert found["weights_bytes"] + found["checkpoints_bytes"] == on_disk(own, job["id"])


def test_the_sum_is_measured_and_shown(own: Service, tmp_path: Path) -> None:
    held = {kind: value(own.client, "star_artifact_bytes", kind=kind) for kind in Stored._fields}
    assert sum(held.values()) == on_disk(own)
    options = ("--database", own.settings.database_url, "--artifacts", own.settings.artifacts)
    found = {one["part"]: one["found"] for one in json.loads(run("doctor", *options, "--json").stdout)}
    assert f"{held['weights'] / 2**30:.2f} GiB of weights" in found["stored"]


def test_the_command_shows_it(own: Service) -> None:
    job = own.client.get("/v1/jobs").json()["jobs"][0]["id"]
    assert "B of weights" in run("jobs", job, "--url", own.url).stdout


def test_a_deleted_search_holds_nothing(own: Service) -> None:
    job = own.client.get("/v1/jobs").json()["jobs"][0]["id"]
    own.client.delete(f"/v1/jobs/{job}").raise_for_status()
    assert own.archive.stored(job) == Stored(0, 0)
    assert sum(own.archive.stored()) == on_disk(own)
