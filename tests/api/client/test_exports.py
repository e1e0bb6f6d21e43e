"""Exports through the clients: a format of the service, and archives that are unpacked whole or not at all."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import pytest

import star as architectures
from api.client import AsyncStar, ServiceError, Star
from api.client.files import unpacked
from star.export import FORMATS
from tests.own_loop import completed
from tests.served import Service


def test_an_export_has_a_format_of_the_service(
    service: Service, finished: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = service.archive.frontier(finished)[0].number
    monkeypatch.setitem(FORMATS, "again", FORMATS["folder"])

    async def awaited() -> Path:
        async with AsyncStar(service.url) as star:
            return await star.export(finished, number, tmp_path / "awaited", format="again")

    with Star(service.url) as star:
        assert [one.name for one in star.formats()] == list(FORMATS)
        found = star.export(finished, number, tmp_path, format="again")
        with pytest.raises(ServiceError, match="format: the format is 'pickle'; legal: folder") as refused:
            star.export(finished, number, tmp_path, format="pickle")
    assert refused.value.refused
    assert found == tmp_path / f"{finished}-{number}-again"
    for folder in (found, completed(awaited())):
        assert architectures.load(folder).training is False


def test_an_archive_never_leads_out_of_the_folder_nor_over_other_files(tmp_path: Path) -> None:
    def archive(*names: str) -> bytes:
        data = io.BytesIO()
        with zipfile.ZipFile(data, "w") as files:
            for name in names:
                files.writestr(name, name)
        return data.getvalue()

    for name in ("../a", "/a", "..", "x/../../a", "a"):
        with pytest.raises(ServiceError, match="the archive of the service holds the path"):
            unpacked(archive(name), tmp_path)
    with pytest.raises(ServiceError, match="one folder"):
        unpacked(archive("x/a", "y/a"), tmp_path)
    assert unpacked(archive("x/a", "x/b/c"), tmp_path) == tmp_path / "x"
    assert unpacked(archive("x/a", "x/b/c", "x/d"), tmp_path) == tmp_path / "x"
    assert (tmp_path / "x" / "b" / "c").read_text() == "x/b/c"
    (tmp_path / "x" / "mine").write_text("mine")
    with pytest.raises(FileExistsError, match="holds mine, which the export does not"):
        unpacked(archive("x/a", "x/b/c", "x/d"), tmp_path)
    assert (tmp_path / "x" / "mine").read_text() == "mine"
    assert [path.name for path in tmp_path.iterdir()] == ["x"]
