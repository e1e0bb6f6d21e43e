"""A folder that is foreign or damaged is refused with the file and the field, and nothing of it is executed."""

from __future__ import annotations

import json
import pickle
import shutil
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

import star
from genome import Genome, Shape, Space, decode
from tests.star.export.damage import (
    GENOME_FILE,
    WEIGHTS_FILE,
    Damage,
    content,
    description,
    field,
    linked,
    pipe,
    tensors,
    without,
)

GENOME, SPACE, SHAPE = Genome.parse("1.1.1.1.1-9.1.1.1.1"), Space.of(depth=2), Shape(width=16, head_dim=4, vocab=11)
SPACE = SPACE.only(GENOME)

HEAD = "head_VD"


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    weights = star.weights(star.build(decode(GENOME, SPACE), SHAPE, seed=3))
    return star.export(tmp_path_factory.mktemp("whole") / "winner", GENOME, SPACE, SHAPE, weights, {"tokens": 7})


@pytest.fixture
def folder(whole: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(whole, tmp_path / "winner"))


@pytest.mark.parametrize(
    ("damage", "file", "message"),
    [
        (without(GENOME_FILE), GENOME_FILE, "it is missing"),
        (lambda folder: shutil.rmtree(folder), GENOME_FILE, "it is missing"),
        (content(GENOME_FILE, lambda data: data[:-9]), GENOME_FILE, "it is not JSON"),
        (content(GENOME_FILE, lambda data: b""), GENOME_FILE, "it is not JSON"),
        (content(GENOME_FILE, lambda data: b"\xff\xfe" + data), GENOME_FILE, "it is not JSON"),
        (content(GENOME_FILE, lambda data: b"[" * 100_000), GENOME_FILE, "it is not JSON"),
        (
            content(GENOME_FILE, lambda data: data.replace(b'"tokens": 7', b'"tokens": NaN')),
            GENOME_FILE,
            "NaN is no number",
        ),
        (content(GENOME_FILE, lambda data: b"[]"), GENOME_FILE, "it is not a JSON object"),
        (content(GENOME_FILE, lambda data: pickle.dumps({"format": 1})), GENOME_FILE, "it is not JSON"),
        (field(2, "format"), GENOME_FILE, "format: 2 is that of a later version of STAR; this version reads 1"),
        (field(True, "format"), GENOME_FILE, "format: True is unknown"),
        (field("1", "format"), GENOME_FILE, "format: '1' is unknown"),
        (description(lambda found: found.pop("format")), GENOME_FILE, "format: None is unknown"),
        (description(lambda found: found.pop("genome")), GENOME_FILE, "genome: the field is missing"),
        (description(lambda found: found.pop("facts")), GENOME_FILE, "facts: the field is missing"),
        (field(11111, "genome"), GENOME_FILE, "genome: must be a text, not 11111"),
        (field("1.1.1", "genome"), GENOME_FILE, "genome: segment 1 of the genome"),
        (field("77.1.1.1.1-9.1.1.1.1", "genome"), GENOME_FILE, "genome: .*77 is not in the space"),
        (field("1.1.1.1.1", "genome"), GENOME_FILE, "genome: "),
        (field([], "space"), GENOME_FILE, r"space: must be an object, not \[\]"),
        (field({}, "space"), GENOME_FILE, r"space\.classes: the field is missing"),
        (field("2", "space", "depth"), GENOME_FILE, r"space\.depth: must be an integer, not 2"),
        (field(0, "space", "allow_skip"), GENOME_FILE, r"space\.allow_skip: must be true or false, not 0"),
        (field([], "space", "classes"), GENOME_FILE, "space: classes must name at least one LIV class"),
        (field(999, "space", "classes", 0, "digits", 1), GENOME_FILE, "space: "),
        (field(None, "space", "classes", 0, "digits"), GENOME_FILE, "space: "),
        (field(None, "space", "classes", 0), GENOME_FILE, r"space\.classes\.0\.name: must be a text, not null"),
        (
            field('"""\nimport os', "space", "classes", 0, "name"),
            GENOME_FILE,
            r"space\.classes\.0\.name: must be letters",
        ),
        (field("../SA-1", "space", "classes", 0, "name"), GENOME_FILE, r"space\.classes\.0\.name: must be letters"),
        (field({"width": 16}, "shape"), GENOME_FILE, r"shape\.head_dim: the field is missing"),
        (field("16", "shape", "width"), GENOME_FILE, r"shape\.width: must be an integer, not 16"),
        (field(16.5, "shape", "width"), GENOME_FILE, r"shape\.width: must be an integer, not 16\.5"),
        (field(True, "shape", "window"), GENOME_FILE, r"shape\.window: must be an integer, not true"),
        (field(-1, "shape", "vocab"), GENOME_FILE, "shape: vocab must be 1 or more"),
        (field(5, "shape", "head_dim"), GENOME_FILE, "shape: width 16 must be a multiple of head_dim 5"),
        (field(2**61, "shape", "vocab"), GENOME_FILE, "genome: "),
        (field(10**400, "shape", "vocab"), GENOME_FILE, "genome: "),
        (field(3, "shape", "layers"), GENOME_FILE, r"shape\.layers: the field is unknown; legal: width"),
        (field("os.system", "code"), GENOME_FILE, "code: the field is unknown"),
        (field([], "facts"), GENOME_FILE, r"facts: must be an object, not \[\]"),
        (without(WEIGHTS_FILE), WEIGHTS_FILE, "it is missing"),
        (
            lambda folder: ((folder / WEIGHTS_FILE).unlink(), (folder / WEIGHTS_FILE).mkdir()),
            WEIGHTS_FILE,
            "not a file",
        ),
        (content(WEIGHTS_FILE, lambda data: data[:-1]), WEIGHTS_FILE, "damaged or no safetensors"),
        (content(WEIGHTS_FILE, lambda data: data + b"\0"), WEIGHTS_FILE, "damaged or no safetensors"),
        (content(WEIGHTS_FILE, lambda data: data[:20]), WEIGHTS_FILE, "damaged or no safetensors"),
        (content(WEIGHTS_FILE, lambda data: b""), WEIGHTS_FILE, "damaged or no safetensors"),
        (content(WEIGHTS_FILE, lambda data: struct.pack("<Q", 2**63) + data[8:]), WEIGHTS_FILE, "damaged or no"),
        (content(WEIGHTS_FILE, lambda data: pickle.dumps({"a": 1})), WEIGHTS_FILE, "damaged or no safetensors"),
        (tensors(lambda found: found.pop(HEAD)), WEIGHTS_FILE, f"{HEAD} is missing"),
        (tensors(lambda found: found.clear()), WEIGHTS_FILE, "is missing, .* and [0-9]+ more"),
        (tensors(lambda found: found.update(code=torch.zeros(1))), WEIGHTS_FILE, "code has no place in it"),
        (
            tensors(lambda found: found.update({HEAD: found[HEAD][:-1].contiguous()})),
            WEIGHTS_FILE,
            rf"{HEAD} has the shape \(10, 16\), not \(11, 16\)",
        ),
        (
            tensors(lambda found: found.update({HEAD: found[HEAD].t().contiguous()})),
            WEIGHTS_FILE,
            rf"{HEAD} has the shape \(16, 11\), not \(11, 16\)",
        ),
        (
            tensors(lambda found: found.update({name: tensor.int() for name, tensor in found.items()})),
            WEIGHTS_FILE,
            "has the dtype int32; legal: float32",
        ),
        (
            tensors(lambda found: found.update({HEAD: found[HEAD].half()})),
            WEIGHTS_FILE,
            "float(32|16), and .* has float(16|32)",
        ),
        (linked(GENOME_FILE, f"../{GENOME_FILE}"), GENOME_FILE, "a link that leads out of the folder"),
        (linked(WEIGHTS_FILE, f"../{WEIGHTS_FILE}"), WEIGHTS_FILE, "a link that leads out of the folder"),
        (linked(GENOME_FILE, "/etc/hostname"), GENOME_FILE, "a link that leads out of the folder"),
        (linked(GENOME_FILE, "../nowhere"), GENOME_FILE, "a link that leads out of the folder"),
        (linked(GENOME_FILE, "nowhere"), GENOME_FILE, "it is missing"),
        (pipe, GENOME_FILE, "not a file"),
    ],
)
def test_it_is_refused_with_the_file_and_the_field(folder: Path, damage: Damage, file: str, message: str) -> None:
    damage(folder)
    with pytest.raises(ValueError, match=rf"^{file} in .*winner: .*(?:{message})"):
        star.load(folder)


