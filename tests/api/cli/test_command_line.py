"""The command `star`: its help, its local commands, and bad input as one line and a status."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import star
from genome import CLASSES, Genome, Space, require_legal
from star.contract.report import Breach, Report
from tests.api.cli.commands import run

pytestmark = pytest.mark.slow

SERVER = ("serve", "run", "migrate", "demo")
CLIENT = ("submit", "jobs", "frontier", "finish", "candidate", "export", "pause", "resume", "cancel")
LOCAL = ("cost", "catalogue", "convert", "distil", "check", "analyse")
STAR = [sys.executable, "-m", "api.cli"]


def test_help_names_every_command_and_loads_nothing_heavy() -> None:
    code = (
        "import sys; from api.cli.main import main; sys.argv = ['star', '--help']\n"
        "try: main()\n"
        "finally: print(sorted({'torch', 'ray', 'fastapi', 'sqlalchemy'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert all(f"\n  {command} " in done.stdout for command in SERVER + CLIENT + LOCAL)
    assert done.stdout.splitlines()[-1] == "[]"


def test_the_cost_of_a_genome() -> None:
    found = json.loads(run("cost", "11111-91111", "--width", 32, "--context", 10, "--json").stdout)

    assert found["head_dim"] == 8
    assert found["cache_bytes"] == 2 * 2 * 32 * 10  # keys and values of 2 bytes
    assert found["parameters"] > sum(liv["parameters"] for liv in found["livs"]) > 0
    assert "SA-1" in run("cost", "11111-91111").stdout
    banded = json.loads(run("cost", "21.1.1.1.1", "--window", 16, "--json").stdout)
    assert banded["cache_bytes"] == 2 * 2 * 16 * banded["width"]


def test_the_catalogue() -> None:
    rows = json.loads(run("catalogue", "--json").stdout)

    assert [row["id"] for row in rows] == [row.id for row in CLASSES]
    assert set(rows[0]) == {
        "id",
        "name",
        "digits",
        "structure",
        "differential",
        "state",
        "decode_flops",
        "source",
        "description",
    }
    assert all(row.name in run("catalogue").stdout for row in CLASSES)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["cost", "999.1.1.1.1"], "999 is not in the space; legal: 0, 1"),
        (["cost", "hello"], "five integers"),
        (["cost", "1.1.1.1.1", "--width", "10", "--head-dim", "4"], "multiple of head_dim 4"),
        (["cost", "1.1.1.1.1", "--width", "0"], "--width"),
        (["cost"], "GENOME"),
        (["check"], "either a GENOME or --random"),
        (["check", "1.1.1.1.9"], "legal here: 1 to 4"),
        (["submit", "--set", "budget"], "FIELD=VALUE"),
        (["submit", "--plan", "/nowhere.json"], "/nowhere.json"),
        (["migrate", "--database", "mysql://x"], "sqlite"),
        (["serve", "--port", "70000"], "--port"),
        (["nothing"], "nothing"),
    ],
)
def test_bad_input_is_one_line_and_status_2(arguments: list[str], told: str) -> None:
    done = subprocess.run(STAR + arguments, capture_output=True, text=True, check=False)

    assert done.returncode == 2, done.stderr
    assert told in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert done.stdout == ""


@pytest.mark.parametrize("workers", [1, 2])
def test_sound_genomes_pass_the_check(workers: int) -> None:
    found = json.loads(run("check", "--random", 2, "--depth", 2, "--width", 16, "--workers", workers, "--json").stdout)

    assert found["ok"]
    assert found["breaches"] == []
    assert set(found["held"].values()) == {2}


def test_a_breach_is_told_with_its_genome_and_status_1(monkeypatch: pytest.MonkeyPatch) -> None:
    def check(genome: Genome, *_: Any, **__: Any) -> Report:
        """One property held, another broken by an SA-1."""
        broken = any(segment.liv_class == 1 for segment in genome.segments)
        return Report(("causality", "decoding"), (Breach("decoding", "differs by 0.1"),) if broken else ())

    monkeypatch.setattr(star, "check", check)

    sound = json.loads(run("check", "91111-51111", "--json").stdout)
    broken = run("check", "91111-11111", "--json", status=1)

    assert sound == {"asked": 1, "genomes": 1, "ok": True, "held": {"causality": 1, "decoding": 1}, "breaches": []}
    (breach,) = json.loads(broken.stdout)["breaches"]
    assert (breach["genome"], breach["breach"]) == ("9.1.1.1.1-1.1.1.1.1", "decoding: differs by 0.1")
    assert (breach["check"], breach["detail"]) == ("decoding", "differs by 0.1")
    assert json.loads(broken.stdout)["held"] == {"causality": 1, "decoding": 0}
    assert breach["classes"] == {"1": "SA-1", "9": "GMemless"}
    assert Space.from_json(breach["space"])[9].name == "GMemless"
    assert "1 breaches" in broken.stderr


def test_random_genomes_are_legal_and_decided_by_the_seed(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []

    def check(genome: Genome, space: Space, *_: Any, **__: Any) -> Report:
        require_legal(genome, space)
        seen.append(str(genome))
        return Report(("legality",), ())

    monkeypatch.setattr(star, "check", check)
    for seed in (3, 3, 4):
        result = run("check", "--random", 20, "--seed", seed, "--depth", 5, "--workers", 1)
        assert "held by 20 of 20" in result.stdout
        assert "20/20 genomes checked" in result.stderr

    assert seen[:20] == seen[20:40] != seen[40:]
    assert {len(text.split("-")) for text in seen} == {5}


def test_a_database_that_cannot_be_opened_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "star.db").write_text("no database at all, but long enough to be taken for the header of one" * 20)

    result = run("migrate", "--database", f"sqlite:///{tmp_path / 'star.db'}", status=1)

    assert "database" in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_migrating_twice_is_harmless(tmp_path: Path) -> None:
    for _ in range(2):
        answer = run("migrate", "--database", f"sqlite:///{tmp_path / 'star.db'}", "--json")
        assert json.loads(answer.stdout) == {"migrated": True}
