"""All candidates of a search as a file."""

from __future__ import annotations

import csv
import io
import sys

import httpx
import pytest
from pyarrow import parquet

from search.archive.points.reads import POINT_COLUMNS
from tests.api.web.refusal import refused
from tests.columns import points_of
from tests.served import Service


def test_a_table_has_a_row_for_each_candidate_and_a_column_for_each_metric(service: Service, finished: str) -> None:
    points = points_of(service.archive, finished)
    url = f"/v1/jobs/{finished}/table"

    comma = service.client.get(url)
    typed = parquet.read_table(io.BytesIO(service.client.get(url, params={"format": "parquet"}).content))

    assert comma.headers["content-type"].startswith("text/csv")
    assert int(comma.headers["content-length"]) == len(comma.content)
    rows = list(csv.DictReader(io.StringIO(comma.text, newline="")))
    names = [*POINT_COLUMNS, *sorted(points["metrics"])]
    assert list(rows[0]) == typed.column_names == names
    expected = {name: points[name] for name in POINT_COLUMNS} | points["metrics"]
    assert typed.to_pydict() == expected
    for name in names:
        assert [row[name] for row in rows] == ["" if value is None else str(value) for value in expected[name]]


def test_a_search_without_candidates_has_a_table_without_rows(service: Service) -> None:
    job = service.client.post("/v1/jobs", json={}).json()["id"]
    url = f"/v1/jobs/{job}/table"

    assert service.client.get(url).text.splitlines() == [",".join(POINT_COLUMNS)]
    answer = service.client.get(url, params={"format": "parquet"})
    assert parquet.read_table(io.BytesIO(answer.content)).num_rows == 0


def test_another_format_is_refused_by_name(client: httpx.Client, finished: str) -> None:
    problem = refused(client.get(f"/v1/jobs/{finished}/table", params={"format": "xlsx"}), 422)

    assert "csv" in str(problem["errors"])
    assert "parquet" in str(problem["errors"])
    assert refused(client.get("/v1/jobs/nowhere/table"), 404)


def test_a_server_without_pyarrow_says_what_to_install(
    client: httpx.Client, finished: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)

    problem = refused(client.get(f"/v1/jobs/{finished}/table", params={"format": "parquet"}), 501)

    assert "star-synthesis[parquet]" in problem["detail"]
    assert client.get(f"/v1/jobs/{finished}/table").status_code == 200