def test_a_refusal_is_short(folder: Path) -> None:
    field("x" * 10_000, "shape", "width")(folder)
    with pytest.raises(ValueError, match="width") as refused:
        star.load(folder)
    assert len(str(refused.value)) < len(str(folder)) + 200


def leaves(found: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The paths of all values in a JSON document, objects and lists among them."""
    if path:
        yield path
    for name, value in (
        found.items() if isinstance(found, dict) else enumerate(found) if isinstance(found, list) else ()
    ):
        yield from leaves(value, (*path, name))


@pytest.mark.parametrize("value", [None, -1, 10**9, "x", [], {}], ids=repr)
def test_whatever_stands_in_a_field_the_model_loads_or_is_refused(whole: Path, folder: Path, value: Any) -> None:
    before = (whole / GENOME_FILE).read_bytes()
    refusals = []
    for path in leaves(json.loads(before)):
        (folder / GENOME_FILE).write_bytes(before)
        field(value, *path)(folder)
        try:
            assert star.load(folder).shape.width == SHAPE.width
        except ValueError as error:
            refusals.append(str(error))
    assert len(refusals) > 20
    assert [one for one in refusals if not one.startswith((f"{GENOME_FILE} in", f"{WEIGHTS_FILE} in"))] == []


def test_half_precision_comes_back_as_it_was(folder: Path) -> None:
    tensors(lambda found: found.update({name: tensor.bfloat16() for name, tensor in found.items()}))(folder)
    assert {parameter.dtype for parameter in star.load(folder).parameters()} == {torch.bfloat16}


def test_other_files_are_neither_read_nor_run(folder: Path, whole: Path) -> None:
    for name in ("__init__.py", "modeling.py", "conftest.py", "sitecustomize.py"):
        (folder / name).write_text("raise SystemExit('it was run')")
    (folder / "pytorch_model.bin").write_bytes(b"cos\nsystem\n(S'exit 1'\ntR.")
    tokens_BL = torch.arange(10).view(1, 10)
    assert torch.equal(star.load(folder)(tokens_BL), star.load(whole)(tokens_BL))


def test_links_within_the_folder_and_to_it_are_followed(folder: Path) -> None:
    (folder / "blobs").mkdir()
    (folder / WEIGHTS_FILE).rename(folder / "blobs" / "1")
    (folder / WEIGHTS_FILE).symlink_to("blobs/1")
    (folder.parent / "link").symlink_to(folder)
    assert star.load(folder.parent / "link").shape == SHAPE
