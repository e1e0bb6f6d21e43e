"""`star grow`: the plan of a larger training, which `star train` trains."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import star
from api.training import settings_in
from genome import Genome, Shape, Space, decode
from tests.api.cli.commands import run

SHARED = "1.1.2.1.1-9.1.1.1.1-1.1.2.1.1"
SMALL = {
    "width": 16,
    "head_dim": 4,
    "task.symbols": 32,
    "task.pairs": 4,
    "budget.batch": 2,
    "budget.length": 16,
    "budget.validation": 4,
    "budget.steps": 8,
    "budget.warmup": 2,
}
SET = [word for name, value in SMALL.items() for word in ("--set", f"{name}={value}")]
RECALL = ["--set", "task.kind=recall", *SET]


def grow(source: str | Path, *arguments: str | int | Path, to: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(run("grow", source, "--to", to, *arguments, "--json").stdout)
    return found


def trained(folder: Path, *arguments: str) -> Path:
    run("train", SHARED, *RECALL, *arguments, "--to", folder)
    return folder


@pytest.mark.parametrize(
    ("how", "text"),
    [
        ("repeat", f"{SHARED}-1.2.2.1.1-9.1.1.1.1-1.2.2.1.1"),
        ("stretch", "1.1.2.1.1-1.2.2.1.1-9.1.1.1.1-9.1.1.1.1-1.1.2.1.1-1.2.2.1.1"),
    ],
)
def test_a_genome_is_deepened_and_widened_and_its_costs_are_those_of_the_models(
    how: str, text: str, tmp_path: Path
) -> None:
    found = grow(SHARED, *RECALL, "--width", 32, "--depth-factor", 2, "--how", how, to=tmp_path / "large")
    plan = settings_in(tmp_path / "large")
    assert (plan.genomes, plan.width, plan.head_dim) == ((text,), 32, 4)
    assert (plan.budget.base_width, plan.budget.learning_rate, plan.budget.steps) == (16, 3e-3, 8)
    assert found["rate_factors"] == {"weights": 0.5, "matrices": 0.5}
    for name, genome, width in (("before", SHARED, 16), ("after", text, 32)):
        depth = len(genome.split("-"))
        cost = star.cost(decode(Genome.parse(genome), Space.of(depth=depth)), Shape(width, 4, 32), 4096)
        assert found[name]["parameters"] == cost.parameters
        assert found[name]["cache_bytes"] == cost.cache_bytes
        assert found[name]["flops_per_token"] == cost.flops_per_token


@pytest.mark.slow
def test_a_trained_folder_is_grown_at_the_rate_that_it_chose_and_trained(tmp_path: Path) -> None:
    rates = ["--set", "budget.rates=[0.001, 0.01]", "--set", "budget.rate_steps=3", "--set", "budget.seconds=500"]
    small = trained(tmp_path / "small", *rates)
    chosen = json.loads((small / "evaluation.json").read_text())["metrics"]["learning_rate"]
    large = tmp_path / "large"
    found = grow(small, "--width", 32, "--head-dim", 8, "--depth", 6, "--set", "budget.optimizer=muon", to=large)
    budget = settings_in(large).budget
    assert (budget.learning_rate, budget.rates, budget.base_width) == (chosen, (), 16)
    assert budget.seconds > 500, "the limit was that of the smaller model"
    assert found["rate_factors"] == {"weights": 0.5, "matrices": 0.5**0.5}
    run("train", "--resume", "--to", large)
    assert star.load(large).shape == Shape(32, 8, 32)
    parameters = json.loads((large / "evaluation.json").read_text())["metrics"]["parameters"]
    assert parameters == found["after"]["parameters"]


@pytest.mark.slow
def test_an_export_is_grown_with_its_own_task_and_budget_and_a_grown_one_again(tmp_path: Path) -> None:
    small = trained(tmp_path / "small")
    (small / "training.json").unlink()
    grow(small, "--width", 32, to=tmp_path / "larger")
    grow(tmp_path / "larger", "--width", 64, "--set", "budget.steps=9", to=tmp_path / "largest")
    plan = settings_in(tmp_path / "largest")
    assert plan.genomes == (SHARED,)
    assert (plan.task.kind, plan.shape) == ("recall", Shape(64, 4, 32))
    assert (plan.budget.base_width, plan.budget.steps, plan.budget.batch) == (16, 9, 2)


def test_a_class_that_a_search_has_made_is_refused_by_name_and_one_with_digits_of_the_catalogue_is_not(
    tmp_path: Path,
) -> None:
    space = Space.of(["SA-1", "GMemless"], depth=1).to_json()
    space["classes"][0] |= {"id": 7001, "name": "Made-1"}
    described = {"genome": "7001.1.1.1.1", "space": space, "shape": Shape(16, 4, 256).to_json(), "facts": {}}
    (tmp_path / "genome.json").write_text(json.dumps(described))
    assert grow(tmp_path, "--depth-factor", 2, to=tmp_path / "large")["after"]["genome"] == "1.1.1.1.1-1.1.1.1.1"
    described["genome"] = "7002.1.1.1.1"
    space["classes"][1] |= {"id": 7002, "name": "Made-2", "differential": True}
    (tmp_path / "genome.json").write_text(json.dumps(described))
    said = run("grow", tmp_path, "--to", tmp_path / "other", status=2).output
    assert "class 7002 Made-2 is not in the catalogue" in said


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["11111-91111", "--depth", "3"], "depth must be a multiple of the 2 LIVs of the genome, not 3"),
        (["11111-91111", "--depth", "4", "--depth-factor", "2"], "give --depth or --depth-factor, not both"),
        (["11111-91111", "--width", "100"], "star: width: width 100 must be a multiple of head_dim 16\n"),
        (["11111-91111", "--depth-factor", "200"], "depth must be 1 to 256, not 400"),
        (["99.1.1.1"], "it must be five integers"),
        (["11111", "--preset", "desk"], "preset 'desk' is unknown; legal: laptop"),
        (["11111", "--set", "candidates=3"], "a training has no field candidates"),
        (["."], "holds neither training.json nor genome.json"),
        ([".", "--preset", "laptop"], "a preset is for a genome"),
        ([".", "--set", "width=32"], "the larger one's is --width"),
    ],
)
def test_what_is_wrong_is_said_before_anything_is_written(
    arguments: list[str], says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path / "empty")
    assert says in run("grow", *arguments, "--to", tmp_path / "large", status=2).output
    assert not (tmp_path / "large").exists()


def test_people_see_both_sizes_the_rates_and_that_the_weights_are_fresh(tmp_path: Path) -> None:
    said = run("grow", "11111-91111", "--width", "128", "--to", tmp_path / "large").output
    for word in (
        "before",
        "after",
        "parameters",
        "chosen at width   64",
        "times  0.5",
        "fresh",
        "star train --resume --to",
    ):
        assert word in said
    assert "is not empty" in run("grow", "11111", "--to", tmp_path / "large", status=2).output
