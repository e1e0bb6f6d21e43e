"""Tags of searches: given with a submission, changed, and searched for."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from search.archive import Archive
from search.archive.errors import IdempotencyError
from search.plan.presets import PRESETS
from tests.api.cli.commands import run
from tests.api.web.refusal import refused
from tests.served import Service, serving


def submitted(service: Service, *tags: str) -> dict[str, Any]:
    answer = service.client.post("/v1/jobs", json={"tags": tags})
    assert answer.status_code == 202, answer.text
    found: dict[str, Any] = answer.json()
    return found


def tagged(service: Service, tag: str, **further: str) -> list[str]:
    page = service.client.get("/v1/jobs", params={"tag": tag, **further}).json()
    return [job["id"] for job in page["jobs"]]


def test_searches_are_found_by_a_whole_tag(service: Service) -> None:
    one, two = submitted(service, "zz", "t-ab", "t-ab"), submitted(service, "t-ab", "t_ab.c")
    submitted(service, "t-abc")
    assert one["tags"] == ["t-ab", "zz"]
    assert tagged(service, "t-ab") == [two["id"], one["id"]]
    assert tagged(service, "t_ab.c") == [two["id"]]
    assert tagged(service, "t_ab_c") == []
    assert tagged(service, "t-ab", state="cancelled") == []
    first = service.client.get("/v1/jobs", params={"tag": "t-ab", "page_size": 1}).json()
    rest = {"tag": "t-ab", "page_token": first["next_page_token"]}
    assert [job["id"] for job in service.client.get("/v1/jobs", params=rest).json()["jobs"]] == [one["id"]]
    refused(service.client.get("/v1/jobs", params={**rest, "tag": "zz"}))


def test_tags_are_changed_and_the_name_stays(service: Service) -> None:
    job = submitted(service, "before")
    changed = service.client.patch(f"/v1/jobs/{job['id']}", json={"tags": ["after"]}).json()
    assert (changed["tags"], changed["name"]) == (["after"], job["name"])
    assert service.client.patch(f"/v1/jobs/{job['id']}", json={"name": "new"}).json()["tags"] == ["after"]
    assert tagged(service, "before") == []
    assert service.client.patch(f"/v1/jobs/{job['id']}", json={"tags": []}).json()["tags"] == []


@pytest.mark.parametrize("tag", ["", "Ada", "a b", "-a", "a\nb", 41 * "a", "ä"])
def test_what_is_no_tag_is_refused(service: Service, tag: str) -> None:
    problem = refused(service.client.post("/v1/jobs", json={"tags": ["a", tag]}))
    assert problem["errors"][0]["pointer"] == "/tags/1"
    refused(service.client.get("/v1/jobs", params={"tag": tag or " "}))


def test_the_number_of_tags_is_bounded(service: Service) -> None:
    refused(service.client.post("/v1/jobs", json={"tags": [f"t{n}" for n in range(21)]}))


def test_commands_give_and_list_tags(tmp_path: Path) -> None:
    with serving(tmp_path) as service:
        at = ("--url", service.url)
        job = json.loads(run("submit", "--tag", "b", "--tag", "a", *at, "--json").stdout)
        run("submit", *at)
        assert job["tags"] == ["a", "b"]
        assert "a b" in run("jobs", job["id"], *at).stdout
        assert [one["id"] for one in json.loads(run("jobs", "--tag", "a", *at, "--json").stdout)["jobs"]] == [job["id"]]


def test_another_set_of_tags_is_another_request(tmp_path: Path) -> None:
    archive = Archive(f"sqlite:///{tmp_path / 'star.db'}")
    archive.migrate()
    plan = PRESETS["laptop"]
    first = archive.create_job(plan, "", "key", tags=["b", "a"])
    assert archive.create_job(plan, "", "key", tags=["a", "b"]).id == first.id
    with pytest.raises(IdempotencyError):
        archive.create_job(plan, "", "key", tags=["a"])
    archive.close()
