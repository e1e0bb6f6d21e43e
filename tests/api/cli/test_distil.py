"""`star distil`: a table for people, JSON for programs, and refusals as one line and a status."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import star
from genome import Genome, Shape, Space, decode
from tests.api.cli.commands import run

SHAPE = Shape(width=16, head_dim=8, vocab=32)


def exported(folder: Path, name: str) -> Path:
    space = Space.of([name], depth=1)
    genome = Genome.of([space.classes[0].id])
    weights = star.weights(star.build(decode(genome, space), SHAPE))
    return star.export(folder, genome, space, SHAPE, weights, {})


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return exported(tmp_path / "long", "Hyena-Published")


def test_a_model_is_distilled(source: Path, tmp_path: Path) -> None:
    found = json.loads(run("distil", source, "--to", tmp_path / "a", "--length", 64, "--json").stdout)
    assert (found["folder"], found["length"], found["livs"][0]["order"]) == (str(tmp_path / "a"), 64, 4)
    assert star.load(tmp_path / "a").blueprint.livs[0].liv_class.name == "Hyena-Published-Modes-4"
    shown = run("distil", source, "--to", tmp_path / "b", "--length", 64, "--order", 16).stdout
    assert "Laughing Hyena-Published" in shown
    assert "bytes at 4,096 tokens" in shown


def test_a_miss_is_a_failure_and_bad_input_is_bad_input(source: Path, tmp_path: Path) -> None:
    asked = ("distil", source, "--to", tmp_path / "a", "--length", 64)
    assert "LIV 1 (Hyena-Published)" in run(*asked, "--most-error", "1e-9", status=1).stderr
    assert "one of 4, 8, 16, 32, 64" in run(*asked, "--order", 7, status=2).stderr
    other = exported(tmp_path / "attention", "SA-1")
    assert "no filter" in run("distil", other, "--to", tmp_path / "a", status=2).stderr
    assert not (tmp_path / "a").exists()
