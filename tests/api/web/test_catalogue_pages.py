"""What is served besides searches: the catalogue, presets, costs, health, the dashboard's files, and the headers."""

from __future__ import annotations

import re
from urllib.parse import urljoin

import httpx
import pytest

import star
from api.costs import head_dim_for
from api.web.middleware.headers import HEADERS
from api.web.routes.pages import DASHBOARD, SHARED
from genome import CLASSES, Genome, Shape, Space, decode
from search.plan import Plan
from search.plan.presets import PRESETS


def test_the_catalogue_lists_every_class(client: httpx.Client) -> None:
    classes = client.get("/v1/catalogue").json()["classes"]

    assert [(row["id"], row["name"], tuple(row["digits"])) for row in classes] == [
        (row.id, row.name, row.operator.digits) for row in CLASSES
    ]
    assert {row["structure"] for row in classes} >= {"low_rank", "semi_separable", "toeplitz", "diagonal"}
    assert all(row["source"] and row["description"] for row in classes)


def test_presets_are_plans_and_the_schema_describes_them(client: httpx.Client) -> None:
    answer = client.get("/v1/presets").json()

    assert {name: Plan.model_validate(plan) for name, plan in answer["presets"].items()} == PRESETS
    assert set(answer["plan_schema"]["properties"]) == set(Plan.model_fields)


def test_the_cost_is_that_of_the_model(client: httpx.Client) -> None:
    genome = Genome.parse("1.1.2.2.2-1.1.2.2.2-9.1.1.1.1-0.1.1.1.1")
    body = {"genome": str(genome), "width": 32, "head_dim": 8, "vocab": 50, "context": 100}

    found = client.post("/v1/genomes/cost", json=body).json()

    blueprint = decode(genome, Space.of(depth=4, allow_skip=True))
    assert found["parameters"] == sum(p.numel() for p in star.build(blueprint, Shape(32, 8, 50)).parameters())
    assert found["cache_bytes"] == star.cost(blueprint, Shape(32, 8, 50), context=100).cache_bytes
    assert [liv["name"] for liv in found["blueprint"]] == ["SA-1", "SA-1", "GMemless"]
    assert found["genome"] == str(genome.canonical())


@pytest.mark.parametrize("width", [1, 6, 16, 36, 64, 100, 128, 256, 768, 1000])
def test_the_head_size_chosen_always_divides_the_width(width: int) -> None:
    size = head_dim_for(width)

    assert width % size == 0
    assert width % 4 != 0 or (width // size) % 4 == 0


def test_the_service_is_healthy(client: httpx.Client) -> None:
    assert client.get("/healthz").json()["status"] == "ok"


PAGES = {
    "jobs": "/",
    "job": "/jobs/x",
    "candidates": "/jobs/x/candidates",
    "candidate": "/jobs/x/candidates/1",
    "compare": "/jobs/x/compare",
}


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_its_file_with_the_parts_of_all_pages(client: httpx.Client, name: str) -> None:
    path = PAGES[name]
    answer = client.get(path)
    expected = (DASHBOARD / name / f"{name}.html").read_text()
    for part in SHARED:
        expected = expected.replace(f"    <!-- {part} -->\n", (DASHBOARD / "page" / f"{part}.html").read_text())
    assert answer.status_code == 200
    assert answer.text == expected
    assert "<!--" not in answer.text
    assert [answer.text.count(f'{one}"') for one in ('name="viewport', 'class="skip', 'id="notice')] == [1, 1, 1]
    again = client.get(path, headers={"If-None-Match": answer.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


def test_every_file_that_a_page_names_is_served(client: httpx.Client) -> None:
    """Follows stylesheets, scripts, and the modules that scripts import or run as workers."""
    seen: set[str] = set()
    waiting = ["/", "/jobs/x", "/jobs/x/candidates/1", "/jobs/x/candidates", "/jobs/x/compare"]
    while waiting:
        path = waiting.pop()
        answer = client.get(path)
        assert answer.status_code == 200, path
        seen.add(path)
        named = re.findall(r'(?:href|src)="(/static/[^"]+)"', answer.text)
        named += [urljoin(path, module) for module in re.findall(r'(?:from |new URL\()"(\.[^"]+)"', answer.text)]
        waiting += [one for one in dict.fromkeys(named) if one not in seen and one not in waiting]
    files = {f"/static/{file.relative_to(DASHBOARD)}" for file in DASHBOARD.rglob("*.js")}
    assert files <= seen, "every module is reached from a page"


def test_static_files_lie_in_the_dashboard_only(client: httpx.Client) -> None:
    for path in ("/static/../app.py", "/static/%2e%2e/app.py", "/static/..%2fapp.py", "/static//etc/passwd"):
        answer = client.get(path)
        assert answer.status_code == 404
        assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("path", ["/", "/healthz", "/v1/jobs", "/v1/nothing", "/static/job/job.js"])
def test_every_answer_carries_the_security_headers(client: httpx.Client, path: str) -> None:
    headers = client.get(path).headers

    assert {name: headers[name] for name in HEADERS} == HEADERS
    assert "unsafe" not in headers["content-security-policy"]
