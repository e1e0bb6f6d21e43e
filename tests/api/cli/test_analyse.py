"""`star analyse`: effective state sizes of a genome and of an exported model, as a table and as JSON."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from typer.testing import CliRunner, Result

import star
from api.cli.main import app
from evaluator.tasks.files.corpus import split
from genome import Genome, Shape, Space, decode

pytestmark = pytest.mark.slow

SMALL = ("--width", 32, "--length", 16)


def run(*arguments: str | int | float | Path, status: int = 0) -> Result:
    result = CliRunner().invoke(app, ["analyse", *map(str, arguments)])
    assert result.exit_code == status, result.output
    return result


def exported(folder: Path, shape: Shape, seed: int = 3) -> star.Backbone:
    genome, space = Genome.parse("7.1.1.1.1-10.1.1.1.1"), Space.of(depth=2)
    model = star.build(decode(genome, space), shape, seed)
    star.export(folder, genome, space, shape, star.weights(model), {})
    return model


def test_a_genome_with_fresh_weights_on_real_text() -> None:
    found = json.loads(run("11111-71111-91111", *SMALL, "--batch", 3, "--seed", 5, "--json").stdout)

    (text,) = split("stdlib").validation
    starts = np.linspace(0, len(text) - 16 - 1, 3).astype(int)
    tokens_BL = torch.tensor(np.stack([text[start : start + 16] for start in starts]).astype(np.int64))
    model = star.build(decode(Genome.parse("11111-71111-91111"), Space.of(depth=3)), Shape(32, 8), 5)
    expected = [size.to_json() for size in star.state_sizes(model, tokens_BL)]
    assert found["livs"] == json.loads(json.dumps(expected))
    assert [liv["state"] for liv in found["livs"]] == [None, 2, 0]
    assert {name: found[name] for name in ("width", "head_dim", "length", "batch", "corpus", "tolerance")} == {
        "width": 32, "head_dim": 8, "length": 16, "batch": 3, "corpus": "stdlib", "tolerance": 1e-4,
    }  # fmt: skip


def test_an_exported_model_is_analysed_with_its_own_weights(tmp_path: Path) -> None:
    exported(tmp_path / "winner", Shape(16, 4))
    found = json.loads(run("--export", tmp_path / "winner", "--length", 16, "--json").stdout)

    assert (found["width"], found["head_dim"]) == (16, 4)
    assert [(liv["name"], liv["branch"]) for liv in found["livs"]] == [
        ("GConv-1", ""),
        ("SA-1-Diff", "1"),
        ("SA-1-Diff", "2"),
    ]
    fresh = json.loads(run("7.1.1.1.1-10.1.1.1.1", "--width", 16, "--length", 16, "--seed", 4, "--json").stdout)
    assert found["livs"] != fresh["livs"]


def test_seed_and_tolerance_matter() -> None:
    one, other, coarse = (
        json.loads(run("51111", *SMALL, *more, "--json").stdout)["livs"][0]
        for more in ((), ("--seed", 1), ("--tolerance", 0.1))
    )

    assert one["entropy_ess"] != other["entropy_ess"]
    assert one["used"] > coarse["used"]
    assert one["entropy_ess"] == coarse["entropy_ess"]


def test_people_get_a_table() -> None:
    lines = run("1.1.1.1.1-16.1.1.1.1-9.1.1.1.1", *SMALL).stdout.splitlines()

    rows = [line.split() for line in lines if line[:1].isdigit()]
    assert [row[:4] for row in rows] == [
        ["1", "SA-1", "4", "grows"],
        ["2.1", "GConv-1-Diff", "32", "2"],
        ["2.2", "GConv-1-Diff", "32", "2"],
        ["3", "GMemless", "96", "0"],
    ]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ((), "either a GENOME or --export"),
        (("11111", "--export", "folder"), "either a GENOME or --export"),
        (("hello",), "five integers"),
        (("999.1.1.1.1",), "999 is not in the space"),
        (("11111", "--width", 10, "--head-dim", 4), "multiple of head_dim 4"),
        (("11111", "--tolerance", "nan"), "--tolerance"),
        (("11111", "--tolerance", "inf"), "tolerance must be"),
        (("--export", "/nowhere"), "genome.json in /nowhere: it is missing"),
        (("--export", "/nowhere", "--width", 8), "its own sizes"),
    ],
)
def test_bad_input_is_told_and_ends_with_2(arguments: tuple[str | int, ...], told: str) -> None:
    assert told in run(*arguments, status=2).stderr


@pytest.mark.parametrize("length", [1, 513])
def test_lengths_out_of_range_are_refused(length: int) -> None:
    assert "--length" in run("11111", "--length", length, status=2).stderr


@pytest.mark.parametrize(
    ("file", "content", "told"),
    [
        ("genome.json", b"{", "not JSON"),
        ("genome.json", b'{"format": 1}', "genome: the field is missing"),
        ("model.safetensors", b"torn", "the weights are damaged or no safetensors"),
    ],
)
def test_a_damaged_export_is_told_in_one_line(tmp_path: Path, file: str, content: bytes, told: str) -> None:
    exported(tmp_path, Shape(16, 4))
    (tmp_path / file).write_bytes(content)
    error = run("--export", tmp_path, status=2).stderr
    assert told in error
    assert len(error.splitlines()) == 1


def test_a_model_that_does_not_read_bytes_is_refused(tmp_path: Path) -> None:
    exported(tmp_path, Shape(16, 4, vocab=64))
    assert "a vocabulary of 256; the model in" in run("--export", tmp_path, status=2).stderr
