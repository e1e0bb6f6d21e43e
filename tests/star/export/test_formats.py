"""Every format is a row of one table, and a folder is written whole or not at all."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import star
from genome import CLASSES, Genome, Shape, Space, decode
from genome.variation.class_sampling import Level, random_class
from star.export import FORMATS, Exported, NotCarriedError
from star.export.description import PLAIN
from star.export.formats import Format

GENOME, SPACE, SHAPE = Genome.parse("1.1.1.1.1-9.1.1.1.1"), Space.of(depth=2), Shape(width=16, head_dim=4, vocab=11)
FILES = ["README.md", "genome.json", "model.safetensors"]


@pytest.fixture(scope="module")
def weights() -> bytes:
    return star.weights(star.build(decode(GENOME, SPACE), SHAPE, seed=3))


@pytest.fixture
def winner(weights: bytes, tmp_path: Path) -> Path:
    return star.export(tmp_path / "winner", GENOME, SPACE, SHAPE, weights, {"metrics": {"a": 1.0, "b": 2.0}})


def add(monkeypatch: pytest.MonkeyPatch, **changes: Any) -> None:
    """Add the format `toy`, a text in a folder."""

    def write(exported: Exported, folder: Path) -> None:
        (folder / "deep").mkdir()
        (folder / "deep" / "toy.txt").write_text(str(exported.genome))

    monkeypatch.setitem(FORMATS, "toy", Format("a toy", (), write)._replace(**changes))


def contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_an_export_is_converted_to_another_format(
    winner: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(monkeypatch)
    toy = contents(star.convert(winner, tmp_path / "toy", "toy"))
    assert toy == {"deep/toy.txt": str(GENOME).encode(), "genome.json": contents(winner)["genome.json"]}
    assert contents(star.convert(winner, tmp_path / "again")) == contents(winner)


def test_an_unknown_format_is_refused_with_the_legal_ones(winner: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="the format is 'pickle'; legal: folder"):
        star.convert(winner, tmp_path / "other", "pickle")
    assert os.listdir(tmp_path) == ["winner"]


def missing(exported: Exported, folder: Path) -> None:
    raise ModuleNotFoundError("No module named 'acme'", name="acme")


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"refusal": lambda exported: "class 1 SA-1 has no form of it"}, "class 1 SA-1 has no form of it"),
        ({"write": missing}, "the package acme is not installed"),
    ],
)
def test_a_format_that_cannot_carry_a_model_writes_nothing(
    winner: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, changes: dict[str, Any], reason: str
) -> None:
    add(monkeypatch, **changes)
    with pytest.raises(NotCarriedError, match=f"the format toy cannot carry this model: {reason}"):
        star.convert(winner, tmp_path / "toy", "toy")
    assert os.listdir(tmp_path) == ["winner"]


def test_a_failure_in_the_middle_leaves_neither_half_a_folder_nor_an_older_one_changed(
    winner: Path, weights: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(exported: Exported, folder: Path) -> None:
        (folder / "half").write_text("half")
        raise OSError("the disk is full")

    before = contents(winner)
    add(monkeypatch, write=fail)
    for target in ("new", "winner"):
        with pytest.raises(OSError, match="the disk is full"):
            star.convert(winner, tmp_path / target, "toy")
    assert os.listdir(tmp_path) == ["winner"]
    assert contents(winner) == before


def test_an_older_export_is_replaced_whole(winner: Path, weights: bytes) -> None:
    star.export(winner, GENOME, SPACE, SHAPE, weights, {"metrics": {"a": 3.0}})
    assert b"3.0" in contents(winner)["genome.json"]
    assert sorted(contents(winner)) == FILES


def test_an_empty_folder_is_filled_and_its_parents_are_made(winner: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert contents(star.convert(winner, tmp_path / "empty")) == contents(winner)
    assert contents(star.convert(winner, tmp_path / "a" / "b")) == contents(winner)


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"README.md": "mine"}, "is not empty and no export"),
        ({"genome.json": "[]"}, "is not empty and no export"),
        ({"genome.json": '{"format": 1, "genome": "1.1.1.1.1"}', "notes/mine.txt": "mine"}, "holds notes/mine.txt"),
    ],
)
def test_what_is_no_export_is_never_overwritten(
    winner: Path, tmp_path: Path, files: dict[str, str], message: str
) -> None:
    target = tmp_path / "target"
    for name, text in files.items():
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        (target / name).write_text(text)
    with pytest.raises(FileExistsError, match=message):
        star.convert(winner, target)
    assert contents(target) == {name: text.encode() for name, text in files.items()}
    assert sorted(os.listdir(tmp_path)) == ["target", "winner"]


def test_neither_a_file_nor_the_working_directory_is_replaced(
    winner: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("mine")
    with pytest.raises(FileExistsError, match="is a file"):
        star.convert(winner, tmp_path / "file")
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    with pytest.raises(FileExistsError, match="holds the working directory"):
        star.convert(winner, ".")


def test_equal_models_and_facts_give_equal_bytes(winner: Path, weights: bytes, tmp_path: Path) -> None:
    again = star.export(tmp_path / "again", GENOME, SPACE, SHAPE, weights, {"metrics": {"b": 2.0, "a": 1.0}})
    assert contents(again) == contents(winner)


def test_the_folder_has_the_usual_permissions(winner: Path, tmp_path: Path) -> None:
    (tmp_path / "usual").mkdir()
    assert winner.stat().st_mode == (tmp_path / "usual").stat().st_mode


def test_names_of_formats_are_plain_as_they_are_parts_of_file_names() -> None:
    assert [name for name in FORMATS if not re.fullmatch(r"[a-z][a-z0-9_]*", name)] == []


@pytest.mark.parametrize("seed", range(20))
def test_every_class_of_the_catalogue_and_every_drawn_one_has_a_name_that_is_read(seed: int) -> None:
    drawn, _ = random_class(2000 + seed, Level.FEATURIZER, SHAPE, np.random.default_rng(seed))
    assert [row.name for row in (*CLASSES, drawn) if not PLAIN.fullmatch(row.name)] == []
